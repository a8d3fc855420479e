"""Put what students handed in elsewhere into ``submitted/``, and say of each what was done.

What is there already is replaced only by something later, and kept aside; where nobody can tell
which of two is later, what is there stays. What was collected is remembered below
``.autograder/collected/``, so that the next archive can be told from it.

This module does not know which system the files come from, nor how anything is graded.
"""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

import nbformat
from nbformat import NotebookNode
from nbgrader.utils import parse_utc

from autograder import status
from autograder.submission import intake, repair
from autograder.submission.intake import SubmissionRefused
from course.directory import Course
from course.exchange import template_py
from course.run import atomic, status_files

TIMESTAMP = "timestamp.txt"  # in which nbgrader looks for the time of handing in
TIME_FORMAT = "%Y-%m-%d %H:%M:%S.%f UTC"
TAKEN = (".ipynb", ".py", ".txt", ".md", ".csv", ".json", ".pdf", ".png", ".jpg", ".jpeg")
STUDENT = re.compile(r"(?!\.)[^/\\\0-\x1f\x7f]{1,100}")  # what can be the name of a folder


@dataclass
class HandedIn:
    """What one student handed in, as another system has it.

    Attributes:
        student: whose folder it goes into
        files: name -> content
        order: grows with time; of the same system's submissions only
        late: whether the other system says so; None where it says nothing
        time: when it was handed in, where that is known
        notes: what there is to say
        refused: why some files, or all, are not taken
    """

    student: str
    files: dict[str, bytes]
    order: int = 0
    late: bool | None = None
    time: datetime | None = None
    notes: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class CollectedRow:
    """A line of the table at the end; ``done`` is a word of DONE."""

    student: str
    files: tuple[str, ...]
    late: str
    done: str
    remarks: tuple[str, ...] = ()


# what may become of a submission: the word, whether it is in submitted/ then
DONE = {"collected": True, "replaced": True, "unchanged": True, "kept": True, "refused": False}


