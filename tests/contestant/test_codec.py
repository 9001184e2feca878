import contextlib

import msgpack
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from mmlearn.contestant.codec import CodecError, ModelHandle, decode, encode

numbers = st.one_of(st.booleans(), st.integers(), st.floats(), st.complex_numbers())
keys = st.one_of(st.text(), st.integers(), st.tuples(st.integers(), st.text()))
plain = st.recursive(
    st.one_of(st.none(), numbers, st.text(), st.binary(), st.builds(ModelHandle, st.integers(0, 9))),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.tuples(inner, inner), st.dictionaries(keys, inner, max_size=4)
    ),
    max_leaves=20,
)
dtypes = st.sampled_from("? i1 i2 i4 i8 u1 u2 u4 u8 f2 f4 f8 c8 c16 >i4 >f8".split())
arrays = dtypes.flatmap(lambda dtype: hnp.arrays(dtype, hnp.array_shapes(min_dims=0, min_side=0, max_side=4)))


def same(a, b) -> bool:
    """Equal in kind and value, NaN equal to NaN."""
    if type(a) is not type(b):
        return False
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict):
        return list(a) == list(b) and all(map(same, a.values(), b.values()))
    if isinstance(a, float | complex):
        return repr(a) == repr(b) or a == b
    return a == b


@given(plain)
def test_plain_data_comes_back_equal_and_of_the_same_type(value):
    assert same(decode(encode(value)), value)


@given(arrays)
def test_an_array_comes_back_with_its_shape_and_dtype(array):
    array = np.asarray(array)
    back = decode(encode(array))
    assert back.shape == array.shape
    assert back.dtype == array.dtype.newbyteorder("=")
    np.testing.assert_array_equal(back, array)


def test_an_array_comes_back_writable_contiguous_and_separate():
    array = np.arange(12.0).reshape(3, 4).T
    back = decode(encode(array))
    back[0, 0] = 99
    assert back.flags.c_contiguous
    assert array[0, 0] == 0


@pytest.mark.parametrize("dtype", [np.float32, np.int64, np.bool_, np.complex64])
def test_a_numpy_scalar_keeps_its_dtype(dtype):
    back = decode(encode(dtype(1)))
    assert type(back) is dtype


class Sly(np.ndarray):
    """A subclass could carry an __eq__ of its own across."""


@pytest.mark.parametrize(
    "value",
    [
        object(),
        {1, 2},
        (number for number in [1]),
        lambda: None,
        np.array(["a"]),
        np.array([None]),
        np.array([1.0]).view(Sly),
        np.zeros(2, np.longdouble),
        np.zeros(2, "M8[s]"),
        range(3),
        type("MyInt", (int,), {})(3),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_is_not_plain_data_is_refused(value):
    with pytest.raises(CodecError):
        encode([value])


def test_deep_nesting_is_refused_both_ways():
    value: list = []
    for _ in range(100):
        value = [value]
    with pytest.raises(CodecError, match="deep"):
        encode(value)
    tuples = msgpack.packb([])
    for _ in range(100):
        tuples = msgpack.packb(msgpack.ExtType(3, tuples))
    with pytest.raises(CodecError):
        decode(tuples)


@settings(max_examples=300)
@given(st.binary(max_size=80))
def test_any_bytes_give_a_value_or_a_codec_error(message):
    with contextlib.suppress(CodecError):
        decode(message)


@settings(max_examples=300)
@given(plain, st.data())
def test_a_mutated_message_gives_a_value_or_a_codec_error(value, data):
    message = bytearray(encode([value, np.arange(6, dtype="f4").reshape(2, 3)]))
    for _ in range(data.draw(st.integers(1, 4))):
        message[data.draw(st.integers(0, len(message) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(CodecError):
        decode(bytes(message))


@pytest.mark.parametrize(
    "fields",
    [
        ["<f8", [2], b"\0" * 8],
        ["<f8", [-1], b""],
        ["|O", [1], b"\0" * 8],
        ["<f8", [2**40, 2**40], b""],
        ["<f8", 2, b""],
    ],
)
def test_an_array_that_lies_about_itself_is_refused(fields):
    with pytest.raises(CodecError):
        decode(msgpack.packb(msgpack.ExtType(1, msgpack.packb(fields))))
