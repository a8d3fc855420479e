"""Put matched cells in the template's order, and restore all of them but the student's text."""

from bisect import bisect_left
from copy import deepcopy

from nbformat import NotebookNode

from autograder.submission.claimed_cells import without_flags
from autograder.submission.matching import CellKind, Matching, SubmittedCell, TemplateCell
from autograder.submission.reader import unused
from autograder.submission.reasons import Reasons

FLAGS = ("grade", "solution", "locked", "task", "points", "grade_id", "schema_version")


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
    own["metadata"] = without_flags(node)
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
    if restored.cell_type != "code" and "attachments" in node:  # pictures of an answer
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
