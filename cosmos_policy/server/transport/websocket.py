"""One WebSocket connection: messages are read one after the other, answered in their order, and never on the loop."""

from __future__ import annotations

import asyncio
import logging
from abc import ABC, abstractmethod
from typing import Any

from fastapi import WebSocket, WebSocketDisconnect

from cosmos_policy.server.errors import Invalid, ModelFailed, Refusal
from cosmos_policy.server.logs import request_id
from cosmos_policy.server.service import Service
from cosmos_policy.server.transport.request_ids import new_request_id

logger = logging.getLogger(__name__)
#: Unpacking copies arrays and no more, a tenth of a millisecond a megabyte, and holds the interpreter in a thread as
#: well: up to this size the way to a thread and back would take longer.
SMALL_BYTES = 4 * 2**20
GOING_AWAY, TRY_AGAIN_LATER = 1001, 1013


class Conversation(ABC):
    """A dialect's side of one connection."""

    @abstractmethod
    def greeting(self) -> bytes:
        """What the server says first."""

    @abstractmethod
    def read(self, frame: bytes | str) -> Any:
        """Unpack and check one message; in a thread where it is large. Raises ``ValueError`` or :class:`Refusal`."""

    @abstractmethod
    async def reply(self, heard: Any) -> bytes | str:
        """The answer to what :meth:`read` returned."""

    @abstractmethod
    def refusal(self, reason: Exception, retry_after_s: float | None) -> bytes | str:
        """How this dialect says that there is no answer."""

    @abstractmethod
    def closed(self) -> None:
        """The connection is gone."""


async def hold(websocket: WebSocket, conversation: Conversation, service: Service) -> None:
    """Serve one connection until either side ends it. What it still waits for is then not computed."""
    if service.connections >= service.settings.limits.connections:
        await websocket.close(TRY_AGAIN_LATER, "the server has as many connections as it takes")
        return
    await websocket.accept()
    service.count_connection(+1)
    answers: asyncio.Queue[asyncio.Task | None] = asyncio.Queue(service.settings.limits.in_flight)
    writer = asyncio.create_task(_write(websocket, answers))
    reader = asyncio.create_task(_read(websocket, conversation, answers))
    try:
        await websocket.send_bytes(conversation.greeting())
        await asyncio.wait((reader, writer), return_when=asyncio.FIRST_COMPLETED)
        if reader.done() and not reader.cancelled() and reader.exception() is None:
            writer.cancel()
    except (WebSocketDisconnect, RuntimeError):  # gone before it was greeted
        pass
    finally:
        reader.cancel()
        writer.cancel()
        while not answers.empty():
            if (task := answers.get_nowait()) is not None:
                task.cancel()
        await asyncio.gather(reader, writer, return_exceptions=True)
        service.count_connection(-1)
        conversation.closed()


async def _read(websocket: WebSocket, conversation: Conversation, answers: asyncio.Queue) -> None:
    while True:
        event = await websocket.receive()
        if event["type"] == "websocket.disconnect":
            return
        frame = event.get("bytes")
        if frame is None:
            frame = event.get("text") or ""
        request_id.set(new_request_id())
        try:
            # One after the other, so that the newest observation is also the last to be queued.
            if len(frame) <= SMALL_BYTES:
                heard: Any = conversation.read(frame)
            else:
                heard = await asyncio.to_thread(conversation.read, frame)
        except (ValueError, Refusal) as error:
            heard = error
        except Exception:
            logger.exception("a message could not be read")
            heard = Invalid("The message could not be read.")
        await answers.put(asyncio.create_task(_answer(conversation, heard)))


async def _answer(conversation: Conversation, heard: Any) -> bytes | str:
    try:
        if isinstance(heard, Exception):
            raise heard
        return await conversation.reply(heard)
    except (ValueError, Refusal) as error:
        return conversation.refusal(error, getattr(error, "retry_after_s", None))
    except Exception:
        logger.exception("a message could not be answered")
        return conversation.refusal(ModelFailed("The server failed on this message; its log says why."), None)


async def _write(websocket: WebSocket, answers: asyncio.Queue) -> None:
    while True:
        task = await answers.get()
        try:
            answer = await task
        except asyncio.CancelledError:
            task.cancel()
            raise
        if isinstance(answer, str):
            await websocket.send_text(answer)
        else:
            await websocket.send_bytes(answer)
