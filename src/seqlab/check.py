"""``python -m seqlab check``: run a notebook from the top, as grading will, and list what is left.

Locked cells run as they were handed out, if that is known. No file is written: the cells run in a
copy of the notebook's folder. This module knows neither hidden tests nor right answers.
"""

import os
import re
import sys
import sysconfig
from collections import defaultdict
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from nbformat import NotebookNode

from seqlab import kernel_start, kernels, sentences, static_checks
from seqlab.kernel_start import StartedKernel
from seqlab.kernels import CellOutcome, Run
from seqlab.notebooks import NotebookCell, Section
from seqlab.static_checks import NotebookFinding, Work

SLOW = 30.0  # seconds that are worth a note
LONGEST = 150  # characters of a message of Python's
WIDTH = 58  # of a problem's title
MISSING_NAME = re.compile(r"name '(\w+)' is not defined")
SYSTEM = ("/proc/", "/sys/", "/dev/", "/etc/", "/usr/")


@dataclass
class CheckRow:
    """The result for the cells under one heading."""

    section: Section
    tests: int = 0
    passed: int = 0
    findings: list[NotebookFinding] = field(default_factory=list)


@dataclass
class CheckReport:
    """The result of a check.

    Attributes:
        rows: by heading
        general: findings that belong to no heading
        seconds: how long the cells ran
    """

    rows: list[CheckRow]
    general: list[NotebookFinding]
    seconds: float

    @property
    def findings(self) -> list[NotebookFinding]:
        """All findings."""
        return [*(f for row in self.rows for f in row.findings), *self.general]

    @property
    def code(self) -> int:
        """The exit status: 0 if nothing fails and nothing is missing, otherwise 1."""
        return int(any(finding.kind != "note" for finding in self.findings))


def check(
    path: Path,
    demos: bool = False,
    seconds: float = kernel_start.CHECKING,
    say: Callable[[str], None] = print,
    started: StartedKernel | None = None,
) -> int:
    """Check a notebook, print what was found, and return the exit status.

    Args:
        path: the notebook
        demos: also run the cells that only show something, which grading does not run
        seconds: how long a cell may take
        say: called with each line
        started: the kernel to run it in, if one was started already

    Raises:
        DataError: the notebook cannot be read, or no kernel starts.
    """
    report = examine(Work.of(path), demos, seconds, started)
    for line in lines(report, path):
        say(line)
    return report.code


def examine(
    work: Work,
    demos: bool = False,
    seconds: float = kernel_start.CHECKING,
    started: StartedKernel | None = None,
) -> CheckReport:
    """Run a notebook and return what was found; see ``check``."""
    graded = {cell.index for cell in work.cells if work.is_run(cell)}
    code = {cell.index for cell in work.cells if cell.is_code and cell.source.strip()}
    run = _run(work, sorted(code if demos else graded), seconds, started)
    findings = list(_Findings(work, run, graded).all())
    rows = _rows(work, run, findings)
    in_rows = {id(finding) for row in rows for finding in row.findings}
    general = [finding for finding in findings if id(finding) not in in_rows]
    return CheckReport(rows, general, sum(outcome.seconds for outcome in run.outcomes.values()))


def _run(work: Work, chosen: list[int], seconds: float, started: StartedKernel | None) -> Run:
    folder = work.path.resolve().parent
    with kernels.fresh(_restored(work), folder, seconds, started) as run:
        kernels.watched(run, lambda: run.cells(chosen, work.path.name))
    return run


def _restored(work: Work) -> NotebookNode:
    """Return a copy of the notebook in which locked cells are as they were handed out."""
    copy = deepcopy(work.notebook)
    for cell in work.cells:
        if cell.is_locked and (source := work.released_source(cell)) is not None:
            copy.cells[cell.index].source = source
    return copy


def _rows(work: Work, run: Run, findings: list[NotebookFinding]) -> list[CheckRow]:
    """Return a row for each section that has points or findings."""
    by_cell = defaultdict(list)
    for finding in findings:
        by_cell[finding.index].append(finding)
    rows = []
    for section in work.sections:
        tests = [cell for cell in section.cells if cell.is_test]
        own = [finding for cell in section.cells for finding in by_cell[cell.index]]
        if own or section.points:
            rows.append(CheckRow(section, len(tests), sum(_passed(run, c) for c in tests), own))
    return rows


def _passed(run: Run, cell: NotebookCell) -> bool:
    outcome = run.outcomes.get(cell.index)
    return outcome is not None and not outcome.kind


