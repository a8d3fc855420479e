"""Recognise cells that have lost their ids: by their text, by names, or by where they stand."""

from autograder.submission.cell_text import bare, defined_names, parsed_names
from autograder.submission.matching import CellKind, Matching, SubmittedCell, TemplateCell


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
