"""A kernel at work: requests in, replies out, until the connection is closed.

Requests are ``run`` (a cell), ``describe`` (which names are functions, which values), ``get`` (a
value), ``call`` (a function), ``replace`` (functions by calls of others) and ``files``; see
minikernel.messages.
"""

import builtins
import contextlib
import os
import random
import socket
import sys
import time
import traceback
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar

import numpy as np

from minikernel import messages, protocol
from minikernel.encoding import Decoder, Encoded, Encoder, SharedArrays, same_bits
from minikernel.protocol import Array
from minikernel.randomness import GeneratorStates, generator_states
from minikernel.replaced import Questions, Replacements
from minikernel.shell import Shell

Reply = tuple[Mapping[str, Any], list[Array]]
LONGEST_TRACEBACK = 4000  # characters


class KernelServer:
    """Answers the requests that a kernel understands, with an IPython shell."""

    requests: ClassVar[Mapping[str, type[Any]]] = {
        "run": messages.RunRequest,
        "describe": messages.DescribeRequest,
        "get": messages.GetRequest,
        "call": messages.CallRequest,
        "replace": messages.ReplaceRequest,
        "files": messages.FilesRequest,
    }

    def __init__(self, shell: Shell, shared: SharedArrays, ready: dict[str, Array] | None = None):
        """Take what was made before the kernel was forked.

        Args:
            shell: runs cells
            shared: arrays that the other kernel has, too
            ready: a copy of each, to be passed to functions: making one takes longer than seeing
                that the function has not changed it
        """
        self.shell, self.shared = shell, shared
        self._ready = ready or {}
        self.generators = GeneratorSync()
        self.questions = Questions(shared)
        self.replacements = Replacements(shell.user_ns, self.questions.ask)

    @classmethod
    def prepare(cls, shell: Shell) -> None:
        """Load, before any kernel is forked, what all of them may need."""

    def serve(self, sock: socket.socket) -> None:
        """Answer requests until nobody sends any."""
        self.connection = sock
        process = os.getpid()
        while os.getpid() == process:  # a process that a cell has forked and forgotten ends here
            try:
                request, arrays = protocol.receive(sock)
            except KeyboardInterrupt:
                continue  # came too late: the cell that it was meant for is done
            except protocol.ConnectionClosed:
                return
            started = time.perf_counter()
            reply, arrays = self._answer(request, arrays)
            if os.getpid() != process:
                return
            about = {"id": request["id"], "seconds": time.perf_counter() - started}
            try:
                protocol.send(sock, {**reply, **about}, arrays)
            except protocol.MessageTooLarge as error:
                protocol.send(sock, {**_without_values(reply, error), **about}, [])

    def _answer(self, request: Mapping[str, Any], arrays: list[Array]) -> Reply:
        do = request["do"]
        reply: Reply = getattr(self, f"_{do}")(messages.checked(self.requests[do], request), arrays)
        return reply

    def _run(self, request: messages.RunRequest, _: list[Array]) -> Reply:
        return messages.RunReply(outputs=self.shell.cell(request["source"])), []

    def _describe(self, request: messages.DescribeRequest, _: list[Array]) -> Reply:
        values = {n: self.shell.user_ns[n] for n in request["names"] if n in self.shell.user_ns}
        return messages.DescribeReply(kinds={n: _kind(v) for n, v in values.items()}), []

    def _get(self, request: messages.GetRequest, _: list[Array]) -> Reply:
        encoder = Encoder(self.shared)
        value = encoder.encode(self.shell.user_ns.get(request["name"]))
        return messages.GetReply(value=value), encoder.arrays

    def _call(self, request: messages.CallRequest, arrays: list[Array]) -> Reply:
        """Call a function; reply with its result, its prints and the arguments it has changed."""
        decoder = Decoder(arrays, self.shared, ready=self._ready)
        with self.questions.allowed(self.connection):
            reply, new_arrays = self._called(request, arrays, decoder)
        self._take_back(decoder.copies, {name for name, _ in reply["renamed"]})
        return reply, new_arrays

    def _called(
        self, request: messages.CallRequest, arrays: list[Array], decoder: Decoder
    ) -> tuple[messages.CallReply, list[Array]]:
        args, kwargs = decoder.decode(request["args"]), decoder.decode(request["kwargs"])
        for mark in request["readonly"]:
            array = arrays[mark] if isinstance(mark, int) else decoder.copies[mark]
            array.flags.writeable = False
        before = ArgumentSnapshot(arrays, [args, kwargs])
        self.generators.set(decoder, request["state"])
        value, error = self._outcome(request, args, kwargs)
        encoder = Encoder(self.shared, list(arrays))
        reply = messages.CallReply(
            value=encoder.encode(value),
            state=self.generators.get(encoder),
            outputs=self.shell.recorded(),
            changed=before.changed(encoder),
            renamed=before.renamed(encoder, decoder.copies, self.shared),
            structure=before.structure(encoder, decoder.copies),
        )
        if error is not None:
            reply["error"] = error
        return reply, encoder.arrays[len(arrays) :]

    def _outcome(
        self, request: messages.CallRequest, args: list[Any], kwargs: dict[str, Any]
    ) -> tuple[Any, messages.ErrorDescription | None]:
        """Return what a function returns, or a description of what it raises."""
        with self.shell.recording(), np.errstate(**request["errors"]):  # type: ignore[arg-type]
            try:
                return self.shell.user_ns[request["name"]](*args, **kwargs), None
            except BaseException as error:
                return None, describe_error(error)

    def _take_back(self, copies: dict[str, Array], changed: set[str]) -> None:
        """Keep the copies that nobody has changed, nor can change later, for the next call."""
        while copies:
            name, copy = copies.popitem()
            if name not in changed and sys.getrefcount(copy) <= 2:
                copy.flags.writeable = True
                self._ready[name] = copy

    def _replace(self, request: messages.ReplaceRequest, _: list[Array]) -> Reply:
        self.replacements.take_back()
        self.replacements.put(request["names"])
        return messages.Nothing(), []

    def _files(self, request: messages.FilesRequest, arrays: list[Array]) -> Reply:
        """Write files that belong to the submission into the working directory."""
        for name, content in zip(request["names"], arrays, strict=True):
            path = Path(name)
            with contextlib.suppress(OSError):  # cells will notice a full or closed disk
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content.tobytes())
        return messages.Nothing(), []


