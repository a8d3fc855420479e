"""The type in which to multiply matrices: bfloat16 if the processor supports it.

On other processors bfloat16 is emulated and much slower than float32 (measured: 40 times), so that
a recipe of minutes would take days.
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
    _ = a @ b  # the first product takes longer
    started = time.perf_counter()
    for _ in range(5):
        _ = a @ b
    return time.perf_counter() - started
