"""Compare what the gradebook holds with what was published and with what persons entered.

A gradebook may be gone, or be yesterday's, or another one. What it lacks has no mark in any list,
export or page. Automatic marks are compared with those that the status of a submission keeps;
``course autograde`` publishes them again. Marks and comments of persons stand nowhere else: they
are compared with the audit trail, which says what was entered, by whom and when.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import nbformat
from nbformat import NotebookNode
from nbgrader import utils
from nbgrader.api import (
    Assignment,
    BaseCell,
    Comment,
    Grade,
    Gradebook,
    Notebook,
    SubmittedAssignment,
    SubmittedNotebook,
)

from autograder.cells import grade_id, is_graded
from autograder.status import NOT_HELD, STATUSES, UNGRADED, Status
from course.directory import Course, CourseError
from course.report import audit
from course.report.audit import COMMENT, PENALTY, MarkChange
from course.run import status_files

GIVEN = {  # by persons, or depending on what they set: columns, and what they are called
    "manual_score": "mark",
    "extra_credit": "extra credit",
    COMMENT: "comment",
    PENALTY: "penalty for lateness",
}
Given = float | str | None
LONGEST = 60  # characters of a comment in a line about it


@dataclass
class HeldSubmission:
    """A submission in the gradebook.

    Attributes:
        automatic: marks of the autograder, by cell
        given: the other columns, by cell and column
    """

    automatic: dict[str, float | None] = field(default_factory=dict)
    given: dict[tuple[str, str], Given] = field(default_factory=dict)

    @property
    def has_marks(self) -> bool:
        """Whether anything was marked: nbgrader makes a submission before it reads a notebook."""
        points = (mark for (_, what), mark in self.given.items() if what == "manual_score")
        return any(mark is not None for mark in (*self.automatic.values(), *points))

    def is_of(self, marks: Mapping[str, float | None] | None) -> bool:
        """Return whether these are the automatic marks that were published, if that is known."""
        if marks is None:
            return self.has_marks
        both = self.automatic.keys() & marks.keys()
        return bool(both or not marks) and all(self.automatic[c] == marks[c] for c in both)


@dataclass(frozen=True)
class HeldMarks:
    """What the gradebook holds of one assignment, read once for the whole class.

    Example:
        held = HeldMarks.of(course, "gpt2")
        held.status("anna").is_graded
    """

    course: Course
    assignment: str
    submissions: Mapping[str, HeldSubmission]
    trail: Mapping[str, list[MarkChange]]  # by student: the last change of each mark of a person

    @classmethod
    def of(cls, course: Course, assignment: str) -> "HeldMarks":
        """Return what the course's gradebook holds: nothing, where there is none."""
        if not course.has_gradebook():
            return cls(course, assignment, {}, _trail(course, assignment))
        with course.gradebook() as gradebook:
            return cls.read(course, assignment, gradebook)

    @classmethod
    def read(cls, course: Course, assignment: str, gradebook: Gradebook) -> "HeldMarks":
        """Return what an open gradebook holds."""
        held = _submissions(gradebook, assignment)
        return cls(course, assignment, held, _trail(course, assignment))

    def status(self, student: str) -> Status:
        """Return the status to show: graded only if the gradebook holds the marks."""
        status, held = self._recorded(student), self.submissions.get(student)
        if status is None:
            return self._unrecorded(student, held)
        if not status.is_graded:
            return status
        if held is None:
            return replace(status, word=NOT_HELD, followed={}, reasons=(self._remedy,))
        if not held.is_of(status.marks):
            why = f"it has marks of another grading; {self._remedy}"
            return replace(status, word=NOT_HELD, followed={}, reasons=(why,))
        return replace(status, reasons=(*self._lost(student), *status.reasons))

    def is_published(self, student: str, status: Status) -> bool:
        """Return whether the gradebook has what was published of a submission, and no more."""
        held = self.submissions.get(student, HeldSubmission())
        if status.is_graded:
            return student in self.submissions and held.is_of(status.marks)
        return all(mark is None for mark in held.automatic.values())

    def lost(self, student: str) -> list[MarkChange]:
        """Return what persons entered last and the gradebook does not hold."""
        held = self.submissions.get(student, HeldSubmission())
        return [
            change
            for change in self.trail.get(student, ())
            if _plain(held.given.get((change.cell, change.what)), change.what)
            != _plain(change.after, change.what)
        ]

    def waiting(self, student: str) -> set[str]:
        """Return the cells whose mark a person has to enter again."""
        return {change.cell for change in self.lost(student) if change.what in audit.MARKS}

    def lost_lines(self, students: Iterable[str]) -> list[str]:
        """Return a line for each thing that is lost."""
        return [self._line(change) for name in sorted(students) for change in self.lost(name)]

    def _line(self, change: MarkChange) -> str:
        held = self.submissions.get(change.student, HeldSubmission())
        now = held.given.get((change.cell, change.what))
        return (
            f"not in the gradebook: {change.student}'s {GIVEN[change.what]} for {change.cell}, "
            f"{shown(change.after)} by {change.by} at {change.when} (it has {shown(now)}): "
            f"{_what_to_do(change, self.assignment)}"
        )

    def _lost(self, student: str) -> Iterator[str]:
        if lost := self.lost(student):
            kinds = ", ".join(
                sorted({f"{GIVEN[change.what]} for {change.cell}" for change in lost})
            )
            yield f"not in the gradebook: {kinds}; course audit {self.assignment} has them"

    @property
    def _remedy(self) -> str:
        return f"course autograde {self.assignment} publishes it again"

    def _recorded(self, student: str) -> Status | None:
        """Return the status that was kept, or else the one that the graded notebook notes."""
        root, name = self.course.root, self.assignment
        if kept := status_files.read(root, name, student):
            return kept
        try:
            path = root / "autograded" / student / name / f"{name}.ipynb"
            notebook = nbformat.read(path, as_version=4)
            noted = notebook.metadata["autograder"]
            word, reasons = str(noted["status"]), tuple(map(str, noted["reasons"]))
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None
        status = Status(word, reasons, marks=published_marks(notebook.cells))
        return status if word in STATUSES else None

    def _unrecorded(self, student: str, held: HeldSubmission | None) -> Status:
        """Return a status for what nothing is known of but the gradebook's marks, if it has any."""
        if held and held.has_marks:
            why = f"how is not recorded; course autograde {self.assignment} records it again"
            return Status("graded", (why, *self._lost(student)))
        return self.course.status(self.assignment, student, False)


