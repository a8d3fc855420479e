"""What this machine can do for grading, one line each: what is there, what is missing, what to do.

This module does not repair anything.
"""

import os
import platform
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from examiner import batch, sandbox
from examiner.course import Course
from examiner.examine import Examiner
from examiner.rooms import NurseryError, RoomError
from seqlab.errors import DataError

GIGABYTE = 1e9


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    what: str
    verdict: str  # fine, limited or missing
    detail: str


def examine(course: Course) -> list[Finding]:
    """Look at everything that grading needs."""
    return list(_examine(course))


def table(found: list[Finding]) -> str:
    """Return the findings as lines of text."""
    return "\n".join(f"{each.verdict:8} {each.what:12} {each.detail}" for each in found)


def _examine(course: Course) -> Iterator[Finding]:
    linux = sys.platform == "linux"
    system = f"{platform.platform()}, Python {platform.python_version()}"
    yield Finding(
        "system",
        "fine" if linux else "limited",
        system if linux else f"{system}: no sandbox; grade on Linux",
    )
    yield Finding("cores", "fine", f"{os.cpu_count()}, so many submissions at a time")
    policy = batch.policy_of(course)
    yield _memory(policy["memory"])
    who = "root: rooms run as users that own nothing" if os.geteuid() == 0 else "an ordinary user"
    yield Finding("user", "fine", who)
    try:
        data = course.data()
        yield Finding("data", "fine", str(data))
    except DataError as error:
        yield Finding("data", "missing", str(error))
        return
    yield from _sandbox(policy, data)
    alembic = shutil.which("alembic") or (Path(sys.executable).parent / "alembic").is_file()
    yield Finding(
        "alembic",
        "fine" if alembic else "missing",
        "found: nbgrader makes its database with it"
        if alembic
        else "not on PATH: pip install alembic in the environment of nbgrader",
    )
    try:
        with course.gradebook() as gradebook:
            known = ", ".join(a.name for a in gradebook.assignments) or "no assignment yet"
        yield Finding("gradebook", "fine", known)
    except Exception as error:
        yield Finding("gradebook", "missing", f"cannot be opened: {error}")


def _memory(limit: int) -> Finding:
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
    except OSError:
        return Finding("memory", "limited", "unknown")
    free = next(int(line.split()[1]) for line in lines if line.startswith("MemAvailable")) * 1024
    enough = free > 2 * GIGABYTE
    return Finding(
        "memory", "fine" if enough else "limited",
        f"{free / GIGABYTE:.1f} GB free; a submission may take {limit / GIGABYTE:.1f} GB, "
        "an honest one takes 0.3 GB",
    )  # fmt: skip


def _sandbox(policy: dict[str, object], data: Path) -> Iterator[Finding]:
    try:
        here = sandbox.Sandbox(())
        here.check()
        yield Finding("bubblewrap", "fine", shutil.which("bwrap") or "")
    except sandbox.SandboxError as error:
        yield Finding("bubblewrap", "missing", str(error))
        return
    examiner = Examiner(policy, data)
    try:
        room = examiner.students.room()
        room.ask("run", 30, source="1")
        examiner.students.done_with(room)
        walls = examiner.students.walls
        yield Finding(
            "rooms", "fine" if walls else "limited",
            "fork from a warm process, each in namespaces of its own" if walls else
            "each starts anew (about 3 s): user namespaces within a sandbox are switched off here",
        )  # fmt: skip
    except (NurseryError, RoomError, sandbox.SandboxError) as error:
        yield Finding("rooms", "missing", f"none can be made: {error}")
    finally:
        examiner.close()