def _without_values(reply: Mapping[str, Any], error: Exception) -> Mapping[str, Any]:
    """Return a reply to a call, or with a value, that says only that it is too large."""
    lists = ("outputs", "changed", "renamed")
    said: dict[str, Any] = {name: [] if name in lists else None for name in reply}
    said.pop("error", None)
    if "changed" in reply:
        return {**said, "error": describe_error(error)}
    return {**said, "value": {"o": ["value", f"<{error}>"]}} if "value" in reply else said


def _kind(value: Any) -> str:
    if isinstance(value, ModuleType):
        return "module"
    return "function" if callable(value) else "value"


class ArgumentSnapshot:
    """The arguments of a call as they were, to tell afterwards what it has changed in place."""

    def __init__(self, arrays: list[Array], arguments: Any):
        self._arrays = [array.copy() for array in arrays]
        self._arguments, self._shape = arguments, _shape(arguments)

    def changed(self, encoder: Encoder) -> list[list[int]]:
        """Return the number of each array that has changed, and that of what it has become."""
        arrays = tuple(encoder.arrays[: len(self._arrays)])
        return [
            [i, _append(encoder, array)]
            for i, (array, old) in enumerate(zip(arrays, self._arrays, strict=True))
            if not same_bits(array, old)
        ]

    def renamed(
        self, encoder: Encoder, copies: dict[str, Array], shared: Mapping[str, Array]
    ) -> list[list[Any]]:
        """Return the name of each shared array whose copy has changed, and the copy's number."""
        return [
            [name, _append(encoder, copy)]
            for name, copy in copies.items()
            if not same_bits(copy, shared[name])
        ]

    def structure(self, encoder: Encoder, copies: dict[str, Array]) -> Encoded:
        """Return all arguments anew if a list or dictionary among them has changed."""
        if _is_same(_shape(self._arguments), self._shape):
            return None
        names = {id(copy): name for name, copy in copies.items()}
        plain = Encoder(SharedArrays(), encoder.arrays)  # takes copies of shared arrays for arrays
        return _by_name(plain.encode(self._arguments), plain.arrays, names)


def _shape(value: Any) -> Any:
    """Return lists, dictionaries and sets as immutable values, everything else as it is."""
    if isinstance(value, dict):
        return (dict, *((key, _shape(item)) for key, item in value.items()))
    if isinstance(value, (list, tuple)):
        return (type(value), *map(_shape, value))
    return frozenset(value) if isinstance(value, set) else value


