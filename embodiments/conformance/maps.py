"""Round trips, anchors and half turns: the maps lose nothing and start where they should."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from embodiments import normalizers, poses, rotations
from embodiments.conformance.report import Finding
from embodiments.embodiment import Embodiment
from embodiments.reading import InstantReader, TrajectoryReader
from embodiments.trajectory import Trajectory

POSE_TOLERANCE = 1e-6
_RIGID_TOLERANCE = 1e-6


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


def round_trip(robot: Embodiment, recorded: tuple[Trajectory, ...]) -> Iterator[Finding]:
    """encode, normalise, denormalise, decode: recorded poses and grippers come back."""
    plain, worst = without_clamp(robot), {}
    for trajectory in (*recorded, robot.example_trajectory(robot.chunk_size, 0), robot.example_trajectory(1, 1)):
        unified = plain.encode(trajectory)
        again = plain.denormalize(plain.normalize(unified)) if plain.has_normalizer else unified
        state = trajectory.state_at(0)
        reader = TrajectoryReader(trajectory, robot.fields, robot.anchor_fields)
        # A whole episode would gather rounding over thousands of steps: chunks are what is decoded in use.
        chunk = again[: robot.chunk_size]
        paths = plain.integrate(chunk, state)
        for block in robot.pose_blocks:
            error = np.abs(paths[block.name] - block.source.poses(reader)[: len(chunk) + 1]).max()
            worst[block.name] = max(worst.get(block.name, 0.0), float(error))
        commands = plain.decode(chunk, state)
        for block in robot.blocks:
            for field in block.fields:
                if block.kind not in ("pose", "fingertips"):
                    told = commands[field.name].reshape(len(chunk), *field.shape)
                    error = np.abs(told - reader.steps(field)[: len(chunk)]).max()
                    worst[block.name] = max(worst.get(block.name, 0.0), float(error))
    name = max(worst, key=worst.get)
    level = "passed" if worst[name] <= POSE_TOLERANCE else "failed"
    yield Finding(
        "round_trip",
        level,
        f"encode, normalise, denormalise and decode bring {name!r} back within {worst[name]:.1e} "
        f"(allowed {POSE_TOLERANCE:.0e})",
        worst,
    )


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
        worst = max(worst, float(np.abs(moved).max()))
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
