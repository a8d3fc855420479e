"""How two results differ, as a number and in words that give no expected value away.

This module does not know which function a result is of.
"""

from typing import Any

import numpy as np

SINGLE = 1e-5  # of the largest value: float32, sums in any order
DOUBLE = 1e-9


def distance(one: Any, other: Any) -> float:
    """Return how far apart two results are, relative to the larger of 1 and the largest value.

    Texts, and values that are no numbers, are 0 or infinitely far apart; so are different shapes.
    NaN is as far from NaN as 1 from 1.
    """
    if one is None or other is None or isinstance(one, str) or isinstance(other, str):
        return 0.0 if type(one) is type(other) and one == other else np.inf
    a, b = numbers(one), numbers(other)
    if a is None or b is None or a.shape != b.shape:
        return np.inf
    if not a.size:
        return 0.0
    finite = np.isfinite(b)
    if not (np.isfinite(a) == finite).all() or not _same(a[~finite], b[~finite]):
        return np.inf
    apart = np.abs(a[finite] - b[finite]).max(initial=0.0)
    return float(apart / max(1.0, np.abs(b[finite]).max(initial=0.0)))


def tolerance(*values: Any) -> float:
    """Return how far apart equal results of these types may be."""
    singles = (np.float32, np.float16)
    return SINGLE if any(getattr(v, "dtype", None) in singles for v in values) else DOUBLE


def numbers(value: Any) -> np.ndarray | None:
    """Return a value as an array of float64, or None where it is none of numbers."""
    try:
        array = np.asarray(value)
        return array.astype(np.float64) if array.dtype.kind in "biufO" else None
    except (TypeError, ValueError):
        return None


def in_words(found: Any, wanted: Any) -> str:
    """Return what is wrong with a result, the coarsest thing first."""
    if found is None:
        return "it returns nothing (None)"
    if isinstance(wanted, str):
        return _text(found, wanted)
    a, b = numbers(found), numbers(wanted)
    if b is None:
        return "it returns something else than it should"
    if a is None:
        return f"it does not return numbers but {type(found).__name__}"
    if a.shape != b.shape:
        return f"the result has the shape {a.shape}, and {b.shape} is right"
    if (bad := ~np.isfinite(a) & np.isfinite(b)).any():
        return f"{bad.sum()} of {a.size} values are not finite numbers (nan or inf)"
    return _values(a, b)


def _text(found: Any, wanted: str) -> str:
    if not isinstance(found, str):
        return f"it does not return a text but {type(found).__name__}"
    if len(found) != len(wanted):
        return f"the text has {len(found)} characters, and {len(wanted)} are right"
    right = next(
        (i for i, pair in enumerate(zip(found, wanted, strict=True)) if pair[0] != pair[1]),
        len(wanted),
    )
    return f"the first {right} of {len(wanted)} characters are right, the next is not"


def _values(a: np.ndarray, b: np.ndarray) -> str:
    scale = max(1e-300, float(np.abs(b).max(initial=0.0)))
    wrong = np.abs(a - b) > 1e-5 * scale
    if not wrong.any():
        return "the values are right up to a relative error of 1e-5, and more is asked"
    if a.ndim == 2 and a.shape[0] == a.shape[1] and np.allclose(a.T, b, atol=1e-6 * scale):
        return "the result is the right one, transposed"
    if factor := _constant(a, b, np.divide):
        return f"every value is {factor:.4g} times what it should be"
    if shift := _constant(a, b, np.subtract):
        return f"every value is too {'large' if shift > 0 else 'small'}, by the same number"
    if not a.ndim:
        return f"the number is off by {abs(float(a - b)) / scale:.1%}"
    where = [int(i) for i in np.argwhere(wrong)[0]]
    size = float(np.abs(a - b).max()) / scale
    return (
        f"{wrong.sum()} of {a.size} values are wrong, the first at {where}"
        f"{_rows(wrong)}; the largest error is {size:.2g} times the largest value"
    )


def _rows(wrong: np.ndarray) -> str:
    """Say which rows are right, where it is the first ones."""
    if wrong.ndim != 2 or wrong.shape[0] == 1:
        return ""
    bad: np.ndarray = np.any(wrong, axis=1)
    first = int(bad.argmax())
    if np.count_nonzero(bad) == 1:
        return f" (only row {first} is wrong)"
    if first and np.all(bad[first:]):
        return f" (row {first} and all after it; those before are right)"
    return ""


def _constant(a: np.ndarray, b: np.ndarray, compare: Any) -> float | None:
    """Return the factor or the shift between two results if it is the same everywhere."""
    if a.size < 2:
        return None
    mask = np.abs(b) > 1e-6 * np.abs(b).max(initial=0.0)
    with np.errstate(all="ignore"):
        found = compare(a, b)[mask] if compare is np.divide else compare(a, b)
    if found.size < 2 or not np.isfinite(found).all():
        return None
    if np.ptp(found) > 1e-6 * np.abs(found).max() or abs(found.flat[0]) < 1e-12:
        return None
    return float(found.flat[0])


def _same(a: np.ndarray, b: np.ndarray) -> bool:
    return bool(((a == b) | (np.isnan(a) & np.isnan(b))).all())
