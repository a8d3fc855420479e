"""A process that has imported and loaded everything once, and that kernels fork from.

``python -m minikernel.fork_server FD`` takes requests from the socket with that number: each comes
with one
end of a wire, on which the new kernel then serves. Between its birth and the first cell a kernel is
walled off: its own namespaces for users, processes, mounts and shared memory, where the kernel
allows that, fresh empty folders to write to, limits, no capabilities, fewer system calls. When the
first process of a kernel ends, the kernel ends all others in it.

This module does not know what a kernel is for. It must stay a single thread: what is forked is one.
"""

import ctypes
import gc
import importlib
import json
import os
import random
import resource
import shutil
import signal
import socket
import sys
import traceback
from pathlib import Path
from typing import Any

import numpy as np

CLONE_NEWNS, CLONE_NEWIPC, CLONE_NEWUSER, CLONE_NEWPID = 0x20000, 0x8000000, 0x10000000, 0x20000000
MS_NOSUID, MS_NODEV, MS_REC, MS_PRIVATE = 0x2, 0x4, 0x4000, 0x40000
PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS = 1, 4, 24, 38
N_CAPABILITIES = 64
CAPABILITY_VERSION_3 = 0x20080522

Policy = dict[str, Any]


def shared_arrays(preload: str) -> dict[str, np.ndarray]:
    """Import and load: ``preload`` is code that may leave a dictionary ``shared``, in any depth.

    Returns:
        every array in ``shared`` by a name that is the same in every process.
    """
    scope: dict[str, Any] = {}
    exec(compile(preload, "<preload>", "exec"), scope)  # noqa: S102  (it is the instructor's own)
    found: dict[str, np.ndarray] = {}

    def walk(value: Any, name: str) -> None:
        if isinstance(value, np.ndarray):
            found[name] = value
        elif isinstance(value, dict):
            for key, item in value.items():
                walk(item, f"{name}/{key}")
        elif isinstance(value, (list, tuple)):
            for i, item in enumerate(value):
                walk(item, f"{name}/{i}")

    walk(scope.get("shared", {}), "")
    return found


def main() -> None:
    """Get ready, say so, then fork a room for every request until the socket is closed."""
    control = socket.socket(fileno=int(sys.argv[1]))
    policy: Policy = json.loads(sys.argv[2])
    _font_cache(policy)
    if policy.get("uid"):
        _become(policy["uid"])
    from minikernel import syscalls
    from minikernel.server import leave
    from minikernel.shell import DESCRIPTORS, Shell

    shell = Shell.make()
    shared = shared_arrays(policy["preload"])
    ready = {name: array.copy() for name, array in shared.items()} if policy["limited"] else {}
    module, _, kind = policy["kernel"].partition(":")
    kernel_class = getattr(importlib.import_module(module), kind)
    _warm_up(shell)
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)  # no kernel looks into its fork server's memory
    walls = policy["walls"] and _walls_work(libc, policy)
    gc.collect()
    gc.freeze()  # keep the collector from touching, and so copying, what all kernels share
    control.send(json.dumps({"ready": True, "walls": walls}).encode())
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    while True:
        try:
            request, ends, _, _ = socket.recv_fds(control, 4096, 1)
        except InterruptedError:
            continue
        _reap()
        if not request:
            return
        if not ends:
            continue
        if os.fork():
            for end in ends:
                os.close(end)
            continue
        control.close()
        wire = socket.socket(fileno=ends[0])
        try:
            os.setsid()
            if walls:
                _wall_off(libc, policy)
            _limit(policy)
            if policy["walls"]:
                syscalls.refuse(libc)
            _announce(wire)
            signal.signal(signal.SIGINT, signal.default_int_handler)
            _settle(policy)
            DESCRIPTORS.capture()
            kernel_class(shell, shared, ready).serve(wire)
        except BaseException:  # including what a cell left running in a thread
            traceback.print_exc()
        finally:
            leave()


def _become(uid: int) -> None:
    """Give up being root for a user that owns nothing."""
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)


