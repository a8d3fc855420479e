"""Messages between kernels: JSON and arrays, never objects.

A message is a dictionary of plain values. On the wire it is a frame: a fixed header, JSON, and the
arrays that the JSON refers to by number, each as the bytes of an ``.npy`` file. What is received
is of plain types, whatever the sender had: exactly ``None``, ``bool``, ``int``, ``float``,
``complex``, ``str``, ``bytes``, ``list``, ``tuple``, ``dict``, ``set``, ``range``, ``Ellipsis``,
``numpy.ndarray`` and numpy's scalars. All else arrives as an ``Opaque`` that says what it was.

Sizes are checked before anything is allocated. This module does not know what messages mean.
"""

import base64
import io
import json
import math
import socket
import struct
import time
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

MAGIC = b"krnl"
HEADER = struct.Struct("<4sII")  # magic, bytes of JSON, number of arrays
LENGTH = struct.Struct("<Q")
KINDS = "biufcSU"  # of numpy's types: numbers and text; no objects, no records, no dates
REMEMBER_FROM = 65_536  # bytes; a smaller array is sent again
REMEMBERED = 64_000_000  # bytes of arrays that have crossed
SHARE_FROM = 4096  # bytes; a smaller array is not worth a name
LONGEST_SHOWN = 60  # characters of an Opaque's repr


class ProtocolError(Exception):
    """What came over the wire is not a message, or more than is allowed."""


class Closed(ProtocolError):  # noqa: N818
    """The other side has gone."""


@dataclass(frozen=True)
class MessageLimits:
    """What a message may hold."""

    json_bytes: int = 16_000_000
    array_bytes: int = 512_000_000  # of all arrays together
    arrays: int = 20_000
    depth: int = 64  # of lists in lists


@dataclass(frozen=True, repr=False)
class Opaque:
    """A value that does not cross, by the name of its type and the beginning of its repr."""

    kind: str
    shown: str

    def __repr__(self) -> str:
        return self.shown or f"<{self.kind}>"


Shared = Mapping[str, np.ndarray]  # arrays that both sides have, by name


Likeness = tuple[tuple[int, ...], str]


class Memory(dict[str, np.ndarray]):
    """Arrays that both sides have: those of the beginning, and large ones that have crossed since.

    Both sides remember the same arrays in the same order, and so under the same names.
    """

    def __init__(self, shared: Shared):
        super().__init__(shared)
        self.alike = alike(self)
        self._crossed: deque[str] = deque()
        self._count = self._bytes = 0

    def remember(self, arrays: Iterable[np.ndarray]) -> None:
        """Keep large arrays, which nobody may change from now on, and forget the oldest."""
        for array in arrays:
            if array.nbytes >= REMEMBER_FROM:
                name = f"crossed/{self._count}"
                self._count += 1
                self[name] = array
                self.alike.setdefault(_likeness(array), []).append(name)
                self._crossed.append(name)
                self._bytes += array.nbytes
        while self._bytes > REMEMBERED:
            name = self._crossed.popleft()
            array = self.pop(name)
            self.alike[_likeness(array)].remove(name)
            self._bytes -= array.nbytes


def alike(shared: Shared) -> dict[Likeness, list[str]]:
    """Return the names of arrays by shape and type, among which one with the same numbers is."""
    names: dict[Likeness, list[str]] = {}
    for name, array in shared.items():
        names.setdefault(_likeness(array), []).append(name)
    return names


def _likeness(array: np.ndarray) -> Likeness:
    return array.shape, array.dtype.str


Frame = tuple[str, list[np.ndarray]]


