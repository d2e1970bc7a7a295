"""Episodes written as a LeRobot v3 dataset, by LeRobot's own writer, in the features of an embodiment's layout."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cosmos_policy.errors import UsageError
from cosmos_policy.types import Observation
from embodiments import Embodiment
from embodiments.datasets import DatasetLayout, FeatureReference

#: x264's own default; every PyAV and every browser decodes it.
QUALITY = 23


@dataclass(frozen=True)
class Row:
    """One instant. commands: name -> float64 [...], the action that was due then, of the newest chunk."""

    observation: Observation
    commands: Mapping[str, np.ndarray]
    instruction: str


def write(folder: Path, found: Iterable[Sequence[Row]], embodiment: Embodiment) -> tuple[int, int]:
    """(episodes, frames) written into the new folder. Raises :class:`UsageError` where there are none, or where the
    embodiment has no layout that the rows can fill."""
    try:
        import av
        import datasets
        from lerobot.configs.video import RGBEncoderConfig
        from lerobot.datasets.lerobot_dataset import LeRobotDataset
    except ImportError:
        raise UsageError(
            "Writing datasets needs LeRobot: pip install cosmos-policy[evaluation] (Python 3.12)."
        ) from None
    if folder.exists():
        raise UsageError(f"{folder} exists already; name a new folder for the dataset.")
    dataset, layout, count, frames = None, None, 0, 0
    datasets.disable_progress_bars()
    try:
        for run in found:
            if dataset is None:
                layout = fitting_layout(embodiment, run[0].observation.state, run[0].commands)
                dataset = LeRobotDataset.create(
                    repo_id=f"cosmos-policy/{folder.name}",
                    root=folder,
                    fps=round(embodiment.fps),
                    robot_type=embodiment.name,
                    features=_features(layout, run[0]),
                    rgb_encoder=RGBEncoderConfig(vcodec="h264", crf=QUALITY),
                    video_backend="pyav",
                )
                av.logging.set_libav_level(av.logging.WARNING)  # LeRobot turns FFmpeg's own messages on
            for row in run:
                dataset.add_frame({**_frame(layout, row), "task": row.instruction})
            dataset.save_episode(parallel_encoding=False)
            count, frames = count + 1, frames + len(run)
    finally:
        datasets.enable_progress_bars()
        if dataset is not None:
            dataset.finalize()
    if dataset is None:
        raise UsageError("The recording has no two consecutive instants with a whole observation and an action.")
    return count, frames


def fitting_layout(embodiment: Embodiment, states: Collection[str], commands: Collection[str]) -> DatasetLayout:
    """The first dataset layout of the robot that these states and commands (their names) fill.

    Raises :class:`UsageError` that says what each layout lacks.
    """
    problems = []
    for layout in embodiment.dataset_layouts:
        lacking = [*(set(layout.states) - set(states)), *(set(layout.commands) - set(commands))]
        if not lacking:
            return layout
        problems.append(f"{layout.name} needs {', '.join(sorted(lacking))}")
    raise UsageError(
        f"No dataset layout of {embodiment.name} can be filled from this recording: "
        f"{'; '.join(problems) or 'it has none'}."
    )


def _features(layout: DatasetLayout, row: Row) -> dict[str, dict]:
    numbers = {
        name: {
            "dtype": "float32",
            "shape": rows.shape,
            "names": [f"{name.split('.')[-1]}_{i}" for i in range(rows.size)],
        }
        for name, rows in _frame(layout, row).items()
        if name not in layout.views.values()
    }
    names = ["height", "width", "channels"]
    pictures = {
        feature: {"dtype": "video", "shape": row.observation.images[view].shape, "names": names}
        for view, feature in layout.views.items()
        if view in row.observation.images
    }
    return numbers | pictures


def _frame(layout: DatasetLayout, row: Row) -> dict[str, np.ndarray]:
    """Feature -> value; quantities that share a feature stand in the order of their columns."""
    parts: dict[str, list[tuple[int, np.ndarray]]] = {}
    for source, quantities in ((row.observation.state, layout.states), (row.commands, layout.commands)):
        for quantity, text in quantities.items():
            reference = FeatureReference.parse(text)
            start = 0 if reference.columns is None else reference.columns.start
            parts.setdefault(reference.feature, []).append((start, np.ravel(source[quantity])))
    numbers = {
        feature: np.concatenate([values for _, values in sorted(found, key=lambda part: part[0])]).astype(np.float32)
        for feature, found in parts.items()
    }
    images = row.observation.images
    return numbers | {feature: images[view] for view, feature in layout.views.items() if view in images}
