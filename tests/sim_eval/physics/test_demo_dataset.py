"""The shipped episodes: what a reader may count on, and that their numbers are a robot's."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

import embodiments
from embodiments.robots.droid_joint import JOINT_HIGH, JOINT_LOW

VIEWS = ("wrist_image_left", "exterior_image_1_left", "exterior_image_2_left")


def panda_flange(joints: np.ndarray) -> np.ndarray:
    """panda_link8 in the base frame from Franka's published Denavit-Hartenberg parameters (Craig's convention)."""
    lengths = (0.0, 0.0, 0.0, 0.0825, -0.0825, 0.0, 0.088)
    offsets = (0.333, 0.0, 0.316, 0.0, 0.384, 0.0, 0.0)
    twists = (0.0, -np.pi / 2, np.pi / 2, np.pi / 2, -np.pi / 2, np.pi / 2, np.pi / 2)
    pose = np.eye(4)
    for joint, length, offset, twist in zip(joints, lengths, offsets, twists, strict=True):
        link = np.eye(4)
        link[:3, :3] = (Rotation.from_euler("x", twist) * Rotation.from_euler("z", joint)).as_matrix()
        link[:3, 3] = [length, -np.sin(twist) * offset, np.cos(twist) * offset]
        pose = pose @ link
    pose[:3, 3] += 0.107 * pose[:3, 2]
    return pose


def test_size_and_shape(demo, demo_folder):
    assert sum(path.stat().st_size for path in demo_folder.parent.rglob("*") if path.is_file()) <= 2_000_000
    assert demo.fps == 15 and demo.meta.robot_type == "panda"
    assert demo.num_episodes == 2
    assert min(demo.meta.episodes["length"]) >= 2 * 32 + 1, "two windows of 32 steps fit in every episode"
    assert list(demo.meta.tasks.index) == ["lift the red cube"]


@pytest.mark.parametrize("name", ["droid", "droid_joint"])
def test_embodiments_read_it_without_a_mapping(demo, episodes, name):
    embodiment = embodiments.get(name)
    layout = embodiment.dataset_layouts[0]
    assert layout.problem(demo.features) is None
    assert layout.missing_views(demo.features) == ()
    for episode in episodes:
        unified = embodiment.encode(layout.trajectory(episode))
        assert unified.shape == (len(episode["timestamp"]) - 1, embodiment.action_dim)


def test_frames_of_every_view_decode_and_show_something(demo):
    for index in (0, len(demo) // 2, len(demo) - 1):
        item = demo[index]
        pictures = [item[f"observation.image.{view}"].numpy() for view in VIEWS]
        for picture in pictures:
            assert picture.shape == (3, 360, 640)
            assert 0.1 < picture.mean() < 0.9 and picture.std() > 0.1
        for one, other in ((0, 1), (0, 2), (1, 2)):
            assert np.abs(pictures[one] - pictures[other]).mean() > 0.05


def test_pose_is_the_flange_of_a_real_panda_with_these_joints(episodes):
    for episode in episodes:
        recorded = episode["observation.state.cartesian_position"]
        for joints, pose in zip(episode["observation.state.joint_positions"], recorded, strict=True):
            flange = panda_flange(joints)
            turn = Rotation.from_matrix(flange[:3, :3].T) * Rotation.from_euler("xyz", pose[3:])
            assert np.linalg.norm(flange[:3, 3] - pose[:3]) < 1e-5
            assert turn.magnitude() < 1e-5


def test_joints_stay_inside_the_makers_limits(episodes):
    for episode in episodes:
        for feature in ("observation.state.joint_positions", "action.joint_position"):
            assert (episode[feature] > JOINT_LOW).all() and (episode[feature] < JOINT_HIGH).all()


def test_the_state_follows_the_command(episodes):
    for episode in episodes:
        state, command = episode["observation.state.joint_positions"], episode["action.joint_position"]
        assert np.abs(state[1:] - command[:-1]).max() < 0.05, "rad, one control step after the command"
        assert np.abs(state[-1] - command[-1]).max() < 0.01, "rad, at rest in the end"
        assert np.abs(command[0] - state[0]).max() < 0.05, "the motion starts where the robot is"


def test_gripper_closes_on_the_cube_and_carries_it_up(episodes):
    for episode in episodes:
        command, measured = (
            episode["action.gripper_position"][:, 0],
            episode["observation.state.gripper_position"][:, 0],
        )
        height = episode["observation.state.cartesian_position"][:, 2]
        closing = np.flatnonzero(command == 1.0)[0]
        assert set(command[:closing]) == {0.0} and set(command[closing:]) == {1.0}
        assert measured[:closing].max() < 0.01, "open until told to close"
        # A cube 40 to 44 mm wide stops the tips, 85 mm apart when open, half way; an empty gripper would reach 1.
        assert 0.5 < measured[-1] < 0.7
        assert np.ptp(measured[-10:]) < 0.01, "nothing slips in the last moments"
        assert height[-1] - height[closing] == pytest.approx(0.22, abs=0.01)


def test_steps_stay_inside_what_droid_holds(episodes):
    """Nothing but the gripper is clamped when the base model's normaliser is applied."""
    droid = embodiments.get("droid")
    for episode in episodes:
        model = droid.normalize(droid.encode(droid.dataset_layouts[0].trajectory(episode)))
        assert np.abs(model[:, :9]).max() < 1.0
