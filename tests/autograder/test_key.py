"""What can change a mark changes the key of a result, and nothing else does."""

import json
import shutil
from dataclasses import replace

import pytest

from autograder import fingerprint
from autograder.job import Job, key
from autograder.policy import Policy
from course.directory import Course
from course.run.publish import release_of
from course.test_quality import catalogue_gate as gate
from tests.conftest import ROOT
from tests.support.classroom import GPT2, copied, make_course

pytestmark = pytest.mark.filterwarnings("ignore")  # nbgrader's and SQLAlchemy's own
PACKAGES = ("autograder", "minikernel", "seqlab", "mistakes", "hidden_tests")
SUBMITTED = {"gpt2.ipynb": b"{}"}

# Files below src/ (of the autograder's packages) and below the course, and the part that each is of
INSIDE = {
    "src/autograder/status.py": "grader",
    "src/autograder/submission/repair.py": "grader",
    "src/autograder/execution/new.txt": "grader",
    "src/minikernel/shell.py": "grader",
    "src/seqlab/checks.py": "grader",
    "src/seqlab/gpt2_text.py": "grader",
    "src/mistakes/entries.py": "catalogue",
    "src/mistakes/gpt2/a_1_1_softmax.py": "catalogue",
    "src/mistakes/gpt2/shared/head_splitting.py": "catalogue",
    "src/hidden_tests/__init__.py": "catalogue",
    "src/hidden_tests/gpt2.py": "catalogue",
    "source/gpt2/assignment.toml": "settings",
    "source/gpt2/mistakes.py": "catalogue",
    "source/gpt2/figure.png": "assignment",
    "release/gpt2/gpt2.ipynb": "assignment",
    "data/SHA256SUMS": "data",
}
OUTSIDE = [
    "src/course/cli/main.py",
    "src/course/feedback/page.py",
    "src/autograder/__pycache__/status.cpython-311.pyc",
    "src/mistakes/assignment5/p1_2_rnn.py",
    "src/mistakes/passed.json",
    "src/hidden_tests/assignment5.py",
    "source/gpt2/.ipynb_checkpoints/gpt2-checkpoint.ipynb",
    "source/assignment5/assignment.toml",
    "docs/ta.md",
    "README.md",
]


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    """A course with the packages beside it, in src/."""
    course = make_course(tmp_path_factory.mktemp("key") / "course")
    (course.root / "data").unlink()
    (course.root / "data").mkdir()
    shutil.copy(ROOT / "data" / "SHA256SUMS", course.root / "data")
    shutil.copytree(ROOT / "source" / "assignment5", course.root / "source" / "assignment5")
    ignored = shutil.ignore_patterns("__pycache__")
    for package in PACKAGES:
        shutil.copytree(ROOT / "src" / package, course.root / "src" / package, ignore=ignored)
    return course


@pytest.fixture
def course(original, tmp_path, monkeypatch):
    """A copy of it, whose packages are those that are hashed."""
    course = copied(original, tmp_path / "course")
    monkeypatch.setenv("COURSE_DATA", str(course.root / "data"))
    monkeypatch.setattr(fingerprint, "folder", lambda package: course.root / "src" / package)
    yield course
    forget()


def forget():
    for cached in (fingerprint.code, fingerprint.catalogue, fingerprint.environment):
        cached.cache_clear()


def job(course, submitted=SUBMITTED, **changes):
    """Return the job of a submission, as it would be made in a new process."""
    forget()
    with course.gradebook() as gradebook:
        release = release_of(gradebook, course, GPT2)
    made = Job.of(release, submitted, Policy(), {}, course.data(), b"draws")
    return replace(made, **changes)


def change(course, name):
    path = course.root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".ipynb" and path.exists():
        notebook = json.loads(path.read_text("utf-8"))
        notebook["cells"][0]["source"] = ["# Another title"]
        path.write_text(json.dumps(notebook), "utf-8")
    elif path.name == "mistakes.py":  # a catalogue of the course's own
        path.write_text("CELLS = ()\n", "utf-8")
    else:
        with path.open("a") as file:
            file.write("\n# changed\n")


