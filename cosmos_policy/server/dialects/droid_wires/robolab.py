"""RoboLab's Cosmos 3 client: all three views composed in one frame (540x640), joints and gripper as rows.

Composed as in training already (wrist over the two exteriors), so it is cut up and laid out again without a change.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cosmos_policy.server.dialects.droid_wires.base import DroidWire


class RoboLab(DroidWire):
    """Recognised by the composed frame; the client resets only itself."""

    name, rank = "robolab", 20
    keys = ("observation/image",)

    def knows(self, message: Mapping[str, Any]) -> bool:
        return "observation/image" in message

    def cameras(self, message: Mapping[str, Any]) -> dict[str, str]:
        return {}


WIRE = RoboLab()
