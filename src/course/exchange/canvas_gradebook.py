"""A gradebook that Canvas has exported as CSV: who is in it, and its cells to fill.

Columns, rows, encoding, byte order mark and line ends stay as they are in the file. Cells are
quoted again where CSV needs quotes, which is also how Canvas writes them.
"""

import codecs
import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from course.cli.options import CANVAS_ID, IDS
from course.directory import CourseError

POINTS_ROW = "Points Possible"
TEST_STUDENT = ("Student, Test", "Test Student")
SEMICOLONS = "Use semicolons to separate fields in Gradebook Exports"  # a setting of Canvas's


@dataclass(frozen=True)
class Person:
    """Somebody in the gradebook: their row, which can be changed, and what Canvas calls them."""

    cells: list[str]
    name: str
    ids: Mapping[str, str]  # by column: SIS Login ID, ID and others


@dataclass
class CanvasGradebook:
    """The whole file.

    >>> gradebook = CanvasGradebook.read(Path("gradebook.csv"))
    >>> gradebook.columns[:2], gradebook.people()[0].name
    (['Student', 'ID'], 'Lovelace, Ada')
    """

    rows: list[list[str]]
    encoding: str = "utf-8"  # or utf-8-sig, where there is a byte order mark
    line_end: str = "\n"

    @classmethod
    def read(cls, path: Path) -> "CanvasGradebook":
        """Read an exported gradebook.

        Raises:
            CourseError: the file is no such export.
        """
        try:
            return cls.parse(path.read_bytes(), path.name)
        except OSError as error:
            raise CourseError(f"{path} cannot be read ({error.strerror})") from None

    @classmethod
    def parse(cls, raw: bytes, name: str) -> "CanvasGradebook":
        """Return the gradebook that a file's bytes hold.

        Raises:
            CourseError: they are no such export.
        """
        encoding = "utf-8-sig" if raw.startswith(codecs.BOM_UTF8) else "utf-8"
        try:
            text = raw.decode(encoding)
            first_line = text.partition("\n")[0]
            _check_commas(first_line, name)
            rows = list(csv.reader(io.StringIO(text, newline=""), strict=True))
        except UnicodeDecodeError:
            raise CourseError(f"{name} is not UTF-8 text: export it again from Canvas") from None
        except csv.Error as error:
            raise CourseError(f"{name} is no sound CSV file ({error}): export it again") from None
        _check_header(rows, name)
        return cls(rows, encoding, "\r\n" if first_line.endswith("\r") else "\n")

    def content(self) -> bytes:
        """Return the bytes of the file."""
        text = io.StringIO(newline="")
        csv.writer(text, lineterminator=self.line_end).writerows(self.rows)
        return text.getvalue().encode(self.encoding)

    @property
    def columns(self) -> list[str]:
        """Return the names of the columns."""
        return [name.strip() for name in self.rows[0]]

    def points(self, column: int) -> str:
        """Return what the row Points Possible has in a column; "" if there is no such row."""
        row = self._points_row()
        cells = self.rows[row] if row else []
        return cells[column].strip() if column < len(cells) else ""

    def people(self) -> list[Person]:
        """Return everybody in the gradebook, except Canvas's test student."""
        people = [self._person(cells) for cells in self.rows[1 + self._points_row() :] if cells]
        return [p for p in people if p.ids.get(CANVAS_ID) and p.name not in TEST_STUDENT]

    def _points_row(self) -> int:
        """Return where the row Points Possible is; the header's place if there is none."""
        places = (i for i, cells in enumerate(self.rows) if cells and _is_points_row(cells))
        return next(places, 0)

    def _person(self, cells: list[str]) -> Person:
        values = {name: cell.strip() for name, cell in zip(self.columns, cells, strict=False)}
        name = values.get("Student") or f"{values.get('LastName')}, {values.get('FirstName')}"
        return Person(cells, name, {column: values[column] for column in IDS if values.get(column)})


def _is_points_row(cells: list[str]) -> bool:
    return cells[0].strip() == POINTS_ROW


def _check_commas(first_line: str, name: str) -> None:
    if first_line.count(";") > first_line.count(","):
        raise CourseError(
            f"{name} has semicolons between its cells: switch off {SEMICOLONS!r} "
            "in Canvas's settings and export it again"
        )


def _check_header(rows: list[list[str]], name: str) -> None:
    columns = {cell.strip() for cell in rows[0]} if rows else set()
    if CANVAS_ID not in columns or not columns & {"Student", "LastName"}:
        raise CourseError(
            f"{name} is no gradebook of Canvas's: it has no columns Student and ID "
            "(in Canvas: Grades, Export)"
        )
