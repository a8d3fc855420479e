"""Write functions out of a notebook into a Python file that stands on its own.

In a notebook:

    turn_in.write_functions(["softmax", "attention"], globals(), "template.py")

This module does not know which functions an assignment asks for, nor who reads the file.
"""

import ast
import builtins
import linecache
import math
import sys
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from inspect import unwrap
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

import numpy as np

from seqlab import names, released, unwritten

FUTURE = "from __future__ import annotations"
LONGEST = 10_000  # characters of a constant
PARTS = (ast.stmt, ast.excepthandler, ast.match_case)  # what has statements inside
DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


def write_functions(
    functions: Sequence[str], namespace: Mapping[str, Any], path: str | Path
) -> None:
    """Write the named functions of ``namespace``, a notebook's ``globals()``, to ``path``.

    The imports, constants, classes and helper functions that they use come along. One line is
    printed about each thing that is missing or cannot be copied, and one about what the file holds.

    Args:
        functions: their names
        namespace: where they are defined
        path: the file to write
    """
    file = _File(_Notebook(namespace))
    for name in functions:
        if callable(namespace.get(name)):
            file.add(name)
        else:
            file.problems.append(f"{name} is not defined yet: left out")
    Path(path).write_text(file.text(), "utf-8")
    print(*file.problems, f"{path} {_held(functions, file.definitions)}", sep="\n")


def _held(wanted: Sequence[str], definitions: Mapping[str, str]) -> str:
    r"""Return, in words, which functions a file has, and which of them are still to be written.

    Example:
        >>> _held(["f", "g"], {"f": "def f(x):\n    return x + 1", "g": "def g(x):\n    ..."})
        'holds f; not written yet: g'
    """
    asked = {name: text for name, text in definitions.items() if name in wanted}
    stubs = [n for n, text in asked.items() if n in unwritten.unwritten(text, released.solution(n))]
    written = ", ".join(name for name in definitions if name not in stubs)
    missing = f"; not written yet: {', '.join(stubs)}" if stubs else ""
    return f"holds {written or 'no function'}{missing}"


# What the notebook has


@dataclass(frozen=True)
class _Statement:
    """A statement that the notebook ran."""

    node: ast.stmt
    cell: str

    @property
    def first_line(self) -> int:
        """Where it begins: at its first decorator, if it has any."""
        decorators: list[ast.expr] = getattr(self.node, "decorator_list", [])
        return min([self.node.lineno, *(decorator.lineno for decorator in decorators)])

    def holds(self, line: int) -> bool:
        """Return whether a line of the cell belongs to the statement."""
        return self.first_line <= line <= (self.node.end_lineno or 0)

    @cached_property
    def text(self) -> str:
        """Its source, as if it stood outside of any ``if`` or ``try``."""
        if not isinstance(self.node, DEFINITIONS):
            return ast.get_source_segment(self.cell, self.node) or ast.unparse(self.node)
        lines = self.cell.splitlines()[self.first_line - 1 : self.node.end_lineno]
        text = textwrap.dedent("\n".join(lines))
        return text if names.names(text).is_python else ast.unparse(self.node)

    @cached_property
    def names(self) -> names.Names:
        """What it defines and needs."""
        return names.names(ast.unparse(self.node))


