"""Many segmentations of one text: byte-pair encoding that now and then skips a merge.

Source: Provilkov, Emelianenko & Voita 2020, "BPE-Dropout". A model that meets "shall" as
`` shall``, `` sh|all`` and `` s|h|all`` learns spelling and can't memorise a small text by its
token ids alone. With a drop rate of 0 the segmentation is the tokenizer's own.
"""

import itertools

import numpy as np
import regex

Merges = dict[tuple[int, int], int]


def merges_of(ranks: dict[bytes, int]) -> Merges:
    """Return ``{(left id, right id): merged id}``, recovered from the ranks of a trained BPE."""
    merges: Merges = {}
    for token, rank in sorted(ranks.items(), key=lambda item: item[1]):
        if len(token) > 1:
            left, right = _encode(token, merges, 0.0, None)
            merges[left, right] = rank
    return merges


def _encode(word: bytes, merges: Merges, drop: float, rng: np.random.Generator | None) -> list[int]:
    ids = list(word)  # ids 0 to 255 are the bytes
    while len(ids) > 1:
        candidates = [
            (merges[pair], i)
            for i, pair in enumerate(itertools.pairwise(ids))
            if pair in merges and (rng is None or rng.random() >= drop)
        ]
        if not candidates:
            break
        new, i = min(candidates)
        ids[i : i + 2] = [new]
    return ids


class Segmenter:
    """Draws segmentations of ``text``: at most ``variants`` different ones for a word."""

    def __init__(
        self,
        text: str,
        ranks: dict[bytes, int],
        pattern: str,
        drop: float,
        rng: np.random.Generator,
        variants: int = 16,
    ):
        words = regex.findall(pattern, text)
        index = {word: i for i, word in enumerate(dict.fromkeys(words))}
        self.occurrences = np.array([index[word] for word in words])
        counts = np.bincount(self.occurrences)
        merges = merges_of(ranks)
        self.canonical = [_encode(word.encode(), merges, 0.0, None) for word in index]
        self.pools = [
            [_encode(word.encode(), merges, drop, rng) for _ in range(min(variants, counts[i]))]
            for word, i in index.items()
        ]

    def draw(self, rng: np.random.Generator, share: float = 1.0) -> np.ndarray:
        """Return the text's tokens (n_tokens,), ``share`` of its words segmented at random."""
        n = len(self.occurrences)
        shaken = rng.random(n) < share
        which = rng.integers(0, 2**31, n)
        tokens: list[int] = []
        for word, shake, k in zip(self.occurrences, shaken, which, strict=True):
            pool = self.pools[word]
            tokens += pool[k % len(pool)] if shake else self.canonical[word]
        return np.array(tokens)
