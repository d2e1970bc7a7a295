"""The columns of a DROID recording in LeRobot v3, as NVIDIA publishes them for Cosmos 3.

Names and meanings follow the LeRobot copy of DROID that the ``droid`` and ``droid_joint`` embodiments were trained on:
``observation.state.joint_positions`` with an s, ``action.joint_position`` without one.
"""

from collections.abc import Mapping

import numpy as np
from scipy.spatial.transform import Rotation

from sim_eval.physics.environment import RobotCommand, RobotState

IMAGE_PREFIX = "observation.image."
_POSE_NAMES = ["x_m", "y_m", "z_m", "roll_rad", "pitch_rad", "yaw_rad"]


def features(joint_names: tuple[str, ...], views: tuple[str, ...], image_size: tuple[int, int]) -> dict[str, dict]:
    """The feature table that LeRobot's writer takes; ``image_size`` is width and height in pixels."""
    width, height = image_size
    joints = [f"{name}_rad" for name in joint_names]
    image = {"dtype": "video", "shape": (height, width, 3), "names": ["height", "width", "channels"]}
    return {
        "observation.state.cartesian_position": _vector(_POSE_NAMES),
        "observation.state.joint_positions": _vector(joints),
        "observation.state.gripper_position": _vector(["closed_fraction"]),
        "action.joint_position": _vector(joints),
        "action.gripper_position": _vector(["closed_fraction"]),
        **{IMAGE_PREFIX + view: dict(image) for view in views},
    }


def frame(state: RobotState, images: Mapping[str, np.ndarray], command: RobotCommand) -> dict[str, np.ndarray]:
    """One row: what the robot measured and saw, and the command that was given in that instant.

    ``cartesian_position`` is the flange in the base frame, xyz (m) and extrinsic xyz Euler angles (rad), as in DROID.
    """
    euler = Rotation.from_matrix(state.flange_pose[:3, :3]).as_euler("xyz")
    row = {
        "observation.state.cartesian_position": np.concatenate([state.flange_pose[:3, 3], euler]),
        "observation.state.joint_positions": state.joint_positions,
        "observation.state.gripper_position": np.clip([state.gripper_position], 0.0, 1.0),
        "action.joint_position": command.joint_positions,
        "action.gripper_position": np.array([command.gripper_position]),
    }
    pictures = {IMAGE_PREFIX + view: picture for view, picture in images.items()}
    return {**{name: np.asarray(value, dtype=np.float32) for name, value in row.items()}, **pictures}


def _vector(names: list[str]) -> dict:
    return {"dtype": "float32", "shape": (len(names),), "names": names}
