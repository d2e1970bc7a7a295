"""AgiBot G1: head camera, right wrist and gripper, left wrist and gripper, 29 columns. RIGHT precedes LEFT.

Poses follow by forward kinematics from waist, head and arm joints, on a base that may drive; grippers are observed.
Source: cosmos-framework at 5eee9ed, `agibotworld_beta_dataset` and `agibot_fk` (OpenMDW-1.1); `golden/agibotworld.npz`,
`agibot_g1_chain.json`, `agibot_gripper_state.npz`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from embodiments import normalizers, statistics
from embodiments.blocks import Block, GripperBlock, GripperValueMap, PoseBlock
from embodiments.columns import Column, Field, Sampler
from embodiments.datasets import DatasetLayout
from embodiments.embodiment import Embodiment
from embodiments.errors import EmbodimentError
from embodiments.idle import IdleRule
from embodiments.kinematics import shipped_chain
from embodiments.pose_sources import BasePose, ChainPose, JointField, MobileChainPose
from embodiments.views import OneOverTwo

# Re-labels the axes of the gripper bases as cameras that look along the gripper.
_TO_OPENCV = {
    "right": np.array([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]),
    "left": np.array([[0.0, 1.0, 0.0], [-1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]),
}
_CHAINS = {tip: shipped_chain("agibot_g1", tip) for tip in ("head_camera", "right_wrist", "left_wrist")}


class AgiBotIdleRule(IdleRule):
    """Training's own helper for AgiBot: the length of the leading run of steps with every watched number below 1e-3.

    It watches columns 0:3, 9:12 and 18:21 and the changes of 18 and 28, as if the left wrist began at 18. That column
    is the right gripper: a chunk with the gripper open counts no idle step. Wrong, and what the prompts were made with.
    """

    _WATCHED = (0, 1, 2, 9, 10, 11, 18, 19, 20)
    _GRIPPERS = (18, 28)
    _LIMIT = 1e-3

    def count(self, unified: np.ndarray, columns: tuple[Column, ...], fps: float) -> int:
        size = np.abs(np.asarray(unified, dtype=np.float32))
        grippers = size[:, self._GRIPPERS]
        # The helper compares the change itself, not its size: a fall never counts as motion.
        changes = np.diff(grippers, axis=0, prepend=grippers[:1])
        still = np.concatenate([size[:, self._WATCHED], changes], axis=1).max(axis=1) < self._LIMIT
        return int(np.logical_and.accumulate(still).sum())


@dataclass(frozen=True)
class AgiBotGripperMap(GripperValueMap):
    """Gripper states to an open fraction, as the framework's `convert_gripper_state_to_open_fraction` reads them.

    A recording speaks one of three units, and its whole range decides which: actuator angle, 0 open to 120 closed
    (up to 125 is taken as closed); or, if any value is negative, the joint angle of the URDF, -pi/4 rad or -45 degrees
    open to 0 closed. All zeros read as the actuator's, that is open. Commands go back as actuator angles.
    """

    robot_open: float = 0.0
    robot_closed: float = 120.0
    robot_unit: str = "actuator degree"
    model_unit: str = "1"

    # The framework's own numbers.
    _OVERSHOOT = 5.0
    _TOLERANCE = 1e-4
    _JOINT_OPEN_ANGLES = (np.pi / 4.0, 45.0)

    def to_model(self, robot: np.ndarray) -> np.ndarray:
        lowest, highest = robot.min(initial=np.inf), robot.max(initial=-np.inf)
        if lowest < -self._TOLERANCE and highest <= self._TOLERANCE:
            for open_angle in self._JOINT_OPEN_ANGLES:
                if lowest >= -open_angle - self._TOLERANCE:
                    return np.clip(-robot / open_angle, 0.0, 1.0)
        top = self.robot_closed + self._OVERSHOOT
        if lowest >= -self._TOLERANCE and highest <= top + self._TOLERANCE:
            return 1.0 - np.clip(robot / self.robot_closed, 0.0, 1.0)
        raise EmbodimentError(
            f"AgiBot gripper states run from {lowest:g} to {highest:g}; expected actuator angles 0 (open) to "
            f"{self.robot_closed:g} (closed, overshoot to {top:g}), or joint angles -pi/4 rad or -45 degrees (open) to "
            "0 (closed): check the unit of the recording"
        )

    def to_robot(self, model: np.ndarray) -> np.ndarray:
        return self.robot_closed * (1.0 - model)


def _at_rest(*values: float) -> Sampler:
    """In most of AgiBot's recordings base, waist and head stand still: the statistics of the head span 1e-6."""
    return lambda times, generator: np.tile(values, (len(times), 1))


def _limits(tip: str, *joints: int) -> list[tuple[float, float]]:
    return [(_CHAINS[tip].low[joint], _CHAINS[tip].high[joint]) for joint in joints]


