"""No submission stops the batch, and no mark is lost, whatever is handed in or breaks meanwhile."""

import contextlib
import csv
import errno
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from autograder import job
from autograder.execution import pool, sandbox
from autograder.execution.client import descendants
from autograder.status import Status
from course.cli import main
from course.directory import CourseError
from course.run import (
    atomic,
    batch,
    cache,
    lateness,
    nbgrader_plugin,
    publish,
    scores,
    status_files,
    workers,
)
from tests.support import classroom
from tests.support.classroom import (
    BROKEN,
    GPT2,
    MENDED,
    ROOT,
    Fake,
    Here,
    changed,
    copied,
    everything,
    examined,
    example,
    grade,
    hand_in,
    hand_in_damaged,
    marks,
)

EXPECTED = json.loads((ROOT / "examples" / "expected.json").read_text("utf-8"))[GPT2]
pytestmark = [
    pytest.mark.filterwarnings("ignore"),  # nbgrader's, jupyter's and SQLAlchemy's own
    pytest.mark.skipif(shutil.which("bwrap") is None, reason="needs bubblewrap"),
]
FEW = ("blank", "half-done", "raises", "wrong-hurry")
LATE = 'c.AssignLatePenalties.plugin_class = "tests.support.classroom.ByTheHour"'


@pytest.fixture(scope="module")
def empty(tmp_path_factory):
    """A course in which nobody has handed in anything."""
    return classroom.make_course(tmp_path_factory.mktemp("empty") / "course")


@pytest.fixture
def course(empty, tmp_path):
    """A copy of it."""
    return copied(empty, tmp_path / "course")


@pytest.fixture
def few(course):
    """A course in which four have handed in."""
    for name in FEW:
        hand_in(course, name, example(name))
    return course


@pytest.fixture(scope="module")
def uninterrupted(empty, tmp_path_factory):
    """What a made-up grading of the four gives when nothing happens."""
    course = copied(empty, tmp_path_factory.mktemp("uninterrupted") / "course")
    for name in FEW:
        hand_in(course, name, example(name))
    grade(course, Fake())
    return everything(course)


@pytest.fixture(scope="module")
def policy(empty):
    return batch.policy_of(empty, GPT2)


@pytest.fixture(scope="module")
def hasty(policy):
    """Small limits."""
    small = {"cell_seconds": 2.0, "call_seconds": 1.0, "test_seconds": 30.0, "restarts": 2}
    return replace(policy, **small)


def test_a_course_that_students_could_read_is_refused_wherever_it_is_graded_from(
    few, policy, monkeypatch, tmp_path
):
    monkeypatch.chdir(tmp_path)  # and its data are a link
    shown = few.root.parent.resolve()
    monkeypatch.setattr(sandbox, "SYSTEM", (*sandbox.SYSTEM, str(shown)))
    before = everything(few)
    with pytest.raises(CourseError, match=f"the course in {few.root} lies below {shown}, which"):
        batch.Batch(few, GPT2, Fake(), policy, show=False)
    assert everything(few) == before
    open_to_all = replace(policy, sandbox=False)
    assert set(batch.Batch(few, GPT2, Fake(), open_to_all, show=False).run(FEW)) == set(FEW)


def leftovers(course):
    """Return what only an interruption leaves: half-written folders and files."""
    hidden = [*(course.root / "autograded").glob("*/.*"), *course.root.glob(".registering")]
    return hidden + list((course.root / status_files.FOLDER).rglob(".new-*"))


# Scores


@pytest.fixture(scope="module")
def both_ways(empty, tmp_path_factory):
    """A class, late and marked by hand in part, graded by the autograder and by nbgrader's command.

    Twice each: once before a person gives marks, and again for that person's student after.
    """
    ours = copied(empty, tmp_path_factory.mktemp("ours") / "course")
    classroom.configure(ours, LATE)
    with ours.gradebook() as gradebook:
        gradebook.update_or_create_assignment(GPT2, duedate="2026-01-01 12:00:00 UTC")
    for name in (*FEW, "answers", "syntax-error"):
        hand_in(ours, name, example(name))
    hand_in(ours, "half-done", b"2026-01-01 14:30:00 UTC", "timestamp.txt")
    hand_in(ours, "answers", b"2026-01-01 10:00:00 UTC\n", "timestamp.txt")
    theirs = copied(ours, tmp_path_factory.mktemp("theirs") / "course")
    here = Here()
    grade(ours, here)
    grader = scores.NbgraderRunner(theirs)
    for name in theirs.students(GPT2):
        assert grader.grade(GPT2, name).status == "graded"
    first = everything(ours), everything(theirs)
    for course in (ours, theirs):
        give_manual_marks(course, "answers")
    batch.Batch(ours, GPT2, here, batch.policy_of(ours, GPT2), True, show=False).run(["answers"])
    grader.grade(GPT2, "answers")
    return ours, first, (marks(ours, "answers"), marks(theirs, "answers"))


def give_manual_marks(course, student):
    """Mark an answer and one test by hand, as formgrader does, with a comment and a bonus."""
    with course.gradebook() as gradebook:
        answer = gradebook.find_grade("b-2-4-answer", GPT2, GPT2, student)
        answer.manual_score, answer.needs_manual_grade = 6.5, False
        test = gradebook.find_grade("a-1-1-test", GPT2, GPT2, student)
        test.manual_score, test.extra_credit, test.needs_manual_grade = 4.0, 1.0, False
        comment = gradebook.find_comment("b-2-4-answer", GPT2, GPT2, student)
        comment.manual_comment = "Well seen."
        gradebook.db.commit()


