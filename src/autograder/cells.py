"""What a cell of a notebook is for: a test, a solution, a written answer, a provided cell, a demo.

The functions take a cell of ``nbformat`` or of plain JSON and load neither nbformat nor nbgrader,
so a shell can complete the name of a test in no time.

    >>> is_test({"cell_type": "code", "metadata": {"nbgrader": {"grade": True}}})
    True
"""

from collections.abc import Mapping
from typing import Any

DEMO = "demo"  # the tag of cells that show something and decide nothing
Cell = Mapping[str, Any]


def grade_id(cell: Cell) -> str:
    """Return the name by which nbgrader knows a cell, or an empty text."""
    return str(_flags(cell).get("grade_id", ""))


def is_graded(cell: Cell) -> bool:
    """Return whether a cell has points, automatic or manual."""
    return bool(_flags(cell).get("grade"))


def is_test(cell: Cell) -> bool:
    """Return whether a cell's outputs decide its points."""
    flags = _flags(cell)
    return _is_code(cell) and bool(flags.get("grade")) and not flags.get("solution")


def is_solution(cell: Cell) -> bool:
    """Return whether a cell is for the student's code."""
    return _is_code(cell) and bool(_flags(cell).get("solution"))


def is_answer(cell: Cell) -> bool:
    """Return whether a cell is for text that the student writes."""
    return not _is_code(cell) and bool(_flags(cell).get("solution"))


def is_locked(cell: Cell) -> bool:
    """Return whether a cell gets the master's text back before it is graded."""
    flags = _flags(cell)
    return not flags.get("solution") and bool(flags.get("grade") or flags.get("locked"))


def is_demo(cell: Cell) -> bool:
    """Return whether a cell is tagged as a demonstration."""
    return DEMO in cell.get("metadata", {}).get("tags", [])


def is_skipped(cell: Cell, released: Mapping[str, str]) -> bool:
    """Return whether grading leaves a cell out: a demonstration that the student has not changed.

    Args:
        cell: of a submission
        released: the sources of the release's cells, by id
    """
    unchanged = cell["source"].strip() == released.get(cell.get("id", ""), "").strip()
    return is_demo(cell) and (is_locked(cell) or unchanged)


def _is_code(cell: Cell) -> bool:
    return cell.get("cell_type") == "code"


def _flags(cell: Cell) -> Mapping[str, Any]:
    flags: Mapping[str, Any] = cell.get("metadata", {}).get("nbgrader", {})
    return flags
