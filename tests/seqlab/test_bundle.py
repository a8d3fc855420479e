"""The files that students turn in: made from a notebook, whole, and readable without a network."""

import base64
import io
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from matplotlib.figure import Figure
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from seqlab import bundle, html_page, mathml
from seqlab.__main__ import main
from tests.conftest import ROOT
from tests.seqlab.test_check import handed_out, line_with, marked, saved, written

pytestmark = pytest.mark.filterwarnings("ignore")  # jupyter's own
BROWSER = next(html_page.browsers(), "")
LONG = "x" * 400
SOLVED = {
    "double": "def double(x):\n    return base * x",
    "half": "def half(x):\n    return x / base",
    "why": r"Since $\frac{x}{2}$ is a *half*.",
}


def bundled(path, **options):
    """Bundle a notebook; return the status and the lines."""
    lines = []
    return bundle.bundle(path, say=lines.append, **options), lines


def executed(notebook):
    """Return a notebook as if it had been run from the top."""
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    for count, cell in enumerate(code, start=1):
        cell.execution_count = count
    code[-1].outputs = [new_output("stream", text="all is right\n")]
    return notebook


@pytest.fixture
def no_browser(monkeypatch):
    """As on a machine that has nothing to print with."""
    monkeypatch.setattr(html_page, "browsers", lambda: iter(()))
    monkeypatch.setattr(html_page.shutil, "which", lambda name: None)


@pytest.fixture
def fake_browser(monkeypatch):
    """A browser that prints at once."""

    def printed(browser, web, target):
        target.write_bytes(b"%PDF-1.4 /Type /Pages /Count 7")
        return True

    monkeypatch.setattr(html_page, "browsers", lambda: iter(["/usr/bin/chromium"]))
    monkeypatch.setattr(html_page, "_printed", printed)


# A notebook and a PDF


def test_a_finished_notebook_becomes_itself_and_a_pdf(tmp_path, fake_browser):
    path = saved(tmp_path, executed(written(SOLVED)))
    status, lines = bundled(path)
    folder = path.parent / "turn-in"
    assert (status, lines[-1]) == (0, "nothing is missing")
    assert sorted(p.name for p in folder.iterdir()) == ["toy.ipynb", "toy.pdf"]
    assert (folder / "toy.ipynb").read_bytes() == path.read_bytes()
    assert line_with(lines, "toy.pdf: 7 pages, for Gradescope")


def test_a_renamed_notebook_gets_its_name_back(tmp_path, fake_browser):
    path = saved(tmp_path, executed(written(SOLVED)))
    copy = path.rename(path.with_name("toy (1)-final.ipynb"))
    assert bundled(copy, to=tmp_path / "out")[0] == 0
    assert {p.name for p in (tmp_path / "out").iterdir()} == {"toy.ipynb", "toy.pdf"}


def test_what_is_missing_is_said_and_the_files_are_made(tmp_path, fake_browser):
    path = saved(
        tmp_path, executed(written({**SOLVED, "why": "*Your answer here.*"}, drop=["half"]))
    )
    status, lines = bundled(path)
    assert status == 1
    assert line_with(lines, "missing", "not answered yet")
    assert line_with(lines, "wrong", "the cell for your work is gone from Problem 2: Halves")
    assert (path.parent / "turn-in" / "toy.pdf").is_file()


def test_without_a_browser_there_is_a_page_and_how_to_print_it(tmp_path, no_browser):
    path = saved(tmp_path, executed(written(SOLVED)))
    status, lines = bundled(path)
    folder = path.parent / "turn-in"
    assert status == 1
    assert line_with(lines, "missing", "toy.pdf", "Ctrl-P", str(folder / "toy.html"))
    assert (folder / "toy.html").is_file()


