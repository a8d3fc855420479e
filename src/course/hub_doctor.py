"""Whether a hub keeps the course from its students: ``course doctor --students ENVIRONMENT``."""

import json
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path

from autograder.checked_json import construct
from course import hub_probe
from course.directory import Course, CourseError
from course.doctor import FINE, LIMITED, MISSING, DoctorFinding
from course.exchange.inbound import inbound_of
from seqlab.errors import DataError

STAFFS = ("formgrader", "course-list", "create-assignment")  # extensions that students do without
SAME_ORIGIN = "frame-ancestors 'self'"
SECONDS = 120.0  # for students' Python to say what it sees


@dataclass(frozen=True)
class StudentsView:
    """What ``hub_probe`` has found in students' environment; see there."""

    seen: list[str]
    lacking: list[str]
    executable: str
    frames: str
    transport: str
    exchange: str
    course: str
    data: str
    disabled: list[str]


def examine(course: Course, students: Path) -> list[DoctorFinding]:
    """Look at everything that a hub needs.

    Args:
        course: the course
        students: their environment, the folder with bin/python in it
    """
    findings = [_folder(course)]
    try:
        view = _view(students)
    except CourseError as error:
        return [*findings, DoctorFinding("students", MISSING, str(error))]
    inbound = inbound_of(course)
    return [
        *findings,
        _environment(students, view),
        _interpreter(view),
        _extensions(view),
        _headers(view),
        _kernels(view),
        _data(view),
        *_exchange(course, inbound, view),
    ]


def _view(students: Path) -> StudentsView:
    """Ask students' Python.

    Raises:
        CourseError: it does not run, or does not answer.
    """
    python = students / "bin" / "python"
    environment = {k: v for k, v in os.environ.items() if k not in ("COURSE_DATA", "PYTHONPATH")}
    try:
        done = subprocess.run(  # noqa: S603  (our own program)
            [str(python), "-I", hub_probe.__file__],
            cwd="/",
            env=environment,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=True,
        )
        values = json.loads(done.stdout.splitlines()[-1])
        return construct(StudentsView, {f.name: values[f.name] for f in fields(StudentsView)})
    except subprocess.CalledProcessError as error:
        last = (error.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise CourseError(f"{python} failed: {last}") from None
    except (OSError, ValueError, LookupError, subprocess.TimeoutExpired) as error:
        raise CourseError(f"{python} cannot be asked: {error}") from None


def _folder(course: Course) -> DoctorFinding:
    """Return whether nobody but the course's owner gets into its folder, .git included."""
    above = (course.root.resolve(), *course.root.resolve().parents)
    if any(not folder.stat().st_mode & stat.S_IXOTH for folder in above):
        return DoctorFinding("folder", FINE, f"{course.root} is closed to others")
    what = " and .git, which has every solution," if (course.root / ".git").exists() else ""
    detail = f"others can enter {course.root}{what}: chmod 700 {course.root}"
    return DoctorFinding("folder", MISSING, detail)


def _environment(students: Path, view: StudentsView) -> DoctorFinding:
    if students.resolve() == Path(sys.prefix).resolve():
        return DoctorFinding("students", MISSING, "they share staff's environment: make another")
    if view.seen:
        detail = f"they can import {', '.join(view.seen)}: make an environment without the course"
        return DoctorFinding("students", MISSING, detail)
    if view.lacking:
        detail = f"their environment lacks {', '.join(view.lacking)}: requirements/hub-students.txt"
        return DoctorFinding("students", MISSING, detail)
    return DoctorFinding("students", FINE, f"{students}: nothing of the course can be imported")


def _interpreter(view: StudentsView) -> DoctorFinding:
    path = Path(view.executable)
    closed = [p for p in (path, *path.parents) if not p.stat().st_mode & stat.S_IXOTH]
    if closed:
        detail = f"{path} cannot be run by all: {closed[0]} is closed; take another Python"
        return DoctorFinding("interpreter", MISSING, detail)
    return DoctorFinding("interpreter", FINE, str(path))


def _extensions(view: StudentsView) -> DoctorFinding:
    shown = [name for name in STAFFS if f"@jupyter/nbgrader:{name}" not in view.disabled]
    if shown:
        return DoctorFinding("extensions", LIMITED, f"students see {', '.join(shown)}")
    return DoctorFinding("extensions", FINE, "students see no part of nbgrader that is staff's")


def _headers(view: StudentsView) -> DoctorFinding:
    if SAME_ORIGIN in view.frames:
        return DoctorFinding("headers", FINE, SAME_ORIGIN)
    detail = (
        f"students' servers send {view.frames or 'what the hub sets'!r}: links in feedback "
        f"lead nowhere; set {SAME_ORIGIN}, as hub/environment/jupyter_server_config.py does"
    )
    return DoctorFinding("headers", LIMITED, detail)


def _kernels(view: StudentsView) -> DoctorFinding:
    if view.transport == "ipc":
        return DoctorFinding("sockets", FINE, "students' kernels have no ports")
    detail = (
        "every user of a machine can read what comes out of a kernel's port: set "
        'c.KernelManager.transport = "ipc" in students\' environment'
    )
    return DoctorFinding("sockets", LIMITED, detail)


def _data(view: StudentsView) -> DoctorFinding:
    if not view.data:
        detail = (
            "COURSE_DATA is not set in students' jupyter_server_config.py: a spawner must do it"
        )
        return DoctorFinding("their data", LIMITED, detail)
    try:
        is_there = any(Path(view.data).iterdir())
    except (OSError, DataError) as error:
        return DoctorFinding("their data", MISSING, f"{view.data} cannot be read: {error}")
    return DoctorFinding("their data", FINE if is_there else MISSING, view.data)


def _exchange(course: Course, inbound: Path, view: StudentsView) -> Iterator[DoctorFinding]:
    """Yield whether both sides use one exchange, and who can do what in it."""
    root, course_id = inbound.parents[1], inbound.parent.name
    if (view.exchange, view.course) != (str(root), course_id):
        detail = (
            f"students submit {view.course or 'to any course'} "
            f"in {view.exchange or 'no exchange that is set'}, "
            f"the course collects {course_id} in {root}"
        )
        yield DoctorFinding("exchange", MISSING, detail)
        return
    wrong = [line for folder in _FOLDERS if (line := _mode(inbound.parent / folder, folder))]
    if wrong:
        yield DoctorFinding("exchange", LIMITED, "; ".join(wrong))
    else:
        yield DoctorFinding("exchange", FINE, str(root))


_FOLDERS = {  # others' rights, and why
    "../": (0o1007, "nbgrader wants to write there, and with the sticky bit nobody removes it"),
    "inbound": (0o1003, "students put in and cannot list, nor remove what is another's"),
    "outbound": (0o005, "students read releases there"),
    "feedback": (0o001, "pages are found by their secret names, and not listed"),
}


def _mode(path: Path, folder: str) -> str:
    """Return what is wrong with the rights of one of the exchange's folders, or ""."""
    wanted, why = _FOLDERS[folder]
    place = Path(os.path.normpath(path))
    try:
        mode = stat.S_IMODE(place.stat().st_mode)
    except OSError as error:
        return f"{place} cannot be seen ({error.strerror})"
    if mode & 0o1007 == wanted:
        return ""
    return f"{place} has mode {mode:o}, and should end in {wanted:o}: {why}"
