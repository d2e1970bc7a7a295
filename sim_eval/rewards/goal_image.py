"""The world looking as it should: the last frame near a goal picture."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from cosmos_policy.errors import UsageError
from cosmos_policy.media import read_image
from cosmos_policy.types import check_frames
from cosmos_policy.world_action_model import WorldActionModel
from sim_eval.rewards.base import Reward, Setting, Transition, Verdict
from sim_eval.rewards.picture_distance import EmbeddingDistance, PixelDistance


class GoalImage(Reward):
    """The reward is minus the distance of the last frame to the goal; below `threshold` the episode terminates.

    image: composed frame, uint8 [H, W, 3], or the path of a picture; the option ``goal_image`` of a ``reset`` takes its
    place. It is brought to the world's size. distance: "pixel" (root mean square, 8-bit levels) or "embedding" (one
    minus the cosine), which needs `embedding_model`. threshold: in the distance's unit; None never terminates.
    """

    name = "goal_image"
    options = ("goal_image",)

    def __init__(
        self,
        image: Any = None,
        distance: str = "pixel",
        threshold: float | None = None,
        embedding_model: str | None = None,
        device: str = "cpu",
    ) -> None:
        if distance not in ("pixel", "embedding"):
            raise UsageError(f"distance {distance!r} does not exist; choose pixel or embedding.")
        if (distance == "embedding") != (embedding_model is not None):
            raise UsageError("embedding_model belongs to distance='embedding', and that needs it: name a vision model.")
        if threshold is not None and not threshold > 0:
            raise UsageError(f"threshold is {threshold}; expected a distance above 0.")
        self._image, self._threshold = image, threshold
        self._distance = PixelDistance() if embedding_model is None else EmbeddingDistance(embedding_model, device)

    def prepare(self, options: Mapping[str, Any], setting: Setting) -> np.ndarray:
        """The goal's description, [F]."""
        image = options.get("goal_image", self._image)
        if image is None:
            raise UsageError(
                "goal_image has no goal: make it with image=..., or give the reset options['goal_image'], "
                "a composed frame."
            )
        frame = read_image(Path(image)) if isinstance(image, (str, os.PathLike)) else image
        frame = check_frames(frame, "goal_image", 3)
        return self._distance.describe(setting.fit(frame)[None])[0]

    def judge(self, transitions: Sequence[Transition], goals: Sequence[Any], model: WorldActionModel) -> list[Verdict]:
        seen = self._distance.describe(np.stack([transition.frames[-1] for transition in transitions]))
        distances = self._distance.between(seen, np.stack(list(goals)))
        return [self._verdict(float(far)) for far in distances]

    def _verdict(self, far: float) -> Verdict:
        near = self._threshold is not None and far < self._threshold
        return Verdict(-far, near, success=near, info={"distance": far})
