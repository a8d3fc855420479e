"""Try the catalogue on the tests: a mistake must lose its marks, a right answer must lose none.

A variant is a submission that is right but for one cell. It is graded as a submission is, in two
kernels, with the tests that can notice the cell and no others.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from copy import deepcopy
from dataclasses import dataclass, replace
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
from course.run.right_answers import completed_catalogue
from course.test_quality import dependencies
from course.test_quality.dependencies import TestCell
from mistakes import Cell, EditError, Right


@dataclass(frozen=True)
class Variant:
    """A version of one solution cell; all other cells are right.

    Attributes:
        name: unique in the assignment
        cell: the solution cell's id
        kind: "right", "mistake", "cheat", "untouched" or "held back"
        about: a few words
        code: the cell's source
        fails: the tests that must fail
        second: another cell that is wrong, too, where two mistakes are tried together
    """

    name: str
    cell: str
    kind: str
    about: str
    code: str
    fails: frozenset[str] = frozenset()
    second: "Variant | None" = None

    @property
    def sources(self) -> dict[str, str]:
        """Return what is not as in the right answer, by cell."""
        return {variant.cell: variant.code for variant in (self, self.second) if variant}


@dataclass(frozen=True)
class VariantOutcome:
    """What became of a variant.

    Attributes:
        variant: the variant
        tests: for each test that was run, whether it gave full marks
        messages: for each test that did not, the last line of its error
        statuses: what else happened, e.g. "crashed"
        diagnoses: the diagnosis of each failed test (see autograder.diagnosis.explain)
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
        """Return whether exactly the tests failed that must."""
        return self.failed == self.variant.fails


def variants(
    catalogue: Iterable[Cell], tests: Sequence[TestCell] = (), held_back: bool = False
) -> list[Variant]:
    """Return everything in a catalogue as variants: cell by cell, right answers first.

    Args:
        catalogue: the cells
        tests: a mistake that does not say which of them it fails fails all of its own cell
        held_back: also those that only measure diagnoses

    Raises:
        CourseError: an entry does not fit its right answer.
    """
    try:
        return [v for cell in catalogue for v in _of_cell(cell, _own(cell, tests), held_back)]
    except EditError as error:
        raise CourseError(f"the catalogue does not fit its own right answers: {error}") from None


def _own(cell: Cell, tests: Iterable[TestCell]) -> frozenset[str]:
    return frozenset(test.name for test in tests if test.of == cell.id)


def _of_cell(cell: Cell, own: frozenset[str], held_back: bool) -> Iterator[Variant]:
    name = cell.functions[0] if cell.functions else cell.id
    for right in (Right("right", "what mistakes are edits of", cell.right), *cell.rights):
        yield Variant(f"{name}: {right.name}", cell.id, "right", right.about, right.code)
    for mistake in cell.mistakes:
        kind, fails = "cheat" if mistake.cheat else "mistake", frozenset(mistake.fails) or own
        yield Variant(mistake.name, cell.id, kind, mistake.about, cell.code(mistake), fails)
    if not held_back:
        return
    for right in cell.rights_held_back:
        yield Variant(f"{name} held back: {right.name}", cell.id, "right", right.about, right.code)
    for entry in cell.held_back:
        about, fails = ", ".join(entry.reasons), frozenset(entry.fails)
        kept = f"{name} held back: {entry.name}"
        yield Variant(kept, cell.id, "held back", about, entry.code, fails)


