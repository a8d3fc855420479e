"""A test of a student's can be looked at again: its inputs, what came back, what is right."""

import dataclasses
import re

import numpy as np
import pytest
from bs4 import BeautifulSoup

from course.directory import CourseError
from course.report import compared_results, replay
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
    assert call.kwargs["x"].max() == 1000
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


def test_arguments_have_the_names_of_parameters(seen):
    assert replay.signature(seen.calls[0]).startswith("softmax(x=array(2, 2)")


def test_entries_that_differ_are_marked_side_by_side(seen):
    page = BeautifulSoup(replay.page(seen, "a"), "html.parser")
    tables = page.select("section.wrong .both table")
    assert [len(table.select("td.differs")) for table in tables[:2]] == [3, 3]
    assert [td.text for td in tables[0].select("td:not(.differs)")] == ["0"]
    assert [td.text.split()[0] for td in tables[1].select("td")] == ["0.5", "0.5", "0", "1"]


def test_a_call_that_is_right_has_no_picture_and_one_result(course):
    page = BeautifulSoup(
        replay.page(replay.replay(course, GPT2, "vectorised", TEST), "a"), "html.parser"
    )
    assert page.select("section.right")
    assert not page.select("section img, .differs, .both")


@pytest.mark.parametrize(
    ("one", "other", "left", "right"),
    [
        ("to be", "to see", "to [b]e", "to [s]e[e]"),
        (np.zeros((2, 2)), np.zeros((3, 2)), None, None),
        ([1.0, np.nan, 3.0], [1.0, np.nan, 4.0], "1 nan [3]", "1 nan [4]"),
        (2, 2.5, None, None),
        (np.eye(2), np.eye(2) + 1e-12, "1 0 0 1", "1 1e-12 1e-12 1"),
        (np.array([np.inf, 1.0]), np.array([1.0, 1.0]), "[inf] 1", "[1] 1"),
        ({"a": 1}, {"a": 2}, None, None),
        ("x" * 5000, "y" * 5000, None, None),
    ],
)
def test_both_sides_mark_what_the_other_has_not(one, other, left, right):
    texts = replay.shown(one), replay.shown(other)
    for side, expected in zip(
        compared_results.sides(one, other, texts), (left, right), strict=True
    ):
        entries = [entry for row in side.rows for entry in row]
        marked = [f"[{e.text}]" if e.differs else e.text for e in (*entries, *side.pieces)]
        if expected is not None:
            assert (" " if entries else "").join(marked).endswith(expected)
        assert not entries or "" not in [e.text for e in entries]


def test_a_large_array_is_cut_to_where_it_differs():
    wanted = np.zeros((50, 30))
    given = wanted.copy()
    given[40, 20] = 1.0
    side, _ = compared_results.sides(given, wanted, ("", ""))
    assert side.part == "rows 34 to 45 of 50, columns 15 to 24 of 30"
    assert sum(entry.differs for row in side.rows for entry in row) == 1


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
