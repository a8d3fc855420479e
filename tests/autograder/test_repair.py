"""What students hand in damaged, and what comes of it: read, put in shape again, or refused."""

import ast
import codecs
import io
import json
import random
import re
import warnings
import zipfile
from copy import deepcopy
from functools import cache
from pathlib import Path

import nbformat
import pytest
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_output, new_raw_cell

from autograder.cells import is_answer, is_solution
from autograder.status import Reasons, Unreadable, one_line
from autograder.submission import reader, repair
from autograder.submission.notebook_file import choose_notebook
from autograder.submission.other_assignments import landmarks
from autograder.submission.reader import CELLS
from course.directory import Course
from examples import build
from examples.roster import CLASS
from examples.students import assignment5_answers, assignment5_plain, gpt2_answers, gpt2_plain

ROOT = Path(__file__).resolve().parents[2]
CODE = {
    "assignment5": assignment5_plain.CODE | assignment5_answers.GOOD,
    "gpt2": gpt2_plain.CODE | gpt2_answers.GOOD,
}
DAMAGED = {"other-editor", "cells-copied", "tests-softened"}


@cache
def kept_template(assignment):
    path = ROOT / "release" / assignment / f"{assignment}.ipynb"
    return nbformat.read(path, as_version=4)


@cache
def kept_solution(assignment):
    notebook = template(assignment)
    for cell in notebook.cells:
        if cell.id in CODE[assignment]:
            cell.source = CODE[assignment][cell.id].rstrip("\n")
    return notebook


def fresh(notebook):
    """A copy in which cells, their fields and their grading metadata can be changed."""
    cells = [NotebookNode({**cell, "metadata": nested(cell.metadata)}) for cell in notebook.cells]
    return NotebookNode({**notebook, "cells": cells, "metadata": deepcopy(notebook.metadata)})


def nested(metadata):
    return NotebookNode(
        {k: NotebookNode(v) if isinstance(v, dict) else v for k, v in metadata.items()}
    )


def template(assignment="gpt2"):
    return fresh(kept_template(assignment))


def solved(assignment="gpt2"):
    return fresh(kept_solution(assignment))


def at(notebook, name):
    return next(i for i, cell in enumerate(notebook.cells) if cell.id == name)


def cell(notebook, name):
    return notebook.cells[at(notebook, name)]


def sources(notebook):
    return {cell.id: cell.source for cell in notebook.cells}


def order(notebook):
    return [cell.id for cell in notebook.cells]


def ours(notebook, assignment="gpt2"):
    known = set(order(kept_template(assignment)))
    return [name for name in order(notebook) if name in known]


def others(notebook, assignment="gpt2"):
    known = set(order(kept_template(assignment)))
    return [cell for cell in notebook.cells if cell.id not in known]


def said(repaired, name, words=""):
    return any(name in line and words in line for line in repaired.reasons)


def repaired(notebook, assignment="gpt2"):
    """Repair, and check what must hold whatever was damaged."""
    given = kept_template(assignment)
    done = repair.repair(notebook, given)
    nbformat.validate(done.notebook)
    assert ours(done.notebook, assignment) == order(given)
    known = set(order(given))
    restored = [theirs for theirs in done.notebook.cells if theirs.id in known]
    for theirs, our in zip(restored, given.cells, strict=True):
        assert theirs.metadata == our.metadata
        assert theirs.cell_type == our.cell_type
        if our.metadata.get("nbgrader", {}).get("locked"):
            assert theirs.source == our.source
    assert all("nbgrader" not in own.metadata for own in others(done.notebook, assignment))
    assert all("\n" not in line for line in done.reasons)
    again = repair.repair(done.notebook, given)
    assert (again.notebook, again.reasons) == (done.notebook, ())
    return done


def missing(done):
    """Solutions and answers that were gone and came back as handed out."""
    start = "restored deleted solutions and answers, as handed out: "
    lines = [line.removeprefix(start) for line in done.reasons if line.startswith(start)]
    return tuple(lines[0].split(", ")) if lines else ()


def raw(notebook, **changed):
    return json.dumps({**notebook, **changed}).encode()


def small(*cells, **changed):
    """A file of a notebook with these cells, as they stand."""
    content = {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": list(cells)}
    return json.dumps(content | changed).encode()


def code(source="x = 1", **changed):
    return {
        "cell_type": "code",
        "id": "a",
        "metadata": {},
        "source": source,
        "outputs": [],
        "execution_count": None,
    } | changed


def read_once(data):
    reasons = Reasons()
    return reader.read(data, reasons), reasons.lines()


def read(data):
    """Read, and check what must hold whatever was damaged."""
    notebook, reasons = read_once(data)
    nbformat.validate(notebook)
    nbformat.writes(notebook).encode("utf-8")
    assert (notebook.nbformat, notebook.nbformat_minor) == (4, 5)
    assert read_once(data) == (notebook, reasons)
    assert read_once(nbformat.writes(notebook).encode("utf-8"))[1] == ()
    return notebook, reasons


def refusal(data):
    with pytest.raises(Unreadable) as caught:
        reader.read(data, Reasons())
    message = str(caught.value)
    assert message
    assert len(message.splitlines()) == 1
    return message


# --- reading ------------------------------------------------------------------------------------


@pytest.mark.parametrize("assignment", CODE)
def test_a_sound_file_is_read_as_nbformat_reads_it(assignment):
    data = nbformat.writes(solved(assignment)).encode("utf-8")
    assert read(data) == (nbformat.reads(data.decode(), as_version=4), ())


@pytest.mark.parametrize(
    ("mark", "encoding", "name"),
    [
        (codecs.BOM_UTF8, "utf-8", "UTF-8 with a byte order mark"),
        (codecs.BOM_UTF16_LE, "utf-16-le", "UTF-16"),
        (codecs.BOM_UTF16_BE, "utf-16-be", "UTF-16"),
        (b"", "utf-16-le", "UTF-16"),
        (b"", "utf-16-be", "UTF-16"),
        (codecs.BOM_UTF32_LE, "utf-32-le", "UTF-32"),
    ],
)
def test_other_encodings_are_read(mark, encoding, name):
    text = nbformat.writes(solved("assignment5"))
    notebook, reasons = read(mark + text.encode(encoding))
    assert notebook == solved("assignment5")
    assert reasons == (f"read the file as {name}: notebooks are plain UTF-8",)


def test_single_bytes_of_windows_are_read_as_its_letters():
    data = small(code("# caf\xe9 \u20ac")).decode().encode().replace(b"\\u00e9", b"\xe9")
    notebook, reasons = read(data.replace(b"\\u20ac", b"\x80"))
    assert notebook.cells[0].source == "# caf\xe9 \u20ac"
    assert "2 bytes that are not UTF-8" in reasons[0]


def test_line_ends_of_windows_are_nothing_to_mend():
    text = nbformat.writes(solved()).replace("\n", "\r\n")
    assert read(text.encode()) == (solved(), ())


@pytest.mark.parametrize("minor", range(5))
def test_formats_4_0_to_4_4_are_given_ids_without_noise(minor):
    notebook = solved()
    for one in notebook.cells:
        del one["id"]
    mended, reasons = read(raw(notebook, nbformat_minor=minor))
    assert [c.source for c in mended.cells] == [c.source for c in solved().cells]
    assert order(mended)[:2] == ["cell-1", "cell-2"]
    assert reasons == (f"converted the notebook from format 4.{minor} to 4.5",)


def test_a_newer_minor_format_is_read_without_the_fields_that_are_new():
    notebook, reasons = read(small(code(mood="good"), nbformat_minor=7))
    assert sources(notebook) == {"a": "x = 1"}
    assert "mood" not in notebook.cells[0]
    assert reasons[0] == "converted the notebook from format 4.7 to 4.5"


@pytest.mark.parametrize("major", [3, 5])
def test_another_major_format_is_refused_with_what_to_do(major):
    assert f"format {major}: save it as format 4" in refusal(small(code(), nbformat=major))
    assert "format 3" in refusal(json.dumps({"nbformat": 3, "nbformat_minor": 0}).encode())


def test_a_format_that_is_not_said_is_taken_for_ours():
    notebook, reasons = read(json.dumps({"cells": [code()]}).encode())
    assert sources(notebook) == {"a": "x = 1"}
    assert "does not say" in reasons[0]


def test_invalid_json_is_refused_with_the_place():
    message = refusal(b'{"cells": [],\n "metadata": {},}')
    assert "not valid JSON" in message
    assert "line 2, column 1" in message


@pytest.mark.parametrize("share", [0.001, 0.1, 0.5, 0.9, 0.999])
def test_a_file_cut_short_is_said_to_be_cut_short(share):
    data = nbformat.writes(solved()).encode("utf-8").rstrip()
    assert "cut short" in refusal(data[: max(1, int(len(data) * share))])
    assert "cut short" in refusal(data[:-1])
    assert "cut short" in refusal(data[: len(data) // 2] + b"\0" * 5000)


def test_every_way_to_cut_a_small_file_is_seen():
    data = small(code("a\\b\u00e9", execution_count=12, metadata={"collapsed": True}))
    for end in range(1, len(data)):
        assert "cut short" in refusal(data[:end]), data[:end]


def test_git_conflicts_are_named_with_their_line():
    text = nbformat.writes(solved())
    lines = text.splitlines()
    lines[40:41] = ["<<<<<<< HEAD", lines[40], "=======", lines[40], ">>>>>>> main"]
    message = refusal("\n".join(lines).encode())
    assert "git conflict" in message
    assert "line 41" in message


def test_text_that_looks_like_a_conflict_within_a_cell_is_none():
    source = "<<<<<<< HEAD\n=======\n>>>>>>> main"
    assert read(small(code(source)))[0].cells[0].source == source


def zipped():
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as opened:
        opened.writestr("gpt2.ipynb", nbformat.writes(solved()))
    return archive.getvalue()


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"", "empty"),
        (b" \r\n\0\0", "empty"),
        (codecs.BOM_UTF8, "empty"),
        (b"<!DOCTYPE html>\n<html><body>{}</body></html>", "web page"),
        (b"\n\n<HTML><head>", "web page"),
        (b'<?xml version="1.0"?><a/>', "begins with '<?xml version"),
        (b"%PDF-1.7\n%\xe2\xe3", "PDF"),
        (b"\x89PNG\r\n\x1a\n", "picture"),
        (zipped(), "zip"),
        (b'"""My solution."""\nimport numpy as np\n\ndef softmax(x):\n    pass\n', "Python"),
        (codecs.BOM_UTF8 + b"import numpy", "Python"),
        (b"Dear all, here is my solution", "begins with 'Dear all, here is m"),
        (b"\x00\x01\x02\x93\xff" * 9, "not a notebook"),
        (b"[1, 2]", "JSON, but not a notebook"),
        (b'"text"', "JSON, but not a notebook"),
        (b'{"name": "x"}', "no list of cells"),
        (b'{"cells": 3, "nbformat": 4}', "no list of cells"),
    ],
)
def test_what_is_no_notebook_is_called_what_it_is(data, what):
    assert what in refusal(data)


