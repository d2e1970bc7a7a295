"""``cosmos-policy policy``: one observation in, one chunk of commands out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cosmos_policy.cli import options


def policy(
    instruction: Annotated[str, typer.Option(help="What the robot should do.")],
    embodiment: options.Embodiment,
    image: Annotated[list[str], typer.Option(help="view=picture file; once for every view of the embodiment.")],
    state: Annotated[Path | None, typer.Option(help="JSON object: state name -> numbers.")] = None,
    checkpoint: options.Checkpoint = "tiny",
    like: options.Like = None,
    seed: options.Seed = 0,
    chunk_size: Annotated[int | None, typer.Option(help="Actions; default: the embodiment's.")] = None,
    output: Annotated[Path | None, typer.Option(help="Write the JSON here instead of printing it.")] = None,
    video: Annotated[Path | None, typer.Option(help="Write what the model expects to see as MP4.")] = None,
    resolution_tier: options.Tier = None,
    num_inference_steps: options.Steps = None,
    guidance_scale: options.Guidance = None,
    device: options.Device = None,
    dtype: options.Dtype = None,
) -> None:
    """What should the robot do next? Prints absolute commands as JSON.

    Example: cosmos-policy policy --embodiment droid --instruction "lift the cube" --image wrist=w.png
    --image exterior_1=a.png --image exterior_2=b.png --state state.json
    """
    import cosmos_policy
    import embodiments
    from cosmos_policy.media import read_image, write_video

    robot = embodiments.get(embodiment)
    images = {view: read_image(Path(file)) for view, file in options.pairs(image, "--image").items()}
    observation = cosmos_policy.Observation(images, options.read_state(state))
    with cosmos_policy.load(checkpoint, device=device, dtype=dtype, like=like) as model:
        chunk = model.policy(
            observation,
            instruction,
            embodiment=robot,
            seed=seed,
            chunk_size=chunk_size,
            sampling=options.sampling(resolution_tier, num_inference_steps, guidance_scale),
            video=video is not None,
        )
    if video is not None:
        write_video(video, chunk.video, robot.fps)
    options.deliver(options.chunk_as_json(chunk, robot.action_names), output)
