import warnings

import numpy as np
import pytest

from seqlab import checks

SQUARE = np.arange(6.0).reshape(2, 3)


def refuses(message, check, *arguments, **keywords):
    with pytest.raises(AssertionError, match=message):
        check(*arguments, **keywords)


@pytest.mark.parametrize(
    "value",
    [
        SQUARE,
        SQUARE.tolist(),
        tuple(map(tuple, SQUARE)),
        SQUARE.astype(np.float32),
        SQUARE.astype(int),
    ],
)
def test_arrays_and_lists_of_any_type_pass_alike(value):
    checks.expect_close("scores", value, SQUARE, atol=1e-9)


def test_the_shape_is_said_before_any_value():
    refuses(
        r"your scores: the shape is \(3, 2\), expected \(2, 3\)",
        checks.expect_close,
        "scores",
        SQUARE.T,
        SQUARE,
    )


def test_the_first_value_that_differs_is_named_with_its_place():
    wrong = SQUARE.copy()
    wrong[1, 0] = 9
    refuses(
        r"your scores at \[1, 0\]: 9, expected 3 \(1 of 6 values differ\)",
        checks.expect_close,
        "scores",
        wrong,
        SQUARE,
        atol=0.1,
    )


def test_results_may_be_off_by_the_rounding_of_float32_and_no_more():
    off = (1000 * SQUARE * (1 + 1e-6)).astype(np.float32)
    checks.expect_close("scores", off, 1000 * SQUARE)
    refuses("expected", checks.expect_close, "scores", 1000 * SQUARE * 1.0001, 1000 * SQUARE)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_values_that_are_no_numbers_never_pass(value):
    refuses("expected 0", checks.expect_close, "x", np.full(3, value), np.zeros(3), atol=1e300)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (None, "Does the function return its result"),
        (..., "still the three dots"),
        ("text", "not an array of numbers but str 'text'"),
        ([[1, 2], [3]], "not an array of numbers"),
        (object(), "not an array of numbers"),
    ],
)
def test_what_is_no_array_is_said_in_words(value, message):
    refuses(message, checks.expect_array, "result", value)


def test_a_number_may_be_an_array_of_one():
    checks.expect_number("perplexity", np.array([3.5]), 3.5)
    refuses("expected one number", checks.expect_number, "perplexity", [1, 2], 1)
    refuses("expected 3.5", checks.expect_number, "perplexity", 3.6, 3.5, rtol=0.01)


def test_texts_differ_in_length_first_and_then_in_a_character():
    checks.expect_text("text", "abc", "abc")
    refuses("has 2 characters, expected 3", checks.expect_text, "text", "ab", "abc")
    refuses("has 'x' as character 1, expected 'b'", checks.expect_text, "text", "axc", "abc")
    refuses("not a string", checks.expect_length, "text", ["a"], 1)
    refuses("expected the prompt", checks.expect_start, "text", "abc", "b")


def test_shares_tell_sampling_from_taking_the_best():
    shares = {"a": 0.6, "b": 0.4}
    checks.expect_shares("sampling", "a" * 58 + "b" * 42, shares, 0.05)
    refuses("makes up 100.0% of 50 draws", checks.expect_shares, "s", "a" * 50, shares, 0.05)
    refuses("its probability is 0", checks.expect_shares, "s", "abc", shares, 0.9)


def test_arguments_must_stay_as_they_were():
    checks.expect_unchanged("x", SQUARE, SQUARE.copy())
    refuses("changes its argument x", checks.expect_unchanged, "x", SQUARE, SQUARE + 1)


def raises(error):
    def call():
        raise error

    return call


def test_an_error_must_be_of_its_kind_and_name_the_cause():
    checks.expect_error("f", ValueError, "'ß'", raises(ValueError("no 'ß' here")))
    refuses("does not name", checks.expect_error, "f", ValueError, "'ß'", raises(ValueError("no")))
    refuses("KeyError", checks.expect_error, "f", ValueError, "x", raises(KeyError("x")))
    refuses("it returned int 3", checks.expect_error, "f", ValueError, "x", lambda: 3)


def test_quiet_silences_warnings_and_bars_and_lets_errors_pass(capsys):
    import sys

    with checks.quiet():
        np.log(np.zeros(1))
        warnings.warn("a student's own", stacklevel=1)
        print("a bar", file=sys.stderr)
    assert capsys.readouterr().err == ""
    with pytest.raises(ZeroDivisionError), checks.quiet():
        1 / 0  # noqa: B018
