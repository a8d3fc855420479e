"""What the autograder notes in the metadata of a graded test: seconds, where it failed, and why.

A test that failed and then passed with the course's functions in place of the student's is noted
with these and with its points: see autograder.execution.follow_through.

>>> cell = {"metadata": {}}
>>> CellNote(0.5, FailedTest(3, hidden=True)).write(cell)
>>> CellNote.read(cell).failure.line
3
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NotRequired, TypedDict

from minikernel.messages import Output, checked
from minikernel.protocol import ProtocolError
from seqlab.sentences import listed

KEY = "autograder"  # in a cell's metadata


class Diagnosis(TypedDict):
    """The reason for a failure; it holds no expected value, so that students may read it."""

    function: str
    where: str  # in the assignment
    summary: str
    mistake: NotRequired[str]  # a known one, by its name in the catalogue
    nudge: NotRequired[str]
    hint: NotRequired[str]
    blames: NotRequired[str]  # another function of the student's, which is wrong


@dataclass(frozen=True)
class FailedTest:
    """Where a test failed: in which of its lines, if that is known, and if that one is hidden."""

    line: int | None
    hidden: bool
    diagnosis: Diagnosis | None = None


@dataclass(frozen=True)
class FollowedTest:
    """A test that passed with right functions in place of the student's.

    Attributes:
        functions: those that stood in
        points: that are given for it
        error: with which it failed before, an output of the cell
    """

    functions: tuple[str, ...]
    points: float
    error: Output

    def sentence(self) -> str:
        """Return what students and staff read.

        >>> FollowedTest(("softmax",), 3.0, {}).sentence()
        "passed with the course's softmax in place of yours"
        """
        return f"passed with the course's {listed(self.functions)} in place of yours"


@dataclass(frozen=True)
class CellNote:
    """What is noted of a test."""

    seconds: float
    failure: FailedTest | None = None
    followed: FollowedTest | None = None

    def write(self, cell: Mapping[str, Any]) -> None:
        """Leave the note in a cell's metadata."""
        note: dict[str, Any] = {"seconds": self.seconds}
        if self.failure:
            note |= {"line": self.failure.line, "hidden": self.failure.hidden}
        if self.failure and self.failure.diagnosis:
            note["diagnosis"] = dict(self.failure.diagnosis)
        if self.followed:
            note["followed"] = {**vars(self.followed), "functions": [*self.followed.functions]}
        cell["metadata"][KEY] = note

    @classmethod
    def read(cls, cell: Mapping[str, Any]) -> "CellNote | None":
        """Return what was noted of a cell; None if there is nothing, or nothing sound."""
        note = cell.get("metadata", {}).get(KEY)
        if not isinstance(note, Mapping) or not isinstance(note.get("seconds"), int | float):
            return None
        return cls(float(note["seconds"]), _failure(note), _followed(note.get("followed")))


class _FollowedNote(TypedDict):
    functions: list[str]
    points: float
    error: Output


def _failure(note: Mapping[str, Any]) -> FailedTest | None:
    line, hidden, diagnosis = note.get("line"), note.get("hidden"), note.get("diagnosis")
    if not isinstance(hidden, bool) or not (line is None or isinstance(line, int)):
        return None
    try:
        known = checked(Diagnosis, diagnosis) if isinstance(diagnosis, Mapping) else None
    except ProtocolError:
        known = None
    return FailedTest(line, hidden, known)


def _followed(note: object) -> FollowedTest | None:
    try:
        known = checked(_FollowedNote, note)
    except ProtocolError:
        return None
    if not known["functions"]:
        return None
    return FollowedTest(tuple(known["functions"]), float(known["points"]), known["error"])
