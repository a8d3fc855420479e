"""The autograder beside stock nbgrader: ``python -m benchmarks.autograde``.

Three figures, the last line printed being one JSON object with all of them:

1. 40 honest submissions, 20 of each assignment, the same cells executed: stock nbgrader as it is
   (``nbgrader autograde``, one after the other), the autograder (``course autograde`` with a
   worker a
   core), and the pure time of the same cells and tests in one warm process. None of them looks for
   reasons of failures; what that takes is the difference to "with diagnoses".
2. As each would be used: stock runs the demonstrations, too, the autograder makes diagnoses. On
   ``--demos`` submissions of each assignment.
3. ``--long`` submissions, 2 % of them hostile: memory and open files of the graders along the way,
   and the cost of a submission in the first and in the last quarter.

Everything happens in a copy of the course. This module does not know whether marks are right.
"""

import argparse
import contextlib
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell
from tqdm import tqdm

import mistakes
from autograder import job
from autograder.cells import is_demo, is_graded
from autograder.execution.client import descendants
from autograder.result import Result
from course.directory import CONFIG, Course
from course.release import generate
from course.run import batch, quiet
from course.run.publish import release_of
from course.run.workers import Local
from examples import build
from examples.roster import CLASS

ROOT = Path(__file__).resolve().parents[1]
DAMAGED = ("cells-copied", "other-editor")  # stock nbgrader cannot grade these
EACH = 20  # submissions of each assignment
HOSTILE = [
    "import os\nos._exit(1)",
    "while True:\n    try:\n        sum(range(9))\n    except BaseException:\n        pass",
    "x = []\nwhile True:\n    x.append(bytearray(50_000_000))",
    "import os\nwhile True:\n    os.fork()",
    "while True:\n    print('x' * 1000)",
]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="what grading costs, beside stock nbgrader")
    parser.add_argument("--each", type=int, default=EACH, help="submissions of each assignment")
    parser.add_argument("--demos", type=int, default=6, help="submissions with demonstrations")
    parser.add_argument("--long", type=int, default=1000, help="submissions of the long run")
    given = parser.parse_args()
    quiet.quieten()
    figures: dict[str, Any] = {"cores": os.cpu_count(), "python": sys.version.split()[0]}
    with tempfile.TemporaryDirectory(prefix="benchmark-", dir="/var/tmp") as scratch:
        course = prepared(Path(scratch) / "course", given.each)
        if given.each:
            figures["same cells"] = same_cells(course, given.each)
        if given.demos:
            figures["as used"] = as_used(prepared(Path(scratch) / "few", given.demos))
        if given.long:
            figures["long run"] = long_run(course, given.long)
    print(json.dumps(figures))


def prepared(root: Path, each: int) -> Course:
    """Return a copy of the course in which the honest of the example class have handed in."""
    root.mkdir()
    shutil.copy(ROOT / CONFIG, root)
    shutil.copytree(ROOT / "source", root / "source")
    shutil.copytree(ROOT / "release", root / "release")
    (root / "data").symlink_to(ROOT / "data")
    course = Course(root)
    build.build(course, root / "class")
    for assignment, students in CLASS.items():
        generate.register(course, assignment)
        names = [s.name for s in students if s.name not in DAMAGED]
        for i in range(each):
            name = names[i % len(names)]
            source = root / "class" / name / assignment / f"{assignment}.ipynb"
            folder = root / "submitted" / f"{name}-{i // len(names)}" / assignment
            folder.mkdir(parents=True)
            distinct(source, folder / source.name, i)
    return course


def distinct(
    source: Path, target: Path, number: int, *more: str, wrong: dict[str, str] | None = None
) -> None:
    """Copy a notebook with a comment that makes it unlike all others, and cells of one's own.

    ``wrong`` replaces the sources of cells, by their ids.
    """
    notebook = nbformat.read(source, as_version=4)
    for cell in notebook.cells:
        cell.source = (wrong or {}).get(cell.id, cell.source)
    cells = [f"# submission {number}", *more]
    notebook.cells[2:2] = [new_code_cell(text, id=f"own-{i}") for i, text in enumerate(cells)]
    nbformat.write(notebook, target)


