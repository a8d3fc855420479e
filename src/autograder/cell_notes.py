"""What the autograder notes in the metadata of a graded test: seconds, where it failed, and why.

>>> cell = {"metadata": {}}
>>> CellNote(0.5, FailedTest(3, hidden=True)).write(cell)
>>> CellNote.read(cell).failure.line
3
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from autograder.diagnosis.diagnosis import Diagnosis
from minikernel.messages import checked
from minikernel.protocol import ProtocolError

KEY = "autograder"  # in a cell's metadata


@dataclass(frozen=True)
class FailedTest:
    """Where a test failed: in which of its lines, if that is known, and if that one is hidden."""

    line: int | None
    hidden: bool
    diagnosis: Diagnosis | None = None


@dataclass(frozen=True)
class CellNote:
    """What is noted of a test."""

    seconds: float
    failure: FailedTest | None = None

    def write(self, cell: Mapping[str, Any]) -> None:
        """Leave the note in a cell's metadata."""
        note: dict[str, Any] = {"seconds": self.seconds}
        if self.failure:
            note |= {"line": self.failure.line, "hidden": self.failure.hidden}
        if self.failure and self.failure.diagnosis:
            note["diagnosis"] = dict(self.failure.diagnosis)
        cell["metadata"][KEY] = note

    @classmethod
    def read(cls, cell: Mapping[str, Any]) -> "CellNote | None":
        """Return what was noted of a cell; None if there is nothing, or nothing sound."""
        note = cell.get("metadata", {}).get(KEY)
        if not isinstance(note, Mapping) or not isinstance(note.get("seconds"), int | float):
            return None
        return cls(float(note["seconds"]), _failure(note))


def _failure(note: Mapping[str, Any]) -> FailedTest | None:
    line, hidden, diagnosis = note.get("line"), note.get("hidden"), note.get("diagnosis")
    if not isinstance(hidden, bool) or not (line is None or isinstance(line, int)):
        return None
    try:
        known = checked(Diagnosis, diagnosis) if isinstance(diagnosis, Mapping) else None
    except ProtocolError:
        known = None
    return FailedTest(line, hidden, known)
