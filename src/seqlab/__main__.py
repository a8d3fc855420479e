"""``python -m seqlab``: check files and notebooks, make what is turned in, fetch the real GPT-2."""

import argparse
import io
import os
import sys
from contextlib import ExitStack
from pathlib import Path

from seqlab import gpt2_weights, kernel_start
from seqlab.errors import DataError


def main(argv: list[str] | None = None) -> int:
    """Run a command and return its exit status; an error is one line on stderr.

    ``verify`` and ``fetch`` return 0 or 1. ``check`` and ``bundle`` return 0, 1 if something fails
    or is missing, and 2 if the notebook cannot be read or run.
    """
    arguments = _parser().parse_args(argv)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a console may not have every character
    try:
        status = _run(arguments)
        sys.stdout.flush()
        return status
    except BrokenPipeError:  # as in: python -m seqlab check x.ipynb | head
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except DataError as error:
        print(f"seqlab: {error}", file=sys.stderr)
        return 2 if arguments.command in ("check", "bundle") else 1
    except KeyboardInterrupt:
        goes_on = "; start it again and it goes on from there" * (arguments.command == "fetch")
        print(f"seqlab: interrupted{goes_on}", file=sys.stderr)
        return 130


def _run(arguments: argparse.Namespace) -> int:
    if arguments.command == "verify":
        from seqlab import verify

        return 0 if verify.verify() else 1
    if arguments.command == "check":
        return _check(arguments)
    if arguments.command == "bundle":
        from seqlab import bundle

        return bundle.bundle(arguments.notebook, arguments.to, arguments.seconds)
    from seqlab import fetch

    folder = fetch.fetch(arguments.model_size, arguments.models_dir)
    print(f"{arguments.model_size} is in {folder}")
    return 0


def _check(arguments: argparse.Namespace) -> int:
    """Check a notebook; its kernel starts while all that a check needs is imported."""
    path: Path = arguments.notebook
    with ExitStack() as stack:
        folder = path.resolve().parent
        kernel = stack.enter_context(kernel_start.started(folder)) if path.is_file() else None
        from seqlab import check

        return check.check(path, arguments.demos, arguments.seconds, started=kernel)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m seqlab",
        description="Check the course's files and notebooks, and make what is turned in.",
    )
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser(
        "verify", help="check that the course's files are unchanged and give the printed numbers"
    )
    checking = commands.add_parser(
        "check", help="run a notebook from the top, as grading will, and list what is left to do"
    )
    checking.add_argument(
        "--demos", action="store_true", help="also run the cells that only show something"
    )
    bundling = commands.add_parser("bundle", help="make the files to turn in")
    bundling.add_argument(
        "--to",
        type=Path,
        metavar="FOLDER",
        help=f"default: {kernel_start.TURN_IN} beside the notebook",
    )
    for command, seconds in (
        (checking, kernel_start.CHECKING),
        (bundling, kernel_start.BUNDLING),
    ):
        command.add_argument("notebook", type=Path, metavar="NOTEBOOK")
        command.add_argument(
            "--seconds", type=float, default=seconds, help=f"limit for a cell; default {seconds:g}"
        )
    fetching = commands.add_parser(
        "fetch", help="download one of OpenAI's GPT-2 checkpoints (0.5 to 6.4 GB)"
    )
    fetching.add_argument("model_size", metavar="SIZE", help=", ".join(gpt2_weights.REPOSITORIES))
    fetching.add_argument("--models-dir", help="where to put it (default: gpt2 in the data folder)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
