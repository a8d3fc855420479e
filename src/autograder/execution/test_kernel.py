"""The test kernel: runs the provided cells and the tests, with proxies for the student's functions.

It is a kernel as the student's is, and answers more requests (see
autograder.execution.test_requests): ``attach`` (here is a student's kernel), ``test`` (run a cell
in which proxies stand for what the student defined), ``follow`` (the same, while the student's
kernel may call right functions here), ``diagnose`` and ``calls``. One that is
made for it does ``prepare``: it reads a submission, which may take all the time and memory there
is.
"""

import builtins
import contextlib
import json
import socket
import time
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

import nbformat
import numpy as np

from autograder.cell_notes import Diagnosis
from autograder.diagnosis import explain, recorded_calls
from autograder.diagnosis.recorded_calls import Call
from autograder.execution import late_names, right_functions, test_requests
from autograder.execution.client import KernelClient
from autograder.execution.proxies import KernelLost, Proxy, StudentKernel
from autograder.execution.right_functions import RightFunctions
from autograder.status import Unreadable
from autograder.submission import prepared
from minikernel import messages
from minikernel.encoding import Encoder, SharedArrays
from minikernel.protocol import Array, MessageLimits
from minikernel.server import KernelServer, Reply
from minikernel.shell import Shell
from seqlab import checks, draws

BYTES_KEPT = 400_000_000  # of arrays in the calls of all failed tests: no diagnosis beyond
MOST_CALLS = 4 * explain.MOST_CALLS  # of a failed test that are kept for a diagnosis


