"""Who computes results on many machines: the workers of a Dask cluster.

Bundles go there, bytes come back: a byte that says what follows, then a result or a reason. A
task is named by its bundle's key, so equal work runs once, whoever asks for it; a worker that dies
takes nothing with it but time. A bundle may be computed more than once that way, but whoever reads
the results is the only one who publishes them.

This module does not know what a bundle is of, nor who started the workers, nor what is done with
results.
"""

import contextlib
import hashlib
import itertools
import logging
import queue
import sys
import time
import warnings
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from distributed import CancelledError, Client, Future, get_worker
from distributed.scheduler import KilledWorker

from autograder import job
from autograder.execution import sandbox
from course.directory import CourseError
from course.run import quiet, workers
from course.run.workers import Done
from seqlab import data_files
from seqlab.errors import DataError

EACH = 3  # bundles on their way for each worker: one is computed, the next is there already
RETRIES = 2  # of a bundle that a machine could not grade; another one may
CONNECT_SECONDS = 10.0
WORKER_SECONDS = 10.0  # for which a first worker is waited for
LOOK_SECONDS = 10.0  # between two looks at how many workers there are
GONE_SECONDS = 600.0  # for which a cluster may be without any worker in the middle of a run
RESULT, REASON = b"=", b"!"  # the byte before what a task returns
DATA, CODE = "data", "autograder"

Profile = Mapping[str, str]


class Cluster:
    """The workers behind a scheduler's address, for as long as a run lasts.

    Attributes:
        address: the scheduler's, ``tcp://HOST:PORT``
        data: the folder whose texts and weights the workers must have, too
        sandbox: whether they must be able to run students' code in a sandbox
    """

    def __init__(self, address: str, data: Path, sandbox: bool = True):
        self.address, self.data, self.sandbox = address, data, sandbox

    def run(self, jobs: Iterable[tuple[str, bytes]]) -> Iterator[Done]:
        """Compute; closing the iterator cancels what is on its way.

        Raises:
            CourseError: there is no scheduler, no worker, or one that would grade differently.
        """
        source = iter(jobs)
        first = next(source, None)
        if first is None:  # all is known already: no cluster is needed
            return
        wanted = profile(self.data)
        with contextlib.closing(_connect(self.address)) as client:
            _check(client, self.address, wanted, self.sandbox)
            run = _Run(client, self.address, dict(wanted))
            yield from run.results(itertools.chain([first], source))


class _Run:
    """One run on a cluster: what is on its way, and what has come back."""

    def __init__(self, client: Client, address: str, wanted: dict[str, str]):
        self._client, self._address, self._wanted = client, address, wanted
        self._under_way: set[Future] = set()
        self._finished: queue.SimpleQueue[Future] = queue.SimpleQueue()
        self._most, self._told = 0, False
        self._looked = self._seen = time.monotonic()

    def results(self, jobs: Iterator[tuple[str, bytes]]) -> Iterator[Done]:
        """Yield a Done for each job; no more bundles than the workers need are on their way."""
        self._look()
        try:
            while True:
                for key, packed in itertools.islice(jobs, self._free()):
                    self._submit(key, packed)
                if not self._under_way:
                    return
                future = self._next()
                yield _done(future, self._address)
                self._under_way.discard(future)
        finally:
            with contextlib.suppress(Exception):  # a scheduler that is gone has nothing to cancel
                self._client.cancel(list(self._under_way))

    def _submit(self, key: str, packed: bytes) -> None:
        future = self._client.submit(
            grade_bytes, packed, self._wanted, key=f"grade-{key}", pure=True, retries=RETRIES
        )
        self._under_way.add(future)
        future.add_done_callback(self._finished.put)

    def _free(self) -> int:
        if time.monotonic() > self._looked + LOOK_SECONDS:
            self._look()
        return max(self._most - len(self._under_way), 0)

    def _next(self) -> Future:
        """Return the next future that is done; wait for workers if there are none left.

        Raises:
            CourseError: none came back.
        """
        while True:
            try:
                return self._finished.get(timeout=LOOK_SECONDS)
            except queue.Empty:
                self._look()

    def _look(self) -> None:
        """Count the workers: they may come and go during a run."""
        try:
            threads = sum(self._client.nthreads().values())
        except Exception as error:  # Dask's, Tornado's and the system's
            raise _gone(self._address, error) from None
        self._looked = time.monotonic()
        if threads:
            self._most, self._seen = EACH * threads, self._looked
        elif self._looked > self._seen + GONE_SECONDS:
            raise CourseError(
                f"all workers of {self._address} are gone: start some, then run the same command "
                "again; what was graded is kept"
            )
        elif not self._told:
            print("no worker is left: waiting for one", file=sys.stderr)
        self._told = not threads


