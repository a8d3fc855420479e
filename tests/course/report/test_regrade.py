"""Grading again is tried out first, and every change of a mark is written down."""

import hashlib
from dataclasses import replace

import nbformat
import pytest
from nbformat.v4 import new_output

from autograder import fingerprint
from autograder.job import Job
from autograder.result import Result
from course.directory import CourseError
from course.report import audit, regrade
from course.run import batch, workers
from tests.support import classroom
from tests.support.classroom import (
    GPT2,
    Fake,
    copied,
    example,
    finished,
    grade,
    hand_in,
    marks,
    pretended,
)

pytestmark = pytest.mark.filterwarnings("ignore")  # nbgrader's and SQLAlchemy's own
NAMES = ("answers", "half-done", "vectorised")


@pytest.fixture(scope="module")
def graded(tmp_path_factory):
    """Three students, graded."""
    course = classroom.make_course(tmp_path_factory.mktemp("graded") / "course")
    for name in NAMES:
        hand_in(course, name, example(name))
    grade(course, Fake())
    return course


@pytest.fixture
def course(graded, tmp_path):
    """A copy of theirs."""
    return copied(graded, tmp_path / "course")


@pytest.fixture
def victim(course):
    """Return the id of a test that some of them pass and some fail, and what it is worth."""
    had = [{n: row[0] for n, row in marks(course, name)["grades"].items()} for name in NAMES]
    for cell in had[0]:
        if cell != "b-2-4-answer" and len({each[cell] for each in had}) == 2:
            return cell, max(each[cell] for each in had)
    raise AssertionError("everybody has the same made-up marks")


@pytest.fixture
def stricter(victim):
    """Return a scheduler in whose results that test fails for everybody."""
    return Fake(before=lambda key, packed: failed(key, packed, victim[0]))


def failed(key, packed, victim):
    notebook = nbformat.reads(Result.read(pretended(packed)).notebook, as_version=4)
    cell = next(cell for cell in notebook.cells if cell.id == victim)
    cell.outputs = [new_output("error", ename="AssertionError", evalue="too strict")]
    return workers.Done(key, finished(Job.read(packed), notebook, "graded"))


def rehearsed(course, scheduler, **policy):
    rehearsal = regrade.Rehearsal(course, GPT2)
    settings = replace(batch.policy_of(course, GPT2), **policy)
    work = batch.Batch(course, GPT2, scheduler, settings, show=False, recorder=lambda *_: rehearsal)
    work.run(course.students(GPT2))
    return rehearsal.changed


def everything(course):
    """Return a hash of every file but those in which results are kept."""
    return {
        str(path): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in course.root.rglob("*")
        if path.is_file() and "results" not in path.parts and "store" not in path.parts
    }


def test_a_rehearsal_says_who_changes_and_why_and_writes_nothing(course, victim, stricter):
    had = {name: marks(course, name)["grades"][victim[0]][0] for name in NAMES}
    before = everything(course)
    changed = rehearsed(course, stricter, cell_seconds=99.0)
    assert everything(course) == before
    assert {each.student for each in changed} == {name for name in NAMES if had[name]}
    for each in changed:
        assert each.after - each.before == -victim[1]
        assert each.because == ("the policy has changed",)
        (cell,) = each.cells
        assert (cell.cell, cell.before, cell.after) == (*victim, 0.0)
        assert cell.reason == "AssertionError: too strict"


def test_the_rehearsed_results_are_kept_and_published_without_computing_again(
    course, victim, stricter
):
    rehearsed(course, stricter, cell_seconds=99.0)
    n = len(stricter.computed)
    grade(course, stricter, cell_seconds=99.0)
    assert len(stricter.computed) == n > 0
    assert all(marks(course, name)["grades"][victim[0]][0] == 0.0 for name in NAMES)


def test_where_nothing_has_changed_nobody_changes(course):
    fake = Fake()
    assert rehearsed(course, fake) == []
    assert fake.computed == []
    assert "0 of 3 submissions change" in regrade.table([], 3)


def test_a_replaced_submission_is_said_to_be_one(course):
    hand_in(course, "answers", example("wrong-scale"))
    (changed,) = rehearsed(course, Fake())
    assert changed.student == "answers"
    assert changed.because == ("the submission was replaced",)


def test_a_submission_that_cannot_be_read_any_more_shows_as_such(course):
    hand_in(course, "answers", b"not a notebook")
    (changed,) = rehearsed(course, Fake())
    assert changed.word == "unreadable"
    assert changed.after == 0.0
    assert all(cell.after is None for cell in changed.cells)


