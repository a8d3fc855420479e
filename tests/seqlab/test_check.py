"""The check that students run: what it finds in a notebook, and that it changes nothing."""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from seqlab import check, notebooks, static_checks
from seqlab.__main__ import main
from seqlab.errors import DataError
from seqlab.static_checks import Work

pytestmark = pytest.mark.filterwarnings("ignore")  # jupyter's own
ASKED = "def double(x):\n    # your code here\n    return x"
TOO_LONG = "while True:\n    pass"


def marked(kind, name, source, points=0, tags=()):
    """Return a cell as a release has it: a solution, an answer, a test, or locked."""
    flags = {
        "grade": points > 0,
        "solution": kind in ("solution", "answer"),
        "locked": kind in ("test", "locked"),
        "task": False,
        "grade_id": name,
        "schema_version": 3,
        **({"points": points} if points else {}),
    }
    make = new_markdown_cell if kind == "answer" else new_code_cell
    cell = make(source, id=name, metadata={"nbgrader": flags, "tags": list(tags)})
    cell.metadata.nbgrader["checksum"] = notebooks.checksum(notebooks.NotebookCell(0, cell))
    return cell


def handed_out():
    """Return a small notebook as it is handed out."""
    return new_notebook(
        cells=[
            new_markdown_cell("# Toy\n## Problem 1: Two of a kind (5 points)", id="card-1"),
            marked("locked", "setup", "base = 2"),
            marked("solution", "double", ASKED),
            marked("test", "double-test", "assert double(2) == 4, 'double(2) is 4'", 3),
            marked("test", "double-test-zero", "assert double(0) == 0", 2),
            marked("locked", "demo", "shown = double(21)\nprint(shown)", tags=["demo"]),
            new_markdown_cell("## Problem 2: Halves\n```\n# no heading\n```", id="card-2"),
            marked(
                "solution",
                "half",
                "def half(x):\n    result = ...\n    # your code here\n    return result",
            ),
            marked("test", "half-test", "assert half(4) == 2", 1),
            marked("answer", "why", "*Your answer here.*", 2),
        ]
    )


def written(changes, own=(), drop=()):
    """Return what a student makes of it: sources by id, cells of their own, cells deleted."""
    notebook = handed_out()
    for cell in notebook.cells:
        cell.source = changes.get(cell.id, cell.source)
    for place, source in own:
        at = next(i for i, cell in enumerate(notebook.cells) if cell.id == place)
        notebook.cells.insert(at, new_code_cell(source))
    notebook.cells = [cell for cell in notebook.cells if cell.id not in drop]
    return notebook


SOLVED = {
    "double": "def double(x):\n    return base * x",
    "half": "def half(x):\n    return x / base",
    "why": "Because.",
}


def saved(root, notebook, with_original=True):
    """Write a notebook into a folder of its own, with the original where releases lie."""
    if with_original:
        (root / "release" / "toy").mkdir(parents=True)
        nbformat.write(handed_out(), root / "release" / "toy" / "toy.ipynb")
    (root / "mine").mkdir()
    nbformat.write(notebook, root / "mine" / "toy.ipynb")
    return root / "mine" / "toy.ipynb"


def checked(path, **options):
    """Check a notebook; return the status and the printed lines."""
    lines = []
    return check.check(path, say=lines.append, **options), lines


def line_with(lines, *words):
    """Return the one line that has all the words."""
    (line,) = [line for line in lines if all(word in line for word in words)]
    return line


