"""How often a diagnosis names the right reason, and which marks are not what they must be."""

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from course.test_quality.mutation import Trials, Variant, VariantOutcome


@dataclass
class Accuracy:
    """Names of variants, sorted by what their diagnosis said.

    Attributes:
        right: it named a right reason first
        silent: it named no mistake, though there was one to name
        other: it named another mistake of the same function first
        unknown: it rightly named nothing: the catalogue does not have the mistake
        taken: it named a mistake, though the catalogue does not have the right one
        accused: it said that a right function has a mistake, and which
        false_passes: a wrong answer passes tests that it must fail, and which
        false_fails: a right answer loses marks, and in which tests
    """

    right: list[str] = field(default_factory=list)
    silent: list[str] = field(default_factory=list)
    other: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    taken: list[str] = field(default_factory=list)
    accused: list[str] = field(default_factory=list)
    false_passes: list[str] = field(default_factory=list)
    false_fails: list[str] = field(default_factory=list)

    @property
    def known(self) -> int:
        """Return how many variants have a reason that could be named."""
        return len(self.right) + len(self.silent) + len(self.other)

    @property
    def share(self) -> float:
        """Return how often the right reason was named first, of all that have one."""
        return len(self.right) / self.known if self.known else 0.0

    def add_marks(self, outcome: VariantOutcome) -> None:
        """Add a variant whose marks are not what they must be, and the tests that gave them."""
        variant, failed = outcome.variant, outcome.failed
        if missed := sorted(name for name in variant.fails if outcome.tests.get(name)):
            self.false_passes.append(f"{variant.name}: {', '.join(missed)}")
        if variant.kind == "right" and failed:
            self.false_fails.append(f"{variant.name}: {', '.join(sorted(failed))}")

    def add(self, name: str, reasons: Sequence[str], named: Sequence[str]) -> None:
        """Add a variant: the reasons that would be right, and the mistakes that were named."""
        if not reasons:
            (self.taken if named else self.unknown).append(name)
        elif not named:
            self.silent.append(name)
        elif named[0] in reasons:
            self.right.append(name)
        else:
            self.other.append(f"{name}: {named[0]}")


def accuracy(trials: Trials, outcomes: Iterable[VariantOutcome]) -> Accuracy:
    """Sort variants by whether their diagnoses name a right reason."""
    functions = {cell.id: cell.functions for cell in trials.catalogue}
    reasons = {
        f"{cell.functions[0]} held back: {entry.name}": entry.reasons
        for cell in trials.catalogue
        for entry in cell.held_back
    }
    result = Accuracy()
    for outcome in outcomes:
        variant = outcome.variant
        result.add_marks(outcome)
        in_order = [test.name for test in trials.tests if test.name in outcome.diagnoses]
        diagnoses = [outcome.diagnoses[name] for name in in_order]
        own = [d for d in diagnoses if d["function"] in functions[variant.cell]]
        others = [d for d in diagnoses if d not in own]
        result.accused += [f"{variant.name}: {d['mistake']}" for d in others if "mistake" in d]
        if variant.kind == "mistake":
            result.add(variant.name, [variant.name], _named(own))
        elif variant.kind == "held back":
            result.add(variant.name, reasons[variant.name], _named(own))
        elif variant.kind == "right":
            result.accused += [f"{variant.name}: {d['summary']}" for d in diagnoses]
    return result


def pairs(trials: Trials, n: int, seed: int = 0) -> list[Variant]:
    """Return pairs of mistakes of which one is in a function that the other's function calls.

    Args:
        trials: of an assignment
        n: how many pairs are drawn, at most
        seed: that they are drawn with; another seed, other pairs
    """
    mistakes = [variant for variant in trials.variants() if variant.kind == "mistake"]
    calls = {test.of: test.runs for test in trials.tests}
    every = [
        (caller, callee)
        for caller in mistakes
        for callee in mistakes
        if callee.cell in calls.get(caller.cell, ()) and callee.cell != caller.cell
    ]
    drawn = random.Random(seed).sample(every, min(n, len(every)))  # noqa: S311
    return [replace(caller, second=callee) for caller, callee in drawn]


def of_pairs(trials: Trials, outcomes: Iterable[VariantOutcome]) -> Accuracy:
    """Sort both mistakes of pairs by whether the diagnosis of their own function names them."""
    functions = {cell.id: cell.functions for cell in trials.catalogue}
    result = Accuracy()
    for outcome in outcomes:
        both = [v for v in (outcome.variant, outcome.variant.second) if v]
        in_order = [test.name for test in trials.tests if test.name in outcome.diagnoses]
        left = [outcome.diagnoses[name] for name in in_order]
        for variant in both:
            own = [d for d in left if d["function"] in functions[variant.cell]]
            left = [d for d in left if d not in own]
            label = f"{variant.name} in {' + '.join(v.name for v in both)}"
            result.add(label, [variant.name], _named(own))
        result.accused += [f"{both[0].name}: {d['mistake']}" for d in left if "mistake" in d]
    return result


def _named(diagnoses: Iterable[Mapping[str, Any]]) -> list[str]:
    return [diagnosis["mistake"] for diagnosis in diagnoses if "mistake" in diagnosis]


def table(result: Accuracy) -> str:
    """Return the figures, with the names of what is not as it should be."""
    lines = [
        f"right reason first: {len(result.right)} of {result.known} ({result.share:.0%})",
        f"nothing named: {len(result.silent)}{_listed(result.silent)}",
        f"another mistake named: {len(result.other)}{_listed(result.other)}",
        f"not in the catalogue: {len(result.unknown)} left unnamed, "
        f"{len(result.taken)} named{_listed(result.taken)}",
        f"right code accused: {len(result.accused)}{_listed(result.accused)}",
        f"false passes: {len(result.false_passes)}{_listed(result.false_passes)}",
        f"false fails: {len(result.false_fails)}{_listed(result.false_fails)}",
    ]
    return "\n".join(lines)


def _listed(names: list[str]) -> str:
    return f" ({'; '.join(names)})" if names else ""
