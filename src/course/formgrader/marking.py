"""Formgrader's page of a submission: the mark scheme beside every written answer, and no waiting.

nbconvert renders that page. ``nbgrader_config.py`` makes it use three things from here: a template
that extends nbgrader's own, a preprocessor that looks up mark schemes, and a fast highlighter.
Schemes are read from the master when the page is opened and never written into the graded notebook,
so they cannot reach feedback.
"""

import html
from collections.abc import Mapping
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import nbformat
import pygments
from jinja2 import pass_context
from jinja2.runtime import Context
from markupsafe import Markup
from nbconvert.preprocessors import Preprocessor
from nbformat import NotebookNode
from nbgrader.api import SubmittedAssignment, SubmittedNotebook
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer
from pygments.token import Comment, Keyword, Operator, String, Text
from sqlalchemy import Select, event
from sqlalchemy.orm import ORMExecuteState, Session, joinedload

from course import nbgrader_internals
from course.directory import Course, CourseError
from course.feedback import markup
from course.feedback.mark_scheme import Scheme, scheme

COLOURED = (Keyword, String, Comment, Operator.Word)


def template_folders() -> list[str]:
    """Return the folders of the template and of nbgrader's, which it extends."""
    return [str(Path(__file__).parent / "templates"), str(nbgrader_internals.templates())]


class MarkSchemes(Preprocessor):
    """Passes the mark schemes of an assignment to the template, by cell name."""

    def preprocess(
        self, nb: NotebookNode, resources: dict[str, Any]
    ) -> tuple[NotebookNode, dict[str, Any]]:
        """Look up the schemes if formgrader renders the page; no other page gets any."""
        if "submission_id" in resources:
            try:
                course = Course.find(Path(resources["metadata"]["path"]))
                resources["mark_schemes"] = schemes(course.master(resources["assignment_id"]))
            except CourseError as error:  # the page is useful without
                self.log.warning("no mark scheme is shown: %s", error)
        return nb, resources


def schemes(master: Path) -> dict[str, Scheme]:
    """Return the mark schemes of a master; cached until the file changes."""
    return _schemes(master, master.stat().st_mtime_ns)


@lru_cache(maxsize=20)
def _schemes(master: Path, _changed: int) -> dict[str, Scheme]:
    notebook = nbformat.read(master, as_version=4)
    schemes = {
        cell.metadata.nbgrader["grade_id"]: scheme(cell.source, cell.get("attachments", {}))
        for cell in notebook.cells
        if cell.metadata.get("nbgrader", {}).get("grade_id")
    }
    return {name: parts for name, parts in schemes.items() if parts != Scheme()}


@pass_context
def markdown_to_html(
    context: Context, source: str, attachments: markup.Attachments | None = None
) -> Markup:
    """Return markdown as HTML, with the pictures that are attached to the cell on the page.

    Args:
        context: of the template, in which ``cell`` is the cell at hand
        source: markdown
        attachments: others than the cell's
    """
    if attachments is None:
        attachments = context.get("cell", {}).get("attachments", {})
    return markup.markdown(source, attachments=attachments)


def code_to_html(
    source: str, language: str | None = None, metadata: Mapping[str, Any] | None = None
) -> str:
    """Return code as HTML, highlighted unless the cell is locked.

    nbconvert parses the finished page once more, which takes longer than everything else, so the
    number of elements matters: its own filter makes one for every word.
    """
    locked = (metadata or {}).get("nbgrader", {}).get("locked", False)
    is_plain = locked or not markup.is_short(source, markup.LONGEST_CODE)
    return _plain(source) if is_plain else _coloured(source)


def _plain(source: str) -> str:
    return f'<div class="highlight"><pre>{html.escape(source, quote=False)}</pre></div>'


@lru_cache(maxsize=2000)
def _coloured(source: str) -> str:
    tokens = pygments.lex(source or " ", PythonLexer(stripnl=False))
    few = ((_kind(token), text) for token, text in tokens)
    return str(pygments.format(few, HtmlFormatter(cssclass="highlight")))


@cache
def _kind(token: Any) -> Any:
    """Return the kind that a token is shown as; neighbours of one kind share an element."""
    return next((kind for kind in COLOURED if token in kind), Text)


def read_together() -> None:
    """Make this process load submitted notebooks together with their students.

    Formgrader goes through all of them for every page of a submission, and nbgrader queries each
    student separately: 600 queries for a class of 300.
    """
    if not event.contains(Session, "do_orm_execute", _with_students):
        event.listen(Session, "do_orm_execute", _with_students)


def _with_students(state: ORMExecuteState) -> None:
    """Add students and notebooks to a query for submitted notebooks."""
    select = state.statement
    if not isinstance(select, Select) or state.is_column_load or state.is_relationship_load:
        return
    asked = [column["expr"] for column in select.column_descriptions]
    if len(asked) == 1 and asked[0] is SubmittedNotebook:
        whose = joinedload(SubmittedNotebook.assignment).joinedload(SubmittedAssignment.student)
        state.statement = select.options(whose, joinedload(SubmittedNotebook.notebook))
