"""A mark is shown or exported only if the gradebook holds it; what is lost is named, and kept.

Ada, Ben and Cem were graded; Eve's file cannot be read. Since yesterday Ada has handed in another
version and has been marked by a person, and Ben has handed in. Then something is lost.
"""

import contextlib
import csv
import re
import shutil
import sqlite3
from dataclasses import dataclass

import nbgrader.api
import pytest
from sqlalchemy.exc import OperationalError
from typer.testing import CliRunner

from course.cli import main
from course.directory import Course
from course.release import generate
from course.report import audit, class_results
from course.run import nbgrader_plugin, publish, status_files, worker_process, workers
from course.run.held_marks import HeldMarks
from course.run.scores import NbgraderRunner
from tests.support.classroom import (
    GPT2,
    Fake,
    configure,
    copied,
    example,
    grade,
    hand_in,
    make_course,
    marks,
)
from tests.support.once import once

pytestmark = pytest.mark.filterwarnings("ignore")  # nbgrader's and SQLAlchemy's own

# What is lost, and who still has a mark, by their initials, in what each command shows or writes.
# feedback: who gets a new page; all others keep theirs. formgrader: whom its list has as graded.
# regrade: how many would change. autograde: how many were run again, by regrade or by it, Eve's
# file among them.
# "!": names the marks of a person that are lost.
# Every command says of the others that they are not in the gradebook; "none": there is no
# gradebook; "locked": it is locked; "-": nobody has a mark, and no file is replaced.
TABLE = """
                    scores  csv     canvas  report  feedback  formgrader  regrade  audit  autograde
nothing             abc     abc     abc     abc     abc       abc         0        ok     0
gone                none    none    none    none    -         -           none     none!  0!
older               c       c       c       c       c         c           2        ok!    0!
other               -       -       -       -       -         -           3        ok!    0!
locked              locked  locked  locked  locked  locked    locked      locked   locked locked
autograded          abc     abc     abc     abc     -         -           0        ok     0
store               abc     abc     abc     abc     abc       abc         0        ok     0
status              abc     abc     abc     abc     abc       abc         0        ok     0
gone+autograded     none    none    none    none    -         -           none     none!  0!
gone+store          none    none    none    none    -         -           none     none!  3!
gone+status         none    none    none    none    -         -           none     none!  0!
older+autograded    c       c       c       c       -         -           2        ok!    0!
older+store         c       c       c       c       c         c           2        ok!    2!
older+status        c       c       c       c       c         c           2        ok!    0!
other+autograded    -       -       -       -       -         -           3        ok!    0!
other+store         -       -       -       -       -         -           3        ok!    3!
other+status        -       -       -       -       -         -           3        ok!    0!
locked+autograded   locked  locked  locked  locked  locked    locked      locked   locked locked
locked+store        locked  locked  locked  locked  locked    locked      locked   locked locked
locked+status       locked  locked  locked  locked  locked    locked      locked   locked locked
autograded+store    abc     abc     abc     abc     -         -           0        ok     3
autograded+status   abc     abc     abc     abc     -         -           0        ok     0
store+status        abc     abc     abc     abc     abc       abc         0        ok     4
"""
HEAD, *ROWS = (line.split() for line in TABLE.strip().splitlines())
EXPECTED = {what: dict(zip(HEAD, cells, strict=True)) for what, *cells in ROWS}
CELLS = [(what, command) for what, cells in EXPECTED.items() for command in cells]
CLASS = {"ada": "a", "ben": "b", "cem": "c", "eve": "e"}
ANSWER = "b-2-4-answer"
NOWHERE = "there is no gradebook"
LOCKED = "the gradebook cannot be used (database is locked): try again"
CANVAS = (
    "Student,ID,SIS User ID,SIS Login ID,Section,gpt2 (77)\r\n    Points Possible,,,,,100.00\r\n"
) + "".join(f"{name},{n},S{n},{name},Lecture,\r\n" for n, name in enumerate(CLASS))


def made(root):
    """Make the class, and keep yesterday's gradebook."""
    course = make_course(root)
    hand_in(course, "ada", example("blank"))
    hand_in(course, "cem", example("vectorised"))
    grade(course, Fake())
    shutil.copy(root / "gradebook.db", root / "yesterday.db")
    hand_in(course, "ada", example("answers"))
    hand_in(course, "ben", example("half-done"))
    hand_in(course, "eve", b"not a notebook")
    grade(course, Fake())
    give(course, 6.5, "Well seen.")
    assert set(NbgraderRunner(course).pages(GPT2, [*CLASS])) == {"eve"}
    (root / "canvas.csv").write_text(CANVAS, newline="")


