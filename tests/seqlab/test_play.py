"""Pictures to play with: still ones without widgets, moving ones with them."""

import base64
import importlib
import sys

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib import pyplot as plt

from seqlab import play

WORDS = ["the", " cat", "\n", "$x", " sat"]


class Words:
    """A tokenizer of a few words, told apart by their first letters."""

    def encode(self, text):
        return [WORDS.index(word) for word in text.split("|") if word in WORDS]

    def decode(self, tokens):
        return "".join(WORDS[i] for i in tokens)


def model(tokens, params):
    """Return logits (n, 5): those of params in every row."""
    return np.tile(params, (len(tokens), 1))


SCORES = np.array([2.0, 1.0, 0.0, -1.0, 0.5])


@pytest.fixture(autouse=True)
def shown(monkeypatch):
    """What is displayed, instead of displaying it."""
    plt.close("all")  # whatever ran before: only figures of this test count
    displayed = []
    monkeypatch.setattr(play, "display", lambda what, **options: displayed.append((what, options)))
    mpl.use("agg")
    yield displayed
    assert plt.get_fignums() == []  # nothing is left for a notebook to draw again


@pytest.fixture
def kernel(monkeypatch):
    """As in a notebook: a shell with a kernel."""
    pytest.importorskip("ipywidgets")
    monkeypatch.setattr(play, "_has_kernel", lambda: True)
    widgets, view = [], play._view
    monkeypatch.setattr(play, "_view", lambda widget: widgets.append(widget) or view(widget))
    return widgets


@pytest.fixture
def without_widgets(monkeypatch):
    """As where ipywidgets is not installed."""
    monkeypatch.setattr(play, "_has_kernel", lambda: True)
    monkeypatch.setitem(sys.modules, "ipywidgets", None)
    with pytest.raises(ImportError):
        importlib.import_module("ipywidgets")


def still(shown):
    """Return the figure that was displayed alone."""
    ((figure, options),) = shown
    assert options == {}
    return figure


def widget(shown, widgets):
    """Return the widget that was displayed, and what else goes along."""
    ((bundle, options),), (box,) = shown, widgets
    assert options == {"raw": True}
    assert bundle[play.VIEW]["model_id"] == box.model_id
    return box, bundle


def everything(box, kind):
    """Return the parts of a box that are of a kind."""
    return [child for child in box.children if type(child).__name__ == kind]


def test_without_a_kernel_temperature_is_a_still_picture_of_four(shown):
    play.temperature(model, Words(), SCORES, "the")
    panels = still(shown).axes
    assert [axes.get_title() for axes in panels] == ["T = 0.3", "T = 0.7", "T = 1", "T = 1.5"]
    likeliest = [axes.patches[0].get_width() for axes in panels]
    assert likeliest == sorted(likeliest, reverse=True)  # warmth evens out
    assert likeliest[2] == pytest.approx(np.exp(2.0) / np.exp(SCORES).sum())


def test_without_ipywidgets_a_kernel_gets_the_still_picture(shown, without_widgets):
    play.temperature(model, Words(), SCORES, "the")
    assert len(still(shown).axes) == 4


def test_attention_without_ipywidgets_is_a_map_for_each_head(shown, without_widgets):
    play.attention(np.full((2, 3, 3), 1 / 3), WORDS[:3])
    assert [axes.get_title() for axes in still(shown).axes[:2]] == ["head 0", "head 1"]


def test_the_slider_moves_the_bars(shown, kernel):
    play.temperature(model, Words(), SCORES, "the")
    box, bundle = widget(shown, kernel)
    (slider,), (picture,) = everything(box, "FloatSlider"), everything(box, "Image")
    before = bytes(picture.value)
    assert before.startswith(b"\x89PNG")
    slider.value = 0.2
    assert bytes(picture.value) != before
    assert base64.b64decode(bundle["image/png"]).startswith(b"\x89PNG")  # for other viewers


def test_another_prompt_asks_the_model_again(shown, kernel):
    asked = []

    def counting(tokens, params):
        asked.append(list(tokens))
        return model(tokens, params)

    play.temperature(counting, Words(), SCORES, "the")
    box, _ = widget(shown, kernel)
    (text,) = everything(box, "Textarea")
    text.value = "the| cat"
    assert asked == [[0], [0, 1]]
    everything(box, "FloatSlider")[0].value = 2.0
    assert asked == [[0], [0, 1]]  # moving the slider computes nothing


