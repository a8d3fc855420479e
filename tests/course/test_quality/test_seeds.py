"""A mark that depends on what is drawn is found, and one that does not is not accused."""

from multiprocessing import active_children

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from course.test_quality import mutation, seeds
from course.test_quality.dependencies import TestCell

TEST = """import seqlab.draws

if double(1) != 2:
    raise AssertionError("one")
### BEGIN HIDDEN TESTS
x = int(seqlab.draws.generator(3).integers(2, 1000))
if double(x) != 2 * x:
    raise AssertionError("some")
### END HIDDEN TESTS
print("fine")
"""
RIGHT = "def double(x):\n    return 2 * x"
SEEN = "def double(x):\n    return 3 * x"  # the visible part notices
CACHED = "def double(x):\n    return {1: 2}.get(x, 0)"  # the hidden part notices, always
LUCKY = "def double(x):\n    return 2 * x if x % 3 else 0"  # two times in three it does not


def notebook(solution, test=TEST):
    flags = {"schema_version": 3, "grade": True, "solution": False, "locked": True}
    graded = {"nbgrader": {**flags, "grade_id": "t", "points": 1}}
    cells = [
        new_code_cell("ready = True", id="given"),
        new_code_cell(solution, id="s"),
        new_code_cell(test, id="t", metadata=graded),
    ]
    return nbformat.writes(new_notebook(cells=cells))


def tried(solution, fails=(), n=30, test=TEST):
    (found,) = seeds.tried(notebook(solution, test), "v", fails, n)
    return found


def test_a_right_answer_passes_whatever_is_drawn():
    found = tried(RIGHT)
    assert (found.draws, found.failed, found.is_settled) == (30, 0, True)


def test_what_the_visible_part_notices_no_draw_can_change():
    found = tried(SEEN, ["t"])
    assert (found.draws, found.failed) == (0, seeds.AGREED)
    assert found.reason == "AssertionError: one"
    assert found.is_settled
    assert not tried(SEEN).is_settled  # it was to pass


def test_what_only_the_hidden_part_notices_is_tried_with_every_draw():
    found = tried(CACHED, ["t"])
    assert (found.draws, found.failed, found.is_settled) == (30, 30, True)
    assert not tried(CACHED).is_settled


def test_a_mark_that_depends_on_the_draw_is_found_and_shown():
    found = tried(LUCKY, ["t"])
    assert 0 < found.failed < 30
    assert not found.is_settled
    assert "failed" in seeds.table([found])
    assert "1  pairs whose mark depends on the draw" in seeds.table([found])


def test_a_visible_part_that_varies_by_itself_is_repeated_with_the_hidden_one(monkeypatch):
    monkeypatch.setattr(seeds, "AGREED", 40)
    varying = TEST.replace('raise AssertionError("one")', "raise SystemExit")
    found = tried(
        "import random\ndef double(x):\n    return 2 * x * random.randint(0, 1)", test=varying
    )
    assert found.draws == 30
    assert not found.is_settled


def test_what_follows_the_first_hidden_part_is_run_too():
    compared = """### BEGIN HIDDEN TESTS
import seqlab.draws
x = int(seqlab.draws.generator(3).integers(2, 1000))
got = double(x)
### END HIDDEN TESTS
if double(1) != 2:
    raise AssertionError("one")
### BEGIN HIDDEN TESTS
if got != 2 * x:
    raise AssertionError("some")
### END HIDDEN TESTS
"""
    assert tried(RIGHT, test=compared).failed == 0
    assert tried(SEEN, ["t"], test=compared).draws == 0
    assert tried(CACHED, ["t"], test=compared).failed == 30


def test_hidden_parts_that_draw_nothing_are_run_fewer_times():
    undrawn = TEST.replace("int(seqlab.draws.generator(3).integers(2, 1000))", "7").replace(
        "import seqlab.draws", ""
    )
    found = tried(RIGHT, n=seeds.UNDRAWN + 50, test=undrawn)
    assert (found.draws, found.is_settled) == (seeds.UNDRAWN, True)
    found = tried(CACHED, ["t"], n=seeds.UNDRAWN + 50, test=undrawn)
    assert (found.failed, found.is_settled) == (seeds.UNDRAWN, True)


def test_code_that_does_not_run_fails_the_tests_and_stops_nothing():
    assert tried("def double(:", ["t"]).is_settled
    assert tried("raise SystemError", ["t"]).is_settled


class Trials:
    """One test, and variants that are what they say."""

    tests = (TestCell("t", 1.0, frozenset({"s"})),)

    def own(self, cell):
        return ["t", "an answer"]

    def notebook(self, variant, only):
        assert only == ["t"]
        return notebook(variant.code)


def variant(name, code, *fails):
    return mutation.Variant(name, "s", "mistake", "", code, frozenset(fails))


def test_what_is_done_is_not_done_again_and_what_was_cut_short_is(tmp_path, monkeypatch):
    kept = tmp_path / "draws" / "toy.jsonl"
    chosen = [variant("right", RIGHT), variant("cached", CACHED, "t")]
    first = list(seeds.run(Trials(), chosen, 5, 1, kept))
    assert {pair.variant: pair.failed for (pair,) in first} == {"right": 0, "cached": 5}
    lines = kept.read_text("utf-8").splitlines()
    assert len(lines) == 3  # the first one is empty
    kept.write_text("\n".join(lines)[:-9])
    again = list(seeds.run(Trials(), chosen, 5, 1, kept))
    assert sorted(map(str, again)) == sorted(map(str, first))
    monkeypatch.setattr(seeds, "tried", None)  # nothing is computed from here on
    assert sorted(map(str, seeds.run(Trials(), chosen, 5, 1, kept))) == sorted(map(str, first))
    with pytest.raises(TypeError):
        list(seeds.run(Trials(), chosen, 6, 1, kept))  # another number of draws is another job


def test_whoever_stops_does_not_wait_for_what_is_being_tried(tmp_path):
    slow = variant("slow", "import time\ndef double(x):\n    time.sleep(36000)", "t")
    results = seeds.run(Trials(), [variant("right", RIGHT), slow], 5, 2, tmp_path / "kept")
    assert next(results)[0].variant == "right"
    results.close()
    assert not active_children()
