"""The kill matrix: which test notices which variant, as lines, as JSON and as a picture."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl

from course.test_quality.dependencies import TestCell
from course.test_quality.mutation import Trials, Variant, VariantOutcome

KINDS = {  # one, and several
    "right": ("right answer", "right answers"),
    "mistake": ("mistake", "mistakes"),
    "cheat": ("cheat", "cheats"),
    "untouched": ("untouched cell", "untouched cells"),
    "held back": ("held back", "held back"),
}
SIGNS = {
    "right": "✓",
    "cheat": "cheat",
    "untouched": "untouched",
    "held back": "held back",
}  # beside names in the picture
UNNOTICED = "no mistake fails it"


@dataclass(frozen=True)
class KillMatrix:
    """All outcomes of an assignment."""

    assignment: str
    tests: tuple[TestCell, ...]
    outcomes: tuple[VariantOutcome, ...]

    @classmethod
    def of(
        cls, trials: Trials, outcomes: Iterable[VariantOutcome], chosen: Sequence[Variant]
    ) -> "KillMatrix":
        """Return the outcomes as a matrix, in the catalogue's order."""
        order = {variant.name: number for number, variant in enumerate(chosen)}
        in_order = sorted(outcomes, key=lambda outcome: order[outcome.variant.name])
        return cls(trials.assignment, tuple(trials.tests), tuple(in_order))

    def complaints(self) -> list[str]:
        """Return a line for everything that is not as the catalogue says."""
        noticing = {name for outcome in self.outcomes for name in outcome.failed}
        tried = {outcome.variant.cell for outcome in self.outcomes}
        unnoticed = (t for t in self.tests if t.name not in noticing and t.runs <= tried)
        return [
            *(line for outcome in self.outcomes for line in _complaints(outcome)),
            *(f"{test.name}: {UNNOTICED}" for test in unnoticed),
        ]

    def lost(self, outcome: VariantOutcome) -> float:
        """Return the points that a variant loses."""
        return sum(test.points for test in self.tests if test.name in outcome.failed)

    def cost(self, cell: str = "") -> float:
        """Return the points that mistakes lose, divided by those of their own functions' tests.

        1.0 is what it should be: a mistake costs its own marks, once. 0.0: there are no mistakes.

        Args:
            cell: of which solution cell; by default of all
        """
        wrong = [o for o in self.outcomes if o.variant.kind in ("mistake", "cheat")]
        wrong = [outcome for outcome in wrong if cell in ("", outcome.variant.cell)]
        own = sum(
            test.points
            for outcome in wrong
            for test in self.tests
            if test.name in outcome.failed and test.of == outcome.variant.cell
        )
        return sum(map(self.lost, wrong)) / own if own else 0.0

    def costs(self) -> dict[str, float]:
        """Return this for each solution cell of which mistakes were tried."""
        cells = dict.fromkeys(outcome.variant.cell for outcome in self.outcomes)
        return {cell: cost for cell in cells if (cost := self.cost(cell))}

    def to_json(self) -> dict[str, Any]:
        """Return everything as plain values."""
        return {
            "assignment": self.assignment,
            "tests": [{**asdict(test), "runs": sorted(test.runs)} for test in self.tests],
            "variants": [self._variant(outcome) for outcome in self.outcomes],
            "costs": self.costs(),
            "complaints": self.complaints(),
        }

    def _variant(self, outcome: VariantOutcome) -> dict[str, Any]:
        variant = outcome.variant
        return {
            "name": variant.name,
            "cell": variant.cell,
            "kind": variant.kind,
            "about": variant.about,
            "fails": sorted(outcome.failed),
            "expected": sorted(variant.fails),
            "points_lost": self.lost(outcome),
            "messages": dict(outcome.messages),
            "diagnoses": dict(outcome.diagnoses),
            "seconds": outcome.seconds,
        }


