"""A recorded dataset and a robot, held against each other once: what replay and training both begin with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import embodiments
from cosmos_policy.datasets.binding import Binding, bind
from cosmos_policy.datasets.episodes import parse_episodes
from cosmos_policy.datasets.health import check_files, check_health, read_info
from cosmos_policy.datasets.source import DatasetSource, locate
from embodiments import Embodiment


@dataclass(frozen=True)
class OpenedDataset:
    """A dataset that fits its robot.

    source: where it is. info: its ``meta/info.json``. episodes: the chosen ones.
    binding: which feature feeds what. embodiment: the robot, at the rate that is used.
    """

    source: DatasetSource
    info: Mapping[str, Any]
    episodes: tuple[int, ...]
    binding: Binding
    embodiment: Embodiment


def open_dataset(
    dataset: str,
    embodiment: str | Embodiment,
    *,
    episodes: str | None = None,
    camera_map: Mapping[str, str] | None = None,
    missing_views: str = "refuse",
    fps: float | None = None,
) -> OpenedDataset:
    """Find a LeRobot v3 dataset and check it against a robot; no frame is decoded.

    dataset: a folder or hub id. embodiment: a name, a YAML file, or the robot. episodes: such as "0,3:7"; all if None.
    camera_map, missing_views, fps: as in :func:`~cosmos_policy.datasets.binding.bind`.
    Whatever does not fit is one ``UsageError`` that names the feature and the cure.
    """
    robot = embodiment if isinstance(embodiment, Embodiment) else embodiments.get(embodiment)
    source = locate(dataset)
    info = read_info(source.root, source.name)
    check_health(source.root, source.name, info)
    chosen = tuple(parse_episodes(episodes, int(info["total_episodes"])))
    binding = bind(robot, info, source.name, camera_map=camera_map, missing_views=missing_views, fps=fps)
    if source.repository is None:
        check_files(source.root, source.name, info, chosen)
    return OpenedDataset(source, info, chosen, binding, replace(robot, fps=binding.fps))
