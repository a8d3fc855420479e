"""Fill one column of Canvas's gradebook with the marks of an assignment.

Only cells of the assignment's column change. Anybody without a mark, because nothing was handed in,
it could not be graded, or a person still has to mark something, keeps the cell as it was and is
listed with the reason. What is not a number, such as ``EX``, stays.
"""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from autograder import status
from autograder.status import Status
from course.cli.options import CANVAS_ID
from course.directory import Course, CourseError
from course.exchange.canvas_gradebook import CanvasGradebook, Person
from course.exchange.roster import Roster
from course.run.held_marks import HeldMarks

CANVAS_NUMBER = re.compile(r" \(\d+\)$")  # which Canvas puts behind an assignment's name
NUMBER = re.compile(r"-?\d+([.,]\d+)?")  # in German, Canvas writes 92,50


@dataclass(frozen=True)
class CanvasMark:
    """What the course's gradebook has of a student."""

    status: Status
    score: float = 0.0
    penalty: float = 0.0  # for lateness
    needs_marking: bool = False  # a person still has to mark something

    @property
    def points(self) -> float:
        """Return the score less the penalty."""
        return max(0.0, self.score - self.penalty)

    def why_none(self, partial: bool) -> str:
        """Return why there is no mark to export, or "" if there is one."""
        if self.status.word in status.UNGRADED:
            return ": ".join(filter(None, (self.status.word, self.status.reason)))
        if self.needs_marking and not partial:
            return "written answers are still to be marked (--partial takes what there is)"
        return ""

    @property
    def remark(self) -> str:
        """Return what is worth knowing about an exported mark."""
        remarks = [f"{self.penalty:g} off for lateness"] if self.penalty else []
        if followed := sum(self.status.followed.values()):
            remarks.append(f"{followed:g} by follow-through")
        if self.points == 0:
            remarks.append("a zero: graded, and no point was earned")
        if self.needs_marking:
            remarks.append("written answers are still to be marked")
        if self.status.word not in ("graded", "repaired"):
            remarks.append(f"{self.status.word}: {self.status.reason}")
        return "; ".join(remarks)


@dataclass(frozen=True)
class FilledCell:
    """What became of a student's cell."""

    student: str
    name: str
    before: str
    after: str
    remark: str = ""


def read_marks(course: Course, assignment: str) -> tuple[dict[str, CanvasMark], float]:
    """Return everybody's mark, and the points that can be had.

    Raises:
        CourseError: the assignment is not in the gradebook.
    """
    with course.gradebook() as gradebook:
        entry = {a.name: a for a in gradebook.assignments}.get(assignment)
        if entry is None:
            raise CourseError(
                f"{assignment} is {status.NOT_HELD}: run course autograde {assignment}"
            )
        held = HeldMarks.read(course, assignment, gradebook)
        submissions = {s.student.id: s for s in entry.submissions}
        names = {s.id for s in gradebook.students} | {*course.students(assignment), *submissions}
        marks = {}
        for name in names:
            submission = submissions.get(name)
            marks[name] = CanvasMark(held.status(name))
            if submission is not None:
                marks[name] = CanvasMark(
                    marks[name].status,
                    submission.score,
                    submission.late_submission_penalty or 0.0,
                    bool(submission.needs_manual_grade or held.waiting(name)),
                )
        return marks, float(entry.max_score)


@dataclass
class Filling:
    """The filling of one column.

    Attributes:
        gradebook: Canvas's gradebook, whose cells are changed
        column: the assignment's
        marks: by student
        factor: Canvas's points for one of ours
        partial: export marks in which written answers are missing, too
        roster: students by Canvas's number and by address
    """

    gradebook: CanvasGradebook
    column: int
    marks: Mapping[str, CanvasMark]
    factor: float = 1.0
    partial: bool = False
    roster: Roster = field(default_factory=Roster)

    def fill(self) -> list[FilledCell]:
        """Write every mark there is; return a line for everybody in the gradebook."""
        return [self._fill(person) for person in self.gradebook.people()]

    def absent(self) -> list[str]:
        """Return the students who have a mark and are not in Canvas's gradebook."""
        present = {self._student(person) for person in self.gradebook.people()}
        graded = {name for name, mark in self.marks.items() if not mark.why_none(self.partial)}
        return sorted(graded - present)

    def _student(self, person: Person) -> str:
        """Return which student of the course somebody is; "" if that is not clear."""
        by_id = {name.casefold(): name for name in self.marks} | self.roster.other
        ids = [value.casefold() for column, value in person.ids.items() if column != CANVAS_ID]
        students = {by_id[value] for value in ids if value in by_id}
        number = person.ids[CANVAS_ID]
        if student := self.roster.by_canvas(number) or (number if number in self.marks else ""):
            students.add(student)
        return students.pop() if len(students) == 1 else ""

    def _fill(self, person: Person) -> FilledCell:
        student, before = self._student(person), person.cells[self.column]
        mark = self.marks.get(student)
        why = mark.why_none(self.partial) if mark else "none of the course's students"
        if not why and before.strip() and not NUMBER.fullmatch(before.strip()):
            why = f"Canvas has {before.strip()} there"
        if why or mark is None:
            kept = f", {before} stays" if before.strip() else ""
            return FilledCell(student or "-", person.name, before, before, f"{why}{kept}")
        after = self._written(mark.points * self.factor)
        if _is_same(before, after):
            after = before
        person.cells[self.column] = after
        return FilledCell(student, person.name, before, after, mark.remark)

    def _written(self, points: float) -> str:
        """Return points as Canvas writes them in this column: 40.00, 40,00 or 40."""
        sign = re.search("[.,]", self.gradebook.points(self.column))
        return f"{points:.2f}".replace(".", sign[0]) if sign else f"{round(points, 2):g}"


