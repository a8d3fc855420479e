"""What happened in a session besides outputs."""

from dataclasses import dataclass, field

from autograder.cell_notes import FailedTest


@dataclass
class SessionReport:
    """Statuses and their reasons; by cell the seconds that it took, and where a test failed."""

    statuses: set[str] = field(default_factory=set)
    reasons: list[str] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)
    failures: dict[str, FailedTest] = field(default_factory=dict)

    def note(self, status: str, reason: str) -> None:
        """Remember that something went wrong."""
        self.statuses.add(status)
        self.reasons.append(reason)

    def note_once(self, status: str, reason: str) -> None:
        """Remember it unless it is known."""
        if reason not in self.reasons:
            self.note(status, reason)
