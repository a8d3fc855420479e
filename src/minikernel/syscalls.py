"""System calls that students' code does not need, refused by Linux (seccomp).

Most of them would reach further into Linux than this code has to: new namespaces, in which it would
be root and could mount, keyrings that outlive it, other processes' memory. Some make memory that
belongs to no process, and so would escape the count of what processes hold. Of sockets only the
families are allowed that the sandbox's own network confines.
"""

import ctypes
import errno
import os
import platform
import socket
import struct

PR_SET_SECCOMP, FILTER = 22, 2
LOAD, EQUAL, AT_LEAST, ANY_BIT, RETURN = 0x20, 0x15, 0x35, 0x45, 0x06  # of the filter's machine
NUMBER, ARCHITECTURE, ARGUMENTS = 0, 4, (16, 24, 32)  # where Linux puts them
ALLOW, REFUSE = 0x7FFF0000, 0x00050000  # the latter with an error number
X32 = 0x40000000  # x86-64's other numbers for the same calls
NEW_NAMESPACES = 0x7E020000  # all that clone could be asked for

# By machine: Linux's number for it, the number of clone, and what is refused.
MACHINES: dict[str, tuple[int, int, dict[str, int]]] = {
    "x86_64": (
        0xC000003E,
        56,
        {
            "unshare": 272,
            "setns": 308,
            "mount": 165,
            "umount2": 166,
            "pivot_root": 155,
            "chroot": 161,
            "memfd_create": 319,
            "shmget": 29,
            "semget": 64,
            "msgget": 68,
            "mq_open": 240,
            "add_key": 248,
            "request_key": 249,
            "keyctl": 250,
            "ptrace": 101,
            "process_vm_readv": 310,
            "process_vm_writev": 311,
            "kcmp": 312,
            "bpf": 321,
            "perf_event_open": 298,
            "userfaultfd": 323,
            "open_by_handle_at": 304,
        },
    ),
    "aarch64": (
        0xC00000B7,
        220,
        {
            "unshare": 97,
            "setns": 268,
            "mount": 40,
            "umount2": 39,
            "pivot_root": 41,
            "chroot": 51,
            "memfd_create": 279,
            "shmget": 194,
            "semget": 190,
            "msgget": 186,
            "mq_open": 180,
            "add_key": 217,
            "request_key": 218,
            "keyctl": 219,
            "ptrace": 117,
            "process_vm_readv": 270,
            "process_vm_writev": 271,
            "kcmp": 272,
            "bpf": 280,
            "perf_event_open": 241,
            "userfaultfd": 282,
            "open_by_handle_at": 265,
        },
    ),
}
EVERYWHERE = {
    "io_uring_setup": 425,
    "io_uring_enter": 426,
    "io_uring_register": 427,
    "open_tree": 428,
    "move_mount": 429,
    "fsopen": 430,
    "fsconfig": 431,
    "fsmount": 432,
    "fspick": 433,
    "pidfd_getfd": 438,
    "mount_setattr": 442,
    "memfd_secret": 447,
}
# No namespace keeps the others apart: vsock leads to the host. Nor is memory of buffers counted for
# any process, so they keep their sizes.
FAMILIES = (socket.AF_UNIX, socket.AF_INET, socket.AF_INET6)
BUFFER_SIZES = (7, 8, 32, 33)  # SO_SNDBUF, SO_RCVBUF, and what root has of both
F_SETPIPE_SZ = 1031
SOCKETS = {
    "x86_64": {"socket": 41, "socketpair": 53, "setsockopt": 54, "fcntl": 72},
    "aarch64": {"socket": 198, "socketpair": 199, "setsockopt": 208, "fcntl": 25},
}
CLONE3 = 435  # its flags lie where no filter can read: told that it is unknown, C asks clone


def refuse(libc: ctypes.CDLL) -> None:
    """Let Linux refuse these calls to this process and all that it starts.

    Raises:
        OSError: Linux does not do that here, or the machine is unknown.
    """
    program = _program(platform.machine())
    code = ctypes.create_string_buffer(b"".join(program))
    header = struct.pack("HxxxxxxP", len(program), ctypes.addressof(code))
    if libc.prctl(PR_SET_SECCOMP, FILTER, ctypes.create_string_buffer(header), 0, 0):
        number = ctypes.get_errno()
        raise OSError(number, f"system calls cannot be refused: {os.strerror(number)}")


def _program(machine: str) -> list[bytes]:
    """Return the instructions of the filter."""
    if machine not in MACHINES:
        raise OSError(errno.ENOSYS, f"the system calls of {machine} are not known")
    architecture, clone, refused = MACHINES[machine]
    numbers = sorted({**refused, **EVERYWHERE}.values())
    sockets = SOCKETS[machine]
    return _assembled(
        [
            (LOAD, ARCHITECTURE, "", ""),
            (EQUAL, architecture, "", "no"),
            (LOAD, NUMBER, "", ""),
            (AT_LEAST, X32, "no", ""),
            *((EQUAL, number, "no", "") for number in numbers),
            (EQUAL, CLONE3, "unknown", ""),
            (EQUAL, clone, "clone", ""),
            (EQUAL, sockets["socket"], "socket", ""),
            (EQUAL, sockets["socketpair"], "socket", ""),
            (EQUAL, sockets["setsockopt"], "setsockopt", ""),
            (EQUAL, sockets["fcntl"], "fcntl", "allow"),
            "clone",
            (LOAD, ARGUMENTS[0], "", ""),
            (ANY_BIT, NEW_NAMESPACES, "no", "allow"),
            "socket",
            (LOAD, ARGUMENTS[0], "", ""),
            *((EQUAL, family, "allow", "") for family in FAMILIES),
            (RETURN, REFUSE | errno.EAFNOSUPPORT, "", ""),
            "setsockopt",
            (LOAD, ARGUMENTS[1], "", ""),
            (EQUAL, socket.SOL_SOCKET, "", "allow"),
            (LOAD, ARGUMENTS[2], "", ""),
            *((EQUAL, option, "no", "") for option in BUFFER_SIZES),
            (RETURN, ALLOW, "", ""),
            "fcntl",
            (LOAD, ARGUMENTS[1], "", ""),
            (EQUAL, F_SETPIPE_SZ, "no", "allow"),
            "allow",
            (RETURN, ALLOW, "", ""),
            "unknown",
            (RETURN, REFUSE | errno.ENOSYS, "", ""),
            "no",
            (RETURN, REFUSE | errno.EPERM, "", ""),
        ]
    )


Step = tuple[int, int, str, str]  # do what, with which value, go where if so, where if not


def _assembled(program: list[Step | str]) -> list[bytes]:
    """Return a filter's instructions, of steps and of labels that steps go to."""
    steps: list[Step] = []
    places: dict[str, int] = {}
    for line in program:
        if isinstance(line, str):
            places[line] = len(steps)
        else:
            steps.append(line)
    return [
        struct.pack("HBBI", do, *(places[to] - i - 1 if to else 0 for to in (yes, other)), value)
        for i, (do, value, yes, other) in enumerate(steps)
    ]
