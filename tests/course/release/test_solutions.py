"""The solved notebook, as a page that shows everything without a network."""

import re

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from course.directory import Course, CourseError
from course.release import solutions
from seqlab import html_page
from tests.conftest import ASSIGNMENTS, ROOT
from tests.support.html import loads

NAME = "gpt2"
CODE = re.compile(r"```.*?```|`[^`]*`", re.DOTALL)
FORMULA = re.compile(r"\$\$.+?\$\$|\$[^$]+\$", re.DOTALL)


@pytest.fixture
def solved(tmp_path, monkeypatch):
    """The folder of a small solved master."""
    master = new_notebook(
        cells=[
            new_markdown_cell("Double $x$:\n\n$$y = \\frac{4x}{2}$$", id="card"),
            new_code_cell("from matplotlib import pyplot\n_ = pyplot.plot([1, 2])", id="plot"),
            new_markdown_cell(
                "=== BEGIN MARK SCHEME ===\nA *pair*.\n=== END MARK SCHEME ===", id="answer"
            ),
        ],
        metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}},
    )
    path = tmp_path / "source" / NAME / f"{NAME}.ipynb"
    path.parent.mkdir(parents=True)
    nbformat.write(master, path)
    return solutions.solve(Course(tmp_path), NAME)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # jupyter's own
def test_the_page_has_formulas_pictures_and_model_answers_and_loads_nothing(solved):
    page = (solved / f"{NAME}.html").read_text("utf-8")
    assert page.count("<math") == 2
    assert "<mfrac>" in page
    assert "data:image/png;base64," in page
    assert "A <em>pair</em>." in page
    assert "MARK SCHEME" not in page
    assert "mathjax" not in page.lower()
    assert loads(page) == []


@pytest.mark.filterwarnings("ignore")  # jupyter's own
def test_a_master_whose_kernel_does_not_start_is_one_line_that_says_what_to_do(tmp_path):
    kernel = {"name": "no-such-kernel", "display_name": "Another Python"}
    master = new_notebook(cells=[new_code_cell("1", id="a")], metadata={"kernelspec": kernel})
    with pytest.raises(
        CourseError, match=r"no kernel starts for gpt2 \(.*no-such-kernel"
    ) as caught:
        solutions.execute(master, tmp_path, NAME)
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize("assignment", ASSIGNMENTS)
@pytest.mark.filterwarnings("ignore")  # jupyter's own
def test_every_formula_of_a_master_becomes_mathml(assignment):
    master = Course(ROOT).master(assignment)
    notebook = nbformat.read(master, as_version=4)
    texts = [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]
    formulas = FORMULA.findall(CODE.sub("", "\n\n".join(texts)))
    page = html_page.html(notebook, assignment, master.parent)
    assert len(formulas) > 20
    assert page.count("<math") == len(formulas)
    assert "\\frac" not in page
    assert "$$" not in page
    assert loads(page) == []


def test_what_a_page_loads_is_noticed():
    assert loads('<link rel="stylesheet" href="https://cdn.example/x.css">')
    assert loads('<p style="background: url(https://cdn.example/x.png)">')
    assert not loads('<a href="https://arxiv.org/abs/1607.06450">a paper</a>')
