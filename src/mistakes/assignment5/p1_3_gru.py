"""sample_text_GRU."""

from mistakes.assignment5.shared import recurrent_styles
from mistakes.assignment5.shared.sampled_text import TAIL, Writer
from mistakes.entries import Cell, HeldBack, Mistake, Right

_WRITER = Writer(
    function="sample_text_GRU",
    short="gru",
    loaded="weights_GRU",
    letters="eto",
    certain="p1-3-test",
    counts="p1-3-test-counts",
    sampling="p1-3-test-sampling",
)
_CERTAIN = (_WRITER.certain,)
_UPDATE = "update = sigmoid(W_ux @ x + W_uh @ h + b_u)"
_RESET = "reset = sigmoid(W_rx @ x + W_rh @ h + b_r)"
_CANDIDATE = "c = np.tanh(W_hx @ x + reset * (W_hh @ h) + b_h)"
_MIXED = "h = update * h + (1 - update) * c"

CELL = Cell(
    id="p1-3-solution",
    functions=("sample_text_GRU",),
    where="problem 1.3",
    right="""\
def sample_text_GRU(weights, prompt, N):
    W_ux, W_rx, W_hx = np.split(weights[0].T, 3)  # (n, V) each
    W_uh, W_rh, W_hh = np.split(weights[1].T, 3)  # (n, n) each
    b_u, b_r, b_h = np.split(weights[2].sum(axis=0)[:, None], 3)  # (n, 1) each
    W_y, b_y = weights[3].T, weights[4][:, None]
    start = np.zeros_like(b_h)

    def step(char, h):
        x = np.zeros_like(b_y)  # (V, 1)
        x[char_to_indices[char]] = 1
        update = sigmoid(W_ux @ x + W_uh @ h + b_u)  # (n, 1)
        reset = sigmoid(W_rx @ x + W_rh @ h + b_r)  # (n, 1)
        c = np.tanh(W_hx @ x + reset * (W_hh @ h) + b_h)  # (n, 1)
        h = update * h + (1 - update) * c  # (n, 1)
        return h, W_y @ h + b_y  # y: (V, 1)
"""
    + TAIL,
    rights=(
        Right(
            "one loop",
            "reading and writing in one loop over N, columns and one-hot",
            """\
def sample_text_GRU(weights, prompt, N):
    W_ux, W_rx, W_hx = np.split(weights[0].T, 3, axis=0)
    W_uh, W_rh, W_hh = np.split(weights[1].T, 3, axis=0)
    b_u, b_r, b_h = np.split(np.expand_dims(np.sum(weights[2], axis=0), axis=1), 3)
    h = np.zeros((W_hh.shape[0], 1))
    output_sentence = ""
    for t in range(N):
        if t < len(prompt):
            char = prompt[t]
        else:
            odds = np.exp(y - np.max(y))
            char = str(np.random.choice(vocabulary, p=odds[:, 0] / np.sum(odds)))
        output_sentence = output_sentence + char
        x = np.zeros((vocab_size, 1))
        x[char_to_indices[char], 0] = 1.0
        gamma_u = 1 / (1 + np.exp(-(np.dot(W_ux, x) + np.dot(W_uh, h) + b_u)))
        gamma_r = 1 / (1 + np.exp(-(np.dot(W_rx, x) + np.dot(W_rh, h) + b_r)))
        candidate = np.tanh(np.dot(W_hx, x) + np.multiply(gamma_r, np.dot(W_hh, h)) + b_h)
        h = np.multiply(gamma_u, h) + np.multiply(1 - gamma_u, candidate)
        y = np.dot(weights[3].T, h) + weights[4].reshape(-1, 1)
    return output_sentence
""",
        ),
        Right(
            "rows",
            "Keras' rows, all gates in one product, cumulative sums",
            """\
def sample_text_GRU(weights, prompt, N):
    kernel, recurrent, biases, dense, bias = weights
    m = len(recurrent)
    given = kernel + biases.sum(axis=0)  # what each symbol adds, (V, 3 m)
    h = np.zeros(m)
    ids = [char_to_indices[char] for char in prompt]
    for t in range(N):
        if t == len(ids):
            heights = np.cumsum(np.exp(y - y.max()))
            ids.append(int(np.searchsorted(heights, np.random.rand() * heights[-1], side="right")))
        carried = h @ recurrent
        gates = sigmoid(given[ids[t], : 2 * m] + carried[: 2 * m])
        new = np.tanh(given[ids[t], 2 * m :] + gates[m:] * carried[2 * m :])
        h = new + gates[:m] * (h - new)
        y = h @ dense + bias
    return "".join(vocabulary[i] for i in ids)
""",
        ),
        Right(
            "float32",
            "single precision throughout, random.choices",
            """\
import random


def sample_text_GRU(weights, prompt, N):
    kernel, recurrent, biases, dense, bias = [np.asarray(w, dtype=np.float32) for w in weights]
    kernels, recurrents = np.hsplit(kernel, 3), np.hsplit(recurrent, 3)
    rows = np.split(biases[0] + biases[1], 3)
    one, half = np.float32(1), np.float32(0.5)
    h = np.zeros(len(rows[0]), dtype=np.float32)

    def read(char):
        nonlocal h
        i = char_to_indices[char]
        u, r = [
            half + half * np.tanh(half * (kernels[k][i] + h.dot(recurrents[k]) + rows[k]))
            for k in (0, 1)
        ]
        c = np.tanh(kernels[2][i] + r * h.dot(recurrents[2]) + rows[2])
        h = u * h + (one - u) * c

    output = []
    for char in prompt:
        read(char)
        output.append(char)
    while len(output) < N:
        y = h.dot(dense) + bias
        output += random.choices(vocabulary, weights=np.exp(y - y.max()).tolist())
        read(output[-1])
    return "".join(output)
""",
        ),
        Right(
            "gumbel",
            "the largest of scores plus Gumbel noise; einsum over the three parts",
            """\
def sample_text_GRU(weights, prompt, N):
    rng = np.random.default_rng()
    n = weights[1].shape[0]
    kernel = weights[0].reshape(-1, 3, n)  # (V, 3, n)
    recurrent = weights[1].reshape(n, 3, n)
    bias = weights[2].sum(axis=0).reshape(3, n)
    h, y, text = np.zeros(n), weights[4], ""
    for t in range(N):
        if t < len(prompt):
            text += prompt[t]
        else:
            text += indices_to_char[int(np.argmax(y + rng.gumbel(size=y.shape)))]
        x = np.eye(len(kernel))[char_to_indices[text[t]]]
        inner = np.einsum("v,vkn->kn", x, kernel) + bias
        past = np.einsum("m,mkn->kn", h, recurrent)
        u, r = sigmoid((inner + past)[:2])
        h = u * h + (1 - u) * np.tanh(inner[2] + r * past[2])
        y = np.einsum("n,nv->v", h, weights[3]) + weights[4]
    return text
""",
        ),
        Right(
            "generator",
            "a network that is sent characters and yields log-probabilities",
            """\
def sample_text_GRU(weights, prompt, N):
    network = log_probabilities(weights)
    log_p = next(network)
    for char in prompt:
        log_p = network.send(char)
    text = prompt
    while len(text) != N:
        p = np.exp(log_p.astype(np.float64))
        text += vocabulary[np.random.multinomial(1, p / p.sum()).argmax()]
        log_p = network.send(text[-1])
    return text


def log_probabilities(weights):
    wx, wh = weights[0].T, weights[1].T
    n = wh.shape[1]
    b = weights[2].sum(0)
    h = np.zeros(n)
    while True:
        y = weights[3].T @ h + weights[4]
        char = yield y - np.logaddexp.reduce(y)
        a = wx[:, char_to_indices[char]] + b
        u = 1 / (1 + np.exp(-(a[:n] + wh[:n] @ h)))
        r = 1 / (1 + np.exp(-(a[n : 2 * n] + wh[n : 2 * n] @ h)))
        h = (1 - u) * np.tanh(a[2 * n :] + r * (wh[2 * n :] @ h)) + u * h
""",
        ),
        Right(
            "diagonal gates",
            "gates as diagonal matrices, a class that keeps the state",
            """\
class Network:
    def __init__(self, kernel, recurrent, biases, dense, bias):
        self.kernels, self.recurrents = np.split(kernel, 3, axis=1), np.split(recurrent, 3, axis=1)
        self.biases = np.split(biases.sum(axis=0), 3)
        self.dense, self.bias = dense, bias
        self.h = np.zeros(len(recurrent))

    def read(self, char):
        row = char_to_indices[char]
        x = [w[row] + b for w, b in zip(self.kernels, self.biases)]
        past = [self.h @ w for w in self.recurrents]
        keep, see = (np.diag(sigmoid(x[k] + past[k])) for k in (0, 1))
        new = np.tanh(x[2] + see @ past[2])
        self.h = keep @ self.h + (np.eye(len(keep)) - keep) @ new

    def draw(self):
        y = self.h @ self.dense + self.bias
        p = np.exp(y - y.max())
        return str(np.random.choice(vocabulary, p=p / p.sum()))


def sample_text_GRU(weights, prompt, N):
    network = Network(*weights)
    text = ""
    while len(text) < N:
        text += prompt[len(text)] if len(text) < len(prompt) else network.draw()
        network.read(text[-1])
    return text
""",
        ),
        *recurrent_styles.KINDS["sample_text_GRU"],
    ),
    mistakes=(
        *_WRITER.mistakes(),
        Mistake(
            "gru-update-inverted",
            about="(1 - update) times the old state, update times the candidate",
            nudge="What does an update gate near 1 mean in this problem?",
            hint="Your update gate works the other way round: where it is near 1 you take the "
            "candidate. Here it says how much of the old state stays.",
            edits=((_MIXED, "h = (1 - update) * h + update * c"),),
            fails=_CERTAIN,
        ),
        Mistake(
            "gru-reset-before-product",
            about="the reset gate is applied to the old state, before the product",
            nudge="Is the reset gate applied before or after the product with W_hh?",
            hint="You apply the reset gate to the old state and multiply with W_hh then, as some "
            "books do. These weights want the product first and the gate after it.",
            edits=(("reset * (W_hh @ h)", "W_hh @ (reset * h)"),),
            fails=_CERTAIN,
        ),
        Mistake(
            "gru-no-reset",
            about="the candidate has no reset gate",
            nudge="Check the candidate's formula term by term.",
            hint="Your candidate always sees the whole past: the reset gate does not occur in it.",
            edits=(("reset * (W_hh @ h)", "W_hh @ h"),),
            fails=_CERTAIN,
        ),
        Mistake(
            "gru-reset-on-input",
            about="the reset gate multiplies the input's term, too",
            nudge="Which terms of the candidate does the reset gate multiply?",
            hint="Your reset gate multiplies the input's term as well. It is for the past only, "
            "for the product of W_hh and the old state.",
            edits=(("W_hx @ x + reset * (W_hh @ h)", "reset * (W_hx @ x + W_hh @ h)"),),
            fails=_CERTAIN,
        ),
        Mistake(
            "gru-reset-on-input-only",
            about="the reset gate multiplies the input's term instead of the past's",
            nudge="Which terms of the candidate does the reset gate multiply?",
            hint="Your reset gate multiplies the input's term and leaves the past alone. It is the "
            "other way round: it says how much of the past the candidate sees.",
            edits=(("W_hx @ x + reset * (W_hh @ h)", "reset * (W_hx @ x) + W_hh @ h"),),
            fails=_CERTAIN,
        ),
        Mistake(
            "gru-reset-on-bias",
            about="the reset gate multiplies the candidate's bias, too",
            nudge="Does the candidate's bias stand inside or outside of the gate's brackets?",
            hint="Your reset gate multiplies the bias b_h as well. In the formula the bias stands "
            "outside: only the product of W_hh and the old state is gated.",
            edits=(("reset * (W_hh @ h) + b_h", "reset * (W_hh @ h + b_h)"),),
            fails=_CERTAIN,
        ),
        Mistake(
            "gru-reset-outside-tanh",
            about="the reset gate multiplies the whole candidate",
            nudge="Does the reset gate stand inside or outside of tanh?",
            hint="Your reset gate multiplies the candidate after the tanh. It belongs inside, to "
            "the product of W_hh and the old state.",
            edits=((_CANDIDATE, "c = reset * np.tanh(W_hx @ x + W_hh @ h + b_h)"),),
            fails=_CERTAIN,
        ),
        Mistake(
            "gru-gates-swapped",
            about="update and reset gate in each other's place",
            nudge="Which gate is used where?",
            hint="Your two gates have changed places: the reset gate mixes old state and "
            "candidate, and the update gate sits inside the candidate.",
            edits=(
                (_UPDATE, _UPDATE.replace("update", "reset")),
                (_RESET, _RESET.replace("reset", "update")),
            ),
            fails=_CERTAIN,
        ),
        Mistake(
            "gru-candidate-only",
            about="the new state is the candidate, or mixed after it was overwritten",
            nudge="What does your update gate do, and what is mixed?",
            hint="Your new state is the candidate alone. It is a mixture of the old state and the "
            "candidate; the update gate says how much of each. If you do mix: the old state must "
            "still be there, under its own name, when you do.",
            edits=((_MIXED, "h = c"),),
            fails=_CERTAIN,
        ),
        Mistake(
            "gru-old-state-dropped",
            about="only the candidate's part of the mixture",
            nudge="Check the formula for the new state term by term.",
            hint="Your new state lacks its first term, the part of the old state that stays.",
            edits=((_MIXED, "h = (1 - update) * c"),),
            fails=_CERTAIN,
        ),
        Mistake(
            "gru-candidate-whole",
            about="the candidate is added in full",
            nudge="Check the formula for the new state term by term.",
            hint="You add the whole candidate to what stays of the old state. Its part is 1 minus "
            "the update gate, so that the two parts make up one.",
            edits=((_MIXED, "h = update * h + c"),),
            fails=_CERTAIN,
        ),
        Mistake(
            "gru-reset-as-second-part",
            about="the reset gate in place of 1 - update",
            nudge="Check the formula for the new state term by term.",
            hint="You weigh the candidate with the reset gate. Its part in the new state is 1 "
            "minus the update gate.",
            edits=((_MIXED, "h = update * h + reset * c"),),
            fails=_CERTAIN,
        ),
        Mistake(
            "gru-gates-by-tanh",
            about="the gates are squashed by tanh",
            nudge="Between which bounds do your gates lie?",
            hint="Your gates can be negative: you squash them with tanh. Gates lie between 0 and "
            "1, which is what the sigmoid is for.",
            edits=(
                (_UPDATE, _UPDATE.replace("sigmoid", "np.tanh")),
                (_RESET, _RESET.replace("sigmoid", "np.tanh")),
            ),
            fails=_CERTAIN,
        ),
        Mistake(
            "gru-candidate-by-sigmoid",
            about="the candidate is squashed by the sigmoid",
            nudge="Can your candidate be negative?",
            hint="Your candidate is never negative: you squash it with the sigmoid. Gates have the "
            "sigmoid, the candidate has tanh.",
            edits=((_CANDIDATE, _CANDIDATE.replace("np.tanh", "sigmoid")),),
            fails=_CERTAIN,
        ),
        Mistake(
            "gru-candidate-linear",
            about="the candidate is not squashed",
            nudge="Between which bounds does your candidate lie?",
            hint="Your candidate leaves out the tanh, so that it is not held between -1 and 1.",
            edits=((_CANDIDATE, _CANDIDATE.replace("np.tanh", "")),),
            fails=_CERTAIN,
        ),
        Mistake(
            "gru-state-squashed",
            about="tanh once more, around the new state",
            nudge="Compare your formula for the new state with the problem's.",
            hint="You apply tanh to the mixture as well. The tanh is in the candidate; the new "
            "state is the plain mixture.",
            edits=((_MIXED, "h = np.tanh(update * h + (1 - update) * c)"),),
            fails=_CERTAIN,
        ),
        Mistake(
            "gru-gates-forget",
            about="the gates do not see the old state",
            nudge="Check the gates' formulas term by term.",
            hint="Your gates depend on the input only: the products of W_uh and W_rh with the old "
            "state are missing.",
            edits=(("W_ux @ x + W_uh @ h", "W_ux @ x"), ("W_rx @ x + W_rh @ h", "W_rx @ x")),
            fails=_CERTAIN,
        ),
        Mistake(
            "gru-gates-blind",
            about="the gates do not see the input",
            nudge="Check the gates' formulas term by term.",
            hint="Your gates depend on the old state only: the products of W_ux and W_rx with the "
            "input are missing.",
            edits=(("W_ux @ x + ", ""), ("W_rx @ x + ", "")),
            fails=_CERTAIN,
        ),
        Mistake(
            "gru-no-biases",
            about="gates and candidate without their biases",
            nudge="Check all three formulas term by term.",
            hint="Your gates and your candidate leave out their biases b_u, b_r and b_h.",
            edits=((" + b_u)", ")"), (" + b_r)", ")"), (" + b_h)", ")")),
            fails=_CERTAIN,
        ),
        Mistake(
            "gru-no-gate-biases",
            about="the gates without their biases",
            nudge="Check the gates' formulas term by term.",
            hint="Your gates leave out their biases b_u and b_r.",
            edits=((" + b_u)", ")"), (" + b_r)", ")")),
            fails=_CERTAIN,
        ),
        Mistake(
            "gru-no-candidate-bias",
            about="the candidate without its bias",
            nudge="Check the candidate's formula term by term.",
            hint="Your candidate leaves out its bias b_h.",
            edits=((" + b_h)", ")"),),
            fails=_CERTAIN,
        ),
        Mistake(
            "gru-first-biases-only",
            about="Keras' second row of biases is left out",
            nudge="How many rows of biases does Keras keep, and how many do you use?",
            hint="You use the first of the two rows of biases only. The lines that are provided "
            "add them up.",
            edits=(("weights[2].sum(axis=0)", "weights[2][0]"),),
            fails=_CERTAIN,
        ),
        Mistake(
            "gru-recurrent-transposed",
            about="the three recurrent matrices transposed",
            nudge="Rows or columns: are all matrices turned the same way?",
            hint="Your recurrent matrices are transposed. They are square, so that no shape "
            "complains. After the lines that are provided, each matrix stands left of its column.",
            edits=(("np.split(weights[1].T, 3)", "[w.T for w in np.split(weights[1].T, 3)]"),),
            fails=_CERTAIN,
        ),
        Mistake(
            "gru-scores-squashed",
            about="tanh on the scores",
            nudge="Compare your last formula, the one for y, with the problem's.",
            hint="You apply tanh to the scores, so that none is far ahead of the others. The dense "
            "layer has no activation.",
            edits=(("W_y @ h + b_y", "np.tanh(W_y @ h + b_y)"),),
            fails=("p1-3-test", "p1-3-test-sampling"),
        ),
        Mistake(
            "gru-scores-from-candidate",
            about="the scores are computed from the candidate",
            nudge="Which vector does the dense layer read?",
            hint="Your scores come from the candidate. The dense layer reads the new state.",
            edits=(("return h, W_y @ h", "return h, W_y @ c"),),
            fails=_CERTAIN,
        ),
        Mistake(
            "gru-flat-input",
            about="a flat x against biases that are columns",
            nudge="Print the shapes of x, of the products and of the state after one step.",
            hint="Your x is flat, (V,), and the biases are columns, (n, 1): their sum is a square "
            "matrix, and the state is no column any more. Keep everything a column, x too.",
            edits=(("np.zeros_like(b_y)  # (V, 1)", "np.zeros(len(b_y))"),),
        ),
        Mistake(
            "gru-gates-as-matrix-product",
            about="@ in place of the product element by element",
            nudge="Which products in the formulas are matrix products, and which are not?",
            hint="You multiply gates and states with @, which is the matrix product. The circled "
            "dot multiplies element by element: that is * in numpy.",
            edits=(("reset * (W_hh @ h)", "reset @ (W_hh @ h)"),),
        ),
        Mistake(
            "gru-scores-pile-up",
            about="y += into a view of the bias, so that scores and weights change",
            nudge="Are the weights after a call the same as before?",
            hint="Your scores pile up from step to step: y and b_y are the same array, a view of "
            "the weights, and += writes into it. Make a new array with +.",
            edits=(
                (
                    "        return h, W_y @ h + b_y",
                    "        y = b_y\n        y += W_y @ h\n        return h, y",
                ),
            ),
            fails=_CERTAIN,
        ),
        Mistake(
            "gru-zeros-first",
            about="a step on zeros before the first character",
            nudge="What is the very first thing that the network reads?",
            hint=(
                "Before the first character you run a step of the network on an input of "
                "zeros, which changes the state. The state starts as zeros, and the first "
                "thing it meets is the first character."
            ),
            fails=("p1-3-test",),
            edits=(("start = np.zeros_like(b_h)", "start = (1 - sigmoid(b_u)) * np.tanh(b_h)"),),
        ),
    ),
    held_back=(
        HeldBack(
            "keeps where it should renew",
            ("gru-update-inverted",),
            """\
def sample_text_GRU(weights, prompt, N):
    kernel, recurrent, biases, dense, bias = weights
    m = len(recurrent)
    h, text = np.zeros(m), ""
    for t in range(N):
        text += prompt[t] if t < len(prompt) else str(np.random.choice(vocabulary, p=p))
        x = kernel[char_to_indices[text[t]]] + biases.sum(axis=0)
        z, r = np.split(sigmoid(x[: 2 * m] + h @ recurrent[:, : 2 * m]), 2)
        new = np.tanh(x[2 * m :] + r * (h @ recurrent[:, 2 * m :]))
        h = h + z * (new - h)
        y = h @ dense + bias
        p = np.exp(y - y.max()) / np.exp(y - y.max()).sum()
    return text
""",
        ),
        HeldBack(
            "reset first, rows",
            ("gru-reset-before-product",),
            """\
def sample_text_GRU(weights, prompt, N):
    kernel, recurrent, biases, dense, bias = weights
    m = len(recurrent)
    h, text = np.zeros(m), ""
    for t in range(N):
        text += prompt[t] if t < len(prompt) else str(np.random.choice(vocabulary, p=p))
        x = kernel[char_to_indices[text[t]]] + biases.sum(axis=0)
        u, r = np.split(sigmoid(x[: 2 * m] + h @ recurrent[:, : 2 * m]), 2)
        c = np.tanh(x[2 * m :] + np.dot(r * h, recurrent[:, 2 * m :]))
        h = u * h + (1 - u) * c
        y = h @ dense + bias
        p = np.exp(y - y.max()) / np.exp(y - y.max()).sum()
    return text
""",
        ),
        HeldBack(
            "gates exchanged by their names",
            ("gru-gates-swapped",),
            """\
def sample_text_GRU(weights, prompt, N):
    kernel, recurrent, biases, dense, bias = weights
    m = len(recurrent)
    h, text = np.zeros(m), ""
    for t in range(N):
        text += prompt[t] if t < len(prompt) else str(np.random.choice(vocabulary, p=p))
        x = kernel[char_to_indices[text[t]]] + biases.sum(axis=0)
        r, u = np.split(sigmoid(x[: 2 * m] + h @ recurrent[:, : 2 * m]), 2)
        c = np.tanh(x[2 * m :] + r * (h @ recurrent[:, 2 * m :]))
        h = u * h + (1 - u) * c
        y = h @ dense + bias
        p = np.exp(y - y.max()) / np.exp(y - y.max()).sum()
    return text
""",
        ),
        HeldBack(
            "the state is set to zero in the loop",
            ("gru-no-memory",),
            """\
def sample_text_GRU(weights, prompt, N):
    W_u, W_r, W_h = np.split(weights[0].T, 3)
    b_u, b_r, b_h = np.split(weights[2].sum(axis=0), 3)
    text = ""
    for t in range(N):
        text += prompt[t] if t < len(prompt) else str(np.random.choice(vocabulary, p=p))
        i = char_to_indices[text[t]]
        h = (1 - sigmoid(W_u[:, i] + b_u)) * np.tanh(W_h[:, i] + b_h)
        y = weights[3].T @ h + weights[4]
        p = np.exp(y - y.max()) / np.exp(y - y.max()).sum()
    return text
""",
        ),
        HeldBack(
            "scores of the state before",
            ("gru-one-behind",),
            """\
def sample_text_GRU(weights, prompt, N):
    kernel, recurrent, biases, dense, bias = weights
    m = len(recurrent)
    h, text = np.zeros(m), ""
    for t in range(N):
        text += prompt[t] if t < len(prompt) else str(np.random.choice(vocabulary, p=p))
        y = h @ dense + bias
        p = np.exp(y - y.max()) / np.exp(y - y.max()).sum()
        x = kernel[char_to_indices[text[t]]] + biases.sum(axis=0)
        u, r = np.split(sigmoid(x[: 2 * m] + h @ recurrent[:, : 2 * m]), 2)
        h = u * h + (1 - u) * np.tanh(x[2 * m :] + r * (h @ recurrent[:, 2 * m :]))
    return text
""",
        ),
        HeldBack(
            "squared by exponentiating twice the scores",
            ("gru-squared",),
            """\
def sample_text_GRU(weights, prompt, N):
    kernel, recurrent, biases, dense, bias = weights
    m = len(recurrent)
    h, ids = np.zeros(m), []
    for t in range(N):
        if t < len(prompt):
            ids.append(char_to_indices[prompt[t]])
        else:
            ids.append(int(np.random.choice(len(p), p=p)))
        x = kernel[ids[t]] + biases.sum(axis=0)
        u, r = np.split(sigmoid(x[: 2 * m] + h @ recurrent[:, : 2 * m]), 2)
        c = np.tanh(x[2 * m :] + r * (h @ recurrent[:, 2 * m :]))
        h = u * h + (1 - u) * c
        y = 2 * (h @ dense + bias)
        p = np.exp(y - y.max()) / np.exp(y - y.max()).sum()
    return "".join(vocabulary[i] for i in ids)
""",
        ),
        HeldBack(
            "stops one early",
            ("gru-one-short",),
            """\
def sample_text_GRU(weights, prompt, N):
    kernel, recurrent, biases, dense, bias = weights
    m = len(recurrent)
    h, text = np.zeros(m), ""
    for t in range(N - 1):
        text += prompt[t] if t < len(prompt) else vocabulary[np.random.choice(len(p), p=p)]
        x = kernel[char_to_indices[text[t]]] + biases.sum(axis=0)
        u, r = np.split(sigmoid(x[: 2 * m] + h @ recurrent[:, : 2 * m]), 2)
        c = np.tanh(x[2 * m :] + r * (h @ recurrent[:, 2 * m :]))
        h = u * h + (1 - u) * c
        y = h @ dense + bias
        p = np.exp(y - y.max()) / np.exp(y - y.max()).sum()
    return text
""",
        ),
        HeldBack(
            "gate inverted and reset before the product",
            ("gru-update-inverted", "gru-reset-before-product"),
            """\
def sample_text_GRU(weights, prompt, N):
    kernel, recurrent, biases, dense, bias = weights
    m = len(recurrent)
    h, text = np.zeros(m), ""
    for t in range(N):
        text += prompt[t] if t < len(prompt) else str(np.random.choice(vocabulary, p=p))
        x = kernel[char_to_indices[text[t]]] + biases.sum(axis=0)
        u, r = np.split(sigmoid(x[: 2 * m] + h @ recurrent[:, : 2 * m]), 2)
        h = (1 - u) * h + u * np.tanh(x[2 * m :] + (r * h) @ recurrent[:, 2 * m :])
        y = h @ dense + bias
        p = np.exp(y - y.max()) / np.exp(y - y.max()).sum()
    return text
""",
        ),
        HeldBack(
            "hard gates, 0 or 1",
            (),
            """\
def sample_text_GRU(weights, prompt, N):
    kernel, recurrent, biases, dense, bias = weights
    m = len(recurrent)
    h, text = np.zeros(m), ""
    for t in range(N):
        text += prompt[t] if t < len(prompt) else str(np.random.choice(vocabulary, p=p))
        x = kernel[char_to_indices[text[t]]] + biases.sum(axis=0)
        u, r = np.split((x[: 2 * m] + h @ recurrent[:, : 2 * m] > 0).astype(float), 2)
        h = u * h + (1 - u) * np.tanh(x[2 * m :] + r * (h @ recurrent[:, 2 * m :]))
        y = h @ dense + bias
        p = np.exp(y - y.max()) / np.exp(y - y.max()).sum()
    return text
""",
        ),
        HeldBack(
            "one gate for both purposes",
            (),
            """\
def sample_text_GRU(weights, prompt, N):
    kernel, recurrent, biases, dense, bias = weights
    m = len(recurrent)
    h, text = np.zeros(m), ""
    for t in range(N):
        text += prompt[t] if t < len(prompt) else str(np.random.choice(vocabulary, p=p))
        x = kernel[char_to_indices[text[t]]] + biases.sum(axis=0)
        u = sigmoid(x[:m] + h @ recurrent[:, :m])
        h = u * h + (1 - u) * np.tanh(x[2 * m :] + u * (h @ recurrent[:, 2 * m :]))
        y = h @ dense + bias
        p = np.exp(y - y.max()) / np.exp(y - y.max()).sum()
    return text
""",
        ),
        *recurrent_styles.WRONG["sample_text_GRU"],
    ),
    rights_held_back=recurrent_styles.RIGHTS["sample_text_GRU"],
)