@dataclass
class Encoder:
    """Turns values into JSON, setting arrays aside.

    ``arrays`` are referred to by number; those that are there already keep their numbers, so that
    a second encoder can tell what became of the first one's.
    """

    shared: Shared = field(default_factory=dict)
    arrays: list[np.ndarray] = field(default_factory=list)
    depth: int = MessageLimits.depth

    def __post_init__(self) -> None:
        self._numbers = {id(array): i for i, array in enumerate(self.arrays)}
        self.named: dict[str, np.ndarray] = {}  # arrays that went by the name of a shared one
        known = self.shared
        self._alike = known.alike if isinstance(known, Memory) else alike(known)

    def encode(self, value: Any, depth: int = 0) -> Any:
        """Return what stands for ``value`` in JSON."""
        kind = type(value)
        if value is None or kind in (bool, int, float, str):
            return value
        if depth > self.depth:
            return self._opaque(value, "a structure too deep")
        if isinstance(value, np.ndarray):
            return self._array(value, depth)
        if isinstance(value, np.generic):
            return (
                {"n": self._number(np.asarray(value))}
                if value.dtype.kind in KINDS
                else (self._opaque(value))
            )
        for plain in (bool, int, float, str):
            if isinstance(value, plain):
                return plain(value)
        return self._structure(value, depth)

    def _structure(self, value: Any, depth: int) -> Any:
        if isinstance(value, dict):
            return {
                "d": [
                    [self.encode(k, depth + 1), self.encode(v, depth + 1)] for k, v in value.items()
                ]
            }
        for letter, kinds in (("l", list), ("t", tuple), ("s", (set, frozenset))):
            if isinstance(value, kinds):
                return {letter: [self.encode(item, depth + 1) for item in value]}
        if isinstance(value, range):
            return {"r": [value.start, value.stop, value.step]}
        if isinstance(value, complex):
            return {"c": [value.real, value.imag]}
        if isinstance(value, (bytes, bytearray)):
            return {"b": base64.b64encode(value).decode()}
        return {"e": 0} if value is Ellipsis else self._opaque(value)

    def _array(self, array: np.ndarray, depth: int) -> Any:
        if array.dtype.kind == "O":
            return self.encode(array.tolist(), depth + 1)
        if array.dtype.kind not in KINDS:
            return self._opaque(array)
        name = self._name(array) if array.nbytes >= SHARE_FROM else None
        if name and self.named.setdefault(name, array) is array:  # another one stays another one
            return {"g": name}
        return {"a": self._number(array)}

    def _name(self, array: np.ndarray) -> str | None:
        """Return the name of a shared array with the same numbers in it."""
        for name in self._alike.get(_likeness(array), ()):
            theirs = self.shared[name]
            few = (0,) * array.ndim
            if array[few].tobytes() == theirs[few].tobytes() and same_bytes(array, theirs):
                return name
        return None

    def _number(self, array: np.ndarray) -> int:
        number = self._numbers.get(id(array))
        if number is None:
            number = self._numbers[id(array)] = len(self.arrays)
            self.arrays.append(array)
        return number

    def _opaque(self, value: Any, shown: str = "") -> Any:
        try:
            shown = shown or repr(value)[:LONGEST_SHOWN]
        except Exception:  # a repr of the student's own may do anything
            shown = ""
        return {"o": [type(value).__name__[:LONGEST_SHOWN], shown]}


@dataclass
class Decoder:
    """Turns JSON and arrays back into values; a shared array is handed out as a copy.

    ``arrays`` must be the receiver's own: they are handed out as they are. So are ``ready`` copies,
    by name, which are used up.
    """

    arrays: Sequence[np.ndarray] = ()
    shared: Shared = field(default_factory=dict)
    depth: int = MessageLimits.depth
    ready: dict[str, np.ndarray] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.copies: dict[str, np.ndarray] = {}

    def decode(self, item: Any, depth: int = 0) -> Any:
        """Return the value that ``item`` stands for.

        Raises:
            ProtocolError: it stands for nothing.
        """
        if item is None or type(item) in (bool, int, float, str):
            return item
        if type(item) is not dict or len(item) != 1 or depth > self.depth + 1:
            raise ProtocolError("not a value")
        ((letter, body),) = item.items()
        try:
            return self._read(letter, body, depth)
        except (TypeError, ValueError, KeyError, IndexError, AttributeError) as error:
            raise ProtocolError(f"not a value: {error!r:.200}") from None

    def _read(self, letter: str, body: Any, depth: int) -> Any:
        if letter == "d":
            return {self.decode(k, depth + 1): self.decode(v, depth + 1) for k, v in body}
        if letter in ("l", "t", "s") and type(body) is list:
            items = [self.decode(part, depth + 1) for part in body]
            return items if letter == "l" else tuple(items) if letter == "t" else set(items)
        if letter in ("a", "n") and type(body) is int and body >= 0:
            return self.arrays[body] if letter == "a" else self.arrays[body].reshape(-1)[0]
        if letter == "g":
            if body not in self.copies:
                copy = self.ready.pop(body, None)
                self.copies[body] = self.shared[body].copy() if copy is None else copy
            return self.copies[body]
        if letter == "r":
            return range(*(int(number) for number in body))
        if letter == "c":
            return complex(*(float(part) for part in body))
        if letter == "b":
            return base64.b64decode(body, validate=True)
        if letter == "e":
            return Ellipsis
        if letter == "o":
            kind, shown = body
            return Opaque(str(kind)[:LONGEST_SHOWN], str(shown)[:LONGEST_SHOWN])
        raise ProtocolError(f"not a value: {letter!r:.20}")


def same_bytes(one: np.ndarray, other: np.ndarray) -> bool:
    """Return whether two arrays of the same shape and type hold the same bits, NaNs included."""
    if one.shape != other.shape or one.dtype != other.dtype:
        return False
    one, other = (np.ascontiguousarray(a).reshape(-1) for a in (one, other))
    if one.nbytes % 8 == 0 and one.dtype.kind in "biufc":
        return bool((one.view(np.uint64) == other.view(np.uint64)).all()) if one.size else True
    return one.tobytes() == other.tobytes()


def pair() -> tuple[socket.socket, socket.socket]:
    """Return the two ends of a new wire, with room for large pieces on their way."""
    ends = socket.socketpair()
    for end in ends:
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4 << 20)
    return ends


