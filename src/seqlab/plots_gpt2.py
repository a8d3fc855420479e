"""The pictures of the notebook gpt2, and two probes that look into a finished attention layer.

Functions named ``show_...`` draw their arguments and show the picture.
"""

from collections.abc import Callable, Mapping, Sequence
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

Attention = Callable[[np.ndarray, dict[str, Any], int], np.ndarray]


def _pyplot() -> ModuleType:
    """Return matplotlib's pyplot; whoever imports this module and draws nothing does not wait."""
    import matplotlib.pyplot

    return matplotlib.pyplot


def _visible(labels: Sequence[str]) -> list[str]:
    marks = [label.replace("\n", "↵").replace("$", "\\$") for label in labels]
    return ["".join(c if c.isprintable() else "·" for c in mark) for mark in marks]


def show_distributions(
    rows: Mapping[str, ArrayLike], labels: Sequence[str], ylabel: str = "probability"
) -> None:
    """Draw distributions over the same labels side by side: ``{title: probabilities (K,)}``."""
    n = len(rows)
    figure, axes = _pyplot().subplots(1, n, figsize=(3.1 * n, 2.6), sharey=True, squeeze=False)
    for axis, (title, values) in zip(axes[0], rows.items(), strict=True):
        axis.bar(range(len(labels)), np.asarray(values, dtype=float), color="#4477aa")
        axis.set_xticks(range(len(labels)), _visible(labels), rotation=60 if len(labels) > 6 else 0)
        axis.set_title(title)
    axes[0, 0].set_ylabel(ylabel)
    figure.tight_layout()
    _pyplot().show()


