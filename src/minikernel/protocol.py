"""Messages between kernels: JSON and arrays, never objects.

A message is a dictionary of plain values. It is sent as a frame: a fixed header, JSON, and the
arrays that the JSON refers to by number (see minikernel.encoding), each as the bytes of an
``.npy`` file. The reader checks every size before it allocates anything.
"""

import contextlib
import io
import json
import math
import socket
import struct
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

MAGIC = b"krnl"
HEADER = struct.Struct("<4sII")  # magic, bytes of JSON, number of arrays
LENGTH = struct.Struct("<Q")
KINDS = "biufcSU"  # of numpy's types: numbers and text; no objects, no records, no dates
SMALL = 65_536  # bytes; smaller parts of a frame are sent together
NPY = struct.Struct("<8sH")  # how an .npy file begins: magic and version, length of its header
LONGEST_HEADER = 4096  # bytes
MOST_HEADERS = 500  # that are remembered


class ProtocolError(Exception):
    """What was received is not a message, or is larger than allowed."""


class ConnectionClosed(ProtocolError):  # noqa: N818
    """The other side has gone."""


class MessageTooLarge(ProtocolError):  # noqa: N818
    """What was to be sent is larger than the other side reads; nothing of it was sent."""


@dataclass(frozen=True)
class MessageLimits:
    """How large a message may be."""

    json_bytes: int = 16_000_000
    array_bytes: int = 512_000_000  # of all arrays together
    arrays: int = 20_000
    depth: int = 64  # of lists in lists


def pair() -> tuple[socket.socket, socket.socket]:
    """Return two connected sockets whose buffers hold large pieces."""
    ends = socket.socketpair()
    for end in ends:
        with contextlib.suppress(PermissionError):  # in a container it is slower without
            end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4 << 20)
    return ends


def send(sock: socket.socket, message: Mapping[str, Any], arrays: Sequence[Array]) -> None:
    """Write one frame; ``message`` is anything that json.dumps accepts.

    >>> here, there = pair()
    >>> with here, there:
    ...     send(here, {"id": 1, "value": {"a": 0}}, [np.arange(3)])
    ...     receive(there)
    ({'id': 1, 'value': {'a': 0}}, [array([0, 1, 2])])

    Raises:
        ConnectionClosed: the other side has gone.
        MessageTooLarge: it is beyond the usual limits.
    """
    text = json.dumps(message).encode()
    if len(text) > MessageLimits.json_bytes or len(arrays) > MessageLimits.arrays:
        raise MessageTooLarge("it is too large to be sent to the test")
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
        raise ConnectionClosed(f"the other side has gone ({error.strerror})") from None


def receive(
    sock: socket.socket, limits: MessageLimits = MessageLimits(), deadline: float | None = None
) -> tuple[Any, list[Array]]:
    """Read one frame; return its JSON and its arrays, which belong to the caller.

    Args:
        sock: the socket to read from
        limits: how large the frame may be
        deadline: of time.monotonic(), for the whole frame. A timeout of the socket starts anew
            with every piece, so a sender of single bytes would never meet it.

    Raises:
        ConnectionClosed: the other side has gone.
        ProtocolError: this is no frame, or it exceeds the limits; nothing more can be read from
            this socket.
        TimeoutError: the deadline or the socket's timeout has passed.
    """
    magic, n_text, n_arrays = HEADER.unpack(_exactly(sock, HEADER.size, deadline))
    if magic != MAGIC or n_text > limits.json_bytes or n_arrays > limits.arrays:
        raise ProtocolError("not a message, or one beyond the limits")
    message = parsed(bytes(_exactly(sock, n_text, deadline)))
    arrays, left = [], limits.array_bytes
    for _ in range(n_arrays):
        (size,) = LENGTH.unpack(_exactly(sock, LENGTH.size, deadline))
        left -= size
        if left < 0:
            raise ProtocolError("a message whose arrays are larger than allowed")
        arrays.append(_from_npy(_exactly(sock, size, deadline)))
    return message, arrays


