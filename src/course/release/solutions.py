"""Solve an assignment for staff: run the master and keep it, as a notebook and as a page."""

import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from copy import deepcopy
from pathlib import Path

import nbformat
from nbclient.client import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbformat import NotebookNode
from tqdm import tqdm

from course.directory import Course, CourseError
from seqlab import html_page

CELL_SECONDS = 180
# On a busy machine, threads of one matrix product wait for each other: minutes instead of seconds.
THREADS = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
SCHEME_MARKER = re.compile(r"^=== (?:BEGIN|END) MARK SCHEME ===$", re.MULTILINE)


def solve(course: Course, assignment: str) -> Path:
    """Run a master from top to bottom and write ``solutions/ASSIGNMENT/``; return that folder.

    The page, ``ASSIGNMENT.html``, loads nothing from the network: pictures are part of it, and
    formulas are MathML.

    Raises:
        CourseError: a cell failed, took too long or ended its kernel; the message names it.
    """
    master = course.master(assignment)
    notebook = nbformat.read(master, as_version=4)
    folder = course.root / "solutions" / assignment
    folder.mkdir(parents=True, exist_ok=True)
    execute(notebook, folder, assignment)
    path = folder / f"{assignment}.ipynb"
    nbformat.write(notebook, path)
    page = html_page.html(_without_scheme_markers(notebook), assignment, master.parent)
    path.with_suffix(".html").write_text(page, encoding="utf-8")
    return folder


def _without_scheme_markers(notebook: NotebookNode) -> NotebookNode:
    """Return a copy for reading: markdown would put the markers into the middle of a paragraph."""
    copy = deepcopy(notebook)
    for cell in copy.cells:
        if cell.cell_type == "markdown":
            cell.source = SCHEME_MARKER.sub("", cell.source)
    return copy


def execute(
    notebook: NotebookNode,
    folder: Path,
    name: str,
    after: Callable[[int], None] | None = None,
    data: Path | None = None,
) -> None:
    """Execute a notebook in place, with a progress bar.

    Args:
        notebook: gets the outputs
        folder: the working directory of its cells
        name: what the progress bar and error messages call it
        after: called with each cell's index once that cell has run
        data: the only data that its cells find; by default they find it as anybody does

    Raises:
        CourseError: no kernel starts, or a cell failed, took too long or ended its kernel; the
            message names it.
    """
    client = NotebookClient(
        notebook,
        timeout=CELL_SECONDS,
        coalesce_streams=True,  # keep the last state of a progress bar, as a browser shows it
        resources={"metadata": {"path": str(folder)}},
        extra_arguments=["--log-level=40"],  # errors only: not that it talks over the loopback
    )
    variables = {**os.environ, **THREADS, **({"COURSE_DATA": str(data)} if data else {})}
    with _kernel(client, name, variables):
        for i, cell in enumerate(tqdm(notebook.cells, desc=name, unit="cell", disable=None)):
            try:
                client.execute_cell(cell, i)
            except CellExecutionError as error:
                raise CourseError(
                    f"cell {cell.id} of {name} failed: {error.ename}: {error.evalue}"
                ) from None
            except CellTimeoutError:
                raise CourseError(
                    f"cell {cell.id} of {name} takes more than {CELL_SECONDS} s here: make it "
                    "shorter, or try again when the machine has less to do"
                ) from None
            except DeadKernelError:
                raise CourseError(f"cell {cell.id} of {name} ended its kernel") from None
            if cell.cell_type == "code":  # a finished progress bar leaves an empty line behind
                cell.outputs = [o for o in cell.outputs if o.get("text", "shown").strip()]
            if after:
                after(i)


@contextmanager
def _kernel(client: NotebookClient, name: str, variables: Mapping[str, str]) -> Iterator[None]:
    with ExitStack() as stack:
        try:
            stack.enter_context(client.setup_kernel(env=variables))
        except Exception as error:  # of jupyter_client's; which ones, it does not say
            raise CourseError(
                f"no kernel starts for {name} ({error}): open its master in Jupyter, choose the "
                "kernel Python 3 and save it; if that does not help, install the requirements again"
            ) from None
        yield
