"""A notebook as a file: what its cells are for, and which problem of the text they belong to.

nbgrader's flags are read as the plain JSON they are. This module does not know how a notebook is
run, what a right answer is, nor how it is graded.
"""

import ast
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

from seqlab.errors import DataError

STUB = "# your code here"
UNANSWERED = "*Your answer here.*"
DEMO = "demo"  # the tag of cells that show something and decide nothing
RELEASED = "released"  # beside this module: notebooks as they were handed out
SHOWN = 44  # characters of a cell's first line
HEADING = re.compile(r"(#{1,6})[ \t]+(.+?)[ \t#]*")
FENCE = re.compile(r"[ \t]*(```|~~~)")
DULL = re.compile(r"#|import |from ")  # lines that say little about a cell
CONFLICT = re.compile(r"^(<<<<<<<|>>>>>>>) ", re.MULTILINE)


@dataclass(frozen=True)
class NotebookCell:
    """A cell and its place in the notebook, counted from 0."""

    index: int
    node: NotebookNode

    @cached_property
    def flags(self) -> dict[str, Any]:
        """What nbgrader noted on the cell; empty on a cell of the student's own."""
        found = self.node.metadata.get("nbgrader", {})
        return dict(found) if isinstance(found, dict) else {}

    @property
    def source(self) -> str:
        """What stands in the cell."""
        return str(self.node.source)

    @property
    def name(self) -> str:
        """The name that grading knows the cell by, or nothing."""
        return str(self.flags.get("grade_id", ""))

    @property
    def is_code(self) -> bool:
        """Whether the cell is run."""
        return bool(self.node.cell_type == "code")

    @property
    def is_locked(self) -> bool:
        """Whether the cell is the course's, and put back before grading."""
        return bool(self.flags.get("locked"))

    @property
    def is_test(self) -> bool:
        """Whether the cell decides points by running."""
        return self.is_code and self.is_locked and bool(self.flags.get("grade"))

    @property
    def is_solution(self) -> bool:
        """Whether the cell is for the student's code."""
        return self.is_code and bool(self.flags.get("solution"))

    @property
    def is_answer(self) -> bool:
        """Whether the cell is for a written answer."""
        return not self.is_code and bool(self.flags.get("solution"))

    @property
    def is_demo(self) -> bool:
        """Whether the cell only shows something."""
        return DEMO in self.node.metadata.get("tags", [])

    @property
    def points(self) -> float:
        """What the cell is worth."""
        points = self.flags.get("points")
        return float(points) if self.flags.get("grade") and isinstance(points, int | float) else 0.0

    @property
    def is_untouched(self) -> bool:
        """Whether the cell is as it was handed out, as far as its own metadata tells."""
        if self.is_answer:
            return not self.source.replace(UNANSWERED, "").strip()
        return self.flags.get("checksum") == checksum(self)

    def label(self) -> str:
        """Return words that help a reader to find the cell."""
        return f"cell {self.index + 1} ({self._hint()})"

    def _hint(self) -> str:
        lines = [line.strip() for line in self.source.splitlines() if line.strip()]
        telling = next((line for line in lines if not DULL.match(line)), (lines or ["empty"])[0])
        if defined := re.match(r"(?:async )?(?:def|class) \w+", telling):
            return defined.group()
        return telling if len(telling) <= SHOWN else telling[: SHOWN - 3] + "..."


@dataclass
class Section:
    """The cells under one heading, as far as the next one."""

    title: str
    level: int
    above: tuple[str, ...] = ()  # the titles that this one lies under, outermost first
    cells: list[NotebookCell] = field(default_factory=list)

    @property
    def points(self) -> float:
        """What the cells are worth together."""
        return sum(cell.points for cell in self.cells)


def checksum(cell: NotebookCell) -> str:
    """Return nbgrader's fingerprint of a cell, which its metadata holds as it was handed out.

    Source: nbgrader.utils.compute_checksum.
    """
    parts = [cell.source, cell.node.cell_type]
    parts += [str(bool(cell.flags.get(flag))) for flag in ("grade", "solution", "locked")]
    parts += [cell.name, *([str(cell.points)] if cell.flags.get("grade") else [])]
    return hashlib.md5("".join(parts).encode(), usedforsecurity=False).hexdigest()


