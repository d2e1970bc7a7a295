"""One step of some worlds at once: plans go into one call of the model, transitions and verdicts come out."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from cosmos_policy.types import Rollout
from cosmos_policy.world_action_model import WorldActionModel
from sim_eval.rewards import Reward, Transition, Verdict, combine
from sim_eval.world_model.world import ImaginedWorld, Plan


@dataclass(frozen=True)
class Timing:
    """How long a step took: stage -> milliseconds ("total" is the call of the model, "step" all of it).

    Two timings are always equal: they are measured, and no part of what happened in the world (Gymnasium's checkers
    compare infos).
    """

    stages_ms: Mapping[str, float] = field(compare=False)


@dataclass(frozen=True, eq=False)
class Outcome:
    """What a step made of one world. clip: uint8 [k+1, H, W, 3]."""

    clip: np.ndarray
    verdict: Verdict
    timing: Timing


def imagine(model: WorldActionModel, worlds: Sequence[ImaginedWorld], plans: Sequence[Plan]) -> list[Rollout]:
    """The model's answers, one batched call for all worlds; no world changes."""
    return model.forward_dynamics([world.request(plan) for world, plan in zip(worlds, plans, strict=True)])


def advance(
    model: WorldActionModel,
    rewards: Sequence[Reward],
    worlds: Sequence[ImaginedWorld],
    goals: Sequence[Sequence[Any]],
    plans: Sequence[Plan],
) -> list[Outcome]:
    """Carries out a plan in every world. goals: world -> the goal of each reward."""
    started = time.perf_counter()
    rollouts = imagine(model, worlds, plans)
    before = [world.state for world in worlds]
    clips = [world.commit(plan, rollout) for world, plan, rollout in zip(worlds, plans, rollouts, strict=True)]
    transitions = [
        transition_of(world, plan, state, clip, world.steps)
        for world, plan, state, clip in zip(worlds, plans, before, clips, strict=True)
    ]
    verdicts = judge_all(model, rewards, transitions, goals)
    step_ms = 1e3 * (time.perf_counter() - started)
    return [
        Outcome(clip, verdict, Timing({**rollout.timing, "step": step_ms}))
        for clip, verdict, rollout in zip(clips, verdicts, rollouts, strict=True)
    ]


def transition_of(
    world: ImaginedWorld, plan: Plan, before: Mapping[str, np.ndarray], clip: np.ndarray, steps: int
) -> Transition:
    """What rewards see of a world once it has carried out `plan`, `steps` control steps after its start."""
    return Transition(
        embodiment=world.rules.embodiment,
        instruction=world.instruction,
        frames=clip,
        before=before,
        after=plan.told,
        commands=plan.commands,
        unified=plan.unified[: plan.rows],
        time_s=steps / world.rules.embodiment.fps,
        steps=steps,
        first=world.first_frame,
    )


def judge_all(
    model: WorldActionModel,
    rewards: Sequence[Reward],
    transitions: Sequence[Transition],
    goals: Sequence[Sequence[Any]],
) -> list[Verdict]:
    """All rewards' verdicts, combined by world."""
    said = {
        reward.name: reward.judge(transitions, [own[index] for own in goals], model)
        for index, reward in enumerate(rewards)
    }
    return [combine({name: verdicts[index] for name, verdicts in said.items()}) for index in range(len(transitions))]
