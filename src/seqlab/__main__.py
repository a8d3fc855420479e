"""``python -m seqlab``: check the course's files, fetch the real GPT-2."""

import argparse
import sys

from seqlab import fetch, gpt2, verify
from seqlab.errors import DataError


def main(argv: list[str] | None = None) -> int:
    """Run one command; return 0, or 1 after one line that says what is wrong and what to do."""
    parser = argparse.ArgumentParser(
        prog="python -m seqlab", description="What the course's notebooks load."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser(
        "verify", help="check that the course's files are unchanged and give the printed numbers"
    )
    fetching = commands.add_parser(
        "fetch", help="download one of OpenAI's GPT-2 checkpoints (0.5 to 6.4 GB)"
    )
    fetching.add_argument("model_size", metavar="SIZE", help=", ".join(gpt2.REPOSITORIES))
    fetching.add_argument("--models-dir", help="where to put it (default: gpt2 in the data folder)")
    arguments = parser.parse_args(argv)
    try:
        if arguments.command == "verify":
            return 0 if verify.verify() else 1
        folder = fetch.fetch(arguments.model_size, arguments.models_dir)
        print(f"{arguments.model_size} is in {folder}")
        return 0
    except DataError as error:
        print(f"seqlab: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("seqlab: interrupted; start it again and it goes on from there", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
