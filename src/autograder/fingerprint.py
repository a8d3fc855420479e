"""Hashes of all that can change a mark besides the submission: code, catalogue, data, versions.

The key of a result is made of them, and so is what the release gate remembers: a change of one of
these grades everything again, and a change of anything else nothing.
"""

import hashlib
import importlib.metadata
import importlib.util
import platform
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from seqlab import verify
from seqlab.data_files import SUMS, sha256

CODE = ("autograder", "minikernel", "seqlab")  # packages, as whole folders
CATALOGUE, HIDDEN_TESTS = "mistakes", "hidden_tests"
LIBRARIES = (
    "numpy",
    "ipython",
    "matplotlib",
    "seaborn",
    "tiktoken",
    "h5py",
    "nbformat",
    "nbgrader",
)


@cache
def code() -> str:
    """Return a hash of the code that grades, and of what students and tests import."""
    return of_files(path for package in CODE for path in files_of(folder(package)))


@cache
def catalogue(assignment: str) -> str:
    """Return a hash of an assignment's known mistakes, and of what its hidden tests import.

    What is named for another assignment is left out; an assignment without a catalogue has what
    all of them share.
    """
    mistakes = folder(CATALOGUE)
    others = {path.name for path in mistakes.iterdir() if path.is_dir()} - {assignment}
    hidden = [path for path in files_of(folder(HIDDEN_TESTS)) if path.stem not in others]
    return of_files([*sorted(mistakes.glob("*.py")), *files_of(mistakes / assignment), *hidden])


@cache
def installed() -> str:
    """Return a hash of everything that must be the same wherever submissions are graded."""
    mistakes = [path for path in files_of(folder(CATALOGUE)) if path.suffix == ".py"]
    return of_text(code(), of_files([*mistakes, *files_of(folder(HIDDEN_TESTS))]))


@cache
def environment() -> dict[str, str]:
    """Return the versions that can change a mark, by name."""
    versions = {name: importlib.metadata.version(name) for name in LIBRARIES}
    return {"python": platform.python_version(), **versions}


def data(place: Path) -> str:
    """Return a hash of a folder of data: of its list of sums, or else of all its files."""
    sums = place / SUMS
    if sums.is_file():
        return hashlib.sha256(sums.read_bytes()).hexdigest()
    names = [(path.relative_to(place).as_posix(), path) for path in verify.course_files(place)]
    return of_text(*(f"{sha256(path)} {name}" for name, path in names))


def folder(package: str) -> Path:
    """Return the folder of an installed package."""
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(f"{package} is not installed")
    return Path(spec.origin).parent


def files_of(place: Path) -> list[Path]:
    """Return the files below a folder that somebody wrote, in order; none if it is not there."""
    paths = (path for path in place.rglob("*") if path.is_file())
    return sorted(path for path in paths if "__pycache__" not in path.parts)


def of_files(paths: Iterable[Path]) -> str:
    """Return a hash of files' names and contents."""
    digest = hashlib.sha256()
    for path in paths:
        content = path.read_bytes()
        digest.update(f"{path.parent.name}/{path.name} {len(content)}\n".encode() + content)
    return digest.hexdigest()


def of_text(*texts: str) -> str:
    """Return a hash of several texts, in order."""
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()
