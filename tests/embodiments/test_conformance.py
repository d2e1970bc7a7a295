"""The conformance program passes every shipped robot, and calls each fault by its name."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import embodiments
from embodiments import normalizers, statistics
from embodiments.blocks import GripperMap
from embodiments.datasets import DatasetLayout
from embodiments.statistics import make_statistics
from embodiments.views import SingleView


def episodes(robot, count: int = 3, steps: int = 200) -> list[embodiments.Trajectory]:
    return [robot.example_trajectory(steps, seed) for seed in range(count)]


def with_block(robot, name: str, **changes):
    blocks = tuple(replace(block, **changes) if block.name == name else block for block in robot.blocks)
    return replace(robot, blocks=blocks)


def failures(report) -> dict[str, str]:
    return {finding.check: finding.message for finding in report.failures}


@pytest.mark.parametrize("name", embodiments.names())
def test_shipped_robots_conform(name):
    robot = embodiments.get(name)
    assert embodiments.check(name).passed
    report = embodiments.check(robot, episodes(robot))
    assert report.passed, str(report)
    assert {"round_trip", "anchor", "half_turns", "polarity", "shapes", "refusals"} <= {
        finding.check for finding in report.findings
    }


def test_unknown_is_not_a_failure_but_is_said():
    for name in ("camera", "pusht"):
        (finding,) = [finding for finding in embodiments.check(name).findings if finding.check == "widths"]
        assert finding.level == "unknown"
        assert "publish" in finding.message


def test_mirror():
    robot = with_block(embodiments.get("droid"), "end_effector", to_opencv=np.diag([1.0, 1.0, -1.0]))
    assert "mirrors space" in failures(embodiments.check(robot))["frames_are_rigid"]


def test_stretch():
    robot = with_block(embodiments.get("droid"), "end_effector", to_opencv=1.01 * np.eye(3))
    assert "stretches space" in failures(embodiments.check(robot))["frames_are_rigid"]


def test_gripper_that_closes_when_it_should_open():
    turned = GripperMap(robot_open=0.0, robot_closed=1.0, model_open=0.0, model_closed=1.0)
    robot = with_block(embodiments.get("droid"), "gripper", value_map=turned)
    assert "would close when it should open" in failures(embodiments.check(robot))["polarity"]


def test_gripper_in_another_unit():
    millimetres = GripperMap(97.0, 0.0, 97.0, 0.0, "mm", "mm")
    robot = with_block(embodiments.get("umi"), "gripper", value_map=millimetres)
    assert "1e+03 times less" in failures(embodiments.check(robot))["ranges"]


def test_gripper_command_against_observation():
    droid = embodiments.get("droid")
    (recorded,) = episodes(droid, 1)
    opening = np.linspace(0.0, 1.0, 201)
    turned = embodiments.Trajectory(
        states={**recorded.states, "gripper_position": opening}, commands={"gripper_position": 1.0 - opening[:200]}
    )
    assert "exchanged" in failures(embodiments.check(droid, [turned]))["command_follows_state"]


def test_statistics_that_never_moved():
    droid = embodiments.get("droid")
    values = {key: value.copy() for key, value in droid.normalizer.statistics.values.items()}
    values["q99"][9] = values["q01"][9]
    robot = droid.with_normalizer(normalizers.quantile(make_statistics("still", "test", values)))
    assert "gripper never moved" in failures(embodiments.check(robot))["degenerate_columns"]


def test_statistics_of_absolute_poses():
    droid = embodiments.get("droid")
    values = {key: value.copy() for key, value in droid.normalizer.statistics.values.items()}
    values["q01"][:3], values["q99"][:3] = 0.3, 0.6
    robot = droid.with_normalizer(normalizers.quantile(make_statistics("absolute", "test", values)))
    assert "absolute poses" in failures(embodiments.check(robot))["resting_is_inside"]


def test_statistics_of_another_robot_have_another_width():
    with pytest.raises(embodiments.EmbodimentError, match="29 columns, but 'droid' has 10"):
        embodiments.get("droid").with_normalizer(normalizers.quantile(statistics.shipped("agibot")))


@pytest.mark.parametrize(
    ("factor", "words"),
    [(1000.0, "millimetres are read as metres"), (0.001, "metres are read as millimetres")],
)
def test_unit_of_length(factor, words):
    droid = embodiments.get("droid")
    wrong = [scaled(trajectory, factor, speed(droid)) for trajectory in episodes(droid)]
    assert words in failures(embodiments.check(droid, wrong))["spread"]


def speed(robot) -> float:
    """How many times faster the example must move to reach as far as the robot's statistics."""
    unified = np.concatenate([robot.encode(trajectory) for trajectory in episodes(robot)])
    reach = np.quantile(np.abs(unified[:, :3]), 0.95, axis=0)
    low, high = (robot.normalizer.statistics.values[key][:3] for key in ("q01", "q99"))
    return float(np.median(np.maximum(-low, high) / reach))


def scaled(trajectory, factor: float, faster: float):
    pose = trajectory.states["cartesian_position"].copy()
    pose[:, :3] *= factor * faster
    return embodiments.Trajectory(
        states={**trajectory.states, "cartesian_position": pose}, commands=trajectory.commands
    )


def test_forgotten_normaliser():
    """The fault of some 55 times: model-space numbers taken for metres, and metres taken for model space."""
    droid = embodiments.get("droid")
    half_span = float(np.median(droid.normalizer.scale[:3]))
    too_large = [scaled(trajectory, 1.0 / half_span, speed(droid)) for trajectory in episodes(droid)]
    message = failures(embodiments.check(droid, too_large))["spread"]
    assert "denormalising was forgotten" in message
    assert "times too large" in message
    too_small = [scaled(trajectory, half_span, speed(droid)) for trajectory in episodes(droid)]
    message = failures(embodiments.check(droid, too_small))["spread"]
    assert "times too small" in message
    assert "never normalised" in message


def test_degrees():
    droid = embodiments.get("droid")
    (recorded,) = episodes(droid, 1)
    pose = recorded.states["cartesian_position"].copy()
    pose[:, 3:] = np.degrees(pose[:, 3:])
    wrong = embodiments.Trajectory({**recorded.states, "cartesian_position": pose}, recorded.commands)
    assert "look like degrees" in failures(embodiments.check(droid, [wrong]))["units"]


def test_share_outside_is_told_by_column():
    droid = embodiments.get("droid")
    (recorded,) = episodes(droid, 1)
    gripper = np.full(200, 1.5)
    wrong = embodiments.Trajectory(recorded.states, {"gripper_position": gripper})
    (finding,) = [f for f in embodiments.check(droid, [wrong]).findings if f.check == "inside_the_range"]
    assert finding.level == "failed"
    assert finding.columns["gripper"] == 1.0
    assert finding.columns["pos_x"] < 0.1


def test_layout_that_lacks_a_quantity():
    droid = embodiments.get("droid")
    layout = DatasetLayout("half", 15.0, states={"cartesian_position": "observation.state"}, views={"wrist": "cam"})
    message = failures(embodiments.check(replace(droid, dataset_layouts=(layout,))))["dataset_layouts"]
    assert "command 'gripper_position'" in message
    assert "view 'exterior_1'" in message


class Blind(SingleView):
    """A layout that loses its view."""

    def boxes(self, height, width):
        return {self.view: (slice(0, 0), slice(0, width))}


def test_views_that_do_not_come_back():
    robot = replace(embodiments.get("bridge"), view_layout=Blind("image_0"))
    assert "does not come back" in failures(embodiments.check(robot))["shapes"]
