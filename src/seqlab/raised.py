"""An exception in a student's function, in words: which line, and which shapes met there.

Python knows which part of a line has failed (PEP 657). The values in that part are still there, so
their shapes can be named.
"""

import ast
import re
from collections.abc import Iterator
from contextlib import suppress
from types import FrameType, TracebackType
from typing import Any

import numpy as np

from seqlab import names, sentences
from seqlab.running_test import RunningTest, StudentFunction, is_ours

LONGEST = 200  # characters of an exception's message
ABOUT_SHAPES = re.compile(r"shape|size|dimension|ax[ei]s|index|indices|split|broadcast|align")
SIZES = re.compile(
    r"size (?P<right>\d+) is different from (?P<left>\d+)|: (?P<l>\d+) \(dim \d\) != (?P<r>\d+) "
)  # of a matrix product, as numpy's matmul and dot say it
SHAPE = re.compile(r"\(\d*,[\d, ]*\)")
SAME_VALUES = {"ravel", "flatten", "squeeze", "reshape", "transpose", "swapaxes", "copy", "astype"}
SHAPELESS = re.compile(
    r"operands could not be broadcast together.*|matmul: .*|.*gufunc signature.*|"
    r"non-broadcastable output operand.*|shapes .* not aligned.*|"
    r"all the input array dimensions.*|all the input arrays must have same number.*",
    re.DOTALL,
)  # what numpy says of shapes, and what can be said better


def in_words(error: Exception) -> str:
    """Return what is to be said of an exception; nothing if no code of the student's raised it."""
    frames = [(each.tb_frame, each) for each in _tracebacks(error.__traceback__)]
    outer = next((frame for frame, _ in frames if not is_ours(frame)), None)
    if outer is None:
        return ""
    test = RunningTest.of(outer)
    for frame, tb in reversed(frames):
        if frame.f_code.co_filename != test.file and (function := _students(test, tb)):
            return test.unwritten() or _told(error, function, frame, tb)
    return _called_wrongly(error, test)


def _tracebacks(last: TracebackType | None) -> Iterator[TracebackType]:
    while last:
        yield last
        last = last.tb_next


def _students(test: RunningTest, tb: TracebackType) -> StudentFunction | None:
    """Return the function of the student's that a traceback is in; None where it is the course's.

    The line may stand in an inner function, a method or a lambda.
    """
    code = tb.tb_frame.f_code
    cell = test.cell(code.co_filename)
    tree = names.parsed(cell)
    if not cell or tree is None:
        return None
    around = (node for node in tree.body if node.lineno <= tb.tb_lineno <= (node.end_lineno or 0))
    name = next((str(getattr(node, "name", "")) for node in around), "")
    if name in test.handed_out.given:
        return None
    return StudentFunction(name or "code", cell, code.co_firstlineno)


def _called_wrongly(error: Exception, test: RunningTest) -> str:
    """Return what is said where a student's function cannot even be called as the test does."""
    message, called = str(error), test.called
    if isinstance(error, TypeError) and called and f"{called.name}()" in message:
        return sentences.OTHER_ARGUMENTS(message=message)
    if isinstance(error, NameError):
        return sentences.NOT_DEFINED(message=message)
    if isinstance(error, TypeError) and message.endswith("object is not callable"):
        values = (
            (name, test.space[name]) for name, _ in names.calls(test.source) if name in test.space
        )
        wrong = [(name, value) for name, value in values if not callable(value)]
        return (
            sentences.NO_FUNCTION(name=wrong[0][0], value=repr(wrong[0][1])[:40]) if wrong else ""
        )
    return ""


def _told(error: Exception, function: StudentFunction, frame: FrameType, tb: TracebackType) -> str:
    if isinstance(error, NotImplementedError):
        return sentences.UNWRITTEN(function=function.name)
    kind = type(error).__name__
    message = " ".join(str(error).split())[:LONGEST]
    article = "an" if kind[0] in "AEIOU" else "a"
    raised = sentences.RAISED(function=function.name, error=f"{article} {kind}")
    place = sentences.RAISED_AT(
        number=tb.tb_lineno, function=function.name, line=function.line(tb.tb_lineno)
    )
    details = list(_details(message, frame, tb, function))
    if isinstance(error, KeyError):
        message = sentences.NO_KEY(key=message)
    said = "" if details and SHAPELESS.fullmatch(message) else message
    first = f"{raised} {place}"
    return "\n".join(filter(None, [first, said, *details]))


def _details(
    message: str, frame: FrameType, tb: TracebackType, function: StudentFunction
) -> list[str]:
    """Return what is known of the values in the part of the line that failed."""
    part = _failed_part(tb, function)
    if part is None:
        return []
    space = {**frame.f_globals, **frame.f_locals}
    operands = _operands(part)
    values = dict(_values(operands, space))
    told = [*_lacking(values), *_probabilities(message, values)]
    if told or not ABOUT_SHAPES.search(message):
        return told
    return list(_shapes(message, values, all(map(_is_plain, operands))))


