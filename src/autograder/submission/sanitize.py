"""Take out of a submission what a page that shows it would run.

nbgrader's templates for feedback and for formgrader put markdown and raw cells into the page as
they are; a TA's browser would run what a student put there, with the TA's rights. While a
submission is graded, raw cells become text, and metadata that templates write into a page is
dropped. Pictures are taken by ``autograder.submission.pictures``, outputs are cleaned by
``autograder.execution.outputs``; markdown is rendered and cleaned by ``course.feedback.markup``,
with the tags below.
"""

import re
from collections.abc import Collection

from nbformat import NotebookNode

# What sets text and runs nothing. No img: a picture from elsewhere tells who reads.
TAG_NAMES = (
    "p br hr h1 h2 h3 h4 h5 h6 ul ol li dl dt dd a em strong i b u s del sub sup code pre kbd "
    "blockquote table thead tbody tr th td abbr span div q small mark"
)
TAGS = TAG_NAMES.split()
KEPT = ("kernelspec", "autograder")  # of a notebook's metadata


def harmless(notebook: NotebookNode, released: Collection[str]) -> None:
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
            cell.cell_type, cell.source = "markdown", _fenced(cell.source)


def _fenced(text: str) -> str:
    """Return markdown that shows a text as it is."""
    fence = "`" * (3 + max((len(run) for run in re.findall("`+", text)), default=0))
    return f"{fence}\n{text}\n{fence}"
