"""Two Pandas as ``dual_franka``: each arm in its own frame, both told at once, seen, recorded and read as the robot."""

import warnings

import numpy as np
import pytest

import embodiments
from cosmos_policy.errors import UsageError

gymnasium = pytest.importorskip("gymnasium", reason="gymnasium is not installed (extra 'simulation')")


def open_scene(physics, seed):
    return physics.open_environment("lift_pot", "dual_franka", seed=seed, image_size=(32, 32), supersampling=1)


def make(**options):
    import sim_eval  # noqa: F401 (registers it)

    options = {"task": "lift_pot", "embodiment": "dual_franka", "image_size": (32, 32), **options}
    return gymnasium.make("CosmosPolicy/Robosuite-v0", **options).unwrapped


@pytest.fixture(scope="module")
def scene(physics):
    environment = open_scene(physics, 1)
    yield environment
    environment.close()


@pytest.fixture(scope="module")
def cartesian(physics):
    environment = make(render_mode="rgb_array")
    yield environment
    environment.close()


def test_left_is_left_and_each_arm_has_its_own_frame(scene):
    left, right = (scene.arms[name].object_pose("pot") for name in ("left", "right"))
    assert right[1, 3] - left[1, 3] == pytest.approx(0.5, abs=1e-6), "the bases stand 50 cm apart"
    np.testing.assert_allclose(left[[0, 2], 3], right[[0, 2], 3], atol=1e-9)
    assert left[1, 3] < -0.1 < 0.1 < right[1, 3], "the pot is at the right of the left arm (y points left)"
    for arm in scene.arms.values():
        np.testing.assert_allclose(arm.state().flange_pose[:3, 3], [0.31, 0.0, 0.49], atol=0.08)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_expert_lifts_the_pot_level(physics, seed):
    from sim_eval.physics.expert import ScriptedExpert

    environment = open_scene(physics, seed)
    expert, steps = ScriptedExpert(environment), 0
    assert not environment.succeeded()
    while expert.phase is not None:
        environment.step(expert.act())
        steps += 1
    assert environment.succeeded()
    lifted = environment.object_pose("pot")
    assert lifted[2, 3] - environment.start_pose("pot")[2, 3] == pytest.approx(0.16, abs=0.015)
    assert np.degrees(np.arccos(lifted[2, 2])) < 5, "tilt"
    assert steps * environment.control_period_s < 0.8 * environment.task.time_limit_s
    environment.close()


def test_one_arm_moves_when_one_is_told(scene):
    from sim_eval.physics.robot_io import ArmsCommand, RobotCommand

    before = scene.state().arms
    told = dict(scene.command_in_force.arms)
    told["left"] = RobotCommand(told["left"].joint_positions + 0.1, 1.0)
    for _ in range(10):
        scene.step(ArmsCommand(told))
    after = scene.state().arms
    np.testing.assert_allclose(after["left"].joint_positions - before["left"].joint_positions, 0.1, atol=0.01)
    np.testing.assert_allclose(after["right"].joint_positions, before["right"].joint_positions, atol=1e-3)
    assert after["left"].gripper_position > 0.9 and after["right"].gripper_position < 0.05


def test_wrong_commands_are_told(scene):
    from sim_eval.physics.robot_io import ArmsCommand, RobotCommand

    good = RobotCommand(np.zeros(7), 0.0)
    with pytest.raises(UsageError, match=r"a command for each of its arms \(left, right\)"):
        scene.step(good)
    with pytest.raises(UsageError, match="a command for the right arm is 7 finite joint positions"):
        scene.step(ArmsCommand({"left": good, "right": RobotCommand(np.zeros(6), 0.0)}))
    with pytest.raises(UsageError, match="dual_franka has several arms"):
        _ = scene.kinematics


def test_gymnasiums_own_checker_is_content(cartesian):
    from gymnasium.utils.env_checker import check_env

    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        check_env(cartesian, skip_render_check=True)
    assert [str(one.message) for one in said if "symmetric and normalized" not in str(one.message)] == []


