"""Proxies for a student's functions: called in the test kernel, run in the student's kernel.

A proxy sends its arguments over, and returns or raises what comes back; arrays, lists and
dictionaries that the student's function has changed in place are changed here, too. Nothing that
comes back is trusted: it is plain values (see minikernel.encoding), checked before use.
"""

import builtins
import contextlib
import sys
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from autograder.diagnosis.recorded_calls import Call
from autograder.execution.client import Answer, InvalidReply, KernelClient, KernelError
from minikernel import protocol
from minikernel.encoding import Decoder, Encoder, SharedArrays
from minikernel.messages import CallReply, CallRequest, ErrorDescription, Output
from minikernel.protocol import Array
from minikernel.randomness import generator_states
from minikernel.server import GeneratorSync

DEFAULT_ERRORS = np.geterr()
MOST_KEPT = 200  # calls of a test that are kept for a diagnosis, the last ones
BYTES_KEPT = 100_000_000  # of arrays in calls that are kept
COPIED = 1_000_000  # bytes of a call's arrays that are copied for a diagnosis
MOST_PRINTED = 1_000_000  # characters of an output that are printed again
MOST_TRACEBACK = 4000  # characters
MALFORMED = (
    protocol.ProtocolError,
    KeyError,
    TypeError,
    ValueError,
    IndexError,
    AttributeError,
)  # what reading a reply may raise

Arguments = tuple[list[Any], dict[str, Any]]


class KernelLost(RuntimeError):  # noqa: N818  (students read it)
    """The process in which the student's code could be called has ended."""


