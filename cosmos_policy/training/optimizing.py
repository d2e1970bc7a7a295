"""AdamW's groups, and the learning rate over the run."""

from __future__ import annotations

import math

import torch

from cosmos_policy.training.settings import OptimizerSettings
from cosmos_policy.training.task import Task


def optimizer_for(task: Task, settings: OptimizerSettings, device: torch.device) -> torch.optim.AdamW:
    """AdamW over everything that is trained; each group keeps its own top rate as ``peak``."""
    groups: dict[tuple[float, bool], list[torch.nn.Parameter]] = {}
    for name, parameter in task.module.named_parameters():
        if parameter.requires_grad:
            key = (task.learning_rate_factor(name), task.has_decay(name, parameter))
            groups.setdefault(key, []).append(parameter)
    described = [
        {
            "params": parameters,
            "peak": settings.learning_rate * factor,
            "weight_decay": settings.weight_decay if decay else 0.0,
        }
        for (factor, decay), parameters in sorted(groups.items(), key=lambda item: item[0])
    ]
    return torch.optim.AdamW(
        described,
        lr=settings.learning_rate,
        betas=(settings.beta1, settings.beta2),
        fused=device.type == "cuda",
    )


def set_rate(optimizer: torch.optim.Optimizer, settings: OptimizerSettings, step: int, done: float) -> float:
    """Set the learning rates of a step. done: share of the run that is behind. Returns the factor on their peaks."""
    factor = 1.0
    if settings.schedule != "constant" and step < settings.warmup_steps:
        factor = (step + 1) / settings.warmup_steps
    elif settings.schedule == "linear":
        factor = 1.0 - done
    elif settings.schedule == "cosine":
        factor = 0.5 * (1.0 + math.cos(math.pi * done))
    for group in optimizer.param_groups:
        group["lr"] = group["peak"] * factor
    return factor
