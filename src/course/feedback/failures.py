"""Why a test failed, as far as a student may read it.

If a test failed in its hidden part, or at an unknown place, the page uses only the class of the
exception and the line of the student's code that raised it. If it failed in its visible part, the
page also uses the message of the check: word for word while no hidden part has run yet, and
reduced to fixed wording afterwards, since a function may then return what it saw in a hidden test.
"""

import ast
import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, cast

from nbconvert.filters.ansi import strip_ansi
from nbformat import NotebookNode, from_dict

from autograder import regions
from autograder.cell_notes import CellNote, FollowedTest
from course.feedback import wording

Hints = Literal["off", "mild", "full"]
IN_TEST = re.compile(r"^(?:Cell In\s*\[\d+\]|Input In \[\d+\]).*?line (\d+)", re.MULTILINE)
IN_STUDENTS = re.compile(r'File "<ipython-input-\d+-([0-9a-f]{12})>", line (\d+)')
NOTE = "In the student's code:"
LONGEST_MESSAGE = 1000
RAISES = re.compile(r"\b(?:raise|assert)\b")
FEW_LINES, FEW_RAISES, FEW_NAMES = 600, 20, 1000  # in all of a student's code


@dataclass(frozen=True)
class OwnLine:
    """A line of the student's code."""

    cell: str
    number: int
    text: str


@dataclass(frozen=True)
class Failure:
    """What a page may tell about a failed test; empty strings where there is nothing to tell.

    Attributes:
        hidden: it failed in its hidden part, or at an unknown place
        line: the line of the visible part that failed
        message: the message of the check in the visible part
        whole: ``message`` is complete, not reduced to fixed wording
        thrown: the exception, in words
        own: the line of the student's code that raised it
        followed: with what it passed all the same
        summary: how the result differs
        blames: another function of the student's that causes this failure
        hint: what to think about
        where: where to read on
    """

    hidden: bool
    line: str = ""
    message: str = ""
    whole: bool = False
    thrown: str = ""
    own: OwnLine | None = None
    followed: str = ""
    summary: str = ""
    blames: str = ""
    hint: str = ""
    where: str = ""


@dataclass(frozen=True)
class Teller:
    """Explains the failed tests of one submission.

    Attributes:
        own: the student's code cells, by id
        given: the release's cells, by id
        hints: levels for the visible and for the hidden part
        verdicts: of a hidden part, say that it failed and nothing else
    """

    own: Mapping[str, str]
    given: Mapping[str, str]
    hints: tuple[Hints, Hints]
    verdicts: bool = False

    @cached_property
    def known(self) -> frozenset[str]:
        """The names that a page may show: the student's if they are few, since one tells which."""
        own = wording.names_in(self.own.values())
        given = wording.names_in(self.given.values())
        return own | given if len(own) <= FEW_NAMES else given

    @cached_property
    def gives_lines(self) -> bool:
        """Whether a line of the student's code is one of few.

        Of 65,536 lines ``if x == 1: raise``, the one that raised tells 16 bits of an input.
        """
        lines = [line.strip() for source in self.own.values() for line in source.splitlines()]
        code = [line for line in lines if line and not line.startswith("#")]
        raising = sum(len(RAISES.findall(line)) for line in code)
        return len(code) <= FEW_LINES and raising <= FEW_RAISES

    def tell(self, cell: NotebookNode, was_hidden_before: bool) -> Failure:
        """Return why a test failed.

        Args:
            cell: the graded test
            was_hidden_before: a hidden part ran before this test
        """
        error, noted = error_of(cell), cell.metadata.get("autograder", {})
        hidden = failed_hidden(cell)
        if hidden and self.verdicts:
            return Failure(hidden)
        line = "" if hidden else self._line(cell)
        passed = followed(cell)
        return Failure(
            hidden=hidden,
            line=line,
            message="" if hidden else self._message(cell, error, was_hidden_before),
            whole=not hidden and not was_hidden_before,
            thrown=self._thrown(error, hidden),
            own=self._own_line(error),
            followed=passed.sentence() if passed else "",
            **self._diagnosis(noted.get("diagnosis") or {}, hidden),
        )

    def own_failure(self, cell: NotebookNode) -> tuple[str, int | None]:
        """Return why a cell of the student's failed during grading, and in which line."""
        error = error_of(cell)
        if error is None:
            return "", None
        place = IN_TEST.search(_traceback(error))
        number = int(place[1]) if place and self.gives_lines else 0
        if error.ename == "SyntaxError":
            return _syntax(cell.source)
        words = wording.LOST.get(error.ename) or self._in_words(error)
        return words, number if 0 < number <= cell.source.count("\n") + 1 else None

    def _line(self, cell: NotebookNode) -> str:
        """Return the line of the test that failed, if it is in the release."""
        number, lines = _line_number(cell), cell.source.splitlines()
        text = lines[number - 1].strip() if number and number <= len(lines) else ""
        given = {line.strip() for line in self.given.get(cell.id, "").splitlines()}
        return text if text in given else ""

    def _message(
        self, cell: NotebookNode, error: NotebookNode | None, was_hidden_before: bool
    ) -> str:
        if error is None or error.ename != "AssertionError" or NOTE in _traceback(error):
            return ""
        if not was_hidden_before:
            return str(error.evalue)[:LONGEST_MESSAGE]
        return wording.of_check(error.evalue, self.given.get(cell.id, ""))

    def _thrown(self, error: NotebookNode | None, hidden: bool) -> str:
        """Return an exception in words; empty for the AssertionError of a check."""
        if error is None:
            return ""
        if error.ename in wording.LOST:
            return wording.LOST[error.ename]
        if NOTE not in _traceback(error) and error.ename == "AssertionError":
            return ""
        return self._in_words(error)

    def _in_words(self, error: NotebookNode) -> str:
        kind, words = wording.kind(error.ename, self.known), self._known_words(error)
        return f"{kind}: {words}" if words else kind

    def _known_words(self, error: NotebookNode) -> str:
        return wording.of_exception(error.ename, error.evalue, self.known)

    def _own_line(self, error: NotebookNode | None) -> OwnLine | None:
        """Return the line of the student's code that an exception came from.

        The traceback says a hash and a number; what is shown is the student's own cell.
        """
        if not self.gives_lines:
            return None
        _, _, below = (_traceback(error) if error else "").partition(NOTE)
        for digest, number in reversed(IN_STUDENTS.findall(below)):
            cell = self._hashes.get(digest)
            lines = self.own[cell].splitlines() if cell else []
            if cell and 0 < int(number) <= len(lines):
                return OwnLine(cell, int(number), lines[int(number) - 1].strip())
        return None

    @cached_property
    def _hashes(self) -> dict[str, str]:
        """Cells by the hashes that IPython names them by."""
        return {
            hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()[:12]: name
            for name, source in self.own.items()
            for text in (source, source + "\n")
        }

    def _diagnosis(self, diagnosis: Mapping[str, Any], hidden: bool) -> dict[str, str]:
        """Return the diagnosis, with as much of a hint as the course gives."""
        text = {key: value for key, value in diagnosis.items() if isinstance(value, str)}
        how = self.hints[hidden]
        nudge, hint = text.get("nudge", ""), text.get("hint", "")
        return {
            "summary": wording.of_summary(text.get("summary", ""), self.known),
            "blames": text.get("blames", ""),
            "hint": {"off": "", "mild": nudge, "full": hint or nudge}[how],
            "where": text.get("where", ""),
        }


