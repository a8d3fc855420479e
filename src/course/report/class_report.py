"""``course report``: the results of a class as one self-contained HTML page.

The page is for staff: it holds names, marks and code. Everything that students wrote is escaped by
Jinja, and the page's content security policy forbids scripts and network access. The figures come
from ``item_analysis``, pairs of similar submissions from ``similarity``.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
from traitlets.config import Config

from autograder import status
from course.directory import Course, CourseError
from course.report import charts, class_results, item_analysis, similarity
from course.report.class_results import Results, Submission
from course.run import atomic, lateness

PAIRS = 10  # similar pairs shown
ROWS = 12  # rows shown of other long lists
MANY = 50  # similar pairs shown with --all


@dataclass(frozen=True)
class Late:
    """A late submission and its penalty."""

    student: str
    seconds: float
    extension: float  # hours
    penalty: float  # points, in the gradebook
    now: float  # points, by today's rules and marks


def write(
    course: Course, assignment: str, to: Path | None = None, everything: bool = False
) -> Path:
    """Write the report and return its path.

    Args:
        course: the course
        assignment: its name
        to: the file; by default ``reports/ASSIGNMENT.html`` in the course
        everything: show long lists in full

    Raises:
        CourseError: nothing has been graded yet, or the page cannot be written.
    """
    path = to or course.root / "reports" / f"{assignment}.html"
    if path.is_dir():
        raise CourseError(f"{path} is a folder: give the name of a file for the report")
    text = page(course, class_results.read(course, assignment), everything)
    try:
        atomic.write_whole(path, text.encode("utf-8", errors="replace"))
    except OSError as error:
        raise CourseError(f"the report cannot be written to {path} ({error.strerror})") from None
    return path


def page(course: Course, results: Results, everything: bool = False) -> str:
    """Return the report as HTML."""
    environment = jinja2.Environment(
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
        loader=jinja2.PackageLoader("course.report"),
    )
    environment.filters |= {"percent": _percent, "lasting": _lasting, "number": _number}
    return environment.get_template("report.html").render(
        results=results,
        now=datetime.now(UTC),
        rows=None if everything else ROWS,
        **_class(results),
        **_tests(results),
        **_late(course, results),
        **_alike(results, everything),
    )


def _class(results: Results) -> dict[str, Any]:
    """Submissions by status, and the distribution of points."""
    scores = np.array([submission.points for submission in results.graded])
    most = sum(cell.points for cell in results.cells)
    words = Counter(submission.status.word for submission in results.submissions)
    return {
        "words": [(word, words[word]) for word in status.STATUSES if words[word]],
        "others": [
            submission for submission in results.submissions if submission.status.word != "graded"
        ],
        "most": most,
        "quartiles": np.percentile(scores, [25, 50, 75]).tolist() if len(scores) else [],
        "histogram": charts.histogram(scores, most) if len(scores) else "",
        "unboxed": [name for name, boxed in results.sandboxes.items() if boxed is False],
        "unknown": [name for name, boxed in results.sandboxes.items() if boxed is None],
        "waiting": item_analysis.waiting(results),
    }


def _tests(results: Results) -> dict[str, Any]:
    """Item analysis of the tests."""
    discriminations, times = item_analysis.discriminations(results), item_analysis.times(results)
    return {
        "problems": item_analysis.successes(results),
        "discriminations": discriminations,
        "few": item_analysis.FEW,
        "reasons": item_analysis.reasons(results),
        "unfinished": item_analysis.unfinished(results),
        "undiagnosed": item_analysis.undiagnosed(results),
        "times": times,
        "total": item_analysis.total_times(results),
        "discrimination_chart": charts.discrimination(results.tests, discriminations),
        "time_chart": charts.times(results.tests, times),
    }


def _late(course: Course, results: Results) -> dict[str, Any]:
    """Late submissions and the rules for them."""
    config = course.config()
    rules = lateness.plugin(config, results.assignment, "")
    ours = isinstance(rules, lateness.Lateness)
    extended = (
        {who for who, what in rules.from_file() if what == results.assignment} if ours else {}
    )
    known = {submission.student for submission in results.submissions}
    return {
        "late": [
            _cost(config, results, submission)
            for submission in results.graded
            if submission.seconds_late > 0
        ],
        "rules": lateness.in_words(rules),
        "strangers": sorted(set(extended) - known),
    }


def _cost(config: Config, results: Results, submission: Submission) -> Late:
    rules = lateness.plugin(config, results.assignment, submission.student)
    hours = rules.hours(submission.student) if isinstance(rules, lateness.Lateness) else 0.0
    now = lateness.penalty(
        config, results.assignment, submission.student, submission.points, submission.seconds_late
    )
    return Late(submission.student, submission.seconds_late, hours, submission.penalty, now or 0.0)


def _alike(results: Results, everything: bool) -> dict[str, Any]:
    """The most similar pairs of submissions, with their code side by side."""
    code = {
        submission.student: submission.code for submission in results.submissions if submission.code
    }
    compared = similarity.compare(code, results.given)
    first = compared.pairs[: MANY if everything else PAIRS]
    return {
        "pairs": [(pair, compared.side_by_side(pair.a, pair.b)) for pair in first],
        "compared": len(compared.prints),
        "left_out": compared.left_out,
        "scores": _spread(compared.scores),
        "missed": similarity.K + similarity.WINDOW - 1,
    }


def _spread(scores: np.ndarray) -> Sequence[float]:
    """Median and 95th percentile of the similarity scores of all pairs."""
    return np.percentile(scores, [50, 95]).tolist() if len(scores) else [0.0, 0.0]


def _percent(part: float) -> str:
    return f"{100 * part:.0f} %"


def _number(value: float) -> str:
    """Return a number with three significant digits."""
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _lasting(seconds: float) -> str:
    """Return a duration in its two largest units."""
    whole = round(seconds)
    units = {"d": whole // 86400, "h": whole // 3600 % 24, "min": whole // 60 % 60, "s": whole % 60}
    return " ".join([f"{n} {unit}" for unit, n in units.items() if n][:2]) or "0 s"
