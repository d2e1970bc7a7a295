"""``cosmos-policy replay``: a LeRobot dataset goes in, a report comes out."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from cosmos_policy.cli import options


def replay(
    dataset: Annotated[str, typer.Option(help="LeRobot v3 dataset: a folder, or a hub id owner/name.")],
    embodiment: Annotated[str, typer.Option(help="Robot: a name (cosmos-policy embodiments) or a YAML file.")],
    output: Annotated[Path, typer.Option(help="Folder for results.jsonl, summary.json and report.html.")],
    checkpoint: options.Checkpoint = "tiny",
    episodes: Annotated[
        str | None,
        typer.Option(help="Episodes such as 0,3:7 (ranges leave out their end: 0, 3, 4, 5, 6). All if left out."),
    ] = None,
    calls: Annotated[
        str,
        typer.Option(
            help="Which calls to make, with commas between; there are also cycle-consistency and calibration."
        ),
    ] = "policy,inverse-dynamics,forward-dynamics",
    samples: Annotated[int, typer.Option(help="Answers to one question, for the call calibration.")] = 8,
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
    resolution_tier: options.Tier = None,
    num_inference_steps: options.Steps = None,
    guidance_scale: options.Guidance = None,
    guidance_interval: options.GuidanceInterval = None,
    guidance_steps: options.GuidanceSteps = None,
    flow_shift: options.FlowShift = None,
    revision: options.Revision = None,
    like: options.Like = None,
    device: options.Device = None,
    dtype: options.Dtype = None,
    batch_size: Annotated[int, typer.Option(help="Windows, of any episodes, per call of the model.")] = 1,
    compare: Annotated[
        Path | None, typer.Option(help="The --output of another checkpoint's replay of the same windows.")
    ] = None,
    rerun: Annotated[Path | None, typer.Option(help="Write a Rerun recording (.rrd) here as well.")] = None,
    fail_if: Annotated[
        list[str] | None,
        typer.Option(
            help='Exit with 1 where this holds: "end_effector_position_mm.p90 > 30", or a file with one condition a '
            "line; may be repeated."
        ),
    ] = None,
    ray: options.Ray = None,
    workers: options.RayWorkers = None,
    gpus_per_worker: options.GpusPerWorker = None,
    cpus_per_worker: options.CpusPerWorker = 1.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON on stdout.")] = False,
) -> None:
    """Replay recorded episodes with a checkpoint and write a report that one can look at.

    At every window the checkpoint is asked what it would have done (policy), which actions it sees in the frames
    (inverse dynamics) and what it expects to see (forward dynamics); the answers are compared with the recording and
    with baselines. A run that was interrupted goes on when the same command is given again.

    Example: cosmos-policy replay --dataset recordings/pick_and_place --embodiment droid --episodes 0:3 --output report
    """
    from cosmos_policy.errors import Failure
    from sim_eval.cli.outcome import run_and_tell
    from sim_eval.replay.calls import choose_calls
    from sim_eval.replay.settings import ReplaySettings, parse_camera_map
    from sim_eval.results.comparison import describe
    from sim_eval.results.thresholds import breaches, read_thresholds

    thresholds = read_thresholds(fail_if or [])
    settings = ReplaySettings(
        dataset=dataset,
        embodiment=embodiment,
        output=output,
        checkpoint=checkpoint,
        episodes=episodes,
        calls=choose_calls(calls),
        samples=samples,
        stride=stride,
        camera_map=parse_camera_map(camera_map or []),
        missing_views=missing_views,
        instruction=instruction,
        seed=seed,
        fps=fps,
        sampling=options.sampling(
            resolution_tier, num_inference_steps, guidance_scale, flow_shift, guidance_interval, guidance_steps
        ),
        revision=revision,
        like=like,
        device=device,
        dtype=dtype,
    )
    spread = options.spread(ray, workers, gpus_per_worker, cpus_per_worker)
    outcome = run_and_tell(settings, batch_size=batch_size, spread=spread, compare=compare, rerun=rerun)
    compared = outcome.comparison
    if as_json:
        import json

        shown = outcome.summary if compared is None else {**outcome.summary, "comparison": compared}
        json.dump(shown, sys.stdout, indent=1)
        sys.stdout.write("\n")
    else:
        for line in () if compared is None else describe(compared):
            print(line)
        print(f"The report is {outcome.report.resolve().as_uri()}")
    broken = breaches(thresholds, outcome.summary)
    if broken:
        raise Failure(f"--fail-if holds: {'; '.join(broken)}.")
