"""Frames between kernels: what is read, and what is refused."""

import socket
import struct
import threading
import tracemalloc

import numpy as np
import pytest

from minikernel import protocol

LIMITS = protocol.MessageLimits()
FLOATS = {"descr": "<f8", "fortran_order": False, "shape": (2,)}


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
    ("raw", "why"),
    [
        (b"nonsense at the very beginning", "not a message"),
        (frame(b"{not json"), "not a message"),
        (frame(b"[" * 100_000 + b"]" * 100_000), "not a message"),
        (frame(b"1" * 10_000), "not a message"),
        (protocol.HEADER.pack(protocol.MAGIC, 2**31, 0), "beyond the limits"),
        (protocol.HEADER.pack(protocol.MAGIC, 2, 2**31) + b"{}", "beyond the limits"),
        (frame(b"{}", count=1) + struct.pack("<Q", 2**62), "larger than allowed"),
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
            "not sent",
        ),
        (
            frame(b"{}", npy({"descr": "<M8[s]", "fortran_order": False, "shape": (1,)}, b"8" * 8)),
            "not sent",
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
        with pytest.raises(protocol.ConnectionClosed):
            received(whole[:end])


def test_a_lying_length_takes_no_memory():
    tracemalloc.start()
    try:
        with pytest.raises(protocol.ConnectionClosed):
            received(frame(b"{}", count=1) + struct.pack("<Q", 400_000_000) + b"few")
        assert tracemalloc.get_traced_memory()[1] < 450_000_000  # reserved, never touched
    finally:
        tracemalloc.stop()


def test_nobody_at_the_other_end_is_said():
    here, there = socket.socketpair()
    there.close()
    with pytest.raises(protocol.ConnectionClosed):
        protocol.send(here, {}, [np.zeros(1_000_000)])
    here.close()


def test_equal_headers_are_read_once_and_headers_of_any_length_are_bounded():
    seen = protocol._read_header.cache_info().currsize
    for number in (1.0, 2.0):
        [array] = received(frame(b"{}", npy(FLOATS, struct.pack("<dd", number, number))))[1]
        assert array.tolist() == [number, number]
    assert protocol._read_header.cache_info().currsize <= seen + 1
    long = b"\x93NUMPY\x01\x00" + struct.pack("<H", 65_535) + b" " * 70_000
    with pytest.raises(protocol.ProtocolError, match="not an array"):
        received(frame(b"{}", long))
