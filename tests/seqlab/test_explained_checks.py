"""What a test tells at the desk of code that is unfinished, stops, or gives other numbers."""

import hashlib
import json
import linecache
import textwrap

import nbformat
import numpy as np
import pytest
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell, new_notebook

from seqlab import checks, released, running_test
from seqlab.checks import CheckFailed

TEST = """
import numpy as np
from seqlab.checks import expect_close, quiet

q, k, v = np.arange(6.0).reshape(3, 2), np.arange(8.0).reshape(4, 2), np.arange(12.0).reshape(4, 3)
with quiet():
    mixed = attention(q, k, v)
expect_close("attention(q, k, v)", mixed, np.ones((3, 3)), atol=1e-6)
"""
HANDED_OUT = '''
def attention(q, k, v):
    """Mix the values."""
    scale = k.shape[1] ** -0.5
    # your code here
    return q
'''
GIVEN = "def softmax(x):\n    return np.exp(x) / np.exp(x).sum(axis=1, keepdims=True)"


def run(space, source):
    """Run a cell as IPython does: Python can find its lines again."""
    text = textwrap.dedent(source)
    name = f"<cell {hashlib.sha1(text.encode()).hexdigest()[:9]}>"
    linecache.cache[name] = (len(text), None, text.splitlines(keepends=True), name)
    exec(compile(text, name, "exec"), space)


def told(*cells, test=TEST):
    """Return what a test tells about cells."""
    space = {"__name__": "__main__", "np": np}
    for cell in cells:
        run(space, cell)
    with pytest.raises(CheckFailed) as failed:
        run(space, test)
    return str(failed.value)


@pytest.fixture(autouse=True)
def release(tmp_path, monkeypatch):
    """A notebook as it was handed out, in whose folder the test runs."""
    folder = tmp_path / "release" / "toy"
    folder.mkdir(parents=True)
    flags = {"given": {"locked": True}, "solution": {"solution": True}, "test": {"locked": True}}
    flags["test"]["grade"] = True
    both = HANDED_OUT + HANDED_OUT.replace("attention", "blend")
    sources = {"given": GIVEN, "solution": both, "test": TEST}
    cells = [new_code_cell(sources[kind], metadata={"nbgrader": flags[kind]}) for kind in sources]
    (folder / "toy.ipynb").write_text(json.dumps(new_notebook(cells=cells)))
    monkeypatch.chdir(folder)
    released.with_test.cache_clear()
    yield
    released.with_test.cache_clear()
    checks.explain("full")


UNWRITTEN = {
    "as handed out": HANDED_OUT,
    "without comments": HANDED_OUT.replace("# your code here", ""),
    "pass": "def attention(q, k, v):\n    pass",
    "dots": "def attention(q, k, v):\n    ...",
    "a docstring": "def attention(q, k, v):\n    'Mix.'",
    "an argument": "def attention(q, k, v):\n    return q",
    "None": "def attention(q, k, v):\n    return None",
    "NotImplementedError": "def attention(q, k, v):\n    raise NotImplementedError('soon')",
}


@pytest.mark.parametrize("kind", UNWRITTEN)
def test_a_function_that_is_not_written_is_called_that(kind):
    assert told(UNWRITTEN[kind]) == "attention is not written yet"


def test_dots_that_are_left_are_named():
    cell = "def attention(q, k, v):\n    scores = q @ k.T\n    mixed = ...\n    return mixed"
    assert told(cell) == "attention is not finished: mixed is still `...`"


def test_dots_that_nothing_uses_are_not_the_reason():
    cell = "def attention(q, k, v):\n    mixed = ...\n    return 2 * np.ones((3, 3))"
    assert "every value is too large by 1" in told(cell)


def test_a_function_that_is_called_and_not_written_is_named():
    block = "def attention(*parts):\n    return blend(*parts)"
    softmax = HANDED_OUT.replace("attention", "blend")
    text = told(softmax, block)
    assert text == "blend is not written yet, and attention calls it"


