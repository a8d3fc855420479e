"""Three functions, each calling the one before: what follow-through is tested on."""

import nbformat
from nbformat.v4 import new_code_cell, new_notebook
from nbgrader.utils import determine_grade

from autograder import job
from autograder.cell_notes import CellNote
from autograder.cells import is_test
from autograder.policy import Policy
from autograder.result import Result
from tests.conftest import ROOT

DATA = ROOT / "data"
POLICY = Policy(
    preload="shared = {}",
    cell_seconds=20,
    call_seconds=3,
    test_seconds=20,
    diagnosis_seconds=1,
    follow_through=1.0,
)
CATALOGUE = """
from mistakes import Cell
CELLS = (
    Cell("shares", ("shares",), "def shares(x): return x / x.sum()"),
    Cell("mean", ("mean",), "def mean(x, v): return shares(x) @ v"),
    Cell("spread", ("spread",), "def spread(x, v): return mean(x, v * v) - mean(x, v) ** 2"),
)
"""
SETUP = "import numpy as np"
SHARES = "def shares(x):\n    return x / x.sum()"
MEAN = "def mean(x, v):\n    return shares(x) @ v"
SPREAD = "def spread(x, v):\n    return mean(x, v * v) - mean(x, v) ** 2"
WRONG = "def shares(x):\n    return x / x.max()"
STUB = "def {}(*inputs):\n    ..."
TESTS = {
    "shares-test": "assert np.allclose(shares(np.array([1.0, 3.0])), [0.25, 0.75])",
    "mean-test": "assert np.allclose(mean(np.array([1.0, 3.0]), np.array([4.0, 8.0])), 7)",
    "spread-test": "assert np.allclose(spread(np.array([1.0, 3.0]), np.array([4.0, 8.0])), 3)",
}
NOTHING = {"shares-test": 0, "mean-test": 0, "spread-test": 0}


def cell(name, source, **flags):
    metadata = {"nbgrader": {"grade_id": name, "schema_version": 3, **flags}}
    return new_code_cell(source, id=name, metadata=metadata)


def notebook(shares, mean, spread):
    cells = [cell("setup", SETUP, locked=True)]
    for name, source in {"shares": shares, "mean": mean, "spread": spread}.items():
        cells.append(cell(name, source, solution=True))
        flags = {"grade": True, "locked": True, "points": 2}
        cells.append(cell(f"{name}-test", TESTS[f"{name}-test"], **flags))
    return nbformat.writes(new_notebook(cells=cells))


def graded(
    shares=SHARES, mean=MEAN, spread=SPREAD, policy=POLICY, catalogue=CATALOGUE, preprocessors=None
) -> Result:
    stubs = notebook(*(STUB.format(name) for name in ("shares", "mean", "spread")))
    handed_in = notebook(shares, mean, spread).encode()
    release = job.Release("toy", stubs, catalogue=catalogue)
    packed = job.Job.of(release, {"toy.ipynb": handed_in}, policy, preprocessors or {}, DATA).pack()
    return Result.read(job.grade(packed, DATA))


def points(result):
    return {c.id: determine_grade(c)[0] for c in result.cells if is_test(c)}


def note(result, test):
    return CellNote.read(next(cell for cell in result.cells if cell.id == test))
