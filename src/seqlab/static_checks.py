"""What can be seen in a notebook without running it: what is missing, doubled, or will not travel.

This module does not know how a notebook is run.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from nbformat import NotebookNode

from seqlab import names, notebooks
from seqlab.notebooks import NotebookCell, Section

# A file's place on one machine: /home/me/x.npy, ~/x.npy, C:\me\x.npy, \\server\x.npy
ELSEWHERE = re.compile(r"(/[\w.@+-]+){2,}/?|~[\\/][^\n]+|[A-Za-z]:[\\/][^\n]+|\\\\\w[^\n]+")


@dataclass(frozen=True)
class NotebookFinding:
    """Something to tell, at a cell or, with an index of -1, at none."""

    kind: str  # missing, fails, wrong, note
    text: str
    index: int = -1


@dataclass
class Work:
    """A notebook, and what of it was handed out."""

    path: Path
    notebook: NotebookNode
    given_at: Path | None = None
    given: dict[str, NotebookCell] = field(
        default_factory=dict
    )  # by name; empty where nothing is known
    sections: list[Section] = field(default_factory=list)

    @classmethod
    def of(cls, path: Path) -> "Work":
        """Read a notebook, and the one that was handed out, where it lies beside.

        Raises:
            DataError: the file is no notebook.
        """
        notebook = notebooks.read(path)
        work = cls(path, notebook, sections=notebooks.sections(notebook))
        if found := notebooks.original(path, notebook):
            work.given_at, original = found
            work.given = {cell.name or cell.node.id: cell for cell in notebooks.cells(original)}
        return work

    @property
    def cells(self) -> list[NotebookCell]:
        """The notebook's cells in order."""
        return [cell for section in self.sections for cell in section.cells]

    def source_given(self, cell: NotebookCell) -> str | None:
        """Return the source that a cell was handed out with, where that is known."""
        found = self.given.get(cell.name or cell.node.get("id", ""))
        return found.source if found else None

    def is_changed(self, cell: NotebookCell) -> bool:
        """Return whether a cell that was handed out is no longer what it was."""
        given = self.source_given(cell)
        return not cell.is_untouched if given is None else cell.source != given

    def groups(self) -> Iterator[tuple[list[NotebookCell], list[NotebookCell]]]:
        """Yield solutions with the tests that follow them, in order."""
        solutions: list[NotebookCell] = []
        tests: list[NotebookCell] = []
        for cell in self.cells:
            if cell.is_solution and tests:
                yield solutions, tests
                solutions, tests = [], []
            (solutions if cell.is_solution else tests if cell.is_test else []).append(cell)
        yield solutions, tests

    def is_run(self, cell: NotebookCell) -> bool:
        """Return whether grading runs a cell: all code but what only shows something."""
        shows = cell.is_demo and (cell.is_locked or cell.source == self.source_given(cell))
        return cell.is_code and bool(cell.source.strip()) and not shows

    def unfinished(self, cell: NotebookCell) -> str:
        """Return what a solution or an answer lacks, or nothing."""
        if not (cell.is_solution or cell.is_answer):
            return ""
        return notebooks.unfinished(cell, self.source_given(cell))


def damage(work: Work) -> Iterator[NotebookFinding]:
    """Yield what happened to cells that grading needs: gone, doubled, changed though locked."""
    if not any(cell.name for cell in work.cells):
        yield NotebookFinding(
            "wrong",
            "no cell carries the course's marks: an editor has dropped them. "
            "Copy your work into a fresh copy of the notebook",
        )
        return
    yield from _gone(work)
    yield from _doubled(work)
    for cell in work.cells:
        if cell.is_locked and work.is_changed(cell):
            yield NotebookFinding(
                "note",
                f"{cell.label()} is locked and was changed: grading puts it back as it was",
                cell.index,
            )


def _gone(work: Work) -> Iterator[NotebookFinding]:
    if work.given_at is None:
        yield NotebookFinding(
            "note",
            "the notebook as it was handed out does not lie beside: whether "
            "cells were deleted cannot be seen",
        )
    found = {cell.name for cell in work.cells}
    titles = _titles(work)
    for name, cell in work.given.items():
        if cell.flags and name not in found and (cell.points or cell.is_solution):
            what = "a test" if cell.is_test else "the cell for your work"
            worth = f" ({cell.points:g} point{'s' * (cell.points != 1)})" if cell.points else ""
            yield NotebookFinding(
                "wrong",
                f"{what} is gone{worth} from {titles.get(name, 'the notebook')}:"
                f" copy it again from {work.given_at}",
            )


