"""A process that computes for another one: several things at a time, and gone with it."""

import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from autograder import fingerprint
from autograder.execution.client import is_alive
from course.run import worker_process


def work(kind, value):
    """Do what a test asks for; it is imported by the process, too."""
    if kind == "sleep":
        time.sleep(value)
    elif kind == "meet":
        meet(*value)
    elif kind == "fail":
        raise ValueError(value)
    elif kind == "die":
        os._exit(3)
    return kind, value, os.getpid()


def meet(folder, n, seconds=600.0):
    """Return when ``n`` processes or threads are here at the same time."""
    (folder / str(threading.get_ident())).touch()
    deadline = time.monotonic() + seconds
    while len(list(folder.iterdir())) < n:
        if time.monotonic() > deadline:
            raise TimeoutError("the others did not come")
        time.sleep(0.01)


@pytest.fixture
def two():
    made = worker_process.WorkerProcess(2)
    yield made
    made.end()


def start_and_stop():
    """Start a child, say which, and stop as if for ever: no signal is heard from then on."""
    child = subprocess.Popen(["sleep", "3600"])
    threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGSTOP)).start()
    return child.pid


def ends(pid, seconds=60.0):
    deadline = time.monotonic() + seconds
    while is_alive(pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    return not is_alive(pid)


def test_a_lane_answers_what_the_function_returned_in_that_process(two):
    assert two.compute(0, work, "say", [1, 2]) == ("say", [1, 2], two.process_id)
    assert two.compute(1, work, "say", "x")[2] == two.process_id != os.getpid()


def test_an_error_of_the_function_comes_back_and_the_lane_goes_on(two):
    with pytest.raises(ValueError, match="so be it"):
        two.compute(0, work, "fail", "so be it")
    assert two.compute(0, work, "say", 1)[:2] == ("say", 1)


def test_a_process_that_dies_is_an_error_on_every_lane(two):
    with pytest.raises(worker_process.WorkerDied):
        two.compute(0, work, "die", 0)
    with pytest.raises(worker_process.WorkerDied):
        two.compute(1, work, "say", 1)


def test_several_things_are_computed_at_a_time(tmp_path):
    found = dict(worker_process.spread(work, [("meet", (tmp_path, 3))] * 3, 3))
    assert sorted(found) == [0, 1, 2]
    assert len({pid for _, _, pid in found.values()}) == 1


def test_lanes_that_begin_at_once_do_not_load_modules_in_each_others_way():
    found = dict(worker_process.spread(fingerprint.environment, [()] * 4, 4))
    assert [found[i] for i in range(4)] == [fingerprint.environment()] * 4


def test_what_one_job_raises_ends_all_of_them():
    with pytest.raises(ValueError, match="no"):
        list(worker_process.spread(work, [("say", 1), ("fail", "no"), ("say", 2)], 1))


def test_one_that_hears_nothing_is_killed_with_what_it_has_started():
    made = worker_process.WorkerProcess(1)
    child = made.compute(0, start_and_stop)
    time.sleep(1)
    made.end()
    assert ends(made.process_id)
    assert ends(child)


def test_it_is_gone_when_whoever_started_it_is_killed():
    script = (
        "import time\nfrom course.run.worker_process import WorkerProcess\n"
        "g = WorkerProcess(1)\nprint(g.process_id, flush=True)\ntime.sleep(60)"
    )
    parent = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    pid = int(parent.stdout.readline())
    assert is_alive(pid)
    time.sleep(4)  # it has begun to listen
    parent.kill()
    parent.wait()
    parent.stdout.close()
    assert ends(pid)
