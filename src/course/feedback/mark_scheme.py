"""The MARK SCHEME region of a written answer: a model answer, then a rubric.

The rubric begins at a line that starts with ``**Rubric.**``; without one, the whole region is the
model answer.
"""

import re
from dataclasses import dataclass, field

from autograder import regions
from course.feedback.markup import NONE, Attachments

RUBRIC = re.compile(r"^\*\*Rubric[^*\n]*\*\*", re.MULTILINE)


@dataclass(frozen=True)
class Scheme:
    """Model answer and rubric, as markdown; either may be empty. Both may show attachments."""

    model: str = ""
    rubric: str = ""
    attachments: Attachments = field(default_factory=dict)


def scheme(source: str, attachments: Attachments = NONE) -> Scheme:
    """Return the mark scheme in the source of a master's cell, and the cell's attachments."""
    marked = regions.find(source, regions.MARK_SCHEME)
    if not marked:
        return Scheme()
    text = marked[0].text
    start = RUBRIC.search(text)
    if start is None:
        return Scheme(text.strip(), "", attachments)
    return Scheme(text[: start.start()].strip(), text[start.end() :].strip(), attachments)
