"""Draw the pictures that the notebooks show before any code: ``python -m training.pictures``.

They are SVG files in ``source/NAME/pictures``. Letters are outlines and the paper is part of the
picture, so that it looks the same in every viewer, on a light page and on a dark one. Numbers in
them are computed here. The same versions of numpy and matplotlib give the same bytes.
"""

import io
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib import patches
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import seqlab
from hidden_tests import assignment5, gpt2
from training import paths

SOURCE = paths.ROOT / "source"
PAPER, EDGE, INK, GREY = "#fcfaf5", "#cfc8b8", "#22252b", "#6b6f76"
BLUE, RED, GREEN, GOLD = "#1f5fa8", "#b5400d", "#2f6f3a", "#8a6d00"
PALE = {BLUE: "#e1ecf8", RED: "#fbe7dc", GREEN: "#e2f1e2", GOLD: "#f8efcf", GREY: "#efece4"}
STYLE: dict[Any, str] = {
    "svg.fonttype": "path",
    "svg.hashsalt": "pictures",
    "mathtext.fontset": "stix",
    "font.family": "DejaVu Sans",
}
Point = tuple[float, float]


class Canvas:
    """A sheet of paper; lengths are CSS pixels, and y grows downwards."""

    def __init__(self, width: float, height: float, paper: str = PAPER):
        """Take a sheet of this size."""
        self.width, self.height = width, height
        self.figure = Figure(figsize=(width / 96, height / 96))
        self.axes: Axes = self.figure.add_axes((0, 0, 1, 1))
        self.axes.set(xlim=(0, width), ylim=(height, 0))
        self.axes.set_axis_off()
        self.figure.patch.set_alpha(0)
        self.box(1, 1, width - 2, height - 2, edge=EDGE, fill=paper, corner=10, layer=0)

    def box(
        self,
        x: float,
        y: float,
        width: float,
        height: float,
        text: str = "",
        edge: str = BLUE,
        fill: str | None = None,
        size: float = 12,
        corner: float = 5,
        layer: float = 2.5,
    ) -> None:
        """Draw a rectangle with rounded corners and a text in its middle."""
        shape = patches.FancyBboxPatch(
            (x + corner, y + corner),
            width - 2 * corner,
            height - 2 * corner,
            boxstyle=f"round,pad={corner},rounding_size={corner}",
            edgecolor=edge,
            facecolor=PALE.get(edge, PAPER) if fill is None else fill,
            linewidth=1.1,
            zorder=layer,
        )
        self.axes.add_patch(shape)
        self.text(x + width / 2, y + height / 2, text, size=size)

    def circle(self, x: float, y: float, text: str, radius: float = 13) -> None:
        """Draw an operation: a sign in a circle."""
        self.axes.add_patch(patches.Circle((x, y), radius, fc="white", ec=INK, lw=1.1, zorder=3))
        self.text(x, y, text, size=13)

    def text(
        self,
        x: float,
        y: float,
        text: str,
        color: str = INK,
        size: float = 12,
        align: str = "center",
        bold: bool = False,
        mono: bool = False,
        tilt: float = 0,
    ) -> None:
        """Write a text around a point; ``size`` is in pixels."""
        self.axes.text(
            x,
            y,
            text,
            color=color,
            fontsize=size * 0.75,
            ha=align,
            va="center",
            weight="bold" if bold else "normal",
            family="DejaVu Sans Mono" if mono else "DejaVu Sans",
            rotation=tilt,
            zorder=5,
        )

    def arrow(self, start: Point, end: Point, color: str = INK, bend: float = 0) -> None:
        """Draw an arrow, bent to the left by a part of its length."""
        self.axes.add_patch(
            patches.FancyArrowPatch(
                start,
                end,
                arrowstyle="-|>",
                mutation_scale=9,
                shrinkA=0,
                shrinkB=0,
                color=color,
                linewidth=1.2,
                connectionstyle=f"arc3,rad={bend}",
                zorder=2,
            )
        )

    def line(self, points: Sequence[Point], color: str = INK, width: float = 1.2) -> None:
        """Draw a line through points."""
        xs, ys = zip(*points, strict=True)
        self.axes.plot(xs, ys, color=color, linewidth=width, solid_capstyle="round", zorder=2)

    def area(self, points: Sequence[Point], fill: str, edge: str = "none") -> None:
        """Fill a polygon."""
        self.axes.add_patch(patches.Polygon(points, fc=fill, ec=edge, lw=1, zorder=2))

    def matrix(
        self,
        x: float,
        y: float,
        values: np.ndarray,
        title: str,
        color: str,
        decimals: int = 2,
        names: Sequence[str] = (),
    ) -> float:
        """Draw a small matrix of numbers below its title; return where it ends on the right."""
        width, height = 46, 28
        self.text(x + width * values.shape[1] / 2, y - 14, title, color=color, bold=True)
        for (i, j), value in np.ndenumerate(values):
            number = "−∞" if value < -1e8 else f"{value:.{decimals}f}".replace("-", "−")
            self.box(x + j * width, y + i * height, width, height, number, color, size=12, corner=1)
        for i, name in enumerate(names):
            self.text(x - 8, y + (i + 0.5) * height, name, align="right", mono=True)
        return x + width * values.shape[1]

    def svg(self) -> bytes:
        """Return the picture as a file."""
        file = io.BytesIO()
        with mpl.rc_context(STYLE):
            self.figure.savefig(
                file, format="svg", transparent=True, metadata={"Date": None, "Creator": None}
            )
        return file.getvalue()


