"""A recording at the robot's rate: rows of observation and command, in episodes without gaps."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from cosmos_policy.datasets.writing import Row
from ros2_nodes.contract import RobotContract
from ros2_nodes.observing.refusal import Refusal
from ros2_nodes.observing.sampler import Sampler
from ros2_nodes.observing.samples import Sample
from ros2_nodes.recording.bag_reader import RecordedChunk


def episodes(
    messages: Iterable[tuple[float, str, Sample | RecordedChunk]], contract: RobotContract, fps: float
) -> Iterator[list[Row]]:
    """Runs of two rows or more, `fps` rows a second, each with one instruction.

    A row is taken as the node takes its observations: newest of each stream, and not at all where one is too old,
    broken or missing. Where a row is refused, or no chunk has an action for it, the run ends: nothing is filled in.
    """
    sampler, chunk, run, next_s = Sampler(contract), None, [], None
    for time_s, stream, item in messages:
        next_s = time_s if next_s is None else next_s
        while time_s > next_s:
            row = _row(sampler, chunk, next_s)
            if run and (row is None or row.instruction != run[-1].instruction):
                if len(run) > 1:
                    yield run
                run = []
            if row is not None:
                run.append(row)
            next_s += 1.0 / fps
        if isinstance(item, RecordedChunk):
            chunk = item
        else:
            sampler.buffers[stream].put(item)
    if len(run) > 1:
        yield run


def _row(sampler: Sampler, chunk: RecordedChunk | None, now_s: float) -> Row | None:
    if chunk is None:
        return None
    seen = sampler.sample(now_s)
    due = int(np.floor((now_s - chunk.stamp_s) / chunk.dt + 1e-6))
    steps = min(len(rows) for rows in chunk.commands.values()) if chunk.commands else 0
    if isinstance(seen, Refusal) or not 0 <= due < steps:
        return None
    return Row(seen.observation, {name: rows[due] for name, rows in chunk.commands.items()}, chunk.instruction)
