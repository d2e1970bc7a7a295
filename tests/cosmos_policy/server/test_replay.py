"""Recorded actions in a model's place: the demo episode that is shipped, followed from its first row to its last."""

from pathlib import Path

import numpy as np
import pytest

import embodiments
import sim_eval
from cosmos_policy import Observation, UsageError
from cosmos_policy.server.sources.replay import ReplayModel, read_episode
from embodiments.datasets import layout_for

DEMO = Path(sim_eval.__file__).parent / "data" / "demo_droid"


@pytest.fixture(scope="module")
def robot():
    return embodiments.get("droid_joint")


@pytest.fixture(scope="module")
def replay(robot):
    if not (DEMO / "meta" / "info.json").is_file():
        pytest.skip("the demo episode is not in this checkout")
    return ReplayModel(DEMO, robot, 0)


@pytest.fixture(scope="module")
def recorded(replay, robot):
    table, _ = read_episode(DEMO, 0)
    layout = layout_for(robot.dataset_layouts, {name: {"shape": rows.shape[1:]} for name, rows in table.items()})
    return layout.trajectory(table)


def at(recorded, robot, row):
    blank = {view: np.zeros((4, 4, 3), np.uint8) for view in robot.views}
    return Observation(blank, {name: values[row] for name, values in recorded.states.items()}, stamp=5.0)


def test_the_recorded_commands_follow_the_recorded_state(replay, recorded, robot):
    row = len(recorded.states["joint_position"]) // 2
    chunk = replay.policy(at(recorded, robot, row), "x", embodiment=robot)
    start = chunk.info["recorded_row"]
    assert abs(start - row) <= 2
    expected = recorded.commands["joint_position"][start : start + 32]
    np.testing.assert_allclose(chunk.commands["joint_position"][: len(expected)], expected, atol=1e-9)
    assert (chunk.stamp, len(chunk.unified)) == (5.0, 32)


def test_following_the_commands_reaches_the_end_and_stays(replay, recorded, robot):
    rows = len(recorded.states["joint_position"])
    here, visited = at(recorded, robot, 0), []
    for _ in range(3 * rows // 8):
        visited.append(replay.policy(here, "x", embodiment=robot).info["recorded_row"])
        here = at(recorded, robot, min(visited[-1] + 8, rows - 1))
    assert visited == sorted(visited)
    assert visited[-1] == rows - 1
    last = replay.policy(here, "x", embodiment=robot).commands["joint_position"]
    np.testing.assert_array_equal(last, np.repeat(last[:1], 32, axis=0))


def test_what_a_recording_cannot_do_is_told(replay, recorded, robot, tmp_path):
    frame = np.zeros((4, 4, 3), np.uint8)
    for call in (
        lambda: replay.inverse_dynamics(np.stack([frame] * 5), embodiment=robot),
        lambda: replay.forward_dynamics(frame, np.zeros((4, 8)), embodiment=robot),
        lambda: replay.policy(at(recorded, robot, 0), "x", embodiment=robot, video=True),
        lambda: ReplayModel(tmp_path, robot, 0),
        lambda: ReplayModel(DEMO, robot, 99),
        lambda: ReplayModel(DEMO, embodiments.get("umi"), 0),
    ):
        with pytest.raises((UsageError, embodiments.EmbodimentError)):
            call()
