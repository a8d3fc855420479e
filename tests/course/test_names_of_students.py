"""A folder's name that a terminal or a browser would run is left out, with a line."""

import shutil

import pytest

from course import nbgrader_internals
from course.cli import common
from course.directory import harmless, is_name
from course.run import nbgrader_plugin
from tests.support import classroom

BAD = ("<img src=x onerror=alert(1)>", "\x1b[2J", "a\u202eb", "a\u200eb", "x\ny", 'a"b', "a&lt;b")
GOOD = ("ann", "José", "o'neil", "жук", "李", "a b", "ann@example.org", "x_1-2.3")
pytestmark = [
    pytest.mark.filterwarnings("ignore"),  # nbgrader's, jupyter's and SQLAlchemy's own
    pytest.mark.skipif(shutil.which("bwrap") is None, reason="needs bubblewrap"),
]


def test_names_are_refused_or_taken():
    assert [name for name in BAD if is_name(name)] == []
    assert [name for name in GOOD if is_name(name)] == [*GOOD]
    assert not is_name(b"\xff".decode(errors="surrogateescape"))


def test_a_folder_of_such_a_name_is_a_line_and_the_others_are_there(tmp_path, capsys):
    course = classroom.make_course(tmp_path / "course")
    for name in (*BAD, *GOOD):
        classroom.hand_in(course, name, b"")
    assert course.students(classroom.GPT2) == sorted(GOOD)
    assert common.chosen(course, classroom.GPT2, None) == sorted(GOOD)
    err = capsys.readouterr().err
    assert len(err.splitlines()) == len(BAD)
    assert all(c.isprintable() or c == "\n" for c in err)
    nbgrader_plugin.install()
    assert course.nbgrader().get_submitted_students(classroom.GPT2) == set(GOOD)
    assert nbgrader_internals.missing() == []


def test_what_is_printed_moves_no_cursor(capsys):
    common.say("a\x1b[2Jb", "c\u202ed", "\u00e9\tx")
    assert capsys.readouterr().out == "a\\x1b[2Jb c\\u202ed \u00e9\tx\n"
    assert harmless("one\r\ntwo\n") == "one\ntwo\n"
