"""Judges: probabilities, a head that learns, and the confusion that is told with them."""

import json

import numpy as np
import pytest

from cosmos_policy.errors import UsageError
from cosmos_policy.media import write_video
from sim_eval.rewards.judges import (
    Clip,
    Confusion,
    JudgeHead,
    LabelledClip,
    ReasonerJudge,
    measure,
    read_labelled,
    split,
)


def labelled(number, seed):
    """Clips in which a red square rises (success) or stays, somewhere on a noisy table."""
    generator = np.random.default_rng(seed)
    found = []
    for index in range(number):
        success = bool(index % 2)
        frames = generator.normal(120, 6, (6, 72, 64, 3)).clip(0, 255).astype(np.uint8)
        left = int(generator.integers(4, 44))
        for time, frame in enumerate(frames):
            top = 50 - (6 * time if success else 0)
            frame[top : top + 12, left : left + 12] = (230, 30, 30)
        found.append(LabelledClip(Clip(frames, "lift the cube", 15.0), success, f"made {index}"))
    return found


def test_a_head_is_right_about_roll_outs_it_never_saw(tmp_path):
    learnt, held_out = labelled(60, 0), labelled(40, 1)
    head = JudgeHead.train([one.clip for one in learnt], [one.success for one in learnt])
    confusion, chances = measure(head, held_out, None)
    assert confusion.accuracy >= 0.9
    head.save(tmp_path / "head.npz")
    np.testing.assert_allclose(JudgeHead.load(tmp_path / "head.npz").probabilities([o.clip for o in held_out]), chances)


def test_a_head_that_learnt_from_shuffled_labels_is_not_right():
    learnt, held_out = labelled(60, 0), labelled(40, 1)
    shuffled = np.random.default_rng(2).permutation([one.success for one in learnt])
    head = JudgeHead.train([one.clip for one in learnt], shuffled.tolist())
    assert measure(head, held_out, None)[0].accuracy < 0.9


def test_the_confusion_counts_what_was_said():
    class Says(JudgeHead):
        def __init__(self, chances):
            self._chances, self.name = chances, "says"

        def probabilities(self, clips, model=None):
            return self._chances

    four = labelled(4, 0)  # failure, success, failure, success
    confusion, _ = measure(Says([0.9, 0.9, 0.1, 0.4]), four, None)
    assert confusion == Confusion(true_yes=1, false_yes=1, true_no=1, false_no=1)
    assert confusion.accuracy == 0.5 and confusion.interval[0] < 0.5 < confusion.interval[1]
    assert measure(Says([0.9, 0.9, 0.1, 0.4]), four, None, threshold=0.3)[0].true_yes == 2
    assert "right on 2 of 4" in confusion.describe()
    assert Confusion.from_json(confusion.as_json()) == confusion
    with pytest.raises(UsageError, match="no labelled roll-outs"):
        measure(Says([]), [], None)


def test_the_reasoner_is_asked_for_yes_or_no(tiny_model):
    clips = [one.clip for one in labelled(2, 0)]
    for sees in ("last", "clip"):
        chances = ReasonerJudge(sees=sees).probabilities(clips, tiny_model)
        assert all(0 < chance < 1 for chance in chances)
        alone = ReasonerJudge(sees=sees).probabilities(clips[1:], tiny_model)
        assert chances[1] == pytest.approx(alone[0], abs=1e-4)


def test_a_judge_ends_an_imagined_episode(make_judged_world):
    clips = labelled(20, 0)
    head = JudgeHead.train([one.clip for one in clips], [one.success for one in clips])
    confusion, _ = measure(head, clips, None)
    world = make_judged_world(head, confusion)
    world.reset(seed=0)
    world.action_space.seed(0)
    *_, reward, terminated, truncated, info = world.step(world.action_space.sample())
    told = info["rewards"]["judge"]
    clip = Clip(world.unwrapped.clip, "lift the cube", 15.0)
    assert told["probability"] == pytest.approx(head.probabilities([clip])[0])
    assert terminated == (told["probability"] >= 0.5) == bool(reward) and not truncated
    assert told["judge"] == confusion.describe()


