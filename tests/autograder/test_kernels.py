"""Kernels and their sandbox: what code in there can reach, and what becomes of it."""

import dataclasses
import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from autograder.execution import sandbox
from autograder.execution.client import (
    ForkServer,
    ForkServerError,
    KernelDied,
    KernelLied,
    KernelTimeout,
    descendants,
    is_alive,
)
from autograder.execution.pool import KernelPool
from autograder.execution.pool import sandbox as sandbox_for
from autograder.policy import Policy
from course import doctor
from course.directory import Course
from minikernel import protocol

ROOT = Path(__file__).resolve().parents[2]
SMALL = "import numpy, matplotlib.pyplot\nshared = {'ones': numpy.ones(4096)}"
pytestmark = pytest.mark.skipif(shutil.which("bwrap") is None, reason="needs bubblewrap")


@pytest.fixture(scope="module")
def pool():
    """Fork servers with little in them, so that they start fast, and small limits."""
    settings = Policy().settings() | {
        "preload": SMALL,
        "memory": 600_000_000,
        "disk": 20_000_000,
        "processes": 32,
    }
    made = KernelPool(settings, ROOT / "data")
    yield made
    made.close()


@pytest.fixture
def kernel(pool):
    made = pool.students.kernel()
    made.memory = 900_000_000
    yield made
    pool.students.done_with(made)


def said(kernel, source, seconds=20.0):
    """Return the text that a cell prints."""
    outputs = kernel.ask("run", seconds, source=source).body["outputs"]
    return "".join(o.get("text", "") + o.get("evalue", "") for o in outputs)


def test_a_cell_records_streams_results_pictures_and_errors_in_order(kernel):
    source = "print('one')\nimport sys\nprint('two', file=sys.stderr)\ndisplay(3)\n1 / 0"
    kinds = [o["output_type"] for o in kernel.ask("run", 20, source=source).body["outputs"]]
    assert kinds == ["stream", "stream", "display_data", "error"]
    (result,) = kernel.ask("run", 20, source="21 * 2").body["outputs"]
    assert (result["output_type"], result["data"]) == ("execute_result", {"text/plain": "42"})
    plot = "import matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.show()"
    (picture,) = kernel.ask("run", 20, source=plot).body["outputs"]
    assert picture["data"]["image/png"].startswith("iVBOR")


def test_what_subprocesses_print_is_recorded(kernel):
    assert said(kernel, "import os\nos.system('echo from below')").startswith("0") is False
    assert "hello" in said(kernel, "!echo hello")
    assert "from below" in said(kernel, "import os\n_ = os.system('echo from below')")


def test_the_outputs_of_a_cell_are_bounded(kernel):
    text = said(kernel, "for _ in range(300_000):\n    print('x' * 50)")
    assert 900_000 < len(text) < 1_100_000
    assert "are kept" in text


def test_a_kernel_sees_no_course_no_home_and_no_other_process(kernel):
    folder = ROOT.relative_to("/").parts[0]
    seen = said(
        kernel,
        f"import os\nfor d, _, f in os.walk('/{folder}'):\n"
        "    if 'site-packages' not in d: print(d, *f)",
    )
    assert "protocol.py" in seen
    for secret in ("autograder", "source/", "gradebook", "solutions", "tests/", "expected.json"):
        assert secret not in seen
    assert said(kernel, "import os\nprint(os.listdir('/home'))").strip() == "['student']"
    assert said(kernel, "import os\nprint(os.getpid())").strip() == "1"
    assert "ModuleNotFoundError" in said(
        kernel, "try:\n    import autograder\nexcept ImportError as e:\n    print(type(e).__name__)"
    )


def test_a_kernel_has_no_environment_but_its_own(kernel, monkeypatch):
    monkeypatch.setenv("SECRET_OF_THE_GRADER", "canary")
    names = said(kernel, "import os\nprint(sorted(os.environ))")
    assert "HOME" in names
    assert "SECRET" not in names
    assert "canary" not in said(kernel, "print(open('/proc/self/environ').read())")


