"""Put what students handed in elsewhere into ``submitted/``, and say for each what was done.

An earlier submission is replaced by a later one, and kept aside; if nobody can tell which of the
two is later, the one in ``submitted/`` stays. What was collected is recorded below
``.autograder/collected/``, so that the next zip can be compared with it.

This module does not know which system the files come from, nor how anything is graded.
"""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from functools import cached_property
from pathlib import Path, PurePosixPath

import nbformat
from nbformat import NotebookNode

from autograder import status
from autograder.assignment import Assignment
from autograder.status import Reasons, Unreadable
from autograder.submission import intake, reader
from autograder.submission.intake import SubmissionRefused
from autograder.submission.notebook_file import choose_notebook
from autograder.submission.zip_reader import read_zip
from course.directory import Course, is_name
from course.exchange import template_py
from course.run import atomic, handin_time, status_files

TIMESTAMP = "timestamp.txt"  # where nbgrader looks for the time of handing in
TIME_FORMAT = "%Y-%m-%d %H:%M:%S.%f UTC"
ENDINGS = (".ipynb", ".py", ".txt", ".md", ".csv", ".json", ".pdf", ".png", ".jpg", ".jpeg")
STUDENT = re.compile(r"(?!\.)[^/\\\0-\x1f\x7f]{1,100}")  # what can be the name of a folder


class Outcome(StrEnum):
    """What may become of a submission."""

    COLLECTED = "collected"
    REPLACED = "replaced"
    UNCHANGED = "unchanged"
    KEPT = "kept"
    REFUSED = "refused"


@dataclass
class IncomingSubmission:
    """What one student handed in, as another system has it.

    Attributes:
        student: whose folder it goes into
        files: name -> content
        order: grows with time; comparable within one system only
        late: whether the other system says so; None if it says nothing
        time: when it was handed in, if that is known
        notes: what a TA should know
        problems: why some files, or all, are not taken
        ungradable: why what is taken cannot be graded as it is, or ""
    """

    student: str
    files: dict[str, bytes]
    order: int = 0
    late: bool | None = None
    time: datetime | None = None
    notes: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    ungradable: str = ""


@dataclass(frozen=True)
class CollectedRow:
    """A line of the table at the end, with remarks below it."""

    student: str
    outcome: Outcome
    files: tuple[str, ...]
    late: str
    remarks: tuple[str, ...] = ()
    ungradable: str = ""


@dataclass(frozen=True)
class CollectionRecord:
    """What was last collected of a student: where from, in which order, and the files' hashes."""

    source: str
    order: int
    hashes: dict[str, str]

    @classmethod
    def read(cls, path: Path) -> "CollectionRecord | None":
        """Return the record in a file; None if there is none or it is damaged."""
        try:
            values = json.loads(path.read_text("utf-8"))
            return cls(str(values["source"]), int(values["order"]), dict(values["hashes"]))
        except (OSError, ValueError, TypeError, KeyError):
            return None

    def write(self, path: Path) -> None:
        """Keep the record in a file."""
        atomic.write_whole(path, json.dumps(asdict(self), indent=1).encode())


