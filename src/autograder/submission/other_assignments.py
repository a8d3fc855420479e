"""Recognise the notebook of another assignment of the course, to say which one was handed in.

Of another assignment only its landmarks are known here: for each cell to fill in its id and the
names that it defines. They change when an assignment gets another cell, and with nothing else.
"""

from collections.abc import Iterable, Mapping, Sequence

from nbformat import NotebookNode

from autograder import cells
from autograder.submission.matching import CellKind, TemplateCell, defined_names

Landmarks = Sequence[Sequence[str]]  # of each cell to fill in


def landmarks(template: NotebookNode) -> Landmarks:
    """Return by which names the cells of an assignment are known, from its student version."""
    asked = [cell for cell in template.cells if cells.is_solution(cell) or cells.is_answer(cell)]
    return [[cells.grade_id(cell), *sorted(_names(cell))] for cell in asked]


def mentioned(
    others: Mapping[str, Landmarks], files: Mapping[str, bytes], template: str
) -> dict[str, Landmarks]:
    """Return those assignments of which files say something that is not the template's.

    The rest cannot matter. Without it a new assignment leaves the keys of results as they are.

    >>> others = {"gpt2": [["softmax"], ["gelu"]], "rnn": [["gru"]]}
    >>> mentioned(others, {"a.ipynb": b"def gelu(x)"}, "def softmax(x)")
    {'gpt2': [['softmax'], ['gelu']]}
    """

    def are_there(names: Iterable[str]) -> bool:
        own = [name.encode() for name in names if name not in template]
        return any(name in content for name in own for content in files.values())

    return {name: of for name, of in others.items() if are_there(n for cell in of for n in cell)}


def other_than(
    asked: Iterable[TemplateCell], notebook: NotebookNode, others: Mapping[str, Landmarks]
) -> str:
    """Return the assignment of which half the cells or more are in a notebook; "" if there is none.

    What both assignments have is no evidence.

    Args:
        asked: the cells to fill in of the assignment that it was handed in as
        notebook: as it was handed in
        others: the course's other assignments
    """
    own = {name for cell in asked for name in (cell.name, *cell.names)}
    there = {name for cell in notebook.cells for name in (*_ids(cell), *_names(cell))} - own
    shares = {name: _share([set(cell) - own for cell in of], there) for name, of in others.items()}
    best = max(shares, key=lambda name: shares[name], default="")
    return best if best and shares[best] >= 1 / 2 else ""


def defines_none(asked: Iterable[TemplateCell], notebook: NotebookNode) -> bool:
    """Return whether a notebook defines nothing of what an assignment asks for by name.

    Assignments that began as copies of one have cells of the same ids.
    """
    wanted = {name for cell in asked if cell.kind is CellKind.SOLUTION for name in cell.names}
    return bool(wanted) and not any(wanted.intersection(_names(cell)) for cell in notebook.cells)


def _share(landmarks: Iterable[set[str]], there: set[str]) -> float:
    known = [bool(names & there) for names in landmarks if names]
    return sum(known) / len(known) if known else 0.0


def _ids(cell: NotebookNode) -> list[str]:
    flags = cell.metadata.get("nbgrader")
    named = flags.get("grade_id") if isinstance(flags, dict) else None
    return [cell.id, *([named] if isinstance(named, str) else [])]


def _names(cell: NotebookNode) -> frozenset[str]:
    return defined_names(cell.source) if cell.cell_type == "code" else frozenset()
