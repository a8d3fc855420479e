"""A folder with exactly the original course's files is enough to release and to grade with."""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import nbformat
import pytest

from autograder import fingerprint
from course import doctor
from course.directory import CONFIG, Course, CourseError
from course.release import generate, student_zip
from examples import build
from examples.roster import CLASS
from seqlab import verify
from tests.conftest import ROOT
from tests.support import original_course

NAME = "assignment5"


@pytest.fixture(scope="module")
def place():
    """A folder that the sandbox does not hide, as one below /tmp would be."""
    with tempfile.TemporaryDirectory(dir="/var/tmp", prefix="original-") as name:
        yield Path(name)


@pytest.fixture(scope="module")
def folders(place):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COURSE_DATA", str(ROOT / "data"))
        folders = original_course.write(place / "folders")
    return folders


@pytest.fixture(scope="module")
def flat(place, folders):
    return original_course.flatten(shutil.copytree(folders, place / "flat"))


@pytest.fixture(params=["folders", "flat"])
def original(request, monkeypatch):
    """The original's files, in two folders or beside each other."""
    folder = request.getfixturevalue(request.param)
    monkeypatch.setenv("COURSE_DATA", str(folder))
    return folder


def test_verify_asks_for_nothing_else_and_names_the_grus_bias(original):
    lines = []
    assert verify.verify(lines.append), lines
    assert [line.split()[0] for line in lines] == ["ok"] * 5 + ["--", "ok"]
    assert "GPT-2 mini: not part of this folder" in lines[5]
    assert "adds both biases, and Keras give different numbers" in lines[2]


def test_a_folder_with_none_of_the_courses_files_is_wrong(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_DATA", str(tmp_path))
    (tmp_path / "holiday.jpg").write_bytes(b"")
    lines = []
    assert not verify.verify(lines.append)
    assert lines[-1].startswith("WRONG")
    assert "holds none of the course's files" in lines[-1]


@pytest.mark.parametrize("name", ["GRU_model.h5", "RNN_model.json", "Agatha_Christie_test.txt"])
def test_a_file_that_is_missing_among_the_originals_is_named(original, tmp_path, monkeypatch, name):
    copy = shutil.copytree(original, tmp_path / "copy")
    next(copy.rglob(name)).unlink()
    monkeypatch.setenv("COURSE_DATA", str(copy))
    lines = []
    assert not verify.verify(lines.append)
    assert any(name in line for line in lines if line.startswith("WRONG")), lines


def test_what_an_assignment_asks_for_is_found_under_the_originals_names(original):
    paths = student_zip.data_paths(original, Course(ROOT).assignment(NAME).data)
    assert sorted(paths) == [
        "problem1_data/Agatha_Christie_test.txt",
        "problem1_data/Agatha_Christie_train.txt",
        "problem1_data/GRU_model.h5",
        "problem1_data/GRU_model.json",
        "problem1_data/RNN_model.h5",
        "problem1_data/RNN_model.json",
        "problem2_model_parameters/bpe1024_enc_full.pkl",
        "problem2_model_parameters/model_weights_D512L4H8.npy",
    ]
    assert all(path.is_file() for path in paths.values())
    with pytest.raises(CourseError, match=r"gpt2/mini, and assignment.toml asks for it"):
        student_zip.data_paths(original, Course(ROOT).assignment("gpt2").data)


def test_another_folder_without_a_list_of_hashes_gives_another_key(original, tmp_path):
    before = fingerprint.data(original)
    assert fingerprint.data(shutil.copytree(original, tmp_path / "copy")) == before
    weights = next((tmp_path / "copy").rglob("GRU_model.h5"))
    weights.write_bytes(weights.read_bytes() + b"\0")
    assert fingerprint.data(tmp_path / "copy") != before


@pytest.fixture(scope="module")
def course(place, folders):
    """A course that has released assignment 5 and has one submission: the master's solutions."""
    root = place / "course"
    shutil.copytree(ROOT / "source", root / "source")
    shutil.copytree(ROOT / "release" / NAME, root / "release" / NAME)
    shutil.copy(ROOT / CONFIG, root)
    generate.register(Course(root), NAME)
    student = next(student for student in CLASS[NAME] if student.name == "perfect")
    release = nbformat.read(root / "release" / NAME / f"{NAME}.ipynb", as_version=4)
    master = nbformat.read(Course(root).master(NAME), as_version=4)
    folder = root / "submitted" / "perfect" / NAME
    folder.mkdir(parents=True)
    nbformat.write(build.submission(release, master, student), folder / f"{NAME}.ipynb")
    return Course(root)


def run(course, data, *arguments):
    """Run ``course`` as an instructor does whose environment names the original's folder."""
    environment = {**os.environ, "COURSE_DATA": str(data)}
    command = [str(Path(sys.executable).parent / "course"), *arguments]
    return subprocess.run(
        command, cwd=course.root, env=environment, capture_output=True, text=True, timeout=1200
    )


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.skipif(shutil.which("bwrap") is None, reason="needs bubblewrap")
def test_the_masters_solutions_get_full_marks_with_it(course, flat):
    done = run(course, flat, "autograde", NAME)
    assert done.returncode == 0, done.stdout + done.stderr
    with course.gradebook() as gradebook:
        graded = gradebook.find_submission(NAME, "perfect").notebooks[0].grades
        automatic = [g for g in graded if g.cell.cell_type == "code"]
        assert automatic
        assert {g.name: g.auto_score for g in automatic} == {g.name: g.max_score for g in automatic}


@pytest.mark.filterwarnings("ignore")
def test_the_doctor_says_which_assignment_the_folder_is_for(tmp_path, original, monkeypatch):
    for name in ("source", CONFIG):
        (tmp_path / name).symlink_to(ROOT / name)
    monkeypatch.setattr(doctor, "_kernel", lambda *_: doctor.DoctorFinding("kernels", "fine", ""))
    lines = doctor.table(doctor.examine(Course(tmp_path))).splitlines()
    assert any(line.startswith("fine     data") and str(original) in line for line in lines)
    assert any(line.startswith("fine     assignment5") for line in lines)
    assert any(line.startswith("limited  gpt2         cannot be graded here: ") for line in lines)
    assert not [line for line in lines if line.startswith("missing")]