@dataclass
class Collector:
    """Puts submissions of one assignment in their places.

    Attributes:
        course: the course
        assignment: what was handed in
        source: the system it comes from; submissions of one system are ordered
        dry_run: only say what would happen
        replace: also replace what cannot be told to be earlier
        notebook: make a notebook of the files that are turned in without one
    """

    course: Course
    assignment: Assignment
    source: str
    dry_run: bool = False
    replace: bool = False
    notebook: bool = True

    def collect(self, submissions: Iterable[IncomingSubmission]) -> Iterator[CollectedRow]:
        """Yield a row for each submission, in turn."""
        for submission in submissions:
            try:
                files = self._prepared(submission)
            except SubmissionRefused as refusal:
                submission.problems.insert(0, str(refusal))
                self._mark_unreadable(submission)
                yield self._row(submission, submission.files, Outcome.REFUSED)
            else:
                yield self._place(submission, files)

    def _prepared(self, submission: IncomingSubmission) -> dict[str, bytes]:
        """Return the files that go into the folder.

        Raises:
            SubmissionRefused: nothing among them can be graded.
        """
        if not submission.files and submission.problems:
            raise SubmissionRefused(submission.problems.pop(0))
        if not _is_name(submission.student):
            raise SubmissionRefused(f"{submission.student[:80]!r} cannot be the name of a folder")
        files = _of_known_kinds(_unzipped(submission), submission)
        if files.pop(TIMESTAMP, None) is not None:
            submission.problems.append(f"{TIMESTAMP} left out: it would be the time of handing in")
        files = self._with_notebook(self._renamed(files, submission), submission)
        submission.ungradable = self._why_ungradable(files)
        if submission.time is not None:
            stamp = submission.time.astimezone(UTC).strftime(TIME_FORMAT)
            files[TIMESTAMP] = f"{stamp}\n".encode()
        return files

    def _renamed(self, files: dict[str, bytes], submission: IncomingSubmission) -> dict[str, bytes]:
        """Give the notebook the name that nbgrader expects."""
        if template_py.is_to_assemble(self.assignment.turn_in, files):
            return files
        expected = f"{self.assignment.name}.ipynb"
        try:
            choice = choose_notebook(files, expected)
        except Unreadable as error:
            return self._unchosen(files, str(error), submission)
        if choice.reason:
            submission.notes.append(choice.reason)
        others = {name: part for name, part in files.items() if name != choice.name}
        return {expected: files[choice.name]} | others

    def _unchosen(
        self, files: dict[str, bytes], why: str, submission: IncomingSubmission
    ) -> dict[str, bytes]:
        """Keep several notebooks for a person to choose from; refuse none.

        Raises:
            SubmissionRefused: there is no notebook.
        """
        if not any(name.lower().endswith(".ipynb") for name in files):
            raise SubmissionRefused(why)
        submission.notes.append(why)
        return files

    def _with_notebook(
        self, files: dict[str, bytes], submission: IncomingSubmission
    ) -> dict[str, bytes]:
        """Add the notebook that the files make, if there is none and one is wanted."""
        turn_in, release = self.assignment.turn_in, self._release
        if turn_in is None or release is None or not template_py.is_to_assemble(turn_in, files):
            return files
        try:
            assembled = template_py.assemble(release, turn_in, files)
        except template_py.AssemblyError:
            return files  # the line of the table says why
        submission.notes += assembled.reasons
        return {**files, f"{self.assignment.name}.ipynb": assembled.content}

    def _why_ungradable(self, files: Mapping[str, bytes]) -> str:
        """Return why grading will find nothing to grade, as far as the files alone say it."""
        expected = f"{self.assignment.name}.ipynb"
        release, turn_in = self._release, self.assignment.turn_in
        if release is not None and (why := template_py.why_no_notebook(release, turn_in, files)):
            return why
        try:
            reader.read(files[choose_notebook(files, expected).name], Reasons())
        except Unreadable as error:
            return str(error)
        return ""

    def _place(self, submission: IncomingSubmission, files: dict[str, bytes]) -> CollectedRow:
        target = self._folder(submission.student)
        if not target.exists():
            return self._write(submission, files, target, Outcome.COLLECTED)
        try:
            present = intake.read_folder(target)
        except SubmissionRefused as refusal:
            submission.problems.append(
                f"the one in submitted/ cannot be read ({refusal}): move it away"
            )
            return self._row(submission, files, Outcome.KEPT)
        if _hashes(present) == _hashes(files):
            return self._write(submission, files, None, Outcome.UNCHANGED)
        if not self.replace and (why := self._why_not(submission, present)):
            submission.problems.append(why)
            return self._row(submission, files, Outcome.KEPT)
        return self._write(submission, files, target, Outcome.REPLACED)

    def _why_not(self, submission: IncomingSubmission, present: Mapping[str, bytes]) -> str:
        """Return why the present one must stay, or "" if it is the older of the two."""
        record = CollectionRecord.read(self._record(submission.student))
        if record and record.source == self.source and record.hashes == _hashes(present):
            is_later = record.order > submission.order
            return "a later one has been collected already" if is_later else ""
        time = _parsed_time(present.get(TIMESTAMP, b""))
        if time is None or submission.time is None:
            return "submitted/ holds another one, and which is later is not known: use --replace"
        if time <= submission.time:
            return ""
        return f"the one in submitted/ is later: of {time:%Y-%m-%d %H:%M} UTC"

    def _write(
        self,
        submission: IncomingSubmission,
        files: dict[str, bytes],
        target: Path | None,
        outcome: Outcome,
    ) -> CollectedRow:
        """Write the files, if there is a target, and the record of them."""
        if not self.dry_run:
            if target is not None:
                aside = self._aside(submission.student) if target.exists() else None
                atomic.replace_folder(target, lambda new: atomic.write_files(new, files), aside)
            record = CollectionRecord(self.source, submission.order, _hashes(files))
            record.write(self._record(submission.student))
        return self._row(submission, files, outcome)

    def _folder(self, student: str) -> Path:
        return self.course.root / "submitted" / student / self.assignment.name

    def _aside(self, student: str) -> Path:
        """Return a new name below ``.autograder/replaced/``."""
        replaced = self.course.root / status_files.FOLDER / "replaced"
        folder = replaced / self.assignment.name / student
        folder.mkdir(parents=True, exist_ok=True)
        return folder / str(1 + max((int(p.name) for p in folder.iterdir()), default=0))

    def _record(self, student: str) -> Path:
        collected = self.course.root / status_files.FOLDER / "collected"
        return collected / self.assignment.name / f"{student}.json"

    def _mark_unreadable(self, submission: IncomingSubmission) -> None:
        """Let lists of scores say that something was handed in, and why it is not there."""
        student = submission.student
        if self.dry_run or not _is_name(student) or self._folder(student).exists():
            return
        unreadable = status.Status("unreadable", tuple(submission.problems))
        status_files.write(self.course.root, self.assignment.name, student, unreadable)

    def _row(
        self, submission: IncomingSubmission, files: Iterable[str], outcome: Outcome
    ) -> CollectedRow:
        names = tuple(sorted(name for name in files if name != TIMESTAMP))
        remarks = (*submission.problems, *submission.notes)
        late, ungradable = self._late(submission), submission.ungradable
        return CollectedRow(submission.student, outcome, names, late, remarks, ungradable)

    def _late(self, submission: IncomingSubmission) -> str:
        if submission.time is None:
            words = {True: "yes, by how much is not known", False: "no", None: ""}
            return words[submission.late]
        if self._due is None:
            return "yes" if submission.late else ""
        over = submission.time.astimezone(UTC).replace(tzinfo=None) - self._due
        return f"by {str(over).partition('.')[0]}" if over.total_seconds() > 0 else "no"

    @cached_property
    def _due(self) -> datetime | None:
        if not self.course.has_gradebook():
            return None
        with self.course.gradebook() as gradebook:
            dates = [a.duedate for a in gradebook.assignments if a.name == self.assignment.name]
        return dates[0] if dates else None

    @cached_property
    def _release(self) -> NotebookNode | None:
        """Return the notebook that turned-in files are put into; None if none is wanted."""
        name = self.assignment.name
        path = self.course.root / "release" / name / f"{name}.ipynb"
        if not (self.notebook and path.is_file()):
            return None
        release: NotebookNode = nbformat.read(path, as_version=4)
        return release


