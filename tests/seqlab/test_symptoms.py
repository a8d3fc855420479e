"""What a failed check says of numbers and texts, and that it says nothing that does not hold."""

import re
from pathlib import Path

import numpy as np
import pytest

from seqlab import sentences, symptoms, text_symptoms
from seqlab.symptoms import Mismatch

RNG = np.random.default_rng(3)
WANT = RNG.normal(size=(4, 5))
SQUARE = RNG.normal(size=(4, 4))
SCORES = RNG.normal(size=(3, 4))
BIAS, COLUMN = np.arange(1.0, 6), np.arange(1.0, 5)[:, None]
INPUTS = {"x": RNG.normal(size=(4, 5)), "b": BIAS, "block['w']": RNG.normal(size=(5, 3))}


def softmax(scores, axis=1):
    powers = np.exp(scores - scores.max())
    return powers / powers.sum(axis=axis, keepdims=True)


def normalized(x, axis=1, ddof=0):
    centred = x - x.mean(axis=axis, keepdims=True)
    return centred / x.std(axis=axis, keepdims=True, ddof=ddof)


def set_to(array, places, value=7.0):
    changed = array.copy()
    changed[places] = value
    return changed


SHARES = softmax(SCORES)
HEADS = np.arange(24.0).reshape(4, 6) ** 2
CASES = {
    "nan in a row": (set_to(WANT, 1, np.nan), WANT, "5 of 20 values are nan, .*, all of row 1"),
    "infinity": (
        set_to(WANT, (0, 0), np.inf),
        WANT,
        "1 of 20 values is infinite .*, the first in row 0|1 of 20 values is infinite .*",
    ),
    "whole numbers": (WANT.astype(int), WANT, "whole numbers only .*int64"),
    "truth": (WANT > 0, WANT, "only True and False"),
    "half precision": (WANT.astype(np.float16), WANT, "float16"),
    "rounded": (WANT.round(2), WANT, "right, but rounded to 2 decimals"),
    "an input": (INPUTS["x"], WANT, "it is x, unchanged"),
    "zeros": (0 * WANT, WANT, "every value is 0"),
    "transposed": (SQUARE.T, SQUARE, "the right result, transposed"),
    "columns sum": (softmax(SCORES, 0), SHARES, "its columns sum to 1, but its rows should"),
    "total sum": (softmax(SCORES, None), SHARES, "all its values together sum to 1"),
    "not divided": (np.exp(SCORES), SHARES, "its rows sum to .*, and each should sum to 1"),
    "no scale": (softmax(2 * SCORES), SHARES, "scores were 2 times too large"),
    "scale twice": (softmax(SCORES / 1.5), SHARES, "scores were 1.5 times too small"),
    "negative shares": (
        SHARES + np.array([1, -1, 0, 0]),
        SHARES,
        "some of its values are negative",
    ),
    "factor": (3 * WANT, WANT, "every value is 3 .*times what it should be"),
    "sign": (-WANT, WANT, "every value has the wrong sign"),
    "shift": (WANT + 10, WANT, "every value is too large by 10"),
    "no bias": (WANT - BIAS, WANT, "b is missing from the sum"),
    "bias twice": (WANT + BIAS, WANT, "b is in the sum once too often"),
    "bias subtracted": (WANT - 2 * BIAS, WANT, "b is subtracted where it should be added"),
    "no residual": (WANT - INPUTS["x"], WANT, "x is missing from the sum"),
    "input minus": (INPUTS["x"] - WANT, WANT, "it is x minus what it should be"),
    "input times": (INPUTS["x"] * WANT, WANT, "it is x times what it should be"),
    "logarithm": (np.log(WANT**2), WANT**2, "every value is the natural logarithm"),
    "exp": (np.exp(WANT), WANT, "every value is exp of what is expected"),
    "square": (WANT**2, WANT, "every value is the square of"),
    "one minus": (1 - WANT, WANT, "every value is 1 minus"),
    "clipped": (np.maximum(WANT, 0), WANT, "but 0 where negative ones are"),
    "no signs": (abs(WANT), WANT, "right except for the signs"),
    "late": (np.vstack([WANT[:1], WANT[:-1]]), WANT, "one place too late: row 1 .* row 0"),
    "early": (np.vstack([WANT[1:], WANT[:1]]), WANT, "one place too early"),
    "reversed": (WANT[::-1], WANT, "the rows are in reverse order"),
    "rows mixed": (WANT[[0, 3, 2, 1]], WANT, "in another order: row 1 is what row 3 should be"),
    "columns mixed": (WANT[:, [1, 0, 2, 4, 3]], WANT, "column 0 is what column 1 should be"),
    "interleaved": (
        HEADS.reshape(4, 2, 3).swapaxes(0, 1).reshape(4, 6),
        HEADS,
        "in other places: what should be at \\[1, 0\\] is at \\[0, 3\\]",
    ),
    "last row only": (np.tile(WANT[3], (4, 1)), WANT, "all are what row 3 should be"),
    "row factors": (WANT * COLUMN, WANT, "off by a factor of its own .1, 2, 3 and 4"),
    "row shifts": (WANT + COLUMN, WANT, "each row is off by a constant of its own .1, 2, 3 and 4"),
    "stretched": (2 * WANT + 3, WANT, "every value is 2 times what it should be, plus 3"),
    "columns centred": (normalized(WANT, 0), normalized(WANT), "its columns have mean 0"),
    "deviation": (normalized(WANT, ddof=1), normalized(WANT), "every value is 0.8944 times"),
    "softmax at the end": (SHARES, 5 * SCORES, "each of its rows sums to 1, as after a softmax"),
    "sigmoid at the end": (1 / (1 + np.exp(-WANT)), WANT, "all its values lie between 0 and 1"),
    "nothing negative": (WANT**4 + 0.3 * abs(WANT), WANT, "none of its values is negative"),
    "one row": (set_to(WANT, 2), WANT, "only row 2 is wrong"),
    "from a row on": (
        set_to(WANT, slice(2, 4)),
        WANT,
        "rows 0 to 1 are right; row 2 and all after",
    ),
    "one column": (set_to(WANT, (slice(None), 3)), WANT, "only column 3 is wrong"),
    "where negative": (
        np.where(INPUTS["x"] < 0, WANT + INPUTS["x"] ** 3, WANT),
        WANT,
        "x is negative",
    ),
    "above": (np.tril(SQUARE) + np.triu(np.ones((4, 4)), 1), SQUARE, "above the diagonal only"),
    "nearly": (WANT * (1 + 1e-3 * INPUTS["x"]), WANT, "close, but not equal"),
    "a mask let in": (WANT - 1e10 * abs(INPUTS["x"]), WANT, "its values are as large as"),
    "one number": (np.array(2.2), np.array(2.0), "it is 10% too large"),
    "its logarithm": (np.log(44.0), np.array(44.0), "every value is the natural logarithm"),
}


