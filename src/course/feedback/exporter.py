"""The exporter for nbgrader's GenerateFeedback: a graded notebook in, an HTML page out.

It collects the sources of a page (graded notebook, release, submitted outputs, rubrics of the
master, gradebook), renders it with ``page`` and searches it for secrets with ``leak_check``.
Instructors set its traits in ``nbgrader_config.py``, for example
``c.FeedbackPage.hidden_hints = "mild"``. (The class cannot be called ``Feedback``: nbgrader takes
``c.Feedback`` for an old name of ``c.GenerateFeedback``.)
"""

import html
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, cast

import nbformat
from nbconvert.exporters import Exporter
from nbformat import NotebookNode
from traitlets import Bool, Dict, Enum, Unicode

from autograder.submission import intake, repair
from course.confined import LimitExceeded, confined
from course.directory import Course, CourseError
from course.feedback import leak_check
from course.feedback.leak_check import PageRefused, Secret
from course.feedback.mark_scheme import Scheme, scheme
from course.feedback.marks import Book, Marks
from course.feedback.page import GradedSubmission, Page, Switches
from course.run import handin_time
from course.run.held_marks import HeldMarks

NOT_GRADED = "This file lay beside the notebook that was graded. It is not part of the assignment."
LONGEST_PAGE = 40_000_000  # characters
HINTS = ("off", "mild", "full")


class FeedbackPage(Exporter):
    """Renders the feedback page of one graded notebook."""

    file_extension = Unicode(".html").tag(config=True)
    output_mimetype = "text/html"
    visible_hints = Enum(
        HINTS, "mild", help="hints for a test that failed in the part that students have"
    ).tag(config=True)
    hidden_hints = Enum(HINTS, "full", help="hints for a test that failed in its hidden part").tag(
        config=True
    )
    show_rubric = Bool(True, help="show the rubric of written answers").tag(config=True)
    show_model_answers = Bool(False, help="show model answers").tag(config=True)

    hidden_until = Dict(
        help="until when a page says of hidden parts only that they failed, by assignment"
    ).tag(config=True)

    _book: Book | None = None  # stays open for all pages of this exporter
    _held: HeldMarks | None = None  # of one assignment, read once

    def __init__(self, *args: Any, **kw: Any):
        super().__init__(*args, **kw)
        self.refused: dict[str, str] = {}  # student -> why there is no page

    def from_notebook_node(  # type: ignore[override]
        self, nb: NotebookNode, resources: dict[str, Any] | None = None, **kw: Any
    ) -> tuple[str, dict[str, Any]]:
        """Return the page of a graded notebook.

        Raises:
            PageRefused: the page would show a secret, or cannot be checked for secrets.
        """
        nb, resources = super().from_notebook_node(nb, resources, **kw)
        about = resources["nbgrader"]
        try:
            course = Course.find(Path(resources["metadata"]["path"]).resolve())
            return self._page(nb, about, course.root), resources
        except Exception as error:
            reason = (
                str(error) if isinstance(error, PageRefused) else f"{type(error).__name__}: {error}"
            )
            self.refused[about["student"]] = reason
            self.log.error("no feedback for %s: %s", about["student"], reason)
            raise

    def _page(self, notebook: NotebookNode, about: Mapping[str, str], root: Path) -> str:
        """Render a page and check it."""
        if not _release_of(root, about).is_file():
            return f"<!DOCTYPE html><title>Not graded</title><p>{html.escape(NOT_GRADED)}</p>"
        masters, marks = _masters(root), self._marks(about, root)
        _render_provided(_release_of(root, about))
        try:
            return confined(
                lambda: self._checked(
                    self._submission(notebook, about, root, masters, marks), root, masters
                )
            )
        except LimitExceeded as error:
            raise PageRefused(f"writing the page {error}: look at the notebook") from None

    def _checked(
        self, submission: GradedSubmission, root: Path, masters: Mapping[str, NotebookNode]
    ) -> str:
        """Return a page that shows no secret."""
        page = Page(submission, self._switches_of(submission.assignment))
        text = page.html()
        if len(text) > LONGEST_PAGE:
            raise PageRefused(f"the page would have {len(text) / 1e6:.0f} MB: look at the notebook")
        self._check(text, page, root, masters)
        return text

    def _switches_of(self, assignment: str) -> Switches:
        names = ("visible_hints", "hidden_hints", "show_rubric", "show_model_answers")
        given = {name: getattr(self, name) for name in names}
        try:
            return Switches(**given, told_from=told_from(self.hidden_until, assignment))
        except CourseError as error:
            raise PageRefused(str(error)) from None

    def _submission(
        self,
        notebook: NotebookNode,
        about: Mapping[str, str],
        root: Path,
        masters: Mapping[str, NotebookNode],
        marks: Marks,
    ) -> GradedSubmission:
        name = about["assignment"]
        release = _read(_release_of(root, about))
        master = masters.get(name)
        cells = master.cells if master else []
        schemes = {cell.id: scheme(cell.source, cell.get("attachments", {})) for cell in cells}
        return GradedSubmission(
            course=self.course_id,
            assignment=name,
            student=about["student"],
            notebook=notebook,
            release=release,
            marks=marks,
            handed_in=outputs_of(root, about, notebook, release),
            schemes={key: part for key, part in schemes.items() if part != Scheme()},
        )

    def _marks(self, about: Mapping[str, str], root: Path) -> Marks:
        self._expect_held(about, Course(root, about["db_url"]))
        if self._book is None:
            self._book = Book(about["db_url"], self.course_id)
        marks = self._book.read(about["assignment"], about["notebook"], about["student"])
        if marks is None:
            raise PageRefused(f"the gradebook has no marks for {about['notebook']}")
        return marks

    def _expect_held(self, about: Mapping[str, str], course: Course) -> None:
        """Raise PageRefused if the gradebook lacks marks or comments that were there before."""
        if self._held is None or self._held.assignment != about["assignment"]:
            self._held = HeldMarks.of(course, about["assignment"])
        status, lost = self._held.status(about["student"]), self._held.lost(about["student"])
        if not status.is_graded or lost:
            first = status.reasons[0] if status.reasons else ""
            word = "" if status.is_graded else status.word
            raise PageRefused(": ".join(filter(None, (word, first))))

    @property
    def course_id(self) -> str:
        """The ``course_id`` of nbgrader's configuration."""
        directory = getattr(self.parent, "coursedir", None)
        return str(directory.course_id) if directory else ""

    def _check(
        self, text: str, page: Page, root: Path, masters: Mapping[str, NotebookNode]
    ) -> None:
        """Raise PageRefused if the page shows a secret."""
        about = page.about
        if about.assignment not in masters:
            raise PageRefused(f"there is no master of {about.assignment} to check the page against")
        secrets = list(leak_check.hidden_in(about.notebook))
        for name in masters:
            halves = self._hidden_schemes(name == about.assignment)
            secrets += _secrets(root, name, halves)
        known = [cell.source for cell in (*page.own, *about.release.cells)]
        if self.show_rubric:
            known += [part.rubric for part in about.schemes.values()]
        if told := leak_check.told(text, secrets, known):
            raise PageRefused(_complaint(told, about.marks.comments))

    def _hidden_schemes(self, is_this: bool) -> tuple[str, ...]:
        """Return the halves of an assignment's mark schemes that are secret."""
        shown = {"model": self.show_model_answers, "rubric": self.show_rubric}
        return tuple(half for half, on in shown.items() if not (on and is_this))


