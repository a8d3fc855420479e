"""What crosses a process or a file is checked where it comes in."""

import doctest
import json

import pytest
from nbformat.v4 import new_code_cell

from autograder import cell_notes, policy
from autograder.cell_notes import CellNote, Diagnosis, FailedTest
from autograder.job import Job, Release, key
from autograder.policy import Policy
from autograder.result import Result
from autograder.status import STATUSES, Status
from autograder.submission.prepared import CellRecord

CELL = CellRecord("a-test", "code", "assert True", locked=True, checksum="12")
RELEASE = Release("intro", "{}", (CELL,), {"figure.png": b"\x89PNG\xff"}, 'title = "Intro"')
SETTINGS = {"LimitOutput": {"max_lines": 100}}
JOB = Job(
    RELEASE,
    {"intro.ipynb": b"\xff{}"},
    Policy(cell_seconds=5),
    SETTINGS,
    b"draws",
    "code",
    "catalogue",
    "data",
    {"python": "3.11.7"},
)
RESULT = Result("repaired", ("one", "two"), "{}", {"a-test": 0.5}, 1.5, {"policy": "12"})


def test_a_job_comes_out_as_it_went_in():
    assert Job.read(JOB.pack()) == JOB
    assert key(Job.read(JOB.pack()).pack()) == key(JOB.pack())
    assert Job.read(JOB.pack()).parts == JOB.parts


def test_a_result_comes_out_as_it_went_in():
    assert Result.read(RESULT.pack()) == RESULT
    assert Result.read(RESULT.pack()).status("key") == Status(
        "repaired", ("one", "two"), "key", 1.5, {"policy": "12"}
    )


def test_a_status_comes_out_as_it_went_in():
    status = RESULT.status("key")
    assert Status.from_json(status.to_json()) == status


def broken(**changes):
    values = json.loads(JOB.pack()) | changes
    return json.dumps({name: v for name, v in values.items() if v != "gone"}).encode()


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"", "not a job"),
        (b"[]", "not a job: no object"),
        (JOB.pack()[:200], "not a job"),
        (broken(version=1), "of version 1, not"),
        (broken(code=7), "code is int, and str is expected"),
        (broken(code="gone"), "not a Job: .*missing 1 required positional argument: 'code'"),
        (broken(more=1), "not a Job: .*unexpected keyword argument 'more'"),
        (broken(submitted=[]), "submitted is list, and dict is expected"),
        (broken(submitted={"a": "?"}), "no base64"),
        (broken(draws="xy"), "non-hexadecimal"),
        (broken(policy={"cell_second": 1}), "has no cell_second; did you mean cell_seconds"),
        (broken(policy={"memory": "3 GB"}), "Policy.memory is '3 GB', and int is expected"),
        (broken(policy={"restarts": -1}), "Policy.restarts is -1, and 0 or more is expected"),
        (broken(policy={"sandbox": 1}), "Policy.sandbox is 1, and bool is expected"),
        (broken(release={"notebook": "x"}), "cells is NoneType, and list is expected"),
    ],
)
def test_a_damaged_job_is_refused_in_a_line(raw, message):
    with pytest.raises(ValueError, match=message) as caught:
        Job.read(raw)
    assert "\n" not in str(caught.value)


def signed(**changes):
    values = {**vars(RESULT), "version": 2, **changes}
    made = object.__new__(Result)
    made.__dict__.update({name: v for name, v in values.items() if name != "version"})
    return made.pack()


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"", "cut short"),
        (RESULT.pack()[:-5], "cut short"),
        (RESULT.pack().replace(b"repaired", b"graded"), "cut short"),
        (signed(word="splendid"), "a result with the status 'splendid'"),
        (signed(reasons="why"), "reasons is str, and list is expected"),
        (signed(total="long"), "total is str"),
    ],
)
def test_a_damaged_result_is_refused_in_a_line(raw, message):
    with pytest.raises(ValueError, match=message) as caught:
        Result.read(raw)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        '{"word": "graded"}',
        Status("graded").to_json().replace("graded", "great"),
        Status("graded").to_json().replace('"seconds": 0.0', '"seconds": "long"'),
        Status("graded", ("why",)).to_json().replace('["why"]', "[7]"),
        Status("graded").to_json().replace('"marks": null', '"marks": 7'),
    ],
)
def test_a_damaged_status_is_refused(text):
    with pytest.raises(ValueError, match=r"."):
        Status.from_json(text)


def test_every_status_is_a_mark_or_none():
    assert [word for word in STATUSES if not Status(word).is_graded] == [
        "not in the gradebook",
        "failed",
        "missing",
        "unreadable",
    ]


DIAGNOSIS = Diagnosis(function="f", where="problem 1", summary="f is wrong", hint="h")
NOTES = [
    CellNote(0.5),
    CellNote(0.5, FailedTest(None, hidden=True)),
    CellNote(1.0, FailedTest(3, hidden=False, diagnosis=DIAGNOSIS)),
]


@pytest.mark.parametrize("note", NOTES)
def test_a_note_on_a_cell_comes_out_as_it_went_in(note):
    cell = new_code_cell()
    note.write(cell)
    assert CellNote.read(cell) == note
    assert CellNote.read(json.loads(json.dumps(cell))) == note


@pytest.mark.parametrize(
    "metadata", [{}, {"autograder": 1}, {"autograder": {}}, {"autograder": {"seconds": "1"}}]
)
def test_what_is_no_note_is_none(metadata):
    assert CellNote.read({"metadata": metadata}) is None


def test_of_a_damaged_note_the_sound_part_is_read():
    note = {"seconds": 1, "line": 2, "hidden": False, "diagnosis": {"function": 7}}
    assert CellNote.read({"metadata": {"autograder": note}}) == CellNote(1.0, FailedTest(2, False))


@pytest.mark.parametrize("module", [cell_notes, policy])
def test_examples_in_docstrings_hold(module):
    found = doctest.testmod(module)
    assert (found.failed, found.attempted > 0) == (0, True)
