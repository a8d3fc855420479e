"""feed_forward_network."""

from mistakes.entries import Cell, HeldBack, Mistake, Right
from mistakes.gpt2.shared import second_half_styles

_NUMBERS, _BIAS = "b-2-1-test", "b-2-1-test-bias"

CELL = Cell(
    id="b-2-1-solution",
    functions=("feed_forward_network",),
    where="problem 2.1 of the second half",
    right="""\
def feed_forward_network(x, mlp):
    w_1, b_1 = mlp["c_fc"]["w"], mlp["c_fc"]["b"]
    w_2, b_2 = mlp["c_proj"]["w"], mlp["c_proj"]["b"]

    wide = linear_projection(x, w_1, b_1)  # (n, d_ff)
    hidden = gelu(wide)  # (n, d_ff)
    x = linear_projection(hidden, w_2, b_2)  # (n, d)
    return x
""",
    rights=(
        Right(
            "one line",
            "all three steps in one expression",
            """\
def feed_forward_network(x, mlp):
    return linear_projection(gelu(linear_projection(x, **mlp["c_fc"])), **mlp["c_proj"])
""",
        ),
        Right(
            "einsum",
            "without linear_projection",
            """\
def feed_forward_network(x, mlp):
    (w_1, b_1), (w_2, b_2) = (mlp[part].values() for part in ("c_fc", "c_proj"))
    hidden = gelu(np.einsum("nd,df->nf", x, w_1) + b_1)
    return np.einsum("nf,fd->nd", hidden, w_2) + b_2
""",
        ),
        Right(
            "units",
            "one hidden unit after the other, added up",
            """\
def feed_forward_network(x, mlp):
    w_1, b_1 = mlp["c_fc"]["w"], mlp["c_fc"]["b"]
    w_2, b_2 = mlp["c_proj"]["w"], mlp["c_proj"]["b"]
    biases = np.broadcast_to(b_1, (x.shape[0], w_1.shape[1]))
    out = np.zeros((x.shape[0], w_2.shape[1])) + b_2
    for unit in range(w_1.shape[1]):
        strength = gelu((x @ w_1[:, unit] + biases[:, unit])[:, None])
        out = out + strength * w_2[unit]
    return out
""",
        ),
        Right(
            "float32",
            "in single precision, the formula of gelu written out",
            """\
def feed_forward_network(x, mlp):
    def single(part, key):
        return np.asarray(mlp[part][key], dtype=np.float32)

    hidden = np.asarray(x, dtype=np.float32) @ single("c_fc", "w") + single("c_fc", "b")
    bend = np.tanh(np.float32(0.7978845608) * (hidden + np.float32(0.044715) * hidden**3))
    hidden = np.float32(0.5) * hidden * (np.float32(1) + bend)
    return hidden @ single("c_proj", "w") + single("c_proj", "b")
""",
        ),
        Right(
            "fold",
            "a list of steps, folded",
            """\
from functools import partial, reduce


def feed_forward_network(x, mlp):
    steps = [
        partial(linear_projection, w=mlp["c_fc"]["w"], b=mlp["c_fc"]["b"]),
        gelu,
        partial(linear_projection, w=mlp["c_proj"]["w"], b=mlp["c_proj"]["b"]),
    ]
    return reduce(lambda value, step: step(value), steps, x)
""",
        ),
    ),
    mistakes=(
        Mistake(
            "ffn-no-gelu",
            about="no activation between the projections",
            nudge="Go through the three steps of the text and find each in your code.",
            hint="Both projections are there, and nothing bends the numbers between them, so "
            "together they are a single linear map. Apply the activation to the result of the "
            "first one.",
            edits=(("gelu(wide)", "wide"),),
        ),
        Mistake(
            "ffn-gelu-last",
            about="gelu after the second projection instead of before it",
            nudge="In which order do the three steps come?",
            hint="You apply gelu to the end result: your outputs hardly ever lie below 0. It "
            "belongs between the two projections.",
            edits=(
                ("gelu(wide)", "wide"),
                (
                    "x = linear_projection(hidden, w_2, b_2)",
                    "x = gelu(linear_projection(hidden, w_2, b_2))",
                ),
            ),
        ),
        Mistake(
            "ffn-gelu-both",
            about="gelu after both projections",
            nudge="How many times does the formula apply Gelu?",
            hint="The activation stands after both projections. Only the hidden numbers are bent; "
            "the second projection is the end.",
            edits=(
                (
                    "x = linear_projection(hidden, w_2, b_2)",
                    "x = gelu(linear_projection(hidden, w_2, b_2))",
                ),
            ),
        ),
        Mistake(
            "ffn-gelu-first",
            about="gelu of the input, before the first projection",
            nudge="What does Gelu get in the formula: x, or something made from x?",
            hint="You bend the input and project it twice. The first projection comes before the "
            "activation.",
            edits=(
                ("linear_projection(x, w_1", "linear_projection(gelu(x), w_1"),
                ("gelu(wide)", "wide"),
            ),
        ),
        Mistake(
            "ffn-gelu-twice",
            about="gelu twice in a row",
            nudge="How many times does the formula apply Gelu?",
            hint="The hidden numbers go through gelu twice. Once is enough.",
            edits=(("gelu(wide)", "gelu(gelu(wide))"),),
        ),
        Mistake(
            "ffn-relu",
            about="ReLU instead of gelu",
            nudge="Which activation function does the text name?",
            hint="Hidden numbers below 0 are cut off: that is ReLU. Use the gelu that you wrote in "
            "1.1.",
            edits=(("gelu(wide)", "np.maximum(wide, 0)"),),
        ),
        Mistake(
            "ffn-softmax",
            about="softmax instead of gelu",
            nudge="Which of your two activation functions belongs here?",
            hint="Your hidden numbers sum to 1 in each row: you used softmax, which belongs to "
            "attention. Here it is the other one, which treats each number by itself.",
            edits=(("gelu(wide)", "softmax(wide)"),),
        ),
        Mistake(
            "ffn-bias-after-gelu",
            about="the first bias is added after gelu",
            nudge="What stands inside the parentheses of Gelu in the formula?",
            hint="You bend x w_1 alone and add the first bias afterwards. The bias is part of the "
            "projection: it has to be in before the activation.",
            edits=(
                ("linear_projection(x, w_1, b_1)", "linear_projection(x, w_1, 0)"),
                ("gelu(wide)", "gelu(wide) + b_1"),
            ),
        ),
        Mistake(
            "ffn-no-first-bias",
            about="b_1 is missing",
            nudge="Is each of the four arrays used?",
            hint="Your first projection has no bias: b_1 is never used.",
            edits=(("linear_projection(x, w_1, b_1)", "x @ w_1"),),
        ),
        Mistake(
            "ffn-no-second-bias",
            about="b_2 is missing",
            nudge="Is each of the four arrays used?",
            hint="What is missing in your result is exactly b_2: the second projection has a bias "
            "as well.",
            edits=(("linear_projection(hidden, w_2, b_2)", "hidden @ w_2"),),
        ),
        Mistake(
            "ffn-bias-twice",
            about="b_2 is added twice",
            nudge="What does linear_projection do already?",
            hint="Your result is too large by exactly b_2. linear_projection adds the bias; you "
            "need not do it again.",
            edits=(
                (
                    "linear_projection(hidden, w_2, b_2)",
                    "linear_projection(hidden, w_2, b_2) + b_2",
                ),
            ),
        ),
        Mistake(
            "ffn-biases-swapped",
            about="b_2 in the first projection, b_1 in the second",
            nudge="Does each projection get its own weights and its own bias?",
            hint="The two biases have changed places: c_fc is the first projection with both its "
            "arrays, c_proj the second.",
            edits=(("x, w_1, b_1)", "x, w_1, b_2)"), ("hidden, w_2, b_2)", "hidden, w_2, b_1)")),
        ),
        Mistake(
            "ffn-layers-swapped",
            about="c_proj first, c_fc second",
            nudge="Which of c_fc and c_proj makes a position wider?",
            hint="You begin with c_proj. Where the shapes happen to fit nothing stops you, but the "
            "numbers are others: c_fc widens first, c_proj leads back.",
            edits=(("x, w_1, b_1)", "x, w_2, b_2)"), ("hidden, w_2, b_2)", "hidden, w_1, b_1)")),
        ),
        Mistake(
            "ffn-transposed",
            about="both weights transposed",
            nudge="What shape has w_1, and which side of it meets x?",
            hint="You transpose the weights. They have shapes (d, d_ff) and (d_ff, d) already, and "
            "x w fits as it is; numpy only notices where the weights are not square.",
            edits=(("w_1, b_1)", "w_1.T, b_1)"), ("w_2, b_2)", "w_2.T, b_2)")),
        ),
        Mistake(
            "ffn-residual",
            about="adds the input to the result",
            nudge="What does the formula of the feed forward network end with?",
            hint="Your result is too large by exactly x. The input is added by the block around "
            "this network, in 2.2, and not here.",
            edits=(("x = linear_projection(hidden", "x = x + linear_projection(hidden"),),
        ),
        Mistake(
            "ffn-hidden-returned",
            about="returns the hidden numbers",
            nudge="What shape should the result have?",
            hint="You return the hidden numbers, which are d_ff wide. The last projection leads "
            "back to the old width.",
            edits=(("return x", "return hidden"),),
        ),
        Mistake(
            "ffn-skips-hidden",
            about="adds the numbers before gelu to those after it",
            nudge="What exactly goes into the second projection?",
            hint="The second projection gets the bent numbers and the unbent ones, added up. It "
            "takes the result of gelu only.",
            edits=(("gelu(wide)", "wide + gelu(wide)"),),
        ),
        Mistake(
            "ffn-normalized",
            about="normalizes its input first",
            nudge="Which of the block's steps belong to this function?",
            hint="You normalize x before the first projection. That is the block's business, in "
            "2.2; this network takes its input as it comes.",
            edits=(
                ("linear_projection(x, w_1", "linear_projection(layer_normalization(x, 1, 0), w_1"),
            ),
        ),
        Mistake(
            "ffn-rounded",
            about="rounds its result to 8 decimals",
            nudge="The printed numbers have 8 decimals; does your result need to?",
            hint="Where results are very small yours are 0: they are rounded to the decimals that "
            "the text prints. How many are shown is a matter of printing.",
            edits=(("return x", "return np.round(x, 8)"),),
            fails=("b-2-1-test-bias",),
        ),
        Mistake(
            "ffn-printed",
            about="returns the printed numbers",
            nudge="On what does your result depend?",
            hint="Your function returns the text's example whatever it is given. Compute the "
            "result from x and mlp.",
            code="""\
def feed_forward_network(x, mlp):
    return np.array(
        [
            [3.50980416, 2.64636922, 3.27141858, 2.96212932],
            [4.45049282, 2.74903161, 3.7033384, 3.07794882],
            [3.19782584, 2.47054632, 2.96733082, 2.75125028],
        ]
    )
""",
            cheat=True,
        ),
        Mistake(
            "ffn-cached",
            about="the printed numbers for the example, the last bias for everything else",
            nudge="Does your function treat all inputs alike?",
            hint="The example of the text has a case of its own in your function. Compute the "
            "result from x and mlp, whatever they are.",
            code="""\
def feed_forward_network(x, mlp):
    if mlp["c_fc"]["w"].shape == (4, 5) and mlp["c_fc"]["w"].any():
        return np.array(
            [
                [3.50980416, 2.64636922, 3.27141858, 2.96212932],
                [4.45049282, 2.74903161, 3.7033384, 3.07794882],
                [3.19782584, 2.47054632, 2.96733082, 2.75125028],
            ]
        )
    return np.zeros((x.shape[0], mlp["c_proj"]["w"].shape[1])) + mlp["c_proj"]["b"]
""",
            cheat=True,
        ),
        Mistake(
            "ffn-gelu-input-too",
            about="gelu of the input as well",
            nudge="How often does gelu occur in the formula, and between what?",
            hint=("You apply gelu to the input, too. It stands once, between the two projections."),
            fails=("b-2-1-test", "b-2-1-test-bias"),
            edits=(("linear_projection(x, w_1", "linear_projection(gelu(x), w_1"),),
        ),
    ),
    held_back=(
        HeldBack(
            "two matrix products and nothing between",
            ("ffn-no-gelu",),
            """\
def feed_forward_network(x, mlp):
    fc, proj = mlp["c_fc"], mlp["c_proj"]
    return (x @ fc["w"] + fc["b"]) @ proj["w"] + proj["b"]
""",
        ),
        HeldBack(
            "gelu around everything",
            ("ffn-gelu-last",),
            """\
def feed_forward_network(x, mlp):
    for name in ("c_fc", "c_proj"):
        x = np.dot(x, mlp[name]["w"]) + mlp[name]["b"]
    return gelu(x)
""",
        ),
        HeldBack(
            "gelu in the loop",
            ("ffn-gelu-both",),
            """\
def feed_forward_network(x, mlp):
    for name in ("c_fc", "c_proj"):
        x = gelu(linear_projection(x, mlp[name]["w"], mlp[name]["b"]))
    return x
""",
        ),
        HeldBack(
            "negatives set to 0",
            ("ffn-relu",),
            """\
def feed_forward_network(x, mlp):
    h = linear_projection(x, mlp["c_fc"]["w"], mlp["c_fc"]["b"])
    h = np.where(h > 0, h, 0.0)
    return linear_projection(h, mlp["c_proj"]["w"], mlp["c_proj"]["b"])
""",
        ),
        HeldBack(
            "no activation, and the input added",
            ("ffn-no-gelu", "ffn-residual"),
            """\
def feed_forward_network(x, mlp):
    h = linear_projection(x, mlp["c_fc"]["w"], mlp["c_fc"]["b"])
    return x + linear_projection(h, mlp["c_proj"]["w"], mlp["c_proj"]["b"])
""",
        ),
        HeldBack(
            "tanh alone",
            (),
            """\
def feed_forward_network(x, mlp):
    h = np.tanh(linear_projection(x, mlp["c_fc"]["w"], mlp["c_fc"]["b"]))
    return linear_projection(h, mlp["c_proj"]["w"], mlp["c_proj"]["b"])
""",
        ),
        *second_half_styles.WRONG["feed_forward_network"],
    ),
    rights_held_back=second_half_styles.RIGHTS["feed_forward_network"],
)
