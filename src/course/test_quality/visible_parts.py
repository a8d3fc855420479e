"""Which mistakes students can find by themselves: those that fail the visible part of a test.

Every variant is run once as a student runs it, in one process, with what the release has of the
tests of its own cell. That takes a second or so for each function, where the kill matrix takes
minutes.
"""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from typing import Any, TypeVar

import nbformat

from autograder import regions
from autograder.cells import is_test
from course.test_quality import one_process
from course.test_quality.mutation import Trials, Variant
from mistakes import Cell

T = TypeVar("T")
WRONG = ("mistake", "cheat")  # kinds of variants that are to be found


@dataclass(frozen=True)
class VisibleOutcome:
    """What the visible tests of its cell say of a variant.

    Attributes:
        variant: the variant
        messages: for each test whose visible part it fails, the last line of the error
    """

    variant: Variant
    messages: Mapping[str, str]


@dataclass(frozen=True)
class Count:
    """How many mistakes of a function students can find.

    Attributes:
        function: its name, or the names that a cell defines
        seen: how many fail a visible part
        passing: the names of those that fail none
    """

    function: str
    seen: int
    passing: tuple[str, ...]

    @property
    def share(self) -> float:
        """Return which part of the mistakes fail a visible part; 1.0 where there are none."""
        tried = self.seen + len(self.passing)
        return self.seen / tried if tried else 1.0


def run(trials: Trials, chosen: Sequence[Variant], workers: int = 1) -> Iterator[VisibleOutcome]:
    """Yield an outcome for each variant, in their order; see ``spread``."""
    for variant, messages in spread(failed, trials, chosen, workers):
        yield VisibleOutcome(variant, messages)


def spread(
    look: Callable[[str], T], trials: Trials, chosen: Sequence[Variant], workers: int
) -> Iterator[tuple[Variant, T]]:
    """Yield each variant with what a function makes of its notebook, given as JSON.

    Args:
        look: the function, which other processes import
        trials: of the assignment
        chosen: the variants
        workers: how many processes work at a time
    """
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # of the processes: there are enough
    sources = [trials.notebook(variant, trials.own(variant.cell)) for variant in chosen]
    with ProcessPoolExecutor(workers, get_context("spawn"), one_process.begin) as pool:
        yield from zip(chosen, pool.map(look, sources, chunksize=4), strict=True)


def failed(source: str) -> dict[str, str]:
    """Return the tests of a notebook, given as JSON, whose visible part fails, with its error."""
    return {test: one_process.message(error) for test, error in errors(source)}


def errors(source: str) -> Iterator[tuple[str, BaseException]]:
    """Yield the tests of a notebook, as JSON, whose visible part fails, and what it raises."""
    space: one_process.Space = {"__name__": "__main__"}
    for cell in nbformat.reads(source, as_version=4).cells:
        if cell.cell_type == "code" and not is_test(cell):
            one_process.failure(cell.source, space)  # which the tests will notice
        elif cell.cell_type == "code":
            visible = regions.without(cell.source, regions.HIDDEN_TESTS)
            with one_process.scratch(space) as names:
                if error := one_process.error(visible, names):
                    yield cell.id, error


def counts(catalogue: Sequence[Cell], outcomes: Sequence[VisibleOutcome]) -> list[Count]:
    """Return the count of each solution cell of which mistakes were tried."""
    by_cell = [_count(cell, outcomes) for cell in catalogue]
    return [count for count in by_cell if count.seen or count.passing]


def _count(cell: Cell, outcomes: Sequence[VisibleOutcome]) -> Count:
    wrong = [o for o in outcomes if o.variant.cell == cell.id and o.variant.kind in WRONG]
    passing = tuple(o.variant.name for o in wrong if not o.messages)
    return Count(", ".join(cell.functions) or cell.id, len(wrong) - len(passing), passing)


def complaints(outcomes: Sequence[VisibleOutcome]) -> list[str]:
    """Return a line for each right answer that fails a visible part."""
    return [
        f"{outcome.variant.name}: fails {', '.join(outcome.messages)}, and must not: {first}"
        for outcome in outcomes
        if outcome.variant.kind == "right" and (first := next(iter(outcome.messages.values()), ""))
    ]


def table(by_function: Sequence[Count]) -> str:
    """Return a line for each function, with the mistakes that pass, and their sum; "" for none.

    >>> print(table([Count("gelu", 3, ("gelu-rounded",)), Count("softmax", 4, ())]))
    mistakes that fail the visible part of a test, as students have it
        3 of   4   75%  gelu (not: gelu-rounded)
        4 of   4  100%  softmax
        7 of   8   88%  in all
    """
    if not by_function:
        return ""
    seen, passing = (sum(counts) for counts in zip(*map(_numbers, by_function), strict=True))
    return "\n".join(
        (
            "mistakes that fail the visible part of a test, as students have it",
            *(_line(*_numbers(c), c.function + _named(c.passing)) for c in by_function),
            _line(seen, passing, "in all"),
        )
    )


def _numbers(count: Count) -> tuple[int, int]:
    return count.seen, len(count.passing)


def _line(seen: int, passing: int, what: str) -> str:
    return f"{seen:>5} of {seen + passing:>3} {seen / (seen + passing):>5.0%}  {what}"


def _named(passing: Sequence[str]) -> str:
    return f" (not: {', '.join(passing)})" if passing else ""


def to_json(by_function: Sequence[Count]) -> dict[str, Any]:
    """Return the counts as plain values, by function."""
    return {c.function: {"seen": c.seen, "passing": list(c.passing)} for c in by_function}