def give(course, points, comment):
    """Mark Ada's answer, as a person does in formgrader."""
    with course.gradebook() as gradebook:
        given = gradebook.find_grade(ANSWER, GPT2, GPT2, "ada")
        given.manual_score, given.needs_manual_grade = points, False
        gradebook.find_comment(ANSWER, GPT2, GPT2, "ada").manual_comment = comment
        gradebook.db.commit()


# Ways to lose something


def gone(course, stack):
    (course.root / "gradebook.db").unlink()


def older(course, stack):
    shutil.copy(course.root / "yesterday.db", course.root / "gradebook.db")


def other(course, stack):
    configure(course, f"c.CourseDirectory.db_url = 'sqlite:///{course.root / 'other.db'}'")
    generate.register(course, GPT2)


def locked(course, stack):
    file = course.root / "gradebook.db"
    configure(course, f"c.CourseDirectory.db_url = 'sqlite:///{file}?timeout=0.05'")
    holder = stack.enter_context(contextlib.closing(sqlite3.connect(file, isolation_level=None)))
    holder.execute("BEGIN EXCLUSIVE")


def lose(course, what, stack):
    folder = course.root / status_files.FOLDER
    folders = {
        "autograded": course.root / "autograded",
        "store": folder / "results",
        "status": folder / "status",
    }
    for way in what.split("+"):
        if way in folders:
            shutil.rmtree(folders[way])
        elif way != "nothing":
            {"gone": gone, "older": older, "other": other, "locked": locked}[way](course, stack)


# What the commands say


@dataclass
class Said:
    """What a command did: who has a mark by it, how it ended, and its text."""

    who: str
    code: int
    text: str


def run(*words):
    done = CliRunner().invoke(main.app, words)
    line = main._in_a_line(done.exception) if isinstance(done.exception, Exception) else ""
    return done.exit_code, f"{done.output}\n{line or repr(done.exception)}"


def initials(names):
    return "".join(sorted(CLASS[name] for name in names)) or "-"


def scores_(course):
    code, text = run("scores", GPT2)
    rows = re.findall(r"^(\w+) +(\S+)/", text, re.MULTILINE)
    return Said(initials(n for n, points in rows if n in CLASS and points != "-"), code, text)


def csv_(course):
    path = course.root / "grades.csv"
    path.write_text("before")
    code, text = run("export", "csv")
    if (after := path.read_text()) == "before":
        return Said("-", code, text)
    rows = {row["student_id"]: row for row in csv.DictReader(after.splitlines())}
    return Said(initials(n for n, row in rows.items() if row["score"]), code, text + after)


def canvas_(course):
    code, text = run("export", "canvas", "canvas.csv", "--assignment", GPT2, "--partial")
    rows = csv.DictReader((course.root / "canvas.csv").read_text().splitlines())
    who = [row["Student"] for row in rows if row["gpt2 (77)"] and row["Student"] in CLASS]
    return Said(initials(who), code, text)


def report_(course):
    code, text = run("report", GPT2)
    if code:
        return Said("-", code, text)
    graded = class_results.read(course, GPT2, show=False).graded
    return Said(initials(each.student for each in graded), code, text)


def feedback_(course):
    pages = {path.parent.parent.name: path for path in course.root.glob("feedback/*/*/*.html")}
    assert initials(pages) == "abc"
    for page in pages.values():
        page.write_text("before")
    code, text = run("feedback", GPT2)
    assert all(page.is_file() for page in pages.values())
    return Said(
        initials(n for n, page in pages.items() if page.read_text() != "before"), code, text
    )


def formgrader_(course):
    try:
        rows = course.nbgrader().get_submissions(GPT2)
    except OperationalError as error:
        return Said("-", 1, f"the gradebook cannot be used ({error.orig}): try again")
    wrong = [row for row in rows if row["score"] and not row["autograded"]]
    assert wrong == []
    return Said(initials(row["student"] for row in rows if row["autograded"]), 0, NOT_SAID)


def regrade_(course):
    with faked():
        code, text = run("regrade", GPT2, "--dry-run")
    return Said("".join(re.findall(r"(\d) of 4 submissions change", text)), code, text)


def audit_(course):
    code, text = run("audit", GPT2, "--all")
    assert text.count("auto_score") > 50, "the trail is always shown"
    return Said("ok", code, text)


def autograde_(course):
    with faked():
        code, text = run("autograde", GPT2)
    return Said(str(len(fake.computed)), code, text)


fake = Fake()


@contextlib.contextmanager
def faked():
    """Let nothing be run, and no process be started."""
    idle = type("Idle", (), {"end": lambda self: None})()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(workers, "Local", lambda *_: fake)
        patch.setattr(worker_process, "WorkerProcess", lambda *_: idle)
        patch.setattr(publish, "LOCKED_SECONDS", 0.1)
        yield


