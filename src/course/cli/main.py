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
from typer.core import TyperGroup

from course import nbgrader_internals
from course.cli import exchanging, grading, preparing, reporting
from course.directory import CourseError, harmless
from course.run import quiet


class InOrder(TyperGroup):
    """Commands in the order of a term; Typer puts those with commands of their own last."""

    def list_commands(self, context: Any) -> list[str]:
        """Return the names of the commands in that order."""
        return list(COMMANDS)

    def get_params(self, context: Any) -> list[Any]:
        """Return the options, of which switches are shown without the type <bool>."""
        return _without_types(super().get_params(context))

    def get_command(self, context: Any, name: str) -> Any:
        """Return a command whose switches, and those of its own commands, are shown so, too."""
        command = super().get_command(context, name)
        for each in (command, *getattr(command, "commands", {}).values()):
            if each is not None:
                _without_types(each.get_params(context))
        return command


def _without_types(options: list[Any]) -> list[Any]:
    for option in options:
        if getattr(option, "is_flag", False):
            option.metavar = ""
    return options


app = typer.Typer(
    cls=InOrder,
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


TERM, LATER, TOOLS = "A term, in order", "Looking closer", "Preparing and trying out"
Command = Callable[..., None] | typer.Typer
COMMANDS: dict[str, tuple[str, Command]] = {  # in the order in which --help shows them
    "new": (TERM, preparing.new),
    "release": (TERM, preparing.release),
    "collect": (TERM, exchanging.collect),
    "autograde": (TERM, grading.autograde),
    "mark": (TERM, grading.mark),
    "feedback": (TERM, reporting.feedback),
    "export": (TERM, exchanging.export),
    "report": (TERM, reporting.report),
    "watch": (LATER, grading.watch),
    "scores": (LATER, grading.scores),
    "replay": (LATER, grading.replay),
    "lateness": (LATER, grading.lateness),
    "regrade": (LATER, grading.regrade),
    "audit": (LATER, grading.audit),
    "doctor": (TOOLS, preparing.doctor),
    "solutions": (TOOLS, preparing.solutions),
    "mutation": (TOOLS, preparing.mutation),
    "gradescope": (TOOLS, preparing.gradescope),
    "rotate": (TOOLS, preparing.rotate),
}
for name, (panel, command) in COMMANDS.items():
    if isinstance(command, typer.Typer):
        app.add_typer(command, name=name, rich_help_panel=panel)
    else:
        app.command(name, rich_help_panel=panel)(command)


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
    if isinstance(error, CourseError):  # without loading what tells the others
        return " ".join(str(error).split())
    from nbgrader.api import InvalidEntry
    from sqlalchemy.exc import DatabaseError, OperationalError

    from autograder.execution.client import ForkServerError
    from autograder.execution.sandbox import SandboxError
    from autograder.execution.test_side import ProvidedCellError
    from seqlab.errors import DataError

    told = (DataError, ForkServerError, SandboxError, ProvidedCellError)
    if isinstance(error, told):
        return " ".join(str(error).split())
    cause = error.__context__ if isinstance(error, InvalidEntry) else error
    # Locked for longer than SQLite waits, out of reach, or no database at all.
    if isinstance(cause, OperationalError) or type(cause) is DatabaseError:
        return f"the gradebook cannot be used ({cause.orig}): try again"
    return ""
