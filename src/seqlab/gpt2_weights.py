"""GPT-2's weights in the form that the document's ``gpt2`` takes, from the files that people have.

Those are Hugging Face's ``config.json`` and ``model.safetensors``, or OpenAI's own TensorFlow
checkpoint (``hparams.json``, ``model.ckpt.index`` and the rest). A model that the notebooks'
formulas would compute otherwise than its makers do is refused.

Tensors are mapped from the file, not read: opening 1558M takes no time and no memory, and processes
share the pages that they use.
"""

import json
import os
import re
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tiktoken
import tiktoken.load

from seqlab import data_files, tensorflow_files, tokenizer
from seqlab.errors import DataError

GROUP = "gpt2"
DTYPES = {
    **{"F64": "<f8", "F32": "<f4", "F16": "<f2", "BOOL": "?"},
    **{f"{kind}{8 * n}": f"<{kind.lower()}{n}" for kind in "IU" for n in (1, 2, 4, 8)},
}
# What a config.json may say of how the weights are used. GELU by the hyperbolic tangent has four
# names; what is not said is as in GPT-2.
FORMULAS: dict[str, tuple[object, ...]] = {
    "model_type": ("gpt2",),
    "activation_function": ("gelu_new", "gelu_fast", "gelu_accurate", "gelu_pytorch_tanh"),
    "layer_norm_epsilon": (1e-5,),
    "scale_attn_weights": (True,),
    "scale_attn_by_inverse_layer_idx": (False,),
    "add_cross_attention": (False,),
    "quantization_config": (None,),
}
MASKS = (".attn.bias", ".attn.masked_bias")  # of older files; the notebook makes its own
CONVERT = (
    "import glob, torch, safetensors.torch as s; [s.save_file({k: v.clone() for k, v in "
    "torch.load(p, weights_only=True).items()}, p.replace('pytorch_', '').replace('.bin', "
    "'.safetensors')) for p in glob.glob('pytorch_model*.bin')]"
)
CONFIG, HPARAMS = "config.json", "hparams.json"  # Hugging Face's, OpenAI's
# The merges and the vocabulary, as Hugging Face and as OpenAI call them
VOCABULARIES = (("merges.txt", "vocab.json"), ("vocab.bpe", "encoder.json"))

# n_embd, n_head and n_layer of the released checkpoints; all have 50257 tokens and 1024 positions
SIZES = {
    "124M": (768, 12, 12),
    "355M": (1024, 16, 24),
    "774M": (1280, 20, 36),
    "1558M": (1600, 25, 48),
}
REPOSITORIES = {
    "124M": "openai-community/gpt2",
    "355M": "openai-community/gpt2-medium",
    "774M": "openai-community/gpt2-large",
    "1558M": "openai-community/gpt2-xl",
}
MODEL_SIZES = ("mini", *SIZES)

Params = dict[str, Any]


def get_params(
    model_size: str, models_dir: str | Path | None = None
) -> tuple[dict[str, int], Params]:
    """Return ``(hparams, params)`` of one of the models "mini", "124M", "355M", "774M", "1558M".

    ``hparams`` has n_vocab, n_ctx, n_embd, n_head and n_layer. ``params`` has, float32:

    - wte (n_vocab, n_embd), wpe (n_ctx, n_embd), ln_f: g and b (n_embd,)
    - blocks, n_layer times: ln_1, ln_2: g and b; attn: c_attn: w (n_embd, 3 n_embd), b (3 n_embd,),
      c_proj; mlp: c_fc: w (n_embd, 4 n_embd), b, c_proj: w (4 n_embd, n_embd), b

    Example:
        hparams, params = get_params("mini")
        gpt2(inputs, **params, number_of_heads=hparams["n_head"])

    Raises:
        DataError: the model is unknown, not on this machine, changed, or not a GPT-2.

    Source: document gpt2, sections 2.3 and 2.4; Radford et al. 2019.
    """
    folder = model_dir(model_size, models_dir)
    if _is_tensorflow(folder):
        hparams, tensors = _hparams(folder / HPARAMS), dict(_of_tensorflow(folder))
    else:
        hparams, tensors = _hparams(folder / CONFIG), dict(_tensors(folder))
    _require_gpt2(folder, tensors, expected_shapes(hparams))
    return hparams, _nested(tensors, hparams["n_layer"])


def get_encoder(model_size: str, models_dir: str | Path | None = None) -> tiktoken.Encoding:
    """Return the tokenizer of a model: the course's own for "mini", GPT-2's for the others.

    Raises:
        DataError: the model is unknown, or GPT-2's vocabulary is not on this machine.
    """
    if model_size == "mini":
        return tokenizer.load_tokenizer()
    folder = model_dir(model_size, models_dir)
    for merges, vocabulary in ((folder / m, folder / v) for m, v in VOCABULARIES):
        if merges.is_file() and vocabulary.is_file():
            return _gpt2_encoding(merges, vocabulary)
    files = " nor ".join(" and ".join(names) for names in VOCABULARIES)
    raise DataError(f"neither {files} in {folder}: {_remedy(model_size)}")


