"""Find what a student has written in a cell: text, comments, strings, prints.

A cell that holds nothing but words is there for the words, however few: ``# yes, by the mask``.
Words beside code may be remarks on it, and printed ones labels of numbers; these are taken for an
answer from eight on.
"""

import ast
import re
import warnings
from collections.abc import Iterable, Iterator
from functools import lru_cache

from autograder.submission.matching import CellKind, SubmittedCell, bare, fenced, parsed_names

SHOWING = ("print", "display", "Markdown")  # functions that show a text
WORDS = 8  # beside code
LONGEST = 20_000  # characters of an output
COMMENT = re.compile(r"^[ \t]*#+!?[ \t]?(.*)$", re.MULTILINE)
BARE_LINE = re.compile(r"[ \t]*(?:#|$)")  # a comment, or nothing
EAST_ASIAN = "\u3040-\u30ff\u3400-\u9fff"  # written without spaces: a character is about a word
WORD = re.compile(rf"[{EAST_ASIAN}]|[^\W\d_{EAST_ASIAN}]+")
LETTERS = 12  # of a word; more without a space are several, in Thai for instance
NO_PROSE = re.compile(r"[=(\[{]|\b(?:import|print|return|def|for|while)\b")


def written(cell: SubmittedCell) -> str:
    """Return what is written in a cell, as markdown; "" if it is nothing to read."""
    target = cell.match
    if target and (target.kind is not CellKind.FREE or cell.is_unchanged(target)):
        return ""
    if cell.node.cell_type != "code":
        return "" if target or not _says_something(cell) else bare(cell.source)
    given = set(COMMENT.findall(target.source)) if target else set[str]()
    own = "\n".join(line for line in COMMENT.findall(cell.source) if line not in given)
    if not target and (words := _nothing_but_words(cell.source, own)):
        return words
    parts = (own if _count(own) >= WORDS else "", _fenced(_printed(cell), WORDS))
    return "\n\n".join(part for part in parts if part)


def _says_something(cell: SubmittedCell) -> bool:
    return bool(cell.node.get("attachments")) or any(map(str.isalnum, cell.source))


def _nothing_but_words(source: str, comments: str) -> str:
    """Return the words of a cell that holds nothing else; "" if it holds code, or no word."""
    if all(BARE_LINE.match(line) for line in source.splitlines()):
        return comments if _count(comments) and not _is_code(comments) else ""
    if source.strip() and parsed_names(source) is None:  # prose, or code that is broken
        return _fenced(source, WORDS if NO_PROSE.search(source) else 2)
    return _fenced(source, 1) if _only_strings(source) else ""


def _is_code(text: str) -> bool:
    """Return whether comments are code that is left out: ``x = f(y)``, but not ``yes``."""
    return parsed_names(text) is not None and bool(NO_PROSE.search(text))


@lru_cache(maxsize=1000)
def _only_strings(source: str) -> bool:
    """Return whether code has strings and does nothing with them but name or print them."""
    try:
        with warnings.catch_warnings(action="ignore"):  # about strings such as "\d"
            tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return bool(tree.body) and all(map(_is_text, tree.body))


def _is_text(statement: ast.stmt) -> bool:
    if not isinstance(statement, ast.Expr | ast.Assign):
        return False
    value = statement.value
    if isinstance(value, ast.Call) and isinstance(value.func, ast.Name):
        return value.func.id in ("print", "Markdown", "display") and all(
            map(_is_string, value.args)
        )
    return _is_string(value)


def _is_string(value: ast.expr) -> bool:
    return isinstance(value, ast.Constant) and isinstance(value.value, str)


def _count(text: str) -> int:
    """Return about how many words a text has.

    >>> _count("loss: 0.25, yes"), _count("因为总和是一")
    (2, 6)
    """
    return sum(1 + len(word) // LETTERS for word in _words(text))


def _words(text: str) -> Iterator[str]:
    return (match[0] for match in WORD.finditer(text[:LONGEST]))


def _fenced(text: str, least: int) -> str:
    """Return a text of enough words in a block of its own, cut where it is too long."""
    if _count(text) < least:
        return ""
    shown = text[:LONGEST] + (" … (cut)" if len(text) > LONGEST else "")
    return fenced(shown)


def _printed(cell: SubmittedCell) -> str:
    """Return the text of a cell's outputs."""
    return "\n".join(text for text in _texts(cell.node.get("outputs", [])) if text)


def _texts(outputs: Iterable[dict[str, object]]) -> Iterator[str]:
    for output in outputs:
        data = output.get("data")
        plain = data.get("text/plain", "") if isinstance(data, dict) else ""
        text = output.get("text") or plain
        yield "".join(text) if isinstance(text, str | list) else ""
