"""The checkpoints that this software knows by name. A new one is one more file in ``cards/``."""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import Annotated, Literal, get_args

import yaml
from pydantic import BaseModel, ConfigDict, Field

from cosmos_policy.types import Sampling

#: Base-model inference defaults of NVIDIA/cosmos-framework 5eee9ed, for a checkpoint that no card describes.
BASE_SAMPLING = Sampling(num_inference_steps=30, guidance_scale=1.0, flow_shift=10.0)
#: Defaults of diffusers 0.42.1's ``Cosmos3OmniPipeline`` for pictures and videos, and the published schedulers' shift.
GENERATION_SAMPLING = Sampling(num_inference_steps=35, guidance_scale=6.0, flow_shift=10.0, resolution_tier=720)


#: robots' three calls, questions, the generator's modes, and sound beside videos
Ability = Literal[
    "actions", "reason", "text-to-image", "text-to-video", "image-to-video", "video-to-video", "transfer", "sound"
]
ABILITIES: tuple[Ability, ...] = get_args(Ability)
BYTES_PER_PARAMETER = 2
#: Checkpoints that come with the package.
BUILT_IN = ("tiny", "small")
#: Lies in the folder of a checkpoint that tells how it was trained.
CARD_FILE = "cosmos_policy.json"


class NormalizerSpec(BaseModel):
    """A normaliser that a checkpoint brings for one embodiment.

    kind, clamp: as in ``embodiments.normalizers.make``. statistics: quantity ("q01", "q99", "mean", ...) -> numbers.
    source: the data that the statistics were computed on.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: str
    statistics: dict[str, list[float]]
    source: str
    clamp: bool = False


class CheckpointCard(BaseModel):
    """What must be known about a checkpoint to call it as it was trained.

    name: the built-in name or hub id. embodiments: those it was post-trained on; None means all.
    prompt_format: "json" or "plain" (see :mod:`cosmos_policy.inputs.prompt`).
    sampling: its own defaults for actions; generation: for pictures and videos.
    source: where these facts come from. notes: what a reader of results must know.
    normalizers: "base" where it was trained with the base model's, which each embodiment carries; embodiment ->
        :class:`NormalizerSpec` where it brings its own; None where that is not known, and then no action is computed.
    chunk_sizes: embodiment -> actions that it was trained to predict at once, where they are not the embodiment's own.
    abilities: what it was trained to do.
    parameters_billions: of the transformer's two halves and the video autoencoder; None where nobody said.
    guardrails: whether what it generates wants guardrails; random weights show nothing.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    summary: str
    prompt_format: Literal["json", "plain"]
    sampling: Sampling
    source: str
    normalizers: Literal["base"] | dict[str, NormalizerSpec] | None
    embodiments: tuple[str, ...] | None = None
    chunk_sizes: dict[str, Annotated[int, Field(ge=4, multiple_of=4)]] = {}
    generation: Sampling = GENERATION_SAMPLING
    abilities: tuple[Ability, ...] = ABILITIES
    parameters_billions: float | None = None
    guardrails: bool = True
    notes: tuple[str, ...] = ()

    @property
    def weights_gib(self) -> float | None:
        """Memory that its weights take in 16 bits; a call needs more beside them."""
        if self.parameters_billions is None:
            return None
        return self.parameters_billions * 1e9 * BYTES_PER_PARAMETER / 2**30


@cache
def cards() -> dict[str, CheckpointCard]:
    """name -> card, of every known checkpoint, the built-in ones first."""
    files = resources.files("cosmos_policy.checkpoints.cards").iterdir()
    texts = [file.read_text() for file in files if file.name.endswith(".yaml")]
    texts.append((resources.files("cosmos_policy.checkpoints") / "small" / CARD_FILE).read_text())  # JSON is YAML
    found = [CheckpointCard(**yaml.safe_load(text)) for text in texts]

    def place(card: CheckpointCard) -> tuple[int, str]:
        return BUILT_IN.index(card.name) if card.name in BUILT_IN else len(BUILT_IN), card.name

    return {card.name: card for card in sorted(found, key=place)}


def find_card(name: str) -> CheckpointCard | None:
    """The card of a built-in name or hub id, also without its owner ("Cosmos3-Nano")."""
    for card in cards().values():
        if name in (card.name, card.name.rpartition("/")[2]):
            return card
    return None


def unknown_card(name: str) -> CheckpointCard:
    """What is assumed of a checkpoint that no card describes: the base model's prompt and sampling, said aloud.

    Its normalisers are not assumed: a wrong one moves a robot wrongly.
    """
    return CheckpointCard(
        name=name,
        summary="not described by any card",
        prompt_format="json",
        sampling=BASE_SAMPLING,
        source="base-model inference defaults of NVIDIA/cosmos-framework 5eee9ed",
        normalizers=None,
        notes=(f"No card describes {name}: the base model's prompt and sampling defaults are used.",),
    )
