"""How far two pictures are apart: by their pixels, or by what a vision model makes of them."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np

from cosmos_policy.errors import UsageError


class PictureDistance(ABC):
    """How far two pictures are apart. `unit`: for readers."""

    unit: str

    @abstractmethod
    def describe(self, frames: np.ndarray) -> np.ndarray:
        """What is compared, float [N, F], of frames uint8 [N, H, W, 3]."""

    @abstractmethod
    def between(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        """Distances [N] of descriptions [N, F]."""


class PixelDistance(PictureDistance):
    """Root mean squared difference, in 8-bit levels: 0 is equal, 255 black against white."""

    unit = "levels"

    def describe(self, frames: np.ndarray) -> np.ndarray:
        return frames.reshape(len(frames), -1).astype(np.float32)

    def between(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        return np.sqrt(np.mean((first - second) ** 2, axis=-1))


class EmbeddingDistance(PictureDistance):
    """One minus the cosine of the embeddings (pooled, or averaged over patches) of a vision model of transformers.

    model: a folder or hub id that ``AutoModel`` and ``AutoImageProcessor`` know, such as "facebook/dinov2-small";
    there is no default, for it decides what counts as alike. device: where it runs.
    """

    unit = "1 - cosine"

    def __init__(self, model: str, device: str = "cpu") -> None:
        from transformers import AutoImageProcessor, AutoModel

        try:
            self._processor = AutoImageProcessor.from_pretrained(model)
            self._model = AutoModel.from_pretrained(model).to(device).eval()
        except (OSError, ValueError) as error:
            raise UsageError(
                f"The embedding model {model!r} cannot be loaded ({str(error).splitlines()[0]}); expected a folder or "
                "hub id of a vision model of transformers."
            ) from error
        self._device = device

    def describe(self, frames: np.ndarray) -> np.ndarray:
        import torch

        inputs = self._processor(images=list(frames), return_tensors="pt").to(self._device)
        with torch.inference_mode():
            answer = self._model(**inputs)
        pooled = getattr(answer, "pooler_output", None)
        if pooled is None:
            hidden = answer.last_hidden_state
            pooled = hidden.flatten(2).mean(-1) if hidden.ndim == 4 else hidden.mean(1)
        return pooled.flatten(1).float().cpu().numpy()

    def between(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        lengths = np.linalg.norm(first, axis=-1) * np.linalg.norm(second, axis=-1)
        return 1.0 - np.sum(first * second, axis=-1) / np.maximum(lengths, 1e-12)
