"""``course regrade`` and ``course audit``."""

import os
from typing import Annotated

import typer

from course.cli.common import Assignment, Student, chosen
from course.directory import Course, CourseError


def regrade_command(
    assignment: Assignment,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="say who would change, and write nothing")
    ] = False,
    student: Student = None,
    workers: Annotated[int, typer.Option(min=1, help="submissions graded at a time")] = (
        os.cpu_count() or 1
    ),
) -> None:
    """Grade again what has changed since it was graded, and say whose marks change and why.

    After a test, a catalogue entry or the grader has changed: first with --dry-run. Marks that a
    person gave stay.
    """
    from course.release import generate
    from course.report import regrade
    from course.run import batch
    from course.run.workers import Local

    course = Course.find()
    names = chosen(course, assignment, student)
    if not generate.is_registered(course, assignment):
        raise CourseError(f"{assignment} has no gradebook yet: run course autograde {assignment}")
    engine = Local(workers, course.data())
    rehearsal = regrade.Rehearsal(course, assignment)
    policy = batch.policy_of(course)
    batch.Batch(course, assignment, engine, policy, recorder=lambda *_: rehearsal).run(names)
    print(regrade.table(rehearsal.changed, len(names)))
    if not dry_run:  # from what was kept: nothing is computed twice
        batch.Batch(course, assignment, engine, policy).run(names)


def audit_command(
    assignment: Assignment,
    student: Student = None,
) -> None:
    """Print every change of every mark: when, from what to what, by whom."""
    from course.report import audit, regrade

    lines = audit.read(Course.find().root, assignment, student)
    if not lines:
        raise CourseError(f"no mark of {student or 'anybody'} in {assignment} was ever changed")
    print(regrade.trail(lines))
