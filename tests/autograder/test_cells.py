import doctest

import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell
from nbgrader import utils

from autograder import cells, regions

FLAGS = [
    {},
    {"grade": True},
    {"solution": True},
    {"locked": True},
    {"grade": True, "solution": True},
    {"grade": True, "locked": True},
    {"solution": True, "locked": True},
]


@pytest.mark.parametrize("flags", FLAGS, ids=str)
@pytest.mark.parametrize("new", [new_code_cell, new_markdown_cell])
def test_cells_are_told_apart_as_nbgrader_does(new, flags):
    cell = new("x", metadata={"nbgrader": {"grade_id": "a", **flags}})
    assert cells.is_locked(cell) == utils.is_locked(cell)
    assert cells.is_graded(cell) == utils.is_grade(cell)
    assert cells.is_solution(cell) or cells.is_answer(cell) or not utils.is_solution(cell)
    is_code = cell.cell_type == "code"
    assert cells.is_test(cell) == (is_code and utils.is_grade(cell) and not utils.is_solution(cell))
    assert cells.grade_id(cell) == "a"


def test_a_cell_that_is_not_nbgraders_is_none_of_all():
    cell = new_code_cell("x")
    kinds = (cells.is_test, cells.is_solution, cells.is_answer, cells.is_locked, cells.is_graded)
    assert not any(kind(cell) for kind in kinds)
    assert not any(kind({}) for kind in kinds)
    assert cells.grade_id(cell) == ""


@pytest.mark.parametrize(
    ("flags", "source", "skipped"),
    [
        ({"locked": True}, "changed", True),
        ({}, "released", True),
        ({}, " released\n", True),
        ({}, "changed", False),
    ],
)
def test_a_demonstration_is_skipped_unless_the_student_changed_it(flags, source, skipped):
    cell = new_code_cell(source, id="d", metadata={"tags": ["demo"], "nbgrader": flags})
    assert cells.is_skipped(cell, {"d": "released"}) == skipped
    cell.metadata.tags = []
    assert not cells.is_skipped(cell, {"d": "released"})


def test_a_region_without_an_end_hides_the_rest():
    source = "a\n### BEGIN HIDDEN TESTS\nb\nc"
    assert regions.without(source, regions.HIDDEN_TESTS) == "a\n"
    assert regions.find(source, regions.HIDDEN_TESTS) == [regions.Region(2, 4, "b\nc")]


def test_an_end_without_a_beginning_hides_its_own_line():
    source = "a\n### END HIDDEN TESTS\nb"
    assert regions.without(source, regions.HIDDEN_TESTS) == "a\nb"
    assert regions.find(source, regions.HIDDEN_TESTS) == []
    assert regions.has(source, regions.HIDDEN_TESTS)


def test_regions_of_other_kinds_stay():
    solution = "### BEGIN SOLUTION\nx\n### END SOLUTION\n"
    source = f"{solution}# BEGIN HIDDEN TESTS\ny\n# END HIDDEN TESTS\n"
    assert regions.without(source, regions.HIDDEN_TESTS) == solution
    assert [r.text for r in regions.find(source, regions.SOLUTION)] == ["x\n"]


def test_lines_end_where_python_ends_them():
    source = "a = '\x0c\u2028'\n### BEGIN HIDDEN TESTS\nb\n### END HIDDEN TESTS\n"
    assert regions.find(source, regions.HIDDEN_TESTS) == [regions.Region(2, 4, "b\n")]


@pytest.mark.parametrize("module", [cells, regions])
def test_examples_in_docstrings_hold(module):
    assert doctest.testmod(module) == (0, doctest.testmod(module).attempted)
    assert doctest.testmod(module).attempted > 0
