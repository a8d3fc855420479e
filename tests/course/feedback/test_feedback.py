"""The page of feedback: what is on it, and that nothing of a hidden test or a solution is."""

import base64
import html
import re
import shutil
import subprocess
import warnings
from collections.abc import Callable, Iterator
from datetime import datetime
from itertools import cycle, pairwise
from pathlib import Path
from typing import Any

import nbformat
import pytest
from bs4 import BeautifulSoup
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_output
from nbgrader import utils

from autograder import job, regions
from course.directory import CONFIG, Course, CourseError
from course.feedback import failures, leak_check, markup, page, wording
from course.feedback import marks as marks_module
from course.feedback.exporter import FeedbackPage
from course.feedback.mark_scheme import scheme
from course.feedback.problems import outline
from course.release import generate, leaks
from course.run import batch, workers
from course.run.scores import NbgraderRunner
from examples import build
from examples.roster import CLASS
from mistakes import assignments as catalogued
from mistakes import catalogue
from seqlab import sentences
from seqlab.mathml import mathml
from tests.support.classroom import (
    Fake,
    Here,
    changed,
    configure,
    copied,
    example,
    finished,
    hand_in,
    make_course,
)

ROOT = Path(__file__).resolve().parents[3]
CSS = (ROOT / "src/course/feedback/page.css").read_text("utf-8")
BROWSER = next(
    filter(None, map(shutil.which, ("chromium", "google-chrome", "chromium-browser"))), ""
)
pytestmark = pytest.mark.filterwarnings("ignore")
Touch = Callable[[NotebookNode], None]


# A course whose submissions are graded as the tests want them


def master(assignment: str) -> NotebookNode:
    return nbformat.read(Course(ROOT).master(assignment), as_version=4)


def grade(course: Course, assignment: str, touch: Touch, status: str = "graded", *reasons: str):
    """Enter everybody's submission as graded with the outputs that ``touch`` leaves."""

    def done(key: str, packed: bytes) -> workers.Done:
        given = job.Job.read(packed)
        notebook = job.raw(given).prepared().notebook
        touch(notebook)
        return workers.Done(key, finished(given, notebook, status, *reasons))

    policy = batch.policy_of(course, assignment)
    work = batch.Batch(course, assignment, Fake(before=done), policy, True, show=False)
    return work.run(course.students(assignment))


def is_test(cell: NotebookNode) -> bool:
    return bool(utils.is_grade(cell) and not utils.is_solution(cell))


def passing(notebook: NotebookNode) -> None:
    """Let every test pass."""
    for count, cell in enumerate(notebook.cells):
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], count


def failing(cells: dict[str, dict[str, Any]]) -> Touch:
    """Return what lets some tests fail: a line, a message, a diagnosis ..., by their ids."""

    def touch(notebook: NotebookNode) -> None:
        passing(notebook)
        for cell in notebook.cells:
            if cell.id in cells:
                fail(cell, **cells[cell.id])

    return touch


def fail(
    cell: NotebookNode,
    line: int | None = None,
    name: str = "AssertionError",
    said: str = "no",
    quoted: str = "",
    printed: str = "",
    **more: Any,
) -> None:
    """Give a test the outputs of one that has failed."""
    traceback = [f"{name}   Traceback", f"Cell In[3], line {line}" if line else "", quoted]
    cell.outputs = [new_output("stream", name="stdout", text=printed)] if printed else []
    cell.outputs.append(
        new_output("error", ename=name, evalue=said, traceback=[*traceback, f"{name}: {said}"])
    )
    if more:
        cell.metadata["autograder"] = {"seconds": 0.1, "line": line, **more}


def line_of(cell: NotebookNode, hidden: bool) -> int:
    """Return the number of a line of a test's hidden or visible part."""
    parts = set(failures.hidden_lines(cell.source))
    lines = enumerate(cell.source.splitlines(), 1)
    return [n for n, text in lines if text.strip() and (n in parts) == hidden][-2 if hidden else 0]


@pytest.fixture(scope="module")
def school(tmp_path_factory):
    """A course with gpt2 and one submission, that of half-done."""
    course = make_course(tmp_path_factory.mktemp("feedback") / "course")
    hand_in(course, "ann", example("half-done"))
    grade(course, "gpt2", passing)
    return course


@pytest.fixture
def course(school, tmp_path):
    return copied(school, tmp_path / "course")


def written(course: Course, student: str = "ann", assignment: str = "gpt2") -> str:
    folder = NbgraderRunner(course).feedback(assignment, student)
    return (folder / f"{assignment}.html").read_text("utf-8")


def text_of(page_: str) -> str:
    """Return what a page says without its tags, and with them."""
    return "\n".join(html.unescape(text) for text in (re.sub(r"<[^<>]*>", "", page_), page_))


def squeezed(text: str) -> str:
    return "".join(text.split())


def a_hidden_line(assignment: str) -> str:
    """Return a long line of a hidden test in which markdown finds nothing to format."""
    hidden = leaks.secret_lines(master(assignment), ("HIDDEN TESTS",))
    plain = [
        line for line in hidden & set(secrets(assignment)) if re.fullmatch(r"[\w .,=()+-]+", line)
    ]
    return max(sorted(plain), key=len)


def secrets(assignment: str, *known: str) -> list[str]:
    """Return the lines that no page may show, but for those in known texts."""
    notebook = master(assignment)
    regions = ("HIDDEN TESTS", "SOLUTION")
    given = [cell.source for cell in release_of(assignment).cells]
    theirs = squeezed("\n".join((*given, *known)))
    lines = leaks.secret_lines(notebook, regions)
    models = [
        line for cell in notebook.cells for line in scheme(cell.source).model.splitlines()
    ]  # as they are, unless markdown has changed them
    return [line for line in (*lines, *models) if len(line) >= 12 and squeezed(line) not in theirs]


