"""Commands that bring in what was handed in elsewhere, and take marks back there."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from autograder.status import NOT_HELD
from course.cli.common import Assignment, Of, assignments, expect_place, say, students
from course.cli.options import IDS
from course.directory import Course, CourseError
from course.run import atomic

if TYPE_CHECKING:  # loaded where they are used: a shell that completes a name waits for this module
    from collections.abc import Callable

    from autograder.submission.zip_reader import ZipReader
    from course.exchange.canvas_zip import CanvasSubmissions
    from course.exchange.collect import Collector
    from course.exchange.gradescope_export import GradescopeSubmissions
    from course.exchange.roster import Roster

    Read = Callable[[ZipReader, Roster], CanvasSubmissions | GradescopeSubmissions]

collect = typer.Typer(
    help="Put submissions from Canvas, Gradescope or a hub into submitted/.", no_args_is_help=True
)
export = typer.Typer(help="Write marks for other systems.", no_args_is_help=True)

Zip = Annotated[Path, typer.Argument(help="the archive as it was downloaded")]
RosterCsv = Annotated[
    Path | None, typer.Option("--roster", help="Canvas's gradebook, exported: says who is who")
]
IdColumn = Annotated[
    str | None,
    typer.Option("--id-column", help=f"the roster's student ids: {', '.join(IDS)}"),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="say what would happen, and write nothing")]
Replace = Annotated[bool, typer.Option("--replace", help="also replace files that may be newer")]
Notebook = Annotated[
    bool,
    typer.Option(help="make a notebook of files that are turned in instead of one (template.py)"),
]


@collect.command("canvas")
def collect_canvas(
    archive: Zip,
    assignment: Of,
    roster: RosterCsv = None,
    id_column: IdColumn = None,
    dry_run: DryRun = False,
    replace: Replace = False,
    notebook: Notebook = True,
) -> None:
    """Collect from the zip of Canvas's Download Submissions.

    Example: course collect canvas submissions.zip --assignment gpt2
    """
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


@collect.command("gradescope")
def collect_gradescope(
    archive: Zip,
    assignment: Of,
    roster: RosterCsv = None,
    id_column: IdColumn = None,
    dry_run: DryRun = False,
    replace: Replace = False,
    notebook: Notebook = True,
) -> None:
    """Collect from the zip of Gradescope's Export Submissions.

    Example: course collect gradescope export.zip --assignment gpt2
    """
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


@collect.command("exchange")
def collect_exchange(
    assignment: Assignment,
    student: Annotated[str | None, typer.Option(help="only this one")] = None,
    dry_run: DryRun = False,
    replace: Replace = False,
    any_owner: Annotated[
        bool,
        typer.Option(
            "--any-owner",
            help="believe the folders' names, on hubs where everybody is one Unix user: a risk",
        ),
    ] = False,
) -> None:
    """Collect what students have submitted on a hub, from nbgrader's exchange.

    A folder that its owner did not make is refused. The time of handing in is the one in the
    folder's name.

    Example: course collect exchange gpt2
    """
    from course.exchange.collect import Collector, Outcome, table
    from course.exchange.inbound import submissions_to

    course = Course.find()
    settings = course.assignment(assignment)
    inbound = submissions_to(course, assignment, not any_owner, student)
    collector = Collector(course, settings, "exchange", dry_run, replace)
    rows = list(collector.collect(inbound.submissions()))
    say(table(rows, dry_run), *inbound.refused, sep="\n")
    if all(row.outcome is Outcome.REFUSED for row in rows):
        why = "see the reasons above" if rows or inbound.refused else f"{inbound.inbound} has none"
        raise CourseError(f"no submission of {assignment} was collected: {why}")


def _collect(collector: "Collector", path: Path, roster: "Roster", read: "Read") -> None:
    from tqdm import tqdm

    from autograder.submission.intake import SubmissionRefused
    from course.exchange import class_zip
    from course.exchange.collect import Outcome, table

    try:
        with class_zip.opened(path) as archive:
            incoming = read(archive, roster)
            bar = tqdm(incoming.submissions(), total=len(incoming), unit="", disable=None)
            rows = list(collector.collect(bar))
    except SubmissionRefused as refusal:
        raise CourseError(f"{path.name} cannot be collected: {refusal}") from None
    say(table(rows, collector.dry_run))
    for name in incoming.unclaimed:
        say(f"not collected: {name!r} is nobody's")
    if all(row.outcome is Outcome.REFUSED for row in rows):
        raise CourseError("nothing was collected: see the reasons above")


def _column(name: str | None) -> str | None:
    if name is not None and name not in IDS:
        raise CourseError(f"--id-column is one of {', '.join(IDS)}")
    return name


To = Annotated[Path | None, typer.Option(help="another file instead; the first stays as it is")]


@export.command("csv")
def export_csv(
    to: Annotated[Path, typer.Option(help="the file to write")] = Path("grades.csv"),
    assignment: Annotated[
        list[str] | None, typer.Option(help="only these", autocompletion=assignments)
    ] = None,
    student: Annotated[
        list[str] | None, typer.Option(help="only these", autocompletion=students)
    ] = None,
) -> None:
    """Write everybody's marks with a status; what was not graded has no mark.

    Example: course export csv --to grades.csv
    """
    from course.run import nbgrader_plugin

    course = Course.find()
    expect_place(to)
    for name in assignment or ():
        course.master(name)
    with course.gradebook() as gradebook:
        chosen = set(assignment or ()), set(student or ())
        rows = list(nbgrader_plugin.rows(course, gradebook, *chosen))
    _write(to, nbgrader_plugin.to_csv(rows).encode("utf-8", "replace"))
    lines = [f"{row.student_id}: {row.status}: {row.reason}" for row in rows]
    say(*(line for line in lines if NOT_HELD in line), f"written to {to}", sep="\n")


@export.command("canvas")
def export_canvas(
    gradebook: Annotated[Path, typer.Argument(help="Canvas's gradebook, exported as CSV")],
    assignment: Of,
    column: Annotated[
        str | None, typer.Option(help="its column's name, if that is another one")
    ] = None,
    to: To = None,
    partial: Annotated[
        bool, typer.Option("--partial", help="also marks that lack points for written answers")
    ] = False,
    scale: Annotated[
        bool, typer.Option("--scale", help="to Canvas's points, where they differ from ours")
    ] = False,
) -> None:
    """Fill an assignment's column of a gradebook that Canvas has exported, to be imported again.

    No other cell of the file changes. Students without a mark keep their cell and are listed.

    Example: course export canvas gradebook.csv --assignment gpt2
    """
    from course.exchange import canvas_marks
    from course.exchange.canvas_gradebook import CanvasGradebook
    from course.exchange.roster import read_roster

    course = Course.find()
    course.master(assignment)
    expect_place(to)
    exported = CanvasGradebook.read(gradebook)
    marks, points = canvas_marks.read_marks(course, assignment)
    at = canvas_marks.column_of(exported, assignment, column)
    factor = canvas_marks.factor_of(exported, at, points, scale)
    filling = canvas_marks.Filling(exported, at, marks, factor, partial, read_roster(course))
    cells = filling.fill()
    say(canvas_marks.table(cells, filling.absent()))
    if not any(cell.after.strip() for cell in cells):
        raise CourseError("nobody in the file has a mark: nothing was written")
    _write(to or gradebook, exported.content())
    say(f"written to {to or gradebook}")


def _write(path: Path, content: bytes) -> None:
    """Write a file as a whole or not at all, and keep who may read it."""
    mode = path.stat().st_mode & 0o777 if path.exists() else 0o666 & ~_umask()
    try:
        atomic.write_whole(path, content)
    except OSError as error:
        raise CourseError(f"{path} could not be written ({error.strerror})") from None
    path.chmod(mode)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
