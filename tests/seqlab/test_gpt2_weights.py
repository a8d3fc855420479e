import json
import shutil
import struct
import subprocess
import sys
import tracemalloc

import numpy as np
import pytest

import seqlab
from seqlab import data_files, gpt2_weights
from seqlab.errors import DataError

# Sums over the shapes of the released checkpoints, output tied to the embedding
PARAMETERS = {
    "124M": 124_439_808,
    "355M": 354_823_168,
    "774M": 774_030_080,
    "1558M": 1_557_611_200,
}


def test_mini_is_a_small_gpt2_with_the_documents_structure():
    hparams, params = seqlab.get_params("mini")
    assert list(hparams) == ["n_vocab", "n_ctx", "n_embd", "n_head", "n_layer"]
    assert hparams["n_vocab"] == 1024
    assert hparams["n_ctx"] == 256
    d = hparams["n_embd"]
    assert list(params) == ["wte", "wpe", "blocks", "ln_f"]
    assert params["wte"].shape == (1024, d)
    assert params["wpe"].shape == (256, d)
    assert len(params["blocks"]) == hparams["n_layer"]
    block = params["blocks"][0]
    assert set(block) == {"attn", "mlp", "ln_1", "ln_2"}
    assert block["attn"]["c_attn"]["w"].shape == (d, 3 * d)
    assert block["attn"]["c_attn"]["b"].shape == (3 * d,)
    assert block["mlp"]["c_fc"]["w"].shape == (d, 4 * d)
    assert block["ln_1"]["g"].shape == params["ln_f"]["b"].shape == (d,)
    n = sum(int(np.prod(shape)) for shape in gpt2_weights.expected_shapes(hparams).values())
    assert 3_000_000 <= n <= 4_000_000


def test_minis_encoder_is_the_courses_tokenizer():
    text = "Now is the winter of our discontent"
    assert seqlab.get_encoder("mini").encode(text) == seqlab.load_tokenizer().encode(text)


@pytest.mark.parametrize("size", PARAMETERS)
def test_the_shapes_of_the_four_sizes_add_up_to_their_parameters(size):
    n_embd, n_head, n_layer = gpt2_weights.SIZES[size]
    hparams = {
        "n_vocab": 50257,
        "n_ctx": 1024,
        "n_embd": n_embd,
        "n_head": n_head,
        "n_layer": n_layer,
    }
    shapes = gpt2_weights.expected_shapes(hparams).values()
    assert sum(int(np.prod(shape)) for shape in shapes) == PARAMETERS[size]


def test_an_unknown_size_is_an_error():
    with pytest.raises(DataError, match=r"no model '1\.5B': choose one of mini, 124M"):
        seqlab.get_params("1.5B")


@pytest.mark.parametrize("load", [seqlab.get_params, seqlab.get_encoder])
def test_a_checkpoint_that_was_not_fetched_names_the_command_and_mini(load, tmp_path):
    with pytest.raises(DataError, match=r"python -m seqlab fetch 124M.*mini"):
        load("124M", tmp_path)


def test_weights_are_mapped_and_not_copied():
    path = data_files.group_dir("gpt2") / "mini" / "model.safetensors"
    seqlab.get_params("mini")
    tracemalloc.start()
    _, params = seqlab.get_params("mini")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < path.stat().st_size / 10
    with pytest.raises(ValueError, match="read-only"):
        params["wte"][0, 0] = 1


def copy_mini(tmp_path):
    shutil.copytree(data_files.group_dir("gpt2") / "mini", tmp_path / "mini")
    return tmp_path / "mini"


def test_a_model_of_another_size_is_an_error(tmp_path):
    path = copy_mini(tmp_path) / "config.json"
    config = json.loads(path.read_text())
    path.write_text(json.dumps({**config, "n_embd": 128}))
    with pytest.raises(DataError, match=r"wte.weight has shape \(1024, 256\), expected \(1024, 12"):
        seqlab.get_params("mini", tmp_path)
    path.write_text(json.dumps({**config, "n_layer": 9}))
    with pytest.raises(DataError, match=r"lacks the tensor h.4"):
        seqlab.get_params("mini", tmp_path)
    path.write_text("{}")
    with pytest.raises(DataError, match="does not describe a GPT-2"):
        seqlab.get_params("mini", tmp_path)


