"""An assignment that course new has made goes all the way: release, grading, feedback, exchange."""

import csv
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

import nbformat
import pytest
from typer.testing import CliRunner

import mistakes
from autograder import job
from course.cli import main
from course.directory import CONFIG, Course, CourseError
from course.gradescope import grade
from course.run import batch
from course.run.right_answers import completed_catalogue
from course.run.workers import Local
from tests.conftest import ASSIGNMENTS, ROOT
from tests.support.container import Autograder

pytestmark = pytest.mark.filterwarnings("ignore")  # nbgrader's, jupyter's and SQLAlchemy's own
NAME, TITLE = "intro", "Sequences, by hand"
STAFF = {"assignment.toml", "mistakes.py"}
HALF = "def smooth(x, alpha):\n    return np.asarray(x) * alpha"
CANVAS = """\
Student,ID,SIS User ID,SIS Login ID,Section,intro (7)
    Points Possible,,,,,10.00
"Lovelace, Ada",101,S1,ada,A,
"Babbage, Bob",102,S2,bob,A,
"""


@dataclass
class Term:
    """A course, and what its commands have printed."""

    course: Course
    said: dict[str, str]

    @property
    def root(self):
        return self.course.root

    def run(self, *words):
        """Run a command in the course; keep and return what it prints."""
        before = Path.cwd()
        os.chdir(self.root)
        try:
            done = CliRunner().invoke(main.app, list(map(str, words)))
        finally:
            os.chdir(before)
        if done.exception and not isinstance(done.exception, SystemExit):
            raise done.exception
        self.said[words[0]] = done.stdout
        return done.stdout

    def answered(self, **cells):
        """Return the release with everything answered as the master does, but for some cells."""
        master = nbformat.read(self.course.master(NAME), as_version=4)
        right = {cell.id: cell.source for cell in master.cells if "solution" in cell.id}
        notebook = nbformat.read(self.root / "release" / NAME / f"{NAME}.ipynb", as_version=4)
        for cell in notebook.cells:
            cell.source = {**right, "answer": "Smoothing: one number.", **cells}.get(
                cell.id, cell.source
            )
        return nbformat.writes(notebook)


