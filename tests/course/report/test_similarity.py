"""Code that was copied is found, and code that only does the same is not taken for it."""

import ast
import builtins
import json
import random
from functools import cache

import nbformat
import pytest

import mistakes
from course.directory import Course
from course.report import class_results, similarity
from course.report.similarity import WINDOW, K, compare, hashes, tokens, winnow
from examples import build
from examples.roster import CLASS
from tests.support.classroom import ROOT

INDEPENDENT = {
    "gpt2": ("perfect", "answers", "looping", "vectorised"),
    "assignment5": ("perfect", "answers", "looping", "vectorised"),
}


@cache
def released(assignment):
    return nbformat.read(ROOT / "release" / assignment / f"{assignment}.ipynb", as_version=4)


@cache
def given(assignment):
    return tuple(class_results.given(released(assignment)))


def written(assignment, name):
    """Return what an example student has written, by cell."""
    return dict(_written(assignment, name))


@cache
def _written(assignment, name):
    master = nbformat.read(Course(ROOT).master(assignment), as_version=4)
    student = next(student for student in CLASS[assignment] if student.name == name)
    copy = nbformat.from_dict(json.loads(json.dumps(released(assignment))))
    cells = build.submission(copy, master, student).cells
    return {
        cell.id: cell.source
        for cell in cells
        if cell.cell_type == "code" and not cell.metadata.get("nbgrader", {}).get("locked")
    }


class Renaming(ast.NodeTransformer):
    """Give every name of the student's own another one."""

    def __init__(self):
        self.names = {}

    def other(self, name):
        kept = name in dir(builtins) or name in ("np", "math")
        return name if kept else self.names.setdefault(name, f"thing_{len(self.names)}")

    def visit_Name(self, node):
        node.id = self.other(node.id)
        return node

    def visit_arg(self, node):
        node.arg = self.other(node.arg)
        return self.generic_visit(node)

    def visit_FunctionDef(self, node):
        node.name = self.other(node.name)
        return self.generic_visit(node)


def renamed(source):
    return ast.unparse(Renaming().visit(ast.parse(source)))


def reordered(source):
    """Return the statements of a cell in the opposite order."""
    tree = ast.parse(source)
    tree.body.reverse()
    return ast.unparse(tree)


