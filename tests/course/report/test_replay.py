"""A test of a student's can be looked at again: its inputs, what came back, what is right."""

import dataclasses
import re

import pytest

from course.directory import CourseError
from course.report import replay
from tests.support import classroom
from tests.support.classroom import GPT2, example, hand_in

pytestmark = pytest.mark.filterwarnings("ignore")  # nbgrader's and SQLAlchemy's own
TEST = "a-1-1-test-stable"


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    course = classroom.make_course(tmp_path_factory.mktemp("replay") / "course")
    for name in ("wrong-scale", "vectorised"):
        hand_in(course, name, example(name))
    hand_in(course, "torn", b"not a notebook")
    return course


@pytest.fixture(scope="module")
def seen(course):
    return replay.replay(course, GPT2, "wrong-scale", TEST)


def test_the_inputs_the_output_and_the_right_one_are_there(seen):
    call = seen.calls[0]
    assert call.name == "softmax"
    assert call.args[0].max() == 1000
    assert call.differs
    assert call.wanted.sum(axis=1) == pytest.approx(1)
    assert "not finite" in call.summary
    text = replay.text(seen)
    assert "theirs:   array(2, 2) [[nan, nan]" in text
    assert "expected: array(2, 2) [[0.5, 0.5]" in text
    assert text.splitlines()[-1].startswith("the test: AssertionError: your softmax")


def test_the_same_inputs_come_again_and_another_student_has_others(course, seen):
    again = replay.replay(course, GPT2, "wrong-scale", TEST)
    assert replay.text(again) == replay.text(seen)
    test = "a-1-1-test"
    one, other = (replay.replay(course, GPT2, n, test) for n in ("wrong-scale", "vectorised"))
    hidden = [[replay.signature(c) for c in each.calls[1:]] for each in (one, other)]
    assert hidden[0] != hidden[1]
    assert replay.signature(one.calls[0]) == replay.signature(other.calls[0])


def test_a_test_that_passes_says_so(course):
    text = replay.text(replay.replay(course, GPT2, "vectorised", TEST))
    assert text.endswith("the test passes")
    assert "as it should be" in text


def test_the_page_shows_plots_and_runs_nothing(seen, tmp_path):
    call = dataclasses.replace(seen.calls[0], value="<script>alert(1)</script>")
    page = replay.page(dataclasses.replace(seen, calls=(call, *seen.calls)), "a <b>")
    assert "<script>" not in page
    assert "&lt;script&gt;" in page
    assert len(re.findall('src="data:image/png;base64,', page)) >= 1
    replay.write(seen, "title", tmp_path / "new" / "page.html")
    assert (tmp_path / "new" / "page.html").stat().st_size > 1000


@pytest.mark.parametrize(
    ("student", "test", "said"),
    [
        ("vectorised", "no-test", "gpt2 has no test no-test; it has a-1-1-test"),
        ("torn", TEST, "torn's gpt2 cannot be read"),
        ("nobody", TEST, "nobody's gpt2 cannot be read"),
    ],
)
def test_what_is_not_there_is_said_in_a_line(course, student, test, said):
    with pytest.raises(CourseError, match=re.escape(said)):
        replay.replay(course, GPT2, student, test)
