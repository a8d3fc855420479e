"""The sandbox of a student's kernel: bubblewrap, an allow-list of what can be read, no network.

What is not on the list does not exist in there: no home folders, no course, no gradebook. Since
the list holds ``/usr`` and the folders of Python, our own packages may be installed in the middle
of it. They are covered with empty folders, and before anything is graded a process in the sandbox
tries to find them all the same.
"""

import contextlib
import itertools
import json
import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from pathlib import Path

from minikernel.settings import KernelSettings

INSTALL = "apt install bubblewrap (Debian, Ubuntu) or dnf install bubblewrap (Fedora)"
HOME = "/home/student"
FONTS = "/run/fonts"  # inside the sandbox
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
# Packages of ours that may be installed beside the student's.
HIDDEN = ("autograder", "course", "hidden_tests", "mistakes")
SECRET = ("source", "submitted", "gradebook.db")  # of a course
PROBE_SECONDS = 120
FIRST_UID = 61_001  # of users that own nothing; each fork server of root's becomes one of them
N_UIDS = 4000
MOST_LANES = 8  # fork servers of one process at a time, roughly
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
        fonts: matplotlib's list of fonts, to be copied
        courses: folders of courses, of which nothing else may be readable
    """

    readable: tuple[Path, ...]
    environment: tuple[tuple[str, str], ...] = ()
    disk: int = 200_000_000
    fonts: Path | None = None
    courses: tuple[Path, ...] = ()

    def wrap(self, command: Sequence[str]) -> list[str]:
        """Return the command that runs another one in the sandbox.

        Raises:
            SandboxError: bubblewrap is not installed, or would hide what has to be read, or would
                show a course.
        """
        self._refuse_what_is_hidden()
        self.refuse_courses_in_view()
        bwrap = shutil.which("bwrap")
        if bwrap is None:
            raise SandboxError(
                f"bubblewrap is missing, and students' code is not run without it: {INSTALL}; "
                "or accept the risk with --no-sandbox"
            )
        start = [bwrap, "--die-with-parent", "--new-session", "--clearenv"]
        namespaces = ROOT_NAMESPACES if _is_root() else USER_NAMESPACES
        end = ["--chdir", HOME, "--remount-ro", "/", "--", *command]
        return [*start, *namespaces, *self._mounts(), *self._variables(), *end]

    def adapted(self, settings: KernelSettings) -> KernelSettings:
        """Return what a fork server in the sandbox must know."""
        uid = free_uid() if _is_root() else 0
        fonts = FONTS if self.fonts else ""
        return replace(settings, folders=FOLDERS, home=HOME, disk=self.disk, uid=uid, fonts=fonts)

    def check(self) -> None:
        """Start Python in the sandbox and let it look for what must not be there.

        Raises:
            SandboxError: it does not start, or it finds something.
        """
        if visible := self.visible():
            raise SandboxError(
                f"students' code can read {visible[0]}, where the answers are: install the course "
                "in a virtual environment outside /usr (python -m venv /srv/course/.venv)"
            )

    def visible(self) -> list[str]:
        """Return what a process in the sandbox finds of our packages and of the courses.

        Raises:
            SandboxError: nothing can be started in the sandbox.
        """
        places = [str(course / name) for course in self.courses for name in SECRET]
        question = json.dumps([HIDDEN, places])
        visible: list[str] = json.loads(self._output([sys.executable, "-c", PROBE, question]))
        return visible

    def refuse_courses_in_view(self) -> None:
        """Refuse a course in a folder that can be read in the sandbox; nothing is started.

        Raises:
            SandboxError: with the course, the folder, and what to do.
        """
        for course in self.courses:
            if shown := next((f for f in self._shown() if course.is_relative_to(f)), None):
                raise SandboxError(
                    f"the course in {course} lies below {shown}, which students' code can read: "
                    "move the course somewhere else, below /srv for instance"
                )

    def covered(self) -> list[Path]:
        """Return the copies of our packages that students would see if nothing lay over them."""
        shown = self._shown()
        return [p for p in installed(HIDDEN) if any(p.is_relative_to(f) for f in shown)]

    def _output(self, command: list[str]) -> bytes:
        """Return what a command in the sandbox prints."""
        arguments = self.wrap(command)
        try:
            done = subprocess.run(  # noqa: S603  (our own command)
                arguments,
                env={},
                capture_output=True,
                timeout=PROBE_SECONDS,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise SandboxError(f"bubblewrap does not start: {error}") from None
        if done.returncode:
            lines = done.stderr.decode(errors="replace").strip().splitlines()
            raise SandboxError(
                f"bubblewrap does not work here ({lines[-1] if lines else done.returncode}): "
                "docs/security.md says what it needs; or accept the risk with --no-sandbox"
            )
        return done.stdout

    def _refuse_what_is_hidden(self) -> None:
        """Raise SandboxError if something to be read lies where the sandbox has empty folders."""
        for place in (*python_folders(), *self.readable):
            if folder := next((f for f in FOLDERS if place.is_relative_to(f)), None):
                raise SandboxError(
                    f"{place} lies below {folder}, which is an empty folder in the sandbox: move "
                    "the course and its environment somewhere else, below /srv for instance"
                )

    def _shown(self) -> list[Path]:
        """Return the folders that can be read in the sandbox, by all their names."""
        folders = [*map(Path, SYSTEM), *python_folders(), *self.readable]
        return [*dict.fromkeys([*folders, *(folder.resolve() for folder in folders)])]

    def _variables(self) -> Iterator[str]:
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
            yield from ("--setenv", name, value)

    def _mounts(self) -> Iterator[str]:
        yield from _system_mounts()
        readable = [*python_folders(), *self.readable]
        parents = {parent for place in (*readable, Path(HOME)) for parent in place.parents}
        for parent in sorted(parents):
            yield from ("--perms", "0755", "--dir", str(parent))
        for folder in FOLDERS:
            yield from ("--perms", "0777", "--size", str(self.disk), "--tmpfs", folder)
        for place in readable:
            yield from ("--ro-bind", str(place), str(place))
        for hidden in self.covered():
            yield from _covering(hidden)
        if self.fonts:
            # Only saves time: where the folder has gone since matplotlib named it, do without.
            yield from ("--ro-bind-try", str(self.fonts), FONTS)


# Prints which packages and places it finds; an empty folder in a package's place is none.
PROBE = """
import importlib.util, json, os, sys

