"""One submission is graded: its cells in the student's kernel, the tests in the test kernel's.

The two kernels go through the notebook side by side, as one kernel would go through it alone, so
that a test sees what the student's cells before it have left. A kernel that is lost is made again:
what it had run is run again, without the cell that it was lost in.

This module does not know how a notebook came about, nor what its outputs are worth.
"""

import ast
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, cast

import nbformat
from nbformat import NotebookNode

from autograder import regions
from autograder.cells import is_locked, is_skipped, is_solution, is_test
from autograder.execution import outputs, test_requests
from autograder.execution.client import ForkServer, KernelClient, KernelError, TestKernelClient
from minikernel.encoding import Decoder
from minikernel.protocol import MessageLimits
from seqlab.names import names


@dataclass(frozen=True)
class SessionLimits:
    """What one submission may take; seconds of wall-clock time, bytes."""

    cell_seconds: float = 180.0
    call_seconds: float = 60.0
    test_seconds: float = 300.0
    total_seconds: float = 1800.0
    restarts: int = 5
    memory: int = 3_000_000_000  # of all processes of the student's kernel together
    answer_bytes: int = 128_000_000
    diagnosis_seconds: float = 4.0  # for each test that fails; 0: no diagnoses


@dataclass
class SessionReport:
    """What happened besides outputs: a status and why, seconds and failures by cell."""

    statuses: set[str] = field(default_factory=set)
    reasons: list[str] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)
    failures: dict[str, dict[str, Any]] = field(default_factory=dict)  # where and why a test failed

    def note(self, status: str, reason: str) -> None:
        """Remember that something went wrong."""
        self.statuses.add(status)
        self.reasons.append(reason)


