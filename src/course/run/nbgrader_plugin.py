"""What nbgrader runs of ours: ``nbgrader autograde``, formgrader's button, ``nbgrader export``.

``nbgrader_config.py`` calls ``install``; from then on nbgrader grades as ``course autograde`` does.
"""

import contextlib
import csv
import fnmatch
import io
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from nbgrader.converters import Autograde, NbGraderException
from nbgrader.plugins import ExportPlugin

from autograder.assignment import did_you_mean
from autograder.status import NOT_HELD, Status
from course import nbgrader_internals
from course.directory import Course, CourseError, is_name, unknown
from course.report import audit
from course.run import handin_time
from course.run.held_marks import HeldMarks, expect_some
from seqlab.errors import DataError


def install() -> None:
    """Let this process's nbgrader grade, write feedback and list submissions as the course does."""
    from course.feedback.write import PageConverter  # late: it loads what writes pages

    nbgrader_internals.replace_autograde(BatchAutograde)
    nbgrader_internals.replace_feedback(PageConverter)
    nbgrader_internals.replace_submitted_time(handin_time.read)
    nbgrader_internals.leave_out_students(is_name)
    nbgrader_internals.restrict_autograded(_held)
    nbgrader_internals.tell_who_asks(audit.hub_user.set)


def _held(about: Any, assignment: str, students: set[str]) -> set[str]:
    """Return those of whom the gradebook holds what was published last."""
    held = HeldMarks.of(Course(Path(about.root), about.db_url), assignment)
    return {name for name in students if held.status(name).word != NOT_HELD}


class BatchAutograde(Autograde):  # type: ignore[misc]
    """nbgrader's converter of submissions, which grades a batch as ``course autograde`` does.

    Settings, log and failures are nbgrader's: submissions that cannot be graded are errors.
    """

    def start(self) -> None:
        """Grade the submissions that nbgrader's settings choose.

        Raises:
            NbGraderException: one of them could not be graded, or none could.
        """
        try:
            with contextlib.chdir(self.coursedir.root):
                failed = self._grade(Course(Path(self.coursedir.root), self.coursedir.db_url))
        except (CourseError, DataError) as error:
            self.log.error("%s", error)
            raise NbGraderException(str(error)) from None
        if failed:
            raise NbGraderException("; ".join(failed))

    def _grade(self, course: Course) -> list[str]:
        """Grade, and return why submissions could not be graded, a line each."""
        from course.release import generate  # late: configurations load this module
        from course.run import batch, workers

        self._refuse_settings()
        assignment = self.coursedir.assignment_id
        course.master(assignment)
        if not generate.is_registered(course, assignment):
            generate.register(course, assignment)
        students, unknown = self._known(course, self._chosen(course))
        scheduler, policy = workers.InProcess(course.data()), batch.policy_of(course, assignment)
        work = batch.Batch(course, assignment, scheduler, policy, self.force, show=False)
        work.tell = self._tell
        statuses = work.run(students)
        return [*unknown, *(_line(name, s) for name, s in statuses.items() if not s.is_graded)]

    def _chosen(self, course: Course) -> list[str]:
        """Return the students that nbgrader's settings name, who have handed in.

        Raises:
            CourseError: there are none.
        """
        about = self.coursedir
        excluded = about.student_id_exclude.split(",")
        everybody = course.students(about.assignment_id)
        for line in course.misnamed(about.assignment_id):
            self.log.error("%s", line)
        chosen = [name for name in everybody if fnmatch.fnmatchcase(name, about.student_id)]
        if chosen := [name for name in chosen if name not in excluded]:
            return chosen
        folder = f"submitted/{about.student_id}/{about.assignment_id}"
        meant = did_you_mean(about.student_id, everybody)
        raise CourseError(f"{folder} does not exist{meant}")

    def _known(self, course: Course, students: list[str]) -> tuple[list[str], list[str]]:
        """Return who may be graded, and a line for everybody else."""
        if self.create_student:
            return students, []
        roster = set(course.roster())
        unknown = [f"{name} is not in the gradebook" for name in students if name not in roster]
        for line in unknown:
            self.log.error("%s", line)
        return [name for name in students if name in roster], unknown

    def _refuse_settings(self) -> None:
        """Refuse what would be silently ignored.

        Raises:
            CourseError: with the setting.
        """
        about = self.coursedir
        if not self.config.Execute.get("enabled", True):
            raise CourseError("--no-execute: submissions are graded by running them, always")
        if not fnmatch.fnmatchcase(about.assignment_id, about.notebook_id):
            raise CourseError(f"{about.assignment_id} has no notebook {about.notebook_id}")
        if self.pre_convert_hook or self.post_convert_hook:
            raise CourseError("pre_convert_hook and post_convert_hook are not run: remove them")

    def _tell(self, student: str, status: Status) -> None:
        tell = self.log.info if status.is_graded else self.log.error
        tell("%s", _line(student, status))


