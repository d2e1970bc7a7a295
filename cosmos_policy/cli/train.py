"""``cosmos-policy train``: recorded robot data in, a checkpoint out."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

Overrides = Annotated[
    list[str] | None, typer.Option("--set", help="name=value over the file, as in optimizer.learning_rate=1e-4.")
]


def train(
    configuration: Annotated[list[Path], typer.Argument(help="YAML files; several are run one after the other.")],
    output: Annotated[
        Path, typer.Option(help="Each run gets the folder of its name in here: checkpoint, log, states.")
    ] = Path("runs"),
    overrides: Overrides = None,
    resume: Annotated[bool, typer.Option(help="Go on with a run that was stopped.")] = False,
    prepare_only: Annotated[
        bool,
        typer.Option(help="Only read and check the datasets, and write prepared.yaml: the run on another machine."),
    ] = False,
) -> None:
    """Post-train a checkpoint on LeRobot datasets.

    Example: cosmos-policy train my_robot.yaml --output runs --set steps=2000

    On several GPUs: accelerate launch --multi_gpu "$(command -v cosmos-policy)" train my_robot.yaml
    """
    from rich.progress import Progress, TimeRemainingColumn

    from cosmos_policy.training.settings_file import read_settings

    chosen = [read_settings(path, overrides or ()) for path in configuration]
    from cosmos_policy.training.run import train as run

    main = os.environ.get("RANK", "0") == "0"  # of several processes, one tells
    columns = (*Progress.get_default_columns()[:3], TimeRemainingColumn())
    with Progress(*columns, transient=True, disable=not main) as bar:
        for settings in chosen:
            line = bar.add_task(settings.name, total=None)

            def tell(what: str, done: float, of: float, line=line, name: str = settings.name) -> None:
                bar.update(line, description=f"{name}: {what}", completed=done, total=of)

            written = run(
                settings,
                output / settings.name,
                resume=resume,
                prepare_only=prepare_only,
                shared=output / "prepared",
                progress=tell,
            )
            bar.remove_task(line)
            if main:
                bar.console.print(str(written), highlight=False, soft_wrap=True)
