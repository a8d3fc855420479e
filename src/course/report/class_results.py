"""The results of a class, read once: marks, statuses, times, diagnoses and code.

They come from nbgrader's gradebook (over one connection), ``.autograder/status/`` and the notebooks
in ``autograded/``.
"""

import json
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from nbformat import NotebookNode
from nbgrader.api import (
    Assignment,
    BaseCell,
    Grade,
    Gradebook,
    SubmittedAssignment,
    SubmittedNotebook,
)
from tqdm import tqdm

from autograder import job
from autograder.cells import is_locked
from autograder.status import NOT_HELD, Status
from course.directory import Course, CourseError
from course.release import generate
from course.run import batch
from course.run.held_marks import HeldMarks, expect_some
from course.run.publish import template
from mistakes import Cell

HEADING = re.compile(r"^#{1,6}\s+(.+?)\s*#*$", re.MULTILINE)
FENCED = re.compile(r"^(`{3,}|~{3,})[^\n]*\n(.*?)^\1[^\n]*$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class CellResult:
    """A graded cell: a test, or a written answer."""

    name: str
    is_test: bool
    points: float
    problem: str  # the heading above it
    part: str = ""  # of the assignment, by its title in assignment.toml


@dataclass
class Submission:
    """One student's submission and its results.

    Attributes:
        student: the id
        status: its status
        in_gradebook: whether the gradebook has marks for it
        marks: points by cell, 0 if none were given yet
        waiting: cells that a person still has to mark
        seconds_late: seconds after the due date, including nbgrader's extension
        penalty: points lost to lateness
        tests: what the autograder has noted of each test: ``seconds``, ``hidden``, ``diagnosis``;
            none of them need be there
        code: sources of code cells that are the student's own to write, by id
    """

    student: str
    status: Status
    in_gradebook: bool = False
    marks: dict[str, float] = field(default_factory=dict)
    waiting: set[str] = field(default_factory=set)
    seconds_late: float = 0.0
    penalty: float = 0.0
    tests: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    code: dict[str, str] = field(default_factory=dict)

    @property
    def is_graded(self) -> bool:
        """Whether there are marks."""
        return self.in_gradebook and self.status.is_graded

    @property
    def points(self) -> float:
        """Points given so far, before any penalty."""
        return sum(self.marks.values())


@dataclass(frozen=True)
class Results:
    """An assignment and its submissions.

    Attributes:
        assignment: its name
        cells: graded cells in notebook order
        submissions: one for each student in the gradebook or ``submitted/``, by name
        due: due date in UTC, if set
        given: provided sources
        sandboxes: by student, whether a sandbox was used; None if unknown
        catalogue: known mistakes
    """

    assignment: str
    cells: tuple[CellResult, ...]
    submissions: tuple[Submission, ...]
    due: datetime | None
    given: tuple[str, ...]
    sandboxes: Mapping[str, bool | None]
    catalogue: tuple[Cell, ...]

    @property
    def graded(self) -> list[Submission]:
        """The submissions that have marks."""
        return [submission for submission in self.submissions if submission.is_graded]

    @property
    def tests(self) -> list[CellResult]:
        """The cells that are marked automatically."""
        return [cell for cell in self.cells if cell.is_test]


def read(course: Course, assignment: str, show: bool = True) -> Results:
    """Read the results of a class.

    Args:
        course: the course
        assignment: its name
        show: show a progress bar

    Raises:
        CourseError: it is not released, or nothing has been graded yet.
    """
    shape = template(course, assignment)
    course.expect_gradebook()
    if not generate.is_registered(course, assignment):
        raise CourseError(f"{assignment} is {NOT_HELD}: run course autograde {assignment}")
    with course.gradebook() as gradebook:
        titles = [part.title for part in course.assignment(assignment).parts]
        cells = _cells(gradebook, assignment, shape, titles)
        submissions = _submissions(course, gradebook, assignment)
        due = gradebook.find_assignment(assignment).duedate
    expect_some((submission.status for submission in submissions), assignment)
    if not submissions:
        raise CourseError(f"nobody has handed in {assignment}: submitted/ holds nothing of it")
    for submission in tqdm(
        submissions, desc=f"reading {assignment}", unit="", disable=None if show else True
    ):
        _read_notebook(
            course, assignment, submission, {cell.name for cell in cells if cell.is_test}
        )
    return Results(
        assignment,
        cells,
        tuple(submissions),
        due,
        tuple(given(shape)),
        _sandboxes(course, assignment, submissions),
        course.catalogue(assignment),
    )


def given(shape: NotebookNode) -> Iterator[str]:
    """Yield the provided code: code cells, and examples in the text."""
    for cell in shape.cells:
        if cell.cell_type == "code":
            yield cell.source
        else:
            yield from (text for _, text in FENCED.findall(cell.source))


def _cells(
    gradebook: Gradebook, assignment: str, shape: NotebookNode, parts: Collection[str]
) -> tuple[CellResult, ...]:
    """Return the graded cells in the order of the release; a part begins with its title."""
    known = {
        cell.name: cell for cell in gradebook.find_notebook(assignment, assignment).grade_cells
    }
    problem, part, graded = assignment, "", []
    for cell in shape.cells:
        headings = HEADING.findall(FENCED.sub("", cell.source))
        if cell.cell_type == "markdown" and headings:
            problem = headings[-1]
            begins = [title for title in parts for line in headings if line.startswith(title)]
            part = begins[-1] if begins else part
        marked = known.get(cell.metadata.get("nbgrader", {}).get("grade_id"))
        if marked is not None:
            is_test = marked.cell_type == "code"
            graded.append(CellResult(marked.name, is_test, marked.max_score, problem, part))
    return tuple(graded)


def _submissions(course: Course, gradebook: Gradebook, assignment: str) -> list[Submission]:
    """Return all students with marks and lateness."""
    late = {
        submission.student_id: submission.total_seconds_late
        for submission in gradebook.find_assignment(assignment).submissions
    }
    held, handed_in = HeldMarks.read(course, assignment, gradebook), course.students(assignment)
    names = sorted({student.id for student in gradebook.students} | {*handed_in} | {*late})
    submissions = {
        name: Submission(
            name,
            held.status(name),
            name in late,
            waiting=held.waiting(name) if name in late else set(),
            seconds_late=late.get(name, 0.0),
        )
        for name in names
    }
    for name, cell, score, waits in _grades(gradebook, assignment):
        submissions[name].marks[cell] = score
        if waits:
            submissions[name].waiting.add(cell)
    for name, penalty in _penalties(gradebook, assignment):
        submissions[name].penalty += penalty or 0.0
    return list(submissions.values())


def _grades(gradebook: Gradebook, assignment: str) -> Any:
    """Query student, cell, points and whether a person has to mark it, for all grades at once."""
    return (
        gradebook.db.query(
            SubmittedAssignment.student_id, BaseCell.name, Grade.score, Grade.needs_manual_grade
        )
        .select_from(Grade)
        .join(BaseCell, Grade.cell_id == BaseCell.id)
        .join(SubmittedNotebook, Grade.notebook_id == SubmittedNotebook.id)
        .join(SubmittedAssignment, SubmittedNotebook.assignment_id == SubmittedAssignment.id)
        .join(Assignment, SubmittedAssignment.assignment_id == Assignment.id)
        .filter(Assignment.name == assignment)
    )


def _penalties(gradebook: Gradebook, assignment: str) -> Any:
    """Query student and penalty of every submitted notebook."""
    return (
        gradebook.db.query(
            SubmittedAssignment.student_id, SubmittedNotebook.late_submission_penalty
        )
        .select_from(SubmittedNotebook)
        .join(SubmittedAssignment, SubmittedNotebook.assignment_id == SubmittedAssignment.id)
        .join(Assignment, SubmittedAssignment.assignment_id == Assignment.id)
        .filter(Assignment.name == assignment)
    )


def _read_notebook(
    course: Course, assignment: str, submission: Submission, tests: Collection[str]
) -> None:
    """Add what the graded notebook holds; a missing or damaged one adds nothing."""
    path = course.root / "autograded" / submission.student / assignment / f"{assignment}.ipynb"
    for raw in _raw_cells(path):
        cell = NotebookNode({"id": "", **raw, "metadata": NotebookNode(raw.get("metadata", {}))})
        source = raw.get("source", "")
        source = source if isinstance(source, str) else "".join(source)
        name = cell.metadata.get("nbgrader", {}).get("grade_id", cell.id)
        if name in tests and isinstance(noted := cell.metadata.get("autograder"), dict):
            submission.tests[name] = noted
        elif raw.get("cell_type") == "code" and not is_locked(cell) and source.strip():
            submission.code[cell.id or f"cell {len(submission.code)}"] = source


def _raw_cells(path: Path) -> list[dict[str, Any]]:
    """Return the cells of a notebook without validation, which takes too long for a class."""
    try:
        cells = json.loads(path.read_bytes())["cells"]
    except (OSError, ValueError, KeyError, TypeError):
        return []
    return [cell for cell in cells if isinstance(cell, dict)] if isinstance(cells, list) else []


def _sandboxes(
    course: Course, assignment: str, submissions: list[Submission]
) -> dict[str, bool | None]:
    """Return by student whether there was a sandbox.

    A status keeps a hash of the policy it was graded by; it is compared with the policies that the
    course's settings give, with and without a sandbox.
    """
    settings, known = batch.preprocessors(course), {}
    for demos in (True, False):
        policy = batch.policy_of(course, assignment, demos=demos)
        for sandbox in (True, False):
            known[job.policy_part(replace(policy, sandbox=sandbox), settings)] = sandbox
    graded = [submission for submission in submissions if submission.is_graded]
    return {
        submission.student: known.get(submission.status.parts.get("policy", ""))
        for submission in graded
    }
