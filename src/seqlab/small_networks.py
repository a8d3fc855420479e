"""Recurrent networks small enough to follow by hand, for the notebooks' tests.

In each of them a few terms of the formulas are at work, and all other weights are 0. The dense
layer reads one unit of the state and writes its value as a letter, with certainty:

    a  below -0.8     b  below -0.3     c  between     d  above 0.3     e  above 0.8

What a right function writes with them stands in the tests.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

LETTERS, BOUNDS = "abcde", (-0.8, -0.3, 0.3, 0.8)
STEEP = 500.0  # 0.06 from a bound, another letter has a probability of e^-30
IMPOSSIBLE = -1000.0  # the score of all other symbols

Terms = Mapping[str, Any]
Weights = list[np.ndarray]

RNN: dict[str, Terms] = {
    # t moves through layer 1: it is in unit 0, and a step later in unit 1
    "the memory of layer 1": {
        "W_xh1": {"t": (3, 0)},
        "W_h1h1": [[0, 0], [2, 0]],
        "W_h1h2": [[0, 0.9], [0, 0], [0, 0]],
    },
    # and through layer 2: in unit 0, a step later in unit 1, two steps later in unit 2
    "the memory of layer 2": {
        "W_xh1": {"t": (3, 0)},
        "W_h1h2": [[3, 0], [0, 0], [0, 0]],
        "W_h2h2": [[0, 0, 0], [2, 0, 0], [0, 0.8, 0]],
        "read": 2,
    },
    "the biases of both layers": {
        "b_h1": (0.5, 0),
        "W_h1h2": [[1, 0], [0, 0], [0, 0]],
        "b_h2": (-1, 0, 0),
    },
    "tanh in both layers": {
        "W_xh1": {"s": (-2, 0), "b": (2, 0), "d": (-2, 0)},
        "W_h1h2": [[0.95, 0], [0, 0], [0, 0]],
    },
    # a state that swings up and down as characters are read, whichever they are
    "a state that counts": {
        "W_h1h1": [[-1.4, 0], [0, 0]],
        "b_h1": (0.7, 0),
        "W_h1h2": [[2.8, 0], [0, 0], [0, 0]],
        "b_h2": (0.3, 0, 0),
    },
}
GRU: dict[str, Terms] = {
    # update 0.5, so that half of the old state stays
    "the mixture of old state and candidate": {"b_r": (-50, 0, 0), "b_h": (-3, 0, 0)},
    # unit 1 remembers t for a step, and unit 0 would read it from there
    "a reset gate that is shut": {
        "W_hx": {"t": (0, 3, 0), "x": (-1.8, 0, 0)},
        "W_hh": [[0, 5, 0], [0, 0, 0], [0, 0, 0]],
        "b_u": (-50, -50, -50),
        "b_r": (-50, 50, 0),
        "b_h": (0.9, 0, 0),
    },
    "a reset gate that is open": {
        "W_hx": {"t": (0, 3, 0), "x": (-1.8, 0, 0)},
        "W_hh": [[0, 5, 0], [0, 0, 0], [0, 0, 0]],
        "b_u": (-50, -50, -50),
        "b_r": (50, -50, 0),
        "b_h": (0.9, 0, 0),
    },
    # unit 0 keeps its state, and takes the candidate where t is read
    "an update gate that sees the character": {
        "W_ux": {"t": (-20, 0, 0)},
        "b_u": (10, 0, 0),
        "W_hx": {"t": (3.9, 0, 0)},
        "b_h": (-3, 0, 0),
    },
    # and here where unit 1 has seen t a step before
    "an update gate that sees the state": {
        "W_uh": [[0, -20, 0], [0, 0, 0], [0, 0, 0]],
        "b_u": (10, -20, 0),
        "W_hx": {"t": (-3.9, 3, 0), "x": (3.9, 0, 0)},
        "b_h": (-3, 0, 0),
    },
    # unit 1 is always on; unit 0 reads it where the reset gate lets it
    "a reset gate that sees the character": {
        "W_rx": {"t": (20, 0, 0)},
        "b_r": (-10, 0, 0),
        "W_hh": [[0, 0.9, 0], [0, 0, 0], [0, 0, 0]],
        "b_u": (-50, -50, 0),
        "b_h": (0, 3, 0),
    },
    "a state that counts": {
        "W_hh": [[-1.8, 0, 0], [0, 0, 0], [0, 0, 0]],
        "b_u": (-50, 0, 0),
        "b_r": (50, 0, 0),
        "b_h": (0.9, 0, 0),
    },
}
# every term of both networks
UNSURE: Terms = {
    "W_xh1": {"a": (0.9, -0.4), "b": (-0.5, 0.8), "c": (0.3, 0.7), "d": (-0.8, -0.6)},
    "W_h1h1": [[0.6, -0.5], [0.3, 0.8]],
    "b_h1": (0.2, -0.3),
    "W_h1h2": [[0.9, -0.7], [0.4, 0.6], [-0.8, 0.5]],
    "W_h2h2": [[0.5, 0.4, -0.6], [-0.7, 0.3, 0.2], [0.1, -0.9, 0.6]],
    "b_h2": (-0.2, 0.4, 0.3),
    "W_ux": {"a": (0.7, -1.2, 0.3), "b": (-0.9, 0.5, 1.1), "c": (0.2, 0.8, -0.6)},
    "W_rx": {"a": (-1.1, 0.6, 0.4), "b": (0.8, -0.3, -0.9), "d": (0.5, 1.2, -0.7)},
    "W_hx": {"a": (1.4, -0.8, 0.6), "c": (-0.5, 1.3, -1.1), "d": (0.9, 0.4, -1.6)},
    "W_uh": [[0.4, -0.9, 0.3], [0.7, 0.2, -0.5], [-0.6, 0.8, 0.1]],
    "W_rh": [[-0.3, 0.6, 0.9], [0.5, -0.8, 0.2], [0.7, 0.1, -0.4]],
    "W_hh": [[1.2, -0.7, 0.5], [0.8, 0.9, -1.1], [-0.4, 1.3, 0.6]],
    "b_u": (-0.4, 0.3, 0.2),
    "b_r": (0.6, -0.5, 0.1),
    "b_h": (0.3, -0.2, 0.5),
    "W_y": [
        [1.5, -0.8, 0.6],
        [-1.1, 0.9, 0.7],
        [0.4, -1.6, 1.2],
        [-0.7, 0.5, -1.4],
        [0.8, 1.3, -0.9],
    ],
    "b_y": (0.5, -0.3, 0.8, 0.2, -0.6),
}


def rnns(symbols: Sequence[str]) -> dict[str, Weights]:
    """Return the RNNs by what they show, as Keras keeps their weights.

    >>> [w.shape for w in rnns("abcdestx")["the memory of layer 1"]]
    [(8, 2), (2, 2), (2,), (2, 3), (3, 3), (3,), (3, 8), (8,)]
    """
    return {name: _rnn(symbols, terms) for name, terms in RNN.items()}


def grus(symbols: Sequence[str]) -> dict[str, Weights]:
    """Return the GRUs by what they show, as Keras keeps their weights.

    >>> [w.shape for w in grus("abcdestx")["a state that counts"]]
    [(8, 9), (3, 9), (2, 9), (3, 8), (8,)]
    """
    return {name: _gru(symbols, terms) for name, terms in GRU.items()}


def unsure_rnn(symbols: Sequence[str]) -> Weights:
    """Return an RNN with every term at work, for which any of a to e may come next."""
    return _rnn(symbols, UNSURE)


def unsure_gru(symbols: Sequence[str]) -> Weights:
    """Return a GRU with every term at work, for which any of a to e may come next."""
    return _gru(symbols, UNSURE)


def one_likely(symbols: Sequence[str], likely: str, share: float) -> np.ndarray:
    """Return scores (V,) that give one symbol a share, and all others a little of the rest each.

    The last of the others is three times as probable as the first.

    >>> np.exp(one_likely("abcd", "b", 0.4)).round(2).tolist()
    [0.1, 0.4, 0.2, 0.3]
    """
    parts = np.linspace(1, 3, len(symbols) - 1)
    scores = np.insert(parts * (1 - share) / parts.sum(), symbols.index(likely), share)
    return np.asarray(np.log(scores))


def _rnn(symbols: Sequence[str], terms: Terms) -> Weights:
    """Return an RNN with two units in layer 1 and three in layer 2.

    Args:
        symbols: the vocabulary
        terms: the matrices of the formulas that are not 0; of W_xh1 the columns of some symbols
    """
    return [
        _kernel(symbols, 2, terms.get("W_xh1", {})),
        _array(terms, "W_h1h1", (2, 2)).T,
        _array(terms, "b_h1", (2,)),
        _array(terms, "W_h1h2", (3, 2)).T,
        _array(terms, "W_h2h2", (3, 3)).T,
        _array(terms, "b_h2", (3,)),
        *_dense(symbols, terms),
    ]


def _gru(symbols: Sequence[str], terms: Terms) -> Weights:
    """Return a GRU with three units; the arguments are as in ``_rnn``.

    Keras has two biases for each gate, which are added: neither alone is the gate's bias.
    """
    kernels = [_kernel(symbols, 3, terms.get(f"W_{gate}x", {})) for gate in "urh"]
    recurrent = [_array(terms, f"W_{gate}h", (3, 3)).T for gate in "urh"]
    biases = np.concatenate([_array(terms, f"b_{gate}", (3,)) for gate in "urh"])
    second = np.concatenate([np.full(6, 30.0), np.zeros(3)])  # the candidate has none
    return [
        np.hstack(kernels),
        np.hstack(recurrent),
        np.array([biases - second, second]),
        *_dense(symbols, terms),
    ]


def _array(terms: Terms, name: str, shape: tuple[int, ...]) -> np.ndarray:
    return np.array(terms.get(name, np.zeros(shape)), dtype=float).reshape(shape)


def _kernel(symbols: Sequence[str], width: int, columns: Mapping[str, Any]) -> np.ndarray:
    """Return a matrix (V, width), a row for each symbol."""
    return np.array([columns.get(symbol, np.zeros(width)) for symbol in symbols], dtype=float)


def _dense(symbols: Sequence[str], terms: Terms) -> tuple[np.ndarray, np.ndarray]:
    """Return a dense layer (3, V), (V,): of these terms, or one that writes a unit's value."""
    rows, scores = np.zeros((len(symbols), 3)), np.full(len(symbols), IMPOSSIBLE)
    places = [symbols.index(letter) for letter in LETTERS]
    if "W_y" in terms:
        rows[places], scores[places] = terms["W_y"], terms["b_y"]
    else:
        rows[places, terms.get("read", 0)], scores[places] = _steps()
    return rows.T, scores


def _steps() -> tuple[np.ndarray, np.ndarray]:
    """Return the letters' slopes (5,) and scores (5,), so that a value's own letter is ahead.

    Each letter's score grows by one step more than that of the letter before, and the two are
    equal where one gives way to the other. None is above 500: its exponential is finite.
    """
    gained = np.cumsum([0.0, *BOUNDS])
    steps = np.arange(len(LETTERS)) - len(LETTERS) // 2
    return STEEP * steps, 5 - STEEP * (gained - gained[len(LETTERS) // 2])
