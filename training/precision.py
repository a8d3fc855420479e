"""Which type to multiply matrices in: bfloat16 where the processor is made for it.

Where it is not, bfloat16 is emulated and many times slower than float32 (measured: 40 times), and
a recipe of minutes would take days. This module does not know what is multiplied.
"""

import time
from functools import cache

import torch


@cache
def matrix_type() -> torch.dtype:
    """Return the type in which this processor multiplies faster: bfloat16 or float32."""
    times = {kind: _seconds(kind) for kind in (torch.float32, torch.bfloat16)}
    return min(times, key=lambda kind: times[kind])


def fast_products(training: bool) -> torch.autocast:
    """Return a context in which products of a model in training take the faster type."""
    enabled = training and matrix_type() is torch.bfloat16
    return torch.autocast("cpu", torch.bfloat16, enabled=enabled)


def _seconds(kind: torch.dtype) -> float:
    a, b = (torch.randn(shape).to(kind) for shape in ((64, 512), (512, 1536)))
    _ = a @ b  # the first product prepares
    started = time.perf_counter()
    for _ in range(5):
        _ = a @ b
    return time.perf_counter() - started
