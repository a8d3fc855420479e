"""Why a test failed, in words: a known mistake that gives the student's outputs, or what differs.

Runs in the test kernel after a test has failed, on what the test had asked of the student's
functions. A mistake is named only where its outputs equal the student's on every call that the
test made, and are clearly not the right ones. What is returned holds no expected value, so that
students may read it.

This module does not know the tests, nor who reads a diagnosis.
"""

import ast
import contextlib
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from types import CodeType
from typing import Any

import mistakes
from autograder.diagnosis import compare
from autograder.diagnosis.recorded_calls import Call
from mistakes import depths

MOST_CALLS = 8  # that are looked at, the last ones: a test ends with the one that is wrong
CLEAR = 20.0  # how many times further from the right output than from the mistake's
Function = Callable[..., Any]
Space = dict[str, Any]


@dataclass
class Explainer:
    """Compares calls with right answers and with mistakes.

    Attributes:
        cells: the catalogue's entries for the assignment at hand
        space: what provided cells have defined
        students: the student's functions, by name
        deadline: of time.monotonic(), after which nothing new is tried
    """

    cells: Sequence[mistakes.Cell]
    space: Space
    students: Mapping[str, Function]
    deadline: float
    _spaces: dict[tuple[str, ...], Space] = field(default_factory=dict)
    _compared: dict[str, list["ComparedCall"]] = field(default_factory=dict)  # by function

    def explain(self, calls: Sequence[Call]) -> dict[str, Any] | None:
        """Return why these calls do not give what they should, or None where they do.

        Returns:
            plain values: ``function`` and ``summary``; where they are known ``mistake``, ``hint``,
            ``nudge``, ``where``, and ``blames``, another function of the student's
        """
        for name in dict.fromkeys(call.name for call in reversed(calls)):
            cell = next((cell for cell in self.cells if name in cell.functions), None)
            if cell is None:
                continue
            ours = [call for call in calls if call.name == name][-MOST_CALLS:]
            if found := self._explain(cell, name, ours):
                return found
        return None

    def fits(self, name: str, mistake: str) -> mistakes.Mistake | None:
        """Return a mistake if it gives what a function gave in all calls that were looked at."""
        cell = next(cell for cell in self.cells if name in cell.functions)
        found = next((each for each in cell.mistakes if each.name == mistake), None)
        pairs = self._compared.get(name)
        if found is None or not pairs or self._is_late():
            return None
        return found if _all_equal(pairs, self._function(cell, cell.code(found), name)) else None

    def compared(self, calls: Sequence[Call]) -> Iterator["ComparedCall"]:
        """Yield calls of functions that the catalogue has, each with what is right."""
        for call in calls:
            cell = next((cell for cell in self.cells if call.name in cell.functions), None)
            if cell is not None:
                yield ComparedCall(call, *_tried(call, self._function(cell, cell.right, call.name)))

    def _explain(self, cell: mistakes.Cell, name: str, calls: list[Call]) -> dict[str, Any] | None:
        right = self._function(cell, cell.right, name)
        pairs = [ComparedCall(call, *_tried(call, right)) for call in calls if not self._is_late()]
        pairs = [pair for pair in pairs if pair.raised != "NameError"]  # the catalogue has a gap
        wrong = [pair for pair in pairs if pair.differs]
        if not wrong:
            return self._beside(cell, name, calls)
        said: dict[str, Any] = {"function": name, "where": cell.where}
        said["summary"] = wrong[0].in_words(name)
        pairs = self._compared[name] = wrong + [pair for pair in pairs if not pair.differs]
        if blamed := self._blamed(cell, name, pairs):
            return {**said, "blames": blamed[0], "summary": _passed_on(name, blamed)}
        if all(pair.call.value is None for pair in wrong):
            return said
        if mistake := self._recognised(cell, name, pairs):
            said |= _named(mistake)
        elif depth := self._depth(name, wrong[0].call, right):
            said["summary"] += f"; {depth}"
        return said

    def _recognised(
        self, cell: mistakes.Cell, name: str, pairs: Sequence["ComparedCall"]
    ) -> mistakes.Mistake | None:
        """Return the first mistake whose outputs are the student's, on every call."""
        for mistake in cell.mistakes:
            if mistake.cheat or self._is_late():
                continue
            function = self._function(cell, cell.code(mistake), name)
            if _all_equal(pairs, function):
                return mistake
        return None

    def _blamed(self, cell: mistakes.Cell, name: str, pairs: Sequence["ComparedCall"]) -> list[str]:
        """Return the student's other functions with which a right one gives these outcomes.

        One of them if that is enough, or else as few of those that the right one uses as will do.
        """
        used = [
            helper
            for other in self.cells
            if other is not cell
            for helper in other.functions
            if helper in self.students and re.search(rf"\b{helper}\b", cell.right)
        ]

        def explain(helpers: list[str]) -> bool:
            function = self._function(cell, cell.right, name, *helpers)
            return not self._is_late() and _all_equal(pairs, function, errors=True)

        if alone := next((helper for helper in used if explain([helper])), ""):
            return [alone]
        if len(used) < 2 or not explain(used):
            return []
        for helper in list(used):
            if len(used) > 2 and explain(fewer := [each for each in used if each != helper]):
                used = fewer
        return used

    def _beside(
        self, cell: mistakes.Cell, name: str, calls: Sequence[Call]
    ) -> dict[str, Any] | None:
        """Return what is wrong with a function all of whose results are right, if anything is."""
        if not any(call.changed for call in calls):
            return None
        summary = (
            f"{name}: its result is right, and it changes an argument in place: work on a copy"
        )
        said = {"function": name, "where": cell.where, "summary": summary}
        known = next((each for each in cell.mistakes if each.name.endswith("-in-place")), None)
        return said | (_named(known) if known else {})

    def _depth(self, name: str, call: Call, right: Function) -> str:
        """Return from which layer on a Transformer goes wrong."""
        if name not in self.students or name not in depths.SHALLOWER:
            return ""
        args, kwargs = call.arguments()
        for layers, cut in enumerate(depths.SHALLOWER[name](args, kwargs)):
            if self._is_late():
                return ""
            outcomes = [_tried(call, function, cut) for function in (self.students[name], right)]
            if any(raised for _, raised in outcomes):
                return ""
            found, wanted = (value for value, _ in outcomes)
            if compare.distance(found, wanted) > CLEAR * compare.tolerance(found, wanted):
                return _where_it_starts(layers)
        return ""

    def _function(self, cell: mistakes.Cell, code: str, name: str, *helpers: str) -> Function:
        """Return a function of some code for a cell; its helpers are right, or the student's."""
        key = (code, *helpers)
        if key not in self._spaces:
            space = dict(self.space)
            for other in self.cells:
                if other is not cell:
                    _define(other.right, space)
            space |= {helper: self.students[helper] for helper in helpers}
            _define(code, space)
            self._spaces[key] = space
        function: Function = self._spaces[key][name]
        return function

    def _is_late(self) -> bool:
        return time.monotonic() > self.deadline


