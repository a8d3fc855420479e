"""What is wrong with an array of numbers, in the most telling words that are surely true.

>>> told(Mismatch.of(np.array([2.0, 4.0]), np.array([1.0, 2.0])))
'every value is 2 times what it should be'

A symptom is a property of two arrays, the student's and the expected one: all rows alike, columns
that sum to one, a factor. It holds up to the tolerance of the check, or it is not told.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from seqlab import sentences

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
EXACT = 1e-6  # of the largest value: what may differ where two arrays count as the same
CLEAR = 30.0  # times the tolerance: what differs by more is no rounding
NEAR = 0.02  # of the largest value
ROUGH = 2e-3  # by how much means and deviations of rows may differ from 0 and 1
FEW = 4  # numbers in a sentence
FEW_INPUTS = 12  # that are tried in pairs


@dataclass(frozen=True)
class Mismatch:
    """A student's result and the expected one, both of one shape.

    Attributes:
        got, want: as float64
        wrong: where they differ
        slack: by how much two values may differ and count as the same
        kind: the type of the student's result
        inputs: the test's arrays, by the names it has for them
    """

    got: Floats
    want: Floats
    wrong: Mask
    slack: float
    kind: np.dtype
    inputs: Mapping[str, np.ndarray] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        got: np.ndarray,
        want: np.ndarray,
        atol: float = 0.0,
        inputs: Mapping[str, np.ndarray] | None = None,
    ) -> "Mismatch":
        """Compare two arrays of one shape, with an absolute tolerance."""
        got64, want64 = np.asarray(got, np.float64), np.asarray(want, np.float64)
        slack = max(atol, EXACT * float(np.abs(want64).max(initial=0.0)))
        with np.errstate(all="ignore"):
            wrong = ~(np.abs(got64 - want64) <= slack)
        return cls(got64, want64, wrong, slack, np.asarray(got).dtype, inputs or {})

    def same(self, one: Floats, other: Floats) -> bool:
        """Return whether two arrays are the same, up to the tolerance."""
        if one.shape != other.shape or not np.isfinite(one).all():
            return False
        return bool((np.abs(one - other) <= self.slack).all())

    def varies(self, values: Floats) -> bool:
        """Return whether values differ by far more than the tolerance."""
        return bool(values.size > 1 and np.ptp(values) > CLEAR * self.slack)

    @cached_property
    def is_table(self) -> bool:
        """Whether there are several rows and several columns."""
        return self.got.ndim == 2 and min(self.got.shape) > 1

    @cached_property
    def spread(self) -> dict[str, Floats]:
        """The test's arrays that fit, alone or in every row or column, as numpy spreads them.

        The expected one itself is left out.
        """
        fitting: dict[str, Floats] = {}
        for name, array in self.inputs.items():
            if 0 < array.ndim <= self.want.ndim and 1 < array.size <= self.want.size:
                with suppress(ValueError):
                    fitting[name] = np.broadcast_to(array, self.want.shape).astype(np.float64)
        return {n: values for n, values in fitting.items() if not self.same(values, self.want)}


Detector = Callable[[Mismatch], str]


def told(compared: Mismatch) -> str:
    """Return the most telling symptom; nothing where there is none."""
    if not_finite := _not_finite(compared):
        return not_finite
    with np.errstate(all="ignore"):
        return next(filter(None, (detector(compared) for detector in DETECTORS)), "")


def of_shape(shape: tuple[int, ...], right: tuple[int, ...]) -> str:
    """Return what a wrong shape shows; often nothing.

    >>> of_shape((3, 2), (2, 3))
    'Rows and columns are exchanged'
    """
    if len(shape) == 2 and shape == right[::-1]:
        return sentences.SHAPE_SWAPPED()
    if len(shape) == len(right):
        return _of_size(shape, right)
    if len(shape) == len(right) - 1 and (gone := _without(right, shape)) is not None:
        return sentences.SHAPE_LOST(length=right[gone])
    if len(shape) == len(right) + 1 and (new := _without(shape, right)) is not None:
        return sentences.SHAPE_NEW(length=shape[new])
    return sentences.SHAPE_FLAT() if np.prod(shape) == np.prod(right) else ""


def _without(longer: tuple[int, ...], shorter: tuple[int, ...]) -> int | None:
    """Return the axis that the longer shape has more."""
    axes = range(len(longer) - 1, -1, -1)
    return next((i for i in axes if longer[:i] + longer[i + 1 :] == shorter), None)


def _of_size(shape: tuple[int, ...], right: tuple[int, ...]) -> str:
    """Return what is wrong with a shape that has the right number of axes."""
    wrong = [i for i, (have, need) in enumerate(zip(shape, right, strict=True)) if have != need]
    if len(wrong) != 1 or len(shape) > 2:
        return sentences.SHAPE_FLAT() if np.prod(shape) == np.prod(right) else ""
    have, need = shape[wrong[0]], right[wrong[0]]
    thing = "value" if len(shape) == 1 else ("row", "column")[wrong[0]]
    if have == 1:
        return sentences.SHAPE_ONE(thing=thing, need=need)
    return sentences.SHAPE_COUNT(have=have, things=f"{thing}s", need=need)


# Kinds of numbers


def _not_finite(c: Mismatch) -> str:
    bad = ~np.isfinite(c.got) & np.isfinite(c.want)
    if not bad.any():
        return ""
    is_nan = bool(np.isnan(c.got[bad]).any())
    bad = bad & np.isnan(c.got) if is_nan else bad
    count = "it is" if bad.size == 1 else f"{int(bad.sum())} of {counted(bad.size, 'value')} "
    verb = "" if bad.size == 1 else ("is" if bad.sum() == 1 else "are")
    sentence = sentences.NAN if is_nan else sentences.INFINITE
    return sentence(count=f"{count}{verb}", place=_whole_rows(bad))


def _whole_rows(bad: Mask) -> str:
    """Return which rows something is in, if it is in all of these rows and in no others."""
    if bad.ndim != 2 or bad.all() or len(bad) == 1:
        return ""
    rows = np.flatnonzero(bad.any(axis=1))
    if not bad[rows].all():
        return f", the first in row {rows[0]}"
    word = "row" if len(rows) == 1 else "rows"
    return f", all of {word} {sentences.listed(rows.tolist(), FEW)}"


def _number_type(c: Mismatch) -> str:
    fractions = bool((np.abs(c.want - np.round(c.want)) > c.slack).any())
    if c.kind.kind == "b":
        return sentences.TRUTH()
    if c.kind.kind in "iu" and fractions:
        return sentences.WHOLE(type=c.kind)
    if c.kind == np.float16 and np.abs(c.got - c.want).max() < 2e-3 * np.abs(c.want).max():
        return sentences.HALF()
    return ""


def _rounded(c: Mismatch) -> str:
    for digits in range(6):
        right = np.round(c.want, digits)
        is_rounded = np.abs(c.got - right).max(initial=0.0) <= 2e-7 * np.abs(right).max(initial=0.0)
        if is_rounded and not c.same(right, c.want) and np.count_nonzero(right) > right.size / 2:
            places = counted(digits, "decimal") if digits else "whole numbers"
            return sentences.ROUNDED(places=places)
    return ""


# One value everywhere, or one of the arrays that were handed in


def _all_equal(c: Mismatch) -> str:
    if c.got.size > 1 and not np.ptp(c.got) and c.varies(c.want):
        return sentences.ALL_EQUAL(value=f"{c.got.flat[0]:.6g}")
    return ""


def _an_input(c: Mismatch) -> str:
    whole = [name for name, values in c.spread.items() if c.inputs[name].shape == values.shape]
    same = [name for name in whole if c.same(c.spread[name], c.got)]
    return sentences.SAME_AS_INPUT(name=same[0]) if same else ""


def _transposed(c: Mismatch) -> str:
    is_square = c.got.ndim == 2 and c.got.shape[0] == c.got.shape[1] > 1
    return sentences.TRANSPOSED() if is_square and c.same(c.got.T, c.want) else ""


# Rows of shares


def _shares(c: Mismatch) -> str:
    """Return what is wrong with rows that should each be a distribution."""
    if c.got.ndim != 2 or c.got.shape[1] < 2 or not _are_shares(c.want, c.slack):
        return ""
    sums, near = c.got.sum(axis=1), 1e-4 + c.slack * c.got.shape[1]
    if np.abs(sums - 1).max() <= near:
        return _scores(c)
    if len(c.got) > 1 and np.abs(c.got.sum(axis=0) - 1).max() <= near:
        return sentences.COLUMNS_SUM()
    if len(c.got) > 1 and abs(c.got.sum() - 1) <= near:
        return sentences.TOTAL_SUM()
    return sentences.ROWS_SUM(sums=_numbers(sums))


def _are_shares(rows: Floats, slack: float) -> bool:
    near = 1e-4 + slack * rows.shape[1]
    return bool((rows >= -slack).all() and (np.abs(rows.sum(axis=1) - 1) <= near).all())


def _scores(c: Mismatch) -> str:
    """Return by which factor the scores are off that the shares come from."""
    if (c.got < -c.slack).any():
        return sentences.NOT_SHARES()
    if not (c.want > CLEAR * c.slack).all():
        return sentences.SHARED_OUT()
    if zeros := int((np.abs(c.got) <= c.slack).sum()):
        verb = "is" if zeros == 1 else "are"
        return sentences.NO_SHARE(count=f"{zeros} of {counted(c.got.size, 'value')} {verb}")
    logs, right = (
        np.log(rows) - np.log(rows).mean(axis=1, keepdims=True) for rows in (c.got, c.want)
    )
    if np.ptp(right) < 0.01:
        return sentences.SHARED_OUT()
    factor = float((logs * right).sum() / (right * right).sum())
    off = np.abs(logs - factor * right).max()
    if off > 1e-3 * np.abs(logs).max() or factor <= 0 or abs(factor - 1) < 0.01:
        return sentences.SHARED_OUT()
    sentence = sentences.SHARPER if factor > 1 else sentences.FLATTER
    return sentence(factor=_factor(max(factor, 1 / factor), c.inputs))


def _centred(rows: Floats) -> Floats:
    centred: Floats = rows - rows.mean(axis=1, keepdims=True)
    return centred


# One number for all


def _factor_for_all(c: Mismatch) -> str:
    if not c.varies(c.want) or not (square := float((c.want * c.want).sum())):
        return ""
    factor = float((c.got * c.want).sum()) / square
    is_one = abs(factor - 1) < 1e-3
    if is_one or abs(factor) < 1e-12 or not _fits(c, c.got, factor * c.want, factor):
        return ""
    if abs(factor + 1) < 1e-4:
        return sentences.NEGATED()
    return sentences.FACTOR(factor=_factor(factor, c.inputs))


def _shift_for_all(c: Mismatch) -> str:
    if c.got.size < 2:
        return ""
    shift = float((c.got - c.want).mean())
    if np.ptp(c.got - c.want) > 2 * c.slack or abs(shift) < CLEAR * c.slack:
        return ""
    return sentences.SHIFTED(size=_size(shift), shift=f"{abs(shift):.4g}")


def _size(difference: float) -> str:
    return "large" if difference > 0 else "small"


def _stretched(c: Mismatch) -> str:
    if c.want.size < 5 or not c.varies(c.want):
        return ""
    factor, shift = np.polyfit(c.want.ravel(), c.got.ravel(), 1)
    if abs(factor) < 1e-6 or not _fits(c, c.got, factor * c.want + shift, factor):
        return ""
    return sentences.STRETCHED(factor=_factor(factor, c.inputs), shift=f"{shift:.4g}")


def _fits(c: Mismatch, got: Floats, predicted: Floats, factor: float) -> bool:
    """Return whether a result is what a factor predicts, and this says more than the tolerance."""
    room = c.slack * max(1.0, abs(factor)) * 2
    return bool(np.abs(got - predicted).max() <= room and np.ptp(got) > CLEAR * room)


def _an_input_too_few(c: Mismatch) -> str:
    """Return which array of the test is missing from a sum, or in it once too often."""
    if not c.varies(c.got - c.want):
        return ""
    for name, array in c.spread.items():
        for sentence, change in (
            (sentences.LACKS, -array),
            (sentences.TWICE, array),
            (sentences.SUBTRACTED, -2 * array),
            (sentences.HALF_LACKS, -array / 2),
        ):
            if c.same(c.want + change, c.got):
                return sentence(name=name)
    return ""


def _with_an_input(c: Mismatch) -> str:
    """Return by which array of the test the right result is multiplied, divided or turned."""
    for name, array in c.spread.items():
        if not c.varies(array) or not c.varies(c.want):
            continue
        if c.same(array - c.want, c.got):
            return sentences.DIFFERENCE(name=name)
        if c.same(array * c.want, c.got):
            return sentences.TIMES(name=name)
        if c.same(c.got * array, c.want):
            return sentences.DIVIDED(name=name)
        if array.shape[0] == array.shape[-1] and c.same(c.want - array + array.T, c.got):
            return sentences.OTHER_AXIS(name=name)
    return ""


FUNCTIONS: tuple[tuple[str, Callable[[Floats], Floats]], ...] = (
    ("the natural logarithm", np.log),
    ("the logarithm to base 2", np.log2),
    ("the logarithm to base 10", np.log10),
    ("minus the natural logarithm", lambda x: -np.log(x)),
    ("exp", np.exp),
    ("exp of minus", lambda x: np.exp(-x)),
    ("2 to the power", lambda x: 2.0**x),
    ("2 to the power of log", lambda x: 2.0 ** np.log(x)),
    ("the square", np.square),
    ("the root", np.sqrt),
    ("the reciprocal", np.reciprocal),
    ("tanh", np.tanh),
)


def _transformed(c: Mismatch) -> str:
    for what, function in FUNCTIONS:
        values = function(c.want)
        is_clear = np.abs(values).max(initial=0.0) > CLEAR * c.slack
        if is_clear and c.same(values, c.got) and not c.same(values, c.want):
            return sentences.TRANSFORMED(what=what)
    if c.varies(c.want) and c.same(1 - c.want, c.got):
        return sentences.ONE_MINUS()
    if c.got.size > 1 and (c.want < -CLEAR * c.slack).any():
        if c.same(np.maximum(c.want, 0), c.got):
            return sentences.NO_NEGATIVES()
        if c.same(np.abs(c.want), c.got):
            return sentences.SIGNS_LOST()
    return ""


# Rows and columns in other places


def _moved(c: Mismatch) -> str:
    if c.got.ndim != 2 or len(c.got) < 3:
        return ""
    for steps in range(1, min(4, len(c.got) - 1)):
        count = "one place" if steps == 1 else f"{steps} places"
        if c.same(c.got[steps:], c.want[:-steps]) and c.varies(c.want[:-steps, 0]):
            return sentences.ROWS_MOVED(steps=count, when="late", here=steps, there=0)
        if c.same(c.got[:-steps], c.want[steps:]) and c.varies(c.want[steps:, 0]):
            return sentences.ROWS_MOVED(steps=count, when="early", here=0, there=steps)
    return ""


def _mixed(c: Mismatch) -> str:
    if not c.is_table:
        return ""
    if c.same(c.got[::-1], c.want):
        return sentences.ROWS_TURNED()
    if (pair := _permuted(c, c.got, c.want)) is not None:
        return sentences.ROWS_MIXED(here=pair[0], there=pair[1])
    if (pair := _permuted(c, c.got.T, c.want.T)) is not None:
        return sentences.COLUMNS_MIXED(here=pair[0], there=pair[1])
    return ""


def _elsewhere(c: Mismatch) -> str:
    """Return that every value is one of the expected ones, in another place."""
    values = np.unique(c.want)
    if len(values) < 4 or c.got.size > 10_000 or np.diff(values).min() <= CLEAR * c.slack:
        return ""
    off = np.abs(c.got.ravel()[:, None] - values).min(axis=1)
    here = tuple(int(i) for i in np.argwhere(c.wrong)[0])
    there = np.argwhere(np.abs(c.want - c.got[here]) <= c.slack)
    if off.max() > c.slack or not len(there):
        return ""
    return sentences.ELSEWHERE(here=list(here), there=there[0].tolist())


def _permuted(c: Mismatch, got: Floats, want: Floats) -> tuple[int, int] | None:
    """Return the first row that is in another's place, if all rows are right but for that."""
    if len(got) > 600:
        return None
    places = []
    for row in got:
        off = np.abs(want - row).max(axis=1)
        places.append(int(off.argmin()))
        if off.min() > c.slack:
            return None
    if len(set(places)) < len(places):
        return None
    return next(((i, place) for i, place in enumerate(places) if i != place), None)


