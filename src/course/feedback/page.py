"""One student's page: what stands on it, and in which order.

This module does not know where marks and notebooks come from, nor whether the page may go out.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from importlib.resources import files
from typing import Any

import jinja2
from markupsafe import Markup
from nbformat import NotebookNode

from autograder.cells import is_answer, is_locked, is_solution, is_test
from course.feedback import failures, markup, wording
from course.feedback.failures import Failure, Hints, Teller
from course.feedback.mark_scheme import Scheme
from course.feedback.marks import Mark, Marks
from course.feedback.problems import Outline, Problem, headings, outline, without

PASSED, FAILED, PARTLY, NOT_RUN, WAITS, MARKED = STATES = (
    "passed",
    "failed",
    "partly passed",
    "not run",
    "waits for a person",
    "marked",
)
SIGNS = dict(zip(STATES, "✓✗◐–…●", strict=True))
NOT_RUN_ERROR = "NotRun"  # see autograder.execution.session
NOTHING = Markup("")
SILENT = "No response."  # nbgrader's own comment on an answer that is as it was handed out
STATUS_WORDS = {
    "repaired": "Your notebook was damaged and has been mended before it was graded.",
    "timed out": "Something in your notebook ran for too long and was stopped.",
    "crashed": "The process that runs your code ended while it ran.",
    "suspicious": "Your code answered the grader with something that is no answer: a person will "
    "look at it.",
    "failed": "Your notebook could not be graded: a person will look at it.",
    "unreadable": "Your notebook could not be read: a person will look at it.",
}


@dataclass(frozen=True)
class Switches:
    """What an instructor has decided about pages."""

    visible_hints: Hints = "mild"
    hidden_hints: Hints = "full"
    show_rubric: bool = True
    show_model_answers: bool = False


@dataclass(frozen=True)
class GradedSubmission:
    """All that a page is made of.

    Attributes:
        course, assignment, student: names
        notebook: as graded, with outputs
        release: the student version of the assignment
        handed_in: the outputs that the student's cells were handed in with, by id
        schemes: mark schemes of written answers, by cell
        marks: from the gradebook
    """

    course: str
    assignment: str
    student: str
    notebook: NotebookNode
    release: NotebookNode
    handed_in: Mapping[str, Sequence[NotebookNode]]
    schemes: Mapping[str, Scheme]
    marks: Marks


@dataclass(frozen=True)
class TestResult:
    """A graded cell: a test or an answer."""

    anchor: str
    title: str
    state: str
    mark: Mark
    failure: Failure | None = None
    read_on: Problem | None = None
    answer: Markup = NOTHING
    rubric: Markup = NOTHING
    model: Markup = NOTHING

    @property
    def sign(self) -> str:
        """Return a sign that goes with the state in words."""
        return SIGNS[self.state]


@dataclass(frozen=True)
class Comment:
    """What a person or the grader says on a cell."""

    anchor: str
    title: str
    text: Markup


@dataclass
class Part:
    """A problem with points, and what became of it."""

    problem: Problem
    tests: list[TestResult] = field(default_factory=list)
    answers: list[TestResult] = field(default_factory=list)
    comments: list[Comment] = field(default_factory=list)

    @property
    def points(self) -> float:
        """Return the points given."""
        return sum(result.mark.points for result in self._results)

    @property
    def possible(self) -> float:
        """Return the most points."""
        return sum(result.mark.possible for result in self._results)

    @property
    def waits(self) -> bool:
        """Return whether a person has still to look at it."""
        return any(result.mark.waits for result in self._results)

    @property
    def _results(self) -> list[TestResult]:
        return self.tests + self.answers


@dataclass(frozen=True)
class Shown:
    """A cell of the notebook as the page shows it: given, or a test, or the student's."""

    anchor: str
    kind: str  # given, test, code, text
    title: str
    body: Markup
    heading: str = ""
    outputs: tuple[Markup, ...] = ()
    note: str = ""
    comment: Comment | None = None
    result: TestResult | None = None


