"""The ``course`` command.

This module does not know how anything is done, only what it is called. What does it is imported by
the command that needs it: a shell that completes a line has to wait for this module alone.
"""

import os
from typing import TYPE_CHECKING, Annotated

import typer

from course.cli.collect_command import collect_app
from course.cli.common import Assignment, Student, chosen
from course.cli.export_command import export_app
from course.cli.gradescope_command import gradescope_command
from course.cli.lateness_command import lateness_command
from course.cli.mutation_command import mutation_command
from course.cli.regrade_command import audit_command, regrade_command
from course.cli.replay_command import replay_command
from course.cli.report_command import report_command
from course.cli.rotate_command import rotate_command
from course.directory import Course, CourseError
from course.run import quiet

if TYPE_CHECKING:
    from course.run.workers import Scheduler

app = typer.Typer(
    help="Run the course: make releases, grade submissions, write feedback.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.command("mutation")(mutation_command)
app.command("replay")(replay_command)
app.command("regrade")(regrade_command)
app.command("audit")(audit_command)
app.command("rotate")(rotate_command)
app.command("lateness")(lateness_command)
app.command("report")(report_command)
app.add_typer(collect_app, name="collect")
app.add_typer(export_app, name="export")
app.command("gradescope")(gradescope_command)


@app.command("release")
def release_command(
    assignment: Assignment,
    check: Annotated[
        bool, typer.Option("--check", help="only say whether release/ is up to date")
    ] = False,
) -> None:
    """Make the student version with nbgrader, unless a gate refuses it."""
    from course.release import generate, student_zip

    course = Course.find()
    if check:
        course.master(assignment)
        if generate.is_stale(course, assignment):
            raise CourseError(
                f"release/{assignment} is not what its master gives: "
                f"run course release {assignment}"
            )
        print(f"release/{assignment} is up to date")
        return
    print(f"written to {generate.release(course, assignment)}")
    print(f"what students get: {student_zip.write(course, assignment)}")


@app.command("solutions")
def solutions_command(assignment: Assignment) -> None:
    """Execute the master and write it with its outputs, for staff."""
    from course.release import solutions

    print(f"written to {solutions.solve(Course.find(), assignment)}")


@app.command()
def autograde(
    assignment: Assignment,
    student: Student = None,
    workers: Annotated[
        int, typer.Option(min=1, help="submissions graded at a time; default: one a core")
    ] = os.cpu_count() or 1,
    force: Annotated[
        bool, typer.Option("--force", help="grade again what has a result already")
    ] = False,
    demos: Annotated[
        bool, typer.Option("--demos", help="also run the cells that only show something")
    ] = False,
    scheduler: Annotated[
        str | None, typer.Option(help="address of a Dask scheduler that lends its workers")
    ] = None,
    no_sandbox: Annotated[
        bool,
        typer.Option("--no-sandbox", help="run students' code with your own rights: a risk"),
    ] = False,
) -> None:
    """Grade what is in submitted/ and print a table of scores.

    Interrupted, it goes on where it was when it is started again.
    """
    from course.run.worker_process import LANES, WorkerProcess

    course = Course.find()
    names = chosen(course, assignment, student)
    lanes = min(workers, len(names), LANES)
    started = None if scheduler or not lanes else WorkerProcess(lanes, "course.run.workers")
    try:  # while that process loads what it needs, this one does
        from course.release import generate
        from course.run import batch
        from course.run.workers import Local

        if not generate.is_registered(course, assignment):
            generate.register(course, assignment)  # a fresh clone has releases, but no gradebook
        policy = batch.policy_of(course, sandbox=not no_sandbox, demos=demos)
        if not policy["sandbox"]:
            print(
                "NO SANDBOX: students' code runs with your rights, and can read and change all "
                "of it"
            )
        engine: Scheduler = (
            _cluster(scheduler, course, policy["sandbox"])
            if scheduler
            else Local(workers, course.data(), started)
        )
        work = batch.Batch(course, assignment, engine, policy, force)
        try:
            work.run(names)
        except KeyboardInterrupt:
            done = sum(work.counts.values())
            raise CourseError(
                f"stopped after {done} of {len(names)}: the same command goes on from there"
            ) from None
    finally:
        if started:
            started.end()
    _show(course, assignment, names)


def _cluster(address: str, course: Course, sandbox: bool) -> "Scheduler":
    try:
        from course.run.cluster import Cluster
    except ImportError as error:  # Dask is an extra of its own
        raise CourseError(f"--scheduler needs Dask ({error}): pip install distributed") from None
    return Cluster(address, course.data(), sandbox)


def _show(course: Course, assignment: str, names: list[str]) -> None:
    """Print the table of scores; where nobody has one, that is an error."""
    from course.run import scores

    grader = scores.NbgraderRunner(course)
    results = grader.results(assignment, names)
    print(scores.table(results))
    if not any(result.is_graded for result in results):
        raise CourseError(f"no submission of {assignment} could be graded: see the reasons above")


@app.command("doctor")
def doctor_command() -> None:
    """Say what this machine can do: sandbox, memory, cores, Python, gradebook."""
    from course import doctor

    found = doctor.examine(Course.find())
    print(doctor.table(found))
    if any(each.verdict == "missing" for each in found):
        raise CourseError("something that grading needs is missing: see above")


@app.command()
def feedback(
    assignment: Assignment,
    student: Student = None,
) -> None:
    """Write the feedback of every graded submission."""
    from tqdm import tqdm

    from course.feedback import write
    from course.run import scores

    course = Course.find()
    names = chosen(course, assignment, student)
    with tqdm(total=len(names), desc=assignment, unit="page") as bar:
        missing = scores.NbgraderRunner(course).pages(assignment, names, lambda _: bar.update())
    lines = [f"no feedback for {name}: {why}" for name, why in missing.items()]
    print(*lines, f"feedback is in {course.root / 'feedback'}", sep="\n")
    if refused := sum(why != write.NOT_GRADED.format(assignment) for why in missing.values()):
        raise CourseError(f"{refused} pages could not be written: see above")
    if len(missing) == len(names):
        raise CourseError(f"no feedback was written: run course autograde {assignment} first")


@app.command()
def scores(assignment: Assignment) -> None:
    """Print the table of scores as the gradebook has them, with those who handed in nothing."""
    from course.run import scores

    course = Course.find()
    grader = scores.NbgraderRunner(course)
    names = sorted({*chosen(course, assignment, None), *course.roster()})
    print(scores.table(grader.results(assignment, names)))


def main() -> None:
    """Run the command line; a CourseError is one line and the exit status 1."""
    quiet.quieten()
    try:
        app()
    except CourseError as error:
        typer.echo(f"course: {error}", err=True)
        raise SystemExit(1) from None
    except Exception as error:
        if said := _unusable(error):
            typer.echo(f"course: the gradebook cannot be used ({said}): try again", err=True)
            raise SystemExit(1) from None
        raise


def _unusable(error: Exception) -> str:
    """Return what a gradebook says that is in use for longer than SQLite waits, or out of reach."""
    from sqlalchemy.exc import OperationalError

    return str(error.orig) if isinstance(error, OperationalError) else ""
