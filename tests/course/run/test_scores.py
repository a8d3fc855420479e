"""The table of scores has every point that formgrader has, whoever gave it."""

import asyncio
from types import SimpleNamespace

import pytest

from course import nbgrader_internals
from course.report import audit
from course.run import scores
from course.run.scores import NbgraderRunner
from tests.support.classroom import GPT2, Fake, configure, example, grade, hand_in, make_course

pytestmark = pytest.mark.filterwarnings("ignore")  # nbgrader's and SQLAlchemy's own
ANSWER = "b-2-4-answer"


@pytest.fixture
def course(tmp_path):
    made = make_course(tmp_path / "course")
    hand_in(made, "ada", example("answers"))
    grade(made, Fake())
    return made


def mark(course, cell, **values):
    """Change a mark as formgrader does, which sends numbers as text."""
    audit.watch()
    with course.gradebook() as gradebook:
        grades = {g.name: g for g in gradebook.find_submission(GPT2, "ada").notebooks[0].grades}
        for name, value in values.items():
            setattr(grades[cell], name, value)
        gradebook.db.commit()


def formgraders(course):
    with course.gradebook() as gradebook:
        return gradebook.find_submission(GPT2, "ada").score


def test_marks_that_persons_gave_are_in_the_table(course):
    before = NbgraderRunner(course).result(GPT2, "ada")
    mark(course, ANSWER, manual_score=5.0, needs_manual_grade=False)
    after = NbgraderRunner(course).result(GPT2, "ada")
    assert after.score == before.score + 5 == formgraders(course)
    assert f" {after.score:g}/100" in scores.table([after])
    assert after.needs_manual == before.needs_manual - 8


def test_extra_credit_and_a_test_that_a_person_marked_are_in_the_table(course):
    test = NbgraderRunner(course).result(GPT2, "ada").automatic[0].name
    mark(course, test, manual_score=0.5, extra_credit=1.0)
    assert NbgraderRunner(course).result(GPT2, "ada").score == formgraders(course)


def test_the_table_says_what_lateness_costs(course):
    configure(course, "c.AssignLatePenalties.plugin_class = 'tests.support.classroom.ByTheHour'")
    result = scores.Score("ada", GPT2, by_persons=10.0, penalty=7.5, out_of=100.0)
    assert scores.table([result]).splitlines()[1].endswith("graded, 7.5 off for lateness")


# Whose mark it is, where all staff are one Unix user


def asked_by(base, user):
    """Answer a request of formgrader's, and return what it writes into the trail as its author."""

    class Handler(base.BaseHandler):
        def __init__(self):
            self.current_user = user

    async def answer():
        await Handler().prepare()
        return audit._author("manual_score")

    return asyncio.run(answer())


def test_on_a_hub_the_trail_names_who_gave_a_mark(monkeypatch):
    from nbgrader.server_extensions.formgrader import base

    async def prepare(self):
        return None

    monkeypatch.setattr(base.BaseHandler, "prepare", prepare)
    monkeypatch.setattr(base.BaseHandler, "_prepare_alone", prepare, raising=False)
    nbgrader_internals.tell_who_asks(audit.hub_user.set)
    nbgrader_internals.tell_who_asks(audit.hub_user.set)  # as every loading of the settings does
    monkeypatch.setattr(audit.getpass, "getuser", lambda: "grader")
    assert asked_by(base, SimpleNamespace(hub_user={"name": "ta"})) == "ta"
    assert asked_by(base, SimpleNamespace(hub_user={"name": "instructor"})) == "instructor"
    assert asked_by(base, SimpleNamespace(username="anonymous")) == "grader"
    assert asked_by(base, None) == "grader"


def test_requests_that_are_answered_at_the_same_time_keep_their_names(monkeypatch):
    from nbgrader.server_extensions.formgrader import base

    async def prepare(self):
        return None

    monkeypatch.setattr(base.BaseHandler, "prepare", prepare)
    monkeypatch.setattr(base.BaseHandler, "_prepare_alone", prepare, raising=False)
    nbgrader_internals.tell_who_asks(audit.hub_user.set)

    async def one(name):
        handler = SimpleNamespace(current_user=SimpleNamespace(hub_user={"name": name}))
        await base.BaseHandler.prepare(handler)
        await asyncio.sleep(0)
        return audit._author("manual_score")

    async def all_of_them():
        return await asyncio.gather(*map(one, ("ta", "instructor", "ta2")))

    assert asyncio.run(all_of_them()) == ["ta", "instructor", "ta2"]


def test_the_audit_can_be_read_after_a_mark_that_formgrader_sent_as_text(course):
    mark(course, ANSWER, manual_score="6.5")
    (change,) = [c for c in audit.read(course.root, GPT2) if c.what == "manual_score"]
    assert change.after == 6.5
