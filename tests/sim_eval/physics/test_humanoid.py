"""A GR1 as ``egocentric``: frames and fingertips as the embodiment's statistics have them, commands, expert, record."""

import warnings

import numpy as np
import pytest

import embodiments
from cosmos_policy.errors import UsageError
from embodiments import commands as embodiment_commands
from embodiments import statistics

gymnasium = pytest.importorskip("gymnasium", reason="gymnasium is not installed (extra 'simulation')")

EGOCENTRIC = embodiments.get("egocentric")


def make(**options):
    import sim_eval  # noqa: F401 (registers it)

    options = {"task": "cover", "embodiment": "egocentric", "image_size": (32, 32), **options}
    return gymnasium.make("CosmosPolicy/Robosuite-v0", **options).unwrapped


@pytest.fixture(scope="module")
def world(physics):
    environment = make()
    yield environment
    environment.close()


def wrist_in_model(world, side):
    """Axes of the model's wrist frame in the base frame, as columns."""
    block = next(block for block in EGOCENTRIC.pose_blocks if block.name == f"{side}_wrist")
    return (world.physics.state().wrist_poses[side] @ block.tool_to_model)[:3, :3]


def test_frames_are_those_of_the_embodiment(world):
    """At rest the forearms point ahead (x) with the thumbs up (z): the palms face each other."""
    world.reset(seed=1)
    state = world.physics.state()
    for side, out_of_palm in (("right", [0, 1, 0]), ("left", [0, -1, 0])):
        axes = wrist_in_model(world, side)
        assert np.linalg.det(axes) == pytest.approx(1.0)
        np.testing.assert_allclose(axes[:, 2], [1, 0, 0], atol=0.25, err_msg="z to the fingers")
        np.testing.assert_allclose(axes[:, 1], out_of_palm, atol=0.25, err_msg="y out of the palm")
    np.testing.assert_allclose(state.camera_pose[:3, 0], [0, -1, 0], atol=0.15, err_msg="x right in the picture")
    assert state.camera_pose[2, 2] < -0.5 < 0.5 < state.camera_pose[0, 2], "it looks ahead and down"


def test_half_closed_hands_are_hands_of_the_statistics(world):
    """Every fingertip coordinate of a half-closed hand lies in what 98 % of the recorded human hands hold, by 2 cm."""
    from sim_eval.physics.robot_io import HumanoidCommand

    world.reset(seed=1)
    physics = world.physics
    half = {side: np.array([0.4, 0.4, 0.4, 0.4, 0.3, 0.6]) for side in physics.hands}
    for _ in range(25):
        physics.step(HumanoidCommand(physics.command_in_force.joint_positions, half))
    here = embodiment_commands.present(EGOCENTRIC, world.observe()["state"])
    held = statistics.shipped("egocentric")
    for side, columns in (("right", slice(18, 33)), ("left", slice(42, 57))):
        low, high = (np.asarray(held.get(name))[columns].reshape(5, 3) for name in ("q01", "q99"))
        tips = here[f"{side}_fingertips"]
        assert ((tips > low - 0.02) & (tips < high + 0.02)).all(), (side, tips.round(3).tolist())
        expected = physics.hands[side].tips_at(half[side])
        block = next(block for block in EGOCENTRIC.pose_blocks if block.name == f"{side}_wrist")
        np.testing.assert_allclose(tips, expected @ block.tool_to_model[:3, :3], atol=0.02, err_msg="motors obey")


def test_fingertips_that_a_hand_has_are_found_again(world):
    generator = np.random.default_rng(0)
    for hand in world.physics.hands.values():
        for _ in range(10):
            motors = generator.random(hand.motors)
            tips = hand.tips_at(motors)
            again = hand.tips_at(hand.nearest_motor_positions(tips))
            np.testing.assert_allclose(again, tips, atol=1e-3)


