"""What Gradescope shows of a result: one entry for the visible part of a test, one for the rest.

A test of a notebook is worth its points only as a whole. If part of it is hidden, the entry of the
visible part says passed or failed and has no points, and the hidden entry has all of them, so that
nobody can read from their score what they are not to see. Why a test failed is told as the page of
feedback tells it (course.feedback.failures): of a hidden part no message, which may hold what the
test expects, and after one no message that a student's function may have written it into.
"""

import re
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, replace

from nbformat import NotebookNode
from nbgrader import utils

from autograder.cell_notes import CellNote, FailedTest
from autograder.cells import is_graded, is_locked, is_test
from autograder.result import Result
from course.feedback import wording
from course.feedback.failures import Failure, Hints, Teller, error_of, failed_hidden, followed
from course.gradescope.run_autograder import NO_MARK, ResultEntry, ResultsFile

HEADING = re.compile(r"^#+ (.+)", re.MULTILINE)
ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
LONGEST = 4000  # characters of an entry's output
LATER = "Further tests on other inputs are run as well; what came out is shown later."
NOT_REACHED = "not reached: see the entry above"


def results(
    result: Result,
    template: NotebookNode,
    hidden: Set[str],
    visibility: str,
    notes: Sequence[str] = (),
) -> ResultsFile:
    """Return what results.json holds.

    Args:
        result: of the submission
        template: the student version, for the tests of what could not be read
        hidden: names of the tests that have a hidden part
        visibility: who sees that part: one of options.VISIBILITIES
        notes: what else the student should know
    """
    why = "" if result.notebook is not None else "; ".join(result.reasons) or result.word
    cells = template.cells if why else result.cells
    given = {cell.id: cell.source for cell in template.cells}
    entries = list(_View(hidden, visibility, why, given).entries(cells))
    told = [] if why else [reason for reason in result.reasons if not _names(reason, hidden)]
    reasons = map(wording.of_reason, told)
    return {
        "score": sum(entry.get("score", 0.0) for entry in entries),
        "execution_time": round(result.total, 2),
        "output": _summary(entries, [*notes, *reasons], why),
        "output_format": "text",
        "visibility": "visible",
        "stdout_visibility": "hidden",
        "tests": entries,
    }


def table(results: ResultsFile, cells: Sequence[NotebookNode] = ()) -> str:
    """Return everything in lines of text, for the instructors' log.

    Args:
        results: what students see, now or later
        cells: of the graded notebook, whose tests' own messages come last
    """
    score, seconds = results["score"], results["execution_time"]
    lines = [results["output"], f"{score:g} points by tests, {seconds} s"]
    for entry in results["tests"]:
        points = f"{entry['score']:g}/{entry['max_score']:g}" if "max_score" in entry else "-"
        lines.append(f"{entry['number']:6} {entry.get('status', ''):7} {points:>6} {entry['name']}")
        lines += [f"       {line}" for line in entry["output"].splitlines()]
    lines += [f"{cell.id}: {raw}" for cell in cells if is_test(cell) and (raw := _raw(cell))]
    return "\n".join(lines)


@dataclass(frozen=True)
class _View:
    """Who sees what; ``why`` is the reason if nothing was graded, ``given`` the release's cells."""

    hidden: Set[str]
    visibility: str
    why: str
    given: Mapping[str, str]

    def entries(self, cells: Sequence[NotebookNode]) -> Iterator[ResultEntry]:
        """Yield the entries of every test and every written answer, in the notebook's order."""
        heading, count = "", 0
        told = _Told.of(cells, self.given)
        for cell in cells:
            if not is_graded(cell):
                if cell.cell_type == "markdown":
                    heading = (HEADING.findall(cell.source) or [heading])[-1]
                continue
            count += 1
            name = f"{heading} [{cell.id}]"
            if not is_test(cell):
                yield _written_answer(cell, name, count)
            elif cell.id in self.hidden:
                yield from self._in_two_parts(cell, name, count, told)
                told = replace(told, was_hidden=True)
            else:
                yield self._whole(cell, name, count, told)

    def _whole(self, cell: NotebookNode, name: str, count: int, told: "_Told") -> ResultEntry:
        """Return the entry of a test without a hidden part."""
        score, most = self._points(cell)
        entry = _entry(name, f"{count}.1", score >= most)
        entry["score"], entry["max_score"] = score, most
        if score < most or followed(cell):
            entry["output"] = _sentence(cell) + (self.why or told.why(cell, "mild"))
        return entry

    def _in_two_parts(
        self, cell: NotebookNode, name: str, count: int, told: "_Told"
    ) -> Iterator[ResultEntry]:
        """Yield the entries of a test that has a hidden part."""
        score, most = self._points(cell)
        passed = score >= most and not followed(cell)
        failed_later = not passed and _failed_test(cell).hidden
        visible = _entry(name, f"{count}.1", passed or failed_later)
        if not passed and not failed_later:
            visible["output"] = self.why or told.why(cell, "mild")
        yield visible
        rest = _entry(f"{name}, further inputs", f"{count}.2", score >= most)
        rest["score"], rest["max_score"], rest["visibility"] = score, most, self.visibility
        if not passed:
            why = told.why(cell, "full") if failed_later else NOT_REACHED
            rest["output"] = _sentence(cell) + why
        yield rest

    def _points(self, cell: NotebookNode) -> tuple[float, float]:
        """Return the points of a test and how many it can have; none if nothing was graded."""
        if self.why:
            return 0.0, float(cell.metadata.nbgrader["points"])
        score, most = utils.determine_grade(cell)
        return float(score), float(most)


