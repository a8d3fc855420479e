"""Commands for the time before a term: a new assignment, its release, its tests tested."""

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from course.cli.common import Assignment, expect_place, say
from course.cli.options import VISIBILITIES
from course.directory import Course, CourseError

if TYPE_CHECKING:  # loaded where they are used: a shell that completes a name waits for this module
    from course.test_quality.mutation import Trials, Variant


def doctor(
    students: Annotated[
        Path | None,
        typer.Option(help="also look at a hub, whose students have this environment"),
    ] = None,
) -> None:
    """Say what this machine can do: sandbox, memory, cores, Python, gradebook; and a hub.

    Example: course doctor --students /srv/sequence-models-hub/environments/students
    """
    from course import doctor, hub_doctor

    course = Course.find()
    findings = doctor.examine(course)
    if students:
        findings += hub_doctor.examine(course, students)
    say(doctor.table(findings))
    if any(finding.verdict == doctor.MISSING for finding in findings):
        raise CourseError("something that is needed is missing: see above")


def new(
    name: Annotated[str, typer.Argument(help="of the folder and of the notebook")],
    title: Annotated[
        str, typer.Option(help="the notebook's first heading; the name if left out")
    ] = "",
) -> None:
    """Make a small assignment that works, for you to change.

    Example: course new intro --title "Sequences, by hand"
    """
    from course.release import new_assignment

    folder = new_assignment.create(Course.find(), name, title)
    files = ", ".join(sorted(path.name for path in folder.iterdir()))
    say(f"written to {folder}: {files}")
    say(f"next: course release {name}; docs/adapting.md says how to go on")


def release(
    assignment: Assignment,
    check: Annotated[
        bool, typer.Option("--check", help="only say whether release/ is up to date")
    ] = False,
    tidy: Annotated[
        bool,
        typer.Option("--tidy", help="first remove outputs from the master, and set cells' ids"),
    ] = False,
    everything: Annotated[
        bool, typer.Option("--all", help="say all that is wrong, not the first few lines")
    ] = False,
) -> None:
    """Make the student version with nbgrader, unless a gate refuses it.

    Example: course release gpt2
    """
    from course.release import generate, student_zip
    from course.release.tidy import tidy as put_in_order

    course = Course.find()
    if check:
        _expect_current(course, assignment)
        _expect_tried(course, assignment)
        say(f"release/{assignment} is up to date")
        return
    if tidy:
        for change in put_in_order(course.master(assignment)):
            say(change)
    say(f"written to {generate.release(course, assignment, everything=everything)}")
    say(f"what students get: {student_zip.write(course, assignment)}")


def _expect_current(course: Course, assignment: str) -> None:
    from course.release import generate

    course.master(assignment)
    if generate.is_stale(course, assignment):
        raise CourseError(
            f"release/{assignment} is not what its master gives: run course release {assignment}"
        )
    if generate.has_other_tests(course, assignment):
        raise CourseError(
            f"the gradebook has other tests than {assignment}'s master, and grading uses those: "
            f"run course release {assignment}"
        )


def _expect_tried(course: Course, assignment: str) -> None:
    from course.test_quality import catalogue_gate

    if not catalogue_gate.is_tried(course, assignment):
        raise CourseError(
            f"{assignment}'s tests have changed since they were last tried on known mistakes: "
            f"run course release {assignment}"
        )


def solutions(assignment: Assignment) -> None:
    """Run the master and write it with its outputs, for staff.

    Example: course solutions gpt2
    """
    from course.release import solutions

    say(f"written to {solutions.solve(Course.find(), assignment)}")


