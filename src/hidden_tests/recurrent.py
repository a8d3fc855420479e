"""Recurrent networks in another way than the notebook's, and networks whose text is certain.

A network is a list of weights in Keras' order and shapes, V symbols wide. States are rows here, and
the notebook's formulas have columns, so that a reference shares no mistake with a solution.
"""

from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from functools import cache
from itertools import count, pairwise

import numpy as np

from seqlab import draws, load_keras_model

Weights = list[np.ndarray]
Passage = tuple[Weights, str, int]  # weights, text, length of the prompt: arguments of perplexity_*

LETTERS = " !\"&'(),-./:;?[]^abcdefghijklmnopqrstuvwxyz—"  # that a network is drawn for
LEAD = 30  # of the best score: anything else has a probability below 44 e^-30 = 4e-12
IMPOSSIBLE = -1000.0  # a score
COUNTED = 118  # units of a network that counts: it writes 110 symbols


def rnn_scores(weights: Weights, ids: Sequence[int]) -> np.ndarray:
    """Return the scores y after each symbol read (len(ids), V), layer by layer.

    Example: a network of zeros knows nothing.
        >>> zeros = [np.zeros(shape) for shape in [(3, 2), (2, 2), 2, (2, 2), (2, 2), 2, (2, 3), 3]]
        >>> rnn_scores(zeros, [0, 2]).tolist()
        [[0.0, 0.0, 0.0], [0.0, 0.0, 0.0]]
    """
    wx, wh, b1, wx2, wh2, b2, wy, by = weights
    sequence = wx[ids]  # (len(ids), n_1): each one-hot row picks a row
    for into, around, bias in [(np.eye(wx.shape[1]), wh, b1), (wx2, wh2, b2)]:
        states = np.zeros((len(sequence) + 1, len(bias)))
        for t, incoming in enumerate(sequence @ into + bias):
            states[t] = np.tanh(incoming + states[t - 1] @ around)  # states[-1] stays zero
        sequence = states[:-1]
    return sequence @ wy + by


def gru_scores(weights: Weights, ids: Sequence[int]) -> np.ndarray:
    """Return the scores y after each symbol read (len(ids), V), with sigmoids by way of tanh.

    Example: a network of zeros knows nothing.
        >>> zeros = [np.zeros(shape) for shape in [(3, 6), (2, 6), (2, 6), (2, 3), 3]]
        >>> gru_scores(zeros, [0, 2]).tolist()
        [[0.0, 0.0, 0.0], [0.0, 0.0, 0.0]]
    """
    kernel, recurrent, biases, wy, by = weights
    size = len(recurrent)
    states = np.zeros((len(ids) + 1, size))
    for t, incoming in enumerate(kernel[ids] + biases[0] + biases[1]):  # (3 size,)
        carried = states[t - 1] @ recurrent  # states[-1] stays zero
        gates = (incoming + carried)[: 2 * size].reshape(2, size)
        keep, see = 0.5 + 0.5 * np.tanh(gates / 2)  # the update and the reset gate
        candidate = np.tanh(incoming[2 * size :] + see * carried[2 * size :])
        states[t] = candidate + keep * (states[t - 1] - candidate)
    return states[:-1] @ wy + by


Scores = Callable[[Weights, Sequence[int]], np.ndarray]


# Perplexity


def perplexity(
    scores: Scores, weights: Weights, text: str, m: int, symbols: Sequence[str]
) -> float:
    """Return the perplexity on text[m:], from the scores of all positions at once, in float64.

    Example: where all symbols are equally probable, it is their number.
        >>> zeros = [np.zeros(shape) for shape in [(3, 6), (2, 6), (2, 6), (2, 3), 3]]
        >>> round(perplexity(gru_scores, zeros, "abca", 1, "abc"), 6)
        3.0
    """
    ids = [symbols.index(char) for char in text]
    y = scores([np.asarray(w, np.float64) for w in weights], ids[:-1])[m - 1 :]  # (N - m, V)
    losses = np.logaddexp.reduce(y, axis=1) - y[np.arange(len(y)), ids[m:]]  # (N - m,)
    return float(np.exp(losses.mean()))


