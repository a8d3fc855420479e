"""The test cell that is running: what stands in it, and which functions of the student's it calls.

In a notebook a test's names are the kernel's, so a check can look at them when it fails.
"""

import ast
import linecache
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import FrameType, FunctionType
from typing import Any

import numpy as np

from seqlab import names, released, sentences, unwritten

PACKAGE = Path(__file__).parent
DEEPEST = 5  # of lists and dictionaries in one another
MOST = 400  # arrays that are looked at
Array = np.ndarray


@dataclass(frozen=True)
class StudentFunction:
    """A function of the student's, and the cell that defines it."""

    name: str
    cell: str
    first_line: int

    def line(self, number: int) -> str:
        """Return a line of its cell, counted from 1."""
        lines = self.cell.splitlines()
        return lines[number - 1].strip() if 0 < number <= len(lines) else ""

    @cached_property
    def tree(self) -> ast.FunctionDef | None:
        """The function's syntax tree; None if its cell defines it in an unusual way."""
        tree = names.parsed(self.cell)
        nodes = ast.walk(tree) if tree else iter(())
        found = [n for n in nodes if isinstance(n, ast.FunctionDef) and n.name == self.name]
        return found[-1] if found else None

    def result_line(self) -> str:
        """Return, in words, the line that makes what the function returns."""
        returns = [n for n in ast.walk(self.tree) if isinstance(n, ast.Return)] if self.tree else []
        if not returns or not self.tree:
            return ""
        line, value = returns[-1].lineno, returns[-1].value
        if isinstance(value, ast.Name):
            line = max(_assigned(self.tree, value.id), default=line)
        return sentences.LOOK_AT(number=line, function=self.name, line=self.line(line))


@dataclass(frozen=True)
class RunningTest:
    """A test cell while it runs.

    Attributes:
        source: its text
        space: the names that it sees
        file: the name that Python has for it
    """

    source: str
    space: Mapping[str, Any]
    file: str

    @classmethod
    def of(cls, frame: FrameType) -> "RunningTest":
        """Return the test whose code runs in a frame."""
        file = frame.f_code.co_filename
        source = "".join(linecache.getlines(file, frame.f_globals))
        return cls(source, {**frame.f_globals, **frame.f_locals}, file)

    @classmethod
    def here(cls) -> "RunningTest":
        """Return the test that has called a check."""
        frame: FrameType | None = sys._getframe(1)
        while frame and frame.f_back and is_ours(frame):
            frame = frame.f_back
        return cls.of(frame or sys._getframe(1))

    @cached_property
    def names(self) -> list[str]:
        """The names in the cell, in the order in which they first come."""
        tree = names.parsed(self.source)
        nodes = [node for node in ast.walk(tree) if isinstance(node, ast.Name)] if tree else []
        nodes.sort(key=lambda node: (node.lineno, node.col_offset))
        return list(dict.fromkeys(node.id for node in nodes))

    @cached_property
    def texts(self) -> list[str]:
        """The strings in the cell."""
        return list(dict.fromkeys(names.texts(self.source)))

    @cached_property
    def arrays(self) -> dict[str, Array]:
        """The arrays that the cell names, also those inside of dictionaries and lists."""
        arrays: dict[str, Array] = {}
        for name in [name for name in self.names if name not in self._results]:
            for path, array in _arrays(name, self.space.get(name), DEEPEST):
                if len(arrays) < MOST:
                    arrays[path] = array
        return arrays

    @cached_property
    def _results(self) -> set[str]:
        """The names that the cell gives to what the student's functions return."""
        tree = names.parsed(self.source)
        nodes = ast.walk(tree) if tree else iter(())
        own = {function.name for function in self.functions}
        calling = [n for n in nodes if isinstance(n, ast.Assign) and own & _names_in(n.value)]
        targets = [part for node in calling for t in node.targets for part in ast.walk(t)]
        return {part.id for part in targets if isinstance(part, ast.Name)}

    @cached_property
    def functions(self) -> list[StudentFunction]:
        """The student's functions that the cell calls, and all that these call, nearest first."""
        reached: dict[str, StudentFunction] = {}
        waiting = list(self.names)
        while waiting:
            name = waiting.pop(0)
            function = self.function(name)
            if function and name not in reached:
                reached[name] = function
                waiting += sorted(_names_in(function.tree))
        return list(reached.values())

    @property
    def called(self) -> StudentFunction | None:
        """The one function of the student's that the cell itself calls, if it is one."""
        own = [function for function in self.functions if function.name in self.names]
        return own[0] if len(own) == 1 else None

    def unused(self) -> str:
        """Return, in words, what the called function is given or prepares, and never uses."""
        function = self.called
        if function is None or function.tree is None:
            return ""
        cell = self.handed_out.solutions.get(function.name, function.cell)
        read, stored = _names_in(function.tree, ast.Load), _names_in(function.tree, ast.Store)
        own = [argument.arg for argument in function.tree.args.args]
        prepared = [n for n in unwritten.prepared(cell, function.name) if n in stored]
        lacking = [name for name in (*own, *prepared) if name not in read and name[0] != "_"]
        names = sentences.listed(lacking, sentences.FEW)
        return sentences.UNUSED(function=function.name, names=names) if lacking else ""

    def changing_line(self, argument: str) -> str:
        """Return, in words, a line of the called function that changes an argument; often none."""
        function = self.called
        for node in ast.walk(function.tree) if function and function.tree else ():
            if function and argument in _changed(node):
                line = node.lineno  # type: ignore[attr-defined]
                return sentences.LOOK_AT(
                    number=line, function=function.name, line=function.line(line)
                )
        return ""

    def function(self, name: str) -> StudentFunction | None:
        """Return a function that another cell defines and that is not the course's."""
        value = self.space.get(name)
        if not isinstance(value, FunctionType) or name in self.handed_out.given:
            return None
        code = value.__code__
        cell = self.cell(code.co_filename)
        return StudentFunction(name, cell, code.co_firstlineno) if cell else None

    def cell(self, file: str) -> str:
        """Return the source of another cell, by Python's name for it; nothing for a real file."""
        if file == self.file or Path(file).is_file():
            return ""
        return "".join(linecache.getlines(file))

    @cached_property
    def handed_out(self) -> released.HandedOut:
        """What is known of the notebook as it was handed out."""
        return released.with_test(self.source.strip())

    def unwritten(self) -> str:
        """Return, in words, which function that the test needs is not written yet; often none.

        A function of the student's own may well be empty: only those are meant that were asked for.
        """
        asked = self.handed_out.solutions or self.names
        for function in self.functions:
            stub = self.handed_out.solutions.get(function.name, "")
            is_empty = function.name in unwritten.unwritten(function.cell, stub)
            if is_empty and function.name in asked:
                return self._not_written(function)
        return ""

    def _not_written(self, function: StudentFunction) -> str:
        stub = self.handed_out.solutions.get(function.name, "")
        left = unwritten.dots(function.tree) if function.tree else []
        if left and function.cell.strip() != stub.strip():
            return sentences.UNFINISHED(function=function.name, names=sentences.are(left))
        if function.name in self.names:
            return sentences.UNWRITTEN(function=function.name)
        caller = next(f for f in self.functions if function.name in _names_in(f.tree))
        return sentences.UNWRITTEN_BELOW(function=function.name, caller=caller.name)


