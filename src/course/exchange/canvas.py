"""Canvas: whose files an archive of "Download Submissions" holds, and who is who in a class.

A file in such an archive is called ``lastnamefirstname_[LATE_]USER_UPLOAD_name``; the numbers are
Canvas's, and of two uploads the one with the larger number is the later. When anything was handed
in is not in there: the times in the archive are those of its making.

This module does not know what becomes of a file, nor of a mark.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from nbgrader.plugins import FileNameCollectorPlugin
from traitlets import default

from autograder.submission.intake import SubmissionRefused
from autograder.submission.zip_reader import ZipReader
from course.cli.options import CANVAS_ID, IDS
from course.directory import Course, CourseError
from course.exchange import csv_cells, template_py
from course.exchange.collect import TAKEN, HandedIn
from course.exchange.csv_cells import Row, Sheet, SheetError

POINTS_ROW = "Points Possible"
TEST_STUDENT = ("Student, Test", "Test Student")
AGAIN = re.compile(r"(.+?)(?:-\d+| ?\(\d+\))(\.\w+)")  # gpt2-1.ipynb, gpt2 (1).ipynb


# Who is who


@dataclass(frozen=True)
class Person:
    """Somebody in a gradebook that Canvas has exported."""

    row: Row
    name: str
    ids: Mapping[str, str]  # by column


@dataclass
class Roster:
    """The course's students by what other systems call them."""

    canvas: dict[str, str] = field(default_factory=dict)  # Canvas's number -> student
    other: dict[str, str] = field(default_factory=dict)  # logins, student numbers, addresses
    names: dict[str, str] = field(default_factory=dict)  # Canvas's number -> name

    def by_canvas(self, number: str) -> str | None:
        """Return the student with Canvas's number."""
        return self.canvas.get(number)

    def by_others(self, *ids: str) -> str | None:
        """Return the student with any of these ids; the first that is known counts."""
        return next((self.other[i.casefold()] for i in ids if i.casefold() in self.other), None)


def roster(course: Course, path: Path | None = None, column: str | None = None) -> Roster:
    """Return whom a gradebook export and the course's own gradebook know.

    Args:
        course: whose
        path: the export, a CSV file; it goes before the course's gradebook
        column: which of its columns is the course's student id; None to find out

    Raises:
        CourseError: the file is no such export.
    """
    found = Roster()
    with course.gradebook() as gradebook:
        known = {student.id: student for student in gradebook.students}
        for student in known.values():
            found.canvas |= {student.lms_user_id or student.id: student.id}
            found.other |= {
                each.casefold(): student.id for each in (student.email, student.id) if each
            }
    if path is not None:
        submitted = course.root / "submitted"  # it holds a README.md, too
        folders = {path.name for path in submitted.glob("*") if path.is_dir()}
        _add(found, people(exported(path)), known.keys() | folders, column)
    return found


def exported(path: Path) -> Sheet:
    """Return a gradebook export.

    Raises:
        CourseError: the file is none.
    """
    try:
        sheet = csv_cells.read(path)
    except SheetError as error:
        raise CourseError(str(error)) from None
    columns = header(sheet)
    if CANVAS_ID not in columns or not {"Student", "LastName"} & set(columns):
        raise CourseError(
            f"{path.name} is no gradebook of Canvas's: it has no columns Student and ID "
            "(in Canvas: Grades, Export)"
        )
    return sheet


def header(sheet: Sheet) -> list[str]:
    """Return the names of the columns."""
    return [sheet.rows[0].value(i).strip() for i in range(len(sheet.rows[0].cells))]


def points_row(sheet: Sheet) -> Row | None:
    """Return the row of points possible."""
    return next((row for row in sheet.rows if row.value(0).strip() == POINTS_ROW), None)


def people(sheet: Sheet) -> list[Person]:
    """Return everybody in an export, without Canvas's test student."""
    columns, points = header(sheet), points_row(sheet)
    first = 1 + next((i for i, row in enumerate(sheet.rows) if row is points), 0)
    found = []
    for row in sheet.rows[first:]:
        named = row.value(0).strip()
        if columns[1] == "FirstName":
            named = f"{named}, {row.value(1).strip()}"
        ids = {name: row.value(columns.index(name)).strip() for name in IDS if name in columns}
        if ids[CANVAS_ID] and named not in TEST_STUDENT:
            found.append(Person(row, named, {name: each for name, each in ids.items() if each}))
    return found


def _add(found: Roster, persons: Sequence[Person], known: set[str], column: str | None) -> None:
    column = column or _column(persons, known)
    for person in persons:
        student = person.ids.get(column)
        if student is None:
            continue
        number = person.ids[CANVAS_ID]
        found.canvas[number], found.names[number] = student, person.name
        others = [each for name, each in person.ids.items() if name != CANVAS_ID]
        found.other |= {each.casefold(): student for each in others}


def _column(persons: Sequence[Person], known: set[str]) -> str:
    """Return the column that most students of the course are in, or the first that all have."""
    hits = Counter(name for p in persons for name, each in p.ids.items() if each in known)
    if hits:
        return max(IDS, key=lambda name: hits[name])
    return next((name for name in IDS if all(name in person.ids for person in persons)), CANVAS_ID)


# Whose a file is


