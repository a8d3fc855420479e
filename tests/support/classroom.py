"""A small course to grade in, who hands in what there, and schedulers that count."""

import os
import re
import shutil
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

import nbformat
from nbformat.v4 import new_code_cell, new_notebook, new_output
from nbgrader.plugins import BasePlugin

from autograder import job
from autograder.cells import is_test
from autograder.policy import Policy
from autograder.result import Result
from autograder.status import Status
from autograder.submission import repair
from course.directory import CONFIG, Course
from course.release import generate
from course.run import batch, workers
from examples import build
from examples.roster import CLASS
from tests.support.once import once

ROOT = Path(__file__).resolve().parents[2]
GPT2 = "gpt2"
# What gpt2's cells import; the rest is not needed here and takes seconds to load.
PRELOAD = "import numpy, tqdm\nfrom seqlab import checks, plots_gpt2, turn_in"


def make_course(root: Path) -> Course:
    """Return a copy of the course with gpt2 released, and nobody in it."""
    shutil.copytree(once("course", _make_course), root, symlinks=True)
    return Course(root)


def _make_course(root: Path) -> None:
    root.mkdir(parents=True)
    text = (ROOT / CONFIG).read_text("utf-8")
    (root / CONFIG).write_text(f"{text}\nc.Policy.preload = {PRELOAD!r}\n", "utf-8")
    for folder in ("source", "release"):
        shutil.copytree(ROOT / folder / GPT2, root / folder / GPT2)
    (root / "data").symlink_to(ROOT / "data")
    generate.register(Course(root), GPT2)


def copied(course: Course, to: Path) -> Course:
    """Return a copy of a course with everything in it."""
    shutil.copytree(course.root, to, symlinks=True, copy_function=copy_file)
    return Course(to)


def copy_file(source: str, target: str) -> None:
    """Copy a file, or a pipe, as a student may hand one in."""
    if Path(source).is_fifo():
        os.mkfifo(target)
    else:
        shutil.copy2(source, target)


def configure(course: Course, lines: str) -> None:
    """Add lines to a course's configuration."""
    with (course.root / CONFIG).open("a", encoding="utf-8") as file:
        file.write(lines + "\n")


@cache
def example(name: str) -> bytes:
    """Return the gpt2 notebook of an example student."""
    student = next(student for student in CLASS[GPT2] if student.name == name)
    master = nbformat.read(Course(ROOT).master(GPT2), as_version=4)
    given = nbformat.read(ROOT / "release" / GPT2 / f"{GPT2}.ipynb", as_version=4)
    return nbformat.writes(build.submission(given, master, student)).encode()


def changed(raw: bytes, cells: dict[str, str], scratch: str = "") -> bytes:
    """Return a notebook with other sources, and a cell of the student's own at the top."""
    notebook = nbformat.reads(raw.decode(), as_version=4)
    for cell in notebook.cells:
        cell.source = cells.get(cell.id, cell.source)
    if scratch:
        notebook.cells.insert(3, new_code_cell(scratch, id="own"))
    return nbformat.writes(notebook).encode()


def without_metadata(raw: bytes) -> bytes:
    """Return a notebook as an editor leaves it that drops what it does not know."""
    notebook = nbformat.reads(raw.decode(), as_version=4)
    for cell in notebook.cells:
        cell.metadata = nbformat.NotebookNode()
    return nbformat.writes(notebook).encode()


def hand_in(course: Course, student: str, raw: bytes, name: str = "gpt2.ipynb") -> Path:
    """Put a file into a student's folder; return the folder."""
    path = course.root / "submitted" / student / GPT2 / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(raw)
    return path.parent


BROKEN = {
    "cut-short": example("blank")[:5000],
    "no-json": b"my solution is attached",
    "html": b"<!DOCTYPE html><html><body>Sign in to download gpt2.ipynb</body></html>",
    "pdf": b"%PDF-1.7 ...",
    "empty": b"",
}
MENDED = {
    "bom": b"\xef\xbb\xbf" + example("half-done"),
    "wrong-name": example("half-done"),
    "old-format": re.sub(rb'"nbformat_minor": 5', b'"nbformat_minor": 2', example("half-done")),
    "no-metadata": without_metadata(example("half-done")),
}
NO_CELLS = b'{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}'


