"""Recognise the template's cells in a submission, and decide whether they are enough for a mark.

A cell is known by what it says of itself, or else by its text, by the names that it defines, or by
where it stands.

Enough is a third of the cells for the student's code. Two assignments of a course may share a few
functions by name (softmax, a causal mask): two of ten here. Students who hand in a part of their
work leave the other cells as they were handed out, so nearly all cells of theirs are recognised.
Below the line it is likelier that this is another notebook, or one that was typed anew, than that
somebody deleted the rest on purpose; a zero would be a mark that nobody gave.
"""

from collections.abc import Mapping
from copy import deepcopy
from types import MappingProxyType

from nbformat import NotebookNode

from autograder.status import Unreadable, one_line
from autograder.submission import other_assignments
from autograder.submission.matching import (
    CellKind,
    Matching,
    SubmittedCell,
    TemplateCell,
    bare,
    defined_names,
    is_same,
    parsed_names,
)
from autograder.submission.other_assignments import Landmarks
from autograder.submission.reader import original_id

ONE_IN = 3


# By what they say of themselves


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


# Without ids: by text, names and place


def recognise_by_text(matching: Matching) -> None:
    """Recognise cells that still say what the template says."""
    by_text: dict[str, list[SubmittedCell]] = {}
    for cell in matching.submitted:
        if not cell.match:
            by_text.setdefault(bare(cell.source), []).append(cell)
    texts = [bare(target.source) for target in matching.template]
    for target in matching.unmatched():
        text = texts[target.place]
        if by_text.get(text) and texts.count(text) == 1:  # "your answer here" tells nothing
            matching.recognise(by_text[text].pop(0), target, "text")


def recognise_by_names(matching: Matching) -> set[TemplateCell]:
    """Recognise code by the functions or variables that it defines.

    Returns:
        the template's cells for which there are several, none better than the others.
    """
    doubtful = set()
    for target in matching.unmatched(CellKind.SOLUTION, CellKind.FREE):
        candidates = _defining(matching, target)
        whole = [c for c in candidates if target.unique_names <= defined_names(c.source)]
        if single := _single(whole, target, matching.gap(target)):
            matching.recognise(single, target, "names")
        elif whole:
            doubtful.add(target)
            matching.report_doubt(target)
        elif candidates and _are_halves(matching, candidates, target):
            matching.recognise(candidates[0], target, "names")  # the others are joined to it later
    return doubtful


def recognise_by_place(
    matching: Matching, lost_metadata: bool, doubtful: set[TemplateCell]
) -> None:
    """Recognise cells that stand alone where the template has them, between known neighbours.

    In a notebook that kept its metadata, that holds for answers only: a student's own cell of
    code in the place of a deleted solution need not be one.
    """
    kinds = (
        (CellKind.ANSWER, CellKind.SOLUTION, CellKind.FREE) if lost_metadata else (CellKind.ANSWER,)
    )
    for target in matching.unmatched(*kinds):
        if target in doubtful or target not in matching.unmatched():
            continue
        rivals = _rivals(matching, target, kinds)
        pool = _pool(matching.gap(target), target.node.cell_type)
        if len(pool) == len(rivals):
            for cell, rival in zip(pool, rivals, strict=True):
                matching.recognise(cell, rival, "place")
        elif pool and target.kind is not CellKind.FREE:
            matching.report_doubt(target)


def _defining(matching: Matching, target: TemplateCell) -> list[SubmittedCell]:
    """Return the cells without ids that define names of a cell; text only if no code does."""
    free = [cell for cell in matching.submitted if not cell.match and cell.source.strip()]
    code = [cell for cell in free if cell.node.cell_type == "code"]
    text = [cell for cell in free if cell.node.cell_type != "code"]
    wanted = target.unique_names
    return [cell for cell in code if wanted & defined_names(cell.source)] or [
        cell for cell in text if wanted & (parsed_names(cell.source) or frozenset())
    ]