def edited_config(tmp_path, **changes):
    """A copy of mini that says something else of itself."""
    path = copy_mini(tmp_path) / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("activation_function", "relu"),
        ("activation_function", "gelu"),  # by the error function: differs in the third decimal
        ("layer_norm_epsilon", 1e-6),
        ("scale_attn_weights", False),
        ("scale_attn_by_inverse_layer_idx", True),
        ("add_cross_attention", True),
        ("model_type", "gpt_neo"),
        ("quantization_config", {"bits": 8}),
        ("n_head", 3),
        ("n_layer", 0),
        ("n_layer", 3),  # fewer blocks than the file has
    ],
)
def test_a_model_that_the_notebooks_formulas_do_not_cover_is_refused_by_name(tmp_path, name, value):
    edited_config(tmp_path, **{name: value})
    named = {"n_head": "3 heads in a width of 256", "n_layer": "h.3|heads"}.get(name, name)
    with pytest.raises(DataError, match=named):
        seqlab.get_params("mini", tmp_path)


@pytest.mark.parametrize("name", ["gelu_new", "gelu_pytorch_tanh", "gelu_fast"])
def test_gelu_by_the_hyperbolic_tangent_has_several_names(tmp_path, name):
    edited_config(tmp_path, activation_function=name)
    assert seqlab.get_params("mini", tmp_path)[0]["n_layer"] == 4


def rewritten(tmp_path, change):
    """A copy of mini whose tensors, ``{name: (dtype, shape, bytes)}``, are changed."""
    path = copy_mini(tmp_path) / "model.safetensors"
    raw = path.read_bytes()
    (n,) = struct.unpack("<Q", raw[:8])
    tensors = {
        name: (entry["dtype"], entry["shape"], raw[8 + n :][slice(*entry["data_offsets"])])
        for name, entry in json.loads(raw[8 : 8 + n]).items()
        if name != "__metadata__"
    }
    header, data = {}, b""
    for name, (dtype, shape, content) in change(tensors).items():
        offsets = [len(data), len(data) + len(content)]
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": offsets}
        data += content
    packed = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(packed)) + packed + data)


WTE, HEAD = "transformer.wte.weight", "lm_head.weight"


def test_an_output_matrix_of_its_own_is_refused_and_one_that_is_the_embedding_is_not(tmp_path):
    rewritten(tmp_path, lambda tensors: {**tensors, HEAD: tensors[WTE]})
    assert seqlab.get_params("mini", tmp_path)[0]["n_vocab"] == 1024
    shutil.rmtree(tmp_path / "mini")

    def untied(tensors):
        dtype, shape, raw = tensors[WTE]
        return {**tensors, HEAD: (dtype, shape, raw[:-4] + struct.pack("<f", 4.0))}

    rewritten(tmp_path, untied)
    with pytest.raises(DataError, match=r"lm_head.weight is not wte.weight.*tied"):
        seqlab.get_params("mini", tmp_path)


def test_masks_are_left_out_and_any_other_tensor_is_refused_by_name(tmp_path):
    mask = ("U8", [1, 1, 2, 2], bytes(4))
    rewritten(tmp_path, lambda tensors: {**tensors, "transformer.h.0.attn.bias": mask})
    assert seqlab.get_params("mini", tmp_path)[0]["n_vocab"] == 1024
    shutil.rmtree(tmp_path / "mini")
    rewritten(tmp_path, lambda tensors: {**tensors, "transformer.h.0.adapter.weight": mask})
    with pytest.raises(DataError, match=r"a tensor h.0.adapter.weight, which .* does not use"):
        seqlab.get_params("mini", tmp_path)


def in_dtype(name, convert):
    def change(tensors):
        return {
            tensor: (name, shape, convert(np.frombuffer(raw, np.float32)))
            for tensor, (_, shape, raw) in tensors.items()
        }

    return change


