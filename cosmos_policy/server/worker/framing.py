"""Messages between the server and its worker as bytes: a msgpack map, and the large arrays beside it.

Towards the worker, arrays go through memory that both processes share: a socket hands two megabytes over in a dozen
pieces, each waking the other side. One exchange follows the other, so what lies there stays until the worker has
answered. What does not fit, and what comes back, goes through the socket.

The memory's first words are signals for which no message is needed: which exchange the worker has taken up, which one
nobody waits for any more, and which one should make room for something more urgent.
"""

from __future__ import annotations

import mmap
import os
import struct
from collections.abc import Sequence
from typing import Any

import msgpack
import numpy as np

from cosmos_policy.wire.arrays import check_dtype

HEADER = struct.Struct("<QQ")
LENGTH = struct.Struct("<Q")
#: Smaller arrays travel inside the map: a system call costs more than the copy.
BESIDE_BYTES = 4096
#: Of address space; only what is used is ever allocated.
SHARED_BYTES = 64 * 2**20
_ALIGNMENT = 64
_TAKEN, _CANCELLED, _PAUSED, _CANCELLED_PARTS = 0, 1, 2, 3


class ChannelClosed(ConnectionError):
    """The other end is gone."""


def make_shared_memory() -> int:
    """The descriptor of memory that a child process can inherit and map."""
    descriptor = os.memfd_create("cosmos-policy-observations", os.MFD_CLOEXEC)
    os.ftruncate(descriptor, SHARED_BYTES)
    return descriptor


class SharedMemory:
    """The memory behind `descriptor`, mapped: signals, then arrays. Numbers of exchanges are 1, 2, ..."""

    def __init__(self, descriptor: int):
        mapped = np.frombuffer(mmap.mmap(descriptor, SHARED_BYTES), np.uint8)
        self._signals = mapped[:_ALIGNMENT].view(np.uint64)
        self.arrays = mapped[_ALIGNMENT:]
        """uint8 [SHARED_BYTES - 64]."""

    def take(self, exchange: int) -> None:
        """The worker computes `exchange` now."""
        self._signals[_TAKEN] = exchange

    def taken(self, exchange: int) -> bool:
        """Whether the worker has begun with `exchange`."""
        return int(self._signals[_TAKEN]) == exchange

    def cancel(self, exchange: int, part: int = 0) -> None:
        """Nobody waits for request `part` (0 to 63) of `exchange` any more."""
        before = int(self._signals[_CANCELLED_PARTS]) if int(self._signals[_CANCELLED]) == exchange else 0
        self._signals[_CANCELLED_PARTS] = before | 1 << part
        self._signals[_CANCELLED] = exchange

    def cancelled(self, exchange: int, part: int = 0) -> bool:
        """Whether nobody waits for request `part` of `exchange` any more."""
        return int(self._signals[_CANCELLED]) == exchange and bool(int(self._signals[_CANCELLED_PARTS]) >> part & 1)

    def pause(self, exchange: int) -> None:
        """Something more urgent waits than `exchange`."""
        self._signals[_PAUSED] = exchange

    def paused(self, exchange: int) -> bool:
        """Whether something more urgent waits than `exchange`; asking takes note of it."""
        wanted = int(self._signals[_PAUSED]) == exchange
        if wanted:
            self._signals[_PAUSED] = 0
        return wanted


def pack(message: Any, shared: np.ndarray | None = None) -> list[Any]:
    """`message` (maps, lists, text, numbers, numpy arrays) as pieces of bytes for the socket.

    shared: where large arrays are written to, as far as they fit; None: all go through the socket.
    """
    beside: list[memoryview] = []
    used = 0

    def as_plain(value: Any) -> Any:
        nonlocal used
        if isinstance(value, np.ndarray):
            kind = check_dtype(value.dtype.str).str
            flat = np.ascontiguousarray(value).reshape(-1).view(np.uint8)
            if flat.nbytes < BESIDE_BYTES:
                return {"__array__": flat.tobytes(), "dtype": kind, "shape": value.shape}
            if shared is not None and used + flat.nbytes <= len(shared):
                at, used = used, used + -(-flat.nbytes // _ALIGNMENT) * _ALIGNMENT
                shared[at : at + flat.nbytes] = flat
                return {"__shared__": at, "bytes": flat.nbytes, "dtype": kind, "shape": value.shape}
            beside.append(memoryview(flat))
            return {"__beside__": len(beside) - 1, "dtype": kind, "shape": value.shape}
        if isinstance(value, np.generic):
            return value.item()
        raise TypeError(f"{type(value).__name__} cannot go to the worker")

    body = msgpack.packb(message, default=as_plain)
    lengths = b"".join(LENGTH.pack(len(view)) for view in beside)
    # In one piece where nothing is large: one system call, and the other side wakes once.
    return [HEADER.pack(len(body), len(beside)) + lengths + body, *beside]


def unpack(body: Any, beside: Sequence[np.ndarray], shared: np.ndarray | None = None) -> Any:
    """The message. Arrays in `shared` hold until the exchange is over; all others are ours alone."""

    def as_array(value: dict) -> Any:
        if "__shared__" in value:
            data = shared[value["__shared__"] : value["__shared__"] + value["bytes"]]
            return data.view(value["dtype"]).reshape(value["shape"])
        if "__beside__" in value:
            return beside[value["__beside__"]].view(value["dtype"]).reshape(value["shape"])
        if "__array__" in value:
            return np.frombuffer(bytearray(value["__array__"]), value["dtype"]).reshape(value["shape"])
        return value

    return msgpack.unpackb(body, object_hook=as_array, strict_map_key=False)
