"""Which cells of a master a test depends on, through the names that cells define and read."""

from collections.abc import Mapping
from dataclasses import dataclass

from nbformat import NotebookNode

from autograder.cells import is_graded, is_solution, is_test
from seqlab.names import names


@dataclass(frozen=True)
class TestCell:
    """A test cell: its id, its points, the solution cells whose code it runs, and its own one."""

    __test__ = False  # pytest collects what is called so

    name: str
    points: float
    runs: frozenset[str]
    of: str = ""


def tests(master: NotebookNode) -> list[TestCell]:
    """Return the test cells of a master, in order."""
    code = [cell for cell in master.cells if cell.cell_type == "code"]
    solutions = {cell.id: cell.source for cell in code if is_solution(cell) and not is_graded(cell)}
    found, of = [], ""
    for cell in code:
        of = cell.id if cell.id in solutions else of
        if is_test(cell):
            points = float(cell.metadata.nbgrader["points"])
            found.append(TestCell(cell.id, points, frozenset(_reached(cell.source, solutions)), of))
    return found


def own_tests(master: NotebookNode, solution: str) -> list[str]:
    """Return the tests of a solution cell itself: those up to the next solution cell."""
    own: list[str] = []
    inside = False
    for cell in master.cells:
        if is_solution(cell) and not is_graded(cell):
            inside = cell.id == solution
        elif inside and is_test(cell):
            own.append(cell.id)
    return own


def needed(cells: list[NotebookNode], always: str, right: Mapping[str, str]) -> list[NotebookNode]:
    """Return the graded cells among some, with the cells that they depend on, in order.

    Args:
        cells: code cells
        always: the id of a cell that is kept in any case
        right: right answers by cell, which may stand in for a cell, and depend on others
    """
    last = max((i for i, cell in enumerate(cells) if is_graded(cell)), default=-1)
    cells = [cell for i, cell in enumerate(cells) if i <= last or cell.id == always]
    sources = {cell.id: cell.source for cell in cells}
    kept = {cell.id for cell in cells if is_graded(cell)} | {always}
    waiting = list(kept)
    while waiting:
        cell = waiting.pop()
        texts = (sources[cell], right.get(cell, ""))
        new = {name for text in texts for name in _reached(text, sources)} - kept
        kept |= new
        waiting += new
    return [cell for cell in cells if cell.id in kept]


def _reached(source: str, cells: Mapping[str, str]) -> set[str]:
    """Return the cells that define what some code reads, and what they read in turn."""
    defined = {cell: names(text).defined for cell, text in cells.items()}
    reached: set[str] = set()
    waiting = [source]
    while waiting:
        read = _reads(waiting.pop())
        new = {cell for cell, bound in defined.items() if read & bound} - reached
        reached |= new
        waiting += [cells[cell] for cell in new]
    return reached


def _reads(source: str) -> frozenset[str]:
    """Return the names that a cell takes from other cells, in its functions as well."""
    return names(source).at_once | names(source).later
