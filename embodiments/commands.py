"""Commands the other way round: from what a robot is told to the columns that the model reads.

`Embodiment.decode` makes absolute commands of unified actions; this makes unified actions of absolute commands. A world
model that is driven in the robot's own terms needs it.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from embodiments import rotations
from embodiments.blocks import PoseBlock
from embodiments.columns import Field
from embodiments.embodiment import Embodiment
from embodiments.errors import EmbodimentError
from embodiments.poses import make_poses
from embodiments.reading import InstantReader
from embodiments.trajectory import pick


def command_fields(embodiment: Embodiment) -> tuple[Field, ...]:
    """The fewest commands that hold all that an action holds, each once; their shapes are of one control step."""
    return tuple(field for block in embodiment.blocks for field in block.command_fields)


def present(embodiment: Embodiment, state: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The present state under the names of the commands: poses, grippers and joints, one instant each (float64).

    state: what `decode` and `encode_state` read. Raises `EmbodimentError` where a quantity is missing or wrong.
    """
    reader = InstantReader(state)
    return {name: value for block in embodiment.blocks for name, value in block.present(reader).items()}


def after(embodiment: Embodiment, commands: Mapping[str, np.ndarray], row: int = -1) -> dict[str, np.ndarray]:
    """What `present` would say once row `row` of the commands (as `check_commands` returns them) is carried out."""
    told: dict[str, np.ndarray] = {}
    for block in embodiment.blocks:
        if isinstance(block, PoseBlock):
            tool = tool_pose(block, {name: values[row] for name, values in commands.items()})
            told |= {name: values[0] for name, values in block.describe(tool[None]).items()}
        elif block.kind != "pose_delta":
            told |= {field.name: commands[field.name][row].copy() for field in block.command_fields}
    return told


def tool_pose(block: PoseBlock, told: Mapping[str, np.ndarray]) -> np.ndarray:
    """Pose [4, 4] of a block's tool frame from one instant of its position and quaternion."""
    position, quaternion = (told[field.name] for field in block.command_fields)
    return make_poses(position, rotations.to_matrix(quaternion, "quaternion_xyzw"))


def encode_commands(
    embodiment: Embodiment, commands: Mapping[str, np.ndarray], now: Mapping[str, np.ndarray]
) -> np.ndarray:
    """Unified actions, float64 [T, D], of absolute commands: the inverse of `Embodiment.decode`.

    commands: `command_fields`, T rows each, as `check_commands` returns them. now: as `present` and `after` give it.
    """
    return np.concatenate(
        [
            block.encode_commands(commands, tool_pose(block, now) if isinstance(block, PoseBlock) else None)
            for block in embodiment.blocks
        ],
        axis=-1,
    )


def check_commands(
    embodiment: Embodiment, commands: Mapping[str, np.ndarray], rows: int | None = None
) -> dict[str, np.ndarray]:
    """`command_fields` of `commands`, float64 [T, *shape] each; others that `decode` gives beside them are left out.

    rows: the T that is expected. Raises `EmbodimentError` in one sentence for a command that is missing, has another
    shape, is not finite, or is a quaternion of length zero.
    """
    checked: dict[str, np.ndarray] = {}
    for field in command_fields(embodiment):
        values = _numbers(pick(commands, field.name, "the commands"), field.name)
        if field.shape == (1,) and values.ndim == 1:
            values = values[:, None]  # a gripper's commands come as [T] from `decode`
        rows = len(values) if rows is None and values.ndim else rows
        if values.shape != (rows, *field.shape) or not rows:
            expected = ", ".join(map(str, ("T" if rows is None else rows, *field.shape)))
            raise EmbodimentError(
                f"the command {field.name!r} of {embodiment.name!r} has shape {list(values.shape)}; expected "
                f"[{expected}] ({field.meaning}, {field.unit})"
            )
        if not np.isfinite(values).all():
            raise EmbodimentError(f"the command {field.name!r} of {embodiment.name!r} holds NaN or infinite values")
        if field.name.endswith("quaternion_xyzw") and (np.linalg.norm(values, axis=-1) < 1e-6).any():
            raise EmbodimentError(f"the command {field.name!r} of {embodiment.name!r} is zero, which is no rotation")
        checked[field.name] = values
    return checked


def _numbers(values: np.ndarray, name: str) -> np.ndarray:
    try:
        return np.array(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise EmbodimentError(f"the command {name!r} must hold numbers in an even array") from None
