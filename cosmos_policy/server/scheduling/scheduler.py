"""The queue in front of the worker. Runs on the event loop, and computes nothing there."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Any, Protocol

from cosmos_policy.server.errors import ModelFailed, NotReady, Overloaded, Refusal, Stale, Superseded
from cosmos_policy.server.metrics import Metrics
from cosmos_policy.server.scheduling.service_times import ServiceTimes
from cosmos_policy.server.scheduling.ticket import Computed, Ticket
from cosmos_policy.server.settings import Scheduling

logger = logging.getLogger(__name__)
#: A ticket without deadline is ordered as if it had this one, so that it is never overtaken for ever.
PATIENCE_S = 10.0


#: (call, requests) -> an answer or an exception for each
Compute = Callable[[str, Sequence[Any]], Awaitable[list[Any]]]


class Worker(Protocol):
    """What computes."""

    async def wait_ready(self) -> None:
        """Until it can compute."""

    async def compute(
        self,
        call: str,
        requests: Sequence[Any],
        tell: Callable[[int, Any], None] | None,
        between: Callable[[Compute], Awaitable[None]] | None,
    ) -> list[Any]:
        """An answer or an exception for each request. A raised :class:`Refusal` means that the whole batch failed.

        tell: takes which request, and what it says on its way (a map), or its answer before the others'. between:
        awaited where the call has paused, with what computes something else meanwhile.
        """

    def pause(self) -> None:
        """Let a call that follows make room at its next step."""

    def cancel(self, part: int = 0) -> None:
        """Stop this request of what is being computed where that is possible; its answer is an exception then."""

    def follows_together(self, call: str) -> bool:
        """Whether several requests of a call that follows may be computed at once."""


class Scheduler:
    """Takes tickets, gives batches to the worker, and settles every ticket exactly once."""

    def __init__(self, worker: Worker, settings: Scheduling, metrics: Metrics, clock=time.monotonic):
        self._worker, self._settings, self._metrics, self._clock = worker, settings, metrics, clock
        self._waiting: list[Ticket] = []
        self._running: list[Ticket] = []
        self._paused: list[Ticket] = []
        self._times = ServiceTimes()
        self._wake = asyncio.Event()
        self._draining = False

    @property
    def depth(self) -> int:
        """Requests that wait."""
        return len(self._waiting)

    @property
    def running(self) -> int:
        """Requests that are being computed."""
        return len(self._running) + len(self._paused)

    async def submit(self, ticket: Ticket) -> Computed:
        """Wait for `ticket`'s turn and its answer. Raises the :class:`Refusal` that it ended with."""
        if self._draining:
            raise NotReady("The server is shutting down; ask another one.", retry_after_s=5.0)
        if ticket.deadline_s is not None and self._clock() >= ticket.deadline_s:
            self._drop(ticket, "stale", self._too_old(ticket))
        else:
            self._replace_waiting(ticket)
            if len(self._waiting) >= self._settings.max_queue:
                self._drop(ticket, "overloaded", self._full())
            else:
                self._waiting.append(ticket)
                self._metrics.queue_depth.set(len(self._waiting))
                self._wake.set()
                if self._overtakes(ticket):
                    self._worker.pause()
        try:
            return await ticket.answer
        except asyncio.CancelledError:
            self._forget(ticket)
            raise

    async def run(self) -> None:
        """Serve until cancelled."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            if self._waiting and self._settings.batch_wait_ms and not self._draining:
                await asyncio.sleep(self._settings.batch_wait_ms / 1e3)
            while self._waiting:
                # What waits may still be replaced or grow stale: it is chosen when the worker can take it, not before.
                await self._worker.wait_ready()
                if batch := self._next_batch():
                    await self._serve(batch)

    async def drain(self) -> None:
        """Refuse what waits, let what runs finish (within `drain_s`), take nothing more."""
        self._draining = True
        for ticket in self._waiting:
            ticket.refuse(NotReady("The server is shutting down; ask another one.", retry_after_s=5.0))
        self._waiting.clear()
        unfinished = [ticket.answer for ticket in (*self._running, *self._paused) if not ticket.answer.done()]
        if unfinished:
            await asyncio.wait(unfinished, timeout=self._settings.drain_s)

    def give_back(self, reason: Refusal) -> None:
        """Refuse everything that waits with `reason`: it can be computed elsewhere."""
        waiting, self._waiting = self._waiting, []
        for ticket in waiting:
            ticket.refuse(reason)
        self._metrics.queue_depth.set(0)

    def _replace_waiting(self, ticket: Ticket) -> None:
        """The newest observation of a session is the only one worth an answer."""
        if not ticket.replaceable:
            return
        for other in [waiting for waiting in self._waiting if waiting.session == ticket.session]:
            if other.replaceable and other.group != ticket.group and other.call == ticket.call:
                self._waiting.remove(other)
                self._drop(
                    other, "superseded", Superseded("A newer observation of this session came before this one's turn.")
                )

    def _overtakes(self, ticket: Ticket) -> bool:
        """Whether `ticket` need not wait for the end of what is being computed."""
        long_calls = self._paused or self._running
        return bool(long_calls) and all(
            ticket.tell is None and running.tell is not None and ticket.priority < running.priority
            for running in long_calls
        )

    async def _serve_meanwhile(self, compute: Compute) -> None:
        """Serve what overtakes the call that has paused."""
        self._paused = self._running
        try:
            while urgent := [ticket for ticket in self._waiting if self._overtakes(ticket)]:
                if batch := self._next_batch(urgent):
                    await self._serve(batch, lambda call, requests, *_: compute(call, requests))
        finally:
            self._running, self._paused = self._paused, []

    def _next_batch(self, among: Sequence[Ticket] | None = None) -> list[Ticket]:
        """The most urgent ticket, and what can be computed with it without making any of them late.

        among: of those that wait; None: of all.
        """
        now = self._clock()
        self._waiting.sort(key=_urgency)
        chosen: list[Ticket] = []
        for ticket in [ticket for ticket in self._waiting if among is None or ticket in among]:
            if ticket.answer.done():
                self._waiting.remove(ticket)
                continue
            if self._late(ticket, now, 1):
                self._waiting.remove(ticket)
                self._drop(ticket, "stale", self._too_old(ticket))
                continue
            if not chosen:
                chosen.append(ticket)
                if ticket.tell is not None and not self._worker.follows_together(ticket.call):
                    break
            elif len(chosen) < self._settings.max_batch and _go_together(ticket, chosen[0]):
                larger = [*chosen, ticket]
                if not any(self._late(member, now, len(larger)) for member in larger):
                    chosen = larger
        for ticket in chosen:
            self._waiting.remove(ticket)
        self._metrics.queue_depth.set(len(self._waiting))
        return chosen

    async def _serve(self, batch: list[Ticket], compute: Callable[..., Awaitable[list[Any]]] | None = None) -> None:
        """Compute a batch and settle it. compute: None takes the worker's."""
        compute, started = compute or self._worker.compute, self._clock()
        self._running = batch
        call = batch[0].call
        try:
            requests = [ticket.request for ticket in batch]
            tell = None if batch[0].tell is None else partial(self._hear, batch, started)
            answers = await compute(call, requests, tell, self._serve_meanwhile)
        except Refusal as refusal:
            answers = [refusal] * len(batch)
        except asyncio.CancelledError:
            for ticket in batch:
                ticket.refuse(NotReady("The server is shutting down; ask another one.", retry_after_s=5.0))
            raise
        except Exception:
            logger.exception("a batch of %s failed outside the model", call)
            answers = [ModelFailed("The server failed on this request; its log says why.")] * len(batch)
        finally:
            self._running = []
        seconds = self._clock() - started
        if any(not isinstance(answer, Exception) for answer in answers):
            self._times.note(_kind(batch[0]), len(batch), seconds)
        self._metrics.batch_size.observe(len(batch))
        for ticket, answer in zip(batch, answers, strict=True):
            if not ticket.answer.done():
                self._settle(ticket, answer, started, seconds, len(batch))

    def _hear(self, batch: Sequence[Ticket], started: float, part: int, said: Any) -> None:
        """One request of a batch says something on its way, or is answered before the others."""
        if isinstance(said, Mapping):
            batch[part].tell(said)
        elif not batch[part].answer.done():
            self._settle(batch[part], said, started, self._clock() - started, len(batch))

    def _settle(self, ticket: Ticket, answer: Any, started: float, seconds: float, size: int) -> None:
        queued = max(0.0, started - ticket.arrived_s)
        self._metrics.queue_seconds.observe(queued)
        if ticket.deadline_s is not None and self._clock() > ticket.deadline_s:
            self._metrics.late.inc()
        if isinstance(answer, Exception):
            ticket.refuse(answer)
        elif not ticket.answer.done():
            ticket.answer.set_result(Computed(answer, 1e3 * queued, 1e3 * seconds, size))

    def _late(self, ticket: Ticket, now: float, size: int) -> bool:
        """Whether `ticket` would miss its deadline if it were computed now in a batch of `size`."""
        if ticket.deadline_s is None:
            return False
        return now + (self._times.expect(_kind(ticket), size) or 0.0) > ticket.deadline_s

    def _too_old(self, ticket: Ticket) -> Stale:
        age = 1e3 * (self._clock() - ticket.captured_s)
        expected = 1e3 * (self._times.expect(_kind(ticket), 1) or 0.0)
        budget = 1e3 * (ticket.deadline_s - ticket.captured_s)
        return Stale(
            f"The observation is {age:.0f} ms old, and computing takes about {expected:.0f} ms: no answer can come "
            f"within its deadline of {budget:.0f} ms. Send a newer one, or allow more time."
        )

    def _full(self) -> Overloaded:
        known = [self._times.expect(_kind(ticket), 1) or 1.0 for ticket in self._waiting]
        seconds = max(1.0, sum(known) / self._settings.max_batch)
        return Overloaded(
            f"The queue is full ({self._settings.max_queue} requests wait); ask again in about {seconds:.0f} s.",
            retry_after_s=seconds,
        )

    def _drop(self, ticket: Ticket, reason: str, refusal: Refusal) -> None:
        self._metrics.dropped.labels(reason).inc()
        ticket.refuse(refusal)

    def _forget(self, ticket: Ticket) -> None:
        """Whoever asked has gone: a waiting ticket is not computed, and a long call that runs is stopped."""
        if ticket in self._waiting:
            self._waiting.remove(ticket)
            self._metrics.dropped.labels("disconnected").inc()
            self._metrics.queue_depth.set(len(self._waiting))
        elif ticket.tell is not None:
            for batch in (self._running, self._paused):
                if ticket in batch:
                    self._worker.cancel(batch.index(ticket))


def _kind(ticket: Ticket) -> tuple[Any, Any]:
    return ticket.call, ticket.shape


def _go_together(ticket: Ticket, first: Ticket) -> bool:
    """Whether a batch that `first` begins may hold `ticket`."""
    if first.tell is not None:
        return ticket.tell is not None and ticket.call == first.call
    return ticket.tell is None and _kind(ticket) == _kind(first)


def _urgency(ticket: Ticket) -> tuple[int, float]:
    return ticket.priority, ticket.deadline_s if ticket.deadline_s is not None else ticket.arrived_s + PATIENCE_S
