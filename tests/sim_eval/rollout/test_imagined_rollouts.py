"""The command in imagined worlds of the built-in checkpoint: alone and together, judged, and told what is wrong."""

import json

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from cosmos_policy.errors import UsageError
from cosmos_policy.media import read_video, write_video
from sim_eval.cli.rollout import rollout
from sim_eval.rollout.settings import Imagination, RolloutSettings

pytest.importorskip("gymnasium", reason="gymnasium is not installed (extra 'simulation')")
pytest.importorskip("torch", reason="torch is not installed (extra 'model')")

ARGUMENTS = [
    *("--world-model", "tiny", "--embodiment", "droid", "--device", "cpu", "--time-limit-s", "0.8"),
    *("--chunk-size", "12", "--execution-horizon", "4", "--latency-ms", "130", "--videos", "1"),
    *("--resolution-tier", "256", "--num-inference-steps", "1", "--world-steps", "1", "--world-chunk-size", "8"),
]
REACHED = {"proprioceptive_goal": {"goal": {"gripper_position": [9.0]}, "tolerance": {"gripper_position": 0.5}}}


def run_command(*arguments: str):
    app = typer.Typer()
    app.command()(rollout)
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def read(folder):
    records = [json.loads(line) for line in (folder / "results.jsonl").read_text().splitlines()]
    return sorted(records, key=lambda record: record["episode"])


@pytest.fixture(scope="module")
def head(tmp_path_factory):
    """A judge that was trained on pictures: bright ones are successes."""
    from sim_eval.rewards.judges import Clip, JudgeHead

    generator, labels = np.random.default_rng(0), [True, False] * 8
    clips = [
        Clip(generator.integers(low, low + 100, (2, 72, 64, 3), dtype=np.uint8), "", 15.0)
        for low in (120 if label else 20 for label in labels)
    ]
    path = tmp_path_factory.mktemp("judge") / "head.npz"
    JudgeHead.train(clips, labels).save(path)
    return path


@pytest.fixture(scope="module")
def imagined(droid_dataset, head, single_thread, tmp_path_factory):
    """Three episodes that begin from two recorded ones."""
    folder = tmp_path_factory.mktemp("imagined") / "run"
    arguments = ["--dataset", droid_dataset, "--judge", head, "--reward", json.dumps(REACHED), "--episodes", "3"]
    result = run_command("--output", folder, *arguments, *ARGUMENTS)
    assert result.exit_code == 0, result.exception or result.output
    return folder, arguments


def test_episodes_begin_from_the_recording_in_order(imagined, droid_dataset):
    records = read(imagined[0])
    assert [record["start"].split(" of ")[:2] for record in records] == [
        ["frame 0", "episode 0"],
        ["frame 0", "episode 1"],
        ["frame 0", "episode 0"],
    ]
    assert {record["instruction"] for record in records} == {"lift the cube"}
    for record in records:
        assert record["task"] == "recorded" and 0 <= record["stopped_steps"] <= record["steps"] <= 12
        said = record["verdicts"]["judge"]
        assert said["judge"] == "not measured on labelled roll-outs"
        assert record["success"] == (said["probability"] >= 0.5), "no gripper ever comes to 9"
        assert record["verdicts"]["proprioceptive_goal"]["gripper_position_distance"] > 7


def test_the_judge_sees_how_the_world_began_and_its_last_frame(imagined, head, droid_dataset, tmp_path):
    """Its word in the record is what it says about the film."""
    from sim_eval.rewards.judges import Clip, JudgeHead

    record = read(imagined[0])[0]
    frames, fps = read_video(imagined[0] / record["video"])
    assert fps == 15 and len(frames) == record["steps"] + 1
    said = JudgeHead.load(head).probabilities([Clip(frames, "", fps)])[0]
    assert said == pytest.approx(record["verdicts"]["judge"]["probability"], abs=0.05), "H.264 loses a little"


def test_worlds_that_are_imagined_together_are_those_that_are_imagined_alone(imagined, tmp_path):
    folder, arguments = imagined
    result = run_command("--output", tmp_path / "together", *arguments, "--environments", "3", *ARGUMENTS)
    assert result.exit_code == 0, result.exception or result.output
    for one, other in zip(read(folder), read(tmp_path / "together"), strict=True):
        for name in ("episode", "seed", "instruction", "success", "steps", "chunks", "start", "stopped_steps"):
            assert one[name] == other[name]
        for name, value in one["drift"].items():
            assert other["drift"][name] == pytest.approx(value, rel=0.02), "a batch rounds otherwise than its parts"


