"""How two results differ, as a number and in words that give no expected value away."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autograder.diagnosis import phrases
from minikernel.protocol import Array

Floats = NDArray[np.float64]
SINGLE = 1e-5  # of the largest value: float32, sums in any order
DOUBLE = 1e-9
ALONE = 1e-6  # a number that comes of many steps, some of which may be in float32
NUMERIC = "biufO"  # kinds of arrays that may hold numbers


def distance(one: Any, other: Any) -> float:
    """Return how far apart two results are, relative to the larger of 1 and the largest value.

    Texts and other values that are not numbers are 0 or infinitely far apart, and so are arrays of
    different shapes. NaN equals NaN.

    >>> distance([1.0, 2.0], [1.0, 4.0]), distance("a", "b")
    (0.5, inf)
    """
    if any(value is None or isinstance(value, str) for value in (one, other)):
        return 0.0 if type(one) is type(other) and one == other else np.inf
    a, b = numbers(one), numbers(other)
    if a is None or b is None or a.shape != b.shape:
        return np.inf
    finite = np.isfinite(b)
    if not (np.isfinite(a) == finite).all() or not _are_same(a[~finite], b[~finite]):
        return np.inf
    largest = np.abs(b[finite]).max(initial=0.0)
    return float(np.abs(a[finite] - b[finite]).max(initial=0.0) / max(1.0, largest))


def tolerance(*values: Any) -> float:
    """Return how far apart equal results of these types may be, or results from such arguments."""
    singles = (np.float32, np.float16)
    if any(getattr(v, "dtype", None) in singles for v in values):
        return SINGLE
    return ALONE if isinstance(values[0], float) else DOUBLE


def numbers(value: Any) -> Floats | None:
    """Return a value as an array of float64, or None if it does not consist of numbers."""
    try:
        array = np.asarray(value)
        if array.dtype.kind == "c" and not array.imag.any():
            array = array.real
        return array.astype(np.float64) if array.dtype.kind in NUMERIC else None
    except (TypeError, ValueError):
        return None


def describe(value: Any, expected: Any) -> str:
    """Return what is wrong with a result, the coarsest difference first.

    >>> describe([2.0, 4.0], [1.0, 2.0])
    'every value is 2 times what it should be'
    """
    if value is None:
        return phrases.NOTHING()
    if isinstance(expected, str):
        return _describe_text(value, expected)
    a, b = numbers(value), numbers(expected)
    if b is None:
        return phrases.OTHER_KIND()
    if a is None:
        return phrases.NO_NUMBERS(kind=type(value).__name__)
    if a.shape != b.shape:
        return phrases.SHAPE(shape=a.shape, right=b.shape)
    if (bad := ~np.isfinite(a) & np.isfinite(b)).any():
        return phrases.NOT_FINITE(count=bad.sum(), size=a.size)
    return _describe_values(a, b)


def _describe_text(value: Any, expected: str) -> str:
    if not isinstance(value, str):
        return phrases.NO_TEXT(kind=type(value).__name__)
    if len(value) != len(expected):
        return phrases.LENGTH(length=len(value), right=len(expected))
    pairs = enumerate(zip(value, expected, strict=True))
    right = next((i for i, (one, other) in pairs if one != other), len(expected))
    return phrases.AGREES(count=right, length=len(expected)) if right else phrases.AGREES_NOT()


def _describe_values(a: Floats, b: Floats) -> str:
    scale = max(1e-300, float(np.abs(b).max(initial=0.0)))
    wrong = np.abs(a - b) > 1e-5 * scale
    if not wrong.any():
        return phrases.CLOSE()
    if a.ndim == 2 and a.shape[0] == a.shape[1] and np.allclose(a.T, b, atol=1e-6 * scale):
        return phrases.TRANSPOSED()
    if factor := _constant(a, b, np.divide):
        return phrases.FACTOR(factor=factor)
    if shift := _constant(a, b, np.subtract):
        return phrases.SHIFT(size="large" if shift > 0 else "small")
    if not a.ndim:
        return phrases.NUMBER(share=_share(abs(float(a - b)) / scale))
    return _describe_wrong_values(wrong, float(np.abs(a - b).max()) / scale)


def _share(error: float) -> str:
    """Return a relative error in words: 0% would be no error.

    >>> _share(0.5), _share(0.00002)
    ('50.0%', 'less than 0.1%')
    """
    return f"{error:.1%}" if error >= 0.001 else "less than 0.1%"


def _describe_wrong_values(wrong: NDArray[np.bool_], largest: float) -> str:
    first = [int(i) for i in np.argwhere(wrong)[0]]
    rows, count = _describe_rows(wrong), int(wrong.sum())
    return phrases.VALUES(count=count, size=wrong.size, first=first, rows=rows, error=largest)


def _describe_rows(wrong: NDArray[np.bool_]) -> str:
    """Return which rows are wrong, if it is one row or all from one row on."""
    if wrong.ndim != 2 or wrong.shape[0] == 1:
        return ""
    bad = np.any(wrong, axis=1)
    first = int(bad.argmax())
    if np.count_nonzero(bad) == 1:
        return phrases.ONLY_ROW(row=first)
    if first and np.all(bad[first:]):
        return phrases.FROM_ROW(row=first)
    return ""


def _constant(a: Floats, b: Floats, operation: Callable[[Floats, Floats], Floats]) -> float | None:
    """Return the factor or the shift between two results if it is the same everywhere."""
    if a.size < 2:
        return None
    mask = np.abs(b) > 1e-6 * np.abs(b).max(initial=0.0)
    with np.errstate(all="ignore"):
        constants = operation(a, b)[mask] if operation is np.divide else operation(a, b)
    if constants.size < 2 or not np.isfinite(constants).all():
        return None
    if np.ptp(constants) > 1e-6 * np.abs(constants).max() or abs(constants.flat[0]) < 1e-12:
        return None
    return float(constants.flat[0])


def _are_same(a: Array, b: Array) -> bool:
    return bool(((a == b) | (np.isnan(a) & np.isnan(b))).all())
