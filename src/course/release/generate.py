"""Make the student version of an assignment, or say why it must not go out.

nbgrader does the making, in a copy of the course; a release that passes every gate takes the
place of the old one in one step, and one that doesn't leaves it as it was.

This module does not know how a notebook is executed or graded.
"""

import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode
from nbgrader.api import MissingEntry

from course.directory import CONFIG, POINTS, Course, CourseError
from course.release import leaks, solutions
from course.run import atomic
from course.run.scores import CellScore, NbgraderRunner
from course.test_quality import gate

Say = Callable[[str], None]
REGISTERING = ".registering"


def release(course: Course, assignment: str, say: Say = print) -> Path:
    """Build, check and write ``release/ASSIGNMENT``; return the folder.

    Raises:
        CourseError: a gate refused; nothing was written.
    """
    master_path = course.master(assignment)
    master = nbformat.read(master_path, as_version=4)
    with tempfile.TemporaryDirectory(prefix="release-") as scratch:
        copy = Path(scratch)
        _copy_course(course, copy, assignment)
        built = build(course, copy, assignment)
        gates: list[tuple[str, Callable[[], Iterator[str]]]] = [
            ("points are the document's", lambda: wrong_points(master, assignment)),
            ("ids and outputs are clean", lambda: unclean(master, built)),
            (
                "nothing secret survives",
                lambda: iter(leaks.find(leaks.secret_lines(master), built)),
            ),
            ("every cell of the master runs", lambda: failing(master, copy, assignment)),
            ("the master loses no point", lambda: lost_points(course, copy, assignment)),
            ("no cell passes on the blank release", lambda: passes(course, copy, assignment)),
            ("tests notice what they must", lambda: gate.unnoticed(Course(copy), assignment)),
        ]
        refused = []
        for name, complaints_of in gates:
            complaints = list(complaints_of())
            say(f"{'refused' if complaints else 'ok':8}{name}")
            refused += complaints
        if refused:
            more = f" (and {len(refused) - 1} more)" if len(refused) > 1 else ""
            raise CourseError(f"{assignment} is not fit for release: {refused[0]}{more}")
        register(course, assignment)
        return _replace(built, course.root / "release" / assignment)


def build(course: Course, copy: Path, assignment: str) -> Path:
    """Let nbgrader generate the student version in ``copy`` and return its folder."""
    result = course.nbgrader(copy).generate_assignment(assignment)
    if not result["success"]:
        raise CourseError(f"nbgrader could not generate {assignment}: {_reason(result)}")
    folder = copy / "release" / assignment
    path = folder / f"{assignment}.ipynb"
    notebook = nbformat.read(path, as_version=4)
    path.write_text(nbformat.writes(notebook) + "\n", encoding="utf-8")
    return folder


def register(course: Course, assignment: str) -> None:
    """Enter the assignment's cells and hidden tests into the course's gradebook.

    nbgrader does that while it generates a release; what it writes beside is thrown away.
    """
    result = course.nbgrader(release=REGISTERING).generate_assignment(assignment)
    shutil.rmtree(course.root / REGISTERING, ignore_errors=True)
    if not result["success"]:
        raise CourseError(f"nbgrader could not enter {assignment}: {_reason(result)}")


def is_registered(course: Course, assignment: str) -> bool:
    """Return whether the course's gradebook knows the assignment."""
    with course.gradebook() as gradebook:
        try:
            return bool(gradebook.find_assignment(assignment).notebooks)
        except MissingEntry:
            return False


def is_stale(course: Course, assignment: str) -> bool:
    """Return whether ``release/`` differs from what the master gives now."""
    with tempfile.TemporaryDirectory(prefix="release-") as scratch:
        _copy_course(course, Path(scratch), assignment)
        built = build(course, Path(scratch), assignment)
        kept = course.root / "release" / assignment
        return _contents(built) != _contents(kept)


def wrong_points(master: NotebookNode, assignment: str) -> Iterator[str]:
    """Yield a complaint where the points do not add up to the document's."""
    total = sum(meta.get("points", 0) for meta in _grading(master) if meta["grade"])
    if total != POINTS[assignment]:
        yield f"its points add up to {total:g}, and the document has {POINTS[assignment]}"


def unclean(master: NotebookNode, built: Path) -> Iterator[str]:
    """Yield a complaint for each id or output that would make diffs noisy or graders stumble."""
    released = [nbformat.read(path, as_version=4) for path in sorted(built.glob("*.ipynb"))]
    for notebook in (master, *released):
        ids = [cell.id for cell in notebook.cells]
        for cell in notebook.cells:
            grade_id = cell.metadata.get("nbgrader", {}).get("grade_id")
            if grade_id not in (None, cell.id):
                yield f"cell {cell.id} has the grade id {grade_id}"
            if ids.count(cell.id) > 1:
                yield f"the id {cell.id} occurs twice"
            if not re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", cell.id):
                yield f"the id {cell.id!r} is not one that notebooks allow"
            if cell.get("outputs") or cell.get("execution_count"):
                yield f"cell {cell.id} holds outputs"


def failing(master: NotebookNode, copy: Path, assignment: str) -> Iterator[str]:
    """Yield a complaint if a cell of the master fails; demonstrations, too, which grading skips."""
    try:
        solutions.execute(deepcopy(master), copy / "source" / assignment, assignment)
    except CourseError as error:
        yield str(error)


def lost_points(course: Course, copy: Path, assignment: str) -> Iterator[str]:
    """Yield a complaint for each point that the master itself loses under nbgrader."""
    yield from (
        f"the master gets {cell.score:g} of {cell.max_score:g} in {cell.name}"
        for cell in _graded(course, copy, assignment, "master", copy / "source" / assignment)
        if cell.score != cell.max_score
    )


def passes(course: Course, copy: Path, assignment: str) -> Iterator[str]:
    """Yield a complaint for each graded cell that the untouched release passes."""
    yield from (
        f"the blank release gets {cell.score:g} points in {cell.name}"
        for cell in _graded(course, copy, assignment, "blank", copy / "release" / assignment)
        if cell.score > 0
    )


def _graded(
    course: Course, copy: Path, assignment: str, student: str, folder: Path
) -> tuple[CellScore, ...]:
    shutil.copytree(folder, copy / "submitted" / student / assignment)
    return NbgraderRunner(course, copy).grade(assignment, student).automatic


def _copy_course(course: Course, copy: Path, assignment: str) -> None:
    shutil.copytree(course.root / "source" / assignment, copy / "source" / assignment)
    shutil.copy(course.root / CONFIG, copy)
    (copy / "data").symlink_to(course.root / "data")


def _grading(notebook: NotebookNode) -> list[Any]:
    return [cell.metadata.nbgrader for cell in notebook.cells if "nbgrader" in cell.metadata]


def _contents(folder: Path) -> dict[str, bytes]:
    paths = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


def _replace(built: Path, kept: Path) -> Path:
    """Put ``built`` in the place of ``kept``: the new one is whole before the old one goes."""
    atomic.replace_folder(kept, lambda new: shutil.copytree(built, new, dirs_exist_ok=True))
    return kept


def _reason(result: dict[str, Any]) -> str:
    """Return in a line what nbgrader says; the cause stands above its own exception, if at all."""
    if causes := re.findall(r"^ +\w*Error: (.+)$", result.get("log") or "", re.MULTILINE):
        return str(causes[-1])
    lines = (result.get("error") or result.get("log") or "no reason given").strip().splitlines()
    return str(lines[-1])