def _unzipped(submission: IncomingSubmission) -> dict[str, bytes]:
    """Return the files with zips unpacked; a plain file goes before one in a zip."""
    zips = {name for name in submission.files if name.lower().endswith(".zip")}
    files = {name: part for name, part in submission.files.items() if name not in zips}
    for name in sorted(zips):
        try:
            inside = read_zip(submission.files[name], PurePosixPath(name).name)
        except SubmissionRefused as refusal:
            submission.problems.append(f"{name}: {refusal}")
            continue
        submission.notes.append(f"unpacked {name}")
        files = inside | files
    return files


def _of_known_kinds(files: Mapping[str, bytes], submission: IncomingSubmission) -> dict[str, bytes]:
    known = {n: part for n, part in files.items() if PurePosixPath(n).suffix.lower() in ENDINGS}
    for name in sorted(files.keys() - known.keys()):
        submission.problems.append(f"{name} is of a kind that is not asked for")
    return known


def _hashes(files: Mapping[str, bytes]) -> dict[str, str]:
    return {name: hashlib.sha256(files[name]).hexdigest() for name in sorted(files)}


def _parsed_time(raw: bytes) -> datetime | None:
    """Return what a timestamp says, or None if that is not clear."""
    try:
        return handin_time.read(raw).replace(tzinfo=UTC)
    except ValueError:
        return None


def table(rows: Iterable[CollectedRow], dry_run: bool) -> str:
    """Return a line for each submission, its remarks below it, and how many of each kind."""
    rows = sorted(rows, key=lambda row: row.student)
    lines = [f"{'student':24} {'done':10} {'late':30} files"]
    for row in rows:
        more = f" and {len(row.files) - 4} more" if len(row.files) > 4 else ""
        files = ", ".join(row.files[:4]) + more
        files += f": cannot be graded: {row.ungradable}" if row.ungradable else ""
        lines.append(f"{row.student[:40]:24} {row.outcome:10} {row.late:30} {files}".rstrip())
        lines += [f"    {remark}" for remark in row.remarks]
    counts = Counter(row.outcome for row in rows)
    summary = ", ".join(f"{counts[outcome]} {outcome}" for outcome in Outcome if counts[outcome])
    prefix = "dry run: " if dry_run else ""
    return "\n".join([*lines, f"{prefix}{summary or 'no submissions'}"])


def _is_name(student: str) -> bool:
    """Return whether a student's folder can be called so."""
    return bool(STUDENT.fullmatch(student)) and is_name(student)
