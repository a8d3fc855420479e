"""What reads a student's text takes time in proportion to its length, whatever the text is.

Each reader gets texts of a length for which one that takes time as the square of it would need
minutes of the processor, and Linux ends the process that it runs in long before.
"""

import contextlib
import json
import os
import re
import resource
import signal
import traceback
from collections.abc import Callable
from typing import Any

import pytest
from nbformat.v4 import new_markdown_cell, new_notebook, new_output

from autograder import regions
from autograder.execution import outputs
from autograder.status import Reasons, Unreadable
from autograder.submission import matching, notebook_file, reader, writing
from course.exchange import collect
from course.feedback import failures, leak_check, markup, problems, wording
from course.formgrader import marking
from course.report import similarity
from seqlab import mathml, names, notebooks, static_checks
from tests.support import nasty

LONG, SHORT = 150_000, 15_000  # characters; the latter for what builds syntax trees
CPU_SECONDS = 60  # for all texts together, which takes a few


def wording_of(text: str) -> None:
    for owner in {owner for owner, _, _ in wording.OWN_MESSAGES}:
        wording.of_exception(owner, text, frozenset())
    for start in ("", "your ", "your a: ", "your a at [0]: "):
        wording.of_check(start + text, "")
    wording.of_summary(text, frozenset())
    wording.of_reason(text)
    wording.names_in([text])


def failure_of(text: str) -> None:
    failures.IN_TEST.search("Cell In[1]" + text)
    failures.IN_STUDENTS.findall(text)
    failures._syntax(text)


def read(text: str) -> None:
    notebook = new_notebook(cells=[new_markdown_cell(text)])
    reader.read(json.dumps(notebook).encode(), Reasons())


def choose(text: str) -> None:
    notebook_file.choose_notebook([f"{text[:4000]}.ipynb", "a.ipynb"], "gpt2.ipynb")


READERS: dict[str, tuple[Callable[[str], Any], int]] = {
    "the file": (lambda text: notebook_file.values(text.encode(), Reasons()), SHORT),
    "the notebook": (read, LONG),
    "names of files": (choose, LONG),
    "lines of a cell": (lambda text: reader._lack_ends(text.splitlines(True), True), SHORT),
    "a cell's own text": (lambda text: matching.bare.__wrapped__(text), LONG),
    "names in code": (names._names.__wrapped__, SHORT),
    "magics": (names._without_magics, LONG),
    "definitions": (lambda text: [*matching.FUNCTION.finditer(text)], LONG),
    "assignments": (lambda text: [*matching.ASSIGNED.finditer(text)], LONG),
    "comments": (lambda text: writing.COMMENT.findall(text), LONG),
    "words": (writing._count, LONG),
    "raw cells": (matching.fenced, LONG),
    "regions": (lambda text: regions.without(text, regions.SOLUTION), LONG),
    "outputs": (lambda text: outputs.clean([new_output("stream", text=text)]), LONG),
    "markdown": (lambda text: markup._html(text, 0, markup.NONE), LONG),
    "coloured code": (lambda text: markup.code.__wrapped__(text), LONG),
    "formgrader's code": (marking.code_to_html, LONG),
    "shown outputs": (lambda text: [*markup.shown([new_output("stream", text=text)])], LONG),
    "a page": (lambda text: leak_check.text_of(f"<p>{text}</p>"), LONG),
    "headings": (problems.headings, LONG),
    "messages": (wording_of, LONG),
    "tracebacks": (failure_of, SHORT),
    "similarity": (similarity.tokens.__wrapped__, LONG),
    "names of students": (collect.STUDENT.fullmatch, LONG),
    "formulas": (lambda text: mathml.mathml.__wrapped__(text, True), LONG),
    "headings in a notebook": (lambda text: [*notebooks.headings(text)], LONG),
    "paths in code": (lambda text: static_checks.ELSEWHERE.findall(text), LONG),
}


@pytest.mark.parametrize("name", READERS)
def test_a_long_text_takes_no_more_time_than_its_length(name):
    function, length = READERS[name]
    assert in_child(lambda: run_all(function, length)) == 0, f"{name} takes time as the square"


def run_all(function: Callable[[str], Any], length: int) -> None:
    for text in nasty.texts(length):
        with contextlib.suppress(Unreadable):  # which is an answer
            function(text)


def in_child(function: Callable[[], None]) -> int:
    """Return the status of a process that runs a function with little time of the processor."""
    pid = os.fork()
    if pid == 0:
        try:
            used = int(sum(resource.getrusage(resource.RUSAGE_SELF)[:2]))
            resource.setrlimit(resource.RLIMIT_CPU, (used + CPU_SECONDS,) * 2)
            signal.signal(signal.SIGXCPU, signal.SIG_DFL)
            function()
            os._exit(0)
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(1)
    return os.waitpid(pid, 0)[1]


def test_a_reader_that_takes_time_as_the_square_is_found(monkeypatch):
    monkeypatch.setattr(f"{__name__}.CPU_SECONDS", 2)
    careless = re.compile(r"\s*$")
    assert in_child(lambda: careless.search("x" + " " * LONG + "y") and None) != 0