class CanvasFileNames(FileNameCollectorPlugin):  # type: ignore[misc]
    """Reads whose a file is out of its name; ``nbgrader zip_collect`` can use it as well.

    Where Canvas names files otherwise, ``c.Names.named_regexp`` in ``nbgrader_config.py`` says how,
    with the groups ``student_id``, ``file_id`` (the name that it was uploaded with) and, where
    there are any, ``who``, ``late``, ``upload`` and ``typed``.
    """

    @default("named_regexp")
    def _named_regexp(self) -> str:
        return (
            r"(?:(?P<who>.*?)_)??(?P<late>LATE_)?(?P<student_id>anon_(?:LATE_)?[0-9A-Za-z]+|\d+)_"
            r"(?:(?P<upload>\d+)_(?P<file_id>.+)|(?P<typed>text|link)\.html)\Z"
        )

    @default("valid_ext")
    def _valid_ext(self) -> list[str]:
        return list(TAKEN)

    def collect(self, submitted_file: str) -> dict[str, Any] | None:
        """Return the parts of a file's name, or None where it is none of Canvas's."""
        if PurePosixPath(submitted_file).suffix.lower() not in self.valid_ext:
            return None
        return self.parts(submitted_file)

    def parts(self, name: str) -> dict[str, Any] | None:
        """Return the same, whatever kind of file it is."""
        found = re.match(self.named_regexp, PurePosixPath(name).name)
        return found.groupdict() if found else None


@dataclass(frozen=True)
class Upload:
    """A file of the archive."""

    entry: str  # its name in the archive
    name: str  # its name when it was uploaded
    number: int
    late: bool
    who: str  # the name that Canvas files it under
    typed: str  # what was typed into Canvas instead of a file: text or link


@dataclass
class Downloaded:
    """An archive of submissions."""

    archive: ZipReader
    roster: Roster
    assignment: str
    names: CanvasFileNames = field(default_factory=CanvasFileNames)
    strangers: list[str] = field(default_factory=list)  # entries that no student can be told from

    def __post_init__(self) -> None:
        self.uploads: dict[str, list[Upload]] = defaultdict(list)
        for entry in self.archive.names():
            parts = self.names.parts(entry)
            if parts is None:
                self.strangers.append(entry)
                continue
            self.uploads[parts["student_id"].replace("LATE_", "")].append(_upload(entry, parts))
        if not self.uploads:
            raise SubmissionRefused(
                "none of its files is named as Canvas names them (last-first_123_456_file.ipynb)"
            )

    def __len__(self) -> int:
        return len(self.uploads)

    def handed_in(self) -> Iterator[HandedIn]:
        """Yield everybody's submission."""
        taken: dict[str, str] = {}
        for number, uploads in sorted(self.uploads.items()):
            found = self._handed_in(number, sorted(uploads, key=lambda each: each.number))
            if found.student in taken:
                found.files = {}
                found.refused.append(f"{found.student} is Canvas's {taken[found.student]} as well")
            taken.setdefault(found.student, number)
            yield found

    def _handed_in(self, number: str, uploads: list[Upload]) -> HandedIn:
        student = self.roster.by_canvas(number)
        found = HandedIn(
            student or number,
            {},
            max(each.number for each in uploads),
            any(each.late for each in uploads),
        )
        if student is None:
            found.notes.append(f"Canvas's {number} is on no roster: kept under that (--roster CSV)")
        self._note_group(number, uploads, found)
        found.refused += [
            f"a {each.typed} typed into Canvas is no file" for each in uploads if each.typed
        ]
        files = [each for each in uploads if not each.typed]
        try:
            contents = self.archive.read(only=[each.entry for each in files])
        except SubmissionRefused as refusal:
            found.refused.append(str(refusal))
            return found
        pairs = [(each.name, contents[_normal(each.entry)]) for each in files]
        found.files = latest(pairs, self.assignment, found.notes)
        return found

    def _note_group(self, number: str, uploads: list[Upload], found: HandedIn) -> None:
        """Say that a group's submission is there for one of them only."""
        name, who = self.roster.names.get(number, ""), uploads[0].who
        if name and who and _letters(name) != _letters(who):
            found.notes.append(
                f"filed under {who!r} and not {name!r}: of a group, the others have no copy"
            )


def latest(
    pairs: Sequence[tuple[str, bytes]], assignment: str, notes: list[str]
) -> dict[str, bytes]:
    """Return files by the names that they were first uploaded with; of several the last counts.

    Canvas calls a second ``gpt2.ipynb`` ``gpt2-1.ipynb``, and browsers call it ``gpt2 (1).ipynb``.
    A number at the end is dropped only where the name without it is another file's, or one that is
    asked for.
    """
    expected = {f"{assignment}.ipynb", template_py.CODE, template_py.TEXT}
    found: dict[str, bytes] = {}
    came_as: dict[str, str] = {}
    stems = expected | {name for name, _ in pairs}
    for name, content in pairs:
        again = AGAIN.fullmatch(name)
        plain = again[1] + again[2] if again and again[1] + again[2] in stems else name
        if plain in came_as:
            notes.append(f"{name} counts, and not {came_as[plain]}, which was uploaded before it")
        found[plain], came_as[plain] = content, name
    return found


def _upload(entry: str, parts: Mapping[str, Any]) -> Upload:
    late = bool(parts.get("late")) or "LATE_" in parts["student_id"]
    typed = parts.get("typed") or ""
    name = parts["file_id"] or f"{typed}.html"
    return Upload(entry, name, int(parts.get("upload") or 0), late, parts.get("who") or "", typed)


def _normal(entry: str) -> str:
    return "/".join(part for part in entry.split("/") if part not in ("", "."))


def _letters(name: str) -> list[str]:
    """Return the letters of a name in an order that does not depend on how it is written."""
    return sorted(letter for letter in name.casefold() if letter.isalnum())