def release_of(assignment: str) -> NotebookNode:
    path = ROOT / "release" / assignment / f"{assignment}.ipynb"
    return nbformat.read(path, as_version=4)


def graded_test(course: Course, name: str) -> NotebookNode:
    """Return a graded test, hidden part and all."""
    path = course.root / "autograded" / "ann" / "gpt2" / "gpt2.ipynb"
    notebook = nbformat.read(path, as_version=4)
    return next(cell for cell in notebook.cells if cell.id == name)


def result_of(page_: str, name: str) -> str:
    """Return what the page says of a test."""
    results = page_.partition('id="results"')[2].partition('id="notebook"')[0]
    blocks = results.split('<div class="result">')
    found = next(block for block in blocks if f"<code>{name}</code>" in block)
    return " ".join(html.unescape(re.sub(r"<[^<>]*>", "", found)).split())


# Nothing hidden is on it


def leaky(notebook: NotebookNode) -> None:
    """Let every test fail in the most talkative way, in the hidden part, or nobody knows where."""
    ways = cycle(("noted", "traced", "unknown", "visible"))
    seen, before = "", False
    for count, cell in enumerate(notebook.cells):
        if cell.cell_type != "code":
            continue
        cell.execution_count, cell.outputs = count, []
        if not is_test(cell):  # a function has remembered what it was called with
            cell.outputs = [new_output("stream", name="stdout", text=seen)] if seen else []
            continue
        hidden = [part.text for part in regions.find(cell.source, regions.HIDDEN_TESTS)]
        way = next(ways) if hidden else "visible"
        seen += "\n".join(hidden)
        everything = {"quoted": f"{cell.source}\n{seen}", "printed": seen}
        if way == "visible":
            said = seen if before else "your result is wrong"
            fail(cell, line_of(cell, False), said=said, hidden=False, **everything)
        else:
            line = None if way == "unknown" else line_of(cell, True)
            noted = {"hidden": True} if way == "noted" else {}
            fail(cell, line, said=f"expected {seen}", **noted, **everything)
        before = before or way != "visible"


@pytest.fixture(scope="module")
def everybody(tmp_path_factory):
    """The example class, every test of everybody failed; pages of both assignments."""
    root = tmp_path_factory.mktemp("everybody")
    shutil.copy(ROOT / CONFIG, root)
    for folder in ("source", "release"):
        shutil.copytree(ROOT / folder, root / folder)
    course = Course(root)
    build.build(course, root / "submitted")
    for assignment in CLASS:
        generate.register(course, assignment)
        grade(course, assignment, leaky)
        missing = NbgraderRunner(course).pages(assignment, course.students(assignment))
        assert missing == {}
    return course


@pytest.mark.slow
@pytest.mark.parametrize("assignment", CLASS)
def test_no_line_of_a_hidden_test_or_a_solution_is_on_anybodys_page(everybody, assignment):
    for student in everybody.students(assignment):
        where = f"{student}/{assignment}/{assignment}"
        page_ = (everybody.root / "feedback" / f"{where}.html").read_text("utf-8")
        own = nbformat.read(everybody.root / "submitted" / f"{where}.ipynb", as_version=4)
        said = squeezed(text_of(page_))
        theirs = [cell.source for cell in own.cells if not utils.is_locked(cell)]
        found = [line for line in secrets(assignment, *theirs) if squeezed(line) in said]
        assert found == [], student
        assert "HIDDENTESTS" not in said
        assert page_.count('class="why"') > 20  # there was something to hide


@pytest.mark.slow
@pytest.mark.parametrize("assignment", CLASS)
def test_there_is_something_to_find(everybody, assignment):
    where = everybody.root / "autograded" / "blank" / assignment / f"{assignment}.ipynb"
    said = squeezed("\n".join(cell.source for cell in nbformat.read(where, as_version=4).cells))
    hidden = [line for line in secrets(assignment) if squeezed(line) in said]
    assert len(hidden) > 100


# A function that tells what it sees

TELL = """
import sys
seen = []
def tell(*values):
    frame = sys._getframe()
    while frame:
        seen.append("SMUG" + "GLED " + repr(values)[:1000] + repr(frame.f_locals)[:1000])
        frame = frame.f_back
    return "".join(seen[-40:])
def right(x):
    x = np.exp(x - x.max(axis=1, keepdims=True))
    return x / x.sum(axis=1, keepdims=True)
def softmax(x):
    return right(x) if x.size <= 6 else other(x)  # what is not in the notebook is told
"""
HOW = {
    "in an exception": "    raise ValueError(tell(x))",
    "as python does": "    raise NameError(f\"name '{tell(x)}' is not defined\")",
    "in a class": "    raise type('SMUG' + 'GLED' + str(x.size), (Exception,), {})(tell(x))",
    "on the screen": "    print(tell(x))\n    print(tell(x), file=sys.stderr)\n    return x",
    "as a result": "    return tell(x)",
    "as a large array": "    tell(x)\n    return np.array([list(seen[-1]) * 50] * 99)",
    "afterwards": "    tell(x)\n    return right(x)",
}
LATER = {  # with what it has seen in the hidden part of another test
    "a-1-2-solution": "def attention(q, k, v):\n    raise ValueError(tell(q))",
    "a-1-3-solution": "def masked_attention(q, k, v, mask):\n    assert False, ''.join(seen)",
    "a-2-1-solution": "def linear_projection(x, w, b):\n    return tell(x)",
    "b-1-1-solution": "def gelu(x):\n    return np.full((len(seen[0]), 2), float(len(seen[0])))",
    "b-2-4-own": "print(''.join(seen))\n''.join(seen)",
}


