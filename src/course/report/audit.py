"""The trail of every mark and comment: when it changed, from what to what, by whom.

It listens to the gradebook itself, so it misses nobody: ``nbgrader autograde``, formgrader, the
``course`` command and any script that loads the course's configuration are all written down, one
line of JSON for each change, in ``.autograder/audit/ASSIGNMENT.jsonl``. Lines are only ever added.
"""

import contextlib
import getpass
import json
import os
from collections.abc import Iterator
from contextvars import ContextVar
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from nbgrader.api import Comment, Grade, SubmittedNotebook
from sqlalchemy import event, inspect
from sqlalchemy.orm import Session

from autograder import fingerprint
from autograder.checked_json import construct
from course.run.status_files import FOLDER

MARKS = ("auto_score", "manual_score", "extra_credit")
PENALTY = "late_submission_penalty"
FOLLOWED = "followed"  # in a session's info: what tests passed with, by cell
COMMENT = "manual_comment"
COLUMNS: dict[type, tuple[str, ...]] = {
    Grade: MARKS,
    SubmittedNotebook: (PENALTY,),
    Comment: (COMMENT,),
}
IN_FILE = {"before": "from", "after": "to"}  # what fields are called in the file


@dataclass(frozen=True)
class MarkChange:
    """One change of one mark.

    Attributes:
        when: in UTC
        assignment, student, cell: whose mark of what
        what: which of the gradebook's columns
        before, after: the mark, or the text of a comment; None for none
        by: a person's name on the hub or the machine, or the version of the grader
        how: what there is to say about points that came by follow-through
        undone: the change did not come to be
    """

    when: str
    assignment: str
    student: str
    cell: str
    what: str
    before: float | str | None
    after: float | str | None
    by: str
    undone: bool = False
    how: str = ""

    @property
    def is_first(self) -> bool:
        """Whether the autograder has given a mark for the first time, as it does to everybody."""
        return self.what in (MARKS[0], PENALTY) and not self.before and not self.undone

    def to_json(self) -> str:
        """Return the change as a line of JSON."""
        values = {IN_FILE.get(name, name): value for name, value in asdict(self).items()}
        return json.dumps(values, ensure_ascii=False) + "\n"

    @classmethod
    def from_json(cls, line: str) -> "MarkChange":
        """Return the change that ``to_json`` gave this line of.

        Raises:
            ValueError: it is none.
        """
        values = json.loads(line)
        if not isinstance(values, dict):
            raise ValueError("no object")
        for name, other in IN_FILE.items():
            values[name] = _mark(values.get("what"), values.pop(other, None))
        return construct(cls, values)


# Who sent the request that is being answered: on a hub all staff share formgrader's Unix user.
hub_user: ContextVar[str] = ContextVar("hub_user", default="")

_watching = False


def watch() -> None:
    """Write down every change of a mark that this process makes from now on."""
    global _watching
    if _watching:
        return
    _watching = True
    event.listen(Session, "before_flush", _collect)
    event.listen(Session, "before_commit", _write)
    event.listen(Session, "after_commit", _forget)
    event.listen(Session, "after_rollback", _undo)


def read(root: Path, assignment: str, student: str | None = None) -> list[MarkChange]:
    """Return the trail of an assignment, oldest first, of all students or of one.

    Raises:
        CourseError: a line of it is damaged.
    """
    path = _path(root, assignment)
    changes = [_change(line, f"line {n} of {path}") for n, line in enumerate(_lines(path), 1)]
    return [change for change in changes if student in (None, change.student)]


def latest(root: Path, assignment: str) -> dict[tuple[str, str, str], MarkChange]:
    """Return the last change of each mark, by student, cell and column.

    What was undone counts as a change back. A damaged line counts for nothing: ``read`` names it.
    """
    found = {}
    for line in _lines(_path(root, assignment)):
        with contextlib.suppress(ValueError):
            change = MarkChange.from_json(line)
            if change.undone:
                change = replace(change, before=change.after, after=change.before, undone=False)
            found[change.student, change.cell, change.what] = change
    return found


