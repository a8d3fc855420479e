"""Models small enough to follow by hand, for the notebooks' tests.

They are inputs only: what a right function makes of them stands in the tests.
"""

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