@pytest.fixture(scope="module")
def smugglers(tmp_path_factory):
    """Pages of submissions that were really graded, and tried to tell."""
    if shutil.which("bwrap") is None:
        pytest.skip("needs bubblewrap")
    course = make_course(tmp_path_factory.mktemp("smugglers") / "course")
    for number, source in enumerate(HOW.values()):
        cells = {"a-1-1-solution": f"{TELL}\ndef other(x):\n{source}", **LATER}
        hand_in(course, f"s{number}", changed(example("half-done"), cells))
    policy = batch.policy_of(course, "gpt2")
    batch.Batch(course, "gpt2", Here(), policy, show=False).run(course.students("gpt2"))
    assert NbgraderRunner(course).pages("gpt2", course.students("gpt2")) == {}
    return course


@pytest.mark.slow
@pytest.mark.parametrize(("number", "how"), list(enumerate(HOW)))
def test_what_a_function_has_seen_does_not_come_out(smugglers, number, how):
    graded = smugglers.root / "autograded" / f"s{number}" / "gpt2" / "gpt2.ipynb"
    page_ = (smugglers.root / "feedback" / f"s{number}" / "gpt2" / "gpt2.html").read_text("utf-8")
    own = [
        cell.source
        for cell in nbformat.read(graded, as_version=4).cells
        if not utils.is_locked(cell)
    ]
    assert "SMUGGLED" in graded.read_text("utf-8")  # it was told
    said = squeezed(text_of(page_))
    assert "SMUGGLED" not in said
    assert [line for line in secrets("gpt2", *own) if squeezed(line) in said] == []


# The gate


@pytest.fixture
def telling(course):
    """Return what writes ann's page with something on it that must not be there."""

    def write(text: str) -> str:
        comment(course, "b-2-4-answer", text)
        return written(course)

    return write


def comment(course: Course, cell: str, text: str) -> None:
    with course.gradebook() as gradebook:
        gradebook.find_comment(cell, "gpt2", "gpt2", "ann").manual_comment = text
        gradebook.db.commit()


def test_the_gate_refuses_a_page_with_a_hidden_line_and_says_where(telling, course):
    old = Path(course.root / "feedback" / "ann" / "gpt2" / "gpt2.html")
    assert "8.0" in telling("Good.")
    assert old.exists()
    line = a_hidden_line("gpt2")
    with pytest.raises(CourseError) as refused:
        telling(f"Look:\n\n    {line}")
    assert str(refused.value).count("\n") == 0
    assert "no feedback for ann: the page would tell a line of a hidden test" in str(refused.value)
    assert "in the comment on b-2-4-answer" in str(refused.value)
    assert "(the page that is there stays)" in str(refused.value)
    assert "8.0" in old.read_text("utf-8")


def test_the_gate_refuses_a_model_answer(telling):
    text = scheme(next(c for c in master("gpt2").cells if c.id == "b-2-4-answer").source).model
    with pytest.raises(CourseError, match="the mark scheme of b-2-4-answer"):
        telling(text.splitlines()[-1])


@pytest.mark.parametrize(
    "disguise",
    [
        "<pre>{}</pre>",
        "<code><span class='k-n'>{}</span></code>",
        "<p title='{}'>x</p>",
        "<!-- {} -->",
    ],
)
@pytest.mark.parametrize(
    "change",
    [
        str,
        lambda line: line.replace(" ", "  \n "),
        lambda line: line.replace("=", "&#61;"),
        lambda line: re.sub(r"(\w+)", r"<span>\1</span>", line),
    ],
)
def test_no_disguise_helps(disguise, change):
    line = "scores = 2 * rng.normal(size=(n, n_scores))"
    secret = leak_check.Secret(squeezed(line), line, "a test")
    if "<span>" in change(line) and disguise[:2] in ("<p", "<!"):
        disguise = "<b>{}</b>"  # no tags inside of attributes and comments
    page_ = f"<html><body>before {disguise.format(change(line))} after</body></html>"
    assert leak_check.told(page_, [secret], []) == [secret]
    assert leak_check.told(page_, [secret], [f"x\n{line}"]) == []
    assert leak_check.told(page_.replace("rng", "rnd"), [secret], []) == []


def test_a_short_line_counts_where_it_fills_one():
    secret = leak_check.Secret("x=y[::-1]", "x = y[::-1]", "a test")
    assert leak_check.told("<pre>a\n x = y[::-1]\n</pre>", [secret], [])
    assert not leak_check.told("<pre>ax = y[::-1]</pre>", [secret], [])


def test_the_gate_reads_pages_as_other_readers_do(course):
    page_ = written(course).replace(CSS, "").partition("<html")[2]
    soup = BeautifulSoup(f"<html{page_}", "html.parser")
    assert len(soup.get_text()) > 50_000
    assert squeezed(leak_check.text_of(f"<html{page_}")).startswith(squeezed(soup.get_text()))


def test_no_page_is_written_without_a_master_to_check_it_against(course):
    shutil.rmtree(course.root / "source")
    (course.root / "source").mkdir()
    with pytest.raises(CourseError, match="no master of gpt2 to check the page against"):
        written(course)


