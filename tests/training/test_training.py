"""The recipes: whether they compute what they say, and whether what is shipped is as good."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

import seqlab
from seqlab import data_files
from training import record

torch = pytest.importorskip("torch")

from training import (  # noqa: E402
    bard,
    characters,
    lm,
    mini,
    precision,
    recurrent,
    scan,
    text_source,
)
from training.segment import Segmenter  # noqa: E402

pytestmark = pytest.mark.slow


def stepwise_tanh(x, h, w):
    rows = []
    for now in x:
        h = torch.tanh(now + h @ w)
        rows.append(h)
    return torch.stack(rows)


def stepwise_gru(x, h, u):
    m, rows = h.shape[1], []
    for now in x:
        past = h @ u
        z, r = torch.sigmoid(now[:, : 2 * m] + past[:, : 2 * m]).split(m, 1)
        c = torch.tanh(now[:, 2 * m :] + r * past[:, 2 * m :])
        h = z * h + (1 - z) * c
        rows.append(h)
    return torch.stack(rows)


@pytest.mark.parametrize(
    ("scanned", "stepwise", "gates"),
    [(scan.TanhScan, stepwise_tanh, 1), (scan.GRUScan, stepwise_gru, 3)],
)
def test_a_scan_and_its_gradients_equal_automatic_differentiation(scanned, stepwise, gates):
    torch.manual_seed(0)
    x = torch.randn(7, 4, 5 * gates, dtype=torch.float64, requires_grad=True)
    h = torch.randn(4, 5, dtype=torch.float64, requires_grad=True)
    u = torch.randn(5, 5 * gates, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(7, 4, 5, dtype=torch.float64)
    if gates == 3:  # the scan multiplies in u's type and adds in float32
        x, h, u = (p.detach().float().requires_grad_() for p in (x, h, u))
        weight = weight.float()
    expected, found = stepwise(x, h, u), scanned.apply(x, h, u)
    torch.testing.assert_close(found, expected)
    for a, b in zip(
        torch.autograd.grad((found * weight).sum(), (x, h, u)),
        torch.autograd.grad((expected * weight).sum(), (x, h, u)),
        strict=True,
    ):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)


def test_dropout_drops_its_share_keeps_the_mean_and_stops_for_evaluation():
    dropout = lm.Dropout(0.25)
    x = torch.ones(400, 500)
    y = dropout(x)
    assert abs((y == 0).float().mean().item() - 0.25) < 0.01
    assert abs(y.mean().item() - 1) < 0.01
    dropout.anneal(0.5)
    assert abs((dropout(x) == 0).float().mean().item() - 0.125) < 0.01
    assert dropout.eval()(x) is x


def test_the_learning_rate_rises_stays_and_falls_to_zero():
    s = lm.Settings(block=8, steps=1000, warmup=100, decay_from=0.3)
    rates = [lm.learning_rate(step, s) for step in range(1001)]
    assert rates[0] == 0.01
    assert rates[99] == rates[300] == 1
    assert rates[650] == pytest.approx(0.5)
    assert rates[1000] == 0


def test_no_position_attends_to_a_later_one():
    q, k, v = (torch.randn(2, 3, 6, 4) for _ in range(3))
    before = lm.causal_attention(q, k, v, lm.Dropout(0))
    k[:, :, 4:] += 1
    v[:, :, 4:] += 1
    after = lm.causal_attention(q, k, v, lm.Dropout(0))
    torch.testing.assert_close(before[:, :, :4], after[:, :, :4], rtol=0, atol=0)
    assert not torch.allclose(before[:, :, 4:], after[:, :, 4:])


class Tiny(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = torch.nn.Embedding(1024, 8)
        self.blocks = torch.nn.ModuleList([torch.nn.Linear(8, 8)])
        self.out = torch.nn.Linear(8, 1024)
        self.dropout = lm.Dropout(0.2)

    def forward(self, ids):
        x = self.embedding(ids)
        return self.out(self.dropout(x + self.blocks[0](x)))


def tiny_run(steps=24):
    torch.manual_seed(0)
    train, test = seqlab.load_corpus()
    encoding = seqlab.load_tokenizer()
    ranks = {encoding.decode_single_token_bytes(i): i for i in range(encoding.n_vocab)}
    s = lm.Settings(block=16, batch=8, steps=steps, warmup=4, dropout=0.2)
    segmenter = Segmenter(
        train[:3000], ranks, seqlab.tokenizer.SPLIT_PATTERN, 0.1, np.random.default_rng(0)
    )
    return lm.Run(Tiny(), segmenter, test[:1000], encoding.encode, s)


def interrupted(run, method, after):
    """Make ``run`` stop in the way that Ctrl-C stops it, in the given call of ``method``."""
    original, calls = getattr(run, method), []

    def stop(*arguments):
        calls.append(None)
        if len(calls) == after:
            raise KeyboardInterrupt
        return original(*arguments)

    setattr(run, method, stop)
    return run


def test_an_interrupted_transformer_run_ends_where_an_uninterrupted_one_does(tmp_path):
    whole = tiny_run().fit(tmp_path / "whole.pt")
    with pytest.raises(KeyboardInterrupt):
        interrupted(tiny_run(), "update", after=16).fit(tmp_path / "parts.pt")
    assert (tmp_path / "parts.pt").exists()
    resumed = tiny_run()
    model = resumed.fit(tmp_path / "parts.pt")
    for a, b in zip(whole.parameters(), model.parameters(), strict=True):
        assert torch.equal(a, b)
    assert resumed.curve[-1]["step"] == 24


def test_a_checkpoint_of_another_recipe_is_refused(tmp_path):
    tiny_run().fit(tmp_path / "run.pt")
    with pytest.raises(SystemExit, match="is of another recipe; delete it"):
        tiny_run(steps=30).fit(tmp_path / "run.pt")


def test_training_lowers_the_loss_and_the_measure_counts_every_token(tmp_path):
    run = tiny_run(steps=200)
    before = run.measure()
    run.fit(tmp_path / "run.pt")
    assert run.measure() < before
    flat = torch.nn.Linear(1, 1)
    flat.forward = lambda ids: torch.zeros(*ids.shape, 1024)
    n = len(run.valid)
    loss = lm.nats_per_character(flat, run.valid, 1000, 16)
    assert loss == pytest.approx((n - 1) * np.log(1024) / 1000, rel=1e-5)


@pytest.mark.parametrize("kind", ["RNN", "GRU"])
def test_an_interrupted_recurrent_run_ends_where_an_uninterrupted_one_does(
    kind, tmp_path, monkeypatch
):
    # In bfloat16 two runs from the same seed already differ on some processors.
    monkeypatch.setattr(recurrent, "matrix_type", lambda: torch.float32)
    train, test = seqlab.load_corpus()
    vocabulary = sorted(set(train + test))
    settings = dataclasses.replace(characters.SETTINGS[kind], passes=4, batch=8, stretch=32)

    def make():
        ids, unseen = (characters.encode(t, vocabulary) for t in (train[:2000], test[:300]))
        return recurrent.Run(ids, unseen, len(vocabulary), settings)

    whole = make().fit(tmp_path / "whole.pt")
    monkeypatch.setattr(recurrent, "SAVE_SECONDS", 0)
    with pytest.raises(KeyboardInterrupt):
        interrupted(make(), "one_pass", after=3).fit(tmp_path / "parts.pt")
    resumed = make().fit(tmp_path / "parts.pt")
    for a, b in zip(whole.parameters(), resumed.parameters(), strict=True):
        assert torch.equal(a, b)


@pytest.mark.parametrize("kind", ["RNN", "GRU"])
def test_the_recipe_writes_files_that_the_course_loads(kind, tmp_path, monkeypatch):
    settings = dataclasses.replace(characters.SETTINGS[kind], passes=2, batch=4, stretch=32)
    monkeypatch.setitem(characters.SETTINGS, kind, settings)
    monkeypatch.setattr(characters.paths, "WORK", tmp_path / "work")
    text = "the quick brown fox jumps over the lazy dog. " * 30
    reached = characters.train(kind, text, text[:200], tmp_path).perplexity
    assert characters.passes_done(kind, text, text[:200]) == 2  # kept until somebody forgets it
    assert characters.passes_done(kind, text[::-1], text[:200]) == 0
    model = seqlab.keras_files.read_keras_model(
        tmp_path / f"{kind}_model.json", tmp_path / f"{kind}_model.h5"
    )
    vocabulary = sorted(set(text))
    ids = np.array([vocabulary.index(c) for c in text[:200]])
    from tests.support import oracles

    oracle = oracles.rnn_probabilities if kind == "RNN" else oracles.gru_probabilities
    found = oracles.perplexity(oracle(model.get_weights(), ids), ids)
    assert found == pytest.approx(reached, rel=1e-3)


def test_the_bard_writes_at_most_1_47_nats_a_character(shakespeare):
    _, valid = text_source.split(shakespeare)
    model = bard.Bard().load_parameters(seqlab.load_transformer_weights()).eval()
    tokens = torch.tensor(seqlab.load_tokenizer().encode(valid))
    reached = lm.nats_per_character(model, tokens, len(valid), bard.BLOCK)
    assert reached <= 1.47
    assert reached == pytest.approx(
        record.read("bard")["nats_per_character"]["calibrated"], abs=1e-3
    )


def test_calibration_cost_nothing():
    losses = record.read("bard")["nats_per_character"]
    assert abs(losses["calibrated"] - losses["trained"]) < 0.002


def test_mini_writes_at_most_1_55_nats_a_character(shakespeare):
    from safetensors.numpy import load_file

    _, valid = text_source.split(shakespeare)
    path = data_files.group_dir("gpt2") / "mini" / "model.safetensors"
    model = mini.Mini().load_tensors(load_file(path)).eval()
    tokens = torch.tensor(seqlab.load_tokenizer().encode(valid))
    reached = lm.nats_per_character(model, tokens, len(valid), mini.N_CTX)
    assert reached <= 1.55
    assert reached == pytest.approx(record.read("mini")["nats_per_character"], abs=1e-3)


def test_pytorchs_model_is_the_numpy_model_of_the_calibration():
    from training import calibrate

    params = seqlab.load_transformer_weights()
    ids = seqlab.load_tokenizer().encode("What light through yonder window breaks?\n" * 5)[:60]
    with torch.no_grad():
        found = bard.Bard().load_parameters(params).eval()(torch.tensor([ids]))[0].numpy()
    assert np.abs(found - calibrate.logits(ids, params)).max() < 1e-3


@pytest.mark.parametrize("name", ["tokenizer", "novel", "RNN", "GRU", "bard", "mini"])
def test_every_recipe_left_a_record_of_machine_and_time(name):
    facts = json.loads((Path(record.RECORDS) / f"{name}.json").read_text())
    assert facts["machine"]["cores"] >= 1
    assert facts["date"]
    assert name == "novel" or facts["seconds"] > 0


@pytest.mark.parametrize("kind", [torch.float32, torch.bfloat16])
def test_models_train_in_either_type_of_product(kind, monkeypatch):
    monkeypatch.setattr(precision, "matrix_type", lambda: kind)
    monkeypatch.setattr(mini, "matrix_type", lambda: kind)
    monkeypatch.setattr(recurrent, "matrix_type", lambda: kind)
    ids = torch.arange(12).reshape(2, 6)
    logits = mini.Mini(dropout=0.0).train()(ids)
    logits.float().sum().backward()
    assert torch.isfinite(logits).all()
    gru = recurrent.Model(7, recurrent.Settings("GRU", passes=1)).train()
    scores, _ = gru(torch.arange(6).reshape(3, 2), gru.start(2))
    scores.sum().backward()
    assert torch.isfinite(gru.get_parameter("recurrent0").grad).all()


def test_the_faster_type_of_product_is_taken(monkeypatch):
    seconds = {torch.float32: 1.0, torch.bfloat16: 0.5}
    monkeypatch.setattr(precision, "_seconds", seconds.get)
    assert precision.matrix_type.__wrapped__() is torch.bfloat16
    seconds[torch.bfloat16] = 40.0
    assert precision.matrix_type.__wrapped__() is torch.float32