# Problem 1: recurrent networks


def unrolled_rnn() -> Canvas:
    """The two-layer RNN over three steps, with the weights on its arrows."""
    page = Canvas(760, 372)
    rows = {"y": 50, "h2": 130, "h1": 220, "x": 310}
    for name, y in (("scores", 50), ("layer 2", 130), ("layer 1", 220), ("character", 310)):
        page.text(22, y, name, GREY, align="left")
    columns = [(190, "t-1", "e"), (400, "t", "l"), (610, "t+1", "m")]
    for x, step, letter in columns:
        _rnn_step(page, x, rows, step, letter)
    for y, layer, color in ((220, 1, BLUE), (130, 2, RED)):
        weight = rf"$W_{{h{layer}h{layer}}}$"
        for left, right in ((84, 160), (220, 370), (430, 580), (640, 734)):
            page.arrow((left, y), (right, y), color)
        for x in (122, 295, 505, 687):
            page.text(x, y - 13, weight, color, size=13)
    return page


def _rnn_step(page: Canvas, x: float, rows: Mapping[str, float], step: str, letter: str) -> None:
    page.box(x - 32, rows["y"] - 18, 64, 36, f"$y_{{{step}}}$", GREEN, size=16)
    page.box(x - 30, rows["h2"] - 19, 60, 38, f"$h^2_{{{step}}}$", RED, size=16)
    page.box(x - 30, rows["h1"] - 19, 60, 38, f"$h^1_{{{step}}}$", BLUE, size=16)
    page.box(x - 32, rows["x"] - 18, 64, 36, f"$x_{{{step}}}$", GREY, size=16)
    page.text(x, rows["x"] + 32, f"reads “{letter}”", GREY, size=11)
    for below, above, weight in (
        ("x", "h1", "$W_{xh1}$"),
        ("h1", "h2", "$W_{h1h2}$"),
        ("h2", "y", "$W_{h2y}$"),
    ):
        page.arrow((x, rows[below] - 19), (x, rows[above] + 19))
        page.text(x + 8, (rows[below] + rows[above]) / 2, weight, size=13, align="left")