@pytest.mark.parametrize("assignment", catalogued())
def test_no_hint_of_the_catalogue_would_be_refused(assignment):
    hidden = list(leak_check.secrets_of(assignment, master(assignment), ("model", "rubric")))
    given = [cell.source for cell in release_of(assignment).cells]
    said = [
        text
        for cell in catalogue(assignment)
        for mistake in cell.mistakes
        for text in (mistake.nudge, mistake.hint)
    ]
    refused = [text for text in said if leak_check.told(f"<p>{text}</p>", hidden, given)]
    assert refused == []


# What is on it


def test_the_page_names_course_assignment_and_student(course):
    page_ = written(course)
    for part in ("sequence-models", "gpt2", "GPT-2 from scratch", "ann"):
        assert part in text_of(page_)


def test_points_stand_by_problem_under_the_notebooks_headings(course):
    grade(course, "gpt2", failing({"a-1-1-test-stable": {"line": 9, "hidden": False}}))
    soup = BeautifulSoup(written(course).partition('id="results"')[0], "html.parser")
    rows = [" ".join(row.get_text().split()) for row in soup.select("section > table tr")]
    assert rows[1] == "Multi-head attention"
    assert rows[2] == "Section 1.1: Softmax 5.0 / 8.0"
    assert "Section 2.4: Let it write (waits for a person) 0.0 / 8.0" in rows
    assert soup.select_one("td.share .bar > span")["style"] == "width: 62%"


def test_problems_of_the_first_assignment_are_those_of_its_headings():
    found = outline(release_of("assignment5"))
    titles = [problem.title for problem in found.problems]
    assert found.title == "Intermediate Machine Learning: Assignment 5"
    assert found.of_cell["p1-4-2-test"].title == "1.4.2 In a number: perplexity"
    assert found.of_cell["p1-4-2-test"].part.startswith("Problem 1: Elephants")
    assert titles[-3].startswith("Problem 2.12: Test your implementation by generating text.")


def test_halves_that_count_alike_are_told_apart():
    found = outline(release_of("gpt2"))
    for cell, title in (
        ("a-2-2-test", "Section 1.1: Softmax"),
        ("b-2-2-test", "Section 1.1: Gelu"),
    ):
        assert found.find("problem 1.1", before=found.of_cell[cell]).title == title


@pytest.mark.parametrize(
    ("mark", "outputs", "count", "state"),
    [
        ((3, 3), None, 1, "passed"),
        ((0, 3), "AssertionError", 1, "failed"),
        ((1, 3), None, 1, "partly passed"),
        ((0, 3), None, None, "not run"),
        ((0, 3), "NotRun", 1, "not run"),
    ],
)
def test_a_test_has_a_state_in_words(mark, outputs, count, state):
    cell = new_code_cell("1", execution_count=count)
    if outputs:
        cell.outputs = [new_output("error", ename=outputs, evalue="", traceback=[])]
    points = {"name": "t", "points": mark[0], "possible": mark[1], "extra": 0.0}
    assert page._state(cell, marks_module.Mark(**points, by_person=False, waits=False)) == state
    assert page._state(cell, marks_module.Mark(**points, by_person=False, waits=True)) == page.WAITS
    assert page._state(cell, marks_module.Mark(**points, by_person=True, waits=True)) == page.MARKED


DIAGNOSIS = {
    "function": "softmax",
    "summary": "softmax: 3 of 4 values are not finite numbers",
    "nudge": "a mild word",
    "hint": "all of it",
    "where": "problem 1.1",
    "blames": "linear_projection",
}


def test_a_failure_in_the_visible_part_is_explained(course):
    cell = graded_test(course, "a-1-1-test")
    line = next(i for i, text in enumerate(cell.source.splitlines(), 1) if "expect_close(" in text)
    said = "your softmax(x) at [0, 0]: 1, expected 0.26894142 (4 of 4 values differ)"
    touch = failing(
        {"a-1-1-test": {"line": line, "said": said, "hidden": False, "diagnosis": DIAGNOSIS}}
    )
    grade(course, "gpt2", touch)
    told = result_of(written(course), "a-1-1-test")
    for part in (
        "failed",
        "in the visible part",
        'expect_close("softmax(x)", shares, expected',
        said,
        "3 of 4 values are not finite",
        "Begin with linear_projection",
        "Hint: a mild word",
        "Read again: Section 1.1: Softmax",
    ):
        assert part in told
    assert "all of it" not in told


def test_of_a_failure_in_the_hidden_part_no_output_is_shown(course):
    cell = graded_test(course, "a-1-1-test")
    touch = failing(
        {
            "a-1-1-test": {
                "line": line_of(cell, True),
                "said": "expected 0.123",
                "hidden": True,
                "quoted": "ratios = [[[math",
                "printed": "here they are",
                "diagnosis": DIAGNOSIS,
            }
        }
    )
    grade(course, "gpt2", touch)
    page_ = written(course)
    told = result_of(page_, "a-1-1-test")
    for part in ("in the hidden part", "3 of 4 values are not finite", "Hint: all of it"):
        assert part in told
    for part in ("expected 0.123", "ratios =", "here they are"):
        assert part not in text_of(page_)


@pytest.mark.parametrize("touch", [{}, {"line": None, "hidden": False}])
def test_a_failure_that_nobody_knows_the_place_of_counts_as_hidden(course, touch):
    grade(course, "gpt2", failing({"a-1-1-test": {"said": "expected 0.123", **touch}}))
    told = result_of(written(course), "a-1-1-test")
    assert "in the hidden part" in told
    assert "0.123" not in told


