"""The ingress's side of a request: which deployment, which tries, and when to say no."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
import time
import uuid
from collections.abc import AsyncIterator, Callable, Hashable, Mapping, Sequence
from typing import Any, Protocol

from cosmos_policy.cluster.errand import Errand, Outcome
from cosmos_policy.server.errors import NotLoaded, NotReady, Overloaded, Stale, WorkerLost
from cosmos_policy.server.metrics import Metrics
from cosmos_policy.server.scheduling import Computed, Ticket
from cosmos_policy.server.scheduling.service_times import ServiceTimes
from cosmos_policy.server.settings import Scheduling

logger = logging.getLogger(__name__)
#: A request whose replicas died this often is likely the cause.
MOST_LOSSES = 3
#: Without a deadline: seconds that a request waits for a replica to come back, and between two looks.
PATIENCE_S = 60.0
PAUSE_S = 0.2


class ReplicaGone(Exception):
    """The replica that had the errand is not there any more."""


class Target(Protocol):
    """One deployment, as the dispatcher sees it. calls: what is sent to it."""

    name: str
    calls: Sequence[str]

    async def compute(self, errand: Errand) -> Outcome:
        """Raises :class:`ReplicaGone`."""

    def follow(self, errand: Errand) -> AsyncIterator[Mapping[str, Any] | Outcome]:
        """Raises :class:`ReplicaGone`."""


class Dispatcher:
    """Stands where one machine's scheduler stands: takes tickets, and settles every one exactly once.

    refuse_before_s: before a deadline. noticed: called with what computed an answer, whenever one comes.

    The queues are at the replicas, where batches are made; here is decided who is admitted, where to, and until when.
    """

    def __init__(
        self,
        targets: Sequence[Target],
        settings: Scheduling,
        metrics: Metrics,
        *,
        refuse_before_s: float,
        noticed: Callable[[Mapping[str, Any]], None] = lambda identity: None,
        clock: Callable[[], float] = time.monotonic,
    ):
        self._targets, self._settings, self._metrics, self._clock = tuple(targets), settings, metrics, clock
        self._refuse_before_s, self._noticed = refuse_before_s, noticed
        self._times = ServiceTimes()
        self._open: dict[Ticket, asyncio.Task] = {}
        self._name = uuid.uuid4().hex[:8]
        self._draining = False

    @property
    def depth(self) -> int:
        """Requests that were sent or wait here; which of them is being computed, the replicas know."""
        return len(self._open)

    running = 0
    """Part of `depth`."""

    async def run(self) -> None:
        """Every ticket runs in the task that submitted it; there is nothing else to do."""
        await asyncio.Event().wait()

    async def drain(self) -> None:
        """Let what was sent finish (within `drain_s`), take nothing more."""
        self._draining = True
        if self._open:
            await asyncio.wait(list(self._open.values()), timeout=self._settings.drain_s)

    async def submit(self, ticket: Ticket) -> Computed:
        """The answer to `ticket`. Raises the :class:`Refusal` that it ended with, before its deadline."""
        if self._draining:
            raise NotReady("The server is shutting down; ask another one.", retry_after_s=5.0)
        self._admit(ticket)
        settling = asyncio.ensure_future(self._settle(ticket))
        self._open[ticket] = settling
        self._metrics.queue_depth.set(len(self._open))
        try:
            # Time out by ourselves: a replica that hangs, or a cluster without replicas, tells nothing.
            done, _ = await asyncio.wait({settling}, timeout=self._left_s(ticket))
            if not done:
                raise self._stale(ticket)
            return settling.result()
        except Stale:
            self._metrics.dropped.labels("stale").inc()
            raise
        finally:
            settling.cancel()
            del self._open[ticket]
            self._metrics.queue_depth.set(len(self._open))

    def _admit(self, ticket: Ticket) -> None:
        if not any(ticket.call in target.calls for target in self._targets):
            raise NotLoaded(f"No deployment of this server answers {ticket.call}; GET /info lists the calls.")
        left = self._left_s(ticket)
        if left is not None and left <= 0:
            self._metrics.dropped.labels("stale").inc()
            raise self._stale(ticket)
        # Batch jobs never fill the queue for robots: only those of the same or a higher priority count.
        before = sum(other.priority <= ticket.priority for other in self._open)
        if before >= self._settings.max_queue:
            self._metrics.dropped.labels("overloaded").inc()
            raise Overloaded(
                f"{before} requests of this or a higher priority are under way, which is the limit; ask again soon.",
                retry_after_s=max(1.0, self._times.expect(_kind(ticket), 1) or 1.0),
            )

    async def _settle(self, ticket: Ticket) -> Computed:
        """Try replicas, one after the other, until there is an answer or a reason to stop."""
        losses, index, avoid, until = 0, 0, [], self._clock() + PATIENCE_S
        targets = [target for target in self._targets if ticket.call in target.calls]
        progress = None if ticket.tell is None else _Progress(ticket.tell)
        while True:
            target = targets[index % len(targets)]
            try:
                outcome = await _try(target, self._errand(ticket, tuple(avoid)), progress)
            except ReplicaGone:
                losses += 1
                logger.warning("a replica of %s was lost with a request", target.name)
                self._check_worth_another(ticket, losses, until)
                continue
            if outcome.refusal is None:
                return self._computed(ticket, outcome)
            if outcome.lost:
                losses += outcome.suspect
                if outcome.replica in avoid:  # nobody else is there: elsewhere, or a little later
                    index += 1
                    await asyncio.sleep(PAUSE_S)
                avoid.append(outcome.replica)
                self._check_worth_another(ticket, losses, until)
            elif isinstance(outcome.refusal, Stale) and index + 1 < len(targets):
                index += 1  # too much waits there; the next deployment that can do it may be free
            else:
                raise outcome.refusal

    def _check_worth_another(self, ticket: Ticket, losses: int, until: float) -> None:
        """Raise where no other try can come in time, or makes sense."""
        if losses >= MOST_LOSSES:
            raise WorkerLost(
                f"{losses} replicas ended while they computed this request; it is likely the cause.", retry_after_s=None
            )
        left = self._left_s(ticket)
        if left is None and self._clock() > until:
            raise WorkerLost(f"No replica came back within {PATIENCE_S:g} s; ask again.", retry_after_s=10.0)
        needed = self._times.expect(_kind(ticket), 1) or 0.0
        if left is not None and needed > left:
            self._metrics.dropped.labels("stale").inc()
            raise WorkerLost(
                f"The replica that had this request ended, and another one needs about {1e3 * needed:.0f} ms of the "
                f"{1e3 * max(0.0, left):.0f} ms that are left of its deadline: send a newer observation.",
                retry_after_s=0.0,
            )

    def _errand(self, ticket: Ticket, avoid: tuple[str, ...]) -> Errand:
        now = self._clock()
        stay = ticket.replaceable and any(
            other.session == ticket.session for other in self._open if other is not ticket and other.replaceable
        )
        return Errand(
            call=ticket.call,
            request=ticket.request,
            shape=ticket.shape,
            session=ticket.session,
            group=(self._name, ticket.group),
            priority=ticket.priority,
            replaceable=ticket.replaceable,
            age_s=now - ticket.captured_s,
            deadline_in_s=self._left_s(ticket),
            affinity=prompt_key(ticket),
            stay=stay,
            avoid=avoid,
        )

    def _computed(self, ticket: Ticket, outcome: Outcome) -> Computed:
        self._noticed(outcome.identity)
        self._times.note(_kind(ticket), outcome.batch_size, outcome.compute_ms / 1e3)
        self._metrics.queue_seconds.observe(outcome.queue_ms / 1e3)
        self._metrics.batch_size.observe(outcome.batch_size)
        whole_ms = 1e3 * (self._clock() - ticket.arrived_s)
        return Computed(
            outcome.answer,
            max(0.0, whole_ms - outcome.compute_ms),  # the ways to the replica and back are waiting, to a client
            outcome.compute_ms,
            outcome.batch_size,
            outcome.identity,
        )

    def _left_s(self, ticket: Ticket) -> float | None:
        """Seconds until it must be refused; None: never."""
        return None if ticket.deadline_s is None else ticket.deadline_s - self._refuse_before_s - self._clock()

    def _stale(self, ticket: Ticket) -> Stale:
        age, budget = self._clock() - ticket.captured_s, ticket.deadline_s - ticket.captured_s
        return Stale(
            f"The observation is {1e3 * age:.0f} ms old and no answer came: its deadline is {1e3 * budget:.0f} ms, of "
            f"which the last {1e3 * self._refuse_before_s:.0f} ms are kept to say so. Send a newer one, or allow more."
        )


class _Progress:
    """What a call that follows has told its client. Computed again elsewhere it says the same again, from the start."""

    def __init__(self, tell: Callable[[Mapping[str, Any]], None]):
        self._tell, self._told, self._heard = tell, 0, 0

    def start_over(self) -> None:
        """Another replica begins."""
        self._heard = 0

    def say(self, event: Mapping[str, Any]) -> None:
        """Pass on what was not told before."""
        self._heard += 1
        if self._heard > self._told:
            self._told = self._heard
            self._tell(event)


async def _try(target: Target, errand: Errand, progress: _Progress | None) -> Outcome:
    """One replica's outcome. Raises :class:`ReplicaGone`."""
    if progress is None:
        return await target.compute(errand)
    progress.start_over()
    async with contextlib.aclosing(target.follow(errand)) as saying:
        async for item in saying:
            if isinstance(item, Outcome):
                return item
            progress.say(item)
    raise ReplicaGone


def prompt_key(ticket: Ticket) -> str:
    """What must be equal for a prompt that was read to serve again; empty where nothing is read beforehand."""
    request = ticket.request
    words = getattr(request, "instruction", None) or getattr(request, "prompt", None)
    if not isinstance(words, str):
        return ""
    length = getattr(request, "chunk_size", None)
    return hashlib.blake2b(f"{ticket.call}\0{length}\0{words}".encode(), digest_size=8).hexdigest()


def _kind(ticket: Ticket) -> tuple[str, Hashable]:
    return ticket.call, ticket.shape
