"""Students have Windows, macOS or Linux: what they get runs on each, and arrives unchanged."""

import ast
import shutil
import subprocess

import pytest

from seqlab import data_files, keras_files
from tests.conftest import ROOT

# Modules and functions that Windows' Python lacks.
MODULES = {"crypt", "curses", "fcntl", "grp", "posix", "pty", "pwd", "readline", "resource"} | {
    "spwd",
    "syslog",
    "termios",
    "tty",
}
FUNCTIONS = {
    "os": "chown chroot fchmod fchown fork forkpty getegid geteuid getgid getgroups getloadavg "
    "getpgid getpgrp getuid initgroups killpg lchown mkfifo mknod nice openpty posix_spawn pread "
    "pwrite readv sched_getaffinity setegid seteuid setgid setpgid setsid setuid statvfs sync "
    "sysconf tcgetpgrp uname wait wait3 wait4 waitid writev",
    "signal": "SIGALRM SIGCHLD SIGHUP SIGKILL SIGPIPE SIGQUIT SIGSTOP SIGTSTP SIGUSR1 SIGUSR2 "
    "alarm pause pthread_kill pthread_sigmask setitimer sigwait",
    "select": "epoll kqueue poll",
    "socket": "AF_UNIX socketpair",
    "time": "tzset clock_gettime",
}
KEYWORDS = {"preexec_fn", "start_new_session", "pass_fds", "process_group"}  # of subprocess
TEXT = {"read_text", "write_text", "open"}  # in Windows' own encoding, if none is named


def complaints(source):
    """Yield what in a module works on some systems alone, and is not asked for by hasattr."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else [node.module]
            yield from (f"import {name}" for name in names if name in MODULES)
            if isinstance(node, ast.ImportFrom) and node.module in FUNCTIONS:
                lacking = FUNCTIONS[node.module].split()
                yield from (f"{node.module}.{a.name}" for a in node.names if a.name in lacking)
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            asked = f'hasattr({node.value.id}, "{node.attr}")' in source
            if node.attr in FUNCTIONS.get(node.value.id, "").split() and not asked:
                yield f"{node.value.id}.{node.attr}"
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            begins = node.value.startswith(("/tmp", "/dev/", "/usr/", "/bin/", "/proc/", "/etc/"))
            if begins and not node.value.endswith("/"):  # where a path may lie, and no path
                yield f"the path {node.value}"
        elif isinstance(node, ast.Call):
            yield from (k.arg for k in node.keywords if k.arg in KEYWORDS)
            yield from unspecified_encoding(node)


def unspecified_encoding(call):
    """Yield a complaint for a text file that is read or written in whatever encoding."""
    name = getattr(call.func, "attr", getattr(call.func, "id", ""))
    mode = [a.value for a in call.args if isinstance(a, ast.Constant)]
    binary = any(isinstance(m, str) and "b" in m for m in mode)
    positional = len(call.args) > {"read_text": 0, "write_text": 1}.get(name, 3)
    named = any(k.arg in ("encoding", None) for k in call.keywords)
    is_file = isinstance(call.func, ast.Name) or name != "open" or bool(mode) or not call.args
    if name in TEXT and is_file and not (binary or positional or named):
        yield f"{name} in line {call.lineno} names no encoding"


@pytest.mark.parametrize(
    "path", sorted((ROOT / "src" / "seqlab").rglob("*.py")), ids=lambda p: p.name
)
def test_seqlab_calls_nothing_that_windows_or_macos_lacks(path):
    assert list(complaints(path.read_text("utf-8"))) == []


@pytest.mark.parametrize(
    "source",
    [
        "import fcntl",
        "from os import fork",
        "import os\nos.killpg(1, 9)",
        "import signal\nsignal.signal(signal.SIGALRM, f)",
        "subprocess.run([], start_new_session=True)",
        "open('/dev/null', 'rb')",
        "path.read_text()",
        "path.write_text('ü')",
        "open('x')",
        "path.open()",
        "path.open('w')",
    ],
)
def test_what_some_systems_lack_is_noticed(source):
    assert list(complaints(source))


@pytest.mark.parametrize(
    "source",
    ["os.devnull", "path.open('rb')", "path.read_text('utf-8')", "webbrowser.open(url)"],
)
def test_what_all_systems_have_is_not(source):
    assert list(complaints(source)) == []


GIT = pytest.mark.skipif(
    shutil.which("git") is None or not (ROOT / ".git").exists(), reason="needs a clone of git's"
)


@GIT
@pytest.mark.parametrize("setting", ["core.autocrlf=true", "core.eol=crlf"])
def test_a_clone_with_windows_line_ends_has_the_same_bytes(tmp_path, setting):
    """As Git for Windows clones, unless somebody tells it otherwise."""
    clone = tmp_path / "clone"
    command = ["git", "-c", setting, "clone", "--quiet", "--shared", f"--config={setting}"]
    subprocess.run([*command, str(ROOT), str(clone)], check=True, capture_output=True)
    sums = data_files.read_sums(clone / "data")
    assert sums
    assert {name: data_files.sha256(clone / "data" / name) for name in sums} == sums
    attributes = subprocess.run(
        ["git", "-C", str(clone), "ls-files", "--eol"], check=True, capture_output=True, text=True
    ).stdout.splitlines()
    assert attributes
    assert [line for line in attributes if "w/crlf" in line and "i/crlf" not in line] == []


@pytest.mark.parametrize("encoding", ["cp1252", "ascii", "utf-8"])
def test_a_model_with_any_name_has_a_summary_on_any_console(monkeypatch, encoding):
    import io
    import sys

    console = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    monkeypatch.setattr(sys, "stdout", console)
    layer = keras_files.Layer("Dense", "Größe→✓", 2, 3, True)
    keras_files.KerasModel("modèle ✓", (layer,), ()).summary()
    console.flush()
    assert "Größe→✓".encode(encoding, "backslashreplace") in console.buffer.getvalue()
