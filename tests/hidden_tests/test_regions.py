"""Hidden regions are short, and what a student sees of a test shows no trace of them."""

import ast
import doctest

import nbformat
import pytest

from autograder import cells, regions
from course.directory import Course
from hidden_tests import assignment5, gpt2, recurrent, unchanged
from seqlab.names import names
from tests.conftest import ROOT

COURSE = Course(ROOT)
ASSIGNMENTS = ("assignment5", "gpt2")
MOST_LINES = 25  # that are not blank


def code_cells(assignment):
    master = nbformat.read(COURSE.master(assignment), as_version=4)
    return [cell for cell in master.cells if cell.cell_type == "code"]


CELLS = [
    pytest.param(cell.source, id=cell.id)
    for assignment in ASSIGNMENTS
    for cell in code_cells(assignment)
    if cells.is_test(cell)
]


def unused_imports(source):
    """Return the names that a piece of code imports and never reads."""
    tree = ast.parse(source)
    imported = {
        (alias.asname or alias.name).partition(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, (ast.Import, ast.ImportFrom))
        for alias in node.names
    }
    return imported - {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}


@pytest.mark.parametrize("source", CELLS)
def test_hidden_regions_fit_on_a_screen(source):
    hidden = regions.find(source, regions.HIDDEN_TESTS)
    lines = [line for region in hidden for line in region.text.splitlines() if line.strip()]
    assert len(lines) <= MOST_LINES


@pytest.mark.parametrize("source", CELLS)
def test_visible_parts_use_what_they_import_and_name_nothing_hidden(source):
    visible = regions.without(source, regions.HIDDEN_TESTS)
    assert not unused_imports(visible)
    assert not unused_imports(source)
    assert "hidden" not in visible.lower()
    assert "fmt:" not in source


@pytest.mark.parametrize("assignment", ASSIGNMENTS)
def test_tests_read_no_name_that_only_another_test_or_a_demonstration_defines(assignment):
    everything = code_cells(assignment)
    defined = set()
    for cell in everything:
        if not (cells.is_test(cell) or cells.is_demo(cell)):
            defined |= names(cell.source).defined
    for cell in filter(cells.is_test, everything):
        for part in (cell.source, regions.without(cell.source, regions.HIDDEN_TESTS)):
            assert names(part).at_once | names(part).later <= defined, cell.id


@pytest.mark.parametrize("module", [assignment5, gpt2, recurrent, unchanged])
def test_examples_in_docstrings_hold(module):
    assert doctest.testmod(module).failed == 0


def test_an_unused_import_is_found():
    assert unused_imports("import numpy as np\nfrom seqlab import draws, checks\nchecks") == {
        "np",
        "draws",
    }
