"""Observations from samples: what is put together, and every reason for which nothing is."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from simulated_world import JOINTS, droid_contract

from ros2_nodes.contract import GripperStream, StateStream
from ros2_nodes.observing import (
    CompressedImageSample,
    ImageSample,
    JointSample,
    NumberSample,
    PoseSample,
    Refusal,
    Sampler,
    Snapshot,
    TransformTree,
)
from ros2_nodes.observing.refusal import SampleRefused
from ros2_nodes.observing.values import gripper_value, pose_matrix, state_value
from ros2_nodes.reasons import Reason

NOW_S = 1_700_000_000.0
IMAGE = ImageSample(NOW_S - 0.03, "camera", "rgb8", 24, 32, 96, False, np.arange(2304, dtype=np.uint8))
SHUFFLED = ("finger_joint", *JOINTS[::-1], "another_joint")
STATE = JointSample(NOW_S - 0.01, SHUFFLED, np.array([0.2, 7, 6, 5, 4, 3, 2, 1, 99.0]))


def filled(**changes) -> Sampler:
    """A sampler that has everything. changes: stream -> its sample, None for nothing."""
    sampler = Sampler(droid_contract())
    samples = {"wrist": IMAGE, "exterior_1": IMAGE, "exterior_2": IMAGE}
    for name, sample in {**samples, "joint_position": STATE, "gripper_position": STATE, **changes}.items():
        if sample is not None:
            sampler.buffers[name].put(sample)
    return sampler


def test_an_observation_holds_what_the_newest_messages_say():
    seen = filled().sample(NOW_S)
    assert isinstance(seen, Snapshot)
    assert np.array_equal(seen.observation.state["joint_position"], np.arange(1.0, 8.0))
    assert np.allclose(seen.observation.state["gripper_position"], [0.25])
    assert set(seen.observation.images) == {"wrist", "exterior_1", "exterior_2"}
    assert np.array_equal(seen.observation.images["wrist"].reshape(-1), IMAGE.data)
    assert seen.observation.stamp == STATE.stamp_s
    assert set(seen.measured) == {"joint_position", "gripper_position"}


def test_the_newest_message_of_a_stream_is_the_one_that_counts():
    sampler = filled()
    sampler.buffers["joint_position"].put(replace(STATE, positions=STATE.positions + 1.0))
    assert sampler.sample(NOW_S).observation.state["joint_position"][0] == 2.0
    assert sampler.buffers["joint_position"].count == 2


@pytest.mark.parametrize(
    ("stream", "sample", "reason", "words"),
    [
        ("wrist", None, Reason.STREAM_MISSING, "nothing has come on /wrist/image_raw"),
        ("wrist", replace(IMAGE, stamp_s=NOW_S - 0.2), Reason.TOO_OLD, "200 ms old, more than 150 ms"),
        ("wrist", replace(IMAGE, stamp_s=NOW_S + 0.05), Reason.STAMP_IN_FUTURE, "50 ms in the future"),
        ("wrist", replace(IMAGE, stamp_s=float("nan")), Reason.NOT_FINITE, "stamp"),
        ("wrist", replace(IMAGE, height=12), Reason.WRONG_SIZE, "12x32 (height x width), not 24x32"),
        ("wrist", replace(IMAGE, encoding="bgr8"), Reason.WRONG_ENCODING, "'bgr8', not 'rgb8'"),
        ("wrist", replace(IMAGE, data=IMAGE.data[:5]), Reason.UNREADABLE, "5 bytes"),
        ("joint_position", replace(STATE, positions=STATE.positions * np.nan), Reason.NOT_FINITE, "NaN"),
        ("joint_position", replace(STATE, positions=STATE.positions[:4]), Reason.UNREADABLE, "9 names and 4 positions"),
        ("joint_position", replace(STATE, names=("finger_joint",)), Reason.JOINT_MISSING, "joint_1, joint_2"),
        ("gripper_position", replace(STATE, names=tuple(JOINTS)), Reason.JOINT_MISSING, "finger_joint"),
    ],
)
def test_everything_wrong_is_refused_and_said(stream, sample, reason, words):
    seen = filled(**{stream: sample}).sample(NOW_S)
    assert isinstance(seen, Refusal)
    assert [cause.reason for cause in seen.causes] == [reason]
    assert seen.causes[0].detail.startswith(f"{stream}: ") and words in seen.causes[0].detail


def test_streams_must_belong_to_one_instant():
    sampler = Sampler(droid_contract())
    contract = droid_contract()
    tight = contract.streams["wrist"].model_copy(update={"max_skew_ms": 15.0})
    sampler = Sampler(contract.model_copy(update={"streams": {**contract.streams, "wrist": tight}}))
    for name, sample in (("wrist", IMAGE), ("exterior_1", IMAGE), ("exterior_2", IMAGE)):
        sampler.buffers[name].put(sample)
    for name in ("joint_position", "gripper_position"):
        sampler.buffers[name].put(STATE)
    seen = sampler.sample(NOW_S)
    assert [cause.reason for cause in seen.causes] == [Reason.SKEWED]
    assert "20 ms behind the newest stream, more than 15 ms" in seen.causes[0].detail


def test_all_reasons_are_told_at_once_and_forgetting_empties_it():
    sampler = filled(wrist=None, joint_position=replace(STATE, positions=STATE.positions * np.inf))
    assert {cause.reason for cause in sampler.sample(NOW_S).causes} == {Reason.STREAM_MISSING, Reason.NOT_FINITE}
    sampler.clear()
    assert {cause.reason for cause in sampler.sample(NOW_S).causes} == {Reason.STREAM_MISSING}
    assert sampler.ages_ms(NOW_S) == {}


def test_ages_are_those_of_the_newest_messages():
    ages = filled().ages_ms(NOW_S)
    assert ages["wrist"] == pytest.approx(30.0, abs=0.1) and ages["joint_position"] == pytest.approx(10.0, abs=0.1)


def test_compressed_images_of_another_size_are_refused():
    pytest.importorskip("PIL", reason="the extra 'ros2' is not installed")
    import io

    from PIL import Image

    contract = droid_contract()
    file = io.BytesIO()
    Image.fromarray(np.zeros((20, 32, 3), np.uint8)).save(file, "PNG")
    told = {**contract.streams["wrist"].model_dump(), "type": "sensor_msgs/msg/CompressedImage", "encoding": None}
    stream = type(contract.streams["wrist"]).model_validate(told)
    sampler = Sampler(contract.model_copy(update={"streams": {**contract.streams, "wrist": stream}}))
    sampler.buffers["wrist"].put(CompressedImageSample(NOW_S, "camera", "png", file.getvalue()))
    found = {cause.reason for cause in sampler.sample(NOW_S).causes}
    assert Reason.WRONG_SIZE in found


POSE = PoseSample(NOW_S, "base", np.array([0.4, 0.1, 0.3]), np.array([0.0, 0.0, np.sin(0.25), np.cos(0.25)]))


def stream(encoding: str, unit: str = "rad") -> StateStream:
    return StateStream(
        role="state", type="geometry_msgs/msg/PoseStamped", topic="/pose", max_age_ms=1, max_skew_ms=1,
        encoding=encoding, frame="base", unit=unit,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("encoding", "unit", "expected"),
    [
        ("xyz_euler_xyz", "rad", [0.4, 0.1, 0.3, 0.0, 0.0, 0.5]),
        ("xyz_euler_xyz", "deg", [0.4, 0.1, 0.3, 0.0, 0.0, np.degrees(0.5)]),
        ("xyz_quaternion_xyzw", "rad", [0.4, 0.1, 0.3, 0.0, 0.0, np.sin(0.25), np.cos(0.25)]),
        ("xyz_quaternion_wxyz", "rad", [0.4, 0.1, 0.3, np.cos(0.25), 0.0, 0.0, np.sin(0.25)]),
        ("xyz", "rad", [0.4, 0.1, 0.3]),
        ("quaternion_xyzw", "rad", [0.0, 0.0, np.sin(0.25), np.cos(0.25)]),
    ],
)
def test_poses_are_written_as_the_embodiment_does(encoding, unit, expected):
    told = stream(encoding, unit)
    assert np.allclose(state_value(told, pose_matrix(POSE, told.frame)), expected)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"frame_id": "world"}, Reason.WRONG_FRAME),
        ({"quaternion_xyzw": np.zeros(4)}, Reason.UNREADABLE),
        ({"position": np.array([np.nan, 0, 0])}, Reason.NOT_FINITE),
    ],
)
def test_broken_poses_are_refused(change, reason):
    with pytest.raises(SampleRefused) as refused:
        pose_matrix(replace(POSE, **change), "base")
    assert refused.value.cause.reason is reason


def test_a_gripper_is_mapped_between_its_ends():
    told = GripperStream(
        role="gripper", type="std_msgs/msg/Float64", topic="/gripper", max_age_ms=1, max_skew_ms=1,
        measured_open=0.085, measured_closed=0.0, open=0.0, closed=1.0,
    )  # fmt: skip
    assert np.allclose(gripper_value(told, NumberSample(NOW_S, 0.085)), [0.0])
    assert np.allclose(gripper_value(told, NumberSample(NOW_S, 0.017)), [0.8])
    with pytest.raises(SampleRefused):
        gripper_value(told, NumberSample(NOW_S, float("nan")))


def test_transforms_are_put_together_along_the_way():
    tree, turn = TransformTree(), np.array([0.0, 0.0, np.sin(np.pi / 4), np.cos(np.pi / 4)])
    still = np.array([0.0, 0.0, 0.0, 1.0])
    tree.put("world", "base", 0.0, np.array([1.0, 0.0, 0.0]), turn, static=True)
    tree.put("base", "elbow", NOW_S - 0.2, np.array([0.5, 0.0, 0.0]), still, static=False)
    tree.put("/elbow", "tool", NOW_S - 0.1, np.array([0.0, 0.3, 0.0]), still, static=False)
    tree.put("world", "camera", 0.0, np.array([0.0, 0.0, 2.0]), still, static=True)
    found = tree.lookup("base", "tool", NOW_S)
    assert np.allclose(found.position, [0.5, 0.3, 0.0]) and found.stamp_s == NOW_S - 0.2 and found.frame_id == "base"
    assert np.allclose(tree.lookup("camera", "tool", NOW_S).position, [0.7, 0.5, -2.0])
    assert tree.lookup("camera", "base", NOW_S).stamp_s == NOW_S  # all of it static
    assert tree.lookup("base", "nowhere", NOW_S) is None
    tree.put("elbow", "tool", NOW_S, np.array([np.nan, 0.0, 0.0]), still, static=False)
    assert tree.lookup("base", "tool", NOW_S) is None
    tree.put("tool", "elbow", NOW_S, np.zeros(3), still, static=False)
    tree.put("elbow", "tool", NOW_S, np.zeros(3), still, static=False)
    assert tree.lookup("base", "tool", NOW_S) is None  # a circle ends
