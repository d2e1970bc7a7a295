"""Does the checkpoint believe itself? Its own actions, rolled out by its own forward dynamics, read back by its own
inverse dynamics."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from cosmos_policy.types import ActionChunk, ForwardDynamicsRequest, InverseDynamicsRequest, PolicyRequest, Rollout
from cosmos_policy.world_action_model import WorldActionModel
from sim_eval.replay.calls.base import Call, Scene, measure_actions
from sim_eval.replay.calls.policy import policy_request
from sim_eval.replay.plan import Window
from sim_eval.world_model.screen import Screen


@dataclass(frozen=True, eq=False)
class Cycle:
    """What the three calls said, one after the other. timing: their stages, "policy total" and so on, milliseconds."""

    chunk: ActionChunk
    rollout: Rollout
    read_back: ActionChunk

    @property
    def timing(self) -> dict[str, float]:
        calls = {"policy": self.chunk, "forward dynamics": self.rollout, "inverse dynamics": self.read_back}
        return {f"{name} total": float(answer.timing["total"]) for name, answer in calls.items()}


class CycleCall(Call):
    name = "cycle-consistency"
    title = "Cycle consistency"
    lead = (
        "The checkpoint's own chunk was rolled out by its own forward dynamics, and its own inverse dynamics read the "
        "actions back from those frames. The errors are against its chunk, not against the recording."
    )
    against_recording = False

    def request(self, scene: Scene, window: Window) -> PolicyRequest:
        return policy_request(scene, window, window.seed)

    def ask(self, model: WorldActionModel, requests: Sequence[PolicyRequest]) -> list[Cycle]:
        chunks = model.policy(list(requests))
        starts = [request.embodiment.compose(request.observation.images) for request in requests]
        rollouts = model.forward_dynamics(
            [
                ForwardDynamicsRequest(frame, chunk.unified, **_common(request))
                for request, frame, chunk in zip(requests, starts, chunks, strict=True)
            ]
        )
        films = [
            _film(frame, rollout, request.sampling.resolution_tier)
            for request, frame, rollout in zip(requests, starts, rollouts, strict=True)
        ]
        read_back = model.inverse_dynamics(
            [InverseDynamicsRequest(film, **_common(request)) for request, film in zip(requests, films, strict=True)]
        )
        return [Cycle(*answers) for answers in zip(chunks, rollouts, read_back, strict=True)]

    def measure(self, scene: Scene, window: Window, request: PolicyRequest, answer: Cycle) -> dict[str, Any]:
        """As of inverse dynamics; "recorded" is the checkpoint's own chunk."""
        return measure_actions(scene, window, answer.read_back.unified, truth=answer.chunk.unified)


def _common(request: PolicyRequest) -> dict[str, Any]:
    return {
        "embodiment": request.embodiment,
        "seed": request.seed,
        "instruction": request.instruction,
        "state": request.observation.state,
        "sampling": request.sampling,
    }


def _film(frame: np.ndarray, rollout: Rollout, tier: int) -> np.ndarray:
    """The imagined frames behind the one they began with, all at the size at which the model saw that one."""
    screen = Screen.for_frame(frame, tier)
    return np.concatenate([screen.show(frame)[None], screen.complete(rollout.frames[1:])])