@dataclass(frozen=True)
class Trial:
    """A variant as another process grades it.

    Attributes:
        notebook, release: as JSON
        policy: see autograder.policy
        ignored: nbgrader's settings of IgnorePattern
        data: the data folder
        key: what hidden inputs are drawn with
        catalogue: the text of the assignment's own catalogue, for diagnoses
    """

    notebook: str
    release: str
    policy: Policy
    ignored: Mapping[str, Any]
    data: Path
    key: bytes
    catalogue: str


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
            course: the course with the release and the data
            assignment: the assignment's name
            policy: other settings than the course's
            master: another version of the master, to compare with
        """
        self.course, self.assignment = course, assignment
        self.catalogue = course.catalogue(assignment)
        self.master = master or nbformat.read(course.master(assignment), as_version=4)
        self.tests = dependencies.tests(self.master)
        # A mistake costs its own function's points, once: that is what follow-through is for.
        self.policy = replace(policy or batch.policy_of(course, assignment), follow_through=1.0)

    def variants(self, held_back: bool = False) -> list[Variant]:
        """Return everything in the catalogue, or also each cell as it is released.

        Raises:
            CourseError: an entry does not fit its right answer, or there is no release.
        """
        every = variants(self.catalogue, self.tests, held_back)
        return every if held_back else [*every, *self._untouched()]

    def _untouched(self) -> Iterator[Variant]:
        """Yield each cell as it is released: it must earn nothing, whatever comes before it."""
        released = {c.id: c.source for c in template(self.course, self.assignment).cells}
        for cell in self.catalogue:
            name = f"{cell.functions[0] if cell.functions else cell.id}: untouched"
            source, own = released.get(cell.id, ""), _own(cell, self.tests)
            yield Variant(name, cell.id, "untouched", "nothing was written", source, own)

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
        owners = [variant for variant in chosen for _ in keys]
        trials = list(self._trials(chosen, None if only is None else frozenset(only), keys))
        if workers == 1:
            for variant, trial in zip(owners, trials, strict=True):
                yield VariantOutcome(variant, **graded(trial))
            return
        arguments = [(trial,) for trial in trials]
        with closing(worker_process.spread(graded, arguments, workers)) as results:  # type: ignore[type-var]
            for number, outcome in results:
                yield VariantOutcome(owners[number], **outcome)

    def _trials(
        self, chosen: Sequence[Variant], only: frozenset[str] | None, keys: Sequence[bytes]
    ) -> Iterator[Trial]:
        release = nbformat.writes(template(self.course, self.assignment))
        ignored = dict(self.course.config().get("IgnorePattern", {}))
        catalogue, data = completed_catalogue(self.course, self.assignment), self.course.data()
        for variant in chosen:
            notebook = self.notebook(variant, only)
            for key in keys:
                yield Trial(notebook, release, self.policy, ignored, data, key, catalogue)

    def noticing(self, cell: str) -> list[TestCell]:
        """Return the tests whose outcome can depend on a solution cell."""
        return [test for test in self.tests if cell in test.runs]

    def own(self, cell: str) -> list[str]:
        """Return the tests of a solution cell itself: those up to the next solution cell."""
        return dependencies.own_tests(self.master, cell)

    def notebook(self, variant: Variant, only: Iterable[str] | None = None) -> str:
        """Return a variant as a submission, with the tests that can notice it and no others.

        Raises:
            CourseError: it is of a cell that the master does not have.
        """
        if variant.cell not in {cell.id for cell in self.master.cells}:
            raise CourseError(f"{variant.name}: the master has no cell {variant.cell}")
        noticing = {test.name for cell in variant.sources for test in self.noticing(cell)}
        run = noticing if only is None else noticing & set(only)
        right = {cell.id: cell.right for cell in self.catalogue} | variant.sources
        cells = []
        for cell in deepcopy(self.master.cells):
            if (
                cell.cell_type != "code"
                or is_demo(cell)
                or (is_graded(cell) and cell.id not in run)
            ):
                continue
            if is_solution(cell) or cell.id in variant.sources:
                cell.source = right.get(cell.id, cell.source)
            cells.append(cell)
        if not self.policy.diagnosis_seconds:  # a diagnosis puts right functions beside these
            answers = {cell.id: cell.right for cell in self.catalogue}
            cells = dependencies.needed(cells, variant.cell, answers)
        notebook = nbformat.v4.new_notebook(cells=cells, metadata=self.master.metadata)
        return str(nbformat.writes(notebook))


def graded(trial: Trial) -> dict[str, Any]:
    """Return the outcome of a trial, as keywords of ``VariantOutcome``."""
    notebook = nbformat.reads(trial.notebook, as_version=4)
    pool = shared_pool(trial.policy, trial.data)
    report = pool.grade(notebook, {}, _release(trial.release), trial.key, trial.catalogue)
    config = Config({"IgnorePattern": trial.ignored})
    notebook, _ = IgnorePattern(config=config).preprocess(notebook, {})
    scores = {cell.id: utils.determine_grade(cell) for cell in notebook.cells if is_test(cell)}
    passed = {name: score == most for name, (score, most) in scores.items()}
    return {
        "tests": passed,
        "messages": {
            cell.id: _message(cell) for cell in notebook.cells if passed.get(cell.id) is False
        },
        "statuses": tuple(sorted(report.statuses)),
        "diagnoses": {n: f.diagnosis for n, f in report.failures.items() if f.diagnosis},
        "seconds": round(sum(report.seconds.values()), 3),
    }


@cache
def _release(text: str) -> NotebookNode:
    return cast(NotebookNode, nbformat.reads(text, as_version=4))


def _message(cell: NotebookNode) -> str:
    for output in cell.outputs:
        if output.output_type == "error":
            return f"{output.ename}: {output.evalue}".splitlines()[0][:300]
    return "no full marks"
