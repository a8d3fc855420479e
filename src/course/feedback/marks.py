"""What the gradebook has of a submission: points, comments, lateness.

One connection is kept for as long as pages are being made. This module does not know what is
shown of it.
"""

import weakref
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from nbgrader.api import Comment, Grade, Gradebook, MissingEntry
from sqlalchemy.orm import joinedload, undefer


@dataclass(frozen=True)
class Mark:
    """The points of one graded cell."""

    name: str
    points: float
    possible: float
    extra: float  # of the points, what a person gave on top
    by_person: bool
    waits: bool  # for a person; with ``by_person``: graded again since, and to be looked at again


@dataclass(frozen=True)
class Marks:
    """All that the gradebook has of one notebook.

    Attributes:
        points: of the notebook, before the penalty
        possible: the most that it can have
        penalty: points taken off for lateness
        late: seconds after the deadline
        handed_in: when, in UTC, where that is known
        cells: the marks of graded cells, by name
        comments: what a person or the grader has to say on a cell, by its name
    """

    points: float
    possible: float
    penalty: float
    late: float
    handed_in: datetime | None
    cells: Mapping[str, Mark]
    comments: Mapping[str, str]

    @property
    def total(self) -> float:
        """Return the points that count."""
        return self.points - self.penalty

    @property
    def waiting(self) -> float:
        """Return how many points a person has still to decide about."""
        marks = self.cells.values()
        return sum(mark.possible for mark in marks if mark.waits and not mark.by_person)


class Book:
    """A gradebook that is open; it is closed with its last user."""

    def __init__(self, url: str, course_id: str):
        self._gradebook = Gradebook(url, course_id)
        weakref.finalize(self, self._gradebook.close)

    def read(self, assignment: str, notebook: str, student: str) -> Marks | None:
        """Return the marks of a notebook, or None where the gradebook has none."""
        try:
            part = self._gradebook.find_submission_notebook(notebook, assignment, student)
        except MissingEntry:
            return None
        marks = Marks(
            points=part.score,
            possible=part.max_score,
            penalty=part.late_submission_penalty or 0.0,
            late=part.assignment.total_seconds_late,
            handed_in=part.assignment.timestamp,
            cells={
                grade.name: _mark(grade)
                for grade in self._all(Grade, part, undefer(Grade.max_score))
            },
            comments={
                comment.name: comment.comment
                for comment in self._all(Comment, part)
                if (comment.comment or "").strip()
            },
        )
        self._gradebook.db.rollback()  # what is read next is read anew
        return marks

    def _all(self, kind: Any, part: Any, *more: Any) -> list[Any]:
        """Return the grades or the comments of a notebook, each with its cell, in one query."""
        query = self._gradebook.db.query(kind).options(joinedload(kind.cell), *more)
        return list(query.filter(kind.notebook_id == part.id))


def _mark(grade: Any) -> Mark:
    return Mark(
        name=grade.name,
        points=grade.score or 0.0,
        possible=grade.max_score,
        extra=grade.extra_credit or 0.0,
        by_person=grade.manual_score is not None,
        waits=bool(grade.needs_manual_grade),
    )
