"""Bring what a student handed in back into the shape of its template, where the intent is clear.

Each repair has a reason. A student's text is moved, or becomes a plain cell, but is not thrown
away; only text that the template holds anyway, and changes of locked cells, go. What cannot be
told apart is left as plain cells and said, not guessed.

This module does not know how anything is graded, nor where the notebook came from.
"""

import re
import unicodedata
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from copy import deepcopy
from dataclasses import dataclass
from functools import cache
from pathlib import PurePosixPath

from nbformat import NotebookNode

from autograder.submission.reader import (
    CELLS,
    Reasons,
    Unreadable,
    copied_id,
    one_line,
    read,
    unused,
)
from seqlab.names import names

__all__ = ["Repaired", "Unreadable", "choose", "read", "repair"]

OWN_CELLS = CELLS // 2
REMEMBERED = 1000  # texts, of which the template's are used again for each student
TELLING = 20  # characters of a template cell that do not come together by chance
PARTS = 8  # cells that a split one is put together from
FLAGS = ("grade", "solution", "locked", "task", "points", "grade_id", "schema_version")
FUNCTION = re.compile(r"^(?:async[ \t]+)?(?:def|class)[ \t]+(\w+)", re.MULTILINE)
ASSIGNED = re.compile(r"^(\w+)[ \t]*(?::[^=\n]+)?=(?!=)", re.MULTILINE)


@dataclass(frozen=True)
class Repaired:
    """A submission in the template's shape, and what was done to it."""

    notebook: NotebookNode  # every cell of the template once, in the template's order
    reasons: tuple[str, ...]  # one line each; none where nothing had to be done
    missing: tuple[str, ...]  # solutions and answers that were gone and put back as handed out


@dataclass(frozen=True, eq=False)
class _Given:
    """A cell of the template."""

    name: str  # its id and grade id
    place: int
    cell: NotebookNode
    kind: str  # fixed, test, solution, answer or free
    names: frozenset[str]  # what it defines
    keys: frozenset[str]  # what it and no other cell of the template defines

    @property
    def is_locked(self) -> bool:
        """Return whether a student has nothing to write in it."""
        return self.kind in ("fixed", "test")

    @property
    def is_open(self) -> bool:
        """Return whether a student is asked to write in it."""
        return self.kind in ("solution", "answer")


@dataclass(eq=False)
class _Part:
    """A cell of the submission, and the template's cell that it turned out to be."""

    cell: NotebookNode
    given: _Given | None = None
    follows: _Given | None = None  # whose copy it was, for one that is not needed


def repair(notebook: NotebookNode, template: NotebookNode) -> Repaired:
    """Bring a submission into the shape of ``template``, the student version of the notebook.

    Raises:
        Unreadable: it is written in another language than the template, or has too many cells.
    """
    if _bare.cache_info().currsize > REMEMBERED:  # mostly what other students wrote
        _bare.cache_clear()
    given, reasons = _givens(template), Reasons()
    parts = [_Part(NotebookNode(cell)) for cell in notebook.cells]  # fields are replaced only
    metadata = _checked_language(notebook, template, reasons)
    _claim(parts, given)
    anonymous = _is_anonymous(parts)
    parts = _settle_copies(parts, given, reasons)
    _recognise_texts(parts, given, reasons)
    parts = _take_apart(parts, given, reasons)
    doubted = _recognise_names(parts, given, reasons)
    _resolve_merged(parts, given, reasons)
    _recognise_places(parts, given, anonymous, doubted, reasons)
    _check_size(parts)
    if given and not any(part.given for part in parts):
        reasons.add("none of the notebook's cells belongs to this assignment")
    _report_order(parts, reasons)
    arranged, gone = _arranged(parts, given)
    missing = _report_gone(gone, reasons)
    _join_splits(arranged, reasons)
    cells = _finished(arranged, reasons)
    repaired = NotebookNode(nbformat=4, nbformat_minor=5, metadata=metadata, cells=cells)
    return Repaired(repaired, reasons.lines(), missing)


