"""Grade one submission: its cells in the student's kernel, the tests in the test kernel.

The two kernels go through the notebook side by side, as one kernel would go through it alone, so
that a test sees what the student's cells before it have left. What becomes of a kernel that is lost
is decided by its side: autograder.execution.student_side and test_side.

This module does not know how a notebook came about, nor what its outputs are worth.
"""

import time
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import cast

import nbformat
from nbformat import NotebookNode

from autograder import regions
from autograder.cell_notes import CellNote, Diagnosis, FailedTest, FollowedTest
from autograder.cells import is_locked, is_skipped, is_solution, is_test
from autograder.diagnosis.not_written import NotWritten
from autograder.execution import follow_through, late_names, outputs, test_requests
from autograder.execution.client import (
    Answer,
    ForkServer,
    KernelClient,
    KernelError,
    TestKernelClient,
)
from autograder.execution.follow_through import FollowThrough, PassedWith
from autograder.execution.report import ReplayedCall, ReplayedTest, SessionReport
from autograder.execution.student_side import StudentSide
from autograder.execution.test_side import TestSide, provide_request
from autograder.policy import Policy
from autograder.regions import visible_definitions
from minikernel import randomness
from minikernel.encoding import Decoder
from minikernel.messages import Output
from seqlab.names import names

Tested = Answer[test_requests.TestReply]