def _alike(c: Mismatch) -> str:
    if not c.is_table:
        return ""
    if _are_alike(c, c.got) and c.varies((c.want - c.want[0]).ravel()):
        places = [i for i, row in enumerate(c.want) if c.same(c.got[0], row)]
        which = f": all are what row {places[0]} should be" if places else ""
        return sentences.ROWS_ALIKE(which=which)
    if _are_alike(c, c.got.T) and c.varies((c.want.T - c.want.T[0]).ravel()):
        return sentences.COLUMNS_ALIKE()
    return ""


def _are_alike(c: Mismatch, rows: Floats) -> bool:
    return bool(np.abs(rows - rows[0]).max() <= c.slack)


# A number for each row or column


def _by_rows(c: Mismatch) -> str:
    if not c.is_table or _are_alike(c, c.want) or _are_alike(c, c.want.T):
        return ""
    for got, want, shifts, factors in (
        (c.got, c.want, sentences.ROW_SHIFTS, sentences.ROW_FACTORS),
        (c.got.T, c.want.T, sentences.COLUMN_SHIFTS, sentences.COLUMN_FACTORS),
    ):
        if (added := _row_shifts(c, got, want)) is not None:
            return shifts(shifts=_numbers(added))
        if (times := _row_factors(c, got, want)) is not None:
            return factors(factors=_numbers(times))
    return ""