# --- the template -------------------------------------------------------------------------------


def _givens(template: NotebookNode) -> list[_Given]:
    kinds = [_kind_of(cell) for cell in template.cells]
    codes = [_names(cell.source) if cell.cell_type == "code" else set() for cell in template.cells]
    return [
        _Given(
            cell.id,
            place,
            cell,
            kinds[place],
            frozenset(codes[place]),
            frozenset(codes[place].difference(*codes[:place], *codes[place + 1 :])),
        )
        for place, cell in enumerate(template.cells)
    ]


def _kind_of(cell: NotebookNode) -> str:
    flags = cell.metadata.get("nbgrader", {})
    if flags.get("solution"):
        return "solution" if cell.cell_type == "code" else "answer"
    if flags.get("grade"):
        return "test"
    return "fixed" if flags.get("locked") or flags.get("task") else "free"


def _names(source: str) -> set[str]:
    """Return what a cell's code defines; of code that doesn't parse, what its lines begin with."""
    parsed = _parsed_names(source)
    if parsed is not None:
        return set(parsed)
    return {match[1] for form in (FUNCTION, ASSIGNED) for match in form.finditer(source)}


def _parsed_names(source: str) -> frozenset[str] | None:
    """Return what code defines and does not import, or None where it does not parse."""
    cell = names(source)
    is_half = source.lstrip("\n").startswith((" ", "\t"))  # of a function; IPython would run it
    return cell.defined - cell.imported if cell.is_python and not is_half else None


def _same(one: str, other: str) -> bool:
    """Return whether two texts differ in white space at most, of which editors add and drop."""
    return _bare(one) == _bare(other)


@cache
def _bare(text: str) -> str:
    lines = text.replace("\r\n", "\n").replace("\r", "\n").strip().split("\n")
    return "\n".join(line.rstrip() for line in lines)


def _is_handed_out(part: _Part, given: _Given) -> bool:
    return _same(part.cell.source, given.cell.source)


# --- the notebook as a whole --------------------------------------------------------------------


def _checked_language(
    notebook: NotebookNode, template: NotebookNode, reasons: Reasons
) -> NotebookNode:
    """Return the metadata of the notebook, unless it is written in another language."""
    theirs, ours = _languages(notebook), _languages(template)
    if not theirs or not any(map(_is_python, ours)) or any(map(_is_python, theirs)):
        return NotebookNode(deepcopy(notebook.metadata))
    handed_out = {_bare(cell.source) for cell in template.cells}
    codes = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    if any(_parsed_names(code) is None for code in codes if _bare(code) not in handed_out):
        raise Unreadable(
            f"the notebook is written in {one_line(theirs[0], 20)}, and the assignment in Python"
        )
    reasons.add(
        f"the notebook was saved for {one_line(theirs[0], 20)}, but its code is Python: "
        "run with Python's kernel"
    )
    kept = {k: v for k, v in notebook.metadata.items() if k not in ("kernelspec", "language_info")}
    return NotebookNode({**deepcopy(template.metadata), **deepcopy(kept)})


def _languages(notebook: NotebookNode) -> list[str]:
    fields = (("kernelspec", "language"), ("language_info", "name"))
    found = [notebook.metadata.get(field, {}).get(key) for field, key in fields]
    return [name for name in found if isinstance(name, str) and name.strip()]


def _is_python(language: str) -> bool:
    return "python" in language.lower()


# --- which cell is which ------------------------------------------------------------------------


def _claim(parts: list[_Part], given: list[_Given]) -> None:
    """Believe what cells say of themselves: the grade id, or the id where that is none of ours.

    Where the two name different cells, as after tampering, the text decides.
    """
    known = {g.name: g for g in given}
    for part in parts:
        claimed = part.cell.metadata.get("nbgrader")
        grade_id = claimed.get("grade_id") if isinstance(claimed, dict) else None
        by_grade = known.get(grade_id) if isinstance(grade_id, str) else None
        by_id = known.get(part.cell.id) or known.get(copied_id(part.cell.id))
        part.given = by_grade or by_id
        if by_grade and by_id and by_grade is not by_id and not _fits(part, by_grade):
            part.given = by_id if _fits(part, by_id) or by_grade.is_locked else by_grade
        if part.given and _is_disguised(part, part.given):
            part.given = None


