"""An embodiment: one robot as data, and the exact maps between its own world and the Cosmos 3 action space."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from embodiments import poses
from embodiments.blocks import Block, Decoding, PoseBlock
from embodiments.columns import Column, Field
from embodiments.datasets import DatasetLayout
from embodiments.errors import EmbodimentError
from embodiments.idle import IdleRule, IdleThresholds
from embodiments.normalizers import Missing, Normalizer
from embodiments.reading import InstantReader, TrajectoryReader
from embodiments.trajectory import Trajectory
from embodiments.views import ViewLayout

MODEL_ACTION_WIDTH = 64


@dataclass(frozen=True, eq=False)
class Embodiment:
    """One robot. Data flows one way: recording -> `encode` -> `normalize` -> model -> `denormalize` -> `decode`.

    Unified actions are float64 [T, D] in SI units, D = `action_dim`; model space is the same shape after `normalizer`.
    """

    name: str
    """Our name, as people type it."""
    title: str
    """The robot in a few words."""
    domain_name: str
    """The name that Cosmos gives this embodiment."""
    domain_id: int
    """The domain slot (0..31) that the network is conditioned on."""
    fps: float
    """Action and video rate in Hz."""
    chunk_size: int
    """T: steps that the model predicts at once."""
    blocks: tuple[Block, ...]
    """The action, block by block, in column order."""
    view_layout: ViewLayout
    """The cameras and their places in the model's frame."""
    view_label: str
    """The kind of view that training prompts name ("concat_view", "ego_view", ...)."""
    normalizer: Normalizer
    """The normaliser of the released checkpoint that speaks this embodiment."""
    view_description: str = ""
    """The sentence that training prompts add about the layout, or ""."""
    instruction_default: str = ""
    """The instruction to use when there is none, or ""."""
    resolution_tier: int = 480
    """Canvas tier (rows of a 16:9 canvas) used by default."""
    state_rows: int = 0
    """Clean state rows that the model sees before the chunk."""
    aliases: tuple[str, ...] = ()
    """Other names, Cosmos domain names above all, under which `embodiments.get` finds it."""
    dataset_layouts: tuple[DatasetLayout, ...] = ()
    """How known LeRobot datasets hold this robot."""
    idle_rule: IdleRule = field(default_factory=IdleThresholds)
    """How training counted idle steps."""
    example_image_size: tuple[int, int] = (360, 640)
    """Height and width, in pixels, of the camera images in `example_observation`."""
    notes: str = ""
    """What a user must know: inferred facts, limits."""
    unknowns: tuple[str, ...] = ()
    """What Cosmos has not published about this robot, so that what stands here may differ from training."""

    def __post_init__(self) -> None:
        placed, start = [], 0
        for block in self.blocks:
            placed.append(replace(block, start=start))
            start += block.width
        object.__setattr__(self, "blocks", tuple(placed))
        names = [block.name for block in placed]
        if not names or len(set(names)) != len(names):
            raise EmbodimentError(f"the blocks of {self.name!r} must have names of their own, but they are {names}")
        columns = self.action_names
        if len(set(columns)) != len(columns):
            twice = next(column for column in columns if columns.count(column) > 1)
            raise EmbodimentError(f"two columns of {self.name!r} are called {twice!r}: give the blocks column prefixes")
        if start > MODEL_ACTION_WIDTH:
            raise EmbodimentError(f"{self.name!r} has {start} columns, but the model has {MODEL_ACTION_WIDTH}")
        self._require_normalizer(self.normalizer)

    # What it is ------------------------------------------------------------------------------------------------------

    @cached_property
    def columns(self) -> tuple[Column, ...]:
        """Name, kind and unit of every column of the action."""
        return tuple(column for block in self.blocks for column in block.column_specs)

    @cached_property
    def action_names(self) -> tuple[str, ...]:
        """The columns' names."""
        return tuple(column.name for column in self.columns)

    @property
    def action_dim(self) -> int:
        """D, the number of columns that the model uses for this robot."""
        return len(self.columns)

    @property
    def views(self) -> tuple[str, ...]:
        """The names of the camera views, in layout order."""
        return self.view_layout.views

    @cached_property
    def fields(self) -> tuple[Field, ...]:
        """The states and commands that `encode` reads, each once."""
        return _unique(tuple(field for block in self.blocks for field in block.fields))

    @cached_property
    def anchor_fields(self) -> tuple[Field, ...]:
        """The quantities that `decode` and `integrate` read from the present state."""
        return _unique(tuple(field for block in self.pose_blocks for field in block.fields))

    @cached_property
    def state_row_fields(self) -> tuple[Field, ...]:
        """The quantities that `encode_state` reads from the present state."""
        return _unique(tuple(field for block in self.blocks for field in block.state_fields))

    @cached_property
    def pose_blocks(self) -> tuple[PoseBlock, ...]:
        return tuple(block for block in self.blocks if isinstance(block, PoseBlock))

    def with_normalizer(self, normalizer: Normalizer) -> Embodiment:
        """The same robot for a checkpoint that wants another normaliser."""
        return replace(self, normalizer=normalizer)

    # Actions ---------------------------------------------------------------------------------------------------------

    def encode(self, trajectory: Trajectory) -> np.ndarray:
        """Unified actions, float64 [T, D] in SI units, of a recorded trajectory of T steps.

        Raises `EmbodimentError` if a quantity is missing, has the wrong shape or length, or is not finite.
        """
        reader = TrajectoryReader(trajectory, self.fields, self.anchor_fields)
        unified = np.empty((reader.num_steps, self.action_dim))
        if self.pose_blocks:
            # All paths at once: small arrays cost numpy as much as larger ones.
            paths = np.stack([block.model_poses(reader) for block in self.pose_blocks])
            for block, deltas in zip(self.pose_blocks, poses.to_deltas(paths), strict=True):
                unified[:, block.columns] = deltas
        for block in self.blocks:
            if not isinstance(block, PoseBlock):
                unified[:, block.columns] = block.encode(reader)
        return unified

    def encode_state(self, state: Mapping[str, np.ndarray]) -> np.ndarray:
        """The present state as clean unified rows, float64 [max(state_rows, 1), D], to put before a chunk.

        Poses are absolute here (position in m, rot6d, in the model's frame); joints and grippers are as in a chunk.
        Checkpoints whose `state_rows` is 0 were trained without it.
        """
        reader = InstantReader(state)
        row = np.concatenate([block.encode_state(reader) for block in self.blocks])
        return np.tile(row, (max(self.state_rows, 1), 1))

    def normalize(self, unified: np.ndarray) -> np.ndarray:
        """Model space from unified actions, [..., D]; float32 in gives float32 out. No statistics, no answer."""
        return self.normalizer.normalize(self._require_actions(unified))

    def denormalize(self, model: np.ndarray) -> np.ndarray:
        """Unified actions in SI units from model space, [..., D]; float32 in gives float32 out."""
        return self.normalizer.denormalize(self._require_actions(model))

    def decode(self, unified: np.ndarray, state: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Absolute commands of this robot, float64, T rows each, from unified actions [T, D].

        `state` is the present state that the chunk was predicted from (`anchor_fields`): row i of a pose command is the
        pose to be reached at the end of step i. Nothing is clipped to the robot's limits.
        """
        unified = self._require_chunk(unified)
        model_poses = self._integrate(unified, state)
        decoding = Decoding(model_poses, self._tool_poses(model_poses))
        commands: dict[str, np.ndarray] = {}
        for block in self.blocks:
            commands.update(block.decode(unified[:, block.columns], decoding))
        return commands

    def integrate(self, unified: np.ndarray, state: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Absolute poses, float64 [T+1, 4, 4] a pose block, in the robot's own tool frame; row 0 is the anchor."""
        return self._tool_poses(self._integrate(self._require_chunk(unified), state))

    def count_idle_steps(self, unified: np.ndarray) -> int:
        """The number of steps of a chunk [T, D] in which the robot rests (see `embodiments.idle`)."""
        return self.idle_rule.count(self._require_chunk(unified), self.columns, self.fps)

    # Views -----------------------------------------------------------------------------------------------------------

    def compose(self, images: Mapping[str, np.ndarray]) -> np.ndarray:
        """The views, uint8 [h, w, 3] each, in one frame, uint8 [H, W, 3], laid out as in training."""
        return self.view_layout.compose(images)

    def split(self, frame: np.ndarray) -> dict[str, np.ndarray]:
        """Cut a composed frame, uint8 [H, W, 3] of any size, into its views."""
        return self.view_layout.split(frame)

    # Examples --------------------------------------------------------------------------------------------------------

    def example_trajectory(self, num_steps: int = 16, seed: int = 0) -> Trajectory:
        """A smooth valid trajectory of `num_steps` steps; the same for the same seed."""
        generator = np.random.default_rng(seed)
        fields = _unique((*self.fields, *(self.state_row_fields if self.state_rows else ())))
        instants = {field for field in fields if field.role == "state"} | set(self.anchor_fields)
        times = np.arange(num_steps + 1) / self.fps
        rows = {field: field.example(times[: num_steps + (field in instants)], generator) for field in fields}
        return Trajectory(
            states={field.name: values for field, values in rows.items() if field.role == "state"},
            commands={field.name: values for field, values in rows.items() if field.role == "command"},
        )

    def example_observation(self, seed: int = 0) -> dict[str, dict[str, np.ndarray]]:
        """`{"images": {view: uint8 [h, w, 3]}, "state": {name: float64 array}}`, the same for the same seed."""
        generator = np.random.default_rng(seed)
        fields = _unique_names((*self.anchor_fields, *self.state_row_fields))
        height, width = self.example_image_size
        return {
            "images": {view: generator.integers(0, 256, (height, width, 3), dtype=np.uint8) for view in self.views},
            "state": {field.name: field.example(np.zeros(1), generator)[0] for field in fields},
        }

    # Inside ----------------------------------------------------------------------------------------------------------

    def _integrate(self, unified: np.ndarray, state: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Absolute poses of the model's frames, [T+1, 4, 4], by block; all blocks are integrated at once."""
        if not self.pose_blocks:
            return {}
        reader = InstantReader(state)
        anchors = np.stack([block.model_poses(reader)[0] for block in self.pose_blocks])
        deltas = np.stack([unified[:, block.columns] for block in self.pose_blocks])
        paths = poses.from_deltas(deltas, anchors)
        return {block.name: path for block, path in zip(self.pose_blocks, paths, strict=True)}

    def _tool_poses(self, model_poses: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        return {block.name: block.tool_poses(model_poses[block.name]) for block in self.pose_blocks}

    def _require_actions(self, actions: np.ndarray) -> np.ndarray:
        actions = np.asarray(actions)
        if actions.ndim == 0 or actions.shape[-1] != self.action_dim:
            raise EmbodimentError(
                f"actions of {self.name!r} must have shape [..., {self.action_dim}], but got {list(actions.shape)}"
            )
        return actions

    def _require_chunk(self, unified: np.ndarray) -> np.ndarray:
        unified = np.asarray(unified, dtype=np.float64)
        if unified.ndim != 2 or unified.shape[1] != self.action_dim or len(unified) == 0:
            raise EmbodimentError(
                f"a chunk of {self.name!r} must have shape [T, {self.action_dim}] with T >= 1, "
                f"but got {list(unified.shape)}"
            )
        if not np.isfinite(unified).all():
            row, column = np.argwhere(~np.isfinite(unified))[0]
            raise EmbodimentError(
                f"the action of {self.name!r} is {unified[row, column]} in row {row}, column {column} "
                f"({self.action_names[column]}); expected finite numbers, and none of it may reach a robot"
            )
        return unified

    def _require_normalizer(self, normalizer: Normalizer) -> None:
        if normalizer.width is not None and normalizer.width != self.action_dim:
            raise EmbodimentError(
                f"the normaliser ({normalizer.describe()}) has {normalizer.width} columns, "
                f"but {self.name!r} has {self.action_dim}"
            )

    @property
    def has_normalizer(self) -> bool:
        """False where the statistics are not known and must be given by the user."""
        return not isinstance(self.normalizer, Missing)


def _unique(fields: tuple[Field, ...]) -> tuple[Field, ...]:
    return tuple({(field.role, field.name): field for field in fields}.values())


def _unique_names(fields: tuple[Field, ...]) -> tuple[Field, ...]:
    return tuple({field.name: field for field in reversed(fields)}.values())[::-1]
