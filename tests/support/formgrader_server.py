"""Formgrader as an assistant has it: a class of 300, a Jupyter server, and Chromium.

``python -m tests.support.formgrader_server`` makes the pictures of docs/ta.md again, some minutes
of work.

This module does not know what has to be true of a page.
"""

import contextlib
import io
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from nbgrader.api import Gradebook
from PIL import Image

from autograder.status import Status
from course.directory import Course
from course.run import batch, status_files, workers
from course.run.cache import Store
from course.run.publish import Publisher
from tests.support.classroom import GPT2, ROOT, example, hand_in, make_course

BROWSER = next(
    filter(None, map(shutil.which, ("chromium", "google-chrome", "chromium-browser"))), ""
)
FEW = ("half-done", "perfect", "wrong-scale", "raises", "answers")  # graded once, for everybody
ANSWER = "b-2-4-answer"
TOKEN = "for-this-test"
PICTURES = ROOT / "docs"
LOADED = {  # how a page says that its tables or inputs are filled in
    "table": "typeof models !== 'undefined' && models && models.loaded",
    "submission": "typeof formgrader !== 'undefined' && formgrader.loaded"
    " && formgrader.grades.loaded && formgrader.comments.loaded",
}
FIRST = (
    "Ada",
    "Bo",
    "Cleo",
    "Dmitri",
    "Elif",
    "Femi",
    "Grace",
    "Hugo",
    "Ines",
    "Jun",
    "Kofi",
    "Lena",
    "Mei",
    "Noor",
    "Otto",
    "Priya",
    "Quinn",
    "Rosa",
    "Sami",
    "Tove",
)
LAST = (
    "Adeyemi",
    "Berg",
    "Costa",
    "Dubois",
    "Eriksen",
    "Fischer",
    "Garcia",
    "Haddad",
    "Ito",
    "Jansen",
    "Kim",
    "Lopez",
    "Moreau",
    "Novak",
    "Okafor",
)


class School:
    """A course with a class of which all but the last are graded."""

    def __init__(self, root: Path, n: int = 300):
        self.course = make_course(root)
        self.names = [f"s{i:03}" for i in range(n)]
        with self.course.gradebook() as gradebook:
            self._register(gradebook)
        for number, name in enumerate(self.names):
            folder = hand_in(self.course, name, example(self.kind(number)))
            stamp = f"2026-03-{1 + number % 7:02} 12:{number % 60:02}:00 UTC"
            (folder / "timestamp.txt").write_text(stamp, "utf-8")
        self._grade()

    @staticmethod
    def kind(number: int) -> str:
        """Return which example a student's notebook is."""
        return FEW[number % len(FEW)]

    @property
    def writers(self) -> list[str]:
        """Return the graded whose notebooks have a written answer."""
        graded = enumerate(self.names[:-1])
        return [name for number, name in graded if self.kind(number) == "answers"]

    def submission(self, name: str) -> str:
        """Return formgrader's id of a student's notebook."""
        with self.course.gradebook() as gradebook:
            return str(gradebook.find_submission(GPT2, name).notebooks[0].id)

    def _register(self, gradebook: Gradebook) -> None:
        for number, name in enumerate(self.names):
            first, last = FIRST[number % len(FIRST)], LAST[number // len(FIRST) % len(LAST)]
            gradebook.update_or_create_student(name, first_name=first, last_name=last)

    def _grade(self) -> None:
        """Let the autograder grade a few, and publish what it found for those like them."""
        few, policy = self.names[: len(FEW)], batch.policy_of(self.course, GPT2)
        scheduler = workers.Local(1, ROOT / "data")
        found = batch.Batch(self.course, GPT2, scheduler, policy, show=False).run(few)
        kept = [Store.of(self.course.root).get(found[name].key) for name in few]
        results = [result for result in kept if result]
        with Publisher(self.course, GPT2) as recorder:
            for number in range(len(FEW), len(self.names) - 1):
                name = self.names[number]
                stamp = self.course.root / "submitted" / name / GPT2 / "timestamp.txt"
                files = {stamp.name: stamp.read_bytes()}
                recorder.publish(name, "", results[number % len(FEW)], files)


@contextlib.contextmanager
def school(n: int = 300) -> Iterator[School]:
    """Make a class, away from /tmp, which is another folder inside the sandbox."""
    with tempfile.TemporaryDirectory(dir="/var/tmp", prefix="formgrader-") as scratch:
        yield School(Path(scratch) / "course", n)


@contextlib.contextmanager
def served(course: Course) -> Iterator[str]:
    """Start JupyterLab in a course, with nobody's settings but the course's; yield its address."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    home = course.root.parent / "home"
    home.mkdir(exist_ok=True)
    places = {f"JUPYTER_{what}_DIR": str(home / what) for what in ("CONFIG", "DATA", "RUNTIME")}
    path = os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", "")))
    environment = {**os.environ, **places, "HOME": str(home), "PATH": path}
    environment.pop("COURSE_DATA", None)
    with (home / "log").open("w") as log:
        server = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "jupyterlab",
                "--no-browser",
                "--allow-root",
                f"--ServerApp.port={port}",
                "--ServerApp.port_retries=0",
                f"--IdentityProvider.token={TOKEN}",
            ],
            cwd=course.root,
            env=environment,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        address = f"http://127.0.0.1:{port}"
        _wait(server, f"{address}/formgrader/api/status?token={TOKEN}", home / "log")
        yield address
    finally:
        server.terminate()
        server.wait(30)


def _wait(server: subprocess.Popen[bytes], url: str, log: Path, seconds: float = 600.0) -> None:
    deadline = time.monotonic() + seconds
    while server.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(urllib.error.URLError, OSError):
            urllib.request.urlopen(url, timeout=5).close()
            return
        time.sleep(0.3)
    raise RuntimeError(f"formgrader did not start:\n{log.read_text()[-2000:]}")


@contextlib.contextmanager
def browser() -> Iterator[Any]:
    """Start Chromium without a window."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=BROWSER,
            args=["--no-sandbox", "--disable-quic", "--disable-background-networking"],
        )
        yield chromium
        chromium.close()


