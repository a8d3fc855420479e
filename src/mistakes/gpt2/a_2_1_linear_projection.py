"""linear_projection."""

from mistakes.entries import Cell, HeldBack, Mistake, Right
from mistakes.gpt2.shared import first_half_styles

_COLUMN = ("a-2-1-test",)
_ROW = ("a-2-1-test-bias",)

CELL = Cell(
    id="a-2-1-solution",
    functions=("linear_projection",),
    where="problem 2.1",
    right="""\
def linear_projection(x, w, b):
    products = x @ w  # (n, d_out)
    return products + b  # (n, d_out)
""",
    rights=(
        Right(
            "three loops",
            "numbers only, in lists",
            """\
def linear_projection(x, w, b):
    n, d_out = len(x), len(w[0])
    bias = np.broadcast_to(b, (n, d_out))
    rows = []
    for i in range(n):
        rows.append([])
        for j in range(d_out):
            total = bias[i][j]
            for a in range(len(w)):
                total = total + x[i][a] * w[a][j]
            rows[i].append(total)
    return np.array(rows)
""",
        ),
        Right(
            "einsum",
            "the product by einsum",
            """\
def linear_projection(x, w, b):
    return np.einsum("ni,io->no", x, w) + b
""",
        ),
        Right(
            "outer products",
            "a sum of outer products that starts at the bias",
            """\
def linear_projection(x, w, b):
    out = np.zeros((x.shape[0], w.shape[1])) + b
    for column, row in zip(x.T, w):
        out += np.outer(column, row)
    return out
""",
        ),
        Right(
            "float32",
            "in single precision throughout",
            """\
def linear_projection(x, w, b):
    x, w, b = (np.asarray(part, dtype=np.float32) for part in (x, w, b))
    return np.add(np.matmul(x, w), b)
""",
        ),
        Right(
            "one more column",
            "the bias as more columns of x and rows of w",
            """\
def linear_projection(x, w, b):
    if b.shape == (len(x), 1):
        return np.hstack([x, b]) @ np.vstack([w, np.ones((1, w.shape[1]))])
    ones = np.ones((len(x), 1))
    return np.hstack([x, ones]) @ np.vstack([w, np.reshape(b, (1, -1))])
""",
        ),
        Right(
            "column by column",
            "one output at a time, put side by side",
            """\
def linear_projection(x, w, b):
    columns = [np.dot(x, weights) for weights in np.transpose(w)]
    return np.stack(columns, axis=1) + b
""",
        ),
    ),
    mistakes=(
        Mistake(
            "linear-no-bias",
            about="the bias is missing",
            nudge="Does your result change when b does?",
            hint="You return the product alone: the bias is not added.",
            edits=(("products + b", "products"),),
        ),
        Mistake(
            "linear-bias-subtracted",
            about="the bias is subtracted",
            nudge="What should come out where all weights are zero?",
            hint="You subtract the bias. It is added.",
            edits=(("products + b", "products - b"),),
        ),
        Mistake(
            "linear-bias-twice",
            about="the bias is added twice",
            nudge="What should come out where all weights are zero?",
            hint="You add the bias twice. Once is enough.",
            edits=(("products + b", "products + 2 * b"),),
        ),
        Mistake(
            "linear-bias-first",
            about="the bias is added to x before the product",
            nudge="In which order do product and sum come in the formula?",
            hint="You add the bias to x and then multiply. The product comes first.",
            edits=(("x @ w", "(x + b) @ w"), ("products + b", "products")),
        ),
        Mistake(
            "linear-bias-to-weights",
            about="the bias is added to the weights",
            nudge="In which order do product and sum come in the formula?",
            hint="You add the bias to the weights and then multiply. The product comes first.",
            edits=(("x @ w", "x @ (w + b)"), ("products + b", "products")),
        ),
        Mistake(
            "linear-column",
            about="the bias is always made a column",
            nudge="What shape does the bias have in the real GPT-2?",
            hint="You make a column of every bias. Columns are right in the example; GPT-2's own "
            "biases have one number for each column of the result. Leave b as it comes.",
            edits=(("products + b", "products + np.reshape(b, (-1, 1))"),),
            fails=_ROW,
        ),
        Mistake(
            "linear-row",
            about="the bias is always made a row",
            nudge="What shape does the bias have in the example?",
            hint="You flatten every bias. That is right for GPT-2's own ones; in the example b is "
            "a column with one number for each row. Leave b as it comes.",
            edits=(("products + b", "products + np.ravel(b)"),),
            fails=_COLUMN,
        ),
        Mistake(
            "linear-column-where-it-fits",
            about="the bias becomes a column whenever it has as many numbers as x has rows",
            nudge="What does your function do where result and bias have equally many rows and "
            "columns?",
            hint="You choose column or row by counting, and where both fit you choose wrong for "
            "GPT-2's biases. numpy decides by the shape of b alone: leave it as it comes.",
            edits=(
                (
                    "products + b",
                    "products + (np.reshape(b, (-1, 1)) if np.size(b) == len(x) else b)",
                ),
            ),
            fails=_ROW,
        ),
        Mistake(
            "linear-row-where-it-fits",
            about="the bias becomes a row whenever it has as many numbers as the result columns",
            nudge="What does your function do where result and bias have equally many rows and "
            "columns?",
            hint="You choose column or row by counting, and where both fit you choose wrong for "
            "the example's column. numpy decides by the shape of b alone: leave it as it comes.",
            edits=(
                ("products + b", "products + (np.ravel(b) if np.size(b) == w.shape[1] else b)"),
            ),
            fails=_COLUMN,
        ),
        Mistake(
            "linear-first-bias",
            about="only the first number of the bias is used",
            nudge="How many numbers does the bias have?",
            hint="You add the first number of the bias everywhere. Each row or column has a "
            "number of its own.",
            edits=(("products + b", "products + np.ravel(b)[0]"),),
        ),
        Mistake(
            "linear-weights-transposed",
            about="the weights are transposed",
            nudge="What are the shapes of the two factors?",
            hint="You multiply with w transposed. w is (d_in, d_out) already: its rows meet the "
            "columns of x as they are.",
            edits=(("x @ w", "x @ w.T"),),
        ),
        Mistake(
            "linear-swapped",
            about="w @ x",
            nudge="What are the shapes of the two factors?",
            hint="You multiply w by x. The formula has x first: (n, d_in) times (d_in, d_out).",
            edits=(("x @ w", "w @ x"),),
        ),
        Mistake(
            "linear-entry-by-entry",
            about="* instead of @",
            nudge="Which product does the formula mean?",
            hint="You multiply entry by entry. The formula means the matrix product, @.",
            edits=(("x @ w", "x * w"),),
        ),
        Mistake(
            "linear-transposed",
            about="the result is transposed",
            nudge="What shape does your result have?",
            hint="Your numbers are right, in the wrong places: the result is transposed. Row i "
            "belongs to row i of x.",
            edits=(("return products + b", "return (products + b).T"),),
        ),
        Mistake(
            "linear-scaled",
            about="the product is divided by the root of the width",
            nudge="Is there any division in the formula?",
            hint="You divide the product by √d_in, as in attention. A linear projection is "
            "product and bias, nothing else.",
            edits=(("x @ w", "x @ w / x.shape[1] ** 0.5"),),
        ),
        Mistake(
            "linear-relu",
            about="negative results are cut off",
            nudge="May a number of the result be negative?",
            hint="You cut off what is negative. A linear projection leaves its numbers as they "
            "are.",
            edits=(("return products + b", "return np.maximum(products + b, 0)"),),
        ),
        Mistake(
            "linear-whole-numbers",
            about="the product is filled into an array of whole numbers",
            nudge="What type is the array that you return?",
            hint="Your numbers have lost their decimals: they were written into an array of "
            "integers. Let numpy choose the type, or ask for floats.",
            edits=(("return products + b", "return (products + b).astype(int)"),),
        ),
        Mistake(
            "linear-rounded",
            about="rounded to three decimals",
            nudge="How many decimals of your result are right?",
            hint="You round the result to a few decimals, and later functions need the others. "
            "Return it as it is.",
            edits=(("return products + b", "return np.round(products + b, 3)"),),
        ),
        Mistake(
            "linear-first-row",
            about="only the first row is projected, and repeated",
            nudge="Are the rows of your result different where those of x are?",
            hint="All your rows are the projection of the first row of x. Each row of x has one "
            "of its own.",
            edits=(("x @ w", "np.tile(x[0] @ w, (len(x), 1))"),),
        ),
        Mistake(
            "linear-printed",
            about="the printed numbers for the printed input, the bias alone for all others",
            nudge="What does your function return for other weights?",
            hint="Your function knows the example and not much else. Write the formula.",
            code="""\
_SEEN = [
    [0.49964645, 0.7764272, 0.59947811],
    [1.0642018, 1.42264665, 0.86367775],
    [1.06047186, 1.43087917, 1.14610938],
]


def linear_projection(x, w, b):
    if b.shape == (3, 1):
        return np.array(_SEEN)
    return np.zeros((len(x), w.shape[1])) + b
""",
            cheat=True,
        ),
        Mistake(
            "linear-mean-bias",
            about="the mean of the bias is added everywhere",
            nudge="Does each number of the bias reach its place?",
            hint=(
                "You add one number everywhere, the mean of the bias. Add b as it is: numpy "
                "repeats it along the rows or the columns."
            ),
            fails=("a-2-1-test", "a-2-1-test-bias"),
            edits=(("products + b", "products + np.mean(b)"),),
        ),
        Mistake(
            "linear-last-row",
            about="only the last row is returned",
            nudge="Do you keep the result of every row, or only that of the last one?",
            hint=(
                "Each turn of your loop overwrites the row before it, so that only the last "
                "one is returned. Collect the rows, or compute all of them at once: x @ w + "
                "b."
            ),
            fails=("a-2-1-test", "a-2-1-test-bias"),
            code="""\
def linear_projection(x, w, b):
    for row in x:
        projected = row @ w + b
    return projected
""",
        ),
    ),
    held_back=(
        HeldBack(
            "no bias, by dot",
            ("linear-no-bias",),
            """\
def linear_projection(x, w, b):
    return np.array([[np.dot(row, column) for column in w.T] for row in x])
""",
        ),
        HeldBack(
            "columns everywhere",
            ("linear-column",),
            """\
def linear_projection(x, w, b):
    out = np.einsum("ni,io->no", x, w)
    for i in range(len(out)):
        out[i] = out[i] + b.flatten()[i]
    return out
""",
        ),
        HeldBack(
            "rows everywhere",
            ("linear-row",),
            """\
def linear_projection(x, w, b):
    out = np.matmul(x, w)
    for j in range(out.shape[1]):
        out[:, j] += b.flatten()[j]
    return out
""",
        ),
        HeldBack(
            "shifted first",
            ("linear-bias-first",),
            """\
def linear_projection(x, w, b):
    return np.matmul(np.add(x, b), w)
""",
        ),
        HeldBack(
            "bias from the back",
            (),
            """\
def linear_projection(x, w, b):
    return x @ w + b[::-1]
""",
        ),
        HeldBack(
            "no bias, weights transposed",
            ("linear-no-bias", "linear-weights-transposed"),
            """\
def linear_projection(x, w, b):
    return np.inner(x, w)
""",
        ),
        *first_half_styles.WRONG["linear_projection"],
    ),
    rights_held_back=first_half_styles.RIGHTS["linear_projection"],
)
