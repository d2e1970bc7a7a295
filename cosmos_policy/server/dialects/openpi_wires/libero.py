"""openpi's LIBERO client: both cameras and the simulator's state; it steps its simulator with the rows as they come.

The client turns its images by 180 degrees, as the training data were, and scales them to 224x224. Its state (position,
axis-angle, two fingers) is checked and not read: the policy was trained on pictures alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from cosmos_policy.server.dialects.openpi_wires.base import OpenPiWire
from cosmos_policy.server.errors import Invalid
from cosmos_policy.types import ActionChunk
from cosmos_policy.wire.readers import read_array
from embodiments import Embodiment
from embodiments.robots.libero import simulator_actions

ROBOT = "libero"
CAMERAS = {"third_person": "observation/image", "wrist": "observation/wrist_image"}
STATE = "observation/state"
STATE_WIDTH = 8
#: NVIDIA's LIBERO data, whose statistics the embodiment has, hold 1 for an open gripper and 0 for a closed one.
GRIPPER_MODE = "zero_one"


class Libero(OpenPiWire):
    """``actions`` [T, 7]: the controller's own deltas, then the gripper, negative = open."""

    name, rank = "openpi_libero", 50

    def serves(self, robot: Embodiment) -> bool:
        return robot.name == ROBOT

    def knows(self, message: Mapping[str, Any]) -> bool:
        return True

    def keys(self, robot: Embodiment) -> tuple[str, ...]:
        return (*CAMERAS.values(), STATE)

    def cameras(self, message: Mapping[str, Any], robot: Embodiment) -> dict[str, str]:
        return CAMERAS

    def state(self, message: Mapping[str, Any], robot: Embodiment) -> Mapping[str, np.ndarray]:
        if message.get(STATE) is not None:
            given = read_array(message[STATE], STATE)
            if given.shape != (STATE_WIDTH,):
                raise Invalid(
                    f"{STATE!r} must have shape [{STATE_WIDTH}] (position in m, axis-angle in rad, two fingers), not "
                    f"{list(given.shape)}."
                )
        return {}

    def rows(self, chunk: ActionChunk) -> np.ndarray:
        return simulator_actions(chunk.commands, GRIPPER_MODE)


WIRE = Libero()
