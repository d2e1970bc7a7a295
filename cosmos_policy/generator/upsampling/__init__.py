"""Prompt upsampling: a short prompt becomes the structured caption that Cosmos 3 was trained on.

A writer (the checkpoint's own reasoner, or any OpenAI-compatible endpoint) is told what the caption holds, its answer
is checked field by field, and asked for once more where it does not fit.
"""

from cosmos_policy.generator.upsampling.upsample import upsample
from cosmos_policy.generator.upsampling.writers import EndpointWriter, ReasonerWriter, Writer

__all__ = ["EndpointWriter", "ReasonerWriter", "Writer", "upsample"]
