"""Made-up questions and generations: what a model is warmed up with beside a robot's calls."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cosmos_policy.types import GenerateRequest, ReasonRequest, Sampling

#: the first step of a schedule and any later one run different kernels
STEPS = 2
FRAMES = 17
TOKENS = 4


def example_question(seed: int) -> ReasonRequest:
    """A picture, and a few words about it."""
    picture = np.random.default_rng(seed).integers(0, 256, (256, 256, 3), dtype=np.uint8)
    content = [{"type": "image", "image": picture}, {"type": "text", "text": "What is to be seen?"}]
    return ReasonRequest([{"role": "user", "content": content}], max_tokens=TOKENS, seed=seed)


def example_generation(abilities: Sequence[str], distilled: bool) -> GenerateRequest:
    """What a checkpoint of these abilities makes, in its usual size; few steps, where the number of steps is free."""
    sampling = Sampling() if distilled else Sampling(num_inference_steps=STEPS)
    if "text-to-video" in abilities:
        return GenerateRequest("warm up", num_frames=FRAMES, sampling=sampling)
    if "text-to-image" in abilities:
        return GenerateRequest("warm up", num_frames=1, sampling=sampling)
    image = np.zeros((720, 1280, 3), np.uint8)
    return GenerateRequest("warm up", num_frames=FRAMES, image=image, sampling=sampling)
