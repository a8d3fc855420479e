"""Functions that are written out of a notebook run without it."""

import itertools
import linecache
import runpy

import nbformat
import numpy as np
import pytest
from IPython.core.inputtransformer2 import TransformerManager

from seqlab import turn_in

numbers = itertools.count()


class Shell:
    """What magics do, as far as these tests use them."""

    def __init__(self, space):
        self.space = space

    def run_line_magic(self, name, line): ...

    def run_cell_magic(self, name, line, cell):
        exec(compile(cell, "<timed exec>", "exec"), self.space)


def ran(*cells):
    """Return the namespace of a notebook that ran some cells, as a kernel keeps it."""
    space = {"__name__": "__main__", "In": [""]}
    space["get_ipython"] = lambda: Shell(space)
    for cell in cells:
        file = f"<cell {next(numbers)}>"
        source = TransformerManager().transform_cell(cell)
        linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
        space["In"].append(source)
        space[f"_i{len(space['In']) - 1}"] = cell
        exec(compile(source, file, "exec"), space)
    return space


@pytest.fixture
def written(tmp_path, capsys):
    """Write functions of a notebook; return what their file defines and what was printed."""

    def write(wanted, *cells, history=True):
        space = ran(*cells)
        if not history:
            del space["In"]
        path = tmp_path / "template.py"
        turn_in.write_functions(wanted, space, path)
        *problems, last = capsys.readouterr().out.splitlines()
        assert last.startswith(f"{path} holds ")
        return runpy.run_path(str(path)), problems

    return write


@pytest.mark.parametrize("history", [True, False])
@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (["def f(x): return x"], 3),
        (["EPS = 0.5", "def f(x, eps=EPS): return x + eps"], 3.5),
        (["EPS = 0.5", "def f(x, *, eps=EPS): return x + eps"], 3.5),
        (["EPS = 0.5\nEPS += 1", "def f(x): return x + EPS"], 4.5),
        (["import numpy as np", "def f(x: np.ndarray) -> np.ndarray: return np.add(x, 1)"], 4),
        (["import os.path", "def f(x): return os.path.join('a', str(x))"], "a/3"),
        (["from math import sqrt as root", "def f(x): return root(x + 1)"], 2),
        (["from math import *", "def f(x): return floor(sqrt(x + 1) * pi)"], 6),
        (["def half(x): return x / 2", "def f(x): return half(x)"], 1.5),
        (["def a(x): return b(x)\ndef b(x): return x", "def f(x): return a(x)"], 3),
        (["def f(n): return n * f(n - 1) if n else 1"], 6),
        (["def f(x):\n    def g(): return k * x\n    return g()\nk = 5"], 15),
        (["def f(x):\n    class A:\n        size = k\n    return A.size\nk = 7"], 7),
        (["k = 2\nf = lambda x: k * x"], 6),
        (["def sum(xs): return 'my own'", "def f(x): return sum([x])"], "my own"),
        (["table = {'a': [1, 2]}\ndef f(x): return table['a'][1] + x"], 5),
        (["limit = float('inf')\ndef f(x): return min(x, limit)"], 3),
        (["import numpy as np\nc = np.sqrt(2 / np.pi)\ndef f(x): return c"], np.sqrt(2 / np.pi)),
        (["if True:\n    def f(x):\n        '''Say\n  it.'''\n        return x + 1"], 4),
        (["for k in range(4): pass", "def f(x): return k + x"], 6),
        (["def f(x): return [y for y in range(x) if y > least]\nleast = 1"], [2]),
    ],
)
def test_a_function_comes_with_all_that_it_needs(written, cells, expected, history):
    file, problems = written(["f"], *cells, history=history)
    assert problems == []
    assert file["f"](3) == expected


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (
            [
                "class Scale:\n    by = 2\n    def __call__(self, x): return x * self.by",
                "def f(x): return Scale()(x)",
            ],
            6,
        ),
        (
            [
                "from dataclasses import dataclass\n@dataclass\nclass P:\n    x: int = 1",
                "def f(x, p=P(4)): return p.x",
            ],
            4,
        ),
        (
            [
                "try:\n    import numpy as xp\nexcept ImportError:\n    xp = None",
                "def f(x): return xp.abs(-x)",
            ],
            3,
        ),
        (["from functools import lru_cache\n@lru_cache\ndef f(x): return x"], 3),
        (
            [
                "def twice(g):\n    def inner(x): return 2 * g(x)\n    return inner",
                "@twice\ndef f(x): return x",
            ],
            6,
        ),
        (["def make(k): return lambda x: k * x", "f = make(4)"], 12),
        (["def g(x): return x + 1", "f = g"], 4),
        (["import numpy as np", "def f(x): return x", "f = np.vectorize(f)"], 3),
        (
            ["from functools import partial", "def add(a, b): return a + b", "f = partial(add, 2)"],
            5,
        ),
        (["%%time\ndef f(x): return 2 * x"], 6),
        (["%matplotlib inline\ndef f(x): return x"], 3),
        (["def f(x): return 1", "def f(x): return 2"], 2),
        (["slow = False\nif slow:\n    def f(x): return 1\nelse:\n    def f(x): return 2"], 2),
        (["from __future__ import annotations\ndef f(x: str | int) -> 3: return x"], 3),
        (["try:\n    from math import floor as f\nexcept ImportError:\n    f = None"], 3),
        (
            [
                "from math import floor",
                "from math import ceil as floor",
                "def f(x): return floor(x)",
            ],
            3,
        ),
        (
            [
                "try:\n    import math as m\nexcept ImportError:\n    import cmath as m",
                "def f(x): return m.floor(x)",
            ],
            3,
        ),
        (["import os.path as p", "def f(x): return p.basename('a/3')"], "3"),
        (["def f(x): return 1", "f = 5", "def f(x): return 3"], 3),
        (["import xml.dom", "import xml.sax", "def f(x): return xml.sax.__name__"], "xml.sax"),
    ],
)
def test_the_notebooks_history_tells_how_a_name_got_its_value(written, cells, expected):
    file, problems = written(["f"], *cells)
    assert problems == []
    assert file["f"](3) == expected


