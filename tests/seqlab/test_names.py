"""Which names code defines and needs; everybody who asks, asks seqlab.names."""

import warnings

import pytest

from seqlab.names import calls, names, parsed, texts


@pytest.mark.parametrize(
    ("source", "defined", "at_once", "later"),
    [
        ("import numpy as np\nx = np.eye(n)", {"np", "x"}, {"n"}, set()),
        ("import a.b, c.d as e", {"a", "e"}, set(), set()),
        ("def f(a):\n    return g(a) + len(b)", {"f"}, set(), {"g", "b"}),
        ("def f(a, eps=EPS):\n    return a", {"f"}, {"EPS"}, set()),
        ("@fast(k)\ndef f(a): return a", {"f"}, {"fast", "k"}, set()),
        ("y = [i * k for i in range(3)]", {"y"}, {"k"}, set()),
        ("class A(B):\n    size = n\n    def f(self): return m", {"A"}, {"B", "n"}, {"m"}),
        ("%time z = w", set(), set(), set()),
        ("%%time\nz = w", {"z"}, {"w"}, set()),
        ("!ls", set(), set(), set()),
        ("for i in range(3): print(i, q)", {"i"}, {"q"}, set()),
        ("with open(p) as (f, g): pass", {"f", "g"}, {"p"}, set()),
        ("try: import z\nexcept ImportError as e: z = None", {"z", "e"}, set(), set()),
        ("match a:\n    case [p, *q]: pass", {"p", "q"}, {"a"}, set()),
        ("xs = [(last := i) for i in range(3)]", {"xs", "last"}, set(), set()),
        ("def f():\n    global made\n    made = 1", {"f", "made"}, set(), set()),
        ("f = lambda v: v + u", {"f"}, set(), {"u"}),
        ("def f():\n    a = 1\n    def g(): return a + b", {"f"}, set(), {"b"}),
        ("await ready()", set(), {"ready"}, set()),
    ],
)
def test_the_names_of_a_cell(source, defined, at_once, later):
    cell = names(source)
    assert (cell.defined, cell.at_once, cell.later) == (defined, at_once, later)
    assert cell.is_python


def test_parameters_and_local_names_are_not_needed_from_elsewhere():
    assert names("def f(x):\n    y = x\n    return [z for z in y]").needed == set()


@pytest.mark.parametrize(
    "source", ["x = x + 1", "x += 1", "del x", "print(x)\nx = 1", "for i in a: x = x + i\na = 1"]
)
def test_a_name_that_is_read_before_the_cell_defines_it_is_needed_from_elsewhere(source):
    assert "x" in names(source).updated
    assert "x" in names(source).needed


@pytest.mark.parametrize(
    "source", ["x = 1\nx += 1", "def x(n): return x(n - 1)", "x = 1\nprint(x)"]
)
def test_a_name_that_the_cell_defines_first_is_its_own(source):
    assert names(source).needed == set()


def test_imported_names_are_told_from_the_others():
    cell = names("import numpy as np\nfrom math import pi, e as euler\nx = 1")
    assert cell.imported == {"np", "pi", "euler"}
    assert cell.defined - cell.imported == {"x"}


@pytest.mark.parametrize("source", ["from numpy import *", "exec('x = 1')", "%run a.py", "def ("])
def test_code_that_may_define_more_than_can_be_seen_is_marked(source):
    assert names(source).hides


@pytest.mark.parametrize(
    "source",
    [
        "def (",
        "x = \0",
        "(" * 10_000,
        "x = " + "-" * 100_000 + "1",
        "x = 1\n" * 200_000,
        "x = 1\n" * 6000,
    ],
)
def test_what_is_no_python_or_far_too_much_names_nothing(source):
    cell = names(source)
    assert not cell.is_python
    assert cell.defined == cell.needed == set()


def test_odd_escapes_in_a_students_strings_warn_nobody():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert names("pattern = '\\d'").defined == {"pattern"}


def test_docstrings_and_pieces_of_f_strings_are_no_values():
    source = 'def f():\n    "/home/me/x.py"\n    return f"/home/me/{f}.npy" + "/home/me/y.npy"'
    assert texts(source) == ["/home/me/y.npy"]


def test_calls_come_with_the_name_they_are_written_with():
    source = "a.input(1)\ninput('x')\nf(1)(2)"
    assert sorted(name for name, _ in calls(source)) == ["a.input", "f", "f(1)", "input"]


def test_magics_become_python_before_the_code_is_parsed():
    assert parsed("%matplotlib inline") is not None
    assert parsed("%%bash\nls -l") is not None
    assert parsed("echo if then") is None


def test_magics_are_read_in_one_pass_however_many_there_are():
    """IPython's transformer gives up after 500 of them, and took minutes to get there."""
    cell = names("%timeit x\n" * 600 + "if x:\n    files = !ls\n    help?\n    y = 1\n")
    assert cell.is_python
    assert cell.defined == {"files", "y"}


def test_a_cell_in_another_language_defines_nothing():
    assert names("%%bash\nx=1").defined == set()
