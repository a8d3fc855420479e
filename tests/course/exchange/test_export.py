"""Marks get into Canvas's gradebook, into cells of their own, and no other cell changes."""

import csv
import stat

import pytest
from typer.testing import CliRunner

from autograder.status import Status
from course.cli import main
from course.directory import CourseError
from course.exchange import canvas_marks
from course.exchange.canvas_gradebook import CanvasGradebook
from course.exchange.canvas_marks import CanvasMark, Filling
from course.exchange.roster import Roster
from course.run import atomic
from tests.support import classroom
from tests.support.classroom import GPT2, Fake, copied, example, grade, hand_in

pytestmark = pytest.mark.filterwarnings("ignore")  # nbgrader's and SQLAlchemy's own

HEAD = "Student,ID,SIS User ID,SIS Login ID,Section,gpt2 (77),Essay (78),Final Score\r\n"
MANUAL = ",,,,,Manual Posting,,\r\n"
POINTS = "    Points Possible,,,,,100.00,10.00,(read only)\r\n"
ADA = '"Lovelace, Ada",101,S1,ada,"Lecture 1, ""Lab"" 2",,7.50,\r\n'
JO = "O'Brien,102,S2,jo,Lecture 1,12.00,,\r\n"
TEST = '"Student, Test",999,,9f86d081,Lecture 1,,,\r\n'
WHOLE = "\ufeff" + HEAD + MANUAL + POINTS + ADA + JO + TEST


def parsed(text):
    return CanvasGradebook.parse(text.encode(), "grades.csv")


def filled(text, marks, column="gpt2 (77)", ours=100.0, scale=False, **options):
    """Return the text with marks in it, and the lines that say so."""
    gradebook = parsed(text)
    at = canvas_marks.column_of(gradebook, GPT2, column)
    factor = canvas_marks.factor_of(gradebook, at, ours, scale)
    filling = Filling(gradebook, at, marks, factor, **options)
    lines = {line.name: line for line in filling.fill()}
    return gradebook.content().decode(), lines, filling


def graded(points, word="graded", reason="", **more):
    return CanvasMark(Status(word, (reason,) if reason else ()), points, **more)


# The file


@pytest.mark.parametrize(
    "text",
    [
        WHOLE,
        WHOLE.replace("\r\n", "\n"),
        WHOLE[1:],
        HEAD + 'a,"line\nbreak",,,,,,\r\n',
        HEAD + "a,b\r\n\r\n",
        HEAD + "a,\r\n",
    ],
)
def test_a_file_that_is_not_changed_is_as_canvas_wrote_it(text):
    assert parsed(text).content() == text.encode()


def test_a_file_without_a_last_line_end_gets_one():
    assert parsed(WHOLE.rstrip()).content() == WHOLE.encode()


def test_cells_are_quoted_where_they_have_to_be_and_nowhere_else():
    quoted = WHOLE.replace(",12.00,", ',"12.00",').replace("O'Brien", '"O\'Brien"')
    assert parsed(quoted).content() == WHOLE.encode()


@pytest.mark.parametrize("text", ['a,"b\n', '"a"b,c\n', 'a,"b"c"\n'])
def test_a_file_with_stray_quotes_is_refused_in_a_line(text):
    with pytest.raises(CourseError, match=r"no sound CSV file \(.*\): export it again"):
        parsed(HEAD + text)


def test_a_file_with_semicolons_is_refused_in_a_line_that_names_the_setting():
    with pytest.raises(CourseError, match="semicolons between its cells: switch off 'Use semico"):
        parsed(WHOLE.replace(",", ";"))


@pytest.mark.parametrize("encoding", ["utf-16", "cp1252"])
def test_a_file_in_another_encoding_is_refused_in_a_line(encoding):
    with pytest.raises(CourseError, match="is not UTF-8 text: export it again"):
        CanvasGradebook.parse(WHOLE[1:].replace("Ada", "Éda").encode(encoding), "f.csv")


@pytest.mark.parametrize("text", ["", "name,points\nAda,3\n"])
def test_a_file_that_is_no_gradebook_is_refused_in_a_line(text):
    with pytest.raises(CourseError, match="is no gradebook of Canvas's"):
        parsed(text)


# Filling


def test_only_the_cells_of_the_column_change():
    text, lines, _ = filled(WHOLE, {"ada": graded(92.5), "jo": graded(40)})
    ada = ADA.replace('2",,7.50', '2",92.50,7.50')
    assert text == "\ufeff" + HEAD + MANUAL + POINTS + ada + JO.replace("12.00", "40.00") + TEST
    assert (lines["O'Brien"].before, lines["O'Brien"].after) == ("12.00", "40.00")


