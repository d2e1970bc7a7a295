"""Flange pose from joint positions and back, on the simulator's own model of the arm."""

from collections.abc import Sequence

import mink
import mujoco
import numpy as np
from scipy.spatial.transform import Rotation

from cosmos_policy.errors import Failure

_POSITION_TOLERANCE_M = 1e-5
_ROTATION_TOLERANCE_RAD = 1e-4
_ITERATIONS = 100
_LARGEST_STEP_RAD = 0.2
_REST_GAIN = 0.1
"""Part of the way to the rest posture that the redundant motion goes in one call."""
_REST_COST = 1e-3
"""Against a cost of 1 for each metre and radian of pose error: only what the pose leaves free is drawn to rest."""
_DAMPING = 1e-10
"""Far below the square of the rest cost, so that it only keeps the program strictly convex."""


class ArmKinematics:
    """Forward and inverse kinematics of one arm; works on its own copy of the joint values, never on the running scene.

    The inverse is mink's differential inverse kinematics (a quadratic program inside the joint limits), iterated.

    Args:
        model: compiled scene.
        joints: names of the arm's joints in the model, base to flange.
        base: body whose frame poses are expressed in; it must not move.
        flange: body whose frame is the tool frame.
        rest: ``[len(joints)]`` joint positions in rad that a redundant arm is drawn to.

    ``joint_ranges``: ``[joints, 2]``, lowest and highest, rad.
    """

    def __init__(
        self, model: mujoco.MjModel, joints: Sequence[str], base: str, flange: str, rest: Sequence[float]
    ) -> None:
        self.rest = np.asarray(rest, dtype=float)
        self._configuration = mink.Configuration(model)
        self._base, self._flange = model.body(base).id, model.body(flange).id
        self._positions = np.array([model.joint(name).qposadr[0] for name in joints])
        self._velocities = np.array([model.joint(name).dofadr[0] for name in joints])
        self.joint_ranges = np.array([model.joint(name).range for name in joints])
        self._limits = [mink.ConfigurationLimit(model, gain=1.0)]
        self._flange_task = mink.FrameTask(flange, "body", position_cost=1.0, orientation_cost=1.0)
        arm_cost = np.zeros(model.nv)
        arm_cost[self._velocities] = _REST_COST
        self._rest_task = mink.PostureTask(model, cost=arm_cost, gain=_REST_GAIN)
        resting = self._configuration.q.copy()
        resting[self._positions] = self.rest
        self._rest_task.set_target(resting)

    def flange_pose(self, joint_positions: np.ndarray) -> np.ndarray:
        """Flange in the base frame, ``[4, 4]`` (m), for joint positions ``[joints]`` (rad)."""
        self._set(joint_positions)
        return body_pose(self._configuration.data, self._base, self._flange)

    def joint_positions(self, flange_pose: np.ndarray, start: np.ndarray) -> np.ndarray:
        """Joint positions ``[joints]`` (rad) that put the flange at ``[4, 4]`` in the base frame, nearest to ``start``.

        Raises:
            Failure: no joint positions reach the pose to 0.01 mm and 0.006 degrees.
        """
        joints, distance, angle = self._solve(flange_pose, start)
        if distance < _POSITION_TOLERANCE_M and angle < _ROTATION_TOLERANCE_RAD:
            return joints
        raise Failure(
            f"the arm cannot reach flange position {np.round(flange_pose[:3, 3], 3).tolist()} m in its base frame: "
            f"{1e3 * distance:.1f} mm and {np.degrees(angle):.1f} degrees are left at its joint limits"
        )

    def nearest_joint_positions(self, flange_pose: np.ndarray, start: np.ndarray, iterations: int = 20) -> np.ndarray:
        """As :meth:`joint_positions`, but where the pose cannot be reached: as near as ``iterations`` steps get."""
        return self._solve(flange_pose, start, iterations)[0]

    def _solve(
        self, flange_pose: np.ndarray, start: np.ndarray, iterations: int = _ITERATIONS
    ) -> tuple[np.ndarray, float, float]:
        """Joints, and what is left of the way to the pose: metres and radians."""
        joints = np.clip(np.array(start, dtype=float), self.joint_ranges[:, 0], self.joint_ranges[:, 1])
        self._flange_task.set_target(self._in_world(flange_pose))
        for iteration in range(iterations):
            error = pose_error(self.flange_pose(joints), flange_pose)
            distance, angle = np.linalg.norm(error[:3]), np.linalg.norm(error[3:])
            if distance < _POSITION_TOLERANCE_M and angle < _ROTATION_TOLERANCE_RAD:
                break
            # Drawn to rest once a call, so that the redundant motion is a smooth function of the calls.
            tasks = [self._flange_task, self._rest_task] if iteration == 0 else [self._flange_task]
            rate = mink.solve_ik(
                self._configuration, tasks, dt=1.0, solver="daqp", damping=_DAMPING, limits=self._limits
            )
            step = rate[self._velocities]
            joints = joints + step * min(1.0, _LARGEST_STEP_RAD / max(np.abs(step).max(), 1e-12))
        error = pose_error(self.flange_pose(joints), flange_pose)
        return joints, float(np.linalg.norm(error[:3])), float(np.linalg.norm(error[3:]))

    def _in_world(self, flange_pose: np.ndarray) -> mink.SE3:
        data = self._configuration.data
        base = np.eye(4)
        base[:3, :3], base[:3, 3] = data.xmat[self._base].reshape(3, 3), data.xpos[self._base]
        return mink.SE3.from_matrix(base @ flange_pose)

    def _set(self, joint_positions: np.ndarray) -> None:
        q = self._configuration.q.copy()
        q[self._positions] = joint_positions
        self._configuration.update(q)


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
