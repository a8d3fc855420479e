"""Put text where the template has it: of merged cells, of split ones, beside untouched answers."""

from collections import Counter
from collections.abc import Iterable
from copy import deepcopy
from dataclasses import dataclass

from nbformat import NotebookNode

from autograder.status import Reasons
from autograder.submission import writing
from autograder.submission.matching import (
    CellKind,
    Matching,
    SubmittedCell,
    TemplateCell,
    bare,
    defined_names,
    parsed_names,
)

TELLING = 20  # characters of a template cell that do not come together by chance
PARTS = 8  # cells that a split one is put together from
TAKEN = "took what was written beside untouched answers for the answers"


@dataclass(frozen=True)
class Occurrence:
    """Where the whole text of a template cell stands in a submitted one."""

    start: int
    end: int
    target: TemplateCell


# Merged with the template's cells


def separate_merged(matching: Matching) -> None:
    """Separate cells that were merged with the template's, which are known by their text.

    What stood before, between and behind them is left as cells that other steps recognise.
    """
    unmatched = matching.unmatched()
    places = {target.place for target in unmatched}
    telling = [t for t in unmatched if not t.is_asked_for and len(bare(t.source)) >= TELLING]
    separated: list[SubmittedCell] = []
    for cell in matching.submitted:
        occurrences = _occurrences(cell, _searched(cell, telling, places))
        separated += _pieces(cell, occurrences) if occurrences else [cell]
        targets = [occurrence.target for occurrence in occurrences]
        for target in targets:
            matching.reasons.add(_separated(cell, target), target.name)
        telling = [target for target in telling if target not in targets]
    matching.submitted = separated


def _searched(
    cell: SubmittedCell, telling: list[TemplateCell], places: set[int]
) -> list[TemplateCell]:
    """Return which of the template's texts may stand in a cell, beside or around its own."""
    own = cell.match
    if own is None:
        return telling
    if cell.is_unchanged(own):
        return []
    others = [target for target in telling if target is not own]
    is_beside = bool(places & {own.place - 1, own.place + 1})
    return [*others, own] if own.is_locked or (is_beside and not own.is_asked_for) else others


def _separated(cell: SubmittedCell, target: TemplateCell) -> str:
    if target is cell.match and target.is_locked:
        return "restored locked cells, and kept what had been added to them beside them"
    return "separated cells that had been merged"


def _occurrences(cell: SubmittedCell, targets: list[TemplateCell]) -> list[Occurrence]:
    """Return where whole texts of the template's cells stand in a cell, in order."""
    text, end = _lines(cell.source), 0
    starts = sorted((text.find(_lines(t.source)), t.place, t) for t in targets)
    occurrences: list[Occurrence] = []
    for start, _, target in starts:
        if start >= end:
            end = start + len(_lines(target.source)) - 1  # its last line break begins the next text
            occurrences.append(Occurrence(start, end, target))
    return occurrences


def _lines(source: str) -> str:
    return f"\n{bare(source)}\n"


def _pieces(cell: SubmittedCell, occurrences: list[Occurrence]) -> list[SubmittedCell]:
    """Return a cell cut at the template's texts that occur in it."""
    text, end = _lines(cell.source), 0
    pieces: list[SubmittedCell] = []
    for occurrence in occurrences:
        target = SubmittedCell(deepcopy(occurrence.target.node), occurrence.target)
        pieces += [_piece(cell, text[end : occurrence.start]), target]
        end = occurrence.end
    pieces = [p for p in [*pieces, _piece(cell, text[end:])] if p.source.strip()]
    own = cell.match
    if own and not own.is_locked and all(piece.match is not own for piece in pieces):
        _leave_to_one(pieces, own)
    return pieces


def _piece(cell: SubmittedCell, source: str) -> SubmittedCell:
    node = deepcopy(cell.node)
    node["id"], node["metadata"], node["source"] = "piece", NotebookNode(), source.strip("\n")
    return SubmittedCell(node, follows=cell.follows)


def _leave_to_one(pieces: list[SubmittedCell], own: TemplateCell) -> None:
    """Leave the cell to the first piece behind all that precedes it in the template."""
    before = [i for i, p in enumerate(pieces) if p.match and p.match.place < own.place]
    behind = pieces[max(before, default=-1) + 1 :]
    free = [p for p in behind if not p.match] or [p for p in pieces if not p.match]
    if free:
        follows = free[0].follows
        free[0].become(own)
        free[0].follows = follows


# Merged with each other


def place_merged_solutions(matching: Matching) -> None:
    """Find solutions whose code stands in another cell of the template.

    Their own cell must not come back as handed out: it would undo the student's function.
    """
    for target in matching.unmatched(CellKind.SOLUTION):
        holders = [c for c in matching.submitted if target.unique_names and _holds(c, target)]
        if len(holders) != 1:
            continue
        (holder,) = holders
        if holder.match is None or holder.match.is_locked:
            _move_out(matching, holder, target)
        else:
            _leave_in_first(matching, holder, holder.match, target)


def _holds(cell: SubmittedCell, target: TemplateCell) -> bool:
    """Return whether another of the template's cells has been given a solution's code."""
    own = cell.match
    if not own or own.node.cell_type != "code" or cell.is_unchanged(own):
        return False
    return target.unique_names <= defined_names(cell.source)


def _move_out(matching: Matching, holder: SubmittedCell, target: TemplateCell) -> None:
    """Move a solution's code from a locked cell to the cell that it belongs in."""
    added = SubmittedCell(deepcopy(target.node), target)
    added.node["source"] = holder.source
    if holder.match:
        holder.node["source"] = holder.match.source
    matching.submitted.insert(matching.submitted.index(holder), added)
    matching.reasons.add("moved code out of locked cells", target.name)