def _row_shifts(c: Mismatch, got: Floats, want: Floats) -> Floats | None:
    difference = got - want
    is_same = np.abs(difference - difference[:, :1]).max() <= 2 * c.slack
    return difference.mean(axis=1) if is_same and got.shape[1] > 1 else None


def _row_factors(c: Mismatch, got: Floats, want: Floats) -> Floats | None:
    if got.shape[1] < 3 or not all(c.varies(row) for row in want):
        return None
    factors = (got * want).sum(axis=1) / (want * want).sum(axis=1)
    room = 2 * c.slack * np.maximum(1, np.abs(factors))
    is_same = (np.abs(got - factors[:, None] * want).max(axis=1) <= room).all()
    return factors if is_same and np.abs(factors).min() > 1e-6 else None


# Mean and spread of each row


def _standardized(c: Mismatch) -> str:
    """Return how rows differ that should have mean 0 and variance 1, before scale and shift."""
    if not c.is_table:
        return ""
    if said := _means(c.got, c.want, ""):
        return said
    arrays = list(c.spread.items())[:FEW_INPUTS]
    for scale, g in arrays:
        for shift, b in arrays:
            if (g != 0).all() and _is_standard(right := (c.want - b) / g):
                undone = sentences.WITHOUT(scale=scale, shift=shift)
                return _means((c.got - b) / g, right, undone)
    return ""


