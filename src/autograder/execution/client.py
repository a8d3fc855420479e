"""Clients of kernels: fork servers kept alive, requests with limits on time and memory.

A fork server that has died is started again. A kernel that does not answer in time is interrupted,
then
killed with all that it started. This module does not know which cells are run, nor what is right.
"""

import itertools
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import numpy as np

from autograder.execution.sandbox import Sandbox, SandboxError
from minikernel import protocol

TICK = 0.2  # seconds between two looks at a kernel's memory
GRACE = 2.0  # seconds that an interrupted kernel has to answer
START_SECONDS = 120.0
STRUCT_UCRED = 12  # bytes: pid, uid, gid


class KernelError(Exception):
    """A kernel is lost; the message says how."""

    status = "crashed"


class KernelDied(KernelError):  # noqa: N818
    """A kernel ended before it answered."""


class KernelTimeout(KernelError):  # noqa: N818
    """A kernel did not answer in time, and not when it was interrupted either."""

    status = "timed out"


class KernelLied(KernelError):  # noqa: N818
    """A kernel answered with something that is no answer."""

    status = "suspicious"


class ForkServerError(Exception):
    """No kernel can be made on this machine; the message says why."""


@dataclass
class Answer:
    """What a kernel replied; ``interrupted`` says that it had to be stopped for it."""

    body: dict[str, Any]
    arrays: list[np.ndarray]
    interrupted: bool = False


@dataclass
class KernelClient:
    """One kernel: a wire to it, and the number of its first process."""

    end: socket.socket
    pid: int
    memory: int = 0  # bytes that all its processes may take together; 0: not watched
    answers: protocol.MessageLimits = field(default_factory=protocol.MessageLimits)
    lost: KernelError | None = None
    _ids: "itertools.count[int]" = field(
        default_factory=lambda: itertools.count(int.from_bytes(os.urandom(5), "big"))
    )

    def ask(
        self, do: str, seconds: float, arrays: Sequence[np.ndarray] = (), **body: Any
    ) -> Answer:
        """Send a request and return the answer.

        Raises:
            KernelError: there is none; the kernel is dead from then on.
        """
        if self.lost:
            raise self.lost
        number = next(self._ids)
        try:
            self.end.settimeout(seconds)
            protocol.send(self.end, {"do": do, "id": number, **body}, arrays)
            interrupted = self._wait(seconds)
            deadline = time.monotonic() + max(GRACE, seconds)
            reply, found = protocol.receive(self.end, self.answers, deadline)
            if not isinstance(reply, dict) or reply.get("id") != number:
                raise protocol.ProtocolError("an answer to something else")
        except protocol.Closed:
            raise self._lose(KernelDied("its process ended")) from None
        except protocol.ProtocolError as error:
            raise self._lose(KernelLied(f"its answer is none: {error}")) from None
        except TimeoutError:
            raise self._lose(KernelTimeout(f"no answer within {seconds:g} s")) from None
        except KernelError as error:
            raise self._lose(error) from None
        return Answer(reply, found, interrupted)

    def lend(self, other: "KernelClient", **body: Any) -> None:
        """Let this kernel, the test kernel's, ask another one by itself.

        Raises:
            KernelError: this kernel is dead.
        """
        number = next(self._ids)
        try:
            self.end.settimeout(GRACE)
            protocol.send(self.end, {"do": "sit", "id": number, "pid": other.pid, **body}, ())
            socket.send_fds(self.end, [b"."], [other.end.fileno()])
            protocol.receive(self.end)
        except (OSError, protocol.ProtocolError) as error:
            raise self._lose(KernelDied(f"it does not take a wire: {error}")) from None

    def kill(self) -> None:
        """End the kernel and everything in it."""
        if self.lost is None:
            self.lost = KernelDied("it was closed")
        for pid in reversed(descendants(self.pid)):
            kill(pid, signal.SIGKILL)
        self.end.close()
        deadline = time.monotonic() + GRACE
        while is_alive(self.pid) and time.monotonic() < deadline:
            time.sleep(0.002)  # its processes count against the next kernel's until they are gone

    def _wait(self, seconds: float) -> bool:
        """Wait until an answer begins; return whether the kernel had to be interrupted for it."""
        deadline, interrupted = time.monotonic() + seconds, False
        poll = select.poll()
        poll.register(self.end, select.POLLIN)
        while not poll.poll(1000 * TICK):
            if self.memory and (used := resident(self.pid)) > self.memory:
                raise KernelDied(f"it took {used / 1e9:.1f} GB of memory")
            if time.monotonic() < deadline:
                continue
            if interrupted:
                raise KernelTimeout(f"no answer within {seconds:g} s, and it ignores interrupts")
            interrupted, deadline = True, time.monotonic() + GRACE
            kill(self.pid, signal.SIGINT)
        return interrupted

    def _lose(self, error: KernelError) -> KernelError:
        self.lost = error
        self.kill()
        return error


