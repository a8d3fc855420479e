"""The fork servers of a process, and the grading of a notebook with them.

A process keeps its fork servers for as long as the policy stays the same: starting them takes
seconds, a kernel a fraction of one. This module does not know where notebooks come from.
"""

import atexit
import json
import os
import shutil
import signal
import tempfile
import threading
from collections.abc import Mapping
from dataclasses import asdict
from functools import cache
from pathlib import Path

import nbformat
import numpy as np
from nbformat import NotebookNode

import minikernel
import seqlab
from autograder.execution import session, test_requests
from autograder.execution.client import (
    ENVIRONMENT,
    ForkServer,
    KernelClient,
    KernelError,
    TestKernelClient,
    descendants,
    kill,
)
from autograder.execution.report import ReplayedTest, SessionReport
from autograder.execution.sandbox import Sandbox, courses_around
from autograder.policy import Policy
from autograder.status import Unreadable
from autograder.submission.intake import CLEAR
from autograder.submission.prepared import Prepared, RawSubmission
from minikernel.settings import KernelSettings
from seqlab import data_files as seqlab_files


class KernelPool:
    """Fork servers, ready to grade: one for test kernels, and one for students in each thread."""

    def __init__(self, policy: Policy, data: Path):
        self.policy = policy
        self._scratch = tempfile.TemporaryDirectory(prefix="autograder-")
        self._sandbox = sandbox(data, policy.disk) if policy.sandbox else None
        self._student = KernelSettings(
            kernel="minikernel.server:KernelServer",
            preload=policy.preload,
            home=self._folder("student"),
            disk=policy.disk,
            limited=True,
            memory=policy.memory,
            processes=policy.processes,
        )
        test_kernel = KernelSettings(
            kernel="autograder.execution.test_kernel:TestKernel",
            preload=policy.preload,
            home=self._folder("tests"),
            disk=policy.disk,
        )
        self._variables = {"COURSE_DATA": str(data)}
        self._of_thread = threading.local()
        self._made: list[ForkServer[KernelClient]] = []
        self.test_kernels = ForkServer(test_kernel, TestKernelClient, variables=self._variables)

    @property
    def students(self) -> ForkServer[KernelClient]:
        """Return this thread's fork server: no two submissions are in one sandbox at a time."""
        fork_server: ForkServer[KernelClient] | None = getattr(self._of_thread, "fork_server", None)
        if fork_server is None:
            fork_server = ForkServer(self._student, KernelClient, self._sandbox, self._variables)
            self.replace_students(fork_server)
        return fork_server

    def replace_students(self, fork_server: ForkServer[KernelClient]) -> None:
        """Let another fork server make this thread's students' kernels."""
        self._of_thread.fork_server = fork_server
        self._made.append(fork_server)

    def prepare(self, submission: RawSubmission) -> Prepared:
        """Return a submission in its assignment's shape, worked out by a kernel made for that.

        Raises:
            Unreadable: it cannot be brought into shape, or not within the limits.
            ForkServerError: no kernel can be made.
        """
        kernel, seconds = self.test_kernels.kernel(), self.policy.reading_seconds
        kernel.memory = self.policy.reading_memory
        names = list(submission.submitted)
        cells = [asdict(cell) for cell in submission.cells]
        request = test_requests.PrepareRequest(
            assignment=submission.assignment,
            cells=cells,
            submitted=names,
            others={n: [list(cell) for cell in of] for n, of in submission.others.items()},
        )
        contents = [submission.template.encode(), *submission.submitted.values()]
        arrays = [np.frombuffer(content, np.uint8) for content in contents]
        try:
            answer = kernel.prepare(request, arrays, seconds)
        except KernelError as error:
            raise Unreadable(f"reading it was stopped: {error}: {CLEAR}") from None
        finally:
            self.test_kernels.done_with(kernel)
        if answer.interrupted:
            raise Unreadable(f"reading it took more than {seconds:g} s: {CLEAR}")
        if unreadable := answer.reply["unreadable"]:
            raise Unreadable(unreadable)
        return Prepared(
            nbformat.from_dict(json.loads(answer.arrays[0].tobytes())),
            nbformat.reads(submission.template, as_version=4),
            submission.beside(),
            tuple(answer.reply["reasons"]),
            answer.reply["python"],
            tuple(answer.reply["dropped"]),
        )

    def grade(
        self,
        notebook: NotebookNode,
        files: Mapping[str, bytes],
        released: NotebookNode,
        key: bytes = b"",
        catalogue: str = "",
    ) -> SessionReport:
        """Fill in a notebook's outputs; see ``session.Session``.

        Raises:
            SandboxError: there must be a sandbox, and this machine has none.
            ForkServerError: no kernel can be made.
        """
        sources = {cell.id: cell.source for cell in released.cells}
        work = self._session(files, released, key, catalogue)
        return work.run(notebook, sources, self.policy.demos)

    def replay(
        self,
        notebook: NotebookNode,
        files: Mapping[str, bytes],
        released: NotebookNode,
        key: bytes,
        test: str,
        catalogue: str = "",
    ) -> ReplayedTest:
        """Return what a test asks of a student's functions; see ``session.Session.replay``.

        Raises:
            SandboxError, ForkServerError: as in ``grade``.
            KernelError: a kernel was lost on the way.
        """
        sources = {cell.id: cell.source for cell in released.cells}
        work = self._session(files, released, key, catalogue)
        return work.replay(notebook, sources, test, demos=self.policy.demos)

    def _session(
        self, files: Mapping[str, bytes], released: NotebookNode, key: bytes, catalogue: str
    ) -> session.Session:
        defined = session.names_to_define(released)
        self.begin()
        return session.Session(
            self.students, self.test_kernels, self.policy, files, defined, key, catalogue
        )

    def begin(self) -> None:
        """Start this thread's fork servers, both at once: each takes a second or more.

        Raises:
            SandboxError: there must be a sandbox, and this machine has none.
        """
        self.test_kernels.begin()
        self.students.begin()

    @property
    def folder(self) -> str:
        """Return the folder that kernels outside of a sandbox work in."""
        return self._scratch.name

    def close(self) -> None:
        """End all fork servers."""
        for fork_server in self._made:
            fork_server.close()
        self.test_kernels.close()
        self._scratch.cleanup()

    def _folder(self, name: str) -> str:
        path = Path(self._scratch.name) / name
        path.mkdir()
        return str(path)


