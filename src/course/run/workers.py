"""Compute results: in this process, or in worker processes on this machine.

A scheduler takes jobs by key and yields results as they come, in any order. A worker process that
dies costs time and nothing else: another one gets its job.
"""

import queue
import signal
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Protocol

from autograder import job
from course.run.worker_process import LANES, WorkerDied, WorkerProcess

TRIES = 3  # of a job whose process dies

Keyed = tuple[str, bytes]  # a job, packed, behind its key


@dataclass(frozen=True)
class Done:
    """A result, or why there is none; ``fatal`` if no other job would fare better."""

    key: str
    result: bytes | None = None
    reason: str = ""
    fatal: bool = False


class Scheduler(Protocol):
    """What a batch needs to have its jobs computed."""

    def run(self, jobs: Iterable[Keyed]) -> Iterator[Done]:
        """Yield a Done for every job as soon as there is one."""


@dataclass(frozen=True)
class InProcess:
    """This process, whose fork servers stay alive as long as it does."""

    data: Path

    def run(self, jobs: Iterable[Keyed]) -> Iterator[Done]:
        """Compute one job after the other."""
        for key, packed in jobs:
            yield compute(key, packed, self.data)


class Local:
    """Worker processes on this machine, whose fork servers stay alive during a run.

    Example:
        for done in Local(4, course.data()).run(jobs):
            print(done.key, done.reason)
    """

    def __init__(self, workers: int, data: Path, started: WorkerProcess | None = None):
        """Take what a run needs.

        Args:
            workers: how many submissions are graded at a time
            data: the folder that notebooks load data from
            started: a process that was started early, for the first run
        """
        self.workers, self.data = workers, data
        self._started = started

    def run(self, jobs: Iterable[Keyed]) -> Iterator[Done]:
        """Compute; closing the iterator ends the processes."""
        started, self._started = self._started, None
        yield from _Run(self.workers, self.data, started).results(iter(jobs))


@dataclass
class _Group:
    """Threads that share a process: its lanes."""

    lanes: int
    process: WorkerProcess | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)


class _Run:
    """One run: a thread for each submission that is graded at a time, and their processes."""

    def __init__(self, workers: int, data: Path, started: WorkerProcess | None):
        self._workers, self._data, self._started = workers, data, started
        self._waiting: queue.SimpleQueue[Keyed | None] = queue.SimpleQueue()
        self._done: queue.SimpleQueue[Done] = queue.SimpleQueue()
        self._processes: list[WorkerProcess] = [started] if started else []
        self._is_over = threading.Event()
        self._lock = threading.Lock()  # of the processes

    def results(self, jobs: Iterator[Keyed]) -> Iterator[Done]:
        """Yield results; no more jobs than are computed at a time are in memory."""
        pending = self._put(jobs, self._workers)
        threads = self._start(min(self._workers, pending))
        try:
            while pending:
                yield self._done.get()
                pending += self._put(jobs, 1) - 1
        finally:
            self._end(threads)

    def _put(self, jobs: Iterator[Keyed], most: int) -> int:
        """Let some more jobs wait for a thread, and return how many."""
        count = 0
        for keyed in islice(jobs, most):
            self._waiting.put(keyed)
            count += 1
        return count

    def _start(self, n: int) -> list[threading.Thread]:
        """Start n threads, as many together as a process has lanes."""
        groups = [_Group(min(LANES, n - first)) for first in range(0, n, LANES)]
        if self._started and groups and self._started.lanes >= groups[0].lanes:
            groups[0].process = self._started
        lanes = [(group, lane) for group in groups for lane in range(group.lanes)]
        threads = [threading.Thread(target=self._work, args=lane, daemon=True) for lane in lanes]
        for thread in threads:
            thread.start()
        return threads

    def _end(self, threads: list[threading.Thread]) -> None:
        self._is_over.set()
        for _ in threads:
            self._waiting.put(None)
        with self._lock:
            for process in self._processes:
                process.end()
        for thread in threads:
            thread.join(timeout=10)

    def _work(self, group: _Group, lane: int) -> None:
        """Compute jobs in one lane until the run is over."""
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # until a process has begun
        while (keyed := self._waiting.get()) and not self._is_over.is_set():
            self._done.put(self._compute(group, lane, *keyed))

    def _compute(self, group: _Group, lane: int, key: str, packed: bytes) -> Done:
        """Try a job beside others, then in a process of its own: then it kills no other's."""
        if done := self._tried(self._process_of(group), lane, key, packed):
            return done
        for _ in range(TRIES - 1):
            process = self._new_process(1)
            done = self._tried(process, 0, key, packed)
            if process:
                process.end()
            if done:
                return done
        return Done(key, reason=f"the grading process died {TRIES} times over it")

    def _tried(
        self, process: WorkerProcess | None, lane: int, key: str, packed: bytes
    ) -> Done | None:
        """Return what a process made of a job; None if it died over it."""
        if process is None:
            return Done(key, reason="stopped")
        try:
            done: Done = process.compute(lane, compute, key, packed, self._data)
            return done
        except WorkerDied:
            return None

    def _process_of(self, group: _Group) -> WorkerProcess | None:
        """Return a group's process, a new one if that has died; None when the run is over."""
        with group.lock:
            if group.process is None or group.process.has_died:
                group.process = self._new_process(group.lanes)
            return group.process

    def _new_process(self, lanes: int) -> WorkerProcess | None:
        with self._lock:
            if self._is_over.is_set():
                return None
            self._processes.append(WorkerProcess(lanes, __name__))
            return self._processes[-1]


def compute(key: str, packed: bytes, data: Path | None = None) -> Done:
    """Grade a job; whatever goes wrong becomes a reason."""
    from autograder.execution.client import ForkServerError
    from autograder.execution.sandbox import SandboxError
    from autograder.execution.test_side import ProvidedCellError

    try:
        return Done(key, job.grade(packed, data))
    except (SandboxError, ForkServerError) as error:
        return Done(key, reason=str(error), fatal=True)
    except ProvidedCellError as error:
        return Done(key, reason=str(error))
    except Exception as error:  # a fault of the autograder's: one row, not a stopped batch
        return Done(key, reason=f"the grader failed: {type(error).__name__}: {error}")
