"""Execute the masters for staff: ``solutions/ASSIGNMENT/`` as a notebook and as a page.

This module does not know how a release is made.
"""

import os
from collections.abc import Callable
from pathlib import Path

import nbformat
from nbclient.client import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbconvert import HTMLExporter
from nbformat import NotebookNode
from tqdm import tqdm

from course.directory import Course, CourseError

CELL_SECONDS = 180
# Beside other work, threads of a matrix product that wait for each other take minutes for seconds.
THREADS = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}


def solve(course: Course, assignment: str) -> Path:
    """Execute a master from top to bottom and write it with its outputs; return the folder."""
    notebook = nbformat.read(course.master(assignment), as_version=4)
    folder = course.root / "solutions" / assignment
    folder.mkdir(parents=True, exist_ok=True)
    execute(notebook, folder, assignment)
    path = folder / f"{assignment}.ipynb"
    nbformat.write(notebook, path)
    page, _ = HTMLExporter().from_notebook_node(notebook)
    path.with_suffix(".html").write_text(page, encoding="utf-8")
    return folder


def execute(
    notebook: NotebookNode, folder: Path, name: str, after: Callable[[int], None] | None = None
) -> None:
    """Execute ``notebook`` in place, in ``folder``, with a bar over its cells.

    Raises:
        CourseError: a cell failed, took too long or ended its kernel; the message names it.
    """
    client = NotebookClient(
        notebook,
        timeout=CELL_SECONDS,
        coalesce_streams=True,  # of a progress bar keep the last state, as a browser shows it
        resources={"metadata": {"path": str(folder)}},
        extra_arguments=["--log-level=40"],  # errors, but not that it talks over the loopback
    )
    with client.setup_kernel(env={**os.environ, **THREADS}):
        for i, cell in enumerate(tqdm(notebook.cells, desc=name, unit="cell")):
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
            if cell.cell_type == "code":  # a bar that has gone leaves an empty line behind
                cell.outputs = [o for o in cell.outputs if o.get("text", "shown").strip()]
            if after:
                after(i)
