"""The form of a robot file, as pydantic models. Everything without a default must be said."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from embodiments import normalizers, statistics
from embodiments.blocks import Block
from embodiments.datasets import DatasetLayout, FeatureReference
from embodiments.embodiment import Embodiment
from embodiments.errors import EmbodimentError
from embodiments.robot_file.blocks import AnyBlock, Name
from embodiments.robot_file.frames import Strict
from embodiments.views import OneOverTwo, SideBySide, SingleView, ViewLayout

_VIEWS_OF_LAYOUT = {"single": 1, "side_by_side": 2, "one_over_two": 3}


class Domain(Strict):
    """The Cosmos domain whose slot conditions the network: the nearest robot that it was trained on."""

    name: str
    id: Annotated[int, Field(ge=0, le=31)]


class Views(Strict):
    """Cameras: names in layout order (top, bottom left, bottom right; left, right)."""

    layout: Literal["single", "side_by_side", "one_over_two"]
    names: list[Name]
    size: Annotated[int, Field(ge=16)] | None = None
    label: Literal["ego_view", "third_person_view", "wrist_view", "concat_view", "top_down_2d_view", "video_game_view"]
    description: str = ""

    @model_validator(mode="after")
    def _count(self) -> Views:
        expected = _VIEWS_OF_LAYOUT[self.layout]
        if len(set(self.names)) != expected or len(self.names) != expected:
            raise ValueError(f"the layout {self.layout} needs {expected} view names of their own, got {self.names}")
        if (self.layout == "side_by_side") != (self.size is not None):
            raise ValueError("size (pixels a side) belongs to side_by_side, which needs it, and to no other layout")
        return self

    def build(self) -> ViewLayout:
        if self.layout == "single":
            return SingleView(*self.names)
        return OneOverTwo(*self.names) if self.layout == "one_over_two" else SideBySide(*self.names, self.size)


class FittedNormalizer(Strict):
    """A normaliser from statistics: a file that `cosmos-policy embodiments fit` wrote (relative to the robot file), or
    the name of shipped ones."""

    kind: Literal[tuple(normalizers.FITTED)]
    clamp: bool
    statistics: str | None = None
    shipped: str | None = None

    @model_validator(mode="after")
    def _one_source(self) -> FittedNormalizer:
        if (self.statistics is None) == (self.shipped is None):
            raise ValueError("give either statistics (a file) or shipped (a name)")
        if self.clamp and self.kind not in normalizers.CLAMPING:
            raise ValueError(f"{self.kind} does not clamp; only {', '.join(normalizers.CLAMPING)} can")
        return self

    def build(self, folder: Path, blocks: tuple[Block, ...]) -> normalizers.Normalizer:
        if self.shipped is not None:
            return normalizers.make(self.kind, statistics.shipped(self.shipped), self.clamp)
        return normalizers.make(self.kind, statistics.read(folder / self.statistics), self.clamp)


class NoNormalizer(Strict):
    """For checkpoints that were trained on SI units."""

    kind: Literal["none"]
    reason: str

    def build(self, folder: Path, blocks: tuple[Block, ...]) -> normalizers.Normalizer:
        return normalizers.Identity(self.reason)


class TranslationScale(Strict):
    """All translations times `factor`."""

    kind: Literal["translation_scale"]
    factor: Annotated[float, Field(gt=0.0)]

    def build(self, folder: Path, blocks: tuple[Block, ...]) -> normalizers.Normalizer:
        starts = [sum(block.width for block in blocks[:index]) for index in range(len(blocks) + 1)]
        poses = [start for start, block in zip(starts, blocks, strict=False) if block.kind == "pose"]
        return normalizers.translation_scale(self.factor, starts[-1], tuple(slice(at, at + 3) for at in poses))


class UnknownNormalizer(Strict):
    """Not known yet: everything works but model space. `embodiments fit` makes statistics."""

    kind: Literal["missing"]

    def build(self, folder: Path, blocks: tuple[Block, ...]) -> normalizers.Normalizer:
        return normalizers.Missing("the robot file says `normalizer: {kind: missing}`")


class Dataset(Strict):
    """A LeRobot dataset of this robot: features for quantities ("action[6]", "observation.state[0:6]") and views."""

    name: str
    fps: Annotated[float, Field(gt=0.0)]
    states: dict[str, str] = Field(default_factory=dict)
    commands: dict[str, str] = Field(default_factory=dict)
    views: dict[str, Annotated[str, Field(min_length=1)]] = Field(default_factory=dict)
    widths: dict[str, list[int]] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _references(self) -> Dataset:
        for text in (*self.states.values(), *self.commands.values()):
            FeatureReference.parse(text)
        return self

    def check_slices(self, blocks: tuple[Block, ...]) -> None:
        """A slice such as "observation.state[0:6]" must be as wide as the quantity that it feeds."""
        for role, references in (("state", self.states), ("command", self.commands)):
            sizes = {
                field.name: math.prod(field.shape) for block in blocks for field in block.fields if field.role == role
            }
            for quantity, text in references.items():
                columns = FeatureReference.parse(text).columns
                width = None if columns is None else columns.stop - columns.start
                if width is not None and width != sizes.get(quantity, width):
                    raise EmbodimentError(
                        f"the dataset {self.name!r} feeds {quantity!r} from {text!r}, which is {width} wide, "
                        f"but the robot's blocks read {sizes[quantity]} numbers"
                    )

    def build(self) -> DatasetLayout:
        widths = {feature: tuple(allowed) for feature, allowed in self.widths.items()}
        return DatasetLayout(self.name, self.fps, self.states, self.commands, self.views, widths)


class RobotFile(Strict):
    """A whole robot file."""

    name: Name
    title: str
    domain: Domain
    fps: Annotated[float, Field(gt=0.0)]
    chunk_size: Annotated[int, Field(ge=4, multiple_of=4)]  # the video autoencoder takes four frames at a time
    blocks: Annotated[list[AnyBlock], Field(min_length=1)]
    views: Views
    normalizer: Annotated[
        FittedNormalizer | NoNormalizer | TranslationScale | UnknownNormalizer, Field(discriminator="kind")
    ]
    state_rows: Annotated[int, Field(ge=0)] = 0
    instruction_default: str = ""
    resolution_tier: Literal[256, 480, 704, 720, 768] = 480
    datasets: list[Dataset] = Field(default_factory=list)
    notes: str = ""

    def build(self, folder: Path) -> Embodiment:
        """The embodiment; files are looked up relative to `folder`."""
        built: dict[str, Block] = {}
        for block in self.blocks:
            built[block.name] = block.build(built)
        blocks = tuple(block for block in built.values())
        for dataset in self.datasets:
            dataset.check_slices(blocks)
        return Embodiment(
            name=self.name,
            title=self.title,
            domain_name=self.domain.name,
            domain_id=self.domain.id,
            fps=self.fps,
            chunk_size=self.chunk_size,
            blocks=blocks,
            view_layout=self.views.build(),
            view_label=self.views.label,
            view_description=self.views.description,
            normalizer=self.normalizer.build(folder, blocks),
            state_rows=self.state_rows,
            instruction_default=self.instruction_default,
            resolution_tier=self.resolution_tier,
            dataset_layouts=tuple(dataset.build() for dataset in self.datasets),
            notes=self.notes,
        )

    @model_validator(mode="after")
    def _own_name(self) -> RobotFile:
        from embodiments.registry import names

        if self.name in names():
            raise ValueError(f"{self.name!r} is a shipped robot; give yours a name of its own")
        names_of_blocks = [block.name for block in self.blocks]
        if len(set(names_of_blocks)) != len(names_of_blocks):
            raise ValueError(f"blocks need names of their own, but they are {', '.join(names_of_blocks)}")
        return self
