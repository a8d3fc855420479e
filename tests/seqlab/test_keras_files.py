import json
import zipfile

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


def edited(folder, kind, edit):
    """Write a model whose description is changed; return the paths of its two files."""
    rng = np.random.default_rng(0)
    keras_writer.write(kind, [rng.random(shape, np.float32) for shape in SHAPES[kind]], folder)
    path = folder / f"{kind}_model.json"
    model = json.loads(path.read_text())
    edit(model["config"]["layers"])
    path.write_text(json.dumps(model))
    return path, folder / f"{kind}_model.h5"


def setting(layer, **changes):
    return lambda layers: layers[layer]["config"].update(changes)


def activation(name, at=None):
    """An edit that puts a layer Activation somewhere, at the end if nothing else is said."""
    layer = {"class_name": "Activation", "config": {"name": "activation", "activation": name}}
    return lambda layers: layers.insert(len(layers) if at is None else at, layer)


@pytest.mark.parametrize(
    ("kind", "edit", "message"),
    [
        ("RNN", setting(1, activation="relu"), r"simple_rnn \(SimpleRNN\) has activation='relu'"),
        ("RNN", setting(2, activation="linear"), r"simple_rnn_1 .* has activation='linear'"),
        ("RNN", setting(1, use_bias=False), "use_bias=False"),
        ("RNN", setting(2, go_backwards=True), "go_backwards=True"),
        ("RNN", setting(2, time_major=True), "time_major=True"),
        ("RNN", setting(3, activation="sigmoid"), r"dense \(Dense\) has activation='sigmoid'"),
        ("RNN", activation("relu", at=2), "activation='relu'"),
        ("RNN", activation("softmax"), "a softmax before its last layer"),
        ("GRU", setting(1, recurrent_activation="hard_sigmoid"), "'hard_sigmoid', .* 'sigmoid'"),
        ("GRU", setting(1, activation="relu"), "activation='relu', .* need 'tanh'"),
        (
            "GRU",
            setting(1, recurrent_activation={"class_name": "function", "config": "hard_sigmoid"}),
            "recurrent_activation='hard_sigmoid'",
        ),
        ("GRU", lambda layers: layers[1].update(class_name="CuDNNGRU"), "kind CuDNNGRU"),
        ("GRU", lambda layers: layers[1].update(class_name="Bidirectional"), "kind Bidirectional"),
        (
            "GRU",
            lambda layers: layers[2].update(inbound_nodes=[[["gru_input", 0, 0]]]),
            "reads gru",
        ),
    ],
)
def test_a_model_that_the_formulas_do_not_cover_is_refused_by_name(tmp_path, kind, edit, message):
    with pytest.raises(DataError, match=message) as error:
        keras_files.read_keras_model(*edited(tmp_path, kind, edit))
    assert f"{kind}_model.json" in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "edit",
    [
        lambda layers: [setting(3, activation="linear")(layers), activation("softmax")(layers)],
        setting(3, activation="linear"),  # the notebook applies the softmax
        activation("linear", at=2),
        lambda layers: layers.insert(2, {"class_name": "Dropout", "config": {"name": "drop"}}),
        setting(1, dropout=0.2, recurrent_dropout=0.1, stateful=True, unroll=True),
        setting(1, activation={"module": "builtins", "class_name": "function", "config": "tanh"}),
    ],
)
def test_what_makes_no_difference_is_taken(tmp_path, edit):
    model = keras_files.read_keras_model(*edited(tmp_path, "RNN", edit))
    assert [w.shape for w in model.weights] == SHAPES["RNN"]


@pytest.fixture
def own(tmp_path, monkeypatch):
    """A data folder of an instructor's own, without a list of hashes."""
    (tmp_path / "problem1_data").mkdir()
    monkeypatch.setenv("COURSE_DATA", str(tmp_path))
    return tmp_path / "problem1_data"


def test_a_model_with_other_layers_than_the_notebooks_is_refused(own):
    architecture, weights = edited(own, "RNN", lambda layers: None)
    architecture.rename(own / "GRU_model.json")
    weights.rename(own / "GRU_model.h5")
    with pytest.raises(DataError, match=r"layers SimpleRNN, SimpleRNN, Dense, .* GRU has GRU, Den"):
        seqlab.load_keras_model("GRU")


@pytest.mark.parametrize("name", ["RNN_model.keras", "RNN_model.h5", "RNN_model.json"])
def test_an_archive_of_keras_3_says_what_to_save_instead(own, name):
    edited(own, "RNN", lambda layers: None)
    with zipfile.ZipFile(own / name, "w") as archive:
        archive.writestr("config.json", "{}")
    with pytest.raises(DataError, match=r"to_json\(\) as RNN_model.json.*RNN_model.weights.h5"):
        seqlab.load_keras_model("RNN")


