"""Write the pages of many students in one run of nbgrader's converter: one exporter, one gradebook.

nbgrader's own commands use the same converter for one student or for all.
"""

import contextlib
import logging
import os
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

from nbgrader.apps import NbGraderAPI
from nbgrader.converters import GenerateFeedback, NbGraderException
from nbgrader.utils import temp_attrs

from course.run import status_files

Tell = Callable[[str], object]
NOT_GRADED = "{} was not graded"


class PageConverter(GenerateFeedback):  # type: ignore[misc]
    """GenerateFeedback that writes pages and nothing else, whoever starts it."""

    def init_assignment(self, assignment_id: str, student_id: str) -> None:
        """Copy nothing: a student's own file could lie where the page is written."""


class Converter(PageConverter):
    """The same for a selection of students."""

    def __init__(self, students: Collection[str], tell: Tell, **kw: Any):
        super().__init__(**kw)
        self._students, self._tell = students, tell
        self.begun: set[str] = set()  # students whose old page was removed
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
        """Report progress and remove the old page."""
        self.begun.add(student_id)
        self._tell(student_id)
        return bool(super().init_destination(assignment_id, student_id))


def write(
    api: NbGraderAPI, assignment: str, students: Collection[str], tell: Tell = lambda student: None
) -> dict[str, str]:
    """Write feedback pages; return the reason for every student who got none.

    Args:
        api: nbgrader's interface to the course
        assignment: its name
        students: students to write pages for
        tell: called with the name of a student when that page is begun
    """
    with temp_attrs(api.coursedir, assignment_id=assignment, student_id="*"):
        converter = Converter(students, tell, coursedir=api.coursedir, parent=api, force=True)
        silent = logging.getLogger(f"{__name__}.nbgrader")
        silent.addHandler(logging.NullHandler())
        silent.propagate = False
        converter.log = silent  # the caller reports each student in better words
        with contextlib.suppress(NbGraderException):
            converter.start()
    root = api.coursedir.root
    return {
        name: converter.refused.get(name) or _not_graded(Path(root), assignment, name)
        for name in students
        if name not in converter.begun
        or not any((Path(root) / "feedback" / name / assignment).glob("*.html"))
    }


def _not_graded(root: Path, assignment: str, student: str) -> str:
    """Return why there is nothing to write about, as the table of scores says it."""
    status = status_files.read(root, assignment, student)
    if status is None or status.is_graded:
        return NOT_GRADED.format(assignment)
    return f"{NOT_GRADED.format(assignment)} ({status.word}: {status.reason})"
