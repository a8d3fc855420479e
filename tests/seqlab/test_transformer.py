import numpy as np
import pytest

import seqlab
from seqlab import published, transformer
from seqlab.errors import DataError
from tests.seqlab.test_pickles import write_npy
from training import calibrate, rounding


@pytest.fixture(scope="module")
def params():
    return seqlab.load_transformer_weights()


def test_the_parameters_have_the_documents_names_in_its_order(params):
    names = list(params)
    assert names[:3] == [
        "word_embedding.weight",
        "position_embedding.inv_freq",
        "layers.0.attention.wq.weight",
    ]
    assert names[-2:] == ["fc_out.weight", "fc_out.bias"]
    assert len(names) == 28
    assert {p.dtype for p in params.values()} == {np.dtype(np.float32)}
    assert {name: p.shape for name, p in params.items()} == transformer.expected_shapes()


def test_inv_freq_are_the_documents_frequencies(params):
    np.testing.assert_allclose(
        params["position_embedding.inv_freq"], 10000.0 ** (-np.arange(0, 512, 2) / 512), rtol=1e-6
    )


@pytest.mark.parametrize(
    "name", ["embed_tokens", "multi_head_attention", "mlp", "prediction_head", "transformer"]
)
def test_every_printed_number_holds_to_every_digit(params, name):
    values, expected = calibrate.shown(params)[name]
    assert published.printed(values) == [list(row) for row in expected]
    published.require(name, values, expected)


def test_a_number_that_differs_in_the_last_digit_is_noticed():
    values = np.array(published.MLP, dtype=np.float64)
    values[0, 1] += 1.1e-8
    with pytest.raises(DataError, match=r"mlp\[0, 1\] is 0.672785[78]\d*, and the document prints"):
        published.require("mlp", values, published.MLP)


def test_the_control_bytes_that_calibration_uses_stay_improbable(params):
    encoding = seqlab.load_tokenizer()
    ids = encoding.encode("ROMEO:\nBut soft, what light through yonder window breaks?\n" * 4)
    logits = calibrate.logits(ids[:128], params)
    p = np.exp(logits - logits.max(-1, keepdims=True))
    p /= p.sum(-1, keepdims=True)
    assert p[:, :5].sum(-1).max() < 1e-4


def test_calibration_meets_the_numbers_on_any_weights_and_moves_little():
    rng = np.random.default_rng(7)
    params = {
        name: rng.normal(0, shape[-1] ** -0.5, shape).astype(np.float32)
        for name, shape in transformer.expected_shapes().items()
    }
    blocks = rng.integers(5, 1024, (8, 128))
    done = calibrate.calibrate(params, blocks)  # raises where a number is missed
    moved = {n for n in params if not np.array_equal(done[n], params[n])}
    assert moved == {
        "word_embedding.weight",
        "layers.0.attention.wo.weight",
        "layers.0.feed_forward.0.weight",
        "layers.0.feed_forward.2.weight",
        "fc_out.weight",
    }
    for name in ("word_embedding.weight", "fc_out.weight", "layers.0.attention.wo.weight"):
        np.testing.assert_array_equal(done[name][5:], params[name][5:])


def test_dropped_mantissa_bits_cost_half_a_unit_of_the_last_one_kept():
    values = np.random.default_rng(0).normal(size=10_000).astype(np.float32)
    rounded = rounding.keep_bits(values, 10)
    assert np.abs(rounded / values - 1).max() <= 2.0**-11
    assert not (rounded.view(np.uint32) & 0x1FFF).any()
    assert rounding.keep_bits(np.float32([1 + 2**-11]), 10)[0] == 1  # a tie goes to even


def test_the_original_file_name_works_in_its_place(data, params, tmp_path):
    folder = data / "problem2_model_parameters"
    (folder / "model_weights_D512L4H8.h5").unlink()
    write_npy(folder / "model_weights_D512L4H8.npy", params)
    for name, array in seqlab.load_transformer_weights().items():
        np.testing.assert_array_equal(array, params[name])


def test_weights_of_another_model_are_an_error(data, params):
    folder = data / "problem2_model_parameters"
    (folder / "model_weights_D512L4H8.h5").unlink()
    path = folder / "model_weights_D512L4H8.npy"
    write_npy(path, {**params, "fc_out.weight": params["fc_out.weight"].T})
    with pytest.raises(DataError, match=r"fc_out.weight has shape \(512, 1024\), expected \(1024"):
        seqlab.load_transformer_weights()
    write_npy(path, {name: p for name, p in params.items() if name != "fc_out.bias"})
    with pytest.raises(DataError, match=r"lacks the parameter fc_out.bias"):
        seqlab.load_transformer_weights()
    write_npy(path, {**params, "fc_out.bias": params["fc_out.bias"] * np.nan})
    with pytest.raises(DataError, match="not finite"):
        seqlab.load_transformer_weights()