def test_a_kernel_has_no_network_and_no_sockets_of_the_host(kernel):
    with socket.socket(socket.AF_INET) as server, socket.socket(socket.AF_UNIX) as abstract:
        server.bind(("127.0.0.1", 0))
        server.listen()
        abstract.bind("\0room-test")
        abstract.listen()
        port = server.getsockname()[1]
        for source in (
            f"s = socket.create_connection(('127.0.0.1', {port}), 2)",
            "s = socket.socket(socket.AF_UNIX); s.connect('\\0room-test')",
            "s = socket.create_connection(('192.0.2.1', 53), 2)",
            "print(socket.gethostbyname('example.org'))",
        ):
            tried = f"import socket\ntry:\n    {source}\n    print('REACHED')\nexcept OSError: pass"
            assert "REACHED" not in said(kernel, tried)


def test_a_kernel_can_write_to_its_own_folders_only_and_only_so_much(kernel):
    source = """
import os
for folder in ('/', '/usr', '/etc', '/home', '/run', '/proc/sys/kernel', {seqlab!r}, {python!r}):
    try:
        open(os.path.join(folder, 'x'), 'w').write('x')
        print('WROTE', folder)
    except OSError:
        pass
written = 0
try:
    with open('/tmp/big', 'wb') as f:
        while True:
            written += f.write(bytes(1_000_000))
except OSError as error:
    print('stopped', written <= 20_000_000)
""".format(seqlab=str(ROOT / "src" / "seqlab"), python=sys.prefix)
    assert said(kernel, source).split() == ["stopped", "True"]


def test_a_kernel_has_no_capabilities_and_gains_none(kernel):
    status = said(kernel, "print(open('/proc/self/status').read())")
    for line in status.splitlines():
        if line.startswith(("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")):
            assert int(line.split()[1], 16) == 0
    assert "NoNewPrivs:\t1" in status
    assert "REFUSED" in said(
        kernel,
        "import ctypes\nlibc = ctypes.CDLL(None, use_errno=True)\n"
        "print('MOUNTED' if libc.mount(b'none', b'/tmp', b'tmpfs', 0, None) == 0 else 'REFUSED')",
    )


def test_kernels_of_one_fork_server_leave_each_other_nothing(pool):
    first = pool.students.kernel()
    said(first, "for f in ('/tmp/a', '/dev/shm/b', 'c'):\n    open(f, 'w').write('left')\nx = 5")
    pool.students.done_with(first)
    second = pool.students.kernel()
    seen = said(
        second, "import os\nprint(os.listdir('/tmp'), os.listdir('/dev/shm'), os.listdir())"
    )
    assert seen.split() == ["[]", "[]", "[]"]
    assert "not defined" in said(second, "x")
    pool.students.done_with(second)


def test_what_a_kernel_started_ends_with_it(pool):
    kernel = pool.students.kernel()
    said(
        kernel,
        "import subprocess\nfor _ in range(3): subprocess.Popen(['setsid', 'sleep', '9'])",
    )
    inside = descendants(kernel.pid)
    assert len(inside) >= 4
    pool.students.done_with(kernel)
    deadline = time.monotonic() + 5
    while any(is_alive(pid) for pid in inside) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(is_alive(pid) for pid in inside)


def test_a_cell_that_takes_too_long_is_interrupted_and_the_kernel_goes_on(kernel):
    answer = kernel.ask("run", 0.5, source="y = 1\nwhile True: pass")
    assert answer.interrupted
    assert said(kernel, "print(y)").strip() == "1"


def test_a_cell_that_swallows_interrupts_costs_the_kernel(kernel):
    with pytest.raises(KernelTimeout):
        kernel.ask(
            "run",
            0.5,
            source="while True:\n    try:\n        while True: sum(range(9))\n"
            "    except BaseException: pass",
        )
    with pytest.raises(KernelTimeout):
        kernel.ask("run", 1, source="1")


