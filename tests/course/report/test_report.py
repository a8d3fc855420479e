"""The report says what gradebook and notebooks hold, and runs nothing that stands in them."""

import base64
import json
import random
import re
from copy import copy, deepcopy
from datetime import datetime, timedelta

import nbformat
import numpy as np
import pytest
from markupsafe import escape
from nbgrader.api import Grade, Student, SubmittedAssignment, SubmittedNotebook
from sqlalchemy import event, insert
from typer.testing import CliRunner

import mistakes
from autograder import job
from course.cli import main
from course.directory import CourseError
from course.report import class_report, class_results, item_analysis
from course.run import batch, status_files
from tests.autograder.test_sanitize import BROWSER, TRICKS, opened, ran
from tests.support import classroom
from tests.support.classroom import GPT2, ROOT, configure, copied

pytestmark = pytest.mark.filterwarnings("ignore")  # nbgrader's, jupyter's and SQLAlchemy's own
NASTY = "o'neil<img src=x onerror=alert(1)>"
KNOWN = mistakes.catalogue(GPT2)[0].mistakes[0]  # softmax's
DUE = datetime(2026, 1, 1, 12)


@pytest.fixture(scope="module")
def empty(tmp_path_factory):
    """A course in which nobody has handed in anything."""
    return classroom.make_course(tmp_path_factory.mktemp("report") / "course")


class Class:
    """A made-up class: what is written into a course, to compare a report with."""

    def __init__(self, course, n, seed=0):
        self.course, self.draw = course, random.Random(seed)
        self.names = [f"s{i:03}" for i in range(n)]
        with course.gradebook() as gradebook:
            notebook = gradebook.find_notebook(GPT2, GPT2)
            cells = [(c.name, c.id, c.max_score, c.cell_type) for c in notebook.grade_cells]
            self.tests = {name: points for name, _, points, kind in cells if kind == "code"}
            ids = notebook.assignment.id, notebook.id
            self._enter(gradebook, cells, *ids)
        self.notes = {name: self._noted(name) for name in self.names}
        for name in self.names:
            self.write(name)

    def _enter(self, gradebook, cells, assignment, notebook):
        """Fill the gradebook with few statements: nbgrader's own way takes a second a student."""
        self.marks, rows = {}, []
        for name in self.names:
            able = self.draw.random()
            self.marks[name] = {
                cell: points if self.draw.random() < 0.2 + 0.8 * able else 0.0
                for cell, points in self.tests.items()
            }
            rows += [
                {
                    "id": f"{name}-{cell}",
                    "cell_id": id_,
                    "notebook_id": f"{name}-nb",
                    "auto_score": self.marks[name].get(cell),
                    "needs_manual_grade": kind != "code",
                }
                for cell, id_, _, kind in cells
            ]
        tables = (
            (Student, [{"id": name} for name in self.names]),
            (
                SubmittedAssignment,
                [
                    {"id": f"{name}-a", "assignment_id": assignment, "student_id": name}
                    for name in self.names
                ],
            ),
            (
                SubmittedNotebook,
                [
                    {"id": f"{name}-nb", "notebook_id": notebook, "assignment_id": f"{name}-a"}
                    for name in self.names
                ],
            ),
            (Grade, rows),
        )
        for table, rows in tables:
            gradebook.db.execute(insert(table.__table__), rows)
        gradebook.db.commit()

    def _noted(self, name):
        """Make up what the autograder has noted of each test."""
        noted = {}
        for test, points in self.tests.items():
            noted[test] = {"seconds": round(self.draw.uniform(0.01, 2.0), 3)}
            if self.marks[name][test] < points:
                noted[test] |= {"hidden": self.draw.random() < 0.5, "line": 3}
        return noted

    def write(self, name, code=None, **more):
        """Write somebody's graded notebook and status."""
        cells = [
            {
                "cell_type": "code",
                "id": test,
                "source": "assert f(1) == 1",
                "outputs": [],
                "metadata": {
                    "nbgrader": {"grade": True, "locked": True, "grade_id": test},
                    "autograder": noted,
                },
            }
            for test, noted in self.notes[name].items()
        ]
        cells += [
            {
                "cell_type": "code",
                "id": cell,
                "source": source,
                "outputs": [],
                "metadata": {"nbgrader": {"solution": True, "grade_id": cell}},
            }
            for cell, source in (code or own_code(name)).items()
        ]
        folder = self.course.root / "autograded" / name / GPT2
        folder.mkdir(parents=True, exist_ok=True)
        text = json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5})
        (folder / f"{GPT2}.ipynb").write_text(text, "utf-8")
        self.say(name, **more)

    def say(self, name, word="graded", reasons=(), sandbox=True, seconds=1.0):
        """Write somebody's status."""
        policy = batch.policy_of(self.course, GPT2, sandbox=sandbox)
        parts = {"policy": job.policy_part(policy, batch.preprocessors(self.course))}
        said = {
            "word": word,
            "reasons": list(reasons),
            "key": "",
            "seconds": seconds,
            "parts": parts,
        }
        path = status_files.path(self.course.root, GPT2, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(said), "utf-8")

    def read(self):
        return class_results.read(self.course, GPT2, show=False)

    def page(self, everything=False):
        return class_report.page(self.course, self.read(), everything)


