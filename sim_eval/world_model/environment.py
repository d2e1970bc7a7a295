"""``gymnasium.make("CosmosPolicy/WorldModel-v0", checkpoint="tiny", embodiment="droid", dataset="...")``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gymnasium
import numpy as np

from cosmos_policy.errors import UsageError
from sim_eval.world_model.step import Timing, advance
from sim_eval.world_model.universe import Universe, WorldModelSettings
from sim_eval.world_model.viewer import Viewer
from sim_eval.world_model.world import ImaginedWorld

RENDER_MODES = ("human", "rgb_array")


class WorldModelEnvironment(gymnasium.Env):
    """A world that a world-action model imagines, moved by chunks of a robot's own commands.

    Action: a chunk of T control steps of the embodiment's commands, float64 [T, ...] each, in its own units
    (``model.policy(...).commands`` of T rows fits as it is; what is beyond the action space's names is not read).
    Observation: ``{"composed": uint8 [H, W, 3], "images": {view: uint8 [h, w, 3]}, "state": {name: float64}}``: the
    chunk's last frame, whole and cut into views, and the robot where its commands have put it. ``info``: ``success``
    (a reward says that what it wants is done), ``time_s`` (imagined), ``chunks``, ``clamped_actions`` (of this chunk:
    what the normaliser cut off before the model saw it), ``seed`` (of the next chunk's noise), ``instruction``,
    ``start``, ``drift`` (:func:`~sim_eval.world_model.drift.drift_of`), ``timing``
    (:class:`~sim_eval.world_model.step.Timing`) and ``rewards``. All frames of the last chunk: :attr:`clip`.

    Arguments: :class:`~sim_eval.world_model.universe.WorldModelSettings`. render_mode: None, "rgb_array" (the last
    composed frame) or "human" (a window in which every chunk is played at the robot's rate).

    ``reset(seed=..., options=...)``: options ``episode`` and ``frame`` (of the dataset), or ``image`` or ``images``
    with ``state``, or ``prompt`` with ``state`` (a generated start); ``instruction``; and those of the rewards.
    """

    metadata = {"render_modes": list(RENDER_MODES)}  # noqa: RUF012 (Gymnasium's way)

    def __init__(self, *, render_mode: str | None = None, **settings: Any) -> None:
        if render_mode not in (None, *RENDER_MODES):
            raise UsageError(f"render_mode {render_mode!r} is not one of None, {', '.join(RENDER_MODES)}.")
        self.universe = Universe(world_model_settings(settings))
        self.render_mode = render_mode
        self.metadata = {**self.metadata, "render_fps": self.universe.embodiment.fps}
        self.action_space = self.universe.action_space(self.universe.rules.chunk_size)
        self.observation_space = self.universe.observation_space()
        self._world: ImaginedWorld | None = None
        self._goals: list[Any] = []
        self._clip: np.ndarray | None = None
        self._viewer = Viewer(self.universe.embodiment.fps) if render_mode == "human" else None

    @property
    def world(self) -> ImaginedWorld:
        """The present world."""
        if self._world is None:
            raise UsageError("The environment has no world yet: call reset first.")
        return self._world

    @property
    def goals(self) -> list[Any]:
        """What each reward has prepared for this episode."""
        return self._goals

    @property
    def clip(self) -> np.ndarray:
        """The last chunk's frames, uint8 [T+1, H, W, 3], with the one it began from; after a reset that one alone."""
        return self.world.frame[None] if self._clip is None else self._clip

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[dict, dict]:
        """A new world. Refused options leave the present one as it was."""
        super().reset(seed=seed)
        self._world, self._goals = self.universe.begin(options, self.np_random)
        self._clip = None
        self._play(self.clip)
        return self.universe.observe(self._world), self.universe.info(self._world, Timing({}))

    def step(self, action: Mapping[str, np.ndarray]) -> tuple[dict, float, bool, bool, dict]:
        """A chunk of T control steps."""
        world = self.world
        plan = world.plan(action, self.universe.rules.chunk_size)
        (outcome,) = advance(self.universe.model, self.universe.rewards, [world], [self._goals], [plan])
        self._clip = outcome.clip
        self._play(self.clip[1:])
        verdict = outcome.verdict
        info = self.universe.info(world, outcome.timing, verdict)
        return self.universe.observe(world), verdict.reward, verdict.terminated, verdict.truncated, info

    def render(self) -> np.ndarray | None:
        """The last composed frame, uint8 [H, W, 3], in the mode "rgb_array"; None in the others ("human" plays)."""
        return self.world.frame.copy() if self.render_mode == "rgb_array" else None

    def close(self) -> None:
        """Closes the window, and the model if it was loaded here. Closing twice is harmless."""
        if self._viewer is not None:
            self._viewer.close()
        self.universe.close()

    def _play(self, frames: np.ndarray) -> None:
        if self._viewer is not None:
            self._viewer.play(frames)


def world_model_settings(arguments: Mapping[str, Any]) -> WorldModelSettings:
    """The settings of these arguments; a ``UsageError`` names one that does not exist."""
    known = WorldModelSettings.__dataclass_fields__
    unknown = [name for name in arguments if name not in known]
    if unknown:
        raise UsageError(f"The world model has no argument {unknown[0]!r}; it has {', '.join(known)}, render_mode.")
    return WorldModelSettings(**arguments)
