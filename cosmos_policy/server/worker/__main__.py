"""``python -m cosmos_policy.server.worker SOCKET MEMORY``: the worker process. Started by the server, never by hand."""

from __future__ import annotations

import logging
import signal
import socket
import sys
from collections.abc import Callable, Mapping
from typing import Any

from cosmos_policy.errors import Cancelled
from cosmos_policy.server.logs import configure_logging
from cosmos_policy.server.memory import keep_freed_memory
from cosmos_policy.server.worker.channel import WorkerEnd
from cosmos_policy.server.worker.framing import ChannelClosed, SharedMemory
from cosmos_policy.server.worker.runner import FatalDeviceError, Runner, StartError, Tell

logger = logging.getLogger("cosmos_policy.server.worker")


def main() -> int:
    """Load, warm up, then answer until the server closes its end."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the server decides when we end
    configure_logging()
    keep_freed_memory()
    memory = SharedMemory(int(sys.argv[2]))
    channel = WorkerEnd(socket.socket(fileno=int(sys.argv[1])), memory)
    try:
        try:
            runner = Runner(channel.receive())
        except StartError as error:
            channel.send({"failed": str(error), "usage": error.usage})
            return 2 if error.usage else 1
        channel.send({"ready": runner.describe()})
        while True:
            message = channel.receive()
            exchange = message["exchange"]
            memory.take(exchange)  # from here on these requests are lost with us; before, they can wait
            tell = _teller(channel, memory, exchange, runner)
            answers = runner.answer(message["call"], message["requests"], tell, _answerer(channel))
            channel.send({"answers": answers, "memory": runner.device_memory()})
    except ChannelClosed:
        return 0
    except FatalDeviceError:
        logger.exception("the device cannot be used any more; the worker ends so that a new one can start")
        return 1


def _teller(channel: WorkerEnd, memory: SharedMemory, exchange: int, runner: Runner) -> Tell:
    """What a long call tells its progress to; raises :class:`Cancelled` there once nobody waits any more.

    An empty map says nothing, and only looks whether somebody still waits. Where something more urgent has come, it is
    computed here, between two steps of the long call.
    """

    def tell(event: Mapping[str, Any], part: int = 0) -> None:
        if memory.cancelled(exchange, part):
            raise Cancelled
        if event:
            channel.send({"event": event, "part": part})
        if memory.paused(exchange):
            channel.send({"paused": True})
            while "resume" not in (message := channel.receive()):
                answers = runner.answer(message["call"], message["requests"], _say_nothing)
                channel.send({"answers": answers, "memory": runner.device_memory()})

    return tell


def _answerer(channel: WorkerEnd) -> Callable[[int, Mapping[str, Any]], None]:
    """Takes the answer to one request of a batch that goes on without it."""

    def answer(part: int, outcome: Mapping[str, Any]) -> None:
        channel.send({"answered": outcome, "part": part})

    return answer


def _say_nothing(event: Mapping[str, Any], part: int = 0) -> None:
    """What is computed in between is short: nobody follows it."""


if __name__ == "__main__":
    sys.exit(main())
