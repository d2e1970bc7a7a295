"""LeRobot's features and a robot's quantities: which is which, in both directions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from cosmos_policy.errors import UsageError
from embodiments import Embodiment
from embodiments.columns import Field
from embodiments.commands import command_fields
from embodiments.datasets import FeatureReference
from embodiments.robots.libero import simulator_actions

ACTION = "action"

#: embodiment -> what its simulator is told, from decoded commands and the mode of its gripper; float64 [T, A]
SIMULATORS: Mapping[str, Callable[[dict[str, np.ndarray], str], np.ndarray]] = {"libero": simulator_actions}


class FeatureMap:
    """Reads a robot's pictures and state from LeRobot's batches, and writes its commands as action vectors.

    What is not told (`views`, `states`, `actions`: see ``Cosmos3Config``) is that of the embodiment's first dataset
    layout. Raises ``UsageError`` in one sentence for names that do not exist, and for columns nobody would write.
    """

    def __init__(
        self,
        robot: Embodiment,
        views: Mapping[str, str],
        states: Mapping[str, str],
        actions: Mapping[str, str],
        gripper_mode: str | None,
    ) -> None:
        self._robot, self._gripper_mode = robot, gripper_mode
        layout = robot.dataset_layouts[0] if robot.dataset_layouts else None
        self._views = _told("views", views, robot.views, layout.views if layout else {})
        needed = needed_state(robot)
        known = {**(layout.commands if layout else {}), **(layout.states if layout else {})}
        self._states = _told("states", states, [field.name for field in needed], known)
        if robot.name in SIMULATORS:
            if gripper_mode is None:
                raise UsageError(
                    f"What the gripper numbers of a {robot.name} checkpoint mean is not assumed: give "
                    "--policy.gripper_mode (zero_one, pm_one or pm_one_flip)."
                )
            self._actions = {}
        else:
            if gripper_mode is not None:
                raise UsageError(f"gripper_mode belongs to {', '.join(SIMULATORS)}; {robot.name} has none.")
            commands = [field.name for field in command_fields(robot)]
            told = _told("actions", actions, commands, layout.commands if layout else {})
            self._actions = {name: _columns(name, text) for name, text in told.items()}
            _require_every_column(self._actions)

    def images(self, batch: Mapping[str, Any], row: int) -> dict[str, np.ndarray]:
        """view -> uint8 [H, W, 3], from float pictures [B, 3, H, W] in 0..1."""
        found = {}
        for view, feature in self._views.items():
            if feature not in batch:
                there = ", ".join(name for name in batch if "image" in name) or "no picture"
                raise UsageError(
                    f"The view {view!r} is read from {feature!r}, but the environment gives {there}: say which is "
                    'which with --policy.views=\'{"view": "feature"}\'.'
                )
            picture = batch[feature][row].detach().cpu().numpy()
            found[view] = np.rint(255.0 * picture.transpose(1, 2, 0)).clip(0, 255).astype(np.uint8)
        return found

    def state(self, batch: Mapping[str, Any], row: int) -> dict[str, np.ndarray]:
        """What decoding and state rows need of the robot."""
        found = {}
        for name, text in self._states.items():
            reference = FeatureReference.parse(text)
            if reference.feature not in batch:
                raise UsageError(
                    f"{name!r} is read from {text!r}, but the environment gives {', '.join(map(str, batch))}: say "
                    'where it is with --policy.states=\'{"quantity": "feature[first:end]"}\'.'
                )
            values = batch[reference.feature].detach().cpu().numpy().astype(np.float64)
            found[name] = reference.read({reference.feature: values})[row]
        return found

    def vectors(self, commands: Mapping[str, np.ndarray]) -> np.ndarray:
        """Decoded commands, T rows each, as actions, float64 [T, A]."""
        if self._robot.name in SIMULATORS:
            return SIMULATORS[self._robot.name](dict(commands), self._gripper_mode)
        rows = len(next(iter(commands.values())))
        actions = np.zeros((rows, max(part.stop for part in self._actions.values())))
        for name, part in self._actions.items():
            actions[:, part] = np.reshape(commands[name], (rows, -1))
        return actions


def needed_state(robot: Embodiment) -> tuple[Field, ...]:
    """The quantities of the present state without which a chunk cannot be asked for or decoded."""
    fields = (*robot.anchor_fields, *(robot.state_row_fields if robot.state_rows else ()))
    return tuple({field.name: field for field in fields}.values())


def _told(option: str, told: Mapping[str, str], names: Any, defaults: Mapping[str, str]) -> dict[str, str]:
    unknown = [name for name in told if name not in names]
    if unknown:
        raise UsageError(f"--policy.{option} names {unknown[0]!r}, which is none of {', '.join(names) or 'nothing'}.")
    missing = [name for name in names if name not in told and name not in defaults]
    if missing:
        raise UsageError(f"--policy.{option} must say where {', '.join(missing)} is: no dataset layout tells.")
    return {name: told.get(name) or defaults[name] for name in names}


def _columns(name: str, text: str) -> slice:
    reference = FeatureReference.parse(text)
    if reference.feature != ACTION or reference.columns is None:
        raise UsageError(
            f"--policy.actions: {name!r} goes to {text!r}, but an environment takes one vector: name its columns, such "
            'as "action[0:6]".'
        )
    return reference.columns


def _require_every_column(parts: Mapping[str, slice]) -> None:
    written = sorted(column for part in parts.values() for column in range(part.start, part.stop))
    if written != list(range(len(written))):
        raise UsageError(
            f"--policy.actions writes the columns {written}; every column from 0 on must be written exactly once."
        )
