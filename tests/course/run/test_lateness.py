"""What lateness costs: never less for later, nothing by default, and the same by every way."""

import random
import types

import pytest
from nbgrader.preprocessors import AssignLatePenalties
from traitlets.config import Config
from typer.testing import CliRunner

from autograder import job
from autograder.execution.report import SessionReport
from course.cli import main
from course.directory import Course, CourseError
from course.run import lateness, nbgrader_plugin, scores
from tests.support import classroom
from tests.support.classroom import (
    GPT2,
    Fake,
    Here,
    configure,
    copied,
    example,
    grade,
    hand_in,
    marks,
)

pytestmark = pytest.mark.filterwarnings("ignore")  # nbgrader's, jupyter's and SQLAlchemy's own
HOUR, DAY = 3600, 86400
DUE = "2026-01-01 12:00:00 UTC"
RULES = """
c.AssignLatePenalties.plugin_class = "course.run.lateness.Lateness"
c.Lateness.percent = 10
c.Lateness.grace_minutes = 15
"""


def taken(seconds, score=80.0, student="ann", **rules):
    """Return the points taken off gpt2."""
    return lateness.penalty(config(**rules), GPT2, student, score, seconds) or 0.0


def config(**rules):
    at_work = {"plugin_class": "course.run.lateness.Lateness"}
    return Config({"AssignLatePenalties": at_work, "Lateness": rules})


# The rule


def test_nothing_is_taken_off_unless_the_configuration_says_so():
    for seconds in (1, HOUR, DAY, 1000 * DAY):
        assert lateness.penalty(config(), GPT2, "ann", 80.0, seconds) is None


# As docs/report.md has it: 10 percent a day, 15 minutes' grace, half at most, nothing after 7 days.
TABLE = {
    14 * 60: 0,
    15 * 60: 0,
    15 * 60 + 1: 8,
    DAY: 8,
    DAY + 15 * 60: 8,
    DAY + 15 * 60 + 1: 16,
    5 * DAY: 40,
    6 * DAY: 40,
    7 * DAY + 15 * 60: 40,
    7 * DAY + 15 * 60 + 1: 80,
}


@pytest.mark.parametrize("seconds", TABLE)
def test_the_penalties_are_those_of_the_documentation(seconds):
    rules = {"percent": 10, "grace_minutes": 15, "cap_percent": 50, "nothing_after_days": 7}
    assert taken(seconds, **rules) == pytest.approx(TABLE[seconds])


def test_points_are_taken_off_by_the_hour():
    assert [taken(s, points=2, step="hour") for s in (1, HOUR, HOUR + 1)] == [2, 2, 4]


def test_no_more_is_taken_off_than_was_achieved():
    assert taken(9 * HOUR, score=5.0, points=2, step="hour") == 5
    assert taken(DAY, score=0.0, points=2) == 0
    assert taken(DAY, score=-1.0, points=2) == 0


def test_nbgraders_own_method_zero_takes_everything_off_after_the_grace():
    assert taken(61, penalty_method="zero", grace_minutes=1) == 80
    assert taken(60, penalty_method="zero", grace_minutes=1) == 0


def some_rules(source):
    return {
        "percent": source.choice([0, 5, 33.3, 100]),
        "points": source.choice([0, 0.5, 7]),
        "step": source.choice(["hour", "day"]),
        "cap_percent": source.choice([0, 50, 100]),
        "grace_minutes": source.choice([0, 15, 1440]),
        "nothing_after_days": source.choice([None, 0, 2.5]),
        "extensions": source.choice([{}, {"ann": {GPT2: 12}}]),
    }


@pytest.mark.parametrize("seed", range(40))
def test_later_is_never_better_and_nobody_gets_less_than_nothing(seed):
    source = random.Random(seed)
    rules = some_rules(source)
    at_work = lateness.plugin(config(**rules), GPT2, "ann")
    seconds = sorted(source.uniform(0, 5 * DAY) for _ in range(200))
    scores = sorted(source.uniform(0, 100) for _ in range(2))
    low, high = (
        [score - (at_work.late_submission_penalty("ann", score, s) or 0) for s in seconds]
        for score in scores
    )
    assert low == sorted(low, reverse=True)
    assert high == sorted(high, reverse=True)
    assert 0 <= min(low) <= max(low) <= scores[0]
    assert all(b >= a - 1e-9 for a, b in zip(low, high, strict=True))  # better work stays better


