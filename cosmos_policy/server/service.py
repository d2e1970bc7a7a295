"""What dialects call: one typed request in, its answer out, with everything a robot must know about it.

Calls that take long say how they get on (``Call.follows``: the reasoner's tokens, the generator's steps):

    service.require_call("reason")                                  # 501 `not_loaded` where the model lacks it
    async for item in service.follow("reason", request, caller):    # plain maps, as the model tells them; the last item
        ...                                                         # is the typed answer
    answer = await service.call("generate", request, caller, priority=JOB, tell=job.note)   # or with a callback

Closing the iterator, or cancelling the task that waits, stops the model at its next step. The model's side is a method
``follow_<call>(request, tell) -> answer``, which calls ``tell(map)`` as often as it has something to say (``tell({})``
to let itself be stopped in between) and lets the exception that `tell` may raise (``cosmos_policy.errors.Cancelled``)
pass. The call stands in ``wire/messages.py``: its request and answer types, and a reader for each of the request's
fields. The answer has `timing` (milliseconds) and `info`, as an action chunk has.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

import embodiments
from cosmos_policy.server.backend import MakeBackend, identity_of, one_machine
from cosmos_policy.server.continuation import Continuation, past_of
from cosmos_policy.server.errors import Invalid, NotLoaded, NotReady, Refusal
from cosmos_policy.server.logs import request_id
from cosmos_policy.server.metrics import Metrics
from cosmos_policy.server.scheduling import Computed, Ticket
from cosmos_policy.server.scheduling.ticket import PERSON, ROBOT
from cosmos_policy.server.sessions import Session, Sessions
from cosmos_policy.server.settings import ServerSettings
from cosmos_policy.types import (
    ActionChunk,
    ForwardDynamicsRequest,
    InverseDynamicsRequest,
    Observation,
    PolicyRequest,
)
from cosmos_policy.wire.contract import required_state
from cosmos_policy.wire.messages import CALLS

logger = logging.getLogger(__name__)
_groups = itertools.count()
#: An answer leaves first, then it is counted and its line is written.
ACCOUNT_LATER_S = 0.01
Tell = Callable[[Mapping[str, Any]], None]


def new_group() -> int:
    """A mark for requests that came in one message: none of them replaces another."""
    return next(_groups)


@dataclass(frozen=True)
class Caller:
    """Who asks. owner: the API key's name or the connection. dialect: the wire. session_id: empty for the owner's only
    session; None where every request stands alone."""

    owner: str
    dialect: str
    session_id: str | None = None


@dataclass(frozen=True)
class Timeliness:
    """age_ms: how old the observation was when it was sent. deadline_ms: milliseconds from capture within which an
    answer is of use; None takes the server's setting."""

    age_ms: float = 0.0
    deadline_ms: float | None = None


