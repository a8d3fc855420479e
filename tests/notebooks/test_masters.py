"""The master notebooks: their form, their numbers, and their functions against other libraries."""

import pickle
import time
from functools import cache

import nbformat
import numpy as np
import pytest

import seqlab
from course.directory import Course
from course.release import gates, solutions
from seqlab import play
from tests.conftest import ASSIGNMENTS, ROOT
from tests.seqlab.test_pickles import write_npy
from tests.support.printed import GPT2

COURSE = Course(ROOT)
PROBLEMS = {"assignment5": {"p1": 25, "p2": 30}, "gpt2": {"a": 50, "b": 50}}
WRITTEN = {
    "assignment5": {
        "p1-1-answer-1": 2,
        "p1-1-answer-2": 2,
        "p1-4-1-answer": 2,
        "p1-4-2-discussion": 1,
        "p1-4-3-answer": 2,
        "p2-1-answer": 3,
        "p2-2b-answer": 2,
        "p2-12-answer": 2,
    },
    "gpt2": {"b-2-4-answer": 8},
}
FUNCTIONS = {
    "assignment5": [
        "sample_text_RNN",
        "sample_text_GRU",
        "perplexity_RNN",
        "perplexity_GRU",
        "embed_tokens",
        "get_sinusoidal_positional_embeddings",
        "softmax",
        "apply_presoftmax_causal_mask",
        "multi_head_attention",
        "relu",
        "mlp",
        "prediction_head",
        "transformer",
        "generate_with_transformer",
    ],
    "gpt2": [
        "softmax",
        "attention",
        "masked_attention",
        "linear_projection",
        "multi_head_attention",
        "gelu",
        "layer_normalization",
        "feed_forward_network",
        "transformer_block",
        "gpt2",
        "generate",
    ],
}


def master(name):
    return nbformat.read(COURSE.master(name), as_version=4)


def grading(name):
    return [cell.metadata.nbgrader for cell in master(name).cells if "nbgrader" in cell.metadata]


@cache
def namespace(name):
    """What a kernel holds after all provided and solution cells, without tests and demos."""
    held = {}
    for cell in master(name).cells:
        meta = cell.metadata.get("nbgrader", {})
        shown = "demo" in cell.metadata.get("tags", [])
        if cell.cell_type == "code" and meta and not meta["grade"] and not shown:
            exec(compile(cell.source, cell.id, "exec"), held)
    return held


@pytest.mark.parametrize("name", ASSIGNMENTS)
def test_points_are_the_documents_problem_by_problem(name):
    assert not list(gates.wrong_points(master(name), COURSE.assignment(name)))
    for prefix, points in PROBLEMS[name].items():
        graded = [m for m in grading(name) if m.grade and m.grade_id.startswith(prefix)]
        assert sum(m.points for m in graded) == points


@pytest.mark.parametrize("name", ASSIGNMENTS)
def test_written_answers_have_their_points_a_model_answer_and_a_rubric(name):
    cells = {c.id: c for c in master(name).cells if c.cell_type == "markdown"}
    manual = {
        i: c.metadata.nbgrader.points
        for i, c in cells.items()
        if c.metadata.get("nbgrader", {}).get("grade")
    }
    assert manual == WRITTEN[name]
    for cell_id in manual:
        assert "**Model answer.**" in cells[cell_id].source
        assert "**Rubric" in cells[cell_id].source


@pytest.mark.parametrize("name", ASSIGNMENTS)
def test_ids_are_grade_ids_and_nothing_was_executed(name):
    assert not list(gates.unclean(master(name), ROOT / "release" / name))


@pytest.mark.parametrize("name", ASSIGNMENTS)
def test_every_function_of_the_document_is_there(name):
    held = namespace(name)
    assert all(callable(held[function]) for function in FUNCTIONS[name])


@pytest.mark.parametrize("name", ASSIGNMENTS)
def test_test_cells_are_locked_and_demonstrations_worth_nothing(name):
    for cell in master(name).cells:
        meta = cell.metadata.get("nbgrader", {})
        if cell.cell_type == "code" and meta.get("grade"):
            assert meta["locked"]
        if meta and "demo" in cell.metadata.get("tags", []):  # without: a student's to play with
            assert meta["locked"]
            assert not meta["grade"]


@pytest.mark.parametrize("name", ASSIGNMENTS)
def test_tests_are_folded_away_below_a_title(name):
    released = nbformat.read(ROOT / "release" / name / f"{name}.ipynb", as_version=4)
    for cell in released.cells:
        meta = cell.metadata.get("nbgrader", {})
        if cell.cell_type == "code" and meta.get("grade"):
            assert cell.metadata.jupyter.source_hidden
            assert cell.source.startswith("# Test ")  # JupyterLab shows the first line


