"""Flange pose from joint positions and back, on the simulator's own model of the arm."""

from collections.abc import Sequence

import mujoco
import numpy as np
from scipy.spatial.transform import Rotation

from cosmos_policy.errors import Failure

_DAMPING = 1e-3
_POSITION_TOLERANCE_M = 1e-5
_ROTATION_TOLERANCE_RAD = 1e-4
_ITERATIONS = 100
_LARGEST_STEP_RAD = 0.2
_REST_GAIN = 0.1
"""Part of the way to the rest posture that the redundant motion goes in one call."""


class ArmKinematics:
    """Forward and inverse kinematics of one arm; works on its own copy of the joint values, never on the running scene.

    Args:
        model: compiled scene.
        joints: names of the arm's joints in the model, base to flange.
        base: body whose frame poses are expressed in.
        flange: body whose frame is the tool frame.
        rest: ``[len(joints)]`` joint positions in rad that a redundant arm is drawn to.
    """

    def __init__(
        self, model: mujoco.MjModel, joints: Sequence[str], base: str, flange: str, rest: Sequence[float]
    ) -> None:
        self._model = model
        self._data = mujoco.MjData(model)
        self._base, self._flange = model.body(base).id, model.body(flange).id
        self._positions = np.array([model.joint(name).qposadr[0] for name in joints])
        self._velocities = np.array([model.joint(name).dofadr[0] for name in joints])
        self._limits = np.array([model.joint(name).range for name in joints])
        self._rest = np.asarray(rest, dtype=float)

    def flange_pose(self, joint_positions: np.ndarray) -> np.ndarray:
        """Flange in the base frame, ``[4, 4]`` (m), for joint positions ``[joints]`` (rad)."""
        self._set(joint_positions)
        return body_pose(self._data, self._base, self._flange)

    def joint_positions(self, flange_pose: np.ndarray, start: np.ndarray) -> np.ndarray:
        """Joint positions ``[joints]`` (rad) that put the flange at ``[4, 4]`` in the base frame, nearest to ``start``.

        Damped least squares on the pose error (Buss, *Introduction to Inverse Kinematics*, 2009, section 6), with the
        redundant motion drawn to the rest posture, inside the joint limits.

        Raises:
            Failure: no joint positions reach the pose to 0.01 mm and 0.006 degrees.
        """
        joints = np.array(start, dtype=float)
        for iteration in range(_ITERATIONS):
            current = self.flange_pose(joints)
            error = pose_error(current, flange_pose)
            distance, angle = np.linalg.norm(error[:3]), np.linalg.norm(error[3:])
            if distance < _POSITION_TOLERANCE_M and angle < _ROTATION_TOLERANCE_RAD:
                return joints
            # Drawn once a call, so that the redundant motion is a smooth function of the calls, not of convergence.
            draw = _REST_GAIN if iteration == 0 else 0.0
            joints = np.clip(joints + self._step(error, joints, draw), self._limits[:, 0], self._limits[:, 1])
        raise Failure(
            f"the arm cannot reach flange position {np.round(flange_pose[:3, 3], 3).tolist()} m in its base frame: "
            f"{1e3 * distance:.1f} mm and {np.degrees(angle):.1f} degrees are left at its joint limits"
        )

    def _step(self, error: np.ndarray, joints: np.ndarray, draw: float) -> np.ndarray:
        jacobian = np.zeros((6, self._model.nv))
        mujoco.mj_jacBody(self._model, self._data, jacobian[:3], jacobian[3:], self._flange)
        to_base = self._data.xmat[self._base].reshape(3, 3).T
        arm = np.vstack([to_base @ jacobian[:3, self._velocities], to_base @ jacobian[3:, self._velocities]])
        inverse = arm.T @ np.linalg.inv(arm @ arm.T + _DAMPING**2 * np.eye(6))
        null_space = np.eye(len(joints)) - inverse @ arm
        step = inverse @ error + null_space @ (draw * (self._rest - joints))
        return step * min(1.0, _LARGEST_STEP_RAD / max(np.abs(step).max(), 1e-12))

    def _set(self, joint_positions: np.ndarray) -> None:
        self._data.qpos[self._positions] = joint_positions
        mujoco.mj_kinematics(self._model, self._data)
        mujoco.mj_comPos(self._model, self._data)


def body_pose(data: mujoco.MjData, base: int, body: int) -> np.ndarray:
    """Pose ``[4, 4]`` (m) of one body in the frame of another, both by their number in the model."""
    to_base = data.xmat[base].reshape(3, 3).T
    pose = np.eye(4)
    pose[:3, :3] = to_base @ data.xmat[body].reshape(3, 3)
    pose[:3, 3] = to_base @ (data.xpos[body] - data.xpos[base])
    return pose


def pose_error(current: np.ndarray, goal: np.ndarray) -> np.ndarray:
    """What moves ``current`` to ``goal``, ``[6]``: translation (m) and rotation vector (rad), both in base axes."""
    rotation = Rotation.from_matrix(goal[:3, :3] @ current[:3, :3].T).as_rotvec()
    return np.concatenate([goal[:3, 3] - current[:3, 3], rotation])