def own_code(name):
    """Return code that nobody else has."""
    draw = random.Random(name)
    terms = " ".join(
        f"{draw.choice('+-*/%')} {draw.choice(['x', 'len(x)', 'x[0]', 'np.exp(x)'])}"
        for _ in range(40)
    )
    return {"a-1-1-solution": f"def softmax(x):\n    return x {terms}\n"}


@pytest.fixture(scope="module")
def shared(empty, tmp_path_factory):
    """A class of 24 that no test changes."""
    return Class(copied(empty, tmp_path_factory.mktemp("shared") / "course"), 24)


@pytest.fixture(scope="module")
def page(shared):
    return shared.page()


@pytest.fixture
def school(shared, tmp_path):
    """A class of 24 to change."""
    school = copy(shared)
    school.course, school.notes = copied(shared.course, tmp_path / "course"), deepcopy(shared.notes)
    return school


def row(page, *words):
    """Return the row of a table that holds these words."""
    rows = [r for r in page.split("<tr")[1:] if all(word in r for word in words)]
    assert rows, words
    return re.sub(r"<[^>]*>|^[^>]*>", " ", rows[0].split("</tr>")[0])


def counts(page):
    return dict(re.findall(r"<div><dt>([^<]*)</dt><dd>([^<]*)</dd></div>", page))


# What is said


def test_the_header_counts_everybody_once(school):
    school.say("s000", "unreadable", ["no notebook"])
    with school.course.gradebook() as gradebook:
        gradebook.update_or_create_student("absent")
    (school.course.root / "submitted" / "new" / GPT2).mkdir(parents=True)
    found = counts(school.page())
    totals = [sum(school.marks[name].values()) for name in school.names[1:]]
    assert found == {
        "known students": "26",
        "handed in": "25",
        "with marks": "23",
        "answers to mark": "23",
        "median, of 100": f"{np.median(totals):.3g}",
        "late": "0",
    }


def test_every_student_who_is_not_simply_graded_is_listed_with_the_reason(school):
    school.say("s001", "crashed", ["the process was lost", "again"])
    (school.course.root / "submitted" / "new" / GPT2).mkdir(parents=True)
    page = school.page()
    assert "the process was lost; again" in row(page, "s001", "crashed")
    assert "not graded yet" in row(page, "new", "failed")
    assert "1 failed, 1 crashed, 23 graded" in page


def test_success_is_what_counting_by_hand_gives(shared):
    found = item_analysis.successes(shared.read())
    cells = {cell.name: cell for _, _, cells in found for cell in cells}
    assert set(cells) == set(shared.tests)
    for test, points in shared.tests.items():
        passed = [shared.marks[name][test] == points for name in shared.names]
        hidden = [n[test]["hidden"] for n in shared.notes.values() if "hidden" in n[test]]
        assert cells[test].full == cells[test].mean == np.mean(passed)
        assert (cells[test].hidden, cells[test].failed) == (sum(hidden), len(hidden))
    part, softmax = next((part, p) for part, p, _ in found if "Softmax" in p.name)
    assert part == "Multi-head attention"
    both = [
        {"a-1-1-test", "a-1-1-test-stable"} <= {t for t, m in shared.marks[n].items() if m}
        for n in shared.names
    ]
    assert softmax.full == np.mean(both)
    assert softmax.points == 8


