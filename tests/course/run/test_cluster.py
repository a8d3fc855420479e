"""A real Dask scheduler and real workers, each a process: the same marks, whoever dies."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import Counter

import pytest

pytest.importorskip("distributed", reason="needs Dask: pip install distributed")

from distributed import Client

from autograder.execution.client import descendants, is_alive
from course.cli import main
from course.directory import Course, CourseError
from course.run import cluster, workers
from course.run.publish import Publisher
from course.run.scores import NbgraderRunner
from tests.support import classroom
from tests.support.classroom import GPT2, ROOT, example, grade, hand_in

EXPECTED = json.loads((ROOT / "examples" / "expected.json").read_text("utf-8"))[GPT2]
CLASS = (
    "perfect",
    "blank",
    "half-done",
    "wrong-scale",
    "wrong-hurry",
    "vectorised",
    "raises",
    "syntax-error",
    "tests-softened",
    "answers",
)
DEADLY = """
def dask_setup(worker):
    from course.run import workers
    from tests.support import classroom

    workers.compute = lambda key, packed: classroom.compute_or_die(key, packed, None)
"""
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore"),  # nbgrader's, jupyter's and SQLAlchemy's own
    pytest.mark.skipif(shutil.which("bwrap") is None, reason="needs bubblewrap"),
]


@contextlib.contextmanager
def started(command, *arguments, **environment):
    """A process of Dask's, ended at the end."""
    process = subprocess.Popen(
        [sys.executable, "-m", f"distributed.cli.{command}", *map(str, arguments)],
        cwd=ROOT,
        env={**os.environ, "COURSE_DATA": str(ROOT / "data"), **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextlib.contextmanager
def scheduler(folder, **environment):
    """The address of a scheduler of its own."""
    file = folder / "scheduler.json"
    with started(
        "dask_scheduler",
        "--host",
        "127.0.0.1",
        "--port",
        0,
        "--no-dashboard",
        "--scheduler-file",
        file,
        **environment,
    ):
        until(file.is_file)
        until(file.read_text)
        yield json.loads(file.read_text())["address"]


@contextlib.contextmanager
def worker(address, *more, **environment):
    """A worker, from when the scheduler knows it until the scheduler has forgotten it."""
    with Client(address, set_as_default=False) as client:
        before = len(client.nthreads())
        with started(
            "dask_worker", address, "--nthreads", 1, "--no-dashboard", *more, **environment
        ) as process:
            client.wait_for_workers(before + 1, timeout=600)
            yield process
        until(lambda: len(client.nthreads()) <= before)


def until(condition, seconds=600):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.fixture(scope="module")
def two_workers(tmp_path_factory):
    """The address of a scheduler with two workers."""
    with scheduler(tmp_path_factory.mktemp("dask")) as address, contextlib.ExitStack() as workers:
        for _ in range(2):
            workers.enter_context(worker(address, "--no-nanny"))
        yield address


@pytest.fixture(scope="module")
def handed_in(tmp_path_factory):
    """A course in which ten have handed in."""
    course = classroom.make_course(tmp_path_factory.mktemp("class") / "course")
    for name in CLASS:
        hand_in(course, name, example(name))
    return course


@pytest.fixture
def course(handed_in, tmp_path):
    return classroom.copied(handed_in, tmp_path / "course")


@pytest.fixture
def published(monkeypatch):
    """How often each student's result has been published; and what to do before it is."""
    count, original = Counter(), Publisher.publish

    def publish(self, student, *rest):
        for do in count.before:
            do()
        count[student] += 1
        return original(self, student, *rest)

    count.before = []
    monkeypatch.setattr(Publisher, "publish", publish)
    return count


def all_is_as_expected(course):
    grader = NbgraderRunner(course)
    for name in CLASS:
        result = grader.result(GPT2, name)
        assert {c.name: c.score for c in result.automatic} == EXPECTED[name]["scores"], name
        assert result.needs_manual == EXPECTED[name]["to_mark"], name
        assert result.status == EXPECTED[name]["status"], result.reason


def test_two_workers_give_the_scores_that_are_expected_and_then_none_is_needed(
    course, two_workers, published
):
    grade(course, cluster.Cluster(two_workers, ROOT / "data"))
    all_is_as_expected(course)
    assert published == Counter(CLASS)
    grade(course, cluster.Cluster("tcp://127.0.0.1:9", ROOT / "data"))  # all is known already
    assert published == Counter(CLASS)


def test_a_worker_killed_in_the_middle_loses_nothing_and_doubles_nothing(
    course, two_workers, published
):
    with Client(two_workers, set_as_default=False) as client:
        others = set(client.nthreads())
        with worker(two_workers, "--no-nanny") as victim:
            address = (set(client.nthreads()) - others).pop()
            killed, kernels = [], []

            def kill():
                if not killed:
                    killed.extend(client.processing()[address])
                    kernels.extend(descendants(victim.pid)[1:])
                    victim.send_signal(signal.SIGKILL)

            published.before.append(kill)
            grade(course, cluster.Cluster(two_workers, ROOT / "data"))
    assert killed  # it had work when it died
    all_is_as_expected(course)
    assert published == Counter(CLASS)
    until(lambda: not any(is_alive(pid) for pid in kernels))


def test_a_run_that_is_stopped_leaves_nothing_behind(two_workers, course):
    engine = cluster.Cluster(two_workers, ROOT / "data")
    jobs = ((f"{number:064d}", b"no bundle at all") for number in range(10_000))
    results = engine.run(jobs)
    next(results)
    with Client(two_workers, set_as_default=False) as client:
        assert len(client.run_on_scheduler(tasks)) <= 2 * cluster.EACH
        results.close()
        until(lambda: not client.run_on_scheduler(tasks))
    assert int(next(jobs)[0]) < 5 * cluster.EACH  # the other thousands were not even read


def tasks(dask_scheduler):
    return list(dask_scheduler.tasks)


def test_a_bundle_that_the_grader_fails_over_is_a_reason(two_workers):
    engine = cluster.Cluster(two_workers, ROOT / "data")
    (done,) = engine.run([("1" * 64, b"no bundle at all")])
    assert done.key == "1" * 64
    assert not done.fatal
    assert done.reason.startswith("the grader failed: JSONDecodeError")


def test_a_bundle_that_kills_workers_is_a_reason_and_the_others_have_results(tmp_path):
    (tmp_path / "deadly.py").write_text(DEADLY)
    once = tmp_path / "once"
    jobs = [("1", b"a"), ("2", b"die"), ("3", f"once {once}".encode()), ("4", b"b")]
    with (
        scheduler(tmp_path, DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES="1") as address,
        worker(address, "--preload", tmp_path / "deadly.py", PYTHONPATH=f"{ROOT}:{ROOT / 'src'}"),
    ):
        engine = cluster.Cluster(address, ROOT / "data")
        found = {}
        for job in jobs:  # one by one: Dask blames all that a worker had
            found |= {done.key: done for done in engine.run([job])}
    assert [found[key].result for key in "134"] == [jobs[i][1] for i in (0, 2, 3)]
    assert found["2"].reason.startswith("2 workers died over it, the last was tcp://127.0.0.1:")
    assert not found["2"].fatal


def test_an_address_without_a_scheduler_is_one_line(course, monkeypatch, capsys):
    monkeypatch.setattr(cluster, "CONNECT_SECONDS", 1)
    monkeypatch.setattr(Course, "find", lambda: course)
    address = "tcp://127.0.0.1:9"
    monkeypatch.setattr(sys, "argv", ["course", "autograde", GPT2, "--scheduler", address])
    with pytest.raises(SystemExit):
        main.main()
    said = [line for line in capsys.readouterr().err.splitlines() if line.startswith("course:")]
    assert len(said) == 1
    assert f"no Dask scheduler answers at {address}" in said[0]


def test_no_address_at_all_is_one_line():
    with pytest.raises(CourseError, match="no Dask scheduler answers at nowhere"):
        list(cluster.Cluster("nowhere", ROOT / "data").run([("1", b"")]))


def test_a_scheduler_without_workers_is_one_line_that_says_how_to_start_one(tmp_path, monkeypatch):
    monkeypatch.setattr(cluster, "WORKER_SECONDS", 0.5)
    with (
        scheduler(tmp_path) as address,
        pytest.raises(CourseError, match=f"no workers: .* dask worker {address} --nthreads 1"),
    ):
        list(cluster.Cluster(address, ROOT / "data").run([("1", b"")]))


def test_a_scheduler_that_goes_away_is_one_line(tmp_path):
    with contextlib.ExitStack() as stack:
        with scheduler(tmp_path) as address:
            stack.enter_context(contextlib.suppress(Exception))
            stack.enter_context(started("dask_worker", address, "--nthreads", 1, "--no-nanny"))
            jobs = ((str(n), b"no bundle at all") for n in range(10_000))
            results = cluster.Cluster(address, ROOT / "data").run(jobs)
            next(results)
        with pytest.raises(CourseError, match=r"went away .* run the same command again"):
            list(results)


@pytest.mark.parametrize(
    ("more", "environment", "complaint"),
    [
        (["--nthreads", 2], {}, "has 2 threads: start it again with --nthreads 1 --nworkers 2"),
        ([], {"COURSE_DATA": "OTHER"}, "has other data: copy data/ there, or set COURSE_DATA"),
        ([], {"COURSE_DATA": "/nowhere"}, "has no data"),
        ([], {"PATH": "/nowhere"}, "has no sandbox .*bubblewrap is missing"),
    ],
)
def test_a_worker_that_is_not_fit_is_named(two_workers, tmp_path, more, environment, complaint):
    (tmp_path / "gpt2").mkdir()
    environment = {
        name: str(tmp_path) if value == "OTHER" else value for name, value in environment.items()
    }
    with (
        worker(two_workers, "--no-nanny", *more, **environment),
        pytest.raises(CourseError, match=rf"worker tcp://127\.0\.0\.1:\d+ {complaint}"),
    ):
        list(cluster.Cluster(two_workers, ROOT / "data").run([("1", b"")]))


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("numpy", "has numpy 1, not .*: install the same lock file there"),
        ("autograder", "runs another version of the autograder"),
        ("data", "has other data"),
    ],
)
def test_what_differs_is_named(name, complaint):
    wanted = cluster.profile(ROOT / "data")
    assert not cluster.difference(wanted, dict(wanted))
    with pytest.raises(AssertionError, match=complaint):
        raise AssertionError(cluster.difference(wanted, wanted | {name: "1"}))


def test_a_worker_that_joins_later_and_differs_ends_the_run(two_workers, monkeypatch):
    monkeypatch.setattr(cluster, "_check", lambda *_: None)
    monkeypatch.setattr(cluster, "profile", lambda data: {"numpy": "1"})
    (done,) = cluster.Cluster(two_workers, ROOT / "data").run([("5" * 64, b"")])
    assert done == workers.Done("5" * 64, reason=done.reason, fatal=True)
    assert done.reason.endswith(", not 1: install the same lock file there")
    assert threading.active_count() < 50