def gru() -> Canvas:
    """The gates of a GRU at one step."""
    page = Canvas(760, 392)
    page.box(120, 44, 520, 260, edge=EDGE, fill="#ffffff", corner=12, layer=1)
    page.box(24, 74, 66, 40, "$h_{t-1}$", BLUE, size=16)
    page.box(672, 74, 64, 40, "$h_t$", BLUE, size=16)
    page.box(352, 334, 60, 38, "$x_t$", GREY, size=16)
    page.arrow((90, 94), (417, 94), BLUE)  # the old state runs along the top
    page.arrow((443, 94), (547, 94), BLUE)
    page.arrow((573, 94), (672, 94), BLUE)
    page.circle(430, 94, "×")
    page.circle(560, 94, "+")
    page.text(250, 80, "the old state", BLUE, size=11)
    page.box(384, 158, 92, 48, "update gate\n$\\Gamma^u_t$", GOLD, size=12)
    page.arrow((430, 158), (430, 107), GOLD)
    page.text(424, 133, "keep", GOLD, size=11, align="right")
    page.circle(560, 182, "×")
    page.arrow((476, 182), (547, 182), GOLD)
    page.text(512, 171, "$1-\\Gamma^u_t$", GOLD, size=13)
    page.arrow((560, 169), (560, 107))
    page.box(504, 240, 112, 48, "candidate\n$c_t$", GREEN, size=12)
    page.arrow((560, 240), (560, 195), GREEN)
    page.box(142, 158, 92, 48, "reset gate\n$\\Gamma^r_t$", RED, size=12)
    page.circle(308, 182, "×")
    page.arrow((234, 182), (295, 182), RED)
    page.arrow((308, 94), (308, 169), BLUE)
    page.text(314, 133, "$W_{hh}$", BLUE, size=13, align="left")
    page.line([(308, 195), (308, 258)], RED)
    page.arrow((308, 258), (504, 258), RED)
    page.arrow((188, 94), (188, 158), BLUE)
    page.text(182, 133, "$W_{rh}$", BLUE, size=13, align="right")
    page.line([(352, 94), (352, 182)], BLUE)
    page.arrow((352, 182), (384, 182), BLUE)
    page.text(358, 133, "$W_{uh}$", BLUE, size=13, align="left")
    _gru_inputs(page)
    page.line([(704, 114), (704, 300)])
    page.arrow((704, 300), (704, 334))
    page.text(710, 230, "$W_y$", size=13, align="left")
    page.box(672, 334, 64, 38, "$y_t$", GREEN, size=16)
    return page


def _gru_inputs(page: Canvas) -> None:
    """Lead the character to both gates and to the candidate."""
    page.line([(382, 334), (382, 318), (160, 318)], GREY)
    page.line([(382, 318), (590, 318)], GREY)
    page.arrow((160, 318), (160, 206), GREY)
    page.text(154, 292, "$W_{rx}$", GREY, size=13, align="right")
    page.arrow((405, 318), (405, 206), GREY)
    page.text(411, 292, "$W_{ux}$", GREY, size=13, align="left")
    page.arrow((590, 318), (590, 288), GREY)
    page.text(596, 302, "$W_{hx}$", GREY, size=13, align="left")


# Problem 2: tokens


def merges(word: str) -> Iterator[tuple[list[str], int]]:
    """Yield the pieces of a word after each merge of the course's tokenizer, and its number.

    Example:
        >>> [pieces for pieces, _ in merges("the")]
        [['t', 'h', 'e'], ['t', 'he'], ['the']]
    """
    ranks = {token: rank for token, rank in _ranks().items() if len(token) > 1}
    pieces = [bytes([byte]) for byte in word.encode()]
    number = 0
    while True:
        yield [piece.decode() for piece in pieces], number
        pairs = [left + right for left, right in itertools.pairwise(pieces)]
        known = [pair for pair in pairs if pair in ranks]
        if not known:
            return
        best = min(known, key=ranks.__getitem__)
        number, i = ranks[best] - 255, pairs.index(best)
        pieces[i : i + 2] = [best]


def _ranks() -> dict[bytes, int]:
    encoding = seqlab.load_tokenizer()
    return {encoding.decode_single_token_bytes(i): i for i in range(encoding.n_vocab)}


def bpe(word: str = " other") -> Canvas:
    """Byte-pair encoding merges the pieces of a word, in the order in which merges were learned."""
    steps = list(merges(word))
    page = Canvas(760, 40 + 46 * len(steps))
    for row, (pieces, number) in enumerate(steps):
        y, x = 24 + 46 * row, 40.0
        before = set(steps[row - 1][0]) if row else set(pieces)
        for piece in pieces:
            width = 44.0 * len(piece)
            color = BLUE if piece in before else RED
            shown = piece.replace(" ", "␣")
            page.box(x + 2, y, width - 4, 34, edge=color)
            page.text(x + width / 2, y + 17, shown, mono=True, size=15)
            x += width
        page.text(340, y + 17, _merge_note(pieces, before, number), GREY, size=12, align="left")
    return page


def _merge_note(pieces: Sequence[str], before: set[str], number: int) -> str:
    if not number:
        return "single bytes; ␣ is the blank before the word"
    new = next(piece for piece in pieces if piece not in before).replace(" ", "␣")
    end = ": one token" if len(pieces) == 1 else ""
    return f"merge {number} of 768 makes “{new}”{end}"


