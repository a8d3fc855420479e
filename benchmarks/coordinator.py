"""What one coordinator can do: reading, packing and publishing, with every result there already.

``python -m benchmarks.coordinator [--students 200] [--db postgresql+psycopg://...]`` hands in
copies of a few example submissions under many names, lets the few be graded, then measures the
rest, and prints one line of JSON. Whoever computes results has no part in these figures.

This module does not know how results are computed, nor on which machine.
"""

import argparse
import json
import os
import platform
import shutil
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any

import nbformat

from autograder import job
from autograder.submission import intake
from course.directory import CONFIG, Course
from course.release import generate
from course.run import batch, quiet, workers
from course.run.cache import Store
from course.run.publish import release_of
from examples import build
from examples.roster import CLASS

ROOT = Path(__file__).resolve().parents[1]
FEW = ("perfect", "half-done", "wrong-scale", "vectorised", "raises", "answers")
GPT2 = "gpt2"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--students", type=int, default=200)
    parser.add_argument("--db", help="address of the gradebook's database; default: SQLite")
    given = parser.parse_args()
    quiet.quieten()
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory(dir=Path.cwd(), prefix=".coordinator-") as scratch:
        course = _course(Path(scratch) / "course", given.db)
        print(json.dumps(measure(course, given.students)))


def measure(course: Course, students: int) -> dict[str, Any]:
    """Return what each of many submissions costs the coordinator, in seconds and bytes."""
    _run(course, list(FEW), workers.Local(os.cpu_count() or 1, ROOT / "data"))
    names = [f"student-{number:05d}" for number in range(students)]
    for number, name in enumerate(names):
        shutil.copytree(
            course.root / "submitted" / FEW[number % len(FEW)], course.root / "submitted" / name
        )
    database = course.root / "gradebook.db"
    before = database.stat().st_size if database.exists() else 0
    first = _timed(course, names)
    after = database.stat().st_size if database.exists() else 0
    again = _timed(course, names)
    results = [path.stat().st_size for path in Store.of(course.root).root.rglob("*/*")]
    graded = [path.stat().st_size for path in (course.root / "autograded").rglob("*.ipynb")]
    return {
        "machine": f"{os.cpu_count()} cores, {platform.machine()}",
        "load": os.getloadavg()[0],
        "students": students,
        "database": course.config().CourseDirectory.db_url.partition(":")[0],
        "publish": first,
        "nothing_new": again,
        "bundle_bytes": _bundle_bytes(course, names[: len(FEW)]),
        "result_bytes": sum(results) // len(results),
        "autograded_bytes": sum(graded) // len(graded),
        "gradebook_bytes": (after - before) // students,
    }


def _timed(course: Course, names: list[str]) -> dict[str, float]:
    """Return seconds a submission: on the clock, and of this process and those it started."""
    started, before = time.perf_counter(), os.times()
    _run(course, names, workers.Local(1, ROOT / "data"))  # which has nothing to do
    wall, now = time.perf_counter() - started, os.times()
    used = sum(now[:4]) - sum(before[:4])
    return {"wall": round(wall / len(names), 4), "cpu": round(used / len(names), 4)}


def _run(course: Course, names: list[str], scheduler: workers.Scheduler) -> None:
    policy = batch.policy_of(course, GPT2)
    found = batch.Batch(course, GPT2, scheduler, policy, show=False).run(names)
    failed = [each.reason for each in found.values() if each.word == "failed"]
    if failed:
        raise SystemExit(f"grading failed: {failed[0]}")


def _bundle_bytes(course: Course, names: list[str]) -> int:
    with course.gradebook() as gradebook:
        release = release_of(gradebook, course, GPT2)
    policy, data = batch.policy_of(course, GPT2), course.data()
    folders = [course.root / "submitted" / name / GPT2 for name in names]
    files = [intake.read_folder(folder) for folder in folders]
    sizes = [len(job.Job.of(release, each, policy, {}, data).pack()) for each in files]
    return sum(sizes) // len(sizes)


def _course(root: Path, db: str | None) -> Course:
    root.mkdir()
    text = (ROOT / CONFIG).read_text("utf-8")
    (root / CONFIG).write_text(
        f"{text}\nc.CourseDirectory.db_url = {db!r}\n" if db else text, "utf-8"
    )
    for folder in ("source", "release"):
        shutil.copytree(ROOT / folder / GPT2, root / folder / GPT2)
    (root / "data").symlink_to(ROOT / "data")
    course = Course(root)
    generate.register(course, GPT2)
    master = nbformat.read(course.master(GPT2), as_version=4)
    for student in CLASS[GPT2]:
        if student.name in FEW:
            given = nbformat.read(root / "release" / GPT2 / f"{GPT2}.ipynb", as_version=4)
            place = root / "submitted" / student.name / GPT2
            place.mkdir(parents=True)
            handed_in = build.submission(given, master, student)
            nbformat.write(handed_in, place / f"{GPT2}.ipynb")
    return course


if __name__ == "__main__":
    main()
