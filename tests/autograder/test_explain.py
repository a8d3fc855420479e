# ruff: noqa: NPY002  (students use the legacy generator, so its state is what travels)
"""A diagnosis names what gives the student's outputs, and nothing else."""

import time
from dataclasses import replace

import numpy as np
import pytest

import mistakes
from autograder.diagnosis import compare, explain, recorded_calls
from minikernel.encoding import Encoder
from minikernel.randomness import generator_states
from minikernel.server import describe_error
from mistakes import Cell, EditError, Mistake
from mistakes.depths import SHALLOWER


def wrong(name, *edits, cheat=False):
    return Mistake(
        name, f"about {name}", f"Look at {name}.", f"Not {name}.", ("t",), edits, cheat=cheat
    )


HALF = wrong("double-half", ("2 * x", "x / 2"))
THRICE = wrong("double-thrice", ("2 * x", "3 * x"))
LIKE_HALF = wrong("double-plus", ("2 * x", "x + x + 1"))
DOUBLE = Cell(
    "d",
    ("double",),
    "def double(x):\n    return 2 * x\n",
    (),
    (HALF, THRICE, LIKE_HALF),
    where="problem 1",
)
FOURFOLD = Cell(
    "f",
    ("fourfold",),
    "def fourfold(x):\n    return double(double(x))\n",
    (),
    (wrong("fourfold-once", ("double(double(x))", "double(x)")),),
    where="problem 2",
)
GRID = np.arange(6.0).reshape(2, 3) + 1


def called(function, *args, **kwargs):
    """Return a call of a function, as a test would have made it."""
    encoder = Encoder()
    encoded = encoder.encode(list(args)), encoder.encode(kwargs)
    arrays = [array.copy() for array in encoder.arrays]
    call = recorded_calls.Call(function.__name__, *encoded, arrays, {}, generator_states())
    try:
        call.value = function(*args, **kwargs)
    except Exception as error:
        call.error = describe_error(error) | {"traceback": "Cell In[3], line 4"}
    return call


def explained(*made, cells=(DOUBLE, FOURFOLD), students=None, seconds=60.0):
    deadline = time.monotonic() + seconds
    return explain.Explainer(cells, {"np": np}, students or {}, deadline).explain(made)


def double(x):
    return x / 2


def test_the_mistake_with_the_students_outputs_is_named_with_its_hint():
    found = explained(called(double, GRID), called(double, np.zeros(3)))
    assert found["mistake"] == "double-half"
    assert found["hint"] == HALF.hint
    assert found["nudge"] == HALF.nudge
    assert found["where"] == "problem 1"
    assert found["summary"] == "double: every value is 0.25 times what it should be"


def test_a_value_is_explained_as_a_function_without_arguments_is():
    cell = Cell("s", ("table",), "table = np.ones(3) * 2\n", (), (wrong("t", ("* 2", "/ 2")),))
    assert (
        explained(recorded_calls.of_value("table", np.ones(3) / 2), cells=(cell,))["mistake"] == "t"
    )
    assert explained(recorded_calls.of_value("table", np.ones(3) * 2), cells=(cell,)) is None


def test_right_outputs_are_never_accused():
    def double(x):
        return x + x

    assert explained(called(double, GRID), called(double, 3), called(double, np.zeros(2))) is None


def test_a_mistake_must_give_every_output_the_right_ones_too():
    def double(x):  # wrong as double-half is, but not everywhere
        return x / 2 if np.size(x) > 1 else 2 * x

    found = explained(called(double, GRID), called(double, np.array([5.0])))
    assert "mistake" not in found
    assert found["function"] == "double"


def test_outputs_that_right_and_wrong_share_are_no_evidence():
    found = explained(called(double, np.zeros(3)))
    assert found is None


def test_something_else_is_described_and_not_named():
    def double(x):
        return np.asarray(x) ** 2 + 0.1

    found = explained(called(double, GRID))
    assert "mistake" not in found
    assert "the first at [0, 0]" in found["summary"]


def test_cheats_are_not_accused_of_by_diagnosis():
    cheat = wrong("double-fixed", ("2 * x", "x / 2"), cheat=True)
    cell = Cell("d", ("double",), DOUBLE.right, (), (cheat,))
    assert "mistake" not in explained(called(double, GRID), cells=(cell,))


