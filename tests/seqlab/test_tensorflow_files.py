"""OpenAI's original checkpoints, which people who took the original course have on disk."""

import json
import struct

import numpy as np
import pytest

import seqlab
from seqlab import data_files, gpt2_weights, tensorflow_files
from seqlab.errors import DataError

TYPES = {"f4": 1, "f8": 2, "i4": 3, "f2": 19}


def varint(number):
    groups = []
    while number > 0x7F:
        groups.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*groups, number])


def message(**fields):
    """A protocol buffer of numbers and bytes; ``_5`` is field 5."""
    raw = b""
    for name, value in fields.items():
        number = int(name[1:])
        if isinstance(value, bytes):
            raw += varint(number << 3 | 2) + varint(len(value)) + value
        else:
            raw += varint(number << 3) + varint(value)
    return raw


def block(pairs, restart_every=16):
    """A block of a LevelDB table: each key says how much it shares with the one before."""
    raw, restarts, before = b"", [], b""
    for i, (key, value) in enumerate(pairs):
        shared = 0
        if i % restart_every == 0:
            restarts.append(len(raw))
        else:
            while shared < min(len(key), len(before)) and key[shared] == before[shared]:
                shared += 1
        raw += (
            varint(shared) + varint(len(key) - shared) + varint(len(value)) + key[shared:] + value
        )
        before = key
    restarts = restarts or [0]
    raw += b"".join(struct.pack("<I", at) for at in (*restarts, len(restarts)))
    return raw + b"\0" + struct.pack("<I", tensorflow_files.masked_crc32c(raw + b"\0"))


def table(entries, per_block=20):
    """A LevelDB table, as TensorFlow writes its index."""
    entries, raw, handles = sorted(entries.items()), b"", []
    for i in range(0, len(entries), per_block):
        part = entries[i : i + per_block]
        written = block(part)
        handles.append((part[-1][0], varint(len(raw)) + varint(len(written) - 5)))
        raw += written
    ends = b""
    for pairs in ([], handles):
        written = block(pairs, restart_every=1)
        ends += varint(len(raw)) + varint(len(written) - 5)
        raw += written
    return raw + ends.ljust(40, b"\0") + struct.pack("<Q", tensorflow_files.MAGIC)


def write_checkpoint(folder, tensors, shards=1, **more):
    """Write what TensorFlow writes: an index of names, and files of numbers."""
    folder.mkdir(parents=True, exist_ok=True)
    entries = {b"": message(_1=shards)}
    files = [b""] * shards
    for i, (name, array) in enumerate(tensors.items()):
        at = i % shards
        raw = np.ascontiguousarray(array).tobytes()
        dims = b"".join(message(_2=message(_1=n)) for n in array.shape)
        dtype = TYPES[array.dtype.str[1:]]
        entries[name.encode()] = message(
            _1=dtype, _2=dims, _3=at, _4=len(files[at]), _5=len(raw), **more
        )
        files[at] += raw
    (folder / "model.ckpt.index").write_bytes(table(entries))
    for i, raw in enumerate(files):
        (folder / f"model.ckpt.data-{i:05d}-of-{shards:05d}").write_bytes(raw)
    (folder / "checkpoint").write_text(
        'model_checkpoint_path: "model.ckpt"\nall_model_checkpoint_paths: "model.ckpt"\n'
    )


def openais(params):
    """Return ``{OpenAI's name: array}`` of a model's parameters."""
    tensors = {"model/wte": params["wte"], "model/wpe": params["wpe"]}
    blocks = {f"h{i}": block for i, block in enumerate(params["blocks"])}

    def walk(prefix, value):
        for name, inner in value.items():
            if isinstance(inner, dict):
                walk(f"{prefix}/{name}", inner)
            else:
                tensors[f"{prefix}/{name}"] = inner[None] if name == "w" else inner

    walk("model", {**blocks, "ln_f": params["ln_f"]})
    return tensors


def write_mini(folder, write=write_checkpoint, **more):
    """Write mini in OpenAI's layout, as the size 124M of a folder of models."""
    hparams, params = seqlab.get_params("mini")
    write(folder / "124M", openais(params), **more)
    (folder / "124M" / "hparams.json").write_text(json.dumps(hparams))
    return hparams, params


