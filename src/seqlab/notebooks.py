"""A notebook as a file: what its cells are for, and which problem of the text they belong to.

nbgrader's flags are read as the plain JSON that they are; nbgrader itself is not needed.
"""

import contextlib
import hashlib
import re
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode

from seqlab import released, unwritten
from seqlab.errors import DataError

UNANSWERED = "*Your answer here.*"
DEMO = "demo"  # the tag of cells that show something and decide nothing
SHOWN = 44  # characters of a cell's first line
HEADING = re.compile(r"(#{1,6})[ \t]+([^ \t].*)")
FENCE = re.compile(r"[ \t]*(```|~~~)")
DULL = re.compile(r"#|import |from ")  # lines that tell little about a cell
CONFLICT = re.compile(r"^(<<<<<<<|>>>>>>>) ", re.MULTILINE)


@dataclass(frozen=True)
class NotebookCell:
    """A cell and its place in the notebook, counted from 0."""

    index: int
    node: NotebookNode

    @cached_property
    def flags(self) -> dict[str, Any]:
        """What nbgrader noted on the cell; empty on a cell of the student's own."""
        noted = self.node.metadata.get("nbgrader", {})
        return dict(noted) if isinstance(noted, dict) else {}

    @property
    def source(self) -> str:
        """The cell's text."""
        return str(self.node.source)

    @property
    def name(self) -> str:
        """The name by which grading knows the cell; empty on a cell of the student's own."""
        return str(self.flags.get("grade_id", ""))

    @property
    def is_code(self) -> bool:
        """Whether the cell is run."""
        return bool(self.node.cell_type == "code")

    @property
    def is_locked(self) -> bool:
        """Whether the cell is the course's: grading runs it as it was handed out."""
        return bool(self.flags.get("locked"))

    @property
    def is_test(self) -> bool:
        """Whether running the cell decides points."""
        return self.is_code and self.is_locked and bool(self.flags.get("grade"))

    @property
    def is_solution(self) -> bool:
        """Whether the cell is for the student's code."""
        return self.is_code and bool(self.flags.get("solution"))

    @property
    def is_answer(self) -> bool:
        """Whether the cell is for the student's written answer."""
        return not self.is_code and bool(self.flags.get("solution"))

    @property
    def is_demo(self) -> bool:
        """Whether the cell only shows something."""
        return DEMO in self.node.metadata.get("tags", [])

    @property
    def points(self) -> float:
        """How many points the cell is worth."""
        points = self.flags.get("points")
        return float(points) if self.flags.get("grade") and isinstance(points, int | float) else 0.0

    @property
    def is_untouched(self) -> bool:
        """Whether the cell is as it was handed out, judging by its own metadata."""
        if self.is_answer:
            return not self.source.replace(UNANSWERED, "").strip()
        return self.flags.get("checksum") == checksum(self)

    def label(self) -> str:
        """Return the cell's number, counted from 1, and words to recognise it by."""
        return f"cell {self.index + 1} ({self._hint()})"

    def _hint(self) -> str:
        lines = [line.strip() for line in self.source.splitlines() if line.strip()]
        telling = next((line for line in lines if not DULL.match(line)), (lines or ["empty"])[0])
        if defined := re.match(r"(?:async )?(?:def|class) \w+", telling):
            return defined.group()
        return telling if len(telling) <= SHOWN else telling[: SHOWN - 3] + "..."


@dataclass
class Section:
    """The cells under a heading, up to the next heading of any level."""

    title: str
    level: int
    above: tuple[str, ...] = ()  # titles of the headings above this one, outermost first
    cells: list[NotebookCell] = field(default_factory=list)

    @property
    def points(self) -> float:
        """How many points the cells are worth together."""
        return sum(cell.points for cell in self.cells)


