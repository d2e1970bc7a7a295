"""Errors of action chunks, driven by the embodiment's blocks: position in mm, rotation in degrees, joints in degrees,
a gripper in its own unit. Adding a kind of block means adding one function to ``MEASURES``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from embodiments import rotations
from sim_eval.metrics.rotations import DEGREES_PER_RADIAN, geodesic_degrees

MILLIMETRES_PER_METRE = 1000.0
#: An action that changes by more than this (m, rad, ...) on its way into model space and back was clamped.
CLAMP_TOLERANCE = 1e-6


@dataclass(frozen=True)
class Metric:
    """What one number means.

    name: its key in results and summaries. title: words for a reader. unit: of its values.
    scope: "action" (one number a horizon step), "path" (one a horizon step, after integration), "end" (one a window)
    or "image" (one a horizon step).
    """

    name: str
    title: str
    unit: str
    scope: str
    higher_is_better: bool = False


def display_unit(kind: str, unit: str) -> tuple[float, str]:
    """(factor, unit) that bring a column into the unit that people read: lengths in mm, angles in degrees.

    A gripper keeps its own unit.
    """
    if kind == "gripper":
        return 1.0, unit
    return {"m": (MILLIMETRES_PER_METRE, "mm"), "rad": (DEGREES_PER_RADIAN, "deg")}.get(unit, (1.0, unit))


def dimension_errors(embodiment: Any, predicted: np.ndarray, recorded: np.ndarray) -> np.ndarray:
    """Signed error (predicted minus recorded) of every column, float64 [T, D], in :func:`display_unit` units."""
    scale = np.array([display_unit(column.kind, column.unit)[0] for column in embodiment.columns])
    return (np.asarray(predicted, dtype=np.float64) - recorded) * scale


def _pose_errors(block: Any, embodiment: Any, predicted: np.ndarray, recorded: np.ndarray) -> dict[Metric, np.ndarray]:
    distance = np.linalg.norm(predicted[:, :3] - recorded[:, :3], axis=-1) * MILLIMETRES_PER_METRE
    angle = geodesic_degrees(
        rotations.to_matrix(predicted[:, 3:9], "rot6d"), rotations.to_matrix(recorded[:, 3:9], "rot6d")
    )
    title = _title(block)
    return {
        Metric(f"{block.name}_position_mm", f"{title} position per action", "mm", "action"): distance,
        Metric(f"{block.name}_rotation_deg", f"{title} rotation per action", "deg", "action"): angle,
    }


def _pose_delta_errors(
    block: Any, embodiment: Any, predicted: np.ndarray, recorded: np.ndarray
) -> dict[Metric, np.ndarray]:
    """A controller's own deltas: distance in the controller's unit, geodesic angle of the turns."""
    distance = np.linalg.norm(predicted[:, :3] - recorded[:, :3], axis=-1)
    angle = geodesic_degrees(
        rotations.to_matrix(predicted[:, 3:], block.representation),
        rotations.to_matrix(recorded[:, 3:], block.representation),
    )
    title = _title(block)
    return {
        Metric(f"{block.name}_position_command", f"{title} position command", "1", "action"): distance,
        Metric(f"{block.name}_rotation_deg", f"{title} rotation per action", "deg", "action"): angle,
    }


def _mean_column_errors(
    block: Any, embodiment: Any, predicted: np.ndarray, recorded: np.ndarray
) -> dict[Metric, np.ndarray]:
    """Mean absolute error over the block's columns, one metric for every unit among them."""
    columns = embodiment.columns[block.columns]
    shown = [display_unit(column.kind, column.unit) for column in columns]
    error = np.abs(predicted - recorded) * np.array([factor for factor, _ in shown])
    measured = {}
    for unit in dict.fromkeys(unit for _, unit in shown):
        chosen = [index for index, (_, own) in enumerate(shown) if own == unit]
        suffix = "error" if unit == "1" else f"{unit}"
        metric = Metric(f"{block.name}_{suffix}", f"{_title(block)}, mean absolute error", unit, "action")
        measured[metric] = error[:, chosen].mean(axis=-1)
    return measured


