"""Read a file as a notebook of format 4.5, or say in one line why it is none.

The notebook may be old, edited by programs that know nothing of the format, or tampered with. What
is clear is mended, with a reason.

This module does not know which assignment the notebook is for, nor how it is graded.
"""

import json
import re
from collections.abc import Mapping
from typing import Any, TypeGuard

from nbformat import NotebookNode, from_dict
from nbformat.v4.rwbase import rejoin_lines
from nbformat.validator import get_validator

from autograder.status import Reasons, Unreadable, one_line
from autograder.submission import notebook_file
from seqlab.names import names

FORMAT = (4, 5)
CELLS = 4_000  # more than anybody writes
DEPTH = 100  # of nested lists and objects; rich outputs have about 30
ID = re.compile(r"[a-zA-Z0-9_-]{1,64}")
FIELDS = {"id", "cell_type", "metadata", "source", "outputs", "execution_count", "attachments"}
ENDS = ("\n", "\r")  # of lines
NO_CELL = "kept as plain text what is not a cell"
UNWRITABLE = re.compile("[\ud800-\udfff]")  # halves of a character, which UTF-8 cannot hold


def read(raw: bytes, reasons: Reasons) -> NotebookNode:
    """Return the notebook that a file holds; add to ``reasons`` what had to be mended.

    Raises:
        Unreadable: it is no notebook, not a whole one, or too large.
    """
    content = notebook_file.values(raw, reasons)
    if not isinstance(content, dict):
        raise Unreadable("the file is JSON, but not a notebook")
    _check_version(content, reasons)
    items = content.get("cells")
    if not isinstance(items, list):
        raise Unreadable("the file is JSON, but not a notebook: it has no list of cells")
    if not items:
        raise Unreadable("the notebook has no cells: hand in the one that holds your work")
    if len(items) > CELLS:
        raise Unreadable(f"the notebook has {len(items)} cells, and {CELLS} is the limit")
    items = [_clean(item, reasons) for item in items]
    cells = [_cell(item, f"cell {n}", reasons) for n, item in enumerate(items, 1)]
    for cell, cell_id in zip(cells, _ids(items, content, reasons), strict=True):
        cell["id"] = cell_id
    return _valid(cells, _clean(_object(content.get("metadata")), reasons), reasons)


def unused(name: str, taken: set[str]) -> str:
    """Return ``name``, with a number behind it if it is taken, and take it.

    >>> unused("note", {"note"})
    'note-2'
    """
    candidates = (f"{name}-{n}" for n in range(2, 10 + len(taken)))
    chosen = name if name not in taken else next(c for c in candidates if c not in taken)
    taken.add(chosen)
    return chosen


def original_id(cell_id: str) -> str:
    """Return the id whose copy got this one (see ``_ids``), or the id itself.

    >>> original_id("a-1-1-solution-copy-1")
    'a-1-1-solution'
    """
    return re.sub(r"-copy-1(-\d+)?$", "", cell_id)


# The format


def _check_version(content: Mapping[str, Any], reasons: Reasons) -> None:
    major, minor = content.get("nbformat"), content.get("nbformat_minor")
    if not _is_count(major) or not _is_count(minor):
        reasons.add("took the file for notebook format 4.5, since it does not say which it has")
    elif major != FORMAT[0]:
        raise Unreadable(f"the notebook has format {major}: save it as format 4, in Jupyter")
    elif (major, minor) != FORMAT:
        reasons.add(f"converted the notebook from format {major}.{minor} to 4.5")


