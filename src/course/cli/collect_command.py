"""``course collect``."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from course.cli.common import Of
from course.cli.options import IDS
from course.directory import Course, CourseError

if TYPE_CHECKING:  # loaded where they are used: a shell that completes a name waits for this module
    from collections.abc import Callable

    from autograder.submission.zip_reader import ZipReader
    from course.exchange.canvas_zip import CanvasSubmissions
    from course.exchange.collect import Collector
    from course.exchange.gradescope_export import GradescopeSubmissions
    from course.exchange.roster import Roster

    Read = Callable[[ZipReader, Roster], CanvasSubmissions | GradescopeSubmissions]

collect_app = typer.Typer(
    help="Put what was handed in elsewhere into submitted/.", no_args_is_help=True
)

Zip = Annotated[Path, typer.Argument(help="the archive as it was downloaded")]
RosterCsv = Annotated[
    Path | None, typer.Option("--roster", help="Canvas's gradebook, exported: says who is who")
]
IdColumn = Annotated[
    str | None,
    typer.Option("--id-column", help=f"the roster's student ids: {', '.join(IDS)}"),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="say what would happen, and write nothing")]
Replace = Annotated[
    bool, typer.Option("--replace", help="replace also what cannot be told to be older")
]
Notebook = Annotated[
    bool,
    typer.Option(help="make a notebook of files that are turned in instead of one (template.py)"),
]


@collect_app.command("canvas")
def canvas_command(
    archive: Zip,
    assignment: Of,
    roster: RosterCsv = None,
    id_column: IdColumn = None,
    dry_run: DryRun = False,
    replace: Replace = False,
    notebook: Notebook = True,
) -> None:
    """Collect from the zip of Canvas's Download Submissions."""
    from course.exchange.canvas_zip import CanvasFileNames, CanvasSubmissions
    from course.exchange.collect import Collector
    from course.exchange.roster import read_roster

    course = Course.find()
    settings = course.assignment(assignment)
    names = CanvasFileNames(config=course.config())
    _collect(
        Collector(course, settings, "canvas", dry_run, replace, notebook),
        archive,
        read_roster(course, roster, _column(id_column)),
        lambda opened, known: CanvasSubmissions(opened, known, settings, names),
    )


@collect_app.command("gradescope")
def gradescope_command(
    archive: Zip,
    assignment: Of,
    roster: RosterCsv = None,
    id_column: IdColumn = None,
    dry_run: DryRun = False,
    replace: Replace = False,
    notebook: Notebook = True,
) -> None:
    """Collect from the zip of Gradescope's Export Submissions."""
    from course.exchange.collect import Collector
    from course.exchange.gradescope_export import GradescopeSubmissions
    from course.exchange.roster import read_roster

    course = Course.find()
    _collect(
        Collector(course, course.assignment(assignment), "gradescope", dry_run, replace, notebook),
        archive,
        read_roster(course, roster, _column(id_column)),
        GradescopeSubmissions,
    )


def _collect(collector: "Collector", path: Path, roster: "Roster", read: "Read") -> None:
    from tqdm import tqdm

    from autograder.submission.intake import SubmissionRefused
    from course.exchange import class_zip
    from course.exchange.collect import Outcome, table

    try:
        with class_zip.opened(path) as archive:
            incoming = read(archive, roster)
            bar = tqdm(incoming.submissions(), total=len(incoming), unit="")
            rows = list(collector.collect(bar))
    except SubmissionRefused as refusal:
        raise CourseError(f"{path.name} is not taken: {refusal}") from None
    print(table(rows, collector.dry_run))
    for name in incoming.unclaimed:
        print(f"not collected: {name!r} is nobody's")
    if all(row.outcome is Outcome.REFUSED for row in rows):
        raise CourseError("nothing was collected: see the reasons above")


def _column(name: str | None) -> str | None:
    if name is not None and name not in IDS:
        raise CourseError(f"--id-column is one of {', '.join(IDS)}")
    return name