@dataclass(frozen=True)
class _Notebook:
    """What a notebook's names stand for, and the statements that bound them."""

    namespace: Mapping[str, Any]

    @cached_property
    def statements(self) -> list[_Statement]:
        """All statements that ran, in order, those inside of ``if`` and the like alone."""
        return [statement for cell in self._cells() for statement in _statements(cell)]

    def _cells(self) -> list[str]:
        """Return what was run: IPython's history, or else the files of the functions."""
        history = self.namespace.get("In")
        if isinstance(history, list):
            return [str(self.namespace.get(f"_i{i}", cell)) for i, cell in enumerate(history)]
        functions = (v for v in self.namespace.values() if isinstance(v, FunctionType))
        files = dict.fromkeys(unwrap(function).__code__.co_filename for function in functions)
        return ["".join(linecache.getlines(file)) for file in files]

    def binding(self, name: str) -> list[_Statement]:
        """Return the statements that bound a name, in order."""
        return [statement for statement in self.statements if name in statement.names.defined]

    def latest(self, name: str) -> _Statement | None:
        """Return the statement that gave a name its value, where that can be told."""
        value = self.namespace[name]
        if isinstance(value, FunctionType) and self.is_own(value):
            # It knows its line, whatever else ran or failed since.
            code = unwrap(value).__code__
            for statement in _statements("".join(linecache.getlines(code.co_filename))):
                if name in statement.names.defined and statement.holds(code.co_firstlineno):
                    return statement
        binding = reversed(self.binding(name))
        return next((s for s in binding if _may_have_given(s, name, value)), None)

    def is_own(self, value: Any) -> bool:
        """Return whether a function or class was written in the notebook."""
        return bool(getattr(value, "__module__", None) == self.namespace.get("__name__"))

    def before(self, name: str, statement: _Statement) -> _Statement | None:
        """Return the statement that bound a name before another one did."""
        binding = self.binding(name)
        places = [i for i, other in enumerate(binding) if other.text == statement.text]
        return binding[places[-1] - 1] if places and places[-1] else None

    def starred(self) -> Iterator[str]:
        """Yield the modules of which the notebook imports everything, the last one first."""
        for statement in reversed(self.statements):
            node = statement.node
            if isinstance(node, ast.ImportFrom) and node.names[0].name == "*" and node.module:
                yield node.module


def _statements(cell: str) -> Iterator[_Statement]:
    """Yield a cell's statements; of ``if``, ``try`` and the like, the statements inside."""
    text = names.python(cell)
    tree = names.parsed(text)
    for node in _leaves(tree.body if tree else []):
        yield _Statement(node, text)


def _may_have_given(statement: _Statement, name: str, value: Any) -> bool:
    """Return whether a name can have its value from a statement, e.g. from one of ``try``."""
    node = statement.node
    if isinstance(node, ast.Import):
        modules = (a.name if a.asname else name for a in node.names if name == _bound_by(a))
        return any(sys.modules.get(module) is value for module in modules)
    if isinstance(node, ast.ImportFrom):
        module = sys.modules.get(node.module or "")
        origins = (a.name for a in node.names if name == _bound_by(a))
        return any(getattr(module, origin, statement) is value for origin in origins)
    is_constant = isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
    return not (isinstance(value, ModuleType) or (is_constant and callable(value)))


def _bound_by(alias: ast.alias) -> str:
    """Return the name that an import binds: a in ``import a.b``, c in ``import a.b as c``."""
    return alias.asname or alias.name.partition(".")[0]


def _leaves(nodes: Iterable[ast.AST]) -> Iterator[ast.stmt]:
    for node in nodes:
        inner = [child for child in ast.iter_child_nodes(node) if isinstance(child, PARTS)]
        if isinstance(node, ast.stmt) and (not inner or isinstance(node, DEFINITIONS)):
            yield node
        else:
            yield from _leaves(inner)


# What the file gets


