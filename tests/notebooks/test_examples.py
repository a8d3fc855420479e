"""The example class: how it is built, and what nbgrader gives each student, cell by cell."""

import json
import os
import shutil
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path

import nbformat
import pytest
from nbformat import NotebookNode

from course.directory import CONFIG, Course
from course.release import generate, leaks
from course.run import batch, quiet, workers
from course.run.scores import NbgraderRunner
from course.test_quality import dependencies
from course.test_quality.mutation import variants
from examples import build
from examples.roster import CLASS
from examples.stock import grade as grade_stock
from mistakes import catalogue

ROOT = Path(__file__).resolve().parents[2]
EXPECTED = json.loads((ROOT / "examples" / "expected.json").read_text("utf-8"))
EVERYBODY = [(assignment, name) for assignment, names in EXPECTED.items() for name in names]
# nbgrader by itself takes ten times as long: one of each kind, and whoever it treats differently.
KINDS = (
    "perfect",
    "half-done",
    "raises",
    "answers",
    "tests-",
    "wrong-hurry",
    "slip-ppl",
    "slip-ln",
)
SOME = [
    (assignment, name)
    for assignment, name in EVERYBODY
    if name.startswith(KINDS) or "stock" in EXPECTED[assignment][name]
]
pytestmark = pytest.mark.filterwarnings("ignore")  # nbgrader's, jupyter's and SQLAlchemy's own


@pytest.fixture(scope="module")
def handed_in(tmp_path_factory):
    """What the class makes of the release."""
    folder = tmp_path_factory.mktemp("class") / "submitted"
    build.build(Course(ROOT), folder)
    return folder


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """A copy of the course, released by nbgrader, in which the class has handed in."""
    root = tmp_path_factory.mktemp("course")
    shutil.copy(ROOT / CONFIG, root)
    shutil.copytree(ROOT / "source", root / "source")
    (root / "data").symlink_to(ROOT / "data")
    course = Course(root)
    for assignment in CLASS:
        generate.build(course, root, assignment)
        generate.register(course, assignment)
    build.build(course, root / "submitted")
    return course


def test_the_class_is_as_expected_and_large_enough():
    assert {a: [s.name for s in students] for a, students in CLASS.items()} == {
        assignment: list(names) for assignment, names in EXPECTED.items()
    }
    assert all(len(students) >= 12 for students in CLASS.values())
    assert all(student.about for students in CLASS.values() for student in students)


def test_every_student_is_built_and_is_somebody_else(handed_in):
    for assignment, names in EXPECTED.items():
        paths = list(handed_in.glob(f"*/{assignment}/{assignment}.ipynb"))
        assert {path.parts[-3] for path in paths} == set(names)
        assert len({path.read_bytes() for path in paths}) == len(names)


def test_building_twice_gives_the_same_bytes(handed_in, tmp_path):
    again = build.build(Course(ROOT), tmp_path)
    assert len(again) == len(EVERYBODY)
    for path in again:
        assert path.read_bytes() == (handed_in / path.relative_to(tmp_path)).read_bytes()


@pytest.mark.parametrize("assignment", CLASS)
def test_no_example_holds_a_hidden_test_or_a_rubric(handed_in, assignment):
    master = nbformat.read(Course(ROOT).master(assignment), as_version=4)
    graded = [c for c in master.cells if c.metadata.get("nbgrader", {}).get("grade")]
    others = "\n".join(cell.source for cell in master.cells if cell not in graded)
    secrets = {
        line
        for line in leaks.secret_lines(NotebookNode(cells=graded))
        if len(line) >= leaks.LONG and line not in others  # what nobody writes by chance
    }
    assert len(secrets) > 100
    for student in CLASS[assignment]:
        assert leaks.find(secrets, handed_in / student.name / assignment) == []


@pytest.mark.parametrize("assignment", CLASS)
def test_the_wrong_are_wrong_in_some_cells_only(assignment):
    for name, expected in EXPECTED[assignment].items():
        if name.startswith("wrong-"):
            scores = expected["scores"].values()
            assert 0 in scores
            assert any(scores)


@pytest.mark.parametrize("assignment", CLASS)
def test_who_comes_from_the_catalogue_loses_what_the_catalogue_says(assignment):
    master = nbformat.read(Course(ROOT).master(assignment), as_version=4)
    made = {v.name: v for v in variants(catalogue(assignment), dependencies.tests(master))}
    slips = [name for name in EXPECTED[assignment] if name.startswith("slip-")]
    assert len(slips) >= 3
    for name in slips:
        fails = made[name.removeprefix("slip-")].fails
        full = EXPECTED[assignment]["perfect"]["scores"]
        expected = {test: 0 if test in fails else points for test, points in full.items()}
        assert EXPECTED[assignment][name]["scores"] == expected
        assert fails


