"""The content of one student's feedback page, in order, as the template asks for it."""

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

PASSED, FOLLOWED, FAILED, PARTLY, NOT_RUN, WAITS, MARKED = STATES = (
    "passed",
    "follow-through",
    "failed",
    "partly passed",
    "not run",
    "waits for a person",
    "marked",
)
SIGNS = dict(zip(STATES, "✓↪✗◐–…●", strict=True))
NOT_RUN_ERROR = "NotRun"  # see autograder.execution.session
NOTHING = Markup("")
SILENT = "No response."  # nbgrader's comment on an answer that was left untouched
STATUS_WORDS = {
    "repaired": "Your notebook was damaged and was repaired before it was graded.",
    "timed out": "Something in your notebook took too long and was stopped.",
    "crashed": "The process that runs your code ended while it ran.",
    "suspicious": "Your code sent the grader something that is not an answer: a person will look "
    "at it.",
    "failed": "Your notebook could not be graded: a person will look at it.",
    "unreadable": "Your notebook could not be read: a person will look at it.",
}


@dataclass(frozen=True)
class Switches:
    """An instructor's settings for pages."""

    visible_hints: Hints = "mild"
    hidden_hints: Hints = "full"
    show_rubric: bool = True
    show_model_answers: bool = False
    told_from: datetime | None = None  # when more is told of a hidden part than that it failed


@dataclass(frozen=True)
class GradedSubmission:
    """Everything that a page is made from.

    Attributes:
        course, assignment, student: names
        notebook: as graded, with outputs
        release: the student version of the assignment
        handed_in: submitted outputs of the student's cells, by id
        schemes: mark schemes of written answers, by cell id
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
        """A symbol shown beside the state."""
        return SIGNS[self.state]


@dataclass(frozen=True)
class Comment:
    """A comment of a person or the autograder on a cell."""

    anchor: str
    title: str
    text: Markup


@dataclass
class Part:
    """A problem and its results."""

    problem: Problem
    tests: list[TestResult] = field(default_factory=list)
    answers: list[TestResult] = field(default_factory=list)
    comments: list[Comment] = field(default_factory=list)

    @property
    def points(self) -> float:
        """Points given."""
        return sum(result.mark.points for result in self._results)

    @property
    def possible(self) -> float:
        """Maximum points."""
        return sum(result.mark.possible for result in self._results)

    @property
    def waits(self) -> bool:
        """Whether a person still has to mark something."""
        return any(result.mark.waits for result in self._results)

    @property
    def _results(self) -> list[TestResult]:
        return self.tests + self.answers


@dataclass(frozen=True)
class Shown:
    """A cell as the page shows it: provided, a test, or the student's."""

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
    """Assembles a page."""

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
            verdicts=switches.told_from is not None,
        )
        self.results = {result.mark.name: result for result in self._results()}

    @property
    def own(self) -> list[NotebookNode]:
        """The cells that the student wrote."""
        return [cell for cell in self.about.notebook.cells if self._is_own(cell)]

    def html(self) -> str:
        """Render the page."""
        css = Markup(_file("page.css"))  # noqa: S704  (the course's own)
        return _template().render(page=self, css=css)

    # For the template

    @property
    def title(self) -> str:
        """The title of the assignment."""
        return self.outline.title or self.about.assignment

    @property
    def parts(self) -> list[Part]:
        """The problems that have points or a comment, in order."""
        parts = {id(problem): Part(problem) for problem in self.outline.problems}
        for name, problem in self.outline.of_cell.items():
            part = parts[id(problem)]
            if result := self.results.get(name):
                (part.answers if result.answer else part.tests).append(result)
            elif comment := self._comment(name):
                part.comments.append(comment)
        return [part for part in parts.values() if part.possible or part.comments]

    @property
    def groups(self) -> list[tuple[str, list[Part]]]:
        """The problems, grouped by top-level heading."""
        groups: dict[str, list[Part]] = {}
        for part in self.parts:
            groups.setdefault(part.problem.part or part.problem.title, []).append(part)
        return list(groups.items())

    @property
    def status(self) -> str:
        """What happened to the submission as a whole; empty if it was simply graded."""
        return STATUS_WORDS.get(self._examined.get("status", ""), "")

    @property
    def reasons(self) -> list[str]:
        """The reasons for its status."""
        return [wording.of_reason(str(reason)) for reason in self._examined.get("reasons", [])]

    @property
    def followed(self) -> float:
        """Points that came by follow-through."""
        return sum(r.mark.points for r in self.results.values() if r.state == FOLLOWED)

    @property
    def late(self) -> str:
        """How late it was, in words; empty if it was in time."""
        return duration(self.marks.late) if self.marks.late else ""

    def shown(self) -> list[list[Shown]]:
        """Return the cells of the notebook; provided ones between two headings form one block."""
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
        """Return the HTML anchor of a cell."""
        return self._anchors[name]

    def outputs(self, cell: NotebookNode) -> tuple[Markup, ...]:
        """Return the submitted outputs of a cell."""
        return tuple(markup.shown(self.about.handed_in.get(cell.id, ())))

    def comment_on(self, name: str) -> Comment | None:
        """Return the comment on a cell."""
        return self._comment(name)

    # Results

    def _results(self) -> Iterator[TestResult]:
        """Yield the result of each graded cell, in notebook order."""
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
            rubric=markup.markdown(rubric, 4, scheme.attachments),
            model=markup.markdown(model, 4, scheme.attachments),
        )

    def _title(self, name: str) -> str:
        """Return what a test prints when it passes, or its name."""
        cell = self.given.get(name)
        printed = list(wording.literals(cell.source)) if cell is not None else []
        return printed[-1] if printed else name

    def _read_on(self, name: str, failure: Failure | None) -> Problem | None:
        if failure is None or not failure.where:
            return None
        return self.outline.find(failure.where, before=self.outline.of_cell[name])

    def _comment(self, name: str) -> Comment | None:
        text = self.marks.comments.get(name, "")
        if not text:
            return None
        body = (
            Markup("<p>{}</p>").format("This cell was left as it was handed out.")
            if text == SILENT
            else markup.markdown(text, below=4)
        )
        return Comment(self._anchors.get(name, ""), name, body)

    # Cells

    def _is_own(self, cell: NotebookNode) -> bool:
        """Return whether the student wrote a cell, or changed a provided one that is open."""
        given = self.given.get(cell.id)
        if given is None:
            return not cell.metadata.get("nbgrader")  # from an older release: not the student's
        if is_locked(given):
            return False
        return (
            is_solution(given)
            or is_answer(given)
            or bool(cell.source.strip() != given.source.strip())
        )

    def _own_cell(self, cell: NotebookNode) -> Shown:
        if cell.cell_type != "code":
            body = markup.markdown(cell.source, 3, cell.get("attachments", {}))
            return Shown(
                anchor=self._anchors[cell.id],
                kind="text",
                title="Your text",
                body=body,
                comment=self._comment(cell.id),
                result=self.results.get(cell.id),
            )
        reason, line = self._teller.own_failure(cell)
        where = f" in line {line}" if line else ""
        return Shown(
            anchor=self._anchors[cell.id],
            kind="code",
            title="Your code",
            body=_block(cell.source),
            outputs=self.outputs(cell),
            note=f"When it was graded, this cell stopped{where}: {reason}." if reason else "",
            comment=self._comment(cell.id),
            result=self.results.get(cell.id),
        )

    def _given_cell(self, cell: NotebookNode) -> Shown:
        """Return a provided cell as in the release, so that nothing of the master leaks."""
        anchor, result = self._anchors[cell.id], self.results.get(cell.id)
        if cell.cell_type != "code":
            heading = "".join([text for _, text in headings(cell.source)][-1:])
            text = without(cell.source, heading)
            body = markup.markdown(text, 3, cell.get("attachments", {}))
            return Shown(f"text-{cell.id}", "given", "", body, heading=heading)
        if result:
            return Shown(anchor, "test", result.title, _block(cell.source), result=result)
        return Shown(anchor, "given", "", _block(cell.source))

    @property
    def _examined(self) -> Mapping[str, Any]:
        examined: Mapping[str, Any] = self.about.notebook.metadata.get("autograder", {})
        return examined


