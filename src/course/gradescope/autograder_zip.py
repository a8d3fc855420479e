"""Make the zip that Gradescope builds an autograder from.

It holds the packages, the release, the data that the assignment loads, the tests, and two scripts.
What students' code may read lies in ``open/``, everything else in ``closed/``. The masters, with
their rubrics, are not in it; right answers, which explain failures, are closed.
"""

import hmac
import io
import json
import stat
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import autograder
import course as course_package
import hidden_tests
import minikernel
import mistakes
import seqlab
from autograder.assignment import MEGABYTES
from course.cli.options import VISIBILITIES
from course.directory import Course, CourseError
from course.gradescope.container_settings import ContainerSettings
from course.release import generate
from course.release.student_zip import data_paths
from course.run import atomic, batch, secret
from course.run.publish import release_of

SCRIPTS = ("setup.sh", "run_autograder")  # what Gradescope starts
PACKAGES = {
    "open": (seqlab, minikernel),
    "closed": (autograder, course_package, hidden_tests, mistakes),
}
TIME = (2020, 1, 1, 0, 0, 0)  # of every entry: the same course gives the same bytes
LIMITS: dict[str, Any] = {
    "total_seconds": 270.0,  # wall-clock time, on half a processor
    "cell_seconds": 90.0,
    "call_seconds": 60.0,
    "test_seconds": 120.0,
    "disk": 50_000_000,
    "processes": 32,
    "diagnosis_seconds": 5.0,
}
OWN_MEGABYTES = 460  # that the grader needs itself, the test kernel included


def build(
    course: Course, assignment: str, visibility: str, to: Path, megabytes: int = MEGABYTES
) -> Path:
    """Write the zip and return its path.

    >>> build(Course.find(), "gpt2", "after_published", Path("dist/gpt2-autograder.zip"))

    Args:
        course: the course
        assignment: what is graded
        visibility: who sees hidden tests: one of options.VISIBILITIES
        to: the file
        megabytes: of memory that the container has

    Raises:
        CourseError: an argument makes no sense, or something that the zip needs is missing.
    """
    if megabytes < MEGABYTES:
        raise CourseError(f"--memory is {MEGABYTES} or more: the grader itself needs most of that")
    if visibility not in VISIBILITIES:
        raise CourseError(f"--hidden is one of {', '.join(VISIBILITIES)}")
    if not generate.is_registered(course, assignment):
        generate.register(course, assignment)
    settings = _settings(course, assignment, visibility, megabytes)
    atomic.write_whole(to, _zipped(dict(_files(course, assignment, settings))))
    to.chmod(0o644)
    return to


def _zipped(files: Mapping[str, bytes]) -> bytes:
    """Return a zip of files; the same files give the same bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(files):
            info = zipfile.ZipInfo(name, TIME)
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = (stat.S_IFREG | (0o755 if name in SCRIPTS else 0o644)) << 16
            archive.writestr(info, files[name])
    return buffer.getvalue()


def _files(
    course: Course, assignment: str, settings: ContainerSettings
) -> Iterator[tuple[str, bytes]]:
    for folder, packages in PACKAGES.items():
        for package in packages:
            yield from _tree(Path(package.__file__ or "").parent, f"{folder}/{package.__name__}")
    for name, path in data_paths(course.data(), course.assignment(assignment).data).items():
        yield f"open/data/{name}", _read(path)
    yield "open/data/SHA256SUMS", _read(course.data() / "SHA256SUMS")
    with course.gradebook() as gradebook:
        release = release_of(gradebook, course, assignment)
    yield "closed/assignment.json", _json(release.to_json())
    yield "closed/settings.json", _json(settings.to_json())
    yield "requirements.txt", _read(course.shipped("requirements/staff.txt"))
    yield from ((name, _read(Path(__file__).parent / "container" / name)) for name in SCRIPTS)


def _settings(
    course: Course, assignment: str, visibility: str, megabytes: int
) -> ContainerSettings:
    policy = batch.configured(course)
    preload = policy.preload or course.assignment(assignment).gradescope.warm.preload
    memory = (megabytes - OWN_MEGABYTES) * 2**20
    policy = replace(policy, **LIMITS, demos=False, memory=memory, preload=preload)
    seed = hmac.digest(secret.secret(course.root), f"gradescope\0{assignment}".encode(), "sha256")
    return ContainerSettings(visibility, policy, batch.preprocessors(course), seed.hex())


def _tree(place: Path, name: str) -> Iterator[tuple[str, bytes]]:
    """Yield the files of a folder under another name."""
    for path in sorted(place.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            yield f"{name}/{path.relative_to(place).as_posix()}", path.read_bytes()


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise CourseError(f"{path} is needed and cannot be read ({error.strerror})") from None


def _json(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True, indent=1).encode()
