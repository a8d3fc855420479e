"""What subcommands share: their arguments, and what a shell completes them with.

This module does not know what a subcommand does.
"""

import json
from collections.abc import Iterator
from typing import Annotated

import typer

from autograder.cells import grade_id, is_test
from course.directory import POINTS, Course, CourseError


def assignments(incomplete: str) -> Iterator[str]:
    """Yield the assignments that have a master and begin so."""
    for name in POINTS:
        if name.startswith(incomplete) and (course := _course()) and _master(course, name):
            yield name


def students(context: typer.Context, incomplete: str) -> Iterator[str]:
    """Yield who has handed in what the line names, or anything, and begins so."""
    if course := _course():
        words = {str(context.params.get("assignment")), *context.args}  # args: not yet sorted out
        asked = [name for name in POINTS if name in words] or list(POINTS)
        known = {student for assignment in asked for student in course.students(assignment)}
        yield from sorted(name for name in known if name.startswith(incomplete))


def tests(context: typer.Context, incomplete: str) -> Iterator[str]:
    """Yield the test cells of what a student has handed in, in the masters' order."""
    if course := _course():
        student = context.params.get("student")
        for assignment in POINTS:
            if student in course.students(assignment):
                found = _test_cells(_master(course, assignment))
                yield from (cell for cell in found if cell.startswith(incomplete))


def _course() -> Course | None:
    """Return the course around here; a shell outside of one has nothing to complete."""
    try:
        return Course.find()
    except CourseError:
        return None


def _master(course: Course, assignment: str) -> str:
    """Return a master's text, or nothing."""
    try:
        return course.master(assignment).read_text(encoding="utf-8")
    except (CourseError, OSError, UnicodeDecodeError):
        return ""


def _test_cells(master: str) -> Iterator[str]:
    """Yield the ids of tests, from plain JSON: nbformat takes a second to load."""
    try:
        cells = json.loads(master or "{}").get("cells", [])
    except ValueError:
        return
    for cell in cells:
        if is_test(cell):
            yield grade_id(cell)


Assignment = Annotated[
    str, typer.Argument(help=f"one of {', '.join(POINTS)}", autocompletion=assignments)
]
Of = Annotated[
    str,
    typer.Option("--assignment", help=f"one of {', '.join(POINTS)}", autocompletion=assignments),
]
Student = Annotated[str | None, typer.Option(help="only this one", autocompletion=students)]


def chosen(course: Course, assignment: str, student: str | None) -> list[str]:
    """Return who is meant: one student, or all who have handed in.

    Raises:
        CourseError: there is no such assignment or no such submission.
    """
    course.master(assignment)
    students = course.students(assignment)
    if student is not None and student not in students:
        raise CourseError(f"submitted/{student}/{assignment} does not exist")
    if not students:
        raise CourseError(f"nobody has handed in {assignment}: submitted/ holds nothing of it")
    return [student] if student else students