def test_discrimination_is_the_correlation_with_the_other_points(shared):
    found = {each.cell: each for each in item_analysis.discriminations(shared.read())}
    table = np.array([[shared.marks[n][t] for t in shared.tests] for n in shared.names])
    for i, (test, points) in enumerate(shared.tests.items()):
        rest = table.sum(axis=1) - table[:, i]
        r = np.corrcoef(table[:, i] >= points, rest)[0, 1]
        assert found[test].r == pytest.approx(r)
        assert found[test].low < r < found[test].high
    assert list(found.values()) == sorted(found.values(), key=lambda each: each.r)


def test_where_nothing_varies_there_is_no_correlation():
    rest = np.arange(12.0)
    some = rest > 5
    assert item_analysis.discrimination("t", some | True, rest).why == "everybody passes"
    assert item_analysis.discrimination("t", some & False, rest).why == "nobody passes"
    assert (
        item_analysis.discrimination("t", some, rest * 0 + 0.1).why
        == "everybody has the same points in the other tests"
    )
    best = item_analysis.discrimination("t", some, some * 3.0)
    assert best.r == pytest.approx(1)
    assert np.isfinite([best.low, best.high]).all()


def test_a_small_class_gets_no_correlations_and_is_told_so(empty, tmp_path):
    school = Class(copied(empty, tmp_path / "course"), item_analysis.FEW - 1)
    assert item_analysis.discriminations(school.read()) == []
    assert "n = 9. With fewer than 10 submissions a correlation is noise" in school.page()


def test_a_test_that_says_nothing_is_marked(school):
    with school.course.gradebook() as gradebook:
        for name in school.names:
            total = sum(school.marks[name].values())
            grade = gradebook.find_grade("b-1-1-test", GPT2, GPT2, name)
            grade.auto_score = 0.0 if total > 50 else 3.0
        gradebook.db.commit()
    assert '<tr class="look"><td><code>b-1-1-test</code>' in school.page()


def fail(school, name, test, **diagnosis):
    """Let somebody fail a test for a reason."""
    with school.course.gradebook() as gradebook:
        gradebook.find_grade(test, GPT2, GPT2, name).auto_score = 0.0
        gradebook.db.commit()
    school.notes[name][test]["diagnosis"] = diagnosis
    school.write(name)


def test_mistakes_are_counted_by_students(school):
    for name in ("s001", "s002", "s003"):
        for test in ("a-1-1-test", "a-1-1-test-stable"):
            fail(school, name, test, function="softmax", mistake=KNOWN.name, summary="sum")
    fail(school, "s004", "b-1-1-test", function="gelu", summary="gelu: it returns nothing (None)")
    first, second = item_analysis.reasons(school.read())
    assert (first.mistake, first.students) == (KNOWN.name, ("s001", "s002", "s003"))
    assert first.tests == ("a-1-1-test", "a-1-1-test-stable")
    assert first.about == KNOWN.about
    assert (second.mistake, second.function, second.students) == ("", "gelu", ("s004",))
    assert second.details == ("gelu: it returns nothing (None) (1)",)
    assert "it returns nothing (None) (1)" in row(school.page(), "gelu: it")
    assert KNOWN.about in row(school.page(), KNOWN.name)  # readable; the name shows when pointed at


def test_what_was_not_written_is_told_apart_from_mistakes(school):
    release = nbformat.read(ROOT / "release" / GPT2 / f"{GPT2}.ipynb", as_version=4)
    stub = next(cell.source for cell in release.cells if cell.id == "b-1-1-solution")
    fail(school, "s004", "b-1-1-test", function="gelu", summary="gelu: it returns nothing (None)")
    fail(school, "s005", "b-1-1-test", function="gelu", summary="gelu: it returns nothing (None)")
    school.write("s004", {"b-1-1-solution": f"\n{stub}  \n"})
    results = school.read()
    assert item_analysis.unfinished(results) == [item_analysis.Unfinished(("gelu",), ("s004",))]
    assert [reason.students for reason in item_analysis.reasons(results)] == [("s005",)]
    assert "Not written" in school.page()


