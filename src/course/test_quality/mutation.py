"""Tests are tested: every mistake of the catalogue must lose its marks, every right answer none.

Each variant is a submission that is right but for one cell, and graded as a submission is, in
two kernels; of the tests only those that can notice are run. The outcome is the kill matrix.

This module does not know what is wrong with a mistake, nor how a matrix is shown.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from copy import deepcopy
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any, cast

import nbformat
from nbformat import NotebookNode
from nbgrader import utils
from nbgrader.preprocessors import IgnorePattern
from traitlets.config import Config

from autograder.cells import is_demo, is_graded, is_solution, is_test
from autograder.execution.pool import shared_pool
from autograder.policy import Policy
from course.directory import Course, CourseError
from course.run import batch, worker_process
from course.run.publish import template
from mistakes import Cell, Right
from seqlab.names import names


@dataclass(frozen=True)
class Variant:
    """A version of one solution cell; all other cells are right.

    Attributes:
        name: unique in the assignment
        cell: the solution cell's id
        kind: "right", "mistake", "cheat" or "held back"
        about: a few words
        code: the cell's source
        fails: the tests that must fail
    """

    name: str
    cell: str
    kind: str
    about: str
    code: str
    fails: frozenset[str] = frozenset()


@dataclass(frozen=True)
class VariantOutcome:
    """What became of a variant.

    Attributes:
        variant: which one
        tests: for each test that was run whether it was passed with full marks
        messages: for each test that was not, the last line of what it said
        statuses: what else happened, e.g. "crashed"
        diagnoses: what was said about each failed test (see autograder.diagnosis.explain)
        seconds: how long it took
    """

    variant: Variant
    tests: Mapping[str, bool]
    messages: Mapping[str, str]
    statuses: tuple[str, ...]
    diagnoses: Mapping[str, Any]
    seconds: float

    @property
    def failed(self) -> frozenset[str]:
        """Return the tests that noticed."""
        return frozenset(name for name, passed in self.tests.items() if not passed)

    @property
    def as_expected(self) -> bool:
        """Return whether exactly those tests failed that had to, and nothing else happened."""
        return self.failed == self.variant.fails


@dataclass(frozen=True)
class Test:
    """A test cell: what it is worth, and the solution cells whose code it runs."""

    name: str
    points: float
    runs: frozenset[str]


def variants(catalogue: Iterable[Cell], held_back: bool = False) -> list[Variant]:
    """Return everything in a catalogue as variants: cell by cell, right answers first.

    Raises:
        EditError: an entry does not fit its right answer.
    """
    return [variant for cell in catalogue for variant in _of_cell(cell, held_back)]


def _of_cell(cell: Cell, held_back: bool) -> Iterator[Variant]:
    name = cell.functions[0]
    for right in (Right("right", "what mistakes are edits of", cell.right), *cell.rights):
        yield Variant(f"{name}: {right.name}", cell.id, "right", right.about, right.code)
    for mistake in cell.mistakes:
        kind, fails = "cheat" if mistake.cheat else "mistake", frozenset(mistake.fails)
        yield Variant(mistake.name, cell.id, kind, mistake.about, cell.code(mistake), fails)
    for entry in cell.held_back if held_back else ():
        about = ", ".join(entry.reasons)
        yield Variant(f"{name} held back: {entry.name}", cell.id, "held back", about, entry.code)


def tests(master: NotebookNode) -> list[Test]:
    """Return the test cells of a master, each with the solution cells that it can depend on."""
    code = [cell for cell in master.cells if cell.cell_type == "code"]
    solutions = [cell for cell in code if is_solution(cell) and not is_graded(cell)]
    definers: dict[str, set[str]] = {}
    for cell in solutions:
        for name in names(cell.source).defined:
            definers.setdefault(name, set()).add(cell.id)
    sources = {cell.id: cell.source for cell in solutions}

    def reached(source: str) -> frozenset[str]:
        found: set[str] = set()
        waiting = [source]
        while waiting:
            for name in reads(waiting.pop()):
                new = definers.get(name, set()) - found
                found |= new
                waiting += [sources[cell] for cell in new]
        return frozenset(found)

    return [
        Test(cell.id, float(cell.metadata.nbgrader["points"]), reached(cell.source))
        for cell in code
        if is_test(cell)
    ]


class Trials:
    """Runs variants of an assignment against its tests."""

    def __init__(
        self,
        course: Course,
        assignment: str,
        policy: Policy | None = None,
        master: NotebookNode | None = None,
    ):
        """Prepare.

        Args:
            course: whose release, data and policy are taken
            assignment: of which assignment
            policy: other settings than the course's (see autograder.policy)
            master: another version of the master, to compare with
        """
        self.course, self.assignment = course, assignment
        self.catalogue = course.catalogue(assignment)
        self.master = master or nbformat.read(course.master(assignment), as_version=4)
        self.tests = tests(self.master)
        self.policy = policy or batch.policy_of(course, assignment)
        self._release = nbformat.writes(template(course, assignment))
        settings = course.config()
        self._ignore = dict(settings["IgnorePattern"]) if "IgnorePattern" in settings else {}

    def run(
        self,
        chosen: Sequence[Variant],
        workers: int = 1,
        only: Iterable[str] | None = None,
        keys: Sequence[bytes] = (b"",),
    ) -> Iterator[VariantOutcome]:
        """Yield an outcome for every variant and key as it comes, in any order.

        Args:
            chosen: the variants
            workers: how many processes work at a time
            only: the tests to run; by default all that can notice
            keys: what hidden inputs are drawn with (see seqlab.draws)
        """
        tests = None if only is None else frozenset(only)
        jobs = [
            (
                self.notebook(variant, tests),
                self._release,
                self.policy,
                self._ignore,
                str(self.course.data()),
                key.hex(),
            )
            for variant in chosen
            for key in keys
        ]
        owners = [variant for variant in chosen for _ in keys]
        if workers == 1:
            for variant, job in zip(owners, jobs, strict=True):
                yield VariantOutcome(variant, **examined(job))
            return
        with closing(worker_process.spread(examined, [(job,) for job in jobs], workers)) as results:  # type: ignore[type-var]
            for number, found in results:
                yield VariantOutcome(owners[number], **found)

    def noticing(self, cell: str) -> list[Test]:
        """Return the tests whose outcome can depend on a solution cell."""
        return [test for test in self.tests if cell in test.runs]

    def own(self, cell: str) -> list[str]:
        """Return the tests of a solution cell itself: those up to the next solution cell."""
        found: list[str] = []
        inside = False
        for each in self.master.cells:
            if is_solution(each) and not is_graded(each):
                inside = each.id == cell
            elif inside and each.id in {test.name for test in self.tests}:
                found.append(each.id)
        return found

    def notebook(self, variant: Variant, only: Iterable[str] | None = None) -> str:
        """Return the submission: of tests those that can notice, of demonstrations none."""
        right = {cell.id: cell.right for cell in self.catalogue}
        if variant.cell not in {c.id for c in self.master.cells}:
            raise CourseError(f"{variant.name}: the master has no cell {variant.cell}")
        noticing = {test.name for test in self.noticing(variant.cell)}
        if only is not None:
            noticing &= set(only)
        kept = []
        for cell in deepcopy(self.master.cells):
            if cell.cell_type != "code" or is_demo(cell):
                continue
            if is_graded(cell) and cell.id not in noticing:
                continue
            if is_solution(cell):
                cell.source = right.get(cell.id, cell.source)
            if cell.id == variant.cell:
                cell.source = variant.code
            kept.append(cell)
        if not self.policy.diagnosis_seconds:  # which puts right functions beside these
            kept = needed(kept, variant.cell)
        notebook = nbformat.v4.new_notebook(cells=kept, metadata=self.master.metadata)
        return str(nbformat.writes(notebook))


def needed(cells: list[NotebookNode], always: str) -> list[NotebookNode]:
    """Return the tests among some cells, and of the others those that they depend on.

    A cell is needed if a needed cell reads a name that it binds, or if it is ``always``; after the
    last test nothing is.
    """
    last = max((i for i, cell in enumerate(cells) if is_graded(cell)), default=-1)
    cells = [cell for i, cell in enumerate(cells) if i <= last or cell.id == always]
    binds = {cell.id: names(cell.source).defined for cell in cells}
    found = {cell.id for cell in cells if is_graded(cell)} | {always}
    sources = {cell.id: cell.source for cell in cells}
    waiting = list(found)
    while waiting:
        wanted = reads(sources[waiting.pop()])
        new = {name for name, bound in binds.items() if wanted & bound} - found
        found |= new
        waiting += new
    return [cell for cell in cells if cell.id in found]


def reads(source: str) -> frozenset[str]:
    """Return the names that a cell takes from other cells, in its functions as well."""
    return names(source).at_once | names(source).later


def examined(job: tuple[str, str, Policy, dict[str, Any], str, str]) -> dict[str, Any]:
    """Return the outcome of a submission, as keywords of ``VariantOutcome``."""
    source, release, policy, ignore, data, key = job
    notebook = nbformat.reads(source, as_version=4)
    pool = shared_pool(policy, Path(data))
    report = pool.grade(notebook, {}, _release(release), bytes.fromhex(key))
    notebook, _ = IgnorePattern(config=Config({"IgnorePattern": ignore})).preprocess(notebook, {})
    passed, messages = {}, {}
    for cell in notebook.cells:
        if is_test(cell):
            score, most = utils.determine_grade(cell)
            passed[cell.id] = score == most
            if score != most:
                messages[cell.id] = _said(cell)
    return {
        "tests": passed,
        "messages": messages,
        "statuses": tuple(sorted(report.statuses)),
        "diagnoses": {n: f.diagnosis for n, f in report.failures.items() if f.diagnosis},
        "seconds": round(sum(report.seconds.values()), 3),
    }


@cache
def _release(text: str) -> NotebookNode:
    return cast(NotebookNode, nbformat.reads(text, as_version=4))


def _said(cell: NotebookNode) -> str:
    for output in cell.outputs:
        if output.output_type == "error":
            return f"{output.ename}: {output.evalue}".splitlines()[0][:300]
    return "no full marks"


@dataclass(frozen=True)
class Matrix:
    """All outcomes of an assignment, and what is wrong with them."""

    assignment: str
    tests: tuple[Test, ...]
    outcomes: tuple[VariantOutcome, ...]

    def complaints(self) -> list[str]:
        """Return one line for everything that is not as it should be."""
        said = []
        for outcome in self.outcomes:
            variant = outcome.variant
            if missed := sorted(variant.fails - outcome.failed):
                said.append(f"{variant.name}: passes {', '.join(missed)}, and must not")
            if extra := sorted(outcome.failed - variant.fails):
                said.append(
                    f"{variant.name}: fails {', '.join(extra)}, and must not: "
                    f"{outcome.messages[extra[0]]}"
                )
            if outcome.statuses:
                said.append(f"{variant.name}: {', '.join(outcome.statuses)}")
        noticing = {name for outcome in self.outcomes for name in outcome.failed}
        tried = {outcome.variant.cell for outcome in self.outcomes}
        said += [
            f"{test.name}: no mistake fails it"
            for test in self.tests
            if test.name not in noticing and test.runs <= tried
        ]
        return said

    def lost(self, outcome: VariantOutcome) -> float:
        """Return the points that a variant loses."""
        return sum(test.points for test in self.tests if test.name in outcome.failed)

    def as_json(self) -> dict[str, Any]:
        """Return everything as plain values."""
        return {
            "assignment": self.assignment,
            "tests": [{**asdict(test), "runs": sorted(test.runs)} for test in self.tests],
            "variants": [
                {
                    "name": o.variant.name,
                    "cell": o.variant.cell,
                    "kind": o.variant.kind,
                    "about": o.variant.about,
                    "fails": sorted(o.failed),
                    "expected": sorted(o.variant.fails),
                    "points_lost": self.lost(o),
                    "messages": dict(o.messages),
                    "diagnoses": dict(o.diagnoses),
                    "seconds": o.seconds,
                }
                for o in self.outcomes
            ],
            "complaints": self.complaints(),
        }


def matrix(trials: Trials, outcomes: Iterable[VariantOutcome], chosen: Sequence[Variant]) -> Matrix:
    """Return the outcomes as a matrix, in the catalogue's order."""
    order = {variant.name: number for number, variant in enumerate(chosen)}
    kept = sorted(outcomes, key=lambda outcome: order[outcome.variant.name])
    return Matrix(trials.assignment, tuple(trials.tests), tuple(kept))