class Session:
    """The two kernels of one submission.

    Example:
        session = Session(students, test_kernels, Policy(), files={}, defined=["softmax"])
        report = session.run(notebook, released)
    """

    def __init__(
        self,
        students: ForkServer[KernelClient],
        test_kernels: ForkServer[TestKernelClient],
        policy: Policy,
        files: Mapping[str, bytes],
        defined: Iterable[str],
        key: bytes = b"",
        catalogue: str = "",
    ):
        """Take fork servers for the two kernels.

        Args:
            students: makes student's kernels
            test_kernels: makes test kernels
            policy: what the submission may take
            files: what lies beside the notebook
            defined: names that the student is asked to define
            key: what tests draw their hidden inputs with (see seqlab.draws)
            catalogue: the text of the assignment's own mistakes.py, if it has one
        """
        self.report = SessionReport()
        self._policy, self._defined, self._key = policy, sorted(defined), key.hex()
        self._catalogue, self._files = catalogue, files
        self._fork_servers = students, test_kernels
        seeds = [randomness.seed_of(self._key, side) for side in ("tests", "student")]
        self._tests = TestSide(test_kernels, policy, policy.test_memory, seeds[0])
        self._student = StudentSide(
            students, policy, files, self.report, self._tests.meet, seed=seeds[1]
        )
        self._deadline = time.monotonic() + policy.total_seconds
        self._room = outputs.Room()
        self._cells: list[str] = []  # the solution cells, of which the catalogue has mistakes
        self._undefined: dict[str, list[str]] = {}  # names that failed tests lacked, by test

    def run(
        self, notebook: NotebookNode, released: Mapping[str, str], demos: bool = False
    ) -> SessionReport:
        """Fill in the outputs of every code cell.

        Args:
            notebook: with provided cells and tests as the master has them
            released: the sources of cells as the release has them, by id
            demos: also run demonstrations

        Raises:
            ProvidedCellError: a provided cell ends the test kernel.
        """
        try:
            self._go_through(notebook, released, demos)
            self._decide_again(notebook)
            beside = self._fork_servers[0].isolated  # then it can have two kernels at a time
            lacking = self._lacking(notebook, released)
            if beside:
                self._follow_through(notebook, released, lacking)
            self._diagnose(notebook, lacking)
        finally:
            self._close()
        if not beside:
            self._follow_through(notebook, released, lacking)
        return self.report

    def replay(
        self,
        notebook: NotebookNode,
        released: Mapping[str, str],
        test: str,
        most: int = 50,
        demos: bool = False,
    ) -> ReplayedTest:
        """Run everything up to a test and return what the test asked of the student's functions.

        All tests before it are run, too: functions that sample draw what they drew for the mark.

        Args:
            notebook: as for ``run``
            released: as for ``run``
            test: the id of a test cell of the notebook
            most: how many calls are returned
            demos: as for ``run``

        Raises:
            KernelError, ProvidedCellError: a kernel was lost on the way.
        """
        last = next(i for i, cell in enumerate(notebook.cells) if cell.id == test)
        before, after = notebook.cells[: last + 1], notebook.cells[last + 1 :]
        try:
            self._go_through(nbformat.v4.new_notebook(cells=before), released, demos)
            if self._undefined.get(test):
                self._go_on(nbformat.v4.new_notebook(cells=after), released, demos)
                if test not in self._decide_again(nbformat.v4.new_notebook(cells=before)):
                    self._execute(before[-1], before[-1].execution_count)
            seconds = self._policy.test_seconds
            about = test_requests.CatalogueRequest(
                cells=self._cells, patience=seconds, catalogue=self._catalogue
            )
            answer = self._tests.calls(test_requests.CallsRequest(**about, most=most), seconds)
        finally:
            self._close()
        return ReplayedTest(_decoded(answer), answer.reply["made"], before[-1].outputs)

    def _go_through(self, notebook: NotebookNode, released: Mapping[str, str], demos: bool) -> None:
        self._student.open()
        self._cells = [cell.id for cell in notebook.cells if is_solution(cell)]
        self._go_on(notebook, released, demos)

    def _go_on(self, notebook: NotebookNode, released: Mapping[str, str], demos: bool) -> None:
        code = [cell for cell in notebook.cells if cell.cell_type == "code"]
        for cell in code:
            cell.outputs, cell.execution_count = [], None
        run = [c for c in code if c.source.strip() and (demos or not is_skipped(c, released))]
        for count, cell in enumerate(run, 1):
            self._execute(cell, count)

    def _execute(self, cell: NotebookNode, count: int) -> None:
        """Fill in the outputs of one cell, the nth that is run."""
        started = time.perf_counter()
        cell.outputs, cell.execution_count = self._room.cut(self._outputs(cell)), count
        if self._room.is_full and outputs.CUT not in self.report.reasons:
            self.report.remark(outputs.CUT)
        for output in cell.outputs:
            if output.output_type == "execute_result":
                output.execution_count = count
        self.report.seconds[cell.id] = round(time.perf_counter() - started, 4)
        self._note(cell)

    def _outputs(self, cell: NotebookNode) -> list[NotebookNode]:
        if time.monotonic() > self._deadline:
            reason = f"the whole submission took more than {self._policy.total_seconds:g} s"
            self.report.note_once("timed out", reason)
            return outputs.failure("NotRun", reason)
        if is_test(cell):
            return self._test(cell)
        if is_locked(cell):
            self._tests.provide(cell.id, cell.source)
        return self._student.run(cell.id, cell.source)

    def _test(self, cell: NotebookNode) -> list[NotebookNode]:
        """Run a test in the test kernel; of it the student's kernel gets what anybody can see."""
        if shown := visible_definitions(cell.source):
            self._student.run(f"{cell.id} (imports)", shown)
        if self._student.kernel is None:
            return outputs.failure("NotRun", "the process of the student's code was lost too often")
        try:
            answer = self._ask_test(cell)
        except KernelError as error:
            self.report.note(error.status, f"the test {cell.id} was lost: {error}")
            self._student.reopen()
            return outputs.failure(type(error).__name__, str(error))
        self._note_time(cell, answer)
        if answer.reply["lost"] and self._student.is_innocent(cell.id):
            return self._test(cell)
        self._note_failure(cell, answer)
        return outputs.clean(answer.reply["outputs"])

    def _ask_test(self, cell: NotebookNode) -> Tested:
        request = test_requests.TestRequest(
            **provide_request(cell.source), name=cell.id, defined=self._defined, key=self._key
        )
        return self._tests.test(request, self._policy.test_seconds)

    def _note_time(self, cell: NotebookNode, answer: Tested) -> None:
        """Say what of a test took too long."""
        if answer.interrupted:
            most = f"{self._policy.test_seconds:g} s"
            self.report.note("timed out", f"the test {cell.id} took more than {most}")
            self._student.reopen()
        for function in answer.reply["slow"]:
            most = f"{self._policy.call_seconds:g} s"
            self.report.note("timed out", f"{function} was stopped after {most} in {cell.id}")

    def _note_failure(self, cell: NotebookNode, answer: Tested) -> None:
        """Say where a test failed, and if the student's kernel was lost in it."""
        if answer.reply["failed"]:
            self.report.failures[cell.id] = _failure(cell.source, answer.reply["line"])
            self._undefined[cell.id] = answer.reply["undefined"]
        if answer.reply["lost"]:
            status, why = answer.reply["lost"]
            if self._student.kernel and (lost := self._student.kernel.lost):  # watched from here
                status, why = lost.status, str(lost)
            self.report.note(status, f"the student's process was lost in {cell.id}: {why}")
            self._student.reopen()

    def _decide_again(self, notebook: NotebookNode) -> set[str]:
        """Run tests again, once, that lacked a name which is there at the notebook's end.

        Returns:
            the tests.
        """
        again = set()
        there = self._student.defined({n for names in self._undefined.values() for n in names})
        for cell in notebook.cells:
            late = there.intersection(self._undefined.get(cell.id, ()))
            if late and time.monotonic() < self._deadline:
                del self.report.failures[cell.id]
                self._execute(cell, cell.execution_count)
                self.report.remark(_decided_again(cell.id, late))
                again.add(cell.id)
        return again

    def _lacking(self, notebook: NotebookNode, released: Mapping[str, str]) -> NotWritten:
        """Return which functions are not written yet, if any test has failed that could tell."""
        if not self.report.failures:
            return NotWritten(frozenset(), {})
        return follow_through.not_written(notebook, released, self._catalogue)

    def _diagnose(self, notebook: NotebookNode, lacking: NotWritten) -> None:
        """Say why tests failed, when nothing of it can change a mark any more."""
        failed = [test for test in self.report.failures if test not in self.report.followed]
        if not (self._policy.diagnosis_seconds and failed):
            return
        known = {test: told for test in failed if (told := lacking.diagnosis(test))}
        found = self._asked_why([test for test in failed if test not in known])
        known |= {test: lacking.corrected(diagnosis) for test, diagnosis in found.items()}
        for test, diagnosis in known.items():
            failure = self.report.failures[test]
            self.report.failures[test] = replace(failure, diagnosis=diagnosis)
        for cell in notebook.cells:
            if cell.id in known:
                self._note(cell)

    def _asked_why(self, unknown: list[str]) -> Mapping[str, Diagnosis]:
        """Return why tests failed, as far as the test kernel finds out."""
        patience = self._policy.diagnosis_seconds
        if not unknown:
            return {}
        seconds = (patience + self._policy.call_seconds) * (1 + len(unknown))
        request = test_requests.DiagnoseRequest(
            cells=self._cells, patience=patience, catalogue=self._catalogue, tests=unknown
        )
        try:
            return self._tests.diagnose(request, seconds).reply["diagnoses"]
        except KernelError:
            return {}

    def _follow_through(
        self, notebook: NotebookNode, released: Mapping[str, str], lacking: NotWritten
    ) -> None:
        """Give tests their points that pass with right functions in place of earlier wrong ones."""
        if not (self._policy.follow_through and self.report.failures):
            return
        again = FollowThrough(
            *self._fork_servers,
            self._policy,
            self._files,
            self._defined,
            self._key,
            self._catalogue,
            self._deadline,
            self._student.avoided,
        )
        for test, passed in again.run(notebook, released).items():
            cell = next(cell for cell in notebook.cells if cell.id == test)
            self._give(cell, passed, lacking.corrected(passed.diagnosis()))
        for status, reason in again.trouble:
            self.report.note_once(status, reason)

    def _give(self, cell: NotebookNode, passed: PassedWith, why: Diagnosis) -> None:
        """Note a test that has passed, and leave outputs that nbgrader takes for its points."""
        points = round(self._policy.follow_through * float(cell.metadata.nbgrader.points), 4)
        error = next(output for output in cell.outputs if output.output_type == "error")
        followed = FollowedTest(passed.functions, points, cast(Output, dict(error)))
        failure = self.report.failures.get(cell.id) or FailedTest(None, hidden=True)
        self.report.failures[cell.id] = replace(failure, diagnosis=why)
        self.report.followed[cell.id] = followed
        cell.outputs = outputs.points(cell.outputs, followed, passed.complained)
        cell.outputs[-1].execution_count = cell.execution_count
        self._note(cell)

    def _note(self, cell: NotebookNode) -> None:
        """Leave in a test's metadata how long it took, where it failed, and why."""
        if is_test(cell):
            failure = self.report.failures.get(cell.id)
            followed = self.report.followed.get(cell.id)
            CellNote(self.report.seconds[cell.id], failure, followed).write(cell)

    def _close(self) -> None:
        self._student.close()
        self._tests.close()


