"""The catalogue: for every graded function, what students get wrong, and many right answers.

It tests the tests (``course mutation``), explains failures in feedback, and supplies the example
class. Only staff have it: nothing of it may be readable where a student's code runs.

The catalogues of this repository's assignments are packages here, ``mistakes.NAME``. A course that
lies elsewhere keeps its own beside the master, in ``source/NAME/mistakes.py``, whose text goes into
each job and so into the key of its result.
"""

import importlib
import pkgutil
from functools import cache
from pathlib import Path

from mistakes.entries import Cell, EditError, HeldBack, Mistake, Right

FILE = "mistakes.py"  # in an assignment's folder


class CatalogueError(ValueError):
    """A catalogue beside a master cannot be used; the message says why, in one line."""


def catalogue(assignment: str, text: str = "") -> tuple[Cell, ...]:
    """Return the cells of an assignment's catalogue; an assignment without one has none.

    >>> catalogue("assignment5")[0].functions
    ('sample_text_RNN',)
    >>> catalogue("no-such-assignment")
    ()

    Args:
        assignment: its name; every module of the package ``mistakes.NAME`` has a ``CELL``
        text: of ``source/NAME/mistakes.py``, which has ``CELLS`` and is used instead of the package

    Raises:
        CatalogueError: the text is not Python, fails, or has no ``CELLS``.
    """
    return _of_text(assignment, text) if text else _of_package(assignment)


@cache
def _of_package(assignment: str) -> tuple[Cell, ...]:
    if assignment not in assignments():
        return ()
    package = importlib.import_module(f"mistakes.{assignment}")
    modules = pkgutil.iter_modules(package.__path__)
    names = sorted(module.name for module in modules if not module.ispkg)
    return tuple(importlib.import_module(f"{package.__name__}.{name}").CELL for name in names)


@cache
def _of_text(assignment: str, text: str) -> tuple[Cell, ...]:
    where = f"source/{assignment}/{FILE}"
    space = {"__name__": "mistakes", "__file__": where}
    try:
        exec(compile(text, where, "exec"), space)  # noqa: S102  (it is the instructor's own)
    except Exception as error:
        raise CatalogueError(f"{where} fails: {type(error).__name__}: {error}") from None
    cells = space.get("CELLS")
    if not isinstance(cells, tuple) or not all(isinstance(cell, Cell) for cell in cells):
        raise CatalogueError(f"{where} must define CELLS, a tuple of mistakes.Cell")
    return cells


def assignments() -> list[str]:
    """Return the assignments that have a package here."""
    here = Path(__file__).parent
    return sorted(path.parent.name for path in here.glob("*/__init__.py"))


__all__ = [
    "FILE",
    "CatalogueError",
    "Cell",
    "EditError",
    "HeldBack",
    "Mistake",
    "Right",
    "assignments",
    "catalogue",
]