def test_memory_beyond_the_limit_is_refused_or_costs_the_kernel(kernel):
    assert "allocate" in said(kernel, "import numpy as np\nx = np.ones(200_000_000)")
    bomb = (
        "import os, time\nfor _ in range(8):\n    if os.fork() == 0:\n"
        "        x = np.ones(30_000_000)\n        time.sleep(60)\ntime.sleep(60)"
    )
    with pytest.raises(KernelDied, match="memory"):
        kernel.ask("run", 50, source=bomb)


def test_a_fork_bomb_stays_in_its_kernel(pool):
    kernel = pool.students.kernel()
    bomb = (
        "import os, time\nn = 0\ntry:\n    while True:\n        if os.fork() == 0: time.sleep(60)\n"
        "        n += 1\nexcept OSError: print('at most', n)"
    )
    assert int(said(kernel, bomb).split()[-1]) < 32
    pool.students.done_with(kernel)
    other = pool.students.kernel()
    assert said(other, "print('fine')").strip() == "fine"
    pool.students.done_with(other)


def test_a_process_that_ends_is_said_to_have_ended(pool):
    kernel = pool.students.kernel()
    with pytest.raises(KernelDied):
        kernel.ask("run", 10, source="import os\nos._exit(0)")
    pool.students.done_with(kernel)


@pytest.mark.parametrize(
    "raw",
    [
        b"garbage that is no frame",
        protocol.HEADER.pack(protocol.MAGIC, 2, 0) + b"{}",
        protocol.HEADER.pack(protocol.MAGIC, 9, 0) + b'{"id": 1}',
        protocol.HEADER.pack(protocol.MAGIC, 2**30, 0),
    ],
)
def test_a_forged_answer_is_a_lie(pool, raw):
    kernel = pool.students.kernel()
    forge = (
        "import os, stat\nfor fd in range(3, 40):\n    try:\n"
        f"        if stat.S_ISSOCK(os.fstat(fd).st_mode): os.write(fd, {raw!r})\n"
        "    except OSError: pass"
    )
    with pytest.raises(KernelLied):
        kernel.ask("run", 10, source=forge)
    pool.students.done_with(kernel)


def test_a_fork_server_that_was_killed_is_started_again(pool):
    pool.students.done_with(pool.students.kernel())
    before = pool.students.starts
    os.kill(pool.students.process_id, 9)
    time.sleep(0.3)
    kernel = pool.students.kernel()
    assert said(kernel, "print('back')").strip() == "back"
    assert pool.students.starts == before + 1
    pool.students.done_with(kernel)


def test_where_kernels_cannot_be_walled_off_each_gets_a_sandbox_of_its_own():
    policy = {
        "preload": SMALL,
        "kernel": "minikernel.server:KernelServer",
        "limited": True,
        "memory": 600_000_000,
        "processes": 32,
        "disk": 20_000_000,
        "home": "/home/student",
    }
    fork_server = ForkServer(policy, sandbox_for(ROOT / "data", 20_000_000), walls=False)
    try:
        first = fork_server.kernel()
        said(first, "open('/tmp/a', 'w').write('left')")
        fork_server.done_with(first)
        second = fork_server.kernel()
        assert fork_server.starts == 2
        assert said(second, "import os\nprint(os.path.exists('/tmp/a'))").strip() == "False"
        fork_server.done_with(second)
    finally:
        fork_server.close()


def test_a_fork_server_that_cannot_start_says_why():
    policy = {
        "preload": "import no_such_module",
        "kernel": "minikernel.server:KernelServer",
        "limited": False,
        "home": "/tmp",
    }
    with pytest.raises(ForkServerError, match="no_such_module"):
        ForkServer(policy).kernel()