@pytest.mark.slow
def test_scores_and_statuses_are_those_expected(both_ways):
    for name, (found, word, _, _, _) in both_ways[1][0].items():
        automatic = {n: g[0] for n, g in found["grades"].items() if g[0] is not None}
        scores = {n: automatic[n] for n in EXPECTED[name]["scores"]}
        assert scores == EXPECTED[name]["scores"], name
        assert word == EXPECTED[name]["status"]


@pytest.mark.slow
def test_the_gradebook_is_as_nbgrader_would_have_left_it(both_ways):
    ours, theirs = both_ways[1]
    assert ours.keys() == theirs.keys()
    for name in ours:
        assert ours[name][0] == theirs[name][0], name
    comments = [c for name in ours for c, _ in ours[name][0]["comments"].values()]
    assert {"No response.", None} == set(comments)
    assert ours["answers"][0]["needs_manual"]
    assert not ours["blank"][0]["needs_manual"]


@pytest.mark.slow
def test_penalties_for_lateness_are_nbgraders(both_ways):
    ours, theirs = both_ways[1]
    assert ours["half-done"][0]["late"] == theirs["half-done"][0]["late"] == (9000.0, 6.0)
    assert ours["answers"][0]["late"][0] == 0


@pytest.mark.slow
def test_marks_and_comments_of_a_person_survive_grading_again(both_ways):
    ours, theirs = both_ways[2]
    assert ours == theirs
    assert ours["grades"]["b-2-4-answer"][1:4] == (6.5, None, True)
    assert ours["grades"]["a-1-1-test"] == (5.0, 4.0, 1.0, True, 5.0)
    assert ours["comments"]["b-2-4-answer"] == (None, "Well seen.")


# What is handed in


@pytest.fixture(scope="module")
def odd(empty, tmp_path_factory):
    """A class of oddities around two ordinary students, really graded; its statuses beside."""
    course = copied(empty, tmp_path_factory.mktemp("odd") / "course")
    hand_in_damaged(course)
    for name in ("ann", "zoe"):
        hand_in(course, name, example("half-done"))
    here = Here()
    found = grade(course, here, draws=False)  # with inputs of their own no two are the same work
    return course, found, here


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("cut-short", "cut short|not a whole|ends in the middle|truncated"),
        ("no-json", "not a notebook|no notebook|JSON"),
        ("html", "web page|HTML"),
        ("pdf", "a PDF"),
        ("empty", "empty"),
        ("two", "gpt2-a.ipynb, gpt2-b.ipynb|not clear"),
        ("none", "there is no notebook: gpt2.ipynb is expected"),
        ("nothing-at-all", "there is no notebook: gpt2.ipynb is expected"),
        ("link", "'secret.txt' is a symbolic link"),
        ("link-for-notebook", "'gpt2.ipynb' is a symbolic link"),
        ("fifo", "'pipe' is a device, pipe or socket"),
        ("folder", "there is no notebook"),
        ("linked", "'gpt2' is a symbolic link"),
    ],
)
def test_what_cannot_be_read_is_a_row_with_a_reason_and_no_mark(odd, name, reason):
    course, found, _ = odd
    assert found[name].word == "unreadable"
    assert re.search(reason, found[name].reason), found[name].reason
    assert "\n" not in found[name].reason
    assert marks(course, name) is None
    assert not (course.root / "autograded" / name / GPT2).exists()
    assert course.status(GPT2, name, False) == found[name]
    line = scores.table([scores.NbgraderRunner(course).result(GPT2, name)]).splitlines()[1]
    assert re.match(rf"{name} +-/100 .* unreadable: ", line)


@pytest.mark.parametrize("name", MENDED)
def test_what_can_be_mended_is_graded_like_anything_else(odd, name):
    course, found, _ = odd
    assert found[name].word in ("repaired", "graded"), found[name].reason
    assert name == "old-format" or found[name].reason
    assert marks(course, name)["score"] == 50


@pytest.mark.parametrize("name", classroom.IN_THE_WAY)
def test_whatever_else_lies_in_the_folder_the_notebook_is_graded_and_published(odd, name):
    course, found, _ = odd
    assert found[name].word in ("repaired", "graded"), found[name].reason
    assert marks(course, name)["score"] == 50
    folder = course.root / "autograded" / name / GPT2
    assert [path.name for path in folder.rglob("*.ipynb")] == ["gpt2.ipynb"]


@pytest.mark.parametrize("problem", [OSError(errno.EISDIR, "Is a directory"), ValueError("no")])
def test_a_result_that_cannot_be_written_is_a_row_and_the_class_goes_on(few, monkeypatch, problem):
    real = publish.Publisher._replace

    def replace_or_fail(self, student, *arguments):
        if student == "half-done":
            raise problem
        return real(self, student, *arguments)

    monkeypatch.setattr(publish.Publisher, "_replace", replace_or_fail)
    found = grade(few, Fake())
    assert found["half-done"].word == "failed"
    assert "could not be written" in found["half-done"].reason
    assert {found[name].word for name in FEW if name != "half-done"} == {"graded"}


def test_the_others_are_graded_and_nobody_is_left_out(odd):
    course, found, _ = odd
    assert sorted(found) == course.students(GPT2)
    for name in ("ann", "zoe"):
        assert found[name].word == "graded"
        assert marks(course, name)["score"] == 50
    assert leftovers(course) == []


