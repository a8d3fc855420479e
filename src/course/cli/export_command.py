"""``course export``."""

import os
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from course.cli.common import Of, assignments, students
from course.directory import Course, CourseError
from course.run import atomic

export_app = typer.Typer(help="Write marks for other systems.", no_args_is_help=True)

To = Annotated[Path | None, typer.Option(help="another file instead; the first stays as it is")]


@export_app.command("csv")
def csv_command(
    to: Annotated[Path, typer.Option(help="the file to write")] = Path("grades.csv"),
    assignment: Annotated[
        list[str] | None, typer.Option(help="only these", autocompletion=assignments)
    ] = None,
    student: Annotated[
        list[str] | None, typer.Option(help="only these", autocompletion=students)
    ] = None,
) -> None:
    """Write everybody's marks with a status: a crash is not a zero."""
    from course.run.nbgrader_plugin import StatusCsv

    course = Course.find()
    for name in assignment or ():
        course.master(name)
    with tempfile.TemporaryDirectory(prefix="export-") as scratch, course.gradebook() as gradebook:
        plugin = StatusCsv(config=course.config())
        plugin.to, plugin.assignment = str(Path(scratch) / "marks.csv"), assignment or []
        plugin.student = student or []
        plugin.export(gradebook)
        content = Path(plugin.to).read_bytes()
    _write(to, content)
    print(f"written to {to}")


@export_app.command("canvas")
def canvas_command(
    gradebook: Annotated[Path, typer.Argument(help="Canvas's gradebook, exported as CSV")],
    assignment: Of,
    column: Annotated[
        str | None, typer.Option(help="its column, if it is called otherwise there")
    ] = None,
    to: To = None,
    partial: Annotated[
        bool, typer.Option("--partial", help="also marks in which written answers are missing")
    ] = False,
    scale: Annotated[
        bool, typer.Option("--scale", help="to Canvas's points, where they are others than ours")
    ] = False,
) -> None:
    """Fill an assignment's column of a gradebook that Canvas has exported, to be imported again.

    No other cell of the file changes. Students without a mark keep their cell and are listed.
    """
    from course.exchange import canvas_marks
    from course.exchange.canvas_gradebook import CanvasGradebook
    from course.exchange.roster import read_roster

    course = Course.find()
    course.master(assignment)
    exported = CanvasGradebook.read(gradebook)
    marks, points = canvas_marks.read_marks(course, assignment)
    at = canvas_marks.column_of(exported, assignment, column)
    factor = canvas_marks.factor_of(exported, at, points, scale)
    filling = canvas_marks.Filling(exported, at, marks, factor, partial, read_roster(course))
    cells = filling.fill()
    print(canvas_marks.table(cells, filling.absent()))
    if not any(cell.after.strip() for cell in cells):
        raise CourseError("nobody in the file has a mark: nothing was written")
    _write(to or gradebook, exported.content())
    print(f"written to {to or gradebook}")


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