def rnn_passages(rng: np.random.Generator, symbols: Sequence[str], unseen: str) -> list[Passage]:
    """Return eight passages: random symbols for two random RNNs, and prose for the course's."""
    networks = (_mild_rnn(rng, len(symbols), *sizes) for sizes in [(5, 8), (8, 3)])
    return _passages(rng, networks, symbols, load_keras_model("RNN").get_weights(), unseen)


def gru_passages(rng: np.random.Generator, symbols: Sequence[str], unseen: str) -> list[Passage]:
    """Return eight passages: random symbols for two random GRUs, and prose for the course's."""
    networks = (_mild_gru(rng, len(symbols), size) for size in (5, 8))
    return _passages(rng, networks, symbols, load_keras_model("GRU").get_weights(), unseen)


def _passages(
    rng: np.random.Generator,
    networks: Iterator[Weights],
    symbols: Sequence[str],
    trained: Weights,
    unseen: str,
) -> list[Passage]:
    passages: list[Passage] = []
    for weights in networks:
        text = "".join(rng.choice(symbols, 23))
        passages += [(weights, text, m) for m in (1, 4, 22)]
    # a state that is forgotten every 25 or 100 characters shows in a longer text
    passages.append((weights, "".join(rng.choice(symbols, 120)), 40))
    start = int(rng.integers(len(unseen) - 14))
    return [*passages, (trained, unseen[start : start + 14], 5)]


def _mild_rnn(rng: np.random.Generator, n: int, n1: int, n2: int) -> Weights:
    weights = _normal(rng, [(n, n1), (n1, n1), n1, (n1, n2), (n2, n2), n2, (n2, n), n])
    weights[1], weights[4] = weights[1] / 2, weights[4] / 2  # more would be chaos, in float32
    return weights


def _mild_gru(rng: np.random.Generator, n: int, size: int) -> Weights:
    weights = _normal(rng, [(n, 3 * size), (size, 3 * size), (2, 3 * size), (size, n), n])
    weights[1] = weights[1] / 2  # more would be chaos, in float32
    weights[2][1, 2 * size :] = 0  # the formula has one bias for the candidate
    return weights


def _normal(rng: np.random.Generator, shapes: Sequence[int | tuple[int, ...]]) -> Weights:
    return [rng.normal(0, 0.8, shape) for shape in shapes]


# Networks whose text is certain


@dataclass(frozen=True)
class CertainText:
    """A network, a prompt, and the only text that the network writes after it.

    Attributes:
        about: which network, for messages
        weights: of the network
        prompt: what it reads
        text: the prompt and what it writes
        before: a copy of the weights
    """

    about: str
    weights: Weights
    prompt: str
    text: str
    before: Weights = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "before", deepcopy(self.weights))


@dataclass(frozen=True)
class Architecture:
    """A kind of network, and what is special about it.

    Attributes:
        scores: the reference
        draw: return random weights for LETTERS, from a generator and the layers' sizes
        rename: return the same network with its units in another order and its symbols placed by
            a matrix (V, 44), some units negated
        seeds: of networks that are certain at the first draw (see ``certain_seeds``), the layers'
            sizes and the prompts; chosen so that what goes wrong shows in three texts or more
    """

    scores: Scores
    draw: Callable[..., Weights]
    rename: Callable[[np.random.Generator, Weights, np.ndarray], Weights]
    seeds: tuple[tuple[int, tuple[int, ...], str], ...]


def certain_texts(architecture: Architecture, symbols: Sequence[str]) -> list[CertainText]:
    """Return seven texts of networks that leave no choice, drawn once and renamed for each student.

    Five symbols are possible in each; anything else comes from a missing bias. A right solution
    writes another text with a probability below 4e-10.

    Example:
        >>> case = certain_texts(RNN, LETTERS)[0]
        >>> case.about, len(case.prompt), len(case.text)
        ('text from weights of widths 6 and 9', 8, 20)
    """
    return [_renamed(architecture, symbols, number) for number in range(len(architecture.seeds))]


def certain_text(
    architecture: Architecture, weights: Weights, prompt: str, n_new: int = 12
) -> str | None:
    """Return the only text that the weights write; None where a choice is left, or a dull text."""
    ids = [LETTERS.index(char) for char in prompt]
    for _ in range(n_new):
        y = architecture.scores(weights, ids)[-1]
        second, best = np.sort(y)[-2:]
        if best - second < LEAD or not -50 < best < 600:  # exp(600) is still a finite number
            return None
        ids.append(int(y.argmax()))
    written = ids[len(prompt) :]
    is_lively = len(set(written)) > 3 and len(set(pairwise(written))) > 7
    return "".join(LETTERS[i] for i in ids) if is_lively else None