# Extensions


@pytest.fixture
def extensions(tmp_path):
    """Write a file of extensions; return rules that name it."""

    def write(text):
        path = tmp_path / "extensions.csv"
        path.write_text(text, encoding="utf-8")
        return {"percent": 10, "extensions_csv": str(path)}

    return write


def test_an_extension_moves_the_deadline_of_one_student_in_one_assignment(extensions):
    rules = extensions("student,assignment,hours\nann,gpt2,24\nbob,assignment5,24\n")
    assert taken(DAY, **rules) == 0
    assert taken(DAY + 1, **rules) == 8
    assert taken(DAY, student="bob", **rules) == 8


def test_the_more_generous_of_file_and_configuration_counts(extensions):
    rules = extensions("\ufeffhours, assignment ,student\n24,gpt2,ann\n")
    assert taken(DAY + HOUR, **rules) == 8
    assert taken(DAY + HOUR, **rules, extensions={"ann": {GPT2: 25}}) == 0
    assert taken(DAY, **rules, extensions={"ann": {GPT2: 2}}) == 0


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("ann,gpt2,24\n", "no column 'student'"),
        ("student,assignment,hours\nann,gtp2,24\n", "line 2 .*assignment5 or gpt2"),
        ("student,assignment,hours\n,gpt2,24\n", "line 2"),
        ("student,assignment,hours\nann,gpt2,two days\n", "'two days' is no number of hours"),
        ("student,assignment,hours\nann,gpt2,-1\n", "no number of hours"),
        ("student,assignment,hours\nann,gpt2,nan\n", "no number of hours"),
        ("student,assignment,hours\nann,gpt2\n", "no number of hours"),
        ("student,assignment,hours\nann,gpt2,1\nann,gpt2,2\n", "line 3 .*already"),
    ],
)
def test_a_line_that_cannot_be_meant_is_refused(extensions, text, says):
    with pytest.raises(CourseError, match=says):
        taken(DAY, **extensions(text))


def test_a_file_of_extensions_that_is_not_there_is_no_empty_one(tmp_path):
    with pytest.raises(CourseError, match="extensions cannot be read"):
        taken(DAY, percent=10, extensions_csv=str(tmp_path / "none.csv"))


@pytest.mark.parametrize("rules", [{"percent": -1}, {"percent": 101}, {"step": "week"}])
def test_a_setting_that_cannot_be_meant_is_refused_in_one_line(rules):
    with pytest.raises(CourseError, match=r"nbgrader_config.py: .*(percent|step)") as error:
        taken(DAY, **rules)
    assert "\n" not in str(error.value)


def test_the_examples_in_the_configuration_file_are_settings(tmp_path):
    text = (classroom.ROOT / "nbgrader_config.py").read_text("utf-8")
    lines = [x[2:] for x in text.splitlines() if x.startswith("# c.") and "Lateness" in x]
    assert len(lines) >= 5
    (tmp_path / "nbgrader_config.py").write_text("c = get_config()\n" + "\n".join(lines), "utf-8")
    (tmp_path / "extensions.csv").write_text("student,assignment,hours\n", "utf-8")
    found = Course(tmp_path).config()
    penalties = AssignLatePenalties(config=found)
    penalties.init_plugin()
    assert isinstance(penalties.plugin_inst, lateness.Lateness)
    assert lateness.penalty(found, GPT2, "ann", 80.0, DAY) == 8


# In a course


@pytest.fixture(scope="module")
def empty(tmp_path_factory):
    """A course with rules and a due date, in which nobody has handed in anything."""
    course = classroom.make_course(tmp_path_factory.mktemp("late") / "course")
    configure(course, RULES)
    due(course)
    return course


def due(course):
    with course.gradebook() as gradebook:
        gradebook.update_or_create_assignment(GPT2, duedate=DUE)


@pytest.fixture
def course(empty, tmp_path):
    return copied(empty, tmp_path / "course")


