"""Submissions from nbgrader's exchange: an owner's alone, at the time in the folder's name."""

import os
import pwd
from datetime import UTC, datetime, timedelta

import pytest
from nbgrader.exchange.default import Exchange
from nbgrader.utils import notebook_hash
from typer.testing import CliRunner

from course.cli import main
from course.directory import CourseError
from course.exchange.collect import Collector, Outcome
from course.exchange.inbound import inbound_of, submissions_to
from course.run import status_files
from course.run.scores import NbgraderRunner
from tests.support.classroom import GPT2, Fake, configure, example, grade, make_course

pytestmark = pytest.mark.filterwarnings("ignore")  # nbgrader's and SQLAlchemy's own
ME = pwd.getpwuid(os.getuid()).pw_name
NOON = "2026-03-02 12:00:00.000000 UTC"
LATER = "2026-03-02 13:00:00.000000 UTC"


@pytest.fixture
def course(tmp_path):
    made = make_course(tmp_path / "course")
    configure(made, f"c.Exchange.root = {str(tmp_path / 'exchange')!r}")
    for folder in ("inbound", "feedback"):
        (tmp_path / "exchange" / "sequence-models" / folder).mkdir(parents=True)
    return made


def submit(course, student=ME, time=NOON, notebook=None, stamp=None, random="+Xy_z-123"):
    """Put a folder into inbound, as nbgrader submit does."""
    folder = inbound_of(course) / f"{student}+gpt2+{time}{random}"
    folder.mkdir()
    (folder / "gpt2.ipynb").write_bytes(notebook or example("half-done"))
    (folder / "timestamp.txt").write_text(time if stamp is None else stamp, "utf-8")
    (folder / "submission_secret.txt").write_text(f"secret of {student} {time}", "utf-8")
    return folder


def collect(course, **more):
    inbound = submissions_to(course, GPT2, **more)
    collector = Collector(course, course.assignment(GPT2), "exchange")
    return list(collector.collect(inbound.submissions())), inbound.refused


def collected(course, student=ME):
    return course.root / "submitted" / student / GPT2


def test_a_submission_is_collected_with_its_time_and_its_secret(course):
    submit(course)
    rows, refused = collect(course)
    assert [(row.student, row.outcome) for row in rows] == [(ME, Outcome.COLLECTED)]
    assert refused == []
    assert (collected(course) / "timestamp.txt").read_text("utf-8").strip() == NOON
    assert (collected(course) / "submission_secret.txt").is_file()
    assert (collected(course) / "gpt2.ipynb").read_bytes() == example("half-done")


def test_pictures_of_the_release_that_come_back_are_left_out_without_a_word(course):
    folder, name = submit(course), "pictures/block.svg"
    given = (course.root / "release" / GPT2 / name).read_bytes()
    (folder / "pictures").mkdir()
    (folder / name).write_bytes(given)
    (folder / "pictures" / "mine.svg").write_bytes(given)
    (row,), _ = collect(course)
    assert row.remarks == ("pictures/mine.svg is of a kind that is not asked for", *row.remarks[1:])
    assert not (collected(course) / "pictures").exists()


def test_of_several_the_last_counts_and_what_was_there_is_kept(course):
    submit(course)
    collect(course)
    submit(course, time=LATER, notebook=example("perfect"))
    rows, _ = collect(course)
    assert [row.outcome for row in rows] == [Outcome.REPLACED]
    assert (collected(course) / "gpt2.ipynb").read_bytes() == example("perfect")
    kept = course.root / status_files.FOLDER / "replaced" / GPT2 / ME / "1" / "gpt2.ipynb"
    assert kept.read_bytes() == example("half-done")
    rows, _ = collect(course)
    assert [row.outcome for row in rows] == [Outcome.UNCHANGED]


