"""Commands that write pages: feedback for students, a report for staff."""

from pathlib import Path
from typing import Annotated

import typer

from autograder.status import NOT_HELD
from course.cli.common import Assignment, Student, chosen, expect_place, say
from course.directory import Course, CourseError


def feedback(assignment: Assignment, student: Student = None) -> None:
    """Write a page of feedback for every graded submission.

    Example: course feedback gpt2
    """
    from tqdm import tqdm

    from course.feedback import write
    from course.run import scores

    course = Course.find()
    names = chosen(course, assignment, student)
    with tqdm(total=len(names), desc=assignment, unit="page", disable=None) as bar:
        missing = scores.NbgraderRunner(course).pages(assignment, names, lambda _: bar.update())
    lines = [f"no feedback for {name}: {why}" for name, why in missing.items()]
    say(*lines, f"feedback is in {course.root / 'feedback'}", sep="\n")
    ungraded = write.NOT_GRADED.format(assignment)
    if refused := sum(not why.startswith(ungraded) for why in missing.values()):
        raise CourseError(f"{refused} pages could not be written: see above")
    if len(missing) == len(names):
        raise CourseError(f"no feedback was written: run course autograde {assignment} first")


def report(
    assignment: Assignment,
    to: Annotated[Path | None, typer.Option(help="default: reports/ASSIGNMENT.html")] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="show long lists whole, and more pairs")
    ] = False,
) -> None:
    """Write a page about a class: scores, tests, mistakes, times, lateness, similarity.

    For staff only: it holds names, marks and code.

    Example: course report gpt2
    """
    from course.report import class_report
    from course.run.held_marks import HeldMarks

    course = Course.find()
    course.master(assignment)
    expect_place(to)
    say(f"written to {class_report.write(course, assignment, to, everything)}")
    held = HeldMarks.of(course, assignment)
    statuses = {name: held.status(name) for name in course.students(assignment)}
    for name, status in statuses.items():
        if NOT_HELD in (line := f"{name}: {status.word}: {status.reason}"):
            say(line)
