"""Where the course's files are, and whether they are unchanged.

A *group* is a folder below ``data/``. ``COURSE_DATA`` names the data folder; without this variable
it is the nearest ``data/`` from the working directory upwards, or else from this package upwards.
All files of a group come from one folder, so that a text never meets another text's weights.
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
    """Return the folder that holds the course's files.

    Raises:
        DataError: there is none.
    """
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
    if named := os.environ.get("COURSE_DATA"):
        root = Path(named).expanduser()
        if not root.is_dir():
            raise DataError(f"COURSE_DATA names {named!r}, which is not a folder")
        yield root
        return
    here = Path.cwd()
    package = Path(__file__).resolve().parent
    for folder in (here, *here.parents, *package.parents):
        yield folder / "data"


def group_dir(group: str) -> Path:
    """Return the folder of a group: a subfolder of the data folder, or that folder itself.

    The second is for a course whose original files lie side by side in one folder.
    """
    return place(data_dir(), group)


def place(root: Path, group: str) -> Path:
    """Return the folder of a group in a data folder: see ``group_dir``."""
    return root / group if (root / group).is_dir() else root


def find(group: str, *names: str) -> Path:
    """Return the first of some files that exists in a group, checked against SHA256SUMS.

    Example:
        >>> find("problem2_model_parameters", "bpe1024.tiktoken").name
        'bpe1024.tiktoken'

    Raises:
        DataError: none of them exists, or the first that does was changed.
    """
    folder = group_dir(group)
    for name in names:
        if (folder / name).is_file():
            check(folder / name)
            return folder / name
    raise DataError(f"no {' or '.join(names)} in {folder}: {_remedy(names[0])}")


def check(path: Path) -> None:
    """Check a file against the SHA256SUMS beside or above it; a file that is not listed passes.

    Raises:
        DataError: it is listed with another hash.
    """
    expected = _listed(path)
    if expected and sha256(path) != expected:
        raise DataError(
            f"{path} was changed or cut short (its SHA-256 is not the one in {SUMS}): "
            f"{_remedy(path.name)}"
        )


def read_sums(root: Path) -> dict[str, str]:
    """Return ``{path below root: SHA-256}`` from the list in ``root``; empty if there is none."""
    try:
        lines = (root / SUMS).read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return {}
    pairs = (line.split(maxsplit=1) for line in lines if line.strip())
    return {name.lstrip("*"): digest for digest, name in pairs}


def sha256(path: Path) -> str:
    """Return the hash of a file, computed again only after its time or size has changed."""
    stat = path.stat()
    return _sha256(path, stat.st_mtime_ns, stat.st_size)


@lru_cache(maxsize=256)
def _sha256(path: Path, mtime_ns: int, size: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def remember(read: Callable[..., T], *paths: Path) -> T:
    """Return ``read(*paths)``, read once in a process until a file's time or size changes.

    Every caller gets the same object, so a loader hands out copies of whatever can be changed.
    """
    stats = [path.stat() for path in paths]
    state = tuple((stat.st_mtime_ns, stat.st_size) for stat in stats)
    content: T = _read(read, tuple(path.absolute() for path in paths), state)
    return content


@lru_cache(maxsize=16)
def _read(
    read: Callable[..., Any], paths: tuple[Path, ...], state: tuple[tuple[int, int], ...]
) -> Any:
    """Call ``read``; ``state`` only makes a changed file another entry of the cache."""
    return read(*paths)


def _listed(path: Path) -> str | None:
    for root in path.parents[:3]:
        if digest := read_sums(root).get(path.relative_to(root).as_posix()):
            return digest
    return None


def _remedy(name: str) -> str:
    return f"copy {name} again from the zip of the assignment (in a clone: git checkout data)"
