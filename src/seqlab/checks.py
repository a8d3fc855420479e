"""Comparisons for the notebooks' tests: shape first, then the first value that differs.

Every check raises an AssertionError that names the student's result and says what is wrong with
it. This module does not know what any function should return.
"""

import contextlib
import io
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

SINGLE = 2e-5  # of the largest value expected: float32 carries 7 digits, long sums lose one or two


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Silence warnings and progress bars of the calls inside; errors pass as they are."""
    with (
        np.errstate(all="ignore"),
        warnings.catch_warnings(),
        contextlib.redirect_stderr(io.StringIO()),
    ):
        warnings.simplefilter("ignore")
        yield


def expect_array(what: str, value: Any) -> np.ndarray:
    """Return ``value`` as an array of numbers; lists, tuples and arrays of any type will do."""
    _expect_something(what, value)
    try:
        array = np.asarray(value)
        if array.dtype.kind not in "biuf":
            array = array.astype(np.float64)
    except (TypeError, ValueError):
        raise AssertionError(f"your {what}: not an array of numbers but {_short(value)}") from None
    return array


def expect_shape(what: str, value: Any, shape: Sequence[int]) -> np.ndarray:
    """Return ``value`` as an array, checked to have ``shape``."""
    array = expect_array(what, value)
    if array.shape != tuple(shape):
        raise AssertionError(
            f"your {what}: the shape is {array.shape}, expected {tuple(int(n) for n in shape)}"
        )
    return array


def expect_close(
    what: str, value: Any, expected: Any, *, atol: float = 0.0, rtol: float = 0.0
) -> None:
    """Check shape, then that every value lies within ``atol + rtol * |expected|``.

    Whoever computes in float32, or in it here and there, is right, too: what rounding leaves then
    is allowed in any case.
    """
    want = np.asarray(expected, dtype=np.float64)
    got = expect_shape(what, value, want.shape).astype(np.float64)
    atol = max(atol, SINGLE * max(1.0, float(np.abs(want).max(initial=0.0))))
    with np.errstate(all="ignore"):
        wrong = ~(np.abs(got - want) <= atol + rtol * np.abs(want))  # so that NaN is wrong, too
    if wrong.any():
        where = tuple(int(i) for i in np.argwhere(wrong)[0])
        place = f" at [{', '.join(map(str, where))}]" if where else ""
        others = f" ({wrong.sum()} of {wrong.size} values differ)" if wrong.size > 1 else ""
        raise AssertionError(
            f"your {what}{place}: {got[where]:.8g}, expected {want[where]:.8g}{others}"
        )


def expect_number(
    what: str, value: Any, expected: float, *, atol: float = 0.0, rtol: float = 0.0
) -> None:
    """Check one number; an array with a single element counts as a number."""
    array = expect_array(what, value)
    if array.size != 1:
        raise AssertionError(f"your {what}: an array of shape {array.shape}, expected one number")
    expect_close(what, array.reshape(()), expected, atol=atol, rtol=rtol)


def expect_text(what: str, value: Any, expected: str) -> None:
    """Check a string: the length first, then the first character that differs."""
    expect_length(what, value, len(expected))
    for i, (got, want) in enumerate(zip(value, expected, strict=True)):
        if got != want:
            raise AssertionError(
                f"your {what} has {got!r} as character {i}, expected {want!r} "
                f"after {expected[max(0, i - 20) : i]!r}"
            )


def expect_length(what: str, value: Any, length: int) -> None:
    """Check that ``value`` is a string of ``length`` characters."""
    _expect_something(what, value)
    if not isinstance(value, str):
        raise AssertionError(f"your {what}: not a string but {_short(value)}")
    if len(value) != length:
        raise AssertionError(f"your {what} has {len(value)} characters, expected {length}")


def expect_start(what: str, value: str, start: str) -> None:
    """Check that a string begins with ``start``."""
    if not value.startswith(start):
        raise AssertionError(
            f"your {what} begins with {value[: len(start)]!r}, expected the prompt {start!r}"
        )


def expect_shares(
    what: str, drawn: Sequence[str], shares: Mapping[str, float], slack: float
) -> None:
    """Check how often each symbol was drawn: its share of all draws to within ``slack``."""
    for symbol in drawn:
        if symbol not in shares:
            raise AssertionError(f"your {what}: {symbol!r} was drawn, and its probability is 0")
    for symbol, share in shares.items():
        found = sum(s == symbol for s in drawn) / len(drawn)
        if abs(found - share) > slack:
            raise AssertionError(
                f"your {what}: {symbol!r} makes up {found:.1%} of {len(drawn)} draws, "
                f"and its probability is {share:.1%}"
            )


def expect_unchanged(what: str, before: Any, after: Any) -> None:
    """Check that a function left the array it was given as it was."""
    if not np.array_equal(np.asarray(before), np.asarray(after)):
        raise AssertionError(f"your function changes its argument {what}: work on a copy")


def expect_error(
    what: str, kind: type[Exception], mentions: str, call: Callable[[], object]
) -> None:
    """Check that ``call`` raises ``kind`` with a message that contains ``mentions``."""
    try:
        result = call()
    except kind as error:
        if mentions not in str(error):
            raise AssertionError(
                f"your {what}: the message {str(error)!r} does not name {mentions!r}"
            ) from None
    except Exception as error:
        raise AssertionError(
            f"your {what}: {type(error).__name__} ({error}), expected a {kind.__name__}"
        ) from None
    else:
        raise AssertionError(
            f"your {what}: expected a {kind.__name__}, and it returned {_short(result)}"
        )


def _expect_something(what: str, value: Any) -> None:
    if value is None:
        raise AssertionError(f"your {what}: nothing (None). Does the function return its result?")
    if value is Ellipsis:
        raise AssertionError(f"your {what}: still the three dots `...` of the starter code")


def _short(value: Any) -> str:
    shown = repr(value)
    return f"{type(value).__name__} {shown if len(shown) <= 40 else shown[:37] + '...'}"
