"""Work on a student's texts in a process of its own, where time and memory are limited."""

import contextlib
import os
import pickle
import resource
import select
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

CPU_SECONDS = 60
MEMORY = 2_000_000_000  # bytes beyond what the process has when it begins
PATIENCE = 10  # times as long by the clock: the machine may have other things to do
PIECE = 1 << 20

Result = TypeVar("Result")


class LimitExceeded(Exception):  # noqa: N818  (it is the text that is in error)
    """It took too much; the message says of what."""


def confined(function: Callable[[], Result], cpu_seconds: int = CPU_SECONDS) -> Result:
    """Return what a function returns in a forked process.

    The function must not use connections that this process has open.

    >>> confined(lambda: 6 * 7)
    42

    Raises:
        LimitExceeded: it took too much time or memory, or ended its process.
        Exception: what the function raised.
    """
    ours, theirs = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(ours)
        _work(function, theirs, cpu_seconds)
    os.close(theirs)
    try:
        raw = _received(ours, time.monotonic() + PATIENCE * cpu_seconds)
    finally:
        os.close(ours)
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        _, status = os.waitpid(pid, 0)
    if not raw:
        is_late = os.WIFSIGNALED(status) and os.WTERMSIG(status) in (signal.SIGXCPU, signal.SIGKILL)
        raise LimitExceeded(f"took more than {cpu_seconds} s" if is_late else "ended its process")
    result, error = pickle.loads(raw)  # noqa: S301  (of our own process)
    if isinstance(error, MemoryError):
        raise LimitExceeded(f"took more than {MEMORY / 1e9:g} GB of memory")
    if error is not None:
        raise error
    return result  # type: ignore[no-any-return]


def _work(function: Callable[[], object], pipe: int, cpu_seconds: int) -> None:
    """Send the result or the exception, and end."""
    try:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        for kind, most in (
            (resource.RLIMIT_CPU, cpu_seconds),
            (resource.RLIMIT_AS, pages * resource.getpagesize() + MEMORY),
            (resource.RLIMIT_CORE, 0),
        ):
            resource.setrlimit(kind, (most, most))
        with os.fdopen(pipe, "wb") as file:
            file.write(_outcome(function))
    finally:
        os._exit(0)


def _outcome(function: Callable[[], object]) -> bytes:
    try:
        return pickle.dumps((function(), None))
    except Exception as error:
        return pickle.dumps((None, error))


def _received(pipe: int, deadline: float) -> bytes:
    """Return all that comes out of a pipe; nothing if it does not come in time."""
    parts: list[bytes] = []
    while select.select([pipe], [], [], max(0, deadline - time.monotonic()))[0]:
        if not (part := os.read(pipe, PIECE)):
            return b"".join(parts)
        parts.append(part)
    return b""
