"""Decide whether enough of an assignment was recognised in a notebook to give it a mark.

The line is a third of the cells for the student's code. Two assignments of a course may share a
few functions by name (softmax, a causal mask): two of ten here. Students who hand in a part of
their work leave the other cells as they were handed out, so nearly all cells of theirs are
recognised. Below the line it is likelier that this is another notebook, or one that was typed
anew, than that somebody deleted the rest on purpose; a zero would be a mark that nobody gave.
"""

from nbformat import NotebookNode

from autograder.submission.matching import CellKind, Matching, TemplateCell
from autograder.submission.reasons import Unreadable, one_line

ONE_IN = 3


def check(
    matching: Matching, certain: set[TemplateCell], notebook: NotebookNode, assignment: str
) -> None:
    """Refuse a notebook in which too little of the template was recognised.

    Args:
        matching: when all that can be recognised is
        certain: the cells that were recognised by more than their place
        notebook: as it was handed in
        assignment: its name, for the reason

    Raises:
        Unreadable: it is another notebook, or a person has to look.
    """
    solutions = [target for target in matching.template if target.kind is CellKind.SOLUTION]
    asked = solutions or matching.template
    known = len(_trusted(matching, certain).intersection(asked))
    if known * ONE_IN < len(asked):
        share = (
            f"only {known} of the {len(asked)} cells to fill in were recognised as {assignment}'s"
        )
        is_other = not known or _names_others(notebook, {t.name for t in matching.template})
        problem = f"none of its cells belongs to {assignment}" if is_other else share
        title = _title(notebook)
        raise Unreadable(f'{problem}; the notebook is called "{title}"' if title else problem)


def _trusted(matching: Matching, certain: set[TemplateCell]) -> set[TemplateCell]:
    """Return the cells whose recognition counts.

    Places tell something only where enough of the cells around them is known.
    """
    locked = [target for target in matching.template if target.is_locked]
    if locked and len(certain.intersection(locked)) * ONE_IN >= len(locked):
        return {cell.match for cell in matching.submitted if cell.match}
    return certain


def _names_others(notebook: NotebookNode, names: set[str]) -> bool:
    """Return whether the cells have grade ids, all of them another assignment's."""
    flags = [node.metadata.get("nbgrader") for node in notebook.cells]
    ids = {str(flag["grade_id"]) for flag in flags if isinstance(flag, dict) and "grade_id" in flag}
    return bool(ids) and not ids & names


def _title(notebook: NotebookNode) -> str:
    """Return the first heading."""
    texts = (node.source for node in notebook.cells if node.cell_type == "markdown")
    lines = (line.strip() for text in texts for line in text.split("\n"))
    return next((one_line(line.lstrip("#")) for line in lines if line.startswith("#")), "")
