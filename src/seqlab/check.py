"""``python -m seqlab check``: run a notebook from the top, as grading will, and say what is left.

Locked cells run as they were handed out, where that is known. No file is written: the cells run in
a copy of the notebook's folder. This module knows neither hidden tests nor right answers.
"""

import os
import re
import sys
import sysconfig
from collections import defaultdict
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path

from nbformat import NotebookNode

from seqlab import kernels, static_checks
from seqlab.kernels import CellOutcome, Run
from seqlab.notebooks import NotebookCell, Section
from seqlab.static_checks import NotebookFinding, Work

SECONDS = 180.0  # that a cell may take
SLOW = 30.0  # seconds that are worth a note
LONGEST = 150  # characters of a message
WIDTH = 58  # of a problem's title
MISSING_NAME = re.compile(r"name '(\w+)' is not defined")
SYSTEM = ("/proc/", "/sys/", "/dev/", "/etc/", "/usr/")


@dataclass
class CheckRow:
    """What is to be said about the cells under one heading."""

    section: Section
    tests: int = 0
    passed: int = 0
    findings: list[NotebookFinding] = field(default_factory=list)


@dataclass
class CheckReport:
    """What a check found."""

    rows: list[CheckRow]
    general: list[NotebookFinding]  # of no problem in particular
    seconds: float

    @property
    def findings(self) -> list[NotebookFinding]:
        """All that was found."""
        return [*(f for row in self.rows for f in row.findings), *self.general]

    @property
    def code(self) -> int:
        """The exit status: 0 where nothing fails and nothing is missing, otherwise 1."""
        return int(any(finding.kind != "note" for finding in self.findings))


def check(
    path: Path, demos: bool = False, seconds: float = SECONDS, say: Callable[[str], None] = print
) -> int:
    """Check a notebook, say what was found, and return the exit status.

    Args:
        path: the notebook
        demos: also run the cells that only show something, which grading does not run
        seconds: how long a cell may take
        say: called with each line

    Raises:
        DataError: the notebook cannot be read, or no kernel starts.
    """
    report = examine(Work.of(path), demos, seconds)
    for line in lines(report, path):
        say(line)
    return report.code


def examine(work: Work, demos: bool = False, seconds: float = SECONDS) -> CheckReport:
    """Run a notebook and return what was found; see ``check``."""
    graded = {cell.index for cell in work.cells if work.is_run(cell)}
    chosen = {c.index for c in work.cells if c.is_code and c.source.strip()} if demos else graded
    run = _run(work, sorted(chosen), seconds)
    ordered = list(static_checks.order(work, graded))
    known = {name for name, _ in ordered}
    found: list[NotebookFinding] = [*static_checks.damage(work), *_tests(work, run)]
    found += [finding for _, finding in ordered]
    found += _messages(work, run, graded, known)
    found += _others(work, run, graded, known, {finding.index for _, finding in ordered})
    found += [*_files(work, run), *_slow(work, run)]
    rows = _rows(work, run, found)
    told = {id(finding) for row in rows for finding in row.findings}
    general = [finding for finding in found if id(finding) not in told]
    return CheckReport(rows, general, sum(outcome.seconds for outcome in run.outcomes.values()))


def _run(work: Work, chosen: list[int], seconds: float) -> Run:
    folder = work.path.resolve().parent
    with kernels.fresh(_restored(work), folder, seconds) as run:
        kernels.watched(run, lambda: run.cells(chosen, work.path.name))
    return run


def _restored(work: Work) -> NotebookNode:
    """Return a copy of the notebook in which locked cells are what they were."""
    copy = deepcopy(work.notebook)
    for cell in work.cells:
        if cell.is_locked and (given := work.source_given(cell)) is not None:
            copy.cells[cell.index].source = given
    return copy


def _tests(work: Work, run: Run) -> Iterator[NotebookFinding]:
    """Yield what is unwritten; a test that fails for that only waits."""
    for solutions, tests in work.groups():
        failing = [cell for cell in tests if not _passed(run, cell)]
        lacking = [cell for cell in solutions if work.unfinished(cell)]
        for cell in lacking if failing or not tests else ():
            waiting = f"; {_count(len(failing), 'test')} wait{'s' * (len(failing) == 1)} for it"
            yield NotebookFinding(
                "missing",
                f"{cell.label()}: {work.unfinished(cell)}{waiting if failing else ''}",
                cell.index,
            )
    for cell in work.cells:
        if cell.is_answer and (lack := work.unfinished(cell)):
            yield NotebookFinding("missing", f"cell {cell.index + 1}: {lack}", cell.index)


def _messages(work: Work, run: Run, graded: set[int], known: set[str]) -> Iterator[NotebookFinding]:
    """Yield each test that fails with code in place, in its own words."""
    for solutions, tests in work.groups():
        if any(work.unfinished(cell) for cell in solutions):
            continue
        for cell in tests:
            if cell.index in run.outcomes and not _passed(run, cell):
                outcome = run.outcomes[cell.index]
                hint = _hint(work, outcome, graded, known, cell.index)
                yield NotebookFinding(
                    "fails", f"test in cell {cell.index + 1}: {_message(outcome)}{hint}", cell.index
                )


