"""prediction_head."""

from mistakes.assignment5.shared import transformer_styles
from mistakes.entries import Cell, HeldBack, Mistake, Right

CELL = Cell(
    id="p2-7-solution",
    functions=("prediction_head",),
    where="problem 2.7",
    right="""\
def prediction_head(x, params):
    w = params["fc_out.weight"].T  # (d_model, vocab_size)
    b = params["fc_out.bias"]  # (vocab_size,)
    logits = x @ w + b  # (n, vocab_size)
    return logits
""",
    rights=(
        Right(
            "loop",
            "one logit at a time",
            """\
def prediction_head(x, params):
    w, b = params["fc_out.weight"], params["fc_out.bias"]
    logits = []
    for row in x:
        logits.append([np.dot(weights, row) + bias for weights, bias in zip(w, b)])
    return np.array(logits)
""",
        ),
        Right(
            "einsum",
            "einsum, the bias as a row",
            """\
def prediction_head(x, params):
    scores = np.einsum("nd,vd->nv", x, params["fc_out.weight"])
    return scores + params["fc_out.bias"][None, :]
""",
        ),
        Right(
            "float32",
            "in single precision throughout",
            """\
def prediction_head(x, params):
    x, w, b = (
        np.asarray(a, np.float32) for a in (x, params["fc_out.weight"], params["fc_out.bias"])
    )
    return np.inner(x, w) + b
""",
        ),
        Right(
            "float32 inside",
            "the product in single precision, the sum in double",
            """\
def prediction_head(x, params):
    w = params["fc_out.weight"].astype(np.float32)
    product = np.asarray(x).astype(np.float32) @ w.T
    return product + params["fc_out.bias"].astype(np.float64)
""",
        ),
        Right(
            "wider",
            "the bias as the weight of a column of ones",
            """\
def prediction_head(x, params):
    wide = np.hstack([x, np.ones((len(x), 1))])
    matrix = np.vstack([params["fc_out.weight"].T, params["fc_out.bias"]])
    return wide @ matrix
""",
        ),
        Right(
            "columns",
            "tokens as columns, added in its own array",
            """\
def prediction_head(x, params):
    scores = params["fc_out.weight"] @ np.transpose(x)
    scores += params["fc_out.bias"].reshape(-1, 1)
    return scores.T
""",
        ),
    ),
    mistakes=(
        Mistake(
            "head-no-bias",
            about="no bias",
            nudge="Does each parameter of the head appear in your code?",
            hint="The product is right, and the bias is missing: every column is off by the same "
            "number. Add b.",
            edits=(("x @ w + b", "x @ w"),),
        ),
        Mistake(
            "head-bias-twice",
            about="the bias added twice",
            nudge="How often does b enter?",
            hint="Every column is off by its bias: it has been added twice.",
            edits=(("x @ w + b", "x @ w + 2 * b"),),
        ),
        Mistake(
            "head-minus-bias",
            about="the bias subtracted",
            nudge="Look at the sign of the bias.",
            hint="The bias is subtracted where it should be added.",
            edits=(("x @ w + b", "x @ w - b"),),
        ),
        Mistake(
            "head-bias-before",
            about="the bias multiplied by the weights as well",
            nudge="Which comes first in the formula, the product or the sum?",
            hint="A number is added to all logits alike, where each token has a bias of its own: "
            "add b after the product, as a vector.",
            edits=(("x @ w + b", "x @ w + b.mean()"),),
        ),
        Mistake(
            "head-softmax",
            about="probabilities instead of logits",
            nudge="Can your results be negative? Should they?",
            hint="Your rows sum to 1: you return probabilities. Logits are asked for; softmax "
            "comes in problem 2.11.",
            edits=(("x @ w + b", "softmax(x @ w + b)"),),
        ),
        Mistake(
            "head-log-softmax",
            about="logarithms of probabilities",
            nudge="Should the logits of a row sum to anything in particular?",
            hint="In each row you subtract the same number from all logits: these are logarithms "
            "of probabilities. The formula stops at the product and the bias.",
            edits=(
                (
                    "x @ w + b",
                    "x @ w + b - np.logaddexp.reduce(x @ w + b, axis=-1, keepdims=True)",
                ),
            ),
        ),
        Mistake(
            "head-last-row",
            about="the last position only",
            nudge="How many rows should come back for n tokens?",
            hint="You return the logits of the last position. One row for each is asked for; "
            "problem 2.11 picks the last.",
            edits=(("x @ w + b", "x[-1:] @ w + b"),),
        ),
        Mistake(
            "head-tied",
            about="the embeddings as output weights",
            nudge="Which parameter maps back to the vocabulary in this model?",
            hint="You multiply with the embeddings. Some models share that matrix; this one has "
            "an output matrix of its own, fc_out.weight.",
            edits=(
                (
                    'params["fc_out.weight"].T',
                    'params.get("word_embedding.weight", params["fc_out.weight"]).T',
                ),
            ),
            fails=("p2-8-test",),
        ),
        Mistake(
            "head-relu",
            about="ReLU around the logits",
            nudge="Can logits be negative?",
            hint="Your logits are never negative. The head is linear: no activation here.",
            edits=(("x @ w + b", "relu(x @ w + b)"),),
        ),
        Mistake(
            "head-scaled",
            about="divided by the root of the width",
            nudge="Is anything divided in the formula?",
            hint="The product is divided by the root of the width. That belongs to attention.",
            edits=(("x @ w + b", "x @ w / np.sqrt(x.shape[1]) + b"),),
        ),
        Mistake(
            "head-normalised",
            about="rows normalised first",
            nudge="Is anything done to x before the product?",
            hint="You normalise each row first. Real Transformers do; this one was trained "
            "without.",
            edits=(
                (
                    "x @ w + b",
                    "(x - x.mean(axis=-1, keepdims=True)) "
                    "/ (x.std(axis=-1, keepdims=True) + 1e-5) @ w + b",
                ),
            ),
        ),
        Mistake(
            "head-bias-down",
            about="the bias along the positions where the shapes allow it",
            nudge="Along which axis does the bias run?",
            hint="With as many positions as tokens your bias goes down the rows. It has one number "
            "per column: leave numpy's broadcasting as it is.",
            code="""\
def prediction_head(x, params):
    w = params["fc_out.weight"]
    b = params["fc_out.bias"]
    scores = w @ x.T
    if scores.shape[1] == len(b):
        return (scores + b).T
    return scores.T + b
""",
            fails=("p2-8-test-fresh",),
        ),
        Mistake(
            "head-transposed",
            about="vocabulary down, positions across",
            nudge="Compare the shape of your result with the docstring.",
            hint="Rows and columns are exchanged: the shape is (vocab_size, n). Transpose it.",
            edits=(("x @ w + b", "(x @ w + b).T"),),
        ),
        Mistake(
            "head-in-place",
            about="adds the bias to the weights in place",
            nudge="Are the parameters the same after a call?",
            hint="The result is right, but the model's bias is changed by each call. "
            "Work on copies.",
            edits=(("    logits = x @ w + b", "    logits = x @ w + b\n    b += 1"),),
            fails=("p2-8-test-fresh",),
        ),
        Mistake(
            "head-printed",
            about="the printed row, tiled",
            nudge="Where do your numbers come from?",
            hint="Your function returns numbers that are written into it. Compute them.",
            code="""\
def prediction_head(x, params):
    logits = np.zeros((len(x), len(params["fc_out.bias"])))
    logits[:, :5] = [0.88448969, 0.07200013, -0.67318526, -1.11558351, 0.14410351]
    return logits
""",
            cheat=True,
        ),
        Mistake(
            "head-maximum-subtracted",
            about="the maximum of each row is subtracted",
            nudge="Does the formula of the head subtract anything?",
            hint=(
                "You subtract the largest logit of each row. That belongs into softmax, "
                "where it changes nothing; the logits themselves are x W + b."
            ),
            fails=("p2-8-test", "p2-8-test-fresh"),
            edits=(
                (
                    "logits = x @ w + b",
                    "logits = x @ w + b - np.max(x @ w + b, axis=-1, keepdims=True)",
                ),
            ),
        ),
        Mistake(
            "head-sigmoid",
            about="the logistic function of the logits",
            nudge="Which numbers can your logits be?",
            hint=(
                "You apply the logistic function, so that every number lies between 0 and "
                "1. Logits are x W + b, as they are."
            ),
            fails=("p2-8-test", "p2-8-test-fresh"),
            edits=(("logits = x @ w + b", "logits = 1 / (1 + np.exp(-(x @ w + b)))"),),
        ),
        Mistake(
            "head-bias-by-position",
            about="the bias of the first token for the first position, and so on",
            nudge="To which axis of the logits does the bias belong?",
            hint=(
                "You add one number of the bias to each position. It has one for each token "
                "of the vocabulary, the same at every position: x @ w + b adds it so."
            ),
            fails=("p2-8-test", "p2-8-test-fresh"),
            edits=(("logits = x @ w + b", "logits = x @ w + np.resize(b, (len(x), 1))"),),
        ),
    ),
    held_back=(
        HeldBack(
            "product only",
            ("head-no-bias",),
            """\
def prediction_head(x, params):
    return np.array([params["fc_out.weight"] @ row for row in x])
""",
        ),
        HeldBack(
            "exponentials over their sum",
            ("head-softmax",),
            """\
def prediction_head(x, params):
    out = []
    for row in x:
        e = params["fc_out.weight"] @ row + params["fc_out.bias"]
        e = np.exp(e - e.max())
        out.append(e / e.sum())
    return np.array(out)
""",
        ),
        HeldBack(
            "zero below zero",
            ("head-relu",),
            """\
def prediction_head(x, params):
    y = np.inner(x, params["fc_out.weight"]) + params["fc_out.bias"]
    return np.where(y > 0, y, 0)
""",
        ),
        HeldBack(
            "half the weights",
            (),
            """\
def prediction_head(x, params):
    return 0.5 * x @ params["fc_out.weight"].T + params["fc_out.bias"]
""",
        ),
        *transformer_styles.WRONG["prediction_head"],
    ),
    rights_held_back=transformer_styles.RIGHTS["prediction_head"],
)
