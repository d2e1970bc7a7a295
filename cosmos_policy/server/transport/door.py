"""The door: who may come in, how large what they bring may be, and how long it may take. Plain ASGI."""

from __future__ import annotations

import asyncio
import itertools
import json
import logging
from typing import Any
from urllib.parse import urlsplit

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cosmos_policy.server.errors import Forbidden, Refusal, TooLarge, Unauthorized
from cosmos_policy.server.keys import Keyring
from cosmos_policy.server.logs import request_id
from cosmos_policy.server.sessions import CONNECTION
from cosmos_policy.server.settings import ServerSettings
from cosmos_policy.server.transport.request_ids import new_request_id

logger = logging.getLogger(__name__)
#: Open without a key: what an orchestrator asks, and the page, which holds nothing secret.
OPEN_PATHS = ("/", "/healthz", "/readyz")
_connections = itertools.count(1)


class Door:
    """Authentication, origins, sizes, request ids, and the last net under unexpected errors."""

    def __init__(self, app: ASGIApp, settings: ServerSettings):
        self._app, self._settings = app, settings
        self._keys = Keyring(settings.security.api_keys)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        token = request_id.set(new_request_id(headers.get("x-request-id")))
        sent = _Sent(send, request_id.get())
        try:
            scope.setdefault("state", {})["owner"] = self._admit(scope, headers)
            scope["state"]["connection"] = f"{CONNECTION}{next(_connections)}"
            await self._app(scope, self._measured(scope, headers, receive), sent)
        except Refusal as refusal:
            await _refuse(scope, sent, refusal)
        except Exception:
            logger.exception("a request failed outside its route")
            if not sent.started:
                failed = Refusal("The server failed on this request; its log says why.")
                failed.status, failed.code = 500, "internal"
                await _refuse(scope, sent, failed)
        finally:
            request_id.reset(token)

    def _admit(self, scope: Scope, headers: dict[str, str]) -> str:
        """The caller's name. Raises :class:`Unauthorized` or :class:`Forbidden`."""
        # A page of another site must not use a browser on the robot's network to move the robot.
        origin = headers.get("origin")
        if origin and (scope["type"] == "websocket" or scope["method"] not in ("GET", "HEAD", "OPTIONS")):
            ours = urlsplit(origin).netloc == headers.get("host")
            if not ours and origin not in self._settings.security.allowed_origins:
                raise Forbidden("Web pages of other origins may not call this server; see --allowed-origin.")
        owner = self._keys.owner(headers.get("authorization"))
        if owner is not None:
            return owner
        if scope["type"] == "http" and scope["path"] in OPEN_PATHS:
            return "nobody"
        raise Unauthorized('An API key is needed: send "Authorization: Bearer KEY".')

    def _measured(self, scope: Scope, headers: dict[str, str], receive: Receive) -> Receive:
        """`receive`, with the body's size and time bounded."""
        if scope["type"] != "http":
            return receive
        limits = self._settings.limits
        multipart = headers.get("content-type", "").lower().startswith("multipart/")
        most = limits.upload_bytes if multipart else limits.message_bytes
        too_large = TooLarge(f"The body is larger than {most} bytes.")
        announced = headers.get("content-length", "")
        if announced.isdecimal() and int(announced) > most:
            raise too_large
        until = asyncio.get_running_loop().time() + limits.body_s
        taken, complete = 0, False

        async def measured() -> Message:
            nonlocal taken, complete
            if complete:
                return await receive()
            try:
                async with asyncio.timeout_at(until):
                    message = await receive()
            except TimeoutError:
                raise TooLarge(f"The body did not arrive within {limits.body_s:g} s.") from None
            taken += len(message.get("body", b""))
            complete = not message.get("more_body", False)
            if taken > most:
                raise too_large
            return message

        return measured


class _Sent:
    """`send`, noting whether an answer has begun, and adding the headers that every answer has."""

    def __init__(self, send: Send, identity: str):
        self._send, self._identity, self.started = send, identity, False

    async def __call__(self, message: Message) -> None:
        if message["type"] in ("http.response.start", "websocket.http.response.start"):
            self.started = True
            message.setdefault("headers", [])
            message["headers"] = [
                *message["headers"],
                (b"x-request-id", self._identity.encode()),
                (b"x-content-type-options", b"nosniff"),
            ]
        elif message["type"] in ("websocket.accept", "websocket.close"):
            self.started = True
        await self._send(message)


def error_body(refusal: Refusal) -> dict[str, Any]:
    """The error in OpenAI's shape, which every HTTP client here understands."""
    kind = "invalid_request_error" if refusal.status < 500 else "server_error"
    return {"error": {"message": str(refusal), "type": kind, "param": None, "code": refusal.code}}


def error_headers(refusal: Refusal) -> dict[str, str]:
    """Retry-After where asking again helps; and a hint to the openai client where it does not."""
    if refusal.retry_after_s is not None:
        return {"Retry-After": str(max(1, round(refusal.retry_after_s)))}
    headers = {"x-should-retry": "false"}
    if refusal.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return headers


async def _refuse(scope: Scope, send: _Sent, refusal: Refusal) -> None:
    if send.started:
        return
    body = json.dumps(error_body(refusal)).encode()
    headers = {"Content-Type": "application/json", "Content-Length": str(len(body)), **error_headers(refusal)}
    raw = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    prefix = "" if scope["type"] == "http" else "websocket."
    if prefix and "websocket.http.response" not in scope.get("extensions", {}):
        await send({"type": "websocket.close", "code": 1008, "reason": refusal.code})
        return
    await send({"type": f"{prefix}http.response.start", "status": refusal.status, "headers": raw})
    await send({"type": f"{prefix}http.response.body", "body": body, "more_body": False})
