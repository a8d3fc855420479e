"""The figures of a report: what is counted and measured over a class.

This module does not know where results come from, nor how figures are shown.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

import mistakes as catalogue
from course.report.class_results import CellResult, Results, Submission

FEW = 10  # submissions below which a correlation says nothing
SLOWEST = 3  # students named for each cell
SUMMARIES = 3  # shown of what no known mistake explains
Key = tuple[str, str]  # a mistake's name, or nothing, and a function
Keyed = tuple[str, str, Key, str]  # student, test, what is wrong, in words


@dataclass(frozen=True)
class Success:
    """How a class did in a cell, or in all tests of a problem.

    Attributes:
        name: the cell's or the problem's
        points: that can be had
        full: which part of the class has all points
        part: which part has some
        mean: mean of the points, as a part of those that can be had
        hidden: how many failed in the hidden part of the test, as far as that is known
        failed: how many of those who lost points have it noted where
    """

    name: str
    points: float
    full: float
    part: float
    mean: float
    hidden: int = 0
    failed: int = 0


@dataclass(frozen=True)
class Discrimination:
    """How well passing a test goes together with the rest of the points.

    Attributes:
        cell: its name
        r: the point-biserial correlation, or None where there is none
        low: lower end of its 95 percent interval
        high: upper end
        why: why there is none
    """

    cell: str
    r: float | None
    low: float = 0.0
    high: float = 0.0
    why: str = ""


@dataclass(frozen=True)
class Reason:
    """Something that is wrong with several students' functions.

    Attributes:
        mistake: its name in the catalogue; nothing where no known mistake gives their outputs
        function: where it is
        about: what it is
        tests: which tests noticed
        students: whose
    """

    mistake: str
    function: str
    about: str
    tests: tuple[str, ...]
    students: tuple[str, ...]


@dataclass(frozen=True)
class Times:
    """Seconds that something took, over a class."""

    name: str
    n: int
    median: float
    most: float  # the 95th percentile
    slowest: tuple[tuple[str, float], ...]


def successes(results: Results) -> list[tuple[Success, list[Success]]]:
    """Return how the class did in each problem that has tests, and in each of its tests."""
    problems: dict[str, list[CellResult]] = defaultdict(list)
    for cell in results.tests:
        problems[cell.problem].append(cell)
    graded = results.graded
    return [
        (_success(problem, cells, graded), [_success(c.name, [c], graded) for c in cells])
        for problem, cells in problems.items()
    ]


def _success(name: str, cells: Sequence[CellResult], graded: Sequence[Submission]) -> Success:
    points, names = sum(cell.points for cell in cells), [cell.name for cell in cells]
    scores = [sum(each.marks.get(cell, 0.0) for cell in names) for each in graded]
    n, notes = max(len(graded), 1), [each.tests.get(cell, {}) for each in graded for cell in names]
    lines = [note["hidden"] for note in notes if isinstance(note.get("hidden"), bool)]
    return Success(
        name,
        points,
        sum(score >= points for score in scores) / n,
        sum(0 < score < points for score in scores) / n,
        sum(scores) / (points or 1.0) / n,
        sum(lines),
        len(lines),
    )


def discriminations(results: Results) -> list[Discrimination]:
    """Return how well each test tells good submissions from others, the worst first.

    Empty where there are fewer than ``FEW`` submissions: a correlation of so few is noise.
    """
    graded = results.graded
    if len(graded) < FEW:
        return []
    totals = np.array([[each.marks.get(c.name, 0.0) for c in results.tests] for each in graded])
    found = [
        discrimination(cell.name, totals[:, i] >= cell.points, totals.sum(axis=1) - totals[:, i])
        for i, cell in enumerate(results.tests)
    ]
    return sorted(found, key=lambda each: math.inf if each.r is None else each.r)


def discrimination(name: str, passed: np.ndarray, rest: np.ndarray) -> Discrimination:
    """Return the point-biserial correlation of passing a test with the points without it.

    r = (M1 - M0) / s * sqrt(p (1 - p)); M1 and M0 are the mean rest of those who passed and of the
    others, s is the standard deviation of all rests (over n), p the part that passed. The interval
    is Fisher's: tanh(artanh r +- 1.96 / sqrt(n - 3)).

    Args:
        name: the cell's
        passed: (n,) whether a student has full marks
        rest: (n,) the student's points in all other tests
    """
    p, spread = passed.mean(), rest.std()
    if p in (0.0, 1.0):
        return Discrimination(name, None, why="everybody passes" if p else "nobody passes")
    if spread < 1e-12 * max(1.0, abs(rest).max()):
        return Discrimination(name, None, why="all others' points are the same")
    r = (rest[passed].mean() - rest[~passed].mean()) / spread * math.sqrt(p * (1 - p))
    middle, half = math.atanh(max(-0.999999, min(0.999999, r))), 1.96 / math.sqrt(len(rest) - 3)
    return Discrimination(name, float(r), math.tanh(middle - half), math.tanh(middle + half))


def reasons(results: Results) -> list[Reason]:
    """Return what was wrong, as far as it was found out, the most frequent first."""
    known = {m.name: m.about for c in catalogue.catalogue(results.assignment) for m in c.mistakes}
    tests: dict[Key, set[str]] = defaultdict(set)
    students: dict[Key, set[str]] = defaultdict(set)
    said: dict[Key, Counter[str]] = defaultdict(Counter)
    for student, test, key, summary in _keyed(list(_diagnoses(results.graded))):
        tests[key].add(test)
        students[key].add(student)
        said[key][summary] += 1
    found = []
    for key, who in students.items():
        about = known.get(key[0]) or _summed_up(said[key])
        noticed = tuple(cell.name for cell in results.tests if cell.name in tests[key])
        found.append(Reason(*key, about, noticed, tuple(sorted(who))))
    return sorted(found, key=lambda each: (-len(each.students), each.mistake, each.function))


def _summed_up(said: Counter[str]) -> str:
    """Return what was said most often, and how often."""
    few = [f"{text} ({n})" for text, n in said.most_common(SUMMARIES) if text]
    return "; ".join([*few, "…"] if len(said) > SUMMARIES else few)


def _keyed(diagnoses: Sequence[tuple[str, str, Mapping[str, Any]]]) -> Iterator[Keyed]:
    """Yield each diagnosis with its mistake and function.

    One that blames another function of the student's goes to what is wrong with that one.
    """
    own: dict[tuple[str, str], Key] = {}
    for blaming in (False, True):
        for student, test, found in diagnoses:
            if bool(found.get("blames")) != blaming:
                continue
            function = str(found.get("blames") or found.get("function") or "")
            key = str(found.get("mistake") or ""), function
            key = own.get((student, function), key) if blaming else key
            own.setdefault((student, function), key)
            yield student, test, key, str(found.get("summary") or "")


def undiagnosed(results: Results) -> int:
    """Return how many failed tests nothing is known about."""
    known = {(student, test) for student, test, _ in _diagnoses(results.graded)}
    return sum(
        each.marks.get(cell.name, 0.0) < cell.points and (each.student, cell.name) not in known
        for each in results.graded
        for cell in results.tests
    )


def _diagnoses(graded: Iterable[Submission]) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    for each in graded:
        for test, noted in each.tests.items():
            diagnosis = noted.get("diagnosis")
            if isinstance(diagnosis, Mapping):
                yield each.student, test, diagnosis


def times(results: Results) -> list[Times]:
    """Return how long each test took, the one with the largest 95th percentile first."""
    found = []
    for cell in results.tests:
        taken = {
            each.student: float(each.tests[cell.name]["seconds"])
            for each in results.graded
            if isinstance(each.tests.get(cell.name, {}).get("seconds"), int | float)
        }
        if taken:
            found.append(_times(cell.name, taken))
    return sorted(found, key=lambda each: -each.most)


def total_times(results: Results) -> Times | None:
    """Return how long whole submissions took, or None where that is not known of any."""
    taken = {e.student: e.status.seconds for e in results.graded if e.status.seconds > 0}
    return _times("the whole submission", taken) if taken else None


def _times(name: str, taken: Mapping[str, float]) -> Times:
    median, most = np.percentile(list(taken.values()), [50, 95])
    slowest = sorted(taken.items(), key=lambda pair: (-pair[1], pair[0]))[:SLOWEST]
    return Times(name, len(taken), float(median), float(most), tuple(slowest))


def waiting(results: Results) -> list[tuple[CellResult, list[str]]]:
    """Return the cells that a person still has to mark, with whose they are."""
    found = []
    for cell in results.cells:
        students = [each.student for each in results.graded if cell.name in each.waiting]
        if students:
            found.append((cell, students))
    return found
