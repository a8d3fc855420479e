"""What is special about an assignment: ``source/NAME/assignment.toml``, read and checked.

Everything else about an assignment follows from its notebook. A new one needs two lines:

    title = "Introduction"
    points = 20

This module does not know where a course lies, nor whether the data that is named is there.
"""

import ast
import builtins
import difflib
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

FILE = "assignment.toml"
MEGABYTES = 768  # of memory that Gradescope's containers have unless it is set otherwise


class AssignmentError(Exception):
    """The file is missing or wrong; the message says in one line what and what to do."""


@dataclass(frozen=True)
class AssignmentPart:
    """A part of an assignment: what its heading in the notebook begins with, and its points."""

    title: str
    points: float | None = None


@dataclass(frozen=True)
class TurnIn:
    """The files that students turn in on Gradescope instead of the notebook.

    Attributes:
        functions: a Python file that holds the functions, e.g. ``template.py``
        answer: a text that holds the one written answer, e.g. ``2_4.txt``; often none
    """

    functions: str
    answer: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        """Return the names of these files."""
        return tuple(filter(None, (self.functions, self.answer)))


@dataclass(frozen=True)
class Warm:
    """What both kernels load before the first submission, so that no submission waits for it.

    Attributes:
        modules: imported first
        run: expressions over these modules, evaluated for what they leave behind (caches, fonts)
        shared: expressions that give arrays, or lists and dictionaries of arrays; a test that
            passes such an array to a student's function passes its name alone

    Example:
        >>> print(Warm(("numpy",), (), {"ones": "numpy.ones(9)"}).preload)
        import numpy
        shared = {}
        shared['ones'] = numpy.ones(9)
    """

    modules: tuple[str, ...] = ()
    run: tuple[str, ...] = ()
    shared: Mapping[str, str] = field(default_factory=dict)

    @property
    def preload(self) -> str:
        """Return this as Python, for the kernels' fork servers."""
        arrays = (f"shared[{name!r}] = {code}" for name, code in self.shared.items())
        lines = [*(f"import {name}" for name in self.modules), "shared = {}", *arrays, *self.run]
        return "\n".join(lines)


@dataclass(frozen=True)
class GradescopeSettings:
    """What Gradescope's container has: its memory, and what kernels load in it."""

    megabytes: int = MEGABYTES
    warm: Warm = field(default_factory=Warm)


@dataclass(frozen=True)
class Assignment:
    """An assignment's settings.

    Attributes:
        name: of its folder and of its notebook
        title: in words
        points: that its test cells and written answers must add up to; None: any total is right
        parts: with titles of their own; often none
        data: files and folders below ``data/`` that it loads
        turn_in: what is turned in besides the notebook, if anything
        warm: what kernels load before the first submission
        gradescope: what is different on Gradescope
        text: the whole file
    """

    name: str
    title: str
    points: float | None = None
    parts: tuple[AssignmentPart, ...] = ()
    data: tuple[str, ...] = ()
    turn_in: TurnIn | None = None
    warm: Warm = field(default_factory=Warm)
    gradescope: GradescopeSettings = field(default_factory=GradescopeSettings)
    text: str = ""

    @property
    def preload(self) -> str:
        """Return what both kernels' fork servers run first."""
        return self.warm.preload


