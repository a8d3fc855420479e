"""A CSV file that can be changed in single cells, with every other byte left as it was.

Python's csv module reads what a cell means and forgets how it was written: quotes, line ends, the
byte-order mark. This keeps them. It does not know what any column is for.
"""

import codecs
import csv
import re
from dataclasses import dataclass
from pathlib import Path

MARKS = {
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF16_LE: "utf-16-le",
    codecs.BOM_UTF16_BE: "utf-16-be",
}
DELIMITERS = (",", ";", "\t")


class SheetError(Exception):
    """A file is no table; the message says why, in one line."""


@dataclass
class Row:
    """A line: its cells as they are written, quotes and all, and what ends it."""

    cells: list[str]
    end: str

    def value(self, column: int) -> str:
        """Return what a cell means; nothing where the line is too short for it."""
        if column >= len(self.cells):
            return ""
        raw = self.cells[column]
        return raw[1:-1].replace('""', '"') if raw[:1] == '"' else raw

    def set(self, column: int, value: str, quoted: bool) -> None:
        """Write another value into a cell that is there."""
        self.cells[column] = '"' + value.replace('"', '""') + '"' if quoted else value


@dataclass
class Sheet:
    """A whole file."""

    rows: list[Row]
    mark: bytes
    encoding: str
    delimiter: str

    def content(self) -> bytes:
        """Return the file's bytes."""
        text = "".join(self.delimiter.join(row.cells) + row.end for row in self.rows)
        return self.mark + text.encode(self.encoding)


def read(path: Path) -> Sheet:
    """Read a CSV file.

    Raises:
        SheetError: it is none, or cannot be read.
    """
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise SheetError(f"{path} cannot be read ({error.strerror})") from None
    return parsed(raw, path.name)


def parsed(raw: bytes, name: str) -> Sheet:
    """Return the sheet that a file's bytes are; ``content`` gives the same bytes.

    Raises:
        SheetError: they are none.
    """
    mark = next((mark for mark in MARKS if raw.startswith(mark)), b"")
    text, encoding = _decoded(raw.removeprefix(mark), MARKS.get(mark, ""), name)
    delimiter = max(DELIMITERS, key=text.partition("\n")[0].count)
    rows = list(_rows(text, delimiter, name))
    sheet = Sheet(rows, mark, encoding, delimiter)
    _check(sheet, raw, text, name)
    return sheet


def _decoded(raw: bytes, encoding: str, name: str) -> tuple[str, str]:
    for each in [encoding] if encoding else ["utf-8", "cp1252"]:
        try:
            return raw.decode(each), each
        except UnicodeDecodeError:
            continue
    raise SheetError(f"{name} is not text in UTF-8: export it again")


def _rows(text: str, delimiter: str, name: str) -> list[Row]:
    """Cut a text into cells; quotes count at a cell's beginning only, as for everybody."""
    cell = re.compile(
        rf'("(?:[^"]|"")*"|[^"\r\n{re.escape(delimiter)}][^\r\n{re.escape(delimiter)}]*|)'
        rf"({re.escape(delimiter)}|\r\n|\n|\r|\Z)"
    )
    rows, cells, at = list[Row](), list[str](), 0
    while at < len(text):
        found = cell.match(text, at)
        if found is None:
            raise SheetError(f"{name}, line {len(rows) + 1}: a quote where none can be")
        cells.append(found[1])
        at = found.end()
        if found[2] != delimiter:
            rows.append(Row(cells, found[2]))
            cells = []
    if cells:  # the file ends with a delimiter
        rows.append(Row([*cells, ""], ""))
    return rows


def _check(sheet: Sheet, raw: bytes, text: str, name: str) -> None:
    """Compare with what Python's csv module reads."""
    ours = [[row.value(i) for i in range(len(row.cells))] for row in sheet.rows]
    theirs = list(csv.reader(text.splitlines(keepends=True), delimiter=sheet.delimiter))
    if sheet.content() != raw or [r for r in ours if r != [""]] != [r for r in theirs if r]:
        raise SheetError(f"{name} is no CSV file that can be read: export it again")
