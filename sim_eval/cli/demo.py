"""``cosmos-policy demo``: from a bare machine to a report, with what is shipped."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def demo(
    output: Annotated[Path, typer.Option(help="Folder for the report.")] = Path("cosmos_policy_demo"),
    seed: Annotated[int, typer.Option(help="Every window's own seed follows from it.")] = 0,
) -> None:
    """Replay the shipped demonstration (a Panda lifts a cube in simulation) with the built-in checkpoint.

    No download, no GPU, about two minutes. The weights are random: the report shows that the path works, not skill.

    Example: cosmos-policy demo --output demo
    """
    from importlib.resources import as_file, files

    from sim_eval.cli.outcome import run_and_tell
    from sim_eval.replay.settings import ReplaySettings

    with as_file(files("sim_eval") / "data" / "demo_droid") as dataset:
        outcome = run_and_tell(ReplaySettings(dataset=str(dataset), embodiment="droid", output=output, seed=seed))
    print(f"The report is {outcome.report.resolve().as_uri()}")
    print("Your own data: cosmos-policy replay --dataset FOLDER --embodiment droid --output DIR")