class ForkServer:
    """A process that forks kernels; started when first needed, and again whenever it has died."""

    def __init__(
        self,
        policy: dict[str, Any],
        sandbox: Sandbox | None = None,
        variables: Mapping[str, str] | None = None,
        walls: bool = True,
    ):
        """Take what kernels are to be like.

        Args:
            policy: see minikernel.fork_server
            sandbox: where the fork server and its kernels live; None for no sandbox
            variables: more of the environment, where there is no sandbox
            walls: try to give each kernel namespaces of its own within the sandbox
        """
        self.policy, self.sandbox, self._variables = policy, sandbox, dict(variables or {})
        self.starts = 0
        self._try_walls = walls
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._complaints: IO[bytes] | None = None
        self._ready = False
        self._lock = threading.RLock()  # several threads may want kernels
        self.walls = False

    @property
    def process_id(self) -> int:
        """Return the process id of the fork server or of the sandbox around it; 0 for none."""
        return self._process.pid if self._process else 0

    def kernel(self) -> KernelClient:
        """Return a new kernel.

        Raises:
            ForkServerError: none could be made, and another fork server could not make one either.
            SandboxError: this machine has no sandbox, or one that shows what it must not.
        """
        with self._lock:
            for attempt in (1, 2):
                try:
                    self.begin()
                    if not self._ready:
                        self._wait_until_ready()
                    return self._fork()
                except SandboxError:
                    self.close()
                    raise
                except (OSError, protocol.ProtocolError, ValueError) as error:
                    complaint = self._complaint() or str(error)
                    self.close()
                    if attempt == 2:
                        raise ForkServerError(f"no kernel could be made: {complaint}") from None
        raise AssertionError("not reached")

    def begin(self) -> None:
        """Start the process if there is none, without waiting until it is ready."""
        with self._lock:
            if self._process is None:
                self._start()

    def has_ended(self) -> bool:
        """Return whether it was ended by somebody else, and its kernels with it."""
        if self._process is None:
            return False
        try:
            self._process.wait(timeout=TICK)
        except subprocess.TimeoutExpired:
            return False
        return True

    def done_with(self, kernel: KernelClient) -> None:
        """Close a kernel; where kernels cannot be walled off, the fork server goes with it."""
        kernel.kill()
        if self.sandbox and not self.walls:
            self.close()

    def close(self) -> None:
        """End the fork server."""
        if self._control:
            self._control.close()
        if self._process:
            if self._process.poll() is None:
                for pid in reversed(descendants(self._process.pid)):
                    kill(pid, signal.SIGKILL)
            self._process.wait()
        if self._complaints:
            self._complaints.close()
        self._process = self._control = self._complaints = None
        self._ready = False

    def _start(self) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        command = [sys.executable, "-m", "minikernel.fork_server", str(theirs.fileno())]
        environment = {**os.environ, **ENVIRONMENT, **self._variables}
        policy = {**self.policy, "walls": self.sandbox is not None and self._try_walls}
        if self.sandbox:
            try:
                command, environment, extra = self.sandbox.wrap(command)
            except SandboxError:
                ours.close()
                theirs.close()
                raise
            policy |= extra
        self._complaints = tempfile.TemporaryFile()  # noqa: SIM115  (closed with the fork server)
        self._process = subprocess.Popen(  # noqa: S603  (our own command)
            [*command, json.dumps(policy)],
            pass_fds=[theirs.fileno()],
            env=environment,
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=self._complaints,
            stderr=self._complaints,
            start_new_session=True,
        )
        theirs.close()
        self._control = ours
        self.starts += 1

    def _wait_until_ready(self) -> None:
        if self._control is None:
            raise OSError("the fork server has not been started")
        if self.sandbox:
            self.sandbox.check()  # while the fork server imports what it has to
        self._control.settimeout(START_SECONDS)
        raw = self._control.recv(4096)
        if not raw:
            raise OSError("the fork server ended while it was starting")
        self.walls = bool(json.loads(raw)["walls"])
        self._ready = True

    def _fork(self) -> KernelClient:
        ours, theirs = protocol.pair()
        if self._control is None:
            raise OSError("the fork server has not been started")
        try:
            ours.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
            socket.send_fds(self._control, [b"krnl"], [theirs.fileno()])
            theirs.close()
            ours.settimeout(START_SECONDS)
            hello, ancillary, *_ = ours.recvmsg(16, socket.CMSG_SPACE(STRUCT_UCRED))
            ours.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 0)
            if hello != b"hello" or not ancillary:
                raise OSError("a kernel ended before it began")
        except OSError:
            ours.close()
            theirs.close()
            raise
        pid = int.from_bytes(ancillary[0][2][:4], sys.byteorder)
        return KernelClient(ours, pid, self.policy.get("watch", 0))

    def _complaint(self) -> str:
        if self._complaints is None:
            return ""
        self._complaints.seek(0)
        lines = self._complaints.read(100_000).decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else ""


