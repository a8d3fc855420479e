"""Fixed wording for failures, which cannot carry the data of a hidden test.

A student's function sees the inputs of hidden tests and could write them into anything it returns:
the text of an exception, the name of its class, the shape of an array, a number. So every sentence
here is chosen from fixed ones; the only blanks are filled with names from the student's own
notebook. The choice itself still tells a little, just as passing or failing does.
"""

import ast
import builtins
import re
from collections.abc import Iterable, Iterator
from functools import lru_cache

from autograder.execution import late_names

LONGEST_NAME = 60
KINDS = frozenset(
    name
    for name, value in vars(builtins).items()
    if isinstance(value, type) and issubclass(value, BaseException)
) | {"LinAlgError", "AxisError", "TokenError"}
TYPES = frozenset(name for name, value in vars(builtins).items() if isinstance(value, type)) | {
    "NoneType",
    "function",
    "module",
    "ndarray",
    "numpy.ndarray",
    "numpy",
    "np",
    "float64",
    "numpy.float64",
    "float32",
    "numpy.float32",
    "int64",
    "numpy.int64",
    "generator",
    "builtin_function_or_method",
    "UnsupportedValue",
}

# Messages of Python and numpy: class, pattern for the whole message, our wording. Groups are names;
# anything else in the message, such as a key, a size or a shape, could be data of a test.
OWN_MESSAGES = (
    ("NameError", r"name '(\w+)' is not defined", "the name {} is not defined"),
    ("NameError", r"cannot access free variable '(\w+)' .*", "{} has no value yet"),
    (
        "UnboundLocalError",
        r"cannot access local variable '(\w+)' .*",
        "{} is used before it has a value",
    ),
    ("AttributeError", r"'([\w.]+)' object has no attribute '(\w+)'.*", "{} has no attribute {}"),
    ("AttributeError", r"module '([\w.]+)' has no attribute '(\w+)'.*", "{} has no attribute {}"),
    (
        "TypeError",
        r"(?:\w+\.)*(\w+)\(\) missing \d+ required .*",
        "{} was called with fewer arguments than it asks for",
    ),
    (
        "TypeError",
        r"(?:\w+\.)*(\w+)\(\) takes .*\d+ positional arguments? but .*",
        "{} was called with more arguments than it takes",
    ),
    (
        "TypeError",
        r"(?:\w+\.)*(\w+)\(\) got an unexpected keyword argument '(\w+)'.*",
        "{} does not know the argument {}",
    ),
    (
        "TypeError",
        r"unsupported operand type\(s\) for .{1,12}: '([\w.]+)' and '([\w.]+)'",
        "an operator does not work between {} and {}",
    ),
    ("TypeError", r"bad operand type for unary .: '([\w.]+)'", "an operator does not work on {}"),
    ("TypeError", r"'([\w.]+)' object is not subscriptable", "{} has no elements: [...] fails"),
    ("TypeError", r"'([\w.]+)' object is not callable", "{} cannot be called: (...) fails"),
    ("TypeError", r"'([\w.]+)' object is not iterable", "{} cannot be iterated over"),
    ("TypeError", r"cannot unpack non-iterable ([\w.]+) object", "{} cannot be unpacked"),
    (
        "TypeError",
        r"'([\w.]+)' object does not support item assignment",
        "elements of {} cannot be assigned to",
    ),
    (
        "TypeError",
        r"'([\w.]+)' object cannot be interpreted as an integer",
        "{} where an integer is needed",
    ),
    (
        "TypeError",
        r"(?:list|tuple|string) indices must be integers.*",
        "an index that is not an integer",
    ),
    (
        "TypeError",
        r"only .* can be converted to .*",
        "an array of several numbers where one number is needed",
    ),
    (
        "IndexError",
        r"(?:list|tuple|string)(?: assignment)? index out of range",
        "an index beyond the end",
    ),
    ("IndexError", r"index .* is out of bounds .*", "an index outside the array"),
    ("IndexError", r"too many indices for array.*", "more indices than the array has dimensions"),
    ("IndexError", r"only integers, slices .*", "an index that is not an integer or slice"),
    ("IndexError", r"boolean index did not match .*", "a mask of another shape than the array"),
    ("IndexError", r"shape mismatch.*", "indices whose shapes do not match"),
    ("AxisError", r"axis .* is out of bounds .*", "an axis that the array does not have"),
    (
        "ValueError",
        r"operands could not be broadcast together.*",
        "arrays whose shapes do not match",
    ),
    ("ValueError", r"non-broadcastable output operand.*", "arrays whose shapes do not match"),
    (
        "ValueError",
        r"could not broadcast input array.*",
        "an array is assigned to a place of another shape",
    ),
    ("ValueError", r"matmul: .*", "a matrix product whose inner dimensions differ"),
    ("ValueError", r"shapes .* not aligned.*", "a matrix product whose inner dimensions differ"),
    (
        "ValueError",
        r"The truth value of an array .*",
        "an array of several numbers used as a condition",
    ),
    ("ValueError", r"cannot reshape array .*", "reshape to a different number of elements"),
    ("ValueError", r"all the input array.*", "arrays that cannot be joined: their shapes differ"),
    (
        "ValueError",
        r"(?:not enough|too many) values to unpack.*",
        "not as many values as there are names for",
    ),
    ("ValueError", r"axes don't match array", "transpose with another number of axes"),
    ("ValueError", r"setting an array element with a sequence.*", "rows of different lengths"),
    ("ValueError", r"assignment destination is read-only", "an argument is changed in place"),
    ("ValueError", r"math domain error", "a function outside of its domain"),
    (
        "ValueError",
        r"array split does not result in an equal division",
        "a split into unequal parts",
    ),
    ("KeyError", r"(?s).*", "a key that the dictionary does not have"),
    ("ZeroDivisionError", r"(?s).*", "a division by zero"),
    ("OverflowError", r"(?s).*", "a number is too large"),
    ("RecursionError", r"(?s).*", "a function that calls itself forever"),
    ("MemoryError", r"(?s).*", "more memory than is available"),
    (
        "ModuleNotFoundError",
        r"No module named '([\w.]+)'",
        "the module {} is not installed where assignments are graded",
    ),
    ("FileNotFoundError", r"(?s).*", "a file that does not exist where assignments are graded"),
    ("TimeoutError", r"(\w+) did not return within .*", "{} did not return in time"),
    ("NotImplementedError", r"(?s).*", "it is not written yet"),
)

