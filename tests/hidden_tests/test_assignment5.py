"""The references of assignment 5's hidden tests agree with its solutions, and so do its models."""

from collections.abc import Iterator
from math import comb, exp, log

import numpy as np
import pytest

import seqlab
from hidden_tests import assignment5 as hidden
from hidden_tests import recurrent
from tests.notebooks.test_masters import namespace

KINDS = {"RNN": hidden.RNN, "GRU": hidden.GRU}


@pytest.fixture(scope="module")
def solution():
    """The functions that the master defines."""
    return namespace("assignment5")


@pytest.fixture
def rng():
    return np.random.default_rng(5)


@pytest.mark.parametrize("kind", KINDS)
def test_seeds_are_certain_at_the_first_draw(kind):
    for seed, sizes, prompt in KINDS[kind].seeds:
        weights = KINDS[kind].draw(np.random.default_rng(seed), *sizes)
        text = recurrent.certain_text(KINDS[kind], weights, prompt)
        assert text is not None
        assert (text[: len(prompt)], len(text)) == (prompt, len(prompt) + 12)


def test_seeds_are_those_that_the_search_finds(monkeypatch):
    seed, sizes, prompt = hidden.RNN.seeds[2]
    monkeypatch.setattr(recurrent, "count", lambda: iter(range(seed - 3, seed + 1)))
    assert seed in recurrent.certain_seeds(hidden.RNN, sizes, prompt)


def test_where_numpy_draws_other_numbers_the_next_certain_network_is_taken(monkeypatch):
    recurrent._network.cache_clear()
    seed, sizes, prompt = hidden.RNN.seeds[0]
    whole = np.random.default_rng
    monkeypatch.setattr(np.random, "default_rng", lambda seed: whole(seed + 1))
    first = hidden.RNN.draw(np.random.default_rng(seed), *sizes)
    assert recurrent.certain_text(hidden.RNN, first, prompt) is None
    weights, text = recurrent._network(hidden.RNN, 0)
    assert recurrent.certain_text(hidden.RNN, weights, prompt) == text
    recurrent._network.cache_clear()


@pytest.mark.parametrize("kind", KINDS)
def test_the_solution_writes_every_certain_text(solution, kind):
    symbols = solution["vocabulary"]
    cases = hidden.certain_texts(KINDS[kind], symbols)
    assert len({case.text for case in cases}) == 7
    cases.append({"RNN": hidden.counting_rnn, "GRU": hidden.counting_gru}[kind](symbols))
    for case in cases:
        write = solution[f"sample_text_{kind}"]
        assert write(case.weights, case.prompt, len(case.text)) == case.text
        hidden.expect_same_arrays("weights", case.before, case.weights)


@pytest.mark.parametrize("kind", KINDS)
def test_perplexities_agree_with_the_solution(solution, rng, kind):
    passages = {"RNN": hidden.rnn_passages, "GRU": hidden.gru_passages}[kind]
    symbols, unseen = solution["vocabulary"], seqlab.load_corpus()[1]
    for weights, text, m in passages(rng, symbols, unseen):
        expected = solution[f"perplexity_{kind}"](weights, text, m)
        found = hidden.perplexity(KINDS[kind].scores, weights, text, m, symbols)
        assert found == pytest.approx(expected, rel=2e-6)  # the course's weights are float32


def test_positions_are_the_notebooks(solution):
    expected = solution["get_sinusoidal_positional_embeddings"](30, 512)
    np.testing.assert_allclose(hidden.positions(30), expected, atol=1e-12)


def test_attention_agrees_with_the_solution(solution, rng):
    params = hidden.attention_layers(rng)
    x = rng.normal(size=(9, 512))
    expected = solution["multi_head_attention"](x, params, "layers.2")
    np.testing.assert_allclose(hidden.attention(x, params, "layers.2"), expected, atol=1e-12)


def test_the_transformer_and_its_parts_agree_with_the_solution(solution, rng):
    params, tokens = hidden.random_model(rng), [3, 1, 4, 1, 5]
    x = rng.normal(size=(9, 512))
    pairs = [
        (hidden.mlp(x, params, "layers.1"), solution["mlp"](x, params, "layers.1")),
        (hidden.prediction_head(x, params), solution["prediction_head"](x, params)),
        (hidden.transformer(tokens, params), solution["transformer"](tokens, params)),
    ]
    for found, expected in pairs:
        np.testing.assert_allclose(found, expected, atol=1e-11)


def test_every_part_of_a_random_model_writes_about_as_much(rng):
    params, tokens = hidden.random_model(rng), rng.integers(0, 11, 16)
    whole = hidden.transformer(tokens, params)
    for layer in range(4):
        for part in ("attention", "feed_forward"):
            silent = hidden.silenced(params, f"layers.{layer}.{part}")
            assert np.abs(whole - hidden.transformer(tokens, silent)).max() > 0.5


