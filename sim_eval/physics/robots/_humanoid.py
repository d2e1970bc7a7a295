"""What a simulated humanoid must state beside what every robot does."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from sim_eval.physics.robots.base import SimulatedRobot


@dataclass(frozen=True, kw_only=True)
class HandSetup:
    """A hand with five digits; names are without robosuite's prefix, vectors in the palm's frame."""

    palm: str
    """Body whose origin is the wrist."""
    out_of_palm: tuple[float, float, float]
    to_fingers: tuple[float, float, float]
    digits: tuple[tuple[str, ...], ...]
    """Thumb to little finger: the bodies of each, from the palm outward."""
    motors: tuple[tuple[str, ...], ...]
    """In robosuite's order: the joints that each motor closes, all at once; the last motor turns the thumb."""


@dataclass(frozen=True, kw_only=True)
class HumanoidSetup(SimulatedRobot):
    """A head with a camera, a waist, two arms and two hands on legs that stand still."""

    environment: ClassVar[str] = "sim_eval.physics.humanoid:HumanoidEnvironment"

    robosuite_robot: str
    head_body: str
    """Body that carries the camera."""
    hands: Mapping[str, HandSetup]

    @property
    def body(self) -> str:
        return "a humanoid"

    def robosuite_options(self) -> dict[str, Any]:
        parts = {part: self.joint_position_controller() for part in ("right", "left", "head", "torso")}
        return {
            "robots": [self.robosuite_robot],
            "controller_configs": [{"type": "BASIC", "body_parts": parts}],
        }
