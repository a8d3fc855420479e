"""A call of a student's function as it was made: kept cheaply, and made again at will.

This module does not know why a call is of interest, nor what should have come back.
"""

import random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from minikernel import protocol

Arguments = tuple[list[Any], dict[str, Any]]


class _Views(dict[str, np.ndarray]):
    """Shared arrays as they are, not to be written to, where a decoder looks for its copies."""

    def __init__(self, shared: Mapping[str, np.ndarray]):
        super().__init__()
        self._shared = shared

    def __contains__(self, _: object) -> bool:
        return True

    def __missing__(self, name: str) -> np.ndarray:
        view = self._shared[name].view()
        view.flags.writeable = False
        return view


@dataclass
class Call:
    """One call: what went in, encoded for the wire, and what came out.

    Attributes:
        name: the function's
        body: its arguments in JSON, as ``args`` and ``kwargs``
        arrays: the arrays among them, as they were before the call
        shared: arrays that ``body`` refers to by name
        generators: numpy's and Python's global random state before the call
        value: what it returned
        error: what it raised instead, as minikernel.server describes it
        changed: whether it changed an argument in place
    """

    name: str
    body: dict[str, Any]
    arrays: list[np.ndarray]
    shared: Mapping[str, np.ndarray]
    generators: tuple[Any, Any]
    value: Any = None
    error: dict[str, Any] | None = None
    changed: bool = False

    def arguments(self) -> Arguments:
        """Return the arguments anew: whoever changes them changes a copy."""
        decoder = protocol.Decoder([array.copy() for array in self.arrays])
        decoder.copies = _Views(self.shared)
        args: list[Any] = decoder.decode(self.body["args"])
        kwargs: dict[str, Any] = decoder.decode(self.body["kwargs"])
        return args, kwargs

    def again(self, function: Any, arguments: Arguments | None = None) -> Any:
        """Return what another function makes of the same arguments and random state."""
        args, kwargs = arguments or self.arguments()
        with self._same_randomness(), np.errstate(all="ignore"):
            return function(*args, **kwargs)

    @contextmanager
    def _same_randomness(self) -> Iterator[None]:
        kept = np.random.get_state(), random.getstate()  # noqa: NPY002
        np.random.set_state(self.generators[0])  # noqa: NPY002
        random.setstate(self.generators[1])
        try:
            yield
        finally:
            np.random.set_state(kept[0])  # noqa: NPY002
            random.setstate(kept[1])
