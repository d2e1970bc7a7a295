"""``cosmos-policy bench``: how long calls take here, stage by stage."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Annotated

import typer

CALL_NAMES = ("policy", "inverse-dynamics", "forward-dynamics", "generate")


def bench(
    checkpoint: Annotated[str | None, typer.Option(help="Name, folder or hub id.")] = None,
    random: Annotated[str | None, typer.Option(help="nano, edge or super: real sizes, random weights.")] = None,
    embodiment: Annotated[str, typer.Option(help="The robot that calls.")] = "droid",
    calls: Annotated[str, typer.Option(help="Comma-separated: policy, inverse-dynamics, ...")] = "policy",
    chunk_size: Annotated[int | None, typer.Option(help="Actions; the robot's own by default.")] = None,
    steps: Annotated[int | None, typer.Option(help="Denoising steps.")] = None,
    guidance: Annotated[float | None, typer.Option(help="Guidance scale.")] = None,
    guidance_steps: Annotated[int | None, typer.Option(help="Guide only the first so many steps.")] = None,
    tier: Annotated[int | None, typer.Option(help="Resolution tier: 256, 480, 704, 720 or 768.")] = None,
    video: Annotated[bool, typer.Option("--video", help="Decode the policy's video too.")] = False,
    frames: Annotated[int, typer.Option(help="Frames of generate.")] = 189,
    text_tokens: Annotated[int, typer.Option(help="Tokens of the prompt.")] = 300,
    batch: Annotated[str, typer.Option(help="Comma-separated numbers of requests at once.")] = "1",
    repeat: Annotated[int, typer.Option(help="Warm calls per measurement.")] = 20,
    compare: Annotated[str | None, typer.Option(help="diffusers: measure its pipeline too.")] = None,
    fp8: Annotated[bool, typer.Option("--fp8", help="Measure 8-bit linear layers too.")] = False,
    parity: Annotated[bool, typer.Option("--parity", help="Compare answers with float32.")] = False,
    offload: Annotated[str | None, typer.Option(help="text or layers: see cosmos_policy.load.")] = None,
    device: Annotated[str | None, typer.Option(help="cpu, cuda, cuda:1, ...")] = None,
    dtype: Annotated[str | None, typer.Option(help="float32, bfloat16 or float16.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Measure calls: p50 and p99 of every stage, throughput, memory, and the floor that arithmetic sets.

    Example: cosmos-policy bench --random nano --calls policy,forward-dynamics --compare diffusers --batch 1,4
    """
    from rich.console import Console

    from cosmos_policy.bench.cases import POLICY_SAMPLING, Case
    from cosmos_policy.bench.report import as_json as as_dict
    from cosmos_policy.bench.report import print_tables
    from cosmos_policy.bench.run import Settings, run_bench
    from cosmos_policy.engine.guidance import check_guidance
    from cosmos_policy.errors import UsageError
    from cosmos_policy.types import Sampling

    if compare not in (None, "diffusers"):
        raise UsageError(f"--compare knows diffusers only, not {compare!r}.")
    if repeat < 1:
        raise UsageError(f"--repeat is {repeat}; expected 1 or more warm calls.")
    names = [name.strip() for name in calls.split(",")]
    unknown = [name for name in names if name not in CALL_NAMES]
    if unknown:
        raise UsageError(f"--calls knows {', '.join(CALL_NAMES)}, not {', '.join(unknown)}.")
    parts, place, precision, defaults = _parts(checkpoint, random, device, dtype, offload)
    asked = Sampling(steps, guidance, resolution_tier=tier, guidance_steps=guidance_steps)
    sampling = asked.over(defaults or POLICY_SAMPLING)
    if sampling.resolution_tier is None:
        sampling = replace(sampling, resolution_tier=POLICY_SAMPLING.resolution_tier)
    check_guidance(sampling)
    cases = [
        Case(name, name, embodiment, chunk_size, sampling, video, text_tokens=text_tokens, video_frames=frames)
        for name in names
    ]
    settings = Settings(repeat, _sizes(batch), compare is not None, fp8, parity, offload)
    measured = run_bench(parts, place, precision, cases, settings)
    if as_json:
        print(json.dumps(as_dict(measured), indent=2))
    else:
        print_tables(measured, Console())


def _parts(checkpoint: str | None, random: str | None, device: str | None, dtype: str | None, offload: str | None):
    """The weights to measure, their device and precision, and the checkpoint's own sampling (None for random ones)."""
    import torch

    from cosmos_policy.bench.sizes import TRANSFORMERS, random_parts
    from cosmos_policy.checkpoints import resolve_checkpoint
    from cosmos_policy.engine.offload import check_offload
    from cosmos_policy.engine.weights import load_parts
    from cosmos_policy.errors import UsageError
    from cosmos_policy.loading import choose_device, choose_dtype

    if checkpoint is not None and random is not None:
        raise UsageError("Give either --checkpoint or --random, not both.")
    place = choose_device(device)
    precision = getattr(torch, choose_dtype(place, dtype))
    check_offload(offload, place)
    if random is None:
        found = resolve_checkpoint(checkpoint or "tiny")
        return load_parts(found.folder, place, precision, offload is not None), place, precision, found.card.sampling
    if random not in TRANSFORMERS:
        raise UsageError(f"--random is {random!r}; expected one of {', '.join(TRANSFORMERS)}.")
    made = random_parts(random, place, precision)
    if offload is not None:
        made.transformer.to("cpu")
    return made, place, precision, None


def _sizes(text: str) -> tuple[int, ...]:
    from cosmos_policy.errors import UsageError

    try:
        sizes = tuple(int(part) for part in text.split(","))
    except ValueError:
        sizes = ()
    if not sizes or min(sizes) < 1:
        raise UsageError(f"--batch is {text!r}; expected numbers of requests such as 1,4,16.")
    return sizes