def show_maps(
    maps: ArrayLike, labels: Sequence[str], titles: Sequence[str], columns: int = 4
) -> None:
    """Draw attention weights (n_maps, n, n) as heat maps: row i is where position i looks."""
    grids, marks = np.asarray(maps, dtype=float), _visible(labels)
    n_columns = min(columns, len(grids))
    n_rows = -(-len(grids) // n_columns)
    size = max(2.4, 0.2 * len(labels))
    figure, axes = _pyplot().subplots(
        n_rows, n_columns, figsize=(size * n_columns, size * n_rows), squeeze=False
    )
    for axis in axes.flat:
        axis.set_axis_off()
    for axis, grid, title in zip(axes.flat, grids, titles, strict=False):
        axis.set_axis_on()
        axis.imshow(grid, cmap="viridis", vmin=0, vmax=1)
        axis.set_xticks(range(len(marks)), marks, rotation=90, fontsize=7)
        axis.set_yticks(range(len(marks)), marks, fontsize=7)
        axis.set_title(title, fontsize=10)
    axes[0, 0].set_ylabel("this position …")
    axes[-1, 0].set_xlabel("… looks at this one")
    figure.tight_layout()
    _pyplot().show()


def show_peaks(peaks: Mapping[str, ArrayLike], widths: Sequence[int]) -> None:
    """Draw the largest attention weight against the width d_k, one line for each way to scale.

    Args:
        peaks: by name, the mean largest weight at each width (len(widths),)
        widths: of queries and keys
    """
    figure, axis = _pyplot().subplots(figsize=(5, 2.8))
    for name, values in peaks.items():
        axis.plot(widths, np.asarray(values, dtype=float), marker="o", label=name)
    axis.set_xscale("log", base=2)
    axis.set_xticks(widths, [str(width) for width in widths])
    axis.set(xlabel="width $d_k$ of queries and keys", ylabel="mean largest weight", ylim=(0, 1))
    axis.legend()
    figure.tight_layout()
    _pyplot().show()


def house() -> np.ndarray:
    """Return the corners (10, 2) of a house drawn without lifting the pen."""
    corners = [0, 0, 2, 0, 2, 1.5, 1, 2.4, 0, 1.5, 0, 0, 2, 1.5, 0, 1.5, 2, 0, 2, 1.5]
    return np.array(corners, dtype=float).reshape(-1, 2)


def show_outlines(outlines: Mapping[str, ArrayLike]) -> None:
    """Draw outlines through points (n, 2) of the plane, side by side on equal axes."""
    figure, axes = _pyplot().subplots(
        1, len(outlines), figsize=(2.9 * len(outlines), 2.9), sharex=True, sharey=True
    )
    for axis, (title, outline) in zip(np.atleast_1d(axes), outlines.items(), strict=True):
        points = np.asarray(outline, dtype=float)
        axis.plot(points[:, 0], points[:, 1], color="#4477aa")
        axis.scatter(points[:, 0], points[:, 1], color="#cc3311", s=14, zorder=3)
        axis.axhline(0, color="grey", linewidth=0.5)
        axis.axvline(0, color="grey", linewidth=0.5)
        axis.set(title=title, aspect="equal")
    figure.tight_layout()
    _pyplot().show()


def show_curves(x: ArrayLike, curves: Mapping[str, ArrayLike]) -> None:
    """Draw functions of the same ``x`` into one picture."""
    figure, axis = _pyplot().subplots(figsize=(5, 2.8))
    for name, values in curves.items():
        axis.plot(np.ravel(x), np.ravel(values), label=name)
    axis.axhline(0, color="grey", linewidth=0.5)
    axis.axvline(0, color="grey", linewidth=0.5)
    axis.set_xlabel("$x$")
    axis.legend()
    figure.tight_layout()
    _pyplot().show()


def show_rows(pictures: Mapping[str, ArrayLike], xlabel: str, ylabel: str) -> None:
    """Draw matrices (n, d) side by side, every row as a line over its d entries."""
    figure, axes = _pyplot().subplots(1, len(pictures), figsize=(4.4 * len(pictures), 2.8))
    for axis, (title, matrix) in zip(np.atleast_1d(axes), pictures.items(), strict=True):
        for i, row in enumerate(np.asarray(matrix, dtype=float)):
            axis.plot(row, label=f"row {i}")
        axis.set(title=title, xlabel=xlabel, ylabel=ylabel)
    np.atleast_1d(axes)[-1].legend(fontsize=7)
    figure.tight_layout()
    _pyplot().show()


def show_changes(pictures: Mapping[str, ArrayLike], labels: Sequence[str], changed: int) -> None:
    """Draw how far the output at each position moved when one input changed.

    Args:
        pictures: by layer, how far the outputs moved (n,)
        labels: the n tokens
        changed: index of the token that was changed
    """
    figure, axes = _pyplot().subplots(
        1, len(pictures), figsize=(4.4 * len(pictures), 2.6), sharey=True, squeeze=False
    )
    for axis, (title, moved) in zip(axes[0], pictures.items(), strict=True):
        axis.bar(range(len(labels)), np.asarray(moved, dtype=float), color="#4477aa")
        axis.set_xticks(range(len(labels)), _visible(labels), rotation=60)
        axis.get_xticklabels()[changed].set_color("#cc3311")
        axis.set_title(title)
    axes[0, 0].set_ylabel("output moved by")
    figure.tight_layout()
    _pyplot().show()


def show_shares(shares: Mapping[str, ArrayLike], labels: Sequence[str], ylabel: str) -> None:
    """Draw grouped bars ``{name: values (n,)}``, one group for each of the n labels."""
    figure, axis = _pyplot().subplots(figsize=(max(7, 0.5 * len(labels) + 2), 2.8))
    width = 0.8 / len(shares)
    for i, (name, values) in enumerate(shares.items()):
        at = np.arange(len(labels)) + (i - (len(shares) - 1) / 2) * width
        axis.bar(at, np.asarray(values, dtype=float), width, label=name)
    axis.set_xticks(range(len(labels)), _visible(labels), rotation=60)
    axis.set_ylabel(ylabel)
    axis.legend(loc="upper left", bbox_to_anchor=(1, 1))
    figure.tight_layout()
    _pyplot().show()


def show_guesses(
    words: Sequence[Sequence[str]],
    certainty: ArrayLike,
    columns: Sequence[str],
    rows: Sequence[str],
) -> None:
    """Draw a table of guessed words (n_rows, n_columns), darker where the model is surer."""
    shade = np.asarray(certainty, dtype=float)
    figure, axis = _pyplot().subplots(figsize=(0.85 * len(columns) + 1.5, 0.42 * len(rows) + 1.2))
    axis.imshow(shade, cmap="Blues", vmin=0, vmax=1.2, aspect="auto")
    for (i, j), value in np.ndenumerate(shade):
        color = "white" if value > 0.7 else "black"
        axis.text(j, i, _visible(words[i])[j], ha="center", va="center", fontsize=8, color=color)
    axis.set_xticks(range(len(columns)), _visible(columns), rotation=60)
    axis.set_yticks(range(len(rows)), rows)
    axis.xaxis.tick_top()
    figure.tight_layout()
    _pyplot().show()


def attention_maps(
    layer: Attention, x: np.ndarray, attn: dict[str, Any], number_of_heads: int
) -> np.ndarray:
    """Return the attention weights (number_of_heads, n, n) of a layer, from its outputs alone.

    A head returns its weights times its values. Here the value matrix is replaced by one that
    gives every head the identity as values, and the last projection by one that changes nothing,
    so that the layer returns its weights.

    Args:
        layer: the function, e.g. ``multi_head_attention``
        x: linearly independent rows (n, d), with n <= d / number_of_heads
        attn: the layer's parameters
        number_of_heads: of the layer

    Raises:
        ValueError: there are too many rows.
    """
    n, d = x.shape
    d_head = d // number_of_heads
    if n > d_head:
        raise ValueError(f"{n} positions do not fit into heads of width {d_head}: take fewer")
    identity = np.tile(np.eye(n, d_head), number_of_heads)  # (n, d)
    w = np.array(attn["c_attn"]["w"], dtype=float)  # (d, 3 d), the values' part last
    b = np.array(attn["c_attn"]["b"], dtype=float)  # (3 d,)
    w[:, -d:] = np.linalg.pinv(x.astype(float)).dot(identity)
    b[-d:] = 0
    plain = {"w": np.eye(d), "b": np.zeros(d)}
    out = layer(x.astype(float), {"c_attn": {"w": w, "b": b}, "c_proj": plain}, number_of_heads)
    return np.array([out[:, start : start + n] for start in range(0, d, d_head)])


def toy_attention(word: str) -> tuple[np.ndarray, dict[str, Any], int]:
    """Return ``(x, attn, number_of_heads)`` of a layer for a word, with three heads set by hand.

    A row of ``x`` tells a letter and its position, both one-hot. The first head looks at the
    position before, the second at the same letter, the third at the beginning.
    """
    letters = sorted(set(word))
    n, d_head = len(word), len(word) + 1
    d = 3 * d_head
    letter, place = 0, len(letters)  # first columns of the two one-hot codes
    x = np.zeros((n, d))
    queries, keys = np.zeros((d, 3, d_head)), np.zeros((d, 3, d_head))
    for i, character in enumerate(word):
        x[i, letter + letters.index(character)] = x[i, place + i] = 1
        queries[place + i, 0, max(i - 1, 0)] = keys[place + i, 0, i] = 6
        queries[place + i, 2, 0] = 6
    for i in range(len(letters)):
        queries[letter + i, 1, i] = keys[letter + i, 1, i] = 6
    keys[place, 2, 0] = 6
    values = np.eye(d).reshape(d, 3, d_head)
    w = np.hstack([part.reshape(d, d) for part in (queries, keys, values)])
    attn = {"c_attn": {"w": w, "b": np.zeros(3 * d)}, "c_proj": {"w": np.eye(d), "b": np.zeros(d)}}
    return x, attn, 3
