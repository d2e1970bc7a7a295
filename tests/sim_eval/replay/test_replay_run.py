"""A replay from end to end: it resumes to the same numbers, and refuses what it must before a model is loaded."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pytest

import cosmos_policy
from cosmos_policy.errors import UsageError
from sim_eval.replay.run import replay
from sim_eval.replay.settings import ReplaySettings

COMMAND = [sys.executable, "-c", "from cosmos_policy.cli.main import run; run()", "replay"]
DEADLINE_S = 240


def records_of(folder) -> list[dict]:
    """The records without what a clock measured."""
    records = [json.loads(line) for line in (folder / "results.jsonl").read_text().splitlines()]
    return [{key: value for key, value in record.items() if key != "timing_ms"} for record in records]


def without_timing(summary: dict) -> dict:
    calls = {
        name: {key: value for key, value in facts.items() if key != "timing_ms"}
        for name, facts in summary["calls"].items()
    }
    return {**summary, "calls": calls}


@pytest.fixture
def no_model(monkeypatch):
    """Fails the test if a model is loaded."""

    def refuse(*_, **__):
        pytest.fail("the model was loaded before the refusal")

    monkeypatch.setattr(cosmos_policy, "load", refuse)


def test_killed_and_resumed_equals_uninterrupted(replayed, tmp_path):
    """SIGKILL after the third window, half a line left behind, then the same command again."""
    output = tmp_path / "output"
    command = [*COMMAND, "--dataset", replayed.settings.dataset, "--embodiment", "droid", "--stride", "20"]
    command += ["--seed", "7", "--output", str(output)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    try:
        deadline = time.monotonic() + DEADLINE_S
        results = output / "results.jsonl"
        while not (results.exists() and len(results.read_bytes().splitlines()) >= 3):
            assert process.poll() is None, process.stderr.read()
            assert time.monotonic() < deadline
            time.sleep(0.05)
        process.send_signal(signal.SIGKILL)
        process.wait()
    finally:
        process.kill()
        process.stderr.close()
    done = len(results.read_bytes().splitlines())
    assert 3 <= done < len(replayed.records) and not (output / "summary.json").exists()
    with results.open("r+b") as file:
        file.truncate(results.stat().st_size - 40)

    said = []
    outcome = replay(replace(replayed.settings, output=output), quiet=True, say=said.append)
    assert any("cut short" in sentence for sentence in said)
    assert records_of(output) == records_of(replayed.folder)
    assert without_timing(outcome.summary) == without_timing(replayed.summary)


def test_a_part_of_the_run_gives_the_same_numbers(replayed, tmp_path):
    """One episode, one call, two windows a batch: each window's answer is what it was in the whole run."""
    settings = replace(replayed.settings, output=tmp_path, episodes="1", calls=("inverse-dynamics",))
    replay(settings, batch_size=2, quiet=True)
    whole = [r for r in records_of(replayed.folder) if (r["episode"], r["call"]) == (1, "inverse-dynamics")]
    part = records_of(tmp_path)
    assert len(part) == len(whole) > 1
    for mine, theirs in zip(part, whole, strict=True):
        assert mine["seed"] == theirs["seed"]
        np.testing.assert_allclose(mine["predicted"], theirs["predicted"], atol=1e-5)


def test_another_setting_in_the_same_folder_is_refused(replayed):
    with pytest.raises(UsageError, match=r"holds a run with another setting: options\.seed is 7 there and 8 now"):
        replay(replace(replayed.settings, seed=8), quiet=True)
    assert len(records_of(replayed.folder)) == len(replayed.records)


def test_a_finished_run_is_only_summed_up_again(replayed, monkeypatch):
    before = (replayed.folder / "results.jsonl").read_bytes()
    outcome = replay(replayed.settings, quiet=True)
    assert outcome.summary == replayed.summary
    assert (replayed.folder / "results.jsonl").read_bytes() == before


def test_inverse_dynamics_is_not_thinned_out_by_the_stride(replayed):
    starts = {
        call: [record["start"] for record in replayed.records if (record["call"], record["episode"]) == (call, 0)]
        for call in replayed.run["calls"]
    }
    assert starts == {"policy": [0, 20], "inverse-dynamics": [0, 16], "forward-dynamics": [0, 20]}


def test_blank_views_and_an_empty_instruction_are_told(make_dataset, tmp_path, single_thread):
    folder = make_dataset(lengths=(18,), views=("exterior_2",), task=" |  | ")
    said = []
    settings = ReplaySettings(
        dataset=str(folder), embodiment="droid", output=tmp_path / "out", missing_views="blank", calls=("policy",)
    )
    outcome = replay(settings, quiet=True, say=said.append)
    page = outcome.report.read_text()
    for words in ("lacks 2 of 3 views (wrist, exterior_1)", "given an empty instruction"):
        assert any(words in sentence for sentence in said)
        assert any(words in sentence for sentence in outcome.summary["warnings"])
        assert words in page
    assert "random" in " ".join(outcome.summary["warnings"])


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"embodiment": "droyd"}, "droid"),
        ({"embodiment": "av"}, "does not fit av"),
        ({"episodes": "5"}, "Episode 5 does not exist"),
        ({"camera_map": {"hand": "x"}}, "no view 'hand'"),
        ({"fps": 4}, "no whole fraction"),
        ({"checkpoint": "no-such-checkpoint"}, "no-such-checkpoint"),
        ({"missing_views": "guess"}, "choose refuse or blank"),
    ],
)
def test_refusals_come_before_the_model(no_model, droid_dataset, tmp_path, changes, reason):
    settings = ReplaySettings(**{"dataset": str(droid_dataset), "embodiment": "droid", "output": tmp_path, **changes})
    with pytest.raises(ValueError, match=reason) as caught:
        replay(settings, quiet=True)
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_a_missing_view_is_refused_before_the_model(no_model, make_dataset, tmp_path):
    folder = make_dataset(lengths=(18,), views=("wrist", "exterior_2"))
    settings = ReplaySettings(dataset=str(folder), embodiment="droid", output=tmp_path / "out")
    with pytest.raises(UsageError, match=r"lacks the view exterior_1 .*--camera-map.*--missing-views blank"):
        replay(settings, quiet=True)


def test_too_short_an_episode_is_refused_before_the_model(no_model, make_dataset, tmp_path):
    settings = ReplaySettings(dataset=str(make_dataset(lengths=(10,))), embodiment="droid", output=tmp_path / "out")
    with pytest.raises(UsageError, match="Episode 0 has 10 frames, too few"):
        replay(settings, quiet=True)


def test_missing_statistics_are_refused_before_the_model(no_model, droid_dataset, tmp_path, monkeypatch):
    import embodiments
    from embodiments.normalizers import Missing

    bare = embodiments.get("droid").with_normalizer(Missing("nobody published it"))
    monkeypatch.setattr(embodiments, "get", lambda name: bare)
    settings = ReplaySettings(dataset=str(droid_dataset), embodiment="droid", output=tmp_path / "out")
    with pytest.raises(ValueError, match="the normaliser is not known: nobody published it"):
        replay(settings, quiet=True)