class TestKernel(KernelServer):
    """Answers the requests that a test kernel understands."""

    requests: ClassVar[Mapping[str, type[Any]]] = {
        **KernelServer.requests,
        "run": test_requests.ProvideRequest,
        "attach": test_requests.AttachRequest,
        "prepare": test_requests.PrepareRequest,
        "test": test_requests.TestRequest,
        "follow": test_requests.FollowRequest,
        "diagnose": test_requests.DiagnoseRequest,
        "calls": test_requests.CallsRequest,
    }

    def __init__(self, shell: Shell, shared: SharedArrays, ready: dict[str, Array] | None = None):
        """Take what was made before the kernel was forked (see minikernel.server)."""
        super().__init__(shell, shared, ready)
        self.student: StudentKernel | None = None
        self._provided: set[str] = set()  # names that provided cells need from elsewhere
        self._borrowed: set[str] = set()  # names that stand for what the student defined
        self._values: set[str] = set()  # those of them that are not functions
        self._failures: dict[
            str, tuple[list[Call], dict[str, Any]]
        ] = {}  # calls and names, by test

    @classmethod
    def prepare(cls, shell: Shell) -> None:
        """Load what explains failures, and what checks notebooks."""
        # Tests fail by the hundred, and IPython's coloured excerpts take a tenth of a second each.
        shell.InteractiveTB.set_mode("Plain")
        explain.prepare()
        nbformat.validate(nbformat.v4.new_notebook())  # compiles the schema

    def _attach(self, request: test_requests.AttachRequest, _: list[Array]) -> Reply:
        """Take the socket of a student's kernel, which comes right behind the request."""
        ends = socket.recv_fds(self.connection, 1, 1)[1]
        kernel = KernelClient(
            socket.socket(fileno=ends[0]),
            request["pid"],
            request["memory"],
            limits=MessageLimits(**request["limits"]),
        )
        self.student = StudentKernel(kernel, self.shared, request["call_seconds"])
        return messages.Nothing(), []

    def _prepare(self, request: test_requests.PrepareRequest, arrays: list[Array]) -> Reply:
        """Bring a submission into its assignment's shape; no other request follows."""
        template, *contents = (array.tobytes() for array in arrays)
        submission = prepared.RawSubmission(
            request["assignment"],
            template.decode(),
            tuple(prepared.CellRecord(**cell) for cell in request["cells"]),
            dict(zip(request["submitted"], contents, strict=True)),
            {},
            request["others"],
        )
        reply = test_requests.PrepareReply(reasons=[], python="", dropped=[], unreadable="")
        try:
            ready = submission.prepared()
        except Unreadable as error:
            reply["unreadable"] = str(error)
        except (Exception, KeyboardInterrupt) as error:  # over what nobody has thought of
            reply["unreadable"] = f"it cannot be read ({type(error).__name__})"
        else:
            reply["reasons"], reply["python"] = list(ready.reasons), ready.python
            reply["dropped"] = list(ready.dropped)
            return reply, [np.frombuffer(json.dumps(ready.notebook).encode(), np.uint8)]
        return reply, []

    def _run(self, request: messages.RunRequest, arrays: list[Array]) -> Reply:
        """Run a provided cell, and remember what its functions use of the student's."""
        needs = set(messages.checked(test_requests.ProvideRequest, request)["needs"])
        self._provided |= needs
        self._borrow(set(), needs)
        return super()._run(request, arrays)

    def _test(self, request: test_requests.TestRequest, _: list[Array]) -> Reply:
        draws.use_key(bytes.fromhex(request["key"]))
        checks.explain("off")  # a provided cell may choose; feedback has explanations of its own
        if self.student:
            self.student.calls.clear()
        self._failures.pop(request["name"], None)
        outputs = self._outputs(request)
        failed = any(output["output_type"] == "error" for output in outputs)
        reply = test_requests.TestReply(
            outputs=outputs,
            failed=failed,
            line=self.shell.failed_in if failed else None,
            lost=None,
            slow=[],
            undefined=[],
        )
        if self.student:
            self._report(self.student, reply, request["name"])
        return reply, []

    def _follow(self, request: test_requests.FollowRequest, arrays: list[Array]) -> Reply:
        """Run a test; meanwhile, and only then, the student's kernel may call right functions."""
        right = RightFunctions(right_functions.of(request, self.shell.user_ns), self.shared)
        with self._answering(right):
            reply, arrays = self._test(request, arrays)
        return {**reply, "asked": sorted(right.asked)}, arrays

    @contextlib.contextmanager
    def _answering(self, right: RightFunctions) -> Iterator[None]:
        if self.student is None:
            yield
            return
        student = self.student
        student.kernel.answers = right.answer
        try:
            yield
        finally:
            student.kernel.answers = None

    def _outputs(self, request: test_requests.TestRequest) -> list[messages.Output]:
        try:
            self._borrow(set(request["defined"]), set(request["needs"]) | self._provided)
        except KernelLost as error:
            return [_error(error)]
        return self.shell.cell(request["source"])

    def _report(self, student: StudentKernel, reply: test_requests.TestReply, name: str) -> None:
        """Add to a reply what has become of the student's kernel; keep what is to be explained."""
        reply["slow"], student.slow = student.slow, []
        if lost := student.kernel.lost:
            reply["lost"] = [lost.status, str(lost)]
        elif reply["failed"] and not reply["slow"]:
            reply["undefined"] = late_names.undefined(reply["outputs"], student.calls)
            calls = [*self._asked_values(), *student.calls][-MOST_CALLS:]
            kept = sum(call.size for others, _ in self._failures.values() for call in others)
            if kept + sum(call.size for call in calls) < BYTES_KEPT:
                self._failures[name] = calls, dict(self.shell.user_ns)

    def _asked_values(self) -> Iterator[Call]:
        """Yield the student's values that are arrays, to be explained as functions' are."""
        for name in sorted(self._values & self.shell.user_ns.keys()):
            if isinstance(value := self.shell.user_ns[name], np.ndarray):
                yield recorded_calls.of_value(name, value)

    def _diagnose(self, request: test_requests.DiagnoseRequest, _: list[Array]) -> Reply:
        """Return why tests failed; whatever goes wrong in a diagnosis, there is just none.

        The student's functions are called again, and they may remember calls. This can change no
        mark, since no test follows.
        """
        with self.shell.recording():
            diagnoses = self._diagnoses(request)
        self.shell.recorded()
        return test_requests.DiagnoseReply(diagnoses=diagnoses), []

    def _diagnoses(self, request: test_requests.DiagnoseRequest) -> dict[str, Diagnosis]:
        cells = explain.catalogue_of(request["cells"], request["catalogue"])
        patience = request["patience"]
        functions = self._functions({name for cell in cells for name in cell.functions})
        diagnoses: dict[str, Diagnosis] = {}
        explainers: dict[str, explain.Explainer] = {}
        failures = {test: self._failures[test] for test in request["tests"] & self._failures.keys()}
        for test, (calls, names) in failures.items():
            deadline = time.monotonic() + patience
            explainers[test] = explain.Explainer(cells, names, functions, deadline)
            with contextlib.suppress(Exception):
                if diagnosis := explainers[test].explain(calls):
                    diagnoses[test] = diagnosis
        for explainer in explainers.values():
            explainer.deadline = time.monotonic() + patience
        with contextlib.suppress(Exception):
            explain.agree(diagnoses, explainers)
        return diagnoses

    def _functions(self, names: set[str]) -> dict[str, Proxy]:
        """Return proxies for those of the names that are functions of the student's."""
        if self.student is None:
            return {}
        try:
            kinds = self.student.kinds(sorted(names))
        except KernelLost:
            return {}
        return {n: Proxy(self.student, n) for n, kind in kinds.items() if kind == "function"}

    def _calls(self, request: test_requests.CallsRequest, _: list[Array]) -> Reply:
        """Return what the last test has asked of the student's functions, and what was right."""
        cells = explain.catalogue_of(request["cells"], request["catalogue"])
        deadline = time.monotonic() + request["patience"]
        explainer = explain.Explainer(cells, dict(self.shell.user_ns), {}, deadline)
        calls = list(self.student.calls) if self.student else []
        encoder = Encoder()
        compared = explainer.compared(calls[: request["most"]])
        replies = [_compared_call(pair, encoder) for pair in compared]
        return test_requests.CallsReply(calls=replies, made=len(calls)), encoder.arrays

    def _borrow(self, defined: set[str], needed: set[str]) -> None:
        """Bind needed names to what the student has.

        These are names that this kernel does not have, and those that the student was asked to
        define.

        Raises:
            KernelLost: the student's kernel has ended or did not answer.
        """
        self._return_borrowed()
        space = self.shell.user_ns
        lacking = {name for name in needed if name not in space or name in defined}
        names = sorted(name for name in lacking if not hasattr(builtins, name))
        if not (self.student and names):
            return
        most = self.student.kernel.limits.array_bytes  # of all values together
        self.student.received = 0
        for name, kind in self.student.kinds(names).items():
            if kind == "function":
                space[name] = Proxy(self.student, name)
            elif name in defined or self.student.received < most:
                space[name] = self.student.value(name)
                self._values.add(name)
            self._borrowed.add(name)

    def _return_borrowed(self) -> None:
        space = self.shell.user_ns
        for name in self._borrowed:
            if isinstance(space.get(name), Proxy) or name in self._values:
                space.pop(name, None)
        self._borrowed, self._values = set(), set()


def _error(error: Exception) -> messages.Output:
    kind, text = type(error).__name__, str(error)
    return {"output_type": "error", "ename": kind, "evalue": text, "traceback": [text]}


def _compared_call(pair: explain.ComparedCall, encoder: Encoder) -> test_requests.ComparedCallReply:
    args, kwargs = pair.call.arguments()
    return test_requests.ComparedCallReply(
        name=pair.call.name,
        args=encoder.encode(args),
        kwargs=encoder.encode(kwargs),
        value=encoder.encode(pair.call.value),
        error=pair.call.error["name"] if pair.call.error else None,
        differs=pair.differs,
        wanted=encoder.encode(pair.wanted),
        raised=pair.raised,
        summary=pair.summary() if pair.differs else "",
    )