class Service:
    """The middle of the server. Lives on the event loop and does nothing long there."""

    def __init__(self, settings: ServerSettings, make_backend: MakeBackend = one_machine):
        self.settings = settings
        self.metrics = Metrics()
        self.embodiment = embodiments.get(settings.embodiment)
        backend = make_backend(settings, self.metrics)
        self.worker, self.scheduler, self.sessions = backend.worker, backend.scheduler, backend.sessions
        self.connections = 0
        """Open WebSocket connections."""
        self._closers: list[Callable[[], Awaitable[None]]] = []
        self._state_fields = {field.name: field for field in required_state(self.embodiment)}

    @property
    def facts(self) -> Mapping[str, Any]:
        """What the worker told of its model; raises :class:`NotReady` before it was ready once."""
        if self.worker.facts is None:
            raise NotReady("The model is being loaded; ask again soon.", retry_after_s=5.0)
        return self.worker.facts

    def require_call(self, name: str) -> None:
        """Raise :class:`NotLoaded` unless the loaded model answers the call `name`."""
        calls = self.facts["calls"]
        if name not in calls:
            raise NotLoaded(
                f"This server's model answers {', '.join(calls)}, and not {name}: send it to a server whose checkpoint "
                "can (GET /info lists the calls)."
            )

    def at_close(self, closer: Callable[[], Awaitable[None]]) -> None:
        """`closer` is awaited when the server ends: a dialect that keeps something gives it back there."""
        self._closers.append(closer)

    def count_connection(self, change: int) -> None:
        """A WebSocket connection came (+1) or went (-1)."""
        self.connections += change
        self.metrics.connections.set(self.connections)

    async def close(self) -> None:
        """Finish or refuse what runs, then end the worker."""
        await self.scheduler.drain()
        for closer in self._closers:
            await closer()
        await self.worker.stop()

    async def call(
        self,
        name: str,
        request: Any,
        caller: Caller,
        timeliness: Timeliness = Timeliness(),
        *,
        continuation: Continuation | None = None,
        group: Hashable = None,
        priority: int | None = None,
        notes: tuple[str, ...] = (),
        tell: Tell | None = None,
    ) -> Any:
        """The answer to a typed request (`seed` and `instruction` may be None). Raises a :class:`Refusal`.

        priority: None: a robot's for actions, a person's for a call that follows. tell: called with what such a call
        says on its way.
        """
        if priority is None:
            priority = PERSON if CALLS[name].follows else ROBOT
        started = time.monotonic()
        outcome, answer, session = "ok", None, None
        try:
            session = await self._session(caller)
            request, executed = self._complete(name, request, session, continuation)
            ticket = self._ticket(name, request, session, caller, timeliness, started, group, priority, tell)
            computed = await self.scheduler.submit(ticket)
            answer = self._signed(computed, ticket, started, notes)
            if name == "policy":
                session.answered(answer, executed)
            return answer
        except Refusal as refusal:
            outcome = refusal.code
            raise
        except BaseException:
            outcome = "abandoned"
            raise
        finally:
            if session is not None and caller.session_id is not None:
                await self.sessions.keep(session)
            seconds, stages = time.monotonic() - started, {} if answer is None else answer.timing
            asyncio.get_running_loop().call_later(
                ACCOUNT_LATER_S, self._account, name, caller.dialect, outcome, seconds, stages
            )

    async def follow(self, name: str, request: Any, caller: Caller, **options: Any) -> AsyncIterator[Any]:
        """What the call says on its way (maps), then its answer. `options` are those of :meth:`call`."""
        heard: asyncio.Queue[Any] = asyncio.Queue()
        computing = asyncio.ensure_future(self.call(name, request, caller, tell=heard.put_nowait, **options))
        computing.add_done_callback(heard.put_nowait)
        try:
            while (item := await heard.get()) is not computing:
                yield item
            yield computing.result()
        finally:
            computing.cancel()
            computing.add_done_callback(_looked_at)

    def _account(self, call: str, dialect: str, outcome: str, seconds: float, stages: Mapping[str, float]) -> None:
        """Count and log one request."""
        metrics = self.metrics
        metrics.requests.labels(call, dialect, outcome).inc()
        metrics.request_seconds.labels(call, dialect).observe(seconds)
        for stage, milliseconds in stages.items():
            metrics.stage_seconds.labels(call, stage).observe(milliseconds / 1e3)
        metrics.sessions.set(len(self.sessions))
        told = {"call": call, "dialect": dialect, "outcome": outcome, "ms": round(1e3 * seconds, 2)}
        logger.info("%s %s", call, outcome, extra=told)

    async def _session(self, caller: Caller) -> Session:
        if caller.session_id is None:  # every request stands alone, and begins where a new session would
            return Sessions(self.settings.seed, 2, 1.0).get(caller.owner, "")
        return await self.sessions.open(caller.owner, caller.session_id)

    def _complete(
        self, name: str, request: Any, session: Session, continuation: Continuation | None
    ) -> tuple[Any, np.ndarray | None]:
        """Check against the contract, and fill in what belongs to the session.

        Returns the request, and the rows that were executed before it (None: nobody told).
        """
        self.require_call(name)
        changes: dict[str, Any] = {}
        executed = None
        if continuation is not None and not isinstance(request, PolicyRequest):
            raise Invalid("Only policy goes on from the session's last chunk; leave prefix and executed steps out.")
        if hasattr(request, "embodiment"):
            self._check_embodiment(request.embodiment)
            changes["embodiment"] = self.embodiment.name
        if isinstance(request, PolicyRequest):
            self._check_observation(request.observation)
            instruction = request.instruction if request.instruction is not None else session.instruction
            if instruction is None:
                raise Invalid("The instruction is missing: this session has been given none yet.")
            changes["instruction"] = session.instruction = instruction
            if continuation is not None:
                past = past_of(session, request, continuation)
                executed = past.executed
                changes |= {"prefix": past.prefix} if past.prefix is not None else {}
                changes |= {"history": past.history} if past.history is not None else {}
        if getattr(request, "seed", 0) is None:
            changes["seed"] = session.next_seed()
        session.requests += 1
        return replace(request, **changes), executed

    def _check_embodiment(self, name: str | None) -> None:
        ours = self.embodiment
        if name is not None and name not in (ours.name, ours.domain_name, *ours.aliases):
            raise Invalid(
                f"This server serves the embodiment {ours.name!r}, not {name[:60]!r}; GET /info says what it expects."
            )

    def _check_observation(self, observation: Observation) -> None:
        views = self.embodiment.views
        if set(observation.images) != set(views):
            raise Invalid(
                f"The observation has the views {', '.join(map(str, observation.images)) or 'none'}; "
                f"{self.embodiment.name} needs exactly {', '.join(views)}."
            )
        largest = self.settings.limits.image_pixels
        for view, image in observation.images.items():
            if image.shape[0] * image.shape[1] > largest:
                raise Invalid(
                    f"View {view!r} is {image.shape[1]}x{image.shape[0]}; at most {largest} pixels are taken."
                )
        if observation.state is None:
            return
        for name, field in self._state_fields.items():
            if name not in observation.state:
                there = ", ".join(observation.state) or "nothing"
                raise Invalid(f"The state lacks {name!r} ({field.meaning}, {field.unit}); it holds {there}.")
            shape = np.shape(observation.state[name])
            if shape != field.shape and not (shape == () and field.shape == (1,)):
                raise Invalid(
                    f"The state's {name!r} has shape {list(shape)}; expected {list(field.shape)} ({field.unit})."
                )

    def _ticket(
        self,
        name: str,
        request: Any,
        session: Session,
        caller: Caller,
        timeliness: Timeliness,
        now: float,
        group: Hashable,
        priority: int,
        tell: Tell | None,
    ) -> Ticket:
        captured = now - max(0.0, timeliness.age_ms) / 1e3
        budget = timeliness.deadline_ms
        if budget is None and priority == ROBOT:
            budget = self.settings.scheduling.deadline_ms
        return Ticket(
            call=name,
            request=request,
            shape=_shape(request),
            session=session.key,
            group=new_group() if group is None else group,
            arrived_s=now,
            captured_s=captured,
            deadline_s=None if budget is None else captured + budget / 1e3,
            priority=priority,
            tell=(tell or _unheard) if CALLS[name].follows else None,
            replaceable=caller.session_id is not None and name == "policy",
        )

    def _signed(self, computed: Computed, ticket: Ticket, started: float, notes: tuple[str, ...]) -> Any:
        """The answer with what a receiver must know: ages, times, and what computed it."""
        answer, now = computed.answer, time.monotonic()
        age_ms = 1e3 * (now - ticket.captured_s)
        serving = {
            "request_id": request_id.get(),
            "age_ms": round(age_ms, 3),
            "queue_ms": round(computed.queue_ms, 3),
            "compute_ms": round(computed.compute_ms, 3),
            "batch_size": computed.batch_size,
            **(computed.identity or identity_of(self.facts)),
            "notes": list(notes),
        }
        if isinstance(answer, ActionChunk):
            serving["valid_for_ms"] = round(1e3 * len(answer.model) * answer.dt - age_ms, 3)
        timing = {**answer.timing, "queue": computed.queue_ms, "server": 1e3 * (now - started)}
        return replace(answer, timing=timing, info={**answer.info, "serving": serving})


def _looked_at(computing: asyncio.Future) -> None:
    """An answer that nobody waits for any more is no incident, whatever became of it."""
    if not computing.cancelled():
        computing.exception()


def _unheard(event: Mapping[str, Any]) -> None:
    """Nobody wants to hear of the progress."""


def _shape(request: Any) -> Hashable:
    """What must be equal for two requests to be worth computing together."""
    pictures: Hashable
    if isinstance(request, PolicyRequest):
        pictures = tuple((view, image.shape) for view, image in sorted(request.observation.images.items()))
        rows = tuple(None if part is None else np.shape(part) for part in (request.prefix, request.history))
        return request.chunk_size, request.sampling, request.video, rows, pictures
    if not isinstance(request, (InverseDynamicsRequest, ForwardDynamicsRequest)):
        return ()  # a call that follows: always alone
    arrays = [request.frames] if isinstance(request, InverseDynamicsRequest) else [request.frame, request.actions]
    return request.sampling, tuple(np.shape(array) for array in arrays)
