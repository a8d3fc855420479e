"""GPT-2's weights in the form that the document's ``gpt2`` takes, from Hugging Face's files.

Tensors are mapped from the file, not read: opening 1558M takes no time and no memory, and processes
share the pages that they use.
"""

import json
import os
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tiktoken
import tiktoken.load

from seqlab import data_files, tokenizer
from seqlab.errors import DataError

GROUP = "gpt2"
DTYPES = {"F32": np.float32, "F16": np.float16, "F64": np.float64}

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
    hparams = _hparams(folder / "config.json")
    tensors = dict(_tensors(folder))
    shapes = expected_shapes(hparams)
    for name, shape in shapes.items():
        if name not in tensors:
            raise DataError(f"{folder} lacks the tensor {name}: it is not a GPT-2 of this size")
        if tensors[name].shape != shape:
            raise DataError(f"{folder}: {name} has shape {tensors[name].shape}, expected {shape}")
    return hparams, _nested(tensors, hparams["n_layer"])


def get_encoder(model_size: str, models_dir: str | Path | None = None) -> tiktoken.Encoding:
    """Return the tokenizer of a model: the course's own for "mini", GPT-2's for the others.

    Raises:
        DataError: the model is unknown, or GPT-2's vocabulary is not on this machine.
    """
    if model_size == "mini":
        return tokenizer.load_tokenizer()
    folder = model_dir(model_size, models_dir)
    merges, vocabulary = folder / "merges.txt", folder / "vocab.json"
    if not (merges.is_file() and vocabulary.is_file()):
        raise DataError(f"no merges.txt and vocab.json in {folder}: {_remedy(model_size)}")
    return _gpt2_encoding(merges, vocabulary)


def model_dir(model_size: str, models_dir: str | Path | None = None) -> Path:
    """Return the folder of a model.

    Raises:
        DataError: the model is unknown, or not on this machine.
    """
    if model_size not in MODEL_SIZES:
        raise DataError(f"there is no model {model_size!r}: choose one of {', '.join(MODEL_SIZES)}")
    folder = Path(models_dir or data_files.group_dir(GROUP)) / model_size
    if not (folder / "config.json").is_file():
        raise DataError(f"{model_size} is not in {folder}: {_remedy(model_size)}")
    return folder


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
        return {"n_vocab": int(config["vocab_size"]), "n_ctx": int(n_ctx), **hparams}
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path} does not describe a GPT-2: {error!r}") from None


def _tensors(folder: Path) -> Iterator[tuple[str, np.ndarray]]:
    shards = sorted(folder.glob("model*.safetensors"))
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
    if entry["dtype"] not in DTYPES:
        return np.asarray(data[start:stop])  # masks and the like, which nobody reads
    return np.asarray(data[start:stop].view(DTYPES[entry["dtype"]]).reshape(entry["shape"]))


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
