"""Robots in YAML: a right file is a robot like any other, a wrong one is told line and reason."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import yaml

import embodiments
from embodiments import fitting, statistics

EXAMPLE = Path(__file__).parents[2] / "docs" / "my_robot.yaml"


@pytest.fixture
def written(tmp_path):
    """text -> path of a robot file with it."""

    def write(text: str) -> Path:
        path = tmp_path / "robot.yaml"
        path.write_text(text)
        return path

    return write


def test_the_example_in_the_docs_conforms():
    robot = embodiments.get(EXAMPLE)
    recorded = [robot.example_trajectory(100, seed) for seed in range(2)]
    report = embodiments.check(robot, recorded)
    assert report.passed, str(report)
    commands = robot.decode(robot.encode(recorded[0]), recorded[0].state_at(0))
    np.testing.assert_allclose(commands["tool_pose"][:, :3], recorded[0].states["tool_pose"][1:, :3], atol=1e-6)
    np.testing.assert_allclose(commands["gripper_width"], recorded[0].commands["gripper_width"][:, 0], atol=1e-9)
    # millimetres on the robot, metres in the model
    moved = np.diff(recorded[0].states["tool_pose"][:, :3], axis=0)
    assert np.abs(robot.encode(recorded[0])[:, :3]).max() < 2.0 * np.abs(moved).max() / 1000.0 + 0.12


DROID_AS_FILE = """
name: droid_again
title: DROID, written as a file
domain: {name: droid_lerobot, id: 8}
fps: 15
chunk_size: 16
blocks:
  - kind: pose
    name: end_effector
    source: {form: vector, quantity: cartesian_position, rotation: euler_xyz, length_unit: m}
    to_opencv: [[0, -1, 0], [1, 0, 0], [0, 0, 1]]
  - kind: gripper
    name: gripper
    role: command
    robot: {open: 0, closed: 1, unit: share}
views: {layout: one_over_two, names: [wrist, exterior_1, exterior_2], label: concat_view}
normalizer: {kind: quantile, clamp: true, shipped: droid}
"""


def test_a_shipped_robot_as_a_file_gives_the_same_numbers(written):
    ours, shipped = embodiments.load(written(DROID_AS_FILE)), embodiments.get("droid")
    assert ours.action_names == shipped.action_names
    trajectory = shipped.example_trajectory(16)
    np.testing.assert_array_equal(ours.encode(trajectory), shipped.encode(trajectory))
    unified = shipped.encode(trajectory)
    np.testing.assert_array_equal(ours.normalize(unified), shipped.normalize(unified))
    for name, values in shipped.decode(unified, trajectory.state_at(0)).items():
        np.testing.assert_array_equal(ours.decode(unified, trajectory.state_at(0))[name], values)
    images = shipped.example_observation()["images"]
    np.testing.assert_array_equal(ours.compose(images), shipped.compose(images))


EVERY_KIND = """
name: everything
title: Every kind of block and source
domain: {name: agibotworld, id: 15}
fps: 10
chunk_size: 8
blocks:
  - {kind: pose, name: camera, column_prefix: camera_, source: {form: matrix, quantity: camera_to_world}}
  - kind: pose
    name: base
    column_prefix: base_
    source: {form: parts, position: base_position, rotation: base_rotation, representation: quaternion_wxyz}
  - kind: pose
    name: arm
    column_prefix: arm_
    tool_offset: {translation: [0, 0, 0.1], euler_xyz: [0, 1.5707963267948966, 0]}
    source:
      form: joints
      quantity: arm_joints
      role: command
      links:
        - {link: shoulder, position: [0, 0, 0.3], joint: {name: lift, kind: prismatic, axis: [0, 0, 1], limits: [0, 1]}}
        - {link: elbow, position: [0, 0, 0.4], euler_xyz: [1.57, 0, 0], joint: {name: turn, axis: [0, 1, 0]}}
        - {link: tool, position: [0, 0.2, 0]}
  - kind: pose
    name: right_wrist
    column_prefix: wrist_
    source:
      form: hand
      camera_position: camera_position
      camera_rotation: camera_rotation
      joint_positions: hand_positions
      joint_rotations: hand_rotations
  - {kind: fingertips, name: right_fingertips, wrist: right_wrist}
  - {kind: joints, name: neck, quantity: neck, low: [-90, -30], high: [90, 30], angle_unit: deg}
  - {kind: gripper, name: gripper, role: state, robot: {open: 100, closed: 0, unit: percent}}
