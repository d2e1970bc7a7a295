"""Two variants from start to page, and started again: what is measured is what the three evaluations say."""

import json
import sys

import pytest

pytest.importorskip("torch", reason="torch is not installed (extra 'model')")


def test_the_study_is_what_its_evaluations_say(physics, single_thread, tmp_path, monkeypatch, capsys):
    from sim_eval.study import __main__ as command

    monkeypatch.setattr(
        command,
        "variants_of",
        lambda *wanted, made=command.variants_of: [one for one in made(*wanted) if one.name in ("clean", "gripper")],
    )
    arguments = [
        *("--checkpoint", "tiny", "--dataset", "sim_eval/data/demo_droid", "--dataset-episodes", "0"),
        *("--judge", "reasoner", "--episodes", "1", "--image-size", "64x64", "--time-limit-s", "0.3"),
        *("--execution-horizon", "4", "--videos", "0", "--resolution-tier", "256", "--device", "cpu"),
        *("--output", str(tmp_path / "study")),
    ]
    monkeypatch.setattr(sys, "argv", ["study", *arguments])
    command.main()
    folder = tmp_path / "study"
    found = json.loads((folder / "study.json").read_text())
    assert [row["name"] for row in found["variants"]] == ["clean", "gripper"]
    for row in found["variants"]:
        own = folder / row["name"]
        for name in ("physics", "imagined"):
            summary = json.loads((own / name / "summary.json").read_text())
            assert row[name]["success_rate"] == summary["success_rate"] and row[name]["episodes"] == 1
        errors = json.loads((own / "replay" / "summary.json").read_text())["calls"]["policy"]["metrics"]
        for name, facts in row["replay"].items():
            assert facts["mean"] == errors[name]["sources"]["prediction"]["mean"]
        assert [scene["seed"] for scene in row["scenes"]] == [1_000_000]
    clean, gripper = (row["replay"] for row in found["variants"])
    arm, hand = (next(name for name in clean if word in name) for word in ("arm", "gripper"))
    assert clean[arm] == gripper[arm] and clean[hand] != gripper[hand]
    assert "all variants succeed equally often" in (folder / "study.md").read_text().lower()
    before = {path: path.read_bytes() for path in folder.rglob("results.jsonl")}
    assert len(before) == 6
    command.main()
    assert {path: path.read_bytes() for path in folder.rglob("results.jsonl")} == before
    capsys.readouterr()
