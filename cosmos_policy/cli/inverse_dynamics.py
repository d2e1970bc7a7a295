"""``cosmos-policy inverse-dynamics``: a video in, the actions that connect its frames out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cosmos_policy.cli import options
from cosmos_policy.errors import UsageError


def inverse_dynamics(
    video: Annotated[Path, typer.Option(help="Video of the composed views, at the embodiment's rate.")],
    embodiment: options.Embodiment,
    instruction: Annotated[str | None, typer.Option(help="What is being done; default: the embodiment's.")] = None,
    state: Annotated[Path | None, typer.Option(help="State at the first frame: the answer gets commands.")] = None,
    checkpoint: options.Checkpoint = "tiny",
    like: options.Like = None,
    seed: options.Seed = 0,
    chunk_size: Annotated[int | None, typer.Option(help="Actions; default: the embodiment's.")] = None,
    output: Annotated[Path | None, typer.Option(help="Write the JSON here instead of printing it.")] = None,
    resolution_tier: options.Tier = None,
    num_inference_steps: options.Steps = None,
    guidance_scale: options.Guidance = None,
    device: options.Device = None,
    dtype: options.Dtype = None,
) -> None:
    """Which actions connect the frames of a video? Prints them as JSON.

    Example: cosmos-policy inverse-dynamics --embodiment av --video drive.mp4
    """
    import cosmos_policy
    import embodiments
    from cosmos_policy.media import read_video

    robot = embodiments.get(embodiment)
    wanted = (robot.chunk_size if chunk_size is None else chunk_size) + 1
    frames, fps = read_video(video, wanted)
    if len(frames) < wanted:
        raise UsageError(f"{video} holds {len(frames)} frames; {wanted - 1} actions need {wanted} (--chunk-size).")
    if abs(fps - robot.fps) > 0.01 * robot.fps:
        raise UsageError(
            f"{video} has {fps:g} frames a second, {robot.name} was trained at {robot.fps:g}: resample it first."
        )
    known = options.read_state(state) if state else None
    with cosmos_policy.load(checkpoint, device=device, dtype=dtype, like=like) as model:
        chunk = model.inverse_dynamics(
            frames,
            embodiment=robot,
            instruction=instruction,
            state=known,
            seed=seed,
            sampling=options.sampling(resolution_tier, num_inference_steps, guidance_scale),
        )
    options.deliver(options.chunk_as_json(chunk, robot.action_names), output)