def mistaken(i: int) -> dict[str, str]:
    """Return what every third submission gets wrong: an entry of the catalogue of gpt2."""
    entries = [(cell, each) for cell in mistakes.catalogue("gpt2") for each in cell.mistakes]
    if i % 3 or not entries:
        return {}
    cell, mistake = entries[i // 3 % len(entries)]
    return {cell.id: cell.code(mistake)}


def same_cells(course: Course, each: int) -> dict[str, Any]:
    """Measure stock, the autograder and the pure time, assignment by assignment."""
    found: dict[str, Any] = {}
    for assignment in CLASS:
        seconds = {
            "stock": timed(lambda a=assignment: stock(course, a)),
            "autograder": timed(lambda a=assignment: examined(course, a, diagnoses=False)),
            "pure": pure(course, assignment),
            "with diagnoses": timed(lambda a=assignment: examined(course, a)),
        }
        found[assignment] = rounded(seconds) | ratios(seconds) | {"submissions": each}
        print(assignment, found[assignment], flush=True)
    kinds = ("stock", "autograder", "pure", "with diagnoses")
    total = {key: sum(found[a][key] for a in CLASS) for key in kinds}
    found["both"] = rounded(total) | ratios(total) | {"submissions": each * len(CLASS)}
    print("both", found["both"], flush=True)
    return found


def as_used(course: Course) -> dict[str, Any]:
    """Measure stock with demonstrations beside the autograder with diagnoses and without them."""
    found: dict[str, Any] = {}
    for assignment in CLASS:
        seconds = {
            "stock": timed(lambda a=assignment: stock(course, a, demos=True)),
            "autograder": timed(lambda a=assignment: examined(course, a)),
        }
        found[assignment] = rounded(seconds) | {
            "stock / examiner": round(seconds["stock"] / seconds["autograder"], 1),
            "submissions": len(course.students(assignment)),
        }
        print("as used", assignment, found[assignment], flush=True)
    return found


def timed(do: Any) -> float:
    """Return how long something takes, in seconds of wall-clock time."""
    started = time.perf_counter()
    do()
    return time.perf_counter() - started


def rounded(seconds: dict[str, float]) -> dict[str, Any]:
    """Return seconds to a hundredth."""
    return {key: round(value, 2) for key, value in seconds.items()}


def ratios(seconds: dict[str, float]) -> dict[str, float]:
    """Return how stock and the pure time compare with the autograder."""
    return {
        "stock / examiner": round(seconds["stock"] / seconds["autograder"], 2),
        "examiner / pure": round(seconds["autograder"] / seconds["pure"], 2),
    }


def stock(course: Course, assignment: str, demos: bool = False) -> None:
    """Run ``nbgrader autograde`` as it comes, with the course's settings otherwise."""
    config = course.root / "stock"
    config.mkdir(exist_ok=True)
    text = (
        "import sys\nfrom pathlib import Path\nfrom examples import stock\n"
        "from course.directory import Course\n"
        f"c = get_config()\nc.merge(stock.config(Course(Path({str(course.root)!r})), {demos}))\n"
    )
    (config / CONFIG).write_text(text)
    command = [
        sys.executable,
        "-m",
        "nbgrader",
        "autograde",
        assignment,
        "--force",
        f"--course={course.config().CourseDirectory.course_id}",
    ]
    subprocess.run(  # noqa: S603  (our own command)
        command, cwd=config, env=environment(), check=False, capture_output=True
    )


def examined(course: Course, assignment: str, diagnoses: bool = True) -> None:
    """Run ``course autograde``, everything anew."""
    more = "" if diagnoses else "\nc.Policy.diagnosis_seconds = 0\n"
    (course.root / CONFIG).write_text((ROOT / CONFIG).read_text("utf-8") + more, encoding="utf-8")
    command = [str(Path(sys.executable).parent / "course"), "autograde", assignment, "--force"]
    subprocess.run(  # noqa: S603  (our own command)
        command, cwd=course.root, env=environment(), check=True, capture_output=True
    )


def environment() -> dict[str, str]:
    """Return an environment in which commands and packages are found."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return {**os.environ, "PATH": path, "PYTHONPATH": str(ROOT)}


def pure(course: Course, assignment: str) -> float:
    """Return the time that the same cells and tests take in one warm process, seconds.

    The process has the imports and the weights, as the test kernel's fork servers have.
    """
    script = (
        "import json, sys, time\n"
        "from autograder.policy import PRELOAD\nfrom minikernel.shell import Shell\n"
        "exec(PRELOAD, {})\nshell = Shell.make()\n"
        "shell.cell('import matplotlib.pyplot as _p\\n_p.plot([0])\\n_p.show()\\n1 / 0')\n"
        "notebooks = json.load(sys.stdin)\nstarted = time.perf_counter()\n"
        "for cells in notebooks:\n"
        "    shell.reset(new_session=True)\n"
        "    for source in cells:\n        shell.cell(source)\n"
        "sys.__stdout__.write(str(time.perf_counter() - started))\n"
    )
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(  # noqa: S603  (our own command)
            [sys.executable, "-c", script],
            input=json.dumps(list(executed(course, assignment))),
            env={
                **environment(),
                "COURSE_DATA": str(ROOT / "data"),
                "OPENBLAS_NUM_THREADS": "1",
                "MPLBACKEND": "module://matplotlib_inline.backend_inline",
            },
            cwd=folder,
            check=True,
            capture_output=True,
            text=True,
        )
    return float(done.stdout.split()[-1])


def executed(course: Course, assignment: str) -> Iterator[list[str]]:
    """Yield the sources of the cells that are executed of each submission, tests whole."""
    master = nbformat.read(course.master(assignment), as_version=4)
    tests = {cell.id: cell.source for cell in master.cells if is_graded(cell)}
    demos = {cell.id for cell in master.cells if is_demo(cell)}
    for student in course.students(assignment):
        path = course.root / "submitted" / student / assignment / f"{assignment}.ipynb"
        notebook: NotebookNode = nbformat.read(path, as_version=4)
        yield [
            tests.get(cell.id, cell.source)
            for cell in notebook.cells
            if cell.cell_type == "code" and cell.id not in demos
        ]


def long_run(course: Course, n: int) -> dict[str, Any]:
    """Grade many submissions in one go and watch what the graders hold on to."""
    with course.gradebook() as gradebook:
        release = release_of(gradebook, course, "gpt2")
    policy = replace(batch.policy_of(course, "gpt2"), cell_seconds=5.0, memory=1_000_000_000)
    honest = sorted((course.root / "class").glob("*/gpt2/gpt2.ipynb"))
    workers = os.cpu_count() or 1

    def jobs() -> Iterator[tuple[str, bytes]]:
        for i in range(n):
            hostile = [HOSTILE[i // 50 % len(HOSTILE)]] if i % 50 == 25 else []
            path = course.root / "long.ipynb"
            distinct(honest[i % len(honest)], path, 10_000 + i, *hostile, wrong=mistaken(i))
            files = {"gpt2.ipynb": path.read_bytes()}
            packed = job.Job.of(release, files, policy, {}, ROOT / "data").pack()
            yield job.key(packed), packed

    samples: list[dict[str, float]] = []
    started, ends = time.perf_counter(), [0.0]
    statuses: dict[str, int] = {}
    scheduler = Local(workers, ROOT / "data")
    with closing(scheduler.run(jobs())) as results, tqdm(total=n, desc="long run") as bar:  # type: ignore[type-var]
        for i, done in enumerate(results):
            ends.append(time.perf_counter() - started)
            word = Result.read(done.result).word if done.result else "failed"
            statuses[word] = statuses.get(word, 0) + 1
            bar.update()
            if i % max(n // 10, 1) == max(n // 20, 0):
                samples.append(held())
    quarter = max(n // 4, 1)
    costs = {
        "first": (ends[quarter] - ends[0]) / quarter,
        "last": (ends[-1] - ends[-1 - quarter]) / quarter,
    }
    return {
        "submissions": n,
        "statuses": statuses,
        "seconds a submission": rounded(costs),
        "last quarter / first": round(costs["last"] / costs["first"], 2),
        "memory MB": [round(sample["memory"]) for sample in samples],
        "open files": [round(sample["files"]) for sample in samples],
        "peak of this process MB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        "median memory MB": round(statistics.median(s["memory"] for s in samples)),
    }


def held() -> dict[str, float]:
    """Return memory (MB) and open files of this process and its long-lived descendants."""
    memory = files = 0
    for pid in descendants(os.getpid()):
        with contextlib.suppress(OSError, ValueError):
            command = Path(f"/proc/{pid}/cmdline").read_bytes()
            if b"python" not in command:
                continue
            rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
            memory += sum(
                int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss_Anon:")
            )
            files += len(list(Path(f"/proc/{pid}/fd").iterdir()))
    return {"memory": memory / 1024, "files": files}


if __name__ == "__main__":
    main()