@pytest.mark.parametrize("name", ASSIGNMENTS)
def test_behind_every_solution_stand_hidden_tests(name):
    hidden = {}
    for cell in master(name).cells:
        meta = cell.metadata.get("nbgrader", {})
        if cell.cell_type == "code" and meta.get("solution"):
            hidden[latest := cell.id] = False
        elif cell.cell_type == "code" and meta.get("grade"):
            hidden[latest] |= "BEGIN HIDDEN TESTS" in cell.source
    assert len(hidden) >= 10
    assert all(hidden.values()), hidden


PLAY = {
    "assignment5": (["p2-4-demo"], {"p2-4-demo-play": 8, "p2-11-demo-play": 4}),
    "gpt2": (
        ["b-2-3-demo", "b-2-3-demo-heads"],
        {"b-2-3-demo-play": 4, "b-2-3-demo-play-temperature": 4},
    ),
}


@pytest.mark.filterwarnings("ignore")  # where nothing can be shown, matplotlib says so
@pytest.mark.parametrize("name", ASSIGNMENTS)
def test_cells_to_play_with_show_a_picture_of_the_notebooks_own_functions(name, monkeypatch):
    shown = []
    monkeypatch.setattr(play, "display", lambda figure: shown.append(figure))
    cells = {cell.id: cell for cell in master(name).cells}
    held = dict(namespace(name))
    held["weights64"] = held.get("transformer_model_weights")  # as a slow demonstration makes it
    before, panels = PLAY[name]
    for cell_id in (*before, *panels):
        assert cells[cell_id].metadata.tags == ["demo"]  # grading does not run it
        exec(compile(cells[cell_id].source, cell_id, "exec"), held)
    titles = [[axes.get_title() for axes in figure.axes if axes.get_title()] for figure in shown]
    assert [len(each) for each in titles] == list(panels.values())


@pytest.mark.parametrize("name", ASSIGNMENTS)
def test_the_way_in_and_out_is_named_with_the_notebooks_own_name(name):
    text = [cell.source for cell in master(name).cells if cell.cell_type == "markdown"]
    assert any(f"python -m seqlab check {name}.ipynb" in source for source in text[:2])
    assert f"python -m seqlab bundle {name}.ipynb" in text[-1]


def documents_examples():
    """The arguments of each example of the gpt2 document, drawn as it draws them."""

    def draw(*shapes):
        state = np.random.RandomState(4321)
        return [state.rand(*shape) for shape in shapes]

    q, k, v = draw((3, 2), (3, 2), (3, 2))
    long = draw((10, 2), (10, 2), (10, 2))
    x, w1, b1, w2, b2 = draw((3, 4), (4, 12), (3, 1), (4, 3), (3, 1))
    y, v1, c1, v2, c2 = draw((3, 4), (4, 5), (3, 1), (5, 4), (3, 1))
    attn = {"c_attn": {"w": w1, "b": b1}, "c_proj": {"w": w2, "b": b2}}
    mlp = {"c_fc": {"w": v1, "b": c1}, "c_proj": {"w": v2, "b": c2}}
    small = np.array([[-1.0, 0.0], [0.2, 1.0]])
    return {
        "softmax": (small,),
        "attention": (q, k, v),
        "masked_attention": (*long, (1 - np.tri(10)) * -1e10),
        "linear_projection": tuple(draw((3, 2), (2, 3), (3, 1))),
        "multi_head_attention": (x, attn, 2),
        "gelu": (small,),
        "layer_normalization": tuple(draw((3, 2), (3, 2), (3, 1))),
        "feed_forward_network": (y, mlp),
    }


@pytest.mark.parametrize("function", GPT2)
def test_every_number_that_the_gpt2_document_prints_holds(function):
    found = namespace("gpt2")[function](*documents_examples()[function])
    expected = np.array(GPT2[function], dtype=float)
    assert found.shape == expected.shape
    assert np.abs(found - expected).max() <= 5.1e-9  # half a unit of the eighth decimal


@pytest.mark.parametrize("function", GPT2)
def test_the_notebook_shows_the_numbers_of_the_gpt2_document(function):
    text = "\n".join(cell.source for cell in master("gpt2").cells)
    for row in GPT2[function]:
        assert all(number in text for number in row)


def normalization(divisor):
    """A layer normalization that divides by ``divisor(variance)``."""

    def layer_normalization(x, g, b):
        variance = np.var(x, axis=1, keepdims=True)
        return g * (x - np.mean(x, axis=1, keepdims=True)) / divisor(variance) + b

    return layer_normalization


def test_printed_digits_show_a_student_that_epsilon_belongs_under_the_root():
    released = nbformat.read(ROOT / "release" / "gpt2" / "gpt2.ipynb", as_version=4)
    test = next(cell.source for cell in released.cells if cell.id == "b-1-2-test")
    assert "HIDDEN" not in test
    exec(test, {"layer_normalization": normalization(lambda v: np.sqrt(v + 1e-5))})
    with pytest.raises(AssertionError, match=r"(?i)at \[0, 0\]: -0.187.*, expected -0.187"):
        exec(test, {"layer_normalization": normalization(lambda v: np.sqrt(v) + 1e-5)})


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_the_master_of_gpt2_runs_from_top_to_bottom(tmp_path):
    solutions.execute(master("gpt2"), tmp_path, "gpt2")


