import io
import os
import pickle
import shutil
import socket

import numpy as np
import pytest
import tiktoken

import seqlab
from seqlab import pickles, published
from seqlab.errors import DataError


def write_npy(path, content):
    """Write what numpy.save writes for a dictionary: a 0-d object array."""
    np.save(path, content, allow_pickle=True)


def npy_bytes(payload):
    """A .npy file of a 0-d object array whose pickle is ``payload``."""
    file = io.BytesIO()
    header = {"descr": "|O", "fortran_order": False, "shape": ()}
    np.lib.format.write_array_header_1_0(file, header)
    return file.getvalue() + payload


class Calls:
    """Pickles as a call of ``function(*args)``."""

    def __init__(self, function, *args):
        self.call = function, args

    def __reduce__(self):
        return self.call


def hostile(marker):
    """Pickles that would create ``marker`` or worse."""
    state = {"name": "x", "pat_str": ".", "mergeable_ranks": {}, "special_tokens": {}}
    return {
        "os.system": Calls(os.system, f"touch {marker}"),
        "builtins.exec": Calls(exec, f"open({str(marker)!r}, 'w')"),
        "builtins.eval": Calls(eval, f"open({str(marker)!r}, 'w')"),
        "socket.socket": Calls(socket.socket),
        "shutil.rmtree": Calls(shutil.rmtree, str(marker)),
        "numpy function": Calls(np.save, str(marker), [1]),
        "inside a dictionary": {"fc_out.bias": Calls(os.system, f"touch {marker}")},
        "after an encoding": [state, Calls(os.mkdir, str(marker))],
        "getattr": Calls(getattr, "text", "format"),
    }


@pytest.mark.parametrize("name", hostile("x"))
@pytest.mark.parametrize("protocol", [0, 2, 5])
def test_a_hostile_pickle_gets_an_error_and_runs_nothing(tmp_path, name, protocol):
    marker = tmp_path / "owned"
    payload = pickle.dumps(hostile(marker)[name], protocol=protocol)
    for path, read in (
        (tmp_path / "w.npy", pickles.read_array_dict),
        (tmp_path / "e.pkl", pickles.read_encoding),
    ):
        path.write_bytes(npy_bytes(payload) if path.suffix == ".npy" else payload)
        with pytest.raises(DataError, match="not a pickle this course reads: it asks for"):
            read(path)
        assert not marker.exists()


def test_the_hostile_pickles_above_are_hostile(tmp_path):
    marker = tmp_path / "owned"
    pickle.loads(pickle.dumps(hostile(marker)["after an encoding"]))
    assert marker.exists()


def test_memory_is_not_taken_on_a_pickles_word(tmp_path):
    path = tmp_path / "w.npy"
    claim = Calls(np.ndarray.__reduce__(np.zeros(1))[0], np.ndarray, (2**40,), b"b")
    path.write_bytes(npy_bytes(pickle.dumps(claim)))
    with pytest.raises(DataError, match="unexpected kind"):
        pickles.read_array_dict(path)


@pytest.mark.parametrize("content", [[1, 2], {"a": "text"}, {"a": [1.0]}, {1: np.ones(2)}, None])
def test_a_pickle_of_something_else_is_an_error(tmp_path, content):
    write_npy(tmp_path / "w.npy", content)
    with pytest.raises(DataError):
        pickles.read_array_dict(tmp_path / "w.npy")


@pytest.mark.parametrize("dtype", ["f4", "f8", ">f4", "i8", "u1"])
def test_arrays_of_any_number_type_and_order_are_read(tmp_path, dtype):
    array = np.arange(6).reshape(2, 3).astype(dtype)
    content = {"a": array, "b": np.asfortranarray(array)}
    write_npy(tmp_path / "w.npy", content)
    read = pickles.read_array_dict(tmp_path / "w.npy")
    for name in content:
        np.testing.assert_array_equal(read[name], array)
        assert read[name].dtype == array.dtype.newbyteorder("=")


