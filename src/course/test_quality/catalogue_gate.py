"""The kill matrix as a gate of a release: run when anything that it depends on has changed.

What passed is remembered as a hash of all that the matrix depends on: for this repository's own
assignments beside their catalogues, for others in ``.autograder/`` of the course.
"""

import json
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import nbformat
from tqdm import tqdm

import mistakes
from autograder import fingerprint as fingerprints
from autograder.cells import is_demo
from course.directory import Course
from course.run import batch, status_files
from course.run.atomic import write_whole
from course.test_quality import dependencies, mutation
from course.test_quality.matrix import KillMatrix

PASSED = "passed.json"


def untested(course: Course, assignment: str) -> str:
    """Return what to say of solution cells whose tests no mistake tests; nothing if all have some.

    Example: "no mistakes are known for intro: its tests are untested"
    """
    master = nbformat.read(course.master(assignment), as_version=4)
    tested = {cell for test in dependencies.tests(master) for cell in test.runs}
    known = {cell.id for cell in course.catalogue(assignment) if cell.mistakes}
    if not tested - known:
        return ""
    names = sorted(tested - known) if known else [assignment]
    whose = "its" if len(names) == 1 else "their"
    return f"no mistakes are known for {', '.join(names)}: {whose} tests are untested"


def unnoticed(tried: Course, assignment: str, course: Course | None = None) -> Iterator[str]:
    """Yield a complaint for everything in the kill matrix that is not as the catalogue says.

    Args:
        tried: the course whose master and release are tried
        assignment: the assignment; one without a catalogue has nothing to complain of
        course: the course that remembers what passed, if that is another one
    """
    if not tried.catalogue(assignment):
        return
    records = _records(course or tried)
    current = fingerprint(tried, assignment)
    if any(_read(path).get(assignment) == current for path in records):
        return
    complaints = run(tried, assignment).complaints()
    yield from complaints
    if not complaints:
        now = {assignment: current, _tests_of(assignment): _tests(tried, assignment)}
        _remember(records[-1], now)


def is_tried(course: Course, assignment: str) -> bool:
    """Return whether the master's tests are those that passed last, whatever else has changed.

    Tests without a catalogue of mistakes have nothing to be tried on.
    """
    tests, name = _tests(course, assignment), _tests_of(assignment)
    passed = [_read(path).get(name) == tests for path in _records(course)]
    return any(passed) or not course.catalogue(assignment)


def _records(course: Course) -> list[Path]:
    """Return the files that say what passed; the last one is the course's own."""
    ours = Path(mistakes.__file__).parent / PASSED
    is_ours = ours.is_relative_to(course.root)
    return [ours] if is_ours else [ours, course.root / status_files.FOLDER / PASSED]


def _read(path: Path) -> dict[str, str]:
    try:
        passed: dict[str, str] = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return passed


def _remember(path: Path, now: dict[str, str]) -> None:
    passed = {**_read(path), **now}
    write_whole(path, (json.dumps(passed, indent=1, sort_keys=True) + "\n").encode())
    path.chmod(0o644)


def run(course: Course, assignment: str, workers: int = 0) -> KillMatrix:
    """Return the whole kill matrix, with a progress bar."""
    policy = replace(batch.policy_of(course, assignment), diagnosis_seconds=0.0)
    trials = mutation.Trials(course, assignment, policy)
    chosen = trials.variants()
    outcomes = trials.run(chosen, workers or os.cpu_count() or 1)
    bar = tqdm(outcomes, total=len(chosen), desc=f"{assignment}'s catalogue", unit="", disable=None)
    return KillMatrix.of(trials, bar, chosen)


def fingerprint(course: Course, assignment: str) -> str:
    """Return a hash of all that the kill matrix depends on: code, catalogue, data and master."""
    return fingerprints.of_text(
        fingerprints.code(),
        fingerprints.catalogue(assignment),
        fingerprints.data(course.data()),
        course.catalogue_text(assignment),
        _code(course, assignment),
    )


def _tests(course: Course, assignment: str) -> str:
    """Return a hash of the master's code: its tests, and what they are tried with."""
    return fingerprints.of_text(_code(course, assignment))


def _tests_of(assignment: str) -> str:
    """Return the name by which the hash of an assignment's tests is remembered."""
    return f"{assignment}'s tests"


def _code(course: Course, assignment: str) -> str:
    master = nbformat.read(course.master(assignment), as_version=4)
    code = [c for c in master.cells if c.cell_type == "code" and not is_demo(c)]
    return json.dumps([[cell.id, cell.source, cell.metadata] for cell in code])
