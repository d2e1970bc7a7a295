"""Commands to columns and back: ``embodiments.commands`` undoes ``Embodiment.decode`` for every robot."""

import numpy as np
import pytest

import embodiments
from embodiments import EmbodimentError, commands

NAMES = embodiments.names()


def recorded(name, seed=3):
    robot = embodiments.get(name)
    trajectory = robot.example_trajectory(8, seed)
    return robot, robot.encode(trajectory), trajectory.state_at(0)


@pytest.mark.parametrize("name", NAMES)
def test_encoding_undoes_decoding(name):
    robot, unified, state = recorded(name)
    told = commands.check_commands(robot, robot.decode(unified, state), 8)
    again = commands.encode_commands(robot, told, _now(robot, state))
    np.testing.assert_allclose(again, unified, atol=1e-9)


@pytest.mark.parametrize("name", NAMES)
def test_two_halves_are_the_whole(name):
    """What is known after the first half is all that the second half needs."""
    robot, unified, state = recorded(name)
    told = commands.check_commands(robot, robot.decode(unified, state))
    first, second = ({key: values[part] for key, values in told.items()} for part in (slice(4), slice(4, None)))
    middle = commands.after(robot, first)
    np.testing.assert_allclose(commands.encode_commands(robot, second, middle), unified[4:], atol=1e-9)


@pytest.mark.parametrize("name", [name for name in NAMES if name != "libero"])
def test_decoding_can_start_from_where_commands_have_put_the_robot(name):
    """An imagined robot has no joints and no tracked hands: the poses that it was told stand in for them."""
    robot, unified, state = recorded(name)
    now = commands.present(robot, _complete(robot, state))
    for key, values in robot.decode(unified, state).items():
        np.testing.assert_allclose(robot.decode(unified, now)[key], values, atol=1e-9)


@pytest.mark.parametrize("name", [name for name in NAMES if name != "libero"])
def test_after_speaks_as_present_does(name):
    robot, unified, state = recorded(name)
    present = commands.present(robot, _complete(robot, state))
    told = commands.after(robot, commands.check_commands(robot, robot.decode(unified, state)))
    assert {key: value.shape for key, value in told.items()} == {key: value.shape for key, value in present.items()}
    assert set(robot.decode(unified, state)) >= set(told)


def test_a_present_state_comes_back_in_the_robots_own_form():
    robot, _, state = recorded("droid")
    present = commands.present(robot, state)
    np.testing.assert_allclose(present["cartesian_position"], state["cartesian_position"], atol=1e-12)
    assert set(present) == {
        "end_effector_position",
        "end_effector_quaternion_xyzw",
        "cartesian_position",
        "gripper_position",
    }


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            {"gripper_position": np.zeros((8, 2))},
            r"'gripper_position' of 'droid' has shape \[8, 2\]; expected \[8, 1\]",
        ),
        ({"end_effector_position": np.full((8, 3), np.nan)}, "NaN or infinite"),
        ({"end_effector_quaternion_xyzw": np.zeros((8, 4))}, "is zero, which is no rotation"),
        ({"end_effector_position": [["up"]]}, "must hold numbers"),
    ],
)
def test_wrong_commands_are_told(change, words):
    robot, unified, state = recorded("droid")
    told = {**robot.decode(unified, state), **change}
    with pytest.raises(EmbodimentError, match=words):
        commands.check_commands(robot, told, 8)


def test_a_missing_command_is_told():
    robot, unified, state = recorded("droid")
    told = robot.decode(unified, state)
    del told["gripper_position"]
    with pytest.raises(EmbodimentError, match="the commands lacks 'gripper_position'"):
        commands.check_commands(robot, told)


def _complete(robot, state):
    """A trajectory's states, with examples for what no recording needs (a gripper's measured opening)."""
    return {**robot.example_observation()["state"], **state}


def _now(robot, state):
    return commands.present(robot, _complete(robot, state))
