"""What lateness costs: a plugin for nbgrader's AssignLatePenalties, and how it is applied.

Nothing is taken off unless ``nbgrader_config.py`` says so (docs/report.md has a table of examples).
The penalty depends on the score, on the seconds and on the student's extension, and later is never
better. When something was handed in or is due stands in nbgrader's gradebook.
"""

import csv
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from nbgrader.api import Gradebook
from nbgrader.plugins import LateSubmissionPlugin
from nbgrader.preprocessors import AssignLatePenalties
from traitlets import Dict, Enum, Float, TraitError, Unicode
from traitlets.config import Config

from course.directory import CONFIG, Course, CourseError

STEPS = {"hour": 3600, "day": 86400}  # in seconds
COLUMNS = ("student", "assignment", "hours")


class Lateness(LateSubmissionPlugin):  # type: ignore[misc]
    """Takes off a part for every step begun after extension and grace have ended."""

    grace_minutes = Float(0.0, min=0, help="lateness that costs nobody anything").tag(config=True)
    step = Enum(tuple(STEPS), "day", help="what is counted once it has begun").tag(config=True)
    percent = Float(
        0.0, min=0, max=100, help="of the achieved score, taken off for every step begun"
    ).tag(config=True)
    points = Float(0.0, min=0, help="taken off for every step begun").tag(config=True)
    cap_percent = Float(
        100.0, min=0, max=100, help="of the achieved score; steps take off no more than this"
    ).tag(config=True)
    nothing_after_days = Float(
        None, allow_none=True, min=0, help="days after which nothing counts; None: no such day"
    ).tag(config=True)
    extensions = Dict(
        value_trait=Dict(value_trait=Float(min=0)), help="hours by student and assignment"
    ).tag(config=True)
    extensions_csv = Unicode(
        "", help=f"a file with the columns {', '.join(COLUMNS)}; relative to the course"
    ).tag(config=True)

    def late_submission_penalty(
        self, student_id: str, score: float, total_seconds_late: float
    ) -> float | None:
        """Return the points to take off, between 0 and the score, or None for none.

        Args:
            student_id: whose submission it is
            score: points achieved
            total_seconds_late: after the due date, and after nbgrader's own extension if there is
                one

        Raises:
            CourseError: the file of extensions is missing or wrong.
        """
        overdue = total_seconds_late - 60 * self.grace_minutes - 3600 * self.hours(student_id)
        if overdue <= 0 or score <= 0:
            return None
        if self.penalty_method == "zero" or self._is_over(overdue):
            return score
        steps = math.ceil(overdue / STEPS[self.step])
        taken = steps * (score * self.percent / 100 + self.points)
        return min(taken, score * self.cap_percent / 100, score) or None

    def hours(self, student: str) -> float:
        """Return a student's extension for this plugin's assignment, in hours.

        Raises:
            CourseError: the file of extensions is missing or wrong.
        """
        assignment = getattr(self.parent, "assignment_id", "")  # AssignLatePenalties knows it
        from_file = self.from_file().get((student, assignment), 0.0)
        return float(max(from_file, self.extensions.get(student, {}).get(assignment, 0.0)))

    def from_file(self) -> dict[tuple[str, str], float]:
        """Return the hours of the file of extensions, by student and assignment.

        Raises:
            CourseError: it is missing or wrong.
        """
        if not self.extensions_csv:
            return {}
        # nbgrader works in the course's folder; the course command says which it is
        root = Path(self.config.CourseDirectory.get("root") or Course.find().root)
        return read_extensions(root / self.extensions_csv, Course(root).assignments())

    def in_words(self) -> str:
        """Return the rules in words, e.g. "10 % of the score for every day begun"."""
        off = [f"{self.percent:g} % of the score"] if self.percent else []
        off += [f"{self.points:g} points"] if self.points else []
        rules = [f"{' and '.join(off)} for every {self.step} begun"] if off else []
        if off and self.cap_percent < 100:
            rules.append(f"at most {self.cap_percent:g} % of the score")
        if self.penalty_method == "zero":
            rules = ["everything"]
        elif self.nothing_after_days is not None:
            rules.append(f"everything after {self.nothing_after_days:g} days")
        if not rules:
            return "nothing is taken off"
        grace = f" of {self.grace_minutes:g} minutes" if self.grace_minutes else ""
        return f"taken off after extension and grace{grace}: {'; '.join(rules)}"

    def _is_over(self, overdue: float) -> bool:
        days = self.nothing_after_days
        return days is not None and overdue > days * STEPS["day"]


