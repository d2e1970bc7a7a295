"""One WebSocket to a server: opened when it is needed, opened again when it breaks, never waiting for ever."""

from __future__ import annotations

import contextlib
import itertools
import ssl
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus
from websockets.sync.client import ClientConnection
from websockets.sync.client import connect as open_socket

from cosmos_policy.errors import Failure, UsageError
from cosmos_policy.wire.arrays import unpackb
from cosmos_policy.wire.contract import PROTOCOL
from cosmos_policy.wire.framed import pack_framed

FRAGMENT_BYTES = 512 * 1024
SOCKET_PATH = "/v1/actions/socket"
_SCHEMES = {"ws": ("ws", "http"), "wss": ("wss", "https"), "http": ("ws", "http"), "https": ("wss", "https")}


class ServerUnreachable(Failure):
    """Nobody answers at the address, or nobody did in time."""


class ServerRefusal(Failure):
    """The server answered that it will not compute this now. `code` is for programs: "superseded", "stale",
    "overloaded", "worker_lost", ...; retry_after_s says when asking again is worth it, or None."""

    def __init__(self, message: str, code: str, retry_after_s: float | None = None):
        super().__init__(message)
        self.code = code
        self.retry_after_s = retry_after_s


@dataclass(frozen=True)
class Patience:
    """How long to wait, in seconds. open_s: for a connection, tries included. answer_s: for an answer.
    first_pause_s, longest_pause_s: between tries, doubling."""

    open_s: float = 10.0
    answer_s: float = 60.0
    first_pause_s: float = 0.2
    longest_pause_s: float = 3.0