def test_the_same_work_is_computed_once_and_both_get_their_marks(odd):
    course, found, here = odd
    ann, zoe = (everything(course)[name] for name in ("ann", "zoe"))
    assert ann == zoe
    assert ann[4] is not None
    assert found["ann"].key == found["zoe"].key
    refused = {"link", "link-for-notebook", "fifo", "linked"}
    keys = {each.key for name, each in found.items() if name not in refused}
    assert here.computed == len(keys) < len(found) - len(refused)


def test_a_second_run_computes_nothing(odd):
    course, found, _ = odd
    again = Here()
    assert grade(course, again, draws=False) == found
    assert again.computed == 0


def test_a_readable_version_that_comes_later_is_graded(course):
    hand_in(course, "ann", BROKEN["cut-short"])
    assert grade(course, Fake())["ann"].word == "unreadable"
    hand_in(course, "ann", example("half-done"))
    assert grade(course, Fake())["ann"].word == "graded"
    assert marks(course, "ann")["score"] > 0
    assert (course.root / "autograded" / "ann" / GPT2 / "gpt2.ipynb").is_file()


def test_an_unreadable_version_takes_back_automatic_marks_but_no_persons(few):
    grade(few, Fake())
    give_manual_marks(few, "raises")
    for name in ("raises", "blank"):
        hand_in(few, name, BROKEN["html"])
    found = grade(few, Fake())
    assert found["raises"].word == found["blank"].word == "unreadable"
    assert marks(few, "blank") is None
    kept = marks(few, "raises")
    assert kept["grades"]["a-1-1-test"][:4] == (None, 4.0, 1.0, True)
    assert kept["grades"]["b-2-4-answer"][1] == 6.5
    assert kept["comments"]["b-2-4-answer"][1] == "Well seen."
    assert all(g[0] is None for g in kept["grades"].values())
    assert not (few.root / "autograded" / "raises" / GPT2).exists()
    hand_in(few, "raises", example("half-done"))
    grade(few, Fake())
    assert marks(few, "raises")["grades"]["a-1-1-test"][1] == 4.0
    assert marks(few, "raises")["grades"]["a-1-2-test"][0] is not None


# Interrupted

ENDS = {
    "before a result is kept": (cache.Store, "put", False),
    "between result and publishing": (cache.Store, "put", True),
    "within the transaction": (lateness, "penalize", True),
    "between gradebook and folder": (atomic, "replace_folder", False),
    "while the folder is written": (Path, "write_bytes", True),
    "between the two renames": (Path, "rename", True),
    "between folder and status": (status_files, "write", False),
    "within the writing of a file": (os, "replace", False),
    "when the status is written": (status_files, "write", True),
}


def in_child(do):
    """Run something in a fork and return its exit status."""
    pid = os.fork()
    if pid == 0:
        try:
            do()
            os._exit(0)
        except BaseException:
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def dying(owner, name, after, nth):
    """Let a function end the process when it is called for the nth time."""
    real, count = getattr(owner, name), iter(range(1, 1000))

    def call(*arguments, **named):
        if next(count) < nth:
            return real(*arguments, **named)
        if after:
            real(*arguments, **named)
        os.kill(os.getpid(), signal.SIGKILL)

    setattr(owner, name, call)


@pytest.mark.parametrize("nth", [1, 3])
@pytest.mark.parametrize("where", ENDS)
def test_killed_anywhere_it_goes_on_and_comes_to_the_same(few, uninterrupted, where, nth):
    owner, name, after = ENDS[where]

    def work():
        dying(owner, name, after, nth)
        grade(few, Fake())

    assert in_child(work) == -signal.SIGKILL
    kept = len(list((few.root / status_files.FOLDER / "results").glob("*/[!.]*")))
    again = Fake()
    grade(few, again)
    assert everything(few) == uninterrupted
    assert len(again.computed) == len(FEW) - kept
    assert [p for p in leftovers(few) if p.parent.parent.name == "autograded"] == []


@pytest.mark.parametrize("nth", [1, 2, 3, 4])
def test_killed_while_a_folder_is_replaced_it_goes_on_and_comes_to_the_same(
    few, uninterrupted, nth
):
    for name in FEW:
        hand_in(few, name, example("vectorised"))
    grade(few, Fake())
    for name in FEW:
        hand_in(few, name, example(name))

    def work():
        dying(Path, "rename", True, nth)
        grade(few, Fake())

    assert in_child(work) == -signal.SIGKILL
    grade(few, Fake())
    assert everything(few) == uninterrupted
    assert [p for p in leftovers(few) if p.parent.parent.name == "autograded"] == []


@pytest.mark.parametrize("moment", [0.0, 0.1, 0.2, 0.35])
def test_killed_at_some_moment_it_goes_on_and_comes_to_the_same(few, uninterrupted, moment):
    pid = os.fork()
    if pid == 0:
        with contextlib.suppress(BaseException):
            grade(few, Fake(before=lambda key, packed: time.sleep(0.05)))
        os._exit(0)
    time.sleep(moment)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    grade(few, Fake())
    assert everything(few) == uninterrupted
    assert [p for p in leftovers(few) if p.parent.parent.name == "autograded"] == []


