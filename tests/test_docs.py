"""Every link in the documentation leads somewhere, and the site builds."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", ROOT / "data" / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
PICTURES = sorted((ROOT / "docs").glob("*.png"))
LINK = re.compile(r"\]\(([^)#\s]+)")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_link_leads_to_a_file(page):
    links = LINK.findall(page.read_text(encoding="utf-8"))
    inside = [link for link in links if "://" not in link and not link.startswith("mailto:")]
    assert [link for link in inside if not (page.parent / link).exists()] == []


def test_the_site_is_built_without_a_warning(tmp_path):
    """Isolated from the tester's settings: PYTHON... variables and the locale count for nothing."""
    pytest.importorskip("mkdocs")
    pytest.importorskip("material")  # the theme is a package of its own
    done = subprocess.run(
        [
            sys.executable,
            "-I",
            "-X",
            "utf8",
            "-m",
            "mkdocs",
            "build",
            "--strict",
            "-f",
            str(ROOT / "mkdocs.yml"),
            "-d",
            str(tmp_path / "site"),
        ],
        cwd=tmp_path,
        capture_output=True,
        encoding="utf-8",
        check=False,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1", "NO_COLOR": "1"},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "course rotate" in (tmp_path / "site" / "instructor.html").read_text(encoding="utf-8")
    for built in (tmp_path / "site").rglob("*.html"):  # offline: the pages fetch nothing
        page = built.read_text(encoding="utf-8")
        assert not re.search(r'(?:src|href)="https?://[^"]+\.(?:js|css|woff2?)"', page), built.name


def test_every_picture_has_a_text_for_those_who_do_not_see_it():
    pictures = [
        (page.name, *found)
        for page in PAGES
        for found in re.findall(r"!\[([^]]*)\]\(([^)\s]+)", page.read_text(encoding="utf-8"))
    ]
    assert len(pictures) >= 5
    assert [picture for picture in pictures if len(picture[1]) < 20] == []


@pytest.mark.parametrize("picture", PICTURES, ids=lambda path: path.name)
def test_pictures_are_small_and_shown_on_some_page(picture):
    assert picture.stat().st_size < 150_000
    assert any(picture.name in page.read_text(encoding="utf-8") for page in PAGES)


def test_every_page_is_in_the_navigation():
    text = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    nav = re.findall(r"([\w-]+\.md)", str(yaml.safe_load(text)["nav"]))
    assert sorted(nav) == sorted(page.name for page in (ROOT / "docs").glob("*.md"))


def test_commands_that_the_pages_name_are_there():
    from typer.main import get_command

    from course.cli.main import app

    known = set(get_command(app).commands)
    lines = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)
    fenced = "\n".join(re.findall(r"```sh\n(.*?)```", lines, re.DOTALL))
    named = {*re.findall(r"^course ([a-z]+)", fenced, re.MULTILINE)}
    named |= {*re.findall(r"`course ([a-z]+)", lines)}
    assert named - known == set()
    assert len(named) >= 10
