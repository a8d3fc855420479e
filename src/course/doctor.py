"""What this machine can do for grading: a line for each thing that is needed, and what to do."""

import os
import platform
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from autograder.execution.client import ForkServerError, KernelError
from autograder.execution.pool import KernelPool
from autograder.execution.sandbox import Sandbox, SandboxError
from autograder.policy import Policy
from course.directory import Course, CourseError
from course.release import student_zip
from course.run import batch
from seqlab.errors import DataError

GIGABYTE = 1e9
FINE, LIMITED, MISSING = "fine", "limited", "missing"


@dataclass(frozen=True)
class DoctorFinding:
    """One thing that grading needs; the verdict is FINE, LIMITED or MISSING."""

    what: str
    verdict: str
    detail: str


def examine(course: Course) -> list[DoctorFinding]:
    """Look at everything that grading needs."""
    policy = batch.configured(course)
    system = [_system(), _cores(), _memory(policy.memory), _user()]
    return [*system, *_kernels(course, policy), _alembic(), _gradebook(course), *_settings(course)]


def table(findings: list[DoctorFinding]) -> str:
    """Return the findings as lines of text."""
    return "\n".join(f"{item.verdict:8} {item.what:12} {item.detail}" for item in findings)


def _system() -> DoctorFinding:
    system = f"{platform.platform()}, Python {platform.python_version()}"
    if sys.platform == "linux":
        return DoctorFinding("system", FINE, system)
    return DoctorFinding("system", LIMITED, f"{system}: no sandbox; grade on Linux")


def _cores() -> DoctorFinding:
    return DoctorFinding("cores", FINE, f"{os.cpu_count()}: as many submissions at a time")


def _memory(limit: int) -> DoctorFinding:
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
    except OSError:
        return DoctorFinding("memory", LIMITED, "unknown")
    free = next(int(line.split()[1]) for line in lines if line.startswith("MemAvailable")) * 1024
    return DoctorFinding(
        "memory",
        FINE if free > 2 * GIGABYTE else LIMITED,
        f"{free / GIGABYTE:.1f} GB free; a submission may take {limit / GIGABYTE:.1f} GB, "
        "an honest one takes 0.3 GB",
    )


def _user() -> DoctorFinding:
    root = "root: kernels run as users that own nothing"
    return DoctorFinding("user", FINE, root if os.geteuid() == 0 else "an ordinary user")


def _kernels(course: Course, policy: Policy) -> Iterator[DoctorFinding]:
    """Yield what there is of data, sandbox and kernels; each of them needs the one before."""
    try:
        data = course.data()
        yield DoctorFinding("data", FINE, str(data))
    except DataError as error:
        yield DoctorFinding("data", MISSING, str(error))
        return
    try:
        Sandbox(()).check()
        yield DoctorFinding("bubblewrap", FINE, shutil.which("bwrap") or "")
    except SandboxError as error:
        yield DoctorFinding("bubblewrap", MISSING, str(error))
        return
    yield _kernel(policy, data)


def _kernel(policy: Policy, data: Path) -> DoctorFinding:
    """Try a kernel."""
    pool = KernelPool(policy, data)
    try:
        kernel = pool.students.kernel()
        kernel.run("1", 30)
        pool.students.done_with(kernel)
        if pool.students.isolated:
            detail = "fork from a warm process, each in namespaces of its own"
            return DoctorFinding("kernels", FINE, detail)
        detail = "each starts anew (about 3 s): no user namespaces within a sandbox here"
        return DoctorFinding("kernels", LIMITED, detail)
    except (ForkServerError, KernelError, SandboxError) as error:
        return DoctorFinding("kernels", MISSING, f"none starts: {error}")
    finally:
        pool.close()


def _alembic() -> DoctorFinding:
    if shutil.which("alembic") or (Path(sys.executable).parent / "alembic").is_file():
        return DoctorFinding("alembic", FINE, "nbgrader makes its database with it")
    detail = "not on PATH: pip install alembic in nbgrader's environment"
    return DoctorFinding("alembic", MISSING, detail)


def _gradebook(course: Course) -> DoctorFinding:
    if not course.has_gradebook():
        return DoctorFinding("gradebook", FINE, "none yet: course autograde makes one")
    try:
        with course.gradebook() as gradebook:
            names = [assignment.name for assignment in gradebook.assignments]
    except Exception as error:
        return DoctorFinding("gradebook", MISSING, f"cannot be opened: {error}")
    return DoctorFinding("gradebook", FINE, ", ".join(names) or "no assignment yet")


def _settings(course: Course) -> Iterator[DoctorFinding]:
    """Yield a finding for each assignment: whether its settings can be read and its data is there.

    A folder of data may be meant for one assignment alone, so that lacking another's is no fault.
    """
    for name in course.assignments():
        try:
            settings = course.assignment(name)
        except CourseError as error:
            yield DoctorFinding(name, MISSING, str(error))
            continue
        try:
            student_zip.data_paths(course.data(), settings.data)
        except (CourseError, DataError) as error:
            yield DoctorFinding(name, LIMITED, f"cannot be graded here: {error}")
        else:
            yield DoctorFinding(name, FINE, settings.title)