def _is_same(one: Any, other: Any) -> bool:
    if type(one) is tuple and type(other) is tuple:
        return len(one) == len(other) and all(map(_is_same, one, other))
    return one is other or (type(one) is frozenset and one == other)


def _append(encoder: Encoder, array: Array) -> int:
    """Add an array even if the encoder has it already, and return its number."""
    encoder.arrays.append(np.array(array))
    return len(encoder.arrays) - 1


def _by_name(item: Encoded, arrays: list[Array], names: dict[int, str]) -> Encoded:
    """Return an encoded structure in which copies of shared arrays go by their names again."""
    if isinstance(item, list):
        return [_by_name(part, arrays, names) for part in item]
    if isinstance(item, dict):
        if "a" in item and (name := names.get(id(arrays[item["a"]]))):
            return {"g": name}
        return {key: _by_name(part, arrays, names) for key, part in item.items()}
    return item


class GeneratorSync:
    """Keeps the global random generators of two kernels equal: a changed state is sent along."""

    def __init__(self, in_step: bool = True):
        """Assume that the other side has the same generators, or that it has others."""
        self._known = generator_states() if in_step else None

    def get(self, encoder: Encoder) -> Encoded:
        """Return the state for the other side, or None if it has it already."""
        state = generator_states()
        if self._known is not None and _are_equal(state, self._known):
            return None
        self._known = state
        (name, keys, *rest), (version, words, next_gauss) = state
        position, has_gauss, gauss = int(rest[0]), int(rest[1]), float(rest[2])
        words = np.array(words, np.uint32)
        parts = [str(name), keys, position, has_gauss, gauss, version, words, next_gauss]
        return encoder.encode(parts)

    def set(self, decoder: Decoder, item: Encoded) -> None:
        """Take over the other side's state if it is a valid one.

        Raises:
            ProtocolError: it is not, and nothing was changed.
        """
        if item is None:
            return
        name, keys, position, has_gauss, gauss, version, words, next_gauss = decoder.decode(item)
        numpy_state = name, np.asarray(keys), position, has_gauss, gauss
        words = np.asarray(words)
        if not (_is_numpys(*numpy_state) and _is_pythons(version, words, next_gauss)):
            raise protocol.ProtocolError("not a state of the random generators")
        np.random.set_state(numpy_state)  # noqa: NPY002
        random.setstate((version, tuple(int(word) for word in words), next_gauss))
        self._known = generator_states()


def _are_equal(one: GeneratorStates, other: GeneratorStates) -> bool:
    (name, keys, *rest), words = one
    (other_name, other_keys, *other_rest), other_words = other
    same = rest == other_rest and words == other_words and name == other_name
    return bool(same and (keys == other_keys).all())


def _is_numpys(name: str, keys: Array, position: int, has_gauss: int, gauss: float) -> bool:
    return bool(
        name == "MT19937"
        and keys.shape == (624,)
        and keys.dtype == np.uint32
        and type(position) is int
        and 0 <= position <= 624
        and has_gauss in (0, 1)
        and type(gauss) is float
    )


def _is_pythons(version: int, words: Array, next_gauss: float | None) -> bool:
    return bool(
        version == 3
        and words.shape == (625,)
        and words.dtype == np.uint32
        and words[624] <= 624
        and (next_gauss is None or type(next_gauss) is float)
    )


def describe_error(error: BaseException) -> messages.ErrorDescription:
    """Return an exception as plain values.

    >>> describe_error(KeyError("x"))["lineage"]
    ['KeyError', 'LookupError', 'Exception', 'BaseException', 'object']
    """
    text, lines = _text_and_traceback(error)
    args = [arg for arg in error.args if type(arg) in (str, int, float, bool, type(None))]
    return {
        "name": type(error).__name__[:200],
        "lineage": [
            kind.__name__
            for kind in type(error).__mro__
            if getattr(builtins, kind.__name__, None) is kind
        ],
        "args": args if len(args) == len(error.args) else [text],
        "text": text[:LONGEST_TRACEBACK],
        "traceback": "".join(lines)[-LONGEST_TRACEBACK:],
    }


def _text_and_traceback(error: BaseException) -> tuple[str, list[str]]:
    try:
        text = str(error)
        below = error.__traceback__.tb_next if error.__traceback__ else None  # not our own frame
        return text, traceback.format_exception(type(error), error, below)
    except Exception:  # an error whose text is an error
        return "", []


def leave() -> None:
    """End the process at once, without anybody's exit handlers."""
    sys.stdout = sys.stderr = None
    os._exit(0)
