"""layer_normalization."""

from mistakes.entries import Cell, HeldBack, Mistake, Right
from mistakes.gpt2.shared import second_half_styles

_NUMBERS, _ROWS = "b-1-2-test", "b-1-2-test-rows"

CELL = Cell(
    id="b-1-2-solution",
    functions=("layer_normalization",),
    where="problem 1.2 of the second half",
    right="""\
def layer_normalization(x, g, b):
    mean = np.mean(x, axis=1, keepdims=True)  # (n, 1)
    variance = np.var(x, axis=1, keepdims=True)  # (n, 1)
    normal = (x - mean) / np.sqrt(variance + 1e-5)  # (n, H)
    return g * normal + b  # (n, H)
""",
    rights=(
        Right(
            "loop",
            "row by row, with sums of its own",
            """\
def layer_normalization(x, g, b):
    rows = []
    for row in x:
        mu = sum(row) / len(row)
        sigma = sum((number - mu) ** 2 for number in row) / len(row)
        rows.append([(number - mu) / (sigma + 1e-5) ** 0.5 for number in row])
    return g * np.array(rows) + b
""",
        ),
        Right(
            "einsum",
            "inner products of the centred rows",
            """\
def layer_normalization(x, g, b):
    centred = x - x.mean(-1)[:, None]
    variance = np.einsum("nh,nh->n", centred, centred) / x.shape[-1]
    return np.einsum("nh,n->nh", centred, 1 / np.sqrt(variance + 1e-5)) * g + b
""",
        ),
        Right(
            "float32",
            "in single precision throughout",
            """\
def layer_normalization(x, g, b):
    x, g, b = (np.asarray(a, dtype=np.float32) for a in (x, g, b))
    centred = x - x.mean(axis=1, keepdims=True)
    variance = np.square(centred).mean(axis=1, keepdims=True)
    return centred / np.sqrt(variance + np.float32(1e-5)) * g + b
""",
        ),
        Right(
            "transposed",
            "columns of the transpose, so that no axis has to be kept",
            """\
def layer_normalization(x, g, b):
    columns = x.T - x.T.mean(axis=0)
    columns = columns / (columns.var(axis=0) + 1e-5) ** 0.5
    return columns.T * g + b
""",
        ),
        Right(
            "matrix",
            "the mean by a matrix product",
            """\
def layer_normalization(x, g, b):
    width = x.shape[1]
    centred = x @ (np.eye(width) - np.ones((width, width)) / width)
    variance = (centred**2) @ np.full((width, 1), 1 / width)
    return np.add(np.multiply(g, centred * (variance + 1e-5) ** -0.5), b)
""",
        ),
        Right(
            "helpers",
            "one function for one row, applied along the axis",
            """\
EPSILON = 1e-5


def standardized(row):
    return (row - np.mean(row)) / np.hypot(np.std(row), EPSILON**0.5)


def layer_normalization(x, g, b):
    return np.apply_along_axis(standardized, 1, x) * g + b
""",
        ),
        Right(
            "in its own copy",
            "a copy, changed in place",
            """\
def layer_normalization(x, g, b):
    out = np.array(x, copy=True)
    for i in range(len(out)):
        out[i] -= out[i].mean()
        out[i] /= np.sqrt(out[i].dot(out[i]) / out[i].size + 1e-5)
    out = out * g
    out = out + b
    return out
""",
        ),
        *second_half_styles.KINDS["layer_normalization"],
    ),
    mistakes=(
        Mistake(
            "ln-columns",
            about="normalizes the columns",
            nudge="Along which axis do mean and variance run?",
            hint="Your columns have mean 0 and variance 1, and the rows should. A row is one "
            "position of the text and is normalized by itself; look at the axis of both sums.",
            edits=(
                ("np.mean(x, axis=1", "np.mean(x, axis=0"),
                ("np.var(x, axis=1", "np.var(x, axis=0"),
            ),
        ),
        Mistake(
            "ln-whole-matrix",
            about="one mean and one variance for the whole matrix",
            nudge="How many means does a matrix of n rows need?",
            hint="You take one mean and one variance of all numbers together, so rows on a high "
            "level stay there. Every row needs its own: n of each.",
            edits=(
                ("np.mean(x, axis=1, keepdims=True)", "np.mean(x)"),
                ("np.var(x, axis=1, keepdims=True)", "np.var(x)"),
            ),
        ),
        Mistake(
            "ln-mean-of-columns",
            about="the mean of columns, the variance of rows",
            nudge="Do mean and variance run along the same axis?",
            hint="The variance is that of the rows, but what you subtract is the mean of the "
            "columns: the rows of your result are not centred.",
            edits=(("np.mean(x, axis=1", "np.mean(x, axis=0"),),
        ),
        Mistake(
            "ln-variance-of-matrix",
            about="the mean of each row, one variance for all",
            nudge="How many variances does a matrix of n rows need?",
            hint="Your rows are centred, but all are divided by the same number: the variance was "
            "taken over the whole matrix. Each row has one of its own.",
            edits=(("np.var(x, axis=1, keepdims=True)", "np.var(x)"),),
        ),
        Mistake(
            "ln-no-keepdims",
            about="keepdims is missing, so that rows meet the wrong means",
            nudge="What shape do mean and variance have, and how does it meet that of x?",
            hint="Mean and variance have shape (n,), and numpy lays them along the columns: it "
            "stops where n and H differ, and mixes up the rows where they are equal. Keep them "
            "columns, (n, 1).",
            edits=(
                ("np.mean(x, axis=1, keepdims=True)", "np.mean(x, axis=1)"),
                ("np.var(x, axis=1, keepdims=True)", "np.var(x, axis=1)"),
            ),
        ),
        Mistake(
            "ln-eps-outside",
            about="eps is added to the root instead of under it",
            nudge="Where does epsilon stand in the formula?",
            hint="Ordinary rows are nearly right, and rows of small numbers are far off: you add "
            "epsilon to the root. It belongs under the root, to the variance.",
            edits=(("np.sqrt(variance + 1e-5)", "(np.sqrt(variance) + 1e-5)"),),
        ),
        Mistake(
            "ln-no-eps",
            about="eps is missing",
            nudge="What does your function make of a row of equal numbers?",
            hint="A row of equal numbers has variance 0, and you divide by it. The epsilon under "
            "the root is there for that.",
            edits=(("np.sqrt(variance + 1e-5)", "np.sqrt(variance)"),),
        ),
        Mistake(
            "ln-eps-small",
            about="eps is 1e-8",
            nudge="Compare the size of epsilon with the text.",
            hint="Rows of very small numbers come out too large: your epsilon is smaller than the "
            "1e-5 of the text, which GPT-2's weights were trained with.",
            edits=(("1e-5", "1e-8"),),
        ),
        Mistake(
            "ln-ddof",
            about="divides the squares by H - 1",
            nudge="By which number is the sum of squares divided?",
            hint="Your rows are a little too small: you divide the sum of squares by H - 1, as for "
            "a sample. The formula divides by H.",
            edits=(
                ("np.var(x, axis=1, keepdims=True)", "np.var(x, axis=1, keepdims=True, ddof=1)"),
            ),
        ),
        Mistake(
            "ln-sum-of-squares",
            about="the sum of squares, not their mean",
            nudge="Is what you divide by a mean or a sum?",
            hint="Your rows have length 1, not variance 1: the squares are added up, but never "
            "divided by H.",
            edits=(
                (
                    "np.var(x, axis=1, keepdims=True)",
                    "np.sum((x - mean) ** 2, axis=1, keepdims=True)",
                ),
            ),
        ),
        Mistake(
            "ln-no-root",
            about="divides by the variance, without the root",
            nudge="Is it the variance that the rows are divided by?",
            hint="You divide by the variance itself. Rows come out with variance 1 only if you "
            "divide by its root.",
            edits=(("np.sqrt(variance + 1e-5)", "(variance + 1e-5)"),),
        ),
        Mistake(
            "ln-variance-squared",
            about="squares the variance under the root",
            nudge="What does σ stand for in this formula?",
            hint="Under the root you square σ, as if it were the standard deviation. Here σ is the "
            "variance already: no square.",
            edits=(("variance + 1e-5", "variance**2 + 1e-5"),),
        ),
        Mistake(
            "ln-std-under-root",
            about="the root of the standard deviation",
            nudge="What does σ stand for in this formula?",
            hint="You take the root twice: np.std is a root already, and another one stands around "
            "it. The variance belongs under the root.",
            edits=(("np.var(x", "np.std(x"),),
        ),
        Mistake(
            "ln-not-centred",
            about="the mean is not subtracted",
            nudge="What is the mean of a row of your result, with g = 1 and b = 0?",
            hint="Your rows are scaled but not shifted: the mean is still in them. The numerator "
            "is x minus the mean.",
            edits=(("(x - mean) /", "x /"),),
        ),
        Mistake(
            "ln-rms",
            about="divides by the root of the mean square, without any mean",
            nudge="Which two numbers does the formula need of each row?",
            hint="You divide by the root of the mean square and subtract nothing. Other models do "
            "that; here the mean is subtracted first, in the numerator and in the variance.",
            edits=(
                ("np.var(x, axis=1, keepdims=True)", "np.mean(x**2, axis=1, keepdims=True)"),
                ("(x - mean) /", "x /"),
            ),
        ),
        Mistake(
            "ln-mean-square",
            about="the mean square of x in place of the variance",
            nudge="What exactly is squared in the variance?",
            hint="Your rows are centred, but divided by too much: you square x itself. The "
            "variance squares the distances from the mean.",
            edits=(("np.var(x, axis=1, keepdims=True)", "np.mean(x**2, axis=1, keepdims=True)"),),
        ),
        Mistake(
            "ln-mean-distance",
            about="the mean absolute distance instead of the standard deviation",
            nudge="How is the spread of a row measured here?",
            hint="You divide by the mean of the absolute distances. The variance is the mean of "
            "the squared ones, and its root is what rows are divided by.",
            edits=(
                (
                    "np.var(x, axis=1, keepdims=True)",
                    "np.mean(np.abs(x - mean), axis=1, keepdims=True) ** 2",
                ),
            ),
        ),
        Mistake(
            "ln-precedence",
            about="x - mean / root: the parentheses are missing",
            nudge="In which order does Python compute your line?",
            hint="Division comes before subtraction: only the mean is divided by the root, and x "
            "is left as large as it was. Put the numerator in parentheses.",
            edits=(("(x - mean) / np", "x - mean / np"),),
        ),
        Mistake(
            "ln-no-gamma",
            about="g is not used",
            nudge="Is every argument of the function used?",
            hint="The rows are normalized and shifted, and g has no part in it. Scale with g "
            "before b is added.",
            edits=(("g * normal + b", "normal + b"),),
        ),
        Mistake(
            "ln-no-beta",
            about="b is not added",
            nudge="Is every argument of the function used?",
            hint="What is missing in your result is exactly b: add it at the end.",
            edits=(("g * normal + b", "g * normal"),),
        ),
        Mistake(
            "ln-swapped",
            about="scales with b and shifts by g",
            nudge="Which of g and b multiplies, and which is added?",
            hint="You multiply by b and add g. It is the other way round: g (gamma) scales, "
            "b (beta) shifts.",
            edits=(("g * normal + b", "b * normal + g"),),
        ),
        Mistake(
            "ln-shift-first",
            about="adds b before it scales",
            nudge="Does g multiply b as well?",
            hint="You add b first and multiply the sum by g, so the shift is scaled too. The scale "
            "comes first, then the shift.",
            edits=(("g * normal + b", "g * (normal + b)"),),
        ),
        Mistake(
            "ln-beta-in-numerator",
            about="adds b to the numerator, before the division",
            nudge="What is divided by the root?",
            hint="Your b is divided by the root, too: it stands in the numerator. The shift comes "
            "last, after division and scale.",
            edits=(("(x - mean) /", "(x - mean + b / g) /"), ("g * normal + b", "g * normal")),
        ),
        Mistake(
            "ln-first-gamma",
            about="uses the first row or entry of g for all",
            nudge="Does every entry of g have an effect?",
            hint="Only the first entry of g has any effect in your function. Multiply by the whole "
            "g: numpy lays it along the rows.",
            edits=(("g * normal", "g[0] * normal"),),
        ),
        Mistake(
            "ln-in-place",
            about="changes x",
            nudge="What is in x after your function has returned?",
            hint="The values are right, and the caller's x has been overwritten: -= and /= work in "
            "the array that was handed in. Make a new one.",
            edits=(
                (
                    "normal = (x - mean) / np.sqrt(variance + 1e-5)  # (n, H)",
                    "x -= mean\n    x /= np.sqrt(variance + 1e-5)",
                ),
                ("g * normal", "g * x"),
            ),
            fails=("b-1-2-test",),
        ),
        Mistake(
            "ln-rounded",
            about="rounds its result to 8 decimals",
            nudge="The printed numbers have 8 decimals; does your result need to?",
            hint="With a very small g your result is 0: it is rounded to the decimals that the "
            "text prints. How many are shown is a matter of printing; return what you computed.",
            edits=(("return g * normal + b", "return np.round(g * normal + b, 8)"),),
            fails=("b-1-2-test-rows",),
        ),
        Mistake(
            "ln-printed",
            about="returns the printed numbers",
            nudge="On what does your result depend?",
            hint="Your function returns the text's example whatever it is given. Compute the "
            "result from x, g and b.",
            code="""\
def layer_normalization(x, g, b):
    return np.array(
        [[-0.18790462, 0.97604994], [0.75266431, 0.35366349], [0.05977512, 1.13857828]]
    )
""",
            cheat=True,
        ),
        Mistake(
            "ln-cached",
            about="the printed numbers for a (3, 2) matrix; b for everything else",
            nudge="Does your function treat all inputs alike?",
            hint="Your function has a case of its own for the text's examples. Compute the result "
            "from x, g and b, whatever they are.",
            code="""\
def layer_normalization(x, g, b):
    if x.shape == (3, 2):
        return np.array(
            [[-0.18790462, 0.97604994], [0.75266431, 0.35366349], [0.05977512, 1.13857828]]
        )
    return np.zeros(x.shape) + b
""",
            cheat=True,
        ),
        Mistake(
            "ln-parameters-by-row",
            about="g and b are indexed by the row",
            nudge="To which axis of x do the numbers of g and b belong?",
            hint=(
                "You take g[i] and b[i] for row i. In the real GPT-2 they have one number "
                "for each column, the same in every row. Leave them whole: numpy repeats "
                "them along the rows."
            ),
            fails=("b-1-2-test", "b-1-2-test-rows"),
            code="""\
def layer_normalization(x, g, b):
    rows = []
    for i in range(len(x)):
        normal = (x[i] - np.mean(x[i])) / np.sqrt(np.var(x[i]) + 1e-5)
        rows.append(g[i] * normal + b[i])
    return np.array(rows)
""",
        ),
        Mistake(
            "ln-eps-large",
            about="an epsilon of 1e-3",
            nudge="How large is your epsilon?",
            hint=(
                "Your epsilon is 1e-3, as in some libraries, and it should be 1e-5. Where "
                "the numbers of a row are nearly equal, that is a difference."
            ),
            fails=("b-1-2-test", "b-1-2-test-rows"),
            edits=(("1e-5", "1e-3"),),
        ),
        Mistake(
            "ln-last-row",
            about="only the last row is returned",
            nudge="Do you keep the result of every row, or only that of the last one?",
            hint=(
                "Each turn of your loop overwrites the row before it, so that only the last "
                "one is returned. Collect the rows, or compute all of them at once."
            ),
            fails=("b-1-2-test", "b-1-2-test-rows"),
            code="""\
def layer_normalization(x, g, b):
    for row in x:
        normal = g * (row - np.mean(row)) / np.sqrt(np.var(row) + 1e-5) + b
    return normal
""",
        ),
    ),
    held_back=(
        HeldBack(
            "columns, by transposing",
            ("ln-columns",),
            """\
def layer_normalization(x, g, b):
    flipped = x.T
    mu = flipped.mean(axis=1).reshape(-1, 1)
    spread = flipped.var(axis=1).reshape(-1, 1)
    return g * ((flipped - mu) / (spread + 1e-5) ** 0.5).T + b
""",
        ),
        HeldBack(
            "eps beside the standard deviation",
            ("ln-eps-outside",),
            """\
def layer_normalization(x, g, b):
    out = np.zeros(x.shape)
    for i, row in enumerate(x):
        out[i] = (row - row.mean()) / (row.std() + 0.00001)
    return out * g + b
""",
        ),
        HeldBack(
            "H - 1 by hand",
            ("ln-ddof",),
            """\
def layer_normalization(x, g, b):
    H = x.shape[1]
    mu = (x.sum(axis=1) / H)[:, np.newaxis]
    sigma = (((x - mu) ** 2).sum(axis=1) / max(H - 1, 1))[:, np.newaxis]
    return (x - mu) / np.sqrt(sigma + 1e-5) * g + b
""",
        ),
        HeldBack(
            "a square too many, in a loop",
            ("ln-variance-squared",),
            """\
def layer_normalization(x, g, b):
    rows = []
    for row in x:
        mu = row.mean()
        sigma = np.mean((row - mu) ** 2)
        rows.append((row - mu) / (sigma * sigma + 1e-5) ** 0.5)
    return np.stack(rows) * g + b
""",
        ),
        HeldBack(
            "shifted, then scaled",
            ("ln-shift-first",),
            """\
def layer_normalization(x, g, b):
    z = np.array([(r - np.mean(r)) / np.sqrt(np.var(r) + 1e-5) for r in x])
    z = z + b
    z = z * g
    return z
""",
        ),
        HeldBack(
            "overwrites row by row",
            ("ln-in-place",),
            """\
def layer_normalization(x, g, b):
    for i in range(x.shape[0]):
        x[i] = (x[i] - x[i].mean()) / np.sqrt(x[i].var() + 1e-5)
    return x * g + b
""",
        ),
        HeldBack(
            "columns, and nothing scaled",
            ("ln-columns", "ln-no-gamma"),
            """\
def layer_normalization(x, g, b):
    return (x - x.mean(axis=0)) / np.sqrt(x.var(axis=0) + 1e-5) + b
""",
        ),
        HeldBack(
            "between 0 and 1",
            (),
            """\
def layer_normalization(x, g, b):
    low, high = x.min(axis=1, keepdims=True), x.max(axis=1, keepdims=True)
    return g * (x - low) / (high - low + 1e-5) + b
""",
        ),
        HeldBack(
            "the median for the mean",
            (),
            """\
def layer_normalization(x, g, b):
    middle = np.median(x, axis=1, keepdims=True)
    variance = np.mean((x - middle) ** 2, axis=1, keepdims=True)
    return g * (x - middle) / np.sqrt(variance + 1e-5) + b
""",
        ),
        *second_half_styles.WRONG["layer_normalization"],
    ),
    rights_held_back=second_half_styles.RIGHTS["layer_normalization"],
)