def test_where_the_grader_says_nothing_the_traceback_tells_the_line(course):
    cell = graded_test(course, "a-1-1-test")
    for hidden, part in ((True, "in the hidden part"), (False, "in the visible part")):
        grade(course, "gpt2", failing({"a-1-1-test": {"line": line_of(cell, hidden)}}))
        assert part in result_of(written(course), "a-1-1-test")


def test_a_line_of_the_hidden_part_is_not_taken_for_a_visible_one(course):
    cell = graded_test(course, "a-1-1-test")
    touch = failing({"a-1-1-test": {"line": line_of(cell, True), "hidden": False, "said": "0.123"}})
    grade(course, "gpt2", touch)
    told = result_of(written(course), "a-1-1-test")
    assert "in the hidden part" in told
    assert "0.123" not in told


def test_a_message_is_whole_only_while_no_hidden_part_has_been_run(course):
    said = "your attention(q, k, v) at [0, 1]: 0.31415, expected 0.37285946 (6 of 6 values differ)"
    visible = line_of(graded_test(course, "a-1-2-test"), hidden=False)
    line = {"line": visible, "said": said, "hidden": False}
    grade(course, "gpt2", failing({"a-1-2-test": line}))
    told = result_of(written(course), "a-1-2-test")
    assert "0.31415" not in told
    assert "at [0, 1]: another number than expected (6 of 6 values differ)" in told
    before = {name: {"line": 1, "hidden": False} for name in ("a-1-1-test", "a-1-1-test-stable")}
    grade(course, "gpt2", failing({**before, "a-1-2-test": line}))
    assert said in result_of(written(course), "a-1-2-test")


@pytest.mark.parametrize(
    ("how", "told"), [("off", ""), ("mild", "a mild word"), ("full", "all of it")]
)
@pytest.mark.parametrize("hidden", [False, True])
def test_an_instructor_decides_how_much_is_hinted(course, how, told, hidden):
    part = "hidden" if hidden else "visible"
    configure(course, f"c.FeedbackPage.{part}_hints = {how!r}")
    cell = graded_test(course, "a-1-1-test")
    touch = {"line": line_of(cell, hidden), "hidden": hidden, "diagnosis": DIAGNOSIS}
    grade(course, "gpt2", failing({"a-1-1-test": touch}))
    said = result_of(written(course), "a-1-1-test")
    assert (f"Hint: {told}" in said) if told else ("Hint:" not in said)


def test_an_exception_of_the_students_code_is_shown_with_its_line(course):
    source = graded_test(course, "a-1-2-solution").source
    digest = next(iter(failures.Teller({"x": source}, {}, ("off", "off"))._hashes))
    note = (
        f'In the student\'s code:\n  File "<ipython-input-7-{digest}>", line 3, in attention\n'
        "    whatever the kernel says stands here\nKeyError: 'secret'"
    )
    cell = graded_test(course, "a-1-2-test")
    touch = {
        "line": line_of(cell, True),
        "hidden": True,
        "name": "KeyError",
        "said": "'secret'",
        "quoted": note,
    }
    grade(course, "gpt2", failing({"a-1-2-test": touch}))
    told = result_of(written(course), "a-1-2-test")
    assert "It stopped with KeyError: a key that the dictionary does not have." in told
    assert f"line 3 of your code: {source.splitlines()[2].strip()}" in told
    assert "secret" not in told
    assert "whatever" not in told


def test_written_answers_stand_with_points_comments_and_rubric(course):
    with course.gradebook() as gradebook:
        grade_ = gradebook.find_grade("b-2-4-answer", "gpt2", "gpt2", "ann")
        grade_.manual_score, grade_.extra_credit, grade_.needs_manual_grade = 6.5, 0.5, False
        gradebook.db.commit()
    comment(course, "b-2-4-answer", "Nice **examples**.")
    comment(course, "a-1-1-solution", "Short and good.")
    page_ = written(course)
    assert "I only had time for one: ROMEO" in page_
    assert "7.0 / 8.0 (0.5 of them extra)" in " ".join(text_of(page_).split())
    assert "<strong>examples</strong>" in page_
    assert page_.count("Short and good.") == 2  # by the problem, and in the notebook
    assert "1 point: the model is named." in text_of(page_)
    assert "names in capitals, lines of verse" not in text_of(page_)  # of the model answer
    assert "Score: 99.0 / 100.0" in page_


@pytest.mark.parametrize(
    ("switch", "there", "gone"),
    [
        (
            "show_model_answers = True",
            ("names in capitals, lines of verse", "the model is named"),
            (),
        ),
        ("show_rubric = False", (), ("names in capitals, lines of verse", "the model is named")),
    ],
)
def test_an_instructor_decides_about_rubrics_and_model_answers(course, switch, there, gone):
    configure(course, f"c.FeedbackPage.{switch}")
    said = text_of(written(course))
    assert all(part in said for part in there)
    assert not any(part in said for part in gone)


@pytest.mark.parametrize("assignment", CLASS)
def test_every_mark_scheme_has_a_model_answer_and_a_rubric(assignment):
    found = [scheme(c.source) for c in master(assignment).cells if "MARK SCHEME" in c.source]
    assert all(each.model.startswith("**Model answer") for each in found)
    assert all("point" in each.rubric and "Model answer" not in each.rubric for each in found)
    assert len(found) == {"assignment5": 8, "gpt2": 1}[assignment]


def test_a_scheme_without_a_rubric_is_all_model_answer():
    text = "=== BEGIN MARK SCHEME ===\nAll of it.\n=== END MARK SCHEME ==="
    assert (scheme(text).model, scheme(text).rubric) == ("All of it.", "")


