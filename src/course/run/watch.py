"""Grade submissions as they come, write their pages, and release them: ``course watch``.

What was answered stands in ``.autograder/watch/ASSIGNMENT.jsonl``, a line each. A watch that is
started again reads it and goes on there. Grading is the batch's, so that ``course autograde`` can
run at the same time, and has the same results.
"""

import contextlib
import fcntl
import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path

from sqlalchemy.exc import DatabaseError

from autograder.checked_json import construct
from autograder.policy import Policy
from autograder.status import Status
from autograder.submission import intake
from course.directory import Course, CourseError
from course.exchange import inbound, nbgrader_exchange
from course.exchange.collect import CollectedRow, Collector, Outcome
from course.exchange.nbgrader_exchange import FinishedPage
from course.feedback import exporter
from course.run import batch, status_files, workers
from course.run.scores import NbgraderRunner

Mark = tuple[int, int]  # of a folder: another one when something in it has changed


def local_time() -> datetime:
    """Return the time here, with its zone: the day of a limit is a day here."""
    return datetime.now().astimezone()


@dataclass(frozen=True)
class AnsweredSubmission:
    """That a submission was answered.

    Attributes:
        when: local time, in ISO's form
        student: whose it is
        digest: of its files
        has_page: a page of feedback was written
        verdicts: that page says of hidden parts only that they failed
        counts: it counts against the limit of its day
    """

    when: str
    student: str
    digest: str
    has_page: bool
    verdicts: bool = False
    counts: bool = True


@dataclass
class Journal:
    """What has been answered, kept in a file to which lines are only added."""

    path: Path
    answers: list[AnsweredSubmission] = field(default_factory=list)

    @classmethod
    def read(cls, root: Path, assignment: str) -> "Journal":
        """Return the journal of an assignment; a damaged line counts for nothing."""
        path = _folder(root) / f"{assignment}.jsonl"
        lines = path.read_text("utf-8", "replace").splitlines() if path.is_file() else []
        journal = cls(path)
        for line in lines:
            with contextlib.suppress(ValueError, TypeError):
                journal.answers.append(construct(AnsweredSubmission, json.loads(line)))
        return journal

    def add(self, answer: AnsweredSubmission) -> None:
        """Keep an answer."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(answer), ensure_ascii=False) + "\n")
        self.answers.append(answer)

    def last(self, student: str) -> AnsweredSubmission | None:
        """Return the last answer to a student."""
        return next((a for a in reversed(self.answers) if a.student == student), None)

    def used(self, student: str, day: str) -> int:
        """Return how many answers of a day, 2026-11-29, count against a student's limit."""
        of_student = [a for a in self.answers if a.student == student and a.counts]
        return sum(answer.when.startswith(day) for answer in of_student)