NOT_SAID = "not in the gradebook"  # formgrader's list has no place for it: "needs autograding"
COMMANDS = {
    "scores": scores_,
    "csv": csv_,
    "canvas": canvas_,
    "report": report_,
    "feedback": feedback_,
    "regrade": regrade_,
    "audit": audit_,
    "formgrader": formgrader_,
    "autograde": autograde_,
}


@pytest.fixture(scope="module")
def said(tmp_path_factory):
    """What each command says when something is lost: asked once, in this order, in one copy."""
    outcomes = {}

    def ask(what):
        if what not in outcomes:
            outcomes[what] = asked(what, tmp_path_factory.mktemp("lost") / "course")
        return outcomes[what]

    return ask


def asked(what, folder):
    course = copied(Course(once("lost", made)), folder)
    with contextlib.ExitStack() as stack, pytest.MonkeyPatch.context() as patch:
        patch.chdir(course.root)
        patch.setattr(nbgrader.api, "get_alembic_version", lambda: "any")  # a process, for seconds
        lose(course, what, stack)
        found: dict[str, Said] = {}
        fake.computed.clear()
        for command, ask in COMMANDS.items():
            if command == "formgrader" and "gone" in what:
                assert not course.has_gradebook(), "made by a command that only reads"
            found[command] = ask(course)
            if command == "formgrader" and "gone" in what:
                (course.root / "gradebook.db").unlink()  # nbgrader's own list makes one
        return found


@pytest.mark.parametrize(("what", "command"), CELLS)
def test_what_is_lost_is_said_and_is_no_mark(said, what, command):
    expected, now = EXPECTED[what][command], said(what)[command]
    assert "Traceback" not in now.text
    assert ("ada's mark for b-2-4-answer, 6.5 by" in now.text) == ("!" in expected) or (
        command == "regrade"
    )
    word = expected.rstrip("!")
    if word in ("none", "locked"):
        assert (NOWHERE if word == "none" else LOCKED) in now.text
        assert now.code == 1
        assert now.who in ("-", "ok", "", "0")
        return
    assert now.who == word
    if command == "feedback" and word != "abc":
        assert now.code == 1
        assert "(the page that is there stays)" in now.text
    if command in ("scores", "csv", "canvas", "report", "feedback") and word != "abc":
        assert "not in the gradebook" in now.text or "its graded notebook is gone" in now.text
        assert not re.search(r"\b0\.00\b|,0\.0,|none of .* 0/", now.text)


# After it was lost


@pytest.fixture
def course(tmp_path, monkeypatch):
    """The class, with nothing lost."""
    course = copied(Course(once("lost", made)), tmp_path / "course")
    monkeypatch.chdir(course.root)
    monkeypatch.setattr(nbgrader.api, "get_alembic_version", lambda: "any")
    fake.computed.clear()
    return course


def exported(course, student):
    """Return a student's line of the export."""
    with course.gradebook() as gradebook:
        rows = nbgrader_plugin.rows(course, gradebook, set(), set())
        return next(row for row in rows if row.student_id == student)


def test_a_persons_mark_that_is_lost_waits_for_a_person_until_it_is_entered_again(course):
    automatic = {n: row[0] for n, row in marks(course, "ada")["grades"].items()}
    older(course, None)
    autograde_(course)
    found = marks(course, "ada")["grades"]
    assert {name: row[0] for name, row in found.items()} == automatic
    assert found[ANSWER][1] is None
    assert exported(course, "ada").needs_manual == 1
    assert exported(course, "ada").reason.startswith("not in the gradebook: comment for b-2-4-")
    said = feedback_(course)
    assert (said.who, said.code) == ("bc", 1)
    assert "no feedback for ada: not in the gradebook: comment for b-2-4-answer, mark" in said.text
    give(course, 7.0, "Well seen, again.")
    assert exported(course, "ada").reason == ""
    assert exported(course, "ada").needs_manual == 0
    assert feedback_(course).who == "abc"
    assert "not in the gradebook" not in audit_(course).text


def test_a_mark_that_a_person_gave_a_test_is_not_replaced_by_the_tests_own_in_silence(course):
    with course.gradebook() as gradebook:
        gradebook.find_grade("a-1-1-test", GPT2, GPT2, "ben").extra_credit = 2.0
        gradebook.find_grade("a-1-2-test", GPT2, GPT2, "ben").manual_score = 4.0
        gradebook.db.commit()
    gone(course, None)
    said = autograde_(course)
    assert "ben's extra credit for a-1-1-test, 2 by " in said.text
    assert "ben's mark for a-1-2-test, 4 by " in said.text
    assert all(marks(course, "ben")["grades"][n][3] for n in ("a-1-1-test", "a-1-2-test"))


