import os
import subprocess
import sys
from pathlib import Path

import pytest

from autograder import assignment
from autograder.assignment import AssignmentError, AssignmentPart, TurnIn

ROOT = Path(__file__).resolve().parents[2]
WARM = """
title = "Warm"

[warm]
modules = ["numpy", "os.path"]
run = ["numpy.zeros(3)"]

[warm.shared]
pair = "[numpy.ones(i + 1) for i in range(2)]"
"""


def test_one_line_makes_an_assignment():
    intro = assignment.parse("intro", 'title = "Introduction"')
    assert (intro.name, intro.title, intro.points) == ("intro", "Introduction", None)
    assert intro.parts == intro.data == ()
    assert intro.turn_in is None
    assert intro.gradescope.megabytes == 768
    assert intro.text == 'title = "Introduction"'


def test_the_courses_own_assignments_are_read():
    gpt2, five = (assignment.read(ROOT / "source" / name) for name in ("gpt2", "assignment5"))
    assert (gpt2.points, five.points) == (100, 55)
    assert gpt2.turn_in == TurnIn("template.py", "2_4.txt")
    assert five.turn_in is None
    assert gpt2.parts[0] == AssignmentPart("Multi-head attention", 50)
    for entry in (*gpt2.data, *five.data):
        assert (ROOT / "data" / entry).exists()


@pytest.mark.parametrize("name", ["gpt2", "assignment5"])
@pytest.mark.parametrize("place", ["here", "gradescope"])
def test_what_the_courses_own_assignments_load_first_can_be_loaded(name, place):
    settings = assignment.read(ROOT / "source" / name)
    warm = settings.warm if place == "here" else settings.gradescope.warm
    environment = {**os.environ, "COURSE_DATA": str(ROOT / "data"), "MPLBACKEND": "agg"}
    done = subprocess.run(
        [sys.executable, "-c", warm.preload], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


def test_a_preload_imports_then_shares_then_runs():
    scope = {}
    exec(assignment.parse("warm", WARM).preload, scope)
    assert [len(array) for array in scope["shared"]["pair"]] == [1, 2]
    assert "os" in scope


def test_gradescope_loads_what_everybody_loads_unless_it_says_otherwise():
    settings = assignment.parse("warm", WARM)
    assert settings.gradescope.warm == settings.warm
    other = assignment.parse("warm", WARM + "\n[gradescope]\nmegabytes = 1024\nwarm = {}\n")
    assert other.gradescope.megabytes == 1024
    assert other.gradescope.warm.preload == "shared = {}"


def test_what_masters_write_is_known_and_a_broken_file_does_not_hide_it(tmp_path):
    for name, text in (("a", 'title = "A"\nturn_in = {functions = "t.py"}'), ("b", "title =")):
        (tmp_path / name).mkdir()
        (tmp_path / name / assignment.FILE).write_text(text)
    assert assignment.written_files(tmp_path) == ["t.py"]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("title =", "is not TOML: Invalid value (at end of document)"),
        ("points = 3", 'title is missing: add title = "..."'),
        ("title = 3", 'title is 3: write it as one line of text, title = "..."'),
        ('title = "a\\nb"', "title is 'a\\nb': write it as one line of text, title = \"...\""),
        ('poinst = 3\ntitle = "T"', "there is no key 'poinst'; did you mean points?"),
        (
            'x = 3\ntitle = "T"',
            "there is no key 'x'; known are title, points, parts, data, turn_in, warm, gradescope",
        ),
        ('title = "T"\npoints = "3"', "points is '3': write a positive number, or leave it out"),
        ('title = "T"\npoints = true', "points is True: write a positive number, or leave it out"),
        ('title = "T"\npoints = nan', "points is nan: write a positive number, or leave it out"),
        (
            'title = "T"\npoints = 3\n[[parts]]\ntitle = "A"\npoints = 2',
            "points is 3, but its parts add up to 2",
        ),
        ('title = "T"\nparts = "A"', "parts is 'A': write tables, [[parts]]"),
        ('title = "T"\n[[parts]]\npoints = 2', 'parts.title is missing: add title = "..."'),
        (
            'title = "T"\ndata = ["../secret"]',
            "data has '../secret': give paths below data/, such as 'texts/novel.txt'",
        ),
        ('title = "T"\ndata = "a"', 'data is \'a\': write a list of texts, data = ["...", "..."]'),
        ('title = "T"\nturn_in = "a.py"', "turn_in is 'a.py': write a table, [turn_in]"),
        (
            'title = "T"\n[turn_in]\nfunctions = "../a.py"',
            "turn_in.functions is '../a.py': give a file name that ends in .py",
        ),
        (
            'title = "T"\n[turn_in]\nfunctoins = "a.py"',
            "there is no key 'turn_in.functoins'; did you mean functions?",
        ),
        (
            'title = "T"\n[warm]\nmodules = ["os; evil"]',
            "warm.modules has 'os; evil', which is no module's name",
        ),
        (
            'title = "T"\n[warm]\nmodules = ["numpy"]\nrun = ["seqlab.load()"]',
            "warm.run uses seqlab: add it to warm.modules",
        ),
        (
            'title = "T"\n[warm]\nmodules = ["numpy"]\n[warm.shared]\na = "numpy.ones("',
            "warm.shared.a has 'numpy.ones(', which is no Python expression: '(' was never closed",
        ),
        (
            'title = "T"\n[gradescope]\nmegabytes = 512',
            "gradescope.megabytes must be a whole number, 768 or more",
        ),
    ],
)
def test_a_mistake_is_one_line_that_names_the_file_and_the_key(text, complaint):
    with pytest.raises(AssignmentError) as caught:
        assignment.parse("intro", text)
    assert str(caught.value).startswith("source/intro/assignment.toml")
    assert str(caught.value).removeprefix("source/intro/assignment.toml").lstrip(": ") == complaint


def test_a_folder_without_the_file_is_told_what_to_write(tmp_path):
    (tmp_path / "intro").mkdir()
    with pytest.raises(AssignmentError) as caught:
        assignment.read(tmp_path / "intro")
    assert str(caught.value) == (
        'source/intro/assignment.toml is missing: write one with at least the line title = "intro"'
    )