@pytest.fixture(scope="module")
def messy(tmp_path_factory):
    """Everything at once that can be wrong with a notebook that still runs."""
    root = tmp_path_factory.mktemp("messy")
    secret = root / "elsewhere.txt"
    secret.write_text("far away")
    notebook = written(
        {"double": "def double(x):\n    return x * helper", "double-test": "pass"},
        own=[
            ("double", "print(late)"),
            ("double", f"open({str(secret)!r}).read()"),
            ("double", "path = '/home/me/weights.npy'"),
            ("double", "open('notes.txt').read()"),
            ("double", "import mine"),
            ("double", "open('gone.txt')"),
            ("double", "open('made.txt', 'w').write('x')\nopen('made.txt').read()"),
            ("demo", "if False:\n    input('how many? ')"),
            ("card-2", "print(shown + 1)"),
            ("card-2", "late = 1"),
            ("card-2", TOO_LONG),
        ],
        drop=["half-test"],
    )
    notebook.cells.append(marked("solution", "double", ASKED))
    notebook.cells[-1].id = "double-again"
    path = saved(root, notebook)
    (path.parent / "notes.txt").write_text("beside")
    (path.parent / "mine.py").write_text("")
    before = {p: (p.read_bytes(), p.stat().st_mtime_ns) for p in path.parent.iterdir()}
    status, lines = checked(path, seconds=2)
    after = {p: (p.read_bytes(), p.stat().st_mtime_ns) for p in path.parent.iterdir()}
    return status, lines, before, after, secret


def test_a_messy_notebook_is_not_ready(messy):
    assert messy[0] == 1


def test_no_file_beside_the_notebook_changes(messy):
    _, _, before, after, _ = messy
    assert before == after


def test_a_name_that_no_cell_defines_is_named_where_it_is_used(messy):
    assert "which no cell defines" in line_with(messy[1], "wrong", "def double", "`helper`")


def test_a_name_that_is_defined_further_down_is_told_with_its_cell(messy):
    line = line_with(messy[1], "wrong", "print(late)", "`late`")
    assert "defined only further down, in cell 16" in line


def test_a_name_that_only_a_demonstration_defines_is_told(messy):
    line = line_with(messy[1], "wrong", "print(shown + 1)", "`shown`")
    assert "grading does not run it" in line


def test_a_locked_cell_runs_as_it_was_handed_out_and_its_change_is_told(messy):
    assert line_with(messy[1], "note", "locked and was changed")
    assert line_with(messy[1], "fails", "test in cell 11", "NameError: name 'helper'")


def test_a_cell_that_takes_too_long_is_stopped_and_told(messy):
    assert line_with(messy[1], "fails", "while True", "stopped after 2 s")


def test_a_file_of_this_machine_is_told_once(messy):
    _, lines, _, _, secret = messy
    assert line_with(lines, str(secret.resolve()), "grading does not have")


def test_a_path_that_only_stands_in_the_code_is_told(messy):
    assert line_with(messy[1], "/home/me/weights.npy", "a place on this machine")


def test_files_and_modules_beside_the_notebook_are_noted(messy):
    assert line_with(messy[1], "note", "reads notes.txt", "hand it in")
    assert line_with(messy[1], "note", "mine.py is imported")


def test_a_file_that_is_missing_fails_with_a_reason(messy):
    assert line_with(messy[1], "fails", "gone.txt", "grading, too, has only what you hand in")


def test_a_file_that_the_notebook_makes_itself_is_its_own(messy):
    assert not [line for line in messy[1] if "made.txt" in line and "reads" in line]


def test_input_is_told_even_where_it_is_not_reached(messy):
    assert line_with(messy[1], "wrong", "input()")


def test_a_deleted_test_is_told_with_its_problem_and_points(messy):
    assert "(1 point) from Problem 2: Halves" in line_with(messy[1], "wrong", "a test is gone")


def test_a_copied_cell_is_told_with_both_places(messy):
    assert line_with(messy[1], "wrong", "cells 10 and 21 are copies of one another")


def test_unwritten_work_is_missing(messy):
    assert line_with(messy[1], "missing", "def half", "still as it was handed out")
    assert line_with(messy[1], "missing", "not answered yet")


@pytest.fixture(scope="module")
def ready(tmp_path_factory):
    """A finished notebook."""
    return checked(saved(tmp_path_factory.mktemp("ready"), written(SOLVED)))


def test_a_finished_notebook_is_ready(ready):
    status, lines = ready
    assert (status, [line for line in lines if "  note " in line]) == (0, [])
    assert "3 of 3 visible tests pass" in lines