def test_a_wrong_helper_is_blamed_and_not_the_function_that_uses_it():
    def fourfold(x):
        return double(double(x))

    found = explained(called(fourfold, GRID), students={"double": double})
    assert found["blames"] == "double"
    assert "mistake" not in found
    own = explained(called(fourfold, GRID), students={"double": lambda x: 2 * x})
    assert "blames" not in own


def test_the_functions_own_mistake_is_named_where_its_helper_is_right():
    def fourfold(x):
        return 2 * x

    found = explained(called(fourfold, GRID), students={"double": lambda x: 2 * x})
    assert found["mistake"] == "fourfold-once"


def test_an_exception_is_told_by_class_and_line_and_accuses_nobody():
    def double(x):
        raise KeyError("secret value 1234")

    found = explained(called(double, GRID))
    assert found["summary"] == "double raises KeyError in line 4 of its cell"
    assert "1234" not in str(found)
    assert "mistake" not in found


@pytest.mark.parametrize(
    ("ends_in", "line"),
    [("double", "line 4 of its cell"), ("halved", "line 4 of the halved cell")],
)
def test_a_line_is_that_of_the_function_that_has_it(ends_in, line):
    def double(x):
        raise IndexError(x)

    call = called(double, GRID)
    frame = '  File "/tmp/ipykernel_7/1.py", line {}, in {}\n    x[9]\n'
    call.error["traceback"] = frame.format(2, "double") + frame.format(4, ends_in)
    assert explained(call)["summary"] == f"double raises IndexError in {line}"


def test_an_exception_names_a_mistake_if_it_alone_raises_the_same_about_the_same_sizes():
    def product(x, y):
        return x @ y.T

    right = "def product(x, y):\n    return x @ y\n"
    turned = wrong("product-turned", ("x @ y", "x @ y.T"))
    other = wrong("product-other", ("x @ y", "y @ x.T"))
    made = called(product, np.ones((2, 3)), np.ones((3, 4)))
    for others, named in [((), "product-turned"), ((other,), "product-turned"), ((turned,), None)]:
        twin = tuple(replace(mistake, name=f"{mistake.name}-too") for mistake in others)
        cell = Cell("p", ("product",), right, (), (turned, *twin))
        assert explained(made, cells=(cell,)).get("mistake") == named


def test_an_argument_that_is_changed_is_noticed_where_the_result_is_right():
    def double(x):
        return 2 * x

    call = called(double, GRID)
    call.changed = True
    assert "changes an argument" in explained(call)["summary"]


def test_a_change_of_an_argument_is_named_where_the_catalogue_has_it():
    known = wrong("double-in-place", ("2 * x", "np.multiply(x, 2, out=x)"))
    cell = Cell("d", ("double",), DOUBLE.right, (), (THRICE, known), where="problem 1")
    call = called(lambda x: 2 * x, GRID)
    call.name, call.changed = "double", True
    assert explained(call, cells=(cell,))["mistake"] == "double-in-place"


SUM = Cell(
    "s",
    ("total",),
    "def total(x):\n    return double(x) + fourfold(x)\n",
    (),
    (wrong("total-first", (" + fourfold(x)", "")),),
    where="problem 3",
)


def test_several_wrong_helpers_are_blamed_together_and_right_ones_are_not():
    def halved(x):
        return x / 2

    def ninefold(x):
        return 9 * x

    def total(x):
        return halved(x) + ninefold(x)

    cells = (
        DOUBLE,
        FOURFOLD,
        Cell("z", ("zero",), "def zero(x):\n    return 0 * x\n", (), ()),
        Cell("s", ("total",), SUM.right.replace("fourfold(x)", "fourfold(x) + zero(x)"), (), ()),
    )
    students = {"double": halved, "fourfold": ninefold, "zero": lambda x: 0 * x}
    found = explained(called(total, GRID), cells=cells, students=students)
    assert found["blames"] == "double"
    assert "with your double and fourfold in it" in found["summary"]


def test_a_function_that_raises_what_its_helper_raises_blames_the_helper():
    def double(x):
        raise ValueError("shapes")

    def fourfold(x):
        return double(double(x))

    found = explained(called(fourfold, GRID), students={"double": double})
    assert found["blames"] == "double"


def test_names_that_later_cells_need_do_not_keep_an_early_cell_from_being_explained():
    late = Cell(
        "l", ("late",), "late = NOT_YET * 2\nshow(late)\ndef late_too():\n    pass\n", (), ()
    )
    found = explained(called(double, GRID), cells=(DOUBLE, late, FOURFOLD))
    assert found["mistake"] == "double-half"