@pytest.fixture(scope="module")
def place():
    """A folder that is not below /tmp, of which a kernel has its own."""
    with tempfile.TemporaryDirectory(dir="/var/tmp", prefix="new-assignment-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.fixture(scope="module")
def term(place):
    """A course whose one assignment is new, collected from Canvas, graded, exported."""
    root = place / "course"
    (root / "source").mkdir(parents=True)
    shutil.copy(ROOT / CONFIG, root)
    (root / "data").symlink_to(ROOT / "data")
    term = Term(Course(root), {})
    term.run("new", NAME, "--title", TITLE)
    term.run("release", NAME)
    with zipfile.ZipFile(root / "submissions.zip", "w") as archive:
        archive.writestr("lovelaceada_101_5001_intro.ipynb", term.answered())
        archive.writestr(
            "babbagebob_102_5002_intro.ipynb", term.answered(**{"smooth-solution": HALF})
        )
    (root / "roster.csv").write_text(CANVAS, "utf-8")
    options = ("--assignment", NAME, "--roster", "roster.csv")
    term.run("collect", "canvas", "submissions.zip", *options)
    term.run("autograde", NAME)
    for command in ("feedback", "report", "regrade"):
        term.run(command, NAME)
    term.run(
        "export", "canvas", "roster.csv", "--assignment", NAME, "--to", "marks.csv", "--partial"
    )
    return term


@pytest.fixture(scope="module")
def student(term, place):
    """The folder that a student has after unpacking the zip."""
    with zipfile.ZipFile(term.root / "dist" / f"{NAME}-student.zip") as archive:
        archive.extractall(place)
    return place / NAME


def seqlab(folder, *words):
    variables = {name: value for name, value in os.environ.items() if name != "COURSE_DATA"}
    return subprocess.run(
        [sys.executable, "-m", "seqlab", *words],
        cwd=folder,
        env=variables | {"PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=600,
        check=False,
    )


def test_it_is_released_and_its_tests_are_said_to_be_untested(term):
    lines = term.said["release"].splitlines()
    assert "note    no mistakes are known for intro: its tests are untested" in lines
    assert len([line for line in lines if line.startswith("ok ")]) == 6
    assert "tests notice what they must" not in term.said["release"]


def test_what_is_staffs_is_in_no_release_and_no_zip(term, student):
    assert {path.name for path in (term.root / "source" / NAME).iterdir()} > STAFF
    assert [path.name for path in (term.root / "release" / NAME).iterdir()] == [f"{NAME}.ipynb"]
    assert not STAFF & {path.name for path in student.rglob("*")}


def test_a_student_checks_and_bundles_it(term, student):
    assert seqlab(student, "verify").returncode == 0
    (student / f"{NAME}.ipynb").write_text(term.answered(), "utf-8")
    done = seqlab(student, "check", f"{NAME}.ipynb")
    assert "3 of 3 visible tests pass" in done.stdout, done.stdout + done.stderr
    done = seqlab(student, "bundle", f"{NAME}.ipynb")
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{NAME}.ipynb" in {path.name for path in (student / "turn-in").iterdir()}


def test_it_is_graded(term):
    rows = [line.split() for line in term.said["autograde"].splitlines()]
    assert ["ada", "8/10", "2", "graded"] in rows
    assert ["bob", "5/10", "2", "graded"] in rows


def test_feedback_says_what_differs_though_no_mistakes_are_known(term):
    page = (term.root / "feedback" / "bob" / NAME / f"{NAME}.html").read_text("utf-8")
    assert "Exponential smoothing" in page
    assert "smooth:" in page


def test_replay_shows_the_calls_with_what_is_right(term):
    said = term.run("replay", "bob", "smooth-test")
    assert "smooth(x=array(3,) [0., 1., 1.], alpha=0.5)" in said
    assert "expected: array(3,) [0. , 0.5 , 0.75]" in said


def test_nothing_is_regraded_while_nothing_has_changed(term):
    assert term.said["regrade"].startswith("0 of 2 submissions change")


def test_a_change_of_its_settings_or_its_catalogue_changes_the_key_of_a_result(term):
    def key():
        policy = batch.policy_of(term.course, NAME)
        work = batch.Batch(term.course, NAME, Local(1, term.course.data()), policy, show=False)
        return job.key(work.packed("ada"))

    first = key()
    for name in sorted(STAFF):
        path = term.root / "source" / NAME / name
        kept = path.read_text("utf-8")
        path.write_text(f"{kept}# a word\n", "utf-8")
        assert key() != first, name
        path.write_text(kept, "utf-8")
    assert key() == first


def test_what_explains_failures_has_a_right_answer_for_every_solution(term, monkeypatch):
    cells = mistakes.catalogue(NAME, completed_catalogue(term.course, NAME))
    assert [cell.functions for cell in cells] == [("moving_average",), ("smooth",)]
    for name in ASSIGNMENTS:  # catalogues in packages are complete
        assert completed_catalogue(Course(ROOT), name) == ""
    monkeypatch.setattr(Course, "catalogue_text", lambda *_: "")
    monkeypatch.setattr(Course, "catalogue", lambda *_: ())
    cells = mistakes.catalogue(NAME, completed_catalogue(term.course, NAME))
    assert [cell.id for cell in cells] == ["mean-solution", "smooth-solution"]


def test_the_report_is_about_the_class(term):
    page = (term.root / "reports" / f"{NAME}.html").read_text("utf-8")
    assert "Problem 2: Exponential smoothing" in page


def test_marks_get_into_canvas(term):
    with (term.root / "marks.csv").open(encoding="utf-8", newline="") as file:
        marks = {row["Student"]: row["intro (7)"] for row in csv.DictReader(file)}
    assert (marks["Lovelace, Ada"], marks["Babbage, Bob"]) == ("8.00", "5.00")


def test_gradescope_grades_it(term, place):
    term.run("gradescope", NAME)
    archive = term.root / "dist" / f"{NAME}-autograder.zip"
    autograder = Autograder.set_up(archive, place / "autograder")
    autograder.hand_in({f"{NAME}.ipynb": term.answered().encode()}, "ada@x")
    results = grade.Grading(autograder.root).run()
    assert results["score"] == 8.0, results["output"]


def test_mutation_says_that_nothing_is_known(term):
    with pytest.raises(CourseError, match="no mistakes are known for intro: its"):
        term.run("mutation", NAME)


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("new", NAME), "source/intro exists already: choose another name"),
        (("new", "INTRO"), "source/intro exists already: choose another name"),
        (("new", "2x"), "'2x' is no name for an assignment: begin with a letter"),
        (("new", "../x"), "'../x' is no name for an assignment"),
        (("new", "week-1"), "'week-1' is no name for an assignment"),
        (("new", "class"), "class means something to Python or to Windows"),
        (("new", "aux"), "aux means something to Python or to Windows"),
        (("new", "x" * 41), "40 characters at most"),
        (("new", "fine", "--title", 'a "b"'), "has quotation marks or control characters"),
        (("release", "intra"), "no assignment intra; did you mean intro?"),
        (("autograde", "hw"), "no assignment hw: source/ has intro; course new makes one"),
        (("autograde", NAME, "--student", "adda"), "no student adda; did you mean ada?"),
        (("feedback", NAME, "--student", "x"), "no student x: submitted/x/intro"),
        (("replay", "adda", "mean-test"), "no student adda; did you mean ada?"),
        (("replay", "ada", "mean-tset"), "no test mean-tset; did you mean mean-test?"),
        (("replay", "ada", "x"), "no test x: what ada has handed in has mean-test, mean-"),
        (("audit", "intr"), "no assignment intr; did you mean intro?"),
        (("report", "intr"), "no assignment intr; did you mean intro?"),
        (("scores", "intr"), "no assignment intr; did you mean intro?"),
        (("lateness", "intr"), "no assignment intr; did you mean intro?"),
        (("mutation", "intr"), "no assignment intr; did you mean intro?"),
        (("solutions", "intr"), "no assignment intr; did you mean intro?"),
        (("regrade", "intr"), "no assignment intr; did you mean intro?"),
        (("gradescope", "intr"), "no assignment intr; did you mean intro?"),
        (("export", "csv", "--assignment", "intr"), "no assignment intr; did you mean intro?"),
        (("export", "csv", "--student", "bobb"), "no student bobb; did you mean bob?"),
        (("export", "canvas", "roster.csv", "--assignment", "intr"), "no assignment intr; did"),
        (("collect", "canvas", "x.zip", "--assignment", "intr"), "no assignment intr; did you"),
    ],
    ids=lambda value: " ".join(value)[:40] if isinstance(value, tuple) else "",
)
def test_what_cannot_be_done_is_said_in_one_line(term, words, why):
    folders = sorted(path.name for path in (term.root / "source").iterdir())
    with pytest.raises(CourseError) as caught:
        term.run(*words)
    assert why in str(caught.value)
    assert "\n" not in str(caught.value)
    assert sorted(path.name for path in (term.root / "source").iterdir()) == folders
