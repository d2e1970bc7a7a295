import numpy as np
import pytest

import embodiments
from cosmos_policy.datasets.binding import bind
from cosmos_policy.datasets.health import read_info
from cosmos_policy.datasets.recording import Recording, task_text
from cosmos_policy.datasets.source import locate
from cosmos_policy.errors import Failure

DROID = embodiments.get("droid")


def opened(folder, episodes=(0,), chunk_size=16, **options) -> Recording:
    source = locate(str(folder))
    binding = bind(DROID, read_info(source.root, source.name), source.name, **options)
    return Recording(source, binding, DROID, episodes, chunk_size)


def square_left(picture: np.ndarray, channel: int) -> int:
    """The column where the bright square of the test picture begins (see conftest)."""
    return int(np.flatnonzero(picture[18, :, channel] > 240)[0])


def test_frames_belong_to_their_rows(droid_dataset):
    recording = opened(droid_dataset, episodes=(0, 1))
    for episode, start in [(0, 0), (0, 20), (1, 5)]:
        views = recording.views(episode, start)
        assert len(views) == 17
        for channel, view in enumerate(("wrist", "exterior_1", "exterior_2")):
            for offset in (0, 1, 16):
                expected = (2 * (start + offset)) % (64 - 12)
                assert square_left(views[offset][view], channel) == pytest.approx(expected, abs=1)


def test_one_frame_is_the_first_of_its_window(droid_dataset):
    recording = opened(droid_dataset)
    for start in (0, 9, 39):
        single = recording.view(0, start)
        first = recording.views(0, start)[0] if start < 24 else None
        for channel, (view, picture) in enumerate(single.items()):
            assert square_left(picture, channel) == pytest.approx((2 * start) % (64 - 12), abs=1)
            if first is not None:
                np.testing.assert_array_equal(picture, first[view])


def test_actions_are_those_of_the_whole_episode(droid_dataset):
    episode = opened(droid_dataset).episode(0)
    assert episode.num_frames == 40 and episode.actions.shape == (39, 10)
    np.testing.assert_array_equal(episode.actions, DROID.encode(episode.trajectory))
    path = DROID.integrate(episode.actions, episode.trajectory.state_at(0))["end_effector"][:, :3, 3]
    np.testing.assert_allclose(path, episode.trajectory.states["cartesian_position"][:, :3], atol=1e-6)


def test_the_second_episode_alone(droid_dataset):
    recording = opened(droid_dataset, episodes=(1,))
    both = opened(droid_dataset, episodes=(0, 1))
    np.testing.assert_array_equal(recording.episode(1).actions, both.episode(1).actions)
    np.testing.assert_array_equal(recording.frames(1, 3), both.frames(1, 3))
    assert recording.task(1) == "lift the cube"


def test_every_second_frame(dataset_copy, change_info, droid_dataset):
    change_info(dataset_copy, lambda info: info.update(fps=15))
    full, half = opened(droid_dataset), opened(dataset_copy, chunk_size=8, fps=7.5)
    assert half.episode(0).num_frames == 20
    np.testing.assert_array_equal(
        half.episode(0).trajectory.states["cartesian_position"],
        full.episode(0).trajectory.states["cartesian_position"][::2],
    )
    # Frame 10 of the slow replay is recorded frame 20, and its next is recorded frame 22.
    np.testing.assert_array_equal(half.views(0, 10)[1]["wrist"], full.views(0, 20)[2]["wrist"])


def test_blank_views_are_black_and_masked(make_dataset):
    recording = opened(make_dataset(lengths=(18,), views=("exterior_2",)), missing_views="blank")
    views = recording.views(0, 0)[0]
    assert views["wrist"].max() == 0 and views["exterior_2"].max() > 200
    shown = DROID.split(recording.shown_region(views))
    assert shown["exterior_2"].min() == 255 and shown["wrist"].max() == shown["exterior_1"].max() == 0


def test_single_images_in_place_of_videos(make_dataset):
    recording = opened(make_dataset(lengths=(18,), camera_dtype="image"))
    views = recording.views(0, 0)
    assert views[4]["wrist"].dtype == np.uint8 and square_left(views[4]["wrist"], 0) == 8


def test_a_truncated_video_is_a_failure_in_one_sentence(dataset_copy):
    recording = opened(dataset_copy)
    for video in (dataset_copy / "videos").rglob("*.mp4"):
        video.write_bytes(video.read_bytes()[:500])
    with pytest.raises(Failure, match="frames of episode 0 from 0 on cannot be read"):
        recording.views(0, 0)


@pytest.mark.parametrize(
    ("text", "instruction"),
    [
        ("put the cup down", "put the cup down"),
        (" |  | ", ""),
        ("", ""),
        ("  | take the pen | grab it", "take the pen"),
        ("press a|b", "press a|b"),
    ],
)
def test_task_texts(text, instruction):
    assert task_text(text) == instruction
