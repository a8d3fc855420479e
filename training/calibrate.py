"""Make the trained Transformer print the document's numbers, at no cost to what it writes.

The document shows the first outputs of each part on fixed inputs, so that a class can compare its
work with the page. Some weights are free, or nearly free, to set:

- Ids 0 to 4 are control bytes that no text contains, so the model does not need their embeddings
  and their rows of the output layer. In each row, four linear conditions fix the prediction head on
  ones and the whole model on [0, 1, 2]; the change of least norm meets them.
- Each of the first five rows of layer 0's ``wo`` moves along one direction, the one that an input
  of ones excites, and by the least that meets the condition.
- The two least used hidden units of layer 0 are given up for the feed-forward network on ones. They
  fire there and on no text, so that their outgoing weights are free. (All other units may be silent
  on ones, which is far from anything that a text gives.)

The conditions have to hold for float32 weights and as printed, so the last step works on a few
coordinates that are small enough to have fine steps.
"""

from collections.abc import Sequence

import numpy as np

from seqlab import published
from seqlab.transformer import D_MODEL, N_HEADS, N_LAYERS

Params = dict[str, np.ndarray]
N_SHOWN = 5  # columns that the document prints, and ids that are free
HALF_DIGIT = 5e-9  # of a value printed with 8 decimals


def positions(n: int) -> np.ndarray:
    """Return the sinusoidal positions (n, d_model) in float64, sines first."""
    angles = np.outer(np.arange(n), 10000.0 ** (-np.arange(0, D_MODEL, 2) / D_MODEL))
    return np.concatenate([np.sin(angles), np.cos(angles)], axis=1)


def attend(x: np.ndarray, params: Params, layer: int) -> np.ndarray:
    """Causal multi-head attention of a layer on (n, d_model), all heads in one product."""
    wq, wk, wv, wo = (params[f"layers.{layer}.attention.w{part}.weight"] for part in "qkvo")
    q, k, v = (np.einsum("nd,hed->hne", x, w.reshape(N_HEADS, -1, D_MODEL)) for w in (wq, wk, wv))
    scores = np.einsum("hne,hme->hnm", q, k) / np.sqrt(q.shape[-1])
    future = np.triu(np.ones(scores.shape[1:], dtype=bool), k=1)
    weights = np.exp(scores - scores.max(-1, keepdims=True)) * ~future
    weights /= weights.sum(-1, keepdims=True)
    heads = np.einsum("hnm,hme->nhe", weights, v)
    return heads.reshape(len(x), D_MODEL) @ wo.T


def feed_forward(x: np.ndarray, params: Params, layer: int) -> np.ndarray:
    """The two-layer ReLU network of a layer on (n, d_model)."""
    w1, w2 = (params[f"layers.{layer}.feed_forward.{i}.weight"] for i in (0, 2))
    return np.maximum(x @ w1.T, 0) @ w2.T


def final_stream(ids: Sequence[int], params: Params) -> np.ndarray:
    """Return what the output layer reads (n, d_model), float64."""
    x = params["word_embedding.weight"][list(ids)] + positions(len(ids))
    for layer in range(N_LAYERS):
        x = x + attend(x, params, layer)
        x = x + feed_forward(x, params, layer)
    return x


def logits(ids: Sequence[int], params: Params) -> np.ndarray:
    """Return the logits (n, vocab_size), float64."""
    return final_stream(ids, params) @ params["fc_out.weight"].T + params["fc_out.bias"]


def shown(params: Params) -> dict[str, tuple[np.ndarray, published.Rows]]:
    """Return what the document prints, computed on ``params``, with what it prints."""
    ones = np.ones((128, D_MODEL))
    head = ones @ params["fc_out.weight"].T + params["fc_out.bias"]
    whole = {
        "embed_tokens": (params["word_embedding.weight"][[1, 2, 3]], published.EMBED_TOKENS),
        "multi_head_attention": (attend(ones, params, 0), published.ATTENTION),
        "mlp": (feed_forward(ones, params, 0), published.MLP),
        "prediction_head": (head, published.PREDICTION_HEAD),
        "transformer": (logits([0, 1, 2], params), published.TRANSFORMER),
    }
    return {name: (values[:3, :N_SHOWN], rows) for name, (values, rows) in whole.items()}


