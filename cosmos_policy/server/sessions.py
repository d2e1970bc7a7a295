"""Sessions: what the server remembers of one client between its requests. Two clients never see each other."""

from __future__ import annotations

import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from cosmos_policy.types import ActionChunk

#: Executed rows that a session remembers.
MOST_EXECUTED = 1024
#: Owners that are connections, and not API keys: their sessions end with them.
CONNECTION = "connection-"


@dataclass
class Session:
    """One client's memory within one episode.

    key: what tells it from all others. generator: draws a seed for every request that brings none. instruction: the
    last one given. chunk: the last one answered, whose rows the next request can name as its prefix. executed: [n, D],
    unified SI units: rows that were executed before that chunk, as far as the client has told.
    """

    key: tuple[str, ...]
    generator: np.random.Generator
    episode: int = 0
    requests: int = 0
    instruction: str | None = None
    chunk: ActionChunk | None = None
    executed: np.ndarray = field(default_factory=lambda: np.zeros((0, 0)))
    used_s: float = 0.0

    def answered(self, chunk: ActionChunk, executed: np.ndarray | None) -> None:
        """`chunk` is the last one now. executed: the rows before it; None where the client did not tell."""
        known = chunk.unified[:0] if executed is None else executed[-MOST_EXECUTED:]
        self.chunk, self.executed = chunk, known

    def next_seed(self) -> int:
        """The seed of the next request; the same sequence for the same server seed, session id and episode."""
        return int(self.generator.integers(0, 2**31))


class Sessions:
    """All sessions, the least recently used forgotten first. Used from the event loop only."""

    def __init__(self, seed: int, capacity: int, idle_s: float, clock: Callable[[], float] = time.monotonic):
        self._seed, self._capacity, self._idle_s, self._clock = seed, capacity, idle_s, clock
        self._open: OrderedDict[tuple[str, ...], Session] = OrderedDict()

    def __len__(self) -> int:
        return len(self._open)

    def get(self, owner: str, session_id: str) -> Session:
        """The session of `session_id` under `owner` (a connection or an API key), made where there is none."""
        key, now = (owner, session_id), self._clock()
        self._forget(now)
        session = self._open.get(key)
        if session is None:
            session = Session(key, self._generator(session_id, 0))
            self._open[key] = session
        session.used_s = now
        self._open.move_to_end(key)
        return session

    async def open(self, owner: str, session_id: str) -> Session:
        """As :meth:`get`, for one request; :meth:`keep` follows when it has been answered or refused."""
        return self.get(owner, session_id)

    async def keep(self, session: Session) -> None:
        """The request for which `session` was opened is over. Here nothing has to be done: it lies in memory."""

    async def start_over(self, owner: str, session_id: str) -> None:
        """As :meth:`reset`."""
        self.reset(owner, session_id)

    def reset(self, owner: str, session_id: str) -> None:
        """A new episode: instruction, chunk and executed rows are forgotten, and the generator starts anew."""
        old = self.get(owner, session_id)
        episode = old.episode + 1
        self._open[old.key] = Session(
            old.key, self._generator(session_id, episode), episode=episode, used_s=self._clock()
        )

    def reset_all(self, owner: str) -> None:
        """A new episode for every session of `owner`."""
        for _, session_id in [key for key in self._open if key[0] == owner]:
            self.reset(owner, session_id)

    def close(self, owner: str) -> None:
        """Forget every session of `owner`."""
        for key in [key for key in self._open if key[0] == owner]:
            del self._open[key]

    def _generator(self, session_id: str, episode: int) -> np.random.Generator:
        # From the id alone, never from the order in which clients come: a client among others is answered as if alone.
        digest = hashlib.sha256(session_id.encode()).digest()
        return np.random.default_rng([self._seed, int.from_bytes(digest[:8], "big"), episode])

    def _forget(self, now: float) -> None:
        while self._open:
            key, oldest = next(iter(self._open.items()))
            if len(self._open) < self._capacity and now - oldest.used_s <= self._idle_s:
                return
            del self._open[key]
