"""Grade the one submission that lies in Gradescope's container, and write its results.json.

The notebook is graded, or the one that is made of the files that were turned in instead of it.
Students' code runs in the sandbox where one can be made, and otherwise as another user
(course.gradescope.unprivileged); where neither keeps it from the tests, nothing is graded.
"""

import hashlib
import hmac
import json
import sys
import time
from dataclasses import replace
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from autograder import assignment, job, regions
from autograder.execution.client import ForkServer, TestKernelClient
from autograder.execution.pool import KernelPool, abandon, sandbox, shared_pool
from autograder.execution.sandbox import SandboxError
from autograder.policy import Policy
from autograder.result import Result
from autograder.submission import intake
from course.exchange import template_py
from course.gradescope import results_json, run_autograder, unprivileged
from course.run import quiet, secret

TEST_KERNEL = "course.gradescope.low_memory_kernel:LowMemoryTestKernel"


class Grading:
    """One submission, in a folder laid out as Gradescope has it."""

    def __init__(self, root: Path):
        self.root, self.started = root, time.monotonic()
        self.settings = json.loads(self._closed("settings.json"))
        self.policy = Policy.from_json(self.settings["policy"])
        self.assignment = job.Release.from_json(json.loads(self._closed("assignment.json")))
        self.release: NotebookNode = nbformat.reads(self.assignment.template, as_version=4)
        about = assignment.parse(self.assignment.notebook, self.assignment.settings)
        self.turn_in = about.turn_in
        self.notes: list[str] = []

    def run(self) -> run_autograder.Entry:
        """Return what results.json is to hold.

        Raises:
            UnguardedError, SandboxError, ForkServerError: nothing can be graded here.
        """
        try:
            files = self._submitted()
        except (intake.SubmissionRefused, template_py.AssemblyError) as error:
            return self._results(Result("unreadable", (str(error),)))
        policy = replace(self.policy, sandbox=self._has_sandbox())
        settings = policy, self.settings["preprocessors"], self._data, self._key()
        packed = job.Job.of(self.assignment, files, *settings).pack()
        at_work = shared_pool(policy, self._data)
        at_work.test_kernels = ForkServer(
            replace(at_work.test_kernels.settings, kernel=TEST_KERNEL),
            TestKernelClient,
            variables={"COURSE_DATA": str(self._data)},
        )
        if not policy.sandbox:
            self._without_sandbox(at_work)
        return self._results(Result.read(job.grade(packed, self._data)))

    @property
    def _data(self) -> Path:
        return self.root / "source/open/data"

    def _closed(self, name: str) -> str:
        return (self.root / "source/closed" / name).read_text("utf-8")

    def _submitted(self) -> dict[str, bytes]:
        """Return the files of the submission, with a notebook among them if one can be made.

        Raises:
            SubmissionRefused, AssemblyError: nothing can be graded.
        """
        files = intake.without_top_folder(intake.read_folder(self.root / "submission"))
        if self.turn_in is None or self.turn_in.functions not in files:
            return files
        if not template_py.is_to_assemble(self.turn_in, files):
            self.notes.append(f"The notebook was graded, and not {self.turn_in.functions}.")
            return files
        assembled = template_py.assemble(self.release, self.turn_in, files)
        self.notes += [f"{self.turn_in.functions} was graded.", *assembled.reasons[1:]]
        return files | {f"{self.assignment.notebook}.ipynb": assembled.content}

    def _has_sandbox(self) -> bool:
        try:
            sandbox(self._data, self.policy.disk).check()
        except SandboxError as error:
            print(f"no sandbox: {error}")
            return False
        return True

    def _without_sandbox(self, at_work: KernelPool) -> None:
        """Make students' code another user's, or raise UnguardedError."""
        closed = self.root / "source/closed"
        about = self.root / "submission_metadata.json"
        places = [closed, *sorted(closed.glob("*.json")), self.root / "results", about]
        unprivileged.check(run_autograder.UID, places)
        print(*unprivileged.wall_off(), sep="\n")
        unprivileged.move(at_work, run_autograder.UID, self.root / "source/open")

    def _key(self) -> bytes:
        """Return what a student's hidden inputs are drawn with: the same for each submission."""
        if not self.policy.draws:
            return b""
        try:
            about = json.loads((self.root / "submission_metadata.json").read_text("utf-8"))
            who = sorted(str(user["email"]) for user in about["users"])
        except (OSError, ValueError, KeyError, TypeError):
            who = []
        return draws_key(self.settings["draws"], who)

    def _results(self, result: Result) -> run_autograder.Entry:
        sources = {cell.name: cell.source for cell in self.assignment.cells}
        hidden = {n for n, text in sources.items() if regions.has(text, regions.HIDDEN_TESTS)}
        whole = replace(result, total=time.monotonic() - self.started)
        visibility = self.settings["visibility"]
        return results_json.results(whole, self.release, hidden, visibility, self.notes)


def draws_key(seed: str, who: list[str]) -> bytes:
    """Return the key of the hidden inputs of those who handed in together.

    Args:
        seed: hexadecimal, of the assignment
        who: their addresses, in order
    """
    message = json.dumps(who).encode()
    return hmac.digest(bytes.fromhex(seed), message, hashlib.sha256)[: secret.BYTES]


def main() -> None:
    """Grade and write."""
    quiet.quieten()
    root = run_autograder.root()
    try:
        found = Grading(root).run()
    except Exception as error:  # one clear line for the student, all of it for the instructors
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        why = str(error).splitlines()[0] if str(error) else type(error).__name__
        found = run_autograder.failure(f"the grader failed ({why})", 0.0)
    run_autograder.write(root / "results/results.json", found)
    print(results_json.table(found))
    abandon()


if __name__ == "__main__":
    main()