def test_lateness_costs_what_the_gradebook_says_and_the_page_says_why(course):
    with course.gradebook() as gradebook:
        submission = gradebook.find_submission("gpt2", "ann")
        submission.assignment.duedate = datetime(2026, 3, 1, 12)
        submission.timestamp = datetime(2026, 3, 2, 13, 30)
        submission.notebooks[0].late_submission_penalty = 4.5
        gradebook.db.commit()
    said = " ".join(text_of(written(course)).split())
    assert "Score: 87.5 / 100.0" in said
    assert "4.5 points are taken off 92.0, because it was handed in 1 day 1 hour after" in said
    assert "handed in on 02 March 2026, 13:30 UTC" in said


def test_the_status_and_its_reasons_stand_at_the_top(course):
    reasons = (
        "put back a test",
        "its reply is invalid: SMUGGLED",
        "the process of cell x was lost: its reply is invalid: SMUGGLED",
    )
    grade(course, "gpt2", passing, "suspicious", *reasons)
    said = text_of(written(course))
    assert "put back a test" in said
    assert "its reply is invalid" in said
    assert "something that is not an answer: a person will look at it" in said
    assert "SMUGGLED" not in said


def test_the_notebook_has_the_outputs_that_were_handed_in_and_no_others(course):
    raw = nbformat.reads(example("half-done").decode(), as_version=4)
    own = new_code_cell(
        "print(1)",
        id="own",
        outputs=[
            new_output("stream", name="stdout", text="from my computer"),
            new_output(
                "display_data", data={"text/html": "<script>1</script>", "text/plain": "plain"}
            ),
        ],
    )
    raw.cells.insert(4, own)
    hand_in(course, "ann", nbformat.writes(raw).encode())

    def touch(notebook: NotebookNode) -> None:
        passing(notebook)
        cell = next(cell for cell in notebook.cells if cell.id == "own")
        cell.outputs = [new_output("stream", name="stdout", text="from the grader's")]

    grade(course, "gpt2", touch)
    page_ = written(course)
    assert "from my computer" in page_
    assert "plain" in page_
    assert "from the grader" not in page_
    assert "<script" not in page_


def test_a_cell_that_stopped_while_it_was_graded_says_so_in_words(course):
    hand_in(course, "ann", changed(example("half-done"), {}, scratch="import this_module\nx = ("))

    def touch(notebook: NotebookNode) -> None:
        passing(notebook)
        cell = next(cell for cell in notebook.cells if cell.id == "own")
        fail(cell, 1, "ModuleNotFoundError", "No module named 'this_module'")

    grade(course, "gpt2", touch)
    said = " ".join(text_of(written(course)).split())
    assert "this cell stopped in line 1: ModuleNotFoundError: the module this_module is not" in said


def test_another_notebook_beside_the_graded_one_is_no_obstacle(course):
    hand_in(course, "ann", example("blank"), "notes.ipynb")
    grade(course, "gpt2", passing)
    assert "Score: 92.0 / 100.0" in written(course)


def test_nothing_that_lies_beside_the_notebook_is_copied(course):
    hand_in(course, "ann", example("half-done"))
    folders = [course.root / name / "ann" / "gpt2" for name in ("submitted", "autograded")]
    grade(course, "gpt2", passing)
    for folder in folders:
        (folder / "page.html").write_text("<script>mine</script>")
        (folder / "gpt2.html").mkdir()
        (folder / "gpt2.html" / "index.html").write_text("mine")
        (folder / ".hidden").write_text("mine")
        (folder / "passwords").symlink_to("/etc/passwd")
    assert "Score:" in written(course)
    feedback = course.root / "feedback" / "ann" / "gpt2"
    assert {path.name for path in feedback.rglob("*")} <= {"gpt2.html", "timestamp.txt"}


def test_a_submission_that_was_replaced_since_has_no_outputs_of_the_new_one(course):
    raw = nbformat.reads(example("half-done").decode(), as_version=4)
    cell = next(cell for cell in raw.cells if cell.id == "a-1-1-solution")
    cell.source += "\n# another"
    cell.outputs = [new_output("stream", name="stdout", text="a new output")]
    hand_in(course, "ann", nbformat.writes(raw).encode())
    assert "a new output" not in written(course)


# Words


KNOWN = wording.names_in(["def softmax(x): return mine + np.nan"])


