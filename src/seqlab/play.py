"""Pictures to play with: a slider for the temperature, tokens to click on for attention.

Where ipywidgets is installed and a kernel runs the code, the picture can be moved, and a still one
goes along for viewers that cannot. Everywhere else there is the still one alone.
"""

import base64
import html
import io
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import matplotlib.pyplot as plt
import numpy as np
from IPython.core.getipython import get_ipython
from IPython.display import display
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from seqlab import plots

STILL = (0.3, 0.7, 1.0, 1.5)  # temperatures of the still picture
COLDEST, WARMEST = 0.1, 3.0
BARS = 12
VIEW = "application/vnd.jupyter.widget-view+json"
BLUE = "31, 95, 168"


class Tokenizer(Protocol):
    """Turns text into token ids and back."""

    def encode(self, text: str) -> list[int]:
        """Return token ids."""

    def decode(self, tokens: Sequence[int]) -> str:
        """Return text."""


Model = Callable[[Any, Any], Any]


def temperature(transformer: Model, tokenizer: Tokenizer, params: Any, prompt: str) -> None:
    """Show how probable each next token is after ``prompt``, at a temperature that you choose.

    Args:
        transformer: your function; ``transformer(tokens, params)`` returns logits (n, vocab size)
        tokenizer: has ``encode(text)`` and ``decode(tokens)``
        params: the model's parameters, passed on as they are
        prompt: how the text begins; at least one token

    Example:
        temperature(transformer, enc, transformer_model_weights, "To be")

    Raises:
        ValueError: the prompt has no token, or the logits are not numbers of shape
            (n, vocab size).
    """
    first = _scores(transformer, tokenizer, params, prompt)
    show(
        _still_bars(first, tokenizer, prompt),
        lambda: _slider(first, transformer, tokenizer, params, prompt),
    )


def attention(maps: Any, labels: Sequence[str]) -> None:
    """Show what each token attends to, head by head: click on the token that reads.

    Args:
        maps: attention weights (n_heads, n, n), or (n, n) for one head; rows are reading tokens
        labels: the n tokens

    Raises:
        ValueError: the shapes do not fit.
    """
    weights = np.asarray(maps, dtype=np.float64)
    weights = weights[None] if weights.ndim == 2 else weights
    n = len(labels)
    if weights.ndim != 3 or weights.shape[1:] != (n, n):
        raise ValueError(f"maps have the shape {weights.shape}, expected (n_heads, {n}, {n})")
    show(plots.attention_maps(weights, labels), lambda: _reader(weights, labels))


def show(still: Figure, moving: Callable[[], Any]) -> None:
    """Display a picture that can be moved, with the still one for viewers that cannot move it."""
    try:
        widget = moving() if _has_kernel() else None
    except ImportError:  # without ipywidgets
        widget = None
    if widget is None:
        display(still)
    else:
        picture = base64.b64encode(_png(still)).decode()
        display({**_view(widget), "image/png": picture}, raw=True)
    plt.close(still)  # else a notebook draws it once more


def _has_kernel() -> bool:
    """Return whether what is displayed goes through a kernel to something like a browser."""
    return getattr(get_ipython(), "kernel", None) is not None


def _view(widget: Any) -> Mapping[str, Any]:
    """Return what an output holds in place of a widget."""
    bundle: Mapping[str, Any] = widget._repr_mimebundle_()
    return {kind: bundle[kind] for kind in (VIEW, "text/plain") if kind in bundle}


def _png(figure: Figure) -> bytes:
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=100, bbox_inches="tight")
    return file.getvalue()


# Temperature


def _scores(model: Model, tokenizer: Tokenizer, params: Any, prompt: str) -> np.ndarray:
    """Return the logits (vocab size,) of the token after the prompt."""
    tokens = tokenizer.encode(prompt)
    if not tokens:
        raise ValueError("the prompt needs at least one character")
    logits = model(tokens, params)
    try:
        last = np.asarray(logits, dtype=np.float64)[-1]
    except (TypeError, ValueError, IndexError):
        last = np.full(1, np.nan)
    if last.ndim != 1 or not np.isfinite(last).all():
        raise ValueError(
            "the model does not return numbers of shape (n, vocab size): do its tests pass?"
        )
    return np.array(last)


def _shares(scores: np.ndarray, t: float) -> np.ndarray:
    """Return the probabilities (vocab size,) at temperature t."""
    heated = scores / t
    shares: np.ndarray = np.exp(heated - np.logaddexp.reduce(heated))
    return shares


def _candidates(scores: np.ndarray) -> list[int]:
    """Return the ids of the tokens with the largest scores, the same at every temperature."""
    return [int(i) for i in np.argsort(-scores, kind="stable")[:BARS]]


def _name(tokenizer: Tokenizer, token: int) -> str:
    """Return a token's text, with its id if it is only a part of a character."""
    text = tokenizer.decode([token])
    return f"{text} {token}" if "\ufffd" in text else text


def _still_bars(scores: np.ndarray, tokenizer: Tokenizer, prompt: str) -> Figure:
    chosen = _candidates(scores)
    panels = {
        f"T = {t:g}": {_name(tokenizer, i): _shares(scores, t)[i] for i in chosen} for t in STILL
    }
    return plots.token_bars(panels, f"What comes after {_end(prompt)}?")


