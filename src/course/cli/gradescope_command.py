"""``course gradescope``."""

from pathlib import Path
from typing import Annotated

import typer

from course.cli.common import Assignment
from course.cli.options import VISIBILITIES
from course.directory import Course, CourseError


def gradescope_command(
    assignment: Assignment,
    hidden: Annotated[
        str, typer.Option(help=f"who sees hidden tests: {', '.join(VISIBILITIES)}")
    ] = VISIBILITIES[0],
    memory: Annotated[
        int | None,
        typer.Option(help="megabytes that the container has; assignment.toml's by default"),
    ] = None,
    to: Annotated[
        Path | None, typer.Option(help="the file; dist/ASSIGNMENT-autograder.zip by default")
    ] = None,
) -> None:
    """Make the zip that Gradescope builds an autograder from.

    It holds the hidden tests: it is for Gradescope's form, and for nobody else.
    """
    from course.gradescope import autograder_zip
    from course.release import generate

    course = Course.find()
    settings = course.assignment(assignment)
    if generate.is_stale(course, assignment):
        raise CourseError(
            f"release/{assignment} is not what its master gives: run course release {assignment}"
        )
    path = to or course.root / "dist" / f"{assignment}-autograder.zip"
    autograder_zip.build(course, assignment, hidden, path, memory or settings.gradescope.megabytes)
    print(f"written to {path} ({path.stat().st_size / 1e6:.1f} MB)")
