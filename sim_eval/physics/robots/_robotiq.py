"""The Robotiq 2F-85 of the robots here, with the linkage of the real one."""

from xml.etree import ElementTree

import numpy as np
from robosuite.models.grippers.robotiq_85_gripper import Robotiq85GripperBase

CLOSED_RAD = 0.8
"""``finger_joint`` when the tips meet."""
CLOSING_TIME_S = 0.6
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


class PositionRobotiq85(Robotiq85GripperBase):
    """A Robotiq 2F-85 with its fingers kept parallel, that takes a wanted position: 0 open to 1 closed.

    robosuite's model leaves the linkage to springs, so that its fingertips twist about what they hold. Here the joints
    follow each other as in the maker's URDF (``mimic``): the inner finger turns back by what the outer knuckle turns.
    The tips then stand 85 mm apart at 0 rad and meet at 0.8 rad, as the maker states. A robot registers a subclass of
    its own that says its control rate.
    """

    control_rate_hz: int

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
        step = 1.0 / (CLOSING_TIME_S * self.control_rate_hz)
        wanted = float(np.clip(action[0], 0.0, 1.0))
        self._position += float(np.clip(wanted - self._position, -step, step))
        return np.full(2, 2.0 * self._position - 1.0)
