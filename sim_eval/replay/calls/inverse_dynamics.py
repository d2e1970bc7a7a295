"""Which actions does the checkpoint see in the recorded frames? Window after window over the whole episode."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cosmos_policy.types import ActionChunk, InverseDynamicsRequest
from cosmos_policy.world_action_model import WorldActionModel
from sim_eval.replay.calls.base import Call, Scene, measure_actions
from sim_eval.replay.plan import Window


class InverseDynamicsCall(Call):
    name = "inverse-dynamics"
    title = "Inverse dynamics"
    lead = "The checkpoint saw the recorded frames, window after window, and said which actions connect them."
    contiguous = True

    def request(self, scene: Scene, window: Window) -> InverseDynamicsRequest:
        return InverseDynamicsRequest(
            scene.recording.frames(window.episode, window.start),
            scene.embodiment,
            seed=window.seed,
            instruction=scene.instruction,
            state=scene.state(window),
            sampling=scene.sampling,
        )

    def ask(self, model: WorldActionModel, requests: Sequence[InverseDynamicsRequest]) -> list[ActionChunk]:
        return model.inverse_dynamics(list(requests))

    def measure(
        self, scene: Scene, window: Window, request: InverseDynamicsRequest, answer: ActionChunk
    ) -> dict[str, Any]:
        return measure_actions(scene, window, answer.unified)
