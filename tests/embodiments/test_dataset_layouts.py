"""Datasets as the robots' own recordings hold them: read back, checked, fitted and replayed."""

from __future__ import annotations

import json

import numpy as np
import pytest
from lerobot_writer import write_dataset

import embodiments
from embodiments.datasets import DatasetLayout, FeatureReference, layout_for

LAYOUTS = {
    f"{name}-{layout.name}": (name, layout)
    for name in embodiments.names()
    for layout in embodiments.get(name).dataset_layouts
}
every_layout = pytest.mark.parametrize("key", LAYOUTS)


def test_the_robots_with_known_datasets_are_there():
    known = {name for name, _ in LAYOUTS.values()}
    assert {"droid", "bridge", "fractal", "umi", "franka", "dual_franka", "ur", "agibot", "libero"} <= known


@pytest.fixture(scope="module")
def datasets(tmp_path_factory):
    """key -> folder of a small dataset, written once."""
    pytest.importorskip("lerobot")
    written = {}

    def get(key: str):
        if key not in written:
            name, layout = LAYOUTS[key]
            written[key] = write_dataset(
                tmp_path_factory.mktemp("layouts") / key, name, layout, embodiments.get(name).chunk_size + 1
            )
        return written[key]

    return get


@every_layout
def test_what_was_recorded_is_encoded(key, datasets):
    """The table comes back as the trajectory that was written, in float32 and at the robot's own rate."""
    from cosmos_policy.cli.dataset_tables import read_trajectories

    name, layout = LAYOUTS[key]
    robot = embodiments.get(name)
    found, trajectories = read_trajectories(str(datasets(key)), robot)
    assert found.name == layout.name
    assert len(trajectories) == 2
    for seed, trajectory in enumerate(trajectories):
        original = robot.encode(robot.example_trajectory(robot.chunk_size + 1, seed))
        encoded = robot.encode(trajectory)
        # Robots without states cannot know that the last recorded command belongs to no step.
        np.testing.assert_allclose(encoded[: len(original)], original, atol=2e-6)
    assert embodiments.check(robot, trajectories).passed


@every_layout
def test_replay(key, datasets, tmp_path):
    """The first path, on this robot's data: a window of every call with the tiny checkpoint."""
    pytest.importorskip("lerobot")
    from cosmos_policy.types import Sampling
    from sim_eval.replay.run import replay
    from sim_eval.replay.settings import ReplaySettings

    name, _ = LAYOUTS[key]
    settings = ReplaySettings(
        dataset=str(datasets(key)),
        embodiment=name,
        output=tmp_path / "report",
        checkpoint="tiny",
        episodes="0",
        sampling=Sampling(num_inference_steps=1, resolution_tier=256),
    )
    replay(settings)
    records = [json.loads(line) for line in (tmp_path / "report" / "results.jsonl").read_text().splitlines()]
    assert {record["call"] for record in records} == {"policy", "inverse-dynamics", "forward-dynamics"}
    assert (tmp_path / "report" / "report.html").stat().st_size > 1000


def test_references():
    table = {"action": np.arange(12.0).reshape(2, 6), "width": np.arange(2.0)}
    assert FeatureReference.parse("action[1:3]").read(table).tolist() == [[1.0, 2.0], [7.0, 8.0]]
    assert FeatureReference.parse("action[5]").read(table).tolist() == [[5.0], [11.0]]
    assert FeatureReference.parse("width").read(table).tolist() == [0.0, 1.0]
    for wrong in ("action[", "action[2:1]", "", "action[a]"):
        with pytest.raises(embodiments.EmbodimentError, match=r"action|feature"):
            FeatureReference.parse(wrong)
    with pytest.raises(embodiments.EmbodimentError, match="the dataset lacks 'absent'; it holds action, width"):
        FeatureReference.parse("absent").read(table)


def test_a_layout_that_does_not_fit_is_refused_by_name():
    droid = embodiments.get("droid")
    (layout,) = droid.dataset_layouts
    features = {feature: {"shape": [widths[0]]} for feature, widths in layout.widths.items()}
    assert layout_for(droid.dataset_layouts, features) is layout
    wrong = {**features, "observation.state.cartesian_position": {"shape": [7]}}
    with pytest.raises(embodiments.EmbodimentError, match=r"cartesian_position' is 7 wide, but .* expects 6"):
        layout_for(droid.dataset_layouts, wrong)
    del wrong["action.gripper_position"]
    wrong["observation.state.cartesian_position"] = {"shape": [6]}
    with pytest.raises(embodiments.EmbodimentError, match=r"lacks the feature 'action\.gripper_position'"):
        layout_for(droid.dataset_layouts, wrong)
    with pytest.raises(embodiments.EmbodimentError, match="knows no dataset layout"):
        layout_for((), features)
    assert layout.missing_views(["observation.image.wrist_image_left"]) == ("exterior_1", "exterior_2")
    assert DatasetLayout("empty", 10.0).table_features == ()
