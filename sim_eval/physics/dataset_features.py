"""A simulated robot's measurements, pictures and commands, as the columns of the LeRobot datasets of its real twin.

Names come from the embodiment's own dataset layout, so that what is recorded here is read there without a mapping.
"""

from collections.abc import Mapping

import numpy as np
from scipy.spatial.transform import Rotation

from embodiments.datasets import DatasetLayout
from sim_eval.physics.environment import RobotCommand, RobotState

_POSE_NAMES = ("x_m", "y_m", "z_m", "roll_rad", "pitch_rad", "yaw_rad")
_GRIPPER_NAMES = ("closed_fraction",)


def features(layout: DatasetLayout, joint_names: tuple[str, ...], image_size: tuple[int, int]) -> dict[str, dict]:
    """The feature table that LeRobot's writer takes; ``image_size`` is width and height in pixels."""
    width, height = image_size
    names = {
        "cartesian_position": _POSE_NAMES,
        "joint_position": tuple(f"{name}_rad" for name in joint_names),
        "gripper_position": _GRIPPER_NAMES,
    }
    numbers = {
        feature: {"dtype": "float32", "shape": (len(names[quantity]),), "names": list(names[quantity])}
        for quantity, feature in (*layout.states.items(), *layout.commands.items())
    }
    picture = {"dtype": "video", "shape": (height, width, 3), "names": ["height", "width", "channels"]}
    return numbers | {feature: dict(picture) for feature in layout.views.values()}


def frame(
    layout: DatasetLayout, state: RobotState, images: Mapping[str, np.ndarray], command: RobotCommand
) -> dict[str, np.ndarray]:
    """One row: what the robot measured and saw, and the command that was given in that instant.

    ``cartesian_position`` is the flange in the base frame: xyz (m) and extrinsic xyz Euler angles (rad).
    """
    euler = Rotation.from_matrix(state.flange_pose[:3, :3]).as_euler("xyz")
    measured = {
        "cartesian_position": np.concatenate([state.flange_pose[:3, 3], euler]),
        "joint_position": state.joint_positions,
        "gripper_position": np.clip([state.gripper_position], 0.0, 1.0),  # the joint's stop is soft: up to 0.3 % over
    }
    commanded = {
        "joint_position": command.joint_positions,
        "gripper_position": np.array([command.gripper_position]),
    }
    row = {feature: measured[quantity] for quantity, feature in layout.states.items()}
    row |= {feature: commanded[quantity] for quantity, feature in layout.commands.items()}
    numbers = {feature: np.asarray(value, dtype=np.float32) for feature, value in row.items()}
    return numbers | {feature: images[view] for view, feature in layout.views.items()}
