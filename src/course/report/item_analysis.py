"""Item analysis: how hard each test was, how well it discriminates, and what went wrong."""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from autograder.diagnosis import phrases
from course.report.class_results import CellResult, Results, Submission

FEW = 10  # with fewer submissions, a correlation is noise
SLOWEST = 3  # students named per cell
UNKNOWN = "a mistake that is not in the catalogue"
SUMMARIES = 3  # shown where no known mistake explains the failures
Key = tuple[str, str]  # mistake (or empty), function
Keyed = tuple[str, str, Key, str]  # student, test, key, summary


@dataclass(frozen=True)
class Success:
    """Difficulty of a cell, or of all tests of a problem.

    Attributes:
        name: of the cell or problem
        points: maximum points
        full: fraction of the class with full points
        part: fraction of the class with some points
        mean: mean of points / maximum points
        hidden: failures known to lie in the hidden part
        failed: failures whose place is known
        followed: passes that came by follow-through
    """

    name: str
    points: float
    full: float
    part: float
    mean: float
    hidden: int = 0
    failed: int = 0
    followed: int = 0


@dataclass(frozen=True)
class Discrimination:
    """Item-rest correlation of a test.

    Attributes:
        cell: its name
        r: the point-biserial correlation, or None if undefined
        low: lower end of the 95 percent interval
        high: upper end
        why: why it is undefined
    """

    cell: str
    r: float | None
    low: float = 0.0
    high: float = 0.0
    why: str = ""


@dataclass(frozen=True)
class Reason:
    """A mistake and the students who made it.

    Attributes:
        mistake: its name in the catalogue; empty if no known mistake gives these outputs
        function: the function that has it
        about: a description
        tests: tests that noticed it
        students: students who made it
    """

    mistake: str
    function: str
    about: str
    tests: tuple[str, ...]
    students: tuple[str, ...]
    details: tuple[str, ...] = ()  # where no mistake is known: what differed, and how often


@dataclass(frozen=True)
class Unfinished:
    """Functions of a cell that some students left as it was handed out."""

    functions: tuple[str, ...]
    students: tuple[str, ...]


@dataclass(frozen=True)
class Times:
    """Seconds taken, over a class."""

    name: str
    n: int
    median: float
    most: float  # the 95th percentile
    slowest: tuple[tuple[str, float], ...]


def successes(results: Results) -> list[tuple[str, Success, list[Success]]]:
    """Return the part, the difficulty of each problem in it, and of each of its tests."""
    problems: dict[tuple[str, str], list[CellResult]] = defaultdict(list)
    for cell in results.tests:
        problems[cell.part, cell.problem].append(cell)
    graded = results.graded
    return [
        (part, _success(problem, cells, graded), [_success(c.name, [c], graded) for c in cells])
        for (part, problem), cells in problems.items()
    ]


def _success(name: str, cells: Sequence[CellResult], graded: Sequence[Submission]) -> Success:
    points, names = sum(cell.points for cell in cells), [cell.name for cell in cells]
    scores = [sum(submission.marks.get(cell, 0.0) for cell in names) for submission in graded]
    n, notes = (
        max(len(graded), 1),
        [submission.tests.get(cell, {}) for submission in graded for cell in names],
    )
    lines = [note["hidden"] for note in notes if isinstance(note.get("hidden"), bool)]
    return Success(
        name,
        points,
        sum(score >= points for score in scores) / n,
        sum(0 < score < points for score in scores) / n,
        sum(scores) / (points or 1.0) / n,
        sum(lines),
        len(lines),
        sum("followed" in note for note in notes),
    )


def discriminations(results: Results) -> list[Discrimination]:
    """Return the discrimination of each test, the worst first; empty below ``FEW`` submissions."""
    graded = results.graded
    if len(graded) < FEW:
        return []
    totals = np.array(
        [[submission.marks.get(c.name, 0.0) for c in results.tests] for submission in graded]
    )
    entries = [
        discrimination(cell.name, totals[:, i] >= cell.points, totals.sum(axis=1) - totals[:, i])
        for i, cell in enumerate(results.tests)
    ]
    return sorted(entries, key=lambda entry: math.inf if entry.r is None else entry.r)


def discrimination(name: str, passed: np.ndarray, rest: np.ndarray) -> Discrimination:
    """Return the point-biserial correlation of passing a test with the points in all others.

    r = (M1 - M0) / s * sqrt(p (1 - p)), where M1 and M0 are the mean points of those who passed and
    of the others, s is their standard deviation (over n) and p the fraction that passed. The
    interval is Fisher's: tanh(artanh r +- 1.96 / sqrt(n - 3)).

    Args:
        name: of the cell
        passed: (n,) whether a student has full marks
        rest: (n,) the student's points in all other tests
    """
    p, spread = passed.mean(), rest.std()
    if p in (0.0, 1.0):
        return Discrimination(name, None, why="everybody passes" if p else "nobody passes")
    if spread < 1e-12 * max(1.0, abs(rest).max()):
        return Discrimination(name, None, why="everybody has the same points in the other tests")
    r = (rest[passed].mean() - rest[~passed].mean()) / spread * math.sqrt(p * (1 - p))
    middle, half = math.atanh(max(-0.999999, min(0.999999, r))), 1.96 / math.sqrt(len(rest) - 3)
    return Discrimination(name, float(r), math.tanh(middle - half), math.tanh(middle + half))


