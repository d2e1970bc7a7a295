"""``cosmos-policy record``: scripted experts in simulation become a LeRobot dataset."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from sim_eval.physics import robots, tasks


def record(
    output: Annotated[Path, typer.Option(help="Folder for the LeRobot v3 dataset.")],
    task: Annotated[str, typer.Option(help=f"One of: {', '.join(tasks.NAMES)}.")] = "lift",
    robot: Annotated[
        str | None, typer.Option(help=f"One of: {', '.join(robots.NAMES)}; default: the one of the embodiment.")
    ] = None,
    embodiment: Annotated[
        str | None,
        typer.Option(help="Robot by the embodiment that it speaks: droid, droid_joint, dual_franka, egocentric, ur."),
    ] = None,
    episodes: Annotated[int, typer.Option(help="Successful episodes wanted; failures of the expert are dropped.")] = 10,
    seed: Annotated[int, typer.Option(help="Scene of the first attempt; each further one adds 1.")] = 0,
    workers: Annotated[int | None, typer.Option(help="Processes; default: one a CPU core.")] = None,
    image_size: Annotated[str, typer.Option(help="Width and height of each view, pixels.")] = "256x256",
    supersampling: Annotated[int, typer.Option(help="Render so many times larger and average down.")] = 1,
    quality: Annotated[int, typer.Option(help="x264 constant rate factor: 0 lossless, 51 worst.")] = 23,
    plain: Annotated[bool, typer.Option("--plain", help="The same colours, light and cameras in every scene.")] = False,
    randomize: Annotated[
        list[str] | None, typer.Option(help="name=value, such as camera_position_m=0.03; may be repeated.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the counts as JSON on stdout.")] = False,
) -> None:
    """Let scripted experts do a task in simulation, and write what the robot saw, measured and was told.

    Episode i is the same whatever the number of workers. A run that was interrupted goes on when the same command is
    given again.

    Example: cosmos-policy record --task stack --embodiment droid --episodes 50 --image-size 128x128 --output demos
    """
    from cosmos_policy.errors import Failure
    from sim_eval.physics.recording.run import record as run
    from sim_eval.physics.recording.settings import RecordingSettings, parse_image_size, parse_randomization
    from sim_eval.physics.simulator import rendering

    settings = RecordingSettings(
        task=task,
        robot=_chosen_robot(robot, embodiment),
        output=output,
        episodes=episodes,
        seed=seed,
        image_size=parse_image_size(image_size),
        supersampling=supersampling,
        quality=quality,
        randomization=parse_randomization(randomize or [], plain),
    )
    robots.get(settings.robot)  # brings the simulator in, which chooses
    print(f"Pictures are rendered through {rendering()}", file=sys.stderr, flush=True)
    try:
        done = run(settings, workers=_cores() if workers is None else workers)
    except KeyboardInterrupt:
        raise Failure(
            f"Interrupted; what was recorded is in {settings.parts}, and the same command goes on from there."
        ) from None
    if as_json:
        import json

        print(json.dumps({**vars(done), "folder": str(done.folder)}, indent=1))
    else:
        print(f"{done.folder}: {done.episodes} episodes, {done.frames} frames; {done.dropped} attempts were dropped")


def _chosen_robot(robot: str | None, embodiment: str | None) -> str:
    if embodiment is not None:
        import embodiments

        return robots.speaking(embodiments.get(embodiment).name, robot)
    return robot if robot is not None else "droid"


def _cores() -> int:
    import os

    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
