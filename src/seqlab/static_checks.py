"""What can be seen in a notebook without running it: what is missing, copied or will not travel."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from nbformat import NotebookNode

from seqlab import names, notebooks, unwritten
from seqlab.notebooks import NotebookCell, Section

# A file's place on one machine: /home/me/x.npy, ~/x.npy, C:\me\x.npy, \\server\x.npy
ELSEWHERE = re.compile(r"(/[\w.@+-]+){2,}/?|~[\\/][^\n]+|[A-Za-z]:[\\/][^\n]+|\\\\\w[^\n]+")


@dataclass(frozen=True)
class NotebookFinding:
    """Something to tell the student.

    Attributes:
        kind: missing, fails, wrong or note; a note does not count against the notebook
        text: one line, or what a check says in several
        index: of the cell that it is about, -1 for none
    """

    kind: str
    text: str
    index: int = -1


@dataclass
class Work:
    """A student's notebook, and the release that it was made from, if that can be found.

    Attributes:
        path: of the student's notebook
        notebook: what is in it
        released_at: where the release lies
        released: the release's cells, by name
        sections: the student's cells, cut at the headings
    """

    path: Path
    notebook: NotebookNode
    released_at: Path | None = None
    released: dict[str, NotebookCell] = field(default_factory=dict)
    sections: list[Section] = field(default_factory=list)

    @classmethod
    def of(cls, path: Path) -> "Work":
        """Read a notebook and look for its release.

        Raises:
            DataError: the file is missing, or not a notebook.
        """
        notebook = notebooks.read(path)
        work = cls(path, notebook, sections=notebooks.sections(notebook))
        if original := notebooks.original(path, notebook):
            work.released_at, release = original
            cells = notebooks.cells(release)
            work.released = {cell.name or cell.node.id: cell for cell in cells}
        return work

    @property
    def cells(self) -> list[NotebookCell]:
        """The notebook's cells in order."""
        return [cell for section in self.sections for cell in section.cells]

    def released_source(self, cell: NotebookCell) -> str | None:
        """Return what a cell held when it was handed out, if that is known."""
        original = self.released.get(cell.name or cell.node.get("id", ""))
        return original.source if original else None

    def is_changed(self, cell: NotebookCell) -> bool:
        """Return whether a cell that was handed out is no longer what it was."""
        released = self.released_source(cell)
        return not cell.is_untouched if released is None else cell.source != released

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
        """Return whether grading runs a cell: any code except a demonstration of the course's."""
        is_courses = cell.is_locked or cell.source == self.released_source(cell)
        return cell.is_code and bool(cell.source.strip()) and not (cell.is_demo and is_courses)

    def unfinished(self, cell: NotebookCell) -> str:
        """Return what a solution or an answer still lacks, or nothing."""
        if not (cell.is_solution or cell.is_answer):
            return ""
        return notebooks.unfinished(cell, self.released_source(cell))

    def unwritten(self) -> list[str]:
        """Return the functions of solutions that are empty, or as they were handed out."""
        solutions = [cell for cell in self.cells if cell.is_solution]
        released = [self.released_source(cell) for cell in solutions]
        pairs = zip(solutions, released, strict=True)
        return [
            name for cell, text in pairs for name in unwritten.unwritten(cell.source, text or "")
        ]


def missing(work: Work) -> Iterator[NotebookFinding]:
    """Yield the solutions and answers that are not written."""
    for cell in work.cells:
        if lack := work.unfinished(cell):
            yield NotebookFinding("missing", f"{cell.label()}: {lack}", cell.index)


# Cells that grading needs


def damage(work: Work) -> Iterator[NotebookFinding]:
    """Yield what happened to cells that grading needs: deleted, copied, changed though locked."""
    if not any(cell.name for cell in work.cells):
        yield NotebookFinding(
            "wrong",
            "no cell carries the course's marks: an editor has dropped them. Copy your work into a"
            " fresh copy of the notebook",
        )
        return
    if work.released_at is None:
        yield NotebookFinding(
            "note",
            "the notebook as it was handed out is not beside it, so deleted cells cannot be seen",
        )
    yield from _deleted(work)
    yield from _copied(work)
    for cell in work.cells:
        if cell.is_locked and work.is_changed(cell):
            text = f"{cell.label()} is locked and was changed: grading puts it back as it was"
            yield NotebookFinding("note", text, cell.index)


