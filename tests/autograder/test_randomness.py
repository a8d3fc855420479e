"""Functions that sample draw the same whenever the same work is graded, and in a replay."""

import shutil
from dataclasses import replace

import pytest

from autograder import job
from autograder.execution.pool import shared_pool
from autograder.result import Result
from minikernel import randomness
from tests.autograder.test_session import DATA, POLICY, cell, checks, failed, packed

pytestmark = [
    pytest.mark.skipif(shutil.which("bwrap") is None, reason="needs bubblewrap"),
    pytest.mark.filterwarnings("ignore"),  # nbformat's and jupyter's own
]
IMPORTS = "import os, random, secrets, uuid\nimport numpy as np\n"
MADE = "made = np.random.default_rng()\nkept = random.Random()\n"
WAYS = {  # to draw a number
    "np_global": "np.random.rand()",
    "np_choice": "np.random.choice(10**9, p=None)",
    "np_normal": "np.random.normal()",
    "py_global": "random.random()",
    "py_gauss": "random.gauss(0, 1)",
    "py_choices": "random.choices(range(10**9), k=2)",
    "new_generator": "np.random.default_rng().random()",
    "new_state": "np.random.RandomState().rand()",
    "new_sequence": "np.random.SeedSequence().entropy",
    "new_philox": "np.random.Generator(np.random.Philox()).random()",
    "new_random": "random.Random().random()",
    "kept_generator": "made.random()",
    "kept_random": "kept.random()",
    "reseeded": "(np.random.seed(), np.random.rand())[1]",
    "py_reseeded": "(random.seed(), random.random())[1]",
    "system_random": "random.SystemRandom().random()",
    "secret": "secrets.randbelow(10**9)",
    "order_of_a_set": "list({str(i) for i in range(20)})",
}
CHILD = (
    "def in_child():\n    read, write = os.pipe()\n    if os.fork() == 0:\n"
    "        os.write(write, repr((random.random(), np.random.default_rng().random())).encode())\n"
    "        os._exit(0)\n    os.wait()\n    return os.read(read, 100).decode()"
)
SOLUTION = "\n".join(
    [IMPORTS + MADE, *(f"def {name}(): return {way}" for name, way in WAYS.items()), CHILD]
)
NAMES = [*WAYS, "in_child"]
CALLS = "\n".join(f"print({name!r}, [{name}(), {name}()])" for name in NAMES)


def work(*tests):
    """Return a job in which tests draw before the one that is looked at."""
    first = checks("first", "import numpy as np\nprint(np_global(), np.random.rand())")
    return packed(cell("solution", SOLUTION, solution=True), first, checks("t", CALLS), *tests)


def graded(raw):
    return Result.read(job.grade(raw, DATA))


def printed(result):
    """Return by name what the test t has printed."""
    return lines(next(c.outputs for c in result.cells if c.id == "t"))


def lines(outputs):
    text = "".join(output.text for output in outputs)
    return dict(line.split(" ", 1) for line in text.splitlines())


@pytest.fixture(scope="module")
def result():
    return graded(work())


@pytest.fixture(scope="module")
def again():
    return graded(work(checks("after", "np_global()")))


@pytest.fixture(scope="module")
def replayed():
    pool = shared_pool(POLICY, DATA)
    ready = pool.prepare(job.raw(job.Job.read(work())))
    test = pool.replay(ready.notebook, ready.files, ready.template, b"", "t", "")
    return lines(test.outputs)


@pytest.mark.parametrize("name", NAMES)
def test_equal_work_draws_equal_numbers(result, again, name):
    assert failed(result) == {}
    assert printed(result)[name] == printed(again)[name]


@pytest.mark.parametrize("name", NAMES)
def test_a_replay_draws_what_was_drawn_for_the_mark(result, replayed, name):
    assert replayed[name] == printed(result)[name]


@pytest.mark.parametrize("name", [name for name in NAMES if name != "order_of_a_set"])
def test_each_call_draws_anew(result, name):
    first, second = eval(printed(result)[name])
    assert first != second


def test_another_key_gives_other_numbers(result):
    raw = replace(job.Job.read(work()), draws=b"another").pack()
    drawn, other = printed(result), printed(graded(raw))
    assert {name for name in NAMES if drawn[name] == other[name]} == {"order_of_a_set"}
    assert len({randomness.seed_of(key, for_) for key in ("", "a") for for_ in "xy"}) == 4


def test_a_seed_of_the_students_own_counts_as_it_does_at_home():
    seeded = (
        "import numpy as np, random\nnp.random.seed(1)\nrandom.seed(2)\n"
        "def f(): return np.random.default_rng(3).random(), random.Random(4).random()"
    )
    space = {}
    exec(seeded, space)
    wanted = space["f"]()
    test = checks("t", f"assert f() == {tuple(map(float, wanted))}")
    assert failed(graded(packed(cell("solution", seeded, solution=True), test))) == {}


def test_a_mark_that_depends_on_luck_is_the_same_each_time():
    lucky = "import random\nluck = [random.random() < 0.5 for _ in range(20)]\ndef f(): return luck"
    raw = packed(cell("solution", lucky, solution=True), checks("t", "print(f())"))
    assert printed(graded(raw)) == printed(graded(raw))
