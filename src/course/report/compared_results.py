"""Two results side by side, with what differs marked: numbers in a table, anything else as text."""

from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autograder.diagnosis import compare

ROWS, COLUMNS = 12, 10  # of an array, that are shown
LONGEST = 2000  # characters in which differences are looked for


@dataclass(frozen=True)
class Piece:
    """An entry of an array or a piece of a text, and whether the other result has another."""

    text: str
    differs: bool = False


@dataclass(frozen=True)
class Side:
    """One of two results: rows of an array, or else pieces of a text.

    Attributes:
        rows: of entries; none if it is no array like the other one
        part: which part of the array these are, if it is not all of it
        pieces: of the text
    """

    rows: tuple[tuple[Piece, ...], ...] = ()
    part: str = ""
    pieces: tuple[Piece, ...] = ()


def sides(one: Any, other: Any, texts: tuple[str, str]) -> tuple[Side, Side]:
    """Return two results for reading side by side.

    Args:
        one: a result
        other: the result that it is compared with
        texts: what they are in words, for what is no array of one or two dimensions
    """
    a, b = compare.numbers(one), compare.numbers(other)
    if a is None or b is None or a.shape != b.shape or a.ndim not in (1, 2) or not a.size:
        both = isinstance(one, str) and isinstance(other, str)
        return _texts(one, other) if both else (_whole(texts[0]), _whole(texts[1]))
    return _tables(np.atleast_2d(a), np.atleast_2d(b), compare.tolerance(one, other))


def _whole(text: str) -> Side:
    return Side(pieces=(Piece(text),))


def _tables(a: NDArray[Any], b: NDArray[Any], tolerance: float) -> tuple[Side, Side]:
    """Return two arrays (n, m) as tables, cut to a part in which something differs."""
    scale = max(1.0, float(np.nanmax(np.abs(b), initial=0.0)))
    wrong = ~np.isclose(a, b, rtol=0, atol=tolerance * scale, equal_nan=True)
    window = _window(wrong)
    part = _part(wrong.shape, window)
    return tuple(Side(_rows(values[window], wrong[window]), part) for values in (a, b))  # type: ignore[return-value]


def _window(wrong: NDArray[np.bool_]) -> tuple[slice, slice]:
    """Return the part that is shown: from the start, or around the first entry that differs."""
    first = np.argwhere(wrong)[0] if wrong.any() else np.zeros(2, int)
    starts = (
        max(0, min(at - most // 2, size - most))
        for at, size, most in zip(first, wrong.shape, (ROWS, COLUMNS), strict=True)
    )
    row, column = map(int, starts)
    return slice(row, row + ROWS), slice(column, column + COLUMNS)


def _part(shape: tuple[int, ...], window: tuple[slice, slice]) -> str:
    """Return which part of an array a window is; nothing if it is the whole.

    >>> _part((20, 4), (slice(3, 15), slice(0, 10)))
    'rows 3 to 14 of 20'
    """
    return ", ".join(
        f"{name} {cut.start} to {min(cut.stop, size) - 1} of {size}"
        for name, size, cut in zip(("rows", "columns"), shape, window, strict=True)
        if size > cut.stop - cut.start
    )


def _rows(values: NDArray[Any], wrong: NDArray[np.bool_]) -> tuple[tuple[Piece, ...], ...]:
    return tuple(
        tuple(Piece(f"{v:.4g}", bool(w)) for v, w in zip(row, marks, strict=True))
        for row, marks in zip(values, wrong, strict=True)
    )


def _texts(one: str, other: str) -> tuple[Side, Side]:
    """Return two texts with the characters that differ marked; very long ones as they are."""
    if max(len(one), len(other)) > LONGEST:
        return _whole(one), _whole(other)
    steps = SequenceMatcher(None, one, other, autojunk=False).get_opcodes()
    left = ((one[i:j], tag) for tag, i, j, _, _ in steps)
    right = ((other[i:j], tag) for tag, _, _, i, j in steps)
    return Side(pieces=tuple(_pieces(left))), Side(pieces=tuple(_pieces(right)))


def _pieces(parts: Iterator[tuple[str, str]]) -> Iterator[Piece]:
    yield from (Piece(text, tag != "equal") for text, tag in parts if text)
