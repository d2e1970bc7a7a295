"""The denoising engine: model-space tensors in, model-space tensors out. It knows no robot."""

import sys

import torch
from diffusers import Cosmos3OmniPipeline  # noqa: F401  brings in cosmos-guardrail where it is installed

if "retinaface" in sys.modules:  # which it imports, and which switches gradients off for the whole process
    torch.set_grad_enabled(True)