def gradescope(
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

    It holds the hidden tests: upload it in Gradescope's form and give it to nobody else.

    Example: course gradescope gpt2 --hidden after_due_date
    """
    from course.gradescope import autograder_zip

    course = Course.find()
    settings = course.assignment(assignment)
    expect_place(to)
    _expect_current(course, assignment)
    path = to or course.root / "dist" / f"{assignment}-autograder.zip"
    autograder_zip.build(course, assignment, hidden, path, memory or settings.gradescope.megabytes)
    say(f"written to {path} ({path.stat().st_size / 1e6:.1f} MB)")


def rotate(
    seed: Annotated[int, typer.Option(help="of the hidden inputs, e.g. the year")],
    corpus: Annotated[
        Path | None, typer.Option(help="a text of your own to train the RNN and the GRU on")
    ] = None,
    passes: Annotated[
        int | None, typer.Option(min=1, help="over the text; few, to try things out")
    ] = None,
) -> None:
    """Prepare another term: other hidden inputs and, with a text of your own, other models.

    With a seed alone, tests draw other hidden inputs from now on; marks that were given stay until
    course regrade. With a text, the RNN and the GRU are trained on it, the data is verified, every
    master is run and every release rebuilt.

    Example: course rotate --seed 2027
    """
    from course.release import rotate

    rotate.rotate(Course.find(), seed, corpus, passes)
    say("models, data and releases are new" if corpus else "hidden inputs are new from now on")


def mutation(
    assignment: Assignment,
    only: Annotated[
        str | None, typer.Option(help="variants whose name or cell contains this")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print JSON instead of a table")] = False,
    picture: Annotated[Path | None, typer.Option(help="also draw the matrix, to a PNG")] = None,
    held_back: Annotated[
        bool,
        typer.Option("--held-back", help="measure diagnosis, on wrong answers it never saw"),
    ] = False,
    pairs: Annotated[
        int,
        typer.Option(min=0, help="instead: measure diagnosis on this many pairs of mistakes"),
    ] = 0,
    diagnose: Annotated[
        bool, typer.Option("--diagnose", help="also look for the reason of each failure")
    ] = False,
    visible: Annotated[
        bool,
        typer.Option(
            "--visible", help="instead: count the mistakes that fail what students have of a test"
        ),
    ] = False,
    desk: Annotated[
        bool,
        typer.Option("--desk", help="instead: count the failing visible tests that say why"),
    ] = False,
    draws: Annotated[
        int,
        typer.Option(min=0, help="instead: draw this many hidden inputs for each, without kernels"),
    ] = 0,
    workers: Annotated[int, typer.Option(min=1, help="variants tried at a time")] = (
        os.cpu_count() or 1
    ),
) -> None:
    """Try the catalogue of mistakes on the tests, and say which tests notice what.

    Exits with 1 if a mistake passes a test that it must fail, if a right answer fails any, or if a
    test notices nothing.

    Example: course mutation gpt2 --only softmax
    """
    from tqdm import tqdm

    from course.run import batch
    from course.test_quality import accuracy, catalogue_gate, matrix, mutation, visible_parts

    course = Course.find()
    expect_place(picture)
    policy = batch.policy_of(course, assignment)
    if not (held_back or diagnose or pairs):
        policy = replace(policy, diagnosis_seconds=0.0)
    trials = mutation.Trials(course, assignment, policy)
    chosen = accuracy.pairs(trials, pairs) if pairs else _variants(trials, held_back, only)
    if draws:
        _draw(trials, chosen, draws, workers)
        return
    if visible:
        _count_visible(trials, chosen, workers, as_json)
        return
    if desk:
        _count_explained(trials, chosen, workers)
        return
    bar = tqdm(
        trials.run(chosen, workers), total=len(chosen), desc=assignment, unit="", disable=None
    )
    outcomes = list(bar)
    if pairs:
        say(accuracy.table(accuracy.of_pairs(trials, outcomes)))
        return
    if held_back:
        say(accuracy.table(accuracy.accuracy(trials, outcomes)))
        return
    kills = matrix.KillMatrix.of(trials, outcomes, chosen)
    seen = list(visible_parts.run(trials, chosen, workers))
    counts = visible_parts.counts(trials.catalogue, seen)
    if as_json:
        say(json.dumps(kills.to_json() | {"visible": visible_parts.to_json(counts)}, indent=1))
    else:
        say(*filter(None, (matrix.table(kills), visible_parts.table(counts))), sep="\n")
    if picture:
        matrix.draw(kills, picture)
    if (untested := catalogue_gate.untested(course, assignment)) and not as_json:
        say(f"note: {untested}")
    complaints = kills.complaints()
    if only is not None:  # tests of other cells had nothing to notice
        complaints = [line for line in complaints if not line.endswith(matrix.UNNOTICED)]
    if complaints:
        if not as_json:
            say(*complaints, sep="\n")
        raise CourseError("tests and catalogue do not agree: see above")


def _variants(trials: "Trials", held_back: bool, only: str | None) -> "list[Variant]":
    """Return the catalogue's variants, or those that the command line asks for."""
    from course.test_quality import catalogue_gate

    if not trials.catalogue:
        line = catalogue_gate.untested(trials.course, trials.assignment)
        raise CourseError(f"{line} (docs/mistakes.md says how to add some)")
    variants = trials.variants(held_back)
    chosen = [v for v in variants if only is None or only in v.name or only in v.cell]
    if not chosen:
        where = f"{trials.assignment}'s catalogue"
        raise CourseError(f"no entry of {where} has {only!r} in its name or cell")
    return chosen


def _count_visible(trials: "Trials", chosen: "list[Variant]", workers: int, as_json: bool) -> None:
    """Print for each function how many mistakes fail a visible part, and which do not."""
    from tqdm import tqdm

    from course.test_quality import visible_parts

    results = visible_parts.run(trials, chosen, workers)
    outcomes = list(tqdm(results, total=len(chosen), desc=trials.assignment, unit="", disable=None))
    counts = visible_parts.counts(trials.catalogue, outcomes)
    as_values = json.dumps(visible_parts.to_json(counts), indent=1)
    say(as_values if as_json else visible_parts.table(counts))
    if complaints := visible_parts.complaints(outcomes):
        raise CourseError("; ".join(complaints))


def _count_explained(trials: "Trials", chosen: "list[Variant]", workers: int) -> None:
    """Print for each function how many failing visible tests say why."""
    from tqdm import tqdm

    from course.test_quality import desk

    results = desk.run(trials, chosen, workers)
    outcomes = list(tqdm(results, total=len(chosen), desc=trials.assignment, unit="", disable=None))
    say(desk.table(trials.catalogue, outcomes))
    if complaints := desk.complaints(outcomes):
        raise CourseError("; ".join(complaints))


def _draw(trials: "Trials", chosen: "list[Variant]", draws: int, workers: int) -> None:
    """Try variants with many hidden inputs, and print whether a mark depends on them."""
    from tqdm import tqdm

    from course.run import status_files
    from course.test_quality import seeds

    kept = trials.course.root / status_files.FOLDER / "draws" / f"{trials.assignment}.jsonl"
    results = seeds.run(trials, chosen, draws, workers, kept)
    bar = tqdm(results, total=len(chosen), desc=trials.assignment, unit="", disable=None)
    pairs = [pair for of_variant in bar for pair in of_variant]
    say(seeds.table(pairs))
    if loose := sum(not pair.is_settled for pair in pairs):
        raise CourseError(f"{loose} marks depend on what is drawn: see above")