def read_extensions(path: Path, assignments: Sequence[str]) -> dict[tuple[str, str], float]:
    """Return hours by student and assignment.

    Raises:
        CourseError: the file is missing or wrong; marks are at stake, so no line is skipped.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise CourseError(f"extensions cannot be read from {path}: {error}") from None
    hours: dict[tuple[str, str], float] = {}
    for number, row in _rows(text, path):
        where = f"line {number} of {path}"
        student, assignment = (str(row[name] or "").strip() for name in COLUMNS[:2])
        if not student or assignment not in assignments:
            known = " or ".join(assignments)
            raise CourseError(f"{where}: a student and an assignment, {known}, are expected")
        if (student, assignment) in hours:
            raise CourseError(f"{where}: {student} has an extension for {assignment} already")
        hours[student, assignment] = _hours(row["hours"], where)
    return hours


def _rows(text: str, path: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """Yield the number of each line with what its columns hold."""
    reader = csv.DictReader(text.splitlines(), skipinitialspace=True)
    reader.fieldnames = [str(name).strip() for name in reader.fieldnames or ()]
    if missing := [name for name in COLUMNS if name not in reader.fieldnames]:
        raise CourseError(f"{path} has no column {missing[0]!r}: it needs {', '.join(COLUMNS)}")
    for row in reader:
        yield reader.line_num, row


def _hours(text: str | None, where: str) -> float:
    try:
        hours = float(text or "")
    except ValueError:
        hours = -1.0
    if not 0 <= hours < math.inf:
        raise CourseError(f"{where}: {text!r} is no number of hours, such as 48")
    return hours


# Asking the plugin that the configuration names, this one or another


def plugin(config: Config, assignment: str, student: str) -> Any:
    """Return the course's plugin, made as AssignLatePenalties makes it.

    Raises:
        CourseError: a setting is wrong.
    """
    try:
        penalties = AssignLatePenalties(config=config)
        # A plugin is told neither; it finds them where nbgrader leaves them.
        penalties.assignment_id = penalties.notebook_id = assignment
        penalties.student_id = student
        penalties.init_plugin()
    except TraitError as error:
        raise CourseError(f"{CONFIG}: {error}") from None
    return penalties.plugin_inst


def in_words(rules: Any) -> str:
    """Return a plugin's rules in words, as far as they are known."""
    if isinstance(rules, Lateness):
        return rules.in_words()
    if type(rules) is LateSubmissionPlugin and rules.penalty_method == "none":
        return "nothing is taken off"
    return f"as {type(rules).__name__} has it"


def penalty(
    config: Config, assignment: str, student: str, score: float, seconds: float
) -> float | None:
    """Return what the course's plugin takes off a score, as AssignLatePenalties would write it.

    Raises:
        CourseError: a setting, or the file of extensions, is wrong.
    """
    if seconds <= 0:
        return None
    rules = plugin(config, assignment, student)
    points = rules.late_submission_penalty(student, score, seconds)
    return None if points is None else min(max(points, 0.0), score)


def penalize(gradebook: Gradebook, config: Config, submission: Any, part: Any) -> None:
    """Write the penalty for what a notebook has scored by now.

    Args:
        gradebook: in which a transaction is under way
        config: the course's
        submission: nbgrader's SubmittedAssignment
        part: its SubmittedNotebook

    Raises:
        CourseError: a setting, or the file of extensions, is wrong.
    """
    gradebook.db.flush()
    gradebook.db.expire(part, ["score"])  # the database's sum of marks, which have just changed
    part.late_submission_penalty = penalty(
        config, submission.name, submission.student.id, part.score, submission.total_seconds_late
    )


def refresh(course: Course, assignment: str, keep: bool = True) -> dict[str, tuple[float, float]]:
    """Work out all penalties of an assignment again, without running anybody's code.

    Marks for written answers and extensions change what a penalty is.

    Args:
        course: the course
        assignment: its name
        keep: False to change nothing

    Returns:
        points taken off before and after, for each student for whom they change

    Raises:
        CourseError: a setting, or the file of extensions, is wrong; nothing is changed then.
    """
    changed, config = {}, course.config()
    with course.gradebook() as gradebook:
        for submission in gradebook.find_assignment(assignment).submissions:
            before = submission.late_submission_penalty
            for part in submission.notebooks:
                penalize(gradebook, config, submission, part)
            after = sum(part.late_submission_penalty or 0.0 for part in submission.notebooks)
            if after != before:
                changed[submission.student.id] = before, after
        if keep:
            gradebook.db.commit()
        else:
            gradebook.db.rollback()
    return changed
