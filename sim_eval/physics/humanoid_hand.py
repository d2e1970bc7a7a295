"""A simulated hand of five digits: where its points are, and which motor positions bring its tips to places."""

from __future__ import annotations

import mujoco
import numpy as np

from sim_eval.physics.robots._humanoid import HandSetup

_STEPS = 51
"""Motor positions at which the tips' places are looked up; between two of them a tip moves about 3 mm."""


class Hand:
    """A hand in a running scene.

    ``motors``: how many there are. Tips are points in the wrist's frame (z to the fingers, x out of the palm), metres.
    """

    def __init__(self, hand: HandSetup, prefix: str, model: mujoco.MjModel) -> None:
        self.palm = model.body(prefix + hand.palm).id
        self.motors = len(hand.motors)
        self._digits = [[model.body(prefix + name).id for name in digit] for digit in hand.digits]
        self._tips = [_farthest_point(model, digit[-1]) for digit in self._digits]
        forward, out = np.array(hand.to_fingers), np.array(hand.out_of_palm)
        self.wrist_in_palm = np.eye(4)
        self.wrist_in_palm[:3, :3] = np.column_stack([out, np.cross(forward, out), forward])
        self._joints = [[model.joint(prefix + name) for name in motor] for motor in hand.motors]
        self._look_up(model)

    def wrist_pose(self, data: mujoco.MjData, base: np.ndarray) -> np.ndarray:
        """``[4, 4]``, m, in a frame whose pose in the world is ``base``."""
        return np.linalg.inv(base) @ world_pose(data, self.palm) @ self.wrist_in_palm

    def points(self, data: mujoco.MjData, base: np.ndarray) -> np.ndarray:
        """``[21, 3]``, m, in a frame whose pose in the world is ``base``: wrist, then four of each digit."""
        points = [data.xpos[self.palm]]
        for number, digit in enumerate(self._digits):
            own, end = [data.xpos[body] for body in digit], self._tip(data, number)
            between = [(own[-1] + end) / 2] * (3 - len(own))
            points += [*own, *between, end]
        return (np.array(points) - base[:3, 3]) @ base[:3, :3]

    def nearest_motor_positions(self, tips: np.ndarray) -> np.ndarray:
        """Motor positions ``[motors]`` (0 open to 1 closed) with the tips nearest to ``[5, 3]``, thumb first."""
        fingers = np.linalg.norm(self._finger_tips - tips[1:, None], axis=-1).argmin(axis=1) / (_STEPS - 1)
        away = np.linalg.norm(self._thumb_tips - tips[0], axis=-1)
        bend, turn = np.array(np.unravel_index(away.argmin(), away.shape)) / (_STEPS - 1)
        return np.array([*fingers[::-1], bend, turn])

    def tips_at(self, motor_positions: np.ndarray) -> np.ndarray:
        """Tips ``[5, 3]`` (m) at motor positions, as far apart as the table's steps."""
        *fingers, bend, turn = np.rint(np.clip(motor_positions, 0.0, 1.0) * (_STEPS - 1)).astype(int)
        return np.array(
            [self._thumb_tips[bend, turn], *(self._finger_tips[row, at] for row, at in enumerate(fingers[::-1]))]
        )

    def _look_up(self, model: mujoco.MjModel) -> None:
        """Tables of tips: ``[4, steps, 3]`` index to little finger, ``[steps, steps, 3]`` thumb by bend and turn."""
        data = mujoco.MjData(model)
        fractions = np.linspace(0.0, 1.0, _STEPS)
        mujoco.mj_kinematics(model, data)
        palm = world_pose(data, self.palm) @ self.wrist_in_palm  # moving fingers leave it where it is

        def tip(digit: int) -> np.ndarray:
            return (self._tip(data, digit) - palm[:3, 3]) @ palm[:3, :3]

        def move(motor: int, fraction: float) -> None:
            for joint in self._joints[motor]:
                low, high = joint.range
                data.qpos[joint.qposadr[0]] = low + fraction * (high - low)

        fingers, thumb = [], []
        for fraction in fractions:
            for motor in range(4):
                move(motor, fraction)
            mujoco.mj_kinematics(model, data)
            fingers.append([tip(digit) for digit in range(1, 5)])
        for bend in fractions:
            move(4, bend)
            for turn in fractions:
                move(5, turn)
                mujoco.mj_kinematics(model, data)
                thumb.append(tip(0))
        self._finger_tips = np.array(fingers).swapaxes(0, 1)
        self._thumb_tips = np.array(thumb).reshape(_STEPS, _STEPS, 3)

    def _tip(self, data: mujoco.MjData, digit: int) -> np.ndarray:
        """A tip in MuJoCo's world, ``[3]`` m."""
        last = self._digits[digit][-1]
        return data.xpos[last] + data.xmat[last].reshape(3, 3) @ self._tips[digit]


def world_pose(data: mujoco.MjData, body: int) -> np.ndarray:
    """Pose ``[4, 4]`` (m) of a body in MuJoCo's world."""
    pose = np.eye(4)
    pose[:3, :3], pose[:3, 3] = data.xmat[body].reshape(3, 3), data.xpos[body]
    return pose


def _farthest_point(model: mujoco.MjModel, body: int) -> np.ndarray:
    """Of the meshes of a body, the vertex farthest from its joint, in its frame: a digit's tip."""
    vertices = []
    for geom in range(model.ngeom):
        mesh = model.geom_dataid[geom]
        if model.geom_bodyid[geom] != body or model.geom_type[geom] != mujoco.mjtGeom.mjGEOM_MESH:
            continue
        start = model.mesh_vertadr[mesh]
        turn = np.zeros(9)
        mujoco.mju_quat2Mat(turn, model.geom_quat[geom])
        own = model.mesh_vert[start : start + model.mesh_vertnum[mesh]].astype(np.float64)
        vertices.append(own @ turn.reshape(3, 3).T + model.geom_pos[geom])
    points = np.concatenate(vertices)
    return points[np.linalg.norm(points, axis=1).argmax()]
