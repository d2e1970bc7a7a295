"""policy_node with every kind of output besides a joint trajectory and a number for the gripper, in real processes."""

import signal

import numpy as np
import pytest
import yaml
from rig import CONTRACT, rig, smooth_server

from ros2_nodes.contract import load_contract

TOOL, CAR = CONTRACT.parent / "droid.yaml", CONTRACT.parent / "av.yaml"
FINGER = (
    "{kind: gripper_trajectory, topic: /finger/joint_trajectory, command: gripper_position, open: 0.0, closed: 1.0, \
robot_open: 0.0, robot_closed: 0.8, joint: finger}"
)
ACTION = "{kind: gripper_action, topic: /finger/gripper_cmd, command: gripper_position, open: 0.0, closed: 1.0, \
robot_open: 0.0, robot_closed: 0.8, max_effort: 40.0}"
TRANSFORM = "{role: state, topic: /tf, type: tf2_msgs/msg/TFMessage, encoding: xyz_euler_xyz, frame: panda_link0, \
child_frame: panda_link8, max_age_ms: 60, max_skew_ms: 150}"


@pytest.mark.parametrize(
    ("file", "settings"),
    [
        (CONTRACT, {"outputs.arm.kind": "joint_positions", "outputs.gripper": FINGER}),
        (TOOL, {"outputs.gripper": ACTION}),
        (TOOL, {"outputs.arm.kind": "twist", "streams.cartesian_position": TRANSFORM}),
    ],
    ids=["positions, a finger's trajectory", "poses, a gripper's action", "twists, measured by TF"],
)
def test_the_robot_is_moved_and_comes_to_rest(ros, tmp_path, file, settings):
    overrides = [f"{name}={value}" for name, value in settings.items()]
    contract = load_contract(file, {name: yaml.safe_load(value) for name, value in settings.items()})
    given = {"file": file, "overrides": overrides, "instruction": "draw"}
    with (
        smooth_server(tmp_path / "moods.json", 100.0, embodiment=contract.embodiment) as server,
        rig(ros, contract, server.socket, **given) as (robot, brain),
    ):
        robot.activate()
        robot.wait_state("running")
        robot.wait("four chunks", lambda: robot.do("status")["chunks"] >= 4)
        record = robot.do("record")
        assert record["violations"] == []
        arrivals, places = np.array(record["arrivals"]), np.array([place for _, place, _ in record["motion"]])
        assert np.percentile(np.diff(arrivals), 25) < 0.015  # output_rate_hz is 100, where the machine is not late
        assert np.ptp(places, axis=0).max() > 0.03
        assert record["gripper"]["told"] >= 1 and record["gripper"]["wrong"] == ""
        assert 0.0 <= record["gripper"]["position"] <= 0.8
        robot.do("fault", name="joints_die")
        robot.wait_state("hold")
        robot.do("heal")
        robot.wait_state("running")
        assert brain.end(signal.SIGTERM) == 0
        assert_it_rests(robot)


def test_a_car_follows_paths_until_an_empty_one_stops_it(ros, tmp_path):
    contract = load_contract(CAR)
    with (
        smooth_server(tmp_path / "moods.json", 100.0, embodiment="av") as server,
        rig(ros, contract, server.socket, file=CAR, instruction="drive") as (robot, brain),
    ):
        robot.activate()
        robot.wait_state("running")
        robot.wait("four paths", lambda: len(robot.do("record")["arrivals"]) >= 4)
        assert np.ptp([place for _, place, _ in robot.do("record")["motion"]], axis=0).max() > 0.03
        robot.do("emergency_stop", pressed=True)
        robot.wait_state("stopped")
        assert_it_rests(robot)
        assert brain.end(signal.SIGTERM) == 0


def assert_it_rests(robot):
    violations = robot.do("record")["violations"]
    robot.do("forget")
    robot.wait("some motion was recorded", lambda: len(robot.do("record")["motion"]) > 20)
    after = robot.do("record")
    assert np.ptp([place for _, place, _ in after["motion"][-10:]], axis=0).max() < 1e-9
    assert violations + after["violations"] == []