@dataclass
class Collector:
    """Puts submissions of one assignment in their places.

    Attributes:
        course: whose
        assignment: of what
        source: which system they come from; submissions of one are in order
        dry_run: only say what would happen
        replace: also replace what cannot be told to be earlier
        notebook: make a notebook of template.py where there is none
    """

    course: Course
    assignment: str
    source: str
    dry_run: bool = False
    replace: bool = False
    notebook: bool = True

    def collect(self, handed_in: Iterable[HandedIn]) -> Iterator[CollectedRow]:
        """Yield a row for each submission, in turn."""
        release = self._release()
        for each in handed_in:
            if not each.files and each.refused:
                self._note_unreadable(each)
                yield self._row(each, {}, "refused")
                continue
            try:
                files = self._settled(each, release)
                yield self._place(each, files)
            except SubmissionRefused as refusal:
                each.refused.insert(0, str(refusal))
                self._note_unreadable(each)
                yield self._row(each, each.files, "refused")

    def _settled(self, each: HandedIn, release: NotebookNode | None) -> dict[str, bytes]:
        """Return the files that go into the folder.

        Raises:
            SubmissionRefused: nothing among them can be graded.
        """
        if not STUDENT.fullmatch(each.student):
            raise SubmissionRefused(f"{each.student[:80]!r} cannot be the name of a folder")
        files = dict(_of_known_kinds(_unzipped(each.files, each), each))
        if files.pop(TIMESTAMP, None) is not None:
            each.refused.append(f"{TIMESTAMP} of their own: it would be the time of handing in")
        files = self._named(files, each)
        if release is not None and template_py.is_turned_in(self.assignment, files):
            files |= _notebook(self.assignment, release, files, each)
        if each.time is not None:
            stamp = each.time.astimezone(UTC).strftime(TIME_FORMAT)
            files[TIMESTAMP] = f"{stamp}\n".encode()
        return files

    def _named(self, files: dict[str, bytes], each: HandedIn) -> dict[str, bytes]:
        """Give the notebook the name that nbgrader expects."""
        expected = f"{self.assignment}.ipynb"
        notebooks = [name for name in files if name.lower().endswith(".ipynb")]
        if (
            template_py.CODE in files
            and self.assignment in template_py.ASSIGNMENTS
            and not notebooks
        ):
            return files
        name, reason = repair.choose(notebooks, expected)
        if not notebooks:
            there = ", ".join(sorted(each.files)[:3])
            raise SubmissionRefused(f"{reason}{f', and there is {there}' if there else ''}")
        if reason:
            each.notes.append(reason)
        if name is None or name == expected:
            return files
        return {expected: files[name]} | {n: part for n, part in files.items() if n != name}

    def _place(self, each: HandedIn, files: dict[str, bytes]) -> CollectedRow:
        target = self.course.root / "submitted" / each.student / self.assignment
        known = self._known(each.student)
        if not target.exists():
            return self._write(each, files, target, "collected")
        try:
            there = intake.read_folder(target)
        except SubmissionRefused as refusal:
            each.refused.append(f"what is there cannot be read ({refusal}): move it away")
            return self._row(each, files, "kept")
        if _hashes(there) == _hashes(files):
            return self._write(each, files, None, "unchanged")
        why = "" if self.replace else self._why_not(each, there, known)
        if why:
            each.refused.append(why)
            return self._row(each, files, "kept")
        return self._write(each, files, target, "replaced")

    def _why_not(self, each: HandedIn, there: Mapping[str, bytes], known: Mapping[str, Any]) -> str:
        """Return why what is there must stay, or nothing if it is the older of the two."""
        if known.get("source") == self.source and known.get("hashes") == _hashes(there):
            earlier = int(known["order"]) <= each.order
            return "" if earlier else "a later one has been collected already"
        time = _time(there.get(TIMESTAMP, b""))
        if time is None or each.time is None:
            return "something else is there, and which is later is not known: use --replace"
        if time <= each.time:
            return ""
        return f"what is there is later: of {time:%Y-%m-%d %H:%M} UTC"

    def _write(
        self, each: HandedIn, files: dict[str, bytes], target: Path | None, done: str
    ) -> CollectedRow:
        if not self.dry_run:
            if target is not None:
                self._put(target, files)
            self._remember(each, files)
        return self._row(each, files, done)

    def _put(self, target: Path, files: Mapping[str, bytes]) -> None:
        """Put a folder in the place of another, whole; the other is kept aside."""
        aside = self._aside(target.parent.name) if target.exists() else None
        atomic.replace_folder(target, lambda new: atomic.write_files(new, files), aside)

    def _aside(self, student: str) -> Path:
        """Return a new name below ``.autograder/replaced/``."""
        folder = self.course.root / status_files.FOLDER / "replaced" / self.assignment / student
        folder.mkdir(parents=True, exist_ok=True)
        return folder / str(1 + max((int(p.name) for p in folder.iterdir()), default=0))

    def _record(self, student: str) -> Path:
        folder = self.course.root / status_files.FOLDER / "collected" / self.assignment
        return folder / f"{student}.json"

    def _known(self, student: str) -> dict[str, Any]:
        """Return what was remembered of a student; nothing where nothing, or nothing sound, is."""
        try:
            known = json.loads(self._record(student).read_text("utf-8"))
            return known if isinstance(known, dict) else {}
        except (OSError, ValueError):
            return {}

    def _remember(self, each: HandedIn, files: Mapping[str, bytes]) -> None:
        about = {
            "source": self.source,
            "order": each.order,
            "late": each.late,
            "time": each.time and each.time.isoformat(),
            "hashes": _hashes(files),
        }
        atomic.write_whole(self._record(each.student), json.dumps(about, indent=1).encode())

    def _note_unreadable(self, each: HandedIn) -> None:
        """Let lists of scores say that something was handed in, and why it is not there."""
        folder = self.course.root / "submitted" / each.student / self.assignment
        known = STUDENT.fullmatch(each.student) is None or folder.exists()
        if not (self.dry_run or known):
            found = status.Status("unreadable", tuple(each.refused))
            status_files.write(self.course.root, self.assignment, each.student, found)

    def _row(self, each: HandedIn, files: Mapping[str, bytes], done: str) -> CollectedRow:
        names = tuple(sorted(name for name in files if name != TIMESTAMP))
        return CollectedRow(
            each.student, names, self._late(each), done, (*each.refused, *each.notes)
        )

    def _late(self, each: HandedIn) -> str:
        if each.time is None:
            return {True: "yes, by how much is not known", False: "no", None: ""}[each.late]
        if self._due is None:
            return "yes" if each.late else ""
        over = each.time.astimezone(UTC).replace(tzinfo=None) - self._due
        return f"by {str(over).partition('.')[0]}" if over.total_seconds() > 0 else "no"

    @cached_property
    def _due(self) -> datetime | None:
        with self.course.gradebook() as gradebook:
            dates = [a.duedate for a in gradebook.assignments if a.name == self.assignment]
        return dates[0] if dates else None

    def _release(self) -> NotebookNode | None:
        """Return what notebooks are made from, where they are made."""
        path = self.course.root / "release" / self.assignment / f"{self.assignment}.ipynb"
        if not (self.notebook and self.assignment in template_py.ASSIGNMENTS and path.is_file()):
            return None
        found: NotebookNode = nbformat.read(path, as_version=4)
        return found


