"""Joint positions of a humanoid that bring its wrists and its head camera to places, all at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import mink
import mujoco
import numpy as np

from sim_eval.physics.humanoid_hand import world_pose
from sim_eval.physics.kinematics import pose_error

_LARGEST_STEP_RAD = 0.2
_CAMERA_COST = 0.3
"""Against 1 for each metre and radian of a wrist's error: what the camera wants gives way to the hands."""
_REST_COST = 1e-3
_DAMPING = 1e-10


class HumanoidKinematics:
    """Differential inverse kinematics (mink) of waist, head and both arms, on its own copy of the joint values.

    Args:
        model: compiled scene. joints: names of waist, head, right and left arm joints.
        base: body in whose frame poses are. bodies: those that are placed, by name: "camera", "right", "left".
        frames: ``[4, 4]`` of what is placed, in its body's frame. rest: ``[joints]`` rad.
    """

    def __init__(
        self,
        model: mujoco.MjModel,
        joints: Sequence[str],
        base: str,
        bodies: Mapping[str, str],
        frames: Mapping[str, np.ndarray],
        rest: np.ndarray,
    ) -> None:
        self.rest = np.asarray(rest, dtype=float)
        self.joint_ranges = np.array([model.joint(name).range for name in joints])
        self._configuration = mink.Configuration(model)
        self._positions = np.array([model.joint(name).qposadr[0] for name in joints])
        self._velocities = np.array([model.joint(name).dofadr[0] for name in joints])
        self._base = model.body(base).id
        self._bodies = {name: model.body(body).id for name, body in bodies.items()}
        self._frames = dict(frames)
        self._limits = [mink.ConfigurationLimit(model, gain=1.0)]
        self._tasks = {}
        for name, body in bodies.items():
            cost = _CAMERA_COST if name == "camera" else 1.0
            self._tasks[name] = mink.FrameTask(body, "body", position_cost=cost, orientation_cost=cost)
        cost = np.zeros(model.nv)
        cost[self._velocities] = _REST_COST
        self._rest_task = mink.PostureTask(model, cost=cost, gain=0.1)
        resting = self._configuration.q.copy()
        resting[self._positions] = self.rest
        self._rest_task.set_target(resting)

    def poses(self, joint_positions: np.ndarray) -> dict[str, np.ndarray]:
        """Camera and wrists in the base frame, ``[4, 4]`` (m) each, for joint positions ``[joints]`` (rad)."""
        q = self._configuration.q.copy()
        q[self._positions] = joint_positions
        self._configuration.update(q)
        data = self._configuration.data
        to_base = np.linalg.inv(world_pose(data, self._base))
        return {name: to_base @ world_pose(data, body) @ self._frames[name] for name, body in self._bodies.items()}

    def nearest_joint_positions(
        self, poses: Mapping[str, np.ndarray], start: np.ndarray, iterations: int = 20
    ) -> np.ndarray:
        """Joint positions ``[joints]`` (rad) inside their ranges with camera and wrists as near to their poses as
        ``iterations`` steps from ``start`` get."""
        joints = np.clip(np.array(start, dtype=float), self.joint_ranges[:, 0], self.joint_ranges[:, 1])
        for iteration in range(iterations):
            here = self.poses(joints)
            if max(np.abs(pose_error(here[name], poses[name])).max() for name in poses) < 1e-5:
                break
            base = world_pose(self._configuration.data, self._base)
            for name, task in self._tasks.items():
                goal = base @ poses[name] @ np.linalg.inv(self._frames[name])
                task.set_target(mink.SE3.from_matrix(goal))
            tasks = [*self._tasks.values(), *([self._rest_task] if iteration == 0 else [])]
            rate = mink.solve_ik(
                self._configuration, tasks, dt=1.0, solver="daqp", damping=_DAMPING, limits=self._limits
            )
            step = rate[self._velocities]
            joints = joints + step * min(1.0, _LARGEST_STEP_RAD / max(np.abs(step).max(), 1e-12))
        return np.clip(joints, self.joint_ranges[:, 0], self.joint_ranges[:, 1])