views: {layout: single, names: [head], label: ego_view}
normalizer: {kind: translation_scale, factor: 2.5}
"""


def test_every_kind_of_block_and_source(written):
    robot = embodiments.load(written(EVERY_KIND))
    assert robot.action_dim == 9 * 4 + 15 + 2 + 1
    assert [block.kind for block in robot.blocks] == ["pose"] * 4 + ["fingertips", "joints", "gripper"]
    assert embodiments.check(robot).passed
    trajectory = robot.example_trajectory(8)
    unified = robot.encode(trajectory)
    np.testing.assert_allclose(robot.normalize(unified)[:, :3], 2.5 * unified[:, :3])
    neck = next(block for block in robot.blocks if block.name == "neck")
    np.testing.assert_allclose(unified[:, neck.columns], np.radians(trajectory.commands["neck"][:8]))
    np.testing.assert_allclose(
        robot.decode(unified, trajectory.state_at(0))["neck"], trajectory.commands["neck"][:8], atol=1e-9
    )


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("chunk_size: 16", "chunk_size: 0"), ["line 6", "chunk_size", "greater than or equal to 4"]),
        (("fps: 15", "fps: fast"), ["line 5", "fps", "'fast'"]),
        (("fps: 15", "speed: 15"), ["fps", "Field required", "line 5, speed", "Extra inputs"]),
        (("fps: 15", "fps: 15\nfps: 20"), ["line 6", "'fps' is given twice", "line 5"]),
        (("length_unit: m}", "length_unit: inch}"), ["line 10", "length_unit", "'m', 'cm' or 'mm'"]),
        (("rotation: euler_xyz, ", "rotation: rpy, "), ["line 10", "rotation", "'euler_xyz'"]),
        (("kind: gripper", "kind: claw"), ["line 12", "'claw'", "'gripper'"]),
        (
            ("robot: {open: 0, closed: 1, unit: share}", "robot: {open: 1, closed: 1, unit: share}"),
            ["line 12", "must differ"],
        ),
        ((", unit: share}", "}"), ["line 15", "unit", "Field required"]),
        (("unit: share", "unit: parsec"), ["line 15", "unit", "'mm'"]),
        (("[1, 0, 0], [0, 0, 1]]", "[2, 0, 0], [0, 0, 1]]"), ["line 11", "to_opencv", "no rotation"]),
        (("chunk_size: 16", "chunk_size: 15"), ["line 6", "chunk_size", "multiple of 4"]),
        (("names: [wrist, exterior_1, exterior_2]", "names: [wrist]"), ["line 16", "needs 3 view names"]),
        (("shipped: droid", "shipped: nobody"), ["no shipped statistics 'nobody'"]),
        (("shipped: droid", "statistics: absent.json"), ["cannot read the statistics file", "absent.json"]),
        (("shipped: droid", "shipped: agibot"), ["29 columns, but 'droid_again' has 10"]),
        (("clamp: true, ", ""), ["line 17", "clamp", "Field required"]),
        (("kind: quantile, clamp: true", "kind: meanstd, clamp: true"), ["line 17", "does not clamp"]),
        (("name: droid_again", "name: droid"), ["'droid' is a shipped robot"]),
        (("name: gripper", "name: end_effector"), ["names of their own"]),
        (("blocks:", "blocks: ]"), ["line 7"]),
        (("id: 8", "id: 99"), ["line 4", "less than or equal to 31"]),
    ],
)
def test_wrong_files_are_told_line_and_reason(written, change, told):
    text = DROID_AS_FILE.replace(*change)
    assert text != DROID_AS_FILE
    with pytest.raises(embodiments.EmbodimentError) as raised:
        embodiments.load(written(text))
    for words in told:
        assert words in str(raised.value), str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_slice_must_be_as_wide_as_what_it_feeds(written):
    dataset = """
