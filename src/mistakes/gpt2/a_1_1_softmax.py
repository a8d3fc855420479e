"""softmax."""

from mistakes.entries import Cell, HeldBack, Mistake, Right
from mistakes.gpt2.shared import first_half_styles

CELL = Cell(
    id="a-1-1-solution",
    functions=("softmax",),
    where="problem 1.1",
    right="""\
def softmax(x):
    shifted = x - np.max(x, axis=-1, keepdims=True)  # (n, m)
    powers = np.exp(shifted)  # (n, m)
    return powers / powers.sum(axis=-1, keepdims=True)  # (n, m)
""",
    rights=(
        Right(
            "loop",
            "row by row, in lists",
            """\
import math


def softmax(x):
    rows = []
    for row in x:
        powers = [math.exp(score - max(row)) for score in row]
        rows.append([power / sum(powers) for power in powers])
    return np.array(rows)
""",
        ),
        Right(
            "log space",
            "the logarithms of the shares first",
            """\
def softmax(x):
    return np.exp(x - np.logaddexp.reduce(x, axis=1)[:, None])
""",
        ),
        Right(
            "float32",
            "in single precision throughout",
            """\
def softmax(x):
    x = np.asarray(x, dtype=np.float32)
    powers = np.exp(x - x.max(axis=1).reshape(-1, 1))
    return powers * (np.float32(1) / powers.sum(axis=1).reshape(-1, 1))
""",
        ),
        Right(
            "transposed",
            "rows as columns, so that nothing has to keep its place",
            """\
def softmax(x):
    columns = x.T - x.max(axis=1)
    np.exp(columns, out=columns)
    columns /= columns.sum(axis=0)
    return columns.T
""",
        ),
        Right(
            "apply along",
            "a function of one row, applied along the rows",
            """\
def _shares(row):
    powers = np.exp(row - row.max())
    return powers / np.dot(powers, np.ones(len(powers)))


def softmax(x):
    return np.apply_along_axis(_shares, 1, x)
""",
        ),
        Right(
            "ratios",
            "one over the sum of all ratios to a share",
            """\
def softmax(x):
    with np.errstate(over="ignore"):
        ratios = np.exp(x[:, None, :] - x[:, :, None])
    return 1 / ratios.sum(axis=2)
""",
        ),
        Right(
            "filled",
            "an array filled by index, with a matrix product for the sums",
            """\
def softmax(x):
    n, width = np.shape(x)
    out = np.zeros((n, width))
    for i in range(n):
        top = max(x[i])
        for j in range(width):
            out[i, j] = np.exp(x[i, j] - top)
    return out / (out @ np.ones((width, 1)))
""",
        ),
        *first_half_styles.KINDS["softmax"],
    ),
    mistakes=(
        Mistake(
            "softmax-no-max",
            about="the maximum is not subtracted",
            nudge="What becomes of a score of 1000 in your function?",
            hint="Your shares are right for small scores, and nan for large ones: exp(1000) is "
            "infinite. Subtract the maximum of each row before the exponential function; on paper "
            "it changes nothing.",
            edits=(("x - np.max(x, axis=-1, keepdims=True)", "x"),),
            fails=("a-1-1-test-stable",),
        ),
        Mistake(
            "softmax-one-maximum",
            about="one maximum for the whole matrix",
            nudge="Whose maximum do you subtract from a row?",
            hint="You subtract the largest number of the whole matrix. In a row that lies far "
            "below it all exponentials become 0, and 0 / 0 is nan. Each row needs its own maximum.",
            edits=(("np.max(x, axis=-1, keepdims=True)", "np.max(x)"),),
            fails=("a-1-1-test-stable",),
        ),
        Mistake(
            "softmax-minimum",
            about="the minimum is subtracted instead of the maximum",
            nudge="After the subtraction, what is the largest exponent?",
            hint="You subtract the smallest score of a row, so that the others become larger than "
            "0 and overflow. Subtract the largest, and no exponent is above 0.",
            edits=(("np.max(x", "np.min(x"),),
            fails=("a-1-1-test-stable",),
        ),
        Mistake(
            "softmax-mean",
            about="the mean is subtracted instead of the maximum",
            nudge="After the subtraction, what is the largest exponent?",
            hint="Subtracting the mean leaves exponents that can still be very large. Only the "
            "maximum of the row makes sure that none is above 0.",
            edits=(("np.max(x", "np.mean(x"),),
            fails=("a-1-1-test-stable",),
        ),
        Mistake(
            "softmax-columns",
            about="normalized down the columns",
            nudge="Along which axis do the probabilities have to sum to one?",
            hint="Each row is a distribution of its own: maximum and sum run over the last axis. "
            "Yours run over the first.",
            edits=(("np.max(x, axis=-1", "np.max(x, axis=0"), (".sum(axis=-1", ".sum(axis=0")),
        ),
        Mistake(
            "softmax-sum-of-columns",
            about="maximum of the row, sum of the column",
            nudge="Along which axis does your sum run?",
            hint="Your columns sum to 1, and it should be the rows. The maximum is taken along "
            "the right axis; take the sum along the same one.",
            edits=((".sum(axis=-1", ".sum(axis=0"),),
        ),
        Mistake(
            "softmax-maximum-of-columns",
            about="the maximum of each column is subtracted, the sums are those of the rows",
            nudge="Is the same number subtracted from all scores of a row?",
            hint="Your rows sum to 1, but their shares are wrong: you subtract another number in "
            "each column. Only a number that is the same for the whole row cancels.",
            edits=(("np.max(x, axis=-1", "np.max(x, axis=0"),),
        ),
        Mistake(
            "softmax-one-sum",
            about="one sum for the whole matrix",
            nudge="What do the numbers of one of your rows sum to?",
            hint="All your numbers together sum to 1; it should be those of each row. Sum along "
            "the last axis, and keep the sums as a column.",
            edits=(("powers.sum(axis=-1, keepdims=True)", "powers.sum()"),),
        ),
        Mistake(
            "softmax-one-maximum-and-sum",
            about="the whole matrix is treated as one row",
            nudge="Is each row of your result a distribution of its own?",
            hint="You treat the matrix as one long row: everything together sums to 1. Maximum "
            "and sum both belong to a row.",
            edits=(
                ("np.max(x, axis=-1, keepdims=True)", "np.max(x)"),
                ("powers.sum(axis=-1, keepdims=True)", "powers.sum()"),
            ),
        ),
        Mistake(
            "softmax-maximum-only-above",
            about="the maximum is subtracted in the numerator only",
            nudge="Compare numerator and denominator with the formula.",
            hint="You subtract the maximum in the numerator and not in the denominator, so that "
            "it does not cancel. Compute the exponentials once and use them twice.",
            edits=(("powers.sum(", "np.exp(x).sum("),),
        ),
        Mistake(
            "softmax-not-normalized",
            about="exponentials without the sum",
            nudge="What do the numbers of one of your rows sum to?",
            hint="Your largest share in every row is 1: these are the exponentials before they "
            "are divided by their sum.",
            edits=(("return powers / powers.sum(axis=-1, keepdims=True)", "return powers"),),
        ),
        Mistake(
            "softmax-no-exp",
            about="the scores divided by their sum, without the exponential function",
            nudge="Can a share of yours be negative?",
            hint="You divide the scores themselves by their sum, so that negative scores give "
            "negative shares. The exponential function comes first.",
            code="""\
def softmax(x):
    return x / x.sum(axis=1, keepdims=True)
""",
        ),
        Mistake(
            "softmax-shifted-no-exp",
            about="the shifted scores divided by their sum, without the exponential function",
            nudge="What turns a difference of scores into a ratio of shares?",
            hint="You subtract the maximum and divide by the sum, but the exponential function in "
            "between is missing.",
            edits=(("np.exp(shifted)", "shifted"),),
        ),
        Mistake(
            "softmax-logarithm",
            about="the logarithms of the shares",
            nudge="Are your numbers between 0 and 1?",
            hint="All your numbers are negative: they are the logarithms of the right shares. "
            "Take the exponential function of them.",
            edits=(
                (
                    "return powers / powers.sum(axis=-1, keepdims=True)",
                    "return shifted - np.log(powers.sum(axis=-1, keepdims=True))",
                ),
            ),
        ),
        Mistake(
            "softmax-base-two",
            about="powers of 2 instead of e",
            nudge="Of which number do you take powers?",
            hint="Your shares are too even: they are those of powers of 2. The formula has "
            "powers of e, np.exp.",
            edits=(("np.exp(", "np.exp2("),),
        ),
        Mistake(
            "softmax-falling",
            about="the sign of the exponent is wrong",
            nudge="Which score of a row has your largest share?",
            hint="Your smallest score gets the largest share. Check the sign of the exponent.",
            edits=(("np.max(x", "np.min(x"), ("np.exp(shifted)", "np.exp(-shifted)")),
        ),
        Mistake(
            "softmax-sigmoid",
            about="the logistic function of each score",
            nudge="Does a share of yours depend on the other scores of its row?",
            hint="You compute the logistic function of every score by itself. A share depends on "
            "the whole row: it is an exponential over the sum of the row's exponentials.",
            code="""\
def softmax(x):
    return 1 / (1 + np.exp(-x))
""",
        ),
        Mistake(
            "softmax-winner",
            about="1 for the largest score, 0 for all others",
            nudge="What share should the second largest score have?",
            hint="You give everything to the largest score. Softmax is softer than that: each "
            "score has a share that grows with it.",
            edits=(
                (
                    "return powers / powers.sum(axis=-1, keepdims=True)",
                    "return np.eye(x.shape[1])[np.argmax(x, axis=1)]",
                ),
            ),
        ),
        Mistake(
            "softmax-first-row",
            about="only the first row, because return stands in the loop",
            nudge="How many rows does your result have?",
            hint="You return a single row: the return stands inside the loop and ends it after "
            "the first one. Collect the rows and return them after the loop.",
            code="""\
def softmax(x):
    for row in x:
        powers = np.exp(row - np.max(row))
        return powers / powers.sum()
""",
        ),
        Mistake(
            "softmax-transposed",
            about="the right shares, rows and columns swapped",
            nudge="What shape does your result have?",
            hint="Your shares are right, in the wrong places: the result is transposed. Turn it "
            "back before you return it.",
            edits=(
                (
                    "return powers / powers.sum(axis=-1, keepdims=True)",
                    "return (powers / powers.sum(axis=-1, keepdims=True)).T",
                ),
            ),
        ),
        Mistake(
            "softmax-no-keepdims",
            about="maximum and sum lose their place as columns",
            nudge="What are the shapes of your maximum and of your sum?",
            hint="Your maxima and sums have the shape (n,), which numpy lays along the columns "
            "where it fits and refuses where it does not. Keep them as columns, (n, 1).",
            edits=(
                ("np.max(x, axis=-1, keepdims=True)", "np.max(x, axis=-1)"),
                (".sum(axis=-1, keepdims=True)", ".sum(axis=-1)"),
            ),
        ),
        Mistake(
            "softmax-sum-no-keepdims",
            about="the sum loses its place as a column",
            nudge="What is the shape of your sum?",
            hint="Your sums have the shape (n,), which numpy lays along the columns where it fits "
            "and refuses where it does not. Keep them as a column, (n, 1), like the maximum.",
            edits=((".sum(axis=-1, keepdims=True)", ".sum(axis=-1)"),),
        ),
        Mistake(
            "softmax-in-place",
            about="the maximum is subtracted from the argument itself",
            nudge="Is x the same after a call as before?",
            hint="Your shares are right, but the call changes x: x -= ... works on the caller's "
            "array. Make a new one.",
            edits=(
                (
                    "shifted = x - np.max(x, axis=-1, keepdims=True)",
                    "shifted = x\n    shifted -= np.max(x, axis=-1, keepdims=True)",
                ),
            ),
            fails=("a-1-1-test-stable",),
        ),
        Mistake(
            "softmax-rounded",
            about="rounded to the eight decimals of the example",
            nudge="Are the smallest shares of your rows really 0?",
            hint="You round the shares, and those that are very small become 0. The example is "
            "only printed with eight decimals; return the numbers as they are.",
            edits=(
                (
                    "return powers / powers.sum(axis=-1, keepdims=True)",
                    "return np.round(powers / powers.sum(axis=-1, keepdims=True), 8)",
                ),
            ),
            fails=("a-1-1-test",),
        ),
        Mistake(
            "softmax-clipped",
            about="scores are clipped so that nothing overflows",
            nudge="What becomes of two different scores that are both very large?",
            hint="You clip the scores, so those above a bound all count the same. Subtract the "
            "maximum of the row instead: then nothing overflows and no difference is lost.",
            edits=(("x - np.max(x, axis=-1, keepdims=True)", "np.clip(x, -500, 500)"),),
            fails=("a-1-1-test-stable",),
        ),
        Mistake(
            "softmax-patched",
            about="overflow is repaired afterwards: nan becomes 0",
            nudge="Where do the zeros among large scores come from?",
            hint="You replace nan by 0 after the division, which hides that the exponentials have "
            "overflowed. Nothing overflows if the maximum of each row is subtracted first.",
            edits=(
                ("x - np.max(x, axis=-1, keepdims=True)", "x"),
                (
                    "return powers / powers.sum(axis=-1, keepdims=True)",
                    "return np.nan_to_num(powers / powers.sum(axis=-1, keepdims=True))",
                ),
            ),
            fails=("a-1-1-test-stable",),
        ),
        Mistake(
            "softmax-largest-value",
            about="the largest absolute value is subtracted instead of the maximum",
            nudge="What do you subtract from a row of negative scores?",
            hint="In rows of large negative scores you get nan: the number that you subtract is "
            "the largest by its size, not the maximum. Leave the sign alone.",
            edits=(("np.max(x, axis", "np.max(np.abs(x), axis"),),
            fails=("a-1-1-test-stable",),
        ),
        Mistake(
            "softmax-printed",
            about="returns the printed numbers for the printed input",
            nudge="What does your function return for other scores?",
            hint="Your function knows the example and not much else. Write it for any matrix.",
            code="""\
def softmax(x):
    if x.shape == (2, 2) and abs(x[0, 0] + 1) < 1e-6:
        return np.array([[0.26894142, 0.73105858], [0.31002552, 0.68997448]])
    if x.shape == (2, 2):
        return np.array([[0.5, 0.5], [0.0, 1.0]])
    return np.full(x.shape, 1 / x.shape[1])
""",
            cheat=True,
        ),
        Mistake(
            "softmax-two-columns",
            about="right for two scores a row only",
            nudge="How many scores can a row have?",
            hint="Your function is made for rows of two scores. Write it for rows of any length.",
            code="""\
def softmax(x):
    first = 1 / (1 + np.exp(x[:, 1:2] - x[:, :1]))
    return np.hstack([first, 1 - first])
""",
            cheat=True,
        ),
        Mistake(
            "softmax-short-e",
            about="2.718 instead of e",
            nudge="How many digits does your e have?",
            hint=(
                "You raise 2.718 to a power. e has more digits, and a large score makes the "
                "difference visible: np.exp knows them all."
            ),
            fails=("a-1-1-test", "a-1-1-test-stable"),
            edits=(("np.exp(shifted)", "2.718**shifted"),),
        ),
        Mistake(
            "softmax-last-row",
            about="only the last row is returned",
            nudge="Do you keep the result of every row, or only that of the last one?",
            hint=(
                "Each turn of your loop overwrites the row before it, so that only the last "
                "one is returned. Collect the rows, or compute all of them at once."
            ),
            fails=("a-1-1-test", "a-1-1-test-stable"),
            code="""\
def softmax(x):
    for row in x:
        powers = np.exp(row - row.max())
        shares = powers / powers.sum()
    return shares
""",
        ),
        Mistake(
            "softmax-mean-of-powers",
            about="divided by the mean instead of the sum",
            nudge="What do the numbers of one row add up to?",
            hint=(
                "You divide by the mean of the exponentials, so that a row sums to the "
                "number of its scores. Divide by their sum, and it sums to 1."
            ),
            fails=("a-1-1-test", "a-1-1-test-stable"),
            edits=(("powers.sum(", "powers.mean("),),
        ),
        Mistake(
            "softmax-clipped-above",
            about="only large scores are clipped",
            nudge="Are two scores of 1000 and 1001 still different in your function?",
            hint=(
                "You limit the scores so that the exponential does not overflow. That makes "
                "large scores equal. Subtract the maximum of the row instead: it changes "
                "nothing but the size of the numbers."
            ),
            fails=("a-1-1-test-stable",),
            edits=(("x - np.max(x, axis=-1, keepdims=True)", "np.minimum(x, 700)"),),
        ),
    ),
    held_back=(
        HeldBack(
            "columns by transposition",
            ("softmax-columns",),
            """\
def softmax(x):
    powers = np.exp(x.T - x.T.max(axis=1)[:, None])
    return (powers / powers.sum(axis=1)[:, None]).T
""",
        ),
        HeldBack(
            "no maximum, in a loop",
            ("softmax-no-max",),
            """\
def softmax(x):
    out = np.empty(x.shape)
    for i, row in enumerate(x):
        total = 0.0
        for score in row:
            total = total + np.exp(score)
        out[i] = np.exp(row) / total
    return out
""",
        ),
        HeldBack(
            "one sum, by lists",
            ("softmax-one-maximum-and-sum", "softmax-one-sum"),
            """\
import math


def softmax(x):
    top = max(max(row) for row in x.tolist())
    flat = [math.exp(score - top) for row in x.tolist() for score in row]
    return np.reshape([each / math.fsum(flat) for each in flat], x.shape)
""",
        ),
        HeldBack(
            "e to the x, cut off",
            ("softmax-not-normalized",),
            """\
def softmax(x):
    return np.array([[np.e ** (score - max(row)) for score in row] for row in x])
""",
        ),
        HeldBack(
            "log-sum-exp, forgotten exp",
            ("softmax-logarithm",),
            """\
def softmax(x):
    return x - np.logaddexp.reduce(x, axis=1, keepdims=True)
""",
        ),
        HeldBack(
            "argument reused",
            ("softmax-in-place",),
            """\
def softmax(x):
    for row in x:
        row -= row.max()
    return np.exp(x) / np.exp(x).sum(axis=1).reshape(-1, 1)
""",
        ),
        HeldBack(
            "half the scores",
            (),
            """\
def softmax(x):
    powers = np.exp((x - x.max(axis=1, keepdims=True)) / 2)
    return powers / powers.sum(axis=1, keepdims=True)
""",
        ),
        HeldBack(
            "columns, not normalized",
            ("softmax-columns", "softmax-not-normalized"),
            """\
def softmax(x):
    return np.exp(x - np.max(x, axis=0))
""",
        ),
        *first_half_styles.WRONG["softmax"],
    ),
    rights_held_back=first_half_styles.RIGHTS["softmax"],
)
