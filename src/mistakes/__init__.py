"""The catalogue: for every graded function, what students get wrong, and many right answers.

It tests the tests (``course mutation``), explains failures in feedback, and supplies the example
class. Only staff have it: nothing of it may be readable where a student's code runs.
"""

import importlib
import pkgutil
from functools import cache
from pathlib import Path

from mistakes.entries import Cell, EditError, HeldBack, Mistake, Right


@cache
def catalogue(assignment: str) -> tuple[Cell, ...]:
    """Return an assignment's catalogue: the ``CELL`` of each module in ``mistakes.ASSIGNMENT``.

    They come in the order of the modules' names. An assignment without such a package has an empty
    catalogue.

    >>> catalogue("assignment5")[0].functions
    ('sample_text_RNN',)
    >>> catalogue("no-such-assignment")
    ()
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
