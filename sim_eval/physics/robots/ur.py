"""RoboMIND's UR5e in robosuite, with a Robotiq 2F-85 and one camera in front.

Frames. The embodiment ``ur`` reports poses of MuJoCo's ``attachment_site`` in MuJoCo's world frame, where the arm of
NVIDIA's model stands turned by half a turn about z. robosuite's UR5e has the same links; its ``right_hand`` stands
2 mm short of that site. Here ``right_hand`` gets the site's place, and a body without mass, ``chain_world``, gives the
frame: the forward kinematics that the embodiment was trained with then holds to rounding (a test compares them). Seen
from ``chain_world`` the arm reaches towards -x.

The gripper closes along the flange's y, as on DROID's robot. Where the camera stands is a convention of ours: RoboMIND
says only that ``camera_top`` sees the scene from outside the robot. 10 Hz is RoboMIND's rate.
"""

from xml.etree import ElementTree

import numpy as np
from robosuite.models.grippers import register_gripper
from robosuite.models.robots import UR5e
from robosuite.robots import register_robot_class

from sim_eval.physics.cameras import Camera
from sim_eval.physics.robots._robotiq import CLOSED_RAD, PositionRobotiq85
from sim_eval.physics.robots.base import RobotSetup

CONTROL_RATE_HZ = 10
SITE_DISTANCE_M = 0.1
HOME_RAD = (-0.3247, -1.7742, 1.9778, -1.7743, -1.5708, -1.8955)
"""Flange 0.42 m before the base and 0.40 m above it, z down, x away from the base."""


@register_robot_class("FixedBaseRobot")
class RobomindUR5e(UR5e):
    """robosuite's UR5e with the flange frame, the world frame and the home pose said above."""

    def __init__(self, idn: int | str = 0) -> None:
        super().__init__(idn=idn)
        prefix = self.naming_prefix
        self.worldbody.find(f".//body[@name='{prefix}right_hand']").set("pos", f"0 {SITE_DISTANCE_M} 0")
        base = self.worldbody.find(f".//body[@name='{prefix}base']")
        ElementTree.SubElement(base, "body", name=f"{prefix}chain_world", quat="0 0 0 1")

    @property
    def init_qpos(self) -> np.ndarray:
        return np.array(HOME_RAD)


@register_gripper
class RobomindRobotiq85(PositionRobotiq85):
    """The gripper at RoboMIND's rate."""

    control_rate_hz = CONTROL_RATE_HZ


ROBOT = RobotSetup(
    name="ur",
    embodiments=("ur",),
    robosuite_robot="RobomindUR5e",
    robosuite_gripper="RobomindRobotiq85",
    dataset_robot_type="ur_5e",
    base_body="chain_world",
    flange_body="right_hand",
    gripper_joint="finger_joint",
    gripper_stroke=CLOSED_RAD,
    stiffness=600.0,
    control_rate_hz=CONTROL_RATE_HZ,
    cameras=(Camera("top", "base", (1.20, 0.0, 0.72), (0.45, 0.0, 0.13), (0.0, 0.0, 1.0), 40.0),),
)