def _leave_in_first(
    matching: Matching, holder: SubmittedCell, own: TemplateCell, target: TemplateCell
) -> None:
    """Leave the code of two solutions in the first of their cells, and say so in the second."""
    added = SubmittedCell(deepcopy(target.node), target)
    is_behind = own.place < target.place
    first, second = (holder, added) if is_behind else (added, holder)
    name = own.name if is_behind else target.name
    matching.submitted.insert(matching.submitted.index(holder) + is_behind, added)
    first.node["source"] = holder.source
    second.node["source"] = f"# The code of this cell stands in the cell {name}."
    matching.reasons.add(
        f"left the code of two cells in the first, {name}, and the second empty",
        target.name if is_behind else own.name,
    )


# Split


def join_split(arranged: list[SubmittedCell], matching: Matching) -> None:
    """Join the parts of split solutions, which alone define nothing or do not parse."""
    for cell in [c for c in arranged if c.match and c.match.kind is CellKind.SOLUTION]:
        while cell.match and (window := _window(arranged, cell, cell.match)):
            cell.node["source"] = _joined(arranged[window])
            arranged[window] = [cell]
            matching.reasons.add("joined cells that had been split", cell.match.name)


def _window(
    arranged: list[SubmittedCell], cell: SubmittedCell, target: TemplateCell
) -> slice | None:
    """Return which cells, as few as possible, make a solution whole that is not."""
    at = arranged.index(cell)
    first = at - _loose(arranged[max(0, at - PARTS) : at][::-1])
    last = at + 1 + _loose(arranged[at + 1 : at + 1 + PARTS])
    if _is_whole([cell], target):
        rest = arranged[at + 1 : last][:1]  # the end of a function, left alone by a split
        is_rest = bool(rest) and parsed_names(rest[0].source) is None
        first, last = at, at + 1 + is_rest
    for more in range(1, last - first):
        for start in range(at, at - more - 1, -1):  # rather what follows than what precedes
            end = start + more + 1
            if first <= start and end <= last and _is_whole(arranged[start:end], target):
                return slice(start, end)
    return None


def _loose(some: list[SubmittedCell]) -> int:
    """Return how many of the first cells are code that is none of the template's."""
    ends = (i for i, c in enumerate(some) if c.match or c.node.cell_type != "code")
    return next(ends, len(some))


def _is_whole(some: list[SubmittedCell], target: TemplateCell) -> bool:
    names = parsed_names(_joined(some))
    return names is not None and target.names <= names


def _joined(some: list[SubmittedCell]) -> str:
    return "\n".join(cell.source for cell in some)


# Answers beside their cell
#
# An untouched answer has no points, and nobody looks at it. So where the student has written
# something near it, that becomes the cell's text, and a person marks it: a needless look costs
# less than an answer that nobody has read.


def take_stray_answers(arranged: list[SubmittedCell], reasons: Reasons) -> list[SubmittedCell]:
    """Return the cells, with stray writing moved into the answers that it may belong to.

    Text that may belong to one answer is moved. Code, and text that may belong to several answers,
    stays where it is and is copied.

    Args:
        arranged: every cell, in the template's order
        reasons: to which it is added which answers were found so
    """
    untouched = [i for i, cell in enumerate(arranged) if _is_untouched(cell)]
    places = {i: _writings(arranged, i) for i in untouched}
    uses = Counter(place for writings in places.values() for place in writings)
    moved: set[int] = set()
    for i, writings in places.items():
        target = arranged[i].match
        if target and writings:
            arranged[i].node["source"] = "\n\n".join(writings.values())
            _take_pictures(arranged[i], [arranged[place] for place in writings])
            reasons.add(TAKEN, target.name)
        moved |= {p for p in writings if uses[p] == 1 and _is_own_text(arranged[p])}
    return [cell for place, cell in enumerate(arranged) if place not in moved]


def _is_untouched(cell: SubmittedCell) -> bool:
    target = cell.match
    if target is None or target.kind is not CellKind.ANSWER:
        return False
    return not cell.source.strip() or cell.is_unchanged(target)


def _writings(arranged: list[SubmittedCell], at: int) -> dict[int, str]:
    """Return what is written near an answer, or else at the notebook's end, by place."""
    graded = [i for i, cell in enumerate(arranged) if cell.match and _is_graded(cell.match)]
    above = max((i for i in graded if i < at), default=None)
    if above is None:  # not the student's name on top of the notebook
        above = max((i for i in range(at) if arranged[i].match), default=-1)
    below = min((i for i in graded if i > at), default=len(arranged))
    near = _written(arranged, range(above + 1, below))
    return near or _written(arranged, range(max(graded) + 1, len(arranged)))


def _is_graded(target: TemplateCell) -> bool:
    """Return whether notes behind a cell are about it, rather than about the next question."""
    return target.is_asked_for or target.kind is CellKind.TEST


def _written(arranged: list[SubmittedCell], places: Iterable[int]) -> dict[int, str]:
    return {place: text for place in places if (text := writing.written(arranged[place]))}


def _is_own_text(cell: SubmittedCell) -> bool:
    return cell.match is None and cell.node.cell_type != "code"


def _take_pictures(answer: SubmittedCell, beside: list[SubmittedCell]) -> None:
    pictures = {k: v for cell in beside for k, v in cell.node.get("attachments", {}).items()}
    if pictures:
        answer.node["attachments"] = {**answer.node.get("attachments", {}), **pictures}
