"""What stands between the marks of a MARK SCHEME: a model answer, and behind it the rubric.

The rubric begins with ``**Rubric.**`` at the beginning of a line; where there is none, all of it is
model answer. This module does not know who may see which.
"""

import re
from dataclasses import dataclass

from autograder import regions

RUBRIC = re.compile(r"^\*\*Rubric[^*\n]*\*\*", re.MULTILINE)


@dataclass(frozen=True)
class Scheme:
    """The two halves, as markdown; each may be empty."""

    model: str = ""
    rubric: str = ""


def scheme(source: str) -> Scheme:
    """Return the mark scheme of a master's cell."""
    marked = regions.find(source, regions.MARK_SCHEME)
    if not marked:
        return Scheme()
    text = marked[0].text
    start = RUBRIC.search(text)
    if start is None:
        return Scheme(text.strip())
    return Scheme(text[: start.start()].strip(), text[start.end() :].strip())
