"""What an operator and an orchestrator ask: alive, ready, what is served, how it goes."""

from __future__ import annotations

import time
from importlib import metadata
from importlib.resources import files
from typing import Any

from fastapi import APIRouter, Response
from fastapi.responses import HTMLResponse, PlainTextResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from cosmos_policy.server.dialects.rest_schema import refusals
from cosmos_policy.server.errors import NotReady
from cosmos_policy.server.service import Service
from cosmos_policy.wire.contract import PROTOCOL

#: The page runs its own script and style, shows pictures that it made itself, and talks to nobody else.
PAGE_POLICY = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src 'self' data: blob:; "
    "media-src data: blob:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


def routes(service: Service) -> APIRouter:
    """/, /healthz, /readyz, /info, /state, /metrics."""
    router = APIRouter(tags=["operations"])
    page = (files("cosmos_policy.server") / "page" / "index.html").read_text(encoding="utf-8")
    started = time.time()

    @router.get("/", response_class=HTMLResponse)
    async def index() -> HTMLResponse:
        """The page: state, and a call with pictures."""
        return HTMLResponse(page, headers={"Content-Security-Policy": PAGE_POLICY, "Cache-Control": "no-cache"})

    @router.get("/healthz", response_class=PlainTextResponse)
    async def healthz() -> str:
        """Alive: the event loop answers, whatever is being computed."""
        return "OK\n"

    @router.get("/readyz", response_class=PlainTextResponse, responses=_only(503))
    async def readyz() -> str:
        """Ready: the model is loaded and warm."""
        if service.worker.state != "ready":
            raise NotReady(f"The worker is {service.worker.state}.", retry_after_s=5.0)
        return "ready\n"

    @router.get("/info", responses=_only(503))
    async def info() -> dict[str, Any]:
        """The embodiment contract: everything a client must agree on."""
        return contract(service)

    @router.get("/state")
    async def state() -> dict[str, Any]:
        """What the page shows."""
        return {
            "worker": service.worker.state,
            "restarts": service.worker.restarts,
            "uptime_s": round(time.time() - started, 1),
            "queue": service.scheduler.depth,
            "running": service.scheduler.running,
            "sessions": len(service.sessions),
            "connections": service.connections,
            **service.worker.details(),
        }

    @router.get("/metrics", response_class=PlainTextResponse)
    async def prometheus() -> Response:
        """Prometheus."""
        return Response(generate_latest(service.metrics.registry), media_type=CONTENT_TYPE_LATEST)

    return router


def contract(service: Service) -> dict[str, Any]:
    """The contract as a map. Raises :class:`NotReady` before the model was there."""
    facts, settings = service.facts, service.settings
    limits, scheduling = settings.limits, settings.scheduling
    return {
        "protocol": PROTOCOL,
        "server": {"name": "cosmos-policy", "version": metadata.version("cosmos-policy")},
        "model": facts["model"],
        "embodiment": facts["embodiment"],
        "contract_sha256": facts["contract_sha256"],
        "sampling": facts["sampling"],
        "calls": facts["calls"],
        **({"deployments": facts["deployments"]} if "deployments" in facts else {}),
        "missing_views": settings.missing_views,
        "scheduling": {
            "max_queue": scheduling.max_queue,
            "max_batch": scheduling.max_batch,
            "deadline_ms": scheduling.deadline_ms,
        },
        "limits": {
            "message_bytes": limits.message_bytes,
            "json_bytes": limits.json_bytes,
            "image_pixels": limits.image_pixels,
            "frames": limits.frames,
            "batch_items": limits.batch_items,
        },
    }


def _only(*statuses: int) -> dict[int | str, dict[str, Any]]:
    return {int(status): response for status, response in refusals(*statuses).items()}
