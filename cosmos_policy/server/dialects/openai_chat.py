"""``/v1/chat/completions``: the reasoner, where it is loaded."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request

from cosmos_policy.server.dialects.bodies import read_message
from cosmos_policy.server.dialects.openai_models import require_model
from cosmos_policy.server.dialects.rest_schema import refusals
from cosmos_policy.server.errors import Invalid, NotLoaded
from cosmos_policy.server.service import Service

_BODY = {
    "type": "object",
    "required": ["messages"],
    "properties": {"messages": {"type": "array", "items": {"type": "object"}, "minItems": 1}},
}


def routes(service: Service) -> APIRouter:
    """One route."""
    router = APIRouter(tags=["openai"])
    content = {"application/json": {"schema": _BODY}}

    @router.post(
        "/v1/chat/completions",
        status_code=501,
        openapi_extra={"requestBody": {"required": True, "content": content}, "responses": refusals()},
    )
    async def chat(request: Request) -> dict[str, Any]:
        """Not loaded: this server computes actions."""
        message, _ = await read_message(request, service.settings)
        if not isinstance(message.get("messages"), list) or not message["messages"]:
            raise Invalid("messages must be a list of at least one message.")
        require_model(message.get("model"), service)
        raise NotLoaded(
            "The reasoner is not loaded: this server computes actions and the frames they lead to. Ask "
            "/v1/actions/policy for actions, and send chat to a server that runs the checkpoint's reasoner."
        )

    return router
