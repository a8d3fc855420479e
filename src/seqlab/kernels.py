"""Run a notebook's cells from the top in a fresh kernel, with a bar, and note how they end.

They run in a copy of the notebook's folder, so that nothing in it can change. The course's data is
not copied.
"""

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from nbclient.client import NotebookClient
from nbclient.exceptions import DeadKernelError
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell
from tqdm import tqdm

from seqlab import kernel_start
from seqlab.kernel_start import StartedKernel

RECORDER = '__import__("seqlab.opened_files").opened_files.'
STOPPING = 15.0  # seconds that a kernel may take to stop a cell
TIMEOUT = {"ename": "Timeout", "evalue": "", "traceback": []}


@dataclass(frozen=True)
class CellOutcome:
    """How a cell ended.

    Attributes:
        seconds: how long it ran
        kind: the error's name; nothing if there was none
        text: the error's message
    """

    seconds: float
    kind: str = ""
    text: str = ""


@dataclass
class Run:
    """A fresh kernel, how the cells ended so far, and which files their code read.

    Attributes:
        client: runs the cells
        seconds: that a cell may take
        folder: where the cells run
        outcomes: by the cell's index
        read: the path of each file that was read, and the index of the cell that did
        modules: files in the folder that were imported
        stopped: why nothing can run any more; nothing while cells can run
    """

    client: NotebookClient
    seconds: float
    folder: Path
    outcomes: dict[int, CellOutcome] = field(default_factory=dict)
    read: dict[str, int] = field(default_factory=dict)
    modules: list[str] = field(default_factory=list)
    stopped: str = ""

    def cells(self, indices: list[int], bar: str) -> None:
        """Run some of the notebook's cells in order, until the kernel is gone."""
        for i in tqdm(indices, desc=bar, unit="cell", file=sys.stderr):
            if not self.stopped:
                self.outcomes[i] = self._cell(i)

    def code(self, source: str, seconds: float = STOPPING) -> NotebookNode:
        """Run code that is not the notebook's and return it as a cell with its outputs."""
        cell: NotebookNode = new_code_cell(source)
        before, self.client.timeout = self.client.timeout, max(1, round(seconds))
        self.client.nb.cells.append(cell)
        try:
            self.client.execute_cell(cell, len(self.client.nb.cells) - 1, store_history=False)
        finally:
            self.client.nb.cells.pop()
            self.client.timeout = before
        return cell

    def _cell(self, i: int) -> CellOutcome:
        cell, start = self.client.nb.cells[i], time.monotonic()
        try:
            self.client.execute_cell(cell, i)
        except DeadKernelError:
            self.stopped = "the kernel died: too much memory, or the code ended it"
            return CellOutcome(time.monotonic() - start, "Died", self.stopped)
        took = time.monotonic() - start
        if took >= self.seconds:
            self._check_that_it_stopped()
            return CellOutcome(took, "Timeout", f"stopped after {self.seconds:g} s")
        errors = ((o.ename, o.evalue) for o in cell.outputs if o.output_type == "error")
        kind, text = next(errors, ("", ""))
        return CellOutcome(took, kind, text)

    def _check_that_it_stopped(self) -> None:
        """Give the kernel up if a cell that was told to stop goes on."""
        with suppress(DeadKernelError):
            if self.code("print(1)").outputs:
                return
        self.stopped = "a cell could not be stopped"


@contextmanager
def fresh(
    notebook: NotebookNode, folder: Path, seconds: float, started: StartedKernel | None = None
) -> Iterator[Run]:
    """Yield a fresh kernel that works in a copy of a folder.

    Args:
        notebook: its cells get the outputs
        folder: the notebook's
        seconds: how long a cell may take
        started: the kernel, if one was started already in a copy of the folder

    Example:
        with fresh(notebook, Path("."), seconds=60) as run:
            run.cells([0, 1], bar="my.ipynb")
        print(run.outcomes)

    Raises:
        DataError: no kernel can be started.
    """
    with ExitStack() as stack:
        kernel = started or stack.enter_context(kernel_start.started(folder))
        client = stack.enter_context(_client(notebook, kernel, seconds))
        yield Run(client, seconds, kernel.folder)


@contextmanager
def _client(
    notebook: NotebookNode, kernel: StartedKernel, seconds: float
) -> Iterator[NotebookClient]:
    client = NotebookClient(
        notebook,
        km=kernel.manager,
        timeout=max(1, round(seconds)),
        interrupt_on_timeout=True,
        error_on_timeout=TIMEOUT,
        iopub_timeout=round(STOPPING),
        allow_errors=True,
        coalesce_streams=True,
        record_timing=False,
        shutdown_kernel="immediate",  # there is nothing in it to be kept, and asking takes a second
        resources={"metadata": {"path": str(kernel.folder)}},
    )
    client.log.setLevel("CRITICAL")  # the outcomes tell the same
    with kernel_start.reported():
        setup = client.setup_kernel(cleanup_kc=True)
        setup.__enter__()
    try:
        yield client
    finally:
        setup.__exit__(None, None, None)


def watched(run: Run, work: Callable[[], None]) -> None:
    """Do work in a run and note, in ``run.read`` and ``run.modules``, which files it reads."""
    run.code(f"{RECORDER}watch()")
    before = len(run.outcomes)
    work()
    if run.stopped:
        return
    printed = "".join(o.get("text", "") for o in run.code(f"{RECORDER}report()").outputs)
    index = dict(enumerate(list(run.outcomes)[before:], start=1))
    opened = json.loads(printed or "{}")
    for path, number in opened.get("read", {}).items():
        if number in index:
            run.read[path] = index[number]
    run.modules = opened.get("modules", [])