def test_imagined_episodes_are_recorded_as_the_policy_saw_them(imagined, tmp_path):
    from lerobot.datasets.lerobot_dataset import LeRobotDataset

    _, arguments = imagined
    result = run_command("--output", tmp_path / "run", *arguments, "--record", "--environments", "2", *ARGUMENTS)
    assert result.exit_code == 0, result.exception or result.output
    records = read(tmp_path / "run")
    dataset = LeRobotDataset("test/imagined", root=tmp_path / "run" / "dataset", video_backend="pyav")
    assert dataset.num_episodes == 3 and dataset.num_frames == sum(record["steps"] for record in records)
    seen, _ = read_video(tmp_path / "run" / records[0]["video"])
    row, before = dataset[3], dataset[2]
    wrist = row["observation.image.wrist_image_left"].permute(1, 2, 0).numpy() * 255
    assert row["task"] == "lift the cube" and np.abs(wrist - seen[3, :48]).mean() < 8
    np.testing.assert_allclose(
        row["observation.state.gripper_position"],
        before["action.gripper_position"],
        atol=1e-6,
        err_msg="as it was told",
    )


def test_a_robot_whose_datasets_hold_joints_is_not_recorded_without_any(tmp_path, droid_dataset):
    import embodiments
    from sim_eval.rollout.worlds import WorldInImagination
    from sim_eval.rollout.worlds.beginnings import RecordedBeginnings

    settings = settings_of(tmp_path / "run", droid_dataset, record=True)
    beginnings = RecordedBeginnings(settings)
    beginnings.robot = embodiments.get("ur")
    with pytest.raises(UsageError, match=r"No dataset layout of ur can be filled .* robomind_ur needs joint_position"):
        WorldInImagination(settings, beginnings, None)


def test_a_run_goes_on_where_it_stopped(imagined, tmp_path):
    folder, arguments = imagined
    before = (folder / "results.jsonl").read_text()
    result = run_command("--output", folder, *arguments, *ARGUMENTS)
    assert result.exit_code == 0 and (folder / "results.jsonl").read_text() == before


def test_what_a_worker_elsewhere_plays_arrives_with_its_films_and_its_recording(droid_dataset, single_thread, tmp_path):
    """A worker of ``--ray``, without a cluster around it."""
    from sim_eval.rollout.episode import Task
    from sim_eval.rollout.execution import Timing
    from sim_eval.rollout.playing import Job
    from sim_eval.rollout.spread import RolloutWorker

    settings = settings_of(tmp_path / "there", droid_dataset, videos=1, record=True, device="cpu")
    worker = RolloutWorker(settings, 1)
    facts = worker.facts()
    assert facts.chunk_size == 16 and facts.imaginer == facts.info
    task = Task(None, 8, facts.sampling, Timing(4), settings.seed)
    jobs = [Job("recorded", 1), Job("recorded", 0)]
    played = dict(worker.work([(task, job) for job in jobs]))
    assert [played[place].record["episode"] for place in range(2)] == [1, 0]
    record = played[1].keep(tmp_path / "here")
    assert not (tmp_path / "there").exists() and "video" not in played[0].record
    for name in ("video", "video_told"):
        assert len(read_video(tmp_path / "here" / record[name])[0]) > record["steps"]
    assert (tmp_path / "here/dataset.parts/recorded_000000/meta/info.json").is_file()
    assert any(name.startswith("dataset.parts/recorded_000001/") for name in played[0].files)


def test_another_judge_under_the_same_name_is_another_run(imagined, head):
    from sim_eval.rewards.judges import Clip, JudgeHead

    folder, arguments = imagined
    kept = head.read_bytes()
    clips = [Clip(np.full((2, 72, 64, 3), level, np.uint8), "", 15.0) for level in (10, 200)]
    try:
        JudgeHead.train(clips, [True, False]).save(head)
        result = run_command("--output", folder, *arguments, *ARGUMENTS)
    finally:
        head.write_bytes(kept)
    assert isinstance(result.exception, UsageError) and "holds a run with another setting" in str(result.exception)


