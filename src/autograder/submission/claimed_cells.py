"""Match cells by what they say of themselves, and settle which of several copies counts."""

from copy import deepcopy

from nbformat import NotebookNode

from autograder.submission.cell_text import is_same
from autograder.submission.matching import Matching, SubmittedCell, TemplateCell
from autograder.submission.reader import original_id


def match_claims(matching: Matching) -> None:
    """Match each cell with the one whose grade id it has, or whose id if that is nobody's."""
    known = {target.name: target for target in matching.template}
    for cell in matching.submitted:
        target = _claimed(cell, known)
        cell.match = None if target and _is_disguised(cell, target) else target


def lost_metadata(matching: Matching) -> bool:
    """Return whether an editor took the cells' metadata and most of their ids."""
    known = [cell for cell in matching.submitted if cell.match]
    has_flags = any("nbgrader" in cell.node.metadata for cell in known)
    return len(known) * 2 < len(matching.submitted) and not has_flags


def settle_copies(matching: Matching) -> None:
    """Leave each template cell matched with one cell; copies go or become plain cells."""
    for target in matching.template:
        copies = [cell for cell in matching.submitted if cell.match is target]
        if len(copies) > 1:
            chosen = _chosen(copies, target)
            for copy in copies:
                if copy is not chosen:
                    _set_aside(copy, chosen, matching)
    matching.submitted = _without_needless(matching.submitted)


def without_flags(node: NotebookNode) -> NotebookNode:
    """Return a cell's metadata without nbgrader's."""
    return NotebookNode({k: deepcopy(v) for k, v in node.metadata.items() if k != "nbgrader"})


def _claimed(cell: SubmittedCell, known: dict[str, TemplateCell]) -> TemplateCell | None:
    """Return the template cell that a cell claims to be.

    Where grade id and id name different cells, as after tampering, the text decides.
    """
    flags = cell.node.metadata.get("nbgrader")
    grade_id = flags.get("grade_id") if isinstance(flags, dict) else None
    by_grade = known.get(grade_id) if isinstance(grade_id, str) else None
    by_id = known.get(cell.node.id) or known.get(original_id(cell.node.id))
    if not by_grade or not by_id or by_grade is by_id or cell.fits(by_grade):
        return by_grade or by_id
    return by_id if cell.fits(by_id) or by_grade.is_locked else by_grade


def _is_disguised(cell: SubmittedCell, target: TemplateCell) -> bool:
    """Return whether a cell claims to be a locked one that it was not made of.

    Its text would be lost, since a locked cell gets the template's.
    """
    is_other_type = cell.node.cell_type != target.node.cell_type
    return target.is_locked and is_other_type and not cell.is_unchanged(target)


def _chosen(copies: list[SubmittedCell], target: TemplateCell) -> SubmittedCell:
    """Return which of several copies counts: of a student's, the last one that was changed."""
    if target.is_locked:
        return next((copy for copy in copies if copy.is_unchanged(target)), copies[0])
    changed = [copy for copy in copies if not copy.is_unchanged(target)]
    fitting = [copy for copy in changed if copy.fits(target)]  # not the second half of a split cell
    return [copies[0], *changed, *fitting][-1]


def _set_aside(copy: SubmittedCell, chosen: SubmittedCell, matching: Matching) -> None:
    """Mark a copy as needless if its text is there anyway; otherwise make it a plain cell."""
    target, copy.match = copy.match, None
    if target is None:
        return
    if is_same(copy.source, chosen.source) or copy.is_unchanged(target):
        copy.follows = target
        matching.reasons.add("removed identical copies", target.name)
    else:
        matching.reasons.add("kept changed copies as plain cells", target.name)
        copy.node["metadata"] = without_flags(copy.node)
        copy.node["id"] = f"{target.name[:50]}-kept"  # not the template's; made unique later


def _without_needless(submitted: list[SubmittedCell]) -> list[SubmittedCell]:
    """Drop needless copies, but let cells that followed one follow what it was a copy of."""
    kept: list[SubmittedCell] = []
    follows: TemplateCell | None = None
    for cell in submitted:
        if cell.follows:
            follows = cell.follows
            continue
        if cell.match:
            follows = None
        cell.follows = follows
        kept.append(cell)
    return kept
