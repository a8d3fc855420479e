"""``course mutation``."""

import json
import os
from pathlib import Path
from typing import Annotated

import typer

from course.cli.common import Assignment
from course.directory import Course, CourseError


def mutation_command(
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
    diagnose: Annotated[
        bool, typer.Option("--diagnose", help="also look for the reason of each failure")
    ] = False,
    draws: Annotated[
        int,
        typer.Option(min=0, help="instead: draw so many hidden inputs for each, without kernels"),
    ] = 0,
    workers: Annotated[int, typer.Option(min=1, help="variants tried at a time")] = (
        os.cpu_count() or 1
    ),
) -> None:
    """Try the catalogue of mistakes on the tests, and say which tests notice what.

    Exits with 1 if a mistake passes a test that it must fail, if a right answer fails any, or if a
    test notices nothing.
    """
    from tqdm import tqdm

    from course.run import batch, status_files
    from course.test_quality import accuracy, catalogue_gate, mutation, seeds
    from course.test_quality import matrix as pictures
    from mistakes import EditError

    course = Course.find()
    policy = batch.policy_of(course)
    if not (held_back or diagnose):
        policy["diagnosis_seconds"] = 0.0
    trials = mutation.Trials(course, assignment, policy)
    if not trials.catalogue:
        raise CourseError(f"{catalogue_gate.untested(assignment)} (see docs/mistakes.md)")
    try:
        every = mutation.variants(trials.catalogue, held_back)
    except EditError as error:
        raise CourseError(f"the catalogue does not fit its own right answers: {error}") from None
    chosen = [
        variant for variant in every if only is None or only in variant.name or only in variant.cell
    ]
    if not chosen:
        raise CourseError(f"no entry of {assignment}'s catalogue has {only!r} in its name or cell")
    if draws:
        kept = course.root / status_files.FOLDER / "draws" / f"{assignment}.jsonl"
        results = seeds.run(trials, chosen, draws, workers, kept)
        each = [
            pair
            for found in tqdm(results, total=len(chosen), desc=assignment, unit="")
            for pair in found
        ]
        print(seeds.table(each))
        if loose := sum(not pair.is_settled for pair in each):
            raise CourseError(f"{loose} marks depend on what is drawn: see above")
        return
    bar = tqdm(trials.run(chosen, workers), total=len(chosen), desc=assignment, unit="")
    outcomes = list(bar)
    if held_back:
        print(accuracy.table(accuracy.accuracy(trials, outcomes)))
        return
    found = mutation.matrix(trials, outcomes, chosen)
    print(json.dumps(found.as_json(), indent=1) if as_json else pictures.table(found))
    if picture:
        pictures.draw(found, picture)
    complaints = found.complaints()
    if only is not None:  # tests of other cells had nothing to notice
        complaints = [each for each in complaints if not each.endswith("no mistake fails it")]
    if complaints:
        if not as_json:
            print(*complaints, sep="\n")
        raise CourseError(f"{len(complaints)} things are not as the catalogue says: see above")
