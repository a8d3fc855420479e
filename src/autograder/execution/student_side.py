"""The student's kernel of a session, made again whenever it is lost.

What it had run is run again, without the cells that cost a kernel.
"""

from collections.abc import Callable, Collection, Iterable, Mapping

from nbformat import NotebookNode

from autograder.execution import outputs
from autograder.execution.client import Answer, ForkServer, KernelClient, KernelDied, KernelError
from autograder.execution.report import SessionReport
from autograder.policy import Policy
from minikernel.messages import RunReply
from minikernel.protocol import MessageLimits


class StudentSide:
    """Runs a student's cells.

    Attributes:
        kernel: the kernel at the moment; None once it was lost too often
        avoided: cells that cost a kernel
    """

    def __init__(
        self,
        fork_server: ForkServer[KernelClient],
        policy: Policy,
        files: Mapping[str, bytes],
        report: SessionReport,
        introduce: Callable[[KernelClient | None], None],
        avoided: Iterable[str] = (),
        seed: bytes = b"",
    ):
        """Take what a kernel is made of.

        Args:
            fork_server: makes the kernels
            policy: what they may take
            files: what lies beside the notebook
            report: where is noted what goes wrong
            introduce: called with every new kernel, before it runs anything
            avoided: cells that have cost a kernel before, and are not run
            seed: what random numbers are drawn from
        """
        self.kernel: KernelClient | None = None
        self._fork_server, self._policy, self._files = fork_server, policy, files
        self._report, self._introduce, self._seed = report, introduce, seed
        self._done: list[tuple[str, str]] = []  # what has been run: names and sources of cells
        self.avoided = set(avoided)
        self._tried: set[str] = set()  # cells and tests whose fork server was killed
        self._restarts = 0

    def open(self) -> None:
        """Make the first kernel."""
        try:
            self._begin()
        except KernelError:
            self.reopen()

    def run(self, name: str, source: str) -> list[NotebookNode]:
        """Return what a cell shows; a cell that costs the kernel shows that."""
        if self.kernel is None:
            return outputs.failure("NotRun", "the process of this code was lost too often")
        if name in self.avoided:
            return outputs.failure("NotRun", "the process of this code was lost in it")
        try:
            answer = self.kernel.run(source, self._policy.cell_seconds)
        except KernelError as error:
            return self._after_loss(name, source, error)
        self._done.append((name, source))
        return self._shown(name, answer)

    def defined(self, names: Collection[str]) -> set[str]:
        """Return which of the names are defined now."""
        if not names or self.kernel is None:
            return set()
        try:
            reply = self.kernel.describe(sorted(names), self._policy.call_seconds).reply
        except KernelError:
            return set()
        return set(names) & reply["kinds"].keys()

    def replace(self, names: list[str]) -> None:
        """Have these functions called in the test kernel from now on, and no others any more.

        Raises:
            KernelError: the kernel is lost, or there is none.
        """
        if self.kernel is None:
            raise KernelDied("it was lost too often")
        self.kernel.replace(names, self._policy.call_seconds)

    def is_innocent(self, name: str) -> bool:
        """Return whether to try a cell again in which the kernel was lost, once for each cell.

        What runs in a kernel cannot reach its fork server; the system, short of memory, can. Where
        the fork server was killed, the kernel is made again.
        """
        if name in self._tried or not self._fork_server.has_ended():
            return False
        self._tried.add(name)
        self.reopen()
        return True

    def reopen(self) -> None:
        """Make the kernel again, as it was before the cell that it was lost in."""
        while self._restarts < self._policy.restarts:
            self._restarts += 1
            self.close()
            try:
                self._replay(self._begin())
                return
            except KernelError:
                continue
        self.close()
        self._introduce(None)
        reason = "the process was lost too often: the rest was not run"
        self._report.note_once("crashed", reason)

    def close(self) -> None:
        """End the kernel."""
        if self.kernel:
            self._fork_server.done_with(self.kernel)
        self.kernel = None

    def _begin(self) -> KernelClient:
        self.kernel = kernel = self._fork_server.kernel(self._seed)
        kernel.limits = MessageLimits(array_bytes=self._policy.answer_bytes)
        kernel.memory, kernel.sockets = self._policy.memory, self._policy.sandbox
        if self._files:
            kernel.write_files(self._files, self._policy.cell_seconds)
        self._introduce(kernel)
        return kernel

    def _replay(self, kernel: KernelClient) -> None:
        for name, source in [pair for pair in self._done if pair[0] not in self.avoided]:
            try:
                kernel.run(source, self._policy.cell_seconds)
            except KernelError:
                self.avoided.add(name)
                raise

    def _after_loss(self, name: str, source: str, error: KernelError) -> list[NotebookNode]:
        if self.is_innocent(name):
            return self.run(name, source)
        self._report.note(error.status, f"the process of cell {name} was lost: {error}")
        self.avoided.add(name)
        self.reopen()
        return outputs.failure(type(error).__name__, str(error))

    def _shown(self, name: str, answer: Answer[RunReply]) -> list[NotebookNode]:
        shown = outputs.clean(answer.reply["outputs"])
        if answer.interrupted:
            most = f"{self._policy.cell_seconds:g} s"
            self._report.note("timed out", f"cell {name} was stopped after {most}")
            shown += outputs.failure("CellTimeout", f"stopped after {most}")
        return shown
