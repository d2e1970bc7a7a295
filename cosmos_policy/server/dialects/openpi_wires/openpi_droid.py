"""openpi's DROID clients: wrist, one or two exterior cameras, no reset, no session."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cosmos_policy.server.dialects.openpi_wires.droid import WRIST, DroidWire
from embodiments import Embodiment

CAMERAS = {
    "wrist": WRIST,
    "exterior_1": "observation/exterior_image_1_left",
    "exterior_2": "observation/exterior_image_2_left",
}


class OpenPi(DroidWire):
    """The dialect of last resort: whatever no other knows is told what this one expects."""

    name, rank = "openpi", 90
    own_keys = tuple(CAMERAS.values())

    def knows(self, message: Mapping[str, Any]) -> bool:
        return True

    def cameras(self, message: Mapping[str, Any], robot: Embodiment) -> dict[str, str]:
        return {view: key for view, key in CAMERAS.items() if key in message}


WIRE = OpenPi()