@pytest.fixture(scope="module")
def examined(course):
    """Everybody's result, graded by the autograder, two at a time."""
    found = {}
    for assignment, names in EXPECTED.items():
        policy = batch.policy_of(course, assignment)
        scheduler = workers.Local(2, ROOT / "data")
        batch.Batch(course, assignment, scheduler, policy, show=False).run(list(names))
        grader = NbgraderRunner(course)
        found |= {(assignment, name): grader.result(assignment, name) for name in names}
    return found


def without_follow_through(expected):
    """Return what a student's own code gets, test by test."""
    followed = expected.get("followed", {})
    return {test: points - followed.get(test, 0) for test, points in expected["scores"].items()}


@pytest.fixture(scope="module")
def unhelped(course, tmp_path_factory):
    """The results of whom follow-through gives points, without it, in a copy of the course."""
    root = tmp_path_factory.mktemp("unhelped") / "course"
    graded = shutil.ignore_patterns("gradebook.db", "autograded", ".autograder")
    shutil.copytree(course.root, root, symlinks=True, ignore=graded)
    copy, found = Course(root), {}
    for assignment, names in EXPECTED.items():
        generate.register(copy, assignment)
        policy = replace(batch.policy_of(copy, assignment), follow_through=0.0)
        helped = [name for name in names if "followed" in EXPECTED[assignment][name]]
        scheduler = workers.Local(2, ROOT / "data")
        batch.Batch(copy, assignment, scheduler, policy, show=False).run(helped)
        results = NbgraderRunner(copy).results(assignment, helped)
        found |= {(assignment, result.student): result for result in results}
    return found


@pytest.fixture(scope="module")
def stock(course, tmp_path_factory):
    """What nbgrader by itself gives some of them, two at a time, in a copy of the course."""
    root = tmp_path_factory.mktemp("stock") / "course"
    graded = shutil.ignore_patterns("gradebook.db", "autograded", ".autograder")
    shutil.copytree(course.root, root, symlinks=True, ignore=graded)
    for assignment in CLASS:
        generate.register(Course(root), assignment)
    with ProcessPoolExecutor(2, get_context("spawn"), initializer=quiet.quieten) as pool:
        waiting = {(a, name): pool.submit(grade_stock, root, a, name) for a, name in SOME}
        return {key: future.result() for key, future in waiting.items()}


@pytest.mark.slow
@pytest.mark.parametrize(("assignment", "name"), EVERYBODY)
def test_the_examiner_gives_what_is_expected(examined, assignment, name):
    result, expected = examined[assignment, name], EXPECTED[assignment][name]
    assert {cell.name: cell.score for cell in result.automatic} == expected["scores"]
    assert result.state.followed == expected.get("followed", {})
    assert result.needs_manual == expected["to_mark"]
    assert result.status == expected["status"], result.reason


@pytest.mark.slow
@pytest.mark.parametrize(("assignment", "name"), SOME)
def test_stock_nbgrader_gives_the_same_unless_the_notebook_is_damaged(stock, assignment, name):
    expected = EXPECTED[assignment][name]
    if "stock" not in expected:
        assert stock[assignment, name] == without_follow_through(expected)
    elif expected["stock"].startswith("fails"):
        assert stock[assignment, name] is None
    else:
        assert not any(stock[assignment, name].values())


@pytest.mark.slow
def test_without_follow_through_everybody_has_what_stock_nbgrader_gives(unhelped):
    assert len(unhelped) >= 10
    for (assignment, name), result in unhelped.items():
        own = {cell.name: cell.score for cell in result.automatic}
        assert own == without_follow_through(EXPECTED[assignment][name]), name


@pytest.mark.slow
def test_plain_nbgrader_gives_the_same_scores(course):
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    subprocess.run(
        ["nbgrader", "autograde", "gpt2", "--student=wrong-hurry", "--force"],
        cwd=course.root,
        env=environment,
        check=True,
        capture_output=True,
    )
    result = NbgraderRunner(course).result("gpt2", "wrong-hurry")
    expected = EXPECTED["gpt2"]["wrong-hurry"]["scores"]
    assert {cell.name: cell.score for cell in result.automatic} == expected
    assert result.status == "graded"


@pytest.mark.slow
def test_feedback_is_written_as_a_page(examined, course):
    assert examined["gpt2", "half-done"].score == 50
    folder = NbgraderRunner(course).feedback("gpt2", "half-done")
    assert "Score: 50.0 / 100.0" in (folder / "gpt2.html").read_text("utf-8")