@pytest.fixture(scope="module")
def filmed(tmp_path_factory):
    """A folder as ``cosmos-policy rollout`` writes it, with twelve films."""
    folder = tmp_path_factory.mktemp("filmed") / "lift"
    (folder / "videos").mkdir(parents=True)
    (folder / "settings.json").write_text(json.dumps({"identity": {"instruction": "lift the cube"}}))
    lines = []
    for index, one in enumerate(labelled(24, 3)):
        name = f"videos/episode_{index:06d}.mp4"
        write_video(folder / name, one.clip.frames, 15.0)
        lines.append(json.dumps({"episode": index, "success": one.success, "video": name}))
    (folder / "results.jsonl").write_text("\n".join(lines) + "\n")
    return folder


def test_films_of_roll_outs_are_labelled_clips(filmed):
    found = read_labelled([filmed])
    assert len(found) == 24 and [one.success for one in found[:2]] == [False, True]
    assert found[0].clip.frames.shape == (6, 72, 64, 3) and found[0].clip.instruction == "lift the cube"
    learnt, held_out = split(found, 0.25, seed=0)
    assert len(held_out) == 6 and sum(one.success for one in held_out) == 3 and len(learnt) == 18


def test_the_command_trains_measures_and_prints(filmed, tmp_path):
    head, judged = tmp_path / "head.npz", tmp_path / "judged.json"
    from typer.testing import CliRunner

    from cosmos_policy.cli.main import app

    result = CliRunner().invoke(
        app, ["judge", "--rollouts", str(filmed), "--train", str(head), "--output", str(judged)], catch_exceptions=False
    )
    assert result.exit_code == 0 and "judge says yes" in result.stdout and "right on" in result.stdout
    facts = json.loads(judged.read_text())
    assert facts["trained_on"] == 16 and len(facts["roll_outs"]) == 8
    said = [one["probability"] >= 0.5 for one in facts["roll_outs"]]
    right = sum(yes == one["success"] for yes, one in zip(said, facts["roll_outs"], strict=True))
    assert facts["confusion"]["accuracy"] == right / 8
    again = CliRunner().invoke(app, ["judge", "--rollouts", str(filmed), "--judge", str(head), "--json"])
    assert json.loads(again.stdout)["confusion"]["accuracy"] >= 0.9


def test_wrong_use_is_told(filmed, tmp_path):
    with pytest.raises(UsageError, match="holds no roll-outs"):
        read_labelled([tmp_path])
    (tmp_path / "settings.json").write_text(json.dumps({"identity": {"instruction": ""}}))
    (tmp_path / "results.jsonl").write_text(json.dumps({"episode": 0, "success": True}) + "\n")
    with pytest.raises(UsageError, match="was filmed; roll out with --videos"):
        read_labelled([tmp_path])
    with pytest.raises(UsageError, match="5 of 5 roll-outs are successes"):
        JudgeHead.train([one.clip for one in labelled(5, 0)], [True] * 5)
    (tmp_path / "text.npz").write_text("no arrays")
    with pytest.raises(UsageError, match="is no judge that JudgeHead"):
        JudgeHead.load(tmp_path / "text.npz")
    with pytest.raises(UsageError, match="expected a number between 0 and 1"):
        split(labelled(4, 0), 1.5, 0)
    with pytest.raises(UsageError, match="too small to be judged"):
        JudgeHead.train([Clip(np.zeros((2, 8, 8, 3), np.uint8), "", 15.0)] * 2, [True, False])


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--threshold", "3"], "threshold is 3.0; expected a probability"),
        (["--judge", "head.npz", "--question", "Done?"], "question belong to the reasoner; this judge is head.npz"),
        (["--sees", "both"], "choose last"),
    ],
)
def test_the_command_tells_wrong_use_before_a_model_is_loaded(filmed, options, words, monkeypatch):
    from typer.testing import CliRunner

    import cosmos_policy
    from cosmos_policy.cli.main import app

    monkeypatch.setattr(cosmos_policy, "load", lambda *_, **__: pytest.fail("the model was loaded before the refusal"))
    with pytest.raises(UsageError, match=words):
        CliRunner().invoke(app, ["judge", "--rollouts", str(filmed), *options], catch_exceptions=False)


def test_the_reasoner_is_measured_by_the_command(filmed):
    from typer.testing import CliRunner

    from cosmos_policy.cli.main import app

    result = CliRunner().invoke(app, ["judge", "--rollouts", str(filmed), "--device", "cpu"], catch_exceptions=False)
    assert result.exit_code == 0 and "of 24 labelled roll-outs" in " ".join(result.stdout.split())
