"""Who computes results: processes on this machine, or a Dask cluster.

A scheduler takes bundles by key and yields results as they come, in any order. A process that dies
takes nothing with it but time: its bundle is given to another one. This module does not know what
a bundle is of, nor what is done with results.
"""

import contextlib
import queue
import signal
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from autograder import job
from course.run.worker_process import LANES, WorkerDied, WorkerProcess

TRIES = 3  # of a bundle whose process dies


@dataclass(frozen=True)
class Done:
    """A result, or why there is none; ``fatal`` where no other bundle would fare better."""

    key: str
    result: bytes | None = None
    reason: str = ""
    fatal: bool = False


class Scheduler(Protocol):
    """What the batch needs of whoever computes."""

    def run(self, jobs: Iterable[tuple[str, bytes]]) -> Iterator[Done]:
        """Yield a Done for every job, a key and its bundle, as soon as it is there."""


@dataclass(frozen=True)
class InProcess:
    """This process, whose fork servers stay alive as long as it does."""

    data: Path

    def run(self, jobs: Iterable[tuple[str, bytes]]) -> Iterator[Done]:
        """Compute one job after the other."""
        for key, packed in jobs:
            yield compute(key, packed, self.data)


class Local:
    """Processes on this machine, each with fork servers that stay alive."""

    def __init__(self, workers: int, data: Path, started: WorkerProcess | None = None):
        """Take how many submissions are graded at a time.

        Args:
            workers: so many
            data: where the course's data lie
            started: a process that was started while there was something else to do
        """
        self.workers, self.data = workers, data
        self._started = started
        self._stop = threading.Event()
        self._graders: list[WorkerProcess] = []
        self._lock = threading.Lock()

    def run(self, jobs: Iterable[tuple[str, bytes]]) -> Iterator[Done]:
        """Compute; closing the iterator stops the processes."""
        self._stop, self._graders = threading.Event(), []  # of this run: an earlier one is over
        waiting: queue.SimpleQueue[tuple[str, bytes]] = queue.SimpleQueue()
        done: queue.SimpleQueue[Done] = queue.SimpleQueue()
        count = 0
        source = iter(jobs)
        for each in _first(source, self.workers):  # no more than is needed is in memory
            waiting.put(each)
            count += 1
        n = min(self.workers, count)
        groups = [_Group(min(LANES, n - first)) for first in range(0, n, LANES)]
        if self._started:
            self._graders.append(self._started)
            if groups and self._started.lanes >= groups[0].lanes:
                groups[0].grader = self._started
            self._started = None  # of the first run: it ends with it
        threads = [
            threading.Thread(target=self._work, args=(group, lane, waiting, done), daemon=True)
            for group in groups
            for lane in range(group.lanes)
        ]
        for thread in threads:
            thread.start()
        try:
            while count:
                yield done.get()
                count -= 1
                for each in _first(source, 1):
                    waiting.put(each)
                    count += 1
        finally:
            self._stop.set()
            for _ in threads:
                waiting.put(("", b""))
            with self._lock:
                for grader in self._graders:
                    grader.end()
            for thread in threads:
                thread.join(timeout=10)

    def _work(
        self,
        group: "_Group",
        lane: int,
        waiting: "queue.SimpleQueue[tuple[str, bytes]]",
        done: "queue.SimpleQueue[Done]",
    ) -> None:
        """Give bundles to one lane of a process, and of a new one whenever that has died."""
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # until a process has begun
        while not self._stop.is_set():
            key, packed = waiting.get()
            if not key:
                return
            done.put(self._compute(group, lane, key, packed))

    def _compute(self, group: "_Group", lane: int, key: str, packed: bytes) -> Done:
        """Try a bundle beside others, then by itself: what it kills then is its own process."""
        task = compute, key, packed, self.data
        for attempt in range(TRIES):
            alone = attempt > 0
            grader = self._alone() if alone else self._of(group)
            if grader is None:
                return Done(key, reason="stopped")
            try:
                result: Done = grader.compute(0 if alone else lane, *task)
                return result
            except WorkerDied:
                with group.lock:
                    if group.grader is grader:
                        group.grader = None
            finally:
                if alone:
                    grader.end()
        return Done(key, reason=f"the grading process died {TRIES} times over it")

    def _of(self, group: "_Group") -> WorkerProcess | None:
        """Return the process of a group, started if there is none; None when all is over."""
        with group.lock:
            if group.grader is None:
                group.grader = self._alone(group.lanes)
            return group.grader

    def _alone(self, lanes: int = 1) -> WorkerProcess | None:
        with self._lock:
            if self._stop.is_set():
                return None
            self._graders.append(WorkerProcess(lanes, __name__))
            return self._graders[-1]


@dataclass
class _Group:
    """Threads that share a process."""

    lanes: int
    grader: WorkerProcess | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)


def compute(key: str, packed: bytes, data: Path | None = None) -> Done:
    """Return the result of a bundle; whatever goes wrong becomes a reason."""
    from autograder.execution.client import ForkServerError
    from autograder.execution.sandbox import SandboxError
    from autograder.execution.test_side import ProvidedCellError

    try:
        return Done(key, job.grade(packed, data))
    except (SandboxError, ForkServerError) as error:
        return Done(key, reason=str(error), fatal=True)
    except ProvidedCellError as error:
        return Done(key, reason=str(error))
    except Exception as error:  # a fault of the grader's: one row, not a stopped batch
        return Done(key, reason=f"the grader failed: {type(error).__name__}: {error}")


def _first(jobs: Iterator[tuple[str, bytes]], n: int) -> Iterator[tuple[str, bytes]]:
    for _ in range(n):
        with contextlib.suppress(StopIteration):
            yield next(jobs)
