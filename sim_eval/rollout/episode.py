"""One episode: a policy in a world, from reset to success or the end of its time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from cosmos_policy.types import ActionChunk, Observation, PolicyRequest, Sampling
from cosmos_policy.world_action_model import WorldActionModel
from sim_eval.rollout.execution import ChunkExecution, Timing
from sim_eval.rollout.worlds.base import World


@dataclass(frozen=True)
class Task:
    """What is the same in every episode: what is said to the policy (None: what the world says), and how it is asked
    and executed."""

    instruction: str | None
    chunk_size: int
    sampling: Sampling
    timing: Timing
    seed: int


@dataclass(frozen=True)
class Executed:
    """What the robot did at a control step: row `row` of chunk number `chunk`."""

    chunk: int
    row: int


@dataclass(frozen=True)
class Episode:
    """What came of one episode.

    record: the result record, JSON values. frames: the composed views, uint8 [T+1, H, W, 3], if it was filmed.
    executed: what was done at each of the T control steps; None while the first chunk was on its way.
    """

    record: dict[str, Any]
    frames: np.ndarray | None
    executed: list[Executed | None]


def play(world: World, model: WorldActionModel, task: Task, number: int, *, film: bool) -> Episode:
    """Plays scene ``task.seed + number``. The same settings give the same episode, whatever was played before."""
    seed = task.seed + number
    world.reset(seed, film=film)
    instruction = world.instruction if task.instruction is None else task.instruction
    timings: list[dict[str, float]] = []
    executed: list[Executed | None] = []

    def ask(chunk_number: int, prefix: np.ndarray | None) -> ActionChunk:
        seen = world.observe()
        chunk = model.policy(
            PolicyRequest(
                Observation(seen["images"], seen["state"], stamp=len(executed) * world.period_s),
                instruction,
                world.robot,
                seed=chunk_seed(task.seed, number, chunk_number),
                chunk_size=task.chunk_size,
                sampling=task.sampling,
                prefix=prefix,
            )
        )
        timings.append({stage: float(value) for stage, value in chunk.timing.items()})
        return chunk

    execution = ChunkExecution(task.timing, ask)
    success = over = False
    while not over:
        due = execution.step()
        action = world.hold() if due is None else world.pick(due[0].commands, due[1])
        success, over = world.step(action)
        executed.append(None if due is None else Executed(execution.active_number, due[1]))
    record = {
        "episode": number,
        "seed": seed,
        "instruction": instruction,
        "success": success,
        "steps": len(executed),
        "time_s": len(executed) * world.period_s,
        "chunks": execution.chunks_asked,
        **world.facts(),
        "timing_ms": timings,
    }
    return Episode(record, world.footage() if film else None, executed)


def chunk_seed(seed: int, episode: int, chunk: int) -> int:
    """The seed that a chunk is sampled with: of its own, and the same in every run."""
    return int(np.random.SeedSequence([seed, episode, chunk]).generate_state(1)[0])
