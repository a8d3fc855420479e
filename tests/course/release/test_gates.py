"""What the gates of a release say of one assignment, each on its own."""

import dataclasses
import shutil

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from autograder import assignment
from course.directory import CONFIG, STAFF_FILES, Course
from course.release import gates
from course.release.tidy import tidy
from tests.conftest import ROOT

pytestmark = pytest.mark.filterwarnings("ignore")  # jupyter's own
PARTS = """
title = "Two parts"
points = {}

[[parts]]
title = "Reading"
points = {}

[[parts]]
title = "{}"
"""


def graded(points):
    meta = {"grade": True, "solution": False, "points": points, "grade_id": f"t{points}"}
    return new_code_cell("", id=f"t{points}", metadata={"nbgrader": meta})


MASTER = new_notebook(
    cells=[
        new_markdown_cell("# Title"),
        graded(1),
        new_markdown_cell("## Reading (2 points)"),
        graded(2),
        new_markdown_cell("### Reading on"),
        new_markdown_cell("## Writing\n```\n## Reading\n```"),
        graded(4),
    ]
)


REMEDY = "change points in source/two/assignment.toml, or those of a cell"


@pytest.mark.parametrize(
    ("text", "complaints"),
    [
        ('title = "Any total is right"', []),
        (PARTS.format(7, 2, "Writing"), []),
        (
            PARTS.format(8, 2, "Writing"),
            [f"its points add up to 7, and assignment.toml says 8: {REMEDY}"],
        ),
        (
            PARTS.format(7, 3, "Writing"),
            [f"the part 'Reading' has 2 points instead of 3: {REMEDY}"],
        ),
        (
            PARTS.format(7, 6, "Painting"),
            ["assignment.toml has the part 'Painting', and no heading begins so"],
        ),
    ],
)
def test_points_are_those_of_the_settings_by_part(text, complaints):
    settings = assignment.parse("two", text)
    assert list(gates.wrong_points(MASTER, settings)) == complaints


@pytest.fixture
def draft(tmp_path):
    """A release of nothing yet."""
    shutil.copy(ROOT / CONFIG, tmp_path)
    (tmp_path / "data" / "texts").mkdir(parents=True)
    (tmp_path / "data" / "texts" / "a.txt").write_text("a")
    (tmp_path / "data" / "b.txt").write_text("b")
    folders = tmp_path / "scratch" / "source" / "small", tmp_path / "built"
    for folder in folders:
        folder.mkdir(parents=True)
    settings = assignment.parse("small", 'title = "S"\ndata = ["texts"]')
    return gates.Draft(
        Course(tmp_path), settings, new_notebook(), tmp_path / "scratch", tmp_path / "built"
    )


def test_nothing_of_staffs_is_released(draft):
    assert list(gates.secret(draft)) == []
    for name in STAFF_FILES:
        (draft.built / name).touch()
    (draft.built / "more").mkdir()
    (draft.built / "more" / "mistakes.py").touch()
    found = list(gates.secret(draft))
    assert len(found) == 3
    assert found[0] == (
        "assignment.toml is for staff: name it in c.CourseDirectory.ignore of nbgrader_config.py"
    )


READ = "import os, pathlib\nprint((pathlib.Path(os.environ['COURSE_DATA']) / '{}').read_text())"


@pytest.mark.parametrize(
    ("name", "complaints"),
    [("texts/a.txt", 0), ("b.txt", 1)],
    ids=["data that is named", "data that is not named"],
)
def test_a_master_finds_the_data_that_it_names_and_no_other(draft, monkeypatch, name, complaints):
    monkeypatch.delenv("COURSE_DATA")
    draft.master.cells.append(new_code_cell(READ.format(name), id="reads"))
    found = list(gates.failing(draft))
    assert len(found) == complaints
    assert all("cell reads of small failed: FileNotFoundError" in line for line in found)


def test_data_that_is_not_there_is_named(draft):
    settings = assignment.parse("small", 'title = "S"\ndata = ["no-such-file"]')
    missing = gates.Draft(draft.course, settings, draft.master, draft.scratch, draft.built)
    (complaint,) = gates.failing(missing)
    assert complaint.endswith("data/no-such-file, and assignment.toml asks for it")


def test_a_master_is_put_in_order_once(tmp_path):
    path = tmp_path / "master.ipynb"
    worked_on = graded(3)
    worked_on.id, worked_on.execution_count = "a1b2c3d4", 7
    taken = graded(2)
    taken.id = "t3x"
    nbformat.write(new_notebook(cells=[worked_on, taken, new_markdown_cell("Text", id="t2")]), path)
    path.chmod(0o640)
    assert tidy(path) == ["cell a1b2c3d4 is called t3 now", "removed the outputs of cell t3"]
    cells = nbformat.read(path, as_version=4).cells
    assert [cell.id for cell in cells] == ["t3", "t3x", "t2"]  # the last one had the name first
    assert cells[0].execution_count is None
    before, mode = path.stat().st_mtime_ns, path.stat().st_mode & 0o777
    assert mode == 0o640
    assert tidy(path) == []
    assert path.stat().st_mtime_ns == before


def test_what_is_quick_to_see_keeps_the_rest_from_being_tried(draft, monkeypatch):
    monkeypatch.setattr(gates, "CHEAP", {"cheap": lambda _: (f"fault {i}" for i in range(14))})
    monkeypatch.setattr(gates, "DEAR", {"dear": lambda _: pytest.fail("it was tried")})
    lines = []
    assert len(gates.check(draft, lines.append)) == 14
    assert lines[0] == "refused cheap"
    assert len(lines) == 1 + gates.SHOWN + 2
    assert lines[-2].strip() == "and 9 more: course release small --all shows them"
    assert lines[-1].strip() == "not tried yet: dear, tests notice what they must"
    lines.clear()
    gates.check(dataclasses.replace(draft, everything=True), lines.append)
    assert "fault 13" in lines[14]
