"""What was handed in on Canvas or Gradescope gets into submitted/, and nothing else does."""

import io
import stat
import zipfile
from datetime import UTC, datetime

import nbformat
import pytest
from nbgrader.utils import parse_utc
from typer.testing import CliRunner

from autograder.assignment import Assignment, TurnIn
from autograder.submission import intake, repair
from course.cli import main
from course.directory import CourseError
from course.exchange import canvas_zip, class_zip, gradescope_export, template_py
from course.exchange.canvas_zip import CanvasFileNames, CanvasSubmissions
from course.exchange.collect import CollectionRecord, Collector, IncomingSubmission, table
from course.exchange.roster import Roster, read_roster
from tests.conftest import ROOT
from tests.support import classroom
from tests.support.classroom import GPT2, copied, example

pytestmark = pytest.mark.filterwarnings("ignore")  # nbgrader's and SQLAlchemy's own

ROSTER = """\ufeffStudent,ID,SIS User ID,SIS Login ID,Section,gpt2 (77),Final Score
,,,,,Manual Posting,
    Points Possible,,,,,100.00,(read only)
"Lovelace, Ada",101,S1,ada,"Lecture 1, Lab 2",,
"O'Brien, Jo-Ann",102,S2,jo,Lecture 1,,
"Noether, Émmy",103,S3,émmy,Lecture 1,,
"Student, Test",999,,9f86d081,Lecture 1,,
"""

METADATA = """---
submission_5001:
  :submitters:
  - :name: Ada Lovelace
    :sid: S1
    :email: ada@uni.example
  :created_at: !ruby/object:ActiveSupport::TimeWithZone
    utc: &1 2025-11-03 17:59:58.120459000 Z
    zone: &2 !ruby/object:ActiveSupport::TimeZone
      name: America/New_York
    time: *1
  :score: 12.5
  :status: processed
  :results: &3 !ruby/hash:ActiveSupport::HashWithIndifferentAccess
    tests:
    - score: 1
      output: "<<: *3"
  :history:
  - :id: 4990
    :created_at: 2025-11-02 10:00:00.000000000 Z
submission_5002:
  :submitters:
  - :name: Jo-Ann O'Brien
    :sid: ''
    :email: Jo@uni.example
  - :name: Emmy Noether
    :sid: S3
    :email: emmy@uni.example
  :created_at: 2025-11-04 01:02:03.000000000 Z
"""


