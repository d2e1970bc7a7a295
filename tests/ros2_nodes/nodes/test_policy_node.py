"""policy_node as a real process, between a real server and the test robot: it runs, and it holds or stops."""

import signal

import numpy as np
import pytest
from faults import FAULTS, Fault, heal, reaction
from rig import CONTRACT, node, rig, smooth_server

from cosmos_policy.datasets.opening import open_dataset
from cosmos_policy.datasets.recording import Recording
from ros2_nodes.cli.convert_bag import convert_bag
from ros2_nodes.contract import load_contract


@pytest.fixture(scope="module")
def contract():
    return load_contract(CONTRACT)


@pytest.fixture(scope="module")
def moods(tmp_path_factory):
    return tmp_path_factory.mktemp("server") / "moods.json"


@pytest.fixture(scope="module")
def server(moods):
    with smooth_server(moods, latency_ms=300.0) as server:
        yield server.socket


@pytest.fixture(scope="module")
def active(ros, contract, server):
    """(robot, node): an active node that has its instruction from a latched topic."""
    deadman = {"deadman_topic": "/deadman"}
    overrides = ["stops.deadman={topic: /deadman, max_age_ms: 500}", "safety.hold_limit_s=60"]
    with rig(ros, contract, server, robot=deadman, overrides=overrides, predicted_video=True) as (robot, brain):
        robot.activate()
        mute = "no_instruction: there is no instruction: nothing is to be done"
        robot.wait("a start that waits", lambda: mute in robot.wait_state("starting")["reasons"])
        robot.do("instruct", text="swing the arm")
        yield robot, brain


@pytest.fixture
def running(active, moods):
    """The robot, well and in motion; and nothing was ever commanded outside the limits."""
    robot, _ = active
    heal(robot, moods)
    going = ("starting", "running", "hold")
    robot.wait(
        "a start", lambda: robot.do("trigger", name="start")[0] or (robot.do("status") or {}).get("state") in going
    )
    robot.wait_state("running")
    robot.do("forget")
    yield robot
    assert robot.do("record")["violations"] == []


def causes(robot, state):
    """The reasons of the first status in this state since the mark."""
    return next(status["reasons"] for status in robot.do("since_mark") if status["state"] == state)


def assert_at_rest(robot):
    robot.do("forget")
    robot.wait("some motion was recorded", lambda: len(robot.do("record")["motion"]) > 20)
    robot.wait("rest", lambda: np.abs(robot.do("record")["motion"][-1][2]).max() < 1e-6, 3.0)


def test_the_arm_moves_and_its_chunks_continue_a_prefix(running):
    # 300 ms at 15 Hz and the lead; a chunk that begins at rest has none.
    running.wait("a prefix", lambda: sum(chunk["prefix_length"] >= 6 for chunk in running.do("chunks")) >= 4)
    chunks, record = running.do("chunks"), running.do("record")
    assert [chunk["number"] for chunk in chunks] == list(range(chunks[0]["number"], chunks[0]["number"] + len(chunks)))
    assert len(record["arrivals"]) >= 4
    assert np.ptp([row[1] for row in record["motion"]], axis=0).min() > 0.02
    frames = running.do("frames")
    assert frames and frames[0][2] == "rgb8"


def test_diagnostics_tell_rates_ages_and_inference(running):
    well = lambda: [told for told in running.do("diagnostics") if told["motion"]["message"] == "running"]  # noqa: E731
    told = running.wait("diagnostics", well)[-1]
    assert set(told) == {"motion", "observations", "inference"}
    assert told["motion"]["level"] == 0
    assert float(told["observations"]["values"]["received joint_position, Hz"]) > 0
    assert 0 < float(told["observations"]["values"]["age wrist, ms"]) < 200
    assert float(told["inference"]["values"]["inference, ms"]) > 300


def test_what_is_recorded_becomes_a_dataset_that_fits_the_robot(running, ros, tmp_path):
    with node(ros, "record_node", contract=str(CONTRACT), folder=str(tmp_path / "bag")) as recorder:
        running.wait("the recorder", lambda: "recording" in recorder.log and running.do("listeners") >= 2)
        began = running.wait_state("running")["chunks"]
        running.wait("three chunks", lambda: running.do("status")["chunks"] >= began + 3)
        assert recorder.end() == 0
    convert_bag(tmp_path / "bag", tmp_path / "data", CONTRACT)
    opened = open_dataset(str(tmp_path / "data"), "droid_joint")
    recording = Recording(opened.source, opened.binding, opened.embodiment, opened.episodes, 4)
    episode = recording.episode(0)
    assert recording.task(0) == "swing the arm"
    assert np.isfinite(episode.actions).all()
    assert sum(recording.episode(index).num_frames for index in opened.episodes) > 10
    states, commands = episode.trajectory.states["joint_position"], episode.trajectory.commands["joint_position"]
    assert np.abs(states - commands).mean() < 0.2  # the arm was about where it was told to be
    assert recording.view(0, 0)["wrist"].shape == (360, 640, 3)


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_holds_or_stops_within_two_control_periods_of_being_knowable_with_its_reason(running, moods, name):
    fault = FAULTS[name]
    fault.inflict(running, moods)
    running.wait(f"{fault.end} because of {fault.reasons}", lambda: reaction(running, fault).seconds is not None)
    found = reaction(running, fault)
    assert found.in_time, found
    level = 2 if fault.end == "stopped" else 1

    def diagnosed():
        told = [entry["motion"] for entry in running.do("diagnostics")]
        return any(one["level"] == level and any(reason in one["message"] for reason in fault.reasons) for one in told)

    running.wait("it in /diagnostics", diagnosed)
    heal(running, moods)
    if fault.end == "hold":
        running.wait_state("running")  # by itself


