"""``gymnasium.make_vec("CosmosPolicy/WorldModel-v0", num_envs=8, ...)``: N worlds, one call of the model a step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from gymnasium import Space
from gymnasium.utils import seeding
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space, concatenate, create_empty_array, iterate

from cosmos_policy.errors import UsageError
from sim_eval.rewards import Verdict
from sim_eval.vector_options import checked_reset_mask, known_autoreset_mode, seed_each
from sim_eval.world_model.environment import world_model_settings
from sim_eval.world_model.step import Outcome, Timing, advance
from sim_eval.world_model.universe import STILL, Universe
from sim_eval.world_model.world import ImaginedWorld

RENDER_MODES = ("rgb_array",)


class WorldModelVectorEnvironment(VectorEnv):
    """N worlds of :class:`~sim_eval.world_model.environment.WorldModelEnvironment`, moved by one batched call.

    World i of a ``reset(seed=s)`` is the single environment's of ``reset(seed=s + i)``; a list of seeds names each.
    Every world draws from a generator of its own, so that N worlds are N single ones, as far as a batch computes the
    same as its parts: engines promise the same answer to float rounding, which is one 8-bit level here and there.

    autoreset_mode: "NextStep" (the step after an end resets that world, ignoring its action, with reward 0),
    "SameStep" (the ending step itself resets it; ``info["final_obs"]`` and ``info["final_info"]`` hold what it ended
    with), or "Disabled" (the caller resets ended worlds with ``options={"reset_mask": bool array}``). Declared in
    ``metadata["autoreset_mode"]``. Other arguments: those of the single environment.

    ``reset`` options: those of the single environment, for every world; ``worlds``, a list of N such mappings, one for
    each; and ``reset_mask``, bool [N]: the other worlds stay as they are.
    """

    metadata = {"render_modes": list(RENDER_MODES)}  # noqa: RUF012 (Gymnasium's way)

    def __init__(
        self,
        num_envs: int = 1,
        *,
        autoreset_mode: str | AutoresetMode = AutoresetMode.NEXT_STEP,
        render_mode: str | None = None,
        **settings: Any,
    ) -> None:
        if num_envs < 1:
            raise UsageError(f"num_envs is {num_envs}; expected at least 1 world.")
        if render_mode not in (None, *RENDER_MODES):
            raise UsageError(f"render_mode {render_mode!r} is not one of None, {', '.join(RENDER_MODES)}.")
        self.autoreset_mode = known_autoreset_mode(autoreset_mode)
        self.universe = Universe(world_model_settings(settings))
        self.num_envs, self.render_mode = num_envs, render_mode
        fps = self.universe.embodiment.fps
        self.metadata = {**self.metadata, "render_fps": fps, "autoreset_mode": self.autoreset_mode}
        self.single_action_space: Space = self.universe.action_space(self.universe.rules.chunk_size)
        self.single_observation_space: Space = self.universe.observation_space()
        self.action_space = batch_space(self.single_action_space, num_envs)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self._worlds: list[ImaginedWorld | None] = [None] * num_envs
        self._goals: list[list[Any]] = [[] for _ in range(num_envs)]
        self._generators: list[np.random.Generator | None] = [None] * num_envs
        self._ended = np.zeros(num_envs, dtype=bool)

    @property
    def worlds(self) -> tuple[ImaginedWorld, ...]:
        """The present worlds."""
        if any(world is None for world in self._worlds):
            raise UsageError("The environment has no worlds yet: call reset first.")
        return tuple(self._worlds)

    def reset(
        self, *, seed: int | Sequence[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict, dict]:
        """New worlds, all of them or those of ``options["reset_mask"]``; a refused option changes none of them."""
        asked = dict(options or {})
        mask = checked_reset_mask(asked.pop("reset_mask", None), self.num_envs)
        each = _each(asked, self.num_envs)
        generators = self._seeded(seed, mask)
        begun = {index: self.universe.begin(each[index], generators[index]) for index in np.flatnonzero(mask).tolist()}
        for index, (world, goals) in begun.items():
            self._worlds[index], self._goals[index], self._generators[index] = world, goals, generators[index]
        self._ended[mask] = False
        infos: dict[str, Any] = {}
        for index in begun:
            infos = self._add_info(infos, self._info(index, Timing({})), index)
        return self._observations(), infos

    def step(self, actions: Mapping[str, np.ndarray]) -> tuple[dict, np.ndarray, np.ndarray, np.ndarray, dict]:
        """A chunk in every world: those that go on share one call of the model."""
        worlds = self.worlds
        if self.autoreset_mode is AutoresetMode.DISABLED and self._ended.any():
            ended = ", ".join(map(str, np.flatnonzero(self._ended)))
            raise UsageError(f"The worlds {ended} have ended: reset them with options={{'reset_mask': ...}} first.")
        rows = self.universe.rules.chunk_size
        told = list(iterate(self.action_space, actions))
        moving = [index for index in range(self.num_envs) if not self._ended[index]]
        plans = [worlds[index].plan(told[index], rows) for index in moving]
        outcomes: dict[int, Outcome] = {}
        if moving:
            moved = advance(
                self.universe.model,
                self.universe.rewards,
                [worlds[index] for index in moving],
                [self._goals[index] for index in moving],
                plans,
            )
            outcomes = dict(zip(moving, moved, strict=True))
        return self._results(outcomes)

    def render(self) -> tuple[np.ndarray, ...] | None:
        """The last composed frame of every world, uint8 [H, W, 3] each."""
        return tuple(world.frame.copy() for world in self.worlds) if self.render_mode == "rgb_array" else None

    def close_extras(self, **_: Any) -> None:
        """Closes the model, if it was loaded here."""
        self.universe.close()

    def _results(self, outcomes: Mapping[int, Outcome]) -> tuple[dict, np.ndarray, np.ndarray, np.ndarray, dict]:
        rewards = np.zeros(self.num_envs)
        terminated, truncated = np.zeros(self.num_envs, dtype=bool), np.zeros(self.num_envs, dtype=bool)
        infos: dict[str, Any] = {}
        for index in range(self.num_envs):
            if index not in outcomes:  # it ended one step ago
                self._begin_again(index)
                infos = self._add_info(infos, self._info(index, Timing({})), index)
                continue
            outcome = outcomes[index]
            verdict = outcome.verdict
            rewards[index], terminated[index], truncated[index] = (
                verdict.reward,
                verdict.terminated,
                verdict.truncated,
            )
            info = self._info(index, outcome.timing, verdict)
            if self.autoreset_mode is AutoresetMode.SAME_STEP and (verdict.terminated or verdict.truncated):
                final = {"final_obs": self.universe.observe(self._worlds[index]), "final_info": info}
                infos = self._add_info(infos, final, index)
                self._begin_again(index)
                info = self._info(index, outcome.timing)
            infos = self._add_info(infos, info, index)
        self._ended = np.zeros_like(terminated)
        if self.autoreset_mode is not AutoresetMode.SAME_STEP:
            self._ended = terminated | truncated
        return self._observations(), rewards, terminated, truncated, infos

    def _begin_again(self, index: int) -> None:
        """A new world in the place of one that ended, from where its own generator stands, without options."""
        self._worlds[index], self._goals[index] = self.universe.begin(None, self._generators[index])

    def _info(self, index: int, timing: Timing, verdict: Verdict = STILL) -> dict[str, Any]:
        return self.universe.info(self._worlds[index], timing, verdict)

    def _observations(self) -> dict[str, Any]:
        space = self.single_observation_space
        seen = [self.universe.observe(world) for world in self.worlds]
        return concatenate(space, seen, create_empty_array(space, self.num_envs))

    def _seeded(self, seed: int | Sequence[int | None] | None, mask: np.ndarray) -> list[np.random.Generator | None]:
        """The generators of the worlds that are reset: of their seeds, else as they stand."""
        seeds = seed_each(seed, self.num_envs)
        if isinstance(seed, (int, np.integer)):
            self._np_random, self._np_random_seed = seeding.np_random(int(seed))
        if not mask.all() and any(world is None for world, new in zip(self._worlds, mask, strict=True) if not new):
            raise UsageError("The first reset needs every world: leave reset_mask out.")
        return [
            seeding.np_random(own)[0] if own is not None or generator is None else generator
            for own, generator in zip(seeds, self._generators, strict=True)
        ]


def _each(options: dict[str, Any], number: int) -> list[dict[str, Any]]:
    """The options of every world: those for all, and its own over them."""
    own = options.pop("worlds", None)
    if own is None:
        return [options] * number
    if not isinstance(own, (list, tuple)) or len(own) != number:
        raise UsageError(f"options['worlds'] must be a list of {number} mappings, one for each world.")
    return [{**options, **one} for one in own]
