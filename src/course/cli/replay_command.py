"""``course replay``."""

from pathlib import Path
from typing import Annotated

import typer

from course.cli.common import handed_in, students, test_cells, tests
from course.directory import Course, unknown


def replay_command(
    student: Annotated[
        str, typer.Argument(help="as in submitted/STUDENT", autocompletion=students)
    ],
    test: Annotated[
        str, typer.Argument(help="the id of a test cell, e.g. p1-2-test", autocompletion=tests)
    ],
    to: Annotated[
        Path | None, typer.Option(help="also write a page with plots, an HTML file")
    ] = None,
) -> None:
    """Show what a test asked of a student's functions, what came back, and what is right.

    The inputs are those that the student's mark was given for. For staff only.
    """
    from course.release import generate
    from course.report import replay

    course = Course.find()
    assignment = _assignment(course, student, test)
    if not generate.is_registered(course, assignment):
        generate.register(course, assignment)
    found = replay.replay(course, assignment, student, test)
    print(replay.text(found))
    if to:
        replay.write(found, f"{student}: {test}", to)
        print(f"\nwritten to {to}")


def _assignment(course: Course, student: str, test: str) -> str:
    """Return the assignment that has the test and that the student has handed in."""
    if student not in course.students():
        otherwise = "submitted/ has nobody of this name"
        raise unknown(f"student {student}", course.students(), otherwise)
    of_test = {name: a for a in handed_in(course, student) for name in test_cells(course, a)}
    if test not in of_test:
        otherwise = f"what {student} has handed in has the tests {', '.join(of_test) or 'none'}"
        raise unknown(f"test {test}", list(of_test), otherwise)
    return of_test[test]
