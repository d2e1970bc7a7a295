"""What travels between an ingress and a replica."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any

from cosmos_policy.server.errors import Refusal


@dataclass(frozen=True)
class Errand:
    """One request on its way to a replica, complete: nothing that a replica remembers is needed to answer it.

    call, request, shape, session, group, priority, replaceable: as in :class:`~cosmos_policy.server.scheduling.Ticket`.
    age_s: how old the observation is as this leaves. deadline_in_s: seconds from now within which the answer must have
    left the replica; None: no deadline. Both are times and no instants: machines' clocks differ.
    affinity: which replica is preferred: one that has read this prompt before; empty: any. stay: send it to where this
    session's last request went, which has not been answered yet. avoid: replicas that failed this request.
    """

    call: str
    request: Any
    shape: Hashable
    session: Hashable
    group: Hashable
    priority: int
    replaceable: bool
    age_s: float = 0.0
    deadline_in_s: float | None = None
    affinity: str = ""
    stay: bool = False
    avoid: tuple[str, ...] = ()


@dataclass(frozen=True)
class Outcome:
    """How a replica settled an errand. answer: the typed answer, or None with a `refusal`. lost: the refusal is about
    the replica and not the request: another one can answer. suspect: it was being computed when the replica's worker
    ended, and may be why. identity: what computed it (plain JSON)."""

    replica: str
    answer: Any = None
    refusal: Refusal | None = None
    lost: bool = False
    suspect: bool = False
    queue_ms: float = 0.0
    compute_ms: float = 0.0
    batch_size: int = 0
    identity: Mapping[str, Any] | None = None
