"""Wrong use gets one clear sentence: what was wrong, what was expected, what to do."""

from __future__ import annotations

import numpy as np
import pytest

import embodiments
from embodiments import EmbodimentError, Trajectory, normalizers, statistics
from embodiments.robots import agibot, libero


@pytest.fixture
def droid():
    return embodiments.get("droid")


def refused(function, *told: str) -> None:
    with pytest.raises(EmbodimentError) as raised:
        function()
    message = str(raised.value)
    assert "\n" not in message
    for words in told:
        assert words in message, message


def test_unknown_names():
    refused(lambda: embodiments.get("drood"), "no embodiment 'drood'", "did you mean 'droid'", "umi", "domain")
    with pytest.raises(AttributeError, match="no attribute 'nothing'; it has Column"):
        embodiments.nothing  # noqa: B018


def test_trajectories(droid):
    good = droid.example_trajectory(4)

    def encode(states=None, commands=None):
        return lambda: droid.encode(Trajectory(states or good.states, commands or good.commands))

    refused(lambda: droid.encode({"states": 1}), "embodiments.Trajectory", "dict")
    refused(encode(commands={"grip": np.zeros(4)}), "commands lacks 'gripper_position'", "holds grip")
    refused(encode(states={"cartesian_position": np.zeros((5, 7))}), "shape [rows, 6]", "[5, 7]")
    refused(encode(commands={"gripper_position": np.zeros(9)}), "'gripper_position' has 9 rows", "expected 4 or 5 rows")
    refused(encode(states={"cartesian_position": np.zeros((1, 6))}), "no step", "at least 2 instants")
    broken = good.states["cartesian_position"].copy()
    broken[2, 1] = np.nan
    refused(encode(states={"cartesian_position": broken}), "nan at index [2, 1]", "drop or repair")
    refused(encode(states={"cartesian_position": [["a"] * 6] * 5}), "must hold numbers")
    ur = embodiments.get("ur")
    commands = {"joint_position": np.zeros((5, 6)), "gripper_position": np.zeros(3)}
    refused(lambda: ur.encode(Trajectory(commands=commands)), "'gripper_position' has 3 rows", "expected 4 or 5")


def test_present_states(droid):
    unified = droid.encode(droid.example_trajectory(4))
    refused(lambda: droid.decode(unified, {}), "present state lacks 'cartesian_position'", "it holds nothing")
    refused(lambda: droid.decode(unified, {"cartesian_position": np.zeros((1, 6))}), "shape [6]", "no time axis")
    refused(lambda: droid.decode(unified, None), "present state lacks 'cartesian_position'")


def test_actions(droid):
    state = droid.example_observation()["state"]
    refused(lambda: droid.decode(np.zeros((4, 9)), state), "[T, 10]", "[4, 9]")
    refused(lambda: droid.decode(np.zeros((0, 10)), state), "T >= 1")
    bad = np.zeros((4, 10))
    bad[1, 9] = np.inf
    refused(lambda: droid.decode(bad, state), "inf in row 1, column 9 (gripper)", "none of it may reach a robot")
    refused(lambda: droid.normalize(np.zeros((4, 8))), "[..., 10]", "[4, 8]")


def test_quaternions_and_matrices():
    umi = embodiments.get("umi")
    good = umi.example_trajectory(4)
    pose = good.states["main_camera_pose"].copy()
    pose[1, 3:] = 0.0
    refused(lambda: umi.encode(Trajectory({**good.states, "main_camera_pose": pose})), "names no rotation", "repair")
    av = embodiments.get("av")
    refused(
        lambda: av.encode(Trajectory({"camera_to_world": np.tile(2.0 * np.eye(4), (3, 1, 1))})),
        "'camera_to_world' holds a matrix that is no rigid pose",
    )
    mirrored = np.tile(np.diag([1.0, 1.0, -1.0, 1.0]), (3, 1, 1))
    refused(lambda: av.encode(Trajectory({"camera_to_world": mirrored})), "no rigid pose")


def test_a_base_that_was_not_turned_is_no_error():
    """AgiBot records an all-zero quaternion where its base did not turn."""
    robot = embodiments.get("agibot")
    trajectory = robot.example_trajectory(4)
    still = Trajectory({**trajectory.states, "robot_orientation": np.zeros((5, 4))})
    np.testing.assert_allclose(robot.encode(still), robot.encode(trajectory), atol=1e-12)