def test_two_names_of_one_statement_are_written_once(written):
    make = "def make(): return (lambda x: x + 1), (lambda x: x + 2)"
    file, problems = written(["f", "g"], make, "f, g = make()")
    assert problems == []
    assert (file["f"](1), file["g"](1)) == (2, 3)


def test_functions_that_call_each_other_stand_on_their_own(written):
    odd = "def odd(n): return n > 0 and even(n - 1)"
    even = "def even(n, base=odd): return n == 0 or odd(n - 1)"
    for wanted in (["odd", "even"], ["even"], ["odd"]):
        file, problems = written(wanted, odd, even)
        assert problems == []
        assert file["odd"](3)


def test_the_comments_of_a_function_and_its_decorators_come_along(tmp_path, capsys):
    source = "def same(f): return f\n\n@same  # why\ndef f(x):\n    # the idea\n    return x"
    turn_in.write_functions(["f"], ran(source), tmp_path / "template.py")
    text = (tmp_path / "template.py").read_text("utf-8")
    assert "@same  # why\ndef f(x):\n    # the idea\n    return x" in text


@pytest.mark.parametrize(
    ("cells", "problem"),
    [
        (["x = 1"], "f is not defined yet: left out"),
        (["f = ..."], "f is not defined yet: left out"),
        (
            ["import numpy as np\nw = np.eye(2)\ndef f(x): return w"],
            "f uses w, which cannot be copied: define it inside the function",
        ),
        (
            ["w = [object()]\ndef f(x): return w"],
            "f uses w, which cannot be copied: define it inside the function",
        ),
        (["def f(x): return helper(x)"], "f uses helper, which is not defined"),
        (
            ["def f(x=(1, w := 2)): return g(x)\ndef g(x): return h(x)"],
            "g uses h, which is not defined",
        ),
        (["f = len"], None),
    ],
)
def test_what_is_missing_or_cannot_be_copied_is_said_once(written, cells, problem):
    _, problems = written(["f"], *cells)
    assert problems == ([problem] if problem else [])


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1e-5, "1e-05"),
        ((1, "a", None), "(1, 'a', None)"),
        (np.float32(0.1), "numpy.float32(0.10000000149011612)"),
        (float("-inf"), "float('-inf')"),
        (set(), "set()"),
        (np.eye(2), ""),
        ([np.float64(1.0)], ""),
        (object(), ""),
        ("x" * 20_000, ""),
    ],
)
def test_a_constant_is_written_so_that_it_reads_back_the_same(value, text):
    assert turn_in._constant(value) == text
    if text:
        assert eval(text, {"numpy": np}) == value


def test_functions_that_are_still_to_be_written_are_named_and_not_counted(
    tmp_path, capsys, monkeypatch
):
    folder = tmp_path / "release" / "toy"
    folder.mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    stub = "def g(x, w):\n    b = w[0]\n\n    # your code here\n    return x"
    cell = nbformat.v4.new_code_cell(stub)
    cell.metadata["nbgrader"] = {"solution": True, "grade_id": "g"}
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), folder / "toy.ipynb")
    cells = [
        "def same(x): return x",
        "def f(x): return same(x) + 1",
        stub,
        "def h(x):\n    y = ...\n    return y",
    ]
    turn_in.write_functions(["f", "g", "h"], ran(*cells), tmp_path / "template.py")
    (line,) = capsys.readouterr().out.splitlines()
    assert line.endswith("template.py holds f, same; not written yet: g, h")
    cells[2] = stub.replace("return x", "return x + b")
    turn_in.write_functions(["g"], ran(*cells), tmp_path / "template.py")
    assert capsys.readouterr().out.strip().endswith("holds g")
