"""The student's kernel is a sandbox: bubblewrap, an allow-list of what can be read, no network.

What is not on the list does not exist in there: no home folders, no course, no gradebook. This
module does not know what runs inside.
"""

import itertools
import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

INSTALL = "apt install bubblewrap (Debian, Ubuntu) or dnf install bubblewrap (Fedora)"
HOME = "/home/student"
FOLDERS = ("/tmp", HOME, "/dev/shm")  # noqa: S108  (inside the sandbox)
SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
ETC = (
    "ld.so.cache",
    "ld.so.conf",
    "ld.so.conf.d",
    "localtime",
    "timezone",
    "fonts",
    "alternatives",
    "mime.types",
)
HIDDEN = (
    "autograder",
    "course",
    "hidden_tests",
    "mistakes",
)  # packages of ours that may be installed beside the student's
FIRST_UID = 61_001  # of users that own nothing; each fork server of root's becomes one of them
N_UIDS = 4000
MOST_LANES = 8  # fork servers of a process that live at the same time, roughly
_COUNT = itertools.count()


class SandboxError(Exception):
    """There is no sandbox on this machine; the message says why and what to do."""


@dataclass(frozen=True)
class Sandbox:
    """How to start a command in a sandbox that can read ``readable``.

    Attributes:
        readable: files and folders that a student's code may read, besides Python itself
        environment: variables to set
        disk: bytes that each of its writable folders may hold
    """

    readable: tuple[Path, ...]
    environment: tuple[tuple[str, str], ...] = ()
    disk: int = 200_000_000
    fonts: Path | None = None

    def wrap(self, command: list[str]) -> tuple[list[str], dict[str, str], dict[str, Any]]:
        """Return the command in its sandbox, its environment, and what its fork server must know.

        Raises:
            SandboxError: bubblewrap is not installed, or would hide what has to be read.
        """
        for place in (*python_folders(), *self.readable):
            if folder := next((f for f in FOLDERS if place.is_relative_to(f)), None):
                raise SandboxError(
                    f"{place} lies below {folder}, which is an empty folder in the sandbox: move "
                    "the course and its environment somewhere else, below /srv for instance"
                )
        bwrap = shutil.which("bwrap")
        if bwrap is None:
            raise SandboxError(
                f"bubblewrap is missing, and students' code is not run without it: {INSTALL}; "
                "or accept the risk with --no-sandbox"
            )
        root = os.geteuid() == 0
        arguments = [
            bwrap,
            "--die-with-parent",
            "--new-session",
            "--clearenv",
            *(_ROOT if root else _USER),
            *self._mounts(),
        ]
        variables = {
            "PATH": f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin",
            "HOME": HOME,
            "USER": "student",
            "LOGNAME": "student",
            "LANG": "C.UTF-8",
            "MPLCONFIGDIR": "/tmp/matplotlib",  # noqa: S108
            "PYTHONDONTWRITEBYTECODE": "1",
            **dict(self.environment),
        }
        for name, value in variables.items():
            arguments += ["--setenv", name, value]
        arguments += ["--chdir", HOME, "--remount-ro", "/", "--", *command]
        extra: dict[str, Any] = {"folders": list(FOLDERS), "home": HOME, "disk": self.disk}
        if root:
            extra["uid"] = FIRST_UID + (os.getpid() * MOST_LANES + next(_COUNT)) % N_UIDS
        if self.fonts:
            extra["fonts"] = "/run/fonts"
        return arguments, {}, extra

    def check(self) -> None:
        """Start something in it.

        Raises:
            SandboxError: it cannot be.
        """
        arguments, environment, _ = self.wrap(["/usr/bin/env", "true"])
        try:
            done = subprocess.run(  # noqa: S603  (our own command)
                arguments, env=environment, capture_output=True, timeout=30, check=False
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise SandboxError(f"bubblewrap does not start: {error}") from None
        if done.returncode:
            said = done.stderr.decode(errors="replace").strip().splitlines()
            raise SandboxError(
                f"bubblewrap does not work here ({said[-1] if said else done.returncode}): "
                "docs/security.md says what it needs; or accept the risk with --no-sandbox"
            )

    def _mounts(self) -> Iterator[str]:
        for path in SYSTEM:
            if Path(path).is_symlink():
                yield from ("--symlink", str(Path(path).readlink()), path)
            elif Path(path).is_dir():
                yield from ("--ro-bind", path, path)
        for name in ETC:
            yield from ("--ro-bind-try", f"/etc/{name}", f"/etc/{name}")
        yield from ("--proc", "/proc", "--dev", "/dev")
        places = [*python_folders(), *self.readable, Path(HOME)]
        for parent in sorted({parent for place in places for parent in place.parents}):
            yield from ("--perms", "0755", "--dir", str(parent))
        for folder in FOLDERS:
            yield from ("--perms", "0777", "--size", str(self.disk), "--tmpfs", folder)
        for place in (*python_folders(), *self.readable):
            yield from ("--ro-bind", str(place), str(place))
        for place in python_folders():
            for name in HIDDEN:
                for hidden in place.glob(f"lib/python*/site-packages/{name}"):
                    yield from ("--tmpfs", str(hidden))
        if self.fonts:
            # Only saves time: where the folder has gone since matplotlib named it, do without.
            yield from ("--ro-bind-try", str(self.fonts), "/run/fonts")


# Root keeps its user namespace, so that it can become a user that owns nothing (see
# minikernel.fork_server); # anybody else gets a user namespace in which there is nobody to become.
_ROOT = (
    "--unshare-ipc",
    "--unshare-pid",
    "--unshare-net",
    "--unshare-uts",
    "--unshare-cgroup-try",
    "--cap-drop",
    "ALL",
    "--cap-add",
    "CAP_SETUID",
    "--cap-add",
    "CAP_SETGID",
)
_USER = ("--unshare-all", "--cap-drop", "ALL")


def python_folders() -> list[Path]:
    """Return the folders that the running Python is made of, outermost first."""
    places = {
        Path(place).resolve()
        for place in (
            sys.prefix,
            sys.base_prefix,
            sysconfig.get_path("purelib"),
            Path(sys.executable).parent.resolve().parent,
        )
    }
    here = {Path(sys.prefix), Path(sys.base_prefix)}  # as they are called, links and all
    found = sorted(
        place
        for place in places | here
        if not any(place.is_relative_to(system) for system in ("/usr", "/lib", "/bin"))
    )
    return [p for p in found if not any(q in p.parents for q in found)]