def _is_disguised(part: _Part, given: _Given) -> bool:
    """Return whether a cell claims to be a locked one that it was not made of.

    Its text would be lost: a locked cell gets the template's.
    """
    other_type = part.cell.cell_type != given.cell.cell_type
    return given.is_locked and other_type and not _is_handed_out(part, given)


def _is_anonymous(parts: list[_Part]) -> bool:
    """Return whether an editor took the cells' metadata and most of their ids."""
    known = [part for part in parts if part.given]
    return len(known) * 2 < len(parts) and not any(
        "nbgrader" in part.cell.metadata for part in known
    )


def _fits(part: _Part, given: _Given) -> bool:
    """Return whether a cell's text is one that the template's cell may have become."""
    if given.is_locked or not given.keys:
        return _is_handed_out(part, given)
    return bool(_names(part.cell.source) & given.keys)


def _settle_copies(parts: list[_Part], given: list[_Given], reasons: Reasons) -> list[_Part]:
    """Leave each of the template's cells to one cell; the others go or become plain cells."""
    for g in given:
        copies = [part for part in parts if part.given is g]
        if len(copies) < 2:
            continue
        chosen = _chosen(copies, g)
        needless = [chosen.cell.source, g.cell.source]
        for copy in copies:
            if copy is chosen:
                continue
            copy.given = None
            if any(_same(copy.cell.source, text) for text in needless):
                copy.follows = g
                reasons.add("left out copies that differ in nothing", g.name)
            else:
                reasons.add("kept changed copies as plain cells beside the one that counts", g.name)
                _make_plain(copy, g)
    return _without_needless(parts)


def _chosen(copies: list[_Part], g: _Given) -> _Part:
    """Return which of several copies is the cell: of a student's, the last one changed."""
    if g.is_locked:
        return next((copy for copy in copies if _is_handed_out(copy, g)), copies[0])
    changed = [copy for copy in copies if not _is_handed_out(copy, g)]
    fitting = [copy for copy in changed if _fits(copy, g)]  # not the second half of a split cell
    return [copies[0], *changed, *fitting][-1]


def _make_plain(part: _Part, g: _Given) -> None:
    part.cell["metadata"] = _ungraded(part.cell)
    part.cell["id"] = f"{g.name[:50]}-kept"  # not to be taken for the template's; made unique later


def _ungraded(cell: NotebookNode) -> NotebookNode:
    return NotebookNode({k: deepcopy(v) for k, v in cell.metadata.items() if k != "nbgrader"})


def _without_needless(parts: list[_Part]) -> list[_Part]:
    """Drop needless copies, but let cells that followed one follow what it was a copy of."""
    kept: list[_Part] = []
    follows: _Given | None = None
    for part in parts:
        if part.follows:
            follows = part.follows
        elif part.given:
            follows = None
            kept.append(part)
        else:
            part.follows = follows
            kept.append(part)
    return kept


def _gone(parts: list[_Part], given: list[_Given], *kinds: str) -> list[_Given]:
    """Return the template's cells, of these kinds if any are named, that are not there."""
    there = {part.given for part in parts}
    return [g for g in given if g not in there and (not kinds or g.kind in kinds)]


def _recognise(part: _Part, g: _Given, how: str, reasons: Reasons) -> None:
    part.given, part.follows = g, None
    part.cell["metadata"] = deepcopy(g.cell.metadata)
    reasons.add(f"recognised cells that had lost their ids by their {how}", g.name)


