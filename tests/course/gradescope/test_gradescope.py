"""Gradescope's autograder: what is in it, what it shows, and what students' code cannot reach."""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from typer.testing import CliRunner

from autograder.job import Release
from autograder.result import Result
from course.cli import main
from course.directory import CourseError
from course.gradescope import grade, results_json, run_autograder, unprivileged
from course.gradescope.autograder_zip import SCRIPTS, build
from course.gradescope.results_json import results
from course.release import generate
from course.run.publish import release_of
from tests.conftest import ROOT
from tests.support import classroom
from tests.support.classroom import GPT2, example
from tests.support.container import Autograder

pytestmark = pytest.mark.filterwarnings("ignore")  # nbgrader's and SQLAlchemy's own
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
WORDS = b"ROMEO:\nBut soft, what light\n\n----\n\nKING: hark\n\n----\n\nAll: well\n"


@pytest.fixture(scope="module")
def place():
    """A folder that is not below /tmp, of which a kernel has its own."""
    with tempfile.TemporaryDirectory(dir="/var/tmp", prefix="gradescope-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.fixture(scope="module")
def course(place):
    course = classroom.make_course(place / "course")
    shutil.copytree(ROOT / "requirements", course.root / "requirements")
    return course


@pytest.fixture(scope="module")
def archive(course):
    return build(course, GPT2, "after_published", course.root / "dist" / "gpt2-autograder.zip")


@pytest.fixture(scope="module")
def set_up(archive, place):
    return Autograder.set_up(archive, place / "autograder")


@pytest.fixture
def autograder(set_up, tmp_path_factory):
    """The autograder with its own tests and settings, whatever the last test did to them."""
    closed = set_up.root / "source" / "closed"
    kept = {path: path.read_bytes() for path in closed.glob("*.json")}
    yield set_up
    for path, content in kept.items():
        path.write_bytes(content)


def functions(name="vectorised"):
    """Return the solution cells of an example as a template.py."""
    notebook = nbformat.reads(example(name).decode(), as_version=4)
    cells = [
        c.source
        for c in notebook.cells
        if c.metadata.get("nbgrader", {}).get("solution") and c.cell_type == "code"
    ]
    return "\n\n\n".join(["import numpy as np", *cells]).encode()


# What is in the zip


def test_no_solution_rubric_or_model_answer_is_in_the_zip(archive):
    master = nbformat.read(ROOT / "source" / GPT2 / "gpt2.ipynb", as_version=4)
    source = {cell.id: cell.source for cell in master.cells}
    solution = source["a-1-1-solution"].partition("### BEGIN SOLUTION\n")[2].splitlines()[0]
    rubric = source["b-2-4-answer"].partition("**Rubric")[2].splitlines()[2]
    with zipfile.ZipFile(archive) as file:
        for name in file.namelist():
            if not name.startswith("closed/mistakes/"):  # right answers, for diagnoses
                content = file.read(name).decode("utf-8", "replace")
                assert solution.strip() not in content, name
                assert rubric not in content, name


def test_tests_and_catalogue_lie_where_only_root_reads(archive):
    master = nbformat.read(ROOT / "source" / GPT2 / "gpt2.ipynb", as_version=4)
    test = next(cell.source for cell in master.cells if cell.id == "a-1-1-test")
    lines = test.partition("### BEGIN HIDDEN TESTS\n")[2].splitlines()
    line = max((each for each in lines if not set(each) & set("\"\\'")), key=len)
    with zipfile.ZipFile(archive) as file:
        names = file.namelist()
        assert [n for n in names if line.encode() in file.read(n)] == ["closed/assignment.json"]
    tops = {"/".join(name.split("/")[:2]) for name in names if "/" in name}
    assert tops == {
        "open/seqlab",
        "open/minikernel",
        "open/data",
        "closed/autograder",
        "closed/course",
        "closed/hidden_tests",
        "closed/mistakes",
        "closed/assignment.json",
        "closed/settings.json",
    }


def test_only_the_data_of_the_assignment_is_in_it(archive):
    with zipfile.ZipFile(archive) as file:
        data = [name for name in file.namelist() if name.startswith("open/data/")]
    assert sorted(data) == [
        "open/data/SHA256SUMS",
        "open/data/gpt2/mini/config.json",
        "open/data/gpt2/mini/model.safetensors",
        "open/data/problem2_model_parameters/bpe1024.tiktoken",
    ]


def test_the_scripts_can_be_run_and_are_sound(archive):
    with zipfile.ZipFile(archive) as file:
        for name, shell in (("setup.sh", "bash"), ("run_autograder", "sh")):
            assert file.getinfo(name).external_attr >> 16 & 0o777 == 0o755
            done = subprocess.run([shell, "-n"], input=file.read(name), capture_output=True)
            assert done.returncode == 0, done.stderr
    assert set(SCRIPTS) == {"setup.sh", "run_autograder"}


def test_the_same_course_gives_the_same_zip_and_a_setting_another(course, archive, tmp_path):
    again = build(course, GPT2, "after_published", tmp_path / "again.zip")
    assert again.read_bytes() == archive.read_bytes()
    other = build(course, GPT2, "hidden", tmp_path / "other.zip", megabytes=1536)
    with zipfile.ZipFile(other) as file:
        settings = json.loads(file.read("closed/settings.json"))
    assert settings["visibility"] == "hidden"
    assert settings["policy"]["memory"] > 10**9


@pytest.mark.parametrize(
    ("options", "why"), [(("seen", 768), "--hidden"), (("hidden", 512), "--memory")]
)
def test_settings_that_make_no_sense_are_a_line(course, tmp_path, options, why):
    visibility, megabytes = options
    with pytest.raises(CourseError, match=why):
        build(course, GPT2, visibility, tmp_path / "a.zip", megabytes)


def test_the_command_writes_the_zip_and_refuses_a_release_that_is_stale(course, monkeypatch):
    monkeypatch.chdir(course.root)
    path = course.root / "other.zip"
    for stale in (True, False):
        monkeypatch.setattr(generate, "is_stale", lambda *_, stale=stale: stale)
        done = CliRunner().invoke(main.app, ["gradescope", GPT2, "--to", str(path)])
        assert ("run course release gpt2" in str(done.exception)) is stale
        assert path.is_file() is not stale


def test_an_assignment_comes_out_of_the_zip_as_it_went_in(course):
    with course.gradebook() as gradebook:
        common = release_of(gradebook, course, GPT2)
    again = json.loads(json.dumps(common.to_json()))
    assert Release.from_json(again) == common


def test_hidden_inputs_are_a_groups_own_and_the_same_each_time():
    key = grade.draws_key("ab" * 32, ["ada@x", "jo@x"])
    assert key == grade.draws_key("ab" * 32, ["ada@x", "jo@x"])
    assert key != grade.draws_key("ab" * 32, ["ada@x"])
    assert key != grade.draws_key("cd" * 32, ["ada@x", "jo@x"])


# What Gradescope shows


DIAGNOSIS = {"function": "f", "where": "in 1.1", "summary": "f is negative"}
FLAGS = {"locked": True, "grade": True, "solution": False, "task": False, "schema_version": 3}


def cell(name, points, *outputs, **about):
    meta = {
        "nbgrader": {**FLAGS, "grade_id": name, "points": points},
        "autograder": {"seconds": 0.1, "line": 1, **about},
    }
    return new_code_cell("assert f", id=name, metadata=meta, outputs=list(outputs))


def error(text):
    return new_output("error", ename="AssertionError", evalue=text)


def shown(*cells, hidden=(), visibility="hidden", status="graded", reasons=(), notes=()):
    answer = {**FLAGS, "locked": False, "solution": True, "grade_id": "w", "points": 8}
    notebook = new_notebook(
        cells=[
            new_markdown_cell("## Part\n\n### 1.1: Softmax\n\nText", id="card"),
            *cells,
            new_markdown_cell("mine", id="w", metadata={"nbgrader": answer}),
        ]
    )
    written = None if status == "unreadable" else nbformat.writes(notebook)
    result = Result(status, tuple(reasons), written, total=1.234)
    return results(result, notebook, set(hidden), visibility, notes)


def test_a_test_without_hidden_part_is_one_entry_with_its_points():
    found = shown(cell("t", 3))
    assert found["tests"][0] == {
        "name": "1.1: Softmax [t]",
        "number": "1.1",
        "status": "passed",
        "output": "",
        "score": 3.0,
        "max_score": 3.0,
        "output_format": "text",
        "visibility": "visible",
    }
    assert (found["score"], found["execution_time"]) == (3.0, 1.23)
    assert (found["visibility"], found["stdout_visibility"]) == ("visible", "hidden")
    assert "leaderboard" not in found


def test_points_of_a_test_with_a_hidden_part_are_in_the_hidden_entry():
    seen, rest, _ = shown(cell("t", 3), hidden=["t"], visibility="after_published")["tests"]
    assert (seen["status"], seen["visibility"]) == ("passed", "visible")
    assert "score" not in seen
    assert "max_score" not in seen
    assert (rest["status"], rest["visibility"]) == ("passed", "after_published")
    assert (rest["score"], rest["max_score"]) == (3.0, 3.0)


def test_what_fails_in_the_visible_part_is_shown_with_a_nudge_and_no_hint():
    known = DIAGNOSIS | {"nudge": "look at the sign", "hint": "drop the minus"}
    found = shown(
        cell("t", 3, error("\x1b[31mtoo small"), hidden=False, diagnosis=known), hidden=["t"]
    )
    seen, rest, _ = found["tests"]
    assert seen["status"] == rest["status"] == "failed"
    assert seen["output"] == "AssertionError: too small\nf is negative\nlook at the sign\nin 1.1"
    assert rest["output"] == "not reached: see the entry above"
    assert found["score"] == 0.0


def test_what_fails_in_the_hidden_part_is_not_to_be_seen_anywhere_else():
    known = DIAGNOSIS | {"nudge": "look", "hint": "drop the minus"}
    found = shown(
        cell("t", 3, error("SECRET 17"), hidden=True, diagnosis=known),
        hidden=["t"],
        reasons=["f was stopped after 60 s in t"],
        notes=["template.py was graded."],
    )
    seen, rest, _ = found["tests"]
    assert (seen["status"], seen["output"]) == ("passed", "")
    assert rest["output"] == "f is negative\ndrop the minus\nin 1.1"
    assert "SECRET" not in str(found)  # nor what the test expects: as on the page of feedback
    visible = [found["output"], *(str(e) for e in found["tests"] if e["visibility"] == "visible")]
    assert not any("stopped" in text for text in visible)
    assert "template.py was graded." in found["output"]
    assert found["score"] == 0.0


def test_without_a_sound_note_nothing_of_a_failure_is_shown_in_the_visible_part():
    seen, rest, _ = shown(cell("t", 3, error("SECRET 17"), seconds=None), hidden=["t"])["tests"]
    assert (seen["status"], seen["output"]) == ("passed", "")
    assert (rest["status"], rest["score"]) == ("failed", 0.0)
    assert "SECRET" not in rest["output"]


def test_after_a_hidden_part_no_message_is_shown_that_a_function_may_have_chosen():
    first = cell("a", 3, error("seen"), hidden=False)
    later = cell("t", 3, error("it returned 0.7310585"), hidden=False)
    before, after = shown(later)["tests"][0], shown(first, later, hidden=["a"])["tests"][2]
    assert "0.7310585" in before["output"]
    assert "0.7310585" not in after["output"]


def test_a_test_that_was_not_reached_fails_in_its_visible_part():
    seen, rest, _ = shown(cell("t", 3, error("no time is left")), hidden=["t"])["tests"]
    assert (seen["status"], seen["output"]) == ("failed", "AssertionError: no time is left")
    assert (rest["status"], rest["output"]) == ("failed", results_json.NOT_REACHED)


def test_parts_of_points_are_given():
    value = new_output("execute_result", data={"text/plain": "1.5"})
    entry = shown(cell("t", 3, value))["tests"][0]
    assert (entry["score"], entry["status"]) == (1.5, "failed")


def test_written_answers_are_a_persons_to_mark():
    entry = shown()["tests"][-1]
    assert entry["output"] == "A person gives up to 8 points for it."
    assert "score" not in entry
    assert "status" not in entry


def test_what_cannot_be_read_is_no_silent_zero():
    found = shown(cell("t", 3), status="unreadable", reasons=["the file is empty"])
    assert found["output"] == "NOT GRADED: the file is empty"
    assert found["tests"][0]["output"] == "the file is empty"
    assert (found["tests"][0]["status"], found["score"]) == ("failed", 0.0)


def test_the_instructors_log_has_everything():
    failed = cell("t", 3, error("why"), hidden=True)
    text = results_json.table(shown(failed, hidden=["t"]), [failed])
    assert "failed     0/3 1.1: Softmax [t], further inputs" in text
    assert "AssertionError: why" in text


# Grading


def test_functions_and_words_are_graded_in_the_sandbox(autograder):
    autograder.hand_in({"template.py": functions(), "2_4.txt": WORDS}, "ada@x")
    found = autograder.run()
    assert found["score"] == 92.0, autograder.log
    assert "template.py was graded." in found["output"]
    assert {entry["status"] for entry in found["tests"] if "status" in entry} == {"passed"}
    assert "no sandbox" not in autograder.log
    assert 0 < found["execution_time"] < 300


@pytest.mark.slow
def test_a_notebook_is_graded_and_goes_before_template_py(autograder):
    autograder.hand_in({"hw/gpt2.ipynb": example("half-done"), "hw/template.py": b"x = 1"})
    found = autograder.run()
    assert 0 < found["score"] <= 50
    assert "The notebook was graded, and not template.py." in found["output"]
    seen = {e["number"]: e for e in found["tests"] if e["visibility"] == "visible"}
    assert seen["1.1"]["status"] == "passed"
    assert seen["24.1"]["status"] == "failed"
    assert seen["24.1"]["output"]


@pytest.mark.parametrize(
    ("files", "why"),
    [
        ({"template.py": b"def f(:\n"}, "template.py, line 1: invalid syntax"),
        ({"answers.docx": b"PK"}, "there is no notebook"),
        ({"a.ipynb": b"{}", "b.ipynb": b"{}"}, "no notebook is called gpt2.ipynb"),
    ],
)
def test_what_cannot_be_graded_is_told_at_once(autograder, monkeypatch, files, why):
    autograder.hand_in(files)
    monkeypatch.setattr(grade.Grading, "_has_sandbox", lambda self: True)
    found = grade.Grading(autograder.root).run()
    assert found["output"].startswith("NOT GRADED: ")
    assert why in found["output"]


def test_a_link_in_a_submission_is_refused(autograder):
    autograder.hand_in({"template.py": functions()})
    (autograder.root / "submission" / "2_4.txt").symlink_to("/etc/passwd")
    assert "is a symbolic link" in grade.Grading(autograder.root).run()["output"]


# Without a sandbox


HUNTER = r"""
import ctypes, os, re, socket, sys
from pathlib import Path

SEEN = re.compile(rb"C[A]NARY-[A-Z]+")
OURS = [p for p in (sys.prefix, sys.base_prefix, "/usr", "/lib", "/proc", "/sys", "/dev", "/etc")]


def tried(what, do):
    try:
        do()
        return [what]
    except BaseException:
        return []


def in_files():
    for folder, folders, names in os.walk("/"):
        folders[:] = [n for n in folders if os.path.join(folder, n) not in OURS]
        for name in names:
            try:
                yield from SEEN.findall(Path(folder, name).read_bytes()[:20_000_000])
            except OSError:
                pass


def in_processes():
    for process in Path("/proc").glob("[0-9]*"):
        for name in ("environ", "cmdline", "maps"):
            try:
                yield from SEEN.findall((process / name).read_bytes())
            except OSError:
                pass
        try:
            for line in (process / "maps").read_text().splitlines():
                first, last = (int(n, 16) for n in line.split()[0].split("-"))
                if "r" in line.split()[1] and last - first < 200_000_000 and "[v" not in line:
                    with open(process / "mem", "rb") as memory:
                        memory.seek(first)
                        yield from SEEN.findall(memory.read(last - first))
        except (OSError, ValueError, OverflowError):
            pass


def attacks():
    found = tried("became root", lambda: os.setuid(0))
    for name in ("results/results.json", "source/closed/assignment.json", "run_autograder",
                 "source/open/seqlab/checks.py", "submission/x", "submission_metadata.json"):
        found += tried("wrote " + name, lambda: open("/autograder/" + name, "ab"))
    for name in ("results", "source/closed", "submission"):
        found += tried("listed " + name, lambda: os.listdir("/autograder/" + name))
    found += tried("called out", lambda: socket.socket(socket.AF_INET, socket.SOCK_STREAM))
    found += tried("signalled the grader", lambda: [os.kill(int(p.name), 0) for p in
                   Path("/proc").glob("[0-9]*") if p.stat().st_uid == 0][0])
    found += tried("unshared", lambda: 1 / (ctypes.CDLL(None).unshare(0x10000000) == 0))
    found += tried("chrooted", lambda: os.chroot("/"))
    return found


def softmax(x):
    canaries = sorted({c.decode() for c in [*in_files(), *in_processes()]})
    raise RuntimeError(f"HUNT {canaries + attacks()} by {os.getuid()}")
"""


@as_root
@pytest.mark.slow
def test_without_a_sandbox_no_test_can_be_read_and_nothing_be_changed(autograder):
    source = autograder.root / "source"
    path = source / "closed" / "assignment.json"
    mark = "### BEGIN HIDDEN TESTS"
    path.write_text(path.read_text().replace(mark, f"{mark}\\n# CANARY-TESTS"))
    (source / "closed" / "mistakes" / "CANARY.txt").write_text("CANARY-CATALOGUE")
    bait = source / "open" / "bait.txt"
    bait.write_text("CANARY-BAIT")
    autograder.hand_in({"template.py": HUNTER.encode()}, "CANARY-ADDRESS@x")
    found = autograder.run_contained()
    bait.unlink()
    assert "no sandbox" in autograder.log
    # Only instructors read what an exception says. The bait shows that the hunter can find things.
    assert "CANARY" not in str(found)
    said = set(re.findall(r"RuntimeError: HUNT .*", autograder.log))
    assert said == {f"RuntimeError: HUNT ['CANARY-BAIT'] by {run_autograder.UID}"}


@as_root
@pytest.mark.slow
def test_without_a_sandbox_right_work_is_given_all_points(autograder):
    autograder.hand_in({"template.py": functions(), "2_4.txt": WORDS}, "ada@x")
    found = autograder.run_contained()
    assert found["score"] == 92.0, autograder.log
    assert "no sandbox" in autograder.log


@as_root
def test_a_file_that_the_other_user_can_read_is_found_before_anything_is_run(place):
    uid, secret = 64_002, place / "secret"
    secret.write_text("x")
    secret.chmod(0o600)
    unprivileged.check(uid, [secret, place / "not there"])
    secret.chmod(0o644)
    with pytest.raises(unprivileged.UnguardedError, match="could read secret"):
        unprivileged.check(uid, [secret])


def test_an_ordinary_user_without_a_sandbox_grades_nothing(monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(unprivileged.UnguardedError, match="there is no sandbox"):
        unprivileged.check(64_002, [])


def test_walls_leave_sockets_of_this_machine_and_nothing_else():
    code = """
import os, socket
from course.gradescope import unprivileged
assert unprivileged.wall_off() == []
socket.socket(socket.AF_UNIX).close()
a, b = socket.socketpair()
for family in (socket.AF_INET, socket.AF_INET6, socket.AF_NETLINK):
    try:
        socket.socket(family, socket.SOCK_DGRAM)
        print("made", family)
    except PermissionError:
        pass
print(os.popen("echo children work").read().strip())
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=600)
    assert (done.returncode, done.stdout) == (0, "children work\n"), done.stderr


@as_root
def test_what_a_user_has_left_behind_is_ended():
    uid = 64_003
    left = subprocess.Popen(["sleep", "300"], user=uid, group=uid, extra_groups=[])
    try:
        run_autograder.end_all_of(uid)
        assert left.wait(timeout=600) == -9
    finally:
        left.kill()


# Whatever happens there are results


@pytest.fixture
def broken(autograder, monkeypatch):
    """Return what becomes of a submission when the grading is another program."""
    monkeypatch.setenv("AUTOGRADER", str(autograder.root))
    monkeypatch.setattr(run_autograder, "UID", 64_002)
    autograder.hand_in({"template.py": b""})

    def run(code):
        monkeypatch.setattr(run_autograder, "GRADE", (sys.executable, "-S", "-c", code))
        run_autograder.main()
        return json.loads((autograder.root / "results" / "results.json").read_text())

    return run


@pytest.mark.parametrize(
    ("code", "why"),
    [
        ("import os; os.kill(os.getpid(), 9)", "killed: most likely the container has too little"),
        ("raise SystemExit(3)", "the grader failed (exit status 3)"),
        ("pass", "the grader wrote no results"),
        ("import time; time.sleep(60)", "it took more than 1 s"),
        (
            "import os\nopen(os.environ['AUTOGRADER'] + '/results/results.json', 'w').write('{')",
            "wrote no results",
        ),
    ],
)
def test_a_grader_that_fails_leaves_results_with_a_clear_line(broken, monkeypatch, code, why):
    monkeypatch.setattr(run_autograder, "WHOLE_SECONDS", 1.0 if "sleep" in code else 60.0)
    found = broken(code)
    assert found["output"].startswith("NOT GRADED: ")
    assert why in found["output"]
    assert "The zero is no mark" in found["output"]
    assert (found["score"], found["tests"]) == (0.0, [])


@as_root
def test_what_students_code_has_left_is_ended_with_the_grading(broken):
    left = "subprocess.Popen(['sleep', '300'], user=64_002, start_new_session=True)"
    broken(f"import subprocess; {left}")
    assert not [p for p in Path("/proc").glob("[0-9]*") if run_autograder._owner(p) == 64_002]


def test_settings_that_are_damaged_leave_results_too(autograder):
    autograder.hand_in({"template.py": b""})
    (autograder.root / "source" / "closed" / "settings.json").write_text("{")
    assert "NOT GRADED: the grader failed (JSONDecodeError" in autograder.run()["output"]


def test_tests_that_are_damaged_leave_results_with_the_reason(autograder):
    autograder.hand_in({"template.py": b""})
    (autograder.root / "source" / "closed" / "assignment.json").write_text("{}")
    found = autograder.run()
    assert (
        "NOT GRADED: the grader failed (cells is NoneType, and list is expected)"
        in (found["output"])
    )
    assert "ValueError" in autograder.log


def test_a_python_that_is_not_there_leaves_results_too(autograder):
    python = autograder.root / "source" / "python"
    kept = python.read_text()
    python.write_text("/nowhere/python")
    try:
        assert "the grader did not start" in autograder.run()["output"]
    finally:
        python.write_text(kept)


def test_what_holds_tests_is_locked_away_before_grading(autograder):
    autograder.hand_in({"template.py": b""}, "ada@x")
    run_autograder.lock_away(autograder.root)
    modes = {
        name: (autograder.root / name).stat().st_mode & 0o777
        for name in ("source/closed", "results", "submission", "submission_metadata.json", "source")
    }
    assert modes == {
        "source/closed": 0o700,
        "results": 0o700,
        "submission": 0o700,
        "submission_metadata.json": 0o600,
        "source": 0o755,
    }