@pytest.mark.timing
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ASSIGNMENTS)
def test_each_master_runs_in_time(name, tmp_path):
    times = [time.monotonic()]
    solutions.execute(master(name), tmp_path, name, lambda _: times.append(time.monotonic()))
    assert times[-1] - times[0] < 120
    assert max(np.diff(times)) < 20


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_assignment5_runs_on_a_folder_with_the_original_file_names(tmp_path, monkeypatch):
    """Keras' two files keep their names; the others are called as the course called them."""
    first, second = (
        tmp_path / "data" / name for name in ("problem1_data", "problem2_model_parameters")
    )
    first.mkdir(parents=True)
    second.mkdir()
    train, test = seqlab.load_corpus()
    (first / "Agatha_Christie_train.txt").write_text(train, encoding="utf-8")
    (first / "Agatha_Christie_test.txt").write_text(test, encoding="utf-8")
    for path in (ROOT / "data" / "problem1_data").glob("*_model.*"):
        (first / path.name).write_bytes(path.read_bytes())
    write_npy(second / "model_weights_D512L4H8.npy", seqlab.load_transformer_weights())
    (second / "bpe1024_enc_full.pkl").write_bytes(pickle.dumps(seqlab.load_tokenizer()))
    monkeypatch.setenv("COURSE_DATA", str(tmp_path / "data"))
    notebook = master("assignment5")
    solutions.execute(notebook, tmp_path, "assignment5")
    shown = {cell.id: str(cell.get("outputs")) for cell in notebook.cells}
    assert "462, 320, 307" in shown["p2-enc-demo"]


@pytest.mark.slow
def test_the_rnn_and_the_gru_agree_with_pytorchs():
    torch = pytest.importorskip("torch")
    held = namespace("assignment5")
    _, test = seqlab.load_corpus()
    text = test[:400]
    ids = torch.tensor([held["char_to_indices"][c] for c in text])
    inputs = torch.nn.functional.one_hot(ids, 44).float()

    def perplexity(hidden, wy, by):
        logits = hidden @ torch.tensor(wy) + torch.tensor(by)
        loss = torch.nn.functional.cross_entropy(logits[9:-1], ids[10:])
        return loss.exp().item()

    def layer(make, n_in, n_out, weights):
        made = make(n_in, n_out, batch_first=True)
        state = ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")
        made.load_state_dict(dict(zip(state, map(torch.tensor, weights), strict=True)))
        return made

    with torch.no_grad():
        w = seqlab.load_keras_model("RNN").get_weights()
        first = layer(torch.nn.RNN, 44, 128, (w[0].T, w[1].T, w[2], 0 * w[2]))
        second = layer(torch.nn.RNN, 128, 64, (w[3].T, w[4].T, w[5], 0 * w[5]))
        expected = perplexity(second(first(inputs[None])[0])[0][0], w[6], w[7])
        assert held["perplexity_RNN"](w, text, 10) == pytest.approx(expected, rel=1e-4)

        w = seqlab.load_keras_model("GRU").get_weights()

        def reordered(matrix):  # Keras' z, r, h are PyTorch's r, z, n
            z, r, h = np.split(matrix, 3)
            return np.concatenate([r, z, h])

        parts = (w[0].T, w[1].T, w[2][0], w[2][1])
        gru = layer(torch.nn.GRU, 44, 512, [reordered(part) for part in parts])
        expected = perplexity(gru(inputs[None])[0][0], w[3], w[4])
        assert held["perplexity_GRU"](w, text, 10) == pytest.approx(expected, rel=1e-4)


@pytest.mark.slow
def test_the_transformer_agrees_with_pytorchs():
    torch = pytest.importorskip("torch")
    from training import bard

    params = seqlab.load_transformer_weights()
    ids = seqlab.load_tokenizer().encode(
        "Once more unto the breach, dear friends, once more;\n" * 4
    )
    with torch.no_grad():
        expected = bard.Bard().load_parameters(params).eval()(torch.tensor([ids]))[0].numpy()
    found = namespace("assignment5")["transformer"](ids, params)
    assert np.abs(found - expected).max() < 1e-3  # float32 on one side, logits of about 10


@pytest.mark.slow
def test_gpt2_agrees_with_transformers():
    transformers = pytest.importorskip("transformers")
    import torch

    folder = ROOT / "data" / "gpt2" / "mini"
    model = transformers.GPT2LMHeadModel.from_pretrained(folder, dtype="float32").eval()
    hparams, params = seqlab.get_params("mini")
    ids = seqlab.get_encoder("mini").encode("Now is the winter of our discontent\n" * 8)
    with torch.no_grad():
        expected = model(torch.tensor([ids])).logits[0].numpy()
    found = namespace("gpt2")["gpt2"](ids, **params, number_of_heads=hparams["n_head"])
    assert np.abs(found - expected).max() < 1e-3
