r"""Which names a cell's code defines, and which it needs from other cells.

>>> cell = names("area = width * height\ndef scaled(k):\n    return k * area * unit")
>>> sorted(cell.defined), sorted(cell.at_once), sorted(cell.later)
(['area', 'scaled'], ['height', 'width'], ['unit'])

This is the one place that decides what a name in code refers to; it does not know what any name
is bound to, nor anything of notebooks.
"""

import ast
import builtins
import re
import symtable
import textwrap
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

# What every cell has without defining it
PREDEFINED = {*dir(builtins), "get_ipython", "display", "In", "Out", "_", "__", "___", "__name__"}
COMPREHENSIONS = {"listcomp", "setcomp", "dictcomp", "genexpr"}  # scopes that run where they stand
TIMED = re.compile(r"\A\s*%%(time|timeit|capture|prun)\b.*\n")
MAGIC = re.compile(r"^([ \t]*)(?:(\w+[ \t]*=[ \t]*)?[%!].*|\S.*\?|\?)$", re.MULTILINE)
# Code that may define names which cannot be seen in it
OPAQUE = re.compile(r"import \*|\bexec\(|\bglobals\(\)|^[ \t]*%(%|run|load|pylab)", re.MULTILINE)
LONGEST = 1_000_000  # characters of a cell, and
MOST = 5_000  # statements: more is no work of a person, and would take long
REMEMBERED = 20_000  # characters of a cell whose names are worth their memory


@dataclass(frozen=True)
class Names:
    """What a cell defines for the others, and what it needs of them."""

    defined: frozenset[str] = frozenset()
    imported: frozenset[str] = frozenset()  # those of the defined that are imported
    at_once: frozenset[str] = frozenset()  # needed while the cell runs
    later: frozenset[str] = frozenset()  # needed when one of its functions is called
    updated: frozenset[str] = frozenset()  # read before the cell defines them: x = x + 1
    built_in: frozenset[str] = frozenset()  # used, and Python has them unless a cell defines them
    hides: bool = False  # may define more than can be seen
    is_python: bool = True

    @property
    def needed(self) -> frozenset[str]:
        """All names that the cell takes from elsewhere."""
        return self.at_once | self.later | self.updated


@dataclass(frozen=True)
class _Scope:
    """The names of one statement."""

    bound: frozenset[str]
    imported: frozenset[str]
    at_once: frozenset[str]
    later: frozenset[str]


def names(source: str) -> Names:
    r"""Return the names of a cell; a cell that is not Python defines and needs nothing.

    Example:
        >>> sorted(names("import numpy as np\nx = np.eye(n)").needed)
        ['n']
        >>> sorted(names("%%time\ncount = count + 1").updated)
        ['count']
    """
    return _names(source) if len(source) <= REMEMBERED else _names.__wrapped__(source)


@lru_cache(maxsize=2000)  # the same cells come back for every submission
def _names(source: str) -> Names:
    hides = bool(OPAQUE.search(TIMED.sub("", source, count=1)))
    tree = parsed(source)
    scopes = _scopes(tree.body) if tree and len(tree.body) <= MOST else None
    if scopes is None:
        return Names(hides=True, is_python=False)
    defined = _union(scope.bound for scope in scopes)
    at_once = _union(scope.at_once for scope in scopes) - defined
    later = _union(scope.later for scope in scopes) - defined
    return Names(
        defined=defined,
        imported=_union(scope.imported for scope in scopes),
        at_once=at_once - PREDEFINED,
        later=later - PREDEFINED,
        updated=frozenset(_read_before_bound(scopes)) & defined,
        built_in=(at_once | later) & PREDEFINED,
        hides=hides,
    )


def parsed(source: str) -> ast.Module | None:
    r"""Return a cell's syntax tree, its magics turned into Python; None where it is not Python.

    Example:
        >>> ast.unparse(parsed("%matplotlib inline\nx = 1").body[-1])
        'x = 1'
        >>> parsed("def f(") is None
        True
    """
    if len(source) > LONGEST:
        return None
    return _parsed(source) or _parsed(_without_magics(source))


def python(source: str) -> str:
    r"""Return a cell's source with IPython's magics turned into Python.

    Example:
        >>> python("%pwd")
        "get_ipython().run_line_magic('pwd', '')\n"
    """
    if len(source) > LONGEST or _parsed(source):
        return source
    from IPython.core.inputtransformer2 import TransformerManager  # here: it is slow to import

    timed = TIMED.sub("", source, count=1)
    try:
        text: str = TransformerManager().transform_cell(timed)
    except (SyntaxError, RuntimeError):  # the latter after 500 magics
        return timed
    return text


