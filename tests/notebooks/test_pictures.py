"""The pictures that the notebooks show before any code: drawn by a script, described, shipped."""

import re

import matplotlib as mpl
import nbformat
import numpy as np
import pytest

from course.directory import Course
from seqlab import html_page
from tests.conftest import ASSIGNMENTS, ROOT
from training import pictures

SHOWN = re.compile(r"!\[(?P<says>[^\]]*)\]\((?P<path>pictures/[\w-]+\.svg)\)")
NAMES = [(assignment, name) for assignment, drawn in pictures.PICTURES.items() for name in drawn]


def shown(name):
    """What a master shows: the path of each picture, and what its description says."""
    notebook = nbformat.read(Course(ROOT).master(name), as_version=4)
    texts = [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]
    return {m["path"]: m["says"] for text in texts for m in SHOWN.finditer(text)}


@pytest.mark.parametrize("name", ASSIGNMENTS)
def test_every_picture_is_shown_and_every_picture_shown_lies_beside_the_master(name):
    drawn = {f"pictures/{picture}.svg" for assignment, picture in NAMES if assignment == name}
    assert set(shown(name)) == drawn
    for folder in ("source", "release"):
        kept = (ROOT / folder / name).rglob("*.svg")
        assert {path.relative_to(ROOT / folder / name).as_posix() for path in kept} == drawn


@pytest.mark.parametrize("name", ASSIGNMENTS)
def test_every_picture_is_described_for_those_who_cannot_see_it(name):
    for path, says in shown(name).items():
        assert len(says) > 80, path
        assert says.endswith("."), path


@pytest.mark.slow
@pytest.mark.parametrize(("assignment", "name"), NAMES)
def test_the_script_draws_the_picture_that_is_kept(assignment, name):
    with mpl.rc_context(pictures.STYLE):
        drawn = pictures.PICTURES[assignment][name]().svg()
    assert drawn == (ROOT / "source" / assignment / "pictures" / f"{name}.svg").read_bytes()


def test_a_picture_has_its_own_paper_and_needs_no_font():
    for path in ROOT.glob("source/*/pictures/*.svg"):
        picture = path.read_text("utf-8")
        assert "<text" not in picture  # letters are outlines
        assert re.search(r"fill: #(fcfaf5|16243b|1d1418)", picture)  # dark and light pages alike
        assert len(picture) < 100_000


@pytest.mark.parametrize("name", ASSIGNMENTS)
def test_a_page_of_the_notebook_holds_the_pictures_itself(name):
    master = Course(ROOT).master(name)
    page = html_page.html(nbformat.read(master, as_version=4), name, master.parent)
    assert page.count('src="data:image/svg+xml;base64') == len(shown(name))
    assert "pictures/" not in re.sub(r"<(code|pre).*?</\1>", "", page, flags=re.DOTALL)


@pytest.mark.parametrize(("name", "masked"), [("assignment5", True), ("gpt2", False)])
def test_the_numbers_that_describe_the_worked_example_are_computed(name, masked):
    says, made = shown(name)["pictures/worked-attention.svg"], pictures.worked(masked)
    numbers = [
        *(f"{score:.2f}" for score in made["scores"][2]),
        *(f"{share:.3f}" for share in made["shares"][2]),
        "({:.2f}, {:.2f})".format(*made["mixture"][2]),
    ]
    assert all(number in says for number in numbers)
    assert np.allclose(made["shares"].sum(axis=1), 1)
    above = made["shares"][np.triu_indices(3, k=1)]
    assert (above == 0).all() == masked


def test_byte_pairs_are_merged_as_the_tokenizer_does():
    steps = list(pictures.merges(" other"))
    assert steps[0] == (list(" other"), 0)
    assert steps[-1][0] == [" other"]
    numbers = [number for _, number in steps]
    assert numbers == sorted(numbers)


def test_a_picture_that_a_cell_draws_is_described_by_the_cell():
    picture = nbformat.v4.new_output("display_data", {"image/png": "iVBORw0KGgo="})
    cell = nbformat.v4.new_code_cell("plot()", metadata={"alt": "A < B."}, outputs=[picture])
    page = html_page.html(nbformat.v4.new_notebook(cells=[cell]), "x", ROOT)
    assert 'alt="A &lt; B."' in page
    assert "No description" not in page


@pytest.mark.parametrize("name", ASSIGNMENTS)
def test_every_demonstration_that_draws_says_what_is_seen(name):
    for cell in nbformat.read(Course(ROOT).master(name), as_version=4).cells:
        if re.search(r"plots\.(?!columns)\w+\(|plots_gpt2\.show|play\.\w+\(", cell.source):
            assert len(cell.metadata.get("alt", "")) > 60, cell.id
