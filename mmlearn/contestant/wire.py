"""Frames on a socket: a sequence number, a length, and that many bytes. A stranger may sit at the other end."""

import socket
import struct
import time

MAX_FRAME = 64 * 2**20  # bytes; the largest honest reply is a model's weights, a few megabytes

_HEADER = struct.Struct("<II")


class WireError(Exception):
    """The other end is gone, is too slow, or sent something out of turn; the text says which."""


class TooSlow(WireError):
    """Nothing came in time."""


class Gone(WireError):
    """The other end has hung up."""


def send(connection: socket.socket, number: int, payload: bytes, deadline: float | None = None) -> None:
    """Send one frame.

    Args:
        connection: a stream socket.
        number: of the frame; a reply carries its request's.
        payload: at most `MAX_FRAME` bytes.
        deadline: by `time.monotonic()`; None waits for ever.

    Raises:
        WireError: it could not be sent.
    """
    if len(payload) > MAX_FRAME:
        raise WireError(f"{len(payload) / 2**20:.0f} MB is more than may be sent at once")
    _limit(connection, deadline)
    try:
        connection.sendall(_HEADER.pack(number, len(payload)) + payload)
    except TimeoutError:
        raise TooSlow("does not take what it is sent") from None
    except OSError as error:
        raise Gone(f"is gone ({error.strerror})") from None


def receive(connection: socket.socket, number: int, deadline: float | None = None) -> bytes:
    """The payload of the next frame, which must carry `number`.

    Raises:
        WireError: it does not, it is too large, or the other end is gone; TooSlow: it did not come in time.
    """
    got, length = _HEADER.unpack(_exactly(connection, _HEADER.size, deadline))
    if got != number:
        raise WireError("answered out of turn")
    if length > MAX_FRAME:
        raise WireError(f"answered with more than {MAX_FRAME // 2**20} MB")
    return _exactly(connection, length, deadline)


def _exactly(connection: socket.socket, size: int, deadline: float | None) -> bytes:
    parts, left = [], size
    while left:
        _limit(connection, deadline)
        try:
            part = connection.recv(min(left, 2**20))
        except TimeoutError:
            raise TooSlow("does not answer") from None
        except OSError as error:
            raise Gone(f"is gone ({error.strerror})") from None
        if not part:
            raise Gone("is gone")
        parts.append(part)
        left -= len(part)
    return b"".join(parts)


def _limit(connection: socket.socket, deadline: float | None) -> None:
    if deadline is None:
        connection.settimeout(None)
        return
    left = deadline - time.monotonic()
    if left <= 0:
        raise TooSlow("does not answer")
    connection.settimeout(left)
