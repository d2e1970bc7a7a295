"""One episode: a policy in a world, from reset to success or the end of its time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from cosmos_policy.types import ActionChunk, Observation, PolicyRequest, Sampling
from cosmos_policy.world_action_model import WorldActionModel
from sim_eval.rollout.execution import ChunkExecution, Timing
from sim_eval.rollout.world import World


@dataclass(frozen=True)
class Task:
    """What is the same in every episode: what is said to the policy, and how it is asked and executed."""

    instruction: str
    chunk_size: int
    sampling: Sampling
    timing: Timing
    seed: int


@dataclass(frozen=True)
class Episode:
    """What came of one episode.

    record: the result record, JSON values. frames: the composed views, uint8 [T, H, W, 3], if it was filmed.
    """

    record: dict[str, Any]
    frames: np.ndarray | None


def play(world: World, model: WorldActionModel, task: Task, number: int, *, film: bool) -> Episode:
    """Plays scene ``task.seed + number``. The same settings give the same episode, whatever was played before."""
    world.reset(seed=task.seed + number)
    period_s = 1.0 / world.embodiment.fps
    frames: list[np.ndarray] = []
    timings: list[dict[str, float]] = []
    steps, info, seen = 0, {"success": False}, None

    def ask(chunk_number: int, prefix: np.ndarray | None) -> ActionChunk:
        observation = Observation(seen["images"], seen["state"], stamp=steps * period_s)
        chunk = model.policy(
            PolicyRequest(
                observation,
                task.instruction,
                world.embodiment,
                seed=chunk_seed(task.seed, number, chunk_number),
                chunk_size=task.chunk_size,
                sampling=task.sampling,
                prefix=prefix,
            )
        )
        timings.append({stage: float(value) for stage, value in chunk.timing.items()})
        return chunk

    execution = ChunkExecution(task.timing, ask)
    terminated = truncated = False
    while not (terminated or truncated):
        if film or execution.asks_now:
            seen = world.observe()
        if film:
            frames.append(world.embodiment.compose(seen["images"]))
        due = execution.step()
        action = world.hold() if due is None else world.commands.pick(due[0].commands, due[1])
        _, terminated, truncated, info = world.step_blind(action)
        steps += 1
    if film:
        frames.append(world.embodiment.compose(world.observe()["images"]))
    record = {
        "episode": number,
        "seed": task.seed + number,
        "success": bool(info["success"]),
        "steps": steps,
        "time_s": steps * period_s,
        "chunks": execution.chunks_asked,
        "timing_ms": timings,
    }
    return Episode(record, np.stack(frames) if film else None)


def chunk_seed(seed: int, episode: int, chunk: int) -> int:
    """The seed that a chunk is sampled with: of its own, and the same in every run."""
    return int(np.random.SeedSequence([seed, episode, chunk]).generate_state(1)[0])