# Messages of seqlab.checks in the visible part of a test: {} is a text of the test, or a place.
CHECK_MESSAGES = (
    (
        r"your (.+): nothing \(None\)\..*",
        "your {}: nothing (None). Does the function return its result?",
    ),
    (r"your (.+): still the three dots .*", "your {}: still the three dots of the starter code"),
    (r"your (.+): not an array of numbers but .*", "your {}: not an array of numbers"),
    (r"your (.+): the shape is .*", "your {}: another shape than expected"),
    (r"your (.+): an array of shape .*", "your {}: an array, and one number is expected"),
    (
        r"your (.+) at (\[\d{1,4}(?:, \d{1,4}){0,3}\]): (?:nan|-?inf), expected [^(]*"
        r"( \(\d{1,7} of \d{1,7} values differ\))?",
        "your {} at {}: not a finite number{}",
    ),
    (
        r"your (.+) at (\[\d{1,4}(?:, \d{1,4}){0,3}\]): .*, expected [^(]*"
        r"( \(\d{1,7} of \d{1,7} values differ\))?",
        "your {} at {}: another number than expected{}",
    ),
    (r"your (.+): (?:nan|-?inf), expected .*", "your {}: not a finite number"),
    (r"your (.+): \S+, expected \S+", "your {}: another number than expected"),
    (
        r"your (.+): \S+ is right, but rounded too coarsely; return it unrounded",
        "your {}: right, but rounded too coarsely; return it unrounded",
    ),
    (r"your (.+) has .* as character .*", "your {}: another character than expected"),
    (r"your (.+): not a string but .*", "your {}: not a string"),
    (r"your (.+) has \d+ characters, expected .*", "your {}: another length than expected"),
    (r"your (.+) begins with .*", "your {}: it does not begin with the prompt"),
    (r"your (.+): .* was drawn, .*", "your {}: something was drawn whose probability is 0"),
    (r"your (.+): .* makes up .*", "your {}: something is drawn too often or too rarely"),
    (
        r"your function changes its argument (.+): .*",
        "your function changes its argument {}: work on a copy",
    ),
    (
        r"your (.+): the message .* does not name .*",
        "your {}: the exception's message does not name what is wrong",
    ),
    (
        r"your (.+): expected a \w+, and it returned .*",
        "your {}: an exception is expected, and it returned something",
    ),
    (r"your (.+): \w+ \(.*\), expected a \w+", "your {}: another exception than expected"),
)

