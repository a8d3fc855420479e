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
    from course.exchange import canvas, gradescope_export
    from course.exchange.canvas import Roster
    from course.exchange.collect import Collector

    Read = Callable[[ZipReader, Roster], canvas.Downloaded | gradescope_export.Exported]

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
    bool, typer.Option(help="make a notebook of template.py where there is none (gpt2)")
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
    from course.exchange import canvas
    from course.exchange.collect import Collector

    course = Course.find()
    names = canvas.CanvasFileNames(config=course.config())
    _collect(
        Collector(course, assignment, "canvas", dry_run, replace, notebook),
        archive,
        canvas.roster(course, roster, _column(id_column)),
        lambda opened, known: canvas.Downloaded(opened, known, assignment, names),
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
    from course.exchange import canvas, gradescope_export
    from course.exchange.collect import Collector

    course = Course.find()
    _collect(
        Collector(course, assignment, "gradescope", dry_run, replace, notebook),
        archive,
        canvas.roster(course, roster, _column(id_column)),
        gradescope_export.Exported,
    )


def _collect(collector: "Collector", path: Path, roster: "Roster", read: "Read") -> None:
    from tqdm import tqdm

    from autograder.submission.intake import SubmissionRefused
    from course.exchange import class_zip
    from course.exchange.collect import DONE, table

    collector.course.master(collector.assignment)
    try:
        with class_zip.opened(path) as archive:
            found = read(archive, roster)
            bar = tqdm(found.handed_in(), total=len(found), unit="")
            rows = list(collector.collect(bar))
    except SubmissionRefused as refusal:
        raise CourseError(f"{path.name} is not taken: {refusal}") from None
    print(table(rows, collector.dry_run))
    for name in found.strangers:
        print(f"not collected: {name!r} is nobody's")
    if not any(DONE[row.done] for row in rows):
        raise CourseError("nothing was collected: see the reasons above")


def _column(name: str | None) -> str | None:
    if name is not None and name not in IDS:
        raise CourseError(f"--id-column is one of {', '.join(IDS)}")
    return name
