"""Frames on a socket, with a stranger at the other end."""

import socket
import struct
import time

import pytest

from mmlearn.contestant import wire


@pytest.fixture
def ends():
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


def soon() -> float:
    return time.monotonic() + 0.05


def test_a_frame_arrives_as_it_was_sent(ends):
    ours, theirs = ends
    for number, payload in enumerate([b"", b"x", bytes(range(256)) * 300]):
        wire.send(theirs, number, payload)
        assert wire.receive(ours, number) == payload


def test_a_reply_out_of_turn_is_none(ends):
    ours, theirs = ends
    wire.send(theirs, 7, b"faked")
    with pytest.raises(wire.WireError, match="out of turn"):
        wire.receive(ours, 8)


def test_a_giant_is_refused_before_it_is_read(ends):
    ours, theirs = ends
    theirs.sendall(struct.pack("<II", 1, wire.MAX_FRAME + 1))
    with pytest.raises(wire.WireError, match="more than 64 MB"):
        wire.receive(ours, 1)
    with pytest.raises(wire.WireError, match="more than may be sent"):
        wire.send(ours, 1, bytes(wire.MAX_FRAME + 1))


@pytest.mark.parametrize("sent", [b"", b"\1\0", struct.pack("<II", 1, 5), struct.pack("<II", 1, 5) + b"half"])
def test_who_does_not_finish_is_too_slow(ends, sent):
    ours, theirs = ends
    theirs.sendall(sent)
    with pytest.raises(wire.TooSlow):
        wire.receive(ours, 1, soon())


def test_who_trickles_is_too_slow_all_the_same(ends):
    ours, theirs = ends
    theirs.sendall(struct.pack("<II", 1, 5) + b"hal")
    with pytest.raises(wire.TooSlow):
        wire.receive(ours, 1, time.monotonic() - 1)


def test_who_does_not_read_is_too_slow(ends):
    ours, _ = ends
    with pytest.raises(wire.TooSlow):
        wire.send(ours, 1, bytes(2**23), soon())


def test_who_hangs_up_is_gone(ends):
    ours, theirs = ends
    theirs.sendall(struct.pack("<II", 1, 5) + b"hal")
    theirs.close()
    with pytest.raises(wire.WireError, match="gone"):
        wire.receive(ours, 1)