@pytest.mark.parametrize("case", CASES)
def test_the_most_telling_symptom_is_named(case):
    got, want, words = CASES[case]
    assert words_match(symptoms.told(Mismatch.of(got, want, 1e-6, INPUTS)), words)


def words_match(text, pattern):
    return re.search(pattern, text)


@pytest.mark.parametrize("seed", range(30))
def test_numbers_that_are_wrong_at_random_have_no_symptom_that_is_not_true(seed):
    rng = np.random.default_rng(seed)
    got, want = rng.normal(size=(2, 6, 5))
    inputs = {name: rng.normal(size=(6, 5)) for name in "xyz"}
    assert symptoms.told(Mismatch.of(got, want, 1e-6, inputs)) == ""


def test_a_factor_is_known_by_the_width_that_it_is_the_root_of():
    q = np.zeros((3, 64))
    eight = symptoms.told(Mismatch.of(8 * WANT, WANT, 1e-6, {"q": q}))
    assert eight == (
        "every value is 8 (the root of 64, the number of columns of q) times what it should be"
    )
    assert "1/64" in symptoms.told(Mismatch.of(WANT / 64, WANT, 1e-6, {"q": q}))
    assert "(" not in symptoms.told(Mismatch.of(5.5 * WANT, WANT, 1e-6, {"q": q}))


