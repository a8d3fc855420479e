"""sample_text_RNN."""

from mistakes.assignment5.shared import recurrent_styles
from mistakes.assignment5.shared.sampled_text import TAIL, Writer
from mistakes.entries import Cell, HeldBack, Mistake, Right

_WRITER = Writer(
    function="sample_text_RNN",
    short="rnn",
    loaded="weights_RNN",
    letters="abc",
    certain="p1-2-test",
    counts="p1-2-test-counts",
    sampling="p1-2-test-sampling",
)
_CERTAIN = (_WRITER.certain,)
_LAYER_1 = "h1 = np.tanh(W_xh1 @ x + W_h1h1 @ h1 + b_h1)"
_LAYER_2 = "h2 = np.tanh(W_h1h2 @ h1 + W_h2h2 @ h2 + b_h2)"

CELL = Cell(
    id="p1-2-solution",
    functions=("sample_text_RNN",),
    where="problem 1.2",
    right="""\
def sample_text_RNN(weights, prompt, N):
    W_xh1, W_h1h1, b_h1 = weights[0].T, weights[1].T, weights[2][:, None]
    W_h1h2, W_h2h2, b_h2 = weights[3].T, weights[4].T, weights[5][:, None]
    W_h2y, b_y = weights[6].T, weights[7][:, None]
    start = np.zeros_like(b_h1), np.zeros_like(b_h2)

    def step(char, state):
        h1, h2 = state  # (n_1, 1), (n_2, 1)
        x = np.zeros_like(b_y)  # (V, 1)
        x[char_to_indices[char]] = 1
        h1 = np.tanh(W_xh1 @ x + W_h1h1 @ h1 + b_h1)  # (n_1, 1)
        h2 = np.tanh(W_h1h2 @ h1 + W_h2h2 @ h2 + b_h2)  # (n_2, 1)
        return (h1, h2), W_h2y @ h2 + b_y  # y: (V, 1)
"""
    + TAIL,
    rights=(
        Right(
            "one loop",
            "reading and writing in one loop over N, columns and one-hot",
            """\
def sample_text_RNN(weights, prompt, N):
    columns = [np.atleast_2d(w).T for w in weights]
    W_xh1, W_h1h1, b_h1, W_h1h2, W_h2h2, b_h2, W_h2y, b_y = columns
    h1 = np.zeros((len(W_h1h1), 1))
    h2 = np.zeros((len(W_h2h2), 1))
    output_sentence = ""
    for t in range(N):
        if t < len(prompt):
            char = prompt[t]
        else:
            odds = np.exp(y - np.max(y))
            char = np.random.choice(vocabulary, p=odds[:, 0] / np.sum(odds))
        output_sentence = output_sentence + str(char)
        x = np.zeros((vocab_size, 1))
        x[char_to_indices[char], 0] = 1.0
        h1 = np.tanh(np.matmul(W_xh1, x) + np.matmul(W_h1h1, h1) + b_h1)
        h2 = np.tanh(np.matmul(W_h1h2, h1) + np.matmul(W_h2h2, h2) + b_h2)
        y = np.matmul(W_h2y, h2) + b_y
    return output_sentence
""",
        ),
        Right(
            "rows",
            "Keras' rows, indices for one-hots, the inverse of cumulative sums",
            """\
def sample_text_RNN(weights, prompt, N):
    kernel_1, recurrent_1, bias_1, kernel_2, recurrent_2, bias_2, dense, bias = weights
    h1, h2 = np.zeros(len(bias_1)), np.zeros(len(bias_2))
    ids = [char_to_indices[char] for char in prompt]
    position = 0
    while True:
        h1 = np.tanh(kernel_1[ids[position]] + h1 @ recurrent_1 + bias_1)
        h2 = np.tanh(h1 @ kernel_2 + h2 @ recurrent_2 + bias_2)
        position += 1
        if position < len(ids):
            continue
        if len(ids) >= N:
            return "".join(indices_to_char[i] for i in ids)
        y = h2 @ dense + bias
        heights = np.cumsum(np.exp(y - y.max()))
        ids.append(int(np.searchsorted(heights, np.random.rand() * heights[-1], side="right")))
""",
        ),
        Right(
            "float32",
            "single precision throughout, random.choices",
            """\
import random


def sample_text_RNN(weights, prompt, N):
    w = [np.asarray(weight, dtype=np.float32) for weight in weights]
    h1 = np.zeros(w[2].shape, dtype=np.float32)
    h2 = np.zeros(w[5].shape, dtype=np.float32)

    def read(char):
        nonlocal h1, h2
        h1 = np.tanh(w[0][char_to_indices[char]] + h1.dot(w[1]) + w[2])
        h2 = np.tanh(h1.dot(w[3]) + h2.dot(w[4]) + w[5])

    for char in prompt:
        read(char)
    output = list(prompt)
    for _ in range(N - len(prompt)):
        y = h2.dot(w[6]) + w[7]
        output += random.choices(vocabulary, weights=np.exp(y - y.max()).tolist())
        read(output[-1])
    return "".join(output)
""",
        ),
        Right(
            "gumbel",
            "the largest of scores plus Gumbel noise; no probabilities",
            """\
def sample_text_RNN(weights, prompt, N):
    rng = np.random.default_rng()
    wx1, wh1, b1, wx2, wh2, b2, wy, by = weights
    states = [np.zeros((1, b1.size)), np.zeros((1, b2.size))]
    text = ""
    upcoming = iter(prompt)
    scores = by[None, :]
    while len(text) < N:
        char = next(upcoming, None)
        if char is None:
            char = indices_to_char[int(np.argmax(scores + rng.gumbel(size=scores.shape)))]
        text += char
        one_hot = np.eye(len(wx1))[[char_to_indices[char]]]
        below = one_hot
        for layer, (wx, wh, b) in enumerate([(wx1, wh1, b1), (wx2, wh2, b2)]):
            states[layer] = below = np.tanh(below @ wx + states[layer] @ wh + b)
        scores = below @ wy + by
    return text
""",
        ),
        Right(
            "joined",
            "input and state stacked into one column, einsum, log-space",
            """\
def sample_text_RNN(weights, prompt, N):
    layers = [np.concatenate([weights[3 * k], weights[3 * k + 1]]) for k in (0, 1)]
    biases = weights[2], weights[5]

    def advance(states, char):
        given = (np.arange(vocab_size) == char_to_indices[char]).astype(float)
        new = []
        for matrix, bias, old in zip(layers, biases, states):
            given = np.tanh(np.einsum("ij,i->j", matrix, np.concatenate([given, old])) + bias)
            new.append(given)
        return new

    states = [np.zeros(len(bias)) for bias in biases]
    for char in prompt:
        states = advance(states, char)
    text = prompt
    while len(text) != N:
        y = np.einsum("ij,i->j", weights[6], states[-1]) + weights[7]
        log_p = y - np.logaddexp.reduce(y)
        p = np.exp(log_p)
        text += vocabulary[np.random.multinomial(1, p / p.sum(dtype=float)).argmax()]
        states = advance(states, text[-1])
    return text
""",
        ),
        Right(
            "generator",
            "a network that is sent characters and yields probabilities",
            """\
def sample_text_RNN(weights, prompt, N):
    network = probabilities(*[np.array(weight) for weight in weights])
    next(network)
    for char in prompt:
        p = network.send(char)
    new = []
    for _ in range(N - len(prompt)):
        new.append(np.random.choice(vocabulary, p=p))
        p = network.send(new[-1])
    return prompt + "".join(new)


def probabilities(wx1, wh1, b1, wx2, wh2, b2, wy, by):
    h1, h2, p = 0 * b1, 0 * b2, None
    while True:
        char = yield p
        np.tanh(wx1[vocabulary.index(char)] + wh1.T @ h1 + b1, out=h1)
        np.tanh(wx2.T @ h1 + wh2.T @ h2 + b2, out=h2)
        p = np.exp(wy.T @ h2 + by)  # the test's scores are small enough
        p /= p.sum()
""",
        ),
        Right(
            "plain lists",
            "lists and math only",
            """\
import math
import random


def sample_text_RNN(weights, prompt, N):
    wx, wh, b1, wx2, wh2, b2, wy, by = (w.tolist() for w in weights)

    def times(vector, matrix):
        return [sum(a * b for a, b in zip(vector, column)) for column in zip(*matrix)]

    def squash(*terms):
        return [math.tanh(sum(each)) for each in zip(*terms)]

    h1, h2, text = [0.0] * len(b1), [0.0] * len(b2), ""
    y = by
    for t in range(N):
        if t < len(prompt):
            text += prompt[t]
        else:
            text += random.choices(vocabulary, [math.exp(score - max(y)) for score in y])[0]
        h1 = squash(wx[char_to_indices[text[-1]]], times(h1, wh), b1)
        h2 = squash(times(h1, wx2), times(h2, wh2), b2)
        y = [a + b for a, b in zip(times(h2, wy), by)]
    return text
""",
        ),
        *recurrent_styles.KINDS["sample_text_RNN"],
    ),
    mistakes=(
        *_WRITER.mistakes(),
        Mistake(
            "rnn-old-state-below",
            about="layer 2 reads the old state of layer 1",
            nudge="Which state of layer 1 does layer 2 read, the old or the new one?",
            hint="Your second layer reads the first layer's state of the step before, so that each "
            "character arrives one step late. In the formula it is the new state: compute layer 1 "
            "first.",
            edits=(
                (
                    f"{_LAYER_1}  # (n_1, 1)\n        {_LAYER_2}",
                    f"{_LAYER_2}  # (n_2, 1)\n        {_LAYER_1}",
                ),
            ),
            fails=_CERTAIN,
        ),
        Mistake(
            "rnn-layer-1-forgets",
            about="layer 1 has no recurrent term, or its state is not kept",
            nudge="What does the first layer know of its own past?",
            hint="Your first layer does not see its own past: either the product of W_h1h1 and the "
            "old state is missing, or the state is zero again at each step.",
            edits=(("W_xh1 @ x + W_h1h1 @ h1 + b_h1", "W_xh1 @ x + b_h1"),),
            fails=_CERTAIN,
        ),
        Mistake(
            "rnn-layer-2-forgets",
            about="layer 2 has no recurrent term, or its state is not kept",
            nudge="What does the second layer know of its own past?",
            hint="Your second layer does not see its own past: either the product of W_h2h2 and "
            "the old state is missing, or the state is zero again at each step.",
            edits=((" + W_h2h2 @ h2", ""),),
            fails=_CERTAIN,
        ),
        Mistake(
            "rnn-no-biases",
            about="both recurrent layers without their biases",
            nudge="Check both layers' formulas term by term.",
            hint="Your recurrent layers leave out their biases b_h1 and b_h2.",
            edits=(("W_h1h1 @ h1 + b_h1", "W_h1h1 @ h1"), ("W_h2h2 @ h2 + b_h2", "W_h2h2 @ h2")),
            fails=_CERTAIN,
        ),
        Mistake(
            "rnn-no-bias-1",
            about="layer 1 without its bias",
            nudge="Check the first layer's formula term by term.",
            hint="Your first layer leaves out its bias b_h1.",
            edits=(("W_h1h1 @ h1 + b_h1", "W_h1h1 @ h1"),),
            fails=_CERTAIN,
        ),
        Mistake(
            "rnn-no-bias-2",
            about="layer 2 without its bias",
            nudge="Check the second layer's formula term by term.",
            hint="Your second layer leaves out its bias b_h2.",
            edits=(("W_h2h2 @ h2 + b_h2", "W_h2h2 @ h2"),),
            fails=_CERTAIN,
        ),
        Mistake(
            "rnn-bias-twice",
            about="layer 2's bias is added before and after, twice in all",
            nudge="How often does each bias occur in your second layer?",
            hint="Your second layer adds its bias b_h2 twice.",
            edits=(("W_h2h2 @ h2 + b_h2", "W_h2h2 @ h2 + b_h2 + b_h2"),),
            fails=_CERTAIN,
        ),
        Mistake(
            "rnn-linear-layer-2",
            about="layer 2 without tanh",
            nudge="Between which bounds do the second layer's states lie?",
            hint="Your second layer leaves out the tanh, so that its states are not squashed "
            "between -1 and 1.",
            edits=((_LAYER_2, "h2 = W_h1h2 @ h1 + W_h2h2 @ h2 + b_h2"),),
            fails=_CERTAIN,
        ),
        Mistake(
            "rnn-linear-layer-1",
            about="layer 1 without tanh",
            nudge="Between which bounds do the first layer's states lie?",
            hint="Your first layer leaves out the tanh, so that its states are not squashed "
            "between -1 and 1.",
            edits=((_LAYER_1, "h1 = W_xh1 @ x + W_h1h1 @ h1 + b_h1"),),
            fails=_CERTAIN,
        ),
        Mistake(
            "rnn-sigmoid",
            about="sigmoid instead of tanh",
            nudge="Which function squashes the states, and can they be negative?",
            hint="Your states lie between 0 and 1: you squash with the sigmoid. This network's "
            "layers use tanh.",
            edits=(
                (_LAYER_1, "h1 = 1 / (1 + np.exp(-(W_xh1 @ x + W_h1h1 @ h1 + b_h1)))"),
                (_LAYER_2, "h2 = 1 / (1 + np.exp(-(W_h1h2 @ h1 + W_h2h2 @ h2 + b_h2)))"),
            ),
            fails=_CERTAIN,
        ),
        Mistake(
            "rnn-relu",
            about="relu instead of tanh",
            nudge="Which function squashes the states, and can they be negative?",
            hint="Your states are never negative and may be of any size: you use relu. This "
            "network's layers use tanh.",
            edits=(
                (_LAYER_1, "h1 = np.maximum(0, W_xh1 @ x + W_h1h1 @ h1 + b_h1)"),
                (_LAYER_2, "h2 = np.maximum(0, W_h1h2 @ h1 + W_h2h2 @ h2 + b_h2)"),
            ),
            fails=_CERTAIN,
        ),
        Mistake(
            "rnn-memory-outside-tanh",
            about="the recurrent terms are added after tanh",
            nudge="What stands inside the brackets of tanh in the formula?",
            hint="You add the product with the old state after the tanh. In the formula all three "
            "terms stand inside.",
            edits=(
                (_LAYER_1, "h1 = np.tanh(W_xh1 @ x + b_h1) + W_h1h1 @ h1"),
                (_LAYER_2, "h2 = np.tanh(W_h1h2 @ h1 + b_h2) + W_h2h2 @ h2"),
            ),
            fails=_CERTAIN,
        ),
        Mistake(
            "rnn-tanh-on-scores",
            about="the scores are squashed as well",
            nudge="Compare your last formula, the one for y, with the problem's.",
            hint="You apply tanh to the scores, so that none is far ahead of the others. The dense "
            "layer has no activation.",
            edits=(("W_h2y @ h2 + b_y", "np.tanh(W_h2y @ h2 + b_y)"),),
            fails=("p1-2-test", "p1-2-test-sampling"),
        ),
        Mistake(
            "rnn-recurrent-transposed",
            about="both recurrent matrices transposed",
            nudge="Rows or columns: are all matrices turned the same way?",
            hint="Your recurrent matrices are transposed. They are square, so that no shape "
            "complains. After the lines that are provided, each matrix stands left of its column.",
            edits=(("weights[1].T", "weights[1]"), ("weights[4].T", "weights[4]")),
            fails=_CERTAIN,
        ),
        Mistake(
            "rnn-recurrent-2-transposed",
            about="layer 2's recurrent matrix transposed",
            nudge="Rows or columns: are all matrices turned the same way?",
            hint="Your second layer's recurrent matrix W_h2h2 is transposed. It is square, so that "
            "no shape complains. Each matrix stands left of its column.",
            edits=(("weights[4].T", "weights[4]"),),
            fails=_CERTAIN,
        ),
        Mistake(
            "rnn-layer-1-twice",
            about="layer 1 is advanced twice in a step, before and after layer 2",
            nudge="How often is each state changed in one step?",
            hint="Your first layer takes two steps for each character. One character, one step of "
            "each layer.",
            edits=((f"{_LAYER_2}  # (n_2, 1)\n", f"{_LAYER_2}  # (n_2, 1)\n        {_LAYER_1}\n"),),
            fails=_CERTAIN,
        ),
        Mistake(
            "rnn-blank-inputs-when-writing",
            about="written characters are appended but the input is zeros",
            nudge="What does x hold while the network writes?",
            hint="While your network writes, its input x is a column of zeros. The character that "
            "was drawn has to be fed as the prompt's characters are.",
            edits=(
                (
                    "        x[char_to_indices[char]] = 1\n",
                    "        if len(output_sentence) == len(prompt):\n"
                    "            x[char_to_indices[char]] = 1\n",
                ),
            ),
            fails=_CERTAIN,
        ),
        Mistake(
            "rnn-flat-input",
            about="a flat x against biases that are columns",
            nudge="Print the shapes of x, of the products and of the states after one step.",
            hint="Your x is flat, (V,), and the biases are columns, (n, 1): their sum is a square "
            "matrix, and the states are no columns any more. Keep everything a column, x too.",
            edits=(("np.zeros_like(b_y)  # (V, 1)", "np.zeros(len(b_y))"),),
        ),
        Mistake(
            "rnn-states-swapped",
            about="the two layers' recurrent matrices swapped",
            nudge="Which matrix goes from which state to which?",
            hint="Your layers have each other's recurrent matrix. The two letters behind W say "
            "from where to where: W_h1h1 goes from layer 1's old state to its new one.",
            edits=(
                ("weights[0].T, weights[1].T", "weights[0].T, weights[4].T"),
                ("weights[3].T, weights[4].T", "weights[3].T, weights[1].T"),
            ),
        ),
        Mistake(
            "rnn-scores-pile-up",
            about="y += into a view of the bias, so that scores and weights change",
            nudge="Are the weights after a call the same as before?",
            hint="Your scores pile up from step to step: y and b_y are the same array, a view of "
            "the weights, and += writes into it. Make a new array with +.",
            edits=(
                (
                    "        return (h1, h2), W_h2y @ h2 + b_y",
                    "        y = b_y\n        y += W_h2y @ h2\n        return (h1, h2), y",
                ),
            ),
            fails=_CERTAIN,
        ),
        Mistake(
            "rnn-zeros-first",
            about="a step on zeros before the first character",
            nudge="What is the very first thing that the network reads?",
            hint=(
                "Before the first character you run a step of the network on an input of "
                "zeros, which changes the state. The state starts as zeros, and the first "
                "thing it meets is the first character."
            ),
            fails=("p1-2-test",),
            edits=(
                (
                    "start = np.zeros_like(b_h1), np.zeros_like(b_h2)",
                    "start = np.tanh(b_h1), np.tanh(W_h1h2 @ np.tanh(b_h1) + b_h2)",
                ),
            ),
        ),
    ),
    held_back=(
        HeldBack(
            "layers the wrong way round, rows",
            ("rnn-old-state-below",),
            """\
def sample_text_RNN(weights, prompt, N):
    wx, wh, b1, wx2, wh2, b2, wy, by = weights
    h1, h2 = np.zeros(len(b1)), np.zeros(len(b2))
    text = ""
    for t in range(N):
        text += prompt[t] if t < len(prompt) else str(np.random.choice(vocabulary, p=p))
        h1, h2 = (
            np.tanh(wx[char_to_indices[text[-1]]] + h1 @ wh + b1),
            np.tanh(h1 @ wx2 + h2 @ wh2 + b2),
        )
        p = np.exp(h2 @ wy + by - np.max(h2 @ wy + by))
        p = p / p.sum()
    return text
""",
        ),
        HeldBack(
            "states made anew in the loop",
            ("rnn-no-memory",),
            """\
def sample_text_RNN(weights, prompt, N):
    text = prompt
    while len(text) < N:
        for char in text[-1:]:
            h1 = np.zeros((len(weights[2]), 1))
            h2 = np.zeros((len(weights[5]), 1))
            x = np.eye(vocab_size)[:, [char_to_indices[char]]]
            h1 = np.tanh(weights[0].T @ x + weights[1].T @ h1 + weights[2].reshape(-1, 1))
            h2 = np.tanh(weights[3].T @ h1 + weights[4].T @ h2 + weights[5].reshape(-1, 1))
            y = weights[6].T @ h2 + weights[7].reshape(-1, 1)
        odds = np.exp(y - y.max()).ravel()
        text += indices_to_char[np.random.choice(vocab_size, p=odds / odds.sum())]
    return text
""",
        ),
        HeldBack(
            "layer 2 initialised in the loop",
            ("rnn-layer-2-forgets",),
            """\
def sample_text_RNN(weights, prompt, N):
    wx, wh, b1, wx2, wh2, b2, wy, by = weights
    h1 = np.zeros_like(b1)
    text = ""
    for t in range(N):
        text += prompt[t] if t < len(prompt) else str(np.random.choice(vocabulary, p=p))
        h2 = np.zeros_like(b2)
        h1 = np.tanh(wx[char_to_indices[text[-1]]] + h1 @ wh + b1)
        h2 = np.tanh(h1 @ wx2 + h2 @ wh2 + b2)
        y = h2 @ wy + by
        p = np.exp(y - y.max()) / np.exp(y - y.max()).sum()
    return text
""",
        ),
        HeldBack(
            "most probable, by sorting",
            ("rnn-argmax",),
            """\
def sample_text_RNN(weights, prompt, N):
    w = [weight.T for weight in weights]
    h1, h2 = np.zeros(len(w[2])), np.zeros(len(w[5]))
    text = []
    for t in range(N):
        if t < len(prompt):
            text.append(prompt[t])
        else:
            text.append(vocabulary[sorted(range(vocab_size), key=lambda i: scores[i])[-1]])
        h1 = np.tanh(w[0][:, char_to_indices[text[-1]]] + w[1].dot(h1) + w[2])
        h2 = np.tanh(w[3].dot(h1) + w[4].dot(h2) + w[5])
        scores = w[6].dot(h2) + w[7]
    return "".join(text)
""",
        ),
        HeldBack(
            "reads the prompt, then writes from its last character",
            ("rnn-last-twice",),
            """\
def sample_text_RNN(weights, prompt, N):
    wx, wh, b1, wx2, wh2, b2, wy, by = weights

    def forward(char, h1, h2):
        h1 = np.tanh(wx[char_to_indices[char]] + h1 @ wh + b1)
        return h1, np.tanh(h1 @ wx2 + h2 @ wh2 + b2)

    h1, h2 = np.zeros_like(b1), np.zeros_like(b2)
    for char in prompt:
        h1, h2 = forward(char, h1, h2)
    text = prompt
    for _ in range(N - len(prompt)):
        h1, h2 = forward(text[-1], h1, h2)
        y = h2 @ wy + by
        p = np.exp(y - y.max())
        text += np.random.choice(vocabulary, p=p / p.sum())
    return str(text)
""",
        ),
        HeldBack(
            "sigmoid by way of tanh",
            ("rnn-sigmoid",),
            """\
def sample_text_RNN(weights, prompt, N):
    wx, wh, b1, wx2, wh2, b2, wy, by = weights

    def squash(z):
        return (1 + np.tanh(z / 2)) / 2

    h1, h2 = np.zeros_like(b1), np.zeros_like(b2)
    text = ""
    while len(text) < N:
        if len(text) < len(prompt):
            char = prompt[len(text)]
        else:
            y = h2 @ wy + by
            p = np.exp(y - y.max())
            char = indices_to_char[np.random.choice(np.arange(len(p)), p=p / p.sum())]
        text += char
        h1 = squash(wx[char_to_indices[char]] + h1 @ wh + b1)
        h2 = squash(h1 @ wx2 + h2 @ wh2 + b2)
    return text
""",
        ),
        HeldBack(
            "written text never fed",
            ("rnn-no-feedback",),
            """\
def sample_text_RNN(weights, prompt, N):
    wx, wh, b1, wx2, wh2, b2, wy, by = weights
    h1, h2 = np.zeros_like(b1), np.zeros_like(b2)
    for char in prompt:
        h1 = np.tanh(wx[char_to_indices[char]] + h1 @ wh + b1)
        h2 = np.tanh(h1 @ wx2 + h2 @ wh2 + b2)
    y = h2 @ wy + by
    p = np.exp(y - y.max())
    new = np.random.choice(vocabulary, size=N - len(prompt), p=p / p.sum())
    return prompt + "".join(new)
""",
        ),
        HeldBack(
            "old state below, and the prompt is not counted",
            ("rnn-old-state-below", "rnn-prompt-not-counted"),
            """\
def sample_text_RNN(weights, prompt, N):
    wx, wh, b1, wx2, wh2, b2, wy, by = weights
    h1, h2 = np.zeros_like(b1), np.zeros_like(b2)
    text = ""
    for t in range(len(prompt) + N):
        text += prompt[t] if t < len(prompt) else str(np.random.choice(vocabulary, p=p))
        h2 = np.tanh(h1 @ wx2 + h2 @ wh2 + b2)
        h1 = np.tanh(wx[char_to_indices[text[-1]]] + h1 @ wh + b1)
        y = h2 @ wy + by
        p = np.exp(y - y.max()) / np.exp(y - y.max()).sum()
    return text
""",
        ),
        HeldBack(
            "layer 2 reads the mean of old and new state",
            (),
            """\
def sample_text_RNN(weights, prompt, N):
    wx, wh, b1, wx2, wh2, b2, wy, by = weights
    h1, h2 = np.zeros_like(b1), np.zeros_like(b2)
    text = ""
    for t in range(N):
        text += prompt[t] if t < len(prompt) else str(np.random.choice(vocabulary, p=p))
        old, h1 = h1, np.tanh(wx[char_to_indices[text[-1]]] + h1 @ wh + b1)
        h2 = np.tanh((old + h1) / 2 @ wx2 + h2 @ wh2 + b2)
        y = h2 @ wy + by
        p = np.exp(y - y.max()) / np.exp(y - y.max()).sum()
    return text
""",
        ),
        HeldBack(
            "states halved between prompt and writing",
            (),
            """\
def sample_text_RNN(weights, prompt, N):
    wx, wh, b1, wx2, wh2, b2, wy, by = weights
    h1, h2 = np.zeros_like(b1), np.zeros_like(b2)
    text = ""
    for t in range(N):
        if t == len(prompt):
            h1, h2 = h1 / 2, h2 / 2
        text += prompt[t] if t < len(prompt) else str(np.random.choice(vocabulary, p=p))
        h1 = np.tanh(wx[char_to_indices[text[-1]]] + h1 @ wh + b1)
        h2 = np.tanh(h1 @ wx2 + h2 @ wh2 + b2)
        y = h2 @ wy + by
        p = np.exp(y - y.max()) / np.exp(y - y.max()).sum()
    return text
""",
        ),
        *recurrent_styles.WRONG["sample_text_RNN"],
    ),
    rights_held_back=recurrent_styles.RIGHTS["sample_text_RNN"],
)
