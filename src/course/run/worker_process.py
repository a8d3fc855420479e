"""A process that computes for another one, several things at a time.

``python -m course.run.worker_process MODULE FD FD FD ...`` imports the module that it will be asked
for. It takes a function with its arguments from each connection but the first, and answers with
what that returned. When the first connection is closed, it ends. Its threads share what is slow to
start (see autograder.execution.pool), and wait for kernels most of their time.
"""

import contextlib
import importlib
import os
import pickle
import queue
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from multiprocessing.connection import Connection
from typing import Any

_IMPORTING = threading.Lock()  # nbgrader's modules import each other: not two threads at a time
PATIENCE = 3  # seconds that a process has to end by itself
LANES = 4  # submissions at a time, of which each takes a fifth of a second in the process itself


class WorkerDied(Exception):  # noqa: N818
    """The process ended before it answered."""


class WorkerProcess:
    """Such a process, seen from outside: started at once, ready some seconds later.

    Example:
        process = WorkerProcess(lanes=2)
        process.compute(0, math.sqrt, 2.0)
        process.end()

    Attributes:
        lanes: how many things it computes at a time
        has_died: it has ended without being asked to
    """

    def __init__(self, lanes: int, module: str = "autograder"):
        """Start it.

        Args:
            lanes: how many things it computes at a time
            module: what it imports before it is asked for anything
        """
        self.lanes, self.has_died = lanes, False
        ours, theirs = zip(*(socket.socketpair() for _ in range(1 + lanes)), strict=True)
        self._process = _started(module, [end.fileno() for end in theirs])
        for end in theirs:
            end.close()
        self._control, *self._connections = (Connection(end.detach()) for end in ours)

    @property
    def process_id(self) -> int:
        """Return the number of the process."""
        return self._process.pid

    def compute(self, lane: int, function: Callable[..., Any], *arguments: Any) -> Any:
        """Return what the function returns in that process; a lane takes one at a time.

        Raises:
            WorkerDied: the process ended meanwhile, or had been ended.
            Exception: what the function raised.
        """
        try:
            self._connections[lane].send((function, arguments))
            result, error = self._connections[lane].recv()
        except (EOFError, OSError):
            self.has_died = True
            raise WorkerDied("the grading process ended") from None
        if error is not None:
            raise error
        return result

    def end(self) -> None:
        """End the process at once, with everything that it has started."""
        with contextlib.suppress(OSError):
            self._control.close()  # it ends then, even if it misses the signal on its way to wait
        self._process.terminate()
        try:
            self._process.wait(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            self._kill()
        for connection in self._connections:
            with contextlib.suppress(OSError):
                connection.close()

    def _kill(self) -> None:
        from autograder.execution.client import descendants, kill

        for pid in reversed(descendants(self._process.pid)):
            kill(pid, signal.SIGKILL)
        self._process.wait()


def _started(module: str, descriptors: list[int]) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "course.run.worker_process", module, *map(str, descriptors)]
    paths = os.pathsep.join(filter(None, sys.path))
    return subprocess.Popen(  # noqa: S603  (our own command)
        command,
        pass_fds=descriptors,
        env={**os.environ, "PYTHONPATH": paths},
        stdin=subprocess.DEVNULL,
    )


def spread(
    function: Callable[..., Any], jobs: Iterable[tuple[Any, ...]], lanes: int
) -> Iterator[tuple[int, Any]]:
    """Compute many things in one process; yield the number of each and its result as they come.

    Raises:
        WorkerDied: the process ended.
        Exception: what the function raised.
    """
    process, free = WorkerProcess(lanes), queue.SimpleQueue[int]()
    for lane in range(lanes):
        free.put(lane)

    def one(job: tuple[Any, ...]) -> Any:
        lane = free.get()
        try:
            return process.compute(lane, function, *job)
        finally:
            free.put(lane)

    pool = ThreadPoolExecutor(lanes)
    try:
        numbers = {pool.submit(one, job): number for number, job in enumerate(jobs)}
        for future in as_completed(numbers):
            yield numbers.pop(future), future.result()
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
        process.end()


# Inside the process


def main() -> None:
    """Serve until the parent closes its connection or is gone."""
    begin()
    control, *lanes = (Connection(int(number)) for number in sys.argv[2:])
    importlib.import_module(sys.argv[1])
    for lane in lanes:
        threading.Thread(target=_serve, args=(lane,), daemon=True).start()
    with contextlib.suppress(EOFError, OSError):
        control.recv()
    leave()


def begin() -> None:
    """Make the process deaf to Ctrl-C, which its parent hears, and tidy when it is ended."""
    from course.run import quiet

    quiet.quieten()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})  # kernels are interrupted with it
    signal.signal(signal.SIGTERM, lambda *_: leave())


def leave() -> None:
    """End this process and everything that it has started, without waiting for any of it."""
    from autograder.execution import pool

    pool.abandon()
    os._exit(1)


def _serve(lane: Connection) -> None:
    with contextlib.suppress(EOFError, OSError):
        while True:
            lane.send(_answer(lane.recv_bytes()))


def _answer(request: bytes) -> tuple[Any, Exception | None]:
    """Return what a function returned, or what it raised."""
    with _IMPORTING:
        function, arguments = pickle.loads(request)  # noqa: S301  (our parent's)
    try:
        return function(*arguments), None
    except Exception as error:  # for the parent to raise
        return None, error


if __name__ == "__main__":
    main()
