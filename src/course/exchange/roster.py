"""Who is who: the course's students by what Canvas and Gradescope call them."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from course.cli.options import CANVAS_ID, IDS
from course.directory import Course
from course.exchange.canvas_gradebook import CanvasGradebook, Person


@dataclass
class Roster:
    """The course's students by what other systems call them."""

    canvas: dict[str, str] = field(default_factory=dict)  # Canvas's number -> student
    other: dict[str, str] = field(default_factory=dict)  # logins, student numbers, addresses
    names: dict[str, str] = field(default_factory=dict)  # Canvas's number -> name

    def by_canvas(self, number: str) -> str | None:
        """Return the student with this number of Canvas's."""
        return self.canvas.get(number)

    def by_others(self, *ids: str) -> str | None:
        """Return the student with any of these ids, in order of preference."""
        return next((self.other[i.casefold()] for i in ids if i.casefold() in self.other), None)

    def add(self, person: Person, id_column: str) -> None:
        """Add somebody in Canvas's gradebook, whose student id stands in a column of it."""
        student = person.ids.get(id_column)
        if student is None:
            return
        number = person.ids[CANVAS_ID]
        self.canvas[number], self.names[number] = student, person.name
        for column, value in person.ids.items():
            if column != CANVAS_ID:
                self.other[value.casefold()] = student


def read_roster(course: Course, path: Path | None = None, id_column: str | None = None) -> Roster:
    """Return everybody in Canvas's gradebook and in the course's own.

    Args:
        course: the course
        path: Canvas's gradebook, exported; it takes precedence over the course's own
        id_column: the column that holds the course's student ids; None to find out

    Raises:
        CourseError: the file is no such export.
    """
    roster = Roster()
    if course.has_gradebook():
        _add_courses_own(roster, course)
    if path is not None:
        people = CanvasGradebook.read(path).people()
        known = set(course.roster()) | {
            folder.name for folder in (course.root / "submitted").glob("*")
        }
        id_column = id_column or _id_column(people, known)
        for person in people:
            roster.add(person, id_column)
    return roster


def _add_courses_own(roster: Roster, course: Course) -> None:
    with course.gradebook() as gradebook:
        for student in gradebook.students:
            roster.canvas[student.lms_user_id or student.id] = student.id
            for name in filter(None, (student.email, student.id)):
                roster.other[name.casefold()] = student.id


def _id_column(people: Sequence[Person], known: set[str]) -> str:
    """Return the column in which most known students are; if none is, the first full one."""
    hits = Counter(column for p in people for column, value in p.ids.items() if value in known)
    if hits:
        return max(IDS, key=lambda column: hits[column])
    full = (column for column in IDS if all(column in person.ids for person in people))
    return next(full, CANVAS_ID)
