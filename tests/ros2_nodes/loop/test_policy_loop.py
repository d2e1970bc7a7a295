"""The loop in simulated time: starting, running, every fault by itself with its reason, and every way out."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from simulated_world import HOME, SmoothPrefixTestPolicy, World, droid_contract, spoiled
from test_fault_sequences import FAULTS, LASTING, PERIOD_S, assert_within_limits, heal

import embodiments
from ros2_nodes.loop import ChunkAdmitted, ChunkRejected, Instant, StateChanged
from ros2_nodes.reasons import Reason

ROBOT = embodiments.get("droid_joint")


def running(**changes) -> World:
    world = World.make(droid_contract(**changes))
    world.run(0.1)
    assert world.loop.start(world.now)
    world.run(1.2)
    assert world.loop.state.value == "running", world.loop.causes
    return world


def reasons(world: World) -> set[str]:
    """Of all changes of state so far."""
    events = [event for _, report in world.reports for event in report.events]
    return {cause.reason.value for event in events if isinstance(event, StateChanged) for cause in event.causes}


def events(world: World, kind: type) -> list:
    return [event for _, report in world.reports for event in report.events if isinstance(event, kind)]


def test_nothing_is_sent_before_it_is_started():
    world = World.make(droid_contract())
    world.run(1.0)
    assert world.loop.state.value == "inactive" and not world.commanded and not world.grippers


def test_it_starts_where_the_robot_is_and_softly():
    world = World.make(droid_contract())
    world.positions = HOME + 0.2
    world.run(0.1)
    world.loop.start(world.now)
    world.run(0.8)
    commanded = np.array(world.commanded)
    assert np.abs(commanded[0] - (HOME + 0.2)).max() < 1e-3
    assert np.abs(np.diff(commanded[:10], axis=0)).max() / 0.01 < 0.1 * 2.0
    assert_within_limits(world)


def test_a_chunk_that_begins_far_from_the_robot_does_not_start_it():
    world = World.make(droid_contract(safety={"start_tolerance": 0.05}), SmoothPrefixTestPolicy(disagreement=0.0))
    world.positions = HOME + 0.5
    world.inference.spoil = lambda chunk: _at_home(chunk)
    world.run(0.1)
    world.loop.start(world.now)
    world.run(2.0)
    assert not world.commanded and world.loop.state.value == "starting"
    assert {cause.reason for cause in world.loop.causes} == {Reason.START_TOO_FAR}


def _at_home(chunk):
    unified = np.tile(np.append(HOME, 0.5), (32, 1))
    commands = {"joint_position": unified[:, :7], "gripper_position": 1.0 - unified[:, 7]}
    return replace(chunk, unified=unified, commands=commands)


@pytest.mark.parametrize(("fault", "patience_s"), LASTING.items())
def test_a_lasting_fault_holds_within_two_control_periods(fault, patience_s):
    world = running()
    FAULTS[fault](world)
    world.run(patience_s + 2.0 * PERIOD_S + 0.011)
    assert world.loop.state.value == ("stopped" if fault == "emergency stop" else "hold")
    world.run(1.0)
    assert world.loop.at_rest
    assert_within_limits(world)


EXPECTED = {
    "camera dies": Reason.TOO_OLD,
    "joint states stop": Reason.TOO_OLD,
    "deadman released": Reason.DEADMAN_RELEASED,
    "deadman silent": Reason.DEADMAN_RELEASED,
    "joint missing": Reason.JOINT_MISSING,
    "joint is NaN": Reason.NOT_FINITE,
    "image of another size": Reason.WRONG_SIZE,
    "emergency stop": Reason.EMERGENCY_STOP,
    "joint states freeze": Reason.TRACKING_ERROR,
    "joint states jump": Reason.TRACKING_ERROR,
    "server is gone": Reason.INFERENCE_FAILED,
    "answer is NaN": Reason.NOT_FINITE,
    "answer is of another robot": Reason.CONTRACT_CHANGED,
    "answer contradicts itself": Reason.CHUNK_INCONSISTENT,
    "answer is wild": Reason.MOTION_ENDED,
    "server is slow": Reason.INFERENCE_LATE,
    "stamps jump": Reason.CLOCK_JUMP,
    "no ticks": Reason.TICK_LATE,
    "server refuses": Reason.MOTION_ENDED,
}


@pytest.mark.parametrize(("fault", "reason"), EXPECTED.items())
def test_every_fault_is_told_by_its_reason(fault, reason):
    world = running(safety={"tracking_tolerance": 0.1})
    FAULTS[fault](world)
    world.run(2.6)
    world.ticking = True
    world.run(0.2)
    assert reason.value in reasons(world), reasons(world)
    assert_within_limits(world)


def test_frozen_joint_states_are_noticed_long_before_the_robot_is_far_away():
    world = running()
    world.run(0.3)
    place = world.positions.copy()
    FAULTS["joint states freeze"](world)
    while world.loop.state.value == "running":
        world.step()
    assert "frozen" in str(world.loop.causes[0])
    assert np.abs(world.commanded[-1] - place).max() < 0.6 * world.contract.safety.tracking_tolerance


def test_a_jump_of_the_joint_states_is_refused_as_one():
    world = running()
    FAULTS["joint states jump"](world)
    world.run(2.0 * PERIOD_S)
    assert Reason.JOINT_JUMP in {cause.reason for _, report in world.reports for cause in report.refusals}


def test_it_goes_on_by_itself_when_a_hold_is_over_and_from_where_it_stands():
    world = running()
    FAULTS["camera dies"](world)
    world.run(1.0)
    held = world.commanded[-1]
    heal(world)
    world.run(0.05)
    assert np.allclose(world.commanded[-1], held)
    world.run(1.0)
    assert world.loop.state.value == "running"
    assert_within_limits(world)


def test_a_hold_that_lasts_too_long_stops_and_only_start_leaves_that():
    world = running(safety={"hold_limit_s": 0.5})
    FAULTS["camera dies"](world)
    world.run(1.5)
    assert world.loop.state.value == "stopped" and "hold_too_long" in reasons(world)
    heal(world)
    world.run(1.0)
    assert world.loop.state.value == "stopped"
    assert world.loop.start(world.now)
    world.run(1.0)
    assert world.loop.state.value == "running"
    assert_within_limits(world)


def test_a_pressed_emergency_stop_forbids_to_start():
    world = World.make(droid_contract())
    world.run(0.1)
    world.loop.press_emergency_stop(True, world.now)
    assert not world.loop.start(world.now)
    world.loop.press_emergency_stop(False, world.now)
    assert world.loop.start(world.now) and not world.loop.start(world.now)


def test_deactivating_brings_it_to_rest_and_then_sends_nothing():
    world = running()
    assert world.loop.deactivate(world.now, "shut down")
    world.run(1.0)
    sent = len(world.commanded)
    assert world.loop.at_rest and world.loop.state.value == "inactive"
    world.run(0.3)
    assert len(world.commanded) == sent
    assert_within_limits(world)


def test_an_answer_that_comes_after_a_stop_is_not_executed():
    world = running()
    while not world.inference.busy:
        world.step()
    world.loop.stop(world.now, "asked for")
    admitted = len(events(world, ChunkAdmitted))
    world.run(1.0)
    assert len(events(world, ChunkAdmitted)) == admitted and world.loop.state.value == "stopped"


def test_without_an_instruction_nothing_is_asked():
    world = World.make(droid_contract())
    world.loop.instruct("")
    world.run(0.1)
    world.loop.start(world.now)
    world.run(1.0)
    assert world.loop.state.value == "starting" and all(report.asked is None for _, report in world.reports)
    assert {cause.reason for cause in world.loop.causes} == {Reason.NO_INSTRUCTION}


def test_a_server_slower_than_its_chunks_is_warned_of():
    world = running(execution={"deadline_ms": 5000})
    assert not world.reports[-1][1].inference_too_slow
    world.inference.latency_s = 1.9
    world.run(4.5)
    assert world.reports[-1][1].inference_too_slow
    assert_within_limits(world)


def test_trajectories_hold_the_whole_remaining_motion_and_end_at_rest():
    world = World.make(droid_contract("joint_trajectory"))
    world.run(0.1)
    world.loop.start(world.now)
    world.run(3.0)
    assert len(world.trajectories) >= 4
    for _, command in world.trajectories:
        assert (np.diff(np.append(0.0, command.times_s)) > 0.0).all()
        assert (command.velocities[-1] == 0.0).all()
        assert command.positions.shape == command.velocities.shape == (len(command.times_s), 7)
        assert (np.abs(command.velocities) <= 2.0).all() and (np.abs(command.positions) <= 2.7).all()
    assert max(len(command.times_s) for _, command in world.trajectories) > 60
    assert not world.commanded
    assert all(command.past_s > 0.1 for _, command in world.trajectories)
    # Braking counts from its arrival, whatever the clocks say; also in the moment before a chunk takes over.
    last_s = world.trajectories[-1][0]
    while world.trajectories[-1][0] == last_s:
        world.step()
    world.step()
    world.loop.press_emergency_stop(True, world.now)
    world.step()
    when_s, braking = world.trajectories[-1]
    assert braking.past_s is None and braking.times_s[-1] < 0.5
    moved = np.abs(np.diff(np.array([command.positions[0] for _, command in world.trajectories[-2:]]), axis=0))
    assert when_s - world.trajectories[-2][0] < 0.05 and moved.max() < 2.0 * 0.2
    world.run(0.5)
    assert world.loop.at_rest


def test_grippers_are_sent_in_the_robots_unit_and_only_when_they_change():
    world = running()
    world.run(1.0)
    assert 1 < len(world.grippers) < 200 and min(world.grippers) >= 0.0 and max(world.grippers) <= 0.8
    assert all(abs(after - before) > 0.008 for before, after in zip(world.grippers, world.grippers[1:], strict=False))


def test_the_questions_count_their_seeds_and_tell_what_will_run_meanwhile():
    world = running()
    world.run(1.0)
    asked = [report.asked for _, report in world.reports if report.asked is not None]
    assert [request.seed for request in asked] == list(range(len(asked)))
    assert asked[0].prefix is None and all(len(request.prefix) == 5 for request in asked[1:])


def test_rejected_chunks_are_told_with_their_reasons_and_the_motion_goes_on():
    world = running()
    world.inference.spoil = spoiled(dt=0.5)
    world.run(0.8)
    rejected = events(world, ChunkRejected)
    assert rejected and rejected[0].causes[0].reason is Reason.CHUNK_INCONSISTENT
    assert "0.5 s apart" in rejected[0].causes[0].detail


def test_the_clock_of_stamps_may_differ_from_the_steady_one_by_any_constant():
    world = World.make(droid_contract())
    world.stamp_offset_s = -37.25
    world.run(0.1)
    world.loop.start(world.now)
    world.run(1.0)
    assert world.loop.state.value == "running"
    assert isinstance(world.now, Instant)


def test_a_tick_that_comes_late_holds_even_where_nothing_is_streamed():
    world = running()
    world.now_s += 0.3
    report = world.loop.tick(world.now)
    assert report.state.value == "hold" and report.causes[0].reason is Reason.TICK_LATE
    assert report.asked is None


def test_a_server_that_is_gone_is_asked_once_a_second_and_found_again():
    world = running()
    FAULTS["server is gone"](world)
    world.run(4.0)
    failed = [event for event in events(world, ChunkRejected) if event.chunk is None]
    assert 2 <= len(failed) <= 4 and world.loop.state.value in ("hold", "stopped")
    assert "nobody answers" in str(failed[0].causes[0])
    heal(world)
    world.loop.start(world.now)
    world.run(2.5)
    assert world.loop.state.value == "running"


def test_actions_that_were_told_are_done_as_planned_whatever_comes_back():
    """A normaliser may clip what it is told: the answer then holds other numbers, and the robot goes on as it was."""

    def clip(chunk):
        unified = chunk.unified.copy()
        unified[:5] += 0.2
        return replace(chunk, unified=unified, commands=ROBOT.decode(unified, {}))

    commanded = []
    for spoil in (lambda chunk: chunk, clip):
        world = running()
        world.inference.spoil = spoil
        world.run(2.0)
        commanded.append(np.array(world.commanded))
    assert np.abs(commanded[0] - commanded[1]).max() < 1e-9