def column_of(gradebook: CanvasGradebook, assignment: str, name: str | None) -> int:
    """Return the column of an assignment, by its own name or by the ``name`` of the column.

    Raises:
        CourseError: there is none, there are several, or it cannot be filled.
    """
    columns = gradebook.columns
    wanted = (name or assignment).strip().casefold()
    full = [column.casefold() for column in columns]
    bare = [CANVAS_NUMBER.sub("", column).casefold() for column in columns]
    letters = [re.sub(r"\W", "", column) for column in bare] if not name else []
    for spellings, spelling in (full, wanted), (bare, wanted), (letters, re.sub(r"\W", "", wanted)):
        if spellings.count(spelling) == 1:
            return _fillable(gradebook, spellings.index(spelling))
        if spelling in spellings:
            raise CourseError(f"several columns are called {wanted!r}: give --column all of it")
    assignments = [repr(column) for column in columns if CANVAS_NUMBER.search(column)]
    raise CourseError(
        f"no column is called {wanted!r}: choose one with --column, of "
        f"{', '.join(assignments) or 'which there are none in this file'}"
    )


def _fillable(gradebook: CanvasGradebook, column: int) -> int:
    if "(read only)" in gradebook.points(column):
        raise CourseError(f"{gradebook.columns[column]!r} is Canvas's own and cannot be filled")
    if any(len(person.cells) <= column for person in gradebook.people()):
        raise CourseError("some lines of the file are shorter than its first: export it again")
    return column


def factor_of(gradebook: CanvasGradebook, column: int, ours: float, scale: bool) -> float:
    """Return how many of Canvas's points one of ours is.

    Raises:
        CourseError: they differ, and are not to be scaled.
    """
    name, points = gradebook.columns[column], gradebook.points(column)
    if not NUMBER.fullmatch(points):
        raise CourseError(
            f"the file does not say how many points {name!r} has: "
            "export it again, with the row Points Possible"
        )
    canvas = _number(points)
    if math.isclose(canvas, ours):
        return 1.0
    if not scale or canvas <= 0:
        raise CourseError(
            f"{name!r} has {canvas:g} points in Canvas and {ours:g} here: "
            f"change it in Canvas and export again{', or use --scale' if canvas > 0 else ''}"
        )
    return canvas / ours


def table(cells: Sequence[FilledCell], absent: Sequence[str]) -> str:
    """Return who gets what, who gets nothing and why, and how many of each."""
    return "\n".join(_lines(cells, absent))


def _lines(cells: Sequence[FilledCell], absent: Sequence[str]) -> Iterator[str]:
    yield f"{'student':24} {'before':>8} {'now':>8}  remark"
    for cell in cells:
        who = cell.student if cell.student != "-" else cell.name
        change = f"{cell.before or '-':>8} {cell.after or '-':>8}"
        yield f"{who[:40]:24} {change}  {cell.remark}".rstrip()
    for name in absent:
        yield f"{name[:40]:24} {'':8} {'':8}  has a mark, and is not in the file"
    written = sum(cell.before != cell.after for cell in cells)
    empty = sum(not cell.after.strip() for cell in cells)
    yield f"{written} written, {empty} left empty, {len(cells) - written - empty} unchanged"


def _is_same(before: str, after: str) -> bool:
    """Return whether two cells hold the same number, however it is written."""
    return bool(NUMBER.fullmatch(before.strip())) and _number(before) == _number(after)


def _number(cell: str) -> float:
    return float(cell.replace(",", "."))