def _point_errors(block: Any, embodiment: Any, predicted: np.ndarray, recorded: np.ndarray) -> dict[Metric, np.ndarray]:
    """Mean distance of points that are laid out as x, y, z, x, y, z, ..."""
    difference = (predicted - recorded).reshape(len(predicted), -1, 3)
    distance = np.linalg.norm(difference, axis=-1).mean(axis=-1) * MILLIMETRES_PER_METRE
    return {Metric(f"{block.name}_position_mm", f"{_title(block)}, mean distance", "mm", "action"): distance}


#: kind of block -> its errors; every other kind is measured column by column
MEASURES: Mapping[str, Callable[[Any, Any, np.ndarray, np.ndarray], dict[Metric, np.ndarray]]] = {
    "pose": _pose_errors,
    "pose_delta": _pose_delta_errors,
    "fingertips": _point_errors,
}


def action_errors(embodiment: Any, predicted: np.ndarray, recorded: np.ndarray) -> dict[Metric, np.ndarray]:
    """Errors action by action, one array [T] a metric.

    predicted, recorded: [T, D], unified SI units. A pose block gives the Euclidean distance of its translations and the
    geodesic angle between its rotations (a network's six numbers are projected onto a rotation first).
    """
    predicted, recorded = _checked(embodiment, predicted, recorded)
    errors: dict[Metric, np.ndarray] = {}
    for block in embodiment.blocks:
        measure = MEASURES.get(block.kind, _mean_column_errors)
        errors.update(measure(block, embodiment, predicted[:, block.columns], recorded[:, block.columns]))
    return errors


def path_errors(
    embodiment: Any, predicted: np.ndarray, recorded: np.ndarray, state: Mapping[str, np.ndarray]
) -> dict[Metric, np.ndarray]:
    """Errors after integration: both chunks are executed from the same `state` and their poses compared.

    Returns metrics of scope "path", [T], and of scope "end", [1], the drift at the last action. Robots without a pose
    block (absolute joint positions) have none: their action errors do not add up.
    """
    predicted, recorded = _checked(embodiment, predicted, recorded)
    mine, theirs = embodiment.integrate(predicted, state), embodiment.integrate(recorded, state)
    errors: dict[Metric, np.ndarray] = {}
    for name, path in mine.items():
        distance, angle = pose_distance(path[1:], theirs[name][1:])
        title = name.replace("_", " ")
        for scope, words, chosen in (
            ("path", "after integration", slice(None)),
            ("end", "drift at the end of the chunk", slice(-1, None)),
        ):
            position = Metric(f"{name}_{scope}_position_mm", f"{title} position {words}", "mm", scope)
            rotation = Metric(f"{name}_{scope}_rotation_deg", f"{title} rotation {words}", "deg", scope)
            errors[position], errors[rotation] = distance[chosen], angle[chosen]
    return errors


def count_clamped(embodiment: Any, actions: np.ndarray) -> int:
    """How many unified actions [T, D] do not survive normalising and back: the statistics' range cuts them off."""
    returned = embodiment.denormalize(embodiment.normalize(actions))
    return int((np.abs(returned - actions) > CLAMP_TOLERANCE).any(axis=-1).sum())


def pose_distance(first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(distance in mm, geodesic angle in degrees) between poses [T, 4, 4] in one frame, [T] each."""
    distance = np.linalg.norm(first[..., :3, 3] - second[..., :3, 3], axis=-1) * MILLIMETRES_PER_METRE
    return distance, geodesic_degrees(first[..., :3, :3], second[..., :3, :3])


def _title(block: Any) -> str:
    return block.name.replace("_", " ")


def _checked(embodiment: Any, predicted: np.ndarray, recorded: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    pair = tuple(np.asarray(actions, dtype=np.float64) for actions in (predicted, recorded))
    for actions in pair:
        if actions.ndim != 2 or actions.shape[1] != embodiment.action_dim or actions.shape != pair[0].shape:
            raise ValueError(
                f"Chunks of shapes {list(pair[0].shape)} and {list(pair[1].shape)} cannot be compared; both must be "
                f"[T, {embodiment.action_dim}] for {embodiment.name}."
            )
    return pair
