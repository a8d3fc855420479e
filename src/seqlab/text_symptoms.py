"""What is wrong with a text, or with symbols that were drawn, in words that are surely true.

>>> of_text("abcccc", "abcdef")
"After 'abc', nothing but 'c' is written"
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import takewhile
from typing import Any

import numpy as np

from seqlab import sentences

SHOWN = 20  # characters of a text
EVEN = 0.15  # how far a share may be from that of equally likely symbols, as a part of it


def of_text(got: str, want: str) -> str:
    """Return what is wrong with a text, which has the right length."""
    n = len(list(takewhile(lambda pair: pair[0] == pair[1], zip(got, want, strict=True))))
    if n and len(got) - n > 1 and set(got[n:]) == {got[n]}:
        return sentences.ONE_CHARACTER(before=got[:n][-SHOWN:], value=got[n])
    if len(got) - n > 2 and got[n + 1 :] == want[n:-1]:
        return sentences.STEP_LATE()
    if len(got) - n > 2 and got[n:-1] == want[n + 1 :]:
        return sentences.STEP_EARLY()
    return sentences.AGREES(count=n, length=len(want)) if n else sentences.AGREES_NOT()


def of_beginning(got: str, want: str) -> str:
    """Return how much of a text is right that has another length; nothing where all of it is."""
    pairs = zip(got, want, strict=False)
    n = len(list(takewhile(lambda pair: pair[0] == pair[1], pairs)))
    if n == min(len(got), len(want)):
        return ""
    return sentences.GOES_ON(
        before=want[:n][-SHOWN:], value=got[n:][:SHOWN], right=want[n:][:SHOWN]
    )


def of_length(length: int, right: int, texts: Sequence[str]) -> str:
    """Return how a length is wrong: by one, or by the length of a text that stands in the test.

    >>> of_length(57, 40, ["text", "it was late, and "])
    "That is 17 too many, just the length of 'it was late, and '"
    """
    difference = length - right
    if abs(difference) == 1:
        return sentences.LENGTH_ONE(size="many" if difference > 0 else "few")
    same = [text for text in texts if len(text) == abs(difference)]
    if length == 0 or not same:
        return sentences.EMPTY() if length == 0 else ""
    too = "too many" if difference > 0 else "too few"
    return sentences.LENGTH_WITH(count=abs(difference), too=too, prompt=repr(same[-1]))


def of_start(text: str, start: str) -> str:
    """Return where a text has the prompt that it should begin with."""
    place = text.find(start)
    if place > 0:
        return sentences.PROMPT_LATER(count=_counted(place))
    cut = next((n for n in range(1, len(start)) if text.startswith(start[n:])), 0)
    if cut and len(start) - cut > 2:
        return sentences.PROMPT_CUT(count=_counted(cut), verb="is" if cut == 1 else "are")
    return sentences.NO_PROMPT_AT_ALL()


def of_shares(drawn: Sequence[object], shares: Mapping[Any, float]) -> str:
    """Return how the frequencies of drawn symbols differ from their probabilities."""
    counts = Counter(drawn)
    if len(counts) == 1:
        return sentences.ALWAYS()
    actual = {symbol: counts[symbol] / len(drawn) for symbol in shares}
    even = 1 / len(shares)
    if all(abs(share - even) < EVEN * even for share in actual.values()):
        return sentences.EVENLY()
    if never := [symbol for symbol in shares if not counts[symbol] and shares[symbol] > 0]:
        return sentences.NEVER(symbols=sentences.are([repr(symbol) for symbol in never]))
    return _tempered(actual, shares)


def _tempered(actual: Mapping[Any, float], shares: Mapping[Any, float]) -> str:
    """Return at which temperature symbols were drawn, if a temperature explains it."""
    wanted = [share for share in shares.values() if share > 0]
    logs = np.log(np.array([[actual[s], shares[s]] for s in shares if shares[s] > 0]))
    drawn, right = (logs - logs.mean(axis=0)).T
    if len(wanted) < 3 or not right.any():
        return ""
    factor = float(drawn @ right / (right @ right))
    if np.abs(drawn - factor * right).max() > 0.3 * np.abs(drawn).max() or factor <= 0:
        return ""
    return sentences.TEMPERED(often="often" if factor > 1 else "rarely", factor=factor)


def _counted(n: int) -> str:
    return f"{n} character{'s' * (n != 1)}"
