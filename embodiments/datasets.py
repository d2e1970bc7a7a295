"""Which features of a LeRobot dataset hold what a robot's trajectory and views need."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np

from embodiments.errors import EmbodimentError
from embodiments.trajectory import Trajectory, pick

_REFERENCE = re.compile(r"^(?P<feature>[^\[\]]+)(\[(?P<start>\d+)(:(?P<stop>\d+))?\])?$")


@dataclass(frozen=True)
class FeatureReference:
    """A feature, or some columns of one: "action", "action[6]", "observation.state[0:6]"."""

    feature: str
    columns: slice | None

    @classmethod
    def parse(cls, text: str) -> FeatureReference:
        """Read the notation above; `EmbodimentError` says what it must look like."""
        match = _REFERENCE.match(text)
        if match is None:
            raise EmbodimentError(
                f'{text!r} names no dataset feature; expected a feature such as "observation.state", '
                'some of its columns as "observation.state[0:6]", or one as "action[6]"'
            )
        if match["start"] is None:
            return cls(match["feature"], None)
        start = int(match["start"])
        stop = int(match["stop"]) if match["stop"] else start + 1
        if stop <= start:
            raise EmbodimentError(f"{text!r} names no column: expected a first column below the last, as in [0:6]")
        return cls(match["feature"], slice(start, stop))

    def read(self, table: Mapping[str, np.ndarray]) -> np.ndarray:
        """The rows of that feature, [rows, width]; one-number features come as [rows] or [rows, 1]."""
        rows = np.asarray(pick(table, self.feature, "the dataset"))
        return rows if self.columns is None else rows[:, self.columns]


@dataclass(frozen=True)
class DatasetLayout:
    """How one family of LeRobot datasets holds a robot.

    `states` and `commands` map the robot's quantities to features (`FeatureReference` notation: a plain feature name
    where the whole feature is meant), `views` maps view names to video features, `widths` gives the widths that each
    feature may have, `fps` the rate of the recording: where it is a multiple of the embodiment's, every k-th frame is
    taken.
    """

    name: str
    fps: float
    states: Mapping[str, str] = field(default_factory=dict)
    commands: Mapping[str, str] = field(default_factory=dict)
    views: Mapping[str, str] = field(default_factory=dict)
    widths: Mapping[str, tuple[int, ...]] = field(default_factory=dict)

    @property
    def table_features(self) -> tuple[str, ...]:
        """The features, without images, that a trajectory is read from; each once."""
        references = [*self.states.values(), *self.commands.values()]
        return tuple(dict.fromkeys(FeatureReference.parse(text).feature for text in references))

    def problem(self, features: Mapping[str, Mapping]) -> str | None:
        """One sentence on why a dataset with these features (LeRobot's `meta.features`) does not fit; None if it does.

        Only numbers are looked at; which views are there is the caller's question (`missing_views`).
        """
        for feature in self.table_features:
            if feature not in features:
                return f"the dataset lacks the feature {feature!r}, which the layout {self.name!r} reads"
            expected = self.widths.get(feature)
            width = int(np.prod(features[feature]["shape"]))
            if expected and width not in expected:
                return (
                    f"the feature {feature!r} is {width} wide, but the layout {self.name!r} expects "
                    f"{' or '.join(map(str, expected))}"
                )
        return None

    def missing_views(self, features: Iterable[str]) -> tuple[str, ...]:
        """The views whose video feature is not among `features`."""
        there = set(features)
        return tuple(view for view, feature in self.views.items() if feature not in there)

    def trajectory(self, table: Mapping[str, np.ndarray]) -> Trajectory:
        """The trajectory in a table of features, [rows, width] each; the rows are T+1 instants at the robot's rate."""
        return Trajectory(
            states={name: FeatureReference.parse(text).read(table) for name, text in self.states.items()},
            commands={name: FeatureReference.parse(text).read(table) for name, text in self.commands.items()},
        )


def layout_for(layouts: tuple[DatasetLayout, ...], features: Mapping[str, Mapping]) -> DatasetLayout:
    """The first layout that a dataset with these features fits, or `EmbodimentError` with every layout's reason."""
    problems = []
    for layout in layouts:
        problem = layout.problem(features)
        if problem is None:
            return layout
        problems.append(problem)
    if not problems:
        raise EmbodimentError("this embodiment knows no dataset layout; describe one in a robot file under `datasets`")
    raise EmbodimentError("; ".join(problems))
