"""Pages pass axe-core, light and dark, wide and narrow, and work by keyboard alone.

WCAG 2.1 AA is the law for public universities. axe-core finds about half of what breaks it; the
rest needs an eye.
"""

import os
import subprocess
import sys
from pathlib import Path

import nbformat
import numpy as np
import pytest
from nbformat.v4 import new_output

from autograder.execution.report import ReplayedCall, ReplayedTest
from course.directory import Course
from course.report import class_report, replay
from seqlab import html_page
from tests.autograder.test_pictures import coded, drawn
from tests.support import formgrader_server
from tests.support.accessibility import LOOKS, faults_by_keyboard, opened, violations
from tests.support.classroom import GPT2, Fake, example, grade, hand_in, make_course

ROOT = Path(__file__).resolve().parents[1]
SITE = ("index", "student", "security", "measurements")  # pictures, lists, tables, wide tables
WHITE = "rgb(255, 255, 255)"
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not formgrader_server.BROWSER, reason="needs Chromium"),
    pytest.mark.filterwarnings("ignore"),  # nbgrader's own
]


@pytest.fixture(scope="module")
def chromium():
    pytest.importorskip("playwright")
    with formgrader_server.browser() as started:
        yield started


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The documentation as a site, in a folder."""
    pytest.importorskip("material")
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--quiet", "-f", ROOT / "mkdocs.yml"]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    subprocess.run([*command, "-d", folder], check=True, env=environment)
    return folder


def a_replay() -> str:
    """A page about calls with every kind of result."""
    results = [(np.eye(20), np.zeros((20, 20))), ("to be", "to see"), (None, [1.0]), ([2.0], [2.0])]
    calls = tuple(
        ReplayedCall("f", [], {"x": one}, one, None, other, "", one is not other, "it differs")
        for one, other in results
    )
    said = new_output("error", ename="AssertionError", evalue="no")
    return replay.page(ReplayedTest(calls, 9, [said], "passed with the course's f"), "ada: a-test")


def a_notebook() -> str:
    """A notebook as staff's solutions and students' turn-in pages show it, outputs and all."""
    notebook = nbformat.read(ROOT / "release" / GPT2 / f"{GPT2}.ipynb", as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    code[0].outputs = [
        new_output("stream", name="stderr", text="a warning"),
        new_output("stream", text="a line " * 50),
        new_output("display_data", {"image/png": coded(drawn())}, metadata={"alt": "a picture"}),
        new_output("error", ename="ValueError", evalue="no", traceback=["\x1b[0;31mno\x1b[0m"]),
    ]
    return html_page.html(notebook, GPT2, ROOT / "source" / GPT2)


@pytest.fixture(scope="module")
def graded(tmp_path_factory):
    """A class of four, graded as if."""
    course = make_course(tmp_path_factory.mktemp("pages") / "course")
    for name in ("half-done", "perfect", "wrong-scale", "answers"):
        hand_in(course, name, example(name))
    grade(course, Fake())
    return course


def a_report(course: Course) -> str:
    """The report about that class."""
    return class_report.write(course, GPT2).read_text("utf-8")


PAGES = {
    "report": a_report,
    "replay": lambda _: a_replay(),
    "notebook": lambda _: a_notebook(),
}


@pytest.fixture(scope="module")
def addresses(graded, tmp_path_factory):
    """The addresses of the pages that commands write, by what they are."""
    folder = tmp_path_factory.mktemp("written")
    for name, make in PAGES.items():
        (folder / f"{name}.html").write_text(make(graded), "utf-8")
    return {name: (folder / f"{name}.html").as_uri() for name in PAGES}


@pytest.mark.parametrize("theme", LOOKS)
@pytest.mark.parametrize("name", PAGES)
def test_axe_finds_nothing_on_a_page(chromium, addresses, name, theme):
    with opened(chromium, addresses[name], theme) as page:
        assert violations(page) == []
        assert page.evaluate("document.documentElement.scrollWidth") <= LOOKS[theme]
        dark = page.evaluate("getComputedStyle(document.body).backgroundColor") != WHITE
        assert dark == (theme == "dark")


@pytest.mark.parametrize("name", PAGES)
def test_a_page_works_by_keyboard(chromium, addresses, name):
    with opened(chromium, addresses[name], "dark") as page:
        assert faults_by_keyboard(page) == []


def test_axe_and_the_keyboard_find_what_is_wrong(chromium, tmp_path):
    bad = tmp_path / "bad.html"
    bad.write_text("<p style='color: #aaa'>pale</p><a href='#' style='outline: none'>a</a>")
    with opened(chromium, bad.as_uri(), "light") as page:
        assert "color-contrast" in "".join(violations(page))
        assert "focus is not seen" in faults_by_keyboard(page)[0]


@pytest.mark.parametrize("theme", LOOKS)
@pytest.mark.parametrize("name", SITE)
def test_axe_finds_nothing_on_the_site(chromium, site, name, theme):
    with opened(chromium, (site / f"{name}.html").as_uri(), theme) as page:
        assert violations(page) == []


@pytest.mark.parametrize("name", ["index", "measurements"])
def test_the_site_works_by_keyboard(chromium, site, name):
    with opened(chromium, (site / f"{name}.html").as_uri(), "light") as page:
        assert faults_by_keyboard(page, theirs="md-search__scrollwrap") == []  # while it is closed


def test_search_finds_pages_when_the_site_is_opened_from_a_folder(chromium, site):
    asked = []
    with opened(chromium, (site / "index.html").as_uri(), "light") as page:
        page.on("request", lambda request: asked.append(request.url))
        page.get_by_role("textbox", name="Search").press_sequentially("lateness")
        page.locator(".md-search-result__link").first.wait_for()
        assert "lateness" in page.locator(".md-search-result__list").inner_text().lower()
    assert [address for address in asked if not address.startswith(("file:", "data:"))] == []


def test_a_switch_makes_the_site_dark_and_keeps_it_so(chromium, site):
    with opened(chromium, (site / "index.html").as_uri(), "light") as page:
        scheme = "document.body.getAttribute('data-md-color-scheme')"
        assert page.evaluate(scheme) == "default"
        for _ in range(2):  # from the system's to light, and on to dark
            page.locator(".md-header__option label:not([hidden])").click()
        assert page.evaluate(scheme) == "slate"
        page.goto((site / "ta.html").as_uri())
        assert page.evaluate(scheme) == "slate"


def test_pages_of_the_site_lead_to_the_next_and_to_the_repository(chromium, tmp_path):
    pytest.importorskip("material")
    command = [sys.executable, "-m", "mkdocs", "build", "--quiet", "-f", ROOT / "mkdocs.yml"]
    where = {"NO_MKDOCS_2_WARNING": "1", "REPOSITORY": "https://example.org/course"}
    subprocess.run([*command, "-d", tmp_path / "site"], check=True, env={**os.environ, **where})
    with opened(chromium, (tmp_path / "site" / "student.html").as_uri(), "light") as page:
        assert page.locator('a[href="https://example.org/course"]').count() >= 1
        page.get_by_role("link", name="Next").click()
        assert page.url.endswith("ta.html")