# Chains run waist lift, waist pitch, then head yaw and pitch or the seven arm joints; recordings name them otherwise.
_ARMS = Field(
    "joint_position", "state", (14,), "rad", "arm joints, left 7 then right 7",
    *np.array(_limits("left_wrist", *range(2, 9)) + _limits("right_wrist", *range(2, 9))).T, swing=0.025,
)  # fmt: skip
_HEAD = Field(
    "head_position", "state", (2,), "rad", "head yaw, head pitch",
    *np.array(_limits("head_camera", 2, 3)).T, sample=_at_rest(0.0, 0.3),
)  # fmt: skip
_WAIST = Field(
    "waist_position", "state", (2,), "rad, m", "waist pitch (rad), waist lift (m)",
    *np.array(_limits("head_camera", 1, 0)).T, sample=_at_rest(0.5, 0.3),
)  # fmt: skip
_BASE = BasePose("robot_position", "robot_orientation")
_LIFT_AND_PITCH = JointField(_WAIST, (1, 0))


def _tip(chain: str, joints: JointField) -> MobileChainPose:
    return MobileChainPose(ChainPose(_CHAINS[chain], (_LIFT_AND_PITCH, joints)), _BASE)


def _arm(side: str, entries: tuple[int, ...]) -> tuple[Block, Block]:
    return (
        PoseBlock(
            f"{side}_wrist",
            source=_tip(f"{side}_wrist", JointField(_ARMS, entries)),
            to_opencv=_TO_OPENCV[side],
            column_prefix=f"{side}_",
        ),
        GripperBlock(
            f"{side}_gripper",
            role="state",
            quantity=f"{side}_gripper_position",
            value_map=AgiBotGripperMap(),
            column_prefix=f"{side}_",
        ),
    )


EMBODIMENT = Embodiment(
    name="agibot",
    title="AgiBot G1",
    domain_name="agibotworld",
    domain_id=15,
    aliases=(
        "agibotworld",
        "embodiment_c_gripper",
        "embodiment_c_gripper_ext",
        "agibot_gear_gripper",
        "agibot_gear_gripper_ext",
    ),
    fps=10.0,
    chunk_size=16,
    blocks=(
        PoseBlock("head_camera", source=_tip("head_camera", JointField(_HEAD, (0, 1))), column_prefix="head_"),
        *_arm("right", tuple(range(7, 14))),
        *_arm("left", tuple(range(7))),
    ),
    view_layout=OneOverTwo("head", "hand_left", "hand_right"),
    view_label="concat_view",
    view_description=(
        "The top row shows the head-mounted camera view looking down at the workspace. The bottom row contains two "
        "horizontally concatenated wrist-mounted camera views: the left hand camera on the left and the right hand "
        "camera on the right."
    ),
    normalizer=normalizers.quantile(statistics.shipped("agibot")),
    dataset_layouts=(
        DatasetLayout(
            name="agibotworld_beta",
            fps=30.0,
            states={
                "joint_position": "observation.states.joint.position",
                "head_position": "observation.states.head.position",
                "waist_position": "observation.states.waist.position",
                "robot_position": "observation.states.robot.position",
                "robot_orientation": "observation.states.robot.orientation",
                "left_gripper_position": "observation.states.effector.position[0]",
                "right_gripper_position": "observation.states.effector.position[1]",
            },
            views={
                "head": "observation.images.head",
                "hand_left": "observation.images.hand_left",
                "hand_right": "observation.images.hand_right",
            },
            widths={
                "observation.states.joint.position": (14,),
                "observation.states.head.position": (2,),
                "observation.states.waist.position": (2,),
                "observation.states.robot.position": (3,),
                "observation.states.robot.orientation": (4,),
                "observation.states.effector.position": (2,),
            },
        ),
    ),
    idle_rule=AgiBotIdleRule(),
    example_image_size=(480, 640),
    notes=(
        "Decoded poses are in the frame of the base as it stands now. Column 3 (head rotation) spans 1e-6 in the "
        "statistics: its normalised value is meaningless in float32."
    ),
)


def states_from_vector(vector: np.ndarray) -> dict[str, np.ndarray]:
    """Our states from one state vector a row, [rows, 20] or the extended [rows, 94].

    20: arms 14, grippers left and right, head yaw, head pitch, waist pitch, waist lift. 94: grippers 0, 1; arms 54:68;
    head 82, 83; waist pitch 84, lift 85; base position 86:89, base quaternion xyzw 89:93. The short vector knows no
    base: it is taken to stand still.
    """
    vector = np.asarray(vector, dtype=np.float64)
    if vector.ndim != 2 or vector.shape[1] not in (20, 94):
        raise EmbodimentError(
            f"AgiBot state vectors must have shape [rows, 20] or [rows, 94], but got {list(vector.shape)}"
        )
    extended = vector.shape[1] == 94
    arms, head, waist, left, right = (54, 82, 84, 0, 1) if extended else (0, 16, 18, 14, 15)
    still = np.zeros((len(vector), 7))
    base = vector[:, 86:93] if extended else still
    return {
        "joint_position": vector[:, arms : arms + 14],
        "head_position": vector[:, head : head + 2],
        "waist_position": vector[:, waist : waist + 2],
        "left_gripper_position": vector[:, left : left + 1],
        "right_gripper_position": vector[:, right : right + 1],
        "robot_position": base[:, :3],
        "robot_orientation": base[:, 3:],
    }