@pytest.mark.parametrize(
    "damage",
    [
        lambda raw: raw[: len(raw) // 2],
        lambda raw: raw[:700] + b"?" + raw[701:],
        lambda raw: b"?" + raw[1:],
        lambda raw: b"",
    ],
)
def test_a_damaged_result_is_computed_again(few, uninterrupted, damage):
    found = grade(few, Fake())
    key = found["raises"].key
    path = few.root / status_files.FOLDER / "results" / key[:2] / key
    path.write_bytes(damage(path.read_bytes()))
    status_files.forget(few.root, GPT2, "raises")
    status_files.forget(few.root, GPT2, "blank")
    again = Fake()
    grade(few, again)
    assert again.computed == [key]
    assert everything(few) == uninterrupted


def test_force_computes_all_anew(few, uninterrupted):
    grade(few, Fake())
    again = Fake()
    grade(few, again)
    assert again.computed == []
    grade(few, again, force=True)
    assert len(again.computed) == len(set(again.computed)) == len(FEW)
    assert everything(few) == uninterrupted


# The gradebook and the disk


@contextlib.contextmanager
def locked(course, seconds):
    """Have another process hold the gradebook; it lets go after so many seconds, or at the end."""
    source = (
        "import sqlite3, sys, time\n"
        "held = sqlite3.connect(sys.argv[1], isolation_level=None)\n"
        "held.execute('BEGIN EXCLUSIVE'); print('held', flush=True); time.sleep(float(sys.argv[2]))"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", source, str(course.root / "gradebook.db"), str(seconds)],
        stdout=subprocess.PIPE,
    )
    try:
        assert holder.stdout.readline() == b"held\n"
        yield
    finally:
        holder.kill()
        holder.wait()
        holder.stdout.close()


def impatient(course):
    """Let SQLite give up on a lock at once, so that only the test kernel's own patience is left."""
    url = f"sqlite:///{course.root / 'gradebook.db'}?timeout=0.1"
    classroom.configure(course, f"c.CourseDirectory.db_url = {url!r}")


def test_a_gradebook_that_is_in_use_is_waited_for(few, uninterrupted):
    impatient(few)
    with contextlib.ExitStack() as stack:
        once = Fake(
            before=lambda key, packed: (
                stack.enter_context(locked(few, 1.5)) and None if len(once.computed) == 2 else None
            )
        )
        grade(few, once)
    assert everything(few) == uninterrupted


def test_a_gradebook_that_stays_in_use_is_one_line_and_no_work_is_lost(
    few, uninterrupted, monkeypatch, capsys
):
    impatient(few)
    monkeypatch.setattr(publish, "LOCKED_SECONDS", 0.3)
    with contextlib.ExitStack() as stack:
        once = Fake(
            before=lambda key, packed: (
                stack.enter_context(locked(few, 60)) and None if len(once.computed) == 2 else None
            )
        )
        code, _, err = command(few, once, monkeypatch, capsys)
    assert code == 1
    assert re.fullmatch(r"course: the gradebook could not be written .*locked.*\n", own(err)), err
    again = Fake()
    assert command(few, again, monkeypatch, capsys)[0] == 0
    assert len(once.computed) + len(again.computed) == len(FEW)
    assert everything(few) == uninterrupted


def test_a_gradebook_that_is_in_use_from_the_start_is_one_line(few, monkeypatch, capsys):
    impatient(few)
    with locked(few, 60):
        code, _, err = command(few, Fake(), monkeypatch, capsys)
    assert code == 1
    assert re.fullmatch(r"course: the gradebook .*locked.*\n", own(err)), err


def command(course, scheduler, monkeypatch, capsys, *options):
    """Run ``course autograde gpt2`` here with a scheduler; return exit status, stdout, stderr."""
    monkeypatch.chdir(course.root)
    monkeypatch.setattr(sys, "argv", ["course", "autograde", GPT2, *options])
    with monkeypatch.context() as patch:
        patch.setattr(workers, "Local", lambda *_: scheduler)
        with pytest.raises(SystemExit) as ended:
            main.main()
    return (ended.value.code or 0, *capsys.readouterr())


def own(err):
    """Return what is not the progress bar."""
    return "".join(
        line + "\n" for line in re.split(r"[\r\n]", err) if line.strip() and "%|" not in line
    )


def fails_below(real, folder, nth=1):
    """Let a function of a descriptor or path fail for the nth file below a folder."""
    count = iter(range(1, 1000))

    def call(what, *arguments, **named):
        path = Path(f"/proc/self/fd/{what}").readlink() if isinstance(what, int) else Path(what)
        if folder in path.parts and next(count) >= nth:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(what, *arguments, **named)

    return call


@pytest.mark.parametrize(
    ("owner", "name", "folder"),
    [
        (os, "fsync", "results"),
        (os, "fsync", "status"),
        (os, "replace", "results"),
        (Path, "write_bytes", "autograded"),
        (Path, "mkdir", "autograded"),
        (Path, "chmod", "autograded"),
    ],
)
def test_a_full_disk_is_one_line_and_nothing_is_half_written(
    few, uninterrupted, monkeypatch, capsys, owner, name, folder
):
    once = Fake()
    with monkeypatch.context() as patch:
        patch.setattr(owner, name, fails_below(getattr(owner, name), folder, 2))
        code, _, err = command(few, once, monkeypatch, capsys)
    assert code == 1
    assert re.fullmatch(
        r"course: .*No space left on device.*run the same command again\n", own(err)
    ), err
    assert leftovers(few) == []
    kept = len(list((few.root / status_files.FOLDER / "results").glob("*/*")))
    again = Fake()
    assert command(few, again, monkeypatch, capsys)[0] == 0
    assert len(again.computed) == len(FEW) - kept
    assert everything(few) == uninterrupted


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 8 MB."""
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(folder)], capture_output=True
    )
    if mounted.returncode:
        pytest.skip("may not mount a file system")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.mark.parametrize(
    "moment",
    [(cache.Store, "put"), (publish.Publisher, "_patiently"), (publish.Publisher, "publish")],
)
def test_a_disk_that_is_really_full_loses_nothing(
    few, small_disk, uninterrupted, monkeypatch, capsys, moment
):
    course = copied(few, small_disk / "course")
    owner, name = moment
    real, count = getattr(owner, name), iter(range(1, 1000))
    filler = small_disk / "filler"

    def fill(*arguments):
        if next(count) == 2:
            space = os.statvfs(small_disk)
            filler.write_bytes(bytes(space.f_bavail * space.f_bsize))
        return real(*arguments)

    once = Fake()
    with monkeypatch.context() as patch:
        patch.setattr(owner, name, fill)
        code, _, err = command(course, once, monkeypatch, capsys)
    assert code == 1
    assert re.fullmatch(r"course: .*(space|full).*run the same command again\n", own(err)), err
    assert leftovers(course) == []
    filler.unlink()
    again = Fake()
    assert command(course, again, monkeypatch, capsys)[0] == 0
    assert everything(course) == uninterrupted
    assert len(once.computed) + len(again.computed) <= len(FEW) + 1


# Replaced meanwhile


def test_of_a_submission_replaced_meanwhile_the_new_one_is_graded(few, uninterrupted):
    def replace(key, packed):
        if len(some.computed) == 2:  # it is this one's turn
            hand_in(few, "half-done", example("vectorised"))

    some = Fake(before=replace)
    found = grade(few, some)
    assert len(some.computed) == len(FEW) + 1
    assert found["half-done"].word == "graded"
    now = everything(few)
    assert now["half-done"] != uninterrupted["half-done"]
    submitted = [c for c in json.loads(example("vectorised"))["cells"] if "-solution" in c["id"]]
    kept = classroom.graded(few, "half-done")
    assert all("".join(c["source"]) == kept[c["id"]][0] for c in submitted)
    assert {n: now[n] for n in FEW if n != "half-done"} == {
        n: uninterrupted[n] for n in FEW if n != "half-done"
    }
    assert grade(few, fake := Fake()) == found
    assert fake.computed == []


def test_of_a_submission_made_unreadable_meanwhile_that_is_said(few):
    def replace(key, packed):
        if len(some.computed) == 2:
            hand_in(few, "half-done", BROKEN["html"])

    some = Fake(before=replace)
    found = grade(few, some)
    assert len(some.computed) == len(FEW) + 1
    assert found["half-done"].word == "unreadable"
    assert marks(few, "half-done") is None


def test_a_submission_replaced_again_and_again_is_a_row_with_a_reason(few):
    versions = iter(range(1000))

    def replace(key, packed):
        hand_in(few, "half-done", changed(example("blank"), {}, f"x = {next(versions)}"))

    found = grade(few, Fake(before=replace))
    assert found["half-done"].word == "failed"
    assert found["half-done"].reason == "it was replaced again and again while being graded"
    assert marks(few, "half-done") is None
    assert sum(each.word == "graded" for each in found.values()) == len(FEW) - 1
    assert grade(few, Fake())["half-done"].word == "graded"


# The grader fails


def test_a_failure_of_the_grader_is_a_row_without_a_mark(few, uninterrupted, monkeypatch):
    def fails(packed, data):
        raise ZeroDivisionError("a fault of ours")

    monkeypatch.setattr(job, "grade", fails)
    some = Fake(
        before=lambda key, packed: workers.compute(key, packed) if len(some.computed) == 3 else None
    )
    found = grade(few, some)
    (name,) = [name for name, each in found.items() if each.word == "failed"]
    assert found[name].reason == "the grader failed: ZeroDivisionError: a fault of ours"
    assert marks(few, name) is None
    now = everything(few)
    assert all(now[n] == uninterrupted[n] for n in FEW if n != name)
    again = Fake()
    grade(few, again)
    assert len(again.computed) == 1
    assert everything(few) == uninterrupted


# Processes on this machine


def alive(pid):
    """Return whether a process is there and has not ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def gone(pids, seconds=60):
    """Wait until processes have ended; return those that have not."""
    deadline = time.monotonic() + seconds
    while (left := [pid for pid in pids if alive(pid)]) and time.monotonic() < deadline:
        time.sleep(0.05)
    return left


@pytest.mark.slow
def test_a_worker_that_dies_over_one_job_fails_that_job_only(tmp_path, monkeypatch):
    monkeypatch.setattr(workers, "TRIES", 2)
    monkeypatch.setattr(workers, "compute", classroom.compute_or_die)
    jobs = {"a": b"1", "b": b"die", "c": b"2", "d": f"once {tmp_path / 'mark'}".encode(), "e": b"3"}
    local = workers.Local(2, ROOT)
    found = {done.key: done for done in local.run(jobs.items())}
    assert found.keys() == jobs.keys()
    assert found["b"].result is None
    assert found["b"].reason == f"the grading process died {workers.TRIES} times over it"
    assert all(found[key].result == jobs[key] for key in "acde")
    assert (tmp_path / "mark").exists()
    again = dict.fromkeys("xy", b"4")  # and what is replaced meanwhile is computed after that
    assert {done.result for done in local.run(again.items())} == {b"4"}
    assert gone(children()) == []


def children():
    """Return this process's descendants, without the tracker that Python starts and keeps."""
    return [
        pid
        for pid in descendants(os.getpid())[1:]
        if alive(pid)
        and b"resource_tracker" not in Path(f"/proc/{pid}/cmdline").read_bytes()
        and b"minikernel.fork_server" not in Path(f"/proc/{pid}/cmdline").read_bytes()
    ]


@contextlib.contextmanager
def started(course, *options):
    """Run ``course autograde gpt2 --workers 2`` as a process group of its own."""
    environment = {**os.environ, "TMPDIR": str(course.root.parent / "tmp")}
    (course.root.parent / "tmp").mkdir(exist_ok=True)
    running = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "from course.cli.main import main; main()",
            "autograde",
            GPT2,
            "--workers",
            "2",
            *options,
        ],
        cwd=course.root,
        env=environment,
        start_new_session=True,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    try:
        yield running
    finally:
        for pid in reversed(descendants(running.pid)):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        running.communicate()


