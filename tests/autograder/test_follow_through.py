"""Follow-through: what a test gets that fails only because of an earlier function."""

import shutil
from dataclasses import replace

import pytest

from tests.support.three_functions import (
    CATALOGUE,
    MEAN,
    NOTHING,
    POLICY,
    STUB,
    WRONG,
    graded,
    note,
    points,
)

pytestmark = [
    pytest.mark.skipif(shutil.which("bwrap") is None, reason="needs bubblewrap"),
    pytest.mark.filterwarnings("ignore"),  # nbformat's and jupyter's own
]
WRONG_WAYS = {
    "a wrong function": WRONG,
    "one that raises": "def shares(x):\n    raise ValueError('no')",
    "one that is missing": "",
    "one that returns None": "def shares(x):\n    x / x.sum()",
    "a name without a function": "shares = None",
    "a cell that does not compile": "def shares(x:\n    return x",
    "one that ends the process": "import os\ndef shares(x):\n    os._exit(3)",
    "one that never returns": "def shares(x):\n    while True:\n        pass",
    "one that prints to stderr": "import sys\ndef shares(x):\n    print(3, file=sys.stderr)\n"
    "    return x",
    "an untouched one": STUB.format("shares"),
    "a class": "class shares:\n    def __init__(self, x):\n        pass",
    "a partial": "import functools\nshares = functools.partial(lambda k, x: k * x, 3)",
    "a decorated one": "import functools\n@functools.cache\ndef shares(x):\n    return x",
    "a generator": "def shares(x):\n    yield x",
    "one that takes no argument": "def shares():\n    return 1",
    "a closure": "def make(k):\n    def inner(x):\n        return k * x\n    return inner\n"
    "shares = make(3)",
    "a lambda": "shares = lambda x: x",
}


@pytest.mark.parametrize("shares", WRONG_WAYS.values(), ids=WRONG_WAYS)
def test_a_mistake_costs_its_own_points_once(shares):
    result = graded(shares)
    assert points(result) == {"shares-test": 0, "mean-test": 2, "spread-test": 2}
    assert dict(result.followed) == {"mean-test": 2, "spread-test": 2}
    assert note(result, "mean-test").followed.functions == ("shares",)


OTHER_NAMES = {
    "an alias": f"{WRONG}\nsoft = shares",
    "an alias of a partial": "import functools\nshares = functools.partial(lambda k, x: k * x, 3)\n"
    "soft = shares",
    "a closure": f"{WRONG}\ndef make(f):\n    def inner(x):\n        return f(x)\n"
    "    return inner\nsoft = make(shares)",
    "a default argument": f"{WRONG}\ndef soft(x, f=shares):\n    return f(x)",
    "an item": f"{WRONG}\nall_of = {{'soft': shares}}\ndef soft(x):\n    return all_of['soft'](x)",
    "a method": f"{WRONG}\nclass Soft:\n    do = staticmethod(shares)\nsoft = Soft.do",
    "a partial": f"import functools\n{WRONG}\nsoft = functools.partial(shares)",
    "globals": f"{WRONG}\ndef soft(x):\n    return globals()['shares'](x)",
    "a module of its own": "from pathlib import Path\nPath('own.py').write_text("
    "'def shares(x): return x\\ndef soft(x): return shares(x)')\nimport sys\n"
    "sys.path.insert(0, '')\nfrom own import shares, soft",
    "a thread": f"{WRONG}\nfrom concurrent.futures import ThreadPoolExecutor\ndef soft(x):\n"
    "    with ThreadPoolExecutor(2) as pool:\n        return list(pool.map(shares, [x, x]))[1]",
}


@pytest.mark.parametrize("shares", OTHER_NAMES.values(), ids=OTHER_NAMES)
def test_a_function_is_replaced_wherever_it_is_called_from(shares):
    mean = "def mean(x, v):\n    return soft(x) @ v"
    result = graded(shares, mean)
    assert points(result) == {"shares-test": 0, "mean-test": 2, "spread-test": 2}


