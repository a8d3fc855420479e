"""What nbgrader's settings of outputs, IgnorePattern and LimitOutput, do to a graded notebook.

nbgrader takes a second to load. Nearly always its settings only drop what was written to stderr, or
change nothing: then it is not needed here.
"""

import re
from collections.abc import Mapping

from nbformat import NotebookNode

Settings = Mapping[str, Mapping[str, object]]  # of nbgrader's preprocessors, by their names
IGNORE = {"enabled", "pattern"}  # settings of IgnorePattern
MOST_LINES, MOST_TRACEBACK = 1000, 100  # nbgrader's defaults


def applied(notebook: NotebookNode, settings: Settings) -> NotebookNode:
    """Return a notebook with the outputs that nbgrader's preprocessors would leave.

    Args:
        notebook: a graded one, changed in place
        settings: the course's own
    """
    if settings.keys() - {"IgnorePattern"} or any(map(_is_long, notebook.cells)):
        return _by_nbgrader(notebook, settings)
    ignore = settings.get("IgnorePattern", {})
    enabled, pattern = ignore.get("enabled", False), ignore.get("pattern", "")
    if ignore.keys() - IGNORE or type(enabled) is not bool or not isinstance(pattern, str):
        return _by_nbgrader(notebook, settings)
    if enabled and pattern:
        for cell in notebook.cells:
            _ignore(cell, pattern)
    return notebook


def _ignore(cell: NotebookNode, pattern: str) -> None:
    """Drop what was written to stderr and matches a pattern, as IgnorePattern does."""
    if cell.cell_type == "code":
        cell.outputs = [
            output
            for output in cell.outputs
            if output.get("name") != "stderr" or not re.search(pattern, output.text)
        ]


def _is_long(cell: NotebookNode) -> bool:
    """Return whether LimitOutput may cut something of a cell."""
    outputs = cell.get("outputs", [])
    lines = sum(output.text.count("\n") + 1 for output in outputs if "text" in output)
    tracebacks = (len(output.traceback) for output in outputs if "traceback" in output)
    return lines > MOST_LINES or any(length > MOST_TRACEBACK for length in tracebacks)


def _by_nbgrader(notebook: NotebookNode, settings: Settings) -> NotebookNode:
    from nbgrader.preprocessors import IgnorePattern, LimitOutput
    from traitlets.config import Config

    config = Config(settings)
    for preprocessor in (IgnorePattern(config=config), LimitOutput(config=config)):
        if preprocessor.enabled:
            notebook, _ = preprocessor.preprocess(notebook, {})
    return notebook
