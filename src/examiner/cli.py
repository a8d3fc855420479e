"""The ``course`` command.

This module does not know how anything is done, only what it is called.
"""

from typing import Annotated

import typer
from tqdm import tqdm

from examiner import grading, release, solutions
from examiner.course import POINTS, Course, CourseError

app = typer.Typer(
    help="Run the course: make releases, grade submissions, write feedback.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
Assignment = Annotated[str, typer.Argument(help=f"one of {', '.join(POINTS)}")]


@app.command("release")
def release_command(
    assignment: Assignment,
    check: Annotated[
        bool, typer.Option("--check", help="only say whether release/ is up to date")
    ] = False,
) -> None:
    """Make the student version with nbgrader, unless a gate refuses it."""
    course = Course.find()
    if check:
        course.master(assignment)
        if release.is_stale(course, assignment):
            raise CourseError(
                f"release/{assignment} is not what its master gives: "
                f"run course release {assignment}"
            )
        print(f"release/{assignment} is up to date")
        return
    print(f"written to {release.release(course, assignment)}")


@app.command("solutions")
def solutions_command(assignment: Assignment) -> None:
    """Execute the master and write it with its outputs, for staff."""
    print(f"written to {solutions.solve(Course.find(), assignment)}")


@app.command()
def autograde(
    assignment: Assignment,
    student: Annotated[str | None, typer.Option(help="only this one")] = None,
    workers: Annotated[int, typer.Option(min=1, help="submissions graded at a time")] = 2,
) -> None:
    """Grade what is in submitted/ and print a table of scores."""
    course = Course.find()
    names = _chosen(course, assignment, student)
    if not release.is_registered(course, assignment):
        release.register(course, assignment)  # a fresh clone has releases, but no gradebook
    results = grading.grade_all(course, assignment, names, workers)
    print(grading.table(results))
    if all(result.reason for result in results):
        raise CourseError(f"no submission of {assignment} could be graded: see the reasons above")


@app.command()
def feedback(
    assignment: Assignment,
    student: Annotated[str | None, typer.Option(help="only this one")] = None,
) -> None:
    """Write the feedback of every graded submission."""
    course = Course.find()
    grader = grading.Grader(course)
    names, missing = _chosen(course, assignment, student), []
    for name in tqdm(names):
        try:
            grader.feedback(assignment, name)
        except CourseError as error:
            missing.append(str(error))
    print(*missing, f"feedback is in {course.root / 'feedback'}", sep="\n")
    if len(missing) == len(names):
        raise CourseError(f"no feedback was written: run course autograde {assignment} first")


@app.command()
def scores(assignment: Assignment) -> None:
    """Print the table of scores as the gradebook has them."""
    course = Course.find()
    grader = grading.Grader(course)
    names = _chosen(course, assignment, None)
    print(grading.table([grader.result(assignment, name) for name in names]))


def _chosen(course: Course, assignment: str, student: str | None) -> list[str]:
    course.master(assignment)
    students = course.students(assignment)
    if student is not None and student not in students:
        raise CourseError(f"submitted/{student}/{assignment} does not exist")
    if not students:
        raise CourseError(f"nobody has handed in {assignment}: submitted/ holds nothing of it")
    return [student] if student else students


def main() -> None:
    """Run the command line; a CourseError is one line and the exit status 1."""
    grading.quieten()
    try:
        app()
    except CourseError as error:
        typer.echo(f"course: {error}", err=True)
        raise SystemExit(1) from None
