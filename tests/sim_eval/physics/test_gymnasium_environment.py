"""``CosmosPolicy/Robosuite-v0``: what Gymnasium asks of an environment, and what a robot's programmer does."""

import warnings

import numpy as np
import pytest

import embodiments
from cosmos_policy.errors import UsageError

gymnasium = pytest.importorskip("gymnasium", reason="gymnasium is not installed (extra 'simulation')")


def make(**options):
    import sim_eval  # noqa: F401 (registers it)

    return gymnasium.make("CosmosPolicy/Robosuite-v0", image_size=(32, 32), **options)


@pytest.fixture(scope="module")
def droid(physics):
    environment = make(task="lift", embodiment="droid", time_limit_s=0.4, render_mode="rgb_array")
    yield environment
    environment.close()


def test_gymnasiums_own_checker_is_content(physics):
    from gymnasium.utils.env_checker import check_env

    environment = make(task="lift", embodiment="ur", render_mode="rgb_array")
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        check_env(environment.unwrapped, skip_render_check=True)
    environment.close()
    # Commands are in the robot's own units, not between -1 and 1: that is what the environment is for.
    assert [str(one.message) for one in said if "symmetric and normalized" not in str(one.message)] == []


@pytest.mark.parametrize("name", ["droid", "droid_joint", "ur"])
def test_spaces_are_the_embodiments_own(physics, name):
    environment = make(embodiment=name)
    embodiment = embodiments.get(name)
    example = embodiment.example_observation()
    observation, _ = environment.reset(seed=0)
    assert tuple(observation["images"]) == embodiment.views
    assert {key: value.shape for key, value in observation["state"].items()} == {
        key: value.shape for key, value in example["state"].items()
    }
    assert environment.observation_space.contains(observation)
    trajectory = embodiment.example_trajectory(4)
    commands = embodiment.decode(embodiment.encode(trajectory), trajectory.state_at(0))
    row = environment.unwrapped.commands.pick(commands, 2)
    assert {key: value.shape for key, value in row.items()} == {
        key: box.shape for key, box in environment.action_space.spaces.items()
    }
    environment.close()


def test_a_seed_is_a_scene(droid, physics):
    first, info = droid.reset(seed=7)
    assert info == {"success": False, "instruction": "lift the red cube", "time_s": 0.0, "seed": 7}
    scene = physics.open_environment("lift", "droid", seed=7, image_size=(32, 32), supersampling=1)
    np.testing.assert_array_equal(first["images"]["wrist"], scene.images()["wrist"])
    scene.close()
    assert droid.reset()[1]["seed"] != droid.reset()[1]["seed"], "without a seed, a new scene each time"


def test_holding_holds_and_time_runs_out(droid):
    droid.reset(seed=1)
    world = droid.unwrapped
    before = world.physics.state().joint_positions
    ends = [world.step_blind(world.hold()) for _ in range(6)]
    np.testing.assert_allclose(world.physics.state().joint_positions, before, atol=1e-4)
    assert [end[2] for end in ends] == [False] * 5 + [True], "0.4 s are six steps of 1/15 s"
    assert not any(end[1] for end in ends) and ends[-1][3]["time_s"] == pytest.approx(0.4)


def test_a_pose_command_is_reached(physics):
    environment = make(embodiment="droid")
    environment.reset(seed=2)
    world = environment.unwrapped
    action = world.hold()
    action["end_effector_position"] = action["end_effector_position"] + [0.0, 0.03, -0.02]
    for _ in range(12):
        world.step_blind(action)
    np.testing.assert_allclose(world.physics.state().flange_pose[:3, 3], action["end_effector_position"], atol=1e-3)
    environment.close()


def test_the_picture_to_look_at_is_composed_as_in_training(droid):
    droid.reset(seed=1)
    assert droid.render().shape == (48, 32, 3)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"embodiment": "umi"}, "no simulated robot speaks the embodiment 'umi'"),
        ({"task": "juggle"}, "no task is called 'juggle'"),
        ({"render_mode": "human"}, "render_mode 'human' is not one of"),
        ({"time_limit_s": 0}, "expected seconds above 0"),
        ({"randomization": {"colour": 1}}, "randomization has no colour"),
    ],
)
def test_wrong_use_is_told(physics, options, words):
    from sim_eval.physics.gymnasium_environment import RobosuiteEnvironment

    with pytest.raises(UsageError, match=words):
        RobosuiteEnvironment(**options)


def test_wrong_actions_are_told(droid):
    droid.reset(seed=1)
    world = droid.unwrapped
    good = world.hold()
    for name, value, words in (
        ("end_effector_quaternion_xyzw", np.zeros(4), "is zero, which is no rotation"),
        ("end_effector_position", np.full(3, np.nan), "finite numbers of shape"),
        ("gripper_position", np.zeros(2), "finite numbers of shape"),
    ):
        with pytest.raises(UsageError, match=words):
            world.step_blind({**good, name: value})
    with pytest.raises(UsageError, match="the action lacks 'gripper_position'"):
        world.step_blind({name: value for name, value in good.items() if name != "gripper_position"})
    with pytest.raises(UsageError, match="reset takes no options"):
        droid.reset(options={"start": 1})