def read(path: Path) -> NotebookNode:
    """Return the notebook in a file.

    Raises:
        DataError: there is no such file, or it is no notebook.
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
    except Exception as error:  # nbformat's, json's and those of whatever the file holds instead
        raise DataError(f"{path} is not a notebook ({_first_line(error)}): save it again") from None
    if not any(cell.cell_type == "code" for cell in notebook.cells):
        raise DataError(f"{path} holds no cell with code: is it the right file?")
    return notebook


def cells(notebook: NotebookNode) -> list[NotebookCell]:
    """Return the notebook's cells in order."""
    return [NotebookCell(i, node) for i, node in enumerate(notebook.cells)]


def sections(notebook: NotebookNode) -> list[Section]:
    """Return the notebook cut at its headings, in order; what precedes the first has no title."""
    found = [Section("", 0)]
    for cell in cells(notebook):
        if not cell.is_code and not cell.is_answer:
            for level, title in headings(cell.source):
                found.append(_below(found, level, title))
        found[-1].cells.append(cell)
    return found


def _below(before: Sequence[Section], level: int, title: str) -> Section:
    """Return a new section, with the titles that it lies under."""
    above: list[tuple[int, str]] = []
    for section in before:
        above = [(n, t) for n, t in above if n < section.level]
        above += [(section.level, section.title)] if section.level else []
    return Section(title, level, tuple(t for n, t in above if n < level))


def headings(markdown: str) -> Iterator[tuple[int, str]]:
    """Yield level and text of each heading; lines of code that begin with # are none."""
    fence = ""
    for line in markdown.splitlines():
        if opened := FENCE.match(line):
            fence = "" if fence == opened.group(1) else fence or opened.group(1)
        elif not fence and (heading := HEADING.fullmatch(line)):
            yield len(heading.group(1)), heading.group(2)


def original(path: Path, notebook: NotebookNode) -> tuple[Path, NotebookNode] | None:
    """Return the notebook as it was handed out, with its path; None where it does not lie beside.

    It is looked for beside this module, and then in ``release/`` from the notebook's folder
    upwards. What shares no cell with ``notebook`` is another assignment.
    """
    names = {cell.name for cell in cells(notebook) if cell.name}
    own = Path(__file__).parent / RELEASED
    places = [(own, "*.ipynb")]
    places += [(folder / "release", "*/*.ipynb") for folder in path.resolve().parents]
    for candidate in (file for place, files in places for file in sorted(place.glob(files))):
        with contextlib.suppress(DataError):
            found = read(candidate)
            shared = names & {cell.name for cell in cells(found)}
            if shared and candidate.resolve() != path.resolve():
                return candidate, found
    return None


def unfinished(cell: NotebookCell, given: str | None) -> str:
    """Return what a cell for the student's work still lacks, or nothing.

    Args:
        cell: a solution or an answer
        given: the cell's source as handed out, where that is known
    """
    if cell.is_answer:
        return "not answered yet" if cell.is_untouched else ""
    if cell.is_untouched or cell.source == given:
        return "still as it was handed out"
    names = _stubs(cell.source, given or "")
    return f"still to be written: {', '.join(names)}" if names else ""


def _stubs(source: str, given: str) -> list[str]:
    """Return the functions that hold nothing, nothing but dots, or what they were given with."""
    handed_out = {
        name: ast.dump(function)
        for name, function in _functions(given)
        if STUB in (ast.get_source_segment(given, function) or "")
    }
    return [
        name
        for name, function in _functions(source)
        if _is_empty(function) or handed_out.get(name) == ast.dump(function)
    ]


def _functions(source: str) -> Iterator[tuple[str, ast.FunctionDef]]:
    try:
        tree = ast.parse(source)
    except SyntaxError:
        return
    yield from ((node.name, node) for node in tree.body if isinstance(node, ast.FunctionDef))


def _is_empty(function: ast.FunctionDef) -> bool:
    """Return whether a function has only a docstring, or keeps a result that is three dots."""
    body = [node for node in function.body if not _is_constant(node)]
    dots: set[str] = set()
    others: set[str] = set()
    for node in ast.walk(function):
        if isinstance(node, ast.Assign) and len(node.targets) == 1:
            is_dots = isinstance(node.value, ast.Constant) and node.value.value is Ellipsis
            (dots if is_dots else others).add(ast.unparse(node.targets[0]))
        elif isinstance(node, ast.AugAssign | ast.AnnAssign | ast.For | ast.NamedExpr):
            others.add(ast.unparse(node.target))
    return not body or bool(dots - others)


def _is_constant(node: ast.stmt) -> bool:
    return isinstance(node, ast.Pass) or (
        isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    )


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:80]
