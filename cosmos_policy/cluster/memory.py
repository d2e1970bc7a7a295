"""What the ingresses share: sessions under API keys, which may come back through another ingress, and the plan.

A session is small: a generator, an instruction, the last chunk's rows. It is fetched with a request, travels to the
replica inside it, and is put back with the answer; a connection's own sessions end with the connection, and stay with
its ingress.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from dataclasses import dataclass, replace
from typing import Any

import ray

from cosmos_policy.cluster.names import MEMORY, NAMESPACE
from cosmos_policy.server.errors import NotReady
from cosmos_policy.server.sessions import CONNECTION, Session, Sessions
from cosmos_policy.server.settings import ServerSettings


class Memory:
    """An actor: sessions by key, the least recently used forgotten first; and what was deployed."""

    def __init__(self, capacity: int, idle_s: float):
        self._capacity, self._idle_s = capacity, idle_s
        self._kept: OrderedDict[tuple[str, ...], Session] = OrderedDict()
        self._plan: Any = None

    def get(self, key: tuple[str, ...]) -> Session | None:
        """The session, or None where there is none (any more)."""
        session = self._kept.get(key)
        return None if session is None or time.time() - session.used_s > self._idle_s else session

    def put(self, session: Session) -> None:
        """Keep it. One of an earlier episode comes too late."""
        known = self._kept.get(session.key)
        if known is not None and known.episode > session.episode:
            return
        self._kept[session.key] = replace(session, used_s=time.time())
        self._kept.move_to_end(session.key)
        while len(self._kept) > self._capacity:
            self._kept.popitem(last=False)

    def plan(self) -> Any:
        """What was deployed last (``ClusterSettings``), or None."""
        return self._plan

    def set_plan(self, plan: Any) -> None:
        """Remember what is deployed."""
        self._plan = plan


def make_memory(settings: ServerSettings) -> Any:
    """The actor's handle; made where there is none. It outlives whoever made it, and is started again when it dies."""
    options = {"name": MEMORY, "namespace": NAMESPACE, "get_if_exists": True, "lifetime": "detached"}
    limits = settings.limits
    return (
        ray.remote(Memory)
        .options(**options, num_cpus=0, max_restarts=-1, max_task_retries=3)
        .remote(limits.sessions, limits.session_idle_s)
    )


@dataclass
class _InUse:
    """A session that requests have open. fetching: from the memory. users: of those requests."""

    fetching: asyncio.Future[Session]
    users: int = 0


class SharedSessions(Sessions):
    """As on one machine, but that the sessions of API keys lie in the :class:`Memory` between two requests."""

    def __init__(self, seed: int, capacity: int, idle_s: float, memory: Any):
        super().__init__(seed, capacity, idle_s)
        self._memory = memory
        self._in_use: dict[tuple[str, ...], _InUse] = {}

    async def open(self, owner: str, session_id: str) -> Session:
        """The session; requests of it that are under way at once share one object, as on one machine."""
        if owner.startswith(CONNECTION):
            return self.get(owner, session_id)
        key = (owner, session_id)
        if key not in self._in_use:
            self._in_use[key] = _InUse(asyncio.ensure_future(self._fetch(key)))
        in_use = self._in_use[key]
        in_use.users += 1
        try:
            return await asyncio.shield(in_use.fetching)
        except BaseException:
            self._leave(key, in_use)
            raise

    async def keep(self, session: Session) -> None:
        """Put it back, before the answer leaves: the client's next request may come through another ingress."""
        in_use = self._in_use.get(session.key)
        if in_use is None or not in_use.fetching.done() or in_use.fetching.result() is not session:
            return  # a connection's own; or of an episode that is over
        try:
            await _ask(self._memory.put.remote(_slim(session)))
        finally:
            self._leave(session.key, in_use)

    async def start_over(self, owner: str, session_id: str) -> None:
        """A new episode."""
        if owner.startswith(CONNECTION):
            self.reset(owner, session_id)
            return
        key = (owner, session_id)
        old = await self.open(owner, session_id)
        self._in_use.pop(key, None)  # what still runs belongs to the old episode
        fresh = Session(key, self._generator(session_id, old.episode + 1), episode=old.episode + 1)
        await _ask(self._memory.put.remote(fresh))

    async def _fetch(self, key: tuple[str, ...]) -> Session:
        known = await _ask(self._memory.get.remote(key))
        return Session(key, self._generator(key[1], 0)) if known is None else known

    def _leave(self, key: tuple[str, ...], in_use: _InUse) -> None:
        in_use.users -= 1
        if in_use.users <= 0 and self._in_use.get(key) is in_use:
            del self._in_use[key]


async def _ask(reference: Any) -> Any:
    try:
        return await reference
    except ray.exceptions.RayActorError:
        raise NotReady("The cluster's memory of sessions is restarting; ask again.", retry_after_s=2.0) from None


def _slim(session: Session) -> Session:
    """Of the last chunk, what a continuation reads: its rows and times."""
    chunk = session.chunk
    if chunk is None:
        return session
    return replace(session, chunk=replace(chunk, commands={}, video=None, timing={}, info={}))
