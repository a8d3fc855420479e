"""Python values as JSON and arrays, and back.

What is decoded is of plain types, whatever the sender had: exactly ``None``, ``bool``, ``int``,
``float``, ``complex``, ``str``, ``bytes``, ``bytearray``, ``list``, ``tuple``, ``dict``, ``set``,
``range``, ``Ellipsis``, ``numpy.ndarray`` and numpy's scalars. What numpy makes an array of (a
DataFrame, a deque, a memoryview) arrives as that array, what it makes a number of (a Fraction) as a
``float``. The sender converts it. Any other value arrives as an ``UnsupportedValue`` that says what
it was.

>>> encoder = Encoder()
>>> item = encoder.encode([1, np.arange(3), print])
>>> item
{'l': [1, {'a': 0}, {'o': ['builtin_function_or_method', '<built-in function print>']}]}
>>> Decoder(encoder.arrays).decode(item)
[1, array([0, 1, 2]), <built-in function print>]
"""

import base64
import warnings
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from minikernel.protocol import KINDS, Array, MessageLimits, ProtocolError

Encoded = Any  # what stands for a value in JSON
Likeness = tuple[tuple[int, ...], str]  # shape and type of an array
SHARE_FROM = 4096  # bytes; a smaller array is sent even if the other side has it
LONGEST_REPR = 60  # characters of an UnsupportedValue's repr
LONGEST_INT = 10_000  # bits; Python reads no number of more than 4300 digits
PACKED_FROM = 64  # items; numbers in a longer list are sent as an array
MOST_PACKED = 4_000_000  # items of all such lists together: each takes 30 bytes when it arrives
PACKED = {float: np.float64, int: np.int64}
SEQUENCES: dict[type[Any], str] = {list: "l", tuple: "t", set: "s", frozenset: "s"}


@dataclass(frozen=True, repr=False)
class UnsupportedValue:
    """A value that cannot be sent, by the name of its type and the beginning of its repr."""

    kind: str
    shown: str

    def __repr__(self) -> str:
        return self.shown or f"<{self.kind}>"


class SharedArrays(dict[str, Array]):
    """Arrays that both sides have, by name. They are never sent and must never change.

    >>> weights = np.ones(1000)
    >>> shared = SharedArrays({"weights": weights})
    >>> shared.name_of(weights.copy()), shared.name_of(2 * weights)
    ('weights', None)
    """

    def __init__(self, arrays: Mapping[str, Array] | None = None):
        super().__init__(arrays or {})
        self._alike: dict[Likeness, list[str]] = {}
        for name, array in self.items():
            self._alike.setdefault(_likeness(array), []).append(name)

    def name_of(self, array: Array) -> str | None:
        """Return the name of the array that has the same type, shape and bits, if there is one."""
        first = (0,) * array.ndim
        for name in self._alike.get(_likeness(array), ()):
            shared = self[name]
            if array[first].tobytes() == shared[first].tobytes() and same_bits(array, shared):
                return name
        return None


def _likeness(array: Array) -> Likeness:
    return array.shape, array.dtype.str


def same_bits(one: Array, other: Array) -> bool:
    """Return whether two arrays have the same shape, type and bits, so that NaN equals NaN."""
    if one.shape != other.shape or one.dtype != other.dtype:
        return False
    one, other = (np.ascontiguousarray(a).reshape(-1) for a in (one, other))
    if one.nbytes % 8 == 0 and one.dtype.kind in "biufc":
        return bool((one.view(np.uint64) == other.view(np.uint64)).all()) if one.size else True
    return one.tobytes() == other.tobytes()