def test_hidden_tests_are_announced_with_the_points_of_each_problem(ready):
    _, lines = ready
    assert "2 of 2 tests pass (5 points*)" in line_with(lines, "Problem 1: Two of a kind")
    assert "1 of 1 test passes (1 point*), written (2 points)" in line_with(
        lines, "Problem 2: Halves"
    )
    assert line_with(lines, "* These 6 points hang on hidden tests")


def test_the_blank_notebook_says_what_waits_and_repeats_no_failure(tmp_path):
    status, lines = checked(saved(tmp_path, handed_out(), with_original=False))
    assert status == 1
    assert line_with(lines, "missing", "def double", "1 test waits for it")  # double(0) == 0 passes
    assert line_with(lines, "missing", "cell 10: not answered yet")
    assert not [line for line in lines if "fails" in line]
    assert line_with(lines, "note", "is not beside it")


def test_a_test_that_fails_is_one_line_in_its_own_words(tmp_path):
    wrong = {**SOLVED, "double": "def double(x):\n    return 3 * x", "half": "half = len"}
    status, lines = checked(saved(tmp_path, written(wrong)))
    assert status == 1
    assert line_with(lines, "fails", "test in cell 4: double(2) is 4")
    assert line_with(lines, "fails", "test in cell 9: TypeError: object of type 'int' has no len()")


def test_one_of_two_functions_is_missed_by_name(tmp_path):
    source = "def half(x):\n    result = ...\n    # your code here\n    return result\n"
    both = source + "\n\ndef third(x):\n    result = x / 3\n    return result\n"
    cell = notebooks.NotebookCell(0, marked("solution", "half", source))
    cell.node.source = both
    assert notebooks.unfinished(cell, None) == "still to be written: half"
    cell.node.source = both.replace("result = ...", "result = x / 2")
    assert notebooks.unfinished(cell, None) == ""


def test_dots_that_are_overwritten_are_no_gap(tmp_path):
    cell = notebooks.NotebookCell(0, marked("solution", "half", "def half(x): ..."))
    cell.node.source = "def half(x):\n    r = ...\n    r = x / 2\n    return r[..., None]"
    assert notebooks.unfinished(cell, None) == ""


def test_a_kernel_that_dies_leaves_the_rest_unrun(tmp_path):
    notebook = written(SOLVED, own=[("double-test", "import os\nos._exit(3)")])
    status, lines = checked(saved(tmp_path, notebook))
    assert status == 1
    assert line_with(lines, "wrong", "the kernel died", "3 tests could not run")


def test_demonstrations_run_when_asked_for(tmp_path):
    broken = written(SOLVED)
    broken.cells[5] = marked("locked", "demo", "1 / 0", tags=["demo"])
    path = saved(tmp_path, broken, with_original=False)
    assert checked(path)[0] == 0
    status, lines = checked(path, demos=True)
    assert status == 1
    assert line_with(lines, "fails", "1 / 0", "ZeroDivisionError")


