"""Comparisons for the notebooks' tests: shape first, then what is wrong with the values.

A check that fails raises an AssertionError that names the student's result and says what is wrong:

    >>> expect_close("softmax(x)", [[0.25, 0.5]], [[0.5, 0.5]], atol=1e-7)
    Traceback (most recent call last):
    seqlab.checks.CheckFailed: your softmax(x): its rows sum to 0.75, and each should sum to 1
    At [0, 0]: 0.25, expected 0.5 (1 of 2 values differ)

How much is told, an instructor chooses with ``explain``. Nothing is told but what follows from the
student's numbers and those that stand in the test.
"""

import contextlib
import io
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, Literal

import numpy as np

from seqlab import raised, sentences, symptoms, text_symptoms
from seqlab.running_test import RunningTest
from seqlab.symptoms import Mismatch

_Level = Literal["full", "mild", "off"]
LAST_PLACES = 170  # units in the last place that a long computation may lose to rounding

_level: _Level = "full"


class CheckFailed(AssertionError):  # noqa: N818  (students read it)
    """A check has failed.

    Attributes:
        symptom: what is wrong, if more can be said than that a value is not the expected one
    """

    def __init__(self, message: str, symptom: str = ""):
        super().__init__(message)
        self.symptom = symptom

    def _render_traceback_(self) -> list[str]:
        """Return what IPython shows: the message, and none of the lines that led to it."""
        return [f"\x1b[31mNot yet:\x1b[0m {self}"]


def explain(level: _Level) -> None:
    """Choose how much the checks tell from now on.

    Args:
        level: "full"; "mild", without what is wrong with the values; or "off": only the first value
            that differs, and exceptions as Python shows them
    """
    global _level
    _level = level


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Silence the warnings and progress bars of the calls inside.

    Errors get through; one that comes from a function of the student's is put into words.
    """
    with (
        np.errstate(all="ignore"),
        warnings.catch_warnings(),
        contextlib.redirect_stderr(io.StringIO()),
    ):
        warnings.simplefilter("ignore")
        try:
            yield
        except CheckFailed:
            raise
        except Exception as error:
            words = "" if _level == "off" else _cautiously(partial(raised.in_words, error))
            if words:
                raise CheckFailed(words, words) from None
            raise


def expect_array(what: str, value: Any) -> np.ndarray:
    """Return ``value``, or what numpy makes of it, as an array of real numbers."""
    _expect_something(what, value)
    try:
        array = np.asarray(value)
        if array.dtype.kind not in "biuf":
            array = _real(array)
    except (TypeError, ValueError):
        raise _failed(sentences.NO_ARRAY(what=what, value=_short(value))) from None
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
        right = tuple(int(n) for n in shape)
        message = sentences.SHAPE(what=what, shape=array.shape, right=right)
        raise _failed(message, lambda test: _about_shape(test, array.shape, right), enough=True)
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
        first = _first_that_differs(got, want, close)
        symptom = partial(_about_values, array=array, want=want, atol=atol)
        raise _failed(
            sentences.VALUE(what=what, **first),
            symptom,
            lambda symptom: _with_symptom(what, symptom, first),
        )


def _with_symptom(what: str, symptom: str, first: dict[str, str]) -> str:
    at = first["place"].strip().capitalize()
    return sentences.SYMPTOM(what=what, symptom=symptom, at=f"{at}: " if at else "It is ", **first)


def _about_values(test: RunningTest, array: np.ndarray, want: np.ndarray, atol: float) -> str:
    others = {
        name: values for name, values in test.arrays.items() if values is not array
    }  # the student's result is no input of the test
    return symptoms.told(Mismatch.of(array, want, atol, others))


def _about_shape(test: RunningTest, shape: tuple[int, ...], right: tuple[int, ...]) -> str:
    """Return what a shape shows, and the line of the student's that makes the result."""
    line = test.called.result_line() if test.called else ""
    return "\n".join(filter(None, [symptoms.of_shape(shape, right), line]))