def checksum(cell: NotebookCell) -> str:
    """Return nbgrader's fingerprint of a cell; the metadata holds that of the cell as handed out.

    Source: nbgrader.utils.compute_checksum.
    """
    parts = [cell.source, cell.node.cell_type]
    parts += [str(bool(cell.flags.get(flag))) for flag in ("grade", "solution", "locked")]
    parts += [cell.name, *([str(cell.points)] if cell.flags.get("grade") else [])]
    return hashlib.md5("".join(parts).encode(), usedforsecurity=False).hexdigest()


def read(path: Path) -> NotebookNode:
    """Return the notebook in a file.

    Raises:
        DataError: the file is missing, or not a notebook.
    """
    try:
        text = path.read_text("utf-8-sig")
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise DataError(f"{path} is not a notebook: it is not text") from None
    if CONFLICT.search(text):
        raise DataError(f"{path} holds the marks of a merge (<<<<<<<): settle it in git first")
    return _parsed(path, text)


def _parsed(path: Path, text: str) -> NotebookNode:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # ids that older editors do not write
            notebook: NotebookNode = nbformat.reads(text, as_version=4)
    except Exception as error:  # nbformat's, json's, and those of whatever the file holds instead
        raise DataError(f"{path} is not a notebook ({_first_line(error)}): save it again") from None
    if not any(cell.cell_type == "code" for cell in notebook.cells):
        raise DataError(f"{path} holds no cell with code: is it the right file?")
    return notebook


def cells(notebook: NotebookNode) -> list[NotebookCell]:
    """Return the notebook's cells in order."""
    return [NotebookCell(i, node) for i, node in enumerate(notebook.cells)]


def sections(notebook: NotebookNode) -> list[Section]:
    """Return the notebook cut at its headings; what precedes the first one has no title."""
    parts = [Section("", 0)]
    for cell in cells(notebook):
        if not cell.is_code and not cell.is_answer:
            for level, title in headings(cell.source):
                parts.append(_section(parts, level, title))
        parts[-1].cells.append(cell)
    return parts


def _section(before: Sequence[Section], level: int, title: str) -> Section:
    """Return a new section, with the titles above it."""
    above: list[tuple[int, str]] = []
    for section in before:
        above = [(n, t) for n, t in above if n < section.level]
        above += [(section.level, section.title)] if section.level else []
    return Section(title, level, tuple(t for n, t in above if n < level))


def headings(markdown: str) -> Iterator[tuple[int, str]]:
    r"""Yield level and text of the headings; a # at the start of a line of code is none.

    Example:
        >>> list(headings("# Toy\n```\n# a comment\n```\n## Problem 1"))
        [(1, 'Toy'), (2, 'Problem 1')]
    """
    fence = ""
    for line in markdown.splitlines():
        if opened := FENCE.match(line):
            fence = "" if fence == opened.group(1) else fence or opened.group(1)
        elif not fence and (heading := HEADING.fullmatch(line)):
            text = heading.group(2)
            yield len(heading.group(1)), text.rstrip(" \t#") or text[0]


def original(path: Path, notebook: NotebookNode) -> tuple[Path, NotebookNode] | None:
    """Return the notebook as it was handed out, with its path, or None if it cannot be found.

    It is looked for in this package, then in ``release/`` from the notebook's folder upwards. A
    candidate that shares no cell with ``notebook`` is of another assignment.
    """
    own = {cell.name for cell in cells(notebook) if cell.name}
    for candidate in released.paths(path.resolve().parent):
        with contextlib.suppress(DataError):
            handed_out = read(candidate)
            shared = own & {cell.name for cell in cells(handed_out)}
            if shared and candidate.resolve() != path.resolve():
                return candidate, handed_out
    return None


def unfinished(cell: NotebookCell, stub: str | None) -> str:
    """Return what a cell for the student's work still lacks; nothing if it is complete.

    Args:
        cell: a solution or an answer
        stub: the cell's source as it was handed out, if that is known
    """
    if cell.is_answer:
        return "not answered yet" if cell.is_untouched else ""
    if cell.is_untouched or cell.source == stub:
        return "still as it was handed out"
    stubs = list(unwritten.unwritten(cell.source, stub or ""))
    return f"still to be written: {', '.join(stubs)}" if stubs else ""


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:80]
