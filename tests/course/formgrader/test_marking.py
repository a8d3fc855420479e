"""What formgrader's page of a submission is made of: mark schemes, code, and few queries."""

import html
import logging
import re

import jinja2
import pytest
from sqlalchemy import event

from course.formgrader import marking
from tests.support.classroom import GPT2, ROOT, make_course

ANSWER = "b-2-4-answer"
SOURCES = ["", "x < 1 & y", "def f(:\n  '''open", "</pre><script>x</script>", "\n\nx = 'a'  # b"]
pytestmark = pytest.mark.filterwarnings("ignore")


def test_only_formgrader_gets_mark_schemes():
    about = {"metadata": {"path": str(ROOT)}, "assignment_id": GPT2}
    looks_up = marking.MarkSchemes()
    _, theirs = looks_up.preprocess(None, {**about, "submission_id": "1"})
    _, others = looks_up.preprocess(None, about)
    assert set(theirs["mark_schemes"]) == {ANSWER}
    assert "mark_schemes" not in others


def test_a_page_without_a_master_is_shown_and_says_why(tmp_path, caplog):
    (tmp_path / "nbgrader_config.py").write_text("")
    (tmp_path / "source").mkdir()
    about = {"metadata": {"path": str(tmp_path)}, "assignment_id": "hw", "submission_id": "1"}
    looks_up = marking.MarkSchemes(log=logging.getLogger("test"))
    _, resources = looks_up.preprocess(None, about)
    assert "mark_schemes" not in resources
    (line,) = caplog.messages
    assert line.startswith("no mark scheme is shown: no assignment hw")


def test_a_cell_shows_its_own_pictures_and_a_mark_scheme_the_masters():
    text = "![x](attachment:a.png)"
    cell = {"attachments": {"a.png": {"image/png": "c3R1ZGVudA=="}}}
    master = {"a.png": {"image/png": "bWFzdGVy"}}
    environment = jinja2.Environment(autoescape=True)
    environment.filters["markdown2html"] = marking.markdown_to_html
    answer, scheme, without = (
        environment.from_string(f"{{{{ text | markdown2html{given} }}}}").render(
            text=text, cell=cell, master=master
        )
        for given in ("", "(master)", "({})")
    )
    assert "c3R1ZGVudA==" in answer
    assert "bWFzdGVy" in scheme
    assert "[picture: x]" in without


@pytest.mark.parametrize(
    "source", ["", "x < 1 & y", "def f(:\n  '''open", "</pre><script>x</script>"]
)
@pytest.mark.parametrize("locked", [True, False])
def test_code_is_shown_as_it_is(source, locked):
    page = marking.code_to_html(source, metadata={"nbgrader": {"locked": locked}})
    text = html.unescape(re.sub(r"<[^<>]*>", "", page))
    assert text.strip() == source.strip()
    assert "<script" not in page


def test_what_a_student_wrote_has_colours_and_few_elements():
    source = "\n".join(f"def f{i}(x, y):\n    return [x + {i}, y * 2]  # so" for i in range(50))
    page = marking.code_to_html(source)
    assert 'class="k"' in page
    assert page.count("<") < 5 * 2 * 50
    assert marking.code_to_html(source, metadata={"nbgrader": {"locked": True}}).count("<") == 4


def test_all_submissions_are_read_with_a_query_or_two(tmp_path):
    course = make_course(tmp_path / "course")
    with course.gradebook() as gradebook:
        for number in range(20):
            gradebook.add_student(name := f"s{number}")
            gradebook.add_submission(GPT2, name)
        gradebook.db.expire_all()
    marking.read_together()
    asked = []
    with course.gradebook() as gradebook:
        event.listen(
            gradebook.engine, "before_cursor_execute", lambda *about: asked.append(about[2])
        )
        found = gradebook.notebook_submissions(GPT2, GPT2)
        assert sorted((each.student.id, each.name) for each in found) == sorted(
            (f"s{number}", GPT2) for number in range(20)
        )
        assert len(asked) <= 2
        assert len(gradebook.submission_dicts(GPT2)) == 20  # other queries go on as they were
        assert len(gradebook.student_dicts()) == 20
