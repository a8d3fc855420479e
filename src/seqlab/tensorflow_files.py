"""TensorFlow checkpoints without TensorFlow: an index of names, and the numbers beside it.

The original GPT-2 is handed out in this form: ``checkpoint`` names ``model.ckpt``, whose index is a
LevelDB table of protocol buffers, and whose numbers lie in ``model.ckpt.data-00000-of-00001``, one
tensor after another. Sources: tensorflow/core/util/tensor_bundle, tensorflow/core/lib/io/table.
"""

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from seqlab.errors import DataError

MAGIC = 0xDB4775248B80FB57  # the last eight bytes of a table
FOOTER, TRAILER = 48, 5  # bytes: of a table; of a block, its compression and its checksum
FLOATS = {1: "<f4", 2: "<f8", 19: "<f2"}  # TensorFlow's DataType: float, double, half
BFLOAT16 = 14


@dataclass(frozen=True)
class Entry:
    """Where a tensor lies, as the index says."""

    dtype: int = 0
    shape: tuple[int, ...] = ()
    shard: int = 0
    offset: int = 0
    size: int = 0
    sliced: bool = False


def read_checkpoint(folder: Path, only: str = "") -> dict[str, np.ndarray]:
    """Return ``{name: array}`` of the tensors whose names begin with ``only``.

    Arrays are read-only and stay on disk until they are used, but for bfloat16, which becomes
    float32.

    Raises:
        DataError: there is no checkpoint in the folder, or it cannot be read.
    """
    prefix = _prefix(folder)
    index = prefix.with_name(f"{prefix.name}.index")
    try:
        entries = _table(index.read_bytes())
        n_shards = _header(entries.pop(b""))
        wanted = {n.decode(): _entry(e) for n, e in entries.items() if n.startswith(only.encode())}
    except (OSError, ValueError, IndexError, KeyError, TypeError, struct.error) as error:
        raise DataError(f"{index} is not a readable TensorFlow index: {error}") from None
    shards = {i: _shard(prefix, i, n_shards) for i in {entry.shard for entry in wanted.values()}}
    return {name: _tensor(prefix, name, e, shards[e.shard]) for name, e in wanted.items()}


def bfloat16(raw: np.ndarray) -> np.ndarray:
    """Return float32 numbers from the bytes of bfloat16 ones, which are their upper halves.

    Example:
        >>> bfloat16(np.array([0x80, 0x3F], np.uint8))
        array([1.], dtype=float32)
    """
    return (raw.view("<u2").astype("<u4") << 16).view("<f4")


def _prefix(folder: Path) -> Path:
    """Return the path that the names of the checkpoint's files begin with."""
    try:
        text = (folder / "checkpoint").read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        text = ""
    if named := re.search(r'^model_checkpoint_path: "(?:.*[/\\])?([^/\\"]+)"', text, re.MULTILINE):
        return folder / named[1]
    names = sorted(folder.glob("*.index"))
    if len(names) != 1:
        raise DataError(
            f"{folder} has {len(names)} files *.index, and no file checkpoint says which"
        )
    return names[0].with_suffix("")


def _shard(prefix: Path, i: int, n_shards: int) -> np.ndarray:
    path = prefix.with_name(f"{prefix.name}.data-{i:05d}-of-{n_shards:05d}")
    try:
        return np.memmap(path, mode="r", dtype=np.uint8)
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read: {error}") from None


def _tensor(prefix: Path, name: str, entry: Entry, data: np.ndarray) -> np.ndarray:
    if entry.sliced or entry.dtype not in (*FLOATS, BFLOAT16):
        what = "is stored in slices" if entry.sliced else f"has TensorFlow's type {entry.dtype}"
        raise DataError(f"{prefix}: {name} {what}; float32, 16, 64 and bfloat16 can be read, whole")
    raw = data[entry.offset : entry.offset + entry.size]
    if len(raw) != entry.size:
        raise DataError(f"{prefix}: {name} lies outside the file, which was cut short")
    try:
        numbers = bfloat16(raw) if entry.dtype == BFLOAT16 else raw.view(FLOATS[entry.dtype])
        return np.asarray(numbers.reshape(entry.shape))
    except ValueError as error:
        raise DataError(f"{prefix}: {name} is damaged: {error}") from None


# The index: a table of LevelDB


