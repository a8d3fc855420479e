"""The pool inside nbgrader: what ``nbgrader autograde`` and formgrader's button run.

Three of nbgrader's own extension points are used: the exporter that reads a submission (here it
also mends it), the preprocessor that executes it (here in two kernels), and the exporter of marks.

This module does not know how a notebook is mended or graded.
"""

import csv
from pathlib import Path
from typing import Any, cast

import nbformat
from nbconvert.exporters import NotebookExporter
from nbformat import NotebookNode
from nbgrader.plugins import ExportPlugin
from nbgrader.preprocessors import NbGraderPreprocessor

from autograder import status
from autograder.execution.client import ForkServerError
from autograder.execution.pool import shared_pool
from autograder.execution.sandbox import SandboxError
from autograder.policy import Policy
from autograder.submission import intake, repair, sanitize
from course.directory import Course, CourseError
from course.run import secret, status_files
from seqlab.errors import DataError


def template(root: Path, assignment: str, name: str) -> NotebookNode:
    """Return the student version of a notebook.

    Raises:
        CourseError: it has not been released.
    """
    path = root / "release" / assignment / f"{name}.ipynb"
    if not path.is_file():
        raise CourseError(f"{assignment} has no release: run course release {assignment} first")
    return cast(NotebookNode, nbformat.read(path, as_version=4))


def course_of(path: Path) -> Course:
    """Return the course that a file belongs to."""
    return Course.find(path if path.is_dir() else path.parent)


class Mending(NotebookExporter):
    """Reads a submission whatever its state, and mends it; everything else it reads as it is."""

    def from_filename(
        self, filename: str, resources: dict[str, Any] | None = None, **kw: Any
    ) -> tuple[Any, dict[str, Any]]:
        """Read a notebook and run the preprocessors on it."""
        path = Path(filename).resolve()
        course = course_of(path)
        about = (resources or {})["nbgrader"]
        handed_in = path.is_relative_to(course.root / "submitted")
        if not handed_in:
            output, resources = super().from_filename(filename, resources=resources, **kw)
            return output, resources
        raw = intake.read_folder(path.parent)
        shape = template(course.root, about["assignment"], about["notebook"])
        repaired = repair.repair_submission({path.name: raw[path.name]}, path.name, shape)
        sanitize.harmless(repaired.notebook, {cell.id for cell in shape.cells})
        reasons = repaired.reasons
        word = "repaired" if reasons else "graded"
        status.mark(repaired.notebook, status.Status(word, reasons))
        resources = {**(resources or {}), "metadata": {"name": path.stem, "path": str(path.parent)}}
        output, resources = self.from_notebook_node(repaired.notebook, resources=resources, **kw)
        return output, resources


class Examine(NbGraderPreprocessor):  # type: ignore[misc]
    """Executes a submission in two kernels, in the place of nbgrader's Execute."""

    def preprocess(
        self, nb: NotebookNode, resources: dict[str, Any]
    ) -> tuple[NotebookNode, dict[str, Any]]:
        """Fill in the outputs and keep the status."""
        about = resources["nbgrader"]
        course = course_of(Path(resources["metadata"]["path"]).resolve())
        folder = Path(resources["metadata"]["path"])
        files = {
            name: content
            for name, content in intake.read_folder(folder).items()
            if not name.endswith(".ipynb")
        }
        shape = template(course.root, about["assignment"], about["notebook"])
        policy = Policy(config=course.config()).settings()
        status_files.forget(course.root, about["assignment"], about["student"])
        try:
            pool = shared_pool(policy, course.data())
            whose = (course.root, about["assignment"], about["student"])
            draws = secret.key(*whose) if policy["draws"] else b""
            report = pool.grade(nb, files, shape, draws)
        except (SandboxError, ForkServerError, DataError) as error:
            self.log.error("%s", error)
            raise
        before = nb.metadata.get("autograder", {"status": "graded", "reasons": []})
        word = status.gravest({before["status"], *report.statuses})
        found = status.Status(
            word, (*before["reasons"], *report.reasons), seconds=sum(report.seconds.values())
        )
        status.mark(nb, found)
        status_files.write(course.root, about["assignment"], about["student"], found)
        return nb, resources


class StatusCsv(ExportPlugin):  # type: ignore[misc]
    """``nbgrader export``: marks with a status, and no mark where there is nothing to mark.

    A submission that could not be graded has an empty score, not a zero, and its reason beside it.
    """

    def export(self, gradebook: Any) -> None:
        """Write the file that ``--to`` names, grades.csv by default."""
        course = Course.find()
        columns = (
            "assignment",
            "student_id",
            "score",
            "max_score",
            "needs_manual",
            "late_seconds",
            "late_penalty",
            "status",
            "reason",
        )
        with Path(self.to or "grades.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, columns)
            writer.writeheader()
            writer.writerows(rows(course, gradebook, set(self.assignment), set(self.student)))


def rows(
    course: Course, gradebook: Any, assignments: set[str], students: set[str]
) -> list[dict[str, Any]]:
    """Return a row for every assignment and student, whether handed in or not."""
    found = []
    for assignment in gradebook.assignments:
        if assignments and assignment.name not in assignments:
            continue
        marks = {submission.student.id: submission for submission in assignment.submissions}
        names = {student.id for student in gradebook.students} | set(
            course.students(assignment.name)
        )
        for name in sorted(names & students if students else names):
            mark = marks.get(name)
            now = course.status(assignment.name, name, mark is not None)
            found.append(
                {
                    "assignment": assignment.name,
                    "student_id": _plain(name),
                    "score": _net(mark) if mark and now.word not in status.UNGRADED else "",
                    "max_score": assignment.max_score,
                    "needs_manual": int(mark.needs_manual_grade) if mark else "",
                    "late_seconds": mark.total_seconds_late if mark else "",
                    "late_penalty": (mark.late_submission_penalty or 0) if mark else "",
                    "status": now.word,
                    "reason": _plain(now.reason),
                }
            )
    return found


def _net(mark: Any) -> float:
    """Return what is left of a score after what lateness costs."""
    return max(0.0, float(mark.score) - float(mark.late_submission_penalty or 0))


def _plain(text: str) -> str:
    """Return text that no spreadsheet takes for a formula."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text
