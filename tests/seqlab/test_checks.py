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
        r"your scores: only row 1 is wrong; .*\nAt \[1, 0\]: 9, expected 3 \(1 of 6 values",
        checks.expect_close,
        "scores",
        wrong,
        SQUARE,
        atol=0.1,
    )


def off(by, dtype=np.float64):
    """Numbers up to 5000 of which each is off by a share of it."""
    return (1000 * SQUARE * (1 + by)).astype(dtype)


@pytest.mark.parametrize(
    ("dtype", "passes", "fails"),
    [(np.float32, 1e-6, 1e-4), (np.float64, 1e-14, 1e-12), (np.float16, 0.0, 1e-3)],
)
def test_rounding_is_allowed_for_as_the_type_of_the_result_makes_it_and_no_more(
    dtype, passes, fails
):
    checks.expect_close("scores", off(passes, dtype), 1000 * SQUARE)
    refuses("expected", checks.expect_close, "scores", off(fails, dtype), 1000 * SQUARE)


def test_a_tolerance_means_what_it_says():
    wrong = np.array([0.5, 0.5 + 1e-5])
    refuses("expected 0.5 ", checks.expect_close, "shares", wrong, [0.5, 0.5], atol=1e-12)
    refuses("expected 0.5 ", checks.expect_close, "shares", wrong, [0.5, 0.5], atol=9.9e-6)
    checks.expect_close("shares", wrong, [0.5, 0.5], atol=1.01e-5)
    refuses("expected 0.5 ", checks.expect_close, "shares", wrong, [0.5, 0.5], rtol=1.9e-5)
    checks.expect_close("shares", wrong, [0.5, 0.5], rtol=2.1e-5)


def test_numbers_of_any_size_are_compared_as_exactly_as_others():
    for scale in (1e-12, 1.0, 1e12):
        single = (scale * SQUARE).astype(np.float32)
        checks.expect_close("scores", single, scale * SQUARE)
        refuses("expected", checks.expect_close, "scores", single * 1.001, scale * SQUARE)
        refuses("expected", checks.expect_close, "scores", 0 * single, scale * SQUARE)


def test_digits_are_shown_until_the_difference_can_be_seen():
    refuses(
        r"at \[0\]: 0.123456780001, expected 0.12345678 \(1",
        checks.expect_close,
        "x",
        [0.123456780001, 0],
        [0.12345678, 0],
    )


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_values_that_are_no_numbers_never_pass(value):
    refuses("expected 0", checks.expect_close, "x", np.full(3, value), np.zeros(3), atol=1e300)
    refuses("your x", checks.expect_close, "x", np.zeros(3), np.full(3, value), atol=1e300)


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


@pytest.mark.parametrize("value", [5.3188, 5.319, 5.32, np.float32(5.3188)])
def test_a_figure_rounded_to_two_decimals_is_right(value):
    checks.expect_number("perplexity", value, 5.3188, atol=0.005, rtol=2e-5)


@pytest.mark.parametrize("value", [5.3, 5, np.float32(5.3), np.array([5])])
def test_a_figure_rounded_more_coarsely_is_called_that(value):
    refuses("rounded too coarsely", checks.expect_number, "perplexity", value, 5.3188, atol=0.005)
    refuses("expected 5.31", checks.expect_number, "perplexity", 5.2, 5.3188, atol=0.005)


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
