"""``serve --ray``: deploy, tell how it goes, and take everything away at the end."""

from __future__ import annotations

import logging
import signal
import socket
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from types import ModuleType
from typing import Any

from cosmos_policy.cluster.connection import LOCAL, connected, require_resources
from cosmos_policy.cluster.names import INGRESS_APP, MEMORY, MODEL, NAMESPACE, app_name
from cosmos_policy.cluster.settings import ClusterSettings, Deployment
from cosmos_policy.errors import Failure, UsageError
from cosmos_policy.server.logs import configure_logging
from cosmos_policy.server.settings import ServerSettings
from cosmos_policy.wire.contract import require_agreement

logger = logging.getLogger(__name__)
FACTS_S = 60.0


def serve(settings: ClusterSettings, address: str, *, detach: bool = False) -> None:
    """Serve on the cluster at `address` (see :func:`~cosmos_policy.cluster.connection.connected`) until SIGINT or
    SIGTERM; with `detach`, until everything is ready, and it stays.

    Raises :class:`UsageError` or :class:`Failure`, in one sentence, where something cannot be deployed.
    """
    configure_logging()
    if detach and address == LOCAL:
        raise UsageError("--detach leaves the server in the cluster, and --ray local ends with this command.")
    with connected(address) as ray:
        stopping = _stop_signals()  # after Ray, which takes SIGTERM for itself
        from cosmos_policy.cluster import deploying
        from cosmos_policy.cluster.memory import make_memory

        if running_plan(ray) is not None:
            raise UsageError(
                "This cluster has a Cosmos Policy server already: --update changes its checkpoints, and the command "
                "that started it ends it (after --detach: cosmos-policy serve --ray ADDRESS --down)."
            )
        settings = _resolved(ray, settings)
        memory = make_memory(settings.server)
        ray.get(memory.set_plan.remote(settings))
        names = deploying.names_of(settings)
        try:
            _start_serve()
            cluster = ray.get_runtime_context().gcs_address
            logger.info("the Ray cluster is at %s: --update --ray %s", cluster, cluster, extra={"cluster": cluster})
            models = {
                app_name(each.name): deploying.model_application(settings, each, None) for each in settings.deployments
            }
            deploying.start(models)  # an ingress asks for them by name; it listens while they load
            deploying.start({INGRESS_APP: deploying.ingress_application(settings)})
            _watch(deploying.progress([INGRESS_APP]), stopping)
            if not stopping.is_set():
                _say_listening(settings.server)
                _watch(deploying.progress(list(models)), stopping)
            if not stopping.is_set():
                check_together(settings.deployments, {each.name: facts_of(each.name) for each in settings.deployments})
                logger.info("every deployment is ready")
            if not detach:
                stopping.wait()
        except BaseException:
            _take_away(ray, names)
            raise
        if not detach or stopping.is_set():
            logger.info("shutting down: what runs is finished, what waits is refused")
            _take_away(ray, names)


def take_down(address: str) -> None:
    """End a server that was left in the cluster."""
    configure_logging()
    with connected(address) as ray:
        from cosmos_policy.cluster import deploying

        plan = running_plan(ray)
        if plan is None:
            raise UsageError(f"No Cosmos Policy server runs in the cluster at {address!r}.")
        _take_away(ray, deploying.names_of(plan))


def running_plan(ray: ModuleType) -> ClusterSettings | None:
    """What was deployed here; None where nothing was."""
    try:
        return ray.get(ray.get_actor(MEMORY, NAMESPACE).plan.remote())
    except ValueError:  # there is no such actor
        return None


def facts_of(deployment: str) -> Mapping[str, Any]:
    """What a replica of a running deployment tells of its model. Raises :class:`Failure` where none answers."""
    from ray import serve

    handle = serve.get_deployment_handle(MODEL, app_name=app_name(deployment))
    try:
        return handle.facts.remote().result(timeout_s=FACTS_S)
    except TimeoutError:
        raise Failure(f"No replica of the deployment {deployment!r} answered within {FACTS_S:g} s.") from None


def check_together(deployments: Sequence[Deployment], facts: Mapping[str, Mapping[str, Any]]) -> None:
    """Raise one sentence where the deployments do not make one server: the same robot, and calls that they have."""
    first = facts[deployments[0].name]["embodiment"]
    for deployment in deployments:
        known = facts[deployment.name]
        missing = [call for call in deployment.calls if call not in known["calls"]]
        if missing:
            raise UsageError(
                f"The deployment {deployment.name!r} is to answer {', '.join(missing)}, which its checkpoint cannot; "
                f"it answers {', '.join(known['calls'])}."
            )
        require_agreement(first, known["embodiment"], f"The deployment {deployment.name!r}")


def _resolved(ray: ModuleType, settings: ClusterSettings) -> ClusterSettings:
    """With GPUs for those that did not say, and a port; refused where the cluster is too small."""
    server = settings.server
    if server.port == 0:
        server = replace(server, port=_free_port(server.host))
    else:
        _require_free(server)
    there = ray.cluster_resources().get("GPU", 0.0)
    deployments = tuple(
        replace(each, gpus=1.0 if there and each.model.options.get("device") != "cpu" else 0.0)
        if each.gpus is None
        else each
        for each in settings.deployments
    )
    wanted = {
        "CPU": sum(each.cpus * each.scale.minimum for each in deployments),
        "GPU": sum(each.gpus * each.scale.minimum for each in deployments),
    }
    require_resources(ray, wanted, "The deployments' replicas")
    return replace(settings, server=server, deployments=deployments)


def _start_serve() -> None:
    from ray import serve

    serve.start(proxy_location="Disabled")  # our ingresses own the port


def _watch(progress: Any, stopping: threading.Event) -> None:
    for now in progress:
        for name, words in now.items():
            logger.info("%s is %s", name, words)
        if stopping.is_set():
            return


def _say_listening(server: ServerSettings) -> None:
    scheme = "https" if server.security.tls_certificate else "http"
    logger.info("listening on %s://%s:%d", scheme, server.host, server.port, extra={"port": server.port})


def _take_away(ray: ModuleType, names: Sequence[str]) -> None:
    from cosmos_policy.cluster import deploying

    deploying.remove(names)
    try:
        ray.kill(ray.get_actor(MEMORY, NAMESPACE))
    except ValueError:
        logger.info("the sessions' memory had gone already")


def _stop_signals() -> threading.Event:
    stopping = threading.Event()
    handler: Callable[..., None] = lambda *_: stopping.set()  # noqa: E731
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, handler)
    return stopping


def _free_port(host: str) -> int:
    with socket.create_server((host, 0)) as probe:
        return probe.getsockname()[1]


def _require_free(server: ServerSettings) -> None:
    """Ingresses share the port among themselves; with another server they would share its clients."""
    try:
        socket.create_server((server.host, server.port)).close()
    except OSError:
        raise Failure(f"The server could not listen on {server.host}:{server.port}; is the port taken?") from None
