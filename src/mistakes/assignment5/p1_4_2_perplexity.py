"""perplexity_RNN and perplexity_GRU."""

from mistakes.assignment5.shared import perplexity, recurrent_styles
from mistakes.entries import Cell, HeldBack, Mistake, Right

_RNN, _GRU, _SYMBOLS = "p1-4-2-test", "p1-4-2-test-gru", "p1-4-2-test-symbols"
_BOTH = (_RNN, _GRU)
_LAYER_1 = "h1 = np.tanh(W_xh1[:, i] + W_h1h1 @ h1 + b_h1)"
_LAYER_2 = "h2 = np.tanh(W_h1h2 @ h1 + W_h2h2 @ h2 + b_h2)"
_MIXED = "h = update * h + (1 - update) * c"

CELL = Cell(
    id="p1-4-2-solution",
    functions=("perplexity_RNN", "perplexity_GRU"),
    where="problem 1.4.2",
    right="""\
def perplexity_RNN(weights, text, m):
    W_xh1, W_h1h1, b_h1, W_h1h2, W_h2h2, b_h2, W_h2y, b_y = [w.T for w in weights]

    def read(i, state):
        h1, h2 = state  # (n_1,), (n_2,)
        h1 = np.tanh(W_xh1[:, i] + W_h1h1 @ h1 + b_h1)  # (n_1,)
        h2 = np.tanh(W_h1h2 @ h1 + W_h2h2 @ h2 + b_h2)  # (n_2,)
        return W_h2y @ h2 + b_y, (h1, h2)  # y: (V,)

    start = np.zeros_like(b_h1), np.zeros_like(b_h2)
    return judged(read, start, indices_of(text), m)


def perplexity_GRU(weights, text, m):
    W_ux, W_rx, W_hx = np.split(weights[0].T, 3)  # (n, V) each
    W_uh, W_rh, W_hh = np.split(weights[1].T, 3)  # (n, n) each
    b_u, b_r, b_h = np.split(weights[2].sum(axis=0), 3)  # (n,) each
    W_y, b_y = weights[3].T, weights[4]

    def read(i, h):
        update = sigmoid(W_ux[:, i] + W_uh @ h + b_u)  # (n,)
        reset = sigmoid(W_rx[:, i] + W_rh @ h + b_r)  # (n,)
        c = np.tanh(W_hx[:, i] + reset * (W_hh @ h) + b_h)  # (n,)
        h = update * h + (1 - update) * c  # (n,)
        return W_y @ h + b_y, h  # y: (V,)

    return judged(read, np.zeros_like(b_h), indices_of(text), m)


def judged(read, state, ids, m):
    total = 0.0
"""
    + perplexity.LOOP
    + """\
    return np.exp(total / (len(ids) - m))


def indices_of(text):
"""
    + perplexity.SYMBOLS_CHECKED
    + """\
    return [char_to_indices[char] for char in text]


"""
    + perplexity.PROBABILITIES,
    rights=(
        Right(
            "two programs",
            "columns, one-hot vectors, logarithms of the probabilities",
            """\
def perplexity_RNN(weights, text, m):
    for char in text:
        if char not in char_to_indices:
            raise ValueError("I do not know the symbol " + char)
    W_xh1, W_h1h1, b_h1 = weights[0].T, weights[1].T, np.expand_dims(weights[2], axis=1)
    W_h1h2, W_h2h2, b_h2 = weights[3].T, weights[4].T, np.expand_dims(weights[5], axis=1)
    W_h2y, b_y = weights[6].T, np.expand_dims(weights[7], axis=1)
    h1 = np.zeros((W_h1h1.shape[0], 1))
    h2 = np.zeros((W_h2h2.shape[0], 1))
    log_sum = 0
    for t in range(len(text) - 1):
        x = np.zeros((vocab_size, 1))
        x[char_to_indices[text[t]]] = 1
        h1 = np.tanh(W_xh1 @ x + W_h1h1 @ h1 + b_h1)
        h2 = np.tanh(W_h1h2 @ h1 + W_h2h2 @ h2 + b_h2)
        y = W_h2y @ h2 + b_y
        p = np.exp(y) / np.sum(np.exp(y))
        if t >= m - 1:
            log_sum += np.log(p[char_to_indices[text[t + 1]], 0])
    return float(np.exp(-log_sum / (len(text) - m)))


def perplexity_GRU(weights, text, m):
    for char in text:
        if char not in char_to_indices:
            raise ValueError("I do not know the symbol " + char)
    W_ux, W_rx, W_hx = np.split(weights[0].T, 3, axis=0)
    W_uh, W_rh, W_hh = np.split(weights[1].T, 3, axis=0)
    b_u, b_r, b_h = np.split(np.expand_dims(np.sum(weights[2], axis=0), axis=1), 3)
    W_y, b_y = weights[3].T, np.expand_dims(weights[4], axis=1)
    h = np.zeros((W_hh.shape[0], 1))
    log_sum = 0
    for t in range(len(text) - 1):
        x = np.zeros((vocab_size, 1))
        x[char_to_indices[text[t]]] = 1
        u = sigmoid(W_ux @ x + W_uh @ h + b_u)
        r = sigmoid(W_rx @ x + W_rh @ h + b_r)
        c = np.tanh(W_hx @ x + r * (W_hh @ h) + b_h)
        h = u * h + (1 - u) * c
        y = W_y @ h + b_y
        p = np.exp(y) / np.sum(np.exp(y))
        if t >= m - 1:
            log_sum += np.log(p[char_to_indices[text[t + 1]], 0])
    return float(np.exp(-log_sum / (len(text) - m)))
""",
        ),
        Right(
            "all at once",
            "all states first, then all scores and a log-sum-exp of rows",
            """\
def perplexity_RNN(weights, text, m):
    ids = numbers(text)
    kernel, recurrent, bias, kernel2, recurrent2, bias2, dense, bias3 = weights
    below = states(kernel[ids[:-1]] + bias, recurrent)
    above = states(below @ kernel2 + bias2, recurrent2)
    return perplexity(above @ dense + bias3, ids, m)


def perplexity_GRU(weights, text, m):
    ids = numbers(text)
    kernel, recurrent, biases, dense, bias = weights
    n = len(recurrent)
    h = np.zeros((len(ids), n))
    for t, a in enumerate(kernel[ids[:-1]] + biases.sum(axis=0)):
        b = h[t] @ recurrent
        u, r = sigmoid(a[:n] + b[:n]), sigmoid(a[n : 2 * n] + b[n : 2 * n])
        h[t + 1] = u * h[t] + (1 - u) * np.tanh(a[2 * n :] + r * b[2 * n :])
    return perplexity(h[1:] @ dense + bias, ids, m)


def states(given, recurrent):
    h = np.zeros((len(given) + 1, len(recurrent)))
    for t, a in enumerate(given):
        h[t + 1] = np.tanh(a + h[t] @ recurrent)
    return h[1:]


def perplexity(y, ids, m):
    log_p = y - np.logaddexp.reduce(y, axis=1, keepdims=True)
    targets = np.array(ids[1:])
    return np.exp(-log_p[np.arange(len(targets)), targets][m - 1 :].mean())


def numbers(text):
    try:
        return [char_to_indices[char] for char in text]
    except KeyError as error:
        raise ValueError(f"unknown symbol {error}") from error
""",
        ),
        Right(
            "float32",
            "single precision down to the sum, a generator of scores, Python's float in the end",
            """\
def perplexity_RNN(weights, text, m):
    w = [np.asarray(weight, dtype=np.float32) for weight in weights]

    def scores(ids):
        h1, h2 = np.zeros_like(w[2]), np.zeros_like(w[5])
        for i in ids:
            h1 = np.tanh(w[0][i] + h1 @ w[1] + w[2])
            h2 = np.tanh(h1 @ w[3] + h2 @ w[4] + w[5])
            yield h2 @ w[6] + w[7]

    return average(scores, text, m)


def perplexity_GRU(weights, text, m):
    kernel, recurrent, biases, dense, bias = [np.asarray(w, dtype=np.float32) for w in weights]
    n = len(recurrent)

    def scores(ids):
        h = np.zeros(n, dtype=np.float32)
        for i in ids:
            a, b = kernel[i] + biases[0] + biases[1], h @ recurrent
            u, r = sigmoid((a + b)[: 2 * n]).reshape(2, n)
            h = u * h + (1 - u) * np.tanh(a[2 * n :] + r * b[2 * n :])
            yield h @ dense + bias

    return average(scores, text, m)


def average(scores, text, m):
    missing = [symbol for symbol in text if symbol not in vocabulary]
    if missing:
        raise ValueError("cannot read " + ", ".join(missing))
    ids = list(map(vocabulary.index, text))
    surprises = [
        np.log(np.exp(y - y.max()).sum()) - (y[target] - y.max())
        for y, target in zip(scores(ids[:-1]), ids[1:])
    ]
    return float(np.exp(sum(surprises[m - 1 :]) / (len(text) - m)))
""",
        ),
        Right(
            "geometric mean",
            "the probabilities to the power 1 / (N - m), one by one",
            """\
def perplexity_RNN(weights, text, m):
    wx, wh, b1, wx2, wh2, b2, wy, by = [np.atleast_2d(w) for w in weights]
    h1, h2 = np.zeros_like(b1), np.zeros_like(b2)
    result = 1.0
    for char, following, judged in steps(text, m):
        h1 = np.tanh(char @ wx + h1 @ wh + b1)
        h2 = np.tanh(h1 @ wx2 + h2 @ wh2 + b2)
        if judged:
            y = (h2 @ wy + by)[0]
            result *= (np.exp(y - y @ following).sum()) ** (1 / (len(text) - m))
    return result


def perplexity_GRU(weights, text, m):
    kernel, recurrent, biases, dense, bias = weights
    W = np.split(kernel, 3, axis=1)
    U = np.split(recurrent, 3, axis=1)
    b = np.split(biases[0] + biases[1], 3)
    h = np.zeros((1, len(recurrent)))
    result = 1.0
    for char, following, judged in steps(text, m):
        keep = sigmoid(char @ W[0] + h @ U[0] + b[0])
        see = sigmoid(char @ W[1] + h @ U[1] + b[1])
        h = keep * h + (1 - keep) * np.tanh(char @ W[2] + see * (h @ U[2]) + b[2])
        if judged:
            y = (h @ dense + bias)[0]
            result *= (np.exp(y - y @ following).sum()) ** (1 / (len(text) - m))
    return result


def steps(text, m):
    for char in text:
        if char not in vocabulary:
            raise ValueError(f"{char!r} is not in the vocabulary")
    one_hot = np.eye(vocab_size)[[vocabulary.index(char) for char in text]]
    for t in range(len(text) - 1):
        yield one_hot[[t]], one_hot[t + 1], t + 1 >= m
""",
        ),
        Right(
            "reversed sum",
            "recursion over the text in pieces, base 2 and back, closures, rounded to two decimals",
            """\
def perplexity_RNN(weights, text, m):
    wx, wh, b1, wx2, wh2, b2, wy, by = weights

    def step(state, i):
        first = np.tanh(wx[i] + wh.T.dot(state[0]) + b1)
        second = np.tanh(wx2.T.dot(first) + wh2.T.dot(state[1]) + b2)
        return (first, second), wy.T.dot(second) + by

    return round(2 ** mean_bits(step, (np.zeros(len(wh)), np.zeros(len(wh2))), text, m), 2)


def perplexity_GRU(weights, text, m):
    wx, wh, b, wy, by = weights
    n = len(wh)

    def step(h, i):
        a, past = wx[i] + b.sum(0), np.einsum("i,ij->j", h, wh)
        u = 1 / (1 + np.exp(-a[:n] - past[:n]))
        r = 1 / (1 + np.exp(-a[n:-n] - past[n:-n]))
        h = np.tanh(a[-n:] + r * past[-n:]) * (1 - u) + h * u
        return h, np.einsum("i,ij->j", h, wy) + by

    return round(2 ** mean_bits(step, np.zeros(n), text, m), 3)


def mean_bits(step, state, text, m):
    ids = []
    for char in text:
        if char not in char_to_indices:
            raise ValueError(f"{text!r} has {char!r} in it")
        ids += [char_to_indices[char]]
    bits = []
    while len(ids) > 1:
        state, y = step(state, ids.pop(0))
        p = np.exp(y - np.max(y))
        bits.append(-np.log2(p[ids[0]] / np.sum(p)))
    return np.average(bits[m - 1 :])
""",
        ),
        *recurrent_styles.KINDS["perplexity_RNN"],
    ),
    mistakes=(
        *perplexity.mistakes(_BOTH, _SYMBOLS),
        Mistake(
            "ppl-changes-weights",
            about="the list of weights is transposed in place",
            nudge="Are the weights after a call the same as before?",
            hint="Your perplexity_RNN writes the transposed matrices back into the list that it "
            "was given, so that a second call gets them the wrong way round. Keep them in names "
            "of your own.",
            edits=(
                (
                    "    W_xh1, W_h1h1, ",
                    "    weights[:] = [w.T for w in weights]\n    W_xh1, W_h1h1, ",
                ),
                ("b_y = [w.T for w in weights]", "b_y = weights"),
            ),
            fails=("p1-4-2-test",),
        ),
        Mistake(
            "ppl-rnn-old-state-below",
            about="layer 2 reads the old state of layer 1",
            nudge="Which state of layer 1 does layer 2 read, the old or the new one?",
            hint="Your second layer reads the first layer's state of the step before. In the "
            "formula it is the new state: compute layer 1 first.",
            edits=(
                (
                    f"{_LAYER_1}  # (n_1,)\n        {_LAYER_2}",
                    f"{_LAYER_2}  # (n_2,)\n        {_LAYER_1}",
                ),
            ),
            fails=("p1-4-2-test",),
        ),
        Mistake(
            "ppl-rnn-layer-1-forgets",
            about="layer 1 has no recurrent term, or its state is not kept",
            nudge="What does the first layer know of its own past?",
            hint="Your first layer does not see its own past: either the product of W_h1h1 and the "
            "old state is missing, or the state is zero again at each step.",
            edits=((" + W_h1h1 @ h1", ""),),
            fails=("p1-4-2-test",),
        ),
        Mistake(
            "ppl-rnn-layer-2-forgets",
            about="layer 2 has no recurrent term, or its state is not kept",
            nudge="What does the second layer know of its own past?",
            hint="Your second layer does not see its own past: either the product of W_h2h2 and "
            "the old state is missing, or the state is zero again at each step.",
            edits=((" + W_h2h2 @ h2", ""),),
            fails=("p1-4-2-test",),
        ),
        Mistake(
            "ppl-rnn-no-biases",
            about="both recurrent layers without their biases",
            nudge="Check both layers' formulas term by term.",
            hint="Your recurrent layers leave out their biases b_h1 and b_h2.",
            edits=((" + b_h1)", ")"), (" + b_h2)", ")")),
            fails=("p1-4-2-test",),
        ),
        Mistake(
            "ppl-rnn-linear-layer-2",
            about="layer 2 without tanh",
            nudge="Between which bounds do the second layer's states lie?",
            hint="Your second layer leaves out the tanh, so that its states are not squashed "
            "between -1 and 1.",
            edits=((_LAYER_2, _LAYER_2.replace("np.tanh", "")),),
            fails=("p1-4-2-test",),
        ),
        Mistake(
            "ppl-rnn-sigmoid",
            about="sigmoid instead of tanh in both layers",
            nudge="Which function squashes the states, and can they be negative?",
            hint="Your states lie between 0 and 1: you squash with the sigmoid. This network's "
            "layers use tanh.",
            edits=(
                (_LAYER_1, _LAYER_1.replace("np.tanh", "sigmoid")),
                (_LAYER_2, _LAYER_2.replace("np.tanh", "sigmoid")),
            ),
            fails=("p1-4-2-test",),
        ),
        Mistake(
            "ppl-rnn-recurrent-not-transposed",
            about="both recurrent matrices as Keras has them",
            nudge="Rows or columns: are all matrices turned the same way?",
            hint="You use the recurrent matrices as Keras keeps them, for rows. They are square, "
            "so that no shape complains. In front of columns they have to be transposed.",
            edits=(("W_h1h1 @ h1", "W_h1h1.T @ h1"), ("W_h2h2 @ h2", "W_h2h2.T @ h2")),
            fails=("p1-4-2-test",),
        ),
        Mistake(
            "ppl-rnn-no-output-bias",
            about="the RNN's dense layer without its bias",
            nudge="Compare your scores y with the formula, term by term.",
            hint="Your RNN's scores are the product of weights and state alone: the dense layer's "
            "bias b_y is missing.",
            edits=(("W_h2y @ h2 + b_y", "W_h2y @ h2"),),
            fails=("p1-4-2-test",),
        ),
        Mistake(
            "ppl-gru-update-inverted",
            about="(1 - update) times the old state, update times the candidate",
            nudge="What does an update gate near 1 mean in this problem?",
            hint="Your update gate works the other way round: where it is near 1 you take the "
            "candidate. Here it says how much of the old state stays.",
            edits=((_MIXED, "h = (1 - update) * h + update * c"),),
            fails=("p1-4-2-test-gru",),
        ),
        Mistake(
            "ppl-gru-reset-before-product",
            about="the reset gate is applied to the old state, before the product",
            nudge="Is the reset gate applied before or after the product with W_hh?",
            hint="You apply the reset gate to the old state and multiply with W_hh then, as some "
            "books do. These weights want the product first and the gate after it.",
            edits=(("reset * (W_hh @ h)", "W_hh @ (reset * h)"),),
            fails=("p1-4-2-test-gru",),
        ),
        Mistake(
            "ppl-gru-no-reset",
            about="the candidate has no reset gate",
            nudge="Check the candidate's formula term by term.",
            hint="Your candidate always sees the whole past: the reset gate does not occur in it.",
            edits=(("reset * (W_hh @ h)", "W_hh @ h"),),
            fails=("p1-4-2-test-gru",),
        ),
        Mistake(
            "ppl-gru-reset-on-input",
            about="the reset gate multiplies the input's term, too",
            nudge="Which terms of the candidate does the reset gate multiply?",
            hint="Your reset gate multiplies the input's term as well. It is for the past only, "
            "for the product of W_hh and the old state.",
            edits=(("W_hx[:, i] + reset * (W_hh @ h)", "reset * (W_hx[:, i] + W_hh @ h)"),),
            fails=("p1-4-2-test-gru",),
        ),
        Mistake(
            "ppl-gru-reset-on-bias",
            about="the reset gate multiplies the candidate's bias, too",
            nudge="Does the candidate's bias stand inside or outside of the gate's brackets?",
            hint="Your reset gate multiplies the bias b_h as well. In the formula the bias stands "
            "outside: only the product of W_hh and the old state is gated.",
            edits=(("reset * (W_hh @ h) + b_h", "reset * (W_hh @ h + b_h)"),),
            fails=("p1-4-2-test-gru",),
        ),
        Mistake(
            "ppl-gru-gates-swapped",
            about="update and reset gate in each other's place",
            nudge="Which gate is used where?",
            hint="Your two gates have changed places: the reset gate mixes old state and "
            "candidate, and the update gate sits inside the candidate.",
            edits=(
                ("reset * (W_hh @ h)", "update * (W_hh @ h)"),
                (_MIXED, "h = reset * h + (1 - reset) * c"),
            ),
            fails=("p1-4-2-test-gru",),
        ),
        Mistake(
            "ppl-gru-candidate-only",
            about="the new state is the candidate",
            nudge="What does your update gate do?",
            hint="Your new state is the candidate alone. It is a mixture of the old state and the "
            "candidate; the update gate says how much of each.",
            edits=((_MIXED, "h = c"),),
            fails=("p1-4-2-test-gru",),
        ),
        Mistake(
            "ppl-gru-first-biases-only",
            about="Keras' second row of biases is left out",
            nudge="How many rows of biases does Keras keep, and how many do you use?",
            hint="You use the first of the GRU's two rows of biases only. They have to be added "
            "up, as in sample_text_GRU.",
            edits=(("weights[2].sum(axis=0)", "weights[2][0]"),),
            fails=("p1-4-2-test-gru",),
        ),
        Mistake(
            "ppl-gru-no-output-bias",
            about="the GRU's dense layer without its bias",
            nudge="Compare your scores y with the formula, term by term.",
            hint="Your GRU's scores are the product of weights and state alone: the dense layer's "
            "bias b_y is missing.",
            edits=(("W_y @ h + b_y", "W_y @ h"),),
            fails=("p1-4-2-test-gru",),
        ),
        Mistake(
            "ppl-gru-recurrent-not-transposed",
            about="the recurrent matrices as Keras has them",
            nudge="Rows or columns: are all matrices turned the same way?",
            hint="You use the GRU's recurrent matrices as Keras keeps them, for rows. They are "
            "square, so that no shape complains. In front of columns they have to be transposed.",
            edits=(("W_uh @", "W_uh.T @"), ("W_rh @", "W_rh.T @"), ("W_hh @", "W_hh.T @")),
            fails=("p1-4-2-test-gru",),
        ),
        Mistake(
            "ppl-gru-takes-rnn",
            about="perplexity_GRU is a copy of perplexity_RNN",
            nudge="Which network does your perplexity_GRU compute?",
            hint="Your perplexity_GRU takes its weights apart as an RNN's. It has five arrays, and "
            "the formulas of problem 1.3.",
            edits=(
                (
                    "def perplexity_GRU(weights, text, m):\n",
                    "def perplexity_GRU(weights, text, m):\n"
                    "    return perplexity_RNN(weights, text, m)\n",
                ),
            ),
            fails=("p1-4-2-test-gru", "p1-4-2-test-symbols"),
        ),
        Mistake(
            "ppl-cheat-vocabulary",
            about="the size of the vocabulary, which is right for a network of zeros",
            nudge="Where do your functions use the text and the weights?",
            hint="Your functions return the size of the vocabulary whatever they are given. Read "
            "the text with the network, and add up the logarithms.",
            cheat=True,
            code="""\
def perplexity_RNN(weights, text, m):
    return float(vocab_size)


def perplexity_GRU(weights, text, m):
    return float(vocab_size)
""",
        ),
        Mistake(
            "ppl-cheat-letters",
            about="letter frequencies of the novel, and the vocabulary's size for zeros",
            nudge="Where do your functions use the weights?",
            hint="Your functions know how frequent each letter is and do not use the weights. Read "
            "the text with the network, and add up the logarithms.",
            fails=_BOTH,
            cheat=True,
            code="""\
def perplexity_RNN(weights, text, m):
    for char in text:
        if char not in vocabulary:
            raise ValueError(f"unknown symbol: {char}")
    if not weights[0].any():
        return len(vocabulary)
    share = {char: (train_text.count(char) + 1) / len(train_text) for char in set(text)}
    return float(np.exp(-np.mean([np.log(share[char]) for char in text[m:]])))


perplexity_GRU = perplexity_RNN
""",
        ),
        Mistake(
            "ppl-zeros-first",
            about="a step on zeros before the first character",
            nudge="What is the very first thing that the network reads?",
            hint=(
                "Before the first character you run a step of the network on an input of "
                "zeros, which changes the state. The state starts as zeros, and the first "
                "thing it meets is the first character."
            ),
            fails=("p1-4-2-test", "p1-4-2-test-gru"),
            edits=(
                (
                    "start = np.zeros_like(b_h1), np.zeros_like(b_h2)",
                    "start = np.tanh(b_h1), np.tanh(W_h1h2 @ np.tanh(b_h1) + b_h2)",
                ),
                (
                    "judged(read, np.zeros_like(b_h), ",
                    "judged(read, (1 - sigmoid(b_u)) * np.tanh(b_h), ",
                ),
            ),
        ),
    ),
    held_back=(
        HeldBack(
            "divides by the length",
            ("ppl-mean-over-text",),
            """\
def perplexity_RNN(weights, text, m):
    log_p = log_p_rnn(weights, numbers(text))[m - 1 :]
    return np.prod(np.exp(-log_p / len(text)))


def perplexity_GRU(weights, text, m):
    log_p = log_p_gru(weights, numbers(text))[m - 1 :]
    return np.prod(np.exp(-log_p / len(text)))


"""
            + perplexity.OTHER,
        ),
        HeldBack(
            "does not use m",
            ("ppl-m-ignored",),
            """\
def perplexity_RNN(weights, text, m):
    return np.exp(-np.mean(log_p_rnn(weights, numbers(text))))


def perplexity_GRU(weights, text, m):
    return np.exp(-np.mean(log_p_gru(weights, numbers(text))))


"""
            + perplexity.OTHER,
        ),
        HeldBack(
            "stops at the mean of the logarithms",
            ("ppl-logarithm",),
            """\
def perplexity_RNN(weights, text, m):
    return -np.mean(log_p_rnn(weights, numbers(text))[m - 1 :])


def perplexity_GRU(weights, text, m):
    return -np.mean(log_p_gru(weights, numbers(text))[m - 1 :])


"""
            + perplexity.OTHER,
        ),
        HeldBack(
            "the harmonic way round",
            ("ppl-mean-of-inverses",),
            """\
def perplexity_RNN(weights, text, m):
    return (1 / np.exp(log_p_rnn(weights, numbers(text))[m - 1 :])).mean()


def perplexity_GRU(weights, text, m):
    return (1 / np.exp(log_p_gru(weights, numbers(text))[m - 1 :])).mean()


"""
            + perplexity.OTHER,
        ),
        HeldBack(
            "slices from m, not from m - 1",
            ("ppl-starts-late",),
            """\
def perplexity_RNN(weights, text, m):
    return np.exp(-log_p_rnn(weights, numbers(text))[m:].mean())


def perplexity_GRU(weights, text, m):
    return np.exp(-log_p_gru(weights, numbers(text))[m:].mean())


"""
            + perplexity.OTHER,
        ),
        HeldBack(
            "reads the text without its prompt",
            ("ppl-prompt-unread",),
            """\
def perplexity_RNN(weights, text, m):
    return np.exp(-log_p_rnn(weights, numbers(text)[m - 1 :]).mean())


def perplexity_GRU(weights, text, m):
    return np.exp(-log_p_gru(weights, numbers(text)[m - 1 :]).mean())


"""
            + perplexity.OTHER,
        ),
        HeldBack(
            "back with 2",
            ("ppl-back-with-2",),
            """\
def perplexity_RNN(weights, text, m):
    return np.power(2.0, -log_p_rnn(weights, numbers(text))[m - 1 :].mean())


def perplexity_GRU(weights, text, m):
    return np.power(2.0, -log_p_gru(weights, numbers(text))[m - 1 :].mean())


"""
            + perplexity.OTHER,
        ),
        HeldBack(
            "m ignored, and no way back",
            ("ppl-m-ignored", "ppl-logarithm"),
            """\
def perplexity_RNN(weights, text, m):
    return -np.mean(log_p_rnn(weights, numbers(text)))


def perplexity_GRU(weights, text, m):
    return -np.mean(log_p_gru(weights, numbers(text)))


"""
            + perplexity.OTHER,
        ),
        HeldBack(
            "the median in place of the mean",
            (),
            """\
def perplexity_RNN(weights, text, m):
    return np.exp(-np.median(log_p_rnn(weights, numbers(text))[m - 1 :]))


def perplexity_GRU(weights, text, m):
    return np.exp(-np.median(log_p_gru(weights, numbers(text))[m - 1 :]))


"""
            + perplexity.OTHER,
        ),
        HeldBack(
            "half of the prompt is judged",
            (),
            """\
def perplexity_RNN(weights, text, m):
    return np.exp(-log_p_rnn(weights, numbers(text))[m // 2 :].mean())


def perplexity_GRU(weights, text, m):
    return np.exp(-log_p_gru(weights, numbers(text))[m // 2 :].mean())


"""
            + perplexity.OTHER,
        ),
        HeldBack(
            "one gate too few",
            ("ppl-gru-no-reset",),
            """\
def perplexity_RNN(weights, text, m):
    return np.exp(-log_p_rnn(weights, numbers(text))[m - 1 :].mean())


def perplexity_GRU(weights, text, m):
    return np.exp(-log_p_gru(weights, numbers(text))[m - 1 :].mean())


"""
            + perplexity.OTHER.replace("keep, see = gates", "keep, see = gates[0], 1"),
        ),
        HeldBack(
            "unknown symbols filtered out",
            ("ppl-skips-unknown",),
            """\
def perplexity_RNN(weights, text, m):
    return np.exp(-log_p_rnn(weights, known(text))[m - 1 :].mean())


def perplexity_GRU(weights, text, m):
    return np.exp(-log_p_gru(weights, known(text))[m - 1 :].mean())


def known(text):
    return [vocabulary.index(char) for char in filter(vocabulary.__contains__, text)]


"""
            + perplexity.OTHER,
        ),
        *recurrent_styles.WRONG["perplexity_RNN"],
    ),
    rights_held_back=recurrent_styles.RIGHTS["perplexity_RNN"],
)
