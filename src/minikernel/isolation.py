"""What keeps a kernel from all others: namespaces, empty folders, no capabilities, limits."""

import ctypes
import os
import resource
import signal
from pathlib import Path

from minikernel.settings import KernelSettings

CLONE_NEWNS, CLONE_NEWIPC, CLONE_NEWUSER, CLONE_NEWPID = 0x20000, 0x8000000, 0x10000000, 0x20000000
MS_NOSUID, MS_NODEV, MS_REC, MS_PRIVATE = 0x2, 0x4, 0x4000, 0x40000
PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS = 1, 4, 24, 38
N_CAPABILITIES = 64
CAPABILITY_VERSION_3 = 0x20080522
DESCRIPTORS = 256  # that a limited kernel may have open


def become(uid: int) -> None:
    """Give up being root for a user that owns nothing."""
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)


def is_possible(libc: ctypes.CDLL, settings: KernelSettings) -> bool:
    """Try in a child process whether Linux lets it isolate itself here."""
    pid = os.fork()
    if pid == 0:
        try:
            isolate(libc, settings)
        except BaseException:
            os._exit(1)
        os._exit(0)
    return os.waitpid(pid, 0)[1] == 0


def isolate(libc: ctypes.CDLL, settings: KernelSettings) -> None:
    """Continue as the first process of new namespaces, with empty folders and no capabilities.

    Raises:
        OSError: Linux refuses.
    """
    resource.setrlimit(resource.RLIMIT_NPROC, (settings.processes,) * 2)
    _enter_namespaces(libc)
    _continue_in_child(libc)
    _mount_folders(libc, settings)
    _drop_capabilities(libc)


def _enter_namespaces(libc: ctypes.CDLL) -> None:
    uid, gid = os.getuid(), os.getgid()
    libc.prctl(PR_SET_DUMPABLE, 1, 0, 0, 0)  # else the maps below belong to root
    _check(libc.unshare(CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWIPC))
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{uid} {uid} 1")
    Path("/proc/self/gid_map").write_text(f"{gid} {gid} 1")


def _continue_in_child(libc: ctypes.CDLL) -> None:
    """Fork, since a process itself stays in its old process namespace; the parent only waits."""
    child = os.fork()
    if child:
        os.closerange(3, 64)
        status = os.waitpid(child, 0)[1]
        os._exit(os.waitstatus_to_exitcode(status) & 0x7F)
    os.setsid()  # away from the parent: a signal to the group stays in the kernel
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def _mount_folders(libc: ctypes.CDLL, settings: KernelSettings) -> None:
    _check(libc.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None))
    options = f"size={settings.disk},nr_inodes=20000,mode=0700".encode()
    for folder in settings.folders:
        _check(libc.mount(b"tmpfs", folder.encode(), b"tmpfs", MS_NOSUID | MS_NODEV, options))
    libc.mount(b"proc", b"/proc", b"proc", MS_NOSUID | MS_NODEV, None)  # refused in some sandboxes


def _drop_capabilities(libc: ctypes.CDLL) -> None:
    for number in range(N_CAPABILITIES):
        libc.prctl(PR_CAPBSET_DROP, number, 0, 0, 0)
    libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION_3, 0)
    nothing = (ctypes.c_uint32 * 6)()
    _check(libc.capset(header, nothing))


def limit(settings: KernelSettings) -> None:
    """Bound address space, file sizes, descriptors and processes; leave no core file."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limits = {
        resource.RLIMIT_AS: pages * resource.getpagesize() + settings.memory,
        resource.RLIMIT_FSIZE: settings.disk,
        resource.RLIMIT_NOFILE: DESCRIPTORS,
        resource.RLIMIT_NPROC: settings.processes,
        resource.RLIMIT_CORE: 0,
    }
    for kind, amount in limits.items():
        _, hard = resource.getrlimit(kind)
        bound = amount if hard == resource.RLIM_INFINITY else min(amount, hard)
        resource.setrlimit(kind, (bound, bound))


def _check(result: int) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