def bars(scores: np.ndarray, tokenizer: Tokenizer, prompt: str, t: float) -> Figure:
    """Draw how probable the likeliest next tokens are at temperature ``t``, and all others."""
    chosen, shares = _candidates(scores), _shares(scores, t)
    names = [repr(_name(tokenizer, i)) for i in chosen] + ["all others"]
    values = [*shares[chosen], max(0.0, 1 - shares[chosen].sum())]
    figure, axes = plt.subplots(figsize=(8, 1.2 + 0.27 * len(names)), layout="constrained")
    colors = [plots.COLORS[1]] * len(chosen) + ["#b8b8b8"]
    drawn = axes.barh(range(len(names)), values, color=colors)
    axes.bar_label(drawn, [f"{value:.1%}" for value in values], padding=4, fontsize=9)
    axes.set_yticks(range(len(names)), names, family="monospace")
    axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axes.set(xlim=(0, 1.08), title=f"After {_end(prompt)}, T = {t:g}")
    axes.grid(axis="x", alpha=0.3)
    axes.invert_yaxis()
    return figure


def _end(prompt: str, length: int = 40) -> str:
    """Return the last characters of a prompt, quoted, and no formula for matplotlib."""
    end = prompt if len(prompt) <= length else "…" + prompt[-length:]
    return repr(end).replace("$", r"\$")


def _slider(first: np.ndarray, model: Model, tokenizer: Tokenizer, params: Any, prompt: str) -> Any:
    """Return a slider, a line for the prompt, and bars that follow both."""
    import ipywidgets as widgets

    choice = widgets.FloatSlider(
        value=1.0,
        min=COLDEST,
        max=WARMEST,
        step=0.1,
        description="T",
        continuous_update=True,
        readout_format=".1f",
        layout=widgets.Layout(width="480px"),
    )
    text = widgets.Textarea(
        value=prompt,
        description="prompt",
        continuous_update=False,
        rows=2,
        layout=widgets.Layout(width="480px"),
    )
    picture, says = widgets.Image(format="png"), widgets.Label()
    known = {prompt: first}

    def draw(_: object = None) -> None:
        try:
            if text.value not in known:
                known[text.value] = _scores(model, tokenizer, params, text.value)
            figure = bars(known[text.value], tokenizer, text.value, choice.value)
        except Exception as error:  # of the student's own function, too
            says.value = f"{type(error).__name__}: {error}"
            return
        picture.value, says.value = _png(figure), ""
        plt.close(figure)

    for control in (choice, text):
        control.observe(draw, "value")
    draw()
    return widgets.VBox([choice, text, says, picture])


# Attention


def _reader(weights: np.ndarray, labels: Sequence[str]) -> Any:
    """Return buttons for the tokens, and a table for the one that is pressed."""
    import ipywidgets as widgets

    reading = widgets.ToggleButtons(
        options=[(name, i) for i, name in enumerate(distinct(labels))],
        value=len(labels) - 1,
        description="reading:",
        style={"button_width": "auto"},
    )
    shown = widgets.HTML()

    def draw(_: object = None) -> None:
        shown.value = table(weights[:, reading.value], labels, reading.value)

    reading.observe(draw, "value")
    draw()
    return widgets.VBox([reading, shown])


def distinct(labels: Sequence[str]) -> list[str]:
    """Return labels that look alike where they were the same, and are all different.

    A browser finds a button by its label, and would light the first of those that are the same. So
    each gets as many spaces without a width as there were such labels before it.

    Example:
        >>> [len(label) for label in distinct(["a", "b", "a"])]
        [1, 1, 2]
    """
    seen = [plots.visible(label).replace(r"\$", "$") for label in labels]
    return [name + "\u200b" * seen[:i].count(name) for i, name in enumerate(seen)]


def table(rows: np.ndarray, labels: Sequence[str], reading: int) -> str:
    """Return the attention (n_heads, n) of one token as an HTML table.

    Args:
        rows: attention weights
        labels: the n tokens
        reading: index of the token that attends
    """
    names = [html.escape(plots.visible(label).replace(r"\$", "$")) for label in labels]
    head = "".join(
        f"<th style='padding:2px 5px;font:12px monospace;"
        f"border-bottom:3px solid {'#c1440e' if i == reading else 'transparent'}'>{name}</th>"
        for i, name in enumerate(names)
    )
    body = "".join(
        f"<tr><th style='padding:2px 8px;text-align:right;font-weight:normal'>head {i}</th>"
        + "".join(_square(weight, name) for weight, name in zip(row, names, strict=True))
        + "</tr>"
        for i, row in enumerate(rows)
    )
    return (
        "<div style='overflow-x:auto;color:black;background:white'>"
        "<table style='border-collapse:collapse'>"
        f"<tr><th></th>{head}</tr>{body}</table></div>"
    )


def _square(weight: float, name: str) -> str:
    color = "white" if weight > 0.6 else "black"
    number = f"{weight:.2f}".lstrip("0") if weight >= 0.05 else ""
    return (
        f"<td title='{weight:.1%} on {name}' style='min-width:30px;height:22px;text-align:center;"
        f"font-size:11px;border:1px solid #ddd;color:{color};"
        f"background:rgba({BLUE}, {min(max(weight, 0.0), 1.0):.3f})'>{number}</td>"
    )
