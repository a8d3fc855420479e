"""Tests are tested: mistakes lose exactly their marks, right answers none."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

import mistakes
import seqlab
from autograder.policy import Policy
from course.directory import CONFIG, Course, CourseError
from course.test_quality import (
    accuracy,
    catalogue_gate,
    dependencies,
    matrix,
    mutation,
    seeds,
)
from course.test_quality.dependencies import TestCell
from mistakes import Cell, Mistake, Right
from tests.conftest import ASSIGNMENTS, ROOT

pytestmark = pytest.mark.filterwarnings("ignore")  # nbgrader's and jupyter's own
COURSE = Course.find()
TESTS = (
    TestCell("t1", 3.0, frozenset({"s"})),
    TestCell("t2", 2.0, frozenset({"s"})),
    TestCell("t3", 1.0, frozenset({"other"})),
)


def outcome(name, kind, fails=(), failed=(), statuses=(), diagnoses=None):
    variant = mutation.Variant(name, "s", kind, "about", "code", frozenset(fails))
    tests = {name: name not in failed for name in ("t1", "t2")}
    messages = dict.fromkeys(failed, "AssertionError: no")
    return mutation.VariantOutcome(variant, tests, messages, statuses, diagnoses or {}, 0.1)


def found(*outcomes):
    return matrix.KillMatrix("toy", TESTS, outcomes)


def test_a_matrix_without_fault_has_only_tests_that_nothing_fails_to_complain_of():
    fine = found(outcome("right", "right"), outcome("m", "mistake", ("t1",), ("t1",)))
    assert fine.complaints() == ["t2: no mistake fails it"]  # no variant is of what t3 tests
    assert [fine.lost(each) for each in fine.outcomes] == [0.0, 3.0]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (outcome("m", "mistake", ("t1", "t2"), ("t1",)), "m: passes t2, and must not"),
        (outcome("m", "mistake", ("t1",), ("t1", "t2")), "m: fails t2, and must not: Assert"),
        (outcome("r", "right", (), ("t2",)), "r: fails t2, and must not: AssertionError: no"),
        (outcome("r", "right", (), (), ("crashed",)), "r: crashed"),
    ],
)
def test_everything_that_is_not_as_the_catalogue_says_is_a_complaint(wrong, said):
    assert any(line.startswith(said) for line in found(wrong).complaints())
    assert not wrong.as_expected or wrong.statuses


def test_the_table_and_the_picture_show_every_variant(tmp_path):
    both = found(
        outcome("fine", "right"),
        outcome("bad", "mistake", ("t1",), ("t1",)),
        outcome("odd", "cheat", ("t1",), ()),
    )
    text = matrix.table(both)
    assert text.splitlines()[2].split() == ["bad", "3", "t1"]
    assert "<- not as expected" in text.splitlines()[3]
    matrix.draw(both, tmp_path / "m.png")
    assert (tmp_path / "m.png").stat().st_size > 5000
    assert json.loads(json.dumps(both.to_json()))["variants"][1]["points_lost"] == 3.0


OWN = (
    TestCell("t1", 3.0, frozenset({"s"}), "s"),
    TestCell("t2", 2.0, frozenset({"s", "later"}), "later"),
)


def test_a_mistake_that_says_nothing_else_fails_all_tests_of_its_own_cell():
    wrong = [Mistake("all", "", "", "", code="x"), Mistake("one", "", "", "", ("t2",), code="x")]
    cell = Cell("later", ("f",), "right", mistakes=tuple(wrong))
    tests = (*OWN, TestCell("t3", 1.0, frozenset({"later"}), "later"))
    fails = {v.name: v.fails for v in mutation.variants([cell], tests)}
    assert fails == {"f: right": frozenset(), "all": {"t2", "t3"}, "one": {"t2"}}


def test_what_mistakes_cost_is_what_they_lose_by_what_their_own_tests_lose():
    paid_once = outcome("m", "mistake", ("t1",), ("t1",))
    paid_twice = outcome("n", "mistake", ("t1",), ("t1", "t2"))
    assert matrix.KillMatrix("toy", OWN, (paid_once,)).cost() == 1.0
    both = matrix.KillMatrix("toy", OWN, (paid_once, paid_twice, outcome("right", "right")))
    assert both.cost() == both.cost("s") == (3 + 5) / (3 + 3)
    assert "own function's points lost: 1.33 (s 1.3)" in matrix.table(both)
    assert matrix.KillMatrix("toy", OWN, ()).cost() == 0.0


def test_a_test_depends_on_the_solution_cells_whose_code_it_reaches():
    import nbformat

    tests = {t.name: t.runs for t in dependencies.tests(nbformat.read(COURSE.master("gpt2"), 4))}
    assert tests["a-1-1-test"] == {"a-1-1-solution"}
    assert tests["a-1-2-test"] == {"a-1-1-solution", "a-1-2-solution"}
    assert "a-2-2-solution" in tests["b-2-3-test"]
    assert "b-1-1-solution" not in tests["a-2-2-test"]


SOFTMAX = """
def softmax(x):
    powers = np.exp(x - np.max(x, axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)
"""
TOY = Cell(
    "a-1-1-solution",
    ("softmax",),
    SOFTMAX,
    (
        Right(
            "loop",
            "rows",
            "def softmax(x):\n"
            "    rows = [np.exp(np.array(r) - max(r)) for r in x]\n"
            "    return np.array([r / r.sum() for r in rows])\n",
        ),
    ),
    (
        Mistake(
            "softmax-columns",
            "down the columns",
            "Which axis?",
            "Rows, not columns.",
            ("a-1-1-test",),
            (("np.max(x, axis=-1", "np.max(x, axis=0"), ("sum(axis=-1", "sum(axis=0")),
        ),
    ),
    where="problem 1.1",
)


@pytest.fixture
def toy(monkeypatch):
    """A catalogue of one cell; the rest of gpt2 is the master's."""
    monkeypatch.setattr(mistakes, "catalogue", lambda *_: (TOY,))
    policy = replace(mutation.batch.policy_of(COURSE, "gpt2"), preload="shared = {}")
    return mutation.Trials(COURSE, "gpt2", policy)


def test_variants_are_examined_as_submissions_are(toy):
    chosen = toy.variants()
    assert [each.kind for each in chosen] == ["right", "right", "mistake", "untouched"]
    keys = (b"", b"a key")
    outcomes = list(toy.run(chosen, only=["a-1-1-test", "a-1-1-test-stable"], keys=keys))
    assert len(outcomes) == 8
    for each in outcomes:
        wrong = each.variant.kind in ("mistake", "untouched")
        expected = {"a-1-1-test", "a-1-1-test-stable"} if wrong else set()
        assert each.failed == expected
        assert each.statuses == ()
        assert all("softmax" in text for text in each.messages.values())


def test_an_entry_that_does_not_fit_its_right_answer_is_an_error_in_a_line():
    bad = Mistake("columns", "a", "n", "h", (), (("axis=7", "axis=0"),))
    with pytest.raises(CourseError) as caught:
        mutation.variants([Cell("s", ("f",), SOFTMAX, mistakes=(bad,))])
    assert str(caught.value).startswith("the catalogue does not fit its own right answers: columns")
    assert "\n" not in str(caught.value)


def test_an_entry_for_a_cell_that_is_not_there_is_refused(toy):
    lost = mutation.Variant("x", "no-such-cell", "mistake", "", "")
    with pytest.raises(CourseError, match="the master has no cell no-such-cell"):
        next(toy.run([lost]))


@pytest.fixture
def small(tmp_path):
    """A course of one assignment, which has no catalogue yet."""
    shutil.copy(ROOT / CONFIG, tmp_path)
    folder = tmp_path / "source" / "intro"
    folder.mkdir(parents=True)
    (folder / "assignment.toml").write_text('title = "Intro"')
    nbformat.write(new_notebook(cells=[new_code_cell("1", id="one")]), folder / "intro.ipynb")
    return Course(tmp_path)


def test_the_gate_runs_what_has_changed_and_remembers_what_passed(monkeypatch, small):
    runs = []

    class Fine:
        said: tuple[str, ...] = ()

        def complaints(self):
            return list(self.said)

    fine = Fine()
    monkeypatch.setattr(catalogue_gate, "run", lambda *_: runs.append(1) or fine)
    own = small.root / "source" / "intro" / "mistakes.py"
    own.write_text("from mistakes import Cell\nCELLS = (Cell('one', ('f',), '1'),)\n")
    for _ in range(2):
        assert list(catalogue_gate.unnoticed(small, "intro")) == []
    assert len(runs) == 1
    assert catalogue_gate.is_tried(small, "intro")
    master = small.master("intro")
    before = master.read_text()
    nbformat.write(new_notebook(cells=[new_code_cell("2", id="one")]), master)
    assert not catalogue_gate.is_tried(small, "intro")
    master.write_text(before)
    own.write_text(own.read_text() + "# another word\n")
    fine.said = ("a: passes t, and must not",)
    for _ in range(2):  # what is refused is not remembered
        assert list(catalogue_gate.unnoticed(small, "intro")) == list(fine.said)
    assert len(runs) == 3
    assert (small.root / ".autograder" / "passed.json").is_file()


def test_what_no_mistake_tests_is_named(small):
    said = "no mistakes are known for {}: {} tests are untested"
    flags = {"schema_version": 3, "locked": False, "task": False}
    cells = []
    for name in ("f", "g"):
        asked = {**flags, "grade_id": name, "solution": True, "grade": False}
        test = {**flags, "grade_id": f"{name}-test", "solution": False, "grade": True, "points": 1}
        code = (f"def {name}(): ...", f"assert {name}()")
        cells += [
            new_code_cell(source, id=meta["grade_id"], metadata={"nbgrader": meta})
            for source, meta in zip(code, (asked, test), strict=True)
        ]
    nbformat.write(new_notebook(cells=cells), small.master("intro"))
    assert catalogue_gate.untested(small, "intro") == said.format("intro", "its")
    own = small.root / "source" / "intro" / "mistakes.py"
    entry = "Cell('{0}', ('{0}',), '1', mistakes=(Mistake('m', 'a', 'n', 'h', ()),))"
    for known, line in (("f", said.format("g", "its")), ("fg", "")):
        entries = "".join(f"{entry.format(name)}, " for name in known)
        own.write_text(f"from mistakes import Cell, Mistake\nCELLS = ({entries})\n")
        assert catalogue_gate.untested(small, "intro") == line


@pytest.mark.parametrize("assignment", ASSIGNMENTS)
def test_mistakes_are_known_for_every_solution_that_is_tested(assignment):
    assert catalogue_gate.untested(COURSE, assignment) == ""


def test_an_assignment_without_catalogue_has_nothing_to_complain_of(small):
    assert list(catalogue_gate.unnoticed(small, "intro")) == []
    (small.root / "source" / "intro" / "mistakes.py").write_text("CELLS = ()\n")
    assert list(catalogue_gate.unnoticed(small, "intro")) == []
    assert not (small.root / ".autograder").exists()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("CELLS = (", "source/intro/mistakes.py fails: SyntaxError"),
        ("1 / 0", "source/intro/mistakes.py fails: ZeroDivisionError: division by zero"),
        ("CELL = ()", "source/intro/mistakes.py must define CELLS, a tuple of mistakes.Cell"),
        ("CELLS = [1]", "source/intro/mistakes.py must define CELLS, a tuple of mistakes.Cell"),
    ],
)
def test_what_is_no_catalogue_is_an_error_in_a_line(small, text, says):
    (small.root / "source" / "intro" / "mistakes.py").write_text(text)
    with pytest.raises(CourseError) as caught:
        small.catalogue("intro")
    assert str(caught.value).startswith(says)
    assert "\n" not in str(caught.value)


