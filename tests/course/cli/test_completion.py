"""A shell completes what the course command takes, without waiting for what the command runs."""

import os
import shutil
import subprocess
import sys

import pytest

from tests.conftest import ROOT

PROGRAM = "import sys; sys.argv[0] = 'course'; from course.cli.main import main; main()"
HEAVY = [
    "nbgrader",
    "nbformat",
    "nbconvert",
    "sqlalchemy",
    "numpy",
    "matplotlib",
    "IPython",
    "jinja2",
]


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """A course in which three have handed something in, and which has lost a master."""
    root = tmp_path_factory.mktemp("course")
    (root / "nbgrader_config.py").touch()
    for student, assignment in [("anna", "gpt2"), ("anton", "gpt2"), ("annika", "assignment5")]:
        (root / "submitted" / student / assignment).mkdir(parents=True)
    shutil.copytree(ROOT / "source" / "gpt2", root / "source" / "gpt2")
    return root


def completed(folder, *words):
    """Return what bash is offered for the last of the words, and nothing may be said besides."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=folder,
        capture_output=True,
        encoding="utf-8",
        check=False,
        timeout=600,
        env={
            **os.environ,
            "_COURSE_COMPLETE": "complete_bash",
            "COMP_WORDS": " ".join(("course", *words)),
            "COMP_CWORD": str(len(words)),
        },
    )
    assert done.stderr == ""
    return done.stdout.split()


def test_commands_are_completed(course):
    assert completed(course, "auto") == ["autograde"]


@pytest.mark.parametrize(
    "words",
    [
        ("autograde", ""),
        ("regrade", "g"),
        ("export", "canvas", "x.csv", "--assignment", ""),
        ("collect", "canvas", "x.zip", "--assignment", ""),
        ("export", "csv", "--assignment", ""),
    ],
)
def test_assignments_are_those_that_have_a_master(course, words):
    assert completed(course, *words) == ["gpt2"]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("autograde", "gpt2", "--student", "an"), ["anna", "anton"]),
        (("audit", "gpt2", "--student", "ant"), ["anton"]),
        (("feedback", "--student", "ann"), ["anna", "annika"]),  # of what, is not yet said
        (("replay", "an"), ["anna", "annika", "anton"]),
        (("export", "csv", "--student", "anto"), ["anton"]),
    ],
)
def test_students_are_those_who_have_handed_it_in(course, words, expected):
    assert completed(course, *words) == expected


def test_tests_are_those_of_what_the_student_has_handed_in(course):
    assert completed(course, "replay", "anna", "a-1-1-") == ["a-1-1-test", "a-1-1-test-stable"]
    assert completed(course, "replay", "annika", "") == []  # her assignment's master is lost
    assert completed(course, "replay", "nobody", "") == []


@pytest.mark.parametrize("words", [("autograde", ""), ("replay", ""), ("replay", "anna", "")])
def test_outside_of_a_course_there_is_nothing_to_complete(tmp_path, words):
    assert completed(tmp_path, *words) == []


def test_completing_loads_nothing_of_what_commands_run():
    look = f"import sys, course.cli.main; print(*(set({HEAVY!r}) & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", look], capture_output=True, encoding="utf-8", check=True, timeout=600
    )
    assert done.stdout.split() == []