def parsed(raw: bytes) -> Any:
    """Return what JSON stands for, or raise ProtocolError."""
    try:
        return json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise ProtocolError(f"not a message: {error!s:.200}") from None


def _joined(parts: list[bytes | memoryview]) -> Iterator[bytes | memoryview]:
    """Yield small parts joined together, and large ones as they are."""
    small = bytearray()
    for part in parts:
        if len(part) < SMALL:
            small += part
            continue
        if small:
            yield bytes(small)
            small.clear()
        yield part
    if small:
        yield bytes(small)


def _npy(array: Array) -> tuple[bytes, memoryview]:
    """Return header and data of an array's ``.npy`` file, if possible without copying the data."""
    plain = np.ascontiguousarray(array).reshape(array.shape).view(np.ndarray)
    header = _npy_header(plain.dtype.str, plain.shape)
    return header, plain.reshape(-1).view(np.uint8).data.cast("B")


@lru_cache(maxsize=MOST_HEADERS)  # the same shapes come again and again
def _npy_header(descr: str, shape: tuple[int, ...]) -> bytes:
    header = io.BytesIO()
    description = {"descr": descr, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(header, description)
    return header.getvalue()


def _from_npy(raw: memoryview) -> Array:
    """Return the array that the bytes of an ``.npy`` file describe, without copying them.

    numpy's own reader allocates what the header claims before it looks at how much there is.
    """
    shape, dtype, start = _read_header(bytes(raw[: _header_size(raw)]))
    if math.prod(shape) * dtype.itemsize != len(raw) - start:
        raise ProtocolError("an array that is longer or shorter than its header says")
    if dtype.itemsize == 0:
        return np.zeros(shape, dtype)
    return np.frombuffer(raw, dtype=np.uint8, offset=start).view(dtype).reshape(shape)


def _header_size(raw: memoryview) -> int:
    """Return how many bytes of an ``.npy`` file come before the data, as the file says."""
    length = NPY.unpack(raw[: NPY.size])[1] if len(raw) >= NPY.size else 0
    return min(NPY.size + int(length), LONGEST_HEADER)


@lru_cache(maxsize=MOST_HEADERS)
def _read_header(raw: bytes) -> tuple[tuple[int, ...], np.dtype[Any], int]:
    """Return shape and type of an array in an ``.npy`` file, and where its data begin."""
    file = io.BytesIO(raw)
    try:
        if np.lib.format.read_magic(file) != (1, 0):
            raise ProtocolError("an array in a format that is not used here")
        shape, fortran, dtype = np.lib.format.read_array_header_1_0(file, max_header_size=4000)
    except (ValueError, SyntaxError, RecursionError, MemoryError) as error:
        raise ProtocolError(f"not an array: {error!s:.200}") from None
    if fortran:
        raise ProtocolError("an array in column order, which is not sent")
    if dtype.kind not in KINDS or dtype.hasobject:
        raise ProtocolError(f"an array of a type that is not sent: {dtype!s:.50}")
    if any(n < 0 for n in shape) or len(shape) > 32:
        raise ProtocolError("an array of an impossible shape")
    return shape, dtype, file.tell()


def _exactly(sock: socket.socket, size: int, deadline: float | None) -> memoryview:
    """Read ``size`` bytes; memory that a length only claims is reserved, but never touched."""
    buffer = np.empty(size, np.uint8).data.cast("B") if size else memoryview(b"")
    got = 0
    while got < size:
        if deadline is not None:
            sock.settimeout(max(deadline - time.monotonic(), 1e-3))
        got += _some(sock, buffer[got:])
        if deadline is not None and got < size and time.monotonic() > deadline:
            raise TimeoutError("a message that comes too slowly")
    return buffer


def _some(sock: socket.socket, buffer: memoryview) -> int:
    """Read as many bytes as there are; return how many."""
    try:
        n = sock.recv_into(buffer)
    except TimeoutError:
        raise
    except OSError as error:
        raise ConnectionClosed(f"the other side has gone ({error.strerror})") from None
    if not n:
        raise ConnectionClosed("the other side has gone")
    return n
