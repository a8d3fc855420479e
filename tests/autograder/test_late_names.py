"""Tests that failed because a name was defined only further down are decided again at the end."""

import shutil

import pytest

from autograder import job
from autograder.execution import late_names
from autograder.execution.pool import shared_pool
from course.feedback import wording
from tests.autograder.test_session import DATA, POLICY, cell, checks, failed, graded, packed

pytestmark = [
    pytest.mark.skipif(shutil.which("bwrap") is None, reason="needs bubblewrap"),
    pytest.mark.filterwarnings("ignore"),  # nbformat's and jupyter's own
]
ASKED = "def f(x): return helper(x)"
RIGHT = "def helper(x): return 2 * x"
TEST = "assert f(2) == 4"
RAISES = "from seqlab.checks import expect_error\nexpect_error('f', ValueError, 'x', lambda: f(2))"
LATE = {  # what the cell above the test holds, the test, and what stands below it
    "a function": (ASKED, TEST, RIGHT),
    "a lambda": (ASKED, TEST, "helper = lambda x: 2 * x"),
    "a class": (ASKED, TEST, "class helper(int):\n    def __new__(cls, x): return 2 * x"),
    "a value": ("def f(x): return factor * x", TEST, "factor = 2"),
    "an import": ("def f(x): return operator.mul(2, x)", TEST, "import operator"),
    "a name out of a module": ("def f(x): return mul(2, x)", TEST, "from operator import mul"),
    "a helper of a helper": (
        f"{ASKED}\ndef helper(x): return twice(x)",
        TEST,
        "def twice(x): return 2 * x",
    ),
    "the function itself": ("", TEST, "def f(x): return 2 * x"),
    "a value that is asked for": ("", "assert f == 4", "f = 4"),
    "an error that the test expects": (
        "def f(x): helper(x)",
        RAISES,
        "def helper(x): raise ValueError('x')",
    ),
    "a helper that is deleted and made again": (
        f"{ASKED}\n{RIGHT}\ndel helper",
        TEST,
        RIGHT,
    ),
    "an error of the student's own class": (
        "class Mine(NameError): pass\ndef f(x):\n    try: return helper(x)\n"
        "    except NameError as e: raise Mine(str(e))",
        TEST,
        RIGHT,
    ),
}
STAYS = {  # tests that fail for another reason, or in which the name is missing at the end, too
    "no such name": (ASKED, TEST, ""),
    "a name that is deleted again": (ASKED, TEST, f"{RIGHT}\ndel helper"),
    "a wrong answer, mended further down": (
        "def f(x): return x",
        TEST,
        "def f(x): return 2 * x",
    ),
    "a local name": ("def f(x):\n    y = y + x\n    return y", TEST, "y = 2"),
    "another error": ("def f(x): return [].helper", TEST, RIGHT),
    "an error that is swallowed": (
        "def f(x):\n    try: return helper(x)\n    except NameError: return 0",
        TEST,
        RIGHT,
    ),
}


def submission(above, test, below):
    return [
        cell("solution", above, solution=True),
        checks("t", test),
        cell("own", below),
    ]


@pytest.mark.parametrize("name", LATE)
def test_a_test_that_lacked_a_name_is_decided_at_the_notebooks_end(name):
    result = graded(*submission(*LATE[name]), checks("after", "assert True"))
    assert failed(result) == {}
    (reason,) = result.reasons
    assert result.word == "graded"
    assert reason.startswith("ran the test t again at the notebook's end, where ")
    assert late_names.WHERE in reason


@pytest.mark.parametrize("name", STAYS)
def test_a_test_that_failed_for_another_reason_is_not_decided_again(name):
    result = graded(*submission(*STAYS[name]))
    assert "t" in failed(result)
    assert result.reasons == ()


def test_a_wrong_answer_stays_wrong_and_is_explained_by_what_it_gives():
    result = graded(*submission(ASKED, TEST, "def helper(x): return 3 * x"))
    assert failed(result) == {"t": "AssertionError"}
    assert len(result.reasons) == 1


def test_what_was_defined_before_a_crash_is_there_at_the_end():
    crash = cell("crash", "import os; os._exit(1)")
    result = graded(*submission(ASKED, TEST, RIGHT), crash)
    assert (result.word, failed(result)) == ("crashed", {"crash": "KernelDied"})


def test_a_test_is_run_again_once_and_only_if_it_failed():
    counting = "seen = []\ndef f(x):\n    seen.append(x)\n    return helper(x)"
    result = graded(
        cell("solution", counting, solution=True),
        checks("fails", "f(1)"),
        cell("helper", "def helper(x): return undefined"),
        checks("fails-too", "f(2)"),
        cell("shown", "seen"),
        cell("late", "undefined = 0"),
        checks("passes", "assert f(3) == 0"),
    )
    assert failed(result) == {}
    assert len(result.reasons) == 2


def test_students_read_no_name_that_their_code_may_have_chosen():
    spies = (
        "def f(x):\n    globals()[f'x_is_{x}'] = 1\n"
        "    raise NameError(f\"name 'x_is_{x}' is not defined\")"
    )
    (reason,) = graded(*submission(spies, TEST, "")).reasons
    assert reason.endswith(": x_is_2")
    assert "x_is" not in wording.of_reason(reason)


def test_a_crash_in_a_test_that_is_decided_again_is_said_and_fails_it():
    dies = "def helper(x):\n    import os\n    os._exit(1)"
    result = graded(*submission(ASKED, TEST, dies))
    assert (result.word, set(failed(result))) == ("crashed", {"t"})


def test_a_replay_shows_the_run_that_counted():
    calls_twice = "assert f(2) == 4 and f(3) == 6"
    ready = job.raw(job.Job.read(packed(*submission(ASKED, calls_twice, RIGHT)))).prepared()
    pool = shared_pool(POLICY, DATA)
    again = pool.replay(ready.notebook, ready.files, ready.template, b"", "t", "")
    assert (again.outputs, again.n_calls) == ([], 2)
