"""RoboArena's clients, and DreamZero's in RoboLab: an endpoint, sessions, exteriors numbered from 0 (or from 1).

A reset is ``{"endpoint": "reset", "session_ids": [...] or None}`` and is answered with a TEXT.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cosmos_policy.server.dialects.openpi_wires.base import Reset, Sighting
from cosmos_policy.server.dialects.openpi_wires.droid import WRIST, DroidWire
from cosmos_policy.server.errors import Invalid
from cosmos_policy.wire.readers import read_text
from embodiments import Embodiment

_EXTERIOR = "observation/exterior_image_{}_left"
MOST_SESSIONS = 256


class RoboArena(DroidWire):
    """Recognised by `endpoint`, `session_id`, or the camera that is numbered 0."""

    name, rank = "roboarena", 10
    own_keys = ("endpoint", "session_id", "session_ids", WRIST, *(_EXTERIOR.format(number) for number in range(3)))

    def knows(self, message: Mapping[str, Any]) -> bool:
        return "endpoint" in message or "session_id" in message or _EXTERIOR.format(0) in message

    def cameras(self, message: Mapping[str, Any], robot: Embodiment) -> dict[str, str]:
        first = 0 if _EXTERIOR.format(0) in message else 1
        views = {"wrist": WRIST, "exterior_1": _EXTERIOR.format(first), "exterior_2": _EXTERIOR.format(first + 1)}
        return {view: key for view, key in views.items() if key in message}

    def read(self, message: Mapping[str, Any], robot: Embodiment) -> Sighting | Reset:
        endpoint = message.get("endpoint", "infer")
        if endpoint == "infer":
            return super().read(message, robot)
        if endpoint != "reset":
            raise Invalid(f"There is no endpoint {str(endpoint)[:60]!r}; expected 'infer' or 'reset'.")
        named = message.get("session_ids", message.get("session_id"))
        if named is None:
            return Reset(None)
        chosen = named if isinstance(named, list) else [named]
        if len(chosen) > MOST_SESSIONS:
            raise Invalid(f"{len(chosen)} sessions are to be reset; at most {MOST_SESSIONS} at once.")
        return Reset(tuple(read_text(session_id, "session_ids") for session_id in chosen))


WIRE = RoboArena()
