"""Kernels and their sandbox: what code in there can reach, and what becomes of it."""

import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from autograder.execution.client import (
    ForkServer,
    ForkServerError,
    InvalidReply,
    KernelClient,
    KernelDied,
    KernelTimeout,
    descendants,
    is_alive,
    resident,
)
from autograder.execution.pool import KernelPool
from autograder.execution.pool import sandbox as sandbox_for
from autograder.execution.sandbox import python_folders
from autograder.policy import Policy
from course import doctor
from course.directory import Course
from minikernel import protocol
from minikernel.encoding import Decoder, Encoder
from minikernel.messages import CallRequest
from minikernel.settings import KernelSettings

ROOT = Path(__file__).resolve().parents[2]
SMALL = "import numpy, matplotlib.pyplot\nshared = {'ones': numpy.ones(4096)}"
pytestmark = pytest.mark.skipif(shutil.which("bwrap") is None, reason="needs bubblewrap")


@pytest.fixture(scope="module")
def pool():
    """Fork servers with little in them, so that they start fast, and small limits."""
    policy = Policy(preload=SMALL, memory=600_000_000, disk=20_000_000, processes=32)
    made = KernelPool(policy, ROOT / "data")
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
    outputs = kernel.run(source, seconds).reply["outputs"]
    return "".join(o.get("text", "") + o.get("evalue", "") for o in outputs)