@pytest.mark.parametrize(
    "data",
    [
        b"[" * 200_000,
        b'{"cells": ' * 100_000,
        small(code(metadata={"a": "DEEP"})).replace(b'"DEEP"', b"[" * 5000 + b"]" * 5000),
        small(code(metadata={"a": "DEEP"})).replace(b'"DEEP"', b"[" * 300 + b"]" * 300),
    ],
)
def test_values_nested_too_deeply_are_refused(data):
    assert "too deeply" in refusal(data)


def test_a_number_of_thousands_of_digits_is_refused():
    data = small(code(execution_count="N")).replace(b'"N"', b"9" * 5000)
    assert "a number of too many digits" in refusal(data)


def test_numbers_that_are_none_do_no_harm():
    data = small(code(execution_count="N", metadata={"a": "M"}))
    notebook, reasons = read_once(data.replace(b'"N"', b"1e999").replace(b'"M"', b"NaN"))
    assert notebook.cells[0].execution_count is None
    assert reasons == ()
    nbformat.reads(nbformat.writes(notebook), as_version=4)


def test_what_is_no_cell_is_kept_as_text():
    notebook, reasons = read(small(code(), "my notes", None, ["x"]))
    assert [c.source for c in notebook.cells] == ["x = 1", "my notes", "null", '["x"]']
    assert [c.cell_type for c in notebook.cells] == ["code", "raw", "raw", "raw"]
    assert "kept as plain text what is not a cell: cell 2, cell 3, cell 4" in reasons


@pytest.mark.parametrize(
    ("changed", "source", "reason"),
    [
        ({"source": ["a = 1\n", "b = 2"]}, "a = 1\nb = 2", ""),
        ({"source": "a = 1"}, "a = 1", ""),
        ({"source": ["a = 1", 7, None]}, "a = 1", "what is not text"),
        ({"source": None}, "", "what is not text"),
        ({"metadata": None, "outputs": None}, "x = 1", "removed malformed outputs"),
        ({"metadata": [], "execution_count": "7"}, "x = 1", ""),
        ({"execution_count": True}, "x = 1", ""),
        ({"execution_count": -1}, "x = 1", ""),
        ({"colour": "red"}, "x = 1", "fields that cells do not have"),
        ({"cell_type": "question"}, "x = 1", "took cells of an unknown type for code"),
        ({"cell_type": ["code"]}, "x = 1", "took cells of an unknown type for code"),
        ({"outputs": [{"output_type": "stream"}]}, "x = 1", "removed malformed outputs"),
        ({"outputs": ["1"]}, "x = 1", "removed malformed outputs"),
        ({"metadata": {"tags": "demo"}}, "x = 1", "removed malformed metadata"),
    ],
)
def test_fields_that_are_malformed_cost_no_source(changed, source, reason):
    notebook, reasons = read(small(code(**changed)))
    assert [c.source for c in notebook.cells] == [source]
    assert notebook.cells[0].outputs == []
    assert bool(reasons) == bool(reason)
    assert all(reason in line for line in reasons)


@pytest.mark.parametrize("field", ["source", "metadata", "outputs", "execution_count", "id"])
def test_a_field_that_is_missing_is_put_back(field):
    whole = code()
    del whole[field]
    notebook, _ = read(small(whole))
    assert notebook.cells[0].source == ("" if field == "source" else "x = 1")


def test_sound_outputs_are_kept():
    output = {"output_type": "stream", "name": "stdout", "text": ["1\n", "2\n"]}
    notebook, reasons = read(small(code(outputs=[output])))
    assert notebook.cells[0].outputs[0].text == "1\n2\n"
    assert reasons == ()


def test_malformed_metadata_goes_but_not_what_says_which_cell_it_is():
    mine = {"nbgrader": {"grade_id": "a-1-1-solution"}, "tags": "demo"}
    notebook, _ = read(small(code(metadata=mine)))
    assert notebook.cells[0].metadata == {"nbgrader": {"grade_id": "a-1-1-solution"}}


def test_metadata_of_the_notebook_that_is_malformed_goes():
    data = small(code(), metadata={"kernelspec": 3, "language_info": {}, "colab": {"toc": []}})
    notebook, reasons = read(data)
    assert notebook.metadata == {"colab": {"toc": []}}
    assert "kernelspec, language_info" in reasons[0]


def test_attachments_are_kept_if_they_are_valid():
    sound = {"a.png": {"image/png": "aGk="}}
    cells = [
        {"cell_type": "markdown", "id": i, "metadata": {}, "source": "", "attachments": value}
        for i, value in (("a", sound), ("b", {"a.png": 3}), ("c", None))
    ]
    notebook, reasons = read(small(*cells))
    assert [c.get("attachments") for c in notebook.cells] == [sound, None, None]
    assert reasons == ("removed malformed attachments: cell 2, cell 3",)


@pytest.mark.parametrize("bad", ["", "with blank", "ü", "a" * 65, 7, None, ["x"], {}])
def test_invalid_ids_are_replaced_by_valid_ones(bad):
    notebook, reasons = read(small(code(id="cell-2"), code(id=bad)))
    assert order(notebook) == ["cell-2", "cell-2-2"]
    assert reasons == ("gave new ids to cells without a valid one: cell 2",)


def test_an_id_that_occurs_twice_stays_with_the_first():
    notebook, reasons = read(
        small(code(), code("y"), code("z"), code(id="b" * 64), code(id="b" * 64))
    )
    assert order(notebook) == ["a", "a-copy-1", "a-copy-1-2", "b" * 64, "cell-5"]
    assert "gave new ids to further cells called a: cell 2, cell 3" in reasons


WITHOUT_ENDS = "put line breaks between lines of cells that had none"


@pytest.mark.parametrize(
    ("kind", "lines", "source"),
    [
        ("code", ["x = 1", "y = 2"], "x = 1\ny = 2"),
        ("code", ["def f():", "    return 1"], "def f():\n    return 1"),
        ("code", ["def f():", "", "    return 1", ""], "def f():\n\n    return 1\n"),
        ("code", ["# all of it", "x = 1"], "# all of it\nx = 1"),
        ("code", ["%matplotlib inline", "import numpy"], "%matplotlib inline\nimport numpy"),
        ("code", ["x = (", "y"], "x = (\ny"),
        ("code", ["x = 1", "y = 2\n"], "x = 1\ny = 2\n"),
        ("code", ["if x:\n", "    y = 1", "z = 2"], "if x:\n    y = 1\nz = 2"),
        ("code", ['"""one', 'two"""'], '"""one\ntwo"""'),
        ("code", ["x = 1  # one", "y = 2  # two", "z = 3"], "x = 1  # one\ny = 2  # two\nz = 3"),
        ("markdown", ["One.", "Two."], "One.\nTwo."),
        ("raw", ["One.", "", "Two."], "One.\n\nTwo."),
    ],
)
def test_lines_without_ends_get_line_breaks(kind, lines, source):
    one = code(lines) if kind == "code" else {"cell_type": kind, "id": "a", "metadata": {}}
    notebook, reasons = read(small({**one, "source": lines}))
    assert notebook.cells[0].source == source
    assert reasons == (WITHOUT_ENDS,)


