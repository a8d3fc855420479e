"""Grade a submission, write feedback, and read scores, all by nbgrader's interface to a course."""

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from nbgrader.api import Gradebook, MissingEntry

from autograder.status import Status
from course.directory import Course, CourseError
from course.feedback import write
from course.feedback.write import Tell
from course.run import status_files
from course.run.held_marks import HeldMarks

GRADED = Status("graded")
CELLS = re.compile(r"((?:[\w.-]++, ){2}[\w.-]++)((?:, [\w.-]++){2,}+)(?! [a-z])")  # a long list


@dataclass(frozen=True)
class CellScore:
    """The points of one automatically graded cell."""

    name: str
    score: float
    max_score: float


@dataclass(frozen=True)
class Score:
    """What became of one submission: marks, a status, and reasons."""

    student: str
    assignment: str
    automatic: tuple[CellScore, ...] = ()
    needs_manual: float = 0.0  # points of written answers that a person still has to mark
    state: Status = GRADED
    out_of: float = 0.0  # points that the assignment has
    by_persons: float = 0.0  # points that persons gave, beyond the automatic ones
    penalty: float = 0.0  # for lateness; not taken off the score, as in formgrader

    @property
    def score(self) -> float:
        """Return the points given so far, by the autograder and by persons."""
        return sum(cell.score for cell in self.automatic) + self.by_persons

    @property
    def followed(self) -> float:
        """Return the points among them that came by follow-through."""
        by_test = self.state.followed
        return sum(min(by_test.get(cell.name, 0.0), cell.score) for cell in self.automatic)

    @property
    def status(self) -> str:
        """Return one word for lists."""
        return self.state.word

    @property
    def reason(self) -> str:
        """Return why the status is not simply graded."""
        return self.state.reason

    @property
    def is_graded(self) -> bool:
        """Return whether the marks mean something."""
        return self.state.is_graded


class NbgraderRunner:
    """nbgrader's autograder and feedback for a course, or for a copy of it at ``root``."""

    def __init__(self, course: Course, root: Path | None = None):
        self.course, self.root = course, root or course.root
        self.api = course.nbgrader(self.root)
        self._course = Course(self.root, course.db_url if self.root == course.root else "")

    def grade(self, assignment: str, student: str) -> Score:
        """Run nbgrader's autograder on one submission; a failure becomes a reason."""
        status_files.forget(self.root, assignment, student)
        done = self.api.autograde(assignment, student, force=True)
        if status_files.read(self.root, assignment, student):
            return self.result(assignment, student)
        return Score(student, assignment, state=Status("failed", (_reason(done),)))

    def feedback(self, assignment: str, student: str) -> Path:
        """Write a student's feedback and return its folder.

        Raises:
            CourseError: there is nothing graded to write about, or nbgrader failed.
        """
        if missing := self.pages(assignment, [student]):
            raise CourseError(f"no feedback for {student}: {missing[student]}")
        return self.root / "feedback" / student / assignment

    def pages(
        self, assignment: str, students: Collection[str], tell: Tell = lambda student: None
    ) -> dict[str, str]:
        """Write feedback; return the reason for each student whose page could not be written."""
        return write.write(self.api, assignment, students, tell)

    def result(self, assignment: str, student: str) -> Score:
        """Return what the gradebook has of a submission."""
        return self.results(assignment, [student])[0]

    def results(self, assignment: str, students: Iterable[str]) -> list[Score]:
        """Return what the gradebook has of several submissions, opening it once.

        Where there is no gradebook, nobody has a mark, and the status says so.
        """
        if not self.course.has_gradebook(self.root):
            held = HeldMarks.of(self._course, assignment)
            return [Score(name, assignment, state=held.status(name)) for name in students]
        with self.course.gradebook(self.root) as gradebook:
            out_of = _out_of(gradebook, assignment)
            held = HeldMarks.read(self._course, assignment, gradebook)
            scores = (self._result(gradebook, held, student) for student in students)
            return [replace(score, out_of=out_of) for score in scores]

    def _result(self, gradebook: Gradebook, held: HeldMarks, student: str) -> Score:
        assignment, state = held.assignment, held.status(student)
        try:
            submission = gradebook.find_submission(assignment, student)
        except MissingEntry:
            return Score(student, assignment, state=state)
        grades = [g for notebook in submission.notebooks for g in notebook.grades]
        automatic = tuple(
            CellScore(g.name, g.auto_score or 0.0, g.max_score)
            for g in grades
            if g.cell.cell_type == "code"
        )
        waits = held.waiting(student)
        to_mark = sum(g.max_score for g in grades if g.needs_manual_grade or g.name in waits)
        given = sum(g.score or 0.0 for g in grades) - sum(cell.score for cell in automatic)
        late = float(submission.late_submission_penalty or 0.0)
        return Score(student, assignment, automatic, to_mark, state, by_persons=given, penalty=late)


def _out_of(gradebook: Gradebook, assignment: str) -> float:
    try:
        return float(gradebook.find_assignment(assignment).max_score)
    except MissingEntry:
        return 0.0


def table(results: list[Score]) -> str:
    """Return scores as a table: student, points, points still to be given, status and reasons."""
    width = max([24, *(len(result.student) for result in results)])
    lines = [f"{'student':{width}} {'points':>8} {'to mark':>8}  status"]
    for result in results:
        points = f"{result.score:g}" if result.is_graded else "-"
        out_of = f"{result.out_of:g}" if result.out_of else "-"  # without a gradebook: unknown
        lines.append(
            f"{result.student:{width}} {points:>5}/{out_of:<3}{result.needs_manual:>7g}   "
            f"{result.status}{_parts(result)}{_important(result.state, len(results) == 1)}"
        )
    if len(results) == 1:  # asked for alone: all there is to say
        lines += [f"  - {reason}" for reason in results[0].state.reasons[1:]]
    elif any(_folded(reason) != reason for r in results for reason in r.state.reasons) or any(
        len(result.state.reasons) > 1 for result in results
    ):
        lines.append("(all reasons: course scores ASSIGNMENT --student NAME)")
    return "\n".join(lines)


def _parts(result: Score) -> str:
    """Return what the points are made of: ", 56 + 28 follow-through, 7.5 off for lateness"."""
    parts = []
    if result.followed:
        parts.append(f"{result.score - result.followed:g} + {result.followed:g} follow-through")
    if result.penalty and result.is_graded:
        parts.append(f"{result.penalty:g} off for lateness")
    return "".join(f", {part}" for part in parts)


def _important(state: Status, whole: bool) -> str:
    """Return the first reason, and how many more there are; a long list in it only if ``whole``."""
    if not state.reasons:
        return ""
    first, *others = state.reasons
    more = f" (and {len(others)} more)" if others else ""
    return f": {first if whole else _folded(first)}{more}"


def _folded(reason: str) -> str:
    """Return a reason in which a list of cells ends after the third.

    >>> _folded("restored cells: a-1-1-test, a-1-2-test, a-1-3-test, a-2-1-test, a-2-2-test")
    'restored cells: a-1-1-test, a-1-2-test, a-1-3-test and 2 others'
    """
    return CELLS.sub(lambda cells: f"{cells[1]} and {cells[2].count(', ')} others", reason)


def _reason(done: dict[str, str]) -> str:
    lines = (done.get("error") or done.get("log") or "").strip().splitlines()
    return lines[-1] if lines else "nbgrader gave no reason"
