"""What students read at their desks: how many failing visible tests say why.

Every variant is run once as a student runs it, in one process, with what the release has of the
tests of its own cell. A message says why if it says more than that a value is not the expected one.
"""

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context

import nbformat

from autograder import regions
from autograder.cells import is_test
from course.test_quality import one_process
from course.test_quality.mutation import Trials, Variant
from mistakes import Cell
from seqlab.checks import CheckFailed

LONGEST = 150  # characters of a message in the table


@dataclass(frozen=True)
class Message:
    """What a visible test says when it fails.

    Attributes:
        test: its id
        text: the message
        says_why: it says more than that a value is not the expected one
    """

    test: str
    text: str
    says_why: bool


def run(
    trials: Trials, chosen: Sequence[Variant], workers: int = 1
) -> Iterator[tuple[Variant, list[Message]]]:
    """Yield each variant with what the visible tests of its cell say of it.

    Args:
        trials: of the assignment
        chosen: the variants
        workers: how many processes work at a time
    """
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # of the processes: there are enough
    sources = [trials.notebook(variant, trials.own(variant.cell)) for variant in chosen]
    with ProcessPoolExecutor(workers, get_context("spawn"), one_process.begin) as pool:
        yield from zip(chosen, pool.map(messages, sources, chunksize=4), strict=True)


def messages(source: str) -> list[Message]:
    """Return what the visible tests of a notebook, given as JSON, say when they fail."""
    space: one_process.Space = {"__name__": "__main__"}
    told = []
    for cell in nbformat.reads(source, as_version=4).cells:
        if cell.cell_type == "code" and not is_test(cell):
            one_process.failure(cell.source, space)  # which the tests will notice
        elif cell.cell_type == "code":
            visible = regions.without(cell.source, regions.HIDDEN_TESTS)
            if error := one_process.error(visible, dict(space)):
                told.append(Message(cell.id, str(error), _says_why(error)))
    return told


def _says_why(error: BaseException) -> bool:
    """Return whether an error says why; what a test raises itself was written to do so."""
    if isinstance(error, CheckFailed):
        return bool(error.symptom)
    return isinstance(error, AssertionError) and bool(str(error))


def complaints(outcomes: Sequence[tuple[Variant, list[Message]]]) -> list[str]:
    """Return a line for each right answer that a visible test refuses."""
    return [
        f"{variant.name}: {told[0].test} says {told[0].text!r}, and must not"
        for variant, told in outcomes
        if variant.kind == "right" and told
    ]


def table(catalogue: Sequence[Cell], outcomes: Sequence[tuple[Variant, list[Message]]]) -> str:
    """Return for each function how many failing tests say why, and the messages that do not."""
    lines = ["failing visible tests that say why"]
    wrong = [(variant, told) for variant, told in outcomes if variant.kind != "right"]
    for cell in catalogue:
        own = [message for variant, told in wrong if variant.cell == cell.id for message in told]
        if own:
            lines.append(f"{_share(own)}  {', '.join(cell.functions) or cell.id}")
    lines.append(f"{_share([message for _, told in wrong for message in told])}  in all")
    lines += ["messages that do not", *_silent(wrong)]
    return "\n".join(lines)


def _share(told: Sequence[Message]) -> str:
    why = sum(message.says_why for message in told)
    return f"{why:>5} of {len(told):>3} {why / max(len(told), 1):>5.0%}"


def _silent(outcomes: Sequence[tuple[Variant, list[Message]]]) -> Iterator[str]:
    for variant, told in outcomes:
        for message in told:
            if not message.says_why:
                yield f"  {variant.name}, {message.test}: {message.text[:LONGEST]}"
