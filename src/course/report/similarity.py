"""Pairs of submissions whose code is more alike than chance and the assignment explain.

Winnowing (Schleimer, Wilkerson, Aiken: Winnowing: Local Algorithms for Document Fingerprinting,
SIGMOD 2003): every run of ``K`` tokens is hashed, and the least hash of every ``WINDOW``
consecutive runs is kept, so two submissions that share ``K + WINDOW - 1`` consecutive tokens always
share a fingerprint. The student's own names all count as one symbol; comments, docstrings and
layout are ignored. Runs that occur in provided code do not count, and a fingerprint counts less the
more students have it. Who copied from whom, or whether anybody did, is for a person to decide.
"""

import builtins
import hashlib
import io
import keyword
import math
import re
import tokenize
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, lru_cache
from typing import NamedTuple

import numpy as np

from course.confined import LimitExceeded, confined

K = 12  # tokens per run
WINDOW = 6  # one run of so many is kept: 17 shared tokens in a row are never missed
LEAST = 3  # shared fingerprints below which a pair is ignored
MOST = 1000  # pairs kept
LONGEST = 200_000  # characters of code read per student
BLANKS = re.compile(r"[ \t\f]{100,}")  # more than 100: tokenize tries each, again and again
RESTARTS = 50  # after lines that are not Python, per cell
TAKEN = np.uint64(2**64 - 1)  # replaces the hash of a provided run: never the least
Code = Mapping[str, str]  # sources by cell id


class Token(NamedTuple):
    """The symbol of a token, and its line from 1."""

    symbol: str
    line: int


@dataclass(frozen=True)
class Prints:
    """Hashed runs of one student's code.

    Attributes:
        runs: hashes of all runs in all cells
        kept: the fingerprints among them
    """

    runs: frozenset[int]
    kept: frozenset[int]


@dataclass(frozen=True)
class SimilarPair:
    """Two similar submissions. Students with identical fingerprints count as one.

    Attributes:
        a: a student
        b: another
        like_a: students whose fingerprints equal a's
        like_b: students whose fingerprints equal b's; empty if a's and b's are equal
        shared: number of shared fingerprints
        of_a: shared fraction of a's fingerprints
        of_b: shared fraction of b's fingerprints
        rarity: bits; a fingerprint of two students counts most, one of half the class counts 1
        score: rarity times the larger of the two fractions, weighted by rarity
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
    """A line of code and its kind: ``match``, ``aside`` or empty.

    ``aside`` is what does not count: provided code, comments, docstrings, empty lines.
    """

    text: str
    kind: str


@dataclass(frozen=True)
class Comparison:
    """A class, every submission compared with every other.

    Attributes:
        code: the code, by student and cell
        prints: its fingerprints, by student
        given: hashes of provided runs
        pairs: the ``MOST`` pairs with the highest scores, in order
        scores: scores of all pairs with different fingerprints, unordered
        left_out: students whose code takes too much time or memory to read, and what it takes
    """

    code: Mapping[str, Code] = field(repr=False)
    prints: Mapping[str, Prints] = field(repr=False)
    given: frozenset[int] = field(repr=False)
    pairs: Sequence[SimilarPair]
    scores: np.ndarray
    left_out: Mapping[str, str] = field(default_factory=dict)

    def side_by_side(self, a: str, b: str) -> list[tuple[str, list[CodeLine], list[CodeLine]]]:
        """Return the cells in which two students share runs, with the lines of both."""
        shared = (self.prints[a].runs & self.prints[b].runs) - self.given
        cells = []
        for name in dict.fromkeys((*self.code[a], *self.code[b])):
            left, right = (self._lines(self.code[who].get(name, ""), shared) for who in (a, b))
            if any(line.kind == "match" for line in (*left, *right)):
                cells.append((name, left, right))
        return cells

    def _lines(self, source: str, shared: frozenset[int]) -> list[CodeLine]:
        """Return the lines of a cell; a line is marked if half of its tokens are."""
        in_order = tokens(source)
        kinds = [""] * len(in_order)
        for known, kind in ((shared, "match"), (self.given, "aside")):
            for i, run in enumerate(hashes(source).tolist()):
                if run in known:
                    kinds[i : i + K] = [kind] * K
        marks: dict[int, list[str]] = defaultdict(list)
        for token, kind in zip(in_order, kinds, strict=True):
            marks[token.line].append(kind)
        return [CodeLine(text, _half(marks[n])) for n, text in enumerate(source.split("\n"), 1)]


def compare(code: Mapping[str, Code], given: Iterable[str] = ()) -> Comparison:
    """Compare all submissions pairwise.

    Args:
        code: the code of every student, by cell
        given: provided sources: starter code, examples
    """
    code = {name: clipped(cells) for name, cells in code.items()}
    known = frozenset(run for source in given for run in hashes(source).tolist())
    prints, left_out = _read(code, known)
    pairs, scores = _ranked(prints)
    return Comparison(code, prints, known, pairs, scores, left_out)


def _read(
    code: Mapping[str, Code], given: frozenset[int]
) -> tuple[dict[str, Prints], dict[str, str]]:
    """Return everybody's fingerprints, and why somebody has none.

    The class is read in one process with limits; if that does not do, each student in one.
    """

    def read(names: Iterable[str]) -> dict[str, Prints]:
        return {name: fingerprints(code[name], given) for name in names}

    try:
        return confined(lambda: read(code)), {}
    except LimitExceeded:
        prints: dict[str, Prints] = {}
        left_out: dict[str, str] = {}
    for name in code:
        try:
            prints |= confined(lambda name=name: read([name]))  # type: ignore[misc]
        except LimitExceeded as error:
            left_out[name] = str(error)
    return prints, left_out


def clipped(cells: Code) -> Code:
    """Return a student's code, cut off after ``LONGEST`` characters."""
    left, code = LONGEST, {}
    for name, source in cells.items():
        code[name] = source[:left]
        left -= len(code[name])
    return code


