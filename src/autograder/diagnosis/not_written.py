"""Functions that a student has not written yet: a diagnosis says so, and guesses nothing."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import mistakes
from autograder.cell_notes import Diagnosis
from autograder.diagnosis import phrases
from seqlab.unwritten import unwritten


@dataclass(frozen=True)
class NotWritten:
    """Which functions are not written yet.

    Attributes:
        functions: their names
        tests: for each test of nothing but such functions, the catalogue's entry for their cell
    """

    functions: frozenset[str]
    tests: Mapping[str, mistakes.Cell]

    @classmethod
    def of(
        cls,
        cells: Iterable[tuple[mistakes.Cell, Sequence[str]]],
        sources: Mapping[str, str],
        released: Mapping[str, str],
    ) -> "NotWritten":
        """Compare what a student handed in with what was handed out.

        Args:
            cells: the solution cells in the catalogue, and the tests of each
            sources: the student's cells, by id
            released: the release's cells, by id
        """
        functions: set[str] = set()
        tests: dict[str, mistakes.Cell] = {}
        for cell, own in cells:
            lacking = _lacking(cell, sources.get(cell.id, ""), released.get(cell.id, ""))
            functions |= lacking
            if cell.functions and lacking.issuperset(cell.functions):
                tests |= dict.fromkeys(own, cell)
        return cls(frozenset(functions), tests)

    def diagnosis(self, test: str) -> Diagnosis | None:
        """Return why a test fails for which nothing was written."""
        if (cell := self.tests.get(test)) is None:
            return None
        name = cell.functions[0]
        return Diagnosis(function=name, where=cell.where, summary=phrases.NOT_WRITTEN(name=name))

    def corrected(self, diagnosis: Diagnosis) -> Diagnosis:
        """Return a diagnosis that names no mistake in a function that is not written."""
        name, blamed = diagnosis["function"], diagnosis.get("blames", "")
        told = Diagnosis(function=name, where=diagnosis["where"], summary=diagnosis["summary"])
        if blamed in self.functions:
            told["blames"] = blamed
            told["summary"] = phrases.NEEDS(name=name, other=blamed)
        elif name in self.functions:
            told["summary"] = phrases.NOT_WRITTEN(name=name)
        else:
            return diagnosis
        return told


def _lacking(cell: mistakes.Cell, source: str, released: str) -> set[str]:
    if source.strip() == released.strip():
        return set(cell.functions)
    return set(unwritten(source, released)) & set(cell.functions)
