"""LIBERO's closed-loop evaluation over HTTP: JSON with a base64 PNG of both views side by side.

``POST /predict`` -> ``action`` [T, 10], ``POST /predict_batch`` -> ``actions``, ``POST /next_episode`` starts one;
``GET /`` tells that the server is there, ``GET /info`` is the contract. The rows are denormalised, frame-wise
[position 3, rot6d 6, gripper 1 (1 open)]: the client turns them into its simulator's commands.
"""

from __future__ import annotations

import asyncio
from typing import Any

from fastapi import APIRouter, Request

from cosmos_policy.server.dialects.bodies import read_message, read_picture
from cosmos_policy.server.dialects.rest_schema import refusals
from cosmos_policy.server.errors import Invalid
from cosmos_policy.server.service import Caller, Service, new_group
from cosmos_policy.types import ActionChunk, Observation, PolicyRequest
from cosmos_policy.wire.readers import read_text, read_whole

ROBOT = "libero"
KEYS = ("image", "prompt", "domain_name", "image_size", "seed")
#: The client writes the view sentences behind the task; our prompt puts them where training had them.
VIEW_SENTENCE = "This video contains concatenated views from multiple camera perspectives."
_ITEM = {
    "type": "object",
    "required": ["image", "prompt"],
    "additionalProperties": False,
    "properties": {
        "image": {"type": "string", "description": "PNG in base64, third-person view left of the wrist's"},
        "prompt": {"type": "string"},
        "domain_name": {"type": "string", "enum": ["libero"]},
        "image_size": {"type": "integer", "minimum": 1, "maximum": 4096},
        "seed": {"type": "integer", "minimum": 0},
    },
}


def routes(service: Service) -> APIRouter:
    """The three routes of the evaluation."""
    router = APIRouter(tags=["libero"])

    @router.post("/predict", openapi_extra=_documented(_ITEM))
    async def predict(request: Request) -> dict[str, Any]:
        """One observation in, one chunk of actions out."""
        message, _ = await read_message(request, service.settings)
        (chunk,) = await _predict([message], request.state.owner, service)
        return {"action": chunk.unified.tolist(), "serving": chunk.info["serving"]}

    @router.post("/predict_batch", openapi_extra=_documented(_items(service.settings.limits.batch_items)))
    async def predict_batch(request: Request) -> dict[str, Any]:
        """One observation an environment in, one chunk each out, computed together."""
        message, _ = await read_message(request, service.settings)
        items = message.get("items")
        most = service.settings.limits.batch_items
        if not isinstance(items, list) or not 1 <= len(items) <= most or set(message) != {"items"}:
            raise Invalid(f"The body needs items, a list of 1 to {most} observations, and nothing else.")
        chunks = await _predict(items, request.state.owner, service)
        return {"actions": [chunk.unified.tolist() for chunk in chunks], "serving": chunks[0].info["serving"]}

    @router.post("/next_episode", openapi_extra=_documented({"type": "object"}))
    async def next_episode(request: Request) -> dict[str, str]:
        """The client's episode ended. There is nothing to forget: this wire has no sessions."""
        await read_message(request, service.settings)
        return {"status": "ok"}

    return router


async def _predict(items: list[Any], owner: str, service: Service) -> list[ActionChunk]:
    """All items are read before any is computed; the first that fails fails the whole body, with its reason."""
    if service.embodiment.name != ROBOT:
        raise Invalid(
            f"This server serves {service.embodiment.name}; the LIBERO evaluation needs one with --embodiment libero."
        )
    requests = [await asyncio.to_thread(_read, item, service) for item in items]
    # No id tells one evaluation from another, so every request stands alone: a seed that is not sent is the server's.
    caller, group = Caller(owner, "libero"), new_group()
    waiting = [asyncio.ensure_future(service.call("policy", each, caller, group=group)) for each in requests]
    try:
        return await asyncio.gather(*waiting)
    finally:
        for task in waiting:
            task.cancel()


def _read(item: Any, service: Service) -> PolicyRequest:
    if not isinstance(item, dict) or not {"image", "prompt"} <= set(item) <= set(KEYS):
        raise Invalid(f"An observation needs image and prompt, and may have {', '.join(KEYS[2:])}; nothing else.")
    if item.get("domain_name", ROBOT) != ROBOT:
        raise Invalid("domain_name must be 'libero' here.")
    if "image_size" in item:
        read_whole(item["image_size"], "image_size", 1, 4096)
    if not isinstance(item["image"], str):
        raise Invalid("image must be a PNG in base64.")
    composed = read_picture(item["image"], "image", service.settings)
    if composed.shape[1] != 2 * composed.shape[0]:
        raise Invalid(
            f"image is {composed.shape[1]}x{composed.shape[0]}; expected the third-person view left of the "
            "wrist's, two squares side by side (512x256)."
        )
    task = read_text(item["prompt"], "prompt").partition(VIEW_SENTENCE)[0].strip()
    seed = None if item.get("seed") is None else read_whole(item["seed"], "seed")
    # The policy was trained on pictures alone: no state is sent, and no commands come back but the model's own rows.
    observation = Observation(service.embodiment.split(composed), None)
    return PolicyRequest(observation, task, ROBOT, seed=seed)


def _items(most: int) -> dict[str, Any]:
    items = {"type": "array", "items": _ITEM, "minItems": 1, "maxItems": most}
    return {"type": "object", "required": ["items"], "additionalProperties": False, "properties": {"items": items}}


def _documented(schema: dict[str, Any]) -> dict[str, Any]:
    content = {"application/json": {"schema": schema}}
    return {"requestBody": {"required": True, "content": content}, "responses": refusals()}
