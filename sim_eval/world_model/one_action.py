"""An imagined world moved one control step at a time, and looked at only where somebody looks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gymnasium
import numpy as np

from cosmos_policy.errors import UsageError
from cosmos_policy.types import Rollout
from embodiments import Embodiment
from embodiments.commands import check_commands, command_fields
from sim_eval.rewards import Verdict
from sim_eval.world_model.drift import drift_of
from sim_eval.world_model.environment import WorldModelEnvironment
from sim_eval.world_model.step import Timing, imagine, judge_all, transition_of
from sim_eval.world_model.world import Plan


class CommandRows:
    """One control step of an embodiment's commands."""

    def __init__(self, embodiment: Embodiment) -> None:
        self._fields = command_fields(embodiment)

    def pick(self, chunk: Mapping[str, np.ndarray], row: int) -> dict[str, np.ndarray]:
        """Row `row` of a chunk's commands (``ActionChunk.commands``), as a step takes it."""
        return {
            field.name: np.asarray(chunk[field.name][row], dtype=np.float64).reshape(field.shape)
            for field in self._fields
        }


class OneActionAtATime(gymnasium.Wrapper):
    """Wraps ``CosmosPolicy/WorldModel-v0``: a step is one control step of the embodiment's commands.

    The model rolls out T actions at once. The actions since the frame that the chunk began from go in front, standing
    still fills the rest, and the frame after the last action is what is seen: each look costs one call of the model.
    After T actions the world goes on from the last frame, as it does chunk by chunk, so that frames pass through the
    autoencoder once in T actions and not at each. :meth:`step_blind` moves without looking; a chunk that ends unseen is
    rolled out all the same. Rewards see the frames since the chunk began.

    judged_every: rewards that look at frames are asked after so many control steps and not after each: a look costs a
        call of the model. Rewards that read the robot alone are asked after every step.
    keeps_footage: every frame of an episode is kept (:meth:`footage`).
    """

    def __init__(self, env: gymnasium.Env, *, judged_every: int = 1, keeps_footage: bool = False) -> None:
        if not isinstance(env.unwrapped, WorldModelEnvironment):
            raise UsageError(f"OneActionAtATime wraps CosmosPolicy/WorldModel-v0, not {env.unwrapped}.")
        if judged_every < 1:
            raise UsageError(f"judged_every is {judged_every}; expected at least 1 control step.")
        super().__init__(env)
        self._judged_every, self.keeps_footage = judged_every, keeps_footage
        self._footage: list[np.ndarray] = []
        self._kept_rows = 0
        """How many rows of the present chunk the footage shows."""
        self._imagined: WorldModelEnvironment = env.unwrapped
        self.universe = self._imagined.universe
        self.embodiment = self.universe.embodiment
        self.commands = CommandRows(self.embodiment)
        self.action_space = self.universe.action_space(None)
        self._rows: list[dict[str, np.ndarray]] = []
        self._seen: tuple[int, Rollout] | None = None
        """How many rows the model was last asked about, and its answer."""
        self._timing = Timing({})

    @property
    def time_limit_s(self) -> float:
        """Imagined time after which an episode is truncated."""
        return self.universe.time_limit_s

    @property
    def instruction(self) -> str:
        """What the robot is told."""
        return self._imagined.world.instruction

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[dict, dict]:
        """A new world."""
        answer = self.env.reset(seed=seed, options=options)
        self._rows, self._seen = [], None
        self._footage, self._kept_rows = [self._imagined.world.frame[None]], 0
        return answer

    def step(self, action: Mapping[str, np.ndarray]) -> tuple[dict, float, bool, bool, dict]:
        """One control step, and what is then seen."""
        verdict = self._move(action, looks=True)
        return self.observe(), verdict.reward, verdict.terminated, verdict.truncated, self._info(verdict)

    def step_blind(self, action: Mapping[str, np.ndarray]) -> tuple[float, bool, bool, dict]:
        """One control step: reward, terminated, truncated, info. The model is asked where a reward that looks at frames
        is due, and where a chunk ends."""
        verdict = self._move(action, looks=False)
        return verdict.reward, verdict.terminated, verdict.truncated, self._info(verdict)

    def observe(self) -> dict[str, Any]:
        """What is seen and felt now; asks the model if the last action was not looked at yet."""
        world = self._imagined.world
        if not self._rows:
            return self.universe.observe(world)
        plan = self._plan()
        clip = world.show(plan, self._imagine(plan))
        self._keep(clip)
        frame = clip[-1]
        return {
            "composed": frame.copy(),
            "images": self.embodiment.split(frame),
            "state": {name: np.array(value) for name, value in plan.told.items()},
        }

    @property
    def state(self) -> Mapping[str, np.ndarray]:
        """Where the last command has put the robot, under the names of its commands; asks nobody."""
        return self._plan().told if self._rows else self._imagined.world.state

    def footage(self) -> np.ndarray:
        """Every frame since the reset, uint8 [steps+1, H, W, 3]; the last action is looked at if it was not yet."""
        if not self.keeps_footage:
            raise UsageError("This world keeps no footage: make it with keeps_footage=True.")
        self.observe()
        return np.concatenate(self._footage)

    def drift(self) -> dict[str, float]:
        """:func:`~sim_eval.world_model.drift.drift_of` of what is seen now; the seam is the last whole chunk's."""
        world = self._imagined.world
        seen = self.observe()["composed"]
        now = drift_of(world.first_frame, seen, seen, None)
        return {**now, "seam_psnr_db": world.drift["seam_psnr_db"]}

    def hold(self) -> dict[str, np.ndarray]:
        """The action that keeps the robot where its last command put it."""
        state, still = self.state, {}
        for field in command_fields(self.embodiment):
            value = state.get(field.name)  # a controller that is told changes has no place: no change
            still[field.name] = np.zeros(field.shape) if value is None else np.array(value).reshape(field.shape)
        return still

    def render(self) -> np.ndarray | None:
        """The last composed frame."""
        return self.observe()["composed"] if self._imagined.render_mode == "rgb_array" else None

    @property
    def _size(self) -> int:
        return self.universe.rules.chunk_size

    def _move(self, action: Mapping[str, np.ndarray], looks: bool) -> Verdict:
        row = check_commands(self.embodiment, {name: np.asarray(value)[None] for name, value in action.items()}, 1)
        self._rows.append({name: values[0] for name, values in row.items()})
        world, plan = self._imagined.world, self._plan()
        before, steps, full = world.state, world.steps + plan.rows, plan.rows == self._size
        due = steps % self._judged_every == 0
        asked = [index for index, reward in enumerate(self.universe.rewards) if due or not reward.looks]
        rewards = [self.universe.rewards[index] for index in asked]
        clip = world.frame[None]
        if looks or full or any(reward.looks for reward in rewards):
            rollout = self._imagine(plan)
            clip = world.show(plan, rollout)
            self._keep(clip)
        if full:
            world.commit(plan, rollout)
            self._rows, self._seen, self._kept_rows = [], None, 0
        transition = transition_of(world, plan, before, clip, steps)
        goals = [self._imagined.goals[index] for index in asked]
        return judge_all(self.universe.model, rewards, [transition], [goals])[0]

    def _keep(self, clip: np.ndarray) -> None:
        """Adds what the footage lacks of a clip of the present chunk, uint8 [k+1, H, W, 3]."""
        if self.keeps_footage and len(clip) > self._kept_rows + 1:
            self._footage.append(clip[1 + self._kept_rows :])
            self._kept_rows = len(clip) - 1

    def _plan(self) -> Plan:
        return self._imagined.world.plan(_stacked(self._rows))

    def _imagine(self, plan: Plan) -> Rollout:
        """The model's answer to the rows so far; it is asked once for the same ones."""
        if self._seen is None or self._seen[0] != plan.rows:
            world = self._imagined.world
            (rollout,) = imagine(self.universe.model, [world], [plan])
            self._seen, self._timing = (plan.rows, rollout), Timing(dict(rollout.timing))
        return self._seen[1]

    def _info(self, verdict: Verdict) -> dict[str, Any]:
        world = self._imagined.world
        steps = world.steps + len(self._rows)
        info = self.universe.info(world, self._timing, verdict)
        return {**info, "time_s": steps / self.embodiment.fps}


def _stacked(rows: list[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    return {name: np.stack([row[name] for row in rows]) for name in rows[0]}
