"""Calls of a Transformer with fewer layers, to find the first layer that goes wrong.

Each function takes the arguments of a call and yields those of the same call with the first 0, 1,
2, ... layers at work:

>>> [args[3] for args, _ in fewer_blocks([[7], "wte", "wpe", ["block"], "ln_f", 2], {})]
[[], ['block']]
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

Arguments = tuple[list[Any], dict[str, Any]]


def fewer_blocks(args: list[Any], kwargs: dict[str, Any]) -> Iterator[Arguments]:
    """Shorten the list of blocks of ``gpt2(inputs, wte, wpe, blocks, ln_f, number_of_heads)``."""
    blocks = kwargs["blocks"] if "blocks" in kwargs else args[3]
    for n in range(len(blocks) + 1):
        if "blocks" in kwargs:
            yield args, {**kwargs, "blocks": blocks[:n]}
        else:
            yield [*args[:3], blocks[:n], *args[4:]], kwargs


def silent_layers(args: list[Any], kwargs: dict[str, Any]) -> Iterator[Arguments]:
    """Let later layers of ``transformer(tokens, params)``, which always has four, add nothing."""
    params = kwargs["params"] if "params" in kwargs else args[1]
    layers = sorted({int(name.split(".")[1]) for name in params if name.startswith("layers.")})
    for n in range(len(layers) + 1):
        silent = tuple(f"layers.{i}." for i in layers[n:])
        cut = {
            name: np.zeros_like(value) if name.startswith(silent) and _writes(name) else value
            for name, value in params.items()
        }
        if "params" in kwargs:
            yield args, {**kwargs, "params": cut}
        else:
            yield [args[0], cut, *args[2:]], kwargs


def _writes(name: str) -> bool:
    """Return whether a weight is the last one of a part, whose output goes to the stream."""
    return name.endswith(("attention.wo.weight", "feed_forward.2.weight"))


SHALLOWER: dict[str, Callable[[list[Any], dict[str, Any]], Iterator[Arguments]]] = {
    "gpt2": fewer_blocks,
    "transformer": silent_layers,
}