@dataclass(frozen=True)
class Prediction:
    """What a model makes of a line.

    Attributes:
        tokens: pieces of the line, and their ids
        rows: the first numbers of each token's embedding (n, 3)
        best: the most probable next tokens, with their probabilities
    """

    tokens: list[tuple[str, int]]
    rows: np.ndarray
    best: list[tuple[str, float]]


def bard(line: str) -> Prediction:
    """Return what assignment5's Transformer makes of a line."""
    params, ids = seqlab.load_transformer_weights(), seqlab.load_tokenizer().encode(line)
    logits = assignment5.transformer(ids, params)[-1]
    return _prediction(ids, params["word_embedding.weight"], logits)


def mini(line: str) -> Prediction:
    """Return what the GPT-2 that comes with the course makes of a line."""
    settings, params = seqlab.get_params("mini")
    ids = seqlab.get_encoder("mini").encode(line)
    model = (params["wte"], params["wpe"], params["blocks"], params["ln_f"])
    logits = gpt2.reference_gpt2(ids, *model, settings["n_head"])[-1]
    return _prediction(ids, params["wte"], logits)


def _prediction(ids: Sequence[int], table: np.ndarray, logits: np.ndarray) -> Prediction:
    decode = seqlab.load_tokenizer().decode
    shares = np.exp(logits - np.logaddexp.reduce(logits))
    best = [(decode([int(i)]), float(shares[i])) for i in np.argsort(-shares)[:5]]
    return Prediction([(decode([i]), i) for i in ids], table[list(ids), :3], best)


def next_token(line: str, made: Prediction, layers: str) -> Canvas:
    """From a text to the next token: pieces, ids, rows of numbers, layers, probabilities."""
    page = Canvas(760, 318)
    for x, name in ((86, "tokens"), (186, "ids"), (294, "embeddings"), (616, "next token")):
        page.text(x, 66, name, GREY, size=12)
    page.text(24, 32, f"“{line}”", size=15, align="left", mono=True)
    for row, ((token, number), values) in enumerate(zip(made.tokens, made.rows, strict=True)):
        y = 84 + 46 * row
        page.box(36, y, 100, 34)
        page.text(86, y + 17, token.replace(" ", "␣"), mono=True, size=14)
        page.box(158, y, 56, 34, str(number), GOLD, size=13)
        numbers = "  ".join(f"{value + 0:.2f}".replace("-", "−") for value in values.round(2))
        page.box(236, y, 132, 34, f"{numbers} …", GREEN, size=10)
        for left in (136, 214):
            page.arrow((left, y + 17), (left + 22, y + 17))
        page.arrow((368, y + 17), (404, y + 17))
    bottom = 84 + 46 * len(made.tokens) - 12
    page.box(404, 84, 88, bottom - 84, layers, GREY, size=12)
    page.arrow((492, bottom - 17), (524, bottom - 17))
    page.text(524, bottom + 2, "last row", GREY, size=11)
    for row, (token, share) in enumerate(made.best):
        y = 84 + 34 * row
        page.text(596, y + 14, token.replace(" ", "␣"), mono=True, size=13, align="right")
        page.box(604, y + 3, 6 + 500 * share, 22, edge=BLUE, corner=2)
        page.text(618 + 500 * share, y + 14, f"{share:.0%}", size=12, align="left")
    page.line([(560, 262), (560, 290), (86, 290)], RED)
    page.arrow((86, 290), (86, bottom + 2), RED)
    page.text(330, 302, "choose one, append it, start again", RED, size=12)
    return page


# Attention

WORDS = ("the", "cat", "sat")
QUERIES = np.array([[1.0, 0.0], [1.0, 1.0], [0.0, 2.0]])
KEYS = np.array([[2.0, 0.0], [0.0, 2.0], [1.0, 1.0]])
VALUES = np.array([[10.0, 0.0], [0.0, 10.0], [5.0, 5.0]])


def worked(masked: bool) -> dict[str, np.ndarray]:
    """Return scores, shares and mixtures (3 tokens) of the worked example, width two."""
    scores = QUERIES @ KEYS.T / np.sqrt(2)
    if masked:
        scores = scores - 1e9 * np.triu(np.ones((3, 3)), k=1)
    shares = np.exp(scores - scores.max(axis=1, keepdims=True))
    shares /= shares.sum(axis=1, keepdims=True)
    return {"scores": scores, "shares": shares, "mixture": shares @ VALUES}


