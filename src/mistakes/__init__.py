"""The catalogue: for every graded function what students get wrong, and many right answers.

It tests the tests (``course mutation``), explains failures in feedback, and fills examples. It is
staff's: nothing of it may be readable where a student's code runs. It does not know how a cell is
run or marked.
"""

import importlib
import pkgutil
from functools import cache
from pathlib import Path

from mistakes.entries import Cell, EditError, HeldBack, Mistake, Right


@cache
def catalogue(assignment: str) -> tuple[Cell, ...]:
    """Return the cells of an assignment's catalogue, in the order of their modules' names.

    Every module of ``mistakes.ASSIGNMENT`` has a ``CELL``. An assignment without a package has an
    empty catalogue.
    """
    try:
        package = importlib.import_module(f"mistakes.{assignment}")
    except ModuleNotFoundError:
        return ()
    modules = pkgutil.iter_modules(package.__path__)
    names = sorted(module.name for module in modules if not module.ispkg)
    return tuple(importlib.import_module(f"{package.__name__}.{name}").CELL for name in names)


def assignments() -> list[str]:
    """Return the assignments that have a catalogue."""
    here = Path(__file__).parent
    return sorted(path.parent.name for path in here.glob("*/__init__.py"))


__all__ = ["Cell", "EditError", "HeldBack", "Mistake", "Right", "assignments", "catalogue"]