# What a kernel's process is started with; a student's kernel gets nothing else.
ENVIRONMENT = {
    "MPLBACKEND": "module://matplotlib_inline.backend_inline",
    "OPENBLAS_NUM_THREADS": "1",  # a process that forks must be one thread
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    # Memory that was used once is used again. Given back to the system, every large array would
    # be new pages, which take several times as long as the numbers in them.
    "MALLOC_MMAP_THRESHOLD_": "33554432",
    "MALLOC_TRIM_THRESHOLD_": "536870912",
    "PYDEVD_DISABLE_FILE_VALIDATION": "1",
    "PYTHONHASHSEED": "random",
}


def descendants(pid: int) -> list[int]:
    """Return a process and all that it and they have started, parents first."""
    found, next_ones = [pid], [pid]
    while next_ones:
        parent = next_ones.pop()
        try:
            for task in Path(f"/proc/{parent}/task").iterdir():
                children = (task / "children").read_text().split()
                next_ones += map(int, children)
                found += map(int, children)
        except OSError:  # it has ended
            continue
        if len(found) > 10_000:
            break
    return found


def is_alive(pid: int) -> bool:
    """Return whether a process is still there, if only ending."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (OSError, IndexError):
        return False


def resident(pid: int) -> int:
    """Return the bytes of memory that a process and its descendants hold, shared pages shared."""
    total = 0
    for each in descendants(pid):
        try:
            rollup = Path(f"/proc/{each}/smaps_rollup").read_text()
            total += 1024 * sum(
                int(line.split()[1])
                for line in rollup.splitlines()
                if line.startswith(("Pss_Anon:", "Pss_Shmem:"))
            )
        except (OSError, ValueError):  # it has ended
            continue
    return total


def kill(pid: int, number: signal.Signals) -> None:
    """Send a signal to a process that may have ended."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return