def certain_seeds(architecture: Architecture, sizes: tuple[int, ...], prompt: str) -> Iterator[int]:
    """Yield the seeds whose first network writes a certain text: about one in a thousand."""
    for seed in count():
        if certain_text(
            architecture, architecture.draw(np.random.default_rng(seed), *sizes), prompt
        ):
            yield seed


@cache
def _network(architecture: Architecture, number: int) -> tuple[Weights, str]:
    """Return the first certain network of a seed, and its text.

    With another version of numpy, whose generators may draw other numbers, it may come later.
    """
    seed, sizes, prompt = architecture.seeds[number]
    rng = np.random.default_rng(seed)
    drawn = (architecture.draw(rng, *sizes) for _ in range(100_000))
    return next((w, text) for w in drawn if (text := certain_text(architecture, w, prompt)))


def _renamed(architecture: Architecture, symbols: Sequence[str], number: int) -> CertainText:
    """Return a network under which other symbols and units play the parts.

    Nothing but 0, 1 and -1 is multiplied with, so that what is certain stays exactly as certain.
    """
    seed, sizes, prompt = architecture.seeds[number]
    weights, text = _network(architecture, number)
    rng = draws.generator(seed)
    place, names = _placed(rng, symbols, text)
    widths = " and ".join(map(str, sizes))
    return CertainText(
        f"text from weights of width{'s' * (len(sizes) > 1)} {widths}",
        architecture.rename(rng, weights, place),
        prompt.translate(names),
        text.translate(names),
    )


def _placed(
    rng: np.random.Generator, symbols: Sequence[str], text: str
) -> tuple[np.ndarray, dict[int, str]]:
    """Return which letter each symbol stands for (V, 44), and the symbol of each letter.

    Where there are fewer symbols than letters, those are left out that the text does not have.
    """
    letters = sorted(LETTERS, key=lambda letter: letter not in text)
    place, names = np.zeros((len(symbols), len(LETTERS))), {}
    for i, letter in zip(rng.permutation(len(symbols)), letters, strict=False):
        place[i, LETTERS.index(letter)] = 1
        names[letter] = symbols[i]
    return place, str.maketrans(names)


