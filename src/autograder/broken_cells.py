"""Name the cells of a student that do not compile, or import a module that is not there.

Such a cell costs every test that needs it, and a mark should say so. What is said comes from the
cell's source: messages of errors are the student's to choose, and may hold hidden inputs.
"""

import ast
import importlib.util
import re
import sys
from collections.abc import Collection, Iterator

from nbformat import NotebookNode

from autograder.cells import is_locked
from seqlab.names import names

NO_SYNTAX = {"SyntaxError", "IndentationError", "TabError"}
MOST = 20  # cells that are named


def reasons(notebook: NotebookNode, files: Collection[str], python: str) -> list[str]:
    """Return a line for each cell that is broken.

    Args:
        notebook: after it was run
        files: names of the files beside it, which it can import
        python: the version that the student's notebook names, or ""
    """
    broken: list[str] = []
    for cell in notebook.cells:
        if cell.cell_type == "code" and not is_locked(cell):
            errors = {o.ename for o in cell.outputs if o.output_type == "error"}
            if errors & NO_SYNTAX and not names(cell.source).is_python:
                broken.append(f"cell {cell.id} does not compile{_newer(python)}")
            elif "ModuleNotFoundError" in errors:
                missing = sorted(set(_missing(cell.source, files)))
                broken += [f"cell {cell.id} imports {name}, which is not there" for name in missing]
    return broken[:MOST]


def _newer(python: str) -> str:
    """Return what a newer version of Python than this one explains."""
    match = re.match(r"3\.(\d{1,3})\b", python)
    here = f"{sys.version_info[0]}.{sys.version_info[1]}"
    if match is None or int(match[1]) <= sys.version_info[1]:
        return f" with Python {here}"
    return f" with Python {here}, which grades; the notebook was saved with {match[0]}"


def _missing(source: str, files: Collection[str]) -> Iterator[str]:
    beside = {name.partition("/")[0].removesuffix(".py") for name in files}
    lines = "\n".join("" if line.lstrip()[:1] in "%!" else line for line in source.split("\n"))
    try:
        tree = ast.parse(lines)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return
    for node in ast.walk(tree):
        modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            modules = [node.module]
        for root in (module.partition(".")[0] for module in modules):
            if root not in sys.modules and root not in beside and not _is_there(root):
                yield root


def _is_there(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except (ImportError, ValueError):
        return False