LOST = {
    "KernelLost": "the process that runs your code ended while the test ran",
    "KernelDied": "the process that runs your code ended",
    "KernelTimeout": "your code did not stop in time",
    "InvalidReply": "your code sent the grader something that is not an answer",
    "CellTimeout": "your code did not stop in time",
}
FREE_TEXT = re.compile(rf"(reply is invalid|cannot be connected|{late_names.WHERE}).*", re.DOTALL)
NUMBER = re.compile(r"(?<![\w.])\d[\d,]*(?:\.\d+)?(?:e[+-]?\d+)?(?![\w.]*\w)")
LONGEST_SUMMARY = 300
LONGEST_MESSAGE = 2000  # more is not read: some patterns try each colon with each comma


def names_in(sources: Iterable[str]) -> frozenset[str]:
    """Return all names in the cells of a notebook."""
    names = {name for source in sources for name in re.findall(r"[^\W\d]\w*", source)}
    return frozenset(name for name in names if len(name) <= LONGEST_NAME)


def kind(name: str, known: frozenset[str]) -> str:
    """Return the name of an exception class if Python or the notebook has it."""
    return name if name in KINDS or name in known else "an exception of its own class"


def of_exception(name: str, message: str, known: frozenset[str]) -> str:
    """Return our wording for a message of Python or numpy, or an empty string."""
    message = message[:LONGEST_MESSAGE]
    for owner, pattern, words in OWN_MESSAGES:
        match = re.fullmatch(pattern, message) if name == owner else None
        if match and all(_is_known(group, known) for group in match.groups()):
            return words.format(*match.groups())
    return ""


def _is_known(name: str, known: frozenset[str]) -> bool:
    return name in TYPES or all(part in known or part in TYPES for part in name.split("."))


def of_check(message: str, visible: str) -> str:
    """Return the message of a visible check without the values that a function returned."""
    message = message[:LONGEST_MESSAGE]
    if message in _texts(visible):
        return message
    for pattern, words in CHECK_MESSAGES:
        if match := re.fullmatch(pattern, message, re.DOTALL):
            what, *rest = match.groups(default="")
            return words.format(what if f'"{what}"' in visible else "result", *rest)
    return ""


def of_summary(text: str, known: frozenset[str]) -> str:
    """Return the summary of a diagnosis without anything that a function could choose freely."""
    if len(text) > LONGEST_SUMMARY or not text.isprintable():
        return ""
    text = re.sub(r"\braises (\w+)", lambda m: f"raises {kind(m[1], known)}", text)
    text = re.sub(
        r"(not return (?:numbers|a text) but )(\w+)",
        lambda m: m[1] + (m[2] if m[2] in TYPES else "something else"),
        text,
    )
    text = re.sub(r"the shape (\([\d, ]*\)), and should have (\([\d, ]*\))", _shapes, text)
    return NUMBER.sub(_rounded, text)


def _shapes(match: re.Match[str]) -> str:
    """Keep a returned shape only if it consists of the right one's numbers, 0 and 1."""
    returned, right = (_numbers(part) for part in match.groups())
    product = 1
    for number in right:
        product *= number
    if len(returned) <= 4 and set(returned) <= {0, 1, product, *right}:
        return match.group()
    return f"another shape than {match[2]}"


def _numbers(text: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", text)]


def _rounded(number: re.Match[str]) -> str:
    """Keep small integers, and two digits of anything else."""
    text = number.group().rstrip(",")
    end = number.group()[len(text) :]
    if text.isdigit() and len(text) <= 4:
        return text + end
    factor = number.string[number.end() :].startswith(
        " times what"
    )  # 1.41 is recognised as a root, 1.4 is not
    shown = f"{float(text.replace(',', '')):.{3 if factor else 2}g}"
    return f"{float(shown):.0f}{end}" if "e+0" in shown else f"{shown}{end}"  # not 2.7e+04


def of_reason(reason: str) -> str:
    """Return the reason for a status without anything that the student's code sent."""
    return FREE_TEXT.sub(r"\1", reason)[:LONGEST_SUMMARY]


@lru_cache(maxsize=1000)  # the same tests fail for many students
def _texts(source: str) -> frozenset[str]:
    """Return the string constants of a test."""
    try:
        nodes = ast.walk(ast.parse(source))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return frozenset()
    constants = (node.value for node in nodes if isinstance(node, ast.Constant))
    return frozenset(value for value in constants if isinstance(value, str))


def literals(source: str) -> Iterator[str]:
    """Yield the strings that a test prints, in order."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return
    for node in tree.body:
        call = node.value if isinstance(node, ast.Expr) else None
        if isinstance(call, ast.Call) and getattr(call.func, "id", "") == "print":
            first = call.args[0] if call.args else None
            if isinstance(first, ast.Constant) and isinstance(first.value, str):
                yield first.value
