"""What the hidden tests of gpt2 check against: right functions, and inputs that show wrong ones.

References compute in float64, whatever they are given. They take the notebook's arguments, in the
notebook's shapes: n positions of d numbers each, m tokens in the vocabulary. Inputs are drawn with
a generator of ``seqlab.draws``, so that each student gets others. A hidden test joins the two:

    rng = generator(4201)
    x, block = spread(rng, 5, 6), random_block(rng, 6, 7)
    expected = reference_block(x, block, 2)  # before the call, which may change its arguments
    out = transformer_block(x, block, 2)
    expect_close("transformer_block", out, expected, atol=slack(expected))
"""

from collections.abc import Sequence
from typing import Any, TypedDict

import numpy as np
from numpy.typing import DTypeLike


class Linear(TypedDict):
    """Parameters of a projection: w (d_in, d_out) and b (d_out,), or a column (n, 1)."""

    w: np.ndarray
    b: np.ndarray


class Norm(TypedDict):
    """Parameters of a layer normalization: g (d,) and b (d,)."""

    g: np.ndarray
    b: np.ndarray


class AttentionLayer(TypedDict):
    """Parameters of multi-head attention: d to 3 d (queries, keys, values), and d back to d."""

    c_attn: Linear
    c_proj: Linear


class FeedForwardLayer(TypedDict):
    """Parameters of a feed forward network: d to d_ff, and back to d."""

    c_fc: Linear
    c_proj: Linear


class Block(TypedDict):
    """Parameters of a transformer block."""

    ln_1: Norm
    attn: AttentionLayer
    ln_2: Norm
    mlp: FeedForwardLayer


def slack(expected: np.ndarray) -> float:
    """Return the tolerance where several functions work together: 2e-5 of the largest value.

    Any of them may be right and compute in float32, which leaves about 1e-6. Known mistakes leave
    more than 2e-5 for inputs drawn as below.

    >>> slack(np.array([[-50.0, 1.0]]))
    0.001
    """
    return 2e-5 * float(np.abs(expected).max())


def reference_softmax(x: np.ndarray) -> np.ndarray:
    """Turn each row of scores x (n, k) into shares (n, k), by way of their logarithms.

    >>> reference_softmax([[0.0, 0.0], [0.0, -np.inf]])
    array([[0.5, 0.5],
           [1. , 0. ]])
    """
    x = np.asarray(x, float)
    return np.asarray(np.exp(x - np.logaddexp.reduce(x, axis=1)[:, None]))


def reference_attention(
    q: np.ndarray, k: np.ndarray, v: np.ndarray, mask: np.ndarray | float = 0.0
) -> np.ndarray:
    """Mix values v (n_k, d_v) for each query in q (n_q, d_k) by its fit with keys k (n_k, d_k).

    >>> reference_attention(np.ones((1, 2)), np.ones((2, 2)), np.array([[3.0], [5.0]]))
    array([[4.]])
    """
    q, k, v = (np.asarray(part, float) for part in (q, k, v))
    weights = reference_softmax(q @ k.T / np.sqrt(q.shape[1]) + mask)  # (n_q, n_k)
    return np.asarray(weights @ v)


