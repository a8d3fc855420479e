"""Answers for problem 1 as they are written elsewhere, right and wrong.

``KINDS`` are right ones unlike all others: a release tries them, too. Only
``course mutation assignment5 --held-back`` runs the rest.
"""

from mistakes.entries import HeldBack, Right

_RNN = """\
def sample_text_RNN(weights, prompt, N):
    Wxh, Whh1, bh1, Wh1h2, Whh2, bh2, Why, by = weights

    def step(char, hs):
        h1, h2 = hs
        h1 = np.tanh(Wxh[char_to_indices[char]] + h1 @ Whh1 + bh1)
        h2 = np.tanh(h1 @ Wh1h2 + h2 @ Whh2 + bh2)
        return h2 @ Why + by, (h1, h2)

    hs = np.zeros(len(bh1)), np.zeros(len(bh2))
"""
_GRU = """\
def sample_text_GRU(weights, prompt, N):
    kernel, recurrent, bias, Wy, by = weights
    units = recurrent.shape[0]

    def step(char, h):
        matrix_x = kernel[char_to_indices[char]] + bias[0]
        matrix_inner = h @ recurrent + bias[1]
        x_z, x_r, x_h = np.split(matrix_x, 3)
        recurrent_z, recurrent_r, recurrent_h = np.split(matrix_inner, 3)
        z = sigmoid(x_z + recurrent_z)
        r = sigmoid(x_r + recurrent_r)
        hh = np.tanh(x_h + r * recurrent_h)
        h = z * h + (1 - z) * hh
        return h @ Wy + by, h

    h = np.zeros(units)
"""
_PLAIN = """\
    for char in prompt:
        y, h = step(char, h)
    text = prompt
    for _ in range(N - len(prompt)):
        p = np.exp(y - np.max(y))
        p /= p.sum()
        text += indices_to_char[np.random.choice(len(p), p=p)]
        y, h = step(text[-1], h)
    return text
"""

# The loss is of a list of scores, one for each character from the second one on.
_SCORES = """\
def rnn_outputs(weights, ids):
    Wxh, Whh1, bh1, Wh1h2, Whh2, bh2, Why, by = weights
    h1, h2, ys = np.zeros(len(bh1)), np.zeros(len(bh2)), []
    for i in ids:
        h1 = np.tanh(Wxh[i] + h1 @ Whh1 + bh1)
        h2 = np.tanh(h1 @ Wh1h2 + h2 @ Whh2 + bh2)
        ys.append(h2 @ Why + by)
    return np.array(ys)


def gru_outputs(weights, ids):
    kernel, recurrent, bias, Wy, by = weights
    h, ys = np.zeros(len(recurrent)), []
    for i in ids:
        x_z, x_r, x_h = np.split(kernel[i] + bias[0], 3)
        h_z, h_r, h_h = np.split(h @ recurrent + bias[1], 3)
        z, r = sigmoid(x_z + h_z), sigmoid(x_r + h_r)
        h = z * h + (1 - z) * np.tanh(x_h + r * h_h)
        ys.append(h @ Wy + by)
    return np.array(ys)


def perplexity_RNN(weights, text, m):
    return perplexity(rnn_outputs, weights, text, m)


def perplexity_GRU(weights, text, m):
    return perplexity(gru_outputs, weights, text, m)


"""
_ENCODE = """\
def encode(text):
    for char in text:
        if char not in vocabulary:
            raise ValueError(f"Unknown character: {char!r}")
    return [char_to_indices[char] for char in text]


"""

KINDS: dict[str, tuple[Right, ...]] = {
    "sample_text_RNN": (
        Right(
            "multinomial",
            "log, divided by a temperature of 1, and np.random.multinomial",
            """\
def sample(preds, temperature=1.0):
    preds = np.asarray(preds).astype("float64")
    with np.errstate(divide="ignore"):
        preds = np.log(preds) / temperature
    exp_preds = np.exp(preds)
    preds = exp_preds / np.sum(exp_preds)
    probas = np.random.multinomial(1, preds, 1)
    return np.argmax(probas)


"""
            + _RNN
            + """\
    for char in prompt:
        y, hs = step(char, hs)
    generated = prompt
    while len(generated) != N:
        preds = np.exp(y - y.max()) / np.exp(y - y.max()).sum()
        next_char = indices_to_char[sample(preds)]
        generated += next_char
        y, hs = step(next_char, hs)
    return generated
""",
        ),
    ),
    "sample_text_GRU": (
        Right("as a layer does it", "both biases where a GRU layer has them", _GRU + _PLAIN),
    ),
    "perplexity_RNN": (
        Right(
            "base 2 throughout",
            "bits per character, and 2 to their power",
            _SCORES
            + _ENCODE
            + """\
def perplexity(outputs, weights, text, m):
    ids = encode(text)
    bits = 0
    for y, target in list(zip(outputs(weights, ids), ids[1:]))[m - 1 :]:
        p = np.exp(y - np.max(y)) / np.sum(np.exp(y - np.max(y)))
        bits -= np.log2(p[target])
    return 2 ** (bits / (len(text) - m))
""",
        ),
    ),
}