def statuses(course):
    """Return who has a status."""
    return {
        path.stem for path in (course.root / status_files.FOLDER / "status" / GPT2).glob("[!.]*")
    }


def until(condition, seconds=600):
    """Wait for a condition."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never came to that"
        time.sleep(0.02)


@pytest.mark.slow
def test_stopped_and_killed_the_command_goes_on_and_leaves_no_process_behind(course):
    names = ("half-done", "raises", "blank", "wrong-hurry")
    for i, name in enumerate(names):
        hand_in(course, name, changed(example(name), {}, f"import time\ntime.sleep({3 * i})"))

    with started(course) as running:  # Ctrl-C
        until(lambda: statuses(course))
        family = descendants(running.pid)
        assert any(
            b"minikernel.fork_server" in Path(f"/proc/{p}/cmdline").read_bytes() for p in family
        )
        os.killpg(running.pid, signal.SIGINT)
        _, err = running.communicate()
        assert running.returncode in (1, 130)
        assert gone(family) == []
    first = statuses(course)
    assert f"course: stopped after {len(first)} of 4: the same command goes on from there\n" in err
    assert "Traceback" not in err
    assert list((course.root.parent / "tmp").iterdir()) == []

    with started(course) as running:  # kill -9 of the coordinator
        until(lambda: statuses(course) > first)
        family = descendants(running.pid)
        os.kill(running.pid, signal.SIGKILL)
        running.wait()
        assert gone(family) == []
    second = statuses(course)
    written = {
        p: p.stat().st_mtime_ns for p in (course.root / status_files.FOLDER).rglob("*/*/[!.]*")
    }

    with started(course) as running:  # kill -9 of one worker
        until(lambda: len(descendants(running.pid)) > 4)
        worker = next(
            p
            for p in descendants(running.pid)
            if b"course.run.worker_process" in Path(f"/proc/{p}/cmdline").read_bytes()
        )
        os.kill(worker, signal.SIGKILL)
        out, err = running.communicate()
        assert running.returncode == 0, err
    assert len(re.findall(r"/100 .* graded", out)) == 4
    assert all(p.stat().st_mtime_ns == before for p, before in written.items())
    assert len(second) < 4
    for name in names:
        scores = {n: g[0] for n, g in marks(course, name)["grades"].items()}
        expected = EXPECTED[name]["scores"]
        assert {n: scores[n] for n in expected} == expected
    assert leftovers(course) == []


# Kernels that are lost: a small notebook

TEST = "assert f(1) == 2\nprint('fine')"
RIGHT = "def f(x):\n    return x + 1"


@pytest.mark.parametrize(
    ("which", "where"), [("students", "s"), ("students", "t"), ("test_kernels", "t")]
)
def test_a_fork_server_that_is_killed_meanwhile_costs_no_mark(policy, which, where):
    here = pool.shared_pool(policy, ROOT / "data")
    examined(RIGHT, TEST, policy=policy)  # both have started now
    fork_server = getattr(here, which)
    victim, slow = fork_server.process_id, "import time\ntime.sleep(1.5)\n"
    timer = threading.Timer(0.7, os.kill, (victim, signal.SIGKILL))
    timer.start()
    solution = (slow if where == "s" else "") + f"def g():\n    import time; time.sleep(1)\n{RIGHT}"
    call = "g(); g()\n" if where == "t" else ""
    result, shown = examined(solution, call + TEST, TEST, policy=policy)
    timer.join()
    assert shown == ["fine\n", "fine\n"], result.reasons
    assert result.word == "graded"
    examined(RIGHT, TEST, policy=policy)
    assert fork_server.process_id != victim


def test_a_cell_that_ends_its_process_costs_that_cell_only(policy):
    result, shown = examined(
        f"import os\n{RIGHT}\nos._exit(0)",
        "assert g(1) == kept\nprint('fine')",
        TEST,
        policy=policy,
        free=("kept = 1", "def g(x): return x", "kept = 2\nimport ctypes; ctypes.string_at(0)"),
    )
    assert shown == ["fine\n", "NameError: name 'f' is not defined"]
    assert result.word == "crashed"
    assert list(result.reasons) == [
        f"the process of cell {name} was lost: its process ended" for name in ("s", "own2")
    ]


def test_a_crash_in_a_call_costs_that_test_only(policy):
    result, shown = examined(
        f"import os\ndef g(x):\n    os._exit(1)\n{RIGHT}",
        TEST,
        "g(1)",
        TEST,
        policy=policy,
    )
    assert shown[0] == shown[2] == "fine\n"
    assert shown[1].startswith("KernelLost: the process of the student's code is lost while g ran")
    assert result.word == "crashed"


def test_too_long_a_cell_is_stopped_and_the_rest_goes_on(hasty):
    result, shown = examined(
        RIGHT,
        TEST,
        "print(before)",
        "print(after)",
        policy=hasty,
        free=("before = 1\nwhile True: pass\nafter = 2", "def f(x): return x + 1"),
    )
    assert shown[:2] == ["fine\n", "1\n"]
    assert shown[2] == "NameError: name 'after' is not defined"
    assert result.word == "timed out"
    assert result.reasons == ("cell own0 was stopped after 2 s",)


def test_too_long_a_call_is_stopped_and_the_next_test_is_graded(hasty):
    result, shown = examined(f"def g():\n    while True: pass\n{RIGHT}", "g()", TEST, policy=hasty)
    assert shown == ["TimeoutError: g did not return within 1 seconds", "fine\n"]
    assert result.word == "timed out"
    assert result.reasons == ("g was stopped after 1 s in t0",)


def test_kernels_are_made_again_so_often_and_then_the_rest_says_why(hasty):
    crash = "import os\nos._exit(0)"
    result, shown = examined(RIGHT, TEST, policy=hasty, free=(crash,) * 4)
    assert shown == ["NotRun: the process of the student's code was lost too often"]
    assert result.word == "crashed"
    assert "the process was lost too often: the rest was not run" in result.reasons
    result, shown = examined(RIGHT, TEST, policy=hasty, free=(crash,) * 2)
    assert shown == ["fine\n"]


# Calls across


def across(policy, solution, test):
    """Return what a test shows that must pass."""
    result, (shown,) = examined(solution, test, policy=policy)
    assert result.word == "graded", result.reasons
    return shown


def test_a_seeded_test_sees_the_students_draws_repeat(policy):
    solution = (
        "import random\nimport numpy as np\n"
        "def f(x):\n    return (np.random.rand(), random.random(), np.random.randn(),"
        " random.gauss(0, 1))"
    )
    test = """
