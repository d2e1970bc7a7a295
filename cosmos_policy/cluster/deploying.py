"""Settings as Ray Serve's applications, and what became of them."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ray import serve
from ray.serve.config import AutoscalingConfig, AutoscalingPolicy, RequestRouterConfig
from ray.serve.schema import ApplicationStatus

from cosmos_policy.cluster.ingress import Ingress
from cosmos_policy.cluster.names import INGRESS, INGRESS_APP, MODEL, app_name
from cosmos_policy.cluster.replica import MARK, ModelReplica
from cosmos_policy.cluster.router import PromptAffinityRouter
from cosmos_policy.cluster.scaling import scale
from cosmos_policy.cluster.settings import ClusterSettings, Deployment
from cosmos_policy.errors import Failure

#: Of errands at a replica: its own queue orders them; Serve's would be first come, first served.
AT_ONCE = 100_000
LOOK_S = 0.5
#: Replicas report to Serve's autoscaler and routers this often.
REPORT_S = 2.0


def model_application(settings: ClusterSettings, deployment: Deployment, robot: Mapping[str, Any] | None) -> Any:
    """Serve's application of one deployment. robot: what its embodiment has to agree with; None: nothing yet."""
    server, scale_ = settings.server, deployment.scale
    server = replace(server, model=deployment.model, warm_up_instructions=deployment.warm_up_instructions)
    options: dict[str, Any] = {
        "name": MODEL,
        "max_ongoing_requests": AT_ONCE,
        "graceful_shutdown_timeout_s": server.scheduling.drain_s,
        "graceful_shutdown_wait_loop_s": 0.5,
        "max_surge_percent": scale_.surge_percent,
        "ray_actor_options": {"num_cpus": deployment.cpus, "num_gpus": deployment.gpus or 0},
        "request_router_config": RequestRouterConfig(
            request_router_class=PromptAffinityRouter, request_routing_stats_period_s=REPORT_S
        ),
    }
    if scale_.maximum > scale_.minimum:
        options["autoscaling_config"] = AutoscalingConfig(
            min_replicas=scale_.minimum,
            max_replicas=scale_.maximum,
            target_ongoing_requests=scale_.requests_per_replica,
            metrics_interval_s=REPORT_S,
            look_back_period_s=2 * REPORT_S,
            upscale_delay_s=REPORT_S,
            downscale_delay_s=scale_.calm_s,
            policy=AutoscalingPolicy(policy_function=scale),
        )
    else:
        options["num_replicas"] = scale_.minimum
    return serve.deployment(ModelReplica).options(**options).bind(deployment.name, server, robot, not deployment.gpus)


def ingress_application(settings: ClusterSettings) -> Any:
    """Serve's application of the ingresses."""
    options = {
        "name": INGRESS,
        "num_replicas": settings.ingresses,
        "graceful_shutdown_timeout_s": settings.server.scheduling.drain_s + 5.0,
        "graceful_shutdown_wait_loop_s": 0.1,
        "ray_actor_options": {"num_cpus": 0},
    }
    return serve.deployment(Ingress).options(**options).bind(settings)


def start(applications: Mapping[str, Any]) -> None:
    """Deploy applications by name; returns at once. One that runs already is updated replica by replica."""
    targets = [serve.RunTarget(application, name=name, route_prefix=None) for name, application in applications.items()]
    serve.run_many(targets, wait_for_applications_running=False)


def progress(names: Sequence[str]) -> Iterator[dict[str, str]]:
    """name -> how it goes, in words, every time that this changes, until all run. Raises :class:`Failure` where one of
    them cannot be deployed, with the replica's own sentence."""
    told: dict[str, str] = {}
    while True:
        there = serve.status().applications
        for name in names:
            if name in there and there[name].status in (ApplicationStatus.DEPLOY_FAILED, ApplicationStatus.UNHEALTHY):
                raise Failure(_why(there[name]))
        now = {name: _words(there[name]) if name in there else "not there yet" for name in names}
        if now != told:
            told = now
            yield now
        if all(name in there and there[name].status == ApplicationStatus.RUNNING for name in names):
            return
        time.sleep(LOOK_S)


def remove(names: Sequence[str]) -> None:
    """Take applications away, each when what it has is answered."""
    for name in names:
        serve.delete(name, _blocking=True)


def names_of(settings: ClusterSettings) -> list[str]:
    """Applications in the order in which they are taken away: first who takes requests, then who answers them."""
    return [INGRESS_APP, *(app_name(deployment.name) for deployment in settings.deployments)]


def _words(application: Any) -> str:
    states = [
        f"{count} {getattr(state, 'value', state).lower()}"
        for deployment in application.deployments.values()
        for state, count in deployment.replica_states.items()
    ]
    return f"{application.status.value.lower()}: {', '.join(states) or 'no replicas yet'}"


def _why(application: Any) -> str:
    told = " ".join([application.message, *(each.message for each in application.deployments.values())])
    ours = re.findall(f"{MARK}(.*?){MARK}", told, re.DOTALL)
    return ours[-1] if ours else f"It could not be deployed: {told.strip()[-400:]}"