def _hint(work: Work, outcome: CellOutcome, graded: set[int], known: set[str], used: int) -> str:
    """Return where a name is defined that a cell missed, unless that is said elsewhere."""
    if outcome.kind == "FileNotFoundError":
        return ": grading, too, has only what you hand in and what seqlab loads"
    name = MISSING_NAME.search(outcome.text)
    if outcome.kind != "NameError" or not name or name.group(1) in known:
        return ""
    return f", {static_checks.where(name.group(1), work, graded, used)}"


def _others(
    work: Work, run: Run, graded: set[int], known: set[str], named: set[int]
) -> Iterator[NotebookFinding]:
    """Yield the cells that fail and are no tests; demonstrations only where all else is right.

    A cell that is told already for a name that it lacks is not told again.
    """
    failed = [
        cell
        for cell in work.cells
        if (outcome := run.outcomes.get(cell.index))
        and outcome.kind
        and not cell.is_test
        and not (cell.is_solution and work.unfinished(cell))
    ]
    done = not any(work.unfinished(cell) for cell in work.cells if cell.is_solution)
    done = done and all(_passed(run, cell) for cell in work.cells if cell.is_test)
    for cell in failed:
        if not cell.is_demo or done:
            outcome = run.outcomes[cell.index]
            if cell.index in named and outcome.kind == "NameError":
                continue
            hint = _hint(work, outcome, graded, known, cell.index)
            yield NotebookFinding("fails", f"{cell.label()}: {_message(outcome)}{hint}", cell.index)
    shows = sum(cell.is_demo for cell in failed)
    if shows and not done:
        yield NotebookFinding(
            "note",
            f"{_count(shows, 'cell')} that only show something fail, too: "
            "they need the functions above",
        )
    if run.stopped:
        left = _count(
            sum(cell.is_test and cell.index not in run.outcomes for cell in work.cells), "test"
        )
        yield NotebookFinding("wrong", f"{run.stopped}, and {left} could not run")


def _files(work: Work, run: Run) -> Iterator[NotebookFinding]:
    """Yield files that grading will not have."""
    cells = {cell.index: cell for cell in work.cells}
    told = set()
    for path, index in run.read.items():
        if cells[index].is_locked or _is_installed(path):
            continue
        told.add(index)
        inside = path.removeprefix(f"{run.folder}{os.sep}")
        if inside != path:
            yield NotebookFinding(
                "note",
                f"{cells[index].label()} reads {inside}: grading has it only if "
                "you hand it in, too",
                index,
            )
        else:
            yield NotebookFinding(
                "wrong",
                f"{cells[index].label()} reads {path}, a file of this machine "
                "that grading does not have",
                index,
            )
    for name in run.modules:
        yield NotebookFinding(
            "note", f"{name} is imported: grading has it only if you hand it in, too"
        )
    for text, finding in static_checks.elsewhere(work):
        if not text or finding.index not in told:
            yield finding


def _is_installed(path: str) -> bool:
    """Return whether a file belongs to Python or to the system, not to anybody's work."""
    places = {sys.prefix, sys.base_prefix, *sysconfig.get_paths().values()}
    roots = tuple(os.path.realpath(place) + os.sep for place in places)
    return path.startswith((*roots, *SYSTEM))


def _slow(work: Work, run: Run) -> Iterator[NotebookFinding]:
    for cell in work.cells:
        outcome = run.outcomes.get(cell.index)
        if outcome and not outcome.kind and outcome.seconds > SLOW:
            yield NotebookFinding(
                "note",
                f"{cell.label()} takes {outcome.seconds:.0f} s: on a slower "
                "machine it may be cut off",
                cell.index,
            )


def _rows(work: Work, run: Run, found: list[NotebookFinding]) -> list[CheckRow]:
    """Return a row for each section that has something to do or something to tell."""
    at = defaultdict(list)
    for finding in found:
        at[finding.index].append(finding)
    rows = []
    for section in work.sections:
        tests = [cell for cell in section.cells if cell.is_test]
        told = [finding for cell in section.cells for finding in at[cell.index]]
        if told or section.points:
            rows.append(CheckRow(section, len(tests), sum(_passed(run, c) for c in tests), told))
    return rows


def _passed(run: Run, cell: NotebookCell) -> bool:
    outcome = run.outcomes.get(cell.index)
    return outcome is not None and not outcome.kind


def _message(outcome: CellOutcome) -> str:
    """Return an error in one line; what a check says needs no name of an exception."""
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
        yield from (f"  {_line(finding)}" for finding in report.general)
    yield from ("", *_end(report))


def _row(row: CheckRow, indent: str) -> Iterator[str]:
    title, width = row.section.title or "Before the first heading", WIDTH - len(indent)
    title = title if len(title) <= width else title[: width - 3] + "..."
    yield f"{indent}{title:{width}}  {', '.join(_figures(row))}".rstrip()
    yield from (f"{indent}  {_line(finding)}" for finding in row.findings)


def _figures(row: CheckRow) -> Iterator[str]:
    written = sum(cell.points for cell in row.section.cells if cell.is_answer)
    tested = row.section.points - written
    if row.tests:
        passing = f"pass{'es' * (row.tests == 1)}"
        yield f"{row.passed} of {_count(row.tests, 'test')} {passing} ({_count(tested, 'point')}*)"
    if written:
        yield f"written ({_count(written, 'point')})"


def _line(finding: NotebookFinding) -> str:
    return f"{finding.kind:7}  {finding.text}"


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
        yield "  They are not in this file, and nobody but grading can run them."