def _written_answer(cell: NotebookNode, name: str, count: int) -> ResultEntry:
    points = float(cell.metadata.nbgrader["points"])
    entry = _entry(f"{name}, written", f"{count}.1", True)
    del entry["status"]
    entry["output"] = f"A person gives up to {points:g} points for it."
    return entry


def _entry(name: str, number: str, passed: bool) -> ResultEntry:
    return {
        "name": name,
        "number": number,
        "status": "passed" if passed else "failed",
        "output": "",
        "output_format": "text",
        "visibility": "visible",
    }


def _failed_test(cell: NotebookNode) -> FailedTest:
    """Return what the autograder has noted about where a test failed, and why.

    Without a sound note it is taken to be the hidden part: rather too little is shown.
    """
    note = CellNote.read(cell)
    if note is None:
        return FailedTest(None, hidden=True)
    return note.failure or FailedTest(None, hidden=False)


def _sentence(cell: NotebookNode) -> str:
    """Return with what a test passed in place of the student's functions, as a line, or nothing."""
    passed = followed(cell)
    return f"{passed.sentence()}\nThis is how it failed with yours:\n" if passed else ""


@dataclass(frozen=True)
class _Told:
    """What may be told of failures.

    Attributes:
        own: the student's code, by cell
        given: the release's cells
        was_hidden: a hidden part has run before
    """

    own: Mapping[str, str]
    given: Mapping[str, str]
    was_hidden: bool = False

    @classmethod
    def of(cls, cells: Sequence[NotebookNode], given: Mapping[str, str]) -> "_Told":
        code = {c.id: c.source for c in cells if c.cell_type == "code" and not is_locked(c)}
        return cls(code, given)

    def why(self, cell: NotebookNode, hints: Hints) -> str:
        """Return why a test failed, in lines."""
        failure = Teller(self.own, self.given, (hints, hints)).tell(cell, self.was_hidden)
        if _failed_test(cell).hidden or failed_hidden(cell):
            failure = replace(failure, message="")
        return "\n".join(_lines(failure))[:LONGEST] or "it failed, and says no more"


def _lines(failure: Failure) -> Iterator[str]:
    if failure.message:
        yield ANSI.sub("", f"AssertionError: {failure.message}")
    if failure.thrown:
        yield f"It stopped with {failure.thrown}."
    if failure.own:
        yield f"That came from line {failure.own.number} of your code: {failure.own.text}"
    if failure.summary:
        yield failure.summary
    if failure.blames:
        yield f"Begin with {failure.blames}: this function needs it, and it is not right yet."
    yield from filter(None, (failure.hint, failure.where))


def _raw(cell: NotebookNode) -> str:
    """Return what a test itself said, for instructors."""
    error = error_of(cell)
    return ANSI.sub("", f"{error.ename}: {error.evalue}") if error else ""


def _summary(entries: Sequence[ResultEntry], notes: Sequence[str], why: str) -> str:
    if why:
        return "\n".join([f"{NO_MARK}: {why}", *notes])
    tests = [e for e in entries if e["visibility"] == "visible" and "status" in e]
    passed = sum(entry["status"] == "passed" for entry in tests)
    lines = [f"{passed} of the {len(tests)} tests that you can see passed."]
    lines += [LATER] if any(entry["visibility"] != "visible" for entry in entries) else []
    return "\n".join([*lines, *notes])


def _names(reason: str, cells: Set[str]) -> bool:
    """Return whether a reason is about one of these cells."""
    return any(re.search(rf"(?<![\w-]){re.escape(cell)}(?![\w-])", reason) for cell in cells)
