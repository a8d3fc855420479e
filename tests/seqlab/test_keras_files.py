import json

import h5py
import numpy as np
import pytest

import seqlab
from seqlab import keras_files
from seqlab.errors import DataError
from tests.support import oracles
from training import keras_writer

SHAPES = {
    "RNN": [(44, 128), (128, 128), (128,), (128, 64), (64, 64), (64,), (64, 44), (44,)],
    "GRU": [(44, 1536), (512, 1536), (2, 1536), (512, 44), (44,)],
}


@pytest.fixture(scope="module")
def ids():
    train, test = seqlab.load_corpus()
    index = {symbol: i for i, symbol in enumerate(sorted(set(train + test)))}
    return np.array([index[symbol] for symbol in test])


@pytest.mark.parametrize("kind", SHAPES)
def test_weights_come_in_keras_order_as_float32(kind):
    weights = seqlab.load_keras_model(kind).get_weights()
    assert [w.shape for w in weights] == SHAPES[kind]
    assert {w.dtype for w in weights} == {np.dtype(np.float32)}


def test_changing_the_weights_one_was_given_changes_no_others():
    model = seqlab.load_keras_model("RNN")
    model.get_weights()[0][:] = 0
    assert model.get_weights()[0].any()


def test_the_summary_shows_layers_shapes_and_counts(capsys):
    seqlab.load_keras_model("RNN").summary()
    shown = capsys.readouterr().out
    assert "simple_rnn (SimpleRNN)    (None, None, 128)        22,144" in shown
    assert "simple_rnn_1 (SimpleRNN)" in shown
    assert "Parameters in all: 37,356" in shown
    seqlab.load_keras_model("GRU").summary()
    assert "gru (GRU)" in capsys.readouterr().out


def test_the_weight_files_have_the_layout_of_keras_2_9():
    folder = seqlab.data_files.group_dir("problem1_data")
    with h5py.File(folder / "RNN_model.h5") as file:
        assert file.attrs["keras_version"] == b"2.9.0"
        assert file.attrs["backend"] == b"tensorflow"
        assert list(file.attrs["layer_names"]) == [b"simple_rnn", b"simple_rnn_1", b"dense"]
        assert list(file["simple_rnn_1"].attrs["weight_names"]) == [
            b"simple_rnn_1/simple_rnn_cell_1/kernel:0",
            b"simple_rnn_1/simple_rnn_cell_1/recurrent_kernel:0",
            b"simple_rnn_1/simple_rnn_cell_1/bias:0",
        ]
    config = json.loads((folder / "GRU_model.json").read_text())
    assert config["keras_version"] == "2.9.0"
    assert config["config"]["layers"][1]["config"]["reset_after"] is True


def test_the_documents_summed_bias_gives_the_probabilities_of_keras_equations(ids):
    weights = seqlab.load_keras_model("GRU").get_weights()
    assert not weights[2][1, 1024:].any()  # the candidate's recurrent bias
    kerass = oracles.gru_probabilities(weights, ids[:1000])
    documents = oracles.gru_probabilities(weights, ids[:1000], summed=True)
    assert np.abs(kerass - documents).max() < 1e-6
    weights[2][1, 1024:] = 0.1  # and with such a bias they would not agree
    other = oracles.gru_probabilities(weights, ids[:1000]) - oracles.gru_probabilities(
        weights, ids[:1000], summed=True
    )
    assert np.abs(other).max() > 1e-3


def test_the_gru_is_at_least_ten_percent_less_perplexed_than_the_rnn(ids):
    rnn = oracles.rnn_probabilities(seqlab.load_keras_model("RNN").get_weights(), ids)
    gru = oracles.gru_probabilities(seqlab.load_keras_model("GRU").get_weights(), ids)
    assert oracles.perplexity(gru, ids) < 0.9 * oracles.perplexity(rnn, ids)


def test_an_unknown_model_is_an_error():
    with pytest.raises(DataError, match="no model 'LSTM'"):
        seqlab.load_keras_model("LSTM")


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda layer: layer.update(class_name="LSTM"), "LSTM"),
        (lambda layer: layer["config"].update(reset_after=False), "reset_after=False"),
        (lambda layer: layer["config"].pop("units"), "units"),
        (lambda layer: layer["config"].update(units=99), "does not belong"),
    ],
)
def test_an_architecture_that_is_not_the_documents_is_an_error(tmp_path, edit, message):
    rng = np.random.default_rng(0)
    weights = [rng.random(shape, np.float32) for shape in SHAPES["GRU"]]
    keras_writer.write("GRU", weights, tmp_path)
    path = tmp_path / "GRU_model.json"
    model = json.loads(path.read_text())
    edit(model["config"]["layers"][1])
    path.write_text(json.dumps(model))
    with pytest.raises(DataError, match=message):
        keras_files.read_keras_model(path, tmp_path / "GRU_model.h5")


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # TensorFlow's own
@pytest.mark.parametrize("kind", SHAPES)
def test_real_keras_gives_the_same_probabilities(kind, ids):
    tf_keras = pytest.importorskip("tf_keras")
    folder = seqlab.data_files.group_dir("problem1_data")
    model = tf_keras.models.model_from_json((folder / f"{kind}_model.json").read_text())
    model.load_weights(str(folder / f"{kind}_model.h5"))
    some = ids[:400]
    ours = model(np.eye(44, dtype=np.float32)[some][None], training=False).numpy()[0]
    oracle = oracles.rnn_probabilities if kind == "RNN" else oracles.gru_probabilities
    expected = oracle(seqlab.load_keras_model(kind).get_weights(), some)
    assert np.abs(ours - expected).max() < 1e-5


def small_model(keras, n_vocab=7):
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((None, n_vocab)),
            layers.SimpleRNN(5, return_sequences=True),
            layers.SimpleRNN(4, return_sequences=True),
            layers.GRU(3),
            layers.Dense(n_vocab),
            layers.Activation("softmax"),
        ]
    )
    rng = np.random.default_rng(0)
    model.set_weights([rng.normal(size=w.shape) for w in model.get_weights()])
    return model


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # TensorFlow's own, and that HDF5 is no longer in fashion
@pytest.mark.parametrize(
    ("package", "name"),
    [("tf_keras", "a.h5"), ("tf_keras", "whole.h5"), ("keras", "a.weights.h5")],
)
def test_files_that_keras_wrote_are_read(package, name, tmp_path):
    keras = pytest.importorskip(package)
    model = small_model(keras)
    (tmp_path / "a.json").write_text(model.to_json())
    (model.save if name == "whole.h5" else model.save_weights)(str(tmp_path / name))
    read = keras_files.read_keras_model(tmp_path / "a.json", tmp_path / name)
    for ours, expected in zip(read.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, expected)
    assert [layer.sequences for layer in read.layers] == [True, True, False, False]