def test_a_folder_with_anothers_name_is_refused_and_takes_nobodys_place(course):
    submit(course)
    forged = submit(course, student="student2", time=LATER, notebook=example("blank"))
    rows, refused = collect(course)
    assert [row.student for row in rows] == [ME]
    assert refused == [f"refused: {forged.name}: it was made by {ME}, and not by student2"]
    assert not (course.root / "submitted" / "student2").exists()
    assert status_files.read(course.root, GPT2, "student2") is None


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to give files away")
def test_what_somebody_else_has_put_into_a_folder_refuses_it_and_the_one_before_counts(course):
    submit(course)
    later = submit(course, time=LATER, notebook=example("blank"))
    os.chown(later / "gpt2.ipynb", 61234, 61234)
    rows, refused = collect(course)
    assert [row.outcome for row in rows] == [Outcome.COLLECTED]
    assert (collected(course) / "gpt2.ipynb").read_bytes() == example("half-done")
    assert refused == [f"refused: {later.name}: gpt2.ipynb in it was put there by user 61234"]


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to give files away")
def test_a_folder_of_a_user_who_is_gone_is_refused(course):
    folder = submit(course)
    os.chown(folder, 61234, 61234)
    rows, refused = collect(course)
    assert rows == []
    assert refused == [f"refused: {folder.name}: it was made by user 61234, and not by {ME}"]


def test_a_changed_timestamp_is_told_and_the_folders_name_counts(course):
    submit(course, stamp="2026-03-01 08:00:00 UTC")
    (row,), _ = collect(course)
    assert (collected(course) / "timestamp.txt").read_text("utf-8").strip() == NOON
    assert row.remarks[0] == (
        "timestamp.txt says '2026-03-01 08:00:00 UTC', the folder's name 2026-03-02 12:00:00 UTC: "
        "the name counts"
    )


@pytest.mark.parametrize("stamp", ["", "yesterday", "\x00\x01", "03/02/2026 12:00"])
def test_a_timestamp_that_says_nothing_is_told_too(course, stamp):
    submit(course, stamp=stamp)
    (row,), _ = collect(course)
    assert row.outcome == Outcome.COLLECTED
    assert row.remarks[0].endswith("the name counts")


def test_a_missing_timestamp_is_told(course):
    (submit(course) / "timestamp.txt").unlink()
    (row,), _ = collect(course)
    assert row.remarks[0] == "timestamp.txt is missing: the time in the folder's name counts"


def test_a_folder_that_was_renamed_to_an_earlier_time_is_told(course):
    now = datetime.now(UTC)
    folder = submit(course, time=f"{now:%Y-%m-%d %H:%M:%S.%f} UTC")
    (row,), _ = collect(course)
    assert not any("by the disk" in remark for remark in row.remarks)
    earlier = now - timedelta(hours=3)
    time = f"{earlier:%Y-%m-%d %H:%M:%S.%f} UTC"
    (folder / "timestamp.txt").write_text(time, "utf-8")
    folder.rename(folder.with_name(f"{ME}+gpt2+{time}+Xy_z-123"))
    (row,), _ = collect(course)
    assert any("by the disk it was changed at" in remark for remark in row.remarks)


@pytest.mark.parametrize(
    ("name", "why"),
    [
        (f"{ME}+gpt2+soon", "is no date with a time"),
        (f"{ME}+gpt2+2199-01-01 00:00:00 UTC+x", "is still to come"),
        (f"{ME}+gpt2+03/04/2026", ""),
        ("+gpt2+2026-03-02 12:00:00 UTC", ""),
        (f"{ME}+gpt2-b+2026-03-02 12:00:00 UTC", ""),
        (f"{ME}+gpt2+2026-03-02 12:00:00 UTC+a+b", ""),
        (f"{ME}+../gpt2", ""),
    ],
)
def test_names_that_nbgrader_does_not_make_are_refused_or_left_alone(course, name, why):
    (inbound_of(course) / name.replace("/", "_")).mkdir()
    rows, refused = collect(course)
    assert rows == []
    assert (why in refused[0]) if why else all(ME in line for line in refused)


def test_a_link_in_place_of_a_folder_is_refused(course):
    target = course.root / "source" / GPT2
    (inbound_of(course) / f"{ME}+gpt2+{NOON}+x").symlink_to(target)
    (row,), _ = collect(course)
    assert (row.outcome, row.files) == (Outcome.REFUSED, ())
    assert "symbolic link" in row.remarks[0]


def test_a_link_to_the_solutions_in_a_folder_is_refused(course):
    folder = submit(course)
    (folder / "gpt2.ipynb").unlink()
    (folder / "gpt2.ipynb").symlink_to(course.master(GPT2))
    (row,), _ = collect(course)
    assert row.outcome == Outcome.REFUSED
    assert not collected(course).exists()