def _deleted(work: Work) -> Iterator[NotebookFinding]:
    present = {cell.name for cell in work.cells}
    titles = _titles(work)
    for name, cell in work.released.items():
        if cell.flags and name not in present and (cell.points or cell.is_solution):
            what = "a test" if cell.is_test else "the cell for your work"
            worth = f" ({cell.points:g} point{'s' * (cell.points != 1)})" if cell.points else ""
            yield NotebookFinding(
                "wrong",
                f"{what} is gone{worth} from {titles.get(name, 'the notebook')}: copy it again from"
                f" {work.released_at}",
            )


def _titles(work: Work) -> dict[str, str]:
    """Return, by the name of each cell of the release, the heading above it."""
    if work.released_at is None:
        return {}
    sections = notebooks.sections(notebooks.read(work.released_at))
    return {cell.name: section.title for section in sections for cell in section.cells}


def _copied(work: Work) -> Iterator[NotebookFinding]:
    counts = Counter(cell.name for cell in work.cells if cell.points or cell.is_solution)
    for name in (name for name, count in counts.items() if name and count > 1):
        copies = [cell for cell in work.cells if cell.name == name]
        numbers = " and ".join(str(cell.index + 1) for cell in copies)
        yield NotebookFinding(
            "wrong",
            f"cells {numbers} are copies of one another, and only one counts: keep the one you"
            " mean, and turn the others into new cells",
            copies[-1].index,
        )


# Names and places


def order(work: Work, runs: set[int]) -> Iterator[tuple[str, NotebookFinding]]:
    """Yield the names that the student's code needs and that nothing above defines.

    Args:
        work: the notebook
        runs: indices of the cells that grading runs
    """
    uses = _names(work)
    hides = any(uses[i].hides for i in runs)
    places = _places(uses)
    above: set[str] = set()
    everywhere = {name for i in runs for name in uses[i].defined}
    for cell in work.cells:
        if cell.index not in runs:
            continue
        here = uses[cell.index]
        needed = (here.at_once - above) | (here.later - everywhere)
        for name in sorted(needed) if not cell.is_locked else ():
            if not hides or places[name]:
                reason = where(name, work, runs, cell.index)
                text = f"{cell.label()} uses `{name}`, {reason}"
                yield name, NotebookFinding("wrong", text, cell.index)
        above |= here.defined


def where(name: str, work: Work, runs: set[int], user: int) -> str:
    """Return, in words, where a name is defined that the cell ``user`` did not find."""
    places = _places(_names(work))[name]
    before = [i for i in places if i in runs and i < user]
    after = [i for i in places if i in runs and i > user]
    if before:
        return f"which cell {before[-1] + 1} should have defined"
    if after:
        return f"which is defined only further down, in cell {after[0] + 1}: move that up"
    if places:
        return (
            f"which only cell {places[0] + 1} defines; that is a demonstration, and grading does "
            "not run it"
        )
    return "which no cell defines: its cell was deleted or changed after it ran"


def _names(work: Work) -> dict[int, names.Names]:
    return {cell.index: names.names(cell.source) for cell in work.cells if cell.is_code}


def _places(uses: dict[int, names.Names]) -> dict[str, list[int]]:
    """Return, for each name, the cells that define it."""
    places: dict[str, list[int]] = defaultdict(list)
    for index, use in uses.items():
        for name in use.defined:
            places[name].append(index)
    return places


def elsewhere(work: Work) -> Iterator[tuple[str, NotebookFinding]]:
    """Yield paths in the student's code that exist on one machine only, and calls of input()."""
    for cell in work.cells:
        if not cell.is_code or cell.is_locked:
            continue
        for path in dict.fromkeys(names.texts(cell.source)):
            if ELSEWHERE.fullmatch(path):
                advice = "a place on this machine: put the file beside the notebook"
                text = f"{cell.label()} names {path}, {advice}"
                yield path, NotebookFinding("wrong", text, cell.index)
        if any(name == "input" for name, _ in names.calls(cell.source)):
            text = f"{cell.label()} asks with input(), and in grading nobody answers"
            yield "", NotebookFinding("wrong", f"{text}: write the value in the code", cell.index)
