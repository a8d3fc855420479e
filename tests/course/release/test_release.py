"""The gates of a release, on a small course, and the two real masters."""

import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from typer.testing import CliRunner

from course.cli import main
from course.directory import Course, CourseError
from course.release import generate, solutions
from course.run.scores import NbgraderRunner

ROOT = Path(__file__).resolve().parents[3]
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore"),  # nbgrader's, jupyter's and SQLAlchemy's own
]


def graded(kind, cell_id, source, points=0):
    meta = {
        "grade": points > 0,
        "solution": kind != "test",
        "locked": kind == "test",
        "task": False,
        "grade_id": cell_id,
        "schema_version": 3,
    }
    if points:
        meta["points"] = points
    make = new_markdown_cell if kind == "answer" else new_code_cell
    return make(source, id=cell_id, metadata={"nbgrader": meta})


SETTINGS = """
title = "Pairs"
points = 5

[[parts]]
title = "Doubling"
points = 5
"""


def small_master():
    return new_notebook(
        cells=[
            new_markdown_cell("# Pairs\n## Doubling a number", id="card"),
            graded(
                "solution",
                "double-solution",
                "def double(x):\n    ### BEGIN SOLUTION\n    return x + x\n    ### END SOLUTION",
            ),
            graded(
                "test",
                "double-test",
                "assert double(2) == 4\n### BEGIN HIDDEN TESTS\nassert double(-3) == -6\n"
                "### END HIDDEN TESTS",
                points=3,
            ),
            graded(
                "answer",
                "double-answer",
                "### BEGIN SOLUTION\n### END SOLUTION\n=== BEGIN MARK SCHEME ===\n"
                "Two of the same make a pair.\n=== END MARK SCHEME ===",
                points=2,
            ),
        ],
        metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}},
    )


def make_course(root):
    shutil.copy(ROOT / "nbgrader_config.py", root)
    (root / "data").mkdir()
    write(root, small_master())
    return Course(root)


@pytest.fixture
def course(tmp_path):
    """A course of one small assignment."""
    return make_course(tmp_path)


@pytest.fixture(scope="module")
def released_once(tmp_path_factory):
    """The course with its assignment released, which takes a while."""
    course = make_course(tmp_path_factory.mktemp("released"))
    generate.release(course, "pairs", say=lambda _: None)
    return course


@pytest.fixture
def released(released_once, tmp_path):
    """A copy of it."""
    return Course(shutil.copytree(released_once.root, tmp_path, dirs_exist_ok=True))


def write(root, master):
    folder = root / "source" / "pairs"
    folder.mkdir(parents=True, exist_ok=True)
    nbformat.write(master, folder / "pairs.ipynb")
    (folder / "assignment.toml").write_text(SETTINGS)


def test_a_good_master_is_released_without_its_secrets(released):
    text = (released.root / "release" / "pairs" / "pairs.ipynb").read_text()
    assert "# your code here" in text
    assert "Your answer here" in text
    for secret in ("x + x", "-6", "BEGIN", "make a pair"):
        assert secret not in text
    assert not generate.is_stale(released, "pairs")


def test_a_release_that_is_older_than_its_master_is_stale(released):
    master = small_master()
    master.cells[0].source += " or two"
    write(released.root, master)
    assert generate.is_stale(released, "pairs")


def change_points(master):
    master.cells[2].metadata.nbgrader.points = 4


def keep_outputs(master):
    master.cells[1].execution_count = 3


def rename(master):
    master.cells[2].id = "another-id"


def break_solution(master):
    master.cells[1].source = master.cells[1].source.replace("x + x", "x * x")


def give_points_away(master):
    master.cells[2].source = "### BEGIN HIDDEN TESTS\nassert 2 + 2 == 4\n### END HIDDEN TESTS"


def give_partial_credit(master):
    master.cells[2].source += "\n1"


def leak_answer(master):
    master.cells.insert(1, new_markdown_cell("Hint: double(-3) is -6.", id="hint"))
    master.cells[3].source += "\n"
    master.cells[1].metadata["note"] = "Two of the same make a pair."


def fail_in_a_demonstration(master):
    master.cells.append(new_code_cell("1 / 0", id="demo", metadata={"tags": ["demo"]}))


@pytest.mark.parametrize(
    ("spoil", "complaint"),
    [
        (change_points, "its points add up to 6, and assignment.toml says 5"),
        (keep_outputs, "cell double-solution holds outputs"),
        (rename, "cell another-id has the grade id double-test"),
        (break_solution, "cell double-test of pairs failed: AssertionError"),
        (give_partial_credit, "the master gets 1 of 3 in double-test"),
        (give_points_away, "the blank release gets 3 points in double-test"),
        (leak_answer, r"pairs\.ipynb holds 'Two of the same make a pair\.'"),
        (fail_in_a_demonstration, "cell demo of pairs failed: ZeroDivisionError"),
    ],
)
def test_each_gate_refuses_and_writes_nothing(released, spoil, complaint):
    notebook = released.root / "release" / "pairs" / "pairs.ipynb"
    content = notebook.read_bytes()
    master = small_master()
    spoil(master)
    write(released.root, master)
    with pytest.raises(CourseError, match=complaint):
        generate.release(released, "pairs", say=lambda _: None)
    assert notebook.read_bytes() == content


