"""Which rows of a chunk are executed when, when the next one is asked for, and the worker that asks."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import embodiments
from cosmos_policy.errors import Failure
from cosmos_policy.types import Observation, PolicyRequest
from ros2_nodes.contract import ExecutionSettings
from ros2_nodes.execution import (
    ChunkTimeline,
    InferenceWorker,
    Motion,
    Path,
    Replanner,
    Start,
    TimeLaw,
    sample_trajectory,
)

STEP_S = 0.1
ROWS = np.arange(16.0)[:, None]


@given(st.floats(0.0, 1.4), st.integers(0, 9))
def test_rows_are_aligned_by_time_whenever_they_arrive(late_s, prefix):
    knots = ChunkTimeline(STEP_S, 0.0).ahead(50.0, ROWS, {"gripper": ROWS}, 50.0 + late_s, prefix)
    due = 50.0 + STEP_S * (knots.positions[:, 0] + 1.0)
    assert np.allclose(knots.times_s, due)
    assert knots.times_s[0] - (50.0 + late_s) > 0.5 * STEP_S
    assert len(knots) == 16 or knots.times_s[0] - (50.0 + late_s) <= 1.5 * STEP_S + 1e-9
    assert knots.told_until_s == pytest.approx(max(50.0 + STEP_S * prefix if prefix else 0.0, 50.0 + late_s))
    assert np.array_equal(knots.passengers["gripper"], knots.positions)


def test_nothing_is_left_of_a_chunk_that_is_over():
    assert ChunkTimeline(STEP_S, 0.0).ahead(50.0, ROWS, {}, 51.6) is None


def test_a_robot_that_stood_still_misses_nothing_of_a_late_chunk():
    timeline = ChunkTimeline(STEP_S, 0.0)
    knots = timeline.ahead(50.0, ROWS, {}, 51.0, resting_since_s=49.0)
    assert len(knots) == 16 and knots.times_s[0] == pytest.approx(51.1)
    assert len(timeline.ahead(50.0, ROWS, {}, 51.0, resting_since_s=50.5)) == 6


def test_a_chunk_that_was_told_nothing_fades_in():
    timeline = ChunkTimeline(STEP_S, 0.4)
    knots = timeline.ahead(50.0, ROWS * 0.0 + 1.0, {}, 50.0)
    mixed = timeline.blended(knots, np.zeros((16, 1)), 50.0).positions[:, 0]
    assert (np.diff(mixed) >= 0.0).all() and 0.0 < mixed[0] < 0.5 and (mixed[4:] == 1.0).all()
    told = timeline.ahead(50.0, ROWS * 0.0 + 1.0, {}, 50.0, prefix_steps=3)
    assert (timeline.blended(told, np.zeros((16, 1)), 50.0).positions == 1.0).all()


def moving() -> Motion:
    knots = np.linspace(100.0, 101.0, 11)
    rows = np.stack([np.sin(knots - 100.0), np.cos(knots - 100.0)], axis=-1)
    path = Path(knots, rows, Start(rows[0], np.array([1.0, 0.0]), np.array([0.0, -1.0])))
    return Motion(path, TimeLaw(100.9, 0.2), passengers={"gripper": np.arange(11.0)})


def test_derivatives_are_those_of_the_position():
    motion, step = moving(), 1e-5
    times = np.linspace(100.05, 101.05, 57)
    here, before, after = (motion.at(times + shift) for shift in (0.0, -step, step))
    for name, lower in (("velocity", "position"), ("acceleration", "velocity"), ("jerk", "acceleration")):
        slope = (getattr(after, lower) - getattr(before, lower)) / (2 * step)
        assert np.allclose(getattr(here, name), slope, atol=2e-3), name
    assert np.allclose(here.position[:40, 0], np.sin(times[:40] - 100.0), atol=2e-4)


def test_passengers_ride_along_and_stop_with_the_motion():
    motion = moving()
    found = motion.passengers_at(np.array([99.0, 100.25, 100.9, 101.1, 200.0]))["gripper"]
    assert np.allclose(found, [0.0, 2.5, 9.0, 10.0, 10.0])


@given(st.floats(100.0, 102.0), st.sampled_from([0.01, 0.02, 0.1]))
def test_trajectories_have_strictly_increasing_times_and_end_at_rest(now_s, spacing_s):
    motion = moving()
    times, positions, velocities = sample_trajectory(motion, now_s, spacing_s)
    assert times[0] > 0.0 and (np.diff(times) > 0.0).all() and now_s + times[-1] >= motion.rest_s - 1e-9
    assert (velocities[-1] == 0.0).all() and np.allclose(positions[-1], motion.at(np.array([200.0])).position[0])


def test_until_a_motion_starts_its_lead_is_gone_along_and_older_ones_are_forgotten():
    before = moving()
    here = before.start_at(100.4)
    knots = np.array([100.4, 100.5, 100.6])
    rows = np.stack([here.position, here.position + 0.1, here.position + 0.1])
    after = Motion(Path(knots, rows, here), TimeLaw(100.5, 0.2), passengers={"gripper": np.full(3, 7.0)}, lead=before)
    times = np.array([100.1, 100.39, 100.4, 100.55])
    assert np.array_equal(after.at(times).velocity[:2], before.at(times).velocity[:2])
    for name in ("position", "velocity", "acceleration"):
        assert np.allclose(getattr(after.at(times), name)[2], getattr(before.at(times), name)[2], atol=1e-9)
    assert np.allclose(after.passengers_at(times)["gripper"], [1.0, 3.9, 7.0, 7.0])
    assert after.since(100.4).lead is None and after.since(100.3).lead is before
    times, positions, _ = sample_trajectory(after, 100.4, 0.02, past_s=0.1)
    assert times[0] == 0.02 and np.allclose(positions[:4], before.at(100.3 + times[:4]).position)


def test_a_motion_that_stands_stands():
    place = np.array([0.3, -2.0])
    motion = Motion.standing(place, 50.0, (None,), {"gripper": np.array([0.4])})
    there = motion.at(np.array([0.0, 50.0, 51.0, 99.0]))
    assert np.allclose(there.position, place, atol=1e-12) and np.allclose(there.velocity, 0.0, atol=1e-9)
    assert motion.rests(50.01)
    assert motion.passengers_at(np.array([50.0, 60.0]))["gripper"].tolist() == [[0.4], [0.4]]


def test_it_asks_once_a_horizon_and_not_faster_than_it_may():
    replanner = Replanner(ExecutionSettings(execution_horizon=5, max_replan_rate_hz=10.0), STEP_S, 16)
    assert replanner.period_s == 0.5 and replanner.due(0.0)
    replanner.asked(10.0)
    assert not replanner.due(10.4) and replanner.due(10.46)
    replanner.ask_soon()
    assert replanner.due(10.01)
    replanner.wait(10.0, 1.0)
    assert not replanner.due(10.9) and replanner.due(11.0)
    assert Replanner(ExecutionSettings(execution_horizon=5, max_replan_rate_hz=1.0), STEP_S, 16).period_s == 1.0


def test_the_told_actions_cover_the_longest_of_the_last_calls():
    replanner = Replanner(ExecutionSettings(execution_horizon=5, inference_ms=250.0), STEP_S, 16)
    assert replanner.prefix_steps == 3
    for latency_s in (0.31, 0.55, 0.2):
        replanner.latency.add(latency_s)
    assert replanner.prefix_steps == 6
    assert not replanner.too_slow
    replanner.latency.add(9.0)
    assert replanner.prefix_steps == 15 and replanner.too_slow
    for _ in range(20):
        replanner.latency.add(0.05)
    assert replanner.prefix_steps == 1
    assert Replanner(ExecutionSettings(execution_horizon=5, prefix=False), STEP_S, 16).prefix_steps == 0
    later = Replanner(ExecutionSettings(execution_horizon=5, inference_ms=250.0), STEP_S, 16, lead_s=0.1)
    assert later.prefix_steps == 4  # what is done until it takes over is told, too


def question(seed: int) -> PolicyRequest:
    example = embodiments.get("droid_joint").example_observation()
    return PolicyRequest(Observation(example["images"], example["state"]), "go", "droid_joint", seed=seed)


class GatedTestPolicy:
    """Answers when it is let; records whether two calls ever ran at once."""

    def __init__(self) -> None:
        self.let, self.begun = threading.Semaphore(0), threading.Semaphore(0)
        self.asked: list[int] = []
        self.running = self.most = 0

    def __call__(self, request: PolicyRequest) -> str:
        self.running += 1
        self.most = max(self.most, self.running)
        self.asked.append(request.seed)
        self.begun.release()
        assert self.let.acquire(timeout=10.0)
        self.running -= 1
        if request.seed == 13:
            raise RuntimeError("unlucky")
        return f"chunk {request.seed}"


def test_of_what_waits_the_newest_wins_and_never_two_run_at_once():
    policy, answered = GatedTestPolicy(), threading.Semaphore(0)
    worker = InferenceWorker(policy, answered.release)
    worker.ask(question(1))
    assert policy.begun.acquire(timeout=10.0) and worker.busy
    worker.ask(question(2))
    worker.ask(question(3))
    policy.let.release(2)
    assert answered.acquire(timeout=10.0) and answered.acquire(timeout=10.0)
    answer = worker.poll()
    assert answer.chunk == "chunk 3" and answer.request.seed == 3 and answer.error is None
    assert worker.poll() is None and not worker.busy
    assert policy.asked == [1, 3] and policy.most == 1
    assert worker.close()


def test_exceptions_become_answers_and_the_worker_goes_on():
    policy, answered = GatedTestPolicy(), threading.Semaphore(0)
    worker = InferenceWorker(policy, answered.release)
    policy.let.release(2)
    for seed, words in ((13, "unlucky"), (14, "None")):
        worker.ask(question(seed))
        assert answered.acquire(timeout=10.0)
        assert words in str(worker.poll().error)
    assert worker.close()
    with pytest.raises(Failure, match="closed"):
        worker.ask(question(15))


def test_closing_does_not_wait_for_a_call_that_hangs():
    policy = GatedTestPolicy()
    worker = InferenceWorker(policy)
    worker.ask(question(1))
    assert policy.begun.acquire(timeout=10.0)
    assert not worker.close(timeout_s=0.01)
    policy.let.release()
