"""The test kernel of a session, made again whenever it is lost.

Its tests stand each for itself, so a new one only has to run the provided cells again.
"""

from collections.abc import Callable
from typing import TypeVar

from autograder.execution import test_requests
from autograder.execution.client import (
    Answer,
    ForkServer,
    KernelClient,
    KernelError,
    TestKernelClient,
)
from autograder.policy import Policy
from seqlab.names import names

Reply = TypeVar("Reply")
TRIES = 2  # to make a test kernel that has run all provided cells


class ProvidedCellError(Exception):
    """A provided cell ends the test kernel whenever it is run: nothing can be graded."""


class TestSide:
    """Runs provided cells and tests."""

    def __init__(
        self,
        fork_server: ForkServer[TestKernelClient],
        policy: Policy,
        memory: int = 0,
        seed: bytes = b"",
    ):
        """Take what makes kernels.

        Args:
            fork_server: makes them
            policy: how long they may take
            memory: bytes that a kernel may hold; 0: not watched
            seed: what random numbers are drawn from
        """
        self._seed = seed
        self._fork_server, self._policy, self._memory = fork_server, policy, memory
        self._kernel: TestKernelClient | None = None
        self._student: KernelClient | None = None
        self._provided: list[tuple[str, str]] = []  # names and sources of cells

    def meet(self, student: KernelClient | None) -> None:
        """Take a new student's kernel, whose functions tests call from now on."""
        self._student = student
        try:
            if self._kernel:
                self._attach(self._kernel)
        except KernelError:  # this kernel is lost; the next one will meet the student's, too
            self.close()

    def provide(self, name: str, source: str) -> None:
        """Run a provided cell here as well.

        Raises:
            ProvidedCellError: it ends the test kernel.
        """
        kernel = self._living()
        self._provided.append((name, source))
        try:
            self._run(kernel, source)
        except KernelError:
            self.close()
            self._living()

    def test(
        self, request: test_requests.TestRequest, seconds: float
    ) -> Answer[test_requests.TestReply]:
        """Run a test.

        Raises:
            KernelError: there is no reply; the next request goes to a new test kernel.
            ProvidedCellError: no test kernel survives the provided cells.
        """
        return self._asked(lambda kernel: kernel.test(request, seconds))

    def follow(
        self, request: test_requests.FollowRequest, seconds: float
    ) -> Answer[test_requests.FollowReply]:
        """Run a test with right functions in place of the student's; raises what ``test`` does."""
        return self._asked(lambda kernel: kernel.follow(request, seconds))

    def diagnose(
        self, request: test_requests.DiagnoseRequest, seconds: float
    ) -> Answer[test_requests.DiagnoseReply]:
        """Return why tests have failed; raises what ``test`` does."""
        return self._asked(lambda kernel: kernel.diagnose(request, seconds))

    def calls(
        self, request: test_requests.CallsRequest, seconds: float
    ) -> Answer[test_requests.CallsReply]:
        """Return what the last test has asked of the student's functions; raises likewise."""
        return self._asked(lambda kernel: kernel.calls(request, seconds))

    def close(self) -> None:
        """End the kernel."""
        if self._kernel:
            self._fork_server.done_with(self._kernel)
        self._kernel = None

    def _asked(self, request: Callable[[TestKernelClient], Reply]) -> Reply:
        kernel = self._living()
        try:
            return request(kernel)
        except KernelError:
            self.close()
            raise

    def _living(self) -> TestKernelClient:
        """Return the test kernel, made again if there is none."""
        if self._kernel is None:
            self._kernel = self._begun()
        return self._kernel

    def _begun(self, tries: int = TRIES) -> TestKernelClient:
        """Return a new test kernel that has run the provided cells."""
        kernel, cell = self._fork_server.kernel(self._seed), ""
        kernel.memory = self._memory
        try:
            self._attach(kernel)
            for cell, source in self._provided:  # noqa: B007  (the last one is named)
                self._run(kernel, source)
            return kernel
        except KernelError as error:
            self._fork_server.done_with(kernel)
            if tries == 1:
                raise ProvidedCellError(_why(cell, error)) from None
        return self._begun(tries - 1)

    def _run(self, kernel: TestKernelClient, source: str) -> None:
        kernel.provide(provide_request(source), self._policy.test_seconds)

    def _attach(self, kernel: TestKernelClient) -> None:
        """Let the test kernel call functions in the student's."""
        if self._student:
            kernel.attach(self._student, self._policy.call_seconds)


def provide_request(source: str) -> test_requests.ProvideRequest:
    """Return a cell with the names that it needs from elsewhere."""
    return test_requests.ProvideRequest(source=source, needs=sorted(names(source).needed))


def _why(cell: str, error: KernelError) -> str:
    what = f"the provided cell {cell}" if cell else "something"
    return f"{what} ends the test kernel: {error}"
