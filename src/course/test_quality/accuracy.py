"""How often a diagnosis names the right reason, and whether it ever accuses right code.

This module does not know how a diagnosis is made.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from course.test_quality.mutation import Trials, VariantOutcome


@dataclass
class Accuracy:
    """Names of variants by what became of their diagnosis.

    Attributes:
        right: the first mistake that was named is a right reason
        silent: no mistake was named, and there was one to name
        other: the first that was named is another mistake of the same function
        unknown: nothing was named, rightly: the catalogue does not have it
        taken: something was named although the catalogue does not have it
        accused: a function that is right was said to have a mistake, and which
    """

    right: list[str] = field(default_factory=list)
    silent: list[str] = field(default_factory=list)
    other: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    taken: list[str] = field(default_factory=list)
    accused: list[str] = field(default_factory=list)

    @property
    def share(self) -> float:
        """Return how often the right reason was named first, of all that have one."""
        known = len(self.right) + len(self.silent) + len(self.other)
        return len(self.right) / known if known else 0.0


def accuracy(trials: Trials, outcomes: Iterable[VariantOutcome]) -> Accuracy:
    """Sort variants by whether what was said of them is a right reason."""
    cells = {cell.id: cell for cell in trials.catalogue}
    held = {
        f"{cell.functions[0]} held back: {each.name}": each.reasons
        for cell in cells.values()
        for each in cell.held_back
    }
    found = Accuracy()
    for outcome in outcomes:
        variant = outcome.variant
        said = [outcome.diagnoses[t.name] for t in trials.tests if t.name in outcome.diagnoses]
        own = cells[variant.cell].functions
        found.accused += [
            f"{variant.name}: {d['mistake']}"
            for d in said
            if "mistake" in d and d["function"] not in own
        ]
        if variant.kind == "mistake":
            _sort(found, variant.name, (variant.name,), said, own)
        elif variant.kind == "held back":
            _sort(found, variant.name, held[variant.name], said, own)
        elif variant.kind == "right":
            found.accused += [f"{variant.name}: {d['summary']}" for d in said]
    return found


def _sort(
    found: Accuracy,
    name: str,
    reasons: tuple[str, ...],
    said: list[Mapping[str, Any]],
    own: tuple[str, ...],
) -> None:
    named = [d["mistake"] for d in said if "mistake" in d and d["function"] in own]
    if not reasons:
        (found.taken if named else found.unknown).append(name)
    elif not named:
        found.silent.append(name)
    elif named[0] in reasons:
        found.right.append(name)
    else:
        found.other.append(f"{name}: {named[0]}")


def table(found: Accuracy) -> str:
    """Return the figures, and what is not as it should be."""
    n_known = len(found.right) + len(found.silent) + len(found.other)
    lines = [
        f"right reason first: {len(found.right)} of {n_known} ({found.share:.0%})",
        f"nothing named: {len(found.silent)}{_listed(found.silent)}",
        f"another mistake named: {len(found.other)}{_listed(found.other)}",
        f"not in the catalogue: {len(found.unknown)} left unnamed, "
        f"{len(found.taken)} named{_listed(found.taken)}",
        f"right code accused: {len(found.accused)}{_listed(found.accused)}",
    ]
    return "\n".join(lines)


def _listed(names: list[str]) -> str:
    return f" ({'; '.join(names)})" if names else ""
