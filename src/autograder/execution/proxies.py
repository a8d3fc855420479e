"""Proxies for what a student defined: called in the test kernel, run in the student's.

A proxy sends its arguments over, and returns or raises what comes back; arrays, lists and
dictionaries that the student's function changed in place are changed here, too. Nothing of it is
trusted: what comes back is plain values (see minikernel.protocol), checked before use.

This module does not know which cell is being run, nor what a right answer would be.
"""

import builtins
import contextlib
import random
import sys
from collections import deque
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from autograder.diagnosis.recorded_calls import Call
from autograder.execution.client import Answer, KernelClient, KernelError, KernelLied
from minikernel import protocol
from minikernel.server import State

DEFAULT_ERRORS = np.geterr()
MOST_KEPT = 200  # calls of a test that are kept for a diagnosis, the last ones
COPIED = 1_000_000  # bytes of arrays of a call that are copied for it: larger ones nobody changes


class KernelLost(RuntimeError):  # noqa: N818  (students read it)
    """The student's code has no process any more in which it could be called."""


@dataclass
class StudentKernel:
    """The student's kernel, as test cells use it."""

    kernel: KernelClient
    shared: protocol.Shared
    call_seconds: float
    state: State = field(init=False)
    memory: protocol.Memory = field(init=False)
    slow: list[str] = field(default_factory=list)  # functions that had to be stopped
    received: int = 0  # bytes of arrays in values that were asked for
    calls: deque[Call] = field(default_factory=lambda: deque(maxlen=MOST_KEPT))

    def __post_init__(self) -> None:
        self.state = State(in_step=False)  # each kernel has begun with random numbers of its own
        self.memory = protocol.Memory(self.shared)

    def kinds(self, names: list[str]) -> dict[str, str]:
        """Return which of the names are functions, and which values, in the student's kernel."""
        kinds = self._ask("describe", names=names).body.get("kinds")
        if not isinstance(kinds, dict):
            raise self._lie("no kinds of names")
        return {n: str(k) for n, k in kinds.items() if n in names and k in ("function", "value")}

    def value(self, name: str) -> Any:
        """Return a copy of the value that the student gave to a name."""
        answer = self._ask("get", name=name)
        self.received += sum(array.nbytes for array in answer.arrays)
        with self._checked():
            return protocol.Decoder(answer.arrays, self.memory).decode(answer.body["value"])

    def call(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Call a function of the student's.

        Raises:
            KernelLost: its process ended or did not answer.
            Exception: what the function raised, as the nearest of Python's own classes.
        """
        encoder = protocol.Encoder(self.memory)
        mine = list(args), kwargs
        body = {"args": encoder.encode(mine[0]), "kwargs": encoder.encode(kwargs)}
        call = self._kept(name, body, encoder)
        body["state"] = self.state.get(encoder)
        readonly: list[int | str] = [
            i for i, array in enumerate(encoder.arrays) if not array.flags.writeable
        ]
        readonly += [n for n, array in encoder.named.items() if not array.flags.writeable]
        errors = np.geterr()
        kept = [a.copy() for a in encoder.arrays if a.nbytes >= protocol.REMEMBER_FROM]
        answer = self._ask(
            "call",
            arrays=encoder.arrays,
            name=name,
            readonly=readonly,
            errors=errors if errors != DEFAULT_ERRORS else {},
            **body,
        )
        with self._checked():
            reply = answer.body
            decoder = protocol.Decoder([*encoder.arrays, *answer.arrays], self.memory)
            decoder.copies |= encoder.named
            self.state.set(decoder, reply["state"])
            _take_over(reply, decoder, mine)
            _repeat(reply["outputs"])
            value = decoder.decode(reply["value"])
            error = _rebuilt(reply["error"]) if "error" in reply else None
            call.value, call.error = value, reply.get("error")
            call.changed = bool(reply["changed"] or reply["renamed"] or reply["structure"])
            self.calls.append(call)
        self.memory.remember(kept)
        if answer.interrupted:
            self.slow.append(name)
            raise TimeoutError(f"{name} did not return within {self.call_seconds:g} seconds")
        if error is not None:
            raise error
        return value

    def _kept(self, name: str, body: dict[str, Any], encoder: protocol.Encoder) -> Call:
        """Return a call as it is before it is made."""
        arrays = list(encoder.arrays)
        if sum(array.nbytes for array in arrays) < COPIED:
            arrays = [array.copy() for array in arrays]
        generators = np.random.get_state(), random.getstate()  # noqa: NPY002
        return Call(name, dict(body), arrays, self.memory, generators)

    def _ask(self, do: str, arrays: Any = (), **body: Any) -> Answer:
        try:
            return self.kernel.ask(do, self.call_seconds, arrays, **body)
        except KernelError as error:
            name = body.get("name")
            where = f" while {name} ran" if do == "call" and error is self.kernel.lost else ""
            raise KernelLost(f"the process of the student's code is lost{where}: {error}") from None

    @contextlib.contextmanager
    def _checked(self) -> Any:
        """Treat whatever is wrong with an answer as a lie."""
        try:
            yield
        except (
            protocol.ProtocolError,
            KeyError,
            TypeError,
            ValueError,
            IndexError,
            AttributeError,
        ) as e:
            raise self._lie(repr(e)[:200]) from None

    def _lie(self, what: str) -> KernelLost:
        self.kernel.kill()
        self.kernel.lost = KernelLied(f"an answer that is none: {what}")
        return KernelLost(str(self.kernel.lost))


class Proxy:
    """A function of the student's, to be called like it."""

    def __init__(self, students: StudentKernel, name: str):
        self.__name__ = self.__qualname__ = name
        self._students = students

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run it in the student's kernel."""
        return self._students.call(self.__name__, args, kwargs)

    def __repr__(self) -> str:
        return f"<the student's {self.__name__}>"


def _take_over(reply: dict[str, Any], decoder: protocol.Decoder, mine: Any) -> None:
    """Do to the arguments here what the function did to those that it was given."""
    for number, new in reply["changed"]:
        _overwrite(decoder.arrays[number], decoder.arrays[new])
    for name, new in reply["renamed"]:
        _overwrite(decoder.copies[name], decoder.arrays[new])
    if reply["structure"] is not None:
        args, kwargs = decoder.decode(reply["structure"])
        _update(list(mine[0]), list(args))
        _update(mine[1], kwargs)


def _overwrite(array: np.ndarray, new: np.ndarray) -> None:
    if not array.flags.writeable:
        return
    if array.shape == new.shape:
        np.copyto(array, new, casting="unsafe")


def _update(old: Any, new: Any) -> None:
    """Give lists and dictionaries the new content, each in place, as deep as they go."""
    if isinstance(old, list) and isinstance(new, list):
        if len(old) == len(new):
            for i, item in enumerate(new):
                old[i] = _updated(old[i], item)
        else:
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


def _repeat(outputs: Any) -> None:
    """Print what the function printed."""
    for output in outputs:
        if output["output_type"] == "stream":
            stream = sys.stdout if output["name"] == "stdout" else sys.stderr
            stream.write(str(output["text"])[:1_000_000])


def _rebuilt(described: dict[str, Any]) -> Exception:
    """Return an exception like the one that was raised in the student's kernel."""
    name, lineage = str(described["name"]), [str(each) for each in described["lineage"]]
    args = [arg for arg in described["args"] if isinstance(arg, (str, int, float, type(None)))]
    kinds = [getattr(builtins, each, None) for each in lineage]
    error: Exception = RuntimeError(f"{name}: {described['text']}")
    for kind in kinds:
        if not (isinstance(kind, type) and issubclass(kind, Exception)):
            continue
        if kind.__name__ != name and name.isidentifier():
            kind = type(name, (kind,), {})
        try:
            error = kind(*args)
        except TypeError:  # it wants arguments of its own
            continue
        break
    error.add_note("In the student's code:\n" + str(described["traceback"])[-4000:])
    return error