def commented(source):
    """Return code with a comment at the end of every line that can have one, and docstrings."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            node.body.insert(0, ast.Expr(ast.Constant("Does what it has to.")))
    lines = ast.unparse(tree).split("\n")
    return "# my own work\n\n" + "\n\n".join(f"{line}  # step {i}" for i, line in enumerate(lines))


def scores(compared):
    return {frozenset((pair.a, pair.b)): pair.score for pair in compared.pairs}


# What is found


@pytest.mark.parametrize("disguise", [renamed, reordered, commented])
@pytest.mark.parametrize("assignment", INDEPENDENT)
@pytest.mark.parametrize("victim", ["looping", "vectorised", "answers"])
def test_a_disguised_copy_ranks_above_all_independent_answers(disguise, assignment, victim):
    code = {name: written(assignment, name) for name in INDEPENDENT[assignment]}
    code["copy"] = {cell: disguise(source) for cell, source in code[victim].items()}
    compared = compare(code, given(assignment))
    first, *others = compared.pairs
    assert {first.a, first.b} == {"copy", victim}
    assert min(first.of_a, first.of_b) > 0.6
    assert all(pair.score < first.score / 2 for pair in others)


def test_all_disguises_together_still_are_found():
    code = {name: written("gpt2", name) for name in INDEPENDENT["gpt2"]}
    code["copy"] = {
        cell: commented(reordered(renamed(source))) for cell, source in code["looping"].items()
    }
    first = compare(code, given("gpt2")).pairs[0]
    assert {first.a, first.b} == {"copy", "looping"}


def test_one_copied_function_is_found_in_another_cell():
    code = {name: written("gpt2", name) for name in INDEPENDENT["gpt2"]}
    code["vectorised"] |= {"own": renamed(code["looping"]["a-1-2-solution"])}
    both = frozenset(("looping", "vectorised"))
    alone = compare({n: written("gpt2", n) for n in INDEPENDENT["gpt2"]}, given("gpt2"))
    found = scores(compare(code, given("gpt2")))
    assert found[both] > 10 * scores(alone).get(both, 0.1)


@pytest.mark.parametrize("assignment", INDEPENDENT)
def test_the_release_alone_has_nothing_in_common(assignment):
    code = {name: written(assignment, "blank") for name in ("ann", "bob", "eve")}
    assert compare(code, given(assignment)).pairs == []
    assert compare(code).pairs  # without the release it would have


def test_right_answers_of_the_catalogue_are_not_taken_for_copies():
    for assignment in mistakes.assignments():
        for cell in mistakes.catalogue(assignment):
            rights = [cell.right, *(right.code for right in cell.rights)]
            code = {str(i): {cell.id: source} for i, source in enumerate(rights)}
            copied = compare({**code, "copy": {cell.id: renamed(cell.right)}}, given(assignment))
            if not copied.prints["0"].kept:
                continue  # a line or two: nothing to compare
            best = scores(copied)
            own = best.pop(frozenset(("0", "copy")), None)
            if own is not None:  # enough fingerprints to say anything
                assert all(own >= score for score in best.values()), cell.id


def test_what_half_of_the_class_has_counts_little():
    obvious, rare = written("gpt2", "answers"), written("gpt2", "looping")
    same = obvious["a-2-2-solution"]
    code = {f"s{i:02}": {"a": same, "b": f"x = {'1 + ' * i}1"} for i in range(10)}
    code |= {f"r{i}": {"a": rare["a-1-2-solution"]} for i in range(2)}
    code |= {f"t{i:02}": {"a": "y = [" + "z, " * (i + 1) + "]"} for i in range(8)}
    first, *others = compare(code).pairs
    assert {first.a, first.b} == {"r0", "r1"}
    assert others
    assert others[0].score < first.score / 3


# How it is reckoned


def test_tokens_in_a_row_are_never_missed():
    source = random.Random(1)
    vocabulary = ["+", "-", "*", "/", "<", ">", "x", "1", "'s'", "if", "and", "not", ",", "len"]

    def words(n):
        return " ".join(source.choice(vocabulary) for _ in range(n))

    for _ in range(300):
        shared = words(K + WINDOW - 1)
        assert len(tokens(shared)) == K + WINDOW - 1
        a, b = (winnow(hashes(f"{words(40)} {shared} {words(40)}")) for _ in range(2))
        assert a & b
    assert len(a) < 60  # and yet most runs are not kept


def test_names_comments_and_layout_do_not_count_and_calls_of_numpy_do():
    plain = [token.symbol for token in tokens("def f(a, b):\n    return np.exp(a) + b[0]\n")]
    other = '# mine\ndef g(x,y):\n  "what"\n  return (np  # so\n.exp(x) + y[17])'
    assert [t.symbol for t in tokens(other)] == [*plain[:9], "(", *plain[9:], ")"]
    assert "exp" in plain
    assert "V" in plain
    assert [t.symbol for t in tokens("mine.exp, mine.things")] == [
        "V",
        ".",
        "exp",
        ",",
        "V",
        ".",
        "V",
    ]


def test_a_string_with_values_in_it_is_one_token():
    assert [t.symbol for t in tokens('print(f"{a} and {b!r:>{w}}", "c" f"{d}")')] == [
        "print",
        "(",
        "S",
        ",",
        "S",
        "S",
        ")",
    ]


def test_hashes_are_the_same_in_every_run():
    assert int(hashes("a = [i * 2 for i in range(10) if i]")[0]) == 2184273316033336781


@pytest.mark.parametrize(
    "breakage",
    [
        lambda s: s.replace("):", ") = [{", 1),
        lambda s: f'"""\n{s}'.replace("return", '"""return', 1),
        lambda s: f"%matplotlib inline\n!ls ?\n{s}\n   back = 1\n  again = 2",
        lambda s: f"{s}\nresult = (1 +",
        lambda s: f"if x:\n        a = 1\n    b = 2\n{s}",
        lambda s: f"¿ $ 0777 1_\n{s}",
    ],
)
def test_code_that_is_no_python_is_read_as_far_as_it_goes(breakage):
    whole = written("gpt2", "looping")["a-1-2-solution"]
    broken = breakage(whole)
    with pytest.raises(SyntaxError):
        ast.parse(broken)
    lost = set(hashes(whole).tolist()) - set(hashes(broken).tolist())
    assert len(lost) < 0.5 * len(hashes(whole))


@pytest.mark.parametrize(
    "source", ["", "\n\n", "   ", "\x00", "\\", "'''", "(" * 5000, "\t x\n  y\n"]
)
def test_nothing_that_is_written_stops_a_comparison(source):
    assert compare({"ann": {"a": source}, "bob": {"a": source}}).pairs == []


def test_endless_code_takes_no_endless_time():
    source = "\n".join(f"{'  ' * (i % 3)} x{i} = (" for i in range(200_000))
    compared = compare({"ann": {"a": source, "b": source}, "bob": {"a": "x = 1"}})
    assert sum(map(len, compared.code["ann"].values())) == similarity.LONGEST


# How it is shown


@pytest.fixture(scope="module")
def compared():
    code = {name: written("gpt2", name) for name in INDEPENDENT["gpt2"]}
    code |= {n: dict(code["looping"]) for n in ("twin", "third")}
    code["part"] = {"own": "y = 0\n" + renamed(code["vectorised"]["a-2-2-solution"])}
    return compare(code, given("gpt2"))


def test_submissions_that_are_the_same_are_one_pair(compared):
    first = compared.pairs[0]
    assert (first.a, first.b, first.like_a, first.like_b) == ("looping", "third", ("twin",), ())
    assert first.of_a == first.of_b == 1
    for pair in compared.pairs[1:]:
        assert not {"third", "twin"} & {pair.a, pair.b}
        assert ("looping" in (pair.a, pair.b)) == (("third", "twin") in (pair.like_a, pair.like_b))


def shown(compared, a, b):
    return {name: (left, right) for name, left, right in compared.side_by_side(a, b)}


def test_matching_lines_are_marked_on_both_sides(compared):
    cells = shown(compared, "part", "vectorised")
    mine, theirs = cells["own"][0], cells["a-2-2-solution"][1]
    assert mine[0].kind == ""
    whole = written("gpt2", "vectorised")["a-2-2-solution"]
    assert "\n".join(line.text for line in theirs) == whole
    assert sum(line.kind == "match" for line in mine) > 5
    assert sum(line.kind == "match" for line in theirs) > 5


def test_lines_of_the_release_are_set_aside(compared):
    lines, _ = shown(compared, "looping", "twin")["a-2-2-solution"]
    kinds = {line.text.strip(): line.kind for line in lines}
    assert kinds['w_1, b_1 = attn["c_attn"]["w"], attn["c_attn"]["b"]'] == "aside"
    assert list(kinds.values()).count("match") > 3


def test_cells_that_share_nothing_are_not_shown(compared):
    assert "b-1-1-solution" not in shown(compared, "part", "vectorised")


def test_code_that_cannot_be_read_within_the_limits_is_left_out_and_the_others_are_compared(
    monkeypatch,
):
    whole = similarity.fingerprints

    def greedy(cells, given=frozenset()):
        if "greedy" in cells["f"]:
            raise MemoryError
        return whole(cells, given)

    monkeypatch.setattr(similarity, "fingerprints", greedy)
    copied = "def f(x, y):\n" + "\n".join(f"    x = x * {i} + y // (x - {i})" for i in range(40))
    code = {"ada": {"f": copied}, "ben": {"f": "greedy = 1"}, "cem": {"f": copied + "\n"}}
    compared = similarity.compare(code)
    assert compared.left_out == {"ben": "took more than 2 GB of memory"}
    assert set(compared.prints) == {"ada", "cem"}
