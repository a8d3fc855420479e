"""Mistakes are counted by what students can see of the tests, as quickly as they run them."""

import pytest

import mistakes
from course.directory import Course
from course.test_quality import mutation, visible_parts
from course.test_quality.visible_parts import Count, VisibleOutcome
from mistakes import Cell, Mistake
from tests.conftest import ASSIGNMENTS
from tests.course.test_quality.test_seeds import CACHED, RIGHT, SEEN, notebook

LEAST = 0.9  # of a function's mistakes fail a visible part


def test_only_what_the_visible_part_notices_is_counted():
    assert visible_parts.failed(notebook(RIGHT)) == {}
    assert visible_parts.failed(notebook(SEEN)) == {"t": "AssertionError: one"}
    assert visible_parts.failed(notebook(CACHED)) == {}  # the other part fails it


def test_a_function_that_does_not_compile_fails_the_visible_part():
    assert "NameError" in visible_parts.failed(notebook("def double(:"))["t"]


def outcome(name, kind, *failed):
    variant = mutation.Variant(name, "s", kind, "about", "code")
    return VisibleOutcome(variant, dict.fromkeys(failed, "AssertionError: no"))


CELL = Cell("s", ("f", "g"), "right", mistakes=(Mistake("m", "", "", ""),))


def test_mistakes_and_cheats_are_counted_and_right_answers_are_not():
    outcomes = [
        outcome("r", "right"),
        outcome("m", "mistake", "t"),
        outcome("n", "mistake"),
        outcome("c", "cheat", "t", "u"),
        outcome("u", "untouched", "t"),
    ]
    (count,) = visible_parts.counts((CELL,), outcomes)
    assert count == Count("f, g", 2, ("n",))
    assert visible_parts.to_json([count]) == {"f, g": {"seen": 2, "passing": ["n"]}}
    assert "2 of   3   67%  f, g (not: n)" in visible_parts.table([count])
    assert visible_parts.complaints(outcomes) == []


def test_a_right_answer_that_fails_a_visible_part_is_a_complaint():
    (line,) = visible_parts.complaints([outcome("r", "right", "t")])
    assert line == "r: fails t, and must not: AssertionError: no"


def test_a_function_without_mistakes_is_not_counted():
    assert visible_parts.counts((CELL,), [outcome("r", "right")]) == []
    assert Count("f", 0, ()).share == 1.0


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("assignment", ASSIGNMENTS)
def test_students_can_find_nine_mistakes_of_ten_and_no_right_answer_fails(assignment):
    trials = mutation.Trials(Course.find(), assignment)
    chosen = mutation.variants(mistakes.catalogue(assignment), trials.tests)
    outcomes = list(visible_parts.run(trials, chosen, workers=2))
    assert visible_parts.complaints(outcomes) == []
    by_function = visible_parts.counts(trials.catalogue, outcomes)
    assert all(count.share >= LEAST for count in by_function), visible_parts.table(by_function)