def zipped(entries, compress=zipfile.ZIP_DEFLATED):
    """Return a zip's bytes; an entry is a name with content, or a ZipInfo with content."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compress) as archive:
        for name, content in entries:
            archive.writestr(name, content)
    return buffer.getvalue()


def link(name, to="/etc/passwd"):
    info = zipfile.ZipInfo(name)
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    return info, to


def written(tmp_path, entries, name="submissions.zip"):
    path = tmp_path / name
    path.write_bytes(zipped(entries))
    return path


def exported(*more, metadata=METADATA, top="assignment_123_export"):
    return [(f"{top}/submission_metadata.yml", metadata), *((f"{top}/{n}", c) for n, c in more)]


NOTEBOOK = example("half-done")
TEMPLATE = b"import numpy as np\n\n\ndef softmax(x):\n    return np.exp(x)\n"


@pytest.fixture(scope="module")
def empty(tmp_path_factory):
    course = classroom.make_course(tmp_path_factory.mktemp("empty") / "course")
    with course.gradebook() as gradebook:
        gradebook.add_student("jo", email="jo@uni.example", lms_user_id="102")
    return course


@pytest.fixture
def course(empty, tmp_path):
    return copied(empty, tmp_path / "course")


@pytest.fixture
def roster_csv(tmp_path):
    path = tmp_path / "roster.csv"
    path.write_text(ROSTER, "utf-8")
    return path


def from_canvas(course, path, roster=None, **options):
    with class_zip.opened(path) as archive:
        settings = course.assignment(GPT2)
        incoming = CanvasSubmissions(archive, roster or read_roster(course), settings)
        rows = Collector(course, settings, "canvas", **options).collect(incoming.submissions())
        return {row.student: row for row in rows}


def from_gradescope(course, path, roster=None, **options):
    with class_zip.opened(path) as archive:
        incoming = gradescope_export.GradescopeSubmissions(archive, roster or read_roster(course))
        collector = Collector(course, course.assignment(GPT2), "gradescope", **options)
        rows = collector.collect(incoming.submissions())
        return {row.student: row for row in rows}


def lying(course, student):
    folder = course.root / "submitted" / student / GPT2
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


# CanvasFileNames


@pytest.mark.parametrize(
    ("name", "student", "late", "upload", "original"),
    [
        ("lovelaceada_101_5001_gpt2.ipynb", "101", False, "5001", "gpt2.ipynb"),
        ("lovelaceada_LATE_101_5001_gpt2-1.ipynb", "101", True, "5001", "gpt2-1.ipynb"),
        (
            "o_brienjoann_102_5002_my_gpt2_2_3_final.ipynb",
            "102",
            False,
            "5002",
            "my_gpt2_2_3_final.ipynb",
        ),
        ("nötherémmy_103_5003_gpt2 (1).ipynb", "103", False, "5003", "gpt2 (1).ipynb"),
        ("LATE_anon_Ab3dE_5004_gpt2.ipynb", "anon_Ab3dE", True, "5004", "gpt2.ipynb"),
        ("anon_LATE_Ab3dE_5004_gpt2.ipynb", "anon_LATE_Ab3dE", True, "5004", "gpt2.ipynb"),
        ("team7_101_5005_gpt2.ipynb", "101", False, "5005", "gpt2.ipynb"),
        ("x_101_5005_text.html", "101", False, "5005", "text.html"),
    ],
)
def test_a_name_says_whose_a_file_is(name, student, late, upload, original):
    parts = CanvasFileNames().parts(f"some folder/{name}")
    assert (parts["student_id"], parts["upload"], parts["file_id"]) == (student, upload, original)
    assert canvas_zip.Upload.of(name, parts).late is late


@pytest.mark.parametrize(
    "name", ["gpt2.ipynb", "lovelaceada_gpt2.ipynb", "a_b_c_d.ipynb", "1.ipynb"]
)
def test_a_name_that_canvas_does_not_give_is_nobodys(name):
    assert CanvasFileNames().parts(name) is None


def test_text_that_was_typed_in_is_told_from_files():
    parts = CanvasFileNames().parts("lovelaceada_101_text.html")
    assert (parts["student_id"], parts["typed"], parts["file_id"]) == ("101", "text", None)


def test_nbgraders_own_collector_gets_what_it_needs_of_a_name():
    found = CanvasFileNames().collect("/downloads/lovelaceada_101_5001_gpt2.ipynb")
    assert (found["student_id"], found["file_id"]) == ("101", "gpt2.ipynb")
    assert CanvasFileNames().collect("/downloads/lovelaceada_101_5001_gpt2.exe") is None


def test_the_last_of_several_uploads_counts():
    notes = []
    pairs = [
        ("gpt2.ipynb", b"1"),
        ("gpt2-1.ipynb", b"2"),
        ("gpt2-2.ipynb", b"3"),
        ("a-1.txt", b"4"),
    ]
    assert canvas_zip.latest(pairs, {"gpt2.ipynb"}, notes) == {"gpt2.ipynb": b"3", "a-1.txt": b"4"}
    assert len(notes) == 2


def test_the_larger_number_is_the_later_upload_wherever_it_stands(course, tmp_path):
    path = written(
        tmp_path,
        [
            ("x_102_9_gpt2-1.ipynb", NOTEBOOK),
            ("x_102_10_gpt2-2.ipynb", b"last"),
            ("x_102_5_gpt2.ipynb", b"first"),
        ],
    )
    rows = from_canvas(course, path)
    assert lying(course, "jo") == {"gpt2.ipynb": b"last"}
    assert "gpt2-2.ipynb counts, not gpt2-1.ipynb" in rows["jo"].remarks[-1]


# Who is who


def test_a_gradebook_export_says_who_is_who(course, roster_csv):
    found = read_roster(course, roster_csv)
    assert found.by_canvas("101") == "ada"  # the login, since the course knows jo by it
    assert found.by_others("nobody", "s3") == "émmy"
    assert found.by_canvas("999") is None
    assert found.names["102"] == "O'Brien, Jo-Ann"


def test_the_column_of_ids_can_be_chosen(course, roster_csv):
    assert read_roster(course, roster_csv, "SIS User ID").by_canvas("101") == "S1"


def test_without_an_export_the_courses_own_gradebook_is_asked(course):
    found = read_roster(course)
    assert found.by_canvas("102") == "jo"
    assert found.by_others("JO@uni.example") == "jo"
    assert found.by_canvas("101") is None


def test_names_in_two_columns_are_read_too(course, tmp_path):
    path = tmp_path / "r.csv"
    path.write_text("LastName,FirstName,ID,SIS Login ID,Section\nLovelace,Ada,101,ada,1\n")
    assert read_roster(course, path).names["101"] == "Lovelace, Ada"


def test_a_file_that_is_no_export_is_refused_in_a_line(course, tmp_path):
    path = tmp_path / "r.csv"
    path.write_text("name,points\nAda,3\n")
    with pytest.raises(CourseError, match="is no gradebook of Canvas's"):
        read_roster(course, path)


# Canvas


def test_submissions_are_collected_under_the_students_ids(course, tmp_path, roster_csv):
    path = written(
        tmp_path,
        [
            ("lovelaceada_101_5001_gpt2.ipynb", NOTEBOOK),
            ("obrienjoann_LATE_102_5002_gpt2-3.ipynb", NOTEBOOK),
        ],
    )
    rows = from_canvas(course, path, read_roster(course, roster_csv))
    assert {name: row.outcome for name, row in rows.items()} == {
        "ada": "collected",
        "jo": "collected",
    }
    assert lying(course, "ada") == {"gpt2.ipynb": NOTEBOOK}
    assert lying(course, "jo") == {"gpt2.ipynb": NOTEBOOK}
    assert rows["ada"].late == "no"
    assert rows["jo"].late == "yes, by how much is not known"
    assert not any("roster" in each for row in rows.values() for each in row.remarks)


def test_times_in_the_archive_are_not_taken_for_times_of_handing_in(course, tmp_path):
    info = zipfile.ZipInfo("obrienjoann_102_5002_gpt2.ipynb", (2025, 11, 3, 12, 0, 0))
    from_canvas(course, written(tmp_path, [(info, NOTEBOOK)]))
    assert "timestamp.txt" not in lying(course, "jo")


def test_somebody_unknown_is_kept_under_canvas_number_and_named(course, tmp_path):
    rows = from_canvas(course, written(tmp_path, [("x_555_1_gpt2.ipynb", NOTEBOOK)]))
    assert lying(course, "555") == {"gpt2.ipynb": NOTEBOOK}
    assert "is on no roster: kept under that number" in rows["555"].remarks[0]


def test_an_anonymous_submission_is_kept_under_its_code(course, tmp_path):
    from_canvas(course, written(tmp_path, [("LATE_anon_Ab3dE_9_gpt2.ipynb", NOTEBOOK)]))
    assert lying(course, "anon_Ab3dE") == {"gpt2.ipynb": NOTEBOOK}


def test_of_a_group_the_name_is_said(course, tmp_path, roster_csv):
    path = written(tmp_path, [("team7_101_5001_gpt2.ipynb", NOTEBOOK)])
    rows = from_canvas(course, path, read_roster(course, roster_csv))
    assert "filed under 'team7' and not 'Lovelace, Ada'" in rows["ada"].remarks[0]


def test_a_notebook_of_another_name_gets_the_one_that_is_expected(course, tmp_path):
    rows = from_canvas(course, written(tmp_path, [("x_102_1_Homework.ipynb", NOTEBOOK)]))
    assert lying(course, "jo") == {"gpt2.ipynb": NOTEBOOK}
    assert "Homework" in rows["jo"].remarks[0]


def test_files_beside_the_notebook_come_along_and_other_kinds_do_not(course, tmp_path):
    rows = from_canvas(
        course,
        written(
            tmp_path,
            [
                ("x_102_1_gpt2.ipynb", NOTEBOOK),
                ("x_102_2_mine.py", b"y = 1"),
                ("x_102_3_virus.exe", b"MZ"),
                ("x_102_4_timestamp.txt", b"2020-01-01 00:00:00 UTC"),
            ],
        ),
    )
    assert lying(course, "jo") == {"gpt2.ipynb": NOTEBOOK, "mine.py": b"y = 1"}
    assert "virus.exe is of a kind that is not asked for" in rows["jo"].remarks
    assert any("timestamp.txt left out" in each for each in rows["jo"].remarks)


def test_a_wrong_kind_of_file_is_refused_and_told_from_nothing(course, tmp_path):
    rows = from_canvas(
        course,
        written(
            tmp_path,
            [
                ("x_102_1_report.docx", b"PK"),
                ("y_103_text.html", b"<p>hi"),
            ],
        ),
    )
    assert {row.outcome for row in rows.values()} == {"refused"}
    assert "there is no notebook" in rows["jo"].remarks[0]
    assert rows["103"].remarks[0] == "a text typed into Canvas is no file"
    assert lying(course, "jo") == {}
    now = course.status(GPT2, "jo", False)
    assert (now.word, "report.docx" in now.reason) == ("unreadable", True)


def test_a_zip_inside_is_unpacked(course, tmp_path):
    inner = zipped([("hw/gpt2.ipynb", NOTEBOOK), ("hw/pic.png", b"\x89PNG")])
    rows = from_canvas(course, written(tmp_path, [("x_102_1_hw.zip", inner)]))
    assert lying(course, "jo") == {"gpt2.ipynb": NOTEBOOK, "pic.png": b"\x89PNG"}
    assert "unpacked hw.zip" in rows["jo"].remarks


@pytest.mark.parametrize(
    ("entry", "why"),
    [
        (link("x_102_1_gpt2.ipynb"), "symbolic link"),
        (("x_102_1_gpt2.ipynb", b"0" * 21_000_000), "more than 20000000 bytes"),
        (("x_102_1_gpt2.ipynb", b"0" * 5_000_000), "unpacks to more than 200 times"),
        (("x_102_1_a.zip", zipped([link("gpt2.ipynb")])), "symbolic link"),
        (("x_102_1_a.zip", zipped([("../gpt2.ipynb", NOTEBOOK)])), "leads out of its folder"),
        (("x_102_1_a.zip", b"PK not a zip"), "damaged"),
        (("x_102_1_gpt2\u202e.ipynb", NOTEBOOK), "control characters"),
    ],
)
def test_what_harms_refuses_one_students_part_and_not_the_class(course, tmp_path, entry, why):
    path = written(tmp_path, [entry, ("ada_101_2_gpt2.ipynb", NOTEBOOK)])
    rows = from_canvas(course, path)
    assert rows["101"].outcome == "collected"
    assert rows["jo"].outcome == "refused"
    assert any(why in each for each in rows["jo"].remarks), rows["jo"].remarks
    assert lying(course, "jo") == {}


def test_two_files_of_one_name_refuse_their_owner_only(course, tmp_path):
    path = written(
        tmp_path,
        [
            ("x_102_1_gpt2.ipynb", NOTEBOOK),
            ("X_102_1_gpt2.ipynb", b"{}"),
            ("ada_101_2_gpt2.ipynb", NOTEBOOK),
        ],
    )
    rows = from_canvas(course, path)
    assert (rows["101"].outcome, rows["jo"].outcome) == ("collected", "refused")


@pytest.mark.parametrize("name", ["../x_102_1_gpt2.ipynb", "/x_102_1_gpt2.ipynb", "..\\x_1_1_a.py"])
def test_a_name_that_leads_out_refuses_the_archive(tmp_path, name):
    path = written(tmp_path, [(name, NOTEBOOK), ("ada_101_2_gpt2.ipynb", NOTEBOOK)])
    with pytest.raises(intake.SubmissionRefused, match="leads out"), class_zip.opened(path):
        pass


def test_entries_that_share_bytes_refuse_the_archive(tmp_path):
    path = written(tmp_path, [("a_1_1_a.txt", b"0" * 900), ("b_2_2_b.txt", b"1" * 900)])
    raw = path.read_bytes()
    first, second = raw.index(b"PK\1\2"), raw.rindex(b"PK\1\2")
    path.write_bytes(raw[: second + 42] + raw[first + 42 : first + 46] + raw[second + 46 :])
    with pytest.raises(intake.SubmissionRefused), class_zip.opened(path):
        pass


@pytest.mark.parametrize("content", [b"", b"PK\5\6", b"no zip at all", zipped([])[:10]])
def test_a_damaged_archive_is_a_line(tmp_path, content):
    path = tmp_path / "submissions.zip"
    path.write_bytes(content)
    with pytest.raises(intake.SubmissionRefused) as refusal, class_zip.opened(path):
        pass
    assert "\n" not in str(refusal.value)


def test_another_kind_of_archive_or_none_is_a_line(tmp_path):
    for name, why in (("a.tar", "is no zip"), ("b.zip", "be read")):
        with pytest.raises(intake.SubmissionRefused, match=why), class_zip.opened(tmp_path / name):
            pass


def test_what_fails_while_an_archive_is_read_is_not_blamed_on_it(tmp_path):
    path = written(tmp_path, one(5))
    with pytest.raises(OSError, match="disk full"), class_zip.opened(path):
        raise OSError("disk full")


def test_canvas_archive_without_any_of_canvas_names_is_refused(course, tmp_path):
    with (
        class_zip.opened(written(tmp_path, [("gpt2.ipynb", NOTEBOOK)])) as archive,
        pytest.raises(intake.SubmissionRefused, match="as Canvas names them"),
    ):
        CanvasSubmissions(archive, Roster(), course.assignment(GPT2))


# What is there already


def one(upload, content=NOTEBOOK, who="102"):
    return [(f"x_{who}_{upload}_gpt2.ipynb", content)]


def test_the_same_again_changes_nothing(course, tmp_path):
    from_canvas(course, written(tmp_path, one(5)))
    before = (course.root / "submitted" / "jo" / GPT2).stat().st_ino
    assert from_canvas(course, written(tmp_path, one(5)))["jo"].outcome == "unchanged"
    assert (course.root / "submitted" / "jo" / GPT2).stat().st_ino == before


def test_a_later_upload_replaces_and_the_earlier_one_is_kept_aside(course, tmp_path):
    from_canvas(course, written(tmp_path, one(5)))
    assert from_canvas(course, written(tmp_path, one(6, b"{}")))["jo"].outcome == "replaced"
    assert lying(course, "jo") == {"gpt2.ipynb": b"{}"}
    aside = course.root / ".autograder" / "replaced" / GPT2 / "jo" / "1" / "gpt2.ipynb"
    assert aside.read_bytes() == NOTEBOOK


def test_an_earlier_upload_replaces_nothing(course, tmp_path):
    from_canvas(course, written(tmp_path, one(6)))
    row = from_canvas(course, written(tmp_path, one(5, b"{}")))["jo"]
    assert row.outcome == "kept"
    assert "a later one has been collected already" in row.remarks[0]
    assert lying(course, "jo") == {"gpt2.ipynb": NOTEBOOK}


def test_what_somebody_put_there_stays_unless_it_is_asked_for(course, tmp_path):
    classroom.hand_in(course, "jo", b"by hand")
    row = from_canvas(course, written(tmp_path, one(5)))["jo"]
    assert row.outcome == "kept"
    assert "--replace" in row.remarks[0]
    assert lying(course, "jo") == {"gpt2.ipynb": b"by hand"}
    assert from_canvas(course, written(tmp_path, one(5)), replace=True)["jo"].outcome == "replaced"


def test_what_was_changed_after_it_was_collected_stays(course, tmp_path):
    from_canvas(course, written(tmp_path, one(5)))
    classroom.hand_in(course, "jo", b"mended by hand")
    assert from_canvas(course, written(tmp_path, one(6)))["jo"].outcome == "kept"


def test_a_known_time_decides_between_systems(course, tmp_path):
    classroom.hand_in(course, "jo", b"by hand")
    stamp = classroom.hand_in(course, "jo", b"2025-11-04 01:02:02 UTC", "timestamp.txt")
    path = written(tmp_path, exported(("submission_5002/gpt2.ipynb", NOTEBOOK)))
    (stamp / "timestamp.txt").write_text("2025-11-04 01:02:04 UTC")
    assert from_gradescope(course, path)["jo"].outcome == "kept"
    (stamp / "timestamp.txt").write_text("2025-11-04 01:02:02 UTC")
    assert from_gradescope(course, path)["jo"].outcome == "replaced"


def test_a_dry_run_says_the_same_and_writes_nothing(course, tmp_path):
    path = written(tmp_path, [*one(5), ("x_103_1_a.docx", b"PK")])
    before = sorted(course.root.rglob("*"))
    dry = from_canvas(course, path, dry_run=True)
    assert sorted(course.root.rglob("*")) == before
    assert {n: r.outcome for n, r in dry.items()} == {
        n: r.outcome for n, r in from_canvas(course, path).items()
    }


@pytest.mark.parametrize("student", ["../../evil", ".hidden", "a/b", "", "x" * 200, "nul\0"])
def test_an_id_that_is_no_folders_name_is_refused(course, student):
    (row,) = Collector(course, course.assignment(GPT2), "canvas").collect(
        [IncomingSubmission(student, {"gpt2.ipynb": NOTEBOOK})]
    )
    assert row.outcome == "refused"
    assert not (course.root / "submitted").exists()


def test_an_assignment_that_is_turned_in_as_a_notebook_only_needs_one(course):
    plain = Collector(course, Assignment(GPT2, "Plain"), "canvas")
    both = {"gpt2.ipynb": NOTEBOOK, "template.py": TEMPLATE}
    rows = plain.collect(
        [IncomingSubmission("jo", both), IncomingSubmission("ada", {"template.py": TEMPLATE})]
    )
    assert {row.student: row.outcome for row in rows} == {"jo": "collected", "ada": "refused"}
    assert lying(course, "jo") == both
    reason = course.status(GPT2, "ada", False).reason
    assert reason == "there is no notebook: gpt2.ipynb is expected, and there is template.py"


@pytest.mark.parametrize(
    ("name", "raw", "why"),
    [
        ("gpt2.ipynb", b"", "the file is empty"),
        ("gpt2.ipynb", b"%PDF-1.7", "the file is a PDF and not a notebook"),
        ("gpt2.ipynb", NOTEBOOK[: len(NOTEBOOK) // 2], "cut"),
        ("template.py", b"def softmax(:", "no notebook could be made: template.py, line 1: "),
    ],
)
def test_what_is_collected_and_cannot_be_graded_says_so_in_its_line(
    course, tmp_path, name, raw, why
):
    rows = from_canvas(course, written(tmp_path, [(f"x_102_1_{name}", raw)]))
    assert rows["jo"].outcome == "collected"
    (line,) = (line for line in table(rows.values(), False).splitlines() if line.startswith("jo"))
    assert f"{name}: cannot be graded: " in line
    assert why in line


def test_several_notebooks_are_left_to_a_person(course, tmp_path):
    path = written(tmp_path, [("x_102_1_a.ipynb", NOTEBOOK), ("x_102_2_b.ipynb", NOTEBOOK)])
    row = from_canvas(course, path)["jo"]
    assert row.outcome == "collected"
    assert set(lying(course, "jo")) == {"a.ipynb", "b.ipynb"}
    assert "there are several: a.ipynb, b.ipynb" in row.remarks[-1]


# Gradescope


def test_gradescopes_export_gives_files_and_times(course, tmp_path, roster_csv):
    path = written(
        tmp_path,
        exported(
            ("submission_5001/template.py", TEMPLATE),
            ("submission_5001/2_4.txt", b"ROMEO: hark"),
            ("submission_5002/gpt2.ipynb", NOTEBOOK),
        ),
    )
    rows = from_gradescope(course, path, read_roster(course, roster_csv))
    assert set(rows) == {"ada", "jo", "émmy"}
    ada = lying(course, "ada")
    assert (ada["template.py"], ada["2_4.txt"]) == (TEMPLATE, b"ROMEO: hark")
    time = parse_utc(ada["timestamp.txt"].decode().strip())
    assert time == datetime(2025, 11, 3, 17, 59, 58, 120459)
    assert lying(course, "jo")["gpt2.ipynb"] == lying(course, "émmy")["gpt2.ipynb"] == NOTEBOOK
    assert "handed in by a group of 2" in rows["jo"].remarks


def test_a_known_time_is_compared_with_the_due_date(course, tmp_path, roster_csv):
    with course.gradebook() as gradebook:
        gradebook.update_or_create_assignment(GPT2, duedate="2025-11-03 18:00:00 UTC")
    path = written(
        tmp_path,
        exported(
            ("submission_5001/template.py", TEMPLATE), ("submission_5002/template.py", TEMPLATE)
        ),
    )
    rows = from_gradescope(course, path, read_roster(course, roster_csv))
    assert (rows["ada"].late, rows["jo"].late) == ("no", "by 7:02:03")


def test_the_notebook_that_is_made_holds_the_functions_and_needs_no_mending(course, tmp_path):
    path = written(
        tmp_path,
        exported(
            ("submission_5002/template.py", TEMPLATE), ("submission_5002/2_4.txt", b"ROMEO: hark")
        ),
    )
    rows = from_gradescope(course, path)
    notebook = nbformat.reads(lying(course, "jo")["gpt2.ipynb"].decode(), as_version=4)
    cells = {cell.id: cell.source for cell in notebook.cells}
    assert cells["a-1-1-solution"] == "def softmax(x):\n    return np.exp(x)"
    assert "ROMEO: hark" in cells["b-2-4-answer"]
    release = nbformat.read(course.root / "release" / GPT2 / "gpt2.ipynb", as_version=4)
    assert repair.repair(notebook, release).reasons == ()
    assert any("template.py does not define attention" in each for each in rows["jo"].remarks)


def test_no_notebook_is_made_where_none_is_wanted_or_can_be(course, tmp_path):
    path = written(tmp_path, exported(("submission_5002/template.py", TEMPLATE)))
    from_gradescope(course, path, notebook=False)
    assert set(lying(course, "jo")) == {"template.py", "timestamp.txt"}
    path = written(tmp_path, exported(("submission_5002/template.py", b"def f(:\n")))
    row = from_gradescope(course, path)["jo"]
    assert set(lying(course, "jo")) == {"template.py", "timestamp.txt"}
    assert "template.py, line 1: invalid syntax" in row.ungradable


def test_the_last_of_a_students_submissions_counts(course, tmp_path):
    about = METADATA[METADATA.index("submission_5002") :]
    twice = about.replace("5002", "5009") + about
    path = written(
        tmp_path,
        exported(
            ("submission_5009/gpt2.ipynb", b"later"),
            ("submission_5002/gpt2.ipynb", NOTEBOOK),
            metadata=twice,
        ),
    )
    from_gradescope(course, path)
    assert lying(course, "jo")["gpt2.ipynb"] == b"later"


def test_one_odd_submission_refuses_its_owner_only(course, tmp_path):
    path = written(
        tmp_path,
        exported(
            ("submission_5001/x.py", b""),
            ("submission_5002/gpt2.ipynb", NOTEBOOK),
        ),
    )
    info, to = link("assignment_123_export/submission_5001/template.py")
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(info, to)
    rows = from_gradescope(course, path)
    assert (rows["S1"].outcome, rows["jo"].outcome) == ("refused", "collected")
    assert "symbolic link" in rows["S1"].remarks[0]


@pytest.mark.parametrize(
    ("metadata", "why"),
    [
        ("a: [", "cannot be read"),
        ("- 1\n- 2\n", "not a list"),
        ("x: 3", "not a list"),
        ("&a [*a]", "not a list"),
        ("[" * 5000 + "]" * 5000, "cannot be read|not a list"),
    ],
)
def test_metadata_that_is_none_refuses_the_archive(course, tmp_path, metadata, why):
    path = written(tmp_path, exported(metadata=metadata))
    with pytest.raises(intake.SubmissionRefused, match=why):
        from_gradescope(course, path)


def test_an_archive_without_metadata_is_refused(course, tmp_path):
    path = written(tmp_path, [("submission_1/template.py", TEMPLATE)])
    with pytest.raises(intake.SubmissionRefused, match="use Export Submissions"):
        from_gradescope(course, path)


def test_tags_make_nothing_but_plain_values(tmp_path):
    mark = tmp_path / "made"
    found = gradescope_export.metadata(
        f"a:\n  :x: !!python/object/apply:os.mkdir ['{mark}']\n  :y: !ruby/object:Foo 3\n".encode()
    )
    assert found == {"a": {"x": [str(mark)], "y": "3"}}
    assert not mark.exists()


def test_aliases_within_aliases_do_not_grow():
    lines = ["a: &a {x: 1}"] + [
        f"{chr(98 + i)}: &{chr(98 + i)} {{<<: [*{chr(97 + i)}, *{chr(97 + i)}]}}" for i in range(24)
    ]
    assert len(gradescope_export.metadata("\n".join(lines).encode())) == 25


# template.py


@pytest.fixture(scope="module")
def release():
    return nbformat.read(ROOT / "release" / GPT2 / "gpt2.ipynb", as_version=4)


FILES = TurnIn("template.py", "2_4.txt")


def assembled(release, code, text=b""):
    done = template_py.assemble(release, FILES, {"template.py": code, "2_4.txt": text})
    return {cell.id: cell.source for cell in done.notebook.cells}


def test_what_runs_as_a_program_only_is_left_out_and_what_fails_stands_alone(release):
    code = (
        b"import torch\nimport numpy as np\nEPS = 1e-5\n\ndef more(x):\n    return x + EPS\n\n"
        b"def gelu(x):\n    return more(x)\n\nprint(gelu(1) / 0)\n\ndef late(x):\n    return x\n"
        b"if __name__ == '__main__':\n    exit()\n"
    )
    cells = assembled(release, code)
    own = [source for name, source in cells.items() if name.startswith("template-")]
    assert own[0] == "import torch"
    assert [source for source in own if "print" in source] == ["print(gelu(1) / 0)"]
    assert own[-1].startswith("def late")
    assert not any("exit" in source for source in cells.values())
    assert cells["b-1-1-solution"] == "def gelu(x):\n    return more(x)"


def test_a_function_that_is_bound_in_several_places_keeps_them_all(release):
    code = b"try:\n    from fast import gelu\nexcept ImportError:\n    gelu = int\ngelu = abs\n"
    cells = assembled(release, code)
    assert cells["b-1-1-solution"].startswith("try:")
    assert cells["b-1-1-solution"].endswith("gelu = abs")


@pytest.mark.parametrize(
    "code",
    [
        "\ufeffdef gelu(x):\r\n    return 'é'\r\n".encode(),
        "# coding: latin-1\ndef gelu(x):\n    return 'é'\n".encode("latin-1"),
    ],
)
def test_encodings_of_other_editors_are_read(release, code):
    cells = assembled(release, code)
    assert cells["b-1-1-solution"].endswith("def gelu(x):\n    return 'é'")


@pytest.mark.parametrize(
    ("code", "why"),
    [
        (b"def f(:", "line 1: invalid syntax"),
        (b"x = '\xff'", "UTF-8"),
        ("x = 1".encode("utf-16"), "UTF-8"),
        (b"a\0b", "null bytes"),
        (b"(" * 10_000, "too many nested|not Python"),
        (b"# coding: klingon\nx=1", "UTF-8"),
        (b"x = " + b"-" * 200_000 + b"1", "Python"),
    ],
)
def test_what_is_not_python_is_a_line(release, code, why):
    with pytest.raises(template_py.AssemblyError, match=why) as error:
        assembled(release, code)
    assert "\n" not in str(error.value)


def test_a_text_cannot_leave_its_fence(release):
    cells = assembled(release, b"", b"```\n<script>alert(1)</script>\n````\n")
    assert cells["b-2-4-answer"].splitlines()[2] == "`````text"
    assert cells["b-2-4-answer"].splitlines()[-1] == "`````"


def test_a_text_that_cannot_be_placed_is_not_dropped_in_silence(release):
    answer = next(cell for cell in release.cells if cell.id == "b-2-4-answer")
    twice = nbformat.from_dict({**release, "cells": [*release.cells, {**answer, "id": "second"}]})
    files = {"template.py": b"", "2_4.txt": b"ROMEO"}
    reasons = template_py.assemble(twice, FILES, files).reasons
    assert reasons[-1] == "2_4.txt was left out: the assignment has 2 written answers, not one"
    long = template_py.assemble(release, FILES, files | {"2_4.txt": b"x" * 100_001})
    assert long.reasons[-1] == "2_4.txt has 100001 characters; the first 100000 were taken"


def test_without_a_text_the_answer_is_as_it_was_handed_out(release):
    was = next(cell.source for cell in release.cells if cell.id == "b-2-4-answer")
    assert assembled(release, b"", b" \n")["b-2-4-answer"] == was


# The command


def run(course, monkeypatch, *arguments):
    monkeypatch.chdir(course.root)
    return CliRunner().invoke(main.app, list(map(str, arguments)))


def test_the_command_prints_a_table_and_exits_with_zero(course, tmp_path, monkeypatch, roster_csv):
    path = written(tmp_path, [*one(5), ("x_101_1_a.docx", b"PK"), ("README.txt", b"hi")])
    done = run(
        course, monkeypatch, "collect", "canvas", path, "--assignment", GPT2, "--roster", roster_csv
    )
    assert done.exit_code == 0, done.output
    assert "1 collected, 1 refused" in done.output
    assert "not collected: 'README.txt' is nobody's" in done.output
    assert (course.root / ".autograder" / "collected" / GPT2 / "jo.json").is_file()


def test_the_command_fails_where_nothing_could_be_collected(course, tmp_path, monkeypatch):
    path = written(tmp_path, [("x_101_1_a.docx", b"PK")])
    done = run(course, monkeypatch, "collect", "canvas", path, "--assignment", GPT2)
    assert isinstance(done.exception, CourseError)
    assert "nothing was collected" in str(done.exception)


def test_the_command_says_why_an_archive_is_refused(course, tmp_path, monkeypatch):
    path = written(tmp_path, [("../x_1_1_a.py", b"")])
    done = run(course, monkeypatch, "collect", "gradescope", path, "--assignment", GPT2)
    assert isinstance(done.exception, CourseError)
    assert "submissions.zip cannot be collected: '../x_1_1_a.py' leads out" in str(done.exception)


def test_what_was_collected_is_remembered_soundly(course, tmp_path):
    from_canvas(course, written(tmp_path, one(5)))
    path = course.root / ".autograder" / "collected" / GPT2 / "jo.json"
    record = CollectionRecord.read(path)
    assert (record.source, record.order, set(record.hashes)) == ("canvas", 5, {"gpt2.ipynb"})
    path.write_text("damaged")
    assert from_canvas(course, written(tmp_path, one(6, b"{}")))["jo"].outcome == "kept"


def test_a_table_tells_names_states_and_reasons(course, tmp_path):
    path = written(tmp_path, [*one(5), ("x_101_1_a.docx", b"PK")])
    text = table(from_canvas(course, path).values(), dry_run=True)
    assert text.splitlines()[1].split() == ["101", "refused", "no", "a.docx"]
    assert text.splitlines()[-1] == "dry run: 1 collected, 1 refused"


def test_what_is_there_and_cannot_be_read_is_left_alone(course, tmp_path):
    folder = classroom.hand_in(course, "jo", b"x")
    (folder / "link").symlink_to("/etc/passwd")
    row = from_canvas(course, written(tmp_path, one(5)), replace=True)["jo"]
    assert (row.outcome, "cannot be read" in row.remarks[0]) == ("kept", True)


def test_times_are_read_in_all_the_ways_that_they_are_written():
    want = datetime(2025, 1, 2, 3, 4, 5, tzinfo=UTC)
    for value in (want, want.replace(tzinfo=None), {"utc": want}, "2025-01-02 03:04:05 UTC"):
        assert gradescope_export._time(value) == want
    assert gradescope_export._time("yesterday") is None