def changed_parts(before, after):
    return {part for part, value in before.parts.items() if after.parts[part] != value}


@pytest.mark.parametrize("name", INSIDE)
def test_a_change_inside_makes_another_key_and_says_which_part_has_changed(course, name):
    before = job(course)
    change(course, name)
    after = job(course)
    assert key(after.pack()) != key(before.pack())
    assert changed_parts(before, after) == {INSIDE[name]}


@pytest.mark.parametrize("name", OUTSIDE)
def test_a_change_outside_leaves_the_key(course, name):
    before, gate_before = job(course), gate.fingerprint(course, GPT2)
    change(course, name)
    assert key(job(course).pack()) == key(before.pack())
    assert gate.fingerprint(course, GPT2) == gate_before


def test_another_assignment_is_in_the_key_of_what_may_be_its_notebook_only(course):
    own, other = ({"gpt2.ipynb": text} for text in (b"def softmax", b"def sample_text_RNN"))
    released = course.root / "release" / "assignment5"
    shutil.copytree(ROOT / "release" / "assignment5", released, dirs_exist_ok=True)
    after = [job(course, submitted=files) for files in (own, other)]
    shutil.rmtree(released)
    before = [job(course, submitted=files) for files in (own, other)]
    assert key(after[0].pack()) == key(before[0].pack())
    assert changed_parts(before[1], after[1]) == {"others"}
    assert key(after[1].pack()) != key(before[1].pack())


def test_a_test_that_the_gradebook_has_anew_makes_another_key(course):
    before = job(course)
    with course.gradebook() as gradebook:
        cells = gradebook.find_notebook(GPT2, GPT2).source_cells
        next(cell for cell in cells if cell.name == "a-1-1-test").source += "\nassert True"
        gradebook.db.commit()
    after = job(course)
    assert changed_parts(before, after) == {"assignment"}
    assert key(after.pack()) != key(before.pack())


@pytest.mark.parametrize(
    ("field", "value", "part"),
    [
        ("submitted", {"gpt2.ipynb": b"{} "}, "submitted"),
        ("submitted", {**SUBMITTED, "helper.py": b""}, "submitted"),
        ("policy", Policy(cell_seconds=1.0), "policy"),
        ("policy", Policy(sandbox=False), "policy"),
        ("preprocessors", {"IgnorePattern": {"enabled": True}}, "policy"),
        ("draws", b"other", "draws"),
        ("environment", {**fingerprint.environment(), "numpy": "0.1"}, "environment"),
    ],
    ids=["notebook", "file", "limits", "sandbox", "preprocessors", "draws", "numpy"],
)
def test_what_else_decides_a_mark_makes_another_key(course, field, value, part):
    before, after = job(course), job(course, **{field: value})
    assert key(after.pack()) != key(before.pack())
    assert changed_parts(before, after) == {part}


GATED = [name for name, part in INSIDE.items() if name.startswith(("src", "data"))]


@pytest.mark.parametrize("name", GATED)
def test_the_release_gate_depends_on_the_same_code_catalogue_and_data(course, name):
    forget()
    before = gate.fingerprint(course, GPT2)
    change(course, name)
    forget()
    assert gate.fingerprint(course, GPT2) != before


def test_the_release_gate_depends_on_the_master(course):
    before = gate.fingerprint(course, GPT2)
    path = course.master(GPT2)
    notebook = json.loads(path.read_text("utf-8"))
    test = next(cell for cell in notebook["cells"] if cell["id"] == "a-1-1-test")
    test["source"] = [*test["source"], "\nassert True"]
    path.write_text(json.dumps(notebook), "utf-8")
    assert gate.fingerprint(course, GPT2) != before


def test_two_courses_with_the_same_content_have_the_same_keys(course, tmp_path, monkeypatch):
    before = key(job(course).pack())
    other = copied(course, tmp_path / "another place")
    monkeypatch.setenv("COURSE_DATA", str(other.root / "data"))
    monkeypatch.setattr(fingerprint, "folder", lambda package: other.root / "src" / package)
    assert key(job(Course(other.root)).pack()) == before
