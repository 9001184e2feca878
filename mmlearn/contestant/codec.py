"""Plain data to bytes and back: all that a test and the code under test ever exchange.

Every argument and every result passes through `encode` and `decode`, in a learner's quick check as in a grade, so
that nothing but values crosses: no object of the learner's reaches a comparison, and a change to an argument stays
on the learner's side. What may cross: None, bool, int, float, complex, str, bytes, list, tuple, dict, NumPy arrays
and scalars of booleans and numbers, and `ModelHandle`.
"""

from dataclasses import dataclass
from math import prod
from typing import Any

import msgpack
import numpy as np

MAX_BYTES = 256 * 2**20  # one message
MAX_DEPTH = 32

_ARRAY, _SCALAR, _TUPLE, _COMPLEX, _BIG_INT, _MODEL = 1, 2, 3, 4, 5, 6


class CodecError(Exception):
    """The value cannot cross, or the bytes are not one of our messages."""


@dataclass(frozen=True)
class ModelHandle:
    """Stands for a Keras model that stays on the side of the code which built it."""

    number: int


def encode(value: Any) -> bytes:
    """Encode plain data.

    Raises:
        CodecError: the value, or something inside it, is not plain data, is nested too deeply or is too large.
    """
    try:
        message = msgpack.packb(_lower(value, MAX_DEPTH), use_bin_type=True)
    except (ValueError, OverflowError, UnicodeEncodeError) as error:
        raise CodecError(str(error)) from None
    if len(message) > MAX_BYTES:
        raise CodecError(f"{len(message) / 2**20:.0f} MB is more than the {MAX_BYTES // 2**20} MB that may be passed")
    return message


def decode(message: bytes) -> Any:
    """Decode what `encode` made; arrays come back writable, C-contiguous and in native byte order.

    Raises:
        CodecError: the bytes are not such a message.
    """
    if len(message) > MAX_BYTES:
        raise CodecError("message too large")
    try:
        return _unpack(message, MAX_DEPTH)
    except CodecError:
        raise
    # msgpack raises its own classes, UnicodeDecodeError, and TypeError for an unhashable key of a map.
    except (ValueError, TypeError, OverflowError, msgpack.UnpackException, RecursionError) as error:
        raise CodecError(f"not a message of ours: {error}") from None


def _lower(value: Any, depth: int) -> Any:
    """Replace what msgpack does not know by extension values. Exact types only: a subclass could carry behaviour."""
    if depth == 0:
        raise CodecError(f"nested more than {MAX_DEPTH} levels deep")
    kind = type(value)
    if value is None or kind in (bool, float, str, bytes):
        return value
    if kind is int:
        if -(2**63) <= value < 2**64:
            return value
        if value.bit_length() > 8 * 4096:
            raise CodecError("an int of more than 4,096 bytes")
        return msgpack.ExtType(_BIG_INT, value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True))
    if kind is complex:
        return msgpack.ExtType(_COMPLEX, np.complex128(value).tobytes())
    if kind is list:
        return [_lower(item, depth - 1) for item in value]
    if kind is tuple:
        return msgpack.ExtType(_TUPLE, msgpack.packb([_lower(item, depth - 1) for item in value], use_bin_type=True))
    if kind is dict:
        return {_lower(key, depth - 1): _lower(item, depth - 1) for key, item in value.items()}
    if kind is np.ndarray:
        return msgpack.ExtType(_ARRAY, _array_bytes(value))
    if isinstance(value, np.generic) and kind.__module__ == "numpy":
        return msgpack.ExtType(_SCALAR, _array_bytes(np.asarray(value)))
    if kind is ModelHandle:
        return msgpack.ExtType(_MODEL, value.number.to_bytes(4, "little"))
    raise CodecError(f"{_article(kind.__name__)} cannot be passed; arrays, numbers, strings, lists, tuples, dicts can")


def _array_bytes(array: np.ndarray) -> bytes:
    dtype = array.dtype.newbyteorder("<")
    if dtype.str not in _DTYPES:
        raise CodecError(f"an array of dtype {array.dtype} cannot be passed; numbers and booleans can")
    little = np.ascontiguousarray(array, dtype=dtype)
    return msgpack.packb([little.dtype.str, list(array.shape), little.tobytes()], use_bin_type=True)


def _unpack(message: bytes, depth: int) -> Any:
    def raise_(code: int, data: bytes) -> Any:
        return _raise(code, data, depth)

    return msgpack.unpackb(message, raw=False, strict_map_key=False, ext_hook=raise_)


def _raise(code: int, data: bytes, depth: int) -> Any:
    """The opposite of `_lower` for one extension value."""
    if depth == 0:
        raise CodecError("nested too deeply")
    if code == _ARRAY:
        return _array(data)
    if code == _SCALAR:
        array = _array(data)
        if array.shape != ():
            raise CodecError("a scalar with a shape")
        return array[()]
    if code == _TUPLE:
        items = _unpack(data, depth - 1)
        if type(items) is not list:
            raise CodecError("a tuple that is not a list of items")
        return tuple(items)
    if code == _COMPLEX:
        if len(data) != 16:
            raise CodecError("a complex number of the wrong size")
        return complex(np.frombuffer(data, "<c16")[0])
    if code == _BIG_INT:
        return int.from_bytes(data, "little", signed=True)
    if code == _MODEL:
        return ModelHandle(int.from_bytes(data, "little"))
    raise CodecError(f"unknown extension type {code}")


def _array(data: bytes) -> np.ndarray:
    fields = msgpack.unpackb(data, raw=False)
    if type(fields) is not list or [type(field) for field in fields] != [str, list, bytes]:
        raise CodecError("a malformed array")
    code, shape, content = fields
    if any(type(size) is not int or size < 0 for size in shape):
        raise CodecError("a malformed shape")
    # `code` is compared with the few names it may be, never handed to np.dtype unseen.
    if code not in _DTYPES:
        raise CodecError(f"dtype {code!r:.20} is not allowed")
    dtype = _DTYPES[code]
    if prod(shape) * dtype.itemsize != len(content):
        raise CodecError("an array whose size and shape do not agree")
    return np.frombuffer(content, dtype).reshape(shape).astype(dtype.newbyteorder("="))


_DTYPES = {
    dtype.newbyteorder("<").str: dtype.newbyteorder("<")
    for dtype in map(np.dtype, "? i1 i2 i4 i8 u1 u2 u4 u8 f2 f4 f8 c8 c16".split())
}


def _article(name: str) -> str:
    return f"{'an' if name[0] in 'aeiou' else 'a'} {name}"
