"""The two ends of the stream socket between the server and its worker, one message after the other."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from typing import Any

import numpy as np

from cosmos_policy.server.worker.framing import HEADER, LENGTH, ChannelClosed, SharedMemory, pack, unpack

_SOCKET_BUFFER_BYTES = 4 * 2**20


class WorkerEnd:
    """The worker's: it waits for what comes, and has nothing else to do."""

    def __init__(self, connection: socket.socket, memory: SharedMemory | None = None):
        self._socket, self._memory = connection, memory
        _widen(connection)

    def send(self, message: Any) -> None:
        """Send one message; raises :class:`ChannelClosed` where nobody is left to read it."""
        try:
            for piece in pack(message):
                self._socket.sendall(piece)
        except OSError as error:
            raise ChannelClosed(str(error)) from None

    def receive(self) -> Any:
        """The next message. Arrays in shared memory hold until we answer; all others are ours alone."""
        body_bytes, count = HEADER.unpack(self._read(HEADER.size))
        lengths = self._read(LENGTH.size * count)
        body = self._read(body_bytes)
        beside = [self._read(length) for (length,) in LENGTH.iter_unpack(lengths)]
        return unpack(body, beside, None if self._memory is None else self._memory.arrays)

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


class ServerEnd:
    """The server's: on the event loop, without a thread in between. For one task at a time."""

    #: Of one request: more is copied to the worker in a thread, as the loop would stand still for milliseconds.
    LARGE_BYTES = 8 * 2**20

    def __init__(self, connection: socket.socket, memory: SharedMemory | None = None):
        self._socket, self._memory = connection, memory
        self._loop = asyncio.get_running_loop()
        _widen(connection)
        connection.setblocking(False)

    async def send(self, message: Any, share: bool = True) -> None:
        """Send one message; raises :class:`ChannelClosed` where nobody is left to read it.

        share: whether arrays may go through shared memory: not while those of another exchange lie there.
        """
        shared = None if self._memory is None or not share else self._memory.arrays
        large = _array_bytes(message) > self.LARGE_BYTES
        pieces = await asyncio.to_thread(pack, message, shared) if large else pack(message, shared)
        try:
            for piece in pieces:
                await self._loop.sock_sendall(self._socket, piece)
        except OSError as error:
            raise ChannelClosed(str(error)) from None

    async def receive(self) -> Any:
        """The next message; its arrays are ours alone."""
        body_bytes, count = HEADER.unpack(await self._read(HEADER.size))
        lengths = await self._read(LENGTH.size * count)
        body = await self._read(body_bytes)
        beside = [await self._read(length) for (length,) in LENGTH.iter_unpack(lengths)]
        return unpack(body, beside)

    def shut(self) -> None:
        """End the stream: who waits in :meth:`receive` wakes up. A socket that is only closed would wake nobody."""
        with contextlib.suppress(OSError):  # the other end has gone already
            self._socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Close our end: the worker reads an end of file. Nobody may be waiting in :meth:`receive`."""
        self._socket.close()

    async def _read(self, count: int) -> np.ndarray:
        data = np.empty(count, np.uint8)
        view, at = memoryview(data), 0
        while at < count:
            try:
                got = await self._loop.sock_recv_into(self._socket, view[at:])
            except OSError as error:
                raise ChannelClosed(str(error)) from None
            if not got:
                raise ChannelClosed("the other process ended")
            at += got
        return data


def _widen(connection: socket.socket) -> None:
    for option in (socket.SO_SNDBUF, socket.SO_RCVBUF):
        connection.setsockopt(socket.SOL_SOCKET, option, _SOCKET_BUFFER_BYTES)


def _array_bytes(value: Any) -> int:
    """Bytes of all arrays in a message."""
    if isinstance(value, np.ndarray):
        return value.nbytes
    if isinstance(value, dict):
        return sum(map(_array_bytes, value.values()))
    return sum(map(_array_bytes, value)) if isinstance(value, (list, tuple)) else 0