def _output_layer(
    rng: np.random.Generator, size: int, spread: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return a dense layer (size, 44), (44,) under which five letters are possible."""
    possible = rng.choice(len(LETTERS), 5, replace=False)
    weight, bias = np.zeros((size, len(LETTERS))), np.full(len(LETTERS), IMPOSSIBLE)
    weight[:, possible] = rng.normal(0, spread, (size, 5))
    bias[possible] = rng.normal(200, 60, 5)
    return weight, bias


def _output_bias(place: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """Return the bias (V,) where symbols without a letter are impossible."""
    placed: np.ndarray = place @ bias + IMPOSSIBLE * (1 - place.sum(axis=1))
    return placed


def _draw_rnn(rng: np.random.Generator, n1: int, n2: int) -> Weights:
    dense, bias = _output_layer(rng, n2, 110)
    return [
        rng.normal(0, 1, (len(LETTERS), n1)),
        rng.normal(0, 1.2 / n1**0.5, (n1, n1)),
        rng.normal(0, 0.5, n1),
        rng.normal(0, 1.5 / n1**0.5, (n1, n2)),
        rng.normal(0, 1.2 / n2**0.5, (n2, n2)),
        rng.normal(0, 0.5, n2),
        dense,
        bias,
    ]


def _rename_rnn(rng: np.random.Generator, weights: Weights, place: np.ndarray) -> Weights:
    wx, wh, b1, wx2, wh2, b2, wy, by = weights
    u, v = (np.eye(size)[rng.permutation(size)] for size in (len(b1), len(b2)))
    u, v = u * rng.choice([-1, 1], len(u)), v * rng.choice([-1, 1], len(v))  # tanh is odd
    first = [place @ wx @ u.T, u @ wh @ u.T, u @ b1]
    second = [u @ wx2 @ v.T, v @ wh2 @ v.T, v @ b2]
    return [*first, *second, v @ wy @ place.T, _output_bias(place, by)]


def _draw_gru(rng: np.random.Generator, size: int) -> Weights:
    dense, bias = _output_layer(rng, size, 160)
    biases = rng.normal(0, 0.7, (2, 3 * size))
    biases[0, :size] -= 1  # more of the candidate than of the old state
    biases[1, 2 * size :] = 0  # the formula has one bias for the candidate
    kernel = rng.normal(0, 3, (len(LETTERS), 3 * size))
    return [kernel, rng.normal(0, 2.5 / size**0.5, (size, 3 * size)), biases, dense, bias]


def _rename_gru(rng: np.random.Generator, weights: Weights, place: np.ndarray) -> Weights:
    kernel, recurrent, biases, wy, by = weights
    size = len(recurrent)
    u = np.eye(size)[rng.permutation(size)]
    signed = u * rng.choice([-1, 1], size)  # tanh is odd; the gates keep their signs
    blocks = np.zeros((3, size, 3, size))
    blocks[range(3), :, range(3)] = u, u, signed  # update, reset, candidate
    parts = blocks.reshape(3 * size, 3 * size)
    layer = [place @ kernel @ parts.T, signed @ recurrent @ parts.T, biases @ parts.T]
    return [*layer, signed @ wy @ place.T, _output_bias(place, by)]


RNN = Architecture(
    rnn_scores,
    _draw_rnn,
    _rename_rnn,
    (
        (524, (6, 9), "the quay"),
        (261, (9, 5), "a"),
        (22, (7, 7), "tea, and a cat."),
        (981, (5, 8), "who?"),
        (3144, (8, 4), "q"),
        (1536, (4, 6), "mrs."),
        (393, (6, 5), "no, no"),
    ),
)
GRU = Architecture(
    gru_scores,
    _draw_gru,
    _rename_gru,
    (
        (5679, (6,), "the quay"),
        (7815, (9,), "a"),
        (8455, (7,), "tea, and a cat."),
        (3384, (8,), "who?"),
        (675, (5,), "q"),
        (7835, (4,), "mrs."),
        (7376, (10,), "no, no"),
    ),
)


def counting_rnn(symbols: Sequence[str], prompt: str = "tea") -> CertainText:
    """Return an RNN that counts: with t characters read, t units are on, and it writes symbol t.

    What is read too often, or not at all, shows whichever symbol it is, and so does a state that is
    forgotten every 25 or 100 characters. After the last symbol the first one follows.

    Example:
        >>> counting_rnn("abcdefghijklmnopqrst").text[:24]
        'teadefghijklmnopqrstabcd'
    """
    n = len(symbols)
    first = [np.zeros((n, COUNTED)), 20 * np.eye(COUNTED, k=1), 20 * np.eye(COUNTED)[0]]
    second = [20 * np.eye(COUNTED), np.zeros((COUNTED, COUNTED)), np.zeros(COUNTED)]
    return _counting([*first, *second], symbols, prompt)


def counting_gru(symbols: Sequence[str], prompt: str = "tea") -> CertainText:
    """Return a GRU that counts as ``counting_rnn`` does; its state is the candidate.

    Example:
        >>> counting_gru("abcdefghijklmnopqrst").text == counting_rnn("abcdefghijklmnopqrst").text
        True
    """
    none, bias = np.zeros((COUNTED, 2 * COUNTED)), np.zeros((2, 3, COUNTED))
    bias[0, 0], bias[0, 1], bias[0, 2, 0] = -50, 50, 20  # update gate 0, reset gate 1
    recurrent = np.hstack([none, 20 * np.eye(COUNTED, k=1)])
    layer = [np.zeros((len(symbols), 3 * COUNTED)), recurrent, bias.reshape(2, -1)]
    return _counting(layer, symbols, prompt)


def _counting(layers: Weights, symbols: Sequence[str], prompt: str) -> CertainText:
    """Return a network in which the last unit that is on decides about the next symbol."""
    n = len(symbols)
    turns = np.eye(n)[np.arange(COUNTED + 1) % n]  # (COUNTED + 1, n)
    dense = 40 * (turns[1:] - turns[:-1])  # each unit hands over from a symbol to the next
    dense[0] += 40 * turns[0]
    text = prompt + "".join(symbols[t % n] for t in range(len(prompt), COUNTED - 8))
    return CertainText(
        "text from a network that counts", [*layers, dense, np.zeros(n)], prompt, text
    )
