"""The drift alarm: what the model expected to see, against what the cameras see then."""

from __future__ import annotations

import numpy as np

from cosmos_policy.inputs.canvas import plan_fit
from cosmos_policy.types import ActionChunk, Observation
from embodiments import Embodiment
from ros2_nodes.contract import DriftSettings
from ros2_nodes.drift.similarity import similarity
from ros2_nodes.reasons import Cause, Reason


class DriftMonitor:
    """Holds the predicted frames of the chunk that is executed. Times are on the clock of message stamps."""

    def __init__(self, settings: DriftSettings, embodiment: Embodiment) -> None:
        self._settings, self._embodiment = settings, embodiment
        self._chunk: ActionChunk | None = None
        self._low = 0

    @property
    def wants_video(self) -> bool:
        return self._settings.enabled

    def expect(self, chunk: ActionChunk, slowdown: float) -> None:
        """A chunk begins to be executed. One that is slowed shows other times than it predicts: it is not compared."""
        self._chunk = chunk if chunk.video is not None and slowdown == 1.0 else None

    def forget(self) -> None:
        """Nothing is expected any more: the robot holds."""
        self._chunk, self._low = None, 0

    def score(self, observation: Observation) -> float | None:
        """Similarity, -1 to 1, of the frame predicted for the observation's time and what is seen; None where nothing
        was predicted for it. Frame 0 is what the model was given and is never compared."""
        if self._chunk is None:
            return None
        index = round((observation.stamp - self._chunk.stamp) / self._chunk.dt)
        if not 1 <= index < len(self._chunk.video):
            return None
        return similarity(self._chunk.video[index], self._visible(self._embodiment.compose(observation.images)))

    def causes(self, score: float | None) -> tuple[Cause, ...]:
        """Whether the scores of the last frames, told one by one, are a reason to hold."""
        limit = self._settings.hold_below
        if score is None or limit is None:
            return ()
        self._low = self._low + 1 if score < limit else 0
        if self._low < self._settings.patience:
            return ()
        detail = f"what is seen is {score:.2f} like what was predicted, under {limit:g} for {self._low} frames"
        return (Cause(Reason.DRIFT, detail),)

    def _visible(self, frame: np.ndarray) -> np.ndarray:
        """The part of a composed frame that predicted frames show (whole latent cells of the canvas)."""
        sampling = self._chunk.info.get("sampling")
        height, width = frame.shape[:2]
        fit = plan_fit(height, width, None if sampling is None else sampling.resolution_tier)
        rows = round(height * fit.visible_height / fit.content_height)
        return frame[:rows, : round(width * fit.visible_width / fit.content_width)]