def test_an_empty_helper_of_the_students_own_is_not_the_reason():
    cell = "def debug(x): pass\ndef attention(q, k, v):\n    debug(q)\n    return np.zeros((3, 3))"
    assert "not written" not in told(cell)


STOPS = {
    "q @ k": ("q (3, 2), k (4, 2)", "2 meet 4"),
    "np.dot(q, k)": ("q (3, 2), k (4, 2)",),
    "q + k": ("q (3, 2), k (4, 2)",),
    "np.hstack([q, k])": ("[q, k]",),
    "softmax(q @ k.T) @ q": ("The arrays in it: q (3, 2)", "4 meet 3"),
    "softmax(q) + np.exp(k)": ("The shapes that meet there: (3,2) and (4,2)",),
    "q @ k.T / scal": ("name 'scal' is not defined",),
    "q.reshape(4, 4)": ("cannot reshape array",),
    "q[7]": ("index 7 is out of bounds",),
    "q['a']": ("IndexError",),
    "np.random.choice(6, p=q.ravel())": ("q.ravel() sums to 15",),
    "1 / 0": ("ZeroDivisionError",),
    "v.T + ...": ("still `...`",),
    "(lambda a: a @ k)(q)": ("line 2 of attention", "a (3, 2), k (4, 2)"),
    "[row @ k for row in q]": ("row (2,), k (4, 2)",),
    "{'a': 1}['b']": ("there is no key 'b'",),
    "np.split(v, 2, axis=1)": ("v (4, 3)", "equal division"),
    "np.concatenate([q, v], axis=1)": ("[q, v] (a list of 2: (3, 2), (4, 3))",),
    "np.random.choice(3, p=[0.5, 0.7, -0.2])": ("not non-negative",),
    "q.sort() @ k": ("ValueError",),
    "attention(q, k, v)": ("maximum recursion depth",),
    "größe @ k": ("name 'größe' is not defined",),
}


@pytest.mark.parametrize("expression", STOPS)
def test_code_that_stops_is_told_with_its_line_and_with_what_met_there(expression):
    text = told(GIVEN, f"def attention(q, k, v):\n    return {expression}")
    assert text.startswith("your attention stops with a")
    assert "in line 2 of attention" in text
    assert f"return {expression}" in text
    assert "gufunc" not in text
    for words in STOPS[expression]:
        assert words in text


OTHER_FORMS = {
    "a lambda": "attention = lambda q, k, v: q @ k",
    "a class": "class A:\n    def __call__(self, q, k, v):\n        return q @ k\nattention = A()",
    "a function in a function": "def attention(q, k, v):\n    def f(a):\n        return a @ k\n"
    "    return f(q)",
    "a decorated one": "import functools\ndef own(f):\n    @functools.wraps(f)\n"
    "    def g(*parts):\n        return f(*parts)\n    return g\n"
    "@own\ndef attention(q, k, v):\n    return q @ k",
    "names that are not ASCII": "def attention(q, k, v):\n    größe = q; return größe @ k",
    "several lines": "def attention(q, k, v):\n    return (\n        q\n        @ k\n    )",
}


@pytest.mark.parametrize("form", OTHER_FORMS)
def test_code_of_any_form_is_told_with_the_shapes(form):
    text = told(OTHER_FORMS[form])
    assert "stops with a ValueError in line " in text
    assert "(3, 2), k (4, 2)" in text
    assert "2 meet 4" in text


def test_a_name_without_a_function_is_told():
    assert told("x = 1") == "name 'attention' is not defined: run the cell that defines it first"
    assert told("attention = 3") == "attention is no function but 3"


def test_an_error_in_a_function_of_the_courses_is_told_where_the_student_called_it():
    text = told(GIVEN, "def attention(q, k, v):\n    return softmax(q[0])")
    assert "your attention stops with an AxisError in line 2 of attention" in text