def test_charts_have_every_test_and_a_text_that_says_what_they_show(page):
    pictures = re.findall(r'<img src="data:image/svg\+xml;base64,([^"]+)" alt="([^"]+)"', page)
    drawn = {alt.split()[0]: base64.b64decode(data).decode() for data, alt in pictures}
    assert set(drawn) == {"Histogram", "Discrimination", "Time"}
    for name in ("Discrimination", "Time"):
        assert "<!-- a-1-1-test -->" in drawn[name]
        assert "<!-- b-2-3-test-causal -->" in drawn[name]


def test_what_another_function_is_to_blame_for_is_counted_there(school):
    fail(
        school, "s001", "a-1-2-test", function="attention", blames="softmax", summary="mend softmax"
    )
    fail(school, "s001", "a-1-1-test", function="softmax", mistake="softmax-columns", summary="sum")
    (only,) = item_analysis.reasons(school.read())
    assert (only.function, only.mistake) == ("softmax", "softmax-columns")
    assert only.tests == ("a-1-1-test", "a-1-2-test")


def test_failures_without_a_reason_are_counted(shared, page):
    failed = sum(shared.marks[n][t] < p for n in shared.names for t, p in shared.tests.items())
    assert item_analysis.undiagnosed(shared.read()) == failed
    assert f"No reasons are known of {failed} failures" in page


def test_times_are_median_percentile_and_who_was_slowest(school):
    school.notes["s007"]["a-2-1-test"]["seconds"] = 99.0
    school.write("s007", seconds=123.0)
    times = item_analysis.times(school.read())
    first = next(each for each in times if each.name == "a-2-1-test")
    taken = [school.notes[name]["a-2-1-test"]["seconds"] for name in school.names]
    assert first.slowest[0] == ("s007", 99.0)
    assert first.n == 24
    assert first.median == pytest.approx(np.median(taken))
    assert first.most == pytest.approx(np.percentile(taken, 95))
    assert [each.most for each in times] == sorted((each.most for each in times), reverse=True)
    assert "s007</bdi> 123 s" in school.page()


def test_answers_to_mark_are_counted_with_their_points(school):
    with school.course.gradebook() as gradebook:
        grade = gradebook.find_grade("b-2-4-answer", GPT2, GPT2, "s003")
        grade.manual_score, grade.needs_manual_grade = 6.0, False
        gradebook.db.commit()
    page = school.page()
    assert "23 still to mark, 184 points in all" in page
    assert "s003" not in row(page, "b-2-4-answer")
    assert "s004" in row(page, "b-2-4-answer")


# Lateness

RULES = """
c.AssignLatePenalties.plugin_class = "course.run.lateness.Lateness"
c.Lateness.percent = 10
c.Lateness.extensions = {"s002": {"gpt2": 24}, "ghost": {"gpt2": 24}}
"""


@pytest.fixture
def late(school):
    """Three are late; what is taken off one of them is what the rules say."""
    configure(school.course, RULES)
    with school.course.gradebook() as gradebook:
        gradebook.find_assignment(GPT2).duedate = DUE
        for name, hours in (("s001", 30), ("s002", 23), ("s003", 2)):
            submission = gradebook.find_submission(GPT2, name)
            submission.timestamp = DUE + timedelta(hours=hours)
            if name == "s001":
                submission.notebooks[0].late_submission_penalty = submission.score / 5
        gradebook.db.commit()
    return school


