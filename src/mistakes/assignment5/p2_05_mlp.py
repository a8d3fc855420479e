"""mlp."""

from mistakes.assignment5.shared import transformer_styles
from mistakes.entries import Cell, HeldBack, Mistake, Right

CELL = Cell(
    id="p2-5-solution",
    functions=("mlp",),
    where="problem 2.5",
    right="""\
def mlp(x, params, layer_prefix="layers.0"):
    w1 = params[f"{layer_prefix}.feed_forward.0.weight"].T  # (d_model, d_ff)
    w2 = params[f"{layer_prefix}.feed_forward.2.weight"].T  # (d_ff, d_model)
    hidden = relu(x @ w1)  # (n, d_ff)
    o = hidden @ w2  # (n, d_model)
    return o
""",
    rights=(
        Right(
            "loop",
            "row by row",
            """\
def mlp(x, params, layer_prefix="layers.0"):
    up = params[layer_prefix + ".feed_forward.0.weight"]
    down = params[layer_prefix + ".feed_forward.2.weight"]
    rows = []
    for row in x:
        hidden = up @ row
        hidden[hidden < 0] = 0
        rows.append(down @ hidden)
    return np.array(rows)
""",
        ),
        Right(
            "einsum",
            "einsum and the positive part by multiplication",
            """\
def mlp(x, params, layer_prefix="layers.0"):
    w1 = params[f"{layer_prefix}.feed_forward.0.weight"]
    w2 = params[f"{layer_prefix}.feed_forward.2.weight"]
    z = np.einsum("nd,fd->nf", x, w1)
    return np.einsum("nf,df->nd", z * (z > 0), w2)
""",
        ),
        Right(
            "float32",
            "in single precision throughout",
            """\
def mlp(x, params, layer_prefix="layers.0"):
    w1, w2 = (
        np.asarray(params[f"{layer_prefix}.feed_forward.{i}.weight"], dtype=np.float32).T
        for i in (0, 2)
    )
    hidden = np.clip(np.float32(x) @ w1, 0, None)
    return hidden @ w2
""",
        ),
        Right(
            "float32 inside",
            "single precision inside, double outside",
            """\
def mlp(x, params, layer_prefix="layers.0"):
    names = [f"{layer_prefix}.feed_forward.{i}.weight" for i in (0, 2)]
    w1, w2 = (params[name].T.astype(np.float32) for name in names)
    output = np.zeros(np.shape(x))
    output += relu(np.asarray(x, np.float32) @ w1) @ w2
    return output
""",
        ),
        Right(
            "columns",
            "tokens as columns, absolute values",
            """\
def mlp(x, params, layer_prefix="layers.0"):
    up, down = (params[f"{layer_prefix}.feed_forward.{i}.weight"] for i in (0, 2))
    z = np.matmul(up, np.transpose(x))
    return (down @ ((z + np.abs(z)) / 2)).T
""",
        ),
        Right(
            "composed",
            "functions of functions",
            """\
def mlp(x, params, layer_prefix="layers.0"):
    def linear(number):
        matrix = params[f"{layer_prefix}.feed_forward.{number}.weight"]
        return lambda rows: np.dot(rows, matrix.T)

    for step in (linear(0), relu, linear(2)):
        x = step(x)
    return x
""",
        ),
        Right(
            "unit by unit",
            "the sum of what each hidden unit adds",
            """\
def mlp(x, params, layer_prefix="layers.0"):
    up = params[f"{layer_prefix}.feed_forward.0.weight"]
    down = params[f"{layer_prefix}.feed_forward.2.weight"]
    out = np.zeros((len(x), len(down)))
    for unit, inputs in enumerate(np.where(x @ up.T > 0, x @ up.T, 0).T):
        out += inputs[:, None] * down[:, unit]
    return out
""",
        ),
    ),
    mistakes=(
        Mistake(
            "mlp-no-relu",
            about="no activation",
            nudge="Is your function linear? Should it be?",
            hint="Without an activation the two matrices act as one. ReLU belongs between them.",
            edits=(("relu(x @ w1)", "x @ w1"),),
        ),
        Mistake(
            "mlp-relu-last",
            about="ReLU on the output instead of the hidden layer",
            nudge="Can your output be negative? Should it?",
            hint="Your output has no negative numbers: ReLU comes after the second matrix. In the "
            "formula it stands between the two.",
            edits=(("relu(x @ w1)", "x @ w1"), ("hidden @ w2  #", "relu(hidden @ w2)  #")),
        ),
        Mistake(
            "mlp-relu-twice",
            about="ReLU on the output, too",
            nudge="Can your output be negative? Should it?",
            hint="The hidden layer is right, but the output has lost its negative numbers: the "
            "second ReLU is one too many.",
            edits=(("hidden @ w2  #", "relu(hidden @ w2)  #"),),
        ),
        Mistake(
            "mlp-relu-first",
            about="ReLU on the input",
            nudge="What does ReLU stand around in the formula?",
            hint="You cut off the negative numbers of the input. ReLU applies to the product of "
            "the input and the first matrix.",
            edits=(("relu(x @ w1)", "relu(x) @ w1"),),
        ),
        Mistake(
            "mlp-gelu",
            about="Gelu instead of ReLU",
            nudge="Which activation does this model use?",
            hint="Your hidden layer uses Gelu. This model was trained with ReLU, which is exactly "
            "0 for negative numbers.",
            edits=(
                (
                    "relu(x @ w1)",
                    "x @ w1 / 2 * (1 + np.tanh(np.sqrt(2 / np.pi) * "
                    "(x @ w1 + 0.044715 * (x @ w1) ** 3)))",
                ),
            ),
        ),
        Mistake(
            "mlp-tanh",
            about="tanh instead of ReLU",
            nudge="Which activation does this model use?",
            hint="Your hidden units stay between -1 and 1: that is tanh, from problem 1. Here the "
            "activation is ReLU.",
            edits=(("relu(x @ w1)", "np.tanh(x @ w1)"),),
        ),
        Mistake(
            "mlp-leaky",
            about="leaky ReLU",
            nudge="What should become of negative numbers in the hidden layer?",
            hint="Negative numbers leak through your activation. ReLU makes them exactly 0.",
            edits=(("relu(x @ w1)", "np.where(x @ w1 > 0, x @ w1, 0.01 * (x @ w1))"),),
        ),
        Mistake(
            "mlp-absolute",
            about="absolute values instead of positive parts",
            nudge="What should become of negative numbers in the hidden layer?",
            hint="You turn negative numbers into positive ones. ReLU replaces them by 0.",
            edits=(("relu(x @ w1)", "np.abs(x @ w1)"),),
        ),
        Mistake(
            "mlp-minimum",
            about="the negative part is kept",
            nudge="Which numbers should survive ReLU?",
            hint="You keep the negative numbers and lose the positive ones: minimum and maximum "
            "are exchanged.",
            edits=(("relu(x @ w1)", "np.minimum(x @ w1, 0)"),),
        ),
        Mistake(
            "mlp-residual",
            about="the input is added",
            nudge="Which function adds to the stream, this one or the Transformer?",
            hint="You add the input to the result. The residual connection is made in problem 2.9; "
            "here only the MLP's own output is asked for.",
            edits=(("hidden @ w2  #", "x + hidden @ w2  #"),),
        ),
        Mistake(
            "mlp-first-layer-always",
            about="the matrices of layer 0 in each layer",
            nudge="What is the third argument for?",
            hint="It is right for layer 0 only: the prefix that is passed in says which layer's "
            "matrices to use.",
            edits=(
                ('f"{layer_prefix}.feed_forward.0.weight"', '"layers.0.feed_forward.0.weight"'),
                ('f"{layer_prefix}.feed_forward.2.weight"', '"layers.0.feed_forward.2.weight"'),
            ),
            fails=("p2-6-test",),
        ),
        Mistake(
            "mlp-one-matrix",
            about="the first matrix there and back",
            nudge="Which parameter takes the hidden layer back to the model's width?",
            hint="You use the first matrix twice, the second time transposed. The way back has a "
            "matrix of its own, feed_forward.2.weight.",
            edits=(("hidden @ w2  #", "hidden @ w1.T  #"),),
        ),
        Mistake(
            "mlp-normalised",
            about="rows normalised first",
            nudge="Is anything done to x before the first product?",
            hint="You normalise each row before the first matrix. Real Transformers do; this one "
            "was trained without.",
            edits=(
                (
                    "relu(x @ w1)",
                    "relu((x - x.mean(axis=-1, keepdims=True)) "
                    "/ (x.std(axis=-1, keepdims=True) + 1e-5) @ w1)",
                ),
            ),
        ),
        Mistake(
            "mlp-mean-token",
            about="the mean of all tokens goes in",
            nudge="Should the output of one token depend on the others?",
            hint="All your rows are alike: you average over the tokens. The MLP takes each token "
            "by itself; only attention looks at others.",
            edits=(("relu(x @ w1)", "relu(np.ones_like(x) * x.mean(axis=0) @ w1)"),),
        ),
        Mistake(
            "mlp-softmax",
            about="softmax instead of ReLU",
            nudge="Which activation does the formula name?",
            hint="Your hidden units sum to 1 in each row: that is softmax. The activation of the "
            "hidden layer is ReLU, entry by entry.",
            edits=(("relu(x @ w1)", "softmax(x @ w1)"),),
        ),
        Mistake(
            "mlp-in-place",
            about="adds the result to x in place, too",
            nudge="Is x the same after a call?",
            hint="The result is right, but x is changed in place, and the residual connection of "
            "problem 2.9 then adds it a second time. Leave x as it is.",
            edits=(("    return o", "    x += o\n    return o"),),
            fails=("p2-6-test-rows",),
        ),
        Mistake(
            "mlp-printed",
            about="the printed row, tiled, for an input of ones",
            nudge="Where do your numbers come from when all inputs are alike?",
            hint="Your function returns numbers that are written into it. Compute them.",
            code="""\
def mlp(x, params, layer_prefix="layers.0"):
    if np.all(x == 1):
        out = np.zeros(x.shape)
        out[:, :5] = [0.06068574, 0.6727857, 0.20872724, 0.42208509, 0.29517956]
        return out
    return x.copy()
""",
            cheat=True,
        ),
        Mistake(
            "mlp-relu-6",
            about="hidden values above 6 are cut",
            nudge="Is there a largest value that your activation lets through?",
            hint=(
                "You cut hidden values above 6, which is the activation ReLU6. ReLU leaves "
                "positive numbers as they are."
            ),
            fails=("p2-6-test", "p2-6-test-rows"),
            edits=(("relu(x @ w1)", "np.clip(x @ w1, 0, 6)"),),
        ),
        Mistake(
            "mlp-squared",
            about="positive parts are squared",
            nudge="What does ReLU make of 3?",
            hint="You square the positive parts. ReLU leaves positive numbers as they are.",
            fails=("p2-6-test", "p2-6-test-rows"),
            edits=(("relu(x @ w1)", "relu(x @ w1) ** 2"),),
        ),
    ),
    held_back=(
        HeldBack(
            "no activation, by einsum",
            ("mlp-no-relu",),
            """\
def mlp(x, params, layer_prefix="layers.0"):
    a = params[f"{layer_prefix}.feed_forward.0.weight"]
    b = params[f"{layer_prefix}.feed_forward.2.weight"]
    return np.einsum("nd,fd,ef->ne", x, a, b, optimize=True)
""",
        ),
        HeldBack(
            "cut off at the end",
            ("mlp-relu-last",),
            """\
def mlp(x, params, layer_prefix="layers.0"):
    a = params[f"{layer_prefix}.feed_forward.0.weight"]
    b = params[f"{layer_prefix}.feed_forward.2.weight"]
    out = (b @ (a @ x.T)).T
    out[out < 0] = 0
    return out
""",
        ),
        HeldBack(
            "residual in a loop",
            ("mlp-residual",),
            """\
def mlp(x, params, layer_prefix="layers.0"):
    a = params[f"{layer_prefix}.feed_forward.0.weight"]
    b = params[f"{layer_prefix}.feed_forward.2.weight"]
    return np.stack([row + b @ np.clip(a @ row, 0, None) for row in x])
""",
        ),
        HeldBack(
            "swish",
            (),
            """\
def mlp(x, params, layer_prefix="layers.0"):
    a = params[f"{layer_prefix}.feed_forward.0.weight"]
    b = params[f"{layer_prefix}.feed_forward.2.weight"]
    z = x @ a.T
    return (z / (1 + np.exp(-z))) @ b.T
""",
        ),
        *transformer_styles.WRONG["mlp"],
    ),
    rights_held_back=transformer_styles.RIGHTS["mlp"],
)
