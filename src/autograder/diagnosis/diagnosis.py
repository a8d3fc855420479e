"""What is found out about a test that failed."""

from collections.abc import Sequence
from typing import NotRequired, TypedDict


class Diagnosis(TypedDict):
    """The reason for a failure; it holds no expected value, so that students may read it."""

    function: str
    where: str  # in the assignment
    summary: str
    mistake: NotRequired[str]  # a known one, by its name in the catalogue
    nudge: NotRequired[str]
    hint: NotRequired[str]
    blames: NotRequired[str]  # another function of the student's, which is wrong


def listed(names: Sequence[str]) -> str:
    """Return names as a sentence lists them.

    >>> listed(["q", "k", "v"])
    'q, k and v'
    """
    *others, last = names
    return " and ".join(filter(None, [", ".join(others), last]))