def unfinished(results: Results) -> list[Unfinished]:
    """Return the functions that students have not written, in the notebook's order."""
    given = {source.strip() for source in results.given}
    entries = []
    for cell in results.catalogue:
        students = tuple(
            submission.student
            for submission in results.graded
            if submission.code.get(cell.id, "no such cell").strip() in given
            or _is_called_unwritten(submission, cell.functions)
        )
        if students:
            entries.append(Unfinished(cell.functions, students))
    return entries


def _is_called_unwritten(submission: Submission, functions: Sequence[str]) -> bool:
    """Return whether grading has found that a cell's functions are not written."""
    told = {str(d.get("summary")) for _, _, d in _diagnoses([submission])}
    return bool(functions) and {phrases.NOT_WRITTEN(name=name) for name in functions} <= told


def reasons(results: Results) -> list[Reason]:
    """Return what is wrong in functions that students have written, the most frequent first."""
    known = {m.name: m.about for cell in results.catalogue for m in cell.mistakes}
    missing = {(who, f) for u in unfinished(results) for who in u.students for f in u.functions}
    tests: dict[Key, set[str]] = defaultdict(set)
    students: dict[Key, set[str]] = defaultdict(set)
    summaries: dict[Key, Counter[str]] = defaultdict(Counter)
    for student, test, key, summary in _keyed(list(_diagnoses(results.graded))):
        if (student, key[1]) not in missing:
            tests[key].add(test)
            students[key].add(student)
            summaries[key][summary] += 1
    entries = []
    for key, who in students.items():
        noticed = tuple(cell.name for cell in results.tests if cell.name in tests[key])
        entry = Reason("", key[1], UNKNOWN, noticed, tuple(sorted(who)))
        if key[0] in known:
            entries.append(replace(entry, mistake=key[0], about=known[key[0]]))
        else:
            entries.append(replace(entry, details=_most_frequent(summaries[key])))
    return sorted(entries, key=lambda entry: (-len(entry.students), entry.mistake, entry.function))


def _most_frequent(summaries: Counter[str]) -> tuple[str, ...]:
    """Return the most frequent summaries with their counts."""
    few = [f"{text} ({n})" for text, n in summaries.most_common(SUMMARIES) if text]
    return (*few, "…") if len(summaries) > SUMMARIES else tuple(few)


def _keyed(diagnoses: Sequence[tuple[str, str, Mapping[str, Any]]]) -> Iterator[Keyed]:
    """Yield each diagnosis with its key.

    A diagnosis that blames another function of the student counts as the mistake in that one.
    """
    own: dict[tuple[str, str], Key] = {}
    for blaming in (False, True):
        for student, test, diagnosis in diagnoses:
            if bool(diagnosis.get("blames")) != blaming:
                continue
            function = str(diagnosis.get("blames") or diagnosis.get("function") or "")
            key = str(diagnosis.get("mistake") or ""), function
            key = own.get((student, function), key) if blaming else key
            own.setdefault((student, function), key)
            yield student, test, key, str(diagnosis.get("summary") or "")


def undiagnosed(results: Results) -> int:
    """Return the number of failed tests without a diagnosis."""
    known = {(student, test) for student, test, _ in _diagnoses(results.graded)}
    return sum(
        submission.marks.get(cell.name, 0.0) < cell.points
        and (submission.student, cell.name) not in known
        for submission in results.graded
        for cell in results.tests
    )


def _diagnoses(graded: Iterable[Submission]) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    for submission in graded:
        for test, noted in submission.tests.items():
            diagnosis = noted.get("diagnosis")
            if isinstance(diagnosis, Mapping):
                yield submission.student, test, diagnosis


def times(results: Results) -> list[Times]:
    """Return the duration of each test, the largest 95th percentile first."""
    durations = []
    for cell in results.tests:
        taken = {
            submission.student: float(submission.tests[cell.name]["seconds"])
            for submission in results.graded
            if isinstance(submission.tests.get(cell.name, {}).get("seconds"), int | float)
        }
        if taken:
            durations.append(_times(cell.name, taken))
    return sorted(durations, key=lambda entry: -entry.most)


def total_times(results: Results) -> Times | None:
    """Return the duration of whole submissions, or None if none is known."""
    taken = {e.student: e.status.seconds for e in results.graded if e.status.seconds > 0}
    return _times("the whole submission", taken) if taken else None


def _times(name: str, taken: Mapping[str, float]) -> Times:
    median, most = np.percentile(list(taken.values()), [50, 95])
    slowest = sorted(taken.items(), key=lambda pair: (-pair[1], pair[0]))[:SLOWEST]
    return Times(name, len(taken), float(median), float(most), tuple(slowest))


def waiting(results: Results) -> list[tuple[CellResult, list[str]]]:
    """Return the cells that a person still has to mark, with the students."""
    waiting_cells = []
    for cell in results.cells:
        students = [
            submission.student for submission in results.graded if cell.name in submission.waiting
        ]
        if students:
            waiting_cells.append((cell, students))
    return waiting_cells