def expect_some(statuses: Iterable[Status], assignment: str) -> None:
    """Do nothing if somebody has a mark, or nobody can have one.

    Raises:
        CourseError: all marks that were published are lost: a file with none of them must not take
            the place of one that has them.
    """
    words = {status.word for status in statuses}
    if NOT_HELD in words and words <= set(UNGRADED):
        raise CourseError(
            f"the marks of {assignment} are {NOT_HELD}, and nothing was written: "
            f"course autograde {assignment} publishes them again"
        )


def published_marks(cells: Iterable[NotebookNode]) -> dict[str, float | None]:
    """Return the automatic marks of a graded notebook, by cell; None where a person gives them."""
    return {grade_id(cell): utils.determine_grade(cell)[0] for cell in cells if is_graded(cell)}


def shown(mark: Given) -> str:
    """Return a mark, or the beginning of a comment, for a line of text.

    >>> shown(6.5), shown(None), shown("Well seen.")
    ('6.5', 'none', "'Well seen.'")
    """
    if isinstance(mark, str):
        return repr(mark if len(mark) <= LONGEST else f"{mark[:LONGEST]}…")
    return "none" if mark is None else f"{mark:g}"


def _what_to_do(change: MarkChange, assignment: str) -> str:
    if change.what == PENALTY:
        return f"set due date and extensions again, then run course lateness {assignment}"
    return "enter it again in formgrader"


def _plain(mark: Given, what: str) -> Given:
    """Return a mark as it is compared: a zero is one, but no points off are none."""
    return mark if what == "manual_score" else mark or None


def _trail(course: Course, assignment: str) -> dict[str, list[MarkChange]]:
    found = defaultdict(list)
    for change in audit.latest(course.root, assignment).values():
        if change.what in GIVEN:
            found[change.student].append(change)
    return dict(found)


def _submissions(gradebook: Gradebook, assignment: str) -> dict[str, HeldSubmission]:
    """Query everything with three statements, however many students there are."""
    held: dict[str, HeldSubmission] = {}
    for student, notebook, penalty in _parts(
        gradebook, assignment, Notebook.name, SubmittedNotebook.late_submission_penalty
    ).join(Notebook, SubmittedNotebook.notebook_id == Notebook.id):
        held.setdefault(student, HeldSubmission()).given[notebook, PENALTY] = penalty
    marks = BaseCell.name, Grade.auto_score, Grade.manual_score, Grade.extra_credit
    for student, cell, automatic, manual, extra in (
        _parts(gradebook, assignment, *marks)
        .join(Grade, Grade.notebook_id == SubmittedNotebook.id)
        .join(BaseCell, Grade.cell_id == BaseCell.id)
    ):
        held[student].automatic[cell] = automatic
        held[student].given |= {(cell, "manual_score"): manual, (cell, "extra_credit"): extra}
    for student, cell, text in (
        _parts(gradebook, assignment, BaseCell.name, Comment.manual_comment)
        .join(Comment, Comment.notebook_id == SubmittedNotebook.id)
        .join(BaseCell, Comment.cell_id == BaseCell.id)
    ):
        held[student].given[cell, COMMENT] = text
    return held


def _parts(gradebook: Gradebook, assignment: str, *columns: Any) -> Any:
    """Query students and columns of the submitted notebooks of an assignment."""
    return (
        gradebook.db.query(SubmittedAssignment.student_id, *columns)
        .select_from(SubmittedNotebook)
        .join(SubmittedAssignment, SubmittedNotebook.assignment_id == SubmittedAssignment.id)
        .join(Assignment, SubmittedAssignment.assignment_id == Assignment.id)
        .filter(Assignment.name == assignment)
    )