@pytest.mark.parametrize(
    ("kind", "lines"),
    [
        ("code", ["x = 1\n", "y = 2"]),
        ("code", ["x = 1\r\n", "y = 2"]),
        ("code", ["x = 1\r", "y = 2"]),
        ("code", ["x = ", "1"]),
        ("code", ["x = 1\n", "y = ", "2"]),
        ("code", ["def f():", "\n", "    return 1"]),
        ("code", ["x = 'a", "b'"]),
        ("code", ["x = 1"]),
        ("code", ["x = 1\n", ""]),
        ("code", []),
        ("markdown", ["One.\n", "Two"]),
        ("markdown", ["One.\n", "Two, ", "three"]),
        ("markdown", ["One."]),
    ],
)
def test_parts_that_are_no_lines_are_put_together_as_jupyter_does(kind, lines):
    one = code(lines) if kind == "code" else {"cell_type": kind, "id": "a", "metadata": {}}
    notebook, reasons = read(small({**one, "source": lines}))
    assert notebook.cells[0].source == "".join(lines)
    assert reasons == ()


@pytest.mark.parametrize("assignment", CODE)
def test_a_notebook_whose_lines_have_no_ends_is_read_as_it_was_written(assignment):
    notebook = json.loads(nbformat.writes(solved(assignment)))
    for one in notebook["cells"]:
        one["source"] = "".join(one["source"]).split("\n")
    mended, reasons = read(json.dumps(notebook).encode())
    assert mended == solved(assignment)
    assert len(reasons) == 1


def test_halves_of_characters_are_replaced():
    data = small(code("s = '\ud800 and \U0001f600'", metadata={"\udfff": "\ud83d"}))
    notebook, reasons = read(data)
    assert notebook.cells[0].source == "s = '\ufffd and \U0001f600'"
    assert "cannot be written" in reasons[0]


def test_nul_characters_are_left_out():
    notebook, reasons = read(small(code("x = 1\0\ny = 2")) + b"\0\0\0")
    assert notebook.cells[0].source == "x = 1\ny = 2"
    assert len(reasons) == 2
    assert all("NUL" in reason for reason in reasons)


def test_reading_warns_of_nothing():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        read(small({"cell_type": "code"}, code(id="x y"), code(), code()))
        repair.repair(read(small(*template().cells, code("'\\d'")))[0], template())
    assert [str(warning.message) for warning in caught] == []


