"""Cells that do not compile, and imports of what is not there, are named; nothing else is."""

import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output

from autograder import broken_cells


def reasons(source, ename="", files=(), python=""):
    outputs = [new_output("error", ename=ename, evalue="secret", traceback=[])] if ename else []
    notebook = new_notebook(cells=[new_code_cell(source, id="a", outputs=outputs)])
    return broken_cells.reasons(notebook, files, python)


@pytest.mark.parametrize(
    ("source", "ename"),
    [
        ("x = (", "SyntaxError"),
        ("def f(:\n    pass", "SyntaxError"),
        ("return = 1", "SyntaxError"),
        ("if x:\ny = 1", "IndentationError"),
        ("if x:\n\ty = 1\n        z = 2", "TabError"),
        ("x = 'one", "SyntaxError"),
        ("Dear all, this is my answer", "SyntaxError"),
    ],
)
def test_a_cell_that_does_not_compile_is_named(source, ename):
    (reason,) = reasons(source, ename)
    assert reason.startswith("cell a does not compile with Python 3.")


@pytest.mark.parametrize(
    ("python", "is_named"),
    [
        ("3.99.1", True),
        ("3.99", True),
        ("3.11.4", False),
        ("2.7", False),
        ("", False),
        ("x", False),
    ],
)
def test_a_newer_python_is_named(python, is_named):
    (reason,) = reasons("x = (", "SyntaxError", python=python)
    assert ("saved with 3.99" in reason) == is_named


@pytest.mark.parametrize(
    "source",
    [
        "import no_such_module",
        "import no_such_module.part as m",
        "from no_such_module import x",
        "import numpy, no_such_module",
        "%matplotlib inline\nimport no_such_module",
        "def f():\n    import no_such_module\nf()",
    ],
)
def test_an_import_of_what_is_not_there_is_named(source):
    assert reasons(source, "ModuleNotFoundError") == [
        "cell a imports no_such_module, which is not there"
    ]


@pytest.mark.parametrize(
    ("source", "ename", "files"),
    [
        ("x = 1", "", ()),
        ("1 / 0", "ZeroDivisionError", ()),
        ("raise SyntaxError(secret)", "SyntaxError", ()),
        ("raise ModuleNotFoundError(secret)", "ModuleNotFoundError", ()),
        ("import numpy", "ModuleNotFoundError", ()),
        ("import helper", "ModuleNotFoundError", ("helper.py",)),
        ("import helper.part", "ModuleNotFoundError", ("helper/part.py",)),
        ("try:\n    import no_such_module\nexcept ImportError:\n    pass", "", ()),
    ],
)
def test_other_errors_and_a_students_own_words_are_no_reason(source, ename, files):
    assert reasons(source, ename, files) == []


def test_a_bounded_number_of_cells_is_named():
    source = "\n".join(f"import no_such_module_{i}" for i in range(100))
    assert len(reasons(source, "ModuleNotFoundError")) == broken_cells.MOST
