"""Make a notebook of what is handed in on Gradescope: template.py, and 2_4.txt.

The whole of ``template.py`` comes first, as cells of the student's own and in its order, so that
its functions find what they find when it is imported. Then each solution cell gets the statements
that define what it asks for, and the text becomes the written answer.

This module does not know how a notebook is graded, nor which functions are right.
"""

import ast
import codecs
import io
import re
import sys
import tokenize
import warnings
from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from pathlib import PurePosixPath

from nbformat import NotebookNode
from nbformat.v4 import new_code_cell

from autograder.cells import is_answer, is_solution
from seqlab.names import names

CODE, TEXT = "template.py", "2_4.txt"
ASSIGNMENTS = ("gpt2",)  # those that are handed in so
MOST_CELLS = 60  # that a file is cut into; one with more statements that act is left whole
MOST_TEXT = 100_000  # characters of the written answer
SURE = {*sys.stdlib_module_names, "numpy", "tqdm", "seqlab", "matplotlib", "seaborn", "tiktoken"}
BYTES_MARKS = {codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
HEADING = f"What was handed in as `{TEXT}`:"


class NotMadeError(Exception):
    """No notebook can be made; the message says why, in one line."""


@dataclass(frozen=True)
class Made:
    """A notebook, and what the files did not have."""

    notebook: NotebookNode
    missing: tuple[str, ...]  # names that solution cells ask for and template.py does not define

    @property
    def reasons(self) -> tuple[str, ...]:
        """Return what there is to say, one line each."""
        lines = [f"{CODE} does not define {', '.join(self.missing)}"] if self.missing else []
        return (f"the notebook was made of {CODE}", *lines)


def is_turned_in(assignment: str, files: Mapping[str, bytes]) -> bool:
    """Return whether a submission is files to make a notebook of, and has no notebook itself."""
    return (
        assignment in ASSIGNMENTS
        and CODE in files
        and not any(PurePosixPath(name).suffix == ".ipynb" for name in files)
    )


def made(release: NotebookNode, files: Mapping[str, bytes]) -> Made:
    """Return the release with what the files hold in its cells.

    Raises:
        NotMadeError: template.py is missing, or is not Python.
    """
    if CODE not in files:
        raise NotMadeError(f"{CODE} is missing")
    blocks = list(_blocks(_decoded(files[CODE])))
    notebook = deepcopy(release)
    missing = [name for cell in notebook.cells for name in _fill(cell, blocks)]
    _answer(notebook, files.get(TEXT, b""))
    first = next(i for i, cell in enumerate(notebook.cells) if cell.cell_type == "code")
    notebook.cells[first + 1 : first + 1] = [
        new_code_cell(source, id=f"template-{i}") for i, source in enumerate(_cells(blocks))
    ]
    return Made(notebook, tuple(missing))


def _fill(cell: NotebookNode, blocks: "list[_Block]") -> list[str]:
    """Write the definitions that a solution cell asks for into it; return what there is not."""
    if not is_solution(cell):
        return []
    wanted = names(cell.source).defined
    found = [block for block in blocks if block.binds & wanted]
    if found:
        cell.source = "\n\n\n".join(block.source for block in found)
    return sorted(wanted - {name for block in found for name in block.binds})


def _answer(notebook: NotebookNode, raw: bytes) -> None:
    """Put the text, as it is, into the one cell that asks for a written answer."""
    text = _text(raw).strip("\n")[:MOST_TEXT]
    cells = [c for c in notebook.cells if is_answer(c)]
    if not text.strip() or len(cells) != 1:
        return
    ticks = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * max(3, ticks + 1)
    cells[0].source = f"{HEADING}\n\n{fence}text\n{text}\n{fence}"


# The file, cut into statements


@dataclass(frozen=True)
class _Block:
    """Statements that stand on lines of their own, with the comments before them."""

    source: str
    binds: frozenset[str]
    acts: bool  # it does more than define, so that it may fail


def _blocks(source: str) -> Iterator[_Block]:
    """Yield the statements of a file, without what runs only when it is a program."""
    lines, end = source.split("\n"), 0
    for nodes in _together(_parsed(source).body):
        last = max(node.end_lineno or node.lineno for node in nodes)
        text = "\n".join(lines[end:last]).strip("\n")
        end = last
        if not any(map(_is_main, nodes)):
            yield _Block(text, names(text).defined, any(map(_acts, nodes)))


def _together(statements: list[ast.stmt]) -> Iterator[list[ast.stmt]]:
    """Yield statements, those together that share a line."""
    group: list[ast.stmt] = []
    for statement in statements:
        if group and statement.lineno > (group[-1].end_lineno or 0):
            yield group
            group = []
        group.append(statement)
    if group:
        yield group


def _cells(blocks: list[_Block]) -> list[str]:
    """Return the file as cells, each of which may fail without the others."""
    cells: list[list[str]] = []
    acted = True
    for block in blocks:
        if acted or block.acts:
            cells.append([])
        cells[-1].append(block.source)
        acted = block.acts
    if len(cells) > MOST_CELLS:
        cells = [[block.source for block in blocks]]
    return ["\n\n".join(cell) for cell in cells]


def _acts(node: ast.stmt) -> bool:
    """Return whether a statement may fail, or print, or take long."""
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return bool(node.decorator_list) or isinstance(node, ast.ClassDef)
    if isinstance(node, ast.Import):
        return any(alias.name.partition(".")[0] not in SURE for alias in node.names)
    if isinstance(node, ast.ImportFrom):
        return (node.module or "").partition(".")[0] not in SURE or node.level > 0
    if isinstance(node, (ast.Assign, ast.AnnAssign)):
        return node.value is not None and not isinstance(node.value, (ast.Constant, ast.Lambda))
    return not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))


def _is_main(node: ast.stmt) -> bool:
    return isinstance(node, ast.If) and re.sub(r"[\s'\"()]", "", ast.unparse(node.test)) in (
        "__name__==__main__",
        "__main__==__name__",
    )


# From bytes to text


def _parsed(source: str) -> ast.Module:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(source)
    except SyntaxError as error:
        raise NotMadeError(f"{CODE}, line {error.lineno}: {error.msg}") from None
    except (ValueError, RecursionError, MemoryError) as error:
        raise NotMadeError(f"{CODE} is not Python that can be read ({error})") from None


def _decoded(raw: bytes) -> str:
    """Return what a file of Python says, in the encoding that it names."""
    if mark := next((m for m in BYTES_MARKS if raw.startswith(m)), b""):
        return _lines(raw.decode(BYTES_MARKS[mark], errors="replace"))
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(raw).readline)
        return _lines(raw.decode(encoding))
    except (SyntaxError, UnicodeDecodeError, LookupError):
        raise NotMadeError(f"{CODE} is not UTF-8 text: save it as UTF-8") from None


def _text(raw: bytes) -> str:
    """Return what a text says; Windows' editors write other encodings than UTF-8."""
    mark = next((m for m in BYTES_MARKS if raw.startswith(m)), b"")
    for encoding in [BYTES_MARKS[mark]] if mark else ["utf-8-sig", "cp1252"]:
        try:
            return _lines(raw.decode(encoding)).replace("\0", "")
        except UnicodeDecodeError:
            continue
    return _lines(raw.decode("latin-1")).replace("\0", "")


def _lines(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n").removeprefix("\ufeff")