def test_an_error_of_the_students_function_is_said_and_the_slider_lives_on(shown, kernel):
    def fragile(tokens, params):
        if len(tokens) > 1:
            raise RuntimeError("shapes do not fit")
        return model(tokens, params)

    play.temperature(fragile, Words(), SCORES, "the")
    box, _ = widget(shown, kernel)
    (text,), (says,) = everything(box, "Textarea"), everything(box, "Label")
    text.value = "the| cat"
    assert says.value == "RuntimeError: shapes do not fit"
    text.value = "the"
    assert says.value == ""


def test_a_click_on_a_token_shows_what_it_reads(shown, kernel):
    maps = np.array([[[1, 0, 0], [0.25, 0.75, 0], [0.1, 0.2, 0.7]]])
    play.attention(maps, WORDS[:3])
    box, _ = widget(shown, kernel)
    (buttons,), (table,) = everything(box, "ToggleButtons"), everything(box, "HTML")
    assert "70.0% on ↵" in table.value
    buttons.value = 1
    assert "75.0% on ␣cat" in table.value
    assert "70.0%" not in table.value


def test_tokens_that_come_twice_have_buttons_of_their_own(shown, kernel):
    play.attention(np.tril(np.full((4, 4), 0.25)), [" Rome", "o", " Rome", "o"])
    box, _ = widget(shown, kernel)
    (buttons,) = everything(box, "ToggleButtons")
    names = [name for name, _ in buttons.options]
    assert len(set(names)) == 4  # a browser finds the button to light by its label
    assert [name.rstrip("\u200b") for name in names] == ["␣Rome", "o", "␣Rome", "o"]
    assert buttons.value == 3


def test_the_table_brings_its_own_paper():
    page = play.table(np.array([[0.5, 0.5]]), ["a", "b"], 0)
    assert page.startswith("<div style='overflow-x:auto;color:black;background:white'>")


def test_tokens_are_text_and_no_html_in_the_table():
    page = play.table(np.array([[0.5, 0.5]]), ["<script>", "$"], 0)
    assert "<script>" not in page
    assert "&lt;script&gt;" in page
    assert "50.0% on $" in page


def test_the_bars_hold_all_the_probability():
    scores = np.linspace(0, 3, 40)
    figure = play.bars(scores, type("T", (), {"decode": lambda self, ids: f"t{ids[0]}"})(), "x", 1)
    widths = [bar.get_width() for bar in figure.axes[0].patches]
    plt.close(figure)
    assert len(widths) == play.BARS + 1
    assert sum(widths) == pytest.approx(1)


def test_bytes_that_are_no_text_keep_a_bar_of_their_own(shown):
    class Bytes(Words):
        def decode(self, tokens):
            return "\ufffd"

    play.temperature(model, Bytes(), SCORES, "the")
    (axes, *_) = still(shown).axes
    assert [label.get_text() for label in axes.get_yticklabels()][:2] == [
        "'\ufffd 0'",
        "'\ufffd 1'",
    ]


def test_large_logits_at_low_temperatures_stay_numbers(shown):
    play.temperature(model, Words(), 1e4 * SCORES, "the")
    assert still(shown).axes[0].patches[0].get_width() == pytest.approx(1)


@pytest.mark.parametrize(
    ("broken", "prompt", "reason"),
    [
        (lambda tokens, params: ..., "the", "do its tests pass"),
        (lambda tokens, params: SCORES, "the", "do its tests pass"),
        (lambda tokens, params: np.full((1, 5), np.nan), "the", "do its tests pass"),
        (model, "", "at least one character"),
    ],
)
def test_what_is_no_model_or_no_prompt_is_told(broken, prompt, reason):
    with pytest.raises(ValueError, match=reason):
        play.temperature(broken, Words(), SCORES, prompt)


@pytest.mark.parametrize("shape", [(3,), (2, 3, 4), (2, 2, 2), (1, 1, 3, 3)])
def test_maps_that_do_not_fit_the_labels_are_told(shape):
    with pytest.raises(ValueError, match=r"expected \(n_heads, 3, 3\)"):
        play.attention(np.zeros(shape), WORDS[:3])


def test_one_map_is_one_head(shown):
    play.attention(np.eye(3), WORDS[:3])
    assert still(shown).axes[0].get_title() == "head 0"