def worked_attention(masked: bool) -> Canvas:
    """Attention of three tokens of width two, with all its numbers."""
    made, page = worked(masked), Canvas(760, 290)
    page.matrix(72, 42, QUERIES, "queries", BLUE, 0, WORDS)
    page.matrix(72, 182, KEYS, "keys", RED, 0, WORDS)
    page.matrix(648, 182, VALUES, "values", GREEN, 0)
    page.text(212, 58, r"$QK^T/\sqrt{2}$", size=14)
    page.arrow((176, 84), (244, 84))
    page.line([(176, 224), (210, 224), (210, 84)])
    page.matrix(256, 42, made["scores"], "scores" + (", masked" if masked else ""), GOLD)
    for j, word in enumerate(WORDS):
        page.text(279 + 46 * j, 136, word, GREY, mono=True, size=11)
    page.text(422, 70, "softmax", size=12)
    page.arrow((400, 84), (444, 84))
    page.matrix(452, 42, made["shares"], "shares: rows sum to 1", GOLD, 3)
    for j, word in enumerate(WORDS):
        page.text(475 + 46 * j, 136, word, GREY, mono=True, size=11)
    page.line([(594, 84), (607, 84)])
    page.arrow((629, 84), (644, 84))
    page.line([(694, 166), (694, 148), (618, 148)], GREEN)
    page.line([(618, 148), (618, 97)], GREEN)
    page.circle(618, 84, "×", 11)
    page.matrix(648, 42, made["mixture"], "mixture", GREEN)
    share = made["shares"][2]
    page.text(256, 196, "The last row: “sat” asks, and “cat” has the key that fits.", align="left")
    parts = " + ".join(
        f"{part:.3f} · ({value[0]:.0f}, {value[1]:.0f})"
        for part, value in zip(share, VALUES, strict=True)
    )
    page.text(256, 222, parts, align="left", size=12)
    mixed = made["mixture"][2]
    page.text(256, 246, f"= ({mixed[0]:.2f}, {mixed[1]:.2f})", align="left", size=12)
    return page


def attention_head() -> Canvas:
    """One attention head, with the shape of everything."""
    page = Canvas(760, 330)
    page.box(24, 118, 92, 84, "$X$", BLUE, size=20)
    page.text(70, 216, "$(n,\\ d_{model})$", GREY, size=13)
    for y, name, color in ((40, "q", BLUE), (136, "k", RED), (232, "v", GREEN)):
        page.arrow((116, 160), (190, y + 24), color)
        page.box(190, y, 74, 48, f"$X\\,W_{name}^h$", GREY, size=14)
        page.arrow((264, y + 24), (306, y + 24), color)
        page.box(306, y, 56, 48, f"${name.upper()}$", color, size=18)
        page.text(334, y + 60, "$(n,\\ d_h)$", GREY, size=12)
    page.text(227, 296, "each $W^h$: $(d_{model},\\ d_h)$", GREY, size=12)
    page.line([(362, 64), (392, 64), (392, 100)], BLUE)
    page.arrow((392, 100), (408, 100), BLUE)
    page.line([(362, 160), (392, 160), (392, 124)], RED)
    page.arrow((392, 124), (408, 124), RED)
    page.box(408, 84, 104, 56, "$QK^{T}/\\sqrt{d_h}+M$", GOLD, size=13)
    page.arrow((512, 112), (590, 112))
    page.text(551, 100, "softmax", size=11)
    _triangle(page, 590, 72, 80)
    page.text(630, 60, "$A$", size=17)
    page.text(682, 112, "$(n,\\ n)$", GREY, size=12, align="left")
    page.arrow((630, 152), (630, 232))
    page.arrow((362, 256), (586, 256), GREEN)
    page.box(586, 232, 88, 48, "$A\\,V$", GREEN, size=18)
    page.text(682, 256, "$(n,\\ d_h)$", GREY, size=12, align="left")
    page.text(630, 296, "the head's output", GREY, size=12)
    return page


