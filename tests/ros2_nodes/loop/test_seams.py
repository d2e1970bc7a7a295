"""Seams between chunks, with a smooth test policy, 300 ms of latency, with and without its prefix."""

from __future__ import annotations

import numpy as np
import pytest
from simulated_world import SmoothPrefixTestPolicy, World, droid_contract

from ros2_nodes.loop import ChunkAdmitted

STEP_S = 1.0 / 15.0


def seams(prefix: bool, seconds: float = 20.0) -> tuple[float, float, float]:
    """Largest change of velocity (rad/s) over one action at seams, largest inside chunks, and the mean slowdown."""
    contract = droid_contract(execution={"prefix": prefix})
    world = World.make(contract, SmoothPrefixTestPolicy(disagreement=0.05, seed=3), latency_s=0.3)
    world.run(0.1)
    world.loop.start(world.now)
    world.run(seconds)
    admitted = [(when, event) for when, report in world.reports for event in report.events]
    admitted = [(when, event) for when, event in admitted if isinstance(event, ChunkAdmitted)]
    assert len(admitted) > 0.8 * seconds / (8 * STEP_S)
    times, positions = np.array(world.times_s), np.array(world.commanded)
    every = np.arange(world.times_s[0] + 2.0, world.times_s[-1], STEP_S)
    rows = np.stack([np.interp(every, times, positions[:, joint]) for joint in range(7)], axis=-1)
    changes = np.abs(np.diff(rows, n=2, axis=0)).max(axis=-1) / STEP_S
    # An event is told at the tick after it: the seam lies within the last control period before.
    near = np.array([np.abs(every[1:-1] - (when - 0.5 * STEP_S)) for when, _ in admitted]).min(axis=0) < 1.5 * STEP_S
    return changes[near].max(), changes[~near].max(), float(np.mean([event.slowdown for _, event in admitted[2:]]))


def test_with_its_prefix_a_seam_is_no_rougher_than_the_inside_of_a_chunk():
    at_seams, inside, slowdown = seams(prefix=True)
    assert at_seams <= inside
    assert slowdown < 1.05


def test_without_it_seams_are_rougher_and_the_robot_is_slowed():
    at_seams, _, slowdown = seams(prefix=False)
    with_prefix, _, _ = seams(prefix=True)
    assert at_seams > 1.3 * with_prefix
    assert slowdown > 1.05


@pytest.mark.parametrize("latency_s", [0.05, 0.3, 0.7])
def test_the_motion_never_ends_while_chunks_come_in_time(latency_s):
    world = World.make(droid_contract(), latency_s=latency_s)
    world.run(0.1)
    world.loop.start(world.now)
    world.run(6.0)
    states = [report.state.value for _, report in world.reports]
    assert states[-1] == "running" and states.count("hold") == 0