def test_diagnoses_are_counted_by_what_they_name():
    def said(name, function="f"):
        return {"t1": {"function": function, "summary": "?", **({"mistake": name} if name else {})}}

    reasons = {"one": ("m",), "two": ("m", "n"), "three": (), "four": ("m",)}
    held = tuple(mistakes.HeldBack(name, any_of, "") for name, any_of in reasons.items())
    cell = Cell("s", ("f",), "", held_back=held)

    class Toy:
        tests, catalogue = TESTS, (cell,)

    outcomes = [
        outcome("f held back: one", "held back", diagnoses=said("m")),
        outcome("f held back: two", "held back", diagnoses=said("n")),
        outcome("f held back: three", "held back", diagnoses=said(None)),
        outcome("f held back: four", "held back", diagnoses=said("n")),
        outcome("m", "mistake", diagnoses=said(None)),
        outcome("n", "mistake", diagnoses={**said("n"), "t2": said("g1", "g")["t1"]}),
    ]
    counted = accuracy.accuracy(Toy, outcomes)
    assert counted.right == ["f held back: one", "f held back: two", "n"]
    assert counted.other == ["f held back: four: n"]
    assert counted.silent == ["m"]
    assert counted.unknown == ["f held back: three"]
    assert counted.accused == ["n: g1"]
    assert counted.share == pytest.approx(3 / 5)
    assert "right reason first: 3 of 5 (60%)" in accuracy.table(counted)


