"""What must hold for any valid trajectory of any robot: hypothesis looks for a counter-example."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import embodiments
from embodiments import normalizers, poses, rotations
from embodiments.blocks import GripperBlock, PoseBlock, PoseDeltaBlock
from embodiments.pose_sources import PoseMatrix, PoseParts, PoseVector
from embodiments.reading import InstantReader, TrajectoryReader

EXAMPLES = settings(
    max_examples=500,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
POSE_TOLERANCE = 1e-6
every_robot = pytest.mark.parametrize("name", embodiments.names())

# What rotations of recordings do at worst: half turns in a step, the Euler singularity, no motion, any turn.
WILD_TURNS = st.sampled_from(("any", "half turn", "gimbal lock", "still", "tiny"))


def wild_rotations(kind: str, rows: int, generator: np.random.Generator) -> np.ndarray:
    """Rotation matrices [rows, 3, 3]."""
    if kind == "gimbal lock":
        pitch = np.where(generator.random(rows) < 0.5, 1.0, -1.0) * np.pi / 2.0
        pitch += generator.choice([0.0, 1e-9, -1e-8, 1e-7], rows)
        angles = np.stack([generator.uniform(-7, 7, rows), pitch, generator.uniform(-7, 7, rows)], axis=1)
        return rotations.to_matrix(angles, "euler_xyz")
    start = rotations.to_matrix(generator.normal(size=(rows, 4)), "quaternion_xyzw")
    if kind == "any":
        return start
    size = {"half turn": np.pi, "still": 0.0, "tiny": 1e-7}[kind]
    axis = generator.normal(size=3)
    steps = np.arange(rows)[:, None] * size * axis / np.linalg.norm(axis)
    return start[:1] @ rotations.to_matrix(steps, "axis_angle")


@st.composite
def trajectories(draw, name: str):
    """Any valid trajectory of a robot: 1 to 20 steps, wild rotations, coordinates up to `reach` metres."""
    robot = embodiments.get(name)
    rows = draw(st.integers(2, 21))
    generator = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    kind = draw(WILD_TURNS)
    reach = draw(st.sampled_from((1e-3, 1.0, 1e4)))
    wild = {}
    for block in robot.pose_blocks:
        source = block.source
        turned = wild_rotations(kind, rows, generator)
        position = generator.uniform(-reach, reach, (rows, 3))
        if isinstance(source, (PoseVector, PoseMatrix, PoseParts)):
            wild.update(source.commands(poses.make_poses(position, turned)))
    values = {}
    for field in robot.fields:
        if field.name in wild:
            values[field] = wild[field.name]
        elif np.isfinite(field.low).all() and np.isfinite(field.high).all() and field.sample is None:
            low, high = (np.broadcast_to(bound, field.shape) for bound in (field.low, field.high))
            values[field] = generator.uniform(low, high, (rows, *field.shape))
        else:
            values[field] = field.example(np.arange(rows) / robot.fps, generator)
    return robot, embodiments.Trajectory(
        states={field.name: rows for field, rows in values.items() if field.role == "state"},
        commands={field.name: rows for field, rows in values.items() if field.role == "command"},
    )


def unclamped(robot):
    """The robot with its normaliser's statistics and no clamp: a clamp loses what lies outside, by design."""
    normalizer = robot.normalizer
    if not robot.has_normalizer:
        return robot.with_normalizer(normalizers.Identity("not published; SI units for this test"))
    if getattr(normalizer, "clamp", False):
        return robot.with_normalizer(normalizers.make(normalizer.kind, normalizer.statistics))
    return robot


def recorded_poses(robot, trajectory) -> dict[str, np.ndarray]:
    """Tool poses by block, [T+1, 4, 4]."""
    reader = TrajectoryReader(trajectory, robot.fields, robot.anchor_fields)
    return {block.name: block.source.poses(reader) for block in robot.pose_blocks}


