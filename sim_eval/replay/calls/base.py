"""What a call is, and what it may know of the run."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cosmos_policy.datasets.recording import Episode, Recording
from cosmos_policy.types import Sampling
from cosmos_policy.world_action_model import WorldActionModel
from sim_eval.metrics.actions import Metric, action_errors, dimension_errors, path_errors
from sim_eval.metrics.baselines import ACTION_BASELINES
from sim_eval.replay.plan import Window


@dataclass(frozen=True, eq=False)
class Scene:
    """Everything that a call needs beside its window. sampling: with no None left. output: the folder of the run.
    samples: answers to one question, where a call asks for several."""

    embodiment: Any
    recording: Recording
    episode: Episode
    instruction: str
    sampling: Sampling
    output: Path
    samples: int = 0

    def state(self, window: Window) -> dict[str, np.ndarray]:
        """The robot's state at the start of the window."""
        return self.episode.trajectory.state_at(window.start)

    def recorded_actions(self, window: Window) -> np.ndarray:
        """What the robot did, unified, float64 [horizon, D]."""
        return self.episode.actions[window.start : window.start + window.horizon]


class Call(ABC):
    """One kind of question. `title`, `lead`: for readers, a few words and a sentence. `contiguous`: its windows follow
    one another without a gap. `against_recording`: its errors are against what the robot did."""

    name: str
    title: str
    lead: str
    against_recording: bool = True
    contiguous: bool = False

    @abstractmethod
    def request(self, scene: Scene, window: Window) -> Any:
        """The typed request for one window."""

    @abstractmethod
    def ask(self, model: WorldActionModel, requests: Sequence[Any]) -> list[Any]:
        """Answers in the order of the requests."""

    @abstractmethod
    def measure(self, scene: Scene, window: Window, request: Any, answer: Any) -> dict[str, Any]:
        """The part of the result record that compares the answer with the recording; JSON values."""


def measure_actions(
    scene: Scene, window: Window, predicted: np.ndarray, truth: np.ndarray | None = None
) -> dict[str, Any]:
    """Predicted against recorded actions, and the baselines on the same window: for policy and inverse dynamics.

    truth: [horizon, D], what stands in the recorded actions' place; None takes those.
    "errors": source -> metric -> one number a horizon step (one in all for metrics of scope "end");
    "dimension_errors": source -> [horizon][D], signed, in display units; a baseline that does not exist here is null.
    """
    recorded, state = scene.recorded_actions(window) if truth is None else truth, scene.state(window)
    sources: dict[str, np.ndarray | None] = {"prediction": np.asarray(predicted, dtype=np.float64)}
    for name, baseline in ACTION_BASELINES.items():
        sources[name] = baseline(
            scene.embodiment, scene.episode.trajectory, scene.episode.actions, window.start, window.horizon
        )
    return {
        "recorded": recorded.tolist(),
        "predicted": sources["prediction"].tolist(),
        "state": {name: np.asarray(value, dtype=np.float64).tolist() for name, value in state.items()},
        "errors": {
            name: None if actions is None else as_lists(all_errors(scene.embodiment, actions, recorded, state))
            for name, actions in sources.items()
        },
        "dimension_errors": {
            name: None if actions is None else dimension_errors(scene.embodiment, actions, recorded).tolist()
            for name, actions in sources.items()
        },
    }


def all_errors(
    embodiment: Any, actions: np.ndarray, recorded: np.ndarray, state: dict[str, np.ndarray]
) -> dict[Metric, np.ndarray]:
    """Errors action by action, and after integration from `state`."""
    return action_errors(embodiment, actions, recorded) | path_errors(embodiment, actions, recorded, state)


def as_lists(errors: dict[Metric, np.ndarray]) -> dict[str, list[float]]:
    """Metric name -> plain numbers."""
    return {metric.name: np.asarray(values, dtype=np.float64).tolist() for metric, values in errors.items()}
