"""It is counted how many failing visible tests say why; a right answer must hear nothing."""

from course.test_quality import desk, mutation
from course.test_quality.desk import Message
from mistakes import Cell
from tests.course.test_quality.test_seeds import RIGHT, notebook

TEST = """
import numpy as np
from seqlab.checks import expect_close, quiet
x = np.array([0.3, 1.7, 5.1, 2.2])
with quiet():
    doubled = double(x)
expect_close("double(x)", doubled, 2 * x, atol=1e-6)
"""


def told(solution):
    return desk.messages(notebook(solution, TEST))


def test_a_right_answer_hears_nothing():
    assert told(RIGHT) == []


def test_a_symptom_says_why_and_a_first_value_does_not():
    (factor,) = told("def double(x):\n    return 7 * x")
    assert factor.says_why
    assert "every value is 3.5 times what it should be" in factor.text
    (random,) = told("def double(x):\n    return x[[2, 0, 1, 3]] ** 3 - x")
    assert not random.says_why
    assert random.text.startswith("your double(x) at [0]:")


def test_the_line_of_an_exception_and_its_shapes_are_read_as_in_a_notebook():
    (message,) = told("def double(x):\n    return x[:2] + x[:3]")
    assert message.says_why
    assert "in line 2 of double:\n    return x[:2] + x[:3]" in message.text
    assert "x[:2] (2,), x[:3] (3,)" in message.text


def variant(name, kind):
    return mutation.Variant(name, "s", kind, "about", "code")


def test_the_table_counts_by_function_and_names_what_says_nothing():
    why, silent = Message("t", "rows sum to 2", True), Message("u", "at [0]: 1", False)
    outcomes = [(variant("m", "mistake"), [why, silent]), (variant("r", "right"), [])]
    table = desk.table((Cell("s", ("f", "g"), "right"),), outcomes)
    assert "1 of   2   50%  f, g" in table
    assert "1 of   2   50%  in all" in table
    assert "  m, u: at [0]: 1" in table
    assert desk.complaints(outcomes) == []
    assert desk.complaints([(variant("r", "right"), [silent])]) == [
        "r: u says 'at [0]: 1', and must not"
    ]
