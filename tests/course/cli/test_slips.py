"""A slip on a command line is one line that says what is wrong, and nothing is written."""

import re
import subprocess
import sys

import pytest
from nbgrader.apps import ExportApp
from typer.testing import CliRunner

from course.cli import main
from course.directory import Course, CourseError
from course.run import nbgrader_plugin
from course.run.scores import NbgraderRunner
from seqlab.errors import DataError
from tests.conftest import ROOT
from tests.course.run.test_lost import made
from tests.support.classroom import GPT2, Fake, copied, grade, hand_in
from tests.support.once import once

NO_SUCH = "course: no assignment gptt; did you mean gpt2?\n"
pytestmark = pytest.mark.filterwarnings("ignore")  # nbgrader's and SQLAlchemy's own


@pytest.fixture
def course(tmp_path, monkeypatch):
    """The class of test_lost, with nothing lost."""
    course = copied(Course(once("lost", made)), tmp_path / "course")
    monkeypatch.chdir(course.root)
    return course


def refused(*words):
    """Return the line that a command ends with."""
    done = CliRunner().invoke(main.app, words)
    assert isinstance(done.exception, CourseError | DataError), done.output
    line = main._in_a_line(done.exception)
    assert line
    assert "\n" not in line
    return line


def test_what_the_guides_let_commands_write_is_not_committed():
    pages = [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]
    text = "\n".join(page.read_text("utf-8") for page in pages)
    words = re.findall(r"(?:course|nbgrader) [^`\n|#]*", text)
    names = {name for line in words for name in line.split()}
    files = sorted(name for name in names if re.fullmatch(r"[\w.-]+\.(csv|zip|html|png)", name))
    assert {"grades.csv", "gradebook.csv", "submissions.zip", "replay.html"} <= set(files)
    ask = ["git", "-C", str(ROOT), "check-ignore", "--no-index", "--stdin"]
    done = subprocess.run(ask, input="\n".join(files), capture_output=True, text=True)
    if done.returncode == 128:
        pytest.skip("not a git repository")
    assert sorted(done.stdout.split()) == files


@pytest.mark.parametrize(("name", "meant"), [("ghost", "nobody"), ("adda", "did you mean ada?")])
def test_an_export_of_somebody_unknown_is_refused(course, name, meant):
    assert meant in refused("export", "csv", "--student", name)
    assert not (course.root / "grades.csv").exists()


def test_nbgraders_export_of_somebody_unknown_is_refused_and_writes_nothing(course, caplog):
    plugin = nbgrader_plugin.StatusCsv(config=course.config(), student=["adda"])
    with course.gradebook() as gradebook, pytest.raises(SystemExit):
        plugin.export(gradebook)
    assert not (course.root / "grades.csv").exists()
    assert ExportApp(config=course.config()).plugin_class is nbgrader_plugin.StatusCsv


@pytest.mark.parametrize(
    "words",
    [
        ("report", GPT2, "--to"),
        ("export", "csv", "--to"),
        ("export", "canvas", "canvas.csv", "--assignment", GPT2, "--to"),
        ("replay", "ben", "a-1-1-test", "--to"),
        ("gradescope", GPT2, "--to"),
        ("mutation", GPT2, "--picture"),
    ],
)
def test_a_file_in_a_folder_that_is_not_there_is_refused_and_makes_none(course, words):
    assert (
        refused(*words, "typo/file") == "typo/file cannot be written: the folder typo is not there"
    )
    assert not (course.root / "typo").exists()
    assert refused(*words, "source") == "source is a folder: give the name of a file"


@pytest.mark.parametrize(
    "name", ["scores", "autograde", "feedback", "mutation", "rotate", "export"]
)
def test_a_data_folder_that_is_not_there_is_refused_by_every_command(monkeypatch, course, name):
    monkeypatch.setenv("COURSE_DATA", "/nowhere")
    more = ["csv"] if name == "export" else [GPT2]
    assert refused(name, *more).startswith("COURSE_DATA names '/nowhere', which is not a folder")