def _font_cache(policy: Policy) -> None:
    """Bring matplotlib's list of fonts along, which takes seconds to make."""
    if policy.get("fonts"):
        copy = Path(os.environ["MPLCONFIGDIR"])
        copy.mkdir()
        copy.chmod(0o777)
        for path in Path(policy["fonts"]).glob("fontlist*.json"):
            shutil.copyfile(path, copy / path.name)


def _warm_up(shell: Any) -> None:
    """Run what IPython puts off until the first cell, the first error and the first picture."""
    for source in ("1", "1 / 0", "import matplotlib.pyplot as _p\n_p.plot([0, 1])\n_p.show()"):
        shell.cell(source)
    shell.reset(new_session=True)


def _reap() -> None:
    """Collect children that have ended."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass


def _walls_work(libc: ctypes.CDLL, policy: Policy) -> bool:
    """Try in a child whether this kernel lets a process wall itself off."""
    pid = os.fork()
    if pid == 0:
        try:
            _wall_off(libc, policy)
        except BaseException:
            os._exit(1)
        os._exit(0)
    return os.waitpid(pid, 0)[1] == 0


def _wall_off(libc: ctypes.CDLL, policy: Policy) -> None:
    """Continue as the first process of new namespaces, with folders of its own.

    Raises:
        OSError: the kernel refuses.
    """
    uid, gid = os.getuid(), os.getgid()
    resource.setrlimit(resource.RLIMIT_NPROC, (policy["processes"],) * 2)
    libc.prctl(PR_SET_DUMPABLE, 1, 0, 0, 0)  # else the maps below belong to root
    _check(libc.unshare(CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWIPC))
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{uid} {uid} 1")
    Path("/proc/self/gid_map").write_text(f"{gid} {gid} 1")
    child = os.fork()  # the process itself stays in its old process namespace
    if child:
        for descriptor in range(3, 64):
            try:
                os.close(descriptor)
            except OSError:
                continue
        status = os.waitpid(child, 0)[1]
        os._exit(os.waitstatus_to_exitcode(status) & 0x7F)
    os.setsid()  # away from the one that waits: a signal to the group stays in the kernel
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    _check(libc.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None))
    options = f"size={policy['disk']},nr_inodes=20000,mode=0700".encode()
    for folder in policy["folders"]:
        _check(libc.mount(b"tmpfs", folder.encode(), b"tmpfs", MS_NOSUID | MS_NODEV, options))
    libc.mount(b"proc", b"/proc", b"proc", MS_NOSUID | MS_NODEV, None)  # refused in some sandboxes
    for number in range(N_CAPABILITIES):
        libc.prctl(PR_CAPBSET_DROP, number, 0, 0, 0)
    libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION_3, 0)
    nothing = (ctypes.c_uint32 * 6)()
    _check(libc.capset(header, nothing))


def _check(result: int) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def _limit(policy: Policy) -> None:
    """Bound what the kernel takes: address space, file sizes, descriptors, processes; no core."""
    if not policy["limited"]:
        return
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limits = {
        resource.RLIMIT_AS: pages * resource.getpagesize() + policy["memory"],
        resource.RLIMIT_FSIZE: policy["disk"],
        resource.RLIMIT_NOFILE: 512,
        resource.RLIMIT_NPROC: policy["processes"],
        resource.RLIMIT_CORE: 0,
    }
    for kind, amount in limits.items():
        _, hard = resource.getrlimit(kind)
        wanted = amount if hard == resource.RLIM_INFINITY else min(amount, hard)
        resource.setrlimit(kind, (wanted, wanted))


def _announce(wire: socket.socket) -> None:
    """Say hello; the kernel adds the sender's process number, as the receiver knows it."""
    wire.sendmsg([b"hello"])


def _settle(policy: Policy) -> None:
    """Start as a fresh process would: own folder, own random numbers, own matplotlib cache."""
    home = policy["home"]
    os.chdir(home)
    os.environ["HOME"] = home
    seed = os.urandom(16)
    np.random.seed(np.frombuffer(seed, np.uint32))  # noqa: NPY002
    random.seed(seed)


if __name__ == "__main__":
    main()