def test_marks_of_held_back_answers_are_counted_where_somebody_has_said_what_they_are():
    wrong = mistakes.HeldBack("wrong", ("m",), "", fails=("t1", "t2"))
    unsaid = mistakes.HeldBack("unsaid", ("m",), "")
    right = mistakes.Right("right", "", "")
    cell = Cell("s", ("f",), "", held_back=(wrong, unsaid), rights_held_back=(right,))

    class Toy:
        tests, catalogue = TESTS, (cell,)

    every = {each.name: each for each in mutation.variants((cell,), held_back=True)}
    assert [each for each in mutation.variants((cell,)) if "held back" in each.name] == []
    outcomes = [
        replace(outcome(name, "", failed=failed), variant=every[f"f held back: {name}"])
        for name, failed in [("wrong", ("t2",)), ("unsaid", ()), ("right", ("t2",))]
    ]
    counted = accuracy.accuracy(Toy, outcomes)
    assert counted.false_passes == ["f held back: wrong: t1"]
    assert counted.false_fails == ["f held back: right: t2"]
    assert "false passes: 1 (f held back: wrong: t1)" in accuracy.table(counted)


def test_pairs_are_of_a_function_and_one_that_it_calls_and_the_seed_decides_which():
    trials = mutation.Trials(COURSE, "gpt2", Policy())
    pairs = accuracy.pairs(trials, 12)
    assert len(pairs) == 12
    called = {test.of: test.runs for test in trials.tests}
    for pair in pairs:
        assert pair.second is not None
        assert pair.second.cell in called[pair.cell] - {pair.cell}
        assert pair.sources == {pair.cell: pair.code, pair.second.cell: pair.second.code}
    assert accuracy.pairs(trials, 12) == pairs != accuracy.pairs(trials, 12, seed=1)


