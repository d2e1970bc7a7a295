"""``/v1/images/generations``: the generator, where it is loaded."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request

from cosmos_policy.server.dialects.bodies import read_message
from cosmos_policy.server.dialects.openai_models import require_model
from cosmos_policy.server.dialects.rest_schema import refusals
from cosmos_policy.server.errors import Invalid, NotLoaded
from cosmos_policy.server.service import Service

GENERATOR_MISSING = (
    "The generator is not loaded: this server computes actions and the frames they lead to. Give "
    "extra_params.action_mode (policy, inverse_dynamics or forward_dynamics) to /v1/videos, and send generation to a "
    "server that runs it."
)
_BODY = {"type": "object", "required": ["prompt"], "properties": {"prompt": {"type": "string", "minLength": 1}}}


def routes(service: Service) -> APIRouter:
    """One route."""
    router = APIRouter(tags=["openai"])
    content = {"application/json": {"schema": _BODY}}

    @router.post(
        "/v1/images/generations",
        status_code=501,
        openapi_extra={"requestBody": {"required": True, "content": content}, "responses": refusals()},
    )
    async def images(request: Request) -> dict[str, Any]:
        """Not loaded: this server computes actions."""
        message, _ = await read_message(request, service.settings)
        if not isinstance(message.get("prompt"), str) or not message["prompt"]:
            raise Invalid("prompt must be text.")
        require_model(message.get("model"), service)
        raise NotLoaded(GENERATOR_MISSING)

    return router