def test_a_flood_of_cells_is_refused():
    assert "limit" in refusal(small(*[code()] * (CELLS + 1)))
    notebook = solved()
    notebook.cells += [new_code_cell(f"x = {i}", id=f"x{i}") for i in range(CELLS // 2 + 1)]
    with pytest.raises(Unreadable, match="limit"):
        repair.repair(notebook, template())
    del notebook.cells[-1]
    assert repair.repair(notebook, template()).reasons == ()


def test_reasons_name_a_bounded_number_of_places_in_one_line():
    reasons = Reasons()
    for i in range(1000):
        reasons.add("mended", f"cell {i}")
    assert reasons.lines()[0].endswith("cell 149 and 850 more")
    assert one_line("a\n\x1b[31m\ud800" + "b" * 500).startswith("a [31m b")
    assert len(one_line("b" * 500)) == 60


@pytest.mark.parametrize("colab", [False, True])
def test_repairing_changes_neither_of_the_notebooks(colab):
    notebook, given = solved(), template()
    for damage in (copy_a_cell, merge_cells, swap_names, change_a_locked_cell, lose_a_cell):
        damage(notebook, random.Random(3), set())
    output = NotebookNode(output_type="stream", name="stdout", text="1")
    notebook.cells.append(new_code_cell("print(1)", id="mine", outputs=[output]))
    if colab:
        strip(notebook)
    before = deepcopy(notebook)
    done = repair.repair(notebook, given)
    assert notebook == before
    assert given == kept_template("gpt2")
    for one in done.notebook.cells:
        one.metadata["mine"] = True
        one.source = ""
        if one.get("outputs"):
            one.outputs[0].text = "2"
    assert notebook == before
    assert given == kept_template("gpt2")


# --- repairing: sound ones ----------------------------------------------------------------------


@pytest.fixture(scope="module")
def handed_in(tmp_path_factory):
    folder = tmp_path_factory.mktemp("class")
    build.build(Course(ROOT), folder)
    return folder


@pytest.mark.parametrize("assignment", CLASS)
def test_the_class_needs_no_repair_but_for_the_damaged(handed_in, assignment):
    for student in CLASS[assignment]:
        data = (handed_in / student.name / assignment / f"{assignment}.ipynb").read_bytes()
        notebook, reasons = read_once(data)
        done = repaired(notebook, assignment)
        assert reasons == ()
        assert bool(done.reasons) == (student.name in DAMAGED), (student.name, done.reasons)
        assert missing(done) == ()
        if student.name not in DAMAGED:
            assert done.notebook.cells == notebook.cells


@pytest.mark.parametrize("assignment", CLASS)
def test_the_damaged_of_the_class_have_their_work_back(handed_in, assignment):
    for name in DAMAGED:
        data = (handed_in / name / assignment / f"{assignment}.ipynb").read_bytes()
        notebook, _ = read_once(data)
        done = repaired(notebook, assignment)
        assert ours(done.notebook, assignment) == order(done.notebook)
        for one in template(assignment).cells:
            if not one.metadata.get("nbgrader", {}).get("locked"):
                assert cell(done.notebook, one.id).source == cell(notebook, one.id).source


# --- repairing: copies --------------------------------------------------------------------------


def copy_of(original, name="copy", source=None):
    copied = deepcopy(original)
    copied["id"] = name
    if source is not None:
        copied["source"] = source
    return copied


@pytest.mark.parametrize("stub_first", [True, False])
def test_of_copies_the_one_that_was_changed_counts(stub_first):
    notebook = solved()
    i = at(notebook, "a-1-1-solution")
    stub = copy_of(template().cells[i])
    notebook.cells.insert(i if stub_first else i + 3, stub)
    done = repaired(notebook)
    assert sources(done.notebook) == sources(solved())
    assert said(done, "a-1-1-solution", "identical copies")


def test_of_several_changed_copies_the_last_counts_and_the_others_run_before():
    notebook = solved()
    i = at(notebook, "a-1-1-solution")
    tries = ["def softmax(x):\n    return x", "def softmax(x):\n    return x / 2"]
    for j, source in enumerate(tries):
        notebook.cells.insert(i + j, copy_of(notebook.cells[i + j], f"try-{j}", source))
    done = repaired(notebook)
    assert sources(done.notebook)["a-1-1-solution"] == CODE["gpt2"]["a-1-1-solution"].strip()
    j = at(done.notebook, "a-1-1-solution")
    assert [c.source for c in done.notebook.cells[j - 2 : j]] == tries
    assert said(done, "a-1-1-solution", "plain cells")


def test_a_copied_answer_that_was_changed_counts():
    notebook = solved("assignment5")
    i = at(notebook, "p1-1-answer-1")
    notebook.cells.insert(i + 1, copy_of(notebook.cells[i], source="My second thoughts."))
    done = repaired(notebook, "assignment5")
    assert cell(done.notebook, "p1-1-answer-1").source == "My second thoughts."
    kept = [own.source for own in others(done.notebook, "assignment5")]
    assert kept == [notebook.cells[i].source]


def test_a_copy_that_was_turned_into_something_else_does_not_count():
    notebook = solved()
    i = at(notebook, "a-1-1-solution")
    notebook.cells.insert(i + 1, copy_of(notebook.cells[i], source="print(softmax(np.eye(2)))"))
    done = repaired(notebook)
    assert sources(done.notebook)["a-1-1-solution"] == sources(solved())["a-1-1-solution"]
    assert [own.source for own in others(done.notebook)] == ["print(softmax(np.eye(2)))"]


def test_copies_of_tests_go_and_changed_ones_become_plain_cells():
    notebook = solved()
    i = at(notebook, "a-1-1-test")
    notebook.cells.insert(i, copy_of(notebook.cells[i], "changed", "softmax(np.eye(3))"))
    notebook.cells.insert(i, copy_of(notebook.cells[i + 1], "same"))
    done = repaired(notebook)
    assert [own.source for own in others(done.notebook)] == ["softmax(np.eye(3))"]
    assert said(done, "a-1-1-test", "changed copies")


def test_what_followed_a_needless_copy_stays_behind_the_cell():
    notebook = solved()
    i = at(notebook, "a-1-1-solution")
    notebook.cells.insert(i, new_code_cell("softmax(np.eye(2))", id="mine"))
    notebook.cells.insert(i, copy_of(template().cells[i]))
    names = order(repaired(notebook).notebook)
    assert names[names.index("mine") - 1] == "a-1-1-solution"


def test_cells_with_the_same_id_and_no_metadata_are_copies():
    notebook = solved()
    i = at(notebook, "a-1-1-solution")
    notebook.cells[i]["metadata"] = NotebookNode()
    notebook.cells.insert(i, copy_of(template().cells[i], "a-1-1-solution"))
    notebook.cells[i]["metadata"] = NotebookNode()
    mended, reasons = read(raw(notebook))
    assert "a-1-1-solution" in reasons[0]
    for handed in (mended, notebook):
        assert sources(repaired(handed).notebook) == sources(solved())


# --- repairing: how much must be recognised -----------------------------------------------------


def unread(notebook, assignment="gpt2", others=()):
    """Why a notebook handed in as an assignment is not graded, in a course with others."""
    files = {f"{assignment}.ipynb": nbformat.writes(notebook).encode("utf-8")}
    known = known_as(*others)
    with pytest.raises(Unreadable) as caught:
        repair.repair_submission(files, f"{assignment}.ipynb", kept_template(assignment), known)
    assert len(str(caught.value).splitlines()) == 1
    return str(caught.value)


def known_as(*names):
    """The course's other assignments, as a job knows them."""
    return {name: landmarks(kept_template(name)) for name in names}


def notebook_of(*cells):
    named = [NotebookNode({**one, "id": f"own-{i}"}) for i, one in enumerate(cells)]
    return NotebookNode(nbformat=4, nbformat_minor=5, metadata={}, cells=named)


@pytest.mark.parametrize("make", [template, solved])
@pytest.mark.parametrize(
    ("other", "assignment"), [("gpt2", "assignment5"), ("assignment5", "gpt2")]
)
def test_another_assignment_has_no_mark(make, other, assignment):
    message = unread(make(other), assignment)
    assert f"none of its cells belongs to {assignment}" in message
    assert kept_template(other).cells[0].source.split("\n")[0].lstrip("# ") in message


@pytest.mark.parametrize("stripped", ["nothing", "metadata", "metadata and ids"])
@pytest.mark.parametrize("make", [template, solved])
@pytest.mark.parametrize(
    ("other", "assignment"), [("gpt2", "assignment5"), ("assignment5", "gpt2")]
)
def test_another_assignment_of_the_course_is_named(make, other, assignment, stripped):
    notebook = make(other)
    if stripped != "nothing":
        strip(notebook, stripped == "metadata")
    assert unread(notebook, assignment, others=[other]) == f"this is {other}"


@pytest.mark.parametrize(("kept", "named"), [(8, False), (9, True)])
def test_another_assignment_is_named_if_half_of_its_18_cells_are_there(kept, named):
    notebook = template("assignment5")
    asked = [one.id for one in notebook.cells if is_solution(one) or is_answer(one)]
    notebook.cells = [one for one in notebook.cells if one.id not in asked[kept:]]
    assert len(asked) == 18
    assert (unread(notebook, others=["assignment5"]) == "this is assignment5") == named


def test_assignments_with_cells_of_the_same_ids_are_told_apart_by_their_functions():
    own, other = template(), template()
    for one in filter(is_solution, other.cells):  # it began as a copy of this one
        one["source"] = re.sub(r"def (\w+)", r"def other_\1", one.source)
    known = {"second": landmarks(other)}
    with pytest.raises(Unreadable, match=r"^this is second$"):
        repair.repair(other, own, None, "first", known)
    repair.repair(own, own, None, "first", known)


@pytest.mark.parametrize("make", [template, solved])
def test_the_right_assignment_is_never_another(make):
    known = known_as("assignment5", "gpt2")
    assert repair.repair(make(), template(), None, "gpt2", known).reasons == ()
    same = {"last-year": landmarks(template())}  # no cell of which is not this one's, too
    assert repair.repair(make(), template(), None, "gpt2", same).reasons == ()
    assert "none of its cells" in unread(notebook_of(new_code_cell("x = 1")), others=CODE)


@pytest.mark.parametrize("ids", [True, False])
@pytest.mark.parametrize(
    ("other", "assignment"), [("gpt2", "assignment5"), ("assignment5", "gpt2")]
)
def test_another_assignment_without_metadata_has_no_mark(other, assignment, ids):
    notebook = solved(other)
    strip(notebook, ids)
    message = unread(notebook, assignment)
    assert re.search(r"only [123] of the 1\d cells to fill in were recognised", message)


@pytest.mark.parametrize(
    "cells",
    [
        [new_code_cell("")],
        [new_markdown_cell("# Homework 1"), new_code_cell("print('hello')")],
        [new_code_cell(f"x{i} = {i}") for i in range(200)],
        [new_code_cell("print('hello')")] * 10,  # as many as solutions are asked for
        [new_markdown_cell(f"Answer {i}") for i in range(50)],
        [new_raw_cell("def relu(x): return x")],
        [new_code_cell("import numpy as np"), new_code_cell("def relu(x):\n    return x")],
        [new_code_cell("### YOUR CODE HERE\nraise NotImplementedError")] * 10,
    ],
)
def test_the_notebook_of_another_course_has_no_mark(cells):
    assert unread(notebook_of(*cells)).startswith("none of its cells belongs to gpt2")


@pytest.mark.parametrize("expected", [*CODE, "starter"])
def test_a_notebook_without_cells_has_no_mark(expected):
    path = ROOT / "src" / "course" / "release" / "starter" / "starter.ipynb"
    made_from = kept_template(expected) if expected in CODE else nbformat.read(path, as_version=4)
    for empty in (notebook_of(), NotebookNode({**template(), "cells": []})):
        files = {f"{expected}.ipynb": nbformat.writes(empty).encode("utf-8")}
        with pytest.raises(Unreadable, match=r"^the notebook has no cells: "):
            repair.repair_submission(files, f"{expected}.ipynb", made_from)


def only(kept):
    """gpt2 solved, of whose solutions so many are left and the others were deleted."""
    notebook = solved()
    gone = [one.id for one in notebook.cells if is_solution(one)][kept:]
    notebook.cells = [one for one in notebook.cells if one.id not in gone]
    return notebook


def test_a_third_of_the_solutions_is_enough_and_less_waits_for_a_person():
    assert len(missing(repaired(only(4)))) == 6
    assert "only 3 of the 10 cells to fill in were recognised as gpt2's" in unread(only(3))


def test_the_line_is_the_same_without_metadata():
    enough, few = only(4), only(3)
    strip(enough)
    strip(few)
    assert len(missing(repaired(enough))) == 6
    assert "only 3 of the 10" in unread(few)


def test_both_assignments_in_one_notebook_are_graded_as_what_they_were_handed_in_as():
    both = [*solved("assignment5").cells, *solved("gpt2").cells]
    for assignment in CODE:
        notebook = NotebookNode({**solved(), "cells": both})
        done = repair.repair(fresh(notebook), kept_template(assignment))
        assert sources(solved(assignment)).items() <= sources(done.notebook).items()


def test_functions_typed_into_a_new_notebook_are_enough():
    code_cells = [one for one in solved().cells if is_solution(one)]
    done = repair.repair(notebook_of(*map(bare_cell, code_cells)), kept_template("gpt2"))
    assert missing(done) == ("b-2-4-answer",)


def bare_cell(one):
    return new_code_cell(one.source)


# --- repairing: answers beside their cell -------------------------------------------------------

SAID = "The mystery text repeats names, since the state carries them over many letters."
PRINTED = NotebookNode(output_type="stream", name="stdout", text=f"{SAID}\n")
SHOWN = NotebookNode(output_type="execute_result", metadata={}, data={"text/plain": SAID})
SHOWN["execution_count"] = 1


@pytest.mark.parametrize("where", [0, 1, 2])
@pytest.mark.parametrize(
    "mine",
    [
        new_markdown_cell(SAID),
        new_markdown_cell("No."),
        new_raw_cell(SAID),
        new_code_cell(f"# {SAID}"),
        new_code_cell("# The mystery text repeats names,\n# since the state carries them over."),
        new_code_cell(f"x = 1\n#### {SAID}"),
        new_code_cell(f'"""{SAID}"""'),
        new_code_cell(SAID),
        new_code_cell("print(answer)", outputs=[PRINTED]),
        new_code_cell("answer", outputs=[SHOWN]),
    ],
)
def test_writing_beside_an_untouched_answer_becomes_the_answer(mine, where):
    notebook = solved()
    place = at(notebook, "b-2-4-answer")
    notebook.cells[place].source = cell(template(), "b-2-4-answer").source
    place = len(notebook.cells) if where == 2 else place + where  # above, below, at the end
    notebook.cells.insert(place, NotebookNode({**mine, "id": "mine"}))
    done = repaired(notebook)
    answer = cell(done.notebook, "b-2-4-answer").source
    assert answer == "No." or "The mystery text repeats names" in answer
    assert said(done, "b-2-4-answer", "beside untouched answers")
    is_code = mine.cell_type == "code"
    assert [own.source for own in others(done.notebook)] == [mine.source] * is_code


def with_own(name, *own, blank=True):
    """A solved assignment5 with own cells behind a cell, whose answers are untouched."""
    notebook, given = solved("assignment5"), template("assignment5")
    for one in notebook.cells:
        if one.id.split("-")[-1] == "answer" or "-answer-" in one.id:
            one.source = cell(given, one.id).source if blank else one.source
    place = at(notebook, name) + 1
    notebook.cells[place:place] = [NotebookNode({**c, "id": f"m{i}"}) for i, c in enumerate(own)]
    return notebook


def changed_answers(notebook):
    given = sources(kept_template("assignment5"))
    names = [name for name in given if "answer" in name.split("-")]
    return [n for n in names if cell(notebook, n).source != given[n]]


def test_writing_between_two_untouched_answers_is_shown_as_both():
    done = repaired(with_own("p1-1-answer-1", new_markdown_cell(SAID)), "assignment5")
    answers = changed_answers(done.notebook)
    assert answers[:1] == ["p1-1-answer-1"]
    assert SAID in sources(done.notebook)["p1-1-answer-1"]


def test_writing_at_the_end_is_shown_as_each_untouched_answer():
    notebook = with_own("p2-12-answer")
    notebook.cells.append(new_markdown_cell(SAID, id="mine"))
    notebook.cells[at(notebook, "p1-4-1-answer")].source = "Mine."
    done = repaired(notebook, "assignment5")
    assert len(changed_answers(done.notebook)) == 7
    assert cell(done.notebook, "p1-4-1-answer").source == "Mine."


SEVEN = "names repeat since states carry them over"
EIGHT = f"{SEVEN} letters"
FEW_WORDS = [  # that are the answer, since the cell holds nothing else
    new_markdown_cell("No."),
    new_markdown_cell("5"),
    new_code_cell("# yes"),
    new_code_cell("# yes, by the mask\n\n# and by nothing else"),
    new_code_cell('"yes"'),
    new_code_cell('answer = "yes, by the mask"'),
    new_code_cell("print('by the mask')"),
    new_code_cell('"""by\nthe mask"""\n# that is all'),
    new_code_cell("Because of the mask."),
    new_code_cell("It's the mask"),
    new_code_cell("# 因为总和是一"),
    new_code_cell("# Да"),
    new_raw_cell("by the mask"),
]
MANY_WORDS = [  # beside code
    new_code_cell(f"# {EIGHT}\nx = 1"),
    new_code_cell(f"x = 1\n# {EIGHT}"),
    new_code_cell(f"# {SEVEN}\nx = 1\n# letters"),
    new_code_cell("x = 1\n# 因为总和是一因为总和是一"),
    new_code_cell(f"x = 1\n# {'เพราะผลรวมของแต่ละแถว' * 5}"),
    new_code_cell("x", outputs=[new_output("stream", text=EIGHT)]),
    new_code_cell(f"Because f(x) is one, {EIGHT}"),
]
NO_WORDS = [
    new_markdown_cell(" \n"),
    new_markdown_cell("---"),
    new_code_cell("x = 1"),
    new_code_cell("x = 1  # try it"),
    new_code_cell("# try it here\nx = 1"),
    new_code_cell(f"# {SEVEN}\nx = 1"),
    new_code_cell("# 因为总和是一\nx = 1"),
    new_code_cell("# x = softmax(y)"),
    new_code_cell("# ---\n# 12"),
    new_code_cell("print(x"),
    new_code_cell("x = (1"),
    new_code_cell(""),
    new_code_cell("1 + 1", outputs=[new_output("stream", text="2\n")]),
    new_code_cell("a", outputs=[new_output("stream", text="0.1 0.2 0.3 0.4 0.5 0.6 0.7 0.8")]),
    new_code_cell("x", outputs=[new_output("stream", text=SEVEN)]),
    new_code_cell('generate("the quality of mercy is not strained it droppeth")'),
]


@pytest.mark.parametrize("own", [*FEW_WORDS, *MANY_WORDS])
def test_few_words_alone_and_many_beside_code_wait_for_a_person(own):
    done = repaired(with_own("p1-4-3-answer", own), "assignment5")
    assert "p1-4-3-answer" in changed_answers(done.notebook)
    assert said(done, "p1-4-3-answer", "beside untouched answers")


@pytest.mark.parametrize("own", [None, *NO_WORDS])
def test_untouched_answers_without_writing_near_stay_as_they_are(own):
    cells = [own] if own else []
    done = repaired(with_own("p1-4-3-answer", *cells), "assignment5")
    assert changed_answers(done.notebook) == []


def test_answers_in_their_cells_are_not_added_to():
    notebook = with_own("p1-4-3-answer", new_markdown_cell(SAID), blank=False)
    done = repaired(notebook, "assignment5")
    assert done.reasons == ()
    assert [own.source for own in others(done.notebook, "assignment5")] == [SAID]


def test_a_name_on_top_and_notes_behind_a_solution_are_no_answers():
    notebook = with_own("p1-2-solution", new_markdown_cell(SAID))
    notebook.cells.insert(0, new_markdown_cell("Ann Lee, 12345", id="name"))
    assert changed_answers(repaired(notebook, "assignment5").notebook) == []


def test_a_deleted_answer_is_found_in_several_cells():
    notebook = solved()
    place = at(notebook, "b-2-4-answer")
    notebook.cells[place : place + 1] = [
        new_markdown_cell(text, id=f"mine-{text}") for text in ("one", "two", "three")
    ]
    assert cell(repaired(notebook).notebook, "b-2-4-answer").source == "one\n\ntwo\n\nthree"


def test_a_picture_beside_an_untouched_answer_goes_with_the_writing():
    notebook = solved()
    place = at(notebook, "b-2-4-answer")
    notebook.cells[place].source = cell(template(), "b-2-4-answer").source
    picture = {"shot.png": {"image/png": "aGk="}}
    notebook.cells.insert(
        place + 1, new_markdown_cell("![](attachment:shot.png)", id="mine", attachments=picture)
    )
    assert cell(repaired(notebook).notebook, "b-2-4-answer").attachments == picture


# --- repairing: deleted, moved, retyped ---------------------------------------------------------


@pytest.mark.parametrize("assignment", CODE)
def test_any_cell_that_was_deleted_is_put_back_in_its_place(assignment):
    whole, given = solved(assignment), kept_template(assignment)
    for i, one in enumerate(given.cells):
        left = NotebookNode({**whole, "cells": whole.cells[:i] + whole.cells[i + 1 :]})
        done = repair.repair(left, given)
        assert said(done, one.id)
        assert len(done.reasons) == 1
        assert done.notebook.cells == [*whole.cells[:i], one, *whole.cells[i + 1 :]]
        asked = one.metadata.get("nbgrader", {}).get("solution")
        assert missing(done) == ((one.id,) if asked else ())


def test_a_stub_that_is_put_back_undoes_nothing_and_a_test_comes_last():
    notebook = solved()
    for name in ("a-1-1-solution", "a-1-1-test", "a-1-1-test-stable", "a-1-1-demo"):
        del notebook.cells[at(notebook, name)]
    mine = new_code_cell("from mine import softmax", id="mine")
    notebook.cells.insert(at(notebook, "a-1-1-card") + 1, mine)
    names = order(repaired(notebook).notebook)
    i = names.index("a-1-1-card")
    assert names[i + 1 : i + 4] == ["a-1-1-solution", "mine", "a-1-1-test"]


def test_a_scratch_cell_where_a_solution_was_deleted_is_not_taken_for_it():
    notebook = solved()
    notebook.cells[at(notebook, "a-1-1-solution")] = new_code_cell("1 + 1", id="scratch")
    done = repaired(notebook)
    assert missing(done) == ("a-1-1-solution",)
    assert [own.source for own in others(done.notebook)] == ["1 + 1"]


@pytest.mark.parametrize("assignment", CODE)
def test_shuffled_cells_are_put_in_order(assignment):
    notebook = solved(assignment)
    random.Random(1).shuffle(notebook.cells)
    done = repaired(notebook, assignment)
    assert done.notebook.cells == solved(assignment).cells
    assert len(done.reasons) == 1


def test_only_what_was_moved_is_named_and_own_cells_stay_behind_what_they_followed():
    notebook = solved()
    i = at(notebook, "b-1-1-solution")
    moved = notebook.cells.pop(i)
    notebook.cells[3:3] = [moved, new_code_cell("gelu(1)", id="mine")]
    done = repaired(notebook)
    assert done.reasons == ("moved cells back to their places: b-1-1-solution",)
    names = order(done.notebook)
    assert names[names.index("b-1-1-solution") + 1] == "mine"


@pytest.mark.parametrize("kind", ["markdown", "raw"])
def test_code_that_became_text_is_code_again(kind):
    notebook = solved()
    for name in ("a-1-1-solution", "a-1-2-test", "b-2-4-own"):
        one = cell(notebook, name)
        one["cell_type"] = kind
        del one["outputs"], one["execution_count"]
    done = repaired(notebook)
    assert done.notebook.cells == solved().cells
    names = "a-1-1-solution, a-1-2-test, b-2-4-own"
    assert done.reasons == (f"changed cells of another type back to code: {names}",)


def test_an_answer_that_became_code_is_text_again():
    notebook = solved()
    one = cell(notebook, "b-2-4-answer")
    one.update(cell_type="code", outputs=[], execution_count=1)
    done = repaired(notebook)
    assert done.notebook.cells == solved().cells
    reason = "changed cells of another type back to markdown: b-2-4-answer"
    assert done.reasons == (reason,)


# --- repairing: split and merged ----------------------------------------------------------------


def split(notebook, name, line, owner=0, clone=False):
    """Split a cell before a line, as Jupyter does; one part keeps the id and metadata."""
    i = at(notebook, name)
    lines = notebook.cells[i].source.split("\n")
    texts = ["\n".join(lines[:line]), "\n".join(lines[line:])]
    parts = [new_code_cell(text, id=f"part-{j}") for j, text in enumerate(texts)]
    parts[owner] = copy_of(notebook.cells[i], name, texts[owner])
    if clone:
        parts[1 - owner]["metadata"] = deepcopy(notebook.cells[i].metadata)
    notebook.cells[i : i + 1] = parts


@pytest.mark.parametrize("clone", [False, True])
@pytest.mark.parametrize("owner", [0, 1])
def test_a_function_that_was_split_is_joined_wherever_that_was(owner, clone):
    name = "a-2-2-solution"
    for line in range(1, len(cell(solved(), name).source.split("\n"))):
        notebook = solved()
        split(notebook, name, line, owner, clone)
        source = cell(notebook, name).source
        done = repaired(notebook)
        if others(done.notebook):  # both parts are whole: the second is a cell of its own
            assert owner == 0
            assert "def multi_head_attention" in cell(done.notebook, name).source
            ast.parse(others(done.notebook)[0].source)
            assert cell(done.notebook, name).source == source
        else:
            assert cell(done.notebook, name).source == cell(solved(), name).source
            assert said(done, name, "joined")


def test_a_cell_split_in_three_is_joined():
    notebook = solved()
    split(notebook, "b-2-3-solution", 2)
    i = at(notebook, "part-1")
    lines = notebook.cells[i].source.split("\n")
    notebook.cells[i].source = "\n".join(lines[:2])
    notebook.cells.insert(i + 1, new_code_cell("\n".join(lines[2:]), id="part-2"))
    done = repaired(notebook)
    assert sources(done.notebook) == sources(solved())


def test_two_functions_of_a_cell_that_were_split_are_joined():
    notebook = solved("assignment5")
    source = cell(notebook, "p1-4-2-solution").source
    line = source[: source.index("def perplexity_GRU")].count("\n")
    split(notebook, "p1-4-2-solution", line)
    done = repaired(notebook, "assignment5")
    assert sources(done.notebook) == sources(solved("assignment5"))


def test_helpers_beside_a_solution_stay_cells_of_their_own():
    notebook = solved()
    i = at(notebook, "a-1-1-solution")
    notebook.cells.insert(i + 1, new_code_cell("%timeit softmax(x)\n!ls", id="magic"))
    notebook.cells.insert(i + 1, new_code_cell("print(softmax(x))", id="after"))
    notebook.cells.insert(i, new_code_cell("def helper(x):\n    return x", id="before"))
    done = repaired(notebook)
    assert done.reasons == ()
    assert done.notebook == notebook


def test_broken_code_is_not_joined_with_what_does_not_mend_it():
    notebook = solved()
    i = at(notebook, "a-1-1-solution")
    notebook.cells[i].source = "def softmax(x:\n    return x"
    notebook.cells.insert(i + 1, new_code_cell("print(1)", id="after"))
    done = repaired(notebook)
    assert done.reasons == ()
    assert done.notebook == notebook


def merge(notebook, first, last, active):
    """Merge the cells from first to last, as Jupyter does, into the active one."""
    i, j = at(notebook, first), at(notebook, last) + 1
    whole = "\n\n".join(one.source for one in notebook.cells[i:j])
    notebook.cells[i:j] = [copy_of(cell(notebook, active), active, whole)]


@pytest.mark.parametrize("active", ["a-1-1-solution", "a-1-1-test", "a-1-2-card", "a-1-2-solution"])
def test_cells_merged_with_the_tests_between_are_taken_apart_again(active):
    notebook = solved()
    merge(notebook, "a-1-1-solution", "a-1-2-test", active)
    done = repaired(notebook)
    assert sources(done.notebook) == sources(solved())
    assert missing(done) == ()
    assert said(done, "a-1-1-test-stable", "merged")


@pytest.mark.parametrize("active", ["p1-1-answer-1", "p1-1-card-2", "p1-1-answer-2"])
def test_merged_answers_are_taken_apart_again(active):
    notebook = solved("assignment5")
    merge(notebook, "p1-1-answer-1", "p1-1-answer-2", active)
    done = repaired(notebook, "assignment5")
    assert sources(done.notebook) == sources(solved("assignment5"))
    assert missing(done) == ()


@pytest.mark.parametrize("keeper", ["a-1-1-solution", "a-1-2-solution"])
def test_two_solutions_in_one_cell_stay_in_the_first_and_no_stub_undoes_them(keeper):
    notebook = solved()
    names = ("a-1-1-solution", "a-1-2-solution")
    both = "\n\n".join(cell(notebook, name).source for name in names)
    cell(notebook, keeper).source = both
    other = next(name for name in names if name != keeper)
    del notebook.cells[at(notebook, other)]
    done = repaired(notebook)
    assert cell(done.notebook, names[0]).source == both
    assert cell(done.notebook, names[1]).source.startswith("# The code of this cell stands in")
    assert missing(done) == ()
    assert said(done, names[1], names[0])


def test_three_solutions_in_one_cell_stay_in_the_first():
    notebook = solved()
    names = ("a-1-1-solution", "a-1-2-solution", "a-1-3-solution")
    whole = "\n\n".join(cell(notebook, name).source for name in names)
    cell(notebook, names[1]).source = whole
    for name in (names[0], names[2]):
        del notebook.cells[at(notebook, name)]
    done = repaired(notebook)
    assert [cell(done.notebook, name).source[:5] for name in names] == [whole[:5], "# The", "# The"]
    assert cell(done.notebook, names[0]).source == whole


def test_solutions_that_stood_in_a_changed_test_are_put_where_they_belong():
    notebook = solved()
    names = ("a-1-1-solution", "a-1-2-solution")
    both = "\n\n".join(cell(notebook, name).source for name in names)
    cell(notebook, "a-1-1-test").source = f"{both}\nprint('passed')"
    for name in names:
        del notebook.cells[at(notebook, name)]
    done = repaired(notebook)
    assert cell(done.notebook, names[0]).source == f"{both}\nprint('passed')"
    assert missing(done) == ()


# --- repairing: tampered ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "changed",
    [
        {"points": 100},
        {"locked": True},
        {"solution": False},
        {"grade": True, "points": 9},
        {"schema_version": 1},
        {"schema_version": "x"},
        {"task": True},
        {"grade_id": "nobody"},
        {"grade_id": 7},
    ],
)
def test_grading_metadata_comes_from_the_template(changed):
    notebook = solved()
    cell(notebook, "a-1-1-solution").metadata.nbgrader.update(changed)
    done = repaired(notebook)
    assert done.notebook.cells == solved().cells
    assert done.reasons == ("restored grading metadata that had been changed: a-1-1-solution",)


def test_grading_metadata_that_is_no_object_is_replaced():
    notebook = solved()
    cell(notebook, "a-1-1-solution").metadata["nbgrader"] = "mine"
    assert repaired(notebook).notebook.cells == solved().cells


@pytest.mark.parametrize("target", ["a-1-1-test", "a-1-2-solution", "a-setup"])
def test_a_solution_that_claims_to_be_another_cell_is_known_by_its_text(target):
    notebook = solved()
    cell(notebook, "a-1-1-solution").metadata.nbgrader.grade_id = target
    done = repaired(notebook)
    assert done.notebook.cells == solved().cells
    assert said(done, "a-1-1-solution", "changed")


def test_an_answer_that_claims_to_be_a_test_is_not_lost():
    notebook = solved()
    answer = cell(notebook, "b-2-4-answer")
    answer.metadata.nbgrader.grade_id = "b-2-3-test"
    assert repaired(notebook).notebook.cells == solved().cells
    answer["id"] = "new"
    del notebook.cells[at(notebook, "b-2-3-test")]
    done = repaired(notebook)
    assert sources(done.notebook) == sources(solved())


@pytest.mark.parametrize("grade_id", ["my-own", None, 7, "a-1-1-test", "a-1-1-solution"])
def test_an_own_cell_that_claims_to_be_graded_is_a_plain_cell(grade_id):
    notebook = solved()
    flags = {"grade": True, "solution": False, "locked": True, "points": 50, "grade_id": grade_id}
    mine = new_code_cell("print('full points')", id="mine", metadata={"nbgrader": flags})
    notebook.cells.insert(6, mine)
    done = repaired(notebook)
    assert [own.source for own in others(done.notebook)] == ["print('full points')"]
    assert sources(solved()).items() <= sources(done.notebook).items()
    assert len(done.reasons) == 1


def test_a_locked_cell_that_was_changed_is_restored_and_white_space_is_no_change():
    notebook = solved()
    cell(notebook, "a-1-1-test").source = "print('passed')"
    cell(notebook, "a-1-2-test").source += "  \r\n\n"
    done = repaired(notebook)
    assert done.notebook.cells == solved().cells
    assert done.reasons == ("restored locked cells that had been changed: a-1-1-test",)


def test_what_was_added_to_a_locked_cell_is_kept_beside_it():
    notebook = solved()
    cell(notebook, "a-1-1-test").source += "\nprint(softmax(scores))"
    done = repaired(notebook)
    assert [own.source for own in others(done.notebook)] == ["print(softmax(scores))"]
    assert said(done, "a-1-1-test", "restored locked cells")


def test_what_is_written_under_prose_or_in_a_play_cell_stays_there():
    notebook = solved("assignment5")
    cell(notebook, "p1-4-2-discussion").source += "\n\nThe GRU is better, as in 1.4.1."
    cell(notebook, "p1-4-1-try").source += "\nprint(1)"
    done = repaired(notebook, "assignment5")
    assert done.notebook == notebook
    assert done.reasons == ()


def test_tags_come_from_the_template():
    notebook = solved()
    cell(notebook, "a-1-1-test").metadata["tags"] = ["demo"]
    cell(notebook, "a-1-1-demo").metadata["tags"] = []
    cell(notebook, "a-1-2-test").metadata["scrolled"] = True
    done = repaired(notebook)
    assert done.notebook.cells == solved().cells
    assert done.reasons == ("restored tags that had been changed: a-1-1-test, a-1-1-demo",)


def test_an_answers_pictures_stay_with_it():
    notebook = solved()
    cell(notebook, "b-2-4-answer")["attachments"] = {"a.png": {"image/png": "aGk="}}
    done = repaired(notebook)
    assert done.notebook == notebook
    assert done.reasons == ()


def test_own_cells_are_kept_with_ids_that_no_other_has():
    notebook = solved()
    mine = [new_markdown_cell(f"note {i}", id="note") for i in range(3)]
    notebook.cells[5:5] = [*mine, new_raw_cell("raw", id="note-2")]
    done = repaired(notebook)
    assert [own.source for own in others(done.notebook)] == ["note 0", "note 1", "note 2", "raw"]


def test_the_kernel_is_the_templates_whatever_saved_the_notebook():
    notebook = solved()
    notebook.metadata = NotebookNode(
        kernelspec={"name": "ir", "display_name": "R", "language": "R"}, colab={}
    )
    done = repaired(notebook)
    assert done.notebook.metadata == {**template().metadata, "colab": {}}
    assert done.reasons == ()


# --- repairing: other editors -------------------------------------------------------------------


def strip(notebook, ids=True):
    """Save the notebook as Colab does: without metadata, and with ids of its own."""
    for i, one in enumerate(notebook.cells):
        one["metadata"] = NotebookNode(id=f"x{i}")
        if ids:
            one["id"] = f"x{i}"
    notebook.metadata = NotebookNode(colab=NotebookNode(provenance=[]))


@pytest.mark.parametrize("ids", [False, True])
@pytest.mark.parametrize("assignment", CODE)
def test_cells_are_known_without_metadata_and_without_ids(assignment, ids):
    notebook = solved(assignment)
    strip(notebook, ids)
    done = repaired(notebook, assignment)
    assert done.notebook.cells == solved(assignment).cells
    assert missing(done) == ()
    assert not ids or said(
        done, "p2-enc" if assignment == "assignment5" else "a-setup", "by their text"
    )
    how = "by their names" if ids else "lost"
    assert said(done, "p1-2-solution" if assignment == "assignment5" else "a-1-1-solution", how)
    assert not ids or said(done, {"gpt2": "b-2-4-answer"}.get(assignment, "p2-1-answer"), "place")


@pytest.mark.parametrize("assignment", CODE)
def test_an_untouched_release_is_known_without_ids(assignment):
    notebook = template(assignment)
    strip(notebook)
    assert repaired(notebook, assignment).notebook.cells == template(assignment).cells


def test_a_solution_that_does_not_parse_is_known_by_its_first_line():
    notebook = solved()
    cell(notebook, "a-1-1-solution").source = "def softmax(x):\n    return (x"
    broken = deepcopy(notebook.cells)
    strip(notebook)
    assert repaired(notebook).notebook.cells == broken


def test_a_solution_without_the_names_is_known_by_its_place():
    notebook = solved()
    cell(notebook, "a-1-1-solution").source = "def soft_max(x):\n    return x"
    kept = deepcopy(notebook.cells)
    strip(notebook)
    done = repaired(notebook)
    assert done.notebook.cells == kept
    assert said(done, "a-1-1-solution", "place")


def test_code_without_ids_that_was_split_is_found_and_joined():
    notebook = solved("assignment5")
    source = cell(notebook, "p1-4-2-solution").source
    line = source[: source.index("def perplexity_GRU")].count("\n")
    split(notebook, "p1-4-2-solution", line)
    strip(notebook)
    done = repaired(notebook, "assignment5")
    assert done.notebook.cells == solved("assignment5").cells


def test_colab_with_cells_moved_and_one_deleted():
    notebook = solved()
    notebook.cells[:0] = [notebook.cells.pop(at(notebook, "b-1-2-solution"))]
    notebook.cells.append(notebook.cells.pop(at(notebook, "a-1-3-test")))
    del notebook.cells[at(notebook, "a-2-1-solution")]
    notebook.cells.insert(9, new_code_cell("print('mine')"))
    notebook.cells.insert(9, new_markdown_cell("my note"))
    strip(notebook)
    done = repaired(notebook)
    assert missing(done) == ("a-2-1-solution",)
    expected = sources(solved()) | {"a-2-1-solution": sources(template())["a-2-1-solution"]}
    assert expected.items() <= sources(done.notebook).items()
    assert {own.source for own in others(done.notebook)} == {"print('mine')", "my note"}
    assert said(done, "b-1-2-solution", "moved")
    assert said(done, "a-1-3-test", "moved")


def test_two_functions_of_the_same_name_without_ids_are_left_to_a_person():
    notebook = solved()
    i = at(notebook, "a-1-1-solution")
    notebook.cells.insert(i, new_code_cell("def softmax(x):\n    return x"))
    strip(notebook)
    done = repaired(notebook)
    assert missing(done) == ("a-1-1-solution",)
    assert said(done, "a-1-1-solution", "could not tell")
    assert said(done, "a-1-1-card", "a-1-1-test")
    names = order(done.notebook)  # the student's last one is the one that runs last
    j = names.index("a-1-1-solution")
    assert cell(solved(), "a-1-1-solution").source == done.notebook.cells[j + 2].source
    assert names[j + 3] == "a-1-1-test"


def test_equal_functions_without_ids_leave_no_doubt():
    notebook = solved()
    i = at(notebook, "a-1-1-solution")
    notebook.cells.insert(i, new_code_cell(notebook.cells[i].source))
    strip(notebook)
    done = repaired(notebook)
    assert missing(done) == ()
    assert sources(solved()).items() <= sources(done.notebook).items()


def test_two_texts_where_an_answer_was_are_left_to_a_person():
    notebook = solved()
    i = at(notebook, "b-2-4-answer")
    notebook.cells.insert(i, new_markdown_cell("A remark."))
    strip(notebook)
    done = repaired(notebook)
    assert missing(done) == ("b-2-4-answer",)
    assert said(done, "b-2-4-answer", "could not tell")
    answer = cell(done.notebook, "b-2-4-answer").source
    assert answer == "A remark.\n\n" + CODE["gpt2"]["b-2-4-answer"].strip()


def test_an_answer_written_in_a_new_cell_is_the_answer():
    notebook = solved()
    notebook.cells[at(notebook, "b-2-4-answer")] = new_markdown_cell("My examples.", id="new")
    done = repaired(notebook)
    assert cell(done.notebook, "b-2-4-answer").source == "My examples."
    assert missing(done) == ()


def test_code_where_an_answer_was_deleted_stays_code():
    notebook = solved()
    notebook.cells[at(notebook, "b-2-4-answer")] = new_code_cell("print(examples)", id="new")
    done = repaired(notebook)
    assert missing(done) == ("b-2-4-answer",)
    assert [own.cell_type for own in others(done.notebook)] == ["code"]


# --- which file ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "names",
    [
        ["gpt2.ipynb"],
        ["gpt2.ipynb", "gpt2.ipynb"],
        ["gpt2.ipynb", ".ipynb_checkpoints/gpt2-checkpoint.ipynb", "._gpt2.ipynb", "notes.txt"],
        ["gpt2.ipynb", "gpt2-checkpoint.ipynb"],
    ],
)
def test_the_right_name_needs_no_reason(names):
    choice = choose_notebook(names, "gpt2.ipynb")
    assert (choice.name, choice.reason) == ("gpt2.ipynb", "")


