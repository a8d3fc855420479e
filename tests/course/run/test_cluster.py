"""A real Dask scheduler and real workers, each a process: the same marks, whatever dies."""

import contextlib
import getpass
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

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
PAIR = ("perfect", "half-done")  # where the way matters more than the class
PATIENCE = 600  # seconds, for anything that comes at last, also on a busy machine
DEADLY = """
def dask_setup(worker):
    from course.run import workers
    from tests.support import classroom

    workers.compute = lambda key, packed: classroom.compute_or_die(key, packed, None)
"""
SSHD = shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore"),  # nbgrader's, jupyter's and SQLAlchemy's own
    pytest.mark.skipif(shutil.which("bwrap") is None, reason="needs bubblewrap"),
]


def until(condition):
    """Wait for something that comes, sooner or later."""
    give_up = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > give_up:
            pytest.fail("it did not come")
        time.sleep(0.05)


def documented(heading, n=0):
    """Return the n-th block of shell commands below a heading of docs/scaling.md."""
    page = (ROOT / "docs" / "scaling.md").read_text("utf-8")
    (section,) = re.findall(rf"^## {heading}\n(.*?)(?=^## |\Z)", page, re.DOTALL | re.MULTILINE)
    return re.findall(r"```sh\n(.*?)```", section, re.DOTALL)[n]


# A scheduler and workers, each a process


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
def scheduler(folder, *arguments, **environment):
    """The address of a new scheduler."""
    file = folder / "scheduler.json"
    place = ("--host", "127.0.0.1", "--port", 0, "--no-dashboard", "--scheduler-file", file)
    with started("dask_scheduler", *place, *arguments, **environment):
        until(lambda: file.is_file() and file.read_text())
        yield json.loads(file.read_text())["address"]


@contextlib.contextmanager
def worker(address, *arguments, **environment):
    """A worker, from when the scheduler knows it until the scheduler has forgotten it."""
    options = ("--nthreads", 1, "--no-dashboard", *arguments)
    with Client(address, set_as_default=False) as client:
        before = len(client.nthreads())
        with started("dask_worker", address, *options, **environment) as process:
            client.wait_for_workers(before + 1, timeout=PATIENCE)
            yield process
        until(lambda: len(client.nthreads()) <= before)


@pytest.fixture(scope="module")
def two_workers(tmp_path_factory):
    """The address of a scheduler with two workers."""
    with scheduler(tmp_path_factory.mktemp("dask")) as address, contextlib.ExitStack() as stack:
        for _ in range(2):
            stack.enter_context(worker(address, "--no-nanny"))
        yield address


# A class


@pytest.fixture
def course(tmp_path):
    """A course in which ten have handed in."""
    return handed_in(tmp_path, CLASS)


@pytest.fixture
def course_of_two(tmp_path):
    """A course in which two have handed in."""
    return handed_in(tmp_path, PAIR)


def handed_in(folder, names):
    course = classroom.make_course(folder / "course")
    for name in names:
        hand_in(course, name, example(name))
    return course


@pytest.fixture
def published(monkeypatch):
    """How often each student's result has been published; and what to do before it is."""
    count, original = Counter(), Publisher.publish

    def publish(self, student, *rest):
        for act in count.before:
            act()
        count[student] += 1
        return original(self, student, *rest)

    count.before = []
    monkeypatch.setattr(Publisher, "publish", publish)
    return count


def assert_marks_are_as_expected(course, names=CLASS):
    grader = NbgraderRunner(course)
    for name in names:
        result = grader.result(GPT2, name)
        assert {c.name: c.score for c in result.automatic} == EXPECTED[name]["scores"], name
        assert result.needs_manual == EXPECTED[name]["to_mark"], name
        assert result.status == EXPECTED[name]["status"], result.reason


# What is promised