def _table(raw: bytes) -> dict[bytes, bytes]:
    """Return the keys and values of a table.

    Raises:
        ValueError, IndexError, struct.error: it is none, or it is damaged.
    """
    footer = raw[-FOOTER:]
    if len(footer) < FOOTER or struct.unpack("<Q", footer[-8:])[0] != MAGIC:
        raise ValueError("it does not end as a table does")
    _, _, at = _handle(footer, 0)  # of the meta index, which is empty
    offset, size, _ = _handle(footer, at)
    return {
        key: value
        for _, handle in _pairs(_block(raw, offset, size))
        for key, value in _pairs(_block(raw, *_handle(handle, 0)[:2]))
    }


def _block(raw: bytes, offset: int, size: int) -> bytes:
    block = raw[offset : offset + size + TRAILER]
    if len(block) != size + TRAILER:
        raise ValueError("it was cut short")
    if block[size]:
        raise ValueError("it is compressed, which TensorFlow's own checkpoints are not")
    if struct.unpack("<I", block[-4:])[0] != masked_crc32c(block[: size + 1]):
        raise ValueError("it was changed (a checksum differs)")
    return block[:size]


def _pairs(block: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield keys and values; a key is what it shares with the one before, and the rest."""
    (n_restarts,) = struct.unpack("<I", block[-4:])
    end, at, key = len(block) - 4 * (n_restarts + 1), 0, b""
    while at < end:
        shared, at = _varint(block, at)
        n_rest, at = _varint(block, at)
        n_value, at = _varint(block, at)
        key = key[:shared] + block[at : at + n_rest]
        yield key, block[at + n_rest : at + n_rest + n_value]
        at += n_rest + n_value


def _handle(raw: bytes, at: int) -> tuple[int, int, int]:
    """Return offset and size of a block, and where the next handle begins."""
    offset, at = _varint(raw, at)
    size, at = _varint(raw, at)
    return offset, size, at


def masked_crc32c(raw: bytes) -> int:
    """Return LevelDB's checksum of some bytes."""
    crc = 0xFFFFFFFF
    for byte in raw:
        crc = CRC32C[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    crc ^= 0xFFFFFFFF
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def _crc32c_of(byte: int) -> int:
    for _ in range(8):
        byte = byte >> 1 ^ (0x82F63B78 if byte & 1 else 0)
    return byte


CRC32C = [_crc32c_of(byte) for byte in range(256)]


# Its values: protocol buffers


def _header(raw: bytes) -> int:
    """Return how many files the numbers lie in, from a BundleHeaderProto."""
    fields = dict(_fields(raw))
    if fields.get(2, 0):
        raise ValueError("its numbers are big-endian")
    return _number(fields[1])


def _entry(raw: bytes) -> Entry:
    """Return what a BundleEntryProto says."""
    fields = list(_fields(raw))
    last = dict(fields)
    dims = [d for n, d in _fields(_bytes(last.get(2, b""))) if n == 2]
    return Entry(
        dtype=_number(last.get(1, 0)),
        shape=tuple(_number(dict(_fields(_bytes(dim))).get(1, 0)) for dim in dims),
        shard=_number(last.get(3, 0)),
        offset=_number(last.get(4, 0)),
        size=_number(last.get(5, 0)),
        sliced=7 in last,
    )


def _fields(raw: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Yield number and value of each field of a message."""
    at = 0
    while at < len(raw):
        tag, at = _varint(raw, at)
        kind = tag & 7
        if kind == 0:
            value, at = _varint(raw, at)
            yield tag >> 3, value
        elif kind in (1, 2, 5):
            size, at = _varint(raw, at) if kind == 2 else ({1: 8, 5: 4}[kind], at)
            yield tag >> 3, raw[at : at + size]
            at += size
        else:
            raise ValueError(f"a field of kind {kind}")


def _varint(raw: bytes, at: int) -> tuple[int, int]:
    """Return a number of seven bits a byte, the lowest first, and where the next thing begins.

    Example:
        >>> _varint(bytes([0xAC, 0x02]), 0)
        (300, 2)
    """
    number = shift = 0
    while True:
        number |= (raw[at] & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if raw[at - 1] < 0x80:
            return number, at
        if shift > 63:
            raise ValueError("a number that is too long")


def _number(value: int | bytes) -> int:
    if not isinstance(value, int):
        raise TypeError("bytes where a number should be")
    return value


def _bytes(value: int | bytes) -> bytes:
    if not isinstance(value, bytes):
        raise TypeError("a number where bytes should be")
    return value
