"""What a humanoid can be told: where camera, wrists and fingertips shall be, or its joints and finger motors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from gymnasium import spaces
from scipy.spatial.transform import Rotation

from cosmos_policy.errors import UsageError
from embodiments import Embodiment
from embodiments.commands import command_fields, tool_pose
from sim_eval.physics.command_spaces import CommandSpace
from sim_eval.physics.robot_io import HumanoidCommand

if TYPE_CHECKING:
    from sim_eval.physics.humanoid import HumanoidEnvironment

_REACH_M = 1.5
_BLOCKS = {"camera": "camera", "right": "right_wrist", "left": "left_wrist"}


class TrackedPoseCommands(CommandSpace):
    """``camera``, ``right_wrist`` and ``left_wrist`` as ``_position`` (m) and ``_quaternion_xyzw``, and
    ``right_fingertips`` and ``left_fingertips`` ``[5, 3]`` (m, in the model's wrist frame).

    Waist, head and arms follow by differential inverse kinematics from the command in force; each finger goes to the
    nearest point of the curve that its motor moves it on.
    """

    def __init__(self, embodiment: Embodiment, environment: HumanoidEnvironment) -> None:
        self._blocks = {block.name: block for block in embodiment.pose_blocks}
        boxes = {}
        for field in command_fields(embodiment):
            reach = 1.0 if field.name.endswith("quaternion_xyzw") else _REACH_M
            low, high = max(field.low, -reach), min(field.high, reach)
            boxes[field.name] = spaces.Box(low, high, field.shape, dtype=np.float64)
        self.space = spaces.Dict(boxes)

    def check(self, command: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        values = super().check(command)
        for name, value in values.items():
            if name.endswith("quaternion_xyzw") and np.linalg.norm(value) < 1e-6:
                raise UsageError(f"{name!r} of the action is zero, which is no rotation")
        return values

    def to_robot(self, command: Mapping[str, np.ndarray], environment: HumanoidEnvironment) -> HumanoidCommand:
        values = self.check(command)
        poses = {part: tool_pose(self._blocks[name], values) for part, name in _BLOCKS.items()}
        joints = environment.kinematics.nearest_joint_positions(poses, environment.command_in_force.joint_positions)
        fingers = {}
        for side, hand in environment.hands.items():
            to_tool = self._blocks[_BLOCKS[side]].tool_to_model[:3, :3]
            fingers[side] = hand.nearest_motor_positions(values[f"{side}_fingertips"] @ to_tool.T)
        return HumanoidCommand(joints, fingers)

    def hold(self, environment: HumanoidEnvironment) -> dict[str, np.ndarray]:
        command = environment.command_in_force
        poses = environment.kinematics.poses(command.joint_positions)
        told = {}
        for part, name in _BLOCKS.items():
            told[f"{name}_position"] = poses[part][:3, 3]
            told[f"{name}_quaternion_xyzw"] = Rotation.from_matrix(poses[part][:3, :3]).as_quat()
        for side, hand in environment.hands.items():
            to_tool = self._blocks[_BLOCKS[side]].tool_to_model[:3, :3]
            told[f"{side}_fingertips"] = hand.tips_at(command.finger_positions[side]) @ to_tool
        return told


class HumanoidJointCommands(CommandSpace):
    """``joint_position`` (rad: waist, head, right arm, left arm), ``right_finger_position`` and
    ``left_finger_position`` (0 open to 1 closed), absolute."""

    def __init__(self, embodiment: Embodiment, environment: HumanoidEnvironment) -> None:
        low, high = environment.kinematics.joint_ranges.T
        boxes = {"joint_position": spaces.Box(low, high, dtype=np.float64)}
        for side, hand in environment.hands.items():
            boxes[f"{side}_finger_position"] = spaces.Box(0.0, 1.0, (hand.motors,), dtype=np.float64)
        self.space = spaces.Dict(boxes)

    def to_robot(self, command: Mapping[str, np.ndarray], environment: HumanoidEnvironment) -> HumanoidCommand:
        values = self.check(command)
        box = self.space["joint_position"]
        joints = np.clip(values["joint_position"], box.low, box.high)  # the body's own stops
        return HumanoidCommand(joints, {side: values[f"{side}_finger_position"] for side in environment.hands})

    def hold(self, environment: HumanoidEnvironment) -> dict[str, np.ndarray]:
        command = environment.command_in_force
        fingers = {f"{side}_finger_position": own.copy() for side, own in command.finger_positions.items()}
        return {"joint_position": command.joint_positions.copy(), **fingers}