def error_of(cell: NotebookNode) -> NotebookNode | None:
    """Return the error output of a cell, or None; of a test, that with which it failed first."""
    if passed := followed(cell):
        return cast(NotebookNode, from_dict(passed.error))
    errors = (output for output in cell.get("outputs", []) if output.output_type == "error")
    return next(errors, None)


def followed(cell: NotebookNode) -> FollowedTest | None:
    """Return with what a test passed in place of the student's functions, if it did."""
    note = CellNote.read(cell)
    return note.followed if note else None


def failed_hidden(cell: NotebookNode) -> bool:
    """Return whether a test failed in its hidden part, or at an unknown place."""
    parts = list(hidden_lines(cell.source))
    number = _line_number(cell)
    if not parts:
        return has_hidden(cell)  # BEGIN without END: assume the worst
    return number is None or number in parts or bool(_noted(cell).get("hidden", False))


def has_hidden(cell: NotebookNode) -> bool:
    """Return whether a test has a hidden part."""
    return regions.has(cell.source, regions.HIDDEN_TESTS)


def hidden_lines(source: str) -> Iterable[int]:
    """Yield the line numbers, from 1, of the hidden part of a test."""
    for region in regions.find(source, regions.HIDDEN_TESTS):
        yield from range(region.first, region.last + 1)


def _line_number(cell: NotebookNode) -> int | None:
    """Return the line that failed: as recorded in grading, else from the traceback."""
    noted = _noted(cell)
    if "line" in noted:
        return noted["line"] if isinstance(noted["line"], int) else None
    error = error_of(cell)
    place = IN_TEST.search(_traceback(error)) if error else None
    return int(place[1]) if place else None


def _noted(cell: NotebookNode) -> Mapping[str, Any]:
    noted: Mapping[str, Any] = cell.metadata.get("autograder", {})
    return noted


def _traceback(error: NotebookNode) -> str:
    return str(strip_ansi("\n".join(error.traceback)))


def _syntax(source: str) -> tuple[str, int | None]:
    """Return the syntax error of a cell and its line."""
    if re.search(r"^[ \t]*[%!]", source, re.MULTILINE):  # magics and shell commands
        return "SyntaxError", None
    try:
        ast.parse(source)
    except SyntaxError as error:
        return f"SyntaxError: {error.msg}", error.lineno
    except (ValueError, RecursionError, MemoryError):
        pass
    return "SyntaxError", None
