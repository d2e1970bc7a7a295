"""``vllm-omni+http://host:port``: vLLM-Omni with a Cosmos 3 checkpoint, or this software's own OpenAI surface."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from cosmos_policy.client.other_engines.actions import ActionCalls
from cosmos_policy.client.other_engines.dialects import CosmosPolicyServer, VllmOmni
from cosmos_policy.client.other_engines.generation import GenerationEngine
from cosmos_policy.client.other_engines.options import EngineOptions
from cosmos_policy.client.other_engines.pictures import require_libraries
from cosmos_policy.client.other_engines.video_jobs import VideoJobs
from cosmos_policy.client.other_engines.vllm import VllmModel
from cosmos_policy.generator.jobs import Habits as GenerationHabits
from cosmos_policy.generator.jobs import make_job
from cosmos_policy.generator.run import run_jobs
from cosmos_policy.types import (
    ActionChunk,
    ForwardDynamicsRequest,
    GenerateRequest,
    InverseDynamicsRequest,
    Media,
    PolicyRequest,
    Rollout,
)
from cosmos_policy.world_action_model import OnStep


class VllmOmniModel(VllmModel):
    """All five calls on video jobs, pictures and chats of one server."""

    engine = "vLLM-Omni"

    def __init__(self, options: EngineOptions):
        super().__init__(options)
        name, budget_s = self.info.engine, options.budget_s
        dialect = CosmosPolicyServer() if self._own_server else VllmOmni()
        jobs = VideoJobs(self._endpoint, self._model_name)
        self._actions = ActionCalls(name, jobs, dialect, self._habits, budget_s, self._about)
        self._generation = GenerationHabits(self._model_name, self.info.revision, self._card.generation)
        self._generator = GenerationEngine(name, self._endpoint, jobs, self._model_name, dialect, budget_s)

    def _notes(self) -> tuple[str, ...]:
        return (*super()._notes(), "Its frames come as H.264 video: close to what the model made, not to the level.")

    def _run_policy(self, requests: Sequence[PolicyRequest]) -> list[ActionChunk]:
        return self._act("policy", requests)

    def _run_inverse_dynamics(self, requests: Sequence[InverseDynamicsRequest]) -> list[ActionChunk]:
        return self._act("inverse_dynamics", requests)

    def _run_forward_dynamics(self, requests: Sequence[ForwardDynamicsRequest]) -> list[Rollout]:
        return self._act("forward_dynamics", requests)

    def _run_generate(self, requests: Sequence[GenerateRequest], on_step: OnStep | None) -> list[Media]:
        require_libraries(clips=any(request.num_frames != 1 for request in requests))
        jobs = [make_job(request, self._generation, self._generator.name) for request in requests]
        return run_jobs(jobs, self._generator, on_step)

    def _act(self, call: str, requests: Sequence[Any]) -> list[Any]:
        fitted = [replace(request, embodiment=self.embodiment_for(request.embodiment)) for request in requests]
        return self._actions.run(call, fitted)


def open_model(options: EngineOptions) -> VllmOmniModel:
    """What :func:`cosmos_policy.connect` opens for this scheme."""
    return VllmOmniModel(options)
