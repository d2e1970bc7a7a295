"""``cosmos-policy generate``: words in, a picture or a video out."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from cosmos_policy.cli import options
from cosmos_policy.errors import UsageError

UPSAMPLER_KEY = "PROMPT_UPSAMPLER_API_TOKEN"


def generate(
    prompt: Annotated[str, typer.Argument(help="What is to be seen (and heard).")],
    output: Annotated[Path, typer.Option(help="A picture (.png, .jpg) or a video (.mp4) to write.")],
    negative_prompt: Annotated[str, typer.Option(help="What is not to be seen.")] = "",
    num_frames: Annotated[int | None, typer.Option(help="Frames, 5 to 300; default: 189, or the controls'.")] = None,
    fps: Annotated[float, typer.Option(help="Frames per second: 10, 16, 24 or 30.")] = 24,
    size: Annotated[str | None, typer.Option(help='"832x480"; a wrong one is told the sizes that there are.')] = None,
    resolution_tier: Annotated[int | None, typer.Option(help="256, 480 or 720; default: the checkpoint's.")] = None,
    aspect_ratio: Annotated[str | None, typer.Option(help="16:9, 4:3, 1:1, 3:4 or 9:16; default: as given.")] = None,
    image: Annotated[Path | None, typer.Option(help="The first frame.")] = None,
    video: Annotated[Path | None, typer.Option(help="The video to go on from.")] = None,
    condition_frames: Annotated[str, typer.Option(help="Latent frames of the video that are kept.")] = "0,1",
    condition_from: Annotated[str, typer.Option(help="End of the video they come from: first or last.")] = "first",
    control: Annotated[
        list[str], typer.Option(help="kind=video file; edge, blur, depth, segmentation or world_scenario.")
    ] = [],  # noqa: B006 (typer never changes it)
    compute_control: Annotated[
        list[str], typer.Option(help="kind=video file: edge or blur, computed from an ordinary video.")
    ] = [],  # noqa: B006
    control_guidance: Annotated[float, typer.Option(help="How strongly the controls are followed; 1 is plain.")] = 1.0,
    chunk_frames: Annotated[int | None, typer.Option(help="Frames of a controlled video made at once.")] = None,
    overlap_frames: Annotated[int, typer.Option(help="Frames that a chunk shares with the one before.")] = 1,
    start_frames: Annotated[int, typer.Option(help="First frames of --video that begin a controlled video.")] = 0,
    sound: Annotated[bool, typer.Option("--sound", help="Make the sound that goes with it.")] = False,
    upsample: Annotated[
        str | None,
        typer.Option(help="Write the prompt out first: 'reasoner' (the checkpoint's own), or an endpoint's URL."),
    ] = None,
    upsample_model: Annotated[str, typer.Option(help="The model to ask for at that endpoint.")] = "default",
    checkpoint: options.Checkpoint = "tiny",
    like: options.Like = None,
    seed: options.Seed = 0,
    num_inference_steps: options.Steps = None,
    guidance_scale: options.Guidance = None,
    flow_shift: Annotated[
        float | None, typer.Option(help="Shift of the noise levels; default: the checkpoint's.")
    ] = None,
    guardrails: options.Guardrails = None,
    device: options.Device = None,
    dtype: options.Dtype = None,
) -> None:
    """Make a picture, or a video with or without sound, from words and perhaps from pictures.

    Example: cosmos-policy generate "a robot arm pours tea" --num-frames 17 --sound --output tea.mp4
    """
    import cosmos_policy
    from cosmos_policy.cli.steps import StepBar
    from cosmos_policy.generator.checks import check_request
    from cosmos_policy.media import read_image, read_video, write_media
    from cosmos_policy.media.generated import PICTURES, check_ending
    from cosmos_policy.types import GenerateRequest, Sampling

    if num_frames is None and output.suffix.lower() in PICTURES:
        num_frames = 1
    check_ending(output, num_frames)
    request = GenerateRequest(
        prompt=prompt,
        negative_prompt=negative_prompt,
        num_frames=num_frames,
        fps=fps,
        size=None if size is None else _size(size),
        aspect_ratio=aspect_ratio,
        image=None if image is None else read_image(image),
        video=None if video is None else read_video(video)[0],
        condition_frames=_indexes(condition_frames),
        condition_from=condition_from,
        transfer=_transfer(control, compute_control, control_guidance, chunk_frames, overlap_frames, start_frames),
        sound=sound,
        seed=seed,
        sampling=Sampling(num_inference_steps, guidance_scale, flow_shift, resolution_tier),
    )
    check_request(request)  # what is wrong is told before the weights are read
    with cosmos_policy.load(checkpoint, device=device, dtype=dtype, like=like, guardrails=guardrails) as model:
        if upsample is not None:
            request = _upsample(request, model, upsample, upsample_model)
        with StepBar("generate") as bar:
            media = model.generate(request, on_step=bar.update)
    write_media(output, media)
    height, width = media.frames.shape[1:3]
    what = (
        f"{width}x{height}"
        if len(media.frames) == 1
        else f"{len(media.frames)} frames of {width}x{height} at {fps:g} Hz"
    )
    print(f"{what}{' with sound' if media.sound is not None else ''}: {output}")


def _size(text: str) -> tuple[int, int]:
    width, _, height = text.lower().partition("x")
    if not (width.isdigit() and height.isdigit()):
        raise UsageError(f'--size {text!r} is no size; expected width and height in pixels, such as "832x480".')
    return int(width), int(height)


def _indexes(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        raise UsageError(f'--condition-frames {text!r} is no list; expected whole numbers such as "0,1".') from None


def _transfer(given: list[str], computed: list[str], guidance: float, chunk: int | None, overlap: int, start: int):
    """The control videos that the options name, or None."""
    from cosmos_policy.generator.controls import compute_control
    from cosmos_policy.media import read_video
    from cosmos_policy.types import Transfer

    files = options.pairs(given, "--control")
    sources = options.pairs(computed, "--compute-control")
    twice = sorted(files.keys() & sources.keys())
    if twice:
        raise UsageError(f"{', '.join(twice)} was given both by --control and by --compute-control; expected one.")
    if not files and not sources:
        return None
    videos = {kind: read_video(Path(file))[0] for kind, file in files.items()}
    videos |= {kind: compute_control(kind, read_video(Path(file))[0]) for kind, file in sources.items()}
    return Transfer(videos, guidance, None, chunk, overlap, start)


def _upsample(request, model, writer: str, name: str):
    from cosmos_policy.generator.upsampling import EndpointWriter, ReasonerWriter, upsample

    chosen = (
        ReasonerWriter(model) if writer == "reasoner" else EndpointWriter(writer, name, os.environ.get(UPSAMPLER_KEY))
    )
    return upsample(request, chosen, model.generation_tier)
