"""Ray Serve's request router with our ranking: a replica that has read the prompt is preferred."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from typing import Any

from ray.serve.request_router import PendingRequest, ReplicaID, RequestRouter, RunningReplica

from cosmos_policy.cluster.errand import Errand
from cosmos_policy.cluster.ranking import SLACK, rank

#: Prompts and sessions that are remembered in an ingress; the replicas themselves tell of theirs as well.
REMEMBERED = 4096
#: The key in a replica's routing statistics under which the prompts stand that it has read.
READ_PROMPTS = "read_prompts"


class PromptAffinityRouter(RequestRouter):
    """Knows where prompts were read: by what the replicas report, and at once by where it sent a prompt itself."""

    def initialize_state(self, slack: int = SLACK) -> None:
        """slack: see :func:`~cosmos_policy.cluster.ranking.rank`."""
        self._slack = slack
        self._sent: OrderedDict[str, set[str]] = OrderedDict()
        self._latest: OrderedDict[Hashable, str] = OrderedDict()

    async def choose_replicas(
        self, candidate_replicas: list[RunningReplica], pending_request: PendingRequest | None = None
    ) -> list[list[RunningReplica]]:
        """One replica a rank, the best first."""
        if pending_request is None:
            return [candidate_replicas]
        pending_request.routing_context.should_backoff = True  # once through all ranks, then wait before the next round
        errand = _errand(pending_request)
        if errand is None:
            return [candidate_replicas]
        by_name = {replica.replica_id.unique_id: replica for replica in candidate_replicas}
        loads = {name: self.replica_queue_len_cache.get(replica.replica_id) or 0 for name, replica in by_name.items()}
        holders = {
            name
            for name, replica in by_name.items()
            if name in self._sent.get(errand.affinity, ())
            or errand.affinity in replica.routing_stats.get(READ_PROMPTS, ())
        }
        names = rank(loads, errand, holders, self._latest.get(errand.session), self._slack)
        return [[by_name[name]] for name in names]

    def on_request_routed(self, pending_request: PendingRequest, replica_id: ReplicaID, result: Any) -> None:
        """Remember where it went."""
        errand = _errand(pending_request)
        if errand is None:
            return
        if errand.affinity:
            self._sent.setdefault(errand.affinity, set()).add(replica_id.unique_id)
            self._sent.move_to_end(errand.affinity)
        if errand.replaceable:
            self._latest[errand.session] = replica_id.unique_id
            self._latest.move_to_end(errand.session)
        for remembered in (self._sent, self._latest):
            while len(remembered) > REMEMBERED:
                remembered.popitem(last=False)


def _errand(pending: PendingRequest) -> Errand | None:
    first = pending.args[0] if pending.args else None
    return first if isinstance(first, Errand) else None
