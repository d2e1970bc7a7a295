"""Messages between the server and its worker: a msgpack map, and the large arrays beside it.

Towards the worker, arrays go through memory that both processes share: a socket hands two megabytes over in a dozen
pieces, each waking the other side. One exchange follows the other, so what lies there stays until the worker has
answered. What does not fit, and what comes back, goes through the socket. The memory's first word is the number of the
exchange that nobody waits for any more: the worker looks at it while it computes, when nothing can be said to it.
"""

from __future__ import annotations

import mmap
import os
import socket
import struct
from typing import Any

import msgpack
import numpy as np

from cosmos_policy.wire.arrays import check_dtype

_HEADER = struct.Struct("<QQ")
_LENGTH = struct.Struct("<Q")
#: Smaller arrays travel inside the map: a system call costs more than the copy.
_BESIDE_BYTES = 4096
_SOCKET_BUFFER_BYTES = 4 * 2**20
_MOST_PIECES = 512
#: Of address space; only what is used is ever allocated.
SHARED_BYTES = 64 * 2**20
_ALIGNMENT = 64
#: Where arrays begin, behind the number of the cancelled exchange.
_ARRAYS_AT = _ALIGNMENT


def make_shared_memory() -> int:
    """The descriptor of memory that a child process can inherit and map."""
    descriptor = os.memfd_create("cosmos-policy-observations", os.MFD_CLOEXEC)
    os.ftruncate(descriptor, SHARED_BYTES)
    return descriptor


def map_shared_memory(descriptor: int) -> np.ndarray:
    """That memory as uint8 [SHARED_BYTES]."""
    return np.frombuffer(mmap.mmap(descriptor, SHARED_BYTES), np.uint8)


class ChannelClosed(ConnectionError):
    """The other end is gone."""


class Channel:
    """One end of a stream socket. Not for several threads at once.

    outgoing, incoming: shared memory that this end writes arrays to, or reads them from; None without.
    """

    def __init__(
        self, connection: socket.socket, *, outgoing: np.ndarray | None = None, incoming: np.ndarray | None = None
    ):
        self._socket, self._outgoing, self._incoming = connection, outgoing, incoming
        shared = outgoing if outgoing is not None else incoming
        self._cancelled = None if shared is None else shared[: _LENGTH.size].view(np.uint64)
        for option in (socket.SO_SNDBUF, socket.SO_RCVBUF):
            connection.setsockopt(socket.SOL_SOCKET, option, _SOCKET_BUFFER_BYTES)

    def send(self, message: Any) -> None:
        """Send one message; raises :class:`ChannelClosed` where nobody is left to read it."""
        beside: list[memoryview] = []
        shared = _ARRAYS_AT

        def pack(value: Any) -> Any:
            nonlocal shared
            if isinstance(value, np.ndarray):
                kind = check_dtype(value.dtype.str).str
                flat = np.ascontiguousarray(value).reshape(-1).view(np.uint8)
                if flat.nbytes < _BESIDE_BYTES:
                    return {"__array__": flat.tobytes(), "dtype": kind, "shape": value.shape}
                if self._outgoing is not None and shared + flat.nbytes <= len(self._outgoing):
                    at, shared = shared, shared + -(-flat.nbytes // _ALIGNMENT) * _ALIGNMENT
                    self._outgoing[at : at + flat.nbytes] = flat
                    return {"__shared__": at, "bytes": flat.nbytes, "dtype": kind, "shape": value.shape}
                beside.append(memoryview(flat))
                return {"__beside__": len(beside) - 1, "dtype": kind, "shape": value.shape}
            if isinstance(value, np.generic):
                return value.item()
            raise TypeError(f"{type(value).__name__} cannot go to the worker")

        body = msgpack.packb(message, default=pack)
        lengths = b"".join(_LENGTH.pack(len(view)) for view in beside)
        try:
            self._send_all([_HEADER.pack(len(body), len(beside)), lengths, body, *beside])
        except OSError as error:
            raise ChannelClosed(str(error)) from None

    def receive(self) -> Any:
        """The next message. Arrays in shared memory hold until we answer; all others are ours alone."""
        body_bytes, count = _HEADER.unpack(self._read(_HEADER.size))
        lengths = self._read(_LENGTH.size * count)
        body = self._read(body_bytes)
        beside = [self._read(length) for (length,) in _LENGTH.iter_unpack(lengths)]

        def unpack(value: dict) -> Any:
            if "__shared__" in value:
                data = self._incoming[value["__shared__"] : value["__shared__"] + value["bytes"]]
                return data.view(value["dtype"]).reshape(value["shape"])
            if "__beside__" in value:
                return beside[value["__beside__"]].view(value["dtype"]).reshape(value["shape"])
            if "__array__" in value:
                return np.frombuffer(bytearray(value["__array__"]), value["dtype"]).reshape(value["shape"])
            return value

        return msgpack.unpackb(body, object_hook=unpack, strict_map_key=False)

    def cancel(self, exchange: int) -> None:
        """Say that nobody waits for exchange number `exchange` (1, 2, ...) any more. From any thread."""
        if self._cancelled is not None:
            self._cancelled[0] = exchange

    def cancelled(self, exchange: int) -> bool:
        """Whether the other side has said so."""
        return self._cancelled is not None and int(self._cancelled[0]) == exchange

    def close(self) -> None:
        """Close our end: the other one reads an end of file."""
        self._socket.close()

    def _send_all(self, pieces: list[Any]) -> None:
        views = [memoryview(piece) for piece in pieces if len(piece)]
        while views:
            sent = self._socket.sendmsg(views[:_MOST_PIECES])
            while sent:
                if sent < len(views[0]):
                    views[0] = views[0][sent:]
                    break
                sent -= len(views.pop(0))

    def _read(self, count: int) -> np.ndarray:
        data = np.empty(count, np.uint8)  # not zeroed, unlike a bytearray
        view, at = memoryview(data), 0
        while at < count:
            try:
                got = self._socket.recv_into(view[at:])
            except OSError as error:
                raise ChannelClosed(str(error)) from None
            if not got:
                raise ChannelClosed("the other process ended")
            at += got
        return data