def model_dir(model_size: str, models_dir: str | Path | None = None) -> Path:
    """Return the folder of a model; mini is the course's own where ``models_dir`` has none.

    Raises:
        DataError: the model is unknown, or not on this machine.
    """
    if model_size not in MODEL_SIZES:
        raise DataError(f"there is no model {model_size!r}: choose one of {', '.join(MODEL_SIZES)}")
    folder = Path(models_dir or data_files.group_dir(GROUP)) / model_size
    if model_size == "mini" and not folder.is_dir():
        folder = data_files.group_dir(GROUP) / model_size
    if not is_model(folder):
        raise DataError(f"{model_size} is not in {folder}: {_remedy(model_size)}")
    return folder


def is_model(folder: Path) -> bool:
    """Return whether a folder describes a GPT-2, in one of the two layouts."""
    return (folder / CONFIG).is_file() or (folder / HPARAMS).is_file()


def expected_shapes(hparams: dict[str, int]) -> dict[str, tuple[int, ...]]:
    """Return ``{tensor name: shape}`` under Hugging Face's names; matrices are (in, out)."""
    d = hparams["n_embd"]
    per_block: dict[str, tuple[int, ...]] = {
        "ln_1.weight": (d,),
        "ln_1.bias": (d,),
        "attn.c_attn.weight": (d, 3 * d),
        "attn.c_attn.bias": (3 * d,),
        "attn.c_proj.weight": (d, d),
        "attn.c_proj.bias": (d,),
        "ln_2.weight": (d,),
        "ln_2.bias": (d,),
        "mlp.c_fc.weight": (d, 4 * d),
        "mlp.c_fc.bias": (4 * d,),
        "mlp.c_proj.weight": (4 * d, d),
        "mlp.c_proj.bias": (d,),
    }
    blocks = {
        f"h.{i}.{name}": shape
        for i in range(hparams["n_layer"])
        for name, shape in per_block.items()
    }
    return {
        "wte.weight": (hparams["n_vocab"], d),
        "wpe.weight": (hparams["n_ctx"], d),
        **blocks,
        "ln_f.weight": (d,),
        "ln_f.bias": (d,),
    }


def _remedy(model_size: str) -> str:
    if model_size == "mini":
        return "copy data/gpt2 again from the zip of the assignment"
    return f"get it with `python -m seqlab fetch {model_size}`, or use mini, which is here already"


def _hparams(path: Path) -> dict[str, int]:
    data_files.check(path)
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
        hparams = {key: int(config[key]) for key in ("n_embd", "n_head", "n_layer")}
        n_ctx = config.get("n_positions", config.get("n_ctx"))
        n_vocab = config.get("vocab_size", config.get("n_vocab"))
        hparams = {"n_vocab": int(n_vocab), "n_ctx": int(n_ctx), **hparams}
        if min(hparams.values()) < 1 or hparams["n_embd"] % hparams["n_head"]:
            raise ValueError(f"{hparams['n_head']} heads in a width of {hparams['n_embd']}")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{path} does not describe a GPT-2: {error!r}") from None
    for name, covered in FORMULAS.items():
        if (value := config.get(name, covered[0])) not in covered:
            raise DataError(
                f"{path}: {name} is {value!r}, and the notebook's formulas need {covered[0]!r}"
            )
    return hparams


def _require_gpt2(
    folder: Path, tensors: dict[str, np.ndarray], shapes: dict[str, tuple[int, ...]]
) -> None:
    """Raise DataError unless the tensors are those of a GPT-2 and nothing else is computed."""
    for name, shape in shapes.items():
        if name not in tensors:
            raise DataError(f"{folder} lacks the tensor {name}: it is not a GPT-2 of this size")
        if tensors[name].dtype.kind != "f":
            raise DataError(
                f"{folder}: {name} holds {tensors[name].dtype}: save the model as float32"
            )
        if tensors[name].shape != shape:
            raise DataError(f"{folder}: {name} has shape {tensors[name].shape}, expected {shape}")
    for name, tensor in tensors.items():
        if name == "lm_head.weight" and not _same(tensor, tensors["wte.weight"]):
            raise DataError(
                f"{folder}: lm_head.weight is not wte.weight, and the notebook's gpt2 uses wte for "
                "both: take a model whose embeddings are tied"
            )
        if name not in (*shapes, "lm_head.weight") and not name.endswith(MASKS):
            raise DataError(f"{folder} has a tensor {name}, which the notebook's gpt2 does not use")


def _same(one: np.ndarray, other: np.ndarray) -> bool:
    """Return whether two matrices are equal, without reading them into memory as wholes."""
    if one.shape != other.shape:
        return False
    return all(
        np.array_equal(one[i : i + 512], other[i : i + 512]) for i in range(0, len(one), 512)
    )


def _is_tensorflow(folder: Path) -> bool:
    return (folder / HPARAMS).is_file() and not any(folder.glob("*.safetensors"))


