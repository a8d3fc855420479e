"""Bring what a student handed in back into the shape of its template, where the intent is clear.

Each repair has a reason. A student's text is moved, or becomes a plain cell, but is not thrown
away; only text that the template holds anyway, and changes of locked cells, go. What cannot be
told apart is left as plain cells and reported, not guessed.

This module does not know how anything is graded, nor where the notebook came from.
"""

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass

from nbformat import NotebookNode

from autograder.submission import (
    claimed_cells,
    merged_cells,
    recognised_cells,
    recognised_share,
    restored_cells,
    stray_answers,
)
from autograder.submission.choose_notebook import choose_notebook
from autograder.submission.matching import Matching, TemplateCell
from autograder.submission.reader import CELLS, read
from autograder.submission.reasons import Reasons, Unreadable

__all__ = ["RepairedNotebook", "Unreadable", "repair", "repair_submission"]

OWN_CELLS = CELLS // 2


@dataclass(frozen=True)
class RepairedNotebook:
    """A submission in the template's shape, and what was done to it."""

    notebook: NotebookNode  # every cell of the template once, in the template's order
    reasons: tuple[str, ...]  # one line each; none if nothing had to be done
    python: str = ""  # the version that the notebook says it was saved with


def repair_submission(
    files: Mapping[str, bytes], expected: str, template: NotebookNode
) -> RepairedNotebook:
    """Choose, read and repair the notebook of a submission.

    >>> repair_submission({"gpt2 (1).ipynb": raw}, "gpt2.ipynb", template).reasons
    ('took gpt2 (1).ipynb for gpt2.ipynb',)

    Args:
        files: of the submission
        expected: the name that its notebook should have
        template: the student version of the notebook

    Raises:
        Unreadable: there is none that can be graded.
    """
    reasons = Reasons()
    choice = choose_notebook(files, expected)
    if choice.name != expected:
        reasons.add(choice.reason)
    assignment = expected.removesuffix(".ipynb")
    return repair(read(files[choice.name], reasons), template, reasons, assignment)


def repair(
    notebook: NotebookNode,
    template: NotebookNode,
    reasons: Reasons | None = None,
    assignment: str = "the assignment",
) -> RepairedNotebook:
    """Bring a notebook into the shape of ``template``, the student version of the notebook.

    Raises:
        Unreadable: it has too many cells, or too few of the template's.
    """
    reasons = reasons or Reasons()
    matching = Matching.of(notebook, template, reasons)
    certain = _match(matching)
    _check_size(matching)
    recognised_share.check(matching, certain, notebook, assignment)
    arranged = restored_cells.arrange(matching)
    merged_cells.join_split(arranged, matching)
    arranged = stray_answers.take(arranged, reasons)
    cells = restored_cells.restored_nodes(arranged, reasons)
    metadata = NotebookNode({**deepcopy(notebook.metadata), **_kernel(template)})
    repaired = NotebookNode(nbformat=4, nbformat_minor=5, metadata=metadata, cells=cells)
    python = str(notebook.metadata.get("language_info", {}).get("version", ""))
    return RepairedNotebook(repaired, reasons.lines(), python)


def _match(matching: Matching) -> set[TemplateCell]:
    """Find out which cell is which; return those that are known by more than their place."""
    claimed_cells.match_claims(matching)
    lost_metadata = claimed_cells.lost_metadata(matching)
    claimed_cells.settle_copies(matching)
    recognised_cells.recognise_by_text(matching)
    merged_cells.separate_merged(matching)
    doubtful = recognised_cells.recognise_by_names(matching)
    merged_cells.place_merged_solutions(matching)
    certain = {cell.match for cell in matching.submitted if cell.match}
    recognised_cells.recognise_by_place(matching, lost_metadata, doubtful)
    return certain


def _check_size(matching: Matching) -> None:
    own = sum(not cell.match for cell in matching.submitted)
    if own > OWN_CELLS:
        raise Unreadable(
            f"the notebook has {own} cells beside the assignment's, and {OWN_CELLS} is the limit"
        )


def _kernel(template: NotebookNode) -> NotebookNode:
    """Return what says how a notebook is run: the template's, whatever program saved it last."""
    names = ("kernelspec", "language_info")
    return NotebookNode(
        {n: deepcopy(template.metadata[n]) for n in names if n in template.metadata}
    )
