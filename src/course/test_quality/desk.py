"""What students read at their desks: how many failing visible tests say why.

Every variant is run once as a student runs it, in one process, with what the release has of the
tests of its own cell. A message says why if it says more than that a value is not the expected one.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from course.test_quality import visible_parts
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
    yield from visible_parts.spread(messages, trials, chosen, workers)


def messages(source: str) -> list[Message]:
    """Return what the visible tests of a notebook, given as JSON, say when they fail."""
    told = visible_parts.errors(source)
    return [Message(test, str(error), _says_why(error)) for test, error in told]


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