def test_views(droid):
    images = droid.example_observation()["images"]
    refused(lambda: droid.compose({**images, "wrist": images["wrist"].astype(float)}), "'wrist'", "uint8", "float64")
    refused(lambda: droid.compose({k: v for k, v in images.items() if k != "wrist"}), "'wrist' is missing", "got")
    refused(lambda: droid.compose({**images, "top": images["wrist"]}), "'top' is not one of this robot's")
    refused(lambda: droid.compose({**images, "wrist": images["wrist"].transpose(2, 0, 1)}), "'wrist'", "channels last")
    refused(lambda: droid.compose({**images, "wrist": images["wrist"][:, :-1]}), "639x360", "even width")
    refused(lambda: droid.compose(list(images.values())), "map view names to pictures")
    refused(lambda: droid.compose({**images, "wrist": images["wrist"].tolist()}), "'wrist'", "list")


def test_normalisers(droid):
    values = droid.normalizer.statistics.values
    refused(lambda: normalizers.make("quantil", droid.normalizer.statistics), "unknown normaliser", "quantile_rot")
    refused(lambda: normalizers.make("minmax", droid.normalizer.statistics), "have no 'min', only q01, q99")
    refused(lambda: normalizers.make("meanstd", droid.normalizer.statistics, clamp=True), "does not clamp")
    refused(lambda: normalizers.translation_scale(-1.0, 9, ()), "positive number")
    refused(lambda: statistics.make_statistics("x", "y", {"q1": [0.0]}), "unknown quantity 'q1'", "q01")
    refused(lambda: statistics.make_statistics("x", "y", {"q01": [1.0], "q99": [0.0]}), "q01 = 1 above q99 = 0")
    refused(lambda: statistics.make_statistics("x", "y", {"q01": [0.0], "q99": [0.0, 1.0]}), "same columns")
    refused(lambda: statistics.make_statistics("x", "y", {"std": [-1.0]}), "negative std")
    refused(lambda: statistics.make_statistics("x", "y", {"mean": [float("nan")]}), "finite")
    refused(lambda: statistics.shipped("nobody"), "no shipped statistics 'nobody'", "droid")
    assert not values["q01"].flags.writeable


def test_no_statistics_no_answer():
    for name in ("camera", "pusht"):
        robot = embodiments.get(name)
        unified = robot.encode(robot.example_trajectory(4))
        for function in (robot.normalize, robot.denormalize):
            refused(
                lambda function=function, unified=unified: function(unified),
                "the normaliser is not known",
                "with_normalizer",
            )
        given = robot.with_normalizer(normalizers.Identity("for this test"))
        np.testing.assert_array_equal(given.normalize(unified), unified)


def test_libero_and_agibot_say_what_they_take():
    refused(lambda: libero.with_rotation("4d"), "unknown rotation space '4d'", "3d, 6d, 9d")
    commands = {"gripper_position": np.zeros(3), "end_effector_delta": np.zeros((3, 6))}
    refused(lambda: libero.simulator_actions(commands, "auto"), "unknown gripper mode 'auto'", "zero_one")
    refused(lambda: agibot.states_from_vector(np.zeros((2, 21))), "[rows, 20] or [rows, 94]", "[2, 21]")
    refused(lambda: embodiments.get("bridge").encode_state({}), "present state lacks 'cartesian_position'")
    refused(lambda: embodiments.get("libero").encode_state({}), "has no state row")


def test_examples_repeat():
    for name in embodiments.names():
        robot = embodiments.get(name)
        first, again = robot.example_trajectory(5, seed=3), robot.example_trajectory(5, seed=3)
        np.testing.assert_array_equal(robot.encode(first), robot.encode(again))
        other = robot.example_trajectory(5, seed=4)
        assert not np.array_equal(robot.encode(first), robot.encode(other))
        observation = robot.example_observation(seed=1)
        assert set(observation["images"]) == set(robot.views)
        robot.decode(robot.encode(first), observation["state"])
        assert robot.compose(observation["images"]).dtype == np.uint8
