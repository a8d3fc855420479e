"""A process that has imported and loaded everything once, and that kernels are forked from.

``python -m minikernel.fork_server FD SETTINGS`` takes requests from the socket with that number:
each brings one end of a connection, on which the new kernel then serves. Before the first cell, a
kernel is isolated: it gets its own namespaces for users, processes, mounts and shared memory, where
Linux allows that, empty folders to write to, limits, no capabilities, fewer system calls. When the
first process of a kernel ends, Linux ends all others in it.

The fork server must stay a single thread, since a fork copies only the thread that forks.
"""

import ctypes
import gc
import importlib
import json
import os
import signal
import socket
import sys
import traceback
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from minikernel import isolation, messages, randomness, syscalls
from minikernel.encoding import SharedArrays
from minikernel.protocol import Array
from minikernel.server import KernelServer, leave
from minikernel.settings import KernelSettings
from minikernel.shell import DESCRIPTORS, Shell

PYPLOT, FONTS = "matplotlib.pyplot", "matplotlib.font_manager"  # modules
PICTURE = "import matplotlib.pyplot as _p\n_p.plot([0, 1])\n_p.show()"


@dataclass
class KernelFactory:
    """Everything that a kernel has before it is forked."""

    settings: KernelSettings
    shell: Shell
    shared: SharedArrays
    ready: dict[str, Array]
    kernel_class: type[KernelServer]
    libc: ctypes.CDLL
    fonts: dict[str, bytes]
    isolated: bool = False

    @classmethod
    def prepare(cls, settings: KernelSettings, fonts: dict[str, bytes]) -> "KernelFactory":
        """Import and load what kernels need."""
        shell = Shell.make()
        shared = shared_arrays(settings.preload)
        ready = {name: array.copy() for name, array in shared.items()} if settings.limited else {}
        module, _, name = settings.kernel.partition(":")
        kernel_class = getattr(importlib.import_module(module), name)
        kernel_class.prepare(shell)
        _warm_up(shell)
        libc = ctypes.CDLL(None, use_errno=True)
        libc.prctl(isolation.PR_SET_DUMPABLE, 0, 0, 0, 0)  # no kernel can look into this memory
        isolated = settings.isolated and isolation.is_possible(libc, settings)
        return cls(settings, shell, shared, ready, kernel_class, libc, fonts, isolated)

    def serve(self, connection: socket.socket, seed: bytes) -> None:
        """Be a kernel from here to the end of the process.

        Args:
            connection: where requests come from
            seed: what random numbers are drawn from
        """
        try:
            os.setsid()
            self._confine()
            connection.sendmsg([b"hello"])  # Linux adds the process number, as the receiver sees it
            signal.signal(signal.SIGINT, signal.default_int_handler)
            if FONTS not in sys.modules:  # else it has read the list
                _write_font_lists(self.fonts)
            _start_afresh(self.settings.home, seed)
            DESCRIPTORS.capture()
            self.kernel_class(self.shell, self.shared, self.ready).serve(connection)
        except BaseException:  # including what a cell has left running in a thread
            traceback.print_exc()
        finally:
            leave()

    def _confine(self) -> None:
        if self.isolated:
            isolation.isolate(self.libc, self.settings)
        if self.settings.limited:
            isolation.limit(self.settings)
        if self.settings.isolated:
            syscalls.refuse(self.libc)


def main() -> None:
    """Get ready, say so, then fork a kernel for every request until the socket is closed."""
    control = socket.socket(fileno=int(sys.argv[1]))
    settings = KernelSettings.from_json(sys.argv[2])
    fonts = _font_lists(settings.fonts)  # which no other user can read
    _write_font_lists(fonts)
    if settings.uid:
        isolation.become(settings.uid)
    gc.disable()
    factory = KernelFactory.prepare(settings, fonts)
    gc.collect()
    gc.freeze()  # keep the collector from touching, and so copying, what all kernels share
    gc.enable()
    control.send(json.dumps(messages.Ready(isolated=factory.isolated)).encode())
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    for connection, seed in _requests(control):
        if os.fork() == 0:
            control.close()
            factory.serve(connection, seed)
        connection.close()


def _requests(control: socket.socket) -> Iterator[tuple[socket.socket, bytes]]:
    """Yield connection and seed of every request until nobody sends any more."""
    while True:
        try:
            request, ends, _, _ = socket.recv_fds(control, 4096, 1)
        except InterruptedError:
            continue
        _reap()
        if not request:
            return
        if ends:
            yield socket.socket(fileno=ends[0]), request


def shared_arrays(preload: str) -> SharedArrays:
    """Run ``preload``; return every array in its dictionary ``shared``, in any depth, by a name.

    The names are the same in every process.

    >>> list(shared_arrays("import numpy; shared = {'a': [numpy.ones(2), 3]}"))
    ['/a/0']
    """
    scope: dict[str, Any] = {}
    exec(compile(preload, "<preload>", "exec"), scope)  # noqa: S102  (it is the instructor's own)
    return SharedArrays(dict(_arrays(scope.get("shared", {}), "")))


def _arrays(value: object, name: str) -> Iterator[tuple[str, Array]]:
    if isinstance(value, np.ndarray):
        yield name, value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _arrays(item, f"{name}/{key}")
    elif isinstance(value, (list, tuple)):
        for i, item in enumerate(value):
            yield from _arrays(item, f"{name}/{i}")


def _font_lists(folder: str) -> dict[str, bytes]:
    """Return matplotlib's lists of fonts; making one takes seconds."""
    paths = Path(folder).glob("fontlist*.json") if folder else ()
    return {path.name: path.read_bytes() for path in paths}


def _write_font_lists(lists: Mapping[str, bytes]) -> None:
    """Put lists of fonts where matplotlib looks for them, unless they are there."""
    folder = Path(os.environ.get("MPLCONFIGDIR", ""))
    if lists and not folder.exists():
        folder.mkdir()
        folder.chmod(0o777)
        for name, content in lists.items():
            (folder / name).write_bytes(content)


def _warm_up(shell: Shell) -> None:
    """Run what IPython puts off until the first cell, the first error and the first picture."""
    for source in ("1", "1 / 0", *([PICTURE] if PYPLOT in sys.modules else [])):
        shell.cell(source)
    shell.reset(new_session=True)


def _reap() -> None:
    """Collect the kernels that have ended."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass


def _start_afresh(home: str, seed: bytes) -> None:
    """Work in the kernel's own folder, with random numbers of its own."""
    os.chdir(home)
    os.environ["HOME"] = home
    randomness.use(seed)


if __name__ == "__main__":
    main()