def fingerprints(cells: Code, given: frozenset[int] = frozenset()) -> Prints:
    """Return the runs of a student's code and the fingerprints among them.

    Cells are hashed one by one, so their order does not matter. Provided runs are removed before
    winnowing, so the guarantee holds for the rest.
    """
    runs = [hashes(source) for source in cells.values()]
    kept = frozenset(run for cell in runs for run in winnow(_net(cell, given)))
    return Prints(frozenset(run for cell in runs for run in cell.tolist()), kept)


def _net(runs: np.ndarray, given: frozenset[int]) -> np.ndarray:
    taken = np.fromiter((run in given for run in runs.tolist()), bool, len(runs))
    return np.where(taken, TAKEN, runs)


def winnow(runs: np.ndarray) -> set[int]:
    """Return the least hash of every ``WINDOW`` consecutive runs, without provided ones.

    A text with fewer runs is one window.
    """
    if not len(runs):
        return set()
    windows = np.lib.stride_tricks.sliding_window_view(runs, min(WINDOW, len(runs)))
    return set(windows.min(axis=1).tolist()) - {int(TAKEN)}


def rarity(holders: int, students: int) -> float:
    """Return the weight of a fingerprint in bits: how surprising it is that a student has it."""
    return math.log2((students + 1) / holders)


def _ranked(prints: Mapping[str, Prints]) -> tuple[list[SimilarPair], np.ndarray]:
    """Return the best pairs, and the scores of all pairs."""
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
    pairs = [_pair(rows, int(a[i]), int(b[i]), count, weight, score) for i in likes[:MOST]]
    return pairs, score[np.triu_indices(len(rows), 1)]


def _shared(groups: Sequence[tuple[frozenset[int], int]], students: int) -> list[np.ndarray]:
    """Return (n, n) counts and weights of the fingerprints that groups share."""
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
    """Return the kind of at least half of a line's tokens; a line without tokens is aside."""
    if not kinds:
        return "aside"
    return next((kind for kind in ("match", "aside") if kinds.count(kind) * 2 >= len(kinds)), "")


# From text to hashes


@lru_cache(maxsize=4000)  # identical copies are hashed once
def hashes(source: str) -> np.ndarray:
    """Return a 64-bit hash of every run of ``K`` tokens, the same on every machine."""
    in_order = tokens(source)
    numbers = np.fromiter((_number(token.symbol) for token in in_order), np.uint64, len(in_order))
    if len(numbers) < K:
        return np.zeros(0, np.uint64)
    runs = np.lib.stride_tricks.sliding_window_view(numbers, K)
    mixed: np.ndarray = (runs * _POWERS).sum(axis=1, dtype=np.uint64)
    mixed ^= mixed >> np.uint64(29)  # so that the least hash does not favour certain last tokens
    mixed *= np.uint64(0xBF58476D1CE4E5B9)
    mixed ^= mixed >> np.uint64(32)
    return mixed


_POWERS = np.array([pow(0x9E3779B97F4A7C15, i + 1, 2**64) for i in range(K)], np.uint64)


@cache
def _number(symbol: str) -> int:
    """Return a stable number for a symbol; Python's hash changes from run to run."""
    return int.from_bytes(hashlib.blake2b(symbol.encode(), digest_size=8).digest(), "big")


@lru_cache(maxsize=4000)
def tokens(source: str) -> tuple[Token, ...]:
    """Return the tokens of some code that count, even where it is not valid Python.

    All names become one symbol, except keywords, builtins and attributes of numpy; all numbers
    become one symbol, and all strings another.
    """
    source = BLANKS.sub(" " * 100, source)
    counted: list[Token] = []
    statement: list[Token] = []
    before = ""
    for kind, text, line in _lexed(source):
        if kind == tokenize.NEWLINE:
            counted += [] if [t.symbol for t in statement] == ["S"] else statement  # a docstring
            statement = []
        elif symbol := _symbol(kind, text, before):
            statement.append(Token(symbol, line))
        before = text
    return tuple(counted + statement)


def _symbol(kind: int, text: str, before: str) -> str:
    """Return the symbol of a token; empty if it does not count."""
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
    """Return the attribute names of numpy."""
    places = (np, np.ndarray, np.linalg, np.random, np.random.Generator)
    return frozenset(name for place in places for name in dir(place) if name[0] != "_")


def _lexed(source: str) -> Iterator[tuple[int, str, int]]:
    """Yield kind, text and line of each token; skip lines that are not Python."""
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
    """Yield tokens, an f-string as one token, as Python before 3.12 does."""
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
