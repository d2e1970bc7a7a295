"""``cosmos-policy embodiments``: the robots, one explained, one checked, statistics of a new one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

import embodiments as robots
from cosmos_policy.errors import Failure
from embodiments import Embodiment

app = typer.Typer(
    add_completion=False,
    rich_markup_mode="rich",
    help="The robots that are known: list them, explain one, check one, fit statistics for your own.\n\n"
    "Example: cosmos-policy embodiments show ur",
)

_SHORT_KINDS = {"gripper": "g", "fingertips": "tips", "pose_delta": "delta", "joints": "q"}

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Robot = Annotated[str, typer.Argument(help="A name, a Cosmos domain name, or the path of a robot file (.yaml).")]


@app.callback(invoke_without_command=True)
def embodiments(context: typer.Context, as_json: Json = False) -> None:
    """List the robots unless a subcommand is given."""
    if context.invoked_subcommand is None:
        list_robots(as_json)


@app.command("list")
def list_robots(as_json: Json = False) -> None:
    """Print the table of all robots.

    Example: cosmos-policy embodiments list --json
    """
    rows = [summary(robots.get(name)) for name in robots.names()]
    if as_json:
        print(json.dumps(rows, indent=2))
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("name", "domain", "id", "D", "action", "gripper", "Hz", "T", "views", "normaliser"):
        table.add_column(heading, no_wrap=True, justify="right" if heading in ("id", "D", "Hz", "T") else "left")
    for row in rows:
        table.add_row(
            row["name"],
            row["domain_name"],
            str(row["domain_id"]),
            str(row["action_dim"]),
            ", ".join(_SHORT_KINDS.get(block["kind"], block["kind"]) + str(block["width"]) for block in row["blocks"]),
            # Both hands of a robot are alike: their ends are told once.
            "; ".join(dict.fromkeys(text.partition(": ")[2] for text in row["grippers"])) or "-",
            f"{row['fps']:g}",
            f"{row['chunk_size']}" + (f"+{row['state_rows']}" if row["state_rows"] else ""),
            row["layout"],
            row["normalizer"].partition(", statistics")[0].partition(" (")[0],
        )
    # A table that wraps its cells cannot be read: a narrow terminal may wrap whole lines instead.
    console = Console()
    console.width = 300
    console.print(table, soft_wrap=True)


@app.command()
def show(robot: Robot, as_json: Json = False) -> None:
    """Explain one robot: what it reports and takes, column by column, with units, views and normaliser.

    Example: cosmos-policy embodiments show ur
    """
    embodiment = robots.get(robot)
    if as_json:
        print(json.dumps({**summary(embodiment), **details(embodiment)}, indent=2))
        return
    from cosmos_policy.cli.embodiment_page import print_page

    print_page(embodiment)


@app.command()
def check(
    robot: Robot,
    dataset: Annotated[
        str | None, typer.Option(help="A LeRobot dataset of this robot (folder or hub id) to hold against it.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Run the conformance suite on a robot; exit code 1 if it does not conform.

    Example: cosmos-policy embodiments check my_robot.yaml --dataset recordings/
    """
    embodiment = robots.get(robot)
    trajectories: list[robots.Trajectory] = []
    if dataset is not None:
        from cosmos_policy.cli.dataset_tables import read_trajectories

        _, trajectories = read_trajectories(dataset, embodiment)
    report = robots.check(embodiment, trajectories)
    if as_json:
        findings = [vars(finding) for finding in report.findings]
        print(json.dumps({"embodiment": report.embodiment, "passed": report.passed, "findings": findings}, indent=2))
    else:
        _print_report(report)
    if not report.passed:
        count = len(report.failures)
        raise Failure(f"{embodiment.name} does not conform: {count} finding{'s' * (count > 1)} failed")


