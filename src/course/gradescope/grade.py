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
from autograder.result import Result
from autograder.submission import intake
from course.exchange import template_py
from course.gradescope import results_json, run_autograder, unprivileged
from course.gradescope.container_settings import ContainerSettings
from course.run import quiet, secret

TEST_KERNEL = "course.gradescope.low_memory_kernel:LowMemoryTestKernel"


class Grading:
    """One submission, in a folder laid out as Gradescope has it."""

    def __init__(self, root: Path):
        self.root, self.started = root, time.monotonic()
        self.closed = root / "source/closed"
        self.settings = ContainerSettings.from_json(self._read("settings.json"))
        self.release = job.Release.from_json(self._read("assignment.json"))
        self.template: NotebookNode = nbformat.reads(self.release.template, as_version=4)
        self.turn_in = assignment.parse(self.release.notebook, self.release.settings).turn_in
        self.notes: list[str] = []
        self.cells: list[NotebookNode] = []  # of the graded notebook

    def run(self) -> run_autograder.ResultsFile:
        """Return what results.json is to hold.

        Raises:
            UnguardedError, SandboxError, ForkServerError: nothing can be graded here.
        """
        try:
            files = self._submitted()
        except (intake.SubmissionRefused, template_py.AssemblyError) as error:
            return self._shown(Result("unreadable", (str(error),)))
        policy = replace(self.settings.policy, sandbox=self._has_sandbox())
        work = job.Job.of(
            self.release, files, policy, self.settings.preprocessors, self._data, self._draws()
        )
        pool = shared_pool(policy, self._data)
        self._save_memory(pool)
        if not policy.sandbox:
            self._without_sandbox(pool)
        return self._shown(Result.read(job.grade(work.pack(), self._data)))

    @property
    def _data(self) -> Path:
        return self.root / "source/open/data"

    def _read(self, name: str) -> dict[str, object]:
        values: dict[str, object] = json.loads((self.closed / name).read_text("utf-8"))
        return values

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
        assembled = template_py.assemble(self.template, self.turn_in, files)
        self.notes += [f"{self.turn_in.functions} was graded.", *assembled.reasons[1:]]
        return files | {f"{self.release.notebook}.ipynb": assembled.content}

    def _save_memory(self, pool: KernelPool) -> None:
        """Let tests run in a kernel that keeps nothing of them."""
        pool.test_kernels = ForkServer(
            replace(pool.test_kernels.settings, kernel=TEST_KERNEL),
            TestKernelClient,
            variables={"COURSE_DATA": str(self._data)},
        )

    def _has_sandbox(self) -> bool:
        try:
            sandbox(self._data, self.settings.policy.disk).check()
        except SandboxError as error:
            print(f"no sandbox: {error}")
            return False
        return True

    def _without_sandbox(self, pool: KernelPool) -> None:
        """Let students' code run as another user.

        Raises:
            UnguardedError: that user could read what students must not.
        """
        about, results = self.root / "submission_metadata.json", self.root / "results"
        secrets = [self.closed, *sorted(self.closed.glob("*.json")), results, about]
        unprivileged.check(run_autograder.UID, secrets)
        print(*unprivileged.wall_off(), sep="\n")
        unprivileged.move(pool, run_autograder.UID, self.root / "source/open")

    def _draws(self) -> bytes:
        """Return what hidden inputs are drawn with: the same for each submission of a group."""
        if not self.settings.policy.draws:
            return b""
        try:
            about = json.loads((self.root / "submission_metadata.json").read_text("utf-8"))
            emails = sorted(str(user["email"]) for user in about["users"])
        except (OSError, ValueError, KeyError, TypeError):
            emails = []
        return draws_key(self.settings.draws, emails)

    def _shown(self, result: Result) -> run_autograder.ResultsFile:
        sources = {cell.name: cell.source for cell in self.release.cells}
        hidden = {n for n, text in sources.items() if regions.has(text, regions.HIDDEN_TESTS)}
        self.cells = result.cells
        timed = replace(result, total=time.monotonic() - self.started)
        visibility = self.settings.visibility
        return results_json.results(timed, self.template, hidden, visibility, self.notes)


def draws_key(seed: str, emails: list[str]) -> bytes:
    """Return what the hidden inputs of those who handed in together are drawn with.

    Args:
        seed: of the assignment, hexadecimal
        emails: their addresses, in order
    """
    message = json.dumps(emails).encode()
    return hmac.digest(bytes.fromhex(seed), message, hashlib.sha256)[: secret.BYTES]


def main() -> None:
    """Grade and write."""
    quiet.quieten()
    root = run_autograder.root()
    cells: list[NotebookNode] = []
    try:
        grading = Grading(root)
        results, cells = grading.run(), grading.cells
    except Exception as error:  # one clear line for the student, all of it for the instructors
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        why = str(error).splitlines()[0] if str(error) else type(error).__name__
        results = run_autograder.failure(f"the grader failed ({why})", 0.0)
    run_autograder.write(root / "results/results.json", results)
    print(results_json.table(results, cells))
    abandon()


if __name__ == "__main__":
    main()
