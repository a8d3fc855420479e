"""A fresh clone has the folders that the README promises, and their READMEs disturb nobody."""

import shutil
import subprocess

import pytest

from course.run.scores import NbgraderRunner
from tests.conftest import ROOT
from tests.support.classroom import GPT2, example, hand_in, make_course

FILLED_LATER = ["submitted", "autograded", "feedback", "solutions"]
FOLDERS = ["source", "release", "data", *FILLED_LATER]


def tracked():
    """The files that a clone gets, and those that the next commit adds."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_fresh_clone_has_the_folder_and_a_page_says_what_it_is_for(folder):
    assert f"{folder}/README.md" in tracked()


@pytest.mark.parametrize("folder", FILLED_LATER)
def test_nothing_else_of_a_folder_that_is_filled_later_gets_into_git(folder):
    assert [path for path in tracked() if path.startswith(f"{folder}/")] == [f"{folder}/README.md"]
    written = f"{folder}/ann/gpt2/gpt2.ipynb"
    done = subprocess.run(["git", "check-ignore", "-q", written], cwd=ROOT, check=False)
    assert done.returncode == 0


@pytest.fixture
def course(tmp_path):
    """A course as a clone has it, in which one student handed in nothing but blank cells."""
    course = make_course(tmp_path / "course")
    for folder in FOLDERS[:-1]:
        (course.root / folder).mkdir(exist_ok=True)
        if folder != "data":  # a link to the repository's
            shutil.copy(ROOT / folder / "README.md", course.root / folder)
    hand_in(course, "ann", example("blank"))
    return course


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # nbgrader's, jupyter's and SQLAlchemy's own
@pytest.mark.skipif(shutil.which("bwrap") is None, reason="needs bubblewrap")
def test_no_command_takes_a_readme_for_a_student_or_an_assignment(course):
    assert course.students(GPT2) == ["ann"]
    runner = NbgraderRunner(course)
    assert runner.api.get_source_assignments() == {GPT2}
    assert runner.api.get_submitted_students("*") == {"ann"}
    assert runner.grade(GPT2, "ann").status == "graded"
    runner.feedback(GPT2, "ann")
    for listed in (runner.api.get_submissions(GPT2), runner.api.get_students()):
        assert [row.get("student", row.get("id")) for row in listed] == ["ann"]
    assert {path.name for path in (course.root / "feedback").iterdir()} == {"README.md", "ann"}
