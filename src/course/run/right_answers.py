"""What explains a failed test: the catalogue of mistakes, completed from the master.

A solution cell that no entry is of gets the master's own answer, so that feedback on an assignment
whose mistakes are not known yet still says what differs.
"""

import ast

import nbformat
from nbformat import NotebookNode

from autograder.cells import is_solution
from course.directory import Course


def completed_catalogue(course: Course, assignment: str) -> str:
    """Return the text of a catalogue with a right answer for every solution cell.

    Nothing is returned where the catalogue is one of this repository's and complete.

    Raises:
        CourseError: there is no such assignment, or its catalogue cannot be used.
    """
    known = course.catalogue(assignment)
    master = nbformat.read(course.master(assignment), as_version=4)
    ids = {cell.id for cell in known}
    missing = [cell for cell in master.cells if is_solution(cell) and cell.id not in ids]
    text = course.catalogue_text(assignment)
    if not missing:
        return text
    if not text:
        text = f"import mistakes\n\nCELLS = mistakes.catalogue({assignment!r})\n"
    entries = "".join(f"    {_entry(cell)},\n" for cell in missing)
    return f"{text}\nfrom mistakes import Cell\n\nCELLS += (\n{entries})\n"


def _entry(cell: NotebookNode) -> str:
    """Return the Python that makes an entry of a master's solution cell."""
    return f"Cell({str(cell.id)!r}, {_functions(cell.source)!r}, {str(cell.source)!r})"


def _functions(source: str) -> tuple[str, ...]:
    try:
        statements = ast.parse(source).body
    except SyntaxError:
        return ()
    return tuple(node.name for node in statements if isinstance(node, ast.FunctionDef))
