"""A kernel at work: requests in, replies out, until the wire is closed.

Requests are ``run`` (a cell), ``describe`` (which of these names are functions, which values),
``get`` (a value), ``call`` (a function) and ``files``. This module does not know which of the two
kernels it is, nor whether a function is right.
"""

import builtins
import contextlib
import os
import random
import socket
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from minikernel import protocol
from minikernel.shell import Shell

Message = dict[str, Any]
Reply = tuple[Message, list[np.ndarray]]
LONGEST_TRACEBACK = 4000  # characters


class KernelServer:
    """The requests that a kernel understands, over a shell."""

    def __init__(
        self, shell: Shell, shared: protocol.Shared, ready: dict[str, np.ndarray] | None = None
    ):
        """Take what was made before the kernel was.

        Args:
            shell: runs cells
            shared: arrays that the other kernel has, too
            ready: a copy of each, to be handed to functions: to make one takes longer than to
                see that it was left as it was
        """
        self.shell, self.shared = shell, protocol.Memory(shared)
        self._ready = ready or {}
        self.state = State()

    def serve(self, sock: socket.socket) -> None:
        """Answer requests until nobody sends any."""
        self.wire = sock
        process = os.getpid()
        while os.getpid() == process:  # what a cell forks and forgets to end, ends here
            try:
                request, arrays = protocol.receive(sock)
            except KeyboardInterrupt:
                continue  # came too late: the cell that it was meant for is done
            except protocol.Closed:
                return
            answer: Callable[[Message, list[np.ndarray]], Reply] = getattr(
                self, f"_{request['do']}"
            )
            started = time.perf_counter()
            reply, arrays = answer(request, arrays)
            if os.getpid() != process:
                return
            reply |= {"id": request["id"], "seconds": time.perf_counter() - started}
            protocol.send(sock, reply, arrays)

    def _run(self, request: Message, _: list[np.ndarray]) -> Reply:
        return {"outputs": self.shell.cell(request["source"])}, []

    def _describe(self, request: Message, _: list[np.ndarray]) -> Reply:
        """Tell functions from values; names that are neither are left out."""
        kinds = {}
        for name in request["names"]:
            if name not in self.shell.user_ns:
                continue
            value = self.shell.user_ns[name]
            if not isinstance(value, ModuleType):
                kinds[name] = "function" if callable(value) else "value"
        return {"kinds": kinds}, []

    def _get(self, request: Message, _: list[np.ndarray]) -> Reply:
        encoder = protocol.Encoder(self.shared)
        return {"value": encoder.encode(self.shell.user_ns.get(request["name"]))}, encoder.arrays

    def _call(self, request: Message, arrays: list[np.ndarray]) -> Reply:
        """Call a function; tell its result, what it printed, and which arguments it changed."""
        decoder = protocol.Decoder(arrays, self.shared, ready=self._ready)
        reply, found = self._called(request, arrays, decoder)
        self._take_back(decoder.copies, {name for name, _ in reply["renamed"]})
        return reply, found

    def _called(
        self, request: Message, arrays: list[np.ndarray], decoder: protocol.Decoder
    ) -> Reply:
        args = decoder.decode(request["args"])
        kwargs = decoder.decode(request["kwargs"])
        for mark in request["readonly"]:
            array = arrays[mark] if isinstance(mark, int) else decoder.copies[mark]
            array.flags.writeable = False
        before = Before(arrays, [args, kwargs])
        self.state.set(decoder, request["state"])
        reply: Message = {}
        with self.shell.recording(), np.errstate(**request["errors"]):
            try:
                value = self.shell.user_ns[request["name"]](*args, **kwargs)
            except BaseException as error:
                value, reply["error"] = None, describe_error(error)
        encoder = protocol.Encoder(self.shared, list(arrays))
        reply["value"] = encoder.encode(value)
        reply["state"] = self.state.get(encoder)
        reply["outputs"] = self.shell.recorded()
        reply |= before.changes(encoder, decoder.copies, self.shared)
        self.shared.remember(before.arrays)
        return reply, encoder.arrays[len(arrays) :]

    def _take_back(self, copies: dict[str, np.ndarray], changed: set[str]) -> None:
        """Keep for the next call the copies that nobody has changed, nor can change later."""
        while copies:
            name, copy = copies.popitem()
            if name in changed or sys.getrefcount(copy) > 2:
                continue
            copy.flags.writeable = True
            self._ready[name] = copy
        for name in self._ready.keys() - self.shared.keys():  # forgotten: it will not be asked for
            del self._ready[name]

    def _files(self, request: Message, arrays: list[np.ndarray]) -> Reply:
        """Write files that belong to the submission into the working directory."""
        for name, content in zip(request["names"], arrays, strict=True):
            path = Path(name)
            with contextlib.suppress(OSError):  # a full or closed disk is the cell's to notice
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content.tobytes())
        return {}, []


