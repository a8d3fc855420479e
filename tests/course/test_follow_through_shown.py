"""Which points came by follow-through, wherever marks are shown."""

import shutil

import nbformat
import pytest
from nbgrader.utils import determine_grade

from autograder.cell_notes import CellNote
from autograder.cells import is_test
from autograder.result import Result
from course.exchange.canvas_marks import CanvasMark
from course.gradescope import results_json
from course.report import audit, class_report, class_results, item_analysis, regrade, replay
from course.run import nbgrader_plugin, scores
from course.run.publish import template
from course.run.scores import NbgraderRunner
from tests.support import classroom
from tests.support.classroom import GPT2, example, hand_in

pytestmark = [
    pytest.mark.skipif(shutil.which("bwrap") is None, reason="needs bubblewrap"),
    pytest.mark.filterwarnings("ignore"),  # nbgrader's, jupyter's and SQLAlchemy's own
]
COLUMNS = """\
def softmax(x):
    powers = np.exp(x - np.max(x, axis=0, keepdims=True))
    return powers / powers.sum(axis=0, keepdims=True)
"""
SENTENCE = "passed with the course&#39;s softmax in place of yours"
PLAIN = "passed with the course's softmax in place of yours"


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """A course in which ada's softmax runs over columns, and all else is right."""
    course = classroom.make_course(tmp_path_factory.mktemp("follow") / "course")
    classroom.configure(course, "c.Policy.follow_through = 1.0")
    raw = classroom.changed(example("perfect"), {"a-1-1-solution": COLUMNS})
    hand_in(course, "ada", raw)
    audit.watch()
    classroom.grade(course, classroom.Here())
    return course


def graded(course):
    return course.root / "autograded" / "ada" / GPT2 / "gpt2.ipynb"


def test_the_table_says_what_came_that_way(course):
    result = NbgraderRunner(course).result(GPT2, "ada")
    assert (result.score, result.followed) == (84.0, 56.0)
    assert "84/100" in scores.table([result])
    assert "graded, 28 + 56 follow-through" in scores.table([result])


def test_nbgrader_reads_the_points_from_the_notebook(course):
    cells = [cell for cell in nbformat.read(graded(course), 4).cells if is_test(cell)]
    given = {cell.id: determine_grade(cell)[0] for cell in cells}
    with course.gradebook() as gradebook:
        part = gradebook.find_submission(GPT2, "ada").notebooks[0]
        assert {g.name: g.auto_score for g in part.grades if g.name in given} == given
    assert sum(given.values()) == 84
    followed = {c.id for c in cells if CellNote.read(c).followed}
    assert len(followed) == 14
    assert {c.id for c in cells if not determine_grade(c)[0]} == {"a-1-1-test", "a-1-1-test-stable"}


def test_the_page_says_so_beside_every_test_and_at_its_head(course):
    page = (NbgraderRunner(course).feedback(GPT2, "ada") / "gpt2.html").read_text("utf-8")
    assert page.count(SENTENCE) == 14
    assert "56.0 of these points came by follow-through" in page
    assert "Begin with" in page
    assert "<code>softmax</code>: this function needs it" in page


def test_exports_have_a_column_or_a_remark(course):
    with course.gradebook() as gradebook:
        (row,) = nbgrader_plugin.rows(course, gradebook, {GPT2}, {"ada"})
    assert (row.score, row.follow_through) == (84.0, 56.0)
    mark = CanvasMark(course.status(GPT2, "ada", True), score=84.0)
    assert mark.remark == "56 by follow-through"


def test_the_trail_says_how_a_mark_came_about(course):
    changes = {c.cell: c for c in audit.read(course.root, GPT2, "ada") if c.what == "auto_score"}
    assert changes["a-1-2-test"].how == PLAIN
    assert changes["a-2-1-test"].how == ""
    assert PLAIN in regrade.trail([changes["a-1-2-test"]])
    assert audit.MarkChange.from_json(changes["a-1-2-test"].to_json()) == changes["a-1-2-test"]


def test_the_replay_says_how_the_test_was_graded(course, tmp_path):
    test = replay.replay(course, GPT2, "ada", "a-1-2-test")
    assert replay.text(test).endswith(f"graded: {PLAIN}")
    assert "When it was graded:" in replay.page(test, "ada")


def test_the_report_counts_them_test_by_test(course):
    results = class_results.read(course, GPT2, show=False)
    problems = item_analysis.successes(results)
    counts = {test.name: test.followed for *_, tests in problems for test in tests}
    assert counts["a-1-2-test"] == 1
    assert sum(counts.values()) == 14
    assert "follow-through" in class_report.page(course, results)
    assert [reason.function for reason in item_analysis.reasons(results)] == ["softmax"]


def test_gradescope_shows_them_with_the_points(course):
    result = Result("graded", (), graded(course).read_text("utf-8"))
    hidden = {"a-1-2-test"}
    shown = results_json.results(result, template(course, GPT2), hidden, "after_due_date")
    assert shown["score"] == 84
    entries = {entry["name"]: entry for entry in shown["tests"]}
    whole = next(e for name, e in entries.items() if "[a-1-3-test]" in name)
    assert (whole["score"], whole["status"]) == (5.0, "passed")
    assert whole["output"].startswith(PLAIN)
    first, rest = (e for name, e in entries.items() if "[a-1-2-test]" in name)
    assert "score" not in first
    assert PLAIN not in first["output"]  # what is hidden until the due date
    assert (rest["score"], rest["status"], rest["visibility"]) == (5.0, "passed", "after_due_date")
    assert rest["output"].startswith(PLAIN)


def test_without_follow_through_the_page_has_nothing_of_it(course, tmp_path):
    other = classroom.copied(course, tmp_path / "course")
    classroom.configure(other, "c.Policy.follow_through = 0.0")
    classroom.grade(other, classroom.Here())
    result = NbgraderRunner(other).result(GPT2, "ada")
    assert (result.score, result.followed) == (28.0, 0.0)
    assert "follow-through" not in scores.table([result])
    rehearsal = regrade.Rehearsal(course, GPT2)
    with rehearsal:
        text = graded(other).read_text("utf-8")
        rehearsal.publish("ada", "", Result("graded", (), text), {})
    assert "56" in regrade.table(rehearsal.changed, 1)
