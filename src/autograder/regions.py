r"""The regions that a master marks and a release leaves out, found as nbgrader finds them.

>>> test = "assert f(1)\n### BEGIN HIDDEN TESTS\nassert f(2)\n### END HIDDEN TESTS\n"
>>> without(test, HIDDEN_TESTS)
'assert f(1)\n'
>>> find(test, HIDDEN_TESTS)
[Region(first=2, last=4, text='assert f(2)\n')]
"""

import ast
import io
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

HIDDEN_TESTS, SOLUTION, MARK_SCHEME = "HIDDEN TESTS", "SOLUTION", "MARK SCHEME"
REGIONS = (SOLUTION, HIDDEN_TESTS, MARK_SCHEME)


@dataclass(frozen=True)
class Region:
    """A region of a cell: the numbers of its marks' lines, from 1, and what lies between them."""

    first: int
    last: int
    text: str


def marked_lines(source: str) -> Iterator[tuple[str, str, bool]]:
    """Yield each line of a cell with its end, the region it belongs to or "", and if it is a mark.

    A region without an end reaches to the end of the cell: rather too much is hidden.
    """
    region = ""
    for line in io.StringIO(source):  # which ends lines where Python does, and nowhere else
        begins = next((name for name in REGIONS if f"BEGIN {name}" in line), "")
        ends = next((name for name in REGIONS if f"END {name}" in line), "")
        region = begins or region or ends
        yield line, region, bool(begins or ends)
        if ends:
            region = ""


def find(source: str, region: str) -> list[Region]:
    """Return the regions of one kind in a cell, in order."""
    regions: list[Region] = []
    first, last, text = 0, 0, ""
    for number, (line, name, is_mark) in enumerate(marked_lines(source), 1):
        if name == region and f"BEGIN {region}" in line:
            first, text = number, ""
        elif name == region and is_mark and first:
            regions.append(Region(first, number, text))
            first = 0
        elif name == region:
            text += line
        last = number
    return [*regions, Region(first, last, text)] if first else regions


def has(source: str, region: str) -> bool:
    """Return whether a cell has a region of this kind, or a mark of one."""
    return any(name == region for _, name, _ in marked_lines(source))


def without(source: str, region: str) -> str:
    """Return a cell less its regions of one kind and their marks."""
    return "".join(line for line, name, _ in marked_lines(source) if name != region)


@lru_cache(maxsize=1000)  # the same tests are run for every submission
def visible_definitions(source: str) -> str:
    """Return the imports and definitions in the part of a test that the student has, too.

    A student's notebook was tried out where these had been run, and may rely on them.
    """
    try:
        tree = ast.parse(without(source, HIDDEN_TESTS))
    except SyntaxError:
        return ""
    kinds = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.ClassDef)
    return "\n".join(ast.unparse(node) for node in tree.body if isinstance(node, kinds))
