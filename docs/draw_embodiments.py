"""Writes docs/embodiments.md and the pictures in docs/embodiments/ from the embodiments themselves.

    python docs/draw_embodiments.py

A test compares the files with what this program writes, so that the page cannot fall behind the code.
"""

from __future__ import annotations

from html import escape
from pathlib import Path

import embodiments
from embodiments import Embodiment
from embodiments.blocks import Block, GripperBlock

DOCS = Path(__file__).parent
COLOURS = {
    "position": "#4c78a8",
    "rotation": "#72b7b2",
    "gripper": "#e45756",
    "joint": "#f58518",
    "fingertip": "#b279a2",
}
CELL, ROW, FRAME_HEIGHT, FRAME_LEFT, MARGIN, FULL_WIDTH = 26, 30, 150, 460, 12, 860

INTRODUCTION = """# The robots

<!-- Written by docs/draw_embodiments.py from the code; change that, not this. -->

An embodiment is one robot as data: what it senses, what it commands, and the exact map between its own numbers and the
columns of a Cosmos 3 action. Each has a picture below: the action column by column, and the cameras as the model sees
them. The command line says the same with units and statistics: `cosmos-policy embodiments show ur`.

## What all of them share

- Actions are rows of T steps in SI units ("unified"). A pose takes nine columns: the step's translation in metres in
  the axes of the previous frame, then the first and second column of its rotation matrix. Poses are body to world; a
  step is `inv(T_i) T_(i+1)`.
- The frame that the model sees is the robot's tool frame times a constant: an offset, and axes re-labelled as a
  camera's (x right, y down, z forward). Commands come back in the robot's own tool frame.
- A gripper's larger value is open in the model, whatever the robot says. A command column holds instants 0..T-1, an
  observed one 1..T.
- A chunk is anchored to the state that it was predicted from: `decode(unified, state)`.
- Nothing is clipped on the way back: limits are the robot's or the safety layer's business.
- The normaliser belongs to the checkpoint and the robot together. Where it is not published, model space is refused
  until you give one.

```python
import embodiments

robot = embodiments.get("ur")                       # or "robomind-ur", or the path of a robot file
unified = robot.encode(trajectory)                  # recorded data -> [T, D], SI units
model = robot.normalize(unified)                    # -> model space
commands = robot.decode(robot.denormalize(model), state)
report = embodiments.check(robot, [trajectory])     # the conformance suite
```

## A robot of your own

One YAML file: [my_robot.yaml](my_robot.yaml) is a whole one, with every line explained. A wrong file is told line and
reason.

```
cosmos-policy embodiments check my_robot.yaml                                     # does it keep the contract?
cosmos-policy embodiments fit --dataset recordings/ --embodiment my_robot.yaml    # statistics of its own data
cosmos-policy embodiments check my_robot.yaml --dataset recordings/               # do its data fit them?
```

`check` calls faults by name: a mirrored frame, a gripper that would close when it should open, millimetres taken for
metres, degrees taken for radians, a normaliser that was forgotten, columns that never moved.

"""


def picture(robot: Embodiment) -> str:
    """An SVG of the action's columns, in rows of blocks, and of the composed frame."""
    parts, y = [], MARGIN
    for block in robot.blocks:
        label = f"{block.name} ({block.kind}), columns {block.start}..{block.start + block.width - 1}"
        if block.width == 1:
            label = f"{block.name} ({block.kind}), column {block.start}"
        parts.append(_text(MARGIN, y + 12, label, bold=True))
        for index, column in enumerate(block.column_specs):
            x = MARGIN + index * (CELL + 2)
            title = f"{block.start + index}: {column.name} [{column.unit}]"
            parts.append(
                f'<rect x="{x}" y="{y + 18}" width="{CELL}" height="{ROW - 8}" rx="3" fill="{COLOURS[column.kind]}">'
                f"<title>{escape(title)}</title></rect>"
            )
            parts.append(_text(x + CELL / 2, y + 33, str(block.start + index), fill="#fff", anchor="middle", size=11))
        y += ROW + 24
    columns_end, y = y, MARGIN
    width, height = _frame_size(robot)
    scale = FRAME_HEIGHT / height
    for view, (rows, columns) in robot.view_layout.boxes(height, width).items():
        left, top = FRAME_LEFT + columns.start * scale, y + rows.start * scale
        wide, tall = (columns.stop - columns.start) * scale, (rows.stop - rows.start) * scale
        parts.append(
            f'<rect x="{left:.1f}" y="{top:.1f}" width="{wide:.1f}" height="{tall:.1f}" fill="#eef1f5" '
            'stroke="#5f6b7a"/>'
        )
        parts.append(_text(left + wide / 2, top + tall / 2 + 4, view, anchor="middle"))
    parts.append(_legend(robot, FRAME_LEFT, y + FRAME_HEIGHT + 28))
    kinds = len({column.kind for column in robot.columns})
    total = max(columns_end, y + FRAME_HEIGHT + 28 + 20 * kinds) + MARGIN
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {FULL_WIDTH} {total:.0f}" width="{FULL_WIDTH}" '
        f'font-family="sans-serif" font-size="13" role="img" aria-label="{escape(robot.title)}">\n'
        f'<rect width="100%" height="100%" fill="#ffffff"/>\n' + "\n".join(parts) + "\n</svg>\n"
    )