def test_the_same_mark_in_another_spelling_is_left_as_it_is():
    text, _, _ = filled(WHOLE.replace("12.00", "12"), {"jo": graded(12)})
    assert text == WHOLE.replace("12.00", "12")


@pytest.mark.parametrize(
    ("mark", "why"),
    [
        (graded(0, "missing"), "missing"),
        (graded(0, "unreadable", "not a notebook"), "unreadable: not a notebook"),
        (graded(0, "failed", "not graded yet"), "failed: not graded yet"),
        (graded(30, needs_marking=True), "written answers are still to be marked"),
    ],
)
def test_who_has_no_mark_keeps_an_empty_cell_and_is_named_with_the_reason(mark, why):
    text, lines, filling = filled(WHOLE, {"ada": mark, "jo": graded(12)})
    assert text == WHOLE
    assert why in lines["Lovelace, Ada"].remark
    assert why in canvas_marks.table(list(lines.values()), filling.absent())


def test_an_older_mark_of_somebody_without_one_now_stays_and_is_said():
    text, lines, _ = filled(WHOLE, {"jo": graded(0, "missing")})
    assert text == WHOLE
    assert lines["O'Brien"].remark == "missing, 12.00 stays"


def test_parts_of_a_mark_are_written_only_where_they_are_asked_for():
    mark = graded(30, needs_marking=True)
    text, lines, _ = filled(WHOLE, {"ada": mark}, partial=True)
    assert '2",30.00,7.50' in text
    assert lines["Lovelace, Ada"].remark == "written answers are still to be marked"


def test_a_zero_is_said_to_be_one():
    text, lines, _ = filled(WHOLE, {"ada": graded(0)})
    assert '2",0.00,7.50' in text
    assert "a zero: graded, and no point was earned" in lines["Lovelace, Ada"].remark


def test_lateness_is_taken_off_and_said():
    _, lines, _ = filled(WHOLE, {"ada": graded(50, penalty=7.5)})
    assert (lines["Lovelace, Ada"].after, lines["Lovelace, Ada"].remark) == (
        "42.50",
        "7.5 off for lateness",
    )


@pytest.mark.parametrize("cell", ["EX", "N/A", "excused"])
def test_what_is_no_number_stays(cell):
    text, lines, _ = filled(WHOLE.replace("12.00", cell), {"jo": graded(40)})
    assert text == WHOLE.replace("12.00", cell)
    assert f"Canvas has {cell} there" in lines["O'Brien"].remark


def test_the_test_student_is_left_alone():
    text, lines, _ = filled(WHOLE, {"9f86d081": graded(5)})
    assert text == WHOLE
    assert set(lines) == {"Lovelace, Ada", "O'Brien"}


@pytest.mark.parametrize("known_as", ["ada", "S1", "101", "ADA", "s1"])
def test_students_are_found_by_any_of_canvas_ids(known_as):
    assert '2",92.00,7.50' in filled(WHOLE, {known_as: graded(92)})[0]


def test_students_are_found_by_the_courses_own_notes_about_them():
    roster = Roster(canvas={"101": "countess"})
    assert '2",92.00,7.50' in filled(WHOLE, {"countess": graded(92)}, roster=roster)[0]


def test_a_row_that_is_two_students_is_left_alone():
    text, lines, _ = filled(WHOLE, {"ada": graded(1), "s1": graded(2)})
    assert text == WHOLE
    assert lines["Lovelace, Ada"].remark == "none of the course's students"


def test_who_has_a_mark_and_is_not_in_the_file_is_named():
    _, _, filling = filled(
        WHOLE, {"ada": graded(1), "new": graded(2), "left": graded(0, "missing")}
    )
    assert filling.absent() == ["new"]


def test_commas_in_numbers_are_kept():
    german = WHOLE.replace("100.00", '"100,00"').replace("12.00", '"12,00"')
    text, lines, _ = filled(german, {"ada": graded(92.5), "jo": graded(12)})
    assert text == german.replace('2",,7.50', '2","92,50",7.50')
    assert lines["O'Brien"].after == "12,00"


# Points and columns


def test_other_points_than_ours_are_refused_or_scaled():
    with pytest.raises(CourseError, match="has 100 points in Canvas and 50 here"):
        filled(WHOLE, {"ada": graded(20)}, ours=50.0)
    text, _, _ = filled(WHOLE, {"ada": graded(20)}, ours=50.0, scale=True)
    assert '2",40.00,7.50' in text


def test_a_file_without_points_is_refused():
    with pytest.raises(CourseError, match="with the row Points Possible"):
        filled(WHOLE.replace("Points Possible", "Pts"), {})