def _is_standard(rows: Floats) -> bool:
    """Return whether all rows have mean 0 and variance 1."""
    near = np.abs(rows.mean(axis=1)).max() < ROUGH and np.abs(rows.std(axis=1) - 1).max() < ROUGH
    return bool(near)


def _means(rows: Floats, right: Floats, undone: str) -> str:
    if not _is_standard(right):
        return ""
    means, spreads = rows.mean(axis=1), rows.std(axis=1)
    if np.abs(means).max() > 2 * ROUGH:
        if np.abs(rows.mean(axis=0)).max() < ROUGH:
            return undone + sentences.CENTRED_COLUMNS()
        return undone + sentences.MEANS(means=_numbers(means))
    if np.abs(spreads - 1).max() > 2 * ROUGH:
        return undone + sentences.SPREADS(spreads=_numbers(spreads))
    return ""


# Where it is wrong


def _signs(c: Mismatch) -> str:
    """Return whether only negative or only positive inputs give wrong values."""
    for name, array in c.spread.items():
        is_whole = c.inputs[name].shape == c.want.shape
        if is_whole and array.size > 2 and 0 < c.wrong.sum() < c.wrong.size:
            if (c.wrong == (array < 0)).all():
                return sentences.WHERE_NEGATIVE(name=name)
            if (c.wrong == (array > 0)).all():
                return sentences.WHERE_POSITIVE(name=name)
    return ""


