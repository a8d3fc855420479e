"""Pages for many students in one run of nbgrader's converter: one exporter, one gradebook.

nbgrader's own commands go through the same converter, a student or all of them at a time. This
module does not know what a page is made of.
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

Tell = Callable[[str], object]
NOT_GRADED = "{} was not graded"


class Converter(GenerateFeedback):  # type: ignore[misc]
    """GenerateFeedback for the students that are asked for."""

    def __init__(self, students: Collection[str], tell: Tell, **kw: Any):
        super().__init__(**kw)
        self._students, self._tell = students, tell
        self.begun: set[str] = set()  # whose page was not left as it was
        self.refused: dict[str, str] = {}  # why a student has no page

    def init_notebooks(self) -> None:
        """Find what was graded of these students."""
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
        """Make the pages; the exporter remembers which it refuses."""
        self.refused = getattr(self.exporter, "refused", {})
        super().convert_notebooks()

    def init_destination(self, assignment_id: str, student_id: str) -> bool:
        """Say whose turn it is, and make room for the page."""
        self.begun.add(student_id)
        self._tell(student_id)
        return bool(super().init_destination(assignment_id, student_id))


def write(
    api: NbGraderAPI, assignment: str, students: Collection[str], tell: Tell = lambda student: None
) -> dict[str, str]:
    """Write the pages of students and return why those have none who have none.

    Args:
        api: nbgrader's interface to the course
        assignment: which one
        students: of whom something may have been graded
        tell: called with each student whose page is begun
    """
    with temp_attrs(api.coursedir, assignment_id=assignment, student_id="*"):
        converter = Converter(students, tell, coursedir=api.coursedir, parent=api, force=True)
        silent = logging.getLogger(f"{__name__}.nbgrader")
        silent.addHandler(logging.NullHandler())
        silent.propagate = False
        converter.log = silent  # what it says of each student is said better by whoever asked
        with contextlib.suppress(NbGraderException):
            converter.start()
    return {
        name: converter.refused.get(name, NOT_GRADED.format(assignment))
        for name in students
        if name not in converter.begun
        or not any((Path(api.coursedir.root) / "feedback" / name / assignment).glob("*.html"))
    }
