import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import seqlab
from seqlab import data_files, verify
from seqlab.errors import DataError

ROOT = Path(__file__).resolve().parents[2]
LOADERS = {
    "problem1_data/mystery_train.txt": seqlab.load_corpus,
    "problem1_data/mystery_test.txt": seqlab.load_corpus,
    "problem1_data/RNN_model.json": lambda: seqlab.load_keras_model("RNN"),
    "problem1_data/RNN_model.h5": lambda: seqlab.load_keras_model("RNN"),
    "problem1_data/GRU_model.json": lambda: seqlab.load_keras_model("GRU"),
    "problem1_data/GRU_model.h5": lambda: seqlab.load_keras_model("GRU"),
    "problem2_model_parameters/bpe1024.tiktoken": seqlab.load_tokenizer,
    "problem2_model_parameters/model_weights_D512L4H8.h5": seqlab.load_transformer_weights,
    "gpt2/mini/config.json": lambda: seqlab.get_params("mini"),
    "gpt2/mini/model.safetensors": lambda: seqlab.get_params("mini"),
}


def test_every_listed_file_has_a_loader_here_and_the_other_way_round():
    assert set(data_files.read_sums(ROOT / "data")) == set(LOADERS)


def test_the_nearest_data_folder_upwards_is_found(data, monkeypatch):
    monkeypatch.delenv("COURSE_DATA")
    inner = data.parent / "homework" / "week 5"
    inner.mkdir(parents=True)
    (inner / "data").mkdir()  # somebody's own, without a group of ours in it
    monkeypatch.chdir(inner)
    assert data_files.data_dir() == data


def test_a_notebook_outside_the_course_still_finds_the_data_of_its_installation(
    tmp_path, monkeypatch
):
    monkeypatch.delenv("COURSE_DATA")
    monkeypatch.chdir(tmp_path)
    assert data_files.data_dir() == ROOT / "data"


def test_course_data_that_names_no_folder_is_an_error(monkeypatch, tmp_path):
    monkeypatch.setenv("COURSE_DATA", str(tmp_path / "nowhere"))
    with pytest.raises(DataError, match=r"COURSE_DATA names .*nowhere"):
        seqlab.load_corpus()


@pytest.mark.parametrize("name", LOADERS)
def test_a_truncated_file_is_named_by_its_loader(data, name):
    path = data / name
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(DataError, match=path.name):
        LOADERS[name]()


@pytest.mark.parametrize("name", LOADERS)
def test_a_file_edited_by_hand_is_named_by_its_loader(data, name):
    path = data / name
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(DataError, match=rf"{path.name} was changed"):
        LOADERS[name]()


@pytest.mark.parametrize("name", LOADERS)
def test_a_missing_file_is_named_by_its_loader(data, name):
    (data / name).unlink()
    with pytest.raises(DataError, match=r"copy .* again|git checkout"):
        LOADERS[name]()


@pytest.mark.parametrize("name", LOADERS)
def test_a_damaged_file_of_an_instructors_own_is_an_error_too(data, name):
    """Without a list of hashes the loaders look at the content."""
    (data / data_files.SUMS).unlink()
    path = data / name
    path.write_bytes(path.read_bytes()[:100] if path.suffix != ".txt" else b"\xff\xfe")
    with pytest.raises(DataError, match=str(path.parent)):
        LOADERS[name]()


def test_swapped_weights_are_an_error(data):
    folder = data / "problem1_data"
    (data / data_files.SUMS).unlink()
    (folder / "RNN_model.h5").write_bytes((folder / "GRU_model.h5").read_bytes())
    with pytest.raises(DataError, match=r"RNN_model.h5 does not belong to RNN_model.json"):
        seqlab.load_keras_model("RNN")


def test_verify_passes_on_the_shipped_data():
    lines = []
    assert verify.verify(lines.append)
    assert len(lines) == len(verify.CHECKS)


def test_verify_names_what_is_wrong_and_goes_on(data):
    path = data / "problem1_data" / "mystery_test.txt"
    path.write_text(path.read_text() + " the butler did it.")
    lines = []
    assert not verify.verify(lines.append)
    wrong = [line for line in lines if line.startswith("WRONG")]
    assert len(wrong) == 3
    assert all("mystery_test.txt" in line for line in wrong)


def test_verify_notices_a_transformer_that_prints_other_numbers(data):
    import h5py

    (data / data_files.SUMS).unlink()
    path = data / "problem2_model_parameters" / "model_weights_D512L4H8.h5"
    with h5py.File(path, "r+") as file:
        file["layers.0.feed_forward.2.weight"][3, :] *= 1.001
    with pytest.raises(DataError, match=r"mlp\[0, 3\] is .* the document prints 0.42208509"):
        verify.CHECKS["Transformer"]()


