"""The catalogue as a release gate: run when tests or catalogue have changed since it last passed.

What passed is kept beside the catalogue, as a hash of all that the kill matrix depends on; a test
runs the matrix whatever is kept. This module does not know how a variant is graded.
"""

import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path

import nbformat
from tqdm import tqdm

import hidden_tests
import mistakes
import seqlab
from autograder.cells import is_demo
from course.directory import Course
from course.run import batch
from course.run.atomic import write_whole
from course.test_quality import mutation
from seqlab.data_files import SUMS

PASSED = "passed.json"


def unnoticed(course: Course, assignment: str, kept: Path | None = None) -> Iterator[str]:
    """Yield a complaint for everything in the kill matrix that is not as the catalogue says.

    Args:
        course: whose master and release are tried
        assignment: of which assignment; one without a catalogue passes
        kept: where is written what passed; by default beside the catalogue
    """
    if not mistakes.catalogue(assignment):
        return
    path = kept or Path(mistakes.__file__).parent / PASSED
    passed = json.loads(path.read_text("utf-8")) if path.is_file() else {}
    now = fingerprint(course, assignment)
    if passed.get(assignment) == now:
        return
    complaints = run(course, assignment).complaints()
    yield from complaints
    if not complaints and os.access(path.parent, os.W_OK):
        text = json.dumps({**passed, assignment: now}, indent=1, sort_keys=True) + "\n"
        write_whole(path, text.encode())
        path.chmod(0o644)


def run(course: Course, assignment: str, workers: int = 0) -> mutation.Matrix:
    """Return the whole kill matrix, with a progress bar."""
    policy = batch.policy_of(course) | {"diagnosis_seconds": 0.0}
    trials = mutation.Trials(course, assignment, policy)
    chosen = mutation.variants(assignment)
    outcomes = trials.run(chosen, workers or os.cpu_count() or 1)
    bar = tqdm(outcomes, total=len(chosen), desc=f"{assignment}'s catalogue", unit="")
    return mutation.matrix(trials, bar, chosen)


def fingerprint(course: Course, assignment: str) -> str:
    """Return a hash of tests, their references, provided cells, checks, catalogue and data."""
    digest = hashlib.sha256()
    master = nbformat.read(course.master(assignment), as_version=4)
    for cell in master.cells:
        if cell.cell_type == "code" and not is_demo(cell):
            digest.update(json.dumps([cell.id, cell.source, cell.metadata]).encode())
    library = Path(seqlab.__file__).parent
    catalogue = Path(mistakes.__file__).parent
    references = sorted(Path(hidden_tests.__file__ or "").parent.glob("*.py"))
    others = mistakes.assignments()  # what is named for none of them serves all
    files = [
        library / "checks.py",
        library / "draws.py",
        catalogue / "entries.py",
        *sorted((catalogue / assignment).rglob("*.py")),
        *(path for path in references if path.stem == assignment or path.stem not in others),
    ]
    if (sums := course.data() / SUMS).is_file():  # other models, other texts: other answers
        files.append(sums)
    for path in files:
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()
