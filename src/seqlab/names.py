"""Which names the code of a cell defines, and which it needs.

This module does not know what the names are bound to, nor anything of notebooks.
"""

import ast
import builtins
import re
import symtable
from collections.abc import Iterator
from dataclasses import dataclass

from IPython.core.inputtransformer2 import TransformerManager

GIVEN = {*dir(builtins), "get_ipython", "display", "In", "Out", "_", "__", "___", "__name__"}
AT_ONCE = {"listcomp", "setcomp", "dictcomp", "genexpr"}  # scopes that run where they stand
TIMED = re.compile(r"%%(time|timeit|capture|prun)\b.*\n")
# What may define names that nobody sees: then it is not said that a name is defined nowhere.
HIDES = re.compile(r"import \*|\bexec\(|\bglobals\(\)|^[ \t]*%(%|run|load|pylab)", re.MULTILINE)


@dataclass(frozen=True)
class Names:
    """What a cell defines for the others, and what it needs of them."""

    defined: frozenset[str] = frozenset()
    at_once: frozenset[str] = frozenset()  # needed while the cell runs
    later: frozenset[str] = frozenset()  # needed when one of its functions is called
    hides: bool = False  # may define more than is seen


def names(source: str) -> Names:
    """Return the names of a cell; of one that is not Python, nothing."""
    hides = bool(HIDES.search(TIMED.sub("", source, count=1)))
    try:
        table = symtable.symtable(python(source), "cell", "exec")
    except (SyntaxError, ValueError):
        return Names(hides=True)
    own = {s.get_name() for s in table.get_symbols() if s.is_assigned() or s.is_imported()}
    used = {s.get_name() for s in table.get_symbols() if s.is_referenced()}
    at_once, later = set(used), set[str]()
    for child, is_later in _below(table):
        found = {s for s in child.get_symbols() if s.is_global()}
        own |= {s.get_name() for s in found if s.is_assigned() or s.is_imported()}
        (later if is_later else at_once).update(s.get_name() for s in found if s.is_referenced())
    needed = GIVEN | own
    return Names(frozenset(own), frozenset(at_once - needed), frozenset(later - needed), hides)


def python(source: str) -> str:
    """Return a cell's source with IPython's magics turned into Python."""
    text: str = TransformerManager().transform_cell(TIMED.sub("", source, count=1))
    return text


def calls(source: str, name: str) -> bool:
    """Return whether a cell calls a function by its bare name."""
    return any(
        isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name
        for node in _nodes(source)
    )


def texts(source: str) -> list[str]:
    """Return the strings in a cell that are values: no docstrings, no pieces of f-strings."""
    nodes = list(_nodes(source))
    told = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}
    told |= {id(part) for node in nodes if isinstance(node, ast.JoinedStr) for part in node.values}
    return [
        node.value
        for node in nodes
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in told
    ]


def _nodes(source: str) -> Iterator[ast.AST]:
    try:
        yield from ast.walk(ast.parse(python(source)))
    except (SyntaxError, ValueError):
        return


def _below(
    table: symtable.SymbolTable, is_later: bool = False
) -> Iterator[tuple[symtable.SymbolTable, bool]]:
    """Yield every scope inside another, with whether it runs only when it is called."""
    for child in table.get_children():
        waits = is_later or (child.get_type() == "function" and child.get_name() not in AT_ONCE)
        yield child, waits
        yield from _below(child, waits)
