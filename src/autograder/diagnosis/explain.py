"""Why a test failed, in words: a known mistake that gives the student's outputs, or what differs.

Runs in the test kernel after a test has failed, on the calls that the test has made of the
student's functions. A mistake is named only if its outputs equal the student's on every call and
are clearly not the right ones. A diagnosis holds no expected value, so that students may read it.
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
from autograder.cell_notes import Diagnosis
from autograder.diagnosis import compare, phrases
from autograder.diagnosis.recorded_calls import Arguments, Call
from minikernel.messages import ErrorDescription
from mistakes import depths
from seqlab.sentences import listed

MOST_CALLS = 8  # that are looked at, the last ones: a test ends with the one that is wrong
CLEAR = 20.0  # times the tolerance: results that are further apart clearly differ
Function = Callable[..., Any]
Namespace = dict[str, Any]


@dataclass
class ComparedCall:
    """A call of the student's function, and the outcome of a right one."""

    call: Call
    wanted: Any
    raised: str  # the class of what the right one raises

    @property
    def differs(self) -> bool:
        """Return whether the student's outcome is clearly another."""
        if self.call.error or self.raised:
            return (self.call.error["name"] if self.call.error else "") != self.raised
        apart = compare.distance(self.call.value, self.wanted)
        return apart > CLEAR * compare.tolerance(self.call.value, self.wanted, *self.call.arrays)

    def equals(self, value: Any) -> bool:
        """Return whether another function's output equals the student's."""
        if self.call.error:
            return False
        apart = compare.distance(value, self.call.value)
        return apart <= compare.tolerance(value, self.call.value, *self.call.arrays)

    def is_wanted(self, value: Any, raised: str) -> bool:
        """Return whether another function's outcome equals the right one's."""
        if raised or self.raised:
            return raised == self.raised
        apart = compare.distance(value, self.wanted)
        return apart <= compare.tolerance(value, self.wanted, *self.call.arrays)

    def summary(self) -> str:
        """Return what is wrong with the call."""
        name = self.call.name
        if self.call.error:
            kind = re.sub(r"\W", "", self.call.error["name"])[:60]
            return phrases.RAISES(name=name, kind=kind, place=_line(self.call.error, name))
        if self.raised:
            return phrases.SHOULD_RAISE(name=name, kind=self.raised)
        difference = compare.describe(self.call.value, self.wanted)
        return phrases.DIFFERS(name=name, difference=difference)


