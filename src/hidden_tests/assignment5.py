"""What assignment 5's hidden tests check against: right functions, and random models.

A model is a dictionary of the course's names and shapes: 512 wide, 8 heads, 4 layers. References
compute in float64 whatever they are given, all heads at once.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from hidden_tests.recurrent import (
    GRU,
    RNN,
    certain_texts,
    counting_gru,
    counting_rnn,
    gru_passages,
    gru_scores,
    perplexity,
    rnn_passages,
    rnn_scores,
)
from hidden_tests.unchanged import expect_same_arrays
from seqlab import load_corpus, load_tokenizer

Params = Mapping[str, np.ndarray]

WIDTH, HEADS, LAYERS = 512, 8, 4
VOCABULARY = 1024  # tokens
MOST_DRAWS = 430  # none of them is in a tail of 4.9% once in 2e9


# Sampled text


def excerpt(rng: np.random.Generator, length: int) -> str:
    """Return a piece of the novel.

    Example:
        >>> len(excerpt(np.random.default_rng(1), 13))
        13
    """
    novel = load_corpus()[0]
    start = rng.integers(len(novel) - length)
    return novel[start : start + length]


def one_likely_symbol(rng: np.random.Generator, symbols: Sequence[str]) -> tuple[str, np.ndarray]:
    """Return a symbol, and scores (V,) that give it a probability of 0.65 and all others alike.

    Of 700 draws the symbol's share is 0.12 off once in 1e9, and seven others never come once in
    2e9. Powers of the probabilities above 1.25 or below 0.8 are further off, and so is choosing
    among the best only.

    Example:
        >>> likely, scores = one_likely_symbol(np.random.default_rng(1), "abcd")
        >>> powers = np.exp(scores)
        >>> likely, (powers / powers.sum()).round(2).tolist()
        ('b', [0.12, 0.65, 0.12, 0.12])
    """
    likely = str(rng.choice(list(symbols)))
    scores = rng.uniform(0, 0.01, len(symbols))  # alike, but none is exactly as probable as another
    scores[symbols.index(likely)] = np.log(0.65 / 0.35 * (len(symbols) - 1))
    return likely, scores


def least_probable(scores: np.ndarray, symbols: Sequence[str]) -> list[str]:
    """Return the four symbols with the lowest scores (V,).

    Of scores from ``one_likely_symbol`` they have 3.2% together: 700 draws leave all four out once
    in 1e10. Drawing from the 40 best symbols does, and so does nucleus sampling with p = 0.95.

    Example:
        >>> least_probable(np.arange(6.0), "abcdef")
        ['a', 'b', 'c', 'd']
    """
    return [symbols[i] for i in np.argsort(scores)[:4]]


# The Transformer's parts


def positions(n: int, width: int = WIDTH) -> np.ndarray:
    """Return the positional embeddings (n, width): sines, then cosines.

    Example:
        >>> positions(2, 4).round(2).tolist()
        [[0.0, 0.0, 1.0, 1.0], [0.84, 0.01, 0.54, 1.0]]
    """
    angles = np.outer(np.arange(n), 10000.0 ** (-np.arange(width // 2) / (width // 2)))
    return np.hstack([np.sin(angles), np.cos(angles)])


def attention(x: np.ndarray, params: Params, layer_prefix: str) -> np.ndarray:
    """Return causal multi-head attention for x (n, 512).

    Example: the first token sees itself only.
        >>> params = attention_layers(np.random.default_rng(1))
        >>> x = np.ones((2, 512))
        >>> wv, wo = (params[f"layers.0.attention.w{c}.weight"] for c in "vo")
        >>> np.allclose(attention(x, params, "layers.0")[0], x[0] @ wv.T @ wo.T, atol=1e-5)
        True
    """
    x = np.asarray(x, np.float64)
    wq, wk, wv, wo = (_float64(params, f"{layer_prefix}.attention.w{c}.weight") for c in "qkvo")
    q, k, v = ((x @ w.T).reshape(len(x), HEADS, -1).swapaxes(0, 1) for w in (wq, wk, wv))
    scores = q @ k.swapaxes(1, 2) / np.sqrt(WIDTH / HEADS)  # (8, n, n)
    scores[:, ~np.tri(len(x), dtype=bool)] = -np.inf
    weights = np.exp(scores - scores.max(axis=2, keepdims=True))
    mixed = weights @ v / weights.sum(axis=2, keepdims=True)  # (8, n, 64)
    output: np.ndarray = mixed.swapaxes(0, 1).reshape(len(x), WIDTH) @ wo.T
    return output


def mlp(x: np.ndarray, params: Params, layer_prefix: str) -> np.ndarray:
    """Return the feed-forward network's output for x (n, d), whatever its widths.

    Example:
        >>> ones = {f"layers.0.feed_forward.{i}.weight": np.ones((2, 2)) for i in (0, 2)}
        >>> mlp(np.array([[1.0, 2.0], [1.0, -2.0]]), ones, "layers.0").tolist()
        [[6.0, 6.0], [0.0, 0.0]]
    """
    up, down = (_float64(params, f"{layer_prefix}.feed_forward.{i}.weight") for i in (0, 2))
    hidden = np.asarray(x, np.float64) @ up.T
    output: np.ndarray = np.where(hidden > 0, hidden, 0) @ down.T
    return output


def prediction_head(x: np.ndarray, params: Params) -> np.ndarray:
    """Return the logits (n, V) of x (n, d).

    Example:
        >>> head = {"fc_out.weight": np.eye(3, 2), "fc_out.bias": np.array([10.0, 20.0, 30.0])}
        >>> prediction_head(np.array([[1.0, 2.0]]), head).tolist()
        [[11.0, 22.0, 30.0]]
    """
    weight = _float64(params, "fc_out.weight")
    logits: np.ndarray = np.asarray(x, np.float64) @ weight.T + params["fc_out.bias"]
    return logits


def transformer(tokens: Sequence[int] | np.ndarray, params: Params) -> np.ndarray:
    """Return the logits (n, V) of all layers together.

    Example:
        >>> transformer([3, 1, 4], random_model(np.random.default_rng(1))).shape
        (3, 13)
    """
    stream = _float64(params, "word_embedding.weight")[list(tokens)] + positions(len(tokens))
    for layer in range(LAYERS):
        stream = stream + attention(stream, params, f"layers.{layer}")
        stream = stream + mlp(stream, params, f"layers.{layer}")
    return prediction_head(stream, params)


def _float64(params: Params, name: str) -> np.ndarray:
    return np.asarray(params[name], np.float64)


# Random models


def attention_layers(rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Return four layers of the same four float32 matrices (512, 512), in each in other roles.

    They are quickly drawn, and turn rows with entries of size 1 into scores and outputs of about
    that size.

    Example:
        >>> params = attention_layers(np.random.default_rng(1))
        >>> params["layers.0.attention.wk.weight"] is params["layers.1.attention.wq.weight"]
        True
    """
    matrices = list((rng.random((4, WIDTH, WIDTH), np.float32) - 0.5) / 5)
    return _in_other_roles(matrices)