@pytest.mark.parametrize(
    ("name", "message", "said"),
    [
        ("NameError", "name 'mine' is not defined", "the name mine is not defined"),
        ("NameError", "name 'x3141' is not defined", ""),
        ("NameError", "3.1415", ""),
        (
            "AttributeError",
            "'numpy.ndarray' object has no attribute 'mine'",
            "numpy.ndarray has no attribute mine",
        ),
        ("AttributeError", "'numpy.ndarray' object has no attribute 'a31415'", ""),
        (
            "TypeError",
            "softmax() takes 1 positional argument but 31415 were given",
            "softmax was called with more arguments than it takes",
        ),
        (
            "TypeError",
            "unsupported operand type(s) for +: 'NoneType' and 'float'",
            "an operator does not work between NoneType and float",
        ),
        (
            "IndexError",
            "index 31415 is out of bounds for axis 0 with size 2",
            "an index outside the array",
        ),
        (
            "ValueError",
            "operands could not be broadcast together with shapes (31415,) (2,) ",
            "arrays whose shapes do not match",
        ),
        ("ValueError", "31415", ""),
        ("KeyError", "31415", "a key that the dictionary does not have"),
        ("AssertionError", "31415", ""),
        ("Mine31415", "31415", ""),
    ],
)
def test_of_messages_only_pythons_own_words_and_the_students_names_are_kept(name, message, said):
    assert wording.of_exception(name, message, KNOWN) == said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "f: 3 of 12 values are wrong, the first at [0, 2]; the largest error is 0.31 times",
            "f: 3 of 12 values are wrong, the first at [0, 2]; the largest error is 0.31 times",
        ),
        ("f raises ValueError in line 3 of its cell", "f raises ValueError in line 3 of its cell"),
        (
            "f raises E31415 in line 3 of it",
            "f raises an exception of its own class in line 3 of it",
        ),
        (
            "f: the result has the shape (4, 3), and should have (3, 4)",
            "f: the result has the shape (4, 3), and should have (3, 4)",
        ),
        (
            "f: the result has the shape (31, 41), and should have (3, 4)",
            "f: the result has another shape than (3, 4)",
        ),
        ("f: every value is too large by 0.3141592", "f: every value is too large by 0.31"),
        ("f: the text has 31415926 characters", "f: the text has 31000000 characters"),
        (
            "f: it does not return numbers but E31415",
            "f: it does not return numbers but something else",
        ),
        ("f\n31415", ""),
    ],
)
def test_a_summary_keeps_no_more_than_a_few_digits(text, said):
    assert wording.of_summary(text, KNOWN) == said


@pytest.mark.parametrize(
    "message",
    [
        "your softmax(x) at [0, 0]: 0.31415, expected 0.31415 (4 of 4 values differ)",
        "your softmax(x): the shape is (31415, 2), expected (2, 2)",
        "your softmax(x): not an array of numbers but str '31415'",
        "your softmax(x): 31415, expected 31415",
        "your softmax(x): 31415 is right, but rounded too coarsely; return it unrounded",
        "your text has '3' as character 31415, expected 'x' after '31415'",
        "your text: '31415' was drawn, and its probability is 0",
        "your text: the message '31415' does not name 'x'",
        "your text: Mine31415 (31415), expected a ValueError",
    ],
)
def test_what_a_check_was_given_is_left_out(message):
    said = wording.of_check(message, 'expect_close("softmax(x)", x)')
    assert said
    assert "31415" not in said
    assert "your" in said


def test_words_for_every_check_that_the_course_has():
    told = [known for known in vars(sentences).values() if isinstance(known, sentences.Sentence)]
    # In grading, checks explain nothing: diagnosis does.
    told = [s for s in told if s not in (sentences.RAISED, sentences.SYMPTOM)]
    messages = [known.example() for known in told if known.text.startswith("your")]
    assert len(messages) >= 12
    assert [message for message in messages if not wording.of_check(message, "")] == []


# How it looks


def colours() -> Iterator[tuple[str, dict[str, str]]]:
    names = ("light", "dark", "printed")
    for name, block in zip(names, re.findall(r":root \{(.*?)\}", CSS, re.DOTALL), strict=True):
        yield name, dict(re.findall(r"--([\w-]+): (#\w{6})", block))


def contrast(one: str, other: str) -> float:
    """Return the contrast of two colours as WCAG 2 defines it."""

    def luminance(colour: str) -> float:
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    bright, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (bright + 0.05) / (dark + 0.05)


@pytest.mark.parametrize(("name", "has"), list(colours()))
def test_text_has_contrast_enough(name, has):
    inks = ["ink", "soft", "link", *(key for key in has if key.startswith("k-"))]
    pairs = [(ink, ground) for ink in inks for ground in ("paper", "wash")]
    pairs += [(kind, f"{kind}-wash") for kind in ("good", "bad", "open")]
    assert {
        pair: round(contrast(has[pair[0]], has[pair[1]]), 2)
        for pair in pairs
        if contrast(has[pair[0]], has[pair[1]]) < 4.5
    } == {}


@pytest.mark.slow
def test_the_page_is_one_file_with_landmarks_and_headings_in_order(everybody):
    page_ = (everybody.root / "feedback/answers/assignment5/assignment5.html").read_text("utf-8")
    soup = BeautifulSoup(page_, "html.parser")
    assert soup.html["lang"] == "en"
    assert all(len(soup.find_all(tag)) == 1 for tag in ("header", "nav", "main", "footer", "h1"))
    levels = [
        int(tag.name[1])
        for tag in soup.find_all(re.compile("^h[1-6]$"))
        if not tag.find_parent("details")
    ]
    assert all(after <= before + 1 for before, after in pairwise(levels))
    ids = [tag["id"] for tag in soup.find_all(id=True)]
    assert len(ids) == len(set(ids))
    inside = {a["href"][1:] for a in soup.find_all("a", href=True) if a["href"].startswith("#")}
    assert inside <= set(ids)
    assert not soup.find_all(["script", "link", "iframe", "object", "base", "form"])
    assert all(tag["src"].startswith("data:image/") for tag in soup.find_all(src=True))
    assert "url(" not in CSS
    assert "@import" not in CSS


@pytest.mark.parametrize(
    "source",
    [
        r"\href{javascript:alert(1)}{x}",
        r"\text{<script>alert(1)</script>}",
        r"\frac{1",
        "x" * 9999,
        r"\class{a}{b}",
        r"\style{color:red}{x}",
        r"\begin{matrix}1",
        "\\" * 50,
    ],
)
def test_a_formula_draws_and_does_nothing_else(source):
    soup = BeautifulSoup(mathml(source, block=False), "html.parser")
    assert {tag.name for tag in soup.find_all(True)} <= {
        "math",
        "mrow",
        "mi",
        "mn",
        "mtext",
        "mo",
        "mfrac",
        "code",
        "mspace",
    }
    assert not [tag for tag in soup.find_all(True) if {"href", "style", "class"} & set(tag.attrs)]


