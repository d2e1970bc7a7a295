"""A recording is read back as it was written, and failures leave no trace."""

import json

import numpy as np
import pytest

from cosmos_policy.errors import Failure, UsageError


@pytest.fixture(scope="module")
def scene(physics):
    environment = physics.open_environment("lift", seed=5, image_size=(96, 64), supersampling=1)
    yield environment
    environment.close()


@pytest.fixture(scope="module")
def frames(scene):
    """Twelve frames of a real scene, the gripper closing."""
    from sim_eval.physics.environment import RobotCommand

    joints = scene.state().joint_positions
    recorded = []
    for step in range(12):
        command = RobotCommand(joints + 0.002 * step, step / 11)
        recorded.append((scene.state(), scene.images(), command))
        scene.step(command)
    return recorded


def test_recorded_frames_are_read_back(scene, frames, tmp_path):
    pytest.importorskip("lerobot", reason="lerobot is not installed (extra 'evaluation')")
    from lerobot.datasets.lerobot_dataset import LeRobotDataset

    from sim_eval.physics.recording.recorder import EpisodeRecorder

    def broken():
        yield from frames[:5]
        raise Failure("the gripper jammed")

    with EpisodeRecorder(tmp_path / "set", scene, quality=10) as recorder:
        assert recorder.record(frames, "lift the red cube") == 12
        with pytest.raises(Failure, match="jammed"):
            recorder.record(broken(), "lift the red cube")
        assert recorder.record(frames[:8], "lift the cube, please") == 8

    dataset = LeRobotDataset("local/set", root=tmp_path / "set", video_backend="pyav")
    assert (dataset.num_episodes, len(dataset)) == (2, 20)
    assert list(dataset.meta.episodes["length"]) == [12, 8]
    assert dataset[19]["task"] == "lift the cube, please"
    for index, (state, images, command) in enumerate(frames):
        item = dataset[index]
        np.testing.assert_allclose(item["observation.state.joint_positions"], state.joint_positions, atol=1e-6)
        np.testing.assert_allclose(item["action.joint_position"], command.joint_positions, atol=1e-6)
        assert float(item["action.gripper_position"]) == pytest.approx(command.gripper_position, abs=1e-6)
        shown = item["observation.image.exterior_image_1_left"].permute(1, 2, 0).numpy() * 255
        assert np.abs(shown - images["exterior_1"]).mean() < 6, "8-bit levels; H.264 halves the colours' resolution"


def test_videos_are_h264_and_the_info_is_complete(demo_folder):
    info = json.loads((demo_folder / "meta" / "info.json").read_text())
    videos = [feature for feature in info["features"].values() if feature["dtype"] == "video"]
    assert [video["info"]["video.codec"] for video in videos] == ["h264"] * 3
    assert [video["shape"] for video in videos] == [[360, 640, 3]] * 3
    assert info["features"]["observation.state.joint_positions"]["shape"] == [7]


def test_a_folder_in_use_is_refused(scene, tmp_path):
    pytest.importorskip("lerobot", reason="lerobot is not installed (extra 'evaluation')")
    from sim_eval.physics.recording.recorder import EpisodeRecorder

    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(UsageError, match="is not empty"):
        EpisodeRecorder(tmp_path, scene)
    assert (tmp_path / "notes.txt").read_text() == "mine"
