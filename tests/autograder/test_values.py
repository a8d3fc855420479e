"""What passes a test in the student's kernel passes it in grading, whatever type it has."""

import contextlib
import io
import shutil

import pytest
from nbgrader.utils import determine_grade

from tests.autograder.test_session import cell, checks, failed, graded

pytestmark = [
    pytest.mark.skipif(shutil.which("bwrap") is None, reason="needs bubblewrap"),
    pytest.mark.filterwarnings("ignore"),  # nbformat's and jupyter's own
]
SETUP = """
import array, collections, ctypes, decimal, enum, fractions, io, types
import numpy as np, pandas as pd
from decimal import Decimal
from fractions import Fraction

class Made:
    def __init__(self, values): self.values = values
    def __array__(self, dtype=None, copy=None): return np.array(self.values, dtype)

class Sequence:
    def __len__(self): return 2
    def __getitem__(self, i): return [[1, 2], [3, 4]][i]

class Interface:
    held = np.array([[1.0, 2], [3, 4]])
    __array_interface__ = held.__array_interface__

class Float:
    def __init__(self, value): self.value = value
    def __float__(self): return float(self.value)

class Index:
    def __index__(self): return 3

class Level(enum.IntEnum):
    LOW, HIGH = 1, 2

class Sub(np.ndarray):
    def __array_finalize__(self, other): self.note = "mine"

class Rows(list): pass
Pair = collections.namedtuple("Pair", "a b")
M = [[1.0, 2.0], [3.0, 4.0]]
A = np.array(M)
"""
MATRIX = "expect_close('f', {}, [[1, 2], [3, 4]])"
ROW = "expect_close('f', {}, [1, 2])"
NUMBER = "expect_number('f', {}, 3)"
MANY = "expect_close('f', {}, range(30_000))"
TABLE = {  # what a function returns, and what the test does with it
    # numpy
    "float64": ("A", MATRIX),
    "float32": ("A.astype(np.float32)", MATRIX),
    "float16": ("A.astype(np.float16)", MATRIX),
    "longdouble": ("A.astype(np.longdouble)", MATRIX),
    "integers": ("A.astype(np.uint8)", MATRIX),
    "booleans": ("np.array([True, True])", "expect_close('f', {}, [1, 1])"),
    "big-endian": ("A.astype('>f8')", MATRIX),
    "read-only": ("np.broadcast_to([1.0, 2.0], (1, 2))[0]", ROW),
    "non-contiguous": ("np.arange(12.0).reshape(3, 4)[1:, ::2] * 0 + A", MATRIX),
    "column order": ("np.asfortranarray(A)", MATRIX),
    "transposed": ("A.T.copy().T", MATRIX),
    "reversed": ("A[::-1].copy()[::-1]", MATRIX),
    "0-d": ("np.array(3.0)", NUMBER),
    "scalar": ("np.float32(3)", NUMBER),
    "0-d objects": ("np.array(Fraction(3), object)", NUMBER),
    "matrix": ("np.matrix(M)", MATRIX),
    "masked, nothing masked": ("np.ma.array(M)", MATRIX),
    "masked": ("np.ma.array(M, mask=[[0, 1], [0, 0]])", MATRIX),
    "masked constant": ("np.ma.masked", "expect_number('f', {}, 0)"),
    "subclass": ("A.view(Sub)", MATRIX),
    "record array": ("np.rec.array([(1.0,), (2.0,)], dtype=[('a', 'f8')])", ROW),
    "structured, one field": ("np.array([(1.0,), (2.0,)], dtype=[('a', 'f8')])", ROW),
    "structured, two fields": ("np.zeros(2, dtype=[('a', 'f8'), ('b', 'f8')])", ROW),
    "structured scalar": ("np.array([(3.0,)], dtype=[('a', 'f8')])[0]", NUMBER),
    "text": ("A.astype(str)", MATRIX),
    "bytes": ("A.astype('S')", MATRIX),
    "new text": ("A.astype(str).astype(np.dtypes.StringDType())", MATRIX),
    "character array": ("np.char.array(M).astype(str)", MATRIX),
    "words": ("np.array(['one', 'two'])", ROW),
    "objects": ("A.astype(object)", MATRIX),
    "objects, empty": ("np.empty((0, 3), object)", "expect_close('f', {}, np.zeros((0, 3)))"),
    "dates": ("np.array([1, 2], 'M8[s]')", ROW),
    "durations": ("np.array([1, 2], 'm8[s]')", ROW),
    "complex, real": ("A.astype(complex)", MATRIX),
    "complex": ("A + 1j", MATRIX),
    "complex nan": ("A + complex(0, np.nan)", MATRIX),
    "complex number": ("3 + 0j", NUMBER),
    "polynomial": ("np.poly1d([1, 2])", ROW),
    "void": ("np.void(b'abcdefgh')", NUMBER),
    # Python
    "nested lists": ("M", MATRIX),
    "tuples": ("tuple(map(tuple, M))", MATRIX),
    "named tuple": ("Pair(1, 2)", ROW),
    "list subclass": ("Rows(M)", MATRIX),
    "list of arrays": ("list(A)", MATRIX),
    "list of numpy's numbers": ("list(A[0])", ROW),
    "ragged lists": ("[[1, 2], [3]]", MATRIX),
    "range": ("range(1, 3)", ROW),
    "integer": ("3", NUMBER),
    "huge integer": ("10**5000", NUMBER),
    "true": ("True", "expect_number('f', {}, 1)"),
    "enumeration": ("[Level.LOW, Level.HIGH]", ROW),
    "deque": ("collections.deque([1, 2])", ROW),
    "user's list": ("collections.UserList(M)", MATRIX),
    "memoryview": ("memoryview(A)", MATRIX),
    "array.array": ("array.array('d', [1, 2])", ROW),
    "bytearray": ("bytearray([1, 2])", ROW),
    "bytes of digits": ("b'3'", NUMBER),
    "string of digits": ("'3'", NUMBER),
    "ctypes": ("(ctypes.c_double * 2)(1, 2)", ROW),
    "ctypes number": ("ctypes.c_double(3)", NUMBER),
    "fraction": ("Fraction(6, 2)", NUMBER),
    "fractions": ("[Fraction(1), Fraction(2)]", ROW),
    "decimal": ("Decimal(3)", NUMBER),
    "decimals": ("[[Decimal(1), Decimal(2)], [Decimal(3), Decimal(4)]]", MATRIX),
    "own number": ("[Float(1), Float(2)]", ROW),
    "own index": ("Index()", NUMBER),
    "__array__": ("Made(M)", MATRIX),
    "rows with __array__": ("[Made([1, 2]), Made([3, 4])]", MATRIX),
    "__array_interface__": ("Interface()", MATRIX),
    "own sequence": ("Sequence()", MATRIX),
    "generator": ("(x for x in [1, 2])", ROW),
    "map": ("map(int, '12')", ROW),
    "zip": ("zip([1, 3], [2, 4])", MATRIX),
    "values of a dictionary": ("{1: 1, 2: 2}.values()", ROW),
    "dictionary": ("{0: 1, 1: 2}", ROW),
    "set": ("{1, 2}", ROW),
    "nothing": ("None", ROW),
    "dots": ("...", ROW),
    "function": ("print", ROW),
    "class": ("int", ROW),
    # pandas
    "DataFrame": ("pd.DataFrame(M)", MATRIX),
    "DataFrame of float32": ("pd.DataFrame(A.astype(np.float32), index=['a', 'b'])", MATRIX),
    "DataFrame of two types": ("pd.DataFrame({'a': [1, 3], 'b': [2.0, 4.0]})", MATRIX),
    "DataFrame of text": ("pd.DataFrame([['1', '2'], ['3', '4']])", MATRIX),
    "Series": ("pd.Series([1, 2], index=[7, 8])", ROW),
    "Series of integers with gaps": ("pd.Series([1, 2], dtype='Int64')", ROW),
    "Series with a gap": ("pd.Series([1, None], dtype='Int64')", ROW),
    "categories": ("pd.Series([1, 2], dtype='category')", ROW),
    "index": ("pd.Index([1, 2])", ROW),
    "row of a DataFrame": ("pd.DataFrame(M).iloc[0]", ROW),
    "list of Series": ("[pd.Series([1, 2]), pd.Series([3, 4])]", MATRIX),
    "sparse": ("pd.arrays.SparseArray([1.0, 2.0])", ROW),
    "timestamp": ("pd.Timestamp('2020')", NUMBER),
    # long ones
    "many floats": ("[float(i) for i in range(30_000)]", MANY),
    "many integers": ("tuple(range(30_000))", MANY),
    "many of numpy's numbers": ("list(np.arange(30_000.0))", MANY),
    "many of two types": ("[0.0, *range(1, 30_000)]", MANY),
    "a large one among them": (
        "[*range(30_000), 2**70]",
        "expect_close('f', {}, [*range(30_000), 2**70])",
    ),
    "many booleans": ("[True] * 30_000", "expect_close('f', {}, np.ones(30_000))"),
    # text
    "string": ("'abc'", "expect_text('f', {}, 'abc')"),
    "string of numpy": ("np.str_('abc')", "expect_text('f', {}, 'abc')"),
    "string subclass": ("type('S', (str,), {})('abc')", "expect_text('f', {}, 'abc')"),
    "letters": ("list('abc')", "expect_text('f', {}, 'abc')"),
    "bytes for text": ("b'abc'", "expect_text('f', {}, 'abc')"),
    "user's string": ("collections.UserString('abc')", "expect_text('f', {}, 'abc')"),
    "letters of a deque": (
        "collections.deque('aab')",
        "expect_shares('f', {}, {{'a': 2 / 3, 'b': 1 / 3}}, 0.01)",
    ),
    "letters of numpy": (
        "np.array(list('aab'))",
        "expect_shares('f', {}, {{'a': 2 / 3, 'b': 1 / 3}}, 0.01)",
    ),
}
IMPORTS = "import numpy as np\nfrom seqlab.checks import *"
FAILS = {  # what fails at home
    "bytes for text",
    "class",
    "complex",
    "complex nan",
    "dictionary",
    "dots",
    "function",
    "generator",
    "huge integer",
    "letters",
    "map",
    "nothing",
    "own sequence",
    "ragged lists",
    "Series with a gap",
    "set",
    "structured, two fields",
    "timestamp",
    "user's string",
    "values of a dictionary",
    "void",
    "words",
    "zip",
}


