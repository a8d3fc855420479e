"""Fill a gradebook that Canvas has exported with the marks of an assignment.

Only cells of the assignment's column change. Who has no mark, because nothing was handed in, it
could not be graded or a person still has to mark something, keeps the cell as it was, and is named
with the reason. What is not a mark, such as ``EX``, stays.

This module does not know how a mark came about.
"""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from autograder import status
from course.cli.options import CANVAS_ID
from course.directory import Course, CourseError
from course.exchange.canvas import Person, Roster, header, people, points_row
from course.exchange.csv_cells import Sheet

CANVAS_NUMBER = re.compile(r" \(\d+\)$")  # which Canvas puts behind an assignment's name
NUMBER = re.compile(r"-?\d+([.,]\d+)?")


@dataclass(frozen=True)
class CanvasMark:
    """What the gradebook has of a student: points, and why there are none."""

    score: float = 0.0
    penalty: float = 0.0  # for lateness, taken off in ``points``
    to_mark: bool = False  # a person still has to mark something
    word: str = "missing"  # see autograder.status
    reason: str = ""

    @property
    def points(self) -> float:
        """Return what counts."""
        return max(0.0, self.score - self.penalty)

    def is_missing(self, partial: bool) -> str:
        """Return why there is no mark, or nothing where there is one."""
        if self.word in status.UNGRADED:
            return f"{self.word}: {self.reason}" if self.reason else self.word
        if self.to_mark and not partial:
            return "written answers are still to be marked (--partial takes what there is)"
        return ""


@dataclass(frozen=True)
class ChangedLine:
    """What became of a student's cell."""

    student: str
    name: str
    before: str
    after: str
    remark: str = ""


def marks(course: Course, assignment: str) -> tuple[dict[str, CanvasMark], float]:
    """Return everybody's mark, and the points that can be had."""
    with course.gradebook() as gradebook:
        found = {a.name: a for a in gradebook.assignments}.get(assignment)
        if found is None:
            raise CourseError(f"{assignment} has no gradebook yet: run course autograde")
        given = {each.student.id: each for each in found.submissions}
        names = {s.id for s in gradebook.students} | {*course.students(assignment), *given}
        all_of_them = {}
        for name in names:
            now = course.status(assignment, name, name in given)
            mark = given.get(name)
            all_of_them[name] = (
                CanvasMark(
                    mark.score,
                    mark.late_submission_penalty or 0.0,
                    bool(mark.needs_manual_grade),
                    now.word,
                    now.reason,
                )
                if mark
                else CanvasMark(word=now.word, reason=now.reason)
            )
        return all_of_them, float(found.max_score)


@dataclass
class Filling:
    """One column of a sheet, and who gets what in it."""

    sheet: Sheet
    column: int
    marks: Mapping[str, CanvasMark]
    factor: float = 1.0  # Canvas's points for one of ours
    partial: bool = False
    roster: Roster = field(default_factory=Roster)  # students by Canvas's number and by address

    def fill(self) -> list[ChangedLine]:
        """Write every mark that there is; return a line for everybody in the sheet."""
        return [self._line(person) for person in people(self.sheet)]

    def absent(self) -> list[str]:
        """Return who has a mark and is not in the sheet."""
        there = {self.student(person) for person in people(self.sheet)}
        graded = (name for name, m in self.marks.items() if not m.is_missing(self.partial))
        return sorted(name for name in graded if name not in there)

    def student(self, person: Person) -> str:
        """Return which student of ours somebody is; nothing where that is not clear."""
        by_id = {name.casefold(): name for name in self.marks} | self.roster.other
        others = [each for column, each in person.ids.items() if column != CANVAS_ID]
        found = {by_id[each.casefold()] for each in others if each.casefold() in by_id}
        number = person.ids[CANVAS_ID]
        found |= {self.roster.by_canvas(number) or (number if number in self.marks else "")} - {""}
        return found.pop() if len(found) == 1 else ""

    def _line(self, person: Person) -> ChangedLine:
        student, before = self.student(person), person.row.value(self.column)
        mark = self.marks.get(student)
        why = mark.is_missing(self.partial) if mark else "none of the course's students"
        if not why and before.strip() and not NUMBER.fullmatch(before.strip()):
            why = f"Canvas has {before.strip()} there"
        if why or mark is None:
            kept = f", {before} stays" if before.strip() else ""
            return ChangedLine(student or "-", person.name, before, before, f"{why}{kept}")
        after = self._written(mark.points * self.factor)
        if _same(before, after):
            after = before
        person.row.set(self.column, after, person.row.cells[self.column][:1] == '"')
        return ChangedLine(student, person.name, before, after, _remark(mark))

    @cached_property
    def _style(self) -> tuple[bool, str]:
        """Return whether numbers have two decimals here, and the sign before them."""
        row = points_row(self.sheet)
        shown = row.value(self.column).strip() if row else ""
        comma = (
            ","
            if self.sheet.delimiter != ","
            and any(
                re.fullmatch(r"\d+,\d+", each.value(i).strip())
                for each in self.sheet.rows
                for i in range(len(each.cells))
            )
            else "."
        )
        return bool(re.search(r"[.,]", shown)), comma

    def _written(self, points: float) -> str:
        always, sign = self._style
        rounded = round(points, 2)
        return (f"{rounded:.2f}" if always else f"{rounded:g}").replace(".", sign)


