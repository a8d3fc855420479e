"""The nurseries of a process, and the examination of a notebook with them.

A process keeps its nurseries for as long as the policy stays the same: starting them takes
seconds, a room a fraction of one. This module does not know where notebooks come from.
"""

import atexit
import json
import os
import shutil
import signal
import tempfile
import threading
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import matplotlib as mpl
from nbformat import NotebookNode

import room
import seqlab
from examiner import sitting
from examiner.rooms import ENVIRONMENT, Nursery, descendants, kill
from examiner.sandbox import Sandbox
from seqlab import files as seqlab_files

LIMITS = tuple(sitting.Limits.__dataclass_fields__)


class Examiner:
    """Nurseries, ready to examine: one for desks, and one for students in each thread."""

    def __init__(self, settings: Mapping[str, Any], data: Path):
        self.settings = dict(settings)
        shared = {"preload": settings["preload"], "disk": settings["disk"]}
        self._scratch = tempfile.TemporaryDirectory(prefix="examiner-")
        self._sandbox = sandbox(data, settings["disk"]) if settings["sandbox"] else None
        self._student = {
            **shared, "room": "room.serve:Room", "limited": True, "memory": settings["memory"],
            "processes": settings["processes"], "home": self._folder("student"),
        }  # fmt: skip
        desk = {
            **shared, "room": "examiner.desk:Desk", "limited": False,
            "home": self._folder("examiner"),
        }  # fmt: skip
        self._variables = {"COURSE_DATA": str(data)}
        self._of_thread = threading.local()
        self._made: list[Nursery] = []
        self.desks = Nursery(desk, None, self._variables)

    @property
    def students(self) -> Nursery:
        """Return this thread's nursery: no two submissions are in one sandbox at a time."""
        nursery: Nursery | None = getattr(self._of_thread, "nursery", None)
        if nursery is None:
            nursery = Nursery(self._student, self._sandbox, self._variables)
            self.replace_students(nursery)
        return nursery

    def replace_students(self, nursery: Nursery) -> None:
        """Let another nursery make this thread's students' rooms."""
        self._of_thread.nursery = nursery
        self._made.append(nursery)

    def examine(
        self, notebook: NotebookNode, files: Mapping[str, bytes], handed_out: NotebookNode,
        key: bytes = b"",
    ) -> sitting.Report:  # fmt: skip
        """Fill in a notebook's outputs; see ``sitting.Sitting``.

        Raises:
            SandboxError: there must be a sandbox, and this machine has none.
            NurseryError: no room can be made.
        """
        sources = {cell.id: cell.source for cell in handed_out.cells}
        return self._sitting(files, handed_out, key).run(notebook, sources, self.settings["demos"])

    def replay(
        self, notebook: NotebookNode, files: Mapping[str, bytes], handed_out: NotebookNode,
        key: bytes, test: str,
    ) -> dict[str, Any]:  # fmt: skip
        """Return what a test asks of a student's functions; see ``sitting.Sitting.replay``.

        Raises:
            SandboxError, NurseryError: as in ``examine``.
            RoomError: a room was lost on the way.
        """
        sources = {cell.id: cell.source for cell in handed_out.cells}
        return self._sitting(files, handed_out, key).replay(notebook, sources, test)

    def _sitting(
        self, files: Mapping[str, bytes], handed_out: NotebookNode, key: bytes
    ) -> sitting.Sitting:
        limits = sitting.Limits(**{name: self.settings[name] for name in LIMITS})
        defined = sitting.names_to_define(handed_out)
        self.students.begin()  # both at once: each takes seconds
        self.desks.begin()
        return sitting.Sitting(self.students, self.desks, limits, files, defined, key)

    @property
    def folder(self) -> str:
        """Return the folder that rooms outside of a sandbox work in."""
        return self._scratch.name

    def close(self) -> None:
        """End all nurseries."""
        for nursery in (*self._made, self.desks):
            nursery.close()
        self._scratch.cleanup()

    def _folder(self, name: str) -> str:
        path = Path(self._scratch.name) / name
        path.mkdir()
        return str(path)


def sandbox(data: Path, disk: int) -> Sandbox:
    """Return the sandbox in which students find seqlab and the data, and nothing else of ours."""
    packages = [Path(package.__file__ or "").resolve().parent for package in (seqlab, room)]
    parents = dict.fromkeys(str(package.parent) for package in packages)
    return Sandbox(
        readable=(*packages, data),
        environment=(
            *ENVIRONMENT.items(),
            ("PYTHONPATH", ":".join(parents)),
            ("COURSE_DATA", str(data)),
        ),
        disk=disk,
        fonts=Path(mpl.get_cachedir()),
    )


def shared_examiner(settings: Mapping[str, Any], data: Path | None = None) -> Examiner:
    """Return this process's examiner for a policy, made when it is first asked for."""
    where = (data or seqlab_files.data_dir()).resolve()
    with _LOCK:  # of several threads the first one makes it
        return _examiner(json.dumps(dict(settings), sort_keys=True), where, os.getpid())


@cache
def _examiner(settings: str, data: Path, process: int) -> Examiner:
    examiner = Examiner(json.loads(settings), data)
    atexit.register(examiner.close)
    _made.append(examiner)
    return examiner


def abandon() -> None:
    """Kill all that this process has started and remove its folders, without waiting for any."""
    for pid in reversed(descendants(os.getpid())[1:]):
        kill(pid, signal.SIGKILL)
    for examiner in _made:
        shutil.rmtree(examiner.folder, ignore_errors=True)


_made: list[Examiner] = []
_LOCK = threading.Lock()