def random_model(
    rng: np.random.Generator, n_in: int = 11, n_out: int = 13, hidden: int = 40
) -> dict[str, np.ndarray]:
    """Return a model in which each part of each layer writes as much as the embeddings.

    It reads ``n_in`` tokens and predicts ``n_out``, so that a mixed-up axis has the wrong shape.
    Attention has the same four matrices in each layer, in other roles: they are slow to draw.

    Example:
        >>> random_model(np.random.default_rng(1))["layers.2.feed_forward.0.weight"].shape
        (40, 512)
    """
    matrices = list(rng.uniform(-1 / 12, 1 / 12, (4, WIDTH, WIDTH)))
    model = {
        "word_embedding.weight": rng.normal(0, 1, (n_in, WIDTH)),
        "position_embedding.inv_freq": _inverse_frequencies(),
        "fc_out.weight": rng.normal(0, 0.05, (n_out, WIDTH)),
        "fc_out.bias": rng.normal(0, 1, n_out),
        **_in_other_roles(matrices),
    }
    for layer in range(LAYERS):
        model[f"layers.{layer}.feed_forward.0.weight"] = rng.normal(0, 0.04, (hidden, WIDTH))
        model[f"layers.{layer}.feed_forward.2.weight"] = rng.normal(0, 0.1, (WIDTH, hidden))
    return model


