"""Small models leave no doubt: a right answer writes one text only, whatever the vocabulary."""

import numpy as np
import pytest

from hidden_tests import assignment5, recurrent
from seqlab import small_models, small_networks

FEW = "abcdefghijklmnopqrstuvwxyz"
MANY = " !\"&'(),-./:;=?[]^_abcdefghijklmnopqrstuvwxyz£—"
NETWORKS = {
    "rnns": (small_networks.rnns, recurrent.rnn_scores),
    "grus": (small_networks.grus, recurrent.gru_scores),
}


@pytest.mark.parametrize("symbols", [FEW, MANY], ids=["few", "many"])
@pytest.mark.parametrize("kind", NETWORKS)
def test_the_next_letter_is_certain_and_its_exponential_finite(kind, symbols):
    networks, scores = NETWORKS[kind]
    for about, weights in networks(symbols).items():
        for prompt in ("tx", "x", "sbdbd"):
            ids = [symbols.index(char) for char in prompt]
            *_, second, best = np.sort(scores(weights, ids)[-1])
            assert best - second > 20, about  # another letter once in 5e8, and less
            assert np.isfinite(np.exp(best))


@pytest.mark.parametrize("kind", NETWORKS)
def test_every_network_writes_another_text_than_one_without_its_terms(kind):
    networks, scores = NETWORKS[kind]
    for weights in networks(FEW).values():
        silent = [*(0 * w for w in weights[:-2]), *weights[-2:]]
        ids = [[FEW.index(char) for char in prompt] for prompt in ("tx", "txy", "xt", "s")]
        written = [[scores(w, i)[-1].argmax() for i in ids] for w in (weights, silent)]
        assert written[0] != written[1]


def test_what_is_unsure_is_unsure_of_five_letters_in_any_vocabulary():
    for network, scores in (
        (small_networks.unsure_rnn, recurrent.rnn_scores),
        (small_networks.unsure_gru, recurrent.gru_scores),
    ):
        few, many = (
            recurrent.perplexity(scores, network(symbols), "abcadbeeca", 1, symbols)
            for symbols in (FEW, MANY)
        )
        assert few == pytest.approx(many)
        assert few > 5


def test_a_counting_transformer_is_certain_of_the_next_token_whatever_it_reads():
    tokens = list(range(100, 120))
    model = small_models.counting_transformer(tokens)
    logits = assignment5.transformer([7] * 19, model)
    assert logits.argmax(axis=1).tolist() == tokens[:19]
    assert (logits.max(axis=1) - np.sort(logits, axis=1)[:, -2]).min() > 35
    assert logits.argmax() < 1024  # the first row's are the largest


def test_the_parts_of_a_signing_transformer_write_into_columns_of_their_own():
    logits = assignment5.transformer([3, 1], small_models.signing_transformer())
    assert logits[:, 240:244] == pytest.approx(np.array([[10, 20, 30, 40]] * 2), abs=1e-3)
    assert logits[:, 248:252] == pytest.approx(np.array([[1, 2, 3, 4]] * 2), abs=1e-3)
