"""Submissions whose code has more in common than chance and the assignment explain.

Winnowing (Schleimer, Wilkerson, Aiken: Winnowing: Local Algorithms for Document Fingerprinting,
SIGMOD 2003): every run of ``K`` tokens is hashed, and of every ``WINDOW`` runs in a row the least
hash is kept, so that two submissions that share ``K + WINDOW - 1`` tokens in a row always share a
fingerprint. Names of the student's own are one symbol, comments, docstrings and layout are none.
Runs that also stand in what everybody was given do not count, and a fingerprint counts the less the
more students have it.

This module does not know who copied from whom, nor whether anybody did.
"""

import builtins
import hashlib
import io
import keyword
import math
import tokenize
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, lru_cache
from typing import NamedTuple

import numpy as np

K = 12  # tokens in a run
WINDOW = 6  # runs of which one is kept: 17 tokens in a row are never missed
LEAST = 3  # fingerprints that a pair must share to be looked at
MOST = 1000  # pairs that are kept
LONGEST = 200_000  # characters of a student's code that are read
RESTARTS = 50  # after lines of a cell that are no Python
TAKEN = np.uint64(2**64 - 1)  # the hash of a run that everybody was given: never the least
Code = Mapping[str, str]  # sources by the ids of cells


class Token(NamedTuple):
    """What a token counts as, and the line that it begins in, from 1."""

    symbol: str
    line: int


@dataclass(frozen=True)
class Prints:
    """The runs of one student's code.

    Attributes:
        runs: hashes of all runs, of every cell
        kept: the fingerprints among them
    """

    runs: frozenset[int]
    kept: frozenset[int]


@dataclass(frozen=True)
class SimilarPair:
    """Two submissions; students whose submissions have the same fingerprints are one to us.

    Attributes:
        a: a student
        b: another
        like_a: students whose submission has exactly a's fingerprints
        like_b: the same of b; empty where a and b themselves have the same
        shared: how many fingerprints both have
        of_a: which part of a's fingerprints that is
        of_b: which part of b's
        rarity: bits; what is shared by two alone counts most, what half of the class has counts 1
        score: rarity, times the larger of the two parts, each weighted by rarity
    """

    a: str
    b: str
    like_a: tuple[str, ...]
    like_b: tuple[str, ...]
    shared: int
    of_a: float
    of_b: float
    rarity: float
    score: float


@dataclass(frozen=True)
class CodeLine:
    """A line of code as it is shown: its text, and ``match``, ``aside`` or nothing.

    Aside is what does not count: what everybody was given, comments, docstrings, empty lines.
    """

    text: str
    kind: str


@dataclass(frozen=True)
class Comparison:
    """A class, every submission compared with every other one.

    Attributes:
        code: what was compared, by student and cell
        prints: what each student's code consists of
        given: hashes of runs that everybody was given
        pairs: the ``MOST`` pairs with the highest scores, in that order
        scores: of all pairs of submissions that are not the same to us, in no order
    """

    code: Mapping[str, Code] = field(repr=False)
    prints: Mapping[str, Prints] = field(repr=False)
    given: frozenset[int] = field(repr=False)
    pairs: Sequence[SimilarPair]
    scores: np.ndarray

    def side_by_side(self, a: str, b: str) -> list[tuple[str, list[CodeLine], list[CodeLine]]]:
        """Return the cells in which two students share something, with both codes' lines."""
        shared = (self.prints[a].runs & self.prints[b].runs) - self.given
        found = []
        for name in dict.fromkeys((*self.code[a], *self.code[b])):
            left, right = (self._lines(self.code[who].get(name, ""), shared) for who in (a, b))
            if any(line.kind == "match" for line in (*left, *right)):
                found.append((name, left, right))
        return found

    def _lines(self, source: str, shared: frozenset[int]) -> list[CodeLine]:
        """Return a cell's lines; one is marked when half of its tokens stand in a marked run."""
        found = tokens(source)
        kinds = [""] * len(found)
        for known, kind in ((shared, "match"), (self.given, "aside")):
            for i, run in enumerate(hashes(source).tolist()):
                if run in known:
                    kinds[i : i + K] = [kind] * K
        marks: dict[int, list[str]] = defaultdict(list)
        for token, kind in zip(found, kinds, strict=True):
            marks[token.line].append(kind)
        return [CodeLine(text, _half(marks[n])) for n, text in enumerate(source.split("\n"), 1)]


