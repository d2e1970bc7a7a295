"""Seams between chunks, with a smooth test policy, 300 ms of latency, with and without its prefix; and what a
controller makes of trajectories that come late."""

from __future__ import annotations

import numpy as np
import pytest
from nodes.robot.controller import TrajectoryController
from simulated_world import SmoothPrefixTestPolicy, World, droid_contract

from ros2_nodes.commanding import JointTrajectoryCommand
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


def driven(timing: str, late_s: float, seconds: float = 12.0) -> tuple[np.ndarray, np.ndarray, list[float]]:
    """A controller's velocities [P, 7] every millisecond, its times [P], and when trajectories were sent to it. late_s:
    how long each may be under way; how long it is, is random."""
    arm = droid_contract("joint_trajectory").outputs["arm"].model_copy(update={"timing": timing})
    contract = droid_contract("joint_trajectory", outputs={"arm": arm.model_dump()})
    world = World.make(contract, SmoothPrefixTestPolicy(disagreement=0.05, seed=3))
    world.run(0.1)
    world.loop.start(world.now)
    world.run(seconds)
    random = np.random.default_rng(5)
    waiting = [(sent + late_s * random.random(), sent, told) for sent, told in world.trajectories]
    controller = TrajectoryController(list(arm.joints), world.trajectories[0][1].positions[0])
    times = np.arange(world.trajectories[0][0], world.now_s, 0.001)
    velocities = []
    for now in times:
        while waiting and waiting[0][0] <= now:
            _, sent, told = waiting.pop(0)
            message = to_message_of(told)
            start = None if told.past_s is None else sent - told.past_s
            assert controller.accept(list(told.joint_names), *message, now, start) is None
        velocities.append(controller.sample(now)[1])
    return np.array(velocities), times, [sent for sent, _ in world.trajectories]


def to_message_of(told: JointTrajectoryCommand) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The points that are sent: without a stamp those that leave time to join (`conversions.commands`)."""
    first = 0 if told.past_s is not None else min(int(np.searchsorted(told.times_s, 0.1)), len(told.times_s) - 1)
    return told.times_s[first:], told.positions[first:], told.velocities[first:]


def changes(velocities: np.ndarray, times: np.ndarray, sent: list[float]) -> tuple[float, float]:
    """Largest change of velocity in 10 ms, rad/s, from a sending to one action after its take-over, and elsewhere."""
    change = np.abs(velocities[10:] - velocities[:-10]).max(axis=1)
    since = np.array([min((now - when for when in sent if when <= now), default=np.inf) for now in times[10:]])
    settled = times[10:] > times[0] + 2.0
    near = since < 0.1 + STEP_S + 0.01
    return change[near & settled].max(), change[~near & settled].max()


@pytest.mark.parametrize("late_s", [0.0, 0.09])
def test_a_stamped_trajectory_may_come_late_and_nobody_notices(late_s):
    velocities, times, sent = driven("stamped", late_s)
    punctual, _, _ = driven("stamped", 0.0)
    assert len(sent) > 15
    assert np.abs(velocities - punctual).max() < 1e-4
    at_seams, inside = changes(velocities, times, sent)
    assert at_seams <= inside
    assert np.abs(velocities).max() <= 2.0


def test_one_that_counts_from_its_arrival_makes_a_controller_catch_up():
    """Why trajectories are stamped where they can be."""
    velocities, _, _ = driven("on_arrival", 0.09)
    punctual, _, _ = driven("on_arrival", 0.0)
    assert np.abs(velocities).max() > 1.2 * np.abs(punctual).max()


@pytest.mark.parametrize("latency_s", [0.05, 0.3, 0.7])
def test_the_motion_never_ends_while_chunks_come_in_time(latency_s):
    world = World.make(droid_contract(), latency_s=latency_s)
    world.run(0.1)
    world.loop.start(world.now)
    world.run(6.0)
    states = [report.state.value for _, report in world.reports]
    assert states[-1] == "running" and states.count("hold") == 0
