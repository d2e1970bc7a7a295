"""The next token: from logits, by each answer's own settings and its own seed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import torch
from transformers import LogitsProcessorList, TemperatureLogitsWarper, TopKLogitsWarper, TopPLogitsWarper

from cosmos_policy.types import ReasonSampling

#: more than top_k tokens are looked at, as several may share the last place's probability
SPARE = 64


@dataclass(eq=False)
class Drawing:
    """What one answer's draws depend on.

    prompt_ids: int64 [tokens]. The draws repeat those of ``torch.multinomial`` after ``torch.manual_seed(seed)`` on the
    same device, so that transformers' own ``generate`` says the same.
    """

    settings: ReasonSampling
    seed: int
    prompt_ids: torch.Tensor
    vocabulary: int

    def __post_init__(self) -> None:
        device = self.prompt_ids.device
        self.generator = torch.Generator(device).manual_seed(self.seed)
        self.counts = torch.zeros(self.vocabulary, device=device)
        self.in_prompt = torch.zeros(self.vocabulary, dtype=torch.bool, device=device)
        self.in_prompt[self.prompt_ids] = True

    def noise(self) -> torch.Tensor:
        """float32 [vocabulary], exponential variates: each call the next."""
        return torch.empty_like(self.counts).exponential_(1, generator=self.generator)

    @property
    def counts_tokens(self) -> bool:
        """Whether what was said changes what will be."""
        chosen = self.settings
        return bool(chosen.repetition_penalty != 1 or chosen.presence_penalty or chosen.frequency_penalty)


@torch.inference_mode()
def draw(logits: torch.Tensor, drawings: Sequence[Drawing]) -> torch.Tensor:
    """The next token of each answer, int64 [rows]. logits: [rows, vocabulary]. Counts them in `drawings`."""
    chosen = torch.empty(len(logits), dtype=torch.long, device=logits.device)
    groups: dict[ReasonSampling, list[int]] = {}
    for row, drawing in enumerate(drawings):
        groups.setdefault(drawing.settings, []).append(row)
    for settings, rows in groups.items():
        mine = [drawings[row] for row in rows]
        scores = (logits if len(rows) == len(logits) else logits[rows]).float()
        if mine[0].counts_tokens:
            scores = _penalized(scores, settings, mine)
        chosen[rows] = _pick(scores, settings, mine)
    for row, drawing in enumerate(drawings):
        if drawing.counts_tokens:
            drawing.counts[chosen[row]] += 1
    return chosen


def _pick(scores: torch.Tensor, settings: ReasonSampling, drawings: Sequence[Drawing]) -> torch.Tensor:
    if settings.temperature == 0:
        return scores.argmax(-1)
    places = None
    if settings.top_k and settings.top_k + SPARE < scores.shape[-1]:
        # What is beyond the most likely few is never drawn: the warpers need not sort the whole vocabulary.
        scores, places = scores.topk(settings.top_k + SPARE, dim=-1)
    likely = torch.softmax(_warpers(settings)(None, scores), dim=-1)
    # torch.multinomial of one sample: the largest quotient of a probability and an exponential variate
    noise = torch.stack([drawing.noise() for drawing in drawings])
    if places is None:
        return (likely / noise).argmax(-1)
    best = (likely / noise.gather(-1, places)).argmax(-1, keepdim=True)
    return places.gather(-1, best)[:, 0]


def _penalized(scores: torch.Tensor, settings: ReasonSampling, drawings: Sequence[Drawing]) -> torch.Tensor:
    counts = torch.stack([drawing.counts for drawing in drawings])
    factor = settings.repetition_penalty
    if factor != 1:
        known = (counts > 0) | torch.stack([drawing.in_prompt for drawing in drawings])
        scores = torch.where(known, torch.where(scores < 0, scores * factor, scores / factor), scores)
    return scores - settings.presence_penalty * (counts > 0) - settings.frequency_penalty * counts


@lru_cache(maxsize=64)
def _warpers(settings: ReasonSampling) -> LogitsProcessorList:
    """transformers' own, in the order in which its ``generate`` has them."""
    warpers = LogitsProcessorList()
    if settings.temperature != 1:
        warpers.append(TemperatureLogitsWarper(float(settings.temperature)))
    if settings.top_k:
        warpers.append(TopKLogitsWarper(int(settings.top_k)))
    if settings.top_p < 1:
        warpers.append(TopPLogitsWarper(float(settings.top_p)))
    return warpers
