"""Read a file as a notebook of format 4.5, or say in one line why it is none.

What a student hands in went through editors, mail, git and disks: it may be old, cut short, in
another encoding, or something else under this name. What is clear is mended, with a reason.

This module does not know which assignment the notebook is for, nor how it is graded.
"""

import ast
import codecs
import json
import re
import warnings
from collections.abc import Iterator
from typing import Any, TypeGuard

from nbformat import NotebookNode, from_dict
from nbformat.v4.rwbase import rejoin_lines
from nbformat.validator import get_validator

FORMAT = (4, 5)
CELLS = 4_000  # more than anybody writes
DEPTH = 100  # of lists and objects in each other; rich outputs have about 30
DIGITS = 18  # of whole numbers; Python refuses to read more than 4,300
NAMED = 150  # places that a reason lists
ID = re.compile(r"[a-zA-Z0-9_-]{1,64}")
FIELDS = {"id", "cell_type", "metadata", "source", "outputs", "execution_count", "attachments"}
OLD_FIELDS = {"input", "prompt_number", "collapsed", "language", "level"}  # format 3
UNWRITABLE = re.compile("[\ud800-\udfff]")  # halves of a character, which UTF-8 cannot hold
CONFLICT = re.compile(r"^(<{7}|={7}|>{7})( |$)", re.MULTILINE)

KINDS = {  # how files begin that are something else
    b"%PDF": "a PDF",
    b"PK\x03\x04": "a zip archive (or an Office document)",
    b"PK\x05\x06": "an empty zip archive",
    b"\x1f\x8b": "a gzip archive",
    b"7z\xbc\xaf\x27\x1c": "a 7z archive",
    b"Rar!": "a rar archive",
    b"BZh": "a bzip2 archive",
    b"\xfd7zXZ": "an xz archive",
    b"\x89PNG": "a picture",
    b"\xff\xd8\xff": "a picture",
    b"GIF8": "a picture",
    b"\xd0\xcf\x11\xe0": "an old Office document",
    b"\x89HDF": "an HDF5 file",
    b"{\\rtf": "a text document (RTF)",
}
ENCODINGS = (  # the longer mark first: UTF-32's begins as UTF-16's
    (codecs.BOM_UTF8, "utf-8-sig", "UTF-8 with a byte order mark"),
    (codecs.BOM_UTF32_LE, "utf-32", "UTF-32"),
    (codecs.BOM_UTF32_BE, "utf-32", "UTF-32"),
    (codecs.BOM_UTF16_LE, "utf-16", "UTF-16"),
    (codecs.BOM_UTF16_BE, "utf-16", "UTF-16"),
    (b"{\0", "utf-16-le", "UTF-16"),
    (b"\0{", "utf-16-be", "UTF-16"),
)


class Unreadable(Exception):  # noqa: N818 (it is the file that is in error)
    """The file cannot be graded; the message says why, in one line, for the student's row."""


class Reasons:
    """What was mended: a line for each kind of repair, with the places it was done at."""

    def __init__(self) -> None:
        self._places: dict[str, dict[str, None]] = {}

    def add(self, what: str, place: str = "") -> None:
        """Note that ``what`` was done, at a place if it has one."""
        self._places.setdefault(what, {})
        if place:
            self._places[what][place] = None

    def lines(self) -> tuple[str, ...]:
        """Return the lines, in the order in which the kinds first came up."""
        return tuple(_line(what, list(places)) for what, places in self._places.items())


def _line(what: str, places: list[str]) -> str:
    named = ", ".join(places[:NAMED])
    more = f" and {len(places) - NAMED} more" if len(places) > NAMED else ""
    return f"{what}: {named}{more}" if places else what


def one_line(text: object, length: int = 60) -> str:
    """Return what a student wrote so that it can stand in a message."""
    shown = "".join(c if c.isprintable() else " " for c in str(text)[: 4 * length])
    words = " ".join(shown.split())
    return words if len(words) <= length else words[: length - 1] + "…"


def read(raw: bytes, limit: int = 20_000_000) -> tuple[NotebookNode, tuple[str, ...]]:
    """Return the notebook that a file holds, and the reasons of what had to be mended on the way.

    Args:
        raw: the file's bytes
        limit: how many of them are taken

    Raises:
        Unreadable: it is no notebook, not a whole one, or too large.
    """
    if len(raw) > limit:
        raise Unreadable(
            f"the file has {len(raw) / 1e6:.1f} MB and the limit is {limit / 1e6:g} MB: "
            "clear the outputs and hand it in again"
        )
    reasons = Reasons()
    text = _text(raw, reasons)
    notebook = _notebook(_parsed(text, reasons), reasons)
    return notebook, reasons.lines()