@pytest.mark.slow
def test_both_of_two_mistakes_are_named_though_one_calls_the_other():
    trials = mutation.Trials(COURSE, "gpt2")
    by_name = {variant.name: variant for variant in trials.variants()}
    pair = replace(by_name["block-post-norm"], second=by_name["ffn-relu"])
    counted = accuracy.of_pairs(trials, trials.run([pair]))
    assert [name.partition(" in ")[0] for name in counted.right] == ["block-post-norm", "ffn-relu"]
    assert counted.accused == counted.other == []


# The catalogue itself


@pytest.mark.slow
@pytest.mark.apart
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("assignment", ASSIGNMENTS)
def test_every_mistake_loses_its_marks_and_every_right_answer_none(assignment):
    assert catalogue_gate.run(COURSE, assignment).complaints() == []


@pytest.mark.slow
@pytest.mark.apart
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("assignment", ASSIGNMENTS)
def test_held_back_answers_get_their_marks_and_reasons_and_right_code_is_not_accused(assignment):
    trials = mutation.Trials(COURSE, assignment)
    every = mutation.variants(trials.catalogue, trials.tests, held_back=True)
    outcomes = []
    for cell in trials.catalogue:
        held = [each for each in every if each.cell == cell.id and "held back" in each.name]
        outcomes += trials.run(held, only=trials.own(cell.id))
    counted = accuracy.accuracy(trials, outcomes)
    print(accuracy.table(counted))
    assert counted.accused == counted.false_passes == counted.false_fails == []
    assert counted.share >= {"gpt2": 0.85, "assignment5": 0.75}[assignment]  # measured: 98 %, 82 %


