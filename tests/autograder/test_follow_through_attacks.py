"""Nothing is gained by what a student's kernel may ask while a test is run once more.

Each attack is a submission of three functions: what it gets is what its code deserves.
"""

import shutil
from dataclasses import replace

import pytest

from autograder.execution import right_functions
from autograder.execution.right_functions import RightFunctions
from minikernel.encoding import SharedArrays
from minikernel.protocol import ProtocolError
from tests.support.three_functions import CATALOGUE, MEAN, POLICY, WRONG, graded, points

pytestmark = [
    pytest.mark.skipif(shutil.which("bwrap") is None, reason="needs bubblewrap"),
    pytest.mark.filterwarnings("ignore"),  # nbformat's and jupyter's own
]
# What an attack finds in its own process: the kernel, and with it how the other end is asked.
HAND = """
import sys
def kernel():
    frame = sys._getframe()
    while not ("self" in frame.f_locals and hasattr(frame.f_locals["self"], "questions")):
        frame = frame.f_back
    return frame.f_locals["self"]
def ask(name, *args, **kwargs):
    return kernel().questions.ask(name, args, kwargs)
"""
FRAME = """
import json, struct
def frame(message, *arrays):
    text = json.dumps(message).encode()
    return struct.pack("<4sII", b"krnl", len(text), len(arrays)) + text
"""
ONLY_SPREAD = {"shares-test": 0, "mean-test": 0, "spread-test": 2}

# mean does this, and gets nothing for it; spread is right and gets its points all the same.
IN_MEAN = {
    "asks for itself": f"{HAND}def mean(x, v):\n    return ask('mean', x, v)",
    "calls what stands for the earlier one by another name": f"{HAND}def mean(x, v):\n"
    "    other = type(shares.__code__.co_consts[1])('mean', kernel().questions.ask)\n"
    "    return other(x, v)",
    "asks for a later one": f"{HAND}def mean(x, v):\n    return ask('spread', x, v)",
    "asks for names of the test kernel": f"{HAND}def mean(x, v):\n"
    "    for name in ('get_ipython', 'np', 'exec', 'eval', 'open', 'draws', '__builtins__'):\n"
    "        try:\n            return ask(name, '7')\n        except Exception:\n            pass",
    "asks for hidden inputs": f"{HAND}def mean(x, v):\n    return ask('mean-test')",
    "returns what the earlier one says": "def mean(x, v):\n    return shares(x)",
    "asks too often": "def mean(x, v):\n    for _ in range(10**9):\n        y = shares(x)\n"
    "    return y @ v",
    "asks for ever": "def mean(x, v):\n    while True:\n        shares(x)",
    "asks for ever, and does not let itself be stopped": "def mean(x, v):\n    while True:\n"
    "        try:\n            shares(x)\n        except BaseException:\n            pass",
    "asks in a process of its own": "import os\ndef mean(x, v):\n    read, write = os.pipe()\n"
    "    if os.fork() == 0:\n        try:\n"
    "            os.write(write, repr(float(shares(x) @ v)).encode())\n"
    "        finally:\n            os._exit(0)\n    os.close(write)\n"
    "    return float(os.read(read, 1000) or 0)",
    "asks with nothing that is a question": f"{FRAME}{HAND}def mean(x, v):\n"
    "    kernel().connection.sendall(frame({'do': 'ask', 'name': 3}))\n    return 7",
    "asks with arrays that are not there": f"{FRAME}{HAND}def mean(x, v):\n"
    "    kernel().connection.sendall(frame({'do': 'ask', 'name': 'shares', "
    "'args': {'l': [{'a': 5}]}, 'kwargs': {'d': []}}))\n    return 7",
    "asks for something else to be done": f"{FRAME}{HAND}def mean(x, v):\n"
    "    kernel().connection.sendall(frame({'do': 'run', 'source': 'mean = None'}))\n    return 7",
    "asks with a structure without end": f"{FRAME}{HAND}def mean(x, v):\n    deep = 1\n"
    "    for _ in range(500):\n        deep = {'l': [deep]}\n"
    "    kernel().connection.sendall(frame({'do': 'ask', 'name': 'shares', 'args': deep, "
    "'kwargs': {'d': []}}))\n    return 7",
    "answers its own question": f"{FRAME}{HAND}def mean(x, v):\n"
    "    kernel().connection.sendall(frame({'value': 7.0, 'state': None, 'outputs': [], "
    "'changed': [], 'renamed': [], 'structure': None, 'id': 1}))\n    return 7",
    "passes itself": "def mean(x, v):\n    return shares(mean)",
    "passes what calls it again": "class Again:\n    def __repr__(self):\n"
    "        return repr(shares(3))\ndef mean(x, v):\n    return shares(Again())",
    "recurses": "def mean(x, v):\n    return shares(x) @ mean(x, v)",
    "wants memory": "def mean(x, v):\n    return shares(np.ones(10**10)) @ v",
}


@pytest.mark.parametrize("mean", IN_MEAN.values(), ids=IN_MEAN)
def test_an_attack_in_a_function_gets_nothing_for_that_function(mean):
    assert points(graded(WRONG, mean)) == ONLY_SPREAD


