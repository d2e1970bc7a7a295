"""Demonstrations written as a LeRobot v3 dataset, by LeRobot's own writer."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import av
import datasets
from lerobot.configs.video import RGBEncoderConfig
from lerobot.datasets.lerobot_dataset import LeRobotDataset

from cosmos_policy.errors import UsageError
from sim_eval.physics import dataset_features
from sim_eval.physics.demonstration import Frame
from sim_eval.physics.scene_environment import SceneEnvironment

# H.264 is what every PyAV and every browser decodes. Key pictures are most of a file; two seconds still seek quickly.
_KEY_PICTURE_INTERVAL_S = 2.0
_QUALITY = 23
"""x264's constant rate factor; its own default."""


class EpisodeRecorder:
    """A new dataset on disk, episode after episode. Use it in a ``with`` block, so that it is always made whole.

    Args:
        folder: where the dataset is to be; it must not exist yet, or be empty.
        environment: any scene of the robot that is recorded; gives the features.
        quality: x264's constant rate factor, 0 (lossless) to 51.

    Raises:
        UsageError: the folder holds something already.
    """

    def __init__(self, folder: Path, environment: SceneEnvironment, *, quality: int = _QUALITY) -> None:
        if folder.exists():
            if not folder.is_dir() or any(folder.iterdir()):
                raise UsageError(f"{folder} is not empty: name a new folder for the dataset")
            folder.rmdir()  # LeRobot makes the folder itself and refuses one that is there
        robot = environment.robot
        self._layout = dataset_features.recorded_layout(robot)
        self._dataset = LeRobotDataset.create(
            repo_id=f"cosmos-policy/{folder.name}",
            root=folder,
            fps=robot.control_rate_hz,
            robot_type=robot.dataset_robot_type,
            features=dataset_features.features(self._layout, environment.column_names, environment.image_size),
            rgb_encoder=RGBEncoderConfig(
                vcodec="h264",
                g=round(_KEY_PICTURE_INTERVAL_S * robot.control_rate_hz),
                crf=quality,
                preset="medium",
            ),
            encoder_threads=1,  # the same bytes on any number of cores
            video_backend="pyav",
        )
        # LeRobot turns FFmpeg's own messages on after its first video: x264 would then tell its statistics each time.
        av.logging.set_libav_level(av.logging.WARNING)

    def __enter__(self) -> "EpisodeRecorder":
        return self

    def __exit__(self, *_: object) -> None:
        self._dataset.finalize()

    def record(self, demonstration: Iterable[Frame], instruction: str) -> int:
        """Writes one episode and returns its number of frames; a demonstration that fails midway leaves no trace."""
        count = 0
        try:
            for state, images, command in demonstration:
                row = dataset_features.frame(self._layout, state, images, command)
                self._dataset.add_frame({**row, "task": instruction})
                count += 1
        except Exception:
            self._dataset.clear_episode_buffer()
            raise
        with _no_progress_bars():
            self._dataset.save_episode(parallel_encoding=False)
        return count


@contextmanager
def _no_progress_bars() -> Iterator[None]:
    """datasets shows a bar for each episode's few rows; whoever records shows the progress that matters."""
    were_shown = not datasets.are_progress_bars_disabled()
    datasets.disable_progress_bars()
    try:
        yield
    finally:
        if were_shown:
            datasets.enable_progress_bars()