def compare(code: Mapping[str, Code], given: Iterable[str] = ()) -> Comparison:
    """Compare everybody with everybody.

    Args:
        code: the code of every student, by cell
        given: sources that everybody was given: starter code, examples
    """
    code = {name: clipped(cells) for name, cells in code.items()}
    known = frozenset(run for source in given for run in hashes(source).tolist())
    prints = {name: fingerprints(cells, known) for name, cells in code.items()}
    pairs, scores = _ranked(prints)
    return Comparison(code, prints, known, pairs, scores)


def clipped(cells: Code) -> Code:
    """Return a student's code, cut where it is longer than anybody writes."""
    left, found = LONGEST, {}
    for name, source in cells.items():
        found[name] = source[:left]
        left -= len(found[name])
    return found


def fingerprints(cells: Code, given: frozenset[int] = frozenset()) -> Prints:
    """Return the runs of a student's code and the fingerprints among them.

    Cells are taken one by one, so that their order does not matter. What was given is taken out
    before the windows choose, so that the guarantee holds for what is left.
    """
    runs = [hashes(source) for source in cells.values()]
    kept = frozenset(run for each in runs for run in winnow(_net(each, given)))
    return Prints(frozenset(run for each in runs for run in each.tolist()), kept)


def _net(runs: np.ndarray, given: frozenset[int]) -> np.ndarray:
    taken = np.fromiter((run in given for run in runs.tolist()), bool, len(runs))
    return np.where(taken, TAKEN, runs)


def winnow(runs: np.ndarray) -> set[int]:
    """Return the least hash of every ``WINDOW`` runs in a row, without those everybody was given.

    A text with fewer runs than that is one window.
    """
    if not len(runs):
        return set()
    windows = np.lib.stride_tricks.sliding_window_view(runs, min(WINDOW, len(runs)))
    return set(windows.min(axis=1).tolist()) - {int(TAKEN)}


def rarity(holders: int, students: int) -> float:
    """Return what a fingerprint counts, in bits: the surprise that a student has it."""
    return math.log2((students + 1) / holders)


def _ranked(prints: Mapping[str, Prints]) -> tuple[list[SimilarPair], np.ndarray]:
    """Return the pairs that share most, found by way of what they share, and all scores."""
    groups = defaultdict(list)
    for name in sorted(prints):
        groups[prints[name].kept].append(name)
    groups.pop(frozenset(), None)
    count, weight = _shared([(kept, len(names)) for kept, names in groups.items()], len(prints))
    own = np.maximum(np.diag(weight), 1e-9)
    score = weight * weight / np.minimum(own[:, None], own)
    score[count < LEAST] = 0.0
    rows = list(groups.values())
    a, b = np.triu_indices(len(rows))
    best = [i for i in np.argsort(-score[a, b], kind="stable").tolist() if score[a[i], b[i]] > 0]
    likes = [i for i in best if a[i] != b[i] or len(rows[a[i]]) > 1]
    found = [_pair(rows, int(a[i]), int(b[i]), count, weight, score) for i in likes[:MOST]]
    return found, score[np.triu_indices(len(rows), 1)]


def _shared(groups: Sequence[tuple[frozenset[int], int]], students: int) -> list[np.ndarray]:
    """Return how much every two groups share, and themselves hold: a count and a weight."""
    holders: dict[int, list[int]] = defaultdict(list)
    for row, (kept, _) in enumerate(groups):
        for run in kept:
            holders[run].append(row)
    count, weight = (np.zeros((len(groups), len(groups))) for _ in range(2))
    for rows in holders.values():
        block = np.ix_(rows, rows)
        count[block] += 1
        weight[block] += rarity(sum(groups[row][1] for row in rows), students)
    return [count, weight]


def _pair(
    groups: Sequence[list[str]],
    a: int,
    b: int,
    count: np.ndarray,
    weight: np.ndarray,
    score: np.ndarray,
) -> SimilarPair:
    one, *like_one = groups[a]
    other, *like_other = groups[b] if a != b else groups[a][1:]
    if a == b:
        like_one, like_other = like_other, []
    return SimilarPair(
        one,
        other,
        tuple(like_one),
        tuple(like_other),
        int(count[a, b]),
        float(count[a, b] / count[a, a]),
        float(count[a, b] / count[b, b]),
        float(weight[a, b]),
        float(score[a, b]),
    )