def test_weights_under_keras_3s_name_are_found(own):
    _, weights = edited(own, "RNN", lambda layers: None)
    weights.rename(own / "RNN_model.weights.h5")
    assert len(seqlab.load_keras_model("RNN").get_weights()) == 8


def stored(path, convert):
    """Store the weights of a file in another type."""
    with h5py.File(path, "r+") as file:
        names = []
        file.visititems(lambda name, o: names.append(name) if hasattr(o, "dtype") else None)
        for name in names:
            values, dtype = convert(file[name][()])
            del file[name]
            file.create_dataset(name, data=values)
            if dtype:
                file[name].attrs["dtype"] = dtype


@pytest.mark.parametrize(
    ("convert", "error"),
    [
        (lambda x: ((x.view("<u4") >> 16).astype("<u2").view("V2"), "bfloat16"), 2**-7),
        (lambda x: (x.astype(np.float16), None), 2**-10),
        (lambda x: (x.astype(np.float64), None), 0),
    ],
    ids=["bfloat16", "float16", "float64"],
)
def test_weights_in_other_floats_are_read_as_float32(tmp_path, convert, error):
    paths = edited(tmp_path, "GRU", lambda layers: None)
    whole = keras_files.read_keras_model(*paths)
    stored(paths[1], convert)
    for read, expected in zip(
        keras_files.read_keras_model(*paths).weights, whole.weights, strict=True
    ):
        assert read.dtype == np.float32
        np.testing.assert_allclose(read, expected, rtol=error, atol=1e-4 if error else 0)


def test_whole_numbers_are_no_weights(tmp_path):
    paths = edited(tmp_path, "GRU", lambda layers: None)
    stored(paths[1], lambda x: (x.astype(np.int8), None))
    with pytest.raises(DataError, match="kernel:0 holds int8: save the model as float32"):
        keras_files.read_keras_model(*paths)


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


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("layer", "named"),
    [
        ({"activation": "relu"}, "activation='relu'"),
        ({"recurrent_activation": "hard_sigmoid"}, "recurrent_activation='hard_sigmoid'"),
        ({"reset_after": False}, "reset_after=False"),
        ({"go_backwards": True}, "go_backwards=True"),
    ],
)
@pytest.mark.parametrize("package", ["tf_keras", "keras"])
def test_what_keras_writes_of_other_models_is_refused_by_name(package, layer, named, tmp_path):
    keras = pytest.importorskip(package)
    model = keras.Sequential([keras.Input((None, 7)), keras.layers.GRU(5, **layer)])
    (tmp_path / "a.json").write_text(model.to_json())
    with pytest.raises(DataError, match=named):
        keras_files.read_keras_model(tmp_path / "a.json", tmp_path / "a.h5")


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("package", ["tf_keras", "keras"])
def test_a_model_that_is_no_chain_is_refused(package, tmp_path):
    keras = pytest.importorskip(package)
    start = keras.Input((None, 7))
    one, other = (keras.layers.SimpleRNN(7, return_sequences=True)(start) for _ in range(2))
    for name, output in (("straight", one), ("aside", other)):
        model = keras.Model(start, [keras.layers.Dense(7)(output)])
        (tmp_path / f"{name}.json").write_text(model.to_json())
        model.save_weights(str(tmp_path / f"{name}.weights.h5"))
        keras_files.read_keras_model(tmp_path / f"{name}.json", tmp_path / f"{name}.weights.h5")
    both = keras.Model(start, [keras.layers.Dense(7)(one), keras.layers.Dense(7)(other)])
    (tmp_path / "both.json").write_text(both.to_json())
    with pytest.raises(DataError, match=r"reads|gives the output"):
        keras_files.read_keras_model(tmp_path / "both.json", tmp_path / "both.h5")


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_bfloat16_that_keras_wrote_is_read(tmp_path):
    keras = pytest.importorskip("keras")
    recurrent = keras.layers.SimpleRNN(
        5, dtype="bfloat16", recurrent_initializer="glorot_uniform", return_sequences=True
    )
    model = keras.Sequential([keras.Input((None, 7)), recurrent])
    (tmp_path / "a.json").write_text(model.to_json())
    model.save_weights(tmp_path / "a.weights.h5")
    read = keras_files.read_keras_model(tmp_path / "a.json", tmp_path / "a.weights.h5")
    for ours, weight in zip(read.weights, model.weights, strict=True):
        expected = keras.ops.convert_to_numpy(keras.ops.cast(weight, "float32"))
        np.testing.assert_array_equal(ours, expected)
