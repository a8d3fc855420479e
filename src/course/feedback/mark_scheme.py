"""The MARK SCHEME region of a written answer: a model answer, then a rubric.

The rubric begins at a line that starts with ``**Rubric.**``; without one, the whole region is the
model answer.
"""

import re
from dataclasses import dataclass

from autograder import regions

RUBRIC = re.compile(r"^\*\*Rubric[^*\n]*\*\*", re.MULTILINE)


@dataclass(frozen=True)
class Scheme:
    """Model answer and rubric, as markdown; either may be empty."""

    model: str = ""
    rubric: str = ""


def scheme(source: str) -> Scheme:
    """Return the mark scheme in the source of a master's cell."""
    marked = regions.find(source, regions.MARK_SCHEME)
    if not marked:
        return Scheme()
    text = marked[0].text
    start = RUBRIC.search(text)
    if start is None:
        return Scheme(text.strip())
    return Scheme(text[: start.start()].strip(), text[start.end() :].strip())