def _has_run_hidden(cell: NotebookNode) -> bool:
    """Return whether a test reached its hidden part."""
    return failures.has_hidden(cell) and (
        failures.error_of(cell) is None or failures.failed_hidden(cell)
    )


def _state(cell: NotebookNode | None, mark: Mark) -> str:
    if mark.by_person:
        return MARKED
    if mark.waits:
        return WAITS
    if cell is not None and failures.followed(cell) and mark.points > 0:
        return FOLLOWED
    error = failures.error_of(cell) if cell is not None else None
    never = cell is None or (cell.get("execution_count") is None and not cell.get("outputs"))
    if never or (error is not None and error.ename == NOT_RUN_ERROR):
        return NOT_RUN
    if mark.points >= mark.possible:
        return PASSED
    return PARTLY if mark.points > 0 else FAILED


def _written(cell: NotebookNode) -> Markup:
    """Return a written answer."""
    if cell.cell_type == "code":
        return _block(cell.source)
    body = markup.markdown(cell.source, 4, cell.get("attachments", {}))
    return body or Markup("<p>(nothing)</p>")


def _block(source: str) -> Markup:
    return Markup('<pre tabindex="0" class="code">{}</pre>').format(markup.code(source))


def duration(seconds: float) -> str:
    """Return a duration in words, in its two largest units.

    >>> duration(3700)
    '1 hour 2 minutes'
    """
    minutes = max(1, round(seconds / 60))
    units = (("day", minutes // 1440), ("hour", minutes // 60 % 24), ("minute", minutes % 60))
    parts = [f"{n} {name}{'s' if n > 1 else ''}" for name, n in units if n]
    return " ".join(parts[:2])


def number(value: float) -> str:
    """Return points with one decimal, or two if needed."""
    return f"{value:.1f}" if round(value, 1) == round(value, 2) else f"{value:.2f}"


def share(points: float, possible: float) -> int:
    """Return a share as a whole percentage."""
    return round(100 * min(max(points / possible, 0), 1)) if possible else 0


def when(time: datetime | None) -> str:
    """Return a time of the gradebook (UTC) in words."""
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