def _line(student: str, status: Status) -> str:
    return ": ".join(filter(None, (student, status.word, status.reason)))


@dataclass(frozen=True)
class ExportRow:
    """A line of ``nbgrader export``; what is not known is an empty text."""

    assignment: str
    student_id: str
    score: float | str
    max_score: float
    needs_manual: int | str
    late_seconds: float | str
    late_penalty: float | str
    follow_through: float | str  # points of the score that came that way
    status: str
    reason: str


class StatusCsv(ExportPlugin):  # type: ignore[misc]
    """``nbgrader export``: marks with a status, and no mark where there is nothing to mark.

    A submission that could not be graded has an empty score, not a zero, and its reason beside it.
    """

    def export(self, gradebook: Any) -> None:
        """Write the file that ``--to`` names, grades.csv by default."""
        chosen = set(self.assignment), set(self.student)
        path = Path(self.to or "grades.csv")
        try:
            path.write_text(to_csv(rows(Course.find(), gradebook, *chosen)), encoding="utf-8")
        except (CourseError, OSError) as error:
            self.log.error("%s", error)
            raise SystemExit(1) from None


def to_csv(lines: Iterable["ExportRow"]) -> str:
    """Return rows as the text of a CSV file."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, [field.name for field in fields(ExportRow)])
    writer.writeheader()
    writer.writerows(asdict(line) for line in lines)
    return text.getvalue()


def rows(
    course: Course, gradebook: Any, assignments: set[str], students: set[str]
) -> Iterator[ExportRow]:
    """Yield a row for every assignment and student, whether handed in or not.

    Args:
        course: the course
        gradebook: its gradebook, open
        assignments: the names of those that are wanted; none for all
        students: likewise

    Raises:
        CourseError: the gradebook lacks an assignment or all that was published of it, or nobody
            has the name of a student.
    """
    known = {entry.name: entry for entry in gradebook.assignments}
    wanted = assignments or {*known, *filter(course.students, course.assignments())}
    if lacking := sorted(wanted - known.keys()):
        raise CourseError(f"{lacking[0]} is {NOT_HELD}: run course autograde {lacking[0]}")
    everybody = {student.id for student in gradebook.students} | set(course.students())
    for name in sorted(students - everybody):
        raise unknown(f"student {name}", sorted(everybody), "nobody here has this name")
    for entry in gradebook.assignments:
        if entry.name in wanted:
            yield from _rows_of(course, gradebook, entry, students)


def _rows_of(
    course: Course, gradebook: Any, assignment: Any, students: set[str]
) -> Iterator[ExportRow]:
    held = HeldMarks.read(course, assignment.name, gradebook)
    marks = {submission.student.id: submission for submission in assignment.submissions}
    names = {student.id for student in gradebook.students} | set(course.students(assignment.name))
    chosen = sorted(names & students if students else names)
    expect_some(map(held.status, chosen), assignment.name)
    for name in chosen:
        yield _row(held, assignment, name, marks.get(name))


def _row(held: HeldMarks, assignment: Any, name: str, submission: Any) -> ExportRow:
    status = held.status(name)
    waits = bool(submission and (submission.needs_manual_grade or held.waiting(name)))
    return ExportRow(
        assignment=assignment.name,
        student_id=_plain(name),
        score=_net(submission) if submission and status.is_graded else "",
        max_score=assignment.max_score,
        needs_manual=int(waits) if submission else "",
        late_seconds=submission.total_seconds_late if submission else "",
        late_penalty=round(submission.late_submission_penalty or 0, 2) if submission else "",
        follow_through=sum(status.followed.values()) if status.is_graded else "",
        status=status.word,
        reason=_plain(status.reason),
    )


def _net(submission: Any) -> float:
    """Return a score less what lateness costs, to the hundredth, as Canvas gets it."""
    net = float(submission.score) - float(submission.late_submission_penalty or 0)
    return max(0.0, round(net, 2))


def _plain(text: str) -> str:
    """Return text that no spreadsheet takes for a formula."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text