def test_the_chain_leads_the_solution_from_successor_to_successor(solution, rng):
    chain = hidden.chain(rng)
    early, late = "Speak\n", "To be, or not to be: that is the question"
    tokens = seqlab.load_tokenizer().encode(late)
    assert len(tokens) > 12
    write = solution["generate_with_transformer"]
    assert write(early, chain.close, max_len=3, greedy=True) == chain.text(early, 3)
    for prefix in (early, late):
        assert write(prefix, chain.certain, max_len=2) == chain.text(prefix, 2)
    for model, lead in [(chain.certain, 400), (chain.close, 0.4)]:
        second, best = np.sort(hidden.transformer(tokens, model)[-1])[-2:]
        assert best - second > lead


def test_a_likely_symbol_has_the_probability_that_is_said(rng):
    likely, scores = hidden.one_likely_symbol(rng, "abcdefghij")
    powers = np.exp(scores)
    shares = powers / powers.sum()
    assert shares["abcdefghij".index(likely)] == pytest.approx(0.65, abs=2e-3)
    assert len(set(np.delete(scores, scores.argmax()))) == 9


def off(p, q, n):
    """Bound, after Chernoff, the probability that of n draws a share of q or further off comes."""
    return exp(-n * (q * log(q / p) + (1 - q) * log((1 - q) / (1 - p))))


def distinct(n, draws) -> Iterator[float]:
    """Yield the probabilities of 0, 1, 2, ... different values in some draws from n alike."""
    chances = [1.0] + [0.0] * draws
    for _ in range(draws):
        chances = [
            (chances[k] * k + (chances[k - 1] * (n - k + 1) if k else 0)) / n
            for k in range(draws + 1)
        ]
    yield from chances


def test_right_answers_fail_as_seldom_as_the_comments_say():
    shares = [0.7, 0.2, 0.1]
    chances = [off(p, q, 1200) for p in shares for q in (p - 0.09, p + 0.09) if 0 < q < 1]
    assert sum(chances) < 1 / 3e9
    assert off(0.65, 0.53, 700) + off(0.65, 0.77, 700) < 1 / 1e9
    assert sum(list(distinct(341, 16))[:10]) == pytest.approx(1.4e-9, rel=0.1)
    tail = 4 * 0.35 / 43  # of one_likely_symbol, with 44 symbols
    assert (1 - tail) ** 700 == pytest.approx(1e-10, rel=0.2)
    assert 2 * sum(comb(64, k) for k in range(8)) / 2**64 < 1e-10
    assert 0.951**hidden.MOST_DRAWS < 1 / 2e9


WORDS = range(100, 441)


def sampler(rng, case, change):
    """Return a function that draws eight tokens with the model's probabilities, changed."""
    p = np.exp(case.model["fc_out.bias"])
    p = change(p / p.sum())
    return lambda: rng.choice(len(p), 8, p=p / p.sum()).tolist()


def nucleus(p):
    """Return the probability of all tokens that are more probable than each."""
    order = np.argsort(-p)
    before = np.empty_like(p)
    before[order] = np.cumsum(p[order]) - p[order]
    return before


def verdict(case, draw):
    try:
        hidden.expect_long_tail("sampling", draw, case)
    except AssertionError as error:
        return str(error)
    return ""


def test_right_draws_from_a_long_tail_pass(rng):
    for _ in range(100):
        case = hidden.long_tail(rng, WORDS, 1.0)
        assert verdict(case, sampler(rng, case, lambda p: p)) == ""


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda p: p * (p >= np.sort(p)[-300]), "draw from all of them"),
        (lambda p: p * (nucleus(p) < 0.95), "draw from all of them"),
        (lambda p: p**2, "50% was drawn"),
        (lambda p: p**0.4, "50% was drawn"),
        (lambda p: p == p.max(), "50% was drawn"),
        (lambda p: p > 0, "50% was drawn"),
    ],
    ids=["top 300", "nucleus", "squared", "flattened", "greedy", "uniform"],
)
def test_wrong_draws_from_a_long_tail_are_told_apart(rng, change, message):
    for _ in range(5):
        case = hidden.long_tail(rng, WORDS, 1.0)
        assert message in verdict(case, sampler(rng, case, change))


def test_a_text_without_new_tokens_is_no_endless_test(rng):
    assert "no new tokens" in verdict(hidden.long_tail(rng, WORDS, 1.0), list)


def test_the_least_probable_symbols_are_those_with_the_lowest_scores(rng):
    _, scores = hidden.one_likely_symbol(rng, "abcdefghij")
    least = hidden.least_probable(scores, "abcdefghij")
    rest = set("abcdefghij") - set(least)
    assert len(least) == 4
    at = "abcdefghij".index
    assert max(scores[at(s)] for s in least) < min(scores[at(s)] for s in rest)
