"""``course report``."""

from pathlib import Path
from typing import Annotated

import typer

from course.cli.common import Assignment
from course.directory import Course


def report_command(
    assignment: Assignment,
    to: Annotated[Path | None, typer.Option(help="default: reports/ASSIGNMENT.html")] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="show long lists whole, and more pairs")
    ] = False,
) -> None:
    """Write a page about a class: scores, tests, mistakes, times, lateness, similarity.

    For staff only: it holds names, marks and code.
    """
    from course.report import class_report

    course = Course.find()
    course.master(assignment)
    print(f"written to {class_report.write(course, assignment, to, everything)}")
