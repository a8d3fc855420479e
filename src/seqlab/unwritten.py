r"""Which functions are still to be written: empty, with dots in them, or as they were handed out.

>>> list(unwritten("def double(x):\n    pass\n\ndef half(x):\n    return x / 2"))
['double']
>>> list(unwritten("def f(x):\n    y = ...\n    return y"))
['f']
"""

import ast
from collections.abc import Iterator

from seqlab import names

STUB = "# your code here"


def unwritten(source: str, released: str = "") -> Iterator[str]:
    """Yield the names of the functions in a cell that are still to be written or to be finished.

    Args:
        source: the cell's code
        released: the same cell as it was handed out; empty if that is not known
    """
    stubs = {
        name: ast.dump(node) for name, node in _functions(released) if _is_stub(released, node)
    }
    for name, function in _functions(source):
        if _is_empty(function) or stubs.get(name) == ast.dump(function):
            yield name


def functions(source: str) -> list[str]:
    """Return the names of the functions that a cell defines."""
    return [name for name, _ in _functions(source)]


def prepared(source: str, name: str) -> list[str]:
    r"""Return the variables that a function is handed out with, but for those to be overwritten.

    >>> prepared("def f(x, w):\n    b = w[0]\n    y = ...\n    z = 0\n    return x", "f")
    ['b']
    """
    function = dict(_functions(source)).get(name)
    nodes = ast.walk(function) if function else iter(())
    assigned = [node for node in nodes if isinstance(node, ast.Assign)]
    computed = [node for node in assigned if not isinstance(node.value, ast.Constant)]
    targets = [n for each in computed for target in each.targets for n in ast.walk(target)]
    stored = [n.id for n in targets if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)]
    return list(dict.fromkeys(stored))


def _functions(source: str) -> Iterator[tuple[str, ast.FunctionDef]]:
    tree = names.parsed(source)
    for node in tree.body if tree else []:
        if isinstance(node, ast.FunctionDef):
            yield node.name, node


def _is_stub(released: str, function: ast.FunctionDef) -> bool:
    return STUB in (ast.get_source_segment(released, function) or "")


def _is_empty(function: ast.FunctionDef) -> bool:
    """Return whether a function does nothing yet, or uses what it leaves at three dots."""
    body = [node for node in function.body if not _is_constant(node)]
    return not body or _only_gives_up(function, body) or bool(dots(function))


def _only_gives_up(function: ast.FunctionDef, body: list[ast.stmt]) -> bool:
    """Return whether all that is done is to raise NotImplementedError, or to return an argument."""
    last = body[0]
    if len(body) > 1:
        return False
    if isinstance(last, ast.Raise):
        return "NotImplemented" in ast.unparse(last)
    arguments = {each.arg for each in function.args.args}
    return isinstance(last, ast.Return) and (
        last.value is None
        or (isinstance(last.value, ast.Constant) and last.value.value in (None, ...))
        or (isinstance(last.value, ast.Name) and last.value.id in arguments)
    )


def dots(function: ast.FunctionDef) -> list[str]:
    """Return the variables that are given nothing but three dots, and are used all the same."""
    nodes = list(ast.walk(function))
    dotted = [node for node in nodes if isinstance(node, ast.Assign) and _gives_dots(node)]
    left = [target for node in dotted for target in node.targets if isinstance(target, ast.Name)]
    named = [node for node in nodes if isinstance(node, ast.Name)]
    others = {n.id for n in named if isinstance(n.ctx, ast.Store) and n not in left}
    used = {n.id for n in named if isinstance(n.ctx, ast.Load)}
    return [name for name in dict.fromkeys(n.id for n in left) if name in used - others]


def _gives_dots(node: ast.Assign) -> bool:
    return isinstance(node.value, ast.Constant) and node.value.value is Ellipsis


def _is_constant(node: ast.stmt) -> bool:
    return isinstance(node, ast.Pass) or (
        isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    )
