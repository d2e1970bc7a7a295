"""What would the checkpoint have done here? At each replan point, its chunk against the recorded one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cosmos_policy.types import ActionChunk, Observation, PolicyRequest
from cosmos_policy.world_action_model import WorldActionModel
from sim_eval.replay.calls.base import Call, Scene, measure_actions
from sim_eval.replay.plan import Window


class PolicyCall(Call):
    name = "policy"
    title = "Policy"
    lead = "At every replan point the checkpoint saw the recorded frame and state, and said what it would do next."

    def request(self, scene: Scene, window: Window) -> PolicyRequest:
        return policy_request(scene, window, window.seed)

    def ask(self, model: WorldActionModel, requests: Sequence[PolicyRequest]) -> list[ActionChunk]:
        return model.policy(list(requests))

    def measure(self, scene: Scene, window: Window, request: PolicyRequest, answer: ActionChunk) -> dict[str, Any]:
        return measure_actions(scene, window, answer.unified)


def policy_request(scene: Scene, window: Window, seed: int) -> PolicyRequest:
    """What next, from the window's first frame and state? Nothing after that frame is decoded."""
    observation = Observation(
        images=scene.recording.view(window.episode, window.start),
        state=scene.state(window),
        stamp=window.start / scene.embodiment.fps,
    )
    return PolicyRequest(
        observation,
        scene.instruction,
        scene.embodiment,
        seed=seed,
        chunk_size=window.horizon,
        sampling=scene.sampling,
    )