def _recognise_texts(parts: list[_Part], given: list[_Given], reasons: Reasons) -> None:
    """Recognise cells without ids that still say what they said when they were handed out."""
    texts: dict[str, list[_Part]] = {}
    for part in parts:
        if not part.given:
            texts.setdefault(_bare(part.cell.source), []).append(part)
    ours = [_bare(g.cell.source) for g in given]
    for g in _gone(parts, given):
        found = texts.get(ours[g.place], [])
        if found and ours.count(ours[g.place]) == 1:  # "your answer here" tells nothing
            _recognise(found.pop(0), g, "text", reasons)


def _take_apart(parts: list[_Part], given: list[_Given], reasons: Reasons) -> list[_Part]:
    """Take cells apart that were merged with the template's: these are known by their text.

    What stood before, between and behind them is left as cells that other steps recognise.
    """
    every = _gone(parts, given)
    telling = [g for g in every if not g.is_open and len(_bare(g.cell.source)) >= TELLING]
    places = {g.place for g in every}
    made: list[_Part] = []
    for part in parts:
        own = part.given
        texts = [g for g in telling if g is not own]
        if own and not own.is_open and (own.is_locked or places & {own.place - 1, own.place + 1}):
            texts.append(own)
        found = [] if own and _is_handed_out(part, own) else _found_inside(part, texts)
        made += _pieces(part, found) if found else [part]
        for g in (g for _, _, g in found):
            if g is own and g.is_locked:
                reasons.add("restored locked cells; what was added to them are cells now", g.name)
            else:
                reasons.add("took out again what had been merged into other cells", g.name)
        telling = [g for g in telling if all(g is not other for _, _, other in found)]
    return made


def _found_inside(part: _Part, texts: list[_Given]) -> list[tuple[int, int, _Given]]:
    """Return where whole texts of the template's cells stand in a cell, in order."""
    text = _lines(part.cell.source)
    places = sorted((text.find(_lines(g.cell.source)), g.place, g) for g in texts)
    found: list[tuple[int, int, _Given]] = []
    for start, _, g in places:
        end = start + len(_lines(g.cell.source)) - 1  # the last line break is the next one's first
        if start >= (found[-1][1] if found else 0):
            found.append((start, end, g))
    return found


def _lines(source: str) -> str:
    return f"\n{_bare(source)}\n"


def _pieces(part: _Part, found: list[tuple[int, int, _Given]]) -> list[_Part]:
    """Return a cell cut at the texts that were found in it."""
    text, end = _lines(part.cell.source), 0
    pieces: list[_Part] = []
    for start, stop, g in found:
        pieces += [_piece(part, text[end:start]), _Part(deepcopy(g.cell), g)]
        end = stop
    pieces = [piece for piece in [*pieces, _piece(part, text[end:])] if piece.cell.source.strip()]
    own = part.given
    if own and not own.is_locked and all(piece.given is not own for piece in pieces):
        _leave_to_one(pieces, own)
    return pieces


def _piece(part: _Part, source: str) -> _Part:
    cell = deepcopy(part.cell)
    cell["id"], cell["metadata"], cell["source"] = "piece", NotebookNode(), source.strip("\n")
    return _Part(cell, follows=part.follows)


def _leave_to_one(pieces: list[_Part], own: _Given) -> None:
    """Leave the cell to the piece that stands behind all that precedes it in the template."""
    free = [(i, piece) for i, piece in enumerate(pieces) if not piece.given]
    before = [i for i, p in enumerate(pieces) if p.given and p.given.place < own.place]
    behind = [piece for i, piece in free if i > max(before, default=-1)]
    for piece in (behind or [piece for _, piece in free])[:1]:
        piece.given = own
        piece.cell["metadata"] = deepcopy(own.cell.metadata)


