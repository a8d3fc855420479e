"""Values between kernels: what arrives, what it becomes, and what is refused."""

import math
import threading
from collections import deque
from fractions import Fraction

import numpy as np
import pytest

from minikernel import encoding, protocol
from minikernel.encoding import Decoder, Encoder, SharedArrays, UnsupportedValue, same_bits


def crossed(value, shared=None):
    """Return what arrives when ``value`` is sent."""
    here, there = protocol.pair()
    encoder = Encoder(shared or SharedArrays())
    item = encoder.encode(value)
    sender = threading.Thread(target=protocol.send, args=(here, {"value": item}, encoder.arrays))
    sender.start()
    message, arrays = protocol.receive(there)
    sender.join()
    here.close()
    there.close()
    return Decoder(arrays, shared or {}).decode(message["value"])


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        False,
        0,
        -(10**30),
        1.5,
        math.inf,
        "text",
        "\udc80 lone",
        "",
        b"\x00bytes",
        bytearray(b"\x00"),
        [1, [2.0, "x"]],
        (1, (2,)),
        {"a": 1, 2: [3]},
        {1, 2},
        range(3, 9, 2),
        1 - 2j,
        ...,
        [],
        {},
    ],
)
def test_plain_values_arrive_as_they_were_sent(value):
    got = crossed(value)
    assert got == value
    assert type(got) is type(value)


def test_not_a_number_arrives_as_itself():
    assert math.isnan(crossed(math.nan))


@pytest.mark.parametrize("dtype", ["f8", "f4", "f2", "i8", "u1", "?", "c16", ">f8", "U3", "S2"])
@pytest.mark.parametrize("shape", [(), (3,), (2, 5), (0, 4), (2, 3, 4)])
def test_arrays_keep_type_shape_and_values_and_belong_to_the_receiver(dtype, shape):
    value = np.arange(math.prod(shape)).reshape(shape).astype(dtype)
    got = crossed(value)
    assert (got.dtype, got.shape) == (value.dtype, value.shape)
    np.testing.assert_array_equal(got, value)
    got[...] = np.zeros(shape, dtype)


def test_views_transposes_and_columns_arrive_whole():
    base = np.arange(24.0).reshape(4, 6)
    for value in (base.T, base[:, 2], base[::-2], np.asfortranarray(base)):
        np.testing.assert_array_equal(crossed(value), value)


def test_numpy_scalars_stay_numpy_scalars():
    got = crossed([np.float32(1.5), np.int64(3), np.bool_(True), np.float64("nan")])
    assert [type(g) for g in got] == [np.float32, np.int64, np.bool_, np.float64]


def test_the_same_array_twice_arrives_as_the_same_array_twice():
    one = np.zeros(3)
    first, second, other = crossed([one, one, np.zeros(3)])
    assert first is second
    assert other is not first


def test_subclasses_arrive_as_what_they_are_based_on():
    class Loud(np.ndarray):
        def __array_finalize__(self, other):
            pass

    class Text(str):
        __slots__ = ()

    class Number(float):
        def __eq__(self, other):
            return True

        __hash__ = float.__hash__

    class Many(list):
        pass

    got = crossed([np.ones(3).view(Loud), Text("x"), Number(2.0), Many([1]), np.ma.ones(2)])
    assert [type(g) for g in got] == [np.ndarray, str, float, list, np.ndarray]


def test_what_does_not_cross_arrives_as_its_name():
    got = crossed([object, lambda: 0, (i for i in "ab"), np, np.zeros(1, "f8,f8"), 10**5000])
    assert all(type(g) is UnsupportedValue for g in got)
    kinds = ["type", "function", "generator", "module", "ndarray", "int"]
    assert [g.kind for g in got] == kinds


def test_what_numpy_makes_an_array_or_a_number_of_arrives_as_that():
    got = crossed([deque([1, 2]), memoryview(b"ab"), Fraction(1, 2), bytearray(b"ab")])
    assert [type(g) for g in got] == [np.ndarray, np.ndarray, float, bytearray]
    assert [list(got[0]), list(got[1]), got[2], got[3]] == [[1, 2], [97, 98], 0.5, b"ab"]


@pytest.mark.parametrize("kind", [list, tuple, set])
@pytest.mark.parametrize("item", [float, int, np.float32, np.int8, np.longdouble, str, bool])
def test_long_lists_keep_their_type_and_that_of_their_items(kind, item):
    value = kind(item(n % 100) for n in range(300))
    got = crossed(value)
    assert got == value
    assert type(got) is kind
    assert {type(g) for g in got} == {item}


