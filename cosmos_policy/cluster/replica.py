"""A replica: one model in a worker process of its own, and the queue in front of it."""

from __future__ import annotations

import asyncio
import os
import time
from collections import OrderedDict, deque
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import replace
from typing import Any

from cosmos_policy.cluster.errand import Errand, Outcome
from cosmos_policy.cluster.router import READ_PROMPTS
from cosmos_policy.cluster.scaling import MISSES, MISSES_KEPT_S, REQUESTS
from cosmos_policy.errors import Failure, UsageError
from cosmos_policy.server.backend import identity_of
from cosmos_policy.server.errors import NotReady, Refusal, Stale, WorkerLost
from cosmos_policy.server.memory import keep_freed_memory
from cosmos_policy.server.metrics import Metrics
from cosmos_policy.server.scheduling import Computed, Scheduler, Ticket
from cosmos_policy.server.settings import ServerSettings
from cosmos_policy.server.worker.supervisor import Supervisor
from cosmos_policy.wire.contract import require_agreement

#: Prompts that a replica tells it has read. Their memories are kept by size (engine/text_cache.py); of the prompts that
#: robots are given, so many fit.
PROMPTS_TOLD = 128
#: The queue's own limit is the ingress's business: it refuses before it sends.
UNLIMITED = 1_000_000
#: Of niceness: a model on the processor takes all of it, and a refusal has to leave in time.
YIELDING = 10
#: Around the sentence that says why a replica cannot start: Serve hands on a whole traceback.
MARK = "::cosmos-policy::"


class _GivenBack(WorkerLost):
    """It only waited here: nothing of it was computed."""


