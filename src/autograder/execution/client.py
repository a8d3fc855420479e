"""Clients of kernels: fork servers that are kept alive, requests with limits on time and memory.

A fork server that has died is started again. A kernel that does not answer in time is interrupted,
then killed with everything that it has started.
"""

import contextlib
import itertools
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import IO, Any, Generic, TypeVar

import numpy as np

from autograder.execution import test_requests
from autograder.execution.sandbox import Sandbox, SandboxError
from minikernel import messages, protocol
from minikernel.messages import Message
from minikernel.protocol import Array
from minikernel.settings import KernelSettings

TICK = 0.2  # seconds between two looks at a kernel's memory
UNIX_SOCKETS, INTERNET_SOCKETS = 128, 32  # in the network of a student's kernel
GRACE = 2.0  # seconds that an interrupted kernel has to answer
START_SECONDS = 120.0
STRUCT_UCRED = 12  # bytes: pid, uid, gid
PAGE = os.sysconf("SC_PAGE_SIZE")  # bytes

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
    "PYTHONHASHSEED": "0",  # a set has the same order whenever the same work is graded
}


class KernelError(Exception):
    """A kernel is lost; the message says how."""

    status = "crashed"


class KernelDied(KernelError):  # noqa: N818
    """A kernel ended before it answered."""


class KernelTimeout(KernelError):  # noqa: N818
    """A kernel did not answer in time, and not when it was interrupted either."""

    status = "timed out"


class InvalidReply(KernelError):  # noqa: N818
    """A kernel sent something that is not a reply to the request."""

    status = "suspicious"

    def __init__(self, why: object):
        super().__init__(f"its reply is invalid: {why!s:.300}")


class ForkServerError(Exception):
    """No kernel can be started on this machine; the message says why."""


@dataclass
class Answer(Generic[Message]):
    """A kernel's reply; ``interrupted`` says that the kernel had to be stopped to get it."""

    reply: Message
    arrays: list[Array]
    interrupted: bool = False


# What a kernel asks and the arrays of that, to a reply and its arrays
Answers = Callable[[Mapping[str, Any], list[Array]], tuple[Mapping[str, Any], list[Array]]]