@pytest.mark.parametrize(
    ("names", "chosen", "ignored"),
    [
        (["gpt2 (1).ipynb", "notes.ipynb"], "gpt2 (1).ipynb", "notes.ipynb"),
        (["GPT2.ipynb", "assignment5.ipynb"], "GPT2.ipynb", "assignment5.ipynb"),
        (["Copy of gpt2.ipynb", "a.ipynb"], "Copy of gpt2.ipynb", "a.ipynb"),
        (["gpt2-Copy1.ipynb", "a.ipynb"], "gpt2-Copy1.ipynb", "a.ipynb"),
        (["gpt2.ipynb.ipynb", "a.ipynb"], "gpt2.ipynb.ipynb", "a.ipynb"),
        (["Ann_Lee_gpt2_final.ipynb", "gpt22.ipynb"], "Ann_Lee_gpt2_final.ipynb", "gpt22.ipynb"),
        (["homework.ipynb"], "homework.ipynb", ""),
        (["gpt2.IPYNB"], "gpt2.IPYNB", ""),
    ],
)
def test_a_wrong_name_is_taken_with_a_reason_if_it_must_be_meant(names, chosen, ignored):
    choice = choose_notebook(names, "gpt2.ipynb")
    assert choice.name == chosen
    also = f" and ignored {ignored}" if ignored else ""
    assert choice.reason == f"took {chosen} for gpt2.ipynb{also}"


