"""From a LeRobot dataset to prepared episodes; and what does not fit a robot is refused."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import embodiments
import sim_eval
from cosmos_policy.checkpoints import resolve_checkpoint
from cosmos_policy.errors import UsageError
from cosmos_policy.training.data.checks import check_trajectory
from cosmos_policy.training.data.normalizing import conforming
from cosmos_policy.training.data.recorded import prepare
from cosmos_policy.training.settings import DatasetSettings, NormalizerSettings
from embodiments import EmbodimentError, Trajectory

DEMO = str(Path(sim_eval.__file__).parent / "data" / "demo_droid")


def nothing_to_object(robot, trajectories, what):
    assert what == DEMO and len(trajectories) == 2


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    pytest.importorskip("lerobot")
    settings = DatasetSettings(path=DEMO, embodiment="droid_joint", resolution_tier=256, rest_steps=5)
    return prepare(settings, None, tmp_path_factory.mktemp("prepared"), nothing_to_object), settings


def test_episodes_are_as_recorded_and_go_on_at_rest(demo):
    from cosmos_policy.datasets.recording import task_text

    dataset, settings = demo
    assert [facts.index for facts in dataset.episodes] == [0, 1]
    assert all(facts.task and facts.task == task_text(facts.task) for facts in dataset.episodes)
    for facts in dataset.episodes:
        actions, state = dataset.numbers[facts.index]
        assert (
            len(actions) == facts.frames - 1 + settings.rest_steps == facts.actions and len(state) == len(actions) + 1
        )
        np.testing.assert_array_equal(actions[-settings.rest_steps :], np.tile(actions[-1], (5, 1)))
        np.testing.assert_array_equal(state[-settings.rest_steps :], np.tile(state[-1], (5, 1)))
        assert np.abs(np.diff(actions[: facts.frames - 1, :7], axis=0)).max() > 1e-3
    frames = dataset.frames(0, [0, 10, 10**6])
    assert frames.shape == (3, dataset.fit.content_height, dataset.fit.content_width, 3) and frames.std() > 10
    assert np.array_equal(frames[2], dataset.frames(0, [dataset.episodes[0].frames - 1])[0])
    assert dataset.canvases(0, [0]).shape == (1, 256, 320, 3)


def test_pictures_are_those_that_the_policy_will_see(demo):
    """The same frame through the calls' own path, but for WebP's loss: above 35 dB."""
    from cosmos_policy.datasets.binding import bind
    from cosmos_policy.datasets.health import read_info
    from cosmos_policy.datasets.recording import Recording
    from cosmos_policy.datasets.source import locate
    from cosmos_policy.inputs import fit_frames

    dataset, _ = demo
    robot, source = embodiments.get("droid_joint"), locate(DEMO)
    recording = Recording(source, bind(robot, read_info(source.root, DEMO), DEMO), robot, (1,), 4)
    canvas, fit = fit_frames(robot.compose(recording.views(1, 20)[0])[None], 256)
    assert fit == dataset.fit
    error = np.mean((canvas.astype(float) - dataset.canvases(1, [20])) ** 2)
    assert 10 * np.log10(255**2 / error) > 35


def test_prepared_episodes_are_found_again_and_hold_to_their_settings(demo, monkeypatch):
    dataset, settings = demo
    monkeypatch.setattr("cosmos_policy.datasets.recording.Recording.__init__", None)  # nothing is decoded again
    again = prepare(settings, None, dataset.folder.parent, nothing_to_object)
    assert again.fingerprint == dataset.fingerprint
    named = prepare(
        DatasetSettings(path=str(dataset.folder), embodiment="droid_joint"), 480, dataset.folder, nothing_to_object
    )
    assert named.tier == 256
    with pytest.raises(UsageError, match="prepared with tier 256, but 480 is asked for"):
        prepare(replace(settings, path=str(dataset.folder), resolution_tier=480), None, dataset.folder, None)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"embodiment": "bridge"}, "does not fit bridge"),
        ({"fps": 7.0}, "no whole fraction"),
        ({"episodes": "0,9"}, "Episode 9 does not exist"),
        ({"camera_map": {"top": "x"}}, "has no view 'top'"),
        ({"path": "nowhere/"}, "There is no folder nowhere"),
    ],
)
def test_a_dataset_that_does_not_fit_is_refused(tmp_path, changes, told):
    pytest.importorskip("lerobot")
    settings = replace(DatasetSettings(path=DEMO, embodiment="droid_joint"), **changes)
    with pytest.raises(UsageError, match=told):
        prepare(settings, None, tmp_path, None)
    assert not list(tmp_path.iterdir())


def changed(trajectory, name, change):
    """The trajectory with one command changed, and the state of the same name."""
    return Trajectory(
        states={key: change(rows) if key == name else rows for key, rows in trajectory.states.items()},
        commands={key: change(rows) if key == name else rows for key, rows in trajectory.commands.items()},
    )


@pytest.mark.parametrize(("name", "change", "told"), [
    ("joint_position", np.degrees, "rad. Is it in another unit"),
    ("gripper_position", lambda rows: rows * 255, "0 open, 1 closed lies in 0 to 1"),
])  # fmt: skip
def test_another_unit_is_told(name, change, told):
    robot = embodiments.get("droid_joint")
    trajectory = robot.example_trajectory(40)
    check_trajectory(robot, trajectory, "these")
    with pytest.raises(UsageError, match=told) as error:
        check_trajectory(robot, changed(trajectory, name, change), "these")
    assert f"'{name}' of these does not fit droid_joint" in str(error.value)


def test_recordings_that_do_not_conform_are_refused():
    robot, base = embodiments.get("droid"), resolve_checkpoint("tiny")
    good = [robot.example_trajectory(60, seed) for seed in range(3)]
    millimetres = [
        changed(trajectory, "cartesian_position", lambda rows: rows * [1000, 1000, 1000, 1, 1, 1])
        for trajectory in good
    ]
    with pytest.raises(UsageError, match=r"demos does not fit droid: translations are \d+ times too large"):
        conforming(robot, millimetres, NormalizerSettings(), base, "demos")
    closed = [changed(trajectory, "gripper_position", np.ones_like) for trajectory in good]
    with pytest.raises(EmbodimentError, match="gripper of 'droid' never moved"):
        conforming(robot, closed, NormalizerSettings(kind="quantile"), None, "demos")


def test_two_processes_prepare_what_one_does(demo, tmp_path):
    dataset, settings = demo
    told = []
    shared = prepare(settings, None, tmp_path, nothing_to_object, lambda *done: told.append(done), processes=2)
    assert shared.episodes == dataset.episodes and shared.fit == dataset.fit and told[-1] == (2, 2)
    for facts in dataset.episodes:
        name = Path("episodes") / f"{facts.index:06d}.npz"
        with np.load(shared.folder / name) as ours, np.load(dataset.folder / name) as theirs:
            assert sorted(ours) == sorted(theirs)
            assert all(np.array_equal(ours[key], theirs[key]) for key in ours)
