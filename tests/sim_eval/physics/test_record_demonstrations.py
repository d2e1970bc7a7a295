"""``cosmos-policy record``: the same episodes from any number of processes, picked up where it stopped."""

import dataclasses
import json

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from cosmos_policy.errors import UsageError
from sim_eval.cli.record import record as command
from sim_eval.physics.randomization import PLAIN, Randomization
from sim_eval.physics.recording.settings import RecordingSettings, parse_image_size, parse_randomization


def run_command(*arguments: str):
    app = typer.Typer()
    app.command()(command)
    return CliRunner().invoke(app, list(arguments))


@pytest.fixture(scope="module")
def recorded(physics, tmp_path_factory):
    """Two episodes: the first as an interrupted run left it, the second made in another process."""
    pytest.importorskip("lerobot", reason="lerobot is not installed (extra 'evaluation')")
    from sim_eval.physics.recording.attempt import record_attempt
    from sim_eval.physics.recording.run import record
    from sim_eval.results.store import ResultStore

    folder = tmp_path_factory.mktemp("recording")
    settings = RecordingSettings("lift", "ur", folder / "set", episodes=2, seed=30, image_size=(32, 32))
    store = ResultStore(settings.parts)
    store.begin({"identity": settings.identity()})
    store.append(record_attempt(settings, 0))
    done = record(settings, workers=1, quiet=True)
    return settings, done


def read(folder):
    from lerobot.datasets.lerobot_dataset import LeRobotDataset

    return LeRobotDataset("local/set", root=folder, video_backend="pyav")


def test_the_dataset_is_whole_and_fits_its_embodiment(recorded):
    import embodiments

    settings, done = recorded
    dataset = read(settings.output)
    assert (dataset.num_episodes, len(dataset), dataset.fps) == (2, done.frames, 10)
    assert dataset.meta.robot_type == "ur_5e" and list(dataset.meta.tasks.index) == ["lift the red cube"]
    ur = embodiments.get("ur")
    assert ur.dataset_layouts[0].problem(dataset.features) is None
    rows = np.stack([dataset[index]["actions.joint_position"].numpy() for index in range(len(dataset))])
    first = int(dataset.meta.episodes["length"][0])
    unified = ur.encode(ur.dataset_layouts[0].trajectory({"actions.joint_position": rows[:first]}))
    assert unified.shape == (first - 1, 10)
    assert np.abs(unified[:, :3]).max() < 0.03, "m in a tenth of a second"
    assert unified[0, 9] == 1.0 and unified[-1, 9] == 0.0, "the gripper closed"


def test_an_episode_is_the_same_from_any_process(recorded, tmp_path):
    """The second episode, made by a worker, against the same attempt made here, picture by picture."""
    from sim_eval.physics.recording.attempt import part_folder, record_attempt

    settings, _ = recorded
    here = dataclasses.replace(settings, output=tmp_path / "here")
    assert record_attempt(here, 1)["success"]
    alone, whole = read(part_folder(here, 1)), read(settings.output)
    offset = int(whole.meta.episodes["length"][0])
    assert len(alone) == len(whole) - offset
    for index in (0, len(alone) // 2, len(alone) - 1):
        for name in ("actions.joint_position", "observation.images.camera_top"):
            np.testing.assert_array_equal(alone[index][name], whole[offset + index][name])


def test_the_summary_names_the_seeds_and_the_parts_are_gone(recorded):
    settings, done = recorded
    summary = json.loads((settings.output / "recording.json").read_text())
    assert summary["seeds"] == [30, 31] and summary["dropped"] == done.dropped == 0
    assert not settings.parts.exists()


def test_again_is_done_at_once_and_another_seed_is_refused(recorded):
    from sim_eval.physics.recording.run import record

    settings, done = recorded
    assert record(settings, quiet=True) == done
    with pytest.raises(UsageError, match="holds something else"):
        record(dataclasses.replace(settings, seed=31), quiet=True)


def test_failures_are_dropped_and_give_up_in_the_end(physics, tmp_path, monkeypatch):
    """An arm that may not move fails; one failed attempt leaves no episode behind."""
    pytest.importorskip("lerobot", reason="lerobot is not installed (extra 'evaluation')")
    from sim_eval.physics import tasks
    from sim_eval.physics.recording import attempt

    lift = tasks.get("lift")
    hasty = dataclasses.replace(lift, phases=(dataclasses.replace(lift.phases[0], time_limit_s=0.2),))
    monkeypatch.setattr("sim_eval.physics.tasks.lift.TASK", hasty)
    settings = RecordingSettings("lift", "ur", tmp_path / "set", episodes=1, image_size=(32, 32))
    settings.parts.mkdir()
    result = attempt.record_attempt(settings, 5)
    assert (result["success"], result["seed"], result["frames"]) == (False, 5, 0)
    assert "did not end its phase 'reach'" in result["reason"]
    assert list(settings.parts.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--task", "juggle"], "no task is called 'juggle'"),
        (["--robot", "r2d2"], "no simulated robot is called 'r2d2'"),
        (["--embodiment", "umi"], "no simulated robot speaks the embodiment 'umi'"),
        (["--image-size", "321x180"], "H.264 needs an even width and height"),
        (["--image-size", "large"], "not of the form WIDTHxHEIGHT"),
        (["--episodes", "0"], "--episodes is 0; expected at least 1"),
        (["--workers", "0"], "--workers is 0"),
        (["--randomize", "gravity=0"], "the name one of placement"),
        (["--randomize", "placement=wide"], "is no number"),
    ],
)
def test_wrong_use_is_told_before_anything_is_written(physics, tmp_path, arguments, words):
    result = run_command("--output", str(tmp_path / "set"), *arguments)
    assert isinstance(result.exception, UsageError), result.output
    assert words in str(result.exception)
    assert not list(tmp_path.iterdir())


def test_sizes_and_ranges_are_read():
    assert parse_image_size("128x96") == (128, 96)
    assert parse_randomization([], plain=True) == PLAIN
    assert parse_randomization(["placement=0.5"], plain=False) == dataclasses.replace(Randomization(), placement=0.5)
