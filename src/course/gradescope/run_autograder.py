"""What Gradescope's container starts: grade, and leave a results.json whatever happens.

The grading itself is another process (course.gradescope.grade): it may be killed, or run out of
memory or time, and this one, which needs next to nothing, still writes what happened. Before
anything else, files that students must not read are locked away.

This module imports nothing but Python's own modules.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import NotRequired, TypedDict

WHOLE_SECONDS = 540.0  # Gradescope's own limit is ten minutes, unless it is set otherwise
SPARE = 45.0  # seconds, beyond what a submission may take, to start and to write
UID = 64_001  # a user that owns nothing, who runs students' code if there is no sandbox
GRADE = (sys.executable, "-m", "course.gradescope.grade")
NO_MARK = "NOT GRADED"


class ResultEntry(TypedDict):
    """A test in results.json, as Gradescope defines it; without points if nobody gives any."""

    name: str
    number: str
    output: str
    output_format: str
    visibility: str
    status: NotRequired[str]
    score: NotRequired[float]
    max_score: NotRequired[float]


class ResultsFile(TypedDict):
    """The whole of results.json."""

    score: float
    execution_time: float
    output: str
    output_format: str
    visibility: str
    stdout_visibility: str
    tests: list[ResultEntry]


def root() -> Path:
    """Return Gradescope's folder, or the one that takes its place in tests."""
    return Path(os.environ.get("AUTOGRADER", "/autograder"))


def main() -> None:
    """Grade what lies in ``submission``."""
    started, path = time.monotonic(), root() / "results" / "results.json"
    path.unlink(missing_ok=True)
    try:
        lock_away(root())
        why = _graded()
    except Exception as error:  # whatever it is, there will be a results.json
        why = f"the grader failed ({type(error).__name__}: {_line(str(error))})"
    if why or not is_sound(path):
        results = failure(why or "the grader wrote no results", time.monotonic() - started)
        write(path, results)
        print(results["output"])


def lock_away(place: Path) -> None:
    """Let nobody but root read what holds tests, results, or other people's names."""
    for name in ("source/closed", "results", "submission"):
        (place / name).chmod(0o700)
    for name in (".", "source", "source/open"):
        (place / name).chmod(0o755)
    about = place / "submission_metadata.json"
    if about.is_file():
        about.chmod(0o600)


def _graded() -> str:
    """Run the grading; return why there is no result, or ""."""
    settings = json.loads((root() / "source/closed/settings.json").read_text("utf-8"))
    seconds = min(float(settings["policy"]["total_seconds"]) + SPARE, WHOLE_SECONDS)
    process = subprocess.Popen(GRADE, start_new_session=True)  # noqa: S603  (our own command)
    try:
        code = process.wait(timeout=seconds)
    except subprocess.TimeoutExpired:
        return f"it took more than {seconds:g} s"
    finally:
        _end(process)
    if code == -signal.SIGKILL:
        return "the grader was killed: most likely the container has too little memory"
    return f"the grader failed (exit status {code})" if code else ""


def _end(process: "subprocess.Popen[bytes]") -> None:
    """End the grading and all that students' code may have left behind."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    end_all_of(UID)


def end_all_of(uid: int) -> None:
    """Kill every process of a user, until there is none."""
    for _ in range(50):
        pids = [int(path.name) for path in Path("/proc").glob("[0-9]*") if _owner(path) == uid]
        for pid in pids:
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        if not pids:
            return
        time.sleep(0.02)


def _owner(path: Path) -> int:
    """Return which user a process belongs to; -1 if it has ended and only its entry is left."""
    try:
        lines = (path / "status").read_text("utf-8", "replace").splitlines()
    except OSError:
        return -1
    about = dict(line.split(":\t", 1) for line in lines if ":\t" in line)
    return -1 if about.get("State", "Z").startswith("Z") else int(about["Uid"].split()[0])


def failure(why: str, seconds: float) -> ResultsFile:
    """Return what results.json holds if the grader itself has failed; its zero is no mark."""
    return {
        "score": 0.0,
        "execution_time": round(seconds, 2),
        "output": f"{NO_MARK}: {why}. The zero is no mark: your teachers can run this again.",
        "output_format": "text",
        "visibility": "visible",
        "stdout_visibility": "hidden",
        "tests": [],
    }


def is_sound(path: Path) -> bool:
    """Return whether Gradescope can read the results."""
    try:
        return isinstance(json.loads(path.read_text("utf-8")), dict)
    except (OSError, ValueError):
        return False


def write(path: Path, results: ResultsFile) -> None:
    """Write results as a whole or not at all."""
    new = path.with_name("results.json.new")
    new.write_text(json.dumps(results, indent=1), "utf-8")
    new.replace(path)


def _line(text: str) -> str:
    return (text.strip().splitlines() or ["no reason given"])[-1][:200]


if __name__ == "__main__":
    main()
