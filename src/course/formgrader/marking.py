"""Formgrader's page of a submission: the mark scheme beside every written answer, and no waiting.

nbconvert makes that page, and ``nbgrader_config.py`` tells it to use what is here: a template laid
over nbgrader's own, a preprocessor that looks the mark schemes up, and a filter that colours code.
Schemes are read from the master when the page is opened and are written nowhere: not into the
graded notebook, so not into feedback either.

This module does not know who gives marks, nor what feedback tells of a scheme.
"""

import html
from collections.abc import Mapping
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import nbformat
import nbgrader
import pygments
from nbconvert.preprocessors import Preprocessor
from nbformat import NotebookNode
from nbgrader.api import SubmittedAssignment, SubmittedNotebook
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer
from pygments.token import Comment, Keyword, Operator, String, Text
from sqlalchemy import Select, event
from sqlalchemy.orm import ORMExecuteState, Session, joinedload

from course.directory import Course, CourseError
from course.feedback.mark_scheme import Scheme, scheme

COLOURED = (Keyword, String, Comment, Operator.Word)


def template_folders() -> list[str]:
    """Return where nbconvert finds the template: here, and nbgrader's, which it extends."""
    theirs = Path(nbgrader.__file__).parent / "server_extensions" / "formgrader" / "templates"
    return [str(Path(__file__).parent / "templates"), str(theirs)]


class MarkSchemes(Preprocessor):
    """Hands the template the mark schemes of an assignment, by the names of the answers' cells."""

    def preprocess(
        self, nb: NotebookNode, resources: dict[str, Any]
    ) -> tuple[NotebookNode, dict[str, Any]]:
        """Look the schemes up if formgrader asks; nobody else's page gets any."""
        if "submission_id" in resources:
            try:
                course = Course.find(Path(resources["metadata"]["path"]))
                resources["mark_schemes"] = schemes(course.master(resources["assignment_id"]))
            except CourseError as error:  # the page is worth having without
                self.log.warning("no mark scheme is shown: %s", error)
        return nb, resources


def schemes(master: Path) -> dict[str, Scheme]:
    """Return the mark schemes of a master, which is read again when it has changed."""
    return _schemes(master, master.stat().st_mtime_ns)


@lru_cache(maxsize=20)
def _schemes(master: Path, _changed: int) -> dict[str, Scheme]:
    notebook = nbformat.read(master, as_version=4)
    found = {
        cell.metadata.nbgrader["grade_id"]: scheme(cell.source)
        for cell in notebook.cells
        if cell.metadata.get("nbgrader", {}).get("grade_id")
    }
    return {name: each for name, each in found.items() if each != Scheme()}


def code_to_html(
    source: str, language: str | None = None, metadata: Mapping[str, Any] | None = None
) -> str:
    """Return code as HTML: a student's with colours, the course's own cells without.

    nbconvert parses the page that it has made once more, which takes longer than all else, so
    elements count: its own filter makes one of every word.
    """
    locked = (metadata or {}).get("nbgrader", {}).get("locked", False)
    return _plain(source) if locked else _coloured(source)


def _plain(source: str) -> str:
    return f'<div class="highlight"><pre>{html.escape(source, quote=False)}</pre></div>'


@lru_cache(maxsize=2000)
def _coloured(source: str) -> str:
    tokens = pygments.lex(source or " ", PythonLexer(stripnl=False))
    few = ((_kind(token), text) for token, text in tokens)
    return str(pygments.format(few, HtmlFormatter(cssclass="highlight")))


@cache
def _kind(token: Any) -> Any:
    """Return the kind of token that one is shown as; neighbours of a kind share an element."""
    return next((kind for kind in COLOURED if token in kind), Text)


def read_together() -> None:
    """Let this process read all submissions of a notebook at once, with their students.

    Formgrader looks through them for every page of a submission; nbgrader asks the gradebook for
    each student anew, 600 times in a class of 300.
    """
    if not event.contains(Session, "do_orm_execute", _with_students):
        event.listen(Session, "do_orm_execute", _with_students)


def _with_students(state: ORMExecuteState) -> None:
    """Add what belongs to submitted notebooks to the query that asks for them."""
    select = state.statement
    if not isinstance(select, Select) or state.is_column_load or state.is_relationship_load:
        return
    asked = [each["expr"] for each in select.column_descriptions]
    if len(asked) == 1 and asked[0] is SubmittedNotebook:
        whose = joinedload(SubmittedNotebook.assignment).joinedload(SubmittedAssignment.student)
        state.statement = select.options(whose, joinedload(SubmittedNotebook.notebook))
