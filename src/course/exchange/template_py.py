"""Make a notebook of the files that are turned in instead of one: template.py, and 2_4.txt.

The whole of ``template.py`` comes first, as cells of the student's own and in its order, so that
its functions find what they find when it is imported. Then each solution cell gets the statements
that define what it asks for, and the text becomes the written answer. What the files are called
stands in ``assignment.toml``.

This module does not know how a notebook is graded, nor which functions are right.
"""

import ast
import codecs
import io
import re
import tokenize
import warnings
from collections.abc import Iterator, Mapping
from contextlib import suppress
from copy import deepcopy
from dataclasses import dataclass
from pathlib import PurePosixPath

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell

from autograder.assignment import TurnIn
from autograder.cells import is_answer, is_solution
from seqlab.names import names

MOST_TEXT = 100_000  # characters of the written answer
MOST_CODE = 1_000_000  # bytes of functions that are parsed only to say what is wrong with them


class AssemblyError(Exception):
    """No notebook can be made; the message says why, in one line."""


@dataclass(frozen=True)
class AssembledNotebook:
    """A notebook, and what there is to say about how it was made."""

    notebook: NotebookNode
    reasons: tuple[str, ...]

    @property
    def content(self) -> bytes:
        """Return the notebook as a file."""
        text: str = nbformat.writes(self.notebook)
        return text.encode("utf-8", "replace")


def is_to_assemble(turn_in: TurnIn | None, files: Mapping[str, bytes]) -> bool:
    """Return whether a notebook has to be made of the files, since none is among them.

    >>> is_to_assemble(TurnIn("template.py"), {"template.py": b""})
    True
    """
    has_notebook = any(PurePosixPath(name).suffix.lower() == ".ipynb" for name in files)
    return turn_in is not None and turn_in.functions in files and not has_notebook


def assemble(
    release: NotebookNode, turn_in: TurnIn, files: Mapping[str, bytes]
) -> AssembledNotebook:
    """Return the release with what the files hold in its cells.

    Raises:
        AssemblyError: the file of functions is missing, or is not Python.
    """
    if turn_in.functions not in files:
        raise AssemblyError(f"{turn_in.functions} is missing")
    blocks = _blocks(files[turn_in.functions], turn_in.functions)
    notebook = deepcopy(release)
    missing = [name for cell in notebook.cells for name in _fill(cell, blocks)]
    reasons = [f"the notebook was made of {turn_in.functions}"]
    if missing:
        reasons.append(f"{turn_in.functions} does not define {', '.join(missing)}")
    if turn_in.answer and (reason := _answer(notebook, turn_in.answer, files)):
        reasons.append(reason)
    first = next(i for i, cell in enumerate(notebook.cells) if cell.cell_type == "code")
    notebook.cells[first + 1 : first + 1] = [
        new_code_cell(block.source, id=f"template-{i}") for i, block in enumerate(blocks)
    ]
    return AssembledNotebook(notebook, tuple(reasons))


def why_no_notebook(
    release: NotebookNode, turn_in: TurnIn | None, files: Mapping[str, bytes]
) -> str:
    """Return why files that are turned in instead of a notebook were not made into one, or "".

    Example: "no notebook could be made: template.py, line 3: invalid syntax"
    """
    if turn_in is None or not is_to_assemble(turn_in, files):
        return ""
    if len(files[turn_in.functions]) > MOST_CODE:
        return f"no notebook could be made: {turn_in.functions} has over {MOST_CODE} bytes"
    try:
        assemble(release, turn_in, files)
    except AssemblyError as error:
        return f"no notebook could be made: {error}"
    return f"course collect makes a notebook of {turn_in.functions}"


def _fill(cell: NotebookNode, blocks: "list[_Block]") -> list[str]:
    """Write the definitions that a solution cell asks for into it; return those there are not."""
    if not is_solution(cell):
        return []
    wanted = names(cell.source).defined
    chosen = [block for block in blocks if block.binds & wanted]
    if chosen:
        cell.source = "\n\n\n".join(block.source for block in chosen)
    return sorted(wanted - {name for block in chosen for name in block.binds})


def _answer(notebook: NotebookNode, name: str, files: Mapping[str, bytes]) -> str:
    """Put the text, as it is, into the cell for the written answer; return why not, or ""."""
    text = _decoded_text(files.get(name, b"")).strip("\n")
    cells = [cell for cell in notebook.cells if is_answer(cell)]
    if not text.strip():
        return f"{name} is empty" if name in files else f"{name} is missing"
    if len(cells) != 1:
        return f"{name} was left out: the assignment has {len(cells)} written answers, not one"
    ticks = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * max(3, ticks + 1)
    cells[0].source = f"Handed in as `{name}`:\n\n{fence}text\n{text[:MOST_TEXT]}\n{fence}"
    if len(text) > MOST_TEXT:
        return f"{name} has {len(text)} characters; the first {MOST_TEXT} were taken"
    return ""


# The file, cut into statements


@dataclass(frozen=True)
class _Block:
    """Statements that stand on lines of their own, with the comments before them."""

    source: str
    binds: frozenset[str]


def _blocks(raw: bytes, name: str) -> list[_Block]:
    """Return the statements of a file, without what runs only when it is a program.

    Each becomes a cell, so that one that fails, such as an import, costs nothing but itself.
    """
    source = _decoded_python(raw, name)
    lines, end = source.split("\n"), 0
    blocks: list[_Block] = []
    for statements in _sharing_lines(_parsed(source, name).body):
        last = max(node.end_lineno or node.lineno for node in statements)
        text = "\n".join(lines[end:last]).strip("\n")
        end = last
        if not any(map(_is_main, statements)):
            blocks.append(_Block(text, names(text).defined))
    return blocks


def _sharing_lines(statements: list[ast.stmt]) -> Iterator[list[ast.stmt]]:
    """Yield the statements, those together that share a line."""
    group: list[ast.stmt] = []
    for statement in statements:
        if group and statement.lineno > (group[-1].end_lineno or 0):
            yield group
            group = []
        group.append(statement)
    if group:
        yield group


def _is_main(node: ast.stmt) -> bool:
    return isinstance(node, ast.If) and re.sub(r"[\s'\"()]", "", ast.unparse(node.test)) in (
        "__name__==__main__",
        "__main__==__name__",
    )


# From bytes to text


def _parsed(source: str, name: str) -> ast.Module:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(source)
    except SyntaxError as error:
        raise AssemblyError(f"{name}, line {error.lineno}: {error.msg}") from None
    except (ValueError, RecursionError, MemoryError) as error:
        raise AssemblyError(f"{name} is not Python that can be read ({error})") from None


def _decoded_python(raw: bytes, name: str) -> str:
    """Return the text of a Python file, in the encoding that it names."""
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(raw).readline)
        return _lines(raw.decode(encoding))
    except (SyntaxError, UnicodeDecodeError, LookupError):
        raise AssemblyError(f"{name} is not UTF-8 text: save it as UTF-8") from None


def _decoded_text(raw: bytes) -> str:
    """Return a text; editors on Windows write other encodings than UTF-8."""
    is_utf16 = raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    for encoding in ("utf-16",) if is_utf16 else ("utf-8-sig", "cp1252"):
        with suppress(UnicodeDecodeError):
            return _lines(raw.decode(encoding)).replace("\0", "")
    return _lines(raw.decode("latin-1")).replace("\0", "")


def _lines(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n").removeprefix("\ufeff")
