"""One robot explained on the terminal: blocks and columns, data, views, normaliser."""

from __future__ import annotations

import numpy as np
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from embodiments import Embodiment
from embodiments.blocks import Block, GripperBlock, PoseBlock


def print_page(embodiment: Embodiment, console: Console | None = None) -> None:
    """Print everything that a user of the robot must know."""
    console = console or Console(highlight=False)
    console.print(f"[bold]{embodiment.name}[/bold]  {embodiment.title}")
    console.print(
        f"Cosmos domain {embodiment.domain_name} ({embodiment.domain_id}); {embodiment.action_dim} columns, "
        f"{embodiment.fps:g} Hz, chunks of {embodiment.chunk_size}"
        + (f" after {embodiment.state_rows} clean state row(s)" if embodiment.state_rows else "")
        + f"; tier {embodiment.resolution_tier}"
    )
    console.print(f"Views: {embodiment.view_layout.describe()} ({embodiment.view_label})", markup=False)
    if embodiment.view_description:
        console.print(f"    {embodiment.view_description}", style="dim", markup=False)
    if embodiment.instruction_default:
        console.print(f"Instruction where none is given: {embodiment.instruction_default}", markup=False)
    console.print(f"Normaliser: {embodiment.normalizer.describe()}\n", markup=False)
    console.print(_columns(embodiment))
    console.print()
    console.print(_fields(embodiment))
    _print_frames(embodiment, console)
    _print_datasets(embodiment, console)
    if embodiment.unknowns:
        console.print(f"\nNot published by Cosmos: {', '.join(embodiment.unknowns)}", style="yellow", markup=False)
    if embodiment.notes:
        console.print(f"\n{embodiment.notes}", markup=False)


def _columns(embodiment: Embodiment) -> Table:
    table = Table(title="Action, column by column", title_justify="left", box=None, pad_edge=False)
    for heading in ("columns", "names", "block", "unit", "meaning"):
        table.add_column(heading, overflow="fold")
    statistics = embodiment.normalizer.statistics
    quantiles = statistics is not None and {"q01", "q99"} <= statistics.values.keys()
    if quantiles:
        table.add_column("q01 .. q99", overflow="fold")
    for block in embodiment.blocks:
        for first, last, meaning in _runs(block):
            names = [column.name for column in block.column_specs[first:last]]
            start = block.start + first
            cells = [
                str(start) if last - first == 1 else f"{start}..{start + last - first - 1}",
                names[0] if len(names) == 1 else f"{names[0]} .. {names[-1]}",
                block.name,
                block.column_specs[first].unit,
                meaning,
            ]
            if quantiles:
                span = slice(start, start + last - first)
                low, high = statistics.values["q01"][span], statistics.values["q99"][span]
                cells.append(" ".join(f"{a:.3g}..{b:.3g}" for a, b in zip(low, high, strict=True)))
            table.add_row(*map(escape, cells))
    return table


def _runs(block: Block) -> list[tuple[int, int, str]]:
    """Runs of alike columns of a block: first, one past the last, what they mean."""
    if isinstance(block, PoseBlock):
        return [
            (0, 3, "step in the previous frame's axes"),
            (3, 9, "turn of the step: first, then second column of its matrix"),
        ]
    if isinstance(block, GripperBlock):
        ends = block.value_map
        when = "command, instants 0..T-1" if block.role == "command" else "observed, instants 1..T"
        opened, closed = (float(ends.to_model(np.array([end]))[0]) for end in (ends.robot_open, ends.robot_closed))
        return [
            (
                0,
                1,
                f"{opened:g} open, {closed:g} closed; robot {ends.robot_open:g} open, {ends.robot_closed:g} closed "
                f"({ends.robot_unit}); {when}",
            )
        ]
    if block.kind == "pose_delta":
        return [(0, 3, "controller's step, in its own units"), (3, block.width - 0, "controller's turn")]
    if block.kind == "fingertips":
        return [(0, block.width, "thumb to little finger, xyz each, in the wrist's frame, instants 1..T")]
    return [(0, block.width, "absolute, as commanded")]


def _fields(embodiment: Embodiment) -> Table:
    table = Table(title="Data that it needs", title_justify="left", box=None, pad_edge=False)
    for heading in ("role", "name", "shape", "unit", "meaning"):
        table.add_column(heading, overflow="fold")
    for field in embodiment.fields:
        shape = " x ".join(map(str, field.shape))
        table.add_row(*map(escape, (field.role, field.name, shape, field.unit, field.meaning)))
    return table


def _print_frames(embodiment: Embodiment, console: Console) -> None:
    for block in embodiment.pose_blocks:
        if np.array_equal(block.tool_to_model, np.eye(4)):
            continue
        console.print(f"\nFrame of {block.name} that the model sees = tool frame times", markup=False)
        for row in block.tool_to_model:
            console.print("    " + " ".join(f"{number:10.6f}" for number in row), markup=False)


def _print_datasets(embodiment: Embodiment, console: Console) -> None:
    for layout in embodiment.dataset_layouts:
        console.print(f"\nDataset layout {layout.name}, {layout.fps:g} Hz", markup=False)
        for group, mapping in (("state", layout.states), ("command", layout.commands), ("view", layout.views)):
            for name, feature in mapping.items():
                console.print(f"    {group} {name} <- {feature}", markup=False)