def test_files_that_older_numpy_wrote_are_read(tmp_path):
    """numpy 1 named its core ``numpy.core``."""
    payload = pickle.dumps(np.array({"a": np.ones(3)}, dtype=object), protocol=2)
    older = payload.replace(b"numpy._core.multiarray", b"numpy.core.multiarray")
    (tmp_path / "w.npy").write_bytes(npy_bytes(older))
    np.testing.assert_array_equal(pickles.read_array_dict(tmp_path / "w.npy")["a"], np.ones(3))


@pytest.mark.parametrize("content", [b"", b"\x80", b"not a pickle", b"\x93NUMPY\x07\x00"])
def test_a_broken_file_is_an_error(tmp_path, content):
    path = tmp_path / "f"
    path.write_bytes(content)
    for read in (pickles.read_array_dict, pickles.read_encoding):
        with pytest.raises(DataError, match=str(path)):
            read(path)


def test_a_truncated_pickle_is_an_error(tmp_path):
    path = tmp_path / "w.npy"
    write_npy(path, {"a": np.ones(1000)})
    path.write_bytes(path.read_bytes()[:-500])
    with pytest.raises(DataError, match="not a pickle this course reads"):
        pickles.read_array_dict(path)


def test_a_pickled_tokenizer_is_read(data):
    encoding = seqlab.load_tokenizer()
    folder = data / "problem2_model_parameters"
    (folder / "bpe1024.tiktoken").unlink()
    (folder / "bpe1024_enc_full.pkl").write_bytes(pickle.dumps(encoding))
    read = seqlab.load_tokenizer()
    assert isinstance(read, tiktoken.Encoding)
    assert read.encode(published.TOKENIZER_TEXT) == published.TOKEN_IDS


@pytest.mark.parametrize("state", ["gpt2", None, {"name": "x"}, 7])
def test_a_pickled_tokenizer_with_another_state_is_an_error(tmp_path, state):
    """A state that is only a name would make tiktoken download something."""

    class Named:
        def __reduce__(self):
            return tiktoken.core.Encoding.__new__, (tiktoken.core.Encoding,), state

    path = tmp_path / "e.pkl"
    payload = pickle.dumps(pickles._EncodingState.__new__(pickles._EncodingState), protocol=2)
    name = b"cseqlab.pickles\n_EncodingState\n"
    assert name in payload
    head, tail = payload.split(name)
    pickled_state = pickle.dumps(state, protocol=2)[2:-1]
    path.write_bytes(head + b"ctiktoken.core\nEncoding\n" + tail[:-1] + pickled_state + b"b.")
    with pytest.raises(DataError, match="does not hold a tokenizer"):
        pickles.read_encoding(path)


def test_a_folder_with_the_originals_file_names_takes_the_place_of_ours(tmp_path, monkeypatch):
    train, test = seqlab.load_corpus()
    params, encoding = seqlab.load_transformer_weights(), seqlab.load_tokenizer()
    first, second = tmp_path / "problem1_data", tmp_path / "problem2_model_parameters"
    first.mkdir()
    second.mkdir()
    (first / "Agatha_Christie_train.txt").write_text(train[:1000], encoding="utf-8")
    (first / "Agatha_Christie_test.txt").write_text(test[:500], encoding="utf-8")
    write_npy(second / "model_weights_D512L4H8.npy", params)
    (second / "bpe1024_enc_full.pkl").write_bytes(pickle.dumps(encoding))
    for layout in ("folders", "flat"):
        if layout == "flat":
            for path in (*first.iterdir(), *second.iterdir()):
                path.rename(tmp_path / path.name)
            first.rmdir()
            second.rmdir()
        monkeypatch.setenv("COURSE_DATA", str(tmp_path))
        assert seqlab.load_corpus() == (train[:1000], test[:500])
        assert seqlab.load_tokenizer().encode(published.TOKENIZER_TEXT) == published.TOKEN_IDS
        assert list(seqlab.load_transformer_weights()) == list(params)
