"""What a simulated robot must state so that a scene can hold it and a recording can describe it."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from sim_eval.physics.cameras import Camera


@dataclass(frozen=True, kw_only=True)
class SimulatedRobot(ABC):
    """A robot in robosuite, with the cameras of its real counterpart."""

    environment: ClassVar[str]
    """``module:class`` of its :class:`~sim_eval.physics.scene_environment.SceneEnvironment`."""

    name: str
    embodiments: tuple[str, ...]
    """The embodiments that this robot speaks. Recordings have the dataset layout of the first, and its views."""
    dataset_robot_type: str
    """``robot_type`` of recorded LeRobot datasets."""
    stiffness: float
    """Gain of the joint position controllers, 1/s^2: acceleration per radian of error; damping is critical."""
    control_rate_hz: int
    cameras: tuple[Camera, ...]
    recorded_commands: Mapping[str, str] = field(default_factory=dict)
    """Commands that recordings hold beside those that the embodiment's layout names, and where they stand in it."""

    @property
    @abstractmethod
    def body(self) -> str:
        """What tasks ask for: "one arm", "two arms", "a humanoid"."""

    @abstractmethod
    def robosuite_options(self) -> dict[str, Any]:
        """``robots``, ``gripper_types`` and ``controller_configs`` for a robosuite environment."""

    def joint_position_controller(self) -> dict[str, Any]:
        """robosuite's controller of one part: absolute joint positions, critically damped."""
        return {
            "type": "JOINT_POSITION",
            "input_type": "absolute",
            "impedance_mode": "fixed",
            "kp": self.stiffness,
            "damping_ratio": 1,
            "interpolation": None,
            "gripper": {"type": "GRIP"},
        }


@dataclass(frozen=True, kw_only=True)
class RobotSetup(SimulatedRobot):
    """A robot of one or several equal arms, each with a gripper."""

    environment: ClassVar[str] = "sim_eval.physics.environment:PhysicsEnvironment"

    robosuite_robot: str
    robosuite_gripper: str
    base_body: str
    """Body whose frame the poses are reported in, without robosuite's prefix."""
    flange_body: str
    """Body whose frame is the reported tool frame, without robosuite's prefix."""
    gripper_joint: str
    """Joint that measures how far the gripper is closed, without robosuite's prefix."""
    gripper_stroke: float
    """Value of that joint when closed on nothing; 0 is open."""
    arms: Mapping[str, int] = field(default_factory=lambda: {"": 0})
    """Name of each arm, and the number that robosuite gives it; the only arm has no name."""

    @property
    def body(self) -> str:
        return {1: "one arm", 2: "two arms"}[len(self.arms)]

    def robosuite_options(self) -> dict[str, Any]:
        return {
            "robots": [self.robosuite_robot] * len(self.arms),
            "gripper_types": [self.robosuite_gripper] * len(self.arms),
            "controller_configs": [
                {"type": "BASIC", "body_parts": {"right": self.joint_position_controller()}} for _ in self.arms
            ],
        }