@dataclass
class StudentKernel:
    """The student's kernel, as test cells use it."""

    kernel: KernelClient
    shared: SharedArrays
    call_seconds: float
    generators: GeneratorSync = field(default_factory=lambda: GeneratorSync(in_step=False))
    slow: list[str] = field(default_factory=list)  # functions that had to be stopped
    received: int = 0  # bytes of arrays in values that were asked for
    calls: deque[Call] = field(default_factory=lambda: deque(maxlen=MOST_KEPT))

    def kinds(self, names: list[str]) -> dict[str, str]:
        """Return which of the names are functions, and which values, in the student's kernel."""
        with self._needing_the_kernel():
            kinds = self.kernel.describe(names, self.call_seconds).reply["kinds"]
        return {n: k for n, k in kinds.items() if n in names and k in ("function", "value")}

    def value(self, name: str) -> Any:
        """Return a copy of the value that the student has given to a name."""
        with self._needing_the_kernel():
            answer = self.kernel.get(name, self.call_seconds)
        self.received += sum(array.nbytes for array in answer.arrays)
        with self._distrusting():
            return Decoder(answer.arrays, self.shared).decode(answer.reply["value"])

    def call(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Call a function of the student's.

        Raises:
            KernelLost: its process has ended or did not answer.
            Exception: what the function raised, as the nearest of Python's own classes.
        """
        encoder, arguments = Encoder(self.shared), (list(args), kwargs)
        call = self._recorded(name, arguments, encoder)
        request = self._request(call, encoder)
        with self._needing_the_kernel(f" while {name} ran"):
            answer = self.kernel.call(request, encoder.arrays, self.call_seconds)
        with self._distrusting():
            error = self._take_over(answer, call, encoder, arguments)
        self.calls.append(call)
        call.size = sum(array.nbytes for array in (*encoder.arrays, *answer.arrays))
        while sum(kept.size for kept in self.calls) > BYTES_KEPT:
            self.calls.popleft()
        if answer.interrupted:
            self.slow.append(name)
            raise TimeoutError(f"{name} did not return within {self.call_seconds:g} seconds")
        if error is not None:
            raise error
        return call.value

    def _recorded(self, name: str, arguments: Arguments, encoder: Encoder) -> Call:
        """Return a call as it is before it is made; nobody changes an array that is not copied."""
        args, kwargs = map(encoder.encode, arguments)
        arrays = list(encoder.arrays)
        if sum(array.nbytes for array in arrays) < COPIED:
            arrays = [array.copy() for array in arrays]
        return Call(name, args, kwargs, arrays, self.shared, generator_states())

    def _request(self, call: Call, encoder: Encoder) -> CallRequest:
        errors = {kind: str(action) for kind, action in np.geterr().items()}
        arrays: list[tuple[int | str, Array]] = [*enumerate(encoder.arrays), *encoder.named.items()]
        return CallRequest(
            name=call.name,
            args=call.args,
            kwargs=call.kwargs,
            state=self.generators.get(encoder),
            readonly=[mark for mark, array in arrays if not array.flags.writeable],
            errors=errors if errors != DEFAULT_ERRORS else {},
        )

    def _take_over(
        self, answer: Answer[CallReply], call: Call, encoder: Encoder, arguments: Arguments
    ) -> Exception | None:
        """Do here what the function has done there; return the error that it raised."""
        reply = answer.reply
        decoder = Decoder(
            [*encoder.arrays, *answer.arrays], self.shared, copies=dict(encoder.named)
        )
        self.generators.set(decoder, reply["state"])
        _change(arguments, reply, decoder)
        _print_again(reply["outputs"])
        call.value, call.error = decoder.decode(reply["value"]), reply.get("error")
        call.changed = bool(reply["changed"] or reply["renamed"] or reply["structure"])
        return _rebuilt(call.error) if call.error else None

    @contextlib.contextmanager
    def _needing_the_kernel(self, when: str = "") -> Iterator[None]:
        """Turn the loss of the kernel into an error that students can read."""
        try:
            yield
        except KernelError as error:
            raise KernelLost(f"the process of the student's code is lost{when}: {error}") from None

    @contextlib.contextmanager
    def _distrusting(self) -> Iterator[None]:
        """Give the kernel up if its reply cannot be read."""
        try:
            yield
        except MALFORMED as error:
            lost = self.kernel.lose(InvalidReply(repr(error)[:200]))
            raise KernelLost(str(lost)) from None


class Proxy:
    """A function of the student's, called like the function itself."""

    def __init__(self, students: StudentKernel, name: str):
        self.__name__ = self.__qualname__ = name
        self._students = students

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run it in the student's kernel."""
        return self._students.call(self.__name__, args, kwargs)

    def __repr__(self) -> str:
        return f"<the student's {self.__name__}>"


def _change(arguments: Arguments, reply: CallReply, decoder: Decoder) -> None:
    """Do to the arguments here what the function did to those that it was given."""
    for number, new in reply["changed"]:
        _overwrite(decoder.arrays[number], decoder.arrays[new])
    for name, new in reply["renamed"]:
        _overwrite(decoder.copies[name], decoder.arrays[new])
    if reply["structure"] is not None:
        args, kwargs = decoder.decode(reply["structure"])
        _update(list(arguments[0]), list(args))
        _update(arguments[1], kwargs)


def _overwrite(array: Array, new: Array) -> None:
    if array.flags.writeable and array.shape == new.shape:
        np.copyto(array, new, casting="unsafe")


def _update(old: Any, new: Any) -> None:
    """Give lists and dictionaries their new content, in place, as deep as they go."""
    if isinstance(old, list) and isinstance(new, list):
        if len(old) == len(new):
            new = [_updated(*pair) for pair in zip(old, new, strict=True)]
        old[:] = new
    elif isinstance(old, dict) and isinstance(new, dict):
        items = {key: _updated(old.get(key), item) for key, item in new.items()}
        old.clear()
        old.update(items)
    elif isinstance(old, set) and isinstance(new, set):
        old.clear()
        old.update(new)


def _updated(old: Any, new: Any) -> Any:
    if type(old) is type(new) and isinstance(old, (list, dict, set)):
        _update(old, new)
        return old
    return new


def _print_again(outputs: list[Output]) -> None:
    """Print what the function has printed."""
    for output in outputs:
        if output["output_type"] == "stream":
            stream = sys.stdout if output["name"] == "stdout" else sys.stderr
            stream.write(output["text"][:MOST_PRINTED])


def _rebuilt(description: ErrorDescription) -> Exception:
    """Return an exception like the one that was raised in the student's kernel."""
    name = description["name"]
    args = [arg for arg in description["args"] if isinstance(arg, (str, int, float, type(None)))]
    error: Exception = RuntimeError(f"{name}: {description['text']}")
    for kind in _exceptions(description["lineage"]):
        own = type(name, (kind,), {}) if kind.__name__ != name and name.isidentifier() else kind
        try:
            error = own(*args)
            break
        except TypeError:  # it wants arguments of its own
            continue
    error.add_note("In the student's code:\n" + description["traceback"][-MOST_TRACEBACK:])
    return error


def _exceptions(names: list[str]) -> Iterator[type[Exception]]:
    """Yield Python's own exceptions among the names."""
    for name in names:
        kind = getattr(builtins, name, None)
        if isinstance(kind, type) and issubclass(kind, Exception):
            yield kind