def test_a_cell_records_streams_results_pictures_and_errors_in_order(kernel):
    source = "print('one')\nimport sys\nprint('two', file=sys.stderr)\ndisplay(3)\n1 / 0"
    kinds = [o["output_type"] for o in kernel.run(source, 20).reply["outputs"]]
    assert kinds == ["stream", "stream", "display_data", "error"]
    (result,) = kernel.run("21 * 2", 20).reply["outputs"]
    assert (result["output_type"], result["data"]) == ("execute_result", {"text/plain": "42"})
    plot = "import matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.show()"
    (picture,) = kernel.run(plot, 20).reply["outputs"]
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
    def listed(folder):
        return set(
            said(kernel, f"import os\nprint(*os.listdir({str(folder)!r}), sep='\\n')").split()
        )

    python = {p.relative_to(ROOT).parts[0] for p in python_folders() if p.is_relative_to(ROOT)}
    assert listed(ROOT) == {"src", "data"} | python
    assert listed(ROOT / "src") == {"seqlab", "minikernel"}
    homes = {p.parts[2] for p in (ROOT, *python_folders()) if p.parts[:2] == ("/", "home")}
    assert listed("/home") == {"student"} | homes  # a course in somebody's home lies below it
    assert said(kernel, "import os\nprint(os.getpid())").strip() == "1"
    for package in ("autograder", "course", "hidden_tests", "mistakes"):
        assert "ModuleNotFoundError" in said(
            kernel, f"try:\n    import {package}\nexcept ImportError as e:\n    print(type(e))"
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
        abstract.bind("\0kernel-test")
        abstract.listen()
        port = server.getsockname()[1]
        for source in (
            f"s = socket.create_connection(('127.0.0.1', {port}), 2)",
            "s = socket.socket(socket.AF_UNIX); s.connect('\\0kernel-test')",
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
        "import subprocess\nfor _ in range(3): subprocess.Popen(['setsid', 'sleep', '3600'])",
    )
    inside = descendants(kernel.pid)
    assert len(inside) >= 4
    pool.students.done_with(kernel)
    deadline = time.monotonic() + 60
    while any(is_alive(pid) for pid in inside) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(is_alive(pid) for pid in inside)


def test_a_cell_that_takes_too_long_is_interrupted_and_the_kernel_goes_on(kernel):
    answer = kernel.run("y = 1\nwhile True: pass", 2)
    assert answer.interrupted
    assert said(kernel, "print(y)").strip() == "1"


def test_a_cell_that_swallows_interrupts_costs_the_kernel(kernel):
    # A handler of its own: an interrupt that comes between two rounds of try would end the cell.
    said(kernel, "import signal\nsignal.signal(signal.SIGINT, lambda number, frame: None)")
    with pytest.raises(KernelTimeout):
        kernel.run("while True: pass", 0.5)
    with pytest.raises(KernelTimeout):
        kernel.run("1", 1)


def test_memory_far_below_the_limit_is_bounded_and_near_it_is_counted_exactly():
    exact = resident(os.getpid())
    assert resident(os.getpid(), roughly_below=2**62) > exact > 0  # files' pages count there
    near = resident(os.getpid(), roughly_below=exact)
    assert 0.5 * exact < near < 2 * exact


def test_memory_beyond_the_limit_is_refused_or_costs_the_kernel(kernel):
    assert "allocate" in said(kernel, "import numpy as np\nx = np.ones(200_000_000)")
    bomb = (
        "import os, time\nfor _ in range(8):\n    if os.fork() == 0:\n"
        "        x = np.ones(30_000_000)\n        time.sleep(60)\ntime.sleep(60)"
    )
    with pytest.raises(KernelDied, match="memory"):
        kernel.run(bomb, 50)


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
        kernel.run("import os\nos._exit(0)", 10)
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
def test_a_forged_reply_is_invalid(pool, raw):
    kernel = pool.students.kernel()
    forge = (
        "import os, stat\nfor fd in range(3, 40):\n    try:\n"
        f"        if stat.S_ISSOCK(os.fstat(fd).st_mode): os.write(fd, {raw!r})\n"
        "    except OSError: pass"
    )
    with pytest.raises(InvalidReply):
        kernel.run(forge, 10)
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


def test_where_kernels_cannot_be_isolated_each_gets_a_sandbox_of_its_own():
    settings = KernelSettings(
        kernel="minikernel.server:KernelServer",
        preload=SMALL,
        home="/home/student",
        disk=20_000_000,
        limited=True,
        memory=600_000_000,
        processes=32,
    )
    here = sandbox_for(ROOT / "data", 20_000_000)
    fork_server = ForkServer(settings, KernelClient, here, isolated=False)
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
    preload = "import no_such_module"
    settings = KernelSettings("minikernel.server:KernelServer", preload, "/tmp")
    with pytest.raises(ForkServerError, match="no_such_module"):
        ForkServer(settings, KernelClient).kernel()


def test_a_call_sends_arrays_both_ways(kernel):
    said(kernel, "def double(x):\n    return 2 * x")
    encoder = Encoder()
    request = CallRequest(
        name="double",
        args=encoder.encode([np.arange(3.0)]),
        kwargs={"d": []},
        state=None,
        readonly=[],
        errors={},
    )
    answer = kernel.call(request, encoder.arrays, 10)
    decoder = Decoder([*encoder.arrays, *answer.arrays])
    np.testing.assert_array_equal(decoder.decode(answer.reply["value"]), [0, 2, 4])


AS_SOMEBODY = f"""
import os
from pathlib import Path
from autograder.execution.pool import KernelPool
from autograder.policy import Policy
pool = KernelPool(Policy(preload={SMALL!r}), Path({str(ROOT / "data")!r}))
kernel = pool.students.kernel()
source = "import os; print(os.getuid(), os.getpid(), os.listdir('/home'))"
shown = kernel.run(source, 20).reply["outputs"][0]["text"]
print(os.getuid(), pool.students.isolated, shown)
pool.close()
"""


def opened(*places):
    """Return bubblewrap's arguments that let everybody reach places in closed folders."""
    arguments, shown = [], sorted({*map(Path, places)})
    closed = {
        next((f for f in (*reversed(p.parents), p) if not f.stat().st_mode & 1), None)
        for p in shown
    }
    for folder in closed - {None}:
        below = [place for place in shown if place.is_relative_to(folder)]
        between = {f for p in below for f in p.parents if f.is_relative_to(folder)}
        arguments += ["--perms", "0755", "--tmpfs", str(folder)]
        for parent in sorted(between - {folder}):
            arguments += ["--perms", "0755", "--dir", str(parent)]
        for place in below:
            arguments += ["--ro-bind", str(place), str(place)]
    return arguments


@pytest.mark.slow
@pytest.mark.skipif(os.geteuid() != 0, reason="root becomes somebody else here")
def test_kernels_of_an_ordinary_user_are_isolated_too(tmp_path):
    tmp_path.chmod(0o777)
    (tmp_path / "script.py").write_text(AS_SOMEBODY)
    somebody = ["setpriv", "--reuid", "1234", "--regid", "1234", "--clear-groups"]
    settings = ["HOME=/mnt", "TMPDIR=/mnt", "MPLCONFIGDIR=/mnt/mpl"]
    done = subprocess.run(
        [
            *("bwrap", "--dev-bind", "/", "/", *opened(sys.base_prefix, sys.prefix, ROOT)),
            *("--bind", str(tmp_path), "/mnt"),
            *("--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"),
            *(*somebody, "env", *settings, sys.executable, "/mnt/script.py"),
        ],
        capture_output=True,
        text=True,
        check=False,
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
