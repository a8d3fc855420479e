"""Follow-through: a test that failed is run once more with right functions of earlier problems.

Tests of later functions call earlier ones, so that one slip would be paid many times. Here a test
is run again with right functions in place of earlier ones whose own tests fail. This happens when
every test is decided, in two kernels that are thrown away afterwards, in the notebook's order: what
a student's code may ask there never becomes less, so that nothing is gained by remembering it.

This module does not know what a test is worth.
"""

import ast
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import takewhile

from nbformat import NotebookNode

import mistakes
from autograder.cell_notes import Diagnosis
from autograder.cells import is_graded, is_locked, is_skipped, is_solution, is_test
from autograder.diagnosis import explain, phrases
from autograder.diagnosis.not_written import NotWritten
from autograder.execution import test_requests
from autograder.execution.client import (
    Answer,
    ForkServer,
    KernelClient,
    KernelError,
    TestKernelClient,
)
from autograder.execution.report import SessionReport
from autograder.execution.student_side import StudentSide
from autograder.execution.test_side import ProvidedCellError, TestSide, provide_request
from autograder.policy import Policy
from autograder.regions import visible_definitions
from minikernel import randomness
from minikernel.messages import Output
from seqlab.names import names, parsed
from seqlab.sentences import listed


@dataclass(frozen=True)
class Exercise:
    """A solution cell and what follows from it.

    Attributes:
        cell: the catalogue's entry for it, with a right answer
        functions: those that the right answer defines; what else it defines is not replaced
        tests: its own tests, by id: those before the next solution cell
        untouched: it is as it was released
    """

    cell: mistakes.Cell
    functions: tuple[str, ...]
    tests: tuple[str, ...]
    untouched: bool


@dataclass(frozen=True)
class PassedWith:
    """A test that passed with right functions in place of the student's.

    Attributes:
        functions: those that were called
        tested: the catalogue's entry for the cell that the test is of
        complained: something was written to stderr, for which nbgrader may give no points
    """

    functions: tuple[str, ...]
    tested: mistakes.Cell
    complained: bool = False

    def diagnosis(self) -> Diagnosis:
        """Return why it failed before: this is not guessed, but was tried."""
        name, first = self.tested.functions[0], self.functions[0]
        summary = phrases.FOLLOWED(name=name, others=listed(self.functions))
        return Diagnosis(
            function=name,
            where=self.tested.where,
            summary=summary,
            blames=first,
        )


@dataclass
class FollowThrough:
    """Runs the failed tests of a graded notebook once more.

    Attributes:
        students, test_kernels: make kernels
        policy: what the submission may take
        files: what lies beside the notebook
        defined: names that the student is asked to define
        key: what tests draw their hidden inputs with, in hexadecimal
        catalogue: the text of the assignment's own mistakes.py; often nothing
        deadline: of time.monotonic(), for the submission
        avoided: cells that cost a kernel before, and are not run
        passed: the tests that have passed
        trouble: statuses and reasons, where a run could not be brought to its end
    """

    students: ForkServer[KernelClient]
    test_kernels: ForkServer[TestKernelClient]
    policy: Policy
    files: Mapping[str, bytes]
    defined: list[str]
    key: str
    catalogue: str
    deadline: float
    avoided: Iterable[str] = ()
    passed: dict[str, PassedWith] = field(default_factory=dict)
    trouble: list[tuple[str, str]] = field(default_factory=list)

    def run(self, notebook: NotebookNode, released: Mapping[str, str]) -> Mapping[str, PassedWith]:
        """Return the tests that pass.

        Args:
            notebook: with the outputs of its tests
            released: the sources of cells as the release has them, by id
        """
        self._exercises = exercises(notebook, released, self.catalogue)
        self._own = {test: exercise for exercise in self._exercises for test in exercise.tests}
        self._failed = {cell.id for cell in notebook.cells if is_test(cell) and _failed(cell)}
        self._readers = _Readers.of(notebook)
        code = [cell for cell in notebook.cells if cell.cell_type == "code" and cell.source.strip()]
        cells = [cell for cell in code if not is_skipped(cell, released)]
        last = max((i for i, c in enumerate(cells) if self._replaceable(c)), default=-1)
        if last >= 0:
            self._go_through(cells[: last + 1])
        return self.passed

    def _go_through(self, cells: Sequence[NotebookNode]) -> None:
        report = SessionReport()  # the submission's own says what there is to say already
        seeds = [randomness.seed_of(self.key, side) for side in ("tests", "student")]
        self._tests = TestSide(self.test_kernels, self.policy, self.policy.memory, seeds[0])
        self._student = StudentSide(
            self.students,
            self.policy,
            self.files,
            report,
            self._tests.meet,
            self.avoided,
            seeds[1],
        )
        try:
            self._student.open()
            for cell in cells:
                if self._student.kernel is None:
                    return
                if time.monotonic() > self.deadline:
                    seconds = f"{self.policy.total_seconds:g} s"
                    self._note("timed out", f"the whole submission took more than {seconds}")
                    return
                self._execute(cell)
        except ProvidedCellError:  # a test kernel that is lost again and again: no points
            return
        finally:
            self._student.close()
            self._tests.close()

    def _execute(self, cell: NotebookNode) -> None:
        if is_test(cell):
            self._test(cell)
            return
        if is_locked(cell):
            self._tests.provide(cell.id, cell.source)
        self._student.run(cell.id, cell.source)

    def _test(self, cell: NotebookNode) -> None:
        """Run a test again if there is something to replace; keep it if it passes then."""
        if shown := visible_definitions(cell.source):
            self._student.run(f"{cell.id} (imports)", shown)
        if given := self._replaceable(cell):
            self._run_again(cell, given)

    def _run_again(self, cell: NotebookNode, given: list[str]) -> None:
        where = f"the test {cell.id}, run again with the course's {listed(given)},"
        try:
            answer = self._answer(cell, given)
            if not self._is_whole(answer, where):
                self._student.reopen()
                return
            self._student.replace([])
        except KernelError as error:
            self._note(error.status, f"{where} was lost: {error}")
            self._student.reopen()
            return
        asked = tuple(name for name in given if name in answer.reply["asked"])
        if asked and not any(map(_fails, answer.reply["outputs"])):
            complained = any(output.get("name") == "stderr" for output in answer.reply["outputs"])
            self.passed[cell.id] = PassedWith(asked, self._own[cell.id].cell, complained)
            self._failed.discard(cell.id)

    def _is_whole(self, answer: Answer[test_requests.FollowReply], where: str) -> bool:
        """Return whether a run came to its end with the student's kernel; note it if not."""
        if answer.interrupted or answer.reply["slow"]:
            self._note("timed out", f"{where} was stopped")
        elif answer.reply["lost"]:
            status, why = answer.reply["lost"]
            self._note(status, f"{where} cost the student's process: {why}")
        return not (answer.interrupted or answer.reply["slow"] or answer.reply["lost"])

    def _note(self, status: str, reason: str) -> None:
        self.trouble.append((status, reason))

    def _answer(self, cell: NotebookNode, given: list[str]) -> Answer[test_requests.FollowReply]:
        """Run a test with right functions in place of the student's.

        Raises:
            KernelError: one of the kernels was lost.
        """
        self._student.replace(given)
        request = test_requests.FollowRequest(
            **provide_request(cell.source),
            name=cell.id,
            defined=self.defined,
            key=self.key,
            given=given,
            cells=[exercise.cell.id for exercise in self._earlier(cell.id)],
            catalogue=self.catalogue,
        )
        seconds = min(self.policy.test_seconds, max(self.deadline - time.monotonic(), 1.0))
        return self._tests.follow(request, seconds)

    def _replaceable(self, cell: NotebookNode) -> list[str]:
        """Return the functions to replace in a test: of earlier problems, whose own tests fail.

        None if it is no failed test, if nothing was written for it, or if it reaches none of them.
        """
        own = self._own.get(cell.id)
        if cell.id not in self._failed or own is None or own.untouched:
            return []
        wrong = [e for e in self._earlier(cell.id) if self._failed.intersection(e.tests)]
        if not self._readers.reached(cell.source) & {n for e in wrong for n in e.functions}:
            return []
        given = dict.fromkeys(name for e in wrong for name in e.functions)
        return [name for name in given if name not in own.cell.functions]

    def _earlier(self, test: str) -> Iterator[Exercise]:
        return takewhile(lambda exercise: test not in exercise.tests, self._exercises)


