"""What Gradescope shows of a result: one entry for what everybody sees of a test, one for the rest.

A test of a notebook is worth its points only as a whole. Where part of it is hidden, the entry of
the visible part says passed or failed and has no points, and the hidden entry has all of them, so
that nobody can read from their score what they are not to see.

This module does not know how a result came about.
"""

import re
from collections.abc import Iterator, Mapping, Sequence, Set
from typing import Any

from nbformat import NotebookNode
from nbgrader import utils

from autograder.cells import is_graded, is_test
from autograder.result import Result
from course.gradescope.run_autograder import NO_MARK, Entry

HEADING = re.compile(r"^#+ (.+)", re.MULTILINE)
ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
LONGEST = 4000  # characters of what one entry says
LATER = "Further tests on other inputs are run as well; what came out is shown later."


def results(
    result: Result,
    release: NotebookNode,
    hidden: Set[str],
    visibility: str,
    notes: Sequence[str] = (),
) -> Entry:
    """Return what results.json holds.

    Args:
        result: of the submission
        release: the student version, for the tests of what could not be read
        hidden: ids of the tests part of which is hidden
        visibility: who sees that part: one of options.VISIBILITIES
        notes: what the student is to know besides
    """
    graded = result.notebook is not None
    cells = result.cells if graded else release.cells
    entries = list(_entries(cells, hidden, visibility, "" if graded else _why(result)))
    reasons = [each for each in result.reasons if graded and not _names(each, hidden)]
    score = sum(entry.get("score", 0.0) for entry in entries)
    return {
        "score": score,
        "execution_time": round(result.total, 2),
        "output": _summary(entries, [*notes, *reasons], graded, _why(result)),
        "output_format": "text",
        "visibility": "visible",
        "stdout_visibility": "hidden",
        "tests": entries,
    }


def table(found: Entry) -> str:
    """Return everything in lines of text, for the instructors' log."""
    lines = [found["output"], f"{found['score']:g} points by tests, {found['execution_time']} s"]
    for entry in found["tests"]:
        points = f"{entry['score']:g}/{entry['max_score']:g}" if "max_score" in entry else "-"
        lines.append(f"{entry['number']:6} {entry.get('status', ''):7} {points:>6} {entry['name']}")
        lines += [f"       {line}" for line in entry["output"].splitlines()]
    return "\n".join(lines)


def _entries(
    cells: Sequence[NotebookNode], hidden: Set[str], visibility: str, why: str
) -> Iterator[Entry]:
    """Yield the entries of every test and every written answer, in the notebook's order."""
    heading, count = "", 0
    for cell in cells:
        if cell.cell_type == "markdown" and not is_graded(cell):
            heading = (HEADING.findall(cell.source) or [heading])[-1]
        if not is_graded(cell):
            continue
        count += 1
        name = f"{heading} [{cell.id}]"
        if is_test(cell):
            yield from _of_test(cell, name, count, cell.id in hidden, visibility, why)
        else:
            yield _written(cell, name, count)


def _of_test(
    cell: NotebookNode, name: str, count: int, is_hidden: bool, visibility: str, why: str
) -> Iterator[Entry]:
    score, most = (0.0, float(cell.metadata.nbgrader["points"]))
    if not why:
        score, most = map(float, utils.determine_grade(cell))
    about = cell.metadata.get("autograder", {})
    passed, later = score >= most, is_hidden and bool(about.get("hidden"))
    points = {"score": score, "max_score": most}
    shown = _entry(name, f"{count}.1", passed or later)
    shown["output"] = "" if passed or later else why or _said(cell, about, "nudge")
    if not is_hidden:
        yield shown | points
        return
    yield shown
    rest = _entry(f"{name}, further inputs", f"{count}.2", passed) | points
    rest["visibility"] = visibility
    if not passed:
        rest["output"] = _said(cell, about, "hint") if later else "not reached: see the entry above"
    yield rest


def _entry(name: str, number: str, passed: bool) -> Entry:
    return {
        "name": name,
        "number": number,
        "status": "passed" if passed else "failed",
        "output": "",
        "output_format": "text",
        "visibility": "visible",
    }


def _written(cell: NotebookNode, name: str, count: int) -> Entry:
    points = float(cell.metadata.nbgrader["points"])
    entry = _entry(f"{name}, written", f"{count}.1", True)
    del entry["status"]
    return entry | {"output": f"A person gives up to {points:g} points for it."}


def _said(cell: NotebookNode, about: Mapping[str, Any], advice: str) -> str:
    """Return why a test failed: what it says itself, and what is known besides."""
    errors = [o for o in cell.get("outputs", []) if o.output_type == "error"]
    lines = [ANSI.sub("", f"{each.ename}: {each.evalue}") for each in errors[:1]]
    known = about.get("diagnosis") or {}
    lines += [str(known[key]) for key in ("summary", advice, "where") if known.get(key)]
    return "\n".join(lines)[:LONGEST] or "it failed, and says no more"


def _summary(entries: Sequence[Entry], notes: Sequence[str], graded: bool, why: str) -> str:
    if not graded:
        return "\n".join([f"{NO_MARK}: {why}", *notes])
    seen = [e for e in entries if e["visibility"] == "visible" and "status" in e]
    passed = sum(entry["status"] == "passed" for entry in seen)
    lines = [f"{passed} of the {len(seen)} tests that you can see passed."]
    lines += [LATER] if any(entry["visibility"] != "visible" for entry in entries) else []
    return "\n".join([*lines, *notes])


def _why(result: Result) -> str:
    return "; ".join(result.reasons) or result.word


def _names(reason: str, cells: Set[str]) -> bool:
    """Return whether a reason is about one of these cells."""
    return any(re.search(rf"(?<![\w-]){re.escape(cell)}(?![\w-])", reason) for cell in cells)
