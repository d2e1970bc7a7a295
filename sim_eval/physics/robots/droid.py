"""DROID's robot in robosuite: a Franka Panda with a Robotiq 2F-85, two cameras beside the table and one on the wrist.

Frames. DROID reports the pose of Polymetis' end-effector link ``panda_link8``, the flange: Denavit-Hartenberg
``a7 = 0.088 m``, ``d_flange = 0.107 m`` after joint 7, z out of the flange. Its home pose is
``[0, -pi/5, 0, -4 pi/5, 0, 3 pi/5, 0]`` rad, where the flange's axes in the base frame are diag(1, -1, -1): x forward,
y to the robot's right, z down, so Euler xyz = (pi, 0, 0); recorded DROID episodes start near it.

robosuite's Panda carries Franka's own hand instead: its ``right_hand`` body is turned by -45 degrees about z, stands
0.5 mm short of the flange, and home has joint 7 at +45 degrees. Here ``right_hand`` gets DROID's place: turn 0 and
0.107 m. So it *is* ``panda_link8``; recorded joints and poses mean what they mean in DROID, and no further rotation is
applied. The step to the model's axes (``C`` in the embodiment ``droid``: x along the flange's y, y along its -x) then
matches the wrist picture: x is right in it, y is down.

Conventions of ours, where DROID's documents give no number: the Robotiq closes along the flange's y; the wrist camera
stands in front of it (flange +x) and looks along the fingers, 3 cm to the side like the left eye of a ZED Mini; one
exterior camera stands to the left of the table, the other to the right, and both show the whole arm.
"""

import numpy as np
from robosuite.models.grippers import register_gripper
from robosuite.models.robots import Panda
from robosuite.robots import register_robot_class

from sim_eval.physics.cameras import Camera
from sim_eval.physics.robots._robotiq import CLOSED_RAD, PositionRobotiq85
from sim_eval.physics.robots.base import RobotSetup

CONTROL_RATE_HZ = 15
FLANGE_DISTANCE_M = 0.107
HOME_RAD = (0.0, -np.pi / 5, 0.0, -4 * np.pi / 5, 0.0, 3 * np.pi / 5, 0.0)
"""Where a DROID episode starts (``reset_joints`` of DROID's ``RobotEnv``)."""


@register_robot_class("FixedBaseRobot")
class DroidPanda(Panda):
    """robosuite's Panda with DROID's flange and home pose."""

    def __init__(self, idn: int | str = 0) -> None:
        super().__init__(idn=idn)
        hand = self.worldbody.find(f".//body[@name='{self.naming_prefix}right_hand']")
        hand.set("pos", f"0 0 {FLANGE_DISTANCE_M}")
        hand.set("quat", "1 0 0 0")
        self.hand_rotation_offset["right"] = np.array([0.0, 0.0, 0.0, 1.0])  # xyzw

    @property
    def init_qpos(self) -> np.ndarray:
        return np.array(HOME_RAD)


@register_gripper
class DroidRobotiq85(PositionRobotiq85):
    """The gripper at DROID's rate."""

    control_rate_hz = CONTROL_RATE_HZ


ROBOT = RobotSetup(
    name="droid",
    embodiments=("droid_joint", "droid"),  # the first one's datasets hold all that the other's do, and the joints
    robosuite_robot="DroidPanda",
    robosuite_gripper="DroidRobotiq85",
    dataset_robot_type="panda",
    base_body="base",
    flange_body="right_hand",
    gripper_joint="finger_joint",
    gripper_stroke=CLOSED_RAD,
    stiffness=600.0,
    control_rate_hz=CONTROL_RATE_HZ,
    cameras=(
        Camera("wrist", "right_hand", (0.075, -0.03, 0.02), (0.0, 0.0, 0.20), (1.0, 0.0, 0.0), 60.0),
        Camera("exterior_1", "base", (0.72, 0.72, 0.46), (0.38, 0.0, 0.14), (0.0, 0.0, 1.0), 58.0),
        Camera("exterior_2", "base", (0.60, -0.78, 0.46), (0.38, 0.0, 0.14), (0.0, 0.0, 1.0), 58.0),
    ),
)