@pytest.mark.parametrize(
    ("name", "convert", "error"),
    [
        ("BF16", lambda x: (x.view(np.uint32) >> 16).astype(np.uint16).tobytes(), 2**-7),
        ("F16", lambda x: x.astype(np.float16).tobytes(), 2**-10),
        ("F64", lambda x: x.astype(np.float64).tobytes(), 0),
    ],
)
def test_other_floats_are_read_as_float32(tmp_path, name, convert, error):
    rewritten(tmp_path, in_dtype(name, convert))
    ours, whole = (seqlab.get_params("mini", place)[1] for place in (tmp_path, None))
    assert ours["wte"].dtype == np.float32
    np.testing.assert_allclose(ours["wte"], whole["wte"], rtol=error, atol=1e-6 if error else 0)
    np.testing.assert_allclose(ours["ln_f"]["g"], whole["ln_f"]["g"], rtol=error)


@pytest.mark.parametrize(
    ("name", "convert"),
    [
        ("F8_E4M3", lambda x: bytes(len(x))),
        ("I8", lambda x: bytes(len(x))),
        ("I32", lambda x: x.tobytes()),
    ],
)
def test_numbers_of_another_kind_are_refused_by_name(tmp_path, name, convert):
    rewritten(tmp_path, in_dtype(name, convert))
    named = {"I8": "int8", "I32": "int32"}.get(name, name)
    with pytest.raises(DataError, match=rf" holds {named}.*float32"):
        seqlab.get_params("mini", tmp_path)


def test_a_folder_of_models_without_mini_leaves_the_courses_own(tmp_path, monkeypatch):
    own = seqlab.get_params("mini")
    monkeypatch.chdir(tmp_path)
    for models in ("models", tmp_path / "nowhere", tmp_path):
        hparams, params = seqlab.get_params("mini", models)
        assert hparams == own[0]
        np.testing.assert_array_equal(params["wte"], own[1]["wte"])


def test_a_checkpoint_of_pytorch_gets_the_line_that_converts_it(tmp_path):
    folder = copy_mini(tmp_path)
    (folder / "model.safetensors").unlink()
    (folder / "pytorch_model.bin").write_bytes(b"PK")
    with pytest.raises(DataError, match=r"pytorch_model.bin: .*run python -c .* once") as error:
        seqlab.get_params("mini", tmp_path)
    assert "\n" not in str(error.value)


@pytest.mark.slow
@pytest.mark.parametrize("parts", [1, 2])
def test_that_line_converts_it(tmp_path, parts):
    torch = pytest.importorskip("torch")
    expected = seqlab.get_params("mini")
    folder = copy_mini(tmp_path)
    tensors = gpt2_weights.map_safetensors(folder / "model.safetensors")
    state = {name: torch.tensor(array) for name, array in tensors.items()}
    state[HEAD] = state[WTE]  # shares its memory, as in a file that transformers saved
    (folder / "model.safetensors").unlink()
    names = list(state)
    for i in range(parts):
        name = f"pytorch_model-0000{i + 1}-of-00002.bin" if parts > 1 else "pytorch_model.bin"
        torch.save({k: state[k] for k in names[i::parts]}, folder / name)
    with pytest.raises(DataError) as error:
        seqlab.get_params("mini", tmp_path)
    code = str(error.value).split('"')[1]
    subprocess.run([sys.executable, "-c", code], cwd=folder, check=True, timeout=300)
    np.testing.assert_array_equal(seqlab.get_params("mini", tmp_path)[1]["wpe"], expected[1]["wpe"])


@pytest.mark.parametrize("content", [b"", b"12345678", b"\xff" * 64, b"\x02" + b"\0" * 7 + b"[]"])
def test_a_file_that_is_no_safetensors_is_an_error(tmp_path, content):
    path = copy_mini(tmp_path) / "model.safetensors"
    path.write_bytes(content)
    with pytest.raises(DataError, match="not a readable safetensors file"):
        seqlab.get_params("mini", tmp_path)


def test_a_truncated_checkpoint_is_an_error(tmp_path):
    path = copy_mini(tmp_path) / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-1000])
    with pytest.raises(DataError, match="cut short"):
        seqlab.get_params("mini", tmp_path)


