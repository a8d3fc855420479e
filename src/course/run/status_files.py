"""Where a course keeps the status of each submission: ``.autograder/status/``.

nbgrader's database has no place for it. The file is written after everything else of a result, so
where it is, all of the result is.
"""

from pathlib import Path

from autograder.status import Status
from course.run.atomic import write_whole

FOLDER = ".autograder"  # of everything that a course keeps besides nbgrader's folders


def path(root: Path, assignment: str, student: str) -> Path:
    """Return the file of a submission's status."""
    return root / FOLDER / "status" / assignment / f"{student}.json"


def read(root: Path, assignment: str, student: str) -> Status | None:
    """Return the status of a submission; None if there is none, or a damaged one."""
    try:
        return Status.from_json(path(root, assignment, student).read_text(encoding="utf-8"))
    except (OSError, ValueError, TypeError):
        return None


def write(root: Path, assignment: str, student: str, status: Status) -> None:
    """Keep the status of a submission."""
    text = status.to_json().encode("utf-8", errors="replace")
    write_whole(path(root, assignment, student), text)


def forget(root: Path, assignment: str, student: str) -> None:
    """Drop the status of a submission that is about to change."""
    path(root, assignment, student).unlink(missing_ok=True)