def late(course, student, when, name="half-done"):
    """Hand in what an example student wrote, at some time."""
    hand_in(course, student, example(name))
    hand_in(course, student, f"2026-01-{when} UTC\n".encode(), "timestamp.txt")


class Lenient:
    """Grades nothing: every test passes, in no time."""

    def begin(self):
        """Start nothing."""

    def prepare(self, submission):
        return submission.prepared()

    def grade(self, notebook, *_):
        return SessionReport()


@pytest.fixture
def lenient(monkeypatch):
    monkeypatch.setattr(job, "shared_pool", lambda *_: Lenient())


def test_nbgraders_command_and_ours_take_off_the_same(course, tmp_path, lenient):
    late(course, "ann", "01 12:15:00")
    late(course, "bob", "02 12:15:01")
    late(course, "eve", "05 12:00:00")
    configure(course, 'c.Lateness.extensions_csv = "extensions.csv"')
    (course.root / "extensions.csv").write_text("student,assignment,hours\neve,gpt2,72\n", "utf-8")
    theirs = copied(course, tmp_path / "theirs")
    grade(course, Here())
    grader = scores.NbgraderRunner(theirs)
    for name in theirs.students(GPT2):
        assert grader.grade(GPT2, name).is_graded
    found = {name: marks(course, name) for name in ("ann", "bob", "eve")}
    assert found == {name: marks(theirs, name) for name in found}
    assert {n: (m["score"], *m["late"]) for n, m in found.items()} == {
        "ann": (92, 900.0, None),
        "bob": (92, 87301.0, 18.4),
        "eve": (92, 4 * DAY, 9.2),
    }


def test_a_penalty_is_of_the_score_that_has_just_been_given(course):
    for name in ("half-done", "wrong-scale", "vectorised"):
        late(course, "ann", "02 12:00:00", name)
        grade(course, Fake())
        found = marks(course, "ann")
        assert found["late"][1] == pytest.approx(found["score"] / 10)
        assert found["score"] > 0


@pytest.fixture
def marked(course):
    """A course in which somebody late gets marks for the written answer afterwards."""
    late(course, "ann", "02 12:00:00", "answers")
    late(course, "bob", "01 12:00:00", "answers")
    grade(course, Fake())
    before = marks(course, "ann")
    with course.gradebook() as gradebook:
        answer = gradebook.find_grade("b-2-4-answer", GPT2, GPT2, "ann")
        answer.manual_score, answer.needs_manual_grade = 8.0, False
        gradebook.db.commit()
    return course, before["late"][1]


def run(course, monkeypatch, *words):
    monkeypatch.chdir(course.root)
    return CliRunner().invoke(main.app, ["lateness", GPT2, *words])


def test_penalties_are_reckoned_anew_after_marking_by_hand(marked, monkeypatch):
    course, before = marked
    shown = run(course, monkeypatch, "--dry-run").stdout
    assert "1 penalties would change" in shown
    assert marks(course, "ann")["late"][1] == before
    shown = run(course, monkeypatch).stdout
    assert f"{before:g} -> {before + 0.8:g} points off" in shown
    assert marks(course, "ann")["late"][1] == pytest.approx(before + 0.8)
    assert "0 penalties changed" in run(course, monkeypatch).stdout


def test_bad_extensions_change_no_penalty(marked, monkeypatch):
    course, before = marked
    configure(course, 'c.Lateness.extensions_csv = "extensions.csv"')
    assert isinstance(run(course, monkeypatch).exception, CourseError)
    assert marks(course, "ann")["late"][1] == before


def test_an_extension_in_nbgraders_gradebook_counts_as_well(marked, monkeypatch):
    course, _ = marked
    with course.gradebook() as gradebook:
        gradebook.grant_extension(GPT2, "ann", days=1)
    assert "-> 0 points off" in run(course, monkeypatch).stdout
    assert marks(course, "ann")["late"] == (0, None)


@pytest.mark.parametrize(("penalty", "left"), [(None, 30.0), (0, 30.0), (4, 26.0), (31, 0.0)])
def test_an_export_has_what_lateness_leaves(penalty, left):
    mark = types.SimpleNamespace(score=30.0, late_submission_penalty=penalty)
    assert nbgrader_plugin._net(mark) == left
