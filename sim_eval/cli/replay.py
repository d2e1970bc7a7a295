"""``cosmos-policy replay``: a LeRobot dataset goes in, a report comes out."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer


def replay(
    dataset: Annotated[str, typer.Option(help="LeRobot v3 dataset: a folder, or a hub id owner/name.")],
    embodiment: Annotated[str, typer.Option(help="Robot: a name (cosmos-policy embodiments) or a YAML file.")],
    output: Annotated[Path, typer.Option(help="Folder for results.jsonl, summary.json and report.html.")],
    checkpoint: Annotated[str, typer.Option(help='"tiny" (built in), a folder, or a hub id.')] = "tiny",
    episodes: Annotated[
        str | None,
        typer.Option(help="Episodes such as 0,3:7 (ranges leave out their end: 0, 3, 4, 5, 6). All if left out."),
    ] = None,
    calls: Annotated[str, typer.Option(help="Which calls to make, with commas between.")] = (
        "policy,inverse-dynamics,forward-dynamics"
    ),
    stride: Annotated[
        int | None,
        typer.Option(
            help="Actions between two windows of policy and forward dynamics; the chunk size if left out. "
            "Inverse dynamics always goes through the whole episode."
        ),
    ] = None,
    camera_map: Annotated[
        list[str] | None, typer.Option(help="view=feature, where a camera goes by another name; may be repeated.")
    ] = None,
    missing_views: Annotated[
        str, typer.Option(help="A view without camera: refuse, or blank (compose black).")
    ] = "refuse",
    instruction: Annotated[
        str | None, typer.Option(help="Said to the model in place of the dataset's task text.")
    ] = None,
    fps: Annotated[float | None, typer.Option(help="Replay at this rate, not the embodiment's.")] = None,
    seed: Annotated[int, typer.Option(help="Every window's own seed follows from it.")] = 0,
    resolution_tier: Annotated[int | None, typer.Option(help="256, 480, 704, 720 or 768.")] = None,
    num_inference_steps: Annotated[int | None, typer.Option(help="Denoising steps.")] = None,
    guidance_scale: Annotated[float | None, typer.Option(help="Classifier-free guidance; 1 switches it off.")] = None,
    flow_shift: Annotated[float | None, typer.Option(help="Shift of the noise schedule.")] = None,
    revision: Annotated[str | None, typer.Option(help="Branch, tag or commit of a checkpoint on the hub.")] = None,
    like: Annotated[str | None, typer.Option(help="The known checkpoint that an unknown one was trained like.")] = None,
    device: Annotated[str | None, typer.Option(help="cpu, cuda, cuda:1; CUDA where there is one if left out.")] = None,
    dtype: Annotated[str | None, typer.Option(help="float32, bfloat16 or float16.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON on stdout.")] = False,
) -> None:
    """Replay recorded episodes with a checkpoint and write a report that one can look at.

    At every window the checkpoint is asked what it would have done (policy), which actions it sees in the frames
    (inverse dynamics) and what it expects to see (forward dynamics); the answers are compared with the recording and
    with baselines. A run that was interrupted goes on when the same command is given again.

    Example: cosmos-policy replay --dataset recordings/pick_and_place --embodiment droid --episodes 0:3 --output report
    """
    from cosmos_policy.types import Sampling
    from sim_eval.cli.outcome import run_and_tell
    from sim_eval.replay.calls import choose_calls
    from sim_eval.replay.settings import ReplaySettings, parse_camera_map

    settings = ReplaySettings(
        dataset=dataset,
        embodiment=embodiment,
        output=output,
        checkpoint=checkpoint,
        episodes=episodes,
        calls=choose_calls(calls),
        stride=stride,
        camera_map=parse_camera_map(camera_map or []),
        missing_views=missing_views,
        instruction=instruction,
        seed=seed,
        fps=fps,
        sampling=Sampling(
            num_inference_steps=num_inference_steps,
            guidance_scale=guidance_scale,
            flow_shift=flow_shift,
            resolution_tier=resolution_tier,
        ),
        revision=revision,
        like=like,
        device=device,
        dtype=dtype,
    )
    outcome = run_and_tell(settings)
    if as_json:
        import json

        json.dump(outcome.summary, sys.stdout, indent=1)
        sys.stdout.write("\n")
    else:
        print(f"The report is {outcome.report.resolve().as_uri()}")
