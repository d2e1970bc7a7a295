"""An ingress: the server's port and dialects in a process of its own, with the cluster behind them.

Serve starts it, watches it, and starts it again; clients reach it without a proxy in between, so that limits, keys and
WebSockets are those of one machine. Ingresses of one host share the port, and the kernel spreads connections.
"""

from __future__ import annotations

import asyncio
import functools
import socket

import ray

from cosmos_policy.cluster.dispatch import Dispatcher
from cosmos_policy.cluster.memory import SharedSessions
from cosmos_policy.cluster.names import MEMORY, NAMESPACE
from cosmos_policy.cluster.settings import ClusterSettings
from cosmos_policy.cluster.targets import Directory, ServeTarget
from cosmos_policy.server.backend import Backend
from cosmos_policy.server.logs import configure_logging
from cosmos_policy.server.memory import keep_freed_memory
from cosmos_policy.server.metrics import Metrics
from cosmos_policy.server.settings import ServerSettings
from cosmos_policy.server.transport.app import make_app
from cosmos_policy.server.transport.run import DrainingServer, until_stopped, uvicorn_config

BACKLOG = 2048


class Ingress:
    """The ingress's class for Ray Serve."""

    async def __init__(self, settings: ClusterSettings):
        configure_logging()
        keep_freed_memory()
        app = make_app(settings.server, functools.partial(cluster_backend, settings))
        self._server = DrainingServer(uvicorn_config(app, settings.server))
        listening = share_port(settings.server.host, settings.server.port)
        self._serving = asyncio.ensure_future(until_stopped(self._server, [listening]))
        while not self._server.started and not self._serving.done():
            await asyncio.sleep(0.02)
        if not self._server.started:
            raise RuntimeError(f"the port {settings.server.port} could not be served; this replica's log says why")

    def check_health(self) -> None:
        """Raise where nobody answers on the port any more."""
        if self._serving.done():
            raise RuntimeError("the ingress does not listen any more")

    async def __del__(self) -> None:
        """Serve calls this at the end: what runs is answered, what comes is refused."""
        if hasattr(self, "_serving") and not self._serving.done():
            await self._server.drain()
            await self._serving


def cluster_backend(cluster: ClusterSettings, settings: ServerSettings, metrics: Metrics) -> Backend:
    """Deployments where one machine has its worker, a dispatcher where it has its queue."""
    targets = [ServeTarget(deployment) for deployment in cluster.deployments]
    directory = Directory(targets, metrics)
    dispatcher = Dispatcher(
        targets,
        settings.scheduling,
        metrics,
        refuse_before_s=cluster.refuse_before_ms / 1e3,
        noticed=directory.notice,
    )
    memory = ray.get_actor(MEMORY, NAMESPACE)
    limits = settings.limits
    return Backend(directory, dispatcher, SharedSessions(settings.seed, limits.sessions, limits.session_idle_s, memory))


def share_port(host: str, port: int) -> socket.socket:
    """A listening socket that other ingresses of this host may listen on too."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    listening.bind((host, port))
    listening.listen(BACKLOG)
    return listening