def test_what_is_asked_at_once_is_one_call(droid_dataset, single_thread, tmp_path, monkeypatch):
    import cosmos_policy
    from sim_eval.rollout.run import rollout as run

    asked = []
    with cosmos_policy.load("tiny", device="cpu") as model:
        for name in ("_run_policy", "_run_forward_dynamics"):
            real = getattr(model, name)
            monkeypatch.setattr(
                model,
                name,
                lambda requests, real=real, name=name: asked.append((name, len(requests))) or real(requests),
            )
        settings = settings_of(tmp_path / "run", droid_dataset, environments=3, episodes=3)
        outcome = run(settings, model=model, imaginer=model, quiet=True)
    assert outcome.summary["episodes"] == 3
    assert {size for _, size in asked} == {3}
    assert [size for name, size in asked if name == "_run_policy"] == [3, 3]


def test_what_breaks_in_a_world_is_told_and_ends_the_others(droid_dataset, single_thread, tmp_path):
    import threading

    from sim_eval.rollout.run import rollout as run

    before = threading.active_count()
    goal = {"proprioceptive_goal": {"goal": {"elbow": [1.0]}, "tolerance": {"elbow": 1.0}}}
    with pytest.raises(UsageError, match="The goal 'elbow' of shape"):
        run(settings_of(tmp_path / "run", droid_dataset, (goal,), environments=2, device="cpu"), quiet=True)
    for thread in threading.enumerate():
        if thread is not threading.current_thread() and thread.name.startswith("Thread-"):
            thread.join(timeout=5)
    assert threading.active_count() <= before


def settings_of(output, dataset, rewards=(REACHED,), **more) -> RolloutSettings:
    from cosmos_policy.types import Sampling

    quick = Sampling(num_inference_steps=1, resolution_tier=256)
    imagination = Imagination("tiny", rewards, sampling=quick, chunk_size=8, dataset=str(dataset))
    defaults = {"time_limit_s": 0.4, "execution_horizon": 4, "chunk_size": 8, "videos": 0, "sampling": quick}
    return RolloutSettings((), "droid", output, imagination=imagination, **(defaults | more))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--judge", "reasoner"], "--judge belongs to imagined worlds"),
        (["--world-model", "tiny"], "Nothing says when an imagined episode has succeeded"),
        (["--world-model", "tiny", "--reward", "{"], "is no JSON"),
        (["--world-model", "tiny", "--reward", "applause"], "There is no reward 'applause'"),
        (["--world-model", "tiny", "--judge", "nowhere.npz"], "There is no judge nowhere.npz"),
        (["--world-model", "tiny", "--judge", "reasoner", "--dataset", "D"], "give --time-limit-s"),
        (
            ["--world-model", "tiny", "--judge", "reasoner", "--dataset", "D", "--task", "lift", "--time-limit-s", "1"],
            "--task belongs to scenes in physics",
        ),
        (["--world-model", "tiny", "--judge", "reasoner", "--start-frame", "-1"], "--start-frame is -1"),
        (["--task", "lift", "--task", "lift"], "--task lift is given twice"),
    ],
)
def test_wrong_use_is_told_before_a_model_is_loaded(tmp_path, arguments, words, monkeypatch):
    import cosmos_policy

    monkeypatch.setattr(cosmos_policy, "load", lambda *_, **__: pytest.fail("the model was loaded before the refusal"))
    result = run_command("--output", tmp_path / "run", *arguments)
    assert isinstance(result.exception, UsageError), result.output
    assert words in str(result.exception)
    assert not (tmp_path / "run").exists()


def test_films_are_labelled_by_what_was_said_in_their_episode(tmp_path):
    """Several tasks lie in one folder: a judge is told each film's own instruction."""
    from sim_eval.rewards.judges import read_labelled

    (tmp_path / "videos").mkdir()
    lines = []
    for task, said in (("lift", "lift the red cube"), ("stack", "stack the cubes")):
        write_video(tmp_path / f"videos/{task}.mp4", np.full((3, 48, 32, 3), 90, np.uint8), 15.0)
        lines.append(json.dumps({"instruction": said, "success": True, "video": f"videos/{task}.mp4"}))
    (tmp_path / "results.jsonl").write_text("\n".join(lines) + "\n")
    (tmp_path / "settings.json").write_text(json.dumps({"identity": {}}))
    assert [one.clip.instruction for one in read_labelled([tmp_path])] == ["lift the red cube", "stack the cubes"]
