"""What stands behind a service: who computes, who decides the order, and who remembers.

One machine's are made here; a cluster's in ``cosmos_policy.cluster``. Dialects see neither.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from cosmos_policy.server.metrics import Metrics
from cosmos_policy.server.scheduling import Computed, Scheduler, Ticket
from cosmos_policy.server.sessions import Sessions
from cosmos_policy.server.settings import ServerSettings
from cosmos_policy.server.worker.supervisor import Supervisor


class Computing(Protocol):
    """What owns the model. facts: what it told of it when it was last ready; None before. state: one word. restarts:
    times it was started anew. start_failed: holds an exception where there is nothing to serve."""

    facts: Mapping[str, Any] | None
    state: str
    restarts: int
    start_failed: asyncio.Future[None]

    def start(self) -> None:
        """Begin loading; returns at once."""

    async def stop(self) -> None:
        """End it."""

    def details(self) -> Mapping[str, Any]:
        """More for ``/state``, plain JSON."""


class Queue(Protocol):
    """What decides when a ticket is computed. depth: tickets that wait. running: tickets that are being computed."""

    depth: int
    running: int

    async def submit(self, ticket: Ticket) -> Computed:
        """Wait for the ticket's turn and its answer. Raises the refusal that it ended with."""

    async def run(self) -> None:
        """Serve until cancelled."""

    async def drain(self) -> None:
        """Refuse what waits, let what runs finish, take nothing more."""


@dataclass(frozen=True)
class Backend:
    """The three parts of a service that are another thing on one machine than in a cluster."""

    worker: Computing
    scheduler: Queue
    sessions: Sessions


MakeBackend = Callable[[ServerSettings, Metrics], Backend]


def one_machine(settings: ServerSettings, metrics: Metrics) -> Backend:
    """One worker process, one queue in front of it, sessions in memory."""
    worker = Supervisor(settings, metrics)
    sessions = Sessions(settings.seed, settings.limits.sessions, settings.limits.session_idle_s)
    return Backend(worker, Scheduler(worker, settings.scheduling, metrics), sessions)


def identity_of(facts: Mapping[str, Any]) -> dict[str, Any]:
    """The part of a worker's facts that every answer carries: what computed it. Plain JSON."""
    model, robot = facts["model"], facts["embodiment"]
    return {
        "engine": model["engine"],
        "checkpoint": model["checkpoint"],
        "revision": model["revision"],
        "normalizer": robot["normalizer"],
        "statistics_sha256": robot["statistics_sha256"],
        "contract_sha256": facts["contract_sha256"],
    }