def reference_projection(x: np.ndarray, w: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Project each row of x (n, d_in) with w (d_in, d_out) and add b: (n, d_out).

    >>> reference_projection(np.ones((1, 2)), w=np.array([[10.0], [100.0]]), b=np.array([3.0]))
    array([[113.]])
    """
    return np.asarray(np.asarray(x, float) @ np.asarray(w, float) + b)


def reference_multi_head_attention(x: np.ndarray, attn: AttentionLayer, n_heads: int) -> np.ndarray:
    """Let each position of x (n, d) attend to itself and those before it, head by head: (n, d).

    >>> zeros, ones = {"w": np.zeros((2, 6)), "b": 0.0}, {"w": np.zeros((2, 2)), "b": np.ones(2)}
    >>> reference_multi_head_attention(np.eye(2), {"c_attn": zeros, "c_proj": ones}, n_heads=2)
    array([[1., 1.],
           [1., 1.]])
    """
    qkv = reference_projection(x, **attn["c_attn"]).reshape(len(x), 3, n_heads, -1)
    future = np.triu(np.full((len(x), len(x)), -np.inf), 1)  # (n, n)
    heads = []
    for h in range(n_heads):
        q, k, v = qkv[:, :, h].swapaxes(0, 1)  # (n, d / n_heads) each
        heads.append(reference_attention(q, k, v, future))
    return reference_projection(np.hstack(heads), **attn["c_proj"])


def reference_gelu(x: np.ndarray) -> np.ndarray:
    """Apply GPT-2's activation function to each number, whatever the shape.

    >>> reference_gelu(np.array([-1.0, 0.0, 1.0])).round(8)
    array([-0.15880801,  0.        ,  0.84119199])
    """
    x = np.asarray(x, float)
    return np.asarray(x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3))) / 2)


def reference_normalization(x: np.ndarray, g: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Bring each row of x (n, d) to mean 0 and variance 1, scale with g and shift by b.

    >>> reference_normalization(np.array([[1.0, 3.0]]), g=np.array([1, 10]), b=np.zeros(2)).round(3)
    array([[-1., 10.]])
    """
    centred = np.asarray(x, float) - np.mean(x, axis=1, keepdims=True, dtype=float)
    variance = np.mean(centred**2, axis=1, keepdims=True)
    return np.asarray(g * centred / np.sqrt(variance + 1e-5) + b)


def reference_feed_forward(x: np.ndarray, mlp: FeedForwardLayer) -> np.ndarray:
    """Project each position of x (n, d) to d_ff, apply Gelu, and project back: (n, d)."""
    hidden = reference_gelu(reference_projection(x, **mlp["c_fc"]))
    return reference_projection(hidden, **mlp["c_proj"])


def reference_block(x: np.ndarray, block: Block, n_heads: int) -> np.ndarray:
    """Add to the stream x (n, d) attention, then the network, each of a normalized copy: (n, d)."""
    normal = reference_normalization(x, **block["ln_1"])
    stream: np.ndarray = x + reference_multi_head_attention(normal, block["attn"], n_heads)
    normal = reference_normalization(stream, **block["ln_2"])
    return np.asarray(stream + reference_feed_forward(normal, block["mlp"]))


def reference_gpt2(
    inputs: Sequence[int],
    wte: np.ndarray,
    wpe: np.ndarray,
    blocks: Sequence[Block],
    ln_f: Norm,
    n_heads: int,
) -> np.ndarray:
    """Score each of the m tokens in wte (m, d) as the next one, after each of n inputs: (n, m)."""
    wte, wpe = np.asarray(wte, float), np.asarray(wpe, float)
    stream = np.array([wte[token] + wpe[i] for i, token in enumerate(inputs)])
    for block in blocks:
        stream = reference_block(stream, block, n_heads)
    return np.asarray(reference_normalization(stream, **ln_f) @ wte.T)


def spread(rng: np.random.Generator, *shape: int) -> np.ndarray:
    """Draw numbers of both signs, none of them small or large: 0.5 to 1.5 and -1.5 to -0.5.

    >>> spread(np.random.default_rng(0), 4).round(1)
    array([ 0.5,  0.5,  1.3, -1.4])
    """
    return np.asarray(rng.choice([-1, 1], size=shape) * rng.uniform(0.5, 1.5, size=shape))


def steep_queries(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw 2 queries, 3 keys and 3 values, of 2 numbers each, whose scores lie thousands apart.

    Each query takes the value of the key that fits best, and nothing of the others. One query's
    scores are about 0, 3000 and -3000 (before the division), the other's -6000, -6000 and 12000: if
    the same number were subtracted from both rows, 0 / 0 would be left in one.
    """
    q = rng.permutation([[0.0, 30.0], [-60.0, -60.0]])
    k = 100 * rng.permutation([[1.0, 0.0], [0.0, 1.0], [-1.0, -1.0]])
    return q, k, rng.normal(size=(3, 2))


def random_attention(rng: np.random.Generator, d: int, d_out: int) -> AttentionLayer:
    """Draw attention from normal numbers, for x (n, d) and a result (n, d_out)."""
    return {
        "c_attn": {"w": rng.normal(size=(d, 3 * d)), "b": rng.normal(size=3 * d)},
        "c_proj": {"w": rng.normal(size=(d, d_out)), "b": rng.normal(size=d_out)},
    }


def steep_attention(rng: np.random.Generator) -> AttentionLayer:
    """Draw attention of 2 heads whose scores for ``x = np.eye(6)`` go into the thousands.

    Each row of scores has a level of its own, where exp overflows unless the maximum of that row is
    subtracted. Row i of w is what position i gets. In the first head keys grow from position to
    position, so that each query would fit a later key better; in the second they shrink.
    """
    levels = rng.permutation([100.0, 300.0, 1000.0, 2000.0, 3000.0, 5000.0])
    q = np.hstack([np.outer(levels, u) for u in np.eye(3)[rng.integers(3, size=2)]])  # (6, 6)
    sizes = np.repeat([np.arange(-3.0, 3.0), np.arange(3.0, -3.0, -1)], 3, axis=0).T  # (6, 6)
    w, b = np.hstack([q, np.sign(q) * sizes, rng.normal(size=(6, 6))]), rng.normal(size=18)
    return {
        "c_attn": {"w": w - b, "b": b},
        "c_proj": {"w": rng.normal(size=(6, 4)), "b": rng.normal(size=4)},
    }


def random_block(rng: np.random.Generator, d: int, d_ff: int) -> Block:
    """Draw a block no two parts of which are alike, for a stream of about 30, far above epsilon.

    Its layers add about as much to the stream as is there. Gelu gets mostly negative numbers, where
    its two forms differ by a larger share.
    """
    return {
        "ln_1": {"g": spread(rng, d), "b": spread(rng, d)},
        "attn": {
            "c_attn": {"w": spread(rng, d, 3 * d) / 3, "b": spread(rng, 3 * d)},
            "c_proj": {"w": 30 * spread(rng, d, d), "b": 30 * spread(rng, d)},
        },
        "ln_2": {"g": spread(rng, d), "b": spread(rng, d)},
        "mlp": {
            "c_fc": {"w": spread(rng, d, d_ff) / 3, "b": spread(rng, d_ff) - 1.5},
            "c_proj": {"w": 150 * spread(rng, d_ff, d), "b": 30 * spread(rng, d)},
        },
    }


def random_model(
    rng: np.random.Generator, m: int, n_ctx: int, d: int, d_ff: int, n_blocks: int
) -> tuple[np.ndarray, np.ndarray, list[Block], Norm]:
    """Draw what ``gpt2`` takes after its inputs: wte (m, d), wpe (n_ctx, d), blocks, and ln_f."""
    wte, wpe = 30 * spread(rng, m, d), 30 * spread(rng, n_ctx, d)
    blocks = [random_block(rng, d, d_ff) for _ in range(n_blocks)]
    return wte, wpe, blocks, {"g": spread(rng, d), "b": spread(rng, d)}


def cast(parameters: Any, kind: DTypeLike) -> Any:
    """Return nested dictionaries, lists and tuples of arrays with arrays of another type.

    >>> cast([{"w": np.ones(2)}], np.float32)
    [{'w': array([1., 1.], dtype=float32)}]
    """
    if isinstance(parameters, dict):
        return {name: cast(part, kind) for name, part in parameters.items()}
    if isinstance(parameters, (list, tuple)):
        return type(parameters)(cast(part, kind) for part in parameters)
    return np.array(parameters, dtype=kind)
