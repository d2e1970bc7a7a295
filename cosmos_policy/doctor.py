"""What of this software works on this machine, and how to get what does not."""

from __future__ import annotations

import ctypes.util
import importlib.util
import os
import platform
from dataclasses import dataclass
from importlib import metadata

from cosmos_policy.checkpoints.cache import cache_folder


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at. `works` is None where it is only told. `cure` says how to get what is missing."""

    subject: str
    works: bool | None
    found: str
    cure: str = ""


#: extra of the package -> what it is for, and the modules that must be there
EXTRAS = {
    "model": ("models in this process", ("torch", "diffusers", "transformers")),
    "evaluation": ("dataset replay and reports", ("lerobot", "av", "skimage", "plotly", "jinja2")),
    "server": ("the model server", ("fastapi", "uvicorn", "multipart", "prometheus_client")),
    "guardrails": ("guardrails around generations", ("cosmos_guardrail",)),
    "simulation": ("physics roll-outs", ("gymnasium", "mujoco", "robosuite")),
}

#: of GPUs where flash-attn-4 beats cuDNN: Hopper (measured), Blackwell
FLASH_CAPABILITY = (9, 0)


def _extra(name: str) -> Finding:
    purpose, modules = EXTRAS[name]
    missing = [module for module in modules if importlib.util.find_spec(module) is None]
    cure = f"pip install 'cosmos-policy[{name}]' (Python 3.12 or later)" if missing else ""
    owners = metadata.packages_distributions()
    versions = [f"{module} {metadata.version(owners[module][0])}" for module in modules if module in owners]
    found = f"lacks {', '.join(missing)}" if missing else ", ".join(versions)
    return Finding(f"{purpose} [{name}]", not missing, found, cure)


def _gpu() -> list[Finding]:
    if importlib.util.find_spec("torch") is None:
        return []
    import torch

    if not torch.cuda.is_available():
        cure = "a CPU runs tiny; the published checkpoints want an NVIDIA GPU with its driver"
        return [Finding("CUDA", False, f"torch {torch.__version__} finds no device", cure)]
    findings = []
    for index in range(torch.cuda.device_count()):
        properties = torch.cuda.get_device_properties(index)
        memory = f"{properties.total_memory / 2**30:.0f} GiB"
        architecture = f"sm_{properties.major}{properties.minor}"
        findings.append(Finding(f"cuda:{index}", True, f"{properties.name}, {memory}, {architecture}"))
        findings.append(_path(f"cuda:{index} bfloat16", properties.major >= 8, "needs an Ampere GPU or newer"))
        fp8 = (properties.major, properties.minor) >= (8, 9)
        findings.append(_path(f"cuda:{index} fp8", fp8, "needs an Ada or Hopper GPU or newer"))
    return findings


def _fast_attention() -> list[Finding]:
    """flash-attn-4: never needed, since cuDNN attends without it; missing only where a GPU would gain from it."""
    if importlib.util.find_spec("torch") is None:
        return []
    import torch

    subject = "fast attention [gpu]"
    try:
        version = metadata.version("flash-attn-4")
    except metadata.PackageNotFoundError:
        gains = torch.cuda.is_available() and torch.cuda.get_device_capability() >= FLASH_CAPABILITY
        found = "flash-attn-4 is not installed: cuDNN attends, a little slower"
        return [Finding(subject, False if gains else None, found, "pip install 'cosmos-policy[gpu]' (Linux)")]
    missing = [module for module in ("flash_attn", "cutlass") if importlib.util.find_spec(module) is None]
    if missing:
        cure = "pip install --force-reinstall 'flash-attn-4[cu13]'"
        return [Finding(subject, False, f"flash-attn-4 {version} lacks {', '.join(missing)}", cure)]
    return [Finding(subject, True, f"flash-attn-4 {version}")]


def _path(subject: str, works: bool, need: str) -> Finding:
    return Finding(subject, works, "yes" if works else "no", "" if works else need)


def _rendering() -> Finding:
    backend = os.environ.get("MUJOCO_GL")
    if backend:
        return Finding("off-screen rendering", None, f"MUJOCO_GL={backend}")
    libraries = [name for name in ("EGL", "OSMesa") if ctypes.util.find_library(name)]
    cure = "" if libraries else "on Debian or Ubuntu: apt-get install libosmesa6"
    return Finding("off-screen rendering", bool(libraries), ", ".join(libraries) or "neither EGL nor OSMesa", cure)


def _hub() -> Finding:
    if importlib.util.find_spec("huggingface_hub") is None:
        return Finding("model hub", False, "huggingface_hub is missing", "pip install 'cosmos-policy[model]'")
    from huggingface_hub import get_token

    if get_token():
        return Finding("model hub", True, "logged in")
    return Finding("model hub", False, "not logged in", "hf auth login (only checkpoints with a licence gate need it)")


def examine() -> list[Finding]:
    """Everything, in the order in which a newcomer needs it."""
    return [
        Finding("cosmos-policy", None, f"{metadata.version('cosmos-policy')} on Python {platform.python_version()}"),
        *map(_extra, EXTRAS),
        *_gpu(),
        *_fast_attention(),
        _rendering(),
        _hub(),
        Finding("cache", None, str(cache_folder())),
    ]
