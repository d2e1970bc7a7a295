"""The loop for robots that take poses, twists, paths, or joints for a model that speaks of the hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from circle_policy import CircleTestPolicy
from scipy.spatial.transform import Rotation
from simulated_world import IMAGE, SimulatedInference, droid_contract

import embodiments
from cosmos_policy.types import ActionChunk, PolicyRequest
from embodiments.trajectory import Trajectory
from ros2_nodes.commanding import JointTrajectoryCommand, PathCommand, PoseCommand, TwistCommand
from ros2_nodes.contract import RobotContract, check_against
from ros2_nodes.loop import ChunkRejected, Instant, PolicyLoop
from ros2_nodes.observing import ImageSample, JointSample, PoseSample
from ros2_nodes.reasons import Reason

BASE = droid_contract(stops={"deadman": None}, safety={"start_tolerance": 0.3}).model_dump(exclude={"folder"})
CAMERA = BASE["streams"]["wrist"]
POSE = {
    "role": "state", "type": "geometry_msgs/msg/PoseStamped", "topic": "/pose", "frame": "base", "max_age_ms": 100,
    "max_skew_ms": 200,
}  # fmt: skip
POSE_LIMITS = {
    "of": "pose", "workspace": {"lower": [0.1, -0.5, 0.0], "upper": [0.9, 0.5, 0.9]}, "velocity": 0.5,
    "acceleration": 4.0, "jerk": 100.0, "angular_velocity": 1.5, "angular_acceleration": 10.0, "angular_jerk": 300.0,
}  # fmt: skip


def contract(embodiment: str, streams: dict, output: dict, limits: dict, gripper: bool = True) -> RobotContract:
    views = {view: {**CAMERA, "topic": f"/{view}"} for view in embodiments.get(embodiment).views}
    extra = {"gripper": BASE["outputs"]["gripper"]} if gripper else {}
    told = {
        **BASE,
        "embodiment": embodiment,
        "control_rate_hz": 15,
        "streams": {**views, **streams},
        "outputs": {"arm": {"topic": "/arm", **output}, **extra},
        "limits": {"arm": limits, **({"gripper": BASE["limits"]["gripper"]} if gripper else {})},
        "folder": Path(__file__).parents[1] / "commanding" / "robots",
    }
    return RobotContract.model_validate(told)


def run(told: RobotContract, policy: CircleTestPolicy, sense, seconds: float = 4.0, latency_s: float = 0.2) -> tuple:
    """sense: from the loop and the time to nothing; it feeds the streams. Returns (times, commands, reports, loop)."""
    inference = SimulatedInference(policy, latency_s)
    loop = PolicyLoop(told, check_against(told), inference)
    loop.instruct("draw")
    sent, reports = [], []
    for count in range(round(seconds * 100)):
        now = Instant(10.0 + 0.01 * count, 1000.0 + 0.01 * count)
        inference.now_s = now.steady_s
        for view in told.views:
            loop.receive(view, ImageSample(now.stamp_s, "camera", "rgb8", 24, 32, 96, False, IMAGE))
        sense(loop, now, sent)
        if count == 2:
            loop.start(now)
        if int(count * 15 / 100) != int((count - 1) * 15 / 100):
            reports.append(loop.tick(now))
        sent += [(now.steady_s, command) for command in loop.commands(now)]
    return sent, reports, loop


START = np.array([0.5, 0.0, 0.4])
TURN = Rotation.from_euler("xyz", [3.0, 0.1, 0.2])


def feeding(quantity: str):
    """The tool is where the last pose (or the sum of twists) says."""
    place = {"position": START.copy(), "turn": TURN, "read": 0}

    def sense(loop, now, sent):
        for _, command in sent[place["read"] :]:
            if isinstance(command, PoseCommand):
                place["position"], place["turn"] = command.position, Rotation.from_quat(command.quaternion_xyzw)
            elif isinstance(command, TwistCommand):
                place["position"] = place["position"] + 0.01 * command.linear
                place["turn"] = Rotation.from_rotvec(0.01 * command.angular) * place["turn"]
        place["read"] = len(sent)
        loop.receive(quantity, PoseSample(now.stamp_s, "base", place["position"], place["turn"].as_quat()))

    return sense, place


def pose_contract(kind: str) -> RobotContract:
    output = {"kind": kind, "command": "end_effector", "frame": "base", "measured_by": "cartesian_position"}
    return contract("droid", {"cartesian_position": {**POSE, "encoding": "xyz_euler_xyz"}}, output, POSE_LIMITS)


def test_poses_are_streamed_smoothly_and_within_limits():
    told, (sense, _) = pose_contract("pose"), feeding("cartesian_position")
    sent, reports, loop = run(told, CircleTestPolicy("droid"), sense)
    poses = [command for _, command in sent if isinstance(command, PoseCommand)]
    assert loop.state.value == "running" and len(poses) > 300 and all(pose.frame_id == "base" for pose in poses)
    assert not [event for report in reports for event in report.events if isinstance(event, ChunkRejected)]
    positions = np.stack([pose.position for pose in poses])
    for order, bound in enumerate((0.5, 4.0, 100.0), start=1):
        assert np.linalg.norm(np.diff(positions, n=order, axis=0), axis=-1).max() / 0.01**order <= bound * 1.001
    turns = Rotation.from_quat(np.stack([pose.quaternion_xyzw for pose in poses]))
    rates = (turns[:-1].inv() * turns[1:]).as_rotvec() / 0.01
    assert np.linalg.norm(rates, axis=-1).max() <= 1.5
    assert np.linalg.norm(np.diff(rates, axis=0), axis=-1).max() / 0.01 <= 10.0 * 1.05
    assert np.linalg.norm(positions - positions[0], axis=-1).max() > 0.05
    assert np.abs(positions[0] - START).max() < 1e-3


def test_twists_lead_the_tool_where_the_poses_would():
    by_pose, (sense, _) = [], feeding("cartesian_position")
    for kind in ("pose", "twist"):
        sense, place = feeding("cartesian_position")
        _, _, loop = run(pose_contract(kind), CircleTestPolicy("droid"), sense)
        assert loop.state.value == "running", loop.causes
        by_pose.append((place["position"], place["turn"]))
    assert np.linalg.norm(by_pose[0][0] - by_pose[1][0]) < 0.02
    assert (by_pose[0][1].inv() * by_pose[1][1]).magnitude() < 0.05


def test_a_chunk_of_tool_poses_moves_an_arm_that_only_takes_joints():
    pytest.importorskip("mink", reason="the extra 'kinematics' is not installed")
    from ros2_nodes.commanding.urdf_arm import UrdfArm

    names = ["pan", "lift", "elbow", "bend_1", "bend_2", "bend_3"]
    joints = {**BASE["streams"]["joint_position"], "joints": names, "role": "feedback"}
    output = {
        "kind": "joint_trajectory", "command": "end_effector", "joints": names, "measured_by": "joints",
        "kinematics": {"urdf": "six_joints.urdf", "base": "base_link", "tool": "tool"},
    }  # fmt: skip
    limits = {**BASE["limits"]["arm"], "lower": [-3.0], "upper": [3.0]}
    streams = {"joints": joints, "cartesian_position": {**POSE, "encoding": "xyz_euler_xyz"}}
    told = contract("droid", streams, output, limits)
    arm = UrdfArm(told.folder / "six_joints.urdf", "base_link", "tool", names, np.full(6, -3.0), np.full(6, 3.0))
    here = {"joints": np.array([0.3, -1.2, 1.6, -0.4, 0.5, 0.2])}

    def sense(loop, now, sent):
        if sent:
            when, command = next(pair for pair in reversed(sent) if isinstance(pair[1], JointTrajectoryCommand))
            since = now.steady_s - when + (command.past_s or 0.0)
            row = min(int(np.searchsorted(command.times_s, since)), len(command.times_s) - 1)
            here["joints"] = command.positions[row]
        pose = arm.forward(here["joints"][None])[0]
        quaternion = Rotation.from_matrix(pose[:3, :3]).as_quat()
        loop.receive("joints", JointSample(now.stamp_s, tuple(names), here["joints"]))
        loop.receive("cartesian_position", PoseSample(now.stamp_s, "base", pose[:3, 3], quaternion))

    first = arm.forward(here["joints"][None])[0]
    sent, reports, loop = run(told, CircleTestPolicy("droid", speed=0.1), sense, seconds=3.0)
    assert loop.state.value == "running", (loop.causes, [report.events for report in reports[-3:]])
    trajectories = [command for _, command in sent if isinstance(command, JointTrajectoryCommand)]
    assert len(trajectories) > 3 and trajectories[0].joint_names == tuple(names)
    now = arm.forward(here["joints"][None])[0]
    assert 0.02 < np.linalg.norm(now[:3, 3] - first[:3, 3]) < 0.3


def car_contract(speed: float) -> RobotContract:
    streams = {"camera_to_world": {**POSE, "encoding": "matrix"}}
    output = {"kind": "path", "command": "camera", "frame": "base"}
    limits = {"of": "path", "velocity": speed, "angular_velocity": 1.0}
    return contract("av", streams, output, limits, gripper=False)


def test_a_car_is_given_the_rest_of_the_path_and_an_empty_one_to_stop():
    sense, _ = feeding("camera_to_world")
    sent, _, loop = run(car_contract(2.0), CircleTestPolicy("av"), sense, seconds=3.0)
    paths = [command for _, command in sent if isinstance(command, PathCommand)]
    assert loop.state.value == "running" and len(paths) >= 3 and len(paths) < 20
    for path in paths:
        assert path.frame_id == "base" and 50 < len(path.times_s) <= 60
        assert path.positions.shape == (len(path.times_s), 3) and (np.diff(path.times_s) > 0.0).all()
        assert np.allclose(np.linalg.norm(path.quaternions_xyzw, axis=-1), 1.0)
        assert np.linalg.norm(np.diff(path.positions, axis=0), axis=-1).max() / 0.1 < 0.25
    now = Instant(13.1, 1003.1)
    loop.press_emergency_stop(True, now)
    assert [len(command.times_s) for command in loop.commands(now)] == [0]


def test_a_path_that_is_too_fast_is_refused():
    sense, _ = feeding("camera_to_world")
    sent, reports, _ = run(car_contract(0.1), CircleTestPolicy("av"), sense, seconds=1.0)
    rejected = [event for report in reports for event in report.events if isinstance(event, ChunkRejected)]
    assert not sent and rejected[0].causes[0].reason is Reason.VELOCITY_LIMIT


def test_recorded_trajectories_have_the_same_convention():
    """The circles above are built as an embodiment encodes recorded poses."""
    robot = embodiments.get("av")
    path = np.tile(np.eye(4), (5, 1, 1))
    path[:, 0, 3] = np.arange(5)
    assert np.allclose(robot.encode(Trajectory(states={"camera_to_world": path}, commands={}))[:, 0], 1.0)


def test_what_the_model_is_told_decodes_to_the_motion_under_way():
    told, (sense, _) = pose_contract("pose"), feeding("cartesian_position")
    asked = []

    class Remembering(CircleTestPolicy):
        def __call__(self, request: PolicyRequest) -> ActionChunk:
            asked.append(request)
            return super().__call__(request)

    sent, _, _ = run(told, Remembering("droid"), sense, seconds=3.0)
    times = np.array([when for when, command in sent if isinstance(command, PoseCommand)])
    positions = np.stack([command.position for _, command in sent if isinstance(command, PoseCommand)])
    later = [request for request in asked[1:] if request.observation.stamp < 1012.0]
    assert len(later) > 2 and all(request.prefix is not None for request in later)
    for request in later:
        path = embodiments.get("droid").decode(request.prefix, request.observation.state)["end_effector_position"]
        due = request.observation.stamp - 990.0 + np.arange(1, len(path) + 1) / 15.0
        done = np.stack([np.interp(due, times, positions[:, axis]) for axis in range(3)], axis=-1)
        assert np.abs(path - done).max() < 1e-3
