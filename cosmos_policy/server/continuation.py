"""How a request goes on from what its session's robot is doing: rows that were executed, rows that are settled."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from cosmos_policy.server.errors import Invalid
from cosmos_policy.server.sessions import Session
from cosmos_policy.types import PolicyRequest

#: Of a row: stamps and rates are floats.
ROUNDING = 1e-6


@dataclass(frozen=True)
class Continuation:
    """What a client asks of its session.

    executed_steps: rows of the session's last chunk that were executed when the observation was captured. None: they
        follow from the two observations' stamps, as row i of a chunk is due ``i * dt`` after its observation.
    prefix_steps: rows after those that will be executed whatever comes out, while this request is computed: they become
        the request's `prefix`. prefix_ms: the same as a time from the observation on.
    history_steps: so many executed rows, the newest, become the request's `history`; fewer where fewer were executed.
    """

    executed_steps: int | None = None
    prefix_steps: int = 0
    prefix_ms: float | None = None
    history_steps: int = 0


@dataclass(frozen=True)
class Past:
    """executed: [n, D] of the episode, unified SI units, oldest first; None before the first answer. prefix, history:
    for the request, or None."""

    executed: np.ndarray | None
    prefix: np.ndarray | None
    history: np.ndarray | None


def past_of(session: Session, request: PolicyRequest, asked: Continuation) -> Past:
    """What `asked` means for `request`. Raises :class:`Invalid` in one sentence where the session cannot give it."""
    wants_prefix = asked.prefix_steps > 0 or asked.prefix_ms is not None
    for name, given, wanted in (
        ("prefix", request.prefix, wants_prefix),
        ("history", request.history, asked.history_steps > 0),
    ):
        if given is not None and wanted:
            raise Invalid(f"{name} and {name}_steps were both given; expected one of them.")
    chunk = session.chunk
    if chunk is None:
        if wants_prefix or asked.executed_steps:
            raise Invalid("This session was not answered before: it has no chunk to continue.")
        return Past(None, None, None)
    total = len(chunk.unified)
    done = asked.executed_steps if asked.executed_steps is not None else _executed(session, request, wants_prefix)
    ahead = asked.prefix_steps
    if asked.prefix_ms is not None:
        ahead = math.ceil(asked.prefix_ms / (1e3 * chunk.dt) - ROUNDING)
    if done + ahead > total:
        raise Invalid(f"The session's last chunk has {total} steps; {done + ahead} were named.")
    executed = np.concatenate([session.executed, chunk.unified[:done]])
    history = executed[-asked.history_steps :] if asked.history_steps else executed[:0]
    return Past(
        executed,
        chunk.unified[done : done + ahead] if ahead else None,
        history if len(history) else None,
    )


def _executed(session: Session, request: PolicyRequest, wants_prefix: bool) -> int:
    """Rows of the last chunk that were due before the observation was captured."""
    chunk = session.chunk
    passed_s = request.observation.stamp - chunk.stamp
    if not math.isfinite(passed_s) or passed_s <= 0:
        raise Invalid(
            f"The observation was captured {passed_s:g} s after the one of the session's last chunk, by their stamps; "
            "expected more: send the capture time as `stamp`, or say executed_steps."
        )
    steps = round(passed_s / chunk.dt)
    if steps > len(chunk.unified) and wants_prefix:
        raise Invalid(
            f"The session's last chunk ended {passed_s - len(chunk.unified) * chunk.dt:.3g} s before this observation: "
            "there is nothing left of it to continue."
        )
    return min(steps, len(chunk.unified))