@dataclass(frozen=True)
class _Findings:
    """What is to be told about a notebook that has run."""

    work: Work
    run: Run
    graded: set[int]  # indices of the cells that grading runs

    def all(self) -> Iterator[NotebookFinding]:
        """Yield all findings."""
        yield from static_checks.damage(self.work)
        yield from self._unwritten()
        yield from (finding for _, finding in self._order)
        yield from self._failing_tests()
        yield from self._failing_cells()
        yield from self._stopped()
        yield from self._files()
        yield from self._slow()

    @cached_property
    def _order(self) -> list[tuple[str, NotebookFinding]]:
        """The names that are used before they are defined."""
        return list(static_checks.order(self.work, self.graded))

    @cached_property
    def _is_complete(self) -> bool:
        """Whether every solution is written and every test passes."""
        solutions = (cell for cell in self.work.cells if cell.is_solution)
        tests = (cell for cell in self.work.cells if cell.is_test)
        written = not any(self.work.unfinished(cell) for cell in solutions)
        return written and all(_passed(self.run, cell) for cell in tests)

    def _unwritten(self) -> Iterator[NotebookFinding]:
        """Yield what is not written, with the number of tests that fail for it."""
        for solutions, tests in self.work.groups():
            failing = [cell for cell in tests if not _passed(self.run, cell)]
            lacking = [cell for cell in solutions if self.work.unfinished(cell)]
            for cell in lacking if failing or not tests else ():
                waiting = f"; {_count(len(failing), 'test')} wait{'s' * (len(failing) == 1)} for it"
                text = f"{cell.label()}: {self.work.unfinished(cell)}{waiting * bool(failing)}"
                yield NotebookFinding("missing", text, cell.index)
        for cell in self.work.cells:
            if cell.is_answer and (lack := self.work.unfinished(cell)):
                yield NotebookFinding("missing", f"cell {cell.index + 1}: {lack}", cell.index)

    def _failing_tests(self) -> Iterator[NotebookFinding]:
        """Yield the tests that fail although their solutions are written, in their own words."""
        for solutions, tests in self.work.groups():
            if any(self.work.unfinished(cell) for cell in solutions):
                continue
            for cell in tests:
                if cell.index in self.run.outcomes and not _passed(self.run, cell):
                    text = f"test in cell {cell.index + 1}: {self._message(cell)}"
                    yield NotebookFinding("fails", text, cell.index)

    def _failing_cells(self) -> Iterator[NotebookFinding]:
        """Yield the other cells that fail; demonstrations only where all else is right."""
        failed = [cell for cell in self.work.cells if self._fails_by_itself(cell)]
        named = {finding.index for _, finding in self._order}
        for cell in failed:
            is_told = cell.index in named and self.run.outcomes[cell.index].kind == "NameError"
            if not is_told and (self._is_complete or not cell.is_demo):
                text = f"{cell.label()}: {self._message(cell)}"
                yield NotebookFinding("fails", text, cell.index)
        n_demos = sum(cell.is_demo for cell in failed)
        if n_demos and not self._is_complete:
            yield NotebookFinding(
                "note",
                f"{_count(n_demos, 'cell')} that only show something fail, too: they need the"
                " functions above",
            )

    def _fails_by_itself(self, cell: NotebookCell) -> bool:
        """Return whether a cell fails that is neither a test nor an unwritten solution."""
        outcome = self.run.outcomes.get(cell.index)
        is_unwritten = cell.is_solution and bool(self.work.unfinished(cell))
        return bool(outcome and outcome.kind and not cell.is_test and not is_unwritten)

    def _stopped(self) -> Iterator[NotebookFinding]:
        if self.run.stopped:
            tests = (cell for cell in self.work.cells if cell.is_test)
            left = _count(sum(cell.index not in self.run.outcomes for cell in tests), "test")
            yield NotebookFinding("wrong", f"{self.run.stopped}, and {left} could not run")

    def _files(self) -> Iterator[NotebookFinding]:
        """Yield the files and modules that grading will not have."""
        reading = list(self._read())
        yield from reading
        for name in self.run.modules:
            text = f"{name} is imported: grading has it only if you hand it in, too"
            yield NotebookFinding("note", text)
        told = {finding.index for finding in reading}
        for path, finding in static_checks.elsewhere(self.work):
            if not path or finding.index not in told:
                yield finding

    def _read(self) -> Iterator[NotebookFinding]:
        """Yield the files that the student's cells read."""
        cells = {cell.index: cell for cell in self.work.cells}
        for path, index in self.run.read.items():
            if cells[index].is_locked or _is_installed(path):
                continue
            label, inside = cells[index].label(), path.removeprefix(f"{self.run.folder}{os.sep}")
            if inside != path:
                text = f"{label} reads {inside}: grading has it only if you hand it in, too"
                yield NotebookFinding("note", text, index)
            else:
                text = f"{label} reads {path}, a file of this machine that grading does not have"
                yield NotebookFinding("wrong", text, index)

    def _slow(self) -> Iterator[NotebookFinding]:
        for cell in self.work.cells:
            outcome = self.run.outcomes.get(cell.index)
            if outcome and not outcome.kind and outcome.seconds > SLOW:
                text = f"{cell.label()} takes {outcome.seconds:.0f} s: on a slower machine it may"
                yield NotebookFinding("note", f"{text} be cut off", cell.index)

    def _message(self, cell: NotebookCell) -> str:
        """Return how a cell fails, and where a name is defined that it did not find."""
        outcome = self.run.outcomes[cell.index]
        text = _message(outcome)
        if outcome.kind == "FileNotFoundError":
            return f"{text}: grading, too, has only what you hand in and what seqlab loads"
        name = MISSING_NAME.search(outcome.text)
        known = {name for name, _ in self._order}
        if outcome.kind not in ("NameError", "CheckFailed") or not name or name.group(1) in known:
            return text
        text = text.removesuffix(sentences.NOT_DEFINED(message=""))
        return f"{text}, {static_checks.where(name.group(1), self.work, self.graded, cell.index)}"


