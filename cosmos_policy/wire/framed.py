"""Requests of our own client: a msgpack map, and behind it the large arrays as they lie in memory.

Nothing large is copied: it is sent from where it is, and read where it arrived. A message is the map's length (unsigned
32 bits, little-endian), the map, and the arrays, each beginning at a multiple of 8 bytes from the message's start. In
the map an array is ``{b"__beside__": [start, bytes], b"dtype": str, b"shape": [...]}``, with `start` counted from the
first such multiple behind the map; small arrays stand in the map as in :mod:`cosmos_policy.wire.arrays`.
"""

from __future__ import annotations

import struct
from typing import Any

import numpy as np

from cosmos_policy.wire.arrays import WireError, array_from_bytes, check_dtype, pack_value, packed, unpackb

_LENGTH = struct.Struct("<I")
_ALIGNMENT = 8
#: Smaller arrays stand in the map: each one beside it is a piece to send.
BESIDE_BYTES = 4096


def pack_framed(message: Any) -> list[memoryview]:
    """`message` as pieces to send one after the other; they show the arrays' own memory. Raises :class:`WireError`."""
    arrays: list[memoryview] = []
    used = 0

    def pack(value: Any) -> Any:
        nonlocal used
        if not isinstance(value, np.ndarray) or value.nbytes < BESIDE_BYTES:
            return pack_value(value)
        check_dtype(value.dtype.str)
        flat = np.ascontiguousarray(value).reshape(-1).view(np.uint8)
        start, padding = used, -flat.nbytes % _ALIGNMENT
        arrays.append(flat.data)
        if padding:
            arrays.append(memoryview(bytes(padding)))
        used += flat.nbytes + padding
        return {b"__beside__": [start, flat.nbytes], b"dtype": value.dtype.str, b"shape": value.shape}

    body = packed(message, pack)
    head = _LENGTH.pack(len(body)) + body
    return [memoryview(head + bytes(-len(head) % _ALIGNMENT)), *arrays]


def map_bytes(data: bytes) -> int:
    """The bytes of `data` that have to be unpacked: all but its large arrays."""
    announced = _LENGTH.unpack_from(data)[0] if len(data) >= _LENGTH.size else 0
    return min(announced, len(data))


def unpack_framed(data: bytes) -> Any:
    """The message in `data`; large arrays are read-only views of it. Raises :class:`WireError` in one sentence."""
    if len(data) < _LENGTH.size:
        raise WireError("The message is shorter than its own head.")
    (length,) = _LENGTH.unpack_from(data)
    end = _LENGTH.size + length
    if end > len(data):
        raise WireError(f"The message announces a map of {length} bytes, but {len(data) - _LENGTH.size} came.")
    view = memoryview(data)
    beside = view[min(end + -end % _ALIGNMENT, len(data)) :]

    def unpack(value: dict) -> Any:
        place = value.get(b"__beside__")
        if place is None:
            return None
        if not isinstance(place, list) or len(place) != 2 or any(type(number) is not int for number in place):
            raise WireError("An array beside the map must say where it starts and how many bytes it has.")
        start, count = place
        if start < 0 or count < 0 or start + count > len(beside):
            raise WireError(f"An array lies at bytes {start} to {start + count}, but {len(beside)} came.")
        return array_from_bytes(beside[start : start + count], value.get(b"dtype"), value.get(b"shape"))

    return unpackb(view[_LENGTH.size : end], unpack)