@every_robot
def test_round_trip(name):
    """encode, normalise, denormalise, decode: the recorded poses, grippers, joints and deltas come back."""

    @EXAMPLES
    @given(trajectories(name))
    def holds(drawn):
        robot, trajectory = drawn
        robot = unclamped(robot)
        unified = robot.encode(trajectory)
        again = robot.denormalize(robot.normalize(unified))
        commands = robot.decode(again, trajectory.state_at(0))
        for block, path in recorded_poses(robot, trajectory).items():
            assert np.abs(commands[f"{block}_position"] - path[1:, :3, 3]).max() < POSE_TOLERANCE
            turned = rotations.to_matrix(commands[f"{block}_quaternion_xyzw"], "quaternion_xyzw")
            assert np.abs(turned - path[1:, :3, :3]).max() < POSE_TOLERANCE
        reader = TrajectoryReader(trajectory, robot.fields, robot.anchor_fields)
        for block in robot.blocks:
            if isinstance(block, GripperBlock):
                assert np.abs(commands[block.quantity] - reader.steps(block.fields[0])[:, 0]).max() < 1e-9
            if isinstance(block, PoseDeltaBlock):
                given_deltas = reader.steps(block.fields[0])
                assert np.abs(commands[block.quantity][:, :3] - given_deltas[:, :3]).max() < POSE_TOLERANCE
                turns = [
                    rotations.to_matrix(values[:, 3:], "axis_angle")
                    for values in (commands[block.quantity], given_deltas)
                ]
                assert np.abs(turns[0] - turns[1]).max() < POSE_TOLERANCE
            if block.kind in ("joints", "position"):
                assert np.abs(commands[block.quantity] - reader.steps(block.fields[0])).max() < 1e-9
            if block.kind == "fingertips":
                tips = block.wrist.source.fingertips_in_camera(reader)[1:]
                camera = block.wrist.source.camera.poses(reader)[1:]
                world = (camera[:, None, :3, :3] @ tips[..., None])[..., 0] + camera[:, None, :3, 3]
                assert np.abs(commands[f"{block.name}_world"] - world).max() < POSE_TOLERANCE

    holds()


@every_robot
def test_anchor(name):
    """A chunk starts from the state it was predicted from, wherever that is, and moves as recorded from there."""
    robot = embodiments.get(name)
    if not robot.pose_blocks:
        pytest.skip(f"{name} commands no poses, so there is nothing to anchor")

    @EXAMPLES
    @given(trajectories(name), st.integers(0, 2**32 - 1))
    def holds(drawn, seed):
        robot, trajectory = drawn
        unified = robot.encode(trajectory)
        elsewhere = {field: field.example(np.zeros(1), np.random.default_rng(seed))[0] for field in robot.anchor_fields}
        state = {field.name: value for field, value in elsewhere.items()}
        paths = robot.integrate(unified, state)
        anchors = {block.name: block.source.poses(InstantReader(state))[0] for block in robot.pose_blocks}
        for block, recorded in recorded_poses(robot, trajectory).items():
            path = paths[block]
            assert np.abs(path[0] - anchors[block]).max() < 1e-12
            moved = np.linalg.inv(path[0]) @ path
            expected = np.linalg.inv(recorded[0]) @ recorded
            assert np.abs(moved - expected).max() < POSE_TOLERANCE

    holds()


@every_robot
def test_clamped_values_come_back_as_the_range_allows(name):
    """With the shipped normaliser, clamp and all, whatever lies inside the statistics' range comes back exactly."""
    robot = embodiments.get(name)
    if not robot.has_normalizer:
        pytest.skip(f"{name}: the normaliser is not published")

    @settings(EXAMPLES, max_examples=100)
    @given(st.integers(0, 2**32 - 1))
    def holds(seed):
        model = np.random.default_rng(seed).uniform(-1.0, 1.0, (8, robot.action_dim))
        again = robot.normalize(robot.denormalize(model))
        narrow = getattr(robot.normalizer, "scale", np.ones(robot.action_dim))
        assert (np.abs(again - model) < 1e-12 + 1e-15 / narrow).all()

    holds()


MATRICES = st.integers(0, 2**32 - 1).map(lambda seed: np.random.default_rng(seed))


@EXAMPLES
@given(MATRICES, WILD_TURNS, st.sampled_from(rotations.REPRESENTATIONS))
def test_representations_invert(generator, kind, representation):
    matrices = wild_rotations(kind, 5, generator)
    again = rotations.to_matrix(rotations.from_matrix(matrices, representation), representation)
    assert np.abs(again - matrices).max() < 1e-9


@EXAMPLES
@given(MATRICES, st.sampled_from((1e-6, 1e-3, 1.0, 1e3)))
def test_closed_form_is_the_svd_projection(generator, size):
    """The two columns of a network, of any length and angle, against the textbook projection."""
    columns = generator.normal(size=(16, 6)) * size
    third = np.cross(columns[:, :3], columns[:, 3:])
    raw = np.stack([columns[:, :3], columns[:, 3:], third], axis=-1)
    # The third column only decides the sign, so its length may be anything: of the size of the others it is exact.
    raw[..., 2] *= size / np.linalg.norm(third, axis=-1, keepdims=True)
    area = np.linalg.norm(third, axis=-1) / (np.linalg.norm(columns, axis=-1) ** 2)
    error = np.abs(rotations.to_matrix(columns, "rot6d") - rotations.project_to_rotation(raw)).max(axis=(1, 2))
    assert (error < 1e-13 / area**2 + 1e-12).all()


def test_pose_blocks_exist():
    """The tests above would pass on robots without blocks: say that there are some."""
    assert (
        sum(isinstance(block, PoseBlock) for name in embodiments.names() for block in embodiments.get(name).blocks) > 12
    )