def at_home():
    """Return which of the table's tests fail in one process."""
    space = {}
    exec(SETUP + IMPORTS, space)
    return {name for name in TABLE if not _passes(name, space)}


def _passes(name, space):
    value, test = TABLE[name]
    try:
        with contextlib.redirect_stderr(io.StringIO()):
            exec(test.format(value), space)
    except Exception:
        return False
    return True


@pytest.fixture(scope="module")
def in_grading():
    """Return which of the table's tests have no points when a submission is graded."""
    numbers = {name: f"f_{n}" for n, name in enumerate(TABLE)}
    functions = [f"def {numbers[name]}(): return {value}" for name, (value, _) in TABLE.items()]
    tests = [
        checks(numbers[name], f"{IMPORTS}\n{test.format(f'{numbers[name]}()')}")
        for name, (_, test) in TABLE.items()
    ]
    result = graded(
        cell("setup", SETUP), cell("solution", "\n".join(functions), solution=True), *tests
    )
    assert (result.word, result.reasons) == ("graded", ())
    points = {c.id: determine_grade(c)[0] for c in result.cells if c.id in numbers.values()}
    return {name for name, number in numbers.items() if not points[number]}


@pytest.mark.parametrize(
    "value",
    ["[np.zeros(1) for _ in range(25_000)]", "['x' * 1000] * 20_000"],
    ids=["arrays", "text"],
)
def test_a_value_that_is_too_large_is_said_to_be_and_accuses_nobody(value):
    source = f"import numpy as np\nheld = {value}\ndef f(): return held"
    result = graded(
        cell("solution", source, solution=True),
        checks("call", "f()"),
        checks("value", "assert 'too large' in repr(held)"),
        checks("after", "assert callable(f)"),
    )
    assert (result.word, result.reasons) == ("graded", ())
    assert failed(result) == {"call": "MessageTooLarge"}
    (error,) = next(one.outputs for one in result.cells if one.id == "call")
    assert error.evalue == "it is too large to be sent to the test"


def test_the_table_says_what_passes_at_home():
    assert at_home() == FAILS


def test_what_passes_in_the_students_kernel_passes_in_grading(in_grading):
    assert in_grading == FAILS
