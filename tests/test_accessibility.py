"""Pages pass axe-core, light and dark, wide and narrow, and work by keyboard alone.

WCAG 2.1 AA is the law for public universities. axe-core finds about half of what breaks it; the
rest needs an eye.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import formgrader_server
from tests.support.accessibility import LOOKS, faults_by_keyboard, opened, violations

ROOT = Path(__file__).resolve().parents[1]
SITE = ("index", "student", "security", "measurements")  # pictures, lists, tables, wide tables
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