@pytest.mark.timing
def test_each_loader_takes_less_than_a_second():
    code = (
        "import time, seqlab, h5py, tiktoken.load\n"
        "for f in (seqlab.load_corpus, seqlab.load_tokenizer, seqlab.load_transformer_weights,\n"
        "          lambda: seqlab.load_keras_model('RNN'),\n"
        "          lambda: seqlab.load_keras_model('GRU'),\n"
        "          lambda: seqlab.get_params('mini'), lambda: seqlab.get_encoder('mini')):\n"
        "    times = []\n"
        "    for _ in range(3):\n"
        "        since = time.perf_counter(); f(); times.append(time.perf_counter() - since)\n"
        "    print(min(times))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    times = [float(line) for line in done.stdout.split()]
    assert len(times) == 7
    assert max(times) < 1, times


# What takes long to read. A list of layers in JSON is part of what its model remembers; GPT-2's
# weights are mapped and not read at all.
REMEMBERED = [name for name in LOADERS if not name.startswith("gpt2/")]


def numbers(loaded):
    """What a loader gave, in a form that can be compared."""
    if isinstance(loaded, seqlab.KerasModel):
        return [loaded.layers, *(weight.tobytes() for weight in loaded.weights)]
    if isinstance(loaded, dict):
        return {name: array.tobytes() for name, array in loaded.items()}
    return loaded if isinstance(loaded, tuple) else loaded._mergeable_ranks


def arrays(loaded):
    return loaded.weights if isinstance(loaded, seqlab.KerasModel) else loaded.values()


@pytest.mark.parametrize("name", REMEMBERED)
def test_a_file_is_not_read_again_while_its_time_and_size_stay(data, name):
    path = data / name
    before, stat = numbers(LOADERS[name]()), path.stat()
    path.write_bytes(bytes(stat.st_size))
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert numbers(LOADERS[name]()) == before


@pytest.mark.parametrize("name", REMEMBERED)
def test_a_file_that_changes_after_it_was_read_is_noticed(data, name):
    LOADERS[name]()
    path = data / name
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    os.utime(path, ns=(0, path.stat().st_mtime_ns + 1))  # the same size, a nanosecond later
    with pytest.raises(DataError, match=rf"{path.name} was changed"):
        LOADERS[name]()
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(DataError, match=rf"{path.name} was changed"):
        LOADERS[name]()
    path.unlink()
    with pytest.raises(DataError, match=path.name):
        LOADERS[name]()


def test_an_instructors_own_text_that_was_edited_is_read_again(data):
    (data / data_files.SUMS).unlink()
    assert seqlab.load_corpus()[1] != "another ending."
    (data / "problem1_data" / "mystery_test.txt").write_text("another ending.")
    assert seqlab.load_corpus()[1] == "another ending."


def test_another_data_folder_is_another_file(data, monkeypatch):
    ours = seqlab.load_corpus()
    (data / data_files.SUMS).unlink()
    (data / "problem1_data" / "mystery_test.txt").write_text("another ending.")
    assert seqlab.load_corpus() != ours
    monkeypatch.setenv("COURSE_DATA", str(ROOT / "data"))
    assert seqlab.load_corpus() == ours


@pytest.mark.parametrize(
    "load",
    [
        seqlab.load_transformer_weights,
        lambda: seqlab.load_keras_model("RNN"),
        lambda: seqlab.load_keras_model("GRU"),
    ],
)
def test_what_one_caller_writes_into_arrays_the_next_does_not_see(load):
    before = numbers(load())
    mine = load()
    for array in arrays(mine):
        array[...] = np.nan
    assert numbers(load()) == before


def test_what_one_caller_does_to_a_tokenizer_the_next_does_not_see():
    before = seqlab.load_tokenizer().encode("To be")
    mine = seqlab.load_tokenizer()
    mine._mergeable_ranks.clear()
    mine._special_tokens["To be"] = 0
    theirs = seqlab.load_tokenizer()
    assert theirs.encode("To be") == before
    assert len(theirs._mergeable_ranks) == 1024
    assert theirs._special_tokens == {}


def test_a_file_that_could_not_be_read_is_tried_again(data):
    (data / data_files.SUMS).unlink()
    path = data / "problem2_model_parameters" / "bpe1024.tiktoken"
    content = path.read_bytes()
    path.write_text("to be or not to be")
    with pytest.raises(DataError):
        seqlab.load_tokenizer()
    path.write_bytes(content)
    assert seqlab.load_tokenizer().n_vocab == 1024


@pytest.mark.timing
def test_a_second_load_takes_less_than_a_tenth_of_a_second():
    for load in LOADERS.values():
        load()
        times = []
        for _ in range(3):
            since = time.perf_counter()
            load()
            times.append(time.perf_counter() - since)
        assert min(times) < 0.1


def test_a_list_of_hashes_is_that_of_the_files_as_they_are_now(data):
    path = data / "problem1_data" / "mystery_test.txt"
    verify.write_sums(data)
    path.write_text("another ending.")
    verify.write_sums(data)
    assert seqlab.load_corpus()[1] == "another ending."


def test_models_that_were_fetched_and_pages_are_not_listed(data):
    (data / "gpt2" / "124M").mkdir()
    (data / "gpt2" / "124M" / "config.json").write_text("{}")
    (data / "problem1_data" / "README.md").write_text("a page")
    (data / "problem1_data" / ".hidden").write_text("")
    before = data_files.read_sums(data)
    verify.write_sums(data)
    assert data_files.read_sums(data) == before
