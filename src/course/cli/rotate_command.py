"""``course rotate``."""

from pathlib import Path
from typing import Annotated

import typer

from course.directory import Course


def rotate_command(
    seed: Annotated[int, typer.Option(help="of the hidden inputs, e.g. the year")],
    corpus: Annotated[
        Path | None, typer.Option(help="a text of your own to train the RNN and the GRU on")
    ] = None,
    passes: Annotated[
        int | None, typer.Option(min=1, help="over the text; fewer, to try things out")
    ] = None,
) -> None:
    """Make a fresh course for another term.

    With a seed alone, tests draw other hidden inputs from now on: marks that were given stay until
    course regrade. With a text, the models of problem 1 are trained on it, the data is verified,
    the masters are executed and both releases are rebuilt.
    """
    from course.release import rotate

    rotate.rotate(Course.find(), seed, corpus, passes)
    print("the course is a fresh one" if corpus else "hidden inputs are drawn anew from now on")
