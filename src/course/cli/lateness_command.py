"""``course lateness``."""

from typing import Annotated

import typer

from course.cli.common import Assignment
from course.directory import Course, CourseError


def lateness_command(
    assignment: Assignment,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="say whose penalty would change, and write nothing")
    ] = False,
) -> None:
    """Reckon every penalty for lateness anew, without grading anything again.

    After written answers have been marked or an extension was given. What is taken off stands in
    nbgrader_config.py (c.Lateness).
    """
    from course.release import generate
    from course.run import lateness

    course = Course.find()
    course.master(assignment)
    if not generate.is_registered(course, assignment):
        raise CourseError(f"{assignment} has no gradebook yet: run course autograde {assignment}")
    changed = lateness.refresh(course, assignment, keep=not dry_run)
    for student, (before, after) in sorted(changed.items()):
        print(f"{student:24} {before:>6g} -> {after:g} points off")
    would = "would change" if dry_run else "changed"
    print(f"{len(changed)} penalties {would}")
