"""The ``course`` command.

What a command does is imported by that command: a shell that completes a word has to wait for this
module, and for nothing else.
"""

import atexit
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import typer

from course import nbgrader_internals
from course.cli import exchanging, grading, preparing, reporting
from course.directory import CourseError, harmless
from course.run import quiet

app = typer.Typer(
    help="Run the course: make releases, grade submissions, write feedback.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


@app.callback()
def begin(context: typer.Context) -> None:
    """Refuse a data folder that is not there before anything is begun; doctor says it itself."""
    named = os.environ.get("COURSE_DATA")
    if named and context.invoked_subcommand != "doctor" and not Path(named).expanduser().is_dir():
        raise CourseError(f"COURSE_DATA names {named!r}, which is not a folder: name one, or none")


# In the order of a term, as --help shows them.
PANELS: dict[str, tuple[Callable[..., None], ...]] = {
    "Before the term": (
        preparing.doctor,
        preparing.new,
        preparing.release,
        preparing.solutions,
        preparing.mutation,
        preparing.gradescope,
        preparing.rotate,
    ),
    "Grading": (
        grading.autograde,
        grading.watch,
        grading.scores,
        grading.lateness,
        grading.replay,
        grading.regrade,
        grading.audit,
    ),
    "Giving back": (reporting.feedback, reporting.report),
}
EXCHANGE = "Canvas, Gradescope and hubs"
for panel, commands in PANELS.items():
    for command in commands:
        app.command(rich_help_panel=panel)(command)
app.add_typer(exchanging.collect, name="collect", rich_help_panel=EXCHANGE)
app.add_typer(exchanging.export, name="export", rich_help_panel=EXCHANGE)


def run() -> None:
    """Be the process of a command: ``main``, and no end but what has been asked for.

    Python would take everything apart before it ends, which takes half a second.
    """
    status = 0
    nbgrader_internals.leave_out_extensions()
    try:
        main()
    except SystemExit as end:
        if not isinstance(end.code, int | None):
            raise
        status = end.code or 0
    private: Any = atexit
    private._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def main() -> None:
    """Run the command line; an error that staff can mend is one line and the exit status 1."""
    quiet.quieten()
    try:
        app()
    except Exception as error:
        if not (line := _in_a_line(error)):
            raise
        typer.echo(f"course: {harmless(line)}", err=True)
        raise SystemExit(1) from None


def _in_a_line(error: Exception) -> str:
    """Return what staff can do about an error; nothing where that is a fault of ours."""
    from nbgrader.api import InvalidEntry
    from sqlalchemy.exc import DatabaseError, OperationalError

    from autograder.execution.client import ForkServerError
    from autograder.execution.sandbox import SandboxError
    from autograder.execution.test_side import ProvidedCellError
    from seqlab.errors import DataError

    told = (CourseError, DataError, ForkServerError, SandboxError, ProvidedCellError)
    if isinstance(error, told):
        return " ".join(str(error).split())
    cause = error.__context__ if isinstance(error, InvalidEntry) else error
    # Locked for longer than SQLite waits, out of reach, or no database at all.
    if isinstance(cause, OperationalError) or type(cause) is DatabaseError:
        return f"the gradebook cannot be used ({cause.orig}): try again"
    return ""
