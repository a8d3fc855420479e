"""Grade submissions with nbgrader, and read what came out of it.

This module does not know who asks, nor how a submission reached ``submitted/``.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from nbgrader.api import Gradebook, MissingEntry

from autograder.status import UNGRADED, Status
from course.directory import Course, CourseError
from course.feedback import write
from course.feedback.write import Tell

GRADED = Status("graded")


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
    found: Status = GRADED
    out_of: float = 0.0  # points that the assignment has

    @property
    def score(self) -> float:
        """Return the points given so far."""
        return sum(cell.score for cell in self.automatic)

    @property
    def status(self) -> str:
        """Return one word for lists."""
        return self.found.word

    @property
    def reason(self) -> str:
        """Return why it is not simply graded."""
        return self.found.reason

    @property
    def is_graded(self) -> bool:
        """Return whether the marks mean something."""
        return self.status not in UNGRADED


class NbgraderRunner:
    """nbgrader's autograder and feedback for a course, or for a copy of it at ``root``."""

    def __init__(self, course: Course, root: Path | None = None):
        self.course, self.root = course, root or course.root
        self.api = course.nbgrader(self.root)
        self._course = Course(self.root)

    def grade(self, assignment: str, student: str) -> Score:
        """Run one submission through nbgrader; a submission that breaks it becomes a reason."""
        done = self.api.autograde(assignment, student, force=True)
        if not done["success"]:
            return Score(student, assignment, found=Status("failed", (_reason(done),)))
        return self.result(assignment, student)

    def feedback(self, assignment: str, student: str) -> Path:
        """Write the student's feedback and return its folder.

        Raises:
            CourseError: there is nothing graded to write about, or nbgrader failed.
        """
        if missing := self.pages(assignment, [student]):
            raise CourseError(f"no feedback for {student}: {missing[student]}")
        return self.root / "feedback" / student / assignment

    def pages(
        self, assignment: str, students: Collection[str], tell: Tell = lambda student: None
    ) -> dict[str, str]:
        """Write the feedback of several and return why those have none who have none."""
        return write.write(self.api, assignment, students, tell)

    def result(self, assignment: str, student: str) -> Score:
        """Return what the gradebook has of a submission."""
        return self.results(assignment, [student])[0]

    def results(self, assignment: str, students: Iterable[str]) -> list[Score]:
        """Return what the gradebook has of several submissions, opening it once."""
        with self.course.gradebook(self.root) as gradebook:
            out_of = _out_of(gradebook, assignment)
            scores = (self._result(gradebook, assignment, student) for student in students)
            return [replace(score, out_of=out_of) for score in scores]

    def _result(self, gradebook: Gradebook, assignment: str, student: str) -> Score:
        try:
            submission = gradebook.find_submission(assignment, student)
        except MissingEntry:
            found = self._course.status(assignment, student, False)
            return Score(student, assignment, found=found)
        grades = [g for notebook in submission.notebooks for g in notebook.grades]
        automatic = tuple(
            CellScore(g.name, g.auto_score or 0.0, g.max_score)
            for g in grades
            if g.cell.cell_type == "code"
        )
        manual = sum(g.max_score for g in grades if g.needs_manual_grade)
        found = self._course.status(assignment, student, True)
        return Score(student, assignment, automatic, manual, found)


def _out_of(gradebook: Gradebook, assignment: str) -> float:
    try:
        return float(gradebook.find_assignment(assignment).max_score)
    except MissingEntry:
        return 0.0


def table(results: list[Score]) -> str:
    """Return the results as lines of text: student, points, what is open, status and reasons."""
    width = max([24, *(len(result.student) for result in results)])
    lines = [f"{'student':{width}} {'points':>8} {'to mark':>8}  status"]
    for result in results:
        points = f"{result.score:g}" if result.is_graded else "-"
        lines.append(
            f"{result.student:{width}} {points:>5}/{result.out_of:<3g}{result.needs_manual:>7g}   "
            f"{result.status}{': ' + _cut(result.reason) if result.reason else ''}"
        )
    return "\n".join(lines)


def _cut(text: str, most: int = 100) -> str:
    """Return the beginning of a long text; all of it stands in the graded notebook's metadata."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _reason(done: dict[str, str]) -> str:
    lines = (done.get("error") or done.get("log") or "").strip().splitlines()
    return lines[-1] if lines else "nbgrader gave no reason"
