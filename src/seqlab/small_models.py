"""Models small enough to follow by hand, for the notebooks' tests.

They are inputs only: what a right function makes of them stands in the tests.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np


def draw_block(rng: np.random.RandomState, d: int, d_ff: int) -> dict[str, Any]:
    """Return a block of GPT-2 with the width d, and numbers from 0 to 1 for all weights.

    >>> block = draw_block(np.random.RandomState(0), 4, 5)
    >>> block["mlp"]["c_fc"]["w"].shape
    (4, 5)
    """

    def linear(d_in: int, d_out: int) -> dict[str, np.ndarray]:
        return {"w": rng.rand(d_in, d_out), "b": rng.rand(d_out)}

    def norm() -> dict[str, np.ndarray]:
        return {"g": rng.rand(d), "b": rng.rand(d)}

    return {
        "ln_1": norm(),
        "attn": {"c_attn": linear(d, 3 * d), "c_proj": linear(d, d)},
        "ln_2": norm(),
        "mlp": {"c_fc": linear(d, d_ff), "c_proj": linear(d_ff, d)},
    }


def heads_by_hand() -> tuple[np.ndarray, dict[str, Any]]:
    """Return three positions x (3, 6), and an attention layer of GPT-2 whose three heads are plain.

    The first head reads its own position, the second one position 0, the third one the position
    before (position 0 itself). The value in column c of position i is 10 i + c. The last
    projection leaves out column 5 and changes nothing else.
    """
    corners = np.array([[10.0, 0.0], [0.0, 10.0], [-10.0, 0.0]])  # one for each position
    q = np.hstack([corners, corners[[0, 0, 0]], corners[[0, 0, 1]]])  # (3, 6)
    k = np.hstack([corners, corners, corners])
    v = 10.0 * np.arange(3)[:, None] + np.arange(6)
    w = np.zeros((6, 18))
    w[:3] = np.hstack([q, k, v])  # x picks a row
    attn = {"c_attn": {"w": w, "b": np.zeros(18)}, "c_proj": {"w": np.eye(6, 5), "b": np.zeros(5)}}
    return np.eye(3, 6), attn


WIDTH, HEAD, LAYERS, VOCABULARY = 512, 64, 4, 1024  # of assignment 5's Transformer


def shares_by_hand(layer: str) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Return three rows x (3, 512), and weights for an attention layer whose shares are plain.

    In head 0 the scores are 8 log 1, 8 log 2 and 8 log 5 for the three keys, whoever asks: divided
    by the root of the head's width, which is 8, they stand in the proportion 1 : 2 : 5. Its values
    are 24 in a column for each position. Head 1 looks at position 0, where the value is 7; those
    after it are 5 and 3. W_o moves each column one place to the right. Layer 0 is silent.

    Args:
        layer: how the names of the layer's weights begin, as "layers.2"
    """
    wq, wk, wv = np.zeros((3, WIDTH, WIDTH), np.float32)
    wq[:3, 0], wk[:3, 0] = 8, np.log([1, 2, 5])  # x picks a row
    wq[:3, HEAD], wk[0, HEAD] = 20, 20
    wv[:3, :3], wv[:3, HEAD] = 24 * np.eye(3), (7, 5, 3)
    wo = np.roll(np.eye(WIDTH, dtype=np.float32), 1, axis=1)
    matrices = {"wq": wq, "wk": wk, "wv": wv, "wo": wo}
    silent = np.zeros((WIDTH, WIDTH), np.float32)
    params = {f"layers.0.attention.{name}.weight": silent for name in matrices}
    params |= {f"{layer}.attention.{name}.weight": matrix.T for name, matrix in matrices.items()}
    return np.eye(3, WIDTH), params


def constant_transformer(bias: np.ndarray) -> dict[str, np.ndarray]:
    """Return a Transformer whose logits are ``bias``, whatever was read.

    Its weights are float64: mixing types is slower.
    """
    flat, square = np.zeros((VOCABULARY, WIDTH)), np.zeros((WIDTH, WIDTH))
    model = {
        "word_embedding.weight": flat,
        "position_embedding.inv_freq": 10000.0 ** (-np.arange(WIDTH // 2) / (WIDTH // 2)),
        "fc_out.weight": flat,
        "fc_out.bias": bias,
    }
    for i in range(LAYERS):
        model |= {f"layers.{i}.attention.w{c}.weight": square for c in "qkvo"}
        model[f"layers.{i}.feed_forward.0.weight"] = np.zeros((8, WIDTH))
        model[f"layers.{i}.feed_forward.2.weight"] = np.zeros((WIDTH, 8))
    return model


def counting_transformer(tokens: Sequence[int]) -> dict[str, np.ndarray]:
    """Return a Transformer that counts: having read n tokens, whichever, it is certain of the n-th.

    It goes by the positions alone: one of their waves is so long that it is nearly i / 1000. All
    logits of a row are smaller than those of the row before.

    Args:
        tokens: different ones, of which the first is the one after a single token
    """
    steps = np.arange(len(tokens))
    passed = np.cumsum(steps - 0.5) + 0.5  # where each token gives way to the next one
    weight, bias = np.zeros((VOCABULARY, WIDTH)), np.full(VOCABULARY, -1e6)
    weight[:, 192] = -1e6  # sin(i / 1000): 1000 less in each row
    weight[tokens, 192] += 80_000 * steps
    bias[tokens] = -80 * passed
    return constant_transformer(bias) | {"fc_out.weight": weight}


def signing_transformer() -> dict[str, np.ndarray]:
    """Return a Transformer whose parts sign: each writes a number of its own into the stream.

    Attention of layer i adds 10 (i + 1) to column 240 + i, and the MLP i + 1 to column 248 + i,
    where the positions are nearly 0. Embeddings are 0, and the head hands out the stream.
    """
    ones = WIDTH - 1  # the column of the longest wave: its cosine is 1 as long as texts are short
    model = constant_transformer(np.zeros(WIDTH))
    model |= {"word_embedding.weight": np.zeros((8, WIDTH)), "fc_out.weight": np.eye(WIDTH)}
    for i in range(LAYERS):
        value, write = np.zeros((2, WIDTH, WIDTH))
        value[0, ones], write[240 + i, 0] = 1, 10 * (i + 1)
        hidden, back = np.zeros((8, WIDTH)), np.zeros((WIDTH, 8))
        hidden[0, ones], back[248 + i, 0] = 1, i + 1
        model[f"layers.{i}.attention.wv.weight"] = value
        model[f"layers.{i}.attention.wo.weight"] = write
        model[f"layers.{i}.feed_forward.0.weight"] = hidden
        model[f"layers.{i}.feed_forward.2.weight"] = back
    return model
