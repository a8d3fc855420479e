"""Make the student version of an assignment, or say why it must not go out.

nbgrader makes it in a copy of the course. A release that passes every gate replaces the old one in
one step; one that does not leaves the old one as it was.
"""

import re
import shutil
import tempfile
from pathlib import Path
from typing import Any

import nbformat
from nbgrader.api import MissingEntry

from autograder.cells import grade_id, is_test
from course.directory import CONFIG, Course, CourseError
from course.release import gates, unseen
from course.run import atomic

REGISTERING = ".registering"


def release(
    course: Course, assignment: str, say: gates.Say = print, everything: bool = False
) -> Path:
    """Build, check and write ``release/ASSIGNMENT``; return the folder.

    Args:
        course: the course
        assignment: its name
        say: is told how each gate went
        everything: tell every complaint, and not the first few of each gate

    Raises:
        CourseError: a gate refused; nothing was written.
    """
    settings = course.assignment(assignment)
    master = nbformat.read(course.master(assignment), as_version=4)
    with tempfile.TemporaryDirectory(prefix="release-") as name:
        scratch = Path(name)
        _copy_course(course, scratch, assignment)
        built = build(course, scratch, assignment)
        draft = gates.Draft(course, settings, master, scratch, built, everything)
        if refused := gates.check(draft, say):
            more = f" (and {len(refused) - 1} more)" if len(refused) > 1 else ""
            raise CourseError(f"{assignment} is not fit for release: {refused[0]}{more}")
        register(course, assignment)
        kept = course.root / "release" / assignment
        atomic.replace_folder(kept, lambda new: shutil.copytree(built, new, dirs_exist_ok=True))
        return kept


def build(course: Course, copy: Path, assignment: str) -> Path:
    """Let nbgrader generate the student version in ``copy`` and return its folder.

    The attachments that a mark scheme showed are taken away with it.
    """
    result = course.nbgrader(copy).generate_assignment(assignment)
    if not result["success"]:
        raise CourseError(f"nbgrader could not generate {assignment}: {_reason(result)}")
    folder = copy / "release" / assignment
    path = folder / f"{assignment}.ipynb"
    notebook = nbformat.read(path, as_version=4)
    unseen.drop_attachments(notebook)
    path.write_text(nbformat.writes(notebook) + "\n", encoding="utf-8")
    return folder


def register(course: Course, assignment: str) -> None:
    """Enter the assignment's cells and hidden tests into the course's gradebook.

    nbgrader does that while it generates a release; the release itself is thrown away.
    """
    result = course.nbgrader(release=REGISTERING).generate_assignment(assignment)
    shutil.rmtree(course.root / REGISTERING, ignore_errors=True)
    if not result["success"]:
        raise CourseError(f"nbgrader could not enter {assignment}: {_reason(result)}")


def is_registered(course: Course, assignment: str) -> bool:
    """Return whether the course's gradebook knows the assignment."""
    if not course.has_gradebook():
        return False
    with course.gradebook() as gradebook:
        try:
            return bool(gradebook.find_assignment(assignment).notebooks)
        except MissingEntry:
            return False


def is_stale(course: Course, assignment: str) -> bool:
    """Return whether ``release/`` differs from what nbgrader makes of the master now."""
    with tempfile.TemporaryDirectory(prefix="release-") as scratch:
        _copy_course(course, Path(scratch), assignment)
        built = build(course, Path(scratch), assignment)
        kept = course.root / "release" / assignment
        return _contents(built) != _contents(kept)


def has_other_tests(course: Course, assignment: str) -> bool:
    """Return whether the gradebook, which grading takes tests from, has others than the master.

    Hidden tests are not in ``release/``, so a change of theirs does not show there.
    """
    if not is_registered(course, assignment):
        return False
    master = nbformat.read(course.master(assignment), as_version=4)
    with course.gradebook() as gradebook:
        cells = gradebook.find_notebook(assignment, assignment).source_cells
        entered = {cell.name: cell.source for cell in cells}
    tests = {grade_id(cell): cell.source for cell in master.cells if is_test(cell)}
    return any(entered.get(name) != source for name, source in tests.items())


def _copy_course(course: Course, copy: Path, assignment: str) -> None:
    shutil.copytree(course.root / "source" / assignment, copy / "source" / assignment)
    shutil.copy(course.root / CONFIG, copy)
    (copy / "data").symlink_to(course.root / "data")


def _contents(folder: Path) -> dict[str, bytes]:
    paths = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


def _reason(result: dict[str, Any]) -> str:
    """Return nbgrader's error as one line; its cause, if any, is logged above its own exception."""
    if causes := re.findall(r"^ +\w*Error: (.+)$", result.get("log") or "", re.MULTILINE):
        return str(causes[-1])
    lines = (result.get("error") or result.get("log") or "no reason given").strip().splitlines()
    return str(lines[-1])