def hand_in_damaged(course: Course) -> None:
    """Hand in every kind of damage: unreadable notebooks, several, none, renamed ones, links."""
    for name, raw in BROKEN.items():
        hand_in(course, name, raw)
    for name, raw in MENDED.items():
        hand_in(course, name, raw, "Solution (2).ipynb" if name == "wrong-name" else "gpt2.ipynb")
    hand_in(course, "no-cells", NO_CELLS)
    hand_in(course, "two", example("blank"), "gpt2-a.ipynb")
    hand_in(course, "two", example("blank"), "gpt2-b.ipynb")
    hand_in(course, "none", b"I had no time", "note.txt")
    submitted = course.root / "submitted"
    (submitted / "nothing-at-all" / GPT2).mkdir(parents=True)
    folder = hand_in(course, "link", example("half-done"))
    (folder / "secret.txt").symlink_to("/etc/passwd")
    folder = hand_in(course, "link-for-notebook", b"x", "note.txt")
    (folder / "gpt2.ipynb").symlink_to(course.root / "source" / GPT2 / "gpt2.ipynb")
    os.mkfifo(hand_in(course, "fifo", example("half-done")) / "pipe")
    (submitted / "folder" / GPT2 / "gpt2.ipynb").mkdir(parents=True)
    hand_in_in_the_way(course)
    hand_in(course, "linked-to", example("half-done"))
    (submitted / "linked").mkdir()
    (submitted / "linked" / GPT2).symlink_to("../linked-to/gpt2")


IN_THE_WAY = {  # file names that stand where something is read or written
    "notebook-is-folder": ("sub/gpt2.ipynb", "gpt2.ipynb/a.txt", "gpt2.ipynb/gpt2.ipynb.txt"),
    "page-is-folder": ("gpt2.ipynb", "gpt2.html/a.txt"),
    "own-page": ("gpt2.ipynb", "gpt2.html", "page.html", "sub/gpt2.html"),
    "time-is-folder": ("gpt2.ipynb", "timestamp.txt/a.txt"),
    "stray-notebooks": ("gpt2.ipynb", "draft.ipynb", "sub/OTHER.IPYNB", "a.ipynb/b.txt"),
    "odd-names": ("gpt2.ipynb", "%s{}[0]*?.txt", "\u0436 \u4e2d.txt", "-rf", "~", "con.txt"),
    "files-of-ours": ("gpt2.ipynb", "gradebook.db", "nbgrader_config.py", "status/gpt2/x.json"),
}


def hand_in_in_the_way(course: Course) -> None:
    """Hand in right notebooks, with files around them whose names stand in the way."""
    for student, names in IN_THE_WAY.items():
        for name in names:
            is_it = Path(name).name == "gpt2.ipynb"
            hand_in(course, student, example("half-done") if is_it else b"not a notebook", name)


def grade(
    course: Course, scheduler: workers.Scheduler, force: bool = False, **policy: Any
) -> dict[str, Status]:
    """Grade all who have handed in."""
    settings = replace(batch.policy_of(course, GPT2), **policy)
    work = batch.Batch(course, GPT2, scheduler, settings, force, show=False)
    return work.run(course.students(GPT2))


@dataclass
class Here:
    """Computes in this process, whose fork servers stay warm, and counts."""

    data: Path = ROOT / "data"
    computed: int = 0

    def run(self, jobs: Iterable[tuple[str, bytes]]) -> Iterator[workers.Done]:
        for key, packed in jobs:
            self.computed += 1
            yield workers.compute(key, packed, self.data)


@dataclass
class Fake:
    """Makes results up, always the same for the same notebook, and counts."""

    before: Callable[[str, bytes], workers.Done | None] = lambda key, packed: None
    computed: list[str] = field(default_factory=list)

    def run(self, jobs: Iterable[tuple[str, bytes]]) -> Iterator[workers.Done]:
        for key, packed in jobs:
            self.computed.append(key)
            yield self.before(key, packed) or workers.Done(key, pretended(packed))


@cache
def pretended(packed: bytes) -> bytes:
    """Return a result without running anything; tests pass and fail as their checksums will."""
    given = job.Job.read(packed)
    try:
        ready = job.raw(given).prepared()
    except repair.Unreadable as error:
        return Result("unreadable", (str(error),), parts=given.parts).pack()
    cells = ready.notebook.cells
    written = "".join(c.source for c in cells if not c.metadata.get("nbgrader", {}).get("locked"))
    for cell in filter(is_test, cells):
        fails = zlib.crc32((written + cell.id).encode()) % 3 == 0
        cell.outputs = [new_output("error", ename="E", evalue="no")] if fails else []
    word = "repaired" if ready.reasons else "graded"
    return finished(given, ready.notebook, word, *ready.reasons)