@pytest.mark.parametrize(
    ("score", "penalty", "net"),
    [(92.0, 55.2, 36.8), (46.000000000000004, 9.2, 36.8), (0.1, 0.3, 0.0), (1 / 3, None, 0.33)],
)
def test_exported_marks_have_two_decimals(score, penalty, net):
    submission = type("Row", (), {"score": score, "late_submission_penalty": penalty})
    assert nbgrader_plugin._net(submission) == net


def test_a_template_py_that_cannot_be_read_says_why_in_the_table(course):
    hand_in(course, "jo", b"import numpy\ndef softmax(:\n", "template.py")
    hand_in(course, "al", b"def softmax(x):\n    return x\n", "template.py")
    found = grade(course, Fake())
    why = "no notebook could be made: template.py, line 2: "
    assert found["jo"].reason.startswith(why)
    assert found["al"].reason == "course collect makes a notebook of template.py"
    (row,) = NbgraderRunner(course).results(GPT2, ["jo"])
    assert (row.status, row.reason) == ("unreadable", found["jo"].reason)


@pytest.mark.parametrize("command", ["autograde", "scores", "feedback", "regrade", "audit"])
def test_a_student_who_is_not_there_is_named_by_every_command_alike(course, command):
    assert refused(command, GPT2, "--student", "adda") == "no student adda; did you mean ada?"


@pytest.mark.parametrize("name", [n for n in main.COMMANDS if n not in ("doctor", "new", "rotate")])
def test_a_wrong_assignment_is_refused_before_anything_is_loaded(name):
    """What is loaded takes seconds; the test does not measure them."""
    words = {"collect": "collect canvas x.zip --assignment gptt", "export": "export csv"}
    line = words.get(name, f"{name} {'ada no-test' if name == 'replay' else 'gptt'}")
    if name in ("export", "replay"):
        return  # of any assignment
    code = f"""
import sys
from course.cli import main
sys.argv = {["course", *line.split()]!r}
try:
    main.main()
except SystemExit as end:
    assert end.code == 1
loaded = {{"nbgrader", "sqlalchemy", "numpy", "matplotlib", "nbconvert"}} & set(sys.modules)
assert not loaded, loaded
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=False
    )
    assert (done.returncode, done.stderr) == (0, NO_SUCH)


def test_help_follows_a_term_and_names_no_type_of_a_switch():
    text = CliRunner().invoke(main.app, ["--help"]).output
    names = re.findall(r"^\W+([a-z]+)  +\S", text, re.MULTILINE)
    assert [name for name in names if name in main.COMMANDS] == list(main.COMMANDS)
    term = ["new", "release", "collect", "autograde", "mark", "feedback", "export", "report"]
    assert list(main.COMMANDS)[:8] == term
    for name in main.COMMANDS:
        shown = CliRunner().invoke(main.app, [name, "--help"]).output
        assert "<bool>" not in shown
        assert "Example:" in shown or name in ("collect", "export")


def test_the_audit_leaves_out_first_marks_and_shows_one_persons_changes(course):
    def told(*options):
        return CliRunner().invoke(main.app, ["audit", GPT2, *options]).output

    everything, short = told("--all"), told()
    said = re.search(
        r"^(\d+) first marks by the autograder are left out: --all", short, re.MULTILINE
    )
    assert int(said[1]) > 50
    assert len(everything.splitlines()) == len(short.splitlines()) + int(said[1]) - 1
    person = re.findall(r"manual_score .* (\S+)$", short, re.MULTILINE)[0]
    assert "manual_score" in told("--by", person)
    assert "auto_score" not in told("--all", "--by", person)
    line = refused("audit", GPT2, "--by", person + "x")
    assert line == f"no author {person}x; did you mean {person}?"


def test_what_waits_for_a_person_is_listed(course):
    text = CliRunner().invoke(main.app, ["mark", GPT2]).output
    assert "b-2-4-answer (8 points, Section 2.4: Let it write): " in text
    assert "Manual Grading" in text
