"""The documented defaults of drawing words. Needs no library: clients of other engines say them aloud."""

from __future__ import annotations

from cosmos_policy.types import ReasonSampling

#: reasoner_prompt_guide.md of NVIDIA/cosmos: without reasoning, and with
PLAIN = ReasonSampling(0.7, 0.8, 20, 1.0, 1.5, 0.0)
REASONING = ReasonSampling(0.6, 0.95, 20, 1.0, 0.0, 0.0)


def sampling_for(reasoning: bool, sampling: ReasonSampling) -> ReasonSampling:
    """`sampling` with every None filled by the documented default."""
    return sampling.over(REASONING if reasoning else PLAIN)
