"""What grading again would change, before anything is written, and why.

Every submission is graded with today's tests and grader, as a batch does, but nothing of it is
published. The results are kept, so that the run that does publish has little left to do.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from nbgrader import utils
from nbgrader.api import Gradebook, MissingEntry

from autograder.cell_notes import CellNote
from autograder.cells import grade_id, is_test
from autograder.result import Result
from autograder.status import Status
from course.directory import Course
from course.report.audit import MarkChange
from course.run import status_files
from course.run.held_marks import shown

PARTS = {
    "submitted": "the submission was replaced",
    "assignment": "the tests or other provided cells have changed",
    "others": "another assignment of the course has changed",
    "settings": "assignment.toml has changed",
    "catalogue": "the catalogue or the hidden tests' references have changed",
    "data": "the data has changed",
    "policy": "the policy has changed",
    "grader": "the grader has changed",
    "environment": "libraries have changed",
    "draws": "hidden inputs are drawn anew",
}
UNHELD = "what the last grading gave is not in the gradebook"


@dataclass(frozen=True)
class CellChange:
    """The automatic mark of one cell of one student, and what its test says now."""

    cell: str
    before: float | None
    after: float | None
    reason: str


@dataclass(frozen=True)
class ChangedSubmission:
    """A student whose marks or status would change: totals, the new status, and why."""

    student: str
    before: float
    after: float
    word: str
    because: tuple[str, ...]
    cells: tuple[CellChange, ...]


@dataclass
class Rehearsal:
    """Takes results as a Publisher does, and writes nothing."""

    course: Course
    assignment: str
    changed: list[ChangedSubmission] = field(default_factory=list)
    _gradebook: Gradebook | None = None

    def __enter__(self) -> "Rehearsal":
        return self

    def __exit__(self, *_: object) -> None:
        if self._gradebook:
            self._gradebook.close()
            self._gradebook = None

    def publish(self, student: str, key: str, result: Result, files: Mapping[str, bytes]) -> Status:
        """Compare a result with what the gradebook has; return the status it would get."""
        before, after = self._marks(student), _marks(result)
        messages = _messages(result)
        cells = tuple(
            CellChange(name, before.get(name), after.get(name), messages.get(name, ""))
            for name in sorted(before.keys() | after.keys())
            if before.get(name) != after.get(name)
        )
        known = status_files.read(self.course.root, self.assignment, student)
        if cells or (known and known.word != result.word):
            why = _because(known, result)
            totals = _total(before), _total(after)
            self.changed.append(ChangedSubmission(student, *totals, result.word, why, cells))
        return result.status(key)

    def fail(self, student: str, reason: str) -> Status:
        """Return the status of a submission without a result; its marks would not change."""
        return Status("failed", (reason,))

    def _marks(self, student: str) -> dict[str, float | None]:
        """Return the automatic marks that a student has."""
        if self._gradebook is None:
            self._gradebook = self.course.gradebook()
        try:
            submission = self._gradebook.find_submission(self.assignment, student)
        except MissingEntry:
            return {}
        grades = [grade for part in submission.notebooks for grade in part.grades]
        return {g.name: g.auto_score for g in grades if g.cell.cell_type == "code"}


def table(changed: list[ChangedSubmission], n_students: int) -> str:
    """Return a paragraph for each student whose marks change, and a summary."""
    lines = []
    for student in sorted(changed, key=lambda c: (c.after - c.before, c.student)):
        lines.append(_line(student))
        lines += [_cell_line(cell) for cell in student.cells]
    ups = sum(student.after > student.before for student in changed)
    downs = sum(student.after < student.before for student in changed)
    lines.append(
        f"{len(changed)} of {n_students} submissions change: {ups} gain, {downs} lose, "
        f"{len(changed) - ups - downs} stay at the same total"
    )
    return "\n".join(lines)


def _line(changed: ChangedSubmission) -> str:
    before, after, why = changed.before, changed.after, "; ".join(changed.because)
    totals = f"{before:g} -> {after:g} ({after - before:+g})"
    return f"{changed.student}: {totals}, {changed.word}: {why or UNHELD}"


def _cell_line(cell: CellChange) -> str:
    before, after = shown(cell.before), shown(cell.after)
    return f"    {cell.cell}: {before} -> {after}  {cell.reason}".rstrip()


def _marks(result: Result) -> dict[str, float | None]:
    tests = [cell for cell in result.cells if is_test(cell)]
    return {grade_id(cell): utils.determine_grade(cell)[0] for cell in tests}


def _messages(result: Result) -> dict[str, str]:
    """Return what each failed test says, in a line; of others, what they passed with instead."""
    notes = {grade_id(cell): CellNote.read(cell) for cell in result.cells if is_test(cell)}
    followed = {name: note.followed for name, note in notes.items() if note and note.followed}
    return {name: passed.sentence() for name, passed in followed.items()} | {
        grade_id(cell): f"{output.ename}: {output.evalue}".splitlines()[0][:120]
        for cell in result.cells
        if is_test(cell)
        for output in cell.outputs
        if output.output_type == "error"
    }


def _because(known: Status | None, result: Result) -> tuple[str, ...]:
    """Return in words what is not as it was when the marks were given."""
    if known is None:
        return ("not graded before",)
    return tuple(
        what
        for part, what in PARTS.items()
        if known.parts.get(part) and known.parts[part] != result.parts.get(part)
    )


def _total(marks: Mapping[str, float | None]) -> float:
    return sum(mark or 0.0 for mark in marks.values())


def trail(changes: list[MarkChange]) -> str:
    """Return an audit trail as lines of text."""
    return "\n".join(
        f"{change.when}  {change.student:24} {change.cell:24} {change.what:14} "
        f"{shown(change.before):>5} -> {shown(change.after):<5} {change.by}"
        f"{f'  ({change.how})' if change.how else ''}{'  (undone)' if change.undone else ''}"
        for change in changes
    )