def told_from(hidden_until: Mapping[str, str], assignment: str) -> datetime | None:
    """Return when more is told of hidden parts than that they failed; None if it is told already.

    >>> told_from({"gpt2": "2199-12-01 18:00 UTC"}, "gpt2")
    datetime.datetime(2199, 12, 1, 18, 0)

    Raises:
        CourseError: the setting is no time.
    """
    if assignment not in hidden_until:
        return None
    try:
        time = handin_time.read(str(hidden_until[assignment]).encode())
    except ValueError:
        raise CourseError(
            f"c.FeedbackPage.hidden_until says {hidden_until[assignment]!r} for {assignment}: "
            f"write a time such as {handin_time.EXAMPLE}"
        ) from None
    return time if time > datetime.now(UTC).replace(tzinfo=None) else None


def _render_provided(release: Path) -> None:
    """Render what is the same on all pages, which the processes of all pages then have."""
    _provided(release, release.stat().st_mtime_ns)


@lru_cache(maxsize=20)
def _provided(release: Path, _changed: int) -> str:
    notebook, nothing = _read(release), Marks(0, 0, 0, 0, None, {}, {})
    return Page(
        GradedSubmission("", "", "", notebook, notebook, {}, {}, nothing), Switches()
    ).html()


def outputs_of(
    root: Path, about: Mapping[str, str], graded: NotebookNode, shape: NotebookNode
) -> Mapping[str, Sequence[NotebookNode]]:
    """Return the outputs in the submitted notebook, by cell id.

    The outputs of the graded notebook come from a run beside hidden tests, and a function can
    print what it was called with. The submitted outputs hold nothing that is new to the student.
    """
    folder = root / "submitted" / about["student"] / about["assignment"]
    try:
        files = intake.read_folder(folder)
        repaired = repair.repair_submission(files, f"{about['notebook']}.ipynb", shape)
    except (intake.SubmissionRefused, repair.Unreadable, OSError, KeyError):
        return {}
    sources = {cell.id: cell.source for cell in graded.cells}
    return {
        cell.id: cell.get("outputs", [])
        for cell in repaired.notebook.cells
        if cell.cell_type == "code" and sources.get(cell.id) == cell.source
    }


def _complaint(told: Sequence[Secret], comments: Mapping[str, str]) -> str:
    first, more = told[0], f" (and {len(told) - 1} more)" if len(told) > 1 else ""
    places = [name for name, text in comments.items() if leak_check.SearchableText(text).has(first)]
    where = f" in the comment on {places[0]}" if places else ""
    return f"the page would tell a line of {first.origin}{where}: {first.line!r}{more}"


def _masters(root: Path) -> dict[str, NotebookNode]:
    """Return the master notebooks of a course, by assignment."""
    paths = sorted((root / "source").glob("*/*.ipynb"))
    return {path.parent.name: _read(path) for path in paths}


def _secrets(root: Path, assignment: str, schemes: tuple[str, ...]) -> tuple[Secret, ...]:
    paths = sorted((root / "source" / assignment).glob("*.ipynb"))
    return tuple(
        secret for path in paths for secret in _secrets_of(path, path.stat().st_mtime_ns, schemes)
    )


@lru_cache(maxsize=20)
def _secrets_of(path: Path, _changed: int, schemes: tuple[str, ...]) -> tuple[Secret, ...]:
    return tuple(leak_check.secrets_of(path.parent.name, _read(path), schemes))


def _release_of(root: Path, about: Mapping[str, str]) -> Path:
    return root / "release" / about["assignment"] / f"{about['notebook']}.ipynb"


def _read(path: Path) -> NotebookNode:
    """Read a notebook of the course; cached until the file changes."""
    return _read_version(path, path.stat().st_mtime_ns)


@lru_cache(maxsize=20)
def _read_version(path: Path, _changed: int) -> NotebookNode:
    return cast(NotebookNode, nbformat.read(path, as_version=4))
