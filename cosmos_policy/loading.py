"""``cosmos_policy.load``: from a name to a model that answers."""

from __future__ import annotations

import importlib.util
import logging
import os

from cosmos_policy.errors import UsageError
from cosmos_policy.world_action_model import WorldActionModel

DTYPES = ("float32", "bfloat16", "float16")
logger = logging.getLogger(__name__)


def load(
    checkpoint: str | os.PathLike[str],
    *,
    device: str | None = None,
    dtype: str | None = None,
    revision: str | None = None,
    like: str | None = None,
    engine: str = "native",
    fp8: bool = False,
    offload: str | None = None,
    tensor_parallel: int = 1,
    context_parallel: int = 1,
    guidance_parallel: int = 1,
    guardrails: bool | None = None,
) -> WorldActionModel:
    """Load a checkpoint into this process.

    checkpoint: "tiny" (built in, no download), a folder in the published layout, or a hub id such as
        "nvidia/Cosmos3-Nano" (through huggingface_hub, with your token and cache).
    device: "cpu", "cuda", "cuda:1", ...; None takes CUDA where there is one.
    dtype: "float32", "bfloat16" or "float16"; None takes bfloat16 on CUDA and float32 on a CPU.
    revision: branch, tag or commit of a hub id.
    like: the known checkpoint whose prompt, sampling and normalisers this one was trained with; needed where neither a
        ``cosmos_policy.json`` in its folder nor its name tells.
    engine: "native" (our step loop: batched, and fast on GPUs) or "diffusers" (its pipeline: the reference).
    fp8: the generation stream's linear layers in 8-bit floating point: faster and smaller, less exact. Needs an NVIDIA
        GPU of compute capability 8.9 or more. An official fp8 checkpoint keeps its own 8 bits; without `fp8` its
        weights are brought back to `dtype`.
    offload: for cards that cannot hold all weights. "text" keeps the language weights in host memory until a new
        prompt is read; "layers" brings every layer over as it is needed. None keeps everything on the device.
    tensor_parallel, context_parallel, guidance_parallel: on how many devices of this computer (their product in all)
        the weights, the tokens, and the branches of guidance are shared; a process is started for each beyond the
        first. Under torchrun its processes are used: there, only the first one returns from here.
    guardrails: around generations. None: where cosmos-guardrail is installed, unless a request says otherwise (and not
        for random weights); True: always; False: never.
    Raises :class:`UsageError` for what cannot be (an unknown name lists the known ones; a folder is told what it
    lacks) and :class:`Failure` for what did not work (no network, licence not accepted).
    """
    if not isinstance(checkpoint, (str, os.PathLike)) or not os.fspath(checkpoint):
        raise UsageError(
            f'checkpoint is {checkpoint!r}; expected "tiny", a checkpoint folder, or a hub id such as '
            '"nvidia/Cosmos3-Nano" (cosmos-policy checkpoints lists the known ones).'
        )
    if importlib.util.find_spec("torch") is None:
        raise UsageError(
            "This installation has no torch, so no model can run in it: install cosmos-policy[model], "
            "or connect to a server that has one."
        )
    import torch

    from cosmos_policy.checkpoints import resolve_checkpoint
    from cosmos_policy.engine.choice import make_engine
    from cosmos_policy.engine.parallel.sizes import Parallel
    from cosmos_policy.generator.guardrails import state_of
    from cosmos_policy.local_model import LocalModel

    parallel = Parallel(tensor_parallel, context_parallel, guidance_parallel)
    place = choose_device(device)
    precision = choose_dtype(place, dtype)
    found = resolve_checkpoint(checkpoint, revision, like)
    guarded = state_of(guardrails, found.card.guardrails)
    options = {"fp8": fp8, "offload": offload, "parallel": parallel}
    chosen = make_engine(engine, found.folder, place, getattr(torch, precision), **options)
    model = LocalModel(found, chosen, str(place), precision, guardrails=guarded)
    logger.info("loaded %s (%s) on %s in %s: %s", found.name, found.revision, place, precision, chosen.name)
    for note in found.card.notes:
        logger.warning(note)
    return model


def choose_device(device: str | None):
    """The ``torch.device`` of that name; None takes CUDA where there is one."""
    import torch

    if device is None:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        place = torch.device(device)
    except RuntimeError:
        raise UsageError(f'device {device!r} is not known to torch; expected "cpu", "cuda" or "cuda:0".') from None
    if place.type == "cuda" and not torch.cuda.is_available():
        raise UsageError(f'device {device!r} was asked for, but torch finds no CUDA device here; use device="cpu".')
    return place


def choose_dtype(place, dtype: str | None) -> str:
    """The name of a torch dtype; None takes bfloat16 on CUDA and float32 elsewhere. place: a ``torch.device``."""
    precision = dtype or ("bfloat16" if place.type == "cuda" else "float32")
    if precision not in DTYPES:
        raise UsageError(f"dtype {precision!r} is not one of {', '.join(DTYPES)}.")
    return precision