def _lacking(values: dict[str, Any]) -> Iterator[str]:
    """Yield which values are three dots or None."""
    for kind, sentence in ((type(...), sentences.STILL_DOTS), (type(None), sentences.IS_NONE)):
        if names := [name for name, value in values.items() if isinstance(value, kind)]:
            yield sentence(names=sentences.are(names))


def _shapes(message: str, values: dict[str, Any], is_plain: bool) -> Iterator[str]:
    """Yield the shapes that met, if the message is about shapes, and how they do not fit."""
    shapes = [f"{name} {shape}" for name, value in values.items() if (shape := _shape(value))]
    if not is_plain and SHAPELESS.fullmatch(message) and (met := SHAPE.findall(message)):
        yield sentences.SHAPES_MET(shapes=" and ".join(met))
    if shapes:
        sentence = sentences.SHAPES_MET if is_plain else sentences.ARRAYS_IN_IT
        yield sentence(shapes=", ".join(shapes))
    if (sizes := SIZES.search(message)) and SHAPELESS.fullmatch(message):
        left, right = sizes["left"] or sizes["l"], sizes["right"] or sizes["r"]
        yield sentences.INNER_SIZES(left=left, right=right)


def _probabilities(message: str, values: dict[str, Any]) -> Iterator[str]:
    """Yield what numpy's choice does not say of the probabilities that it refuses."""
    arrays = [(name, value) for name, value in values.items() if isinstance(value, np.ndarray)]
    for name, array in arrays if len(arrays) == 1 else ():
        if message.startswith("probabilities do not sum to 1"):
            yield sentences.SUMS_TO(name=name, total=f"{np.sum(array):.4g}")
        elif message.startswith("probabilities are not non-negative"):
            yield sentences.SMALLEST(name=name, value=f"{np.min(array):.4g}")


def _failed_part(tb: TracebackType, function: StudentFunction) -> ast.expr | None:
    """Return the expression that failed."""
    positions = list(tb.tb_frame.f_code.co_positions())
    line, last, column, end = positions[tb.tb_lasti // 2]
    tree = names.parsed(function.cell)
    if tree is None or column is None:
        return None
    for node in ast.walk(tree):
        if isinstance(node, ast.expr) and _place(node) == (line, last, column, end):
            return node
    return None


def _place(node: ast.expr) -> tuple[Any, ...]:
    return node.lineno, node.end_lineno, node.col_offset, node.end_col_offset


def _operands(part: ast.expr) -> list[ast.expr]:
    """Return the operands or the arguments of an expression."""
    if isinstance(part, ast.BinOp):
        return [part.left, part.right]
    if not isinstance(part, ast.Call):
        return [part]
    values = [*part.args, *(word.value for word in part.keywords)]
    owner = [part.func.value] if isinstance(part.func, ast.Attribute) else []
    return [*owner, *values]


def _values(operands: list[ast.expr], space: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield operands with their values; where one has to be computed, the names in it."""
    for node in operands:
        if _is_plain(node):
            with suppress(Exception):  # it may be what failed
                code = compile(ast.Expression(node), "", "eval")
                yield ast.unparse(node), eval(code, space)  # noqa: S307  (it was run just now)
            continue
        for inner in ast.walk(node):
            if isinstance(inner, ast.Name) and inner.id in space:
                yield inner.id, space[inner.id]


def _is_plain(node: ast.AST) -> bool:
    """Return whether looking at a value changes nothing: names, elements, sums, other shapes."""
    allowed = (
        ast.Name,
        ast.Attribute,
        ast.Subscript,
        ast.Slice,
        ast.List,
        ast.Tuple,
        ast.Constant,
        ast.BinOp,
        ast.operator,
        ast.UnaryOp,
        ast.USub,
        ast.Load,
        ast.Starred,
    )
    return all(isinstance(inner, allowed) or _reshapes(inner) for inner in ast.walk(node))


def _reshapes(node: ast.AST) -> bool:
    """Return whether a call gives the values that are there already."""
    is_method = isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
    return is_method and node.func.attr in SAME_VALUES  # type: ignore[attr-defined]


def _shape(value: Any) -> str:
    """Return the shape of an array, or those of a list of arrays; nothing of anything else."""
    if isinstance(value, np.ndarray):
        return str(value.shape)
    if isinstance(value, list | tuple) and value and all(isinstance(v, np.ndarray) for v in value):
        shapes = list(dict.fromkeys(str(v.shape) for v in value))
        return f"(a list of {len(value)}: {', '.join(shapes[:4])})"
    return ""
