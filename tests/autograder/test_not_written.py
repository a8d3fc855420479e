"""What is not written is called that in feedback, and no mistake is named in it."""

import shutil

import pytest

import mistakes
from autograder.cell_notes import Diagnosis
from autograder.diagnosis import phrases
from autograder.diagnosis.not_written import NotWritten
from seqlab.unwritten import unwritten
from tests.support import three_functions
from tests.support.three_functions import CATALOGUE, STUB, graded, note

RELEASED = '''
def scale(x, w):
    """Scale x."""
    g, b = w["g"], w["b"]
    # your code here
    return x


def helper(x):
    return x
'''
NOT_WRITTEN = {
    "as handed out": RELEASED,
    "with a comment more": RELEASED.replace("return x\n\n", "return x  # later\n\n", 1),
    "pass": "def scale(x, w):\n    pass",
    "dots": "def scale(x, w):\n    ...",
    "a docstring": "def scale(x, w):\n    'Scale.'",
    "return": "def scale(x, w):\n    return",
    "return None": "def scale(x, w):\n    return None",
    "return ...": "def scale(x, w):\n    return ...",
    "return x": "def scale(x, w):\n    return x",
    "an exception": "def scale(x, w):\n    raise NotImplementedError('soon')",
    "a variable of dots": "def scale(x, w):\n    y = ...\n    return y",
    "half of it": "def scale(x, w):\n    g = w['g']\n    y = ...\n    return g * y",
    "dots in a loop": "def scale(x, w):\n    for i in x:\n        y = ...\n    return y",
}
WRITTEN = {
    "right": "def scale(x, w):\n    return w['g'] * x + w['b']",
    "wrong": "def scale(x, w):\n    return w['g'] * x",
    "one line more": RELEASED.replace("# your code here", "x = x + b"),
    "dots that are overwritten": "def scale(x, w):\n    y = ...\n    y = x\n    return y",
    "dots in a tuple later": "def scale(x, w):\n    y = ...\n    y, z = x, w\n    return y",
    "dots that a loop changes": "def scale(x, w):\n    y = ...\n    for y in x:\n        return y",
    "dots that nobody reads": "def scale(x, w):\n    y = ...\n    z = x * w['g']\n    return z",
    "dots as an index": "def scale(x, w):\n    return w['g'] * x[..., 0]",
    "an exception of another kind": "def scale(x, w):\n    raise ValueError",
    "does not compile": "def scale(x, w:\n    return x",
    "is gone": "",
}


@pytest.mark.parametrize("kind", NOT_WRITTEN)
def test_what_is_not_written_is_seen(kind):
    assert list(unwritten(NOT_WRITTEN[kind], RELEASED)) in (["scale"], ["scale", "helper"])


@pytest.mark.parametrize("kind", WRITTEN)
def test_what_is_written_is_not_called_unwritten(kind):
    assert "scale" not in list(unwritten(WRITTEN[kind], RELEASED))


CELL = mistakes.Cell("s", ("scale", "shift"), "", where="problem 1")
SHIFT = "def shift(x):\n    return x + 1"


def lacking(source):
    return NotWritten.of([(CELL, ["scale-test", "shift-test"])], {"s": source}, {"s": RELEASED})


def test_of_a_cell_with_two_functions_one_may_be_written():
    half = lacking(f"{SHIFT}\n{NOT_WRITTEN['pass']}")
    assert half.functions == {"scale"}
    assert half.diagnosis("scale-test") is None
    guess = Diagnosis(
        function="scale", where="", summary="scale: x", mistake="m", nudge="n", hint="h"
    )
    assert half.corrected(guess) == {
        "function": "scale",
        "where": "",
        "summary": "scale is not written yet",
    }
    other = Diagnosis(function="shift", where="", summary="shift: x", mistake="m")
    assert half.corrected(other) is other


def test_a_cell_of_nothing_needs_no_calls():
    none = lacking(RELEASED)
    assert none.diagnosis("shift-test")["summary"] == "scale is not written yet"
    assert none.diagnosis("another-test") is None


def test_who_needs_a_function_that_is_not_written_is_told_so():
    blame = Diagnosis(function="block", where="", summary="fix scale", blames="scale")
    told = lacking(RELEASED).corrected(blame)
    assert told["summary"] == "block needs scale, which is not written yet"
    assert told["blames"] == "scale"


@pytest.mark.parametrize("name", phrases.ALL)
def test_every_phrase_has_an_example_that_can_be_read(name):
    assert "{" not in phrases.ALL[name].example()


needs_bubblewrap = pytest.mark.skipif(shutil.which("bwrap") is None, reason="needs bubblewrap")
MISTAKEN = CATALOGUE.replace("from mistakes import Cell", "from mistakes import Cell, Mistake")
MISTAKEN = MISTAKEN.replace(
    '"def shares(x): return x / x.sum()")',
    '"def shares(x): return x / x.sum()", mistakes=(Mistake("shares-none", "", "No?", "No.",'
    ' edits=(("x / x.sum()", "x"),)),))',
)
GUESSED = {
    "as released": STUB.format("shares"),
    "return x": "def shares(x):\n    return x",
    "pass": "def shares(x):\n    pass",
}


@needs_bubblewrap
@pytest.mark.filterwarnings("ignore")  # nbformat's and jupyter's own
@pytest.mark.parametrize("kind", GUESSED)
def test_feedback_says_that_nothing_is_written_and_names_no_mistake(kind):
    result = graded(GUESSED[kind], catalogue=MISTAKEN)
    diagnosis = note(result, "shares-test").failure.diagnosis
    assert diagnosis == {"function": "shares", "where": "", "summary": "shares is not written yet"}
    after = note(result, "mean-test").failure.diagnosis
    assert after["summary"] == "mean needs shares, which is not written yet"


@needs_bubblewrap
@pytest.mark.filterwarnings("ignore")  # nbformat's and jupyter's own
def test_what_is_written_and_wrong_keeps_its_explanation():
    result = graded("def shares(x):\n    y = x\n    return y", catalogue=MISTAKEN)
    assert note(result, "shares-test").failure.diagnosis["mistake"] == "shares-none"


@needs_bubblewrap
@pytest.mark.filterwarnings("ignore")  # nbformat's and jupyter's own
def test_grading_keeps_the_plain_messages_whatever_a_provided_cell_asks_for(monkeypatch):
    setup = "import numpy as np\nfrom seqlab import checks\nchecks.explain('full')"
    monkeypatch.setattr(three_functions, "SETUP", setup)
    test = (
        "from seqlab.checks import expect_close, quiet\nwith quiet():\n"
        "    made = shares(np.array([1.0, 3.0]))\nexpect_close('shares', made, [0.25, 0.75])"
    )
    monkeypatch.setitem(three_functions.TESTS, "shares-test", test)
    (error,) = error_of(graded("def shares(x):\n    return 2 * x / x.sum()"))
    assert error.ename == "AssertionError"
    assert error.evalue == "your shares at [0]: 0.5, expected 0.25 (2 of 2 values differ)"
    (error,) = error_of(graded("def shares(x):\n    return x @ np.ones(3)"))
    assert error.ename == "ValueError"


def error_of(result):
    cell = next(cell for cell in result.cells if cell.id == "shares-test")
    return [output for output in cell.outputs if output.output_type == "error"]
