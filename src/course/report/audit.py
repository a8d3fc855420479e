"""The trail of every mark: when it changed, from what to what, by whose hand or which version.

It listens to the gradebook itself, so it misses nobody: ``nbgrader autograde``, formgrader, the
``course`` command and any script that loads the course's configuration are all written down, a
line of JSON a change, in ``.autograder/audit/ASSIGNMENT.jsonl``. Lines are only ever added.

This module does not know why a mark was changed.
"""

import getpass
import json
import os
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from nbgrader.api import Grade, SubmittedNotebook
from sqlalchemy import event, inspect
from sqlalchemy.orm import Session

from autograder import fingerprint
from course.run.status_files import FOLDER

MARKS = ("auto_score", "manual_score", "extra_credit")
PENALTY = "late_submission_penalty"
Line = dict[str, Any]
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


def read(root: Path, assignment: str, student: str | None = None) -> list[Line]:
    """Return the trail of an assignment, oldest first, of all students or of one."""
    path = root / FOLDER / "audit" / f"{assignment}.jsonl"
    if not path.is_file():
        return []
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return [line for line in lines if student in (None, line["student"])]


def _collect(session: Session, *_: Any) -> None:
    """Remember what is about to be written."""
    pending: list[Line] = session.info.setdefault("marks", [])
    with session.no_autoflush:
        for each in session.deleted:
            if isinstance(each, Grade):
                pending += _dropped(each)
        for each in (*session.new, *session.dirty):
            if isinstance(each, Grade):
                pending += _changes(each, MARKS, each.name)
            elif isinstance(each, SubmittedNotebook):
                pending += _changes(each, (PENALTY,), each.name)


def _changes(row: Any, columns: Iterable[str], cell: str) -> Iterator[Line]:
    state = inspect(row)
    for column in columns:
        history = state.attrs[column].history
        if not history.has_changes():
            continue
        before, after = (part[0] if part else None for part in (history.deleted, history.added))
        if before != after:
            yield _line(row, column, cell, before, after)


def _dropped(grade: Any) -> Iterator[Line]:
    for column in MARKS:
        if (before := getattr(grade, column)) is not None:
            yield _line(grade, column, grade.name, before, None)


def _line(row: Any, what: str, cell: str, before: Any, after: Any) -> Line:
    return {
        "when": datetime.now(UTC).isoformat(timespec="seconds"),
        "assignment": row.assignment.name,
        "student": row.student.id,
        "cell": cell,
        "what": what,
        "from": before,
        "to": after,
        **_author(what),
    }


def _author(what: str) -> dict[str, str]:
    if what in ("auto_score", PENALTY):
        return {"by": f"grader {fingerprint.code()[:12]}"}
    try:
        return {"by": getpass.getuser()}
    except (KeyError, OSError):  # a user without a name
        return {"by": f"user {os.getuid()}"}


def _write(session: Session) -> None:
    session.flush()
    lines = session.info.pop("marks", [])
    _append(session, lines)
    session.info["written"] = lines


def _forget(session: Session) -> None:
    session.info.pop("written", None)


def _undo(session: Session) -> None:
    """Say of what was written down that it did not come to be."""
    session.info.pop("marks", None)
    _append(session, [{**line, "undone": True} for line in session.info.pop("written", [])])


def _append(session: Session, lines: list[Line]) -> None:
    for assignment in dict.fromkeys(line["assignment"] for line in lines):
        path = _root(session) / FOLDER / "audit" / f"{assignment}.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        text = "".join(
            json.dumps(line, ensure_ascii=False) + "\n"
            for line in lines
            if line["assignment"] == assignment
        )
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            os.write(descriptor, text.encode("utf-8", errors="replace"))
        finally:
            os.close(descriptor)


def _root(session: Session) -> Path:
    """Return the course of a gradebook: where its file lies, or the one that we are in."""
    from course.directory import Course

    url = session.get_bind().engine.url
    if url.get_backend_name() == "sqlite" and url.database:
        return Path(url.database).resolve().parent
    return Course.find().root