def test_an_empty_folder_is_no_submission(course):
    (inbound_of(course) / f"{ME}+gpt2+{NOON}+x").mkdir()
    (row,), _ = collect(course)
    assert (row.outcome, row.remarks[0]) == (Outcome.REFUSED, "there is no file in it")


def test_where_everybody_is_one_user_names_can_be_believed(course):
    submit(course, student="ada")
    submit(course, student="jo")
    rows, refused = collect(course, by_owner=False)
    assert [row.student for row in rows] == ["ada", "jo"]
    assert refused == []


# The command, and formgrader's buttons


def run(course, monkeypatch, *words):
    monkeypatch.chdir(course.root)
    return CliRunner().invoke(main.app, ["collect", "exchange", *words])


def test_the_command_prints_a_line_for_everybody_and_for_what_it_refuses(course, monkeypatch):
    submit(course)
    submit(course, student="student2")
    done = run(course, monkeypatch, GPT2)
    assert done.exit_code == 0, done.output
    assert f"{ME:24} collected" in done.output
    assert "refused: student2+gpt2+" in done.output


def test_a_dry_run_writes_nothing(course, monkeypatch):
    submit(course)
    done = run(course, monkeypatch, GPT2, "--dry-run")
    assert "dry run: 1 collected" in done.output
    assert not collected(course).exists()


def test_an_exchange_that_is_not_there_is_one_line(course, monkeypatch):
    configure(course, "c.Exchange.root = '/nowhere/at/all'")
    error = run(course, monkeypatch, GPT2).exception
    assert isinstance(error, CourseError)
    assert "/nowhere/at/all/sequence-models/inbound cannot be listed" in str(error)


def test_nothing_to_collect_is_an_error_that_says_so(course, monkeypatch):
    error = run(course, monkeypatch, GPT2).exception
    assert isinstance(error, CourseError)
    assert str(error).startswith("no submission of gpt2 was collected")


def test_formgraders_collect_refuses_the_same(course):
    submit(course)
    forged = submit(course, student="student2", time=LATER)
    done = NbgraderRunner(course).api.collect(GPT2)
    assert done["success"], done
    assert forged.name in done["log"]
    assert [path.name for path in (course.root / "submitted").iterdir()] == [ME]


@pytest.fixture
def graded(course):
    """Two who handed in through the exchange, and one whose folder somebody made by hand."""
    submit(course, student="ada")
    submit(course, student="jo")
    collect(course, by_owner=False)
    folder = course.root / "submitted" / "late" / GPT2
    folder.mkdir(parents=True)
    (folder / "gpt2.ipynb").write_bytes(example("half-done"))
    grade(course, Fake())
    NbgraderRunner(course).pages(GPT2, ["ada", "jo", "late"])
    return course


def released(course):
    return {path.stem for path in (inbound_of(course).parent / "feedback").glob("*.html")}


def name_of(student):
    return notebook_hash(secret=f"secret of {student} {NOON}", notebook_id=GPT2)


def test_one_submission_without_a_timestamp_stops_nobodys_feedback(graded):
    done = NbgraderRunner(graded).api.release_feedback(GPT2)
    assert done["success"], done
    assert released(graded) == {name_of("ada"), name_of("jo")}
    assert "no feedback released for late: what was graded has no" in done["log"]


def test_one_students_feedback_can_be_released_alone(graded):
    NbgraderRunner(graded).api.release_feedback(GPT2, "jo")
    assert released(graded) == {name_of("jo")}


def test_a_page_that_is_older_than_its_grading_is_not_released(graded):
    page = graded.root / "feedback" / "ada" / GPT2 / "gpt2.html"
    os.utime(page, (0, 0))
    done = NbgraderRunner(graded).api.release_feedback(GPT2)
    assert "no feedback released for ada: its page is older than its grading" in done["log"]
    assert released(graded) == {name_of("jo")}


def test_nbgraders_own_default_is_where_an_exchange_lies_if_nothing_is_set(tmp_path):
    course = make_course(tmp_path / "course")
    assert str(inbound_of(course)).startswith(Exchange.root.default_value)