def read(folder: Path) -> Assignment:
    """Return the settings of the assignment that lies in a folder, e.g. ``source/gpt2``.

    Raises:
        AssignmentError: there is no file, or something in it is wrong.
    """
    path = folder / FILE
    try:
        return parse(folder.name, path.read_text("utf-8"))
    except FileNotFoundError:
        raise AssignmentError(
            f"{_shown(folder.name)} is missing: write one with at least the line "
            f'title = "{folder.name}"'
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise AssignmentError(f"{_shown(folder.name)} cannot be read as UTF-8: {error}") from None


def parse(name: str, text: str) -> Assignment:
    """Return the settings that the text of an ``assignment.toml`` makes.

    Example:
        >>> parse("intro", 'title = "Introduction"').points is None
        True

    Raises:
        AssignmentError: something in it is wrong.
    """
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise AssignmentError(f"{_shown(name)} is not TOML: {error}") from None
    top = _Table(_shown(name), "", values)
    top.only("title", "points", "parts", "data", "turn_in", "warm", "gradescope")
    warm = _warm(top.table("warm")) or Warm()
    return Assignment(
        name=name,
        title=top.text("title", required=True),
        points=top.number("points"),
        parts=_parts(top),
        data=_data(top),
        turn_in=_turn_in(top.table("turn_in")),
        warm=warm,
        gradescope=_gradescope(top.table("gradescope"), warm),
        text=text,
    )


def written_files(source: Path) -> list[str]:
    """Return the names of the files that masters in ``source/`` write when they are run there.

    nbgrader must not copy them into a release: they hold solutions. A file that is wrong is passed
    over; whatever releases or grades its assignment says so.
    """
    names: set[str] = set()
    for path in source.glob(f"*/{FILE}"):
        try:
            turn_in = read(path.parent).turn_in
        except AssignmentError:
            continue
        names.update(turn_in.names if turn_in else ())
    return sorted(names)


def did_you_mean(word: str, known: Mapping[str, Any] | list[str]) -> str:
    """Return a question that names the known word that is most like a wrong one, or nothing.

    Example:
        >>> did_you_mean("poinst", ["points", "title"])
        "; did you mean points?"
    """
    close = difflib.get_close_matches(word, list(known), n=1)
    return f"; did you mean {close[0]}?" if close else ""


# The file's tables


def _parts(top: "_Table") -> tuple[AssignmentPart, ...]:
    parts = []
    for table in top.tables("parts"):
        table.only("title", "points")
        parts.append(AssignmentPart(table.text("title", required=True), table.number("points")))
    points = [part.points for part in parts if part.points is not None]
    total = top.number("points")
    if total is not None and parts and len(points) == len(parts) and sum(points) != total:
        raise top.wrong("points", f"is {total:g}, but its parts add up to {sum(points):g}")
    return tuple(parts)


def _data(top: "_Table") -> tuple[str, ...]:
    for entry in top.texts("data"):
        if not re.fullmatch(r"[\w.-]+(/[\w.-]+)*", entry) or ".." in entry.split("/"):
            raise top.wrong(
                "data", f"has {entry!r}: give paths below data/, such as 'texts/novel.txt'"
            )
    return top.texts("data")


def _turn_in(table: "_Table | None") -> TurnIn | None:
    if table is None:
        return None
    table.only("functions", "answer")
    turn_in = TurnIn(table.text("functions", required=True), table.text("answer"))
    for key, name, ending in (
        ("functions", turn_in.functions, ".py"),
        ("answer", turn_in.answer, ".txt"),
    ):
        if name and not re.fullmatch(r"\w[\w.-]*" + re.escape(ending), name):
            raise table.wrong(key, f"is {name!r}: give a file name that ends in {ending}")
    return turn_in


def _warm(table: "_Table | None") -> Warm | None:
    if table is None:
        return None
    table.only("modules", "run", "shared")
    warm = Warm(table.texts("modules"), table.texts("run"), table.text_by_name("shared"))
    for name in warm.modules:
        if not all(part.isidentifier() for part in name.split(".")):
            raise table.wrong("modules", f"has {name!r}, which is no module's name")
    imported = {name.partition(".")[0] for name in warm.modules} | set(dir(builtins))
    for code in warm.run:
        _check_expression(table, "run", code, imported)
    for name, code in warm.shared.items():
        _check_expression(table, f"shared.{name}", code, imported)
    return warm


def _check_expression(table: "_Table", key: str, code: str, imported: set[str]) -> None:
    try:
        nodes = list(ast.walk(ast.parse(code, mode="eval")))
    except SyntaxError as error:
        raise table.wrong(
            key, f"has {code!r}, which is no Python expression: {error.msg}"
        ) from None
    names = {node.id for node in nodes if isinstance(node, ast.Name)}
    bound = {n.id for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    if unknown := sorted(names - bound - imported):
        raise table.wrong(key, f"uses {unknown[0]}: add it to {table.key('modules')}")


def _gradescope(table: "_Table | None", warm: Warm) -> GradescopeSettings:
    if table is None:
        return GradescopeSettings(warm=warm)
    table.only("megabytes", "warm")
    megabytes = table.number("megabytes")
    if megabytes is not None and (megabytes < MEGABYTES or megabytes != int(megabytes)):
        raise table.wrong("megabytes", f"must be a whole number, {MEGABYTES} or more")
    own = _warm(table.table("warm"))
    return GradescopeSettings(int(megabytes or MEGABYTES), warm if own is None else own)


@dataclass(frozen=True)
class _Table:
    """A table of the file; every complaint names the file and the key."""

    file: str
    path: str  # of the table's own key, with a dot behind it
    values: Mapping[str, Any]

    def key(self, name: str) -> str:
        return self.path + name

    def wrong(self, name: str, what: str) -> AssignmentError:
        return AssignmentError(f"{self.file}: {self.key(name)} {what}")

    def only(self, *known: str) -> None:
        for name in self.values:
            if name not in known:
                meant = did_you_mean(name, list(known)) or f"; known are {', '.join(known)}"
                raise AssignmentError(f"{self.file}: there is no key {self.key(name)!r}{meant}")

    def text(self, name: str, required: bool = False) -> str:
        value = self.values.get(name, "")
        if not isinstance(value, str) or "\n" in value:
            raise self.wrong(name, f'is {value!r}: write it as one line of text, {name} = "..."')
        if required and not value.strip():
            raise self.wrong(name, f'is missing: add {name} = "..."')
        return value

    def number(self, name: str) -> float | None:
        value = self.values.get(name)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1e6:
            raise self.wrong(name, f"is {value!r}: write a positive number, or leave it out")
        return value

    def texts(self, name: str) -> tuple[str, ...]:
        value = self.values.get(name, [])
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise self.wrong(name, f'is {value!r}: write a list of texts, {name} = ["...", "..."]')
        return tuple(value)

    def text_by_name(self, name: str) -> Mapping[str, str]:
        table = self.table(name)
        return {key: table.text(key, required=True) for key in table.values} if table else {}

    def table(self, name: str) -> "_Table | None":
        value = self.values.get(name)
        if value is None:
            return None
        if not isinstance(value, dict):
            raise self.wrong(name, f"is {value!r}: write a table, [{self.key(name)}]")
        return _Table(self.file, f"{self.key(name)}.", value)

    def tables(self, name: str) -> Iterator["_Table"]:
        value = self.values.get(name, [])
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            raise self.wrong(name, f"is {value!r}: write tables, [[{self.key(name)}]]")
        yield from (_Table(self.file, f"{self.key(name)}.", item) for item in value)


def _shown(name: str) -> str:
    return f"source/{name}/{FILE}"
