"""The autograder beside stock nbgrader: ``python -m benchmarks.autograde``.

Three figures, the last line printed being one JSON object with all of them:

1. 40 honest submissions, 20 of each assignment, the same cells executed: stock nbgrader as it is
   (``nbgrader autograde``, one after the other), the autograder (``course autograde`` with a
   worker a core), and the pure time of the same cells and tests in one warm process: with short
   error messages, pictures drawn, each test compiled once. Demonstrations are as released, and
   nobody runs them. None looks for reasons of failures; what that takes is the difference to
   "with diagnoses". The floor is the pure time, divided by the cores.
2. As each would be used: stock runs the demonstrations, too, the autograder makes diagnoses. On
   ``--demos`` submissions of each assignment.
3. ``course scores``, and feedback for one and for all of gpt2.
4. One submission of gpt2 from a cold start, and again with fork servers that are warm.
5. ``--long`` submissions, 2 % of them hostile: memory and open files of the graders along the way,
   and the cost of a submission in the first and in the last quarter.

Everything happens in a copy of the course. This module does not know whether marks are right.
"""

import argparse
import contextlib
import ctypes
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
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
from autograder.submission import intake
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
PR_SET_CHILD_SUBREAPER = 36
PURE = """
import json, sys, time
from minikernel.fork_server import PICTURE
from minikernel.shell import Shell
given = json.load(sys.stdin)
shell = Shell.make()
exec(given["preload"], {})
shell.InteractiveTB.set_mode("Plain")
for source in (PICTURE, "1 / 0"):
    shell.cell(source)
compiled = {}

def test(source):
    code = compiled.get(source) or compiled.setdefault(source, compile(source, "<test>", "exec"))
    with shell.recording():
        try:
            exec(code, shell.user_ns)
        except BaseException:
            shell.showtraceback()
    shell.recorded()

started, before = time.perf_counter(), time.process_time()
for cells in given["notebooks"]:
    shell.reset(new_session=True)
    for is_test, source in cells:
        (test if is_test else shell.cell)(source)
clock, cores = time.perf_counter() - started, time.process_time() - before
sys.__stdout__.write(f" {clock} {cores}")
"""
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
    adopt_orphans()
    figures: dict[str, Any] = {"cores": os.cpu_count(), "python": sys.version.split()[0]}
    with tempfile.TemporaryDirectory(prefix="benchmark-", dir="/var/tmp") as scratch:
        course = prepared(Path(scratch) / "course", given.each)
        if given.each:
            figures["same cells"] = same_cells(course, given.each)
            figures["commands"] = commands(course)
        if given.demos:
            figures["as used"] = as_used(prepared(Path(scratch) / "few", given.demos))
        if given.each:
            figures["one of gpt2"] = alone(course)  # last: it leaves fork servers behind
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
        demos = demonstrations(course, assignment)
        names = [s.name for s in students if s.name not in DAMAGED]
        for i in range(each):
            name = names[i % len(names)]
            source = root / "class" / name / assignment / f"{assignment}.ipynb"
            folder = root / "submitted" / f"{name}-{i // len(names)}" / assignment
            folder.mkdir(parents=True)
            distinct(source, folder / source.name, i, wrong=demos)
    return course


def demonstrations(course: Course, assignment: str) -> dict[str, str]:
    """Return the sources of an assignment's demonstrations as released, by the cells' ids."""
    path = course.root / "release" / assignment / f"{assignment}.ipynb"
    cells = nbformat.read(path, as_version=4).cells
    return {cell.id: cell.source for cell in cells if is_demo(cell)}


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
    figures: dict[str, Any] = {}
    every: list[dict[str, Cost]] = []
    for assignment in CLASS:
        costs = {
            "stock": stock(course, assignment),
            "autograder": examined(course, assignment, diagnoses=False),
            "pure": pure(course, assignment),
            "with diagnoses": examined(course, assignment),
        }
        figures[assignment] = rounded(costs) | ratios(costs) | {"submissions": each}
        print(assignment, figures[assignment], flush=True)
        every.append(costs)
    both = {kind: Cost.sum(costs[kind] for costs in every) for kind in every[0]}
    figures["both"] = rounded(both) | ratios(both) | {"submissions": each * len(CLASS)}
    print("both", figures["both"], flush=True)
    return figures


def alone(course: Course) -> dict[str, Any]:
    """Measure one right submission of gpt2: from a cold start, and with warm fork servers."""
    student = next(name for name in course.students("gpt2") if name.startswith("perfect"))
    cold = used(["course", "autograde", "gpt2", "--force", "--student", student], course.root)
    with course.gradebook() as gradebook:
        release = release_of(gradebook, course, "gpt2")
    files = intake.read_folder(course.root / "submitted" / student / "gpt2")
    policy = batch.policy_of(course, "gpt2")
    packed = job.Job.of(release, files, policy, {}, course.data()).pack()
    job.grade(packed, course.data())
    started = time.perf_counter()
    job.grade(packed, course.data())
    warm = time.perf_counter() - started
    return {"cold": cold.rounded(), "warm": {"clock": round(warm, 2)}}


def commands(course: Course) -> dict[str, Any]:
    """Measure ``course scores``, and ``course feedback`` for one and for all of gpt2."""
    feedback = ["course", "feedback", "gpt2"]
    costs = {
        "scores": used(["course", "scores", "gpt2"], course.root),
        "feedback for one": used([*feedback, "--student", course.students("gpt2")[0]], course.root),
        "feedback for all": used(feedback, course.root),
    }
    return rounded(costs)