def _of_tensorflow(folder: Path) -> Iterator[tuple[str, np.ndarray]]:
    """Yield OpenAI's tensors under Hugging Face's names: ``model/h0/mlp/c_fc/w`` and the like."""
    kinds = {"w": "weight", "g": "weight", "b": "bias", "wte": "wte.weight", "wpe": "wpe.weight"}
    for name, tensor in tensorflow_files.read_checkpoint(folder, "model/").items():
        *parts, last = name.removeprefix("model/").split("/")
        block = [re.sub(r"^h(\d+)$", r"h.\1", part) for part in parts]
        # A matrix of theirs is a convolution of width 1: (1, in, out).
        matrix = tensor[0] if tensor.ndim == 3 and tensor.shape[0] == 1 else tensor
        yield ".".join([*block, kinds.get(last, last)]), matrix


def _tensors(folder: Path) -> Iterator[tuple[str, np.ndarray]]:
    shards = sorted(folder.glob("model*.safetensors"))
    if not shards and any(folder.glob("pytorch_model*.bin")):
        raise DataError(
            f"{folder} has PyTorch's pytorch_model.bin: with torch and safetensors installed, run "
            f'python -c "{CONVERT}" in that folder, once'
        )
    if not shards:
        raise DataError(f"no model.safetensors in {folder}: {_remedy(folder.name)}")
    for shard in shards:
        if shard.stat().st_size < 2**28:  # the large checkpoints are checked by `verify` instead
            data_files.check(shard)
        for name, tensor in map_safetensors(shard).items():
            yield name.removeprefix("transformer."), tensor


def map_safetensors(path: Path) -> dict[str, np.ndarray]:
    """Return the file's tensors as read-only arrays that stay on disk until they are used.

    The library's own reader copies every tensor, so that a large checkpoint would take memory
    twice. Format: the header's length (8 bytes), the header (JSON), the data.
    """
    try:
        with path.open("rb") as file:
            (n_header,) = struct.unpack("<Q", file.read(8))
            if n_header > min(path.stat().st_size, 100_000_000):
                raise ValueError("its header is longer than the file")
            header = json.loads(file.read(n_header))
        header.pop("__metadata__", None)
        data = np.memmap(path, mode="r", offset=8 + n_header, dtype=np.uint8)
        return {name: _view(data, name, entry) for name, entry in header.items()}
    except (ValueError, KeyError, TypeError, struct.error, OSError) as error:
        raise DataError(f"{path} is not a readable safetensors file: {error}") from None


def _view(data: np.ndarray, name: str, entry: dict[str, Any]) -> np.ndarray:
    start, stop = entry["data_offsets"]
    if not 0 <= start <= stop <= data.size:
        raise ValueError(f"{name} lies outside the file, which was cut short")
    dtype, raw = entry["dtype"], data[start:stop]
    if dtype != "BF16" and dtype not in DTYPES:
        raise ValueError(f"{name} holds {dtype} numbers: save the model as float32")
    numbers = tensorflow_files.bfloat16(raw) if dtype == "BF16" else raw.view(DTYPES[dtype])
    return np.asarray(numbers.reshape(entry["shape"]))


def _nested(tensors: dict[str, np.ndarray], n_layer: int) -> Params:
    def take(name: str) -> np.ndarray:
        return np.asarray(tensors[name], dtype=np.float32)  # no copy where it is float32 already

    def linear(prefix: str) -> Params:
        return {"w": take(f"{prefix}.weight"), "b": take(f"{prefix}.bias")}

    def norm(prefix: str) -> Params:
        return {"g": take(f"{prefix}.weight"), "b": take(f"{prefix}.bias")}

    def block(i: int) -> Params:
        attn = {part: linear(f"h.{i}.attn.{part}") for part in ("c_attn", "c_proj")}
        mlp = {part: linear(f"h.{i}.mlp.{part}") for part in ("c_fc", "c_proj")}
        return {
            "attn": attn,
            "mlp": mlp,
            "ln_1": norm(f"h.{i}.ln_1"),
            "ln_2": norm(f"h.{i}.ln_2"),
        }

    return {
        "wte": take("wte.weight"),
        "wpe": take("wpe.weight"),
        "blocks": [block(i) for i in range(n_layer)],
        "ln_f": norm("ln_f"),
    }


def _gpt2_encoding(merges: Path, vocabulary: Path) -> tiktoken.Encoding:
    before = os.environ.get("TIKTOKEN_CACHE_DIR")
    os.environ["TIKTOKEN_CACHE_DIR"] = ""  # read these files, not a copy of earlier ones
    try:
        ranks = tiktoken.load.data_gym_to_mergeable_bpe_ranks(str(merges), str(vocabulary))
    except (ValueError, AssertionError, KeyError) as error:
        raise DataError(f"{merges} and {vocabulary.name} do not fit together: {error!r}") from None
    finally:
        if before is None:
            del os.environ["TIKTOKEN_CACHE_DIR"]
        else:
            os.environ["TIKTOKEN_CACHE_DIR"] = before
    return tiktoken.Encoding(
        "gpt2",
        pat_str=tokenizer.SPLIT_PATTERN,
        mergeable_ranks=ranks,
        special_tokens={"<|endoftext|>": len(ranks)},
    )
