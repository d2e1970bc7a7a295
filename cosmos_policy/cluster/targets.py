"""Deployments as an ingress sees them: calls through Serve's handles, and what their models say of themselves."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

import ray
from ray import serve
from ray.serve.exceptions import DeploymentUnavailableError, ReplicaUnavailableError

from cosmos_policy.cluster.dispatch import ReplicaGone
from cosmos_policy.cluster.errand import Errand, Outcome
from cosmos_policy.cluster.names import MODEL, app_name
from cosmos_policy.cluster.settings import Deployment
from cosmos_policy.server.errors import ModelFailed
from cosmos_policy.server.metrics import Metrics
from cosmos_policy.wire.messages import CALLS

logger = logging.getLogger(__name__)
#: What Ray raises when an actor, its node or its answer is gone.
GONE = (
    ray.exceptions.RayActorError,
    ray.exceptions.ObjectLostError,
    ray.exceptions.WorkerCrashedError,
    ray.exceptions.NodeDiedError,
    ray.exceptions.TaskCancelledError,
    ReplicaUnavailableError,
    DeploymentUnavailableError,
)
ASK_AGAIN_S = 1.0


class ServeTarget:
    """One deployment. calls: what is sent to it; empty until its model has told."""

    def __init__(self, deployment: Deployment):
        self.name = deployment.name
        self.chosen = deployment.calls
        self.calls: Sequence[str] = ()
        self.facts: Mapping[str, Any] | None = None
        handle = serve.get_deployment_handle(MODEL, app_name=app_name(deployment.name))
        self._compute, self._facts = handle.compute, handle.facts
        self._follow = handle.follow.options(stream=True)

    async def learn(self) -> None:
        """Ask a replica what it is; waits until there is one."""
        self.facts = await self._facts.remote()
        self.calls = [call for call in self.facts["calls"] if not self.chosen or call in self.chosen]

    async def compute(self, errand: Errand) -> Outcome:
        """One replica's outcome. Raises :class:`ReplicaGone`."""
        response = self._compute.remote(errand)
        try:
            return await response
        except asyncio.CancelledError:
            response.cancel()
            raise
        except GONE as error:
            raise ReplicaGone(str(error)[:200]) from None
        except ray.exceptions.RayTaskError:
            logger.exception("a replica of %s failed outside its model", self.name)
            raise ModelFailed("The server failed on this request; its log says why.") from None

    async def follow(self, errand: Errand) -> AsyncIterator[Mapping[str, Any] | Outcome]:
        """What a long call says on its way, then its outcome. Closing the iterator stops the call."""
        responses = self._follow.remote(errand)
        finished = False
        try:
            async for item in responses:
                finished = isinstance(item, Outcome)
                yield item
        except GONE as error:
            finished = True
            raise ReplicaGone(str(error)[:200]) from None
        except ray.exceptions.RayTaskError:
            finished = True
            logger.exception("a replica of %s failed outside its model", self.name)
            raise ModelFailed("The server failed on this request; its log says why.") from None
        finally:
            if not finished:
                responses.cancel()


class Directory:
    """All deployments' facts as one, kept up to date: what one machine's worker tells of itself."""

    restarts = 0
    """Replicas come and go under Serve's care; it counts them."""

    def __init__(self, targets: Sequence[ServeTarget], metrics: Metrics):
        self._targets, self._metrics = targets, metrics
        self._learning: dict[str, asyncio.Task] = {}
        self.facts: dict[str, Any] | None = None
        self.start_failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @property
    def state(self) -> str:
        """ready when every deployment has told what it is."""
        return "starting" if self.facts is None else "ready"

    def start(self) -> None:
        """Begin asking; returns at once."""
        for target in self._targets:
            self._learn(target)

    async def stop(self) -> None:
        """Ask no more. The replicas are Serve's, and outlive an ingress."""
        for learning in self._learning.values():
            learning.cancel()
        await asyncio.gather(*self._learning.values(), return_exceptions=True)

    def details(self) -> Mapping[str, Any]:
        """For ``/state``."""
        return {"deployments": {} if self.facts is None else self.facts["deployments"]}

    def notice(self, identity: Mapping[str, Any]) -> None:
        """An answer came from what `identity` says: where that is news, a rolling update is on its way."""
        for target in self._targets:
            if target.name == identity["deployment"] and target.facts is not None:
                known = target.facts
                now = (identity["checkpoint"], identity["revision"], identity["contract_sha256"])
                if now != (known["model"]["checkpoint"], known["model"]["revision"], known["contract_sha256"]):
                    self._learn(target)

    def _learn(self, target: ServeTarget) -> None:
        running = self._learning.get(target.name)
        if running is None or running.done():
            self._learning[target.name] = asyncio.ensure_future(self._ask(target))

    async def _ask(self, target: ServeTarget) -> None:
        while True:
            try:
                await target.learn()
                break
            except GONE:
                await asyncio.sleep(ASK_AGAIN_S)
        if all(each.facts is not None for each in self._targets):
            self.facts = together(self._targets)
            self._metrics.worker_ready.set(1)


def together(targets: Sequence[ServeTarget]) -> dict[str, Any]:
    """The facts of the deployment that robots ask first, with the calls of all and what each deployment is."""
    lead = next((target for target in targets if "policy" in target.calls), targets[0])
    return {
        **lead.facts,
        "calls": [call for call in CALLS if any(call in target.calls for target in targets)],
        "deployments": {
            target.name: {
                "calls": list(target.calls),
                "checkpoint": target.facts["model"]["checkpoint"],
                "revision": target.facts["model"]["revision"],
                "contract_sha256": target.facts["contract_sha256"],
            }
            for target in targets
        },
    }