import random
import numpy as np
def seeded():
    np.random.seed(7)
    random.seed(7)
def own():
    return np.random.rand(), random.random(), np.random.randn(), random.gauss(0, 1)
seeded(); one, after = f(0), own()
seeded(); assert f(0) == one and own() == after
seeded(); assert own() == one and f(0) == after   # one stream for both
assert f(0) != f(0)
print("fine")
"""
    assert across(policy, solution, test) == "fine\n"


def test_what_a_function_prints_shows_up_in_the_test(policy):
    solution = "import sys\ndef f(x):\n    print('hello', x)\n    print('oh', file=sys.stderr)"
    assert across(policy, solution, "print('a'); f(3); print('b')") == "a\nhello 3\noh\nb\n"


def test_what_a_function_changes_in_place_is_changed_for_the_test(policy):
    solution = (
        "def f(array, items, table, deep, both, view):\n"
        "    array[0] = 9\n    items.append(4)\n    del items[0]\n    table['new'] = [1]\n"
        "    deep['a'][0]['b'] += 1\n    deep['a'][1].clear()\n    view[:] = -1\n"
        "    return both[0] is both[1], both[0] is array"
    )
    test = """
import numpy as np
array, items, table, grid = np.zeros(3), [1, 2, 3], {"old": 0}, np.zeros((3, 3))
inner, arr = [1], np.ones(2)
deep = {"a": [{"b": arr}, inner]}
answer = f(array, items, table, deep, [array, array], grid[1])
assert answer == (True, True), answer
assert array.tolist() == [9, 0, 0]
assert items == [2, 3, 4]
assert table == {"old": 0, "new": [1]}
assert inner == [] and deep["a"][1] is inner
assert deep["a"][0]["b"] is arr and arr.tolist() == [2, 2], (deep, arr)
assert grid.sum() == -3
print("fine")
"""
    assert across(policy, solution, test) == "fine\n"


def test_read_only_arrays_stay_read_only(policy):
    solution = "def f(x):\n    x[0] = 1"
    test = """
