"""Starts from pictures that the caller brings."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from cosmos_policy.errors import UsageError
from cosmos_policy.media import read_image
from cosmos_policy.types import check_frames
from sim_eval.world_model.starts.base import Place, Start, StartSource


class GivenStart(StartSource):
    """``options={"image": composed frame}`` or ``{"images": {view: picture}}``, with ``"state"`` beside it.

    A picture is uint8 [H, W, 3] or the path of a file. The state is the robot's own (``cartesian_position`` and so on):
    which quantities, ``cosmos-policy embodiments`` tells.
    """

    options = ("image", "images", "state")
    marks = ("image", "images")

    def open(self, options: Mapping[str, Any], place: Place, generator: np.random.Generator) -> Start:
        if "image" in options and "images" in options:
            raise UsageError("options hold both 'image' (a composed frame) and 'images' (its views): give one of them.")
        if "image" in options:
            frame = picture(options["image"], "options['image']")
        else:
            views = options["images"]
            if not isinstance(views, Mapping):
                raise UsageError(f"options['images'] is a {type(views).__name__}; expected view names with pictures.")
            frame = place.embodiment.compose(
                {view: picture(image, f"options['images'][{view!r}]") for view, image in views.items()}
            )
        return Start(frame, given_state(options), "", "a given picture")


def picture(value: Any, name: str) -> np.ndarray:
    """uint8 [H, W, 3] from an array or the path of a file; `name` is what a refusal calls it."""
    if isinstance(value, (str, os.PathLike)):
        return read_image(Path(value))
    return check_frames(value, name, 3)


def given_state(options: Mapping[str, Any]) -> Mapping[str, np.ndarray]:
    """``options["state"]``, {} where there is none (then an embodiment that needs one refuses)."""
    state = options.get("state", {})
    if not isinstance(state, Mapping):
        raise UsageError(f"options['state'] is a {type(state).__name__}; expected state names with numbers.")
    return state