class Page:
    """Puts a page together."""

    def __init__(self, submission: GradedSubmission, switches: Switches):
        self.about, self.switches = submission, switches
        self.marks = submission.marks
        self.given = {cell.id: cell for cell in submission.release.cells}
        self.cells = {cell.id: cell for cell in submission.notebook.cells}
        self.outline: Outline = outline(submission.release)
        self._anchors = {cell.id: f"cell-{i}" for i, cell in enumerate(submission.notebook.cells)}
        self._teller = Teller(
            own={c.id: c.source for c in self.own if c.cell_type == "code"},
            given={name: cell.source for name, cell in self.given.items()},
            hints=(switches.visible_hints, switches.hidden_hints),
        )
        self.results = {result.mark.name: result for result in self._results()}

    @property
    def own(self) -> list[NotebookNode]:
        """Return the cells that the student wrote."""
        return [cell for cell in self.about.notebook.cells if self._is_own(cell)]

    def html(self) -> str:
        """Return the page."""
        css = Markup(_file("page.css"))  # noqa: S704  (the course's own)
        return _template().render(page=self, css=css)

    # What the template asks for

    @property
    def title(self) -> str:
        """Return the assignment's title."""
        return self.outline.title or self.about.assignment

    @property
    def parts(self) -> list[Part]:
        """Return the problems that have points or a comment, in order."""
        found = {id(problem): Part(problem) for problem in self.outline.problems}
        for name, problem in self.outline.of_cell.items():
            part = found[id(problem)]
            if result := self.results.get(name):
                (part.answers if result.answer else part.tests).append(result)
            elif comment := self._comment(name):
                part.comments.append(comment)
        return [part for part in found.values() if part.possible or part.comments]

    @property
    def groups(self) -> list[tuple[str, list[Part]]]:
        """Return the problems by the outermost headings that they stand below."""
        groups: dict[str, list[Part]] = {}
        for part in self.parts:
            groups.setdefault(part.problem.part or part.problem.title, []).append(part)
        return list(groups.items())

    @property
    def status(self) -> str:
        """Return what became of the submission as a whole; empty if it was simply graded."""
        return STATUS_WORDS.get(self._examined.get("status", ""), "")

    @property
    def reasons(self) -> list[str]:
        """Return why it has its status."""
        return [wording.of_reason(str(reason)) for reason in self._examined.get("reasons", [])]

    @property
    def late(self) -> str:
        """Return how late it was handed in; empty if it was not."""
        return duration(self.marks.late) if self.marks.late else ""

    def shown(self) -> list[list[Shown]]:
        """Return the notebook's cells, given ones from a heading to the next together."""
        blocks: list[list[Shown]] = []
        for cell in self._shown():
            if blocks and cell.kind == blocks[-1][-1].kind == "given" and not cell.heading:
                blocks[-1].append(cell)
            else:
                blocks.append([cell])
        return blocks

    def _shown(self) -> Iterator[Shown]:
        for cell in self.about.notebook.cells:
            if self._is_own(cell):
                yield self._own_cell(cell)
            elif cell.id in self.given:
                yield self._given_cell(self.given[cell.id])

    def anchor_of(self, name: str) -> str:
        """Return where a cell of the notebook stands in the page."""
        return self._anchors[name]

    def outputs(self, cell: NotebookNode) -> tuple[Markup, ...]:
        """Return the outputs that a cell of the student's was handed in with."""
        return tuple(markup.shown(self.about.handed_in.get(cell.id, ())))

    def comment_on(self, name: str) -> Comment | None:
        """Return the comment on a cell."""
        return self._comment(name)

    # Results

    def _results(self) -> Iterator[TestResult]:
        """Yield what became of each graded cell, in the notebook's order."""
        was_hidden = False
        for name in self.outline.of_cell:
            mark = self.marks.cells.get(name)
            if mark is None:
                continue
            cell = self.cells.get(name)
            if cell is not None and not is_test(cell):
                yield self._answer(cell, mark)
                continue
            yield self._test(name, cell, mark, was_hidden)
            was_hidden = was_hidden or (cell is not None and _has_run_hidden(cell))

    def _test(
        self, name: str, cell: NotebookNode | None, mark: Mark, was_hidden: bool
    ) -> TestResult:
        state, failure = _state(cell, mark), None
        wrong = state in (FAILED, PARTLY) or (cell is not None and failures.error_of(cell))
        if cell is not None and wrong and state != NOT_RUN:
            failure = self._teller.tell(cell, was_hidden)
        return TestResult(
            anchor=self._anchors.get(name, ""),
            title=self._title(name),
            state=state,
            mark=mark,
            failure=failure,
            read_on=self._read_on(name, failure),
        )

    def _answer(self, cell: NotebookNode, mark: Mark) -> TestResult:
        state = WAITS if mark.waits and not mark.by_person else MARKED
        scheme = self.about.schemes.get(cell.id, Scheme())
        rubric = scheme.rubric if self.switches.show_rubric else ""
        model = scheme.model if self.switches.show_model_answers else ""
        return TestResult(
            anchor=self._anchors[cell.id],
            title="Your answer",
            state=state,
            mark=mark,
            answer=_written(cell),
            rubric=markup.markdown(rubric, below=4),
            model=markup.markdown(model, below=4),
        )

    def _title(self, name: str) -> str:
        """Return what a test says when it passes, or its name."""
        cell = self.given.get(name)
        said = list(wording.literals(cell.source)) if cell is not None else []
        return said[-1] if said else name

    def _read_on(self, name: str, failure: Failure | None) -> Problem | None:
        if failure is None or not failure.where:
            return None
        return self.outline.find(failure.where, before=self.outline.of_cell[name])

    def _comment(self, name: str) -> Comment | None:
        text = self.marks.comments.get(name, "")
        if not text:
            return None
        body = (
            Markup("<p>{}</p>").format("This cell is as it was handed out.")
            if text == SILENT
            else markup.markdown(text, below=4)
        )
        return Comment(self._anchors.get(name, ""), name, body)

    # Cells

    def _is_own(self, cell: NotebookNode) -> bool:
        """Return whether a student wrote a cell, or could have and did."""
        given = self.given.get(cell.id)
        if given is None:
            return not cell.metadata.get("nbgrader")  # what the course once gave is not theirs
        if is_locked(given):
            return False
        return (
            is_solution(given)
            or is_answer(given)
            or bool(cell.source.strip() != given.source.strip())
        )

    def _own_cell(self, cell: NotebookNode) -> Shown:
        if cell.cell_type != "code":
            body = markup.markdown(cell.source, below=3)
            return Shown(
                anchor=self._anchors[cell.id],
                kind="text",
                title="Your text",
                body=body,
                comment=self._comment(cell.id),
                result=self.results.get(cell.id),
            )
        said, line = self._teller.own_failure(cell)
        where = f" in line {line}" if line else ""
        return Shown(
            anchor=self._anchors[cell.id],
            kind="code",
            title="Your code",
            body=_block(cell.source),
            outputs=self.outputs(cell),
            note=f"When it was graded, this cell stopped{where}: {said}." if said else "",
            comment=self._comment(cell.id),
            result=self.results.get(cell.id),
        )

    def _given_cell(self, cell: NotebookNode) -> Shown:
        """Return a cell as the release has it: nothing of the master's comes in."""
        anchor, result = self._anchors[cell.id], self.results.get(cell.id)
        if cell.cell_type != "code":
            heading = "".join([text for _, text in headings(cell.source)][-1:])
            body = markup.markdown(without(cell.source, heading), below=3)
            return Shown(f"text-{cell.id}", "given", "", body, heading=heading)
        if result:
            return Shown(anchor, "test", result.title, _block(cell.source), result=result)
        return Shown(anchor, "given", "", _block(cell.source))

    @property
    def _examined(self) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self.about.notebook.metadata.get("autograder", {})
        return found


