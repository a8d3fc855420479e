"""``course doctor --students``: whatever shows the course to students on a hub is a line."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import traitlets

from course import hub_doctor
from course.directory import CourseError
from course.doctor import FINE, LIMITED, MISSING
from course.exchange.inbound import inbound_of
from tests.conftest import ROOT
from tests.support.classroom import configure, make_course

pytestmark = pytest.mark.filterwarnings("ignore")  # nbgrader's and SQLAlchemy's own
MODES = {"": 0o1777, "inbound": 0o1733, "outbound": 0o755, "feedback": 0o711}


@pytest.fixture
def course(tmp_path):
    made = make_course(tmp_path / "course")
    configure(made, f"c.Exchange.root = {str(tmp_path / 'exchange')!r}")
    for folder, mode in MODES.items():
        place = inbound_of(made).parent / folder if folder else tmp_path / "exchange"
        place.mkdir(parents=True, exist_ok=True)
        place.chmod(mode)
    made.root.chmod(0o700)
    return made


@pytest.fixture
def students(tmp_path, course):
    """An environment without packages, which finds nbgrader and the like in the tester's."""
    place = tmp_path / "students"
    command = [sys.executable, "-m", "venv", "--without-pip", str(place)]
    subprocess.run(command, check=True)
    packages = next(place.glob("lib/python3*/site-packages"))
    for name in ("jupyterhub", "nbgrader", "seqlab"):
        (packages / f"{name}.py").touch()
    (packages / "traitlets").symlink_to(Path(traitlets.__file__).parent)
    settings = place / "etc" / "jupyter"
    settings.mkdir(parents=True)
    for name in ("jupyter_server_config.py", "nbgrader_config.py"):
        text = (ROOT / "hub" / "environment" / name).read_text("utf-8")
        (settings / name).write_text(text, "utf-8")
    places = {
        "course": "sequence-models",
        "data": str(ROOT / "data"),
        "exchange": str(tmp_path / "exchange"),
    }
    (settings / "places.json").write_text(json.dumps(places), "utf-8")
    lacks = json.loads((ROOT / "hub" / "environment" / "students.json").read_text("utf-8"))
    (settings / "labconfig").mkdir()
    page = lacks["labconfig/page_config.json"]
    (settings / "labconfig" / "page_config.json").write_text(json.dumps(page), "utf-8")
    return place


def verdicts(course, students):
    return {item.what: item for item in hub_doctor.examine(course, students)}


def test_the_hubs_own_settings_are_fine(course, students):
    found = verdicts(course, students)
    found.pop("interpreter")  # the tester's may lie in somebody's home
    assert {what: item.verdict for what, item in found.items()} == dict.fromkeys(found, FINE)
    assert len(found) == 7


@pytest.mark.parametrize("name", ["course", "mistakes", "hidden_tests", "autograder"])
def test_a_package_of_the_course_is_named(course, students, name):
    (next(students.glob("lib/python3*/site-packages")) / f"{name}.py").touch()
    found = verdicts(course, students)["students"]
    assert (found.verdict, name in found.detail) == (MISSING, True)


def test_a_path_that_leads_to_the_course_is_found(course, students):
    packages = next(students.glob("lib/python3*/site-packages"))
    (packages / "course.pth").write_text(f"{ROOT / 'src'}\n", "utf-8")
    assert "they can import autograder, course" in verdicts(course, students)["students"].detail


def test_what_students_need_and_lack_is_named(course, students):
    (next(students.glob("lib/python3*/site-packages")) / "jupyterhub.py").unlink()
    assert "lacks jupyterhub" in verdicts(course, students)["students"].detail


def test_one_environment_for_all_is_refused(course):
    found = verdicts(course, Path(sys.prefix))
    assert found["students"].detail == "they share staff's environment: make another"


def test_a_folder_that_others_can_enter_is_named_with_the_remedy(course, students, tmp_path):
    for folder in (course.root, *course.root.parents):
        if not folder.stat().st_mode & 0o001 and folder != course.root:
            assert verdicts(course, students)["folder"].verdict == FINE  # closed further up
            break
    course.root.chmod(0o755)
    (course.root / ".git").mkdir()
    finding = hub_doctor._folder(course)
    is_open = all(folder.stat().st_mode & 0o001 for folder in course.root.parents)
    assert finding.verdict == (MISSING if is_open else FINE)
    assert not is_open or f"chmod 700 {course.root}" in finding.detail


def change(students, name, old, new):
    path = students / "etc" / "jupyter" / name
    path.write_text(path.read_text("utf-8").replace(old, new), "utf-8")


def test_headers_sockets_and_data_that_are_not_set_are_named(course, students):
    (students / "etc" / "jupyter" / "jupyter_server_config.py").unlink()
    found = verdicts(course, students)
    for what in ("headers", "sockets", "their data"):
        assert found[what].verdict == LIMITED
    assert "frame-ancestors 'self'" in found["headers"].detail


def test_extensions_that_students_see_are_named(course, students):
    (students / "etc" / "jupyter" / "labconfig" / "page_config.json").unlink()
    assert "formgrader, course-list" in verdicts(course, students)["extensions"].detail


def test_another_exchange_or_another_course_is_named(course, students):
    change(students, "places.json", "sequence-models", "other")
    assert "students submit other in" in verdicts(course, students)["exchange"].detail


@pytest.mark.parametrize(("folder", "mode"), [("inbound", 0o777), ("feedback", 0o755)])
def test_rights_in_the_exchange_that_are_too_large_are_named(course, students, folder, mode):
    (inbound_of(course).parent / folder).chmod(mode)
    found = verdicts(course, students)["exchange"]
    assert found.verdict == LIMITED
    assert f"has mode {mode:o}, and should end in {MODES[folder] & 0o1007:o}" in found.detail


def test_a_python_that_does_not_run_is_one_line(course, tmp_path):
    assert verdicts(course, tmp_path / "nowhere")["students"].verdict == MISSING
    with pytest.raises(CourseError, match="cannot be asked"):
        hub_doctor._view(tmp_path / "nowhere")
