"""The calls that are measured, and where."""

from __future__ import annotations

import gc
from dataclasses import replace

import torch

from cosmos_policy.bench.cases import POLICY_SAMPLING, Case
from cosmos_policy.bench.sizes import random_parts
from cosmos_policy.engine.weights import Parts
from cosmos_policy.types import Sampling

DEVICE, DTYPE = torch.device("cuda"), torch.bfloat16
FIRST = replace(POLICY_SAMPLING, guidance_steps=1)
VIDEO = Sampling(num_inference_steps=35, guidance_scale=6.0, flow_shift=5.0, resolution_tier=256)
SMALL = replace(POLICY_SAMPLING, resolution_tier=256)

POLICY = Case("policy, 32 actions", "policy", chunk_size=32)
FIRST_STEP = replace(POLICY, name="policy, guided at the first step", sampling=FIRST)
WIDE = replace(POLICY, name="policy at 832x480", image_size=(480, 832))
FORWARD = Case("forward dynamics, 16 actions, video", "forward-dynamics", chunk_size=16)
INVERSE = Case("inverse dynamics, 16 actions", "inverse-dynamics", chunk_size=16)
GENERATE = Case("text to video, 320x192, 189 frames", "generate", sampling=VIDEO)
JOINT = Case("policy, droid_joint (state row)", "policy", "droid_joint")
SMALL_POLICY = Case("policy, tier 256, 16 actions", "policy", chunk_size=16, sampling=SMALL)
SMALL_INVERSE = Case("inverse dynamics, tier 256, 16 actions", "inverse-dynamics", chunk_size=16, sampling=SMALL)


def let_go() -> None:
    """Give back the device memory of what nobody refers to."""
    gc.collect()
    torch.cuda.empty_cache()


class Networks:
    """Published sizes with random weights, one at a time: sections that follow each other share one."""

    def __init__(self) -> None:
        self._size: str | None = None
        self._parts: Parts | None = None

    def get(self, size: str) -> Parts:
        if size != self._size:
            self.drop()
            self._size, self._parts = size, random_parts(size, DEVICE, DTYPE)
        return self._parts

    def drop(self) -> None:
        """Let the network go, because its weights were changed or take room."""
        self._size = self._parts = None
        let_go()
