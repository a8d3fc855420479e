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

from autograder.execution import sandbox
from autograder.execution.client import ForkServerError, KernelError
from autograder.execution.pool import KernelPool
from autograder.policy import Policy
from course.directory import Course
from course.run import batch
from seqlab.errors import DataError

GIGABYTE = 1e9


@dataclass(frozen=True)
class DoctorFinding:
    """One thing that was looked at."""

    what: str
    verdict: str  # fine, limited or missing
    detail: str


def examine(course: Course) -> list[DoctorFinding]:
    """Look at everything that grading needs."""
    return list(_examine(course))


def table(found: list[DoctorFinding]) -> str:
    """Return the findings as lines of text."""
    return "\n".join(f"{each.verdict:8} {each.what:12} {each.detail}" for each in found)


def _examine(course: Course) -> Iterator[DoctorFinding]:
    linux = sys.platform == "linux"
    system = f"{platform.platform()}, Python {platform.python_version()}"
    yield DoctorFinding(
        "system",
        "fine" if linux else "limited",
        system if linux else f"{system}: no sandbox; grade on Linux",
    )
    yield DoctorFinding("cores", "fine", f"{os.cpu_count()}, so many submissions at a time")
    policy = batch.configured(course)
    yield _memory(policy.memory)
    who = "root: kernels run as users that own nothing" if os.geteuid() == 0 else "an ordinary user"
    yield DoctorFinding("user", "fine", who)
    try:
        data = course.data()
        yield DoctorFinding("data", "fine", str(data))
    except DataError as error:
        yield DoctorFinding("data", "missing", str(error))
        return
    yield from _sandbox(policy, data)
    alembic = shutil.which("alembic") or (Path(sys.executable).parent / "alembic").is_file()
    yield DoctorFinding(
        "alembic",
        "fine" if alembic else "missing",
        "found: nbgrader makes its database with it"
        if alembic
        else "not on PATH: pip install alembic in the environment of nbgrader",
    )
    try:
        with course.gradebook() as gradebook:
            known = ", ".join(a.name for a in gradebook.assignments) or "no assignment yet"
        yield DoctorFinding("gradebook", "fine", known)
    except Exception as error:
        yield DoctorFinding("gradebook", "missing", f"cannot be opened: {error}")


def _memory(limit: int) -> DoctorFinding:
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
    except OSError:
        return DoctorFinding("memory", "limited", "unknown")
    free = next(int(line.split()[1]) for line in lines if line.startswith("MemAvailable")) * 1024
    enough = free > 2 * GIGABYTE
    return DoctorFinding(
        "memory",
        "fine" if enough else "limited",
        f"{free / GIGABYTE:.1f} GB free; a submission may take {limit / GIGABYTE:.1f} GB, "
        "an honest one takes 0.3 GB",
    )


def _sandbox(policy: Policy, data: Path) -> Iterator[DoctorFinding]:
    try:
        here = sandbox.Sandbox(())
        here.check()
        yield DoctorFinding("bubblewrap", "fine", shutil.which("bwrap") or "")
    except sandbox.SandboxError as error:
        yield DoctorFinding("bubblewrap", "missing", str(error))
        return
    pool = KernelPool(policy, data)
    try:
        kernel = pool.students.kernel()
        kernel.run("1", 30)
        pool.students.done_with(kernel)
        isolated = pool.students.isolated
        yield DoctorFinding(
            "kernels",
            "fine" if isolated else "limited",
            "fork from a warm process, each in namespaces of its own"
            if isolated
            else "each starts anew (about 3 s): no user namespaces within a sandbox here",
        )
    except (ForkServerError, KernelError, sandbox.SandboxError) as error:
        yield DoctorFinding("kernels", "missing", f"none can be made: {error}")
    finally:
        pool.close()
