"""What becomes of a session whose kernels are lost."""

import shutil
from dataclasses import replace

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from autograder import job
from autograder.execution import outputs
from autograder.execution.test_side import ProvidedCellError
from autograder.policy import Policy
from autograder.result import Result
from course.run import workers
from tests.conftest import ROOT

pytestmark = [
    pytest.mark.skipif(shutil.which("bwrap") is None, reason="needs bubblewrap"),
    pytest.mark.filterwarnings("ignore"),  # nbformat's and jupyter's own
]
POLICY = Policy(preload="shared = {}", cell_seconds=20, call_seconds=10, test_seconds=20)
DATA = ROOT / "data"
IN_TEST_KERNEL = """
import os
from pathlib import Path
try:
    import autograder  # the sandbox does not show it
except ImportError:
    pass
else:
    {}
"""
KILLS = IN_TEST_KERNEL.format("os._exit(3)")


def cell(name, source, **flags):
    return new_code_cell(source, id=name, metadata={"nbgrader": {"grade_id": name, **flags}})


def provided(name, source):
    return cell(name, source, locked=True)


def solution(source):
    return cell("solution", source, solution=True)


def checks(name, source):
    return cell(name, source, grade=True, locked=True, points=1)


def packed(*cells):
    """Return a job whose submission is the release itself."""
    raw = nbformat.writes(new_notebook(cells=list(cells)))
    return job.Job.of(job.Release("toy", raw), {"toy.ipynb": raw.encode()}, POLICY, {}, DATA).pack()


def graded(*cells):
    return Result.read(job.grade(packed(*cells), DATA))


def failed(result):
    """Return the ids of cells that ended with an error, and its name."""
    return {
        cell.id: output.ename
        for cell in result.cells
        for output in cell.outputs
        if output.output_type == "error"
    }


def test_a_provided_cell_that_kills_the_test_kernel_is_no_result_but_a_reason():
    work = packed(
        provided("setup", "ready = True"),
        provided("killer", KILLS),
        solution("def f(): return 1"),
        checks("t", "assert f() == 1"),
    )
    with pytest.raises(ProvidedCellError, match="provided cell killer ends the test kernel: its"):
        job.grade(work, DATA)
    done = workers.compute("key", work, DATA)
    assert (done.result, done.fatal) == (None, False)
    assert done.reason == "the provided cell killer ends the test kernel: its process ended"


def test_a_provided_cell_that_kills_the_test_kernel_once_costs_nothing(tmp_path):
    (tmp_path / "mark").touch()
    once = f"(mark := Path({str(tmp_path / 'mark')!r})).exists() and (mark.unlink(), os._exit(3))"
    result = graded(
        provided("setup", "ready = True"),
        provided("killer", IN_TEST_KERNEL.format(once)),
        solution("def f(): return 1"),
        checks("t", "assert ready and f() == 1"),
    )
    assert (result.word, result.reasons, failed(result)) == ("graded", (), {})
    assert not (tmp_path / "mark").exists()


def test_provided_cells_find_the_students_functions_again_in_a_new_test_kernel():
    result = graded(
        solution("def f(): return 1"),
        provided("uses", "doubled = 2 * f()"),
        checks("kills", "import os; os._exit(3)"),
        checks("t", "assert doubled == 2"),
    )
    assert failed(result) == {"kills": "KernelDied"}


def test_a_test_that_kills_the_test_kernel_costs_its_own_points_alone():
    result = graded(
        solution("calls = []\ndef f(): calls.append(1); return len(calls)"),
        checks("before", "assert f() == 1"),
        checks("kills", "import os; os._exit(3)"),
        checks("after", "assert f() == 1"),  # in a student's kernel made again
    )
    assert result.reasons == ("the test kills was lost: its process ended",)
    assert (result.word, failed(result)) == ("crashed", {"kills": "KernelDied"})


def test_a_student_whose_kernel_is_lost_too_often_is_told_once():
    deaths = [cell(f"own-{n}", "import os; os._exit(1)") for n in range(POLICY.restarts + 2)]
    result = graded(solution("def f(): return 1"), *deaths, checks("t", "assert f() == 1"))
    often = [reason for reason in result.reasons if "too often" in reason]
    assert often == ["the process was lost too often: the rest was not run"]
    assert failed(result)["t"] == "NotRun"


def test_all_outputs_together_are_bounded_and_what_decides_marks_stays():
    show = "import os\nfrom IPython.display import Image, display\n"
    show += "display(Image(b'\\x89PNG\\r\\n' + os.urandom(4_000_000), format='png'))"
    pictures = [cell(f"own-{i}", show) for i in range(6)]
    last = [cell("prints", "print('y' * 900)"), cell("fails", "1 / 0")]
    result = graded(
        solution("def f(): return 1"),
        *pictures,
        *last,
        checks("right", "assert f() == 1"),
        checks("wrong", "assert f() == 2, 'x' * 900"),
    )
    assert len(result.notebook) < outputs.ALL_OUTPUTS + 100_000
    assert outputs.CUT in result.reasons
    assert failed(result) == {"fails": "ZeroDivisionError", "wrong": "AssertionError"}
    kinds = [o.output_type for c in result.cells[1:7] for o in c.outputs]
    assert kinds == ["display_data"] * 6


def test_memory_that_processes_take_while_a_test_runs_is_seen():
    takes = "import os, time\nfor _ in range(8):\n    if os.fork() == 0:\n        time.sleep(2)\n"
    takes += "        held = os.urandom(4096) * 25_000\n        time.sleep(60)\n"
    policy = replace(POLICY, memory=500_000_000)
    slow = checks("t", "import time\nassert f() == 1\ntime.sleep(8)\nassert f() == 1")
    raw = nbformat.writes(new_notebook(cells=[solution(takes + "def f(): return 1"), slow]))
    release = job.Release("toy", raw)
    work = job.Job.of(release, {"toy.ipynb": raw.encode()}, policy, {}, DATA)
    result = Result.read(job.grade(work.pack(), DATA))
    assert result.word == "crashed"
    assert "GB of memory" in result.reasons[0]


def test_what_takes_too_long_to_read_is_a_row_with_its_reason():
    policy = replace(POLICY, reading_seconds=0.5)
    cells = [new_code_cell("x = 1\n" * 4000, id=f"c{i}") for i in range(1500)]
    raw = nbformat.writes(new_notebook(cells=[solution("def f(): return 1"), *cells])).encode()
    template = nbformat.writes(new_notebook(cells=[solution("def f(): ...")]))
    work = job.Job.of(job.Release("toy", template), {"toy.ipynb": raw}, policy, {}, DATA)
    result = Result.read(job.grade(work.pack(), DATA))
    assert (result.word, result.notebook) == ("unreadable", None)
    assert result.reasons[0].startswith("reading it ")
    assert "0.5 s" in result.reasons[0]


def test_what_takes_too_much_memory_to_read_is_a_row_with_its_reason():
    policy = replace(POLICY, reading_memory=400_000_000)
    raw = b'{"nbformat": 4, "nbformat_minor": 5, "metadata": {"a": [' + b"[]," * 8_000_000
    template = nbformat.writes(new_notebook(cells=[solution("def f(): ...")]))
    raw += b'[]]}, "cells": []}'
    work = job.Job.of(job.Release("toy", template), {"toy.ipynb": raw}, policy, {}, DATA)
    result = Result.read(job.grade(work.pack(), DATA))
    assert result.word == "unreadable"
    assert "GB of memory" in result.reasons[0]
