"""Points, comments and lateness of a submission, read from the gradebook.

One connection serves all pages of a run.
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
    extra: float  # the part of the points that a person gave as extra credit
    by_person: bool
    waits: bool  # for a person; with ``by_person``: autograded again since, so look again


@dataclass(frozen=True)
class Marks:
    """The gradebook's record of one notebook.

    Attributes:
        points: before the penalty
        possible: maximum points
        penalty: points lost to lateness
        late: seconds after the deadline
        handed_in: time of submission in UTC, if known
        cells: marks by cell name
        comments: comments of a person or the autograder, by cell name
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
        """Points after the penalty."""
        return self.points - self.penalty

    @property
    def waiting(self) -> float:
        """Points that a person still has to decide on."""
        marks = self.cells.values()
        return sum(mark.possible for mark in marks if mark.waits and not mark.by_person)


class Book:
    """An open gradebook, closed when it is garbage collected."""

    def __init__(self, url: str, course_id: str):
        self._gradebook = Gradebook(url, course_id)
        weakref.finalize(self, self._gradebook.close)

    def read(self, assignment: str, notebook: str, student: str) -> Marks | None:
        """Return the marks of a notebook, or None if the gradebook has none."""
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
        self._gradebook.db.rollback()  # so that the next read sees new marks
        return marks

    def _all(self, kind: Any, part: Any, *more: Any) -> list[Any]:
        """Return grades or comments of a notebook with their cells, in one query."""
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
