"""Commands that grade, and that change or explain what was graded."""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from autograder.status import NOT_HELD
from course.cli.common import (
    Assignment,
    Student,
    chosen,
    expect_place,
    expect_student,
    handed_in,
    say,
    students,
    test_cells,
    tests,
)
from course.directory import Course, CourseError, unknown

if TYPE_CHECKING:  # loaded where they are used: a shell that completes a name waits for this module
    from course.run.workers import Scheduler

Workers = Annotated[
    int, typer.Option(min=1, help="submissions graded at a time; by default one for each core")
]
CORES = os.cpu_count() or 1
FORMGRADER = (
    "to mark them: jupyter lab, then Nbgrader > Formgrader > Manual Grading (docs/ta.md); "
    "then course feedback"
)
NO_SANDBOX = "NO SANDBOX: students' code runs with your rights, and can read and change all of it"


def autograde(
    assignment: Assignment,
    student: Student = None,
    workers: Workers = CORES,
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

    If it is interrupted, the same command goes on where it was.

    Example: course autograde gpt2 --student anna
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
        policy = batch.policy_of(course, assignment, sandbox=not no_sandbox, demos=demos)
        if not policy.sandbox:
            say(NO_SANDBOX)
        engine: Scheduler = (
            _cluster(scheduler, course, policy.sandbox)
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


def watch(
    assignment: Assignment,
    exchange: Annotated[
        bool, typer.Option("--exchange", help="collect what students submit on a hub")
    ] = False,
    release: Annotated[
        bool, typer.Option("--release", help="let students fetch their pages there, at once")
    ] = False,
    per_day: Annotated[
        int, typer.Option("--per-day", min=1, help="submissions of a student answered on a day")
    ] = 3,
    every: Annotated[float, typer.Option(min=0.1, help="seconds between two looks")] = 2.0,
    once: Annotated[bool, typer.Option("--once", help="answer what is there now, and end")] = False,
) -> None:
    """Grade submissions as they come, and write a page for each, until Ctrl-C.

    If it is interrupted, the same command goes on where it was. course autograde can run meanwhile.

    Example: course watch gpt2 --exchange --release
    """
    import time

    from course.release import generate
    from course.run import batch
    from course.run.watch import Watch, alone
    from course.run.workers import InProcess

    course = Course.find()
    course.master(assignment)
    if not generate.is_registered(course, assignment):
        generate.register(course, assignment)
    policy = batch.policy_of(course, assignment)
    engine = InProcess(course.data())
    with alone(course, assignment):
        work = Watch(course, assignment, policy, engine, exchange, release, per_day, tell=_tell)
        try:
            for _ in range(3 if once else sys.maxsize):  # what is collected is whole a look later
                work.look()
                time.sleep(0.1 if once else every)
        except KeyboardInterrupt:
            _tell("stopped: the same command goes on from here")


def _tell(line: str) -> None:
    """Print a line at once, into a pipe too."""
    say(line)
    sys.stdout.flush()


def _cluster(address: str, course: Course, sandbox: bool) -> "Scheduler":
    try:
        from course.run.cluster import Cluster
    except ImportError as error:  # Dask is an extra of its own
        raise CourseError(f"--scheduler needs Dask ({error}): pip install distributed") from None
    return Cluster(address, course.data(), sandbox)


def _show(course: Course, assignment: str, names: list[str]) -> None:
    """Print the table of scores and what persons entered that the gradebook has lost.

    Where nobody has a score, that is an error.
    """
    from course.run import scores
    from course.run.held_marks import HeldMarks

    results = scores.NbgraderRunner(course).results(assignment, names)
    lost = HeldMarks.of(course, assignment).lost_lines(names)
    say(scores.table(results), *lost, sep="\n")
    if not any(result.is_graded for result in results):
        raise CourseError(f"no submission of {assignment} could be graded: see the reasons above")


def scores(assignment: Assignment, student: Student = None) -> None:
    """Print the table of scores, with those who handed in nothing; of one student, all reasons.

    Example: course scores gpt2
    """
    from course.run import scores

    course = Course.find()
    everybody = chosen(course, assignment, student)
    names = everybody if student else sorted({*everybody, *course.roster()})
    say(scores.table(scores.NbgraderRunner(course).results(assignment, names)))
    course.expect_gradebook()


def mark(assignment: Assignment) -> None:
    """Say which written answers wait for a person, and where to mark them.

    Example: course mark gpt2
    """
    from course.report import class_results, item_analysis

    course = Course.find()
    _expect_gradebook(course, assignment)
    waiting = item_analysis.waiting(class_results.read(course, assignment))
    for cell, names in waiting:
        say(f"{cell.name} ({cell.points:g} points, {cell.problem}): {', '.join(names)}")
    if waiting:
        say(FORMGRADER)
    else:
        say("every answer is marked")


def lateness(
    assignment: Assignment,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="say whose penalty would change, and write nothing")
    ] = False,
) -> None:
    """Work out every penalty for lateness again, without grading anything again.

    After written answers were marked or an extension was given. The rules are in nbgrader_config.py
    (c.Lateness).

    Example: course lateness gpt2 --dry-run
    """
    from course.run import lateness

    course = Course.find()
    _expect_gradebook(course, assignment)
    changed = lateness.refresh(course, assignment, keep=not dry_run)
    for student, (before, after) in sorted(changed.items()):
        say(f"{student:24} {before:>6g} -> {after:g} points off")
    say(f"{len(changed)} penalties {'would change' if dry_run else 'changed'}")


