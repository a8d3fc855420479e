"""Comparisons for the notebooks' tests: shape first, then the first value that differs.

A check that fails raises an AssertionError that names the student's result and says what is wrong:

    >>> expect_close("softmax(x)", [[0.25, 0.75]], [[0.5, 0.5]], atol=1e-7)
    Traceback (most recent call last):
    AssertionError: your softmax(x) at [0, 0]: 0.25, expected 0.5 (2 of 2 values differ)
"""

import contextlib
import io
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

LAST_PLACES = 170  # units in the last place that a long computation may lose to rounding


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Silence the warnings and progress bars of the calls inside; errors get through."""
    with (
        np.errstate(all="ignore"),
        warnings.catch_warnings(),
        contextlib.redirect_stderr(io.StringIO()),
    ):
        warnings.simplefilter("ignore")
        yield


def expect_array(what: str, value: Any) -> np.ndarray:
    """Return ``value``, or what numpy makes of it, as an array of real numbers."""
    _expect_something(what, value)
    try:
        array = np.asarray(value)
        if array.dtype.kind not in "biuf":
            array = _real(array)
    except (TypeError, ValueError):
        raise AssertionError(f"your {what}: not an array of numbers but {_short(value)}") from None
    return array


def _real(array: np.ndarray) -> np.ndarray:
    """Return objects, text or complex numbers as real numbers.

    Raises:
        TypeError, ValueError: they are not all of them real numbers.
    """
    if array.dtype.kind != "c":
        return array.astype(np.float64)
    if array.imag.any():
        raise ValueError("a number with an imaginary part")
    return array.real


def expect_shape(what: str, value: Any, shape: Sequence[int]) -> np.ndarray:
    """Check the shape of ``value`` and return it as an array."""
    array = expect_array(what, value)
    if array.shape != tuple(shape):
        raise AssertionError(
            f"your {what}: the shape is {array.shape}, expected {tuple(int(n) for n in shape)}"
        )
    return array


def expect_close(
    what: str, value: Any, expected: Any, *, atol: float = 0.0, rtol: float = 0.0
) -> None:
    """Check the shape, then that each value lies within ``atol + rtol * |expected|``.

    A difference that rounding alone can explain passes in any case: a result in float32 need not
    be more exact than float32 is (see ``rounding``). A result in float64 gets no such allowance
    for steps in float32 on the way to it: where those are right, ``atol`` has to leave room.
    """
    want = np.asarray(expected, dtype=np.float64)
    array = expect_shape(what, value, want.shape)
    got = array.astype(np.float64)
    floor = rounding(array.dtype, np.abs(want).max(initial=0.0, where=np.isfinite(want)))
    with np.errstate(all="ignore"):
        close = np.abs(got - want) <= np.maximum(atol + rtol * np.abs(want), floor)
    if not close.all():  # nothing is close to NaN or to infinity
        where = tuple(int(i) for i in np.argwhere(~close)[0])
        place = f" at [{', '.join(map(str, where))}]" if where else ""
        others = f" ({(~close).sum()} of {close.size} values differ)" if close.size > 1 else ""
        shown, right = _told_apart(got[where], want[where])
        raise AssertionError(f"your {what}{place}: {shown}, expected {right}{others}")


def rounding(kind: np.dtype, largest: float) -> float:
    """Return what rounding can leave in results of a type, the largest of which is ``largest``.

        >>> [f"{rounding(np.dtype(kind), 100.0):.2g}" for kind in (np.float32, np.float64)]
        ['0.002', '3.8e-12']

    float16 gets no more than float32: with 3 digits, wrong formulas pass for right ones.
    """
    single, double = (float(np.finfo(t).eps) for t in (np.float32, np.float64))
    return LAST_PLACES * float(largest) * (single if kind in (np.float16, np.float32) else double)


def expect_number(
    what: str, value: Any, expected: float, *, atol: float = 0.0, rtol: float = 0.0
) -> None:
    """Check one number, or an array of one, as ``expect_close`` does.

    >>> expect_number("perplexity", 5.3, 5.3188, atol=0.0051)
    Traceback (most recent call last):
    AssertionError: your perplexity: 5.3 is right, but rounded too coarsely; return it unrounded
    """
    array = expect_array(what, value)
    if array.size != 1:
        raise AssertionError(f"your {what}: an array of shape {array.shape}, expected one number")
    number = array.reshape(())
    try:
        expect_close(what, number, expected, atol=atol, rtol=rtol)
    except AssertionError:
        if any(abs(number - round(expected, digits)) < 1e-6 for digits in (0, 1)):
            raise AssertionError(
                f"your {what}: {float(number):g} is right, but rounded too coarsely; "
                "return it unrounded"
            ) from None
        raise


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
    """Check how often each symbol was drawn: its share of all draws, give or take ``slack``.

    >>> expect_shares("sample", "aabab", {"a": 0.5, "b": 0.5}, slack=0.2)
    """
    for symbol in drawn:
        if symbol not in shares:
            raise AssertionError(f"your {what}: {symbol!r} was drawn, and its probability is 0")
    for symbol, share in shares.items():
        actual = sum(s == symbol for s in drawn) / len(drawn)
        if abs(actual - share) > slack:
            raise AssertionError(
                f"your {what}: {symbol!r} makes up {actual:.1%} of {len(drawn)} draws, "
                f"and its probability is {share:.1%}"
            )


def expect_unchanged(what: str, before: Any, after: Any) -> None:
    """Check that a function did not change an argument."""
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


def _told_apart(got: float, want: float) -> tuple[str, str]:
    """Return two numbers with 8 digits, or with as many as it takes to see the difference."""
    for digits in (8, 12, 17):
        shown, right = f"{got:.{digits}g}", f"{want:.{digits}g}"
        if shown != right:
            break
    return shown, right
