"""Hostile submissions of gpt2, each with what must become of it.

They are written as students would write them: cells and files. These modules do not know how a
submission is graded, nor what protects the grader.
"""

from dataclasses import replace

from tests.autograder.adversaries import (
    exhaustion,
    forgeries,
    intruders,
    leavers,
    notebooks,
    values,
    wires,
)
from tests.autograder.adversaries.kinds import Adversary

SLOW = {  # take more than a few seconds, most of them until they are stopped
    "c-loop",
    "c-stack",
    "deaf",
    "endless-list",
    "fork-bomb",
    "heavy-names",
    "late-thief",
    "many-displays",
    "wire-deaf",
    "wire-drip",
    "wire-late",
    "wire-silent",
}
_EVERY = (
    *forgeries.ALL,
    *values.ALL,
    *intruders.ALL,
    *wires.ALL,
    *leavers.ALL,
    *exhaustion.ALL,
    *notebooks.ALL,
)
ADVERSARIES: tuple[Adversary, ...] = tuple(
    replace(each, slow=each.slow or each.name in SLOW) for each in _EVERY
)