def test_a_cells_own_tests_are_those_up_to_the_next_solution():
    trials = mutation.Trials(COURSE, "gpt2", Policy())
    assert trials.own("a-1-1-solution") == ["a-1-1-test", "a-1-1-test-stable"]
    assert trials.own("b-2-3-solution") == [
        "b-2-3-test",
        "b-2-3-test-blocks",
        "b-2-3-test-causal",
    ]


@pytest.mark.parametrize("assignment", ASSIGNMENTS)
def test_what_the_gate_remembers_is_what_is_there(assignment):
    passed = json.loads((Path(mistakes.__file__).parent / catalogue_gate.PASSED).read_text())
    assert passed[assignment] == catalogue_gate.fingerprint(COURSE, assignment)
    assert catalogue_gate.is_tried(COURSE, assignment)


def test_there_are_enough_entries():
    cells = [cell for name in ASSIGNMENTS for cell in mistakes.catalogue(name)]
    assert sum(len(cell.mistakes) for cell in cells) >= 120
    functions = {name for cell in cells for name in cell.functions}
    assert len(functions) >= 20


def test_other_data_is_tried_anew(tmp_path, monkeypatch):
    before = catalogue_gate.fingerprint(COURSE, "gpt2")
    monkeypatch.setattr(Course, "data", lambda course: tmp_path)
    (tmp_path / "SHA256SUMS").write_text("0  problem1_data/mystery_train.txt\n")
    assert catalogue_gate.fingerprint(COURSE, "gpt2") != before


FEW = " ',.?abcdefghijklmnopqrstuvwxyz"
MANY = " !\"$%&'()*+,-./:;=?@[]^_abcdefghijklmnopqrstuvwxyz£—"


@pytest.mark.parametrize("symbols", [FEW, MANY], ids=["few", "many"])
@pytest.mark.parametrize("problem", ["p1-2", "p1-3"])
def test_the_certain_networks_serve_a_text_of_fewer_or_more_symbols(symbols, problem, monkeypatch):
    monkeypatch.setattr(seqlab, "load_corpus", lambda: (symbols, symbols[::-1]))
    cells = {c.id: c for c in nbformat.read(COURSE.master("assignment5"), as_version=4).cells}
    test = f"{problem}-test"
    tests = dependencies.tests(nbformat.read(COURSE.master("assignment5"), as_version=4))
    chosen = [
        v
        for v in mutation.variants(mistakes.catalogue("assignment5"), tests)
        if v.cell == f"{problem}-solution"
    ]
    assert len(chosen) > 20
    sigmoid = new_code_cell("def sigmoid(z):\n    return 1 / (1 + np.exp(-z))")
    for variant in chosen:
        own = [cells["p1-setup"], sigmoid, new_code_cell(variant.code), cells[test]]
        source = nbformat.writes(new_notebook(cells=own))
        (found,) = seeds.tried(source, variant.name, sorted(variant.fails), 3)
        assert found.is_settled, found
