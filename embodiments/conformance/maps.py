"""Round trips, anchors and half turns: the maps lose nothing and start where they should."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from embodiments import normalizers, poses, rotations
from embodiments.columns import Field
from embodiments.conformance.report import Finding
from embodiments.embodiment import Embodiment
from embodiments.reading import InstantReader, Reader, TrajectoryReader
from embodiments.trajectory import Trajectory

POSE_TOLERANCE = 1e-6
_RIGID_TOLERANCE = 1e-6
# Recorded paths are float32, ten times less exact than what is asked of float64 ones.
_EXACT_TO_RECORDED = 0.1


def frames_are_rigid(robot: Embodiment, recorded: tuple[Trajectory, ...]) -> Iterator[Finding]:
    """Tool offsets and re-labelling matrices are rigid: no mirror, no stretch."""
    for block in robot.pose_blocks:
        turn = block.tool_to_model[:3, :3]
        error = np.abs(turn @ turn.T - np.eye(3)).max()
        determinant = np.linalg.det(turn)
        if error > _RIGID_TOLERANCE or determinant < 0.0:
            kind = "mirrors" if determinant < 0.0 else "stretches"
            yield Finding(
                "frames_are_rigid",
                "failed",
                f"the frame change of {block.name!r} (tool_offset @ to_opencv) {kind} space: its axes are off by "
                f"{error:.1e} and its determinant is {determinant:.3f}, expected orthonormal axes and +1",
            )
            return
    yield Finding("frames_are_rigid", "passed", f"{len(robot.pose_blocks)} pose block(s), all frame changes rigid")


class _Decoded(Reader):
    """Reads decoded commands, to encode them again."""

    def __init__(self, commands: dict[str, np.ndarray]) -> None:
        super().__init__()
        self._commands = commands

    def instants(self, field: Field) -> np.ndarray:
        values = self._commands[field.name]
        return values.reshape(len(values), *field.shape)

    steps = instants


def round_trip(robot: Embodiment, recorded: tuple[Trajectory, ...]) -> Iterator[Finding]:
    """encode, normalise, denormalise, decode: poses come back as they were, all else encodes to the same again.

    Recordings are float32: a path of theirs comes back within 1e-5 of its extent.
    """
    examples = (robot.example_trajectory(robot.chunk_size, 0), robot.example_trajectory(1, 1))
    errors: dict[str, float] = {}
    for trajectory in (*examples, *recorded):
        for block, error in _round_trip_errors(without_clamp(robot), trajectory, trajectory in examples).items():
            errors[block] = max(errors.get(block, 0.0), error)
    name = max(errors, key=errors.get)
    level = "passed" if errors[name] <= POSE_TOLERANCE else "failed"
    yield Finding(
        "round_trip",
        level,
        f"encode, normalise, denormalise and decode bring {name!r} back within {errors[name]:.1e} "
        f"(allowed {POSE_TOLERANCE:.0e})",
        errors,
    )


def _round_trip_errors(robot: Embodiment, trajectory: Trajectory, exact: bool) -> dict[str, float]:
    """Block -> largest error of its first chunk: a whole episode would gather rounding over thousands of steps."""
    unified = robot.encode(trajectory)
    again = robot.denormalize(robot.normalize(unified)) if robot.has_normalizer else unified
    chunk, state = again[: robot.chunk_size], trajectory.state_at(0)
    reader = TrajectoryReader(trajectory, robot.fields, robot.anchor_fields)
    errors = {}
    for name, path in robot.integrate(chunk, state).items():
        block = next(block for block in robot.pose_blocks if block.name == name)
        original = block.source.poses(reader)[: len(chunk) + 1]
        error = float(np.abs(path - original).max())
        extent = float(np.abs(original[:, :3, 3] - original[0, :3, 3]).max())
        errors[name] = error if exact else error / max(1.0, extent) * _EXACT_TO_RECORDED
    decoded = _Decoded(robot.decode(chunk, state))
    for block in robot.blocks:
        if block.kind not in ("pose", "fingertips"):
            errors[block.name] = float(np.abs(block.encode(decoded) - chunk[:, block.columns]).max())
    return errors


def anchor(robot: Embodiment, recorded: tuple[Trajectory, ...]) -> Iterator[Finding]:
    """A chunk starts from the state that it was predicted from, and moves as recorded from there."""
    if not robot.pose_blocks:
        yield Finding("anchor", "passed", "no pose is integrated: commands are absolute or the controller's own deltas")
        return
    trajectory = recorded[0] if recorded else robot.example_trajectory(robot.chunk_size, 2)
    chunk = robot.encode(trajectory)[: robot.chunk_size]
    state = robot.example_observation(3)["state"]
    paths = robot.integrate(chunk, state)
    here, worst = InstantReader(state), 0.0
    reader = TrajectoryReader(trajectory, robot.fields, robot.anchor_fields)
    for block in robot.pose_blocks:
        path, original = paths[block.name], block.source.poses(reader)[: len(chunk) + 1]
        worst = max(worst, float(np.abs(path[0] - block.source.poses(here)[0]).max()))
        moved = np.linalg.inv(path[0]) @ path - np.linalg.inv(original[0]) @ original
        # Recorded matrices are float32, and integration makes every step a true rotation.
        extent = max(1.0, float(np.abs(original[:, :3, 3] - original[0, :3, 3]).max()))
        scale = _EXACT_TO_RECORDED / extent if recorded else 1.0
        worst = max(worst, float(np.abs(moved).max()) * scale)
    level = "passed" if worst <= POSE_TOLERANCE else "failed"
    yield Finding(
        "anchor", level, f"from another start the same motion follows within {worst:.1e} (allowed {POSE_TOLERANCE:.0e})"
    )


def half_turns(robot: Embodiment, recorded: tuple[Trajectory, ...]) -> Iterator[Finding]:
    """A half turn inside one step, where a rotation has two axes, does not break the path."""
    if not robot.pose_blocks:
        yield Finding("half_turns", "passed", "no pose is integrated")
        return
    worst = 0.0
    for axis in (*np.eye(3), np.array([0.6, 0.0, -0.8])):
        turned = rotations.to_matrix(np.arange(5)[:, None] * np.pi * axis, "axis_angle")
        tool = poses.make_poses(np.arange(15.0).reshape(5, 3), turned)
        for block in robot.pose_blocks:
            path = tool @ block.tool_to_model
            again = block.tool_poses(poses.from_deltas(poses.to_deltas(path), path[0]))
            worst = max(worst, float(np.abs(again - tool).max()))
    level = "passed" if worst <= POSE_TOLERANCE else "failed"
    yield Finding("half_turns", level, f"half turns come back within {worst:.1e} (allowed {POSE_TOLERANCE:.0e})")


def without_clamp(robot: Embodiment) -> Embodiment:
    """A clamp loses what lies outside its range, by design; `inside_the_range` counts how much that is."""
    normalizer = robot.normalizer
    if getattr(normalizer, "clamp", False):
        return robot.with_normalizer(normalizers.make(normalizer.kind, normalizer.statistics))
    return robot
