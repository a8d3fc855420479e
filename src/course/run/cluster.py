"""Grade on many machines: send jobs to the workers of a Dask cluster.

A job goes out as bytes and its result comes back as bytes. A task is named by its job's key, so
equal jobs are computed once, whoever asks. A worker that dies costs time and nothing else: another
one gets its job. A job may therefore be computed twice; only the process that reads the results
publishes them.
"""

import contextlib
import itertools
import logging
import queue
import sys
import time
import warnings
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from distributed import CancelledError, Client, Future, get_worker
from distributed.scheduler import KilledWorker
from distributed.security import Security

from autograder import fingerprint
from autograder.execution import sandbox
from course.directory import CourseError
from course.run import quiet, workers
from course.run.workers import Done
from seqlab import data_files
from seqlab.errors import DataError

JOBS_PER_WORKER = 3  # one is computed, the next ones are there already
RETRIES = 2  # on other machines, of a job that a machine could not grade
CONNECT_SECONDS = 30.0
FIRST_WORKER_SECONDS = 30.0
POLL_SECONDS = 10.0  # between two counts of the workers
NO_WORKER_SECONDS = 600.0  # how long a run waits when all workers have gone
RESULT, REASON = b"=", b"!"  # the first byte of what a task returns
DATA, CODE = "data", "autograder"

# What a machine grades with: the version of each package, a hash of our code, a hash of the data.
# A plain mapping, since it is also compared with machines that run another version of our classes.
Profile = Mapping[str, str]


class Cluster:
    """The workers behind a scheduler's address.

    Attributes:
        address: the scheduler's, ``tcp://HOST:PORT`` or ``tls://HOST:PORT``
        data: the folder whose texts and weights every worker must have, too
        sandbox: whether every worker must have a sandbox
    """

    def __init__(self, address: str, data: Path, sandbox: bool = True):
        self.address, self.data, self.sandbox = address, data, sandbox

    def run(self, jobs: Iterable[tuple[str, bytes]]) -> Iterator[Done]:
        """Yield a Done for each job, a key and its bytes; closing the iterator cancels the rest.

        Raises:
            CourseError: there is no scheduler, no worker, or one that would grade differently.
        """
        remaining = iter(jobs)
        first = next(remaining, None)
        if first is None:  # every result is known already: do without a cluster
            return
        wanted = profile(self.data)
        with contextlib.closing(_connect(self.address)) as client:
            _check(client, self.address, wanted, self.sandbox)
            run = _Run(client, self.address, wanted)
            yield from run.results(itertools.chain([first], remaining))


class _Run:
    """One run on a cluster: the jobs that are out, and those that have come back."""

    def __init__(self, client: Client, address: str, wanted: Profile):
        self._client, self._address, self._wanted = client, address, wanted
        self._pending: set[Future[bytes]] = set()
        self._finished: queue.SimpleQueue[Future[bytes]] = queue.SimpleQueue()
        self._capacity = 0  # how many jobs may be out at a time
        self._last_count = self._last_worker = time.monotonic()
        self._is_waiting = False

    def results(self, jobs: Iterator[tuple[str, bytes]]) -> Iterator[Done]:
        """Yield a Done for each job, sending out no more of them than the workers need."""
        self._count_workers()
        try:
            while True:
                for key, packed in itertools.islice(jobs, self._free()):
                    self._submit(key, packed)
                if not self._pending:
                    return
                future = self._next()
                yield _done(future, self._address)
                self._pending.discard(future)
        finally:
            with contextlib.suppress(Exception):  # a scheduler that is gone has nothing to cancel
                self._client.cancel(list(self._pending))

    def _submit(self, key: str, packed: bytes) -> None:
        future = self._client.submit(
            grade_bytes, packed, self._wanted, key=f"grade-{key}", pure=True, retries=RETRIES
        )
        self._pending.add(future)
        future.add_done_callback(self._finished.put)

    def _free(self) -> int:
        """Return how many more jobs may be sent out now."""
        if time.monotonic() > self._last_count + POLL_SECONDS:
            self._count_workers()
        return max(self._capacity - len(self._pending), 0)

    def _next(self) -> Future[bytes]:
        """Wait for the next future that is done.

        Raises:
            CourseError: the scheduler or all workers are gone.
        """
        while True:
            try:
                return self._finished.get(timeout=POLL_SECONDS)
            except queue.Empty:
                self._count_workers()

    def _count_workers(self) -> None:
        """See how many jobs may be out: workers may come and go during a run.

        Raises:
            CourseError: the scheduler is gone, or all workers have been gone for too long.
        """
        try:
            threads = sum(self._client.nthreads().values())
        except Exception as error:  # Dask's, Tornado's or the system's
            raise _gone(self._address, error) from None
        self._last_count = time.monotonic()
        if threads:
            self._capacity, self._last_worker = JOBS_PER_WORKER * threads, self._last_count
        elif self._last_count > self._last_worker + NO_WORKER_SECONDS:
            raise CourseError(
                f"all workers of {self._address} are gone: start some, then run the same command "
                "again; what was graded is kept"
            )
        elif not self._is_waiting:
            print("no worker is left: waiting for one", file=sys.stderr)
        self._is_waiting = not threads