def test_the_table_lists_losers_first_and_sums_up(course, victim, stricter):
    changed = rehearsed(course, stricter, cell_seconds=99.0)
    text = regrade.table(changed, 3)
    assert f"    {victim[0]}: {victim[1]:g} -> 0  AssertionError: too strict" in text
    assert text.splitlines()[-1].startswith(f"{len(changed)} of 3 submissions change: 0 gain")


# The trail


def test_every_automatic_mark_is_written_down_with_the_graders_version(course):
    lines = audit.read(course.root, GPT2, "answers")
    grades = marks(course, "answers")["grades"]
    written = {line.cell: line.after for line in lines if line.what == "auto_score"}
    assert written == {name: row[0] for name, row in grades.items() if row[0] is not None}
    assert all(line.before is None for line in lines)
    assert {line.by for line in lines} == {f"grader {fingerprint.code()[:12]}"}


def test_grading_again_to_the_same_marks_adds_nothing(course):
    before = audit.read(course.root, GPT2)
    grade(course, Fake(), force=True)
    assert audit.read(course.root, GPT2) == before


def test_a_change_is_written_down_from_what_to_what(course, victim, stricter):
    n = len(audit.read(course.root, GPT2))
    grade(course, stricter, cell_seconds=99.0)
    lines = audit.read(course.root, GPT2)[n:]
    assert lines
    assert {(line.cell, line.before, line.after) for line in lines} == {(*victim, 0.0)}


def test_a_mark_that_a_person_gives_is_written_down_with_their_name(course):
    n = len(audit.read(course.root, GPT2))
    for score in (6.0, 7.5):
        with course.gradebook() as gradebook:
            grade_row = gradebook.find_grade("b-2-4-answer", GPT2, GPT2, "answers")
            grade_row.manual_score = score
            gradebook.db.commit()
    lines = audit.read(course.root, GPT2)[n:]
    found = [(line.cell, line.what, line.before, line.after) for line in lines]
    assert found == [
        ("b-2-4-answer", "manual_score", None, 6.0),
        ("b-2-4-answer", "manual_score", 6.0, 7.5),
    ]
    assert not any(line.by.startswith("grader") for line in lines)


def test_marks_that_go_with_a_submission_are_written_down(course):
    n = len(audit.read(course.root, GPT2))
    had = {k: row[0] for k, row in marks(course, "answers")["grades"].items() if row[0] is not None}
    hand_in(course, "answers", b"not a notebook")
    grade(course, Fake())
    lines = audit.read(course.root, GPT2)[n:]
    assert {line.cell: line.before for line in lines} == had
    assert all(line.after is None for line in lines)


def test_what_is_rolled_back_is_marked_as_undone(course):
    n = len(audit.read(course.root, GPT2))
    with course.gradebook() as gradebook:
        gradebook.find_grade("b-2-4-answer", GPT2, GPT2, "answers").manual_score = 1.0
        gradebook.db.flush()
        gradebook.db.rollback()
        gradebook.db.commit()
    assert audit.read(course.root, GPT2)[n:] == []


def test_a_change_comes_out_as_it_went_in():
    change = audit.MarkChange("2026-01-01", GPT2, "ann", "t", "auto_score", None, 5.0, "grader 12")
    assert audit.MarkChange.from_json(change.to_json()) == change
    undone = replace(change, undone=True)
    assert audit.MarkChange.from_json(undone.to_json()) == undone


def test_a_trail_of_an_older_version_can_be_read():
    line = (
        '{"when": "2026-01-01", "assignment": "gpt2", "student": "ann", "cell": "t", '
        '"what": "auto_score", "from": null, "to": 5.0, "by": "grader 12"}'
    )
    assert audit.MarkChange.from_json(line).after == 5.0


@pytest.mark.parametrize("line", ["half a li", "[]", '{"when": "2026"}', '{"when": 7}'])
def test_a_damaged_trail_is_a_line_that_says_where(course, line):
    path = course.root / ".autograder" / "audit" / f"{GPT2}.jsonl"
    n = len(path.read_text("utf-8").splitlines())
    with path.open("a") as file:
        file.write(line + "\n")
    with pytest.raises(CourseError, match=rf"line {n + 1} of .*gpt2.jsonl is damaged") as caught:
        audit.read(course.root, GPT2)
    assert "\n" not in str(caught.value)


def test_the_trail_can_be_read_by_people(course, victim):
    text = regrade.trail(audit.read(course.root, GPT2, "answers"))
    assert f"{victim[0]} " in text
    assert "none -> 5" in text or "none -> 0" in text
