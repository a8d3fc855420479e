"""What stands between the marks of a MARK SCHEME: a model answer, and behind it the rubric.

The rubric begins with ``**Rubric.**`` at the beginning of a line; where there is none, all of it is
model answer. This module does not know who may see which.
"""

import re
from dataclasses import dataclass

REGION = re.compile(
    r"^[^\n]*BEGIN MARK SCHEME[^\n]*\n(.*?)^[^\n]*END MARK SCHEME[^\n]*$", re.MULTILINE | re.DOTALL
)
RUBRIC = re.compile(r"^\*\*Rubric[^*\n]*\*\*", re.MULTILINE)


@dataclass(frozen=True)
class Scheme:
    """The two halves, as markdown; each may be empty."""

    model: str = ""
    rubric: str = ""


def scheme(source: str) -> Scheme:
    """Return the mark scheme of a master's cell."""
    region = REGION.search(source)
    if region is None:
        return Scheme()
    text = region.group(1)
    start = RUBRIC.search(text)
    if start is None:
        return Scheme(text.strip())
    return Scheme(text[: start.start()].strip(), text[start.end() :].strip())
