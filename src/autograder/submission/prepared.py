"""From the files of a submission to what is executed: the notebook, mended, and its files.

It is done in a process of its own (autograder.execution.pool), where time and memory are limited.

nbgrader's templates for feedback and for formgrader put markdown and raw cells into the page as
they are; a TA's browser would run what a student put there, with the TA's rights. So raw cells
become text here, metadata that templates write into a page is dropped, and pictures are checked.
Outputs are cleaned by ``autograder.execution.outputs``, markdown by ``course.feedback.markup``.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

import nbformat
from nbformat import NotebookNode

from autograder.status import Reasons
from autograder.submission import pictures, repair
from autograder.submission.matching import fenced
from autograder.submission.other_assignments import Landmarks

KEPT = ("kernelspec", "autograder")  # of a notebook's metadata


@dataclass(frozen=True)
class CellRecord:
    """What nbgrader's gradebook has of a cell of the master."""

    name: str
    cell_type: str
    source: str
    locked: bool
    checksum: str | None = None


@dataclass(frozen=True)
class Prepared:
    """What is executed of a submission: its notebook, mended, and the files beside it."""

    notebook: NotebookNode
    template: NotebookNode
    files: Mapping[str, bytes]
    reasons: tuple[str, ...]  # what was mended
    python: str = ""  # the version that the notebook was saved with
    dropped: tuple[str, ...] = ()  # pictures that are not shown


@dataclass(frozen=True)
class RawSubmission:
    """What a submission is prepared from.

    Attributes:
        assignment: the name of its notebook, without ending
        template: the student version, as JSON
        cells: what the gradebook has of the master's cells
        submitted: the submission's files
        given: files that go to every student, and take the place of the submission's
        others: by which names the course's other assignments are known
    """

    assignment: str
    template: str
    cells: tuple[CellRecord, ...]
    submitted: Mapping[str, bytes]
    given: Mapping[str, bytes]
    others: Mapping[str, Landmarks]

    def prepared(self) -> Prepared:
        """Return the submission in the assignment's shape, with the master's tests.

        Raises:
            Unreadable: there is no notebook in it.
        """
        template = nbformat.reads(self.template, as_version=4)
        expected = f"{self.assignment}.ipynb"
        repaired = repair.repair_submission(self.submitted, expected, template, self.others)
        notebook, reasons, dropped = repaired.notebook, repaired.reasons, Reasons()
        pictures.take(notebook, self.submitted, dropped)
        make_harmless(notebook, {cell.id for cell in template.cells})
        restore(notebook, self.cells)
        lines = dropped.lines()
        return Prepared(notebook, template, self.beside(), reasons, repaired.python, lines)

    def beside(self) -> dict[str, bytes]:
        """Return the files that lie beside the notebook when it is run."""
        files = {**self.submitted, **self.given}
        return {name: part for name, part in files.items() if not name.endswith(".ipynb")}


def restore(notebook: NotebookNode, cells: Iterable[CellRecord]) -> None:
    """Give every cell that nbgrader knows what the gradebook has of it, as OverwriteCells does."""
    records = {record.name: record for record in cells}
    for cell in notebook.cells:
        record = records.get(cell.metadata.get("nbgrader", {}).get("grade_id", ""))
        if record is None:
            continue
        cell.metadata.nbgrader["checksum"] = record.checksum
        if record.locked:
            cell.source = record.source


def make_harmless(notebook: NotebookNode, released: Collection[str]) -> None:
    """Take out of a notebook what templates would write into a page unchecked.

    Args:
        notebook: a submission, changed in place
        released: ids of the cells whose metadata is the course's own
    """
    notebook.metadata = NotebookNode(
        {name: part for name, part in notebook.metadata.items() if name in KEPT}
    )
    notebook.metadata["language_info"] = NotebookNode(name="python")
    for cell in notebook.cells:
        if cell.id not in released:
            cell.metadata = NotebookNode()
        if cell.cell_type == "raw":
            cell.cell_type, cell.source = "markdown", fenced(cell.source)
