"""The server's side of the worker: starts it, talks to it, and starts another when it dies."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from cosmos_policy.server.errors import Abandoned, Invalid, ModelFailed, StartFailed, WorkerLost
from cosmos_policy.server.metrics import Metrics
from cosmos_policy.server.settings import ServerSettings
from cosmos_policy.server.worker.channel import ServerEnd
from cosmos_policy.server.worker.framing import ChannelClosed, SharedMemory, make_shared_memory
from cosmos_policy.wire.messages import CALLS, decode_answer, encode_request

logger = logging.getLogger(__name__)
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 30.0
STOP_S = 5.0
#: Requests that a worker never took go to the next one; after so many, they are likely the cause.
MOST_HANDOVERS = 3


#: (which request, what it says on its way, or its answer)
Tell = Callable[[int, Any], None]
#: (call, requests) -> outcomes
Compute = Callable[[str, Sequence[Any]], Awaitable[list[Any]]]
Between = Callable[[Compute], Awaitable[None]]


class NotTaken(Exception):
    """The worker was gone before it had taken these requests."""


class Supervisor:
    """Keeps one worker alive. All methods run on the event loop."""

    def __init__(self, settings: ServerSettings, metrics: Metrics):
        self._settings, self._metrics = settings, metrics
        self._ready = asyncio.Event()
        self._process: subprocess.Popen | None = None
        self._channel: ServerEnd | None = None
        self._memory: SharedMemory | None = None
        self._stopping = False
        self._keeper: asyncio.Task | None = None
        self._gone = asyncio.Event()
        self._exchanges, self._exchange_now = itertools.count(1), 0
        self._in_use = asyncio.Lock()
        self.state = "starting"
        self.restarts = 0
        self.facts: dict[str, Any] | None = None
        """What the worker told of model and robot when it was last ready; None before the first time."""
        self.start_failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """Holds a :class:`StartFailed` when the first start fails: there is nothing to serve then."""

    @property
    def pid(self) -> int | None:
        """The worker's process id."""
        return None if self._process is None else self._process.pid

    def details(self) -> Mapping[str, Any]:
        """Nothing beyond what every worker tells."""
        return {}

    def start(self) -> None:
        """Begin loading; returns at once."""
        self._keeper = asyncio.create_task(self._keep())

    async def wait_ready(self) -> None:
        """Until the worker is loaded and warm."""
        await self._ready.wait()

    async def compute(
        self, call: str, requests: Sequence[Any], tell: Tell | None = None, between: Between | None = None
    ) -> list[Any]:
        """An answer, or the :class:`Refusal` it ended with, for each request. Raises :class:`WorkerLost`.

        tell: called on the event loop with what the call says on its way (maps), and with the answers to requests of a
        batch that goes on without them. between: awaited when the call has paused
        (see :meth:`pause`), with a function that computes something else meanwhile; the call goes on afterwards.
        """
        for _ in range(MOST_HANDOVERS):
            await self._ready.wait()
            try:
                return await self._attempt(call, list(requests), tell, between)
            except NotTaken:
                self._ready.clear()  # it had died before it looked at them: they wait for the next
        raise self._lost()

    def cancel(self, part: int = 0) -> None:
        """Nobody waits for this request of what is being computed: a call that follows ends at its next step, any other
        as it would."""
        if self._memory is not None:
            self._memory.cancel(self._exchange_now, part)

    def follows_together(self, call: str) -> bool:
        """Whether several requests of a call that follows are computed at once."""
        return self.facts is not None and call in self.facts.get("together", ())

    def pause(self) -> None:
        """Something more urgent waits: a call that follows makes room for it at its next step."""
        if self._memory is not None:
            self._memory.pause(self._exchange_now)

    async def _attempt(self, call: str, requests: list[Any], tell: Tell | None, between: Between | None) -> list[Any]:
        process, limit_s = self._process, self._settings.scheduling.worker_timeout_s
        hung = asyncio.get_running_loop().call_later(limit_s, _give_up, process, limit_s)
        try:
            async with self._in_use:
                self._exchange_now = next(self._exchanges)
                return await self._exchange(call, requests, tell, between)
        except ChannelClosed:
            self._ready.clear()
            if not self._memory.taken(self._exchange_now):
                raise NotTaken from None
            raise self._lost() from None
        finally:
            hung.cancel()

    async def _exchange(self, call: str, requests: list[Any], tell: Tell | None, between: Between | None) -> list[Any]:
        channel = self._channel
        messages = [encode_request(request) for request in requests]
        await channel.send({"call": call, "requests": messages, "exchange": self._exchange_now})
        while "answers" not in (reply := await channel.receive()):
            if "event" in reply and tell is not None:
                tell(reply["part"], reply["event"])
            if "answered" in reply and tell is not None:
                tell(reply["part"], _outcome(call, reply["answered"]))
            if "paused" in reply:
                if between is not None:
                    await between(self._meanwhile)
                await channel.send({"resume": True})
        return self._outcomes(call, reply)

    async def _meanwhile(self, call: str, requests: Sequence[Any]) -> list[Any]:
        """As :meth:`compute`, while the call that was asked before has paused."""
        messages = [encode_request(request) for request in requests]
        try:
            await self._channel.send({"call": call, "requests": messages}, share=False)
            return self._outcomes(call, await self._channel.receive())
        except ChannelClosed:
            raise self._lost() from None

    def _outcomes(self, call: str, reply: Mapping[str, Any]) -> list[Any]:
        for kind, count in reply["memory"].items():
            self._metrics.gpu_memory.labels(kind).set(count)
        return [_outcome(call, answer) for answer in reply["answers"]]

    async def stop(self) -> None:
        """End the worker, gently first."""
        self._stopping = True
        self._ready.clear()
        if self._keeper is not None:
            self._keeper.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._keeper
        if self._process is not None:
            await asyncio.to_thread(_end, self._process)
            await self._hang_up()
        self.state = "stopped"

    async def _keep(self) -> None:
        pause = FIRST_PAUSE_S
        while not self._stopping:
            try:
                await self._launch()
            except StartFailed as error:
                if self.facts is None:
                    self.state = "failed"
                    self.start_failed.set_exception(error)
                    return
                logger.error("the worker could not start again: %s; next try in %g s", error, pause)
                await asyncio.sleep(pause)
                pause = min(2 * pause, LONGEST_PAUSE_S)
                continue
            pause = FIRST_PAUSE_S
            await self._gone.wait()
            self._ready.clear()
            await self._hang_up()
            self.state = "restarting"
            self._metrics.worker_ready.set(0)
            self._metrics.worker_restarts.inc()
            self.restarts += 1
            logger.error("the worker ended with code %s; starting another", self._process.poll())

    async def _launch(self) -> None:
        """Spawn, hand over the settings, and wait until it is warm."""
        self._gone = asyncio.Event()
        loop, gone = asyncio.get_running_loop(), self._gone
        started = time.monotonic()
        self._process, self._channel, self._memory = _spawn()
        process, channel = self._process, self._channel
        threading.Thread(target=_watch, args=(process, loop, gone), daemon=True).start()
        settings = self._settings
        message = {
            "loader": settings.model.loader,
            "options": dict(settings.model.options),
            "embodiment": settings.embodiment,
            "inject_latency_ms": settings.inject_latency_ms,
            "threads": settings.threads,
            "warm_up_calls": list(settings.warm_up_calls),
            "warm_up_batches": list(settings.warm_up_batches),
            "warm_up_instructions": list(settings.warm_up_instructions),
        }
        try:
            await channel.send(message)
            reply = await channel.receive()
        except ChannelClosed:
            raise StartFailed("The worker ended while it loaded the model; its log says why.", usage=False) from None
        if "failed" in reply:
            raise StartFailed(reply["failed"], usage=reply["usage"])
        self.facts = reply["ready"]
        self.state = "ready"
        self._metrics.worker_ready.set(1)
        self._metrics.worker_load_seconds.set(time.monotonic() - started)
        self._ready.set()
        logger.info("the worker is ready: %s", self.facts["model"]["engine"], extra={"load_s": self.facts["load_s"]})

    async def _hang_up(self) -> None:
        """The worker is gone: whoever still reads from it hears so, and then the socket is closed."""
        self._channel.shut()
        async with self._in_use:
            self._channel.close()

    def _lost(self) -> WorkerLost:
        expected = 5.0 if self.facts is None else max(1.0, self.facts["load_s"])
        return WorkerLost(
            f"The process that computed this request ended before it answered; a new one is loading (about "
            f"{expected:.0f} s). Ask again.",
            retry_after_s=expected,
        )