def send(sock: socket.socket, message: Mapping[str, Any], arrays: Sequence[np.ndarray]) -> None:
    """Write one frame; ``message`` is what json.dumps takes.

    Raises:
        Closed: the other side has gone.
    """
    text = json.dumps(message).encode()
    parts: list[bytes | memoryview] = [HEADER.pack(MAGIC, len(text), len(arrays)) + text]
    for array in arrays:
        header, body = _npy(array)
        parts += [LENGTH.pack(len(header) + len(body)) + header, body]
    try:
        for part in _joined(parts):
            sock.sendall(part)
    except TimeoutError:
        raise
    except OSError as error:
        raise Closed(f"nobody listens ({error.strerror})") from None


def receive(
    sock: socket.socket, limits: MessageLimits = MessageLimits(), deadline: float | None = None
) -> tuple[Any, list[np.ndarray]]:
    """Read one frame: what json.loads gives, and the arrays, which are the caller's own.

    Args:
        sock: where from
        limits: what the frame may hold
        deadline: of time.monotonic(), for all of it; a time-out of the socket's is for each piece,
            and whoever sends a byte at a time never meets it

    Raises:
        Closed: the other side has gone.
        ProtocolError: that was no frame, or one beyond the limits; nothing more can be read here.
        TimeoutError: the deadline passed, or the socket's time-out.
    """
    magic, n_text, n_arrays = HEADER.unpack(_exactly(sock, HEADER.size, deadline))
    if magic != MAGIC or n_text > limits.json_bytes or n_arrays > limits.arrays:
        raise ProtocolError("not a message, or one beyond the limits")
    try:
        message = json.loads(bytes(_exactly(sock, n_text, deadline)))
    except (ValueError, RecursionError) as error:
        raise ProtocolError(f"not a message: {error!s:.200}") from None
    arrays, left = [], limits.array_bytes
    for _ in range(n_arrays):
        (size,) = LENGTH.unpack(_exactly(sock, LENGTH.size, deadline))
        left -= size
        if left < 0:
            raise ProtocolError("a message with more array than is allowed")
        arrays.append(_from_npy(_exactly(sock, size, deadline)))
    return message, arrays


def _joined(parts: list[bytes | memoryview]) -> Iterator[bytes | memoryview]:
    """Yield few large pieces: small ones together, large ones as they are."""
    small = bytearray()
    for part in parts:
        if len(part) < 65536:
            small += part
            continue
        if small:
            yield bytes(small)
            small.clear()
        yield part
    if small:
        yield bytes(small)


def _npy(array: np.ndarray) -> tuple[bytes, memoryview]:
    """Return header and data of an array's ``.npy`` file, the data without a copy if it can."""
    plain = np.ascontiguousarray(array).reshape(array.shape).view(np.ndarray)
    header = io.BytesIO()
    description = {"descr": plain.dtype.str, "fortran_order": False, "shape": plain.shape}
    np.lib.format.write_array_header_1_0(header, description)
    return header.getvalue(), plain.reshape(-1).view(np.uint8).data.cast("B")


def _from_npy(raw: memoryview) -> np.ndarray:
    """Return the array that the bytes of an ``.npy`` file describe, on those very bytes.

    numpy's own reader allocates what the header claims before it looks at what is there.
    """
    file = io.BytesIO(raw[:4096])
    try:
        if np.lib.format.read_magic(file) != (1, 0):
            raise ProtocolError("an array in a format that is not used here")
        shape, fortran, dtype = np.lib.format.read_array_header_1_0(file, max_header_size=4000)
    except (ValueError, SyntaxError, RecursionError, MemoryError) as error:
        raise ProtocolError(f"not an array: {error!s:.200}") from None
    if dtype.kind not in KINDS or dtype.hasobject or fortran:
        raise ProtocolError(f"an array of a type that does not cross: {dtype!s:.50}")
    if any(n < 0 for n in shape) or len(shape) > 32:
        raise ProtocolError("an array of an impossible shape")
    start = file.tell()
    if math.prod(shape) * dtype.itemsize != len(raw) - start:
        raise ProtocolError("an array that is longer or shorter than it says")
    flat = np.frombuffer(raw, dtype=np.uint8, offset=start)
    if dtype.itemsize == 0:
        return np.zeros(shape, dtype)
    return flat.view(dtype).reshape(shape)


def _exactly(sock: socket.socket, size: int, deadline: float | None) -> memoryview:
    """Read ``size`` bytes into memory that is not taken before they come."""
    buffer = np.empty(size, np.uint8).data.cast("B") if size else memoryview(b"")
    got = 0
    while got < size:
        if deadline is not None:
            sock.settimeout(max(deadline - time.monotonic(), 1e-3))
        try:
            n = sock.recv_into(buffer[got:])
        except TimeoutError:
            raise
        except OSError as error:
            raise Closed(f"the other side has gone ({error.strerror})") from None
        if not n:
            raise Closed("the other side has gone")
        got += n
        if deadline is not None and got < size and time.monotonic() > deadline:
            raise TimeoutError("a message that comes too slowly")
    return buffer
