"""The problems of an assignment: the headings of its release and the cells below each."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from nbformat import NotebookNode

FENCE = re.compile(r"^(```|~~~).*?^\1", re.MULTILINE | re.DOTALL)
HEADING = re.compile(r"^(#{1,6})[ \t]+(.*)$", re.MULTILINE)
MARKUP = re.compile(r"[*_`$]|!?\[|\]\([^)]*\)")
NUMBER = re.compile(r"\b\d+(?:\.\d+)*[a-z]?\b")


@dataclass
class Problem:
    """A heading and the cells up to the next heading.

    Attributes:
        anchor: HTML id of the heading
        title: the heading
        part: the top-level heading above it; empty for a top-level heading
        cells: ids of the release's cells
    """

    anchor: str
    title: str
    part: str
    cells: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Outline:
    """The problems of a release."""

    title: str
    problems: tuple[Problem, ...]
    of_cell: Mapping[str, Problem]

    def find(self, where: str, before: Problem) -> Problem | None:
        """Return the problem that a phrase like ``problem 1.1`` refers to.

        The two halves of an assignment may both count from 1, so the last match up to ``before``
        comes first.
        """
        number = NUMBER.search(where)
        if number is None:
            return None
        last = self.problems.index(before) + 1
        for problem in (*reversed(self.problems[:last]), *self.problems[last:]):
            if number.group() in NUMBER.findall(problem.title):
                return problem
        return None


def outline(release: NotebookNode) -> Outline:
    """Return the problems of a release; a heading in the first cell is its title."""
    title, stack, problems = "", list[tuple[int, str]](), [Problem("top", "", "")]
    for number, cell in enumerate(release.cells):
        new = headings(cell.source) if cell.cell_type == "markdown" else []
        if number == 0 and new:
            title = new[0][1]
        elif new:
            for level, text in new:
                stack = [entry for entry in stack if entry[0] < level] + [(level, text)]
            part = stack[0][1] if len(stack) > 1 else ""
            problems.append(Problem(f"text-{cell.id}", stack[-1][1], part))
        problems[-1].cells.append(cell.id)
    of_cell = {name: problem for problem in problems for name in problem.cells}
    return Outline(title, tuple(problems), of_cell)


def without(source: str, heading: str) -> str:
    """Remove one heading from the source of a markdown cell."""
    matches = (m.group() for m in HEADING.finditer(source) if _plain(m[2]) == heading)
    return source.replace(next(matches, ""), "", 1)


def headings(source: str) -> list[tuple[int, str]]:
    """Return level and text of each heading of a markdown cell."""
    marked = HEADING.findall(FENCE.sub("", source))
    return [(len(marks), _plain(text)) for marks, text in marked]


def _plain(text: str) -> str:
    return MARKUP.sub("", text.rstrip().rstrip("#")).strip()