def _recognise_names(parts: list[_Part], given: list[_Given], reasons: Reasons) -> set[_Given]:
    """Recognise code cells without ids by the functions or variables that they define.

    Returns the cells for which there are several, none better than the others.
    """
    doubted = set()
    for g in _gone(parts, given, "solution", "free"):
        some = _defining(parts, g)
        whole = [part for part in some if g.keys <= _names(part.cell.source)]
        texts = {_bare(part.cell.source): part for part in whole if not _is_handed_out(part, g)}
        changed = list(texts.values())  # of equal ones the last
        slot = _slot(parts, given, g)
        choices = (whole, changed, [part for part in changed if part in slot])
        single = next((choice[0] for choice in choices if len(choice) == 1), None)
        if single:
            _recognise(single, g, "names", reasons)
        elif whole:
            doubted.add(g)
            _report_doubt(parts, given, g, reasons)
        elif some and _are_halves(parts, some, g):
            _recognise(some[0], g, "names", reasons)  # the others are joined to it later
    return doubted


def _defining(parts: list[_Part], g: _Given) -> list[_Part]:
    """Return the cells without ids that define names of a cell; text only where no code does."""
    free = [part for part in parts if not part.given and part.cell.source.strip()]
    code = [part for part in free if part.cell.cell_type == "code"]
    found = [part for part in code if g.keys & _names(part.cell.source)]
    text = [part for part in free if part.cell.cell_type != "code"]
    return found or [part for part in text if g.keys & (_parsed_names(part.cell.source) or set())]


def _are_halves(parts: list[_Part], some: list[_Part], g: _Given) -> bool:
    """Return whether cells stand together and define together what one should."""
    chosen = set(some)
    places = [i for i, part in enumerate(parts) if part in chosen]
    names = set().union(*(_names(part.cell.source) for part in some))
    return g.keys <= names and places[-1] - places[0] == len(places) - 1


def _bounds(parts: list[_Part], given: list[_Given], g: _Given) -> tuple[int, int]:
    """Return between which cells of the submission a cell that is gone would stand."""
    places = {part.given: i for i, part in enumerate(parts) if part.given}
    before = [places[other] for other in given[: g.place] if other in places]
    after = [places[other] for other in given[g.place + 1 :] if other in places]
    return (before[-1] if before else -1), (after[0] if after else len(parts))


def _slot(parts: list[_Part], given: list[_Given], g: _Given) -> list[_Part]:
    """Return the cells without ids that stand where a cell that is gone would stand."""
    start, end = _bounds(parts, given, g)
    return [part for part in parts[start + 1 : max(end, 0)] if not part.given]


def _report_doubt(parts: list[_Part], given: list[_Given], g: _Given, reasons: Reasons) -> None:
    start, end = _bounds(parts, given, g)
    first, last = (parts[i].given if 0 <= i < len(parts) else None for i in (start, end))
    above = first.name if first else "the beginning"
    below = last.name if last else "the end"
    reasons.add(
        f"could not tell which of the cells between {above} and {below} is the one asked for, "
        "so that all of them were left as plain cells",
        g.name,
    )


def _resolve_merged(parts: list[_Part], given: list[_Given], reasons: Reasons) -> None:
    """Find solutions whose code stands in another cell of the template.

    Their own cell must not come back as handed out: it would undo the student's function.
    """
    for g in _gone(parts, given, "solution"):
        holders = [part for part in parts if g.keys and _holds(part, g)]
        if len(holders) != 1:
            continue
        holder, own = holders[0], holders[0].given
        source = holder.cell.source
        added = _Part(deepcopy(g.cell), g)
        at = parts.index(holder)
        if own is None or own.is_locked:
            added.cell["source"] = source
            if own:
                holder.cell["source"] = own.cell.source
            parts.insert(at, added)
            reasons.add("put code back that stood in a locked cell", g.name)
            continue
        comes_first = own.place < g.place
        parts.insert(at + comes_first, added)
        first, second = (own, g) if comes_first else (g, own)
        for part in (holder, added):
            moved = f"# The code of this cell stands in the cell {first.name}."
            part.cell["source"] = source if part.given is first else moved
        reasons.add(
            f"left the code of two cells in the first, {first.name}, and the second empty",
            second.name,
        )