def _diagonal(c: Mismatch) -> str:
    if c.got.ndim != 2 or c.got.shape[0] != c.got.shape[1] or len(c.got) < 3:
        return ""
    above = np.triu(np.ones(c.got.shape, bool), 1)
    on = np.eye(len(c.got), dtype=bool)
    if (c.wrong == on).all():
        return sentences.ON_DIAGONAL()
    if not (c.wrong & ~above).any():
        return sentences.ABOVE_DIAGONAL()
    return sentences.BELOW_DIAGONAL() if not (c.wrong & ~above.T).any() else ""


def _rows(c: Mismatch) -> str:
    if c.got.ndim != 2 or len(c.got) < 2:
        return ""
    bad: Mask = np.any(c.wrong, axis=1)
    return _block(bad, sentences.ONLY_ROWS, sentences.FROM_ROW, sentences.BEFORE_ROW, "row")


def _columns(c: Mismatch) -> str:
    if c.got.ndim not in (1, 2) or c.got.shape[-1] < 2:
        return ""
    if c.got.ndim == 1:
        only, after = sentences.ONLY_VALUES, sentences.FROM_VALUE
        return _block(c.wrong, only, after, sentences.BEFORE_VALUE, "value")
    bad: Mask = np.any(c.wrong, axis=0)
    return _block(
        bad, sentences.ONLY_COLUMNS, sentences.FROM_COLUMN, sentences.BEFORE_COLUMN, "column"
    )


