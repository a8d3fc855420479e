"""``course watch``: each submission is answered as it comes, within limits, and once."""

import os
import shutil
from datetime import datetime, timedelta

import pytest

from course.directory import Course, CourseError
from course.exchange.inbound import inbound_of
from course.run import batch, status_files
from course.run.watch import Journal, Watch, alone
from tests.course.exchange.test_inbound import LATER, ME, submit
from tests.support.classroom import (
    GPT2,
    Fake,
    Here,
    changed,
    configure,
    copied,
    example,
    grade,
    hand_in,
    make_course,
    marks,
)
from tests.support.once import once

pytestmark = pytest.mark.filterwarnings("ignore")  # nbgrader's and SQLAlchemy's own
SOON = "2199-12-01 18:00 UTC"


@pytest.fixture
def course(tmp_path):
    made = make_course(tmp_path / "course")
    configure(made, f"c.Exchange.root = {str(tmp_path / 'exchange')!r}")
    for folder in ("inbound", "feedback"):
        (tmp_path / "exchange" / "sequence-models" / folder).mkdir(parents=True)
    return made


class Watched:
    """A watch whose clock and lines a test has in hand."""

    def __init__(self, course, **more):
        self.lines, self.time, self.engine = [], datetime(2026, 3, 2, 12).astimezone(), Fake()
        self.watch = Watch(
            course,
            GPT2,
            batch.policy_of(course, GPT2),
            self.engine,
            tell=self.lines.append,
            now=lambda: self.time,
            **more,
        )

    def look(self, times=2):
        """Look, and return what it told without times of day."""
        self.lines.clear()
        for _ in range(times):
            self.watch.look()
        return [line.split(" ", 2)[2] for line in self.lines]


def page(course, student):
    return course.root / "feedback" / student / GPT2 / "gpt2.html"


def work(number):
    """Return a notebook that differs from others."""
    return changed(example("half-done"), {}, f"number = {number}")


def test_a_submission_is_graded_and_has_a_page_once_it_is_whole(course):
    watched = Watched(course)
    hand_in(course, "ada", example("half-done"))
    assert watched.look(1) == []  # it may still be being written
    (line,) = watched.look(1)
    assert line.startswith("ada: graded, ")
    assert line.endswith("; page written (1 of 3)")
    assert page(course, "ada").is_file()
    assert watched.look(3) == []


def test_a_folder_that_changes_between_looks_waits(course):
    watched = Watched(course)
    for number in range(3):
        hand_in(course, "ada", work(number))
        assert watched.look(1) == []
    assert len(watched.look(1)) == 1


def test_a_submission_that_was_replaced_is_answered_again(course):
    watched = Watched(course)
    hand_in(course, "ada", work(1))
    watched.look()
    before = page(course, "ada").read_bytes()
    hand_in(course, "ada", work(2))
    assert watched.look()[0].endswith("(2 of 3)")
    assert page(course, "ada").read_bytes() != before


def test_what_comes_while_its_predecessor_is_graded_is_answered_too(course, monkeypatch):
    watched = Watched(course)
    hand_in(course, "ada", work(1))
    written = watched.watch._page

    def page_while_another_comes(student):
        hand_in(course, "ada", work(2))
        return written(student)

    monkeypatch.setattr(watched.watch, "_page", page_while_another_comes)
    assert watched.look()[0].endswith("(1 of 3)")
    monkeypatch.undo()
    assert watched.look()[0].endswith("(2 of 3)")
    assert watched.look() == []


def test_the_same_files_saved_again_are_not_answered_again(course):
    watched = Watched(course)
    hand_in(course, "ada", work(1))
    watched.look()
    hand_in(course, "ada", work(1))
    assert watched.look() == []


def test_what_is_over_the_limit_is_told_once_and_graded_the_next_day(course):
    watched = Watched(course, per_day=2)
    for number in range(2):
        hand_in(course, "ada", work(number))
        watched.look()
    hand_in(course, "ada", work(3))
    assert watched.look(4) == ["ada: the 2 of today are used up: it is graded tomorrow"]
    hand_in(course, "ben", work(4))
    assert watched.look()[0].startswith("ben: graded")  # the limit is each student's own
    watched.time += timedelta(hours=13)
    assert watched.look()[0].endswith("(1 of 2)")


def test_a_watch_that_is_started_again_goes_on_there(course):
    first = Watched(course, per_day=2)
    for number in range(2):
        hand_in(course, "ada", work(number))
        first.look()
    second = Watched(course, per_day=2)
    assert second.look() == []
    assert second.engine.computed == []
    hand_in(course, "ada", work(3))
    assert second.look() == ["ada: the 2 of today are used up: it is graded tomorrow"]


def test_a_damaged_line_of_the_journal_costs_nothing_else(course):
    watched = Watched(course)
    hand_in(course, "ada", work(1))
    watched.look()
    path = course.root / status_files.FOLDER / "watch" / "gpt2.jsonl"
    path.write_text('{"when": 1}\nnothing\n' + path.read_text("utf-8") + '{"stu', "utf-8")
    assert [answer.student for answer in Journal.read(course.root, GPT2).answers] == ["ada"]
    assert Watched(course).look() == []


def test_what_cannot_be_read_is_told_and_counts_against_no_limit(course):
    watched = Watched(course, per_day=1)
    hand_in(course, "ada", b"not a notebook")
    (line,) = watched.look(4)
    assert line.startswith("ada: unreadable: ")
    hand_in(course, "ada", work(1))
    assert watched.look()[0].endswith("(1 of 1)")


