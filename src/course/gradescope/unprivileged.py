"""Run students' code as a user that owns nothing and can read no test, where there is no sandbox.

Gradescope's containers allow no namespaces, so bubblewrap does not work in them. Instead, only root
can read the files that hold tests, which is tried before any student's code runs; the student's
kernel is another user's, with no way back to root; memory, processes and files are limited; and,
where Linux does it, there is no network and none of the system calls that ``minikernel.syscalls``
refuses. docs/exchange.md says what does not hold.
"""

import ctypes
import errno
import os
import platform
import shutil
import socket
import struct
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

import matplotlib as mpl

from autograder.execution.client import ForkServer, KernelClient
from autograder.execution.pool import KernelPool
from minikernel import syscalls

PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, FILTER = 38, 22, 2
SOCKET = {"x86_64": 41, "aarch64": 198}  # the kernel's number of the call, by machine


class UnguardedError(Exception):
    """Students' code could read what it must not; the message names it."""


def move(pool: KernelPool, uid: int, readable: Path) -> None:
    """Let the students' kernels of a pool run as another user.

    Args:
        pool: without a sandbox, and with no kernel made yet
        uid: the user; it must own nothing
        readable: the folder with the packages that a student's code imports

    Raises:
        ForkServerError: no process of that user can be started.
    """
    home = Path(pool.folder) / "student"
    home.parent.chmod(0o711)
    (home.parent / "tests").chmod(0o700)
    fonts = home / "matplotlib"
    fonts.mkdir()
    for path in Path(mpl.get_cachedir()).glob("fontlist*.json"):  # which takes seconds to make
        shutil.copyfile(path, fonts / path.name)
    for path in (home, fonts, *fonts.iterdir()):
        os.chown(path, uid, uid)
    variables = {
        "HOME": str(home),
        "MPLCONFIGDIR": str(fonts),
        "PYTHONPATH": str(readable),
        "COURSE_DATA": str(readable / "data"),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    settings = replace(pool.students.settings, uid=uid)
    pool.replace_students(ForkServer(settings, KernelClient, variables=variables))
    with _to_be_ended_first():
        pool.students.done_with(pool.students.kernel())


def check(uid: int, secret: Sequence[Path]) -> None:
    """Try, as the user, to read what must not be read and to become root.

    Raises:
        UnguardedError: one of them succeeds.
    """
    if os.geteuid() != 0:
        raise UnguardedError(
            "there is no sandbox, and only root can make another user of a process"
        )
    for path in secret:
        if path.exists() and _can(uid, partial(_read, path)):
            raise UnguardedError(f"students' code could read {path.name}, and there is no sandbox")
    if _can(uid, lambda: os.setuid(0)):
        raise UnguardedError("students' code could become root, and there is no sandbox")


def wall_off() -> list[str]:
    """Give up, for this process and all that it starts, what grading does not need.

    Returns:
        what Linux does not let go of, in words; nothing if all is well.
    """
    libc, missing = ctypes.CDLL(None, use_errno=True), []
    if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0):
        missing.append("programs can still give more rights than their user has")
    for what, refuse in (("rare system calls", syscalls.refuse), ("the network", _refuse_network)):
        try:
            refuse(libc)
        except OSError as error:
            missing.append(f"{what} cannot be refused ({error.strerror or error})")
    return missing


@contextmanager
def _to_be_ended_first() -> Iterator[None]:
    """Let Linux, when memory runs out, end what is started meanwhile before all others.

    Without all its rights, root cannot see how much memory another user's processes hold, so
    autograder.execution.client cannot add it up, and the container's own limit has to hit the right
    process.
    """
    score = Path("/proc/self/oom_score_adj")
    kept = score.read_text()
    with suppress(OSError):
        score.write_text("1000")
    try:
        yield
    finally:
        with suppress(OSError):
            score.write_text(kept)


def _can(uid: int, do: Callable[[], object]) -> bool:
    """Return whether a process of a user can do something without an error."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            os.setgroups([])
            os.setresgid(uid, uid, uid)
            os.setresuid(uid, uid, uid)
            code = 2
            do()
            code = 0
        except OSError:
            pass
        finally:
            os._exit(code)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if code not in (0, 2):
        raise UnguardedError("this container does not let root become another user")
    return code == 0


def _read(path: Path) -> None:
    if path.is_dir():
        list(path.iterdir())
    else:
        with path.open("rb") as file:
            file.read(1)


def _refuse_network(libc: ctypes.CDLL) -> None:
    """Refuse sockets of every kind but those between processes of one machine."""
    machine = platform.machine()
    if machine not in SOCKET:
        raise OSError(0, f"the system calls of {machine} are not known")
    steps = [
        (syscalls.LOAD, syscalls.NUMBER, 0, 0),
        (syscalls.EQUAL, SOCKET[machine], 0, 2),
        (syscalls.LOAD, syscalls.ARGUMENTS[0], 0, 0),
        (syscalls.EQUAL, int(socket.AF_UNIX), 0, 1),
        (syscalls.RETURN, syscalls.ALLOW, 0, 0),
        (syscalls.RETURN, syscalls.REFUSE | errno.EPERM, 0, 0),
    ]
    program = b"".join(struct.pack("HBBI", do, yes, no, value) for do, value, yes, no in steps)
    code = ctypes.create_string_buffer(program)
    header = struct.pack("HxxxxxxP", len(steps), ctypes.addressof(code))
    if libc.prctl(PR_SET_SECCOMP, FILTER, ctypes.create_string_buffer(header), 0, 0):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
