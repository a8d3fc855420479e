"""What happened in a session besides outputs, and what a test asked of a student's functions."""

from dataclasses import dataclass, field
from typing import Any

from nbformat import NotebookNode

from autograder.cell_notes import FailedTest, FollowedTest


@dataclass
class SessionReport:
    """Statuses and their reasons; by cell seconds, where a test failed, and what it passed with."""

    statuses: set[str] = field(default_factory=set)
    reasons: list[str] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)
    failures: dict[str, FailedTest] = field(default_factory=dict)
    followed: dict[str, FollowedTest] = field(default_factory=dict)

    def note(self, status: str, reason: str) -> None:
        """Remember that something went wrong."""
        self.statuses.add(status)
        self.reasons.append(reason)

    def remark(self, reason: str) -> None:
        """Remember what is worth saying of a submission with which nothing went wrong."""
        self.reasons.append(reason)

    def note_once(self, status: str, reason: str) -> None:
        """Remember it unless it is known."""
        if reason not in self.reasons:
            self.note(status, reason)


@dataclass(frozen=True)
class ReplayedCall:
    """A call of a student's function in a test, and what a right function does.

    Attributes:
        name, args, kwargs: of the call
        value, error: what came back: a value, or the class of an exception
        wanted, raised: what a right function gives: a value, or the class of an exception
        differs: whether the two are not the same
        summary: how they differ, in words
    """

    name: str
    args: list[Any]
    kwargs: dict[str, Any]
    value: Any
    error: str | None
    wanted: Any
    raised: str
    differs: bool
    summary: str


@dataclass(frozen=True)
class ReplayedTest:
    """A test that was run again: its first calls, how many there were, and its outputs.

    ``followed`` says with which of the course's functions it passed when it was graded, if it did.
    """

    calls: tuple[ReplayedCall, ...]
    n_calls: int
    outputs: list[NotebookNode]
    followed: str = ""