def test_the_late_are_listed_with_what_it_costs_them(late):
    page = late.page()
    costs = {name: sum(late.marks[name].values()) / 10 for name in ("s001", "s003")}
    assert counts(page)["late"] == "3"
    assert "Due 2026-01-01 12:00 UTC. Rules: taken off after extension and grace: 10 %" in page
    assert row(page, "s001", "1 d 6 h").split()[-1] == f"{2 * costs['s001']:.3g}"
    assert row(page, "s002", "23 h").split()[-2:] == ["24", "0"]
    assert f"would be {costs['s003']:.3g} by now" in row(page, "s003", "2 h")
    assert "course lateness gpt2" in page


def test_an_extension_for_nobody_is_shown(late):
    configure(late.course, 'c.Lateness.extensions_csv = "extensions.csv"')
    text = "student,assignment,hours\nghost,gpt2,24\ns001,gpt2,1\n"
    (late.course.root / "extensions.csv").write_text(text, "utf-8")
    said = late.page().split("not known here:")[1].split("</p>")[0]
    assert "ghost" in said
    assert "s001" not in said


def test_without_a_due_date_nobody_is_late(page):
    assert "No due date is set" in page
    assert "nothing is taken off" in page


# The sandbox


def test_submissions_graded_without_a_sandbox_stand_at_the_top(school, page):
    assert "Graded without a sandbox" not in page
    school.say("s005", sandbox=False)
    banner = school.page().split('class="banner"')[1].split("</div>")[0]
    assert "1 of 24" in banner
    assert "s005" in banner


def test_where_it_is_not_known_that_is_said(school):
    path = status_files.path(school.course.root, GPT2, "s006")
    path.write_text('{"word": "graded", "reasons": []}', "utf-8")
    page = school.page()
    assert "Graded without a sandbox" not in page
    assert "Of 1 with marks it is not known whether there was a sandbox" in page


# Similarity


def test_a_copied_pair_comes_first_with_both_codes(school, page):
    code = own_code("somebody")
    school.write("s010", code)
    school.write("s020", {"own-cell": re.sub(r"\bx\b", "thing", code["a-1-1-solution"])})
    first = school.page().split('<details class="pair">')[1]
    assert "s010" in first.split("</summary>")[0]
    assert "s020" in first.split("</summary>")[0]
    assert first.count('class="line match"') >= 2
    assert "a reason to look, not a verdict" in page


# A page of its own


def test_the_page_loads_nothing_and_allows_nothing(page):
    assert "default-src 'none'; style-src 'unsafe-inline'; img-src data:" in page
    assert "<script" not in page
    assert set(re.findall(r'\b(?:src|href)="([^"]{1,5})', page)) <= {"data:"} | {
        f"#{name}"[:5]
        for name in (
            "scores",
            "success",
            "discrimination",
            "mistakes",
            "time",
            "statuses",
            "answers",
            "lateness",
            "similarity",
        )
    }
    assert not re.search(r"url\(|@import|https?:", re.sub(r'src="data:[^"]*"', "", page))


def infest(school):
    """Put scripts wherever a student, or a file of theirs, can put text."""
    nasty = "</pre></td></script>".join(TRICKS.values())
    name = f"{NASTY}<script>"
    with school.course.gradebook() as gradebook:
        gradebook.db.execute(
            SubmittedAssignment.__table__.update()
            .where(SubmittedAssignment.student_id == "s000")
            .values(student_id=name)
        )
        gradebook.db.execute(insert(Student.__table__), [{"id": name}])
        gradebook.db.commit()
    school.notes[name] = school.notes["s000"]
    school.notes[name]["a-1-1-test"]["diagnosis"] = {
        "function": nasty,
        "mistake": nasty,
        "summary": nasty,
    }
    school.notes[name]["a-1-2-test"]["seconds"] = nasty
    code = {nasty: own_code("x")["a-1-1-solution"] + f"\n# {nasty}"}
    school.write(name.replace("/", "_"), code, word="repaired", reasons=[nasty])
    school.write("s001", code)
    school.write("s002", code)


def test_names_reasons_and_code_are_text(school):
    infest(school)
    page = school.page(everything=True)
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert f"<bdi>{escape(NASTY)}" in page
    assert not re.search(r"<[a-z]+[^>]*\son\w+=", page)
    tags = {tag.lower() for tag in re.findall(r"</?([a-zA-Z]+)", page)}
    assert not tags & {"script", "iframe", "svg", "link", "math", "object"}