def test_two_workers_give_the_scores_that_are_expected_and_then_none_is_needed(
    course, two_workers, published
):
    grade(course, cluster.Cluster(two_workers, ROOT / "data"))
    assert_marks_are_as_expected(course)
    assert published == Counter(CLASS)
    grade(course, cluster.Cluster("tcp://127.0.0.1:9", ROOT / "data"))  # every result is stored
    assert published == Counter(CLASS)


def test_a_worker_killed_in_the_middle_loses_nothing_and_doubles_nothing(
    course, two_workers, published
):
    with Client(two_workers, set_as_default=False) as client:
        others = set(client.nthreads())
        with worker(two_workers, "--no-nanny") as victim:
            address = (set(client.nthreads()) - others).pop()
            lost_jobs, kernels = [], []

            def kill():
                if not lost_jobs:
                    lost_jobs.extend(client.processing()[address])
                    kernels.extend(descendants(victim.pid)[1:])
                    victim.send_signal(signal.SIGKILL)

            published.before.append(kill)
            grade(course, cluster.Cluster(two_workers, ROOT / "data"))
    assert lost_jobs  # it had work when it died
    assert_marks_are_as_expected(course)
    assert published == Counter(CLASS)
    until(lambda: not any(is_alive(pid) for pid in kernels))


def test_a_run_that_is_stopped_leaves_nothing_behind(two_workers):
    engine = cluster.Cluster(two_workers, ROOT / "data")
    jobs = ((f"{number:064d}", b"no job at all") for number in range(10_000))
    results = engine.run(jobs)
    next(results)
    with Client(two_workers, set_as_default=False) as client:
        assert len(client.run_on_scheduler(tasks)) <= 2 * cluster.JOBS_PER_WORKER
        results.close()
        until(lambda: not client.run_on_scheduler(tasks))
    assert int(next(jobs)[0]) < 5 * cluster.JOBS_PER_WORKER  # the other thousands were not read


def tasks(dask_scheduler):
    return list(dask_scheduler.tasks)


def test_a_job_that_the_autograder_fails_over_is_a_reason(two_workers):
    engine = cluster.Cluster(two_workers, ROOT / "data")
    (done,) = engine.run([("1" * 64, b"no job at all")])
    assert done.key == "1" * 64
    assert not done.fatal
    assert done.reason.startswith("the grader failed: ValueError: not a job")


@pytest.mark.apart
def test_a_job_that_kills_workers_is_a_reason_and_the_others_have_results(tmp_path):
    (tmp_path / "deadly.py").write_text(DEADLY)
    once = tmp_path / "once"
    jobs = [("1", b"a"), ("2", b"die"), ("3", f"once {once}".encode()), ("4", b"b")]
    with (
        scheduler(tmp_path, DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES="1") as address,
        worker(address, "--preload", tmp_path / "deadly.py", PYTHONPATH=f"{ROOT}:{ROOT / 'src'}"),
    ):
        engine = cluster.Cluster(address, ROOT / "data")
        done = {}
        for job in jobs:  # one by one: Dask blames every job that a dying worker had
            done |= {result.key: result for result in engine.run([job])}
    assert [done[key].result for key in "134"] == [jobs[i][1] for i in (0, 2, 3)]
    assert done["2"].reason.startswith("2 workers died over it, the last was tcp://127.0.0.1:")
    assert not done["2"].fatal


# As docs/scaling.md says: over ssh, and with TLS