def _failure(source: str, line: int | None) -> FailedTest:
    """Return where a test failed; in an unknown line, it may be a hidden one."""
    hidden = regions.find(source, regions.HIDDEN_TESTS)
    is_hidden = line is None or any(part.first <= line <= part.last for part in hidden)
    return FailedTest(line, is_hidden)


def _decided_again(test: str, late: set[str]) -> str:
    where = f"at the notebook's end, {late_names.WHERE}"
    return f"ran the test {test} again {where}: {', '.join(sorted(late))}"


def _decoded(answer: Answer[test_requests.CallsReply]) -> tuple[ReplayedCall, ...]:
    """Return the calls of an answer, with their arrays."""
    decoder = Decoder(answer.arrays)
    return tuple(
        ReplayedCall(
            name=call["name"],
            args=decoder.decode(call["args"]),
            kwargs=decoder.decode(call["kwargs"]),
            value=decoder.decode(call["value"]),
            error=call["error"],
            wanted=decoder.decode(call["wanted"]),
            raised=call["raised"],
            differs=call["differs"],
            summary=call["summary"],
        )
        for call in answer.reply["calls"]
    )


def names_to_define(notebook: NotebookNode) -> set[str]:
    """Return the names that the solution cells of a release define."""
    cells = [cell for cell in notebook.cells if is_solution(cell)]
    return {name for cell in cells for name in names(cell.source).defined}
