"""Arguments that several subcommands have, and what a shell completes them with.

Nothing heavy is imported here: a shell that completes a word waits for this module.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from autograder.cells import grade_id, is_test
from course.directory import Course, CourseError, harmless, unknown


def assignments(incomplete: str) -> Iterator[str]:
    """Yield the assignments whose names begin so."""
    if course := _course():
        yield from (name for name in course.assignments() if name.startswith(incomplete))


def students(context: typer.Context, incomplete: str) -> Iterator[str]:
    """Yield the students with such names who handed in the assignment on the line, or any."""
    if course := _course():
        words = {str(context.params.get("assignment")), *context.args}  # args: not yet parsed
        assignment = next((name for name in course.assignments() if name in words), None)
        names = course.students(assignment)
        yield from (name for name in names if name.startswith(incomplete))


def tests(context: typer.Context, incomplete: str) -> Iterator[str]:
    """Yield the tests of what the student on the line has handed in, in the masters' order."""
    if course := _course():
        for assignment in handed_in(course, str(context.params.get("student"))):
            names = test_cells(course, assignment)
            yield from (name for name in names if name.startswith(incomplete))


def say(*lines: object, sep: str = " ", end: str = "\n") -> None:
    """Print text, of which nothing moves the cursor or turns characters round."""
    print(harmless(sep.join(map(str, lines))), end=end)


def _course() -> Course | None:
    """Return the course around here; a shell outside of one has nothing to complete."""
    try:
        return Course.find()
    except CourseError:
        return None


def handed_in(course: Course, student: str) -> list[str]:
    """Return the assignments that a student has handed in."""
    return [name for name in course.assignments() if student in course.students(name)]


def test_cells(course: Course, assignment: str) -> list[str]:
    """Return the ids of a master's tests, read as plain JSON: nbformat takes a second to load."""
    try:
        master = json.loads(course.master(assignment).read_text("utf-8"))
        return [grade_id(cell) for cell in master["cells"] if is_test(cell)]
    except (CourseError, OSError, ValueError, KeyError):
        return []


def expect_place(path: Path | None) -> None:
    """Do nothing if a file can be made here, or none is wanted.

    Raises:
        CourseError: it is a folder, or its own folder is not there: a slip of the pen makes none.
    """
    if path is not None and path.is_dir():
        raise CourseError(f"{path} is a folder: give the name of a file")
    if path is not None and not path.parent.is_dir():
        raise CourseError(f"{path} cannot be written: the folder {path.parent} is not there")


def existing(context: typer.Context, name: str) -> str:
    """Return the name of an assignment of the course, before a command loads what it needs.

    Raises:
        CourseError: there is none of this name.
    """
    if not context.resilient_parsing:  # a shell completes what follows
        Course.find().master(name)
    return name


def expect_student(course: Course, assignment: str, student: str) -> None:
    """Do nothing if a student has handed in an assignment.

    Raises:
        CourseError: there is no such student, or nothing of the assignment.
    """
    if student in course.students(assignment):
        return
    folder = f"submitted/{student}/{assignment} does not exist"
    if student in course.students():
        raise CourseError(f"{student} has handed in nothing of {assignment}: {folder}")
    raise unknown(f"student {student}", course.students(), folder)


ASSIGNMENT = "its name, as in source/ASSIGNMENT"
Assignment = Annotated[
    str, typer.Argument(help=ASSIGNMENT, autocompletion=assignments, callback=existing)
]
Of = Annotated[
    str,
    typer.Option("--assignment", help=ASSIGNMENT, autocompletion=assignments, callback=existing),
]
Student = Annotated[str | None, typer.Option(help="only this one", autocompletion=students)]


def chosen(course: Course, assignment: str, student: str | None) -> list[str]:
    """Return the students that a command is for: the one it names, or all who handed in.

    Raises:
        CourseError: there is no such assignment or no such student.
    """
    course.master(assignment)
    names = course.students(assignment)
    for line in course.misnamed(assignment):
        typer.echo(f"course: {line}", err=True)
    if student is not None:
        expect_student(course, assignment, student)
    if not names:
        raise CourseError(f"nobody has handed in {assignment}: submitted/ holds nothing of it")
    return [student] if student else names