def _path(root: Path, assignment: str) -> Path:
    return root / FOLDER / "audit" / f"{assignment}.jsonl"


def _lines(path: Path) -> list[str]:
    """Return the lines of a trail; a comment may hold what ``splitlines`` takes for line ends."""
    text = path.read_text("utf-8", errors="replace") if path.is_file() else ""
    return text.removesuffix("\n").split("\n") if text else []


def _change(line: str, where: str) -> MarkChange:
    from course.directory import CourseError

    try:
        return MarkChange.from_json(line)
    except ValueError as error:
        raise CourseError(f"{where} is damaged ({error}): repair it, or take it out") from None


def _collect(session: Session, *_: Any) -> None:
    """Remember what is about to be written."""
    pending: list[MarkChange] = session.info.setdefault("marks", [])
    with session.no_autoflush:
        for row in session.deleted:
            pending += _dropped(row)
        for row in (*session.new, *session.dirty):
            pending += _changes(row)


def _changes(row: Any) -> Iterator[MarkChange]:
    state = inspect(row)
    for column in COLUMNS.get(type(row), ()):
        history = state.attrs[column].history
        if not history.has_changes():
            continue
        before, after = (part[0] if part else None for part in (history.deleted, history.added))
        if before != after:
            yield _made(row, column, before, after)


def _dropped(row: Any) -> Iterator[MarkChange]:
    for column in COLUMNS.get(type(row), ()):
        if (before := getattr(row, column)) is not None:
            yield _made(row, column, before, None)


def _made(row: Any, what: str, before: Any, after: Any) -> MarkChange:
    when = datetime.now(UTC).isoformat(timespec="seconds")
    whose = row.assignment.name, row.student.id, row.name
    marks = _mark(what, before), _mark(what, after)
    return MarkChange(when, *whose, what, *marks, _author(what), how=_how(row, what, after))


def _mark(what: str | None, value: Any) -> Any:
    """Return a mark as the number that it is: formgrader's page sends it as text.

    >>> _mark("manual_score", "6.5"), _mark("manual_comment", "6.5")
    (6.5, '6.5')
    """
    if what == COMMENT or not isinstance(value, str):
        return value
    with contextlib.suppress(ValueError):
        return float(value)
    return value


def _how(row: Any, what: str, after: float | None) -> str:
    """Return what whoever writes a mark has said about it (see ``course.run.publish``)."""
    session = inspect(row).session
    if what != "auto_score" or not after or session is None:
        return ""
    return str(session.info.get(FOLLOWED, {}).get(row.name, ""))


def _author(what: str) -> str:
    if what in ("auto_score", PENALTY):
        return f"grader {fingerprint.code()[:12]}"
    if name := hub_user.get():
        return name
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a user without a name
        return f"user {os.getuid()}"


def _write(session: Session) -> None:
    session.flush()
    changes = session.info.pop("marks", [])
    _append(session, changes)
    session.info["written"] = changes


def _forget(session: Session) -> None:
    session.info.pop("written", None)


def _undo(session: Session) -> None:
    """Say of what was written down that it did not come to be."""
    session.info.pop("marks", None)
    written: list[MarkChange] = session.info.pop("written", [])
    _append(session, [replace(change, undone=True) for change in written])


def _append(session: Session, changes: list[MarkChange]) -> None:
    for assignment in dict.fromkeys(change.assignment for change in changes):
        path = _path(_root(session), assignment)
        path.parent.mkdir(parents=True, exist_ok=True)
        lines = [change.to_json() for change in changes if change.assignment == assignment]
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            os.write(descriptor, "".join(lines).encode("utf-8", errors="replace"))
        finally:
            os.close(descriptor)


def _root(session: Session) -> Path:
    """Return the course of a gradebook, wherever the gradebook itself lies."""
    from course.directory import CONFIG, Course

    if root := session.info.get("course"):
        return Path(root)
    url = session.get_bind().engine.url
    if url.get_backend_name() == "sqlite" and url.database:
        folder = Path(url.database).resolve().parent
        if (folder / CONFIG).is_file():
            return folder
    return Course.find().root
