"""What grading again would change, before anything is written, and why.

Every submission is graded with today's tests and grader, as a batch does, but nothing of it is
published; results are kept, so that the run that does publish has little left to do. This module
does not know what a change is good for.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from nbgrader import utils
from nbgrader.api import Gradebook, MissingEntry

from autograder.cells import grade_id, is_test
from autograder.result import Result
from autograder.status import Status
from course.directory import Course
from course.run import status_files

PARTS = {
    "submitted": "the submission was replaced",
    "assignment": "the tests have changed",
    "data": "the data has changed",
    "policy": "the policy has changed",
    "grader": "the grader has changed",
    "environment": "libraries have changed",
    "draws": "hidden inputs are drawn anew",
}


@dataclass(frozen=True)
class Change:
    """One cell of one student."""

    cell: str
    before: float | None
    after: float | None
    reason: str


@dataclass(frozen=True)
class Changed:
    """One student whose marks or status would change."""

    student: str
    before: float
    after: float
    word: str
    because: tuple[str, ...]
    cells: tuple[Change, ...]


@dataclass
class Rehearsal:
    """Takes results as a Recorder does, and writes nothing."""

    course: Course
    assignment: str
    changed: list[Changed] = field(default_factory=list)
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
            Change(name, before.get(name), after.get(name), messages.get(name, ""))
            for name in sorted(before.keys() | after.keys())
            if before.get(name) != after.get(name)
        )
        known = status_files.read(self.course.root, self.assignment, student)
        if cells or (known and known.word != result.word):
            why = _because(known, result)
            totals = _total(before), _total(after)
            self.changed.append(Changed(student, *totals, result.word, why, cells))
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


def table(changed: list[Changed], n_students: int) -> str:
    """Return a paragraph for everybody whose marks change, and a summary."""
    lines = []
    for each in sorted(changed, key=lambda c: (c.after - c.before, c.student)):
        why = "; ".join(each.because) or "unknown why"
        lines.append(
            f"{each.student}: {each.before:g} -> {each.after:g} "
            f"({each.after - each.before:+g}), {each.word}: {why}"
        )
        for cell in each.cells:
            before, after = (_shown(mark) for mark in (cell.before, cell.after))
            lines.append(f"    {cell.cell}: {before} -> {after}  {cell.reason}".rstrip())
    ups = sum(each.after > each.before for each in changed)
    downs = sum(each.after < each.before for each in changed)
    lines.append(
        f"{len(changed)} of {n_students} submissions change: {ups} gain, {downs} lose, "
        f"{len(changed) - ups - downs} stay at the same total"
    )
    return "\n".join(lines)


def _shown(mark: float | None) -> str:
    return "none" if mark is None else f"{mark:g}"


def _marks(result: Result) -> dict[str, float | None]:
    tests = [cell for cell in result.cells if is_test(cell)]
    return {grade_id(cell): utils.determine_grade(cell)[0] for cell in tests}


def _messages(result: Result) -> dict[str, str]:
    """Return what each failed test says, in a line."""
    return {
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


def trail(lines: list[dict[str, Any]]) -> str:
    """Return an audit trail as lines of text."""
    return "\n".join(
        f"{line['when']}  {line['student']:24} {line['cell']:24} {line['what']:14} "
        f"{_shown(line['from']):>5} -> {_shown(line['to']):<5} {line['by']}"
        f"{'  (undone)' if line.get('undone') else ''}"
        for line in lines
    )
