"""What a release must pass before it goes out: every gate yields a line for each fault."""

import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from autograder import assignment
from autograder.assignment import Assignment
from autograder.cells import grade_id, is_graded
from course.directory import CONFIG, STAFF_FILES, Course, CourseError
from course.feedback.problems import headings
from course.release import leaks, solutions, unseen
from course.release.student_zip import data_paths
from course.run.scores import CellScore, NbgraderRunner
from course.test_quality import catalogue_gate

Say = Callable[[str], None]
SHOWN = 5  # complaints of each gate
TIDY = "course release --tidy mends that"


@dataclass(frozen=True)
class Draft:
    """A release that is built and not yet out.

    Attributes:
        course: the course
        settings: the assignment's
        master: its master
        scratch: a copy of the course that has this assignment alone
        built: the release, in the copy
        everything: say every complaint, and not the first few of each gate
    """

    course: Course
    settings: Assignment
    master: NotebookNode
    scratch: Path
    built: Path
    everything: bool = False

    @property
    def name(self) -> str:
        """Return the assignment's name."""
        return self.settings.name


def check(draft: Draft, say: Say) -> list[str]:
    """Try the gates, say how each went, and return all complaints.

    What takes minutes is not tried where something is wrong that takes no time to see.
    """
    complaints: list[str] = []
    for name, gate in CHEAP.items():
        complaints += _told(draft, name, list(gate(draft)), say)
    if complaints:
        say(f"{'':8}not tried yet: {', '.join([*DEAR, TRIED])}")
        return complaints
    for name, gate in DEAR.items():
        complaints += _told(draft, name, list(gate(draft)), say)
    return complaints + _unnoticed(draft, say)


def _told(draft: Draft, name: str, complaints: list[str], say: Say) -> list[str]:
    """Say how a gate went, with its first complaints, and return all of them."""
    say(f"{'refused' if complaints else 'ok':8}{name}")
    shown = complaints if draft.everything else complaints[:SHOWN]
    for complaint in shown:
        say(f"{'':10}{complaint}")
    if more := len(complaints) - len(shown):
        say(f"{'':10}and {more} more: course release {draft.name} --all shows them")
    return complaints


def _unnoticed(draft: Draft, say: Say) -> list[str]:
    """Try the catalogue of mistakes, and say what it does not test."""
    complaints: list[str] = []
    if draft.course.catalogue(draft.name):
        tried = Course(draft.scratch)
        unnoticed = list(catalogue_gate.unnoticed(tried, draft.name, draft.course))
        complaints = _told(draft, TRIED, unnoticed, say)
    if untested := catalogue_gate.untested(draft.course, draft.name):
        say(f"{'note':8}{untested}")
    return complaints


def wrong_points(master: NotebookNode, settings: Assignment) -> Iterator[str]:
    """Yield a complaint where points do not add up to what ``assignment.toml`` says."""
    by_part = _points_by_part(master, [part.title for part in settings.parts])
    total = sum(by_part.values())
    remedy = f"change points in source/{settings.name}/{assignment.FILE}, or those of a cell"
    if settings.points not in (None, total):
        says = f"{assignment.FILE} says {settings.points:g}"
        yield f"its points add up to {total:g}, and {says}: {remedy}"
    for part in settings.parts:
        if part.title not in by_part:
            yield f"{assignment.FILE} has the part {part.title!r}, and no heading begins so"
        elif part.points not in (None, by_part[part.title]):
            cells = f"the part {part.title!r} has {by_part[part.title]:g} points"
            yield f"{cells} instead of {part.points:g}: {remedy}"


def _points_by_part(master: NotebookNode, titles: list[str]) -> dict[str, float]:
    """Return the points below the headings that begin with these titles; before any, below ""."""
    points, part = {"": 0.0}, ""
    for cell in master.cells:
        for _, heading in headings(cell.source) if cell.cell_type == "markdown" else ():
            part = next((title for title in titles if heading.startswith(title)), part)
            points.setdefault(part, 0.0)
        if is_graded(cell):
            points[part] += cell.metadata.nbgrader.get("points", 0)
    return points