def _frame_size(robot: Embodiment) -> tuple[int, int]:
    """Width and height of the composed frame of the robot's example images."""
    size = robot.example_image_size
    height, width = robot.view_layout.frame_size(dict.fromkeys(robot.views, size))
    return width, height


def _legend(robot: Embodiment, x: float, y: float) -> str:
    kinds = dict.fromkeys(column.kind for column in robot.columns)
    lines = []
    for index, kind in enumerate(kinds):
        units = sorted({column.unit for column in robot.columns if column.kind == kind})
        top = y + 20 * index
        lines.append(f'<rect x="{x:.1f}" y="{top - 10:.1f}" width="12" height="12" fill="{COLOURS[kind]}"/>')
        lines.append(_text(x + 18, top, f"{kind} [{', '.join(units)}]"))
    return "\n".join(lines)


def _text(x: float, y: float, text: str, fill="#1f2933", anchor="start", size=13, bold=False) -> str:
    weight = ' font-weight="bold"' if bold else ""
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" fill="{fill}" text-anchor="{anchor}" font-size="{size}"{weight}>'
        f"{escape(text)}</text>"
    )


def page() -> str:
    """The whole of docs/embodiments.md."""
    robots = [embodiments.get(name) for name in embodiments.names()]
    rows = ["## All of them", "", "| name | Cosmos domain (id) | columns | Hz | chunk | views | normaliser |"]
    rows.append("|---|---|---:|---:|---:|---|---|")
    for robot in robots:
        chunk = f"{robot.chunk_size}" + (f" after {robot.state_rows} state row" if robot.state_rows else "")
        kind = robot.normalizer.describe().partition(", statistics")[0].partition(" (")[0]
        rows.append(
            f"| [{robot.name}](#{robot.name}) | {robot.domain_name} ({robot.domain_id}) | {robot.action_dim} | "
            f"{robot.fps:g} | {chunk} | {robot.view_layout.describe().replace('|', 'beside')} | {kind} |"
        )
    sections = [section(robot) for robot in robots]
    return INTRODUCTION + "\n".join(rows) + "\n\n" + "\n".join(sections)


def section(robot: Embodiment) -> str:
    """One robot on the page."""
    lines = [f"## {robot.name}", "", f"{robot.title}.", "", f"![{robot.title}](embodiments/{robot.name}.svg)", ""]
    for block in robot.blocks:
        lines.append(f"- {_block_line(block)}")
    lines.append(f"- views: {robot.view_layout.describe()} (`{robot.view_label}`), tier {robot.resolution_tier}")
    lines.append(f"- normaliser: {robot.normalizer.describe()}")
    for layout in robot.dataset_layouts:
        given = [*layout.states.items(), *layout.commands.items()]
        lines.append(
            f"- dataset `{layout.name}`, {layout.fps:g} Hz: " + ", ".join(f"{name} = `{text}`" for name, text in given)
        )
    if robot.unknowns:
        lines.append(f"- not published by Cosmos: {', '.join(robot.unknowns)}")
    if robot.notes:
        lines += ["", robot.notes]
    return "\n".join(lines) + "\n"


def _block_line(block: Block) -> str:
    if isinstance(block, GripperBlock):
        ends = block.value_map
        unit = f" ({ends.robot_unit})" if ends.robot_unit != "1" else ""
        when = "command" if block.role == "command" else "observed"
        robot = f"{ends.robot_open:g} open, {ends.robot_closed:g} closed{unit}"
        return f"**{block.name}**: `{block.quantity}`, robot {robot}, {when}"
    names = ", ".join(f"`{field.name}` [{field.unit}]" for field in block.fields)
    return f"**{block.name}** ({block.kind}, {block.width} columns): from {names}"


def files() -> dict[Path, str]:
    """Every file that this program writes."""
    robots = [embodiments.get(name) for name in embodiments.names()]
    pictures = {DOCS / "embodiments" / f"{robot.name}.svg": picture(robot) for robot in robots}
    return {DOCS / "embodiments.md": page(), **pictures}


if __name__ == "__main__":
    for path, text in files().items():
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