class Connection:
    """Speaks one message at a time; threads take turns."""

    def __init__(self, url: str, api_key: str | None, patience: Patience, certificate_file: str | None = None):
        parts = urlsplit(url if "://" in url else f"ws://{url}")
        if parts.scheme not in _SCHEMES or not parts.hostname or parts.path not in ("", "/") or parts.query:
            raise UsageError(f'{url!r} is no server address; expected "ws://host:port" (or wss, http, https).')
        socket_scheme, web_scheme = _SCHEMES[parts.scheme]
        self.address = f"{socket_scheme}://{parts.netloc}"
        self._web = f"{web_scheme}://{parts.netloc}"
        self._headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        self._tls = ssl.create_default_context(cafile=certificate_file) if socket_scheme == "wss" else None
        self._patience = patience
        self._socket: ClientConnection | None = None
        self._opened = contextlib.ExitStack()
        self._turn = threading.Lock()
        self._ids = itertools.count(1)

    def get(self, path: str) -> Mapping[str, Any]:
        """A JSON document of the server. Tries again while nobody listens or the model is loading, within `open_s`."""
        for pause, last in tries(self._patience):
            try:
                answer = httpx.get(
                    f"{self._web}{path}",
                    headers=self._headers,
                    timeout=self._patience.open_s,
                    verify=self._tls if self._tls is not None else True,
                    trust_env=False,
                )
            except httpx.TransportError as error:
                if last:
                    raise self._unreachable(error) from None
                time.sleep(pause)
                continue
            if answer.status_code == 503 and not last:
                time.sleep(pause)
                continue
            if answer.status_code != 200:
                raise _refused(answer.status_code, answer.content)
            return answer.json()
        raise AssertionError("there is always a last try")

    def exchange(self, message: Mapping[str, Any]) -> list[Mapping[str, Any]]:
        """The answers to one message. It is sent once: only opening a connection is tried again.

        Raises :class:`ServerUnreachable` where the connection breaks or `answer_s` passes; the next call opens another.
        """
        with self._turn:
            return self._ask(self._open(), message)["answers"]

    def follow(self, message: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
        """The replies to one message: ``{"index", "event"}`` by and by, ``{"answers"}`` at last.

        `answer_s` is the longest that passes between two of them. Closing the iterator closes the connection, which
        stops the server. No other message goes out meanwhile.
        """
        with self._turn:
            socket, finished = self._open(), False
            try:
                reply = self._ask(socket, {**message, "follow": True})
                while "event" in reply:
                    yield reply
                    reply = self._next(socket, reply["id"])
                finished = True
                yield reply
            finally:
                if not finished:
                    self.close()

    def _ask(self, socket: ClientConnection, message: Mapping[str, Any]) -> Mapping[str, Any]:
        """Send, and the first reply."""
        number = next(self._ids)
        try:
            _send(socket, pack_framed({**message, "id": number}))
        except (ConnectionClosed, OSError) as error:
            raise self._ended(error) from None
        return self._next(socket, number)

    def _next(self, socket: ClientConnection, number: int) -> Mapping[str, Any]:
        """The next reply to message `number`."""
        try:
            frame = socket.recv(timeout=self._patience.answer_s)
        except TimeoutError:
            self.close()  # the late answer must never be taken for that of the next call
            raise ServerUnreachable(f"{self.address} did not answer within {self._patience.answer_s:g} s.") from None
        except (ConnectionClosed, OSError) as error:
            raise self._ended(error) from None
        reply = unpackb(frame) if isinstance(frame, bytes) else {"error": {"message": frame, "code": "refused"}}
        if "error" in reply:
            self.close()
            raise as_error(reply["error"])
        if reply.get("id") != number:
            self.close()
            raise ServerUnreachable(f"{self.address} answered another message than the one that was sent.")
        return reply

    def _ended(self, error: Exception) -> ServerUnreachable:
        self.close()
        return ServerUnreachable(f"{self.address} ended the connection before it answered ({error}).")

    def close(self) -> None:
        """Close the socket; the next exchange opens another."""
        self._socket = None
        self._opened.close()

    def _open(self) -> ClientConnection:
        if self._socket is not None:
            return self._socket
        for pause, last in tries(self._patience):
            try:
                socket = self._opened.enter_context(
                    open_socket(
                        f"{self.address}{SOCKET_PATH}",
                        additional_headers=self._headers,
                        ssl=self._tls,
                        compression=None,
                        max_size=None,
                        open_timeout=self._patience.open_s,
                        close_timeout=1.0,
                        proxy=None,
                    )
                )
                greeting = unpackb(socket.recv(timeout=self._patience.open_s))
            except InvalidStatus as error:
                if error.response.status_code == 503 and not last:
                    time.sleep(pause)
                    continue
                raise _refused(error.response.status_code, error.response.body) from None
            except (OSError, InvalidHandshake, ConnectionClosed, TimeoutError) as error:
                if last:
                    raise self._unreachable(error) from None
                time.sleep(pause)
                continue
            if greeting.get("protocol") != PROTOCOL:
                self.close()
                raise UsageError(
                    f"{self.address} speaks version {greeting.get('protocol')} of the protocol, this client version "
                    f"{PROTOCOL}: install the same version on both sides."
                )
            self._socket = socket
            return socket
        raise AssertionError("there is always a last try")

    def _unreachable(self, error: Exception) -> ServerUnreachable:
        return ServerUnreachable(
            f"No server answers at {self.address} ({type(error).__name__} for {self._patience.open_s:g} s): is it "
            "running, and are host and port right? Start one with `cosmos-policy serve`."
        )


def tries(patience: Patience) -> Iterator[tuple[float, bool]]:
    """(pause in seconds, whether it is the last) for each try that fits into `patience.open_s`."""
    until, pause = time.monotonic() + patience.open_s, patience.first_pause_s
    while True:
        last = time.monotonic() + pause >= until
        yield pause, last
        if last:
            return
        pause = min(2 * pause, patience.longest_pause_s)


def _send(socket: ClientConnection, pieces: Sequence[memoryview]) -> None:
    """Send as one message, in fragments: each is masked and copied in memory that the processor still holds."""
    if sum(map(len, pieces)) <= FRAGMENT_BYTES:
        socket.send(b"".join(pieces))
    else:
        socket.send(
            [piece[at : at + FRAGMENT_BYTES] for piece in pieces for at in range(0, len(piece), FRAGMENT_BYTES)]
        )


def as_error(error: Mapping[str, Any]) -> Exception:
    """The exception that a server's error means: wrong use is a :class:`UsageError`, as with a local model."""
    message, code = str(error.get("message")), str(error.get("code"))
    if error.get("status") in (400, 413, 415, 422):
        return UsageError(message)
    return ServerRefusal(message, code, error.get("retry_after_s"))


def _refused(status: int, body: bytes) -> Exception:
    try:
        error = httpx.Response(status, content=body).json()["error"]
    except (ValueError, KeyError, TypeError):
        error = {"message": f"The server answered {status}.", "code": "refused"}
    if status == 401:
        return UsageError(f"{error['message']} Give it as api_key=... to connect.")
    return as_error({**error, "status": status})