def _without_magics(source: str) -> str:
    r"""Return a cell's source with each line that only IPython understands replaced.

    IPython's transformer reads the whole cell again for each magic: minutes, where somebody means
    harm. One pass is enough for names.

    Example:
        >>> _without_magics("%matplotlib inline\nfiles = !ls\nx = 1")
        'pass\nfiles = None\nx = 1'
    """
    timed = textwrap.dedent(TIMED.sub("", source, count=1))
    if timed.lstrip().startswith("%%"):
        return ""
    return MAGIC.sub(lambda line: line[1] + (f"{line[2]}None" if line[2] else "pass"), timed)


def calls(source: str) -> Iterator[tuple[str, ast.Call]]:
    """Yield the calls in a cell, each with what is called as it is written.

    Example:
        >>> [name for name, call in calls("n = int(input('n? ')) + np.abs(x)")]
        ['int', 'np.abs', 'input']
    """
    for node in _nodes(source):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), node


def texts(source: str) -> list[str]:
    r"""Return the strings in a cell that are values: no docstrings, no pieces of f-strings.

    Example:
        >>> texts("def f():\n    'A docstring.'\n    return open('notes.txt')")
        ['notes.txt']
    """
    nodes = list(_nodes(source))
    skipped = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}
    skipped |= {
        id(part) for node in nodes if isinstance(node, ast.JoinedStr) for part in node.values
    }
    return [
        node.value
        for node in nodes
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and id(node) not in skipped
    ]


def _nodes(source: str) -> Iterator[ast.AST]:
    tree = parsed(source)
    return ast.walk(tree) if tree else iter(())


def _parsed(source: str) -> ast.Module | None:
    if len(source) > LONGEST:
        return None
    with warnings.catch_warnings():  # about strings such as "\d", which are the student's business
        warnings.simplefilter("ignore")
        try:
            return ast.parse(source)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return None


# Scopes


def _scopes(statements: Iterable[ast.stmt]) -> list[_Scope] | None:
    """Return the names of each statement; None where one of them is no valid code."""
    try:
        return [_scope(statement) for statement in statements]
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _scope(statement: ast.stmt) -> _Scope:
    table = symtable.symtable(ast.unparse(statement), "cell", "exec")
    symbols = table.get_symbols()
    bound, imported = _bound(symbols), {s.get_name() for s in symbols if s.is_imported()}
    at_once, later = _referenced(symbols), set[str]()
    for child, is_later in _below(table):
        outer = [symbol for symbol in child.get_symbols() if symbol.is_global()]
        bound |= _bound(outer)
        (later if is_later else at_once).update(_referenced(outer))
    at_once |= bound & set(_changed(statement))
    return _Scope(frozenset(bound), frozenset(imported), frozenset(at_once), frozenset(later))


def _changed(statement: ast.stmt) -> Iterator[str]:
    """Yield the names that must exist to be changed, which symtable does not count as read."""
    for node in ast.walk(statement):
        if isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name):
            yield node.target.id
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Del):
            yield node.id


def _bound(symbols: Iterable[symtable.Symbol]) -> set[str]:
    return {symbol.get_name() for symbol in symbols if symbol.is_assigned() or symbol.is_imported()}


def _referenced(symbols: Iterable[symtable.Symbol]) -> set[str]:
    return {symbol.get_name() for symbol in symbols if symbol.is_referenced()}


def _below(
    table: symtable.SymbolTable, is_later: bool = False
) -> Iterator[tuple[symtable.SymbolTable, bool]]:
    """Yield every scope inside another, with whether it runs only when it is called."""
    for child in table.get_children():
        is_function = child.get_type() == "function" and child.get_name() not in COMPREHENSIONS
        yield child, is_later or is_function
        yield from _below(child, is_later or is_function)


def _union(parts: Iterable[frozenset[str]]) -> frozenset[str]:
    return frozenset[str]().union(*parts)


def _read_before_bound(scopes: Iterable[_Scope]) -> Iterator[str]:
    """Yield the names that a statement reads and that none before it binds.

    A function may name itself: it is bound when it is called.
    """
    bound: set[str] = set()
    for scope in scopes:
        yield from (scope.at_once | (scope.later - scope.bound)) - bound
        bound |= scope.bound