def column_of(sheet: Sheet, assignment: str, name: str | None) -> int:
    """Return the column of an assignment, found by its name or by the one that is given.

    Raises:
        CourseError: there is none, there are several, or Canvas does not read it back.
    """
    columns = header(sheet)
    wanted = (name or assignment).strip().casefold()
    bare = [CANVAS_NUMBER.sub("", each).casefold() for each in columns]
    for alike in (
        lambda i: columns[i].casefold() == wanted,
        lambda i: bare[i] == wanted,
        lambda i: not name and re.sub(r"\W", "", bare[i]) == re.sub(r"\W", "", wanted),
    ):
        found = [i for i in range(len(columns)) if alike(i)]
        if len(found) == 1:
            return _writable(sheet, found[0])
        if found:
            raise CourseError(f"several columns are called {wanted!r}: give --column all of it")
    theirs = [each for each in columns if CANVAS_NUMBER.search(each)]
    raise CourseError(
        f"no column is called {wanted!r}: choose one with --column, of "
        f"{', '.join(map(repr, theirs)) or 'which there are none in this file'}"
    )


def _writable(sheet: Sheet, column: int) -> int:
    row = points_row(sheet)
    short = any(len(person.row.cells) <= column for person in people(sheet))
    if column < len(header(sheet)) and "(read only)" in (row.value(column) if row else ""):
        raise CourseError(f"{header(sheet)[column]!r} is Canvas's own and cannot be filled")
    if short:
        raise CourseError("some lines of the file are shorter than its first: export it again")
    return column


def factor_of(sheet: Sheet, column: int, ours: float, scale: bool) -> float:
    """Return how many of Canvas's points one of ours is.

    Raises:
        CourseError: they differ, and are not to be scaled.
    """
    row = points_row(sheet)
    shown = row.value(column).strip() if row else ""
    if not NUMBER.fullmatch(shown):
        raise CourseError(
            f"the file does not say how many points {header(sheet)[column]!r} has: "
            "export it again, with the row Points Possible"
        )
    theirs = float(shown.replace(",", "."))
    if math.isclose(theirs, ours):
        return 1.0
    if not scale or theirs <= 0:
        raise CourseError(
            f"{header(sheet)[column]!r} has {theirs:g} points in Canvas and {ours:g} here: "
            f"change it in Canvas and export again{', or use --scale' if theirs > 0 else ''}"
        )
    return theirs / ours


def table(lines: Sequence[ChangedLine], absent: Sequence[str]) -> str:
    """Return who gets what, who gets nothing and why, and how many of each."""
    return "\n".join(_table(lines, absent))


def _table(lines: Sequence[ChangedLine], absent: Sequence[str]) -> Iterator[str]:
    yield f"{'student':24} {'before':>8} {'now':>8}  remark"
    for line in lines:
        who = line.student if line.student != "-" else line.name
        cells = f"{line.before or '-':>8} {line.after or '-':>8}"
        yield f"{who[:40]:24} {cells}  {line.remark}".rstrip()
    for name in absent:
        yield f"{name[:40]:24} {'':8} {'':8}  has a mark, and is not in the file"
    written = sum(line.before != line.after for line in lines)
    empty = sum(not line.after.strip() for line in lines)
    same = len(lines) - written - empty
    yield f"{written} cells written, {empty} left empty, {same} as they were"


def _remark(mark: CanvasMark) -> str:
    said = [f"{mark.penalty:g} off for lateness"] if mark.penalty else []
    if mark.points == 0:
        said.append("a zero: graded, and no point was earned")
    if mark.to_mark:
        said.append("written answers are still to be marked")
    if mark.word not in ("graded", "repaired"):
        said.append(f"{mark.word}: {mark.reason}")
    return "; ".join(said)


def _same(before: str, after: str) -> bool:
    """Return whether two cells hold the same number, however it is written."""
    shown = [each.strip().replace(",", ".") for each in (before, after)]
    if not NUMBER.fullmatch(shown[0]):
        return False
    return float(shown[0]) == float(shown[1])
