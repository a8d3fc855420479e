"""Results enter the course: marks into the gradebook, the notebook into ``autograded/``.

One transaction a submission, then one rename, then the status: whoever looks sees all of it or
nothing, and what was interrupted is simply done again. Manual marks and comments stay.

This module does not know how a result came about.
"""

import contextlib
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode
from nbgrader import utils
from nbgrader.api import Gradebook, InvalidEntry, MissingEntry
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError

from autograder import status
from autograder.job import Assignment
from course.directory import Course, CourseError
from course.run import atomic, lateness, status_files
from course.run.nbgrader_plugin import template

LOCKED_SECONDS = 180.0  # for which a database that others use is waited for


class Publisher:
    """Writes results of one assignment into a course."""

    def __init__(self, course: Course, assignment: str):
        self.course, self.assignment = course, assignment
        self._config = course.config()
        self._gradebook: Gradebook | None = None

    def __enter__(self) -> "Publisher":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the gradebook."""
        if self._gradebook:
            self._gradebook.close()
            self._gradebook = None

    def publish(
        self, student: str, key: str, result: Mapping[str, Any], files: Mapping[str, bytes]
    ) -> status.Status:
        """Write a result into gradebook and folders; return the status.

        Raises:
            CourseError: the gradebook stayed locked, or the disk is full; nothing was half written.
        """
        found = status.Status(
            result["status"],
            tuple(result["reasons"]),
            key,
            float(result["total"]),
            dict(result.get("parts", {})),
        )
        status_files.forget(self.course.root, self.assignment, student)
        try:
            if result["notebook"] is None:
                self._patiently(lambda gradebook: self._withdraw(gradebook, student))
                self._remove(student)
            else:
                notebook = nbformat.reads(result["notebook"], as_version=4)
                when = files.get("timestamp.txt", b"").decode("utf-8", errors="replace").strip()
                self._patiently(lambda gb: self._enter(gb, student, notebook, when))
                self._replace(student, result["notebook"], files)
            status_files.write(self.course.root, self.assignment, student, found)
        except OSError as error:
            raise CourseError(
                f"{student}'s result could not be written ({error.strerror}): "
                "make room, then run the same command again"
            ) from None
        return found

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

    def _enter(self, gradebook: Gradebook, student: str, notebook: NotebookNode, when: str) -> None:
        """Write automatic marks and remarks, as nbgrader's SaveAutoGrades does."""
        gradebook.update_or_create_student(student)
        more = {"timestamp": when} if _is_time(when) else {}
        submission = gradebook.update_or_create_submission(self.assignment, student, **more)
        cells = {
            cell.metadata.nbgrader["grade_id"]: cell
            for cell in notebook.cells
            if cell.metadata.get("nbgrader", {}).get("grade_id")
        }
        for part in submission.notebooks:
            for grade in part.grades:
                cell = cells.get(grade.name)
                if cell is not None:
                    grade.auto_score, _ = utils.determine_grade(cell)
                    grade.needs_manual_grade = (
                        grade.manual_score is not None or grade.auto_score is None
                    )
            for comment in part.comments:
                cell = cells.get(comment.name)
                if cell is not None:
                    untouched = cell.metadata.nbgrader.get("checksum") == utils.compute_checksum(
                        cell
                    )
                    silent = untouched and not utils.is_task(cell)
                    comment.auto_comment = "No response." if silent else None
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
            atomic.write_files(new, {**files, f"{self.assignment}.ipynb": text})
            for path in new.rglob("*"):
                path.chmod(0o755 if path.is_dir() else 0o444)

        target = self.course.root / "autograded" / student / self.assignment
        atomic.replace_folder(target, fill)

    def _remove(self, student: str) -> None:
        shutil.rmtree(self.course.root / "autograded" / student / self.assignment, True)


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


def assignment_in(gradebook: Gradebook, course: Course, assignment: str) -> Assignment:
    """Return what submissions of an assignment have in common.

    Raises:
        CourseError: it has not been released.
    """
    shape = template(course.root, assignment, assignment)
    notebook = gradebook.find_notebook(assignment, assignment)
    cells = tuple(
        {
            "name": cell.name,
            "cell_type": cell.cell_type,
            "source": cell.source,
            "locked": cell.locked,
            "checksum": cell.checksum,
        }
        for cell in sorted(notebook.source_cells, key=lambda cell: cell.name)
    )
    folder = course.root / "source" / assignment
    ignored = list(course.config().CourseDirectory.ignore)
    files = {
        str(Path(path).relative_to(folder)): Path(path).read_bytes()
        for path in sorted(utils.find_all_files(str(folder), [*ignored, "*.ipynb"]))
    }
    return Assignment(assignment, nbformat.writes(shape), cells, files)


def _may_pass(error: Exception) -> bool:
    """Return whether a database's error is about the moment: locked, out of reach, or overtaken.

    Two coordinators may enter the same student at once: whoever comes second finds the row then.
    """
    cause = error.__context__ if isinstance(error, InvalidEntry) else error
    passing = isinstance(cause, (OperationalError, IntegrityError))
    return (passing or "OperationalError" in str(error)) and "disk is full" not in str(error)


def _is_time(text: str) -> bool:
    try:
        utils.parse_utc(text)
    except Exception:
        return False
    return bool(text)


def _first_line(error: object) -> str:
    return (str(error).strip().splitlines() or ["no reason given"])[0]
