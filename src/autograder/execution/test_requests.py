"""What a test kernel is asked beyond what every kernel answers, and its replies."""

from typing import Any, TypedDict

from autograder.cell_notes import Diagnosis
from minikernel.encoding import Encoded
from minikernel.messages import Output, RunRequest


class AttachRequest(TypedDict):
    """Use another kernel, the student's; its socket comes right behind the request."""

    pid: int
    memory: int  # bytes that its processes may hold together
    call_seconds: float
    limits: dict[str, int]  # of its replies: see MessageLimits


class PrepareRequest(TypedDict):
    """Prepare a submission; the arrays are the template and the contents of the files."""

    assignment: str  # the name of its notebook, without ending
    cells: list[dict[str, Any]]  # what the gradebook has of the master's
    submitted: list[str]  # names of files, in the arrays' order
    others: dict[str, list[list[str]]]  # by which names other assignments are known


class PrepareReply(TypedDict):
    """The notebook is the reply's array; where there is none, ``unreadable`` says why."""

    reasons: list[str]
    python: str
    dropped: list[str]
    unreadable: str


class ProvideRequest(RunRequest):
    """Run a provided cell."""

    needs: list[str]  # names that it reads and does not define


class TestRequest(ProvideRequest):
    """Run a test, in which proxies stand for what the student was asked to define."""

    name: str  # of the cell
    defined: list[str]  # what the student was asked to define
    key: str  # of the hidden inputs, in hexadecimal


class TestReply(TypedDict):
    """What came of a test."""

    outputs: list[Output]
    failed: bool
    line: int | None  # in which it failed, where that is known
    lost: list[str] | None  # status and reason, where the student's kernel was lost
    slow: list[str]  # functions that had to be stopped
    undefined: list[str]  # names that it needed and that were not there


class FollowRequest(TestRequest):
    """Run a test once more, with right functions in place of some of the student's."""

    given: list[str]  # names of these functions
    cells: list[str]  # solution cells before the test's own, of which right ones are known
    catalogue: str  # the text of the assignment's own mistakes.py; often nothing


class FollowReply(TestReply):
    """What came of it."""

    asked: list[str]  # right functions that the student's code has called


class CatalogueRequest(TypedDict):
    """Something about which the catalogue is asked."""

    cells: list[str]  # solution cells of the notebook
    patience: float  # seconds for each test
    catalogue: str  # the text of the assignment's own mistakes.py; often nothing


class DiagnoseRequest(CatalogueRequest):
    """Say why tests have failed."""

    tests: list[str]  # which


class DiagnoseReply(TypedDict):
    """Reasons, by test."""

    diagnoses: dict[str, Diagnosis]


class CallsRequest(CatalogueRequest):
    """Return the calls that the last test has made."""

    most: int  # how many


class ComparedCallReply(TypedDict):
    """A call of a student's function, its outcome, and the outcome of a right one."""

    name: str
    args: Encoded
    kwargs: Encoded
    value: Encoded
    error: str | None  # the class of what it has raised
    differs: bool
    wanted: Encoded
    raised: str  # the class of what the right one raises
    summary: str


class CallsReply(TypedDict):
    """The first calls, and how many there were."""

    calls: list[ComparedCallReply]
    made: int
