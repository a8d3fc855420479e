"""Charts of the report, as SVG that stands in the page."""

import base64
import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

import matplotlib as mpl
import numpy as np

from course.report.class_results import CellResult
from course.report.item_analysis import Discrimination, Times

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BIN = 5  # points per bar of the histogram
LOW = 0.2  # a test whose discrimination is lower needs a second look
BLUE, RED, GREY = "#2f6f9f", "#b3261e", "#9aa3af"
ROW = 0.21  # inches for a test


def histogram(scores: np.ndarray, most: float) -> str:
    """Draw the distribution of scores and return it as a data URI.

    Args:
        scores: (n,) points
        most: maximum points; bonus points lie beyond
    """
    from matplotlib.ticker import MaxNLocator

    least, top = min(0.0, scores.min()), max(most, scores.max())
    edges = np.arange(np.floor(least / BIN) * BIN, top + BIN, BIN)
    figure, axes = _axes(2.7)
    axes.hist(scores, bins=edges.tolist(), color="#5b8db8", edgecolor="white")
    axes.axvline(float(np.median(scores)), color=RED, label=f"median {np.median(scores):g}")
    axes.legend(frameon=False, loc="upper left")
    axes.set(xlabel=f"points of {most:g}", ylabel="submissions", xlim=(edges[0], edges[-1]))
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    return _svg(figure)


def discrimination(tests: Sequence[CellResult], entries: Sequence[Discrimination]) -> str:
    """Draw the correlation of every test that has one, with its interval; "" if none has.

    Tests stand in the notebook's order, from the top. Those below ``LOW`` are red.
    """
    known = {entry.cell: entry for entry in entries if entry.r is not None}
    drawn = [known[cell.name] for cell in tests if cell.name in known]
    if not drawn:
        return ""
    figure, axes = _rows([entry.cell for entry in drawn])
    for y, entry in enumerate(drawn):
        color = RED if (r := entry.r or 0.0) < LOW else BLUE
        axes.plot([entry.low, entry.high], [y, y], color=color, linewidth=1.5, alpha=0.5)
        axes.plot([r], [y], "o", color=color, markersize=4)
    axes.axvline(LOW, color=GREY, linewidth=1, linestyle="--")
    left = min(-0.02, *(entry.low - 0.02 for entry in drawn))
    axes.set(xlabel="r, with the 95 % interval", xlim=(left, 1.02))
    return _svg(figure)


def times(tests: Sequence[CellResult], entries: Sequence[Times]) -> str:
    """Draw every test's median time, and a line up to its 95th percentile; "" if none is known.

    Tests stand in the notebook's order, from the top.
    """
    known = {entry.name: entry for entry in entries}
    drawn = [known[cell.name] for cell in tests if cell.name in known]
    if not drawn:
        return ""
    figure, axes = _rows([entry.name for entry in drawn])
    for y, entry in enumerate(drawn):
        axes.barh(y, entry.median, color=BLUE, height=0.6)
        axes.plot([entry.median, entry.most], [y, y], color=GREY, linewidth=1.5)
    axes.set(xlabel="seconds: median, and a line up to the 95th percentile", xlim=(0, None))
    return _svg(figure)


def _axes(height: float) -> "tuple[Figure, Axes]":
    """Return a figure six inches wide, and its axes."""
    mpl.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(6, height), layout="constrained")
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _rows(names: Sequence[str]) -> "tuple[Figure, Axes]":
    """Return a figure with a row for each name, and its axes."""
    figure, axes = _axes(0.7 + ROW * len(names))
    axes.set_yticks(range(len(names)), list(names), fontsize=8)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.grid(axis="x", color="#e8ebef")
    axes.set_axisbelow(True)
    return figure, axes


def _svg(figure: "Figure") -> str:
    import matplotlib.pyplot as plt

    buffer = io.BytesIO()
    with mpl.rc_context({"svg.hashsalt": "report"}):
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    plt.close(figure)
    return f"data:image/svg+xml;base64,{base64.b64encode(buffer.getvalue()).decode()}"
