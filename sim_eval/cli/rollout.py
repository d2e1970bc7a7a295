"""``cosmos-policy rollout``: a policy in the closed loop goes in, a success rate and its films come out."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from cosmos_policy.cli import options
from sim_eval.physics import robots, tasks


def rollout(
    output: Annotated[Path, typer.Option(help="Folder for results.jsonl, videos, summary.json and report.html.")],
    task: Annotated[str, typer.Option(help=f"One of: {', '.join(tasks.NAMES)}.")] = "lift",
    embodiment: Annotated[str, typer.Option(help="What the robot speaks: droid, droid_joint or ur.")] = "droid_joint",
    robot: Annotated[
        str | None, typer.Option(help=f"One of: {', '.join(robots.NAMES)}; default: the one of the embodiment.")
    ] = None,
    checkpoint: options.Checkpoint = "tiny",
    episodes: Annotated[int, typer.Option(help="Scenes to play.")] = 20,
    seed: Annotated[int, typer.Option(help="First scene; take seeds that no recording used.")] = 0,
    instruction: Annotated[str | None, typer.Option(help="Said in place of the task's own.")] = None,
    execution_horizon: Annotated[int, typer.Option(help="Actions to execute of each chunk.")] = 8,
    chunk_size: Annotated[int | None, typer.Option(help="Actions to ask for; default: the embodiment's.")] = None,
    latency_ms: Annotated[float, typer.Option(help="Injected between looking and having the chunk.")] = 0.0,
    prefix: Annotated[bool, typer.Option(help="Tell the model which actions run meanwhile.")] = True,
    time_limit_s: Annotated[float | None, typer.Option(help="Seconds until an episode has failed.")] = None,
    image_size: Annotated[str, typer.Option(help="Width and height of each view, pixels.")] = "256x256",
    supersampling: Annotated[int, typer.Option(help="Render so many times larger and average down.")] = 1,
    plain: Annotated[bool, typer.Option("--plain", help="The same colours, light and cameras in every scene.")] = False,
    randomize: Annotated[
        list[str] | None, typer.Option(help="name=value, such as camera_position_m=0.03; may be repeated.")
    ] = None,
    videos: Annotated[int, typer.Option(help="Episodes to film, the first ones; filming takes most of the time.")] = 10,
    environments: Annotated[int, typer.Option(help="Worlds to play at once, a process each; chunks in batches.")] = 1,
    server: Annotated[
        str | None, typer.Option(help="Ask this server (ws://host:port) in place of --checkpoint.")
    ] = None,
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
    ray: options.Ray = None,
    workers: options.RayWorkers = None,
    gpus_per_worker: options.GpusPerWorker = None,
    cpus_per_worker: options.CpusPerWorker = 1.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON on stdout.")] = False,
) -> None:
    """Let a checkpoint act in simulation, chunk by chunk, and count how often it does the task.

    A run that was interrupted goes on when the same command is given again; more --episodes go on from there too.

    Example: cosmos-policy rollout --task lift --embodiment droid_joint --episodes 20 --latency-ms 300 --output lift
    """
    from cosmos_policy.errors import Failure
    from sim_eval.physics.recording.settings import parse_image_size, parse_randomization
    from sim_eval.rollout.run import rollout as run
    from sim_eval.rollout.settings import RolloutSettings

    settings = RolloutSettings(
        task=task,
        embodiment=embodiment,
        output=output,
        checkpoint=checkpoint,
        robot=robot,
        episodes=episodes,
        seed=seed,
        instruction=instruction,
        execution_horizon=execution_horizon,
        chunk_size=chunk_size,
        latency_s=latency_ms / 1e3,
        prefix=prefix,
        time_limit_s=time_limit_s,
        image_size=parse_image_size(image_size),
        supersampling=supersampling,
        randomization=parse_randomization(randomize or [], plain),
        videos=videos,
        environments=environments,
        server=server,
        sampling=options.sampling(
            resolution_tier, num_inference_steps, guidance_scale, flow_shift, guidance_interval, guidance_steps
        ),
        revision=revision,
        like=like,
        device=device,
        dtype=dtype,
    )
    try:
        outcome = run(
            settings,
            spread=options.spread(ray, workers, gpus_per_worker, cpus_per_worker),
            say=lambda sentence: print(f"Warning: {sentence}", file=sys.stderr, flush=True),
        )
    except KeyboardInterrupt:
        raise Failure(f"Interrupted; what was done is in {output}, and the same command goes on from there.") from None
    if as_json:
        import json

        json.dump(outcome.summary, sys.stdout, indent=1)
        sys.stdout.write("\n")
    else:
        low, high = (100 * bound for bound in outcome.summary["success_interval"])
        print(f"{outcome.summary['successes']} of {outcome.summary['episodes']} succeeded ({low:.0f} to {high:.0f} %)")
        print(f"The report is {outcome.report.resolve().as_uri()}")
