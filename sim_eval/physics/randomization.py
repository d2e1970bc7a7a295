"""What differs from one seed to the next, and by how much."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass

from cosmos_policy.errors import UsageError


@dataclass(frozen=True)
class Randomization:
    """Ranges of what chance decides in a scene; all of it follows from the scene's seed. 0 switches a part off.

    The defaults are for training data: wide enough that a policy has to look.
    """

    placement: float = 1.0
    """Size of the area that objects are placed in, as a factor of the task's own (which is 10 to 30 cm wide)."""
    start_joints_rad: float = 0.04
    """Standard deviation of each arm joint about its home position, rad. robosuite's own is 0.02."""
    approach_m: float = 0.04
    """How far beside an object an expert may begin its way down, m: what follows then shows how to get back, which a
    policy that drifts has to know."""
    object_colour: float = 0.25
    """Each colour channel of an object is multiplied by a number between 1 - this and 1: a red cube stays red."""
    surface_colour: float = 0.5
    """The same for table, bins, floor and walls."""
    light_intensity: float = 0.35
    """Lamps and ambient light are multiplied by a number between 1 - this and 1 + this."""
    light_position_m: float = 0.5
    """Each coordinate of a lamp moves by up to this, m."""
    camera_position_m: float = 0.015
    """Each coordinate of a camera moves by up to this, m."""
    camera_rotation_deg: float = 1.5
    """A camera turns about each of its axes by up to this, degrees."""

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if not (math.isfinite(value) and value >= 0):
                raise UsageError(f"randomization {name} is {value}; expected a finite number of at least 0.")
        for name in ("object_colour", "surface_colour", "light_intensity"):
            if getattr(self, name) > 1:
                raise UsageError(f"randomization {name} is {getattr(self, name)}; expected at most 1, a fraction.")
        if self.placement > 1:
            raise UsageError(
                f"randomization placement is {self.placement}; expected at most 1: beyond the task's own area the arm "
                "does not reach everything."
            )


PLAIN = Randomization(
    start_joints_rad=0.02,
    approach_m=0.0,
    object_colour=0.0,
    surface_colour=0.0,
    light_intensity=0.0,
    light_position_m=0.0,
    camera_position_m=0.0,
    camera_rotation_deg=0.0,
)
"""Objects over the task's whole area and robosuite's scatter of the start; every scene looks the same."""