def unclean(master: NotebookNode, built: Path) -> Iterator[str]:
    """Yield a complaint for each id or output that would make diffs noisy or graders stumble."""
    released = [nbformat.read(path, as_version=4) for path in sorted(built.rglob("*.ipynb"))]
    for notebook in (master, *released):
        if "widgets" in notebook.metadata:
            yield f"its metadata hold the state of widgets, which is an output: {TIDY}"
        ids = [cell.id for cell in notebook.cells]
        for cell in notebook.cells:
            if grade_id(cell) not in ("", cell.id):
                remedy = "another cell has that id" if grade_id(cell) in ids else TIDY
                yield f"cell {cell.id} has the grade id {grade_id(cell)}: {remedy}"
            if ids.count(cell.id) > 1:
                yield f"the id {cell.id} occurs twice"
            if not re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", cell.id):
                yield f"the id {cell.id!r} is not one that notebooks allow"
            if cell.get("outputs") or cell.get("execution_count"):
                yield f"cell {cell.id} holds outputs: {TIDY}"


def secret(draft: Draft) -> Iterator[str]:
    """Yield a complaint for each line and each file in the release that is for staff alone."""
    yield from leaks.find(leaks.secret_lines(draft.master), draft.built)
    yield from unseen.find(draft.master, draft.scratch / "source" / draft.name, draft.built)
    for path in sorted(draft.built.rglob("*")):
        if path.name in STAFF_FILES:
            name = path.relative_to(draft.built)
            yield f"{name} is for staff: name it in c.CourseDirectory.ignore of {CONFIG}"


def failing(draft: Draft) -> Iterator[str]:
    """Yield a complaint if a cell of the master fails with the data that the assignment names.

    Demonstrations are run as well, which grading skips.
    """
    with tempfile.TemporaryDirectory(prefix="data-") as scratch:
        try:
            data = _named_data(draft, Path(scratch))
            folder = draft.scratch / "source" / draft.name
            solutions.execute(deepcopy(draft.master), folder, draft.name, data=data)
        except CourseError as error:
            hint = f" (does {assignment.FILE} name all data that it loads?)"
            yield f"{error}{hint if 'DataError' in str(error) else ''}"


def _named_data(draft: Draft, folder: Path) -> Path:
    """Fill a folder with links to the data that the assignment names, and to nothing else."""
    for name, path in data_paths(draft.course.data(), draft.settings.data).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).symlink_to(path)
    return folder


def lost_points(draft: Draft) -> Iterator[str]:
    """Yield a complaint for each point that the master itself loses under nbgrader."""
    yield from (
        f"the master gets {cell.score:g} of {cell.max_score:g} in {cell.name}: "
        f"edit that cell, or the solution that it tests, in {_master(draft)}"
        for cell in _graded(draft, "master", draft.scratch / "source" / draft.name)
        if cell.score != cell.max_score
    )


def passes(draft: Draft) -> Iterator[str]:
    """Yield a complaint for each graded cell that the untouched release passes."""
    yield from (
        f"the blank release gets {cell.score:g} points in {cell.name}: "
        f"let that test fail without an answer, in {_master(draft)}"
        for cell in _graded(draft, "blank", draft.built)
        if cell.score > 0
    )


def _master(draft: Draft) -> str:
    return f"source/{draft.name}/{draft.name}.ipynb"


def _graded(draft: Draft, student: str, folder: Path) -> tuple[CellScore, ...]:
    shutil.copytree(folder, draft.scratch / "submitted" / student / draft.name)
    return NbgraderRunner(draft.course, draft.scratch).grade(draft.name, student).automatic


TRIED = "tests notice what they must"
CHEAP: dict[str, Callable[[Draft], Iterator[str]]] = {
    "points add up": lambda draft: wrong_points(draft.master, draft.settings),
    "ids and outputs are clean": lambda draft: unclean(draft.master, draft.built),
    "nothing secret survives": secret,
}
DEAR: dict[str, Callable[[Draft], Iterator[str]]] = {
    "every cell of the master runs": failing,
    "the master loses no point": lost_points,
    "no cell passes on the blank release": passes,
}
