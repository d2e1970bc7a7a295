"""Small LeRobot v3 datasets in the layout of any robot, written by LeRobot's own writer."""

from __future__ import annotations

from pathlib import Path

import numpy as np

import embodiments
from embodiments.datasets import DatasetLayout, FeatureReference

HEIGHT, WIDTH = 48, 64


def recorded_rows(robot, layout: DatasetLayout, steps: int, seed: int) -> dict[str, np.ndarray]:
    """The table of one episode, feature -> [frames, width], at the layout's rate.

    The robot moves as in its own example; frames between its instants repeat the last one. Columns that no quantity
    reads hold 7, so that a wrong column shows.
    """
    trajectory = robot.example_trajectory(steps, seed)
    repeat = round(layout.fps / robot.fps)
    table: dict[str, np.ndarray] = {}
    for mapping, values in ((layout.states, trajectory.states), (layout.commands, trajectory.commands)):
        for name, text in mapping.items():
            reference = FeatureReference.parse(text)
            width = layout.widths[reference.feature][0]
            # What `encode` does not read: a gripper does what it is told, everything else rests.
            rows = np.asarray(values.get(name, trajectory.commands.get(name, np.zeros((steps + 1, width)))))
            if len(rows) == steps:  # a command of the last instant is recorded too
                rows = np.concatenate([rows, rows[-1:]])
            feature = table.setdefault(reference.feature, np.full(((steps + 1) * repeat, width), 7.0))
            feature[:, reference.columns or slice(0, width)] = np.repeat(rows.reshape(steps + 1, -1), repeat, axis=0)
    return table


def write_dataset(folder: Path, name: str, layout: DatasetLayout, steps: int, episodes: int = 2) -> Path:
    """A dataset of `episodes` episodes of `steps` steps of the robot called `name`."""
    from lerobot.configs.video import RGBEncoderConfig
    from lerobot.datasets.lerobot_dataset import LeRobotDataset

    robot = embodiments.get(name)
    tables = [recorded_rows(robot, layout, steps, seed) for seed in range(episodes)]
    features = {
        feature: {"dtype": "float32", "shape": (rows.shape[1],), "names": None} for feature, rows in tables[0].items()
    }
    picture = {"dtype": "video", "shape": (HEIGHT, WIDTH, 3), "names": ["height", "width", "channels"]}
    features |= {feature: dict(picture) for feature in layout.views.values()}
    dataset = LeRobotDataset.create(
        f"tests/{name}",
        int(layout.fps),
        features,
        root=folder,
        robot_type=name,
        video_backend="pyav",
        use_videos=True,
        rgb_encoder=RGBEncoderConfig(vcodec="h264", g=15, crf=18, preset="fast"),
    )
    for table in tables:
        frames = len(next(iter(table.values())))
        for frame in range(frames):
            numbers = {feature: rows[frame].astype(np.float32) for feature, rows in table.items()}
            pictures = {
                feature: np.full((HEIGHT, WIDTH, 3), (frame * 3 + 60 * index) % 256, np.uint8)
                for index, feature in enumerate(layout.views.values())
            }
            dataset.add_frame({**numbers, **pictures, "task": "do it"})
        dataset.save_episode(parallel_encoding=False)
    dataset.finalize()
    return folder