import numpy as np
x = np.zeros(2)
x.flags.writeable = False
try:
    f(x)
except ValueError as error:
    print(error)
assert x.sum() == 0
"""
    assert across(policy, solution, test) == "assignment destination is read-only\n"


def test_exceptions_keep_their_class_and_message(policy):
    solution = (
        "class Wrong(ValueError):\n    pass\n"
        "class Odd(Exception):\n    def __init__(self, a, b):\n"
        "        super().__init__(f'{a}{b}')\n"
        "def f(x):\n    raise {0: ValueError('no'), 1: KeyError('k'), 2: Wrong('w'), 3: Odd(1, 2),"
        " 4: ZeroDivisionError(), 5: NotImplementedError('later'), 6: IndexError('i', 2)}[x]"
    )
    test = """
for i, kind in enumerate((ValueError, KeyError, ValueError, Exception, ZeroDivisionError,
                          NotImplementedError, IndexError)):
    try:
        f(i)
    except kind as error:
        print(type(error).__name__, str(error), error.args)
"""
    assert across(policy, solution, test).splitlines() == [
        "ValueError no ('no',)",
        "KeyError 'k' ('k',)",
        "Wrong w ('w',)",
        "Odd 12 ('12',)",
        "ZeroDivisionError  ()",
        "NotImplementedError later ('later',)",
        "IndexError ('i', 2) ('i', 2)",
    ]


# What the command says


def test_the_table_and_the_export_have_no_mark_where_there_is_none(few, monkeypatch, tmp_path):
    hand_in(few, "=1+1", BROKEN["html"])
    hand_in(few, "raises", example("raises"), "note.txt")
    (few.root / "submitted" / "raises" / GPT2 / "=cmd|calc!A0").symlink_to("note.txt")
    hand_in(few, "comma", BROKEN["cut-short"], 'a "quoted", name.txt')
    with few.gradebook() as gradebook:
        gradebook.update_or_create_student("absent")
    failing = Fake(
        before=lambda key, packed: (
            workers.Done(key, reason="the grader failed: =2, really")
            if len(failing.computed) == 3
            else None
        )
    )
    found = grade(few, failing)
    failed = next(name for name, each in found.items() if each.word == "failed")
    monkeypatch.chdir(few.root)
    export = nbgrader_plugin.StatusCsv()
    export.to = str(tmp_path / "x.csv")
    with few.gradebook() as gradebook:
        export.export(gradebook)
    text = (tmp_path / "x.csv").read_text("utf-8")
    rows = {row["student_id"]: row for row in csv.DictReader(text.splitlines())}
    assert rows.keys() == {*FEW, "absent", "'=1+1", "comma"}
    assert rows["absent"]["status"] == "missing"
    assert rows["'=1+1"]["status"] == rows["raises"]["status"] == "unreadable"
    assert rows[failed]["status"] == "failed"
    without = {"absent", "'=1+1", "comma", "raises", failed}
    assert {name for name, row in rows.items() if row["score"] == ""} == without
    assert all(float(rows[n]["score"]) == marks(few, n)["score"] for n in rows.keys() - without)
    assert not re.search(r"(^|,)\"?[=+@-]", text, re.MULTILINE)
    grader = scores.NbgraderRunner(few)
    lines = scores.table(grader.results(GPT2, (*FEW, "absent"))).splitlines()
    for name, line in zip((*FEW, "absent"), lines[1:], strict=True):
        assert (" -/100" in line) == (name in without)
        assert re.search(rf"  {rows[name]['status']}\b", line)


def test_the_export_command_of_nbgrader_is_this_one(few):
    from nbgrader.apps import ExportApp

    assert few.config().ExportApp.plugin_class == "course.run.nbgrader_plugin.StatusCsv"
    app = ExportApp(config=few.config())
    assert app.plugin_class is nbgrader_plugin.StatusCsv


def test_without_bubblewrap_it_says_what_to_install_and_grades_nobody(
    few, monkeypatch, capsys, tmp_path
):
    real = sandbox.shutil.which
    monkeypatch.setattr(
        sandbox.shutil, "which", lambda name, *a: None if name == "bwrap" else real(name, *a)
    )
    classroom.configure(few, "c.Policy.preload = ''")  # so that no fork server of before is used
    code, _, err = command(few, Here(), monkeypatch, capsys)
    assert code == 1
    assert re.fullmatch(
        r"course: bubblewrap is missing.*apt install bubblewrap.*--no-sandbox\n", own(err)
    ), err
    assert all(marks(few, name) is None for name in FEW)
    assert statuses(few) == set()


@pytest.mark.slow
def test_without_a_sandbox_it_grades_if_told_so_and_says_it(few, monkeypatch, capsys):
    for name in ("blank", "raises", "wrong-hurry"):
        shutil.rmtree(few.root / "submitted" / name)
    monkeypatch.setattr(sandbox.shutil, "which", lambda name, *_: None)
    code, out, _ = command(few, Here(), monkeypatch, capsys, "--no-sandbox")
    assert code == 0
    assert out.startswith("NO SANDBOX: students' code runs with your rights")
    assert re.search(r"half-done +50/100 .* graded", out)


def test_demonstrations_are_skipped_unless_asked_for(course, monkeypatch):
    hand_in(
        course,
        "ann",
        changed(
            example("blank"),
            {
                "a-1-1-demo": "print('mine')",
                "b-2-4-own": "print('my prompts')",
            },
        ),
    )
    hand_in(course, "zoe", example("blank"))
    grade(course, Here())
    ann, zoe = (classroom.graded(course, name) for name in ("ann", "zoe"))
    assert not ann["a-1-1-demo"][1]  # locked: the master's again, and not run
    assert "scores / t" in ann["a-1-1-demo"][0]
    assert ann["b-2-4-own"][1][0]["text"] == "my prompts\n"
    assert not zoe["b-2-4-own"][1]
    assert zoe["a-1-1-test"][1]


@pytest.mark.slow
def test_all_demonstrations_are_run_if_asked_for(course):
    hand_in(course, "zoe", example("blank"))
    grade(course, Here(), demos=True)
    zoe = classroom.graded(course, "zoe")
    assert zoe["a-1-1-demo"][1]
    assert zoe["b-2-4-own"][1]
    assert zoe["b-turn-in-write"][1]


@pytest.mark.parametrize(
    ("reason", "shown"),
    [
        ("left out: a-1, a-2, a-3, a-4", "left out: a-1, a-2, a-3, a-4"),
        ("left out: a-1, a-2, a-3, a-4, a-5", "left out: a-1, a-2, a-3 and 2 others"),
        ("one, two, three, four, five words", "one, two, three, four, five words"),
    ],
)
def test_a_long_list_of_cells_is_folded_in_the_classs_table_and_whole_for_one(reason, shown):
    score = scores.Score("ann", GPT2, state=Status("repaired", (reason,)))
    assert f"repaired: {reason}" in scores.table([score])
    assert f"repaired: {shown}" in scores.table([score, score])
