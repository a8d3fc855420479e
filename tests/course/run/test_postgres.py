"""The gradebook on a PostgreSQL server, a real one that is started for these tests."""

import contextlib
import os
import pwd
import shutil
import subprocess
import tempfile
import threading
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest

from course.directory import Course, CourseError
from course.release import generate
from course.run import batch, nbgrader_plugin, publish, quiet
from course.run.scores import NbgraderRunner
from tests.support import classroom
from tests.support.classroom import (
    GPT2,
    Fake,
    Here,
    configure,
    copied,
    example,
    grade,
    hand_in,
    marks,
)

FEW = ("blank", "half-done", "raises", "wrong-hurry")
MANY = 12
OPTIONS = "-c listen_addresses= -c fsync=off -c unix_socket_directories={}"


def binaries():
    """The folder of the newest server's programs, or None."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    here = shutil.which("initdb")
    return found[-1].parent if found else Path(here).resolve().parent if here else None


pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore"),  # nbgrader's, jupyter's and SQLAlchemy's own
    pytest.mark.skipif(
        binaries() is None, reason="needs a PostgreSQL server: apt install postgresql"
    ),
]


class Server:
    """A server that listens on a socket in its own folder, and nowhere else."""

    def __init__(self, folder):
        self.folder, self.user = folder, pwd.getpwuid(os.getuid()).pw_name
        if os.getuid() == 0:  # which a server refuses to run as
            self.user = "postgres"
            shutil.chown(folder, self.user)
        self.run("initdb", "-D", folder / "data", "-A", "trust", "-U", self.user)
        self.start()

    def run(self, program, *arguments):
        who = {"user": self.user} if os.getuid() == 0 else {}
        subprocess.run(
            [binaries() / program, *map(str, arguments)],
            check=True,
            cwd=self.folder,
            stdout=subprocess.DEVNULL,
            **who,
        )

    def start(self):
        self.run(
            "pg_ctl",
            "-D",
            self.folder / "data",
            "-w",
            "-l",
            self.folder / "log",
            "-o",
            OPTIONS.format(self.folder),
            "start",
        )

    def stop(self):
        """End it as a crash would, with connections open."""
        self.run("pg_ctl", "-D", self.folder / "data", "-m", "immediate", "stop")

    def url(self, name):
        self.run("createdb", "-h", self.folder, "-U", self.user, name)
        return f"postgresql+psycopg://{self.user}@/{name}?host={self.folder}"


@pytest.fixture(scope="module")
def server():
    pytest.importorskip("psycopg", reason="needs psycopg: pip install 'psycopg[binary]'")
    with tempfile.TemporaryDirectory(prefix="pg-") as folder:  # pytest's own are root's only
        running = Server(Path(folder))
        yield running
        with contextlib.suppress(subprocess.CalledProcessError):
            running.stop()


@pytest.fixture(scope="module")
def on_sqlite(tmp_path_factory):
    """A course in which nobody has handed in."""
    return classroom.make_course(tmp_path_factory.mktemp("sqlite") / "course")


@pytest.fixture
def course(on_sqlite, server, tmp_path, request):
    """The same with its gradebook on the server, registered there."""
    course = copied(on_sqlite, tmp_path / "course")
    (course.root / "gradebook.db").unlink()
    name = f"course_{abs(hash(request.node.name))}"
    configure(course, f"c.CourseDirectory.db_url = {server.url(name)!r}")
    generate.register(course, GPT2)
    return course


@pytest.fixture
def many(course):
    for number in range(MANY):
        hand_in(course, f"student-{number}", example(FEW[number % len(FEW)]))
    return course


def test_scores_and_export_are_those_that_sqlite_has(course, on_sqlite, tmp_path):
    other = copied(on_sqlite, tmp_path / "other")
    found = []
    for each in (course, other):
        for name in FEW:
            hand_in(each, name, example(name))
        grade(each, Here())
        with each.gradebook() as gradebook:
            exported = list(nbgrader_plugin.rows(each, gradebook, set(), set()))
        results = [NbgraderRunner(each).result(GPT2, name) for name in FEW]
        found.append(
            (
                exported,
                [marks(each, name) for name in FEW],
                [{c.name: c.score for c in r.automatic} for r in results],
            )
        )
    assert found[0] == found[1]
    assert [row.score > 0 for row in found[0][0]] == [False, True, True, True]
    assert not (course.root / "gradebook.db").exists()


def test_two_coordinators_at_once_lose_nothing_and_double_nothing(many, on_sqlite, tmp_path):
    with ProcessPoolExecutor(2, get_context("spawn"), initializer=quiet.quieten) as pool:
        both = [pool.submit(grade_all, many.root) for _ in range(2)]
        words = [future.result() for future in both]
    assert words[0] == words[1]
    alone = copied(on_sqlite, tmp_path / "alone")
    shutil.copytree(many.root / "submitted", alone.root / "submitted")
    grade(alone, Fake())
    everybody = many.students(GPT2)
    assert [marks(many, name) for name in everybody] == [marks(alone, name) for name in everybody]
    with many.gradebook() as gradebook:
        submissions = gradebook.find_assignment(GPT2).submissions
        assert sorted(s.student.id for s in submissions) == everybody
        assert len(gradebook.students) == MANY


def grade_all(root):
    found = grade(Course(root), Fake())
    return {name: each.word for name, each in found.items()}


def test_a_server_that_restarts_in_the_middle_is_waited_for(many, server):
    restarted = []

    def restart(key, packed):
        if not restarted:
            restarted.append(key)
            server.stop()
            threading.Timer(1.0, server.start).start()

    found = grade(many, Fake(restart))
    assert restarted
    assert set(found) == set(many.students(GPT2))
    assert all(marks(many, name) for name in found)


def test_a_server_that_stays_away_is_one_line_and_the_next_run_completes(many, server, monkeypatch):
    monkeypatch.setattr(publish, "LOCKED_SECONDS", 1.0)
    stopped = []

    def stop(key, packed):
        if not stopped and len(fake.computed) == 3:
            stopped.append(key)
            server.stop()

    fake = Fake(stop)
    try:
        with pytest.raises(CourseError, match=r"gradebook could not be written .* again") as error:
            grade(many, fake)
    finally:
        server.start()
    assert "\n" not in str(error.value)
    computed = len(fake.computed)
    found = grade(many, fake)
    assert all(marks(many, name) for name in found)
    assert len(found) == MANY
    assert len(fake.computed) == len(set(fake.computed)) >= computed  # none was computed twice


def test_a_copy_of_the_course_never_touches_the_server(many, tmp_path):
    assert many.config(tmp_path).CourseDirectory.db_url.startswith(f"sqlite:///{tmp_path}")
    assert batch.policy_of(many, GPT2).sandbox
