"""Run a notebook's cells from the top in a fresh kernel, with a bar, and note how they end.

They run in a copy of the notebook's folder, so that nothing in it can change. The course's data is
not copied.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import chdir, contextmanager, suppress
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from nbclient.client import NotebookClient
from nbclient.exceptions import DeadKernelError
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell
from tqdm import tqdm

import seqlab
from seqlab import data_files
from seqlab.errors import DataError

RECORDER = '__import__("seqlab.opened_files").opened_files.'
STOPPING = 15.0  # seconds that a kernel may take to stop a cell
BIGGEST = 20_000_000  # bytes of a file that is copied
MOST = 300  # files
NOT_COPIED = ("data", "seqlab", "turn-in", "__pycache__")
VENV = "pyvenv.cfg"  # marks a folder of installed packages
TIMEOUT = {"ename": "Timeout", "evalue": "", "traceback": []}
# A check leaves nothing in IPython's history, and warnings of the kernel itself are not shown.
KERNEL = ["--HistoryManager.enabled=False", "--IPKernelApp.log_level=50"]


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
def fresh(notebook: NotebookNode, folder: Path, seconds: float) -> Iterator[Run]:
    """Yield a fresh kernel that works in a copy of a folder.

    Args:
        notebook: its cells get the outputs
        folder: the notebook's
        seconds: how long a cell may take

    Example:
        with fresh(notebook, Path("."), seconds=60) as run:
            run.cells([0, 1], bar="my.ipynb")
        print(run.outcomes)

    Raises:
        DataError: no kernel can be started.
    """
    with apart(folder) as copy, _kernel(notebook, copy, environment(folder), seconds) as client:
        yield Run(client, seconds, copy)


@contextmanager
def _kernel(
    notebook: NotebookNode, folder: Path, variables: dict[str, str], seconds: float
) -> Iterator[NotebookClient]:
    client = NotebookClient(
        notebook,
        timeout=max(1, round(seconds)),
        interrupt_on_timeout=True,
        error_on_timeout=TIMEOUT,
        iopub_timeout=round(STOPPING),
        allow_errors=True,
        coalesce_streams=True,
        record_timing=False,
        shutdown_kernel="immediate",  # there is nothing in it to be kept, and asking takes a second
        kernel_name="python3",
        extra_arguments=KERNEL,
        resources={"metadata": {"path": str(folder)}},
    )
    client.log.setLevel("CRITICAL")  # the outcomes tell the same
    try:
        kernel = client.setup_kernel(env=variables, stderr=subprocess.DEVNULL)
        kernel.__enter__()
    except Exception as error:
        raise DataError(
            f"no kernel starts ({error}): install the requirements with the Python you use here"
        ) from None
    try:
        yield client
    finally:
        kernel.__exit__(None, None, None)


@contextmanager
def apart(folder: Path) -> Iterator[Path]:
    """Yield a copy of a folder without hidden or big files, the course's, and environments."""
    with tempfile.TemporaryDirectory(prefix="seqlab-", ignore_cleanup_errors=True) as scratch:
        copy = Path(os.path.realpath(scratch))
        for path in islice(_own(folder), MOST):
            target = copy / path.relative_to(folder)
            target.parent.mkdir(parents=True, exist_ok=True)
            with suppress(OSError):  # it cannot be read
                shutil.copyfile(path, target)
        yield copy


def _own(folder: Path) -> Iterator[Path]:
    """Yield the files of a folder that a notebook there may want to read."""
    for place, folders, names in os.walk(folder):
        here = Path(place)
        folders[:] = [
            name
            for name in sorted(folders)
            if name not in NOT_COPIED and name[0] != "." and not (here / name / VENV).exists()
        ]
        for path in (here / name for name in sorted(names) if name[0] != "."):
            if path.is_file() and path.stat().st_size <= BIGGEST:
                yield path


def environment(folder: Path) -> dict[str, str]:
    """Return this process's environment, with seqlab on the path and the data of a folder."""
    home = str(Path(seqlab.__file__).resolve().parents[1])
    path = [*os.environ.get("PYTHONPATH", "").split(os.pathsep), home]
    variables = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, path))}
    with chdir(folder), suppress(DataError):
        variables["COURSE_DATA"] = str(data_files.data_dir().resolve())
    return variables


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