@dataclass
class KernelClient:
    """One kernel: a connection to it, and the number of its first process."""

    connection: socket.socket
    pid: int
    memory: int = 0  # bytes that all its processes may hold together; 0: not watched
    sockets: bool = False  # watch how many are open in its network, which is the sandbox's own
    limits: protocol.MessageLimits = field(default_factory=protocol.MessageLimits)
    lost: KernelError | None = None
    answers: Answers | None = None  # to what the kernel asks while it is called; None: it must not
    _ids: "itertools.count[int]" = field(
        default_factory=lambda: itertools.count(int.from_bytes(os.urandom(5), "big"))
    )

    def run(self, source: str, seconds: float) -> Answer[messages.RunReply]:
        """Run a cell.

        Raises:
            KernelError: there is no reply; the kernel is dead from then on. So it is everywhere.
        """
        request = messages.RunRequest(source=source)
        answer = self.ask("run", request, messages.RunReply, seconds)
        with self._losing(""):
            self.check_use()  # of what a cell has left, too
        return answer

    def describe(self, names: list[str], seconds: float) -> Answer[messages.DescribeReply]:
        """Say of each name whether it is there, and what it is."""
        request = messages.DescribeRequest(names=names)
        return self.ask("describe", request, messages.DescribeReply, seconds)

    def get(self, name: str, seconds: float) -> Answer[messages.GetReply]:
        """Return the value of a name."""
        return self.ask("get", messages.GetRequest(name=name), messages.GetReply, seconds)

    def call(
        self, request: messages.CallRequest, arrays: Sequence[Array], seconds: float
    ) -> Answer[messages.CallReply]:
        """Call a function."""
        return self.ask("call", request, messages.CallReply, seconds, arrays)

    def replace(self, names: list[str], seconds: float) -> None:
        """Have these functions ask ``answers`` from now on, and no others any more."""
        request = messages.ReplaceRequest(names=names)
        self.ask("replace", request, messages.Nothing, seconds)

    def write_files(self, files: Mapping[str, bytes], seconds: float) -> None:
        """Write files into the kernel's working directory."""
        arrays = [np.frombuffer(content, np.uint8) for content in files.values()]
        request = messages.FilesRequest(names=list(files))
        self.ask("files", request, messages.Nothing, seconds, arrays)

    def ask(
        self,
        do: str,
        request: Mapping[str, Any],
        kind: type[Message],
        seconds: float,
        arrays: Sequence[Array] = (),
    ) -> Answer[Message]:
        """Send a request and return the reply, which is checked to be of a kind.

        Raises:
            KernelError: there is none; the kernel is dead from then on.
        """
        if self.lost:
            raise self.lost
        number = next(self._ids)
        with self._losing(f"no answer within {seconds:g} s"):
            self.connection.settimeout(seconds)
            protocol.send(self.connection, {**request, "do": do, "id": number}, arrays)
            raw, received, interrupted = self._received(seconds)
            reply = messages.checked(kind, raw)
            if raw.get("id") != number:
                raise protocol.ProtocolError("a reply to something else")
        return Answer(reply, received, interrupted)

    def _received(self, seconds: float) -> tuple[Any, list[Array], bool]:
        """Return what the kernel sends, and whether it was interrupted; answer what it asks."""
        end = time.monotonic() + seconds
        while True:
            interrupted = self._wait(end, seconds)
            deadline = time.monotonic() + max(GRACE, seconds)
            raw, arrays = protocol.receive(self.connection, self.limits, deadline)
            if self.answers is None or not (isinstance(raw, dict) and raw.get("do") == "ask"):
                return raw, arrays, interrupted
            if interrupted or time.monotonic() > end:
                raise KernelTimeout(f"no answer within {seconds:g} s, but questions")
            reply, arrays = self.answers(raw, arrays)
            self.connection.settimeout(max(end - time.monotonic(), GRACE))
            protocol.send(self.connection, reply, arrays)

    def kill(self) -> None:
        """End the kernel and everything in it."""
        if self.lost is None:
            self.lost = KernelDied("it was closed")
        for pid in reversed(descendants(self.pid)):
            kill(pid, signal.SIGKILL)
        self.connection.close()
        deadline = time.monotonic() + GRACE
        while is_alive(self.pid) and time.monotonic() < deadline:
            time.sleep(0.002)  # its processes count against the next kernel's until they are gone

    def lose(self, error: KernelError) -> KernelError:
        """Give the kernel up for a reason; return the reason."""
        self.lost = error
        self.kill()
        return error

    @contextlib.contextmanager
    def _losing(self, timeout: str) -> Iterator[None]:
        """Give the kernel up, for the right reason, if anything goes wrong."""
        try:
            yield
        except protocol.ConnectionClosed:
            raise self.lose(KernelDied("its process ended")) from None
        except protocol.ProtocolError as error:
            raise self.lose(InvalidReply(error)) from None
        except TimeoutError:
            raise self.lose(KernelTimeout(timeout)) from None
        except KernelError as error:
            raise self.lose(error) from None

    def check_use(self) -> None:
        """Raise KernelDied if its processes hold too much."""
        if self.memory and (used := resident(self.pid, self.memory // 2)) > self.memory:
            raise KernelDied(f"it took {used / 1e9:.1f} GB of memory")
        if self.sockets and (crowd := crowded(self.pid)):
            raise KernelDied(crowd)

    def _wait(self, deadline: float, seconds: float) -> bool:
        """Wait until a message begins; return whether the kernel had to be interrupted for it."""
        interrupted = False
        poll = select.poll()
        poll.register(self.connection, select.POLLIN)
        while not poll.poll(1000 * TICK):
            self.check_use()
            if time.monotonic() < deadline:
                continue
            if interrupted:
                raise KernelTimeout(f"no answer within {seconds:g} s, and it ignores interrupts")
            interrupted, deadline = True, time.monotonic() + GRACE
            kill(self.pid, signal.SIGINT)
        return interrupted


class TestKernelClient(KernelClient):
    """A test kernel, which understands more requests."""

    student: KernelClient | None = None  # whose functions it calls

    def check_use(self) -> None:
        """Look after the student's kernel as well, which goes on while a test runs."""
        super().check_use()
        if self.student and not self.student.lost:
            try:
                self.student.check_use()
            except KernelError as error:
                self.student.lose(error)

    def attach(self, student: KernelClient, call_seconds: float) -> None:
        """Let the test kernel call functions in a student's kernel.

        Raises:
            KernelError: the test kernel is dead.
        """
        request = test_requests.AttachRequest(
            pid=student.pid,
            memory=student.memory,
            call_seconds=call_seconds,
            limits=asdict(student.limits),
        )
        self.student = student
        try:
            self.connection.settimeout(GRACE)
            protocol.send(self.connection, {**request, "do": "attach", "id": next(self._ids)}, ())
            socket.send_fds(self.connection, [b"."], [student.connection.fileno()])
            protocol.receive(self.connection)
        except (OSError, protocol.ProtocolError) as error:
            raise self.lose(KernelDied(f"it cannot be connected: {error}")) from None

    def prepare(
        self, request: test_requests.PrepareRequest, arrays: Sequence[Array], seconds: float
    ) -> Answer[test_requests.PrepareReply]:
        """Prepare a submission."""
        return self.ask("prepare", request, test_requests.PrepareReply, seconds, arrays)

    def provide(
        self, request: test_requests.ProvideRequest, seconds: float
    ) -> Answer[messages.RunReply]:
        """Run a provided cell."""
        return self.ask("run", request, messages.RunReply, seconds)

    def test(
        self, request: test_requests.TestRequest, seconds: float
    ) -> Answer[test_requests.TestReply]:
        """Run a test."""
        return self.ask("test", request, test_requests.TestReply, seconds)

    def follow(
        self, request: test_requests.FollowRequest, seconds: float
    ) -> Answer[test_requests.FollowReply]:
        """Run a test with right functions in place of a student's."""
        return self.ask("follow", request, test_requests.FollowReply, seconds)

    def diagnose(
        self, request: test_requests.DiagnoseRequest, seconds: float
    ) -> Answer[test_requests.DiagnoseReply]:
        """Return why tests have failed."""
        return self.ask("diagnose", request, test_requests.DiagnoseReply, seconds)

    def calls(
        self, request: test_requests.CallsRequest, seconds: float
    ) -> Answer[test_requests.CallsReply]:
        """Return what the last test has asked of the student's functions."""
        return self.ask("calls", request, test_requests.CallsReply, seconds)


Client = TypeVar("Client", bound=KernelClient)


class ForkServer(Generic[Client]):
    """A process that forks kernels; started when first needed, and again whenever it has died."""

    def __init__(
        self,
        settings: KernelSettings,
        client: type[Client],
        sandbox: Sandbox | None = None,
        variables: Mapping[str, str] | None = None,
        isolated: bool = True,
    ):
        """Prepare to start the process.

        Args:
            settings: what kernels are to be like
            client: what is to be returned for each kernel
            sandbox: where the fork server and its kernels live; None for no sandbox
            variables: more of the environment, where there is no sandbox
            isolated: try to give each kernel namespaces of its own within the sandbox
        """
        self.settings, self.sandbox, self._variables = settings, sandbox, dict(variables or {})
        self.starts = 0
        self.isolated = False  # whether kernels are, once the process is ready
        self._client, self._try_isolation = client, isolated
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._complaints: IO[bytes] | None = None
        self._ready = False
        self._lock = threading.RLock()  # several threads may want kernels

    @property
    def process_id(self) -> int:
        """Return the process id of the fork server or of the sandbox around it; 0 for none."""
        return self._process.pid if self._process else 0

    def kernel(self, seed: bytes = b"") -> Client:
        """Return a new kernel.

        Args:
            seed: what its random numbers are drawn from; by default nobody knows

        Raises:
            ForkServerError: no kernel could be forked, and not by another fork server either.
            SandboxError: this machine has no sandbox, or one that shows what it must not.
        """
        with self._lock:
            try:
                return self._new_kernel(seed)
            except (OSError, protocol.ProtocolError):  # it may have been killed: start another
                self.close()
            try:
                return self._new_kernel(seed)
            except (OSError, protocol.ProtocolError) as error:
                complaint = self._complaint() or str(error)
                self.close()
                raise ForkServerError(f"no kernel could be started: {complaint}") from None

    def begin(self) -> None:
        """Start the process if there is none, without waiting until it is ready."""
        with self._lock:
            if self._process is None:
                self._start()

    def has_ended(self) -> bool:
        """Return whether the process was ended by somebody else, and its kernels with it."""
        if self._process is None:
            return False
        try:
            self._process.wait(timeout=TICK)
        except subprocess.TimeoutExpired:
            return False
        return True

    def done_with(self, kernel: Client) -> None:
        """Close a kernel, and the fork server too where its kernels cannot be isolated."""
        kernel.kill()
        if self.sandbox and not self.isolated:
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

    def _new_kernel(self, seed: bytes) -> Client:
        self.begin()
        if not self._ready:
            try:
                self._wait_until_ready()
            except SandboxError:
                self.close()
                raise
        return self._fork(seed or os.urandom(16))

    def _start(self) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            try:
                command, environment = self._command(theirs.fileno())
            except SandboxError:
                ours.close()
                raise
            self._complaints = tempfile.TemporaryFile()  # noqa: SIM115  (closed in close)
            self._process = subprocess.Popen(  # noqa: S603  (our own command)
                command,
                pass_fds=[theirs.fileno()],
                env=environment,
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=self._complaints,
                stderr=self._complaints,
                start_new_session=True,
            )
        self._control = ours
        self.starts += 1

    def _command(self, descriptor: int) -> tuple[list[str], dict[str, str]]:
        """Return the command that starts the process, and its environment."""
        command = [sys.executable, "-m", "minikernel.fork_server", str(descriptor)]
        if self.sandbox is None:
            return [*command, self.settings.to_json()], {
                **os.environ,
                **ENVIRONMENT,
                **self._variables,
            }
        settings = self.sandbox.adapted(replace(self.settings, isolated=self._try_isolation))
        return self.sandbox.wrap([*command, settings.to_json()]), {}

    def _wait_until_ready(self) -> None:
        control = self._connected()
        if self.sandbox:
            self.sandbox.check()  # while the fork server imports what it has to
        control.settimeout(START_SECONDS)
        raw = control.recv(4096)
        if not raw:
            raise OSError("the fork server ended while it was starting")
        self.isolated = messages.checked(messages.Ready, protocol.parsed(raw))["isolated"]
        self._ready = True

    def _fork(self, seed: bytes) -> Client:
        ours, theirs = protocol.pair()
        try:
            with theirs:
                ours.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
                socket.send_fds(self._connected(), [seed], [theirs.fileno()])
            pid = _greeted(ours)
        except OSError:
            ours.close()
            raise
        return self._client(ours, pid)

    def _connected(self) -> socket.socket:
        if self._control is None:
            raise OSError("the fork server has not been started")
        return self._control

    def _complaint(self) -> str:
        """Return the last line that the process has printed."""
        if self._complaints is None:
            return ""
        self._complaints.seek(0)
        lines = self._complaints.read(100_000).decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else ""


def _greeted(connection: socket.socket) -> int:
    """Wait for a kernel's greeting; return its process number, which Linux adds to it."""
    connection.settimeout(START_SECONDS)
    hello, ancillary, *_ = connection.recvmsg(16, socket.CMSG_SPACE(STRUCT_UCRED))
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 0)
    if hello != b"hello" or not ancillary:
        raise OSError("a kernel ended before it began")
    pid = int.from_bytes(ancillary[0][2][:4], sys.byteorder)
    if not pid:  # a signal to process 0 would be one to all of our own group
        raise OSError("a kernel's process cannot be seen from here")
    return pid


def descendants(pid: int) -> list[int]:
    """Return a process and everything that it and they have started, parents first."""
    family, waiting = [pid], [pid]
    while waiting and len(family) < 10_000:
        children = _children(waiting.pop())
        waiting += children
        family += children
    return family


def _children(pid: int) -> list[int]:
    children: list[int] = []
    with contextlib.suppress(OSError):  # it has ended
        for task in Path(f"/proc/{pid}/task").iterdir():
            children += map(int, (task / "children").read_text().split())
    return children


def is_alive(pid: int) -> bool:
    """Return whether a process is running or, at least, has not ended yet."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (OSError, IndexError):
        return False


def resident(pid: int, roughly_below: int = 0) -> int:
    """Return the bytes of memory that a process and its descendants hold, shared pages in part.

    >>> resident(os.getpid()) > 1_000_000
    True

    Args:
        pid: the process
        roughly_below: bytes; where they hold less, shared pages may be counted whole. For an exact
            answer Linux goes through all pages, which takes milliseconds.
    """
    family = descendants(pid)
    most = sum(map(_mapped, family))
    return most if most < roughly_below else sum(map(_held, family))


def _mapped(pid: int) -> int:
    """Return a process's bytes in memory, with every shared page and every page of a file."""
    with contextlib.suppress(OSError, ValueError, IndexError):  # it has ended
        return PAGE * int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return 0


def _held(pid: int) -> int:
    with contextlib.suppress(OSError, ValueError):  # it has ended
        try:
            return _listed(pid, "smaps_rollup", ("Pss_Anon:", "Pss_Shmem:"))
        except PermissionError:  # a test kernel's, for all but root; here shared pages count whole
            return _listed(pid, "status", ("RssAnon:", "RssShmem:"))
    return 0


def _listed(pid: int, name: str, fields: tuple[str, ...]) -> int:
    """Return the sum of some fields of a file of a process, in bytes."""
    lines = Path(f"/proc/{pid}/{name}").read_text().splitlines()
    return 1024 * sum(int(line.split()[1]) for line in lines if line.startswith(fields))


def crowded(pid: int) -> str:
    """Return of which sockets there are too many in a process's network, in words; "" for none.

    Their buffers belong to no process. A socket that was sent elsewhere or is shut counts, too.
    """
    counts = {"UNIX": 0, "others": 0}
    with contextlib.suppress(OSError, ValueError, IndexError):  # it has ended
        lines = Path(f"/proc/{pid}/net/protocols").read_text().splitlines()[1:]
        for name, _, number in (line.split()[:3] for line in lines):
            counts["UNIX" if name.startswith("UNIX") else "others"] += int(number)
    if counts["UNIX"] > UNIX_SOCKETS:
        return f"it opened more than {UNIX_SOCKETS} sockets"
    most = INTERNET_SOCKETS
    return f"it opened more than {most} internet sockets" if counts["others"] > most else ""


def kill(pid: int, number: signal.Signals) -> None:
    """Send a signal to a process that may have ended."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)
