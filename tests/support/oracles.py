"""The two recurrent models, written from Keras' equations, for comparison with everything else.

Batched over nothing, float64, one-hot inputs as row lookups. Not for students.
"""

import numpy as np


def softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def sigmoid(x):
    return 0.5 * (1 + np.tanh(x / 2))


def rnn_probabilities(weights, ids):
    wx, wh1, b1, w12, wh2, b2, wy, by = (np.asarray(w, dtype=np.float64) for w in weights)
    h1, h2, rows = np.zeros(len(b1)), np.zeros(len(b2)), []
    for i in ids:
        h1 = np.tanh(wx[i] + h1 @ wh1 + b1)
        h2 = np.tanh(h1 @ w12 + h2 @ wh2 + b2)
        rows.append(h2 @ wy + by)
    return softmax(np.array(rows))


def gru_probabilities(weights, ids, summed=False):
    """Keras' own equations; ``summed`` takes the document's, with one bias, the sum of the two."""
    wx, wh, b, wy, by = (np.asarray(w, dtype=np.float64) for w in weights)
    if summed:
        b = np.stack([b.sum(0), np.zeros(b.shape[1])])
    h, rows = np.zeros(wh.shape[0]), []
    for i in ids:
        xz, xr, xc = np.split(wx[i] + b[0], 3)
        hz, hr, hc = np.split(h @ wh + b[1], 3)
        z, r = sigmoid(xz + hz), sigmoid(xr + hr)
        c = np.tanh(xc + r * hc)
        h = z * h + (1 - z) * c
        rows.append(h @ wy + by)
    return softmax(np.array(rows))


def perplexity(probabilities, ids):
    """Of ids[1:], each predicted from all before it."""
    return np.exp(-np.log(probabilities[np.arange(len(ids) - 1), ids[1:]]).mean())
