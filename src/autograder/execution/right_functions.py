"""The right functions that stand in for a student's wrong ones while a test is run once more.

They are called in the test kernel, for a student's kernel that asks. What crosses is plain values.
"""

import contextlib
import io
import os
import sys
import sysconfig
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

import seqlab
from autograder.diagnosis import explain
from autograder.execution import test_requests
from autograder.execution.proxies import Proxy
from minikernel import messages
from minikernel.encoding import Decoder, Encoder, SharedArrays
from minikernel.protocol import Array
from minikernel.server import describe_error

MOST_ASKED = 100_000  # calls in one test: some students call a function for every number
OURS = {"autograder", "course", "hidden_tests", "mistakes"}  # packages not to be read by asking
PATH_EVENTS = ("open", "os.listdir", "os.scandir")
REFUSED = ("os.", "subprocess.", "socket.", "shutil.", "ctypes.", "pty.", "tempfile.")


@dataclass
class RightFunctions:
    """Answers what a student's kernel asks in one test.

    Attributes:
        functions: those that may be called, by name
        shared: arrays that both kernels have
        asked: the functions that were called
    """

    functions: Mapping[str, Callable[..., Any]]
    shared: SharedArrays
    asked: set[str] = field(default_factory=set)
    _calls: int = 0

    def answer(
        self, message: Mapping[str, Any], arrays: list[Array]
    ) -> tuple[messages.AskReply, list[Array]]:
        """Return the reply to a question, and its arrays.

        Raises:
            ProtocolError: it is no question.
        """
        request = messages.checked(messages.AskRequest, message)
        decoder = Decoder(arrays, self.shared)
        args, kwargs = decoder.decode(request["args"]), decoder.decode(request["kwargs"])
        value, error = self._outcome(request["name"], args, kwargs)
        encoder = Encoder(self.shared)
        reply = messages.AskReply(value=encoder.encode(value))
        if error is not None:
            reply["error"] = error
        return reply, encoder.arrays

    def _outcome(
        self, name: str, args: Any, kwargs: Any
    ) -> tuple[Any, messages.ErrorDescription | None]:
        """Return what a function returns or raises; nothing that it prints, and no line of it."""
        try:
            self._calls += 1
            if name not in self.functions:
                raise LookupError(f"{name} is not among the functions that may be called here")
            if self._calls > MOST_ASKED:
                raise RuntimeError(f"more than {MOST_ASKED:,} calls of the course's functions")
            self.asked.add(name)
            with _silence(), np.errstate(all="ignore"), _only_public_files():
                return self.functions[name](*args, **kwargs), None
        except Exception as error:
            return None, {**describe_error(error), "traceback": ""}


def of(
    request: test_requests.FollowRequest, provided: Mapping[str, Any]
) -> dict[str, Callable[..., Any]]:
    """Return the right functions that a request names, which call right ones themselves.

    Args:
        request: to run a test with them
        provided: what provided cells have defined
    """
    namespace = {name: v for name, v in provided.items() if not isinstance(v, Proxy)}
    for cell in explain.catalogue_of(request["cells"], request["catalogue"]):
        explain.define(cell.right, namespace)
    known = {name: namespace.get(name) for name in request["given"]}
    return {name: function for name, function in known.items() if callable(function)}


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    nowhere = io.StringIO()
    with contextlib.redirect_stdout(nowhere), contextlib.redirect_stderr(nowhere):
        yield


class _Guard:
    """Whether a right function runs at the moment, with arguments that a student has chosen."""

    on = False


@contextlib.contextmanager
def _only_public_files() -> Iterator[None]:
    """Let a function open what is public alone: a student has chosen its arguments."""
    _watch()
    _Guard.on = True
    try:
        yield
    finally:
        _Guard.on = False


@cache
def _watch() -> None:
    """Have Python ask before it opens anything, for the rest of this process."""
    sys.addaudithook(_refuse)


def _refuse(event: str, args: tuple[Any, ...]) -> None:
    if not _Guard.on:
        return
    if event in PATH_EVENTS:
        if not _is_public(args[0]):
            raise PermissionError("this file is not one of the course's data")
    elif event.startswith(REFUSED):
        raise PermissionError("the course's functions compute, and do nothing else")


def _is_public(path: Any) -> bool:
    """Return whether a file belongs to the course's data, or to Python and its packages."""
    if not isinstance(path, (str, bytes)):
        return False
    real = Path(os.path.realpath(os.fsdecode(path)))
    inside = [real.relative_to(f).parts for f in _public_folders() if real.is_relative_to(f)]
    return any(not OURS & {*parts} for parts in inside)


@cache
def _public_folders() -> tuple[Path, ...]:
    kinds = ("stdlib", "platstdlib", "purelib", "platlib")
    folders = [*(sysconfig.get_path(kind) for kind in kinds), os.environ.get("COURSE_DATA", "")]
    folders.append(str(Path(seqlab.__file__ or "").parent))
    return tuple(Path(os.path.realpath(folder)) for folder in folders if folder)