# The command line, and files that are no notebooks


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "cannot be read"),
        (b"{", "is not a notebook"),
        (b"\xff\xfe\x00", "it is not text"),
        (b'{"cells": 3}', "is not a notebook"),
        (b'{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}', "no cell with code"),
        (b"<<<<<<< HEAD\n{}\n=======\n>>>>>>> mine\n", "marks of a merge"),
    ],
)
@pytest.mark.parametrize("command", ["check", "bundle"])
def test_what_is_no_notebook_is_one_line_and_the_status_2(
    tmp_path, capsys, command, content, reason
):
    if content is not None:
        (tmp_path / "x.ipynb").write_bytes(content)
    assert main([command, str(tmp_path / "x.ipynb")]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert reason in line


def test_a_notebook_without_any_marks_is_told_so(tmp_path):
    bare = new_notebook(cells=[new_code_cell("x = 1")])
    work = Work.of(saved(tmp_path, bare, with_original=False))
    (finding,) = static_checks.damage(work)
    assert (finding.kind, "an editor has dropped them" in finding.text) == ("wrong", True)


def test_where_no_kernel_starts_the_status_is_2(tmp_path, monkeypatch, capsys):
    path = saved(tmp_path, written(SOLVED))
    monkeypatch.setattr(check.kernel_start, "KERNEL", ["--no-such-option-at-all=1", "--help"])
    monkeypatch.setattr("nbclient.client.NotebookClient.startup_timeout", 5)
    assert main(["check", str(path)]) == 2
    assert "no kernel starts" in capsys.readouterr().err


def test_the_command_runs_from_another_folder_and_shows_a_bar(tmp_path):
    path = saved(tmp_path, written(SOLVED))
    done = subprocess.run(
        [sys.executable, "-m", "seqlab", "check", str(path)],
        capture_output=True,
        text=True,
        encoding="utf-8",
        cwd=tmp_path,
        timeout=600,
        env={**os.environ, "PYTHONIOENCODING": "utf-8"},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "toy.ipynb: 100%" in done.stderr


# Paths, checksums, headings


@pytest.mark.parametrize(
    "path", ["/home/me/x.npy", "~/x.npy", "C:\\me\\x.npy", "D:/x.npy", "\\\\server\\x", "/a/b/"]
)
def test_places_on_one_machine_are_recognised(path):
    assert static_checks.ELSEWHERE.fullmatch(path)


@pytest.mark.parametrize("text", ["/", " / ", "a/b.npy", "../x", "1/2", "x / y", "A: b", "\\n", ""])
def test_other_texts_are_no_places(text):
    assert not static_checks.ELSEWHERE.fullmatch(text)


def test_checksums_are_nbgraders():
    utils = pytest.importorskip("nbgrader.utils")
    for cell in handed_out().cells:
        if "nbgrader" in cell.metadata:
            assert notebooks.checksum(notebooks.NotebookCell(0, cell)) == utils.compute_checksum(
                cell
            )


def test_headings_within_code_are_none_and_problems_know_what_they_lie_under():
    sections = notebooks.sections(handed_out())
    assert [section.title for section in sections] == [
        "",
        "Toy",
        "Problem 1: Two of a kind (5 points)",
        "Problem 2: Halves",
    ]
    assert sections[-1].above == ("Toy",)
    assert [section.points for section in sections] == [0, 0, 5, 3]


def test_a_notebook_of_another_assignment_is_not_the_original(tmp_path):
    path = saved(tmp_path, new_notebook(cells=[marked("solution", "other", "x")]))
    assert Work.of(path).released_at is None


def test_the_original_is_not_the_notebook_itself(tmp_path):
    path = saved(tmp_path, handed_out())
    shutil.rmtree(path.parent)
    given = tmp_path / "release" / "toy" / "toy.ipynb"
    assert Work.of(given).released_at is None


def test_reading_a_notebook_leaves_its_bytes(tmp_path):
    path = saved(tmp_path, handed_out())
    before = hashlib.sha256(path.read_bytes()).hexdigest()
    Work.of(path)
    assert hashlib.sha256(path.read_bytes()).hexdigest() == before


def test_a_missing_notebook_is_a_data_error(tmp_path):
    with pytest.raises(DataError, match="cannot be read"):
        Work.of(Path(tmp_path / "none.ipynb"))


def test_a_kernel_starts_before_what_reads_notebooks_is_imported():
    code = (
        "import sys, seqlab.__main__; print('nbformat' in sys.modules, 'nbclient' in sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.split() == ["False", "False"]


def test_a_kernel_that_was_started_and_not_used_is_ended(tmp_path):
    from seqlab import kernel_start

    with kernel_start.started(tmp_path) as kernel:
        manager, folder = kernel.manager, kernel.folder
        assert manager.has_kernel
        assert folder.is_dir()
    assert not manager.has_kernel
    assert not folder.exists()


def test_a_notebook_that_cannot_be_read_is_one_line_all_the_same(tmp_path, capsys):
    (tmp_path / "x.ipynb").write_text("no JSON")
    assert main(["check", str(tmp_path / "x.ipynb")]) == 2
    assert main(["check", str(tmp_path / "nowhere" / "x.ipynb")]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 2