@pytest.mark.parametrize("name", [None, "gpt2", "GPT2 (77)", "gpt2 (77)", "  gpt2 "])
def test_a_column_is_found_by_its_name(name):
    assert canvas_marks.column_of(parsed(WHOLE), GPT2, name) == 5


@pytest.mark.parametrize(
    ("text", "name", "why"),
    [
        (WHOLE, "essai", "choose one with --column, of 'gpt2 \\(77\\)', 'Essay \\(78\\)'"),
        (WHOLE.replace("Essay (78)", "gpt2 (78)"), None, "several columns"),
        (WHOLE, "Final Score", "Canvas's own"),
        (WHOLE + "Short,7\r\n", None, "shorter than its first"),
    ],
)
def test_a_column_that_cannot_be_filled_is_a_line(text, name, why):
    with pytest.raises(CourseError, match=why):
        canvas_marks.column_of(parsed(text), GPT2, name)


# The command, on a course


@pytest.fixture(scope="module")
def marked(tmp_path_factory):
    """A course in which ada is marked, jo half, and eve's work could not be read."""
    course = classroom.make_course(tmp_path_factory.mktemp("marked") / "course")
    hand_in(course, "ada", example("vectorised"))
    hand_in(course, "jo", example("answers"))
    hand_in(course, "eve", b"not a notebook")
    grade(course, Fake())
    with course.gradebook() as gradebook:
        gradebook.add_student("nobody", lms_user_id="104")
        answer = gradebook.find_grade("b-2-4-answer", GPT2, GPT2, "ada")
        answer.manual_score, answer.needs_manual_grade = 6.0, False
        gradebook.db.commit()
    return course


@pytest.fixture
def course(marked, tmp_path, monkeypatch):
    course = copied(marked, tmp_path / "course")
    monkeypatch.chdir(course.root)
    return course


def run(*arguments):
    return CliRunner().invoke(main.app, list(map(str, arguments)))


def test_the_command_fills_the_file_in_its_place(course):
    path = course.root / "grades.csv"
    path.write_bytes(WHOLE.encode())
    path.chmod(0o640)
    done = run("export", "canvas", path, "--assignment", GPT2)
    assert done.exit_code == 0, done.output
    with course.gradebook() as gradebook:
        score = gradebook.find_submission(GPT2, "ada").score
    assert path.read_bytes().decode() == WHOLE.replace('2",,7.50', f'2",{score:.2f},7.50')
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert "written answers are still to be marked" in done.output
    assert "1 written, 0 left empty, 1 unchanged" in done.output


def test_the_command_writes_to_another_file_and_leaves_the_first(course):
    path, other = course.root / "grades.csv", course.root / "filled.csv"
    path.write_bytes(WHOLE.encode())
    assert run("export", "canvas", path, "--assignment", GPT2, "--to", other).exit_code == 0
    assert path.read_bytes() == WHOLE.encode()
    assert other.read_bytes() != WHOLE.encode()


def test_the_command_writes_nothing_where_nobody_has_a_mark(course):
    path = course.root / "grades.csv"
    text = WHOLE.replace("ada", "eve").replace("12.00", "").replace(",102,S2,jo", ",104,S4,x")
    path.write_bytes(text.encode())
    done = run("export", "canvas", path, "--assignment", GPT2)
    assert isinstance(done.exception, CourseError)
    assert "unreadable" in done.output
    assert "missing: nothing was handed in" in done.output
    assert path.read_bytes() == text.encode()


def test_a_full_disk_leaves_the_old_file(course, monkeypatch):
    path = course.root / "grades.csv"
    path.write_bytes(WHOLE.encode())

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(atomic, "write_whole", full)
    done = run("export", "canvas", path, "--assignment", GPT2)
    assert "could not be written (No space left on device)" in str(done.exception)
    assert path.read_bytes() == WHOLE.encode()


def test_the_csv_has_everybody_with_a_status(course):
    path = course.root / "marks.csv"
    assert run("export", "csv", "--to", path).exit_code == 0
    rows = {row["student_id"]: row for row in csv.DictReader(path.open(encoding="utf-8"))}
    assert {name: row["status"] for name, row in rows.items()} == {
        "ada": "graded",
        "jo": "graded",
        "eve": "unreadable",
        "nobody": "missing",
    }
    assert (rows["eve"]["score"], rows["nobody"]["score"]) == ("", "")
    assert float(rows["ada"]["score"]) > 0


def test_the_csv_can_be_of_some_students(course):
    path = course.root / "marks.csv"
    run("export", "csv", "--to", path, "--student", "ada", "--assignment", GPT2)
    assert [row["student_id"] for row in csv.DictReader(path.open())] == ["ada"]
