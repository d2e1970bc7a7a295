"""Test policies behind a real server: smooth motions that go on from a prefix.

They stand in for a trained model where the motion matters and not the robot's task. For joints each seed swings every
joint with phases of its own, as a model that samples swings from answer to answer; tools draw circles.

    python smooth_policy.py --port 0 --embodiment droid_joint --latency-ms 300 --moods moods.json
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from circle_policy import CircleTestPolicy

import embodiments
from cosmos_policy.errors import UsageError
from cosmos_policy.types import ActionChunk, PolicyRequest, Sampling
from cosmos_policy.world_action_model import ModelInfo, WorldActionModel

SAMPLING = Sampling(num_inference_steps=1, guidance_scale=1.0, flow_shift=1.0, resolution_tier=256)
CENTRE = np.array([0.0, -0.628, 0.0, -2.513, 0.0, 1.885, 0.0])
AMPLITUDE_RAD, SWING_HZ, STIFFNESS = 0.25, 0.2, 3.0


def load(moods: str, embodiment: str) -> WorldActionModel:
    """Called in the server's worker. moods: a file that says how to behave from the next question on, as JSON; "nan",
    "short" and "far" spoil the answer, "late_s" delays it, "dream" predicts frames of something else."""
    return SmoothPolicy(Path(moods), embodiment)


class SmoothPolicy(WorldActionModel):
    """Answers `policy` for droid_joint, or for a robot that is told where its tool has to be."""

    def __init__(self, moods: Path, embodiment: str) -> None:
        self._moods, self._robot = moods, embodiments.get(embodiment)
        self._actions = CircleTestPolicy(embodiment).unified if self._robot.pose_blocks else self._swing
        self.info = ModelInfo("smooth test policy", "1", "sines", "cpu", "float64", SAMPLING)

    def sampling_for(self, embodiment: Any, sampling: Sampling | None = None) -> Sampling:
        return SAMPLING

    def _run_policy(self, requests: Sequence[PolicyRequest]) -> list[ActionChunk]:
        return [self._answer(request) for request in requests]

    def _run_inverse_dynamics(self, requests: Sequence[Any]) -> list[ActionChunk]:
        raise UsageError("The smooth test policy knows no inverse dynamics.")

    def _run_forward_dynamics(self, requests: Sequence[Any]) -> list[Any]:
        raise UsageError("The smooth test policy knows no forward dynamics.")

    def _answer(self, request: PolicyRequest) -> ActionChunk:
        mood = json.loads(self._moods.read_text()) if self._moods.exists() else {}
        time.sleep(mood.get("late_s", 0.0))
        robot, observation, dt = self._robot, request.observation, 1.0 / self._robot.fps
        unified = self._actions(request)
        if mood.get("nan"):
            unified[5, 2] = np.nan
        if mood.get("far"):
            unified[0 if request.prefix is None else len(request.prefix) :, 0] += 2.0
        if mood.get("short"):
            unified = unified[:3]
        frame = robot.compose(observation.images)[::8, ::8]
        if mood.get("dream"):
            frame = np.random.default_rng(0).integers(0, 256, frame.shape, dtype=np.uint8)
        return ActionChunk(
            model=robot.normalize(unified).astype(np.float32),
            unified=unified,
            commands=robot.decode(unified, observation.state),
            dt=dt,
            stamp=observation.stamp,
            valid_until=observation.stamp + len(unified) * dt,
            video=np.repeat(frame[None], len(unified) + 1, axis=0) if request.video else None,
            timing={"total": 1.0},
            info={
                "embodiment": robot.name,
                "checkpoint": self.info.checkpoint,
                "normalizer": robot.normalizer.describe(),
                "seed": request.seed,
            },
        )

    def _swing(self, request: PolicyRequest) -> np.ndarray:
        """[32, 8]: a critically damped spring pulls the joints after swinging targets."""
        dt = 1.0 / self._robot.fps
        told = np.empty((0, 8)) if request.prefix is None else np.asarray(request.prefix)
        position = np.asarray(request.observation.state["joint_position"], float)
        velocity = np.zeros(7)
        if len(told):
            position = told[-1, :7]
        if len(told) > 1:
            velocity = (told[-1, :7] - told[-2, :7]) / dt
        phases = np.arange(7) + 0.8 * np.random.default_rng(request.seed).standard_normal(7)
        rows = list(told)
        while len(rows) < self._robot.chunk_size:
            due = request.observation.stamp + len(rows) * dt
            target = CENTRE + AMPLITUDE_RAD * np.sin(2 * np.pi * SWING_HZ * due + phases)
            for _ in range(10):
                pull = STIFFNESS**2 * (target - position) - 2 * STIFFNESS * velocity
                velocity = velocity + pull * dt / 10
                position = position + velocity * dt / 10
            rows.append(np.append(position, 0.5 + 0.3 * np.sin(due)))
        return np.array(rows)


def main() -> None:
    """Serve it as `cosmos-policy serve` serves a checkpoint."""
    from cosmos_policy.server.settings import ModelSource, ServerSettings
    from cosmos_policy.server.transport.run import serve

    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--embodiment", default="droid_joint")
    parser.add_argument("--latency-ms", type=float, default=0.0)
    parser.add_argument("--moods", default="/nonexistent")
    given = parser.parse_args()
    model = ModelSource("smooth_policy:load", {"moods": given.moods, "embodiment": given.embodiment})
    serve(ServerSettings(model, given.embodiment, port=given.port, inject_latency_ms=given.latency_ms, threads=1))


if __name__ == "__main__":
    sys.exit(main())
