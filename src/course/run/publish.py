"""Results enter the course: marks into the gradebook, the notebook into ``autograded/``.

One transaction a submission, then one rename, then the status: others see all of it or nothing, and
what was interrupted is simply done again. Manual marks and comments stay; a mark that a person gave
and the gradebook has lost waits for a person again.

This module does not know how a result came about.
"""

import contextlib
import errno
import shutil
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import cast

import nbformat
from nbformat import NotebookNode
from nbgrader import utils
from nbgrader.api import Comment, Grade, Gradebook, InvalidEntry, MissingEntry
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError

from autograder.cell_notes import CellNote
from autograder.cells import grade_id
from autograder.job import Release
from autograder.result import Result
from autograder.status import Status
from autograder.submission.other_assignments import Landmarks, landmarks
from autograder.submission.prepared import CellRecord
from course.directory import STAFF_FILES, Course, CourseError
from course.report import audit
from course.run import atomic, handin_time, held_marks, lateness, status_files
from course.run.right_answers import completed_catalogue

EVERYBODYS = {  # what stands in the way of every result, and what to do about it
    errno.ENOSPC: "make room",
    errno.EDQUOT: "make room",
    errno.EROFS: "make it writable",
    errno.EACCES: "make it writable",
    errno.EPERM: "make it writable",
    errno.EIO: "look after the disk",
    errno.EMFILE: "let this process open more files (ulimit -n)",
    errno.ENFILE: "close other programs",
}
LOCKED_SECONDS = 180.0  # for which a database that others use is waited for


class Publisher:
    """Writes results of one assignment into a course."""

    def __init__(self, course: Course, assignment: str):
        self.course, self.assignment = course, assignment
        self._config = course.config()
        self._gradebook: Gradebook | None = None
        self._held = held_marks.HeldMarks.of(course, assignment)  # before anything is published

    def __enter__(self) -> "Publisher":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the gradebook."""
        if self._gradebook:
            self._gradebook.close()
            self._gradebook = None

    def publish(self, student: str, key: str, result: Result, files: Mapping[str, bytes]) -> Status:
        """Write a result into gradebook and folders; return the status.

        Raises:
            CourseError: the gradebook stayed locked, or the disk is full; nothing was half written.
        """
        status = result.status(key)
        try:
            if result.notebook is None:
                self._patiently(lambda gradebook: self._withdraw(gradebook, student))
                status_files.forget(self.course.root, self.assignment, student)
                self._remove(student)
            else:
                notebook = nbformat.reads(result.notebook, as_version=4)
                stamp = files.get(handin_time.FILE)
                when = None if stamp is None else handin_time.read(stamp)
                if when:  # as nbgrader reads it, when it writes feedback
                    files = {**files, handin_time.FILE: f"{when} UTC\n".encode()}
                self._patiently(lambda gb: self._enter(gb, student, notebook, when))
                status_files.forget(self.course.root, self.assignment, student)
                self._replace(student, result.notebook, files)
                status = replace(status, marks=held_marks.published_marks(notebook.cells))
            status_files.write(self.course.root, self.assignment, student, status)
        except OSError as error:
            if error.errno not in EVERYBODYS:
                return self.fail(student, f"its result could not be written ({error.strerror})")
            raise CourseError(
                f"{student}'s result could not be written ({error.strerror}): "
                f"{EVERYBODYS[error.errno]}, then run the same command again"
            ) from None
        return status

    def fail(self, student: str, reason: str) -> Status:
        """Keep why there is no result; marks of an earlier one stay, and count for nothing."""
        failed = Status("failed", (reason,))
        status_files.write(self.course.root, self.assignment, student, failed)
        return failed

    def _patiently(self, do: Callable[[Gradebook], None]) -> None:
        """Do something in one transaction; wait while the database is locked."""
        deadline = time.monotonic() + LOCKED_SECONDS
        while True:
            try:
                if self._gradebook is None:
                    self._gradebook = self.course.gradebook()
                with in_one_transaction(self._gradebook):
                    do(self._gradebook)
                return
            except (DBAPIError, InvalidEntry) as error:  # nbgrader wraps some in InvalidEntry
                self.close()
                if not _may_pass(error) or time.monotonic() > deadline:
                    raise CourseError(
                        f"the gradebook could not be written ({_first_line(error)}): when it "
                        "is free again, run the same command again"
                    ) from None
                time.sleep(0.5)

    def _enter(
        self, gradebook: Gradebook, student: str, notebook: NotebookNode, when: datetime | None
    ) -> None:
        """Write automatic marks and remarks, as nbgrader's SaveAutoGrades does."""
        gradebook.update_or_create_student(student)
        more = {"timestamp": when} if when else {}
        submission = gradebook.update_or_create_submission(self.assignment, student, **more)
        cells = {name: cell for cell in notebook.cells if (name := grade_id(cell))}
        gradebook.db.info[audit.FOLLOWED] = _followed(cells)  # for whoever writes down changes
        lost = self._held.waiting(student)
        for part in submission.notebooks:
            for grade in part.grades:
                if grade.name in cells:
                    _enter_grade(grade, cells[grade.name], lost)
            for comment in part.comments:
                if comment.name in cells:
                    _enter_comment(comment, cells[comment.name])
            lateness.penalize(gradebook, self._config, submission, part)

    def _withdraw(self, gradebook: Gradebook, student: str) -> None:
        """Leave no automatic mark for what could not be read: a person has to look at it.

        Marks that a person gave stay; without them there is no submission to be taken for a zero.
        """
        gradebook.update_or_create_student(student)
        try:
            submission = gradebook.find_submission(self.assignment, student)
        except MissingEntry:
            return
        grades = [grade for part in submission.notebooks for grade in part.grades]
        if all(grade.manual_score is None for grade in grades):
            gradebook.remove_submission(self.assignment, student)
            return
        for grade in grades:
            grade.auto_score, grade.needs_manual_grade = None, True

    def _replace(self, student: str, notebook: str, files: Mapping[str, bytes]) -> None:
        """Put the graded notebook and what lay beside it in the place of the last one."""
        text = notebook.encode("utf-8", errors="replace")

        def fill(new: Path) -> None:
            beside = published(files)
            atomic.write_files(new, {**beside, f"{self.assignment}.ipynb": text})
            for path in new.rglob("*"):
                path.chmod(0o755 if path.is_dir() else 0o444)

        target = self.course.root / "autograded" / student / self.assignment
        atomic.replace_folder(target, fill)

    def _remove(self, student: str) -> None:
        shutil.rmtree(self.course.root / "autograded" / student / self.assignment, True)