@pytest.fixture
def nodes(tmp_path):
    """An ssh that reaches this machine as node1 and node2, through a server of the test's own."""
    if SSHD is None:
        pytest.skip("needs sshd: apt install openssh-server")
    for key in ("host", "user"):
        command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / key]
        subprocess.run(command, check=True)
    port = free_port()
    (tmp_path / "sshd_config").write_text(
        f"Port {port}\nListenAddress 127.0.0.1\nHostKey {tmp_path}/host\nPidFile none\n"
        f"AuthorizedKeysFile {tmp_path}/user.pub\nUsePAM no\nStrictModes no\n"
        "PasswordAuthentication no\nPermitRootLogin prohibit-password\n"
    )
    (tmp_path / "ssh_config").write_text(
        f"Host node1 node2\n  HostName 127.0.0.1\n  Port {port}\n  User {getpass.getuser()}\n"
        f"  IdentityFile {tmp_path}/user\n  IdentitiesOnly yes\n  BatchMode yes\n"
        f"  StrictHostKeyChecking no\n  UserKnownHostsFile {tmp_path}/known\n"
    )
    ssh = tmp_path / "ssh"
    ssh.write_text(f'#!/bin/sh\nexec {shutil.which("ssh")} -F {tmp_path}/ssh_config "$@"\n')
    ssh.chmod(0o755)
    log = tmp_path / "sshd.log"
    with privilege_separation(), log.open("w") as file:
        server = subprocess.Popen([SSHD, "-D", "-e", "-f", tmp_path / "sshd_config"], stderr=file)
        try:
            until(lambda: "Server listening" in log.read_text() or server.poll() is not None)
            login = subprocess.run([ssh, "node1", "true"], capture_output=True, check=False)
            if login.returncode:
                pytest.skip(f"sshd lets nobody in: {log.read_text()} {login.stderr.decode()}")
            yield ssh
        finally:
            server.terminate()
            server.wait()


@contextlib.contextmanager
def privilege_separation():
    """The empty folder that sshd wants when root starts it."""
    folder = Path("/run/sshd")
    make = os.geteuid() == 0 and not folder.exists()
    if make:
        folder.mkdir(mode=0o755)
    try:
        yield
    finally:
        if make:
            folder.rmdir()


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def running(text):
    """Return the processes whose command line has a text in it."""
    pids = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            if text.encode() in path.read_bytes():
                pids.append(int(path.parent.name))
    return pids


def escaped(path):
    """Return a path for a shell, within single quotes for another shell, too."""
    return re.sub(r"([^\w/.-])", r"\\\1", str(path))


@pytest.mark.apart
def test_several_machines_grade_as_the_page_says(course_of_two, nodes, tmp_path):
    port = str(free_port())
    script = documented("Several machines")
    for word, here in {
        ".venv/bin/": f"{escaped(Path(sys.executable).parent)}/",
        "cd course": f"cd {escaped(course_of_two.root)}",
        "COORDINATOR": "127.0.0.1",
        "8786": port,
        "$(nproc)": "1",
    }.items():
        assert word in script
        script = script.replace(word, here)
    environment = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    del environment["COURSE_DATA"]  # the course's own data/ are found
    output = tmp_path / "output"  # a file: the scheduler in the background would keep a pipe open
    try:
        with output.open("w") as file:
            done = subprocess.run(
                ["bash", "-euc", script],
                cwd=course_of_two.root,
                env=environment,
                stdout=file,
                stderr=subprocess.STDOUT,
                check=False,
            )
        assert done.returncode == 0, output.read_text()
        assert_marks_are_as_expected(course_of_two, PAIR)
        log = (course_of_two.root / "worker.log").read_text()
        assert f"tcp://127.0.0.1:{port}" in log
        until(lambda: not running(f"tcp://127.0.0.1:{port}"))
    finally:
        for pid in running(f"tcp://127.0.0.1:{port}"):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


@pytest.fixture
def certificate(tmp_path):
    """Make a certificate as the page says; return the environment that the page sets for it."""
    if shutil.which("openssl") is None:
        pytest.skip("needs openssl")

    def make(name):
        (tmp_path / name).mkdir()
        script = f"{documented('Encryption')}{documented('Encryption', 1)}env"
        command = ["bash", "-euc", script]
        done = subprocess.run(
            command, cwd=tmp_path / name, capture_output=True, text=True, check=True
        )
        lines = [line for line in done.stdout.splitlines() if line.startswith("DASK_")]
        assert len(lines) == 8
        return dict(line.split("=", 1) for line in lines)

    return make


