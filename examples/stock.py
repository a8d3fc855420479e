"""nbgrader as it comes, one kernel a submission, to compare the course's own grading with.

Everything else is as the course has it: demonstrations are skipped, stderr costs nothing. This
module does not know who asks.
"""

from pathlib import Path

from nbgrader.apps import NbGraderAPI
from nbgrader.converters import Autograde
from nbgrader.coursedir import CourseDirectory
from traitlets.config import Config

from course import nbgrader_internals
from course.directory import Course
from course.run.scores import NbgraderRunner

PREPROCESSORS = [
    f"nbgrader.preprocessors.{name}"
    for name in (
        "Execute",
        "IgnorePattern",
        "LimitOutput",
        "SaveAutoGrades",
        "AssignLatePenalties",
        "CheckCellMetadata",
    )
]


def config(course: Course, demos: bool = False) -> Config:
    """Return the course's configuration with nbgrader's own reading and executing."""
    plain = course.config()
    nbgrader_internals.replace_autograde(Autograde)  # the course's configuration has put its own
    plain.Autograde.autograde_preprocessors = PREPROCESSORS
    plain.NotebookClient.skip_cells_with_tag = "" if demos else "demo"
    plain.ExecutePreprocessor.timeout = 180  # seconds a cell
    plain.ExecutePreprocessor.interrupt_on_timeout = True  # the cell is lost, the notebook goes on
    return plain


class Stock(NbgraderRunner):
    """nbgrader's own autograder for a course."""

    def __init__(self, course: Course, demos: bool = False):
        super().__init__(course)
        plain = config(course, demos)
        self.api = NbGraderAPI(CourseDirectory(config=plain), config=plain)

    def marks(self, assignment: str, student: str) -> dict[str, float]:
        """Return what the gradebook has of the tests, without asking the course's statuses."""
        with self.course.gradebook(self.root) as gradebook:
            submission = gradebook.find_submission(assignment, student)
            grades = [grade for notebook in submission.notebooks for grade in notebook.grades]
            return {g.name: g.auto_score or 0.0 for g in grades if g.cell.cell_type == "code"}


def grade(root: Path, assignment: str, student: str) -> dict[str, float] | None:
    """Return the automatic score of every cell, or None where nbgrader fails."""
    stock = Stock(Course(root))
    done = stock.api.autograde(assignment, student, force=True)
    return stock.marks(assignment, student) if done["success"] else None