def agree(found: Mapping[str, dict[str, Any] | None], explainers: Mapping[str, Explainer]) -> None:
    """Let tests that name different mistakes of one function name the one that explains most.

    A mistake may look like another one where a test shows little of it. What is found is changed
    in place.

    Args:
        found: what ``explain`` said of each test
        explainers: who said it
    """
    said = {test: each for test, each in found.items() if each and "blames" not in each}
    for function in {each["function"] for each in said.values()}:
        tests = [test for test, each in said.items() if each["function"] == function]
        named = dict.fromkeys(said[t]["mistake"] for t in tests if "mistake" in said[t])
        if not named or all(said[t].get("mistake") in [*named][:1] for t in tests):
            continue
        fitting = {
            mistake: {t: fit for t in tests if (fit := explainers[t].fits(function, mistake))}
            for mistake in named
        }
        for explained in sorted(fitting.values(), key=len):  # the best one comes last, and stays
            for test, mistake in explained.items():
                said[test].update(_named(mistake))


def _named(mistake: mistakes.Mistake) -> dict[str, str]:
    return {"mistake": mistake.name, "nudge": mistake.nudge, "hint": mistake.hint}


def _define(code: str, space: Space) -> None:
    """Run what a cell of the catalogue defines, without what it shows.

    A value may depend on names that are not there yet where a test of an early cell has failed.
    """
    for statement in _statements(code):
        with contextlib.suppress(Exception):
            exec(statement, space)  # noqa: S102  (the catalogue's own code)


