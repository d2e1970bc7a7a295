"""The filter's promise, on random chunks: what it admits is within every limit at every instant and ends at rest."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.interpolate import CubicHermiteSpline

from ros2_nodes.contract.limits import JointLimits, PoseLimits
from ros2_nodes.execution import ChunkTimeline, Knots, Start, sample_trajectory
from ros2_nodes.reasons import Reason
from ros2_nodes.safety import Admitted, Limits, Rejected, SafetyFilter

NOW_S = 5000.0
STEP_S = 1.0 / 15.0
JOINT_LIMITS = JointLimits(
    of="joints", lower=[-2.0], upper=[2.5], velocity=[1.5, 2.0, 1.0], acceleration=[8.0], jerk=[200.0]
)
POSE_LIMITS = PoseLimits(
    of="pose",
    workspace={"lower": [0.2, -0.4, 0.0], "upper": [0.8, 0.4, 0.6]},
    velocity=0.5,
    acceleration=3.0,
    jerk=60.0,
    angular_velocity=1.5,
    angular_acceleration=8.0,
    angular_jerk=200.0,
)
KINDS = {
    "joints": (Limits.of_joints(["a", "b", "c"], JOINT_LIMITS), np.array([0.2, -0.3, 1.0])),
    "pose": (Limits.of_pose("tool", POSE_LIMITS), np.array([0.5, 0.0, 0.3, 0.0, 0.0, 0.0])),
}


def chunk(limits: Limits, place: np.ndarray, seed: int, speed: float, rows: int) -> Knots:
    walk = np.cumsum(np.random.default_rng(seed).normal(0.0, speed * STEP_S, (rows, limits.num_axes)), axis=0)
    return ChunkTimeline(STEP_S, 0.0).ahead(NOW_S, place + walk, {}, NOW_S)


def used(limits: Limits, motion, from_s: float, to_s: float) -> float:
    """Largest used share of any limit, looked at far more closely than the filter does."""
    there = motion.at(np.linspace(from_s, to_s, 4001))
    assert (there.position >= limits.lower - 1e-6).all() and (there.position <= limits.upper + 1e-6).all()
    shares = [
        limits.norms(getattr(there, name)) / getattr(limits, name) for name in ("velocity", "acceleration", "jerk")
    ]
    return max(share.max() for share in shares)


chunks = st.tuples(st.sampled_from(list(KINDS)), st.integers(0, 10**6), st.floats(0.01, 3.0), st.integers(2, 40))


@settings(max_examples=120, deadline=None, derandomize=True)
@given(chunks, st.sampled_from([0.1, 0.5, 1.0]))
def test_whatever_is_admitted_is_within_limits_and_ends_at_rest(described, share):
    kind, seed, speed, rows = described
    limits, place = KINDS[kind]
    outcome = SafetyFilter(limits, 30.0).admit(
        chunk(limits, place, seed, speed, rows), Start.at_rest(place), {}, NOW_S, (), share
    )
    assume(isinstance(outcome, Admitted))
    motion = outcome.motion
    assert used(limits, motion, NOW_S, motion.rest_s) <= share * 1.003
    assert np.abs(motion.at(np.array([NOW_S])).position[0] - place).max() < 1e-9
    end = motion.at(np.array([motion.rest_s, motion.rest_s + 10.0]))
    assert np.abs(end.velocity).max() < 1e-12
    assert np.array_equal(end.position[0], end.position[1])


@settings(max_examples=60, deadline=None, derandomize=True)
@given(chunks, st.floats(0.0, 0.95))
def test_a_stop_at_any_time_stays_within_limits_and_on_the_path(described, when):
    kind, seed, speed, rows = described
    limits, place = KINDS[kind]
    judge = SafetyFilter(limits, 30.0)
    outcome = judge.admit(chunk(limits, place, seed, speed, rows), Start.at_rest(place), {}, NOW_S)
    assume(isinstance(outcome, Admitted))
    now_s = NOW_S + when * (outcome.motion.rest_s - NOW_S)
    stopped = judge.stopped(outcome.motion, now_s)
    assert stopped.path is outcome.motion.path and stopped.rest_s <= outcome.motion.rest_s
    assert used(limits, stopped, now_s, stopped.rest_s) <= 1.003
    before, after = outcome.motion.at(np.array([now_s])), stopped.at(np.array([now_s]))
    for name in ("position", "velocity", "acceleration"):
        assert np.allclose(getattr(before, name), getattr(after, name), atol=1e-9)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(chunks, st.floats(0.0, 0.5))
def test_a_controller_that_joins_a_trajectorys_points_with_cubics_stays_within_limits(described, later_s):
    """What ros2_controllers' JointTrajectoryController does with points that have velocities."""
    _, seed, speed, rows = described
    limits, place = KINDS["joints"]
    outcome = SafetyFilter(limits, 30.0).admit(chunk(limits, place, seed, speed, rows), Start.at_rest(place), {}, NOW_S)
    assume(isinstance(outcome, Admitted))
    here = outcome.motion.at(np.array([NOW_S + later_s]))
    times, positions, velocities = sample_trajectory(outcome.motion, NOW_S + later_s, 0.02)
    joined = CubicHermiteSpline(
        np.append(0.0, times), np.concatenate([here.position, positions]), np.concatenate([here.velocity, velocities])
    )
    dense = np.linspace(0.0, times[-1], 20 * len(times))
    assert (joined(dense) >= limits.lower).all() and (joined(dense) <= limits.upper).all()
    assert (np.abs(joined(dense, 1)) <= limits.velocity).all()
    assert (np.abs(joined(dense, 2)) <= 1.02 * limits.acceleration).all()
    assert np.abs(joined(dense) - outcome.motion.at(NOW_S + later_s + dense).position).max() < 1e-4


