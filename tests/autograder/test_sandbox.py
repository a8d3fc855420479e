"""The sandbox: what it needs, what it refuses, and how it finds its own holes."""

import dataclasses
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from autograder.execution import sandbox
from autograder.execution.client import ForkServer, KernelClient
from autograder.execution.pool import sandbox as sandbox_for
from autograder.execution.sandbox import Sandbox, SandboxError
from course import doctor
from course.directory import Course
from minikernel.settings import KernelSettings

ROOT = Path(__file__).resolve().parents[2]
OURS = {"autograder", "course", "hidden_tests", "mistakes"}
SOURCE = Sandbox((ROOT / "src",), (("PYTHONPATH", str(ROOT / "src")),))
pytestmark = pytest.mark.skipif(shutil.which("bwrap") is None, reason="needs bubblewrap")


@pytest.fixture
def uncovered(monkeypatch):
    """A sandbox that lays nothing over our packages."""
    monkeypatch.setattr(Sandbox, "covered", lambda _: [])


def test_without_bubblewrap_nothing_is_run(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(SandboxError, match="apt install bubblewrap"):
        Sandbox(()).wrap(["true"])


def test_data_that_the_sandbox_would_hide_is_named(monkeypatch):
    with pytest.raises(SandboxError, match=r"data lies below /tmp.*move"):
        sandbox_for(Path("/tmp/course/data"), disk=2**20).check()
    monkeypatch.setattr(Course, "data", lambda course: Path("/tmp/course/data"))
    findings = {finding.what: finding for finding in doctor.examine(Course(ROOT))}
    assert findings["kernels"].verdict == "missing"
    assert "/tmp/course/data lies below /tmp" in findings["kernels"].detail


def test_a_sandbox_does_without_a_list_of_fonts_that_has_gone(tmp_path):
    here = sandbox_for(ROOT / "data", disk=2**20)
    dataclasses.replace(here, fonts=tmp_path / "gone").check()


def test_our_packages_are_covered_where_their_folder_is_readable():
    assert {path.name for path in SOURCE.covered()} >= OURS
    SOURCE.check()
    assert SOURCE.visible() == []


def test_a_package_that_nothing_covers_is_found_before_anything_is_graded(uncovered):
    assert {Path(place).name for place in SOURCE.visible()} >= OURS
    with pytest.raises(SandboxError, match=r"can read /.*/src/autograder, where the answers are"):
        SOURCE.check()
    settings = KernelSettings("minikernel.server:KernelServer", preload="", home="/tmp")
    fork_server = ForkServer(settings, KernelClient, SOURCE)
    with pytest.raises(SandboxError, match="virtual environment"):
        fork_server.kernel()
    assert fork_server.process_id == 0


@pytest.mark.parametrize("readable", [ROOT, ROOT.parent])
def test_a_course_in_a_folder_that_can_be_read_is_refused(readable):
    shown = re.escape(f"course in {ROOT} lies below {readable}, which")
    with pytest.raises(SandboxError, match=f"{shown}.*move"):
        Sandbox((readable,), courses=(ROOT,)).wrap(["true"])


def test_a_course_below_the_systems_folders_is_refused():
    with pytest.raises(SandboxError, match="course in /usr/src/app lies below /usr"):
        Sandbox((), courses=(Path("/usr/src/app"),)).wrap(["true"])


def test_a_course_that_can_be_read_all_the_same_is_found(monkeypatch):
    here = Sandbox((ROOT,), courses=(ROOT,))
    monkeypatch.setattr(Sandbox, "refuse_courses_in_view", lambda _: None)
    assert str(ROOT / "source") in here.visible()


def test_the_course_is_found_by_any_folder_in_it():
    assert sandbox.courses_around(ROOT / "src" / "seqlab", ROOT / "data") == (ROOT,)
    assert ROOT in sandbox_for(ROOT / "data", disk=2**20).courses


def test_a_course_that_is_named_is_looked_for_wherever_this_process_and_the_data_lie(
    monkeypatch, tmp_path
):
    """A link in place of the data, and a working directory elsewhere, once hid it."""
    course = tmp_path / "system" / "course"
    course.mkdir(parents=True)
    (tmp_path / "by-another-name").symlink_to(course)
    monkeypatch.chdir(tmp_path)
    for shown in (course, course.parent, tmp_path):
        monkeypatch.setattr(sandbox, "SYSTEM", (str(shown),))
        for name in (course, tmp_path / "by-another-name", Path("by-another-name")):
            with pytest.raises(SandboxError, match=f"the course in {course} lies below {shown}"):
                sandbox_for(ROOT / "data", 2**20, name).refuse_courses_in_view()
    for elsewhere in ("system/course/data", "system/cour", "other"):
        monkeypatch.setattr(sandbox, "SYSTEM", (str(tmp_path / elsewhere),))
        sandbox_for(ROOT / "data", 2**20, course).refuse_courses_in_view()


# Run by a Python whose prefix is /usr/local: what students see with our packages covered, and not.
LOOK = """
import json, sys
from autograder.execution.sandbox import Sandbox
here = Sandbox((), (("LD_LIBRARY_PATH", "/usr/local/lib"),))
covered = here.visible()
Sandbox.covered = lambda _: []
print(json.dumps([sys.prefix, covered, here.visible()]))
"""


@pytest.mark.parametrize("editable", [False, True], ids=["ordinary", "editable"])
def test_packages_installed_below_usr_are_covered(tmp_path, editable):
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    packages = tmp_path / "packages"
    ours = packages / "elsewhere" if editable else packages
    for name in (*OURS, "minikernel"):
        shutil.copytree(ROOT / "src" / name, ours / name)
    installed = Path("/usr/local/lib", version, "site-packages")
    if editable:
        (packages / "ours.pth").write_text(f"{installed / 'elsewhere'}\n")
    command = ["bwrap", "--dev-bind", "/", "/", "--cap-add", "ALL"]
    command += ["--ro-bind", sys.base_prefix, "/usr/local"]
    command += ["--ro-bind", str(packages), str(installed)]
    command += ["env", "-i", "PATH=/usr/bin:/bin", "LD_LIBRARY_PATH=/usr/local/lib"]
    command += [f"/usr/local/bin/{version}", "-c", LOOK]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if not done.stdout and sys.base_prefix == "/usr":
        pytest.skip("this Python does not run from another folder")
    prefix, covered, uncovered = json.loads(done.stdout or done.stderr)
    assert prefix == "/usr/local"
    assert covered == []
    assert {Path(place).name for place in uncovered} == OURS
