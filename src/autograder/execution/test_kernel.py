"""The test kernel: runs the provided cells and the tests, with proxies for the student's.

It is a kernel as the student's is, with two requests more: ``sit`` (here is a student's kernel) and
``test`` (a cell in which names that the student defined stand for what the student defined).

This module does not know points, nor what becomes of a test's outputs.
"""

import builtins
import contextlib
import socket
import time
from collections.abc import Mapping
from typing import Any

import numpy as np

from autograder.diagnosis import explain
from autograder.diagnosis.recorded_calls import Call
from autograder.execution.client import KernelClient as StudentClient
from autograder.execution.proxies import KernelLost, Proxy, StudentKernel
from minikernel import protocol, server
from minikernel.shell import Shell
from seqlab import draws


class TestKernel(server.KernelServer):
    """The requests that a test kernel understands."""

    students: StudentKernel | None = None
    borrowed: frozenset[str] = frozenset()  # names that proxies have now
    provided: set[str]  # names that provided cells need from elsewhere
    failures: Mapping[str, tuple[list[Call], dict[str, Any]]] = {}  # calls and names, by test

    def __init__(
        self, shell: Shell, shared: protocol.Shared, ready: dict[str, np.ndarray] | None = None
    ):
        """Take what was made before the kernel was; see ``minikernel.server.KernelServer``."""
        super().__init__(shell, shared, ready)
        # Tests fail by the hundred, and IPython's coloured excerpts take a tenth of a second each.
        shell.InteractiveTB.set_mode("Plain")

    def _sit(self, request: server.Message, _: list[np.ndarray]) -> server.Reply:
        """Take the wire of a student's kernel, which comes right behind the request."""
        ends = socket.recv_fds(self.wire, 1, 1)[1]
        kernel = StudentClient(
            socket.socket(fileno=ends[0]),
            request["pid"],
            request["memory"],
            protocol.MessageLimits(**request["limits"]),
        )
        self.students = StudentKernel(kernel, self.shared, request["call_seconds"])
        return {}, []

    def _run(self, request: server.Message, arrays: list[np.ndarray]) -> server.Reply:
        """Run a provided cell; what its functions use of the student's is known from now on."""
        wanted = set(request["needs"])
        self.provided = getattr(self, "provided", set()) | wanted
        self._borrow(set(), wanted)
        return super()._run(request, arrays)

    def _test(self, request: server.Message, _: list[np.ndarray]) -> server.Reply:
        wanted = set(request["needs"]) | getattr(self, "provided", set())
        draws.use_key(bytes.fromhex(request["key"]))
        lost = ""
        if self.students:
            self.students.calls.clear()
        try:
            self._borrow(set(request["defined"]), wanted)
        except KernelLost as error:
            lost = str(error)
        outputs = (
            self.shell.cell(request["source"])
            if not lost
            else [
                {
                    "output_type": "error",
                    "ename": "KernelLost",
                    "evalue": lost,
                    "traceback": [lost],
                }
            ]
        )
        reply: server.Message = {"outputs": outputs, "lost": None, "slow": []}
        if failed := any(output["output_type"] == "error" for output in outputs):
            reply["line"] = self.shell.failed_in
        if self.students:
            reply["slow"] = self.students.slow
            self.students.slow = []
            if gone := self.students.kernel.lost:
                reply["lost"] = [gone.status, str(gone)]
            if failed and not (reply["lost"] or reply["slow"]):
                self._keep(request["name"], self.students)
        return reply, []

    def _keep(self, name: str, students: StudentKernel) -> None:
        """Keep what a failed test did, for a diagnosis when all marks are given."""
        calls = list(students.calls)[-explain.MOST_CALLS * 4 :]
        shared = dict(students.memory)  # some of it will be forgotten
        for call in calls:
            call.shared = shared
        self.failures = {**self.failures, name: (calls, dict(self.shell.user_ns))}

    def _diagnose(self, request: server.Message, _: list[np.ndarray]) -> server.Reply:
        """Return why tests failed; a diagnosis that fails itself is none.

        It calls the student's functions again, which may have a memory: only now, when no test is
        to come, can that change no mark.
        """
        found: dict[str, Any] = {}
        cells = list(explain.catalogue_of(request["cells"]))
        students = self._functions({name for cell in cells for name in cell.functions})
        explainers = {}
        with self.shell.recording():
            for name, (calls, space) in self.failures.items():
                deadline = time.monotonic() + request["patience"]
                explainers[name] = explain.Explainer(cells, space, students, deadline)
                with contextlib.suppress(Exception):
                    found[name] = explainers[name].explain(calls)
            for explainer in explainers.values():
                explainer.deadline = time.monotonic() + request["patience"]
            with contextlib.suppress(Exception):
                explain.agree(found, explainers)
            self.shell.recorded()
        return {"diagnoses": {name: said for name, said in found.items() if said}}, []

    def _functions(self, names: set[str]) -> dict[str, Proxy]:
        """Return proxies for those of the names that are functions of the student's."""
        if self.students is None:
            return {}
        try:
            kinds = self.students.kinds(sorted(names))
        except KernelLost:
            return {}
        return {n: Proxy(self.students, n) for n, kind in kinds.items() if kind == "function"}

    def _calls(self, request: server.Message, _: list[np.ndarray]) -> server.Reply:
        """Return what the last test asked of the student's functions, and what was right."""
        explainer = explain.Explainer(
            list(explain.catalogue_of(request["cells"])),
            dict(self.shell.user_ns),
            {},
            time.monotonic() + request["patience"],
        )
        encoder, told = protocol.Encoder(), []
        calls = list(self.students.calls) if self.students else []
        for pair in explainer.compared(calls[: request["most"]]):
            args, kwargs = pair.call.arguments()
            told.append(
                {
                    "name": pair.call.name,
                    "args": encoder.encode(args),
                    "kwargs": encoder.encode(kwargs),
                    "value": encoder.encode(pair.call.value),
                    "error": (pair.call.error or {}).get("name"),
                    "differs": pair.differs,
                    "wanted": encoder.encode(pair.wanted),
                    "raised": pair.raised,
                    "summary": pair.in_words(pair.call.name) if pair.differs else "",
                }
            )
        return {"calls": told, "made": len(calls)}, encoder.arrays

    def _borrow(self, defined: set[str], wanted: set[str]) -> None:
        """Bind the wanted names that the student has and this kernel lacks, or the stub defines."""
        space = self.shell.user_ns
        for name in self.borrowed:
            if isinstance(space.get(name), Proxy) or name in self._values:
                space.pop(name, None)
        self.borrowed, self._values = frozenset(), set[str]()
        names = sorted(
            name
            for name in wanted
            if (name not in space or name in defined) and not hasattr(builtins, name)
        )
        if not (self.students and names):
            return
        most = self.students.kernel.answers.array_bytes  # of all values, not of each
        self.students.received = 0
        for name, kind in self.students.kinds(names).items():
            if kind == "function":
                space[name] = Proxy(self.students, name)
            elif name in defined or self.students.received < most:
                space[name] = self.students.value(name)
                self._values.add(name)
            self.borrowed |= {name}

    _values: set[str] = frozenset()  # type: ignore[assignment]
