"""What became of a submission, in a word and in reasons, and where that is kept.

nbgrader's database has no place for it, so each submission has a small file of its own below
``.autograder/status/``; it is written after everything else, and so also says that all is done.
This module does not know how a status came about.
"""

import json
import os
import tempfile
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

FOLDER = ".autograder"

# From the gravest to the best; a submission has the gravest of what happened to it.
STATUSES = (
    "failed",  # the grader itself failed: nothing is known about the submission
    "missing",  # nothing was handed in
    "unreadable",  # what was handed in cannot be graded
    "suspicious",  # its code answered the autograder with something that is no answer
    "crashed",  # a process of its code ended while a cell or a test ran
    "timed out",  # a cell or a function was stopped
    "repaired",  # the notebook was damaged, and mended
    "graded",
)
UNGRADED = ("failed", "missing", "unreadable")


@dataclass(frozen=True)
class Status:
    """The word and the reasons; ``key`` and ``parts`` are of what was graded (autograder.job)."""

    word: str
    reasons: tuple[str, ...] = ()
    key: str = ""
    seconds: float = 0.0
    parts: dict[str, str] = field(default_factory=dict)

    @property
    def reason(self) -> str:
        """Return the reasons in one line."""
        return "; ".join(self.reasons)


def gravest(words: Iterable[str]) -> str:
    """Return the gravest of several statuses; ``graded`` where there is none."""
    return min((*words, "graded"), key=STATUSES.index)


def path(root: Path, assignment: str, student: str) -> Path:
    """Return where the status of a submission is kept."""
    return root / FOLDER / "status" / assignment / f"{student}.json"


def read(root: Path, assignment: str, student: str) -> Status | None:
    """Return the status of a submission, or None where it has none, or a damaged one."""
    try:
        kept = json.loads(path(root, assignment, student).read_text(encoding="utf-8"))
        kept["reasons"] = tuple(kept["reasons"])
        return Status(**kept)
    except (OSError, ValueError, TypeError, KeyError):
        return None


def write(root: Path, assignment: str, student: str, status: Status) -> None:
    """Keep the status of a submission."""
    text = json.dumps(asdict(status), ensure_ascii=False) + "\n"
    write_whole(path(root, assignment, student), text.encode("utf-8", errors="replace"))


def forget(root: Path, assignment: str, student: str) -> None:
    """Drop the status of a submission: something about it is about to change."""
    path(root, assignment, student).unlink(missing_ok=True)


def write_whole(target: Path, content: bytes) -> None:
    """Write a file so that at every moment it is the old one or the new one, whole.

    Raises:
        OSError: the disk is full, or not writable; the old file is untouched.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=".new-")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, target)  # noqa: PTH105  (a name, not a path)
    except BaseException:
        os.unlink(name)  # noqa: PTH108
        raise


def mark(notebook: Any, status: Status) -> None:
    """Write the status into a notebook's metadata, where whoever opens it finds it."""
    notebook.metadata["autograder"] = {"status": status.word, "reasons": list(status.reasons)}
