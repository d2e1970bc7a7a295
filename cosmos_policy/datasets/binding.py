"""Which feature of a dataset feeds which quantity and which view of a robot, checked before anything is read."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cosmos_policy.errors import UsageError
from embodiments import DatasetLayout, EmbodimentError
from embodiments.datasets import layout_for

CAMERA_DTYPES = ("video", "image")
MISSING_VIEWS = ("refuse", "blank")


@dataclass(frozen=True)
class Binding:
    """A dataset's features, sorted by what the robot calls them.

    layout: where the robot's quantities are. views: view -> feature, or None for a view that is composed in as black.
    frame_step: every frame_step-th recorded frame is used. fps: frames (and actions) per second after that.
    notes: what was done that a reader of the results should know.
    """

    layout: DatasetLayout
    views: Mapping[str, str | None]
    frame_step: int
    fps: float
    notes: tuple[str, ...] = ()

    @property
    def blank_views(self) -> tuple[str, ...]:
        return tuple(view for view, feature in self.views.items() if feature is None)

    @property
    def cameras(self) -> tuple[str, ...]:
        """The camera features that are read."""
        return tuple(dict.fromkeys(feature for feature in self.views.values() if feature is not None))


def bind(
    embodiment: Any,
    info: Mapping[str, Any],
    name: str,
    *,
    camera_map: Mapping[str, str] | None = None,
    missing_views: str = "refuse",
    fps: float | None = None,
) -> Binding:
    """Match a dataset's ``meta/info.json`` with one of ``embodiment.dataset_layouts``.

    name: the dataset, as the user calls it. camera_map: view -> feature, over the layout's own. missing_views: "refuse"
    or "blank". fps: the rate to replay at, where it is not to be the embodiment's.
    Every mismatch (a feature or view that is not there, a wrong width, another rate) is one :class:`UsageError`.
    """
    if missing_views not in MISSING_VIEWS:
        raise UsageError(f"--missing-views {missing_views!r} does not exist; choose {' or '.join(MISSING_VIEWS)}.")
    features = info["features"]
    layout = _choose_layout(embodiment, features, name)
    views = _bind_views(embodiment, layout, features, name, dict(camera_map or {}), missing_views)
    frame_step, rate, notes = _frame_step(embodiment, layout, float(info["fps"]), name, fps)
    return Binding(layout, views, frame_step, rate, notes)


def _choose_layout(embodiment: Any, features: Mapping[str, Any], name: str) -> DatasetLayout:
    try:
        return layout_for(embodiment.dataset_layouts, features)
    except EmbodimentError as error:
        numbers = ", ".join(key for key, value in features.items() if value.get("dtype") not in CAMERA_DTYPES)
        raise UsageError(
            f"{name} does not fit {embodiment.name}: {error}. It has {numbers}; choose another --embodiment, or "
            "describe the dataset in a YAML embodiment."
        ) from None


def _bind_views(
    embodiment: Any,
    layout: Any,
    features: Mapping[str, Any],
    name: str,
    camera_map: dict[str, str],
    missing_views: str,
) -> dict[str, str | None]:
    cameras = [key for key, feature in features.items() if feature.get("dtype") in CAMERA_DTYPES]
    there = ", ".join(cameras) or "no camera at all"
    for view, feature in camera_map.items():
        if view not in embodiment.views:
            raise UsageError(
                f"--camera-map {view}={feature}: {embodiment.name} has no view {view!r}; its views are "
                f"{', '.join(embodiment.views)}."
            )
        if feature not in cameras:
            raise UsageError(f"--camera-map {view}={feature}: {name} has no camera {feature!r}; it has {there}.")
    wanted = {view: camera_map.get(view) or layout.views.get(view) for view in embodiment.views}
    missing = [view for view, feature in wanted.items() if feature not in cameras]
    if len(missing) == len(wanted):
        raise UsageError(
            f"{name} has none of the views of {embodiment.name} ({', '.join(wanted)}); it has {there}: say which is "
            "which with --camera-map view=feature."
        )
    if missing and missing_views == "refuse":
        listed = ", ".join(f"{view} ({wanted[view] or 'no feature known'})" for view in missing)
        raise UsageError(
            f"{name} lacks the view{'s' * (len(missing) > 1)} {listed} of {embodiment.name}; it has {there}. Name "
            "another camera with --camera-map view=feature, or say --missing-views blank to compose black instead."
        )
    return {view: None if view in missing else feature for view, feature in wanted.items()}


def _frame_step(
    embodiment: Any, layout: Any, recorded_fps: float, name: str, fps: float | None
) -> tuple[int, float, tuple[str, ...]]:
    """(every how many frames, resulting rate, notes). Nothing is resampled that nobody asked for."""
    target = float(embodiment.fps if fps is None else fps)
    if not (math.isfinite(target) and target > 0):
        raise UsageError(f"--fps is {target:g}; expected a positive number of frames per second.")
    ratio = recorded_fps / target
    whole = math.isclose(ratio, round(ratio), rel_tol=1e-6) and round(ratio) >= 1
    trained_so = layout.fps is not None and math.isclose(recorded_fps, layout.fps)
    if fps is None and whole and (round(ratio) == 1 or trained_so):
        step = round(ratio)
        note = f"Of {recorded_fps:g} recorded frames per second {target:g} are used, as in training."
        return step, target, () if step == 1 else (note,)
    if fps is None:
        cure = (
            f"say --fps {target:g} to take every {round(ratio)}. frame"
            if whole
            else f"say --fps {recorded_fps:g} to replay at the dataset's rate, which the model was not trained on"
        )
        raise UsageError(
            f"{name} was recorded at {recorded_fps:g} frames per second, but {embodiment.name} runs at {target:g}; "
            f"{cure}."
        )
    if not whole:
        raise UsageError(
            f"--fps {target:g} is no whole fraction of the {recorded_fps:g} frames per second that {name} was "
            "recorded at."
        )
    own = f"recorded at {recorded_fps:g}, {embodiment.name} runs at {embodiment.fps:g}"
    return round(ratio), target, (f"Replayed at {target:g} frames per second ({own}).",)