def _half(kinds: list[str]) -> str:
    """Return what at least half of a line's tokens are; a line without any is aside."""
    if not kinds:
        return "aside"
    return next((kind for kind in ("match", "aside") if kinds.count(kind) * 2 >= len(kinds)), "")


# From text to hashes


@lru_cache(maxsize=4000)  # copies are read once
def hashes(source: str) -> np.ndarray:
    """Return a 64-bit hash of every run of ``K`` tokens, the same on every machine."""
    found = tokens(source)
    numbers = np.fromiter((_number(token.symbol) for token in found), np.uint64, len(found))
    if len(numbers) < K:
        return np.zeros(0, np.uint64)
    runs = np.lib.stride_tricks.sliding_window_view(numbers, K)
    mixed: np.ndarray = (runs * _POWERS).sum(axis=1, dtype=np.uint64)
    mixed ^= mixed >> np.uint64(29)  # so that the least one says nothing about its last token
    mixed *= np.uint64(0xBF58476D1CE4E5B9)
    mixed ^= mixed >> np.uint64(32)
    return mixed


_POWERS = np.array([pow(0x9E3779B97F4A7C15, i + 1, 2**64) for i in range(K)], np.uint64)


@cache
def _number(symbol: str) -> int:
    """Return a number for a symbol; Python's own hash changes from run to run."""
    return int.from_bytes(hashlib.blake2b(symbol.encode(), digest_size=8).digest(), "big")


@lru_cache(maxsize=4000)
def tokens(source: str) -> tuple[Token, ...]:
    """Return what counts of some code; where it is no Python, as far as its tokens go.

    Names become one symbol, but for keywords, builtins and attributes that numpy has; so do
    numbers, and so do strings.
    """
    found: list[Token] = []
    statement: list[Token] = []
    before = ""
    for kind, text, line in _lexed(source):
        if kind == tokenize.NEWLINE:
            found += [] if [t.symbol for t in statement] == ["S"] else statement  # a docstring
            statement = []
        elif symbol := _symbol(kind, text, before):
            statement.append(Token(symbol, line))
        before = text
    return tuple(found + statement)


def _symbol(kind: int, text: str, before: str) -> str:
    """Return what a token counts as; nothing where it does not count."""
    if kind == tokenize.NAME:
        if before == ".":
            return text if text in _numpys() else "V"
        return text if text in _PYTHONS else "V"
    if kind == tokenize.NUMBER:
        return "N"
    if kind == tokenize.STRING:
        return "S"
    return text if kind == tokenize.OP and text != ";" else ""


_PYTHONS = frozenset(keyword.kwlist) | {name for name in dir(builtins) if name[0] != "_"}


@cache
def _numpys() -> frozenset[str]:
    """Return the attributes that are numpy's."""
    places = (np, np.ndarray, np.linalg, np.random, np.random.Generator)
    return frozenset(name for place in places for name in dir(place) if name[0] != "_")


def _lexed(source: str) -> Iterator[tuple[int, str, int]]:
    """Yield kind, text and line of each token; after a line that is no Python it goes on below."""
    lines, start = [f"{line}\n" for line in source.split("\n")], 0
    for _ in range(RESTARTS):
        line = start
        try:
            for token in _strings_whole(lines[start:]):
                line = start + token.start[0] - 1
                yield token.type, token.string, line + 1
            return
        except (tokenize.TokenError, SyntaxError):
            yield tokenize.NEWLINE, "", line + 1
            start = max(line, start) + 1


def _strings_whole(lines: Sequence[str]) -> Iterator[tokenize.TokenInfo]:
    """Yield tokens, a string with values in it as one: so Python before 3.12 has it."""
    begins, ends = (getattr(tokenize, f"FSTRING_{word}", -1) for word in ("START", "END"))
    depth = 0
    for token in tokenize.generate_tokens(io.StringIO("".join(lines)).readline):
        depth += token.type == begins
        if depth and token.type == ends:
            depth -= 1
            if not depth:
                yield token._replace(type=tokenize.STRING, string="f''")
        elif not depth:
            yield token