def _first_that_differs(got: np.ndarray, want: np.ndarray, close: np.ndarray) -> dict[str, str]:
    """Return the blanks of a sentence about the first value that differs."""
    where = tuple(int(i) for i in np.argwhere(~close)[0])
    shown, right = _told_apart(got[where], want[where])
    return {
        "place": f" at [{', '.join(map(str, where))}]" if where else "",
        "value": shown,
        "right": right,
        "others": f" ({(~close).sum()} of {close.size} values differ)" if close.size > 1 else "",
    }


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

    >>> expect_number("loss", 5.3, 5.3188, atol=0.0051)  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    seqlab.checks.CheckFailed: your loss: 5.3 is right, but rounded too coarsely...
    """
    array = expect_array(what, value)
    if array.size != 1:
        raise _failed(sentences.ONE_NUMBER(what=what, shape=array.shape))
    number = array.reshape(())
    try:
        expect_close(what, number, expected, atol=atol, rtol=rtol)
    except AssertionError:
        if any(abs(number - round(expected, digits)) < 1e-6 for digits in (0, 1)):
            message = sentences.COARSE(what=what, value=float(number))
            raise _failed(message) from None
        raise


def expect_text(what: str, value: Any, expected: str) -> None:
    """Check a string: the length first, then the first character that differs."""
    _expect_string(what, value)
    _expect_size(what, value, len(expected), partial(text_symptoms.of_beginning, value, expected))
    for i, (got, want) in enumerate(zip(value, expected, strict=True)):
        if got != want:
            before = expected[max(0, i - 20) : i]
            message = sentences.CHARACTER(what=what, value=got, place=i, right=want, before=before)
            raise _failed(message, lambda _: text_symptoms.of_text(value, expected))


def expect_length(what: str, value: Any, length: int) -> None:
    """Check that ``value`` is a string of ``length`` characters."""
    _expect_string(what, value)
    _expect_size(what, value, length)


def _expect_size(
    what: str, value: str, length: int, otherwise: Callable[[], str] = lambda: ""
) -> None:
    """Check how long a text is; ``otherwise`` explains a length that has no reason of its own."""

    def why(test: RunningTest) -> str:
        return text_symptoms.of_length(len(value), length, test.texts) or otherwise()

    if len(value) != length:
        raise _failed(sentences.LENGTH(what=what, length=len(value), right=length), why)


def _expect_string(what: str, value: Any) -> None:
    _expect_something(what, value)
    if not isinstance(value, str):
        raise _failed(sentences.NO_TEXT(what=what, value=_short(value)))


def expect_start(what: str, value: str, start: str) -> None:
    """Check that a string begins with ``start``."""
    _expect_string(what, value)
    if not value.startswith(start):
        message = sentences.NO_PROMPT(what=what, value=value[: len(start)], start=start)
        raise _failed(message, lambda _: text_symptoms.of_start(value, start))


def expect_shares(
    what: str, drawn: Sequence[str], shares: Mapping[str, float], slack: float
) -> None:
    """Check how often each symbol was drawn: its share of all draws, give or take ``slack``.

    >>> expect_shares("sample", "aabab", {"a": 0.5, "b": 0.5}, slack=0.2)
    """
    for symbol in drawn:
        if symbol not in shares:
            message = sentences.IMPOSSIBLE(what=what, symbol=symbol)
            raise _failed(message)
    for symbol, share in shares.items():
        actual = sum(s == symbol for s in drawn) / len(drawn)
        if abs(actual - share) > slack:
            message = sentences.SHARE(
                what=what, symbol=symbol, share=actual, draws=len(drawn), right=share
            )
            raise _failed(message, lambda _: text_symptoms.of_shares(drawn, shares))


def expect_unchanged(what: str, before: Any, after: Any) -> None:
    """Check that a function did not change an argument."""
    if not np.array_equal(np.asarray(before), np.asarray(after)):
        message = sentences.CHANGED(what=what)
        raise _failed(message, lambda test: test.changing_line(what), enough=True)


def expect_error(
    what: str, kind: type[Exception], mentions: str, call: Callable[[], object]
) -> None:
    """Check that ``call`` raises ``kind`` with a message that contains ``mentions``."""
    try:
        result = call()
    except kind as error:
        if mentions not in str(error):
            message = sentences.NO_NAME(what=what, message=str(error), mentions=mentions)
            raise _failed(message) from None
    except Exception as error:
        name = type(error).__name__
        message = sentences.OTHER_ERROR(what=what, error=name, message=error, right=kind.__name__)
        raise _failed(message) from None
    else:
        message = sentences.NO_ERROR(what=what, right=kind.__name__, value=_short(result))
        raise _failed(message)


def _failed(
    message: str,
    more: Callable[[RunningTest], str] | None = None,
    together: Callable[[str], str] | None = None,
    enough: bool = False,
) -> AssertionError:
    """Return what a failed check raises.

    Args:
        message: what is wrong; where there is no ``more``, it says all that can be said
        more: asked for a symptom
        together: of message and symptom; by default one stands below the other
        enough: the message says already more than that two values differ
    """
    if _level == "off":
        return AssertionError(message)
    test = RunningTest.here()
    if unwritten := _cautiously(test.unwritten):
        return CheckFailed(unwritten, unwritten)
    if more is None or (_level == "mild" and not enough):
        return CheckFailed(message, "" if more else message)
    symptom, unused = _cautiously(lambda: more(test)), _cautiously(test.unused)
    whole = together(symptom) if symptom and together else f"{message}\n{symptom}"
    telling = symptom or unused or (message if enough else "")
    return CheckFailed("\n".join(filter(None, [whole.strip(), unused])), telling)


def _cautiously(explanation: Callable[[], str]) -> str:
    """Return an explanation; none where it goes wrong, since a check must say at least its own."""
    try:
        return explanation()
    except Exception:
        return ""


def _expect_something(what: str, value: Any) -> None:
    if value is None:
        raise _failed(sentences.NOTHING(what=what))
    if value is Ellipsis:
        raise _failed(sentences.DOTS(what=what))


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
