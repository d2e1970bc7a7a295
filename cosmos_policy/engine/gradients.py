"""Gradients stay on where cosmos-guardrail is installed.

diffusers' pipeline brings it in, and with it retinaface, which switches gradients off for the whole process. Whoever
imports diffusers imports this first; what needs no torch (``engine.request``) does not.
"""

import sys

import torch
from diffusers import Cosmos3OmniPipeline  # noqa: F401

if "retinaface" in sys.modules:
    torch.set_grad_enabled(True)