def test_a_mark_that_formgrader_sends_as_text_is_the_number_that_the_gradebook_holds(course):
    with course.gradebook() as gradebook:
        gradebook.find_grade("a-1-2-test", GPT2, GPT2, "ben").manual_score = "4.5"
        gradebook.db.commit()
    (change,) = [c for c in audit.read(course.root, GPT2, "ben") if c.what == "manual_score"]
    assert change.after == 4.5
    assert HeldMarks.of(course, GPT2).lost("ben") == []
    older = change.to_json().replace("4.5", '"4.5"')
    assert audit.MarkChange.from_json(older) == change


def test_a_mark_that_a_person_took_back_does_not_return_with_an_older_gradebook(course):
    shutil.copy(course.root / "gradebook.db", course.root / "yesterday.db")
    give(course, None, None)
    older(course, None)
    text = audit_(course).text
    assert "ada's mark for b-2-4-answer, none by" in text
    assert "(it has 6.5)" in text


def test_a_penalty_that_goes_with_the_due_date_is_named(course):
    configure(course, 'c.AssignLatePenalties.plugin_class = "tests.support.classroom.ByTheHour"')
    hand_in(course, "ben", b"2026-01-01 14:30:00 UTC", "timestamp.txt")
    with course.gradebook() as gradebook:
        gradebook.update_or_create_assignment(GPT2, duedate="2026-01-01 12:00:00 UTC")
    autograde_(course)
    assert exported(course, "ben").late_penalty == 6.0
    gone(course, None)
    text = autograde_(course).text
    assert "ben's penalty for lateness for gpt2, 6 by grader" in text
    assert "set due date and extensions again, then run course lateness gpt2" in text


def test_what_nbgrader_enters_before_it_reads_a_notebook_is_no_mark(course):
    hand_in(course, "dan", b"")
    with course.gradebook() as gradebook:
        gradebook.update_or_create_student("dan")
        gradebook.update_or_create_submission(GPT2, "dan")
    row = exported(course, "dan")
    assert (row.score, row.status, row.reason) == ("", "failed", "not graded yet")
    assert re.search(r"^dan +-/100 .*not graded yet$", run("scores", GPT2)[1], re.MULTILINE)


def test_marks_that_something_else_has_entered_are_not_taken_for_those_that_were_published(course):
    with course.gradebook() as gradebook:
        grade_of = gradebook.find_grade("a-1-1-test", GPT2, GPT2, "cem")
        grade_of.auto_score = 4.5
        gradebook.db.commit()
    assert exported(course, "cem").status == "not in the gradebook"
    assert autograde_(course).who == "0"
    assert exported(course, "cem").status == "graded"


@pytest.mark.parametrize("content", [b"", b"no database" * 100])
def test_a_file_that_is_no_gradebook_is_a_line(course, content):
    (course.root / "gradebook.db").write_bytes(content)
    for ask in (csv_, canvas_, report_, feedback_):
        said = ask(course)
        assert (said.who, said.code) == ("-", 1)
        assert "not in the gradebook" in said.text or "is not a database" in said.text
        assert "Traceback" not in said.text


def test_nbgraders_own_commands_keep_pages_and_files_too(course):
    gone(course, None)
    page = course.root / "feedback" / "ada" / GPT2 / "gpt2.html"
    before = page.read_bytes()
    api = course.nbgrader()
    assert not api.generate_feedback(GPT2, "ada", force=True)["success"]
    assert page.read_bytes() == before
    plugin = nbgrader_plugin.StatusCsv(config=course.config(), to="grades.csv")
    (course.root / "grades.csv").write_text("before")
    url = f"sqlite:///{course.root / 'gradebook.db'}"
    with nbgrader.api.Gradebook(url) as empty, pytest.raises(SystemExit):  # as its command does
        plugin.export(empty)
    assert (course.root / "grades.csv").read_text() == "before"


def test_a_page_is_replaced_only_by_one_that_is_whole(course, monkeypatch):
    page = course.root / "feedback" / "ada" / GPT2 / "gpt2.html"
    before = page.read_bytes()
    monkeypatch.setattr(shutil, "copytree", lambda *_, **__: 1 / 0)
    assert run("feedback", GPT2, "--student", "ada")[0] == 1
    assert page.read_bytes() == before


def test_a_trail_counts_what_was_undone_as_such_and_passes_over_damage(course):
    path = course.root / status_files.FOLDER / "audit" / f"{GPT2}.jsonl"
    last = path.read_text("utf-8").splitlines()[-1]
    with path.open("a") as file:
        file.write(last.replace("Well seen.", "Not so.") + "\n")
        file.write(last.replace("Well seen.", "Not so.")[:-1].replace("false", "true") + "}\n")
        file.write('{"when": "half a li\n')
    change = audit.latest(course.root, GPT2)["ada", ANSWER, "manual_comment"]
    assert change.after is None
