"""Pictures of what the notebooks' models do.

Functions take numbers that the notebook has computed, draw, and return the figure (``columns`` and
``visible`` return text).
"""

import itertools
import textwrap
from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter
from numpy.typing import ArrayLike

COLORS = ("#c1440e", "#1f5fa8", "#3b7d3a", "#7a4b94", "#8a6d00")


def hidden_states(states: np.ndarray, text: str, title: str = "Hidden state over time") -> Figure:
    """Draw hidden units (n_units, n_characters), values -1 to 1, below the characters read."""
    n_units, n = states.shape
    figure, axes = plt.subplots(figsize=(12, 1.5 + 0.16 * n_units), layout="constrained")
    image = axes.imshow(
        states, cmap="RdBu_r", vmin=-1, vmax=1, aspect="auto", interpolation="nearest"
    )
    axes.set_xticks(range(n), [visible(c) for c in text], family="monospace", fontsize=9)
    axes.set(title=title, xlabel="character just read", ylabel="hidden unit")
    figure.colorbar(image, ax=axes, label="value", pad=0.01)
    return figure


def surprise(perplexities: Mapping[str, np.ndarray], text: str) -> Figure:
    """Draw each model's perplexity at every character of ``text``, and the mean so far.

    Args:
        perplexities: by the model's name, one over the probability of each character (n,)
        text: the n characters
    """
    figure, (local, running) = plt.subplots(
        2, 1, figsize=(12, 6), sharex=True, height_ratios=(3, 2), layout="constrained"
    )
    positions = np.arange(len(text))
    for (name, values), color in zip(perplexities.items(), itertools.cycle(COLORS), strict=False):
        local.plot(positions, values, "o-", ms=3, lw=1, color=color, label=name)
        means = running_means(values)
        running.plot(positions, means, lw=2, color=color, label=name)
        if np.isfinite(means[-1]):
            end = (positions[-1], means[-1])
            running.annotate(f" {means[-1]:.1f}", end, color=color, va="center")
    local.set_yscale("log")
    local.set(title="How surprising is each character?", ylabel="1 / probability")
    running.set(ylabel="perplexity so far", xlabel="character to predict")
    running.set_xticks(positions, [visible(c) for c in text], family="monospace", fontsize=9)
    running.set_xlim(-1, len(text) + 2)
    for axes in (local, running):
        axes.grid(axis="y", alpha=0.3)
    local.legend(loc="upper right")
    return figure


def running_means(values: ArrayLike) -> np.ndarray:
    """Return the geometric mean of the first 1, 2, ... values (n,), as perplexity is defined.

    Logarithms are added up: the product of a bad model's values overflows.

    Example:
        >>> running_means([2.0, 8.0, 4.0]).round(6).tolist()
        [2.0, 4.0, 4.0]
    """
    with np.errstate(divide="ignore", invalid="ignore"):  # a model may give 0, or no number
        logs = np.log(np.asarray(values, dtype=np.float64))
        means: np.ndarray = np.exp(np.cumsum(logs) / np.arange(1, len(logs) + 1))
    return means


def attention_maps(
    maps: np.ndarray, tokens: Sequence[str], title: str = "Who attends to whom"
) -> Figure:
    """Draw one map per head: maps (n_heads, n, n), rows attend to columns."""
    n_columns = min(4, len(maps))
    n_rows = -(-len(maps) // n_columns)
    figure, grid = plt.subplots(
        n_rows,
        n_columns,
        figsize=(3.1 * n_columns + 0.8, 3 * n_rows + 1),
        sharex=True,
        sharey=True,
        squeeze=False,
        layout="constrained",
    )
    labels = [visible(token) for token in tokens]
    for head, axes in enumerate(grid.flat):
        if head >= len(maps):
            axes.set_axis_off()
            continue
        image = axes.imshow(maps[head], cmap="Blues", vmin=0, vmax=1)
        axes.set_title(f"head {head}", fontsize=10)
        axes.set_xticks(range(len(labels)), labels, rotation=90, fontsize=7)
        axes.set_yticks(range(len(labels)), labels, fontsize=7)
    figure.suptitle(title)
    figure.supxlabel("token attended to", fontsize=10)
    figure.supylabel("token attending", fontsize=10)
    figure.colorbar(image, ax=grid, label="attention", shrink=0.7, pad=0.01)
    return figure


def activations(hidden: np.ndarray, tokens: Sequence[str], title: str) -> Figure:
    """Draw hidden units (n_tokens, n_units) of a feed-forward network; white is exactly zero."""
    figure, axes = plt.subplots(figsize=(12, 1.2 + 0.25 * len(tokens)), layout="constrained")
    values = np.ma.masked_equal(hidden, 0)
    image = axes.imshow(values, cmap="viridis_r", aspect="auto", interpolation="nearest")
    axes.set_yticks(range(len(tokens)), [visible(token) for token in tokens], fontsize=8)
    axes.set(title=title, xlabel="hidden unit", ylabel="token")
    figure.colorbar(image, ax=axes, label="value (white: 0)", pad=0.01)
    return figure


def token_bars(panels: Mapping[str, Mapping[str, float]], title: str) -> Figure:
    """Draw shares of tokens, one panel for each setting; all panels list the same tokens."""
    names = list(dict.fromkeys(itertools.chain.from_iterable(panels.values())))
    figure, grid = plt.subplots(
        1,
        len(panels),
        figsize=(12, 1.4 + 0.24 * len(names)),
        sharex=True,
        sharey=True,
        squeeze=False,
        layout="constrained",
    )
    for axes, (label, shares) in zip(grid.flat, panels.items(), strict=True):
        axes.barh(range(len(names)), [shares.get(name, 0) for name in names], color=COLORS[1])
        axes.set_yticks(range(len(names)), [repr(name) for name in names], family="monospace")
        axes.set_title(label, fontsize=10)
        axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
        axes.grid(axis="x", alpha=0.3)
    grid[0, 0].invert_yaxis()
    figure.suptitle(title)
    return figure


def columns(texts: Mapping[str, str], width: int = 34) -> str:
    """Return texts side by side, each under its heading, lines wrapped at ``width``.

    Example:
        >>> print(columns({"one": "a b", "two": "c"}, width=3))
        one   two
        ───   ───
        a b   c
    """
    blocks = []
    for heading, text in texts.items():
        lines = [heading, "─" * width]
        for line in text.splitlines():
            lines += textwrap.wrap(line, width) or [""]
        blocks.append(lines)
    rows = itertools.zip_longest(*blocks, fillvalue="")
    return "\n".join("   ".join(f"{part:<{width}}" for part in row).rstrip() for row in rows)


def visible(symbols: str) -> str:
    r"""Return symbols with blanks and line ends made visible, and no formula for matplotlib.

    Example:
        >>> visible("a $5\n")
        'a␣\\$5↵'
    """
    return symbols.replace(" ", "␣").replace("\n", "↵").replace("$", r"\$")
