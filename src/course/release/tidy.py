"""Put a master in order after work in Jupyter: cells' ids, outputs."""

from pathlib import Path

import nbformat

from autograder.cells import grade_id
from course.run.atomic import write_whole


def tidy(path: Path) -> list[str]:
    """Give graded cells their grade ids as ids, remove outputs, and return what was changed.

    nbgrader's sidebar sets a cell's grade id, and Jupyter its id; here the two are the same. A
    notebook that is in order is not written.
    """
    notebook = nbformat.read(path, as_version=4)
    ids = {cell.id for cell in notebook.cells}
    changes = []
    for cell in notebook.cells:
        if (name := grade_id(cell)) and name not in ids:
            ids.add(name)
            changes.append(f"cell {cell.id} is called {name} now")
            cell.id = name
        if cell.get("outputs") or cell.get("execution_count"):
            changes.append(f"removed the outputs of cell {cell.id}")
            cell.outputs, cell.execution_count = [], None
    if notebook.metadata.pop("widgets", None):
        changes.append("removed the state of widgets")
    if changes:
        mode = path.stat().st_mode
        write_whole(path, (nbformat.writes(notebook) + "\n").encode())
        path.chmod(mode)
    return changes
