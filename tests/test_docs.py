"""Every link, path, command and option in the documentation exists, and the site builds."""

import os
import pkgutil
import re
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest
from typer.main import get_command

import mistakes
from autograder import assignment
from course.cli.main import app

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = ("source", "release", "data", "submitted", "autograded", "feedback", "solutions")
PAGES = [
    *sorted(ROOT.glob("*.md")),
    *(ROOT / folder / "README.md" for folder in (*FOLDERS, "benchmarks")),
    *sorted((ROOT / "docs").glob("*.md")),
]
CURRENT = [page for page in PAGES if page.name != "CHANGELOG.md"]  # which names what was
PICTURES = [path for path in sorted((ROOT / "docs").iterdir()) if path.suffix in (".png", ".svg")]
LINK = re.compile(r"\]\(([^)#\s]+)")
CODE = re.compile(r"`([^`\n]+)`")
FENCED = re.compile(r"^```.*?^```", re.DOTALL | re.MULTILINE)
SHELL = re.compile(r"```sh\n(.*?)```", re.DOTALL)
FILE = re.compile(r"(?:[\w.-]+/)+[\w.-]*")
DOTTED = re.compile(r"(?:autograder|course|hidden_tests|minikernel|mistakes|seqlab)(?:\.\w+)+")
WRITTEN_LATER = re.compile(
    r"[A-Z]{3}|^(?:dist|reports|\.autograder|submitted|feedback|source/intro)/|^\."
)
ELSEWHERE = {"N/A", "source/closed", "pictures/"}  # in the zips for Gradescope and for students


def text(page):
    return page.read_text(encoding="utf-8")


def name(page):
    return page.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_link_leads_to_a_file(page):
    links = LINK.findall(text(page))
    inside = [link for link in links if "://" not in link and not link.startswith("mailto:")]
    assert [link for link in inside if not (page.parent / link).exists()] == []


def words(page):
    """Return what a page sets as code, word by word, without blocks of code."""
    spans = CODE.findall(FENCED.sub("", text(page)))
    return [word.strip(",;()") for span in spans for word in span.split()]


@pytest.mark.parametrize("page", CURRENT, ids=name)
def test_every_file_that_a_page_names_exists(page):
    files = [word for word in words(page) if FILE.fullmatch(word) and word not in ELSEWHERE]
    files = [file for file in files if not WRITTEN_LATER.search(file)]
    places = (ROOT, ROOT / "src", page.parent)
    assert [file for file in files if not any((place / file).exists() for place in places)] == []


@pytest.mark.parametrize("page", CURRENT, ids=name)
@pytest.mark.filterwarnings("ignore")  # nbgrader's own
def test_every_module_and_name_that_a_page_names_exists(page):
    for word in filter(DOTTED.fullmatch, words(page)):
        pkgutil.resolve_name(word)


@pytest.fixture(scope="module")
def commands():
    """Each command of course, by its words, with its options."""
    known = {}

    def visit(command, path):
        options = {option for parameter in command.params for option in parameter.opts}
        known[path] = options | {"--help", "--install-completion", "--show-completion"}
        for sub in getattr(command, "commands", {}).items():
            visit(sub[1], (*path, sub[0]))

    visit(get_command(app), ())
    return known


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_command_and_option_that_a_page_names_exists(page, commands):
    lines = "\n".join(SHELL.findall(text(page))).splitlines() + CODE.findall(text(page))
    for line in lines:
        if match := re.match(r"(?:.*/)?course ([a-z].*|--.*)", line.split("#")[0].split(", ")[0]):
            typed = match[1].split()
            path = max((p for p in commands if tuple(typed[: len(p)]) == p), key=len)
            assert path or typed[0].startswith("--"), line
            options = {word.split("=")[0] for word in typed if word.startswith("--")}
            assert options <= commands[path], line


def test_every_command_is_on_some_page(commands):
    pages = "\n".join(map(text, PAGES))
    named = {tuple(match.split()[1:]) for match in re.findall(r"course [a-z]+(?: [a-z]+)?", pages)}
    named |= {path[:1] for path in named}
    assert [path for path in commands if path and path not in named] == []


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_target_of_make_that_a_page_names_exists(page):
    targets = re.findall(r"^([a-z]+):", text(ROOT / "Makefile"), re.MULTILINE)
    shell = "\n".join([*SHELL.findall(text(page)), *CODE.findall(text(page))])
    named = re.findall(r"^make ([a-z]+)", shell, re.MULTILINE)
    assert [target for target in named if target not in targets] == []


def test_the_site_is_built_without_a_warning(tmp_path):
    """Isolated from the tester's settings: PYTHON... variables and the locale count for nothing."""
    pytest.importorskip("mkdocs")
    pytest.importorskip("material")  # the theme is a package of its own
    command = [sys.executable, "-I", "-X", "utf8", "-m", "mkdocs", "build", "--strict"]
    done = subprocess.run(
        [*command, "-f", ROOT / "mkdocs.yml", "-d", tmp_path / "site"],
        cwd=tmp_path,
        capture_output=True,
        encoding="utf-8",
        check=False,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1", "NO_COLOR": "1"},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "course rotate" in text(tmp_path / "site" / "instructor.html")
    for built in (tmp_path / "site").rglob("*.html"):  # offline: the pages fetch nothing
        page = text(built)
        assert not re.search(r'(?:src|href)="https?://[^"]+\.(?:js|css|woff2?)"', page), built.name


def test_every_picture_has_a_text_for_those_who_do_not_see_it():
    pictures = [
        (page.name, *picture)
        for page in PAGES
        for picture in re.findall(r"!\[([^]]*)\]\(([^)\s]+)", text(page))
    ]
    assert len(pictures) >= 5
    assert [picture for picture in pictures if len(picture[1]) < 20] == []


@pytest.mark.parametrize("picture", PICTURES, ids=lambda path: path.name)
def test_pictures_are_small_and_shown_on_some_page(picture):
    assert picture.stat().st_size < 150_000
    assert any(picture.name in text(page) for page in PAGES)


def test_every_page_is_in_the_navigation():
    nav = re.findall(r"([\w-]+\.md)", text(ROOT / "mkdocs.yml").partition("\nnav:")[2])
    assert sorted(nav) == sorted(page.name for page in (ROOT / "docs").glob("*.md"))


def blocks(page, language):
    return re.findall(rf"```{language}\n(.*?)```", text(ROOT / "docs" / page), re.DOTALL)


def test_the_guide_shows_every_setting_of_an_assignment_and_they_are_right():
    (shown,) = blocks("adapting.md", "toml")
    settings = assignment.parse("intro", shown)
    tables = (settings, settings.turn_in, settings.warm, settings.gradescope)
    values = [getattr(table, field.name) for table in tables for field in fields(table)]
    assert all(values)
    assert settings.gradescope.warm != settings.warm


def test_the_guides_mistakes_are_a_catalogue():
    (shown,) = [block for block in blocks("adapting.md", "python") if "CELLS" in block]
    (cell,) = mistakes.catalogue("intro", shown)
    assert [mistake.name for mistake in cell.mistakes] == ["smooth-swapped", "smooth-integers"]
    assert all(cell.code(mistake) != cell.right for mistake in cell.mistakes)
