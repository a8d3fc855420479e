"""Pages made from a submission, in a real browser: nothing of a submission's runs there."""

import json
import shutil
import subprocess
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_output, new_raw_cell

from course.directory import CONFIG, Course
from course.release import generate
from course.run import batch, workers
from course.run.scores import NbgraderRunner
from examples import build
from examples.roster import CLASS

ROOT = Path(__file__).resolve().parents[2]
BROWSER = next(
    filter(None, map(shutil.which, ("chromium", "google-chrome", "chromium-browser"))), ""
)
MARK = "document.documentElement.setAttribute('data-pwned-NAME', '1')"  # NAME: of the trick
TRICKS = {
    name: trick.replace("MARK", MARK).replace("NAME", name)
    for name, trick in {
        "script": "<script>MARK</script>",
        "image": '<img src="x" onerror="MARK">',
        "svg": '<svg onload="MARK"><script>MARK</script></svg>',
        "frame": '<iframe srcdoc="<script>parent.MARK</script>"></iframe>',
        "details": '<details open ontoggle="MARK">x</details>',
        "style": '<style onload="MARK"></style><link rel=stylesheet href=x onerror="MARK">',
        "broken": '"></pre></div><script>MARK</script>',
        "math": "$\\href{javascript:MARK}{x}$ <math><mtext><script>MARK</script></mtext></math>",
        "link": '<a id="bait" href="javascript:MARK">bait</a><script>bait.click()</script>',
    }.items()
}
NAME = "o'neil<img src=x onerror=alert(1)>"
pytestmark = [
    pytest.mark.slow,
    pytest.mark.browser,
    pytest.mark.skipif(not BROWSER, reason="needs Chromium"),
    pytest.mark.skipif(shutil.which("bwrap") is None, reason="needs bubblewrap"),
    pytest.mark.filterwarnings("ignore"),
]


def opened(page: Path, profile: Path) -> str:
    """Return the page's document as the browser has it after every script has run."""
    return subprocess.run(
        [
            BROWSER,
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            f"--user-data-dir={profile}",
            "--virtual-time-budget=3000",
            "--dump-dom",
            page.as_uri(),
        ],
        capture_output=True,
        text=True,
        check=True,
        timeout=600,
    ).stdout


def tagged(name: str, trick: str) -> nbformat.NotebookNode:
    """Return a cell with a tag that no notebook may have."""
    cell = new_code_cell("1", id=f"tag-{name}")
    cell.metadata["tags"] = [f'x">{trick}']
    return cell


@pytest.fixture(scope="module")
def feedback(tmp_path_factory):
    """The page of feedback on a submission full of scripts, with a name that is one."""
    root = tmp_path_factory.mktemp("course")
    shutil.copy(ROOT / CONFIG, root)
    shutil.copytree(ROOT / "source" / "gpt2", root / "source" / "gpt2")
    (root / "data").symlink_to(ROOT / "data")
    course = Course(root)
    generate.build(course, root, "gpt2")
    generate.register(course, "gpt2")
    notebook = nbformat.read(root / "release" / "gpt2" / "gpt2.ipynb", as_version=4)
    master = nbformat.read(course.master("gpt2"), as_version=4)
    (half_done,) = (student for student in CLASS["gpt2"] if student.name == "half-done")
    build.submission(notebook, master, half_done)
    shown = [
        new_output(
            "display_data",
            data={"text/html": trick, "image/svg+xml": trick, "application/javascript": MARK},
        )
        for trick in TRICKS.values()
    ]
    for cell in notebook.cells:
        if cell.id == "b-2-4-answer":
            cell.source = "\n\n".join(TRICKS.values())
    notebook.cells += [
        *(new_markdown_cell(trick, id=f"md-{name}") for name, trick in TRICKS.items()),
        new_code_cell("1", id="kept-outputs", outputs=shown),
        *(
            new_raw_cell(trick, id=f"raw-{name}", metadata={"raw_mimetype": "text/html"})
            for name, trick in TRICKS.items()
        ),
        *(tagged(name, trick) for name, trick in TRICKS.items()),
        new_code_cell(
            "from IPython.display import HTML, SVG, Javascript, Markdown, display\n"
            + "\n".join(f"display(HTML({t!r}), Markdown({t!r}))" for t in TRICKS.values())
            + f"\ndisplay(Javascript({MARK!r}))\nprint({TRICKS['script']!r})\n"
            + f"raise ValueError({TRICKS['image']!r})",
            id="made-outputs",
        ),
    ]
    notebook.metadata["title"] = TRICKS["broken"]
    notebook.metadata["language_info"] = {"name": TRICKS["broken"], "pygments_lexer": 'x">'}
    folder = root / "submitted" / NAME / "gpt2"
    folder.mkdir(parents=True)
    (folder / "gpt2.ipynb").write_text(json.dumps(notebook), encoding="utf-8")
    scheduler = workers.Local(1, ROOT / "data")
    batch.Batch(course, "gpt2", scheduler, batch.policy_of(course, "gpt2"), show=False).run([NAME])
    return NbgraderRunner(course).feedback("gpt2", NAME) / "gpt2.html"


def ran(document: str) -> list[str]:
    """Return the names of the tricks that left their mark."""
    return [name for name in TRICKS if f"data-pwned-{name}=" in document.split("<head")[0]]


def test_the_tricks_do_run_where_nothing_stops_them(tmp_path):
    page = tmp_path / "page.html"
    page.write_text(f"<html><head></head><body>{''.join(TRICKS.values())}</body></html>")
    assert len(ran(opened(page, tmp_path / "profile"))) >= 7


def test_no_script_of_a_submission_runs_on_its_page_of_feedback(feedback, tmp_path):
    document = opened(feedback, tmp_path)
    assert ran(document) == []
    assert "Score: 50.0 / 100.0" in document  # the page is whole
