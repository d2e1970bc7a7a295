"""What a simulated robot must state so that a scene can hold it and a recording can describe it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from sim_eval.physics.cameras import Camera


@dataclass(frozen=True)
class RobotSetup:
    """A robot of one or several equal arms in robosuite, with the cameras of its real counterpart."""

    name: str
    embodiments: tuple[str, ...]
    """The embodiments that this robot speaks. Recordings have the dataset layout of the first, and its views."""
    robosuite_robot: str
    robosuite_gripper: str
    dataset_robot_type: str
    """``robot_type`` of recorded LeRobot datasets."""
    base_body: str
    """Body whose frame the poses are reported in, without robosuite's prefix."""
    flange_body: str
    """Body whose frame is the reported tool frame, without robosuite's prefix."""
    gripper_joint: str
    """Joint that measures how far the gripper is closed, without robosuite's prefix."""
    gripper_stroke: float
    """Value of that joint when closed on nothing; 0 is open."""
    stiffness: float
    """Gain of the joint position controller, 1/s^2: acceleration per radian of error; damping is critical."""
    control_rate_hz: int
    cameras: tuple[Camera, ...]
    arms: Mapping[str, int] = field(default_factory=lambda: {"": 0})
    """Name of each arm, and the number that robosuite gives it; the only arm has no name."""
    recorded_commands: Mapping[str, str] = field(default_factory=dict)
    """Commands that recordings hold beside those that the embodiment's layout names, and where they stand in it."""