def grade_bytes(packed: bytes, wanted: Profile) -> bytes:
    """Grade a bundle; this is what a worker runs.

    Raises:
        RuntimeError: this machine cannot grade it, or would grade it differently.
    """
    quiet.quieten()
    if differs := difference(wanted, profile(data_files.data_dir())):  # one that joined later
        raise RuntimeError(f"worker {get_worker().address} {differs}")
    done = workers.compute("", packed)
    if done.fatal:
        raise RuntimeError(f"worker {get_worker().address} cannot grade: {done.reason}")
    return RESULT + done.result if done.result is not None else REASON + done.reason.encode()


def profile(data: Path) -> dict[str, str]:
    """Return what of a machine can change a result: versions, our own code, the data."""
    sums = data / data_files.SUMS
    hashed = hashlib.sha256(sums.read_bytes()).hexdigest() if sums.is_file() else "unlisted"
    return {**job.environment(), CODE: job.fingerprint(), DATA: hashed}


def difference(wanted: Profile, found: Profile) -> str:
    """Return how a machine's profile differs, and what to do, as the end of a sentence."""
    for name, version in wanted.items():
        here = found.get(name, "none")
        if here == version:
            continue
        if name == DATA:
            return "has other data: copy data/ there, or set COURSE_DATA"
        if name == CODE:
            return "runs another version of the autograder: update it there and start it again"
        return f"has {name} {here}, not {version}: install the same lock file there"
    return ""


def inspect(wanted: Profile, need_sandbox: bool) -> str:
    """Return what is wrong with this worker, as the end of a sentence; nothing if it may grade."""
    try:
        if differs := difference(wanted, profile(data_files.data_dir())):
            return differs
        if need_sandbox:
            sandbox.Sandbox(()).check()
    except DataError as error:
        return f"has no data ({error})"
    except sandbox.SandboxError as error:
        return f"has no sandbox ({error})"
    return ""


def _connect(address: str) -> Client:
    """Return a client.

    Raises:
        CourseError: no scheduler answers.
    """
    logging.getLogger("distributed").setLevel(logging.CRITICAL)  # what is lost, we say in one line
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # versions are compared below
            return Client(address, timeout=CONNECT_SECONDS, set_as_default=False)
    except (OSError, ValueError, RuntimeError) as error:
        raise CourseError(
            f"no Dask scheduler answers at {address} ({_first_line(error)}): start one with "
            "dask scheduler, and give the address that it prints"
        ) from None


def _check(client: Client, address: str, wanted: Profile, need_sandbox: bool) -> None:
    """Look at every worker before any of them gets work.

    Raises:
        CourseError: there is none, or one of them is not fit; the message names it.
    """
    try:
        client.wait_for_workers(1, timeout=WORKER_SECONDS)
    except TimeoutError:
        raise CourseError(
            f"the scheduler at {address} has no workers: start some with "
            f"dask worker {address} --nthreads 1 --nworkers 4"
        ) from None
    for worker, threads in client.nthreads().items():
        # Kernels die with the thread that started them, and a process has one pair of fork servers.
        if threads != 1:
            raise CourseError(
                f"worker {worker} has {threads} threads: start it again with --nthreads 1 "
                f"--nworkers {threads}"
            )
    answers = client.run(inspect, dict(wanted), need_sandbox, on_error="return")
    there = client.nthreads()
    for worker, answer in answers.items():
        if isinstance(answer, ImportError):
            answer = f"does not have the autograder ({answer}): install the same lock file there"
        elif isinstance(answer, Exception):
            answer = f"cannot be asked ({_first_line(answer)})" if worker in there else ""
        if answer:
            raise CourseError(f"worker {worker} {answer}")


def _done(future: Future, address: str) -> Done:
    """Return what became of a task.

    Raises:
        CourseError: the scheduler lost it.
    """
    key = str(future.key).removeprefix("grade-")
    try:
        raw = future.result(timeout=GONE_SECONDS)  # its worker may have died meanwhile
    except KilledWorker as error:
        deaths = error.allowed_failures + 1
        return Done(key, reason=f"{deaths} workers died over it, the last was {_name(error)}")
    except RuntimeError as error:
        return Done(key, reason=str(error), fatal=True)
    except (CancelledError, OSError) as error:  # the scheduler is gone, or was restarted
        raise _gone(address, error) from None
    except Exception as error:  # a fault of the grader's: one row, not a stopped batch
        return Done(key, reason=f"the grader failed: {type(error).__name__}: {error}")
    if raw[:1] == RESULT:
        return Done(key, raw[1:])
    return Done(key, reason=raw[1:].decode(errors="replace"))


def _gone(address: str, error: BaseException) -> CourseError:
    return CourseError(
        f"the scheduler at {address} went away ({_first_line(error)}): start it and its workers, "
        "then run the same command again; what was graded is kept"
    )


def _name(error: KilledWorker) -> Any:
    return getattr(error.last_worker, "address", error.last_worker)


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