@pytest.mark.parametrize(
    "name",
    [
        "GPT2.IPYNB",
        "Gpt2.Ipynb",
        "gpt2.ipynb.json",
        "gpt2.ipynb.txt",
        "GPT2.ipynb.TXT",
        "gpt2.json",
        "gpt2.txt",
        "gpt2 (1).ipynb.txt",
        "ann-lee.ipynb.json",
        "gpt2.ipynb.ipynb",
        "gpt2.ipynb/final.ipynb",
        "homework/gpt2.ipynb.txt",
    ],
)
def test_other_names_that_programs_give_are_taken_with_a_reason(name):
    names = ["notes.txt", "plot.json", "timestamp.txt", name]
    choice = choose_notebook(names, "gpt2.ipynb")
    assert (choice.name, choice.reason) == (name, f"took {name} for gpt2.ipynb")


@pytest.mark.parametrize(
    "name",
    ["gpt2.zip", "gpt2.ipynb.zip", "gpt2", "gpt2.pdf", "gpt2.html", "gpt2.ipynb.html", "gpt2.py"],
)
def test_what_is_there_in_place_of_a_notebook_is_named(name):
    with pytest.raises(Unreadable) as caught:
        choose_notebook([name, "timestamp.txt"], "gpt2.ipynb")
    assert str(caught.value) == f"there is no notebook: gpt2.ipynb is expected, and there is {name}"