def _single(
    whole: list[SubmittedCell], target: TemplateCell, gap: list[SubmittedCell]
) -> SubmittedCell | None:
    """Return the only candidate, the only one that was changed, or the only one in its place."""
    texts = {bare(cell.source): cell for cell in whole if not cell.is_unchanged(target)}
    changed = list(texts.values())  # of equal ones the last
    in_place = [cell for cell in changed if cell in gap]
    return next((some[0] for some in (whole, changed, in_place) if len(some) == 1), None)


def _are_halves(matching: Matching, candidates: list[SubmittedCell], target: TemplateCell) -> bool:
    """Return whether cells stand together and define together what one should."""
    places = [i for i, cell in enumerate(matching.submitted) if cell in candidates]
    names = frozenset[str]().union(*(defined_names(cell.source) for cell in candidates))
    return target.unique_names <= names and places[-1] - places[0] == len(places) - 1


def _rivals(
    matching: Matching, target: TemplateCell, kinds: tuple[CellKind, ...]
) -> list[TemplateCell]:
    """Return the unmatched cells that would stand in the same gap, this one among them."""
    bounds = matching.neighbours(target)
    return [
        other
        for other in matching.unmatched(*kinds)
        if other.node.cell_type == target.node.cell_type and matching.neighbours(other) == bounds
    ]


def _pool(gap: list[SubmittedCell], cell_type: str) -> list[SubmittedCell]:
    """Return the likeliest cells of a gap: written ones, else retyped text, else empty ones."""
    right = [cell for cell in gap if cell.node.cell_type == cell_type]
    written = [cell for cell in right if cell.source.strip()]
    retyped = [c for c in gap if cell_type == "markdown" and parsed_names(c.source) is None]
    return written or retyped or right


# Enough for a mark


def check_share(
    matching: Matching,
    certain: set[TemplateCell],
    notebook: NotebookNode,
    assignment: str,
    others: Mapping[str, Landmarks] = MappingProxyType({}),
) -> None:
    """Refuse a notebook in which too little of the template was recognised.

    Args:
        matching: when all that can be recognised is
        certain: the cells that were recognised by more than their place
        notebook: as it was handed in
        assignment: its name, for the reason
        others: the course's other assignments

    Raises:
        Unreadable: it is another notebook, or a person has to look.
    """
    solutions = [target for target in matching.template if target.kind is CellKind.SOLUTION]
    asked = solutions or matching.template
    known = len(_trusted(matching, certain).intersection(asked))
    is_enough = known * ONE_IN >= len(asked)
    may_be_another = not is_enough or other_assignments.defines_none(asked, notebook)
    if may_be_another and (other := other_assignments.other_than(asked, notebook, others)):
        raise Unreadable(f"this is {other}")
    if not is_enough:
        share = (
            f"only {known} of the {len(asked)} cells to fill in were recognised as {assignment}'s"
        )
        is_other = not known or _names_others(notebook, {t.name for t in matching.template})
        problem = f"none of its cells belongs to {assignment}" if is_other else share
        title = _title(notebook)
        raise Unreadable(f'{problem}; the notebook is called "{title}"' if title else problem)


def _trusted(matching: Matching, certain: set[TemplateCell]) -> set[TemplateCell]:
    """Return the cells whose recognition counts.

    Places tell something only where enough of the cells around them is known.
    """
    locked = [target for target in matching.template if target.is_locked]
    if locked and len(certain.intersection(locked)) * ONE_IN >= len(locked):
        return {cell.match for cell in matching.submitted if cell.match}
    return certain


def _names_others(notebook: NotebookNode, names: set[str]) -> bool:
    """Return whether the cells have grade ids, all of them another assignment's."""
    flags = [node.metadata.get("nbgrader") for node in notebook.cells]
    ids = {str(flag["grade_id"]) for flag in flags if isinstance(flag, dict) and "grade_id" in flag}
    return bool(ids) and not ids & names


def _title(notebook: NotebookNode) -> str:
    """Return the first heading."""
    texts = (node.source for node in notebook.cells if node.cell_type == "markdown")
    lines = (line.strip() for text in texts for line in text.split("\n"))
    return next((one_line(line.lstrip("#")) for line in lines if line.startswith("#")), "")
