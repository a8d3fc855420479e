"""The requests that a kernel answers, its replies, and a check that a message has its form.

JSON has no tuples, so pairs are lists of two. Whatever is ``Encoded`` is checked when it is decoded
(see minikernel.encoding).
"""

from collections.abc import Mapping
from functools import cache
from types import NoneType, UnionType
from typing import Any, NotRequired, TypedDict, TypeVar, get_args, get_origin, get_type_hints
from typing import is_typeddict as is_message

from minikernel.encoding import Encoded
from minikernel.protocol import ProtocolError

Message = TypeVar("Message")


class Ready(TypedDict):
    """What a fork server sends when kernels can be forked."""

    isolated: bool  # each in namespaces of its own


class Output(TypedDict, total=False):
    """An output of a cell, as a notebook has it (nbformat 4)."""

    output_type: str
    name: str  # of a stream
    text: str
    data: dict[str, Any]  # of a display or a result, by MIME type
    metadata: dict[str, Any]
    execution_count: int | None
    ename: str  # of an error
    evalue: str
    traceback: list[str]


class ErrorDescription(TypedDict):
    """An exception as plain values."""

    name: str
    lineage: list[str]  # of Python's own classes that it is derived from, the nearest first
    args: list[Any]
    text: str
    traceback: str


class RunRequest(TypedDict):
    """Run a cell."""

    source: str


class RunReply(TypedDict):
    """What the cell has shown."""

    outputs: list[Output]


class DescribeRequest(TypedDict):
    """Tell functions, modules and values apart."""

    names: list[str]


class DescribeReply(TypedDict):
    """``function``, ``module`` or ``value`` for each name that is there."""

    kinds: dict[str, str]


class GetRequest(TypedDict):
    """Return the value of a name."""

    name: str


class GetReply(TypedDict):
    """A copy of the value."""

    value: Encoded


class CallRequest(TypedDict):
    """Call a function."""

    name: str
    args: Encoded
    kwargs: Encoded
    state: Encoded  # of the random generators, if it has changed
    readonly: list[int | str]  # arrays among the arguments, by number or by shared name
    errors: dict[str, str]  # for numpy.errstate


class CallReply(TypedDict):
    """What the function returned or raised, printed and changed."""

    value: Encoded
    state: Encoded
    outputs: list[Output]
    changed: list[list[int]]  # numbers of an argument and of what it has become
    renamed: list[list[Any]]  # the same for shared arrays: name and number
    structure: Encoded  # all arguments anew, if a list or dictionary among them has changed
    error: NotRequired[ErrorDescription]


class ReplaceRequest(TypedDict):
    """Call functions at the other end of the connection from now on, and no others any more."""

    names: list[str]


class AskRequest(TypedDict):
    """What a kernel sends while it is called: call a function at the other end."""

    name: str
    args: Encoded
    kwargs: Encoded


class AskReply(TypedDict):
    """What that function returned or raised."""

    value: Encoded
    error: NotRequired[ErrorDescription]


class FilesRequest(TypedDict):
    """Write files, whose contents are the message's arrays."""

    names: list[str]


class Nothing(TypedDict):
    """The reply to a request that asks for nothing."""


def checked(kind: type[Message], message: object) -> Message:
    """Return a message from another process if it has the form of ``kind``, a TypedDict.

    Additional keys are let through: every reply has an ``id``, for instance.

    >>> checked(GetRequest, {"name": "f", "id": 3})
    {'name': 'f', 'id': 3}
    >>> checked(DescribeRequest, {"names": ["f", 3]})
    Traceback (most recent call last):
    minikernel.protocol.ProtocolError: DescribeRequest: names is not of the type list[str]

    Raises:
        ProtocolError: it has another form.
    """
    if not isinstance(message, Mapping):
        raise ProtocolError(f"{kind.__name__}: not a dictionary")
    for name, (hint, is_required) in _fields(kind).items():  # type: ignore[arg-type]
        if name not in message and is_required:
            raise ProtocolError(f"{kind.__name__}: {name} is missing")
        if name in message and not fits(message[name], hint):
            raise ProtocolError(f"{kind.__name__}: {name} is not of the type {_shown(hint)}")
    return message  # type: ignore[return-value]


def fits(value: object, hint: Any) -> bool:
    """Return whether a value of JSON is of a type.

    >>> fits([1, "a"], list[int | str]), fits(True, int), fits(1, float)
    (True, False, True)
    """
    if hint is Any:
        return True
    if is_message(hint):
        return _is_message(value, hint)
    parts = get_args(hint)
    if isinstance(hint, UnionType):
        return any(fits(value, part) for part in parts)
    if get_origin(hint) is list:
        return type(value) is list and all(fits(item, parts[0]) for item in value)
    if get_origin(hint) is dict:
        return type(value) is dict and all(
            fits(key, parts[0]) and fits(item, parts[1]) for key, item in value.items()
        )
    return type(value) in ((int, float) if hint is float else (NoneType if hint is None else hint,))


def _is_message(value: object, kind: type[Any]) -> bool:
    try:
        checked(kind, value)
    except ProtocolError:
        return False
    return True


@cache
def _fields(kind: type[Any]) -> dict[str, tuple[Any, bool]]:
    """Return type and necessity of each key of a TypedDict."""
    required: frozenset[str] = kind.__required_keys__
    return {name: (hint, name in required) for name, hint in get_type_hints(kind).items()}


def _shown(hint: Any) -> str:
    return hint.__name__ if isinstance(hint, type) and not get_args(hint) else str(hint)
