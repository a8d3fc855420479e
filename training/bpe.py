"""Train a byte-pair encoding: repeatedly merge the most frequent adjacent pair.

Source: Sennrich, Haddow & Birch 2016, on the bytes of words as GPT-2 splits them. Two things
make it quick: each distinct word is counted once, and a merge touches only the words that hold
the merged pair. Ties between equally frequent pairs go to the pair met first in the text.
"""

import itertools
from collections import Counter, defaultdict
from collections.abc import Iterator

import regex
from tqdm import tqdm

Pair = tuple[int, int]
N_BYTES = 256


def train(text: str, n_vocab: int, pattern: str) -> dict[bytes, int]:
    """Return the ranks ``{token bytes: id}``; ids 0 to 255 are the bytes themselves.

    Raises:
        ValueError: the text is used up before there are ``n_vocab`` tokens.
    """
    counts = Counter(regex.findall(pattern, text))  # insertion order is the order of first meeting
    words = [list(word.encode()) for word in counts]
    weight = list(counts.values())
    frequency, where = _count_pairs(words, weight)
    tokens = [bytes([b]) for b in range(N_BYTES)]
    for new in tqdm(range(N_BYTES, n_vocab), desc="merges", unit="merge"):
        if not frequency:
            raise ValueError(
                f"the text gives only {new} tokens, fewer than the {n_vocab} asked for"
            )
        pair = _most_frequent(frequency, where, words)
        tokens.append(tokens[pair[0]] + tokens[pair[1]])
        for i in list(where[pair]):
            _recount(i, words[i], -weight[i], frequency, where)
            words[i] = merge(words[i], pair, new)
            _recount(i, words[i], weight[i], frequency, where)
    return {token: rank for rank, token in enumerate(tokens)}


def merge(word: list[int], pair: Pair, new: int) -> list[int]:
    """Replace every occurrence of ``pair``, from the left, by ``new``."""
    out: list[int] = []
    i = 0
    while i < len(word):
        hit = tuple(word[i : i + 2]) == pair
        out.append(new if hit else word[i])
        i += 2 if hit else 1
    return out


def _pairs(word: list[int]) -> Iterator[Pair]:
    return itertools.pairwise(word)


def _count_pairs(
    words: list[list[int]], weight: list[int]
) -> tuple[Counter[Pair], dict[Pair, set[int]]]:
    frequency: Counter[Pair] = Counter()
    where: dict[Pair, set[int]] = defaultdict(set)
    for i, word in enumerate(words):
        _recount(i, word, weight[i], frequency, where)
    return frequency, where


def _recount(
    i: int, word: list[int], by: int, frequency: Counter[Pair], where: dict[Pair, set[int]]
) -> None:
    for pair in _pairs(word):
        frequency[pair] += by
        (where[pair].add if by > 0 else where[pair].discard)(i)
        if not frequency[pair]:
            del frequency[pair], where[pair]


def _most_frequent(
    frequency: Counter[Pair], where: dict[Pair, set[int]], words: list[list[int]]
) -> Pair:
    top = max(frequency.values())
    tied = [pair for pair, count in frequency.items() if count == top]

    def first_met(pair: Pair) -> tuple[int, int]:
        i = min(where[pair])
        return i, list(_pairs(words[i])).index(pair)

    return min(tied, key=first_met)