def _block(
    bad: Mask,
    only: sentences.Sentence,
    after: sentences.Sentence,
    before: sentences.Sentence,
    thing: str,
) -> str:
    """Return which rows or columns are wrong, if some are right."""
    places, n = np.flatnonzero(bad), len(bad)
    if len(places) == n:
        return ""
    first, last = int(places[0]), int(places[-1])
    if first and last == n - 1 and len(places) == n - first and len(places) > 1:
        right = f"{thing} 0 is" if first == 1 else f"{thing}s 0 to {first - 1} are"
        return after(right=right, **{thing: first})
    if not first and len(places) == last + 1 and len(places) > 1 and last < n - 1:
        return before(before=last, **{thing: last + 1})
    names = f"{thing}{'s' * (len(places) > 1)} {sentences.are(places.tolist())}"
    return only(**{f"{thing}s": names})


# How large the difference is


def _range(c: Mismatch) -> str:
    """Return whether values keep within bounds that the expected ones do not keep."""
    if c.got.size < 4 and c.got.ndim < 2:
        return ""
    if c.got.ndim == 2 and c.got.shape[1] > 2 and _are_shares(c.got, 1e-9):
        return sentences.A_SHARE()
    for low, high in ((0, 1), (-1, 1)):
        least, most = c.want.min() < low - c.slack, c.want.max() > high + c.slack
        if (least or most) and (c.got >= low).all() and (c.got <= high).all() and np.ptp(c.got):
            return sentences.BETWEEN(low=low, high=high)
    is_cut = (c.got >= 0).all() and (c.want < -CLEAR * c.slack).sum() > 1
    return sentences.NONE_NEGATIVE() if is_cut else ""


def _magnitude(c: Mismatch) -> str:
    size, right = np.abs(c.got).max(initial=0.0), np.abs(c.want).max(initial=0.0)
    if c.got.size == 1 or size < 100 * max(right, c.slack):
        return ""
    return sentences.SIZE(size=f"{size:.2g}", right=f"{right:.2g}")


def _nearly(c: Mismatch) -> str:
    largest = np.abs(c.want).max(initial=0.0)
    off = float(np.abs(c.got - c.want).max()) / largest if largest else np.inf
    return sentences.NEARLY(share=_percent(off)) if off < NEAR and c.got.size > 1 else ""


def _all_too_large(c: Mismatch) -> str:
    difference = c.got - c.want
    if c.got.size < 4:
        return ""
    ratio = c.got / c.want
    is_one_way = (ratio > 1).all() or ((ratio > 0) & (ratio < 1)).all()
    if is_one_way and (np.abs(c.want) > c.slack).all():
        return sentences.TOO_FAR(least=f"{ratio.min():.3g}", most=f"{ratio.max():.3g}")
    if (difference > c.slack).all() or (difference < -c.slack).all():
        sizes = np.abs(difference)
        return sentences.TOO_LARGE(
            size=_size(difference.flat[0]), least=f"{sizes.min():.3g}", most=f"{sizes.max():.3g}"
        )
    return ""


