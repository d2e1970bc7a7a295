"""Roll-outs spread over a Ray cluster of this machine: the same episodes, films and summary."""

import json

import pytest
import typer
from typer.testing import CliRunner

from sim_eval.cli.rollout import rollout

pytest.importorskip("ray", reason="cosmos-policy[ray] is not installed")

ARGUMENTS = [
    *("--embodiment", "droid_joint", "--checkpoint", "tiny", "--device", "cpu", "--image-size", "32x32"),
    *("--time-limit-s", "0.4", "--chunk-size", "12", "--videos", "1", "--episodes", "3"),
    *("--resolution-tier", "256", "--num-inference-steps", "1"),
]
RAY = ["--ray", "local", "--workers", "2", "--cpus-per-worker", "0.25"]


def run_command(folder, *arguments):
    app = typer.Typer()
    app.command()(rollout)
    result = CliRunner().invoke(app, ["--output", str(folder), *ARGUMENTS, *arguments])
    assert result.exit_code == 0, result.exception or result.output
    records = [json.loads(line) for line in (folder / "results.jsonl").read_text().splitlines()]
    summary = json.loads((folder / "summary.json").read_text())
    return sorted(({**record, "timing_ms": None} for record in records), key=lambda record: record["episode"]), summary


def test_episodes_are_those_of_one_machine(physics, single_thread, tmp_path):
    alone, summary = run_command(tmp_path / "alone")
    spread, spread_summary = run_command(tmp_path / "spread", *RAY)
    assert spread == alone and len(alone) == 3
    assert {**spread_summary, "chunk_ms": None} == {**summary, "chunk_ms": None}
    film = alone[0]["video"]
    assert (tmp_path / "spread" / film).read_bytes() == (tmp_path / "alone" / film).read_bytes()
