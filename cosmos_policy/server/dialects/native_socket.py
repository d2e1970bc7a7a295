"""WebSocket ``/v1/actions/socket``: our own client. Typed requests, one or many a message; msgpack both ways.

A message (packed as ``wire/framed.py`` says) is ``{"id", "call", "requests": [...], "session_id", "age_ms",
"deadline_ms", "follow"}``; the reply ``{"id", "answers": [{"answer": ...} or {"error": {...}}]}``. All requests of a
message are queued together, so that they can be computed in one batch. Where `follow` is true, what the call says on
its way comes before the reply, as ``{"id", "index", "event": {...}}``; a client that leaves stops it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, WebSocket

from cosmos_policy.errors import UsageError
from cosmos_policy.server.dialects.envelope import Envelope, read_envelope
from cosmos_policy.server.errors import Invalid, Refusal
from cosmos_policy.server.media.conversations import read_pointed
from cosmos_policy.server.service import Service, Tell, new_group
from cosmos_policy.server.transport.websocket import SMALL_BYTES, Conversation, Say, hold
from cosmos_policy.types import ReasonRequest
from cosmos_policy.wire.arrays import packb
from cosmos_policy.wire.contract import PROTOCOL
from cosmos_policy.wire.framed import map_bytes, unpack_framed
from cosmos_policy.wire.messages import CALLS, Call, decode_request, encode_answer
from cosmos_policy.wire.readers import read_whole

#: Arrays that take longer to pack than the way to a thread and back.
HEAVY = {"video", "frames"}


@dataclass(frozen=True)
class Heard:
    """One message, read. requests: typed, or what was wrong with it."""

    message_id: int
    call: Call
    requests: list[Any]
    envelope: Envelope
    reset: bool
    follow: bool


def routes(service: Service) -> APIRouter:
    """The socket of ``cosmos_policy.connect``."""
    router = APIRouter()

    @router.websocket("/v1/actions/socket")
    async def socket(websocket: WebSocket) -> None:
        await hold(websocket, NativeConversation(service, websocket.state.owner), service)

    return router


class NativeConversation(Conversation):
    """One connection. Sessions belong to the API key and the session id, so that a reconnected client goes on."""

    def __init__(self, service: Service, owner: str):
        self._service, self._owner = service, owner

    def greeting(self) -> bytes:
        """The protocol's version; the contract is at ``/info``."""
        return packb({"protocol": PROTOCOL, "embodiment": self._service.embodiment.name})

    def light(self, frame: bytes | str) -> bool:
        """Arrays are read where they lie: only the map in front of them takes time."""
        return map_bytes(frame) <= SMALL_BYTES if isinstance(frame, bytes) else super().light(frame)

    def read(self, frame: bytes | str) -> Heard:
        """In a thread: unpack and check."""
        if isinstance(frame, str):
            raise Invalid("A text frame came; this wire takes msgpack in binary frames.")
        message = unpack_framed(frame)
        if not isinstance(message, dict) or not all(isinstance(key, str) for key in message):
            raise Invalid("A message must be a map.")
        message_id = read_whole(message.pop("id", 0), "id")
        reset, follow = message.pop("reset", False), message.pop("follow", False)
        call = CALLS.get(str(message.pop("call", "policy"))[:60])
        requests = message.pop("requests", [])
        if call is None or not isinstance(requests, list) or not {type(reset), type(follow)} <= {bool}:
            raise Invalid(f"A message needs call (one of {', '.join(CALLS)}) and requests, a list of maps.")
        if len(requests) > self._service.settings.limits.batch_items:
            most = self._service.settings.limits.batch_items
            raise Invalid(f"{len(requests)} requests came in one message; at most {most} are taken.")
        envelope = read_envelope(message, self._owner, "native")
        if message:
            raise Invalid(f"A message has no field {str(next(iter(message)))[:60]!r}.")
        return Heard(message_id, call, [_typed(call, each) for each in requests], envelope, reset, follow)

    async def reply(self, heard: Heard, say: Say) -> bytes:
        """All answers of one message, after what they say on their way."""
        caller = heard.envelope.caller
        if heard.reset and caller.session_id is not None:
            await self._service.sessions.start_over(caller.owner, caller.session_id)
        group = new_group()
        asked = [
            self._one(heard, request, group, self._teller(heard, index, say))
            for index, request in enumerate(heard.requests)
        ]
        answers = [await asked[0]] if len(asked) == 1 else await _together(asked)
        reply = {"id": heard.message_id, "answers": answers}
        heavy = any(not HEAVY.isdisjoint(each.get("answer", ())) for each in answers)
        return await asyncio.to_thread(packb, reply) if heavy else packb(reply)

    def refusal(self, reason: Exception, retry_after_s: float | None) -> bytes:
        """A message that could not be read at all."""
        return packb({"id": None, "error": _error(reason)})

    def closed(self) -> None:
        """Sessions outlive the connection."""

    @staticmethod
    def _teller(heard: Heard, index: int, say: Say) -> Tell | None:
        """Sends what a call says on its way; None where nobody asked to hear it."""
        if not heard.follow:
            return None
        return lambda event: say(packb({"id": heard.message_id, "index": index, "event": event}))

    async def _one(self, heard: Heard, request: Any, group: int, tell: Tell | None) -> dict[str, Any]:
        if isinstance(request, Exception):
            return {"error": _error(request)}
        try:
            envelope = heard.envelope
            if isinstance(request, ReasonRequest):
                request = await asyncio.to_thread(read_pointed, request, self._service.settings)
            answer = await self._service.call(
                heard.call.name,
                request,
                envelope.caller,
                envelope.timeliness,
                continuation=envelope.continuation,
                group=group,
                tell=tell,
            )
        except (UsageError, Refusal) as reason:
            return {"error": _error(reason)}
        return {"answer": encode_answer(answer)}


async def _together(asked: list[Coroutine[Any, Any, dict[str, Any]]]) -> list[dict[str, Any]]:
    waiting = [asyncio.ensure_future(each) for each in asked]
    try:
        return await asyncio.gather(*waiting)
    finally:
        for task in waiting:
            task.cancel()


def _typed(call: Call, message: Any) -> Any:
    try:
        return decode_request(call, message)
    except ValueError as error:
        return Invalid(str(error))


def _error(reason: Exception) -> dict[str, Any]:
    refusal = reason if isinstance(reason, Refusal) else Invalid(str(reason))
    return {
        "status": refusal.status,
        "code": refusal.code,
        "message": str(refusal),
        "retry_after_s": refusal.retry_after_s,
    }
