"""``/v1/chat/completions``: the reasoner, whole or as it is said (server-sent events)."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Mapping
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import StreamingResponse

from cosmos_policy.server.dialects.bodies import read_message, while_connected
from cosmos_policy.server.dialects.chat_form import BODY, ChatRequest, read_chat
from cosmos_policy.server.dialects.openai_models import require_model
from cosmos_policy.server.dialects.rest_schema import refusals
from cosmos_policy.server.errors import Refusal
from cosmos_policy.server.logs import request_id
from cosmos_policy.server.scheduling.ticket import JOB
from cosmos_policy.server.service import Caller, Service
from cosmos_policy.server.transport.door import error_body
from cosmos_policy.types import Reply

DONE = b"data: [DONE]\n\n"


def routes(service: Service) -> APIRouter:
    """One route."""
    router = APIRouter(tags=["openai"])
    content = {"application/json": {"schema": BODY}}
    responses = {
        "200": {
            "description": "a chat completion, or its chunks",
            "content": {"application/json": {"schema": {"type": "object"}}, "text/event-stream": {}},
        },
        **refusals(),
    }

    @router.post(
        "/v1/chat/completions",
        response_model=None,
        openapi_extra={"requestBody": {"required": True, "content": content}, "responses": responses},
    )
    async def chat(request: Request) -> dict[str, Any] | StreamingResponse:
        """Words, about pictures and videos."""
        message, _ = await read_message(request, service.settings)
        require_model(message.get("model"), service)
        service.require_call("reason")
        asked = await asyncio.to_thread(read_chat, message, service.settings)
        caller = Caller(request.state.owner, "openai_chat")
        head = _head(service)
        if not asked.stream:
            answer = service.call("reason", asked.request, caller, priority=JOB)
            return _whole(head, await while_connected(request, answer))
        said = service.follow("reason", asked.request, caller, priority=JOB)
        try:
            first = await anext(said)  # what is wrong with the request is told by the status, before any chunk
        except BaseException:
            await said.aclose()
            raise
        return StreamingResponse(_events(head, first, said, asked), media_type="text/event-stream")

    return router


def _head(service: Service) -> dict[str, Any]:
    """What all chunks of an answer have in common."""
    model = service.facts["model"]
    return {
        "id": f"chatcmpl-{request_id.get()}",
        "created": int(time.time()),
        "model": model["checkpoint"],
        "system_fingerprint": model["revision"],
    }


def _whole(head: Mapping[str, Any], reply: Reply) -> dict[str, Any]:
    message = {"role": "assistant", "content": reply.text, "refusal": None, "reasoning_content": reply.reasoning}
    choice = {"index": 0, "message": message, "logprobs": None, **_end(reply)}
    return {**head, "object": "chat.completion", "choices": [choice], "usage": _usage(reply)}


async def _events(
    head: Mapping[str, Any], first: Any, said: AsyncIterator[Any], asked: ChatRequest
) -> AsyncIterator[bytes]:
    """The chunks. A client that goes closes this, and with it stops the model."""
    head = {**head, "object": "chat.completion.chunk"}
    async with contextlib.aclosing(said):
        yield _chunk(head, {"role": "assistant", "content": ""})
        item = first
        try:
            while not isinstance(item, Reply):
                if item.get("reasoning"):
                    yield _chunk(head, {"reasoning_content": item["reasoning"]})
                if item.get("text"):
                    yield _chunk(head, {"content": item["text"]})
                item = await anext(said)
        except Refusal as refusal:  # too late for a status
            yield _event(error_body(refusal))
            return
        yield _chunk(head, {}, _end(item))
        if asked.usage:
            yield _event({**head, "choices": [], "usage": _usage(item)})
        yield DONE


def _chunk(head: Mapping[str, Any], delta: Mapping[str, Any], end: Mapping[str, Any] | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "logprobs": None, **(end or {"finish_reason": None})}
    return _event({**head, "choices": [choice]})


def _event(content: Mapping[str, Any]) -> bytes:
    return f"data: {json.dumps(content, ensure_ascii=False)}\n\n".encode()


def _end(reply: Reply) -> dict[str, Any]:
    """stop_reason: the stop string that ended it, as vLLM tells it."""
    return {"finish_reason": reply.finish_reason, "stop_reason": reply.stop}


def _usage(reply: Reply) -> dict[str, Any]:
    return {
        "prompt_tokens": reply.prompt_tokens,
        "completion_tokens": reply.completion_tokens,
        "total_tokens": reply.prompt_tokens + reply.completion_tokens,
        "completion_tokens_details": {"reasoning_tokens": reply.reasoning_tokens},
    }
