"""Submissions in nbgrader's exchange: whose the folders in ``inbound`` are, and when they came.

Students make these folders themselves, and can call them what they like. Whose a folder is, the
disk says: its Unix owner. When it came is part of its name, which ``nbgrader submit`` makes;
``timestamp.txt`` in it can be changed afterwards, and is only compared.

This module does not know what becomes of a submission.
"""

import pwd
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path

from autograder.submission import intake
from autograder.submission.intake import SubmissionRefused
from course.directory import Course, CourseError, harmless
from course.exchange.collect import TIMESTAMP, IncomingSubmission
from course.run import handin_time

FOLDER_NAME = re.compile(
    r"(?P<student>[^+]+)\+(?P<assignment>[^+]+)\+(?P<time>[^+]+)(?:\+(?P<random>[^+]*))?"
)
MOST_FILES = 2000  # of a submission, that are looked at for their times
SLACK = timedelta(minutes=10)  # between the time in a folder's name and the last of its files


@dataclass(frozen=True)
class InboundFolder:
    """A folder in ``inbound``: by its name, what a student handed in, and when (in UTC)."""

    path: Path
    student: str
    time: datetime

    @classmethod
    def of(cls, path: Path, time: str, student: str) -> "InboundFolder":
        """Return the folder with a name of these parts.

        Raises:
            ValueError: the name has no time, or one that is still to come.
        """
        when = handin_time.read(time.encode("utf-8", "replace")).replace(tzinfo=UTC)
        if when > datetime.now(UTC) + SLACK:
            raise ValueError(f"the time in its name, {when:%Y-%m-%d %H:%M} UTC, is still to come")
        return cls(path, student, when)

    @property
    def order(self) -> int:
        """Return a number that grows with time: microseconds since 1970."""
        return int(self.time.timestamp() * 1e6)


@dataclass
class InboundSubmissions:
    """The last submission of each student in ``inbound``; what its owner did not make is refused.

    Example:
        inbound = InboundSubmissions(inbound_of(course), "gpt2")
        for submission in inbound.submissions():
            print(submission.student, submission.time)
        print(inbound.refused)

    Attributes:
        inbound: the exchange's folder of that name
        assignment: which submissions are wanted
        by_owner: compare owners with names; False where everybody is one Unix user
        student: only this one's; None for all
        skipped: names of folders to leave out
        release: the folder of what was handed out; pictures of it that come back are left out
        refused: a line for each folder that is not taken, once ``submissions`` is through
    """

    inbound: Path
    assignment: str
    by_owner: bool = True
    student: str | None = None
    skipped: frozenset[str] = frozenset()
    release: Path | None = None
    refused: list[str] = field(default_factory=list)

    def submissions(self) -> Iterator[IncomingSubmission]:
        """Yield the last submission of each student.

        Raises:
            CourseError: there is no such folder, or it cannot be listed.
        """
        self.refused.clear()
        by_student = defaultdict(list)
        for folder in self._folders():
            by_student[folder.student].append(folder)
        for _, folders in sorted(by_student.items()):
            yield from self._last(sorted(folders, key=lambda folder: folder.time, reverse=True))

    def _folders(self) -> Iterator[InboundFolder]:
        """Yield the folders of the assignment that are of whom their names say."""
        for path in _listed(self.inbound):
            name = FOLDER_NAME.fullmatch(path.name)
            if not name or name["assignment"] != self.assignment or path.name in self.skipped:
                continue
            if self.student not in (None, name["student"]):
                continue
            try:
                self._expect_owner(path, name["student"])
                yield InboundFolder.of(path, name["time"], name["student"])
            except (ValueError, OSError) as error:
                self._refuse(path.name, str(error))

    def _expect_owner(self, path: Path, student: str) -> None:
        """Raise ValueError if a folder is not of the student it is named after."""
        owner = path.lstat().st_uid
        if self.by_owner and _user(owner) != student:
            raise ValueError(f"it was made by {_user(owner)}, and not by {student}")

    def _last(self, folders: list[InboundFolder]) -> Iterator[IncomingSubmission]:
        """Yield the latest folder in which nobody else has put anything."""
        for folder in folders:
            submission = self._read(folder)
            strangers = self._strangers(folder, submission)
            if not strangers:
                yield submission
                return
            self._refuse(folder.path.name, strangers)

    def _read(self, folder: InboundFolder) -> IncomingSubmission:
        submission = IncomingSubmission(folder.student, {}, folder.order, time=folder.time)
        try:
            submission.files = intake.read_folder(folder.path)
        except SubmissionRefused as refusal:
            submission.problems.append(str(refusal))
        if submission.files.keys() <= {TIMESTAMP} and not submission.problems:
            submission.problems.append("there is no file in it")
        submission.files = {
            name: content
            for name, content in submission.files.items()
            if not self._is_handed_out(name, content)
        }
        submission.notes += _doubts(folder, submission.files.pop(TIMESTAMP, None))
        return submission

    def _is_handed_out(self, name: str, content: bytes) -> bool:
        """Return whether a file came with the release and is as it was there."""
        given = self.release / name if self.release and not name.endswith(".ipynb") else None
        return given is not None and given.is_file() and given.read_bytes() == content

    def _strangers(self, folder: InboundFolder, submission: IncomingSubmission) -> str:
        """Return which file somebody else has put there, or ""."""
        if not self.by_owner:
            return ""
        names = [*submission.files, TIMESTAMP]
        owner = folder.path.lstat().st_uid
        for name in names:
            path = folder.path / name
            if path.exists() and (other := path.lstat().st_uid) != owner:
                return f"{name} in it was put there by {_user(other)}"
        return ""

    def _refuse(self, name: str, why: str) -> None:
        self.refused.append(f"refused: {harmless(name[:120])}: {why}")