def test_what_a_cell_of_the_catalogue_shows_is_not_shown_again():
    shown = []
    cell = Cell("d", ("double",), DOUBLE.right + "show()\n", (), DOUBLE.mistakes)
    explainer = explain.Explainer(
        (cell,), {"np": np, "show": lambda: shown.append(1)}, {}, time.monotonic() + 60
    )
    assert explainer.explain([called(double, GRID)])["mistake"] == "double-half"
    assert shown == []


def test_tests_agree_on_the_mistake_that_explains_most_of_them():
    ambiguous = wrong("double-none", ("2 * x", "np.zeros_like(x)"))
    half_of_large = wrong("double-small-none", ("2 * x", "np.where(x < 3, 0, 2 * x)"))
    cell = Cell("d", ("double",), DOUBLE.right, (), (ambiguous, half_of_large))

    def double(x):
        return np.where(x < 3, 0, 2 * x)

    made = {
        "a": [called(double, GRID / 10)],
        "b": [called(double, GRID)],
        "c": [called(double, 2 * GRID)],
    }
    explainers = {
        test: explain.Explainer((cell,), {"np": np}, {}, time.monotonic() + 60) for test in made
    }
    found = {test: explainers[test].explain(each) for test, each in made.items()}
    assert found["a"]["mistake"] == "double-none"  # which it looks like, there
    explain.agree(found, explainers)
    assert {each["mistake"] for each in found.values()} == {"double-small-none"}


@pytest.mark.parametrize(("others", "stays"), [("bc", False), ("b", True)])
def test_a_mistake_that_most_failures_contradict_is_not_named(others, stays):
    ambiguous = wrong("double-none", ("2 * x", "np.zeros_like(x)"))
    cell = Cell("d", ("double",), DOUBLE.right, (), (ambiguous,))

    def double(x):
        return np.where(x < 3, 0, x**3)

    made = {"a": [called(double, GRID / 10)]} | {test: [called(double, GRID)] for test in others}
    explainers = {
        test: explain.Explainer((cell,), {"np": np}, {}, time.monotonic() + 60) for test in made
    }
    found = {test: explainers[test].explain(each) for test, each in made.items()}
    assert found["a"]["mistake"] == "double-none"
    explain.agree(found, explainers)
    assert [test for test in found if "mistake" in found[test]] == (["a"] if stays else [])


def test_one_of_two_mistakes_is_named_where_both_show_too():
    tiny = wrong("double-tiny", ("2 * x", "2 * x * (np.abs(x) > 1)"))
    sign = wrong("double-sign", ("return", "return np.sign(x - 2) *"))
    cell = Cell("d", ("double",), DOUBLE.right, (), (tiny, sign))

    def double(x):
        return np.sign(x - 2) * 2 * x * (np.abs(x) > 1)

    made = {"b": [called(double, GRID / 4 + 1.5)]}  # from 1.75 on
    made |= {test: [called(double, GRID / 2)] for test in "cd"}  # from 0.5 on
    explainers = {
        test: explain.Explainer((cell,), {"np": np}, {}, time.monotonic() + 60) for test in made
    }
    found = {test: explainers[test].explain(each) for test, each in made.items()}
    assert found["b"]["mistake"] == "double-sign"
    assert "mistake" not in found["c"]
    explain.agree(found, explainers)
    assert {each["mistake"] for each in found.values()} == {"double-sign"}


def test_functions_that_the_catalogue_does_not_have_are_left_alone():
    def helper(x):
        return x

    assert explained(called(helper, 1)) is None


def test_when_time_is_up_nothing_more_is_tried():
    assert explained(called(double, GRID), seconds=-1) is None


def test_the_random_state_of_the_call_is_used_and_left_as_it_was():
    right = "def draw():\n    return float(np.random.random())\n"
    square = wrong("draw-square", ("random())", "random() ** 2)"))
    cell = Cell("r", ("draw",), right, (), (square,))

    def draw():
        return float(np.random.random() ** 2)

    np.random.seed(4)
    call = called(draw)
    before = np.random.get_state()[2]
    assert explained(call, cells=(cell,))["mistake"] == "draw-square"
    assert np.random.get_state()[2] == before


def test_what_a_mistake_does_to_its_arguments_is_not_seen_by_the_next():
    spoil = wrong("double-spoils", ("return 2 * x", "x[:] = 0; return x"))
    cell = Cell("d", ("double",), DOUBLE.right, (), (spoil, HALF))
    assert explained(called(double, GRID.copy()), cells=(cell,))["mistake"] == "double-half"


