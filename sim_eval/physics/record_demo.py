"""Records demonstrations: ``python -m sim_eval.physics.record_demo --output DIR --seed 0``.

The episodes in ``sim_eval/data/demo_droid`` were made with ``--episodes 2``. The same seed gives the same
numbers; the bytes of the videos may differ with the encoder's version.
"""

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from cosmos_policy.errors import Failure, UsageError
from sim_eval.physics import open_environment, robots, tasks

_console = Console(stderr=True)


def record(
    output: Annotated[Path, typer.Option(help="Folder for the LeRobot v3 dataset; it must not hold anything yet.")],
    seed: Annotated[int, typer.Option(help="Seed of the first episode; each further one adds 1.", min=0)] = 0,
    episodes: Annotated[int, typer.Option(help="Number of episodes.", min=1)] = 1,
    task: Annotated[str, typer.Option(help=f"One of: {', '.join(tasks.NAMES)}.")] = "lift",
    robot: Annotated[str, typer.Option(help=f"One of: {', '.join(robots.NAMES)}.")] = "droid",
    width: Annotated[int, typer.Option(help="Width of each picture, pixels.", min=2)] = 640,
    height: Annotated[int, typer.Option(help="Height of each picture, pixels.", min=2)] = 360,
    quality: Annotated[int, typer.Option(help="x264 constant rate factor: 0 lossless, 51 worst.", min=0, max=51)] = 23,
) -> None:
    """Lets a scripted expert do a task in robosuite, and writes what the robot saw, measured and was told.

    Example: python -m sim_eval.physics.record_demo --output demo --seed 0
    """
    try:
        _record(output, seed, episodes, task, robot, (width, height), quality)
    except (UsageError, Failure) as error:
        _console.print(f"[red]Error:[/red] {error}", soft_wrap=True, highlight=False)
        sys.exit(2 if isinstance(error, UsageError) else 1)


def _record(
    output: Path, seed: int, episodes: int, task: str, robot: str, image_size: tuple[int, int], quality: int
) -> None:
    if image_size[0] % 2 or image_size[1] % 2:
        raise UsageError(
            f"pictures of {image_size[0]}x{image_size[1]} cannot be encoded: H.264 needs an even width and height"
        )
    first = open_environment(task, robot, seed=seed, image_size=image_size)

    from sim_eval.physics.demonstration import demonstrate

    try:
        from sim_eval.physics.recorder import EpisodeRecorder
    except ModuleNotFoundError as error:
        raise Failure(
            f"recording needs the package {error.name!r}, which is not installed: "
            "install cosmos-policy with its extra 'evaluation'"
        ) from error

    with EpisodeRecorder(output, first, quality=quality) as recorder:
        for number in range(episodes):
            environment = (
                first if number == 0 else open_environment(task, robot, seed=seed + number, image_size=image_size)
            )
            with _console.status(f"recording episode {number + 1} of {episodes} (seed {seed + number})"):
                count = recorder.record(demonstrate(environment), environment.task.instruction)
            environment.close()
            _console.print(f"episode {number}: seed {seed + number}, {count} frames", highlight=False)
    _console.print(f"wrote {output}", highlight=False)


if __name__ == "__main__":
    typer.run(record)