def _holds(part: _Part, g: _Given) -> bool:
    """Return whether another of the template's cells has been given a solution's code."""
    if not part.given or part.given.cell.cell_type != "code" or _is_handed_out(part, part.given):
        return False
    return g.keys <= _names(part.cell.source)


def _recognise_places(
    parts: list[_Part],
    given: list[_Given],
    anonymous: bool,
    doubted: set[_Given],
    reasons: Reasons,
) -> None:
    """Recognise cells by standing alone where the template has them, between known neighbours.

    In a notebook that kept its metadata, that holds for answers only: a student's own cell of
    code in the place of a deleted solution need not be one.
    """
    kinds = ("answer", "solution", "free") if anonymous else ("answer",)
    for g in _gone(parts, given, *kinds):
        if g in doubted or g not in _gone(parts, given):
            continue
        bounds = _bounds(parts, given, g)
        rivals = [
            other
            for other in _gone(parts, given, *kinds)
            if other.cell.cell_type == g.cell.cell_type and _bounds(parts, given, other) == bounds
        ]
        pool = _pool(_slot(parts, given, g), g.cell.cell_type)
        if len(pool) == len(rivals):
            for part, rival in zip(pool, rivals, strict=True):
                _recognise(part, rival, "place", reasons)
        elif pool and g.kind != "free":
            _report_doubt(parts, given, g, reasons)


def _pool(slot: list[_Part], kind: str) -> list[_Part]:
    """Return the likeliest cells of a slot: written ones, else empty ones, else retyped text."""
    right = [part for part in slot if part.cell.cell_type == kind]
    written = [part for part in right if part.cell.source.strip()]
    others = [
        part for part in slot if kind == "markdown" and _parsed_names(part.cell.source) is None
    ]
    return written or others or right


# --- the order ----------------------------------------------------------------------------------


def _check_size(parts: list[_Part]) -> None:
    own = sum(not part.given for part in parts)
    if own > OWN_CELLS:
        raise Unreadable(
            f"the notebook has {own} cells beside the assignment's, and {OWN_CELLS} is the limit"
        )


def _report_order(parts: list[_Part], reasons: Reasons) -> None:
    """Name the fewest cells that had to be moved."""
    found = [part.given for part in parts if part.given]
    staying = _longest_rise([g.place for g in found])
    for g in sorted((g for g in found if g.place not in staying), key=lambda g: g.place):
        reasons.add("moved cells back to where they were handed out", g.name)


def _longest_rise(numbers: list[int]) -> set[int]:
    """Return a longest selection of different numbers that rises."""
    ends: list[int] = []  # the smallest number that ends a rise of each length
    lengths = []
    for number in numbers:
        at = bisect_left(ends, number)
        ends[at : at + 1] = [number]
        lengths.append(at + 1)
    kept: set[int] = set()
    wanted = len(ends)
    limit = max(numbers, default=0) + 1
    for number, length in zip(reversed(numbers), reversed(lengths), strict=True):
        if length == wanted and number < limit:
            kept.add(number)
            wanted, limit = wanted - 1, number
    return kept


def _arranged(parts: list[_Part], given: list[_Given]) -> tuple[list[_Part], list[_Given]]:
    """Return the cells in the template's order, and which of them were gone.

    A student's own cells stay behind the cell that they followed. One that is put back comes
    before them, so that it undoes nothing; but a test after them, as they may be what it tests.
    """
    there = {part.given: part for part in parts if part.given}
    followers = _followers(parts)
    arranged, waiting = [], followers.get(None, [])
    gone = []
    for g in given:
        if g in there or g.kind == "test":
            arranged += waiting
            waiting = []
        arranged.append(there.get(g) or _Part(deepcopy(g.cell), g))
        waiting = waiting + followers.get(g, [])
        if g not in there:
            gone.append(g)
    return arranged + waiting, gone


