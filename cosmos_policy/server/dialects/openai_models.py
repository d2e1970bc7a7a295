"""``/v1/models``: the loaded checkpoint."""

from __future__ import annotations

import time
from typing import Any

from fastapi import APIRouter

from cosmos_policy.server.dialects.rest_schema import refusals
from cosmos_policy.server.errors import NotFound
from cosmos_policy.server.service import Service


def routes(service: Service) -> APIRouter:
    """List and one."""
    router = APIRouter(tags=["openai"])
    created = int(time.time())

    def loaded() -> dict[str, Any]:
        return {
            "id": service.facts["model"]["checkpoint"],
            "object": "model",
            "created": created,
            "owned_by": "cosmos-policy",
            "revision": service.facts["model"]["revision"],
        }

    @router.get("/v1/models", openapi_extra={"responses": refusals(401, 503)})
    async def models() -> dict[str, Any]:
        """The loaded checkpoint, in a list."""
        return {"object": "list", "data": [loaded()]}

    @router.get("/v1/models/{model:path}", openapi_extra={"responses": refusals(400, 401, 404, 503)})
    async def model(model: str) -> dict[str, Any]:
        """The loaded checkpoint, by its name."""
        require_model(model, service)
        return loaded()

    return router


def require_model(name: Any, service: Service) -> None:
    """Raise :class:`NotFound` unless `name` is the loaded checkpoint (None: nobody named one)."""
    checkpoint = service.facts["model"]["checkpoint"]
    if name is not None and name != checkpoint:
        raise NotFound(f"The model {str(name)[:80]!r} is not loaded here; {checkpoint!r} is.")
