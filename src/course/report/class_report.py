"""``course report``: a class's results in an assignment as one page that needs nothing else.

The page holds students' names, marks and code: it is for staff. What students could write goes
through Jinja's escaping, and the page itself forbids browsers to run or load anything.

This module does not know how figures are reckoned (course.report.item_analysis), nor how code is
compared (course.report.similarity).
"""

import base64
import io
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jinja2
import matplotlib as mpl
import numpy as np
from traitlets.config import Config

from autograder import status
from course.directory import Course, CourseError
from course.report import class_results, item_analysis, similarity
from course.report.class_results import Results, Submission
from course.run import atomic, lateness

PAIRS = 10  # shown, of submissions with something in common
ROWS = 12  # shown of other long lists
MANY = 50  # pairs shown when everything is asked for
BIN = 5  # points


@dataclass(frozen=True)
class Late:
    """Somebody late, and what it costs."""

    student: str
    seconds: float
    extension: float  # hours, of the course's file or configuration
    penalty: float  # in the gradebook
    now: float  # as the rules have it for today's marks


def write(
    course: Course, assignment: str, to: Path | None = None, everything: bool = False
) -> Path:
    """Write the report and return its path.

    Args:
        course: whose
        assignment: its name
        to: where to; by default ``reports/ASSIGNMENT.html`` of the course
        everything: show long lists whole

    Raises:
        CourseError: nothing was graded yet, or the page cannot be written.
    """
    path = to or course.root / "reports" / f"{assignment}.html"
    if path.is_dir():
        raise CourseError(f"{path} is a folder: name a file for the report")
    text = page(course, class_results.read(course, assignment), everything)
    try:
        atomic.write_whole(path, text.encode("utf-8", errors="replace"))
    except OSError as error:
        raise CourseError(f"the report cannot be written to {path} ({error.strerror})") from None
    return path


def page(course: Course, found: Results, everything: bool = False) -> str:
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
        results=found,
        now=datetime.now(UTC),
        rows=None if everything else ROWS,
        **_class(found),
        **_tests(found),
        **_late(course, found),
        **_alike(found, everything),
    )


def _class(found: Results) -> dict[str, Any]:
    """Return who has handed in and what came of it."""
    scores = np.array([each.points for each in found.graded])
    most = sum(cell.points for cell in found.cells)
    words = Counter(each.status.word for each in found.submissions)
    return {
        "words": [(word, words[word]) for word in status.STATUSES if words[word]],
        "others": [each for each in found.submissions if each.status.word != "graded"],
        "most": most,
        "quartiles": np.percentile(scores, [25, 50, 75]).tolist() if len(scores) else [],
        "histogram": histogram(scores, most) if len(scores) else "",
        "unboxed": [name for name, boxed in found.sandboxes.items() if boxed is False],
        "unknown": [name for name, boxed in found.sandboxes.items() if boxed is None],
        "waiting": item_analysis.waiting(found),
    }


def _tests(found: Results) -> dict[str, Any]:
    """Return how the class did in the tests."""
    return {
        "problems": item_analysis.successes(found),
        "discriminations": item_analysis.discriminations(found),
        "few": item_analysis.FEW,
        "reasons": item_analysis.reasons(found),
        "undiagnosed": item_analysis.undiagnosed(found),
        "times": item_analysis.times(found),
        "total": item_analysis.total_times(found),
    }


def _late(course: Course, found: Results) -> dict[str, Any]:
    """Return who was late, and what the rules are."""
    config = course.config()
    rules = lateness.plugin(config, found.assignment, "")
    ours = isinstance(rules, lateness.Lateness)
    extended = {who for who, what in rules.from_file() if what == found.assignment} if ours else {}
    known = {each.student for each in found.submissions}
    return {
        "late": [_cost(config, found, each) for each in found.graded if each.seconds_late > 0],
        "rules": lateness.in_words(rules),
        "strangers": sorted(set(extended) - known),
    }


def _cost(config: Config, found: Results, each: Submission) -> Late:
    rules = lateness.plugin(config, found.assignment, each.student)
    hours = rules.hours(each.student) if isinstance(rules, lateness.Lateness) else 0.0
    now = lateness.penalty(config, found.assignment, each.student, each.points, each.seconds_late)
    return Late(each.student, each.seconds_late, hours, each.penalty, now or 0.0)


def _alike(found: Results, everything: bool) -> dict[str, Any]:
    """Return the pairs of submissions with most in common, and what they have in common."""
    code = {each.student: each.code for each in found.submissions if each.code}
    compared = similarity.compare(code, found.given)
    first = compared.pairs[: MANY if everything else PAIRS]
    return {
        "pairs": [(pair, compared.side_by_side(pair.a, pair.b)) for pair in first],
        "compared": len(code),
        "scores": _spread(compared.scores),
        "missed": similarity.K + similarity.WINDOW - 1,
    }


def _spread(scores: np.ndarray) -> Sequence[float]:
    """Return the median and the 95th percentile of the scores of all pairs."""
    return np.percentile(scores, [50, 95]).tolist() if len(scores) else [0.0, 0.0]


def histogram(scores: np.ndarray, most: float) -> str:
    """Return a picture of scores as a data URI.

    Args:
        scores: (n,) points
        most: points that can be had; bonus points lie beyond
    """
    mpl.use("Agg")
    import matplotlib.pyplot as plt
    from matplotlib.ticker import MaxNLocator

    least, top = min(0.0, scores.min()), max(most, scores.max())
    edges = np.arange(np.floor(least / BIN) * BIN, top + BIN, BIN)
    figure, axes = plt.subplots(figsize=(6, 2.7), layout="constrained")
    axes.hist(scores, bins=edges.tolist(), color="#5b8db8", edgecolor="white")
    axes.axvline(float(np.median(scores)), color="#b3261e", label=f"median {np.median(scores):g}")
    axes.legend(frameon=False, loc="upper left")
    axes.set(xlabel=f"points of {most:g}", ylabel="submissions", xlim=(edges[0], edges[-1]))
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    axes.spines[["top", "right"]].set_visible(False)
    buffer = io.BytesIO()
    with mpl.rc_context({"svg.hashsalt": "report"}):
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    plt.close(figure)
    return f"data:image/svg+xml;base64,{base64.b64encode(buffer.getvalue()).decode()}"


def _percent(part: float) -> str:
    return f"{100 * part:.0f} %"


def _number(value: float) -> str:
    """Return a number in as many digits as anybody reads."""
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _lasting(seconds: float) -> str:
    """Return a time in its two largest units."""
    whole = round(seconds)
    units = {"d": whole // 86400, "h": whole // 3600 % 24, "min": whole // 60 % 60, "s": whole % 60}
    return " ".join([f"{n} {unit}" for unit, n in units.items() if n][:2]) or "0 s"
