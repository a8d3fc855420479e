"""The kill matrix as a table and as a picture.

This module does not know how it was measured.
"""

from pathlib import Path

import matplotlib as mpl

from course.test_quality.mutation import Matrix

KINDS = {"right": "✓", "mistake": "", "cheat": "cheat", "held back": "held back"}


def table(matrix: Matrix) -> str:
    """Return a line a variant: what it loses, and the tests that notice."""
    wide = max((len(outcome.variant.name) for outcome in matrix.outcomes), default=0)
    lines = [f"{'variant':{wide}}  {'lost':>5}  failed tests"]
    for outcome in matrix.outcomes:
        wrong = "" if outcome.as_expected else "   <- not as expected"
        tests = ", ".join(t.name for t in matrix.tests if t.name in outcome.failed) or "-"
        lines.append(
            f"{outcome.variant.name:{wide}}  {matrix.lost(outcome):>5g}  {tests}{wrong}".rstrip()
        )
    counts = {kind: sum(o.variant.kind == kind for o in matrix.outcomes) for kind in KINDS}
    said = ", ".join(f"{n} {kind}" for kind, n in counts.items() if n)
    lines.append(f"{said}; {sum(o.seconds for o in matrix.outcomes):.0f} s of grading")
    return "\n".join(lines)


def draw(matrix: Matrix, path: Path) -> None:
    """Draw the matrix: a row a variant, a column a test; dark where a test fails."""
    mpl.use("Agg")
    import matplotlib.pyplot as plt
    import numpy as np
    from matplotlib.colors import BoundaryNorm, ListedColormap

    names = [test.name for test in matrix.tests]
    ran, failed, wrong = 1, 2, 3
    cells = np.zeros((len(matrix.outcomes), len(names)))
    for row, outcome in enumerate(matrix.outcomes):
        for column, name in enumerate(names):
            if name in outcome.tests:
                cells[row, column] = failed if name in outcome.failed else ran
            if (name in outcome.failed) != (name in outcome.variant.fails):
                cells[row, column] = wrong
    colours = ListedColormap(["#ffffff", "#d9e8f5", "#1f4e79", "#d7301f"])
    height = max(4.0, 0.16 * len(matrix.outcomes) + 2.5)
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
        np.arange(len(matrix.outcomes)) + 0.5,
        [f"{o.variant.name}  {KINDS[o.variant.kind]}".strip() for o in matrix.outcomes],
        fontsize=6,
    )
    axes.xaxis.tick_top()
    axes.tick_params(length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.set_title(
        f"{matrix.assignment}: which test notices what\n"
        "dark: fails, light: passes, white: cannot notice, red: not as the catalogue says",
        fontsize=9,
        loc="left",
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=150)
    plt.close(figure)