def as_used(course: Course) -> dict[str, Any]:
    """Measure stock with demonstrations beside the autograder with diagnoses and without them."""
    figures: dict[str, Any] = {}
    for assignment in CLASS:
        costs = {
            "stock": stock(course, assignment, demos=True),
            "autograder": examined(course, assignment),
        }
        figures[assignment] = rounded(costs) | {
            "stock / examiner": costs["stock"] / costs["autograder"],
            "submissions": len(course.students(assignment)),
        }
        print("as used", assignment, figures[assignment], flush=True)
    return figures


@dataclass(frozen=True)
class Cost:
    """Seconds that something took: on the clock, and of all cores together."""

    clock: float
    cores: float

    @classmethod
    def sum(cls, costs: Iterable["Cost"]) -> "Cost":
        """Return what several take one after the other."""
        every = list(costs)
        return cls(sum(cost.clock for cost in every), sum(cost.cores for cost in every))

    def rounded(self) -> dict[str, float]:
        """Return it to a hundredth of a second."""
        return {"clock": round(self.clock, 2), "core-seconds": round(self.cores, 2)}

    def __truediv__(self, other: "Cost") -> dict[str, float]:
        """Return the ratios to another cost; only that of core-seconds bears other work beside."""
        clock, cores = self.clock / other.clock, self.cores / other.cores
        return {"clock": round(clock, 2), "core-seconds": round(cores, 2)}


def rounded(costs: dict[str, Cost]) -> dict[str, Any]:
    """Return costs to a hundredth of a second."""
    return {kind: cost.rounded() for kind, cost in costs.items()}


def ratios(costs: dict[str, Cost]) -> dict[str, Any]:
    """Return how stock, the floor and diagnoses compare with the autograder."""
    n, examiner, pure_cells = os.cpu_count() or 1, costs["autograder"], costs["pure"]
    floor = Cost(pure_cells.cores / n, pure_cells.cores)
    return {
        "stock / examiner": costs["stock"] / examiner,
        "examiner / floor": examiner / floor,
        "stock / floor": costs["stock"] / floor,
        "with diagnoses / without": costs["with diagnoses"] / examiner,
        "cores busy": round(examiner.cores / examiner.clock / n, 2),
    }


def used(command: list[str], folder: Path, check: bool = True) -> Cost:
    """Return what a command takes, with all that it starts and leaves behind."""
    environ = environment()
    path = shutil.which(command[0], path=environ["PATH"]) or command[0]
    started, before = time.perf_counter(), os.times()
    subprocess.run(  # noqa: S603  (our own command)
        [path, *command[1:]], cwd=folder, env=environ, check=check, capture_output=True
    )
    clock = time.perf_counter() - started
    with contextlib.suppress(ChildProcessError):  # until no process is left to this one
        while True:
            os.waitpid(-1, 0)
    now = os.times()
    cores = now.children_user + now.children_system - before.children_user - before.children_system
    return Cost(clock, cores)


def adopt_orphans() -> None:
    """Become the parent of whatever is left behind, so that its time is counted."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def stock(course: Course, assignment: str, demos: bool = False) -> Cost:
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
    return used(command, config, check=False)


def examined(course: Course, assignment: str, diagnoses: bool = True) -> Cost:
    """Run ``course autograde``, everything anew."""
    more = "" if diagnoses else "\nc.Policy.diagnosis_seconds = 0\n"
    (course.root / CONFIG).write_text((ROOT / CONFIG).read_text("utf-8") + more, encoding="utf-8")
    return used(["course", "autograde", assignment, "--force"], course.root)


def environment() -> dict[str, str]:
    """Return an environment in which commands and packages are found."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return {**os.environ, "PATH": path, "PYTHONPATH": str(ROOT)}


def pure(course: Course, assignment: str) -> Cost:
    """Return what the same cells and tests take in one warm process.

    The process has the imports and the weights, as the fork servers have.
    """
    given = {"preload": course.assignment(assignment).preload}
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(  # noqa: S603  (our own command)
            [sys.executable, "-c", PURE],
            input=json.dumps(given | {"notebooks": list(executed(course, assignment))}),
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
    return Cost(*map(float, done.stdout.split()[-2:]))


def executed(course: Course, assignment: str) -> Iterator[list[tuple[bool, str]]]:
    """Yield the cells that are executed of each submission: whether it is a test, and its source.

    Tests are whole.
    """
    master = nbformat.read(course.master(assignment), as_version=4)
    tests = {cell.id: cell.source for cell in master.cells if is_graded(cell)}
    demos = {cell.id for cell in master.cells if is_demo(cell)}
    for student in course.students(assignment):
        path = course.root / "submitted" / student / assignment / f"{assignment}.ipynb"
        notebook: NotebookNode = nbformat.read(path, as_version=4)
        yield [
            (cell.id in tests, tests.get(cell.id, cell.source))
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
    seconds = {
        "first": (ends[quarter] - ends[0]) / quarter,
        "last": (ends[-1] - ends[-1 - quarter]) / quarter,
    }
    return {
        "submissions": n,
        "statuses": statuses,
        "seconds a submission": {name: round(value, 2) for name, value in seconds.items()},
        "last quarter / first": round(seconds["last"] / seconds["first"], 2),
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
