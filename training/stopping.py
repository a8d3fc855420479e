"""What Ctrl-C does in every recipe: one line, and the exit status of an interrupted program."""

import contextlib
import sys
from collections.abc import Iterator

INTERRUPTED = 130  # what shells call it
LINE = "interrupted: start it again, and it goes on from the last pass that was saved"


@contextlib.contextmanager
def stoppable() -> Iterator[None]:
    """Let Ctrl-C end a program with a line on stderr instead of a traceback."""
    try:
        yield
    except KeyboardInterrupt:
        print(f"\n{LINE}", file=sys.stderr)  # below a bar that was being drawn
        raise SystemExit(INTERRUPTED) from None
