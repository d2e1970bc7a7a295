"""What the DROID dialects have in common: seven joints and a gripper that is 1 when closed, for ``droid_joint``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from cosmos_policy.server.dialects.openpi_wires.base import OpenPiWire
from cosmos_policy.server.errors import Invalid
from cosmos_policy.types import ActionChunk
from cosmos_policy.wire.readers import read_array
from embodiments import Embodiment

ROBOT = "droid_joint"
WRIST = "observation/wrist_image_left"
JOINTS, GRIPPER = "observation/joint_position", "observation/gripper_position"
UNREAD_KEYS = ("observation/cartesian_position", "observation/joint_velocity", "observation/gripper_velocity")


class DroidWire(OpenPiWire):
    """Joints in, joints out."""

    own_keys: tuple[str, ...]
    """The keys of this dialect besides joints and gripper."""

    def serves(self, robot: Embodiment) -> bool:
        return robot.name == ROBOT

    def greeting(self, robot: Embodiment) -> dict[str, Any]:
        """Exactly RoboArena's six keys: its client builds a record from them, and all others take any map."""
        return {
            "image_resolution": list(robot.example_image_size),
            "needs_wrist_camera": True,
            "n_external_cameras": 2,
            "needs_stereo_camera": False,
            "needs_session_id": True,
            "action_space": "joint_position",
        }

    def keys(self, robot: Embodiment) -> tuple[str, ...]:
        return (*self.own_keys, JOINTS, GRIPPER)

    def unread_keys(self) -> tuple[str, ...]:
        return UNREAD_KEYS

    def rows(self, chunk: ActionChunk) -> np.ndarray:
        """The commands of ``droid_joint`` are in the robot's own polarity already: gripper 0 open, 1 closed."""
        return np.concatenate([chunk.commands["joint_position"], chunk.commands["gripper_position"][:, None]], axis=1)

    def state(self, message: Mapping[str, Any], robot: Embodiment) -> Mapping[str, np.ndarray]:
        """The newest row of joints and gripper; clients send one row or a history, oldest first."""
        for key in (JOINTS, GRIPPER):
            if key not in message:
                raise Invalid(f"The observation lacks {key!r}.")
        joints = read_array(message[JOINTS], JOINTS)
        if joints.ndim not in (1, 2) or joints.shape[-1] != 7 or 0 in joints.shape:
            raise Invalid(f"{JOINTS!r} must have shape [7] or [rows, 7] (rad), not {list(joints.shape)}.")
        gripper = read_array(message[GRIPPER], GRIPPER)
        if gripper.ndim > 2 or gripper.size == 0 or (gripper.ndim == 2 and gripper.shape[1] != 1):
            raise Invalid(
                f"{GRIPPER!r} must be a number, [1], [rows] or [rows, 1] (1 = closed), not {list(gripper.shape)}."
            )
        return {
            "joint_position": np.asarray(joints, dtype=np.float64).reshape(-1, 7)[-1],
            "gripper_position": np.asarray(gripper, dtype=np.float64).reshape(-1)[-1:],
        }