def test_without_bubblewrap_nothing_is_run(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(sandbox.SandboxError, match="apt install bubblewrap"):
        sandbox.Sandbox(()).wrap(["true"])


def test_a_call_sends_arrays_both_ways(kernel):
    said(kernel, "def double(x):\n    return 2 * x")
    item = protocol.Encoder()
    args = item.encode([np.arange(3.0)])
    answer = kernel.ask(
        "call",
        10,
        item.arrays,
        name="double",
        args=args,
        kwargs={"d": []},
        state=None,
        readonly=[],
        errors={},
    )
    decoder = protocol.Decoder([*item.arrays, *answer.arrays])
    np.testing.assert_array_equal(decoder.decode(answer.body["value"]), [0, 2, 4])


@pytest.mark.slow
@pytest.mark.skipif(os.geteuid() != 0, reason="root becomes somebody else here")
def test_an_ordinary_user_has_the_same_walls(tmp_path):
    tmp_path.chmod(0o777)
    script = tmp_path / "script.py"
    script.write_text(
        "import os, sys\nfrom pathlib import Path\n"
        "from autograder.execution.pool import KernelPool\nfrom autograder.policy import Policy\n"
        f"settings = Policy().settings() | {{'preload': {SMALL!r}}}\n"
        f"pool = KernelPool(settings, Path({str(ROOT / 'data')!r}))\n"
        "kernel = pool.students.kernel()\n"
        "source = 'import os; print(os.getuid(), os.getpid(), os.listdir(\"/home\"))'\n"
        "print(os.getuid(), pool.students.walls,\n"
        "      kernel.ask('run', 20, source=source).body['outputs'][0]['text'])\n"
        "pool.close()\n"
    )
    # An ordinary user may not enter the folders in which Python lies here: it is shown elsewhere.
    home = Path(sys.base_prefix).parents[-2]
    between = [folder for folder in Path(sys.base_prefix).parents if folder.is_relative_to(home)]
    shown = [
        part
        for folder in reversed(between[:-1])
        for part in ("--perms", "0755", "--dir", str(folder))
    ]
    done = subprocess.run(
        [
            "bwrap",
            "--dev-bind",
            "/",
            "/",
            "--perms",
            "0755",
            "--tmpfs",
            str(home),
            *shown,
            "--ro-bind",
            sys.base_prefix,
            sys.base_prefix,
            *(["--ro-bind", str(ROOT), str(ROOT)] if ROOT.is_relative_to(home) else []),
            "--ro-bind",
            sys.prefix,
            sys.prefix,
            "--bind",
            str(tmp_path),
            "/mnt",
            "--cap-add",
            "CAP_SETUID",
            "--cap-add",
            "CAP_SETGID",
            "setpriv",
            "--reuid",
            "1234",
            "--regid",
            "1234",
            "--clear-groups",
            "env",
            "HOME=/mnt",
            "TMPDIR=/mnt",
            "MPLCONFIGDIR=/mnt/mpl",
            sys.executable,
            "/mnt/script.py",
        ],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.stdout.split() == ["1234", "True", "1234", "1", "['student']"], done.stderr


def test_the_doctor_says_what_is_there_and_what_is_missing(monkeypatch):
    found = {each.what: each for each in doctor.examine(Course(ROOT))}
    assert found["bubblewrap"].verdict == "fine"
    assert found["kernels"].verdict == "fine"
    monkeypatch.setattr(shutil, "which", lambda name: None)
    found = {each.what: each for each in doctor.examine(Course(ROOT))}
    assert found["bubblewrap"].verdict == "missing"
    assert "apt install" in found["bubblewrap"].detail


def test_data_that_the_sandbox_would_hide_is_named(monkeypatch):
    with pytest.raises(sandbox.SandboxError, match=r"data lies below /tmp.*move"):
        sandbox_for(Path("/tmp/course/data"), disk=2**20).check()
    monkeypatch.setattr(Course, "data", lambda course: Path("/tmp/course/data"))
    found = {each.what: each for each in doctor.examine(Course(ROOT))}
    assert found["kernels"].verdict == "missing"
    assert "/tmp/course/data lies below /tmp" in found["kernels"].detail


def test_a_sandbox_does_without_a_list_of_fonts_that_has_gone(tmp_path):
    there = sandbox_for(ROOT / "data", disk=2**20)
    dataclasses.replace(there, fonts=tmp_path / "gone").check()
