"""Canvas's "Download Submissions": whose the files in that zip are.

A file in it is called ``lastnamefirstname_[LATE_]USER_UPLOAD_name``; the numbers are Canvas's, and
of two uploads the one with the larger number is the later. The zip does not say when anything was
handed in: its times are those of its making.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from nbgrader.plugins import FileNameCollectorPlugin
from traitlets import default

from autograder.assignment import Assignment
from autograder.submission.intake import SubmissionRefused, split_path
from autograder.submission.zip_reader import ZipReader
from course.exchange.collect import ENDINGS, IncomingSubmission
from course.exchange.roster import Roster

NUMBERED = re.compile(r"(.+?)(?:-\d+| ?\(\d+\))(\.\w+)")  # gpt2-1.ipynb, gpt2 (1).ipynb


class CanvasFileNames(FileNameCollectorPlugin):  # type: ignore[misc]
    """Reads from a file's name whose it is; ``nbgrader zip_collect`` can use it as well.

    If your Canvas names files differently, set ``c.CanvasFileNames.named_regexp`` in
    ``nbgrader_config.py``. Its groups are ``student_id``, ``file_id`` (the name it was uploaded
    with) and, if there are any, ``who``, ``late``, ``upload`` and ``typed``.
    """

    @default("named_regexp")
    def _named_regexp(self) -> str:
        return (
            r"(?:(?P<who>.*?)_)??(?P<late>LATE_)?(?P<student_id>anon_(?:LATE_)?[0-9A-Za-z]+|\d+)_"
            r"(?:(?P<upload>\d+)_(?P<file_id>.+)|(?P<typed>text|link)\.html)\Z"
        )

    @default("valid_ext")
    def _valid_ext(self) -> list[str]:
        return list(ENDINGS)

    def collect(self, submitted_file: str) -> dict[str, Any] | None:
        """Return the parts of a file's name, or None if Canvas does not name files so."""
        if PurePosixPath(submitted_file).suffix.lower() not in self.valid_ext:
            return None
        return self.parts(submitted_file)

    def parts(self, name: str) -> dict[str, Any] | None:
        """Return the same, whatever the file's ending."""
        match = re.match(self.named_regexp, PurePosixPath(name).name)
        return match.groupdict() if match else None


@dataclass(frozen=True)
class Upload:
    """A file in the zip."""

    entry: str  # its name in the zip
    name: str  # its name when it was uploaded
    number: int
    late: bool
    who: str  # the name that Canvas files it under
    typed: str  # "text" or "link" if it was typed into Canvas and is no file

    @classmethod
    def of(cls, entry: str, parts: Mapping[str, Any]) -> "Upload":
        """Return the upload that the parts of a name describe."""
        typed = parts.get("typed") or ""
        return cls(
            entry=entry,
            name=parts["file_id"] or f"{typed}.html",
            number=int(parts.get("upload") or 0),
            late=bool(parts.get("late")) or "LATE_" in parts["student_id"],
            who=parts.get("who") or "",
            typed=typed,
        )


class CanvasSubmissions:
    """The submissions in a zip; ``unclaimed`` are the files that no name says the owner of."""

    def __init__(
        self,
        archive: ZipReader,
        roster: Roster,
        assignment: Assignment,
        names: CanvasFileNames | None = None,
    ):
        """Read the names in the zip.

        Raises:
            SubmissionRefused: none of them is one of Canvas's.
        """
        self.archive, self.roster, self.assignment = archive, roster, assignment
        self.uploads: dict[str, list[Upload]] = defaultdict(list)
        self.unclaimed: list[str] = []
        names = names or CanvasFileNames()
        for entry in archive.names():
            if parts := names.parts(entry):
                number = parts["student_id"].replace("LATE_", "")
                self.uploads[number].append(Upload.of(entry, parts))
            else:
                self.unclaimed.append(entry)
        if not self.uploads:
            raise SubmissionRefused(
                "none of its files is named as Canvas names them (last-first_123_456_file.ipynb)"
            )

    def __len__(self) -> int:
        return len(self.uploads)

    def submissions(self) -> Iterator[IncomingSubmission]:
        """Yield everybody's submission."""
        numbers: dict[str, str] = {}  # by student
        for number, uploads in sorted(self.uploads.items()):
            submission = self._submission(number, sorted(uploads, key=lambda u: u.number))
            student = submission.student
            if student in numbers:
                submission.files = {}
                submission.problems.append(f"{student} is Canvas's {numbers[student]} as well")
            numbers.setdefault(student, number)
            yield submission

    def _submission(self, number: str, uploads: Sequence[Upload]) -> IncomingSubmission:
        """Return what somebody has uploaded, the latest upload last."""
        student = self.roster.by_canvas(number)
        late = any(upload.late for upload in uploads)
        submission = IncomingSubmission(student or number, {}, uploads[-1].number, late)
        if student is None:
            submission.notes.append(
                f"Canvas's {number} is on no roster: kept under that number (--roster CSV)"
            )
        self._note_group(number, uploads[0].who, submission)
        for upload in uploads:
            if upload.typed:
                submission.problems.append(f"a {upload.typed} typed into Canvas is no file")
        self._read([upload for upload in uploads if not upload.typed], submission)
        return submission

    def _read(self, uploads: Sequence[Upload], submission: IncomingSubmission) -> None:
        try:
            contents = self.archive.read(only=[upload.entry for upload in uploads])
        except SubmissionRefused as refusal:
            submission.problems.append(str(refusal))
            return
        paths = [(upload.name, "/".join(split_path(upload.entry))) for upload in uploads]
        files = [(name, contents[path]) for name, path in paths if path in contents]
        submission.files = latest(files, expected_names(self.assignment), submission.notes)

    def _note_group(self, number: str, who: str, submission: IncomingSubmission) -> None:
        """Say so if a group's submission is there for one of its members only."""
        name = self.roster.names.get(number, "")
        if name and who and _letters(name) != _letters(who):
            submission.notes.append(
                f"filed under {who!r} and not {name!r}: if it is a group's, the others have no copy"
            )


def expected_names(assignment: Assignment) -> set[str]:
    """Return what the files of a submission are asked to be called."""
    turn_in = assignment.turn_in.names if assignment.turn_in else ()
    return {f"{assignment.name}.ipynb", *turn_in}


def latest(
    files: Sequence[tuple[str, bytes]], expected: set[str], notes: list[str]
) -> dict[str, bytes]:
    """Return files by the names they were first uploaded with; of several the last counts.

    Canvas calls a second ``gpt2.ipynb`` ``gpt2-1.ipynb``, and browsers call it ``gpt2 (1).ipynb``.
    A number at the end is dropped only if the name without it is another file's or an expected one.

    >>> latest([("gpt2.ipynb", b"old"), ("gpt2-1.ipynb", b"new")], {"gpt2.ipynb"}, [])
    {'gpt2.ipynb': b'new'}
    """
    known = expected | {name for name, _ in files}
    contents: dict[str, bytes] = {}
    uploaded_as: dict[str, str] = {}
    for name, content in files:
        numbered = NUMBERED.fullmatch(name)
        plain = numbered[1] + numbered[2] if numbered else name
        plain = plain if plain in known else name
        if plain in uploaded_as:
            notes.append(f"{name} counts, not {uploaded_as[plain]}, which was uploaded before it")
        contents[plain], uploaded_as[plain] = content, name
    return contents


def _letters(name: str) -> list[str]:
    """Return the letters of a name in an order that does not depend on how it is written."""
    return sorted(letter for letter in name.casefold() if letter.isalnum())
