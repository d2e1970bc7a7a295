"""Fixtures: small LeRobot v3 datasets of a DROID, written by LeRobot's own writer."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

VIEW_FEATURES = {
    "wrist": "observation.image.wrist_image_left",
    "exterior_1": "observation.image.exterior_image_1_left",
    "exterior_2": "observation.image.exterior_image_2_left",
}
HEIGHT, WIDTH = 48, 64


def _rows(frames: int, seed: int) -> dict[str, np.ndarray]:
    """A smooth DROID motion: an arc that turns, and a gripper that closes halfway."""
    time = np.linspace(0, 1, frames) + seed
    pose = np.stack(
        [
            0.4 + 0.1 * np.sin(2 * time),
            0.2 * np.cos(3 * time),
            0.3 + 0.1 * time,
            3.0 + 0.1 * np.sin(time),
            0.2 * np.sin(3 * time),
            0.3 * np.cos(2 * time),
        ],
        axis=-1,
    )
    closed = (np.arange(frames) >= frames // 2).astype(np.float64)
    return {
        "observation.state.cartesian_position": pose,
        "observation.state.gripper_position": 0.9 * closed,
        "action.gripper_position": closed,
    }


def _picture(view: int, frame: int) -> np.ndarray:
    """A soft gradient with a bright square that moves to the right; its colour tells the view."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    picture = np.stack([x * 2, y * 3, np.full_like(x, 60 * view)], axis=-1).astype(np.uint8)
    left = (2 * frame) % (WIDTH - 12)
    picture[12:24, left : left + 12, view] = 255
    return picture


def write_droid_dataset(
    folder: Path,
    lengths: tuple[int, ...] = (40, 33),
    views: tuple[str, ...] = tuple(VIEW_FEATURES),
    task: str = "lift the cube",
    fps: int = 15,
    camera_dtype: str = "video",
    pose_width: int = 6,
) -> Path:
    """Write a dataset with DROID's feature names; every argument is something that a real one may have otherwise."""
    from lerobot.configs.video import RGBEncoderConfig
    from lerobot.datasets.lerobot_dataset import LeRobotDataset

    number = {"dtype": "float32", "shape": (1,), "names": None}
    features = {
        "observation.state.cartesian_position": {**number, "shape": (pose_width,)},
        "observation.state.gripper_position": number,
        "action.gripper_position": number,
    }
    for view in views:
        shape = {"shape": (HEIGHT, WIDTH, 3), "names": ["height", "width", "channels"]}
        features[VIEW_FEATURES[view]] = {"dtype": camera_dtype, **shape}
    dataset = LeRobotDataset.create(
        "tests/droid",
        fps,
        features,
        root=folder,
        robot_type="panda",
        video_backend="pyav",
        use_videos=camera_dtype == "video",
        rgb_encoder=RGBEncoderConfig(vcodec="h264", g=15, crf=18, preset="fast"),
    )
    for episode, frames in enumerate(lengths):
        rows = _rows(frames, episode)
        for frame in range(frames):
            numbers = {name: np.atleast_1d(values[frame]).astype(np.float32) for name, values in rows.items()}
            numbers["observation.state.cartesian_position"] = numbers["observation.state.cartesian_position"][
                :pose_width
            ]
            pictures = {VIEW_FEATURES[view]: _picture(index, frame) for index, view in enumerate(views)}
            dataset.add_frame({**numbers, **pictures, "task": task})
        dataset.save_episode(parallel_encoding=False)
    dataset.finalize()
    return folder


@pytest.fixture(scope="session")
def droid_dataset(tmp_path_factory) -> Path:
    """Two episodes of 40 and 33 frames, three views. Read it, never write to it."""
    return write_droid_dataset(tmp_path_factory.mktemp("datasets") / "droid")


@pytest.fixture
def dataset_copy(droid_dataset, tmp_path) -> Path:
    """A copy of `droid_dataset` to damage."""
    return Path(shutil.copytree(droid_dataset, tmp_path / "copy"))


@pytest.fixture
def make_dataset(tmp_path):
    """`write_droid_dataset` into a folder of this test."""
    return lambda name="dataset", **options: write_droid_dataset(tmp_path / name, **options)


def edit_info(dataset: Path, change) -> None:
    """Apply `change` to the dict of meta/info.json."""
    path = dataset / "meta" / "info.json"
    info = json.loads(path.read_text())
    change(info)
    path.write_text(json.dumps(info))


@pytest.fixture(scope="session")
def change_info():
    return edit_info