class Before:
    """What the arguments of a call were, to tell afterwards what it changed in place."""

    def __init__(self, arrays: list[np.ndarray], arguments: Any):
        self.arrays = [array.copy() for array in arrays]
        self._arguments, self._outline = arguments, _outline(arguments)

    def changes(
        self, encoder: protocol.Encoder, copies: dict[str, np.ndarray], shared: protocol.Shared
    ) -> Message:
        """Return changed arrays, by number or by name, and lists and dictionaries that changed."""
        changed = [
            [i, _append(encoder, array)]
            for i, (array, was) in enumerate(zip(tuple(encoder.arrays), self.arrays, strict=False))
            if not protocol.same_bytes(array, was)
        ]
        renamed = [
            [name, _append(encoder, copy)]
            for name, copy in copies.items()
            if not protocol.same_bytes(copy, shared[name])
        ]
        structure = None
        if not _same(_outline(self._arguments), self._outline):
            names = {id(copy): name for name, copy in copies.items()}
            bare = protocol.Encoder(
                {}, encoder.arrays
            )  # a copy that was handed out is an array to it
            structure = _by_name(bare.encode(self._arguments), bare.arrays, names)
        return {"changed": changed, "renamed": renamed, "structure": structure}


def _outline(value: Any) -> Any:
    """Return lists, dictionaries and the like as tuples, everything else as it is."""
    if isinstance(value, dict):
        return (dict, *((key, _outline(item)) for key, item in value.items()))
    if isinstance(value, (list, tuple)):
        return (type(value), *map(_outline, value))
    return frozenset(value) if isinstance(value, set) else value


def _same(one: Any, other: Any) -> bool:
    if type(one) is tuple and type(other) is tuple:
        return len(one) == len(other) and all(map(_same, one, other))
    return one is other or (type(one) is frozenset and one == other)


class State:
    """The global random generators of numpy and Python, sent along when they have changed."""

    def __init__(self, in_step: bool = True):
        """Take it that the other side has the same generators, or that it has others."""
        self._known = _generators() if in_step else None

    def get(self, encoder: protocol.Encoder) -> Any:
        """Return the state for the other side, or None if it has it already."""
        now = _generators()
        if self._known is not None and _equal(now, self._known):
            return None
        self._known = now
        (name, keys, position, has_gauss, gauss), (version, words, next_gauss) = now
        return encoder.encode(
            [
                str(name),
                keys,
                int(position),
                int(has_gauss),
                float(gauss),
                version,
                np.array(words, np.uint32),
                next_gauss,
            ]
        )

    def set(self, decoder: protocol.Decoder, item: Any) -> None:
        """Take over the other side's state, checked, or nothing at all."""
        if item is None:
            return
        name, keys, position, has_gauss, gauss, version, words, next_gauss = decoder.decode(item)
        keys, words = np.asarray(keys), np.asarray(words)
        fine = (
            name == "MT19937"
            and keys.shape == (624,)
            and keys.dtype == np.uint32
            and type(position) is int
            and 0 <= position <= 624
            and has_gauss in (0, 1)
            and type(gauss) is float
            and version == 3
            and words.shape == (625,)
            and words.dtype == np.uint32
            and words[624] <= 624
            and (next_gauss is None or type(next_gauss) is float)
        )
        if not fine:
            raise protocol.ProtocolError("not a state of the random generators")
        np.random.set_state((name, keys, position, has_gauss, gauss))  # noqa: NPY002
        random.setstate((version, tuple(int(word) for word in words), next_gauss))
        self._known = _generators()


def _generators() -> tuple[Any, Any]:
    """Return the states of numpy's and of Python's global generator."""
    return np.random.get_state(), random.getstate()  # noqa: NPY002


def _equal(one: tuple[Any, Any], other: tuple[Any, Any]) -> bool:
    (name, keys, *rest), words = one
    (other_name, other_keys, *other_rest), other_words = other
    return bool(
        rest == other_rest
        and words == other_words
        and name == other_name
        and (keys == other_keys).all()
    )


def _append(encoder: protocol.Encoder, array: np.ndarray) -> int:
    """Set an array aside even if the encoder has it, and return its number."""
    encoder.arrays.append(np.array(array))
    return len(encoder.arrays) - 1


def _by_name(item: Any, arrays: list[np.ndarray], names: dict[int, str]) -> Any:
    """Return an encoded structure with the copies of shared arrays by name again."""
    if isinstance(item, list):
        return [_by_name(part, arrays, names) for part in item]
    if isinstance(item, dict):
        if "a" in item and (name := names.get(id(arrays[item["a"]]))):
            return {"g": name}
        return {key: _by_name(part, arrays, names) for key, part in item.items()}
    return item


def describe_error(error: BaseException) -> Message:
    """Return an exception as plain values: its class, the nearest of Python's own, its text."""
    lineage = [
        kind.__name__
        for kind in type(error).__mro__
        if getattr(builtins, kind.__name__, None) is kind
    ]
    try:
        text = str(error)
        below = error.__traceback__.tb_next if error.__traceback__ else None  # not our own frame
        lines = traceback.format_exception(type(error), error, below)
    except Exception:  # an error whose text is an error
        text, lines = "", []
    args = [arg for arg in error.args if type(arg) in (str, int, float, bool, type(None))]
    return {
        "name": type(error).__name__[:200],
        "lineage": lineage,
        "args": args if len(args) == len(error.args) else [text],
        "text": text[:LONGEST_TRACEBACK],
        "traceback": "".join(lines)[-LONGEST_TRACEBACK:],
    }


def leave() -> None:
    """End the process at once: no exit handler of anybody's runs."""
    sys.stdout = sys.stderr = None
    os._exit(0)
