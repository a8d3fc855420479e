"""Cells and tests run together in one process, many times a second, where kernels take too long.

The catalogue's code is run without a sandbox: it is the course's own.
"""

import contextlib
import hashlib
import io
import linecache
import random
import signal
import warnings
from collections.abc import Iterator
from functools import cache
from types import CodeType
from typing import Any

import numpy as np
from IPython.core.inputtransformer2 import TransformerManager

SECONDS = 120  # for one run of a test: a variant that never ends fails it

Space = dict[str, Any]


def begin() -> None:
    """Make a process ready: pictures go nowhere, warnings cost nothing, nothing runs for ever."""
    import matplotlib as mpl

    mpl.use("agg")
    warnings.simplefilter("ignore")
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGALRM, _too_long)
    np.random.seed(None)  # noqa: NPY002
    random.seed()


@contextlib.contextmanager
def scratch(space: Space) -> Iterator[Space]:
    """Yield a copy of the names, and clear it: what was defined there holds on to all arrays."""
    names = dict(space)
    try:
        yield names
    finally:
        names.clear()


def apart(source: str, space: Space) -> str:
    """Return what a piece of a test fails with on a copy of the names."""
    with scratch(space) as names:
        return failure(source, names)


def failure(source: str, space: Space) -> str:
    """Return what a piece of code fails with, or nothing.

    >>> failure("assert 1 > 2, 'no'", {})
    'AssertionError: no'
    """
    raised = error(source, space)
    return message(raised) if raised else ""


def message(error: BaseException) -> str:
    """Return the class of an error and what it says."""
    return f"{type(error).__name__}: {error}"[:300]


def error(source: str, space: Space) -> BaseException | None:
    """Return what a piece of code raises, or None."""
    try:
        _run(source, space)
    except BaseException as raised:
        if isinstance(raised, KeyboardInterrupt):
            raise
        return raised
    return None


def _run(source: str, space: Space) -> None:
    signal.setitimer(signal.ITIMER_REAL, SECONDS)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            exec(_compiled(source), space)  # noqa: S102  (the masters' and the catalogue's own)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


@cache
def _compiled(source: str) -> CodeType:
    code = TransformerManager().transform_cell(source)
    name = f"<cell {hashlib.sha256(code.encode()).hexdigest()[:12]}>"
    # As in a notebook: whoever explains a failure can read the lines of the cells.
    linecache.cache[name] = (len(code), None, code.splitlines(keepends=True), name)
    return compile(code, name, "exec")


def _too_long(*_: Any) -> None:
    raise TimeoutError(f"more than {SECONDS} s")