def test_a_renamed_notebook_beside_a_notebook_is_not_looked_for():
    assert choose_notebook(["gpt2.json", "gpt2.ipynb"], "gpt2.ipynb").reason == ""


def test_a_copy_beside_the_right_notebook_is_ignored_and_named():
    choice = choose_notebook(["gpt2.ipynb", "gpt2-Copy1.ipynb"], "gpt2.ipynb")
    assert (choice.name, choice.reason) == ("gpt2.ipynb", "ignored gpt2-Copy1.ipynb")


@pytest.mark.parametrize(
    ("names", "words"),
    [
        ([], "no notebook: gpt2.ipynb is expected"),
        (["gpt2.py", "._gpt2.ipynb"], "no notebook: gpt2.ipynb is expected"),
        (["one.ipynb", "two.ipynb"], "one.ipynb, two.ipynb"),
        (["gpt2 (1).ipynb", "gpt2 (2).ipynb"], "not clear"),
        (["my_gpt2.ipynb", "gpt2-new.ipynb"], "not clear"),
    ],
)
def test_where_several_files_may_be_meant_none_is_taken(names, words):
    with pytest.raises(Unreadable, match=words):
        choose_notebook(names, "gpt2.ipynb")


def test_a_submission_is_repaired_with_all_reasons_in_order():
    files = {"my gpt2.ipynb": codecs.BOM_UTF8 + raw(solved()), "notes.txt": b"hi"}
    done = repair.repair_submission(files, "gpt2.ipynb", template())
    assert done.notebook.cells == solved().cells
    assert done.reasons == (
        "took my gpt2.ipynb for gpt2.ipynb",
        "read the file as UTF-8 with a byte order mark: notebooks are plain UTF-8",
    )


