"""Two runs on the same windows: every number of comparison.json computed again from both results.jsonl."""

import json
import shutil

import numpy as np
import pytest

from cosmos_policy.errors import UsageError
from sim_eval.results.comparison import compare_runs


@pytest.fixture
def better(replayed, tmp_path):
    """A second run: the first one's records, with every policy error a tenth smaller and PSNR two decibels worse."""
    folder = tmp_path / "better"
    folder.mkdir()
    shutil.copy(replayed.folder / "settings.json", folder)
    lines = []
    for record in replayed.records:
        record = json.loads(json.dumps(record))
        for name, values in record["errors"]["prediction"].items():
            worse = record["call"] == "forward-dynamics"
            record["errors"]["prediction"][name] = [value - 2.0 if worse else 0.9 * value for value in values]
        lines.append(json.dumps(record))
    (folder / "results.jsonl").write_text("\n".join(lines[::-1]) + "\n")
    return folder


def test_differences_are_paired_by_window(replayed, better):
    found = compare_runs(better, replayed.folder)
    facts = found["calls"]["policy"]["metrics"]["end_effector_position_mm"]
    means = {
        (record["episode"], record["start"]): np.mean(record["errors"]["prediction"]["end_effector_position_mm"])
        for record in replayed.records
        if record["call"] == "policy"
    }
    assert facts["windows"] == len(means)
    assert facts["other_mean"] == pytest.approx(np.mean(list(means.values())), rel=1e-5)
    assert facts["difference"] == pytest.approx(-0.1 * np.mean(list(means.values())), rel=1e-5)
    by_episode = [-0.1 * np.mean([value for key, value in means.items() if key[0] == episode]) for episode in (0, 1)]
    assert facts["difference_interval"] == pytest.approx(sorted(by_episode), rel=1e-5)
    assert facts["verdict"] == "better"
    psnr = found["calls"]["forward-dynamics"]["metrics"]["psnr_db"]
    assert psnr["difference"] == pytest.approx(-2.0, rel=1e-5) and psnr["verdict"] == "worse"


def test_a_run_against_itself_shows_no_difference(replayed):
    found = compare_runs(replayed.folder, replayed.folder)
    verdicts = {facts["verdict"] for call in found["calls"].values() for facts in call["metrics"].values()}
    assert verdicts == {"no clear difference"}


def test_other_questions_are_not_compared(replayed, better, tmp_path):
    settings = json.loads((better / "settings.json").read_text())
    settings["identity"]["options"]["seed"] = 8
    (better / "settings.json").write_text(json.dumps(settings))
    with pytest.raises(UsageError, match="did not answer the same questions: its options differ \\(seed: 8 there, 7"):
        compare_runs(replayed.folder, better)
    with pytest.raises(UsageError, match="holds no replay to compare with"):
        compare_runs(replayed.folder, tmp_path)
