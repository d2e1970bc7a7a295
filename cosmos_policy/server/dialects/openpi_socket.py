"""WebSocket ``/``: the openpi wire. One greeting that fits every known client, then one reply for each message.

Errors are TEXT frames, which every openpi client takes for an error; an answer is always binary.
"""

from __future__ import annotations

import time
from collections.abc import Mapping

import numpy as np
from fastapi import APIRouter, WebSocket

from cosmos_policy.server.dialects.openpi_wires import wires_for
from cosmos_policy.server.dialects.openpi_wires.base import OpenPiWire, Reset, Sighting
from cosmos_policy.server.errors import Invalid
from cosmos_policy.server.service import Caller, Service, Timeliness
from cosmos_policy.server.transport.websocket import Conversation, Say, hold
from cosmos_policy.types import Observation, PolicyRequest
from cosmos_policy.wire.arrays import packb, unpackb
from embodiments import Embodiment


def routes(service: Service) -> APIRouter:
    """The root path."""
    router = APIRouter()

    @router.websocket("/")
    async def root(websocket: WebSocket) -> None:
        await hold(websocket, OpenPiConversation(service, websocket.state.connection), service)

    return router


class OpenPiConversation(Conversation):
    """One connection. `connection` tells it from all others."""

    def __init__(self, service: Service, connection: str):
        self._service, self._owner = service, connection
        self._wires = wires_for(service.embodiment)
        self._previous_ms: float | None = None

    def greeting(self) -> bytes:
        """What the robot's own clients expect; the whole contract is at ``/info``."""
        return packb(self._wires[0].greeting(self._service.embodiment))

    def read(self, frame: bytes | str) -> tuple[OpenPiWire, Sighting | Reset]:
        """In a thread: unpack and check."""
        if isinstance(frame, str):
            raise Invalid("A text frame came; this wire takes msgpack in binary frames.")
        message = unpackb(frame)
        if not isinstance(message, Mapping) or not all(isinstance(key, str) for key in message):
            raise Invalid("A message must be a map of observations.")
        wire = next(wire for wire in self._wires if wire.knows(message))
        return wire, wire.read(message, self._service.embodiment)

    async def reply(self, heard: tuple[OpenPiWire, Sighting | Reset], say: Say) -> bytes | str:
        """One answer."""
        wire, what = heard
        if isinstance(what, Reset):
            self._reset(what)
            return wire.reset_reply()
        started = time.monotonic()
        images, notes = self._views(wire, what)
        robot = self._service.embodiment.name
        request = PolicyRequest(Observation(images, what.state, what.stamp), what.instruction, robot, seed=what.seed)
        caller = Caller(self._owner, wire.name, what.session_id)
        timeliness = Timeliness(what.age_ms, what.deadline_ms)
        chunk = await self._service.call(
            "policy", request, caller, timeliness, continuation=what.continuation, notes=notes
        )
        previous, self._previous_ms = self._previous_ms, 1e3 * (time.monotonic() - started)
        return packb(wire.answer(chunk, previous))

    def refusal(self, reason: Exception, retry_after_s: float | None) -> str:
        """One sentence, as TEXT."""
        return str(reason)

    def closed(self) -> None:
        """Forget the connection's sessions."""
        self._service.sessions.close(self._owner)

    def _reset(self, what: Reset) -> None:
        if what.session_ids is None:
            self._service.sessions.reset_all(self._owner)
        for session_id in what.session_ids or ():
            self._service.sessions.reset(self._owner, session_id)

    def _views(self, wire: OpenPiWire, what: Sighting) -> tuple[dict[str, np.ndarray], tuple[str, ...]]:
        """All of the robot's views. A camera that did not come is an error, or black where the operator chose so."""
        robot = self._service.embodiment
        if what.composed is not None:
            _check_composed(what.composed, robot)
            return dict(robot.split(what.composed)), ()
        images, missing = dict(what.images), [view for view in robot.views if view not in what.images]
        if not missing:
            return images, ()
        if self._service.settings.missing_views != "blank" or not images:
            raise Invalid(
                f"The camera{'s' if len(missing) > 1 else ''} {', '.join(missing)} did not come, and the policy was "
                f"trained with {', '.join(robot.views)}: send all of them (the {wire.name} dialect knows the keys "
                f"{', '.join(wire.keys(robot))}), or let the operator start the server with --missing-views blank."
            )
        size = next(iter(images.values())).shape
        images.update({view: np.zeros(size, np.uint8) for view in missing})
        return images, (f"views {', '.join(missing)} were not sent and are black",)


def _check_composed(frame: np.ndarray, robot: Embodiment) -> None:
    """A frame of other proportions than the robot's would be cut through its views."""
    height, width = robot.view_layout.frame_size(dict.fromkeys(robot.views, robot.example_image_size))
    if abs(frame.shape[0] / frame.shape[1] - height / width) > 0.01 * height / width:
        raise Invalid(
            f"'observation/image' is {frame.shape[1]}x{frame.shape[0]} (width x height); expected the views composed "
            f"as {robot.view_layout.describe()}, in the proportions of {width}x{height}."
        )