def submissions_to(
    course: Course, assignment: str, by_owner: bool = True, student: str | None = None
) -> InboundSubmissions:
    """Return what students have submitted to a course."""
    release = course.root / "release" / assignment
    return InboundSubmissions(inbound_of(course), assignment, by_owner, student, release=release)


def inbound_of(course: Course) -> Path:
    """Return where students' submissions arrive in the exchange that the course is set up for."""
    from nbgrader.exchange.default import Exchange

    config = course.config()
    root = config.Exchange.get("root", Exchange.root.default_value)
    return Path(root) / str(config.CourseDirectory.get("course_id", "")) / "inbound"


def _listed(inbound: Path) -> list[Path]:
    try:
        return sorted(inbound.iterdir())
    except OSError as error:
        raise CourseError(
            f"{inbound} cannot be listed ({error.strerror}): set c.Exchange.root in "
            "nbgrader_config.py, and release an assignment there"
        ) from None


def _user(number: int) -> str:
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return f"user {number}"


def _doubts(folder: InboundFolder, stamp: bytes | None) -> list[str]:
    """Return what speaks against the time in a folder's name, a line each."""
    lines = []
    if stamp is None:
        lines.append(f"{TIMESTAMP} is missing: the time in the folder's name counts")
    elif not _is_near(stamp, folder.time):
        said = ascii(stamp[:40].decode("utf-8", "replace").strip())
        lines.append(
            f"{TIMESTAMP} says {said}, the folder's name {folder.time:%Y-%m-%d %H:%M:%S} UTC: "
            "the name counts"
        )
    changed = _last_change(folder.path)
    if changed and changed > folder.time + SLACK:
        lines.append(
            f"by the disk it was changed at {changed:%Y-%m-%d %H:%M:%S} UTC, after the time in "
            "its name: look whether it is late"
        )
    return lines


def _is_near(stamp: bytes, time: datetime) -> bool:
    try:
        said = handin_time.read(stamp).replace(tzinfo=UTC)
    except ValueError:
        return False
    return abs(said - time) < timedelta(seconds=1)


def _last_change(folder: Path) -> datetime | None:
    """Return when a folder or a file in it was last written, renamed or moved.

    Linux sets this time, and lets nobody choose it.
    """
    try:
        files = islice(folder.rglob("*"), MOST_FILES)
        times = [path.lstat().st_ctime for path in (folder, *files)]
    except OSError:
        return None
    return datetime.fromtimestamp(max(times), UTC)


def change_marks(inbound: Path, assignment: str) -> Mapping[str, tuple[int, int]]:
    """Return what tells by name whether a folder of an assignment has changed meanwhile."""
    marks = {}
    for path in _listed(inbound):
        name = FOLDER_NAME.fullmatch(path.name)
        if name and name["assignment"] == assignment:
            marks[path.name] = change_mark(path)
    return marks


def change_mark(folder: Path) -> tuple[int, int]:
    """Return how many files a folder has, and when one changed last; zeros if it is gone."""
    try:
        files = islice(folder.rglob("*"), MOST_FILES)
        times = [path.lstat().st_ctime_ns for path in (folder, *files)]
    except OSError:
        return 0, 0
    return len(times), max(times)