@app.command()
def fit(
    dataset: Annotated[str, typer.Option(help="A LeRobot dataset of the robot: a folder or a Hugging Face id.")],
    embodiment: Annotated[str, typer.Option(help="The robot: a name, or the path of a robot file (.yaml).")],
    output: Annotated[
        Path | None, typer.Option(help="Where the statistics go; by default beside the robot file.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Compute the statistics of a robot from its own recordings.

    Example: cosmos-policy embodiments fit --dataset recordings/ --embodiment my_robot.yaml
    """
    from cosmos_policy.cli.dataset_tables import read_trajectories
    from embodiments import fitting, statistics

    robot = robots.get(embodiment)
    layout, trajectories = read_trajectories(dataset, robot)
    fitted = fitting.fit(robot, trajectories, f"{Path(dataset).name}, layout {layout.name}")
    folder = Path(embodiment).parent if embodiment.endswith((".yaml", ".yml")) else Path()
    path = output or folder / f"{robot.name}.statistics.json"
    try:
        statistics.write(fitted, path)
    except OSError as error:
        raise Failure(f"cannot write {path}: {error.strerror}") from None
    if as_json:
        print(json.dumps({"path": str(path), "sha256": fitted.sha256, "source": fitted.source}, indent=2))
        return
    print(f"{path}: {fitted.source}, sha256 {fitted.sha256[:12]}")
    print(f"in the robot file: normalizer: {{kind: quantile, clamp: true, statistics: {path.name}}}")


def summary(embodiment: Embodiment) -> dict[str, Any]:
    """What the table says of one robot, as plain data."""
    from embodiments.blocks import GripperBlock

    grippers = [block for block in embodiment.blocks if isinstance(block, GripperBlock)]
    return {
        "name": embodiment.name,
        "title": embodiment.title,
        "domain_name": embodiment.domain_name,
        "domain_id": embodiment.domain_id,
        "action_dim": embodiment.action_dim,
        "blocks": [{"name": block.name, "kind": block.kind, "width": block.width} for block in embodiment.blocks],
        "grippers": [
            f"{block.name}: {block.value_map.robot_open:g} open, {block.value_map.robot_closed:g} closed"
            + (f" ({block.value_map.robot_unit})" if block.value_map.robot_unit != "1" else "")
            + f", {block.role}"
            for block in grippers
        ],
        "fps": embodiment.fps,
        "chunk_size": embodiment.chunk_size,
        "state_rows": embodiment.state_rows,
        "views": list(embodiment.views),
        "layout": embodiment.view_layout.describe(),
        "view_label": embodiment.view_label,
        "resolution_tier": embodiment.resolution_tier,
        "normalizer": embodiment.normalizer.describe(),
        "unknowns": list(embodiment.unknowns),
    }


def details(embodiment: Embodiment) -> dict[str, Any]:
    """What `show` says beyond the table, as plain data."""
    return {
        "columns": [
            {"index": index, "name": column.name, "kind": column.kind, "unit": column.unit}
            for index, column in enumerate(embodiment.columns)
        ],
        "fields": [
            {
                "name": field.name,
                "role": field.role,
                "shape": list(field.shape),
                "unit": field.unit,
                "meaning": field.meaning,
            }
            for field in embodiment.fields
        ],
        "frames": {block.name: block.tool_to_model.tolist() for block in embodiment.pose_blocks},
        "view_description": embodiment.view_description,
        "instruction_default": embodiment.instruction_default,
        "datasets": {
            layout.name: {
                "fps": layout.fps,
                "states": dict(layout.states),
                "commands": dict(layout.commands),
                "views": dict(layout.views),
            }
            for layout in embodiment.dataset_layouts
        },
        "notes": embodiment.notes,
    }


def _print_report(report: robots.conformance.Report) -> None:
    from rich.console import Console
    from rich.markup import escape

    styles = {"passed": "green", "note": "cyan", "unknown": "yellow", "failed": "bold red"}
    console = Console(soft_wrap=True, highlight=False)
    for finding in report.findings:
        style = styles[finding.level]
        console.print(f"[{style}]{finding.level:8}[/{style}] {finding.check}: {escape(finding.message)}")
        if finding.check == "inside_the_range" and finding.columns:
            beyond = sorted(finding.columns.items(), key=lambda item: -item[1])
            shares = [f"{name} {100 * share:.1f} %" for name, share in beyond if share > 0.0]
            console.print(f"{'':8} share outside by column: {', '.join(shares) or 'none'}", style="dim")
    verdict = "[green]conforms[/green]" if report.passed else "[bold red]does not conform[/bold red]"
    console.print(f"{report.embodiment} {verdict}")