class Session:
    """The two kernels of one submission."""

    def __init__(
        self,
        students: ForkServer[KernelClient],
        test_kernels: ForkServer[TestKernelClient],
        limits: SessionLimits,
        files: Mapping[str, bytes],
        defined: Iterable[str],
        key: bytes = b"",
    ):
        """Take fork servers for the two kernels.

        Args:
            students: makes student's kernels
            test_kernels: makes test kernels
            limits: what the submission may take
            files: what lies beside the notebook
            defined: names that the student is asked to define
            key: what tests draw their hidden inputs with (see seqlab.draws)
        """
        self._students, self._test_kernels, self._key = students, test_kernels, key.hex()
        self._limits, self._files, self._defined = limits, files, sorted(defined)
        self._done: list[tuple[str, str]] = []  # what the student's kernel has run: id and source
        self._provided: list[str] = []  # what the test kernel has run
        self._avoided: set[str] = set()  # cells that cost a kernel
        self._tried: set[str] = set()  # cells and tests whose fork server was killed
        self._restarts = 0
        self._cells: list[str] = []  # the solution cells, of which the catalogue has mistakes
        self._kernel: KernelClient | None = None
        self._test_kernel: TestKernelClient | None = None
        self._deadline = time.monotonic() + limits.total_seconds
        self.report = SessionReport()

    def run(
        self, notebook: NotebookNode, handed_out: Mapping[str, str], demos: bool = False
    ) -> SessionReport:
        """Fill in the outputs of every code cell.

        Args:
            notebook: with provided cells and tests as the master has them
            handed_out: the sources of cells as the release has them, by id
            demos: also run demonstrations
        """
        self._cells = [cell.id for cell in notebook.cells if is_solution(cell)]
        try:
            self._open()
            self._go_through(notebook, handed_out, demos)
            self._diagnose(notebook)
        finally:
            self._close()
        return self.report

    def replay(
        self, notebook: NotebookNode, handed_out: Mapping[str, str], test: str, most: int = 50
    ) -> dict[str, Any]:
        """Run everything up to a test and return what the test asked of the student's functions.

        Args:
            notebook: as for ``run``
            handed_out: as for ``run``
            test: the id of a test cell of the notebook
            most: how many calls are returned

        Returns:
            ``calls``, a list of dictionaries (see autograder.execution.test_kernel), ``made``, how
            many there were, and the outputs of the test, ``outputs``

        Raises:
            KernelError: a kernel was lost on the way.
        """
        last = next(i for i, cell in enumerate(notebook.cells) if cell.id == test)
        wanted = [c for c in notebook.cells[: last + 1] if c.id == test or not is_test(c)]
        self._cells = [cell.id for cell in notebook.cells if is_solution(cell)]
        try:
            self._open()
            self._go_through(nbformat.v4.new_notebook(cells=wanted), handed_out, False)
            seconds = self._limits.test_seconds
            request = test_requests.CallsRequest(cells=self._cells, most=most, patience=seconds)
            answer = self._live_test_kernel.calls(request, seconds)
        finally:
            self._close()
        decoder = Decoder(answer.arrays)
        encoded = ("args", "kwargs", "value", "wanted")
        calls = [
            {key: decoder.decode(part) if key in encoded else part for key, part in call.items()}
            for call in answer.reply["calls"]
        ]
        return {"calls": calls, "made": answer.reply["made"], "outputs": wanted[-1].outputs}

    def _go_through(
        self, notebook: NotebookNode, handed_out: Mapping[str, str], demos: bool
    ) -> None:
        count = 0
        for cell in notebook.cells:
            if cell.cell_type != "code":
                continue
            cell.outputs, cell.execution_count = [], None
            if not cell.source.strip() or (not demos and is_skipped(cell, handed_out)):
                continue
            count += 1
            started = time.perf_counter()
            cell.outputs, cell.execution_count = self._outputs(cell), count
            for output in cell.outputs:
                if output.output_type == "execute_result":
                    output.execution_count = count
            self.report.seconds[cell.id] = round(time.perf_counter() - started, 4)
            self._mark(cell)

    def _diagnose(self, notebook: NotebookNode) -> None:
        """Ask why tests failed, when nothing of it can change a mark any more."""
        patience = self._limits.diagnosis_seconds
        if not (patience and self.report.failures):
            return
        seconds = (patience + self._limits.call_seconds) * (1 + len(self.report.failures))
        try:
            request = test_requests.DiagnoseRequest(cells=self._cells, patience=patience)
            diagnoses = self._live_test_kernel.diagnose(request, seconds).reply["diagnoses"]
        except KernelError:
            return
        for name, diagnosis in diagnoses.items():
            self.report.failures[name]["diagnosis"] = diagnosis
        for cell in notebook.cells:
            if cell.id in diagnoses:
                self._mark(cell)

    def _mark(self, cell: NotebookNode) -> None:
        """Leave in a test's metadata how long it took, where it failed, and why."""
        if is_test(cell):
            seconds = self.report.seconds[cell.id]
            cell.metadata["autograder"] = {
                "seconds": seconds,
                **self.report.failures.get(cell.id, {}),
            }

    def _outputs(self, cell: NotebookNode) -> list[NotebookNode]:
        if time.monotonic() > self._deadline:
            reason = f"the whole submission took more than {self._limits.total_seconds:g} s"
            if reason not in self.report.reasons:
                self.report.note("timed out", reason)
            return outputs.failure("NotRun", reason)
        if is_test(cell):
            return self._test(cell)
        if is_locked(cell):
            self._provide(cell.source)
        return self._run(cell.id, cell.source)

    def _run(self, name: str, source: str) -> list[NotebookNode]:
        """Run a cell in the student's kernel."""
        if self._kernel is None:
            return outputs.failure("NotRun", "the process of this code was lost too often")
        seconds = self._limits.cell_seconds
        try:
            answer = self._kernel.run(source, seconds)
        except KernelError as error:
            if self._is_innocent(name):
                return self._run(name, source)
            self.report.note(error.status, f"the process of cell {name} was lost: {error}")
            self._avoided.add(name)
            self._reopen()
            return outputs.failure(type(error).__name__, str(error))
        self._done.append((name, source))
        shown = outputs.clean(answer.reply["outputs"])
        if answer.interrupted:
            self.report.note("timed out", f"cell {name} was stopped after {seconds:g} s")
            shown += outputs.failure("CellTimeout", f"stopped after {seconds:g} s")
        return shown

    def _provide(self, source: str) -> None:
        """Run a provided cell in the test kernel as well."""
        self._provided.append(source)
        try:
            self._live_test_kernel.provide(_provided(source), self._limits.test_seconds)
        except KernelError:
            self._new_test_kernel()

    def _test(self, cell: NotebookNode) -> list[NotebookNode]:
        """Run a test in the test kernel; of it the student's kernel gets what anybody can see."""
        if shown := visible_definitions(cell.source):
            self._run(f"{cell.id} (imports)", shown)
        if self._kernel is None:
            return outputs.failure("NotRun", "the process of the student's code was lost too often")
        try:
            request = test_requests.TestRequest(
                **_provided(cell.source), name=cell.id, defined=self._defined, key=self._key
            )
            answer = self._live_test_kernel.test(request, self._limits.test_seconds)
        except KernelError as error:
            self.report.note(error.status, f"the test {cell.id} was lost: {error}")
            self._reopen()
            self._new_test_kernel()
            return outputs.failure(type(error).__name__, str(error))
        if answer.interrupted:
            self.report.note(
                "timed out", f"the test {cell.id} took more than {self._limits.test_seconds:g} s"
            )
            self._reopen()
        for function in answer.reply["slow"]:
            self.report.note(
                "timed out",
                f"{function} was stopped after {self._limits.call_seconds:g} s in {cell.id}",
            )
        if answer.reply["lost"] and self._is_innocent(cell.id):
            return self._test(cell)
        if answer.reply["failed"]:
            self.report.failures[cell.id] = _failure(cell.source, answer.reply["line"])
        if answer.reply["lost"]:
            status, why = answer.reply["lost"]
            self.report.note(status, f"the student's process was lost in {cell.id}: {why}")
            self._reopen()
        return outputs.clean(answer.reply["outputs"])

    def _is_innocent(self, name: str) -> bool:
        """Return whether a lost kernel is to be tried again: its fork server was killed.

        Once for each cell.

        What runs in a kernel cannot reach its fork server; the system, short of memory, can.
        """
        if name in self._tried or not self._students.has_ended():
            return False
        self._tried.add(name)
        self._reopen()
        return True

    def _open(self) -> None:
        self._kernel, self._test_kernel = self._new_kernel(), self._test_kernels.kernel()
        self._prepare()

    def _new_kernel(self) -> KernelClient:
        kernel = self._students.kernel()
        kernel.limits = MessageLimits(array_bytes=self._limits.answer_bytes)
        kernel.memory = self._limits.memory
        return kernel

    def _prepare(self) -> None:
        """Give a new student's kernel its files, and let the test kernel use it."""
        if self._files and self._kernel:
            self._kernel.write_files(self._files, self._limits.cell_seconds)
        self._attach()

    def _attach(self) -> None:
        """Let the test kernel call functions in the student's kernel."""
        if self._kernel and self._test_kernel:
            self._test_kernel.attach(self._kernel, self._limits.call_seconds)

    def _reopen(self) -> None:
        """Make the student's kernel again, as it was before the cell that it was lost in."""
        while True:
            if self._kernel:
                self._students.done_with(self._kernel)
            self._kernel = None
            self._restarts += 1
            if self._restarts > self._limits.restarts:
                self.report.note("crashed", "the process was lost too often: the rest was not run")
                return
            self._kernel = self._new_kernel()
            try:
                self._prepare()
                self._replay(self._kernel)
            except KernelError:
                continue
            return

    def _replay(self, kernel: KernelClient) -> None:
        for name, source in [pair for pair in self._done if pair[0] not in self._avoided]:
            try:
                kernel.run(source, self._limits.cell_seconds)
            except KernelError:
                self._avoided.add(name)
                raise

    @property
    def _live_test_kernel(self) -> TestKernelClient:
        """Return the test kernel, made again if it was lost."""
        if self._test_kernel is None or self._test_kernel.lost:
            self._new_test_kernel()
        return cast(TestKernelClient, self._test_kernel)

    def _new_test_kernel(self) -> None:
        """Make the test kernel again; its tests stand each for itself."""
        if self._test_kernel:
            self._test_kernels.done_with(self._test_kernel)
        self._test_kernel = self._test_kernels.kernel()
        for source in self._provided:
            self._test_kernel.provide(_provided(source), self._limits.test_seconds)
        self._attach()

    def _close(self) -> None:
        if self._kernel:
            self._students.done_with(self._kernel)
        if self._test_kernel:
            self._test_kernels.done_with(self._test_kernel)
        self._kernel = self._test_kernel = None


def _provided(source: str) -> test_requests.ProvideRequest:
    return test_requests.ProvideRequest(source=source, needs=sorted(names(source).needed))


def _failure(source: str, line: int | None) -> dict[str, Any]:
    """Return where a test failed."""
    parts = regions.find(source, regions.HIDDEN_TESTS)
    hidden = line is None or any(part.first <= line <= part.last for part in parts)
    return {"line": line, "hidden": hidden}


@lru_cache(maxsize=1000)  # the same tests are run for every submission
def visible_definitions(source: str) -> str:
    """Return the imports and definitions in the part of a test that the student has, too.

    A student's notebook was tried out where these had been run, and may lean on them.
    """
    try:
        tree = ast.parse(regions.without(source, regions.HIDDEN_TESTS))
    except SyntaxError:
        return ""
    kinds = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.ClassDef)
    return "\n".join(ast.unparse(node) for node in tree.body if isinstance(node, kinds))


def names_to_define(notebook: NotebookNode) -> set[str]:
    """Return the names that the solution cells of a release define."""
    cells = [c for c in notebook.cells if is_solution(c)]
    return {name for cell in cells for name in names(cell.source).defined}
