"""Every way to grade gives the same marks, statuses and reasons, to damaged submissions too."""

import contextlib
import json
import os
import re
import shutil
import subprocess
import sys

import pytest
from nbgrader import utils
from typer.testing import CliRunner

from autograder import job
from autograder.cells import grade_id, is_test
from course.cli import main
from course.gradescope import grade as gradescope_grade
from course.gradescope import results_json
from course.run import batch, scores, workers
from course.run.cache import Store
from course.run.nbgrader_plugin import StatusCsv
from course.run.publish import release_of
from examples.roster import CLASS
from tests.conftest import ROOT
from tests.support.classroom import (
    BROKEN,
    GPT2,
    Here,
    configure,
    copied,
    copy_file,
    example,
    grade,
    hand_in,
    hand_in_damaged,
    make_course,
    marks,
)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore"),  # nbgrader's, jupyter's and SQLAlchemy's own
    pytest.mark.skipif(shutil.which("bwrap") is None, reason="needs bubblewrap"),
]
EXPECTED = json.loads((ROOT / "examples" / "expected.json").read_text("utf-8"))[GPT2]


@pytest.fixture(scope="module")
def handed_in(tmp_path_factory):
    """The example class and every kind of damage; stock nbgrader has left rows of zeros before."""
    course = make_course(tmp_path_factory.mktemp("handed-in") / "course")
    configure(course, "c.Policy.draws = False")  # Gradescope draws for addresses, not for names
    for student in CLASS[GPT2]:
        hand_in(course, student.name, example(student.name))
    hand_in_damaged(course)
    with course.gradebook() as gradebook:
        for name in (*BROKEN, "two", "wrong-name"):
            gradebook.add_student(name)
            submission = gradebook.add_submission(GPT2, name)
            for row in submission.notebooks[0].grades:
                row.auto_score, row.needs_manual_grade = 0.0, False
        gradebook.db.commit()
    return course


@pytest.fixture(scope="module")
def computed(handed_in, tmp_path_factory):
    """The same course, graded; its results are used again by all who ask for the same ones."""
    course = copied(handed_in, tmp_path_factory.mktemp("computed") / "course")
    grade(course, Here())
    return course


@contextlib.contextmanager
def only_known_results(course, computed):
    """Let this process compute no job but those whose results are known."""
    store = Store.of(computed.root)

    def known(packed, data=None):
        result = store.get(job.key(packed))
        assert result, "another job than that of course autograde"
        return result.pack()

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COURSE_DATA", str(ROOT / "data"))
        patch.setattr(job, "grade", known)
        patch.chdir(course.root)
        yield


def outcome(course):
    """Return status, reasons and automatic marks of everybody."""
    statuses = {name: course.status(GPT2, name, False) for name in course.students(GPT2)}
    found = {name: marks(course, name) for name in statuses}
    return {
        name: (
            status.word,
            status.reasons,
            found[name] and {cell: row[0] for cell, row in found[name]["grades"].items()},
        )
        for name, status in statuses.items()
    }


def run(*words):
    return CliRunner().invoke(main.app, words, catch_exceptions=False)


def course_autograde(course, computed):
    with_results_of(computed, course)  # which other processes cannot be told otherwise
    assert run("autograde", GPT2).exit_code == 0
    return outcome(course)


def course_regrade(course, computed):
    with_results_of(computed, course)
    assert f"{len(course.students(GPT2))} submissions change" in run("regrade", GPT2).output
    return outcome(course)


