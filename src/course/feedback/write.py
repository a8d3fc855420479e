"""Write the pages of many students in one run of nbgrader's converter: one exporter, one gradebook.

nbgrader's own commands use the same converter for one student or for all. A page is written beside
its place and takes the old one's when it is whole, so a page that cannot be written costs nobody
the one that is there.
"""

import logging
import os
import shutil
import tempfile
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

from nbgrader.apps import NbGraderAPI
from nbgrader.converters import GenerateFeedback, NbGraderException
from nbgrader.utils import temp_attrs
from sqlalchemy.exc import DatabaseError

from autograder.status import NOT_HELD
from course.directory import Course
from course.run import atomic
from course.run.held_marks import HeldMarks

Tell = Callable[[str], object]
NOT_GRADED = "{} was not graded"
GONE = "its graded notebook is gone: course autograde {} writes it again"
KEPT = " (the page that is there stays)"


class PageConverter(GenerateFeedback):  # type: ignore[misc]
    """GenerateFeedback that writes pages and nothing else, each in its place once it is whole."""

    _beside: str | None = None  # where pages are written, instead of the feedback folder

    def start(self) -> None:
        """Write the pages that nbgrader's settings ask for."""
        with tempfile.TemporaryDirectory(prefix="feedback-") as beside:
            self._beside = beside
            super().start()

    @property
    def _output_directory(self) -> str:
        return self._beside or str(self.coursedir.feedback_directory)

    def init_assignment(self, assignment_id: str, student_id: str) -> None:
        """Copy nothing: a student's own file could lie where the page is written."""

    def init_destination(self, assignment_id: str, student_id: str) -> bool:
        """Return whether nbgrader would write this page: it is new, outdated or asked for."""
        if student_id in self.coursedir.student_id_exclude.split(","):
            return False
        source = self._format_source(assignment_id, student_id)
        place = self._place(assignment_id, student_id)
        if self.force or not place.exists():
            return True
        now, then = map(self.coursedir.get_existing_timestamp, (source, place))
        return bool(now and then and now > then)

    def set_permissions(self, assignment_id: str, student_id: str) -> None:
        """Put the finished pages in the place of the old ones."""
        new = self._format_dest(assignment_id, student_id)
        place = self._place(assignment_id, student_id)
        atomic.replace_folder(
            place, lambda folder: shutil.copytree(new, folder, dirs_exist_ok=True)
        )
        beside, self._beside = self._beside, None
        try:
            super().set_permissions(assignment_id, student_id)
        finally:
            self._beside = beside

    def _place(self, assignment_id: str, student_id: str) -> Path:
        about = self.coursedir
        return Path(about.format_path(about.feedback_directory, student_id, assignment_id))


class Converter(PageConverter):
    """The same for a selection of students."""

    def __init__(self, students: Collection[str], tell: Tell, **kw: Any):
        super().__init__(**kw)
        self._students, self._tell = students, tell
        self.written: set[str] = set()
        self.refused: dict[str, str] = {}  # student -> why there is no page

    def init_notebooks(self) -> None:
        """Find the graded notebooks of these students."""
        super().init_notebooks()
        about = self.coursedir
        wanted = {
            os.path.normpath(self._format_source(about.assignment_id, name))
            for name in self._students
        }
        for folder in list(self.assignments):
            if os.path.normpath(folder) not in wanted:
                del self.assignments[folder]

    def convert_notebooks(self) -> None:
        """Write the pages; the exporter records which ones it refuses."""
        self.refused = getattr(self.exporter, "refused", {})
        super().convert_notebooks()

    def init_destination(self, assignment_id: str, student_id: str) -> bool:
        """Report progress."""
        self._tell(student_id)
        return super().init_destination(assignment_id, student_id)

    def set_permissions(self, assignment_id: str, student_id: str) -> None:
        """Put the finished pages in their place, and note whose they are."""
        super().set_permissions(assignment_id, student_id)
        self.written.add(student_id)


def write(
    api: NbGraderAPI, assignment: str, students: Collection[str], tell: Tell = lambda student: None
) -> dict[str, str]:
    """Write feedback pages; return the reason for every student who got none.

    Args:
        api: nbgrader's interface to the course
        assignment: its name
        students: students to write pages for
        tell: called with the name of a student when that page is begun

    Raises:
        DatabaseError: the gradebook is locked, or cannot be read.
    """
    held = HeldMarks.of(Course(Path(api.coursedir.root), api.coursedir.db_url), assignment)
    with temp_attrs(api.coursedir, assignment_id=assignment, student_id="*"):
        converter = Converter(students, tell, coursedir=api.coursedir, parent=api, force=True)
        silent = logging.getLogger(f"{__name__}.nbgrader")
        silent.addHandler(logging.NullHandler())
        silent.propagate = False
        converter.log = silent  # the caller reports each student in better words
        try:
            converter.start()
        except NbGraderException as error:
            if isinstance(error.__context__, DatabaseError):
                raise error.__context__ from None
    feedback = Path(api.coursedir.root) / "feedback"
    return {
        name: (converter.refused.get(name) or _why_none(held, name))
        + (KEPT if any((feedback / name / assignment).glob("*.html")) else "")
        for name in students
        if name not in converter.written
    }


def _why_none(held: HeldMarks, student: str) -> str:
    """Return why no page was begun, as the table of scores says it."""
    status = held.status(student)
    if status.is_graded:
        return GONE.format(held.assignment)
    why = f"{status.word}: {status.reason}"
    return why if status.word == NOT_HELD else f"{NOT_GRADED.format(held.assignment)} ({why})"
