"""Run the hub until it is interrupted, and leave no process of it behind."""

import contextlib
import ctypes
import json
import os
import pwd
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

from hub.install import HERE
from hub.settings import HubError, HubSettings

ADOPT_ORPHANS = 36  # PR_SET_CHILD_SUBREAPER: what a dying process leaves becomes our child
PATIENCE = 30.0  # seconds that the hub has to end everybody's servers
START = 300.0  # seconds that hub and formgrader have to answer


class HubEnded(Exception):  # noqa: N818
    """Somebody wants the hub to end."""


def serve(settings: HubSettings, settings_file: Path, passwords: dict[str, str]) -> None:
    """Start the hub, print who can log in, and wait; on Ctrl-C or SIGTERM end all of it.

    Raises:
        HubError: it does not start, or ends by itself.
    """
    _expect_free(settings.port)
    ctypes.CDLL(None, use_errno=True).prctl(ADOPT_ORPHANS, 1, 0, 0, 0)
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, _end)
    log = settings.state / "hub.log"
    hub = _started(settings, settings_file, log)
    try:
        _wait(hub, settings, log)
        print(_welcome(settings, passwords, log), flush=True)
        hub.wait()
        raise HubError(f"the hub has ended by itself: {log} says why")
    except HubEnded:
        print("ending", flush=True)
    finally:
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
            signal.signal(number, signal.SIG_IGN)
        _end_all(hub, settings)
        print(_goodbye(settings), flush=True)


def _end(_number: int, _frame: FrameType | None) -> None:
    raise HubEnded


def _started(settings: HubSettings, settings_file: Path, log: Path) -> "subprocess.Popen[bytes]":
    """Start JupyterHub in a session of its own, so that Ctrl-C reaches nobody but us."""
    environment = {
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "HOME": str(settings.state),
        "LANG": "C.UTF-8",
        "COURSE_HUB": str(settings_file.resolve()),
        "COURSE_HUB_PORTS": json.dumps(_free_ports(3)),
    }
    command = [str(settings.environment("hub") / "bin" / "jupyterhub"), "--config"]
    with log.open("wb") as output:
        return subprocess.Popen(  # noqa: S603  (our own command)
            [*command, str(HERE / "jupyterhub_config.py")],
            cwd=settings.state,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def _expect_free(port: int) -> None:
    with socket.socket() as tried:
        tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            tried.bind(("127.0.0.1", port))
        except OSError:
            raise HubError(
                f"port {port} is taken: end what listens there, or choose another in "
                "hub/settings.toml"
            ) from None


def _free_ports(number: int) -> list[int]:
    """Return ports that were free a moment ago."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(number)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


def _wait(hub: "subprocess.Popen[bytes]", settings: HubSettings, log: Path) -> None:
    """Wait until the hub and formgrader answer."""
    base, deadline = f"http://127.0.0.1:{settings.port}", time.monotonic() + START
    for path in ("/hub/health", "/services/formgrader/api"):
        while not _answers(base + path):
            if hub.poll() is not None or time.monotonic() > deadline:
                last = log.read_text("utf-8", "replace").strip().splitlines()[-3:]
                raise HubError(f"the hub did not start: {' '.join(last)} ({log} has all)")
            time.sleep(0.2)


def _answers(address: str) -> bool:
    try:
        urllib.request.urlopen(address, timeout=5).close()  # noqa: S310  (the loopback)
    except urllib.error.HTTPError as error:
        return error.code < 500
    except OSError:
        return False
    return True


def _welcome(settings: HubSettings, passwords: dict[str, str], log: Path) -> str:
    lines = [f"The hub is at http://127.0.0.1:{settings.port}", ""]
    for name in settings.people:
        kind = "staff" if name in settings.staff else "student"
        lines.append(f"    {name:12} {passwords[name]}   {kind}")
    return "\n".join(
        [
            *lines,
            "",
            "Staff find formgrader under Services, or at /services/formgrader/. The first thing to",
            "do there: Manage Assignments, and Release. Students find it in their JupyterLab under",
            "Nbgrader > Assignment List.",
            f"The course is {settings.course_folder}, the log {log}. Ctrl-C ends all of it.",
        ]
    )


def _goodbye(settings: HubSettings) -> str:
    return (
        f"The hub has ended, with everybody's servers. Kept: {settings.folder} and the Unix users "
        f"{', '.join(settings.users)}. make hub goes on from here; make hub-remove removes both."
    )


# The end


def _end_all(hub: "subprocess.Popen[bytes]", settings: HubSettings) -> None:
    """Let the hub end its servers; then end whatever is left of it."""
    hub.send_signal(signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        hub.wait(PATIENCE)
    for number in (signal.SIGTERM, signal.SIGKILL):
        deadline = time.monotonic() + 5
        while (left := set(_left(settings))) and time.monotonic() < deadline:
            for process in left:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(process, number)
            _reap()
            time.sleep(0.1)


def _left(settings: HubSettings) -> Iterator[int]:
    """Yield our descendants, and every process of the hub's users."""
    users = {pwd.getpwnam(user).pw_uid for user in settings.users}
    parents, owners = {}, {}
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError, IndexError, ValueError):
            about = (folder / "stat").read_text("utf-8", "replace").rpartition(")")[2].split()
            if about[0] != "Z":
                parents[int(folder.name)] = int(about[1])
                owners[int(folder.name)] = folder.stat().st_uid
    for process in parents:
        if owners[process] in users or os.getpid() in _above(process, parents):
            yield process


def _above(process: int, parents: dict[int, int]) -> Iterator[int]:
    while process := parents.get(process, 0):
        yield process


def _reap() -> None:
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