def nbgrader_autograde(course, computed):
    with_results_of(computed, course)
    done = subprocess.run(
        [sys.executable, "-m", "nbgrader", "autograde", GPT2],
        cwd=course.root,
        env={**os.environ, "PYTHONPATH": os.pathsep.join((str(ROOT / "src"), str(ROOT)))},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1, done.stderr  # as whenever nbgrader could not grade somebody
    assert "ERROR] pdf: unreadable: the file is a PDF and not a notebook" in done.stderr
    assert "Traceback" not in done.stderr
    return outcome(course)


def formgraders_button(course, computed):
    api = course.nbgrader()
    done = {name: api.autograde(GPT2, name) for name in course.students(GPT2)}
    for name, answer in done.items():
        status = course.status(GPT2, name, False)
        assert answer["success"] == status.is_graded, answer
        assert f"{name}: {status.word}" in answer["log"]
        assert all(reason in answer["log"] for reason in status.reasons)
    return outcome(course)


class OneWorker:
    """Does what the worker of a cluster does with a job."""

    def run(self, jobs):
        cluster = pytest.importorskip("course.run.cluster", reason="needs Dask")
        wanted = cluster.profile(ROOT / "data")
        for key, packed in jobs:
            raw = cluster.grade_bytes(packed, wanted)
            assert raw[:1] == cluster.RESULT
            yield workers.Done(key, raw[1:])


def cluster(course, computed):
    grade(course, OneWorker())
    return outcome(course)


def gradescope(course, computed):
    names = [name for name in course.students(GPT2) if name != "linked"]  # Gradescope makes folders
    found = {name: on_gradescope(course, name) for name in names}
    return {
        name: (
            result.word,
            result.reasons,
            {grade_id(c): utils.determine_grade(c)[0] for c in result.cells if is_test(c)} or None,
        )
        for name, result in found.items()
    }


def on_gradescope(course, name):
    """Return the result that a submission has in Gradescope's container."""
    root = course.root / "gradescope" / name
    closed = root / "source" / "closed"
    closed.mkdir(parents=True)
    submitted = course.root / "submitted" / name / GPT2
    shutil.copytree(submitted, root / "submission", symlinks=True, copy_function=copy_file)
    with course.gradebook() as gradebook:
        release = release_of(gradebook, course, GPT2)
    settings = {
        "visibility": "hidden",
        "policy": batch.policy_of(course, GPT2).to_json(),
        "preprocessors": batch.preprocessors(course),
        "draws": "ab",
    }
    (closed / "assignment.json").write_text(json.dumps(release.to_json()), "utf-8")
    (closed / "settings.json").write_text(json.dumps(settings), "utf-8")
    seen = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(results_json, "results", lambda result, *_: seen.append(result) or {})
        patch.setattr(gradescope_grade.Grading, "_data", ROOT / "data")  # sandboxes hide /tmp
        gradescope_grade.Grading(root).run()
    return seen[0]


def with_results_of(computed, course):
    shutil.copytree(computed.root / ".autograder" / "results", course.root / ".autograder/results")


ENTRANCES = [
    course_autograde,
    course_regrade,
    nbgrader_autograde,
    formgraders_button,
    cluster,
    gradescope,
]


@pytest.fixture(scope="module", params=ENTRANCES, ids=lambda entrance: entrance.__name__)
def graded_through(request, handed_in, computed, tmp_path_factory):
    """A course that was graded through one of the entrances, and what that says of everybody."""
    course = copied(handed_in, tmp_path_factory.mktemp(request.param.__name__) / "course")
    with only_known_results(course, computed):
        return request.param, course, request.param(course, computed)


def test_every_entrance_gives_the_same_marks_statuses_and_reasons(graded_through, computed):
    entrance, _, found = graded_through
    expected = outcome(computed)
    assert len(found) == len(expected) - (entrance is gradescope)
    for name, (word, reasons, points) in found.items():
        known = expected[name][2]
        if entrance is gradescope and known:  # which has no place for written answers
            known = {cell: score for cell, score in known.items() if cell in points}
        assert (word, reasons, points) == (*expected[name][:2], known), name


UNREADABLE = (*BROKEN, "two", "none", "nothing-at-all", "link", "fifo", "folder", "linked")


def test_what_could_not_be_read_is_never_a_zero(graded_through, tmp_path, monkeypatch):
    entrance, course, _ = graded_through
    if entrance is gradescope:
        return  # it writes no gradebook
    monkeypatch.chdir(course.root)
    with course.gradebook() as gradebook:
        StatusCsv(config=course.config(), to=str(tmp_path / "grades.csv")).export(gradebook)
    lines = (tmp_path / "grades.csv").read_text("utf-8").splitlines()
    rows = {line.split(",")[1]: line for line in lines}
    shown = scores.table(scores.NbgraderRunner(course).results(GPT2, UNREADABLE)).splitlines()[1:]
    for name, line in zip(UNREADABLE, shown, strict=True):
        assert re.match(rf"gpt2,{name},,.*,unreadable,.", rows[name]), rows[name]
        assert re.match(rf"{name} +-/100 .* unreadable: .", line), line
        assert marks(course, name) is None
    assert ",repaired," in rows["wrong-name"]


def test_the_example_class_has_the_marks_and_statuses_expected(computed):
    found = outcome(computed)
    for name, expected in EXPECTED.items():
        word, _, points = found[name]
        assert word == expected["status"], name
        if word in ("graded", "repaired", "crashed", "timed out", "suspicious"):
            assert {cell: points[cell] for cell in expected["scores"]} == expected["scores"], name


def test_a_result_of_another_job_would_be_noticed(handed_in, computed, tmp_path):
    course = copied(handed_in, tmp_path / "course")
    configure(course, "c.Policy.cell_seconds = 1.0")
    with only_known_results(course, computed):
        assert not course.nbgrader().autograde(GPT2, "blank")["success"]
    assert "another job than that of course autograde" in course.status(GPT2, "blank", False).reason
