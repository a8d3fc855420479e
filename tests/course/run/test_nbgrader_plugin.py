"""nbgrader's own command, with its own flags, grades as ``course autograde`` does."""

import ast
import shutil

import pytest
from nbgrader.apps import api, autogradeapp
from nbgrader.converters import NbGraderException

from autograder.execution import pool
from course import nbgrader_internals
from course.directory import Course
from course.run import batch, workers
from course.run.nbgrader_plugin import BatchAutograde
from tests.conftest import ROOT
from tests.support.classroom import (
    GPT2,
    Fake,
    configure,
    copied,
    example,
    grade,
    hand_in,
    make_course,
    marks,
)

pytestmark = pytest.mark.filterwarnings("ignore")  # nbgrader's, jupyter's and SQLAlchemy's own


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    course = make_course(tmp_path_factory.mktemp("plugin") / "course")
    for name in ("ann", "ben"):
        hand_in(course, name, example("half-done"))
    return course


@pytest.fixture
def course(original, tmp_path):
    return copied(original, tmp_path / "course")


@pytest.fixture
def fake(monkeypatch):
    """Who computes, in the place of this process."""
    fake = Fake()
    monkeypatch.setattr(workers, "InProcess", lambda data: fake)
    return fake


def converter(course, student="*", **settings):
    """Return nbgrader's converter, as its command makes it."""
    interface = course.nbgrader()
    interface.coursedir.assignment_id = GPT2
    interface.coursedir.student_id = student
    for name in ("student_id_exclude", "notebook_id"):
        setattr(interface.coursedir, name, settings.pop(name, getattr(interface.coursedir, name)))
    made = autogradeapp.Autograde(coursedir=interface.coursedir, parent=interface)
    for name, value in settings.items():
        setattr(made, name, value)
    return made


def students(course):
    return {name for name in ("ann", "ben") if marks(course, name)}


def test_the_configuration_puts_our_converter_in_the_place_of_nbgraders(course):
    course.config()
    assert autogradeapp.Autograde is api.Autograde is BatchAutograde


def test_one_student_is_graded_if_one_is_named(course, fake):
    converter(course, "ann").start()
    assert students(course) == {"ann"}


def test_students_are_chosen_and_left_out_by_patterns_as_nbgrader_does(course, fake):
    converter(course, "[ab]*", student_id_exclude="ann,zoe").start()
    assert students(course) == {"ben"}


def test_without_force_nothing_is_computed_twice_and_with_force_everything(course, fake):
    converter(course).start()
    converter(course).start()
    assert len(fake.computed) == 2
    converter(course, force=True).start()
    assert len(fake.computed) == 4


def test_without_force_a_submission_that_was_replaced_is_graded_again(course, fake):
    converter(course).start()
    hand_in(course, "ann", example("blank"))
    converter(course).start()
    assert len(fake.computed) == 3


def test_unknown_students_are_not_created_if_nbgrader_is_told_so(course, fake):
    with course.gradebook() as gradebook:
        gradebook.add_student("ann")
    with pytest.raises(NbGraderException, match=r"^ben is not in the gradebook$"):
        converter(course, create_student=False).start()
    assert students(course) == {"ann"}
    assert course.roster() == ["ann"]


@pytest.mark.parametrize(
    ("student", "settings", "message"),
    [
        ("anne", {}, "submitted/anne/gpt2 does not exist; did you mean ann?"),
        ("*", {"notebook_id": "other"}, "gpt2 has no notebook other"),
        ("*", {"pre_convert_hook": print}, "are not run: remove them"),
        ("*", {"post_convert_hook": print}, "are not run: remove them"),
    ],
)
def test_what_would_be_ignored_is_refused(course, fake, student, settings, message):
    with pytest.raises(NbGraderException) as caught:
        converter(course, student, **settings).start()
    assert message in str(caught.value)
    assert fake.computed == []


def test_grading_without_executing_is_refused(course, fake):
    configure(course, "c.Execute.enabled = False  # what --no-execute sets")
    with pytest.raises(NbGraderException, match="--no-execute"):
        converter(course).start()
    assert fake.computed == []


def test_an_assignment_that_does_not_exist_is_a_line_and_no_traceback(course, fake):
    answer = course.nbgrader().autograde("gpt3", "ann")
    assert not answer["success"]
    assert "[ERROR] no assignment gpt3; did you mean gpt2?" in answer["log"]


def test_a_submission_that_cannot_be_graded_does_not_keep_the_others_from_it(course, fake):
    hand_in(course, "ann", b"")
    with pytest.raises(NbGraderException, match=r"^ann: unreadable: the file is empty$"):
        converter(course).start()
    assert students(course) == {"ben"}


def test_a_copy_of_a_course_is_graded_into_its_own_gradebook(course, fake, tmp_path):
    configure(course, "c.CourseDirectory.db_url = 'postgresql://nowhere/course'")
    copy = tmp_path / "copy"
    shutil.copytree(course.root, copy, symlinks=True)
    answer = course.nbgrader(copy).autograde(GPT2, "ann")
    assert answer["success"], answer
    assert marks(Course(copy, f"sqlite:///{copy / 'gradebook.db'}"), "ann")