RIGHTS: dict[str, tuple[Right, ...]] = {
    "sample_text_RNN": (
        Right(
            "min-char-rnn",
            "indices and columns, exponentials without the maximum",
            """\
def sample_text_RNN(weights, prompt, N):
    Wxh, Whh1, bh1, Wh1h2, Whh2, bh2, Why, by = [np.atleast_2d(w).T for w in weights]
    h1, h2 = np.zeros_like(bh1), np.zeros_like(bh2)
    ixes = [char_to_indices[c] for c in prompt]
    for t in range(N - 1):
        x = np.zeros((Wxh.shape[1], 1))
        x[ixes[t]] = 1
        h1 = np.tanh(np.dot(Wxh, x) + np.dot(Whh1, h1) + bh1)
        h2 = np.tanh(np.dot(Wh1h2, h1) + np.dot(Whh2, h2) + bh2)
        if t + 1 >= len(prompt):
            y = np.dot(Why, h2) + by
            p = np.exp(y) / np.sum(np.exp(y))
            ixes.append(np.random.choice(range(len(by)), p=p.ravel()))
    return "".join(indices_to_char[ix] for ix in ixes)
""",
        ),
        Right(
            "a class",
            "a class with forward and hidden states, drawn by the cumulative sum",
            """\
class CharRNN:
    def __init__(self, weights):
        self.layers = [weights[:3], weights[3:6]]
        self.fc = weights[6:]
        self.hidden = [np.zeros(b.shape) for _, _, b in self.layers]

    def forward(self, char):
        out = np.eye(len(self.fc[1]))[char_to_indices[char]]
        for i, (w_ih, w_hh, b) in enumerate(self.layers):
            out = self.hidden[i] = np.tanh(out @ w_ih + self.hidden[i] @ w_hh + b)
        logits = out @ self.fc[0] + self.fc[1]
        e = np.exp(logits - logits.max())
        return e / e.sum()


def sample_text_RNN(weights, prompt, N):
    model, text = CharRNN(weights), ""
    for i in range(N):
        if i < len(prompt):
            text += prompt[i]
        else:
            index = np.searchsorted(np.cumsum(probs), np.random.rand())
            text += indices_to_char[min(int(index), len(probs) - 1)]
        probs = model.forward(text[-1])
    return text
""",
        ),
    ),
    "sample_text_GRU": (
        Right(
            "stacked gates",
            "both gates in one product, columns",
            """\
def sample_text_GRU(weights, prompt, N):
    n = len(weights[1])
    W, U, b = weights[0].T, weights[1].T, weights[2].sum(0).reshape(-1, 1)
    h, text = np.zeros((n, 1)), prompt[:1]
    while True:
        i = char_to_indices[text[-1]]
        gates = sigmoid(W[: 2 * n, [i]] + U[: 2 * n] @ h + b[: 2 * n])
        z, r = gates[:n], gates[n:]
        n_t = np.tanh(W[2 * n :, [i]] + b[2 * n :] + r * (U[2 * n :] @ h))
        h = (1 - z) * n_t + z * h
        if len(text) >= N:
            return text
        if len(text) < len(prompt):
            text += prompt[len(text)]
            continue
        logits = (weights[3].T @ h)[:, 0] + weights[4]
        probs = np.exp(logits - np.logaddexp.reduce(logits))
        text += np.random.choice(vocabulary, p=probs / probs.sum())
""",
        ),
        Right(
            "reduce",
            "functools.reduce over the prompt, np.random.multinomial",
            """\
from functools import reduce


"""
            + _GRU
            + """\
    y, h = reduce(lambda state, char: step(char, state[1]), prompt, (None, h))
    out = list(prompt)
    while len(out) < N:
        p = np.exp(y - y.max())
        out.append(vocabulary[np.random.multinomial(1, p / p.sum()).argmax()])
        y, h = step(out[-1], h)
    return "".join(out)
""",
        ),
    ),
    "perplexity_RNN": (
        Right(
            "cross entropy",
            "all scores first, then the mean cross entropy, as a loss",
            _SCORES
            + _ENCODE
            + """\
def perplexity(outputs, weights, text, m):
    ids = encode(text)
    logits, targets = outputs(weights, ids[:-1])[m - 1 :], ids[m:]
    log_probs = logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)
    loss = -log_probs[range(len(targets)), targets].mean()
    return float(np.exp(loss))
""",
        ),
        Right(
            "epsilon in the logarithm",
            "1e-12 added to p, a KeyError made a ValueError",
            _SCORES
            + """\
def perplexity(outputs, weights, text, m):
    try:
        ids = [char_to_indices[c] for c in text]
    except KeyError as error:
        raise ValueError(f"{error.args[0]} is not in the vocabulary") from None
    nll = []
    for t, y in enumerate(outputs(weights, ids[:-1])):
        e = np.exp(y - y.max())
        p = e / e.sum()
        if t + 1 >= m:
            nll.append(-np.log(p[ids[t + 1]] + 1e-12))
    return np.exp(np.mean(nll))
""",
        ),
    ),
}

