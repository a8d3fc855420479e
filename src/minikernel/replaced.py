"""Functions of a kernel that are called at the other end of its connection for a while instead.

This holds wherever they are called from: a function written in Python gets other code, so that
aliases, closures and default arguments lead to the other end as well. Any other value is replaced
under every name that it has in the notebook.

>>> def double(x, _unused=None):
...     return 3 * x
>>> alias, scope = double, {"double": double}
>>> replaced = Replacements(scope, lambda name, args, kwargs: 2 * args[0])
>>> replaced.put(["double", "missing"])
>>> alias(4), scope["missing"](5)
(8, 10)
>>> replaced.take_back()
>>> alias(4), list(scope)
(12, ['double'])
"""

import builtins
import contextlib
import inspect
import os
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from types import CodeType, FunctionType
from typing import Any

from minikernel import messages, protocol
from minikernel.encoding import Decoder, Encoder, SharedArrays

Ask = Callable[[str, tuple[Any, ...], dict[str, Any]], Any]
MISSING = object()
MARK = "the function that is called instead"


@dataclass(frozen=True)
class Elsewhere:
    """A function that is called at the other end."""

    name: str
    ask: Ask

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call it."""
        return self.ask(self.name, args, kwargs)

    def __repr__(self) -> str:
        return f"<the course's {self.name}>"


@dataclass
class Replacements:
    """Replaces functions of a namespace, and puts back what was there.

    Attributes:
        namespace: of the notebook
        ask: calls a function at the other end
    """

    namespace: dict[str, Any]
    ask: Ask
    _codes: list[tuple[FunctionType, CodeType]] = field(default_factory=list)
    _values: list[tuple[str, Any]] = field(default_factory=list)

    def put(self, names: list[str]) -> None:
        """Replace functions; a name that has no value, or no function, gets one."""
        for name in names:
            self._put(Elsewhere(name, self.ask), self.namespace.get(name, MISSING))

    def take_back(self) -> None:
        """Put back what was there before; what a function has bound meanwhile stays."""
        while self._codes:
            function, code = self._codes.pop()
            function.__code__ = code
        while self._values:
            name, value = self._values.pop()
            if value is MISSING:
                self.namespace.pop(name, None)
            else:
                self.namespace[name] = value

    def _put(self, elsewhere: Elsewhere, old: Any) -> None:
        function = _in_python(old)
        if function is not None:
            self._codes.append((function, function.__code__))
            function.__code__ = _calling(elsewhere, function.__code__)
        if function is None or function is not old:  # a class, a partial, a cache around a function
            aliases = [name for name, value in self.namespace.items() if value is old]
            for name in {elsewhere.name, *(aliases if callable(old) else ())}:
                self._values.append((name, self.namespace.get(name, MISSING)))
                self.namespace[name] = elsewhere


def _in_python(value: Any) -> FunctionType | None:
    """Return the function written in Python that a value is, or is a wrapper around."""
    with contextlib.suppress(Exception):  # a student's object may do anything when it is asked
        value = inspect.unwrap(value) if not isinstance(value, FunctionType) else value
    return value if type(value) is FunctionType else None


def _template(*args: Any, **kwargs: Any) -> Any:
    function: Any = "the function that is called instead"
    return function(*args, **kwargs)


def _calling(elsewhere: Elsewhere, old: CodeType) -> CodeType:
    """Return code that calls a function elsewhere, for a function with the old code's closure."""
    code = _template.__code__
    constants = (elsewhere if constant == MARK else constant for constant in code.co_consts)
    return code.replace(
        co_consts=tuple(constants), co_freevars=old.co_freevars, co_name=old.co_name
    )


class Questions:
    """Calls of functions at the other end, possible only while that end waits for an answer."""

    def __init__(self, shared: SharedArrays):
        """Take the arrays that the other end has, too."""
        self._shared = shared
        self._lock = threading.RLock()
        self._connection: socket.socket | None = None
        self._process = 0

    @contextlib.contextmanager
    def allowed(self, connection: socket.socket) -> Iterator[None]:
        """Let questions be asked meanwhile; wait for one that a thread still asks at the end."""
        self._connection, self._process = connection, os.getpid()
        try:
            yield
        finally:
            with self._lock:
                self._connection = None

    def ask(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Call a function at the other end.

        Raises:
            RuntimeError: nobody waits there, or this is another process.
            Exception: what the function raised, as the nearest of Python's own classes.
        """
        with self._lock:
            if self._connection is None or os.getpid() != self._process:
                raise RuntimeError(f"the course's {name} can be called in a test only")
            encoder = Encoder(self._shared)
            request = messages.AskRequest(
                name=name,
                args=encoder.encode(list(args)),
                kwargs=encoder.encode(kwargs),
            )
            protocol.send(self._connection, {**request, "do": "ask"}, encoder.arrays)
            raw, arrays = protocol.receive(self._connection)
            reply = messages.checked(messages.AskReply, raw)
        if error := reply.get("error"):
            raise _rebuilt(error)
        return Decoder(arrays, self._shared).decode(reply["value"])


def _rebuilt(error: messages.ErrorDescription) -> Exception:
    """Return an exception of the nearest of Python's own classes."""
    kinds = (getattr(builtins, name, None) for name in error["lineage"])
    kind = next((k for k in kinds if isinstance(k, type) and issubclass(k, Exception)), Exception)
    try:
        return kind(*error["args"])
    except TypeError:  # it wants arguments of its own
        return RuntimeError(error["text"])