@pytest.mark.skipif(shutil.which("bwrap") is None, reason="needs bubblewrap")
def test_a_server_keeps_its_kernels_between_two_clicks(course):
    server = course.nbgrader()
    assert server.autograde(GPT2, "ann")["success"]
    kernels = pool.shared_pool(batch.policy_of(course, GPT2), course.data())
    started = kernels.students.starts, kernels.test_kernels.starts
    assert server.autograde(GPT2, "ben")["success"]
    assert kernels is pool.shared_pool(batch.policy_of(course, GPT2), course.data())
    assert (kernels.students.starts, kernels.test_kernels.starts) == started
    assert marks(course, "ann")["score"] == marks(course, "ben")["score"] == 50


def test_lateness_is_what_course_autograde_takes_off(course, fake, tmp_path):
    configure(course, 'c.AssignLatePenalties.plugin_class = "tests.support.classroom.ByTheHour"')
    hand_in(course, "ann", b"2026-01-01 14:30:00 UTC", "timestamp.txt")
    with course.gradebook() as gradebook:
        gradebook.update_or_create_assignment(GPT2, duedate="2026-01-01 12:00:00 UTC")
    other = copied(course, tmp_path / "other")
    converter(course).start()
    grade(other, fake)
    assert marks(course, "ann") == marks(other, "ann")
    assert marks(course, "ann")["late"] == (9000.0, 6.0)


@pytest.mark.parametrize("raw", [b"\xef\xbb\xbf2026-01-01 14:30 UTC", b"1/1/2026 3:30 PM +0100"])
def test_a_time_is_read_the_same_by_the_gradebook_and_formgraders_list(course, fake, raw):
    hand_in(course, "ann", raw, "timestamp.txt")
    converter(course).start()
    server = course.nbgrader()
    assert server.get_autograded_students(GPT2) == {"ann", "ben"}
    assert str(server.get_submitted_timestamp(GPT2, "ann")) == "2026-01-01 14:30:00"
    kept = course.root / "autograded" / "ann" / GPT2 / "timestamp.txt"
    assert kept.read_text() == "2026-01-01 14:30:00 UTC\n"


@pytest.mark.parametrize("raw", [b"", b"yesterday", b"\x80\x81", b"05/06/2026 18:00"])
def test_a_time_that_is_not_clear_has_no_mark_and_breaks_no_list(course, fake, raw):
    hand_in(course, "ann", raw, "timestamp.txt")
    with pytest.raises(NbGraderException, match=r"^ann: unreadable: timestamp\.txt"):
        converter(course).start()
    assert students(course) == {"ben"}
    names = [row["student"] for row in course.nbgrader().get_submissions(GPT2)]
    assert sorted(names) == ["ann", "ben"]


# Private parts of nbgrader


def test_every_part_of_nbgrader_that_is_used_is_there():
    assert nbgrader_internals.missing() == []


@pytest.mark.parametrize(
    "name", ["nbgrader.utils.no_such_name", "nbgrader.no_such_module.name", "no_such_package.name"]
)
def test_a_part_that_is_gone_is_named(name, monkeypatch):
    monkeypatch.setitem(nbgrader_internals.INTERNALS, name, "a test")
    assert nbgrader_internals.missing() == [name]


def test_formgraders_template_that_is_gone_is_named(monkeypatch, tmp_path):
    monkeypatch.setattr(nbgrader_internals, "templates", lambda: tmp_path)
    assert nbgrader_internals.missing() == [nbgrader_internals.FORMGRADE]


DOCUMENTED = {
    "nbgrader.api": None,  # with all that is in it
    "nbgrader.apps": {"NbGraderAPI"},
    "nbgrader.plugins": None,
    "nbconvert": {"HTMLExporter", "PDFExporter"},
    "nbconvert.exporters": {"Exporter"},
    "nbconvert.preprocessors": {"Preprocessor"},
}


def imports():
    """Yield what src/ imports of nbgrader, nbconvert and their like, as dotted names."""
    for path in (ROOT / "src").rglob("*.py"):
        nodes = list(ast.walk(ast.parse(path.read_text("utf-8"))))
        names = {a.asname or a.name for n in nodes if isinstance(n, ast.Import) for a in n.names}
        for node in nodes:
            if isinstance(node, ast.ImportFrom) and node.module:
                yield from ((path, node.module, alias.name) for alias in node.names)
            elif (
                "nbgrader" not in names
                and isinstance(node, ast.Attribute)
                and isinstance(node.value, ast.Name)
                and node.value.id == "utils"
            ):
                yield path, "nbgrader.utils", node.attr


def test_what_is_used_and_not_documented_is_listed():
    unlisted = {
        f"{module}.{name}"
        for path, module, name in imports()
        if module.partition(".")[0] in ("nbgrader", "nbconvert")
        and path.name != "nbgrader_internals.py"
        and (module, name) != ("nbgrader", "utils")
        and not (module in DOCUMENTED and name in (DOCUMENTED[module] or {name}))
        and f"{module}.{name}" not in nbgrader_internals.INTERNALS
    }
    assert unlisted == set()
