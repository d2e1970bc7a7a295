"""One request on its way through the queue."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any

#: Who is served first: a robot waits for its next actions, a person for an answer, a job for nobody.
ROBOT, PERSON, JOB = 0, 1, 2


@dataclass(frozen=True)
class Computed:
    """An answer and what it took: waiting, and the whole batch of that size in the worker. identity: what computed it,
    where that is not the server's only worker."""

    answer: Any
    queue_ms: float
    compute_ms: float
    batch_size: int
    identity: Mapping[str, Any] | None = None


@dataclass(eq=False)
class Ticket:
    """call: the call's name. request: typed, complete. shape: requests of equal call and shape may be batched.

    session: who asks; a newer ticket of the same session takes the place of a waiting one, unless both came in one
    message (`group`). captured_s: when the observation was captured, on the server's monotonic clock. deadline_s: when
    an answer is of no more use, or None. priority: :data:`ROBOT` before :data:`PERSON`, :data:`JOB` last. tell: for a
    call that follows: takes what it says on its way, on the event loop; such a ticket is computed alone, or with
    others of its call where the model can, and stopped when its client goes.
    """

    call: str
    request: Any
    shape: Hashable
    session: Hashable
    group: Hashable
    arrived_s: float
    captured_s: float
    deadline_s: float | None = None
    priority: int = ROBOT
    replaceable: bool = True
    tell: Callable[[Mapping[str, Any]], None] | None = None
    answer: asyncio.Future[Computed] = field(default_factory=lambda: asyncio.get_running_loop().create_future())

    def refuse(self, reason: Exception) -> None:
        """End without an answer; harmless where it has ended already."""
        if not self.answer.done():
            self.answer.set_exception(reason)
            # Whoever asked may have gone: an exception that nobody reads is not an incident.
            self.answer.exception()
