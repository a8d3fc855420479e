"""Find written answers that stand beside their cell, which was left as it was handed out.

An untouched answer has no points, and nobody looks at it. So where the student has written
something near it, that becomes the cell's text, and a person marks it: a needless look costs less
than an answer that nobody has read.
"""

import re
from collections import Counter
from collections.abc import Iterable

from autograder.submission.cell_text import bare, parsed_names
from autograder.submission.matching import CellKind, SubmittedCell, TemplateCell
from autograder.submission.reasons import Reasons

WORDS = 8  # in comments or outputs: fewer are remarks on code
LONGEST = 20_000  # characters of an output
COMMENT = re.compile(r"^[ \t]*#+!?[ \t]?(.*)$", re.MULTILINE)
TAKEN = "took what was written beside untouched answers for the answers"


def take(arranged: list[SubmittedCell], reasons: Reasons) -> list[SubmittedCell]:
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
    return {place: text for place in places if (text := _writing(arranged[place]))}


def _writing(cell: SubmittedCell) -> str:
    """Return what a student has written in a cell, as markdown; "" if it is nothing to read."""
    target = cell.match
    if target and (target.kind is not CellKind.FREE or cell.is_unchanged(target)):
        return ""
    if cell.node.cell_type != "code":
        return "" if target else bare(cell.source)
    if cell.source.strip() and parsed_names(cell.source) is None:
        return "" if target else _long(cell.source, fenced=True)  # prose, or code that is broken
    given = set(COMMENT.findall(target.source)) if target else set[str]()
    comments = [line for line in COMMENT.findall(cell.source) if line not in given]
    strings = "" if target or not _is_string(cell.source) else _long(cell.source, fenced=True)
    parts = (_long("\n".join(comments)), strings, _long(_printed(cell), fenced=True))
    return "\n\n".join(part for part in parts if part)


def _is_string(source: str) -> bool:
    return bare(source)[:1] in ("'", '"')


def _long(text: str, fenced: bool = False) -> str:
    """Return a text of enough words to be an answer, cut where it is too long; otherwise ""."""
    if len(text.split()) < WORDS:
        return ""
    shown = text[:LONGEST] + (" … (cut)" if len(text) > LONGEST else "")
    fence = "`" * (3 + max((len(run) for run in re.findall("`+", shown)), default=0))
    return f"{fence}\n{shown}\n{fence}" if fenced else shown


def _printed(cell: SubmittedCell) -> str:
    """Return the text of a cell's outputs."""
    texts = []
    for output in cell.node.get("outputs", []):
        text = output.get("text") or output.get("data", {}).get("text/plain", "")
        texts.append("".join(text) if isinstance(text, (str, list)) else "")
    return "\n".join(text for text in texts if text)


def _is_own_text(cell: SubmittedCell) -> bool:
    return cell.match is None and cell.node.cell_type != "code"


def _take_pictures(answer: SubmittedCell, beside: list[SubmittedCell]) -> None:
    pictures = {k: v for cell in beside for k, v in cell.node.get("attachments", {}).items()}
    if pictures:
        answer.node["attachments"] = {**answer.node.get("attachments", {}), **pictures}