def _is_count(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _clean(value: Any, reasons: Reasons, depth: int = 0) -> Any:
    """Return a copy whose strings can be written, of a depth that can be walked."""
    if depth > DEPTH:
        raise Unreadable(notebook_file.too_deep())
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
        reasons.add("removed NUL characters, which Python does not read")
        value = value.replace("\0", "")
    value, halves = UNWRITABLE.subn("\ufffd", value)
    if halves:
        reasons.add("replaced halves of characters by \ufffd, since they cannot be written")
    return value


# Cells


def _cell(item: Any, where: str, reasons: Reasons) -> dict[str, Any]:
    """Return a cell with the fields that its type has, except for the id."""
    if not isinstance(item, dict):
        reasons.add(NO_CELL, where)
        text = item if isinstance(item, str) else json.dumps(item, ensure_ascii=False)
        return {"cell_type": "raw", "metadata": {}, "source": text}
    if not item.keys() <= FIELDS:
        reasons.add("removed fields that cells do not have", where)
    kind = _type(item, where, reasons)
    cell: dict[str, Any] = {
        "cell_type": kind,
        "metadata": _object(item.get("metadata")),
        "source": _source(item, kind == "code", where, reasons),
    }
    if kind == "code":
        count = item.get("execution_count")
        cell["execution_count"] = count if _is_count(count) else None
        cell["outputs"] = item.get("outputs", [])
    elif "attachments" in item:
        cell["attachments"] = item["attachments"]
    return cell


def _type(item: dict[str, Any], where: str, reasons: Reasons) -> str:
    if item.get("cell_type") in ("code", "markdown", "raw"):
        return str(item["cell_type"])
    is_code = bool({"outputs", "execution_count"} & item.keys())
    kind = "code" if is_code else "plain text"
    reasons.add(f"took cells of an unknown type for {kind}", where)
    return "code" if is_code else "raw"


def _source(item: dict[str, Any], is_code: bool, where: str, reasons: Reasons) -> str:
    source = item.get("source", "")
    parts = source if isinstance(source, list) else [source]
    lines = [part for part in parts if isinstance(part, str)]
    if len(lines) < len(parts):
        reasons.add("removed from the source what is not text", where)
    if _lack_ends(lines, is_code):
        reasons.add("put line breaks between lines of cells that had none")
        return "".join(_ended(lines))
    return "".join(lines)


def _lack_ends(lines: list[str], is_code: bool) -> bool:
    r"""Return whether a source is a list of lines that have lost their ends.

    The format wants ["x = 1\n", "y = 2"]. Some programs write ["x = 1", "y = 2"], which would be
    x = 1y = 2. But the parts of a list need not be lines: ["x = ", "1"] is what Jupyter reads as
    x = 1. Of code, the reading that parses is taken.
    """
    lacking = sum(not line.endswith(ENDS) for line in lines[:-1])
    if not lacking:
        return False
    is_each = lacking == len(lines) - 1
    if not is_code:
        return is_each
    as_parts = names("".join(lines)).is_python
    as_lines = names("".join(_ended(lines))).is_python
    return as_lines >= as_parts if is_each else as_lines > as_parts


def _ended(lines: list[str]) -> list[str]:
    """Return the lines, each but the last with an end."""
    return [line if line.endswith(ENDS) else f"{line}\n" for line in lines[:-1]] + lines[-1:]


def _ids(items: list[Any], content: Mapping[str, Any], reasons: Reasons) -> list[str]:
    """Return an id for each cell: its own if it may have it, otherwise one after its number.

    A second cell with the id of another gets one that says whose copy it is.
    """
    own = [_object(item).get("id") for item in items]
    valid = [name if isinstance(name, str) and ID.fullmatch(name) else None for name in own]
    has_ids = any(name is not None for name in own) or _says_ids(content)
    taken, seen, ids = set(filter(None, valid)), set[str](), list[str]()
    for n, name in enumerate(valid, 1):
        if name is None and has_ids:
            reasons.add("gave new ids to cells without a valid one", f"cell {n}")
        elif name in seen:
            reasons.add(f"gave new ids to further cells called {name}", f"cell {n}")
        if name is None or name in seen:
            copy_name = f"{name}-copy-1" if name and len(name) <= 50 else f"cell-{n}"
            name = unused(copy_name, taken)
        seen.add(name)
        ids.append(name)
    return ids


def _says_ids(content: Mapping[str, Any]) -> bool:
    """Return whether a file says that it has a format in which cells have ids."""
    minor = content.get("nbformat_minor")
    return content.get("nbformat") == FORMAT[0] and _is_count(minor) and minor >= FORMAT[1]


# Fields that are malformed


def _valid(cells: list[dict[str, Any]], metadata: dict[str, Any], reasons: Reasons) -> NotebookNode:
    """Return a notebook, less the fields that the format does not allow as they are."""
    notebook = _notebook(cells, metadata)
    if not _is_valid(notebook):
        for name in [n for n in metadata if not _is_valid(_notebook([], {n: metadata[n]}))]:
            del metadata[name]
            reasons.add("removed malformed metadata of the notebook", one_line(name))
        for n, cell in enumerate(cells, 1):
            _empty_malformed(cell, f"cell {n}", reasons)
        notebook = _notebook(cells, metadata)
    joined: NotebookNode = rejoin_lines(notebook)
    return joined


def _notebook(cells: list[dict[str, Any]], metadata: dict[str, Any]) -> NotebookNode:
    major, minor = FORMAT
    values = {"nbformat": major, "nbformat_minor": minor, "metadata": metadata, "cells": cells}
    notebook: NotebookNode = from_dict(values)
    return notebook


def _empty_malformed(cell: dict[str, Any], where: str, reasons: Reasons) -> None:
    """Empty those fields of a cell that the format does not allow as they are."""
    nbgrader = _object(cell["metadata"].get("nbgrader"))
    kept = {"nbgrader": nbgrader} if nbgrader else {}  # it says which cell this is
    empty: dict[str, Any] = {"outputs": [], "attachments": {}, "metadata": kept}
    fields = [field for field in empty if field in cell]
    for field in fields:
        others = {other: empty[other] for other in fields if other != field}
        if not _is_valid(_notebook([{**cell, **others}], {})):
            cell[field] = empty[field]
            reasons.add(f"removed malformed {field}", where)
    if not cell.get("attachments", True):
        del cell["attachments"]


def _is_valid(notebook: NotebookNode) -> bool:
    # nbformat's own isvalid looks for the best words, which takes a hundred times longer
    validator = get_validator(*FORMAT, name="fastjsonschema")
    return next(iter(validator.iter_errors(notebook)), None) is None
