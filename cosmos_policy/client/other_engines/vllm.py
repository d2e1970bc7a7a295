"""``vllm+http://host:port``: vLLM with a Cosmos 3 reasoner. It answers in words, and does nothing else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from cosmos_policy.calls.job import Habits, find_embodiment
from cosmos_policy.checkpoints import Checkpoint, CheckpointCard, embodiment_for, find_card
from cosmos_policy.checkpoints.registry import unknown_card
from cosmos_policy.client.other_engines.chat import Chat
from cosmos_policy.client.other_engines.endpoint import Endpoint
from cosmos_policy.client.other_engines.options import EngineOptions
from cosmos_policy.errors import Failure, UsageError
from cosmos_policy.types import (
    ActionChunk,
    ForwardDynamicsRequest,
    InverseDynamicsRequest,
    PolicyRequest,
    ReasonRequest,
    Reply,
    ReplyDelta,
    Rollout,
    Sampling,
)
from cosmos_policy.wire.contract import describe_embodiment
from cosmos_policy.world_action_model import ModelInfo, WorldActionModel
from embodiments import Embodiment

OWN_SERVER = "cosmos-policy"


class VllmModel(WorldActionModel):
    """A model behind vLLM's OpenAI surface. options: how to reach it, and what is said of its checkpoint."""

    engine = "vLLM"

    def __init__(self, options: EngineOptions):
        self._endpoint = Endpoint(options.address, options.api_key, options.patience, options.certificate_file)
        try:
            told = _loaded_model(self._endpoint)
            self._model_name = str(told["id"])
            self._own_server = told.get("owned_by") == OWN_SERVER
            self._card = _card(str(told.get("root") or self._model_name), self._model_name, options.like)
        except BaseException:
            self._endpoint.close()
            raise
        self._options = options
        name = self._model_name
        if self._own_server:
            self.engine = OWN_SERVER
        self._checkpoint = Checkpoint(name, Path(), str(told.get("revision") or "not told"), self._card)
        self._habits = Habits(name, self._card.prompt_format, self._card.sampling)
        self.info = ModelInfo(
            checkpoint=name,
            revision=self._checkpoint.revision,
            engine=f"{self.engine} at {self._endpoint.address}",
            device="not told",
            dtype="not told",
            sampling=self._card.sampling,
            notes=(*self._card.notes, *self._notes()),
        )
        self._about = {"checkpoint": name, "revision": self.info.revision, "engine": self.info.engine}
        self._chat = Chat(self._endpoint, name, self._about, self._own_server)
        if options.embodiment is not None:
            self.check(options.embodiment)

    @property
    def contract(self) -> Mapping[str, Any]:
        """What a cosmos-policy server says at /info, of the one robot that this connection was opened for."""
        robot = self._options.embodiment
        if robot is None and self._card.embodiments is not None and len(self._card.embodiments) == 1:
            robot = self._card.embodiments[0]
        if robot is None:
            raise UsageError(
                f"{self.engine} serves no robot in particular: name one, as connect(..., embodiment=...) or in the "
                "parameter embodiment."
            )
        return self.contract_for(robot)

    def check(self, embodiment: Any) -> Embodiment:
        """The robot, where this checkpoint knows it; raise one sentence where it does not."""
        return self.embodiment_for(embodiment)

    def contract_for(self, embodiment: Any) -> Mapping[str, Any]:
        return {"embodiment": describe_embodiment(self.embodiment_for(embodiment)), "model": dict(self._about)}

    def embodiment_for(self, embodiment: Any) -> Embodiment:
        """The embodiment with the normaliser and the chunk size of the checkpoint that is served there."""
        return embodiment_for(self._checkpoint, find_embodiment(embodiment))

    def sampling_for(self, embodiment: Any, sampling: Sampling | None = None) -> Sampling:
        """`sampling` with every None filled in by the checkpoint's card, as every request says it aloud."""
        return self._habits.sampling_for(self.embodiment_for(embodiment), sampling or Sampling())

    def close(self) -> None:
        """Close the connections."""
        self._endpoint.close()

    def _notes(self) -> tuple[str, ...]:
        return (f"Computed by {self.engine}: its own code, precision and noise, not this software's engine.",)

    def _run_policy(self, requests: Sequence[PolicyRequest]) -> list[ActionChunk]:
        raise self._reasoner_only()

    def _run_inverse_dynamics(self, requests: Sequence[InverseDynamicsRequest]) -> list[ActionChunk]:
        raise self._reasoner_only()

    def _run_forward_dynamics(self, requests: Sequence[ForwardDynamicsRequest]) -> list[Rollout]:
        raise self._reasoner_only()

    def _run_reason(self, requests: Sequence[ReasonRequest]) -> list[Reply]:
        return [self._chat.answer(request) for request in requests]

    def _stream_reason(self, request: ReasonRequest) -> Iterator[ReplyDelta | Reply]:
        return self._chat.stream(request)

    def _reasoner_only(self) -> UsageError:
        return UsageError(
            f"{self.engine} at {self._endpoint.address} answers in words only: connect to a vLLM-Omni server "
            '("vllm-omni+http://host:port") or a cosmos-policy server ("ws://host:port") for actions and pictures.'
        )


def open_model(options: EngineOptions) -> VllmModel:
    """What :func:`cosmos_policy.connect` opens for this scheme."""
    return VllmModel(options)


def _loaded_model(endpoint: Endpoint) -> Mapping[str, Any]:
    """The one model at /v1/models."""
    models = endpoint.wait_for("/v1/models").get("data")
    if not isinstance(models, list) or not models or not isinstance(models[0], Mapping) or "id" not in models[0]:
        raise Failure(f"{endpoint.address} tells no model at /v1/models.")
    return models[0]


def _card(root: str, name: str, like: str | None) -> CheckpointCard:
    """What is known of the checkpoint: by `like`, or by the names under which it is served."""
    if like is not None:
        card = find_card(like)
        if card is None:
            raise UsageError(f"like={like!r} is no known checkpoint; `cosmos-policy checkpoints` lists them.")
        return card
    for told in (name, root, root.rstrip("/").rpartition("/")[2]):
        if (card := find_card(told)) is not None:
            return card
    return unknown_card(name)
