"""``/v1/images/generations``: pictures from words, as PNG or JPEG in base64."""

from __future__ import annotations

import asyncio
import base64
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from fastapi import APIRouter, Request

from cosmos_policy.media import encode_media
from cosmos_policy.server.dialects import form_fields
from cosmos_policy.server.dialects.bodies import read_message, while_connected
from cosmos_policy.server.dialects.generation_form import common_request
from cosmos_policy.server.dialects.openai_models import require_model
from cosmos_policy.server.dialects.rest_schema import refusals
from cosmos_policy.server.errors import Invalid
from cosmos_policy.server.scheduling.ticket import JOB
from cosmos_policy.server.service import Caller, Service
from cosmos_policy.types import GenerateRequest

FIELDS = (
    "prompt", "negative_prompt", "model", "n", "size", "seed", "num_inference_steps", "guidance_scale", "flow_shift",
    "max_sequence_length", "response_format", "output_format", "extra_args", "user",
)  # fmt: skip
EXTRA_ARGS = ("use_resolution_template", "guardrails")
FORMATS = {"png": "PNG", "jpeg": "JPEG"}
MOST_PICTURES = 10
_BODY = {
    "type": "object",
    "required": ["prompt"],
    "properties": {
        "prompt": {"type": "string", "minLength": 1},
        "negative_prompt": {"type": "string"},
        "n": {"type": "integer", "minimum": 1, "maximum": MOST_PICTURES},
        "size": {"type": "string", "examples": ["832x480"]},
        "seed": {"type": "integer", "minimum": 0},
        "num_inference_steps": {"type": "integer", "minimum": 1},
        "guidance_scale": {"type": "number"},
        "flow_shift": {"type": "number"},
        "output_format": {"type": "string", "enum": list(FORMATS)},
        "response_format": {"type": "string", "enum": ["b64_json"]},
        "extra_args": {"type": "object"},
    },
}


@dataclass(frozen=True)
class ImageRequest:
    """request: of the first picture. count: how many; each later one has the next seed. kind: Pillow's format."""

    request: GenerateRequest
    count: int
    kind: str


def routes(service: Service) -> APIRouter:
    """One route."""
    router = APIRouter(tags=["openai"])
    content = {"application/json": {"schema": _BODY}}

    @router.post(
        "/v1/images/generations",
        openapi_extra={"requestBody": {"required": True, "content": content}, "responses": refusals()},
    )
    async def images(request: Request) -> dict[str, Any]:
        """Pictures from words."""
        message, _ = await read_message(request, service.settings)
        asked = read_images(message, service)
        caller = Caller(request.state.owner, "openai_images")
        return await while_connected(request, _make(asked, caller, service))

    return router


def read_images(message: Mapping[str, Any], service: Service) -> ImageRequest:
    """The request in a body."""
    form_fields.check_known(message, FIELDS, "There is")
    require_model(message.get("model"), service)
    service.require_call("generate")
    extra = message.get("extra_args") or {}
    if not isinstance(extra, Mapping):
        raise Invalid("extra_args must be a JSON map.")
    form_fields.check_known(extra, EXTRA_ARGS, "extra_args have")
    if message.get("response_format") not in (None, "b64_json"):
        raise Invalid("response_format must be 'b64_json': this server keeps no pictures that a URL could lead to.")
    kind = message.get("output_format") or "png"
    if kind not in FORMATS:
        raise Invalid(f"output_format must be one of {', '.join(FORMATS)}, not {str(kind)[:40]!r}.")
    count = form_fields.whole(message.get("n"), "n", 1, MOST_PICTURES)
    request = common_request(message, extra, service, num_frames=1)
    return ImageRequest(request, 1 if count is None else count, FORMATS[kind])


async def _make(asked: ImageRequest, caller: Caller, service: Service) -> dict[str, Any]:
    pictures = []
    for index in range(asked.count):
        request = replace(asked.request, seed=asked.request.seed + index)
        media = await service.call("generate", request, caller, priority=JOB)
        data = await asyncio.to_thread(encode_media, media, asked.kind)
        pictures.append({"b64_json": base64.b64encode(data).decode()})
    return {"created": int(time.time()), "data": pictures, "output_format": asked.kind.lower()}
