"""``cosmos-policy rollout``: a policy in the closed loop goes in, a success rate and its films come out."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from cosmos_policy.cli import options
from sim_eval.physics import robots, tasks

IMAGINED = "In imagination"


def rollout(
    output: Annotated[Path, typer.Option(help="Folder for results.jsonl, videos, summary.json and report.html.")],
    task: Annotated[
        list[str] | None,
        typer.Option(help=f"One of: {', '.join(tasks.NAMES)}; may be repeated. lift if left out."),
    ] = None,
    embodiment: Annotated[
        str, typer.Option(help="What the robot speaks: a name (cosmos-policy embodiments) or a YAML file.")
    ] = "droid_joint",
    robot: Annotated[
        str | None, typer.Option(help=f"One of: {', '.join(robots.NAMES)}; default: the one of the embodiment.")
    ] = None,
    checkpoint: options.Checkpoint = "tiny",
    episodes: Annotated[int, typer.Option(help="Scenes to play, of each task.")] = 20,
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
    videos: Annotated[
        int, typer.Option(help="Episodes of each task to film, the first ones; filming takes most of the time.")
    ] = 10,
    record: Annotated[
        bool, typer.Option("--record", help="Write a LeRobot dataset of the episodes, good and bad.")
    ] = False,
    environments: Annotated[int, typer.Option(help="Worlds to play at once; chunks are computed in batches.")] = 1,
    server: Annotated[
        str | None, typer.Option(help="Ask this server (ws://host:port) in place of --checkpoint.")
    ] = None,
    world_model: Annotated[
        str | None,
        typer.Option(help="Play in the world that this checkpoint or server imagines.", rich_help_panel=IMAGINED),
    ] = None,
    judge: Annotated[
        str | None,
        typer.Option(
            help="Who says what has succeeded: reasoner, or a file of cosmos-policy judge --train.",
            rich_help_panel=IMAGINED,
        ),
    ] = None,
    judge_measured: Annotated[
        Path | None,
        typer.Option(help="What cosmos-policy judge --output wrote: how often it is right.", rich_help_panel=IMAGINED),
    ] = None,
    judge_threshold: Annotated[
        float, typer.Option(help="Probability from which the judge says yes.", rich_help_panel=IMAGINED)
    ] = 0.5,
    reward: Annotated[
        list[str] | None,
        typer.Option(
            help='Another reward that may end an episode: a name, or {"name": {"argument": value}} as JSON.',
            rich_help_panel=IMAGINED,
        ),
    ] = None,
    dataset: Annotated[
        str | None,
        typer.Option(
            help="Begin with its episodes, a folder or hub id, and not with the tasks' scenes.",
            rich_help_panel=IMAGINED,
        ),
    ] = None,
    dataset_episodes: Annotated[
        str | None, typer.Option(help="Such as 0,3:7. All if left out.", rich_help_panel=IMAGINED)
    ] = None,
    start_frame: Annotated[int, typer.Option(help="Of those episodes, to begin from.", rich_help_panel=IMAGINED)] = 0,
    camera_map: Annotated[
        list[str] | None,
        typer.Option(help="view=feature, where a camera goes by another name.", rich_help_panel=IMAGINED),
    ] = None,
    missing_views: Annotated[
        str, typer.Option(help="A view without camera: refuse, or blank.", rich_help_panel=IMAGINED)
    ] = "refuse",
    world_chunk_size: Annotated[
        int | None,
        typer.Option(help="Actions that are imagined at once; default: the embodiment's.", rich_help_panel=IMAGINED),
    ] = None,
    world_steps: Annotated[
        int | None,
        typer.Option(help="Denoising steps of what is imagined; default: its own.", rich_help_panel=IMAGINED),
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

    With --world-model the world is imagined: it begins with the first picture of the same scenes, or of a recording's
    episodes, and a judge or another reward says what has succeeded.

    A run that was interrupted goes on when the same command is given again; more --episodes and more --task go on from
    there too.

    Example: cosmos-policy rollout --task lift --task stack --episodes 20 --latency-ms 300 --output lift_and_stack
    """
    from cosmos_policy.errors import Failure
    from sim_eval.physics.recording.settings import parse_image_size, parse_randomization
    from sim_eval.rollout.run import rollout as run
    from sim_eval.rollout.settings import RolloutSettings

    imagination = _imagination(
        world_model,
        judge=judge,
        judge_measured=judge_measured,
        judge_threshold=judge_threshold,
        reward=reward,
        dataset=dataset,
        dataset_episodes=dataset_episodes,
        start_frame=start_frame,
        camera_map=camera_map,
        missing_views=missing_views,
        world_chunk_size=world_chunk_size,
        world_steps=world_steps,
        tier=resolution_tier,
    )
    settings = RolloutSettings(
        tasks=tuple(task or (() if dataset is not None else ("lift",))),
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
        record=record,
        environments=environments,
        server=server,
        sampling=options.sampling(
            resolution_tier, num_inference_steps, guidance_scale, flow_shift, guidance_interval, guidance_steps
        ),
        revision=revision,
        like=like,
        device=device,
        dtype=dtype,
        imagination=imagination,
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
        return
    for name, facts in outcome.summary["tasks"].items():
        if len(outcome.summary["tasks"]) > 1:
            print(f"{name}: {_told(facts)}")
    print(_told(outcome.summary))
    if outcome.dataset is not None:
        print(f"The dataset is {outcome.dataset.resolve()}")
    print(f"The report is {outcome.report.resolve().as_uri()}")


def _told(facts) -> str:
    low, high = (100 * bound for bound in facts["success_interval"])
    return f"{facts['successes']} of {facts['episodes']} succeeded ({low:.0f} to {high:.0f} %)"


def _imagination(world_model: str | None, **chosen):
    """What ``--world-model`` and the options beside it ask for; None without it."""
    from cosmos_policy.errors import UsageError
    from cosmos_policy.types import Sampling
    from sim_eval.replay.settings import parse_camera_map
    from sim_eval.rewards import make_rewards
    from sim_eval.rollout.settings import Imagination

    if world_model is None:
        lonely = [name for name in ("judge", "judge_measured", "reward", "dataset", "world_steps") if chosen[name]]
        if lonely:
            option = "--" + lonely[0].replace("_", "-")
            raise UsageError(f"{option} belongs to imagined worlds: say with --world-model who imagines them.")
        return None
    rewards = [_reward(text) for text in chosen["reward"] or []]
    if chosen["judge"] is not None:
        measured = chosen["judge_measured"]
        told = {} if measured is None else {"measured": str(measured)}
        rewards.append({"judge": {"judge": chosen["judge"], "threshold": chosen["judge_threshold"], **told}})
    make_rewards(rewards)  # a wrong one is told before a model is loaded
    return Imagination(
        checkpoint=world_model,
        rewards=tuple(rewards),
        sampling=Sampling(num_inference_steps=chosen["world_steps"], resolution_tier=chosen["tier"]),
        chunk_size=chosen["world_chunk_size"],
        dataset=chosen["dataset"],
        dataset_episodes=chosen["dataset_episodes"],
        camera_map=parse_camera_map(chosen["camera_map"] or []),
        missing_views=chosen["missing_views"],
        start_frame=chosen["start_frame"],
    )


def _reward(text: str):
    """A reward's name, or its name and arguments as JSON."""
    import json

    from cosmos_policy.errors import UsageError

    if not text.lstrip().startswith("{"):
        return text
    try:
        return json.loads(text)
    except ValueError as error:
        raise UsageError(
            f"--reward {text!r} is no JSON ({error}); expected a name or {{name: {{argument: value}}}}."
        ) from None