def require_equal(ours, expected):
    assert ours[0] == expected[0]
    left, right = openais(ours[1]), openais(expected[1])
    assert left.keys() == right.keys()
    for name, array in left.items():
        assert array.dtype == np.float32
        np.testing.assert_array_equal(array, right[name])


@pytest.mark.parametrize("shards", [1, 3])
def test_an_original_checkpoint_is_read_as_it_is(tmp_path, shards):
    expected = write_mini(tmp_path, shards=shards)
    require_equal(seqlab.get_params("124M", tmp_path), expected)


def test_its_weights_are_mapped_and_not_copied(tmp_path):
    write_mini(tmp_path)
    _, params = seqlab.get_params("124M", str(tmp_path))
    with pytest.raises(ValueError, match="read-only"):
        params["wte"][0, 0] = 1


def test_an_optimizers_tensors_beside_the_models_do_no_harm(tmp_path):
    _, params = seqlab.get_params("mini")
    step = np.zeros((), np.int32)
    write_mini(tmp_path, lambda folder, t: write_checkpoint(folder, {**t, "global_step": step}))
    assert len(seqlab.get_params("124M", tmp_path)[1]["blocks"]) == len(params["blocks"])


@pytest.mark.parametrize("dtype", ["f2", "f8"])
def test_other_floats_become_float32(tmp_path, dtype):
    _, params = write_mini(
        tmp_path,
        lambda folder, t: write_checkpoint(folder, {n: a.astype(dtype) for n, a in t.items()}),
    )
    read = seqlab.get_params("124M", tmp_path)[1]["blocks"][1]["mlp"]["c_fc"]["w"]
    assert read.dtype == np.float32
    np.testing.assert_allclose(read, params["blocks"][1]["mlp"]["c_fc"]["w"], rtol=1e-3, atol=1e-6)


def test_its_vocabulary_is_read_under_openais_names(tmp_path):
    write_mini(tmp_path)
    printable = [chr(b) for b in range(256) if chr(b).isprintable() and chr(b) != " "]
    others = [chr(256 + i) for i in range(256 - len(printable))]
    tokens = [*printable, *others, "th", "the"]
    (tmp_path / "124M" / "vocab.bpe").write_text("#version: 0.2\nt h\nth e\n")
    (tmp_path / "124M" / "encoder.json").write_text(
        json.dumps({t: i for i, t in enumerate(tokens)})
    )
    assert seqlab.get_encoder("124M", tmp_path).encode("the") == [257]


def damage(name, change):
    def edit(folder):
        path = folder / name
        path.write_bytes(change(path.read_bytes()))

    return edit


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda f: (f / "model.ckpt.index").unlink(), "model.ckpt.index is not a readable"),
        (damage("model.ckpt.index", lambda raw: raw[:-9]), "does not end as a table does"),
        (damage("model.ckpt.index", lambda raw: b""), "does not end as a table does"),
        (damage("model.ckpt.index", lambda raw: raw[:50] + b"?" + raw[51:]), "checksum differs"),
        (lambda f: (f / "model.ckpt.data-00000-of-00001").unlink(), "00001 cannot be read"),
        (damage("model.ckpt.data-00000-of-00001", lambda raw: raw[:-8]), "was cut short"),
        (damage("hparams.json", lambda raw: b"{}"), "does not describe a GPT-2"),
        (damage("hparams.json", lambda raw: raw.replace(b"4", b"5")), "does not describe a GPT-2"),
        (damage("hparams.json", lambda raw: raw.replace(b"1024", b"999")), "has shape"),
        (damage("checkpoint", lambda raw: raw.replace(b"model.ckpt", b"x")), "x.index is not a"),
    ],
)
def test_a_damaged_checkpoint_is_one_line_that_names_the_file(tmp_path, edit, message):
    write_mini(tmp_path)
    edit(tmp_path / "124M")
    with pytest.raises(DataError, match=message) as error:
        seqlab.get_params("124M", tmp_path)
    assert "\n" not in str(error.value)
    assert "124M" in str(error.value)