def _is_installed(path: str) -> bool:
    """Return whether a file belongs to Python or to the system, and is nobody's work."""
    places = {sys.prefix, sys.base_prefix, *sysconfig.get_paths().values()}
    roots = tuple(os.path.realpath(place) + os.sep for place in places)
    return path.startswith((*roots, *SYSTEM))


def _message(outcome: CellOutcome) -> str:
    """Return an error in one line, or what a check says in several, without an exception's name."""
    if outcome.kind == "CheckFailed":
        return outcome.text
    text = " ".join(outcome.text.split()) or "no reason given"
    kind = "" if outcome.kind in ("AssertionError", "Timeout", "Died") else f"{outcome.kind}: "
    whole = kind + text
    return whole if len(whole) <= LONGEST else whole[: LONGEST - 3] + "..."


def _count(n: float, what: str) -> str:
    return f"{n:g} {what}{'s' * (n != 1)}"


# What is printed


def lines(report: CheckReport, path: Path) -> Iterator[str]:
    """Yield the report line by line."""
    yield f"{path.name}, run from the top in a fresh kernel in {report.seconds:.0f} s"
    above: tuple[str, ...] = ()
    for row in report.rows:
        for depth, title in enumerate(row.section.above):
            if row.section.above[: depth + 1] != above[: depth + 1]:
                yield from (("", title) if depth == 0 else (f"{'  ' * depth}{title}",))
        above = (*row.section.above, row.section.title)
        yield from _row(row, "  " * max(1, len(row.section.above)))
    if report.general:
        yield from ("", "The notebook")
        yield from (f"  {line}" for finding in report.general for line in _line(finding))
    yield from ("", *_end(report))


def _row(row: CheckRow, indent: str) -> Iterator[str]:
    title, width = row.section.title or "Before the first heading", WIDTH - len(indent)
    title = title if len(title) <= width else title[: width - 3] + "..."
    yield f"{indent}{title:{width}}  {', '.join(_figures(row))}".rstrip()
    yield from (f"{indent}  {line}" for finding in row.findings for line in _line(finding))


def _figures(row: CheckRow) -> Iterator[str]:
    written = sum(cell.points for cell in row.section.cells if cell.is_answer)
    tested = row.section.points - written
    if row.tests:
        passing = f"pass{'es' * (row.tests == 1)}"
        yield f"{row.passed} of {_count(row.tests, 'test')} {passing} ({_count(tested, 'point')}*)"
    if written:
        yield f"written ({_count(written, 'point')})"


def _line(finding: NotebookFinding) -> Iterator[str]:
    """Yield the lines of a finding, those after the first one below its text."""
    first, *others = finding.text.splitlines()
    yield f"{finding.kind:7}  {first}"
    yield from (f"{'':9}{line}" for line in others)


def _end(report: CheckReport) -> Iterator[str]:
    tests, passed = sum(row.tests for row in report.rows), sum(row.passed for row in report.rows)
    kinds = [finding.kind for finding in report.findings]
    counts = [
        f"{kinds.count(kind)} {word}"
        for kind, word in [("missing", "missing"), ("fails", "failing"), ("wrong", "to put right")]
        if kind in kinds
    ]
    yield f"{passed} of {_count(tests, 'visible test')} pass" + "".join(f", {c}" for c in counts)
    points = sum(c.points for row in report.rows for c in row.section.cells if c.is_test)
    if points:
        yield (
            f"* These {points:g} points hang on hidden tests, too: the same cells with other "
            "inputs."
        )
        yield "  They are not in this file; only grading can run them."