def test_wrists_go_where_they_are_told(world):
    world.reset(seed=2)
    action = world.hold()
    action["right_wrist_position"] = action["right_wrist_position"] + [0.04, 0.02, 0.03]
    action["left_wrist_position"] = action["left_wrist_position"] + [0.02, -0.03, 0.05]
    for _ in range(20):
        world.step_blind(action)
    state = world.physics.state()
    for side in ("right", "left"):
        np.testing.assert_allclose(state.wrist_poses[side][:3, 3], action[f"{side}_wrist_position"], atol=3e-3)
    np.testing.assert_allclose(state.camera_pose[:3, 3], action["camera_position"], atol=0.01)


def test_holding_holds(world):
    world.reset(seed=3)
    before = world.physics.joint_positions
    for _ in range(5):
        world.step_blind(world.hold())
    np.testing.assert_allclose(world.physics.joint_positions, before, atol=2e-3)


def test_gymnasiums_own_checker_is_content(world):
    from gymnasium.utils.env_checker import check_env

    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        check_env(world, skip_render_check=True)
    assert [str(one.message) for one in said if "symmetric and normalized" not in str(one.message)] == []


def test_spaces_are_the_embodiments_own(world):
    observation, _ = world.reset(seed=0)
    example = EGOCENTRIC.example_observation()
    assert tuple(observation["images"]) == EGOCENTRIC.views
    assert {key: value.shape for key, value in observation["state"].items()} == {
        key: value.shape for key, value in example["state"].items()
    }
    trajectory = EGOCENTRIC.example_trajectory(4)
    decoded = EGOCENTRIC.decode(EGOCENTRIC.encode(trajectory), trajectory.state_at(0))
    row = world.commands.pick(decoded, 2)
    assert {key: value.shape for key, value in row.items()} == {
        key: box.shape for key, box in world.action_space.spaces.items()
    }


def test_joint_commands_and_wrong_ones(physics):
    environment = make(commands="joint")
    environment.reset(seed=1)
    action = environment.hold()
    action["joint_position"][7] -= 0.1  # right shoulder, away from the body
    action["right_finger_position"][:] = 1.0
    for _ in range(15):
        environment.step_blind(action)
    np.testing.assert_allclose(environment.physics.joint_positions, action["joint_position"], atol=0.02)
    with pytest.raises(UsageError, match="finite numbers of shape"):
        environment.step_blind({**action, "left_finger_position": np.zeros(5)})
    environment.close()
    with pytest.raises(UsageError, match="the task 'lift' is for one arm, and the robot 'gr1' is a humanoid"):
        make(task="lift")


def test_the_expert_covers_the_cube_and_a_recording_is_read(physics, tmp_path):
    pytest.importorskip("lerobot", reason="lerobot is not installed (extra 'evaluation')")
    from lerobot.datasets.lerobot_dataset import LeRobotDataset

    from sim_eval.physics.recording.attempt import part_folder, record_attempt
    from sim_eval.physics.recording.settings import RecordingSettings

    settings = RecordingSettings("cover", "gr1", tmp_path / "set", episodes=1, seed=3, image_size=(32, 32))
    settings.parts.mkdir()
    result = record_attempt(settings, 0)
    assert result["success"], result
    dataset = LeRobotDataset("local/set", root=part_folder(settings, 0), video_backend="pyav")
    layout = EGOCENTRIC.dataset_layouts[0]
    assert layout.problem(dataset.features) is None and dataset.fps == 15
    numbers = dataset.hf_dataset.with_format("numpy")
    table = {name: np.asarray(numbers[name], dtype=float) for name in layout.table_features}
    unified = EGOCENTRIC.encode(layout.trajectory(table))
    assert unified.shape == (len(dataset) - 1, 57)
    assert np.abs(unified[:, 9:12]).max() < 0.03, "the right wrist's motion, m in a fifteenth of a second"
    assert np.abs(unified[:, 9:12]).sum() > 0.1, "it moved"