@dataclass
class Explainer:
    """Compares calls with right answers and with mistakes.

    Attributes:
        cells: the catalogue's entries for the assignment
        namespace: what provided cells have defined
        students: the student's functions, by name
        deadline: of time.monotonic(), after which nothing new is tried
    """

    cells: Sequence[mistakes.Cell]
    namespace: Namespace
    students: Mapping[str, Function]
    deadline: float
    _namespaces: dict[tuple[str, ...], Namespace] = field(default_factory=dict)
    _compared: dict[str, list[ComparedCall]] = field(default_factory=dict)  # by function

    def explain(self, calls: Sequence[Call]) -> Diagnosis | None:
        """Return why these calls do not give what they should, or None if they do."""
        for name in dict.fromkeys(call.name for call in reversed(calls)):
            cell = self._cell_of(name)
            own = [call for call in calls if call.name == name][-MOST_CALLS:]
            if cell and (diagnosis := self._explain(cell, name, own)):
                return diagnosis
        return None

    def fits(self, name: str, mistake: str) -> mistakes.Mistake | None:
        """Return a mistake if it gives what a function gave in all calls that were looked at."""
        cell, compared = self._cell_of(name), self._compared.get(name)
        if cell is None or not compared or self.is_late():
            return None
        known = next((entry for entry in cell.mistakes if entry.name == mistake), None)
        if known is None:
            return None
        for helpers in self._sides(cell, name, compared):
            function = self._function(cell, cell.code(known), name, *helpers)
            if _all_equal(compared, function) or _all_alike(compared, function):
                return known
        return None

    def fits_with_another(self, name: str, mistake: mistakes.Mistake) -> bool:
        """Return whether a mistake and another one together give what a function gave."""
        cell, compared = self._cell_of(name), self._compared.get(name)
        if cell is None or not compared:
            return False
        for other in cell.mistakes:
            with contextlib.suppress(mistakes.EditError):
                code = cell.code(mistake, other)
                if not self.is_late() and _all_equal(compared, self._function(cell, code, name)):
                    return True
        return False

    def compared(self, calls: Sequence[Call]) -> Iterator[ComparedCall]:
        """Yield the calls of functions that the catalogue has, with the right outcomes."""
        for call in calls:
            if cell := self._cell_of(call.name):
                right = self._function(cell, cell.right, call.name)
                yield ComparedCall(call, *_outcome(call, right))

    def _cell_of(self, name: str) -> mistakes.Cell | None:
        return next((cell for cell in self.cells if name in cell.functions), None)

    def _explain(self, cell: mistakes.Cell, name: str, calls: list[Call]) -> Diagnosis | None:
        compared = [pair for call in calls if not self.is_late() for pair in self.compared([call])]
        compared = [pair for pair in compared if pair.raised != "NameError"]  # the catalogue's gap
        wrong = [pair for pair in compared if pair.differs]
        if not wrong:
            return _side_effect(cell, name, calls)
        self._compared[name] = wrong + [pair for pair in compared if not pair.differs]
        diagnosis = Diagnosis(function=name, where=cell.where, summary=wrong[0].summary())
        self._add_reason(diagnosis, cell, wrong)
        return diagnosis

    def _add_reason(
        self, diagnosis: Diagnosis, cell: mistakes.Cell, wrong: list[ComparedCall]
    ) -> None:
        """Add a wrong helper, a known mistake or a depth to a diagnosis, if one is found."""
        name = diagnosis["function"]
        if blamed := self._blamed(cell, name, self._compared[name]):
            diagnosis["blames"], diagnosis["summary"] = blamed[0], _passed_on(name, blamed)
        elif all(pair.call.value is None and not pair.call.error for pair in wrong):
            return
        elif mistake := self._recognised(cell, name, self._compared[name]):
            _name(diagnosis, mistake)
        elif depth := self._depth(cell, name, wrong[0].call):
            diagnosis["summary"] += f"; {depth}"

    def _recognised(
        self, cell: mistakes.Cell, name: str, compared: Sequence[ComparedCall]
    ) -> mistakes.Mistake | None:
        """Return the first mistake whose outputs are the student's, on every call.

        Where some calls raise, it is the only one that raises the same, down to the text.
        """
        for helpers in self._sides(cell, name, compared):
            if mistake := self._first(cell, name, compared, helpers):
                return mistake
        return None

    def _first(
        self,
        cell: mistakes.Cell,
        name: str,
        compared: Sequence[ComparedCall],
        helpers: Sequence[str],
    ) -> mistakes.Mistake | None:
        """Return the first mistake that gives these outcomes beside some functions of the student.

        What wrong functions make of different mistakes may be the same: there it is the only one.
        """
        equal, alike = [], []
        for mistake in cell.mistakes:
            if mistake.cheat or self.is_late():
                continue
            function = self._function(cell, cell.code(mistake), name, *helpers)
            if _all_equal(compared, function):
                equal.append(mistake)
                if not helpers:
                    return mistake
            elif _all_alike(compared, function):
                alike.append(mistake)
        candidates = equal or alike
        return candidates[0] if len(candidates) == 1 and not self.is_late() else None

    def _sides(
        self, cell: mistakes.Cell, name: str, compared: Sequence[ComparedCall]
    ) -> Iterator[list[str]]:
        """Yield what stands beside a mistake: right functions, then the student's if these differ.

        Who has made a mistake here and another one in a function that is called here gives what
        neither of the two gives alone.
        """
        yield []
        helpers = self._helpers(cell)
        if not helpers or self.is_late():
            return
        right = self._function(cell, cell.right, name, *helpers)
        if not all(pair.is_wanted(*_outcome(pair.call, right)) for pair in compared):
            yield helpers

    def _blamed(
        self, cell: mistakes.Cell, name: str, compared: Sequence[ComparedCall]
    ) -> list[str]:
        """Return the student's other functions with which a right one gives these outcomes.

        One of them if that is enough, otherwise as few of those that the right one uses as will do.
        """

        def explain(helpers: list[str]) -> bool:
            function = self._function(cell, cell.right, name, *helpers)
            return not self.is_late() and _all_equal(compared, function, errors=True)

        used = self._helpers(cell)
        if alone := next((helper for helper in used if explain([helper])), ""):
            return [alone]
        if len(used) < 2 or not explain(used):
            return []
        for helper in list(used):
            fewer = [name for name in used if name != helper]
            if len(used) > 2 and explain(fewer):
                used = fewer
        return used

    def _helpers(self, cell: mistakes.Cell) -> list[str]:
        """Return the student's functions from other cells that a right answer uses."""
        others = [name for other in self.cells if other is not cell for name in other.functions]
        used = [name for name in others if re.search(rf"\b{name}\b", cell.right)]
        return [name for name in used if name in self.students]

    def _depth(self, cell: mistakes.Cell, name: str, call: Call) -> str:
        """Return from which layer on a Transformer goes wrong."""
        if name not in self.students or name not in depths.SHALLOWER:
            return ""
        right = self._function(cell, cell.right, name)
        for layers, cut in enumerate(depths.SHALLOWER[name](*call.arguments())):
            if self.is_late():
                return ""
            value, error = _outcome(call, self.students[name], cut)
            wanted, raised = _outcome(call, right, cut)
            if error or raised:
                return ""
            if compare.distance(value, wanted) > CLEAR * compare.tolerance(value, wanted):
                return _first_wrong_layer(layers)
        return ""

    def _function(self, cell: mistakes.Cell, code: str, name: str, *helpers: str) -> Function:
        """Return a function of a cell with some code, and with right helpers or the student's."""
        key = (code, *helpers)
        if key not in self._namespaces:
            namespace = dict(self.namespace)
            for other in self.cells:
                if other is not cell:
                    define(other.right, namespace)
            namespace |= {helper: self.students[helper] for helper in helpers}
            define(code, namespace)
            self._namespaces[key] = namespace
        function: Any = self._namespaces[key][name]
        return function if callable(function) else lambda: function  # a value that is asked for

    def is_late(self) -> bool:
        """Return whether nothing new is tried any more."""
        return time.monotonic() > self.deadline