@pytest.mark.apart
def test_with_tls_marks_are_the_same_and_nobody_gets_in_without_the_certificate(
    course_of_two, certificate, tmp_path
):
    encryption = certificate("ours")
    with scheduler(tmp_path, "--protocol", "tls", **encryption) as address:
        assert address.startswith("tls://127.0.0.1:")
        with started("dask_worker", address, "--nthreads", 1, "--no-dashboard", **encryption):
            for environment, where, complaint in (
                ({}, address, "needs certificates: set them as docs/scaling.md shows"),
                ({}, address.replace("tls", "tcp"), "no Dask scheduler answers"),
                (certificate("another"), address, "no Dask scheduler answers"),
            ):
                refused = autograded(course_of_two, where, **environment)
                assert refused.returncode == 1
                assert complaint in refused.stderr.splitlines()[-1]
                assert "Traceback" not in refused.stderr
            done = autograded(course_of_two, address, **encryption)
            assert done.returncode == 0, done.stderr
    assert_marks_are_as_expected(course_of_two, PAIR)


def autograded(course, address, **environment):
    """Run the command on a cluster, as somebody does who types it."""
    command = [Path(sys.executable).with_name("course"), "autograde", GPT2, "--scheduler", address]
    return subprocess.run(
        command,
        cwd=course.root,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )


# What is wrong is one line


def test_an_address_without_a_scheduler_is_one_line(tmp_path, monkeypatch, capsys):
    course = handed_in(tmp_path, ["blank"])
    monkeypatch.setattr(cluster, "CONNECT_SECONDS", 1)
    monkeypatch.setattr(Course, "find", lambda: course)
    address = "tcp://127.0.0.1:9"
    monkeypatch.setattr(sys, "argv", ["course", "autograde", GPT2, "--scheduler", address])
    with pytest.raises(SystemExit):
        main.main()
    errors = [line for line in capsys.readouterr().err.splitlines() if line.startswith("course:")]
    assert len(errors) == 1
    assert f"no Dask scheduler answers at {address}" in errors[0]


def test_no_address_at_all_is_one_line():
    with pytest.raises(CourseError, match="no Dask scheduler answers at nowhere"):
        list(cluster.Cluster("nowhere", ROOT / "data").run([("1", b"")]))


def test_a_scheduler_without_workers_is_one_line_that_says_how_to_start_one(tmp_path, monkeypatch):
    monkeypatch.setattr(cluster, "FIRST_WORKER_SECONDS", 0.5)
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
            jobs = ((str(n), b"no job at all") for n in range(10_000))
            results = cluster.Cluster(address, ROOT / "data").run(jobs)
            next(results)
        with pytest.raises(CourseError, match=r"went away .* run the same command again"):
            list(results)


@pytest.mark.parametrize(
    ("arguments", "environment", "complaint"),
    [
        (["--nthreads", 2], {}, "has 2 threads: start it again with --nthreads 1 --nworkers 2"),
        ([], {"COURSE_DATA": "OTHER"}, "has other data: copy data/ there, or set COURSE_DATA"),
        ([], {"COURSE_DATA": "/nowhere"}, "has no data"),
        ([], {"PATH": "/nowhere"}, "has no sandbox .*bubblewrap is missing"),
    ],
)
def test_a_worker_that_is_not_fit_is_named(
    two_workers, tmp_path, arguments, environment, complaint
):
    (tmp_path / "gpt2").mkdir()
    environment = {
        name: str(tmp_path) if value == "OTHER" else value for name, value in environment.items()
    }
    with (
        worker(two_workers, "--no-nanny", *arguments, **environment),
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
    assert re.match(complaint, cluster.difference(wanted, wanted | {name: "1"}))


def test_a_worker_that_joins_later_and_differs_ends_the_run(two_workers, monkeypatch):
    monkeypatch.setattr(cluster, "_check", lambda *_: None)
    monkeypatch.setattr(cluster, "profile", lambda data: {"numpy": "1"})
    (done,) = cluster.Cluster(two_workers, ROOT / "data").run([("5" * 64, b"")])
    assert done == workers.Done("5" * 64, reason=done.reason, fatal=True)
    assert done.reason.endswith(", not 1: install the same lock file there")
