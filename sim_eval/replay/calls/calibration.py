"""Does the checkpoint know what it does not know? The spread of several answers to one question against their error."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

from cosmos_policy.types import ActionChunk, PolicyRequest
from cosmos_policy.world_action_model import WorldActionModel
from sim_eval.metrics.actions import Metric
from sim_eval.replay.calls.base import Call, Scene, all_errors, as_lists
from sim_eval.replay.calls.policy import policy_request
from sim_eval.replay.plan import Window


@dataclass(frozen=True, eq=False)
class Samples:
    """The answers to one question with different seeds. timing: the mean of each stage, milliseconds."""

    chunks: tuple[ActionChunk, ...]

    @property
    def timing(self) -> dict[str, float]:
        stages = self.chunks[0].timing
        return {stage: float(np.mean([chunk.timing[stage] for chunk in self.chunks])) for stage in stages}


class CalibrationCall(Call):
    name = "calibration"
    title = "Calibration over seeds"
    lead = (
        "The policy was asked the same question with several seeds. For a policy that samples as people act, the "
        "recording is one more sample: then the samples are as far from each other as from it."
    )

    def request(self, scene: Scene, window: Window) -> list[PolicyRequest]:
        return [policy_request(scene, window, seed) for seed in sample_seeds(window.seed, scene.samples)]

    def ask(self, model: WorldActionModel, requests: Sequence[list[PolicyRequest]]) -> list[Samples]:
        chunks = iter(model.policy([request for samples in requests for request in samples]))
        return [Samples(tuple(next(chunks) for _ in samples)) for samples in requests]

    def measure(self, scene: Scene, window: Window, request: list[PolicyRequest], answer: Samples) -> dict[str, Any]:
        """The samples, their error and their spread.

        "errors": "prediction" -> metric -> the samples' mean error at each horizon step; "spread": metric -> the mean
        distance between two of them; "samples": [K][horizon][D] unified; "recorded", "state" as of policy.
        """
        recorded, state = scene.recorded_actions(window), scene.state(window)
        samples = [np.asarray(chunk.unified, dtype=np.float64) for chunk in answer.chunks]
        robot = scene.embodiment
        errors = _mean([all_errors(robot, sample, recorded, state) for sample in samples])
        spread = _mean([all_errors(robot, first, second, state) for first, second in combinations(samples, 2)])
        return {
            "recorded": recorded.tolist(),
            "samples": [sample.tolist() for sample in samples],
            "state": {name: np.asarray(value, dtype=np.float64).tolist() for name, value in state.items()},
            "errors": {"prediction": as_lists(errors)},
            "spread": as_lists(spread),
        }


def sample_seeds(seed: int, samples: int) -> list[int]:
    """Seeds of the samples of one window; the first so many are the same, however many there are."""
    children = np.random.SeedSequence(seed).spawn(samples)
    return [int(child.generate_state(1)[0] >> 1) for child in children]


def _mean(errors: Sequence[dict[Metric, np.ndarray]]) -> dict[Metric, np.ndarray]:
    return {metric: np.mean([one[metric] for one in errors], axis=0) for metric in errors[0]}