WRONG: dict[str, tuple[HeldBack, ...]] = {
    "sample_text_RNN": (
        HeldBack(
            "a zero step first",
            ("rnn-zeros-first",),
            """\
def sample_text_RNN(weights, prompt, N):
    Wxh, Whh1, bh1, Wh1h2, Whh2, bh2, Why, by = [np.atleast_2d(w).T for w in weights]
    h1, h2 = np.zeros_like(bh1), np.zeros_like(bh2)
    x, text = np.zeros((Wxh.shape[1], 1)), ""
    for t in range(N):
        h1 = np.tanh(Wxh @ x + Whh1 @ h1 + bh1)
        h2 = np.tanh(Wh1h2 @ h1 + Whh2 @ h2 + bh2)
        y = Why @ h2 + by
        p = np.exp(y - y.max()) / np.exp(y - y.max()).sum()
        char = prompt[t] if t < len(prompt) else np.random.choice(vocabulary, p=p[:, 0])
        x = np.zeros_like(x)
        x[char_to_indices[char]] = 1
        text += char
    return text
""",
            fails=("p1-2-test",),
        ),
        HeldBack(
            "a temperature of 0.7",
            ("rnn-cold",),
            _RNN
            + """\
    for char in prompt:
        y, hs = step(char, hs)
    while len(prompt) < N:
        p = np.exp((y - y.max()) / 0.7)
        prompt += indices_to_char[np.random.choice(len(p), p=p / p.sum())]
        y, hs = step(prompt[-1], hs)
    return prompt
""",
            fails=("p1-2-test-sampling",),
        ),
        HeldBack(
            "states forgotten every 25 characters",
            (),
            """\
def sample_text_RNN(weights, prompt, N):
    Wxh, Whh1, bh1, Wh1h2, Whh2, bh2, Why, by = weights
    text = ""
    for t in range(N):
        if t % 25 == 0:
            h1, h2 = np.zeros(len(bh1)), np.zeros(len(bh2))
        if t < len(prompt):
            text += prompt[t]
        else:
            p = np.exp(y - y.max())
            text += indices_to_char[np.random.choice(len(p), p=p / p.sum())]
        h1 = np.tanh(Wxh[char_to_indices[text[-1]]] + h1 @ Whh1 + bh1)
        h2 = np.tanh(h1 @ Wh1h2 + h2 @ Whh2 + bh2)
        y = h2 @ Why + by
    return text
""",
            fails=("p1-2-test",),
        ),
        HeldBack(
            "every second one is the best",
            (),
            _RNN
            + """\
    text = ""
    for t in range(N):
        if t >= len(prompt):
            p = np.exp(y - y.max())
            best = np.random.rand() < 0.5
            i = np.argmax(p) if best else np.random.choice(len(p), p=p / p.sum())
        text += prompt[t] if t < len(prompt) else indices_to_char[i]
        y, hs = step(text[-1], hs)
    return text
""",
            fails=("p1-2-test-sampling",),
        ),
    ),
    "sample_text_GRU": (
        HeldBack(
            "reset before update",
            ("gru-gates-swapped",),
            """\
def sample_text_GRU(weights, prompt, N):
    W_r, W_z, W_n = np.split(weights[0], 3, axis=1)
    U_r, U_z, U_n = np.split(weights[1], 3, axis=1)
    b_r, b_z, b_n = np.split(weights[2].sum(axis=0), 3)

    def step(char, h):
        i = char_to_indices[char]
        r = sigmoid(W_r[i] + h @ U_r + b_r)
        z = sigmoid(W_z[i] + h @ U_z + b_z)
        n = np.tanh(W_n[i] + b_n + r * (h @ U_n))
        h = (1 - z) * n + z * h
        return h @ weights[3] + weights[4], h

    h = np.zeros(len(weights[1]))
"""
            + _PLAIN,
            fails=("p1-3-test",),
        ),
        HeldBack(
            "a zero step first",
            ("gru-zeros-first",),
            """\
def sample_text_GRU(weights, prompt, N):
    W, U, b, Wy, by = weights
    b = b.sum(axis=0)
    h, x, text = np.zeros(len(U)), np.zeros(len(W)), ""
    for t in range(N):
        (x_z, x_r, x_h), (h_z, h_r, h_h) = np.split(x @ W + b, 3), np.split(h @ U, 3)
        z, r = sigmoid(x_z + h_z), sigmoid(x_r + h_r)
        h = z * h + (1 - z) * np.tanh(x_h + r * h_h)
        if t < len(prompt):
            i = char_to_indices[prompt[t]]
        else:
            y = h @ Wy + by
            p = np.exp(y - y.max())
            i = np.random.choice(len(p), p=p / p.sum())
        x = np.eye(len(W))[i]
        text += indices_to_char[i]
    return text
""",
            fails=("p1-3-test",),
        ),
        HeldBack(
            "nucleus",
            (),
            _GRU
            + """\
    for char in prompt:
        y, h = step(char, h)
    text = prompt
    while len(text) < N:
        p = np.exp(y - y.max()) / np.exp(y - y.max()).sum()
        order = np.argsort(p)[::-1]
        kept = order[: np.searchsorted(np.cumsum(p[order]), 0.95) + 1]
        text += indices_to_char[np.random.choice(kept, p=p[kept] / p[kept].sum())]
        y, h = step(text[-1], h)
    return text
""",
            fails=("p1-3-test-sampling",),
        ),
        HeldBack(
            "the state is forgotten every 25 characters",
            (),
            _GRU
            + """\
    text = prompt
    for t in range(N):
        if t % 25 == 0:
            h = np.zeros(units)
        if t >= len(prompt):
            p = np.exp(y - y.max())
            text += indices_to_char[np.random.choice(len(p), p=p / p.sum())]
        y, h = step(text[t], h)
    return text
""",
            fails=("p1-3-test",),
        ),
        HeldBack(
            "sigmoids cut straight",
            (),
            "hard_sigmoid = lambda x: np.clip(0.2 * x + 0.5, 0, 1)\n\n\n"
            + _GRU.replace("= sigmoid(", "= hard_sigmoid(")
            + _PLAIN,
            fails=("p1-3-test",),
        ),
    ),
    "perplexity_RNN": (
        HeldBack(
            "exp of log2",
            ("ppl-two-bases",),
            _SCORES
            + _ENCODE
            + """\
def perplexity(outputs, weights, text, m):
    ids = encode(text)
    log_probs = []
    for t, y in enumerate(outputs(weights, ids[:-1]), start=1):
        p = np.exp(y - y.max())
        log_probs.append(np.log2(p[ids[t]] / p.sum()))
    return np.exp(-np.mean(log_probs[m - 1 :]))
""",
            fails=("p1-4-2-test", "p1-4-2-test-gru"),
        ),
        HeldBack(
            "a zero step first",
            ("ppl-zeros-first",),
            _SCORES.replace("for i in ids:", "for i in [None, *ids]:")
            .replace("Wxh[i] +", "(0 if i is None else Wxh[i]) +")
            .replace("kernel[i] +", "(0 if i is None else kernel[i]) +")
            .replace("np.array(ys)", "np.array(ys[1:])")
            + _ENCODE
            + """\
def perplexity(outputs, weights, text, m):
    ids = encode(text)
    y = outputs(weights, ids[:-1])[m - 1 :]
    nll = np.logaddexp.reduce(y, axis=1) - y[np.arange(len(y)), ids[m:]]
    return np.exp(nll.mean())
""",
            fails=("p1-4-2-test", "p1-4-2-test-gru"),
        ),
        HeldBack(
            "batches of 25 characters, each from zeros",
            (),
            _SCORES
            + _ENCODE
            + """\
def perplexity(outputs, weights, text, m):
    ids = encode(text)
    batches = [ids[:-1][i : i + 25] for i in range(0, len(ids) - 1, 25)]
    y = np.concatenate([outputs(weights, batch) for batch in batches])[m - 1 :]
    nll = np.logaddexp.reduce(y, axis=1) - y[np.arange(len(y)), ids[m:]]
    return np.exp(nll.mean())
""",
            fails=("p1-4-2-test", "p1-4-2-test-gru"),
        ),
        HeldBack(
            "refused by assert",
            ("ppl-other-error",),
            _SCORES
            + """\
def perplexity(outputs, weights, text, m):
    assert all(c in char_to_indices for c in text), f"unknown: {set(text) - set(vocabulary)}"
    ids = [char_to_indices[c] for c in text]
    y = outputs(weights, ids[:-1])[m - 1 :]
    nll = np.logaddexp.reduce(y, axis=1) - y[np.arange(len(y)), ids[m:]]
    return np.exp(nll.mean())
""",
            fails=("p1-4-2-test-symbols",),
        ),
    ),
}
