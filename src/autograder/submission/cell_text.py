"""What a cell's text says: whether two are the same, and which names its code defines."""

import re
from functools import lru_cache

from seqlab.names import names

FUNCTION = re.compile(r"^(?:async[ \t]+)?(?:def|class)[ \t]+(\w+)", re.MULTILINE)
ASSIGNED = re.compile(r"^(\w+)[ \t]*(?::[^=\n]+)?=(?!=)", re.MULTILINE)


@lru_cache(maxsize=4000)
def bare(text: str) -> str:
    r"""Return a text without the white space that editors add and drop.

    >>> bare("x = 1  \r\n\n")
    'x = 1'
    """
    lines = text.replace("\r\n", "\n").replace("\r", "\n").strip().split("\n")
    return "\n".join(line.rstrip() for line in lines)


def is_same(text: str, other: str) -> bool:
    """Return whether two texts differ in white space at most."""
    return bare(text) == bare(other)


def parsed_names(source: str) -> frozenset[str] | None:
    """Return the names that code defines and does not import; None if it does not parse."""
    cell = names(source)
    is_half = source.lstrip("\n").startswith((" ", "\t"))  # of a function; IPython would run it
    return cell.defined - cell.imported if cell.is_python and not is_half else None


def defined_names(source: str) -> frozenset[str]:
    """Return the names that code defines; if it does not parse, what its lines begin with.

    >>> sorted(defined_names("def f(:"))
    ['f']
    """
    parsed = parsed_names(source)
    if parsed is not None:
        return parsed
    return frozenset(match[1] for form in (FUNCTION, ASSIGNED) for match in form.finditer(source))