KEPT = f"""{HAND}
kept = []
def mean(x, v):
    kept.append(shares.__code__.co_consts[1])
    kept.append(kernel())
    return shares(x) @ v
"""
LATER = {
    "in a cell of its own": "def use():\n    return kept[0](np.array([1.0, 3.0]))\n"
    "try:\n    found = use()\nexcept Exception:\n    found = None\n"
    "def spread(x, v):\n    return 3 if found is not None else 0",
    "on the wire, in a cell of its own": f"{FRAME}\nimport json\n"
    "try:\n    kept[1].connection.sendall(frame({'do': 'ask', 'name': 'shares', 'args': "
    "{'l': [1]}, 'kwargs': {'d': []}}))\nexcept IndexError:\n    pass\n"
    "def spread(x, v):\n    return 0",
    "when its process ends": "import atexit\n@atexit.register\ndef use():\n    kept[0](1)\n"
    "def spread(x, v):\n    return 0",
    "in a thread that goes on": "import threading, time\ndef go_on():\n    while True:\n"
    "        time.sleep(0.001)\n        try:\n            kept[0](np.ones(3))\n"
    "        except Exception:\n            pass\n"
    "threading.Thread(target=go_on, daemon=True).start()\ndef spread(x, v):\n    return 0",
}


@pytest.mark.parametrize("spread", LATER.values(), ids=LATER)
def test_what_was_kept_of_a_function_is_of_no_use_later(spread):
    found = points(graded(WRONG, KEPT, spread))
    assert (found["shares-test"], found["spread-test"]) == (0, 0)


def test_a_function_that_asks_before_it_may_is_suspicious_and_gets_nothing():
    asks = f"{FRAME}{HAND}def shares(x):\n    kernel().connection.sendall(frame({{'do': 'ask', "
    asks += "'name': 'shares', 'args': {'l': [1]}, 'kwargs': {'d': []}}))\n    return x / x.sum()"
    result = graded(asks)
    assert result.word == "suspicious"
    assert points(result)["shares-test"] == 0


def test_what_the_first_run_leaves_behind_does_not_reach_the_second():
    mean = "from pathlib import Path\ndef mean(x, v):\n    seen = Path('seen').exists()\n"
    mean += "    Path('seen').touch()\n    return shares(x) @ v if seen else 0"
    assert points(graded(WRONG, mean))["mean-test"] == 0


def test_answers_that_are_kept_are_answers_that_may_be_asked_for_anyway():
    mean = (
        "answers = []\ndef mean(x, v):\n    answers.append(shares(x))\n    return answers[-1] @ v"
    )
    spread = "def spread(x, v):\n    return answers[0] @ v"
    expected = {"shares-test": 0, "mean-test": 2, "spread-test": 0}
    assert points(graded(WRONG, mean, spread)) == expected


READS = CATALOGUE.replace(
    '"def shares(x): return x / x.sum()"',
    '"def shares(x): return open(x).read() if isinstance(x, str) else x / x.sum()"',
)
PATHS = {
    "the course": right_functions.__file__,
    "a password": "/etc/passwd",
    "a descriptor": "/proc/self/fd/0",
    "another process": "/proc/self/environ",
}


@pytest.mark.parametrize("path", PATHS.values(), ids=PATHS)
def test_a_right_function_opens_no_file_for_a_student(path):
    mean = f"def mean(x, v):\n    try:\n        return 7 if shares({path!r}) else 0\n"
    mean += "    except Exception:\n        return shares(x)"
    assert points(graded(WRONG, mean, catalogue=READS))["mean-test"] == 0


GREEDY = CATALOGUE.replace(
    '"def shares(x): return x / x.sum()"',
    '"import numpy as np\\ndef shares(x): return np.ones(int(x.sum() * 1e9)) * x.sum()"',
)


def test_a_right_function_that_takes_too_much_memory_ends_the_run_and_nothing_else():
    policy = replace(POLICY, memory=700_000_000)
    result = graded(WRONG, MEAN, "def spread(x, v):\n    return 3", policy, GREEDY)
    assert points(result) == {"shares-test": 0, "mean-test": 0, "spread-test": 2}


def question(name, **more):
    empty = {"args": {"l": []}, "kwargs": {"d": []}}
    return {"do": "ask", "name": name, **empty, **more}


def test_only_the_functions_of_the_run_are_answered_and_their_number_is_bounded(monkeypatch):
    right = RightFunctions({"one": lambda: 1}, SharedArrays())
    assert right.answer(question("one"), [])[0]["value"] == 1
    assert right.answer(question("two"), [])[0]["error"]["name"] == "LookupError"
    assert right.asked == {"one"}
    monkeypatch.setattr(right_functions, "MOST_ASKED", 3)
    assert right.answer(question("one"), [])[0]["value"] == 1
    assert right.answer(question("one"), [])[0]["error"]["name"] == "RuntimeError"
    for wrong in ({"do": "ask"}, question(3), question("one", args={"a": 0})):
        with pytest.raises(ProtocolError):
            right.answer(wrong, [])


def test_no_line_of_a_right_function_is_told():
    def secret():
        raise ValueError("told")  # this line

    error = RightFunctions({"secret": secret}, SharedArrays()).answer(question("secret"), [])[0]
    assert error["error"]["text"] == "told"
    assert "this line" not in str(error)


def test_a_run_that_is_stopped_or_broken_off_is_told():
    loops = "def mean(x, v):\n    while shares(x)[0] < 0.3:\n        pass\n    return 0"
    result = graded(WRONG, loops)
    assert result.word == "timed out"
    assert result.reasons[-1].startswith("the test mean-test, run again with the course's shares,")
    forged = IN_MEAN["asks for something else to be done"].replace(
        "def mean(x, v):\n", "def mean(x, v):\n    if shares(x)[0] > 0.3:\n        return 0\n"
    )
    assert graded(WRONG, forged).word == "suspicious"
