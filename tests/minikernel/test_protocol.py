"""The wire between kernels: what crosses, what it becomes, and what is refused."""

import math
import socket
import struct
import threading
import tracemalloc

import numpy as np
import pytest

from minikernel import protocol

LIMITS = protocol.MessageLimits()


def crossed(value, shared=None):
    """Return what arrives when ``value`` is sent."""
    here, there = protocol.pair()
    encoder = protocol.Encoder(shared or {})
    item = encoder.encode(value)
    sender = threading.Thread(target=protocol.send, args=(here, {"value": item}, encoder.arrays))
    sender.start()
    message, arrays = protocol.receive(there)
    sender.join()
    here.close()
    there.close()
    return protocol.Decoder(arrays, shared or {}).decode(message["value"])


def received(raw, limits=LIMITS):
    """Return what a reader makes of these bytes."""
    here, there = protocol.pair()
    with here, there:
        sender = threading.Thread(target=lambda: (here.sendall(raw), here.shutdown(1)))
        sender.start()
        try:
            return protocol.receive(there, limits)
        finally:
            there.close()
            sender.join()


def frame(text, *arrays, count=None):
    """Return the bytes of a frame, honest or not."""
    parts = [
        protocol.HEADER.pack(protocol.MAGIC, len(text), len(arrays) if count is None else count),
        text,
    ]
    for array in arrays:
        parts += [struct.pack("<Q", len(array)), array]
    return b"".join(parts)


def npy(header, body=b""):
    """Return an .npy file with a header of one's own."""
    text = repr(header).encode().ljust(117) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + body


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
    got = crossed([object, lambda: 0, (i for i in "ab"), np, np.array([np.datetime64("2020")])])
    assert all(type(g) is protocol.Opaque for g in got)
    assert [g.kind for g in got] == ["type", "function", "generator", "module", "ndarray"]


def test_an_array_of_objects_arrives_as_a_list():
    assert crossed(np.array([1, "a", None], dtype=object)) == [1, "a", None]


def test_an_object_whose_repr_fails_arrives_all_the_same():
    class Shy:
        def __repr__(self):
            raise RuntimeError("no")

    assert crossed(Shy()).kind == "Shy"


def test_shared_arrays_go_by_name_and_arrive_as_copies():
    shared = {"weights": np.arange(4096.0)}
    encoder = protocol.Encoder(shared)
    assert encoder.encode(shared["weights"].copy()) == {"g": "weights"}
    assert not encoder.arrays
    got = crossed(shared["weights"].copy(), shared)
    got[0] = 7
    assert shared["weights"][0] == 0


def test_an_array_that_differs_in_one_bit_from_a_shared_one_is_sent():
    shared = {"weights": np.arange(4096.0)}
    other = shared["weights"].copy()
    other[-1] = np.nextafter(other[-1], 0)
    assert "a" in protocol.Encoder(shared).encode(other)


def test_a_structure_too_deep_is_cut_off():
    deep = []
    for _ in range(500):
        deep = [deep]
    got = crossed(deep)
    for _ in range(64):
        got = got[0]
    assert "Opaque" in str(type(got)) or isinstance(got, list)


