"""The films of an episode: what was seen, as it was; and the same with what a reader wants to know written on it."""

from __future__ import annotations

from pathlib import Path

from cosmos_policy.media import write_video
from sim_eval.media.overlay import Caption, captioned
from sim_eval.rollout.episode import Episode, Task
from sim_eval.rollout.worlds import World

FOLDER = "videos"


def keep_films(output: Path, name: str, episode: Episode, world: World, task: Task) -> dict[str, str]:
    """Writes both films of an episode; returns their paths inside `output`, as its record holds them.

    "video" is what judges learn from: nothing on it tells how the episode ended.
    """
    seen, told = (Path(FOLDER) / f"{name}{ending}.mp4" for ending in ("", "_told"))
    write_video(output / seen, episode.frames, world.robot.fps)
    frames = captioned(episode.frames, captions(episode, world, task))
    write_video(output / told, frames, world.robot.fps)
    return {"video": str(seen), "video_told": str(told)}


def captions(episode: Episode, world: World, task: Task) -> list[Caption]:
    """What is told at each instant: T control steps, and the moment after the last."""
    record, steps = episode.record, len(episode.executed)
    found = []
    for step in range(steps + 1):
        done = episode.executed[min(step, steps - 1)]
        found.append(
            Caption(
                instruction=record["instruction"],
                step=step,
                steps=steps,
                time_s=step * world.period_s,
                limit_s=world.time_limit_s,
                chunk=None if done is None else done.chunk,
                row=None if done is None else done.row,
                executed_rows=None if done is None else task.timing.executed_rows(done.chunk),
                chunk_size=task.chunk_size,
                success=record["success"] if step == steps else None,
            )
        )
    return found