@pytest.mark.slow
@pytest.mark.browser
@pytest.mark.skipif(not BROWSER, reason="needs Chromium")
def test_no_script_runs_on_the_page_in_a_browser(school, tmp_path):
    infest(school)
    page = tmp_path / "page.html"
    page.write_text(school.page(everything=True), "utf-8")
    document = opened(page, tmp_path / "profile")
    assert ran(document) == []
    assert "o'neil" in document


# At scale, and with things missing


def statements(school):
    """Return how many statements the database is sent for a report, over how many connections."""
    sent, connections = [], []
    whole = type(school.course).gradebook

    def counted(course, *where):
        gradebook = whole(course, *where)
        connections.append(gradebook)
        event.listen(gradebook.engine, "before_cursor_execute", lambda *what: sent.append(what[2]))
        return gradebook

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(school.course), "gradebook", counted)
        school.page()
    return len(sent), len(connections)


def test_a_larger_class_costs_the_database_no_more_statements(empty, tmp_path):
    few, many = (
        statements(Class(copied(empty, tmp_path / str(n)), n)) for n in (item_analysis.FEW, 40)
    )
    assert few == many
    assert few[0] < 40


def test_a_notebook_that_is_missing_or_cut_short_stops_nothing(school):
    folder = school.course.root / "autograded"
    (folder / "s001" / GPT2 / f"{GPT2}.ipynb").unlink()
    path = folder / "s002" / GPT2 / f"{GPT2}.ipynb"
    path.write_bytes(path.read_bytes()[:500])
    (folder / "s003" / GPT2 / f"{GPT2}.ipynb").write_text('{"cells": 3}', "utf-8")
    (folder / "s004" / GPT2 / f"{GPT2}.ipynb").write_text('{"cells": [3, {}]}', "utf-8")
    assert item_analysis.times(school.read())[0].n == 20
    assert counts(school.page())["with marks"] == "24"


def test_a_class_without_any_marks_has_a_report_too(empty, tmp_path):
    course = copied(empty, tmp_path / "course")
    (course.root / "submitted" / "ann" / GPT2).mkdir(parents=True)
    page = class_report.page(course, class_results.read(course, GPT2, show=False))
    assert counts(page)["with marks"] == "0"
    assert "No submission has marks" in page


# The command


@pytest.fixture
def run(monkeypatch):
    def at(course, *words):
        monkeypatch.chdir(course.root)
        return CliRunner().invoke(main.app, ["report", *words])

    return at


def test_the_command_writes_below_reports(school, run):
    assert run(school.course, GPT2).exit_code == 0
    path = school.course.root / "reports" / "gpt2.html"
    assert path.read_text("utf-8").startswith("<!doctype html>")
    assert path.stat().st_mode & 0o077 == 0  # names and marks are nobody else's business


def test_all_shows_what_is_cut_otherwise_where_it_is_told_to(school, page, run):
    assert run(school.course, GPT2, "--all", "--to", "all.html").exit_code == 0
    whole = (school.course.root / "all.html").read_text("utf-8")
    assert "The 12 slowest of 24; --all" in page
    assert "; --all" not in whole
    assert len(re.findall("<tr", whole)) > len(re.findall("<tr", page))


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ((GPT2, "--to", "."), "is a folder: give the name of a file"),
        ((GPT2, "--to", "nbgrader_config.py/x.html"), "cannot be written"),
        (("gtp2",), "no assignment gtp2; did you mean gpt2?"),
        (("assignment5",), "no assignment assignment5: source/ has gpt2; course new makes one"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(school, run, words, says):
    error = run(school.course, *words).exception
    assert isinstance(error, CourseError)
    assert says in str(error)
    assert "\n" not in str(error)


def test_a_course_in_which_nobody_handed_in_is_told_so(empty, run):
    assert "nobody has handed in gpt2" in str(run(empty, GPT2).exception)


def test_reports_are_not_in_git():
    assert "/reports/" in (ROOT / ".gitignore").read_text("utf-8").split()
