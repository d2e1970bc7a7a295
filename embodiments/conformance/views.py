"""Views compose and come apart again, wrong ones are refused, and dataset layouts name what the robot needs."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from embodiments.conformance.report import Finding
from embodiments.datasets import FeatureReference
from embodiments.embodiment import Embodiment
from embodiments.errors import EmbodimentError
from embodiments.trajectory import Trajectory


def shapes(robot: Embodiment, recorded: tuple[Trajectory, ...]) -> Iterator[Finding]:
    """Every view comes back from the composed frame, at its place: a view of one colour comes back in that colour."""
    height, width = robot.example_image_size
    colours = {view: 40 + 60 * index for index, view in enumerate(robot.views)}
    frame = robot.compose({view: np.full((height, width, 3), colour, np.uint8) for view, colour in colours.items()})
    views = robot.split(frame)
    for view, colour in colours.items():
        # Interpolation truncates: a level may be lost.
        if view not in views or not views[view].size or np.abs(views[view].astype(int) - colour).max() > 1:
            yield Finding("shapes", "failed", f"the view {view!r} does not come back from the composed frame")
            return
    sizes = ", ".join(f"{view} {cut.shape[1]}x{cut.shape[0]}" for view, cut in views.items())
    yield Finding(
        "shapes", "passed", f"{width}x{height} images give a frame of {frame.shape[1]}x{frame.shape[0]}: {sizes}"
    )


def refusals(robot: Embodiment, recorded: tuple[Trajectory, ...]) -> Iterator[Finding]:
    """A missing view, one too many, and floats instead of bytes are refused by name."""
    images = robot.example_observation()["images"]
    first = robot.views[0]
    wrong = {
        "a missing view": {view: image for view, image in images.items() if view != first},
        "an unknown view": {**images, "no_such_view": images[first]},
        "a float image": {**images, first: images[first] / 255.0},
    }
    for what, given in wrong.items():
        try:
            robot.compose(given)
        except EmbodimentError as error:
            if first in str(error) or "no_such_view" in str(error):
                continue
        yield Finding("refusals", "failed", f"{what} is not refused by name")
        return
    yield Finding("refusals", "passed", f"{', '.join(wrong)}: all refused by name")


def dataset_layouts(robot: Embodiment, recorded: tuple[Trajectory, ...]) -> Iterator[Finding]:
    """Every dataset layout gives all quantities and views, in features that can be read."""
    for layout in robot.dataset_layouts:
        given = {("state", name) for name in layout.states} | {("command", name) for name in layout.commands}
        missing = [f"{field.role} {field.name!r}" for field in robot.fields if (field.role, field.name) not in given]
        missing += [f"view {view!r}" for view in robot.views if view not in layout.views]
        if missing:
            yield Finding("dataset_layouts", "failed", f"the layout {layout.name!r} does not name {', '.join(missing)}")
            continue
        for feature in layout.table_features:
            FeatureReference.parse(feature)
        yield Finding(
            "dataset_layouts",
            "passed",
            f"{layout.name!r} names {len(given)} quantities and {len(layout.views)} view(s)",
        )