def has_content(place):
    try:
        return bool(os.listdir(place)) if os.path.isdir(place) else os.path.getsize(place) > 0
    except OSError:
        return False

names, places = json.loads(sys.argv[1])
specs = [spec for spec in map(importlib.util.find_spec, names) if spec]
places += [place for spec in specs for place in spec.submodule_search_locations or [spec.origin]]
print(json.dumps([place for place in places if place and has_content(place)]))
"""


# Root keeps its user namespace, so that it can become a user that owns nothing (see
# minikernel.isolation); anybody else gets a user namespace in which there is nobody to become.
ROOT_NAMESPACES = (
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
USER_NAMESPACES = ("--unshare-all", "--cap-drop", "ALL")


def _is_root() -> bool:
    return os.geteuid() == 0


def free_uid() -> int:
    """Return the number of a user that owns nothing, not even a process."""
    first = (os.getpid() * MOST_LANES + next(_COUNT)) % N_UIDS  # another one for each process
    taken = set(_users())
    for i in range(N_UIDS):
        uid = FIRST_UID + (first + i) % N_UIDS
        if uid not in taken:
            return uid
    raise SandboxError(f"all users from {FIRST_UID} on have processes: end those first")


def _users() -> Iterator[int]:
    """Yield the user of every process."""
    for path in Path("/proc").glob("[0-9]*/status"):
        with contextlib.suppress(OSError):  # it has ended
            lines = path.read_text().splitlines()
            yield from (int(line.split()[1]) for line in lines if line.startswith("Uid:"))


def _system_mounts() -> Iterator[str]:
    for path in SYSTEM:
        if Path(path).is_symlink():
            yield from ("--symlink", str(Path(path).readlink()), path)
        elif Path(path).is_dir():
            yield from ("--ro-bind", path, path)
    for name in ETC:
        yield from ("--ro-bind-try", f"/etc/{name}", f"/etc/{name}")
    yield from ("--proc", "/proc", "--dev", "/dev")


def _covering(place: Path) -> tuple[str, ...]:
    """Return bubblewrap's arguments for putting something empty in a place."""
    if place.is_dir():
        return ("--tmpfs", str(place), "--remount-ro", str(place))
    return ("--ro-bind", "/dev/null", str(place))


def courses_around(*places: Path) -> tuple[Path, ...]:
    """Return the courses that any of the places lies in."""
    folders = dict.fromkeys(f for place in places for f in (place, *place.parents))
    return tuple(
        folder.resolve()
        for folder in folders
        if (folder / "nbgrader_config.py").is_file() and (folder / "source").is_dir()
    )


def installed(names: Iterable[str]) -> list[Path]:
    """Return where packages and modules of these names lie, every copy that Python could find.

    >>> [place.name for place in installed(["json"]) if place.parent.name.startswith("python3")]
    ['json']
    """
    folders = {*map(Path, filter(None, sys.path)), *_package_folders()}
    copies = {path for name in names for f in folders for path in (f / name, f / f"{name}.py")}
    specs = filter(None, map(_spec, names))  # wherever a finder of an editable install leads
    for spec in specs:
        copies |= {Path(place) for place in spec.submodule_search_locations or [spec.origin or ""]}
    return sorted({path.resolve() for path in copies if path.exists() and path != Path()})


def _package_folders() -> set[Path]:
    """Return the folders below the system's and Python's own into which packages are installed."""
    roots = {Path("/usr"), Path("/usr/local"), *python_folders(), Path(sys.prefix).resolve()}
    patterns = ("site-packages", "dist-packages")
    return {
        folder
        for root in roots
        for library in root.glob("lib*")
        for pattern in patterns
        for folder in (*library.glob(f"python*/{pattern}"), library / "python3" / pattern)
    }


def _spec(name: str) -> ModuleSpec | None:
    try:
        return find_spec(name)
    except (ImportError, ValueError):  # a module without one, __main__ for instance
        return None


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
    names = {Path(sys.prefix), Path(sys.base_prefix)}  # as they are called, links and all
    folders = sorted(
        place
        for place in places | names
        if not any(place.is_relative_to(system) for system in ("/usr", "/lib", "/bin"))
    )
    return [folder for folder in folders if not any(f in folder.parents for f in folders)]
