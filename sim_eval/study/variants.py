"""The checkpoints that are compared: one as it is, and what can go wrong with it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import cosmos_policy
from cosmos_policy.types import Sampling
from cosmos_policy.world_action_model import WorldActionModel
from sim_eval.study.noise import shaken
from sim_eval.study.wrapped import FlippedGripper, WrongNormalizer

NOISE_SEED = 0


@dataclass(frozen=True)
class Place:
    """Where models run, and where shaken checkpoints are kept."""

    folder: Path
    device: str | None = None
    dtype: str | None = None
    like: str | None = None


@dataclass(frozen=True)
class Variant:
    """One of those that are compared.

    name: of its folder. title: for readers. checkpoint: a name, folder or hub id. shaken_by: noise on its weights.
    sampling: what it changes. wraps: what is put around it. fp8: 8-bit weights; needs a GPU.
    """

    name: str
    title: str
    checkpoint: str
    shaken_by: float = 0.0
    sampling: Sampling = field(default_factory=Sampling)
    wraps: Callable[[WorldActionModel], WorldActionModel] | None = None
    fp8: bool = False

    @contextmanager
    def open(self, place: Place) -> Iterator[WorldActionModel]:
        """The model of this variant."""
        name, like = self.checkpoint, place.like
        if self.shaken_by:
            kept = place.folder / "checkpoints" / self.name
            kept.parent.mkdir(parents=True, exist_ok=True)
            name, like = str(shaken(name, kept, self.shaken_by, NOISE_SEED, like)), None
        with cosmos_policy.load(name, device=place.device, dtype=place.dtype, like=like, fp8=self.fp8) as model:
            yield model if self.wraps is None else self.wraps(model)


def variants_of(
    checkpoint: str, noises: Sequence[float], stretches: Sequence[float], steps: Sequence[int], others: dict[str, str]
) -> list[Variant]:
    """The checkpoint as it is, its corruptions, and `others` (name -> checkpoint) beside it. fp8 where a GPU has it."""
    made = [Variant("clean", "as it is", checkpoint)]
    made += [
        Variant(f"noise_{share:g}", f"weights shaken by {share:g} of their spread", checkpoint, shaken_by=share)
        for share in noises
    ]
    made += [
        Variant(
            f"normaliser_{factor:g}",
            f"normaliser {factor:g} times as wide",
            checkpoint,
            wraps=lambda model, factor=factor: WrongNormalizer(model, factor),
        )
        for factor in stretches
    ]
    made.append(Variant("gripper", "gripper flipped", checkpoint, wraps=FlippedGripper))
    made += [
        Variant(
            f"steps_{number}", f"denoising steps: {number}", checkpoint, sampling=Sampling(num_inference_steps=number)
        )
        for number in steps
    ]
    if has_fp8():
        made.append(Variant("fp8", "8-bit weights", checkpoint, fp8=True))
    made += [Variant(f"other_{name}", name, other) for name, other in others.items()]
    return made


def has_fp8() -> bool:
    """Whether there is a GPU here that computes in 8-bit floating point (compute capability 8.9 or more)."""
    import torch

    return torch.cuda.is_available() and torch.cuda.get_device_capability() >= (8, 9)