def _followers(parts: list[_Part]) -> dict[_Given | None, list[_Part]]:
    followers: dict[_Given | None, list[_Part]] = {}
    last: _Given | None = None
    for part in parts:
        if part.given:
            last = part.given
        else:
            followers.setdefault(part.follows or last, []).append(part)
    return followers


def _report_gone(gone: list[_Given], reasons: Reasons) -> tuple[str, ...]:
    missing = []
    for g in gone:
        if g.is_open:
            missing.append(g.name)
            reasons.add("put back as handed out what was deleted and has to be solved", g.name)
        else:
            reasons.add("put back cells that were deleted", g.name)
    return tuple(missing)


# --- split cells --------------------------------------------------------------------------------


def _join_splits(arranged: list[_Part], reasons: Reasons) -> None:
    """Join the halves of solutions that were split, which alone define nothing or do not parse."""
    for part in [p for p in arranged if p.given and p.given.kind == "solution"]:
        while window := _window(arranged, part):
            start, end = window
            part.cell["source"] = _joined(arranged[start:end])
            arranged[start:end] = [part]
            reasons.add("joined the halves of split cells", part.given.name if part.given else "")


def _window(arranged: list[_Part], part: _Part) -> tuple[int, int] | None:
    """Return from where to where the fewest cells lie that make a solution whole."""
    at = arranged.index(part)
    first = at - _run(arranged[max(0, at - PARTS) : at][::-1])
    last = at + 1 + _run(arranged[at + 1 : at + 1 + PARTS])
    if _is_whole([part], part.given):
        rest = arranged[at + 1 : last][:1]  # the end of a function, left alone by a split
        is_rest = rest and _parsed_names(rest[0].cell.source) is None
        first, last = (at, at + 2) if is_rest else (at, at + 1)
    for more in range(1, last - first):
        for start in range(at, at - more - 1, -1):  # rather what follows than what precedes
            end = start + more + 1
            if first <= start and end <= last and _is_whole(arranged[start:end], part.given):
                return start, end
    return None


def _run(parts: list[_Part]) -> int:
    """Return how many of the first cells are code that belongs to nothing."""
    ends = (i for i, p in enumerate(parts) if p.given or p.cell.cell_type != "code")
    return next(ends, len(parts))


def _is_whole(parts: list[_Part], g: _Given | None) -> bool:
    names = _parsed_names(_joined(parts))
    return names is not None and g is not None and g.names <= names


def _joined(parts: list[_Part]) -> str:
    return "\n".join(part.cell.source for part in parts)


# --- each cell as the template has it -----------------------------------------------------------


def _finished(arranged: list[_Part], reasons: Reasons) -> list[NotebookNode]:
    taken = {part.given.name for part in arranged if part.given}
    return [
        _restored(part, part.given, reasons) if part.given else _own(part.cell, taken, reasons)
        for part in arranged
    ]


def _own(cell: NotebookNode, taken: set[str], reasons: Reasons) -> NotebookNode:
    """Return a student's own cell: of no interest to grading, with an id that no other has."""
    if "nbgrader" in cell.metadata:
        reasons.add("took grading metadata off cells that are not the assignment's", cell.id)
    own = deepcopy(cell)
    own["metadata"] = _ungraded(cell)
    own["id"] = unused(cell.id[:58], taken)
    return own


def _restored(part: _Part, g: _Given, reasons: Reasons) -> NotebookNode:
    """Return a cell with all but the student's text as the template has it."""
    _report_metadata(part.cell, g, reasons)
    cell = deepcopy(g.cell)
    if part.cell.cell_type != cell.cell_type:
        reasons.add(f"turned back into {cell.cell_type} what had become another type", g.name)
    elif cell.cell_type == "code":
        cell["outputs"] = deepcopy(part.cell.get("outputs", []))
        cell["execution_count"] = part.cell.get("execution_count")
    if not g.is_locked:
        cell["source"] = part.cell.source
    elif "".join(part.cell.source.split()) != "".join(cell.source.split()):
        reasons.add("restored locked cells that had been changed", g.name)
    if cell.cell_type != "code" and "attachments" in part.cell:  # pictures of an answer
        cell["attachments"] = deepcopy(part.cell.attachments)
    return cell