def agree(diagnoses: Mapping[str, Diagnosis], explainers: Mapping[str, Explainer]) -> None:
    """Let tests that name different mistakes of one function name the one that fits most of them.

    A test in which little of a mistake shows may take it for another one. The diagnoses are changed
    in place.

    Args:
        diagnoses: by test
        explainers: what has made each of them
    """
    own = {test: diagnosis for test, diagnosis in diagnoses.items() if "blames" not in diagnosis}
    for function in {diagnosis["function"] for diagnosis in own.values()}:
        tests = {test: d for test, d in own.items() if d["function"] == function}
        _agree_on(function, tests, explainers)


def _agree_on(
    function: str, diagnoses: Mapping[str, Diagnosis], explainers: Mapping[str, Explainer]
) -> None:
    named = [diagnosis.get("mistake", "") for diagnosis in diagnoses.values()]
    if len(set(named)) == 1:
        return
    fitting = [
        {test: fit for test in diagnoses if (fit := explainers[test].fits(function, mistake))}
        for mistake in dict.fromkeys(filter(None, named))
    ]
    for explained in sorted(fitting, key=len):  # the best one comes last, and stays
        for test, mistake in explained.items():
            _name(diagnoses[test], mistake)
    for explained in fitting:
        _check_the_others(function, explained, diagnoses, explainers)


def _check_the_others(
    function: str,
    explained: Mapping[str, mistakes.Mistake],
    diagnoses: Mapping[str, Diagnosis],
    explainers: Mapping[str, Explainer],
) -> None:
    """Name a mistake where it is one of two; withdraw it where most tests speak against it.

    Args:
        function: whose mistake it is
        explained: the tests that a mistake explains alone, and the mistake
        diagnoses: by test, changed in place
        explainers: by test
    """
    for mistake in list(explained.values())[:1]:
        others = [test for test in diagnoses if "mistake" not in diagnoses[test]]
        double = [test for test in others if explainers[test].fits_with_another(function, mistake)]
        for test in double:
            _name(diagnoses[test], mistake)
        late = any(explainers[test].is_late() for test in diagnoses)
        if not double and not late and 2 * len(explained) < len(diagnoses):
            _withdraw(explained, diagnoses)


def _withdraw(
    explained: Mapping[str, mistakes.Mistake], diagnoses: Mapping[str, Diagnosis]
) -> None:
    for test, mistake in explained.items():
        if diagnoses[test].get("mistake") == mistake.name:
            for part in ("mistake", "nudge", "hint"):
                diagnoses[test].pop(part)  # type: ignore[misc]


def _name(diagnosis: Diagnosis, mistake: mistakes.Mistake) -> None:
    diagnosis["mistake"], diagnosis["nudge"] = mistake.name, mistake.nudge
    diagnosis["hint"] = mistake.hint