def test_what_scale_and_shift_do_to_a_normalized_row_is_undone_before_it_is_judged():
    g, b = RNG.uniform(1, 2, size=(2, 5))
    inputs = {"x": WANT, "g": g, "b": b}
    want, got = g * normalized(WANT) + b, g * normalized(WANT, 0) + b
    said = symptoms.told(Mismatch.of(got, want, 1e-6, inputs))
    assert said == "before g and b are applied, its columns have mean 0, but its rows should"


SHAPES = {
    ((3, 2), (2, 3)): "exchanged",
    ((3,), (3, 4)): "axis of length 4 is missing",
    ((4,), (3, 4)): "axis of length 3 is missing",
    ((3, 1, 4), (3, 4)): "an axis too many, of length 1",
    ((1, 4), (3, 4)): "one row where 3",
    ((3, 8), (3, 4)): "8 columns instead of 4",
    ((12,), (3, 4)): "not how they are arranged",
    ((7, 9), (3, 4)): "^$",
}


@pytest.mark.parametrize("shapes", SHAPES)
def test_a_shape_shows_what_became_of_rows_and_columns(shapes):
    assert words_match(symptoms.of_shape(*shapes), SHAPES[shapes])


@pytest.mark.parametrize(
    ("got", "words"),
    [
        ("abcdddddd", "nothing but 'd'"),
        ("abccdefgh", "one step too late"),
        ("abcefghij", "one step too early"),
        ("abcdefxhz", "The first 6 of 9"),
        ("xbcdefghi", "Even the first"),
    ],
)
def test_of_a_text_the_step_is_named_at_which_it_goes_wrong(got, words):
    assert words in text_symptoms.of_text(got, "abcdefghi")


def test_of_a_length_the_text_is_named_that_is_too_much_or_missing():
    assert "one too few" in text_symptoms.of_length(39, 40, [])
    assert "just the length of 'abc'" in text_symptoms.of_length(7, 10, ["text", "abc"])
    assert "empty" in text_symptoms.of_length(0, 10, ["0123456789"])
    assert text_symptoms.of_length(22, 40, ["abc"]) == ""


def test_of_a_prompt_it_is_said_where_it_is():
    assert "only after 1 character" in text_symptoms.of_start("xabc", "abc")
    assert "first 1 character of the prompt is missing" in text_symptoms.of_start("bcdef", "abcd")
    assert "nowhere" in text_symptoms.of_start("xyz", "abc")


SHARE = {"a": 0.7, "b": 0.2, "c": 0.1}


@pytest.mark.parametrize(
    ("drawn", "words"),
    [
        ("a" * 100, "Nothing else"),
        ("abc" * 40, "equally often"),
        ("a" * 78 + "b" * 22, "'c' is never drawn"),
        ("a" * 907 + "b" * 74 + "c" * 19, "too often: as if the scores were 2 times"),
    ],
)
def test_of_draws_it_is_said_what_is_drawn_instead(drawn, words):
    assert words in text_symptoms.of_shares(drawn, SHARE)


@pytest.mark.parametrize("name", sentences.ALL)
def test_every_sentence_has_an_example_that_can_be_read(name):
    example = sentences.ALL[name].example()
    assert example
    assert "{" not in example


def test_no_sentence_is_left_that_nothing_says():
    code = "".join(path.read_text() for path in Path(sentences.__file__).parent.glob("*.py"))
    assert [name for name in sentences.ALL if f"sentences.{name}" not in code] == []