@dataclass
class Encoder:
    """Turns values into JSON and collects their arrays, which the JSON refers to by number.

    Arrays that are in ``arrays`` from the beginning keep their numbers, so that a second encoder
    can say what became of the first one's.
    """

    shared: SharedArrays = field(default_factory=SharedArrays)
    arrays: list[Array] = field(default_factory=list)
    depth: int = MessageLimits.depth

    def __post_init__(self) -> None:
        self._numbers = {id(array): i for i, array in enumerate(self.arrays)}
        self._packed = 0  # numbers in lists that are sent as arrays
        self.named: dict[str, Array] = {}  # arrays for which a shared one's name was sent

    def encode(self, value: Any, depth: int = 0) -> Encoded:
        """Return what stands for ``value`` in JSON."""
        if type(value) is int and value.bit_length() > LONGEST_INT:
            return self._unsupported(value, "a number too large")
        if value is None or type(value) in (bool, int, float, str):
            return value
        if depth > self.depth:
            return self._unsupported(value, "a structure too deep")
        if isinstance(value, np.ndarray):
            return self._array(np.asarray(value), depth)
        if isinstance(value, np.generic):
            return self._scalar(value)
        for plain in (bool, int, float, str):
            if isinstance(value, plain):
                return self.encode(plain(value), depth + 1)
        return self._structure(value, depth)

    def _structure(self, value: Any, depth: int) -> Encoded:
        if isinstance(value, dict):
            d = depth + 1
            return {"d": [[self.encode(k, d), self.encode(v, d)] for k, v in value.items()]}
        for kind, letter in SEQUENCES.items():
            if isinstance(value, kind):
                return {letter: self._items(value, depth + 1)}
        if isinstance(value, range):
            return {"r": [value.start, value.stop, value.step]}
        if isinstance(value, complex):
            return {"c": [value.real, value.imag]}
        if isinstance(value, (bytes, bytearray)):
            letter = "b" if isinstance(value, bytes) else "y"
            return {letter: base64.b64encode(value).decode()}
        return {"e": 0} if value is Ellipsis else self._converted(value, depth)

    def _items(self, items: Collection[Any], depth: int) -> Encoded:
        """Return the items of a list: each by itself, or many numbers of one type as an array."""
        array = _packed(items) if len(items) >= PACKED_FROM else None
        if array is None or self._packed + array.size > MOST_PACKED:
            return [self.encode(item, depth) for item in items]
        self._packed += array.size
        return {"n" if isinstance(next(iter(items)), np.generic) else "p": self._number(array)}

    def _converted(self, value: Any, depth: int) -> Encoded:
        """Encode what numpy makes an array or a number of."""
        try:
            array = np.asarray(value)
            if array.dtype.kind == "O" and not array.ndim:
                return float(value)
        except Exception:  # a student's own class may do anything
            return self._unsupported(value)
        return self._array(array, depth)

    def _scalar(self, value: np.generic) -> Encoded:
        if value.dtype.kind not in KINDS:
            return self._array(np.asarray(value), 0)
        return {"n": self._number(np.asarray(value))}

    def _array(self, array: Array, depth: int) -> Encoded:
        if array.dtype.kind in "OT" and array.size:  # objects, or text of any length
            return self.encode(array.tolist(), depth + 1)
        if array.dtype.kind not in KINDS:  # records, dates
            try:
                array = _as_numbers(array)
            except (TypeError, ValueError):
                return self._unsupported(array)
        name = self.shared.name_of(array) if array.nbytes >= SHARE_FROM else None
        if name and self.named.setdefault(name, array) is array:  # equal arrays stay two
            return {"g": name}
        return {"a": self._number(array)}

    def _number(self, array: Array) -> int:
        number = self._numbers.get(id(array))
        if number is None:
            number = self._numbers[id(array)] = len(self.arrays)
            self.arrays.append(array)
        return number

    def _unsupported(self, value: Any, shown: str = "") -> Encoded:
        try:
            shown = shown or repr(value)[:LONGEST_REPR]
        except Exception:  # a student's own repr may do anything
            shown = ""
        return {"o": [type(value).__name__[:LONGEST_REPR], shown]}


def _packed(items: Iterable[Any]) -> Array | None:
    """Return numbers of one type as an array; None if they are not, or are too large for one."""
    kind, *others = {type(item) for item in items}
    if others or not (kind in PACKED or issubclass(kind, np.number)):
        return None
    try:
        return np.array([*items], PACKED.get(kind, kind))
    except OverflowError:
        return None


def _as_numbers(array: Array) -> Array:
    """Return an array of another kind as numbers, as seqlab.checks does.

    Raises:
        TypeError, ValueError: it does not hold numbers.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return array.astype(np.float64)


@dataclass
class Decoder:
    """Turns JSON and arrays back into values.

    Attributes:
        arrays: belong to the receiver and are handed out as they are
        shared: are handed out as copies, one for each name
        ready: copies of shared arrays that are used up before new ones are made
        copies: the copies that were handed out
    """

    arrays: Sequence[Array] = ()
    shared: Mapping[str, Array] = field(default_factory=dict)
    depth: int = MessageLimits.depth
    ready: dict[str, Array] = field(default_factory=dict)
    copies: dict[str, Array] = field(default_factory=dict)
    _packed: int = 0  # numbers in lists that came as arrays

    def decode(self, item: Encoded, depth: int = 0) -> Any:
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
        if letter in ("l", "t", "s"):
            items = self._items(body, depth + 1)
            return items if letter == "l" else tuple(items) if letter == "t" else set(items)
        if letter in ("a", "n") and type(body) is int and body >= 0:
            return self.arrays[body] if letter == "a" else self.arrays[body].reshape(-1)[0]
        if letter == "g":
            return self._copy(body)
        return self._read_plain(letter, body)

    def _items(self, body: Any, depth: int) -> list[Any]:
        if type(body) is list:
            return [self.decode(part, depth) for part in body]
        ((letter, number),) = body.items()
        if letter not in ("n", "p") or type(number) is not int or number < 0:
            raise ProtocolError("not the items of a list")
        array = self.arrays[number]
        self._packed += array.size
        if array.ndim != 1 or self._packed > MOST_PACKED:
            raise ProtocolError("not the items of a list, or too many")
        return list(array) if letter == "n" else array.tolist()

    def _read_plain(self, letter: str, body: Any) -> Any:
        if letter == "r":
            return range(*(int(number) for number in body))
        if letter == "c":
            return complex(*(float(part) for part in body))
        if letter in ("b", "y"):
            content = base64.b64decode(body, validate=True)
            return content if letter == "b" else bytearray(content)
        if letter == "e":
            return Ellipsis
        if letter == "o":
            kind, shown = body
            return UnsupportedValue(str(kind)[:LONGEST_REPR], str(shown)[:LONGEST_REPR])
        raise ProtocolError(f"not a value: {letter!r:.20}")

    def _copy(self, name: str) -> Array:
        """Return the copy of a shared array, always the same one."""
        if name not in self.copies:
            copy = self.ready.pop(name, None)
            self.copies[name] = self.shared[name].copy() if copy is None else copy
        return self.copies[name]