def test_on_paper_the_courses_own_code_is_one_line_and_what_was_changed_is_whole(
    tmp_path, no_browser
):
    changed = "shown = double(21)\nprint('mine')"
    path = saved(tmp_path, executed(written({**SOLVED, "demo": changed})))
    notebook = nbformat.read(path, as_version=4)
    setup = next(cell for cell in notebook.cells if cell.id == "setup")
    setup.source = "base = 2\nother = 3"
    nbformat.write(notebook, path)
    released = tmp_path / "release" / "toy" / "toy.ipynb"
    nbformat.write(notebook, released)
    released.write_text(released.read_text().replace("print('mine')", "print(shown)"))
    bundled(path)
    page = (path.parent / "turn-in" / "toy.html").read_text("utf-8")
    text = re.sub(r"<[^>]+>", "", page)
    assert "base = 2  # and 1 more line, as handed out" in text
    assert "other = 3" not in text
    assert "mine" in text
    assert "return x / base" in text
    assert "other = 3" in (path.parent / "turn-in" / "toy.ipynb").read_text("utf-8")


def test_without_a_browser_latex_sets_the_notebook(tmp_path, no_browser, monkeypatch):
    class Latex:
        def from_notebook_node(self, notebook):
            return b"%PDF-1.5 by LaTeX", {}

    monkeypatch.setattr(html_page.shutil, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(html_page, "PDFExporter", Latex)
    path = saved(tmp_path, executed(written(SOLVED)))
    assert bundled(path)[0] == 0
    assert (path.parent / "turn-in" / "toy.pdf").read_bytes() == b"%PDF-1.5 by LaTeX"


def test_a_browser_that_fails_leaves_the_page(tmp_path, monkeypatch):
    monkeypatch.setattr(html_page, "browsers", lambda: iter(["/bin/false", "/no/such/browser"]))
    monkeypatch.setattr(html_page.shutil, "which", lambda name: None)
    path = saved(tmp_path, executed(written(SOLVED)))
    assert bundled(path)[0] == 1
    folder = path.parent / "turn-in"
    assert sorted(p.name for p in folder.iterdir()) == ["toy.html", "toy.ipynb"]


def test_a_notebook_that_was_not_run_is_run_and_keeps_its_file(tmp_path, fake_browser):
    path = saved(tmp_path, written(SOLVED))
    before = path.read_bytes()
    status, lines = bundled(path)
    assert status == 0
    assert line_with(lines, "note", "a new run")
    assert path.read_bytes() == before
    made = nbformat.read(path.parent / "turn-in" / "toy.ipynb", as_version=4)
    (demo,) = [cell for cell in made.cells if cell.id == "demo"]
    assert demo.outputs[0].text == "42\n"


def test_cells_that_ran_out_of_order_are_noted(tmp_path, fake_browser):
    notebook = executed(written(SOLVED))
    notebook.cells[1].execution_count = 99
    status, lines = bundled(saved(tmp_path, notebook))
    assert status == 0
    assert line_with(lines, "note", "not run in order")


def test_a_cell_that_ends_with_an_error_is_told(tmp_path, fake_browser):
    notebook = executed(written(SOLVED))
    notebook.cells[3].outputs = [new_output("error", ename="KeyError", evalue="'x'")]
    status, lines = bundled(saved(tmp_path, notebook))
    assert status == 1
    assert line_with(lines, "fails", "cell 4", "ends with KeyError")


# What the page holds


def picture():
    """Return a PNG as notebooks keep it."""
    file = io.BytesIO()
    Figure(figsize=(30, 2)).savefig(file, format="png")
    return base64.b64encode(file.getvalue()).decode()


def rich():
    """Return a notebook with everything that might leave the paper."""
    widget = {
        "application/vnd.jupyter.widget-view+json": {"model_id": "1"},
        "image/png": picture(),
        "text/plain": "VBox()",
    }
    outputs = [
        new_output("stream", text=LONG + "\n"),
        new_output("stream", name="stderr", text="  0%|      \r 50%|##    \r"),
        new_output("display_data", data=widget),
        new_output("display_data", data={"application/javascript": "alert(1)"}),
        new_output("error", ename="E", evalue=LONG, traceback=[LONG]),
    ]
    return new_notebook(
        cells=[
            new_markdown_cell(
                "# Title\nInline $W_{xh}\\in\\mathbb{R}^n$.\n\n$$\\begin{aligned}\n"
                "a &= \\frac{1}{2} \\\\ b &= c\n\\end{aligned}$$\n\n| a | b |\n|--|--|\n"
                f"| `{LONG}` | {LONG} |\n\n```\n{LONG}\n```"
            ),
            new_code_cell(f"value = '{LONG}'", outputs=outputs, execution_count=1),
        ],
        metadata={"widgets": {"application/vnd.jupyter.widget-state+json": {}}},
    )


def test_the_page_loads_nothing_and_runs_nothing(tmp_path):
    web = html_page.html(rich(), "toy", tmp_path)
    assert "<script" not in web
    assert not re.search(r"(src|href)=[\"'](https?:)?//", web)
    assert "@import" not in web
    assert "url(http" not in web


def test_formulas_are_mathml_and_widgets_their_pictures(tmp_path):
    web = html_page.html(rich(), "toy", tmp_path)
    assert web.count("<math") == 2
    assert "ℝ" in web
    assert "\\frac" not in web
    assert web.count('src="data:image/png;base64') == 1
    assert "VBox" not in web
    assert "alert(1)" not in web


def test_making_a_page_leaves_the_notebook_as_it_was(tmp_path):
    notebook = rich()
    before = nbformat.writes(notebook)
    html_page.html(notebook, "toy", tmp_path)
    assert nbformat.writes(notebook) == before


def test_a_picture_beside_the_notebook_becomes_part_of_the_page(tmp_path):
    (tmp_path / "mine.png").write_bytes(base64.b64decode(picture()))
    notebook = new_notebook(cells=[new_markdown_cell("![mine](mine.png)"), new_code_cell("1")])
    assert "data:image/png;base64" in html_page.html(notebook, "toy", tmp_path)


@pytest.mark.slow
@pytest.mark.browser
@pytest.mark.skipif(not BROWSER, reason="needs a browser that prints")
def test_nothing_is_wider_than_the_paper(tmp_path):
    probe = (
        "<script>const wide = [...document.querySelectorAll('main *')].filter(e => "
        "e.getBoundingClientRect().right > innerWidth + 1 || e.scrollWidth > e.clientWidth + 1 "
        "&& getComputedStyle(e).overflowX !== 'visible'); document.title = 'wide: ' + "
        "wide.map(e => e.tagName + '.' + e.className).join(' ');</script></body>"
    )
    for name, change in (
        ("good", lambda css: css),
        ("bad", lambda css: css.replace("pre-wrap", "pre")),
    ):
        web = change(html_page.html(rich(), "toy", tmp_path)).replace("</body>", probe)
        (tmp_path / f"{name}.html").write_text(web, "utf-8")
    titles = {name: opened(tmp_path / f"{name}.html", tmp_path) for name in ("good", "bad")}
    assert titles["good"] == "wide:"
    assert "pre" in titles["bad"].lower()  # the probe sees what sticks out


def opened(web, scratch):
    """Return a page's title after its scripts ran, in a window as wide as paper."""
    done = subprocess.run(
        [
            BROWSER,
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--window-size=700,900",
            f"--user-data-dir={scratch}/profile",
            "--dump-dom",
            web.as_uri(),
        ],
        capture_output=True,
        text=True,
        check=True,
        timeout=600,
    )
    return re.search("<title>(.*?)</title>", done.stdout, re.DOTALL).group(1).strip()


@pytest.mark.slow
@pytest.mark.browser
@pytest.mark.skipif(not BROWSER, reason="needs a browser that prints")
def test_a_browser_prints_the_page(tmp_path):
    path = saved(tmp_path, executed(written(SOLVED)))
    assert main(["bundle", str(path), "--to", str(tmp_path / "out folder")]) == 0
    made = (tmp_path / "out folder" / "toy.pdf").read_bytes()
    assert made.startswith(b"%PDF")
    assert bundle.PAGES.findall(made)
    assert sorted(p.name for p in (tmp_path / "out folder").iterdir()) == ["toy.ipynb", "toy.pdf"]


# Formulas


@pytest.mark.parametrize("assignment", ["assignment5", "gpt2"])
def test_every_formula_of_the_notebooks_can_be_drawn(assignment, tmp_path):
    notebook = nbformat.read(ROOT / "release" / assignment / f"{assignment}.ipynb", as_version=4)
    drawn = []
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            text = html_page.MarkdownWithMath(renderer=html_page._Renderer(escape=False)).render(
                cell.source
            )
            drawn += re.findall("<math.*?</math>", text, re.DOTALL)
            assert not re.search(r"\\(frac|begin|mathrm|sum|sqrt|Gamma)\b", text), cell.id
    assert len(drawn) > 40
    assert not [formula for formula in drawn if "\\" in formula]


@pytest.mark.parametrize(
    ("latex", "has"),
    [
        (r"\mathbb{R}", "ℝ"),
        (r"\mathcal{V}", "𝒱"),
        (r"\mathbf{x}", "𝐱"),
        (r"\arg\max_t", "arg"),
        (r"a < b", "&lt;"),
        (r"\text{a & b}", "&amp;"),
    ],
)
def test_letters_and_signs_are_characters(latex, has):
    assert has in mathml.mathml(latex, block=False)


def test_columns_of_equations_are_aligned_as_browsers_read_it():
    drawn = mathml.mathml("\\begin{aligned}a &= b \\\\ cc &= d\\end{aligned}", block=True)
    assert drawn.count("text-align: right") == drawn.count("text-align: left") == 2


@pytest.mark.parametrize("latex", [r"\frac{", r"\begin{aligned}", "}{", ""])
def test_a_slip_of_the_pen_stays_as_it_was_written(latex):
    drawn = mathml.mathml(latex, block=True)
    assert drawn.startswith(("<code>", "<math"))


# Functions in a file, and examples

WRITES = 'from seqlab import turn_in\nboth = ["double", "half"]\n'
EXAMPLES = (
    "from pathlib import Path\nprompts = ['a', 'b', 'c']\n"
    "texts = [p * double(3) for p in prompts]\n"
    'Path("2_4.txt").write_text("\\n\\n----\\n\\n".join(texts) + "\\n", encoding="utf-8")\n'
    'print("\\n\\n----\\n\\n".join(texts))'
)


def asking():
    """Return a notebook that asks for two functions in a file, and for examples."""
    notebook = handed_out()
    notebook.cells[-1:-1] = [
        marked(
            "locked",
            "first",
            "from seqlab import turn_in\n"
            'turn_in.write_functions(["double"], globals(), "template.py")',
            tags=["demo"],
        ),
        new_code_cell(EXAMPLES, id="own", metadata={"tags": ["demo"]}),
        marked(
            "locked",
            "both",
            f'{WRITES}turn_in.write_functions(both, globals(), "template.py")',
            tags=["demo"],
        ),
    ]
    return notebook


def asked(root, changes):
    """Save it, and what a student makes of it."""
    path = saved(root, asking())
    nbformat.write(asking(), root / "release" / "toy" / "toy.ipynb")
    notebook = asking()
    for cell in notebook.cells:
        cell.source = changes.get(cell.id, cell.source)
    nbformat.write(notebook, path)
    return path


def asked_for(work):
    return bundle.functions(list(bundle.write_calls(work)))


@pytest.mark.parametrize(
    "call",
    [
        'write_functions(["double"], globals(), "template.py")',
        'write_functions(["double"], globals(), path="template.py")',
        'write_functions(functions=["double"], namespace=globals(), path="template.py")',
        'write_functions(path="template.py", namespace=globals(), functions=("double",))',
        'write_functions(["double"], globals(), Path("template.py"))',
        'write_functions(["double"], globals(), str(Path("out", "template.py")))',
        'write_functions(["double"], globals(), Path.cwd() / "out" / "template.py")',
        'write_functions(["double"], globals(), os.path.join(folder, "template.py"))',
        'write_functions(["double"], globals(), "/home/me/template.py")',
        'name = "template.py"\nwrite_functions(["double"], globals(), Path("out") / name)',
        'wanted = []\nwanted += ["double"]\nwrite_functions(wanted, globals(), "template.py")',
        'if True:\n    turn_in.write_functions(["dou" + "ble"], globals(), "template.py")',
    ],
)
def test_a_call_is_read_however_its_arguments_are_written(tmp_path, call):
    work = bundle.Work.of(saved(tmp_path, written({}, own=[("demo", call)])))
    assert asked_for(work) == {"template.py": ["double"]}


@pytest.mark.parametrize(
    "call",
    [
        "write_functions([f.__name__ for f in (double,)], globals(), 'template.py')",
        "write_functions(*arguments)",
        "write_functions(['double'], globals(), input())",
        "write_functions(['double'], globals(), f'template.{ending}')",
        "names = ['a']\nnames = chosen()\nwrite_functions(names, globals(), 'template.py')",
        "write_functions(['double'])",
        "x = x\nwrite_functions(x, globals(), 'template.py')",
        "write_functions(3, globals(), 'template.py')",
        "write_functions(['double'], globals(), 3)",
    ],
)
def test_a_call_that_only_running_it_would_tell_is_recognised(tmp_path, call):
    work = bundle.Work.of(saved(tmp_path, written(SOLVED, own=[("demo", call)])))
    assert [call.file for call in bundle.write_calls(work)] == [""]


def test_a_call_that_cannot_be_read_is_told_with_what_to_write(tmp_path):
    call = "write_functions(['double'], globals(), input())"
    status, lines = bundled(saved(tmp_path, written(SOLVED, own=[("demo", call)])))
    assert status == 1
    assert line_with(lines, "wrong", "as texts, as in write_functions")


@pytest.mark.parametrize(
    ("double", "problem"),
    [
        ("raise SystemExit", "it ends Python when it is imported"),
        ("print('\\xff', flush=True)", ""),
        ("import time; time.sleep(99)", "it does not end within 3 s"),
        ("1 / 0", "ZeroDivisionError"),
    ],
)
def test_a_file_that_misbehaves_when_it_is_run_alone_is_told(
    tmp_path, monkeypatch, double, problem
):
    monkeypatch.setattr(bundle, "ALONE_SECONDS", 3)
    target = tmp_path / "template.py"
    target.write_text(f"def double(x): return x\n{double}\n", "utf-8")
    defined, why = bundle._defined(target)
    assert problem in why
    assert ("double" in defined) == (not problem)


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path, capsys):
    path = saved(tmp_path, executed(written(SOLVED)))
    (tmp_path / "file").write_text("")
    assert main(["bundle", str(path), "--to", str(tmp_path / "file" / "x")]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "cannot write to" in line


OWN = {**SOLVED, "own": EXAMPLES.replace("'a', 'b', 'c'", "'x', 'y', 'z'")}


def test_the_functions_asked_for_are_those_of_all_calls(tmp_path):
    work = bundle.Work.of(asked(tmp_path, {}))
    assert asked_for(work) == {"template.py": ["double", "half"]}


def test_the_gpt2_notebook_asks_for_ten_functions():
    work = bundle.Work.of(ROOT / "release" / "gpt2" / "gpt2.ipynb")
    (wanted,) = asked_for(work).values()
    assert (len(wanted), wanted[0], wanted[-1]) == (10, "softmax", "gpt2")
    assert [cell.node.id for cell in bundle._example_cells(work)] == ["b-2-4-own"]
    assert asked_for(bundle.Work.of(ROOT / "release/assignment5/assignment5.ipynb")) == {}


def test_functions_and_examples_are_written_under_their_exact_names(tmp_path):
    path = asked(tmp_path, OWN)
    status, lines = bundled(path)
    folder = path.parent / "turn-in"
    assert (status, lines[-1]) == (0, "nothing is missing")
    assert sorted(p.name for p in folder.iterdir()) == ["2_4.txt", "template.py"]
    assert line_with(lines, "template.py: all 2 functions")
    assert line_with(lines, "2_4.txt: 3 examples, made afresh by its cell")
    assert (folder / "2_4.txt").read_text().startswith("xxxxxx\n\n----")
    alone = subprocess.run(
        [
            sys.executable,
            "-I",
            "-c",
            "import runpy; f = runpy.run_path('template.py'); print(f['double'](4), f['half'](4))",
        ],
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
    )
    assert alone.stdout == "8 2.0\n"
    assert sorted(p.name for p in path.parent.iterdir()) == ["toy.ipynb", "turn-in"]


def test_examples_that_lie_beside_the_notebook_are_taken_as_they_are(tmp_path):
    path = asked(tmp_path, OWN)
    mine = "one by hand\n----\ntwo\n----\nthree\n"
    (path.parent / "2_4.txt").write_text(mine)
    status, lines = bundled(path)
    assert status == 0
    assert (path.parent / "turn-in" / "2_4.txt").read_text() == mine
    assert line_with(lines, "2_4.txt: 3 examples, as it lies beside toy.ipynb")


def test_examples_that_differ_from_what_was_printed_are_noted(tmp_path):
    path = asked(tmp_path, OWN)
    notebook = nbformat.read(path, as_version=4)
    own = next(cell for cell in notebook.cells if cell.id == "own")
    own.outputs = [new_output("stream", text="newer ones\n")]
    nbformat.write(notebook, path)
    (path.parent / "2_4.txt").write_text("a\n----\nb\n----\nc\n")
    status, lines = bundled(path)
    assert status == 0
    assert line_with(lines, "note", "2_4.txt is not what", "printed")


def test_too_few_examples_and_given_beginnings_are_missing(tmp_path):
    path = asked(tmp_path, SOLVED)
    (path.parent / "2_4.txt").write_text("only one\n")
    status, lines = bundled(path)
    assert status == 1
    assert line_with(lines, "missing", "2_4.txt: 2 more examples")
    assert line_with(lines, "missing", "still the beginnings that came with it")


def test_a_function_that_is_not_defined_is_missing_from_the_file(tmp_path):
    path = asked(tmp_path, {**OWN, "half": "hlaf = 1"})
    status, lines = bundled(path)
    assert status == 1
    assert line_with(lines, "template.py: 1 of 2 functions. Not in the file: half")
    assert line_with(lines, "missing", "half is not defined yet")


def test_a_function_that_needs_what_cannot_be_copied_is_told(tmp_path):
    path = asked(
        tmp_path, {**OWN, "half": "table = [object()]\n\n\ndef half(x):\n    return table[x]"}
    )
    status, lines = bundled(path)
    assert status == 1
    assert line_with(lines, "missing", "half uses table, which cannot be copied")


def test_examples_that_their_cell_cannot_make_are_missing_with_the_reason(tmp_path):
    path = asked(tmp_path, {**OWN, "double": "def double(x):\n    raise ValueError('no')"})
    status, lines = bundled(path)
    assert status == 1
    assert line_with(lines, "missing", "2_4.txt", "ValueError: no")
    assert not (path.parent / "turn-in" / "2_4.txt").exists()


def test_a_stub_in_the_file_is_missing(tmp_path):
    status, lines = bundled(asked(tmp_path, {**OWN, "half": asking().cells[7].source}))
    assert status == 1
    assert line_with(lines, "missing", "def half", "still as it was handed out")


def test_json_of_the_notebook_is_untouched(tmp_path):
    path = asked(tmp_path, OWN)
    before = json.loads(path.read_text())
    bundled(path, to=tmp_path / "out")
    assert json.loads(path.read_text()) == before


@pytest.mark.skipif(shutil.which("chromium") is None, reason="needs chromium on the path")
def test_a_browser_on_the_path_is_found():
    assert Path(next(html_page.browsers())).name.startswith("chrom")


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({}, "template.py: none of 2 functions. Not written yet: double, half"),
        ({"double": SOLVED["double"]}, "template.py: 1 of 2 functions. Not written yet: half"),
        (
            {"double": "def double(x):\n    ...", "half": "hlaf = 1"},
            "template.py: none of 2 functions. Not written yet: double. Not in the file: half",
        ),
    ],
)
def test_functions_as_they_were_handed_out_are_not_counted_as_written(tmp_path, changes, line):
    status, lines = bundled(asked(tmp_path, changes))
    assert status == 1
    assert line_with(lines, line)
