"""What rewards and ends see, and what they say."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from cosmos_policy.world_action_model import WorldActionModel
from embodiments import Embodiment


@dataclass(frozen=True, eq=False)
class Transition:
    """One step of one world.

    frames: uint8 [k+1, H, W, 3], composed views, from before the first command to after the last; the first alone
        where no reward looks at frames and the world was moved blindly.
    first: uint8 [H, W, 3], the world's first frame of all.
    before, after: the robot, under the names of its commands (m, rad, ...). commands: name -> float64 [k, ...].
    unified: float64 [k, D]. time_s: imagined time after the step. steps: control steps since the start.
    """

    embodiment: Embodiment
    instruction: str
    frames: np.ndarray
    before: Mapping[str, np.ndarray]
    after: Mapping[str, np.ndarray]
    commands: Mapping[str, np.ndarray]
    unified: np.ndarray
    time_s: float
    steps: int
    first: np.ndarray | None = None


@dataclass(frozen=True)
class Verdict:
    """What one reward says about one transition. success: it ends because what was wanted is done. info: plain numbers
    or strings, under names of its own."""

    reward: float = 0.0
    terminated: bool = False
    truncated: bool = False
    success: bool = False
    info: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Setting:
    """What a goal may be prepared with. fit: brings a composed frame, uint8 [H, W, 3], to the world's own size."""

    embodiment: Embodiment
    fit: Callable[[np.ndarray], np.ndarray]
    model: WorldActionModel


class Reward(ABC):
    """A reward, an end, or both. It holds no episode: what belongs to one is the goal that :meth:`prepare` makes.

    name: under which its info appears. options: the ``reset`` options that it reads. looks: whether it reads frames;
    where nobody does, a world that is moved blindly asks no model for them.
    """

    name: str
    options: tuple[str, ...] = ()
    looks: bool = True

    def prepare(self, options: Mapping[str, Any], setting: Setting) -> Any:
        """The goal of an episode from the options of its ``reset`` (those of `self.options` that were given)."""
        return None

    @abstractmethod
    def judge(self, transitions: Sequence[Transition], goals: Sequence[Any], model: WorldActionModel) -> list[Verdict]:
        """A verdict a transition, in order: many worlds at once, so that a model is asked once."""


def combine(verdicts: Mapping[str, Verdict]) -> Verdict:
    """Rewards add up; any end ends. info: reward's name -> its info with its own share of the reward."""
    return Verdict(
        float(sum(verdict.reward for verdict in verdicts.values())),
        any(verdict.terminated for verdict in verdicts.values()),
        any(verdict.truncated for verdict in verdicts.values()),
        any(verdict.success for verdict in verdicts.values()),
        {name: {"reward": float(verdict.reward), **verdict.info} for name, verdict in verdicts.items()},
    )
