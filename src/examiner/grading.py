"""Grade submissions with nbgrader, and read what came out of it.

This module does not know who asks, nor how a submission reached ``submitted/``.
"""

import logging
import warnings
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from functools import cache
from multiprocessing import get_context
from pathlib import Path

from nbgrader.api import MissingEntry
from tqdm import tqdm

from examiner.course import POINTS, Course, CourseError


@dataclass(frozen=True)
class CellScore:
    """The points of one automatically graded cell."""

    name: str
    score: float
    max_score: float


@dataclass(frozen=True)
class Result:
    """What became of one submission; ``reason`` says why where it could not be graded."""

    student: str
    assignment: str
    automatic: tuple[CellScore, ...] = ()
    needs_manual: float = 0.0  # points of written answers that a person still has to mark
    reason: str = ""

    @property
    def score(self) -> float:
        """Return the points given so far."""
        return sum(cell.score for cell in self.automatic)

    @property
    def status(self) -> str:
        """Return one word for lists."""
        return "failed" if self.reason else "graded"


class Grader:
    """nbgrader's autograder and feedback for a course, or for a copy of it at ``root``."""

    def __init__(self, course: Course, root: Path | None = None):
        self.course, self.root = course, root or course.root
        self.api = course.nbgrader(self.root)

    def grade(self, assignment: str, student: str) -> Result:
        """Run one submission through nbgrader; a submission that breaks it becomes a reason."""
        done = self.api.autograde(assignment, student, force=True)
        if not done["success"]:
            return Result(student, assignment, reason=_reason(done))
        return self.result(assignment, student)

    def feedback(self, assignment: str, student: str) -> Path:
        """Write the student's feedback and return its folder.

        Raises:
            CourseError: there is nothing graded to write about, or nbgrader failed.
        """
        done = self.api.generate_feedback(assignment, student, force=True)
        folder = self.root / "feedback" / student / assignment
        if not done["success"] or not any(folder.glob("*.html")):
            raise CourseError(f"no feedback for {student}: {assignment} was not graded")
        return folder

    def result(self, assignment: str, student: str) -> Result:
        """Return what the gradebook has of a submission."""
        with self.course.gradebook(self.root) as gradebook:
            try:
                submission = gradebook.find_submission(assignment, student)
            except MissingEntry:
                return Result(student, assignment, reason="not graded yet")
            grades = [g for notebook in submission.notebooks for g in notebook.grades]
            automatic = tuple(
                CellScore(g.name, g.auto_score or 0.0, g.max_score)
                for g in grades
                if g.cell.cell_type == "code"
            )
            manual = sum(g.max_score for g in grades if g.needs_manual_grade)
        return Result(student, assignment, automatic, manual)


def grade_all(
    course: Course, assignment: str, students: list[str], workers: int = 2
) -> list[Result]:
    """Grade many submissions, ``workers`` at a time, with a bar; results in the order given.

    Each worker is a process that keeps nbgrader loaded. One that dies is that submission's reason.
    """
    pool = ProcessPoolExecutor(workers, get_context("spawn"))
    with pool, tqdm(total=len(students), desc=assignment, unit="submission") as bar:
        waiting = {
            pool.submit(_grade_in_worker, course, assignment, name): name for name in students
        }
        results = {}
        for future in as_completed(waiting):
            name = waiting[future]
            try:
                results[name] = future.result()
            except BrokenProcessPool:
                results[name] = Result(name, assignment, reason="the grading process died")
            bar.update()
    return [results[name] for name in students]


def _grade_in_worker(course: Course, assignment: str, student: str) -> Result:
    return _grader(course).grade(assignment, student)


@cache
def _grader(course: Course) -> Grader:
    """Return the grader that this process keeps."""
    quieten()
    return Grader(course)


def quieten() -> None:
    """Silence what nbgrader's libraries say to developers, in this process and its kernels."""
    logging.getLogger("traitlets").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", module=r"nbgrader\.")  # its database layer is talkative


def table(results: list[Result]) -> str:
    """Return the results as lines of text: student, points, what is open, what went wrong."""
    lines = [f"{'student':24} {'points':>8} {'to mark':>8}  status"]
    for result in results:
        out_of = POINTS[result.assignment]
        lines.append(
            f"{result.student:24} {result.score:>5g}/{out_of:<3}{result.needs_manual:>7g}   "
            f"{result.status}{': ' + result.reason if result.reason else ''}"
        )
    return "\n".join(lines)


def _reason(done: dict[str, str]) -> str:
    lines = (done.get("error") or done.get("log") or "").strip().splitlines()
    return lines[-1] if lines else "nbgrader gave no reason"