def calibrate(params: Params, blocks: np.ndarray, seed: int = 0) -> Params:
    """Return a copy of ``params`` (float32) on which all the document's numbers hold.

    ``blocks`` (n blocks, block size) are ids of real text.

    Raises:
        ValueError: a number could not be met to its last printed digit.
    """
    done = {name: array.astype(np.float32) for name, array in params.items()}
    _set_free_embeddings(done, np.random.default_rng(seed))
    ones = np.ones(D_MODEL)
    first = "layers.0."
    seen = done[f"{first}attention.wv.weight"] @ ones
    _meet(done[f"{first}attention.wo.weight"], seen[None], _targets(published.ATTENTION[:1]))
    _give_up_units(done, hidden_inputs(done, blocks))
    hidden = np.maximum(done[f"{first}feed_forward.0.weight"] @ ones, 0)
    _meet(done[f"{first}feed_forward.2.weight"], hidden[None], _targets(published.MLP[:1]))
    inputs = np.vstack([ones, final_stream([0, 1, 2], done)])  # (4, d_model)
    rows = (*published.PREDICTION_HEAD[:1], *published.TRANSFORMER)
    bias = done["fc_out.bias"][:N_SHOWN, None].astype(np.float64)
    _meet(done["fc_out.weight"], inputs, _targets(rows) - bias)
    for name, (values, expected) in shown(done).items():
        if published.printed(values) != [list(row) for row in expected]:
            raise ValueError(f"{name} does not print as published")
    return done


def _targets(rows: published.Rows) -> np.ndarray:
    """Return printed numbers (n conditions, columns) as float64 (columns, n conditions)."""
    return np.array(rows, dtype=np.float64).T


def _set_free_embeddings(params: Params, rng: np.random.Generator) -> None:
    embedding = params["word_embedding.weight"]
    spread = embedding[N_SHOWN:].std()
    embedding[:N_SHOWN] = rng.normal(0, spread, (N_SHOWN, D_MODEL))
    embedding[1:4, :N_SHOWN] = np.array(published.EMBED_TOKENS, dtype=np.float32)


def hidden_inputs(params: Params, blocks: np.ndarray) -> np.ndarray:
    """Return what layer 0's feed-forward network reads on real text (n tokens, d_model)."""
    streams = []
    for ids in blocks:
        x = params["word_embedding.weight"][ids] + positions(len(ids))
        streams.append(x + attend(x, params, 0))
    return np.concatenate(streams)


def _give_up_units(params: Params, x: np.ndarray) -> None:
    """Make the two least used hidden units of layer 0 fire on ones and not on ``x`` (n, d_model).

    Of all weights with w @ ones = 1 theirs bring w @ x closest to -1, in the mean square. The
    second unit is a small copy of the first: it takes the digits that are too fine for float32.
    """
    w1, w2 = (params[f"layers.0.feed_forward.{i}.weight"] for i in (0, 2))
    use = np.maximum(x @ w1.T, 0).mean(axis=0) * np.linalg.norm(w2, axis=0)
    ones = np.ones(D_MODEL)
    moments = x.T @ x / len(x) + 1e-6 * np.eye(D_MODEL)
    to_ones, to_mean = np.linalg.solve(moments, np.stack([ones, x.mean(axis=0)], axis=1)).T
    w = to_ones * (1 + ones @ to_mean) / (ones @ to_ones) - to_mean
    for unit, scale in zip(np.argsort(use)[:2], (1.0, 2.0**-12), strict=True):
        w1[unit] = w * scale
        w2[:, unit] = 0


def _meet(matrix: np.ndarray, inputs: np.ndarray, targets: np.ndarray) -> None:
    """Change the first rows w of ``matrix`` least, so that ``inputs @ w`` equals their targets.

    inputs (n conditions, d), targets (rows, n conditions); in place, in float32.
    """
    felt = np.abs(inputs).min(axis=0) > 1e-6 * np.abs(inputs).max()
    for row, target in zip(matrix, targets, strict=False):
        exact = row + np.linalg.pinv(inputs) @ (target - inputs @ row)
        row[:] = exact
        for _ in range(20):
            missing = target - inputs @ row.astype(np.float64)
            if np.abs(missing).max() < HALF_DIGIT / 10:
                break
            # a weight moves in steps of its own size: take those whose steps matter least
            step = np.where(felt, np.spacing(np.abs(row)) * np.abs(inputs).max(axis=0), np.inf)
            few = np.argsort(step)[: len(inputs) ** 2]
            row[few] += (np.linalg.pinv(inputs[:, few]) @ missing).astype(np.float32)
