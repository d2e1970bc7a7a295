"""Other engines behind the same five calls: ``cosmos_policy.connect("vllm-omni+http://host:port")``.

The robot's part (views, state, canvas, prompt, normaliser, commands, checks) is done here as for a model in this
process; the engine denoises. Each engine is one module with a function ``open_model(options)``, named by its scheme::

    connect -> vllm_omni -> actions -> dialects (what the form says) -> video_jobs -> endpoint (HTTP)
                         -> generation ------------------------------^
            -> vllm      -> chat --------------------------------------------------^

No torch: a robot's computer calls a vLLM-Omni server with ``cosmos-policy[other-engines]`` (Pillow and PyAV).
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cosmos_policy.client.other_engines.options import EngineOptions
    from cosmos_policy.world_action_model import WorldActionModel

#: scheme, as in "vllm-omni+http://host:port" -> the module that opens it
SCHEMES = {"vllm": "vllm", "vllm-omni": "vllm_omni"}


def scheme_of(url: str) -> tuple[str, str] | None:
    """("vllm", "http://host:port") of "vllm+http://host:port"; None where no other engine is named."""
    engine, plus, address = url.partition("+")
    return (engine, address) if plus and "://" in address and "/" not in engine else None


def open_engine(engine: str, options: EngineOptions) -> WorldActionModel:
    """The model behind `engine`, a key of :data:`SCHEMES`."""
    return import_module(f"{__name__}.{SCHEMES[engine]}").open_model(options)
