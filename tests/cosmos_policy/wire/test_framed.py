"""Arrays beside the map: whole on the other side without a copy, and harmless when they lie."""

import contextlib
import struct

import msgpack
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from cosmos_policy.wire.arrays import WireError
from cosmos_policy.wire.framed import map_bytes, pack_framed, unpack_framed

NUMBERS = st.sampled_from([np.uint8, np.bool_, np.int16, np.float32, np.float64])


@given(
    large=st.lists(st.tuples(st.integers(1, 20_000), NUMBERS), max_size=4),
    small=arrays.arrays(NUMBERS, arrays.array_shapes(max_dims=3)),
    text=st.text(max_size=300),
)
def test_every_array_comes_back_bit_for_bit(large, small, text):
    generator = np.random.default_rng(len(text))
    many = [generator.integers(0, 2, size).astype(kind) for size, kind in large]
    message = {"text": text, "small": small, "large": many}
    data = b"".join(pack_framed(message))
    back = unpack_framed(data)
    assert back["text"] == text
    for expected, found in zip([small, *many], [back["small"], *back["large"]], strict=True):
        assert found.dtype == expected.dtype
        assert found.tobytes() == expected.tobytes()
        assert not found.flags.writeable


def test_what_is_large_is_neither_copied_when_sent_nor_when_read():
    picture = np.zeros((36, 64, 3), np.uint8)
    pieces = pack_framed({"picture": picture})
    assert np.shares_memory(np.frombuffer(pieces[1], np.uint8), picture)
    data = b"".join(pieces)
    assert np.shares_memory(unpack_framed(data)["picture"], np.frombuffer(data, np.uint8))


def framed(message, more=b""):
    body = msgpack.packb(message)
    return struct.pack("<I", len(body)) + body + bytes(-(4 + len(body)) % 8) + more


def array(start, count, dtype="|u1", shape=(8,)):
    return {"a": {b"__beside__": [start, count], b"dtype": dtype, b"shape": list(shape)}}


WRONG = {
    "nothing": (b"", "shorter than its own head"),
    "a head only": (struct.pack("<I", 9), "announces a map of 9 bytes, but 0 came"),
    "no msgpack": (struct.pack("<I", 1) + b"\xc1", "not msgpack"),
    "beyond the end": (framed(array(0, 8), bytes(7)), "lies at bytes 0 to 8, but 7 came"),
    "before the start": (framed(array(-8, 8), bytes(8)), "lies at bytes -8 to 0"),
    "a huge start": (framed(array(2**62, 8), bytes(8)), "but 8 came"),
    "no place": (framed({"a": {b"__beside__": 3}}), "where it starts"),
    "a place of flags": (framed({"a": {b"__beside__": [True, False]}}), "where it starts"),
    "another size": (framed(array(0, 8, shape=(9,)), bytes(8)), "takes 9 bytes, but 8 came"),
    "objects": (framed(array(0, 8, dtype="|O", shape=(1,)), bytes(8)), "has dtype"),
    "text between": (framed({"a": {b"__beside__": [0, 1], b"dtype": "<U1", b"shape": [1]}}, b"xxxx"), "has dtype"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_hostile_message_is_refused_in_one_sentence(name):
    data, sentence = WRONG[name]
    with pytest.raises(WireError, match=sentence):
        unpack_framed(data)


@given(data=st.binary(max_size=200))
def test_random_bytes_never_do_more_than_raise_our_error(data):
    with contextlib.suppress(WireError):
        unpack_framed(data)


def test_what_may_not_travel_is_refused_when_it_is_sent():
    for value in (object(), np.zeros(9999, complex), np.array(["x" * 5000]), {1: {2: set()}}, 2**70):
        with pytest.raises(WireError):
            pack_framed({"value": value})


def test_only_the_map_counts_as_work():
    pieces = pack_framed({"picture": np.zeros((360, 640, 3), np.uint8)})
    assert map_bytes(b"".join(pieces)) < 200
    assert map_bytes(struct.pack("<I", 2**32 - 1) + b"xyz") == 7
    assert map_bytes(b"") == 0
