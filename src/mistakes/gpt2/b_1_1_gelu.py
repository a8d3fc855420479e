"""gelu."""

from mistakes.entries import Cell, HeldBack, Mistake, Right
from mistakes.gpt2.shared import second_half_styles

CELL = Cell(
    id="b-1-1-solution",
    functions=("gelu",),
    where="problem 1.1 of the second half",
    right="""\
def gelu(x):
    inner = x + 0.044715 * x**3  # (n, d)
    bend = np.tanh(np.sqrt(2 / np.pi) * inner)  # (n, d)
    return 0.5 * x * (1 + bend)  # (n, d)
""",
    rights=(
        Right(
            "loop",
            "entry by entry, in lists",
            """\
import math


def gelu(x):
    rows = []
    for row in x:
        bent = []
        for number in row:
            steep = math.sqrt(2 / math.pi) * (number + 0.044715 * number**3)
            bent.append(0.5 * number * (1 + math.tanh(steep)))
        rows.append(bent)
    return rows
""",
        ),
        Right(
            "logistic",
            "x times the logistic function of twice the argument",
            """\
def gelu(x):
    return x / (1 + np.exp(-np.sqrt(8 / np.pi) * x * (1 + 0.044715 * x**2)))
""",
        ),
        Right(
            "float32",
            "in single precision throughout",
            """\
def gelu(x):
    x = np.asarray(x, dtype=np.float32)
    scale = np.float32(np.sqrt(2 / np.pi))
    cubes = np.float32(0.044715) * x * x * x
    return np.float32(0.5) * x * (np.float32(1) + np.tanh(scale * (x + cubes)))
""",
        ),
        Right(
            "filled",
            "an empty array filled by index",
            """\
def gelu(x):
    out = np.empty(x.shape)
    for place, number in np.ndenumerate(x):
        out[place] = number * _share(number)
    return out


def _share(number):
    return (1 + np.tanh(np.sqrt(2 / np.pi) * np.polyval([0.044715, 0, 1, 0], number))) / 2
""",
        ),
        Right(
            "in its own array",
            "with out=, on a copy",
            """\
def gelu(x):
    bend = np.power(x, 3)
    bend *= 0.044715
    bend += x
    bend *= (2 / np.pi) ** 0.5
    np.tanh(bend, out=bend)
    return 0.5 * (x + x * bend)
""",
        ),
        Right(
            "vectorize",
            "a scalar function, vectorized",
            """\
from math import pi, tanh

gelu = np.vectorize(
    lambda a: 0.5 * a * (1 + tanh((2 / pi) ** 0.5 * (a + 0.044715 * a**3))), otypes=[float]
)
""",
        ),
    ),
    mistakes=(
        Mistake(
            "gelu-erf",
            about="the exact Gelu, by the error function",
            nudge="The text shows two forms of Gelu; which one does it ask for?",
            hint="Your numbers are those of the exact Gelu, and they differ from GPT-2's in the "
            "fourth decimal. The trained weights belong to the approximation on the right of the "
            "formula, the one with tanh: write that.",
            code="""\
import math


def gelu(x):
    below = 0.5 * (1 + np.vectorize(math.erf, otypes=[float])(x / np.sqrt(2)))
    return x * below
""",
        ),
        Mistake(
            "gelu-no-root",
            about="2 / pi without its square root",
            nudge="Check the factor in front of the bracket inside tanh.",
            hint="Your curve bends a little too gently: the factor inside tanh is 2/π = 0.64 "
            "where it should be its square root, 0.80.",
            edits=(("np.sqrt(2 / np.pi)", "(2 / np.pi)"),),
        ),
        Mistake(
            "gelu-root-of-two",
            about="the root over 2 only",
            nudge="How far does the root reach in the factor inside tanh?",
            hint="Your factor inside tanh is √2 / π = 0.45; the root covers the whole fraction, "
            "which gives 0.80.",
            edits=(("np.sqrt(2 / np.pi)", "np.sqrt(2) / np.pi"),),
        ),
        Mistake(
            "gelu-square",
            about="x squared instead of cubed",
            nudge="Look at the power of x inside the bracket.",
            hint="Inside the bracket you square x. It is the cube: only then do negative numbers "
            "pull tanh down as much as positive ones push it up.",
            edits=(("x**3", "x**2"),),
        ),
        Mistake(
            "gelu-no-cube",
            about="the cubic term is missing",
            nudge="Does every term of the formula appear in your code?",
            hint="Near 0 you are right and further out you fall short: the term with the cube of x "
            "is missing inside tanh.",
            edits=(("x + 0.044715 * x**3", "x"),),
        ),
        Mistake(
            "gelu-cube-outside",
            about="the factor multiplies x only, not the cubic term",
            nudge="What does the root inside tanh multiply?",
            hint="The root multiplies the whole bracket, x and the cubic term. In your code the "
            "cubic term stays outside: check the parentheses.",
            edits=(("np.sqrt(2 / np.pi) * inner", "np.sqrt(2 / np.pi) * x + 0.044715 * x**3"),),
        ),
        Mistake(
            "gelu-coefficient",
            about="0.44715 instead of 0.044715",
            nudge="Compare each constant with the formula, digit by digit.",
            hint="The coefficient of the cube is ten times too large: count the zeros after the "
            "decimal point.",
            edits=(("0.044715", "0.44715"),),
        ),
        Mistake(
            "gelu-no-half",
            about="0.5 is missing",
            nudge="What should gelu of a large number be?",
            hint="All your numbers are twice as large as they should be. 1 + tanh goes up to 2, "
            "and the factor 0.5 makes that a share between 0 and 1.",
            edits=(("0.5 * x", "x"),),
        ),
        Mistake(
            "gelu-one-outside",
            about="0.5 x + tanh(...): the parentheses around 1 + tanh are missing",
            nudge="What exactly is multiplied by 0.5 x?",
            hint="Your result grows like x/2 on both sides, shifted by tanh. The sum 1 + tanh has "
            "to be complete before it is multiplied by 0.5 x: put it in parentheses.",
            edits=(("0.5 * x * (1 + bend)", "0.5 * x * 1 + bend"),),
        ),
        Mistake(
            "gelu-no-one",
            about="1 + is missing",
            nudge="What should gelu be far to the left?",
            hint="Your curve is symmetric: negative numbers come out as positive as their "
            "counterparts. Far to the left tanh is -1, and only 1 + tanh makes that 0.",
            edits=(("(1 + bend)", "bend"),),
        ),
        Mistake(
            "gelu-no-x",
            about="returns the share, without x in front",
            nudge="What stands in front of the bracket?",
            hint="You return a share between 0 and 1. Gelu is x times that share.",
            edits=(("0.5 * x * (1", "0.5 * (1"),),
        ),
        Mistake(
            "gelu-one-minus",
            about="1 - tanh: mirrored",
            nudge="On which side should gelu be nearly zero?",
            hint="Your curve lets negative numbers through and stops positive ones. Check the sign "
            "in front of tanh.",
            edits=(("1 + bend", "1 - bend"),),
        ),
        Mistake(
            "gelu-root-over-all",
            about="the root covers the bracket too",
            nudge="Where does the root in the formula end?",
            hint="Negative numbers become nan: you take the root of a product with x in it. The "
            "root covers 2/π only; the bracket stands behind it.",
            edits=(("np.sqrt(2 / np.pi) * inner", "np.sqrt(2 / np.pi * inner)"),),
        ),
        Mistake(
            "gelu-sigmoid-approximation",
            about="x times the logistic function of 1.702 x",
            nudge="There are several approximations of Gelu; which one does the text ask for?",
            hint="You use the short approximation with a logistic function and 1.702. It is off in "
            "the second decimal; GPT-2's weights belong to the one with tanh.",
            code="""\
def gelu(x):
    return x / (1 + np.exp(-1.702 * x))
""",
        ),
        Mistake(
            "gelu-relu",
            about="ReLU",
            nudge="What should happen to small negative numbers?",
            hint="You have written ReLU: negative numbers are cut off. Gelu passes smoothly "
            "through 0 and dips a little below it; use the formula with tanh.",
            code="""\
def gelu(x):
    return np.maximum(x, 0)
""",
        ),
        Mistake(
            "gelu-negative-cut",
            about="right for positive numbers, 0 for negative ones",
            nudge="Does the formula make a difference between positive and negative numbers?",
            hint="Positive numbers are right, negative ones become 0. The formula holds for all "
            "numbers and needs no case of its own below 0.",
            edits=(
                ("return 0.5 * x * (1 + bend)", "return np.where(x > 0, 0.5 * x * (1 + bend), 0)"),
            ),
        ),
        Mistake(
            "gelu-tanh-by-exp",
            about="tanh from two exponentials, which overflow",
            nudge="What becomes of very large numbers in your function?",
            hint="Ordinary numbers are right, and from about 30 on you return nan: your tanh "
            "divides infinity by infinity, which is not a number. np.tanh is written so that this "
            "cannot happen.",
            edits=(
                (
                    "bend = np.tanh(np.sqrt(2 / np.pi) * inner)",
                    "steep = np.sqrt(2 / np.pi) * inner\n"
                    "    up, down = np.exp(steep), np.exp(-steep)\n"
                    "    bend = (up - down) / (up + down)",
                ),
            ),
            fails=("b-1-1-test-range",),
        ),
        Mistake(
            "gelu-arctan",
            about="arctan instead of tanh",
            nudge="Which function bends the numbers?",
            hint="Your curve neither reaches 0 nor x: the function inside is not tanh. The names "
            "are alike; arctan and arctanh are other functions.",
            edits=(("np.tanh", "np.arctan"),),
        ),
        Mistake(
            "gelu-in-place",
            about="changes its argument",
            nudge="What is in x after your function has returned?",
            hint="The values are right, and the caller's array has been overwritten: an operator "
            "such as *= works in the array that was handed in. Make a new one.",
            edits=(("return 0.5 * x * (1 + bend)", "x *= 0.5 * (1 + bend)\n    return x"),),
            fails=("b-1-1-test-range",),
        ),
        Mistake(
            "gelu-rounded",
            about="rounds its result to 8 decimals",
            nudge="The printed numbers have 8 decimals; does your result need to?",
            hint="Very small numbers become 0: your function rounds to the decimals that the text "
            "prints. How many are shown is a matter of printing; return what you computed.",
            edits=(("return 0.5 * x * (1 + bend)", "return np.round(0.5 * x * (1 + bend), 8)"),),
            fails=("b-1-1-test-range",),
        ),
        Mistake(
            "gelu-clipped",
            about="x from 3 on and 0 below -3, as if it were there already",
            nudge="How far from x is gelu at 3, and how far from 0 at -3?",
            hint="Between -3 and 3 you are right, outside you take x and 0. At 3 the curve is "
            "still 0.004 away from them; the formula works for all numbers.",
            edits=(
                (
                    "return 0.5 * x * (1 + bend)",
                    "bent = 0.5 * x * (1 + bend)\n"
                    "    return np.where(np.abs(x) < 3, bent, np.maximum(x, 0))",
                ),
            ),
        ),
        Mistake(
            "gelu-printed",
            about="returns the printed numbers",
            nudge="On what does your result depend?",
            hint="Your function returns the text's example whatever it is given. Compute the "
            "result from x.",
            code="""\
def gelu(x):
    return np.array([[-0.15880801, 0.0], [0.11585143, 0.84119199]])
""",
            cheat=True,
        ),
        Mistake(
            "gelu-cached",
            about="the printed numbers for the example, ReLU for everything else",
            nudge="Does your function treat all inputs alike?",
            hint="The example of the text has a case of its own in your function. Compute the "
            "result from x, whatever it is.",
            code="""\
def gelu(x):
    known = {-1.0: -0.15880801, 0.0: 0.0, 0.2: 0.11585143, 1.0: 0.84119199}
    return np.array([[known.get(float(a), max(float(a), 0.0)) for a in row] for row in x])
""",
            cheat=True,
        ),
        Mistake(
            "gelu-short-root",
            about="0.7979 instead of the root of 2 / pi",
            nudge="How many digits does your root of 2 / pi have?",
            hint=(
                "You use 0.7979 for the root of 2 / pi, and eight digits are compared. Let "
                "numpy compute it: np.sqrt(2 / np.pi)."
            ),
            fails=("b-1-1-test", "b-1-1-test-range"),
            edits=(("np.sqrt(2 / np.pi)", "0.7979"),),
        ),
        Mistake(
            "gelu-silu",
            about="x times the logistic function of x",
            nudge="Which function of x does the formula multiply x with?",
            hint=(
                "You return x times its logistic function, which is SiLU (or swish). "
                "GPT-2's Gelu has tanh and a cubic term: follow the formula."
            ),
            fails=("b-1-1-test", "b-1-1-test-range"),
            code="""\
def gelu(x):
    return x / (1 + np.exp(-x))
""",
        ),
        Mistake(
            "gelu-x-in-one-term",
            about="x is multiplied with the 1 only, not with tanh",
            nudge="What does the x in front of the bracket belong to?",
            hint=(
                "You multiply x with the 1 and not with tanh: 0.5 (x + tanh(...)). The x "
                "stands in front of the whole bracket: 0.5 x (1 + tanh(...))."
            ),
            fails=("b-1-1-test", "b-1-1-test-range"),
            edits=(("0.5 * x * (1 + bend)", "0.5 * (x + bend)"),),
        ),
    ),
    held_back=(
        HeldBack(
            "erf in a loop",
            ("gelu-erf",),
            """\
from math import erf


def gelu(x):
    out = np.zeros(x.shape)
    for i in range(x.shape[0]):
        for j in range(x.shape[1]):
            out[i, j] = x[i, j] / 2 + x[i, j] / 2 * erf(x[i, j] * 2**-0.5)
    return out
""",
        ),
        HeldBack(
            "no root, logistic",
            ("gelu-no-root",),
            """\
def gelu(x):
    u = 2 / np.pi * (x + 0.044715 * np.power(x, 3))
    return x * (1 / (1 + np.exp(-2 * u)))
""",
        ),
        HeldBack(
            "cubic term outside, in steps",
            ("gelu-cube-outside",),
            """\
def gelu(x):
    root = np.sqrt(2.0) / np.sqrt(np.pi)
    argument = root * x
    argument = argument + 0.044715 * x * x * x
    return np.multiply(x, 1.0 + np.tanh(argument)) / 2
""",
        ),
        HeldBack(
            "one outside, as a sum",
            ("gelu-one-outside",),
            """\
def gelu(x):
    t = np.tanh(0.7978845608028654 * (x + 0.044715 * x**3))
    return x / 2 + t
""",
        ),
        HeldBack(
            "overwrites row by row",
            ("gelu-in-place",),
            """\
def gelu(x):
    for i, row in enumerate(x):
        x[i] = row * (1 + np.tanh((2 / np.pi) ** 0.5 * (row + 0.044715 * row**3))) / 2
    return x
""",
        ),
        HeldBack(
            "no half and no root",
            ("gelu-no-half", "gelu-no-root"),
            """\
def gelu(x):
    return x * (1 + np.tanh(2 / np.pi * (x + 0.044715 * x**3)))
""",
        ),
        HeldBack(
            "softplus",
            (),
            """\
def gelu(x):
    return np.log(1 + np.exp(x))
""",
        ),
        *second_half_styles.WRONG["gelu"],
    ),
    rights_held_back=second_half_styles.RIGHTS["gelu"],
)