@pytest.mark.parametrize(
    ("mood", "words"), [('{"nan": true}', "nan in row 5"), ('{"short": true}', "chunk_inconsisten")]
)
def test_an_answer_that_is_garbage_is_published_with_what_is_wrong_with_it(running, moods, mood, words):
    moods.write_text(mood)
    rejected = running.wait("the refused chunk", lambda: running.do("rejected"))
    assert any(words in cause for causes in rejected for cause in causes)
    moods.unlink()


def test_a_chunk_far_from_the_motion_is_refused_and_the_motion_goes_on(running, moods):
    moods.write_text('{"far": true}')
    rejected = running.wait("the refused chunk", lambda: running.do("rejected"))
    assert any(cause.startswith(("jump", "start_too_far", "too_slow", "position_limit")) for cause in rejected[0]), (
        rejected
    )
    moods.unlink()
    running.wait_state("running")


def test_the_emergency_stop_stops_until_it_is_released_and_somebody_starts_again(running):
    running.do("emergency_stop", pressed=True)
    running.wait_state("stopped")
    assert causes(running, "stopped")[0].startswith("emergency_stop")
    assert running.do("diagnostics")[-1]["motion"]["level"] == 2
    assert_at_rest(running)
    assert not running.do("trigger", name="start")[0]
    running.do("emergency_stop", pressed=False)
    running.wait("a new start", lambda: running.do("trigger", name="start")[0])


def test_an_impossible_transition_is_refused_and_the_robot_goes_on(running):
    assert not running.do("transition", label="configure")
    assert not running.do("transition", label="", number=200)
    assert running.do("lifecycle") == "active"
    running.wait_state("running")


def test_services_stop_the_robot_and_tell_it_what_to_do(running):
    assert running.do("set_instruction", text="fold the towel")
    running.wait("the new instruction", lambda: (running.do("status") or {}).get("instruction") == "fold the towel")
    assert running.do("trigger", name="stop")[0]
    assert any(cause.startswith("requested") for cause in running.wait_state("stopped")["reasons"])
    assert_at_rest(running)
    assert running.do("trigger", name="start")[0]
    running.wait_state("running")


def test_an_instruction_runs_until_its_time_is_up(running):
    assert running.do("run", text="wave", time_limit_s=1.5)
    done = running.wait("the result", lambda: running.do("result")["result"])
    assert (done["success"], done["reason"]) == (True, "time_limit")
    assert done["duration_s"] >= 1.5 and running.do("result")["feedback"] >= 3
    running.wait_state("stopped")


def test_an_instruction_is_replaced_cancelled_and_stopped_with_its_reason(running):
    assert running.do("run", text="wave")
    running.wait_state("running")
    assert running.do("cancel") == 1
    assert running.wait("the result", lambda: running.do("result")["result"])["reason"] == "cancelled"
    assert_at_rest(running)
    assert running.do("run", text="point")
    running.wait_state("running")
    assert running.do("status")["instruction"] == "point"
    running.do("emergency_stop", pressed=True)
    done = running.wait("the result", lambda: running.do("result")["result"])
    assert not done["success"] and done["reason"].startswith("emergency_stop")
    assert not running.do("run", text="wave", time_limit_s=-1.0)


def test_deactivation_brings_the_arm_to_rest_and_nothing_is_sent_afterwards(running):
    assert running.do("transition", label="deactivate")
    assert running.do("lifecycle") == "inactive"
    assert_at_rest(running)
    running.do("forget")
    running.wait("motion was recorded", lambda: len(running.do("record")["motion"]) > 50)
    assert running.do("record")["arrivals"] == []
    assert running.do("transition", label="cleanup")
    assert running.do("transition", label="configure")
    assert running.do("transition", label="activate")
    running.wait_state("running")


def test_a_signal_ends_the_node_in_order_and_the_arm_at_rest(running, active):
    _, brain = active
    running.do("mark")
    assert brain.end(signal.SIGTERM) == 0
    told = reaction(running, Fault(0.0, ("requested",), end="inactive"))
    assert told.in_time, told
    assert "running -> inactive: requested" in brain.log
    assert_at_rest(running)