# --- from bytes to text -------------------------------------------------------------------------


def _text(raw: bytes, reasons: Reasons) -> str:
    start = raw.lstrip(b"\0 \t\r\n")
    if not start.removeprefix(codecs.BOM_UTF8).strip(b"\0 \t\r\n"):
        raise Unreadable("the file is empty" + (": it holds nothing but blanks" if raw else ""))
    for mark, what in KINDS.items():
        if start.startswith(mark):
            raise Unreadable(f"the file is {what} and not a notebook")
    text = _decoded(raw, reasons)
    if "\0" in text:  # what a crash leaves where the disk had not yet been written
        text = text.replace("\0", "")
        reasons.add("left out NUL bytes, which no text holds")
    return text


def _decoded(raw: bytes, reasons: Reasons) -> str:
    for mark, encoding, name in ENCODINGS:
        if raw.startswith(mark):
            reasons.add(f"read the file as {name}, which notebooks are not written in")
            if encoding == "utf-8-sig":
                raw = raw.removeprefix(mark)
                break
            return raw.decode(encoding, errors="replace")
    text = raw.decode("utf-8", errors="surrogateescape")
    text, foreign = re.subn("[\udc80-\udcff]", _windows_character, text)
    if foreign:
        reasons.add(f"read {foreign} bytes that are not UTF-8 as Windows' letters")
    return text


def _windows_character(found: re.Match[str]) -> str:
    byte = bytes([ord(found[0]) - 0xDC00])
    try:
        return byte.decode("cp1252")
    except UnicodeDecodeError:
        return byte.decode("latin-1")


# --- from text to values ------------------------------------------------------------------------