def gpt2_logits(ids, hparams, params):
    """GPT-2 after Radford et al., in float64: an oracle for the loader, not for students."""

    def norm(x, g, b):
        return g * (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-5) + b

    def attend(x, c_attn, c_proj):
        n, d = x.shape
        q, k, v = (
            (x @ c_attn["w"] + c_attn["b"]).reshape(n, 3, hparams["n_head"], -1).swapaxes(0, 1)
        )
        scores = np.einsum("nhe,mhe->hnm", q, k) / np.sqrt(q.shape[-1])
        scores[:, np.triu(np.ones((n, n), bool), 1)] = -np.inf
        weights = np.exp(scores - scores.max(-1, keepdims=True))
        heads = np.einsum("hnm,mhe->nhe", weights / weights.sum(-1, keepdims=True), v)
        return heads.reshape(n, d) @ c_proj["w"] + c_proj["b"]

    def mlp(x, c_fc, c_proj):
        u = x @ c_fc["w"] + c_fc["b"]
        u = 0.5 * u * (1 + np.tanh(np.sqrt(2 / np.pi) * (u + 0.044715 * u**3)))
        return u @ c_proj["w"] + c_proj["b"]

    x = (params["wte"][ids] + params["wpe"][: len(ids)]).astype(np.float64)
    for block in params["blocks"]:
        x = x + attend(norm(x, **block["ln_1"]), **block["attn"])
        x = x + mlp(norm(x, **block["ln_2"]), **block["mlp"])
    return norm(x, **params["ln_f"]) @ params["wte"].T


def transformers_logits(model, ids):
    import torch

    with torch.no_grad():
        return model.eval()(torch.tensor(ids)[None]).logits[0].double().numpy()


@pytest.mark.slow
def test_transformers_loads_mini_and_gives_the_same_logits():
    transformers = pytest.importorskip("transformers")
    folder = data_files.group_dir("gpt2") / "mini"
    model = transformers.GPT2LMHeadModel.from_pretrained(folder, dtype="float32")
    ids = seqlab.load_tokenizer().encode("To be, or not to be, that is the question:\n" * 6)[:256]
    ours = gpt2_logits(ids, *seqlab.get_params("mini"))
    assert np.abs(ours - transformers_logits(model, ids)).max() < 1e-4


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_checkpoint_of_the_true_124m_shape_is_read_as_transformers_reads_it(tmp_path):
    transformers = pytest.importorskip("transformers")
    import torch

    torch.manual_seed(0)
    model = transformers.GPT2LMHeadModel(transformers.GPT2Config())
    with torch.no_grad():  # the initial biases are zero, and a zero in the wrong place is unseen
        for parameter in model.parameters():
            if parameter.ndim == 1:
                parameter.add_(0.1 * torch.randn_like(parameter))
    model.save_pretrained(tmp_path / "124M")
    hparams, params = seqlab.get_params("124M", tmp_path)
    assert hparams == {"n_vocab": 50257, "n_ctx": 1024, "n_embd": 768, "n_head": 12, "n_layer": 12}
    ids = np.random.default_rng(0).integers(0, 50257, 20).tolist()
    ours = gpt2_logits(ids, hparams, params)
    assert np.abs(ours - transformers_logits(model, ids)).max() < 1e-4


def test_gpt2s_own_vocabulary_is_read_from_the_fetched_files(tmp_path):
    """A small vocabulary in the two files' format; the real one is 50257 long."""
    folder = tmp_path / "124M"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    printable = [chr(b) for b in range(256) if chr(b).isprintable() and chr(b) != " "]
    others = [chr(256 + i) for i in range(256 - len(printable))]
    tokens = [*printable, *others, "th", "the", "\u0120the"]
    (folder / "merges.txt").write_text("#version: 0.2\nt h\nth e\n\u0120 the\n")
    (folder / "vocab.json").write_text(json.dumps({t: i for i, t in enumerate(tokens)}))
    encoding = seqlab.get_encoder("124M", tmp_path)
    assert encoding.encode("the the") == [257, 258]
    assert encoding.decode([257, 258]) == "the the"
    (folder / "vocab.json").write_text("{}")
    with pytest.raises(DataError, match="do not fit together"):
        seqlab.get_encoder("124M", tmp_path)