class Assistant:
    """Somebody at formgrader's pages, who gets nothing from other machines."""

    def __init__(self, chromium: Any, address: str):
        self.address = address
        self.elsewhere: list[str] = []  # what pages wanted from other machines
        self.page = chromium.new_page(viewport={"width": 1440, "height": 900})
        self.page.set_default_timeout(600_000)
        self.page.route("**/*", self._route)
        self.page.goto(f"{address}/formgrader?token={TOKEN}")

    def _route(self, route: Any) -> None:
        if route.request.url.startswith((self.address, "file:", "data:")):
            route.continue_()
        else:
            self.elsewhere.append(route.request.url)
            route.abort()

    def open(self, path: str) -> float:
        """Open a page of formgrader, wait until it is filled in, and return the seconds."""
        started = time.perf_counter()
        self.page.goto(f"{self.address}/formgrader/{path}")
        self.loaded()
        return time.perf_counter() - started

    def loaded(self) -> None:
        """Wait until the page is filled in."""
        is_submission = re.search(r"/submissions/\w+/", self.page.url)
        self.page.wait_for_function(LOADED["submission" if is_submission else "table"])

    def row(self, text: str) -> Any:
        """Return the row of a table of which a cell has just this text."""
        return self.page.locator("#main-table tr").filter(
            has=self.page.get_by_text(text, exact=True)
        )

    def press(self, student: str, button: str) -> tuple[str, str]:
        """Press a button in a student's row; return the headline and the text that come back."""
        self.row(student).locator(f".{button} a").click()
        modal = self.page.locator(".modal.in")
        modal.wait_for(timeout=600_000)
        return modal.locator(".modal-title").inner_text(), modal.locator(".modal-body").inner_text()

    def answer(self, name: str = ANSWER) -> Any:
        """Return the place of a written answer, with all that stands beside it."""
        return self.page.locator(".marking").filter(has=self.page.locator(f"#{name}"))

    def give(self, points: str, comment: str, name: str = ANSWER) -> None:
        """Give points and a comment with the page's own inputs; wait until both are kept."""
        for field, value, kind in (
            (f"#{name}", points, "grade"),
            (f"#{name}-comment", comment, "comment"),
        ):
            place = self.page.locator(field)
            place.fill(value)
            with self.page.expect_response(lambda r, kind=kind: f"/api/{kind}/" in r.url):
                place.blur()

    def status_of(self, student: str) -> str:
        """Return what the list of submissions says of a student."""
        return str(self.row(student).locator(".status").inner_text())

    def score(self, row: str, kind: str = "score") -> float:
        """Return the points in a row, which has them as "13 / 100"."""
        return float(self.row(row).locator(f"td.{kind}").inner_text().split("/")[0])


def examined(course: Course, student: str) -> Status | None:
    """Return what the autograder has left of a submission."""
    return status_files.read(course.root, GPT2, student)


def main() -> None:
    """Make the pictures."""
    warnings.simplefilter("ignore")
    with school() as made, served(made.course) as address, browser() as chromium:
        assistant = Assistant(chromium, address)
        page, marked = assistant.page, made.writers[0]
        assistant.open(f"submissions/{made.submission(marked)}/")
        assistant.give("6.5", "Good examples. Say why the greedy choice repeats itself.")
        page.evaluate("document.activeElement.blur(); $('.save-icon').stop(true).hide()")
        answer = assistant.answer()
        page.evaluate(f"window.scrollTo(0, $('#{ANSWER}').closest('.marking').offset().top - 130)")
        answer.wait_for()
        taken = {"x": 90, "y": 180, "width": 1260, "height": 720}
        _keep(page.screenshot(clip=taken), PICTURES / "formgrader-answer.png")
        assistant.open(f"manage_submissions/{GPT2}")
        page.set_viewport_size({"width": 1280, "height": 560})
        _keep(page.screenshot(), PICTURES / "formgrader-list.png")


def _keep(picture: bytes, path: Path) -> None:
    """Write a picture with few colours, which is a third of the bytes."""
    with Image.open(io.BytesIO(picture)) as full:
        full.convert("RGB").quantize(128).save(path, optimize=True)


if __name__ == "__main__":
    main()