def _titles(work: Work) -> dict[str, str]:
    """Return, for each cell that was handed out, the heading that it stood under."""
    if work.given_at is None:
        return {}
    found = notebooks.sections(notebooks.read(work.given_at))
    return {cell.name: section.title for section in found for cell in section.cells}


def _doubled(work: Work) -> Iterator[NotebookFinding]:
    counts = Counter(cell.name for cell in work.cells if cell.points or cell.is_solution)
    for name in (name for name, count in counts.items() if name and count > 1):
        copies = [cell for cell in work.cells if cell.name == name]
        numbers = " and ".join(str(cell.index + 1) for cell in copies)
        yield NotebookFinding(
            "wrong",
            f"cells {numbers} are copies of one another, and only one counts: "
            "keep the one you mean, and turn the others into new cells",
            copies[-1].index,
        )


def order(work: Work, runs: set[int]) -> Iterator[tuple[str, NotebookFinding]]:
    """Yield names that the student's code needs and that nothing above defines, each once a cell.

    Args:
        work: the notebook
        runs: indices of the cells that grading runs
    """
    found = {cell.index: names.names(cell.source) for cell in work.cells if cell.is_code}
    hides = any(found[i].hides for i in runs)
    places = _places(found)
    above: set[str] = set()
    everywhere = {name for i in runs for name in found[i].defined}
    for cell in work.cells:
        if cell.index not in runs:
            continue
        here = found[cell.index]
        needed = (here.at_once - above) | (here.later - everywhere)
        for name in sorted(needed) if not cell.is_locked else ():
            if not hides or places[name]:
                reason = where(name, work, runs, cell.index)
                yield (
                    name,
                    NotebookFinding("wrong", f"{cell.label()} uses `{name}`, {reason}", cell.index),
                )
        above |= here.defined


def where(name: str, work: Work, runs: set[int], used: int) -> str:
    """Return, in words, where a name that was not there is defined."""
    found = {cell.index: names.names(cell.source) for cell in work.cells if cell.is_code}
    places = _places(found)[name]
    before = [i for i in places if i in runs and i < used]
    after = [i for i in places if i in runs and i > used]
    if before:
        return f"which cell {before[-1] + 1} should have defined"
    if after:
        return f"which is defined only further down, in cell {after[0] + 1}: move that up"
    if places:
        return (
            f"which only cell {places[0] + 1} defines; that one just shows something, and "
            "grading does not run it"
        )
    return "which no cell defines: its cell was deleted or changed after it ran"


def _places(found: dict[int, names.Names]) -> dict[str, list[int]]:
    places: dict[str, list[int]] = defaultdict(list)
    for i, each in found.items():
        for name in each.defined:
            places[name].append(i)
    return places


def elsewhere(work: Work) -> Iterator[tuple[str, NotebookFinding]]:
    """Yield paths in the student's code that exist on one machine only, and calls of input()."""
    for cell in work.cells:
        if not cell.is_code or cell.is_locked:
            continue
        for text in dict.fromkeys(names.texts(cell.source)):
            if ELSEWHERE.fullmatch(text):
                advice = "a place on this machine: put the file beside the notebook"
                yield (
                    text,
                    NotebookFinding("wrong", f"{cell.label()} names {text}, {advice}", cell.index),
                )
        if any(name == "input" for name, _ in names.calls(cell.source)):
            yield (
                "",
                NotebookFinding(
                    "wrong",
                    f"{cell.label()} asks with input(), and grading has nobody "
                    "to answer: give the value in the code",
                    cell.index,
                ),
            )


def missing(work: Work) -> Iterator[NotebookFinding]:
    """Yield the solutions and answers that are not written."""
    for cell in work.cells:
        if lack := work.unfinished(cell):
            yield NotebookFinding("missing", f"{cell.label()}: {lack}", cell.index)
