"""Bring what a student handed in back into the shape of its template, where the intent is clear.

Each repair has a reason. A student's text is moved, or becomes a plain cell, but is not thrown
away; only text that the template holds anyway, and changes of locked cells, go. What cannot be
told apart is left as plain cells and reported, not guessed.

This module does not know how anything is graded, nor where the notebook came from.
"""

from bisect import bisect_left
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from types import MappingProxyType

from nbformat import NotebookNode

from autograder.status import Reasons, Unreadable
from autograder.submission import misplaced_text, recognition
from autograder.submission.matching import CellKind, Matching, SubmittedCell, TemplateCell
from autograder.submission.notebook_file import choose_notebook
from autograder.submission.other_assignments import Landmarks
from autograder.submission.reader import CELLS, read, unused

__all__ = ["RepairedNotebook", "Unreadable", "repair", "repair_submission"]

OWN_CELLS = CELLS // 2
FLAGS = ("grade", "solution", "locked", "task", "points", "grade_id", "schema_version")


@dataclass(frozen=True)
class RepairedNotebook:
    """A submission in the template's shape, and what was done to it."""

    notebook: NotebookNode  # every cell of the template once, in the template's order
    reasons: tuple[str, ...]  # one line each; none if nothing had to be done
    python: str = ""  # the version that the notebook says it was saved with


def repair_submission(
    files: Mapping[str, bytes],
    expected: str,
    template: NotebookNode,
    others: Mapping[str, Landmarks] = MappingProxyType({}),
) -> RepairedNotebook:
    """Choose, read and repair the notebook of a submission.

    >>> repair_submission({"gpt2 (1).ipynb": raw}, "gpt2.ipynb", template).reasons
    ('took gpt2 (1).ipynb for gpt2.ipynb',)

    Args:
        files: of the submission
        expected: the name that its notebook should have
        template: the student version of the notebook
        others: the course's other assignments

    Raises:
        Unreadable: there is none that can be graded.
    """
    reasons = Reasons()
    choice = choose_notebook(files, expected)
    if choice.name != expected:
        reasons.add(choice.reason)
    assignment = expected.removesuffix(".ipynb")
    return repair(read(files[choice.name], reasons), template, reasons, assignment, others)


def repair(
    notebook: NotebookNode,
    template: NotebookNode,
    reasons: Reasons | None = None,
    assignment: str = "the assignment",
    others: Mapping[str, Landmarks] = MappingProxyType({}),
) -> RepairedNotebook:
    """Bring a notebook into the shape of ``template``, the student version of the notebook.

    Raises:
        Unreadable: it has too many cells, or too few of the template's.
    """
    reasons = reasons or Reasons()
    matching = Matching.of(notebook, template, reasons)
    certain = _match(matching)
    _check_size(matching)
    recognition.check_share(matching, certain, notebook, assignment, others)
    arranged = arrange(matching)
    misplaced_text.join_split(arranged, matching)
    arranged = misplaced_text.take_stray_answers(arranged, reasons)
    cells = restored_nodes(arranged, reasons)
    metadata = NotebookNode({**deepcopy(notebook.metadata), **_kernel(template)})
    repaired = NotebookNode(nbformat=4, nbformat_minor=5, metadata=metadata, cells=cells)
    python = str(notebook.metadata.get("language_info", {}).get("version", ""))
    return RepairedNotebook(repaired, reasons.lines(), python)


def _match(matching: Matching) -> set[TemplateCell]:
    """Find out which cell is which; return those that are known by more than their place."""
    recognition.match_claims(matching)
    lost_metadata = recognition.lost_metadata(matching)
    recognition.settle_copies(matching)
    recognition.recognise_by_text(matching)
    misplaced_text.separate_merged(matching)
    doubtful = recognition.recognise_by_names(matching)
    misplaced_text.place_merged_solutions(matching)
    certain = {cell.match for cell in matching.submitted if cell.match}
    recognition.recognise_by_place(matching, lost_metadata, doubtful)
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


# The order


def arrange(matching: Matching) -> list[SubmittedCell]:
    """Return the cells in the template's order, deleted ones restored.

    A student's own cells stay behind the cell that they followed. A restored one comes before
    them, so that it undoes nothing; but a restored test after them, as they may be what it tests.
    """
    _report_moved(matching)
    present = {cell.match: cell for cell in matching.submitted if cell.match}
    followers = _followers(matching.submitted)
    arranged: list[SubmittedCell] = []
    waiting = followers.get(None, [])
    for target in matching.template:
        if target in present or target.kind is CellKind.TEST:
            arranged += waiting
            waiting = []
        arranged.append(present.get(target) or _restored(target, matching.reasons))
        waiting = waiting + followers.get(target, [])
    return arranged + waiting