def test_other_arguments_than_those_that_were_handed_out_are_told():
    text = told("def attention(q, k):\n    return q")
    assert "attention() takes 2 positional arguments but 3 were given" in text


def test_an_error_of_the_tests_own_is_left_alone():
    space = {"__name__": "__main__"}
    run(space, "def attention(q, k, v):\n    return q")
    with pytest.raises(ZeroDivisionError):
        run(space, "from seqlab.checks import quiet\nwith quiet():\n    1 / 0")


def test_what_is_prepared_and_never_used_is_named():
    text = told("def attention(q, k, v):\n    scale = 1 / 3\n    return np.ones((3, 3)) + v[:3]")
    assert "attention never uses q, k and scale" in text
    text = told(
        "def attention(q, k, v):\n    scale = k.shape[1] ** -0.5\n    return q @ k.T[:, :3]"
    )
    assert "attention never uses v and scale" in text


def test_a_wrong_shape_is_told_with_the_line_that_makes_it():
    text = told("def attention(q, k, v):\n    mixed = v.T\n    return mixed")
    assert "your attention(q, k, v): the shape is (3, 4), expected (3, 3)" in text
    assert "Look at line 2 of attention: mixed = v.T" in text


def test_an_argument_that_is_changed_is_told_with_the_line_that_does_it():
    test = TEST.replace("expect_close(", "from seqlab.checks import expect_unchanged\n#(")
    test += "expect_unchanged('q', np.arange(6.0).reshape(3, 2), q)"
    text = told("def attention(q, k, v):\n    q -= q.max()\n    return q", test=test)
    assert (
        "changes its argument q: work on a copy\nLook at line 2 of attention: q -= q.max()" in text
    )


def test_an_instructor_can_choose_that_less_is_told():
    wrong = "def attention(q, k, v):\n    return 2 * np.ones((3, 3))"
    assert "too large by 1" in told(wrong)
    checks.explain("mild")
    assert told(wrong) == "your attention(q, k, v) at [0, 0]: 2, expected 1 (9 of 9 values differ)"
    assert told(HANDED_OUT) == "attention is not written yet"
    assert "4 columns instead of 3" in told("def attention(q, k, v):\n    return np.ones((3, 4))")
    checks.explain("off")
    space = {"__name__": "__main__", "np": np}
    run(space, "def attention(q, k, v):\n    return q @ k")
    with pytest.raises(ValueError, match="gufunc"):
        run(space, TEST)
    run(space, wrong)
    with pytest.raises(AssertionError) as failed:
        run(space, TEST)
    assert type(failed.value) is AssertionError
    assert str(failed.value).startswith("your attention(q, k, v) at [0, 0]: 2, expected 1")


def test_an_explanation_that_goes_wrong_takes_nothing_from_the_check(monkeypatch):
    monkeypatch.setattr(running_test.RunningTest, "unwritten", lambda _: 1 / 0)
    monkeypatch.setattr("seqlab.symptoms.told", lambda _: 1 / 0)
    wrong = "def attention(q, k, v):\n    return 2 * np.ones((3, 3))"
    assert told(wrong).startswith("your attention(q, k, v) at [0, 0]: 2, expected 1")


@pytest.mark.filterwarnings("ignore")  # jupyter's own
def test_a_notebook_shows_the_message_and_no_traceback():
    cells = ["import numpy as np", "def attention(q, k, v):\n    return q @ k", TEST]
    notebook = nbformat.v4.new_notebook(cells=[new_code_cell(cell) for cell in cells])
    NotebookClient(notebook, allow_errors=True, kernel_name="python3").execute()
    (output,) = notebook.cells[2].outputs
    shown = "\n".join(output.traceback)
    assert "your attention stops with a ValueError in line 2 of attention" in shown
    assert "q (3, 2), k (4, 2)" in shown
    assert "checks.py" not in shown
    assert "gufunc" not in shown
