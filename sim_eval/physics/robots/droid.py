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

from xml.etree import ElementTree

import numpy as np
from robosuite.models.grippers import register_gripper
from robosuite.models.grippers.robotiq_85_gripper import Robotiq85GripperBase
from robosuite.models.robots import Panda
from robosuite.robots import register_robot_class

from sim_eval.physics.cameras import Camera
from sim_eval.physics.robots.base import RobotSetup

CONTROL_RATE_HZ = 15
FLANGE_DISTANCE_M = 0.107
HOME_RAD = (0.0, -np.pi / 5, 0.0, -4 * np.pi / 5, 0.0, 3 * np.pi / 5, 0.0)
"""Where a DROID episode starts (``reset_joints`` of DROID's ``RobotEnv``)."""
GRIPPER_CLOSING_TIME_S = 0.6
"""Whole stroke at the 2F-85's full speed of about 150 mm/s (data sheet: 20 to 150 mm/s, stroke 85 mm)."""

_MIMIC_JOINTS = (  # joint, the joint it follows, ratio
    ("right_outer_knuckle_joint", "finger_joint", 1),
    ("left_inner_knuckle_joint", "finger_joint", 1),
    ("left_inner_finger_joint", "finger_joint", -1),
    ("right_inner_knuckle_joint", "right_outer_knuckle_joint", 1),
    ("right_inner_finger_joint", "right_outer_knuckle_joint", -1),
)

_TOUCHING_BODIES = (  # their meshes overlap when the gripper is open: in contact they would push it shut
    ("left_inner_knuckle", "left_outer_knuckle"),
    ("left_inner_knuckle", "left_inner_finger"),
    ("right_inner_knuckle", "right_outer_knuckle"),
    ("right_inner_knuckle", "right_inner_finger"),
    ("left_inner_knuckle", "right_inner_knuckle"),
)


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
class DroidRobotiq85(Robotiq85GripperBase):
    """A Robotiq 2F-85 with its fingers kept parallel, that takes DROID's command: wanted position, 0 open to 1 closed.

    robosuite's model leaves the linkage to springs, so that its fingertips twist about what they hold. Here the joints
    follow each other as in the maker's URDF (``mimic``): the inner finger turns back by what the outer knuckle turns.
    The tips then stand 85 mm apart at 0 rad and meet at 0.8 rad, as the maker states.
    """

    def __init__(self, idn: int | str = 0) -> None:
        super().__init__(idn=idn)
        self._position = 0.0
        prefix = self.naming_prefix
        for spring in list(self.tendon):
            self.tendon.remove(spring)
        for joint, followed, ratio in _MIMIC_JOINTS:
            coupling = {"joint1": prefix + joint, "joint2": prefix + followed, "polycoef": f"0 {ratio} 0 0 0"}
            ElementTree.SubElement(self.equality, "joint", coupling, solref="0.005 1")
        for bodies in _TOUCHING_BODIES:
            ElementTree.SubElement(self.contact, "exclude", body1=prefix + bodies[0], body2=prefix + bodies[1])
        for joint in self.worldbody.iter("joint"):
            joint.set("armature", "0.002")
            joint.set("damping", "0.2")
        for geom in self.worldbody.iter("geom"):
            if geom.get("name", "").endswith(("fingertip_collision", "fingerpad_collision")):
                geom.set("friction", "2 0.05 0.0001")  # rubber tips, as robosuite gives its Panda hand

    @property
    def init_qpos(self) -> np.ndarray:
        return np.zeros(6)

    @property
    def dof(self) -> int:
        return 1

    def format_action(self, action: np.ndarray) -> np.ndarray:
        """One control step of the fingers towards the command; the two motors take -1 (open) to 1 (closed)."""
        step = 1.0 / (GRIPPER_CLOSING_TIME_S * CONTROL_RATE_HZ)
        wanted = float(np.clip(action[0], 0.0, 1.0))
        self._position += float(np.clip(wanted - self._position, -step, step))
        return np.full(2, 2.0 * self._position - 1.0)


ROBOT = RobotSetup(
    name="droid",
    embodiment="droid_joint",  # holds all that "droid" holds, and the joints
    robosuite_robot="DroidPanda",
    robosuite_gripper="DroidRobotiq85",
    dataset_robot_type="panda",
    base_body="base",
    flange_body="right_hand",
    gripper_joint="finger_joint",
    gripper_stroke=0.8,
    stiffness=600.0,
    control_rate_hz=CONTROL_RATE_HZ,
    cameras=(
        Camera("wrist", "right_hand", (0.075, -0.03, 0.02), (0.0, 0.0, 0.20), (1.0, 0.0, 0.0), 60.0),
        Camera("exterior_1", "base", (0.72, 0.72, 0.46), (0.38, 0.0, 0.14), (0.0, 0.0, 1.0), 58.0),
        Camera("exterior_2", "base", (0.60, -0.78, 0.46), (0.38, 0.0, 0.14), (0.0, 0.0, 1.0), 58.0),
    ),
)
