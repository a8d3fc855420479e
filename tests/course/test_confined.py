"""What is done in a process of its own costs that process and nothing else."""

import os
import re

import pytest

from course import confined
from course.confined import LimitExceeded
from course.feedback import PageRefused
from course.feedback.failures import FEW_LINES, FEW_NAMES, FEW_RAISES, Teller


def test_results_and_exceptions_come_back():
    assert confined.confined(lambda: {"a": [1]}) == {"a": [1]}

    def refuse():
        raise PageRefused("no")

    with pytest.raises(PageRefused, match="no"):
        confined.confined(refuse)


@pytest.mark.parametrize(
    ("function", "reason"),
    [
        (lambda: sum(iter(int, 1)), "took more than 1 s"),
        (lambda: re.search(r"(a|aa)+$", "a" * 60 + "b"), "took more than 1 s"),
        (lambda: bytes(confined.MEMORY + 1), "took more than 2 GB of memory"),
        (lambda: os._exit(0), "ended its process"),
    ],
)
def test_too_much_is_an_error_with_a_reason(function, reason):
    with pytest.raises(LimitExceeded, match=reason):
        confined.confined(function, cpu_seconds=1)


def teller(source: str) -> Teller:
    return Teller(own={"own": source}, given={"test": "softmax(x)"}, hints=("off", "off"))


def test_a_line_is_given_only_if_it_is_one_of_few():
    honest = "def f(x):\n    # a comment\n    return x\n"
    assert teller(honest).gives_lines
    assert not teller(honest + "    if x == 1: raise\n" * (FEW_RAISES + 1)).gives_lines
    assert not teller(honest + "    x[0]\n" * FEW_LINES).gives_lines
    assert teller(honest + "\n# more\n" * 10 * FEW_LINES).gives_lines


def test_a_name_is_given_only_if_it_is_one_of_few():
    names = [f"name_{i}" for i in range(FEW_NAMES + 1)]
    assert "name_7" in teller("; ".join(names[:-1])).known
    assert teller("; ".join(names)).known == {"softmax", "x"}
