"""Which of a submission's cells is which of the template's, and whether their texts are the same.

A `Matching` holds both, as far as they are matched; every step of the repair works on one.
"""

import re
from collections.abc import Iterable
from copy import deepcopy
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from nbformat import NotebookNode

from autograder import cells
from autograder.status import Reasons
from seqlab.names import names

FUNCTION = re.compile(r"^(?:async[ \t]+)?(?:def|class)[ \t]+(\w+)", re.MULTILINE)
ASSIGNED = re.compile(r"^(\w+)[ \t]*(?::[^=\n]+)?=(?!=)", re.MULTILINE)


class CellKind(StrEnum):
    """What a cell of the template is for."""

    FIXED = "fixed"
    TEST = "test"
    SOLUTION = "solution"
    ANSWER = "answer"
    FREE = "free"


@dataclass(frozen=True, eq=False)
class TemplateCell:
    """A cell of the template, the student version of the notebook."""

    name: str  # its id and grade id
    place: int
    node: NotebookNode
    kind: CellKind
    unique_names: frozenset[str]  # what it and no other cell of the template defines
    names: frozenset[str]  # what it defines

    @property
    def source(self) -> str:
        """Return its text."""
        return str(self.node.source)

    @property
    def is_locked(self) -> bool:
        """Return whether students have nothing to write in it."""
        return self.kind in (CellKind.FIXED, CellKind.TEST)

    @property
    def is_asked_for(self) -> bool:
        """Return whether students have to write in it."""
        return self.kind in (CellKind.SOLUTION, CellKind.ANSWER)


@dataclass(eq=False)
class SubmittedCell:
    """A cell of the submission, and the template's cell that it turned out to be."""

    node: NotebookNode
    match: TemplateCell | None = None
    follows: TemplateCell | None = None  # whose needless copy it followed

    @property
    def source(self) -> str:
        """Return its text."""
        return str(self.node.source)

    def is_unchanged(self, target: TemplateCell) -> bool:
        """Return whether its text is the template's."""
        return is_same(self.source, target.source)

    def fits(self, target: TemplateCell) -> bool:
        """Return whether its text is one that the template's cell may have become."""
        if target.is_locked or not target.unique_names:
            return self.is_unchanged(target)
        return bool(defined_names(self.source) & target.unique_names)

    def become(self, target: TemplateCell) -> None:
        """Be the template's cell, with its metadata."""
        self.match, self.follows = target, None
        self.node["metadata"] = deepcopy(target.node.metadata)


@dataclass
class Matching:
    """The submission's cells, the template's, and what was done so far."""

    submitted: list[SubmittedCell]
    template: list[TemplateCell]
    reasons: Reasons

    @classmethod
    def of(cls, notebook: NotebookNode, template: NotebookNode, reasons: Reasons) -> "Matching":
        """Return a matching in which no cell is matched."""
        submitted = [SubmittedCell(NotebookNode(node)) for node in notebook.cells]
        return cls(submitted, list(template_cells(template)), reasons)

    def unmatched(self, *kinds: CellKind) -> list[TemplateCell]:
        """Return the template's cells, of these kinds if any are named, that nobody is yet."""
        matched = {cell.match for cell in self.submitted}
        return [t for t in self.template if t not in matched and (not kinds or t.kind in kinds)]

    def recognise(self, cell: SubmittedCell, target: TemplateCell, how: str) -> None:
        """Match a cell without an id."""
        cell.become(target)
        self.reasons.add(f"recognised cells without ids by their {how}", target.name)

    def neighbours(self, target: TemplateCell) -> tuple[int, int]:
        """Return the places of the matched cells that an unmatched one would stand between."""
        places = {cell.match: i for i, cell in enumerate(self.submitted) if cell.match}
        above = [places[t] for t in self.template[: target.place] if t in places]
        below = [places[t] for t in self.template[target.place + 1 :] if t in places]
        return (above[-1] if above else -1), (below[0] if below else len(self.submitted))

    def gap(self, target: TemplateCell) -> list[SubmittedCell]:
        """Return the cells without ids that stand where an unmatched one would stand."""
        above, below = self.neighbours(target)
        return [cell for cell in self.submitted[above + 1 : max(below, 0)] if not cell.match]

    def report_doubt(self, target: TemplateCell) -> None:
        """Say that several cells may be the one asked for."""
        above, below = self.neighbours(target)
        self.reasons.add(
            f"could not tell which of the cells between {self._name(above, 'the beginning')} and "
            f"{self._name(below, 'the end')} is meant",
            target.name,
        )

    def _name(self, place: int, otherwise: str) -> str:
        match = self.submitted[place].match if 0 <= place < len(self.submitted) else None
        return match.name if match else otherwise


def template_cells(template: NotebookNode) -> Iterable[TemplateCell]:
    """Yield the cells of a template."""
    defined = [
        defined_names(node.source) if node.cell_type == "code" else frozenset[str]()
        for node in template.cells
    ]
    for place, node in enumerate(template.cells):
        unique = defined[place].difference(*defined[:place], *defined[place + 1 :])
        yield TemplateCell(node.id, place, node, _kind(node), unique, defined[place])


def _kind(node: NotebookNode) -> CellKind:
    if cells.is_solution(node):
        return CellKind.SOLUTION
    if cells.is_answer(node):
        return CellKind.ANSWER
    if cells.is_graded(node):
        return CellKind.TEST
    flags = node.metadata.get("nbgrader", {})
    return CellKind.FIXED if flags.get("locked") or flags.get("task") else CellKind.FREE


# What a cell's text says


@lru_cache(maxsize=4000)
def bare(text: str) -> str:
    r"""Return a text without the white space that editors add and drop.

    >>> bare("x = 1  \r\n\n")
    'x = 1'
    """
    lines = text.replace("\r\n", "\n").replace("\r", "\n").strip().split("\n")
    return "\n".join(line.rstrip() for line in lines)


def is_same(text: str, other: str) -> bool:
    """Return whether two texts differ in white space at most."""
    return bare(text) == bare(other)


def parsed_names(source: str) -> frozenset[str] | None:
    """Return the names that code defines and does not import; None if it does not parse."""
    cell = names(source)
    is_half = source.lstrip("\n").startswith((" ", "\t"))  # of a function; IPython would run it
    return cell.defined - cell.imported if cell.is_python and not is_half else None


def defined_names(source: str) -> frozenset[str]:
    """Return the names that code defines; if it does not parse, what its lines begin with.

    >>> sorted(defined_names("def f(:"))
    ['f']
    """
    parsed = parsed_names(source)
    if parsed is not None:
        return parsed
    return frozenset(match[1] for form in (FUNCTION, ASSIGNED) for match in form.finditer(source))


def fenced(text: str) -> str:
    """Return markdown that shows a text as it is."""
    fence = "`" * (3 + max((len(run) for run in re.findall("`+", text)), default=0))
    return f"{fence}\n{text}\n{fence}"
