"""Pictures of good models and of bad ones."""

import io

import numpy as np
import pytest

from seqlab import plots

TEXT = "to be or not to be"


def drawn(figure):
    """Draw a figure; a warning would be an error."""
    figure.savefig(io.BytesIO(), format="png")
    return figure


@pytest.mark.parametrize("value", [np.float32(1e30), 1e60])
def test_the_perplexity_so_far_of_a_bad_model_does_not_overflow(value):
    figure = drawn(plots.surprise({"bad": np.full(len(TEXT), value)}, TEXT))
    _, running = figure.axes
    np.testing.assert_allclose(running.lines[0].get_ydata(), float(value))


@pytest.mark.parametrize("value", [0.0, np.inf, np.nan])
def test_a_model_that_gives_no_number_is_drawn_all_the_same(value):
    values = np.full(len(TEXT), 3.0)
    values[5] = value
    figure = drawn(plots.surprise({"good": np.full(len(TEXT), 2.0), "odd": values}, TEXT))
    good, odd = figure.axes[1].lines
    np.testing.assert_allclose(good.get_ydata(), 2)
    np.testing.assert_allclose(odd.get_ydata()[:5], 3)


def test_the_mean_so_far_is_the_perplexity_of_the_characters_so_far():
    rng = np.random.default_rng(0)
    probabilities = rng.uniform(0.01, 1, 12)
    expected = [np.exp(-np.log(probabilities[:n]).mean()) for n in range(1, 13)]
    np.testing.assert_allclose(plots.running_means(1 / probabilities), expected)


def test_signs_of_mathtext_in_a_text_are_drawn_as_they_are():
    drawn(plots.surprise({"a": np.full(4, 2.0)}, "$_$\n"))
