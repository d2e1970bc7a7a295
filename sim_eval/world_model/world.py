"""One imagined world: a frame, the robot in it, and what the next chunk of commands makes of both."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from cosmos_policy.types import ForwardDynamicsRequest, Rollout, Sampling
from embodiments import Embodiment
from embodiments.commands import after, check_commands, encode_commands, present
from sim_eval.metrics.actions import count_clamped
from sim_eval.metrics.baselines import NO_MOTION
from sim_eval.world_model.drift import drift_of
from sim_eval.world_model.screen import Screen
from sim_eval.world_model.starts.base import Start

SEEDS = 2**31


@dataclass(frozen=True)
class Rules:
    """What the worlds of one environment share.

    embodiment: who moves. screen: the size of every frame. chunk_size: T, actions that the model rolls out at once.
    sampling: how it denoises. instruction: said in place of the start's, where it is not None.
    """

    embodiment: Embodiment
    screen: Screen
    chunk_size: int
    sampling: Sampling
    instruction: str | None = None


@dataclass(frozen=True, eq=False)
class Plan:
    """A chunk of commands, ready to be asked about.

    commands: name -> float64 [k, ...], k >= 1 as the robot is told them. unified: float64 [T, D]: the k rows, and after
    them standing still. told: the robot once all k are carried out, under the names of the commands. clamped: how many
    of the k rows the normaliser cuts off before the model sees them.
    """

    commands: Mapping[str, np.ndarray]
    unified: np.ndarray
    told: Mapping[str, np.ndarray]
    clamped: int

    @property
    def rows(self) -> int:
        return len(next(iter(self.commands.values())))


class ImaginedWorld:
    """Where one world stands. It asks nobody: :meth:`request` says what to ask, :meth:`show` and :meth:`commit` take
    the answer.

    Proprioception is integrated: the robot is where its commands put it, exactly; the frames are the model's belief.
    """

    def __init__(self, rules: Rules, start: Start, generator: np.random.Generator) -> None:
        self.rules, self.start = rules, start
        self._generator = generator
        self.first_frame = rules.screen.show(start.frame)
        self.frame = self.first_frame
        self.state = present(rules.embodiment, start.state)
        self.steps = self.chunks = self.clamped = 0
        self.instruction = start.instruction if rules.instruction is None else rules.instruction
        self.drift = drift_of(self.frame, self.frame, self.frame, None)
        self.seed = self._draw()

    @property
    def time_s(self) -> float:
        """Imagined time since the start."""
        return self.steps / self.rules.embodiment.fps

    def plan(self, commands: Mapping[str, np.ndarray], rows: int | None = None) -> Plan:
        """Checks a chunk of commands, [k, ...] each, and encodes it from where the robot is.

        rows: the k that is expected (None: 1 to T). Raises ``EmbodimentError`` in one sentence where it does not fit.
        """
        embodiment = self.rules.embodiment
        checked = check_commands(embodiment, commands, rows)
        unified = encode_commands(embodiment, checked, self.state)
        still = stand_still(embodiment, unified[-1])
        rest = np.tile(still, (self.rules.chunk_size - len(unified), 1))
        clamped = count_clamped(embodiment, unified)
        return Plan(checked, np.concatenate([unified, rest]), after(embodiment, checked), clamped)

    def request(self, plan: Plan) -> ForwardDynamicsRequest:
        """What to ask the model. The same plan asked twice is the same request: its noise belongs to the chunk."""
        return ForwardDynamicsRequest(
            self.frame,
            plan.unified,
            self.rules.embodiment,
            seed=self.seed,
            instruction=self.instruction or None,
            state=self.state,
            sampling=self.rules.sampling,
        )

    def show(self, plan: Plan, rollout: Rollout) -> np.ndarray:
        """The plan's frames, uint8 [k+1, height, width, 3]. The first is this world's own and not its reproduction:
        chunks are put end to end by leaving out each next one's first frame."""
        imagined = self.rules.screen.complete(rollout.frames[1 : plan.rows + 1])
        return np.concatenate([self.frame[None], imagined])

    def commit(self, plan: Plan, rollout: Rollout) -> np.ndarray:
        """Makes the plan's end the present; returns its frames as :meth:`show` does."""
        clip = self.show(plan, rollout)
        self.drift = drift_of(self.first_frame, clip[-1], self.frame, rollout.frames[0])
        self.frame, self.state = clip[-1], plan.told
        self.steps += plan.rows
        self.chunks, self.clamped = self.chunks + 1, plan.clamped
        self.seed = self._draw()
        return clip

    def _draw(self) -> int:
        return int(self._generator.integers(SEEDS))


def stand_still(embodiment: Embodiment, row: np.ndarray) -> np.ndarray:
    """The unified action, [D], that keeps the robot where `row` has brought it."""
    still = row.copy()
    for block in embodiment.blocks:
        if block.kind in NO_MOTION:
            still[block.columns] = NO_MOTION[block.kind](block)
    return still


def observe(rules: Rules, frame: np.ndarray, state: Mapping[str, np.ndarray]) -> dict[str, object]:
    """``{"composed": uint8 [H, W, 3], "images": {view: uint8 [h, w, 3]}, "state": {name: float64}}``; copies."""
    return {
        "composed": frame.copy(),
        "images": rules.embodiment.split(frame),
        "state": {name: np.array(value) for name, value in state.items()},
    }