@lru_cache(maxsize=2000)
def _statements(code: str) -> tuple[CodeType, ...]:
    return tuple(
        compile(ast.Module([statement], []), "<catalogue>", "exec")
        for statement in ast.parse(code).body
        if not isinstance(statement, ast.Expr)
    )


@dataclass
class ComparedCall:
    """A call of the student's function, and what a right one makes of it."""

    call: Call
    wanted: Any
    raised: str  # the class of what the right one raises

    @property
    def differs(self) -> bool:
        """Return whether the student's outcome is clearly another."""
        if self.call.error or self.raised:
            return str((self.call.error or {}).get("name", "")) != self.raised
        found = self.call.value
        apart = compare.distance(found, self.wanted)
        return apart > CLEAR * compare.tolerance(found, self.wanted)

    def equals(self, value: Any) -> bool:
        """Return whether a mistake's output is the student's."""
        if self.call.error:
            return False
        apart = compare.distance(value, self.call.value)
        return apart <= compare.tolerance(value, self.call.value)

    def in_words(self, name: str) -> str:
        """Return what is wrong with the call."""
        if self.call.error:
            kind = re.sub(r"\W", "", str(self.call.error["name"]))[:60]
            return f"{name} raises {kind}{_line(self.call.error)}"
        if self.raised:
            return f"{name} should raise {self.raised} here, and returns something"
        return f"{name}: {compare.in_words(self.call.value, self.wanted)}"


def _all_equal(pairs: Sequence[ComparedCall], function: Function, errors: bool = False) -> bool:
    """Return whether a function gives the student's outputs on every call, and not by chance.

    An error is no output, as too many things raise the same; with ``errors`` it is one.
    """
    evidence = False
    for pair in pairs:
        value, raised = _tried(pair.call, function)
        failed = pair.call.error["name"] if pair.call.error else ""
        if raised != failed or (raised and not errors):
            return False
        if not (raised or pair.equals(value)):
            return False
        evidence = evidence or pair.differs
    return evidence


def _tried(call: Call, function: Function, arguments: Any = None) -> tuple[Any, str]:
    """Return what a function makes of a call: a value, or the class of what it raises."""
    try:
        return call.again(function, arguments), ""
    except Exception as error:
        return None, type(error).__name__


def _passed_on(name: str, blamed: Sequence[str]) -> str:
    them = " and ".join(filter(None, [", ".join(blamed[:-1]), blamed[-1]]))
    return (
        f"{name} does what a right one does with your {them} in it: mend {them} first, "
        "this test may then pass as it is"
    )


def _where_it_starts(layers: int) -> str:
    if layers == 0:
        return "it is wrong already with no layers at all: look at what comes before and after them"
    before = "no layer" if layers == 1 else f"{layers - 1} layer{'s' if layers > 2 else ''}"
    return f"with {before} it is right, with {layers} it is not"


def _line(error: Mapping[str, Any]) -> str:
    """Return the place in the student's cell that a traceback ends in, if it says one."""
    numbers = re.findall(
        r"(?:<ipython-input|/ipykernel_|Cell In)[^\n]*?line (\d+)", str(error.get("traceback", ""))
    )
    return f" in line {numbers[-1]} of its cell" if numbers else ""


def catalogue_of(cells: Sequence[str]) -> Iterator[mistakes.Cell]:
    """Yield the catalogue's entries for solution cells, by their ids."""
    for assignment in mistakes.assignments():
        yield from (cell for cell in mistakes.catalogue(assignment) if cell.id in cells)