@dataclass
class _File:
    """The file, and what could not become part of it."""

    notebook: _Notebook
    imports: set[str] = field(default_factory=set)
    constants: dict[str, str] = field(default_factory=dict)
    definitions: dict[str, str] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    _known: set[str] = field(default_factory=set)

    def text(self) -> str:
        """Return the file's content."""
        has_future = any(FUTURE in statement.text for statement in self.notebook.statements)
        imports = [FUTURE] * has_future + sorted(self.imports - {FUTURE})
        heads = ["\n".join(imports), "\n".join(self.constants.values())]
        return "\n\n\n".join(filter(None, [*heads, *self.definitions.values()])) + "\n"

    def add(self, name: str, user: str = "") -> None:
        """Add what a name stands for and all that it needs; ``user`` is the code that names it."""
        if name in self._known:
            return
        self._known.add(name)
        value, statement = self.notebook.namespace[name], self.notebook.latest(name)
        if imports := _imports(name, value, self.notebook, statement):
            self.imports.update(imports)
        elif constant := _constant(value):
            self.constants[name] = f"{name} = {constant}"
            self.imports.update({"import numpy"} if isinstance(value, np.generic) else ())
        elif statement and callable(value):
            self._define(name, statement)
        elif user:
            self._problem(
                f"{user} uses {name}, which cannot be copied: define it inside the function"
            )
        else:
            self._problem(f"the source of {name} cannot be found: run its cell again")

    def _define(self, name: str, statement: _Statement) -> None:
        """Add a definition after what it needs at once, and before what it needs when called."""
        earlier = self.notebook.before(name, statement)
        if earlier and name in statement.names.updated:  # softmax = quick(softmax)
            self._define(name, earlier)
        self._need(statement.names.at_once, name)
        if statement.text not in self.definitions.values():  # one statement may bind two names
            parts = [self.definitions.get(name, ""), statement.text]
            self.definitions[name] = "\n\n\n".join(filter(None, parts))
        self._need(statement.names.later | self._own(statement.names.built_in), name)

    def _own(self, built_in: frozenset[str]) -> frozenset[str]:
        """Return those of Python's names that the notebook uses for something of its own."""
        space, python = self.notebook.namespace, vars(builtins)
        return frozenset(
            n for n in built_in & python.keys() if space.get(n, python[n]) is not python[n]
        )

    def _need(self, used: frozenset[str], user: str) -> None:
        for name in sorted(used):
            if name in self.notebook.namespace:
                self.add(name, user)
            else:
                self._problem(f"{user} uses {name}, which is not defined")

    def _problem(self, text: str) -> None:
        if text not in self.problems:
            self.problems.append(text)


# Imports and constants


def _imports(name: str, value: Any, notebook: _Notebook, statement: _Statement | None) -> set[str]:
    """Return the lines that import what a name stands for; none where it was not imported."""
    if statement and name in statement.names.imported:
        return _written_imports(name, notebook, statement)
    if statement:
        return set()
    for module in notebook.starred():
        if getattr(sys.modules.get(module), name, None) is value:
            return {f"from {module} import {name}"}
    return set() if notebook.is_own(value) else _guessed_import(name, value)


def _written_imports(name: str, notebook: _Notebook, statement: _Statement) -> set[str]:
    """Return a statement's import of a name; of a package, those of its other modules as well.

    ``import scipy.linalg`` and ``import scipy.special`` bind one name, and both are needed.
    """
    *_, line = _import_lines(statement.node, name)
    lines = [line for s in notebook.binding(name) for line in _import_lines(s.node, name)]
    plain = {line for line in lines if " as " not in line and line.startswith("import")}
    return plain if line in plain else {line}


def _import_lines(node: ast.stmt, name: str) -> Iterator[str]:
    """Yield the imports of a statement that bind a name."""
    if isinstance(node, ast.Import | ast.ImportFrom):
        origin = isinstance(node, ast.ImportFrom) and f"from {'.' * node.level}{node.module or ''} "
        for alias in node.names:
            if name == _bound_by(alias):
                yield f"{origin or ''}import {ast.unparse(alias)}"


def _guessed_import(name: str, value: Any) -> set[str]:
    """Return an import of a module, or of what a module has under its own name."""
    own = getattr(value, "__name__", "")
    alias = "" if own == name else f" as {name}"
    if isinstance(value, ModuleType):
        return {f"import {own}{alias}"}
    module = getattr(value, "__module__", None) or ""
    known = callable(value) and getattr(sys.modules.get(module), own, None) is value
    return {f"from {module} import {own}{alias}"} if known else set()


def _constant(value: Any) -> str:
    """Return the source of a constant; nothing where a value has no short one.

    Example:
        >>> _constant((1, "a")), _constant(np.float32(0.5)), _constant(np.eye(2))
        ("(1, 'a')", 'numpy.float32(0.5)', '')
    """
    if isinstance(value, np.generic):
        item = value.item()
        inner = "" if isinstance(item, np.generic) else _constant(item)
        return inner and f"numpy.{type(value).__name__}({inner})"
    if type(value) is float and not math.isfinite(value):
        return f"float('{value}')"
    try:
        text = repr(value)
        same = ast.literal_eval(text) if len(text) <= LONGEST else ...
    except Exception:  # not the source of anything, or of a class with a repr that fails
        return ""
    return text if type(same) is type(value) and same == value else ""
