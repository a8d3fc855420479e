"""Speed and memory of GPT-2 in numpy: ``python -m benchmarks.gpt2_speed [--size 124M] [--xl]``.

The solution of the gpt2 notebook, the fast path of seqlab and ``transformers`` (where it is
installed) write the same number of tokens from the same weights on the same cores, in turn, in one
run. The weights are random, of the true shapes, so nothing is downloaded. The last line is JSON.

This module does not know what a model should write.
"""

import argparse
import json
import os
import resource
import tempfile
import time
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
from nbgrader import utils

from course.directory import Course
from seqlab.cached_gpt2 import CachedGPT2
from seqlab.gpt2_weights import SIZES, expected_shapes, get_params

VOCABULARY, CONTEXT = 50257, 1024


def hparams_of(size: str) -> dict[str, int]:
    """Return the configuration of a released size, or of a small one to try this out with."""
    n_embd, n_head, n_layer = SIZES.get(size, (64, 4, 2))
    n_vocab, n_ctx = (VOCABULARY, CONTEXT) if size in SIZES else (500, 256)
    return {
        "n_vocab": n_vocab,
        "n_ctx": n_ctx,
        "n_embd": n_embd,
        "n_head": n_head,
        "n_layer": n_layer,
    }


def write_model(folder: Path, size: str, filled: bool) -> None:
    """Write ``config.json`` and ``model.safetensors``; without ``filled`` a file of holes."""
    hparams = hparams_of(size)
    folder.mkdir(parents=True)
    theirs = {"vocab_size": hparams["n_vocab"], "n_positions": hparams["n_ctx"]}
    config = {"model_type": "gpt2", "architectures": ["GPT2LMHeadModel"], **hparams, **theirs}
    (folder / "config.json").write_text(json.dumps(config))
    header, at = {}, 0
    shapes = expected_shapes(hparams)
    for name, shape in shapes.items():
        n_bytes = 4 * int(np.prod(shape))
        header[name] = {"dtype": "F32", "shape": list(shape), "data_offsets": [at, at + n_bytes]}
        at += n_bytes
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    rng = np.random.default_rng(0)
    with (folder / "model.safetensors").open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        if not filled:
            file.truncate(8 + len(text) + at)
            return
        for name, shape in shapes.items():
            scale = 1.0 if ".ln_" in name or name.startswith("ln_f") else 0.02
            file.write((scale * rng.standard_normal(shape, dtype=np.float32)).tobytes())


def solution() -> dict[str, Any]:
    """Return the functions of the gpt2 master's solution cells."""
    master = nbformat.read(Course.find().master("gpt2"), as_version=4)
    space: dict[str, Any] = {"np": np}
    for cell in master.cells:
        if cell.cell_type == "code" and utils.is_solution(cell):
            exec(cell.source, space)  # noqa: S102  (our own master)
    return space


def uncached(space: dict[str, Any], params: Any, n_head: int, ids: list[int], n: int) -> list[int]:
    """Return n tokens as the notebook's ``generate`` finds them: all rows anew for each."""
    ids = list(ids)
    for _ in range(n):
        logits = space["gpt2"](ids, **params, number_of_heads=n_head)
        ids.append(int(np.argmax(logits[-1])))
    return ids[-n:]


def cached(
    space: dict[str, Any], params: Any, hparams: dict[str, int], ids: list[int], n: int
) -> list[int]:
    """Return n tokens by way of the fast path."""
    writer, found = CachedGPT2(params, hparams["n_head"], hparams["n_ctx"], space), []
    new = list(ids)
    for _ in range(n):
        new = [int(np.argmax(writer.read(new)))]
        found += new
    return found


def with_transformers(folder: Path, ids: list[int], n: int, cache: bool) -> list[int] | None:
    """Return n tokens as transformers finds them, or None where it is not installed."""
    try:
        import torch
        from transformers import GPT2LMHeadModel
    except ImportError:
        return None
    key = str(folder)
    if key not in _models:
        _models[key] = GPT2LMHeadModel.from_pretrained(folder).eval()
    with torch.inference_mode():
        out = _models[key].generate(
            torch.tensor([ids]),
            max_new_tokens=n,
            min_new_tokens=n,
            do_sample=False,
            use_cache=cache,
            pad_token_id=0,
        )
    return [int(token) for token in out[0, -n:]]


_models: dict[str, Any] = {}


def timed(function: Any, *args: Any) -> tuple[Any, float]:
    """Return a result and the seconds that it took."""
    started = time.perf_counter()
    return function(*args), time.perf_counter() - started


def speed(size: str, n: int, scratch: Path) -> dict[str, Any]:
    """Write n tokens in every way, after one of each to warm up."""
    folder = scratch / size
    write_model(folder, size, filled=True)
    hparams, params = get_params(size, scratch) if size in SIZES else _small(folder)
    space, ids = solution(), list(range(1, 9))
    ways = {
        "solution": lambda m: uncached(space, params, hparams["n_head"], ids, m),
        "fast": lambda m: cached(space, params, hparams, ids, m),
        "transformers": lambda m: with_transformers(folder, ids, m, True),
        "transformers without cache": lambda m: with_transformers(folder, ids, m, False),
    }
    found: dict[str, Any] = {"size": size, "tokens": n}
    written = {}
    for name, way in ways.items():
        if way(1) is None:
            continue
        written[name], seconds = timed(way, n)
        found[f"{name}: tokens a second"] = round(n / seconds, 2)
        print(f"{name}: {n} tokens in {seconds:.1f} s", flush=True)
    found["fast over solution"] = round(
        found["fast: tokens a second"] / found["solution: tokens a second"], 2
    )
    found["same tokens"] = all(tokens == written["solution"] for tokens in written.values())
    return found


def memory(size: str, scratch: Path) -> dict[str, Any]:
    """Run one pass of the largest model from a file of holes; return the peak of what is held."""
    folder = scratch / size
    write_model(folder, size, filled=False)
    hparams, params = get_params(size, scratch)
    bytes_on_disk = (folder / "model.safetensors").stat().st_size
    space = solution()
    with np.errstate(all="ignore"):
        _, seconds = timed(uncached, space, params, hparams["n_head"], [1, 2, 3], 1)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return {
        "size": size,
        "weights GB": round(bytes_on_disk / 1e9, 2),
        "peak GB": round(peak / 1e9, 2),
        "peak over weights": round(peak / bytes_on_disk, 2),
        "seconds": round(seconds, 1),
    }


def _small(folder: Path) -> Any:
    from seqlab import gpt2_weights

    hparams = hparams_of(folder.name)
    tensors = dict(gpt2_weights.map_safetensors(folder / "model.safetensors"))
    return hparams, gpt2_weights._nested(tensors, hparams["n_layer"])


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="GPT-2 in numpy: speed and memory")
    parser.add_argument("--size", default="124M", help="a released size, or small")
    parser.add_argument("--tokens", type=int, default=128)
    parser.add_argument("--xl", action="store_true", help="memory of 1558M instead of speed")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="gpt2-", dir="/var/tmp") as scratch:
        found = (
            memory("1558M", Path(scratch))
            if given.xl
            else speed(given.size, given.tokens, Path(scratch))
        )
    print(json.dumps({**found, "cores": os.cpu_count()}))


if __name__ == "__main__":
    main()
