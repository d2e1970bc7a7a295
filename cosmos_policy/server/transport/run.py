"""Serve until told to stop: uvicorn, with a shutdown that lets running requests finish."""

from __future__ import annotations

import asyncio
import logging
import socket
from types import FrameType

import uvicorn

from cosmos_policy.errors import Failure, UsageError
from cosmos_policy.server.errors import StartFailed
from cosmos_policy.server.logs import configure_logging
from cosmos_policy.server.memory import keep_freed_memory
from cosmos_policy.server.settings import ServerSettings
from cosmos_policy.server.transport.app import make_app

logger = logging.getLogger(__name__)
PING_S = 20.0
#: After the queue is drained: how long sockets may take to close.
CLOSING_S = 3


class DrainingServer(uvicorn.Server):
    """uvicorn closes WebSockets the moment it is told to stop; here what runs is answered first."""

    _draining: asyncio.Task | None = None

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if self._draining is None and not self.should_exit:
            asyncio.get_running_loop().call_soon_threadsafe(self._start_draining)
        else:  # asked a second time: now
            super().handle_exit(sig, frame)

    def _start_draining(self) -> None:
        self._draining = asyncio.create_task(self.drain())

    async def drain(self) -> None:
        """Answer what runs, refuse what waits, then close."""
        logger.info("shutting down: what runs is finished, what waits is refused")
        service = getattr(self.config.app.state, "service", None)
        if service is not None:
            await service.scheduler.drain()
            await asyncio.sleep(0.1)  # the answers leave
        self.should_exit = True


def serve(settings: ServerSettings) -> None:
    """Run the server until SIGINT or SIGTERM.

    Raises :class:`UsageError` or :class:`Failure`, in one sentence, where nothing can be loaded or the port is taken.
    """
    configure_logging()
    keep_freed_memory()
    app = make_app(settings)
    server = DrainingServer(uvicorn_config(app, settings))
    asyncio.run(_serve(server, settings))
    failed = app.state.service.worker.start_failed if hasattr(app.state, "service") else None
    if failed is not None and failed.done() and not failed.cancelled():
        error = failed.exception()
        if isinstance(error, StartFailed):
            raise (UsageError if error.usage else Failure)(str(error)) from None
    if not server.started:
        raise Failure(f"The server could not listen on {settings.host}:{settings.port}; is the port taken?")


async def _serve(server: DrainingServer, settings: ServerSettings) -> None:
    serving = asyncio.create_task(until_stopped(server))
    while not server.started and not serving.done():
        await asyncio.sleep(0.02)
    if server.started and server.servers:
        port = server.servers[0].sockets[0].getsockname()[1]
        scheme = "https" if settings.security.tls_certificate else "http"
        logger.info("listening on %s://%s:%d", scheme, settings.host, port, extra={"port": port})
        failed = server.config.app.state.service.worker.start_failed
        await asyncio.wait((serving, failed), return_when=asyncio.FIRST_COMPLETED)
        if failed.done():
            server.should_exit = True
    await serving


async def until_stopped(server: DrainingServer, sockets: list[socket.socket] | None = None) -> None:
    """Serve; on `sockets`, or on the one that the configuration names."""
    try:
        await server.serve(sockets)
    except SystemExit:  # uvicorn's way of saying that it could not start; it has logged why
        return


def uvicorn_config(app, settings: ServerSettings) -> uvicorn.Config:
    """How the server listens: limits, keys, and WebSockets as robots need them."""
    limits, security = settings.limits, settings.security
    return uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        ws="websockets-sansio",
        ws_max_size=limits.message_bytes,
        ws_ping_interval=PING_S,
        ws_ping_timeout=PING_S,
        ws_per_message_deflate=False,  # raw pictures: compressing them costs tens of milliseconds and gains nothing
        timeout_graceful_shutdown=CLOSING_S,
        ssl_certfile=security.tls_certificate,
        ssl_keyfile=security.tls_key,
    )