def _side_effect(cell: mistakes.Cell, name: str, calls: Sequence[Call]) -> Diagnosis | None:
    """Return that a function whose results are right changes an argument, if it does."""
    if not any(call.changed for call in calls):
        return None
    summary = phrases.CHANGES(name=name)
    diagnosis = Diagnosis(function=name, where=cell.where, summary=summary)
    if known := next((entry for entry in cell.mistakes if entry.name.endswith("-in-place")), None):
        _name(diagnosis, known)
    return diagnosis


def define(code: str, namespace: Namespace) -> None:
    """Run what a cell of the catalogue defines, without what it shows.

    A value may depend on names that do not exist yet when a test of an early cell has failed.
    """
    for statement in _definitions(code):
        with contextlib.suppress(Exception):
            exec(statement, namespace)  # noqa: S102  (the catalogue's own code)


@lru_cache(maxsize=2000)
def _definitions(code: str) -> tuple[CodeType, ...]:
    return tuple(
        compile(ast.Module([statement], []), "<catalogue>", "exec")
        for statement in ast.parse(code).body
        if not isinstance(statement, ast.Expr)
    )


def _all_equal(compared: Sequence[ComparedCall], function: Function, errors: bool = False) -> bool:
    """Return whether a function gives the student's outputs on every call, and not by chance.

    Too many mistakes raise the same error, so an error counts only with ``errors``.
    """
    evidence = False
    for pair in compared:
        value, raised = _outcome(pair.call, function)
        if raised != (pair.call.error["name"] if pair.call.error else ""):
            return False
        if not (errors if raised else pair.equals(value)):
            return False
        evidence = evidence or pair.differs
    return evidence


def _all_alike(compared: Sequence[ComparedCall], function: Function) -> bool:
    """Return whether a function returns or raises on every call what the student's does.

    An error is the same if its text is, and if that names sizes: many mistakes raise a ValueError,
    and few one of the same shapes.
    """
    return any(pair.call.error for pair in compared) and all(
        _is_alike(pair, function) for pair in compared
    )


def _is_alike(pair: ComparedCall, function: Function) -> bool:
    students = pair.call.error
    try:
        value = pair.call.repeat(function)
    except Exception as error:
        said = students is not None and (students["name"], students["text"])
        return said == (type(error).__name__, str(error)) and bool(re.search(r"\d", str(error)))
    return pair.equals(value)


def _outcome(call: Call, function: Function, arguments: Arguments | None = None) -> tuple[Any, str]:
    """Return what a function makes of a call: a value, or the class of what it raises."""
    try:
        return call.repeat(function, arguments), ""
    except Exception as error:
        return None, type(error).__name__


def _passed_on(name: str, blamed: Sequence[str]) -> str:
    return phrases.PASSED_ON(name=name, others=listed(blamed))


def _first_wrong_layer(layers: int) -> str:
    if layers == 0:
        return phrases.WITHOUT_LAYERS()
    before = "no layer" if layers == 1 else f"{layers - 1} layer{'s' if layers > 2 else ''}"
    return phrases.FROM_LAYER(before=before, layers=layers)


def _line(error: ErrorDescription, name: str) -> str:
    """Return where a traceback ends in the student's code: in which function, and in which line.

    Lines are counted in the cell, and the cell is another function's if that one has failed.
    """
    frames = re.findall(
        r"(?:<ipython-input|/ipykernel_|Cell In)[^\n]*?line (\d+)(?:, in (\w+))?",
        error["traceback"],
    )
    if not frames:
        return ""
    number, function = frames[-1]
    if function in ("", name):
        return phrases.ITS_LINE(number=number)
    return phrases.OTHERS_LINE(number=number, other=function)


def prepare() -> None:
    """Load the catalogues of this repository, so that kernels forked later have them."""
    for name in mistakes.assignments():
        for cell in mistakes.catalogue(name):
            _definitions(cell.right)


def catalogue_of(cells: Sequence[str], text: str = "") -> list[mistakes.Cell]:
    """Return the catalogue's entries for solution cells, by their ids.

    Args:
        cells: the ids
        text: of the assignment's own mistakes.py; by default the catalogues of this repository
    """
    names = [""] if text else mistakes.assignments()
    known = [cell for name in names for cell in mistakes.catalogue(name, text)]
    return [cell for cell in known if cell.id in cells]