def sandbox(data: Path, disk: int, *courses: Path) -> Sandbox:
    """Return the sandbox in which students find seqlab and the data, and nothing else of ours.

    Args:
        data: the folder that notebooks load data from
        disk: bytes that each writable folder may hold
        courses: folders that must not be in view, besides those that this process finds around
            its working directory, the data and the packages
    """
    packages = [Path(package.__file__ or "").resolve().parent for package in (seqlab, minikernel)]
    parents = dict.fromkeys(str(package.parent) for package in packages)
    return Sandbox(
        readable=(*packages, data),
        environment=(
            *ENVIRONMENT.items(),
            ("PYTHONPATH", ":".join(parents)),
            ("COURSE_DATA", str(data)),
        ),
        disk=disk,
        fonts=_font_lists(),
        courses=(*courses_around(Path.cwd(), data, *packages), *(c.resolve() for c in courses)),
    )


def _font_lists() -> Path:
    """Return the folder in which matplotlib keeps its list of fonts, without loading matplotlib."""
    caches = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(os.environ.get("MPLCONFIGDIR") or Path(caches) / "matplotlib").expanduser()


def shared_pool(policy: Policy, data: Path | None = None) -> KernelPool:
    """Return this process's pool for a policy, made when it is first asked for."""
    where = (data or seqlab_files.data_dir()).resolve()
    with _LOCK:  # of several threads the first one makes it
        return _made_for(policy, where, os.getpid())


@cache
def _made_for(policy: Policy, data: Path, process: int) -> KernelPool:
    pool = KernelPool(policy, data)
    atexit.register(pool.close)
    _made.append(pool)
    return pool


def abandon() -> None:
    """Kill all that this process has started and remove its folders, without waiting for any."""
    for pid in reversed(descendants(os.getpid())[1:]):
        kill(pid, signal.SIGKILL)
    for pool in _made:
        shutil.rmtree(pool.folder, ignore_errors=True)


_made: list[KernelPool] = []
_LOCK = threading.Lock()