def test_a_list_that_contains_itself_is_cut_off():
    endless = []
    endless.append(endless)
    crossed(endless)


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (b"nonsense at the very beginning", "not a message"),
        (frame(b"{not json"), "not a message"),
        (frame(b"[" * 100_000 + b"]" * 100_000), "not a message"),
        (frame(b"1" * 10_000), "not a message"),
        (protocol.HEADER.pack(protocol.MAGIC, 2**31, 0), "beyond the limits"),
        (protocol.HEADER.pack(protocol.MAGIC, 2, 2**31) + b"{}", "beyond the limits"),
        (frame(b"{}", count=1) + struct.pack("<Q", 2**62), "more array"),
        (frame(b"{}", b"not npy at all"), "not an array"),
        (frame(b"{}", npy({"descr": "<f8", "fortran_order": False, "shape": (9,)})), "longer"),
        (
            frame(b"{}", npy({"descr": "|O", "fortran_order": False, "shape": (1,)}, b"8" * 8)),
            "array",
        ),
        (
            frame(b"{}", npy({"descr": "<f8", "fortran_order": True, "shape": (1,)}, b"8" * 8)),
            "array",
        ),
        (
            frame(b"{}", npy({"descr": "<f8", "fortran_order": False, "shape": (-1,)}, b"8" * 8)),
            "array",
        ),
        (
            frame(
                b"{}",
                npy({"descr": [("a", "<f8")], "fortran_order": False, "shape": (1,)}, b"8" * 8),
            ),
            "does not cross",
        ),
        (
            frame(b"{}", npy({"descr": "<M8[s]", "fortran_order": False, "shape": (1,)}, b"8" * 8)),
            "does not cross",
        ),
        (frame(b"{}", b"\x93NUMPY\x02\x00" + b" " * 40), "format"),
    ],
)
def test_what_is_no_message_is_refused(raw, why):
    with pytest.raises(protocol.ProtocolError, match=why):
        received(raw)


def test_a_message_cut_short_means_that_the_other_side_has_gone():
    whole = frame(
        b'{"a": 1}', npy({"descr": "<f8", "fortran_order": False, "shape": (1,)}, b"8" * 8)
    )
    for end in (3, 14, 25, len(whole) - 1):
        with pytest.raises(protocol.Closed):
            received(whole[:end])


def test_a_lying_length_takes_no_memory():
    tracemalloc.start()
    try:
        with pytest.raises(protocol.Closed):
            received(frame(b"{}", count=1) + struct.pack("<Q", 400_000_000) + b"few")
        assert tracemalloc.get_traced_memory()[1] < 450_000_000  # reserved, never touched
    finally:
        tracemalloc.stop()


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
        protocol.Decoder().decode(item)


def test_nested_values_beyond_the_depth_are_refused():
    item = 1
    for _ in range(200):
        item = {"l": [item]}
    with pytest.raises(protocol.ProtocolError):
        protocol.Decoder().decode(item)


def test_nobody_at_the_other_end_is_said():
    here, there = socket.socketpair()
    there.close()
    with pytest.raises(protocol.Closed):
        protocol.send(here, {}, [np.zeros(1_000_000)])
    here.close()


def test_same_bytes_tells_zeros_and_nans_apart():
    assert protocol.same_bytes(np.array([np.nan]), np.array([np.nan]))
    assert not protocol.same_bytes(np.array([0.0]), np.array([-0.0]))
    assert not protocol.same_bytes(np.zeros(2, np.float32), np.zeros(1, np.float64))
    assert protocol.same_bytes(np.zeros((3, 0)), np.zeros((3, 0)))


def test_what_has_crossed_is_known_by_the_same_name_on_both_sides():
    here, there = protocol.Memory({}), protocol.Memory({})
    large = [np.arange(20_000.0) + i for i in range(3)]
    for memory in (here, there):
        memory.remember([large[0], np.zeros(3), *large[1:]])
    assert list(here) == list(there) == ["crossed/0", "crossed/1", "crossed/2"]
    assert protocol.Encoder(here).encode(large[2].copy()) == {"g": "crossed/2"}
    np.testing.assert_array_equal(protocol.Decoder((), there).decode({"g": "crossed/2"}), large[2])


def test_the_oldest_of_what_has_crossed_is_forgotten_first():
    memory = protocol.Memory({"weights": np.zeros(9)})
    for i in range(20):
        memory.remember([np.full(1_000_000, float(i))])
    assert sum(array.nbytes for array in memory.values()) <= protocol.REMEMBERED + 72
    assert "weights" in memory
    assert list(memory)[-1] == "crossed/19"


def test_two_arrays_with_the_same_numbers_stay_two():
    shared = {"ones": np.ones(4096)}
    first, second = crossed([np.ones(4096), np.ones(4096)], shared)
    first[0] = 5
    assert second[0] == 1