def test_a_long_list_of_numbers_keeps_every_one_of_them():
    value = [0.0, -0.0, math.inf, -math.inf, math.nan, 5e-324] * 20
    assert list(map(repr, crossed(value))) == list(map(repr, value))
    whole = [2**63 - 1, -(2**63)] * 50
    assert crossed(whole) == whole
    assert crossed([*whole, 2**63]) == [*whole, 2**63]


def test_many_of_numpys_numbers_are_no_more_arrays_than_a_message_may_have():
    value = list(np.arange(protocol.MessageLimits().arrays + 1.0))
    assert crossed(value) == value


@pytest.mark.parametrize(
    "items",
    [
        {"n": 1},
        {"p": -1},
        {"p": True},
        {"q": 0},
        {"p": 0, "n": 0},
        {},
        "ab",
        {"p": 2},
        {"p": "x"},
        {"n": 3},
    ],
)
def test_lists_that_refer_to_no_list_of_numbers_are_refused(items):
    arrays = [np.zeros(3), np.zeros(()), np.zeros((2, 2))]
    with pytest.raises(protocol.ProtocolError):
        Decoder(arrays).decode({"l": items})


def test_all_such_lists_of_a_message_together_are_bounded(monkeypatch):
    monkeypatch.setattr(encoding, "MOST_PACKED", 250)
    value = [[float(n) for n in range(100)] for _ in range(3)]
    assert crossed(value) == value  # the third one as it is
    with pytest.raises(protocol.ProtocolError):
        Decoder([np.zeros(100)]).decode({"l": [{"l": {"p": 0}}] * 3})


def test_an_array_of_objects_arrives_as_a_list():
    assert crossed(np.array([1, "a", None], dtype=object)) == [1, "a", None]


def test_an_object_whose_repr_fails_arrives_all_the_same():
    class Shy:
        def __repr__(self):
            raise RuntimeError("no")

    assert crossed(Shy()).kind == "Shy"


def test_shared_arrays_go_by_name_and_arrive_as_copies():
    shared = SharedArrays({"weights": np.arange(4096.0)})
    encoder = Encoder(shared)
    assert encoder.encode(shared["weights"].copy()) == {"g": "weights"}
    assert not encoder.arrays
    got = crossed(shared["weights"].copy(), shared)
    got[0] = 7
    assert shared["weights"][0] == 0


def test_an_array_that_differs_in_one_bit_from_a_shared_one_is_sent():
    shared = SharedArrays({"weights": np.arange(4096.0)})
    other = shared["weights"].copy()
    other[-1] = np.nextafter(other[-1], 0)
    assert "a" in Encoder(shared).encode(other)


def test_a_structure_too_deep_is_cut_off():
    deep = []
    for _ in range(500):
        deep = [deep]
    got = crossed(deep)
    for _ in range(64):
        got = got[0]
    assert "UnsupportedValue" in str(type(got)) or isinstance(got, list)


def test_a_list_that_contains_itself_is_cut_off():
    endless = []
    endless.append(endless)
    crossed(endless)


@pytest.mark.parametrize(
    "item",
    [
        [],
        {"l": 1},
        {"zz": 1},
        {"a": 0},
        {"a": -1},
        {"a": "0"},
        {"a": True},
        {"g": "unknown"},
        {"l": [], "t": []},
        {"d": [1]},
        {"d": [[{"l": []}, 1]]},
        {"r": []},
        {"r": [1, 2, 0]},
        {"b": "?"},
        {"c": ["x"]},
        {"o": 1},
        {"s": [{"l": []}]},
        {"n": 5},
        {"": []},
    ],
)
def test_json_that_stands_for_nothing_is_refused(item):
    with pytest.raises(protocol.ProtocolError):
        Decoder().decode(item)


def test_nested_values_beyond_the_depth_are_refused():
    item = 1
    for _ in range(200):
        item = {"l": [item]}
    with pytest.raises(protocol.ProtocolError):
        Decoder().decode(item)


def test_same_bits_tells_zeros_and_nans_apart():
    assert same_bits(np.array([np.nan]), np.array([np.nan]))
    assert not same_bits(np.array([0.0]), np.array([-0.0]))
    assert not same_bits(np.zeros(2, np.float32), np.zeros(1, np.float64))
    assert same_bits(np.zeros((3, 0)), np.zeros((3, 0)))


def test_two_arrays_with_the_same_numbers_stay_two():
    shared = SharedArrays({"ones": np.ones(4096)})
    first, second = crossed([np.ones(4096), np.ones(4096)], shared)
    first[0] = 5
    assert second[0] == 1
