"""Where the course's files are, and whether they are what they should be.

A *group* is one of the three folders of ``data/``. It is looked for in the folder that the
environment variable ``COURSE_DATA`` names, and without it in the nearest ``data/`` from the
working directory upwards, then from this package upwards. The files of a group always come from
one folder, so that a text never meets the weights of another.

This module does not know what any file holds.
"""

import hashlib
import os
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

from seqlab.errors import DataError

GROUPS = ("problem1_data", "problem2_model_parameters", "gpt2")
SUMS = "SHA256SUMS"

T = TypeVar("T")


def data_dir() -> Path:
    """Return the folder that holds the course's files; raise DataError where there is none."""
    for candidate in _candidates():
        if "COURSE_DATA" in os.environ or _is_courses(candidate):
            return candidate
    raise DataError(
        f"found no data folder from {Path.cwd()} upwards: work inside the course's folder, "
        "or set COURSE_DATA to the course's data folder"
    )


def _is_courses(folder: Path) -> bool:
    """Return whether a folder is the course's data, and not somebody's own ``data``."""
    return (folder / SUMS).is_file() or any((folder / group).is_dir() for group in GROUPS)


def _candidates() -> Iterator[Path]:
    if given := os.environ.get("COURSE_DATA"):
        root = Path(given).expanduser()
        if not root.is_dir():
            raise DataError(f"COURSE_DATA names {given!r}, which is not a folder")
        yield root
        return
    here = Path.cwd()
    package = Path(__file__).resolve().parent
    for folder in (here, *here.parents, *package.parents):
        yield folder / "data"


def group_dir(group: str) -> Path:
    """Return the folder of ``group``: a sub-folder of the data folder, or that folder itself.

    The second serves a course whose original files lie side by side in one folder.
    """
    root = data_dir()
    return root / group if (root / group).is_dir() else root


def find(group: str, *names: str) -> Path:
    """Return the first of ``names`` that exists in ``group``, checked against SHA256SUMS.

    Raises:
        DataError: none of them exists, or the one found was changed.
    """
    folder = group_dir(group)
    for name in names:
        if (folder / name).is_file():
            check(folder / name)
            return folder / name
    raise DataError(f"no {' or '.join(names)} in {folder}: {_remedy(names[0])}")


def check(path: Path) -> None:
    """Raise DataError if SHA256SUMS beside or above ``path`` lists it with another hash.

    Files that are listed nowhere, an instructor's own for instance, pass.
    """
    stat = path.stat()
    expected = _listed(path)
    if expected and sha256(path, stat.st_mtime_ns, stat.st_size) != expected:
        raise DataError(
            f"{path} was changed or cut short (its SHA-256 is not the one in {SUMS}): "
            f"{_remedy(path.name)}"
        )


def read_sums(root: Path) -> dict[str, str]:
    """Return ``{path relative to root: SHA-256}`` from ``root``'s list; empty where none is."""
    try:
        lines = (root / SUMS).read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return {}
    pairs = (line.split(maxsplit=1) for line in lines if line.strip())
    return {name.lstrip("*"): digest for digest, name in pairs}


@lru_cache(maxsize=256)
def sha256(path: Path, mtime_ns: int = 0, size: int = 0) -> str:
    """Return the hash of a file; remembered for as long as its time and size stay the same."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def remember(read: Callable[..., T], *paths: Path) -> T:
    """Return ``read(*paths)``, read once a process for as long as times and sizes stay the same.

    Every caller gets the same object: a loader hands out copies of whatever can be changed.
    """
    stats = [path.stat() for path in paths]
    state = tuple((stat.st_mtime_ns, stat.st_size) for stat in stats)
    found: T = _read(read, tuple(path.absolute() for path in paths), state)
    return found


@lru_cache(maxsize=16)
def _read(
    read: Callable[..., Any], paths: tuple[Path, ...], state: tuple[tuple[int, int], ...]
) -> Any:
    """Call ``read``; ``state`` only makes a file that has changed since another entry."""
    return read(*paths)


def _listed(path: Path) -> str | None:
    for root in path.parents[:3]:
        if digest := read_sums(root).get(path.relative_to(root).as_posix()):
            return digest
    return None


def _remedy(name: str) -> str:
    return f"copy {name} again from the course's archive (git checkout data, in a repository)"