def _restored(target: TemplateCell, reasons: Reasons) -> SubmittedCell:
    asked_for = "deleted solutions and answers, as handed out"
    reasons.add(f"restored {asked_for if target.is_asked_for else 'deleted cells'}", target.name)
    return SubmittedCell(deepcopy(target.node), target)


def _followers(submitted: list[SubmittedCell]) -> dict[TemplateCell | None, list[SubmittedCell]]:
    """Return the student's own cells, by the template's cell that they follow."""
    followers: dict[TemplateCell | None, list[SubmittedCell]] = {}
    last: TemplateCell | None = None
    for cell in submitted:
        if cell.match:
            last = cell.match
        else:
            followers.setdefault(cell.follows or last, []).append(cell)
    return followers


def _report_moved(matching: Matching) -> None:
    """Name the fewest cells that have to be moved."""
    matched = [cell.match for cell in matching.submitted if cell.match]
    staying = _longest_rise([target.place for target in matched])
    for target in sorted(matched, key=lambda target: target.place):
        if target.place not in staying:
            matching.reasons.add("moved cells back to their places", target.name)


def _longest_rise(numbers: list[int]) -> set[int]:
    """Return a longest selection of different numbers that rises.

    >>> sorted(_longest_rise([3, 0, 1, 2]))
    [0, 1, 2]
    """
    ends: list[int] = []  # the smallest number that ends a rise of each length
    lengths = []
    for number in numbers:
        at = bisect_left(ends, number)
        ends[at : at + 1] = [number]
        lengths.append(at + 1)
    kept: set[int] = set()
    wanted, limit = len(ends), max(numbers, default=0) + 1
    for number, length in zip(reversed(numbers), reversed(lengths), strict=True):
        if length == wanted and number < limit:
            kept.add(number)
            wanted, limit = wanted - 1, number
    return kept


# Each cell


def restored_nodes(arranged: list[SubmittedCell], reasons: Reasons) -> list[NotebookNode]:
    """Return every cell as the template has it, but for the student's text and own cells."""
    taken = {cell.match.name for cell in arranged if cell.match}
    return [
        _as_template(cell.node, cell.match, reasons)
        if cell.match
        else _own(cell.node, taken, reasons)
        for cell in arranged
    ]


def _own(node: NotebookNode, taken: set[str], reasons: Reasons) -> NotebookNode:
    """Return a student's own cell, without grading metadata, with an id that no other has."""
    if "nbgrader" in node.metadata:
        reasons.add("removed grading metadata from cells that are the student's own", node.id)
    own = deepcopy(node)
    own["metadata"] = recognition.without_flags(node)
    own["id"] = unused(node.id[:58], taken)
    return own


def _as_template(node: NotebookNode, target: TemplateCell, reasons: Reasons) -> NotebookNode:
    """Return a cell with all but the student's text as the template has it."""
    _report_metadata(node, target, reasons)
    restored = deepcopy(target.node)
    if node.cell_type != restored.cell_type:
        reasons.add(f"changed cells of another type back to {restored.cell_type}", target.name)
    elif restored.cell_type == "code":
        restored["outputs"] = deepcopy(node.get("outputs", []))
        restored["execution_count"] = node.get("execution_count")
    if not target.is_locked:
        restored["source"] = node.source
    elif "".join(node.source.split()) != "".join(restored.source.split()):
        reasons.add("restored locked cells that had been changed", target.name)
    if not (restored.cell_type == "code" or target.is_locked) and "attachments" in node:
        restored["attachments"] = deepcopy(node.attachments)
    return restored


def _report_metadata(node: NotebookNode, target: TemplateCell, reasons: Reasons) -> None:
    own, flags = node.metadata.get("nbgrader"), target.node.metadata.get("nbgrader")
    if flags and not own:
        reasons.add("restored grading metadata that was lost", target.name)
        return
    if flags and not _agree(own, flags):
        reasons.add("restored grading metadata that had been changed", target.name)
    elif own and not flags:
        reasons.add("removed grading metadata from cells that are not graded", target.name)
    if sorted(node.metadata.get("tags", [])) != sorted(target.node.metadata.get("tags", [])):
        reasons.add("restored tags that had been changed", target.name)


def _agree(own: object, flags: NotebookNode) -> bool:
    return isinstance(own, dict) and all(own.get(name) == flags.get(name) for name in FLAGS)
