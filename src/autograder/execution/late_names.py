"""Names that a failed test needed, and that the student defines further down.

In a student's kernel cells run in any order, and a test passes once everything is there. Grading
goes from the top: ``attention`` that calls ``masked_attention`` from a later cell fails there.
"""

import re
from collections.abc import Iterable, Iterator

from autograder.diagnosis.recorded_calls import Call
from minikernel.messages import Output

UNDEFINED = re.compile(r"name '(\w{1,100})' is not defined")
MOST = 20  # names of a test
WHERE = "where the names that it lacked are defined"  # in a reason; the names follow


def undefined(outputs: Iterable[Output], calls: Iterable[Call]) -> list[str]:
    """Return the names that were not defined, for a test or for the functions that it called.

    >>> error = {"output_type": "error", "ename": "NameError", "evalue": "name 'f' is not defined"}
    >>> undefined([error], [])
    ['f']
    """
    names = dict.fromkeys([*_in_outputs(outputs), *_in_calls(calls)])
    return list(names)[:MOST]


def _in_outputs(outputs: Iterable[Output]) -> Iterator[str]:
    for output in outputs:
        if output["output_type"] == "error" and output["ename"] == "NameError":
            yield from UNDEFINED.findall(output["evalue"][:1000])


def _in_calls(calls: Iterable[Call]) -> Iterator[str]:
    for call in calls:
        if call.error and "NameError" in call.error["lineage"]:
            yield from UNDEFINED.findall(call.error["text"][:1000])
