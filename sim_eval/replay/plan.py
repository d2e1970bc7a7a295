"""Windows: which stretches of which episodes each call is asked about, and with which seed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from cosmos_policy.errors import UsageError


@dataclass(frozen=True)
class Window:
    """One question to the model: `call` about actions start .. start + horizon of `episode`.

    start: in frames at the rate of the replay. seed: of this window alone, so that any part of a run repeats.
    """

    call: str
    episode: int
    start: int
    horizon: int
    seed: int

    @property
    def key(self) -> tuple[str, int, int]:
        return self.call, self.episode, self.start


def window_seed(seed: int, episode: int, start: int) -> int:
    """A seed from the run's seed, the episode and the window's start; 31 bits, which every generator takes."""
    return int(np.random.SeedSequence([seed, episode, start]).generate_state(1)[0] >> 1)


def plan_windows(strides: Mapping[str, int], lengths: Mapping[int, int], horizon: int, seed: int) -> tuple[Window, ...]:
    """All windows of a run, episode by episode and call by call.

    strides: call -> actions between two windows. lengths: episode -> frames N; it holds N - 1 actions, and only whole
    windows of `horizon` actions are asked about. An episode too short for one is a :class:`UsageError`.
    """
    for episode, frames in lengths.items():
        if frames < horizon + 1:
            raise UsageError(
                f"Episode {episode} has {frames} frames, too few for one chunk of {horizon} actions, which spans "
                f"{horizon + 1}; leave it out with --episodes."
            )
    return tuple(
        Window(call, episode, start, horizon, window_seed(seed, episode, start))
        for episode, frames in lengths.items()
        for call, stride in strides.items()
        for start in _starts(frames, horizon, stride)
    )


def _starts(frames: int, horizon: int, stride: int) -> Sequence[int]:
    return range(0, frames - horizon, stride)
