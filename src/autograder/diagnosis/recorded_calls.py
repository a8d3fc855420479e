"""A call of a student's function, recorded cheaply and repeated at will."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from minikernel.encoding import Decoder, Encoded, Encoder
from minikernel.messages import ErrorDescription
from minikernel.protocol import Array
from minikernel.randomness import GeneratorStates, generator_states, set_generator_states

Arguments = tuple[list[Any], dict[str, Any]]


class _Views(dict[str, Array]):
    """Shared arrays as they are, but read-only, in the place of a decoder's copies."""

    def __init__(self, shared: Mapping[str, Array]):
        super().__init__()
        self._shared = shared

    def __contains__(self, _: object) -> bool:
        return True

    def __missing__(self, name: str) -> Array:
        view = self._shared[name].view()
        view.flags.writeable = False
        return view


@dataclass
class Call:
    """One call: its arguments, encoded as they were sent, and its outcome.

    Attributes:
        name: the function's name
        args: the encoded positional arguments
        kwargs: the encoded keyword arguments
        arrays: the arrays among the arguments, as they were before the call
        shared: arrays that the arguments refer to by name
        generators: the global random generators before the call
        value: what the function returned
        error: what it raised instead
        changed: whether it changed an argument in place
        size: bytes of arrays in it
    """

    name: str
    args: Encoded
    kwargs: Encoded
    arrays: list[Array]
    shared: Mapping[str, Array]
    generators: GeneratorStates
    value: Any = None
    error: ErrorDescription | None = None
    changed: bool = False
    size: int = 0

    def arguments(self) -> Arguments:
        """Return new copies of the arguments, which may be changed."""
        decoder = Decoder([array.copy() for array in self.arrays], copies=_Views(self.shared))
        return decoder.decode(self.args), decoder.decode(self.kwargs)

    def repeat(self, function: Callable[..., Any], arguments: Arguments | None = None) -> Any:
        """Return what another function makes of the same arguments and random numbers."""
        args, kwargs = arguments or self.arguments()
        with _random_numbers(self.generators), np.errstate(all="ignore"):
            return function(*args, **kwargs)


def of_value(name: str, value: Array) -> Call:
    """Return a value that a student was asked to compute as what a call of its name returned."""
    encode = Encoder().encode
    call = Call(name, encode([]), encode({}), [], {}, generator_states(), value)
    call.size = value.nbytes
    return call


@contextmanager
def _random_numbers(generators: GeneratorStates) -> Iterator[None]:
    """Set the global random generators, and set them back afterwards."""
    before = generator_states()
    set_generator_states(generators)
    try:
        yield
    finally:
        set_generator_states(before)
