"""What is deployed on a cluster, as frozen dataclasses."""

from __future__ import annotations

from dataclasses import dataclass, field

from cosmos_policy.errors import UsageError
from cosmos_policy.server.settings import ModelSource, ServerSettings
from cosmos_policy.wire.messages import CALLS


@dataclass(frozen=True)
class Scale:
    """minimum, maximum: replicas; more than the minimum where requests or missed deadlines ask for it.
    requests_per_replica: waiting and computed, that one replica should have at a time. calm_s: seconds of little to do
    after which a replica is taken away. surge_percent: of the replicas, so many more are started during a rolling
    update before an old one ends; 0 replaces one fifth at a time, and needs no spare GPU."""

    minimum: int = 1
    maximum: int = 1
    requests_per_replica: float = 4.0
    calm_s: float = 300.0
    surge_percent: int = 0

    def __post_init__(self) -> None:
        if not 1 <= self.minimum <= self.maximum:
            raise UsageError(
                f"replicas are {self.minimum} to {self.maximum}; expected at least 1, and no more than the maximum."
            )
        if self.requests_per_replica <= 0 or self.calm_s < 0 or not 0 <= self.surge_percent <= 100:
            raise UsageError(
                f"requests_per_replica is {self.requests_per_replica:g}, calm_s {self.calm_s:g}, surge_percent "
                f"{self.surge_percent}; expected more than 0, at least 0, and 0 to 100."
            )


@dataclass(frozen=True)
class Deployment:
    """One model and its replicas.

    name: in logs and answers. calls: the calls that are sent here; empty: all that its model can answer. gpus, cpus: of
    one replica, as Ray counts them; None GPUs takes one where the cluster has GPUs and the device is not "cpu".
    warm_up_instructions: read before a replica is ready.
    """

    name: str
    model: ModelSource
    calls: tuple[str, ...] = ()
    scale: Scale = field(default_factory=Scale)
    gpus: float | None = None
    cpus: float = 1.0
    warm_up_instructions: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.name.replace("-", "").replace("_", "").isalnum():
            raise UsageError(f"A deployment is named {self.name!r}; expected letters, digits, - and _.")
        strangers = [call for call in self.calls if call not in CALLS]
        if strangers:
            raise UsageError(
                f"The deployment {self.name!r} is to answer {', '.join(map(repr, strangers))}; the calls are "
                f"{', '.join(CALLS)}."
            )
        if (self.gpus is not None and self.gpus < 0) or self.cpus < 0:
            raise UsageError(
                f"The deployment {self.name!r} has gpus {self.gpus} and cpus {self.cpus:g}; expected >= 0."
            )


@dataclass(frozen=True)
class ClusterSettings:
    """server: port, keys, limits and scheduling, as on one machine; its `model` is not used.
    deployments: in the order in which they are asked: the first that answers a call is taken first.
    ingresses: processes that own the port. refuse_before_ms: a request that cannot be answered is refused so many
    milliseconds before its deadline, so that the refusal arrives in time too.
    """

    server: ServerSettings
    deployments: tuple[Deployment, ...]
    ingresses: int = 1
    refuse_before_ms: float = 50.0

    def __post_init__(self) -> None:
        names = [deployment.name for deployment in self.deployments]
        twice = {name for name in names if names.count(name) > 1}
        if twice or not names:
            what = f"{', '.join(sorted(twice))} twice" if twice else "none"
            raise UsageError(f"The deployments name {what}; expected at least one, each with a name of its own.")
        if self.ingresses < 1 or self.refuse_before_ms < 0:
            raise UsageError(
                f"--ingresses is {self.ingresses} and refuse_before_ms {self.refuse_before_ms:g}; expected at least 1 "
                "and 0."
            )