def _parsed(text: str, reasons: Reasons) -> Any:
    def whole(digits: str) -> Any:
        return int(digits) if len(digits) <= DIGITS else nothing(digits)

    def broken(digits: str) -> Any:
        number = float(digits)
        return number if abs(number) < float("inf") else nothing(digits)

    def nothing(_: str) -> Any:
        reasons.add("left out numbers that are too large or none at all (NaN)")
        return None

    def together(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        made = dict(pairs)
        if len(made) < len(pairs):
            _report_twice(pairs, reasons)
        return made

    try:
        return json.loads(
            text,
            parse_int=whole,
            parse_float=broken,
            parse_constant=nothing,
            object_pairs_hook=together,
        )
    except RecursionError:
        raise Unreadable(_too_deep()) from None
    except json.JSONDecodeError as error:
        raise Unreadable(_why(text, error)) from None


def _report_twice(pairs: list[tuple[str, Any]], reasons: Reasons) -> None:
    """Say which names an object holds twice: of a badly merged file the last one counts."""
    seen: dict[str, Any] = {}
    for name, value in pairs:
        if name in seen and seen[name] != value:
            reasons.add("took the last of the values that stand twice for", one_line(name))
        seen[name] = value


def _too_deep() -> str:
    return "the file is no notebook: its lists and objects lie in each other too deeply"


def _why(text: str, error: json.JSONDecodeError) -> str:
    """Say what a text is that is no JSON."""
    conflict = CONFLICT.search(text)
    if conflict:
        line = text.count("\n", 0, conflict.start()) + 1
        return (
            f"the file holds the marks of a git conflict ({conflict[1]} in line {line}): "
            "choose one of the versions and hand it in again"
        )
    start = text.lstrip()[:200].lower()
    if re.match(r"<(!doctype html|html|head|body)", start):
        return "the file is a web page and not a notebook: download the .ipynb file itself"
    if start.startswith("<"):
        return "the file is XML or HTML and not a notebook"
    if not start.startswith("{") and _is_python(text):
        return "the file is Python code and not a notebook: hand in the .ipynb file"
    if not start.startswith("{"):
        return f"the file is not a notebook: it begins with {one_line(text.lstrip()[:20])!r}"
    if _is_cut(text, error):
        return f"the file was cut short after line {text.count(chr(10)) + 1}: hand it in again"
    return f"the file is no valid JSON: {error.msg}, line {error.lineno}, column {error.colno}"


def _is_cut(text: str, error: json.JSONDecodeError) -> bool:
    whole = text.rstrip()
    if error.msg.startswith("Unterminated string"):  # it would end at the line's end otherwise
        return True
    half_word = error.pos >= len(whole) - 6 and not whole.endswith("}")  # as in "tru" or "\u00"
    return error.pos >= len(whole) or half_word


def _is_python(text: str) -> bool:
    tree = parsed_code(text)
    return tree is not None and any(not isinstance(node, ast.Expr) for node in tree.body)


def parsed_code(source: str) -> ast.Module | None:
    """Return what Python makes of a text, or None where it is not Python or far too much."""
    if len(source) > 1_000_000:
        return None
    with warnings.catch_warnings():  # about strings like "\d", which are the student's business
        warnings.simplefilter("ignore")
        try:
            return ast.parse(source)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return None


# --- from values to a notebook ------------------------------------------------------------------


def _notebook(content: Any, reasons: Reasons) -> NotebookNode:
    if not isinstance(content, dict):
        raise Unreadable("the file is JSON, but no notebook")
    items = _items(content)
    if len(items) > CELLS:
        raise Unreadable(f"the notebook has {len(items)} cells, and {CELLS} is the limit")
    _say_version(content, reasons)
    metadata = _clean(_object(content.get("metadata")), reasons)
    items = [_clean(item, reasons) for item in items]
    cells = [_cell(item, f"cell {n}", reasons) for n, item in enumerate(items, 1)]
    for cell, name in zip(cells, _ids(items, content, reasons), strict=True):
        cell["id"] = name
    version, minor = FORMAT
    notebook = from_dict(
        {"nbformat": version, "nbformat_minor": minor, "metadata": metadata, "cells": cells}
    )
    _make_valid(notebook, reasons)
    joined: NotebookNode = rejoin_lines(notebook)
    return joined


def _items(content: dict[str, Any]) -> list[Any]:
    """Return the cells; those of format 3 lie in worksheets."""
    if isinstance(content.get("cells"), list):
        return list(content["cells"])
    sheets = content.get("worksheets")
    if not isinstance(sheets, list):
        raise Unreadable("the file is JSON, but no notebook: it has no list of cells")
    lists = [sheet.get("cells") for sheet in sheets if isinstance(sheet, dict)]
    return [cell for cells in lists if isinstance(cells, list) for cell in cells]


def _say_version(content: dict[str, Any], reasons: Reasons) -> None:
    version, minor = content.get("nbformat"), content.get("nbformat_minor")
    if not _is_count(version) or (version == FORMAT[0] and not _is_count(minor)):
        reasons.add("took the file for notebook format 4.5, since it does not say its own")
    elif version > FORMAT[0]:
        raise Unreadable(
            f"the notebook is of format {version}, which is not known here: save it as format 4"
        )
    elif (version, minor or 0) != FORMAT:
        reasons.add(f"brought the notebook from format {_version(version, minor)} to format 4.5")


def _version(version: int, minor: Any) -> str:
    return f"{version}.{minor}" if _is_count(minor) else str(version)


def _is_count(value: Any) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _clean(value: Any, reasons: Reasons, depth: int = 0) -> Any:
    """Return a copy whose strings can be written, of a depth that can be walked."""
    if depth > DEPTH:
        raise Unreadable(_too_deep())
    if isinstance(value, str):
        return _clean_string(value, reasons)
    if isinstance(value, list):
        return [_clean(item, reasons, depth + 1) for item in value]
    if isinstance(value, dict):
        return {
            _clean_string(key, reasons): _clean(item, reasons, depth + 1)
            for key, item in value.items()
        }
    return value


def _clean_string(value: str, reasons: Reasons) -> str:
    if "\0" in value:
        reasons.add("left out NUL characters, which Python does not read")
        value = value.replace("\0", "")
    value, halves = UNWRITABLE.subn("\ufffd", value)
    if halves:
        reasons.add("replaced halves of characters, which cannot be written, by \ufffd")
    return value


def _cell(item: Any, where: str, reasons: Reasons) -> dict[str, Any]:
    """Return a cell with the fields that its type has, but for the id."""
    if not isinstance(item, dict):
        reasons.add("kept as plain text what is no cell", where)
        text = item if isinstance(item, str) else json.dumps(item, ensure_ascii=False)
        return {"cell_type": "raw", "metadata": {}, "source": text}
    if not item.keys() <= FIELDS | OLD_FIELDS:
        reasons.add("left out fields that cells do not have", where)
    kind = _kind(item, where, reasons)
    cell: dict[str, Any] = {
        "cell_type": kind,
        "metadata": _object(item.get("metadata")),
        "source": _source(item, where, reasons),
    }
    if kind == "code":
        count = item.get("execution_count")
        cell["execution_count"] = count if _is_count(count) else None
        cell["outputs"] = _outputs(item, where, reasons)
    elif "attachments" in item:
        cell["attachments"] = item["attachments"]
    return cell


def _kind(item: dict[str, Any], where: str, reasons: Reasons) -> str:
    kind = item.get("cell_type")
    if kind in ("code", "markdown", "raw"):
        return str(kind)
    if kind in ("heading", "html"):  # format 3
        return "markdown"
    runs = bool({"outputs", "execution_count", "input"} & item.keys())
    reasons.add(f"took a cell of no known type for {'code' if runs else 'plain text'}", where)
    return "code" if runs else "raw"


def _source(item: dict[str, Any], where: str, reasons: Reasons) -> str:
    source = item.get("source", item.get("input", ""))
    lines = source if isinstance(source, list) else [source]
    if not all(isinstance(line, str) for line in lines):
        reasons.add("left out what is no text in the source", where)
    text = "".join(line for line in lines if isinstance(line, str))
    level = item.get("level", 1)
    if item.get("cell_type") == "heading":
        text = "#" * (level if level in range(1, 7) else 1) + " " + " ".join(text.split("\n"))
    return text


def _outputs(item: dict[str, Any], where: str, reasons: Reasons) -> list[Any]:
    outputs = item.get("outputs", [])
    if "input" in item:  # format 3 has others; they are made again when the notebook is run
        return []
    if not isinstance(outputs, list):
        reasons.add("left out outputs that are malformed", where)
        return []
    return outputs


def _ids(items: list[Any], content: dict[str, Any], reasons: Reasons) -> list[str]:
    """Return an id for each cell: its own if it may have it, otherwise one after its number."""
    wanted = [item.get("id") if isinstance(item, dict) else None for item in items]
    valid = [name if isinstance(name, str) and ID.fullmatch(name) else None for name in wanted]
    has_ids = any(name is not None for name in wanted) or _has_format(content)
    taken = {name for name in valid if name is not None}
    seen: set[str] = set()
    ids = []
    for n, name in enumerate(valid, 1):
        if name is None:
            if has_ids:
                reasons.add("gave new ids to cells without a valid one", f"cell {n}")
            name = unused(f"cell-{n}", taken)
        elif name in seen:
            reasons.add(f"gave a new id to a cell with the id of another, {name}", f"cell {n}")
            name = copy_id(name, taken) or unused(f"cell-{n}", taken)
        seen.add(name)
        ids.append(name)
    return ids


def _has_format(content: dict[str, Any]) -> bool:
    """Return whether a file is of a format in which cells have ids."""
    version, minor = content.get("nbformat"), content.get("nbformat_minor")
    return version == FORMAT[0] and _is_count(minor) and minor >= FORMAT[1]


def unused(name: str, taken: set[str]) -> str:
    """Return ``name``, or if it is taken that with a number, and take it."""
    candidates: Iterator[str] = (f"{name}-{n}" for n in range(2, 10 + len(taken)))
    chosen = name if name not in taken else next(c for c in candidates if c not in taken)
    taken.add(chosen)
    return chosen


def copy_id(name: str, taken: set[str]) -> str | None:
    """Return an id that says whose copy a cell is, or None where there is no room for it."""
    chosen = unused(f"{name}-copy-1", set(taken))
    if not ID.fullmatch(chosen):
        return None
    taken.add(chosen)
    return chosen


def copied_id(name: str) -> str:
    """Return the id that ``copy_id`` made another one of, or the id itself."""
    return re.sub(r"-copy-1(-\d+)?$", "", name)


def _make_valid(notebook: NotebookNode, reasons: Reasons) -> None:
    """Empty the fields that the notebook format does not allow as they are."""
    if _is_valid(notebook):
        return
    for name in list(notebook.metadata):
        if not _is_valid({**notebook, "cells": [], "metadata": {name: notebook.metadata[name]}}):
            del notebook.metadata[name]
            reasons.add("left out metadata of the notebook that is malformed", one_line(name))
    for n, cell in enumerate(notebook.cells, 1):
        for field in ("outputs", "attachments", "metadata"):
            if field in cell and not _is_valid({**notebook, "cells": [_only(cell, field)]}):
                _empty(cell, field)
                reasons.add(f"left out {field} that are malformed", f"cell {n}")


def _only(cell: NotebookNode, field: str) -> dict[str, Any]:
    """Return the cell with the other fields emptied, so that an error must lie in this one."""
    copy = dict(cell)
    for other in {"outputs", "attachments", "metadata"} & cell.keys() - {field}:
        copy[other] = [] if other == "outputs" else {}
    return copy


def _empty(cell: NotebookNode, field: str) -> None:
    if field == "outputs":
        cell[field] = []
    elif field == "attachments":
        del cell[field]
    else:  # what says which cell it is must not go with the rest
        kept = cell[field].get("nbgrader")
        cell[field] = NotebookNode({"nbgrader": kept} if isinstance(kept, dict) else {})


def _is_valid(notebook: dict[str, Any]) -> bool:
    # nbformat's own isvalid looks for the best words, which takes a hundred times longer
    validator = get_validator(*FORMAT, name="fastjsonschema")
    return next(iter(validator.iter_errors(notebook)), None) is None