def _unzipped(files: Mapping[str, bytes], each: HandedIn) -> dict[str, bytes]:
    """Return the files with zips unpacked; a plain file goes before one in a zip."""
    zips = [name for name in files if name.lower().endswith(".zip")]
    plain = {name: content for name, content in files.items() if name not in zips}
    for name in zips:
        try:
            inside = intake.read_zip(files[name], PurePosixPath(name).name)
        except SubmissionRefused as refusal:
            each.refused.append(f"{name}: {refusal}")
            continue
        each.notes.append(f"unpacked {name}")
        plain = inside | plain
    return plain


def _of_known_kinds(files: Mapping[str, bytes], each: HandedIn) -> Iterator[tuple[str, bytes]]:
    for name, content in files.items():
        if PurePosixPath(name).suffix.lower() in TAKEN:
            yield name, content
        else:
            each.refused.append(f"{name} is of a kind that is not asked for")


def _notebook(
    assignment: str, release: NotebookNode, files: Mapping[str, bytes], each: HandedIn
) -> dict[str, bytes]:
    """Return the notebook that is made of the files; none where they are not Python."""
    try:
        made = template_py.made(release, files)
    except template_py.NotMadeError as error:
        each.notes.append(f"no notebook could be made: {error}")
        return {}
    each.notes.extend(made.reasons)
    return {f"{assignment}.ipynb": nbformat.writes(made.notebook).encode("utf-8", "replace")}


def _hashes(files: Mapping[str, bytes]) -> dict[str, str]:
    return {name: hashlib.sha256(files[name]).hexdigest() for name in sorted(files)}


def _time(raw: bytes) -> datetime | None:
    """Return what a timestamp says, as nbgrader reads it."""
    try:
        found = parse_utc(raw.decode("utf-8", "replace").strip())
    except (ValueError, OverflowError):
        return None
    return found.replace(tzinfo=UTC) if raw.strip() else None


def table(rows: Iterable[CollectedRow], dry_run: bool) -> str:
    """Return a line for each submission, its remarks below it, and how many of each kind."""
    rows = sorted(rows, key=lambda row: row.student)
    lines = [f"{'student':24} {'done':10} {'late':30} files"]
    for row in rows:
        files = ", ".join(row.files[:4]) + (
            f" and {len(row.files) - 4} more" if len(row.files) > 4 else ""
        )
        lines.append(f"{row.student[:40]:24} {row.done:10} {row.late:30} {files}".rstrip())
        lines += [f"    {remark}" for remark in row.remarks]
    counts = Counter(row.done for row in rows)
    said = ", ".join(f"{counts[word]} {word}" for word in DONE if counts[word]) or "nobody's work"
    return "\n".join([*lines, f"{'dry run: ' if dry_run else ''}{said}"])
