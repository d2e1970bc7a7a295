"""A test policy for robots that are told where their tool has to be."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

import embodiments
from cosmos_policy.types import ActionChunk, PolicyRequest
from embodiments.poses import to_deltas


@dataclass
class CircleTestPolicy:
    """Draws circles with the tool and turns it to and fro, from the observed pose on, or from what it was told."""

    embodiment: str
    speed: float = 0.2

    def unified(self, request: PolicyRequest) -> np.ndarray:
        """Its actions, [T, D] in SI units."""
        robot = embodiments.get(self.embodiment)
        times = request.observation.stamp + np.arange(robot.chunk_size + 1) / robot.fps
        path = np.tile(np.eye(4), (len(times), 1, 1))
        radius = 0.06
        angle = self.speed / radius * times
        path[:, :3, 3] = np.stack([radius * np.cos(angle), radius * np.sin(angle), 0.0 * angle], axis=-1)
        path[:, :3, :3] = Rotation.from_rotvec(np.outer(0.2 * np.sin(times), [0.6, 0.0, 0.8])).as_matrix()
        unified = np.zeros((robot.chunk_size, robot.action_dim))
        block = robot.pose_blocks[0]
        unified[:, block.columns] = to_deltas(path @ block.tool_to_model)
        unified[:, 9:] = 1.0
        if request.prefix is not None:
            unified[: len(request.prefix)] = request.prefix
        return unified

    def __call__(self, request: PolicyRequest) -> ActionChunk:
        robot, stamp, unified = embodiments.get(self.embodiment), request.observation.stamp, self.unified(request)
        return ActionChunk(
            model=unified.astype(np.float32),
            unified=unified,
            commands=robot.decode(unified, request.observation.state),
            dt=1.0 / robot.fps,
            stamp=stamp,
            valid_until=stamp + len(unified) / robot.fps,
        )
