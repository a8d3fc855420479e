"""Every sentence with which a check tells what is wrong, each with an example.

    >>> ROWS_SUM(sums="2.7 and 1.2")
    'its rows sum to 2.7 and 1.2, and each should sum to 1'
    >>> ROWS_SUM.example()
    'its rows sum to 2.7 and 1.2, and each should sum to 1'

A sentence states what can be seen in a student's numbers. It guesses at no cause, so that it cannot
be wrong. ``python -m seqlab.sentences`` prints all of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

FEW = 4  # things in a sentence


@dataclass(frozen=True)
class Sentence:
    """A text with blanks, and what stands in them in the example."""

    text: str
    blanks: dict[str, Any]

    def __call__(self, **blanks: Any) -> str:
        """Return the text with its blanks filled."""
        return self.text.format(**blanks)

    def example(self) -> str:
        """Return the text as a student may read it."""
        return self(**self.blanks)


def _sentence(text: str, **blanks: Any) -> Sentence:
    return Sentence(text, blanks)


def are(things: Sequence[Any]) -> str:
    """Return things with their verb.

    >>> are(["q"]), are(["q", "k", "v"])
    ('q is', 'q, k and v are')
    """
    return f"{listed(things, FEW)} {'is' if len(things) == 1 else 'are'}"


def listed(things: Sequence[Any], most: int | None = None) -> str:
    """Return things as a sentence lists them; of more than ``most``, only the first.

    >>> listed([1, 2, 3]), listed(range(9), most=3)
    ('1, 2 and 3', '0, 1, 2 and so on')
    """
    is_cut = most is not None and len(things) > most
    *others, last = [*map(str, things[:most]), *(["so on"] if is_cut else [])]
    return " and ".join(filter(None, [", ".join(others), last]))


# Not written yet

UNWRITTEN = _sentence("{function} is not written yet", function="softmax")
UNWRITTEN_BELOW = _sentence(
    "{function} is not written yet, and {caller} calls it", function="mlp", caller="transformer"
)
UNFINISHED = _sentence(
    "{function} is not finished: {names} still `...`", function="attention", names="k and v are"
)
UNUSED = _sentence("{function} never uses {names}", function="attention", names="mask")
NOTHING = _sentence(
    "your {what}: nothing (None). Does the function return its result?", what="logits"
)
DOTS = _sentence("your {what}: still the three dots `...` of the starter code", what="logits")

# An exception in the student's code

RAISED = _sentence("your {function} stops with {error}", function="attention", error="a ValueError")
RAISED_AT = _sentence(
    "in line {number} of {function}:\n    {line}",
    number=3,
    function="attention",
    line="scores = q @ k",
)
NO_KEY = _sentence("there is no key {key}", key="'fc_out.bias'")
OTHER_ARGUMENTS = _sentence(
    "{message}: the test calls it with the arguments that were handed out",
    message="attention() takes 2 positional arguments but 3 were given",
)
NOT_DEFINED = _sentence(
    "{message}: run the cell that defines it first", message="name 'softmax' is not defined"
)
NO_FUNCTION = _sentence("{name} is no function but {value}", name="softmax", value="3")
SHAPES_MET = _sentence("The shapes that meet there: {shapes}", shapes="q (3, 2), k (3, 2)")
ARRAYS_IN_IT = _sentence("The arrays in it: {shapes}", shapes="q (3, 2), k (3, 2)")
INNER_SIZES = _sentence(
    "A product A @ B needs as many columns in A as B has rows, and here {left} meet {right}",
    left=2,
    right=3,
)
STILL_DOTS = _sentence("{names} still `...` there", names="k and v are")
IS_NONE = _sentence("{names} None there", names="scores is")

SUMS_TO = _sentence("{name} sums to {total} there", name="p", total="1.37")
SMALLEST = _sentence("The smallest value of {name} there is {value}", name="p", value="-0.2")

# Not an array of numbers

NO_ARRAY = _sentence(
    "your {what}: not an array of numbers but {value}", what="softmax(x)", value="str 'a'"
)
ONE_NUMBER = _sentence(
    "your {what}: an array of shape {shape}, expected one number", what="perplexity", shape=(3,)
)

# Shapes

SHAPE = _sentence(
    "your {what}: the shape is {shape}, expected {right}",
    what="attention output",
    shape=(8, 128),
    right=(128, 128),
)
SHAPE_SWAPPED = _sentence("Rows and columns are exchanged")
SHAPE_LOST = _sentence(
    "The axis of length {length} is missing: was it summed over, or only one element taken?",
    length=3,
)
SHAPE_ONE = _sentence("There is one {thing} where {need} are expected", thing="row", need=3)
SHAPE_NEW = _sentence("There is an axis too many, of length {length}", length=1)
SHAPE_FLAT = _sentence("The number of values is right, but not how they are arranged")
SHAPE_COUNT = _sentence(
    "There are {have} {things} instead of {need}", have=3, things="rows", need=4
)
LOOK_AT = _sentence(
    "Look at line {number} of {function}: {line}",
    number=12,
    function="attention",
    line="return mixed.T",
)

# Values, from the coarsest difference to the finest

VALUE = _sentence(
    "your {what}{place}: {value}, expected {right}{others}",
    what="softmax(x)",
    place=" at [0, 0]",
    value=0.25,
    right=0.5,
    others=" (2 of 2 values differ)",
)
SYMPTOM = _sentence(
    "your {what}: {symptom}\n{at}{value}, expected {right}{others}",
    what="softmax(x)",
    symptom="every value is 0",
    at="At [0, 0]: ",
    value=0.0,
    right=0.5,
    others=" (2 of 2 values differ)",
)
NAN = _sentence(
    "{count} nan, not a number (0 / 0 and inf - inf give that){place}",
    count="3 of 6 values are",
    place=", all of them in row 0",
)
INFINITE = _sentence(
    "{count} infinite (exp of a large number and division by 0 give that){place}",
    count="3 of 6 values are",
    place="",
)
WHOLE = _sentence(
    "it holds whole numbers only (its type is {type}): all after the decimal point is lost",
    type="int64",
)
TRUTH = _sentence("it holds only True and False (its type is bool) where numbers are expected")
HALF = _sentence("its type is float16, which keeps only three digits")
ROUNDED = _sentence("right, but rounded to {places}; return it unrounded", places="2 decimals")
COARSE = _sentence(
    "your {what}: {value:g} is right, but rounded too coarsely; return it unrounded",
    what="perplexity",
    value=5.3,
)
SAME_AS_INPUT = _sentence("it is {name}, unchanged", name="x")
ALL_EQUAL = _sentence("every value is {value}", value=0)
TRANSPOSED = _sentence("it is the right result, transposed")
COLUMNS_SUM = _sentence("its columns sum to 1, but its rows should")
TOTAL_SUM = _sentence("all its values together sum to 1, but each row should on its own")
ROWS_SUM = _sentence("its rows sum to {sums}, and each should sum to 1", sums="2.7 and 1.2")
NO_SHARE = _sentence(
    "its rows sum to 1, as they should, but {count} 0 where none should be",
    count="2 of 6 values are",
)
SHARED_OUT = _sentence("its rows sum to 1, as they should, but the individual shares are wrong")
A_SHARE = _sentence("each of its rows sums to 1, as after a softmax, and should not")
BETWEEN = _sentence("all its values lie between {low} and {high}, but should not", low=0, high=1)
NONE_NEGATIVE = _sentence("none of its values is negative, but some should be")
NOT_SHARES = _sentence("its rows sum to 1, as they should, but some of its values are negative")
SHARPER = _sentence(
    "its rows sum to 1, as they should, but as if the scores were {factor} times too large",
    factor="2 (the root of 4, the number of columns of q)",
)
FLATTER = _sentence(
    "its rows sum to 1, as they should, but as if the scores were {factor} times too small",
    factor="2 (the root of 4, the number of columns of q)",
)
FACTOR = _sentence("every value is {factor} times what it should be", factor="0.5")
NEGATED = _sentence("every value has the wrong sign")
SHIFTED = _sentence("every value is too {size} by {shift}", size="large", shift="10")
LACKS = _sentence("{name} is missing from the sum", name="block['attn']['c_proj']['b']")
TWICE = _sentence("{name} is in the sum once too often", name="x")
HALF_LACKS = _sentence("half of {name} is missing from the sum", name="x")
DIFFERENCE = _sentence("it is {name} minus what it should be", name="x")
TIMES = _sentence("it is {name} times what it should be", name="x")
DIVIDED = _sentence("it is what it should be, divided by {name}", name="x")
OTHER_AXIS = _sentence("{name} is added along the other axis", name="b")
ELSEWHERE = _sentence(
    "the values are the expected ones, but in other places: what should be at {there} is at {here}",
    here=[0, 1],
    there=[1, 0],
)
SUBTRACTED = _sentence("{name} is subtracted where it should be added", name="b")
ONE_MINUS = _sentence("every value is 1 minus what it should be")
TRANSFORMED = _sentence("every value is {what} of what is expected", what="the natural logarithm")
NO_NEGATIVES = _sentence("right where positive values are expected, but 0 where negative ones are")
SIGNS_LOST = _sentence("right except for the signs: no value is negative")
ROWS_MOVED = _sentence(
    "every row comes {steps} too {when}: row {here} is what row {there} should be",
    steps="one place",
    when="late",
    here=1,
    there=0,
)
ROWS_TURNED = _sentence("the rows are in reverse order")
ROWS_MIXED = _sentence(
    "the rows are right and in another order: row {here} is what row {there} should be",
    here=0,
    there=2,
)
COLUMNS_MIXED = _sentence(
    "the columns are right and in another order: column {here} is what column {there} should be",
    here=0,
    there=2,
)
ROWS_ALIKE = _sentence("all its rows are the same, but they should differ{which}", which="")
COLUMNS_ALIKE = _sentence("all its columns are the same, but they should differ")
ROW_FACTORS = _sentence(
    "each row is off by a factor of its own ({factors})", factors="0.5, 1.2 and 3"
)
COLUMN_FACTORS = _sentence(
    "each column is off by a factor of its own ({factors})", factors="0.5, 1.2 and 3"
)
ROW_SHIFTS = _sentence(
    "each row is off by a constant of its own ({shifts})", shifts="1, 20 and 300"
)
COLUMN_SHIFTS = _sentence(
    "each column is off by a constant of its own ({shifts})",
    shifts="1, 20 and 300",
)
STRETCHED = _sentence(
    "every value is {factor} times what it should be, plus {shift}", factor="2", shift="-1"
)
WITHOUT = _sentence("before {scale} and {shift} are applied, ", scale="g", shift="b")
CENTRED_COLUMNS = _sentence("its columns have mean 0, but its rows should")
MEANS = _sentence("its rows have means of {means}, and each should be 0", means="0.5 and 1.2")
SPREADS = _sentence(
    "its rows have standard deviations of {spreads}, and each should be 1", spreads="0.5 and 1.2"
)
ONLY_ROWS = _sentence("only {rows} wrong; all the others are right", rows="row 3 is")
FROM_ROW = _sentence("{right} right; row {row} and all after it are not", right="row 0 is", row=1)
ONLY_VALUES = _sentence("only {values} wrong; all the others are right", values="value 3 is")
FROM_VALUE = _sentence(
    "{right} right; value {value} and all after it are not", right="value 0 is", value=1
)
BEFORE_VALUE = _sentence(
    "values 0 to {before} are wrong; value {value} and all after it are right", before=2, value=3
)
ONLY_COLUMNS = _sentence("only {columns} wrong; all the others are right", columns="column 3 is")
FROM_COLUMN = _sentence(
    "{right} right; column {column} and all after it are not", right="column 0 is", column=1
)
BEFORE_COLUMN = _sentence(
    "columns 0 to {before} are wrong; column {column} and all after it are right",
    before=2,
    column=3,
)
BEFORE_ROW = _sentence(
    "rows 0 to {before} are wrong; row {row} and all after it are right", before=2, row=3
)
WHERE_NEGATIVE = _sentence("wrong exactly where {name} is negative", name="x")
WHERE_POSITIVE = _sentence("wrong exactly where {name} is positive", name="x")
ABOVE_DIAGONAL = _sentence("wrong above the diagonal only")
BELOW_DIAGONAL = _sentence("right above the diagonal, and wrong below it")
ON_DIAGONAL = _sentence("wrong on the diagonal only")
NEARLY = _sentence(
    "close, but not equal: no value is off by more than {share} of the largest. A factor or a "
    "term of the formula may be missing",
    share="0.03%",
)
SIZE = _sentence(
    "its values are as large as {size}, where no more than {right} is expected",
    size="4e+10",
    right=0.6,
)
TOO_LARGE = _sentence(
    "every value is too {size}, by {least} to {most}", size="large", least=1, most=3
)
TOO_FAR = _sentence(
    "every value has the right sign and is {least} to {most} times what it should be",
    least="1.2",
    most="3",
)

# One number

SIGN = _sentence("it has the wrong sign")
RATIO = _sentence("it is {factor} times what is expected", factor=2)
OFF = _sentence("it is {share} too {size}", share="12%", size="large")

# Texts

NO_TEXT = _sentence("your {what}: not a string but {value}", what="text", value="list ['a']")
LENGTH = _sentence(
    "your {what} has {length} characters, expected {right}", what="text", length=57, right=40
)
LENGTH_WITH = _sentence(
    "That is {count} {too}, just the length of {prompt}",
    count=17,
    too="too many",
    prompt="'it was late, and '",
)
EMPTY = _sentence("It is empty: is anything added to it?")
LENGTH_ONE = _sentence("That is one too {size}", size="many")
CHARACTER = _sentence(
    "your {what} has {value!r} as character {place}, expected {right!r} after {before!r}",
    what="text",
    value="x",
    place=1,
    right="b",
    before="a",
)
NO_PROMPT = _sentence(
    "your {what} begins with {value!r}, expected the prompt {start!r}",
    what="text",
    value="bc",
    start="ab",
)
PROMPT_LATER = _sentence("The prompt comes only after {count}", count="1 character")
PROMPT_CUT = _sentence(
    "The first {count} of the prompt {verb} missing", count="1 character", verb="is"
)
NO_PROMPT_AT_ALL = _sentence("The prompt is nowhere in it")
ONE_CHARACTER = _sentence(
    "After {before!r}, nothing but {value!r} is written", before="abc", value="c"
)
STEP_LATE = _sentence("From there on, every character comes one step too late")
STEP_EARLY = _sentence("From there on, every character comes one step too early")
GOES_ON = _sentence(
    "After {before!r} it goes on with {value!r}, but {right!r} is expected",
    before="O",
    value=" thing",
    right=" love love",
)
AGREES = _sentence("The first {count} of {length} characters are right", count=3, length=10)
AGREES_NOT = _sentence("Even the first character is wrong")

# Draws

IMPOSSIBLE = _sentence(
    "your {what}: {symbol!r} was drawn, and its probability is 0", what="sampling", symbol="z"
)
SHARE = _sentence(
    "your {what}: {symbol!r} makes up {share:.1%} of {draws} draws, "
    "and its probability is {right:.1%}",
    what="sampling",
    symbol="a",
    share=1.0,
    draws=50,
    right=0.6,
)
ALWAYS = _sentence("Nothing else is ever drawn")
EVENLY = _sentence("All are drawn about equally often, whatever their probabilities")
NEVER = _sentence("{symbols} never drawn", symbols="'c' is")
TEMPERED = _sentence(
    "The likely ones are drawn too {often}: as if the scores were {factor:.2g} times what they are",
    often="often",
    factor=2.0,
)

# Arguments and exceptions

CHANGED = _sentence("your function changes its argument {what}: work on a copy", what="x")
NO_NAME = _sentence(
    "your {what}: the message {message!r} does not name {mentions!r}",
    what="RNN",
    message="no",
    mentions="€",
)
OTHER_ERROR = _sentence(
    "your {what}: {error} ({message}), expected a {right}",
    what="RNN",
    error="KeyError",
    message="'€'",
    right="ValueError",
)
NO_ERROR = _sentence(
    "your {what}: expected a {right}, and it returned {value}",
    what="RNN",
    right="ValueError",
    value="float 3.5",
)

ALL = {name: value for name, value in list(globals().items()) if isinstance(value, Sentence)}

if __name__ == "__main__":
    for entry in ALL.values():
        print(entry.example())