def _one_number(c: Mismatch) -> str:
    if c.got.size != 1 or not c.want.flat[0]:
        return ""
    ratio = float(c.got.flat[0]) / float(c.want.flat[0])
    if abs(ratio + 1) < 1e-4:
        return sentences.SIGN()
    if ratio > 0 and (name := _known_factor(ratio, c.inputs, most=10)):
        return sentences.RATIO(factor=name)
    if 0 < ratio < 2:
        return sentences.OFF(share=_percent(abs(ratio - 1)), size=_size(ratio - 1))
    return sentences.RATIO(factor=f"{ratio:.3g}")


DETECTORS: tuple[Detector, ...] = (
    _number_type,
    _rounded,
    _an_input,
    _all_equal,
    _transposed,
    _an_input_too_few,
    _factor_for_all,
    _with_an_input,
    _shift_for_all,
    _transformed,
    _shares,
    _standardized,
    _magnitude,
    _moved,
    _mixed,
    _alike,
    _by_rows,
    _stretched,
    _signs,
    _diagonal,
    _rows,
    _columns,
    _range,
    _elsewhere,
    _nearly,
    _all_too_large,
    _one_number,
)


# Numbers in words


def counted(n: int, thing: str) -> str:
    """Return a number of things."""
    return f"{n} {thing}{'s' * (n != 1)}"


def _numbers(values: Floats) -> str:
    texts = list(dict.fromkeys(f"{value:.3g}" for value in values.tolist()))
    return sentences.listed(texts, FEW)


def _percent(share: float) -> str:
    """Return a share in words.

    >>> _percent(0.1234), _percent(0.00031), _percent(1e-9)
    ('12%', '0.031%', 'less than 0.001%')
    """
    return f"{100 * share:.2g}%" if share >= 1e-5 else "less than 0.001%"


def _factor(factor: float, inputs: Mapping[str, np.ndarray]) -> str:
    """Return a factor, with what it may be known by.

    >>> _factor(2.0, {"q": np.zeros((3, 4))})
    '2 (the root of 4, the number of columns of q)'
    """
    known = _known_factor(factor, inputs)
    return known or f"{factor:.4g}"


def _known_factor(factor: float, inputs: Mapping[str, np.ndarray], most: float = 1e6) -> str:
    """Return a factor that is a size of the test's arrays, a root or a power of one."""
    size, inverse = abs(factor), abs(factor) < 1
    value = 1 / size if inverse else size
    for n, power, name in _sizes(inputs):
        if abs(value - n**power) < 1e-4 * value:
            text = f"1/{n**power:.4g}" if inverse else f"{factor:.4g}"
            return f"{text} ({name})"
    for constant, words in ((1 / np.log(2), "1 / ln 2"), (np.log(10), "ln 10")):
        if abs(value - constant) < 1e-4 * value:
            return f"{factor:.4g} ({words if not inverse else 'the inverse of ' + words})"
    if abs(value - round(value)) < 1e-4 * value and 1 < round(value) <= most:
        return f"1/{round(value)}" if inverse else f"{factor:.4g}"
    return ""


def _sizes(inputs: Mapping[str, np.ndarray]) -> Iterator[tuple[int, float, str]]:
    """Yield what a factor may be: a size, a power, and both in words.

    Numbers of rows are no widths, of which formulas take roots; and 2 may come from anywhere.
    """
    tables = [(name, array.shape) for name, array in inputs.items() if array.ndim == 2]
    for axis, thing in ((1, "columns"), (0, "rows")):
        for name, shape in tables:
            if shape[axis] > 2:
                yield shape[axis], 1.0, f"the number of {thing} of {name}"
    for name, shape in tables:
        if shape[1] > 1:
            yield shape[1], 0.5, f"the root of {shape[1]}, the number of columns of {name}"
        if shape[1] > 2:
            yield shape[1], 2.0, f"the square of {shape[1]}, the number of columns of {name}"