def test_spaces_are_the_embodiments_own(cartesian):
    embodiment = embodiments.get("dual_franka")
    observation, _ = cartesian.reset(seed=0)
    example = embodiment.example_observation()
    assert tuple(observation["images"]) == embodiment.views
    assert {key: value.shape for key, value in observation["state"].items()} == {
        key: value.shape for key, value in example["state"].items()
    }
    trajectory = embodiment.example_trajectory(4)
    commands = embodiment.decode(embodiment.encode(trajectory), trajectory.state_at(0))
    row = cartesian.commands.pick(commands, 2)
    assert {key: value.shape for key, value in row.items()} == {
        key: box.shape for key, box in cartesian.action_space.spaces.items()
    }
    assert cartesian.render().shape == (48, 32, 3)


def test_poses_of_both_arms_are_reached(cartesian):
    cartesian.reset(seed=2)
    action = cartesian.hold()
    action["left_end_effector_position"] = action["left_end_effector_position"] + [0.0, 0.03, -0.02]
    action["right_end_effector_position"] = action["right_end_effector_position"] + [0.02, -0.02, 0.03]
    for _ in range(10):
        cartesian.step_blind(action)
    for name, arm in cartesian.physics.arms.items():
        np.testing.assert_allclose(
            arm.state().flange_pose[:3, 3], action[f"{name}_end_effector_position"], atol=1e-3, err_msg=name
        )


def test_joint_commands_move_the_same_robots(physics):
    both, one = make(commands="joint"), make(task="lift", embodiment="ur", commands="joint")
    assert set(both.action_space) == {
        f"{arm}_{name}_position" for arm in ("left", "right") for name in ("joint", "gripper")
    }
    for environment, joints in ((both, "right_joint_position"), (one, "joint_position")):
        environment.reset(seed=3)
        action = environment.hold()
        action[joints] = action[joints] + 0.05
        for _ in range(10):
            environment.step_blind(action)
        state = environment.physics.state()
        reached = (state.arms["right"] if environment is both else state).joint_positions
        np.testing.assert_allclose(reached, action[joints], atol=5e-3)
        environment.close()
    with pytest.raises(UsageError, match="commands 'torque' is not one of cartesian, joint"):
        make(task="lift", embodiment="ur", commands="torque")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"task": "lift"}, "is for one arm, and the robot 'dual_franka' is two arms; its tasks are lift_pot"),
        ({"embodiment": "droid"}, "the task 'lift_pot' is for two arms, and the robot 'droid' is one arm"),
    ],
)
def test_a_task_for_other_arms_is_refused(physics, options, words):
    with pytest.raises(UsageError, match=words):
        make(**options)


def test_a_recording_is_read_by_the_embodiment(physics, tmp_path):
    pytest.importorskip("lerobot", reason="lerobot is not installed (extra 'evaluation')")
    from lerobot.datasets.lerobot_dataset import LeRobotDataset

    from sim_eval.physics.recording.attempt import part_folder, record_attempt
    from sim_eval.physics.recording.settings import RecordingSettings

    settings = RecordingSettings("lift_pot", "dual_franka", tmp_path / "set", episodes=1, seed=5, image_size=(32, 32))
    settings.parts.mkdir()
    result = record_attempt(settings, 0)
    assert result["success"], result
    dataset = LeRobotDataset("local/set", root=part_folder(settings, 0), video_backend="pyav")
    robot = embodiments.get("dual_franka")
    layout = robot.dataset_layouts[0]
    assert layout.problem(dataset.features) is None and dataset.fps == 10
    assert {"observation.images.camera_front", "observation.images.camera_left"} <= set(dataset.features)
    names = dataset.features["actions.joint_position"]["names"]
    assert (names[0], names[7], names[8], names[15]) == (
        "left_joint1_rad",
        "left_closed_fraction",
        "right_joint1_rad",
        "right_closed_fraction",
    )
    numbers = dataset.hf_dataset.with_format("numpy")
    table = {name: np.asarray(numbers[name], dtype=float) for name in layout.table_features}
    unified = robot.encode(layout.trajectory(table))
    assert unified.shape == (len(dataset) - 1, 20)
    assert np.abs(unified[:, [0, 1, 2, 10, 11, 12]]).max() < 0.03, "m in a tenth of a second"
    np.testing.assert_allclose(unified[[0, -1]][:, [9, 19]], [[1, 1], [0, 0]], atol=1e-6)