@dataclass
class Watch:
    """One assignment, looked at again and again.

    Example:
        with alone(course, "gpt2"):
            watch = Watch(course, "gpt2", policy, workers.InProcess(course.data()))
            while True:
                watch.look()
                time.sleep(2)

    Attributes:
        course, assignment, policy, scheduler: as in a batch
        from_exchange: also collect what students submit on a hub
        release: let students fetch their pages there
        per_day: how many submissions of a student are answered on a day
        tell: called with a line for each event
        now: the time here
    """

    course: Course
    assignment: str
    policy: Policy
    scheduler: workers.Scheduler
    from_exchange: bool = False
    release: bool = False
    per_day: int = 3
    tell: Callable[[str], object] = print
    now: Callable[[], datetime] = local_time

    def __post_init__(self) -> None:
        self._journal = Journal.read(self.course.root, self.assignment)
        self._runner = NbgraderRunner(self.course)
        self._looks: dict[str, Mark] = {}  # folders as they were a look ago
        self._done: dict[str, tuple[Mark, str]] = {}  # what needs nothing more, on a day
        self._taken: dict[str, Mark] = {}  # folders of the exchange that were collected, or refused
        self._trouble = ""
        self._hidden_until = self.course.config().FeedbackPage.get("hidden_until", {})
        self._told_from()  # a setting that is none is no trouble that passes

    def look(self) -> None:
        """Answer whatever is new and was the same a look ago: what changes is still being written.

        Trouble that may pass, such as a locked gradebook, is told once; the next look tries again.
        """
        try:
            if self.from_exchange:
                self._collect()
            for student in self._changed():
                self._answer(student)
            self._open_pages()
            self._trouble = ""
        except (CourseError, DatabaseError, OSError) as error:
            self._tell_trouble(" ".join(str(error).split()))

    def _tell_trouble(self, line: str) -> None:
        if line != self._trouble:
            self._say("", f"{line}: it is tried again")
        self._trouble = line

    # What is new

    def _collect(self) -> None:
        """Collect submissions whose folders are whole; say what is refused, once."""
        marks = inbound.change_marks(inbound.inbound_of(self.course), self.assignment)
        whole = {name for name, mark in marks.items() if self._is_whole(f"inbound/{name}", mark)}
        new = {name for name in whole if self._taken.get(name) != marks[name]}
        settings = self.course.assignment(self.assignment)
        collector = Collector(self.course, settings, "exchange")
        for student in sorted({name.partition("+")[0] for name in new}):
            submissions = inbound.submissions_to(self.course, self.assignment, student=student)
            submissions.skipped = frozenset(marks.keys() - whole)
            for row in collector.collect(submissions.submissions()):
                self._tell_row(row)
            for line in submissions.refused:
                if any(name in line for name in new):
                    self._say("", line)
        self._taken |= {name: marks[name] for name in new}

    def _tell_row(self, row: CollectedRow) -> None:
        if row.outcome is not Outcome.UNCHANGED:
            remarks = "; ".join(row.remarks)
            self._say(row.student, ": ".join(filter(None, (row.outcome, remarks))))

    def _changed(self) -> Iterator[str]:
        """Yield the students whose folders have not been answered, those that came first first."""
        found = []
        for student in self.course.students(self.assignment):
            mark = inbound.change_mark(self._submitted(student))
            is_done = self._done.get(student) in ((mark, ""), (mark, self._day))
            if self._is_whole(student, mark) and not is_done:
                found.append((mark[1], student))
        yield from (student for _, student in sorted(found))

    def _is_whole(self, name: str, mark: Mark) -> bool:
        """Return whether a folder is as it was a look ago."""
        before, self._looks[name] = self._looks.get(name), mark
        return before == mark

    @property
    def _day(self) -> str:
        return self.now().date().isoformat()

    def _submitted(self, student: str) -> Path:
        return self.course.root / "submitted" / student / self.assignment

    # What is done about it

    def _answer(self, student: str) -> None:
        """Grade a submission and write its page, unless it was answered or the day is used up."""
        mark, digest = inbound.change_mark(self._submitted(student)), self._digest(student)
        last, used = self._journal.last(student), self._journal.used(student, self._day)
        if last and last.digest == digest:
            self._done[student] = mark, ""
        elif used >= self.per_day:
            self._say(student, f"the {self.per_day} of today are used up: it is graded tomorrow")
            self._done[student] = mark, self._day
        else:
            self._grade(student, digest, used)
            self._done[student] = mark, ""

    def _grade(self, student: str, digest: str, used: int) -> None:
        """Grade and answer what had this digest: what came meanwhile is another submission."""
        work = batch.Batch(self.course, self.assignment, self.scheduler, self.policy, show=False)
        status = work.run([student])[student]
        if not status.is_graded:
            self._say(student, f"{status.word}: {status.reason}")
            self._note(student, digest, has_page=False, counts=False)
            return
        what = self._page(student)
        has_page = what.startswith("page")
        self._note(student, digest, has_page, counts=has_page)
        self._say(
            student, f"{self._points(student, status)}; {what} ({used + 1} of {self.per_day})"
        )

    def _points(self, student: str, status: Status) -> str:
        result = self._runner.result(self.assignment, student)
        to_mark = f", {result.needs_manual:g} to mark" if result.needs_manual else ""
        return f"{status.word}, {result.score:g}/{result.out_of:g}{to_mark}"

    def _page(self, student: str) -> str:
        """Write a page, and release it if that is wanted; return what was done."""
        missing = self._runner.pages(self.assignment, [student])
        if student in missing:
            return f"no page: {missing[student]}"
        if not self.release:
            return "page written"
        folder = self.course.root / "feedback" / student / self.assignment
        page = FinishedPage(folder / f"{self.assignment}.html", student, self.assignment)
        released = inbound.inbound_of(self.course).with_name("feedback")
        why = nbgrader_exchange.release(self.course, page, released)
        return f"page written, not released: {why}" if why else "page released"

    def _note(self, student: str, digest: str, has_page: bool, counts: bool) -> None:
        answer = AnsweredSubmission(
            when=self.now().isoformat(timespec="seconds"),
            student=student,
            digest=digest,
            has_page=has_page,
            verdicts=has_page and self._told_from() is not None,
            counts=counts,
        )
        self._journal.add(answer)

    def _open_pages(self) -> None:
        """Write pages again that said only what failed, with reasons, once their day has come."""
        if self._told_from() is not None:
            return
        students = {answer.student for answer in self._journal.answers if answer.verdicts}
        for student in sorted(students):
            last = self._journal.last(student)
            if last and last.verdicts:
                self._say(student, f"hidden parts are told from now on; {self._page(student)}")
                self._note(student, last.digest, has_page=True, counts=False)

    def _told_from(self) -> datetime | None:
        return exporter.told_from(self._hidden_until, self.assignment)

    def _digest(self, student: str) -> str:
        """Return a hash of what a student has handed in, or why it cannot be read."""
        try:
            files = intake.read_folder(self._submitted(student))
        except (intake.SubmissionRefused, OSError) as error:
            return f"unreadable: {error}"
        hashes = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
        return hashlib.sha256(json.dumps(hashes).encode()).hexdigest()

    def _say(self, student: str, text: str) -> None:
        who = f"{student}: " if student else ""
        self.tell(f"{self.now():%Y-%m-%d %H:%M:%S} {who}{text}")


@contextlib.contextmanager
def alone(course: Course, assignment: str) -> Iterator[None]:
    """Keep a second watch of an assignment away.

    Raises:
        CourseError: there is one.
    """
    path = _folder(course.root) / f"{assignment}.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise CourseError(
                f"another course watch {assignment} is running: end it first"
            ) from None
        yield


def _folder(root: Path) -> Path:
    return root / status_files.FOLDER / "watch"