def _expect_gradebook(course: Course, assignment: str) -> None:
    from course.release import generate

    course.master(assignment)
    course.expect_gradebook()
    if not generate.is_registered(course, assignment):
        raise CourseError(f"{assignment} is {NOT_HELD}: run course autograde {assignment}")


def replay(
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

    Example: course replay anna p1-3-test --to replay.html
    """
    from course.release import generate
    from course.report import replay

    course = Course.find()
    assignment = _assignment_of(course, student, test)
    expect_place(to)
    if not generate.is_registered(course, assignment):
        generate.register(course, assignment)
    calls = replay.replay(course, assignment, student, test)
    say(replay.text(calls))
    if to:
        replay.write(calls, f"{student}: {test}", to)
        say(f"\nwritten to {to}")


def _assignment_of(course: Course, student: str, test: str) -> str:
    """Return the assignment that has the test and that the student has handed in."""
    if student not in course.students():
        otherwise = "submitted/ has nobody of this name"
        raise unknown(f"student {student}", course.students(), otherwise)
    of_test = {name: a for a in handed_in(course, student) for name in test_cells(course, a)}
    if test not in of_test:
        otherwise = f"what {student} has handed in has {', '.join(of_test) or 'no tests'}"
        raise unknown(f"test {test}", list(of_test), otherwise)
    return of_test[test]


def regrade(
    assignment: Assignment,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="say who would change, and write nothing")
    ] = False,
    student: Student = None,
    workers: Workers = CORES,
) -> None:
    """Grade again what has changed since it was graded, and say whose marks change and why.

    After a change of a test, of the catalogue or of the grader, first with --dry-run. Marks that a
    person gave stay.

    Example: course regrade gpt2 --dry-run
    """
    from course.report import regrade
    from course.run import batch
    from course.run.held_marks import HeldMarks
    from course.run.workers import Local

    course = Course.find()
    names = chosen(course, assignment, student)
    _expect_gradebook(course, assignment)
    engine = Local(workers, course.data())
    rehearsal = regrade.Rehearsal(course, assignment)
    policy = batch.policy_of(course, assignment)
    batch.Batch(course, assignment, engine, policy, recorder=lambda *_: rehearsal).run(names)
    say(regrade.table(rehearsal.changed, len(names)))
    if not dry_run:  # from the results that were kept: nothing is computed twice
        batch.Batch(course, assignment, engine, policy).run(names)
    for line in HeldMarks.of(course, assignment).lost_lines(names):
        say(line)


def audit(
    assignment: Assignment,
    student: Student = None,
    by: Annotated[
        str | None, typer.Option(help="only changes by this person, as the trail names them")
    ] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="also the first mark that the autograder gave a test")
    ] = False,
) -> None:
    """Print changes of marks: when, from what to what, by whom.

    At the end stands what persons entered and the gradebook does not hold any more.

    Example: course audit gpt2 --student anna --by tom
    """
    from course.report import audit, regrade
    from course.run.held_marks import HeldMarks

    course = Course.find()
    changes = audit.read(course.root, assignment, student)
    if not changes:
        if student is not None:
            expect_student(course, assignment, student)
        raise CourseError(f"no mark of {student or 'anybody'} in {assignment} was ever changed")
    shown = [change for change in changes if everything or not change.is_first]
    _expect_author(by, sorted({change.by for change in changes}))
    say(regrade.trail([change for change in shown if by in (None, change.by)]))
    if left_out := len(changes) - len(shown):
        say(f"{left_out} first marks by the autograder are left out: --all shows them")
    for line in HeldMarks.of(course, assignment).lost_lines({c.student for c in changes}):
        say(line)
    course.expect_gradebook()


def _expect_author(by: str | None, authors: list[str]) -> None:
    if by is not None and by not in authors:
        raise unknown(f"author {by}", authors, f"marks were changed by {', '.join(authors)}")
