"""One WebSocket connection: messages are read one after the other, answered in their order, and never on the loop."""

from __future__ import annotations

import asyncio
import logging
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable
from typing import Any

from fastapi import WebSocket, WebSocketDisconnect

from cosmos_policy.server.errors import Invalid, ModelFailed, Refusal
from cosmos_policy.server.logs import request_id
from cosmos_policy.server.service import Service
from cosmos_policy.server.transport.request_ids import new_request_id

logger = logging.getLogger(__name__)
#: Unpacking a message of this size takes about as long as the way to a thread and back.
SMALL_BYTES = 512 * 2**10
GOING_AWAY, TRY_AGAIN_LATER = 1001, 1013


Say = Callable[[bytes | str], None]


class Conversation(ABC):
    """A dialect's side of one connection."""

    @abstractmethod
    def greeting(self) -> bytes:
        """What the server says first."""

    @abstractmethod
    def read(self, frame: bytes | str) -> Any:
        """Unpack and check one message; in a thread where it is large. Raises ``ValueError`` or :class:`Refusal`."""

    def light(self, frame: bytes | str) -> bool:
        """Whether :meth:`read` may run on the event loop: it takes no longer than the way to a thread and back."""
        return len(frame) <= SMALL_BYTES

    @abstractmethod
    async def reply(self, heard: Any, say: Say) -> bytes | str:
        """The answer to what :meth:`read` returned. say: takes frames that go out before it."""

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
    answers: asyncio.Queue[_Answer] = asyncio.Queue(service.settings.limits.in_flight)
    writer = asyncio.create_task(_write(websocket, answers))
    reader = asyncio.create_task(_read(websocket, conversation, answers))
    try:
        await websocket.send_bytes(conversation.greeting())
        await asyncio.wait((reader, writer), return_when=asyncio.FIRST_COMPLETED)
        if reader.done() and not reader.cancelled() and reader.exception() is None:
            writer.cancel()
    except WebSocketDisconnect:
        logger.info("a client left before it was greeted")
    finally:
        reader.cancel()
        writer.cancel()
        while not answers.empty():
            answers.get_nowait().stop()
        for ended in await asyncio.gather(reader, writer, return_exceptions=True):
            if isinstance(ended, Exception) and not isinstance(ended, WebSocketDisconnect):
                logger.error("a connection ended unexpectedly", exc_info=ended)
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
            if conversation.light(frame):
                heard: Any = conversation.read(frame)
            else:
                heard = await asyncio.to_thread(conversation.read, frame)
        except (ValueError, Refusal) as error:
            heard = error
        except Exception:
            logger.exception("a message could not be read")
            heard = Invalid("The message could not be read.")
        answer = _Answer(conversation, heard)
        try:
            await answers.put(answer)
        except asyncio.CancelledError:
            answer.stop()
            raise


class _Answer:
    """What one message is answered with: frames as they come, the last one at the end."""

    def __init__(self, conversation: Conversation, heard: Any):
        self._frames: asyncio.Queue[bytes | str | asyncio.Task] = asyncio.Queue()
        self._task = asyncio.create_task(_reply(conversation, heard, self._frames.put_nowait))
        self._task.add_done_callback(self._frames.put_nowait)

    async def frames(self) -> AsyncIterator[bytes | str]:
        """Each frame, in order."""
        while (frame := await self._frames.get()) is not self._task:
            yield frame
        yield self._task.result()

    def stop(self) -> None:
        """Nobody reads it any more."""
        self._task.cancel()


async def _reply(conversation: Conversation, heard: Any, say: Say) -> bytes | str:
    try:
        if isinstance(heard, Exception):
            raise heard
        return await conversation.reply(heard, say)
    except (ValueError, Refusal) as error:
        return conversation.refusal(error, getattr(error, "retry_after_s", None))
    except Exception:
        logger.exception("a message could not be answered")
        return conversation.refusal(ModelFailed("The server failed on this message; its log says why."), None)


async def _write(websocket: WebSocket, answers: asyncio.Queue) -> None:
    while True:
        answer = await answers.get()
        try:
            async for frame in answer.frames():
                await (websocket.send_text(frame) if isinstance(frame, str) else websocket.send_bytes(frame))
        finally:
            answer.stop()
