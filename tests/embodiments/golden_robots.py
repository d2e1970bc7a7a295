"""How the golden vectors of each robot are read: raw columns -> our trajectory, and which of our blocks is theirs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from embodiments import Trajectory

Arrays = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class GoldenRobot:
    """`trajectory(arrays, case)` builds our trajectory; `blocks` are our pose blocks in the order of the golden's b;
    `float32` holds three times the errors that the golden README lists: action, clamped norm, integrated poses."""

    embodiment: str
    file: str
    trajectory: Callable[[Arrays, int], Trajectory]
    blocks: tuple[str, ...]
    float32: tuple[float, float, float]


def droid(arrays: Arrays, case: int) -> Trajectory:
    return Trajectory(
        states={
            "cartesian_position": arrays["raw_cartesian_position"][case],
            "gripper_position": arrays["raw_gripper_state"][case],
            "joint_position": arrays["raw_joint_state"][case],
        },
        commands={
            "gripper_position": arrays["raw_gripper_action"][case],
            "joint_position": arrays["raw_joint_action"][case],
        },
    )


def franka(arrays: Arrays, case: int) -> Trajectory:
    return Trajectory(
        states={"cartesian_position": arrays["raw_end_effector"][case]},
        commands={"gripper_position": arrays["raw_joint_position_action"][case][:, 7]},
    )


def dual_franka(arrays: Arrays, case: int) -> Trajectory:
    poses, joints = arrays["raw_end_effector"][case], arrays["raw_joint_position_action"][case]
    return Trajectory(
        states={"left_cartesian_position": poses[:, :6], "right_cartesian_position": poses[:, 6:]},
        commands={"left_gripper_position": joints[:, 7], "right_gripper_position": joints[:, 15]},
    )


def ur(arrays: Arrays, case: int) -> Trajectory:
    joints = arrays["raw_joint_position_action"][case]
    return Trajectory(commands={"joint_position": joints[:, :6], "gripper_position": joints[:, 6]})


def bridge(arrays: Arrays, case: int) -> Trajectory:
    return Trajectory(
        states={"cartesian_position": arrays["raw_state"][case][:, :6]},
        commands={"gripper_position": arrays["raw_action"][case][:, 6]},
    )


def fractal(arrays: Arrays, case: int) -> Trajectory:
    return Trajectory(
        states={"end_effector_pose": arrays["raw_state"][case][:, :7]},
        commands={"gripper_position": arrays["raw_action"][case][:, 6]},
    )


def umi(arrays: Arrays, case: int) -> Trajectory:
    return Trajectory(
        states={
            "main_camera_pose": arrays["raw_main_camera_xyz_wxyz"][case],
            "gripper_width": arrays["raw_gripper_width_m"][case],
        }
    )


def agibot(arrays: Arrays, case: int) -> Trajectory:
    grippers = arrays["raw_effector_position"][case]
    return Trajectory(
        states={
            "joint_position": arrays["raw_joint_position"][case],
            "head_position": arrays["raw_head_position"][case],
            "waist_position": arrays["raw_waist_position"][case],
            "robot_position": arrays["raw_robot_position"][case],
            "robot_orientation": arrays["raw_robot_orientation_xyzw"][case],
            "left_gripper_position": grippers[:, 0],
            "right_gripper_position": grippers[:, 1],
        }
    )


def egocentric(arrays: Arrays, case: int) -> Trajectory:
    return Trajectory(
        states={
            "camera_position": arrays["raw_camera_position"][case],
            "camera_rotation": arrays["raw_camera_rotation_xyzw"][case],
            "right_hand_positions": arrays["raw_hand_right_cam"][case],
            "right_hand_rotations": arrays["raw_hand_right_cam_rotation_xyzw"][case],
            "left_hand_positions": arrays["raw_hand_left_cam"][case],
            "left_hand_rotations": arrays["raw_hand_left_cam_rotation_xyzw"][case],
        }
    )


# Three times the errors of training's own float32 that the golden README lists: action, clamped norm, paths.
ROBOTS = {
    robot.embodiment: robot
    for robot in (
        GoldenRobot("droid", "droid.npz", droid, ("end_effector",), (3.6e-7, 4.8e-4, 9.3e-7)),
        GoldenRobot("franka", "robomind_franka.npz", franka, ("end_effector",), (3.0e-7, 4.2e-5, 1.1e-6)),
        GoldenRobot(
            "dual_franka",
            "robomind_franka_dual.npz",
            dual_franka,
            ("left_end_effector", "right_end_effector"),
            (3.9e-7, 1.5e-4, 1.7e-6),
        ),
        GoldenRobot("ur", "robomind_ur.npz", ur, ("end_effector",), (3.3e-7, 5.1e-5, 1.8e-6)),
        GoldenRobot("bridge", "bridge.npz", bridge, ("end_effector",), (3.9e-7, 3.6e-5, 1.7e-6)),
        GoldenRobot("fractal", "fractal.npz", fractal, ("end_effector",), (6.3e-7, 5.7e-5, 9.6e-7)),
        GoldenRobot("umi", "umi.npz", umi, ("main_camera",), (3.0e-7, 4.2e-5, 1.1e-6)),
        GoldenRobot(
            "agibot",
            "agibotworld.npz",
            agibot,
            ("head_camera", "right_wrist", "left_wrist"),
            # Column 3 apart (see the test), whose clamped norm alone is off by 0.23 in training's float32; the next
            # narrowest columns span 3.8e-5 and more.
            (6.3e-7, 6.9e-1, 2.6e-6),
        ),
        GoldenRobot(
            "egocentric",
            "hand_pose.npz",
            egocentric,
            ("camera", "right_wrist", "left_wrist"),
            (6.9e-7, 2.6e-4, 2.5e-6),
        ),
    )
}
