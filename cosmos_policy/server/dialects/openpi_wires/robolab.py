"""RoboLab's Cosmos 3 client: all three views composed in one frame (540x640), joints and gripper as rows.

Composed as in training already (wrist over the two exteriors), so it is cut up and laid out again without a change.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from cosmos_policy.server.dialects.openpi_wires.base import read_picture
from cosmos_policy.server.dialects.openpi_wires.droid import DroidWire
from embodiments import Embodiment


class RoboLab(DroidWire):
    """Recognised by the composed frame; the client resets only itself."""

    name, rank = "robolab", 20
    own_keys = ("observation/image",)

    def knows(self, message: Mapping[str, Any]) -> bool:
        return "observation/image" in message

    def composed(self, message: Mapping[str, Any]) -> np.ndarray:
        return read_picture(message["observation/image"], "observation/image")

    def cameras(self, message: Mapping[str, Any], robot: Embodiment) -> dict[str, str]:
        return {}


WIRE = RoboLab()