@settings(max_examples=60, deadline=None, derandomize=True)
@given(chunks, st.integers(0, 10**6), st.floats(0.05, 0.8))
def test_a_chunk_that_takes_over_in_motion_continues_position_velocity_and_acceleration(described, other, when):
    kind, seed, speed, rows = described
    limits, place = KINDS[kind]
    judge = SafetyFilter(limits, 30.0)
    first = judge.admit(chunk(limits, place, seed, speed, rows), Start.at_rest(place), {}, NOW_S)
    assume(isinstance(first, Admitted))
    now_s = NOW_S + when * (first.motion.rest_s - NOW_S)
    start = first.motion.start_at(now_s)
    walk = np.cumsum(np.random.default_rng(other).normal(0.0, 0.01, (20, limits.num_axes)), axis=0)
    knots = ChunkTimeline(STEP_S, 0.0).ahead(now_s, limits.clamp(start.position + walk), {}, now_s)
    second = judge.admit(knots, start, {}, now_s)
    assume(isinstance(second, Admitted))
    here = second.motion.start_at(now_s)
    for name in ("position", "velocity", "acceleration"):
        assert np.allclose(getattr(here, name), getattr(start, name), atol=1e-6)
    assert used(limits, second.motion, now_s, second.motion.rest_s) <= 1.003


@pytest.mark.parametrize("axis", range(3))
@pytest.mark.parametrize("side", [-1.0, 1.0])
def test_rows_beyond_a_limit_are_clamped_in_space_after_they_were_slowed(axis, side):
    limits, place = KINDS["joints"]
    rows = np.tile(place, (24, 1))
    rows[:, axis] += side * np.linspace(0.1, 4.0, 24)
    outcome = SafetyFilter(limits, 30.0).admit(
        ChunkTimeline(STEP_S, 0.0).ahead(NOW_S, rows, {}, NOW_S), Start.at_rest(place), {}, NOW_S
    )
    assert isinstance(outcome, Admitted)
    assert {Reason.POSITION_LIMIT, Reason.VELOCITY_LIMIT} <= set(outcome.limits_hit) and outcome.slowdown > 1.0
    end = outcome.motion.at(np.array([outcome.motion.rest_s])).position[0, axis]
    assert abs(end - (limits.upper if side > 0 else limits.lower)[axis]) < 0.05
    assert used(limits, outcome.motion, NOW_S, outcome.motion.rest_s) <= 1.003


def test_slowing_keeps_the_way_and_changes_only_its_time():
    limits, place = KINDS["joints"]
    fast = chunk(limits, place, seed=5, speed=1.0, rows=16)
    outcome = SafetyFilter(limits, 30.0).admit(fast, Start.at_rest(place), {}, NOW_S)
    assert isinstance(outcome, Admitted) and outcome.slowdown > 1.0
    stretched = NOW_S + (fast.times_s - NOW_S) * outcome.slowdown
    before_braking = stretched < outcome.motion.law.brake_s
    assert before_braking.sum() > 8
    there = outcome.motion.at(stretched[before_braking]).position
    assert np.allclose(there, fast.positions[before_braking], atol=1e-9)


def test_refusals_say_what_was_wrong():
    limits, place = KINDS["joints"]
    judge = SafetyFilter(limits, 1.5)
    wild = chunk(limits, place, seed=1, speed=3.0, rows=16)
    outcome = judge.admit(wild, Start.at_rest(place), {}, NOW_S)
    assert isinstance(outcome, Rejected) and outcome.causes[0].reason is Reason.TOO_SLOW
    assert "1.5 times slower" in outcome.causes[0].detail and len(outcome.causes) > 1
    broken = Knots(wild.times_s, wild.positions * np.nan, {}, NOW_S)
    outcome = judge.admit(broken, Start.at_rest(place), {}, NOW_S)
    assert isinstance(outcome, Rejected) and outcome.causes[0].reason is Reason.NOT_FINITE
    outcome = judge.admit(wild, Start.at_rest(place + 3.0), {}, NOW_S)
    assert isinstance(outcome, Rejected) and "move it back by hand" in outcome.causes[0].detail


def test_the_last_look_before_sending_sees_a_motion_that_is_too_fast():
    limits, place = KINDS["joints"]
    generous = Limits.of_joints(
        ["a", "b", "c"],
        JOINT_LIMITS.model_copy(update={"velocity": [9.0], "acceleration": [90.0], "jerk": [9000.0]}),
    )
    admitted = SafetyFilter(generous, 30.0).admit(
        chunk(limits, place, seed=2, speed=2.0, rows=16), Start.at_rest(place), {}, NOW_S
    )
    assert isinstance(admitted, Admitted)
    assert Reason.VELOCITY_LIMIT in {
        cause.reason for cause in SafetyFilter(limits, 2.0).refusals(admitted.motion, NOW_S)
    }
