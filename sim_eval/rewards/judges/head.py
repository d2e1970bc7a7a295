"""A small judge that is trained on labelled roll-outs: logistic regression on what the first and last frame show."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from cosmos_policy.errors import UsageError
from cosmos_policy.world_action_model import WorldActionModel
from sim_eval.rewards.judges.base import Clip, Judge

#: Frames are averaged down to a grid of so many rows and columns.
GRID = 24
#: Strength of the L2 penalty on standardised features; the few roll-outs that people label would be learnt by heart.
PENALTY = 1.0
FORMAT = 1


class JudgeHead(Judge):
    """Weights over pixels of the last frame, and of its change since the first; made by :meth:`train`, kept by
    :meth:`save`. It knows one camera set-up and one task: roll-outs of another are not what it was trained on."""

    def __init__(self, mean: np.ndarray, scale: np.ndarray, weights: np.ndarray, bias: float, trained_on: int) -> None:
        self._mean, self._scale, self._weights, self._bias = mean, scale, weights, float(bias)
        self._trained_on = trained_on
        self.name = f"head, trained on {trained_on} roll-outs"

    @classmethod
    def train(cls, clips: Sequence[Clip], labels: Sequence[bool], penalty: float = PENALTY) -> JudgeHead:
        """Fits to clips with known ends. Raises ``UsageError`` where one of the two ends is missing."""
        from scipy.optimize import minimize

        truth = np.asarray(labels, dtype=np.float64)
        if len(truth) != len(clips) or truth.min(initial=1) == truth.max(initial=0):
            raise UsageError(
                f"A judge is trained on successes and failures, but {int(truth.sum())} of {len(truth)} roll-outs are "
                "successes: label both kinds."
            )
        features = _features(clips)
        mean, scale = features.mean(axis=0), features.std(axis=0) + 1.0
        standard = (features - mean) / scale / np.sqrt(features.shape[1])

        def loss(parameters: np.ndarray) -> tuple[float, np.ndarray]:
            weights, bias = parameters[:-1], parameters[-1]
            logits = standard @ weights + bias
            error = 1.0 / (1.0 + np.exp(-logits)) - truth
            value = np.logaddexp(0.0, logits).sum() - truth @ logits + 0.5 * penalty * weights @ weights / len(weights)
            return value, np.append(standard.T @ error + penalty * weights / len(weights), error.sum())

        found = minimize(loss, np.zeros(standard.shape[1] + 1), jac=True, method="L-BFGS-B").x
        return cls(mean, scale, found[:-1] / np.sqrt(features.shape[1]), found[-1], len(clips))

    def probabilities(self, clips: Sequence[Clip], model: WorldActionModel | None = None) -> list[float]:
        logits = ((_features(clips) - self._mean) / self._scale) @ self._weights + self._bias
        return (1.0 / (1.0 + np.exp(-logits))).tolist()

    def save(self, path: Path) -> None:
        """Writes one ``.npz`` file, whole or not at all."""
        facts = json.dumps({"format": FORMAT, "grid": GRID, "trained_on": self._trained_on})
        unfinished = path.with_name(path.name + ".part")
        with unfinished.open("wb") as file:
            np.savez(file, facts=facts, mean=self._mean, scale=self._scale, weights=self._weights, bias=self._bias)
        unfinished.replace(path)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> JudgeHead:
        """Reads what :meth:`save` wrote; a ``UsageError`` for any other file."""
        try:
            with np.load(path, allow_pickle=False) as kept:
                facts = json.loads(str(kept["facts"]))
                arrays = {name: kept[name] for name in ("mean", "scale", "weights", "bias")}
        except FileNotFoundError:
            raise UsageError(f"There is no judge {path}.") from None
        except (OSError, ValueError, KeyError) as error:
            raise UsageError(f"{path} is no judge that JudgeHead.save wrote ({error}).") from None
        if facts["format"] != FORMAT or facts["grid"] != GRID:
            raise UsageError(f"{path} was written in another format ({facts}); train the judge again.")
        return cls(**{**arrays, "bias": float(arrays["bias"])}, trained_on=facts["trained_on"])


def _features(clips: Sequence[Clip]) -> np.ndarray:
    rows = []
    for clip in clips:
        first, last = (_averaged(clip.frames[index]) for index in (0, -1))
        rows.append(np.concatenate([last.ravel(), (last - first).ravel()]))
    return np.stack(rows)


def _averaged(frame: np.ndarray) -> np.ndarray:
    """A frame, uint8 [H, W, 3], averaged over the cells of a grid, float64 [GRID, GRID, 3]."""
    height, width = frame.shape[:2]
    if height < GRID or width < GRID:
        raise UsageError(
            f"A frame of {width}x{height} pixels is too small to be judged; expected {GRID}x{GRID} or more."
        )
    rows = np.add.reduceat(frame.astype(np.float64), np.arange(GRID) * height // GRID, axis=0)
    cells = np.add.reduceat(rows, np.arange(GRID) * width // GRID, axis=1)
    heights, widths = (np.diff(np.append(np.arange(GRID) * size // GRID, size)) for size in (height, width))
    return cells / (heights[:, None, None] * widths[None, :, None])