def test_solutions_hold_the_outputs_as_notebook_and_page(course):
    folder = solutions.solve(course, "pairs")
    notebook = nbformat.read(folder / "pairs.ipynb", as_version=4)
    assert [c.execution_count for c in notebook.cells if c.cell_type == "code"] == [1, 2]
    assert "x + x" in (folder / "pairs.html").read_text().replace("</span>", "").replace(
        '<span class="o">', ""
    ).replace('<span class="n">', "")


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("import time\ntime.sleep(60)", "cell bad of it takes more than 2 s here"),
        ("import os\nos._exit(1)", "cell bad of it ended its kernel"),
        ("1 / 0", "cell bad of it failed: ZeroDivisionError"),
    ],
)
def test_a_cell_that_does_not_end_well_is_named_in_a_line(tmp_path, monkeypatch, source, said):
    monkeypatch.setattr(solutions, "CELL_SECONDS", 2)
    notebook = new_notebook(cells=[new_code_cell("1", id="good"), new_code_cell(source, id="bad")])
    with pytest.raises(CourseError, match=said):
        solutions.execute(notebook, tmp_path, "it")


def test_outside_a_course_the_command_says_where_to_go(tmp_path):
    done = subprocess.run(
        [Path(sys.executable).with_name("course"), "release", "gpt2"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("course: ")
    assert "is not inside a course" in done.stderr


@pytest.mark.parametrize("name", ["assignment5", "gpt2"])
def test_the_committed_release_is_what_the_master_gives(name):
    assert not generate.is_stale(Course(ROOT), name)


def test_an_unknown_assignment_is_an_error():
    with pytest.raises(CourseError) as caught:
        Course(ROOT).master("assignment6")
    assert str(caught.value) == "no assignment assignment6; did you mean assignment5?"


def test_a_released_assignment_can_be_graded_in_the_course_itself(released):
    assert generate.is_registered(released, "pairs")
    root = released.root
    shutil.copytree(root / "source" / "pairs", root / "submitted" / "ann" / "pairs")
    result = NbgraderRunner(released).grade("pairs", "ann")
    assert (result.score, result.needs_manual) == (3, 2)
    assert result.status == "repaired"  # the master's tests are longer than the release's


def test_a_hidden_test_that_was_weakened_is_not_up_to_date(released, monkeypatch):
    monkeypatch.chdir(released.root)
    assert not generate.has_other_tests(released, "pairs")
    path = released.master("pairs")
    text = path.read_text()
    assert "-6" in text  # which only a hidden test holds
    path.write_text(text.replace("-6", "-7"))
    assert not generate.is_stale(released, "pairs")
    assert generate.has_other_tests(released, "pairs")
    done = CliRunner().invoke(main.app, ["release", "pairs", "--check"])
    assert "the gradebook has other tests than pairs's master" in str(done.exception)


def test_a_fresh_clone_has_releases_and_no_gradebook_and_can_grade(released):
    (released.root / "gradebook.db").unlink()
    assert not generate.is_registered(released, "pairs")
    generate.register(released, "pairs")
    assert generate.is_registered(released, "pairs")
    assert {path.name for path in (released.root / "release").iterdir()} == {"pairs"}
    assert not (released.root / generate.REGISTERING).exists()


def test_feedback_on_what_was_not_graded_is_an_error_and_not_silence(course):
    generate.register(course, "pairs")
    shutil.copytree(course.root / "source" / "pairs", course.root / "submitted" / "ann" / "pairs")
    with pytest.raises(CourseError, match="no feedback for ann: pairs was not graded"):
        NbgraderRunner(course).feedback("pairs", "ann")


def test_an_honest_warning_costs_nothing(course):
    generate.build(course, course.root, "pairs")  # registers it, too
    submission = small_master()
    submission.cells[
        1
    ].source = (
        "import warnings\n\n\ndef double(x):\n    warnings.warn('overflow')\n    return 2 * x"
    )
    folder = course.root / "submitted" / "ann" / "pairs"
    folder.mkdir(parents=True)
    nbformat.write(submission, folder / "pairs.ipynb")
    assert NbgraderRunner(course).grade("pairs", "ann").score == 3
    config = course.root / "nbgrader_config.py"
    config.write_text(config.read_text() + "\nc.IgnorePattern.enabled = False\n")
    assert NbgraderRunner(course).grade("pairs", "ann").score == 0  # what the setting is for


def test_cells_that_come_and_go_after_somebody_has_handed_in_are_refused_with_the_reason(released):
    with released.gradebook() as gradebook:
        gradebook.update_or_create_student("ann")
        gradebook.add_submission("pairs", "ann")
    master = nbformat.read(released.master("pairs"), as_version=4)
    master.cells.append(graded("test", "double-again", "assert double(1) == 2", points=1))
    nbformat.write(master, released.master("pairs"))
    with pytest.raises(CourseError, match=r"Cannot add or remove cells .* there are submissions"):
        generate.register(released, "pairs")