def _complaints(outcome: VariantOutcome) -> Iterator[str]:
    variant = outcome.variant
    if missed := sorted(variant.fails - outcome.failed):
        yield f"{variant.name}: passes {', '.join(missed)}, and must not"
    if extra := sorted(outcome.failed - variant.fails):
        message = outcome.messages[extra[0]]
        yield f"{variant.name}: fails {', '.join(extra)}, and must not: {message}"
    if outcome.statuses:
        yield f"{variant.name}: {', '.join(outcome.statuses)}"


def table(kills: KillMatrix) -> str:
    """Return a line for each variant: what it loses, and the tests that notice."""
    width = max((len(outcome.variant.name) for outcome in kills.outcomes), default=0)
    lines = [f"{'variant':{width}}  {'lost':>5}  failed tests"]
    for outcome in kills.outcomes:
        mark = "" if outcome.as_expected else "   <- not as expected"
        failed = ", ".join(t.name for t in kills.tests if t.name in outcome.failed) or "-"
        lines.append(
            f"{outcome.variant.name:{width}}  {kills.lost(outcome):>5g}  {failed}{mark}".rstrip()
        )
    seconds = sum(outcome.seconds for outcome in kills.outcomes)
    return "\n".join([*lines, *_cost(kills), f"{_counted(kills)}; {seconds:.0f} s of grading"])


def _cost(kills: KillMatrix) -> Iterator[str]:
    """Yield what mistakes cost, in all and by solution cell, if any were tried."""
    if costs := kills.costs():
        title = "points lost per mistake, divided by its own function's points lost"
        by_cell = ", ".join(f"{cell} {cost:.2g}" for cell, cost in costs.items())
        yield f"{title}: {kills.cost():.3g} ({by_cell})"


def _counted(kills: KillMatrix) -> str:
    counts = {kind: sum(o.variant.kind == kind for o in kills.outcomes) for kind in KINDS}
    return ", ".join(f"{n} {KINDS[kind][n > 1]}" for kind, n in counts.items() if n)


def draw(kills: KillMatrix, path: Path) -> None:
    """Draw the matrix: a row for each variant, a column for each test; dark where a test fails."""
    mpl.use("Agg")
    import matplotlib.pyplot as plt
    import numpy as np
    from matplotlib.colors import BoundaryNorm, ListedColormap

    names = [test.name for test in kills.tests]
    ran, failed, wrong = 1, 2, 3
    cells = np.zeros((len(kills.outcomes), len(names)))
    for row, outcome in enumerate(kills.outcomes):
        for column, name in enumerate(names):
            if name in outcome.tests:
                cells[row, column] = failed if name in outcome.failed else ran
            if (name in outcome.failed) != (name in outcome.variant.fails):
                cells[row, column] = wrong
    colours = ListedColormap(["#ffffff", "#d9e8f5", "#1f4e79", "#d7301f"])
    height = max(4.0, 0.16 * len(kills.outcomes) + 2.5)
    figure, axes = plt.subplots(figsize=(0.28 * len(names) + 5, height), layout="constrained")
    axes.pcolormesh(
        cells,
        cmap=colours,
        norm=BoundaryNorm([-0.5, 0.5, 1.5, 2.5, 3.5], 4),
        edgecolors="white",
        linewidth=0.5,
    )
    axes.invert_yaxis()
    axes.set_xticks(np.arange(len(names)) + 0.5, names, rotation=90, fontsize=7)
    axes.set_yticks(
        np.arange(len(kills.outcomes)) + 0.5,
        [f"{o.variant.name}  {SIGNS.get(o.variant.kind, '')}".strip() for o in kills.outcomes],
        fontsize=6,
    )
    axes.xaxis.tick_top()
    axes.tick_params(length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.set_title(
        f"{kills.assignment}: which test notices what\n"
        "dark: fails, light: passes, white: cannot notice, red: not as the catalogue says",
        fontsize=9,
        loc="left",
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=150)
    plt.close(figure)