def silenced(model: Params, *names: str) -> dict[str, np.ndarray]:
    """Return a model without what the parts write whose names begin so.

    Example:
        >>> quiet = silenced(random_model(np.random.default_rng(1)), "layers.0.attention")
        >>> [bool(quiet[f"layers.{i}.attention.wo.weight"].any()) for i in range(4)]
        [False, True, True, True]
    """
    last = ("attention.wo.weight", "feed_forward.2.weight")
    nothing = {array.shape: np.zeros_like(array) for name, array in model.items()}
    return {
        name: nothing[array.shape] if name.startswith(names) and name.endswith(last) else array
        for name, array in model.items()
    }


def _in_other_roles(matrices: Sequence[np.ndarray]) -> dict[str, np.ndarray]:
    return {
        f"layers.{layer}.attention.w{c}.weight": matrices[(layer + role) % 4]
        for layer in range(LAYERS)
        for role, c in enumerate("qkvo")
    }


def _inverse_frequencies() -> np.ndarray:
    frequencies: np.ndarray = 10000.0 ** (-np.arange(WIDTH // 2) / (WIDTH // 2))
    return frequencies


# Generated text


def silent_model(embeddings: np.ndarray, head: np.ndarray, bias: np.ndarray) -> Params:
    """Return a model whose layers write nothing, in float64: mixing types is slower.

    Args:
        embeddings: (1024, 512)
        head: (1024, 512)
        bias: (1024,)

    Example: whatever is read, the bias is all that comes out.
        >>> flat, bias = np.zeros((1024, 512)), np.arange(1024.0)
        >>> bool((transformer([1, 2], silent_model(flat, flat, bias)) == bias).all())
        True
    """
    square, up, down = (np.zeros(shape) for shape in [(WIDTH, WIDTH), (8, WIDTH), (WIDTH, 8)])
    model = _in_other_roles([square] * 4)
    for layer in range(LAYERS):
        model[f"layers.{layer}.feed_forward.0.weight"] = up
        model[f"layers.{layer}.feed_forward.2.weight"] = down
    return model | {
        "word_embedding.weight": embeddings,
        "position_embedding.inv_freq": _inverse_frequencies(),
        "fc_out.weight": head,
        "fc_out.bias": bias,
    }


def word_ahead(word: int, others: Sequence[int], gap: float, shift: float = 0.0) -> Params:
    """Return a model in which a token's logit is ``gap`` above the others', whatever was read.

    Example: at a gap of log 3 the token is three times as probable as the other one.
        >>> logits = transformer([1], word_ahead(5, [6], gap=np.log(3)))[0]
        >>> float((np.exp(logits[5]) / np.exp(logits[6])).round(6))
        3.0
    """
    bias = np.full(VOCABULARY, -1e6)  # nothing else is possible
    bias[list(others)] = -gap
    bias[word] = 0
    flat = np.zeros((VOCABULARY, WIDTH))
    return silent_model(flat, flat, bias + shift)


@dataclass(frozen=True)
class LongTail:
    """A model with one frequent word and a long tail, whatever was read.

    Attributes:
        model: at the temperature that it was made for, one word has a probability of 1/2 and all
            others share the rest, nearly alike
        favourite: the frequent word
        tail: the least probable tenth of the others: 4.9% together
    """

    model: Params
    favourite: int
    tail: frozenset[int]


def long_tail(rng: np.random.Generator, words: Sequence[int], temperature: float) -> LongTail:
    """Draw which word is frequent, and in which order the others follow.

    Example:
        >>> case = long_tail(np.random.default_rng(1), range(5, 346), temperature=2.0)
        >>> p = np.exp(transformer([1], case.model)[0] / 2.0)
        >>> [float(x.round(3)) for x in (p.sum(), p[case.favourite], p[list(case.tail)].sum())]
        [1.0, 0.5, 0.049]
    """
    favourite, *others = (int(word) for word in rng.permutation(words))
    shares = np.linspace(1.02, 0.98, len(others)) / len(others) / 2
    bias = np.full(VOCABULARY, -1e6)  # nothing else is possible
    bias[favourite] = temperature * np.log(0.5)
    bias[others] = temperature * np.log(shares)
    flat = np.zeros((VOCABULARY, WIDTH))
    tail = frozenset(others[-(len(others) // 10) :])
    return LongTail(silent_model(flat, flat, bias), favourite, tail)


def expect_long_tail(what: str, draw: Callable[[], Sequence[int]], case: LongTail) -> None:
    """Check draws from a model with a long tail; mostly it takes about 25 of them.

    The favourite and the other words have to come eight times each in 64 draws, and one of the tail
    once in 430: a right solution fails once in 1e9. Among 341 words, a temperature twice as high or
    0.6 times as high fails in 96 of 100 cases, and the 300 best words or a nucleus with p = 0.95
    fail always.

    Args:
        what: the name for messages
        draw: returns some tokens, drawn anew
        case: what they are drawn from
    """
    drawn: list[int] = []
    while len(drawn) < MOST_DRAWS:
        new = draw()
        if not new:
            raise AssertionError(f"your {what}: the text has no new tokens")
        drawn += new
        frequent = drawn.count(case.favourite)
        both = min(frequent, len(drawn) - frequent) >= 8
        if both and case.tail.intersection(drawn):
            return
        if not both and len(drawn) >= 64:
            raise AssertionError(
                f"your {what}: a token with a probability of 50% was drawn {frequent} times "
                f"of {len(drawn)}"
            )
    raise AssertionError(
        f"your {what}: the least probable tokens, one draw in twenty, never came in {len(drawn)} "
        "draws; draw from all of them"
    )


@dataclass(frozen=True)
class Chain:
    """Models in which each token has two successors, one early in the text and one late.

    Attributes:
        certain: the successor's logit leads by more than 400, so that drawing another token has a
            probability below e^-400
        close: it leads by 0.4: three draws would all be successors once in 1e8
        successors: (30, 1024), by the position and the id of the last token
    """

    certain: Params
    close: Params
    successors: np.ndarray

    def text(self, prefix: str, n: int) -> str:
        """Return the prefix and its n successors.

        Example:
            >>> len(chain(np.random.default_rng(1)).text("O Romeo", 2)) > len("O Romeo")
            True
        """
        tokenizer = load_tokenizer()
        tokens = tokenizer.encode(prefix)
        for _ in range(n):
            tokens.append(int(self.successors[len(tokens) - 1, tokens[-1]]))
        return tokenizer.decode(tokens)


def chain(rng: np.random.Generator) -> Chain:
    """Draw a chain: up to position 6 tokens have their early successors, from 12 on the late ones.

    The head's row for a successor is the sum of the embeddings of the two tokens that it follows.
    Column 83, a sine that grows up to position 30, prefers one half of the vocabulary early and the
    other half late (column 511 is 1 there). Without positions it is always early.
    """
    embeddings = rng.choice([-1.5, 1.5], (VOCABULARY, WIDTH))
    embeddings[:, [83, 511]] = 0
    switch = np.sin(9 * 10000.0 ** (-83 / 256))
    head, bias = np.zeros((VOCABULARY, WIDTH)), np.zeros(VOCABULARY)
    successors = np.empty((30, VOCABULARY), int)
    early, late = rng.permutation(VOCABULARY).reshape(2, -1)
    for side, places, tokens in [(-1, slice(9), early), (1, slice(9, 30), late)]:
        followed = rng.permutation(VOCABULARY).reshape(2, -1)
        successors[places, followed] = tokens
        head[tokens] = embeddings[followed].sum(axis=0)
        head[tokens, 83], head[tokens, 511] = side * 200_000, -side * 200_000 * switch
        bias[tokens] = -side * 1000
    return Chain(
        silent_model(embeddings, head, bias),
        silent_model(embeddings, head / 1000, bias / 1000),
        successors,
    )


__all__ = [
    "GRU",
    "RNN",
    "attention",
    "attention_layers",
    "certain_texts",
    "chain",
    "counting_gru",
    "counting_rnn",
    "excerpt",
    "expect_long_tail",
    "expect_same_arrays",
    "gru_passages",
    "gru_scores",
    "least_probable",
    "long_tail",
    "mlp",
    "one_likely_symbol",
    "perplexity",
    "positions",
    "prediction_head",
    "random_model",
    "rnn_passages",
    "rnn_scores",
    "silenced",
    "transformer",
    "word_ahead",
]
