"""The next token: from logits, by each answer's own settings and its own seed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import torch
from transformers import LogitsProcessorList, TemperatureLogitsWarper, TopKLogitsWarper, TopPLogitsWarper

from cosmos_policy.types import ReasonSampling

#: reasoner_prompt_guide.md of NVIDIA/cosmos: without reasoning, and with
PLAIN = ReasonSampling(0.7, 0.8, 20, 1.0, 1.5, 0.0)
REASONING = ReasonSampling(0.6, 0.95, 20, 1.0, 0.0, 0.0)


def sampling_for(reasoning: bool, sampling: ReasonSampling) -> ReasonSampling:
    """`sampling` with every None filled by the documented default."""
    return sampling.over(REASONING if reasoning else PLAIN)


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

    @property
    def counts_tokens(self) -> bool:
        """Whether what was said changes what will be."""
        chosen = self.settings
        return bool(chosen.repetition_penalty != 1 or chosen.presence_penalty or chosen.frequency_penalty)


def draw(logits: torch.Tensor, drawings: Sequence[Drawing]) -> torch.Tensor:
    """The next token of each answer, int64 [rows]. logits: [rows, vocabulary]. Counts them in `drawings`."""
    scores = logits.float()
    penalized = [row for row, drawing in enumerate(drawings) if drawing.counts_tokens]
    for row in penalized:
        scores[row] = _penalized(scores[row], drawings[row])
    chosen = torch.empty(len(scores), dtype=torch.long, device=scores.device)
    groups: dict[ReasonSampling, list[int]] = {}
    for row, drawing in enumerate(drawings):
        groups.setdefault(drawing.settings, []).append(row)
    for settings, rows in groups.items():
        mine = scores if len(rows) == len(scores) else scores[rows]
        chosen[rows] = _pick(mine, settings, [drawings[row] for row in rows])
    for row in penalized:
        drawings[row].counts[chosen[row]] += 1
    return chosen


def _pick(scores: torch.Tensor, settings: ReasonSampling, drawings: Sequence[Drawing]) -> torch.Tensor:
    if settings.temperature == 0:
        return scores.argmax(-1)
    likely = torch.softmax(_warpers(settings)(None, scores), dim=-1)
    # torch.multinomial of one sample: the largest quotient of a probability and an exponential variate
    noise = torch.empty_like(likely)
    for row, drawing in zip(noise, drawings, strict=True):
        row.exponential_(1, generator=drawing.generator)
    return (likely / noise).argmax(-1)


def _penalized(scores: torch.Tensor, drawing: Drawing) -> torch.Tensor:
    settings, said = drawing.settings, drawing.counts > 0
    factor = settings.repetition_penalty
    if factor != 1:
        known = said | drawing.in_prompt
        scores = torch.where(known, torch.where(scores < 0, scores * factor, scores / factor), scores)
    return scores - settings.presence_penalty * said - settings.frequency_penalty * drawing.counts


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
