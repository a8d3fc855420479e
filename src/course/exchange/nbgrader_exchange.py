"""What nbgrader runs of ours for its exchange: formgrader's Collect, and Release Feedback.

``nbgrader_config.py`` names both classes, so that ``nbgrader collect`` and ``nbgrader
release_feedback`` do the same as formgrader's buttons.
"""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from nbgrader.exchange import ExchangeError
from nbgrader.exchange.default import ExchangeCollect, ExchangeReleaseFeedback
from nbgrader.utils import notebook_hash

from course.directory import Course, CourseError
from course.exchange.collect import Collector, Outcome
from course.exchange.inbound import submissions_to

SECRET = "submission_secret.txt"  # noqa: S105  (a file's name)


class CollectOwned(ExchangeCollect):  # type: ignore[misc]
    """nbgrader's collect, which takes from each folder's owner and keeps what it replaces."""

    def copy_files(self) -> None:
        """Collect as ``course collect exchange`` does.

        Raises:
            ExchangeError: nothing can be collected.
        """
        about = self.coursedir
        course, name = Course(Path(about.root), about.db_url), about.assignment_id
        student = None if about.student_id in ("", "*") else about.student_id
        inbound = submissions_to(course, name, bool(self.check_owner), student)
        try:
            collector = Collector(course, course.assignment(name), "exchange")
            for row in collector.collect(inbound.submissions()):
                tell = self.log.error if row.outcome is Outcome.REFUSED else self.log.info
                tell("%s", ": ".join((row.student, row.outcome, "; ".join(row.remarks))))
        except CourseError as error:
            raise ExchangeError(str(error)) from None
        for line in inbound.refused:
            self.log.error("%s", line)


class ReleaseEachFeedback(ExchangeReleaseFeedback):  # type: ignore[misc]
    """nbgrader's release of feedback, in which a page that cannot be released stops no other."""

    def copy_files(self) -> None:
        """Release every page that somebody can fetch, and say of the others why not."""
        about = self.coursedir
        chosen = "*" if about.student_id in ("", "*") else about.student_id
        excluded = set(about.student_id_exclude.split(","))
        course, released = Course(Path(about.root)), Path(self.dest_path)
        for page in pages(course, about.assignment_id, chosen):
            if page.student in excluded:
                continue
            if why := release(course, page, released):
                self.log.warning("no feedback released for %s: %s", page.student, why)
            else:
                self.log.info("Released feedback for %s", page.student)


@dataclass(frozen=True)
class FinishedPage:
    """A page of feedback, and whose it is."""

    path: Path
    student: str
    assignment: str


def pages(course: Course, assignment: str, student: str = "*") -> Iterator[FinishedPage]:
    """Yield the pages of an assignment that have been written."""
    for path in sorted((course.root / "feedback").glob(f"{student}/{assignment}/*.html")):
        yield FinishedPage(path, path.parents[1].name, assignment)


def release(course: Course, page: FinishedPage, released: Path) -> str:
    """Put a page where its student can fetch it; return why that cannot be, or "".

    The page's name there is a hash of a secret that ``nbgrader submit`` has put beside the
    submission. What was graded is asked for it, since the student may have submitted again.
    """
    graded = course.root / "autograded" / page.student / page.assignment
    try:
        secret = (graded / SECRET).read_text("utf-8")
        notebook = graded / f"{page.path.stem}.ipynb"
        is_older = page.path.stat().st_mtime < notebook.stat().st_mtime
    except (OSError, ValueError):
        secret, is_older = "", False
    if not secret:
        return f"what was graded has no {SECRET}: it did not come through the exchange"
    if is_older:
        return f"its page is older than its grading: run course feedback {page.assignment}"
    name = notebook_hash(secret=secret, notebook_id=page.path.stem)
    return _put(page.path, released / f"{name}.html")


def _put(page: Path, place: Path) -> str:
    """Copy a page to its place, whole and readable; return why that cannot be, or ""."""
    new = place.with_suffix(".new")
    try:
        shutil.copyfile(page, new)
        new.chmod(0o644)
        new.replace(place)
    except OSError as error:
        return f"{place} cannot be written ({error.strerror})"
    return ""