def exercises(
    notebook: NotebookNode, released: Mapping[str, str], catalogue: str
) -> tuple[Exercise, ...]:
    """Return the solution cells of a notebook of which a right answer is known, in order."""
    solutions = [cell for cell in notebook.cells if is_solution(cell)]
    known = {c.id: c for c in explain.catalogue_of([cell.id for cell in solutions], catalogue)}
    tests: dict[str, list[str]] = {}
    inside = ""
    for cell in notebook.cells:
        if is_solution(cell) and not is_graded(cell):
            inside = cell.id
        elif is_test(cell):
            tests.setdefault(inside, []).append(cell.id)
    return tuple(
        Exercise(
            known[cell.id],
            tuple(_functions(known[cell.id])),
            tuple(tests.get(cell.id, ())),
            cell.source.strip() == released.get(cell.id, "").strip(),
        )
        for cell in solutions
        if cell.id in known
    )


def not_written(notebook: NotebookNode, released: Mapping[str, str], catalogue: str) -> NotWritten:
    """Return which functions of a notebook are not written yet, and which tests are of these."""
    cells = [(known.cell, known.tests) for known in exercises(notebook, released, catalogue)]
    sources = {cell.id: cell.source for cell in notebook.cells}
    return NotWritten.of(cells, sources, released)


def _functions(cell: mistakes.Cell) -> Iterator[str]:
    nodes = ast.walk(parsed(cell.right) or ast.Module([], []))
    defined = {node.name for node in nodes if isinstance(node, ast.FunctionDef)}
    return (name for name in cell.functions if name in defined)


@dataclass(frozen=True)
class _Readers:
    """What the names of a notebook lead to."""

    definitions: Mapping[str, tuple[str, ...]]  # name -> sources of the cells that define it

    @classmethod
    def of(cls, notebook: NotebookNode) -> "_Readers":
        definitions: dict[str, tuple[str, ...]] = {}
        code = [c for c in notebook.cells if c.cell_type == "code" and not is_test(c)]
        for cell in code:
            for name in names(cell.source).defined:
                definitions[name] = (*definitions.get(name, ()), cell.source)
        return cls(definitions)

    def reached(self, test: str) -> set[str]:
        """Return the names that a test reads, all that the cells define which define these, etc."""
        reached = set(names(test).needed)
        waiting = list(reached)
        while waiting:
            for source in self.definitions.get(waiting.pop(), ()):
                cell = names(source)
                hidden = set(self.definitions) if cell.hides else set()
                new = (cell.needed | cell.defined | hidden) - reached
                reached |= new
                waiting += new
        return reached


def _failed(cell: NotebookNode) -> bool:
    return any(output.output_type == "error" for output in cell.outputs)


def _fails(output: Output) -> bool:
    """Return whether a test with this output is no full success."""
    return output["output_type"] in ("error", "execute_result")
