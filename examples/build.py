"""Write the class as submissions: ``python -m examples.build [--to submitted]``.

Each student's notebook is made from the student release, so it changes with it. The same release
gives the same bytes.

This module does not know what anybody wrote, nor what it is worth.
"""

import argparse
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from course.directory import CONFIG, Course, CourseError
from course.release import generate
from examples.roster import CLASS, Student

MARK = re.compile(r"^[ \t]*### (BEGIN|END) SOLUTION[ \t]*\n?", flags=re.MULTILINE)


def build(course: Course, to: Path) -> list[Path]:
    """Write every student's submissions below ``to`` and return the notebooks' paths."""
    paths = []
    for assignment, students in CLASS.items():
        master = nbformat.read(course.master(assignment), as_version=4)
        with _released(course, assignment) as source:
            released = source.read_text("utf-8")
        for student in students:
            notebook = submission(nbformat.reads(released, as_version=4), master, student)
            text = nbformat.writes(notebook) + "\n"
            if student.crlf:
                text = text.replace("\n", "\r\n")
            path = to / student.name / assignment / f"{assignment}.ipynb"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text.encode("utf-8"))
            paths.append(path)
    return paths


def submission(released: NotebookNode, master: NotebookNode, student: Student) -> NotebookNode:
    """Return what a student makes of the release.

    Raises:
        CourseError: the student fills a cell that the release does not have.
    """
    cells = dict(student.cells)
    if student.from_master:
        cells |= {
            cell.id: MARK.sub("", cell.source)
            for cell in master.cells
            if cell.cell_type == "code" and MARK.search(cell.source)
        }
    open_cells = {cell.id: cell for cell in released.cells if not _locked(cell)}
    for name, source in cells.items():
        if name not in open_cells:
            raise CourseError(f"{student.name} fills {name}, which the release does not let them")
        open_cells[name].source = source.rstrip("\n")
    for form in student.forms:
        form(released)
    return released


def _locked(cell: NotebookNode) -> bool:
    return bool(cell.metadata.get("nbgrader", {}).get("locked"))


@contextmanager
def _released(course: Course, assignment: str) -> Iterator[Path]:
    """Yield the release's notebook, built for the occasion where the course has none yet."""
    name = f"{assignment}.ipynb"
    kept = course.root / "release" / assignment / name
    if kept.is_file():
        yield kept
        return
    with tempfile.TemporaryDirectory(prefix="examples-") as scratch:
        copy = Path(scratch)
        shutil.copytree(course.root / "source" / assignment, copy / "source" / assignment)
        shutil.copy(course.root / CONFIG, copy)
        yield generate.build(course, copy, assignment) / name


def main() -> None:
    """Build the class into the course that the working directory lies in."""
    parser = argparse.ArgumentParser(description="write the example class as submissions")
    parser.add_argument("--to", type=Path, help="default: submitted/ of the course")
    course = Course.find()
    paths = build(course, parser.parse_args().to or course.root / "submitted")
    print(f"{len(paths)} submissions written")


if __name__ == "__main__":
    main()