def grade_bytes(packed: bytes, wanted: Profile) -> bytes:
    """Grade a job; this function runs on a worker.

    Raises:
        RuntimeError: this machine cannot grade, or would grade differently.
    """
    quiet.quieten()
    if complaint := difference(wanted, profile(data_files.data_dir())):  # one that joined later
        raise RuntimeError(f"worker {get_worker().address} {complaint}")
    done = workers.compute("", packed)
    if done.fatal:
        raise RuntimeError(f"worker {get_worker().address} cannot grade: {done.reason}")
    return RESULT + done.result if done.result is not None else REASON + done.reason.encode()


def profile(data: Path) -> dict[str, str]:
    """Return everything about this machine that can change a result."""
    code, texts = fingerprint.installed(), fingerprint.data(data)
    return {**fingerprint.environment(), CODE: code, DATA: texts}


def difference(wanted: Profile, actual: Profile) -> str:
    """Return how a machine's profile differs and what to do, or an empty string.

    >>> difference({"numpy": "2.1"}, {"numpy": "1.26"})
    'has numpy 1.26, not 2.1: install the same lock file there'
    """
    for name, version in wanted.items():
        here = actual.get(name, "none")
        if here == version:
            continue
        if name == DATA:
            return "has other data: copy data/ there, or set COURSE_DATA"
        if name == CODE:
            return "runs another version of the autograder: update it there and start it again"
        return f"has {name} {here}, not {version}: install the same lock file there"
    return ""


def inspect(wanted: Profile, needs_sandbox: bool) -> str:
    """Return why this worker may not grade and what to do, or an empty string."""
    try:
        if complaint := difference(wanted, profile(data_files.data_dir())):
            return complaint
        if needs_sandbox:
            sandbox.Sandbox(()).check()
    except DataError as error:
        return f"has no data ({error})"
    except sandbox.SandboxError as error:
        return f"has no sandbox ({error})"
    return ""


def _connect(address: str) -> Client:
    """Connect to a scheduler; certificates for ``tls://`` come from Dask's configuration.

    Raises:
        CourseError: no scheduler answers there, or there are no certificates.
    """
    security = Security()
    try:
        tls = security.get_connection_args("client")["ssl_context"]
    except OSError as error:
        raise CourseError(f"Dask's certificates cannot be read: {error}") from None
    if address.startswith("tls://") and tls is None:
        raise CourseError(f"{address} needs certificates: set them as docs/scaling.md shows")
    logging.getLogger("distributed").setLevel(logging.CRITICAL)  # we report losses in one line
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about versions, which we compare ourselves
            return Client(address, security=security, timeout=CONNECT_SECONDS, set_as_default=False)
    except (OSError, ValueError, RuntimeError) as error:
        raise CourseError(
            f"no Dask scheduler answers at {address} ({_first_line(error)}): start one with "
            "dask scheduler, and give the address that it prints"
        ) from None


def _check(client: Client, address: str, wanted: Profile, needs_sandbox: bool) -> None:
    """Inspect every worker before any of them gets a job.

    Raises:
        CourseError: there is no worker, or one of them is not fit; the message names it.
    """
    try:
        client.wait_for_workers(1, timeout=FIRST_WORKER_SECONDS)
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
    answers = client.run(inspect, wanted, needs_sandbox, on_error="return")
    still_there = client.nthreads()
    for worker, answer in answers.items():
        if complaint := _complaint(answer, worker in still_there):
            raise CourseError(f"worker {worker} {complaint}")


def _complaint(answer: str | Exception, is_there: bool) -> str:
    """Return what is wrong with a worker; one that has left meanwhile is no reason to stop."""
    if isinstance(answer, ImportError):
        return f"does not have the autograder ({answer}): install the same lock file there"
    if isinstance(answer, Exception):
        return f"cannot be asked ({_first_line(answer)})" if is_there else ""
    return answer


def _done(future: Future[bytes], address: str) -> Done:
    """Return what became of a task.

    Raises:
        CourseError: the scheduler lost it.
    """
    key = str(future.key).removeprefix("grade-")
    try:
        raw = future.result(timeout=NO_WORKER_SECONDS)  # its worker may have died meanwhile
    except KilledWorker as error:
        return Done(key, reason=_killed(error))
    except RuntimeError as error:
        return Done(key, reason=str(error), fatal=True)
    except (CancelledError, OSError) as error:  # the scheduler is gone, or was restarted
        raise _gone(address, error) from None
    except Exception as error:  # a fault of the autograder's: one row, not a stopped batch
        return Done(key, reason=f"the grader failed: {type(error).__name__}: {error}")
    if raw[:1] == RESULT:
        return Done(key, raw[1:])
    return Done(key, reason=raw[1:].decode(errors="replace"))


def _killed(error: KilledWorker) -> str:
    last = getattr(error.last_worker, "address", error.last_worker)
    return f"{error.allowed_failures + 1} workers died over it, the last was {last}"


def _gone(address: str, error: BaseException) -> CourseError:
    return CourseError(
        f"the scheduler at {address} went away ({_first_line(error)}): start it and its workers, "
        "then run the same command again; what was graded is kept"
    )


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