def test_everybodys_are_answered_in_the_order_in_which_they_came(course):
    for name in ("zoe", "ada", "mia"):
        hand_in(course, name, work(len(name)))
    assert [line.split(":")[0] for line in Watched(course).look()] == ["zoe", "ada", "mia"]


def test_what_course_autograde_has_graded_meanwhile_is_not_computed_again(course):
    watched = Watched(course)
    hand_in(course, "ada", work(1))
    grade(course, Fake())
    before = marks(course, "ada")
    assert watched.look()[0].startswith("ada: graded")
    assert watched.engine.computed == []
    assert marks(course, "ada") == before


def test_marks_of_persons_stay(course):
    watched = Watched(course)
    hand_in(course, "ada", example("answers"))
    watched.look()
    with course.gradebook() as gradebook:
        given = gradebook.find_grade("b-2-4-answer", GPT2, GPT2, "ada")
        given.manual_score = 6.5
        gradebook.db.commit()
    hand_in(course, "ada", changed(example("answers"), {}, "x = 1"))
    watched.look()
    assert marks(course, "ada")["grades"]["b-2-4-answer"][1] == 6.5


def test_trouble_that_may_pass_is_told_once_and_tried_again(course, monkeypatch):
    watched = Watched(course)
    hand_in(course, "ada", work(1))
    with monkeypatch.context() as patched:
        patched.setattr(batch.Batch, "run", _fail)
        assert watched.look(4) == ["the disk is full: it is tried again"]
    assert watched.look(1)[0].startswith("ada: graded")


def _fail(*_):
    raise CourseError("the disk is full")


def test_there_is_one_watch_of_an_assignment(course):
    with alone(course, GPT2):
        with (
            pytest.raises(CourseError, match="another course watch gpt2 is running"),
            alone(course, GPT2),
        ):
            pass
        with alone(course, "assignment5"):
            pass
    with alone(course, GPT2):
        pass


# On a hub


def test_a_submission_in_the_exchange_is_collected_graded_and_released(course):
    watched = Watched(course, from_exchange=True, release=True)
    submit(course)
    lines = watched.look(3)
    assert lines[0].startswith(f"{ME}: collected")
    assert lines[1].endswith("; page released (1 of 3)")
    (released,) = (inbound_of(course).parent / "feedback").iterdir()
    assert released.read_bytes() == page(course, ME).read_bytes()
    assert watched.look(3) == []


def test_a_forged_folder_is_told_once_and_changes_nothing(course):
    watched = Watched(course, from_exchange=True)
    submit(course)
    watched.look(3)
    forged = submit(course, student="student2", time=LATER)
    assert watched.look(4) == [f"refused: {forged.name}: it was made by {ME}, and not by student2"]


def test_each_submission_has_a_page_of_its_own_in_the_exchange(course):
    watched = Watched(course, from_exchange=True, release=True)
    submit(course, notebook=work(1))
    watched.look(3)
    submit(course, time=LATER, notebook=work(2))
    watched.look(3)
    assert len(list((inbound_of(course).parent / "feedback").iterdir())) == 2


def test_what_came_another_way_has_a_page_that_nobody_can_fetch_and_says_so(course):
    watched = Watched(course, release=True)
    hand_in(course, "ada", work(1))
    assert "page written, not released: what was graded has no" in watched.look()[0]


def test_an_exchange_that_is_not_there_is_a_line_and_not_the_end(course):
    watched = Watched(course, from_exchange=True)
    shutil.rmtree(inbound_of(course))
    (line,) = watched.look(3)
    assert line.endswith("it is tried again")
    inbound_of(course).mkdir()
    submit(course)
    assert watched.look(3)[-1].endswith("(1 of 3)")


# Hidden parts as pass or fail, until a date


@pytest.fixture
def failing(tmp_path):
    """A course in which ada's tests fail, in hidden parts too, once for everybody."""
    return copied(Course(once("failing-hidden", _failing)), tmp_path / "course")


def _failing(root):
    course = make_course(root)
    hand_in(course, "ada", example("wrong-scale"))
    watched = Watched(course)
    watched.watch.scheduler = Here()
    watched.look()


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("bwrap") is None, reason="needs bubblewrap")
def test_until_the_date_a_page_says_of_hidden_parts_only_that_they_failed(failing):
    told = page(failing, "ada").read_text("utf-8")
    assert "in the hidden part of the test" in told
    configure(failing, f"c.FeedbackPage.hidden_until = {{'gpt2': '{SOON}'}}")
    watched = Watched(failing)
    os.utime(hand_in(failing, "ada", changed(example("wrong-scale"), {}, "x = 1")) / "gpt2.ipynb")
    watched.watch.scheduler = Here()
    watched.look()
    sealed = page(failing, "ada").read_text("utf-8")
    assert "Why is told from 01 December 2199, 18:00 UTC on." in sealed
    assert sealed.count("<strong>Why:</strong>") < told.count("<strong>Why:</strong>")
    configure(failing, "c.FeedbackPage.hidden_until = {}")
    lines = Watched(failing).look(1)
    assert lines == ["ada: hidden parts are told from now on; page written"]
    again = page(failing, "ada").read_text("utf-8")
    assert again.count("<strong>Why:</strong>") == told.count("<strong>Why:</strong>")
    assert Watched(failing).look(2) == []


def test_a_date_that_is_none_is_one_line_that_says_how_to_write_it(course):
    configure(course, "c.FeedbackPage.hidden_until = {'gpt2': 'next week'}")
    with pytest.raises(CourseError, match="hidden_until says 'next week' for gpt2: write a time"):
        Watched(course)
