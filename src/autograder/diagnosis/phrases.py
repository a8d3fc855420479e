"""Every sentence of a diagnosis, each with an example; a hint stands beside its mistake.

    >>> FACTOR.example()
    'every value is 2 times what it should be'

None of them can hold an expected value. A page of feedback shows numbers with two digits, and reads
some of these sentences to do so (see course.feedback.wording). ``python -m
autograder.diagnosis.phrases`` prints all of them.
"""

from seqlab.sentences import Sentence

# Not written yet

NOT_WRITTEN = Sentence("{name} is not written yet", {"name": "softmax"})
NEEDS = Sentence(
    "{name} needs {other}, which is not written yet", {"name": "attention", "other": "softmax"}
)

# How a call ended

RAISES = Sentence(
    "{name} raises {kind}{place}",
    {"name": "softmax", "kind": "ValueError", "place": " in line 3 of its cell"},
)
ITS_LINE = Sentence(" in line {number} of its cell", {"number": 3})
OTHERS_LINE = Sentence(" in line {number} of the {other} cell", {"number": 3, "other": "softmax"})
SHOULD_RAISE = Sentence(
    "{name} should raise {kind} here, but returns a value",
    {"name": "perplexity_RNN", "kind": "ValueError"},
)
DIFFERS = Sentence(
    "{name}: {difference}", {"name": "softmax", "difference": "it returns nothing (None)"}
)
CHANGES = Sentence(
    "{name}: its result is right, but it changes an argument in place: work on a copy",
    {"name": "softmax"},
)
PASSED_ON = Sentence(
    "{name} gives what a right one would with your {others} in it: fix {others} first, "
    "and this test may pass as it is",
    {"name": "attention", "others": "softmax"},
)
FOLLOWED = Sentence(
    "{name} passes with the course's {others} in place of yours: fix {others}",
    {"name": "attention", "others": "softmax"},
)

# What a result is

NOTHING = Sentence("it returns nothing (None)", {})
OTHER_KIND = Sentence("it returns something other than it should", {})
NO_NUMBERS = Sentence("it does not return numbers but {kind}", {"kind": "str"})
NO_TEXT = Sentence("it does not return a text but {kind}", {"kind": "list"})
SHAPE = Sentence(
    "the result has the shape {shape}, and should have {right}",
    {"shape": (3, 2), "right": (2, 3)},
)

# Texts

LENGTH = Sentence(
    "the text has {length} characters, and should have {right}", {"length": 9, "right": 11}
)
AGREES = Sentence(
    "the first {count} of {length} characters are right, the next is not",
    {"count": 3, "length": 9},
)
AGREES_NOT = Sentence("the text is wrong from its first character on", {})

# Values, from the coarsest difference to the finest

NOT_FINITE = Sentence(
    "{count} of {size} values are not finite numbers (nan or inf)", {"count": 2, "size": 6}
)
CLOSE = Sentence(
    "the values are right to within a relative error of 1e-5, and the test asks for more", {}
)
TRANSPOSED = Sentence("the result is the right one, transposed", {})
FACTOR = Sentence("every value is {factor:.4g} times what it should be", {"factor": 2.0})
SHIFT = Sentence("every value is too {size} by the same amount", {"size": "large"})
NUMBER = Sentence("the number is {share} off", {"share": "12.0%"})
VALUES = Sentence(
    "{count} of {size} values are wrong, the first at {first}{rows}; "
    "the largest error is {error:.2g} times the largest value",
    {"count": 2, "size": 6, "first": [1, 0], "rows": " (only row 1 is wrong)", "error": 0.31},
)
ONLY_ROW = Sentence(" (only row {row} is wrong)", {"row": 1})
FROM_ROW = Sentence(" (row {row} and all after it; those before are right)", {"row": 1})

# From which layer on a Transformer goes wrong

WITHOUT_LAYERS = Sentence(
    "it is wrong even with no layers at all: look at what comes before and after them", {}
)
FROM_LAYER = Sentence(
    "with {before} it is right, with {layers} it is not", {"before": "1 layer", "layers": 2}
)

ALL = {name: value for name, value in list(globals().items()) if isinstance(value, Sentence)}

if __name__ == "__main__":
    for phrase in ALL.values():
        print(phrase.example())
