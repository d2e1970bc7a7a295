"""Host names to addresses within a time: the resolver of the C library knows no limit of ours."""

from __future__ import annotations

import queue
import socket
import threading

#: Look-ups that may be under way at once, those included that nobody waits for any more.
AT_ONCE = 16
_places = threading.BoundedSemaphore(AT_ONCE)


def resolve(host: str, port: int, limit_s: float) -> list[str]:
    """The addresses of `host`. Raises ``OSError`` where there are none, and ``TimeoutError`` after `limit_s`.

    The look-up runs in a thread of its own, which ends when the resolver does and keeps nobody from shutting down.
    """
    if not _places.acquire(timeout=limit_s):
        raise TimeoutError
    found: queue.SimpleQueue[list[str] | Exception] = queue.SimpleQueue()
    threading.Thread(target=_look_up, args=(host, port, found), daemon=True).start()
    try:
        outcome = found.get(timeout=limit_s)
    except queue.Empty:
        raise TimeoutError from None
    if isinstance(outcome, Exception):
        raise outcome
    return outcome


def _look_up(host: str, port: int, found: queue.SimpleQueue[list[str] | Exception]) -> None:
    try:
        found.put([info[4][0] for info in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)])
    except (OSError, UnicodeError) as error:
        found.put(error)
    finally:
        _places.release()
