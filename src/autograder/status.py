"""What became of a submission, in a word and in reasons."""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any

from autograder.checked_json import construct, typed

# From the gravest to the best; a submission has the gravest of what happened to it.
NOT_HELD = "not in the gradebook"
STATUSES = (
    NOT_HELD,  # it was graded, and the gradebook has lost its marks or has others
    "failed",  # the autograder itself failed: nothing is known about the submission
    "missing",  # nothing was handed in
    "unreadable",  # what was handed in cannot be graded
    "suspicious",  # its code answered the autograder with something that is no answer
    "crashed",  # a process of its code ended while a cell or a test ran
    "timed out",  # a cell or a function was stopped
    "repaired",  # the notebook was damaged, and mended
    "graded",
)
UNGRADED = (NOT_HELD, "failed", "missing", "unreadable")
NAMED = 150  # places that a reason lists


@dataclass(frozen=True)
class Status:
    """The word and the reasons of a submission.

    Attributes:
        word: one of STATUSES
        reasons: what happened, a line each
        key: of the result that was published (see autograder.job)
        seconds: that grading took
        parts: hashes of what was graded, to tell later what has changed
        followed: points that came by follow-through, by test
        marks: the automatic marks that were published, by cell; None where that is not recorded
    """

    word: str
    reasons: tuple[str, ...] = ()
    key: str = ""
    seconds: float = 0.0
    parts: dict[str, str] = field(default_factory=dict)
    followed: dict[str, float] = field(default_factory=dict)
    marks: dict[str, float | None] | None = None

    @property
    def reason(self) -> str:
        """Return the reasons in one line."""
        return "; ".join(self.reasons)

    @property
    def is_graded(self) -> bool:
        """Return whether there are marks that mean something."""
        return self.word not in UNGRADED

    def to_json(self) -> str:
        """Return the status as a line of JSON."""
        return json.dumps(asdict(self), ensure_ascii=False) + "\n"

    @classmethod
    def from_json(cls, text: str) -> "Status":
        """Return the status that ``to_json`` gave this text of.

        Raises:
            ValueError: it is none.
        """
        values = json.loads(text)
        if not isinstance(values, dict):
            raise ValueError("not a status: no object")
        status = construct(cls, {**values, "reasons": tuple(typed(values, "reasons", list))})
        for test in typed(vars(status), "followed", dict):
            typed(status.followed, test, float)
        if not isinstance(status.marks, dict | None):
            raise ValueError("not a status: its marks are no object")
        if status.word not in STATUSES or not all(isinstance(r, str) for r in status.reasons):
            raise ValueError(f"not a status: {status.word!r} is not one of {', '.join(STATUSES)}")
        return status


def gravest(words: Iterable[str]) -> str:
    """Return the gravest of several statuses; ``graded`` if there are none.

    >>> gravest({"repaired", "crashed"})
    'crashed'
    """
    return min((*words, "graded"), key=STATUSES.index)


def mark(notebook: Any, status: Status) -> None:
    """Write a status into a notebook's metadata, for whoever opens it."""
    notebook.metadata["autograder"] = {"status": status.word, "reasons": list(status.reasons)}


class Unreadable(Exception):  # noqa: N818 (it is the file that is in error)
    """The submission cannot be graded; the message says why, in one line."""


class Reasons:
    """What was repaired: a line for each kind of repair, with the places where it was done.

    >>> reasons = Reasons()
    >>> reasons.add("restored deleted cells", "a-setup")
    >>> reasons.add("restored deleted cells", "a-demo")
    >>> reasons.lines()
    ('restored deleted cells: a-setup, a-demo',)
    """

    def __init__(self) -> None:
        self._places: dict[str, dict[str, None]] = {}

    def add(self, repair: str, place: str = "") -> None:
        """Note a repair, and the place where it was done if it has one."""
        places = self._places.setdefault(repair, {})
        if place:
            places[place] = None

    def lines(self) -> tuple[str, ...]:
        """Return the lines, in the order in which the kinds first came up."""
        return tuple(_line(repair, list(places)) for repair, places in self._places.items())


def _line(repair: str, places: list[str]) -> str:
    named = ", ".join(places[:NAMED])
    more = f" and {len(places) - NAMED} more" if len(places) > NAMED else ""
    return f"{repair}: {named}{more}" if places else repair


def one_line(text: object, length: int = 60) -> str:
    """Return a student's text in a form that can stand in a message."""
    printable = "".join(c if c.isprintable() else " " for c in str(text)[: 4 * length])
    words = " ".join(printable.split())
    return words if len(words) <= length else words[: length - 1] + "…"
