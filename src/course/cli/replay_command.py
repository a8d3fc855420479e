"""``course replay``."""

from pathlib import Path
from typing import Annotated

import typer

from course.cli.common import students, tests
from course.directory import POINTS, Course, CourseError


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
    for assignment in POINTS:
        if student in course.students(assignment) and replay.has_test(course, assignment, test):
            break
    else:
        raise CourseError(
            f"no assignment that {student} has handed in has a test {test}: "
            "course mutation ASSIGNMENT lists the tests"
        )
    if not generate.is_registered(course, assignment):
        generate.register(course, assignment)
    found = replay.replay(course, assignment, student, test)
    print(replay.text(found))
    if to:
        replay.write(found, f"{student}: {test}", to)
        print(f"\nwritten to {to}")
