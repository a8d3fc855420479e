"""The fast path writes what the notebook's own functions write."""

import numpy as np
import pytest

import seqlab
from benchmarks import gpt2_speed
from seqlab import cached_gpt2


@pytest.fixture(scope="module")
def functions():
    """The master's functions, as a student's notebook would have them."""
    return gpt2_speed.solution()


@pytest.fixture(scope="module")
def mini():
    return seqlab.get_params("mini")


def test_every_score_is_that_of_the_whole_model(functions, mini):
    hparams, params = mini
    ids = np.random.default_rng(0).integers(1, 1024, 40).tolist()
    whole = functions["gpt2"](ids, **params, number_of_heads=hparams["n_head"])
    writer = cached_gpt2.CachedGPT2(params, hparams["n_head"], hparams["n_ctx"], functions)
    parts = [ids[:7], ids[7:8], ids[8:30], *([i] for i in ids[30:])]  # a few at a time, or one
    end = 0
    for part in parts:
        end += len(part)
        np.testing.assert_allclose(writer.read(part), whole[end - 1], atol=2e-4)
    assert writer.ids == ids


def test_greedy_text_is_that_of_the_notebooks_generate(functions):
    text = "ROMEO:\n"
    hparams, params = seqlab.get_params("mini")
    encoder = seqlab.get_encoder("mini")
    ids = encoder.encode_ordinary(text)
    expected = gpt2_speed.uncached(functions, params, hparams["n_head"], ids, 24)
    continuation = cached_gpt2.generate(text, 24, functions=functions)
    assert "".join(continuation) == encoder.decode(expected)


def test_what_is_drawn_repeats_with_its_seed_and_varies_without(functions):
    def drawn(seed):
        options = {"functions": functions, "temperature": 1.0, "seed": seed}
        return "".join(cached_gpt2.generate("JULIET:\n", 12, **options))

    assert drawn(1) == drawn(1)
    assert len({drawn(seed) for seed in range(4)}) > 1


def test_the_students_functions_are_the_ones_that_run(functions):
    hparams, params = seqlab.get_params("mini")
    other = {**functions, "feed_forward_network": lambda x, mlp: np.zeros_like(x)}
    scores = [
        cached_gpt2.CachedGPT2(params, hparams["n_head"], hparams["n_ctx"], own).read([5, 6, 7])
        for own in (functions, other)
    ]
    assert np.abs(scores[0] - scores[1]).max() > 0.1


def test_functions_that_are_missing_are_named(functions):
    some = {name: value for name, value in functions.items() if name != "masked_attention"}
    with pytest.raises(NameError, match="masked_attention; run their cells first"):
        next(cached_gpt2.generate("a", 1, functions=some))


@pytest.mark.parametrize(("text", "n"), [("", 3), ("a", 256)])
def test_what_the_model_cannot_read_is_refused(functions, text, n):
    with pytest.raises(ValueError, match="mini reads 1 to 256"):
        next(cached_gpt2.generate(text, n, functions=functions))


def test_reading_nothing_or_too_much_is_refused(functions, mini):
    hparams, params = mini
    writer = cached_gpt2.CachedGPT2(params, hparams["n_head"], 4, functions)
    writer.read([1, 2, 3])
    for ids in ([], [4, 5]):
        with pytest.raises(ValueError, match="tokens in all: the model reads 1 to 4"):
            writer.read(ids)


def test_the_speed_benchmark_runs_on_a_small_model_and_all_ways_agree(tmp_path):
    figures = gpt2_speed.speed("small", 6, tmp_path)
    assert figures["same tokens"]
    assert figures["fast: tokens a second"] > 0