def published(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """Return which of a submission's files are put beside its graded notebook.

    nbgrader would take any other notebook, even a folder of such a name, for one of the
    assignment's, and a folder for the file that it reads a time from.

    >>> list(published({"a.png": b"", "a.ipynb": b"", "gpt2.ipynb/b.txt": b""}))
    ['a.png']
    """
    return {
        name: content
        for name, content in files.items()
        if not any(part.lower().endswith(".ipynb") for part in name.split("/"))
        and not name.startswith(f"{handin_time.FILE}/")
    }


@contextlib.contextmanager
def in_one_transaction(gradebook: Gradebook) -> Iterator[None]:
    """Let nbgrader's many commits take effect together, at the end, or not at all."""
    session = gradebook.db
    session.commit = session.flush
    try:
        yield
        del session.commit
        session.commit()
    except BaseException:
        session.__dict__.pop("commit", None)
        session.rollback()
        raise
    finally:
        session.expunge_all()


def _followed(cells: Mapping[str, NotebookNode]) -> dict[str, str]:
    """Return with what tests have passed in place of the student's functions, by name."""
    notes = {name: CellNote.read(cell) for name, cell in cells.items()}
    return {n: note.followed.sentence() for n, note in notes.items() if note and note.followed}


def _enter_grade(grade: Grade, cell: NotebookNode, lost: Collection[str]) -> None:
    grade.auto_score, _ = utils.determine_grade(cell)
    by_person = grade.manual_score is not None or grade.name in lost
    grade.needs_manual_grade = by_person or grade.auto_score is None


def _enter_comment(comment: Comment, cell: NotebookNode) -> None:
    """Say of an answer that is as it was released that there is none."""
    is_untouched = cell.metadata.nbgrader.get("checksum") == utils.compute_checksum(cell)
    is_silent = is_untouched and not utils.is_task(cell)
    comment.auto_comment = "No response." if is_silent else None


def release_of(gradebook: Gradebook, course: Course, assignment: str) -> Release:
    """Return what submissions of an assignment have in common.

    Raises:
        CourseError: it has not been released.
    """
    return Release(
        assignment,
        nbformat.writes(template(course, assignment)),
        _records(gradebook, assignment),
        _files(course, assignment),
        course.assignment(assignment).text,
        completed_catalogue(course, assignment),
        _others(course, assignment),
    )


def _others(course: Course, assignment: str) -> dict[str, Landmarks]:
    """Return by which names the other assignments that have been released are known."""
    others: dict[str, Landmarks] = {}
    for name in course.assignments():
        with contextlib.suppress(CourseError, OSError, ValueError):  # its own commands complain
            if name != assignment:
                others[name] = landmarks(template(course, name))
    return others


def template(course: Course, assignment: str) -> NotebookNode:
    """Return the student version of an assignment's notebook.

    Raises:
        CourseError: it has not been released.
    """
    path = _release(course, assignment)
    if not path.is_file():
        raise CourseError(f"{assignment} has no release: run course release {assignment} first")
    return cast(NotebookNode, nbformat.read(path, as_version=4))


def _release(course: Course, assignment: str) -> Path:
    return course.root / "release" / assignment / f"{assignment}.ipynb"


def _records(gradebook: Gradebook, assignment: str) -> tuple[CellRecord, ...]:
    """Return the master's cells, as the gradebook has them."""
    cells = gradebook.find_notebook(assignment, assignment).source_cells
    return tuple(
        CellRecord(cell.name, cell.cell_type, cell.source or "", bool(cell.locked), cell.checksum)
        for cell in sorted(cells, key=lambda cell: cell.name)
    )


def _files(course: Course, assignment: str) -> dict[str, bytes]:
    """Return what lies beside the master and goes to every student."""
    folder = course.root / "source" / assignment
    ignored = [*course.config().CourseDirectory.ignore, *STAFF_FILES, "*.ipynb"]
    paths = (Path(path) for path in sorted(utils.find_all_files(str(folder), ignored)))
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


def _may_pass(error: Exception) -> bool:
    """Return whether a database's error is about the moment: locked, out of reach, or overtaken.

    Two coordinators may enter the same student at once: whoever comes second finds the row then.
    """
    cause = error.__context__ if isinstance(error, InvalidEntry) else error
    passing = isinstance(cause, (OperationalError, IntegrityError))
    return (passing or "OperationalError" in str(error)) and "disk is full" not in str(error)


def _first_line(error: object) -> str:
    return (str(error).strip().splitlines() or ["no reason given"])[0]