class ModelReplica:
    """A deployment's class for Ray Serve. `settings`: with this deployment's model; of the port nothing is used."""

    async def __init__(self, name: str, settings: ServerSettings, robot: Mapping[str, Any] | None, yielding: bool):
        """robot: the embodiment, as ``/info`` shows it, that this one has to agree with; None: the first one here.
        yielding: to processes that talk with clients, where the model computes on their processors."""
        keep_freed_memory()
        if yielding:
            os.nice(YIELDING)
        self._name, self._replica = name, _own_name()
        metrics = Metrics()
        scheduling = replace(settings.scheduling, max_queue=UNLIMITED, deadline_ms=None)
        settings = replace(settings, scheduling=scheduling)
        self._worker = Supervisor(settings, metrics)
        self._scheduler = Scheduler(self._worker, scheduling, metrics)
        self._prompts: OrderedDict[str, None] = OrderedDict()
        self._missed: deque[float] = deque()
        self._worker.start()
        ready = asyncio.ensure_future(self._worker.wait_ready())
        await asyncio.wait((ready, self._worker.start_failed), return_when=asyncio.FIRST_COMPLETED)
        try:
            if not ready.done():
                ready.cancel()
                self._worker.start_failed.result()  # raises why
            if robot is not None:
                _require_same_robot(robot, self._worker.facts["embodiment"])
        except (Failure, UsageError) as error:
            await self._worker.stop()
            raise RuntimeError(f"{MARK}{error}{MARK}") from None
        self._serving = asyncio.create_task(self._scheduler.run())

    async def facts(self) -> dict[str, Any]:
        """What the worker told of its model, as ``/info`` shows it."""
        return self._worker.facts

    async def compute(self, errand: Errand) -> Outcome:
        """Answer one errand, or say why not; raises nothing."""
        return await self._settle(errand, None)

    async def follow(self, errand: Errand) -> AsyncIterator[Mapping[str, Any] | Outcome]:
        """What a long call says on its way (maps), then its outcome. Closing the iterator stops the call."""
        heard: asyncio.Queue[Any] = asyncio.Queue()
        settling = asyncio.ensure_future(self._settle(errand, heard.put_nowait))
        settling.add_done_callback(heard.put_nowait)
        try:
            while (item := await heard.get()) is not settling:
                yield item
            yield settling.result()
        finally:
            settling.cancel()

    def record_routing_stats(self) -> dict[str, Any]:
        """For Serve's routers."""
        return {READ_PROMPTS: list(self._prompts)}

    def record_autoscaling_stats(self) -> dict[str, float]:
        """For Serve's autoscaler."""
        while self._missed and time.monotonic() - self._missed[0] > MISSES_KEPT_S:
            self._missed.popleft()
        return {REQUESTS: float(self._scheduler.depth + self._scheduler.running), MISSES: float(len(self._missed))}

    async def check_health(self) -> None:
        """Raise where this replica will not compute again. While its worker restarts, others take its errands."""
        if self._worker.state == "failed":
            raise RuntimeError("the worker could not be started")

    async def __del__(self) -> None:
        """Serve calls this when everything that was sent here is answered."""
        if not hasattr(self, "_serving"):
            return
        await self._scheduler.drain()
        self._serving.cancel()
        await self._worker.stop()

    async def _settle(self, errand: Errand, tell: Callable[[Mapping[str, Any]], None] | None) -> Outcome:
        arrived = time.monotonic()
        until = None if errand.deadline_in_s is None else arrived + errand.deadline_in_s
        ticket = Ticket(
            call=errand.call,
            request=errand.request,
            shape=errand.shape,
            session=errand.session,
            group=errand.group,
            arrived_s=arrived,
            captured_s=arrived - errand.age_s,
            deadline_s=until,
            priority=errand.priority,
            replaceable=errand.replaceable,
            tell=tell,
        )
        try:
            if self._worker.state != "ready":
                raise _GivenBack("The replica's worker is restarting.", retry_after_s=1.0)
            computed = await self._scheduler.submit(ticket)
        except asyncio.CancelledError:
            self._count_miss(until)
            raise
        except (WorkerLost, NotReady) as lost:
            # What waited behind it needs not wait for a new worker: other replicas are there.
            self._prompts.clear()
            self._scheduler.give_back(_GivenBack("The replica's worker ended.", retry_after_s=1.0))
            suspect = isinstance(lost, WorkerLost) and not isinstance(lost, _GivenBack)
            return Outcome(self._replica, refusal=WorkerLost(str(lost)), lost=True, suspect=suspect)
        except Refusal as refusal:
            if isinstance(refusal, Stale):
                self._missed.append(time.monotonic())
            return Outcome(self._replica, refusal=refusal)
        self._count_miss(until)
        self._note_prompt(errand.affinity)
        return self._answered(computed)

    def _answered(self, computed: Computed) -> Outcome:
        identity = {**identity_of(self._worker.facts), "deployment": self._name, "replica": self._replica}
        return Outcome(
            self._replica,
            answer=computed.answer,
            queue_ms=computed.queue_ms,
            compute_ms=computed.compute_ms,
            batch_size=computed.batch_size,
            identity=identity,
        )

    def _count_miss(self, until: float | None) -> None:
        now = time.monotonic()
        if until is not None and now > until:
            self._missed.append(now)

    def _note_prompt(self, affinity: str) -> None:
        if affinity:
            self._prompts[affinity] = None
            self._prompts.move_to_end(affinity)
            while len(self._prompts) > PROMPTS_TOLD:
                self._prompts.popitem(last=False)


def _require_same_robot(running: Mapping[str, Any], new: Mapping[str, Any]) -> None:
    """A robot that is connected goes by the contract that it was given."""
    require_agreement(running, new, "The new checkpoint")
    if running["chunk_size"] != new["chunk_size"]:
        raise UsageError(
            f"The new checkpoint answers with chunks of {new['chunk_size']} actions and the running one with "
            f"{running['chunk_size']}: robots that are connected count on that; start another server for it."
        )


def _own_name() -> str:
    from ray import serve

    return serve.get_replica_context().replica_id.unique_id