def _report_metadata(cell: NotebookNode, g: _Given, reasons: Reasons) -> None:
    theirs, ours = cell.metadata.get("nbgrader"), g.cell.metadata.get("nbgrader")
    if ours and not theirs:
        reasons.add("restored grading metadata that was lost", g.name)
        return
    if ours and not _agree(theirs, ours):
        reasons.add("restored grading metadata that had been changed", g.name)
    elif theirs and not ours:
        reasons.add("took grading metadata off cells that are not graded", g.name)
    if sorted(cell.metadata.get("tags", [])) != sorted(g.cell.metadata.get("tags", [])):
        reasons.add("restored tags that had been changed", g.name)


def _agree(theirs: object, ours: NotebookNode) -> bool:
    return isinstance(theirs, dict) and all(theirs.get(f) == ours.get(f) for f in FLAGS)


# --- which file ---------------------------------------------------------------------------------


def choose(names: Sequence[str], expected: str) -> tuple[str | None, str]:
    """Choose the notebook to grade among the ``.ipynb`` files of a submission.

    Args:
        names: the files' names
        expected: the name that was asked for, with or without the ending

    Returns:
        the name, or None where there is none or the choice is open, and the reason: empty if
        there is nothing to say.
    """
    wanted = expected.removesuffix(".ipynb")
    real = [name for name in dict.fromkeys(names) if _is_a_notebooks(name)]
    if not real:
        return None, f"there is no notebook: {wanted}.ipynb is expected"
    for alike in (_exactly, _simply, _somewhere):
        found = [name for name in real if alike(_stem(name), wanted)]
        if len(found) == 1:
            return found[0], _about(found[0], real, wanted)
        if found:
            return None, f"it is not clear which notebook is meant: {_listed(found)}"
    if len(real) == 1:
        return real[0], _about(real[0], real, wanted)
    return None, f"no notebook is called {wanted}.ipynb, and there are several: {_listed(real)}"


def _is_a_notebooks(name: str) -> bool:
    """Return whether a file is what its name says, and not what a program left behind."""
    path = PurePosixPath(name)
    hidden = any(part.startswith(".") for part in path.parts)
    return path.suffix.lower() == ".ipynb" and not hidden and "-checkpoint" not in path.stem


def _stem(name: str) -> str:
    return PurePosixPath(name).stem


def _exactly(stem: str, wanted: str) -> bool:
    return stem == wanted


def _simply(stem: str, wanted: str) -> bool:
    return _simple(stem) == _simple(wanted)


def _somewhere(stem: str, wanted: str) -> bool:
    """Return whether the name stands within another, as in Ann_Lee_gpt2_final."""
    return re.search(rf"(^|[\W_]){re.escape(_simple(wanted))}($|[\W_])", _simple(stem)) is not None


def _simple(stem: str) -> str:
    """Return a name without what systems add to copies: (1), -Copy1, Copy of, another ending."""
    simple = unicodedata.normalize("NFKC", stem).casefold().strip()
    simple = re.sub(r"\.(ipynb|txt|json)$", "", simple)
    simple = re.sub(r"^(copy|kopie) (of|von) ", "", simple)
    return re.sub(r"([-_ ]*copy[-_ ]*\d*|[-_ ]*\(\d+\))+$", "", simple).strip()


def _about(name: str, real: list[str], wanted: str) -> str:
    others = [other for other in real if other != name]
    said = []
    if PurePosixPath(name).name != f"{wanted}.ipynb":
        said.append(f"took {one_line(name)} for {wanted}.ipynb")
    if others:
        said.append(f"left {_listed(others)} aside")
    return " and ".join(said)


def _listed(names: Iterable[str]) -> str:
    return ", ".join(one_line(name) for name in names)
