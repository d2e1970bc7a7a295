"""Every other robot on the openpi wire: keys named as ``/info`` names its views and its state.

``observation/<view>`` or ``observation/images/<view>``; ``observation/<state>`` or ``observation/state/<state>``. The
rows are the robot's commands, side by side in the order of ``/info``; each comes under its own name as well.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from cosmos_policy.server.dialects.openpi_wires.base import OpenPiWire
from cosmos_policy.server.errors import Invalid
from cosmos_policy.types import ActionChunk
from cosmos_policy.wire.contract import required_state
from cosmos_policy.wire.readers import read_array
from embodiments import Embodiment


class Named(OpenPiWire):
    """The dialect of last resort for robots that no known client of openpi drives."""

    name, rank = "openpi_named", 99

    def serves(self, robot: Embodiment) -> bool:
        return True

    def knows(self, message: Mapping[str, Any]) -> bool:
        return True

    def keys(self, robot: Embodiment) -> tuple[str, ...]:
        views = [key for view in robot.views for key in _keys("images", view)]
        return (*views, *(key for field in required_state(robot) for key in _keys("state", field.name)))

    def cameras(self, message: Mapping[str, Any], robot: Embodiment) -> dict[str, str]:
        return {view: _key(message, "images", view) for view in robot.views}

    def state(self, message: Mapping[str, Any], robot: Embodiment) -> Mapping[str, np.ndarray]:
        found = {}
        for field in required_state(robot):
            key = _key(message, "state", field.name)
            if key not in message:
                raise Invalid(f"The observation lacks {key!r} ({field.meaning}, {field.unit}).")
            found[field.name] = read_array(message[key], key)
        return found

    def rows(self, chunk: ActionChunk) -> np.ndarray:
        return np.concatenate([rows.reshape(len(rows), -1) for rows in chunk.commands.values()], axis=1)

    def answer(self, chunk: ActionChunk, previous_ms: float | None) -> dict[str, Any]:
        """With each command under its own name."""
        named = {f"commands/{name}": rows for name, rows in chunk.commands.items()}
        return {**super().answer(chunk, previous_ms), **named}


def _keys(group: str, name: str) -> tuple[str, str]:
    return f"observation/{name}", f"observation/{group}/{name}"


def _key(message: Mapping[str, Any], group: str, name: str) -> str:
    """The key under which `message` holds it; the short one where it holds none."""
    short, long = _keys(group, name)
    if short in message and long in message:
        raise Invalid(f"{short!r} and {long!r} were both sent; expected one of them.")
    return long if long in message else short


WIRE = Named()
