"""A model with something wrong in what stands around it: the mistakes that people make, made on purpose."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from cosmos_policy.errors import UsageError
from cosmos_policy.types import ActionChunk, PolicyRequest, Sampling
from cosmos_policy.world_action_model import WorldActionModel
from embodiments import Embodiment
from embodiments.normalizers import Normalizer


class WrappedModel(WorldActionModel):
    """Answers as `model` does, but for what a subclass makes wrong; it closes nothing.

    mistake: a few words; part of the revision, so that no results are mixed.
    """

    def __init__(self, model: WorldActionModel, mistake: str) -> None:
        self._model = model
        self.info = replace(model.info, revision=f"{model.info.revision}, {mistake}")

    def embodiment_for(self, embodiment: Any) -> Embodiment:
        return self._model.embodiment_for(embodiment)

    def sampling_for(self, embodiment: Any, sampling: Sampling | None = None) -> Sampling:
        return self._model.sampling_for(embodiment, sampling)

    def _run_policy(self, requests: Sequence[PolicyRequest]) -> list[ActionChunk]:
        return self._model.policy(list(requests))

    def _run_inverse_dynamics(self, requests: Sequence[Any]) -> list[Any]:
        return self._model.inverse_dynamics(list(requests))

    def _run_forward_dynamics(self, requests: Sequence[Any]) -> list[Any]:
        return self._model.forward_dynamics(list(requests))


class FlippedGripper(WrappedModel):
    """Commands to close open, and the other way round: every gripper's number goes from g to 1 - g.

    Raises :class:`UsageError` where a gripper's unified number does not run from 0 to 1.
    """

    def __init__(self, model: WorldActionModel) -> None:
        super().__init__(model, "gripper flipped")

    def _run_policy(self, requests: Sequence[PolicyRequest]) -> list[ActionChunk]:
        flipped = [self._with_prefix(request) for request in requests]
        answers = self._model.policy(flipped)
        return [self._flipped(request, answer) for request, answer in zip(requests, answers, strict=True)]

    def _with_prefix(self, request: PolicyRequest) -> PolicyRequest:
        """What runs meanwhile was flipped when it was answered; the model is told its own actions."""
        if request.prefix is None:
            return request
        return replace(request, prefix=flip(self.embodiment_for(request.embodiment), request.prefix))

    def _flipped(self, request: PolicyRequest, answer: ActionChunk) -> ActionChunk:
        robot = self.embodiment_for(request.embodiment)
        unified = flip(robot, answer.unified)
        return replace(answer, unified=unified, commands=robot.decode(unified, request.observation.state))


def flip(robot: Embodiment, unified: np.ndarray) -> np.ndarray:
    """Unified actions, [T, D], with 1 - g for every gripper g."""
    columns = [index for index, column in enumerate(robot.columns) if column.kind == "gripper"]
    if not columns or any(robot.columns[index].unit != "1" for index in columns):
        raise UsageError(f"{robot.name} has no gripper that runs from 0 to 1, so none can be flipped.")
    flipped = np.array(unified, dtype=np.float64)
    flipped[:, columns] = 1.0 - flipped[:, columns]
    return flipped


class WrongNormalizer(WrappedModel):
    """Actions are read with statistics of data that range `factor` times as wide."""

    def __init__(self, model: WorldActionModel, factor: float) -> None:
        super().__init__(model, f"normaliser stretched by {factor:g}")
        self._factor = factor

    def embodiment_for(self, embodiment: Any) -> Embodiment:
        robot = self._model.embodiment_for(embodiment)
        if isinstance(robot.normalizer, Stretched):
            return robot
        return robot.with_normalizer(Stretched(robot.normalizer, robot.action_dim, self._factor))

    def _run_policy(self, requests: Sequence[PolicyRequest]) -> list[ActionChunk]:
        return self._model.policy(
            [replace(request, embodiment=self.embodiment_for(request.embodiment)) for request in requests]
        )


@dataclass(frozen=True, eq=False)
class Stretched(Normalizer):
    """A normaliser whose range is `factor` times as wide about its centre (what model space calls 0)."""

    right: Normalizer
    columns: int
    factor: float

    @property
    def width(self) -> int:
        return self.columns

    def describe(self) -> str:
        return f"{self.right.describe()}, stretched by {self.factor:g}"

    @property
    def _centre(self) -> np.ndarray:
        return self.right.denormalize(np.zeros(self.columns))

    def _forward(self, unified: np.ndarray) -> np.ndarray:
        return self.right.normalize(self._centre + (unified - self._centre) / self.factor)

    def _inverse(self, model: np.ndarray) -> np.ndarray:
        return self._centre + (self.right.denormalize(model) - self._centre) * self.factor