def test_the_first_layer_that_goes_wrong_is_found():
    right = "def gpt2(inputs, wte, wpe, blocks, ln_f, n):\n    return sum(blocks, np.ones(3))\n"
    cell = Cell("g", ("gpt2",), right)

    def gpt2(inputs, wte, wpe, blocks, ln_f, n):
        return sum(blocks[:2], np.ones(3)) + np.arange(3) * len(blocks[2:])

    call = called(gpt2, [1], 0, 0, [1.0, 2.0, 3.0, 4.0], 0, 1)
    found = explained(call, cells=(cell,), students={"gpt2": gpt2})
    assert found["summary"].endswith("with 2 layers it is right, with 3 it is not")


def test_layers_are_silenced_where_their_number_is_fixed():
    weights = {
        f"layers.{i}.{part}.weight": np.ones((2, 2))
        for i in range(2)
        for part in ("attention.wq", "attention.wo", "feed_forward.2")
    }
    live = [
        [name for name, value in cut[0][1].items() if value.any()]
        for cut in SHALLOWER["transformer"]([[1], weights], {})
    ]
    assert [len(names) for names in live] == [2, 4, 6]
    assert "layers.0.attention.wo.weight" in live[1]


@pytest.mark.parametrize(
    ("found", "wanted", "words"),
    [
        (None, GRID, "it returns nothing (None)"),
        ("text", GRID, "it does not return numbers but str"),
        (GRID.T, GRID, "the result has the shape (3, 2), and should have (2, 3)"),
        (GRID * np.nan, GRID, "6 of 6 values are not finite numbers (nan or inf)"),
        (GRID[:, :2].T, GRID[:, :2], "the result is the right one, transposed"),
        (GRID * 3, GRID, "every value is 3 times what it should be"),
        (GRID - 2, GRID, "every value is too small by the same amount"),
        (4.5, 3.0, "the number is 50.0% off"),
        (3.0001, 3.0, "the number is less than 0.1% off"),
        ("abd", "abc", "the first 2 of 3 characters are right, the next is not"),
        ("ab", "abc", "the text has 2 characters, and should have 3"),
        (3, "abc", "it does not return a text but int"),
        (
            GRID + np.array([[0, 0, 0], [1, 0, 2]]),
            GRID,
            "2 of 6 values are wrong, the first at [1, 0] (only row 1 is wrong); "
            "the largest error is 0.33 times the largest value",
        ),
    ],
)
def test_differences_are_told_the_coarsest_first(found, wanted, words):
    assert compare.describe(found, wanted) == words


@pytest.mark.parametrize(
    ("one", "other", "apart"),
    [
        (GRID, GRID.tolist(), 0.0),
        (GRID, GRID + 6, 0.5),
        (GRID, GRID.T, np.inf),
        ("a", "a", 0.0),
        ("a", "b", np.inf),
        (None, None, 0.0),
        (None, 1.0, np.inf),
        ([np.nan, 1], [np.nan, 1], 0.0),
        ([np.inf], [-np.inf], np.inf),
        ([], [], 0.0),
        (1e9, 1e9 + 1, 1e-9),
        (1e-9, 0.0, 1e-9),
    ],
)
def test_distances_are_relative_and_nan_is_like_nan(one, other, apart):
    assert compare.distance(one, other) == pytest.approx(apart, rel=1e-6)


def test_an_edit_that_does_not_fit_is_refused():
    with pytest.raises(EditError, match="occurs 0 times"):
        DOUBLE.code(wrong("x", ("3 * x", "x")))


@pytest.mark.parametrize("assignment", mistakes.assignments())
def test_every_entry_is_python_unlike_the_right_answer_and_says_why(assignment):
    cells = mistakes.catalogue(assignment)
    names = [each.name for cell in cells for each in cell.mistakes]
    assert len(set(names)) == len(names)
    for cell in cells:
        assert cell.where
        codes = [cell.right, *(each.code for each in (*cell.rights, *cell.rights_held_back))]
        codes += [cell.code(each) for each in cell.mistakes]
        codes += [each.code for each in cell.held_back]
        for code in codes:
            compile(code, cell.id, "exec")
        assert len(set(codes)) == len(codes)
        for each in cell.mistakes:
            assert len(each.hint) > 30
            assert each.nudge.endswith((".", "?", "!"))
        for held in cell.held_back:
            assert set(held.reasons) <= set(names)