def _has_run_hidden(cell: NotebookNode) -> bool:
    """Return whether a test got as far as its hidden part."""
    return failures.has_hidden(cell) and (
        failures.error_of(cell) is None or failures.failed_hidden(cell)
    )


def _state(cell: NotebookNode | None, mark: Mark) -> str:
    if mark.by_person:
        return MARKED
    if mark.waits:
        return WAITS
    error = failures.error_of(cell) if cell is not None else None
    never = cell is None or (cell.get("execution_count") is None and not cell.get("outputs"))
    if never or (error is not None and error.ename == NOT_RUN_ERROR):
        return NOT_RUN
    if mark.points >= mark.possible:
        return PASSED
    return PARTLY if mark.points > 0 else FAILED


def _written(cell: NotebookNode) -> Markup:
    """Return what a student wrote as an answer."""
    if cell.cell_type == "code":
        return _block(cell.source)
    return markup.markdown(cell.source, below=4) or Markup("<p>(nothing)</p>")


def _block(source: str) -> Markup:
    return Markup('<pre tabindex="0" class="code">{}</pre>').format(markup.code(source))


def duration(seconds: float) -> str:
    """Return a time in words, in minutes or coarser."""
    minutes = max(1, round(seconds / 60))
    units = (("day", minutes // 1440), ("hour", minutes // 60 % 24), ("minute", minutes % 60))
    said = [f"{n} {name}{'s' if n > 1 else ''}" for name, n in units if n]
    return " ".join(said[:2])


def number(value: float) -> str:
    """Return points with one decimal, or two where they are needed."""
    return f"{value:.1f}" if round(value, 1) == round(value, 2) else f"{value:.2f}"


def share(points: float, possible: float) -> int:
    """Return a share in percent, from 0 to 100."""
    return round(100 * min(max(points / possible, 0), 1)) if possible else 0


def when(time: datetime | None) -> str:
    """Return a time of the gradebook's, which are in UTC."""
    return f"{time:%d %B %Y, %H:%M} UTC" if time else ""


@cache
def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(_file),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"number": number, "share": share, "when": when}
    return environment.get_template("page.html.j2")


@cache
def _file(name: str) -> str:
    return files("course.feedback").joinpath(name).read_text("utf-8")


__all__ = ["GradedSubmission", "Page", "Switches", "duration"]
