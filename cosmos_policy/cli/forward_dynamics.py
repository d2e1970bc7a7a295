"""``cosmos-policy forward-dynamics``: a picture and actions in, a video out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from cosmos_policy.cli import options
from cosmos_policy.errors import UsageError


def forward_dynamics(
    image: Annotated[Path, typer.Option(help="Picture of the composed views.")],
    actions: Annotated[Path, typer.Option(help='JSON: rows of numbers, or {"unified": rows}; unified SI units.')],
    embodiment: options.Embodiment,
    output: Annotated[Path, typer.Option(help="The MP4 to write.")],
    model_space: Annotated[bool, typer.Option(help="The rows are normalised, as the network emits them.")] = False,
    instruction: Annotated[str | None, typer.Option(help="What is being done; default: the embodiment's.")] = None,
    state: Annotated[Path | None, typer.Option(help="State at the picture, where the embodiment needs it.")] = None,
    checkpoint: options.Checkpoint = "tiny",
    like: options.Like = None,
    seed: options.Seed = 0,
    resolution_tier: options.Tier = None,
    num_inference_steps: options.Steps = None,
    guidance_scale: options.Guidance = None,
    device: options.Device = None,
    dtype: options.Dtype = None,
) -> None:
    """What will be seen when these actions are taken? Writes a video.

    Example: cosmos-policy forward-dynamics --embodiment av --image street.jpg --actions drive.json --output out.mp4
    """
    import cosmos_policy
    import embodiments
    from cosmos_policy.media import read_image, write_video

    robot = embodiments.get(embodiment)
    rows = options.read_json(actions)
    rows = rows.get("unified") if isinstance(rows, dict) else rows
    try:
        values = np.asarray(rows, dtype=np.float64)
    except (TypeError, ValueError):
        raise UsageError(f'{actions} holds no table of numbers; expected rows, or {{"unified": rows}}.') from None
    with cosmos_policy.load(checkpoint, device=device, dtype=dtype, like=like) as model:
        rollout = model.forward_dynamics(
            read_image(image),
            robot.denormalize(values) if model_space else values,
            embodiment=robot,
            instruction=instruction,
            state=options.read_state(state) or None,
            seed=seed,
            sampling=options.sampling(resolution_tier, num_inference_steps, guidance_scale),
        )
    write_video(output, rollout.frames, robot.fps)
    print(f"{len(rollout.frames)} frames at {robot.fps:g} Hz: {output}")
