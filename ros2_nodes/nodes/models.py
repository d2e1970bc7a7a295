"""Where a node's questions are answered: by a server, or by a model in this process."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from cosmos_policy.client import ServerUnreachable, connect
from cosmos_policy.types import ActionChunk, PolicyRequest
from cosmos_policy.world_action_model import WorldActionModel
from embodiments import Embodiment
from ros2_nodes.contract import RobotContract, check_against, embodiment_of
from ros2_nodes.nodes.policy_settings import PolicySettings

#: How long a connection to a server that was there is tried anew before the question counts as failed.
RECONNECT_S = 1.0


class PolicySource(ABC):
    """Answers policy requests; called from one thread at a time."""

    embodiment: Embodiment
    """What was agreed on."""

    def __init__(self, contract: RobotContract, settings: PolicySettings) -> None:
        self._contract = contract
        self._sampling, self._video = settings.sampling, settings.predicted_video or contract.drift.enabled

    def __call__(self, request: PolicyRequest) -> ActionChunk:
        """The answer; raises what the model raises."""
        sampling = self._sampling.over(request.sampling)
        return self._answer(replace(request, sampling=sampling, video=request.video or self._video))

    @abstractmethod
    def _answer(self, request: PolicyRequest) -> ActionChunk: ...

    @abstractmethod
    def close(self) -> None:
        """Give the model or the connection back."""


class RemotePolicy(PolicySource):
    """A server. Whenever the connection was lost, the contract is checked again before the next question: another
    server may have taken its place."""

    def __init__(self, contract: RobotContract, settings: PolicySettings) -> None:
        super().__init__(contract, settings)
        self._settings = settings
        self._model: WorldActionModel | None = None
        self.embodiment = self._open(settings.connect_timeout_s)

    def _answer(self, request: PolicyRequest) -> ActionChunk:
        if self._model is None:
            self._open(RECONNECT_S)
        try:
            return self._model.policy(request)
        except ServerUnreachable:
            self.close()
            raise

    def close(self) -> None:
        if self._model is not None:
            self._model.close()
            self._model = None

    def _open(self, connect_timeout_s: float) -> Embodiment:
        model = connect(
            self._settings.server,
            api_key=self._settings.api_key,
            certificate_file=self._settings.certificate_file,
            timeout_s=1e-3 * self._contract.execution.deadline_ms,
            connect_timeout_s=connect_timeout_s,
        )
        try:
            told = model.contract_for(embodiment_of(self._contract))
            embodiment = check_against(self._contract, told, self._settings.server)
        except Exception:
            model.close()
            raise
        self._model = model
        return embodiment


class LocalPolicy(PolicySource):
    """A model in this process."""

    def __init__(self, contract: RobotContract, settings: PolicySettings) -> None:
        super().__init__(contract, settings)
        from cosmos_policy.loading import load

        embodiment = check_against(contract)
        self._model = load(settings.checkpoint, device=settings.device)
        self.embodiment = check_against(contract, self._model.contract_for(embodiment), settings.checkpoint)

    def _answer(self, request: PolicyRequest) -> ActionChunk:
        return self._model.policy(request)

    def close(self) -> None:
        self._model.close()


def open_source(contract: RobotContract, settings: PolicySettings) -> PolicySource:
    """The source that the settings name, once everything fits; raises one sentence where it does not."""
    kind: Callable[[Any, Any], PolicySource] = LocalPolicy if settings.in_process else RemotePolicy
    return kind(contract, settings)