def test_another_notebook_beside_the_right_one_is_no_repair():
    files = {"gpt2.ipynb": raw(solved()), "old.ipynb": b"{}"}
    assert repair.repair_submission(files, "gpt2.ipynb", template()).reasons == ()


# --- all at once --------------------------------------------------------------------------------

# What each does to a notebook; ``touched`` are cells whose text it may have cost or joined.


def lose_a_cell(notebook, rng, touched):
    touched.add(notebook.cells.pop(rng.randrange(len(notebook.cells))).id)


def move_a_cell(notebook, rng, touched):
    one = notebook.cells.pop(rng.randrange(len(notebook.cells)))
    notebook.cells.insert(rng.randrange(len(notebook.cells)), one)


def copy_a_cell(notebook, rng, touched):
    one = rng.choice(notebook.cells)
    notebook.cells.insert(
        rng.randrange(len(notebook.cells)), copy_of(one, f"c{rng.randrange(10**9)}")
    )


def add_a_cell(notebook, rng, touched):
    new = rng.choice([new_code_cell, new_markdown_cell, new_raw_cell])
    source = rng.choice(["", "print(1)", "%%time\nx = 1", "def helper():\n    pass", "(", "# text"])
    one = new(source, id=f"n{rng.randrange(10**9)}")
    notebook.cells.insert(rng.randrange(len(notebook.cells)), one)


def retype_a_cell(notebook, rng, touched):
    one = rng.choice(notebook.cells)
    one["cell_type"] = rng.choice(["code", "markdown", "raw"])
    for field in ("outputs", "execution_count"):
        one.pop(field, None)
    if one.cell_type == "code":
        one.update(outputs=[], execution_count=None)


def tamper_with_a_cell(notebook, rng, touched):
    flags = rng.choice(notebook.cells).metadata.get("nbgrader")
    if flags:
        flags[rng.choice(["points", "grade", "locked", "solution", "task"])] = rng.randrange(2)


def change_a_locked_cell(notebook, rng, touched):
    one = rng.choice(notebook.cells)
    asked = {name for cells in CODE.values() for name in cells}  # whatever else was done to them
    if one.metadata.get("nbgrader", {}).get("locked") and one.id not in asked:
        one.source = rng.choice([one.source + "\nprint(2)", "print('passed')", ""])


def lose_metadata(notebook, rng, touched):
    for one in notebook.cells:
        if rng.random() < 0.5:
            one["metadata"] = NotebookNode()


def swap_names(notebook, rng, touched):
    one, other = rng.sample(notebook.cells, 2)
    if "nbgrader" in one.metadata and "nbgrader" in other.metadata:
        one.metadata.nbgrader.grade_id = other.metadata.nbgrader.grade_id


def merge_cells(notebook, rng, touched):
    i = rng.randrange(len(notebook.cells) - 3)
    some = notebook.cells[i : i + rng.randrange(2, 4)]
    touched.update(one.id for one in some)
    active = rng.choice(some)
    whole = copy_of(active, active.id, "\n\n".join(one.source for one in some))
    notebook.cells[i : i + len(some)] = [whole]


def split_a_cell(notebook, rng, touched):
    one = rng.choice([c for c in notebook.cells if c.cell_type == "code"])
    lines = one.source.count("\n") + 1
    if order(notebook).count(one.id) == 1 and lines > 1 and "part-0" not in order(notebook):
        touched.add(one.id)
        split(notebook, one.id, rng.randrange(1, lines), rng.randrange(2), rng.random() < 0.5)
        for j, name in enumerate(order(notebook)):
            if name.startswith("part-"):
                notebook.cells[j]["id"] = f"s{rng.randrange(10**9)}"


DAMAGES = [
    lose_a_cell,
    move_a_cell,
    copy_a_cell,
    add_a_cell,
    retype_a_cell,
    tamper_with_a_cell,
    change_a_locked_cell,
    lose_metadata,
    swap_names,
    merge_cells,
    split_a_cell,
]


@pytest.mark.parametrize("assignment", CODE)
@pytest.mark.parametrize("colab", [False, True])
def test_whatever_is_damaged_the_rest_is_kept(assignment, colab):
    whole = solved(assignment)
    for seed in range(50):
        rng, notebook, touched = random.Random(seed), fresh(whole), set()
        for damage in rng.choices(DAMAGES, k=rng.randrange(1, 9)):
            damage(notebook, rng, touched)
        if colab:
            strip(notebook)
        if seed % 5 == 0:  # most of the time would go there
            notebook, _ = read_once(raw(notebook))
        done = repaired(notebook, assignment)
        everything = "\n".join(one.source for one in done.notebook.cells)
        for one in whole.cells:
            flags = one.metadata.get("nbgrader", {})
            if one.id in touched or not flags.get("solution"):
                continue
            if one.cell_type == "code":
                assert cell(done.notebook, one.id).source == one.source, (seed, one.id)
                assert one.id not in missing(done)
            else:  # an answer without an id may have a rival, but is never lost
                assert one.source in everything, (seed, one.id)
        wanted = sources(kept_template(assignment))
        for name in missing(done):
            is_as_handed_out = cell(done.notebook, name).source == wanted[name]
            assert is_as_handed_out or said(done, name, "beside untouched answers"), (seed, name)


@pytest.mark.parametrize("colab", [False, True])
def test_no_line_of_a_students_code_is_lost(colab):
    for seed in range(100, 130):
        rng, notebook, touched = random.Random(seed), solved(), set()
        damages = [d for d in DAMAGES if d not in (lose_a_cell, change_a_locked_cell)]
        for damage in rng.choices(damages, k=6):
            damage(notebook, rng, touched)
        if colab:
            strip(notebook)
        lines = {line.strip() for one in notebook.cells for line in one.source.split("\n")}
        done = repair.repair(notebook, kept_template("gpt2"))
        kept = {line.strip() for one in done.notebook.cells for line in one.source.split("\n")}
        assert lines <= kept, (seed, lines - kept)
