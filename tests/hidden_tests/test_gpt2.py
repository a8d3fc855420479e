"""The references of gpt2's hidden tests give the document's numbers and those of its solutions."""

import numpy as np
import pytest

from hidden_tests import gpt2 as hidden
from seqlab.checks import expect_close
from tests.notebooks.test_masters import documents_examples, namespace
from tests.support.printed import GPT2

REFERENCES = {
    "softmax": hidden.reference_softmax,
    "attention": hidden.reference_attention,
    "masked_attention": hidden.reference_attention,
    "linear_projection": hidden.reference_projection,
    "multi_head_attention": hidden.reference_multi_head_attention,
    "gelu": hidden.reference_gelu,
    "layer_normalization": hidden.reference_normalization,
    "feed_forward_network": hidden.reference_feed_forward,
}


@pytest.fixture
def rng():
    return np.random.default_rng(2)


@pytest.mark.parametrize("function", REFERENCES)
def test_references_give_every_number_that_the_document_prints(function):
    numbers = REFERENCES[function](*documents_examples()[function])
    expect_close(function, numbers, np.array(GPT2[function], float), atol=5.1e-9)


@pytest.mark.parametrize("n_blocks", [0, 1, 3])
def test_the_whole_model_agrees_with_the_solution(rng, n_blocks):
    model = hidden.random_model(rng, m=7, n_ctx=9, d=6, d_ff=5, n_blocks=n_blocks)
    ids = rng.integers(7, size=9)
    expected = namespace("gpt2")["gpt2"](ids, *model, 3)
    expect_close("reference_gpt2", hidden.reference_gpt2(ids, *model, 3), expected, atol=1e-9)


def test_references_compute_in_float64_what_they_are_given_in_float32(rng):
    x, block = (
        hidden.cast(a, np.float32)
        for a in (rng.normal(size=(4, 6)), hidden.random_block(rng, 6, 5))
    )
    exact = hidden.reference_block(hidden.cast(x, float), hidden.cast(block, float), 2)
    single = hidden.reference_block(x, block, 2)
    assert single.dtype == np.float64
    expect_close("reference_block of float32", single, exact, atol=1e-10)


def test_scores_of_steep_inputs_overflow_unless_each_row_is_shifted_by_its_own_maximum(rng):
    q, k, v = hidden.steep_queries(rng)
    attn = hidden.steep_attention(rng)
    x = hidden.reference_projection(np.eye(6), **attn["c_attn"])
    for scores in (q @ k.T, x[:, :3] @ x[:, 6:9].T, x[:, 3:6] @ x[:, 9:12].T):
        top = scores.max(axis=1)
        assert np.ptp(top) > 3000
        assert scores.max() > 1000
    assert np.isfinite(hidden.reference_attention(q, k, v)).all()
    assert np.isfinite(hidden.reference_multi_head_attention(np.eye(6), attn, 2)).all()


def test_slack_is_relative_to_the_largest_value():
    assert hidden.slack(np.array([[1e-12, -2e-12]])) == pytest.approx(4e-17)