datasets:
  - {name: mine, fps: 15, states: {cartesian_position: "observation.state[0:5]"}, views: {wrist: camera}}
"""
    with pytest.raises(embodiments.EmbodimentError, match=r"is 5 wide, but the robot's blocks read 6 numbers"):
        embodiments.load(written(DROID_AS_FILE + dataset))
    embodiments.load(written(DROID_AS_FILE + dataset.replace("0:5", "0:6")))
    with pytest.raises(embodiments.EmbodimentError, match="views"):
        embodiments.load(written(DROID_AS_FILE + dataset.replace("0:5", "0:6").replace("camera", "''")))


def test_a_file_that_is_not_there():
    with pytest.raises(embodiments.EmbodimentError, match="cannot read the robot file"):
        embodiments.get("no_such_robot.yaml")


def test_a_file_that_is_no_text(tmp_path):
    path = tmp_path / "photo.yaml"
    path.write_bytes(b"\x89PNG\xff")
    with pytest.raises(embodiments.EmbodimentError, match="no text in UTF-8"):
        embodiments.load(path)


def test_statistics_are_fitted_and_used(tmp_path):
    """fit, write, name the file in the robot file: the robot then normalises its own data into -1..1."""
    robot = embodiments.get(EXAMPLE)
    recorded = [robot.example_trajectory(150, seed) for seed in range(4)]
    fitted = fitting.fit(robot, recorded, "examples")
    statistics.write(fitted, tmp_path / "own.json")
    content = yaml.safe_load(EXAMPLE.read_text())
    content["normalizer"] = {"kind": "quantile", "clamp": False, "statistics": "own.json"}
    (tmp_path / "robot.yaml").write_text(yaml.safe_dump(content))
    ready = embodiments.load(tmp_path / "robot.yaml")
    model = np.concatenate([ready.normalize(ready.encode(trajectory)) for trajectory in recorded])
    assert (np.abs(model) <= 1.0 + 1e-9).mean() > 0.97
    np.testing.assert_allclose(np.quantile(model, 0.01, axis=0), -1.0, atol=1e-6)
    np.testing.assert_allclose(np.quantile(model, 0.99, axis=0), 1.0, atol=1e-6)
    report = embodiments.check(ready, recorded)
    assert report.passed, str(report)


def test_statistics_touched_by_hand_are_refused(tmp_path):
    robot = embodiments.get("droid")
    path = tmp_path / "own.json"
    statistics.write(robot.normalizer.statistics, path)
    assert statistics.read(path).sha256 == robot.normalizer.statistics.sha256
    path.write_text(path.read_text().replace("0.998459", "0.5"))
    with pytest.raises(embodiments.EmbodimentError, match="do not belong to its sha256"):
        statistics.read(path)


def test_fitting_refuses_what_cannot_be_fitted():
    droid = embodiments.get("droid")
    with pytest.raises(embodiments.EmbodimentError, match="have 20 steps; expected at least 100"):
        fitting.fit(droid, [droid.example_trajectory(20)], "too short")
    trajectory = droid.example_trajectory(200)
    still = embodiments.Trajectory(trajectory.states, {"gripper_position": np.zeros(200)})
    with pytest.raises(embodiments.EmbodimentError, match="gripper of 'droid' never moved"):
        fitting.fit(droid, [still], "a gripper at rest")