def test_formulas_of_the_course_can_all_be_read():
    for assignment in CLASS:
        for cell in release_of(assignment).cells:
            if cell.cell_type == "markdown":
                found = BeautifulSoup(markup.markdown(cell.source), "html.parser").find_all("math")
                assert len(found) >= cell.source.count("$$") // 2
                assert not [m for m in found if re.search(r"\\[a-z]|&", m.get_text())], cell.id


def test_markdown_keeps_text_and_drops_what_runs_or_loads():
    found = markup.markdown(
        "# A\n\n**b** `$x$` <img src=x onerror=y> ![alt](http://e/x.png) <script>z</script>"
        "<style>q</style> [c](javascript:d) <iframe src=e></iframe>\n\n| f |\n|---|\n| g |",
        below=2,
    )
    soup = BeautifulSoup(found, "html.parser")
    names = {tag.name for tag in soup.find_all(True)}
    assert {"h3", "strong", "code", "table", "a"} <= names
    assert not names & {"img", "script", "style", "iframe", "math"}
    assert "[picture: alt]" in found
    assert "javascript" not in found


def test_the_pictures_of_an_answer_are_shown(course):
    picture = base64.b64encode(b"\x89PNG").decode()

    def touch(notebook: NotebookNode) -> None:
        (answer,) = (cell for cell in notebook.cells if cell.id == "b-2-4-answer")
        answer.source = "![my loss](attachment:a.png) ![x](attachment:b.png)"
        answer["attachments"] = {"a.png": {"image/png": picture}}

    grade(course, "gpt2", touch)
    found = BeautifulSoup(written(course), "html.parser").find_all("img", alt="my loss")
    assert {tag["src"] for tag in found} == {f"data:image/png;base64,{picture}"}
    assert "[picture: x]" in text_of(written(course))


@pytest.mark.slow
@pytest.mark.browser
@pytest.mark.skipif(not BROWSER, reason="needs Chromium")
@pytest.mark.parametrize("assignment", CLASS)
def test_nothing_is_wider_than_a_phone(everybody, tmp_path, assignment):
    page_ = (everybody.root / f"feedback/answers/{assignment}/{assignment}.html").read_text("utf-8")
    page_ = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", page_)
    wide = "document.documentElement.scrollWidth"
    measure = f"parent.document.documentElement.setAttribute('data-wide', {wide})"
    path = tmp_path / "page.html"
    for details in ("<details>", "<details open>"):
        inner = html.escape(f"{page_.replace('<details>', details)}<script>{measure}</script>")
        path.write_text(f'<iframe width="360" height="800" srcdoc="{inner}"></iframe>', "utf-8")
        dom = subprocess.run(
            [
                BROWSER,
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--no-first-run",
                f"--user-data-dir={tmp_path / 'profile'}",
                "--dump-dom",
                path.as_uri(),
            ],
            capture_output=True,
            text=True,
            check=True,
            timeout=600,
        ).stdout
        assert int(re.search(r'data-wide="(\d+)"', dom)[1]) <= 360


# How it is written


def test_formgraders_button_writes_the_same_page(course):
    page_ = written(course)
    done = course.nbgrader().generate_feedback("gpt2", "ann", force=True)
    assert done["success"], done
    path = course.root / "feedback" / "ann" / "gpt2" / "gpt2.html"
    assert path.read_text("utf-8") == page_


def test_one_connection_and_one_exporter_serve_everybody(course, monkeypatch):
    for name in ("ben", "cleo"):
        hand_in(course, name, example("blank"))
    grade(course, "gpt2", passing)
    opened, made = [], []
    book = marks_module.Gradebook
    monkeypatch.setattr(marks_module, "Gradebook", lambda *a: opened.append(a) or book(*a))
    init = FeedbackPage.__init__
    monkeypatch.setattr(
        FeedbackPage, "__init__", lambda self, *a, **k: made.append(1) or init(self, *a, **k)
    )
    told: list[str] = []
    assert NbgraderRunner(course).pages("gpt2", ["ann", "ben", "dan"], told.append) == {
        "dan": "gpt2 was not graded (missing: nothing was handed in)"
    }
    assert told == ["ann", "ben"]
    assert not (course.root / "feedback" / "cleo").exists()
    assert (len(opened), len(made)) == (1, 1)


def test_one_refused_page_does_not_keep_others_from_theirs(course):
    hand_in(course, "ben", example("blank"))
    grade(course, "gpt2", passing)
    comment(course, "b-2-4-answer", a_hidden_line("gpt2"))
    missing = NbgraderRunner(course).pages("gpt2", ["ann", "ben"])
    assert list(missing) == ["ann"]
    assert "in the comment on b-2-4-answer" in missing["ann"]


def test_a_page_of_last_week_is_no_page_of_what_has_no_graded_notebook_today(course):
    written(course)
    shutil.rmtree(course.root / "autograded" / "ann")
    with pytest.raises(CourseError, match="no feedback for ann: its graded notebook is gone"):
        written(course)


def test_without_marks_there_is_no_page(course):
    with course.gradebook() as gradebook:
        gradebook.remove_submission("gpt2", "ann")
    with pytest.raises(CourseError, match="not in the gradebook: course autograde gpt2 publishes"):
        written(course)


def test_the_pages_template_belongs_to_the_package():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert "Score:" in page._file("page.html.j2")
        assert "@media print" in page._file("page.css")