def test_without_a_file_checkpoint_the_only_index_counts(tmp_path):
    expected = write_mini(tmp_path)
    (tmp_path / "124M" / "checkpoint").unlink()
    require_equal(seqlab.get_params("124M", tmp_path), expected)
    (tmp_path / "124M" / "other.index").write_bytes(b"")
    with pytest.raises(DataError, match=r"has 2 files \*.index"):
        seqlab.get_params("124M", tmp_path)


def test_a_checkpoint_that_was_made_elsewhere_is_read_here(tmp_path):
    expected = write_mini(tmp_path)
    (tmp_path / "124M" / "checkpoint").write_text('model_checkpoint_path: "/home/ann/model.ckpt"\n')
    require_equal(seqlab.get_params("124M", tmp_path), expected)


def test_numbers_in_slices_and_whole_numbers_are_refused_by_name(tmp_path):
    write_checkpoint(tmp_path, {"model/wte": np.ones((2, 2), np.float32)}, _7=b"")
    with pytest.raises(DataError, match="model/wte is stored in slices"):
        tensorflow_files.read_checkpoint(tmp_path)
    write_checkpoint(tmp_path, {"model/wte": np.ones((2, 2), np.int32)})
    with pytest.raises(DataError, match="model/wte has TensorFlow's type 3"):
        tensorflow_files.read_checkpoint(tmp_path)


def test_an_index_with_a_changed_byte_is_never_read_as_another(tmp_path):
    tensors = {f"model/{i}": np.full((3,), i, np.float32) for i in range(12)}
    write_checkpoint(tmp_path, tensors)
    path = tmp_path / "model.ckpt.index"
    whole, noticed = path.read_bytes(), 0
    for at in range(0, len(whole), 3):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0x41]) + whole[at + 1 :])
        try:
            read = tensorflow_files.read_checkpoint(tmp_path)
        except DataError:
            noticed += 1
            continue
        for name, array in tensors.items():
            np.testing.assert_array_equal(read[name], array)
    assert noticed > len(whole) / 4


def write_by_tensorflow(folder, tensors):
    tensorflow = pytest.importorskip("tensorflow")
    folder.mkdir(parents=True)
    names = list(tensors)
    tensorflow.raw_ops.SaveV2(
        prefix=str(folder / "model.ckpt"),
        tensor_names=names,
        shape_and_slices=[""] * len(names),
        tensors=[tensorflow.constant(tensors[name]) for name in names],
    )
    (folder / "checkpoint").write_text('model_checkpoint_path: "model.ckpt"\n')


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # TensorFlow's own
def test_a_checkpoint_that_tensorflow_wrote_is_read(tmp_path):
    pytest.importorskip("tensorflow")
    expected = write_mini(tmp_path, write_by_tensorflow)
    require_equal(seqlab.get_params("124M", tmp_path), expected)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # TensorFlow's own
def test_tensorflows_bfloat16_and_many_names_are_read(tmp_path):
    tensorflow = pytest.importorskip("tensorflow")
    half = tensorflow.cast(tensorflow.constant([1.0, -2.5, 3e38]), tensorflow.bfloat16)
    many = {f"model/h{i}/attn/c_attn/w": np.full((i % 3, 2), i, np.float32) for i in range(600)}
    write_by_tensorflow(tmp_path / "a", {**many, "model/half": half})
    read = tensorflow_files.read_checkpoint(tmp_path / "a")
    assert read.keys() == {*many, "model/half"}
    for name, array in many.items():
        np.testing.assert_array_equal(read[name], array)
    np.testing.assert_array_equal(
        read["model/half"], tensorflow.cast(half, tensorflow.float32).numpy()
    )


def test_minis_own_files_come_first_where_both_layouts_are_there(tmp_path):
    write_mini(tmp_path)
    folder = data_files.group_dir("gpt2") / "mini"
    for name in ("config.json", "model.safetensors"):
        (tmp_path / "124M" / name).write_bytes((folder / name).read_bytes())
    (tmp_path / "124M" / "model.ckpt.index").unlink()
    assert gpt2_weights.get_params("124M", tmp_path)[0]["n_embd"] == 256