def test_two_mistakes_cost_the_points_of_two():
    result = graded(WRONG, "def mean(x, v):\n    return 2 * shares(x) @ v")
    assert points(result) == {"shares-test": 0, "mean-test": 0, "spread-test": 2}
    assert note(result, "spread-test").followed.functions == ("mean",)


def test_a_value_that_is_wrong_is_not_replaced_and_does_no_harm():
    values = CATALOGUE.replace('("shares",), "', '("shares", "unit"), "unit = 1; ')
    values = values.replace("unit = 1; def", "unit = 1\\ndef")
    result = graded(
        f"unit = 1\n{WRONG}", "def mean(x, v):\n    return unit * shares(x) @ v", catalogue=values
    )
    assert points(result) == {"shares-test": 0, "mean-test": 2, "spread-test": 2}


def test_a_right_submission_is_run_once_and_gets_everything_as_it_is():
    result = graded()
    assert points(result) == {"shares-test": 2, "mean-test": 2, "spread-test": 2}
    assert not result.followed


def test_without_follow_through_only_what_passes_as_it_is_counts():
    result = graded(WRONG, policy=replace(POLICY, follow_through=0.0))
    assert points(result) == NOTHING
    assert not result.followed


def test_a_share_of_the_points_is_read_by_nbgrader_as_such():
    result = graded(WRONG, policy=replace(POLICY, follow_through=0.35))
    assert points(result) == {"shares-test": 0, "mean-test": 0.7, "spread-test": 0.7}
    assert dict(result.followed) == {"mean-test": 0.7, "spread-test": 0.7}


def test_a_blank_notebook_has_nothing():
    result = graded(*(STUB.format(name) for name in ("shares", "mean", "spread")))
    assert points(result) == NOTHING


EARN_NOTHING = {
    "calls the earlier function": "def mean(x, v):\n    return shares(x)",
    "is the earlier function": "mean = shares",
    "is untouched": STUB.format("mean"),
    "calls nothing": "def mean(x, v):\n    return 6.5",
    "has it inlined, and wrong": "def mean(x, v):\n    return x / x.max() @ v",
}


@pytest.mark.parametrize("mean", EARN_NOTHING.values(), ids=EARN_NOTHING)
def test_a_function_earns_nothing_that_it_did_not_do(mean):
    assert points(graded(WRONG, mean))["mean-test"] == 0


def test_who_inlined_everything_loses_and_gains_nothing():
    mean = "def mean(x, v):\n    return x / x.sum() @ v"
    result = graded(WRONG, mean)
    assert points(result) == {"shares-test": 0, "mean-test": 2, "spread-test": 2}
    assert not result.followed


def test_what_a_run_with_right_functions_prints_is_seen_nowhere():
    mean = "def mean(x, v):\n    print('share', shares(x)[0])\n    return shares(x) @ v"
    result = graded(WRONG, mean)
    assert "share 0.25" not in result.notebook
    assert "share 0.33" in result.notebook  # the student's own


def test_the_first_failure_stays_in_the_note_with_what_the_test_passed_with():
    result = graded(WRONG)
    found = note(result, "mean-test")
    assert found.followed.error["ename"] == "AssertionError"
    assert found.followed.sentence() == "passed with the course's shares in place of yours"
    assert found.failure.diagnosis["blames"] == "shares"
    text = "".join(o.text for o in result.cells[4].outputs if o.output_type == "stream")
    assert "passed with the course's shares in place of yours" in text


def test_a_test_that_writes_to_stderr_has_the_points_that_nbgrader_gives_for_that():
    noisy = f"import sys\n{MEAN.replace('return', 'print(1, file=sys.stderr); return')}"
    assert points(graded(WRONG, noisy))["mean-test"] == 0
    ignoring = {"IgnorePattern": {"enabled": True, "pattern": "(?s).*"}}
    result = graded(WRONG, noisy, preprocessors=ignoring)
    assert points(result)["mean-test"] == 2
    assert result.followed["mean-test"] == 2