def _triangle(page: Canvas, x: float, y: float, size: float) -> None:
    """Draw an attention matrix: nothing above the diagonal."""
    cell = size / 5
    for i in range(5):
        for j in range(5):
            color = GOLD if j <= i else EDGE
            fill = PALE[GOLD] if j <= i else PAPER
            page.box(x + j * cell, y + i * cell, cell, cell, edge=color, fill=fill, corner=0.5)


HEAD_COLORS = (BLUE, RED, GREEN, GOLD)


def heads() -> Canvas:
    """Queries, keys and values cut into heads, and the heads' outputs merged."""
    page = Canvas(760, 378)
    for left, name in ((52, "Q"), (292, "K"), (532, "V")):
        page.text(left - 16, 60, f"${name}$", size=18)
        for i, color in enumerate(HEAD_COLORS):
            page.box(left + 44 * i, 40, 42, 40, f"{i}", color, size=13, corner=2)
    page.text(712, 60, "$(n,\\ d)$", GREY, size=12, align="left")
    page.text(24, 22, "split into heads, from left to right", GREY, size=12, align="left")
    for i, color in enumerate(HEAD_COLORS):
        x = 32 + 178 * i
        page.box(x, 152, 162, 62, edge=color)
        page.text(x + 81, 170, f"head {i}", color, bold=True)
        page.text(x + 81, 194, f"attention of $Q_{i},\\,K_{i},\\,V_{i}$", size=12)
        for left in (52, 292, 532):
            page.arrow((left + 44 * i + 21, 80), (x + 81 + (left - 292) / 12, 152), color)
        page.arrow((x + 81, 214), (294 + 44 * i + 21, 276), color)
        page.box(294 + 44 * i, 276, 42, 40, f"$O_{i}$", color, size=13, corner=2)
    page.text(24, 296, "merged, side by side", GREY, size=12, align="left")
    page.text(384, 332, "$(n,\\ d)$", GREY, size=12)
    page.arrow((472, 296), (540, 296))
    page.box(540, 276, 110, 40, "last projection", GREY, size=12)
    page.arrow((650, 296), (690, 296))
    page.text(712, 296, "out", size=12)
    page.text(380, 358, "Four heads are drawn; each is a quarter as wide as $Q$.", GREY, size=12)
    return page


# The residual stream


def residual_stream() -> Canvas:
    """The stream of assignment5's Transformer: one of its layers in full."""
    page = Canvas(760, 238)
    _stream(page, "embeddings\n+ positions", "4 layers", ("attention", "MLP"), "prediction\nhead")
    return page


def block() -> Canvas:
    """The stream of GPT-2: one of its blocks in full, with layer normalization."""
    page = Canvas(760, 238)
    _stream(
        page, "wte + wpe", "the blocks", ("attention", "feed forward"), "LN, then\n× wte$^T$", True
    )
    return page


def _stream(
    page: Canvas,
    start: str,
    repeated: str,
    parts: tuple[str, str],
    end: str,
    normalized: bool = False,
) -> None:
    y = 170
    page.box(146, 24, 468, 190, edge=EDGE, fill="#ffffff", corner=12, layer=1)
    page.text(600, 40, f"one of {repeated}", GREY, size=12, align="right")
    page.box(18, y - 25, 104, 50, start, GREY, size=12)
    page.line([(122, y), (640, y)], BLUE, width=5)
    page.text(384, y + 24, "the stream $X$: $(n,\\ d)$", BLUE, size=12)
    for left, name, color in ((172, parts[0], RED), (398, parts[1], GREEN)):
        page.line([(left, y), (left, 92)], color)
        page.box(left + 36, 68, 110, 48, f"LN\n{name}" if normalized else name, color, size=12)
        page.arrow((left, 92), (left + 36, 92), color)
        page.line([(left + 146, 92), (left + 182, 92)], color)
        page.arrow((left + 182, 92), (left + 182, y - 13), color)
        page.circle(left + 182, y, "+")
        page.text(left + 6, 132, "reads", color, size=11, align="left")
        page.text(left + 176, 132, "adds", color, size=11, align="right")
    page.box(640, y - 25, 100, 50, end, GOLD, size=12)


# Covers