def _give_up(process: subprocess.Popen, limit_s: float) -> None:
    """A worker that hangs is ended; its channel breaks, and all goes as with any other death."""
    logger.error("the worker hung: no answer within %g s", limit_s)
    process.kill()


def _outcome(call: str, answer: dict[str, Any]) -> Any:
    if "answer" in answer:
        return decode_answer(CALLS[call], answer["answer"])
    if "cancelled" in answer:
        return Abandoned("The call was stopped: whoever asked for it has gone.")
    return Invalid(answer["error"]) if answer["usage"] else ModelFailed(answer["error"])


def _spawn() -> tuple[subprocess.Popen, ServerEnd, SharedMemory]:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    descriptor = make_shared_memory()
    try:
        with theirs:
            process = subprocess.Popen(
                [sys.executable, "-m", "cosmos_policy.server.worker", str(theirs.fileno()), str(descriptor)],
                pass_fds=(theirs.fileno(), descriptor),
                stdin=subprocess.DEVNULL,
            )
        memory = SharedMemory(descriptor)
        return process, ServerEnd(ours, memory), memory
    finally:
        os.close(descriptor)  # the mappings stay


def _watch(process: subprocess.Popen, loop: asyncio.AbstractEventLoop, gone: asyncio.Event) -> None:
    process.wait()
    with contextlib.suppress(RuntimeError):  # the loop is closed: the server has gone as well
        loop.call_soon_threadsafe(gone.set)


def _end(process: subprocess.Popen) -> None:
    process.terminate()
    try:
        process.wait(STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