def is_ours(frame: FrameType) -> bool:
    """Return whether a frame runs code of this package, or of contextlib for it."""
    path = Path(frame.f_code.co_filename)
    return path.parent == PACKAGE or path.name == "contextlib.py"


def _names_in(tree: ast.AST | None, use: type = ast.Load) -> set[str]:
    """Return the names in a function, those that it reads or those that it gives a value."""
    nodes = (node for node in ast.walk(tree) if isinstance(node, ast.Name)) if tree else iter(())
    return {node.id for node in nodes if isinstance(node.ctx, use)}


def _assigned(tree: ast.FunctionDef, name: str) -> Iterator[int]:
    """Yield the lines that give a value to a name."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and node.id == name and isinstance(node.ctx, ast.Store):
            yield node.lineno


def _changed(node: ast.AST) -> Iterator[str]:
    """Yield the names whose values a statement changes in place."""
    targets = [node.target] if isinstance(node, ast.AugAssign) else []
    if isinstance(node, ast.Assign):
        targets = [target for target in node.targets if isinstance(target, ast.Subscript)]
    for target in targets:
        base = target.value if isinstance(target, ast.Subscript) else target
        if isinstance(base, ast.Name):
            yield base.id


def _arrays(path: str, value: Any, depth: int) -> Iterator[tuple[str, Array]]:
    if isinstance(value, np.ndarray) and value.dtype.kind in "biuf" and value.size:
        yield path, value
    elif depth and isinstance(value, Mapping):
        for key, part in value.items():
            yield from _arrays(f"{path}[{key!r}]", part, depth - 1)
    elif depth and isinstance(value, list | tuple):
        for i, part in enumerate(value[:50]):
            yield from _arrays(f"{path}[{i}]", part, depth - 1)