def the_last_galley() -> Canvas:
    """A galley at night; its sail is a proof with a correction."""
    page = Canvas(760, 236, paper="#16243b")
    rng = np.random.default_rng(5)
    page.axes.scatter(
        rng.uniform(20, 740, 60), rng.uniform(14, 120, 60), rng.uniform(0.3, 3, 60), color="#dfe7f5"
    )
    page.axes.add_patch(patches.Circle((690, 52), 24, color="#f5ecc8"))
    for y, color in ((176, "#1d3350"), (194, "#18293f"), (212, "#121f31")):
        along = np.linspace(2, 758, 200)
        wave = y + 4 * np.sin(along / 26 + y)
        page.area([*zip(along, wave, strict=True), (758, 230), (2, 230)], color)
    _proof(page)
    page.line([(236, 30), (236, 172)], "#d9b98a", 3)
    page.area([(120, 166), (356, 166), (388, 140), (334, 196), (152, 196)], "#6d4327", "#d9b98a")
    for x in range(164, 330, 24):
        page.line([(x, 180), (x - 26, 216)], "#d9b98a", 2)
    page.text(452, 98, "The Last Galley", "#f5ecc8", size=30, align="left", bold=True)
    page.text(454, 132, "read by two networks, a letter at a time", "#b9c6dc", 13, align="left")
    return page


def _proof(page: Canvas) -> None:
    """Draw the sail: a printed sheet, a word struck out, a caret in red."""
    page.area([(162, 36), (310, 36), (322, 92), (308, 150), (164, 150), (150, 92)], "#f6f1e3", INK)
    for y in range(54, 142, 13):
        page.line([(176, y), (296, y)], "#9a978e", 2)
    page.line([(206, 80), (254, 80)], RED, 2)
    page.line([(258, 112), (264, 102), (270, 112)], RED, 2)
    page.text(264, 94, "stet", RED, size=13, bold=True)


def stage() -> Canvas:
    """A stage on which words rise as tokens."""
    page = Canvas(760, 236, paper="#1d1418")
    page.area([(372, 20), (388, 20), (610, 196), (150, 196)], "#3a2f2a")
    page.area([(2, 190), (758, 190), (758, 232), (2, 232)], "#5b3d28")
    for x in range(40, 760, 60):
        page.line([(380 + (x - 380) * 0.82, 190), (x, 232)], "#3e2919", 1)
    for side in (0, 1):
        for fold in range(5):
            left = 4 + 26 * fold if not side else 756 - 26 * (fold + 1)
            color = "#8e1b23" if fold % 2 else "#b0242e"
            sway = (8 if not side else -8) * fold
            page.area(
                [(left, 3), (left + 26, 3), (left + 26 - sway, 206), (left - sway, 206)], color
            )
    page.area([(3, 3), (757, 3), (757, 26), (3, 26)], "#7a141c")
    words = (
        ("To", 236, 150),
        ("␣be", 290, 124),
        (",", 352, 104),
        ("␣or", 388, 86),
        ("␣not", 446, 66),
    )
    for word, x, y in words:
        width = 20 + 11 * len(word)
        page.box(x, y, width, 32, edge="#e7c86e", fill="#f7efd6")
        page.text(x + width / 2, y + 16, word, mono=True, size=15)
    page.text(540, 82, "?", "#e7c86e", size=30, bold=True)
    return page


LINE = "My lord, I"
PICTURES: dict[str, dict[str, Callable[[], Canvas]]] = {
    "assignment5": {
        "the-last-galley": the_last_galley,
        "unrolled-rnn": unrolled_rnn,
        "gru": gru,
        "stage": stage,
        "next-token": lambda: next_token(LINE, bard(LINE), "positions,\n4 layers,\nhead"),
        "bpe": bpe,
        "worked-attention": lambda: worked_attention(masked=True),
        "attention-head": attention_head,
        "heads": heads,
        "residual-stream": residual_stream,
    },
    "gpt2": {
        "stage": stage,
        "worked-attention": lambda: worked_attention(masked=False),
        "heads": heads,
        "block": block,
        "bpe": bpe,
        "next-token": lambda: next_token(LINE, mini(LINE), "positions,\n4 blocks,\n× wte$^T$"),
    },
}


def write(to: Path = SOURCE) -> None:
    """Draw all pictures into ``to/NAME/pictures``."""
    for assignment, drawn in PICTURES.items():
        folder = to / assignment / "pictures"
        folder.mkdir(parents=True, exist_ok=True)
        for name, draw in drawn.items():
            with mpl.rc_context(STYLE):
                (folder / f"{name}.svg").write_bytes(draw().svg())


if __name__ == "__main__":
    write()
