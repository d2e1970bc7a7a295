"""The command from start to report with the built-in random checkpoint, interrupted and picked up again."""

import json
import shutil

import pytest
import typer
from scipy.stats import norm
from typer.testing import CliRunner

from cosmos_policy.errors import UsageError
from sim_eval.cli.rollout import rollout
from sim_eval.rollout.summary import summarise, wilson_interval

ARGUMENTS = [
    *("--embodiment", "droid_joint", "--checkpoint", "tiny", "--device", "cpu", "--image-size", "32x32"),
    *("--time-limit-s", "0.8", "--latency-ms", "130", "--chunk-size", "12", "--videos", "1"),
    *("--resolution-tier", "256", "--num-inference-steps", "1"),
]


def run_command(*arguments: str):
    app = typer.Typer()
    app.command()(rollout)
    return CliRunner().invoke(app, list(arguments))


@pytest.fixture(scope="module")
def finished(physics, tmp_path_factory):
    pytest.importorskip("torch", reason="torch is not installed (extra 'model')")
    import torch

    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("rollout") / "run"
    first = run_command("--output", str(folder), "--episodes", "1", *ARGUMENTS)
    assert first.exit_code == 0, first.exception or first.output
    results = folder / "results.jsonl"
    kept = results.read_text()
    results.write_text(kept + kept[: len(kept) // 2])  # killed while it wrote the second one
    second = run_command("--output", str(folder), "--episodes", "2", "--json", *ARGUMENTS)
    assert second.exit_code == 0, second.exception or second.output
    assert results.read_text().startswith(kept), "what was done is not done again"
    return folder, second


def test_every_episode_is_there_once(finished):
    folder, _ = finished
    records = [json.loads(line) for line in (folder / "results.jsonl").read_text().splitlines()]
    assert [record["episode"] for record in records] == [0, 1]
    assert all(record["steps"] == 12 and not record["success"] for record in records)
    assert "video" in records[0] and (folder / records[0]["video"]).stat().st_size > 500
    assert "video" not in records[1]


def test_the_summary_follows_from_the_results(finished):
    folder, second = finished
    run = json.loads((folder / "settings.json").read_text())
    records = [json.loads(line) for line in (folder / "results.jsonl").read_text().splitlines()]
    summary = json.loads((folder / "summary.json").read_text())
    assert summarise(run, records) == summary
    assert json.loads(second.stdout[second.stdout.index("{") :]) == summary
    assert (summary["episodes"], summary["successes"], summary["success_rate"]) == (2, 0, 0.0)
    assert summary["execution"]["latency_steps"] == 2 and summary["time_to_success_s"] is None


def test_the_page_says_that_the_weights_are_random_and_holds_the_film(finished):
    page = (finished[0] / "report.html").read_text()
    assert "weights of tiny are random" in page
    assert page.count("data:video/mp4;base64,") == 1
    assert "http://" not in page and "https://" not in page


def test_two_worlds_at_once_give_the_same_episodes(finished, tmp_path):
    folder, _ = finished
    arguments = ["--output", str(tmp_path / "apart"), "--episodes", "2", "--environments", "2", *ARGUMENTS]
    result = run_command(*arguments)
    assert result.exit_code == 0, result.exception or result.output
    ours, theirs = (
        sorted((json.loads(line) for line in (path / "results.jsonl").read_text().splitlines()), key=by_episode)
        for path in (tmp_path / "apart", folder)
    )
    for one, other in zip(ours, theirs, strict=True):
        assert {**one, "timing_ms": None} == {**other, "timing_ms": None}
        assert len(one["timing_ms"]) == one["chunks"]


def test_a_world_in_a_process_of_its_own_uses_the_checkpoints_normaliser(physics, tmp_path):
    """A robot that came through a pipe is equal to ours and not the same: it once lost the checkpoint's normaliser."""
    from cosmos_policy.checkpoints.registry import find_card
    from cosmos_policy.checkpoints.tiny import tiny_checkpoint

    folder = tmp_path / "trained"
    shutil.copytree(tiny_checkpoint(), folder)
    wide = {"kind": "minmax", "statistics": {"min": [-3.0] * 7 + [0.0], "max": [3.0] * 7 + [1.0]}, "source": "a test"}
    card = find_card("tiny").model_copy(update={"name": "trained", "normalizers": {"droid_joint": wide}})
    (folder / "cosmos_policy.json").write_text(card.model_dump_json(warnings=False))
    ends = {}
    for number in ("1", "2"):
        output = tmp_path / number
        arguments = ["--output", str(output), "--episodes", "2", *ARGUMENTS, "--checkpoint", str(folder)]
        result = run_command(*arguments, "--environments", number, "--videos", "2")
        assert result.exit_code == 0, result.exception or result.output
        ends[number] = [(output / f"videos/lift_00000{episode}.mp4").read_bytes() for episode in range(2)]
    assert ends["1"] == ends["2"]


def by_episode(record):
    return record["episode"]


def test_a_world_that_breaks_is_told(physics, tmp_path):
    from sim_eval.rollout.apart import play_apart
    from sim_eval.rollout.playing import Job
    from sim_eval.rollout.settings import RolloutSettings

    broken = RolloutSettings(("lift",), "umi", tmp_path, environments=2)
    with pytest.raises(UsageError, match="no simulated robot speaks the embodiment 'umi'"):
        list(play_apart(broken, None, None, [Job("lift", 0), Job("lift", 1)]))


def test_other_settings_are_refused(finished):
    result = run_command("--output", str(finished[0]), "--episodes", "2", "--seed", "5", *ARGUMENTS)
    assert isinstance(result.exception, UsageError)
    assert "holds a run with another setting" in str(result.exception)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--episodes", "0"], "--episodes is 0; expected at least 1"),
        (["--chunk-size", "0"], "--chunk-size is 0"),
        (["--embodiment", "umi"], "no simulated robot speaks the embodiment 'umi'"),
        (["--execution-horizon", "40", "--chunk-size", "32", "--image-size", "32x32"], "is used up before the next"),
    ],
)
def test_wrong_use_is_told(physics, tmp_path, arguments, words):
    result = run_command("--output", str(tmp_path / "run"), *arguments)
    assert isinstance(result.exception, UsageError), result.output
    assert words in str(result.exception)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(("successes", "trials"), [(0, 20), (19, 20), (95, 100), (1, 1)])
def test_the_interval_is_wilsons(successes, trials):
    rate, z = successes / trials, norm.ppf(0.975)
    centre = (rate + z**2 / (2 * trials)) / (1 + z**2 / trials)
    half = z / (1 + z**2 / trials) * (rate * (1 - rate) / trials + z**2 / (4 * trials**2)) ** 0.5
    assert wilson_interval(successes, trials) == pytest.approx((centre - half, centre + half), abs=1e-12)
