"""States, gate, watchdog, hand stops, distances, measurements and the consistency of chunks, each by itself."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from simulated_world import SmoothPrefixTestPolicy

import embodiments
from cosmos_policy.types import ActionChunk, Observation, PolicyRequest
from ros2_nodes.contract.limits import JointLimits
from ros2_nodes.contract.stops import Stops
from ros2_nodes.reasons import Cause, Reason, ReasonCounter
from ros2_nodes.safety import (
    HandStops,
    Limits,
    MeasurementCheck,
    SafetyState,
    SafetyStates,
    StandstillCheck,
    StartGate,
    Watchdog,
    chunk_causes,
    jump_causes,
    tracking_causes,
)

CAUSE = (Cause(Reason.TOO_OLD, "it is old"),)
NAMES = ("a", "b")


@given(st.lists(st.sampled_from(["start", "run", "hold", "stop", "deactivate"]), max_size=30))
def test_every_way_through_the_states_ends_in_a_defined_one(steps):
    states, allowed = SafetyStates(), {
        "start": {SafetyState.INACTIVE, SafetyState.STOPPED},
        "run": {SafetyState.STARTING, SafetyState.HOLD},
        "hold": {SafetyState.RUNNING},
        "stop": {SafetyState.STARTING, SafetyState.RUNNING, SafetyState.HOLD},
        "deactivate": set(SafetyState) - {SafetyState.INACTIVE},
    }  # fmt: skip
    to = {"start": "starting", "run": "running", "hold": "hold", "stop": "stopped", "deactivate": "inactive"}
    for now_s, step in enumerate(steps):
        before = states.state
        arguments = (float(now_s),) if step in ("start", "run") else (CAUSE, float(now_s))
        changed = getattr(states, step)(*arguments)
        assert changed == (before in allowed[step])
        assert states.state.value == (to[step] if changed else before.value)
        if changed:
            assert states.since_s == now_s
        if states.state is SafetyState.RUNNING:
            assert states.causes == ()


def test_only_start_leaves_stopped():
    states = SafetyStates()
    assert states.start(0.0) and states.stop(CAUSE, 1.0)
    assert not states.run(2.0) and not states.hold(CAUSE, 2.0) and states.state is SafetyState.STOPPED


def test_the_gate_opens_softly_and_closes_again():
    gate = StartGate(NAMES, tolerance=0.1, ramp_s=2.0)
    assert gate.share(5.0) == pytest.approx(0.1)
    gate.open(5.0)
    gate.open(6.0)  # the first time counts
    assert gate.share(6.0) == pytest.approx(0.55) and gate.share(7.0) == 1.0 and gate.share(70.0) == 1.0
    gate.close()
    assert gate.share(70.0) == pytest.approx(0.1)
    assert StartGate(NAMES, 0.1, 0.0).share(0.0) == 1.0


@pytest.mark.parametrize(("place", "refused"), [(0.05, False), (0.11, True), (-0.2, True), (np.nan, True)])
def test_the_gate_is_narrow(place, refused):
    causes = StartGate(NAMES, 0.1, 1.0).causes(np.array([0.0, place]), np.zeros(2))
    assert bool(causes) == refused
    assert all(cause.reason is Reason.START_TOO_FAR and "b is to be" in cause.detail for cause in causes)


def test_distances_name_the_farthest_axis():
    assert jump_causes(np.array([0.0, 0.3]), np.zeros(2), NAMES, 0.2)[0].reason is Reason.JUMP
    assert tracking_causes(np.array([0.5, 0.3]), np.zeros(2), NAMES, 0.2)[0].detail.startswith("the robot is 0.500")
    assert tracking_causes(np.zeros(0), np.zeros(0), (), 0.2) == ()


def test_the_watchdog_forgives_one_bad_tick_and_not_two():
    dog = Watchdog(0.1, hold_limit_s=1.0)
    dog.start(0.0)
    dog.ticked(CAUSE, 0.1)
    assert dog.causes(0.15) == ()
    dog.ticked((), 0.2)
    dog.ticked(CAUSE, 0.3)
    dog.ticked(CAUSE, 0.4)
    assert dog.causes(0.4) == CAUSE
    dog.ticked((), 0.5)
    assert dog.causes(0.6) == ()
    assert dog.causes(0.75)[0].reason is Reason.TICK_LATE


def test_a_hold_has_an_age_limit():
    dog = Watchdog(0.1, hold_limit_s=1.0)
    assert dog.held_too_long(5.0, 6.0) == ()
    assert dog.held_too_long(5.0, 6.01)[0].reason is Reason.HOLD_TOO_LONG


def test_a_deadman_is_released_until_it_is_held_and_when_it_is_silent():
    stops = HandStops(Stops(emergency_stop={"topic": "/stop"}, deadman={"topic": "/deadman", "max_age_ms": 100}))
    assert stops.released(0.0)[0].reason is Reason.DEADMAN_RELEASED
    stops.hold(True, 1.0)
    assert stops.released(1.05) == ()
    assert "silent" in stops.released(1.2)[0].detail
    stops.hold(False, 1.3)
    assert "nobody" in stops.released(1.3)[0].detail
    assert HandStops(Stops(emergency_stop={"topic": "/stop"})).released(0.0) == ()


def test_an_emergency_stop_holds_while_it_is_pressed():
    stops = HandStops(Stops(emergency_stop={"topic": "/stop"}))
    assert stops.emergency() == ()
    stops.press(True)
    assert stops.emergency()[0].reason is Reason.EMERGENCY_STOP


def test_a_measurement_cannot_move_faster_than_the_robot():
    bounds = JointLimits(of="joints", lower=[-3], upper=[3], velocity=[1.0], acceleration=[1.0], jerk=[1.0])
    check = MeasurementCheck(Limits.of_joints(NAMES, bounds))
    assert check.causes(np.zeros(2), 0.0) == ()
    assert check.causes(np.array([0.05, 0.0]), 0.066) == ()
    assert check.causes(np.array([0.05, 0.8]), 0.133)[0].reason is Reason.JOINT_JUMP
    assert check.causes(np.array([0.05, 0.8]), 0.2) == ()
    check.forget()
    assert check.causes(np.array([3.0, 3.0]), 0.3) == ()


def asked_and_answered() -> tuple[ActionChunk, PolicyRequest]:
    example = embodiments.get("droid_joint").example_observation()
    request = PolicyRequest(Observation(example["images"], example["state"], 12.5), "go", "droid_joint")
    return SmoothPrefixTestPolicy()(request), request


@pytest.mark.parametrize(
    ("change", "reason", "words"),
    [
        (lambda chunk: {}, None, ""),
        (lambda chunk: {"unified": chunk.unified[:-1]}, Reason.CHUNK_INCONSISTENT, "shape [31, 8], expected [32, 8]"),
        (lambda chunk: {"unified": chunk.unified * np.nan}, Reason.NOT_FINITE, "NaN"),
        (lambda chunk: {"dt": np.nan}, Reason.CHUNK_INCONSISTENT, "apart"),
        (lambda chunk: {"stamp": 12.6}, Reason.CHUNK_INCONSISTENT, "stamp is 12.6"),
        (lambda chunk: {"commands": {}}, Reason.CHUNK_INCONSISTENT, "joint_position has shape [0]"),
        (lambda chunk: {"unified": chunk.unified + 0.01}, Reason.CHUNK_INCONSISTENT, "away from what its actions mean"),
        (lambda chunk: {"info": {"embodiment": "ur"}}, Reason.CONTRACT_CHANGED, "'ur'"),
    ],
)
def test_a_chunk_must_agree_with_itself_and_with_the_question(change, reason, words):
    chunk, request = asked_and_answered()
    causes = chunk_causes(replace(chunk, **change(chunk)), request, embodiments.get("droid_joint"))
    assert [cause.reason for cause in causes] == ([] if reason is None else [reason])
    assert all(words in cause.detail for cause in causes)


def test_reasons_are_counted():
    counter = ReasonCounter()
    counter.add(CAUSE * 2)
    counter.add([Cause(Reason.JUMP, "far")])
    assert counter.counts() == {"jump": 1, "too_old": 2}


def test_measurements_that_never_change_while_the_robot_is_told_to_move_are_a_frozen_driver():
    check, told_at = StandstillCheck(tolerance=0.4), lambda when_s: np.array([when_s, 0.0])
    frozen = np.array([0.3, 0.2])
    found = [bool(check.causes(frozen, when_s, told_at)) for when_s in (1.0, 1.05, 1.09, 1.15)]
    assert found == [False, False, False, True]
    assert check.causes(frozen, 1.2, told_at)[0].reason is Reason.TRACKING_ERROR
    assert check.causes(frozen + 1e-9, 1.3, told_at) == (), "noise is life"
    assert check.causes(frozen + 1e-9, 9.0, lambda when_s: np.zeros(2)) == (), "at rest nothing has to change"
    check.forget()
    assert check.causes(frozen + 1e-9, 10.0, told_at) == ()