def finished(given: job.Job, notebook: nbformat.NotebookNode, word: str, *reasons: str) -> bytes:
    """Return the result of a job whose notebook has its outputs."""
    return job.finished(notebook, word, reasons, parts=given.parts).pack()


def compute_or_die(key: str, packed: bytes, data: Path) -> workers.Done:
    """Stand in for ``schedule.compute`` in workers: what a bundle says happens."""
    if packed.startswith(b"die"):
        os._exit(9)
    if packed.startswith(b"once "):  # die, but the first time only
        mark = Path(packed[5:].decode())
        if not mark.exists():
            mark.touch()
            os._exit(9)
    return workers.Done(key, packed)


# What came out of it


def marks(course: Course, student: str) -> dict[str, Any] | None:
    """Return all that the gradebook has of a submission, or None."""
    with course.gradebook() as gradebook:
        if student not in {s.student.id for s in gradebook.find_assignment(GPT2).submissions}:
            return None
        submission = gradebook.find_submission(GPT2, student)
        part = submission.notebooks[0]
        return {
            "score": submission.score,
            "late": (submission.total_seconds_late, part.late_submission_penalty),
            "needs_manual": submission.needs_manual_grade,
            "grades": {
                g.name: (
                    g.auto_score,
                    g.manual_score,
                    g.extra_credit,
                    g.needs_manual_grade,
                    g.score,
                )
                for g in part.grades
            },
            "comments": {c.name: (c.auto_comment, c.manual_comment) for c in part.comments},
        }


def everything(course: Course) -> dict[str, Any]:
    """Return what is known of everybody: marks, status, and what lies in their folder."""
    return {
        name: (
            marks(course, name),
            (kept := course.status(GPT2, name, True)).word,
            kept.reasons,
            {
                path.name: path.read_bytes()
                for path in (course.root / "autograded" / name / GPT2).rglob("*")
                if path.is_file() and path.suffix != ".ipynb"
            },
            graded(course, name),
        )
        for name in course.students(GPT2)
    }


def graded(course: Course, student: str) -> dict[str, Any] | None:
    """Return source and outputs of each cell in ``autograded/``, or None."""
    path = course.root / "autograded" / student / GPT2 / "gpt2.ipynb"
    if not path.is_file():
        return None
    notebook = nbformat.read(path, as_version=4)
    return {c.id: (c.source, c.get("outputs")) for c in notebook.cells}


class ByTheHour(BasePlugin):
    """Two points off for every hour begun."""

    def late_submission_penalty(self, student_id: str, score: float, seconds: float) -> float:
        return 2.0 * -(-seconds // 3600)


# A notebook of a few cells, to examine without any course


def examined(
    solution: str,
    *tests: str,
    policy: Policy,
    free: tuple[str, ...] = (),
    draws: bytes = b"",
) -> tuple[Result, list[str]]:
    """Return the result of a small notebook, and what each test has shown.

    Args:
        solution: what the student writes where ``def f(x)`` is asked for
        tests: the graded cells, in order
        policy: see autograder.policy
        free: cells of the student's own, between solution and tests
        draws: what hidden inputs are drawn with
    """
    kinds = {"locked": False, "grade": False, "solution": False, "task": False, "schema_version": 3}
    cells = [_cell("s", "def f(x):\n    ...", kinds | {"solution": True})]
    cells += [
        _cell(f"t{i}", test, kinds | {"grade": True, "locked": True, "points": 1})
        for i, test in enumerate(tests)
    ]
    meta = {
        "kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"},
        "language_info": {"name": "python"},
    }
    template = new_notebook(cells=cells, metadata=meta)
    release = job.Release("toy", nbformat.writes(template))
    mine = nbformat.from_dict(template)
    mine.cells[0].source = solution
    mine.cells[1:1] = [new_code_cell(source, id=f"own{i}") for i, source in enumerate(free)]
    submitted = {"toy.ipynb": nbformat.writes(mine).encode()}
    data = ROOT / "data"
    packed = job.Job.of(release, submitted, policy, {}, data, draws).pack()
    result = Result.read(job.grade(packed, data))
    shown = [said(cell) for cell in result.cells if cell.id.startswith("t")]
    return result, shown


def said(cell: nbformat.NotebookNode) -> str:
    """Return what a cell printed, and its error."""
    return "".join(
        o.get("text", "") or f"{o.get('ename')}: {o.get('evalue')}" for o in cell.outputs
    )


def _cell(name: str, source: str, flags: dict[str, Any]) -> nbformat.NotebookNode:
    return new_code_cell(source, id=name, metadata={"nbgrader": {**flags, "grade_id": name}})
