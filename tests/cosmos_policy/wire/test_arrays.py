"""msgpack with numpy: what goes in comes out, and nothing hostile does harm."""

import contextlib

import msgpack
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from cosmos_policy.wire.arrays import WireError, packb, unpackb

DTYPES = st.sampled_from(["|b1", "|u1", "|i1", "<i2", ">i4", "<u8", "<f2", "<f4", ">f8"])


@given(DTYPES.flatmap(lambda kind: arrays.arrays(kind, arrays.array_shapes(min_dims=0, max_dims=4, min_side=0))))
@settings(max_examples=150, deadline=None)
def test_every_array_that_may_travel_comes_back_bit_for_bit(array):
    back = unpackb(packb({"a": array}))["a"]
    assert back.dtype == array.dtype
    assert back.shape == array.shape
    assert back.tobytes() == np.ascontiguousarray(array).tobytes()


def test_slices_and_numpy_scalars_travel():
    image = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)[:, ::2]
    back = unpackb(packb({"image": image, "number": np.float32(1.5), "text": "ä", "list": [1, None, True]}))
    np.testing.assert_array_equal(back["image"], image)
    assert back["number"] == np.float32(1.5)
    assert back["text"] == "ä"


@pytest.mark.parametrize(
    "value",
    [np.array([object()]), np.zeros(2, "c8"), np.zeros(2, "V4"), np.array(["a"]), np.zeros(1, "M8[s]"), object(), {1j}],
    ids=lambda value: str(getattr(value, "dtype", type(value).__name__)),
)
def test_what_may_not_travel_is_refused_when_it_is_sent(value):
    with pytest.raises(WireError):
        packb({"a": value})


def announced(dtype="<f4", shape=(2,), data=bytes(8)):
    return msgpack.packb({b"__ndarray__": True, b"data": data, b"dtype": dtype, b"shape": shape})


HOSTILE = {
    "an object dtype": announced("|O"),
    "a void dtype": announced("|V4", (2,)),
    "a complex dtype": announced("<c8", (1,)),
    "a structured dtype": announced("f4,f4", (1,)),
    "a long dtype": announced("f4," * 10000),
    "a huge shape": announced(shape=(2**31, 2**31)),
    "a negative shape": announced(shape=(-1,)),
    "too many axes": announced(shape=(1,) * 40),
    "a boolean axis": announced(shape=(True, 2)),
    "data too short": announced(data=b"abc"),
    "text for data": announced(data="abcdefgh"),
    "no dtype": msgpack.packb({b"__ndarray__": True}),
    "a wild scalar": msgpack.packb({b"__npgeneric__": True, b"data": [], b"dtype": "<f4"}),
    "an extension": msgpack.packb(msgpack.ExtType(5, b"x")),
    "a timestamp": b"\xd6\xff\x00\x00\x00\x00",
    "a list that claims 4 billion items": b"\xdd\xff\xff\xff\xff",
    "a nest of large lists": b"\xdd\x00\x00\x0f\xff" * 3000,
    "a map that claims 4 billion items": b"\xdf\xff\xff\xff\xff",
    "bytes that claim 4 GB": b"\xc6\xff\xff\xff\xff",
    "text that is not UTF-8": b"\xa2\xff\xfe",
    "a list as a key": b"\x81\x91\x01\x01",
    "trailing bytes": msgpack.packb(1) + b"\x00",
    "nothing": b"",
    "a deep nest": b"\x91" * 5000,
    "a pickle": b"\x80\x04\x95\x1a\x00\x00\x00\x00\x00\x00\x00\x8c\x05posix\x8c\x06system\x93.",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_message_is_refused_in_one_sentence(name):
    with pytest.raises(WireError) as caught:
        unpackb(HOSTILE[name])
    assert len(str(caught.value)) < 400


@given(st.binary(max_size=300))
@settings(max_examples=300, deadline=None)
def test_random_bytes_never_do_more_than_raise_our_error(data):
    with contextlib.suppress(WireError):
        unpackb(data)
